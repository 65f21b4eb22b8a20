-- The ledger under random operations, in any order of time: after each the
-- six invariants hold, and the audit finds what is kept to be what was posted.
\set SHOW_CONTEXT never

-- Terms of all kinds
SELECT promo.define_program(jsonb_build_object('name', name, 'currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'time_zone', 'Europe/Berlin',
	'tiers', '[{"name": "basic", "threshold": 0}]'::jsonb, 'points', points))
FROM (VALUES ('clamp', '{"expiry": {"type": "after", "days": 40}, "restore_grace_days": 10}'::jsonb),
	('debt', '{"expiry": {"type": "after", "months": 1, "end_of": "month"}, "pending_days": 5, "debt": true, "clawback": "debt"}'),
	('idle', '{"expiry": {"type": "inactivity", "days": 25}, "debt": true, "restore_grace_days": 0}')) p(name, points);
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''ann'', ''bob'', ''carol'']) c', '2025-01-01 00:00Z', p) FROM unnest(ARRAY['clamp', 'debt', 'idle']) p;

CREATE FUNCTION draw(step int, what int, below int) RETURNS int LANGUAGE sql IMMUTABLE AS
	'SELECT (hashint8(step * 1000003::bigint + what) & 2147483647) % below';

CREATE TABLE done (what text, outcome text);

