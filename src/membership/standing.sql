/* src/membership/standing.sql */

-- Members' tiers: found with each posting, looked at again at the end of their
-- time, assigned by hand, and asked for.

ALTER TABLE tier_period ALTER COLUMN period_id
	SET DEFAULT pg_catalog.nextval('points_entry_entry_id_seq'::pg_catalog.regclass);

CREATE TYPE tier_state AS (
	tier text,
	since timestamptz,
	due_at timestamptz,
	earned text,
	earned_until timestamptz
);

COMMENT ON TYPE tier_state IS 'the tier of a member at an instant, since when it is so and when it is looked at again; and the one that was earned, with the end of its time';

-- What comes of a posting.  It is not asked for where what came in since the
-- figures were last added up cannot suffice for a higher tier.  Those of one
-- instant that were posted before are counted again, and come to nothing.
CREATE FUNCTION tier_posted(program_id bigint, customer_id bigint, at timestamptz)
RETURNS void
AS 'MODULE_PATHNAME', 'promo_tier_posted'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION tier_posted(bigint, bigint, timestamptz) IS
'internal: finds the tier of a locked member after a posting';

CREATE FUNCTION tier_returned(program_id bigint, customer_id bigint, at timestamptz)
RETURNS void
AS 'MODULE_PATHNAME', 'promo_tier_returned'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION tier_returned(bigint, bigint, timestamptz) IS
'internal: finds the tier of a locked member after a return';

CREATE FUNCTION tier_settle(program_id bigint, customer_id bigint, until timestamptz)
RETURNS void
AS 'MODULE_PATHNAME', 'promo_tier_settle'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION tier_settle(bigint, bigint, timestamptz) IS
'internal: looks at the tier of a locked member whose time is over';

CREATE FUNCTION tier_assigned(program_id bigint, customer_id bigint, tier text, until timestamptz, reason text,
	at timestamptz)
RETURNS void
AS 'MODULE_PATHNAME', 'promo_tier_assigned'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION tier_assigned(bigint, bigint, text, timestamptz, text, timestamptz) IS
'internal: puts a floor under the tier of a locked member';

CREATE FUNCTION tier_merged(program_id bigint, customer_id bigint, earned text, earned_until timestamptz, floor text,
	floor_until timestamptz, at timestamptz)
RETURNS void
AS 'MODULE_PATHNAME', 'promo_tier_merged'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION tier_merged(bigint, bigint, text, timestamptz, text, timestamptz, timestamptz) IS
'internal: gives a locked member what another had earned, or was assigned';

CREATE FUNCTION tier_standing(program_id bigint, customer_id bigint, as_of timestamptz)
RETURNS tier_state
AS 'MODULE_PATHNAME', 'promo_tier_standing'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION tier_standing(bigint, bigint, timestamptz) IS
'internal: a member''s tier at an instant, whether or not what has fallen due is posted';

CREATE FUNCTION tier_progress_of(program_id bigint, customer_id bigint, as_of timestamptz)
RETURNS TABLE (goal text, tier text, metric text, has numeric, needs numeric, missing numeric, until timestamptz)
AS 'MODULE_PATHNAME', 'promo_tier_progress_of'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION tier_progress_of(bigint, bigint, timestamptz) IS 'internal: tier_progress() by numbers';

