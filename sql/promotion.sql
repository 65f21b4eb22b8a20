-- Promotions: defined, in versions, with their codes and limits; archived.
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- A definition is kept as it was given, beside what it is searched by
SELECT promo.define_promotion('{"name": "spring", "code": "Spring-26", "campaign": "easter", "priority": 3, "lane": 1,
	"starts_at": "2026-03-01T00:00+01:00", "ends_at": "2026-06-01T00:00Z", "channels": ["web", "app"], "currency": {"code": "EUR", "exponent": 2},
	"exclusive": true, "stop_after": "line", "groups": [{"name": "voucher"}, {"name": "big", "most": 2}], "tags": ["mail"], "combines_with": ["order"],
	"limits": {"total": 100, "per_customer": 1, "budget": "500.00", "slots": 4, "periods": [{"period": "day", "total": 10}]},
	"conditions": [{"type": "min_subtotal", "amount": "50.00"}, {"any": [{"type": "customer_group", "any_of": ["vip"]}, {"type": "first_order"}]}],
	"actions": [{"type": "percent_off", "target": "order", "percent": "12.5", "max_discount": 30}]}');
SELECT p.promotion, p.version, p.needs_code, p.campaign, p.lane, p.priority, p.starts_at, p.ends_at, p.channels, p.currency, p.key_kind, p.keys, p.archived_at
FROM promo.promotion p;
SELECT c.kind, c.code, c.key, c.retired_at FROM promo.coupon_code c;
SELECT l.counts, l.period, l.time_zone, l.most, l.currency, l.slots FROM promo.usage_limit l WHERE l.ended_at IS NULL ORDER BY 1, 2 NULLS FIRST;

-- The same again changes nothing, and another one is a new version; those before stay
SELECT stamp FROM promo.promotion_stamp \gset
SELECT promo.define_promotion(v.definition) FROM promo.promotion_version v;
SELECT stamp = :'stamp' AS same FROM promo.promotion_stamp;
SELECT promo.define_promotion(v.definition || '{"code": "SPRING26", "limits": {"total": 90}}') FROM promo.promotion_version v;
SELECT stamp = :'stamp' AS same FROM promo.promotion_stamp;
SELECT v.version, v.definition ->> 'code' AS code, v.definition -> 'limits' AS limits, v.defined_by = current_user AS by_me FROM promo.promotion_version v ORDER BY 1;
SELECT c.code, c.key, c.retired_at IS NULL AS taken FROM promo.coupon_code c ORDER BY c.code_id;
SELECT l.counts, l.most, l.slots, l.ended_at IS NULL AS holds FROM promo.usage_limit l ORDER BY l.limit_id;
-- a code may change
SELECT promo.define_promotion((SELECT v.definition || '{"code": "EASTER"}' FROM promo.promotion_version v WHERE v.version = 2));
SELECT c.code, c.key, c.retired_at IS NULL AS taken FROM promo.coupon_code c ORDER BY c.code_id;

-- A code has one promotion at a time, however it is typed
SELECT promo.define_promotion('{"name": "hare", "code": "eas ter", "actions": [{"type": "percent_off", "target": "lines", "percent": 5}]}');
SELECT count(*) FROM promo.promotion;
-- until the other one is archived
SELECT promo.archive_promotion('spring'), promo.archive_promotion('spring');
SELECT promo.define_promotion('{"id": "hare", "code": "eas ter", "actions": [{"type": "percent_off", "target": "lines", "percent": 5}]}');
SELECT p.promotion, p.version, p.archived_at IS NULL AS active, c.code, c.retired_at IS NULL AS taken
FROM promo.promotion p JOIN promo.coupon_code c USING (promotion_id) ORDER BY c.code_id;
SELECT promo.archive_promotion('autumn');
-- Defined again, it is active again; now its code is the other one's
SELECT promo.define_promotion(v.definition) FROM promo.promotion_version v JOIN promo.promotion p USING (promotion_id, version) WHERE p.promotion = 'spring';
SELECT promo.define_promotion(v.definition || '{"code": "SPRING"}') FROM promo.promotion_version v JOIN promo.promotion p USING (promotion_id, version) WHERE p.promotion = 'spring';
SELECT p.promotion, p.version, p.archived_at IS NULL AS active FROM promo.promotion p ORDER BY 1;

-- What a cart must have, or the promotion cannot apply, is found out
SELECT promo.define_promotion(d.definition::jsonb || jsonb_build_object('name', d.name))
FROM (VALUES ('any cart', '{"actions": [{"type": "percent_off", "target": "order", "percent": 5}]}'),
	('products', '{"actions": [{"type": "percent_off", "target": "lines", "percent": 5, "select": {"products": ["mug", "cup", "mug"]}}, {"type": "amount_off", "target": "unit", "amount": 1, "select": {"products": ["pot"]}}]}'),
	('products or shipping', '{"actions": [{"type": "percent_off", "target": "lines", "percent": 5, "select": {"products": ["mug"]}}, {"type": "percent_off", "target": "shipping", "percent": 100}]}'),
	('a category', '{"conditions": [{"type": "contains", "select": {"categories": ["tea"]}}], "actions": [{"type": "percent_off", "target": "order", "percent": 5, "select": {"categories": ["cups"]}}]}'),
	('not a category', '{"conditions": [{"none": [{"type": "contains", "select": {"categories": ["tea"]}}]}], "actions": [{"type": "percent_off", "target": "order", "percent": 5}]}'),
	('a segment', '{"channels": ["web"], "conditions": [{"type": "segment", "any_of": ["loyal"]}, {"type": "customer_group", "any_of": ["vip"]}], "actions": [{"type": "percent_off", "target": "order", "percent": 5}]}'),
	('a channel', '{"channels": ["web"], "actions": [{"type": "percent_off", "target": "order", "percent": 5}]}'),
	('no channel', '{"channels": [], "actions": [{"type": "percent_off", "target": "order", "percent": 5}]}')) d (name, definition);
