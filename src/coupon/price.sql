/* src/coupon/price.sql */

-- Pricing carts without any table.

CREATE FUNCTION price_cart(cart jsonb, promotions jsonb, policy jsonb DEFAULT '{}')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_price_cart'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;

COMMENT ON FUNCTION price_cart(jsonb, jsonb, jsonb) IS
'what promotions, an array of definitions, take off a cart that says all of itself: amounts by line, unit and promotion, and why others do not apply; reads no table and no setting';

CREATE FUNCTION allocate(amount numeric, weights numeric[], exponent int DEFAULT 2)
RETURNS numeric[]
AS 'MODULE_PATHNAME', 'promo_allocate'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION allocate(numeric, numeric[], int) IS
'shares an amount by weights in units of so many decimals, without losing any: what floors leave goes to the largest remainders, of equal ones to the earlier';
