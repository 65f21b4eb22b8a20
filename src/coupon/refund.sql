/* src/coupon/refund.sql */

-- Returns of a part of an order, the sweeping of reservations, and what proves
-- that counters and ledger agree.

-- What coming back are n units of a line of which some came back before.  Units
-- that bore more come back first, so that refunds never run ahead of what was
-- paid; pieces are [units, what each bore] in the order of the units, those of
-- the line in money and those of each promotion in its smallest units.
CREATE FUNCTION refund_ranges(pieces jsonb, before bigint, units bigint)
RETURNS TABLE (first bigint, past bigint)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 3
BEGIN ATOMIC
	SELECT r.first + greatest(r.rank, refund_ranges.before) - r.rank,
		r.first + least(r.rank + r.size, refund_ranges.before + refund_ranges.units) - r.rank
	FROM (SELECT p.first, p.size, sum(p.size) OVER (ORDER BY p.each DESC, p.place) - p.size AS rank
		  FROM (SELECT j.place, (j.piece ->> 0)::bigint AS size, (j.piece ->> 1)::numeric AS each,
					(sum((j.piece ->> 0)::bigint) OVER (ORDER BY j.place))::bigint - (j.piece ->> 0)::bigint AS first
				FROM pg_catalog.jsonb_array_elements(pieces) WITH ORDINALITY j (piece, place)) p) r
	WHERE greatest(r.rank, refund_ranges.before) < least(r.rank + r.size, refund_ranges.before + refund_ranges.units);
END;

COMMENT ON FUNCTION refund_ranges(jsonb, bigint, bigint) IS
'internal: which units of a line come back, counted from 0';

