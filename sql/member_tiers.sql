-- Tiers of members: reached with a posting, kept or lost at the end of their
-- time, taken back with an order of the same window, assigned by hand.
\set SHOW_CONTEXT never
SET datestyle = ISO;
SET timezone = 'UTC';

SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "time_zone": "Europe/Berlin", "window": {"type": "calendar", "unit": "year"},
	"tiers": [{"name": "basic", "threshold": 0}, {"name": "silver", "threshold": 100}, {"name": "gold", "threshold": 300.50}]}');
SELECT tier_periods, tier_months, tier_lacks, has_benefits FROM promo.program;
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''amy'', ''ben'', ''cleo'', ''dan'']) c', '2024-01-01 00:00Z');

CREATE TEMP VIEW history AS
SELECT c.shop_id AS customer, p.program, t.tier, t.cause, t.begins_at, t.ends_at, t.earned_until, t.floor, t.figures ->> p.metric AS figure
FROM promo.tier_period t JOIN promo.program p USING (program_id) JOIN promo.customer c USING (customer_id);
CREATE FUNCTION buy(customer text, key text, amount numeric, at timestamptz, program text DEFAULT 'default') RETURNS text
BEGIN ATOMIC SELECT promo.earn(customer, key, jsonb_build_object('points', floor(amount), 'amount', amount), at, program); SELECT promo.tier_of(customer, at, program); END;

-- A tier is reached at once, exactly at its threshold, and levels may be skipped
SELECT buy('amy', 'o1', 99.99, '2024-03-01 12:00Z'), buy('amy', 'o2', 0.01, '2024-03-02 12:00Z'), buy('amy', 'o3', 200.49, '2024-03-03 12:00Z'), buy('amy', 'o4', 0.01, '2024-03-04 12:00Z');
SELECT buy('ben', 'o1', 5000, '2024-03-01 12:00Z');
SELECT promo.tier_of('ben', '2024-03-01 11:59:59Z') AS before, promo.tier_of('ben', '2023-12-31 00:00Z') AS no_member, promo.tier_of('nobody') AS nobody;
-- it lasts until the end of next year, as the clocks in Berlin say
SELECT tier, cause, begins_at, ends_at, earned_until, figure FROM history WHERE customer = 'amy' ORDER BY begins_at;
-- points are spent without a loss of the tier
SELECT promo.redeem_points('amy', 'r1', 200, '2024-04-01 00:00Z'), promo.tier_of('amy', '2024-04-01 00:00Z');

-- Progress: what is missing to the next tier, and to keep this one, by when
SELECT buy('cleo', 'o1', 120, '2024-05-01 00:00Z');
SELECT * FROM promo.tier_progress('cleo', '2024-06-01 00:00Z');
SELECT * FROM promo.tier_progress('cleo', '2025-06-01 00:00Z');
SELECT * FROM promo.tier_progress('dan', '2025-06-01 00:00Z');
SELECT count(*) FROM promo.tier_progress('nobody');

-- Not run for years, the answer is the same as after a run: one step down a year
SELECT promo.tier_of('ben', '2025-12-31 22:59:59Z'), promo.tier_of('ben', '2025-12-31 23:00Z'), promo.tier_of('ben', '2027-01-01 00:00Z');
CREATE TEMP TABLE seen AS SELECT c, d, promo.tier_of(c, d) AS tier FROM unnest(ARRAY['amy', 'ben', 'cleo', 'dan']) c, generate_series(timestamptz '2024-01-01 00:00Z', '2029-01-01 00:00Z', interval '7 days') d;
CALL promo.run_membership('2028-06-01 00:00Z');
SELECT count(*), count(*) FILTER (WHERE tier IS DISTINCT FROM promo.tier_of(c, d)) AS changed FROM seen;
SELECT tier, cause, begins_at, ends_at, earned_until, figure FROM history WHERE customer = 'ben' ORDER BY begins_at;

