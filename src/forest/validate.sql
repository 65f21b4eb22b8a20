/* src/forest/validate.sql */

-- How good a model is on rows that it did not see, and which options are best.

CREATE FUNCTION cross_validate(query text, target text, options jsonb DEFAULT '{}',
	folds int DEFAULT 5, time_column text DEFAULT NULL, group_column text DEFAULT NULL,
	seed bigint DEFAULT 0)
RETURNS TABLE (metric text, mean float8, standard_error float8, by_fold float8[])
AS 'MODULE_PATHNAME', 'promo_cross_validate'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 8;

COMMENT ON FUNCTION cross_validate(text, text, jsonb, int, text, text, bigint) IS
'judges the options of train() on a query''s rows, a part of which is held out in turn: by chance and with the classes alike in all parts; with rows of a group together; or in time, each part by a model of all that came before. Each row held out counts once, whatever its weight; what is not defined in a fold is NULL there and left out of the mean';

CREATE FUNCTION tune(query text, target text, grid jsonb, folds int DEFAULT 5,
	time_column text DEFAULT NULL, group_column text DEFAULT NULL, metric text DEFAULT NULL,
	options jsonb DEFAULT '{}', seed bigint DEFAULT 0)
RETURNS TABLE (rank int, options jsonb, metric text, mean float8, standard_error float8,
	by_fold float8[], model_bytes bigint, is_best boolean, is_chosen boolean)
AS 'MODULE_PATHNAME', 'promo_tune'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000000 ROWS 20;

COMMENT ON FUNCTION tune(text, text, jsonb, int, text, text, text, jsonb, bigint) IS
'judges all options of a grid, such as {"algorithm": ["random_forest", "boosted_trees"], "min_leaf": [1, 20]}, an array of grids, or {"random": 20, "space": {...}}, on the same folds as cross_validate() has them, by rmse, roc_auc or log_loss unless a metric is named, and gives them best first; chosen is the smallest model within a standard error of the best, its options ready for train()';

REVOKE ALL ON FUNCTION cross_validate(text, text, jsonb, int, text, text, bigint),
	tune(text, text, jsonb, int, text, text, text, jsonb, bigint) FROM PUBLIC;
