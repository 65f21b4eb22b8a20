-- Codes of coupons: made in batches, and compared as people type them.

-- Three promotions, as define_promotion() would store them
INSERT INTO promo.promotion (promotion, version, needs_code) VALUES ('mail', 1, true), ('flyer', 1, true), ('always', 1, false), ('over', 1, true);
UPDATE promo.promotion SET archived_at = '2026-01-01 00:00Z' WHERE promotion = 'over';

-- A batch of codes: ten symbols each, none of which looks like another one
CREATE TEMP TABLE mail AS SELECT code FROM promo.generate_codes('mail', 1000, batch_key => 'january') code;
SELECT count(*), count(DISTINCT code), bool_and(code ~ '^[2-9A-HJKMNP-Z]{10}$') AS well_formed FROM mail;
SELECT p.promotion, c.kind, c.state, count(*), bool_and(c.key = c.code AND c.retired_at IS NULL) AS taken
FROM promo.coupon_code c JOIN promo.promotion p USING (promotion_id) GROUP BY 1, 2, 3;

-- The key of a batch makes a repeat give the same codes; another content is an error
SELECT count(*) FROM promo.generate_codes('mail', 1000, batch_key => 'january') code JOIN mail USING (code);
SELECT count(*) FROM promo.generate_codes('mail', 1001, batch_key => 'january') code;
-- The key is the promotion's; without one, each call makes others
SELECT count(*) FROM promo.generate_codes('flyer', 3, batch_key => 'january') code;
SELECT count(*) FROM promo.generate_codes('mail', 3) code JOIN mail USING (code);
SELECT b.batch_key, b.codes, b.form, b.generated_by = current_user AS by_me FROM promo.coupon_batch b ORDER BY b.batch_id;

-- With a prefix and a suffix, of another alphabet
SELECT count(*), bool_and(code ~ '^CHRISTMAS_[0-9A-F]{6}_SALE$') AS well_formed
FROM promo.generate_codes('flyer', 5, 6, 'CHRISTMAS_', '_SALE', alphabet => '0123456789ABCDEF') code;

-- Codes compare without blanks, dashes and case
SELECT promo.code_key(code) AS key FROM (VALUES (' summer-26 '), ('SUMMER26'), ('sum mer' || chr(9) || '26'), ('a_b'), ('é'), (' - ')) v (code);
-- so two that only differ in these are one, whoever has it
SELECT count(*) FROM promo.generate_codes('flyer', 8, 1, 'X-', alphabet => '0123456789ABCDEF') code;
-- Half of the sixteen codes are taken, and no more may be, whatever they are called
SELECT count(*) FROM promo.generate_codes('mail', 2, 1, 'x', alphabet => 'fedcba9876543210') code;
-- unless it is asked for; then all are found
SELECT count(*) FROM promo.generate_codes('mail', 8, 1, 'x', alphabet => 'fedcba9876543210', max_density => 1) code;
SELECT count(DISTINCT key) FROM promo.coupon_code WHERE key ~ '^X.$';
-- Codes that came in another way are stepped around, as long as there are others
INSERT INTO promo.coupon_code (promotion_id, kind, code, key)
SELECT p.promotion_id, 'single', 'Y' || g, 'Y' || g FROM promo.promotion p, generate_series(0, 7) g WHERE p.promotion = 'mail';
SELECT code FROM promo.generate_codes('mail', 2, 1, 'Y', alphabet => '0123456789', max_density => 1) code ORDER BY 1;
SELECT code FROM promo.generate_codes('mail', 1, 1, 'Y', alphabet => '01234567', max_density => 1) code;

-- A warning where one guess in less than a million finds a code, and none at a million
SELECT count(*) FROM promo.generate_codes('mail', 1, 6, 'D', alphabet => '0123456789') code;
SELECT count(*) FROM promo.generate_codes('mail', 1, 6, 'D', alphabet => '0123456789') code;

-- The check symbol tells every code with one symbol wrong, and with two neighbors swapped
CREATE TEMP TABLE checked AS SELECT code FROM promo.generate_codes('mail', 20, 8, 'OK-', '-0', check_symbol => true) code;
SELECT bool_and(code ~ '^OK-[2-9A-HJKMNP-Z]{9}-0$') AS well_formed, bool_and(promo.code_checks(lower(code), 'ok', '0')) AS right FROM checked;
SELECT count(*) > 5000 AS some, bool_or(promo.code_checks(overlay(code PLACING symbol FROM place), 'OK', '0')) AS undetected
FROM checked, generate_series(4, 12) place, regexp_split_to_table('23456789ABCDEFGHJKMNPQRSTUVWXYZ', '') symbol
WHERE substr(code, place, 1) <> symbol;
SELECT count(*) > 100 AS some, bool_or(promo.code_checks(overlay(code PLACING substr(code, place + 1, 1) || substr(code, place, 1) FROM place), 'OK', '0')) AS undetected
FROM checked, generate_series(4, 11) place WHERE substr(code, place, 1) <> substr(code, place + 1, 1);
-- By hand: A is 8, B is 9, and 2 * 8 + 3 * 9 + 19 = 62 = 2 * 31, where 19 is N
SELECT promo.code_checks('abn'), promo.code_checks('abm'), promo.code_checks('ab0'), promo.code_checks(''), promo.code_checks('xabn', 'x'), promo.code_checks('abn', 'x');

