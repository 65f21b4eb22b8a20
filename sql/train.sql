-- Models by name: trained on a query, versioned, served, switched and dropped.
-- Only what can be said of a forest whatever it draws is shown here.

CREATE TABLE visitor AS
SELECT g AS id, g % 4 AS channel, (g * 7919 % 1000) / 10.0 AS spend,
	CASE WHEN g % 11 <> 0 THEN (ARRAY['north', 'south', 'west'])[1 + g % 3] END AS region,
	(g * 7919 % 1000) > 600 AS will_buy,
	(g * 7919 % 1000) / 10.0 * 3 + g % 4 AS next_spend
FROM generate_series(1, 2000) g;

-- A training adds a version and makes it current
SELECT model, version, algorithm, target, target_kind, features, feature_kinds, rows, rows_held_out,
	pieces, owner_is_me, metrics ? 'oob' AS judged
FROM (SELECT v.*, v.trained_by = current_user::regrole AS owner_is_me
	FROM promo.train('next', 'SELECT channel, spend, region, next_spend FROM visitor', 'next_spend',
		'{"trees": 10, "seed": 3}') v) t;
SELECT (promo.train('next', 'SELECT channel, spend, region, next_spend FROM visitor', 'next_spend',
	'{"trees": 20, "holdout": 0.2}')).version;
SELECT model, version, is_current, rows, rows_held_out, (metrics -> 'holdout' ->> 'r2')::float8 > 0.99 AS good
FROM promo.models ORDER BY model, version;

-- It learns what the aggregate does, to the bit: the same options give the same forest
SELECT promo.use_version('next', 1);
WITH f AS MATERIALIZED (
	SELECT promo.random_forest(next_spend, (SELECT r FROM (SELECT v.channel, v.spend, v.region) r),
		'{"trees": 10, "seed": 3}') AS forest FROM visitor v)
SELECT count(*) AS rows, count(*) FILTER (WHERE promo.predict(f.forest, v) = promo.predict('next', v)) AS same
FROM f, visitor v;
SELECT (SELECT string_agg(p.bytes, '' ORDER BY piece)
		FROM promo.model_piece p JOIN promo.model_version v USING (version_id)
		WHERE v.model = 'next' AND v.version = 1) =
	substring(promo.forest_send(promo.random_forest(next_spend,
		(SELECT r FROM (SELECT v.channel, v.spend, v.region) r), '{"trees": 10, "seed": 3}')) FROM 13) AS same_bytes
FROM visitor v;

-- Rows sorted by the target, or in any other order, give the same bytes; rows that do not
-- fit work_mem go through a file, and a model into several pieces
SET work_mem = '64kB';
SET promo.model_piece_size = '32kB';
SELECT version, pieces > 1 AS several FROM promo.train('next',
	'SELECT channel, spend, region, next_spend FROM visitor ORDER BY next_spend DESC', 'next_spend',
	'{"trees": 10, "seed": 3}');
RESET work_mem;
RESET promo.model_piece_size;
SELECT count(DISTINCT bytes) AS models FROM (
	SELECT version, string_agg(p.bytes, '' ORDER BY piece) AS bytes
	FROM promo.model_piece p JOIN promo.model_version v USING (version_id)
	WHERE v.model = 'next' AND v.version IN (1, 3) GROUP BY version) b;
SELECT max(octet_length(p.bytes)) <= 32 * 1024 AS small
FROM promo.model_piece p JOIN promo.model_version v USING (version_id) WHERE v.model = 'next' AND v.version = 3;

-- Classes
SELECT target_kind, classes, positive FROM promo.train('buys',
	'SELECT channel, spend, region, will_buy FROM visitor', 'will_buy', '{"trees": 20}');
SELECT promo.predict('buys', v) > 0.5 AS buys, promo.predict_class('buys', v),
	promo.predict_proba('buys', v) ? 'true' AS has_true
FROM (VALUES (1, 99.0, 'north'), (1, 3.0, NULL)) v(channel, spend, region);
SELECT target_kind, classes FROM promo.train('region',
	'SELECT channel, spend, region FROM visitor', 'region',
	'{"trees": 5, "skip_null_target": true, "exclude": ["channel"]}');
SELECT trees, oob_rows > 0 AS judged FROM promo.forest_info('region');
SELECT feature, gain FROM promo.importance('region');
SELECT count(*) > 0 AS lines FROM promo.tree('region', 5);
SELECT promo.predict_class_array('region', ARRAY[50.0]) IN ('north', 'south', 'west') AS known;

