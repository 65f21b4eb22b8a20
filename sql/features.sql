-- features(): what a timeline says about a customer at a moment
SET timezone = 'America/New_York';	-- which must not matter
SET datestyle = 'ISO';
SET extra_float_digits = 0;

CREATE TABLE event (customer text, number bigint PRIMARY KEY, at timestamptz,
	amount float8, kind text, discount float8, items integer, category text,
	order_id text, rating float8);

-- The events of one customer, as of a moment
CREATE FUNCTION history(wanted text) RETURNS promo.timeline
LANGUAGE sql STABLE AS $$
	SELECT promo.timeline(e) FROM event e WHERE customer = wanted
$$;

INSERT INTO event VALUES
	('ann', 1, '2026-01-05 09:00Z', 40, 'order', 10, 2, 'tea', 'A1', NULL),
	('ann', 2, '2026-01-05 09:00Z', 20, 'order', NULL, 1, 'cake', 'A1', NULL),
	('ann', 3, '2026-01-12 18:30Z', 30, 'order', NULL, 3, 'tea', 'A2', NULL),
	('ann', 4, '2026-01-14 10:00Z', 15, 'return', NULL, NULL, NULL, 'A2', NULL),
	('ann', 5, '2026-01-14 10:10Z', NULL, 'review', NULL, NULL, NULL, NULL, 4),
	('ann', 6, '2026-01-24 20:00Z', 50, 'order', NULL, NULL, NULL, NULL, NULL),
	('ann', 7, '2026-01-30 08:00Z', NULL, 'view', NULL, NULL, 'tea', NULL, NULL);

\x on
SELECT (f).* FROM (SELECT promo.features(history('ann'), '2026-02-01 00:00Z') AS f OFFSET 0) s;

-- Of no events there are counts and sums of zero, and nothing else
SELECT (f).* FROM (SELECT promo.features(history('ann'), '2026-01-01 00:00Z') AS f OFFSET 0) s;
\x off

-- No timeline, no features
SELECT promo.features(NULL, now()) IS NULL AS nothing;

-- The row is computed once where the call stands in FROM, or in a subquery
-- that OFFSET 0 keeps apart; elsewhere for each column that is named
CREATE TABLE customer_timeline (customer text, events promo.timeline);
EXPLAIN (COSTS OFF)
SELECT customer, f.gross, f.net
FROM customer_timeline, promo.features(events, '2026-02-01Z') AS f;
EXPLAIN (VERBOSE, COSTS OFF)
SELECT customer, (f).gross, (f).net
FROM (SELECT customer, promo.features(events, '2026-02-01Z') AS f
	  FROM customer_timeline OFFSET 0) AS s;
EXPLAIN (VERBOSE, COSTS OFF)
SELECT customer, (f).gross, (f).net
FROM (SELECT customer, promo.features(events, '2026-02-01Z') AS f
	  FROM customer_timeline) AS s;

-- Days are those on the wall: two hours and a half are one day in Berlin, two
-- in Shanghai
INSERT INTO event VALUES
	('bob', 11, '2026-01-05 15:30Z', 1, 'order'),
	('bob', 12, '2026-01-05 16:30Z', 1, 'order');
SELECT zone, (promo.features(history('bob'), '2026-01-08Z', zone)).frequency,
	(promo.features(history('bob'), '2026-01-08Z', zone)).days_since_last
FROM (VALUES ('UTC'), ('Europe/Berlin'), ('Asia/Shanghai'), ('europe/berlin'), ('<+08>-8')) v(zone);

-- 23 hours that are a day, as the clock goes to summer time between
INSERT INTO event VALUES
	('eve', 13, '2026-03-28 23:30 Europe/Berlin', 1, 'order'),
	('eve', 14, '2026-03-29 23:30 Europe/Berlin', 1, 'order');
SELECT at - lag(at) OVER (ORDER BY at) AS apart FROM event WHERE customer = 'eve' ORDER BY at;
SELECT zone, (f).frequency, (f).recency_days, (f).modal_hour, (f).modal_weekday
FROM (SELECT zone, promo.features(history('eve'), '2026-04-01Z', zone) AS f
	  FROM (VALUES ('UTC'), ('Europe/Berlin')) v(zone) OFFSET 0) s;

