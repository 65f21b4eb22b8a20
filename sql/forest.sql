-- A forest is a value: trained by an aggregate over any query, stored, merged,
-- dumped.

-- A score that is known: a step, a slope and an interaction, with columns that
-- mean nothing beside it
CREATE TABLE shopper AS
SELECT i AS id, h1 AS age, h2 AS income, h3 AS noise,
	(ARRAY['berlin', 'lyon', 'oslo', 'rome'])[1 + i % 4] AS city,
	i % 3 = 0 AS member,
	10 * (h1 > 50)::int + h2 / 10.0::float8 + CASE WHEN i % 4 = 1 THEN 5 ELSE 0 END + (i % 3 = 0)::int * h2 / 20.0::float8 AS spend
FROM (SELECT i, abs(hashint4(i)) % 100 AS h1, abs(hashint4(i + 10000)) % 100 AS h2, abs(hashint4(i + 20000)) % 100 AS h3
	FROM generate_series(1, 3000) i) h;

CREATE TABLE kept (name text PRIMARY KEY, forest promo.forest);

INSERT INTO kept
SELECT 'spend', promo.random_forest(spend, f, '{"trees": 50, "seed": 7}')
FROM shopper s, LATERAL (SELECT age, income, noise, city, member) f;

INSERT INTO kept
SELECT 'big', promo.random_forest(spend > 12, f, '{"trees": 50, "seed": 7}')
FROM shopper s, LATERAL (SELECT age, income, noise, city, member) f;

INSERT INTO kept
SELECT 'city', promo.random_forest(city, f, '{"trees": 50, "seed": 7}')
FROM shopper s, LATERAL (SELECT spend, age, income, member) f;

-- It has learned: out of bag, and on what it saw
SELECT name, (i).target, (i).classes, (i).positive, (i).rows, (i).trees, (i).groves,
	(i).oob_rows, (i).oob_r2 > 0.98 AS oob_r2, (i).oob_accuracy > CASE name WHEN 'city' THEN 0.4 ELSE 0.9 END AS oob_accuracy,
	(i).mtry, (i).min_leaf, (i).max_depth, (i).bins, (i).seed
FROM (SELECT name, promo.forest_info(forest) AS i FROM kept) k ORDER BY name;
SELECT (promo.forest_info(forest)).features, (promo.forest_info(forest)).feature_kinds FROM kept WHERE name = 'spend';
SELECT r2 > 0.995 AS r2
FROM (SELECT (promo.regression_metrics(spend, promo.predict((SELECT forest FROM kept WHERE name = 'spend'), s))).* FROM shopper s) m;
SELECT roc_auc > 0.999 AS roc_auc
FROM (SELECT (promo.classification_metrics(spend > 12, promo.predict((SELECT forest FROM kept WHERE name = 'big'), s))).* FROM shopper s) m;

-- At most 12 bytes a node, beside what is said once
SELECT (bytes - 8192) / nodes < 12 AS small
FROM (SELECT (promo.forest_info(forest)).* FROM kept WHERE name = 'spend') i;

-- Nodes and leaves: every inner node has two children
SELECT bool_and(nodes = 2 * leaves - trees) FROM (SELECT (promo.forest_info(forest)).* FROM kept) i;

-- What matters comes first, what does not comes last
SELECT feature, gain > 0.05 AS matters, permutation > 1 AS is_missed FROM kept, promo.importance(forest) WHERE name = 'spend';
SELECT round(sum(gain)::numeric, 9) FROM kept, promo.importance(forest) WHERE name = 'spend';

-- The same rows in another order, in parallel parts, from partial states: the
-- same bits
CREATE TEMP TABLE digests AS
SELECT md5(forest::text) AS digest FROM kept WHERE name = 'spend'
UNION ALL
SELECT md5(promo.random_forest(spend, f, '{"trees": 50, "seed": 7}' ORDER BY md5(id::text))::text)
FROM shopper s, LATERAL (SELECT age, income, noise, city, member) f
UNION ALL
SELECT md5(promo.random_forest(spend, f, '{"trees": 50, "seed": 7}' ORDER BY spend DESC, id)::text)
FROM shopper s, LATERAL (SELECT age, income, noise, city, member) f;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
ALTER TABLE shopper SET (parallel_workers = 3);
EXPLAIN (COSTS OFF)
SELECT promo.random_forest(spend, f, '{"trees": 50, "seed": 7}')
FROM shopper s, LATERAL (SELECT age, income, noise, city, member) f;
INSERT INTO digests
SELECT md5(promo.random_forest(spend, f, '{"trees": 50, "seed": 7}')::text)
FROM shopper s, LATERAL (SELECT age, income, noise, city, member) f;
SELECT count(*), count(DISTINCT digest) FROM digests;

