-- Recommenders as a shop uses them: any type of id, many of them in one
-- session, built anew in between, by roles, and given all that is odd.
CREATE SCHEMA serve;
SET search_path = serve;
SET datestyle = 'ISO';
CREATE TABLE bought AS
SELECT DISTINCT c AS customer, floor(30 * u * u)::int AS item
FROM generate_series(1, 60) c, generate_series(1, 8) n,
	LATERAL (SELECT (hashint4(c * 100 + n)::bigint & 65535) / 65536.0 AS u) h;

-- Ids of any type go in, and come out as their text: one shop under eight
-- types gives one answer.
CREATE TYPE color AS ENUM ('red', 'green');
CREATE DOMAIN sku AS text;
CREATE TABLE typed AS
SELECT type, customer, item FROM (VALUES
	('int', 'customer', 'item'), ('bigint', 'customer::bigint * 5000000000', 'item::bigint * -5000000000'),
	('numeric', 'customer / 8.0', 'item + 0.50'), ('uuid', 'md5(customer::text)::uuid', 'md5(item::text)::uuid'),
	('timestamp', 'timestamp ''2026-01-01'' + customer * interval ''1 hour''', 'date ''2026-01-01'' + item'),
	('domain', '(''c'' || customer)::sku', '(''i'' || item)::varchar(9)'), ('array', 'ARRAY[customer, 1]', 'ROW(item, ''a b'')'),
	('bytea', 'int4send(customer)', 'chr(8364) || item')
) t(type, customer, item);
CREATE FUNCTION text_of(expression text, number int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE 'SELECT (' || expression || ')::text FROM (SELECT $1 AS customer, $1 AS item) v' INTO found USING number;
	RETURN found;
END
$$;
SELECT t.type, b.customers, b.items, b.neighbors
FROM typed t, LATERAL promo.build_recommender(t.type, 'SELECT ' || customer || ', ' || item || ' FROM serve.bought', '{"shrink": 1}') b
ORDER BY t.type;
-- Of equal scores the one first by text comes first, which is another one for
-- each type: so sets are compared, of all that have a score.
SELECT t.type, count(*) AS recommended, min(r.item) AS first_by_text, count(*) FILTER (WHERE o.item IS NULL) AS not_that_of_int,
	count(*) FILTER (WHERE abs(r.score - o.score) > 1e-6) AS other_scores,
	count(*) FILTER (WHERE NOT EXISTS (SELECT FROM bought b WHERE b.customer = 7 AND text_of(t.item, b.item) = r.because)) AS no_reason
FROM typed t CROSS JOIN LATERAL promo.recommend(t.type, text_of(t.customer, 7), 100, '{"fallback": "none"}') r
LEFT JOIN promo.recommend('int', '7', 100, '{"fallback": "none"}') o ON text_of(t.item, o.item::int) = r.item
GROUP BY t.type ORDER BY t.type;
-- The text is the same whatever the settings of the session that builds.
SET datestyle = 'German';
SET timezone = 'Asia/Tokyo';
SET extra_float_digits = -10;
SET intervalstyle = 'iso_8601';
SELECT promo.build_recommender('settings', $$SELECT timestamptz '2026-01-01 12:00+00' + c * interval '1 day',
	unnest(ARRAY[ROW(date '2026-03-01', 1 / 3.0::float8), ROW(interval '1 day 2 hours', c)]) FROM generate_series(1, 3) c$$) IS NOT NULL AS of_values;
SELECT array_agg(item ORDER BY item) FROM promo.recommend('settings', '2026-01-02 12:00:00+00', 5, '{"exclude_bought": false, "fallback": "none"}');
SELECT current_setting('datestyle') AS style, current_setting('timezone') AS zone;
SET datestyle = 'ISO';
RESET timezone;
RESET extra_float_digits;
RESET intervalstyle;
SELECT promo.build_recommender('null', 'SELECT NULL::int, item FROM serve.bought');
SELECT promo.build_recommender('null', 'SELECT customer, NULL::uuid FROM serve.bought');
SELECT customers, items FROM promo.build_recommender('enum', 'SELECT c, (enum_range(NULL::serve.color))[c] FROM generate_series(1, 2) c');
SELECT array_agg(item) FROM promo.recommend('enum', '1', 5, '{"exclude_bought": false}');

-- A build in between is seen by the next statement of a function.
CREATE FUNCTION sell_and_ask(product int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before text;
	after text;
BEGIN
	SELECT string_agg(item, ' ' ORDER BY rank) INTO before FROM promo.recommend('loop', '7', 3);
	INSERT INTO serve.bought VALUES (7, product);
	PERFORM promo.refresh_recommender('loop');
	SELECT string_agg(item, ' ' ORDER BY rank) INTO after FROM promo.recommend('loop', '7', 3);
	RETURN before || ' -> ' || after;
END
$$;
SELECT count(promo.build_recommender('loop', 'SELECT customer, item FROM serve.bought'));
BEGIN;
SELECT sell_and_ask(r.item::int) FROM promo.recommend('loop', '7', 1) r;
SELECT sell_and_ask(r.item::int) FROM promo.recommend('loop', '7', 1) r;
SELECT string_agg(item, ' ' ORDER BY rank) AS now FROM promo.recommend('loop', '7', 3);
ROLLBACK;
SELECT string_agg(item, ' ' ORDER BY rank) AS as_before FROM promo.recommend('loop', '7', 3);
BEGIN;
SAVEPOINT first;
SELECT promo.drop_recommender('loop');
SELECT count(*) FROM promo.recommend('loop', '7', 3);
ROLLBACK TO first;
SELECT count(*) FROM promo.recommend('loop', '7', 3);
COMMIT;

-- Row by row of one query another recommender, more of them than fit into the
-- cache: the same answers as with all the room.
CREATE TABLE roomy AS
SELECT c.customer, r.recommender, a.* FROM promo.recommenders r, (SELECT DISTINCT customer FROM bought) c,
	LATERAL promo.recommend(r.recommender, c.customer::text, 4) a;
SET promo.cache_size = '30kB';
CREATE TABLE narrow AS
SELECT c.customer, r.recommender, a.* FROM (SELECT DISTINCT customer FROM bought) c, promo.recommenders r,
	LATERAL promo.recommend(r.recommender, c.customer::text, 4) a;
RESET promo.cache_size;
SELECT (SELECT count(*) FROM roomy) AS answers, (SELECT count(*) FROM (TABLE roomy EXCEPT TABLE narrow) d) AS lost,
	(SELECT count(*) FROM (TABLE narrow EXCEPT TABLE roomy) d) AS made_up;
DO $$
BEGIN
	FOR i IN 1 .. 40 LOOP
		PERFORM promo.build_recommender('many ' || i, format('SELECT customer, (item + %s) %% 30 FROM serve.bought', i));
	END LOOP;
END
$$;
SET promo.cache_size = '100kB';
SELECT count(*) AS asked, sum((r.item = o.item)::int) AS same
FROM generate_series(1, 40) i, LATERAL promo.recommend('many ' || i, '9', 1) r, LATERAL promo.recommend('many ' || i, '9', 1) o;
SELECT sum(total_bytes) AS held FROM pg_backend_memory_contexts WHERE name IN ('promo recommender', 'promo ranker') \gset
RESET promo.cache_size;
SELECT count(*) AS asked FROM generate_series(1, 40) i, LATERAL promo.recommend('many ' || i, '9', 1);
SELECT sum(total_bytes) > 2 * :held AS bounded FROM pg_backend_memory_contexts WHERE name IN ('promo recommender', 'promo ranker');

-- What is odd but sound
SELECT count(promo.build_recommender('one customer', 'SELECT 1, g FROM generate_series(1, 5) g'));
SELECT count(*) AS of_one_customer FROM promo.recommend('one customer', '1');
SELECT array_agg(item) AS popular FROM promo.recommend('one customer', '2', 2);
SELECT count(promo.build_recommender('one item', 'SELECT g, 1 FROM generate_series(1, 5) g'));
SELECT count(*) AS of_one_item FROM promo.recommend('one item', '1');
SELECT item, score FROM promo.recommend_basket('one item', '{}');
SELECT count(*) FROM promo.recommend_all('one item');
SELECT count(promo.build_recommender('bot', 'SELECT customer, item FROM serve.bought UNION ALL SELECT 0, g FROM generate_series(0, 7000) g', '{"user_cap": 50}'));
SELECT count(*) AS of_bot, count(DISTINCT item) FROM promo.recommend('bot', '0', 10000);
SELECT count(*) AS of_others FROM promo.recommend('bot', '7', 10000, '{"exclude_bought": false}');
SELECT count(promo.build_recommender('knn bot', 'SELECT customer, item FROM serve.bought UNION ALL SELECT 0, g FROM generate_series(0, 7000) g',
	'{"method": "user_knn", "neighbors": 1000}'));
SELECT count(*) AS of_bot FROM promo.recommend('knn bot', '0', 10000);
SELECT count(because) AS with_reasons FROM promo.recommend('knn bot', '7', 10000, '{"fallback": "none"}');
SELECT count(*) AS of_many_names FROM promo.recommend_basket('bot', (SELECT array_agg(g::text) FROM generate_series(1, 30000) g), 5,
	'{"exclude_bought": false}');
SELECT array_agg(item) AS of_one_many_times FROM promo.recommend_basket('int', (SELECT array_agg('1'::text) FROM generate_series(1, 1000)), 2);
SELECT count(*) AS boosted FROM promo.recommend('int', '7', 5, (SELECT jsonb_build_object('boost', jsonb_object_agg(g, 2)) FROM generate_series(0, 20000) g));
SELECT count(*) AS filtered FROM promo.recommend('int', '7', 5, (SELECT jsonb_build_object('filter', jsonb_agg(g::text)) FROM generate_series(0, 20000) g));
SELECT array_agg(item) AS of_two_dimensions FROM promo.recommend_basket('int', '{{1,2},{3,4}}', 2);
SELECT promo.build_recommender('all weight', 'SELECT customer, item, 1e15 AS weight FROM serve.bought', '{"method": "cosine"}') IS NOT NULL AS heavy;
SELECT promo.build_recommender('no weight', 'SELECT customer, item, 1e-300::float8 AS weight FROM serve.bought') IS NOT NULL AS light;
SELECT count(*) FILTER (WHERE score > 0 AND score < 'infinity') = count(*) AS finite
FROM promo.recommenders r, LATERAL promo.recommend_all(r.recommender, 3)
WHERE r.recommender IN ('all weight', 'no weight');

-- What is wrong is told.
SELECT * FROM promo.recommend_basket('int', ARRAY['1', NULL], 3);
SELECT count(*) AS of_null FROM promo.recommend_basket('int', NULL, 3);
SELECT * FROM promo.recommend('int', '7', -1);
SELECT * FROM promo.recommend('int', '7', 10001);
SELECT * FROM promo.recommend('int', '7', 3, '[]');
SELECT * FROM promo.recommend('int', '7', 3, '{"history": "1", "filter": [1], "boost": {"1": "much", "2": -1, "3": 1e9}, "fallback": "trending", "buy_again": 1}');
SELECT * FROM promo.recommend_basket('int', '{1}', 3, '{"history": ["2"]}');
SELECT * FROM promo.similar_items('int', '1', 0);
SELECT * FROM promo.basket_rules('SELECT customer, item FROM serve.bought', 'NaN');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM serve.bought', '{"neighbors": 0, "user_cap": -1, "min_support": 0}');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM serve.bought', '{"neighbors": 1001, "lambda": 1, "shrink": -0.5}');

-- Roles: the shop's application may ask and no more; the analyst builds; one
-- analyst's recommender is not the other's to replace or drop, but is served.
CREATE ROLE regress_serve_shop;
CREATE ROLE regress_serve_ann;
CREATE ROLE regress_serve_bob;
GRANT USAGE ON SCHEMA serve TO regress_serve_ann, regress_serve_bob;
GRANT SELECT ON bought TO regress_serve_ann;
GRANT EXECUTE ON FUNCTION promo.recommend(text, text, int, jsonb), promo.recommend_basket(text, text[], int, jsonb),
	promo.similar_items(text, text, int) TO regress_serve_shop;
GRANT EXECUTE ON FUNCTION promo.build_recommender(text, text, jsonb), promo.refresh_recommender(text),
	promo.drop_recommender(text), promo.recommend_all(text, int, jsonb), promo.basket_rules(text, float8)
	TO regress_serve_ann, regress_serve_bob;
SET ROLE regress_serve_ann;
SELECT method FROM promo.build_recommender('of ann', 'SELECT customer, item FROM serve.bought');
SELECT count(*) > 0 AS rules FROM promo.basket_rules('SELECT customer, item FROM serve.bought');
SET ROLE regress_serve_bob;
SELECT promo.build_recommender('of ann', 'SELECT 1, 1');
SELECT promo.drop_recommender('of ann');
SELECT promo.build_recommender('of bob', 'SELECT customer, item FROM serve.bought');
SELECT * FROM promo.basket_rules('SELECT customer, item FROM serve.bought');
SELECT version FROM promo.refresh_recommender('of ann');
SET ROLE regress_serve_shop;
SELECT count(*) FROM promo.recommend('of ann', '7', 3);
SELECT count(*) FROM promo.recommend_basket('of ann', '{1,2}', 3);
SELECT count(*) FROM promo.similar_items('of ann', '1', 3);
SELECT promo.build_recommender('of ann', 'SELECT 1, 1');
SELECT promo.refresh_recommender('of ann');
SELECT promo.drop_recommender('of ann');
SELECT count(*) FROM promo.recommend_all('of ann', 3);
SELECT * FROM promo.basket_rules('SELECT 1, 1');
SELECT count(*) FROM promo.recommender;
SELECT count(*) FROM serve.bought;
RESET ROLE;

SELECT count(promo.drop_recommender(recommender)::text) AS dropped FROM promo.recommenders;
SELECT * FROM promo.recommend('int', '7', 3);
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA serve CASCADE;
DROP OWNED BY regress_serve_shop, regress_serve_ann, regress_serve_bob;
DROP ROLE regress_serve_shop, regress_serve_ann, regress_serve_bob;
