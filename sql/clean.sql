-- Cleaning: bounds, clipping, imputation and repeatable samples.

-- Values inside the bounds stay; outside they move to the nearer bound
SELECT x, promo.clip(x, 0, 10) FROM (VALUES (-1.5), (0), (7), (99), ('inf'), ('NaN')) v(x) ORDER BY x;
SELECT promo.clip(NULL, 0, 10), promo.clip(1, NULL, 10), promo.clip(5, '-inf', 'inf');
SELECT promo.clip(1, 10, 0);
SELECT promo.clip(1, 'NaN', 0);

-- The bounds of each method, in whatever order the rows come
CREATE TEMP TABLE sample_value AS
SELECT x::float8 FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (50)) v(x);
SELECT method,
	promo.outlier_bounds(x, method ORDER BY x) AS bounds,
	promo.outlier_bounds(x, method ORDER BY x) = promo.outlier_bounds(x, method ORDER BY x DESC) AS same
FROM sample_value, unnest('{tukey,mad,percentile}'::text[]) method GROUP BY method ORDER BY method;

-- The witness: percentile_cont gives the quartiles and the median deviation
WITH quartile AS (
	SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY x) AS q1,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS q2,
		percentile_cont(0.75) WITHIN GROUP (ORDER BY x) AS q3,
		promo.outlier_bounds(x, 'tukey') AS tukey, promo.outlier_bounds(x, 'mad') AS mad
	FROM (SELECT exp(sin(i) * 3) AS x FROM generate_series(1, 5000) i) v
), deviation AS (
	SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(exp(sin(i) * 3) - q2)) AS median
	FROM generate_series(1, 5000) i, quartile
)
SELECT abs(lower(tukey)::float8 - (q1 - 1.5 * (q3 - q1))) < 1e-12 AS tukey_low,
	abs(upper(tukey)::float8 - (q3 + 1.5 * (q3 - q1))) < 1e-12 AS tukey_high,
	abs(lower(mad)::float8 - (q2 - 3.5 * 1.4826 * median)) < 1e-12 AS mad_low,
	abs(upper(mad)::float8 - (q2 + 3.5 * 1.4826 * median)) < 1e-12 AS mad_high
FROM quartile, deviation;

-- Money is better judged by its logarithm: no large order of a steady shop
-- is an outlier only because orders differ by factors
SELECT method, round(lower(bounds), 4) AS low, round(upper(bounds), 4) AS high
FROM (SELECT method, promo.outlier_bounds(10 ^ i, method) AS bounds
	  FROM generate_series(0, 4) i, unnest('{log_mad,log_tukey,tukey}'::text[]) method GROUP BY method) v
ORDER BY method;

-- What is no value is left out; where there is none there are no bounds; a
-- single value, and equal ones, are their own bounds
SELECT promo.outlier_bounds(x, 'tukey') FROM (VALUES (1::float8), (2), (3), (NULL), ('NaN'), ('inf'), ('-inf')) v(x);
SELECT promo.outlier_bounds(x, 'log_mad') FROM (VALUES (-1::float8), (0)) v(x);
SELECT promo.outlier_bounds(x, 'tukey') AS nulls FROM (VALUES (NULL::float8)) v(x);
SELECT promo.outlier_bounds(x, 'tukey') AS no_rows FROM sample_value WHERE false;
SELECT promo.outlier_bounds(x, 'mad') FROM (VALUES (5::float8)) v(x);
SELECT promo.outlier_bounds(x, 'mad') FROM (VALUES (5::float8), (5), (5), (700)) v(x);
SELECT promo.outlier_bounds(x, 'tukey') FROM (VALUES (-1.7e308::float8), (-1.6e308), (1.6e308), (1.7e308)) v(x);

