-- Linear models: logistic regression and support vector machines under the
-- interface of the forests.

-- The O-rings of the space shuttle: distress by temperature in Fahrenheit.
-- Without a penalty, which so large a c comes to, the published regression
-- (Dalal, Fowlkes, Hoadley, 1989) is 15.0429 - 0.2322 temperature, and for the
-- 31 degrees of the Challenger's last flight it gives 0.9996
CREATE TABLE flight (temperature int, distress boolean);
INSERT INTO flight SELECT t, d = 1 FROM unnest(
	ARRAY[66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58],
	ARRAY[0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1]) AS f(t, d);
SELECT version, algorithm, metrics FROM promo.train('oring', 'SELECT * FROM flight', 'distress',
	'{"algorithm": "logistic", "c": 1e9}');
SELECT class, feature, round(coefficient::numeric, 4) AS coefficient FROM promo.coefficients('oring');
SELECT round(promo.predict('oring', f)::numeric, 4) AS distress FROM (SELECT 31 AS temperature) f;
SELECT round((-2 * sum(ln(CASE WHEN distress THEN p ELSE 1 - p END)))::numeric, 3) AS deviance
FROM (SELECT distress, promo.predict('oring', f) AS p FROM flight f) f;

-- Customers with NULLs, categories, times and infinite times
CREATE TABLE shopper AS
SELECT i AS id, CASE WHEN i % 7 > 0 THEN i * 7919 % 1000 / 10.0 END AS spend,
	(ARRAY['mail', 'shop', 'web', NULL])[1 + i * 31 % 4] AS source, i % 3 = 0 AS member,
	CASE i % 50 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity'
		ELSE timestamptz '2024-01-01 00:00+00' + i * 101 % 300 * interval '1 day' END AS seen
FROM generate_series(1, 3000) i;
CREATE VIEW shopper_target AS
SELECT s.*, score + noise > 60 AS buys, 10 * score + 5 * noise AS next_spend,
	CASE WHEN score + noise > 90 THEN 'gold' WHEN score + noise > 50 THEN 'iron' ELSE 'tin' END AS tier
FROM shopper s, LATERAL (SELECT coalesce(spend, 70) + CASE source WHEN 'mail' THEN 20 WHEN 'web' THEN 5 ELSE 0 END
	+ CASE WHEN member THEN 15 ELSE 0 END AS score, (hashint4(id) % 20)::float8 AS noise) n;
CREATE FUNCTION train_shoppers(target text, options jsonb, ordering text DEFAULT 'id')
RETURNS promo.model_version LANGUAGE sql AS $$
	SELECT promo.train(target || ' by ' || (options ->> 'algorithm'),
		format('SELECT spend, source, member, seen, %I FROM shopper_target ORDER BY %s', target, ordering), target, options)
$$;
SELECT (train_shoppers(target, options)).model FROM (VALUES
	('buys', '{"algorithm": "logistic"}'::jsonb), ('buys', '{"algorithm": "linear_svm"}'),
	('tier', '{"algorithm": "logistic", "positive": "gold"}'), ('tier', '{"algorithm": "linear_svm", "positive": "gold"}'),
	('next_spend', '{"algorithm": "linear_svm"}')) v(target, options);

-- They predict what the data follows
SELECT roc_auc > 0.95 AS auc, accuracy > 0.9 AS accuracy, log_loss < 0.25 AS log_loss
FROM (SELECT (promo.classification_metrics(buys, promo.predict(model, s))).*
	FROM shopper_target s, (VALUES ('buys by logistic'), ('buys by linear_svm')) m(model) GROUP BY model) m;
SELECT accuracy > 0.8 AS accuracy
FROM (SELECT (promo.multiclass_metrics(tier, promo.predict_class(model, s))).*
	FROM shopper_target s, (VALUES ('tier by logistic'), ('tier by linear_svm')) m(model) GROUP BY model) m;
SELECT r2 > 0.9 AS r2
FROM (SELECT (promo.regression_metrics(next_spend::float8, promo.predict('next_spend by linear_svm', s))).* FROM shopper_target s) m;

