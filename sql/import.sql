-- Models of XGBoost, read from what its save_model() writes, predict and
-- explain as XGBoost does.  test/xgboost/make.py wrote the models, what they
-- predict and what pred_contribs says of it.

\getenv srcdir PG_ABS_SRCDIR
CREATE TABLE saved (name text PRIMARY KEY, definition jsonb);
\set regression `cat "$PG_ABS_SRCDIR/test/xgboost/regression.json"`
\set deep `cat "$PG_ABS_SRCDIR/test/xgboost/deep.json"`
\set binary `cat "$PG_ABS_SRCDIR/test/xgboost/binary.json"`
\set several `cat "$PG_ABS_SRCDIR/test/xgboost/several.json"`
\set two `cat "$PG_ABS_SRCDIR/test/xgboost/two.json"`
\set forest `cat "$PG_ABS_SRCDIR/test/xgboost/forest.json"`
\set dart `cat "$PG_ABS_SRCDIR/test/xgboost/dart.json"`
INSERT INTO saved VALUES ('regression', :'regression'), ('deep', :'deep'), ('binary', :'binary'), ('several', :'several'),
	('two', :'two'), ('forest', :'forest'), ('dart', :'dart');

CREATE TABLE told (name text, f0 float8, f1 float8, f2 float8, predictions float8[], contributions float8[]);
CREATE TABLE one (f0 float8, predictions float8[], contributions float8[]);
CREATE TABLE three (f0 float8, f1 float8, f2 float8, predictions float8[], contributions float8[]);
\set file :srcdir '/test/xgboost/deep.csv'
COPY one FROM :'file' WITH (FORMAT csv);
INSERT INTO told SELECT 'deep', f0, NULL, NULL, predictions, contributions FROM one;
\set file :srcdir '/test/xgboost/regression.csv'
COPY three FROM :'file' WITH (FORMAT csv);
INSERT INTO told SELECT 'regression', * FROM three;
TRUNCATE three;
\set file :srcdir '/test/xgboost/binary.csv'
COPY three FROM :'file' WITH (FORMAT csv);
INSERT INTO told SELECT 'binary', * FROM three;
TRUNCATE three;
\set file :srcdir '/test/xgboost/several.csv'
COPY three FROM :'file' WITH (FORMAT csv);
INSERT INTO told SELECT 'several', * FROM three;
TRUNCATE three;
\set file :srcdir '/test/xgboost/two.csv'
COPY three FROM :'file' WITH (FORMAT csv);
INSERT INTO told SELECT 'two', * FROM three;
TRUNCATE three;
\set file :srcdir '/test/xgboost/forest.csv'
COPY three FROM :'file' WITH (FORMAT csv);
INSERT INTO told SELECT 'forest', * FROM three;
TRUNCATE three;
\set file :srcdir '/test/xgboost/dart.csv'
COPY three FROM :'file' WITH (FORMAT csv);
INSERT INTO told SELECT 'dart', * FROM three;

CREATE TABLE imported AS SELECT name, promo.forest_from_xgboost(definition) AS forest FROM saved;
SELECT name, (i).target, (i).classes, (i).positive, (i).features, (i).rows, (i).trees, (i).groves, (i).oob_rows
FROM (SELECT name, promo.forest_info(forest) AS i FROM imported) m ORDER BY name;

-- The same predictions, to the precision of floats
SELECT name, count(*), max(abs(CASE WHEN name = 'two' THEN (promo.predict_proba_array(forest, x) ->> '1')::float8 - predictions[2]
	ELSE promo.predict_array(forest, x) - predictions[1] END)) < 1e-5 AS same
FROM told JOIN imported USING (name), LATERAL (SELECT CASE WHEN name = 'deep' THEN ARRAY[f0] ELSE ARRAY[f0, f1, f2] END AS x) r
WHERE name <> 'several' GROUP BY name ORDER BY name;
SELECT count(*), max(abs((promo.predict_proba_array(forest, ARRAY[f0, f1, f2]) ->> (class - 1)::text)::float8 - prediction)) < 1e-5 AS same
FROM told JOIN imported USING (name), unnest(predictions) WITH ORDINALITY p(prediction, class) WHERE name = 'several';