-- Other algorithms, of which linear models have no out-of-bag figures
SELECT algorithm, metrics ? 'oob' AS oob, metrics ? 'holdout' AS held FROM promo.train('linear',
	'SELECT channel, spend, region, will_buy FROM visitor', 'will_buy',
	'{"algorithm": "logistic", "holdout": 0.25}');
SELECT promo.predict('linear', v) > 0.5 AS buys
FROM (VALUES (1, 99.0, 'north'), (1, 3.0, NULL)) v(channel, spend, region);

-- A query that is wrong, and what else cannot be
SELECT promo.train('bad', 'SELECT 1 AS a, 2 AS b', 'c');
SELECT promo.train('bad', 'SELECT 1 AS a, 2 AS c, 3 AS c', 'c');
SELECT promo.train('bad', 'SELECT spend, next_spend FROM visitor WHERE false', 'next_spend');
SELECT promo.train('bad', 'DELETE FROM visitor', 'c');
SELECT promo.train('bad', 'SELECT spend, next_spend FROM visitor; SELECT 1', 'next_spend');
SELECT promo.train('bad', 'SELECT spend, next_spend FROM visitor', 'next_spend', '{"tree": 1, "holdout": 2}');
SELECT promo.train('bad', 'SELECT spend, spend AS twin FROM visitor', 'spend');
SELECT promo.train('', 'SELECT 1', 'c');
SELECT promo.train(repeat('x', 201), 'SELECT 1', 'c');
SELECT promo.train(NULL, 'SELECT 1', 'c');
SELECT promo.predict('nobody', v) FROM visitor v LIMIT 1;
SELECT promo.use_version('next', 99);
SELECT promo.drop_model('nobody');
SET promo.build_memory = '100kB';
SELECT promo.train('bad', 'SELECT spend, channel, next_spend FROM visitor', 'next_spend');
RESET promo.build_memory;
SELECT count(*) FROM promo.models WHERE model = 'bad';

-- In one transaction a model is served as it is then: trained, trained anew, rolled back
CREATE FUNCTION three_times() RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	said float8[] := '{}';
	i int;
BEGIN
	FOR i IN 1..3 LOOP
		PERFORM promo.train('level', format('SELECT g AS x, %s::float8 AS y FROM generate_series(1, 9) g', i * 10),
			'y', '{"trees": 1}');
		said := said || promo.predict('level', ROW(1)::one_x);
	END LOOP;
	BEGIN
		PERFORM promo.train('level', 'SELECT g AS x, 99.0 AS y FROM generate_series(1, 9) g', 'y', '{"trees": 1}');
		said := said || promo.predict('level', ROW(1)::one_x);
		RAISE EXCEPTION 'no';
	EXCEPTION WHEN raise_exception THEN
		said := said || promo.predict('level', ROW(1)::one_x);
	END;
	RETURN said;
END $$;
CREATE TYPE one_x AS (x int);
SELECT three_times();
BEGIN;
SELECT promo.use_version('level', 1);
SELECT promo.predict('level', ROW(1)::one_x);
ROLLBACK;
SELECT promo.predict('level', ROW(1)::one_x);

-- A model of the same name is another one, though its first version has the same number
SELECT promo.drop_model('level');
SELECT promo.predict('level', ROW(1)::one_x);
SELECT version FROM promo.train('level', 'SELECT g AS x, 7.0 AS y FROM generate_series(1, 9) g', 'y', '{"trees": 1}');
SELECT promo.predict('level', ROW(1)::one_x);

-- More models in a statement than a call site keeps, and none of them kept at hand
SET promo.cache_size = 0;
SELECT count(*) AS models FROM (SELECT promo.train('level ' || i, format('SELECT g AS x, %s::float8 AS y FROM generate_series(1, 9) g', i),
	'y', '{"trees": 1}') FROM generate_series(1, 12) i) t;
SELECT bool_and(promo.predict('level ' || i, ROW(1)::one_x) = i) AS right
FROM generate_series(1, 12) i, generate_series(1, 3);
RESET promo.cache_size;

-- Who may
CREATE ROLE train_analyst;
CREATE ROLE train_other;
CREATE ROLE train_shop;
GRANT EXECUTE ON FUNCTION promo.train(text, text, text, jsonb), promo.drop_model(text),
	promo.use_version(text, int) TO train_analyst, train_other;
