-- Programs of membership: defined, and customers enrolled, suspended and closed.

-- All but the currency and the tiers has a default
SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}]}');
SELECT program, time_zone, currency, exponent, metric, window_type, window_months, policy, grace_days FROM promo.program;
SELECT promo.define_program('{"name": "air", "time_zone": "Europe/Berlin", "currency": {"code": "JPY", "exponent": 0},
	"metric": "points", "window": {"type": "calendar", "unit": "year"}, "policy": "to_qualified", "grace_days": 30,
	"tiers": [{"name": "red", "threshold": 0}, {"name": "green", "threshold": 25000}, {"name": "blue", "threshold": 50000.5}]}');
SELECT tier, rank, threshold FROM promo.tier JOIN promo.program USING (program_id) WHERE program = 'air' ORDER BY rank;

-- Each kind of window
SELECT promo.define_program(jsonb_build_object('name', w ->> 'type', 'currency', '{"code": "EUR", "exponent": 2}'::jsonb,
	'tiers', '[{"name": "basic", "threshold": 0}]'::jsonb, 'window', w))
FROM unnest(ARRAY['{"type": "lifetime"}', '{"type": "rolling", "months": 6}', '{"type": "calendar", "unit": "half"}',
	'{"type": "anniversary", "months": 12}', '{"type": "fixed", "start": "06-15", "months": 6}']::jsonb[]) w;
SELECT program, window_type, window_months, window_unit, window_start FROM promo.program WHERE program = window_type ORDER BY 1;

-- All faults at once, each with its path
SELECT promo.define_program('{"name": "", "time_zone": "Mars/Olympus", "currency": {"code": "euro", "exponent": 5}, "metric": "steps",
	"window": {"type": "fixed", "start": "02-29", "months": 5, "unit": "year"}, "policy": "two_down", "grace_days": -1, "colour": "red",
	"tiers": [{"name": "a", "threshold": 1}, {"name": "a", "threshold": 1}, {"name": "c", "threshold": "x", "rank": 1}, 7, {}]}');
SELECT promo.define_program('{}');
SELECT promo.define_program('[]');
SELECT promo.define_program('{"currency": 1, "tiers": {}, "window": []}');
SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "tiers": [], "window": {"type": "rolling"}}');
SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "a", "threshold": 0}], "window": {"type": "calendar", "months": 1, "start": "01-01"}}');
SELECT promo.define_program(NULL);
SELECT count(*) FROM promo.program WHERE program NOT IN ('default', 'air') AND program <> window_type;

-- The terms of the points, all by default or each as given
SELECT program, expiry, expiry_days, expiry_months, expiry_end_of, pending_days, debt, clawback, restore_grace_days FROM promo.program WHERE program = 'air';
SELECT promo.define_program(jsonb_build_object('name', 'terms' || n, 'currency', '{"code": "EUR", "exponent": 2}'::jsonb,
	'tiers', '[{"name": "basic", "threshold": 0}]'::jsonb, 'points', t))
FROM unnest(ARRAY['{"expiry": {"type": "never"}, "pending_days": 14}', '{"expiry": {"type": "after", "months": 12, "end_of": "year"}, "debt": true}',
	'{"expiry": {"type": "inactivity", "days": 540}, "debt": true, "clawback": "debt", "restore_grace_days": 0}']::jsonb[]) WITH ORDINALITY u(t, n);
SELECT program, expiry, expiry_days, expiry_months, expiry_end_of, pending_days, debt, clawback, restore_grace_days FROM promo.program WHERE program ~ '^terms' ORDER BY 1;
SELECT promo.define_program(jsonb_build_object('currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'tiers', '[{"name": "basic", "threshold": 0}]'::jsonb, 'points', t))
FROM unnest(ARRAY['{"expiry": {"type": "never", "days": 3, "end_of": "day"}, "pending_days": -1, "debt": 1, "clawback": "debt", "restore_grace_days": 1.5, "colour": "red"}']::jsonb[]) t;
SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}], "points": {"expiry": {"type": "after"}}}');
SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}], "points": {"expiry": {"type": "after", "days": 1, "months": 1, "end_of": "week"}, "clawback": "forgive"}}');
SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}], "points": {"expiry": {"days": 9}}}');
SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}], "points": 7}');