-- Columns are matched by name
SELECT max(abs(promo.predict(forest, r) - predictions[1])) < 1e-5 AS same
FROM told JOIN imported USING (name), LATERAL (SELECT f2 AS third, f0 AS first, f1 AS second) r WHERE name = 'regression';

-- The same contributions to the margin, the base last
SELECT name, count(*), max(abs(contribution - contributions[n])) < 1e-4 AS same
FROM told JOIN imported USING (name), LATERAL (SELECT CASE WHEN name = 'deep' THEN ARRAY[f0] ELSE ARRAY[f0, f1, f2] END AS x) r,
	LATERAL (SELECT coalesce(array_position((promo.forest_info(forest)).features, feature), array_length(x, 1) + 1) AS n, contribution
		FROM promo.explain_array(forest, x)) e
WHERE name NOT IN ('dart', 'several', 'two') GROUP BY name ORDER BY name;
SELECT count(*), max(abs(contribution - contributions[4 * class + n])) < 1e-4 AS same
FROM told JOIN imported USING (name), generate_series(0, 11) class,
	LATERAL (SELECT coalesce(array_position((promo.forest_info(forest)).features, feature), 4) AS n, contribution
		FROM promo.explain_array(forest, ARRAY[f0, f1, f2], class::text)) e
WHERE name = 'several';

-- Conditions are met as floats are: what rounds to the condition is not below
-- it.  A stump at 0.1 as a float, which is above 0.1
CREATE FUNCTION stump(condition text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('learner', jsonb_build_object(
	'feature_names', '[]'::jsonb,
	'learner_model_param', '{"base_score": "0", "num_class": "0", "num_feature": "1"}'::jsonb,
	'objective', '{"name": "reg:squarederror"}'::jsonb,
	'gradient_booster', jsonb_build_object('name', 'gbtree', 'model', jsonb_build_object('tree_info', '[0]'::jsonb, 'trees', jsonb_build_array(
		jsonb_build_object('left_children', '[1, -1, -1]'::jsonb, 'right_children', '[2, -1, -1]'::jsonb, 'split_indices', '[0, 0, 0]'::jsonb,
			'split_conditions', format('[%s, -1, 1]', condition)::jsonb, 'default_left', '[0, 0, 0]'::jsonb,
			'sum_hessian', '[10, 4, 6]'::jsonb, 'loss_changes', '[3, 0, 0]'::jsonb) || more)))))
$$;
SELECT x, x::float4::float8 < (0.1::float4)::float8 AS below, promo.predict_array(f, ARRAY[x])
FROM promo.forest_from_xgboost(stump('0.1')) f,
	unnest(ARRAY[0.1, 0.09999999, 0.1 - 3.7e-9, 0.1 - 3.8e-9, 0.1 - 2e-9, 0.1 + 5.2e-9, '-infinity', 'infinity', 'NaN', NULL]) x;
SELECT promo.tree(promo.forest_from_xgboost(stump('0.5')), 1);
SELECT feature, gain FROM promo.importance(promo.forest_from_xgboost(stump('0.5')));
-- The least float has only minus infinity below it
SELECT x, promo.predict_array(promo.forest_from_xgboost(stump('-3.4028235e38')), ARRAY[x])
FROM unnest(ARRAY['-infinity', '-1e300', '-3.4e38', '0']::float8[]) x;

-- Classes by their own names, in XGBoost's order; the second is what predict() tells
SELECT (promo.forest_info(f)).classes, (promo.forest_info(f)).positive, abs(promo.predict_array(f, ARRAY[f0, f1, f2]) - predictions[1]) < 1e-5 AS same
FROM saved JOIN told USING (name), promo.forest_from_xgboost(definition, ARRAY['stays', 'leaves']) f WHERE name = 'binary' LIMIT 1;
SELECT promo.predict_class_array(promo.forest_from_xgboost(definition, (SELECT array_agg('class ' || chr(108 - n)) FROM generate_series(0, 11) n)), ARRAY[f0, f1, f2])
	= 'class ' || chr(109 - (SELECT n FROM unnest(predictions) WITH ORDINALITY p(p, n) ORDER BY p DESC LIMIT 1)::int) AS same
FROM saved JOIN told USING (name) WHERE name = 'several' LIMIT 3;

-- Imported models are forests like any other, but sums are not merged
SELECT count(*) FROM imported WHERE forest::text::promo.forest::text = forest::text;
SELECT promo.forest_merge(forest) FROM imported WHERE name IN ('forest', 'dart');
SELECT promo.forest_from_xgboost(NULL) IS NULL AS nothing;

-- By name
SELECT model, version, target_kind, classes, positive, features, rows, metrics, options, query, pieces
FROM promo.import_model('bought', (SELECT definition FROM saved WHERE name = 'binary'), ARRAY['no', 'yes']);
SELECT max(abs(promo.predict_array('bought', ARRAY[f0, f1, f2]) - predictions[1])) < 1e-5 AS same FROM told WHERE name = 'binary';
SELECT model, version, is_current FROM promo.models WHERE model = 'bought';
SELECT version FROM promo.import_model('bought', (SELECT definition FROM saved WHERE name = 'two'));
SELECT promo.use_version('bought', 1);
SELECT promo.drop_model('bought');
SELECT promo.import_model('', '{}');
SELECT promo.import_model(repeat('x', 201), '{}');
SELECT promo.import_model(NULL, '{}');
SELECT promo.import_model('bought', NULL);
SELECT promo.import_model('bought', '{}');
CREATE ROLE promo_importer;
SET ROLE promo_importer;
SELECT promo.import_model('bought', '{}');
RESET ROLE;
DROP ROLE promo_importer;

-- What is wrong is told, all of it
SELECT promo.forest_from_xgboost('[]');
SELECT promo.forest_from_xgboost('{}');
SELECT promo.forest_from_xgboost('{"learner": {"objective": {"name": "count:poisson"}, "gradient_booster": {"name": "gblinear"},
	"learner_model_param": {"num_feature": "0", "num_class": "x"}}}');
