/* src/behavior/clean.sql */

-- From raw rows to clean ones: what is in them, and what to do about it.

CREATE FUNCTION clip(x float8, low float8, high float8)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_clip'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION clip(float8, float8, float8) IS
'the value nearest to x between low and high';

CREATE FUNCTION in_sample(key text, share float8, seed bigint DEFAULT 0)
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_in_sample'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION in_sample(text, float8, bigint) IS
'whether a key belongs to a repeatable sample of that share; a smaller share with the same seed lies inside a larger one';

-- The state is a type of its own right, so that parts can be computed on
-- several machines: the number of the method, then the values.
CREATE FUNCTION outlier_bounds_accum(state float8[], x float8, method text)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'promo_outlier_bounds_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION outlier_bounds_accum(float8[], float8, text) IS
'internal: adds a row to aggregate outlier_bounds';

CREATE FUNCTION outlier_bounds_combine(state float8[], other float8[])
RETURNS float8[]
AS 'MODULE_PATHNAME', 'promo_outlier_bounds_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION outlier_bounds_combine(float8[], float8[]) IS
'internal: joins two states of aggregate outlier_bounds';

CREATE FUNCTION outlier_bounds_final(state float8[])
RETURNS numrange
AS 'MODULE_PATHNAME', 'promo_outlier_bounds_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION outlier_bounds_final(float8[]) IS
'internal: the answer of aggregate outlier_bounds';

CREATE AGGREGATE outlier_bounds(x float8, method text) (
	SFUNC = outlier_bounds_accum,
	STYPE = float8[],
	SSPACE = 1024,
	FINALFUNC = outlier_bounds_final,
	COMBINEFUNC = outlier_bounds_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE outlier_bounds(float8, text) IS
'the range outside which a value is an outlier, by tukey (1.5 interquartile ranges beyond the quartiles), mad (3.5 scaled median absolute deviations off the median), percentile (1st to 99th), log_tukey or log_mad (the same on logarithms of the positive values); NULL, NaN and infinities are left out';

CREATE FUNCTION impute(x float8, strategy text)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_impute_number'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION impute(float8, text) IS
'x, or where it is NULL or NaN the mean, median or mode of the partition, the previous or next value in its order, or zero';

CREATE FUNCTION impute(x text, strategy text)
RETURNS text
AS 'MODULE_PATHNAME', 'promo_impute_text'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION impute(text, text) IS
'x, or where it is NULL the mode of the partition, or the previous or next value in its order';

CREATE FUNCTION profile(query text)
RETURNS TABLE (column_name text, type text, rows bigint, nulls bigint, distinct_values bigint,
	min text, max text, mean float8, sd float8, p25 float8, p50 float8, p75 float8,
	top_values jsonb, warnings text[])
AS 'MODULE_PATHNAME', 'promo_profile'
LANGUAGE C STABLE PARALLEL UNSAFE;

COMMENT ON FUNCTION profile(text) IS
'what is in each column of a query, exactly and in one pass: counts, range, moments and quartiles of numbers, most frequent values (cut after 1,000 bytes), and warnings';

CREATE FUNCTION duplicates(query text, key text[], within interval DEFAULT NULL)
RETURNS TABLE (kind text, key_values jsonb, rows bigint, times bigint,
	first_at timestamptz, last_at timestamptz)
AS 'MODULE_PATHNAME', 'promo_duplicates'
LANGUAGE C STABLE PARALLEL UNSAFE;

COMMENT ON FUNCTION duplicates(text, text[], interval) IS
'groups of rows with one key, NULLs being equal; with within, rows of one key each of which follows the one before by at most that long, kind exact where their times are the same and near where not; nothing is deleted';
