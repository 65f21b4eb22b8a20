-- Orders reserve, redeem and give back what their carts use.
SET timezone = 'UTC';
\set SHOW_CONTEXT never

SELECT promo.define_promotion(d::jsonb) FROM (VALUES
	('{"name": "spring", "code": "SPRING", "campaign": "easter", "currency": {"code": "EUR", "exponent": 2}, "limits": {"total": 3, "per_customer": 1, "budget": "20.00", "periods": [{"period": "day", "total": 2}]},
		"actions": [{"type": "percent_off", "target": "order", "percent": 10}]}'),
	('{"name": "mail", "needs_code": true, "actions": [{"type": "amount_off", "target": "order", "amount": 5}]}'),
	('{"name": "first", "limits": {"total": 2}, "conditions": [{"type": "min_subtotal", "amount": 100}], "actions": [{"type": "amount_off", "target": "order", "amount": 7}]}'),
	('{"name": "kept", "code": "KEPT", "limits": {"total": 1}, "restore_on_void": false, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}')) v (d);
SELECT count(*) FROM promo.generate_codes('mail', 3, 4, 'M', alphabet => '0123456789');
UPDATE promo.coupon_code SET code = 'M' || code_id, key = 'M' || code_id WHERE kind = 'single';
SELECT min(code_id) AS m FROM promo.coupon_code WHERE kind = 'single' \gset

CREATE FUNCTION basket(customer text, codes text DEFAULT '', quantity int DEFAULT 2) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object('currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'customer', jsonb_build_object('id', customer),
		'codes', to_jsonb(array_remove(string_to_array(codes, ','), '')), 'lines', jsonb_build_array(jsonb_build_object('id', 'a', 'unit_price', '19.99', 'quantity', quantity))) $$;
