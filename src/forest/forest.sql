/* src/forest/forest.sql */

-- The type forest, and the aggregates that train and merge forests.

CREATE TYPE forest;

CREATE FUNCTION forest_in(cstring)
RETURNS forest
AS 'MODULE_PATHNAME', 'promo_forest_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION forest_in(cstring) IS 'internal: reads a forest, and checks all of it';

CREATE FUNCTION forest_out(forest)
RETURNS cstring
AS 'MODULE_PATHNAME', 'promo_forest_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION forest_out(forest) IS 'internal: a forest as text';

CREATE FUNCTION forest_recv(internal)
RETURNS forest
AS 'MODULE_PATHNAME', 'promo_forest_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION forest_recv(internal) IS 'internal: reads a forest, and checks all of it';

CREATE FUNCTION forest_send(forest)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_forest_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION forest_send(forest) IS 'internal: a forest as bytes';

-- Not compressed: the nodes are dense, and a forest is served as it is stored.
CREATE TYPE forest (
	INPUT = forest_in,
	OUTPUT = forest_out,
	RECEIVE = forest_recv,
	SEND = forest_send,
	ALIGNMENT = double,
	STORAGE = external
);

COMMENT ON TYPE forest IS
'a random forest: its trees, the names and kinds of its features, and its out-of-bag error';

CREATE FUNCTION random_forest_accum(state internal, target "any", features record)
RETURNS internal
AS 'MODULE_PATHNAME', 'promo_random_forest_accum'
LANGUAGE C STABLE PARALLEL SAFE;

COMMENT ON FUNCTION random_forest_accum(internal, "any", record) IS
'internal: takes a row in';

CREATE FUNCTION random_forest_accum(state internal, target "any", features record, options jsonb)
RETURNS internal
AS 'MODULE_PATHNAME', 'promo_random_forest_accum'
LANGUAGE C STABLE PARALLEL SAFE;

COMMENT ON FUNCTION random_forest_accum(internal, "any", record, jsonb) IS
'internal: takes a row in';

CREATE FUNCTION random_forest_combine(state internal, other internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'promo_random_forest_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION random_forest_combine(internal, internal) IS
'internal: joins the rows of two states';

CREATE FUNCTION random_forest_serial(state internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_random_forest_serial'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION random_forest_serial(internal) IS
'internal: a state as bytes, for another process';

CREATE FUNCTION random_forest_deserial(bytes bytea, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'promo_random_forest_deserial'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION random_forest_deserial(bytea, internal) IS
'internal: a state from bytes';

CREATE FUNCTION random_forest_final(state internal)
RETURNS forest
AS 'MODULE_PATHNAME', 'promo_random_forest_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION random_forest_final(internal) IS
'internal: trains on the rows of a state';

CREATE AGGREGATE random_forest(target "any", features record) (
	SFUNC = random_forest_accum,
	STYPE = internal,
	SSPACE = 65536,
	FINALFUNC = random_forest_final,
	COMBINEFUNC = random_forest_combine,
	SERIALFUNC = random_forest_serial,
	DESERIALFUNC = random_forest_deserial,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE random_forest("any", record) IS
'trains a random forest that predicts the target, a number or a class, from the columns of the record';

CREATE AGGREGATE random_forest(target "any", features record, options jsonb) (
	SFUNC = random_forest_accum,
	STYPE = internal,
	SSPACE = 65536,
	FINALFUNC = random_forest_final,
	COMBINEFUNC = random_forest_combine,
	SERIALFUNC = random_forest_serial,
	DESERIALFUNC = random_forest_deserial,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE random_forest("any", record, jsonb) IS
'trains a random forest with options: trees, max_depth, min_leaf, mtry, sample_fraction, seed, bins, class_weight, exclude, positive, skip_null_target, allow_target_copy';

CREATE FUNCTION forest_merge_accum(forest, forest)
RETURNS forest
AS 'MODULE_PATHNAME', 'promo_forest_merge_accum'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION forest_merge_accum(forest, forest) IS
'internal: the trees of two forests as one';

CREATE AGGREGATE forest_merge(forest) (
	SFUNC = forest_merge_accum,
	STYPE = forest,
	COMBINEFUNC = forest_merge_accum,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE forest_merge(forest) IS
'one forest with the trees of all, which learned from the same features and target';
