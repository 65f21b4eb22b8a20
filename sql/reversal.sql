-- What was posted is taken back: points held and released, orders returned,
-- redemptions undone, points given to others; and points expire.
\set SHOW_CONTEXT never

SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}]}');
SELECT promo.define_program('{"name": "loan", "currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}],
	"points": {"expiry": {"type": "never"}, "debt": true, "clawback": "debt"}}');
SELECT promo.define_program('{"name": "idle", "currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}],
	"points": {"expiry": {"type": "inactivity", "days": 30}, "restore_grace_days": 0}}');
SELECT promo.define_program('{"name": "slow", "time_zone": "Europe/Berlin", "currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}],
	"points": {"expiry": {"type": "after", "months": 12, "end_of": "quarter"}, "pending_days": 14}}');
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''ann'', ''bob'', ''carol'', ''dave'']) c', '2025-01-01 00:00Z', p)
FROM unnest(ARRAY['default', 'loan', 'idle', 'slow']) p;

CREATE FUNCTION left_of(customer text, program text) RETURNS text LANGUAGE sql AS
	'SELECT string_agg(e.key || '' '' || l.remaining, '', '' ORDER BY l.lot_id) FROM promo.points_lot l JOIN promo.points_entry e USING (entry_id)
	 JOIN promo.customer c ON c.customer_id = l.customer_id JOIN promo.program p ON p.program_id = l.program_id WHERE c.shop_id = $1 AND p.program = $2';

