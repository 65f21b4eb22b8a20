-- Each kind of action, as a definition says it, on a cart of three pots, of
-- 12.00, 9.00 and 9.00, and two teas of 5.00: 40.00, and 4.90 of shipping.
CREATE FUNCTION taken(actions text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT concat_ws('; ', a ->> 'discount_total', nullif(a ->> 'lines', '{}'), nullif(a ->> 'shipping_discount', '0.00') || ' of shipping', nullif(a ->> 'gifts', '[]'), a #>> '{rejected,0,reason}')
	FROM promo.price_cart('{"currency": {"code": "EUR", "exponent": 2}, "shipping": {"method": "dhl", "amount": "4.90"}, "lines": [
		{"id": "a", "product": "pot", "categories": ["pots"], "unit_price": "12.00", "quantity": 1},
		{"id": "b", "product": "jug", "categories": ["pots"], "unit_price": "9.00", "quantity": 2},
		{"id": "c", "product": "tea", "categories": ["teas"], "unit_price": "5.00", "quantity": 2}]}',
		jsonb_build_array(jsonb_build_object('id', 'p', 'actions', actions::jsonb))) a $$;

SELECT row_number() OVER () AS n, actions, taken(actions) FROM unnest(ARRAY[
	'[{"type": "percent_off", "target": "order", "percent": 10}]',
	'[{"type": "percent_off", "target": "lines", "percent": 10, "select": {"categories": ["teas"]}}]',
	'[{"type": "percent_off", "target": "shipping", "percent": 50}]',
	'[{"type": "amount_off", "target": "order", "amount": 4}]',
	'[{"type": "amount_off", "target": "unit", "amount": 1.5, "select": {"categories": ["pots"]}}]',
	'[{"type": "percent_off", "target": "cheapest_unit", "percent": 100}]',
	'[{"type": "tiered_percent", "tiers": [{"from": 30, "percent": 5}, {"from": 40, "percent": 10}, {"from": 50, "percent": 20}]}]',
	'[{"type": "tiered_amount", "tiers": [{"from": 30, "amount": 2}, {"from": 41, "amount": 3}]}]',
	'[{"type": "tiered_price", "by": "line_quantity", "tiers": [{"from": 2, "price": 4}]}]',
	'[{"type": "amount_per", "every": 15, "amount": 2}]',
	'[{"type": "set_total", "price": 33}]',
	'[{"type": "set_unit_price", "price": 8, "select": {"categories": ["pots"]}}]',
	'[{"type": "set_shipping_price", "price": 1.9}]',
	'[{"type": "bundle_price", "quantity": 3, "price": 20, "select": {"categories": ["pots"]}}]',
	'[{"type": "buy_get", "buy": {"quantity": 1, "select": {"categories": ["pots"]}}, "get": {"quantity": 1, "percent": 50, "select": {"categories": ["teas"]}}}]',
	'[{"type": "cheapest_free", "quantity": 3}]',
	'[{"type": "cheapest_free", "quantity": 5, "free": 2}]',
	'[{"type": "cheapest_free", "quantity": 3, "percent": 50, "select": {"categories": ["pots"]}}]',
	'[{"type": "cheapest_free", "quantity": 6}]',
	'[{"type": "gift", "product": "spoon", "per": {"quantity": 2}}]']) actions;
