/* src/membership/member.sql */

-- Members of programs: enrolled, suspended, closed, and the tier of each over
-- time.

CREATE TABLE member (
	program_id bigint NOT NULL REFERENCES program,
	customer_id bigint NOT NULL REFERENCES customer,
	state text NOT NULL CHECK (state IN ('active', 'suspended', 'closed')),
	since timestamptz NOT NULL,
	enrolled_at timestamptz NOT NULL,
	reason text,
	opted_out boolean NOT NULL DEFAULT false,
	points bigint NOT NULL DEFAULT 0,
	held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
	deficit bigint NOT NULL DEFAULT 0 CHECK (deficit >= 0),
	has_owed boolean NOT NULL DEFAULT false,
	points_due_at timestamptz,
	inactive_at timestamptz,
	merged boolean NOT NULL DEFAULT false,
	tier_due_at timestamptz,
	tier_lacks bigint NOT NULL DEFAULT 0 CHECK (tier_lacks >= 0),
	tier_seen_at timestamptz,
	benefit_due_at timestamptz,
	birthday date CHECK (isfinite(birthday)),
	birthday_since timestamptz,
	PRIMARY KEY (program_id, customer_id),
	CONSTRAINT member_since CHECK (since >= enrolled_at),
	CONSTRAINT member_points CHECK (points >= held - deficit)
);

CREATE INDEX member_customer ON member (customer_id);
CREATE INDEX member_points_due ON member (points_due_at);
CREATE INDEX member_due ON member (least(tier_due_at, benefit_due_at))
	WHERE tier_due_at IS NOT NULL OR benefit_due_at IS NOT NULL;

COMMENT ON TABLE member IS 'customers who are members of programs; the row is the lock of whatever changes for a member';
COMMENT ON COLUMN member.state IS 'active, suspended or closed; closed is the end';
COMMENT ON COLUMN member.since IS 'from when on the member is in this state';
COMMENT ON COLUMN member.reason IS 'why the member was suspended or closed';
COMMENT ON COLUMN member.points IS 'what is left of all lots of points, of those past their time too, and what is held, less what is owed';
COMMENT ON COLUMN member.held IS 'points held for redemptions that are not captured or released yet';
COMMENT ON COLUMN member.deficit IS 'points owed, which the next ones pay';
COMMENT ON COLUMN member.has_owed IS 'whether points were ever owed';
COMMENT ON COLUMN member.points_due_at IS 'before this, no points of the member expire and no hold of them times out';
COMMENT ON COLUMN member.inactive_at IS 'where points expire with inactivity: when they will, unless the member is active before';
COMMENT ON COLUMN member.merged IS 'whether entries of customers who were merged into this one are to be looked at';
COMMENT ON COLUMN member.tier_due_at IS 'when the tier is to be looked at, whatever is posted; NULL for never';
COMMENT ON COLUMN member.tier_lacks IS 'how much of the program''s metric must come in at least, in its smallest units, before a higher tier can be reached; 0 where that is not known';
COMMENT ON COLUMN member.tier_seen_at IS 'the latest instant of what was counted for that; an earlier one is looked at in any case';
COMMENT ON COLUMN member.benefit_due_at IS 'before this, no benefit falls due; NULL for never';
COMMENT ON COLUMN member.birthday_since IS 'when the birthday was set';
COMMENT ON COLUMN member.opted_out IS 'wants no advertising; nothing else depends on it';

-- A period follows the one that ends where it begins: of each member, one
-- begins with the enrollment, and all others form a chain of it, without a gap
-- and without an overlap.
CREATE TABLE tier_period (
	program_id bigint NOT NULL,
	customer_id bigint NOT NULL,
	tier text COLLATE "C" NOT NULL,
	begins_at timestamptz NOT NULL,
	ends_at timestamptz,
	cause text NOT NULL CHECK (cause IN ('enrolled', 'reached', 'renewed', 'lapsed', 'returned', 'assigned', 'unassigned', 'merged')),
	follows timestamptz CHECK (follows = begins_at),
	earned text COLLATE "C" NOT NULL,
	earned_until timestamptz,
	floor text COLLATE "C" CHECK (floor IS NOT NULL OR floor_until IS NULL),
	floor_until timestamptz,
	figures jsonb,
	judged_on date CHECK ((judged_on IS NULL) = (figures IS NULL)),
	reason text CHECK (reason IS NULL OR cause = 'assigned'),
	period_id bigint NOT NULL,
	PRIMARY KEY (program_id, customer_id, begins_at),
	FOREIGN KEY (program_id, customer_id) REFERENCES member,
	FOREIGN KEY (program_id, tier) REFERENCES tier,
	FOREIGN KEY (program_id, earned) REFERENCES tier,
	FOREIGN KEY (program_id, floor) REFERENCES tier,
	CONSTRAINT tier_period_end UNIQUE (program_id, customer_id, ends_at),
	CONSTRAINT tier_period_follows FOREIGN KEY (program_id, customer_id, follows)
		REFERENCES tier_period (program_id, customer_id, ends_at),
	CONSTRAINT tier_period_lasts CHECK (ends_at >= begins_at)
);

