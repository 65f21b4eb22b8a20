-- How good a model is on rows that it did not see, and which options are best
CREATE TABLE shop AS
SELECT i AS id, i * 7919 % 101 AS visits, (i * 104729 % 97) / 10.0 AS basket,
	(ARRAY['mail', 'web', 'shop', NULL])[1 + i * 31 % 4] AS source, i % 7 AS week,
	date '2025-01-01' + (i % 6)::int AS day
FROM generate_series(1::bigint, 600) i;
CREATE TABLE visitor AS
SELECT s.*, visits * 0.5 + basket * (CASE source WHEN 'mail' THEN 8 ELSE 2 END) + id * 15485863 % 13 AS spend,
	visits + basket * 5 + id * 15485863 % 41 > 95 AS buys,
	CASE WHEN visits + id * 15485863 % 31 < 40 THEN 'low' WHEN basket > 5 THEN 'mid' ELSE 'high' END AS level
FROM shop s;

-- A number, two classes, several
SELECT metric, round(mean::numeric, 3) AS mean, standard_error > 0 AS error, cardinality(by_fold) AS folds
FROM promo.cross_validate('SELECT visits, basket, source, spend FROM visitor', 'spend', '{"trees": 20}');
SELECT metric, round(mean::numeric, 3) AS mean, standard_error > 0 AS error, cardinality(by_fold) AS folds
FROM promo.cross_validate('SELECT visits, basket, source, buys FROM visitor', 'buys', '{"trees": 20}', 4);
SELECT metric, round(mean::numeric, 3) AS mean, standard_error > 0 AS error, cardinality(by_fold) AS folds
FROM promo.cross_validate('SELECT visits, basket, source, level FROM visitor', 'level', '{"trees": 20}', folds => 3);

-- Seven groups in seven folds: each fold is what train() and score() say by
-- hand, of every algorithm
CREATE FUNCTION by_hand(target text, options jsonb, OUT rmse float8[], OUT roc_auc float8[]) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT id, visits, basket, source, %I FROM visitor', target);
	fold int;
	figure float8;
BEGIN
	FOR fold IN 0..6 LOOP
		PERFORM promo.train('by hand', query || ' WHERE week <> ' || fold, target, options || '{"exclude": ["id"]}');
		IF target = 'spend' THEN
			SELECT (promo.regression_metrics(v.spend::float8, s.prediction)).rmse INTO figure
			FROM promo.score('by hand', query || ' WHERE week = ' || fold, 'id') s JOIN visitor v ON v.id::text = s.key;
			rmse := rmse || figure;
		ELSE
			SELECT (promo.classification_metrics(v.buys, s.prediction)).roc_auc INTO figure
			FROM promo.score('by hand', query || ' WHERE week = ' || fold, 'id') s JOIN visitor v ON v.id::text = s.key;
			roc_auc := roc_auc || figure;
		END IF;
	END LOOP;
	PERFORM promo.drop_model('by hand');
END $$;
CREATE FUNCTION same(a float8[], b float8[]) RETURNS boolean LANGUAGE sql AS $$
	SELECT bool_and(abs(x - y) <= 1e-12 * abs(x)) AND cardinality(a) = cardinality(b)
	FROM (SELECT x, row_number() OVER (ORDER BY x) AS n FROM unnest(a) x) p
	JOIN (SELECT x AS y, row_number() OVER (ORDER BY x) AS n FROM unnest(b) x) q USING (n) $$;
SELECT options, same(v.by_fold, (SELECT rmse FROM by_hand('spend', options))) AS same
FROM unnest(ARRAY['{"trees": 5}', '{"algorithm": "extra_trees", "trees": 5, "mtry": 3, "seed": 7}', '{"algorithm": "decision_tree", "max_depth": 4}',
	'{"algorithm": "boosted_trees", "trees": 10}', '{"algorithm": "linear_svm"}']::jsonb[]) options,
	promo.cross_validate('SELECT visits, basket, source, spend, week FROM visitor', 'spend', options, 7, group_column => 'week') v
