-- RFM: recency, frequency and monetary value as scores, and names for them.

-- Equal rows have equal scores, whatever the order of the query
SELECT x, promo.rank_score(5) OVER (ORDER BY x) AS score, promo.rank_score(2) OVER (ORDER BY x DESC) AS half_from_above
FROM unnest('{7,1,1,3,1,9,1,3,8,1}'::int[]) x ORDER BY x;

-- NULL stands where ORDER BY puts it; each partition counts for itself; without
-- an order all rows are equal
SELECT part, x, promo.rank_score(2) OVER (PARTITION BY part ORDER BY x) AS nulls_last,
	promo.rank_score(2) OVER (PARTITION BY part ORDER BY x NULLS FIRST) AS nulls_first,
	promo.rank_score(2) OVER (PARTITION BY part) AS unordered, promo.rank_score(NULL) OVER (ORDER BY x) AS of_null
FROM (VALUES ('a', 1), ('a', NULL), ('a', 2), ('a', 2), ('b', 5), ('c', NULL)) v(part, x) ORDER BY part, x;
SELECT promo.rank_score(2147483647) OVER (ORDER BY i) AS score FROM generate_series(1, 2) i;
SELECT promo.rank_score(0) OVER (ORDER BY i) FROM generate_series(1, 2) i;
SELECT promo.rank_score(5);

-- The witness: the formula over rank(), and the sizes of the frequency scores
-- of CDNOW's 2,357 customers, 1218, 0, 403, 358 and 378
WITH frequency AS (
	SELECT CASE WHEN i <= 1218 THEN 0 WHEN i <= 1621 THEN 1 WHEN i <= 1979 THEN 2 + i % 2 ELSE 4 + i % 20 END AS x
	FROM generate_series(1, 2357) i
), scored AS (
	SELECT promo.rank_score(5) OVER (ORDER BY x) AS score,
		1 + floor(5 * (rank() OVER (ORDER BY x) - 1)::numeric / count(*) OVER ()) AS witness
	FROM frequency
)
SELECT score, count(*), bool_and(score = witness) AS same FROM scored GROUP BY score ORDER BY score;

-- Customers by what they did before a moment: returns take money back and make
-- no purchase day, two orders of a day are one, who only returned is left out
CREATE TEMP TABLE orders (customer text, at timestamptz, amount numeric);
INSERT INTO orders VALUES
	('ann', '2025-01-01 10:00+00', 20), ('ann', '2025-01-01 11:00+00', 5), ('ann', '2025-03-01 10:00+00', 10.50),
	('ann', '2025-03-05 10:00+00', -10.50),
	('bob', '2025-02-01 10:00+00', 0),
	('eve', '2025-03-09 23:30+00', 99), ('eve', '2025-03-10 00:30+00', 1),
	('dan', '2025-03-01 00:00+00', -7),
	('new', '2025-03-10 12:00+00', 50);
SELECT * FROM promo.rfm('SELECT * FROM orders', '2025-03-10 12:00+00');

-- Days are those of a time zone; as_of itself is not seen; three scores
SELECT customer, days_since_last, frequency, r, f, m, segment
FROM promo.rfm('SELECT customer, at, amount FROM orders', '2025-03-10 12:00:00.000001+00', 3, 'Europe/Berlin');

-- The witness: plain SQL over a shop of its own
CREATE TEMP TABLE shop AS
SELECT 'customer ' || (i * 7919 % 1009 % (1 + i % 500)) AS customer,
	'2024-01-01 00:00+00'::timestamptz + (i * 104729 % 700000) * interval '1 minute' AS at,
	CASE WHEN i % 13 = 0 THEN -1 ELSE 1 END * (i * 31 % 9973)::numeric / 100 AS amount
FROM generate_series(1, 20000) i;
CREATE TEMP TABLE witness AS
WITH measured AS (
	SELECT customer, date '2025-01-31' - max(day) FILTER (WHERE amount >= 0) AS days_since_last,
		count(DISTINCT day) FILTER (WHERE amount >= 0) - 1 AS frequency, sum(amount) AS monetary
	FROM (SELECT customer, (at AT TIME ZONE 'Asia/Shanghai')::date AS day, amount FROM shop
		  WHERE at < timestamp '2025-02-01 00:00' AT TIME ZONE 'Asia/Shanghai') v
	GROUP BY customer HAVING count(*) FILTER (WHERE amount >= 0) > 0
)
SELECT *, 1 + floor(5.0 * (rank() OVER (ORDER BY days_since_last DESC) - 1) / count(*) OVER ()) AS r,
	1 + floor(5.0 * (rank() OVER (ORDER BY frequency) - 1) / count(*) OVER ()) AS f,
	1 + floor(5.0 * (rank() OVER (ORDER BY monetary) - 1) / count(*) OVER ()) AS m
