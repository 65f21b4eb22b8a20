/* src/forest/predict.sql */

-- Predictions, and what is inside a forest.  A record's columns are matched by
-- name; the forms for records are STABLE since the label of an enum is.

CREATE FUNCTION predict(model forest, features record)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_predict'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION predict(forest, record) IS
'the value predicted, or the probability of true or of the class named by the option positive';

CREATE FUNCTION predict_class(model forest, features record)
RETURNS text
AS 'MODULE_PATHNAME', 'promo_predict_class'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION predict_class(forest, record) IS
'the most probable class, of equal ones the first by name';

CREATE FUNCTION predict_proba(model forest, features record)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_predict_proba'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION predict_proba(forest, record) IS
'the probability of each class: {"class": probability}';

CREATE FUNCTION predict_array(model forest, features float8[])
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_predict_array'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION predict_array(forest, float8[]) IS
'predict() for features that are all numbers, in the order of forest_info().features';

CREATE FUNCTION predict_class_array(model forest, features float8[])
RETURNS text
AS 'MODULE_PATHNAME', 'promo_predict_class_array'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION predict_class_array(forest, float8[]) IS
'predict_class() for features that are all numbers, in the order of forest_info().features';

CREATE FUNCTION predict_proba_array(model forest, features float8[])
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_predict_proba_array'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION predict_proba_array(forest, float8[]) IS
'predict_proba() for features that are all numbers, in the order of forest_info().features';

CREATE TYPE forest_summary AS (
	algorithm text,
	target text,
	classes text[],
	positive text,
	features text[],
	feature_kinds text[],
	rows bigint,
	groves int,
	trees bigint,
	nodes bigint,
	leaves bigint,
	depth int,
	bytes bigint,
	oob_rows bigint,
	oob_mse float8,
	oob_r2 float8,
	oob_accuracy float8,
	oob_log_loss float8,
	oob_brier float8,
	max_depth int,
	min_leaf bigint,
	mtry int,
	sample_fraction float8,
	bins int,
	seed bigint,
	max_leaves int,
	learning_rate float8,
	l2 float8,
	validation_fraction float8,
	early_stopping int,
	c float8,
	epsilon float8
);

COMMENT ON TYPE forest_summary IS
'what a forest learned from, how large it is, its out-of-bag error, and the options of its first training; NULL is what its algorithm does not have, or no limit';

CREATE FUNCTION forest_info(model forest)
RETURNS forest_summary
AS 'MODULE_PATHNAME', 'promo_forest_info'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION forest_info(forest) IS
'what a forest learned from, how large it is, and its out-of-bag error';

CREATE FUNCTION importance(model forest)
RETURNS TABLE (feature text, gain float8, permutation float8)
AS 'MODULE_PATHNAME', 'promo_importance'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION importance(forest) IS
'how much each feature''s splits took off the error, or in a linear model the standard deviation of its contributions, as a share of all, largest first; permutation is by how much the squared error (of classes the Brier score) of a tree rises when the values of the feature are dealt out anew among rows that the tree did not draw, and NULL where no rows were left out';

CREATE FUNCTION tree(model forest, n int)
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'promo_tree'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION tree(forest, int) IS
'tree n, from 1, line by line: the way to a node, its rows, and what a leaf predicts';
