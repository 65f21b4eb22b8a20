-- Order lines as carts, and what promotions did to orders.
SET timezone = 'UTC';
\set SHOW_CONTEXT never
CREATE TABLE sold AS SELECT * FROM (VALUES (1, 'ann', '2026-01-05 10:00Z'::timestamptz, 'mug', 3, 4.50), (1, 'ann', '2026-01-05 10:00Z', 'pot', 1, 19.99),
	(2, 'bob', '2026-01-06 10:00Z', 'mug', 12, 4.50), (3, NULL, '2026-01-07 10:00Z', 'cup', 1, 2.95)) v (invoice, customer, at, product, quantity, unit_price);

-- Columns are found by name; what all lines have in common is the cart's
SELECT invoice, promo.cart(l) FROM sold s, LATERAL (SELECT s.product, s.quantity, s.unit_price, s.customer, s.at, 'GBP' AS currency) l GROUP BY 1 ORDER BY 1;
-- whatever the order of rows, the plan, and the time zone
SELECT count(DISTINCT cart) FROM (SELECT promo.cart(l ORDER BY o) AS cart FROM generate_series(1, 5) o, sold s, LATERAL (SELECT s.product, s.quantity, s.unit_price, 'GBP' AS currency) l WHERE invoice = 1 AND o = 1
	UNION ALL SELECT promo.cart(l ORDER BY l.product DESC) FROM sold s, LATERAL (SELECT s.product, s.quantity, s.unit_price, 'GBP' AS currency) l WHERE invoice = 1) c;
SET timezone = 'Asia/Tokyo';
SELECT promo.cart(l) -> 'now' AS now FROM sold s, LATERAL (SELECT s.product, s.quantity, s.unit_price, s.at, 'GBP' AS currency) l WHERE invoice = 1;
SET timezone = 'UTC';
SELECT promo.cart(l) FROM sold l WHERE false;

-- What a promotion that does not exist yet would have cost and reached on carts of the past
WITH carts AS (
	SELECT promo.cart(l) AS cart FROM sold s, LATERAL (SELECT s.product, s.quantity, s.unit_price, s.customer, s.at, 'GBP' AS currency) l GROUP BY s.invoice)
SELECT count(*) AS carts, count(*) FILTER (WHERE p -> 'applied' <> '[]') AS reached, sum((p ->> 'discount_total')::numeric) AS cost, sum((p ->> 'goods_before')::numeric) AS revenue
FROM carts, promo.price_cart(cart, '[{"name": "dozen", "conditions": [{"type": "min_line_quantity", "quantity": 12}], "actions": [{"type": "percent_off", "target": "order", "percent": 10}]}]') p;

-- What cannot be is told
SELECT promo.cart(l) FROM sold l;
SELECT promo.cart(l) FROM (SELECT product, quantity, unit_price, 'GBP' AS currency, customer FROM sold) l;
SELECT promo.cart(l) FROM (SELECT product, quantity, unit_price FROM sold WHERE invoice = 1) l;
DROP TABLE sold;

-- What became of each promotion's codes and orders; the revenue is attributed, and not what it brought
SELECT promo.define_promotion('{"name": "back", "needs_code": true, "claim": {}, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}');
SELECT promo.define_promotion('{"name": "none", "actions": [{"type": "amount_off", "target": "order", "amount": 1, "select": {"products": ["x"]}}]}');
CREATE FUNCTION basket(customer text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'customer', jsonb_build_object('id', customer), 'codes', ARRAY[promo.claim('back', customer)],
		'lines', '[{"id": "a", "unit_price": 5, "quantity": 2}]'::jsonb) $$;
SELECT count(promo.redeem('o' || c, basket(c))) FROM unnest('{a,b,c}'::text[]) c;
SELECT promo.void('oa', 'canceled'), promo.refund('ob', 'r', '[{"line": "a", "quantity": 1}]') ->> 'amount' AS back, promo.reserve('od', basket('d')) ->> 'total' AS held;
SELECT * FROM promo.coupon_performance ORDER BY 1;
DROP FUNCTION basket;

-- Nothing of this stays for other tests
TRUNCATE promo.promotion, promo.promotion_version, promo.coupon_batch, promo.coupon_code, promo.usage_limit, promo.usage_slot, promo.usage_customer,
	promo.redemption, promo.redemption_promotion, promo.redemption_order RESTART IDENTITY;
DELETE FROM promo.customer;
