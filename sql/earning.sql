-- What a purchase earns under rules, and what points buy: pure functions that
-- read no table, setting or clock.
SET search_path = pg_catalog;

CREATE FUNCTION pg_temp.points(purchase jsonb, rules jsonb) RETURNS numeric
LANGUAGE sql AS $$ SELECT (promo.points_for(purchase, rules) ->> 'points')::numeric $$;

-- Base rules add up, each for a basis in minor units, in proportion and rounded
-- down by itself; the breakdown is by the ids of rules, or by their places
SELECT promo.points_for('{"basis": 1999}',
	'[{"id": 7, "type": "per_amount", "points": 1, "per": 100}, {"type": "per_amount", "points": 3, "per": 200}, {"id": "hello", "type": "fixed", "points": 5}]');

-- Multipliers apply to the sum, which is then rounded once
SELECT rounding, pg_temp.points('{"basis": 1999}', jsonb_build_object('rounding', rounding,
	'rules', '[{"type": "per_amount", "points": 1, "per": 100}, {"type": "multiplier", "multiplier": 1.5}]'::jsonb))
FROM unnest('{floor,round,ceil}'::text[]) rounding;

-- Several multiply each other, or only the largest counts; that of the tier
-- always does
SELECT multipliers, promo.points_for('{"basis": 1000, "tier_multiplier": "1.25"}', jsonb_build_object('multipliers', multipliers,
	'rules', '[{"type": "per_amount", "points": 1, "per": 100}, {"type": "multiplier", "multiplier": 2}, {"type": "multiplier", "multiplier": 3}]'::jsonb))
FROM unnest('{multiply,max}'::text[]) multipliers;

-- An exclusive rule suppresses all others, and of several the one of the
-- highest priority applies
SELECT pg_temp.points('{"basis": 1999}', '[{"type": "per_amount", "points": 1, "per": 100}, {"type": "multiplier", "multiplier": 2},
	{"type": "fixed", "points": 50, "exclusive": true, "priority": 5}, {"type": "fixed", "points": 200, "exclusive": true, "priority": 20}]');

-- Lines: rates for amounts in currency, for lines and for units; of SKUs,
-- categories and labels, or of all but some; line multipliers, and bonuses
-- which nothing but multipliers of the whole multiplies
CREATE TEMP TABLE bought AS SELECT '{"currency": {"code": "EUR", "exponent": 2}, "lines": [
	{"sku": "123", "amount": 12, "labels": {"color": "red"}, "quantity": 2},
	{"sku": "000", "amount": "100.00", "labels": {"color": "blue"}, "category": "tea"},
	{"sku": "0001", "amount": 40, "delivery": true}]}'::jsonb AS purchase;
SELECT what, pg_temp.points(purchase, rules)
FROM bought, (VALUES
	(1, 'rate', '[{"type": "rate", "rate": 4}]'::jsonb),
	(2, 'one SKU excluded', '[{"type": "rate", "rate": 4, "exclude_skus": ["000"]}]'),
	(3, 'a label and delivery excluded', '[{"type": "rate", "rate": 4, "exclude_labels": {"color": "red"}, "exclude_delivery": true}]'),
	(4, 'delivery earns nothing', '{"include_delivery": false, "rules": [{"type": "rate", "rate": 4}]}'),
	(5, 'a category', '[{"type": "rate", "rate": 4, "category": "tea"}]'),
	(6, 'each line', '[{"type": "per_line", "points": 5, "exclude_delivery": true}]'),
	(7, 'each unit', '[{"type": "per_unit", "points": 5, "exclude_delivery": true}]'),
	(8, 'multiplied lines and bonuses', '[{"type": "rate", "rate": 4}, {"type": "rate", "rate": 10},
		{"type": "line_multiplier", "multiplier": 3, "labels": {"color": "red"}},
		{"type": "line_multiplier", "multiplier": 5, "labels": {"color": "blue"}},
		{"type": "sku_bonus", "sku": "000", "points": 200}, {"type": "category_bonus", "category": "tea", "points": 7}]'),
	(9, 'order too small', '[{"type": "rate", "rate": 4, "min_order": 152.01}]'),
	(10, 'order large enough', '[{"type": "rate", "rate": 4, "min_order": 152}]'),
	(11, 'minor units of some lines', '[{"type": "per_amount", "points": 1, "per": 1000, "skus": ["123", "000"]}]')) v(n, what, rules)
