-- Pricing carts under definitions that are given, without any table.
SET timezone = 'UTC';

-- Each line, unit and promotion to the cent: 10.00 shared over what is left of the lines
SELECT jsonb_pretty(promo.price_cart('{"currency": {"code": "USD", "exponent": 2}, "codes": ["less"],
	"lines": [{"id": "a", "unit_price": "3.33", "quantity": 3, "tax_percent": 10}, {"id": "b", "unit_price": "20.00", "quantity": 1}],
	"prices_include_tax": false, "shipping": {"amount": "5.00"}}',
	'[{"id": "ten", "code": "LESS", "actions": [{"type": "amount_off", "target": "order", "amount": "10.00"}]},
	  {"id": "ship", "conditions": [{"type": "min_subtotal", "amount": 30}], "actions": [{"type": "percent_off", "target": "shipping", "percent": 100}]},
	  {"id": "bin", "actions": [{"type": "gift", "product": "bin", "unit_price": 4, "per": {"quantity": 2}}]},
	  {"id": "next", "actions": [{"type": "issue_code", "for": "next_order", "reward": {"type": "percent_off", "target": "order", "percent": 5}}]}]'));

-- Codes compare without case, blanks and dashes, or exactly where the policy says so
CREATE FUNCTION priced(cart jsonb, promotions jsonb, policy jsonb DEFAULT '{}') RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT format('%s: %s; not %s; codes %s', p ->> 'total', p -> 'applied',
		(SELECT string_agg(coalesce(r ->> 'code', r ->> 'promotion') || ' ' || (r ->> 'reason'), ', ') FROM jsonb_array_elements(p -> 'rejected') r), p -> 'codes')
	FROM promo.price_cart('{"currency": {"code": "USD", "exponent": 2}, "lines": [{"id": "a", "unit_price": "10.00", "quantity": 2}]}' || cart, promotions, policy) p $$;
SELECT policy, priced('{"codes": ["ten-off", "TENOFF", "NOPE"]}', '[{"id": "p", "code": "TENOFF", "actions": [{"type": "amount_off", "target": "order", "amount": 10}]}]', policy)
FROM (VALUES ('{}'::jsonb), ('{"code_match": "exact"}')) v (policy);
-- The cart is believed: the time, what is used, segments and tiers
SELECT priced('{"now": "2026-01-01T00:00Z", "customer": {"id": "ann", "segments": ["loyal"], "tiers": ["gold"]}, "usage": {"p": {"total": 4, "by_customer": {"ann": 1, "bob": 3}}}}', p::jsonb)
FROM (VALUES ('[{"id": "p", "limits": {"total": 5}, "conditions": [{"type": "segment", "any_of": ["loyal"]}, {"type": "tier", "any_of": ["gold"]}], "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}]'),
	('[{"id": "p", "limits": {"total": 4}, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}]'),
	('[{"id": "p", "limits": {"per_customer": 1}, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}]'),
	('[{"id": "p", "limits": {"per_customer": 2}, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}]'),
	('[{"id": "p", "ends_at": "2026-01-01T01:00+01:00", "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}]')) v (p);