-- Who is reaching it again before its end keeps it; posted late, too
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''ella'', ''fern'']) c', '2024-01-01 00:00Z');
SELECT buy('ella', 'o1', 400, '2024-03-01 00:00Z'), buy('ella', 'o2', 301, '2025-03-01 00:00Z');
SELECT promo.tier_of('ella', '2026-06-01 00:00Z'), promo.tier_of('ella', '2027-06-01 00:00Z');
SELECT buy('fern', 'o1', 100, '2025-03-01 00:00Z'), buy('fern', 'o2', 250, '2024-12-31 22:59Z'), buy('fern', 'o3', 60, '2024-12-31 23:01Z');
SELECT tier, cause, begins_at, earned_until, figure FROM history WHERE customer = 'fern' ORDER BY begins_at;

-- A return of this year's order takes back what it led to, one of last year's does not
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''gwen'', ''hugo'']) c', '2024-01-01 00:00Z');
CREATE FUNCTION give_back(customer text, key text, order_key text, amount numeric, at timestamptz) RETURNS text
BEGIN ATOMIC SELECT promo.return_order(customer, key, order_key, amount, at); SELECT promo.tier_of(customer, at); END;
SELECT buy('gwen', 'o1', 250, '2024-03-01 00:00Z'), buy('gwen', 'o2', 100, '2024-04-01 00:00Z'), give_back('gwen', 'b1', 'o2', 40, '2024-05-01 00:00Z'), give_back('gwen', 'b2', 'o2', 60, '2024-05-02 00:00Z'), give_back('gwen', 'b3', 'o1', 250, '2024-05-03 00:00Z');
SELECT buy('hugo', 'o1', 150, '2024-11-01 00:00Z'), buy('hugo', 'o2', 310, '2025-01-10 00:00Z'), give_back('hugo', 'b1', 'o1', 150, '2025-01-15 00:00Z'), give_back('hugo', 'b2', 'o2', 300, '2025-01-20 00:00Z');
SELECT promo.tier_of('hugo', '2025-12-31 00:00Z'), promo.tier_of('hugo', '2026-01-01 00:00Z') AS next_year;
SELECT customer, tier, cause, begins_at, earned_until, figure FROM history WHERE customer IN ('gwen', 'hugo') ORDER BY customer, begins_at;

-- One that is posted late, of an instant before the tier was reached: what is left decides, and then what came after
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''una'', ''vera'']) c', '2024-01-01 00:00Z');
SELECT buy('una', 'o1', 250, '2024-03-01 00:00Z'), buy('una', 'o2', 100, '2024-04-01 00:00Z'), give_back('una', 'b1', 'o1', 20, '2024-03-15 00:00Z');
SELECT promo.tier_of('una', '2024-04-02 00:00Z') AS kept;
SELECT give_back('una', 'b2', 'o1', 60, '2024-03-20 00:00Z');
SELECT promo.tier_of('una', '2024-04-02 00:00Z') AS lost;
SELECT buy('vera', 'o1', 250, '2024-03-01 00:00Z'), buy('vera', 'o2', 100, '2024-04-01 00:00Z'), buy('vera', 'o3', 40, '2024-05-01 00:00Z'), give_back('vera', 'b1', 'o1', 60, '2024-03-20 00:00Z');
SELECT customer, tier, cause, begins_at, figure FROM history WHERE customer IN ('una', 'vera') ORDER BY customer, begins_at;
SELECT * FROM promo.membership_audit();

-- A tier assigned by hand is a floor, for a time and a reason; what is earned lifts above it
SELECT promo.enroll('iris', '2024-01-01 00:00Z'::timestamptz);
SELECT promo.assign_tier('iris', 'silver', '2024-07-01 00:00Z', 'moved from another shop', '2024-02-01 00:00Z'), buy('iris', 'o1', 301, '2024-03-01 00:00Z'),
	promo.assign_tier('iris', 'gold', 'infinity', 'owner''s aunt', '2024-04-01 00:00Z');
