\echo
\echo '=== 9. Three promotions: what they take off, and what they would have cost ==='
\echo
SELECT promo.define_promotion('{"name": "by the dozen", "priority": 1,
	"actions": [{"type": "tiered_percent", "target": "lines", "by": "line_quantity", "tiers": [{"from": 12, "percent": 5}, {"from": 48, "percent": 8}]}]}')
UNION ALL SELECT promo.define_promotion('{"name": "large order", "priority": 2, "conditions": [{"type": "min_subtotal", "amount": 300}],
	"actions": [{"type": "amount_off", "target": "order", "amount": 15}]}')
UNION ALL SELECT promo.define_promotion('{"name": "we miss you", "priority": 3, "needs_code": true, "conditions": [{"type": "min_subtotal", "amount": 50}],
	"currency": {"code": "GBP", "exponent": 2}, "limits": {"budget": 5000}, "actions": [{"type": "percent_off", "target": "order", "percent": 15, "max_discount": 40}]}')
\g /dev/null

-- The orders of the last quarter as carts.
CREATE TABLE last_cart AS
SELECT e.order_id, e.customer, promo.cart(l) AS cart
FROM event e JOIN raw_line r ON r.line_id = e.event_id::bigint,
	LATERAL (SELECT e.event_id AS id, r.stock_code AS product, r.quantity, r.unit_price, e.customer, 'GBP' AS currency) l
WHERE e.kind = 'order' AND e.at > (SELECT max(at) FROM event) - interval '3 months'
GROUP BY e.order_id, e.customer;
SELECT max(at) AS until FROM event \gset

\echo 'One order of them, line by line:'
\echo
SELECT order_id FROM last_cart, LATERAL jsonb_array_length(cart -> 'lines') n, LATERAL promo.quote(cart, :'until') q
WHERE n = 6 AND jsonb_array_length(q -> 'applied') = 2 ORDER BY order_id LIMIT 1 \gset
SELECT l ->> 'product' AS stock_code, p.product, l ->> 'quantity' AS quantity, l ->> 'unit_price' AS price, d.discount
FROM last_cart, LATERAL promo.quote(cart, :'until') q, LATERAL jsonb_array_elements(cart -> 'lines') l,
	LATERAL (SELECT q -> 'lines' ->> (l ->> 'id') AS discount) d LEFT JOIN product p ON true
WHERE order_id = :'order_id' AND p.item = l ->> 'product'
ORDER BY 1;
SELECT q ->> 'goods_before' AS goods, q -> 'by_promotion' AS by_promotion, q ->> 'total' AS total
FROM last_cart, LATERAL promo.quote(cart, :'until') q WHERE order_id = :'order_id';

\echo 'Had they run in the last quarter, what would they have reached and cost?  On the carts as they were: who would have'
\echo 'bought more, only an experiment tells.'
\echo
SELECT p.promotion, count(*) AS orders, round(100.0 * count(*) / (SELECT count(*) FROM last_cart), 1) AS percent_of_orders, sum(p.cost) AS cost,
	round(100 * sum(p.cost) / sum(p.goods), 1) AS percent_of_their_goods
FROM (SELECT b.key AS promotion, b.value::numeric AS cost, (q ->> 'goods_before')::numeric AS goods
	  FROM last_cart, LATERAL promo.quote(cart, :'until') q, LATERAL jsonb_each_text(q -> 'by_promotion') b) p
WHERE p.cost > 0 GROUP BY p.promotion ORDER BY cost DESC;

\echo 'Those who by the churn model are more likely to stay away than not, and spent at least 200 in a year, get a code; one'
\echo 'in five gets none, to know later what the codes did:'
\echo
SELECT promo.define_experiment('win back', '{"control": 0.2, "code": 0.8}') \g /dev/null
SELECT * FROM promo.issue('we miss you', 'SELECT customer FROM score WHERE churn_score > 0.5 AND (f).spend_365d >= 200', 'december',
	'{"experiment": "win back", "valid_days": 30, "at_most": {"codes": 1, "days": 60}}', :'until') ORDER BY outcome;

\echo 'Some come back, each with an order like their last:'
\echo
CREATE TABLE back_cart AS
SELECT DISTINCT ON (u.shop_id) u.shop_id AS customer, c.code, l.order_id, l.cart || jsonb_build_object('codes', ARRAY[c.code]) AS cart
FROM promo.coupon_code c JOIN promo.customer u USING (customer_id) JOIN last_cart l ON l.customer = u.shop_id
WHERE c.state = 'issued' ORDER BY u.shop_id, l.order_id DESC;
SELECT r ->> 'state' AS state, r -> 'applied' AS applied, r ->> 'goods_before' AS goods, r ->> 'discount_total' AS discount, r ->> 'total' AS total
FROM (SELECT promo.redeem('back ' || order_id, cart, at => :'until') AS r
	  FROM (SELECT * FROM back_cart WHERE (promo.quote(cart, :'until') -> 'by_promotion') ? 'we miss you' ORDER BY customer LIMIT 3) b) s;
\echo 'Another tries the code of the first:'
\echo
SELECT code, promotion, eligible, reason
FROM (SELECT cart || jsonb_build_object('codes', ARRAY[(SELECT code FROM back_cart ORDER BY customer LIMIT 1)]) AS cart FROM back_cart ORDER BY customer DESC LIMIT 1) c,
	LATERAL promo.explain_cart(c.cart, :'until', 'clerk') e
WHERE e.code IS NOT NULL;
SELECT promotion, used, budget, discounts FROM promo.promotion_usage ORDER BY promotion;
SELECT count(*) AS faults FROM promo.redemption_audit();