-- as_of is exclusive, and the last day is that of the moment before it
SELECT as_of, (f).events, (f).tenure_days, (f).days_since_last, (f).orders_7d
FROM (SELECT as_of, promo.features(history('bob'), as_of) AS f
	  FROM (VALUES (timestamptz '2026-01-05 16:30Z'), ('2026-01-05 16:30:00.000001Z'),
			('2026-01-06 00:00Z'), ('2026-01-06 00:00:00.000001Z'), ('2026-01-12 00:00Z'),
			('2026-01-12 00:00:00.000001Z')) v(as_of) OFFSET 0) s
ORDER BY as_of;

-- A pause of exactly the gap does not end a session; a session may cross midnight
INSERT INTO event (customer, number, at, amount, kind, order_id) VALUES
	('joe', 21, '2026-01-05 23:50Z', NULL, 'view', NULL),
	('joe', 22, '2026-01-06 00:20Z', 5, 'order', 'J1'),
	('joe', 23, '2026-01-06 00:20:01Z', 6, 'order', 'J1'),
	('joe', 24, '2026-01-06 00:50:01.000001Z', 7, 'order', 'J1');
SELECT session, started AT TIME ZONE 'UTC' AS started, ended AT TIME ZONE 'UTC' AS ended, events, orders, spend
FROM promo.sessions(history('joe'));
SELECT session, events, orders, spend FROM promo.sessions(history('joe'), '10 minutes');
SELECT count(*) FROM promo.sessions(history('joe'), '1 day');
SELECT (promo.features(history('joe'), '2026-02-01Z')).sessions,
	(promo.features(history('joe'), '2026-02-01Z', session_gap => '10 minutes')).sessions AS shorter;
SELECT count(*) FROM promo.sessions(NULL);

-- Labels: from since on, before until; over adjoining spans they add up
SELECT promo.spend(history('ann'), '2026-01-05 09:00Z', '2026-01-12 18:30Z') AS first_week,
	promo.spend(history('ann'), '2026-01-12 18:30Z', '2026-02-01Z') AS rest,
	promo.spend(history('ann'), '-infinity', 'infinity') AS ever,
	promo.spend(history('ann'), '2026-01-12 18:30Z', '2026-01-12 18:30Z') AS never;
SELECT promo.orders(history('ann'), '2026-01-05 09:00Z', '2026-01-12 18:30Z') AS first_week,
	promo.orders(history('ann'), '2026-01-12 18:30Z', '2026-02-01Z') AS rest,
	promo.orders(history('ann'), '-infinity', 'infinity') AS ever;
-- an order is where its first event is, its money where each event is
SELECT promo.orders(history('joe'), '2026-01-06 00:20:01Z', 'infinity'),
	promo.spend(history('joe'), '2026-01-06 00:20:01Z', 'infinity');

-- What cannot be meant is refused
SELECT promo.features(history('ann'), '2026-01-01Z', 'Mars/Olympus');
SELECT promo.features(history('ann'), '2026-01-01Z', '');
SELECT promo.features(history('ann'), '2026-01-01Z', 'CEST');
DO $$ BEGIN
	PERFORM promo.features(history('ann'), '2026-01-01Z', repeat('x', 1000));
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE NOTICE 'a name of % bytes', length(substring(SQLERRM FROM '"(.*)"'));
END $$;
SELECT promo.features(history('ann'), 'infinity');
SELECT promo.features(history('ann'), '-infinity');
SELECT promo.features(history('ann'), '2026-01-01Z', session_gap => '0');
SELECT promo.features(history('ann'), '2026-01-01Z', session_gap => '-1 hour');
SELECT promo.features(history('ann'), '2026-01-01Z', session_gap => '1 month');
SELECT promo.features(history('ann'), '2026-01-01Z', session_gap => '200000000 days');
SELECT promo.sessions(history('ann'), '1 year');
SELECT promo.spend(history('ann'), '2026-02-01Z', '2026-01-01Z');

