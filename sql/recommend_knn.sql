-- user_knn: what the customers most like one had, against its definition in SQL.
CREATE SCHEMA knn;
SET search_path = knn;

-- 80 customers, 30 items, each pair with a weight
CREATE TABLE had AS
SELECT DISTINCT ON (c, item) 'c' || c AS customer, 'i' || item AS item, 1 + (c * 7 + item * 3) % 5 AS weight
FROM (SELECT c, floor(30 * u * u)::int AS item
	FROM generate_series(1, 80) c, generate_series(1, 9) n,
		LATERAL (SELECT (hashint4(c * 100 + n)::bigint & 65535) / 65536.0 AS u) h) p
ORDER BY c, item;

-- Likeness is the cosine, with shrink below the fraction; of equally like
-- customers the first by text are taken; a score is the sum over those taken.
CREATE FUNCTION by_sql(k int, shrink float8, weighed boolean)
RETURNS TABLE (customer text, item text, score float8, because text[]) LANGUAGE sql AS $$
WITH x AS (
	SELECT customer, item, CASE WHEN weighed THEN weight ELSE 1 END::float8 AS x FROM knn.had
), norm AS (
	SELECT customer, sqrt(sum(x * x)) AS norm FROM x GROUP BY customer
), likeness AS (
	SELECT a.customer AS u, b.customer AS v,
		sum(a.x * b.x) / (min(n.norm) * min(m.norm) + shrink) AS likeness
	FROM x a JOIN x b ON a.item = b.item AND a.customer <> b.customer
	JOIN norm n ON n.customer = a.customer JOIN norm m ON m.customer = b.customer
	GROUP BY a.customer, b.customer
), nearest AS (
	SELECT u, v FROM (
		SELECT u, v, row_number() OVER (PARTITION BY u ORDER BY likeness::real DESC, v COLLATE "C") AS place
		FROM likeness) l
	WHERE place <= k
), part AS (
	SELECT a.customer, t.item, a.item AS because,
		sum(a.x * b.x * t.x / (n.norm * m.norm + shrink)) AS part
	FROM nearest l JOIN x a ON a.customer = l.u JOIN x b ON b.customer = l.v AND b.item = a.item
	JOIN x t ON t.customer = l.v
	JOIN norm n ON n.customer = l.u JOIN norm m ON m.customer = l.v
	WHERE NOT EXISTS (SELECT FROM x o WHERE o.customer = l.u AND o.item = t.item)
	GROUP BY a.customer, t.item, a.item
)
SELECT customer, item, sum(part), array_agg(because) FILTER (WHERE part > most - 1e-6)
FROM (SELECT *, max(part) OVER (PARTITION BY customer, item) AS most FROM part) p GROUP BY customer, item
$$;
CREATE TABLE variant (name text, query text, options jsonb, k int, shrink float8, weighed boolean);
INSERT INTO variant VALUES
	('plain', 'SELECT customer, item FROM knn.had', '{}', 100, 0, false),
	('few', 'SELECT customer, item FROM knn.had', '{"neighbors": 5}', 5, 0, false),
	('shrunk', 'SELECT customer, item FROM knn.had', '{"neighbors": 12, "shrink": 3}', 12, 3, false),
	('weighed', 'SELECT customer, item, weight FROM knn.had', '{"neighbors": 7, "shrink": 0.5}', 7, 0.5, true);
SELECT v.name, b.method, b.customers, b.items, b.neighbors
FROM variant v, LATERAL promo.build_recommender(v.name, v.query, v.options || '{"method": "user_knn"}') b ORDER BY v.name;

-- All customers at once
CREATE TABLE wanted AS
SELECT v.name, s.* FROM variant v, LATERAL by_sql(v.k, v.shrink, v.weighed) s;
CREATE TABLE got AS
SELECT v.name, r.* FROM variant v, LATERAL promo.recommend_all(v.name, 100, '{"fallback": "none"}') r;
SELECT name, count(*) > 500 AS many, count(*) FILTER (WHERE g.item IS NULL OR w.item IS NULL) AS missing,
	count(*) FILTER (WHERE abs(g.score - w.score) > 1e-6 * w.score) AS wrong
FROM got g FULL JOIN wanted w USING (name, customer, item)
GROUP BY name ORDER BY name;

-- One customer is told the same, and the item of his that made most of the
-- likeness to those who have it
SELECT v.name, count(*) > 500 AS many, count(*) FILTER (WHERE r.score IS DISTINCT FROM g.score) AS wrong,
	count(*) FILTER (WHERE r.because = ANY (w.because)) = count(*) AS right_reasons
