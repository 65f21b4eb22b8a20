/* src/forest/metrics.sql */

-- How well predictions meet what happened.  Rows with a NULL are left out;
-- no row at all gives NULL, and so does a figure that is not defined.

CREATE TYPE regression_report AS (
	n bigint,
	mse float8,
	rmse float8,
	mae float8,
	r2 float8
);

COMMENT ON TYPE regression_report IS 'errors of predicted numbers';

CREATE FUNCTION regression_metrics_accum(state bytea, actual float8, predicted float8)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_regression_metrics_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION regression_metrics_accum(bytea, float8, float8) IS
'internal: takes a row in';

CREATE FUNCTION regression_metrics_combine(state bytea, other bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_regression_metrics_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION regression_metrics_combine(bytea, bytea) IS
'internal: joins the states of two sets of rows';

CREATE FUNCTION regression_metrics_final(state bytea)
RETURNS regression_report
AS 'MODULE_PATHNAME', 'promo_regression_metrics_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION regression_metrics_final(bytea) IS
'internal: the report of a state';

CREATE AGGREGATE regression_metrics(actual float8, predicted float8) (
	SFUNC = regression_metrics_accum,
	STYPE = bytea,
	SSPACE = 64,
	FINALFUNC = regression_metrics_final,
	COMBINEFUNC = regression_metrics_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE regression_metrics(float8, float8) IS
'mean squared and absolute error and R squared of predicted numbers';

CREATE TYPE classification_report AS (
	n bigint,
	accuracy float8,
	precision float8,
	recall float8,
	f1 float8,
	roc_auc float8,
	pr_auc float8,
	log_loss float8,
	brier float8,
	tp bigint,
	fp bigint,
	tn bigint,
	fn bigint
);

COMMENT ON TYPE classification_report IS 'how scores tell true from false';

CREATE FUNCTION classification_metrics_accum(state bytea, actual boolean, score float8)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_classification_metrics_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION classification_metrics_accum(bytea, boolean, float8) IS
'internal: takes a row in';

CREATE FUNCTION classification_metrics_accum(state bytea, actual boolean, score float8, threshold float8)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_classification_metrics_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION classification_metrics_accum(bytea, boolean, float8, float8) IS
'internal: takes a row in';

CREATE FUNCTION classification_metrics_combine(state bytea, other bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_classification_metrics_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION classification_metrics_combine(bytea, bytea) IS
'internal: joins the states of two sets of rows';

CREATE FUNCTION classification_metrics_final(state bytea)
RETURNS classification_report
AS 'MODULE_PATHNAME', 'promo_classification_metrics_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION classification_metrics_final(bytea) IS
'internal: the report of a state';

CREATE AGGREGATE classification_metrics(actual boolean, score float8) (
	SFUNC = classification_metrics_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = classification_metrics_final,
	COMBINEFUNC = classification_metrics_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE classification_metrics(boolean, float8) IS
'how scores tell true from false: areas under curves, losses, and counts at the threshold 0.5';

CREATE AGGREGATE classification_metrics(actual boolean, score float8, threshold float8) (
	SFUNC = classification_metrics_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = classification_metrics_final,
	COMBINEFUNC = classification_metrics_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE classification_metrics(boolean, float8, float8) IS
'how scores tell true from false; a score from the threshold on predicts true';

CREATE TYPE multiclass_report AS (
	n bigint,
	accuracy float8,
	macro_f1 float8,
	confusion jsonb
);

COMMENT ON TYPE multiclass_report IS 'how predicted classes meet the actual ones';

CREATE FUNCTION multiclass_metrics_accum(state bytea, actual text, predicted text)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_multiclass_metrics_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION multiclass_metrics_accum(bytea, text, text) IS
'internal: takes a row in';

CREATE FUNCTION multiclass_metrics_combine(state bytea, other bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_multiclass_metrics_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION multiclass_metrics_combine(bytea, bytea) IS
'internal: joins the states of two sets of rows';

CREATE FUNCTION multiclass_metrics_final(state bytea)
RETURNS multiclass_report
AS 'MODULE_PATHNAME', 'promo_multiclass_metrics_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION multiclass_metrics_final(bytea) IS
'internal: the report of a state';

CREATE AGGREGATE multiclass_metrics(actual text, predicted text) (
	SFUNC = multiclass_metrics_accum,
	STYPE = bytea,
	SSPACE = 512,
	FINALFUNC = multiclass_metrics_final,
	COMBINEFUNC = multiclass_metrics_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE multiclass_metrics(text, text) IS
'accuracy, macro F1 and how often which class was predicted for which: {"actual": {"predicted": n}}';