WHERE metric = 'rmse';
SELECT options, same(v.by_fold, (SELECT roc_auc FROM by_hand('buys', options))) AS same
FROM unnest(ARRAY['{"trees": 5, "class_weight": "balanced"}', '{"algorithm": "boosted_trees", "trees": 10, "early_stopping": 2}', '{"algorithm": "logistic"}',
	'{"algorithm": "linear_svm", "c": 0.1}']::jsonb[]) options,
	promo.cross_validate('SELECT visits, basket, source, buys, week FROM visitor', 'buys', options, 7, group_column => 'week') v
WHERE metric = 'roc_auc';

-- Six days in five folds: each is judged by a model of the days before
CREATE FUNCTION by_time(OUT rmse float8[]) LANGUAGE plpgsql AS $$
DECLARE
	query text := 'SELECT id, visits, basket, source, spend FROM visitor WHERE day ';
	figure float8;
BEGIN
	FOR fold IN 1..5 LOOP
		PERFORM promo.train('by time', query || format('< %L', date '2025-01-01' + fold), 'spend', '{"trees": 5, "exclude": ["id"]}');
		SELECT (promo.regression_metrics(v.spend::float8, s.prediction)).rmse INTO figure
		FROM promo.score('by time', query || format('= %L', date '2025-01-01' + fold), 'id') s JOIN visitor v ON v.id::text = s.key;
		rmse := rmse || figure;
	END LOOP;
	PERFORM promo.drop_model('by time');
END $$;
SELECT same(by_fold, (SELECT rmse FROM by_time())) AS same
FROM promo.cross_validate('SELECT visits, basket, source, spend, day FROM visitor', 'spend', '{"trees": 5}', 5, 'day') WHERE metric = 'rmse';

-- Any order of the rows, any number of workers, rows in memory or in a file:
-- the same bits; another seed: other folds
CREATE TABLE figures AS SELECT 'as they are' AS how, v.* FROM promo.cross_validate('SELECT visits, basket, source, buys FROM visitor', 'buys', '{"trees": 8, "workers": 0}') v;
INSERT INTO figures SELECT 'shuffled', v.* FROM promo.cross_validate('SELECT visits, basket, source, buys FROM visitor ORDER BY md5(id::text)', 'buys', '{"trees": 8, "workers": 0}') v;
INSERT INTO figures SELECT 'workers', v.* FROM promo.cross_validate('SELECT visits, basket, source, buys FROM visitor', 'buys', '{"trees": 8, "workers": 2}') v;
SET work_mem = '64kB';
INSERT INTO figures SELECT 'file', v.* FROM promo.cross_validate('SELECT visits, basket, source, buys, repeat(''x'', visits::int) AS x FROM visitor, generate_series(1, 3) n WHERE n = 1', 'buys', '{"trees": 8, "exclude": ["x"]}') v;
RESET work_mem;
INSERT INTO figures SELECT 'seed', v.* FROM promo.cross_validate('SELECT visits, basket, source, buys FROM visitor', 'buys', '{"trees": 8}', seed => 1) v;
SELECT f.how, bool_and(f.by_fold = g.by_fold) AS same FROM figures f JOIN figures g USING (metric)
WHERE g.how = 'as they are' AND f.how <> 'as they are' GROUP BY f.how ORDER BY f.how;
CREATE TABLE many AS SELECT v.* FROM visitor v, generate_series(1, 20);
SET work_mem = '64kB';
CREATE TABLE spilled AS SELECT * FROM promo.cross_validate('SELECT visits, basket, source, spend, week FROM many', 'spend', '{"trees": 3}', 3, group_column => 'week');
RESET work_mem;
SELECT bool_and(s.by_fold = v.by_fold) AS same FROM spilled s
JOIN promo.cross_validate('SELECT visits, basket, source, spend, week FROM many', 'spend', '{"trees": 3}', 3, group_column => 'week') v USING (metric);

-- The mean and its error are those of the folds
SELECT bool_and(abs(mean - (SELECT avg(x) FROM unnest(by_fold) x)) < 1e-12) AS mean,
	bool_and(abs(standard_error - (SELECT stddev(x) / sqrt(count(*)) FROM unnest(by_fold) x)) < 1e-12) AS error
FROM figures;

