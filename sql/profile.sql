-- The profile of a query: what is in each column, and what to look at.

CREATE FUNCTION pg_temp.profile_brief(query text)
RETURNS TABLE (column_name text, nulls bigint, distinct_values bigint, min text, max text, mean numeric, sd numeric, quartiles text)
LANGUAGE sql AS $$
	SELECT column_name, nulls, distinct_values, min, max, round(mean::numeric, 6), round(sd::numeric, 6),
		concat_ws(' ', p25, p50, p75)
	FROM promo.profile(query)
$$;

CREATE TEMP TABLE invoice_line (invoice text, code text, quantity int, price numeric, at timestamptz, customer int, country text);
INSERT INTO invoice_line
SELECT 'I' || i / 3, (ARRAY['85048', '22041', '15056bl', '15056BL', ' 22041'])[1 + i % 5],
	CASE WHEN i = 77 THEN 80995 WHEN i % 50 = 0 THEN -(i % 7) ELSE 1 + i % 12 END,
	CASE WHEN i % 40 = 0 THEN 0 ELSE (i % 9 + 1) * 1.25 END,
	'2025-11-03 09:00+00'::timestamptz + i * interval '1 hour',
	CASE WHEN i % 4 > 0 THEN 100 + i % 10 END,
	CASE WHEN i % 100 = 0 THEN 'Unspecified' WHEN i % 90 = 0 THEN '' ELSE 'United Kingdom' END
FROM generate_series(1, 1000) i;

-- One row a column
SELECT * FROM pg_temp.profile_brief('SELECT * FROM invoice_line');
SELECT column_name, type, rows, warning
FROM promo.profile('SELECT * FROM invoice_line'), unnest(warnings) WITH ORDINALITY w(warning, n)
ORDER BY column_name, n;
SELECT column_name, jsonb_array_length(top_values) AS n, top_values -> 0 AS first, top_values -> 1 AS second
FROM promo.profile('SELECT code, quantity, customer FROM invoice_line');

-- The witness: aggregates say the same
SELECT p.column_name, p.mean = s.mean OR abs(p.mean - s.mean) < 1e-9 AS mean, abs(p.sd - s.sd) < 1e-9 AS sd,
	ARRAY[p.p25, p.p50, p.p75] = s.quartiles AS quartiles, p.distinct_values = s.distinct_values AS distinct_values,
	p.min = s.min AND p.max = s.max AS range, p.nulls = s.nulls AS nulls
FROM promo.profile('SELECT quantity, price, customer FROM invoice_line') p
JOIN (SELECT name, avg(x)::float8 AS mean, stddev(x)::float8 AS sd,
		percentile_cont('{0.25,0.5,0.75}'::float8[]) WITHIN GROUP (ORDER BY x::float8) AS quartiles,
		count(DISTINCT x) AS distinct_values, min(x)::text AS min, max(x)::text AS max, count(*) FILTER (WHERE x IS NULL) AS nulls
	  FROM invoice_line, LATERAL (VALUES ('quantity', quantity::numeric), ('price', price), ('customer', customer)) v(name, x)
	  GROUP BY name) s ON s.name = p.column_name
ORDER BY 1;

-- The same in any order of rows, and when little memory makes it spill
CREATE TEMP TABLE wide_values AS
SELECT i, 'customer ' || md5(i::text) AS customer, (i % 5000)::float8 / 7 AS x, i % 3 AS few, i % 20000 * 1.10 AS amount
FROM generate_series(1, 30000) i;
CREATE TEMP TABLE as_stored AS SELECT * FROM promo.profile('SELECT * FROM wide_values');
SET promo.build_memory = '64kB';
SELECT (SELECT json_agg(p) FROM promo.profile('SELECT * FROM wide_values ORDER BY md5(i::text)') p)::text =
	(SELECT json_agg(s) FROM as_stored s)::text AS same;
RESET promo.build_memory;
SELECT column_name, distinct_values, warnings FROM as_stored;

-- Equal values that look different are one, shown by the text that sorts first
SELECT distinct_values, min, top_values FROM promo.profile('SELECT x FROM (VALUES (1.00), (1.0), (1), (2.50)) v(x)');
SELECT distinct_values, min, top_values FROM promo.profile('SELECT x FROM (VALUES (1), (2.50), (1.0), (1.00)) v(x)');

-- NaN and infinities have a place in the order, and none in the moments
SELECT * FROM pg_temp.profile_brief('SELECT x FROM (VALUES (1::float8), (2), (3), (''NaN''), (''inf''), (''-inf''), (NULL)) v(x)');
SELECT warnings FROM promo.profile('SELECT x FROM (VALUES (1::numeric), (2), (3), (''NaN''), (''inf''), (''-inf'')) v(x)');
SELECT min, max, mean, warnings FROM promo.profile('SELECT x FROM (VALUES (date ''2025-01-01''), (''infinity'')) v(x)');
SELECT abs(mean) < 1e293 AS mean_is_small, sd, p50
FROM promo.profile('SELECT x FROM (VALUES (1.7e308::float8), (-1.7e308), (5e-324)) v(x)');

