-- Each method of build_recommender() against its definition in SQL.
CREATE SCHEMA method;
SET search_path = method;

-- What customers had: 90 of them, 30 items, some far more popular than others
CREATE TABLE had AS
SELECT DISTINCT c AS customer, floor(30 * u * u)::int AS item
FROM generate_series(1, 90) c, generate_series(1, 14) n,
	LATERAL (SELECT (hashint4(c * 100 + n)::bigint & 65535) / 65536.0 AS u) h;

SELECT count(*) AS pairs, count(DISTINCT customer) AS customers, count(DISTINCT item) AS items,
	max(support) AS most, min(support) AS least
FROM had JOIN (SELECT item, count(*) AS support FROM had GROUP BY item) s USING (item);

-- What the definitions are made of: each customer's number of items, each
-- item's number of customers, and of each pair of items those of both
CREATE TABLE customer AS SELECT customer, count(*) AS had FROM had GROUP BY customer;
CREATE TABLE item AS SELECT item, count(*) AS support FROM had GROUP BY item;
CREATE TABLE pair AS
SELECT a.item AS s, b.item AS t, count(*) AS n, sum(1.0::float8 / c.had) AS shares,
	sum(ln(i.all_items / (1 + c.had)::float8) ^ 2) AS idf
FROM had a JOIN had b ON a.customer = b.customer AND a.item <> b.item
JOIN customer c ON c.customer = a.customer, (SELECT count(*) AS all_items FROM item) i
GROUP BY a.item, b.item;

-- The scores by definition; of the mean weight of tfidf shrink is a part
CREATE VIEW witness AS
WITH mean AS (
	SELECT sum(c.had * ln(i.n / (1 + c.had)::float8) ^ 2) / sum(c.had) AS weight, i.n
	FROM customer c, (SELECT count(*) AS n FROM item) i GROUP BY i.n
), norm AS (
	SELECT h.item, sum(ln(m.n / (1 + c.had)::float8) ^ 2) / min(m.weight) AS idf
	FROM had h JOIN customer c USING (customer), mean m GROUP BY h.item
), length AS (
	SELECT item, 2.2 / (1 + 1.2 * (0.25 + 0.75 * support / avg(support) OVER ()))::float8 AS factor
	FROM item
)
SELECT s, t, m.method, m.score
FROM pair b
JOIN item i ON i.item = b.s JOIN item j ON j.item = b.t
JOIN norm ni ON ni.item = b.s JOIN norm nj ON nj.item = b.t
JOIN length li ON li.item = b.s JOIN length lj ON lj.item = b.t,
	mean, (SELECT count(*)::float8 AS n FROM customer) u,
	LATERAL (VALUES
		('user_cosine', shares / (sqrt(i.support * j.support) + 2)),
		('cosine', b.n / (sqrt(i.support * j.support) + 2)),
		('jaccard', b.n / (i.support + j.support - b.n + 2)::float8),
		('tfidf', b.idf / mean.weight / (sqrt(ni.idf * nj.idf) + 2)),
		('bm25', b.idf * li.factor * lj.factor),
		('llr', CASE WHEN b.n * u.n > i.support * j.support THEN 2 * (
			b.n * ln(b.n * u.n / (i.support * j.support)) +
			CASE WHEN i.support > b.n THEN (i.support - b.n) *
				ln((i.support - b.n) * u.n / (i.support * (u.n - j.support))) ELSE 0 END +
			CASE WHEN j.support > b.n THEN (j.support - b.n) *
				ln((j.support - b.n) * u.n / (j.support * (u.n - i.support))) ELSE 0 END +
			CASE WHEN u.n - i.support - j.support + b.n > 0 THEN (u.n - i.support - j.support + b.n) *
				ln((u.n - i.support - j.support + b.n) * u.n / ((u.n - i.support) * (u.n - j.support)))
				ELSE 0 END) END)
	) AS m(method, score)
WHERE m.score > 0;