-- Faults of options are told from parallel parts too
SELECT promo.random_forest(city, f, '{"positive": "paris"}')
FROM shopper s, LATERAL (SELECT age, income) f;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- Another seed is another forest
SELECT count(DISTINCT digest) FROM (
	SELECT md5(promo.random_forest(spend, f, '{"trees": 2, "seed": 1}')::text) AS digest FROM shopper s, LATERAL (SELECT age, income) f
	UNION ALL
	SELECT md5(promo.random_forest(spend, f, '{"trees": 2, "seed": 2}')::text) FROM shopper s, LATERAL (SELECT age, income) f) d;

-- The text form reads back, and the binary form
SELECT forest::text::promo.forest::text = forest::text AS same, left(forest::text, 2) AS begins FROM kept ORDER BY name;
\copy (SELECT forest FROM kept ORDER BY name) TO 'results/forest.copy' WITH (FORMAT binary)
CREATE TEMP TABLE copied (forest promo.forest);
\copy copied FROM 'results/forest.copy' WITH (FORMAT binary)
SELECT count(*) FROM copied c JOIN kept k ON c.forest::text = k.forest::text;

-- Merged forests: trees of all, predictions between those of the parts, the
-- same whatever the order
CREATE TEMP TABLE part AS
SELECT id % 3 AS part, promo.random_forest(spend, f, '{"trees": 10, "seed": 1}') AS forest
FROM shopper s, LATERAL (SELECT age, income, city) f GROUP BY 1;
SELECT (i).trees, (i).groves, (i).rows, (i).oob_r2 > 0.8 AS oob_r2
FROM (SELECT promo.forest_info(promo.forest_merge(forest)) AS i FROM part) m;
SELECT md5(promo.forest_merge(forest ORDER BY part)::text) = md5(promo.forest_merge(forest ORDER BY part DESC)::text) AS same FROM part;
SELECT max(abs(promo.predict((SELECT promo.forest_merge(forest) FROM part), s) -
	(SELECT avg(promo.predict(forest, s)) FROM part))) < 1e-9 AS mean_of_parts
FROM shopper s WHERE id < 100;
SELECT promo.forest_merge(forest) IS NULL AS nothing FROM part WHERE false;
-- Classes that only one part has seen
SELECT (promo.forest_info(promo.forest_merge(f))).classes
FROM (SELECT promo.random_forest(city, f, '{"trees": 3}') AS f
	FROM shopper s, LATERAL (SELECT age, income) f WHERE city <> 'rome'
	UNION ALL
	SELECT promo.random_forest(city, f, '{"trees": 3}')
	FROM shopper s, LATERAL (SELECT age, income) f WHERE city = 'rome') p;
-- What does not belong together
SELECT promo.forest_merge(f) FROM (SELECT forest FROM kept) p(f);
SELECT promo.forest_merge(f) FROM (
	SELECT promo.random_forest(spend, f, '{"trees": 3}') FROM shopper s, LATERAL (SELECT age, income) f
	UNION ALL
	SELECT promo.random_forest(spend, f, '{"trees": 3}') FROM shopper s, LATERAL (SELECT age, noise) f) p(f);

-- One forest for each group
SELECT city, (promo.forest_info(f)).rows, (promo.forest_info(f)).trees
FROM (SELECT city, promo.random_forest(spend, r, '{"trees": 3}') AS f
	FROM shopper s, LATERAL (SELECT age, income) r GROUP BY city) g ORDER BY city;

-- The mistakes that everybody makes.  The target among the features
SELECT promo.random_forest(spend, s) FROM shopper s;
SELECT promo.random_forest(member, f) FROM shopper s, LATERAL (SELECT age, member AS is_member) f;
SELECT promo.random_forest(s.city, f) FROM shopper s, LATERAL (SELECT age, city) f;
SELECT (promo.forest_info(promo.random_forest(s.spend, f, '{"allow_target_copy": true, "trees": 5}'))).oob_r2 > 0.9 AS of_no_use
FROM shopper s, LATERAL (SELECT spend, age) f;
-- A text that never comes twice
SELECT promo.random_forest(spend, f) FROM shopper s, LATERAL (SELECT age, md5(id::text) AS session) f;
-- An id: it is learned from, with a warning
SELECT (promo.forest_info(promo.random_forest(spend, f, '{"trees": 2}'))).features FROM shopper s, LATERAL (SELECT id, age) f;
-- Left out by name
SELECT (promo.forest_info(promo.random_forest(spend, s, '{"trees": 2, "exclude": ["id", "spend"]}'))).features FROM shopper s;

