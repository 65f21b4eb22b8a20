-- Purchases whose points the program's rules count as they are posted: what
-- points_for() says, and caps and numbers of orders by what was posted before.
\set SHOW_CONTEXT never

CREATE FUNCTION pg_temp.definition(name text, earning jsonb, points jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql AS $$ SELECT jsonb_build_object('name', name, 'currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'time_zone', 'Europe/Berlin',
	'tiers', '[{"name": "basic", "threshold": 0}, {"name": "gold", "threshold": 1000000}]'::jsonb, 'earning', earning, 'points', points) $$;

-- All faults of a definition at once, those of the rules among them
SELECT promo.define_program(pg_temp.definition('default', '{"rounding": "up", "time_zone": "UTC",
	"rules": [{"type": "rate"}, {"type": "fixed", "points": 1, "conditions": [{"type": "tier", "any_of": ["gold", "silver"]}]}]}') || '{"grace_days": -1}');
SELECT promo.define_program(pg_temp.definition('default', '{}'));

CREATE TEMP TABLE earning AS SELECT '{"cap_per_order": 500, "cap_per_period": {"points": 1000, "unit": "month"}, "rules": [
	{"id": "euro", "type": "per_amount", "points": 1, "per": 100},
	{"id": "tea", "type": "rate", "rate": 2, "category": "tea"},
	{"id": "first", "type": "fixed", "points": 100, "conditions": [{"type": "nth_order", "n": 1}]},
	{"id": "app", "type": "multiplier", "multiplier": 1.5, "conditions": [{"type": "channel", "any_of": ["app"]}]},
	{"id": "gold", "type": "multiplier", "multiplier": 2, "conditions": [{"type": "tier", "any_of": ["gold"]}]}]}'::jsonb AS rules;
SELECT promo.define_program(pg_temp.definition('default', rules)) FROM earning;
SELECT promo.enroll_all('SELECT unnest(''{ann,bob,carol,dave,er1,er2}''::text[])', '2025-01-01 00:00Z');

-- The answer says how; a repeat gives the same, whatever the rules are by then
SELECT promo.earn('ann', 'o1', '{"lines": [{"sku": "a", "amount": "30.90", "category": "tea"}, {"sku": "b", "amount": 20}]}', '2026-01-05 00:00Z');
SELECT promo.define_program(pg_temp.definition('default', '{"rules": []}'));
SELECT promo.earn('ann', 'o1', '{"lines": [{"sku": "a", "amount": "30.90", "category": "tea"}, {"sku": "b", "amount": 20}]}', '2026-01-05 00:00Z');
SELECT promo.earn('ann', 'o0', '{"lines": [{"sku": "b", "amount": 20}]}', '2026-01-05 00:00Z');
SELECT promo.define_program(pg_temp.definition('default', rules)) FROM earning;

-- The first order is over; the app earns half as much again
SELECT promo.earn('ann', 'o2', '{"lines": [{"amount": 33}], "channel": "app"}', '2026-01-06 00:00Z');
-- A cap of the order, and of the month, which is that of Berlin
SELECT promo.earn('ann', 'o3', '{"lines": [{"amount": 700}]}', '2026-01-07 00:00Z');
SELECT promo.earn('ann', 'o4', '{"order": {"items_total": 70000, "order_total": 71000}, "lines": []}', '2026-01-31 22:59:59Z');
SELECT promo.earn('ann', 'o5', '{"lines": [{"amount": 700}]}', '2026-01-31 23:00Z');
-- What came back makes room again, but only in its month
SELECT promo.return_order('ann', 'back', 'o3', 350, '2026-02-02 00:00Z');
SELECT promo.earn('ann', 'o6', '{"lines": [{"amount": 70}]}', '2026-01-31 00:00Z'), promo.earn('ann', 'o7', '{"lines": [{"amount": 600}]}', '2026-02-03 00:00Z');
-- Points that the shop counted itself go beside the rules
SELECT promo.earn('ann', 'review', '{"points": 2000, "amount": 0}', '2026-01-31 00:00Z'), promo.earn('ann', 'o8', '{"lines": [{"amount": 1}]}', '2026-02-04 00:00Z');

-- An order comes back in the proportion of its money: what was paid for it, with
-- delivery, less discounts; or what it is told to be
SELECT promo.earn('bob', 'o1', '{"lines": [{"amount": 100}, {"amount": 10, "delivery": true}], "discounts": [{"percent": 10}]}', '2026-01-05 00:00Z');
SELECT promo.earn('bob', 'o2', '{"lines": [{"amount": 100}], "amount": 80, "expires_at": null}', '2026-01-05 00:00Z') ->> 'points' AS o2,
	promo.earn('bob', 'o3', '{"order": {"items_total": 10000, "order_total": 40000}, "lines": [], "expires_at": "2026-04-01T00:00Z"}', '2026-01-05 00:00Z') ->> 'points' AS o3;