CREATE UNIQUE INDEX tier_period_now ON tier_period (program_id, customer_id) WHERE ends_at IS NULL;
CREATE UNIQUE INDEX tier_period_first ON tier_period (program_id, customer_id) WHERE follows IS NULL;
CREATE INDEX tier_period_customer ON tier_period (customer_id);

COMMENT ON TABLE tier_period IS 'the tier of each member over time, one period after the other; what ends one is only ever added';
COMMENT ON COLUMN tier_period.tier IS 'the higher one of what was earned and the floor';
COMMENT ON COLUMN tier_period.ends_at IS 'the first instant at which it is no longer so; NULL for the period now';
COMMENT ON COLUMN tier_period.cause IS 'what began it: enrolled, reached by a posting, renewed or lapsed at the end of its time, taken back by a return, assigned by hand, the end of that, or two customers merged';
COMMENT ON COLUMN tier_period.follows IS 'begins_at, which is where the period before ends; NULL for the first';
COMMENT ON COLUMN tier_period.earned IS 'the tier by what was posted';
COMMENT ON COLUMN tier_period.earned_until IS 'the first instant after its time; days of grace follow';
COMMENT ON COLUMN tier_period.floor IS 'the tier that was assigned by hand, until floor_until or for ever';
COMMENT ON COLUMN tier_period.figures IS 'by which it was decided';
COMMENT ON COLUMN tier_period.judged_on IS 'the day in whose window these are';
COMMENT ON COLUMN tier_period.reason IS 'why it was assigned, in words';
COMMENT ON COLUMN tier_period.period_id IS 'of the numbers of entries, so that one knows what was posted before';

SELECT pg_catalog.pg_extension_config_dump('member', '');
SELECT pg_catalog.pg_extension_config_dump('tier_period', '');

CREATE FUNCTION program_known(program text)
RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number bigint;
BEGIN
	SELECT p.program_id INTO number FROM promo.program p WHERE p.program = program_known.program;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('program "%s" does not exist', program),
			HINT = 'Programs are made by promo.define_program().';
	END IF;
	RETURN number;
END
$$;

COMMENT ON FUNCTION program_known(text) IS 'internal: the number of a program, or an error';