-- A frame that slides, groups by hash, and states joined in parallel agree
-- with one pass
SELECT i, promo.outlier_bounds(i, 'percentile') OVER (ORDER BY i ROWS 2 PRECEDING)
FROM generate_series(1, 4) i;
CREATE TABLE clean_test_value AS SELECT i % 7 AS part, (i * 7919 % 100003)::float8 AS x FROM generate_series(1, 20000) i;
ALTER TABLE clean_test_value SET (parallel_workers = 2);
ANALYZE clean_test_value;
CREATE TEMP TABLE one_pass AS
SELECT part, promo.outlier_bounds(x, 'mad') AS bounds FROM clean_test_value GROUP BY part;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL enable_sort = off;
EXPLAIN (COSTS OFF) SELECT part, promo.outlier_bounds(x, 'mad') FROM clean_test_value GROUP BY part;
SELECT count(*) AS parts, bool_and(p.bounds = o.bounds) AS same
FROM (SELECT part, promo.outlier_bounds(x, 'mad') AS bounds FROM clean_test_value GROUP BY part) p
JOIN one_pass o USING (part);
COMMIT;
DROP TABLE clean_test_value;

-- Methods are named, one for a group; memory is bounded; the support
-- functions are the aggregate's only, and trust no state
SELECT promo.outlier_bounds(x, 'sigma') FROM sample_value;
SELECT promo.outlier_bounds(x, NULL) FROM sample_value;
SELECT promo.outlier_bounds(x, CASE WHEN x > 5 THEN 'mad' ELSE 'tukey' END ORDER BY x) FROM sample_value;
SET promo.build_memory = '64kB';
SELECT promo.outlier_bounds(i, 'mad') FROM generate_series(1, 10000) i;
RESET promo.build_memory;
SELECT promo.outlier_bounds_accum(NULL, 1, 'mad');
SELECT promo.outlier_bounds_combine('{1}', '{1}');
SELECT promo.outlier_bounds_final(state)
FROM (VALUES ('{0,1,2,3}'::float8[]), (NULL), ('{4}')) v(state);
SELECT promo.outlier_bounds_final('{}');
SELECT promo.outlier_bounds_final('{5}');
SELECT promo.outlier_bounds_final('{NaN}');
SELECT promo.outlier_bounds_final('{NULL,1}');
SELECT promo.outlier_bounds_final('{{0,1},{2,3}}');

-- Missing values, by what else is in the partition
CREATE TEMP TABLE reading (at int, who text, x float8, word text);
INSERT INTO reading VALUES
	(1, 'ann', NULL, NULL), (2, 'ann', 1, 'a'), (3, 'ann', NULL, NULL), (4, 'ann', 4, 'b'), (5, 'ann', 4, 'b'),
	(6, 'ann', 'NaN', NULL), (7, 'ann', NULL, NULL), (8, 'ann', 11, 'c'), (9, 'ann', NULL, NULL),
	(1, 'bob', NULL, NULL), (2, 'bob', NULL, NULL),
	(1, 'eve', 7, 'z'), (2, 'eve', NULL, NULL);
SELECT who, at, x, promo.impute(x, 'mean') OVER w AS mean, promo.impute(x, 'median') OVER w AS median,
	promo.impute(x, 'mode') OVER w AS mode, promo.impute(x, 'previous') OVER w AS previous,
	promo.impute(x, 'next') OVER w AS next, promo.impute(x, 'zero') OVER w AS zero
FROM reading WINDOW w AS (PARTITION BY who ORDER BY at) ORDER BY who, at;
SELECT who, at, word, promo.impute(word, 'mode') OVER w AS mode, promo.impute(word, 'previous') OVER w AS previous,
	promo.impute(word, 'next') OVER w AS next
FROM reading WINDOW w AS (PARTITION BY who ORDER BY at) ORDER BY who, at;

-- The witness: mean, median and mode of the values that are there
SELECT bool_and(abs(imputed_mean - mean) < 1e-12) AS mean, bool_and(imputed_median = median) AS median,
	bool_and(imputed_mode = mode) AS mode
FROM (SELECT part, promo.impute(NULLIF(x, 4), 'mean') OVER p AS imputed_mean,
			promo.impute(NULLIF(x, 4), 'median') OVER p AS imputed_median,
			promo.impute(NULLIF(x, 4), 'mode') OVER p AS imputed_mode, x
	  FROM (SELECT i % 5 AS part, (i * i % 17)::float8 AS x FROM generate_series(1, 3000) i) v
	  WINDOW p AS (PARTITION BY part)) i
