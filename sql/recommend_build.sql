-- Recommenders by name: built from a query, built anew, dropped.
CREATE SCHEMA shop;
SET search_path = shop;
CREATE TABLE purchase AS
SELECT 'c' || c AS customer, 'i' || floor(40 * u * u)::int AS item,
	timestamptz '2026-01-01 00:00+00' + c * interval '1 hour' + n * interval '1 day' AS at
FROM generate_series(1, 120) c, generate_series(1, 12) n,
	LATERAL (SELECT (hashint4(c * 100 + n)::bigint & 65535) / 65536.0 AS u) h;

SELECT recommender, version, method, rows, event_rows, customers, items, pairs, neighbors, workers,
	bytes > 10000 AS has_bytes, duration >= '0' AS took, built_at <= clock_timestamp() AS built
FROM promo.build_recommender('shop', 'SELECT customer, item FROM purchase');
SELECT recommender, version, owner = current_user::regrole AS owned, method, options, query, search_path
FROM promo.recommenders;

-- The best five of an item, in the catalog's own words
SELECT item, neighbor, round(score::numeric, 5) AS score
FROM promo.recommender_neighbors('shop') WHERE item = 'i0' LIMIT 5;

-- One of the same name takes its place, with its query and options.
SELECT version, method, pairs FROM promo.build_recommender('shop', 'SELECT customer, item FROM purchase',
	'{"method": "jaccard", "neighbors": 5}');
SELECT count(*) FROM promo.recommender_neighbors('shop') WHERE item = 'i0';
SELECT count(DISTINCT version) AS versions_kept FROM promo.recommender_piece;

-- The same bits whatever the order of the rows, the type of the ids, and the
-- number of workers
CREATE FUNCTION lists(name text) RETURNS text LANGUAGE sql AS $$
SELECT md5(string_agg(item || ' ' || neighbor || ' ' || score, ',' ORDER BY ordinality))
FROM promo.recommender_neighbors(name) WITH ORDINALITY
$$;
CREATE TABLE big AS
SELECT c AS customer, floor(300 * u * u)::int AS item, (c % 7 + 1) / 3.0 AS weight
FROM generate_series(1, 400) c, generate_series(1, 30) n,
	LATERAL (SELECT (hashint4(c * 100 + n)::bigint & 65535) / 65536.0 AS u) h;
CREATE TABLE variant AS
SELECT v.name, m.method, b.workers
FROM unnest(ARRAY['user_cosine', 'cosine', 'tfidf', 'local_ridge']) m(method),
	(VALUES ('plain', 'SELECT customer, item FROM big', 0),
		('turned', 'SELECT customer::text, item::numeric FROM big ORDER BY item, customer DESC', 0),
		('mixed', 'SELECT customer::bigint, item::varchar FROM big ORDER BY hashint4(customer), item', 1),
		('seven', 'SELECT customer::smallint, item::char(3)::text FROM big ORDER BY customer DESC', 7)
	) v(name, query, workers),
	LATERAL promo.build_recommender(v.name || ' ' || m.method, v.query,
		jsonb_build_object('method', m.method, 'workers', v.workers, 'neighbors', 20)) b;
SELECT method, count(*) AS built, count(DISTINCT lists(name || ' ' || method)) AS different
FROM variant GROUP BY method ORDER BY method COLLATE "C";
SELECT name, max(workers) <= CASE name WHEN 'seven' THEN 7 WHEN 'mixed' THEN 1 ELSE 0 END AS no_more
FROM variant GROUP BY name ORDER BY name COLLATE "C";

-- With weights, of which several rows add up, and times too
CREATE TABLE weighed AS
SELECT v.name, b.pairs
FROM (VALUES ('up', 'SELECT customer, item, weight, now() - item * interval ''1 day'' AS at FROM big ORDER BY customer, item'),
		('down', 'SELECT customer, item, weight, now() - item * interval ''1 day'' AS at FROM big ORDER BY item DESC, customer DESC')
	) v(name, query),
	LATERAL promo.build_recommender(v.name, v.query, '{"half_life": "30 days", "method": "bm25"}') b;
SELECT count(*) AS built, count(DISTINCT lists(name)) AS different FROM weighed;

