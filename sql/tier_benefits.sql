-- Benefits of tiers, birthdays, and the nightly run.
\set SHOW_CONTEXT never
SET datestyle = ISO;
SET timezone = 'UTC';

SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "time_zone": "Europe/Berlin", "metric": "points", "window": {"type": "calendar", "unit": "year"}, "birthday_hold_days": 10,
	"tiers": [{"name": "basic", "threshold": 0, "benefits": [{"type": "points", "name": "birthday", "points": 50, "every": "birthday"}]},
		{"name": "gold", "threshold": 100, "benefits": [{"type": "discount", "percent": 7.5}, {"type": "points_multiplier", "multiplier": 1.5}, {"type": "free_shipping", "from": 19.99}, {"type": "early_access", "hours": 24},
			{"type": "points", "name": "birthday", "points": 150, "every": "birthday"}, {"type": "coupon", "name": "parcel", "promotion": "free parcel", "count": 2, "every": "month"}, {"type": "gift", "name": "mug", "every": "half"}]},
		{"name": "black", "threshold": 1000, "benefits": [{"type": "coupon", "name": "parcel", "promotion": "free parcel", "count": 5, "every": "month"}, {"type": "free_shipping"}]}]}');
SELECT t.tier, b.benefit, b.type, b.value, b.every, b.promotion FROM promo.tier_benefit b JOIN promo.tier t USING (program_id, tier) ORDER BY t.rank, b.benefit;

-- All faults at once
SELECT promo.define_program('{"name": "faulty", "currency": {"code": "EUR", "exponent": 2}, "birthday_hold_days": -1, "validity": {"type": "periods", "periods": 0, "months": 3},
	"tiers": [{"name": "a", "threshold": 0, "benefits": [{"type": "discount", "percent": 101}, {"type": "discount", "percent": 5, "name": "x", "every": "day", "promotion": "p"}, {"type": "free_shipping", "from": 1.999}, {"type": "points_multiplier"}, {"type": "cash"}, {"type": "gift", "count": 0}, {"type": "coupon", "name": "c", "every": "month"}, 7]},
		{"name": "b", "threshold": 5, "benefits": [{"type": "points", "name": "c", "points": 5, "every": "month"}, {"type": "early_access", "hours": 1.5, "colour": "red"}], "gifts": 1}]}');
SELECT promo.define_program('{"name": "faulty", "currency": {"code": "EUR", "exponent": 2}, "validity": {"type": "sometimes"}, "tiers": [{"name": "a", "threshold": 0, "benefits": {}}]}');

CREATE TEMP VIEW granted AS SELECT customer, benefit, type, tier, period_start, due_at, count, promotion, state FROM promo.benefit_grants ORDER BY due_at, customer, benefit;
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''jan'', ''kim'', ''leo'']) c', '2024-01-01 00:00Z');

-- A benefit falls due with the tier, and then with each month or half; what a higher tier gives more in the same month comes with it
SELECT promo.earn('jan', 'o1', '{"points": 200, "amount": 200}', '2024-05-17 10:00Z'), promo.earn('kim', 'o1', '{"points": 100, "amount": 100}', '2024-06-10 10:00Z'), promo.earn('kim', 'o2', '{"points": 900, "amount": 900}', '2024-06-20 10:00Z');
CALL promo.run_membership('2024-07-31 22:00Z');
SELECT * FROM granted;
-- twice is once
CALL promo.run_membership('2024-07-31 22:00Z');
SELECT count(*) FROM granted;
SELECT benefit, value, every FROM promo.tier_benefits('jan', '2024-06-01 00:00Z');
SELECT benefit, value FROM promo.tier_benefits('leo', '2024-06-01 00:00Z');

-- Birthdays: once a year, with points posted at once; who sets one waits, and February 29 is on the 28th
SELECT promo.set_birthday('leo', '2000-02-29', '2024-08-10 00:00Z'), promo.set_birthday('leo', '2000-02-29', '2024-08-11 00:00Z') AS again, promo.set_birthday('jan', '1990-08-15', '2024-08-10 00:00Z');
CALL promo.run_membership('2025-08-20 00:00Z');
SELECT customer, type, tier, period_start, due_at, count, state FROM granted WHERE benefit = 'birthday';
SELECT promo.points_balance('leo', '2025-03-01 00:00Z'), promo.points_balance('leo', '2025-02-27 00:00Z') AS before;
SELECT kind, key, points, at FROM promo.points_entry WHERE kind = 'benefit' ORDER BY entry_id;
-- another birthday is none before the hold is over, and none in a year that had one
SELECT promo.set_birthday('leo', '2000-09-01', '2025-08-25 00:00Z'), promo.set_birthday('jan', '1990-10-01', '2025-08-25 00:00Z');
CALL promo.run_membership('2025-12-01 00:00Z');
SELECT customer, count(*) FROM granted WHERE benefit = 'birthday' GROUP BY 1 ORDER BY 1;
SELECT promo.set_birthday('leo', NULL, '2025-12-01 00:00Z'), promo.set_birthday('leo', 'infinity');
SELECT promo.set_birthday('leo', NULL, '2025-12-01 00:00Z'), promo.set_birthday('leo', NULL, '2025-12-01 00:00Z') AS again;
SELECT promo.set_birthday('leo', '2030-01-01', '2025-12-01 00:00Z');
SELECT promo.set_birthday('nobody', '2000-01-01');

