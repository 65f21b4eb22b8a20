/* src/coupon/issue.sql */

-- Codes of their own for customers: to many at once, and to the one who asks.

CREATE FUNCTION occasion_key(occasion text, customer_id bigint)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.format('occasion %s %s', customer_id, occasion);
END;

COMMENT ON FUNCTION occasion_key(text, bigint) IS 'internal: what a code was issued for, to a customer at an occasion';

-- The query runs as the caller; EXECUTE on this is the right to issue.
CREATE FUNCTION issue(promotion text, query text, occasion text, options jsonb DEFAULT '{}',
	at timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (outcome text, customers bigint)
AS 'MODULE_PATHNAME', 'promo_issue'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 3;

COMMENT ON FUNCTION issue(text, text, text, jsonb, timestamptz) IS
'gives a code of a promotion to each customer that a query gives, once for each occasion: issued, withheld from those whom an experiment leaves alone, left_out where at_most or an opt-out says so; options: experiment, starts_at, ends_at or valid_days, at_most {"codes": n, "days": n}, opted_out';

CREATE FUNCTION claim(promotion text, customer text, at timestamptz DEFAULT pg_catalog.now())
RETURNS text
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	offered record;
	number bigint;
	found_code text;
BEGIN
	IF NOT isfinite(at) THEN
		RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow', MESSAGE = 'at must be finite';
	END IF;
	number := promo.customer_number(customer);
	-- Claims of one promotion go one after the other, or two could take the last.
	SELECT p.promotion_id, p.starts_at, p.ends_at, v.definition -> 'claim' AS claim INTO offered
	FROM promo.promotion p JOIN promo.promotion_version v USING (promotion_id, version)
	WHERE p.promotion = claim.promotion AND p.archived_at IS NULL AND v.definition -> 'active' IS DISTINCT FROM 'false'
	FOR NO KEY UPDATE OF p;
	IF NOT FOUND OR offered.claim IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('promotion "%s" cannot be claimed', promotion),
			HINT = 'Define it with "claim": {} and "needs_code": true.';
	END IF;
	SELECT c.code INTO found_code FROM promo.coupon_code c
	WHERE c.promotion_id = offered.promotion_id AND c.issue_key = 'claim ' || number AND c.code IS NOT NULL;
	IF FOUND THEN
		RETURN found_code;
	ELSIF at < offered.starts_at OR at >= offered.ends_at THEN
		RAISE EXCEPTION USING ERRCODE = 'PC001',
			MESSAGE = format('promotion "%s" cannot be claimed now', promotion),
			DETAIL = jsonb_build_array(jsonb_build_object('promotion', promotion,
				'reason', CASE WHEN at < offered.starts_at THEN 'not_started' ELSE 'expired' END))::text;
	ELSIF (offered.claim ->> 'total')::bigint <= (
			SELECT count(*) FROM promo.coupon_code c
			WHERE c.promotion_id = offered.promotion_id AND c.issue_key >= 'claim ' AND c.issue_key < 'claim!') THEN
		PERFORM promo.limit_reached(offered.promotion_id, promotion, NULL, 'usage_limit');
	END IF;
	RETURN promo.code_issue(offered.promotion_id, number, 'claim ' || number, NULL,
		at + (offered.claim ->> 'valid_days')::int * interval '24 hours');
END
$$;

COMMENT ON FUNCTION claim(text, text, timestamptz) IS
'gives a customer who asks a code of a promotion whose definition has claim, the same one each time; raises PC002 where all are claimed';

REVOKE ALL ON FUNCTION occasion_key(text, bigint), issue(text, text, text, jsonb, timestamptz),
	claim(text, text, timestamptz) FROM PUBLIC;
