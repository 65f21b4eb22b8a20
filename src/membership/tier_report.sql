/* src/membership/tier_report.sql */

-- How many members each tier has, and who moved.

CREATE FUNCTION members_by_tier(as_of timestamptz DEFAULT pg_catalog.now(), months int DEFAULT 12, program text DEFAULT 'default')
RETURNS TABLE (month date, tier text, members bigint, enrolled bigint, rose bigint, fell bigint, left_it bigint, ended bigint)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER ROWS 60
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	program_number bigint := promo.program_known(members_by_tier.program);
	zone text;
BEGIN
	IF NOT isfinite(as_of) OR months NOT BETWEEN 1 AND 1200 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'as_of must be finite, and months from 1 to 1200';
	END IF;
	SELECT p.time_zone INTO STRICT zone FROM promo.program p WHERE p.program_id = program_number;
	RETURN QUERY
	WITH period AS (
		SELECT t.begins_at, t.ends_at, t.cause, n.rank,
			lag(n.rank) OVER (PARTITION BY t.customer_id ORDER BY t.begins_at) AS before,
			lead(n.rank) OVER (PARTITION BY t.customer_id ORDER BY t.begins_at) AS after
		FROM promo.tier_period t JOIN promo.tier n ON n.program_id = t.program_id AND n.tier = t.tier
		WHERE t.program_id = program_number AND t.begins_at <= as_of
	), span AS (
		SELECT s.start::date AS month, s.start AT TIME ZONE zone AS from_at,
			least((s.start + interval '1 month') AT TIME ZONE zone, as_of + interval '1 microsecond') AS until_at
		FROM generate_series(date_trunc('month', as_of AT TIME ZONE zone) - make_interval(months => months - 1),
			date_trunc('month', as_of AT TIME ZONE zone), interval '1 month') s(start)
	)
	SELECT s.month, n.tier,
		count(*) FILTER (WHERE p.begins_at < s.until_at AND (p.ends_at >= s.until_at) IS NOT FALSE),
		count(*) FILTER (WHERE p.begins_at >= s.from_at AND p.before IS NULL AND p.begins_at < s.until_at),
		count(*) FILTER (WHERE p.begins_at >= s.from_at AND p.before < p.rank AND p.begins_at < s.until_at),
		count(*) FILTER (WHERE p.begins_at >= s.from_at AND p.before > p.rank AND p.begins_at < s.until_at),
		count(*) FILTER (WHERE p.ends_at >= s.from_at AND p.ends_at < s.until_at AND p.after <> p.rank),
		count(*) FILTER (WHERE p.ends_at >= s.from_at AND p.ends_at < s.until_at AND p.after IS NULL)
	FROM span s CROSS JOIN promo.tier n
	LEFT JOIN period p ON p.rank = n.rank AND p.begins_at < s.until_at AND (p.ends_at >= s.from_at) IS NOT FALSE
	WHERE n.program_id = program_number
	GROUP BY s.month, n.tier, n.rank
	ORDER BY s.month, n.rank;
END
$$;

COMMENT ON FUNCTION members_by_tier(timestamptz, int, text) IS
'for the months until an instant, those of the program''s zone, how many members each tier had at the end, how many were enrolled into it, rose or fell to it, left it for another tier, or ended their membership; as it is posted, so after run_membership()';

CREATE VIEW tier_moves AS
SELECT v.program, date_trunc('month', v.begins_at AT TIME ZONE v.time_zone)::date AS month, v.before AS from_tier,
	v.tier AS to_tier, v.cause, count(*) AS members
FROM (SELECT p.program, p.time_zone, t.tier, t.begins_at, t.cause,
		lag(t.tier) OVER (PARTITION BY t.program_id, t.customer_id ORDER BY t.begins_at) AS before
	  FROM promo.tier_period t JOIN promo.program p USING (program_id)) v
WHERE v.before <> v.tier
GROUP BY v.program, date_trunc('month', v.begins_at AT TIME ZONE v.time_zone), v.before, v.tier, v.cause;

COMMENT ON VIEW tier_moves IS 'how many members moved from which tier to which in each month, and why';

REVOKE ALL ON FUNCTION members_by_tier(timestamptz, int, text) FROM PUBLIC;
