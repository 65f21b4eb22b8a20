-- Segments: customers by a stored query, refreshed as its owner, with the
-- instants at which each entered and left.

CREATE TABLE spending (customer text, spent numeric);
INSERT INTO spending VALUES ('ann', 900), ('bob', 40), ('carol', 700), ('dave', 20);

-- A query of one column, the customer; a customer counts once
SELECT * FROM promo.define_segment('big spenders', 'SELECT customer FROM spending WHERE spent > 500 UNION ALL SELECT ''ann''');
SELECT c, promo.in_segment('big spenders', c) FROM unnest(ARRAY['ann', 'bob', 'carol', 'nobody']) c ORDER BY c;

-- A refresh notes who entered and who left, and changes nothing for who stays
UPDATE spending SET spent = 600 WHERE customer = 'bob';
UPDATE spending SET spent = 0 WHERE customer = 'carol';
SELECT * FROM promo.refresh_segment('big spenders');
SELECT * FROM promo.refresh_segment('big spenders');
UPDATE spending SET spent = 800 WHERE customer = 'carol';
SELECT * FROM promo.refresh_segment('big spenders');
SELECT customer, left_at IS NULL AS is_in, left_at > entered_at AS stayed FROM promo.segment_history
WHERE segment = 'big spenders' ORDER BY customer, entered_at;
SELECT customer, row_number() OVER (ORDER BY min(entered_at), customer) AS first_entered FROM promo.segment_history
GROUP BY customer ORDER BY min(entered_at), customer;
SELECT segment, members, owner = current_user::regrole AS mine, query FROM promo.segments;

-- Two refreshes of one transaction are two instants
BEGIN;
DELETE FROM spending WHERE customer = 'bob';
SELECT gone FROM promo.refresh_segment('big spenders');
INSERT INTO spending VALUES ('bob', 1000);
SELECT entered FROM promo.refresh_segment('big spenders');
ROLLBACK;

-- Another query for the name goes on with the history
SELECT * FROM promo.define_segment('big spenders', 'SELECT customer FROM spending WHERE spent > 850');
SELECT count(*) AS stays, count(left_at) AS over FROM promo.segment_history;

-- A segment may stand on another, and ids of any type are taken as text
SELECT * FROM promo.define_segment('others', 'SELECT customer FROM spending WHERE NOT promo.in_segment(''big spenders'', customer)');
SELECT * FROM promo.define_segment('numbers', 'SELECT g FROM generate_series(1, 3) g');
SELECT promo.in_segment('numbers', '2');
SELECT * FROM promo.define_segment('nobody', 'SELECT customer FROM spending WHERE false');
SELECT promo.in_segment('nobody', 'ann');

