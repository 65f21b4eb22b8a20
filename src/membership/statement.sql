/* src/membership/statement.sql */

-- What a member's account says, and what all of them come to.

CREATE FUNCTION member_statement(customer text, since timestamptz, until timestamptz, program text DEFAULT 'default')
RETURNS TABLE (at timestamptz, what text, key text, amount numeric, points bigint, held bigint, balance bigint)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	number bigint := promo.customer_known(customer);
	program_number bigint := promo.program_known(program);
	opening bigint;
BEGIN
	IF since > until THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'since must not be later than until';
	ELSIF NOT EXISTS (SELECT FROM promo.member m WHERE m.program_id = program_number AND m.customer_id = number) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('customer "%s" is no member of program "%s"', customer, program),
			HINT = 'Members are made by promo.enroll().';
	END IF;
	SELECT coalesce(sum(e.points), 0) INTO opening FROM promo.points_entry e
	WHERE e.customer_id = ANY (promo.customer_ids(number)) AND e.program_id = program_number
		AND e.at < member_statement.since AND e.kind <> 'merge';
	RETURN QUERY SELECT since, 'opening', NULL::text, NULL::numeric, NULL::bigint, NULL::bigint, opening;
	RETURN QUERY
	SELECT e.at, e.kind,
		CASE e.kind
			WHEN 'release' THEN (SELECT h.key FROM promo.points_entry h WHERE h.entry_id = e.of_id)
			WHEN 'expire' THEN (SELECT g.key FROM promo.points_lot l JOIN promo.points_entry g ON g.entry_id = l.entry_id
								WHERE l.customer_id = number AND l.program_id = program_number AND l.lot_id = e.of_id)
			ELSE e.key END,
		e.amount, e.points,
		CASE e.kind
			WHEN 'hold' THEN e.due
			WHEN 'release' THEN - (SELECT h.due FROM promo.points_entry h WHERE h.entry_id = e.of_id) END,
		opening + (sum(e.points) OVER (ORDER BY e.at, e.entry_id))::bigint
	FROM promo.points_entry e
	WHERE e.customer_id = ANY (promo.customer_ids(number)) AND e.program_id = program_number
		AND e.at >= member_statement.since AND e.at < member_statement.until AND e.kind <> 'merge'
	ORDER BY e.at, e.entry_id;
	RETURN QUERY
	SELECT until, 'closing', NULL::text, NULL::numeric, NULL::bigint, NULL::bigint,
		opening + coalesce(sum(e.points), 0)::bigint
	FROM promo.points_entry e
	WHERE e.customer_id = ANY (promo.customer_ids(number)) AND e.program_id = program_number
		AND e.at >= member_statement.since AND e.at < member_statement.until AND e.kind <> 'merge';
END
$$;

COMMENT ON FUNCTION member_statement(text, timestamptz, timestamptz, text) IS
'the ledger of a member from since until before until, by the time at which each happened, with the balance before, after each entry, and at the end; pending points are in it, and those that expired as soon as that is posted';

