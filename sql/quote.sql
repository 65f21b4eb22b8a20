-- Quotes: carts priced by the promotions, codes, limits and policies of the tables.
SET timezone = 'UTC';

SELECT promo.define_promotion(d::jsonb) FROM (VALUES
	('{"name": "spring", "code": "SPRING", "starts_at": "2026-03-01T00:00Z", "ends_at": "2026-06-01T00:00Z", "actions": [{"type": "percent_off", "target": "order", "percent": 10}]}'),
	('{"name": "mail", "needs_code": true, "actions": [{"type": "amount_off", "target": "order", "amount": 5}]}'),
	('{"name": "tea", "actions": [{"type": "percent_off", "target": "lines", "percent": 50, "select": {"categories": ["tea"]}}]}'),
	('{"name": "ship", "conditions": [{"type": "min_subtotal", "amount": 50}], "actions": [{"type": "set_shipping_price", "price": 0}]}'),
	('{"name": "loyal", "conditions": [{"type": "segment", "any_of": ["quote_loyal"]}], "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}'),
	('{"name": "gold", "conditions": [{"type": "tier", "any_of": ["quote/gold"]}], "actions": [{"type": "amount_off", "target": "order", "amount": 2}]}'),
	('{"name": "over", "code": "OVER", "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}')) v (d);

-- A cart of one line of 40.00, with what is asked for beside it
CREATE FUNCTION basket(extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT '{"currency": {"code": "EUR", "exponent": 2}, "lines": [{"id": "a", "product": "mug", "unit_price": "20.00", "quantity": 2}],
		"shipping": {"method": "dhl", "amount": "4.90"}}'::jsonb || extra $$;
