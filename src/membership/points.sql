/* src/membership/points.sql */

-- Points given and taken: earned, redeemed, adjusted by hand; the balance at
-- an instant, and what expires.

CREATE FUNCTION points_counted(purchase jsonb, program_id bigint, customer_id bigint, merged boolean, at timestamptz)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_points_counted'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION points_counted(jsonb, bigint, bigint, boolean, timestamptz) IS
'internal: the points of a purchase by the program''s rules and what the member bought before, what was paid, and how they were counted';

CREATE FUNCTION points_give(customer text, key text, points bigint, amount numeric, expires_at timestamptz,
	content bytea, at timestamptz, program text, purchase jsonb DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member := promo.points_member(customer, program);
	before promo.points_entry := promo.points_posted(holder, 'earn', key, content);
	terms promo.program;
	available_at timestamptz := at;
	moves boolean := false;
	active_until timestamptz;
	counting jsonb;
	counted jsonb;
	owed bigint;
	worth bigint;
	entry bigint;
BEGIN
	IF before.entry_id IS NOT NULL THEN
		RETURN jsonb_build_object('points', before.points) || coalesce(before.counted, '{}');
	ELSIF holder.state <> 'active' THEN
		RETURN jsonb_build_object('points', 0, 'reason', holder.state);
	ELSIF at < holder.enrolled_at THEN
		RETURN jsonb_build_object('points', 0, 'reason', 'before_enrollment');
	END IF;
	SELECT p.* INTO STRICT terms FROM promo.program p WHERE p.program_id = holder.program_id;
	IF holder.tier_due_at <= at THEN
		PERFORM promo.tier_settle(holder.program_id, holder.customer_id, at);
		holder := promo.points_member(customer, program);
	END IF;
	IF purchase IS NOT NULL THEN
		counting := promo.points_counted(purchase, holder.program_id, holder.customer_id, holder.merged, at);
		points := counting ->> 'points';
		amount := counting ->> 'amount';
		expires_at := counting ->> 'expires_at';
		counted := counting -> 'counted';
	ELSIF amount <> round(amount, terms.exponent) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'invalid purchase',
			DETAIL = format('amount: has more decimals than the program''s currency, which has %s.', terms.exponent);
	END IF;
	IF terms.pending_days > 0 THEN
		available_at := (at AT TIME ZONE terms.time_zone + make_interval(days => terms.pending_days)) AT TIME ZONE terms.time_zone;
	END IF;
	IF expires_at IS NULL AND terms.expiry = 'after' THEN
		expires_at := promo.points_end(at, terms.time_zone, coalesce(terms.expiry_days, 0),
			coalesce(terms.expiry_months, 0), terms.expiry_end_of);
	ELSIF expires_at IS NULL AND terms.expiry = 'inactivity' THEN
		moves := true;
	ELSIF expires_at = 'infinity' THEN
		expires_at := NULL;
	ELSIF expires_at <= available_at THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'invalid purchase',
			DETAIL = 'expires_at: must be later than when the points can be used.';
	END IF;
	IF holder.held > 0 OR holder.inactive_at <= at THEN
		holder := promo.points_settle(holder, at);
	END IF;
	IF terms.expiry = 'inactivity' THEN
		active_until := promo.points_active_until(terms, at);
	END IF;
	INSERT INTO promo.points_entry (program_id, customer_id, kind, key, points, amount, at, content, active_until, counted)
	VALUES (holder.program_id, holder.customer_id, 'earn', points_give.key, points_give.points, points_give.amount,
		points_give.at, points_give.content, active_until, counted)
	RETURNING entry_id INTO entry;
	owed := least(holder.deficit, points);
	IF points > 0 THEN
		PERFORM promo.points_open(holder, entry, entry, points, owed, at, available_at, expires_at, moves);
	END IF;
	-- At most so much of the program's metric, in its smallest units
	worth := CASE terms.metric WHEN 'spend' THEN amount * ('1e' || terms.exponent)::numeric WHEN 'points' THEN points ELSE 1 END;
	PERFORM promo.points_count(holder, points, 0, - owed,
		CASE WHEN points > owed THEN coalesce(expires_at, CASE WHEN moves THEN active_until END) END, active_until, worth, at);
	IF worth >= holder.tier_lacks OR at < holder.tier_seen_at THEN
		PERFORM promo.tier_posted(holder.program_id, holder.customer_id, at);
	END IF;
	RETURN jsonb_build_object('points', points) || coalesce(counted, '{}');
END
$$;

COMMENT ON FUNCTION points_give(text, text, bigint, numeric, timestamptz, bytea, timestamptz, text, jsonb) IS
'internal: posts an earning, counted already or a purchase to be counted, and opens its lot; it expires as given, never at infinity, by the program''s terms where NULL';

CREATE FUNCTION points_short(customer text, requested bigint, available bigint)
RETURNS void
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'PM001',
		MESSAGE = format('customer "%s" has fewer points than that', customer),
		DETAIL = jsonb_build_object('requested', requested, 'available', available)::text;
END
$$;

COMMENT ON FUNCTION points_short(text, bigint, bigint) IS 'internal: the error of a member who has too few points';

CREATE FUNCTION points_check(function_name text, customer text, key text, points bigint, at timestamptz, program text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF customer IS NULL OR key IS NULL OR points IS NULL OR at IS NULL OR program IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = format('customer, key, points, at and program of %s() must not be null', function_name);
	ELSIF key = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'key must not be empty';
	ELSIF points < 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('points must be positive, and are %s', points);
	ELSIF NOT isfinite(at) THEN
		RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow', MESSAGE = 'at must be finite';
	END IF;
END
$$;

COMMENT ON FUNCTION points_check(text, text, text, bigint, timestamptz, text) IS
'internal: raises an error where what all postings take is wrong';

CREATE FUNCTION points_spender(customer text, program text, holder member)
RETURNS void
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF holder.state <> 'active' THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the membership of customer "%s" in program "%s" is %s', customer, program, holder.state);
	END IF;
END
$$;

COMMENT ON FUNCTION points_spender(text, text, member) IS 'internal: an error for who may not spend points';

CREATE FUNCTION earn(customer text, key text, purchase jsonb, at timestamptz DEFAULT pg_catalog.now(),
	program text DEFAULT 'default')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_earn'
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION earn(text, text, jsonb, timestamptz, text) IS
'posts the points of a purchase, which the program''s rules count from its lines, order or basis (see points_for()), with "amount", the money that can come back, where neither lines nor order tell it; or which the shop counted itself: {"points": n, "expires_at": instant, "amount": money}; points never expire where expires_at is null, and by the program''s terms where it is missing; gives {"points": n, "breakdown": ...}, with a reason where a member earns none; a key is posted once, and a repeat gives the same answer';

CREATE TYPE earnings AS (
	posted bigint,
	repeated bigint,
	refused bigint,
	points bigint
);

COMMENT ON TYPE earnings IS 'what many purchases earned: how many were posted, were known before, or are of members who earn nothing; and the points of those posted';

-- The query runs as the caller.
CREATE FUNCTION earn_all(query text, program text DEFAULT 'default')
RETURNS earnings
AS 'MODULE_PATHNAME', 'promo_earn_all'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION earn_all(text, text) IS
'posts what earn() would for each row of a query of the columns customer, key, purchase and at, all or nothing';

CREATE FUNCTION redeem_points(customer text, key text, points bigint, at timestamptz DEFAULT pg_catalog.now(),
	mode text DEFAULT 'strict', program text DEFAULT 'default')
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
	terms promo.program;
	content bytea;
	before promo.points_entry;
	available bigint;
	entry bigint;
	active_until timestamptz;
BEGIN
	PERFORM promo.points_check('redeem_points', customer, key, points, at, program);
	IF mode IS NULL OR mode NOT IN ('strict', 'partial') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('mode must be strict or partial, not %s', coalesce('"' || mode || '"', 'null'));
	END IF;
	content := sha256(convert_to(format('%s %s', points, mode), 'UTF8'));
	holder := promo.points_member(customer, program);
	before := promo.points_posted(holder, 'redeem', key, content);
	IF before.entry_id IS NOT NULL THEN
		RETURN - before.points;
	END IF;
	PERFORM promo.points_spender(customer, program, holder);
	IF holder.held > 0 OR holder.inactive_at <= at THEN
		holder := promo.points_settle(holder, at);
		PERFORM promo.points_not_held(holder, key);
	END IF;
	available := promo.points_usable(holder, at);
	IF available < points AND mode = 'strict' THEN
		PERFORM promo.points_short(customer, points, available);
	END IF;
	points := least(points, available);
	IF points > 0 AND holder.inactive_at IS NOT NULL THEN
		SELECT promo.points_active_until(p, redeem_points.at) INTO STRICT active_until
		FROM promo.program p WHERE p.program_id = holder.program_id;
	END IF;
	INSERT INTO promo.points_entry (program_id, customer_id, kind, key, points, at, content, active_until)
	VALUES (holder.program_id, holder.customer_id, 'redeem', redeem_points.key, - redeem_points.points,
		redeem_points.at, content, active_until)
	RETURNING entry_id INTO entry;
	IF points > 0 THEN
		PERFORM promo.points_take(holder, entry, points, at);
		PERFORM promo.points_count(holder, - points, 0, 0, NULL, active_until);
	END IF;
	RETURN points;
END
$$;

COMMENT ON FUNCTION redeem_points(text, text, bigint, timestamptz, text, text) IS
'takes points of a member, first of those that expire first, and gives how many; with fewer than that it is an error (PM001), or takes what is there where the mode is partial; a key is posted once, and a repeat gives the same answer';

CREATE FUNCTION adjust_points(customer text, key text, points bigint, reason text,
	at timestamptz DEFAULT pg_catalog.now(), expires_at timestamptz DEFAULT NULL, program text DEFAULT 'default')
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
	terms promo.program;
	content bytea;
	before promo.points_entry;
	available bigint;
	entry bigint;
	owed bigint;
	moves boolean := false;
BEGIN
	PERFORM promo.points_check('adjust_points', customer, key, 1, at, program);
	IF points IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'points must not be null';
	ELSIF coalesce(reason, '') = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a reason must be given';
	ELSIF points = 0 OR points NOT BETWEEN -1000000000000 AND 1000000000000 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('points must be from -1000000000000 to 1000000000000 and not 0, and are %s', points);
	ELSIF expires_at <= at THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'expires_at must be later than at';
	ELSIF expires_at IS NOT NULL AND points < 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'expires_at is for points that are given';
	END IF;
	content := sha256(convert_to(format('%s %s %s', points, extract(epoch FROM expires_at), reason), 'UTF8'));
	holder := promo.points_member(customer, program);
	before := promo.points_posted(holder, 'adjust', key, content);
	IF before.entry_id IS NOT NULL THEN
		RETURN before.points;
	ELSIF holder.state = 'closed' THEN
		PERFORM promo.points_spender(customer, program, holder);
	ELSIF at < holder.enrolled_at THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('customer "%s" was no member then', customer);
	END IF;
	SELECT p.* INTO STRICT terms FROM promo.program p WHERE p.program_id = holder.program_id;
	holder := promo.points_settle(holder, at);
	entry := promo.points_number();
	IF points > 0 THEN
		IF expires_at IS NULL AND terms.expiry = 'after' THEN
			expires_at := promo.points_end(at, terms.time_zone, coalesce(terms.expiry_days, 0),
				coalesce(terms.expiry_months, 0), terms.expiry_end_of);
		ELSIF expires_at IS NULL AND terms.expiry = 'inactivity' THEN
			-- Of a member who was never active, these do not expire.
			moves := true;
		ELSIF expires_at = 'infinity' THEN
			expires_at := NULL;
		END IF;
		owed := least(holder.deficit, points);
		PERFORM promo.points_open(holder, entry, entry, points, owed, at, at, expires_at, moves);
		PERFORM promo.points_count(holder, points, 0, - owed,
			CASE WHEN points > owed THEN coalesce(expires_at, CASE WHEN moves THEN holder.inactive_at END) END, NULL);
	ELSE
		available := promo.points_usable(holder, at);
		IF available < - points AND NOT terms.debt THEN
			PERFORM promo.points_short(customer, - points, available);
		END IF;
		owed := - points - promo.points_take(holder, entry, - points, at, with_pending => true);
		PERFORM promo.points_count(holder, points, 0, owed, NULL, NULL);
	END IF;
	INSERT INTO promo.points_entry (entry_id, program_id, customer_id, kind, key, points, at, content, reason)
	VALUES (entry, holder.program_id, holder.customer_id, 'adjust', adjust_points.key, adjust_points.points,
		adjust_points.at, content, adjust_points.reason);
	IF points > 0 AND holder.tier_lacks < 9223372036854775807 THEN
		PERFORM promo.tier_posted(holder.program_id, holder.customer_id, at);
	END IF;
	RETURN points;
END
$$;

COMMENT ON FUNCTION adjust_points(text, text, bigint, text, timestamptz, timestamptz, text) IS
'gives points to a member by hand, or takes some, for a reason; suspended members too; what is given expires by the program''s terms, or when expires_at says, never at infinity; with fewer than are to be taken it is an error (PM001), or the member owes the rest where the program allows debt; a key is posted once, and a repeat gives the same answer';

-- What is left of a lot at an instant is what entries had not taken until
-- then; a hold that had timed out takes nothing, whether or not that is posted.
CREATE FUNCTION points_account_at(number bigint, program_number bigint, as_of timestamptz)
RETURNS TABLE (balance bigint, available bigint, on_hold bigint, pending bigint, deficit bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	holder promo.member;
	usable bigint;
	waiting bigint;
	rest bigint;
	held bigint := 0;
	owed bigint := 0;
BEGIN
	SELECT m.* INTO holder FROM promo.member m WHERE m.program_id = program_number AND m.customer_id = number;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint;
		RETURN;
	END IF;
	SELECT sum(v.points) FILTER (WHERE v.available_at <= as_of AND (v.expires_at > as_of) IS NOT FALSE),
		sum(v.points) FILTER (WHERE v.available_at > as_of), sum(v.points)
	INTO usable, waiting, rest
	FROM (SELECT l.available_at, CASE WHEN l.moves THEN holder.inactive_at ELSE l.expires_at END AS expires_at,
			CASE WHEN l.used_at > as_of OR holder.held > 0 THEN
				l.points - coalesce((SELECT sum(a.points)
					FROM promo.points_allocation a JOIN promo.points_entry e ON e.entry_id = a.entry_id
					LEFT JOIN promo.points_hold h ON h.entry_id = a.entry_id AND h.is_open AND h.times_out_at <= as_of
					WHERE a.lot_id = l.lot_id AND e.at <= as_of AND h.entry_id IS NULL), 0)
				ELSE l.remaining END AS points
		  FROM promo.points_lot l
		  WHERE l.customer_id = number AND l.program_id = program_number
			  AND (l.remaining > 0 OR l.used_at > as_of OR holder.held > 0)
			  AND (l.available_at <= as_of
				   OR (SELECT e.at FROM promo.points_entry e WHERE e.entry_id = l.entry_id) <= as_of)) v;
	IF EXISTS (SELECT FROM promo.points_hold h WHERE h.customer_id = number AND h.program_id = program_number) THEN
		SELECT coalesce(sum(e.due), 0) INTO held
		FROM promo.points_hold h JOIN promo.points_entry e USING (entry_id)
		WHERE h.customer_id = number AND h.program_id = program_number
			AND e.at <= as_of AND (h.times_out_at > as_of) IS NOT FALSE
			AND NOT EXISTS (SELECT FROM promo.points_entry r WHERE r.program_id = program_number
							AND r.customer_id = ANY (promo.customer_ids(number)) AND r.kind = 'release' AND r.key = e.entry_id::text AND r.at <= as_of);
	END IF;
	IF holder.has_owed THEN
		SELECT greatest(coalesce(rest, 0) + held - coalesce(sum(e.points), 0), 0) INTO owed
		FROM promo.points_entry e
		WHERE e.customer_id = ANY (promo.customer_ids(number)) AND e.program_id = program_number AND e.at <= as_of
			AND e.kind <> 'merge';
	END IF;
	RETURN QUERY
	SELECT coalesce(usable, 0) + held - owed, CASE WHEN owed > 0 THEN 0 ELSE coalesce(usable, 0) END, held,
		coalesce(waiting, 0), owed;
END
$$;

COMMENT ON FUNCTION points_account_at(bigint, bigint, timestamptz) IS 'internal: points_account() by numbers';

CREATE FUNCTION points_account(customer text, as_of timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS TABLE (balance bigint, available bigint, on_hold bigint, pending bigint, deficit bigint)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT a.* FROM promo.points_account_at(promo.customer_known(customer), promo.program_known(program), as_of) a;
END
$$;

COMMENT ON FUNCTION points_account(text, timestamptz, text) IS
'a customer''s points at an instant: the balance, which is what is available and on hold, less the deficit of who owes points; and those pending, which wait to become available';

CREATE FUNCTION points_balance(customer text, as_of timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT a.balance
			FROM promo.points_account_at(promo.customer_known(customer), promo.program_known(program), as_of) a);
END
$$;

COMMENT ON FUNCTION points_balance(text, timestamptz, text) IS
'the points that a customer has at an instant, those on hold too; below 0 for who owes some; 0 for who is no member';

CREATE FUNCTION points_expiring(customer text, since timestamptz, until timestamptz, program text DEFAULT 'default')
RETURNS TABLE (expires_at timestamptz, points bigint)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	number bigint := promo.customer_known(customer);
	program_number bigint := promo.program_known(program);
BEGIN
	RETURN QUERY
	SELECT v.expires_at, sum(v.remaining)::bigint
	FROM (SELECT CASE WHEN l.moves THEN m.inactive_at ELSE l.expires_at END AS expires_at, l.remaining
		  FROM promo.points_lot l JOIN promo.member m ON m.program_id = l.program_id AND m.customer_id = l.customer_id
		  WHERE l.customer_id = number AND l.program_id = program_number AND l.remaining > 0) v
	WHERE v.expires_at BETWEEN points_expiring.since AND points_expiring.until
	GROUP BY v.expires_at
	ORDER BY v.expires_at;
END
$$;

COMMENT ON FUNCTION points_expiring(text, timestamptz, timestamptz, text) IS
'what is left now of the points that expire at since, until, or between, by instant, without those on hold';

REVOKE ALL ON FUNCTION points_counted(jsonb, bigint, bigint, boolean, timestamptz),
	points_give(text, text, bigint, numeric, timestamptz, bytea, timestamptz, text, jsonb),
	points_short(text, bigint, bigint), points_check(text, text, text, bigint, timestamptz, text),
	points_spender(text, text, member),
	earn(text, text, jsonb, timestamptz, text), earn_all(text, text), redeem_points(text, text, bigint, timestamptz, text, text),
	adjust_points(text, text, bigint, text, timestamptz, timestamptz, text),
	points_account_at(bigint, bigint, timestamptz), points_account(text, timestamptz, text), points_balance(text, timestamptz, text),
	points_expiring(text, timestamptz, timestamptz, text) FROM PUBLIC;