-- Whoever is suspended gets none; whoever leaves, nothing that is not issued
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''mia'', ''ned'']) c', '2026-01-01 00:00Z');
SELECT promo.earn(c, 'o1', '{"points": 100, "amount": 100}', '2026-01-02 00:00Z') FROM unnest(ARRAY['mia', 'ned']) c;
SELECT promo.suspend_member('mia', 'fraud?', '2026-02-10 00:00Z'), promo.resume_member('mia', '2026-04-10 00:00Z'), promo.close_member('ned', 'asked for it', '2026-03-15 00:00Z');
CALL promo.run_membership('2026-06-01 00:00Z');
SELECT customer, benefit, due_at, state FROM granted WHERE customer IN ('mia', 'ned');

-- Late or on time, in small batches or large ones, it comes to the same
CREATE TABLE outcome (run text, what text);
CREATE FUNCTION fill() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE promo.benefit_grant, promo.points_allocation, promo.points_lot, promo.points_hold, promo.points_entry, promo.tier_period, promo.member;
	PERFORM promo.enroll_all('SELECT ''u'' || g FROM generate_series(1, 60) g', '2024-01-01 00:00Z');
	PERFORM promo.set_birthday('u' || g, date '1980-01-01' + g * 13, '2024-01-01 00:00Z') FROM generate_series(1, 40) g;
	PERFORM promo.earn('u' || g, 'o' || i, jsonb_build_object('points', g * i % 97, 'amount', 1), timestamptz '2024-01-01 00:00Z' + g * i * interval '3 days') FROM generate_series(1, 60) g, generate_series(1, 4) i;
	PERFORM promo.assign_tier('u' || g, 'gold', '2024-11-11 00:00Z', 'test', '2024-10-01 00:00Z') FROM generate_series(1, 60, 7) g;
END $$;
CREATE FUNCTION note(run text) RETURNS void BEGIN ATOMIC
	INSERT INTO outcome SELECT run, format('%s %s %s %s %s %s', c.shop_id, t.tier, t.cause, t.begins_at, t.ends_at, t.earned_until) FROM promo.tier_period t JOIN promo.customer c USING (customer_id);
	INSERT INTO outcome SELECT run, format('%s %s %s %s %s %s', customer, benefit, tier, period_start, due_at, count) FROM promo.benefit_grants;
	INSERT INTO outcome SELECT run, format('%s %s %s %s %s', c.shop_id, e.kind, CASE WHEN e.kind <> 'expire' THEN e.key END, e.points, e.at) FROM promo.points_entry e JOIN promo.customer c USING (customer_id);
END;
SELECT fill();
CALL promo.run_membership('2026-12-31 00:00Z');
SELECT note('late');
SELECT fill();
DO $$
BEGIN
	FOR n IN 0..78 LOOP
		CALL promo.run_membership(timestamptz '2024-01-01 00:00Z' + n * interval '14 days', 7);
	END LOOP;
	CALL promo.run_membership('2026-12-31 00:00Z', 7);
END $$;
SELECT note('on time');
SELECT run, count(*) FROM outcome GROUP BY 1 ORDER BY 1;
SELECT what FROM outcome GROUP BY 1 HAVING count(DISTINCT run) < 2 OR count(*) % 2 <> 0 ORDER BY 1 LIMIT 10;
SELECT * FROM promo.membership_audit();
SELECT promo.membership_batch('infinity', 10);
SELECT promo.membership_batch('2026-12-31 00:00Z', 0);
CALL promo.run_membership(NULL);

-- Members by tier and month, and who moved
SELECT * FROM promo.members_by_tier('2024-12-15 00:00Z', 3);
SELECT sum(members) AS members, sum(rose) - sum(fell) AS net FROM promo.members_by_tier('2024-12-31 22:59Z', 12) WHERE month = '2024-12-01';
SELECT month, from_tier, to_tier, cause, members FROM promo.tier_moves WHERE month >= '2024-10-01' ORDER BY month, from_tier, to_tier, cause LIMIT 8;
SELECT promo.members_by_tier('infinity');