CREATE FUNCTION refund_share(pieces jsonb, first bigint, past bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(sum((least(p.first + p.units, refund_share.past) - greatest(p.first, refund_share.first)) * p.each), 0)::bigint
	FROM (SELECT (j.piece ->> 0)::bigint AS units, (j.piece ->> 1)::bigint AS each,
			(sum((j.piece ->> 0)::bigint) OVER (ORDER BY j.place))::bigint - (j.piece ->> 0)::bigint AS first
		  FROM pg_catalog.jsonb_array_elements(pieces) WITH ORDINALITY j (piece, place)) p
	WHERE greatest(p.first, refund_share.first) < least(p.first + p.units, refund_share.past);
END;

COMMENT ON FUNCTION refund_share(jsonb, bigint, bigint) IS
'internal: what a promotion took off some units of a line';

CREATE FUNCTION money_text(units bigint, exponent int)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.round(units / 10::numeric ^ exponent, exponent)::text;
END;

COMMENT ON FUNCTION money_text(bigint, int) IS 'internal: an amount with the decimals of its currency';

CREATE FUNCTION refund(order_id text, refund_id text, lines jsonb, at timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.redemption_order;
	taken promo.redemption;
	earlier promo.redemption;
	hash bytea := promo.cart_hash(lines);
	asked record;
	detail jsonb;
	all_units bigint;
	before bigint;
	one numeric;
	discount bigint;
	gross bigint;
	discounts bigint := 0;
	amounts bigint := 0;
	told jsonb := '[]';
	shares jsonb := '{}';
	entry bigint;
	answer jsonb;
BEGIN
	PERFORM promo.order_check('refund', order_id, at);
	IF refund_id IS NULL OR lines IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'refund_id and lines of refund() must not be null';
	ELSIF refund_id = '' OR jsonb_typeof(lines) <> 'array' OR lines = '[]' OR EXISTS (
			SELECT FROM jsonb_array_elements(lines) l
			WHERE jsonb_typeof(l) <> 'object' OR l - '{line,quantity}'::text[] <> '{}' OR jsonb_typeof(l -> 'line') IS DISTINCT FROM 'string'
				OR coalesce(l ->> 'quantity', '') !~ '^[0-9]{1,10}(\.[0-9]{1,3})?$') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'lines of refund() must be an array as [{"line": "a", "quantity": 1}], and refund_id not empty';
	END IF;
	present := promo.order_known(order_id);
	SELECT r.* INTO earlier FROM promo.redemption r WHERE r.order_id = refund.order_id AND r.refund_id = refund.refund_id;
	IF FOUND THEN
		IF earlier.cart_hash <> hash THEN
			RAISE EXCEPTION USING ERRCODE = 'PC004',
				MESSAGE = format('refund "%s" of order "%s" was here before with other lines', refund_id, order_id);
		END IF;
		RETURN earlier.result;
	ELSIF present.state NOT IN ('redeemed', 'partially_refunded') THEN
		PERFORM promo.order_stands(order_id, present.state, 'refunded');
	END IF;
	SELECT r.* INTO STRICT taken FROM promo.redemption r WHERE r.redemption_id = present.redemption_id;
	IF taken.result IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the cart of order "%s" was erased with its customer', order_id);
	END IF;

	FOR asked IN
		SELECT l ->> 'line' AS line, sum((l ->> 'quantity')::numeric) AS quantity
		FROM jsonb_array_elements(lines) l GROUP BY 1 ORDER BY 1
	LOOP
		SELECT d INTO detail FROM jsonb_array_elements(taken.result -> 'line_details') d WHERE d ->> 'line' = asked.line;
		IF NOT FOUND THEN
			RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
				MESSAGE = format('order "%s" has no line "%s"', order_id, asked.line);
		END IF;
		SELECT sum((p ->> 0)::bigint) INTO all_units FROM jsonb_array_elements(detail -> 'units') p;
		SELECT coalesce(sum((l ->> 'units')::bigint), 0) INTO before
		FROM promo.redemption r, jsonb_array_elements(r.result -> 'lines') l
		WHERE r.order_id = refund.order_id AND r.event = 'refund' AND r.of_id = taken.redemption_id AND l ->> 'line' = asked.line;
		-- A line whose quantity is no whole number is one unit.
		SELECT CASE WHEN (l ->> 'quantity')::numeric = all_units THEN 1 ELSE (l ->> 'quantity')::numeric END INTO one
		FROM jsonb_array_elements(taken.cart -> 'lines') l WHERE l ->> 'id' = asked.line;
		IF asked.quantity <= 0 OR asked.quantity % one <> 0 OR asked.quantity / one > all_units - before THEN
			RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
				MESSAGE = format('%s of line "%s" of order "%s" cannot come back', asked.quantity, asked.line, order_id),
				DETAIL = format('%s are left.', trim_scale((all_units - before) * one));
		END IF;
		-- A line's value is shared evenly; the last unit takes what is left.
		gross := floor((detail ->> 'value')::numeric * 10::numeric ^ taken.exponent * (before + asked.quantity / one) / all_units)
			- floor((detail ->> 'value')::numeric * 10::numeric ^ taken.exponent * before / all_units);
		discount := 0;
		SELECT coalesce(sum(s.amount), 0), shares || coalesce(jsonb_object_agg(s.promotion_id, coalesce((shares ->> s.promotion_id::text)::bigint, 0) + s.amount), '{}')
		INTO discount, shares
		FROM (SELECT rp.promotion_id, sum(promo.refund_share(rp.lines -> asked.line, u.first, u.past))::bigint AS amount
			  FROM promo.redemption_promotion rp, promo.refund_ranges(detail -> 'units', before, (asked.quantity / one)::bigint) u
			  WHERE rp.redemption_id = taken.redemption_id AND rp.lines ? asked.line
			  GROUP BY rp.promotion_id) s;
		discounts := discounts + discount;
		amounts := amounts + gross - discount;
		told := told || jsonb_build_object('line', asked.line, 'quantity', asked.quantity, 'units', (asked.quantity / one)::bigint,
			'discount', promo.money_text(discount, taken.exponent), 'amount', promo.money_text(gross - discount, taken.exponent));
	END LOOP;
	answer := jsonb_build_object('order', order_id, 'refund', refund_id, 'lines', told,
		'discount', promo.money_text(discounts, taken.exponent), 'amount', promo.money_text(amounts, taken.exponent));
	INSERT INTO promo.redemption AS n (order_id, event, of_id, refund_id, customer_id, customer_keys, currency, exponent, goods_discount,
		shipping_discount, total, cart_hash, result, at, actor)
	VALUES (refund.order_id, 'refund', taken.redemption_id, refund.refund_id, taken.customer_id, taken.customer_keys, taken.currency,
		taken.exponent, -discounts, 0, -amounts, hash, answer, refund.at, promo.coupon_actor())
	RETURNING n.redemption_id INTO entry;
	INSERT INTO promo.redemption_promotion (redemption_id, promotion_id, version, code_id, uses, goods_discount, shipping_discount, lines)
	SELECT entry, rp.promotion_id, rp.version, rp.code_id, 0, -(shares ->> rp.promotion_id::text)::bigint, 0, '{}'
	FROM promo.redemption_promotion rp
	WHERE rp.redemption_id = taken.redemption_id AND (shares ->> rp.promotion_id::text)::bigint > 0;
	UPDATE promo.redemption_order o
	SET state = CASE WHEN (
			SELECT sum((p ->> 0)::bigint) FROM jsonb_array_elements(taken.result -> 'line_details') d, jsonb_array_elements(d -> 'units') p)
		= (SELECT sum((l ->> 'units')::bigint) FROM promo.redemption r, jsonb_array_elements(r.result -> 'lines') l
		   WHERE r.order_id = refund.order_id AND r.event = 'refund' AND r.of_id = taken.redemption_id)
		THEN 'refunded' ELSE 'partially_refunded' END
	WHERE o.order_id = refund.order_id;
	PERFORM promo.entry_move(entry, false, false, false);
	RETURN answer;
END
$$;

COMMENT ON FUNCTION refund(text, text, jsonb, timestamptz) IS
'returns some units of an order''s lines, as [{"line": "a", "quantity": 1}]: what each of them bore comes back to budgets, and amount is what it cost; uses stay used; a repeat under the same refund_id gives the same answer';

CREATE FUNCTION sweep_batch(as_of timestamptz, batch_size int)
RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF batch_size < 1 OR NOT isfinite(as_of) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'as_of must be finite, and batch_size 1 or more';
	END IF;
	LOCK TABLE promo.redemption IN ROW EXCLUSIVE MODE;
	RETURN promo.sweep_now(as_of, batch_size, promo.coupon_actor());
END
$$;

COMMENT ON FUNCTION sweep_batch(timestamptz, int) IS
'expires reservations that are over, as many as asked at most, and gives how many; leaves those that somebody is busy with to the next time';

CREATE PROCEDURE sweep_reservations(as_of timestamptz DEFAULT pg_catalog.now(), batch_size int DEFAULT 1000)
LANGUAGE plpgsql
AS $$
BEGIN
	WHILE promo.sweep_batch(as_of, batch_size) OPERATOR(pg_catalog.>) 0 LOOP
		COMMIT;
	END LOOP;
END
$$;

COMMENT ON PROCEDURE sweep_reservations(timestamptz, int) IS
'expires all reservations that are over, batch by batch';

-- What the ledger says
CREATE VIEW promotion_usage AS
SELECT p.promotion, p.campaign,
	coalesce(u.used, 0) AS used, coalesce(u.reserved, 0) AS reserved,
	l.most, pg_catalog.round(b.most / 10::numeric ^ b.exponent, b.exponent) AS budget,
	coalesce(u.discounts, '{}') AS discounts
FROM promotion p
LEFT JOIN (
	SELECT s.promotion_id, sum(s.used)::bigint AS used, sum(s.reserved)::bigint AS reserved,
		pg_catalog.jsonb_object_agg(s.currency, pg_catalog.round(s.money / 10::numeric ^ s.exponent, s.exponent)) AS discounts
	FROM (SELECT rp.promotion_id, r.currency, max(r.exponent) AS exponent, sum(rp.goods_discount + rp.shipping_discount) AS money,
			coalesce(sum(rp.uses) FILTER (WHERE o.state <> 'reserved'), 0) AS used,
			coalesce(sum(rp.uses) FILTER (WHERE o.state = 'reserved'), 0) AS reserved
		  FROM redemption_promotion rp JOIN redemption r USING (redemption_id) JOIN redemption_order o USING (order_id)
		  GROUP BY rp.promotion_id, r.currency) s
	GROUP BY s.promotion_id) u ON u.promotion_id = p.promotion_id
LEFT JOIN usage_limit l ON l.promotion_id = p.promotion_id AND l.counts = 'uses' AND l.period IS NULL AND l.ended_at IS NULL
LEFT JOIN usage_limit b ON b.promotion_id = p.promotion_id AND b.counts = 'money' AND b.period IS NULL AND b.ended_at IS NULL;

COMMENT ON VIEW promotion_usage IS
'how often each promotion is used and reserved, of how many uses at most, and what it took off in each currency, of which budget; exact, by the ledger';

CREATE FUNCTION redemption_audit()
RETURNS TABLE (promotion text, campaign text, code text, counts text, period_start date, customer bigint,
	ledger_used bigint, counted_used bigint, ledger_reserved bigint, counted_reserved bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT p.promotion, l.campaign, c.code, l.counts, k.period_start, k.customer_id,
		coalesce(k.ledger_used, 0), coalesce(k.counted_used, 0), coalesce(k.ledger_reserved, 0), coalesce(k.counted_reserved, 0)
	FROM promo.usage_limit l
	LEFT JOIN promo.promotion p ON p.promotion_id = l.promotion_id
	LEFT JOIN promo.coupon_code c ON c.code_id = l.code_id
	CROSS JOIN LATERAL (
		SELECT b.period_start, b.customer_id,
			sum(b.used) FILTER (WHERE b.by_ledger)::bigint AS ledger_used, sum(b.used) FILTER (WHERE NOT b.by_ledger)::bigint AS counted_used,
			sum(b.reserved) FILTER (WHERE b.by_ledger)::bigint AS ledger_reserved, sum(b.reserved) FILTER (WHERE NOT b.by_ledger)::bigint AS counted_reserved
		FROM (SELECT true AS by_ledger, g.period_start, g.customer_id, g.used, g.reserved FROM promo.limit_ledger(l.limit_id) g
			  UNION ALL
			  SELECT false, s.period_start, NULL, s.used, s.reserved FROM promo.usage_slot s WHERE s.limit_id = l.limit_id
			  UNION ALL
			  SELECT false, u.period_start, u.customer_id, u.used, u.reserved FROM promo.usage_customer u WHERE u.limit_id = l.limit_id) b
		GROUP BY b.period_start, b.customer_id) k
	WHERE l.ended_at IS NULL
		AND (coalesce(k.ledger_used, 0), coalesce(k.ledger_reserved, 0)) <> (coalesce(k.counted_used, 0), coalesce(k.counted_reserved, 0))
	ORDER BY l.limit_id, 5, 6;
END
$$;

COMMENT ON FUNCTION redemption_audit() IS
'where counters and ledger disagree, which is nowhere';

REVOKE ALL ON FUNCTION refund_ranges(jsonb, bigint, bigint), refund_share(jsonb, bigint, bigint), refund(text, text, jsonb, timestamptz),
	money_text(bigint, int), sweep_batch(timestamptz, int), redemption_audit() FROM PUBLIC;
REVOKE ALL ON PROCEDURE sweep_reservations(timestamptz, int) FROM PUBLIC;