-- What is said of items: by content alone, likeness by words, tags and
-- attributes; beside another method it finds neighbors for items that nobody
-- has had yet.
CREATE TABLE article (item int, words text, tags text[], size int);
INSERT INTO article VALUES (1, 'red shirt', ARRAY['summer', 'sale'], 5), (2, 'red dress', ARRAY['summer'], 5),
	(3, 'blue jeans', NULL, 7), (9, 'blue shirt', ARRAY['sale', NULL], NULL);
SELECT method, items, pairs, neighbors FROM promo.build_recommender('content',
	'SELECT c, i FROM generate_series(1, 20) c, generate_series(1, 4) i WHERE (c + i) % 3 > 0',
	'{"method": "content", "content_query": "SELECT * FROM article"}');
SELECT item, neighbor, round(score::numeric, 5) AS score FROM promo.recommender_neighbors('content');
SELECT method, items, pairs, neighbors FROM promo.build_recommender('content',
	'SELECT c, i FROM generate_series(1, 20) c, generate_series(1, 4) i WHERE (c + i) % 3 > 0',
	'{"content_query": "SELECT * FROM article", "content_weight": 0.2}');
SELECT item, neighbor, round(score::numeric, 5) AS score FROM promo.recommender_neighbors('content') WHERE item IN ('4', '9');
SELECT promo.build_recommender('content', 'SELECT 1, 2', '{"content_query": "SELECT NULL, 1"}');
SELECT promo.build_recommender('content', 'SELECT 1, 2', '{"content_query": "SELECT 1"}');

-- All that is wrong with the options is told at once.
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase',
	'{"method": "best", "neighbors": 0, "shrink": -1, "min_support": 0.5, "prune": "both", "lambda": 5,
	  "event_weight": 1, "content_weight": 2, "workers": 1000, "speed": "high", "exponents": {"source": 3, "goal": 1}}');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase',
	'{"method": "llr", "shrink": 1, "half_life": "1 day", "exponents": {}}');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase',
	'{"method": "user_knn", "min_support": 2, "user_cap": 5, "prune": "source"}');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase',
	'{"method": "local_ridge", "lambda": 0, "prune": "source", "exponents": {"source": 0.5}}');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase', '{"half_life": "2 months"}');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase', '{"half_life": "soon"}');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase', '{"half_life": "2 days"}');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase', '{"method": "content"}');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase', '[]');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase', NULL);
SELECT promo.build_recommender('', 'SELECT customer, item FROM purchase');
SELECT promo.build_recommender(repeat('x', 201), 'SELECT customer, item FROM purchase');

