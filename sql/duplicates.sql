-- Duplicates: rows that tell of the same thing twice, reported and never
-- deleted.

CREATE TEMP TABLE payment (id text, customer text, amount numeric, at timestamptz);
INSERT INTO payment VALUES
	('p1', 'ann', 20.00, '2025-03-01 10:00:00+00'),
	('p2', 'ann', 20.00, '2025-03-01 10:00:04+00'),		-- submitted twice
	('p3', 'ann', 20.0, '2025-03-01 10:00:09+00'),		-- and a third time
	('p4', 'ann', 20.00, '2025-03-02 10:00:00+00'),		-- another day
	('p5', 'bob', 20.00, '2025-03-01 10:00:02+00'),
	('p6', 'bob', 15.00, '2025-03-01 10:00:03+00'),
	('p7', 'eve', 9.00, '2025-03-01 12:00:00+00'),
	('p7', 'eve', 9.00, '2025-03-01 12:00:00+00'),		-- loaded twice
	('p8', NULL, 5.00, '2025-03-01 12:00:00+00'),
	('p9', NULL, 5.00, NULL);

-- By an id, a row that came twice
SELECT * FROM promo.duplicates('SELECT id, at FROM payment', '{id}');

-- By what a purchase is, within some seconds, each after the one before
SELECT kind, key_values, rows, times, first_at AT TIME ZONE 'UTC' AS first_at, last_at AT TIME ZONE 'UTC' AS last_at
FROM promo.duplicates('SELECT * FROM payment', '{customer,amount}', '5 seconds');
SELECT kind, key_values, rows FROM promo.duplicates('SELECT * FROM payment', '{customer,amount}', '4 seconds');
SELECT kind, key_values, rows FROM promo.duplicates('SELECT * FROM payment', '{customer,amount}', '1 day');

-- Without within all rows of a key are one, whenever they came; NULL is like
-- NULL, and a row without a time is near no other
SELECT kind, key_values, rows, times FROM promo.duplicates('SELECT * FROM payment', '{amount,customer}');
SELECT kind, key_values, rows, times, first_at FROM promo.duplicates('SELECT customer FROM payment', '{customer}');

-- The witness: GROUP BY, and lag() for what is near
CREATE TEMP TABLE click AS
SELECT i * 7919 % 97 AS customer, (i * 31 % 5)::text AS page, '2025-01-01 00:00+00'::timestamptz + (i * 104729 % 86400) * interval '1 second' AS at
FROM generate_series(1, 5000) i;
SELECT (SELECT json_agg(d) FROM (SELECT key_values, rows, times FROM promo.duplicates('SELECT * FROM click', '{customer,page}')) d)::jsonb =
	(SELECT json_agg(g) FROM (SELECT json_build_object('customer', customer, 'page', page) AS key_values, count(*) AS rows,
		count(DISTINCT at) AS times FROM click GROUP BY customer, page HAVING count(*) > 1 ORDER BY customer, page) g)::jsonb AS exact_same;
SELECT (SELECT json_agg(d) FROM (SELECT key_values, rows, kind FROM promo.duplicates('SELECT * FROM click', '{customer}', '20 minutes')) d)::jsonb =
	(SELECT json_agg(g) FROM (
		SELECT json_build_object('customer', customer) AS key_values, count(*) AS rows,
			CASE WHEN min(at) = max(at) THEN 'exact' ELSE 'near' END AS kind
		FROM (SELECT customer, at, sum(opens) OVER (PARTITION BY customer ORDER BY at) AS run
			  FROM (SELECT customer, at,
						CASE WHEN at - lag(at) OVER (PARTITION BY customer ORDER BY at) <= interval '20 minutes' THEN 0 ELSE 1 END AS opens
					FROM click) c) r
		GROUP BY customer, run HAVING count(*) > 1 ORDER BY customer, min(at)) g)::jsonb AS near_same;

-- The same in any order of rows and with little memory
SET promo.build_memory = '64kB';
SELECT (SELECT json_agg(d) FROM promo.duplicates('SELECT * FROM click ORDER BY md5(at::text)', '{customer}', '20 minutes') d)::text =
	(SELECT json_agg(d) FROM promo.duplicates('SELECT * FROM click ORDER BY at DESC', '{customer}', '20 minutes') d)::text AS same;
RESET promo.build_memory;
SELECT key_values FROM promo.duplicates('SELECT * FROM (VALUES (1.00), (1.0)) v(x)', '{x}');
SELECT key_values FROM promo.duplicates('SELECT * FROM (VALUES (1.0), (1.00)) v(x)', '{x}');

-- Keys of every type; times without end
SELECT kind, key_values, rows FROM promo.duplicates(
	$$SELECT '{"a":1}'::json AS document, point(1, 2) AS place, 'NaN'::float8 AS x, ARRAY[1, 2] AS list, 'a"b' AS "the ""id"""
	  FROM generate_series(1, 2)$$, ARRAY['document', 'place', 'x', 'list', 'the "id"']);
SELECT kind, rows, first_at, last_at FROM promo.duplicates(
	$$SELECT 1 AS k, at FROM (VALUES ('-infinity'::timestamptz), ('-infinity'), ('infinity'), ('infinity'), ('2025-01-01 00:00+00')) v(at)$$, '{k}', '36500 days');
SELECT * FROM promo.duplicates('SELECT 1 AS k WHERE false', '{k}');
SELECT * FROM promo.duplicates('SELECT 1 AS k', '{k}');

-- The key is named, never assumed to be all columns
SELECT promo.duplicates('SELECT * FROM payment', '{}');
SELECT promo.duplicates('SELECT * FROM payment', NULL);
SELECT promo.duplicates('SELECT * FROM payment', '{id,NULL}');
SELECT promo.duplicates('SELECT * FROM payment', '{id,order}');
SELECT promo.duplicates('SELECT * FROM payment', '{id,id}');
SELECT promo.duplicates('SELECT 1 AS id, 2 AS id', '{id}');
SELECT promo.duplicates(NULL, '{id}');
SELECT promo.duplicates('SELECT FROM payment', '{id}');

-- within needs one time, and is a length of time
SELECT promo.duplicates('SELECT id FROM payment', '{id}', '1 minute');
SELECT promo.duplicates('SELECT id, at::timestamp FROM payment', '{id}', '1 minute');
SELECT promo.duplicates('SELECT id, at FROM payment', '{id,at}', '1 minute');
SELECT promo.duplicates('SELECT id, at, at AS other FROM payment', '{id}', '1 minute');
SELECT count(*) FROM promo.duplicates('SELECT id, at, at AS other FROM payment', '{id,other}', '1 minute');
SELECT promo.duplicates('SELECT id, at FROM payment', '{id}', '1 month');
SELECT promo.duplicates('SELECT id, at FROM payment', '{id}', '-1 minute');

-- The query runs with the caller's rights
CREATE ROLE duplicates_test_visitor;
SET ROLE duplicates_test_visitor;
SELECT promo.duplicates('SELECT shop_id FROM promo.customer', '{shop_id}');
RESET ROLE;
DROP ROLE duplicates_test_visitor;