ORDER BY n;

-- Discounts lower what the lines are worth: of some lines those lines, of the
-- order all goods in proportion; a rule for some lines does not see a discount
-- of the order; stored value lowers nothing, since it is a way to pay
SELECT what, pg_temp.points(purchase || more, rules)
FROM bought, (VALUES
	(1, '10 % of the order', '{"discounts": [{"percent": 10}]}'::jsonb, '[{"type": "rate", "rate": 1}]'::jsonb),
	(2, 'and 2.00 of one SKU', '{"discounts": [{"percent": 10}, {"amount": 2, "sku": "123"}]}', '[{"type": "rate", "rate": 1}]'),
	(3, 'not seen by a category', '{"discounts": [{"percent": 10}]}', '[{"type": "rate", "rate": 1, "category": "tea"}]'),
	(4, 'its own discount', '{"discounts": [{"percent": 10, "category": "tea"}]}', '[{"type": "rate", "rate": 1, "category": "tea"}]'),
	(5, 'paid with a gift card', '{"stored_value": 50}', '[{"type": "rate", "rate": 1}]')) v(n, what, more, rules)
ORDER BY n;

-- Totals of the order instead of lines, with or without their tax
SELECT basis, tax, (promo.points_for('{"order": {"items_total": 5000, "items_tax": 800, "order_total": 6000, "order_tax": 1000}}',
	jsonb_build_object('rules', '[]'::jsonb, 'basis', basis, 'include_tax', tax)) ->> 'basis_amount')::int AS basis_amount
FROM unnest('{items_total,order_total}'::text[]) basis, unnest('{t,f}'::boolean[]) tax ORDER BY basis, tax DESC;

-- Conditions all hold, or the rule does not apply; days are those of the zone
SELECT what, pg_temp.points('{"basis": 1, "order": {"order_total": 5000}, "at": "2026-01-01T02:00:00Z", "tier": "gold", "channel": "web", "order_number": 3}',
	jsonb_build_object('time_zone', 'America/New_York', 'rules', jsonb_build_array(jsonb_build_object('type', 'fixed', 'points', 1, 'conditions', conditions)))) > 0 AS holds
FROM (VALUES
	(1, 'total', '[{"type": "order_total_at_least", "threshold": 5000}]'::jsonb),
	(2, 'total too small', '[{"type": "order_total_at_least", "threshold": 5001}]'),
	(3, 'window from its first instant', '[{"type": "date_window", "window": ["2026-01-01T02:00:00Z", "2026-01-02T00:00:00Z"]}]'),
	(4, 'window before its last', '[{"type": "date_window", "until": "2026-01-01T02:00:00Z"}]'),
	(5, 'a Wednesday still', '[{"type": "iso_day_of_week", "days": [3]}]'),
	(6, 'no day', '[{"type": "iso_day_of_week", "days": []}]'),
	(7, 'tier', '[{"type": "tier", "any_of": ["silver", "gold"]}]'),
	(8, 'channel', '[{"type": "channel", "any_of": ["app"]}]'),
	(9, 'third order', '[{"type": "nth_order", "n": 3}]'),
	(10, 'first order', '[{"type": "nth_order", "n": 1}]'),
	(11, 'one of two', '[{"type": "tier", "any_of": ["gold"]}, {"type": "channel", "any_of": ["app"]}]')) v(n, what, conditions)
ORDER BY n;

-- A rule has its time, from its first instant until before its last
SELECT at, pg_temp.points(jsonb_build_object('basis', 100, 'at', at),
	'[{"type": "fixed", "points": 5, "starts_at": "2026-06-01T00:00:00Z", "ends_at": "2026-07-01T00:00:00Z"}, {"type": "fixed", "points": 1, "enabled": false}]')
FROM unnest('{2026-05-31T23:59:59.999999Z,2026-06-01T00:00:00Z,2026-06-30T23:59:59.999999Z,2026-07-01T00:00:00Z}'::text[]) at ORDER BY at;

-- Caps cut what is above them, and tell how much that was
SELECT earned, promo.points_for(jsonb_build_object('basis', 10000, 'earned_in_period', earned),
	'{"cap_per_order": 80, "cap_per_period": {"points": 200, "unit": "month"}, "rules": [{"type": "per_amount", "points": 1, "per": 100}]}')
FROM unnest('{0,150,250}'::int[]) earned ORDER BY earned;

