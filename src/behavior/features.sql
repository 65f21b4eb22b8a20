/* src/behavior/features.sql */

-- What a timeline says about a customer at a moment; src/behavior/features.h
-- defines each column.  The type only ever grows at its end.

CREATE TYPE customer_features AS (
	events integer,
	orders integer,
	returns integer,
	gross float8,
	returned float8,
	net float8,
	return_rate float8,
	discount_share float8,
	discounted_order_share float8,
	mean_items float8,
	mean_order float8,
	sd_order float8,
	min_order float8,
	max_order float8,
	frequency integer,
	recency_days integer,
	tenure_days integer,
	days_since_last integer,
	monetary float8,
	monetary_net float8,
	gap_mean_days float8,
	gap_sd_days float8,
	gap_cv float8,
	gap_max_days integer,
	overdue_ratio float8,
	sessions integer,
	views integer,
	ratings integer,
	mean_rating float8,
	category_entropy float8,
	top_category text,
	categories integer,
	modal_weekday integer,
	modal_hour integer,
	weekend_share float8,
	amount_slope float8,
	orders_7d integer,
	orders_30d integer,
	orders_90d integer,
	orders_365d integer,
	spend_7d float8,
	spend_30d float8,
	spend_90d float8,
	spend_365d float8
);

COMMENT ON TYPE customer_features IS
'what the events before a moment say about a customer';

COMMENT ON COLUMN customer_features.events IS 'events before as_of, of every kind';
COMMENT ON COLUMN customer_features.orders IS 'orders: events with one order_id are one';
COMMENT ON COLUMN customer_features.returns IS 'return events';
COMMENT ON COLUMN customer_features.gross IS 'sum of the order events'' amounts';
COMMENT ON COLUMN customer_features.returned IS 'sum of the return events'' amounts, of either sign';
COMMENT ON COLUMN customer_features.net IS 'gross less returned';
COMMENT ON COLUMN customer_features.return_rate IS 'returned / gross; NULL unless gross is positive';
COMMENT ON COLUMN customer_features.discount_share IS 'discount / (gross + discount); NULL unless that sum is positive';
COMMENT ON COLUMN customer_features.discounted_order_share IS 'share of the orders that have a discount';
COMMENT ON COLUMN customer_features.mean_items IS 'mean items of the orders that state them';
COMMENT ON COLUMN customer_features.mean_order IS 'mean amount of an order';
COMMENT ON COLUMN customer_features.sd_order IS 'standard deviation of the orders'' amounts (n - 1)';
COMMENT ON COLUMN customer_features.min_order IS 'smallest amount of an order';
COMMENT ON COLUMN customer_features.max_order IS 'largest amount of an order';
COMMENT ON COLUMN customer_features.frequency IS 'days with a purchase, less one';
COMMENT ON COLUMN customer_features.recency_days IS 'days from the first to the last purchase day';
COMMENT ON COLUMN customer_features.tenure_days IS 'days from the first purchase day to the last day before as_of';
COMMENT ON COLUMN customer_features.days_since_last IS 'days from the last purchase day to the last day before as_of';
COMMENT ON COLUMN customer_features.monetary IS 'mean spend of the purchase days after the first; 0 when there is none';
COMMENT ON COLUMN customer_features.monetary_net IS 'the same less returns, each on the day of the order with its order_id';
COMMENT ON COLUMN customer_features.gap_mean_days IS 'mean days between consecutive purchase days';
COMMENT ON COLUMN customer_features.gap_sd_days IS 'standard deviation of these gaps (n - 1)';
COMMENT ON COLUMN customer_features.gap_cv IS 'gap_sd_days / gap_mean_days';
COMMENT ON COLUMN customer_features.gap_max_days IS 'largest of these gaps';
COMMENT ON COLUMN customer_features.overdue_ratio IS 'days_since_last / gap_mean_days';
COMMENT ON COLUMN customer_features.sessions IS 'runs of events without a pause longer than session_gap';
COMMENT ON COLUMN customer_features.views IS 'view events';
COMMENT ON COLUMN customer_features.ratings IS 'events with a rating';
COMMENT ON COLUMN customer_features.mean_rating IS 'mean rating';
COMMENT ON COLUMN customer_features.category_entropy IS 'entropy of the order events'' categories in nats';
COMMENT ON COLUMN customer_features.top_category IS 'category of most order events; of several the first by its bytes';
COMMENT ON COLUMN customer_features.categories IS 'number of categories of order events';
COMMENT ON COLUMN customer_features.modal_weekday IS 'day of the week of most orders, 1 for Monday to 7; of several the smallest';
COMMENT ON COLUMN customer_features.modal_hour IS 'hour of the day of most orders, 0 to 23; of several the smallest';
COMMENT ON COLUMN customer_features.weekend_share IS 'share of the orders on Saturday and Sunday';
COMMENT ON COLUMN customer_features.amount_slope IS 'least-squares slope of the orders'' amounts on time, per 24 hours';
COMMENT ON COLUMN customer_features.orders_7d IS 'orders of the last 7 days before as_of';
COMMENT ON COLUMN customer_features.orders_30d IS 'orders of the last 30 days before as_of';
COMMENT ON COLUMN customer_features.orders_90d IS 'orders of the last 90 days before as_of';
COMMENT ON COLUMN customer_features.orders_365d IS 'orders of the last 365 days before as_of';
COMMENT ON COLUMN customer_features.spend_7d IS 'sum of the order events'' amounts of the last 7 days before as_of';
COMMENT ON COLUMN customer_features.spend_30d IS 'sum of the order events'' amounts of the last 30 days before as_of';
COMMENT ON COLUMN customer_features.spend_90d IS 'sum of the order events'' amounts of the last 90 days before as_of';
COMMENT ON COLUMN customer_features.spend_365d IS 'sum of the order events'' amounts of the last 365 days before as_of';