-- A timestamp or a date has no zone, and that of the session shall not decide
SELECT promo.features(history('ann'), timestamp '2026-01-01');
SELECT promo.features(history('ann'), date '2026-01-01');
SELECT promo.features(history('ann'), as_of => date '2026-01-01', time_zone => 'Europe/Berlin');
SELECT promo.spend(history('ann'), date '2026-01-01', timestamptz '2026-02-01Z');
SELECT promo.orders(history('ann'), timestamptz '2026-01-01Z', timestamp '2026-02-01');

-- More money than a float8 holds is an error and not a NULL
SELECT promo.features(promo.timeline(at, 1e308), '2027-01-01Z')
FROM generate_series(timestamptz '2026-01-01Z', '2026-01-03Z', '1 day') at;

-- The ends of time
SELECT (f).frequency, (f).recency_days, (f).tenure_days
FROM (SELECT promo.features(promo.timeline(at, 1), '294276-12-31 23:59:59.999999Z', zone) AS f
	  FROM (VALUES (timestamptz '4714-11-24 00:00:00Z BC'), ('294276-12-31 23:00Z')) v(at),
		   (VALUES ('UTC'), ('Pacific/Kiritimati'), ('America/Los_Angeles')) z(zone)
	  GROUP BY zone ORDER BY zone OFFSET 0) s;

