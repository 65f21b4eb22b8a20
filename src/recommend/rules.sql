/* src/recommend/rules.sql */

-- No SET clause: the query runs under the caller's search_path.
CREATE FUNCTION basket_rules(query text, min_support float8 DEFAULT 0.01)
RETURNS TABLE (item text, other text, baskets bigint, support float8, confidence float8, lift float8, leverage float8)
AS 'MODULE_PATHNAME', 'promo_basket_rules'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 1000;

COMMENT ON FUNCTION basket_rules(text, float8) IS
'of the query''s rows (basket, item) all pairs of items that at least this share of the baskets have both of: how many have, which share of all and of those with the item, how many times as often as by chance, and how much more of all';

REVOKE ALL ON FUNCTION basket_rules(text, float8) FROM PUBLIC;
