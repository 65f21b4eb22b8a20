-- Timelines: a customer's events as one value.

-- Operators need the schema in the search_path; functions are called by its name
SET search_path = public, promo;

-- Events come in any order and stand in order of time
CREATE TABLE orders (customer int, at timestamptz, amount float8);
INSERT INTO orders VALUES
	(1, '2026-01-05 15:30+00', 12.50), (1, '2026-01-03 08:00+00', 40),
	(2, '2026-02-01 00:00+00', 0.1), (1, '2026-01-05 15:30+00', -3.25),
	(2, '2026-02-01 00:00:00.000001+00', NULL);
SELECT customer, promo.timeline(at, amount) FROM orders GROUP BY customer ORDER BY customer;

-- The text form does not depend on settings
SET TimeZone = 'Asia/Shanghai';
SET DateStyle = 'SQL, DMY';
SET extra_float_digits = -15;
SELECT promo.timeline(at, amount) FROM orders WHERE customer = 2;
RESET TimeZone;
RESET DateStyle;
RESET extra_float_digits;

-- events() gives the rows back
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SELECT t.customer, e.at, e.amount, e.kind
FROM (SELECT customer, promo.timeline(at, amount) AS events FROM orders GROUP BY customer) t,
	promo.events(t.events) e
ORDER BY t.customer, e.at, e.amount;

-- A kind is order where nothing is said; any word will do
SELECT promo.timeline('2026-01-01Z'::timestamptz + n * interval '1 day', n, kind)
FROM (VALUES (1, NULL), (2, 'order'), (3, 'return'), (4, 'wishlist')) v(n, kind);

-- A record's columns are matched by name, in any order and of any fitting type
CREATE TYPE channel AS ENUM ('web', 'shop');
CREATE DOMAIN price AS numeric(10, 2) CHECK (VALUE >= 0);
CREATE TABLE visits (
	ignored text, rating smallint, gone int, event_id uuid, at timestamptz, kind char(8),
	category channel, order_id bigint, items int, discount real, amount price);
ALTER TABLE visits DROP COLUMN gone;
INSERT INTO visits VALUES
	('x', 5, '00000000-0000-0000-0000-000000000001', '2026-03-01 10:00+00', 'review', 'web', NULL, NULL, NULL, NULL),
	('y', NULL, '00000000-0000-0000-0000-000000000002', '2026-03-01 09:00+00', NULL, 'shop', 9007199254740993, 3, 1.5, 19.99);
SELECT promo.timeline(v) FROM visits v;
SELECT * FROM promo.events((SELECT promo.timeline(v) FROM visits v));

-- Every kind of row source keeps the names of columns
SELECT promo.timeline(e) FROM (SELECT amount, at FROM visits) e;
WITH e AS MATERIALIZED (SELECT at, 'view' AS kind FROM visits) SELECT promo.timeline(e) FROM e;
SELECT promo.timeline(e) FROM (VALUES ('2026-01-01Z'::timestamptz, 1)) e(at, items);

-- ROW() loses them, and that is said
SELECT promo.timeline(ROW(at, amount)) FROM orders;

-- All faults of a record come at once
SELECT promo.timeline(e) FROM (SELECT current_date AS at, 'much' AS amount, true AS items, 1 AS category) e;
SELECT promo.timeline(e) FROM (SELECT now() AS att, 1 AS amount) e;
SELECT promo.timeline(e) FROM (SELECT '2026-01-01'::timestamp AS at) e;

-- Rows of different layout may follow each other
SELECT promo.timeline(e ORDER BY n) FROM (
	SELECT 1 AS n, x::record AS e FROM (SELECT '2026-01-01Z'::timestamptz AS at, 5 AS amount) x
	UNION ALL
	SELECT 2, y FROM (SELECT 'view' AS kind, '2026-01-02Z'::timestamptz AS at) y) z;

-- A table of 1,600 columns
DO $$
BEGIN
	EXECUTE (SELECT format('CREATE TABLE wide (at timestamptz, amount float8, %s)',
		string_agg('c' || n || ' bool', ', ')) FROM generate_series(3, 1600) n);
END $$;
INSERT INTO wide VALUES ('2026-01-01Z', 7), ('2026-01-02Z', 8);
SELECT promo.timeline(wide) FROM wide;
DROP TABLE wide;

