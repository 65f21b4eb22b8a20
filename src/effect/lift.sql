/* src/effect/lift.sql */

-- What a treatment changed, where chance said who was treated.  A row is a
-- customer; rows with a NULL are left out; no row at all gives NULL, and so
-- does a figure that is not defined.

CREATE TYPE lift_report AS (
	treated_n bigint,
	control_n bigint,
	treated_mean float8,
	control_mean float8,
	difference float8,
	standard_error float8,
	lower float8,
	upper float8,
	p_value float8,
	relative float8,
	relative_lower float8,
	relative_upper float8,
	reading text,
	smallest_detectable float8,
	degrees_of_freedom float8,
	variance_kept float8
);

COMMENT ON TYPE lift_report IS 'the difference between treated customers and those left alone, with its 95 % interval';
COMMENT ON COLUMN lift_report.treated_mean IS 'adjusted by the covariates, where there are any';
COMMENT ON COLUMN lift_report.relative IS 'the difference over the mean of control';
COMMENT ON COLUMN lift_report.reading IS 'what all this says, in a sentence';
COMMENT ON COLUMN lift_report.smallest_detectable IS 'the effect that a test of this kind sees in four of five times';
COMMENT ON COLUMN lift_report.variance_kept IS 'the part of the variance that covariates leave; NULL without any';

CREATE FUNCTION lift_accum(state bytea, treated boolean, outcome float8)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_lift_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION lift_accum(bytea, boolean, float8) IS 'internal: takes a customer in';

CREATE FUNCTION lift_accum(state bytea, treated boolean, outcome float8, covariate float8)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_lift_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION lift_accum(bytea, boolean, float8, float8) IS 'internal: takes a customer in';

CREATE FUNCTION lift_accum(state bytea, treated boolean, outcome float8, covariates float8[])
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_lift_rows_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION lift_accum(bytea, boolean, float8, float8[]) IS 'internal: keeps a customer';