CREATE FUNCTION enroll(customer text, at timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	program_number bigint;
	number bigint;
	present text;
BEGIN
	IF customer IS NULL OR at IS NULL OR program IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'customer, at and program must not be null';
	ELSIF NOT isfinite(at) THEN
		RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow',
			MESSAGE = 'at must be finite';
	END IF;
	program_number := promo.program_known(program);
	number := promo.customer_number(customer);
	INSERT INTO promo.member (program_id, customer_id, state, since, enrolled_at, tier_lacks, benefit_due_at)
	SELECT program_number, number, 'active', at, at, p.tier_lacks, CASE WHEN p.has_benefits THEN at END
	FROM promo.program p WHERE p.program_id = program_number
	ON CONFLICT ON CONSTRAINT member_pkey DO NOTHING;
	IF NOT FOUND THEN
		SELECT m.state INTO STRICT present FROM promo.member m
		WHERE m.program_id = program_number AND m.customer_id = number;
		IF present = 'closed' THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('the membership of customer "%s" in program "%s" is closed', customer, program);
		END IF;
		RETURN false;
	END IF;
	INSERT INTO promo.tier_period (program_id, customer_id, tier, earned, begins_at, cause)
	SELECT program_number, number, t.tier, t.tier, at, 'enrolled'
	FROM promo.tier t
	WHERE t.program_id = program_number AND t.rank = 0;
	RETURN true;
END
$$;

COMMENT ON FUNCTION enroll(text, timestamptz, text) IS
'makes a customer a member, in the base tier; false for who is one already';

CREATE FUNCTION enroll_all(query text, at timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS bigint
AS 'MODULE_PATHNAME', 'promo_enroll_all'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION enroll_all(text, timestamptz, text) IS
'makes all customers of a query of one column members, and gives how many were none before; closed memberships stay closed';

CREATE FUNCTION change_member(customer text, new_state text, reason text, at timestamptz, program text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	program_number bigint;
	number bigint;
	present promo.member;
BEGIN
	IF customer IS NULL OR at IS NULL OR program IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'customer, at and program must not be null';
	ELSIF NOT isfinite(at) THEN
		RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow',
			MESSAGE = 'at must be finite';
	ELSIF new_state <> 'active' AND coalesce(reason, '') = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'a reason must be given';
	END IF;
	program_number := promo.program_known(program);
	number := promo.customer_known(customer);
	SELECT m.* INTO present FROM promo.member m
	WHERE m.program_id = program_number AND m.customer_id = number
	FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('customer "%s" is no member of program "%s"', customer, program),
			HINT = 'Members are made by promo.enroll().';
	END IF;
	IF present.state = new_state THEN
		RETURN false;
	ELSIF present.state = 'closed' THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the membership of customer "%s" in program "%s" is closed', customer, program);
	ELSIF at < present.since THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the membership of customer "%s" has changed after that', customer),
			DETAIL = format('It is %s since %s.', present.state,
				to_char(present.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
	END IF;
	-- What fell due before is the member's by the state until now.
	PERFORM promo.member_settle(program_number, number, at);
	SELECT m.* INTO STRICT present FROM promo.member m
	WHERE m.program_id = program_number AND m.customer_id = number;
	UPDATE promo.member m SET state = new_state, since = at, reason = change_member.reason
	WHERE m.program_id = program_number AND m.customer_id = number;
	IF new_state = 'closed' THEN
		PERFORM promo.points_forfeit(present, at);
		PERFORM promo.tier_end(program_number, number, at);
	END IF;
	RETURN true;
END
$$;

COMMENT ON FUNCTION change_member(text, text, text, timestamptz, text) IS
'internal: puts a member into another state; false for who is in it already';

CREATE FUNCTION suspend_member(customer text, reason text, at timestamptz DEFAULT pg_catalog.now(),
	program text DEFAULT 'default')
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN promo.change_member(customer, 'suspended', reason, at, program);
END
$$;

COMMENT ON FUNCTION suspend_member(text, text, timestamptz, text) IS
'suspends a membership until resume_member(); false for one that is suspended already';

CREATE FUNCTION resume_member(customer text, at timestamptz DEFAULT pg_catalog.now(),
	program text DEFAULT 'default')
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN promo.change_member(customer, 'active', NULL, at, program);
END
$$;

COMMENT ON FUNCTION resume_member(text, timestamptz, text) IS
'makes a suspended membership active again; false for one that is active already';

CREATE FUNCTION close_member(customer text, reason text, at timestamptz DEFAULT pg_catalog.now(),
	program text DEFAULT 'default')
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN promo.change_member(customer, 'closed', reason, at, program);
END
$$;

COMMENT ON FUNCTION close_member(text, text, timestamptz, text) IS
'ends a membership for good; false for one that is closed already';

CREATE FUNCTION opt_out_member(customer text, opted_out boolean DEFAULT true, program text DEFAULT 'default')
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE promo.member m SET opted_out = opt_out_member.opted_out
	WHERE m.program_id = promo.program_known(program) AND m.customer_id = promo.customer_known(customer);
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('customer "%s" is no member of program "%s"', customer, program),
			HINT = 'Members are made by promo.enroll().';
	END IF;
END
$$;

COMMENT ON FUNCTION opt_out_member(text, boolean, text) IS
'notes that a member wants no advertising, or does again';

-- Without these, a timestamp or date would become timestamptz in the zone of
-- the session, and an answer would depend on who asks.
CREATE FUNCTION enroll(customer text, at timestamp, program text DEFAULT 'default')
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_timestamp_refused'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION enroll(text, timestamp, text) IS
'raises an error that says how to give at as timestamptz';

CREATE FUNCTION enroll(customer text, at date, program text DEFAULT 'default')
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_timestamp_refused'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION enroll(text, date, text) IS
'raises an error that says how to give at as timestamptz';

CREATE VIEW members AS
SELECT p.program, c.shop_id AS customer, m.state, m.since, m.enrolled_at, t.tier,
	t.begins_at AS tier_since, m.opted_out, m.reason
FROM promo.member m
JOIN promo.program p ON p.program_id OPERATOR(pg_catalog.=) m.program_id
JOIN promo.customer c ON c.customer_id OPERATOR(pg_catalog.=) m.customer_id
LEFT JOIN promo.tier_period t ON t.program_id OPERATOR(pg_catalog.=) m.program_id
	AND t.customer_id OPERATOR(pg_catalog.=) m.customer_id AND t.ends_at IS NULL;

COMMENT ON VIEW members IS 'all members, with the tier that each is in now; the customer is NULL once forgotten';

CREATE FUNCTION membership_customer_data(customer_id bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('program', p.program, 'state', m.state,
				'since', m.since, 'enrolled_at', m.enrolled_at, 'reason', m.reason,
				'opted_out', m.opted_out, 'birthday', m.birthday, 'birthday_since', m.birthday_since,
				'benefits', (SELECT coalesce(jsonb_agg(jsonb_build_object('benefit', g.benefit, 'type', g.type, 'tier', g.tier,
							'period_start', g.period_start, 'due_at', g.due_at, 'count', g.count, 'state', g.state)
							ORDER BY g.due_at, g.benefit, g.tier), '[]')
						  FROM promo.benefit_grant g
						  WHERE g.program_id = m.program_id AND g.customer_id = m.customer_id),
				'tiers', (SELECT coalesce(jsonb_agg(jsonb_build_object('tier', t.tier,
							'begins_at', t.begins_at, 'ends_at', t.ends_at, 'cause', t.cause, 'figures', t.figures, 'judged_on', t.judged_on,
							'earned', t.earned, 'earned_until', t.earned_until, 'floor', t.floor, 'floor_until', t.floor_until, 'reason', t.reason)
							ORDER BY t.begins_at), '[]')
						  FROM promo.tier_period t
						  WHERE t.program_id = m.program_id AND t.customer_id = m.customer_id),
				'points', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', e.kind, 'key', e.key,
							'points', e.points, 'amount', e.amount, 'due', e.due, 'counted', e.counted, 'reason', e.reason, 'at', e.at, 'posted_at', e.posted_at,
							'held', h.is_open, 'times_out_at', h.times_out_at,
							'lots', (SELECT jsonb_agg(jsonb_build_object('points', l.points, 'left', l.remaining,
										'available_at', l.available_at, 'expires_at', l.expires_at) ORDER BY l.lot_id)
									 FROM promo.points_lot l
									 WHERE l.customer_id = e.customer_id AND l.entry_id = e.entry_id)) ORDER BY e.entry_id), '[]')
						   FROM promo.points_entry e
						   LEFT JOIN promo.points_hold h ON h.entry_id = e.entry_id
						   WHERE e.program_id = m.program_id AND e.customer_id = m.customer_id))
				ORDER BY p.program, m.customer_id), '[]')
			FROM promo.member m JOIN promo.program p USING (program_id)
			WHERE m.customer_id = ANY (promo.customer_ids($1)));
