-- What is wrong with promotions, told before customers do.
SET timezone = 'UTC';
SELECT promo.define_promotion(d::jsonb || '{"actions": [{"type": "amount_off", "target": "order", "amount": 1}]}') FROM (VALUES
	('{"name": "good", "priority": 1}'), ('{"name": "over", "priority": 2, "ends_at": "2026-01-01T00:00Z"}'), ('{"name": "off", "priority": 3, "active": false}'),
	('{"name": "nowhere", "priority": 4, "channels": []}'), ('{"name": "codeless", "priority": 5, "needs_code": true}'),
	('{"name": "lost", "priority": 6, "conditions": [{"any": [{"type": "segment", "any_of": ["check_a", "check_b"]}, {"none": [{"type": "tier", "any_of": ["gold"]}]}]}]}'),
	('{"name": "used", "priority": 7, "code": "USED", "campaign": "c", "currency": {"code": "EUR", "exponent": 2}, "limits": {"total": 2, "budget": 5}}'),
	('{"name": "first", "priority": 9, "channels": ["web", "app"]}'), ('{"name": "second", "priority": 9, "channels": ["app"]}'), ('{"name": "third", "priority": 9, "channels": ["shop"]}'),
	('{"name": "early", "priority": 9, "channels": ["app"], "ends_at": "2026-03-01T00:00Z"}'), ('{"name": "late", "priority": 9, "channels": ["app"], "starts_at": "2026-03-01T00:00Z"}')) v (d);
SELECT promo.limit_campaign('c', '{"total": 3}');
SELECT promo.define_segment('check_b', $$SELECT 'ann'$$);
UPDATE promo.usage_slot s SET used = s.most FROM promo.usage_limit l WHERE l.limit_id = s.limit_id;
SELECT * FROM promo.check_promotions('2026-02-01 00:00Z');
-- Nothing to say of the good one alone, nor of those that are archived
SELECT count(promo.archive_promotion(promotion)) FROM promo.promotion WHERE promotion <> 'good';
SELECT * FROM promo.check_promotions('2026-02-01 00:00Z');
-- Nobody may who was not granted it
CREATE ROLE check_test_operator;
SET ROLE check_test_operator;
SELECT promo.check_promotions('2026-02-01 00:00Z');
RESET ROLE;
GRANT EXECUTE ON FUNCTION promo.check_promotions TO check_test_operator;
SET ROLE check_test_operator;
SET search_path = pg_temp;
SELECT count(*) FROM promo.check_promotions('2026-02-01 00:00Z');
RESET search_path;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION promo.check_promotions FROM check_test_operator;
DROP ROLE check_test_operator;

-- Nothing of this stays for other tests
SELECT promo.drop_segment('check_b');
TRUNCATE promo.promotion, promo.promotion_version, promo.coupon_batch, promo.coupon_code, promo.usage_limit, promo.usage_slot, promo.usage_customer,
	promo.redemption, promo.redemption_promotion, promo.redemption_order RESTART IDENTITY;
DELETE FROM promo.customer;