SELECT promo.tier_of('iris', '2040-01-01 00:00Z') AS for_good;
SELECT promo.assign_tier('iris', 'basic', 'infinity', 'sold the shop', '2031-01-01 00:00Z') AS no_more;
SELECT tier, cause, begins_at, earned_until, floor FROM history WHERE customer = 'iris' ORDER BY begins_at;
SELECT promo.assign_tier('iris', 'platinum', 'infinity', 'x', '2032-01-01 00:00Z');
SELECT promo.assign_tier('iris', 'gold', '2024-01-01 00:00Z', 'x', '2024-02-01 00:00Z');
SELECT promo.assign_tier('iris', 'gold', '2024-03-01 00:00Z', '', '2024-02-01 00:00Z');
SELECT promo.assign_tier('iris', 'gold', NULL, 'x');
SELECT promo.assign_tier('iris', 'gold', 'infinity', 'x', '2023-02-01 00:00Z');
SELECT promo.assign_tier('nobody', 'gold', 'infinity', 'x');

-- Rolling months; a lapse to what is still qualified for; criteria, and other ones to keep a tier
SELECT promo.define_program('{"name": "club", "currency": {"code": "EUR", "exponent": 2}, "time_zone": "America/New_York", "window": {"type": "rolling", "months": 3}, "policy": "to_qualified", "grace_days": 10,
	"tiers": [{"name": "entry", "threshold": 0}, {"name": "fan", "criteria": {"any": [{"metric": "orders", "at_least": 3}, {"metric": "spend", "at_least": 500}]}, "renewal": {"metric": "visits", "at_least": 1}},
		{"name": "star", "criteria": {"all": [{"metric": "orders", "at_least": 4}, {"metric": "visits", "at_least": 3}, {"metric": "points", "at_least": 40}]}}]}');
SELECT promo.enroll('amy', '2024-01-01 00:00Z', 'club');
SELECT buy('amy', 'k1', 10, '2024-01-10 12:00Z', 'club'), buy('amy', 'k2', 10, '2024-01-10 18:00Z', 'club'), buy('amy', 'k3', 10, '2024-01-20 12:00Z', 'club'), buy('amy', 'k4', 9, '2024-02-01 12:00Z', 'club'), buy('amy', 'k5', 0, '2024-02-02 12:00Z', 'club');
SELECT promo.adjust_points('amy', 'a1', 1, 'bonus', '2024-02-10 00:00Z', program => 'club');
SELECT promo.tier_of('amy', '2024-02-10 00:00Z', 'club');
SELECT * FROM promo.tier_progress('amy', '2024-02-10 00:00Z', 'club');
SELECT d, promo.tier_of('amy', d, 'club') FROM unnest(ARRAY['2024-05-02 03:59Z', '2024-05-21 03:59Z', '2024-05-21 04:00Z', '2024-08-21 00:00Z', '2025-01-01 00:00Z']::timestamptz[]) d;
CALL promo.run_membership('2025-01-01 00:00Z');
SELECT tier, cause, begins_at, earned_until FROM history WHERE program = 'club' ORDER BY begins_at;

-- By balance, which falls with what is spent, but the tier only at the end of its time
SELECT promo.define_program('{"name": "purse", "currency": {"code": "EUR", "exponent": 2}, "metric": "balance", "window": {"type": "calendar", "unit": "month"}, "policy": "to_base", "tiers": [{"name": "low", "threshold": 0}, {"name": "high", "threshold": 50}]}');
SELECT promo.enroll('ben', '2024-01-01 00:00Z', 'purse');
SELECT buy('ben', 'k1', 49, '2024-01-10 12:00Z', 'purse'), buy('ben', 'k2', 1, '2024-01-11 12:00Z', 'purse'), promo.redeem_points('ben', 'r1', 10, '2024-01-12 00:00Z', program => 'purse');
SELECT promo.tier_of('ben', '2024-02-29 23:59Z', 'purse'), promo.tier_of('ben', '2024-03-01 00:00Z', 'purse');

