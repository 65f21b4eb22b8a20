-- price_cart() on random carts and promotions, and on JSON that is wrong somewhere

SELECT setseed(0.25) \g /dev/null

CREATE FUNCTION one_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE
AS 'SELECT choices[1 + floor(random() * cardinality(choices))::int]';

CREATE FUNCTION number_to(most int) RETURNS int LANGUAGE sql VOLATILE
AS 'SELECT floor(random() * (most + 1))::int';

CREATE FUNCTION money_to(most int) RETURNS text LANGUAGE sql VOLATILE
AS $$SELECT to_char(round((random() * most)::numeric, 2), 'FM99990.00')$$;

CREATE FUNCTION random_select() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT CASE number_to(3)
		WHEN 0 THEN '{}'::jsonb
		WHEN 1 THEN jsonb_build_object('products', jsonb_build_array(one_of('fig', 'pear'), 'nut'))
		WHEN 2 THEN jsonb_build_object('categories', jsonb_build_array(one_of('red', 'green')))
		ELSE jsonb_build_object('exclude_on_sale', true, 'unit_price_max', money_to(40)) END
$$;

CREATE FUNCTION random_cart() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object('currency', jsonb '{"code": "EUR", "exponent": 2}', 'channel', one_of('web', 'app'),
		'shipping', jsonb_build_object('method', 'post', 'amount', money_to(10)),
		'customer', jsonb_build_object('id', 'ann', 'groups', jsonb_build_array(one_of('vip', 'new'))),
		'lines', (SELECT jsonb_agg(jsonb_build_object('id', 'l' || i, 'product', one_of('fig', 'pear', 'nut', 'plum'),
			'categories', jsonb_build_array(one_of('red', 'green', 'blue')), 'unit_price', money_to(50),
			'quantity', 1 + number_to(6), 'on_sale', random() < 0.3, 'min_unit_price', money_to(20),
			'tax_percent', number_to(20)))
			FROM generate_series(1, 1 + number_to(4)) i))
$$;

CREATE FUNCTION random_promotion(number int) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object('name', 'p' || number, 'priority', number_to(3), 'exclusive', random() < 0.05,
		'stop_after', one_of('nothing', 'nothing', 'line'),
		'conditions', CASE WHEN random() < 0.5 THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object('type', 'any',
			'conditions', jsonb_build_array(
				jsonb_build_object('type', 'min_subtotal', 'amount', money_to(100), 'basis', one_of('before_discounts', 'after_previous')),
				jsonb_build_object('type', 'customer_group', 'any_of', jsonb '["vip"]')))) END,
		'actions', jsonb_build_array(CASE number_to(7)
			WHEN 0 THEN jsonb_build_object('type', 'percent_off', 'target', one_of('order', 'lines', 'cheapest_unit'),
				'percent', number_to(100), 'select', random_select())
			WHEN 1 THEN jsonb_build_object('type', 'amount_off', 'target', one_of('order', 'line', 'unit'),
				'amount', money_to(20), 'select', random_select())
			WHEN 6 THEN jsonb_build_object('type', 'percent_off', 'target', 'shipping', 'percent', number_to(100))
			WHEN 2 THEN jsonb_build_object('type', 'buy_get', 'buy', jsonb_build_object('quantity', 1 + number_to(2)),
				'get', jsonb_build_object('quantity', 1, 'percent', number_to(100), 'allow_partial', random() < 0.5))
			WHEN 3 THEN jsonb_build_object('type', 'bundle_price', 'quantity', 1 + number_to(3), 'price', money_to(60))
			WHEN 4 THEN jsonb_build_object('type', 'gift', 'product', 'pin', 'unit_price', '1.00', 'quantity', 1,
				'per', jsonb_build_object('quantity', 1 + number_to(4)))
			WHEN 5 THEN jsonb_build_object('type', 'set_total', 'price', money_to(100))
			ELSE jsonb_build_object('type', 'tiered_percent', 'target', 'lines', 'by', 'order_subtotal',
				'tiers', jsonb_build_array(jsonb_build_object('from', money_to(50), 'percent', number_to(30)))) END))
$$;

CREATE TABLE priced AS
SELECT n, cart, promotions, policy, promo.price_cart(cart, promotions, policy) AS result
FROM (SELECT n, random_cart() AS cart,
		(SELECT jsonb_agg(random_promotion(i) ORDER BY i) FROM generate_series(1, 1 + n % 8) i) AS promotions,
		jsonb_build_object('combine', one_of('all_in_priority_order', 'best_one', 'best_per_line', 'best_order', 'best_combination')) AS policy
	FROM generate_series(1, 400) n OFFSET 0) given;