-- Rows that weigh nothing are in no fold; text classes with a positive one
SELECT count(*) FROM promo.cross_validate('SELECT visits, basket, source, buys, CASE WHEN id > 300 THEN 0 ELSE 2 END AS w FROM visitor', 'buys', '{"trees": 3, "weights": "w"}');
SELECT metric, mean > 0 AS positive FROM promo.cross_validate($$SELECT visits, basket, CASE WHEN buys THEN 'yes' ELSE 'no' END AS buys FROM visitor$$, 'buys',
	'{"trees": 3, "positive": "yes"}', 3);
SELECT metric FROM promo.cross_validate($$SELECT visits, basket, CASE WHEN buys THEN 'yes' ELSE 'no' END AS buys FROM visitor$$, 'buys', '{"trees": 3}', 3);

-- What is not defined in a fold is NULL: a class that few rows have
SELECT metric, by_fold[1] IS NULL AS first, array_position(by_fold, NULL) > 0 AS unknown, mean IS NOT NULL AS mean
FROM promo.cross_validate('SELECT visits, basket, id = 7 AS rare FROM visitor', 'rare', '{"trees": 3}') WHERE metric IN ('roc_auc', 'log_loss', 'recall') ORDER BY metric;
SELECT metric, mean FROM promo.cross_validate($$SELECT visits, 'one' AS class FROM visitor$$, 'class', '{"trees": 3}', 2);
SELECT metric, mean FROM promo.cross_validate('SELECT visits, 5 AS y FROM visitor', 'y', '{"trees": 3}', 2);

-- Which options are best: what cross_validate() says of each, best first, and
-- the smallest model within an error of the best
CREATE TABLE tuned AS SELECT * FROM promo.tune('SELECT visits, basket, source, spend FROM visitor', 'spend',
	'[{"algorithm": ["random_forest", "extra_trees"], "min_leaf": [1, 10]}, {"algorithm": "linear_svm"}]', 4, options => '{"bins": 100}');
SELECT rank, options, metric, round(mean::numeric, 3) AS mean, model_bytes > 0 AS bytes, is_best, is_chosen FROM tuned ORDER BY rank;
SELECT bool_and(t.by_fold = v.by_fold AND t.mean = v.mean AND t.standard_error = v.standard_error) AS same
FROM tuned t, promo.cross_validate('SELECT visits, basket, source, spend FROM visitor', 'spend', t.options, 4) v
WHERE v.metric = t.metric;
SELECT t.mean <= b.mean + b.standard_error AS near, NOT EXISTS (SELECT FROM tuned o
		WHERE o.mean <= b.mean + b.standard_error AND o.model_bytes < t.model_bytes) AS smallest
FROM tuned t, tuned b WHERE t.is_chosen AND b.is_best;
SELECT (m).version, (m).options = t.options AS same FROM tuned t, promo.train('tuned', 'SELECT visits, basket, source, spend FROM visitor', 'spend', t.options) m WHERE is_chosen;
SELECT promo.drop_model('tuned');

-- Drawn by chance, within what was asked for
SET client_min_messages = 'warning';
SELECT count(*) AS candidates, count(DISTINCT options) AS distinct,
	bool_and((options ->> 'min_leaf')::int BETWEEN 2 AND 9) AS whole,
	bool_and((options ->> 'sample_fraction')::float8 BETWEEN 0.3 AND 0.9) AS share, bool_and(options ->> 'trees' IN ('2', '3')) AS listed
FROM promo.tune('SELECT visits, basket, buys FROM visitor', 'buys',
	'{"random": 12, "seed": 3, "space": {"min_leaf": {"from": 2, "to": 9}, "sample_fraction": {"from": 0.3, "to": 0.9, "log": true}, "trees": [2, 3]}}', 2);
SELECT options FROM promo.tune('SELECT visits, basket, buys FROM visitor', 'buys', '{"random": 9, "space": {"trees": {"from": 1, "to": 3}}}', 2)
ORDER BY 1;
SELECT count(*), bool_and(metric = 'f1') AS f1 FROM promo.tune('SELECT visits, basket, buys, day FROM visitor', 'buys',
	'{"trees": [2], "class_weight": ["balanced", {"true": 3}]}', 2, time_column => 'day', metric => 'f1');
RESET client_min_messages;

