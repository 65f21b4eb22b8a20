/* src/membership/holds.sql */

-- Redemptions in two steps: points are held, and captured or released later.
-- What is held is taken of its lots at once, so that it is there when it is
-- captured, even if the lots have expired by then.

CREATE FUNCTION points_not_held(holder member, key text)
RETURNS void
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM promo.points_hold h
			   WHERE h.entry_id = (promo.points_found(holder, 'hold', key)).entry_id AND h.is_open) THEN
		RAISE EXCEPTION USING ERRCODE = 'unique_violation',
			MESSAGE = format('key "%s" is that of a hold', key),
			HINT = 'promo.capture_points() redeems what is held.';
	END IF;
END
$$;

COMMENT ON FUNCTION points_not_held(member, text) IS 'internal: an error where points are held under a key';

CREATE FUNCTION hold_points(customer text, key text, points bigint, at timestamptz DEFAULT pg_catalog.now(),
	ttl interval DEFAULT NULL, program text DEFAULT 'default')
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
	content bytea;
	before promo.points_entry;
	available bigint;
	times_out_at timestamptz := (at AT TIME ZONE 'UTC' + ttl) AT TIME ZONE 'UTC';
	entry bigint;
BEGIN
	PERFORM promo.points_check('hold_points', customer, key, points, at, program);
	IF times_out_at <= at THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'ttl must be positive';
	END IF;
	content := sha256(convert_to(format('hold %s %s', points, extract(epoch FROM ttl)), 'UTF8'));
	holder := promo.points_member(customer, program);
	before := promo.points_posted(holder, 'hold', key, content);
	IF before.entry_id IS NOT NULL THEN
		RETURN before.due;
	END IF;
	PERFORM promo.points_posted(holder, 'redeem', key, content);
	PERFORM promo.points_spender(customer, program, holder);
	holder := promo.points_settle(holder, at);
	available := promo.points_usable(holder, at);
	IF available < points THEN
		PERFORM promo.points_short(customer, points, available);
	END IF;
	INSERT INTO promo.points_entry (program_id, customer_id, kind, key, points, at, content, due)
	VALUES (holder.program_id, holder.customer_id, 'hold', hold_points.key, 0, hold_points.at, content, hold_points.points)
	RETURNING entry_id INTO entry;
	INSERT INTO promo.points_hold (entry_id, program_id, customer_id, times_out_at)
	VALUES (entry, holder.program_id, holder.customer_id, times_out_at);
	PERFORM promo.points_take(holder, entry, points, at);
	PERFORM promo.points_count(holder, 0, points, 0, times_out_at, NULL);
	RETURN points;
END
$$;

COMMENT ON FUNCTION hold_points(text, text, bigint, timestamptz, interval, text) IS
'holds points of a member for a redemption, for as long as ttl says or until they are captured or released; with fewer than that it is an error (PM001); a key is posted once, and a repeat gives the same answer';

CREATE FUNCTION points_held(holder member, customer text, key text, at timestamptz)
RETURNS points_hold
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	hold promo.points_hold;
	held promo.points_entry;
BEGIN
	held := promo.points_found(holder, 'hold', key);
	IF held.entry_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('no points of customer "%s" are held under key "%s"', customer, key),
			HINT = 'Points are held by promo.hold_points().';
	END IF;
	SELECT h.* INTO STRICT hold FROM promo.points_hold h WHERE h.entry_id = held.entry_id;
	IF NOT hold.is_open OR hold.times_out_at <= at THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the points held under key "%s" are not held any more', key),
			DETAIL = CASE WHEN hold.times_out_at <= at THEN 'The hold has timed out.'
				ELSE 'The hold was released.' END;
	ELSIF at < held.at THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('points are held under key "%s" after that', key);
	END IF;
	RETURN hold;
END
$$;

COMMENT ON FUNCTION points_held(member, text, text, timestamptz) IS 'internal: an open hold, or an error';

CREATE FUNCTION capture_points(customer text, key text, points bigint DEFAULT NULL,
	at timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
	content bytea;
	before promo.points_entry;
	hold promo.points_hold;
	held bigint;
BEGIN
	PERFORM promo.points_check('capture_points', customer, key, coalesce(points, 1), at, program);
	content := sha256(convert_to(format('capture %s', points), 'UTF8'));
	holder := promo.points_member(customer, program);
	before := promo.points_posted(holder, 'redeem', key, content);
	IF before.entry_id IS NOT NULL THEN
		RETURN - before.points;
	END IF;
	hold := promo.points_held(holder, customer, key, at);
	PERFORM promo.points_spender(customer, program, holder);
	holder := promo.points_settle(holder, at);
	SELECT e.due INTO STRICT held FROM promo.points_entry e WHERE e.entry_id = hold.entry_id;
	IF points > held THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('fewer points than that are held under key "%s"', key),
			DETAIL = format('%s points are held.', held);
	END IF;
	PERFORM promo.points_let_go(holder, hold, key, at, content, coalesce(points, held));
	RETURN coalesce(points, held);
END
$$;

COMMENT ON FUNCTION capture_points(text, text, bigint, timestamptz, text) IS
'redeems points that are held, all or so many of them, and releases the rest; gives how many; a hold is captured once, and a repeat gives the same answer';

CREATE FUNCTION release_points(customer text, key text, at timestamptz DEFAULT pg_catalog.now(),
	program text DEFAULT 'default')
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
	held promo.points_entry;
	hold promo.points_hold;
BEGIN
	PERFORM promo.points_check('release_points', customer, key, 1, at, program);
	holder := promo.points_member(customer, program);
	holder := promo.points_settle(holder, at);
	held := promo.points_found(holder, 'hold', key);
	SELECT h.* INTO hold FROM promo.points_hold h WHERE h.entry_id = held.entry_id AND NOT h.is_open;
	IF NOT FOUND THEN
		hold := promo.points_held(holder, customer, key, at);
		PERFORM promo.points_let_go(holder, hold, key, at, sha256('release'), 0);
		RETURN true;
	ELSIF EXISTS (SELECT FROM promo.points_entry e
				  WHERE e.customer_id = ANY (promo.customer_ids(holder.customer_id)) AND e.program_id = holder.program_id
					  AND e.kind = 'redeem' AND e.key = release_points.key AND e.of_id = held.entry_id) THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the points held under key "%s" were captured', key),
			HINT = 'promo.undo_redemption() gives points back.';
	END IF;
	RETURN false;
END
$$;

COMMENT ON FUNCTION release_points(text, text, timestamptz, text) IS
'gives back points that are held; false where they were given back before, or the hold has timed out';

REVOKE ALL ON FUNCTION points_not_held(member, text), hold_points(text, text, bigint, timestamptz, interval, text),
	points_held(member, text, text, timestamptz), capture_points(text, text, bigint, timestamptz, text),
	release_points(text, text, timestamptz, text) FROM PUBLIC;