-- And with the rows
SELECT promo.build_recommender('wrong', 'SELECT customer FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, at::timestamp FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, 1 AS price FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, ''1'' AS weight FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, 1 AS weight, 2 AS weight FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, 1 AS weight FROM purchase', '{"method": "llr"}');
SELECT promo.build_recommender('wrong', 'VALUES (''a'', ''x''), (NULL, ''x'')');
SELECT promo.build_recommender('wrong', 'VALUES (''a'', ''x''), (''a'', NULL)');
SELECT promo.build_recommender('wrong', 'VALUES (''a'', ''x''), (''a'', '''')');
SELECT promo.build_recommender('wrong', 'SELECT repeat(''a'', 501), 1');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, -1 AS weight FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, ''NaN''::float8 AS weight FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, ''infinity''::float4 AS weight FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, NULL::int AS weight FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, 0 AS weight FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item, ''infinity''::timestamptz AS at FROM purchase');
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase WHERE false');
SELECT promo.build_recommender('wrong', 'DELETE FROM purchase');
CREATE TEMPORARY TABLE passing AS SELECT * FROM purchase;
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM passing');
SET promo.build_memory = '300kB';
SELECT promo.build_recommender('wrong', 'SELECT customer, item FROM purchase');
RESET promo.build_memory;
SELECT count(*) FROM promo.recommenders WHERE recommender = 'wrong';
SELECT promo.refresh_recommender('wrong');
SELECT promo.drop_recommender('wrong');
SELECT * FROM promo.recommender_neighbors('wrong');
SELECT * FROM promo.recommender_neighbors('shop', true);

-- What is odd, but sound: one customer, one item, a customer of everything
SELECT customers, items, pairs, neighbors FROM promo.build_recommender('odd', 'SELECT 1, 1');
SELECT * FROM promo.recommender_neighbors('odd');
SELECT customers, items, pairs, neighbors FROM promo.build_recommender('odd', 'SELECT 1, g FROM generate_series(1, 5) g');
SELECT customers, items, pairs, neighbors FROM promo.build_recommender('odd', 'SELECT g, 1 FROM generate_series(1, 20000) g');
SELECT customers, items, pairs, neighbors FROM promo.build_recommender('odd',
	'SELECT customer, item FROM purchase UNION ALL SELECT ''bot'', ''i'' || g FROM generate_series(0, 6000) g');
SELECT DISTINCT method, neighbors > 0 AS has_any
FROM unnest(ARRAY['user_cosine', 'cosine', 'jaccard', 'llr', 'tfidf', 'bm25', 'local_ridge', 'user_knn']) m(name),
	LATERAL promo.build_recommender('odd', 'VALUES (1, 1), (1, 2), (2, 1), (2, 2), (3, 1)', jsonb_build_object('method', name))
ORDER BY method;
-- Of a bot with twice the cap as many count as the cap has.
SELECT pairs FROM promo.build_recommender('odd', 'SELECT 1, g FROM generate_series(1, 20) g', '{"user_cap": 10}');
SELECT count(DISTINCT item) FROM promo.recommender_neighbors('odd');

-- A recommender in pieces is the same as one whole.
SET promo.model_piece_size = '1kB';
SELECT version FROM promo.build_recommender('pieces', 'SELECT customer, item FROM big', '{"neighbors": 20}');
SELECT count(*) > 2 AS in_pieces FROM promo.recommender_piece p JOIN promo.recommender r USING (recommender_id)
WHERE r.recommender = 'pieces' AND kind = 0;
SELECT lists('pieces') = lists('plain user_cosine') AS same;
RESET promo.model_piece_size;

-- With a cache of nothing as well
SET promo.cache_size = 0;
SELECT lists('pieces') = lists('plain user_cosine') AS same;
RESET promo.cache_size;

-- What was damaged is told, and no more.
BEGIN;
DELETE FROM promo.recommender_piece p USING promo.recommender r
WHERE r.recommender_id = p.recommender_id AND r.recommender = 'shop' AND kind = 1 AND piece = 0;
UPDATE promo.recommender SET stamp = stamp + 1 WHERE recommender = 'shop';
SELECT count(*) FROM promo.recommender_neighbors('shop');
ROLLBACK;
BEGIN;
UPDATE promo.recommender_piece p SET bytes = set_byte(p.bytes, 40, 255) FROM promo.recommender r
WHERE r.recommender_id = p.recommender_id AND r.recommender = 'shop' AND kind = 1 AND piece = 0;
UPDATE promo.recommender SET stamp = stamp + 1 WHERE recommender = 'shop';
SELECT count(*) FROM promo.recommender_neighbors('shop');
ROLLBACK;
SELECT count(*) > 0 AS is_whole FROM promo.recommender_neighbors('shop');

-- What a session has at hand is what its snapshot sees: its own build at once,
-- the one before after a rollback.
SELECT count(*) FROM promo.recommender_neighbors('shop') WHERE item = 'i0';
BEGIN;
SELECT version FROM promo.build_recommender('shop', 'SELECT customer, item FROM purchase', '{"neighbors": 3}');
SELECT count(*) FROM promo.recommender_neighbors('shop') WHERE item = 'i0';
SAVEPOINT before_drop;
SELECT promo.drop_recommender('shop');
SELECT count(*) FROM promo.recommender_neighbors('shop') WHERE item = 'i0';
ROLLBACK TO before_drop;
SELECT count(*) FROM promo.recommender_neighbors('shop') WHERE item = 'i0';
ROLLBACK;
SELECT count(*) FROM promo.recommender_neighbors('shop') WHERE item = 'i0';

-- A customer is shown what is kept of him, and forgotten.
SELECT version FROM promo.build_recommender('dated', 'SELECT customer, item, at FROM purchase WHERE customer IN (''c1'', ''c2'', ''c3'')',
	'{"event_query": "SELECT customer, item FROM purchase WHERE item = ''i0''", "half_life": "5 days"}');
SELECT version FROM promo.build_recommender('knn', 'SELECT customer, item FROM purchase', '{"method": "user_knn"}');
SELECT key, jsonb_array_length(value->'history') AS items, value->'events' AS events, value->'history'->0 AS first
FROM jsonb_each(promo.customer_data('c1')->'recommend')
WHERE key IN ('shop', 'dated', 'knn') ORDER BY key;
SELECT count(*) AS items, (SELECT count(DISTINCT item) FROM purchase WHERE customer = 'c1') AS wanted
FROM jsonb_array_elements(promo.customer_data('c1')->'recommend'->'shop'->'history');
SELECT customer_id AS c1 FROM promo.customer WHERE shop_id = 'c1' \gset
SELECT promo.recommend_customer_data(:c1) IS NULL AS nothing;
SELECT promo.forget_customer('c1');
SELECT promo.customer_data('c1') AS of_name, promo.recommend_customer_data(:c1) AS of_number;
SELECT count(*) FROM promo.customer WHERE customer_id = :c1 AND shop_id IS NULL;
SELECT jsonb_array_length(promo.customer_data('c2')->'recommend'->'shop'->'history') > 0 AS others_stay;
-- Until the shop's own table forgets him too, a refresh takes him for new.
SELECT promo.refresh_recommender('shop') IS NOT NULL AS refreshed;
SELECT promo.customer_data('c1')->'recommend' ? 'shop' AS is_back, promo.recommend_customer_data(:c1) AS of_old_number;

-- Roles: who may build keeps a query that runs with his rights; who may
-- refresh needs no more; who owns it may drop it.
CREATE ROLE regress_recommend_analyst;
CREATE ROLE regress_recommend_other;
CREATE ROLE regress_recommend_night;
GRANT USAGE ON SCHEMA shop TO regress_recommend_analyst;
GRANT SELECT ON purchase TO regress_recommend_analyst;
GRANT EXECUTE ON FUNCTION promo.build_recommender(text, text, jsonb), promo.drop_recommender(text),
	promo.refresh_recommender(text) TO regress_recommend_analyst, regress_recommend_other;
GRANT EXECUTE ON FUNCTION promo.refresh_recommender(text) TO regress_recommend_night;
SET ROLE regress_recommend_night;
SELECT promo.build_recommender('mine', 'SELECT 1, 1');
SELECT promo.drop_recommender('shop');
SELECT * FROM promo.recommender_neighbors('shop');
SELECT * FROM promo.recommenders;
SELECT promo.recommend_customer_data(1);
SELECT promo.recommend_forget(1);
SET ROLE regress_recommend_analyst;
SELECT version FROM promo.build_recommender('mine', 'SELECT customer, item FROM purchase');
SELECT promo.build_recommender('shop', 'SELECT customer, item FROM purchase');
SELECT promo.build_recommender('stolen', 'SELECT shop_id, shop_id FROM promo.customer');
SELECT promo.build_recommender('mine', 'SELECT customer, item FROM purchase',
	'{"event_query": "SELECT shop_id, shop_id FROM promo.customer"}');
SET ROLE regress_recommend_other;
SELECT promo.drop_recommender('mine');
SELECT promo.build_recommender('mine', 'SELECT 1, 1');
SET ROLE regress_recommend_night;
SET search_path = pg_catalog;
SELECT version FROM promo.refresh_recommender('mine');
RESET ROLE;
SELECT owner, search_path, version FROM promo.recommenders WHERE recommender = 'mine';
REVOKE SELECT ON shop.purchase FROM regress_recommend_analyst;
SELECT promo.refresh_recommender('mine');
-- It cannot do what its owner could not, nor leave anything behind.
SET search_path = shop;
CREATE FUNCTION rise() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'RESET ROLE';
	RETURN 1;
END
$$;
SELECT promo.build_recommender('rising', 'SELECT rise(), 1');
SET ROLE regress_recommend_analyst;
SELECT promo.drop_recommender('mine');
RESET ROLE;
SELECT count(*) FROM promo.recommenders WHERE recommender = 'mine';
BEGIN READ ONLY;
SELECT promo.refresh_recommender('shop');
ROLLBACK;

SELECT count(promo.drop_recommender(recommender)::text) > 0 AS dropped FROM promo.recommenders;
SELECT count(*) FROM promo.recommender_piece;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP OWNED BY regress_recommend_analyst, regress_recommend_other, regress_recommend_night;
DROP ROLE regress_recommend_analyst, regress_recommend_other, regress_recommend_night;