-- One row per event id: the one that sorts first by all fields, in any order
-- and however it was merged; events without an id all stay
CREATE TABLE clicks AS
SELECT n % 7 AS customer, 'e' || n % 40 AS event_id, n % 3 * 10 AS amount,
	(ARRAY['order', 'view', NULL])[n % 3 + 1] AS kind,
	'2026-01-01Z'::timestamptz + n % 5 * interval '1 hour' AS at
FROM generate_series(1, 1000) n;
INSERT INTO clicks SELECT customer, NULL, amount, kind, at FROM clicks WHERE customer = 3;
SELECT count(*) FILTER (WHERE event_id IS NOT NULL) AS with_id,
	count(DISTINCT (customer, event_id)) FILTER (WHERE event_id IS NOT NULL) AS ids,
	count(*) FILTER (WHERE event_id IS NULL) AS without_id
FROM clicks;
CREATE TABLE kept AS SELECT customer, promo.timeline(c) AS events FROM clicks c GROUP BY customer;
SELECT count(e.event_id) AS with_id, count(*) - count(e.event_id) AS without_id
FROM kept k, promo.events(k.events) e;
-- SQL says the same
SELECT count(*) FROM (
	(SELECT customer, at, amount::float8, kind, event_id FROM (
		SELECT DISTINCT ON (customer, event_id) customer, at, amount, coalesce(kind, 'order') AS kind, event_id
		FROM clicks WHERE event_id IS NOT NULL
		ORDER BY customer, event_id, at, coalesce(kind, 'order') COLLATE "C", amount) d)
	EXCEPT
	(SELECT k.customer, e.at, e.amount, e.kind, e.event_id FROM kept k, promo.events(k.events) e)) x;

-- The same bits in any order of rows
SELECT count(DISTINCT bits) AS ways, count(*) AS orders FROM (
	SELECT customer, promo.timeline_send(promo.timeline(c ORDER BY md5(round::text || c::text))) AS bits, round
	FROM clicks c, generate_series(1, 20) round WHERE customer = 3 GROUP BY customer, round) x;

-- and from daily values, hourly values, or one at a time
SELECT bool_and(promo.timeline_send(d.events) = promo.timeline_send(k.events)) AS same_bits, count(*) AS customers
FROM kept k
JOIN (SELECT customer, promo.timeline_merge(events) AS events
	  FROM (SELECT customer, promo.timeline(c) AS events FROM clicks c
			GROUP BY customer, date_trunc('hour', at), md5(c::text) < '8') h
	  GROUP BY customer) d USING (customer);

-- A parallel plan gives the same bits
CREATE TABLE many AS
SELECT n * 7919 % 1000 AS customer, '2025-01-01Z'::timestamptz + n * 37 % 100003 * interval '1 minute' AS at,
	n % 1000 / 100.0::float8 AS amount, 'c' || n % 11 AS category
FROM generate_series(1, 50000) n;
ANALYZE many;
CREATE TABLE serial_way AS
SELECT customer, promo.timeline(at, amount) AS plain, promo.timeline(m) AS whole FROM many m GROUP BY customer;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF)
SELECT customer, promo.timeline(at, amount) AS plain, promo.timeline(m) AS whole FROM many m GROUP BY customer;
CREATE TABLE parallel_way AS
SELECT customer, promo.timeline(at, amount) AS plain, promo.timeline(m) AS whole FROM many m GROUP BY customer;
SELECT count(*) AS customers,
	bool_and(promo.timeline_send(s.plain) = promo.timeline_send(p.plain)
			 AND promo.timeline_send(s.whole) = promo.timeline_send(p.whole)) AS same_bits
FROM serial_way s JOIN parallel_way p USING (customer);
-- with groups of an event or two as well
SELECT count(*) AS groups, bool_and(a.t OPERATOR(promo.=) b.t) AS same
FROM (SELECT customer, category, promo.timeline(at, amount) AS t FROM many GROUP BY customer, category) a
JOIN (SELECT customer, category, promo.timeline(at, amount ORDER BY amount, at) AS t FROM many GROUP BY customer, category) b
	USING (customer, category);