-- No setting changes the answer
CREATE TEMP TABLE witness AS SELECT '{"currency": {"code": "EUR", "exponent": 2}, "now": "2026-03-29T01:30:00+00:00", "customer": {"id": "ann", "birthday": "1990-02-28"},
	"lines": [{"id": "a", "unit_price": 12.345, "quantity": 1.5}, {"id": "b", "unit_price": "7.99", "quantity": 3, "attributes": {"weight": 2.5}}]}'::jsonb AS cart,
	'[{"id": "night", "conditions": [{"type": "schedule", "weekdays": ["sunday"], "hours": [{"from": "22:00", "until": "04:00"}, {"from": "00:00", "until": "24:00"}], "time_zone": "Europe/Berlin"}],
		"actions": [{"type": "percent_off", "target": "lines", "percent": 12.5}]},
	  {"id": "heavy", "starts_at": "2026-03-29T02:30+01:00", "conditions": [{"type": "attribute", "of": "line", "name": "weight", "operator": "gt", "value": 2}], "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}]'::jsonb AS promotions;
CREATE TEMP TABLE answer AS SELECT promo.price_cart(cart, promotions) AS answer FROM witness;
SELECT answer -> 'applied' AS applied, answer ->> 'total' AS total FROM answer;
SET timezone = 'America/New_York';
SET datestyle = 'German';
SET intervalstyle = 'sql_standard';
SET lc_numeric = 'C';
SET extra_float_digits = 0;
SELECT promo.price_cart(cart, promotions) = answer AS same FROM witness, answer;
RESET datestyle;
RESET intervalstyle;
RESET lc_numeric;
RESET extra_float_digits;
SET timezone = 'UTC';
-- nor do parallel workers
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TABLE many AS SELECT jsonb_set(cart, '{lines,0,quantity}', to_jsonb(g)) AS cart FROM witness, generate_series(1, 300) g;
ALTER TABLE many SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT sum((promo.price_cart(cart, '[{"id": "p", "actions": [{"type": "percent_off", "target": "order", "percent": 10}]}]') ->> 'discount_total')::numeric) FROM many;
SELECT sum((promo.price_cart(cart, '[{"id": "p", "actions": [{"type": "percent_off", "target": "order", "percent": 10}]}]') ->> 'discount_total')::numeric) FROM many;
SET max_parallel_workers_per_gather = 0;
SELECT sum((promo.price_cart(cart, '[{"id": "p", "actions": [{"type": "percent_off", "target": "order", "percent": 10}]}]') ->> 'discount_total')::numeric) FROM many;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
DROP TABLE many;
-- Definitions and policies that differ from row to row are read anew
SELECT pct, priced('{}', jsonb_build_array(jsonb_build_object('id', 'p', 'actions', jsonb_build_array(jsonb_build_object('type', 'percent_off', 'target', 'order', 'percent', pct)))))
FROM unnest('{10,10,20,10}'::int[]) pct;

-- What would a promotion have cost on carts of the past, and how many would it have reached
SELECT count(*) AS carts, count(*) FILTER (WHERE p -> 'applied' ? 'back') AS reached, sum((p ->> 'discount_total')::numeric) AS cost
FROM generate_series(1, 100) g, promo.price_cart(jsonb_build_object('currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'lines', jsonb_build_array(jsonb_build_object('id', 'a', 'unit_price', g, 'quantity', 1))),
	'[{"name": "back", "conditions": [{"type": "min_subtotal", "amount": 51}], "actions": [{"type": "percent_off", "target": "order", "percent": 10, "max_discount": 8}]}]') p;

-- Carts that cannot be are told, all that is wrong at once
SELECT promo.price_cart('{"currency": {"code": "", "exponent": 5}, "lines": [{"id": "a", "unit_price": "NaN", "quantity": "Infinity"}, 3, {"id": "b", "unit_price": "1e3", "quantity": 1e9, "color": "red"}],
	"now": "now", "customer": {"keys": ["x"], "completed_orders": -1, "birthday": "28.2.1990", "attributes": {"a": {"b": 1}}}, "usage": {"p": {"total": "x"}}, "coupons": []}', '[5, {"id": "p"}]', '{"combine": 1, "best": true}');
SELECT promo.price_cart('{}', '{}', '[]');
SELECT promo.price_cart('1', '[]');
SELECT promo.price_cart(NULL, '[]') IS NULL;
SELECT promo.price_cart('{"currency": {"code": "EUR", "exponent": 2}, "lines": []}', '[{"id": "p", "actions": [{"type": "amount_off", "target": "order", "amount": 5}]}]') -> 'rejected';
SELECT promo.price_cart('{"currency": {"code": "EUR", "exponent": 2}, "lines": []}', '[{"id": "p", "actions": [{"type": "set_total", "price": 5}]}, {"id": "p", "actions": [{"type": "set_total", "price": 5}]}]');
-- Amounts are exact up to 64 bits, and an error beyond
SELECT promo.price_cart('{"currency": {"code": "EUR", "exponent": 4}, "lines": [{"id": "a", "unit_price": 100000000000000, "quantity": 9}]}', '[{"id": "p", "actions": [{"type": "percent_off", "target": "order", "percent": "33.3333"}]}]') ->> 'discount_total';
SELECT promo.price_cart('{"currency": {"code": "EUR", "exponent": 4}, "lines": [{"id": "a", "unit_price": 100000000000000, "quantity": 10}]}', '[]');
SELECT promo.price_cart('{"currency": {"code": "EUR", "exponent": 2}, "lines": [{"id": "a", "unit_price": 99999999999999.99, "quantity": 1000000000}]}', '[]');
PREPARE long (int) AS SELECT promo.price_cart(jsonb_build_object('currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'lines',
	(SELECT jsonb_agg(jsonb_build_object('id', g::text, 'unit_price', 1, 'quantity', 1)) FROM generate_series(1, $1) g)), '[]') ->> 'total';
EXECUTE long (10000);
EXECUTE long (10001);

-- Shares of an amount: the floor of each, and what is left to the largest remainders
SELECT amount, weights, promo.allocate(amount, weights) FROM (VALUES (2.99, '{43.00,14.00,23.00}'::numeric[]), (3.00, '{43.00,14.00,23.00}'), (2.01, '{1.004,1.004}'), (1.00, '{1,1,1}'), (1.00, '{0,0,0}'), (0, '{5}'), (0.05, '{0,7}')) v (amount, weights);
SELECT promo.allocate(10, '{1,1,1}', 0), promo.allocate(10, '{1,1,1}', 3);
SELECT bool_and((SELECT sum(s) FROM unnest(promo.allocate(amount, weights)) s) = amount) AS whole
FROM (SELECT (g * 37 % 1000)::numeric / 100 AS amount, (SELECT array_agg((g * i * 7919 % 1000)::numeric / 10) FROM generate_series(1, 1 + g % 7) i) AS weights FROM generate_series(1, 200) g) t;
SELECT promo.allocate(1, '{}');
SELECT promo.allocate(1, '{{1},{2}}');
SELECT promo.allocate(1.001, '{1}');
SELECT promo.allocate(-1, '{1}');
SELECT promo.allocate(1, '{1,-1}');
SELECT promo.allocate(1, '{1,NULL}');
SELECT promo.allocate('NaN', '{1}');
SELECT promo.allocate(1, '{Infinity}');
SELECT promo.allocate(1, '{1}', 5);
SELECT promo.allocate(1e30, '{1}');
DROP FUNCTION priced;
DEALLOCATE long;