-- The target: NULL is an error, or skipped
SELECT promo.random_forest(nullif(spend, spend), f) FROM shopper s, LATERAL (SELECT age) f;
SELECT (promo.forest_info(promo.random_forest(CASE WHEN id <= 100 THEN spend END, f, '{"trees": 2, "skip_null_target": true}'))).rows
FROM shopper s, LATERAL (SELECT age) f;
SELECT promo.random_forest(NULL::float8, f, '{"skip_null_target": true}') IS NULL AS nothing FROM shopper s, LATERAL (SELECT age) f;
SELECT promo.random_forest('NaN'::float8, f) FROM shopper s, LATERAL (SELECT age) f;
SELECT promo.random_forest('infinity'::float8, f) FROM shopper s, LATERAL (SELECT age) f;
SELECT promo.random_forest(now(), f) FROM shopper s, LATERAL (SELECT age) f;
SELECT promo.random_forest(ARRAY[1], f) FROM shopper s, LATERAL (SELECT age) f;
SELECT promo.random_forest(md5(id::text), f) FROM shopper s, LATERAL (SELECT age) f;

-- All faults of the options at once
SELECT promo.random_forest(spend, f, '{"trees": 0, "max_depth": "deep", "min_leaf": 1.5, "mtry": 9, "sample_fraction": 2, "seed": -1,
	"bins": 300, "class_weight": "even", "exclude": ["nobody", 1], "positive": 7, "skip_null_target": "yes", "tree": 10,
	"algorithm": "boosted_trees", "workers": 2}')
FROM shopper s, LATERAL (SELECT age, income) f;
SELECT promo.random_forest(spend, f, '{"mtry": 9, "exclude": ["nobody"], "positive": "x", "class_weight": {"a": 1}}')
FROM shopper s, LATERAL (SELECT age, income) f;
SELECT promo.random_forest(city, f, '{"positive": "paris", "class_weight": {"paris": 2, "lyon": 3}}')
FROM shopper s, LATERAL (SELECT age, income) f;
SELECT promo.random_forest(city, f, '{"class_weight": {"lyon": -3, "oslo": "much"}}')
FROM shopper s, LATERAL (SELECT age, income) f;
SELECT promo.random_forest(spend, f, '[]') FROM shopper s, LATERAL (SELECT age, income) f;
SELECT promo.random_forest(spend, f, jsonb_build_object('trees', 1 + id % 2)) FROM shopper s, LATERAL (SELECT age, income) f;
SELECT (promo.forest_info(promo.random_forest(spend, f, NULL))).trees FROM shopper s, LATERAL (SELECT age) f WHERE id < 10;

-- What an option says holds
SELECT (i).trees, (i).depth <= 3 AS depth, (i).max_depth, (i).min_leaf, (i).mtry, (i).sample_fraction, (i).bins, (i).seed
FROM (SELECT promo.forest_info(promo.random_forest(spend, f,
		'{"trees": 7, "max_depth": 3, "min_leaf": 20, "mtry": 2, "sample_fraction": 0.5, "bins": 16, "seed": 99}')) AS i
	FROM shopper s, LATERAL (SELECT age, income, noise) f) o;
-- Weights move a class's probability
SELECT heavy > even AND even > light AS moved
FROM (SELECT avg(promo.predict((SELECT promo.random_forest(spend > 12, f, '{"trees": 20, "min_leaf": 50, "class_weight": {"true": 9}}') FROM shopper s, LATERAL (SELECT noise, age) f), s)) AS heavy,
	avg(promo.predict((SELECT promo.random_forest(spend > 12, f, '{"trees": 20, "min_leaf": 50}') FROM shopper s, LATERAL (SELECT noise, age) f), s)) AS even,
	avg(promo.predict((SELECT promo.random_forest(spend > 12, f, '{"trees": 20, "min_leaf": 50, "class_weight": {"true": 0.1}}') FROM shopper s, LATERAL (SELECT noise, age) f), s)) AS light
	FROM shopper s) w;
SELECT abs(avg(promo.predict((SELECT promo.random_forest(noise < 10, f, '{"trees": 20, "min_leaf": 100, "class_weight": "balanced"}') FROM shopper s, LATERAL (SELECT age, income) f), s)) - 0.5) < 0.05 AS balanced
FROM shopper s;

-- Types that are no features are all named
SELECT promo.random_forest(1.0, f) FROM (SELECT 1 AS a, ARRAY[1, 2] AS b, '{}'::jsonb AS c, point(1, 2) AS d, '1 day'::interval AS e) f;
-- Columns of the same name
SELECT promo.random_forest(1.0, f) FROM (SELECT 1 AS a, 2 AS a, 3 AS b) f;
-- No columns, no row
SELECT promo.random_forest(1.0, ROW());
SELECT promo.random_forest(1.0, NULL::shopper);
SELECT promo.random_forest(s.spend, s) IS NULL AS nothing FROM shopper s WHERE false;

-- ROW(...) has no names of its own: its columns are f1, f2, ...
SELECT (promo.forest_info(promo.random_forest(spend, ROW(age, income, city), '{"trees": 2}'))).features FROM shopper;