EXPLAIN (COSTS OFF) SELECT promo.timeline_merge(plain) FROM serial_way;
SELECT promo.timeline_merge(plain) = (SELECT promo.timeline(at, amount) FROM many) AS one_value FROM serial_way;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- and so do a hash aggregate that spills and one over sorted rows
SET work_mem = '64kB';
SET enable_sort = off;
SELECT bool_and(promo.timeline_send(s.plain) = promo.timeline_send(h.plain)) AS same_bits
FROM serial_way s JOIN (SELECT customer, promo.timeline(at, amount) AS plain FROM many GROUP BY customer) h USING (customer);
RESET enable_sort;
SET enable_hashagg = off;
SELECT bool_and(promo.timeline_send(s.plain) = promo.timeline_send(h.plain)) AS same_bits
FROM serial_way s JOIN (SELECT customer, promo.timeline(at, amount) AS plain FROM many GROUP BY customer) h USING (customer);
RESET enable_hashagg;
RESET work_mem;

-- A million events of one customer; a value that is compressed and moved out of line
SELECT count(*), min(at), max(at), sum(amount) FROM promo.events((
	SELECT promo.timeline('2020-01-01Z'::timestamptz + (n * 7 % 1000000) * interval '1 second', 0.25)
	FROM generate_series(1, 1000000) n));
CREATE TABLE toasted AS SELECT promo.timeline(m) AS events FROM many m;
SELECT pg_column_size(events) < length(promo.timeline_send(events)) AS compressed,
	events = (SELECT promo.timeline(m) FROM many m) AS whole FROM toasted;

-- As a window function: the timeline so far
SELECT at, promo.timeline(at, amount) OVER (ORDER BY at) AS so_far FROM orders WHERE customer = 1 ORDER BY at, amount;

-- A state that leaves its aggregate, as it does between servers, is the value as text
CREATE AGGREGATE gather(timestamptz, float8) (SFUNC = promo.timeline_accum, STYPE = promo.timeline);
SELECT gather(at, amount)::text = promo.timeline(at, amount)::text AS text,
	gather(at, amount) OPERATOR(promo.=) promo.timeline(at, amount) AS equal,
	promo.merge(gather(at, amount), '[]') = promo.timeline(at, amount) AS merged,
	promo.timeline_send(gather(at, amount)) = promo.timeline_send(promo.timeline(at, amount)) AS binary,
	promo.timeline_hash(gather(at, amount)) = promo.timeline_hash(promo.timeline(at, amount)) AS hash,
	promo.timeline_hash(gather(at, amount)) = (promo.timeline_hash_extended(promo.timeline(at, amount), 0) << 32 >> 32)::int AS low_half,
	promo.timeline_hash_extended(gather(at, amount), 0) <> promo.timeline_hash_extended(gather(at, amount), 1) AS seeded
FROM many WHERE customer < 5;
SELECT promo.timeline_accum(NULL, now(), 1);

-- merge and || ; a customer's events before and after
SELECT promo.merge('[{"at": "2026-01-02T00:00Z", "amount": 2}]', '[{"at": "2026-01-01T00:00Z", "amount": 1}]');
SELECT '[{"at": "2026-01-02T00:00Z", "event_id": "a"}]'::promo.timeline
	OPERATOR(promo.||) '[{"at": "2026-01-01T00:00Z", "event_id": "a"}, {"at": "2026-01-02T00:00Z"}]'::promo.timeline;
SELECT promo.timeline_merge(events) FROM (VALUES (NULL::promo.timeline), ('[]'), (NULL)) v(events);

-- forget_before keeps the time itself
SELECT promo.forget_before(t, '2026-01-05 15:30+00'), promo.forget_before(t, 'infinity'),
	promo.forget_before(t, '-infinity') = t AS all_of_it
FROM (SELECT promo.timeline(at, amount) AS t FROM orders WHERE customer = 1 OFFSET 0) x;

-- Nothing gives nothing; no rows, and rows of an outer join
SELECT promo.timeline(at, amount), promo.timeline(o) FROM orders o WHERE false;
SELECT c, promo.timeline(o.at, o.amount), promo.timeline(o.at, o.amount, 'order'), promo.timeline(o)
FROM generate_series(2, 3) c LEFT JOIN orders o ON o.customer = c GROUP BY c ORDER BY c;