SELECT promo.earn('bob', 'o4', '{"basis": 5000}', '2026-01-05 00:00Z');
SELECT promo.define_program(pg_temp.definition('totals', '{"rules": [{"type": "per_amount", "points": 1, "per": 100}]}')), promo.enroll('bob', '2025-01-01 00:00Z', 'totals');
SELECT promo.earn('bob', 'o1', '{"basis": 5000}', '2026-01-05 00:00Z', 'totals');
SELECT promo.earn('bob', 'o1', '{"basis": 5000, "amount": 60}', '2026-01-05 00:00Z', 'totals') ->> 'points' AS o1;
SELECT e.key, e.points, e.amount, l.expires_at AT TIME ZONE 'Europe/Berlin' AS expires_at, e.counted FROM promo.points_entry e LEFT JOIN promo.points_lot l USING (entry_id)
JOIN promo.customer c ON c.customer_id = e.customer_id WHERE c.shop_id = 'bob' ORDER BY e.entry_id;
SELECT promo.return_order('bob', 'b1', 'o1', 50, '2026-01-06 00:00Z'), promo.return_order('bob', 'b2', 'o1', 50, '2026-01-07 00:00Z'), promo.return_order('bob', 'b3', 'o2', 20, '2026-01-07 00:00Z');

-- A purchase with all its faults; what is known already it may not say
SELECT promo.earn('carol', 'o1', '{"lines": [{"amount": 1.999}, {}], "tier": "gold", "currency": {"code": "USD", "exponent": 2}, "order_number": 1, "at": "2026-01-01T00:00Z", "expires_at": "soon", "amount": -1, "total": 5}', '2026-01-05 00:00Z');
SELECT * FROM promo.earn_all($$SELECT 'carol' AS customer, 'o1' AS key, '{"order": 1}'::jsonb AS purchase, '2026-01-05 00:00Z'::timestamptz AS at$$);
-- Suspended, or before there was a membership: nothing is counted
SELECT promo.suspend_member('dave', 'fraud?', '2026-01-02 00:00Z'), promo.earn('dave', 'o1', '{"lines": [{"amount": 10}]}', '2026-01-05 00:00Z'),
	promo.resume_member('dave', '2026-01-03 00:00Z'), promo.earn('dave', 'o1', '{"lines": [{"amount": 10}]}', '2024-01-05 00:00Z');

-- The tier is that of the moment of the purchase
SELECT promo.assign_tier('carol', 'gold', 'infinity', 'a test', '2026-02-01 00:00Z');
SELECT promo.earn('carol', 'late', '{"lines": [{"amount": 10}]}', '2026-02-01 00:00Z') ->> 'points' AS gold,
	promo.earn('carol', 'early', '{"lines": [{"amount": 10}]}', '2026-01-31 23:59Z') ->> 'points' AS basic;

-- What a tier multiplies points by is a benefit of it
SELECT promo.define_program(jsonb_set(pg_temp.definition('plus', '{"rules": [{"id": "euro", "type": "per_amount", "points": 1, "per": 100}]}'),
	'{tiers,1}', '{"name": "gold", "threshold": 1000, "benefits": [{"type": "points_multiplier", "multiplier": 1.25}]}')), promo.enroll('dave', '2025-01-01 00:00Z', 'plus');
SELECT promo.earn('dave', 'o1', '{"lines": [{"amount": 999}]}', '2026-01-05 00:00Z', 'plus') -> 'points' AS basic, promo.earn('dave', 'o2', '{"lines": [{"amount": 2}]}', '2026-01-06 00:00Z', 'plus') -> 'points' AS reaches_gold,
	promo.earn('dave', 'o3', '{"lines": [{"amount": 9}]}', '2026-01-07 00:00Z', 'plus') AS gold;
SELECT promo.enroll('carol', '2025-01-01 00:00Z', 'plus');
SELECT posted, points FROM promo.earn_all($$SELECT 'carol' AS customer, key, jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('amount', amount))) AS purchase, at
	FROM (VALUES ('o1', 999, '2026-01-05 00:00Z'::timestamptz), ('o2', 2, '2026-01-06 00:00Z'), ('o3', 9, '2026-01-07 00:00Z')) v(key, amount, at)$$, 'plus');
SELECT promo.define_program(jsonb_set(pg_temp.definition('plus', '{"rules": [{"id": "euro", "type": "per_amount", "points": 1, "per": 100}]}'),
	'{tiers,1}', '{"name": "gold", "threshold": 1000, "benefits": [{"type": "points_multiplier", "multiplier": 3}]}')), promo.earn('dave', 'o4', '{"lines": [{"amount": 1}]}', '2026-01-08 00:00Z', 'plus') -> 'points' AS three;

-- A merged customer's orders and points of the month are the other's
SELECT promo.earn('er1', 'o1', '{"lines": [{"amount": 900}]}', '2026-01-05 00:00Z') ->> 'points' AS one, promo.earn('er2', 'o1', '{"lines": [{"amount": 900}]}', '2026-01-05 00:00Z') ->> 'points' AS other;
SELECT promo.merge_members('er1', 'er2', '2026-01-06 00:00Z'), promo.earn('er2', 'o2', '{"lines": [{"amount": 900}]}', '2026-01-07 00:00Z') AS nothing_left;
SELECT promo.earn('er2', 'o3', '{"lines": [{"amount": 10}]}', '2026-02-07 00:00Z') -> 'breakdown' AS not_the_first;

