-- Customers who turn out to be one: everything is found under either id, what
-- they have adds up, and nothing can be earned or redeemed twice.
\set SHOW_CONTEXT never

SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "points": {"debt": true},
	"tiers": [{"name": "basic", "threshold": 0}, {"name": "gold", "threshold": 500}]}');
SELECT promo.define_program('{"name": "air", "currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "red", "threshold": 0}]}');
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''ann'', ''anna'', ''bob'', ''carol'', ''dave'']) c', '2025-01-01 00:00Z');
SELECT promo.enroll('anna', '2024-06-01 00:00Z', 'air');
SELECT promo.define_segment('buyers', $$SELECT * FROM unnest(ARRAY['anna', 'bob']) c$$);

SELECT promo.earn('ann', 'o1', '{"points": 100, "amount": 100}', '2026-01-01 00:00Z'), promo.earn('anna', 'o2', '{"points": 50, "amount": 50, "expires_at": "2026-06-01T00:00Z"}', '2026-01-02 00:00Z'),
	promo.redeem_points('anna', 'r1', 10, '2026-01-03 00:00Z'), promo.hold_points('anna', 'h1', 15, '2026-01-03 00:00Z'), promo.earn('anna', 'f1', '{"points": 9, "amount": 9}', '2026-01-04 00:00Z', 'air');
SELECT promo.merge_members('anna', 'ann', '2026-02-01 00:00Z'), promo.merge_members('anna', 'ann', '2026-02-02 00:00Z') AS again;
SELECT promo.points_balance('ann', '2026-02-01 00:00Z'), promo.points_balance('anna', '2026-02-01 00:00Z') AS under_the_other, promo.points_balance('anna', '2026-02-01 00:00Z', 'air') AS air;
SELECT * FROM promo.points_account('ann', '2026-02-01 00:00Z');
SELECT promo.in_segment('buyers', 'ann'), promo.in_segment('buyers', 'anna') AS under_the_other;
SELECT * FROM promo.refresh_segment('buyers');
SELECT program, customer, state, enrolled_at = '2024-06-01 00:00Z' AS of_the_older, tier, reason FROM promo.members WHERE customer ~ '^ann' ORDER BY program, customer;
SELECT promo.enroll('anna', '2026-02-01 00:00Z'::timestamptz), promo.enroll_all('SELECT * FROM unnest(ARRAY[''ann'', ''anna'']) c', '2026-02-01 00:00Z');

-- What was posted under one is known under the other, one by one and at once
SELECT promo.earn('ann', 'o2', '{"points": 50, "amount": 50, "expires_at": "2026-06-01T00:00Z"}', '2026-01-02 00:00Z'), promo.redeem_points('ann', 'r1', 10, '2026-01-03 00:00Z');
SELECT * FROM promo.earn_all($$SELECT c AS customer, k AS key, timestamptz '2026-02-02 00:00Z' AS at, p::jsonb AS purchase FROM (VALUES ('anna', 'o1', '{"points": 100, "amount": 100}'), ('ann', 'o3', '{"points": 7, "amount": 7}'), ('anna', 'o3', '{"points": 7, "amount": 7}')) v(c, k, p)$$);
SELECT promo.earn('ann', 'o2', '{"points": 51, "amount": 50}', '2026-01-02 00:00Z');
SELECT promo.earn_all($$SELECT 'ann' AS customer, 'o2' AS key, timestamptz '2026-02-02 00:00Z' AS at, '{"points": 51, "amount": 50}'::jsonb AS purchase$$);
SELECT promo.capture_points('ann', 'h1', 5, '2026-02-03 00:00Z'), promo.undo_redemption('ann', 'u1', 'r1', '2026-02-03 00:00Z'), promo.return_order('ann', 'b1', 'o2', 25, '2026-02-03 00:00Z');
SELECT e.key, l.remaining FROM promo.points_lot l JOIN promo.points_entry e USING (entry_id) JOIN promo.customer c ON c.customer_id = l.customer_id WHERE c.shop_id = 'ann' ORDER BY lot_id;
SELECT promo.return_order('anna', 'b2', 'o2', 25, '2026-02-04 00:00Z') ->> 'points' AS points;
SELECT promo.return_order('ann', 'b3', 'o2', 1, '2026-02-04 00:00Z');
SELECT promo.release_points('anna', 'h1', '2026-02-04 00:00Z');