-- Points of a program with terms wait and expire by them: pending at first, and gone with a quarter
SELECT promo.earn('ann', 'o1', '{"points": 100, "amount": 100}', '2026-02-10 23:30Z', 'slow');
SELECT to_char(as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS as_of, a.* FROM unnest(ARRAY['2026-02-10 23:29Z', '2026-02-10 23:30Z', '2026-02-24 23:29Z', '2026-02-24 23:30Z', '2027-03-31 21:59Z', '2027-03-31 22:00Z']::timestamptz[]) as_of,
	promo.points_account('ann', as_of, 'slow') a ORDER BY 1;
SELECT promo.redeem_points('ann', 'r1', 1, '2026-02-24 23:29Z', program => 'slow');
SELECT promo.redeem_points('ann', 'r1', 1, '2026-02-24 23:30Z', program => 'slow');
SELECT promo.earn('ann', 'o2', '{"points": 100, "amount": 100, "expires_at": "2026-03-10T00:00:00Z"}', '2026-03-01 00:00Z', 'slow');

-- A hold takes points from what is available, not from the account; captured or released once
SELECT promo.earn('ann', 'o1', '{"points": 120, "amount": 120, "expires_at": "2027-01-01T00:00Z"}', '2026-01-01 00:00Z');
SELECT promo.hold_points('ann', 'h1', 40, '2026-01-02 00:00Z'), promo.hold_points('ann', 'h1', 40, '2026-01-03 00:00Z') AS again;
SELECT * FROM promo.points_account('ann', '2026-01-02 00:00Z');
SELECT promo.hold_points('ann', 'h1', 41, '2026-01-02 00:00Z');
SELECT promo.hold_points('ann', 'h2', 81, '2026-01-02 00:00Z');
SELECT promo.redeem_points('ann', 'r1', 81, '2026-01-02 00:00Z');
SELECT promo.redeem_points('ann', 'h1', 40, '2026-01-02 00:00Z');
SELECT promo.capture_points('ann', 'h1', 41, '2026-01-03 00:00Z');
SELECT promo.capture_points('ann', 'h1', 30, '2026-01-03 00:00Z'), promo.capture_points('ann', 'h1', 30, '2026-01-04 00:00Z') AS again;
SELECT promo.capture_points('ann', 'h1', 31, '2026-01-04 00:00Z');
SELECT promo.release_points('ann', 'h1', '2026-01-04 00:00Z');
SELECT promo.hold_points('ann', 'h1', 40, '2026-01-04 00:00Z'), promo.redeem_points('ann', 'h1', 30, '2026-01-04 00:00Z');
SELECT * FROM promo.points_account('ann', '2026-01-03 00:00Z');
SELECT promo.hold_points('ann', 'h2', 50, '2026-01-04 00:00Z'), promo.release_points('ann', 'h2', '2026-01-05 00:00Z'), promo.release_points('ann', 'h2', '2026-01-06 00:00Z') AS again;
SELECT promo.capture_points('ann', 'h2', at => '2026-01-06 00:00Z');
SELECT promo.capture_points('ann', 'h3', at => '2026-01-06 00:00Z');
SELECT promo.release_points('ann', 'h3', '2026-01-06 00:00Z');
SELECT promo.hold_points('ann', 'h3', 1, '2026-01-06 00:00Z', '-1 hour');
SELECT promo.hold_points('ann', 'h3', 0, '2026-01-06 00:00Z');
SELECT promo.hold_points('ann', 'h3', NULL);
-- A hold times out at an instant, whoever notices when
SELECT promo.hold_points('ann', 'h3', 90, '2026-01-06 00:00Z', '15 minutes');
SELECT to_char(as_of AT TIME ZONE 'UTC', 'HH24:MI') AS as_of, a.* FROM unnest(ARRAY['2026-01-06 00:14Z', '2026-01-06 00:15Z']::timestamptz[]) as_of, promo.points_account('ann', as_of) a ORDER BY 1;
SELECT promo.redeem_points('ann', 'r1', 1, '2026-01-06 00:14:59Z');
SELECT promo.capture_points('ann', 'h3', at => '2026-01-06 00:15Z');
SELECT promo.redeem_points('ann', 'r1', 1, '2026-01-06 00:15Z'), promo.release_points('ann', 'h3', '2026-01-06 00:16Z') AS too_late;
SELECT promo.capture_points('ann', 'h3', at => '2026-01-06 00:14Z');
-- What is held when its lot expires can still be captured; released, it expires
SELECT promo.hold_points('ann', 'h4', 20, '2026-12-31 00:00Z'), promo.hold_points('ann', 'h5', 20, '2026-12-31 00:00Z');
SELECT promo.points_expire_batch('2027-01-01 00:00Z', 100) AS members, promo.points_expire_batch('2027-01-01 00:00Z', 100) AS again;
SELECT promo.capture_points('ann', 'h4', at => '2027-01-02 00:00Z'), promo.release_points('ann', 'h5', '2027-01-02 00:00Z');
SELECT * FROM promo.points_account('ann', '2027-01-02 00:00Z');
SELECT promo.points_expire_batch('2027-01-03 00:00Z', 100) AS members;
SELECT kind, points, due, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS at FROM promo.points_entry WHERE kind <> 'earn' AND at > '2026-12-01 00:00Z' ORDER BY entry_id;
SELECT left_of('ann', 'default');

-- Of a return, the order's own points go first, then those that expire first; what is spent is not taken, and said
SELECT promo.earn('bob', 'o' || g, jsonb_build_object('points', 100, 'amount', 50, 'expires_at', '2027-0' || g || '-01T00:00Z'), '2026-01-01 00:00Z') FROM generate_series(1, 3) g;
SELECT promo.redeem_points('bob', 'r1', 120, '2026-02-01 00:00Z');
SELECT promo.return_order('bob', 'b1', 'o2', 25, '2026-02-02 00:00Z'), promo.return_order('bob', 'b1', 'o2', 25.00, '2026-02-03 00:00Z') AS again;
SELECT left_of('bob', 'default');
SELECT promo.return_order('bob', 'b1', 'o2', 24, '2026-02-02 00:00Z');
SELECT promo.return_order('bob', 'b2', 'o2', 25.01, '2026-02-02 00:00Z');
SELECT promo.return_order('bob', 'b2', 'o2', at => '2026-02-03 00:00Z'), left_of('bob', 'default');
SELECT promo.return_order('bob', 'b3', 'o1', at => '2026-02-04 00:00Z'), promo.return_order('bob', 'b4', 'o3', 50, at => '2026-02-05 00:00Z') AS and_the_rest;
SELECT promo.return_order('bob', 'b4', 'o3', 50, at => '2026-02-06 00:00Z') AS again;
SELECT promo.points_balance('bob', '2026-02-06 00:00Z');
SELECT promo.return_order('bob', 'b5', 'o9', 1, '2026-02-06 00:00Z');
SELECT promo.return_order('bob', 'b5', 'o1', 0.001, '2026-02-06 00:00Z');
SELECT promo.return_order('bob', 'b5', 'o1', 0, '2026-02-06 00:00Z');
SELECT promo.return_order('bob', 'b5', NULL, 1, '2026-02-06 00:00Z');
-- Several returns take together what one of it all would
SELECT promo.earn('carol', 'o1', '{"points": 100, "amount": 9.99}', '2026-01-01 00:00Z');
SELECT g, promo.return_order('carol', 'b' || g, 'o1', 3.33, '2026-01-02 00:00Z') ->> 'points' AS taken FROM generate_series(1, 3) g;
SELECT promo.points_balance('carol', '2026-01-02 00:00Z');
SELECT promo.earn('carol', 'o2', '{"points": 7, "amount": 0}', '2026-01-01 00:00Z'), promo.return_order('carol', 'b4', 'o2', at => '2026-01-02 00:00Z');
-- Points of the order that have expired are lost already, whether that is posted or not
SELECT promo.earn('carol', 'o3', '{"points": 100, "amount": 100, "expires_at": "2026-03-01T00:00Z"}', '2026-02-01 00:00Z'),
	promo.earn('carol', 'o4', '{"points": 100, "amount": 100, "expires_at": null}', '2026-02-01 00:00Z'), promo.redeem_points('carol', 'r1', 30, '2026-02-02 00:00Z');
SELECT promo.return_order('carol', 'b5', 'o3', 60, '2026-03-01 00:00Z');
SELECT promo.points_expire_batch('2026-03-02 00:00Z', 100) AS members, promo.return_order('carol', 'b6', 'o3', 20, '2026-03-03 00:00Z');
SELECT promo.points_balance('carol', '2026-03-03 00:00Z');
-- Pending points of the order are taken too
SELECT promo.earn('carol', 'o1', '{"points": 50, "amount": 50}', '2026-02-01 00:00Z', 'slow'), promo.return_order('carol', 'b1', 'o1', 20, '2026-02-02 00:00Z', 'slow');
SELECT * FROM promo.points_account('carol', '2026-02-02 00:00Z', 'slow');

-- Where the program allows debt, the member owes what was spent, and the next points pay it
SELECT promo.earn('bob', 'o1', '{"points": 150, "amount": 150}', '2026-01-01 00:00Z', 'loan'), promo.redeem_points('bob', 'r', 100, '2026-01-02 00:00Z', program => 'loan');
SELECT promo.return_order('bob', 'b1', 'o1', at => '2026-01-05 00:00Z', program => 'loan');
SELECT * FROM promo.points_account('bob', '2026-01-05 00:00Z', 'loan');
SELECT promo.earn('bob', 'o2', '{"points": 30, "amount": 30}', '2026-01-06 00:00Z', 'loan');
SELECT promo.points_balance('bob', '2026-01-06 00:00Z', 'loan');
SELECT promo.redeem_points('bob', 'r2', 1, '2026-01-06 00:00Z', program => 'loan');
SELECT promo.earn('bob', 'o3', '{"points": 100, "amount": 100}', '2026-01-07 00:00Z', 'loan'), left_of('bob', 'loan');
SELECT promo.adjust_points('bob', 'a1', -80, 'a mistake', '2026-01-08 00:00Z', program => 'loan');
SELECT promo.points_balance('bob', '2026-01-08 00:00Z', 'loan');
-- A redemption that is undone pays first what is owed
SELECT promo.undo_redemption('bob', 'u1', 'r', '2026-01-09 00:00Z', 60, 'loan'), left_of('bob', 'loan');
SELECT to_char(as_of AT TIME ZONE 'UTC', 'MM-DD') AS as_of, a.* FROM generate_series(timestamptz '2026-01-01 00:00Z', '2026-01-09 00:00Z', interval '24 hours') as_of, promo.points_account('bob', as_of, 'loan') a ORDER BY 1;

-- Undone, points go back into the lots that they came from, with their dates; those that have expired live on for the days of grace
SELECT promo.earn('dave', 'o' || g, jsonb_build_object('points', 100, 'amount', 1, 'expires_at', '2026-0' || g || '-01T00:00Z'), '2026-01-01 00:00Z') FROM generate_series(2, 4) g;
SELECT promo.redeem_points('dave', 'r1', 250, '2026-01-02 00:00Z'), left_of('dave', 'default');
SELECT promo.undo_redemption('dave', 'u1', 'r1', '2026-01-03 00:00Z', 70), promo.undo_redemption('dave', 'u1', 'r1', '2026-01-04 00:00Z', 70) AS again, left_of('dave', 'default');
SELECT promo.undo_redemption('dave', 'u2', 'r1', '2026-02-10 00:00Z'), left_of('dave', 'default');
SELECT to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, points FROM promo.points_expiring('dave', '2026-01-01 00:00Z', '2027-01-01 00:00Z');
SELECT promo.undo_redemption('dave', 'u3', 'r1', '2026-02-10 00:00Z');
SELECT promo.undo_redemption('dave', 'u3', 'r1', '2026-02-10 00:00Z', 1);
SELECT promo.undo_redemption('dave', 'u3', 'r2', '2026-02-10 00:00Z');
SELECT promo.undo_redemption('dave', 'u1', 'r1', '2026-01-03 00:00Z', 71);
SELECT promo.undo_redemption('dave', 'u1', NULL);

-- Transferred points keep their dates
SELECT promo.transfer_points('dave', 't1', 'carol', 120, '2026-02-11 00:00Z'), promo.transfer_points('dave', 't1', 'carol', 120, '2026-02-12 00:00Z') AS again;
SELECT left_of('dave', 'default'), left_of('carol', 'default');
SELECT to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, points FROM promo.points_expiring('carol', '2026-01-01 00:00Z', '2026-12-31 00:00Z');
SELECT promo.transfer_points('dave', 't1', 'carol', 121, '2026-02-11 00:00Z');
SELECT promo.transfer_points('ann', 't1', 'carol', 1, '2026-02-11 00:00Z');
SELECT promo.transfer_points('dave', 't2', 'carol', 1000, '2026-02-11 00:00Z');
SELECT promo.transfer_points('dave', 't2', 'dave', 1, '2026-02-11 00:00Z');
SELECT promo.transfer_points('dave', 't2', 'nobody', 1, '2026-02-11 00:00Z');
-- and pay what the receiver owes
SELECT promo.earn('ann', 'o1', '{"points": 10, "amount": 10}', '2026-01-01 00:00Z', 'loan'), promo.adjust_points('carol', 'a', -4, 'a mistake', '2026-01-02 00:00Z', program => 'loan');
SELECT promo.transfer_points('ann', 't', 'carol', 10, '2026-01-03 00:00Z', 'loan');
SELECT promo.points_balance('carol', '2026-01-03 00:00Z', 'loan');

-- Points expire all at once with the member's inactivity, and activity does not bring them back
SELECT promo.earn('ann', 'o1', '{"points": 10, "amount": 10}', '2026-01-01 00:00Z', 'idle'), promo.earn('ann', 'o2', '{"points": 20, "amount": 20}', '2026-01-20 12:00Z', 'idle'),
	promo.earn('ann', 'o3', '{"points": 5, "amount": 5, "expires_at": null}', '2026-01-20 12:00Z', 'idle');
SELECT to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, points FROM promo.points_expiring('ann', '2026-01-01 00:00Z', '2027-01-01 00:00Z', 'idle');
SELECT promo.redeem_points('ann', 'r1', 12, '2026-02-19 12:00Z', program => 'idle'), promo.adjust_points('ann', 'a1', 1, 'no activity', '2026-03-20 00:00Z', program => 'idle');
SELECT promo.points_balance('ann', '2026-03-21 23:59Z', 'idle') AS before, promo.points_balance('ann', '2026-03-22 00:00Z', 'idle') AS after;
SELECT promo.earn('ann', 'o4', '{"points": 40, "amount": 40}', '2026-03-22 00:00Z', 'idle');
SELECT promo.points_balance('ann', '2026-03-22 00:00Z', 'idle'), left_of('ann', 'idle');
SELECT promo.undo_redemption('ann', 'u1', 'r1', '2026-05-01 00:00Z', program => 'idle'), left_of('ann', 'idle') AS no_grace;
SELECT promo.points_expire_batch('2026-06-01 00:00Z', 1000) > 0 AS some, promo.points_expire_batch('2026-06-01 00:00Z', 1000) AS none;
SELECT promo.points_balance('ann', '2026-06-01 00:00Z', 'idle');

-- Who closes the membership loses what is held too, and owes nothing more
SELECT promo.hold_points('carol', 'h9', 3, '2026-02-01 00:00Z', program => 'loan'), promo.close_member('carol', 'asked for it', '2026-02-02 00:00Z', 'loan');
SELECT promo.adjust_points('dave', 'a', -4, 'a mistake', '2026-01-02 00:00Z', program => 'loan'), promo.close_member('dave', 'asked for it', '2026-02-02 00:00Z', 'loan');
SELECT customer, m.points, m.held, m.deficit FROM promo.members JOIN promo.program p USING (program) JOIN promo.customer c ON c.shop_id = customer
JOIN promo.member m ON m.program_id = p.program_id AND m.customer_id = c.customer_id WHERE m.state = 'closed' ORDER BY 1;
SELECT promo.return_order('carol', 'b9', 'o1', 1, program => 'loan'), promo.undo_redemption('carol', 'u9', 'r1', program => 'loan');

-- Replayed from nothing, the ledger says of each lot and each member what the tables keep
SELECT * FROM promo.membership_audit();
SELECT *, issued - redeemed - expired - reversed = liability AS right FROM promo.points_trial_balance ORDER BY program;

-- The tables hold what the functions do, whoever writes them
\set VERBOSITY terse
INSERT INTO promo.points_entry (program_id, customer_id, kind, key, points, at, content) VALUES (1, 1, 'gift', 'x', 1, now(), '');
INSERT INTO promo.points_entry (program_id, customer_id, kind, key, points, at, content, due) VALUES (1, 1, 'redeem', 'x', -1, now(), '', 1);
INSERT INTO promo.points_entry (program_id, customer_id, kind, key, points, at, content, reason) VALUES (1, 1, 'redeem', 'x', -1, now(), '', 'why');
UPDATE promo.points_lot SET remaining = -1;
UPDATE promo.points_lot SET moves = true WHERE expires_at IS NOT NULL;
UPDATE promo.points_allocation SET points = 0;
UPDATE promo.member SET held = points + 1;
\set VERBOSITY default

-- The application holds, captures, releases and returns; undoing and transfers are granted apart, and tables to nobody
SELECT promo.earn('dave', 'o9', '{"points": 10, "amount": 10, "expires_at": null}', '2026-02-12 00:00Z');
CREATE ROLE reversal_test_application;
GRANT EXECUTE ON FUNCTION promo.hold_points(text, text, bigint, timestamptz, interval, text), promo.capture_points(text, text, bigint, timestamptz, text),
	promo.release_points(text, text, timestamptz, text), promo.return_order(text, text, text, numeric, timestamptz, text) TO reversal_test_application;
SET ROLE reversal_test_application;
SELECT promo.hold_points('dave', 'h1', 3, '2026-02-12 00:00Z'), promo.capture_points('dave', 'h1', 2, '2026-02-12 00:00Z'), promo.return_order('dave', 'b1', 'o9', 2, '2026-02-13 00:00Z');
SELECT promo.undo_redemption('dave', 'u9', 'h1');
SELECT promo.transfer_points('dave', 't9', 'ann', 1);
SELECT promo.points_expire_batch(now(), 1);
SELECT promo.points_take(NULL, 1, 1, now());
UPDATE promo.points_hold SET is_open = true;
RESET ROLE;
DROP OWNED BY reversal_test_application;
DROP ROLE reversal_test_application;

DROP FUNCTION left_of(text, text);
TRUNCATE promo.points_allocation, promo.points_lot, promo.points_hold, promo.points_entry, promo.tier_period, promo.member, promo.tier, promo.program;