-- Many at once are posted as one after the other: in a program whose points
-- expire by themselves, and in one where members are looked at one by one
SELECT promo.define_program(pg_temp.definition(name, rules, points)) FROM earning, (VALUES ('one', '{}'::jsonb), ('all', '{}'),
	('one idle', '{"expiry": {"type": "inactivity", "months": 6}}'), ('all idle', '{"expiry": {"type": "inactivity", "months": 6}}')) v(name, points);
SELECT name, promo.enroll_all('SELECT ''em'' || g FROM generate_series(1, 40) g', '2025-01-01 00:00Z', name) FROM unnest('{one,all,one idle,all idle}'::text[]) name;
SELECT count(promo.assign_tier(m.customer, 'gold', 'infinity', 'a test', '2026-02-15 00:00Z', m.program)) FROM promo.members m WHERE m.customer ~ '^em[12]' AND m.program <> 'default';
CREATE TEMP TABLE orders AS
SELECT 'em' || 1 + g % 37 AS customer, 'o' || g % 590 AS key, '2026-01-01 00:00Z'::timestamptz + (g % 590) * 7919 % 2000 * interval '1 hour' AS at,
	CASE WHEN g % 11 = 0 THEN jsonb_build_object('points', g % 590, 'amount', g % 590)
		ELSE jsonb_build_object('channel', (ARRAY['app', 'web'])[1 + g % 590 % 2], 'lines', jsonb_build_array(
			jsonb_build_object('amount', round((g % 590 * 37 % 400)::numeric / 3, 2), 'category', 'tea'), jsonb_build_object('amount', g % 590 % 7 * 50, 'quantity', 2))) END AS purchase
FROM generate_series(1, 590) g;
SELECT count(promo.earn(customer, key, purchase, at, 'one')), count(promo.earn(customer, key, purchase, at, 'one idle'))
FROM (SELECT * FROM orders ORDER BY customer, at, key) o;
SELECT name, a.*, b.* FROM unnest('{all,all idle}'::text[]) name, promo.earn_all('SELECT * FROM orders WHERE at < ''2026-02-10 00:00Z''', name) a, promo.earn_all('SELECT * FROM orders', name) b;
SELECT p.program, count(*), sum(e.points) AS points, sum((e.counted ->> 'cut')::bigint) > 0 AS some_cut,
	count(*) FILTER (WHERE e.counted ->> 'multiplier' = '3') > 0 AS some_gold,
	md5(string_agg(format('%s %s %s %s %s', c.shop_id, e.key, e.points, e.amount, e.counted), ',' ORDER BY c.shop_id, e.key)) AS same
FROM promo.points_entry e JOIN promo.customer c USING (customer_id) JOIN promo.program p USING (program_id)
WHERE p.program ~ 'one|all' AND e.kind = 'earn' GROUP BY p.program ORDER BY p.program;

-- Each is what points_for() says of the same purchase and the past
WITH entry AS (
	SELECT e.*, e.points AS given, o.purchase, 1 + count(*) FILTER (WHERE e.amount > 0) OVER (PARTITION BY e.customer_id ORDER BY e.entry_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS n,
		(SELECT t.tier FROM promo.tier_period t WHERE (t.program_id, t.customer_id) = (e.program_id, e.customer_id) AND t.begins_at <= e.at AND (t.ends_at > e.at) IS NOT FALSE) AS tier,
		sum(e.points) FILTER (WHERE e.counted IS NOT NULL) OVER (PARTITION BY e.customer_id, date_trunc('month', e.at AT TIME ZONE 'Europe/Berlin') ORDER BY e.entry_id
			ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earned
	FROM promo.points_entry e JOIN promo.program p USING (program_id) JOIN orders o USING (key) WHERE p.program = 'one'
)
SELECT count(*), count(*) FILTER (WHERE promo.points_for(purchase || jsonb_build_object('currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
	'order_number', n, 'tier', tier, 'earned_in_period', coalesce(earned, 0)), rules || '{"time_zone": "Europe/Berlin"}') = counted || jsonb_build_object('points', given)) AS right
FROM entry, earning WHERE counted IS NOT NULL;

-- The audit adds up what was counted, and finds what was not
SELECT * FROM promo.membership_audit();
BEGIN;
UPDATE promo.points_entry SET counted = jsonb_set(counted, '{breakdown,euro}', '7') WHERE key = 'o1' AND counted IS NOT NULL AND program_id = (SELECT program_id FROM promo.program WHERE program = 'default') AND customer_id = (SELECT customer_id FROM promo.customer WHERE shop_id = 'bob');
SELECT program, customer, fault, expected, found FROM promo.membership_audit();
ROLLBACK;

-- What is shown of a customer says how points were counted
SELECT promo.customer_data('carol') #> '{membership,0,points,0,counted}' AS shown;

TRUNCATE promo.points_allocation, promo.points_lot, promo.points_hold, promo.points_entry, promo.tier_period, promo.member, promo.tier, promo.program;
