/* src/forest/linear.sql */

-- What a linear model has learned.

CREATE FUNCTION coefficients(model forest)
RETURNS TABLE (class text, feature text, category text, is_null boolean,
			   coefficient float8, standardized float8)
AS 'MODULE_PATHNAME', 'promo_coefficients'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 50;

COMMENT ON FUNCTION coefficients(forest) IS
'the margin of a linear model: the intercept, in the row without a feature, plus coefficient times each number (a time counts in days since 2000-01-01), plus the coefficients of the categories and of NULLs; standardized counts a number''s standard deviations, and the intercept at all means; the logistic function of a class''s margin is its probability, of more than two classes the softmax';

CREATE FUNCTION coefficients(model text)
RETURNS TABLE (class text, feature text, category text, is_null boolean,
			   coefficient float8, standardized float8)
AS 'MODULE_PATHNAME', 'promo_coefficients'
LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 50;

COMMENT ON FUNCTION coefficients(text) IS
'the margin of a linear model by name, as coefficients(forest) gives it';

REVOKE ALL ON FUNCTION coefficients(text) FROM PUBLIC;
