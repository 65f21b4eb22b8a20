/* src/membership/benefit.sql */

-- Benefits that fall due, and the nightly run: whatever it finds due is done as
-- of the instant at which it fell due, so that to run late, twice, or in
-- several sessions comes to the same.

CREATE TABLE benefit_grant (
	program_id bigint NOT NULL,
	customer_id bigint NOT NULL,
	benefit text COLLATE "C" NOT NULL,
	period_start date NOT NULL,
	tier text COLLATE "C" NOT NULL,
	type text NOT NULL CHECK (type IN ('points', 'gift', 'coupon')),
	count bigint NOT NULL CHECK (count > 0),
	promotion text CHECK ((promotion IS NULL) = (type <> 'coupon')),
	due_at timestamptz NOT NULL,
	state text NOT NULL CHECK (CASE type WHEN 'points' THEN state = 'posted' ELSE state IN ('due', 'issued', 'void') END),
	PRIMARY KEY (program_id, customer_id, benefit, period_start, tier)
);

CREATE INDEX benefit_grant_due ON benefit_grant (due_at) WHERE state = 'due';
CREATE INDEX benefit_grant_customer ON benefit_grant (customer_id);

COMMENT ON TABLE benefit_grant IS 'benefits that fell due to members, each once for a period; in a period in which the tier changed, what the higher one gives more';
COMMENT ON COLUMN benefit_grant.period_start IS 'the first day of the month, quarter, half or year; of the year, for birthdays';
COMMENT ON COLUMN benefit_grant.count IS 'points, or how many gifts or coupons';
COMMENT ON COLUMN benefit_grant.state IS 'points are posted; a gift or coupon is due until it is issued, or void once the membership has ended';

SELECT pg_catalog.pg_extension_config_dump('benefit_grant', '');