-- A regression with a category, a flag and a margin of error, computed outside
-- (scipy's minimize of the same loss): weights of standardized columns
CREATE TABLE small (x float8, kind text, y float8);
INSERT INTO small VALUES (1, 'a', 1), (2, 'b', 5), (NULL, 'a', 3), (4, 'b', 9), (5, 'a', 4), (6, 'c', 6), (NULL, 'c', 8);
SELECT count(*) AS trained FROM promo.train('small', 'SELECT * FROM small', 'y', '{"algorithm": "linear_svm", "c": 2, "epsilon": 0.2}');
SELECT feature, category, is_null, round(standardized::numeric, 6) AS standardized FROM promo.coefficients('small');

-- The coefficients give the prediction: the intercept, numbers times theirs,
-- and those of categories and NULLs (the mean stands for a NULL that has none);
-- times count in days since 2000
SELECT count(*) AS differences FROM shopper s,
	LATERAL (SELECT sum(CASE
			WHEN c.feature IS NULL THEN coefficient
			WHEN c.feature = 'spend' THEN CASE WHEN c.is_null THEN CASE WHEN s.spend IS NULL THEN coefficient END ELSE coefficient * s.spend END
			WHEN c.feature = 'source' THEN CASE WHEN c.is_null AND s.source IS NULL OR c.category = s.source THEN coefficient END
			WHEN c.feature = 'member' THEN CASE WHEN c.category = s.member::text THEN coefficient END
			ELSE coefficient * extract(epoch FROM s.seen - timestamptz '2000-01-01 00:00+00') / 86400 END) AS margin
		FROM promo.coefficients('buys by logistic') c) m
WHERE isfinite(s.seen) AND abs(1 / (1 + exp(-margin)) - promo.predict('buys by logistic', s)) > 1e-9;
SELECT class, feature, category, is_null, coefficient = standardized AS category_or_null
FROM promo.coefficients('tier by logistic') ORDER BY class, feature NULLS FIRST, category, is_null;

-- Scored in blocks they say the same
SELECT count(*) AS scored, count(*) FILTER (WHERE c.prediction <> promo.predict('tier by linear_svm', s)
	OR c.class <> promo.predict_class('tier by linear_svm', s)) AS differences
FROM promo.score('tier by linear_svm', 'SELECT * FROM shopper', 'id') c JOIN shopper s ON s.id = c.key::int;

-- An infinite time is the last that the training had
SELECT promo.predict('buys by logistic', a) = promo.predict('buys by logistic', b) AS same
FROM (SELECT 5 AS spend, 'web' AS source, true AS member, timestamptz 'infinity' AS seen) a,
	(SELECT 5 AS spend, 'web' AS source, true AS member, max(seen) AS seen FROM shopper WHERE isfinite(seen)) b;

-- A category that was never seen counts as NULL
SELECT promo.predict('buys by linear_svm', a) = promo.predict('buys by linear_svm', b) AS same
FROM (SELECT 5 AS spend, 'never' AS source, true AS member, timestamptz '2024-03-01 00:00+00' AS seen) a,
	(SELECT 5 AS spend, NULL::text AS source, true AS member, timestamptz '2024-03-01 00:00+00' AS seen) b;

-- What each feature tells is the spread of its contributions
SELECT feature, round(gain::numeric, 2) AS gain, permutation FROM promo.importance('buys by logistic');
SELECT round(sum(gain)::numeric, 9) AS gains FROM promo.importance('next_spend by linear_svm');

-- The same bits whatever the order of the rows
SELECT (train_shoppers('buys', '{"algorithm": "linear_svm"}', ordering)).version
FROM (VALUES ('id DESC'), ('buys, spend'), ('hashint4(id)')) o(ordering);
SELECT count(DISTINCT bytes) AS models, count(*) AS versions FROM (
	SELECT version, string_agg(p.bytes, '' ORDER BY piece) AS bytes
	FROM promo.model_version v JOIN promo.model_piece p USING (version_id)
	WHERE model = 'buys by linear_svm' GROUP BY version) b;

-- What a model is, and its options
SELECT algorithm, trees, nodes, min_leaf, seed, bins, c, epsilon FROM promo.forest_info('next_spend by linear_svm');
SELECT algorithm, classes, positive, c, epsilon FROM promo.forest_info('tier by logistic');

-- Rows held out judge it
SELECT rows, rows_held_out, (metrics -> 'holdout' ->> 'accuracy')::float8 > 0.85 AS accuracy
FROM train_shoppers('buys', '{"algorithm": "logistic", "holdout": 0.2}');
SELECT rows_held_out, (metrics -> 'holdout' ->> 'r2')::float8 > 0.9 AS r2
FROM train_shoppers('next_spend', '{"algorithm": "linear_svm", "holdout": 0.2}');

-- Class weights move the threshold: false alarms against misses
SELECT count(*) AS trained FROM train_shoppers('buys', '{"algorithm": "logistic", "class_weight": {"false": 10}}');
SELECT count(*) FILTER (WHERE promo.predict('buys by logistic', s) > 0.5) <
	count(*) FILTER (WHERE promo.predict('buys by linear_svm', s) > 0.5) AS fewer
FROM shopper s;

-- Awkward data: one class, three rows, constants, only NULLs, targets of 1e15
SELECT count(*) AS trained FROM promo.train('awkward', 'SELECT true AS y, i AS x FROM generate_series(1, 5) i', 'y', '{"algorithm": "linear_svm"}');
SELECT promo.predict('awkward', f), promo.predict_proba('awkward', f) FROM (SELECT 3 AS x) f;
SELECT count(*) AS trained FROM promo.train('awkward',
	'SELECT i = 2 AS y, 0.1 AS same, NULL::int AS nothing, i * 1.5 AS x FROM generate_series(1, 3) i', 'y', '{"algorithm": "logistic"}');
SELECT feature, gain FROM promo.importance('awkward');
SELECT count(*) AS trained FROM promo.train('awkward',
	'SELECT i * 1e15::float8 AS y, i::float8 AS x, NULL::text AS nothing FROM generate_series(1, 30) i', 'y',
	'{"algorithm": "linear_svm", "epsilon": 0, "c": 1e6, "allow_target_copy": true}');
SELECT round((promo.predict('awkward', f) / 1e15)::numeric, 4) FROM (SELECT 7.0 AS x, NULL::text AS nothing) f;
DO $$
BEGIN
	EXECUTE (SELECT 'CREATE TABLE wide_linear AS SELECT i % 2 = 0 AS y, '
		|| string_agg(format('hashint4(i * 1000 + %s) %% 100 + (i %% 2) * %s AS c%s', n, CASE n WHEN 7 THEN 200 ELSE 0 END, n), ', ')
		|| ' FROM generate_series(1, 300) i' FROM generate_series(1, 1000) n);
END
$$;
SELECT count(*) AS trained FROM promo.train('wide', 'SELECT * FROM wide_linear', 'y', '{"algorithm": "linear_svm"}');
SELECT feature FROM promo.importance('wide') LIMIT 1;

-- What does not go together is said at once
SELECT promo.train('bad', 'SELECT * FROM shopper_target', 'next_spend', '{"algorithm": "logistic", "trees": 10}');
SELECT promo.train('bad', 'SELECT * FROM flight', 'distress',
	'{"algorithm": "linear_svm", "epsilon": 0.1, "c": 0, "max_depth": 3, "mtry": 1, "min_leaf": 2, "sample_fraction": 0.5, "seed": 1}');
SELECT promo.train('bad', 'SELECT * FROM flight', 'distress', '{"algorithm": "random_forest", "c": 1, "epsilon": 0}');
SELECT promo.random_forest(distress, (SELECT r FROM (SELECT f.temperature) r), '{"c": 1}') FROM flight f;

-- There is no tree to show, and a forest has no coefficients
SELECT promo.tree('oring', 1);
SELECT promo.coefficients(promo.random_forest(distress, (SELECT r FROM (SELECT f.temperature) r), '{"trees": 2}')) FROM flight f;
SELECT count(*) FROM promo.coefficients(NULL::text);
SELECT count(*) FROM promo.coefficients('no such model');

SELECT promo.drop_model(model) FROM (SELECT DISTINCT model FROM promo.models ORDER BY model) m;
DROP FUNCTION train_shoppers;
DROP VIEW shopper_target;
DROP TABLE flight, shopper, small, wide_linear;
