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

REVOKE ALL ON FUNCTION explain(text, record, text), explain_array(text, float8[], text) FROM PUBLIC;
