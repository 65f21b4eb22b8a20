/* src/coupon/redeem.sql */

-- Reserving and redeeming what a cart uses, and giving it back.
--
-- Errors have an SQLSTATE of their own: PC001 a code of the cart does not
-- apply, PC002 a limit is used up, PC003 a reservation is over, PC004 the
-- order was here before with another content, PC005 the price has changed.

CREATE FUNCTION coupon_actor()
RETURNS text
AS 'MODULE_PATHNAME', 'promo_coupon_actor'
LANGUAGE C STABLE PARALLEL SAFE;

COMMENT ON FUNCTION coupon_actor() IS
'internal: the role that calls, whatever function with other rights it calls through';

CREATE FUNCTION order_quote(order_id text, cart jsonb, at timestamptz, refused bigint[],
	OUT answer jsonb, OUT failed jsonb, OUT limited boolean, OUT uses jsonb, OUT takes jsonb, OUT automatic boolean,
	OUT currency text, OUT exponent int, OUT goods bigint, OUT shipping bigint, OUT total bigint)
AS 'MODULE_PATHNAME', 'promo_order_quote'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION order_quote(text, jsonb, timestamptz, bigint[]) IS
'internal: the quote of an order, what it uses, and the limits that it takes of; without the promotions given';

CREATE FUNCTION order_check(function_name text, order_id text, at timestamptz)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF order_id IS NULL OR at IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = format('order_id and at of %s() must not be null', function_name);
	ELSIF order_id = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'order_id must not be empty';
	ELSIF NOT isfinite(at) THEN
		RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow', MESSAGE = 'at must be finite';
	END IF;
END
$$;

COMMENT ON FUNCTION order_check(text, text, timestamptz) IS 'internal: what every function on orders asks of its arguments';

-- The row of an order, locked; its state tells whether there is one.
CREATE FUNCTION order_lock(order_id text)
RETURNS redemption_order
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.redemption_order;
BEGIN
	LOCK TABLE promo.redemption IN ROW EXCLUSIVE MODE;
	SELECT o.* INTO present FROM promo.redemption_order o WHERE o.order_id = $1 FOR UPDATE;
	RETURN present;
END
$$;

COMMENT ON FUNCTION order_lock(text) IS 'internal: the row of an order, locked, or NULL';

CREATE FUNCTION order_known(order_id text)
RETURNS redemption_order
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.redemption_order := promo.order_lock(order_id);
BEGIN
	IF present.order_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('order "%s" does not exist', order_id),
			HINT = 'Orders are made by promo.reserve() and promo.redeem().';
	END IF;
	RETURN present;
END
$$;

COMMENT ON FUNCTION order_known(text) IS 'internal: the row of an order, locked, or an error';

CREATE FUNCTION order_issue_key(order_id text, redemption_id bigint, place bigint)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.format('order %s %s %s', redemption_id, place, order_id);
END;

COMMENT ON FUNCTION order_issue_key(text, bigint, bigint) IS 'internal: what a code that an order earned was issued for';