-- What rules ask for must be told
SELECT promo.points_for('{"basis": 100}', '[{"type": "rate", "rate": 1}, {"type": "fixed", "points": 1, "starts_at": "2026-01-01T00:00:00Z"},
	{"type": "fixed", "points": 1, "conditions": [{"type": "nth_order", "n": 1}, {"type": "order_total_at_least", "threshold": 1}]}]');
SELECT promo.points_for('{"lines": [{"amount": 1}]}', '[{"type": "per_amount", "points": 1, "per": 1}]');
SELECT promo.points_for('{}', '[{"type": "per_amount", "points": 1, "per": 1}]');

-- Rules with all their faults at once
SELECT promo.points_for('{"basis": 1}', '{"rounding": "up", "basis": "net", "cap_per_order": -1, "cap_per_period": {"unit": "hour"}, "time_zone": "Mars", "rate": 1,
	"rules": [{"type": "per_amount", "points": "many"}, {"type": "bonus"}, {"type": "sku_bonus", "points": 1}, {"id": 5, "type": "multiplier", "multiplier": 2, "exclusive": true},
		{"id": "5", "type": "fixed", "points": 1, "per": 100, "starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z",
		 "conditions": [{"type": "iso_day_of_week", "days": [0]}, {"type": "date_window", "window": ["x"]}, {"type": "order_total_at_least"}]},
		{"type": "line_multiplier", "multiplier": 2}]}');

-- And a purchase
SELECT promo.points_for('{"currency": {"code": "JPY", "exponent": 0}, "at": "yesterday", "basis": -1, "order": {"items_total": 5, "items_tax": 6}, "total": 7,
	"lines": [{"amount": 1.5}, {"amount": 5, "tax": 6, "quantity": 0, "labels": {"a": 1}}, 7], "discounts": [{"percent": 101}, {"amount": 1, "percent": 1}, {}]}', '[]');

-- No more than fits
SELECT pg_temp.points('{"basis": 10000000000000000}', '[{"type": "per_amount", "points": 1000000000000, "per": 1}]');
SELECT pg_temp.points('{"lines": [{"amount": 1000000000000}]}', '[{"type": "rate", "rate": 1}]');
SELECT pg_temp.points('{"lines": [{"amount": 1000000000000}, {"amount": 1}]}', '[{"type": "rate", "rate": 1}]');

-- Points for an order: no more than asked for, than there are, and than the
-- share of the order; in whole multiples; nothing below the least
SELECT what, promo.points_redeemable('{"requested": 1000, "balance": 5000, "order_total": 10000, "convert_points": 1, "convert_amount": 1, "min_points": 500, "max_percent_of_order": 50}'::jsonb || change)
FROM (VALUES
	(1, 'as asked', '{}'::jsonb),
	(2, 'the balance', '{"balance": 700}'),
	(3, 'half of the order', '{"requested": 10000, "balance": 10000}'),
	(4, 'whole multiples', '{"requested": 1050, "convert_points": 100, "convert_amount": 500, "min_points": 100, "max_percent_of_order": 100}'),
	(5, 'below the least', '{"requested": 400}'),
	(6, 'at most', '{"max_points": 600}'),
	(7, 'points buy nothing', '{"convert_points": 0}')) v(n, what, change)
ORDER BY n;

-- Whole units of points, and what a quantity of a reward costs
SELECT promo.points_redeemable('{"balance": 10, "unit_points": 3}'), promo.points_redeemable('{"quantity": 5, "reward_quantity": 2, "reward_points": 3}');
SELECT promo.points_redeemable('{"balance": 10, "unit_points": 0, "points": 1}');
SELECT promo.points_redeemable('{"max_percent_of_order": 10}');

-- Whatever stands anywhere in a purchase, in rules or in a request, the answer
-- is an answer or one of two errors
CREATE FUNCTION pg_temp.tries(document jsonb, call text) RETURNS TABLE (answer text)
LANGUAGE plpgsql AS $$
DECLARE
	place text[];
	hostile jsonb;
	ignored jsonb;
