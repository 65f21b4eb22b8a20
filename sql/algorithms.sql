-- The algorithms that grow trees, under one interface

-- The same data for all: numbers with NULLs, a category, noise
CREATE TABLE visitor AS
SELECT i AS id, CASE WHEN i % 7 > 0 THEN i * 7919 % 1000 / 10.0 END AS spend,
	(ARRAY['mail', 'shop', 'web', NULL])[1 + i * 31 % 4] AS source, hashint4(i) % 1000 / 10.0 AS noise
FROM generate_series(1, 2000) i;
CREATE VIEW visitor_target AS
SELECT v.*, score > 60 AS buys, score AS next_spend,
	CASE WHEN score > 90 THEN 'gold' WHEN score > 50 THEN 'iron' ELSE 'tin' END AS tier
FROM visitor v, LATERAL (SELECT coalesce(spend, 70) + CASE source WHEN 'mail' THEN 20 WHEN 'web' THEN 5 ELSE 0 END AS score) s;
CREATE FUNCTION train_visitors(target text, options jsonb, ordering text DEFAULT 'id')
RETURNS promo.model_version LANGUAGE sql AS $$
	SELECT promo.train(target || ' by ' || (options ->> 'algorithm'),
		format('SELECT spend, source, noise, %I FROM visitor_target ORDER BY %s', target, ordering), target, options)
$$;

-- A single tree of all rows tells what it has learned from; a forest that
-- leaves rows out is judged by these, others are not
SELECT v.model, v.version, v.algorithm, v.metrics -> 'oob' AS oob
FROM (VALUES ('decision_tree'), ('extra_trees')) a(algorithm),
	(VALUES ('buys'), ('next_spend'), ('tier')) t(target),
	train_visitors(t.target, jsonb_build_object('algorithm', a.algorithm)) v
ORDER BY v.model;
SELECT count(*) FILTER (WHERE promo.predict('buys by decision_tree', v) <> buys::int) AS tree,
	count(*) FILTER (WHERE promo.predict('buys by extra_trees', v) <> buys::int) AS extra,
	count(*) FILTER (WHERE promo.predict_class('tier by extra_trees', v) <> tier) AS tiers,
	count(*) FILTER (WHERE abs(promo.predict('next_spend by extra_trees', v) - next_spend) > 1e-4) AS spends
FROM visitor_target v;
SELECT metrics #> '{oob,rows}' AS rows
FROM train_visitors('next_spend', '{"algorithm": "extra_trees", "sample_fraction": 0.5, "trees": 20}');

-- The rows' order makes no difference
SELECT v.version FROM (VALUES ('noise'), ('spend')) o(o), train_visitors('tier', '{"algorithm": "extra_trees"}', o) v;
SELECT count(*) AS versions, count(DISTINCT sha256(p.bytes)) AS models
FROM promo.model_version v JOIN promo.model_piece p USING (version_id) WHERE v.algorithm = 'extra_trees' AND v.target = 'tier';

