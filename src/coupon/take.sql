/* src/coupon/take.sql */

-- Taking of limits, and giving back.
--
-- The order in which everything here locks, and the only place where it is
-- stated: the ledger (ROW EXCLUSIVE, so that whoever sets a new limit waits),
-- the rows of customers, the row of the order, usage_customer by limit and
-- customer, codes by number, and last usage_slot by limit, period and slot.
-- What sweeps on the way never waits.

-- Takes of a limit.  One slot is a single guarded update.  Of several, one
-- that nobody holds and that has enough will do; where there is none, a second
-- pass waits for each in order, so that "sold out" is true.  Money may be
-- gathered from all slots together.
CREATE FUNCTION usage_take(limit_id bigint, period_start date, most bigint, slots int, amount bigint, reserve boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	start int;
	place record;
	free bigint;
	part bigint;
BEGIN
	IF amount > most THEN
		RETURN false;
	END IF;
	FOR attempt IN 1..2 LOOP
		IF slots = 1 THEN
			UPDATE promo.usage_slot s
			SET used = s.used + CASE WHEN reserve THEN 0 ELSE amount END,
				reserved = s.reserved + CASE WHEN reserve THEN amount ELSE 0 END
			WHERE s.limit_id = $1 AND s.period_start = $2 AND s.slot = 0 AND s.used + s.reserved + amount <= s.most;
			IF FOUND THEN
				RETURN true;
			END IF;
		ELSE
			start := floor(random() * slots);
			UPDATE promo.usage_slot u
			SET used = u.used + CASE WHEN reserve THEN 0 ELSE amount END,
				reserved = u.reserved + CASE WHEN reserve THEN amount ELSE 0 END
			WHERE (u.limit_id, u.period_start) = ($1, $2) AND u.slot = (
				SELECT s.slot FROM promo.usage_slot s
				WHERE s.limit_id = $1 AND s.period_start = $2 AND s.used + s.reserved + amount <= s.most
				ORDER BY (s.slot + start) % slots LIMIT 1 FOR UPDATE SKIP LOCKED);
			IF FOUND THEN
				RETURN true;
			END IF;
			FOR i IN 0..slots - 1 LOOP
				UPDATE promo.usage_slot s
				SET used = s.used + CASE WHEN reserve THEN 0 ELSE amount END,
					reserved = s.reserved + CASE WHEN reserve THEN amount ELSE 0 END
				WHERE s.limit_id = $1 AND s.period_start = $2 AND s.slot = i AND s.used + s.reserved + amount <= s.most;
				IF FOUND THEN
					RETURN true;
				END IF;
			END LOOP;
			IF amount > 1 THEN
				PERFORM FROM promo.usage_slot s WHERE s.limit_id = $1 AND s.period_start = $2 ORDER BY s.slot FOR UPDATE;
				SELECT sum(s.most - s.used - s.reserved) INTO free
				FROM promo.usage_slot s WHERE s.limit_id = $1 AND s.period_start = $2;
				IF free >= amount THEN
					free := amount;
					FOR place IN
						SELECT s.slot, s.most - s.used - s.reserved AS free FROM promo.usage_slot s
						WHERE s.limit_id = $1 AND s.period_start = $2 AND s.most > s.used + s.reserved ORDER BY s.slot
					LOOP
						part := least(place.free, free);
						UPDATE promo.usage_slot s
						SET used = s.used + CASE WHEN reserve THEN 0 ELSE part END,
							reserved = s.reserved + CASE WHEN reserve THEN part ELSE 0 END
						WHERE s.limit_id = $1 AND s.period_start = $2 AND s.slot = place.slot;
						free := free - part;
						EXIT WHEN free = 0;
					END LOOP;
					RETURN true;
				END IF;
			END IF;
		END IF;
		-- The first of a new period makes its slots.
		IF attempt = 1 THEN
			IF EXISTS (SELECT FROM promo.usage_slot s WHERE s.limit_id = $1 AND s.period_start = $2) THEN
				RETURN false;
			END IF;
			PERFORM promo.limit_spread($1, $2, most, slots);
		END IF;
	END LOOP;
	RETURN false;
END
$$;

COMMENT ON FUNCTION usage_take(bigint, date, bigint, int, bigint, boolean) IS
'internal: takes of a limit, or says that it is used up';

-- Moves what is reserved to used, or gives back either.  Slots that lack
-- anything, since the limit was lowered, come first.
CREATE FUNCTION usage_move(limit_id bigint, period_start date, slots int, amount bigint, from_reserved boolean, to_used boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	remaining bigint := amount;
	part bigint;
	place record;
BEGIN
	IF slots > 1 AND amount = 1 THEN
		UPDATE promo.usage_slot u
		SET reserved = u.reserved - CASE WHEN from_reserved THEN amount ELSE 0 END,
			used = u.used - CASE WHEN from_reserved THEN 0 ELSE amount END + CASE WHEN to_used THEN amount ELSE 0 END
		WHERE (u.limit_id, u.period_start) = ($1, $2) AND u.slot = (
			SELECT s.slot FROM promo.usage_slot s
			WHERE s.limit_id = $1 AND s.period_start = $2
				AND CASE WHEN from_reserved THEN s.reserved ELSE s.used END >= amount
				AND (to_used OR NOT EXISTS (SELECT FROM promo.usage_slot l WHERE l.limit_id = $1 AND l.period_start = $2
											AND l.used + l.reserved > l.most))
			ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED);
		IF FOUND THEN
			RETURN;
		END IF;
	END IF;
	PERFORM FROM promo.usage_slot s WHERE s.limit_id = $1 AND s.period_start = $2 ORDER BY s.slot FOR UPDATE;
	FOR place IN
		SELECT s.slot, CASE WHEN from_reserved THEN s.reserved ELSE s.used END AS held FROM promo.usage_slot s
		WHERE s.limit_id = $1 AND s.period_start = $2
		ORDER BY (s.used + s.reserved > s.most) DESC, s.slot
	LOOP
		part := least(place.held, remaining);
		CONTINUE WHEN part = 0;
		UPDATE promo.usage_slot s
		SET reserved = s.reserved - CASE WHEN from_reserved THEN part ELSE 0 END,
			used = s.used - CASE WHEN from_reserved THEN 0 ELSE part END + CASE WHEN to_used THEN part ELSE 0 END
		WHERE s.limit_id = $1 AND s.period_start = $2 AND s.slot = place.slot;
		remaining := remaining - part;
		EXIT WHEN remaining = 0;
	END LOOP;
	IF remaining > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'data_corrupted',
			MESSAGE = format('limit %s counts less than what is given back', limit_id),
			HINT = 'promo.redemption_audit() tells more.';
	END IF;
END
$$;

COMMENT ON FUNCTION usage_move(bigint, date, int, bigint, boolean, boolean) IS
'internal: turns what is reserved of a limit into used, or gives it back';

-- The limits that the uses of an entry of the ledger count against, and how
-- much; negative where they come back.
CREATE FUNCTION entry_counts(redemption_id bigint)
RETURNS TABLE (limit_id bigint, counts text, period_start date, slots int, amount bigint, customer_ids bigint[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT l.limit_id, l.counts,
		CASE WHEN l.period IS NULL THEN '-infinity' ELSE date_trunc(l.period, t.at AT TIME ZONE l.time_zone)::date END,
		l.slots,
		sum(CASE WHEN l.counts <> 'money' THEN rp.uses
			WHEN v.definition -> 'budget_goods_only' = 'true' THEN rp.goods_discount
			ELSE rp.goods_discount + rp.shipping_discount END)::bigint,
		t.customer_id || t.customer_keys
	FROM promo.redemption r
	JOIN promo.redemption t ON t.redemption_id = coalesce(r.of_id, r.redemption_id)
	JOIN promo.redemption_promotion rp ON rp.redemption_id = r.redemption_id
	JOIN promo.promotion_version v ON (v.promotion_id, v.version) = (rp.promotion_id, rp.version)
	JOIN promo.usage_limit l ON l.ended_at IS NULL
		AND (l.promotion_id = rp.promotion_id OR l.campaign = v.definition ->> 'campaign' OR l.code_id = rp.code_id)
		AND (l.currency IS NULL OR (l.currency, l.exponent) = (t.currency, t.exponent))
	WHERE r.redemption_id = $1
	GROUP BY l.limit_id, t.redemption_id
	HAVING sum(CASE WHEN l.counts <> 'money' THEN rp.uses
			WHEN v.definition -> 'budget_goods_only' = 'true' THEN rp.goods_discount
			ELSE rp.goods_discount + rp.shipping_discount END) <> 0
	ORDER BY l.limit_id;
END
$$;

COMMENT ON FUNCTION entry_counts(bigint) IS
'internal: what an entry of the ledger counts against limits';

-- Moves what an entry counts: back, where it takes back, or from reserved to
-- used.  In the order of locks, codes go between customers and slots.
CREATE FUNCTION entry_move(redemption_id bigint, from_reserved boolean, to_used boolean, of_customers boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	held record;
	customer bigint;
BEGIN
	FOR held IN SELECT c.* FROM promo.entry_counts($1) c WHERE (c.counts = 'customer') = of_customers LOOP
		IF of_customers THEN
			FOREACH customer IN ARRAY held.customer_ids LOOP
				UPDATE promo.usage_customer u
				SET reserved = u.reserved - CASE WHEN from_reserved THEN abs(held.amount) ELSE 0 END,
					used = u.used - CASE WHEN from_reserved THEN 0 ELSE abs(held.amount) END
						+ CASE WHEN to_used THEN abs(held.amount) ELSE 0 END
				WHERE u.limit_id = held.limit_id AND u.customer_id = customer AND u.period_start = held.period_start;
			END LOOP;
		ELSE
			PERFORM promo.usage_move(held.limit_id, held.period_start, held.slots, abs(held.amount), from_reserved, to_used);
		END IF;
	END LOOP;
END
$$;

COMMENT ON FUNCTION entry_move(bigint, boolean, boolean, boolean) IS
'internal: moves what an entry of the ledger counts, of customers or in slots';

-- An entry that takes back all that an order holds; the order's row is locked.
-- Uses that their promotion does not restore stay where they are.
CREATE FUNCTION order_give_back(order_id text, event text, new_state text, reason text, at timestamptz, actor text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.redemption_order;
	was_reserved boolean;
	entry bigint;
BEGIN
	SELECT o.* INTO STRICT present FROM promo.redemption_order o WHERE o.order_id = $1;
	was_reserved := present.state = 'reserved';
	INSERT INTO promo.redemption AS n (order_id, event, of_id, customer_id, customer_keys, currency, exponent, goods_discount,
		shipping_discount, total, cart_hash, at, actor, reason)
	SELECT $1, order_give_back.event, t.redemption_id, t.customer_id, t.customer_keys, t.currency, t.exponent,
		-sum(r.goods_discount), -sum(r.shipping_discount), -sum(r.total), t.cart_hash, $5, $6, $4
	FROM promo.redemption t
	JOIN promo.redemption r ON r.order_id = $1 AND coalesce(r.of_id, r.redemption_id) = t.redemption_id
	WHERE t.redemption_id = present.redemption_id
	GROUP BY t.redemption_id
	RETURNING n.redemption_id INTO entry;
	INSERT INTO promo.redemption_promotion (redemption_id, promotion_id, version, code_id, uses, goods_discount,
		shipping_discount, lines)
	SELECT entry, h.promotion_id, h.version, h.code_id, -h.uses, -h.goods, -h.shipping, '{}'
	FROM (SELECT rp.promotion_id, max(rp.version) AS version, max(rp.code_id) AS code_id, sum(rp.uses)::int AS uses,
			sum(rp.goods_discount)::bigint AS goods, sum(rp.shipping_discount)::bigint AS shipping
		  FROM promo.redemption r JOIN promo.redemption_promotion rp ON rp.redemption_id = r.redemption_id
		  WHERE r.order_id = $1 AND coalesce(r.of_id, r.redemption_id) = present.redemption_id
			AND r.redemption_id <> entry
		  GROUP BY rp.promotion_id) h
	JOIN promo.promotion_version v ON (v.promotion_id, v.version) = (h.promotion_id, h.version)
	WHERE was_reserved OR v.definition -> 'restore_on_void' IS DISTINCT FROM 'false';

	PERFORM promo.entry_move(entry, was_reserved, false, true);
	UPDATE promo.coupon_code c SET state = 'issued', order_id = NULL
	WHERE c.code_id IN (SELECT rp.code_id FROM promo.redemption_promotion rp WHERE rp.redemption_id = entry)
		AND c.kind <> 'shared' AND c.order_id = $1;
	-- What it earned is worth nothing any more, unless it is used already.
	IF event = 'void' THEN
		UPDATE promo.coupon_code c SET state = 'revoked'
		FROM promo.redemption t, jsonb_array_elements(t.result -> 'issued') WITH ORDINALITY i (issued, place), promo.promotion p
		WHERE t.redemption_id = present.redemption_id AND p.promotion = i.issued ->> 'of' AND c.promotion_id = p.promotion_id
			AND c.issue_key = promo.order_issue_key($1, t.redemption_id, i.place) AND c.state = 'issued';
	END IF;
	UPDATE promo.redemption_order o SET state = new_state, expires_at = NULL WHERE o.order_id = $1;
	PERFORM promo.entry_move(entry, was_reserved, false, false);
END
$$;

COMMENT ON FUNCTION order_give_back(text, text, text, text, timestamptz, text) IS
'internal: takes back all that an order holds';

-- Expires reservations that are over, as many as asked at most, without ever
-- waiting for whoever holds any of their rows.  Gives how many it did.
CREATE FUNCTION sweep_now(as_of timestamptz, batch_size int, actor text)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	due record;
	swept int := 0;
BEGIN
	FOR due IN
		SELECT o.order_id, o.redemption_id FROM promo.redemption_order o
		WHERE o.expires_at <= as_of ORDER BY o.expires_at, o.order_id LIMIT batch_size FOR UPDATE SKIP LOCKED
	LOOP
		BEGIN
			PERFORM FROM promo.entry_counts(due.redemption_id) c
			JOIN promo.usage_customer u ON u.limit_id = c.limit_id AND u.period_start = c.period_start
				AND u.customer_id = ANY (c.customer_ids)
			WHERE c.counts = 'customer' FOR UPDATE OF u NOWAIT;
			PERFORM FROM promo.redemption_promotion rp JOIN promo.coupon_code k ON k.code_id = rp.code_id AND k.kind <> 'shared'
			WHERE rp.redemption_id = due.redemption_id FOR UPDATE OF k NOWAIT;
			PERFORM FROM promo.entry_counts(due.redemption_id) c
			JOIN promo.usage_slot s ON s.limit_id = c.limit_id AND s.period_start = c.period_start
			WHERE c.counts <> 'customer' FOR UPDATE OF s NOWAIT;
			PERFORM promo.order_give_back(due.order_id, 'expire', 'expired', NULL, as_of, actor);
			swept := swept + 1;
		EXCEPTION WHEN lock_not_available THEN
			NULL;
		END;
	END LOOP;
	RETURN swept;
END
$$;

COMMENT ON FUNCTION sweep_now(timestamptz, int, text) IS
'internal: expires reservations that are over and that nobody is busy with';

REVOKE ALL ON FUNCTION usage_take(bigint, date, bigint, int, bigint, boolean), usage_move(bigint, date, int, bigint, boolean, boolean),
	entry_counts(bigint), entry_move(bigint, boolean, boolean, boolean),
	order_give_back(text, text, text, text, timestamptz, text), sweep_now(timestamptz, int, text) FROM PUBLIC;