-- One operation; what the rules refuse is told by its SQLSTATE
CREATE FUNCTION operate(program text, step int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	customer text := (ARRAY['ann', 'bob', 'carol'])[1 + draw(step, 1, 3)];
	at timestamptz := timestamptz '2026-01-01 00:00Z' + (step / 2 - draw(step, 2, 10) / 9 * draw(step, 3, 20)) * interval '24 hours' + draw(step, 4, 86400) * interval '1 second';
	what text := (ARRAY['earn', 'earn', 'earn', 'redeem', 'redeem', 'adjust', 'hold', 'capture', 'release', 'return', 'return', 'undo', 'transfer', 'expire'])[1 + draw(step, 5, 14)];
	points int := 1 + draw(step, 6, 120);
	before promo.points_entry;
BEGIN
	SELECT e.* INTO before FROM promo.points_entry e JOIN promo.customer c USING (customer_id) JOIN promo.program p USING (program_id)
	WHERE c.shop_id = customer AND p.program = operate.program
		AND e.kind = CASE what WHEN 'return' THEN 'earn' WHEN 'undo' THEN 'redeem' ELSE 'hold' END
	ORDER BY hashtext(e.key || ' ' || step), e.key LIMIT 1;
	CASE what
		WHEN 'earn' THEN
			PERFORM promo.earn(customer, 'o' || step, jsonb_build_object('points', points, 'amount', draw(step, 7, 5000) / 100.0)
				|| CASE draw(step, 8, 4) WHEN 0 THEN '{"expires_at": null}' WHEN 1 THEN jsonb_build_object('expires_at',
					to_char(at AT TIME ZONE 'UTC' + (6 + draw(step, 9, 30)) * interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) ELSE '{}' END, at, program);
		WHEN 'redeem' THEN
			PERFORM promo.redeem_points(customer, 'r' || step, points, at, CASE WHEN draw(step, 7, 2) = 0 THEN 'strict' ELSE 'partial' END, program);
		WHEN 'adjust' THEN
			PERFORM promo.adjust_points(customer, 'a' || step, CASE WHEN draw(step, 7, 3) = 0 THEN - points ELSE points END, 'random', at, program => program);
		WHEN 'hold' THEN
			PERFORM promo.hold_points(customer, 'h' || step, points / 2 + 1, at, CASE WHEN draw(step, 7, 2) = 0 THEN interval '3 days' END, program);
		WHEN 'capture' THEN
			PERFORM promo.capture_points(customer, before.key, CASE WHEN draw(step, 7, 2) = 0 THEN 1 + draw(step, 8, before.due::int) END, at, program);
		WHEN 'release' THEN
			PERFORM promo.release_points(customer, before.key, at, program);
		WHEN 'return' THEN
			PERFORM promo.return_order(customer, 'b' || step, before.key, CASE WHEN draw(step, 7, 2) = 0 THEN round(before.amount / 3, 2) END, at, program);
		WHEN 'undo' THEN
			PERFORM promo.undo_redemption(customer, 'u' || step, before.key, at, CASE WHEN draw(step, 7, 2) = 0 THEN 1 + points / 3 END, program);
		WHEN 'transfer' THEN
			PERFORM promo.transfer_points(customer, 't' || step, (ARRAY['ann', 'bob', 'carol'])[1 + draw(step, 8, 3)], points / 3 + 1, at, program);
		WHEN 'expire' THEN
			PERFORM promo.points_expire_batch(at, 1 + draw(step, 7, 5));
	END CASE;
	INSERT INTO done VALUES (what, '00000');
EXCEPTION
	WHEN SQLSTATE 'PM001' OR invalid_parameter_value OR object_not_in_prerequisite_state OR null_value_not_allowed OR undefined_object OR unique_violation THEN
		INSERT INTO done VALUES (what, SQLSTATE);
END
$$;

-- The six, each as plain as it is said; the fifth is the audit
CREATE VIEW broken AS
SELECT 1 AS invariant, m.customer_id FROM promo.member m
WHERE m.points <> (SELECT coalesce(sum(e.points), 0) FROM promo.points_entry e WHERE e.customer_id = m.customer_id AND e.program_id = m.program_id)
UNION ALL
SELECT 2, m.customer_id FROM promo.member m
WHERE m.points <> (SELECT coalesce(sum(l.remaining), 0) FROM promo.points_lot l WHERE l.customer_id = m.customer_id AND l.program_id = m.program_id) + m.held - m.deficit
UNION ALL
SELECT 3, l.customer_id FROM promo.points_lot l
WHERE l.remaining NOT BETWEEN 0 AND l.points OR l.remaining <> l.points - (SELECT coalesce(sum(a.points), 0) FROM promo.points_allocation a WHERE a.lot_id = l.lot_id)
UNION ALL
SELECT 4, e.customer_id FROM promo.points_entry e
WHERE e.kind IN ('redeem', 'send', 'expire') AND - e.points <> (SELECT coalesce(sum(a.points), 0) FROM promo.points_allocation a WHERE a.entry_id = e.entry_id)
UNION ALL
SELECT 5, 0 FROM promo.membership_audit()
UNION ALL
SELECT 6, 0 FROM promo.points_trial_balance b WHERE b.issued - b.redeemed - b.expired - b.reversed <> b.liability;

DO $$
DECLARE
	fault record;
BEGIN
	FOR step IN 1 .. 240 LOOP
		PERFORM operate(p, step * 3 + n::int) FROM unnest(ARRAY['clamp', 'debt', 'idle']) WITH ORDINALITY u(p, n);
		SELECT b.* INTO fault FROM broken b LIMIT 1;
		IF FOUND THEN
			RAISE EXCEPTION 'invariant % is broken at step %', fault.invariant, step;
		END IF;
	END LOOP;
END
$$;
SELECT * FROM broken;
SELECT what, count(*) FILTER (WHERE outcome = '00000') AS done, count(*) FILTER (WHERE outcome = 'PM001') AS too_few, count(*) FILTER (WHERE outcome NOT IN ('00000', 'PM001')) AS refused
FROM done GROUP BY what ORDER BY what;
SELECT kind, count(*) > 3 AS some FROM promo.points_entry GROUP BY kind ORDER BY kind;
SELECT bool_or(deficit > 0) OR bool_or(has_owed) AS some_owed, bool_or(held > 0) AS some_hold FROM promo.member;

-- The account of every day, worked out from the ledger alone, and the day after the last it is what is kept
SELECT count(*) AS days, count(*) FILTER (WHERE a.balance = a.available + a.on_hold OR a.deficit > 0) AS added_up
FROM generate_series(timestamptz '2026-01-01 00:00Z', '2027-06-01 00:00Z', interval '168 hours') d, unnest(ARRAY['ann', 'bob', 'carol']) c, unnest(ARRAY['clamp', 'debt', 'idle']) p,
	promo.points_account(c, d, p) a;
SELECT promo.points_expire_batch('2027-06-01 00:00Z', 1000) > 0 AS some, promo.points_expire_batch('2027-06-01 00:00Z', 1000) AS none;
SELECT count(*) AS members, count(*) FILTER (WHERE a.balance = m.points AND a.on_hold = m.held AND a.deficit = m.deficit) AS right
FROM promo.member m JOIN promo.customer c USING (customer_id) JOIN promo.program p USING (program_id), promo.points_account(c.shop_id, '2027-06-01 00:00Z', p.program) a;
SELECT * FROM broken;

-- Everything is posted once: done again, each gives the same and changes nothing
SELECT count(*) AS redemptions, count(*) FILTER (WHERE promo.redeem_points(c.shop_id, e.key, 1 + draw(substr(e.key, 2)::int, 6, 120), '2027-06-02 00:00Z',
	CASE WHEN draw(substr(e.key, 2)::int, 7, 2) = 0 THEN 'strict' ELSE 'partial' END, p.program) = - e.points) AS same
FROM promo.points_entry e JOIN promo.customer c USING (customer_id) JOIN promo.program p USING (program_id) WHERE e.kind = 'redeem' AND e.key ~ '^r';
SELECT * FROM broken;

-- Whatever is changed in the tables is found
SELECT promo.earn('ann', 'last', '{"points": 5, "amount": 5}', '2027-06-03 00:00Z', 'clamp');
CREATE FUNCTION tampered(change text) RETURNS TABLE (faults bigint, first text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE change;
	RETURN QUERY SELECT count(*), min(a.fault) FROM promo.membership_audit() a;
	RAISE EXCEPTION USING ERRCODE = 'ZZ001';
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN;
END
$$;
SELECT faults > 0 AS found, first, change FROM (VALUES (1, $$UPDATE promo.points_lot SET remaining = remaining + 1, points = points + 1 WHERE lot_id = (SELECT max(lot_id) FROM promo.points_lot)$$),
	(2, $$UPDATE promo.points_entry SET points = points - 1 WHERE entry_id = (SELECT max(entry_id) FROM promo.points_entry WHERE kind = 'redeem')$$),
	(3, $$DELETE FROM promo.points_entry WHERE entry_id = (SELECT min(entry_id) FROM promo.points_entry WHERE kind = 'earn' AND points > 0)$$),
	(4, $$UPDATE promo.points_allocation SET points = points + 1 WHERE (entry_id, lot_id) = (SELECT entry_id, lot_id FROM promo.points_allocation ORDER BY 1 DESC, 2 LIMIT 1)$$),
	(5, $$DELETE FROM promo.points_allocation WHERE (entry_id, lot_id) = (SELECT entry_id, lot_id FROM promo.points_allocation ORDER BY 1, 2 LIMIT 1)$$),
	(6, $$INSERT INTO promo.points_allocation VALUES (0, 0, 1)$$),
	(7, $$UPDATE promo.member SET points = points + 1 WHERE customer_id = (SELECT min(customer_id) FROM promo.member)$$),
	(8, $$UPDATE promo.member SET deficit = deficit + 1 WHERE customer_id = (SELECT min(customer_id) FROM promo.member)$$),
	(9, $$UPDATE promo.points_hold SET is_open = NOT is_open WHERE entry_id = (SELECT min(entry_id) FROM promo.points_hold)$$),
	(10, $$UPDATE promo.points_entry SET due = due - 1 WHERE entry_id = (SELECT max(entry_id) FROM promo.points_entry WHERE kind = 'return' AND due + points - lapsed > 0)$$),
	(11, $$UPDATE promo.points_lot SET expires_at = expires_at + interval '1 year' WHERE lot_id = (SELECT lot_id FROM promo.points_lot l JOIN promo.points_entry e ON e.of_id = l.lot_id AND e.kind = 'expire' WHERE NOT moves ORDER BY 1 LIMIT 1)$$),
	(12, $$UPDATE promo.points_entry SET customer_id = (SELECT max(customer_id) FROM promo.member) + 1 WHERE entry_id = (SELECT max(entry_id) FROM promo.points_entry WHERE kind = 'earn')$$),
	(13, $$UPDATE promo.member SET inactive_at = inactive_at + interval '1 day' WHERE inactive_at IS NOT NULL$$),
	(14, $$UPDATE promo.member m SET points_due_at = NULL WHERE EXISTS (SELECT FROM promo.points_lot l WHERE l.customer_id = m.customer_id AND l.program_id = m.program_id AND l.remaining > 0 AND l.expires_at IS NOT NULL)$$))
	v(n, change), tampered(change) ORDER BY n;
SELECT * FROM broken;

DROP FUNCTION tampered(text);
DROP FUNCTION operate(text, int);
DROP FUNCTION draw(int, int, int);
DROP TABLE done;
DROP VIEW broken;
TRUNCATE promo.points_allocation, promo.points_lot, promo.points_hold, promo.points_entry, promo.tier_period, promo.member, promo.tier, promo.program;