-- earn_all() comes to the same as earn(), row by row, whatever was there before
SELECT promo.define_program('{"name": "one", "currency": {"code": "EUR", "exponent": 2}, "window": {"type": "rolling", "months": 2}, "tiers": [{"name": "a", "threshold": 0}, {"name": "b", "threshold": 60}, {"name": "c", "threshold": 90}, {"name": "d", "threshold": 120}]}'),
	promo.define_program('{"name": "all", "currency": {"code": "EUR", "exponent": 2}, "window": {"type": "rolling", "months": 2}, "tiers": [{"name": "a", "threshold": 0}, {"name": "b", "threshold": 60}, {"name": "c", "threshold": 90}, {"name": "d", "threshold": 120}]}');
SELECT promo.enroll_all('SELECT ''t'' || g FROM generate_series(1, 40) g', '2024-01-01 00:00Z', 'one'), promo.enroll_all('SELECT ''t'' || g FROM generate_series(1, 40) g', '2024-01-01 00:00Z', 'all');
CREATE TEMP TABLE orders AS SELECT 't' || 1 + g * 7919 % 40 AS customer, 'o' || g AS key, timestamptz '2024-01-02 00:00Z' + (hashint4(g)::bigint + 2147483648) % 200 * interval '1 day' + g * interval '1 second' AS at, (hashint4(g + 1000)::bigint + 2147483648) % 40 AS amount, g % 3 AS part FROM generate_series(1, 600) g;
DO $$
DECLARE o record;
BEGIN
	FOR n IN 0..2 LOOP
		FOR o IN SELECT * FROM orders WHERE part = n ORDER BY customer, at LOOP
			PERFORM buy(o.customer, o.key, o.amount, o.at, 'one');
		END LOOP;
		PERFORM promo.earn_all(format('SELECT customer, key, at, jsonb_build_object(''points'', amount, ''amount'', amount) AS purchase FROM orders WHERE part = %s', n), 'all');
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT tier) AS tiers, count(DISTINCT cause) AS causes FROM history WHERE program = 'one';
(SELECT customer, tier, cause, begins_at, ends_at, earned_until, figure FROM history WHERE program = 'one') EXCEPT (SELECT customer, tier, cause, begins_at, ends_at, earned_until, figure FROM history WHERE program = 'all');
SELECT count(*) FROM history WHERE program = 'all';
SELECT count(*) AS members, count(*) FILTER (WHERE (o.tier_due_at, o.tier_seen_at) IS DISTINCT FROM (a.tier_due_at, a.tier_seen_at)) AS other
FROM promo.member o JOIN promo.program po ON po.program_id = o.program_id AND po.program = 'one' JOIN promo.member a ON a.customer_id = o.customer_id JOIN promo.program pa ON pa.program_id = a.program_id AND pa.program = 'all';

-- with rules that ask for the tier, too, which a purchase before may have changed
SELECT promo.define_program(d || '{"name": "one by rule"}'), promo.define_program(d || '{"name": "all by rule"}')
FROM (VALUES ('{"currency": {"code": "EUR", "exponent": 2}, "metric": "points", "window": {"type": "rolling", "months": 2}, "tiers": [{"name": "a", "threshold": 0}, {"name": "b", "threshold": 60}, {"name": "c", "threshold": 120}],
	"earning": {"rules": [{"type": "per_amount", "points": 1, "per": 100}, {"type": "multiplier", "multiplier": 2, "conditions": [{"type": "tier", "any_of": ["b"]}]}, {"type": "multiplier", "multiplier": 3, "conditions": [{"type": "tier", "any_of": ["c"]}]}]}}'::jsonb)) v(d);
SELECT promo.enroll_all('SELECT ''t'' || g FROM generate_series(1, 40) g', '2024-01-01 00:00Z', 'one by rule'), promo.enroll_all('SELECT ''t'' || g FROM generate_series(1, 40) g', '2024-01-01 00:00Z', 'all by rule');
DO $$
DECLARE o record;
BEGIN
	FOR n IN 0..2 LOOP
		FOR o IN SELECT * FROM orders WHERE part = n ORDER BY customer, at LOOP
			PERFORM promo.earn(o.customer, o.key, jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('amount', o.amount))), o.at, 'one by rule');
		END LOOP;
		PERFORM promo.earn_all(format('SELECT customer, key, at, jsonb_build_object(''lines'', jsonb_build_array(jsonb_build_object(''amount'', amount))) AS purchase FROM orders WHERE part = %s', n), 'all by rule');
	END LOOP;