-- What has no time is an error, and so is what is not finite
SELECT promo.timeline(NULL::timestamptz, 5);
SELECT promo.timeline(NULL::timestamptz, 5, 'view');
SELECT promo.timeline(e) FROM (SELECT NULL::timestamptz AS at, 'view' AS kind) e;
SELECT promo.timeline('infinity'::timestamptz, 5);
SELECT promo.timeline('-infinity'::timestamptz, 5);
SELECT promo.timeline(now(), 'NaN');
SELECT promo.timeline(now(), '-Infinity');
SELECT promo.timeline(e) FROM (SELECT now() AS at, 'NaN'::numeric AS rating) e;
SELECT promo.timeline(now(), 1, '');
SELECT promo.timeline(e) FROM (SELECT now() AS at, '' AS event_id) e;

-- A time without zone is refused, with the way out
SELECT promo.timeline(at::timestamp, amount) FROM orders;
SELECT promo.timeline(at::date, amount, 'order') FROM orders;
SELECT promo.forget_before('[]', '2026-01-01'::date);
SELECT promo.timeline(at::timestamp AT TIME ZONE 'Europe/Berlin', amount) FROM orders WHERE customer = 1;

-- The first and the last times there are
SELECT promo.timeline(at, 1) FROM (VALUES ('4714-11-24 00:00:00+00 BC'::timestamptz), ('294276-12-31 23:59:59.999999+00')) v(at);

-- The text form reads what a person writes, and gives the one form back
SELECT ' [ {"amount" : 1.50,"at":"2026-01-05 16:30:00+01:00", "kind":null, "category":"b\u00fccher \ud83d\ude00\n"},
	{"at":"2025-12-31T23:00Z", "kind":"order"} ] '::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "amount": 0.30000000000000004, "rating": 1e-300, "discount": 281474976710656.01, "items": -0.0}]'::promo.timeline;

-- and says where it cannot
SELECT ''::promo.timeline;
SELECT '{}'::promo.timeline;
SELECT '[{}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z"}'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z"},]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z"}] x'::promo.timeline;
SELECT '[{"at": "2026-01-01"}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00"}]'::promo.timeline;
SELECT '[{"at": "2026-02-30T00:00Z"}]'::promo.timeline;
SELECT '[{"at": "999999-01-01T00:00Z"}]'::promo.timeline;
SELECT '[{"at": 5}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "at": "2026-01-01T00:00Z"}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "Amount": 1}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "amount": NaN}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "amount": 0x10}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "amount": 1e400}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "amount": "1"}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "kind": ""}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "kind": "ä\u0000"}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "kind": "\ud800"}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "kind": "\x"}]'::promo.timeline;
SELECT '[{"at": "2026-01-01T00:00Z", "kind": "open'::promo.timeline;

-- The binary form goes out and comes back
\copy (SELECT events, plain FROM kept k JOIN serial_way USING (customer)) TO 'results/timeline.data' (FORMAT binary)
CREATE TABLE back (events promo.timeline, plain promo.timeline);
\copy back FROM 'results/timeline.data' (FORMAT binary)
SELECT count(*) FROM back b JOIN kept k USING (events) JOIN serial_way s USING (customer) WHERE b.plain = s.plain;

-- and a lie in it is noticed
CREATE TABLE lies (n serial, what text, bytes bytea);
INSERT INTO lies (what, bytes)
SELECT what, bytes FROM (
	SELECT promo.timeline_send('[{"at": "2000-01-01T00:00:00.000001Z", "amount": 1}, {"at": "2000-01-01T00:00:00.000006Z", "kind": "ab"}]') AS b) x,
	LATERAL (VALUES
		('the truth', b),
		('another version', set_byte(b, 0, 2)),
		('the running state of an aggregate', set_byte(b, 1, get_byte(b, 1) | 128)),
		('cut', substr(b, 1, length(b) - 1)),
		('longer', b || '\x00'),
		('empty', '\x'),
		('noise', decode(repeat('ff', 100), 'hex')),
		('more events than bytes', overlay(b placing '\xffffffff' from length(b) - 3)),
		('text in no encoding', overlay(b placing '\xff' from position('ab'::bytea in b)))) v(what, bytes);
