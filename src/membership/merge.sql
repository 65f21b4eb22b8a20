/* src/membership/merge.sql */

-- Customers who turn out to be one.  Their entries stay where they are, and are
-- found under either id; lots and holds change hands.

CREATE FUNCTION membership_merge(old_id bigint, new_id bigint, at timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	loser promo.member;
	winner promo.member;
	gone bigint;
	come bigint;
	owed bigint;
BEGIN
	PERFORM FROM promo.member m WHERE m.customer_id IN (old_id, new_id)
	ORDER BY m.program_id, m.customer_id
	FOR NO KEY UPDATE;
	FOR loser IN
		SELECT m.* FROM promo.member m WHERE m.customer_id = old_id ORDER BY m.program_id
	LOOP
		INSERT INTO promo.member (program_id, customer_id, state, since, enrolled_at, reason)
		VALUES (loser.program_id, new_id, loser.state, loser.since, loser.enrolled_at, loser.reason)
		ON CONFLICT ON CONSTRAINT member_pkey DO NOTHING;
		SELECT m.* INTO STRICT winner FROM promo.member m
		WHERE m.program_id = loser.program_id AND m.customer_id = new_id;
		IF winner.state = 'closed' AND loser.state <> 'closed' THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('the membership of customer "%s" in program "%s" is closed',
					(SELECT c.shop_id FROM promo.customer c WHERE c.customer_id = new_id),
					(SELECT p.program FROM promo.program p WHERE p.program_id = loser.program_id)),
				HINT = 'Merge the other way round.';
		END IF;
		PERFORM promo.member_settle(loser.program_id, loser.customer_id, at),
			promo.member_settle(winner.program_id, winner.customer_id, at);
		SELECT m.* INTO STRICT loser FROM promo.member m
		WHERE m.program_id = loser.program_id AND m.customer_id = old_id;
		SELECT m.* INTO STRICT winner FROM promo.member m
		WHERE m.program_id = loser.program_id AND m.customer_id = new_id;
		loser := promo.points_settle(loser, at);
		winner := promo.points_settle(winner, at);

		gone := promo.points_number();
		come := promo.points_number();
		INSERT INTO promo.points_entry (entry_id, program_id, customer_id, kind, key, points, at, content, of_id)
		VALUES (gone, loser.program_id, old_id, 'merge', 'merged', - loser.points, membership_merge.at, ''::bytea, NULL),
			(come, loser.program_id, new_id, 'merge', 'merged ' || old_id, loser.points, membership_merge.at, ''::bytea, gone);
		UPDATE promo.points_lot l SET customer_id = new_id
		WHERE l.customer_id = old_id AND l.program_id = loser.program_id;
		UPDATE promo.points_hold h SET customer_id = new_id
		WHERE h.customer_id = old_id AND h.program_id = loser.program_id;
		-- Stricter of the two: who was suspended stays so.
		UPDATE promo.member m
		SET points = m.points + loser.points, held = m.held + loser.held, deficit = m.deficit + loser.deficit,
			has_owed = m.has_owed OR loser.has_owed, merged = true,
			points_due_at = least(m.points_due_at, loser.points_due_at),
			inactive_at = greatest(m.inactive_at, loser.inactive_at),
			enrolled_at = least(m.enrolled_at, loser.enrolled_at),
			opted_out = m.opted_out OR loser.opted_out,
			birthday = coalesce(m.birthday, loser.birthday),
			birthday_since = CASE WHEN m.birthday IS NULL THEN loser.birthday_since ELSE m.birthday_since END,
			benefit_due_at = least(m.benefit_due_at, loser.benefit_due_at),
			state = CASE WHEN loser.state = 'suspended' AND m.state = 'active' THEN 'suspended' ELSE m.state END,
			since = CASE WHEN loser.state = 'suspended' AND m.state = 'active' THEN greatest(m.since, membership_merge.at) ELSE m.since END,
			reason = CASE WHEN loser.state = 'suspended' AND m.state = 'active' THEN loser.reason ELSE m.reason END
		WHERE m.program_id = loser.program_id AND m.customer_id = new_id
		RETURNING m.* INTO winner;
		UPDATE promo.member m
		SET points = 0, held = 0, deficit = 0, points_due_at = NULL, state = 'closed', reason = 'merged',
			birthday = NULL, birthday_since = NULL,
			since = CASE WHEN m.state = 'closed' THEN m.since ELSE greatest(m.since, membership_merge.at) END
		WHERE m.program_id = loser.program_id AND m.customer_id = old_id;
		IF winner.deficit > 0 THEN
			owed := winner.deficit - promo.points_take(winner, come, winner.deficit, at, with_pending => true);
			UPDATE promo.member m SET deficit = owed
			WHERE m.program_id = winner.program_id AND m.customer_id = new_id;
		END IF;

		-- Once a year, or in a month, it is one person's.
		UPDATE promo.benefit_grant g SET customer_id = new_id
		WHERE g.program_id = loser.program_id AND g.customer_id = old_id AND NOT EXISTS (
			SELECT FROM promo.benefit_grant n WHERE n.program_id = g.program_id AND n.customer_id = new_id
				AND n.benefit = g.benefit AND n.period_start = g.period_start AND n.tier = g.tier);
	END LOOP;
END
$$;

COMMENT ON FUNCTION membership_merge(bigint, bigint, timestamptz) IS
'internal: the memberships of one customer become another''s, but for the tiers';

-- After both are one, so that what either bought is counted.
CREATE FUNCTION membership_merge_tiers(old_id bigint, new_id bigint, at timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	period promo.tier_period;
BEGIN
	FOR period IN
		SELECT t.* FROM promo.tier_period t WHERE t.customer_id = old_id AND t.ends_at IS NULL ORDER BY t.program_id
	LOOP
		PERFORM promo.tier_end(period.program_id, old_id, at);
		INSERT INTO promo.tier_period (program_id, customer_id, tier, earned, begins_at, cause)
		SELECT period.program_id, new_id, t.tier, t.tier, greatest(membership_merge_tiers.at, period.begins_at), 'merged'
		FROM promo.tier t
		WHERE t.program_id = period.program_id AND t.rank = 0 AND NOT EXISTS (
			SELECT FROM promo.tier_period n WHERE n.program_id = period.program_id AND n.customer_id = new_id);
		PERFORM promo.tier_merged(period.program_id, new_id, period.earned, period.earned_until, period.floor,
			period.floor_until, at);
	END LOOP;
END
$$;

COMMENT ON FUNCTION membership_merge_tiers(bigint, bigint, timestamptz) IS
'internal: the higher of two customers'' tiers goes on, and what they bought adds up';

CREATE FUNCTION merge_members(customer text, into_customer text, at timestamptz DEFAULT pg_catalog.now())
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old_id bigint;
	new_id bigint;
BEGIN
	IF customer IS NULL OR into_customer IS NULL OR at IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'customer, into_customer and at must not be null';
	ELSIF customer = into_customer THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'a customer is merged into another';
	ELSIF NOT isfinite(at) THEN
		RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow', MESSAGE = 'at must be finite';
	END IF;
	-- One merge after the other; whoever only looks up an id goes on.
	PERFORM FROM promo.customer c WHERE c.shop_id IN (customer, into_customer)
	ORDER BY c.customer_id
	FOR NO KEY UPDATE;
	old_id := promo.customer_known(customer);
	new_id := promo.customer_known(into_customer);
	IF old_id IS NULL OR new_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('customer "%s" is not known', CASE WHEN old_id IS NULL THEN customer ELSE into_customer END);
	ELSIF old_id = new_id THEN
		RETURN false;
	END IF;
	PERFORM promo.membership_merge(old_id, new_id, at);
	PERFORM promo.segment_merge(old_id, new_id);
	UPDATE promo.customer c SET merged_into = new_id
	WHERE c.customer_id = ANY (promo.customer_ids(old_id));
	PERFORM promo.membership_merge_tiers(old_id, new_id, at);
	RETURN true;
END
$$;

COMMENT ON FUNCTION merge_members(text, text, timestamptz) IS
'makes two customers one: points, holds and what is owed, the higher tier, segments and arms of experiments become those of the other, under whom both ids are known from then on; false where they are one already';

REVOKE ALL ON FUNCTION membership_merge(bigint, bigint, timestamptz),
	membership_merge_tiers(bigint, bigint, timestamptz), merge_members(text, text, timestamptz) FROM PUBLIC;
