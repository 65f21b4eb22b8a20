/* src/coupon/define.sql */

-- Defining promotions, and taking them out of use.

-- The shared code of a promotion, in place of the one before.
CREATE FUNCTION promotion_code(promotion_id bigint, code text, key text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner text;
BEGIN
	UPDATE promo.coupon_code c SET retired_at = now()
	WHERE c.promotion_id = $1 AND c.kind = 'shared' AND c.retired_at IS NULL AND c.key IS DISTINCT FROM $3;
	IF code IS NULL THEN
		RETURN;
	END IF;
	UPDATE promo.coupon_code c SET code = $2
	WHERE c.promotion_id = $1 AND c.kind = 'shared' AND c.retired_at IS NULL AND c.key = $3;
	IF FOUND THEN
		RETURN;
	END IF;
	INSERT INTO promo.coupon_code (promotion_id, kind, code, key)
	VALUES ($1, 'shared', $2, $3)
	ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		SELECT p.promotion INTO owner
		FROM promo.coupon_code c JOIN promo.promotion p USING (promotion_id)
		WHERE c.key = $3 AND c.retired_at IS NULL;
		RAISE EXCEPTION USING ERRCODE = 'unique_violation',
			MESSAGE = format('code "%s" is taken', code),
			DETAIL = format('It is one of promotion "%s".', owner),
			HINT = 'Its text is free once that promotion is archived.';
	END IF;
END
$$;

COMMENT ON FUNCTION promotion_code(bigint, text, text) IS
'internal: the shared code of a promotion in place of the one before, NULL for none';

-- Gives the promotion's number, and whether anything changed.  The statement
-- that changes promotion waits for whoever else defines, so nobody reads here
-- what another one is about to change.
CREATE FUNCTION promotion_put(name text, definition jsonb, needs_code boolean, campaign text, lane int, priority bigint,
	starts_at timestamptz, ends_at timestamptz, channels text[], currency text, key_kind text, keys text[],
	actor text, OUT promotion_id bigint, OUT changed boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present int;
BEGIN
	SELECT p.promotion_id INTO promotion_id
	FROM promo.promotion p JOIN promo.promotion_version v USING (promotion_id, version)
	WHERE p.promotion = name AND p.archived_at IS NULL AND v.definition = promotion_put.definition
	FOR UPDATE OF p;
	changed := NOT FOUND;
	IF NOT changed THEN
		RETURN;
	END IF;
	INSERT INTO promo.promotion AS p (promotion, version, needs_code, campaign, lane, priority, starts_at, ends_at,
		channels, currency, key_kind, keys)
	VALUES (name, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
	ON CONFLICT ON CONSTRAINT promotion_promotion_key DO UPDATE
	SET version = p.version + 1, needs_code = $3, campaign = $4, lane = $5, priority = $6, starts_at = $7, ends_at = $8,
		channels = $9, currency = $10, key_kind = $11, keys = $12, defined_at = now(), archived_at = NULL
	RETURNING p.promotion_id, p.version INTO promotion_id, present;
	INSERT INTO promo.promotion_version (promotion_id, version, definition, defined_by)
	VALUES (promotion_put.promotion_id, present, definition, actor);
END
$$;

COMMENT ON FUNCTION promotion_put(text, jsonb, boolean, text, int, bigint, timestamptz, timestamptz, text[], text, text, text[], text) IS
'internal: a promotion, new or in a new version where the definition is another one';

CREATE FUNCTION define_promotion(definition jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'promo_define_promotion'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION define_promotion(jsonb) IS
'makes a promotion, or gives one of that name a new version where the definition is another one, and takes it out of the archive; raises all that is wrong with the definition at once; gives the name';

CREATE FUNCTION archive_promotion(promotion text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number bigint;
BEGIN
	SELECT p.promotion_id INTO number FROM promo.promotion p WHERE p.promotion = archive_promotion.promotion;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('promotion "%s" does not exist', promotion),
			HINT = 'Promotions are made by promo.define_promotion().';
	END IF;
	UPDATE promo.promotion p SET archived_at = now()
	WHERE p.promotion_id = number AND p.archived_at IS NULL;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM promo.promotion_code(number, NULL, NULL);
	RETURN true;
END
$$;

COMMENT ON FUNCTION archive_promotion(text) IS
'takes a promotion out of use, and frees its shared code for another one; false where it was so already; what was redeemed stays, and can be refunded';

REVOKE ALL ON FUNCTION promotion_code(bigint, text, text),
	promotion_put(text, jsonb, boolean, text, int, bigint, timestamptz, timestamptz, text[], text, text, text[], text),
	define_promotion(jsonb), archive_promotion(text) FROM PUBLIC;
