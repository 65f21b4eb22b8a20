/* src/coupon/limit.sql */

-- Setting limits, and moving what is used between their slots.

-- Gives a limit that many slots, each with its part of it.  What is used and
-- reserved stays in its slot unless the slot goes; then slot 0 takes it over,
-- and an empty row stays, since others may wait for its lock.  Where more is
-- used than the limit allows now, the slots from 0 on lack it: uses that come
-- back go to them first.
CREATE FUNCTION limit_spread(limit_id bigint, period_start date, most bigint, slots int)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	free bigint;
	lacking bigint;
	place record;
	part bigint;
BEGIN
	INSERT INTO promo.usage_slot (limit_id, period_start, slot, most)
	SELECT $1, $2, g, 0 FROM generate_series(0, slots - 1) g
	ORDER BY g
	ON CONFLICT ON CONSTRAINT usage_slot_pkey DO NOTHING;
	PERFORM FROM promo.usage_slot s
	WHERE s.limit_id = $1 AND s.period_start = $2
	ORDER BY s.slot FOR UPDATE;

	UPDATE promo.usage_slot s
	SET used = s.used + gone.used, reserved = s.reserved + gone.reserved
	FROM (SELECT coalesce(sum(g.used), 0)::bigint AS used, coalesce(sum(g.reserved), 0)::bigint AS reserved
		  FROM promo.usage_slot g WHERE g.limit_id = $1 AND g.period_start = $2 AND g.slot >= $4) gone
	WHERE s.limit_id = $1 AND s.period_start = $2 AND s.slot = 0 AND gone.used + gone.reserved > 0;
	UPDATE promo.usage_slot s SET most = 0, used = 0, reserved = 0
	WHERE s.limit_id = $1 AND s.period_start = $2 AND s.slot >= $4 AND (s.most, s.used, s.reserved) <> (0, 0, 0);

	SELECT $3 - sum(s.used + s.reserved) INTO free
	FROM promo.usage_slot s WHERE s.limit_id = $1 AND s.period_start = $2;
	lacking := greatest(-free, 0);
	free := greatest(free, 0);
	FOR place IN
		SELECT s.slot, s.used + s.reserved AS held FROM promo.usage_slot s
		WHERE s.limit_id = $1 AND s.period_start = $2 AND s.slot < $4 ORDER BY s.slot
	LOOP
		part := least(lacking, place.held);
		lacking := lacking - part;
		UPDATE promo.usage_slot s
		SET most = place.held - part + free / slots + CASE WHEN place.slot < free % slots THEN 1 ELSE 0 END
		WHERE s.limit_id = $1 AND s.period_start = $2 AND s.slot = place.slot;
	END LOOP;
END
$$;

COMMENT ON FUNCTION limit_spread(bigint, date, bigint, int) IS
'internal: spreads a limit over its slots, in the order of the slots';

