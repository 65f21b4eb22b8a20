/* src/recommend/recommend.sql */

-- Recommendations of a recommender by name.  Its version is that which is
-- there for the query's own snapshot; who may call these needs no right to the
-- tables.

CREATE FUNCTION recommend(recommender text, customer text, n int DEFAULT 10, options jsonb DEFAULT '{}')
RETURNS TABLE (rank int, item text, score float8, because text)
AS 'MODULE_PATHNAME', 'promo_recommend'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 10 COST 1000;

COMMENT ON FUNCTION recommend(text, text, int, jsonb) IS
'the n items to show a customer, and of what he had that which speaks for each most; options: history (items, fresher than the build), exclude_bought, buy_again, filter (allowed items), category, boost (factors of items), fallback (popular, trending, none)';

CREATE FUNCTION recommend_basket(recommender text, items text[], n int DEFAULT 10, options jsonb DEFAULT '{}')
RETURNS TABLE (rank int, item text, score float8, because text)
AS 'MODULE_PATHNAME', 'promo_recommend_basket'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 10 COST 1000;

COMMENT ON FUNCTION recommend_basket(text, text[], int, jsonb) IS
'the n items to show whoever has these in his cart; options as of recommend(), without history';

CREATE FUNCTION similar_items(recommender text, similar_to text, n int DEFAULT 10)
RETURNS TABLE (rank int, item text, score float8)
AS 'MODULE_PATHNAME', 'promo_similar_items'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 10 COST 100;

COMMENT ON FUNCTION similar_items(text, text, int) IS
'the n items most like an item, best first';

CREATE FUNCTION recommend_all(recommender text, n int DEFAULT 10, options jsonb DEFAULT '{}')
RETURNS TABLE (customer text, rank int, item text, score float8)
AS 'MODULE_PATHNAME', 'promo_recommend_all'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 100000 COST 1000000;

COMMENT ON FUNCTION recommend_all(text, int, jsonb) IS
'recommend() for all customers that the recommender was built on, without reasons';

REVOKE ALL ON FUNCTION recommend(text, text, int, jsonb), recommend_basket(text, text[], int, jsonb),
	similar_items(text, text, int), recommend_all(text, int, jsonb) FROM PUBLIC;