FROM variant v CROSS JOIN (SELECT DISTINCT customer FROM had) c
CROSS JOIN LATERAL promo.recommend(v.name, c.customer, 100, '{"fallback": "none"}') r
LEFT JOIN got g ON g.name = v.name AND g.customer = c.customer AND g.item = r.item
LEFT JOIN wanted w ON w.name = v.name AND w.customer = c.customer AND w.item = r.item
GROUP BY v.name ORDER BY v.name;

-- A history that is told with the call counts in place of that of the build,
-- and he is still not like himself; a basket is nobody's, so that whoever has
-- the same is like it.
SELECT count(*) > 5 AS some, bool_and(r = h) AS equal
FROM promo.recommend('few', 'c7', 100, '{"fallback": "none"}') WITH ORDINALITY r(rank, item, score, because, n)
FULL JOIN promo.recommend('few', 'c7', 100, (SELECT jsonb_build_object('fallback', 'none', 'history', jsonb_agg(item))
	FROM had WHERE customer = 'c7')) WITH ORDINALITY h(rank, item, score, because, n) USING (n);
SELECT item AS first_item FROM promo.recommend('few', 'c7', 1) \gset
SELECT count(*) AS still_there
FROM promo.recommend('few', 'c7', 100, (SELECT jsonb_build_object('history', jsonb_agg(item) || to_jsonb(:'first_item'::text))
	FROM had WHERE customer = 'c7'))
WHERE item = :'first_item';
SELECT b.item, b.score > 0.999999 AS by_one_who_has_the_same, b.because
FROM (SELECT item FROM had WHERE customer = 'c7' ORDER BY item LIMIT 1) one,
	LATERAL promo.recommend_basket('few', (SELECT array_agg(item) FROM had WHERE customer = 'c7'), 1,
		jsonb_build_object('exclude_bought', false, 'filter', jsonb_build_array(one.item))) b;
SELECT count(*) AS of_nothing FROM promo.recommend_basket('few', '{}', 5, '{"fallback": "none"}');
SELECT count(*) AS popular FROM promo.recommend('few', 'nobody', 5);

-- A customer who is forgotten is like nobody any more, at once and in sessions
-- that have read him: the next one takes his place.
DELETE FROM had WHERE customer IN ('c1', 'c2', 'c3');
SELECT promo.forget_customer(c) FROM unnest(ARRAY['c1', 'c2', 'c3']) c;
SELECT count(*) FILTER (WHERE g.item IS NULL OR w.item IS NULL) AS missing, count(*) > 500 AS many,
	count(*) FILTER (WHERE abs(g.score - w.score) > 1e-6 * w.score) AS wrong
FROM promo.recommend_all('few', 100, '{"fallback": "none"}') g
FULL JOIN by_sql(5, 0, false) w USING (customer, item);

-- It compares no items; what a second event says is added.
SELECT * FROM promo.similar_items('few', 'i1');
CREATE TABLE viewed AS SELECT customer, 'i' || (hashtext(item)::bigint & 65535) % 20 AS item FROM had WHERE customer < 'c5';
SELECT method, event_rows > 100 AS has_events FROM promo.build_recommender('viewed', 'SELECT customer, item FROM knn.had',
	'{"method": "user_knn", "event_query": "SELECT customer, item FROM knn.viewed", "event_weight": 2}');
SELECT method FROM promo.build_recommender('unviewed', 'SELECT customer, item FROM knn.had', '{"method": "user_knn"}');
WITH said AS (
	SELECT v.customer, n.neighbor AS item, 2 * sum(n.score) AS score
	FROM (SELECT DISTINCT customer, item FROM viewed) v JOIN promo.recommender_neighbors('viewed', true) n USING (item)
	GROUP BY v.customer, n.neighbor
)
SELECT count(*) > 500 AS many, count(s.score) > 20 AS said, count(*) FILTER (WHERE a.score IS NULL) AS missing,
	count(*) FILTER (WHERE abs(coalesce(s.score, 0) + coalesce(b.score, 0) - a.score) > 1e-6 * a.score) AS wrong
FROM promo.recommend_all('viewed', 100, '{"fallback": "none"}') a
FULL JOIN promo.recommend_all('unviewed', 100, '{"fallback": "none"}') b USING (customer, item)
LEFT JOIN said s USING (customer, item);

-- With a cache of nothing all is the same.
SET promo.cache_size = 0;
SELECT count(*) FILTER (WHERE r.score <> g.score) AS wrong, count(*) > 0 AS some
FROM promo.recommend('shrunk', 'c9', 100, '{"fallback": "none"}') r
JOIN got g ON g.name = 'shrunk' AND g.customer = 'c9' AND g.item = r.item;
RESET promo.cache_size;

SELECT count(promo.drop_recommender(recommender)::text) AS dropped FROM promo.recommenders;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA knn CASCADE;
