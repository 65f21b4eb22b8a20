-- What a member's account says, and what all of them come to.
\set SHOW_CONTEXT never

SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "time_zone": "Europe/Berlin", "tiers": [{"name": "basic", "threshold": 0}],
	"points": {"expiry": {"type": "after", "days": 60}, "pending_days": 7}}');
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''ann'', ''bob'', ''carol'']) c', '2025-01-01 00:00Z');
SELECT promo.earn('ann', 'o1', '{"points": 100, "amount": 99.50}', '2026-01-01 10:00Z'), promo.earn('ann', 'o2', '{"points": 50, "amount": 50}', '2026-01-20 10:00Z'),
	promo.redeem_points('ann', 'r1', 30, '2026-01-15 10:00Z'), promo.hold_points('ann', 'h1', 20, '2026-01-16 10:00Z'), promo.capture_points('ann', 'h1', 15, '2026-01-17 10:00Z'),
	promo.return_order('ann', 'b1', 'o2', 25, '2026-01-25 10:00Z'), promo.points_expire_batch('2026-03-10 00:00Z', 10);

-- Entry by entry, in the order in which it happened, from one balance to the other
SELECT to_char(at AT TIME ZONE 'UTC', 'MM-DD HH24:MI') AS at, what, key, amount, points, held, balance FROM promo.member_statement('ann', '2026-01-01 00:00Z', '2026-04-01 00:00Z');
SELECT to_char(at AT TIME ZONE 'UTC', 'MM-DD HH24:MI') AS at, what, key, amount, points, held, balance FROM promo.member_statement('ann', '2026-01-15 10:00Z', '2026-01-17 10:00Z');
SELECT what, balance FROM promo.member_statement('carol', '2026-01-01 00:00Z', '2026-01-01 00:00Z');
SELECT * FROM promo.member_statement('ann', '2026-02-01 00:00Z', '2026-01-01 00:00Z');
SELECT * FROM promo.member_statement('nobody', '2026-01-01 00:00Z', '2026-02-01 00:00Z');

-- What all have: what can be used, what waits, what is held, and what of it expires soon
SELECT promo.earn('bob', 'o1', '{"points": 200, "amount": 200, "expires_at": null}', '2026-03-01 00:00Z'), promo.hold_points('bob', 'h1', 10, '2026-03-09 00:00Z'),
	promo.earn('bob', 'o2', '{"points": 40, "amount": 40}', '2026-03-09 00:00Z');
SELECT * FROM promo.points_liability('2026-03-10 00:00Z');
SELECT * FROM promo.points_liability('2026-06-10 00:00Z');

-- By month, in the program's zone, and by month of earning
SELECT promo.earn('carol', 'o1', '{"points": 8, "amount": 8}', '2026-01-31 23:30Z');
SELECT * FROM promo.points_by_month ORDER BY month;
SELECT * FROM promo.points_breakage ORDER BY month;
-- each adds up to the trial balance
SELECT sum(m.earned + m.adjusted - m.redeemed - m.expired - m.returned) AS by_month, (SELECT liability FROM promo.points_by_month ORDER BY month DESC LIMIT 1) AS at_the_end,
	(SELECT liability FROM promo.points_trial_balance) AS trial, (SELECT sum(issued - redeemed - expired - reversed) = sum(remaining) FROM promo.points_breakage) AS breakage_adds_up
FROM promo.points_by_month m;
SELECT * FROM promo.membership_audit();

CREATE ROLE statement_test_application;
GRANT EXECUTE ON FUNCTION promo.member_statement(text, timestamptz, timestamptz, text) TO statement_test_application;
SET ROLE statement_test_application;
SELECT count(*) FROM promo.member_statement('ann', '2026-01-01 00:00Z', '2026-04-01 00:00Z');
SELECT * FROM promo.points_liability();
SELECT * FROM promo.points_by_month;
RESET ROLE;
DROP OWNED BY statement_test_application;
DROP ROLE statement_test_application;
TRUNCATE promo.points_allocation, promo.points_lot, promo.points_hold, promo.points_entry, promo.tier_period, promo.member, promo.tier, promo.program;