CREATE FUNCTION set_birthday(customer text, birthday date, at timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
BEGIN
	IF customer IS NULL OR at IS NULL OR program IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'customer, at and program of set_birthday() must not be null';
	ELSIF NOT isfinite(at) OR NOT isfinite(birthday) OR birthday > (at AT TIME ZONE 'UTC')::date + 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow',
			MESSAGE = 'at must be finite, and the birthday not later';
	END IF;
	holder := promo.points_member(customer, program);
	PERFORM promo.points_spender(customer, program, holder) WHERE holder.state = 'closed';
	IF holder.birthday IS NOT DISTINCT FROM set_birthday.birthday THEN
		RETURN false;
	END IF;
	PERFORM promo.member_settle(holder.program_id, holder.customer_id, at);
	UPDATE promo.member m
	SET birthday = set_birthday.birthday, birthday_since = CASE WHEN set_birthday.birthday IS NOT NULL THEN set_birthday.at END,
		benefit_due_at = CASE WHEN p.has_benefits THEN least(m.benefit_due_at, set_birthday.at) END
	FROM promo.program p
	WHERE p.program_id = holder.program_id AND m.program_id = holder.program_id AND m.customer_id = holder.customer_id;
	RETURN true;
END
$$;

COMMENT ON FUNCTION set_birthday(text, date, timestamptz, text) IS
'notes the birthday of a member, or NULL for none; benefits of birthdays come after the program''s days of hold; false where it was known';

CREATE FUNCTION points_grant(holder member, key text, points bigint, at timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	terms promo.program;
	settled promo.member := promo.points_settle(holder, at);
	entry bigint := promo.points_number();
	expires_at timestamptz;
	moves boolean := false;
	owed bigint := least(settled.deficit, points);
BEGIN
	SELECT p.* INTO STRICT terms FROM promo.program p WHERE p.program_id = holder.program_id;
	IF terms.expiry = 'after' THEN
		expires_at := promo.points_end(at, terms.time_zone, coalesce(terms.expiry_days, 0),
			coalesce(terms.expiry_months, 0), terms.expiry_end_of);
	ELSIF terms.expiry = 'inactivity' THEN
		-- A benefit is no activity.
		moves := true;
	END IF;
	INSERT INTO promo.points_entry (entry_id, program_id, customer_id, kind, key, points, at, content)
	VALUES (entry, settled.program_id, settled.customer_id, 'benefit', points_grant.key, points_grant.points,
		points_grant.at, ''::bytea);
	PERFORM promo.points_open(settled, entry, entry, points, owed, at, at, expires_at, moves);
	PERFORM promo.points_count(settled, points, 0, - owed,
		CASE WHEN points > owed THEN coalesce(expires_at, CASE WHEN moves THEN settled.inactive_at END) END, NULL);
END
$$;

COMMENT ON FUNCTION points_grant(member, text, bigint, timestamptz) IS
'internal: posts points that are a benefit of a locked member';

CREATE FUNCTION period_start(every text, day date)
RETURNS date
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE every
		WHEN 'month' THEN date_trunc('month', day::timestamp)
		WHEN 'quarter' THEN date_trunc('quarter', day::timestamp)
		WHEN 'half' THEN date_trunc('year', day::timestamp)
			+ CASE WHEN extract(month FROM day) > 6 THEN interval '6 months' ELSE interval '0' END
		ELSE date_trunc('year', day::timestamp) END;
END
$$;

COMMENT ON FUNCTION period_start(text, date) IS
'internal: the first day of the month, quarter, half or year that a day lies in; of the year for birthdays';

CREATE FUNCTION birthday_from(birthday date, day date)
RETURNS date
AS 'MODULE_PATHNAME', 'promo_birthday_from'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION birthday_from(date, date) IS
'internal: the first birthday that is not before a day';

-- What falls due to a member at one instant, and when the next thing may.
CREATE FUNCTION benefit_settle(holder member, at timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	terms promo.program;
	today date;
	period promo.tier_period;
	benefit promo.tier_benefit;
	day date;
	next_day date;
	more bigint;
	next_at timestamptz;
BEGIN
	SELECT p.* INTO STRICT terms FROM promo.program p WHERE p.program_id = holder.program_id;
	today := (at AT TIME ZONE terms.time_zone)::date;
	SELECT t.* INTO STRICT period FROM promo.tier_period t
	WHERE t.program_id = holder.program_id AND t.customer_id = holder.customer_id AND t.begins_at <= benefit_settle.at
	ORDER BY t.begins_at DESC
	LIMIT 1;
	next_at := period.ends_at;
	FOR benefit IN
		SELECT b.* FROM promo.tier_benefit b
		WHERE b.program_id = holder.program_id AND b.tier = period.tier AND b.every IS NOT NULL
		ORDER BY b.benefit
	LOOP
		day := promo.period_start(benefit.every, today);
		IF benefit.every = 'birthday' THEN
			next_day := promo.birthday_from(holder.birthday, today + 1);
		ELSE
			next_day := promo.period_start(benefit.every, day
				+ CASE benefit.every WHEN 'month' THEN 31 WHEN 'quarter' THEN 92 WHEN 'half' THEN 184 ELSE 366 END);
		END IF;
		next_at := least(next_at, next_day::timestamp AT TIME ZONE terms.time_zone);
		CONTINUE WHEN holder.state <> 'active';
		CONTINUE WHEN benefit.every = 'birthday' AND (promo.birthday_on(holder.birthday, today)
			AND today >= (holder.birthday_since AT TIME ZONE terms.time_zone)::date + terms.birthday_hold_days) IS NOT TRUE;
		SELECT benefit.value - coalesce(sum(g.count), 0) INTO more FROM promo.benefit_grant g
		WHERE g.program_id = holder.program_id AND g.customer_id = holder.customer_id
			AND g.benefit = benefit.benefit AND g.period_start = day;
		CONTINUE WHEN more <= 0 OR EXISTS (SELECT FROM promo.benefit_grant g
			WHERE g.program_id = holder.program_id AND g.customer_id = holder.customer_id
				AND g.benefit = benefit.benefit AND g.period_start = day AND g.tier = period.tier);
		INSERT INTO promo.benefit_grant (program_id, customer_id, benefit, period_start, tier, type, count, promotion, due_at, state)
		VALUES (holder.program_id, holder.customer_id, benefit.benefit, day, period.tier, benefit.type, more, benefit.promotion,
			benefit_settle.at, CASE WHEN benefit.type = 'points' THEN 'posted' ELSE 'due' END);
		IF benefit.type = 'points' THEN
			PERFORM promo.points_grant(m, format('%s %s %s', benefit.benefit, to_char(day, 'YYYY-MM-DD'), period.tier), more, at)
			FROM promo.member m WHERE m.program_id = holder.program_id AND m.customer_id = holder.customer_id;
		END IF;
	END LOOP;
	UPDATE promo.member m SET benefit_due_at = next_at
	WHERE m.program_id = holder.program_id AND m.customer_id = holder.customer_id;
END
$$;

COMMENT ON FUNCTION benefit_settle(member, timestamptz) IS
'internal: grants the benefits that fall due to a locked member at an instant';

-- In the order of time; at one instant the tier first.
CREATE FUNCTION member_settle(program_id bigint, customer_id bigint, as_of timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
BEGIN
	LOOP
		SELECT m.* INTO STRICT holder FROM promo.member m
		WHERE m.program_id = member_settle.program_id AND m.customer_id = member_settle.customer_id;
		EXIT WHEN (least(holder.tier_due_at, holder.benefit_due_at) <= as_of) IS NOT TRUE;
		IF (holder.tier_due_at > holder.benefit_due_at) IS NOT TRUE AND holder.tier_due_at IS NOT NULL THEN
			PERFORM promo.tier_settle(program_id, customer_id, holder.tier_due_at);
		ELSE
			PERFORM promo.benefit_settle(holder, holder.benefit_due_at);
		END IF;
	END LOOP;
END
$$;

COMMENT ON FUNCTION member_settle(bigint, bigint, timestamptz) IS
'internal: does what has fallen due of a locked member''s tiers and benefits';

CREATE FUNCTION membership_batch(as_of timestamptz, batch_size bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done bigint;
	due record;
BEGIN
	IF as_of IS NULL OR batch_size IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'as_of and batch_size must not be null';
	ELSIF NOT isfinite(as_of) THEN
		RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow', MESSAGE = 'as_of must be finite';
	ELSIF batch_size < 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('batch_size must be positive, and is %s', batch_size);
	END IF;
	done := promo.points_expire_batch(as_of, batch_size);
	IF done > 0 THEN
		RETURN done;
	END IF;
	FOR due IN
		SELECT m.program_id, m.customer_id FROM promo.member m
		WHERE least(m.tier_due_at, m.benefit_due_at) <= as_of AND (m.tier_due_at IS NOT NULL OR m.benefit_due_at IS NOT NULL)
		ORDER BY least(m.tier_due_at, m.benefit_due_at), m.program_id, m.customer_id
		LIMIT batch_size
		FOR NO KEY UPDATE SKIP LOCKED
	LOOP
		PERFORM promo.member_settle(due.program_id, due.customer_id, as_of);
		done := done + 1;
	END LOOP;
	RETURN done;
END
$$;

COMMENT ON FUNCTION membership_batch(timestamptz, bigint) IS
'does what has fallen due of points, tiers and benefits for at most so many members, and gives for how many; 0 when nothing is, or only to members whom another session has locked';

CREATE PROCEDURE run_membership(as_of timestamptz DEFAULT pg_catalog.now(), batch_size bigint DEFAULT 1000)
LANGUAGE plpgsql
AS $$
BEGIN
	WHILE promo.membership_batch(as_of, batch_size) OPERATOR(pg_catalog.>) 0 LOOP
		COMMIT;
	END LOOP;
END
$$;

COMMENT ON PROCEDURE run_membership(timestamptz, bigint) IS
'posts the expiry of points, looks at tiers whose time is over, and grants benefits that fall due, up to and with an instant, in batches with a commit after each; to be called each night, in one session or several, and again when it was interrupted';

CREATE VIEW benefit_grants AS
SELECT p.program, c.shop_id AS customer, g.benefit, g.type, g.tier, g.period_start, g.due_at, g.count, g.promotion, g.state
FROM promo.benefit_grant g
JOIN promo.program p ON p.program_id = g.program_id
JOIN promo.customer c ON c.customer_id = g.customer_id;

COMMENT ON VIEW benefit_grants IS 'benefits that fell due to members; the customer is NULL once forgotten';

CREATE FUNCTION tier_benefits(customer text, as_of timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS TABLE (benefit text, type text, value numeric, every text, promotion text)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT b.benefit, b.type, b.value, b.every, b.promotion FROM promo.tier_benefit b
	WHERE b.program_id = promo.program_known(program) AND b.tier = promo.tier_of(customer, as_of, program)
	ORDER BY b.benefit;
END
$$;

COMMENT ON FUNCTION tier_benefits(text, timestamptz, text) IS
'what a customer has of the tier at an instant: a discount in percent, a points multiplier, the amount from which shipping is free, early access in hours; and what falls due how often';

REVOKE ALL ON FUNCTION set_birthday(text, date, timestamptz, text), points_grant(member, text, bigint, timestamptz),
	period_start(text, date), birthday_from(date, date), benefit_settle(member, timestamptz),
	member_settle(bigint, bigint, timestamptz), membership_batch(timestamptz, bigint),
	tier_benefits(text, timestamptz, text) FROM PUBLIC;
REVOKE ALL ON PROCEDURE run_membership(timestamptz, bigint) FROM PUBLIC;