-- The outside witness: a shop of 300 customers in which everything happens,
-- and the same features in pure SQL
CREATE FUNCTION draw(number integer, what text, size integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
	SELECT (('x' || substr(md5(number || what), 1, 7))::bit(28)::integer % size)
$$;

TRUNCATE event;
INSERT INTO event
SELECT customer, n, at,
	CASE WHEN kind IN ('order', 'return') AND draw(n, 'unknown', 20) > 0
		 THEN CASE draw(n, 'sign', 12) WHEN 0 THEN -1 WHEN 1 THEN 0 ELSE 1 END * draw(n, 'amount', 20000) / 100.0 END,
	kind,
	CASE WHEN draw(n, 'discounted', 3) = 0 THEN draw(n, 'discount', 1000) / 100.0 END,
	CASE WHEN draw(n, 'counted', 4) > 0 THEN draw(n, 'items', 6) END,
	CASE WHEN draw(n, 'categorized', 5) > 0 THEN (ARRAY['tea', 'Tea', 'cake', 'é', 'zoo', ''])[1 + draw(n, 'category', 6)] END,
	CASE WHEN draw(n, 'named', 3) > 0 THEN 'order ' || draw(n, 'order', 1 + draw(draw(n, 'customer', 300), 'orders', 30)) END,
	CASE WHEN draw(n, 'rated', 6) = 0 THEN 1 + draw(n, 'rating', 5) END
FROM (SELECT n, 'customer ' || draw(n, 'customer', 300) AS customer,
		-- half of it in hours that hold the ends of days and of summer time
		timestamptz '2024-01-01Z' + CASE WHEN draw(n, 'fine', 2) = 0
			THEN draw(n, 'day', 800) * interval '1 day' + draw(n, 'hour', 24) * interval '1 hour'
			ELSE interval '300 days' + draw(n, 'minute', 100) * interval '10 minutes' END AS at,
		(ARRAY['order', 'order', 'order', 'order', 'return', 'view', 'review', 'wish'])[1 + draw(n, 'kind', 8)] AS kind
	  FROM generate_series(1, 9000) n) e
-- some customers do only one thing
WHERE draw(n, 'customer', 300) > 20
   OR kind = (ARRAY['return', 'view', 'review', 'wish', 'order'])[1 + draw(n, 'customer', 300) % 5]
	  AND draw(n, 'customer', 300) / 10 + draw(n, 'few', 3) < 3;

\set ECHO none
\i test/witness/features.sql
\set ECHO all
CREATE TABLE history AS SELECT customer, promo.timeline(e) AS events FROM event e GROUP BY customer;

-- Columns that differ: there are none, in any zone, at any time
CREATE FUNCTION differences(as_of timestamptz, time_zone text, session_gap interval)
RETURNS TABLE (customers bigint, compared bigint, differing bigint, example text)
LANGUAGE sql STABLE AS $$
	SELECT count(DISTINCT customer), count(*), count(*) FILTER (WHERE NOT same),
		min(format('%s: %s is %s, not %s', customer, key, mine, witness)) FILTER (WHERE NOT same)
	FROM (SELECT customer, a.key, a.value AS mine, b.value AS witness,
			CASE WHEN jsonb_typeof(a.value) = 'number' AND jsonb_typeof(b.value) = 'number'
				 THEN abs(a.value::numeric - b.value::numeric) <= 1e-9 * greatest(1, abs(b.value::numeric))
				 ELSE a.value = b.value END AS same
		  FROM witness_features(as_of, time_zone, session_gap) w
		  JOIN (SELECT customer, promo.features(events, as_of, time_zone, session_gap) AS f FROM history OFFSET 0) h USING (customer),
			   jsonb_each(to_jsonb(f)) a, jsonb_each(to_jsonb(w)) b
		  WHERE a.key = b.key) c
$$;

SELECT as_of, v.time_zone, v.session_gap, d.*
FROM (VALUES (timestamptz '2026-06-01Z', 'UTC', interval '30 minutes'),
	('2024-10-31 07:31:00.5Z', 'Europe/Berlin', '10 minutes'),
	('2024-11-01Z', 'Asia/Shanghai', '1 day'),
	('2025-05-05 17:00Z', 'America/St_Johns', '09:59:59.999999'),
	('2026-01-01 00:00 Australia/Lord_Howe', 'Australia/Lord_Howe', '2 days 12 hours'),
	('2023-01-01Z', 'UTC', '30 minutes')) v(as_of, time_zone, session_gap),
	differences(as_of, v.time_zone, v.session_gap) d;

-- Clocks of Newfoundland went back a minute after midnight: days come twice
TRUNCATE event;
INSERT INTO event
SELECT 'newfoundland ' || n / 20, n, timestamptz '2010-11-07 00:00Z' + draw(n, 'minute', 300) * interval '1 minute',
	draw(n, 'amount', 100), 'order', NULL, NULL, NULL, CASE WHEN n % 3 = 0 THEN 'a' END, NULL
FROM generate_series(1, 400) n;
TRUNCATE history;
INSERT INTO history SELECT customer, promo.timeline(e) AS events FROM event e GROUP BY customer;
SELECT min((at AT TIME ZONE 'America/St_Johns')::date), max((at AT TIME ZONE 'America/St_Johns')::date)
FROM event WHERE at < '2010-11-07 02:31Z';
SELECT min((at AT TIME ZONE 'America/St_Johns')::date), max((at AT TIME ZONE 'America/St_Johns')::date)
FROM event WHERE at >= '2010-11-07 02:31Z';
SELECT * FROM differences('2010-11-08Z', 'America/St_Johns', '30 minutes');

-- Nothing that happens at as_of or later changes anything
SELECT count(*) AS customers, count(*) FILTER (WHERE
	promo.features(events, '2010-11-07 03:00Z', 'America/St_Johns') =
	promo.features(promo.merge(events, later), '2010-11-07 03:00Z', 'America/St_Johns')) AS unmoved,
	count(*) FILTER (WHERE
	promo.features(events, '2010-11-07 03:00:00.000001Z', 'America/St_Johns') =
	promo.features(promo.merge(events, later), '2010-11-07 03:00:00.000001Z', 'America/St_Johns')) AS unmoved_a_moment_later
FROM history,
	(SELECT promo.timeline(e) FROM (VALUES (timestamptz '2010-11-07 03:00Z', 10, 'order', 'a', 'tea', 5),
		('2012-11-07 03:00Z', 10, 'return', 'a', 'tea', 5)) e(at, amount, kind, order_id, category, rating)) l(later);