FROM measured;
SELECT count(*) > 400 AS many, count(*) = (SELECT count(*) FROM witness) AS all_there,
	bool_and((p.days_since_last, p.frequency) = (w.days_since_last, w.frequency)) AS measures,
	bool_and(abs(p.monetary - w.monetary::float8) < 1e-9) AS monetary,
	bool_and((p.r, p.f) = (w.r, w.f)) AS scores, sum((p.m <> w.m)::int) AS other_m
FROM promo.rfm('SELECT * FROM shop', timestamp '2025-02-01 00:00' AT TIME ZONE 'Asia/Shanghai', 5, 'Asia/Shanghai') p
JOIN witness w USING (customer);

-- The same bits in any order of rows and with little memory
SET promo.build_memory = '128kB';
SELECT (SELECT json_agg(a) FROM promo.rfm('SELECT * FROM shop ORDER BY md5(at::text)', '2025-01-01 00:00+00') a)::text =
	(SELECT json_agg(b) FROM promo.rfm('SELECT * FROM shop ORDER BY amount DESC', '2025-01-01 00:00+00') b)::text AS same;
SELECT count(*) FROM promo.rfm('SELECT i AS customer, now() - interval ''1 day'' AS at, 1 AS amount FROM generate_series(1, 10000) i');
RESET promo.build_memory;

-- Customers of any type, amounts of any numeric type
SELECT customer, monetary FROM promo.rfm($$
	SELECT 7 AS customer, timestamptz '2025-01-01 00:00+00' AS at, 3::smallint AS amount$$, '2025-02-01 00:00+00');
SELECT customer, monetary FROM promo.rfm($$
	SELECT 'ab'::char(5) AS customer, timestamptz '2025-01-01 00:00+00' AS at, '0.1'::real AS amount$$, '2025-02-01 00:00+00');
SELECT * FROM promo.rfm('SELECT * FROM orders WHERE false', '2025-02-01 00:00+00');
SELECT * FROM promo.rfm('SELECT * FROM orders', '2020-02-01 00:00+00');
SELECT * FROM promo.rfm('SELECT * FROM orders WHERE customer = ''ann''', '2025-03-10 12:00+00', 1);

-- What the query must give
SELECT promo.rfm('SELECT customer, at FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT *, 1 AS at FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT customer, at::timestamp, amount FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT customer, 1 AS at, amount FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT customer, at, amount::text FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT NULLIF(customer, ''bob'') AS customer, at, amount FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT customer, NULL::timestamptz AS at, amount FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT customer, at, NULL::int AS amount FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT customer, at, ''NaN''::float8 AS amount FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT customer, at, ''1e400''::numeric AS amount FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT customer, ''-infinity''::timestamptz AS at, amount FROM orders', '2025-03-10 12:00+00');
SELECT count(*) FROM promo.rfm('SELECT customer, ''infinity''::timestamptz AS at, amount FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT * FROM orders', 'infinity');
SELECT promo.rfm('SELECT * FROM orders', timestamp '2025-03-10');
SELECT promo.rfm('SELECT * FROM orders', date '2025-03-10');
SELECT promo.rfm('SELECT * FROM orders', '2025-03-10 12:00+00', 0);
SELECT promo.rfm('SELECT * FROM orders', '2025-03-10 12:00+00', 101);
SELECT promo.rfm('SELECT * FROM orders', '2025-03-10 12:00+00', 5, 'Nowhere');
SELECT promo.rfm(NULL, '2025-03-10 12:00+00');
SELECT promo.rfm('SELECT * FROM orders', NULL::timestamptz);

-- The shipped map: every cell has a name
SELECT segment, count(*) AS cells, min(r) || '-' || max(r) AS r, min(f) || '-' || max(f) AS f, min(m) || '-' || max(m) AS m
FROM generate_series(1, 5) r, generate_series(1, 5) f, generate_series(1, 5) m,
	promo.rfm_segment_name(r, f, m) segment
GROUP BY segment ORDER BY min(r + f + m), segment;
SELECT promo.rfm_default_segment(10, 9, 10, 10), promo.rfm_default_segment(1, 1, 1, 1), promo.rfm_segment_name(1, 1, NULL);
SELECT promo.rfm_default_segment(6, 1, 1);
SELECT promo.rfm_segment_name(1, 0, 1);
SELECT promo.rfm_segment_name(1, 1, 4, 3);
SELECT promo.rfm_default_segment(1, 1, 1, 0);