-- Many promotions apply, and each promotion either does or says why not
SELECT sum(jsonb_array_length(result->'applied')) > 400 AS many_apply,
	bool_and(jsonb_array_length(result->'applied') + jsonb_array_length(result->'rejected') = jsonb_array_length(promotions)) AS all_told
FROM priced;

-- No line takes less than nothing or more than it is worth, or falls below its floor
SELECT bool_and((d->>'discount')::numeric BETWEEN 0 AND (d->>'value')::numeric) AS within,
	bool_and((d->>'discount')::numeric = 0 OR (d->>'value')::numeric - (d->>'discount')::numeric
		>= (l->>'min_unit_price')::numeric * (l->>'quantity')::numeric) AS above_floor
FROM priced, jsonb_array_elements(result->'line_details') d, jsonb_array_elements(cart->'lines') l
WHERE d->>'line' = l->>'id';

-- Not a cent is lost: units add up to lines, lines and promotions to the order
SELECT bool_and((d->>'discount')::numeric =
	(SELECT sum((u->>0)::numeric * (u->>1)::numeric) FROM jsonb_array_elements(d->'units') u)) AS units
FROM priced, jsonb_array_elements(result->'line_details') d;
SELECT bool_and((result->>'discount_total')::numeric = (SELECT sum(value::numeric) FROM jsonb_each_text(result->'lines'))) AS lines,
	bool_and((result->>'discount_total')::numeric + (result->>'shipping_discount')::numeric
		= coalesce((SELECT sum(value::numeric) FROM jsonb_each_text(result->'by_promotion')), 0)) AS promotions,
	bool_and((result->>'total')::numeric = (result->>'goods_before')::numeric - (result->>'discount_total')::numeric
		+ (result->>'shipping_before')::numeric - (result->>'shipping_discount')::numeric) AS total
FROM priced;

-- A value somewhere in a cart, a promotion or a policy is replaced by one that
-- is mostly wrong there: it is priced, or refused as a wrong argument.
CREATE FUNCTION paths(document jsonb) RETURNS TABLE (path text[]) LANGUAGE sql AS $$
	WITH RECURSIVE inside (path, value) AS (
		SELECT '{}'::text[], document
		UNION ALL
		SELECT i.path || k.key, k.value
		FROM inside i, LATERAL (
			SELECT key, value FROM jsonb_each(CASE WHEN jsonb_typeof(i.value) = 'object' THEN i.value ELSE '{}' END)
			UNION ALL
			SELECT (o.ordinality - 1)::text, o.value
			FROM jsonb_array_elements(CASE WHEN jsonb_typeof(i.value) = 'array' THEN i.value ELSE '[]' END) WITH ORDINALITY o) k)
	SELECT i.path FROM inside i WHERE i.path <> '{}'
$$;

CREATE FUNCTION outcome_of(document jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM promo.price_cart(document->'cart', document->'promotions', document->'policy');
	RETURN 'priced';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE WHEN SQLSTATE = '22023' THEN 'refused' WHEN SQLSTATE = '22003' THEN 'too large' ELSE SQLSTATE || ' ' || SQLERRM END;
END
$$;

CREATE TABLE odd (value jsonb);
INSERT INTO odd VALUES ('null'), ('true'), ('""'), ('"x"'), ('"NaN"'), ('-1'), ('0'), ('1e30'), ('0.00001'), ('99999999999999'),
	('[]'), ('{}'), ('[[[]]]'), ('[1, "a", null]'), ('{"": {"a": 1}}'), (to_jsonb(repeat('x', 3000))), ('"1e5"'), ('9223372036854775808');

SELECT outcome, count(*) > 50 AS often
FROM (SELECT outcome_of(jsonb_set(document, path, value)) AS outcome
	FROM (SELECT document, (SELECT p.path FROM paths(document) p ORDER BY random() LIMIT 1) AS path,
			(SELECT o.value FROM odd o WHERE document IS NOT NULL ORDER BY random() LIMIT 1) AS value
		FROM (SELECT jsonb_build_object('cart', cart, 'promotions', promotions, 'policy', policy) AS document
			FROM priced, generate_series(1, 3)) documents) mangled
	WHERE value IS NOT NULL) tried
WHERE outcome <> 'too large' GROUP BY outcome ORDER BY outcome COLLATE "C";

-- All that is wrong is told with its place, also what no cart could ever meet
SELECT promo.price_cart('{"currency": {"code": "EUR", "exponent": 2}, "lines": [{"id": "a", "unit_price": -1, "quantity": 0}]}',
	'[{"name": "p", "conditions": [{"any": []}, {"none": [{"all": []}]}], "actions": [{"type": "percent_off", "target": "order", "percent": 101}]}]');

DROP TABLE priced, odd;
DROP FUNCTION one_of, number_to, money_to, random_select, random_cart, random_promotion, paths, outcome_of;