-- What is wrong is told at once
SELECT promo.cross_validate('SELECT visits, spend FROM visitor', 'spend', '{"holdout": 0.1, "trees": 0, "mtry": 2, "x": 1}');
SELECT promo.cross_validate('SELECT visits, spend FROM visitor', 'nothing');
SELECT promo.cross_validate('SELECT visits, spend FROM visitor', 'spend', folds => 1);
SELECT promo.cross_validate('SELECT visits, spend FROM visitor', 'spend', folds => 101);
SELECT promo.cross_validate('SELECT visits, spend FROM visitor LIMIT 3', 'spend', folds => 4);
SELECT promo.cross_validate('SELECT visits, spend FROM visitor LIMIT 0', 'spend');
SELECT promo.cross_validate('SELECT visits, spend, week, day FROM visitor', 'spend', time_column => 'day', group_column => 'week');
SELECT promo.cross_validate('SELECT visits, spend, week FROM visitor', 'spend', folds => 8, group_column => 'week');
SELECT promo.cross_validate('SELECT visits, spend, week FROM visitor', 'spend', group_column => 'weak');
SELECT promo.cross_validate('SELECT visits, spend, day FROM visitor', 'spend', '{}', 6, 'day');
SELECT promo.cross_validate('SELECT visits, spend, source FROM visitor', 'spend', '{}', 6, 'source');
SELECT promo.cross_validate('SELECT visits, spend, NULLIF(day, ''2025-01-03'') AS day FROM visitor', 'spend', '{}', 3, 'day');
SELECT promo.cross_validate('SELECT visits, spend, NULLIF(week, 3) AS week FROM visitor', 'spend', '{}', 3, group_column => 'week');
SELECT promo.cross_validate('SELECT visits, spend, spend AS copy FROM visitor', 'spend');
SELECT promo.cross_validate(NULL, 'spend');
SELECT promo.cross_validate('SELECT visits, level FROM visitor', 'level', '{"positive": "none", "class_weight": {"lower": 2}}');
SELECT promo.tune('SELECT visits, spend FROM visitor', 'spend', '{"trees": [0, 5], "min_leaf": [0, 1], "exclude": [["visits"]], "depth": 3}');
SELECT promo.tune('SELECT visits, spend FROM visitor', 'spend', '{"trees": [0, 5], "min_leaf": [0, 1], "depth": 3}');
SELECT promo.tune('SELECT visits, spend FROM visitor', 'spend', '[3, {"trees": []}]');
SELECT promo.tune('SELECT visits, spend FROM visitor', 'spend', '"all"');
SELECT promo.tune('SELECT visits, spend FROM visitor', 'spend', '{"random": 5}');
SELECT promo.tune('SELECT visits, spend FROM visitor', 'spend', '{"random": 5, "space": {"trees": {"from": 5, "to": 2, "log": 1}, "c": {"from": 1}}, "x": 1}');
SELECT promo.tune('SELECT visits, spend FROM visitor', 'spend', (SELECT jsonb_build_object('trees', jsonb_agg(i), 'min_leaf', jsonb_agg(i)) FROM generate_series(1, 40) i));
SELECT promo.tune('SELECT visits, spend FROM visitor', 'spend', '{"trees": 2}', metric => 'roc_auc');
SET promo.build_memory = '1MB';
SELECT promo.cross_validate('SELECT v.* FROM visitor v, generate_series(1, 100)', 'spend');
RESET promo.build_memory;

-- The query runs with the caller's rights
CREATE ROLE validate_analyst;
GRANT USAGE ON SCHEMA promo TO validate_analyst;
SET ROLE validate_analyst;
SELECT promo.cross_validate('SELECT 1 AS x, 2 AS y', 'y');
SELECT promo.tune('SELECT 1 AS x, 2 AS y', 'y', '{}');
RESET ROLE;
GRANT EXECUTE ON FUNCTION promo.cross_validate TO validate_analyst;
SET ROLE validate_analyst;
SELECT promo.cross_validate('SELECT visits, spend FROM visitor', 'spend');
SELECT count(*) FROM promo.cross_validate('SELECT i AS x, i % 5 AS y FROM generate_series(1, 50) i', 'y', '{"trees": 2}');
RESET ROLE;
REVOKE ALL ON SCHEMA promo FROM validate_analyst;
REVOKE ALL ON FUNCTION promo.cross_validate FROM validate_analyst;
DROP ROLE validate_analyst;
DROP TABLE visitor, shop, figures, many, spilled, tuned;
DROP FUNCTION by_hand, by_time, same;
