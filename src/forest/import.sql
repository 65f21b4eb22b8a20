/* src/forest/import.sql */

-- Models that were trained elsewhere.

CREATE FUNCTION forest_from_xgboost(definition jsonb, classes text[] DEFAULT NULL)
RETURNS forest
AS 'MODULE_PATHNAME', 'promo_forest_from_xgboost'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION forest_from_xgboost(jsonb, text[]) IS
'the model that XGBoost''s save_model() wrote as JSON, of trees for a number, for two classes or for several; classes are named in XGBoost''s order, by default false and true, or 0, 1, ...';

CREATE FUNCTION import_model(model text, definition jsonb, classes text[] DEFAULT NULL)
RETURNS model_version
AS 'MODULE_PATHNAME', 'promo_import_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION import_model(text, jsonb, text[]) IS
'keeps the model that XGBoost''s save_model() wrote as JSON as a version of a model by name, and makes it the current one';

REVOKE ALL ON FUNCTION import_model(text, jsonb, text[]) FROM PUBLIC;