JOIN (SELECT part, avg(x) AS mean, percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS median,
			mode() WITHIN GROUP (ORDER BY x) AS mode
	  FROM (SELECT i % 5 AS part, (i * i % 17)::float8 AS x FROM generate_series(1, 3000) i) v
	  WHERE x <> 4 GROUP BY part) s USING (part)
WHERE x = 4;

-- Of several most frequent texts the first by bytes; the whole query is one
-- partition without OVER's PARTITION BY; infinities are values
SELECT promo.impute(w, 'mode') OVER () FROM (VALUES ('b'), ('a'), ('b'), ('a'), (NULL), ('ab')) v(w);
SELECT promo.impute(x, 'median') OVER () FROM (VALUES (NULL::float8), ('inf'), ('inf'), (1)) v(x);

-- Long runs, whichever way they are looked through
SELECT count(*) FILTER (WHERE previous = i / 10000 * 10000) AS previous,
	count(*) FILTER (WHERE next = (i + 9999) / 10000 * 10000) AS next
FROM (SELECT i, promo.impute(CASE WHEN i % 10000 = 0 THEN i END, 'previous') OVER (ORDER BY i) AS previous,
		promo.impute(CASE WHEN i % 10000 = 0 THEN i::text END, 'next') OVER (ORDER BY i)::int AS next
	  FROM generate_series(1, 50000) i) v;

SELECT promo.impute(x, 'average') OVER () FROM reading;
SELECT promo.impute(word, 'mean') OVER () FROM reading;
SELECT promo.impute(x, NULL) OVER () FROM reading;
SELECT promo.impute(x, CASE WHEN at > 3 THEN 'mean' ELSE 'mode' END) OVER () FROM reading;
SELECT promo.impute(1.0, 'mean');
SET promo.build_memory = '64kB';
SELECT max(x) FROM (SELECT promo.impute(i, 'mean') OVER () AS x FROM generate_series(1, 10000) i) v;
SELECT max(x) FROM (SELECT promo.impute(i::text, 'mode') OVER () AS x FROM generate_series(1, 10000) i) v;
RESET promo.build_memory;

-- A sample of a fifth has about a fifth of the keys, is the same tomorrow,
-- lies inside the sample of a half, and differs by seed
SELECT count(*) FILTER (WHERE promo.in_sample(key, 0.2)) BETWEEN 9700 AND 10300 AS a_fifth,
	count(*) FILTER (WHERE promo.in_sample(key, 0.2) AND NOT promo.in_sample(key, 0.5)) AS not_nested,
	count(*) FILTER (WHERE promo.in_sample(key, 0.2) AND promo.in_sample(key, 0.2, 1)) BETWEEN 1850 AND 2150 AS by_chance_in_both,
	count(*) FILTER (WHERE promo.in_sample(key, 0)) AS nobody,
	count(*) FILTER (WHERE promo.in_sample(key, 1)) AS everybody
FROM (SELECT 'customer ' || i AS key FROM generate_series(1, 50000) i) v;

-- The witness: SipHash by OpenSSL puts ann at 0.3073, bob at 0.7722 and the
-- empty key at 0.9433
SELECT key, promo.in_sample(key, place - 0.0001) AS below, promo.in_sample(key, place + 0.0001) AS above
FROM (VALUES ('ann', 0.30734), ('bob', 0.77217), ('', 0.94328)) v(key, place);
SELECT promo.in_sample(NULL, 0.5), promo.in_sample('ann', NULL);
SELECT promo.in_sample('ann', 1.01);
SELECT promo.in_sample('ann', -0.01);
SELECT promo.in_sample('ann', 'NaN');

-- Nothing depends on the search_path
CREATE SCHEMA clean_test_hostile;
CREATE FUNCTION clean_test_hostile.outlier_bounds_final(float8[]) RETURNS numrange LANGUAGE sql AS 'SELECT NULL::numrange';
SET search_path = clean_test_hostile, pg_catalog;
SELECT promo.outlier_bounds(i, 'tukey') FROM generate_series(1, 9) i;
RESET search_path;
DROP FUNCTION clean_test_hostile.outlier_bounds_final(float8[]);
DROP SCHEMA clean_test_hostile;
