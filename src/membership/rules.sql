/* src/membership/rules.sql */

-- The rules of programs as pure functions, which the tables use too.

CREATE FUNCTION points_for(purchase jsonb, rules jsonb)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_points_for'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION points_for(jsonb, jsonb) IS
'what a purchase (lines with amounts in currency, the totals of the order or a basis in minor units) earns under rules per_amount, fixed, rate, per_line, per_unit, sku_bonus, category_bonus, line_multiplier and multiplier; gives points, basis_amount, breakdown by rule, multiplier, and what the caps cut';

CREATE FUNCTION points_redeemable(request jsonb)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_points_redeemable'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION points_redeemable(jsonb) IS
'how many points may be redeemed for an order, and what they pay; how many for whole units of unit_points; or how many points a quantity of a reward costs';
