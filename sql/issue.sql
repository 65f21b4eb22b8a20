-- Codes of their own for customers: to many at once, and to the one who asks.
SET timezone = 'UTC';
\set SHOW_CONTEXT never
SELECT promo.define_promotion(d::jsonb || '{"needs_code": true, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}') FROM (VALUES
	('{"name": "back"}'), ('{"name": "claimed", "claim": {"total": 2, "valid_days": 7}, "ends_at": "2026-06-01T00:00Z"}')) v (d);

-- A query's customers get a code each, once for the occasion
SELECT * FROM promo.issue('back', $$SELECT 'c' || g FROM generate_series(1, 3) g$$, 'march', '{"valid_days": 30}', '2026-03-01 00:00Z');
SELECT * FROM promo.issue('back', $$SELECT 'c' || g FROM generate_series(2, 4) g$$, 'march', '{"valid_days": 30}', '2026-03-02 00:00Z');
SELECT u.shop_id, c.kind, c.state, c.code ~ '^[2-9A-HJKMNP-Z]{12}$' AS well_formed, c.starts_at, c.ends_at
FROM promo.coupon_code c JOIN promo.customer u USING (customer_id) ORDER BY 1;
-- another occasion is another code, but not more than so many in so many days
SELECT * FROM promo.issue('back', $$SELECT 'c' || g FROM generate_series(1, 5) g$$, 'april', '{"at_most": {"codes": 1, "days": 30}}', '2026-03-31 12:00Z');
SELECT u.shop_id, count(*) FROM promo.coupon_code c JOIN promo.customer u USING (customer_id) GROUP BY 1 ORDER BY 1;
-- The code is its customer's
SELECT c.code AS code FROM promo.coupon_code c JOIN promo.customer u USING (customer_id) WHERE u.shop_id = 'c2' ORDER BY c.code_id LIMIT 1 \gset
SELECT buyer, promo.quote(jsonb_build_object('currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'codes', ARRAY[:'code'], 'customer', jsonb_build_object('id', buyer),
	'lines', '[{"id": "a", "unit_price": 5, "quantity": 1}]'::jsonb), '2026-03-05 00:00Z') -> 'total' AS total FROM unnest('{c1,c2}'::text[]) buyer;

-- Whom an experiment leaves alone gets a row that says so, and no code
SELECT promo.define_experiment('issue_test', '{"control": 0.5, "coupon": 0.5}');
CREATE TEMP TABLE outcome AS SELECT * FROM promo.issue('back', $$SELECT 'e' || g FROM generate_series(1, 200) g$$, 'test', '{"experiment": "issue_test"}', '2026-05-01 00:00Z');
SELECT outcome, customers BETWEEN 70 AND 130 AS about_half FROM outcome ORDER BY 1;
SELECT a.arm, c.state, bool_and((c.code IS NULL) = (a.arm = 'control')) AS right FROM promo.coupon_code c JOIN promo.experiment_assignment a USING (customer_id)
GROUP BY 1, 2 ORDER BY 1, 2;
SELECT outcome, customers = (SELECT o.customers FROM outcome o WHERE o.outcome = i.outcome) AS same
FROM promo.issue('back', $$SELECT 'e' || g FROM generate_series(1, 200) g$$, 'test', '{"experiment": "issue_test"}', '2026-05-02 00:00Z') i ORDER BY 1;

-- Claimed, the same code each time, for a while, as long as there are any
SELECT promo.claim('claimed', 'ann', '2026-05-01 00:00Z') AS ann \gset
SELECT promo.claim('claimed', 'ann', '2026-05-02 00:00Z') = :'ann' AS same;
SELECT c.kind, c.ends_at FROM promo.coupon_code c WHERE c.code = :'ann';
SELECT length(promo.claim('claimed', 'bob', '2026-05-01 00:00Z'));
SELECT promo.claim('claimed', 'cid', '2026-05-01 00:00Z');
SELECT promo.claim('claimed', 'dee', '2026-06-01 00:00Z');
SELECT promo.claim('back', 'ann');

-- What cannot be is told
SELECT promo.issue('back', 'SELECT 1', '');
SELECT promo.issue('none', 'SELECT 1', 'x');
SELECT promo.issue('back', 'SELECT 1, 2', 'x');
SELECT promo.issue('back', 'SELECT NULL::text', 'x');
SELECT promo.issue('back', 'SELECT 1', 'x', '{"valid_days": 0, "at_most": {"codes": 1}, "experiment": 5, "ends_at": "soon", "ghosts": true}');
SELECT promo.issue('back', 'SELECT 1', 'x', '{"experiment": "none"}');
SELECT promo.issue('back', 'DELETE FROM promo.promotion', 'x');

-- Nobody may who was not granted it; the query runs with the caller's rights
CREATE ROLE issue_test_operator;
SET ROLE issue_test_operator;
SELECT promo.issue('back', 'SELECT 1', 'x');
SELECT promo.claim('claimed', 'ann');
RESET ROLE;
GRANT EXECUTE ON FUNCTION promo.issue, promo.claim TO issue_test_operator;
SET ROLE issue_test_operator;
SELECT promo.issue('back', 'SELECT shop_id FROM promo.customer', 'x');
SELECT * FROM promo.issue('back', $$SELECT 'mine'$$, 'x');
SELECT promo.claim('claimed', 'ann', '2026-05-02 00:00Z') = :'ann' AS same;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION promo.issue, promo.claim FROM issue_test_operator;
DROP ROLE issue_test_operator;

-- Forgotten, the customer's codes are gone
SELECT promo.forget_customer('ann');
SELECT count(*) FROM promo.coupon_code c WHERE c.code = :'ann';

-- Nothing of this stays for other tests
DELETE FROM promo.experiment_assignment;
SELECT promo.drop_experiment('issue_test');
TRUNCATE promo.promotion, promo.promotion_version, promo.coupon_batch, promo.coupon_code, promo.usage_limit, promo.usage_slot, promo.usage_customer,
	promo.redemption, promo.redemption_promotion, promo.redemption_order RESTART IDENTITY;
DELETE FROM promo.customer;