-- The codes that a redeemed order earned, once: the customer's own, or for
-- whoever has them where the customer is not known.
CREATE FUNCTION order_issue(order_id text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	earned record;
BEGIN
	FOR earned IN
		SELECT p.promotion_id, t.customer_id, promo.order_issue_key(o.order_id, t.redemption_id, i.place) AS key
		FROM promo.redemption_order o
		JOIN promo.redemption t ON t.redemption_id = o.redemption_id,
		jsonb_array_elements(t.result -> 'issued') WITH ORDINALITY i (issued, place)
		JOIN promo.promotion p ON p.promotion = i.issued ->> 'of' AND p.archived_at IS NULL
		WHERE o.order_id = $1
		ORDER BY i.place
	LOOP
		PERFORM promo.code_issue(earned.promotion_id, earned.customer_id, earned.key, NULL, NULL);
	END LOOP;
END
$$;

COMMENT ON FUNCTION order_issue(text) IS 'internal: issues the codes that an order earned';

-- What the order was answered when its uses were taken
CREATE FUNCTION order_answer(order_id text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT coalesce(t.result, '{}') || jsonb_build_object('order', o.order_id, 'state', o.state)
				|| CASE WHEN o.expires_at IS NULL THEN '{}'
					ELSE jsonb_build_object('expires_at', to_char(o.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) END
				|| CASE WHEN o.state = 'reserved' THEN '{}' ELSE jsonb_build_object('codes_issued',
					(SELECT coalesce(jsonb_agg(jsonb_build_object('promotion', p.promotion, 'code', c.code) ORDER BY c.code_id), '[]')
					 FROM jsonb_array_elements(t.result -> 'issued') WITH ORDINALITY i (issued, place)
					 JOIN promo.promotion p ON p.promotion = i.issued ->> 'of'
					 JOIN promo.coupon_code c ON c.promotion_id = p.promotion_id AND c.state <> 'revoked'
						AND c.issue_key = promo.order_issue_key(o.order_id, t.redemption_id, i.place))) END
			FROM promo.redemption_order o JOIN promo.redemption t ON t.redemption_id = o.redemption_id
			WHERE o.order_id = $1);
END
$$;

COMMENT ON FUNCTION order_answer(text) IS 'internal: what an order was answered';

-- Takes what one quote of an order uses of customers' limits and codes, and
-- writes it down.  An error PC002
-- with the promotion's number as its column name where a limit is used up.
CREATE FUNCTION order_take(order_id text, event text, cart jsonb, hash bytea, customer_id bigint, customer_keys bigint[],
	quote record, expires_at timestamptz, at timestamptz, actor text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number bigint;
	taken record;
	customer bigint;
	reserve boolean := event = 'reserve';
BEGIN
	FOR taken IN
		SELECT t.* FROM jsonb_to_recordset(quote.takes) t (limit_id bigint, promotion_id bigint, days int, most bigint,
			amount bigint, counts text, reason text, promotion text, code text)
		WHERE t.counts = 'customer' ORDER BY t.limit_id
	LOOP
		FOR customer IN SELECT k FROM unnest(customer_id || customer_keys) k WHERE k IS NOT NULL ORDER BY k LOOP
			INSERT INTO promo.usage_customer AS u (limit_id, customer_id, period_start, used, reserved)
			SELECT taken.limit_id, customer, coalesce('2000-01-01'::date + taken.days, '-infinity'),
				CASE WHEN reserve THEN 0 ELSE taken.amount END, CASE WHEN reserve THEN taken.amount ELSE 0 END
			WHERE taken.amount <= taken.most
			ON CONFLICT ON CONSTRAINT usage_customer_pkey DO UPDATE
			SET used = u.used + excluded.used, reserved = u.reserved + excluded.reserved
			WHERE u.used + u.reserved + taken.amount <= taken.most;
			IF NOT FOUND THEN
				PERFORM promo.limit_reached(taken.promotion_id, taken.promotion, taken.code, taken.reason);
			END IF;
		END LOOP;
	END LOOP;

	FOR taken IN
		SELECT u.* FROM jsonb_to_recordset(quote.uses) u (promotion_id bigint, code_id bigint, single boolean)
		WHERE u.single ORDER BY u.code_id
	LOOP
		UPDATE promo.coupon_code c
		SET state = CASE WHEN reserve THEN 'reserved' ELSE 'redeemed' END, order_id = order_take.order_id
		WHERE c.code_id = taken.code_id AND (c.state = 'issued' OR c.state = 'reserved' AND NOT EXISTS (
			SELECT FROM promo.redemption_order o WHERE o.order_id = c.order_id AND o.expires_at > order_take.at));
		IF NOT FOUND THEN
			SELECT p.promotion, c.code, CASE c.state WHEN 'reserved' THEN 'held' WHEN 'redeemed' THEN 'usage_limit' ELSE 'inactive' END AS reason
			INTO taken FROM promo.coupon_code c JOIN promo.promotion p ON p.promotion_id = c.promotion_id
			WHERE c.code_id = taken.code_id;
			PERFORM promo.limit_reached(NULL, taken.promotion, taken.code, taken.reason);
		END IF;
	END LOOP;

	INSERT INTO promo.redemption AS r (order_id, event, customer_id, customer_keys, currency, exponent, goods_discount,
		shipping_discount, total, cart, cart_hash, result, expires_at, at, actor)
	VALUES (order_take.order_id, event, customer_id, customer_keys, quote.currency, quote.exponent, quote.goods, quote.shipping,
		quote.total, cart, hash, quote.answer, order_take.expires_at, order_take.at, actor)
	RETURNING r.redemption_id INTO number;
	INSERT INTO promo.redemption_promotion (redemption_id, promotion_id, version, code_id, uses, goods_discount,
		shipping_discount, lines)
	SELECT number, u.promotion_id, u.version, u.code_id, 1, u.goods, u.shipping, u.lines
	FROM jsonb_to_recordset(quote.uses) u (promotion_id bigint, version int, code_id bigint, goods bigint, shipping bigint, lines jsonb);
	UPDATE promo.redemption_order o
	SET customer_id = order_take.customer_id, state = CASE WHEN reserve THEN 'reserved' ELSE 'redeemed' END,
		redemption_id = number, expires_at = order_take.expires_at
	WHERE o.order_id = order_take.order_id;
END
$$;

COMMENT ON FUNCTION order_take(text, text, jsonb, bytea, bigint, bigint[], record, timestamptz, timestamptz, text) IS
'internal: takes what a quote of an order uses, and writes it down';

-- Takes of the limits that all share: the last thing that an order does, since
-- who holds such a row keeps others from it until the commit is on disk.
CREATE FUNCTION order_take_slots(takes jsonb, reserve boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	taken record;
BEGIN
	FOR taken IN
		SELECT t.* FROM jsonb_to_recordset(takes) t (limit_id bigint, promotion_id bigint, days int, most bigint, slots int,
			amount bigint, counts text, reason text, promotion text, code text)
		WHERE t.counts <> 'customer' ORDER BY t.limit_id
	LOOP
		IF NOT promo.usage_take(taken.limit_id, coalesce('2000-01-01'::date + taken.days, '-infinity'), taken.most, taken.slots,
				taken.amount, reserve) THEN
			PERFORM promo.limit_reached(taken.promotion_id, taken.promotion, taken.code, taken.reason);
		END IF;
	END LOOP;
END
$$;

COMMENT ON FUNCTION order_take_slots(jsonb, boolean) IS 'internal: takes what an order uses of limits that are counted in slots';

CREATE FUNCTION limit_reached(promotion_id bigint, promotion text, code text, reason text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'PC002',
		MESSAGE = format('promotion "%s" is used up', promotion),
		DETAIL = jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('code', code, 'promotion', promotion, 'reason', reason)))::text,
		COLUMN = coalesce(promotion_id::text, '');
END
$$;

COMMENT ON FUNCTION limit_reached(bigint, text, text, text) IS 'internal: the error of a limit that is used up';

-- Prices an order, and takes what it uses but for the slots of limits, which it
-- gives for order_take_slots() to take last.  A promotion that applies without a
-- code and is used up by others meanwhile is left out; where limits are used
-- up, reservations that are over give back first.
CREATE FUNCTION order_put(order_id text, event text, cart jsonb, hash bytea, expires_at timestamptz, at timestamptz,
	expected numeric, accept_not_worse boolean, actor text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	customers bigint[];
	quote record;
	refused bigint[] := '{}';
	culprit text;
	told text;
	words text;
	swept int := 0;
BEGIN
	IF jsonb_typeof(cart -> 'customer') = 'object' AND jsonb_typeof(cart -> 'customer' -> 'id') = 'string' THEN
		customers := ARRAY[promo.customer_known(cart #>> '{customer,id}')];
		IF jsonb_typeof(cart -> 'customer' -> 'keys') = 'array' THEN
			customers := customers || ARRAY(SELECT n.number FROM (
				SELECT DISTINCT promo.customer_known(k) AS number FROM jsonb_array_elements_text(cart -> 'customer' -> 'keys') k) n
				WHERE n.number <> customers[1] ORDER BY n.number);
		END IF;
	END IF;
	LOOP
		SELECT q.* INTO quote FROM promo.order_quote(order_id, cart, at, refused) q;
		IF quote.limited AND swept < 10 THEN
			swept := swept + 1;
			CONTINUE WHEN promo.sweep_now(at, 100, actor) > 0;
			swept := 10;
		END IF;
		IF quote.failed IS NOT NULL THEN
			RAISE EXCEPTION USING
				ERRCODE = CASE WHEN EXISTS (SELECT FROM jsonb_array_elements(quote.failed) f
						WHERE f ->> 'reason' IN ('usage_limit', 'customer_limit', 'period_limit', 'budget', 'held'))
					THEN 'PC002' ELSE 'PC001' END,
				MESSAGE = format('code "%s" does not apply: %s', quote.failed -> 0 ->> 'code', quote.failed -> 0 ->> 'reason'),
				DETAIL = quote.failed::text;
		END IF;
		IF expected IS NOT NULL AND quote.total <> expected * 10::numeric ^ quote.exponent
			AND NOT (accept_not_worse AND quote.total < expected * 10::numeric ^ quote.exponent) THEN
			RAISE EXCEPTION USING ERRCODE = 'PC005',
				MESSAGE = format('order "%s" costs another amount now', order_id),
				DETAIL = jsonb_build_object('expected', expected, 'total', quote.answer -> 'total', 'quote', quote.answer)::text,
				HINT = 'Show the customer the new total, and redeem with that.';
		END IF;
		IF NOT quote.automatic THEN
			PERFORM promo.order_take(order_id, event, cart, hash, customers[1], coalesce(customers[2:], '{}'), quote, expires_at, at, actor);
			RETURN quote.takes;
		END IF;
		BEGIN
			PERFORM promo.order_take(order_id, event, cart, hash, customers[1], coalesce(customers[2:], '{}'), quote, expires_at, at, actor);
			PERFORM promo.order_take_slots(quote.takes, event = 'reserve');
			RETURN '[]';
		EXCEPTION WHEN SQLSTATE 'PC002' THEN
			GET STACKED DIAGNOSTICS culprit = COLUMN_NAME, told = PG_EXCEPTION_DETAIL, words = MESSAGE_TEXT;
		END;
		IF culprit = '' OR told::jsonb -> 0 ? 'code' THEN
			RAISE EXCEPTION USING ERRCODE = 'PC002', MESSAGE = words, DETAIL = told;
		END IF;
		refused := refused || culprit::bigint;
	END LOOP;
END
$$;

COMMENT ON FUNCTION order_put(text, text, jsonb, bytea, timestamptz, timestamptz, numeric, boolean, text) IS
'internal: prices an order, and takes what it uses';

-- The order's row, made where there is none.  Customers first, by the order
-- of locks.
CREATE FUNCTION order_open(order_id text, cart jsonb)
RETURNS redemption_order
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.redemption_order;
BEGIN
	LOCK TABLE promo.redemption IN ROW EXCLUSIVE MODE;
	IF jsonb_typeof(cart -> 'customer') = 'object' AND jsonb_typeof(cart -> 'customer' -> 'id') = 'string' THEN
		PERFORM promo.customer_number(k.key)
		FROM (SELECT cart #>> '{customer,id}' AS key
			  UNION SELECT jsonb_array_elements_text(CASE jsonb_typeof(cart -> 'customer' -> 'keys')
						WHEN 'array' THEN cart -> 'customer' -> 'keys' ELSE '[]' END)
			  ORDER BY 1) k
		WHERE k.key <> '';
	END IF;
	INSERT INTO promo.redemption_order (order_id, state, redemption_id) VALUES ($1, 'released', 0)
	ON CONFLICT ON CONSTRAINT redemption_order_pkey DO NOTHING;
	SELECT o.* INTO STRICT present FROM promo.redemption_order o WHERE o.order_id = $1 FOR UPDATE;
	RETURN present;
END
$$;

COMMENT ON FUNCTION order_open(text, jsonb) IS 'internal: the row of an order, locked, made where there is none';

CREATE FUNCTION order_differs(order_id text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'PC004',
		MESSAGE = format('order "%s" was here before with another cart', order_id),
		HINT = 'Redeem with {"replace": true} to take the new cart in place of the old one.';
END
$$;

COMMENT ON FUNCTION order_differs(text) IS 'internal: the error of a repeat with another content';

CREATE FUNCTION order_stands(order_id text, state text, what text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
		MESSAGE = format('order "%s" is %s, and cannot be %s', order_id, replace(state, '_', ' '), what);
END
$$;

COMMENT ON FUNCTION order_stands(text, text, text) IS 'internal: the error of an order that is in another state';

CREATE FUNCTION reservation_over(order_id text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'PC003',
		MESSAGE = format('the reservation of order "%s" is over', order_id),
		HINT = 'Redeem with the cart, which takes what is there now.';
END
$$;

COMMENT ON FUNCTION reservation_over(text) IS 'internal: the error of a reservation that holds nothing any more';

CREATE FUNCTION cart_hash(cart jsonb)
RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.sha256(pg_catalog.convert_to(cart::text, 'UTF8'));
END;

COMMENT ON FUNCTION cart_hash(jsonb) IS 'internal: by which a repeat of a cart is known';

CREATE FUNCTION reserve(order_id text, cart jsonb, ttl interval DEFAULT '15 minutes', at timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.redemption_order;
	hash bytea := promo.cart_hash(cart);
	actor text := promo.coupon_actor();
	takes jsonb;
	answer jsonb;
BEGIN
	PERFORM promo.order_check('reserve', order_id, at);
	IF cart IS NULL OR ttl IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'cart and ttl of reserve() must not be null';
	ELSIF at + ttl <= at OR ttl > interval '1 year' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'ttl must be positive and at most a year';
	END IF;
	present := promo.order_open(order_id, cart);
	IF present.state = 'reserved' AND present.expires_at <= at THEN
		PERFORM promo.order_give_back(order_id, 'expire', 'expired', NULL, at, actor);
	ELSIF present.state = 'reserved' THEN
		IF (SELECT r.cart_hash FROM promo.redemption r WHERE r.redemption_id = present.redemption_id) <> hash THEN
			PERFORM promo.order_differs(order_id);
		END IF;
		RETURN promo.order_answer(order_id);
	ELSIF present.state NOT IN ('released', 'expired') THEN
		PERFORM promo.order_stands(order_id, present.state, 'reserved');
	END IF;
	takes := promo.order_put(order_id, 'reserve', cart, hash, at + ttl, at, NULL, false, actor);
	answer := promo.order_answer(order_id);
	PERFORM promo.order_take_slots(takes, true);
	RETURN answer;
END
$$;

COMMENT ON FUNCTION reserve(text, jsonb, interval, timestamptz) IS
'prices an order''s cart as quote() does, and holds what it uses until the reservation is over; a repeat gives the same answer; raises PC001 where a code in the cart does not apply, and PC002 where a limit is used up, with all reasons';

CREATE FUNCTION redeem(order_id text, cart jsonb DEFAULT NULL, options jsonb DEFAULT '{}', at timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.redemption_order;
	taken promo.redemption;
	hash bytea := promo.cart_hash(cart);
	actor text := promo.coupon_actor();
	is_over boolean;
	expected numeric;
	may_replace boolean;
	accept boolean;
	codes bigint;
	takes jsonb;
	answer jsonb;
BEGIN
	PERFORM promo.order_check('redeem', order_id, at);
	IF options IS NULL OR jsonb_typeof(options) <> 'object' OR options - '{replace,accept_not_worse,expected_total}'::text[] <> '{}'
		OR coalesce(jsonb_typeof(options -> 'replace'), 'boolean') <> 'boolean'
		OR coalesce(jsonb_typeof(options -> 'accept_not_worse'), 'boolean') <> 'boolean'
		OR coalesce(options ->> 'expected_total', '0') !~ '^[0-9]{1,15}(\.[0-9]{1,4})?$' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'invalid options of redeem()',
			DETAIL = 'Known are replace and accept_not_worse, true or false, and expected_total, an amount.';
	END IF;
	may_replace := coalesce((options ->> 'replace')::boolean, false);
	accept := coalesce((options ->> 'accept_not_worse')::boolean, false);
	expected := (options ->> 'expected_total')::numeric;
	present := CASE WHEN cart IS NULL THEN promo.order_known(order_id) ELSE promo.order_open(order_id, cart) END;
	SELECT r.* INTO taken FROM promo.redemption r WHERE r.redemption_id = present.redemption_id;
	IF present.state = 'reserved' THEN
		is_over := present.expires_at <= at OR EXISTS (
			SELECT FROM promo.redemption_promotion rp JOIN promo.promotion_version v USING (promotion_id, version)
			WHERE rp.redemption_id = present.redemption_id
				AND v.definition -> 'honor_reservation_after_end' = 'false'
				AND (SELECT p.ends_at FROM promo.promotion p WHERE p.promotion_id = rp.promotion_id) <= at);
		IF is_over AND cart IS NULL THEN
			PERFORM promo.reservation_over(order_id);
		ELSIF NOT is_over AND (cart IS NULL OR hash = taken.cart_hash) THEN
			INSERT INTO promo.redemption (order_id, event, of_id, customer_id, customer_keys, currency, exponent, goods_discount,
				shipping_discount, total, cart_hash, at, actor)
			VALUES (redeem.order_id, 'redeem', taken.redemption_id, taken.customer_id, taken.customer_keys, taken.currency, taken.exponent,
				0, 0, 0, taken.cart_hash, redeem.at, actor);
			PERFORM promo.entry_move(taken.redemption_id, true, true, true);
			UPDATE promo.coupon_code c SET state = 'redeemed'
			WHERE c.order_id = redeem.order_id AND c.state = 'reserved'
				AND c.code_id IN (SELECT rp.code_id FROM promo.redemption_promotion rp WHERE rp.redemption_id = taken.redemption_id);
			GET DIAGNOSTICS codes = ROW_COUNT;
			-- Whose clock is ahead may have taken a code already.
			IF codes <> (SELECT count(*) FROM promo.redemption_promotion rp JOIN promo.coupon_code c ON c.code_id = rp.code_id
						 WHERE rp.redemption_id = taken.redemption_id AND c.kind <> 'shared') THEN
				PERFORM promo.reservation_over(order_id);
			END IF;
			UPDATE promo.redemption_order o SET state = 'redeemed', expires_at = NULL WHERE o.order_id = redeem.order_id;
			PERFORM promo.order_issue(order_id);
			answer := promo.order_answer(order_id);
			PERFORM promo.entry_move(taken.redemption_id, true, true, false);
			RETURN answer;
		ELSIF NOT is_over AND NOT may_replace AND NOT accept THEN
			PERFORM promo.order_differs(order_id);
		END IF;
		PERFORM promo.order_give_back(order_id, CASE WHEN is_over THEN 'expire' ELSE 'release' END,
			CASE WHEN is_over THEN 'expired' ELSE 'released' END, CASE WHEN NOT is_over THEN 'replaced' END, at, actor);
		IF NOT is_over AND NOT may_replace THEN
			expected := coalesce(expected, taken.total / 10::numeric ^ taken.exponent);
		END IF;
	ELSIF present.state IN ('redeemed', 'partially_refunded', 'refunded') THEN
		IF cart IS NULL OR hash = taken.cart_hash THEN
			RETURN promo.order_answer(order_id);
		ELSIF NOT may_replace THEN
			PERFORM promo.order_differs(order_id);
		ELSIF present.state <> 'redeemed' THEN
			PERFORM promo.order_stands(order_id, present.state, 'replaced');
		END IF;
		PERFORM promo.order_give_back(order_id, 'void', 'voided', 'replaced', at, actor);
	ELSIF present.state = 'expired' AND cart IS NULL THEN
		PERFORM promo.reservation_over(order_id);
	ELSIF present.state = 'voided' OR cart IS NULL THEN
		PERFORM promo.order_stands(order_id, present.state, 'redeemed');
	END IF;
	takes := promo.order_put(order_id, 'redeem', cart, hash, NULL, at, expected, accept, actor);
	PERFORM promo.order_issue(order_id);
	answer := promo.order_answer(order_id);
	PERFORM promo.order_take_slots(takes, false);
	RETURN answer;
END
$$;

COMMENT ON FUNCTION redeem(text, jsonb, jsonb, timestamptz) IS
'makes a reservation final, or prices an order''s cart and takes what it uses at once; a repeat gives the first answer; options: replace takes another cart in place of the one before, expected_total raises PC005 where the total is another one now, accept_not_worse unless it is lower';

CREATE FUNCTION release(order_id text, at timestamptz DEFAULT pg_catalog.now())
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.redemption_order;
BEGIN
	PERFORM promo.order_check('release', order_id, at);
	present := promo.order_known(order_id);
	IF present.state IN ('released', 'expired') THEN
		RETURN false;
	ELSIF present.state <> 'reserved' THEN
		PERFORM promo.order_stands(order_id, present.state, 'released');
	END IF;
	PERFORM promo.order_give_back(order_id, 'release', 'released', NULL, at, promo.coupon_actor());
	RETURN true;
END
$$;

COMMENT ON FUNCTION release(text, timestamptz) IS
'gives back what a reservation holds; false where nothing was held any more';

CREATE FUNCTION void(order_id text, reason text, at timestamptz DEFAULT pg_catalog.now())
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present promo.redemption_order;
BEGIN
	PERFORM promo.order_check('void', order_id, at);
	present := promo.order_known(order_id);
	IF present.state = 'voided' THEN
		RETURN false;
	ELSIF present.state = 'reserved' THEN
		PERFORM promo.order_give_back(order_id, 'release', 'released', reason, at, promo.coupon_actor());
		RETURN true;
	ELSIF present.state <> 'redeemed' THEN
		PERFORM promo.order_stands(order_id, present.state, 'voided');
	END IF;
	PERFORM promo.order_give_back(order_id, 'void', 'voided', reason, at, promo.coupon_actor());
	RETURN true;
END
$$;

COMMENT ON FUNCTION void(text, text, timestamptz) IS
'takes an order back that was redeemed, with its uses, its money and its codes, unless a promotion says that voided uses are not restored; false where it was so already';

REVOKE ALL ON FUNCTION coupon_actor(), order_quote(text, jsonb, timestamptz, bigint[]), order_check(text, text, timestamptz),
	order_issue_key(text, bigint, bigint), order_issue(text), order_lock(text), order_known(text), order_answer(text), limit_reached(bigint, text, text, text),
	order_take(text, text, jsonb, bytea, bigint, bigint[], record, timestamptz, timestamptz, text),
	order_take_slots(jsonb, boolean),
	order_put(text, text, jsonb, bytea, timestamptz, timestamptz, numeric, boolean, text), order_open(text, jsonb),
	order_differs(text), order_stands(text, text, text), reservation_over(text), cart_hash(jsonb),
	reserve(text, jsonb, interval, timestamptz), redeem(text, jsonb, jsonb, timestamptz), release(text, timestamptz),
	void(text, text, timestamptz) FROM PUBLIC;