END $$;
(SELECT customer, tier, cause, begins_at, ends_at, earned_until, figure FROM history WHERE program = 'one by rule') EXCEPT (SELECT customer, tier, cause, begins_at, ends_at, earned_until, figure FROM history WHERE program = 'all by rule');
SELECT p.program, count(*), count(DISTINCT e.counted ->> 'multiplier') AS multipliers, sum(e.points), md5(string_agg(format('%s %s %s', c.shop_id, e.key, e.points), ',' ORDER BY c.shop_id, e.key)) AS same
FROM promo.points_entry e JOIN promo.program p USING (program_id) JOIN promo.customer c USING (customer_id) WHERE p.program ~ 'by rule' GROUP BY 1 ORDER BY 1;

-- Nobody breaks the chain of periods, whoever writes the table
\set VERBOSITY terse
UPDATE promo.tier_period SET ends_at = ends_at + interval '1 day' WHERE ends_at = (SELECT min(ends_at) FROM promo.tier_period WHERE cause = 'reached');
DELETE FROM promo.tier_period WHERE ends_at = (SELECT min(ends_at) FROM promo.tier_period WHERE cause = 'reached');
INSERT INTO promo.tier_period (program_id, customer_id, tier, earned, begins_at, cause) SELECT program_id, customer_id, tier, earned, '2023-01-01 00:00Z', 'enrolled' FROM promo.tier_period LIMIT 1;
\set VERBOSITY default
SELECT count(*) AS periods, count(*) FILTER (WHERE next IS DISTINCT FROM ends_at) AS broken FROM (SELECT ends_at, lead(begins_at) OVER (PARTITION BY program_id, customer_id ORDER BY begins_at) AS next FROM promo.tier_period) t;
SELECT * FROM promo.membership_audit();

-- The audit finds what a broken table says
BEGIN;
UPDATE promo.member SET tier_due_at = tier_due_at + interval '1 day' WHERE tier_due_at = (SELECT max(tier_due_at) FROM promo.member);
UPDATE promo.tier_period SET figures = figures || '{"spend": 7}' WHERE period_id = (SELECT min(period_id) FROM promo.tier_period WHERE cause = 'reached');
UPDATE promo.tier_period SET tier = 'd' WHERE period_id = (SELECT min(period_id) FROM promo.tier_period WHERE tier = 'b');
UPDATE promo.tier_period SET tier = 'd', earned = 'd' WHERE period_id = (SELECT max(t.period_id) FROM promo.tier_period t JOIN promo.program p USING (program_id) WHERE t.earned = 'b' AND p.program = 'one');
DELETE FROM promo.tier_period WHERE ends_at IS NULL AND customer_id = (SELECT customer_id FROM promo.customer WHERE shop_id = 'dan');
UPDATE promo.points_entry SET amount = amount + 500 WHERE entry_id = (SELECT e.entry_id FROM promo.points_entry e JOIN promo.program p USING (program_id) WHERE p.program = 'all' AND e.kind = 'earn' ORDER BY e.at DESC LIMIT 1);
SELECT DISTINCT fault FROM promo.membership_audit() ORDER BY 1;
ROLLBACK;

DROP FUNCTION buy, give_back;
DROP VIEW history;
DROP TABLE seen, orders;
DELETE FROM promo.points_allocation; DELETE FROM promo.points_lot; DELETE FROM promo.points_entry;
DELETE FROM promo.benefit_grant; DELETE FROM promo.tier_period; DELETE FROM promo.member; DELETE FROM promo.tier_benefit; DELETE FROM promo.tier; DELETE FROM promo.program;
