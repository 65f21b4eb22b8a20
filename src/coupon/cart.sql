/* src/coupon/cart.sql */

-- Order lines as carts, and what promotions did to orders.

CREATE FUNCTION cart_add(state jsonb, line record)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN line IS NULL THEN state ELSE coalesce(state, '[]') || jsonb_build_array(to_jsonb(line)) END;
END
$$;

COMMENT ON FUNCTION cart_add(jsonb, record) IS 'internal: the transition of cart()';

CREATE FUNCTION cart_merge(a jsonb, b jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a ELSE a || b END;
END;

COMMENT ON FUNCTION cart_merge(jsonb, jsonb) IS 'internal: combines two states of cart()';

-- What all lines say alike is the cart's; the rest is a line's.
CREATE FUNCTION cart_final(state jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	known text[] := '{id,product,categories,unit_price,quantity,on_sale,min_unit_price,tax_percent,attributes}';
	of_cart text[] := '{currency,exponent,prices_include_tax,channel,region,payment_method,customer,at,codes,shipping}';
	fields jsonb;
	strange text;
	lines jsonb;
BEGIN
	IF state IS NULL THEN
		RETURN NULL;
	END IF;
	SELECT k INTO strange FROM jsonb_array_elements(state) l, jsonb_object_keys(l) k WHERE NOT k = ANY (known || of_cart) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column',
			MESSAGE = format('column "%s" is none of a line or cart', strange),
			HINT = format('Those of a line are %s; those of its cart %s.', array_to_string(known, ', '), array_to_string(of_cart, ', '));
	END IF;
	SELECT d.key INTO strange
	FROM jsonb_array_elements(state) l, jsonb_each(l) d WHERE d.key = ANY (of_cart)
	GROUP BY d.key HAVING count(DISTINCT d.value) > 1 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'cardinality_violation',
			MESSAGE = format('lines of one cart differ in "%s"', strange);
	END IF;
	fields := jsonb_strip_nulls(state -> 0);
	IF NOT fields ? 'currency' THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column', MESSAGE = 'lines have no column "currency"';
	END IF;
	-- Lines without an id are numbered, in an order that rows have none of.
	SELECT jsonb_agg(n.line || CASE WHEN n.line ? 'id' THEN jsonb_build_object('id', n.line ->> 'id')
			ELSE jsonb_build_object('id', n.place::text) END ORDER BY n.place)
	INTO lines
	FROM (SELECT s.line, row_number() OVER (ORDER BY s.line ->> 'id' COLLATE "C", s.line::text COLLATE "C") AS place
		  FROM (SELECT jsonb_strip_nulls(l) - of_cart AS line FROM jsonb_array_elements(state) l) s) n;
	RETURN fields - known - '{currency,exponent,customer,at}'::text[]
		|| jsonb_build_object('currency', jsonb_build_object('code', fields -> 'currency', 'exponent', coalesce(fields -> 'exponent', '2')),
			'lines', lines)
		|| CASE WHEN fields ? 'customer' THEN jsonb_build_object('customer', jsonb_build_object('id', fields ->> 'customer')) ELSE '{}' END
		|| CASE WHEN fields ? 'at' THEN jsonb_build_object('now',
			to_char((fields ->> 'at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ELSE '{}' END;
END
$$;

COMMENT ON FUNCTION cart_final(jsonb) IS 'internal: the cart of a state of cart()';

CREATE AGGREGATE cart(line record)
(
	SFUNC = cart_add,
	STYPE = jsonb,
	COMBINEFUNC = cart_merge,
	FINALFUNC = cart_final,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE cart(record) IS
'order lines as the cart that price_cart() takes; columns by name: unit_price, quantity and currency, and any of id, product, categories, on_sale, min_unit_price, tax_percent, attributes of the line, exponent, customer, at, channel, region, payment_method, codes, shipping, prices_include_tax of the cart';

CREATE VIEW coupon_performance AS
SELECT p.promotion, p.campaign,
	coalesce(c.issued, 0) AS issued, coalesce(c.claimed, 0) AS claimed, coalesce(c.withheld, 0) AS withheld,
	coalesce(r.reserved, 0) AS reserved, coalesce(r.redeemed, 0) AS redeemed, coalesce(r.voided, 0) AS voided,
	coalesce(r.expired, 0) AS expired,
	coalesce(r.cost, '{}') AS cost, coalesce(r.attributed_revenue, '{}') AS attributed_revenue
FROM promotion p
LEFT JOIN (
	SELECT promotion_id,
		count(*) FILTER (WHERE kind <> 'shared' AND state <> 'withheld') AS issued,
		count(*) FILTER (WHERE issue_key >= 'claim ' AND issue_key < 'claim!') AS claimed,
		count(*) FILTER (WHERE state = 'withheld') AS withheld
	FROM coupon_code GROUP BY promotion_id) c USING (promotion_id)
LEFT JOIN (
	SELECT m.promotion_id, sum(m.reserved)::bigint AS reserved, sum(m.redeemed)::bigint AS redeemed, sum(m.voided)::bigint AS voided,
		sum(m.expired)::bigint AS expired,
		pg_catalog.jsonb_object_agg(m.currency, pg_catalog.round(m.cost / 10::numeric ^ m.exponent, m.exponent)) AS cost,
		pg_catalog.jsonb_object_agg(m.currency, pg_catalog.round(m.revenue / 10::numeric ^ m.exponent, m.exponent)) AS attributed_revenue
	FROM (
		SELECT o.promotion_id, o.currency, max(o.exponent) AS exponent,
			count(*) FILTER (WHERE o.state = 'reserved') AS reserved,
			count(*) FILTER (WHERE o.state IN ('redeemed', 'partially_refunded', 'refunded')) AS redeemed,
			count(*) FILTER (WHERE o.state = 'voided') AS voided, count(*) FILTER (WHERE o.state = 'expired') AS expired,
			coalesce(sum(o.cost) FILTER (WHERE o.state IN ('redeemed', 'partially_refunded', 'refunded')), 0) AS cost,
			coalesce(sum(o.revenue) FILTER (WHERE o.state IN ('redeemed', 'partially_refunded', 'refunded')), 0) AS revenue
		FROM (
			-- An order now, by the entry that it is priced by
			SELECT u.promotion_id, t.currency, t.exponent, d.state,
				(SELECT sum(x.goods_discount + x.shipping_discount) FROM redemption r JOIN redemption_promotion x USING (redemption_id)
				 WHERE r.order_id = d.order_id AND coalesce(r.of_id, r.redemption_id) = t.redemption_id AND x.promotion_id = u.promotion_id) AS cost,
				(SELECT sum(r.total) FROM redemption r
				 WHERE r.order_id = d.order_id AND coalesce(r.of_id, r.redemption_id) = t.redemption_id) AS revenue
			FROM redemption_order d JOIN redemption t ON t.redemption_id = d.redemption_id
			JOIN redemption_promotion u ON u.redemption_id = t.redemption_id) o
		GROUP BY o.promotion_id, o.currency) m
	GROUP BY m.promotion_id) r USING (promotion_id);

COMMENT ON VIEW coupon_performance IS
'of each promotion: codes issued, claimed and withheld from control groups, orders by what became of them, what it cost, and the revenue of the orders that redeemed it, which is attributed to it and not what it brought: for that, compare with those from whom it was withheld';

REVOKE ALL ON FUNCTION cart_add(jsonb, record), cart_merge(jsonb, jsonb), cart_final(jsonb) FROM PUBLIC;