-- A dropped column is no feature
CREATE TABLE changed (a float8, b text, gone text, c int, y float8);
ALTER TABLE changed DROP COLUMN gone;
INSERT INTO changed SELECT i % 10, chr(97 + i % 5), i % 7, i % 10 + i % 5 FROM generate_series(1, 200) i;
SELECT (promo.forest_info(promo.random_forest(y, t, '{"trees": 2, "exclude": ["y"]}'))).features FROM changed t;

-- As wide as a table can be
DO $$
BEGIN
	EXECUTE (SELECT 'CREATE TABLE wide AS SELECT ' || string_agg(format('(i * %s %% 97)::float4 AS c%s', n, n), ', ') ||
		' FROM generate_series(1, 100) i' FROM generate_series(1, 1600) n);
END
$$;
SELECT array_length(features, 1), trees, oob_r2 IS NOT NULL AS oob
FROM (SELECT (promo.forest_info(promo.random_forest(c1 + 1000, w, '{"trees": 3}'))).* FROM wide w) i;

-- One row, three rows, one class, constants, only NULLs
SELECT trees, nodes, depth, oob_r2, rows FROM (SELECT (promo.forest_info(promo.random_forest(5, f, '{"trees": 3}'))).* FROM (SELECT 1 AS a) f) i;
SELECT promo.predict((SELECT promo.random_forest(5, f, '{"trees": 3}') FROM (SELECT 1 AS a) f), p) FROM (SELECT 99 AS a) p;
SELECT round(promo.predict((SELECT promo.random_forest(y, f, '{"trees": 100}') FROM (VALUES (1, 10), (2, 20), (3, 30)) v(a, y), LATERAL (SELECT a) f), p)::numeric) BETWEEN 10 AND 30 AS inside
FROM (SELECT 2 AS a) p;
SELECT promo.predict((SELECT promo.random_forest(true, f, '{"trees": 3}') FROM (SELECT i % 4 AS a FROM generate_series(1, 50) i) f), p),
	promo.predict((SELECT promo.random_forest(false, f, '{"trees": 3}') FROM (SELECT i % 4 AS a FROM generate_series(1, 50) i) f), p)
FROM (SELECT 2 AS a) p;
SELECT promo.predict_proba((SELECT promo.random_forest('only'::text, f, '{"trees": 3}') FROM (SELECT i % 4 AS a FROM generate_series(1, 50) i) f), p)
FROM (SELECT 2 AS a) p;
SELECT nodes, promo.predict(f, p) BETWEEN 0.3 AND 0.7 AS inside
FROM (SELECT promo.random_forest(i % 2, r, '{"trees": 4}') AS f
	FROM generate_series(1, 50) i, LATERAL (SELECT 7 AS a, NULL::text AS b, NULL::float8 AS c) r) m,
	LATERAL promo.forest_info(f), (SELECT 7 AS a, 'x' AS b, 1.0 AS c) p;

-- Targets far from 0 keep their digits
SELECT abs(promo.predict(f, p) - 1e15 - 7) < 1 AS near
FROM (SELECT promo.random_forest(1e15 + r.a, r, '{"trees": 50}') AS f
	FROM generate_series(1, 1000) i, LATERAL (SELECT i % 10 AS a OFFSET 0) r) m, (SELECT 7 AS a) p;

-- Values that lie
SELECT ''::promo.forest;
SELECT '1:'::promo.forest;
SELECT '1:AAAA'::promo.forest;
SELECT '2:AAAA'::promo.forest;
SELECT '1:****'::promo.forest;
SELECT ('1:' || translate(encode(sha512('x') || sha512('y'), 'base64'), E'\n', ''))::promo.forest;
-- Cut off, and with a byte changed
CREATE FUNCTION pg_temp.verdict(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM t::promo.forest;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate;
END
$$;
SELECT DISTINCT pg_temp.verdict(left(forest::text, 2 + 4 * n)) FROM part, generate_series(0, 200) n WHERE part = 0;
SELECT DISTINCT pg_temp.verdict(overlay(forest::text PLACING CASE WHEN substr(forest::text, n, 1) = 'A' THEN 'B' ELSE 'A' END FROM n))
FROM part, generate_series(3, 3000, 13) n WHERE part = 0;

-- Past promo.build_memory it says how much it needs
SET promo.build_memory = '100kB';
SELECT promo.random_forest(spend, f) FROM shopper s, LATERAL (SELECT age, income, city) f;
SET promo.build_memory = '1MB';
\set VERBOSITY terse
SELECT promo.random_forest(spend, f) FROM shopper s, LATERAL (SELECT age, income, city) f;
\set VERBOSITY default
RESET promo.build_memory;

DROP TABLE shopper, kept, changed, wide;
