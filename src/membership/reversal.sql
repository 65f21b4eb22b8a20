/* src/membership/reversal.sql */

-- What was posted, taken back: returned orders, undone redemptions; and points
-- that one member gives to another.

-- A return takes the share of the order's points that its share of the money
-- is, rounded so that several returns take what one of it all would.  First of
-- the order's own lots; what has expired of these is lost already, and nothing
-- is taken for it; then as a redemption would, and of pending ones.
CREATE FUNCTION return_order(customer text, key text, order_key text, amount numeric DEFAULT NULL,
	at timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
	terms promo.program;
	content bytea;
	before promo.points_entry;
	earned promo.points_entry;
	amount_before numeric;
	due_before bigint;
	lapsed_before bigint;
	due bigint;
	lapsed bigint;
	expired bigint;
	entry bigint;
	taken bigint;
	owed bigint := 0;
BEGIN
	PERFORM promo.points_check('return_order', customer, key, 1, at, program);
	IF order_key IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'order_key must not be null';
	ELSIF amount IS NOT NULL AND (amount <= 0 OR amount > 1000000000000) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('amount must be positive and at most 1000000000000, and is %s', amount);
	END IF;
	content := sha256(convert_to(format('%s %s', trim_scale(amount), order_key), 'UTF8'));
	holder := promo.points_member(customer, program);
	before := promo.points_posted(holder, 'return', key, content);
	IF before.entry_id IS NOT NULL THEN
		RETURN jsonb_build_object('points', - before.points, 'shortfall', before.due + before.points - before.lapsed);
	ELSIF holder.state = 'closed' THEN
		RETURN jsonb_build_object('points', 0, 'shortfall', 0, 'reason', 'closed');
	END IF;
	SELECT p.* INTO STRICT terms FROM promo.program p WHERE p.program_id = holder.program_id;
	IF amount <> round(amount, terms.exponent) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('amount %s has more decimals than the program''s currency, which has %s', amount, terms.exponent);
	END IF;
	earned := promo.points_found(holder, 'earn', order_key);
	IF earned.entry_id IS NULL THEN
		RETURN jsonb_build_object('points', 0, 'shortfall', 0, 'reason', 'earned_nothing');
	END IF;
	SELECT coalesce(sum(e.amount), 0), coalesce(sum(e.due), 0), coalesce(sum(e.lapsed), 0)
	INTO amount_before, due_before, lapsed_before
	FROM promo.points_entry e
	WHERE e.customer_id = ANY (promo.customer_ids(holder.customer_id)) AND e.program_id = holder.program_id
		AND e.kind = 'return' AND e.of_id = earned.entry_id;
	IF amount IS NULL THEN
		amount := earned.amount - amount_before;
	END IF;
	IF amount_before + amount > earned.amount THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('more of order "%s" comes back than there is', order_key),
			DETAIL = format('Of %s, %s came back before, and %s do now.', earned.amount, amount_before, amount);
	END IF;
	due := CASE WHEN amount_before + amount = earned.amount THEN earned.points
		ELSE floor(earned.points * (amount_before + amount) / earned.amount) END - due_before;
	holder := promo.points_settle(holder, at);
	SELECT coalesce(sum(coalesce((SELECT sum(a.points) FROM promo.points_allocation a JOIN promo.points_entry e USING (entry_id)
				WHERE a.lot_id = l.lot_id AND e.kind = 'expire'), 0)
			+ CASE WHEN CASE WHEN l.moves THEN holder.inactive_at ELSE l.expires_at END <= return_order.at
				THEN l.remaining ELSE 0 END), 0) - lapsed_before
	INTO expired
	FROM promo.points_lot l
	WHERE l.customer_id = holder.customer_id AND l.program_id = holder.program_id AND l.entry_id = earned.entry_id;
	lapsed := least(due, greatest(expired, 0));
	entry := promo.points_number();
	taken := promo.points_take(holder, entry, due - lapsed, at, earned.entry_id, true);
	IF terms.clawback = 'debt' THEN
		owed := due - lapsed - taken;
	END IF;
	INSERT INTO promo.points_entry (entry_id, program_id, customer_id, kind, key, points, amount, at, content, of_id, due, lapsed)
	VALUES (entry, holder.program_id, holder.customer_id, 'return', return_order.key, - taken - owed, return_order.amount,
		return_order.at, content, earned.entry_id, due, lapsed);
	PERFORM promo.points_count(holder, - taken - owed, 0, owed, NULL, NULL);
	PERFORM promo.tier_returned(holder.program_id, holder.customer_id, at);
	RETURN jsonb_build_object('points', taken + owed, 'shortfall', due - lapsed - taken - owed);
END
$$;

COMMENT ON FUNCTION return_order(text, text, text, numeric, timestamptz, text) IS
'takes back the points of an order, or of so much of its money as comes back: {"points": taken, "shortfall": points that were spent, and that the program does not let the member owe}; a key is posted once, and a repeat gives the same answer';

-- Of several lots, those that expire last get theirs back first, so that what
-- stays redeemed is what would have expired first.
CREATE FUNCTION undo_redemption(customer text, key text, redemption_key text, at timestamptz DEFAULT pg_catalog.now(),
	points bigint DEFAULT NULL, program text DEFAULT 'default')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
	terms promo.program;
	content bytea;
	before promo.points_entry;
	redeemed promo.points_entry;
	undone bigint;
	entry bigint;
	restored bigint;
	fresh bigint;
	fresh_paid bigint;
	lapsed bigint := 0;
	owed bigint;
	grace_until timestamptz;
	first_due timestamptz;
BEGIN
	PERFORM promo.points_check('undo_redemption', customer, key, coalesce(points, 1), at, program);
	IF redemption_key IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'redemption_key must not be null';
	END IF;
	content := sha256(convert_to(format('%s %s', points, redemption_key), 'UTF8'));
	holder := promo.points_member(customer, program);
	before := promo.points_posted(holder, 'undo', key, content);
	IF before.entry_id IS NOT NULL THEN
		RETURN jsonb_build_object('points', before.points, 'lapsed', before.lapsed);
	ELSIF holder.state = 'closed' THEN
		RETURN jsonb_build_object('points', 0, 'lapsed', 0, 'reason', 'closed');
	END IF;
	redeemed := promo.points_found(holder, 'redeem', redemption_key);
	IF redeemed.entry_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('customer "%s" has redeemed nothing under key "%s"', customer, redemption_key);
	END IF;
	SELECT coalesce(sum(e.due), 0) INTO undone FROM promo.points_entry e
	WHERE e.customer_id = ANY (promo.customer_ids(holder.customer_id)) AND e.program_id = holder.program_id
		AND e.kind = 'undo' AND e.of_id = redeemed.entry_id;
	IF undone + coalesce(points, 0) > - redeemed.points OR (points IS NULL AND undone > 0 AND undone = - redeemed.points) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('fewer points than that are redeemed under key "%s"', redemption_key),
			DETAIL = format('Of %s, %s were given back before.', - redeemed.points, undone);
	END IF;
	points := coalesce(points, - redeemed.points - undone);
	SELECT p.* INTO STRICT terms FROM promo.program p WHERE p.program_id = holder.program_id;
	holder := promo.points_settle(holder, at);
	IF terms.restore_grace_days > 0 THEN
		grace_until := promo.points_end(at, terms.time_zone, terms.restore_grace_days, 0, 'day');
	END IF;
	entry := promo.points_number();
	WITH lot AS (
		SELECT a.lot_id, a.points, l.available_at, CASE WHEN l.moves THEN holder.inactive_at ELSE l.expires_at END AS expires_at
		FROM promo.points_allocation a JOIN promo.points_lot l USING (lot_id)
		WHERE a.entry_id = redeemed.entry_id AND l.customer_id = holder.customer_id AND l.program_id = holder.program_id
	), ordered AS (
		SELECT t.*, (sum(t.points) OVER (ORDER BY t.expires_at DESC NULLS FIRST, t.available_at DESC, t.lot_id DESC))::bigint - t.points AS before
		FROM lot t
	), share AS (
		SELECT o.lot_id, (o.expires_at <= undo_redemption.at) IS TRUE AS is_late, o.available_at,
			CASE WHEN o.expires_at <= undo_redemption.at THEN grace_until ELSE o.expires_at END AS expires_at,
			least(o.before + o.points, undone + undo_redemption.points) - greatest(o.before, undone) AS points
		FROM ordered o
		WHERE least(o.before + o.points, undone + undo_redemption.points) > greatest(o.before, undone)
	), given AS (
		SELECT s.*, (sum(s.points) OVER (ORDER BY s.expires_at NULLS LAST, s.is_late, s.available_at, s.lot_id))::bigint - s.points AS before
		FROM share s
		WHERE NOT s.is_late OR grace_until IS NOT NULL
	), paid AS (
		SELECT g.*, greatest(least(g.before + g.points, holder.deficit) - g.before, 0) AS owed FROM given g
	), used AS (
		UPDATE promo.points_lot l
		SET remaining = l.remaining + p.points - p.owed, used_at = greatest(l.used_at, undo_redemption.at)
		FROM paid p
		WHERE l.customer_id = holder.customer_id AND l.program_id = holder.program_id AND l.lot_id = p.lot_id AND NOT p.is_late
	), allocated AS (
		INSERT INTO promo.points_allocation (entry_id, lot_id, points)
		SELECT entry, p.lot_id, p.owed - p.points FROM paid p WHERE NOT p.is_late AND p.points > p.owed
	)
	SELECT coalesce(sum(p.points), 0), coalesce(sum(p.points) FILTER (WHERE p.is_late), 0),
		coalesce(sum(p.owed) FILTER (WHERE p.is_late), 0), coalesce(sum(p.owed), 0), min(p.expires_at)
	INTO restored, fresh, fresh_paid, owed, first_due
	FROM paid p;
	lapsed := points - restored;
	IF fresh > 0 THEN
		PERFORM promo.points_open(holder, entry, entry, fresh, fresh_paid, at, at, grace_until, false);
	END IF;
	INSERT INTO promo.points_entry (entry_id, program_id, customer_id, kind, key, points, at, content, of_id, due, lapsed)
	VALUES (entry, holder.program_id, holder.customer_id, 'undo', undo_redemption.key, restored, undo_redemption.at,
		content, redeemed.entry_id, undo_redemption.points, lapsed);
	PERFORM promo.points_count(holder, restored, 0, - owed, first_due, NULL);
	RETURN jsonb_build_object('points', restored, 'lapsed', lapsed);
END
$$;

COMMENT ON FUNCTION undo_redemption(text, text, text, timestamptz, bigint, text) IS
'gives back the points of a redemption, or so many of them, into the lots that they came from; those that have expired since live on for the program''s days of grace: {"points": given back, "lapsed": not given back since there is no grace}; a key is posted once, and a repeat gives the same answer';

CREATE FUNCTION transfer_points(customer text, key text, receiver text, points bigint,
	at timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	sender promo.member;
	taker promo.member;
	content bytea;
	before promo.points_entry;
	available bigint;
	sent bigint;
	received bigint;
	lot record;
	owed bigint;
	left_owed bigint;
	first_due timestamptz;
BEGIN
	PERFORM promo.points_check('transfer_points', customer, key, points, at, program);
	IF receiver IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'receiver must not be null';
	END IF;
	content := sha256(convert_to(format('%s %s', points, receiver), 'UTF8'));
	-- In the one order in which all do who lock several.
	PERFORM FROM promo.member m
	WHERE m.program_id = promo.program_known(program)
		AND m.customer_id IN (promo.customer_known(customer), promo.customer_known(receiver))
	ORDER BY m.program_id, m.customer_id
	FOR NO KEY UPDATE;
	sender := promo.points_member(customer, program);
	taker := promo.points_member(receiver, program);
	IF sender.customer_id = taker.customer_id THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'points are transferred to another customer';
	END IF;
	before := promo.points_posted(sender, 'send', key, content);
	IF before.entry_id IS NOT NULL THEN
		RETURN - before.points;
	END IF;
	PERFORM promo.points_posted(taker, 'receive', key, ''::bytea);
	PERFORM promo.points_spender(customer, program, sender);
	PERFORM promo.points_spender(receiver, program, taker);
	sender := promo.points_settle(sender, at);
	taker := promo.points_settle(taker, at);
	available := promo.points_usable(sender, at);
	IF available < points THEN
		PERFORM promo.points_short(customer, points, available);
	END IF;
	sent := promo.points_number();
	received := promo.points_number();
	INSERT INTO promo.points_entry (entry_id, program_id, customer_id, kind, key, points, at, content, of_id)
	VALUES (sent, sender.program_id, sender.customer_id, 'send', transfer_points.key, - transfer_points.points,
			transfer_points.at, content, NULL),
		(received, taker.program_id, taker.customer_id, 'receive', transfer_points.key, transfer_points.points,
			transfer_points.at, content, sent);
	PERFORM promo.points_take(sender, sent, points, at);
	PERFORM promo.points_count(sender, - points, 0, 0, NULL, NULL);
	left_owed := taker.deficit;
	FOR lot IN
		SELECT a.points, CASE WHEN l.moves THEN sender.inactive_at ELSE l.expires_at END AS expires_at
		FROM promo.points_allocation a JOIN promo.points_lot l USING (lot_id)
		WHERE a.entry_id = sent AND l.customer_id = sender.customer_id AND l.program_id = sender.program_id
		ORDER BY 2 NULLS LAST, l.available_at, l.lot_id
	LOOP
		owed := least(left_owed, lot.points);
		left_owed := left_owed - owed;
		PERFORM promo.points_open(taker, promo.points_number(), received, lot.points, owed, at, at, lot.expires_at, false);
		first_due := least(first_due, lot.expires_at);
	END LOOP;
	PERFORM promo.points_count(taker, points, 0, left_owed - taker.deficit, first_due, NULL);
	RETURN points;
END
$$;

COMMENT ON FUNCTION transfer_points(text, text, text, bigint, timestamptz, text) IS
'gives points of a member to another, first those that expire first; they expire when they would have; with fewer than that it is an error (PM001); a key is posted once, and a repeat gives the same answer';

REVOKE ALL ON FUNCTION return_order(text, text, text, numeric, timestamptz, text),
	undo_redemption(text, text, text, timestamptz, bigint, text),
	transfer_points(text, text, text, bigint, timestamptz, text) FROM PUBLIC;
