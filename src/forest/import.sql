/* src/forest/import.sql */

-- Models that were trained elsewhere.

CREATE FUNCTION forest_from_xgboost(definition jsonb, classes text[] DEFAULT NULL)
RETURNS forest
AS 'MODULE_PATHNAME', 'promo_forest_from_xgboost'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION forest_from_xgboost(jsonb, text[]) IS
'the model that XGBoost''s save_model() wrote as JSON, of trees for a number, for two classes or for several; classes are named in XGBoost''s order, by default false and true, or 0, 1, ...';
