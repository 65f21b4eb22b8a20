/* src/coupon/quote.sql */

-- Pricing carts by what the tables hold.

CREATE FUNCTION quote(cart jsonb, at timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_quote'
LANGUAGE C STABLE PARALLEL SAFE SECURITY DEFINER COST 1000
SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION quote(jsonb, timestamptz) IS
'what a cart costs at an instant by the promotions, codes, limits and policies of the tables; looks up the customer''s segments, tiers and uses; promises nothing, as reserve() does';

CREATE FUNCTION explain_cart(cart jsonb, at timestamptz DEFAULT pg_catalog.now(), audience text DEFAULT 'public')
RETURNS TABLE (promotion text, code text, eligible boolean, reason text, detail jsonb, discount numeric)
AS 'MODULE_PATHNAME', 'promo_explain_cart'
LANGUAGE C STABLE PARALLEL SAFE SECURITY DEFINER ROWS 20 COST 1000
SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION explain_cart(jsonb, timestamptz, text) IS
'each promotion that a cart may be for and each code in it: what it takes off, or all reasons why it does not, with their numbers; the audience public never learns of a code that is another''s, not started or archived, a clerk does';

CREATE FUNCTION quote_inputs(cart jsonb, at timestamptz DEFAULT pg_catalog.now(),
	OUT cart jsonb, OUT promotions jsonb, OUT policy jsonb)
AS 'MODULE_PATHNAME', 'promo_quote_inputs'
LANGUAGE C STABLE PARALLEL SAFE SECURITY DEFINER COST 1000
SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION quote_inputs(jsonb, timestamptz) IS
'what quote() prices a cart by, for price_cart(): the cart with all that is looked up, the definitions of promotions that it may be for, and the policy';

CREATE FUNCTION quote(cart jsonb, at timestamp)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_timestamp_refused'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION quote(jsonb, timestamp) IS
'raises an error that says how to give at as timestamptz';

CREATE FUNCTION quote(cart jsonb, at date)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_timestamp_refused'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION quote(jsonb, date) IS
'raises an error that says how to give at as timestamptz';

REVOKE ALL ON FUNCTION quote(jsonb, timestamptz), explain_cart(jsonb, timestamptz, text),
	quote_inputs(jsonb, timestamptz) FROM PUBLIC;