-- Boosted trees: numbers, two classes, more classes; judged by rows held out
SELECT v.model, v.algorithm, v.rows, v.rows_held_out, v.metrics ? 'oob' AS oob,
	round((v.metrics #>> '{holdout,r2}')::numeric, 2) AS r2,
	(v.metrics #>> '{holdout,accuracy}')::float8 > 0.97 AS accurate,
	(v.metrics #>> '{holdout,log_loss}')::float8 < 0.1 AS certain
FROM (VALUES ('buys'), ('next_spend'), ('tier')) t(target),
	train_visitors(t.target, '{"algorithm": "boosted_trees", "holdout": 0.25}') v
ORDER BY v.model;
SELECT count(*) FILTER (WHERE (promo.predict('buys by boosted_trees', v) > 0.5) <> buys) < 20 AS buys,
	count(*) FILTER (WHERE promo.predict_class('tier by boosted_trees', v) <> tier) < 20 AS tiers,
	count(*) FILTER (WHERE abs(promo.predict('next_spend by boosted_trees', v) - next_spend) > 5) AS spends
FROM visitor_target v;

-- Rounds stop when rows held aside are not predicted better any more
SELECT v.version FROM (VALUES ('id'), ('noise'), ('spend')) o(o),
	train_visitors('tier', '{"algorithm": "boosted_trees", "trees": 1000, "early_stopping": 5, "validation_fraction": 0.2,
		"max_leaves": 8, "learning_rate": 0.3, "l2": 1, "min_leaf": 10, "mtry": 2, "sample_fraction": 0.8,
		"max_depth": 5, "class_weight": "balanced"}', o) v;
SELECT count(DISTINCT sha256(p.bytes)) AS models, bool_and(v.bytes < 500000) AS stopped
FROM promo.model_version v JOIN promo.model_piece p USING (version_id)
WHERE v.model = 'tier by boosted_trees' AND v.version > 1;
SELECT max_leaves, learning_rate, l2, validation_fraction, early_stopping, mtry, c FROM promo.forest_info('tier by boosted_trees');
SELECT max_leaves, learning_rate, l2, validation_fraction, early_stopping, mtry, c FROM promo.forest_info('tier by extra_trees');

-- A row of weight w counts as w rows, one of weight 0 is none, and the column
-- is no feature
CREATE VIEW visitor_weighed AS SELECT spend, source, noise, buys, id % 4 AS weight FROM visitor_target;
SELECT v.algorithm, v.features, v.rows FROM (VALUES ('decision_tree'), ('extra_trees'), ('boosted_trees'), ('logistic')) a(algorithm),
	promo.train('weighed by ' || a.algorithm, 'SELECT * FROM visitor_weighed', 'buys',
		jsonb_build_object('algorithm', a.algorithm, 'weights', 'weight')
		|| CASE WHEN a.algorithm = 'logistic' THEN '{}'::jsonb ELSE '{"min_leaf": 1, "max_depth": 4}' END) v;
SELECT v.algorithm, v.features, v.rows FROM (VALUES ('decision_tree'), ('extra_trees'), ('boosted_trees'), ('logistic')) a(algorithm),
	promo.train('repeated by ' || a.algorithm, 'SELECT spend, source, noise, buys FROM visitor_weighed, generate_series(1, weight)', 'buys',
		jsonb_build_object('algorithm', a.algorithm)
		|| CASE WHEN a.algorithm = 'logistic' THEN '{}'::jsonb ELSE '{"min_leaf": 1, "max_depth": 4}' END) v;
SELECT a.algorithm, avg(abs(promo.predict('weighed by ' || a.algorithm, v) - promo.predict('repeated by ' || a.algorithm, v))) < 0.02 AS same
FROM (VALUES ('decision_tree'), ('extra_trees'), ('boosted_trees'), ('logistic')) a(algorithm), visitor_target v GROUP BY 1 ORDER BY 1;

-- A forest goes by the weights too, with workers and from a file
SET work_mem = '64kB';
SELECT v.rows FROM promo.train('weighed', 'SELECT spend, source, buys, CASE WHEN source = ''mail'' THEN 1e-6 ELSE 5 END AS w
	FROM (SELECT spend, source, CASE WHEN source = ''mail'' THEN NOT buys ELSE buys END AS buys FROM visitor_target) t', 'buys',
	'{"weights": "w", "exclude": ["source"], "workers": 2}') v;
RESET work_mem;
SELECT avg((promo.predict('weighed', v) > 0.5)::int) FILTER (WHERE spend > 65) > 0.95 AS goes_by_the_heavy
FROM visitor_target v WHERE source IS DISTINCT FROM 'mail';

-- Weights that are none
SELECT promo.train('weighed', 'SELECT spend, buys, -1 AS w FROM visitor_target', 'buys', '{"weights": "w"}');
SELECT promo.train('weighed', 'SELECT spend, buys, NULL::int AS w FROM visitor_target', 'buys', '{"weights": "w"}');
SELECT promo.train('weighed', 'SELECT spend, buys, ''NaN''::float8 AS w FROM visitor_target', 'buys', '{"weights": "w"}');
SELECT promo.train('weighed', 'SELECT spend, buys, ''infinity''::float8 AS w FROM visitor_target', 'buys', '{"weights": "w"}');
SELECT promo.train('weighed', 'SELECT spend, buys, 0 AS w FROM visitor_target', 'buys', '{"weights": "w"}');
SELECT promo.train('weighed', 'SELECT spend, buys, ''heavy'' AS w FROM visitor_target', 'buys', '{"weights": "w"}');
SELECT promo.train('weighed', 'SELECT spend, buys FROM visitor_target', 'buys', '{"weights": "w"}');
SELECT promo.train('weighed', 'SELECT spend, buys FROM visitor_target', 'buys', '{"weights": "buys"}');
SELECT promo.random_forest(buys, (SELECT r FROM (SELECT v.spend, v.noise) r), '{"weights": "noise"}') FROM visitor_target v;

-- What is no option of an algorithm is refused
SELECT train_visitors('buys', '{"algorithm": "boosted_trees", "max_leaves": 1, "learning_rate": 2, "l2": -1, "validation_fraction": 0.1}');
SELECT train_visitors('buys', '{"algorithm": "extra_trees", "max_leaves": 8, "learning_rate": 0.1}');
SELECT train_visitors('buys', '{"algorithm": "decision_tree", "trees": 3, "mtry": 2, "sample_fraction": 0.5}');
SELECT train_visitors('buys', '{"algorithm": "gradient"}');

SELECT promo.drop_model(model) FROM (SELECT DISTINCT model FROM promo.models) m;
DROP FUNCTION train_visitors;
DROP VIEW visitor_weighed, visitor_target;
DROP TABLE visitor;