-- What cannot be is told
SELECT promo.generate_codes('spring', 1);
SELECT promo.generate_codes('over', 1);
SELECT promo.generate_codes('always', 1);
SELECT promo.generate_codes('mail', 0);
SELECT promo.generate_codes(NULL, 1);
SELECT promo.generate_codes('mail', 1, 0);
SELECT promo.generate_codes('mail', 1, 30);
SELECT promo.generate_codes('mail', 1, prefix => repeat('x', 91));
SELECT promo.generate_codes('mail', 1, alphabet => 'A');
SELECT promo.generate_codes('mail', 1, alphabet => 'Aa');
SELECT promo.generate_codes('mail', 1, alphabet => 'AB-');
SELECT promo.generate_codes('mail', 1, alphabet => 'ABCDEFGH', check_symbol => true);
SELECT promo.generate_codes('mail', 1, max_density => 'NaN');
SELECT promo.generate_codes('mail', 1, batch_key => '');
SELECT promo.generate_codes('mail', 1, starts_at => '2026-02-01 00:00Z', ends_at => '2026-02-01 00:00Z');

-- Codes of a time of their own
CREATE TEMP TABLE timed AS SELECT code FROM promo.generate_codes('mail', 2, starts_at => '2026-02-01 00:00Z', ends_at => '2026-03-01 00:00Z') code;
SELECT count(*) FROM timed JOIN promo.coupon_code c USING (code)
WHERE (c.starts_at, c.ends_at) = ('2026-02-01 00:00Z', '2026-03-01 00:00Z');

-- Nobody may who was not granted it; who was sees codes, and no table
CREATE ROLE code_test_operator;
SET ROLE code_test_operator;
SELECT promo.generate_codes('mail', 1);
SELECT count(*) FROM promo.coupon_code;
SELECT promo.code_checks('ABN');
RESET ROLE;
GRANT EXECUTE ON FUNCTION promo.generate_codes TO code_test_operator;
SET ROLE code_test_operator;
SET search_path = pg_temp;
SELECT count(*) FROM promo.generate_codes('mail', 1);
SELECT count(*) FROM promo.coupon_code;
RESET search_path;
RESET ROLE;
SELECT b.generated_by FROM promo.coupon_batch b ORDER BY b.batch_id DESC LIMIT 1;
REVOKE EXECUTE ON FUNCTION promo.generate_codes FROM code_test_operator;
DROP ROLE code_test_operator;

-- A personal code is shown to its customer, and forgotten with them
INSERT INTO promo.coupon_code (promotion_id, customer_id, kind, code, key, issued_at)
SELECT p.promotion_id, promo.customer_number('ann'), 'personal', 'ANN-1', 'ANN1', '2026-01-01 00:00Z' FROM promo.promotion p WHERE p.promotion = 'mail';
SET timezone = 'UTC';
SELECT jsonb_pretty(promo.customer_data('ann') -> 'coupon');
SELECT promo.forget_customer('ann');
SELECT c.kind, c.state, c.code, c.key FROM promo.coupon_code c WHERE c.customer_id IS NOT NULL;

-- The tables refuse what makes no sense
\set VERBOSITY terse
INSERT INTO promo.coupon_code (promotion_id, kind, code, key) VALUES (1, 'single', 'y1', 'Y1');
INSERT INTO promo.coupon_code (promotion_id, kind) VALUES (1, 'single');
INSERT INTO promo.coupon_code (promotion_id, kind, code, key, state) VALUES (1, 'single', 'q', 'Q', 'redeemed');
INSERT INTO promo.coupon_code (promotion_id, kind, code, key, customer_id) VALUES (1, 'shared', 'q', 'Q', 1);
\set VERBOSITY default

-- Nothing of this stays for other tests
TRUNCATE promo.promotion, promo.promotion_version, promo.coupon_batch, promo.coupon_code, promo.usage_limit RESTART IDENTITY;
DELETE FROM promo.customer;
