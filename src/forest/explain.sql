/* src/forest/explain.sql */

-- Why a model predicts what it does.

CREATE FUNCTION explain(model forest, features record, class text DEFAULT NULL)
RETURNS TABLE (feature text, value text, contribution float8)
AS 'MODULE_PATHNAME', 'promo_explain'
LANGUAGE C STABLE PARALLEL SAFE COST 100000 ROWS 20;

COMMENT ON FUNCTION explain(forest, record, text) IS
'what each feature contributed to a prediction, as exact Shapley values, largest first; before them a row without a feature, the mean prediction; they sum to what predict() gives, or to the probability of the class; where classes come from margins (boosted_trees, linear_svm, logistic), they sum to the log-odds of the class, of more than two to its margin in the softmax';

CREATE FUNCTION explain_array(model forest, features float8[], class text DEFAULT NULL)
RETURNS TABLE (feature text, value text, contribution float8)
AS 'MODULE_PATHNAME', 'promo_explain_array'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000 ROWS 20;

COMMENT ON FUNCTION explain_array(forest, float8[], text) IS
'explain() for features that are all numbers, in the order of forest_info().features';

-- What a model makes of the rows of a query, which runs as the caller.  Not
-- parallel safe, as the query may be anything.

CREATE FUNCTION partial_dependence(model forest, query text, feature text, points int DEFAULT 20, class text DEFAULT NULL)
RETURNS TABLE (value text, prediction float8, rows bigint)
AS 'MODULE_PATHNAME', 'promo_partial_dependence'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 20;

COMMENT ON FUNCTION partial_dependence(forest, text, text, int, text) IS
'the mean prediction over the rows of the query when all of them have that value of the feature: its quantiles in the rows, or the categories that the model knows; with the rows up to the value from the one before';

CREATE FUNCTION permutation_importance(model forest, query text, target text, repeats int DEFAULT 5, seed bigint DEFAULT 0)
RETURNS TABLE (feature text, permutation float8, deviation float8, error float8)
AS 'MODULE_PATHNAME', 'promo_permutation_importance'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 20;

COMMENT ON FUNCTION permutation_importance(forest, text, text, int, bigint) IS
'by how much the error over the rows of the query rises when the values of a feature are dealt out anew among them, largest first: mean and standard deviation of the repeats, and the error as it is; mean squared error, for classes the Brier score';

-- Models by name, as those of predict()

CREATE FUNCTION explain(model text, features record, class text DEFAULT NULL)
RETURNS TABLE (feature text, value text, contribution float8)
AS 'MODULE_PATHNAME', 'promo_explain'
LANGUAGE C STABLE PARALLEL SAFE COST 100000 ROWS 20;

COMMENT ON FUNCTION explain(text, record, text) IS
'explain() of the version of a model that is current';

CREATE FUNCTION explain_array(model text, features float8[], class text DEFAULT NULL)
RETURNS TABLE (feature text, value text, contribution float8)
AS 'MODULE_PATHNAME', 'promo_explain_array'
LANGUAGE C STABLE PARALLEL SAFE COST 100000 ROWS 20;

COMMENT ON FUNCTION explain_array(text, float8[], text) IS
'explain_array() of the version of a model that is current';

CREATE FUNCTION partial_dependence(model text, query text, feature text, points int DEFAULT 20, class text DEFAULT NULL)
RETURNS TABLE (value text, prediction float8, rows bigint)
AS 'MODULE_PATHNAME', 'promo_partial_dependence'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 20;

COMMENT ON FUNCTION partial_dependence(text, text, text, int, text) IS
'partial_dependence() of the version of a model that is current';

CREATE FUNCTION permutation_importance(model text, query text, target text, repeats int DEFAULT 5, seed bigint DEFAULT 0)
RETURNS TABLE (feature text, permutation float8, deviation float8, error float8)
AS 'MODULE_PATHNAME', 'promo_permutation_importance'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 20;

COMMENT ON FUNCTION permutation_importance(text, text, text, int, bigint) IS
'permutation_importance() of the version of a model that is current';

REVOKE ALL ON FUNCTION explain(text, record, text), explain_array(text, float8[], text),
	partial_dependence(text, text, text, int, text),
	permutation_importance(text, text, text, int, bigint) FROM PUBLIC;