SELECT promo.forest_from_xgboost(stump('0.5', '{"left_children": [0, -1, -1]}'));
SELECT promo.forest_from_xgboost(stump('0.5', '{"right_children": [1, -1, -1]}'));
SELECT promo.forest_from_xgboost(stump('0.5', '{"split_indices": [1, 0, 0], "sum_hessian": [1, 1]}'));
SELECT promo.forest_from_xgboost(stump('0.5', '{"split_indices": [1, 0, 0]}'));
SELECT promo.forest_from_xgboost(stump('1e39'));
SELECT promo.forest_from_xgboost(stump('0.5', '{"categories_nodes": [0]}'));
SELECT promo.forest_from_xgboost(stump('0.5', '{"left_children": [], "right_children": [], "split_indices": [], "split_conditions": [],
	"default_left": [], "sum_hessian": [], "loss_changes": []}'));
SELECT promo.forest_from_xgboost(jsonb_set(stump('0.5'), '{learner,gradient_booster,model,trees}', '[]'));
SELECT promo.forest_from_xgboost(jsonb_set(stump('0.5'), '{learner,gradient_booster,model,tree_info}', '[1]'));
SELECT promo.forest_from_xgboost(stump('0.5'), ARRAY['a', 'b']);
SELECT promo.forest_from_xgboost(definition, ARRAY['a', 'a']) FROM saved WHERE name = 'binary';
SELECT promo.forest_from_xgboost(definition, ARRAY['a', NULL]) FROM saved WHERE name = 'binary';
SELECT promo.forest_from_xgboost(jsonb_set(definition, '{learner,learner_model_param,base_score}', '"1"')) FROM saved WHERE name = 'binary';

DROP FUNCTION stump(text, jsonb);
DROP TABLE saved, told, one, three, imported;