-- All neighbors, so that lists are pruned by nothing: each score is that of
-- the definition, and none is missing.
CREATE FUNCTION options(method text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('method', method) || more ||
	CASE WHEN method IN ('llr', 'bm25') THEN '{}'::jsonb ELSE '{"shrink": 2}' END
$$;
SELECT b.method, b.neighbors
FROM unnest(ARRAY['user_cosine', 'cosine', 'jaccard', 'llr', 'tfidf', 'bm25']) WITH ORDINALITY m(method, place),
	LATERAL promo.build_recommender(m.method, 'SELECT customer, item FROM method.had', options(m.method)) b
ORDER BY m.place;
SELECT m.method,
	(SELECT count(*) FROM witness w WHERE w.method = m.method) AS wanted,
	(SELECT count(*) FROM promo.recommender_neighbors(m.method) n
	 JOIN witness w ON w.method = m.method AND w.s = n.item::int AND w.t = n.neighbor::int
	 WHERE abs(w.score - n.score) <= 1e-6 * greatest(w.score, 1)) AS exact
FROM promo.recommenders m ORDER BY m.method COLLATE "C";

-- Lists of five: the best of the definition, of equal ones the more popular,
-- then the first by text.  Shares of a sum may differ in the last bit, which
-- decides between equals, so only the scores are compared there.
SELECT b.recommender, b.neighbors
FROM unnest(ARRAY['cosine', 'jaccard', 'user_cosine']) m(method),
	LATERAL promo.build_recommender('five ' || m.method, 'SELECT customer, item FROM method.had',
		options(m.method, '{"neighbors": 5}')) b
ORDER BY b.recommender;
WITH got AS (
	SELECT b.method, n.item::int AS t, n.neighbor::int AS s, n.score,
		row_number() OVER (PARTITION BY b.recommender, n.item ORDER BY n.ordinality) AS place
	FROM promo.recommenders b, LATERAL promo.recommender_neighbors(b.recommender) WITH ORDINALITY n
	WHERE b.recommender LIKE 'five %'
), wanted AS (
	SELECT w.method, w.t, w.s, w.score,
		row_number() OVER (PARTITION BY w.method, w.t
						   ORDER BY w.score::real DESC, i.support DESC, i.item::text COLLATE "C") AS place
	FROM witness w JOIN item i ON i.item = w.s
)
SELECT g.method, count(*) AS listed, count(*) FILTER (WHERE abs(w.score - g.score) < 1e-6) AS scores,
	CASE WHEN g.method <> 'user_cosine' THEN count(*) FILTER (WHERE w.s = g.s) END AS same
FROM got g JOIN wanted w USING (method, t, place)
GROUP BY g.method ORDER BY g.method COLLATE "C";

-- Exponents tell the source from the target; pruned for each target the lists
-- hold what speaks for an item, pruned for each source what it speaks for.
SELECT b.recommender, b.neighbors
FROM unnest(ARRAY['source', 'target']) p(prune),
	LATERAL promo.build_recommender('by ' || p.prune, 'SELECT customer, item FROM method.had',
		jsonb_build_object('method', 'cosine', 'shrink', 0, 'neighbors', 4, 'prune', p.prune,
			'exponents', '{"source": 0.3, "target": 0.6}'::jsonb)) b
ORDER BY b.recommender;
WITH got AS (
	SELECT b.options->>'prune' AS prune, n.item::int AS owner, n.neighbor::int AS other, n.score,
		row_number() OVER (PARTITION BY b.recommender, n.item ORDER BY n.ordinality) AS place
	FROM promo.recommenders b, LATERAL promo.recommender_neighbors(b.recommender) WITH ORDINALITY n
	WHERE b.recommender LIKE 'by %'
), wanted AS (
	SELECT p.prune, o.owner, o.score,
		row_number() OVER (PARTITION BY p.prune, o.owner ORDER BY o.score DESC) AS place
	FROM pair b JOIN item i ON i.item = b.s JOIN item j ON j.item = b.t,
		unnest(ARRAY['target', 'source']) p(prune),
		LATERAL (SELECT CASE WHEN p.prune = 'target' THEN b.t ELSE b.s END AS owner,
			b.n / (i.support ^ 0.3 * j.support ^ 0.6)::float8 AS score) o
)
SELECT g.prune, count(*) AS listed, count(*) FILTER (WHERE abs(w.score - g.score) < 1e-6) AS scores
FROM got g JOIN wanted w USING (prune, owner, place)
GROUP BY g.prune ORDER BY g.prune;

-- Items of few customers have no neighbors, and are none.
SELECT promo.build_recommender('some', 'SELECT customer, item FROM method.had', '{"min_support": 20}') IS NOT NULL AS built;
SELECT bool_and(i.support >= 20 AND j.support >= 20) AS supported,
	count(DISTINCT i.item) = (SELECT count(*) FROM item WHERE support >= 20) AS all_of_them
FROM promo.recommender_neighbors('some') n
JOIN item i ON i.item = n.item::int JOIN item j ON j.item = n.neighbor::int;

-- Weights are what the product of two items is made of; without half-life
-- those of several rows add up.
CREATE TABLE weighed AS
SELECT customer, item, 1 + (customer + item) % 3 AS weight FROM had
UNION ALL
SELECT customer, item, 0.5 FROM had WHERE item < 5;
SELECT promo.build_recommender('weighed', 'SELECT customer, item, weight FROM method.weighed',
	'{"method": "cosine", "shrink": 0}') IS NOT NULL AS built;
WITH x AS (
	SELECT customer, item, sum(weight)::float8 AS x FROM weighed GROUP BY customer, item
), norm AS (
	SELECT item, sum(x * x) AS norm FROM x GROUP BY item
), wanted AS (
	SELECT a.item AS s, b.item AS t, sum(a.x * b.x) / sqrt(min(n.norm) * min(m.norm)) AS score
	FROM x a JOIN x b ON a.customer = b.customer AND a.item <> b.item
	JOIN norm n ON n.item = a.item JOIN norm m ON m.item = b.item
	GROUP BY a.item, b.item
)
SELECT count(*) = (SELECT count(*) FROM wanted) AS all_of_them, max(abs(w.score - n.score)) < 1e-6 AS exact
FROM promo.recommender_neighbors('weighed') n
JOIN wanted w ON w.s = n.item::int AND w.t = n.neighbor::int;

-- With a half-life of ten days, what is ten days older than the newest row
-- counts for half.
CREATE TABLE dated AS
SELECT customer, item, timestamptz '2026-03-01 00:00+00' + item * interval '1 day' AS at FROM had;
SELECT promo.build_recommender('dated', 'SELECT customer, item, at FROM method.dated',
	'{"method": "user_cosine", "shrink": 0, "half_life": "10 days"}') IS NOT NULL AS built;
WITH x AS (
	SELECT customer, item, (2 ^ (extract(epoch FROM at - max(at) OVER ()) / 864000))::float8 AS x FROM dated
), norm AS (
	SELECT item, sum(x * x) AS norm FROM x GROUP BY item
), own AS (
	SELECT customer, sum(x * x) AS own FROM x GROUP BY customer
), wanted AS (
	SELECT a.item AS s, b.item AS t, sum(a.x * b.x / o.own) / sqrt(min(n.norm) * min(m.norm)) AS score
	FROM x a JOIN x b ON a.customer = b.customer AND a.item <> b.item
	JOIN own o ON o.customer = a.customer
	JOIN norm n ON n.item = a.item JOIN norm m ON m.item = b.item
	GROUP BY a.item, b.item
)
SELECT count(*) = (SELECT count(*) FROM wanted) AS all_of_them, max(abs(w.score - n.score)) < 1e-6 AS exact
FROM promo.recommender_neighbors('dated') n
JOIN wanted w ON w.s = n.item::int AND w.t = n.neighbor::int;

-- Customers with many items count with the latest so many.
SELECT promo.build_recommender('capped', 'SELECT customer, item, at FROM method.dated',
	'{"method": "cosine", "shrink": 0, "user_cap": 5}') IS NOT NULL AS built;
WITH kept AS (
	SELECT customer, item FROM (
		SELECT customer, item, row_number() OVER (PARTITION BY customer ORDER BY at DESC) AS place FROM dated) d
	WHERE place <= 5
), support AS (
	SELECT item, count(*) AS support FROM kept GROUP BY item
), wanted AS (
	SELECT a.item AS s, b.item AS t, count(*) / sqrt(min(n.support) * min(m.support)) AS score
	FROM kept a JOIN kept b ON a.customer = b.customer AND a.item <> b.item
	JOIN support n ON n.item = a.item JOIN support m ON m.item = b.item
	GROUP BY a.item, b.item
)
SELECT count(*) = (SELECT count(*) FROM wanted) AS all_of_them, max(abs(w.score - n.score)) < 1e-6 AS exact
FROM promo.recommender_neighbors('capped') n
JOIN wanted w ON w.s = n.item::int AND w.t = n.neighbor::int;

-- A second event: for each item bought, the views that go with it more often
-- than chance, chosen by the log-likelihood ratio and weighed by the cosine
CREATE TABLE viewed AS
SELECT DISTINCT customer, (item * 7 + customer % 3) % 25 AS item FROM had WHERE customer % 5 > 0;
SELECT promo.build_recommender('viewed', 'SELECT customer, item FROM method.had',
	'{"method": "cosine", "shrink": 1, "event_query": "SELECT customer, item FROM method.viewed"}') IS NOT NULL AS built;
WITH views AS (
	SELECT item, count(*) AS n FROM viewed GROUP BY item
), together AS (
	SELECT v.item AS s, h.item AS t, count(*) AS n FROM viewed v JOIN had h USING (customer) GROUP BY v.item, h.item
), wanted AS (
	SELECT b.s, b.t, b.n / (sqrt(v.n * i.support) + 1) AS score
	FROM together b JOIN views v ON v.item = b.s JOIN item i ON i.item = b.t
	WHERE b.n * (SELECT count(*) FROM customer) > v.n * i.support
)
SELECT count(*) = (SELECT count(*) FROM wanted) AS all_of_them, max(abs(w.score - n.score)) < 1e-6 AS exact,
	count(*) FILTER (WHERE w.s = w.t) > 0 AS of_themselves
FROM promo.recommender_neighbors('viewed', true) n
JOIN wanted w ON w.s = n.item::int AND w.t = n.neighbor::int;

SELECT count(*) AS dropped, count(promo.drop_recommender(recommender)::text) AS empty FROM promo.recommenders;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA method CASCADE;
