/* src/recommend/evaluate.sql */

-- How well a recommender of given options meets what customers then had, and
-- which options do best.  Nothing is stored.

-- No SET clause: the queries run as the caller, under the caller's search_path.
CREATE FUNCTION evaluate_recommender(query text, options jsonb DEFAULT '{}',
	split jsonb DEFAULT '{"by": "time"}', k int DEFAULT 10)
RETURNS TABLE (metric text, value float8, standard_error float8, customers bigint)
AS 'MODULE_PATHNAME', 'promo_evaluate_recommender'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 9;

COMMENT ON FUNCTION evaluate_recommender(text, jsonb, jsonb, int) IS
'builds a recommender on a part of the query''s rows, and judges the k items that recommend() would show by what the customers had in the rest; options are those of build_recommender() and of recommend() together; split is by "time" (the last share of the rows, 0.2), "random" (a share of the pairs, with a seed) or "last" (the last items of each customer, 1). Customers without a history are passed over unless new_customers is true; what a customer had before counts only where exclude_bought is false or buy_again true, and with a filter or a category what these allow';

CREATE FUNCTION tune_recommender(query text, grid jsonb, split jsonb DEFAULT '{"by": "time"}',
	k int DEFAULT 10, metric text DEFAULT 'recall', options jsonb DEFAULT '{}')
RETURNS TABLE (rank int, options jsonb, metric text, mean float8, standard_error float8,
	neighbors bigint, is_best boolean, is_chosen boolean, test_mean float8,
	test_standard_error float8)
AS 'MODULE_PATHNAME', 'promo_tune_recommender'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000000 ROWS 20;

COMMENT ON FUNCTION tune_recommender(text, jsonb, jsonb, int, text, jsonb) IS
'judges all options of a grid, such as {"method": ["user_cosine", "local_ridge"], "neighbors": [50, 100]}, as evaluate_recommender() does, on a part that is split off what the test part leaves, and gives them best first; chosen is the smallest that is not worse than the best by more than the standard error of the difference, and it alone is built on all but the test part, and judged by that';

REVOKE ALL ON FUNCTION evaluate_recommender(text, jsonb, jsonb, int),
	tune_recommender(text, jsonb, jsonb, int, text, jsonb) FROM PUBLIC;
