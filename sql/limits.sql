-- Limits of campaigns and codes: set, changed, spread over slots, taken away.

SET datestyle = 'ISO';

-- Two promotions of a campaign, one with a shared code, as define_promotion() would store them
INSERT INTO promo.promotion (promotion, version, needs_code, campaign) VALUES ('mail', 1, true, 'winter'), ('all', 1, false, 'winter');
INSERT INTO promo.promotion_version (promotion_id, version, definition, defined_by)
SELECT p.promotion_id, 1, jsonb_build_object('name', p.promotion, 'campaign', p.campaign), 'me' FROM promo.promotion p;
INSERT INTO promo.coupon_code (promotion_id, kind, code, key)
SELECT p.promotion_id, v.kind, v.code, v.code FROM promo.promotion p, (VALUES ('shared', 'SNOW'), ('single', 'ICE')) v (kind, code)
WHERE p.promotion = 'mail';

CREATE VIEW limits AS
SELECT coalesce(l.campaign, 'code') AS of, l.counts, l.period, l.time_zone, l.most, l.currency, l.slots,
	(SELECT string_agg(format('%s: %s/%s', s.slot, s.used + s.reserved, s.most), ', ' ORDER BY s.slot)
	 FROM promo.usage_slot s WHERE s.limit_id = l.limit_id) AS used_of_most
FROM promo.usage_limit l WHERE l.ended_at IS NULL ORDER BY 1, 2, 3 NULLS FIRST, 6;

-- A campaign's limits, for ever and for each period, hold for all its promotions together
SELECT promo.limit_campaign('winter', '{"total": 10, "per_customer": 2, "budget": "100.50", "currency": {"code": "EUR", "exponent": 2},
	"periods": [{"period": "day", "total": 4}, {"period": "month", "per_customer": 1, "budget": 20}], "time_zone": "Europe/Berlin", "slots": 3}');
SELECT promo.limit_code('s-now', '{"total": 5}');
TABLE limits;

-- What is used stays counted, in its slot, whatever the limit becomes
UPDATE promo.usage_slot s SET used = 2, reserved = 1 FROM promo.usage_limit l
WHERE l.limit_id = s.limit_id AND l.campaign = 'winter' AND l.counts = 'uses' AND l.period IS NULL AND s.slot IN (0, 2);
SELECT promo.limit_campaign('winter', '{"total": 11, "slots": 3}');
SELECT used_of_most FROM limits WHERE of = 'winter' AND counts = 'uses';
-- fewer slots: the first takes over those that go, whose rows stay for who waits for them
SELECT promo.limit_campaign('winter', '{"total": 11, "slots": 2}');
SELECT used_of_most FROM limits WHERE of = 'winter' AND counts = 'uses';
-- more again
SELECT promo.limit_campaign('winter', '{"total": 11, "slots": 4}');
SELECT used_of_most FROM limits WHERE of = 'winter' AND counts = 'uses';
-- lowered below what is used, the first slots lack it
SELECT promo.limit_campaign('winter', '{"total": 5, "slots": 4}');
SELECT used_of_most FROM limits WHERE of = 'winter' AND counts = 'uses';
SELECT promo.limit_campaign('winter', '{"total": 0}');
SELECT used_of_most FROM limits WHERE of = 'winter' AND counts = 'uses';
-- What was not named any more is taken away, but for the campaign's budget in another currency
TABLE limits;
SELECT promo.limit_campaign('winter', '{"budget": "7.000", "currency": {"code": "KWD", "exponent": 3}}');
TABLE limits;
SELECT promo.limit_code('SNOW', '{}');
SELECT promo.limit_campaign('winter', '{"currency": {"code": "EUR", "exponent": 2}}');
TABLE limits;

-- A new limit counts what the ledger holds already: three uses, one of them reserved, one given back, in two periods
INSERT INTO promo.redemption_order (order_id, customer_id, state, redemption_id, expires_at) VALUES
	('o1', promo.customer_number('ann'), 'redeemed', 1001, NULL), ('o2', promo.customer_number('bob'), 'reserved', 1002, '2027-01-01 00:00Z'),
	('o3', promo.customer_number('ann'), 'redeemed', 1003, NULL), ('o4', promo.customer_number('ann'), 'voided', 1004, NULL);
INSERT INTO promo.redemption (redemption_id, order_id, event, of_id, customer_id, customer_keys, currency, exponent, goods_discount, shipping_discount, total,
	cart_hash, expires_at, at, actor)