-- Types of every kind: with an order, without one, by value and by reference
SELECT column_name, type, distinct_values, min, max, top_values -> 0 ->> 'value' AS top
FROM promo.profile($$
	SELECT true AS truth, 'x'::"char" AS letter, 'n'::name AS name, 'pad'::char(6) AS padded, 'word'::varchar(9) AS word,
		decode('00ff', 'hex') AS bytes, '{"a": 1}'::json AS json, '{"a": 1}'::jsonb AS jsonb, point(1, 2) AS point,
		ARRAY[3, 1] AS numbers, ARRAY['{}'::json] AS jsons, ROW(1, '{}'::json) AS row, 'a'::text COLLATE "C" AS collated,
		interval '1 day' AS span, time '12:00' AS time, timestamp '2025-01-01' AS at, '10.0.0.1'::inet AS address,
		'2f4e2c1e-0c9d-4c5e-8a54-6d5e4f3b2a10'::uuid AS uuid, int4range(1, 5) AS range, 'pg_class'::regclass AS relation,
		12.5::money = 12.5::money AS compared, B'101' AS bits, '<a/>'::text AS xml, NULL AS nothing, 'literal' AS literal
$$) p;
SELECT column_name, warnings FROM promo.profile($$
	SELECT lpad(i::text, 4, '0') AS code, NULL::int AS nothing, 7 AS seven, 'N/A' AS word, i % 2 AS flag,
		i::char(9) AS padded, timestamp '2025-01-01' + i * interval '1 day' AS at
	FROM generate_series(1, 20) i
$$);

-- No rows, one row, no columns, long values
SELECT * FROM promo.profile('SELECT 1 AS x, ''a'' AS y WHERE false');
SELECT * FROM promo.profile('SELECT 1.5::float8 AS x');
SELECT * FROM promo.profile('SELECT FROM invoice_line');
SELECT length(min), right(min, 5) AS cut, distinct_values FROM promo.profile('SELECT repeat(x, 5000) AS x FROM (VALUES (''a''), (''b'')) v(x)');

-- Columns of one name, names of every kind
SELECT column_name, min FROM promo.profile('SELECT 1 AS "a""b; DROP", 2, 3, 4 AS "SELECT"');

-- As many columns as a table can have
DO $$
BEGIN
	EXECUTE (SELECT 'CREATE TEMP TABLE widest (' || string_agg('c' || i || ' int', ', ') || ')' FROM generate_series(1, 1600) i);
	EXECUTE (SELECT 'INSERT INTO widest VALUES (' || string_agg(i::text, ', ') || ')' FROM generate_series(1, 1600) i);
	ALTER TABLE widest DROP COLUMN c7;
END
$$;
SELECT count(*) AS columns, sum(min::int) = sum(i) AS right
FROM promo.profile('SELECT * FROM widest'), LATERAL (SELECT substr(column_name, 2)::int) c(i) WHERE min::int = i;

-- The query is the caller's: its rights, its search_path, one statement that
-- returns rows and writes nothing
CREATE ROLE profile_test_visitor;
GRANT SELECT ON invoice_line TO profile_test_visitor;
SET ROLE profile_test_visitor;
SELECT count(*) FROM promo.profile('SELECT code FROM invoice_line');
SELECT count(*) FROM promo.profile('SELECT * FROM promo.customer');
RESET ROLE;
REVOKE ALL ON invoice_line FROM profile_test_visitor;
DROP ROLE profile_test_visitor;
CREATE SCHEMA profile_test_hostile;
CREATE FUNCTION profile_test_hostile.less(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 > $2';
CREATE OPERATOR profile_test_hostile.< (LEFTARG = int, RIGHTARG = int, FUNCTION = profile_test_hostile.less);
SET search_path = profile_test_hostile, pg_catalog;
SELECT min, max FROM promo.profile('SELECT i FROM generate_series(1, 9) i');
RESET search_path;
DROP OPERATOR profile_test_hostile.< (int, int);
DROP FUNCTION profile_test_hostile.less(int, int);
DROP SCHEMA profile_test_hostile;
SELECT promo.profile(NULL);
SELECT promo.profile('');
SELECT promo.profile('SELECT 1; SELECT 2');
SELECT promo.profile('DELETE FROM invoice_line RETURNING *');
SELECT promo.profile('DELETE FROM invoice_line');
SELECT promo.profile('SELECT no_such_column FROM invoice_line');
SELECT promo.profile('SELECT 1 / (i - 5) FROM generate_series(1, 9) i');