BEGIN
	FOR place IN
		WITH RECURSIVE value(path, v) AS (
			SELECT '{}'::text[], document
			UNION ALL
			SELECT t.path || c.key, c.v FROM value t,
				LATERAL (SELECT e.key, e.value FROM jsonb_each(CASE jsonb_typeof(t.v) WHEN 'object' THEN t.v ELSE '{}' END) e
						 UNION ALL SELECT (a.n - 1)::text, a.value
						 FROM jsonb_array_elements(CASE jsonb_typeof(t.v) WHEN 'array' THEN t.v ELSE '[]' END) WITH ORDINALITY a(value, n)) c(key, v)
		) SELECT path FROM value WHERE path <> '{}'
	LOOP
		FOR hostile IN SELECT jsonb_array_elements('[null, true, "", "x", "-1", "NaN", "1e3", "999999999999999999999999999999999999999999", -1, 0, 0.00000000001, 1e400,
			99999999999999999999999999999999, -9223372036854775808, 9223372036854775807, [], [null], [[[[]]]], {}, {"a": {"b": {}}}, [{}], ["x", "x"], "294276-12-31T23:59:59Z"]')
		LOOP
			BEGIN
				EXECUTE format('SELECT %s', call) INTO ignored USING jsonb_set(document, place, hostile);
				answer := 'an answer';
			EXCEPTION WHEN invalid_parameter_value OR numeric_value_out_of_range THEN
				answer := SQLSTATE;
			END;
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$;
CREATE TEMP TABLE full_rules AS SELECT '{"rounding": "round", "basis": "order_total", "multipliers": "max", "include_tax": false, "include_delivery": false, "time_zone": "Europe/Berlin",
	"cap_per_order": 1000, "cap_per_period": {"points": 100, "unit": "week"},
	"rules": [{"id": 1, "type": "per_amount", "points": 1, "per": 100, "skus": ["a"], "exclude_categories": ["x"], "conditions": [{"type": "date_window", "from": "2026-01-01T00:00:00Z"}, {"type": "nth_order", "n": 1}]},
		{"id": "b", "type": "rate", "rate": "0.5", "labels": {"color": "red"}, "exclude_labels": {"size": "L"}, "min_order": "10.00", "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z"},
		{"type": "per_line", "points": 1, "exclude_delivery": true}, {"type": "line_multiplier", "multiplier": 2, "sku": "a"}, {"type": "fixed", "points": 1, "exclusive": false, "priority": 3,
		 "conditions": [{"type": "iso_day_of_week", "days": [1, 7]}, {"type": "tier", "any_of": ["gold"]}, {"type": "order_total_at_least", "threshold": 5}, {"type": "date_window", "window": ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"]}]}]}'::jsonb AS rules;
CREATE TEMP TABLE full_purchase AS SELECT '{"currency": {"code": "EUR", "exponent": 2}, "at": "2026-02-01T00:00:00Z", "tier": "gold", "tier_multiplier": 2, "order_number": 1, "earned_in_period": 5, "channel": "web",
	"stored_value": 1, "order": {"items_total": 5000, "items_tax": 100, "order_total": 6000, "order_tax": 200}, "discounts": [{"percent": 5, "skus": ["a"]}, {"amount": 1}],
	"lines": [{"sku": "a", "categories": ["c", "d"], "labels": {"color": "red"}, "amount": "12.50", "tax": 1, "quantity": 3}, {"amount": 5, "delivery": true}]}'::jsonb AS purchase;
SELECT promo.points_for(purchase, rules) FROM full_purchase, full_rules;
SELECT 'rules' AS of, answer, count(*) > 20 AS often FROM full_rules, pg_temp.tries(rules, 'promo.points_for((SELECT purchase FROM pg_temp.full_purchase), $1)') GROUP BY answer
UNION ALL
SELECT 'purchase', answer, count(*) > 20 FROM full_purchase, pg_temp.tries(purchase, 'promo.points_for($1, (SELECT rules FROM pg_temp.full_rules))') GROUP BY answer
UNION ALL
SELECT 'request', answer, count(*) > 5 FROM pg_temp.tries('{"requested": 1000, "balance": 5000, "order_total": 10000, "convert_points": 1, "convert_amount": 1, "min_points": 500, "max_points": 6, "max_percent_of_order": 50}', 'promo.points_redeemable($1)') GROUP BY answer
UNION ALL
SELECT 'reward', answer, count(*) > 5 FROM pg_temp.tries('{"quantity": 5, "reward_quantity": 2, "reward_points": 3}', 'promo.points_redeemable($1)') GROUP BY answer
ORDER BY 1, 2;
SELECT promo.points_for('{}', 'null'), promo.points_for(NULL, '[]') IS NULL AS of_null;
