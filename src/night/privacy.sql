/* src/night/privacy.sql */

-- What promo keeps on a customer, shown and erased, across all rooms.

CREATE FUNCTION customer_data(customer text)
RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number bigint := promo.customer_known(customer);
BEGIN
	IF number IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN pg_catalog.jsonb_build_object(
		'customer', promo.house_customer_data(number),
		'recommend', promo.recommend_customer_data(number),
		'segment', promo.segment_customer_data(number),
		'membership', promo.membership_customer_data(number),
		'coupon', promo.coupon_customer_data(number),
		'not_included', 'Timelines and predictions in the shop''s own tables are the shop''s to show and erase.');
END
$$;

COMMENT ON FUNCTION customer_data(text) IS
'everything that promo''s tables hold on a customer; NULL when that is nothing';

CREATE FUNCTION forget_customer(customer text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number bigint := promo.customer_known(customer);
BEGIN
	IF number IS NULL THEN
		RETURN false;
	END IF;
	PERFORM promo.coupon_forget(number);
	PERFORM promo.membership_forget(number);
	PERFORM promo.segment_forget(number);
	PERFORM promo.recommend_forget(number);
	PERFORM promo.house_forget(number);
	RETURN true;
END
$$;

COMMENT ON FUNCTION forget_customer(text) IS
'erases a customer from promo''s tables, keeping amounts without a name; false when there was nothing';

REVOKE ALL ON FUNCTION customer_data(text), forget_customer(text) FROM PUBLIC;