CREATE FUNCTION brief(answer jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT format('%s %s: %s %s %s', answer ->> 'order', answer ->> 'state', answer ->> 'total', answer -> 'applied', answer ->> 'expires_at') $$;
CREATE VIEW usage AS SELECT promotion, used, reserved, most, budget, discounts FROM promo.promotion_usage ORDER BY 1;
-- Nothing to say means that counters and ledger agree
CREATE VIEW faults AS SELECT * FROM promo.redemption_audit();

-- A reservation holds what it uses until it is over; a repeat gives the same answer, another cart is an error
SELECT brief(promo.reserve('o1', basket('ann', 'SPRING,M' || :m), '10 minutes', '2026-04-01 12:00Z'));
TABLE usage;
SELECT brief(promo.reserve('o1', basket('ann', 'SPRING,M' || :m), '20 minutes', '2026-04-01 12:09Z'));
SELECT promo.reserve('o1', basket('ann', 'SPRING'), '10 minutes', '2026-04-01 12:09Z');
SELECT c.state, c.order_id FROM promo.coupon_code c WHERE c.code_id = :m;
SELECT brief(promo.redeem('o1', at => '2026-04-01 12:09Z'));
SELECT brief(promo.redeem('o1', at => '2026-05-01 12:09Z'));
TABLE usage;
SELECT c.state, c.order_id FROM promo.coupon_code c WHERE c.code_id = :m;
SELECT r.event, r.of_id IS NOT NULL AS of, r.goods_discount, r.total, r.customer_id = promo.customer_known('ann') AS hers, r.at, rp.uses, rp.version, rp.goods_discount AS took, rp.lines
FROM promo.redemption r LEFT JOIN promo.redemption_promotion rp USING (redemption_id) ORDER BY r.redemption_id, rp.promotion_id;
TABLE faults;

-- A code that does not apply is an error with all reasons; the sqlstate tells the kind
CREATE FUNCTION tried(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; answer text;
BEGIN
	EXECUTE 'SELECT (' || statement || ')::text' INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN rtrim(format('%s %s %s', SQLSTATE, SQLERRM, detail));
END $$;
SELECT tried($$promo.redeem('o2', basket('bob', 'SPRING,NOPE'), at => '2026-04-01 12:10Z')$$);
SELECT tried(format($$promo.redeem('o2', basket('bob', 'M%s'), at => '2026-04-01 12:10Z')$$, :m));
SELECT tried($$promo.redeem('o2', at => '2026-04-01 12:10Z')$$);
SELECT count(*) FROM promo.redemption_order;

-- Limits: three in all, two a day, 20.00 in money, one for each customer
SELECT tried($$brief(promo.redeem('o3', basket('bob', 'SPRING'), at => '2026-04-01 13:00Z'))$$);
SELECT tried($$brief(promo.redeem('o4', basket('cid', 'SPRING'), at => '2026-04-01 14:00Z'))$$);
SELECT tried($$brief(promo.redeem('o4', basket('cid', 'SPRING', 7), at => '2026-04-02 14:00Z'))$$);
SELECT tried($$brief(promo.redeem('o4', basket('cid', 'SPRING'), at => '2026-04-02 14:00Z'))$$);
SELECT tried($$brief(promo.redeem('o5', basket('dee', 'SPRING'), at => '2026-04-03 14:00Z'))$$);
SELECT tried($$brief(promo.redeem('o5', basket(NULL, 'SPRING'), at => '2026-04-03 14:00Z'))$$);
TABLE usage;
TABLE faults;

-- A promotion without a code that is used up is left out, without an error
SELECT order_id, brief(promo.redeem(order_id, basket(order_id, quantity => 6), at => '2026-04-03 14:00Z')) FROM unnest('{f1,f2,f3}'::text[]) order_id;

-- Void gives uses, money and codes back; once
SELECT promo.void('o1', 'canceled', '2026-04-04 00:00Z'), promo.void('o1', 'again');
TABLE usage;
SELECT c.state, c.order_id FROM promo.coupon_code c WHERE c.code_id = :m;
SELECT tried($$promo.redeem('o1', basket('ann', 'SPRING'))$$);
SELECT tried($$brief(promo.redeem('o6', basket('ann', 'SPRING'), at => '2026-04-04 14:00Z'))$$);
-- unless the promotion says that they stay used
SELECT brief(promo.redeem('k1', basket('ann', 'KEPT')));
SELECT promo.void('k1', 'canceled');
SELECT tried($$promo.redeem('k2', basket('bob', 'KEPT'))$$);
SELECT * FROM usage WHERE promotion = 'kept';
TABLE faults;

-- Released, a reservation gives back; one that is over does so by itself when somebody wants it
SELECT promo.release('o6');
SELECT promo.void('o6', 'to try it otherwise');
SELECT brief(promo.reserve('r1', basket('eve', 'SPRING'), '10 minutes', '2026-04-05 12:00Z'));
SELECT promo.release('r1'), promo.release('r1');
SELECT brief(promo.reserve('r1', basket('eve', 'SPRING'), '10 minutes', '2026-04-05 12:00Z'));
SELECT tried($$promo.reserve('r2', basket('fay', 'SPRING'), '10 minutes', '2026-04-05 12:09Z')$$);
SELECT brief(promo.reserve('r2', basket('fay', 'SPRING'), '10 minutes', '2026-04-05 12:10Z'));
SELECT tried($$promo.redeem('r1', at => '2026-04-05 12:10Z')$$);
SELECT o.order_id, o.state FROM promo.redemption_order o WHERE o.order_id LIKE 'r%' ORDER BY 1;
TABLE usage;
-- a sweep takes them all, in batches
SELECT count(promo.reserve('s' || g, basket('s' || g, 'M' || :m + g), '10 minutes', '2026-04-06 00:00Z')) FROM generate_series(1, 2) g;
CALL promo.sweep_reservations('2026-04-06 00:09:59Z', 1);
SELECT count(*) FROM promo.redemption_order WHERE state = 'reserved';
CALL promo.sweep_reservations('2026-04-06 00:10Z', 1);
SELECT o.state, count(*) FROM promo.redemption_order o WHERE o.order_id LIKE 's%' OR o.order_id = 'r2' GROUP BY 1;
SELECT c.state, count(*) FROM promo.coupon_code c WHERE c.kind = 'single' GROUP BY 1 ORDER BY 1;
TABLE faults;

-- A changed cart: an error, or in place of the one before
SELECT brief(promo.reserve('c1', basket('gil', 'M' || :m), '10 minutes', '2026-04-07 12:00Z'));
SELECT tried(format($$promo.redeem('c1', basket('gil', 'M%s', 3), at => '2026-04-07 12:01Z')$$, :m));
SELECT left(tried(format($$brief(promo.redeem('c1', basket('gil', 'M%s', 3), '{"accept_not_worse": true}', '2026-04-07 12:01Z'))$$, :m)), 40);
SELECT tried(format($$brief(promo.redeem('c1', basket('gil', 'M%s', 1), '{"accept_not_worse": true}', '2026-04-07 12:01Z'))$$, :m));
SELECT tried(format($$brief(promo.redeem('c1', basket('gil', 'M%s', 4), '{"replace": true}', '2026-04-07 12:01Z'))$$, :m + 1));
SELECT r.event, r.goods_discount, r.total, r.reason FROM promo.redemption r WHERE r.order_id = 'c1' ORDER BY r.redemption_id;
SELECT c.state, count(*) FROM promo.coupon_code c WHERE c.kind = 'single' GROUP BY 1 ORDER BY 1;
-- The total that the customer saw
SELECT left(tried($$promo.redeem('e1', basket('gil'), '{"expected_total": "39.97"}')$$), 40);
SELECT tried($$promo.redeem('e1', basket('gil'), '{"expected_total": "39.99", "accept_not_worse": true}')::jsonb ->> 'total'$$);
SELECT tried($$promo.redeem('e2', basket('gil'), '{"expected_total": 39.98}')::jsonb ->> 'total'$$);
TABLE faults;

-- Returns: each unit comes back at what it cost, the ones that bore most first; the sum is what was paid
SELECT promo.define_promotion('{"name": "third", "code": "THIRD", "currency": {"code": "EUR", "exponent": 2}, "limits": {"budget": "10.00"}, "actions": [{"type": "amount_off", "target": "order", "amount": "10.00"}]}');
SELECT promo.redeem('b1', basket('hal', 'THIRD', 3)) -> 'line_details';
SELECT tried($$promo.refund('b1', 'r1', '[{"line": "a", "quantity": 1}]')$$);
SELECT tried($$promo.refund('b1', 'r1', '[{"line": "a", "quantity": 1}]')$$);
SELECT tried($$promo.refund('b1', 'r1', '[{"line": "a", "quantity": 2}]')$$);
SELECT * FROM usage WHERE promotion = 'third';
SELECT tried($$promo.refund('b1', 'r2', '[{"line": "a", "quantity": 3}]')$$);
SELECT tried($$promo.refund('b1', 'r2', '[{"line": "a", "quantity": 2}]')$$);
SELECT o.state, (SELECT sum(r.total) FROM promo.redemption r WHERE r.order_id = 'b1') AS left, (SELECT sum(r.goods_discount) FROM promo.redemption r WHERE r.order_id = 'b1') AS discount
FROM promo.redemption_order o WHERE o.order_id = 'b1';
SELECT * FROM usage WHERE promotion = 'third';
SELECT tried($$promo.void('b1', 'too late')$$);
-- 150.00 and 60.00 with 20 percent off: the first comes back at 120.00
SELECT promo.define_promotion('{"name": "fifth", "code": "FIFTH", "actions": [{"type": "percent_off", "target": "order", "percent": 20}]}');
SELECT promo.redeem('b2', '{"currency": {"code": "EUR", "exponent": 2}, "codes": ["FIFTH"], "lines": [{"id": "a", "unit_price": 150, "quantity": 1}, {"id": "b", "unit_price": 60, "quantity": 1}]}') ->> 'total';
SELECT promo.refund('b2', 'r', '[{"line": "a", "quantity": 1}]') ->> 'amount';
-- a weight comes back whole
SELECT promo.redeem('b3', '{"currency": {"code": "EUR", "exponent": 2}, "codes": ["FIFTH"], "lines": [{"id": "a", "unit_price": "9.99", "quantity": 1.5}]}') ->> 'total';
SELECT tried($$promo.refund('b3', 'r', '[{"line": "a", "quantity": 1}]')$$);
SELECT promo.refund('b3', 'r', '[{"line": "a", "quantity": 1.5}]') ->> 'amount';
-- whatever the order of returns, they add up
SELECT sum((promo.redeem('w' || g, basket('ivy', 'FIFTH', 7)) ->> 'total')::numeric) AS paid FROM generate_series(1, 5) g;
SELECT sum((promo.refund('w' || g, 'r' || h, jsonb_build_array(jsonb_build_object('line', 'a', 'quantity', CASE h WHEN 1 THEN g WHEN 2 THEN 1 ELSE 6 - g END))) ->> 'amount')::numeric) AS returned
FROM generate_series(1, 5) g, generate_series(1, 3) h;
TABLE faults;

-- An order earns a code for the next one: from when it is redeemed, and not any more when that is voided
SELECT promo.define_promotion('{"name": "next", "conditions": [{"type": "min_quantity", "quantity": 9}], "actions": [{"type": "issue_code", "for": "next_order", "reward": {"type": "percent_off", "target": "order", "percent": 50}}]}');
SELECT promo.reserve('n1', basket('kim', quantity => 9)) ? 'codes_issued' AS issued;
SELECT promo.redeem('n1') -> 'codes_issued' #- '{0,code}' AS issued;
SELECT promo.redeem('n1') -> 'codes_issued' = promo.redeem('n1', basket('kim', quantity => 9)) -> 'codes_issued' AS same;
SELECT promo.redeem('n1') #>> '{codes_issued,0,code}' AS code \gset
SELECT p.promotion, c.kind, c.state, c.customer_id = promo.customer_known('kim') AS hers FROM promo.coupon_code c JOIN promo.promotion p USING (promotion_id) WHERE c.code = :'code';
SELECT split_part(tried(format($$promo.redeem('n2', basket('leo', %L))$$, :'code')), ' ', 1) AS others;
SELECT promo.redeem('n2', basket('kim', :'code')) ->> 'total';
SELECT promo.void('n2', 'canceled'), promo.void('n1', 'canceled');
SELECT c.state FROM promo.coupon_code c WHERE c.code = :'code';
TABLE faults;

-- What cannot be is told
SELECT tried($$promo.reserve(NULL, '{}')$$);
SELECT tried($$promo.reserve('', '{}')$$);
SELECT tried($$promo.reserve('x', NULL)$$);
SELECT tried($$promo.reserve('x', basket('a'), '-1 minute')$$);
SELECT tried($$promo.reserve('x', '[]')$$);
SELECT tried($$promo.redeem('x', basket('a'), '{"replace": 1}')$$);
SELECT tried($$promo.redeem('x', basket('a'), '{"force": true}')$$);
SELECT tried($$promo.redeem('x', basket('a'), at => 'infinity')$$);
SELECT tried($$promo.void('x', 'y')$$);
SELECT tried($$promo.release('b1')$$);
SELECT tried($$promo.refund('b1', '', '[]')$$);
SELECT tried($$promo.refund('b2', 'r3', '[{"line": "c", "quantity": 1}]')$$);
SELECT tried($$promo.refund('b2', 'r3', '[{"line": "b", "quantity": "-1"}]')$$);
SELECT tried($$promo.refund('b2', 'r3', '[{"line": "b", "quantity": 0}]')$$);
SELECT count(*) FROM promo.redemption_order WHERE order_id = 'x';

-- A customer who is forgotten leaves counts and amounts
SELECT brief(promo.redeem('h1', basket('hal') || '{"customer": {"id": "hal", "keys": ["hal@example.com", "ivy"]}}'));
SELECT promo.forget_customer('hal');
SELECT c.shop_id FROM promo.customer c WHERE c.shop_id ~ '^(hal|ivy)' ORDER BY 1;
SELECT r.event, r.cart IS NULL AND r.result IS NULL AS erased, r.total FROM promo.redemption r JOIN promo.customer c USING (customer_id) WHERE c.shop_id IS NULL ORDER BY r.redemption_id;
TABLE faults;

-- Nobody may who was not granted it; who was needs no table
CREATE ROLE redemption_test_shop;
SET ROLE redemption_test_shop;
SELECT promo.reserve('p1', '{}');
SELECT promo.redeem('p1', '{}');
SELECT promo.release('p1');
SELECT promo.void('p1', '');
SELECT promo.refund('p1', '', '[]');
SELECT promo.sweep_batch(now(), 1);
SELECT promo.redemption_audit();
RESET ROLE;
GRANT EXECUTE ON FUNCTION promo.reserve, promo.redeem, promo.release, promo.void, promo.refund TO redemption_test_shop;
GRANT EXECUTE ON FUNCTION basket, brief TO redemption_test_shop;
SET ROLE redemption_test_shop;
SET search_path = pg_temp;
SELECT public.brief(promo.redeem('p1', public.basket('jon', 'FIFTH')));
SELECT promo.refund('p1', 'r', '[{"line": "a", "quantity": 2}]') ->> 'amount';
RESET search_path;
RESET ROLE;
SELECT r.event, r.actor FROM promo.redemption r WHERE r.order_id = 'p1';
REVOKE EXECUTE ON FUNCTION promo.reserve, promo.redeem, promo.release, promo.void, promo.refund FROM redemption_test_shop;
REVOKE EXECUTE ON FUNCTION basket, brief FROM redemption_test_shop;
DROP ROLE redemption_test_shop;
DROP VIEW usage, faults;
DROP FUNCTION basket, brief, tried;

-- Nothing of this stays for other tests
TRUNCATE promo.promotion, promo.promotion_version, promo.coupon_batch, promo.coupon_code, promo.usage_limit, promo.usage_slot, promo.usage_customer,
	promo.redemption, promo.redemption_promotion, promo.redemption_order RESTART IDENTITY;
DELETE FROM promo.customer;
