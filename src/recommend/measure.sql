/* src/recommend/measure.sql */

-- How alike two things are that the shop holds as arrays.

CREATE FUNCTION cosine(a float8[], b float8[])
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_cosine'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION cosine(float8[], float8[]) IS
'the cosine of the angle between two vectors, from -1 to 1; NULL where one of them is all zero';

CREATE FUNCTION jaccard(a anyarray, b anyarray)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_jaccard'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION jaccard(anyarray, anyarray) IS
'the elements that two sets share, as a share of those in either, each counted once and without NULLs; NULL where both are empty';
