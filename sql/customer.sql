-- The table customer: the one place where the shop's ids of persons stand.

-- A room asks for a customer's number and gets the same one every time
SELECT promo.customer_number('ann') = promo.customer_number('ann') AS same,
	promo.customer_number('ann') <> promo.customer_number('bob') AS other;
SELECT promo.customer_known('ann') IS NOT NULL AS known, promo.customer_known('carol') AS unknown;

-- Everything kept on a customer is shown, and nothing where there is nothing
SELECT promo.customer_data('ann') -> 'customer' ->> 'shop_id' AS shop_id;
SELECT promo.customer_data('carol');

-- Forgetting leaves a row without a name
SELECT promo.forget_customer('ann'), promo.forget_customer('ann') AS again, promo.forget_customer('carol') AS never_seen;
SELECT shop_id, forgotten_at IS NOT NULL AS forgotten FROM promo.customer ORDER BY customer_id;

-- A customer who comes back is a new one
SELECT promo.customer_number('ann') > max(customer_id) AS new_number FROM promo.customer;

-- An id that is nobody's, and a row that is neither known nor forgotten
SELECT promo.customer_number('');
SELECT promo.customer_number(NULL);
\set VERBOSITY terse
INSERT INTO promo.customer (customer_id, shop_id) VALUES (-1, NULL);
\set VERBOSITY default

-- The application may see no table, and call nothing that was not granted
CREATE ROLE customer_test_application;
SET ROLE customer_test_application;
SELECT * FROM promo.customer;
SELECT promo.customer_number('eve');
SELECT promo.house_forget(1);
SELECT promo.customer_data('bob');
SELECT promo.forget_customer('bob');
RESET ROLE;

-- What is granted runs with the owner's rights, under any search_path
GRANT EXECUTE ON FUNCTION promo.forget_customer(text) TO customer_test_application;
CREATE SCHEMA customer_test_hostile;
CREATE FUNCTION customer_test_hostile.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
GRANT USAGE ON SCHEMA customer_test_hostile TO customer_test_application;
SET ROLE customer_test_application;
SET search_path = customer_test_hostile, pg_catalog;
SELECT promo.forget_customer('bob');
RESET search_path;
RESET ROLE;
SELECT count(*) AS bobs FROM promo.customer WHERE shop_id = 'bob';

DROP SCHEMA customer_test_hostile CASCADE;
REVOKE EXECUTE ON FUNCTION promo.forget_customer(text) FROM customer_test_application;
DROP ROLE customer_test_application;

-- The settings know their own names only
LOAD '$libdir/promo';
SHOW promo.build_memory;
SHOW promo.cache_size;
SET promo.build_memory = '-2';
SET promo.no_such_setting = 1;