-- The shop's own names go before it, the first by priority; rows for another
-- number of scores do not matter
BEGIN;
INSERT INTO promo.rfm_segment (priority, segment, r_from, f_from, m_from) VALUES (20, 'friends', 4, 4, 1);
INSERT INTO promo.rfm_segment (priority, segment, r_from, m_from) VALUES (10, 'big and recent', 5, 5);
INSERT INTO promo.rfm_segment (priority, segment, r_to) VALUES (30, 'gone', 1);
INSERT INTO promo.rfm_segment (scores, priority, segment) VALUES (3, 1, 'everybody');
SELECT promo.rfm_segment_name(5, 5, 5) AS both, promo.rfm_segment_name(4, 5, 1) AS second,
	promo.rfm_segment_name(1, 5, 5) AS third, promo.rfm_segment_name(2, 5, 5) AS shipped, promo.rfm_segment_name(2, 2, 2, 3) AS of_three;
SELECT customer, r, f, m, segment FROM promo.rfm('SELECT * FROM orders', '2025-03-10 12:00+00');
ROLLBACK;

-- Rows that no cell could match are refused
\set VERBOSITY terse
INSERT INTO promo.rfm_segment (priority, segment, r_from) VALUES (1, 'x', 6);
INSERT INTO promo.rfm_segment (priority, segment, r_from, r_to) VALUES (1, 'x', 3, 2);
INSERT INTO promo.rfm_segment (priority, segment, m_to) VALUES (1, 'x', 6);
INSERT INTO promo.rfm_segment (priority, segment, f_from) VALUES (1, 'x', 0);
INSERT INTO promo.rfm_segment (priority, segment) VALUES (1, '');
INSERT INTO promo.rfm_segment (scores, priority, segment) VALUES (0, 1, 'x');
INSERT INTO promo.rfm_segment (priority, segment) VALUES (1, 'x'), (1, 'y');
\set VERBOSITY default

-- Nobody reads or writes the names but through what was granted; the query
-- has the caller's rights only
CREATE ROLE rfm_test_analyst;
GRANT SELECT ON orders TO rfm_test_analyst;
SET ROLE rfm_test_analyst;
SELECT * FROM promo.rfm_segment;
INSERT INTO promo.rfm_segment (priority, segment) VALUES (1, 'mine');
SELECT promo.rfm_segment_name(1, 1, 1);
SELECT count(*) FROM promo.rfm('SELECT * FROM orders', '2025-03-10 12:00+00');
SELECT promo.rfm_default_segment(1, 1, 1);
RESET ROLE;
GRANT EXECUTE ON FUNCTION promo.rfm(text, timestamptz, integer, text) TO rfm_test_analyst;
SET ROLE rfm_test_analyst;
SELECT count(*) FROM promo.rfm('SELECT * FROM orders', '2025-03-10 12:00+00');
SELECT count(*) FROM promo.rfm('SELECT segment AS customer, now() AS at, 1 AS amount FROM promo.rfm_segment', '2025-03-10 12:00+00');
SELECT count(*) FROM promo.rfm('SELECT shop_id AS customer, created_at AS at, 1 AS amount FROM promo.customer', '2025-03-10 12:00+00');
RESET ROLE;

-- A hostile search_path changes no answer
CREATE SCHEMA rfm_test_hostile;
CREATE FUNCTION rfm_test_hostile.rfm_segment_name(integer, integer, integer, integer) RETURNS text LANGUAGE sql AS 'SELECT ''hostile''::text';
CREATE FUNCTION rfm_test_hostile.rfm_default_segment(integer, integer, integer, integer) RETURNS text LANGUAGE sql AS 'SELECT ''hostile''::text';
CREATE TABLE rfm_test_hostile.rfm_segment (segment text);
GRANT USAGE ON SCHEMA rfm_test_hostile TO rfm_test_analyst;
SET ROLE rfm_test_analyst;
SET search_path = rfm_test_hostile, pg_catalog, pg_temp;
SELECT customer, segment FROM promo.rfm('SELECT * FROM pg_temp.orders WHERE customer = ''bob''', '2025-03-10 12:00+00');
RESET search_path;
RESET ROLE;
DROP TABLE rfm_test_hostile.rfm_segment;
DROP FUNCTION rfm_test_hostile.rfm_segment_name(integer, integer, integer, integer);
DROP FUNCTION rfm_test_hostile.rfm_default_segment(integer, integer, integer, integer);
DROP SCHEMA rfm_test_hostile;
REVOKE ALL ON FUNCTION promo.rfm(text, timestamptz, integer, text) FROM rfm_test_analyst;
REVOKE ALL ON orders FROM rfm_test_analyst;
DROP ROLE rfm_test_analyst;