END
$$;

COMMENT ON FUNCTION membership_customer_data(bigint) IS
'internal: the memberships of a customer, the tiers over time, and the ledger of points';

-- Amounts and tiers stay without a name; what was written in words goes.
CREATE FUNCTION membership_forget(customer_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	moment timestamptz := now();
	ids bigint[] := promo.customer_ids($1);
BEGIN
	PERFORM FROM promo.member m WHERE m.customer_id = ANY (ids) ORDER BY m.program_id FOR NO KEY UPDATE;
	PERFORM promo.points_forfeit(m, moment) FROM promo.member m WHERE m.customer_id = ANY (ids);
	-- Keys may be order numbers; hashed, they still tell a repeat.
	UPDATE promo.points_entry e SET key = encode(sha256(convert_to(e.key, 'UTF8')), 'hex'), reason = NULL
	WHERE e.customer_id = ANY (ids);
	ASSERT NOT EXISTS (SELECT FROM promo.points_lot l WHERE l.customer_id = ANY (ids) AND l.remaining > 0)
		AND NOT EXISTS (SELECT FROM promo.points_hold h WHERE h.customer_id = ANY (ids) AND h.is_open);
	PERFORM promo.tier_end(m.program_id, m.customer_id, moment) FROM promo.member m WHERE m.customer_id = ANY (ids);
	UPDATE promo.tier_period t SET reason = NULL WHERE t.customer_id = ANY (ids) AND t.reason IS NOT NULL;
	UPDATE promo.benefit_grant g SET state = 'void' WHERE g.customer_id = ANY (ids) AND g.state = 'due';
	UPDATE promo.member m
	SET state = 'closed', since = CASE WHEN m.state = 'closed' THEN m.since ELSE greatest(moment, m.since) END,
		reason = NULL, birthday = NULL, birthday_since = NULL
	WHERE m.customer_id = ANY (ids);
END
$$;

COMMENT ON FUNCTION membership_forget(bigint) IS
'internal: closes the memberships of a customer, takes the points, and wipes what was written in words';

REVOKE ALL ON FUNCTION program_known(text), enroll(text, timestamptz, text),
	enroll_all(text, timestamptz, text), change_member(text, text, text, timestamptz, text),
	suspend_member(text, text, timestamptz, text), resume_member(text, timestamptz, text),
	close_member(text, text, timestamptz, text), opt_out_member(text, boolean, text),
	membership_customer_data(bigint), membership_forget(bigint) FROM PUBLIC;