SELECT v.id, o.order_id, v.event, v.of_id, o.customer_id, v.keys, 'EUR', 2, v.sign * 500, v.sign * 100, v.sign * 1500, '\x01', o.expires_at, v.at, 'me'
FROM (VALUES (1001, 'o1', 'redeem', NULL::bigint, 1, '{}'::bigint[], '2026-03-31 21:59Z'::timestamptz), (1002, 'o2', 'reserve', NULL, 1, '{}', '2026-03-31 22:00Z'),
	(1003, 'o3', 'redeem', NULL, 1, ARRAY[promo.customer_number('ann@example.com')], '2026-04-02 00:00Z'), (1004, 'o4', 'redeem', NULL, 1, '{}', '2026-04-02 00:00Z'),
	(1005, 'o4', 'void', 1004, -1, '{}', '2026-05-02 00:00Z')) v (id, order_id, event, of_id, sign, keys, at)
JOIN promo.redemption_order o USING (order_id);
INSERT INTO promo.redemption_promotion (redemption_id, promotion_id, version, code_id, uses, goods_discount, shipping_discount, lines)
SELECT r.redemption_id, p.promotion_id, 1, c.code_id, sign(r.total)::int, r.goods_discount, r.shipping_discount, '{}'
FROM promo.redemption r, promo.promotion p JOIN promo.coupon_code c ON c.promotion_id = p.promotion_id AND c.kind = 'shared';
SELECT promo.limit_campaign('autumn', '{"total": 9}');
SELECT promo.limit_campaign('winter', '{"total": 9, "budget": 50, "per_customer": 3, "currency": {"code": "EUR", "exponent": 2},
	"periods": [{"period": "month", "total": 5, "per_customer": 2}], "time_zone": "Europe/Berlin", "slots": 2}');
SELECT promo.limit_code('SNOW', '{"total": 3}');
SELECT coalesce(l.campaign, 'code') AS of, l.counts, l.period, s.period_start, s.slot, s.most, s.used, s.reserved
FROM promo.usage_limit l JOIN promo.usage_slot s USING (limit_id) WHERE l.ended_at IS NULL ORDER BY 1, 2, 3 NULLS FIRST, 4, 5;
SELECT l.period, u.period_start, c.shop_id, u.used, u.reserved
FROM promo.usage_limit l JOIN promo.usage_customer u USING (limit_id) JOIN promo.customer c USING (customer_id)
WHERE l.ended_at IS NULL ORDER BY 1 NULLS FIRST, 2, 3;

-- All that is wrong is told at once
SELECT promo.limit_campaign('winter', '{"total": -1, "per_customer": "x", "budget": "1.005", "slots": 65, "time_zone": "Mars", "most": 1,
	"currency": {"code": "EUR", "exponent": 2}, "periods": [{"total": 1}, {"period": "day", "total": 1}, {"period": "day", "total": 2}, 5]}');
SELECT promo.limit_campaign('winter', '{"budget": "NaN"}');
SELECT promo.limit_campaign('winter', '{"budget": 1}');
SELECT promo.limit_campaign('winter', '{"total": 1e500, "budget": 1e500}');
SELECT promo.limit_campaign('winter', '[]');
SELECT promo.limit_campaign('', '{}');
SELECT promo.limit_code('SLEET', '{}');
SELECT promo.limit_code('ICE', '{"total": 1}');

-- Nobody may who was not granted it
CREATE ROLE limits_test_operator;
SET ROLE limits_test_operator;
SELECT promo.limit_campaign('winter', '{}');
SELECT promo.limit_code('SNOW', '{}');
RESET ROLE;
GRANT EXECUTE ON FUNCTION promo.limit_campaign, promo.limit_code TO limits_test_operator;
SET ROLE limits_test_operator;
SET search_path = pg_temp;
SELECT promo.limit_campaign('winter', '{"total": 8}'), promo.limit_code('SNOW', '{"total": 8}');
RESET ROLE;
RESET search_path;
TABLE limits;
REVOKE EXECUTE ON FUNCTION promo.limit_campaign, promo.limit_code FROM limits_test_operator;
DROP ROLE limits_test_operator;
DROP VIEW limits;

-- Nothing of this stays for other tests
TRUNCATE promo.promotion, promo.promotion_version, promo.coupon_batch, promo.coupon_code, promo.usage_limit, promo.usage_slot, promo.usage_customer,
	promo.redemption, promo.redemption_promotion, promo.redemption_order RESTART IDENTITY;
DELETE FROM promo.customer;