\copy (SELECT bytes FROM lies WHERE n = 1) TO 'results/timeline.data' (FORMAT binary)
\copy back (events) FROM 'results/timeline.data' (FORMAT binary)
\copy (SELECT bytes FROM lies WHERE n = 2) TO 'results/timeline.data' (FORMAT binary)
\copy back (events) FROM 'results/timeline.data' (FORMAT binary)
\copy (SELECT bytes FROM lies WHERE n = 3) TO 'results/timeline.data' (FORMAT binary)
\copy back (events) FROM 'results/timeline.data' (FORMAT binary)
\copy (SELECT bytes FROM lies WHERE n = 4) TO 'results/timeline.data' (FORMAT binary)
\copy back (events) FROM 'results/timeline.data' (FORMAT binary)
\copy (SELECT bytes FROM lies WHERE n = 5) TO 'results/timeline.data' (FORMAT binary)
\copy back (events) FROM 'results/timeline.data' (FORMAT binary)
\copy (SELECT bytes FROM lies WHERE n = 6) TO 'results/timeline.data' (FORMAT binary)
\copy back (events) FROM 'results/timeline.data' (FORMAT binary)
\copy (SELECT bytes FROM lies WHERE n = 7) TO 'results/timeline.data' (FORMAT binary)
\copy back (events) FROM 'results/timeline.data' (FORMAT binary)
\copy (SELECT bytes FROM lies WHERE n = 8) TO 'results/timeline.data' (FORMAT binary)
\copy back (events) FROM 'results/timeline.data' (FORMAT binary)
\copy (SELECT bytes FROM lies WHERE n = 9) TO 'results/timeline.data' (FORMAT binary)
\copy back (events) FROM 'results/timeline.data' (FORMAT binary)

-- Order and equality, with the operators in reach: DISTINCT, GROUP BY, ORDER BY, joins, indexes
SELECT t FROM (VALUES ('[{"at": "2026-01-02T00:00Z"}]'::promo.timeline), ('[]'), ('[{"at": "2026-01-01T00:00Z", "amount": 2}]'),
	('[{"at": "2026-01-01T00:00Z", "amount": 1}, {"at": "2026-01-03T00:00Z"}]'), ('[{"at": "2026-01-01T00:00Z", "amount": 1}]'),
	('[{"at": "2026-01-01T00:00Z"}]')) v(t) ORDER BY t;
SELECT a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt
FROM (VALUES ('[]'::promo.timeline, '[{"at": "2026-01-01T00:00Z"}]'::promo.timeline),
	('[]', '[]'), ('[{"at": "2026-01-01T00:00Z"}]', '[]')) v(a, b);
SELECT count(*) AS all_rows, count(DISTINCT plain) AS by_sort FROM (SELECT plain FROM serial_way UNION ALL SELECT plain FROM parallel_way) x;
SET enable_sort = off;
SELECT count(*) AS by_hash FROM (SELECT plain FROM (SELECT plain FROM serial_way UNION ALL SELECT plain FROM parallel_way) x GROUP BY plain) y;
RESET enable_sort;
CREATE UNIQUE INDEX ON serial_way (plain);
CREATE INDEX ON parallel_way USING hash (plain);
SET enable_seqscan = off;
SELECT count(*) FROM serial_way WHERE plain = (SELECT plain FROM parallel_way WHERE customer = 17);
SELECT count(*) FROM parallel_way WHERE plain = (SELECT plain FROM serial_way WHERE customer = 17);
RESET enable_seqscan;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM serial_way s JOIN parallel_way p USING (plain);
RESET enable_hashjoin;
SET enable_mergejoin = off;
SELECT count(*) FROM serial_way s JOIN parallel_way p USING (plain);
RESET enable_mergejoin;
RESET enable_nestloop;

-- Two-decimal amounts are exact, and take little room
SELECT count(*) FROM promo.events((
	SELECT promo.timeline('2026-01-01Z'::timestamptz + n * interval '1 hour', n / 100.0::float8)
	FROM generate_series(-50000, 50000) n)) e
WHERE e.amount <> (extract(epoch FROM e.at - '2026-01-01Z'::timestamptz) / 3600)::numeric / 100;
SELECT max(pg_column_size(plain) - 8 * n) <= 64 AS within_limit
FROM serial_way, LATERAL (SELECT count(*) AS n FROM promo.events(plain)) c;

DROP TABLE orders, visits, clicks, kept, many, serial_way, parallel_way, toasted, back, lies;
DROP AGGREGATE gather(timestamptz, float8);
DROP TYPE channel;
DROP DOMAIN price;
