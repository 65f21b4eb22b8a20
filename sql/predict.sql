-- Predictions: columns are matched by name, NULLs and what was never seen have
-- their direction, and a forest shows what is inside.

CREATE TYPE level AS ENUM ('low', 'middle', 'high');

-- Every kind of column has a part in the sum
CREATE TABLE visit AS
SELECT i AS id,
	(i % 50)::int AS visits,
	CASE WHEN i % 5 <> 0 THEN (i * 7) % 40 END AS basket,
	(enum_range(NULL::level))[1 + i % 3] AS level,
	CASE WHEN i % 4 <> 0 THEN (ARRAY['mail', 'search', 'social', 'shop'])[1 + (i / 4) % 4] END AS source,
	i % 2 = 0 AS member,
	date '2024-01-01' + i % 300 AS since
FROM generate_series(1, 4000) i;
CREATE VIEW visit_target AS
SELECT v.*, visits + coalesce(basket, 100) + CASE level WHEN 'low' THEN 0 WHEN 'middle' THEN 30 ELSE 10 END
	+ CASE source WHEN 'mail' THEN 40 WHEN 'shop' THEN 20 ELSE 0 END + CASE WHEN member THEN 15 ELSE 0 END
	+ CASE WHEN since >= '2024-06-01' THEN 25 ELSE 0 END AS spend
FROM visit v;

CREATE TABLE model AS
SELECT promo.random_forest(spend, f, '{"trees": 40, "mtry": 4, "seed": 3}') AS forest
FROM visit_target v, LATERAL (SELECT visits, basket, level, source, member, since) f;

SELECT (promo.forest_info(forest)).feature_kinds, (promo.forest_info(forest)).oob_r2 > 0.97 AS oob_r2 FROM model;
SELECT r2 > 0.99 AS r2
FROM (SELECT (promo.regression_metrics(spend, promo.predict(forest, v))).* FROM model, visit_target v) m;

-- Columns may stand in any order, with others among them
SELECT count(*) AS differences FROM model, visit v
WHERE promo.predict(forest, v) <>
	(SELECT promo.predict(forest, r) FROM (SELECT v.since, 'x' AS more, v.member, v.source, v.level, v.basket, v.visits) r);

-- A number may be of another type, an enum a text, a date a timestamp
SELECT count(*) AS differences FROM model, visit v
WHERE promo.predict(forest, v) <>
	(SELECT promo.predict(forest, r)
	FROM (SELECT visits::numeric, basket::float4, level::text, source::varchar(10), member, since::timestamp) r);

-- All that is missing and of another kind is said at once
SELECT promo.predict(forest, r) FROM model, (SELECT 1 AS visits, 'x' AS basket, 'low' AS level, 5 AS since) r;
SELECT promo.predict(forest, r) FROM model, (SELECT 1 AS visits, 2 AS basket, 'low' AS level, 'shop' AS source, 'true' AS member, 5 AS since) r;
SELECT promo.predict(forest, ROW(1, 2)) FROM model;
SELECT promo.predict(forest, NULL::visit) IS NULL AS unknown FROM model;

-- NULL was learned as a direction of its own: basket 100, not basket 0
SELECT round(avg(promo.predict(forest, r) - promo.predict(forest, z)))::int BETWEEN 70 AND 100 AS null_is_far
FROM model, visit v,
	LATERAL (SELECT v.visits, NULL::int AS basket, v.level, v.source, v.member, v.since) r,
	LATERAL (SELECT v.visits, 0 AS basket, v.level, v.source, v.member, v.since) z
WHERE v.id <= 200;

-- NaN counts as NULL; a category that was never seen follows the NULLs
SELECT count(*) AS differences FROM model, visit v,
	LATERAL (SELECT v.visits, 'NaN'::float8 AS basket, v.level, 'nowhere' AS source, v.member, v.since) r,
	LATERAL (SELECT v.visits, NULL::float8 AS basket, v.level, NULL::text AS source, v.member, v.since) z
WHERE v.id <= 500 AND promo.predict(forest, r) <> promo.predict(forest, z);

-- Infinity is above all that was seen, and infinitely late as well
SELECT promo.predict(forest, a) = promo.predict(forest, b) AS same
FROM model,
	(SELECT 'infinity'::float8 AS visits, 5 AS basket, 'low' AS level, 'shop' AS source, true AS member, date 'infinity' AS since) a,
	(SELECT 1e300 AS visits, 5 AS basket, 'low' AS level, 'shop' AS source, true AS member, date '9999-01-01' AS since) b;

-- Classes
CREATE TABLE classes AS
SELECT promo.random_forest(member, f, '{"trees": 30, "seed": 1}') AS of_boolean,
	promo.random_forest(source, f, '{"trees": 30, "seed": 1, "skip_null_target": true}') AS of_text,
	promo.random_forest(source, f, '{"trees": 30, "seed": 1, "skip_null_target": true, "positive": "shop"}') AS of_positive,
	promo.random_forest(level, f, '{"trees": 30, "seed": 1}') AS of_enum
FROM visit_target v, LATERAL (SELECT visits, basket, spend, since) f;

SELECT promo.predict_class(of_boolean, v), promo.predict_class(of_text, v) AS source, promo.predict_class(of_enum, v) AS level,
	round(promo.predict(of_positive, v)::numeric, 1) AS shop
