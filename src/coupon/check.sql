/* src/coupon/check.sql */

-- What an operator should know of promotions before customers tell.

CREATE FUNCTION check_promotions(as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (promotion text, problem text, detail text)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	WITH active AS MATERIALIZED (
		SELECT p.*, v.definition, coalesce(v.definition -> 'active' <> 'false', true)
				AND (p.ends_at IS NULL OR p.ends_at > as_of) AND cardinality(p.channels) IS DISTINCT FROM 0 AS may_apply
		FROM promo.promotion p JOIN promo.promotion_version v USING (promotion_id, version)
		WHERE p.archived_at IS NULL),
	-- The names of kinds that conditions ask for, wherever they are nested
	asked AS (
		SELECT a.promotion_id, c.kind, n.name
		FROM active a, (VALUES ('segment'), ('tier')) c (kind),
			jsonb_path_query(a.definition -> 'conditions', '$.** ? (@.type == $kind).any_of[*]', jsonb_build_object('kind', c.kind)) q (value),
			LATERAL (SELECT q.value #>> '{}' AS name) n
		GROUP BY a.promotion_id, c.kind, n.name),
	held AS (
		SELECT l.promotion_id, l.campaign, l.counts, l.period, l.most, l.exponent, l.currency, sum(s.used + s.reserved)::bigint AS held
		FROM promo.usage_limit l JOIN promo.usage_slot s ON s.limit_id = l.limit_id
		WHERE l.ended_at IS NULL AND l.period IS NULL
		GROUP BY l.limit_id),
	problems AS (
		SELECT a.promotion_id, 'expired' AS problem,
			'It ended at ' || to_char(a.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '.' AS detail
		FROM active a WHERE a.ends_at <= as_of
		UNION ALL
		SELECT a.promotion_id, 'inactive', 'Its definition says that it is not active.'
		FROM active a WHERE a.definition -> 'active' = 'false'
		UNION ALL
		SELECT a.promotion_id, 'no_channel', 'It applies in no channel.'
		FROM active a WHERE cardinality(a.channels) = 0
		UNION ALL
		SELECT a.promotion_id, 'no_code', 'It needs a code, and there is none that could be used.'
		FROM active a WHERE a.needs_code AND NOT EXISTS (
			SELECT FROM promo.coupon_code c
			WHERE c.promotion_id = a.promotion_id AND c.state = 'issued' AND c.retired_at IS NULL AND (c.ends_at IS NULL OR c.ends_at > as_of))
		UNION ALL
		SELECT a.promotion_id, 'unknown_' || q.kind,
			'There is no ' || q.kind || ' ' || string_agg(format('"%s"', q.name), ', ' ORDER BY q.name) || '.'
		FROM active a JOIN asked q USING (promotion_id)
		WHERE a.may_apply AND CASE q.kind
				WHEN 'segment' THEN NOT EXISTS (SELECT FROM promo.segment s WHERE s.segment = q.name)
				ELSE NOT EXISTS (SELECT FROM promo.tier t JOIN promo.program g ON g.program_id = t.program_id
								 WHERE q.name IN (t.tier, g.program || '/' || t.tier)) END
		GROUP BY a.promotion_id, q.kind
		UNION ALL
		SELECT a.promotion_id, CASE h.counts WHEN 'money' THEN 'budget_gone' ELSE 'used_up' END,
			CASE WHEN h.campaign IS NULL THEN '' ELSE format('Of campaign "%s": ', h.campaign) END ||
			CASE h.counts WHEN 'money' THEN format('%s of %s %s are spent or held.', promo.money_text(h.held, h.exponent), promo.money_text(h.most, h.exponent), h.currency)
				ELSE format('%s of %s uses are used or held.', h.held, h.most) END
		FROM active a JOIN held h ON h.promotion_id = a.promotion_id OR h.campaign = a.campaign
		WHERE a.may_apply AND h.held >= h.most
		UNION ALL
		SELECT a.promotion_id, 'same_place',
			format('In lane %s at priority %s it can meet %s; which comes first is the order of definition.', a.lane, a.priority,
				string_agg(format('"%s"', b.promotion), ', ' ORDER BY b.promotion_id))
		FROM active a JOIN active b ON (b.lane, b.priority) = (a.lane, a.priority) AND b.promotion_id <> a.promotion_id
			AND a.may_apply AND b.may_apply
			AND coalesce(a.starts_at < b.ends_at, true) AND coalesce(b.starts_at < a.ends_at, true)
			AND coalesce(a.channels && b.channels, true) AND coalesce(a.currency = b.currency, true)
			AND NOT (a.key_kind = b.key_kind AND a.key_kind IN ('channel', 'tier', 'segment', 'group') AND NOT a.keys && b.keys)
		GROUP BY a.promotion_id, a.lane, a.priority)
	SELECT p.promotion, r.problem, r.detail
	FROM problems r JOIN promo.promotion p USING (promotion_id)
	ORDER BY p.promotion_id, r.problem, r.detail;
END
$$;

COMMENT ON FUNCTION check_promotions(timestamptz) IS
'active promotions that cannot apply, whose uses, budget or codes are gone, that ask for segments or tiers that there are not, or that share their place in the order with others that they can meet';

REVOKE ALL ON FUNCTION check_promotions(timestamptz) FROM PUBLIC;