CREATE FUNCTION points_liability(as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (program text, members bigint, available bigint, pending bigint, on_hold bigint, owed bigint,
	expired bigint, liability bigint, expiring_30_days bigint, expiring_90_days bigint, never_expiring bigint)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH lot AS (
		SELECT l.program_id, l.remaining, l.available_at, CASE WHEN l.moves THEN m.inactive_at ELSE l.expires_at END AS expires_at
		FROM promo.points_lot l JOIN promo.member m ON m.program_id = l.program_id AND m.customer_id = l.customer_id
		WHERE l.remaining > 0
	), sums AS (
		SELECT l.program_id,
			sum(l.remaining) FILTER (WHERE l.available_at <= as_of AND (l.expires_at > as_of) IS NOT FALSE) AS available,
			sum(l.remaining) FILTER (WHERE l.available_at > as_of AND (l.expires_at > as_of) IS NOT FALSE) AS pending,
			sum(l.remaining) FILTER (WHERE l.expires_at <= as_of) AS expired,
			sum(l.remaining) FILTER (WHERE l.expires_at > as_of AND l.expires_at <= as_of + interval '720 hours') AS in_30_days,
			sum(l.remaining) FILTER (WHERE l.expires_at > as_of AND l.expires_at <= as_of + interval '2160 hours') AS in_90_days,
			sum(l.remaining) FILTER (WHERE l.expires_at IS NULL) AS never
		FROM lot l
		GROUP BY l.program_id
	), held AS (
		SELECT m.program_id, count(*) FILTER (WHERE m.state <> 'closed') AS members, sum(m.held) AS held, sum(m.deficit) AS deficit
		FROM promo.member m
		GROUP BY m.program_id
	)
	SELECT p.program, coalesce(h.members, 0), coalesce(s.available, 0)::bigint, coalesce(s.pending, 0)::bigint,
		coalesce(h.held, 0)::bigint, coalesce(h.deficit, 0)::bigint, coalesce(s.expired, 0)::bigint,
		(coalesce(s.available, 0) + coalesce(s.pending, 0) + coalesce(h.held, 0) - coalesce(h.deficit, 0))::bigint,
		coalesce(s.in_30_days, 0)::bigint, coalesce(s.in_90_days, 0)::bigint, coalesce(s.never, 0)::bigint
	FROM promo.program p LEFT JOIN held h USING (program_id) LEFT JOIN sums s USING (program_id)
	ORDER BY p.program;
END
$$;

COMMENT ON FUNCTION points_liability(timestamptz) IS
'what each program''s members have left now, as seen at an instant: available, pending, on hold, less what some owe, which is the liability; what of it expires within 30 and 90 days, and never; and expired points whose expiry is not posted yet, which are no part of it';

-- Months are those of the program's zone.
CREATE VIEW points_by_month AS
SELECT p.program, date_trunc('month', e.at AT TIME ZONE p.time_zone)::date AS month,
	coalesce(sum(e.points) FILTER (WHERE e.kind IN ('earn', 'benefit')), 0)::bigint AS earned,
	coalesce(sum(e.points) FILTER (WHERE e.kind = 'adjust'), 0)::bigint AS adjusted,
	coalesce(- sum(e.points) FILTER (WHERE e.kind IN ('redeem', 'undo')), 0)::bigint AS redeemed,
	coalesce(- sum(e.points) FILTER (WHERE e.kind IN ('expire', 'forfeit')), 0)::bigint AS expired,
	coalesce(- sum(e.points) FILTER (WHERE e.kind = 'return'), 0)::bigint AS returned,
	(sum(sum(e.points)) OVER (PARTITION BY p.program
		ORDER BY date_trunc('month', e.at AT TIME ZONE p.time_zone)))::bigint AS liability
FROM promo.points_entry e JOIN promo.program p USING (program_id)
GROUP BY p.program, date_trunc('month', e.at AT TIME ZONE p.time_zone);

COMMENT ON VIEW points_by_month IS
'points earned (or given as benefits), adjusted, redeemed, expired and returned in each month, and the liability at its end, as it is posted';

CREATE VIEW points_breakage AS
SELECT v.program, v.month, v.issued, v.redeemed, v.expired, v.reversed, v.remaining,
	round(v.expired / v.issued::numeric, 4) AS breakage
FROM (SELECT p.program, date_trunc('month', g.at AT TIME ZONE p.time_zone)::date AS month,
		sum(l.points)::bigint AS issued,
		coalesce(sum(t.redeemed), 0)::bigint AS redeemed,
		coalesce(sum(t.expired), 0)::bigint AS expired,
		coalesce(sum(t.other), 0)::bigint AS reversed,
		sum(l.remaining)::bigint AS remaining
	  FROM promo.points_lot l
	  JOIN promo.points_entry g ON g.entry_id = l.entry_id AND g.kind IN ('earn', 'adjust', 'benefit')
	  JOIN promo.program p ON p.program_id = l.program_id
	  LEFT JOIN (SELECT a.lot_id,
				sum(a.points) FILTER (WHERE e.kind IN ('redeem', 'undo', 'hold', 'release')) AS redeemed,
				sum(a.points) FILTER (WHERE e.kind IN ('expire', 'forfeit')) AS expired,
				sum(a.points) FILTER (WHERE e.kind NOT IN ('redeem', 'undo', 'hold', 'release', 'expire', 'forfeit')) AS other
				 FROM promo.points_allocation a JOIN promo.points_entry e ON e.entry_id = a.entry_id
				 GROUP BY a.lot_id) t ON t.lot_id = l.lot_id
	  GROUP BY p.program, date_trunc('month', g.at AT TIME ZONE p.time_zone)) v;

COMMENT ON VIEW points_breakage IS
'what became of the points of each month of earning: redeemed (or held), expired, taken back or given to others, and still there; breakage is the share that expired';

REVOKE ALL ON FUNCTION member_statement(text, timestamptz, timestamptz, text), points_liability(timestamptz) FROM PUBLIC;