GRANT EXECUTE ON FUNCTION promo.predict(text, record) TO train_shop;
CREATE SCHEMA train_room AUTHORIZATION train_analyst;
SET ROLE train_analyst;
SET search_path = train_room;
CREATE TABLE train_room.seen AS SELECT g AS x, g * 2.0 AS y FROM generate_series(1, 50) g;
SELECT trained_by, search_path FROM promo.train('mine', 'SELECT x, y FROM seen', 'y', '{"trees": 3}');
SELECT promo.train('mine', 'SELECT spend, next_spend FROM public.visitor', 'next_spend');
RESET ROLE;
SET ROLE train_other;
SELECT promo.train('mine', 'SELECT 1 AS x, 2 AS y', 'y');
SELECT promo.drop_model('mine');
SELECT promo.use_version('mine', 1);
SELECT count(*) FROM promo.model_piece;
RESET ROLE;
SET ROLE train_shop;
SELECT promo.predict('mine', v) BETWEEN 2 AND 100 AS served FROM (SELECT 5 AS x) v;
SELECT promo.train('mine', 'SELECT 1 AS x, 2 AS y', 'y');
RESET ROLE;
RESET search_path;

-- Nothing of a training shows once it is over
SELECT * FROM promo.training_progress;
SELECT query ~ '^SELECT query' AS is_mine FROM pg_stat_activity WHERE pid = pg_backend_pid();

SELECT count(promo.drop_model(model)) FROM promo.model;
SELECT (SELECT count(*) FROM promo.model_version) AS versions, (SELECT count(*) FROM promo.model_piece) AS pieces;
DROP FUNCTION three_times();
DROP TYPE one_x;
DROP TABLE visitor;
DROP SCHEMA train_room CASCADE;
REVOKE ALL ON FUNCTION promo.train(text, text, text, jsonb), promo.drop_model(text),
	promo.use_version(text, int) FROM train_analyst, train_other;
REVOKE ALL ON FUNCTION promo.predict(text, record) FROM train_shop;
DROP ROLE train_analyst, train_other, train_shop;

-- Wide and awkward tables: 1,000 columns, more categories than bins, half NULLs, what is
-- constant or not finite, targets of 1e15, ten classes, one, three rows
DO $$
BEGIN
	EXECUTE (SELECT format('CREATE TEMP TABLE wide AS SELECT g AS y, %s FROM generate_series(1, 60) g',
		string_agg(format('(g * %s) %% 17 AS c%s', i, i), ', ')) FROM generate_series(1, 1000) i);
END $$;
SELECT cardinality(features) AS features, rows FROM promo.train('wide', 'SELECT * FROM wide', 'y', '{"trees": 5}');
SELECT count(prediction) FROM promo.score('wide', 'SELECT * FROM wide', 'y');
CREATE TABLE awkward AS
SELECT 'name ' || g % 500 AS name, CASE WHEN g % 2 = 0 THEN g % 97 END AS half, 1 AS same, NULL::text AS nothing,
	(ARRAY['NaN', 'Infinity', '-Infinity', '1e300', '-1e-300']::float8[])[1 + g % 5] AS odd,
	(ARRAY['infinity', '-infinity', '2026-01-05 15:30+00', NULL]::timestamptz[])[1 + g % 4] AS at,
	1e15 + g % 97 AS large, g % 10 AS digit, 'class ' || g % 10 AS class
FROM generate_series(1, 3000) g;
SET work_mem = '64kB';
SELECT (metrics -> 'oob' ->> 'r2')::float8 > 0.9 AS good FROM promo.train('large',
	'SELECT name, half, same, nothing, odd, at, digit, large FROM awkward WHERE half IS NOT NULL', 'large', '{"trees": 20, "mtry": 7}');
SELECT cardinality(classes) AS classes, (metrics -> 'holdout' ->> 'accuracy')::float8 AS accuracy FROM promo.train('ten',
	'SELECT name, digit, odd, at, class FROM awkward', 'class', '{"trees": 20, "holdout": 0.1, "class_weight": "balanced"}');
SELECT count(*) FILTER (WHERE s.class = a.class) AS right FROM promo.score('ten',
	'SELECT row_number() OVER () AS n, a.* FROM awkward a', 'n') s
JOIN (SELECT row_number() OVER () AS n, a.class FROM awkward a) a ON a.n::text = s.key;
RESET work_mem;
SELECT classes, metrics #>> '{oob,accuracy}' AS accuracy FROM promo.train('one class',
	$$SELECT half, 'always'::text AS class FROM awkward$$, 'class', '{"trees": 3}');
SELECT rows, rows_held_out FROM promo.train('three', 'SELECT g AS x, g * 2 AS y FROM generate_series(1, 3) g', 'y', '{"trees": 3, "holdout": 0.4}');
SELECT promo.train('array', 'SELECT ARRAY[1, 2] AS a, 1 AS y', 'y');
SELECT count(promo.drop_model(model)) FROM promo.model;
DROP TABLE awkward;