-- Points expire with the end of a day, month, quarter, half or year of the program's zone, summer time or not
SELECT end_of, to_char(promo.points_end('2026-03-31 22:30Z', 'Europe/Berlin', 0, 1, end_of) AT TIME ZONE 'Europe/Berlin', 'YYYY-MM-DD HH24:MI') AS of_one_month,
	to_char(promo.points_end('2026-03-31 22:30Z', 'UTC', 90, 0, end_of) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS of_90_days
FROM unnest(ARRAY['day', 'month', 'quarter', 'half', 'year']) end_of;
-- as the server's own calendar has it: the first day after, and it lies in another period than the day that is counted to
SELECT count(*) AS days, count(*) FILTER (WHERE (e AT TIME ZONE 'Europe/Berlin')::date > last AND (e AT TIME ZONE 'Europe/Berlin') = date_trunc('month', e AT TIME ZONE 'Europe/Berlin')
	AND extract(month FROM e AT TIME ZONE 'Europe/Berlin') IN (1, 7) AND (e AT TIME ZONE 'Europe/Berlin')::date <= last + 184) AS right
FROM (SELECT promo.points_end(d, 'Europe/Berlin', 10, 0, 'half') AS e, (d AT TIME ZONE 'Europe/Berlin')::date + 10 AS last
	FROM generate_series(timestamptz '2024-01-01 00:00Z', '2026-01-01 00:00Z', interval '37 hours') d) s;
SELECT promo.points_end('2026-03-31 22:30Z', 'UTC', 90, 0, 'week');
SELECT promo.points_end('294000-01-01 00:00Z', 'UTC', 0, 12000, 'day');

-- A customer is enrolled once, into the base tier
SELECT promo.enroll('ann', '2026-01-01 00:00Z'), promo.enroll('ann', '2026-02-01 00:00Z') AS again;
SELECT promo.enroll('ann', '2026-03-01 00:00Z', 'air') AS in_another_too;
SELECT program, customer, state, enrolled_at = since AS new, tier FROM promo.members ORDER BY program;
SELECT promo.enroll('bob', timestamptz '2026-01-01 00:00Z', 'none');
SELECT promo.enroll('bob', NULL);
SELECT promo.enroll('', '2026-01-01 00:00Z'::timestamptz);
SELECT promo.enroll('bob', 'infinity'::timestamptz);
SELECT promo.enroll('bob', timestamp '2026-01-01');
SELECT promo.enroll('bob', date '2026-01-01');

-- or all of a query's customers
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''ann'', ''bob'', ''carol'', ''bob'', ''dave'']) c', '2026-02-01 00:00Z');
SELECT promo.enroll_all('SELECT ''bob''', '2026-02-01 00:00Z', 'none');
SELECT promo.enroll_all('SELECT ''bob''', 'infinity');
SELECT promo.enroll_all(NULL);
SELECT customer, state, tier, tier_since = enrolled_at AS base FROM promo.members WHERE program = 'default' ORDER BY customer;

-- A membership is suspended and resumed, and closed for good
SELECT promo.suspend_member('bob', 'fraud?', '2026-03-01 00:00Z'), promo.suspend_member('bob', 'fraud!', '2026-03-02 00:00Z') AS again;
SELECT promo.resume_member('bob', '2026-02-28 23:59:59Z');
SELECT promo.resume_member('bob', '2026-03-05 00:00Z'), promo.resume_member('bob', '2026-03-06 00:00Z') AS again;
SELECT promo.suspend_member('bob', '', '2026-04-01 00:00Z');
SELECT promo.close_member('carol', 'asked for it', '2026-04-01 00:00Z'), promo.close_member('carol', 'again', '2026-04-01 00:00Z') AS again;
SELECT promo.resume_member('carol', '2026-05-01 00:00Z');
SELECT promo.enroll('carol', '2026-05-01 00:00Z'::timestamptz);
SELECT promo.enroll_all('SELECT ''carol''', '2026-05-01 00:00Z');
SELECT promo.close_member('nobody', 'no member');
SELECT promo.close_member('ann', 'no program', program => 'none');
SELECT promo.opt_out_member('dave'), promo.opt_out_member('ann'), promo.opt_out_member('ann', false);
SELECT promo.opt_out_member('nobody');
SELECT customer, state, reason, tier, opted_out FROM promo.members WHERE program = 'default' ORDER BY customer;

