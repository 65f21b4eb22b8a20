/* src/membership/audit.sql */

-- The ledger proved: each member's replayed by functions that post nothing,
-- and each program's added up.

CREATE VIEW points_trial_balance AS
SELECT p.program, coalesce(e.issued, 0)::bigint AS issued, coalesce(e.redeemed, 0)::bigint AS redeemed,
	coalesce(e.expired, 0)::bigint AS expired, coalesce(e.reversed, 0)::bigint AS reversed,
	coalesce(m.points, 0)::bigint AS liability
FROM promo.program p
LEFT JOIN (SELECT e.program_id,
				sum(e.points) FILTER (WHERE e.kind IN ('earn', 'benefit') OR e.kind = 'adjust' AND e.points > 0) AS issued,
				- sum(e.points) FILTER (WHERE e.kind IN ('redeem', 'undo')) AS redeemed,
				- sum(e.points) FILTER (WHERE e.kind IN ('expire', 'forfeit')) AS expired,
				- sum(e.points) FILTER (WHERE e.kind = 'return' OR e.kind = 'adjust' AND e.points < 0) AS reversed
		   FROM promo.points_entry e GROUP BY e.program_id) e ON e.program_id = p.program_id
LEFT JOIN (SELECT m.program_id, sum(m.points) AS points
		   FROM promo.member m GROUP BY m.program_id) m ON m.program_id = p.program_id;

COMMENT ON VIEW points_trial_balance IS
'what each program''s points add up to: issued (earned, given as benefits, and by hand), less those redeemed, expired (or forfeited) and reversed (by returns, or taken by hand) are the liability, what all members have';

CREATE FUNCTION membership_replayed()
RETURNS TABLE (program_id bigint, customer_id bigint, fault text, entry_id bigint, lot_id bigint,
	expected bigint, found bigint)
AS 'MODULE_PATHNAME', 'promo_membership_replayed'
LANGUAGE C STABLE PARALLEL UNSAFE;

COMMENT ON FUNCTION membership_replayed() IS
'internal: what of the tables differs from the ledger replayed';

CREATE FUNCTION membership_audit()
RETURNS TABLE (program text, customer text, fault text, entry_id bigint, lot_id bigint, expected numeric, found numeric)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH due AS (
		SELECT m.program_id, m.customer_id, m.points_due_at, least(
			(SELECT min(CASE WHEN l.moves THEN m.inactive_at ELSE l.expires_at END) FROM promo.points_lot l
			 WHERE l.customer_id = m.customer_id AND l.program_id = m.program_id AND l.remaining > 0),
			(SELECT min(h.times_out_at) FROM promo.points_hold h
			 WHERE h.customer_id = m.customer_id AND h.program_id = m.program_id AND h.is_open)) AS at
		FROM promo.member m
	), wrong AS (
		SELECT r.program_id, r.customer_id, r.fault, r.entry_id, r.lot_id, r.expected::numeric AS expected, r.found::numeric AS found
		FROM promo.membership_replayed() r
		UNION ALL
		SELECT e.program_id, NULL, 'points of the program''s ledger', NULL, NULL, sum(e.points), m.points
		FROM promo.points_entry e
		JOIN (SELECT m.program_id, sum(m.points) AS points FROM promo.member m GROUP BY m.program_id) m USING (program_id)
		GROUP BY e.program_id, m.points
		HAVING sum(e.points) <> m.points
		UNION ALL
		SELECT e.program_id, NULL, 'points that members gave each other', NULL, NULL, 0, sum(e.points)
		FROM promo.points_entry e
		WHERE e.kind IN ('send', 'receive', 'merge')
		GROUP BY e.program_id
		HAVING sum(e.points) <> 0
		UNION ALL
		SELECT r.program_id, r.customer_id, 'points sent to the member', r.entry_id, NULL, - s.points, r.points
		FROM promo.points_entry r LEFT JOIN promo.points_entry s ON s.entry_id = r.of_id AND s.kind = 'send'
		WHERE r.kind = 'receive' AND (r.points = - s.points) IS NOT TRUE
		UNION ALL
		SELECT e.program_id, e.customer_id, 'points that rules counted', e.entry_id, NULL, floor(v.exact) - v.cut, e.points
		FROM promo.points_entry e, LATERAL (
			SELECT (SELECT coalesce(sum(b.value::numeric), 0) FROM jsonb_each_text(e.counted -> 'breakdown') b)
					* (e.counted ->> 'multiplier')::numeric AS exact,
				(e.counted ->> 'cut')::numeric AS cut) v
		WHERE e.counted IS NOT NULL AND (e.points + v.cut BETWEEN floor(v.exact) AND ceil(v.exact)) IS NOT TRUE
		UNION ALL
		SELECT h.program_id, h.customer_id, 'hold that is open', h.entry_id, NULL, (r.entry_id IS NULL)::int, h.is_open::int
		FROM promo.points_hold h LEFT JOIN promo.points_entry r ON r.program_id = h.program_id
			AND r.kind = 'release' AND r.of_id = h.entry_id
		WHERE h.is_open = (r.entry_id IS NOT NULL)
		UNION ALL
		SELECT t.program_id, t.customer_id, t.fault, NULL, NULL, t.expected, t.found
		FROM promo.tier_faults() t
		UNION ALL
		SELECT NULL, NULL, 'entry or lot of an allocation', a.entry_id, a.lot_id, 1, 0
		FROM promo.points_allocation a
		LEFT JOIN promo.points_entry e ON e.entry_id = a.entry_id
		LEFT JOIN promo.points_lot l ON l.lot_id = a.lot_id
		WHERE e.entry_id IS NULL OR l.lot_id IS NULL
		UNION ALL
		SELECT d.program_id, d.customer_id, 'instant at which something falls due', NULL, NULL,
			extract(epoch FROM d.at), extract(epoch FROM d.points_due_at)
		FROM due d
		WHERE d.at < coalesce(d.points_due_at, 'infinity')
	)
	SELECT p.program, c.shop_id, w.fault, w.entry_id, w.lot_id, w.expected, w.found
	FROM wrong w LEFT JOIN promo.program p USING (program_id) LEFT JOIN promo.customer c USING (customer_id)
	ORDER BY p.program, w.customer_id, w.entry_id, w.lot_id, w.fault;
END
$$;

COMMENT ON FUNCTION membership_audit() IS
'proves the ledgers of points of all programs, and the tiers of their members: replays what was posted, and gives a row for each fault, where the tables say something else; none when all is right';

REVOKE ALL ON FUNCTION membership_replayed(), membership_audit() FROM PUBLIC;