SELECT p.promotion, p.key_kind, p.keys FROM promo.promotion p WHERE p.promotion_id > 2 ORDER BY p.promotion_id;

-- All that is wrong is told at once, each with its place
SELECT promo.define_promotion('{"name": "", "id": 5, "code": " - ", "priority": 1.5, "starts_at": "2026-01-02", "ends_at": "yesterday", "channels": "web", "currency": {"code": "eur"},
	"stop_after": "never", "groups": [{"name": "a"}, {"name": "a", "most": 0}, {}], "colour": "red", "limits": {"total": "many", "budget": "1e5"},
	"conditions": [{"type": "min_subtotal"}, {"type": "min_quantity", "quantity": 0.0005}, {"type": "moon"}, {"type": "contains", "select": {"product": ["x"]}},
		{"any": [{"type": "tier", "any_of": []}, 7]}, {"type": "schedule", "hours": [{"from": "25:00", "until": "1:00"}], "weekdays": ["mon"], "time_zone": "Mars/Base"},
		{"type": "attribute", "of": "line", "name": "color", "operator": "is", "value": null}, {"type": "birthday", "days_before": 1000}],
	"actions": [{"type": "percent_off", "target": "order", "percent": 101}, {"type": "amount_off", "target": "moon", "amount": "NaN", "first_unit": 1},
		{"type": "tiered_percent", "tiers": [{"from": 20, "percent": 1}, {"from": 10, "percent": 2}]}, {"type": "buy_get", "buy": {"quantity": 0}},
		{"type": "gift"}, {"type": "bundle_price", "quantity": 2, "price": -1}, {"type": "issue_code"}, "free"]}');
-- A budget needs its currency, and a promotion something to do
SELECT promo.define_promotion('{"name": "x", "limits": {"budget": 5}, "actions": []}');
SELECT promo.define_promotion('{"name": "x"}');
SELECT promo.define_promotion('[1]');
SELECT promo.define_promotion('null');
SELECT promo.define_promotion('{"name": "x", "actions": [{"type": "amount_off", "target": "order", "amount": 1e400}]}');
SELECT promo.define_promotion('{"name": "x", "actions": [{"type": "amount_off", "target": "order", "amount": 1.00001}]}');
SELECT promo.define_promotion(jsonb_build_object('name', repeat('x', 201), 'actions', '[{"type": "amount_off", "target": "order", "amount": 1}]'::jsonb));
-- Conditions nest eight deep, and no deeper
PREPARE deep (int) AS SELECT promo.define_promotion(format('{"name": "deep", "conditions": [%s{"type": "first_order"}%s], "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}',
	repeat('{"any": [', $1), repeat(']}', $1))::jsonb);
EXECUTE deep (8);
EXECUTE deep (9);
-- A thousand conditions, and no more
PREPARE wide (int) AS SELECT promo.define_promotion(format('{"name": "wide", "conditions": [%s], "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}',
	array_to_string(array_fill('{"type": "first_order"}'::text, ARRAY[$1]), ','))::jsonb);
EXECUTE wide (1000);
EXECUTE wide (1001);
SELECT count(*) FROM promo.promotion;

-- A fault takes nothing with it, and what is rolled back never was
BEGIN;
SELECT promo.define_promotion('{"name": "gone", "code": "GONE", "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}');
ROLLBACK;
SELECT count(*) FROM promo.promotion WHERE promotion = 'gone';
SELECT count(*) FROM promo.coupon_code WHERE key = 'GONE';

-- Nobody may who was not granted it; who was needs no table
CREATE ROLE promotion_test_operator;
SET ROLE promotion_test_operator;
SELECT promo.define_promotion('{}');
SELECT promo.archive_promotion('hare');
RESET ROLE;
GRANT EXECUTE ON FUNCTION promo.define_promotion, promo.archive_promotion TO promotion_test_operator;
SET ROLE promotion_test_operator;
SET search_path = pg_temp;
SELECT promo.define_promotion('{"name": "mine", "code": "MINE", "limits": {"total": 1}, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}');
SELECT promo.archive_promotion('hare');
RESET search_path;
RESET ROLE;
SELECT v.defined_by FROM promo.promotion_version v JOIN promo.promotion p USING (promotion_id) WHERE p.promotion = 'mine';
REVOKE EXECUTE ON FUNCTION promo.define_promotion, promo.archive_promotion FROM promotion_test_operator;
DROP ROLE promotion_test_operator;

-- Nothing of this stays for other tests
TRUNCATE promo.promotion, promo.promotion_version, promo.coupon_batch, promo.coupon_code, promo.usage_limit, promo.usage_slot, promo.usage_customer,
	promo.redemption, promo.redemption_promotion, promo.redemption_order RESTART IDENTITY;
DELETE FROM promo.customer;
