/* src/membership/tier_audit.sql */

-- Tiers proved: periods without gap or overlap, and each of them what the
-- ledger says of its moment, added up here in another way than at the posting.

-- What of a program's metric a customer and those merged into that one had from
-- a day on, by the entries before a number: at least, until an instant, and at
-- most, until the end of a day.
CREATE FUNCTION tier_figure(terms program, customers bigint[], before_id bigint, from_day date, until_at timestamptz, to_day date)
RETURNS TABLE (least_of numeric, most_of numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	WITH entry AS MATERIALIZED (
		SELECT e.* FROM promo.points_entry e
		WHERE e.customer_id = ANY (customers) AND e.program_id = terms.program_id AND e.kind IN ('earn', 'adjust', 'return')
			AND (e.entry_id < before_id) IS NOT FALSE
	), counted AS (
		SELECT e.at, (e.at AT TIME ZONE terms.time_zone)::date AS day, e.kind = 'earn' AS is_earning,
			coalesce(e.amount, 0) - coalesce(r.amount, 0) AS amount, e.points - coalesce(r.due, 0) AS points
		FROM entry e
		LEFT JOIN (SELECT r.of_id, sum(r.amount) AS amount, sum(r.due) AS due FROM entry r WHERE r.kind = 'return' GROUP BY r.of_id) r
			ON r.of_id = e.entry_id
		WHERE e.kind <> 'return'
	), within AS (
		SELECT * FROM counted c WHERE (c.day >= from_day) IS NOT FALSE AND c.day <= to_day
	)
	SELECT CASE terms.metric
			WHEN 'spend' THEN coalesce(sum(w.amount) FILTER (WHERE w.at <= until_at), 0)
			WHEN 'points' THEN coalesce(sum(w.points) FILTER (WHERE w.at <= until_at), 0)
			WHEN 'orders' THEN count(*) FILTER (WHERE w.at <= until_at AND w.is_earning AND w.amount > 0)
			ELSE count(DISTINCT w.day) FILTER (WHERE w.at <= until_at AND w.is_earning) END,
		CASE terms.metric
			WHEN 'spend' THEN coalesce(sum(w.amount), 0)
			WHEN 'points' THEN coalesce(sum(w.points), 0)
			WHEN 'orders' THEN count(*) FILTER (WHERE w.is_earning AND w.amount > 0)
			ELSE count(DISTINCT w.day) FILTER (WHERE w.is_earning) END
	FROM within w;
END
$$;

COMMENT ON FUNCTION tier_figure(program, bigint[], bigint, date, timestamptz, date) IS
'internal: what a customer had of the program''s metric from a day until an instant, and until the end of a day';

CREATE FUNCTION tier_faults()
RETURNS TABLE (program_id bigint, customer_id bigint, fault text, expected numeric, found numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH period AS MATERIALIZED (
		SELECT t.program_id, t.customer_id, t.begins_at, t.ends_at, t.cause, t.follows, t.earned_until, t.floor_until,
			t.figures, t.judged_on, t.period_id, n.rank, e.rank AS earned_rank, coalesce(f.rank, 0) AS floor_rank,
			lag(e.rank) OVER w AS before_rank, lag(t.earned_until) OVER w AS before_until,
			lag(t.ends_at) OVER w AS before_ends_at,
			row_number() OVER w AS place
		FROM promo.tier_period t
		JOIN promo.tier n ON n.program_id = t.program_id AND n.tier = t.tier
		JOIN promo.tier e ON e.program_id = t.program_id AND e.tier = t.earned
		LEFT JOIN promo.tier f ON f.program_id = t.program_id AND f.tier = t.floor
		WINDOW w AS (PARTITION BY t.program_id, t.customer_id ORDER BY t.begins_at)
	), judged AS MATERIALIZED (
		-- Members whom the program's present terms were always those of, and
		-- programs whose tiers ask for a figure of the ledger alone
		SELECT m.program_id, m.customer_id, promo.customer_ids(m.customer_id) AS customers,
			(m.enrolled_at AT TIME ZONE p.time_zone)::date AS enrolled, p,
			CASE p.window_type
				WHEN 'calendar' THEN jsonb_build_object('type', 'calendar', 'unit', p.window_unit)
				WHEN 'fixed' THEN jsonb_build_object('type', 'fixed', 'start', p.window_start, 'months', p.window_months)
				WHEN 'lifetime' THEN '{"type": "lifetime"}'
				ELSE jsonb_build_object('type', p.window_type, 'months', p.window_months) END AS span
		FROM promo.member m JOIN promo.program p ON p.program_id = m.program_id
		WHERE m.state <> 'closed' AND NOT m.merged AND p.metric <> 'balance'
			AND NOT EXISTS (SELECT FROM promo.tier n WHERE n.program_id = m.program_id AND (n.criteria IS NOT NULL OR n.renewal IS NOT NULL))
			AND NOT EXISTS (SELECT FROM promo.points_entry e WHERE e.program_id = m.program_id AND e.customer_id = m.customer_id
				AND e.posted_at < p.defined_at)
	), moment AS MATERIALIZED (
		-- At the end of a tier's time, what came in the days of grace counts.
		SELECT t.program_id, t.customer_id, t.cause, t.earned_rank, t.before_rank, (j.p).policy,
			(t.figures ->> (j.p).metric)::numeric AS told, f.least_of, f.most_of
		FROM period t JOIN judged j ON j.program_id = t.program_id AND j.customer_id = t.customer_id
		CROSS JOIN LATERAL (SELECT t.cause IN ('renewed', 'lapsed')
			AND t.judged_on = (t.before_until AT TIME ZONE (j.p).time_zone)::date - 1 AS is_end) d
		CROSS JOIN LATERAL promo.tier_figure(j.p, j.customers, t.period_id, lower(promo.qualification_window(j.span, t.judged_on, j.enrolled)),
			CASE WHEN t.cause = 'reached' THEN t.begins_at ELSE (t.judged_on + 1)::timestamp AT TIME ZONE (j.p).time_zone END,
			t.judged_on + CASE WHEN d.is_end THEN (j.p).grace_days ELSE 0 END) f
		WHERE t.cause IN ('reached', 'renewed', 'lapsed') AND t.judged_on IS NOT NULL AND t.before_ends_at = t.begins_at
	), latest AS (
		-- The last entry of each member, where it came after the last change
		SELECT t.program_id, t.customer_id, t.earned_rank, j, l.at, (l.at AT TIME ZONE (j.p).time_zone)::date AS day
		FROM period t JOIN judged j ON j.program_id = t.program_id AND j.customer_id = t.customer_id
		CROSS JOIN LATERAL (SELECT max(e.at) AS at FROM promo.points_entry e
			WHERE e.program_id = t.program_id AND e.customer_id = t.customer_id AND e.kind = 'earn') l
		WHERE t.ends_at IS NULL AND l.at >= t.begins_at AND t.cause <> 'returned'
	)
	SELECT t.program_id, t.customer_id, 'tier whose period begins where the one before ends', extract(epoch FROM t.before_ends_at), extract(epoch FROM t.begins_at)
	FROM period t
	WHERE t.place > 1 AND (t.before_ends_at = t.begins_at) IS NOT TRUE OR (t.place = 1) <> (t.follows IS NULL)
	UNION ALL
	SELECT m.program_id, m.customer_id, 'tiers that a member has now', (m.state <> 'closed')::int, count(t.place)
	FROM promo.member m LEFT JOIN period t ON t.program_id = m.program_id AND t.customer_id = m.customer_id AND t.ends_at IS NULL
	GROUP BY m.program_id, m.customer_id, m.state
	HAVING (m.state <> 'closed')::int <> count(t.place)
	UNION ALL
	SELECT t.program_id, t.customer_id, 'tier as earned or assigned', greatest(t.earned_rank, t.floor_rank), t.rank
	FROM period t
	WHERE t.rank <> greatest(t.earned_rank, t.floor_rank)
	UNION ALL
	SELECT j.program_id, j.customer_id, 'instant at which the tier is looked at', extract(epoch FROM d.at), extract(epoch FROM m.tier_due_at)
	FROM judged j JOIN promo.member m ON m.program_id = j.program_id AND m.customer_id = j.customer_id
	JOIN period t ON t.program_id = j.program_id AND t.customer_id = j.customer_id AND t.ends_at IS NULL
	CROSS JOIN LATERAL (SELECT least(t.floor_until, CASE WHEN t.earned_rank > 0 THEN
		((t.earned_until AT TIME ZONE (j.p).time_zone)::date + (j.p).grace_days)::timestamp AT TIME ZONE (j.p).time_zone END) AS at) d
	WHERE d.at IS DISTINCT FROM m.tier_due_at
	UNION ALL
	SELECT o.program_id, o.customer_id, 'figure by which the tier was decided', CASE WHEN o.told < o.least_of THEN o.least_of ELSE o.most_of END, o.told
	FROM moment o
	WHERE (o.told BETWEEN o.least_of AND o.most_of) IS NOT TRUE
	UNION ALL
	SELECT o.program_id, o.customer_id, 'tier by the figure of its moment', r.rank, o.earned_rank
	FROM moment o
	CROSS JOIN LATERAL (SELECT coalesce(max(n.rank), 0) AS rank FROM promo.tier n WHERE n.program_id = o.program_id AND n.threshold <= o.told) q
	CROSS JOIN LATERAL (SELECT CASE
		WHEN o.cause = 'reached' OR q.rank >= o.before_rank OR o.policy = 'to_qualified' THEN q.rank
		WHEN o.policy = 'one_down' THEN o.before_rank - 1
		WHEN o.policy = 'to_base' THEN 0
		ELSE o.before_rank END AS rank) r
	WHERE r.rank <> o.earned_rank
	UNION ALL
	SELECT l.program_id, l.customer_id, 'tier that was reached', n.rank, l.earned_rank
	FROM latest l
	CROSS JOIN LATERAL promo.tier_figure((l.j).p, (l.j).customers, NULL, lower(promo.qualification_window((l.j).span, l.day, (l.j).enrolled)), 'infinity', l.day) f
	CROSS JOIN LATERAL (SELECT max(n.rank) AS rank FROM promo.tier n WHERE n.program_id = l.program_id AND n.threshold <= f.most_of) n
	WHERE n.rank > l.earned_rank;
END
$$;

COMMENT ON FUNCTION tier_faults() IS
'internal: what of members'' tiers is not what the ledger says; expected and found are ranks, figures or seconds';

REVOKE ALL ON FUNCTION tier_figure(program, bigint[], bigint, date, timestamptz, date), tier_faults() FROM PUBLIC;
