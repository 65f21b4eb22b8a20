-- The features of every customer in pure SQL, as an outside witness of
-- promo.features(): by the definitions at the head of src/behavior/features.h
-- and nothing else.  Used by sql/features.sql, test/t/retail_features.pl and
-- test/bench/behavior.
--
-- Reads a table `event` of (customer, number, at, amount, kind, discount,
-- items, category, order_id, rating), number being unique.

CREATE TABLE witness_row AS
SELECT customer, (NULL::promo.customer_features).* FROM event WITH NO DATA;

CREATE FUNCTION witness_features(as_of timestamptz, time_zone text, session_gap interval)
RETURNS SETOF witness_row
LANGUAGE sql STABLE
AS $$
WITH clock AS (
	SELECT ((as_of - interval '1 microsecond') AT TIME ZONE time_zone)::date AS last_day
),
readable AS (
	SELECT e.*, (e.at AT TIME ZONE time_zone)::date AS day,
		   at - lag(at) OVER (PARTITION BY customer ORDER BY at) AS silence
	FROM event e
	WHERE at < as_of
),
totals AS (
	SELECT customer, count(*) AS events,
		   count(*) FILTER (WHERE kind = 'return') AS returns,
		   coalesce(sum(amount) FILTER (WHERE kind = 'order'), 0) AS gross,
		   coalesce(sum(abs(amount)) FILTER (WHERE kind = 'return'), 0) AS returned,
		   sum(discount) FILTER (WHERE kind = 'order') AS discount,
		   count(*) FILTER (WHERE silence IS NULL OR silence > session_gap) AS sessions,
		   count(*) FILTER (WHERE kind = 'view') AS views,
		   count(rating) AS ratings,
		   avg(rating) AS mean_rating,
		   coalesce(sum(amount) FILTER (WHERE kind = 'order' AND day > last_day - 7), 0) AS spend_7d,
		   coalesce(sum(amount) FILTER (WHERE kind = 'order' AND day > last_day - 30), 0) AS spend_30d,
		   coalesce(sum(amount) FILTER (WHERE kind = 'order' AND day > last_day - 90), 0) AS spend_90d,
		   coalesce(sum(amount) FILTER (WHERE kind = 'order' AND day > last_day - 365), 0) AS spend_365d
	FROM readable, clock
	GROUP BY customer
),
-- The lines of one order id are one order; a line without an id is an order.
ordered AS (
	SELECT customer, order_id, min(at) AS at, (min(at) AT TIME ZONE time_zone)::date AS day,
		   coalesce(sum(amount), 0) AS amount,
		   coalesce(sum(discount), 0) AS discount,
		   sum(items) AS items
	FROM readable
	WHERE kind = 'order'
	GROUP BY customer, order_id, CASE WHEN order_id IS NULL THEN number END
),
by_order AS (
	SELECT customer, count(*) AS orders,
		   count(*) FILTER (WHERE discount > 0) AS discounted,
		   avg(items) AS mean_items,
		   avg(amount) AS mean_order, stddev_samp(amount) AS sd_order,
		   min(amount) AS min_order, max(amount) AS max_order,
		   mode() WITHIN GROUP (ORDER BY extract(isodow FROM at AT TIME ZONE time_zone)::integer) AS modal_weekday,
		   mode() WITHIN GROUP (ORDER BY extract(hour FROM at AT TIME ZONE time_zone)::integer) AS modal_hour,
		   avg((extract(isodow FROM at AT TIME ZONE time_zone) >= 6)::integer::float8) AS weekend_share,
		   regr_slope(amount, extract(epoch FROM at - as_of)::float8 / 86400) AS amount_slope,
		   count(*) FILTER (WHERE day > last_day - 7) AS orders_7d,
		   count(*) FILTER (WHERE day > last_day - 30) AS orders_30d,
		   count(*) FILTER (WHERE day > last_day - 90) AS orders_90d,
		   count(*) FILTER (WHERE day > last_day - 365) AS orders_365d
	FROM ordered, clock
	GROUP BY customer
),
days AS (
	SELECT customer, day, sum(amount) AS amount,
		   day - lag(day) OVER (PARTITION BY customer ORDER BY day) AS gap
	FROM readable
	WHERE kind = 'order'
	GROUP BY customer, day
),
by_day AS (
	SELECT customer, count(*) - 1 AS frequency,
		   min(day) AS first_day, max(day) AS last_purchase_day,
		   coalesce(sum(amount) FILTER (WHERE gap IS NOT NULL), 0) AS repeat_amount,
		   avg(gap)::float8 AS gap_mean, stddev_samp(gap::float8) AS gap_sd, max(gap) AS gap_max
	FROM days
	GROUP BY customer
),
-- A return takes from the day of the order that it refers to.
matched AS (
	SELECT r.customer, sum(abs(r.amount)) AS returned
	FROM readable r
	JOIN ordered o USING (customer, order_id)
	JOIN by_day b USING (customer)
	WHERE r.kind = 'return' AND o.day > b.first_day
	GROUP BY r.customer
),
by_category AS (
	SELECT customer, count(*) AS categories,
		   (array_agg(category ORDER BY lines DESC, category COLLATE "C"))[1] AS top_category,
		   -sum(lines / total * ln(lines / total)) AS entropy
	FROM (SELECT customer, category, count(*)::float8 AS lines,
				 sum(count(*)) OVER (PARTITION BY customer)::float8 AS total
		  FROM readable
		  WHERE kind = 'order' AND category IS NOT NULL
		  GROUP BY customer, category) c
	GROUP BY customer
)
SELECT customer,
	   coalesce(t.events, 0)::integer,
	   coalesce(o.orders, 0)::integer,
	   coalesce(t.returns, 0)::integer,
	   coalesce(t.gross, 0),
	   coalesce(t.returned, 0),
	   coalesce(t.gross - t.returned, 0),
	   CASE WHEN t.gross > 0 THEN t.returned / t.gross END,
	   CASE WHEN t.gross + coalesce(t.discount, 0) > 0
			THEN coalesce(t.discount, 0) / (t.gross + coalesce(t.discount, 0)) END,
	   o.discounted::float8 / o.orders,
	   o.mean_items::float8,
	   o.mean_order, o.sd_order, o.min_order, o.max_order,
	   d.frequency::integer,
	   d.last_purchase_day - d.first_day,
	   clock.last_day - d.first_day,
	   clock.last_day - d.last_purchase_day,
	   CASE WHEN d.frequency = 0 THEN 0 ELSE d.repeat_amount / d.frequency END,
	   CASE WHEN d.frequency = 0 THEN 0
			ELSE (d.repeat_amount - coalesce(m.returned, 0)) / d.frequency END,
	   d.gap_mean, d.gap_sd, d.gap_sd / d.gap_mean, d.gap_max,
	   (clock.last_day - d.last_purchase_day) / d.gap_mean,
	   coalesce(t.sessions, 0)::integer,
	   coalesce(t.views, 0)::integer,
	   coalesce(t.ratings, 0)::integer,
	   t.mean_rating::float8,
	   c.entropy, c.top_category, coalesce(c.categories, 0)::integer,
	   o.modal_weekday, o.modal_hour, o.weekend_share, o.amount_slope,
	   coalesce(o.orders_7d, 0)::integer, coalesce(o.orders_30d, 0)::integer,
	   coalesce(o.orders_90d, 0)::integer, coalesce(o.orders_365d, 0)::integer,
	   coalesce(t.spend_7d, 0), coalesce(t.spend_30d, 0),
	   coalesce(t.spend_90d, 0), coalesce(t.spend_365d, 0)
FROM (SELECT DISTINCT customer FROM event) e
CROSS JOIN clock
LEFT JOIN totals t USING (customer)
LEFT JOIN by_order o USING (customer)
LEFT JOIN by_day d USING (customer)
LEFT JOIN matched m USING (customer)
LEFT JOIN by_category c USING (customer)
$$;