CREATE FUNCTION lift_combine(state bytea, other bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_lift_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION lift_combine(bytea, bytea) IS 'internal: joins the states of two sets of customers';

CREATE FUNCTION lift_rows_combine(state bytea, other bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_lift_rows_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION lift_rows_combine(bytea, bytea) IS 'internal: joins the states of two sets of customers';

CREATE FUNCTION lift_final(state bytea)
RETURNS lift_report
AS 'MODULE_PATHNAME', 'promo_lift_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION lift_final(bytea) IS 'internal: the report of a state';

CREATE FUNCTION lift_cuped_final(state bytea)
RETURNS lift_report
AS 'MODULE_PATHNAME', 'promo_lift_cuped_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION lift_cuped_final(bytea) IS 'internal: the report of a state';

CREATE FUNCTION lift_rows_final(state bytea)
RETURNS lift_report
AS 'MODULE_PATHNAME', 'promo_lift_rows_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION lift_rows_final(bytea) IS 'internal: the report of a state';

CREATE FUNCTION ratio_lift_final(state bytea)
RETURNS lift_report
AS 'MODULE_PATHNAME', 'promo_ratio_lift_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION ratio_lift_final(bytea) IS 'internal: the report of a state';

CREATE AGGREGATE lift(treated boolean, outcome float8) (
	SFUNC = lift_accum,
	STYPE = bytea,
	SSPACE = 128,
	FINALFUNC = lift_final,
	COMBINEFUNC = lift_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE lift(boolean, float8) IS
'the difference of means between treated customers and those left alone, by Welch''s t';

CREATE AGGREGATE lift(treated boolean, outcome float8, covariate float8) (
	SFUNC = lift_accum,
	STYPE = bytea,
	SSPACE = 128,
	FINALFUNC = lift_cuped_final,
	COMBINEFUNC = lift_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE lift(boolean, float8, float8) IS
'the same, adjusted by a covariate of before the treatment, such as the same outcome in an earlier period (CUPED)';

CREATE AGGREGATE lift(treated boolean, outcome float8, covariates float8[]) (
	SFUNC = lift_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = lift_rows_final,
	COMBINEFUNC = lift_rows_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE lift(boolean, float8, float8[]) IS
'the same, adjusted by several covariates with a slope in each arm, and robust errors (Lin''s regression, HC2); keeps all rows in memory';

CREATE AGGREGATE ratio_lift(treated boolean, numerator float8, denominator float8) (
	SFUNC = lift_accum,
	STYPE = bytea,
	SSPACE = 128,
	FINALFUNC = ratio_lift_final,
	COMBINEFUNC = lift_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE ratio_lift(boolean, float8, float8) IS
'the difference of sum over sum, such as revenue per order, where a row is a customer; by the delta method';

CREATE FUNCTION winsorized_lift_accum(state bytea, treated boolean, outcome float8, level float8)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_winsorized_lift_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION winsorized_lift_accum(bytea, boolean, float8, float8) IS 'internal: keeps a customer';

CREATE FUNCTION winsorized_lift_combine(state bytea, other bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_winsorized_lift_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION winsorized_lift_combine(bytea, bytea) IS 'internal: joins the states of two sets of customers';

CREATE FUNCTION winsorized_lift_final(state bytea)
RETURNS lift_report
AS 'MODULE_PATHNAME', 'promo_winsorized_lift_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION winsorized_lift_final(bytea) IS 'internal: the report of a state';

CREATE AGGREGATE winsorized_lift(treated boolean, outcome float8, level float8) (
	SFUNC = winsorized_lift_accum,
	STYPE = bytea,
	SSPACE = 1024,
	FINALFUNC = winsorized_lift_final,
	COMBINEFUNC = winsorized_lift_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE winsorized_lift(boolean, float8, float8) IS
'lift() with what is above the percentile of that level, of both arms together, set to it: 0.999 tames the few largest; choose it before looking';

CREATE FUNCTION bootstrap_lift_accum(state bytea, treated boolean, outcome float8, customer text)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_bootstrap_lift_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION bootstrap_lift_accum(bytea, boolean, float8, text) IS 'internal: takes a customer in';

CREATE FUNCTION bootstrap_lift_accum(state bytea, treated boolean, outcome float8, customer text, replicates int)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_bootstrap_lift_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION bootstrap_lift_accum(bytea, boolean, float8, text, int) IS 'internal: takes a customer in';

CREATE FUNCTION bootstrap_lift_accum(state bytea, treated boolean, outcome float8, customer text, replicates int, seed bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_bootstrap_lift_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION bootstrap_lift_accum(bytea, boolean, float8, text, int, bigint) IS 'internal: takes a customer in';

CREATE FUNCTION bootstrap_lift_combine(state bytea, other bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_bootstrap_lift_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION bootstrap_lift_combine(bytea, bytea) IS 'internal: joins the states of two sets of customers';

CREATE FUNCTION bootstrap_lift_final(state bytea)
RETURNS lift_report
AS 'MODULE_PATHNAME', 'promo_bootstrap_lift_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION bootstrap_lift_final(bytea) IS 'internal: the report of a state';

CREATE AGGREGATE bootstrap_lift(treated boolean, outcome float8, customer text) (
	SFUNC = bootstrap_lift_accum,
	STYPE = bytea,
	SSPACE = 32768,
	FINALFUNC = bootstrap_lift_final,
	COMBINEFUNC = bootstrap_lift_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE bootstrap_lift(boolean, float8, text) IS
'lift() with an interval that assumes no shape: of 1,000 replicates in which customers count a random number of times';

CREATE AGGREGATE bootstrap_lift(treated boolean, outcome float8, customer text, replicates int) (
	SFUNC = bootstrap_lift_accum,
	STYPE = bytea,
	SSPACE = 32768,
	FINALFUNC = bootstrap_lift_final,
	COMBINEFUNC = bootstrap_lift_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE bootstrap_lift(boolean, float8, text, int) IS 'the same, of 100 to 100,000 replicates';

CREATE AGGREGATE bootstrap_lift(treated boolean, outcome float8, customer text, replicates int, seed bigint) (
	SFUNC = bootstrap_lift_accum,
	STYPE = bytea,
	SSPACE = 32768,
	FINALFUNC = bootstrap_lift_final,
	COMBINEFUNC = bootstrap_lift_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE bootstrap_lift(boolean, float8, text, int, bigint) IS 'the same, drawn by a seed';

CREATE FUNCTION lift_interval(difference float8, standard_error float8, degrees_of_freedom float8,
	confidence float8, OUT lower float8, OUT upper float8)
AS 'MODULE_PATHNAME', 'promo_lift_interval'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION lift_interval(float8, float8, float8, float8) IS
'the interval of a report''s difference at another confidence than 0.95';

CREATE FUNCTION sample_size(difference float8, standard_deviation float8, power float8 DEFAULT 0.8,
	alpha float8 DEFAULT 0.05, treated_share float8 DEFAULT 0.5, correlation float8 DEFAULT 0,
	OUT treated_n bigint, OUT control_n bigint)
AS 'MODULE_PATHNAME', 'promo_sample_size'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION sample_size(float8, float8, float8, float8, float8, float8) IS
'customers that show a difference of means with the given power; correlation is that with a covariate of before';

CREATE FUNCTION minimum_detectable_effect(treated_n bigint, control_n bigint, standard_deviation float8,
	power float8 DEFAULT 0.8, alpha float8 DEFAULT 0.05, correlation float8 DEFAULT 0)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_minimum_detectable_effect'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION minimum_detectable_effect(bigint, bigint, float8, float8, float8, float8) IS
'the least difference of means that so many customers show with the given power';

CREATE FUNCTION holm(p_values float8[])
RETURNS float8[]
AS 'MODULE_PATHNAME', 'promo_holm'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION holm(float8[]) IS
'p-values of several metrics, adjusted so that one below 0.05 may be believed though there are many (Holm)';