-- What is no such query, or no segment
SELECT promo.define_segment('wrong', 'SELECT customer, spent FROM spending');
SELECT promo.define_segment('wrong', 'SELECT FROM spending');
SELECT promo.define_segment('wrong', 'SELECT NULL::text');
SELECT promo.define_segment('wrong', 'SELECT ''''');
SELECT promo.define_segment('wrong', 'DELETE FROM spending');
SELECT promo.define_segment('wrong', 'WITH d AS (DELETE FROM spending RETURNING customer) SELECT customer FROM d');
SELECT promo.define_segment('wrong', 'SELECT 1; SELECT 2');
SELECT promo.define_segment('wrong', '');
SELECT promo.define_segment(NULL, 'SELECT 1');
SELECT promo.define_segment('', 'SELECT 1');
SELECT promo.define_segment(repeat('x', 201), 'SELECT 1');
SELECT promo.refresh_segment('wrong');
SELECT promo.in_segment('wrong', 'ann');
SELECT promo.drop_segment('wrong');
SELECT promo.in_segment(NULL, 'ann'), promo.in_segment('others', NULL);

-- Other sessions have other temporary tables
CREATE TEMP TABLE mine AS SELECT 'ann'::text AS customer;
SELECT promo.define_segment('wrong', 'SELECT customer FROM mine');
-- and a temporary table of the session's is not taken for one of the query's
CREATE TEMP TABLE spending AS SELECT 'eve'::text AS customer, 1000 AS spent;
SELECT * FROM promo.refresh_segment('big spenders');
DROP TABLE pg_temp.spending, mine;
SELECT count(*) FROM promo.segments WHERE segment = 'wrong';

-- The query is read under the search_path of its definition, wherever it is refreshed
CREATE SCHEMA segment_test;
CREATE TABLE segment_test.spending (customer text, spent numeric);
SET search_path = segment_test;
SELECT * FROM promo.refresh_segment('big spenders');
RESET search_path;

-- It runs as whoever defined it.  A query that writes a table which its owner
-- may not write fails, even when a superuser refreshes the segment, and can
-- leave nothing behind that would run later as the superuser.
CREATE ROLE segment_test_analyst;
GRANT EXECUTE ON FUNCTION promo.define_segment(text, text), promo.refresh_segment(text), promo.drop_segment(text),
	promo.in_segment(text, text) TO segment_test_analyst;
GRANT SELECT ON promo.segments, promo.segment_history TO segment_test_analyst;
GRANT SELECT ON spending TO segment_test_analyst;
GRANT ALL ON SCHEMA segment_test TO segment_test_analyst;
CREATE TABLE secret (owner text);
SET ROLE segment_test_analyst;
SET search_path = segment_test, public;
CREATE TABLE segment_test.switch (trick int);
INSERT INTO switch VALUES (0);
CREATE TABLE segment_test.later (x int);
CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.secret VALUES (current_user); RETURN NEW; END $$;
CREATE CONSTRAINT TRIGGER strike AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION strike();
CREATE FUNCTION who() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	number int := (SELECT trick FROM segment_test.switch);
BEGIN
	IF number = 1 THEN
		INSERT INTO public.secret VALUES (current_user);
	ELSIF number = 2 THEN
		INSERT INTO segment_test.later VALUES (1);
	ELSIF number = 3 THEN
		RESET ROLE;
	ELSIF number = 4 THEN
		CREATE TEMP TABLE bait (x int);
	ELSIF number = 5 THEN
		PERFORM count(*) FROM promo.segment_member;
	ELSIF number = 6 THEN
		PERFORM set_config('search_path', 'segment_test', false);
	END IF;
	RETURN current_user;
END
$$;
SELECT * FROM promo.define_segment('tricks', 'SELECT who()');
SELECT customer FROM promo.segment_history WHERE segment = 'tricks';
RESET ROLE;
RESET search_path;
UPDATE segment_test.switch SET trick = 1;
SELECT promo.refresh_segment('tricks');
UPDATE segment_test.switch SET trick = 2;
SELECT promo.refresh_segment('tricks');
UPDATE segment_test.switch SET trick = 3;
SELECT promo.refresh_segment('tricks');
UPDATE segment_test.switch SET trick = 4;
SELECT promo.refresh_segment('tricks');
UPDATE segment_test.switch SET trick = 5;
SELECT promo.refresh_segment('tricks');
UPDATE segment_test.switch SET trick = 6;
SELECT promo.refresh_segment('tricks');
SELECT current_user = session_user AS still_me, current_setting('search_path') AS path;
SELECT count(*) AS struck FROM secret;

-- The same who defines it anew, whose rights it then runs with; others may not
SET ROLE segment_test_analyst;
SELECT promo.define_segment('big spenders', 'SELECT 1');
SELECT promo.drop_segment('big spenders');
SELECT members FROM promo.refresh_segment('big spenders');
SELECT query FROM promo.segment;
SELECT * FROM promo.segment_member;
SELECT promo.segment_forget(1);
SELECT promo.segment_merge(1, 2);
RESET ROLE;

-- An application is only told who is in
CREATE ROLE segment_test_application;
GRANT EXECUTE ON FUNCTION promo.in_segment(text, text) TO segment_test_application;
SET ROLE segment_test_application;
SELECT promo.in_segment('big spenders', 'ann');
SELECT promo.refresh_segment('big spenders');
SELECT promo.define_segment('mine', 'SELECT 1');
SELECT * FROM promo.segment_history;
RESET ROLE;

-- A role that is gone owns no query that runs
DROP OWNED BY segment_test_analyst, segment_test_application;
DROP ROLE segment_test_analyst, segment_test_application;
SELECT promo.refresh_segment('tricks');

-- Shown and forgotten
SELECT jsonb_path_query_array(promo.customer_data('ann'), '$.segment.segments[*].segment') AS ann_was_in;
SELECT members FROM promo.segments WHERE segment = 'big spenders';
SELECT promo.forget_customer('ann');
SELECT count(*) AS left_of_ann FROM promo.segment_history WHERE customer IS NULL;
SELECT members FROM promo.segments WHERE segment = 'big spenders';

-- Merged customers have been wherever one of them was
SELECT promo.define_segment('merge', 'SELECT * FROM unnest(ARRAY[''bob'', ''carol''])');
SELECT pg_sleep(0.001), promo.define_segment('merge', 'SELECT ''carol''');
SELECT pg_sleep(0.001), promo.define_segment('merge', 'SELECT * FROM unnest(ARRAY[''bob'', ''dave''])');
SELECT promo.segment_merge(promo.customer_known('carol'), promo.customer_known('bob'));
SELECT customer, left_at IS NULL AS is_in, count(*) FROM promo.segment_history WHERE segment = 'merge' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT members FROM promo.segments WHERE segment = 'merge';

-- in_segment finds a customer by index
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT FROM promo.segment_member m WHERE m.segment_id = 1 AND m.left_at IS NULL AND m.customer_id = 1;
RESET enable_seqscan;

SELECT promo.drop_segment(segment) FROM promo.segments ORDER BY segment;
SELECT count(*) FROM promo.segment_member;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA segment_test CASCADE;
DROP TABLE spending, secret;