-- What the ledger says of a limit: what is used and reserved of it in each
-- period, and by each customer where it is one for customers.  An entry counts
-- in the period of the entry that took the capacity, and for the campaign that
-- the promotion was of in its version.
CREATE FUNCTION limit_ledger(limit_id bigint)
RETURNS TABLE (period_start date, customer_id bigint, used bigint, reserved bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	asked promo.usage_limit;
BEGIN
	SELECT l.* INTO STRICT asked FROM promo.usage_limit l WHERE l.limit_id = $1;
	RETURN QUERY
	SELECT e.period_start, e.customer_id,
		coalesce(sum(e.amount) FILTER (WHERE NOT e.held), 0)::bigint, coalesce(sum(e.amount) FILTER (WHERE e.held), 0)::bigint
	FROM (
		SELECT CASE WHEN asked.period IS NULL THEN '-infinity'
				ELSE date_trunc(asked.period, taken.at AT TIME ZONE asked.time_zone)::date END AS period_start,
			k.customer_id, o.state = 'reserved' AS held,
			CASE WHEN asked.counts <> 'money' THEN rp.uses
				WHEN v.definition -> 'budget_goods_only' = 'true' THEN rp.goods_discount
				ELSE rp.goods_discount + rp.shipping_discount END AS amount
		FROM promo.redemption_promotion rp
		LEFT JOIN promo.promotion_version v ON (v.promotion_id, v.version) = (rp.promotion_id, rp.version)
		JOIN promo.redemption r ON r.redemption_id = rp.redemption_id
		JOIN promo.redemption taken ON taken.redemption_id = coalesce(r.of_id, r.redemption_id)
		JOIN promo.redemption_order o ON o.order_id = r.order_id
		CROSS JOIN LATERAL unnest(CASE WHEN asked.counts = 'customer' THEN taken.customer_id || taken.customer_keys
									ELSE '{NULL}'::bigint[] END) k (customer_id)
		WHERE CASE
				WHEN asked.promotion_id IS NOT NULL THEN rp.promotion_id = asked.promotion_id
				WHEN asked.code_id IS NOT NULL THEN rp.code_id = asked.code_id
				ELSE v.definition ->> 'campaign' = asked.campaign
			END
			AND (asked.currency IS NULL OR (taken.currency, taken.exponent) = (asked.currency, asked.exponent))
			AND (k.customer_id IS NOT NULL OR asked.counts <> 'customer')) e
	GROUP BY e.period_start, e.customer_id
	HAVING sum(e.amount) <> 0;
END
$$;

COMMENT ON FUNCTION limit_ledger(bigint) IS
'internal: what is used and reserved of a limit, by the ledger of redemptions';

-- A new limit counts what was redeemed before it.  Whoever redeems holds a
-- lock on the ledger from before he looks for limits to the end of his
-- transaction: so here, nobody is in the middle who has not seen the limit,
-- and nobody counts twice.
CREATE FUNCTION limit_start(fresh usage_limit)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	place record;
BEGIN
	LOCK TABLE promo.redemption IN SHARE ROW EXCLUSIVE MODE;
	IF fresh.counts = 'customer' THEN
		INSERT INTO promo.usage_customer (limit_id, customer_id, period_start, used, reserved)
		SELECT fresh.limit_id, c.customer_id, c.period_start, c.used, c.reserved
		FROM promo.limit_ledger(fresh.limit_id) c;
		RETURN;
	END IF;
	INSERT INTO promo.usage_slot (limit_id, period_start, slot, most, used, reserved)
	SELECT fresh.limit_id, c.period_start, 0, 0, c.used, c.reserved
	FROM promo.limit_ledger(fresh.limit_id) c;
	IF fresh.period IS NULL THEN
		PERFORM promo.limit_spread(fresh.limit_id, '-infinity', fresh.most, fresh.slots);
	ELSE
		FOR place IN
			SELECT s.period_start FROM promo.usage_slot s WHERE s.limit_id = fresh.limit_id
		LOOP
			PERFORM promo.limit_spread(fresh.limit_id, place.period_start, fresh.most, fresh.slots);
		END LOOP;
	END IF;
END
$$;

COMMENT ON FUNCTION limit_start(usage_limit) IS
'internal: counts what was used and reserved before a limit was set';

CREATE FUNCTION limits_put(promotion_id bigint, campaign text, code_id bigint, counts text[], periods text[], most bigint[],
	time_zone text, currency text, exponent int, slots int)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.usage_limit;
	wanted record;
	place record;
BEGIN
	-- Whoever sets limits of the same waits here; who takes of them does not
	-- lock these rows.
	PERFORM FROM promo.usage_limit l
	WHERE (l.promotion_id = $1 OR l.campaign = $2 OR l.code_id = $3) AND l.ended_at IS NULL
	ORDER BY l.limit_id FOR UPDATE;
	-- Whoever takes of them locks their slots in this order.
	PERFORM FROM promo.usage_slot s
	WHERE s.limit_id IN (SELECT l.limit_id FROM promo.usage_limit l
						 WHERE (l.promotion_id = $1 OR l.campaign = $2 OR l.code_id = $3) AND l.ended_at IS NULL)
	ORDER BY s.limit_id, s.period_start, s.slot FOR UPDATE;

	UPDATE promo.usage_limit l SET ended_at = now()
	WHERE (l.promotion_id = $1 OR l.campaign = $2 OR l.code_id = $3) AND l.ended_at IS NULL
		-- A campaign has budgets in several currencies; those not named here stay.
		AND (l.currency IS NULL OR l.currency = $8 OR $2 IS NULL)
		AND NOT EXISTS (SELECT FROM unnest($4, $5) u (counts, period)
						WHERE u.counts = l.counts AND u.period = coalesce(l.period, '')
							AND (l.currency IS NULL OR (l.currency, l.exponent) = ($8, $9))
							AND (l.period IS NULL OR l.time_zone = $7));
	FOR wanted IN
		SELECT u.counts, nullif(u.period, '') AS period, u.most,
			CASE WHEN u.counts = 'customer' THEN 1 ELSE $10 END AS slots
		FROM unnest($4, $5, $6) u (counts, period, most)
	LOOP
		SELECT l.* INTO present FROM promo.usage_limit l
		WHERE (l.promotion_id = $1 OR l.campaign = $2 OR l.code_id = $3) AND l.ended_at IS NULL
			AND l.counts = wanted.counts AND l.period IS NOT DISTINCT FROM wanted.period
			AND (l.currency IS NULL OR l.currency = $8);
		IF NOT FOUND THEN
			INSERT INTO promo.usage_limit AS l (promotion_id, campaign, code_id, counts, period, time_zone, most,
				currency, exponent, slots)
			VALUES ($1, $2, $3, wanted.counts, wanted.period, CASE WHEN wanted.period IS NOT NULL THEN $7 END, wanted.most,
				CASE WHEN wanted.counts = 'money' THEN $8 END, CASE WHEN wanted.counts = 'money' THEN $9 END,
				wanted.slots)
			RETURNING l.* INTO present;
			PERFORM promo.limit_start(present);
		ELSIF (present.most, present.slots) <> (wanted.most, wanted.slots) THEN
			UPDATE promo.usage_limit l SET most = wanted.most, slots = wanted.slots
			WHERE l.limit_id = present.limit_id;
			FOR place IN
				SELECT DISTINCT s.period_start FROM promo.usage_slot s
				WHERE s.limit_id = present.limit_id ORDER BY s.period_start
			LOOP
				PERFORM promo.limit_spread(present.limit_id, place.period_start, wanted.most, wanted.slots);
			END LOOP;
		END IF;
	END LOOP;
END
$$;

COMMENT ON FUNCTION limits_put(bigint, text, bigint, text[], text[], bigint[], text, text, int, int) IS
'internal: the limits of a promotion, a campaign or a code in place of those before; what is used stays counted';

CREATE FUNCTION limit_campaign(campaign text, limits jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'promo_limit_campaign'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION limit_campaign(text, jsonb) IS
'sets the limits of all promotions of a campaign together, in place of those before: {"total": n, "per_customer": n, "budget": "5000.00", "currency": {...}, "periods": [{"period": "day", ...}], "time_zone": ..., "slots": n}; budgets in other currencies stay';

CREATE FUNCTION limit_code(code text, limits jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'promo_limit_code'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION limit_code(text, jsonb) IS
'sets the limits of a shared code, in place of those before, as limit_campaign() does';

REVOKE ALL ON FUNCTION limit_spread(bigint, date, bigint, int), limit_ledger(bigint), limit_start(usage_limit),
	limits_put(bigint, text, bigint, text[], text[], bigint[], text, text, int, int),
	limit_campaign(text, jsonb), limit_code(text, jsonb) FROM PUBLIC;