-- A period that would have lasted no time never was.
CREATE FUNCTION tier_write(program_id bigint, customer_id bigint, at timestamptz, cause text, tier text, earned text,
	earned_until timestamptz, floor text, floor_until timestamptz, figures jsonb, judged_on date,
	period_id bigint, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
	period_id := coalesce(period_id, promo.points_number());
	UPDATE promo.tier_period t
	SET cause = tier_write.cause, tier = tier_write.tier, earned = tier_write.earned, earned_until = tier_write.earned_until,
		floor = tier_write.floor, floor_until = tier_write.floor_until, figures = tier_write.figures,
		judged_on = tier_write.judged_on, reason = tier_write.reason, period_id = tier_write.period_id
	WHERE t.program_id = tier_write.program_id AND t.customer_id = tier_write.customer_id
		AND t.ends_at IS NULL AND t.begins_at = tier_write.at;
	IF FOUND THEN
		RETURN;
	END IF;
	UPDATE promo.tier_period t SET ends_at = tier_write.at
	WHERE t.program_id = tier_write.program_id AND t.customer_id = tier_write.customer_id AND t.ends_at IS NULL;
	INSERT INTO promo.tier_period (program_id, customer_id, tier, begins_at, cause, follows, earned, earned_until, floor,
		floor_until, figures, judged_on, period_id, reason)
	VALUES (program_id, customer_id, tier, at, cause, at, earned, earned_until, floor, floor_until, figures, judged_on,
		period_id, reason);
END
$$;

COMMENT ON FUNCTION tier_write(bigint, bigint, timestamptz, text, text, text, timestamptz, text, timestamptz, jsonb, date, bigint, text) IS
'internal: ends the period of a locked member, and begins the next one';

CREATE FUNCTION tier_end(program_id bigint, customer_id bigint, at timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM promo.tier_period t
	WHERE t.program_id = tier_end.program_id AND t.customer_id = tier_end.customer_id AND t.ends_at IS NULL
		AND t.begins_at >= tier_end.at AND t.follows IS NOT NULL;
	UPDATE promo.tier_period t SET ends_at = greatest(tier_end.at, t.begins_at)
	WHERE t.program_id = tier_end.program_id AND t.customer_id = tier_end.customer_id AND t.ends_at IS NULL;
	UPDATE promo.benefit_grant g SET state = 'void'
	WHERE g.program_id = tier_end.program_id AND g.customer_id = tier_end.customer_id AND g.state = 'due';
	UPDATE promo.member m SET tier_due_at = NULL, benefit_due_at = NULL
	WHERE m.program_id = tier_end.program_id AND m.customer_id = tier_end.customer_id;
END
$$;

COMMENT ON FUNCTION tier_end(bigint, bigint, timestamptz) IS
'internal: ends the tiers of a locked member whose membership ends, and what is due but not issued yet';

CREATE FUNCTION assign_tier(customer text, tier text, until timestamptz, reason text,
	at timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder promo.member;
BEGIN
	IF customer IS NULL OR tier IS NULL OR until IS NULL OR at IS NULL OR program IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'customer, tier, until, at and program of assign_tier() must not be null';
	ELSIF coalesce(reason, '') = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a reason must be given';
	ELSIF NOT isfinite(at) THEN
		RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow', MESSAGE = 'at must be finite';
	ELSIF until <= at THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'until must be later than at';
	END IF;
	holder := promo.points_member(customer, program);
	IF holder.state = 'closed' THEN
		PERFORM promo.points_spender(customer, program, holder);
	ELSIF at < holder.enrolled_at THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('customer "%s" was no member then', customer);
	ELSIF NOT EXISTS (SELECT FROM promo.tier t WHERE t.program_id = holder.program_id AND t.tier = assign_tier.tier) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('program "%s" has no tier "%s"', program, tier),
			DETAIL = format('Its tiers are %s.', (SELECT string_agg('"' || t.tier || '"', ', ' ORDER BY t.rank)
				FROM promo.tier t WHERE t.program_id = holder.program_id));
	END IF;
	PERFORM promo.tier_assigned(holder.program_id, holder.customer_id, tier, until, reason, at);
	RETURN (SELECT t.tier FROM promo.tier_period t
			WHERE t.program_id = holder.program_id AND t.customer_id = holder.customer_id AND t.ends_at IS NULL);
END
$$;

COMMENT ON FUNCTION assign_tier(text, text, timestamptz, text, timestamptz, text) IS
'puts a floor under the tier of a member until an instant, infinity for good, for a reason: what was earned may lift above it, and does not go below; in place of one that was assigned before, which the base tier takes away; gives the tier that the member is in then';

CREATE FUNCTION tier_of(customer text, as_of timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number bigint := promo.customer_known(customer);
	program_number bigint := promo.program_known(program);
	period promo.tier_period;
BEGIN
	SELECT t.* INTO period FROM promo.tier_period t
	WHERE t.program_id = program_number AND t.customer_id = number AND t.begins_at <= as_of
	ORDER BY t.begins_at DESC
	LIMIT 1;
	IF period.ends_at <= as_of THEN
		RETURN NULL;
	ELSIF (period.earned_until <= as_of OR period.floor_until <= as_of) AND period.ends_at IS NULL THEN
		RETURN (promo.tier_standing(program_number, number, as_of)).tier;
	END IF;
	RETURN period.tier;
END
$$;

COMMENT ON FUNCTION tier_of(text, timestamptz, text) IS
'the tier of a customer at an instant, whether or not run_membership() was called since it changed; NULL for who is no member then';

CREATE FUNCTION tier_progress(customer text, as_of timestamptz DEFAULT pg_catalog.now(), program text DEFAULT 'default')
RETURNS TABLE (goal text, tier text, metric text, has numeric, needs numeric, missing numeric, until timestamptz)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER ROWS 4
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT p.* FROM promo.tier_progress_of(promo.program_known(program), promo.customer_known(customer), as_of) p;
END
$$;

COMMENT ON FUNCTION tier_progress(text, timestamptz, text) IS
'what a member has at an instant, and what is missing, of each figure that the next tier asks for (goal reach), and that the tier asks for which was earned and whose time will be over (goal keep); until is when the figures start anew, or the first purchase among them is too old, or until when it must have come in to keep the tier';

REVOKE ALL ON FUNCTION tier_posted(bigint, bigint, timestamptz), tier_returned(bigint, bigint, timestamptz),
	tier_settle(bigint, bigint, timestamptz), tier_assigned(bigint, bigint, text, timestamptz, text, timestamptz),
	tier_merged(bigint, bigint, text, timestamptz, text, timestamptz, timestamptz),
	tier_standing(bigint, bigint, timestamptz), tier_progress_of(bigint, bigint, timestamptz),
	tier_write(bigint, bigint, timestamptz, text, text, text, timestamptz, text, timestamptz, jsonb, date, bigint, text),
	tier_end(bigint, bigint, timestamptz),
	assign_tier(text, text, timestamptz, text, timestamptz, text), tier_of(text, timestamptz, text),
	tier_progress(text, timestamptz, text) FROM PUBLIC;