FROM classes, visit_target v WHERE id IN (1, 2, 3, 4) ORDER BY id;
SELECT count(*) AS differences FROM classes, visit_target v
WHERE id <= 300 AND (
	promo.predict(of_boolean, v) <> (promo.predict_proba(of_boolean, v) ->> 'true')::float8
	OR promo.predict(of_positive, v) <> (promo.predict_proba(of_positive, v) ->> 'shop')::float8
	OR abs((SELECT sum(value::float8) FROM jsonb_each_text(promo.predict_proba(of_text, v))) - 1) > 1e-6
	OR promo.predict_class(of_enum, v) <> (SELECT key FROM jsonb_each_text(promo.predict_proba(of_enum, v)) ORDER BY value::float8 DESC, key COLLATE "C" LIMIT 1));
SELECT accuracy > 0.9 AS accuracy
FROM (SELECT (promo.multiclass_metrics(level::text, promo.predict_class(of_enum, v))).* FROM classes, visit_target v) m;
SELECT promo.predict(of_text, v) FROM classes, visit_target v;
SELECT promo.predict_proba(forest, v) FROM model, visit v;
SELECT promo.predict_class(forest, v) FROM model, visit v;

-- Arrays stand for features that are all numbers, in their order
CREATE TABLE numbers AS
SELECT promo.random_forest(v.visits + 2 * v.basket, f, '{"trees": 20, "seed": 1, "skip_null_target": true}') AS number,
	promo.random_forest(v.visits > v.basket, f, '{"trees": 20, "seed": 1, "skip_null_target": true}') AS class
FROM visit v, LATERAL (SELECT visits, basket) f;
SELECT count(*) AS differences FROM numbers, visit v
WHERE promo.predict(number, v) <> promo.predict_array(number, ARRAY[visits, basket])
	OR promo.predict(class, v) <> promo.predict_array(class, ARRAY[visits, basket])
	OR promo.predict_proba(class, v) <> promo.predict_proba_array(class, ARRAY[visits, basket])
	OR promo.predict_class(class, v) <> promo.predict_class_array(class, ARRAY[visits, basket]);
SELECT promo.predict_array(number, ARRAY[1, 2, 3]) FROM numbers;
SELECT promo.predict_array(number, '{}') FROM numbers;
SELECT promo.predict_array(number, ARRAY[[1], [2]]) FROM numbers;
SELECT promo.predict_array(forest, ARRAY[1, 2, 3, 4, 5, 6]) FROM model;
SELECT promo.predict_array(number, array_fill(1.0, '{100000}')) FROM numbers;
SELECT promo.predict_array(number, NULL) IS NULL AS unknown FROM numbers;

-- A call may see a forest after another, in any number, stored or at hand
CREATE TABLE per_level AS
SELECT n, promo.random_forest(spend + n, f, '{"trees": 2, "seed": 1}') AS forest
FROM visit_target v, LATERAL (SELECT visits, basket) f, generate_series(1, 12) n GROUP BY n;
CREATE TABLE alone (n int, id int, prediction float8);
DO $$
BEGIN
	FOR k IN 1..12 LOOP
		INSERT INTO alone
		SELECT k, id, promo.predict((SELECT forest FROM per_level WHERE n = k), v) FROM visit v WHERE id <= 50;
	END LOOP;
END
$$;
SELECT count(*), count(*) FILTER (WHERE promo.predict(forest, v) = prediction) AS same
FROM visit v JOIN alone USING (id) JOIN per_level USING (n);
SELECT count(*), count(*) FILTER (WHERE promo.predict(forest::text::promo.forest, v) = prediction) AS same
FROM visit v JOIN alone USING (id) JOIN per_level USING (n);
SET promo.cache_size = 0;
SELECT count(*), count(*) FILTER (WHERE promo.predict(forest, v) = prediction) AS same
FROM visit v JOIN alone USING (id) JOIN per_level USING (n);
RESET promo.cache_size;
DO $$
DECLARE
	f promo.forest;
	v visit;
	k int;
	kept float8;
BEGIN
	SELECT * INTO v FROM visit WHERE id = 1;
	FOR k, f, kept IN SELECT n, forest, prediction FROM per_level JOIN alone USING (n) WHERE id = 1 ORDER BY n LOOP
		ASSERT promo.predict(f, v) = kept;
	END LOOP;
END
$$;

-- Under another search_path
SET search_path = pg_catalog;
SELECT round(promo.predict(forest, v)) FROM public.model, public.visit v WHERE id = 1;
RESET search_path;

-- A tree, line by line.  Every line has the way to it; a leaf what it predicts
CREATE TABLE small AS
SELECT promo.random_forest(y, f, '{"trees": 2, "max_depth": 2, "mtry": 3, "seed": 5}') AS forest
FROM (SELECT (i % 10) * 1.0 AS x, date '2024-01-01' + i % 20 AS day, chr(97 + i % 3) AS kind,
		(i % 10 >= 5)::int * 100 + (i % 3 = 1)::int * 10 AS y FROM generate_series(1, 300) i) v,
	LATERAL (SELECT x, day, kind) f;
SELECT promo.tree(forest, 1) FROM small;
SELECT count(*) = (SELECT sum((promo.forest_info(forest)).nodes) FROM small) AS all_nodes
FROM small, generate_series(1, 2) n, promo.tree(forest, n);
SELECT promo.tree(forest, 0) FROM small;
SELECT promo.tree(forest, 3) FROM small;
SELECT promo.tree(of_enum, 1) FROM (SELECT promo.random_forest(level, f, '{"trees": 1, "max_depth": 1, "mtry": 2, "seed": 5}') AS of_enum
	FROM visit_target v, LATERAL (SELECT spend, since) f) s;

DROP VIEW visit_target;
DROP TABLE visit, model, classes, numbers, per_level, alone, small;
DROP TYPE level;