-- The answer in short
CREATE FUNCTION brief(answer jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT format('%s: %s; not %s', answer ->> 'total', answer -> 'applied',
		(SELECT string_agg(coalesce(r ->> 'code', r ->> 'promotion') || ' ' || (r ->> 'reason'), ', ') FROM jsonb_array_elements(answer -> 'rejected') r)) $$;
CREATE FUNCTION quoted(extra jsonb, at timestamptz DEFAULT '2026-04-01 12:00Z') RETURNS text LANGUAGE sql STABLE AS $$
	SELECT brief(promo.quote(basket(extra), at)) $$;

-- What applies without a code, and a shared code however it is typed; unknown ones are told
SELECT quoted('{}');
SELECT quoted('{"codes": ["spr-ing ", "SPRING", "FALL"]}');
SELECT quoted('{"codes": ["SPRING"]}', '2026-02-28 23:59:59Z');
SELECT quoted('{"codes": ["SPRING"]}', '2026-06-01 00:00Z');
SELECT quoted('{"lines": [{"id": "a", "categories": ["tea", "hot"], "unit_price": 60, "quantity": 1}]}');
-- All of the answer
SELECT jsonb_pretty(promo.quote(basket('{"codes": ["SPRING"]}'), '2026-04-01 12:00Z'));

-- Codes for one use: by anybody, by one customer, at times, and what became of them
INSERT INTO promo.coupon_code (promotion_id, kind, state, code, key, customer_id, starts_at, ends_at, order_id)
SELECT p.promotion_id, v.kind, v.state, v.code, v.code, CASE WHEN v.kind = 'personal' THEN promo.customer_number('ann') END, v.starts_at, v.ends_at, v.order_id
FROM promo.promotion p, (VALUES ('single', 'issued', 'ONE', NULL::timestamptz, NULL::timestamptz, NULL), ('single', 'issued', 'TWO', NULL, NULL, NULL), ('single', 'redeemed', 'USED', NULL, NULL, 'o1'),
	('single', 'revoked', 'GONE', NULL, NULL, NULL), ('single', 'reserved', 'HELD', NULL, NULL, 'o2'), ('single', 'reserved', 'FREE', NULL, NULL, 'o3'),
	('single', 'issued', 'SOON', '2026-05-01 00:00Z', NULL, NULL), ('single', 'issued', 'LATE', NULL, '2026-04-01 12:00Z', NULL),
	('personal', 'issued', 'ANNS', NULL, NULL, NULL)) v (kind, state, code, starts_at, ends_at, order_id)
WHERE p.promotion = 'mail';
INSERT INTO promo.redemption_order (order_id, state, redemption_id, expires_at) VALUES ('o2', 'reserved', 1, '2026-04-01 12:00:01Z'), ('o3', 'reserved', 2, '2026-04-01 12:00Z');
SELECT promo.archive_promotion('over');
INSERT INTO promo.coupon_code (promotion_id, kind, code, key) SELECT p.promotion_id, 'single', 'LAST', 'LAST' FROM promo.promotion p WHERE p.promotion = 'over';
CREATE TABLE carts AS SELECT row_number() OVER () AS n, * FROM (VALUES
	('{"codes": ["one"]}'::jsonb), ('{"codes": ["ONE", "TWO"]}'), ('{"codes": ["USED"]}'), ('{"codes": ["USED", "TWO"]}'), ('{"codes": ["GONE"]}'), ('{"codes": ["HELD"]}'), ('{"codes": ["FREE"]}'),
	('{"codes": ["SOON"]}'), ('{"codes": ["LATE"]}'), ('{"codes": ["LAST", "OVER"]}'), ('{"codes": ["ANNS"]}'), ('{"codes": ["ANNS"], "customer": {"id": "bob"}}'), ('{"codes": ["ANNS"], "customer": {"id": "ann"}}'),
	('{"codes": ["ANNS"], "customer": {"id": "new", "keys": ["ann"]}}')) v (extra);
SELECT extra, quoted(extra) FROM carts ORDER BY n;
-- Each reason is told to a clerk; who tries codes learns only whether they are good
SELECT code, promotion, reason FROM promo.explain_cart(basket('{"codes": ["ANNS", "GONE", "USED", "SPRING", "NONE"]}'), '2026-01-01 00:00Z', 'clerk') ORDER BY 1, 2;
SELECT c.code, e.promotion, e.reason, e.detail FROM unnest('{ANNS,GONE,SOON,LATE,USED,SPRING,NONE}'::text[]) c (code),
	promo.explain_cart(basket(jsonb_build_object('codes', ARRAY[c.code])), '2026-01-01 00:00Z') e WHERE e.code IS NOT NULL ORDER BY 1;
SELECT promotion, code, eligible, reason, discount, detail FROM promo.explain_cart(basket('{"codes": ["SPRING", "TWO"]}'), '2026-04-01 00:00Z');

-- Segments and tiers are looked up, and not for the cart to say
SELECT promo.define_segment('quote_loyal', $$SELECT 'ann'$$);
SELECT promo.define_program('{"name": "quote", "currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "silver", "threshold": 0}, {"name": "gold", "threshold": 10}]}');
SELECT promo.enroll('ann', '2026-01-01 00:00Z', 'quote');
UPDATE promo.tier_period SET tier = 'gold' WHERE customer_id = promo.customer_known('ann');
INSERT INTO carts SELECT 100 + row_number() OVER (), * FROM (VALUES ('{"customer": {"id": "ann"}}'::jsonb), ('{"customer": {"id": "bob"}}')) v (extra);
SELECT extra, quoted(extra) FROM carts WHERE n > 100 ORDER BY n;
SELECT quoted('{"customer": {"id": "ann"}}', '2025-12-31 00:00Z');
SELECT promo.quote(basket('{"customer": {"id": "bob", "segments": ["quote_loyal"], "tiers": ["quote/gold"]}, "now": "2026-01-01T00:00Z", "usage": {}, "refused": []}'));

-- The policy of the channel, or the one for all others
INSERT INTO promo.pricing_policy VALUES ('', '{"combine": "best_one"}'), ('app', '{"percent_round": "down"}');
INSERT INTO carts SELECT 200 + row_number() OVER (), * FROM (VALUES ('{"codes": ["SPRING"], "customer": {"id": "ann"}}'::jsonb), ('{"codes": ["SPRING"], "customer": {"id": "ann"}, "channel": "app"}')) v (extra);
SELECT extra, quoted(extra) FROM carts WHERE n > 200 ORDER BY n;
INSERT INTO promo.pricing_policy VALUES ('web', '{"combine": "worst", "lanes": [{}]}');
SELECT quoted('{"channel": "web"}');
DELETE FROM promo.pricing_policy;

-- Limits of the promotion, of its campaign, and of its code; further keys of a customer count as well
SELECT promo.define_promotion(d::jsonb) FROM (VALUES
	('{"name": "few", "code": "FEW", "limits": {"total": 3, "periods": [{"period": "day", "total": 2}], "time_zone": "America/New_York"}, "actions": [{"type": "amount_off", "target": "order", "amount": 3}]}'),
	('{"name": "each", "code": "EACH", "limits": {"per_customer": 1}, "actions": [{"type": "amount_off", "target": "order", "amount": 3}]}'),
	('{"name": "purse", "code": "PURSE", "currency": {"code": "EUR", "exponent": 2}, "limits": {"budget": "10.00"}, "actions": [{"type": "amount_off", "target": "order", "amount": 3}]}'),
	('{"name": "purse_to_the_end", "code": "END", "partial_budget": true, "currency": {"code": "EUR", "exponent": 2}, "limits": {"budget": "10.00"}, "actions": [{"type": "amount_off", "target": "order", "amount": 3}]}'),
	('{"name": "of_campaign", "code": "CAMP", "campaign": "may", "actions": [{"type": "amount_off", "target": "order", "amount": 3}]}')) v (d);
SELECT promo.limit_campaign('may', '{"total": 5, "per_customer": 1, "budget": 100, "currency": {"code": "EUR", "exponent": 2}}');
SELECT promo.limit_campaign('may', '{"total": 5, "per_customer": 1, "budget": "0.000", "currency": {"code": "KWD", "exponent": 3}}');
SELECT promo.limit_code('SPRING', '{"total": 1}');
INSERT INTO carts SELECT 300 + row_number() OVER (), jsonb_build_object('codes', ARRAY[code], 'customer', customer)
FROM unnest('{FEW,EACH,PURSE,END,CAMP,SPRING}'::text[]) code, (VALUES ('{"id": "ann"}'::jsonb), ('{"id": "new"}'), ('{"id": "new", "keys": ["ann"]}'), ('{}')) c (customer);
SELECT extra -> 'codes' ->> 0 AS code, extra -> 'customer' AS customer, quoted(extra) FROM carts WHERE n > 300 AND extra #>> '{customer,id}' IS DISTINCT FROM 'ann' ORDER BY n;
-- used up
CREATE FUNCTION use(what text, counted text, n bigint, held bigint DEFAULT 0) RETURNS void LANGUAGE sql AS $$
	UPDATE promo.usage_slot s SET used = n - held, reserved = held FROM promo.usage_limit l LEFT JOIN promo.promotion p USING (promotion_id)
	WHERE s.limit_id = l.limit_id AND coalesce(p.promotion, l.campaign, 'code') = what AND l.counts = counted AND l.ended_at IS NULL AND (l.currency = 'EUR') IS NOT FALSE;
	INSERT INTO promo.usage_customer (limit_id, customer_id, used)
	SELECT l.limit_id, promo.customer_number('ann'), n FROM promo.usage_limit l LEFT JOIN promo.promotion p USING (promotion_id)
	WHERE coalesce(p.promotion, l.campaign) = what AND counted = 'customer' AND l.counts = 'customer' AND l.ended_at IS NULL; $$;
SELECT use('few', 'uses', 3), use('each', 'customer', 1), use('purse', 'money', 701), use('purse_to_the_end', 'money', 701), use('may', 'customer', 1), use('code', 'uses', 1);
SELECT extra -> 'codes' ->> 0 AS code, extra -> 'customer' AS customer, quoted(extra) FROM carts WHERE n > 300 ORDER BY n;
-- an order that may still give it back holds the last one
SELECT use('few', 'uses', 3, 1), use('may', 'uses', 5, 1), use('may', 'money', 9800);
SELECT extra -> 'codes' ->> 0 AS code, quoted(extra) FROM carts WHERE n > 300 AND extra -> 'codes' ->> 0 IN ('FEW', 'CAMP') AND extra #>> '{customer,id}' = 'new' ORDER BY n;
-- a limit of each day counts the day of its zone
SELECT use('few', 'uses', 1);
INSERT INTO promo.usage_slot (limit_id, period_start, slot, most, used)
SELECT l.limit_id, '2026-04-01', 0, 2, 2 FROM promo.usage_limit l WHERE l.period = 'day';
SELECT at, quoted('{"codes": ["FEW"]}', at) FROM unnest('{2026-04-01 03:59:59Z,2026-04-01 04:00Z,2026-04-02 03:59:59Z,2026-04-02 04:00Z}'::timestamptz[]) at;
-- all failed conditions with their numbers
SELECT r -> 'failed' FROM jsonb_array_elements(promo.quote(basket('{"codes": ["PURSE"]}'), '2026-04-01 12:00Z') -> 'rejected') r WHERE r ->> 'code' = 'PURSE';

-- A quote is what price_cart() gives on all that it was made of, in every key
SELECT count(*) AS carts, count(*) FILTER (WHERE promo.quote(basket(c.extra), '2026-04-01 12:00Z') = promo.price_cart(i.cart, i.promotions, i.policy)) AS equal
FROM carts c, promo.quote_inputs(basket(c.extra), '2026-04-01 12:00Z') i;
-- Only promotions that the cart may be for were looked at
SELECT jsonb_path_query_array(i.promotions, '$[*].name') FROM promo.quote_inputs(basket('{"codes": ["FEW"]}'), '2026-04-01 12:00Z') i;

-- A definition holds from the next quote on, in the transaction that makes it, and not when that is rolled back
BEGIN;
SELECT promo.define_promotion('{"name": "tea", "actions": [{"type": "amount_off", "target": "order", "amount": 7}]}');
SELECT quoted('{}');
SAVEPOINT s;
SELECT promo.define_promotion('{"name": "tea", "actions": [{"type": "amount_off", "target": "order", "amount": 8}]}');
SELECT quoted('{}');
ROLLBACK TO s;
SELECT quoted('{}');
SELECT promo.archive_promotion('tea');
SELECT quoted('{}');
ROLLBACK;
SELECT quoted('{}');
-- another definition under the number of the version that was rolled back
SELECT promo.define_promotion('{"name": "tea", "actions": [{"type": "amount_off", "target": "order", "amount": 9}]}');
SELECT quoted('{}');
SELECT promo.define_promotion('{"name": "tea", "active": false, "actions": [{"type": "amount_off", "target": "order", "amount": 9}]}');
SELECT quoted('{}');
-- without room to keep them at hand, promotions are read each time
SET promo.cache_size = 0;
SELECT quoted('{"codes": ["SPRING"]}'), quoted('{"codes": ["FEW"]}');
RESET promo.cache_size;

-- What cannot be is told
SELECT promo.quote(NULL);
SELECT promo.quote(basket(), NULL::timestamptz);
SELECT promo.quote(basket(), 'infinity'::timestamptz);
SELECT promo.quote(basket(), '2026-01-01'::timestamp);
SELECT promo.quote(basket(), '2026-01-01'::date);
SELECT promo.quote('[]');
SELECT promo.quote('{"lines": [{"id": "a"}, {"id": "a", "unit_price": -1, "quantity": 0}], "codes": "X", "shipping": {"amount": 1.005}}');
SELECT promo.explain_cart(basket(), now(), 'all');

-- Nobody may who was not granted it; who was needs no table, whatever the search_path
CREATE ROLE quote_test_shop;
SET ROLE quote_test_shop;
SELECT promo.quote('{}');
SELECT promo.explain_cart('{}');
SELECT promo.quote_inputs('{}');
RESET ROLE;
GRANT EXECUTE ON FUNCTION promo.quote(jsonb, timestamptz), promo.explain_cart TO quote_test_shop;
GRANT EXECUTE ON FUNCTION basket TO quote_test_shop;
SET ROLE quote_test_shop;
SET search_path = pg_temp;
SELECT promo.quote(public.basket('{"codes": ["SPRING"]}'), '2026-04-01 12:00Z') ->> 'total';
SELECT count(*) FROM promo.promotion;
RESET search_path;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION promo.quote(jsonb, timestamptz), promo.explain_cart FROM quote_test_shop;
REVOKE EXECUTE ON FUNCTION basket FROM quote_test_shop;
DROP ROLE quote_test_shop;

-- Nothing of this stays for other tests
SELECT promo.drop_segment('quote_loyal');
DROP TABLE carts;
DROP FUNCTION quoted, brief, basket, use;
DELETE FROM promo.tier_period;
DELETE FROM promo.member;
DELETE FROM promo.tier;
DELETE FROM promo.program;
TRUNCATE promo.promotion, promo.promotion_version, promo.coupon_batch, promo.coupon_code, promo.usage_limit, promo.usage_slot, promo.usage_customer,
	promo.redemption, promo.redemption_promotion, promo.redemption_order RESTART IDENTITY;
DELETE FROM promo.customer;