-- The row is computed once where the call stands in FROM, or in a subquery
-- that OFFSET 0 keeps apart; (features(events)).* computes it for each column:
--
--	SELECT customer, f.*
--	FROM customer_timeline, promo.features(events, now()) AS f
--
--	SELECT customer, (f).*
--	FROM (SELECT customer, promo.features(events, now()) AS f
--		  FROM customer_timeline OFFSET 0) AS s
CREATE FUNCTION features(timeline timeline, as_of timestamptz DEFAULT now(),
	time_zone text DEFAULT 'UTC', session_gap interval DEFAULT '30 minutes')
RETURNS customer_features
AS 'MODULE_PATHNAME', 'promo_features'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500;

COMMENT ON FUNCTION features(timeline, timestamptz, text, interval) IS
'what the events before as_of say about a customer, by days of the time zone';

CREATE FUNCTION spend(timeline timeline, since timestamptz, until timestamptz)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_spend'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;

COMMENT ON FUNCTION spend(timeline, timestamptz, timestamptz) IS
'sum of the amounts of order events from since on and before until; returns take nothing from it';

CREATE FUNCTION orders(timeline timeline, since timestamptz, until timestamptz)
RETURNS integer
AS 'MODULE_PATHNAME', 'promo_orders'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;

COMMENT ON FUNCTION orders(timeline, timestamptz, timestamptz) IS
'number of orders whose first event is at or after since and before until';

CREATE FUNCTION sessions(timeline timeline, gap interval DEFAULT '30 minutes',
	OUT session integer, OUT started timestamptz, OUT ended timestamptz,
	OUT events integer, OUT orders integer, OUT spend float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'promo_sessions'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200 ROWS 10;

COMMENT ON FUNCTION sessions(timeline, interval) IS
'the runs of events without a pause longer than the gap, in order';

-- Without these, a timestamp or date would become timestamptz in the zone of
-- the session, and an answer would depend on who asks.

CREATE FUNCTION features(timeline timeline, as_of timestamp,
	time_zone text DEFAULT 'UTC', session_gap interval DEFAULT '30 minutes')
RETURNS customer_features
AS 'MODULE_PATHNAME', 'promo_timestamp_refused'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION features(timeline, timestamp, text, interval) IS
'raises an error that says how to give as_of as timestamptz';

CREATE FUNCTION features(timeline timeline, as_of date,
	time_zone text DEFAULT 'UTC', session_gap interval DEFAULT '30 minutes')
RETURNS customer_features
AS 'MODULE_PATHNAME', 'promo_timestamp_refused'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION features(timeline, date, text, interval) IS
'raises an error that says how to give as_of as timestamptz';

DO $$
DECLARE
	name text;
	result text;
	since text;
	until text;
BEGIN
	FOR name, result, since, until IN
		SELECT f.name, f.result, s.type, u.type
		FROM (VALUES ('spend', 'float8'), ('orders', 'integer')) AS f(name, result),
			 (VALUES ('timestamptz'), ('timestamp'), ('date')) AS s(type),
			 (VALUES ('timestamptz'), ('timestamp'), ('date')) AS u(type)
		WHERE s.type <> 'timestamptz' OR u.type <> 'timestamptz'
	LOOP
		EXECUTE pg_catalog.format(
			'CREATE FUNCTION %I(timeline timeline, since %s, until %s) RETURNS %s '
			'AS ''MODULE_PATHNAME'', ''promo_timestamp_refused'' '
			'LANGUAGE C IMMUTABLE PARALLEL SAFE', name, since, until, result);
		EXECUTE pg_catalog.format(
			'COMMENT ON FUNCTION %I(timeline, %s, %s) IS '
			'''raises an error that says how to give since and until as timestamptz''',
			name, since, until);
	END LOOP;
END
$$;