-- An application asks, an operator runs; nobody else does, or sees the tables
CREATE ROLE benefits_test_application;
CREATE ROLE benefits_test_operator;
GRANT EXECUTE ON FUNCTION promo.tier_of(text, timestamptz, text), promo.tier_progress(text, timestamptz, text), promo.tier_benefits(text, timestamptz, text), promo.set_birthday(text, date, timestamptz, text) TO benefits_test_application;
GRANT EXECUTE ON FUNCTION promo.membership_batch(timestamptz, bigint), promo.assign_tier(text, text, timestamptz, text, timestamptz, text), promo.members_by_tier(timestamptz, int, text) TO benefits_test_operator;
GRANT EXECUTE ON PROCEDURE promo.run_membership(timestamptz, bigint) TO benefits_test_operator;
GRANT SELECT ON promo.benefit_grants TO benefits_test_operator;
SET ROLE benefits_test_application;
SELECT promo.tier_of('u7', '2024-10-02 00:00Z'), (SELECT count(*) FROM promo.tier_progress('u7', '2024-10-02 00:00Z')) AS progress, promo.set_birthday('u60', '1999-09-09');
SELECT promo.assign_tier('u7', 'black', 'infinity', 'please');
CALL promo.run_membership();
SELECT * FROM promo.tier_period;
SELECT promo.tier_settle(1, 1, now());
SELECT promo.tier_standing(1, 1, now());
SELECT promo.member_settle(1, 1, now());
SELECT * FROM promo.tier_progress_of(1, 1, now());
SELECT * FROM promo.benefit_grant;
SET ROLE benefits_test_operator;
CALL promo.run_membership('2027-01-31 00:00Z');
SELECT promo.assign_tier('u7', 'black', 'infinity', 'a friend', '2027-02-01 00:00Z'), count(*) > 100 AS granted FROM promo.benefit_grants;
INSERT INTO promo.benefit_grant DEFAULT VALUES;
RESET ROLE;
DROP OWNED BY benefits_test_application, benefits_test_operator;
DROP ROLE benefits_test_application, benefits_test_operator;

-- Shown and forgotten: no birthday, no reason, and nothing that is due
SELECT jsonb_path_query_array(promo.customer_data('u7'), '$.membership[*].birthday') AS birthday, jsonb_path_query_array(promo.customer_data('u7'), '$.membership[*].tiers[*].reason') AS reasons, jsonb_array_length(promo.customer_data('u7') #> '{membership,0,benefits}') > 0 AS benefits;
SELECT promo.forget_customer('u7');
SELECT count(*) FILTER (WHERE m.birthday IS NOT NULL OR m.tier_due_at IS NOT NULL OR m.benefit_due_at IS NOT NULL) AS left_of_it FROM promo.member m JOIN promo.customer c USING (customer_id) WHERE c.shop_id IS NULL;
SELECT count(*) FILTER (WHERE g.state = 'due') AS due, count(*) > 0 AS amounts_stay FROM promo.benefit_grant g JOIN promo.customer c USING (customer_id) WHERE c.shop_id IS NULL;
SELECT count(*) FILTER (WHERE t.reason IS NOT NULL) AS reasons, count(*) FILTER (WHERE t.ends_at IS NULL) AS open FROM promo.tier_period t JOIN promo.customer c USING (customer_id) WHERE c.shop_id IS NULL;

-- Two who turn out to be one: the higher tier, and figures that add up
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''ola'', ''pia'', ''quin'', ''rut'']) c', '2027-01-01 00:00Z');
SELECT promo.earn(c, 'o', '{"points": 60, "amount": 60}', '2027-02-01 00:00Z') FROM unnest(ARRAY['ola', 'pia']) c;
SELECT promo.assign_tier('quin', 'black', '2027-12-01 00:00Z', 'a friend', '2027-02-01 00:00Z'), promo.earn('rut', 'o', '{"points": 100, "amount": 60}', '2027-02-01 00:00Z');
SELECT promo.merge_members('ola', 'pia', '2027-03-01 00:00Z'), promo.merge_members('quin', 'rut', '2027-03-01 00:00Z');
SELECT c.shop_id AS customer, t.tier, t.cause, t.begins_at, t.ends_at, t.earned, t.floor, t.figures ->> 'points' AS points FROM promo.tier_period t JOIN promo.customer c USING (customer_id) WHERE c.shop_id IN ('ola', 'pia', 'quin', 'rut') ORDER BY 1, 4;
SELECT promo.tier_of('quin', '2027-12-01 00:00Z'), promo.tier_of('ola', '2027-12-01 00:00Z');
SELECT * FROM promo.membership_audit();

DROP FUNCTION fill, note;
DROP TABLE outcome;
DROP VIEW granted;
TRUNCATE promo.benefit_grant, promo.points_allocation, promo.points_lot, promo.points_hold, promo.points_entry, promo.tier_period, promo.member, promo.tier_benefit, promo.tier, promo.program;