-- A program may be defined anew; tiers with members stay, the currency too
SELECT promo.define_program('{"name": "air", "currency": {"code": "JPY", "exponent": 0},
	"tiers": [{"name": "entry", "threshold": 0}, {"name": "blue", "threshold": 10}, {"name": "green", "threshold": 20}]}');
SELECT promo.define_program('{"name": "air", "currency": {"code": "JPY", "exponent": 0},
	"tiers": [{"name": "red", "threshold": 0}, {"name": "blue", "threshold": 25000}, {"name": "green", "threshold": 50000.5}]}');
SELECT tier, rank, threshold FROM promo.tier JOIN promo.program USING (program_id) WHERE program = 'air' ORDER BY rank;
SELECT promo.define_program('{"name": "air", "currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "red", "threshold": 0}]}');

-- The tables hold what the functions do, whoever writes them
\set VERBOSITY terse
UPDATE promo.program SET window_months = NULL WHERE program = 'rolling';
UPDATE promo.program SET window_type = 'moon' WHERE program = 'rolling';
UPDATE promo.member SET state = 'invited';
UPDATE promo.tier SET threshold = 5 WHERE rank = 0;
UPDATE promo.tier_period SET ends_at = '2020-01-01 00:00Z';
\set VERBOSITY default

-- An application enrolls, an operator defines; nobody writes the tables
CREATE ROLE membership_test_application;
CREATE ROLE membership_test_operator;
GRANT EXECUTE ON FUNCTION promo.enroll(text, timestamptz, text) TO membership_test_application;
GRANT EXECUTE ON FUNCTION promo.define_program(jsonb), promo.enroll_all(text, timestamptz, text),
	promo.suspend_member(text, text, timestamptz, text) TO membership_test_operator;
GRANT SELECT ON promo.members TO membership_test_operator;
CREATE TABLE hidden AS SELECT 'eve'::text AS customer;
SET ROLE membership_test_application;
SELECT promo.enroll('eve', '2026-01-01 00:00Z'::timestamptz);
SELECT promo.define_program('{}');
SELECT promo.suspend_member('eve', 'x');
SELECT promo.close_member('eve', 'x');
SELECT promo.change_member('eve', 'closed', 'x', now(), 'default');
SELECT promo.membership_forget(1);
SELECT * FROM promo.member;
INSERT INTO promo.tier_period DEFAULT VALUES;
SET ROLE membership_test_operator;
SELECT promo.define_program('{"name": "theirs", "currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}]}');
SELECT promo.suspend_member('eve', 'test', '2026-02-01 00:00Z');
-- the query is the caller's, who may not see this table
SELECT promo.enroll_all('SELECT customer FROM hidden');
SELECT count(*) FROM promo.members;
DELETE FROM promo.member;
RESET ROLE;
DROP OWNED BY membership_test_application, membership_test_operator;
DROP ROLE membership_test_application, membership_test_operator;
DROP TABLE hidden;

-- Shown; forgotten, the tiers stay without a name, and no word
SELECT jsonb_path_query_array(promo.customer_data('bob'), '$.membership[*].tiers[*].tier') AS tiers,
	jsonb_path_query_array(promo.customer_data('carol'), '$.membership[*].reason') AS reasons;
SELECT promo.forget_customer('carol'), promo.forget_customer('eve');
SELECT customer, state, reason, tier FROM promo.members WHERE customer IS NULL ORDER BY enrolled_at;
SELECT count(*) FILTER (WHERE t.ends_at IS NULL) AS open, count(*) FROM promo.tier_period t JOIN promo.customer c USING (customer_id) WHERE c.shop_id IS NULL;

DELETE FROM promo.tier_period;
DELETE FROM promo.member;
DELETE FROM promo.tier;
DELETE FROM promo.program;