-- What one owes is paid by what the other has, and the higher tier goes on
SELECT promo.adjust_points('bob', 'a1', -30, 'a mistake', '2026-01-01 00:00Z'), promo.earn('carol', 'o1', '{"points": 40, "amount": 40}', '2026-01-01 00:00Z'), promo.hold_points('carol', 'h2', 5, '2026-01-02 00:00Z');
UPDATE promo.tier_period t SET tier = 'gold', earned = 'gold' FROM promo.customer c WHERE c.customer_id = t.customer_id AND c.shop_id = 'bob';
SELECT promo.merge_members('bob', 'carol', '2026-02-01 00:00Z');
SELECT * FROM promo.points_account('carol', '2026-02-01 00:00Z');
SELECT tier, begins_at = '2026-02-01 00:00Z' AS since_the_merge, cause FROM promo.tier_period t JOIN promo.customer c USING (customer_id) WHERE shop_id = 'carol' ORDER BY begins_at;
-- One who was merged into, merged again: all three are one
SELECT promo.merge_members('carol', 'ann', '2026-03-01 00:00Z');
SELECT shop_id, number = (SELECT customer_id FROM promo.customer WHERE shop_id = 'ann') AS is_ann FROM promo.customer WHERE shop_id IN ('ann', 'anna', 'bob', 'carol', 'dave') ORDER BY 1;
SELECT promo.capture_points('bob', 'h2', 4, '2026-03-02 00:00Z');
SELECT promo.hold_points('ann', 'h3', 5, '2026-03-02 00:00Z');
SELECT promo.merge_members('bob', 'ann', '2026-03-02 00:00Z') AS one_already;

SELECT promo.merge_members('ann', 'ann');
SELECT promo.merge_members('nobody', 'ann');
SELECT promo.merge_members('ann', NULL);
SELECT promo.merge_members('ann', 'dave', 'infinity');
SELECT promo.close_member('dave', 'asked for it', '2026-03-01 00:00Z');
SELECT promo.merge_members('ann', 'dave', '2026-03-02 00:00Z');
SELECT promo.merge_members('dave', 'ann', '2026-03-02 00:00Z') AS the_other_way_round;

SELECT * FROM promo.membership_audit();

-- Shown together, and forgotten together
SELECT promo.customer_data('bob') -> 'customer' -> 'merged' AS merged, jsonb_array_length(promo.customer_data('ann') -> 'membership') AS memberships,
	(SELECT string_agg(k #>> '{}', ' ' ORDER BY k) FROM jsonb_path_query(promo.customer_data('bob'), '$.membership[*].points[*] ? (@.kind == "earn").key') k) AS keys;
SELECT promo.forget_customer('anna'), promo.forget_customer('ann') AS again;
SELECT count(*) AS left FROM promo.customer WHERE shop_id IN ('ann', 'anna', 'bob', 'carol', 'dave');
SELECT count(*) FILTER (WHERE key ~ '^[a-z]') AS words FROM promo.points_entry WHERE length(key) < 64;
SELECT * FROM promo.membership_audit();

CREATE ROLE merge_test_application;
SET ROLE merge_test_application;
SELECT promo.merge_members('ann', 'bob');
SELECT promo.membership_merge(1, 2, now());
RESET ROLE;
DROP ROLE merge_test_application;

SELECT promo.drop_segment('buyers');
TRUNCATE promo.points_allocation, promo.points_lot, promo.points_hold, promo.points_entry, promo.tier_period, promo.member, promo.tier, promo.program;
