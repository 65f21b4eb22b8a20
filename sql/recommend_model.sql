-- What is learned, what is told of items, and both together: each against its
-- definition in SQL.
CREATE SCHEMA model;
SET search_path = model;

-- What customers had: 150 of them, 24 items, any two of which somebody had both of
CREATE TABLE had AS
SELECT DISTINCT c AS customer, floor(24 * u * sqrt(u))::int AS item
FROM generate_series(1, 150) c, generate_series(1, 18) n,
	LATERAL (SELECT (hashint4(c * 100 + n)::bigint & 65535) / 65536.0 AS u) h;
CREATE TABLE gram AS
SELECT a.item AS i, b.item AS j, count(*)::float8 AS g
FROM had a JOIN had b USING (customer) GROUP BY a.item, b.item;
SELECT count(*) AS pairs, max(g) AS most, min(g) AS least FROM gram;

-- The inverse of a matrix, by Gauss and Jordan
CREATE FUNCTION inverse(m float8[]) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	n int := array_length(m, 1);
	f float8;
BEGIN
	FOR k IN 1 .. n LOOP
		f := m[k][k];
		m[k][k] := 1;
		FOR j IN 1 .. n LOOP
			m[k][j] := m[k][j] / f;
		END LOOP;
		FOR i IN 1 .. n LOOP
			CONTINUE WHEN i = k;
			f := m[i][k];
			m[i][k] := 0;
			FOR j IN 1 .. n LOOP
				m[i][j] := m[i][j] - f * m[k][j];
			END LOOP;
		END LOOP;
	END LOOP;
	RETURN m;
END
$$;

-- With all items as neighbors local_ridge is EASE: with P the inverse of
-- G + lambda I, the weight of j for t is - P[j,t] / P[t,t].
SELECT neighbors FROM promo.build_recommender('all', 'SELECT customer, item FROM model.had',
	'{"method": "local_ridge", "neighbors": 100, "lambda": 20}');
WITH p AS (
	SELECT inverse(array_agg(row ORDER BY i)) AS p
	FROM (SELECT i, array_agg(g + CASE WHEN i = j THEN 20 ELSE 0 END ORDER BY j) AS row FROM gram GROUP BY i) r
), ease AS (
	SELECT j AS item, t AS target, - p[j + 1][t + 1] / p[t + 1][t + 1] AS weight
	FROM p, generate_series(0, 23) j, generate_series(0, 23) t WHERE j <> t
)
SELECT count(*) AS weights, count(n.score) AS listed, max(abs(n.score - e.weight)) < 1e-6 AS exact,
	min(n.score) < -0.01 AS below_0, max(n.score) > 0.1 AS above
FROM ease e LEFT JOIN promo.recommender_neighbors('all') n ON n.item::int = e.target AND n.neighbor::int = e.item;

-- With some, those most like the target by user_cosine, it is the closed form
-- over them: the inverse of G + lambda I over the neighbors, times what they
-- have in common with the target; of weights too.
CREATE TABLE weighed AS SELECT customer, item, 1 + (customer * 7 + item) % 4 / 2.0 AS weight FROM had;
CREATE FUNCTION restricted(name text, candidates text, lambda float8, takes_weights boolean)
RETURNS TABLE (listed bigint, solved bigint, exact boolean) LANGUAGE sql AS $$
WITH x AS (
	SELECT customer, item, CASE WHEN takes_weights THEN weight ELSE 1 END::float8 AS x FROM model.weighed
), g AS MATERIALIZED (
	SELECT a.item AS i, b.item AS j, sum(a.x * b.x) AS g FROM x a JOIN x b USING (customer) GROUP BY a.item, b.item
), near AS MATERIALIZED (
	SELECT item::int AS target, neighbor::int AS item, row_number() OVER (PARTITION BY item ORDER BY neighbor) AS place
	FROM promo.recommender_neighbors(candidates)
), inverted AS (
	SELECT target, model.inverse(array_agg(row ORDER BY place)) AS p FROM (
		SELECT a.target, a.place, array_agg(g + CASE WHEN i = j THEN lambda ELSE 0 END ORDER BY b.place) AS row
		FROM near a JOIN near b USING (target) JOIN g ON g.i = a.item AND g.j = b.item
		GROUP BY a.target, a.place) r
	GROUP BY target
), solved AS (
	SELECT a.target, a.item, sum(p[a.place][b.place] * g.g) AS weight
	FROM inverted v JOIN near a USING (target) JOIN near b USING (target)
	JOIN g ON g.i = b.item AND g.j = target
	GROUP BY a.target, a.item
)
SELECT count(n.score), count(s.weight), max(abs(n.score - s.weight)) < 1e-6
FROM solved s FULL JOIN promo.recommender_neighbors(name) n ON n.item::int = s.target AND n.neighbor::int = s.item
$$;
SELECT b.recommender, b.neighbors
FROM (VALUES ('ridge', 'SELECT customer, item FROM model.had', '{"method": "local_ridge", "neighbors": 7, "lambda": 30}'),
		('near', 'SELECT customer, item FROM model.had', '{"method": "user_cosine", "neighbors": 7, "shrink": 0}'),
		('weighed ridge', 'SELECT customer, item, weight FROM model.weighed', '{"method": "local_ridge", "neighbors": 5, "lambda": 10}'),
		('weighed near', 'SELECT customer, item, weight FROM model.weighed', '{"method": "user_cosine", "neighbors": 5, "shrink": 0}')
	) v(name, query, options), LATERAL promo.build_recommender(v.name, v.query, v.options::jsonb) b ORDER BY b.recommender;
SELECT * FROM restricted('ridge', 'near', 30, false);
SELECT * FROM restricted('weighed ridge', 'weighed near', 10, true);

-- content: words of all texts, tags and attributes are features, each with
-- count * (ln((1 + items) / (1 + items with it)) + 1); likeness is the cosine.
CREATE TABLE article AS
SELECT i AS item,
	(SELECT string_agg((ARRAY['Red', 'blue', 'shirt', 'dress', 'a', 'wool,', 'wool', 'summer', '100', 'men''s'])[1 + (hashint4(i * 31 + k)::bigint & 1023) % 10], ' ')
	 FROM generate_series(1, 5) k) AS title,
	'made of wool' AS more,
	ARRAY[CASE i % 3 WHEN 0 THEN 'sale' END, 'tag ' || i % 5, 'tag ' || i % 2] AS tags,
	CASE WHEN i % 4 > 0 THEN i % 4 END AS size
FROM generate_series(0, 29) i;
CREATE VIEW content AS
WITH feature AS (
	SELECT item, 'word' AS kind, w AS feature
	FROM article, regexp_split_to_table(lower(title || ' ' || more), '[^a-z0-9]+') w WHERE length(w) > 1
	UNION ALL SELECT item, 'tag', t FROM article, unnest(tags) t WHERE t IS NOT NULL
	UNION ALL SELECT item, 'size', size::text FROM article WHERE size IS NOT NULL
), n AS (
	SELECT count(DISTINCT item) AS n FROM feature
), part AS (
	SELECT item, kind, feature, count(*) * (ln((1 + n)::float8 / (1 + count(item) OVER (PARTITION BY kind, feature))) + 1) AS part
	FROM feature, n GROUP BY item, kind, feature, n
), unit AS (
	SELECT item, kind, feature, part / sqrt(sum(part * part) OVER (PARTITION BY item)) AS part FROM part
)
SELECT a.item, b.item AS neighbor, sum(a.part * b.part) AS score
FROM unit a JOIN unit b USING (kind, feature) WHERE a.item <> b.item GROUP BY a.item, b.item;
SELECT items, neighbors FROM promo.build_recommender('content', 'SELECT customer, item FROM model.had',
	'{"method": "content", "neighbors": 100, "content_query": "SELECT * FROM model.article"}');
SELECT count(*) AS pairs, count(n.score) AS listed, max(abs(n.score - c.score)) < 1e-6 AS exact
FROM content c FULL JOIN promo.recommender_neighbors('content') n ON n.item::int = c.item AND n.neighbor::int = c.neighbor;

-- Blended: both on the scale on which the best neighbor of an item is 1 in the
-- mean, then (1 - weight) of the one and weight of the other; so items that
-- nobody had are found by what they are.
SELECT b.recommender, b.items
FROM (VALUES ('cosine', '{"method": "cosine", "neighbors": 100}'),
		('blended', '{"method": "cosine", "neighbors": 100, "content_weight": 0.3, "content_query": "SELECT * FROM model.article"}')
	) v(name, options), LATERAL promo.build_recommender(v.name, 'SELECT customer, item FROM model.had', v.options::jsonb) b ORDER BY b.recommender;
CREATE VIEW blend AS
WITH best AS (
	SELECT (SELECT avg(most) FROM (SELECT max(score)::float8 AS most FROM promo.recommender_neighbors('cosine') GROUP BY item) m) AS cosine,
		(SELECT avg(most) FROM (SELECT max(score)::float8 AS most FROM content GROUP BY item) m) AS content
)
SELECT item, neighbor, coalesce(0.7 * n.score / best.cosine, 0) + coalesce(0.3 * c.score / best.content, 0) AS score
FROM (SELECT item::int, neighbor::int, score FROM promo.recommender_neighbors('cosine')) n
FULL JOIN content c USING (item, neighbor), best;
SELECT count(*) AS pairs, count(n.score) AS listed, max(abs(n.score - b.score)) < 1e-6 AS exact,
	count(*) FILTER (WHERE b.item >= 24) > 100 AS of_items_nobody_had
FROM blend b FULL JOIN promo.recommender_neighbors('blended') n ON n.item::int = b.item AND n.neighbor::int = b.neighbor;

-- What an event says is chosen and, with method llr, weighed by the
-- log-likelihood ratio.
CREATE TABLE viewed AS SELECT DISTINCT customer, (item * 5 + customer % 2) % 20 AS item FROM had WHERE customer % 4 > 0;
SELECT neighbors > 0 AS built FROM promo.build_recommender('events', 'SELECT customer, item FROM model.had',
	'{"method": "llr", "neighbors": 6, "event_query": "SELECT customer, item FROM model.viewed"}');
WITH both_of AS (
	SELECT v.item AS s, h.item AS t, count(*)::float8 AS k11 FROM viewed v JOIN had h USING (customer) GROUP BY v.item, h.item
), cell AS (
	SELECT s, t, k11, v - k11 AS k12, h - k11 AS k21, n - v - h + k11 AS k22, n, v, h
	FROM both_of JOIN (SELECT item AS s, count(*) AS v FROM viewed GROUP BY item) a USING (s)
	JOIN (SELECT item AS t, count(*) AS h FROM had GROUP BY item) b USING (t),
	(SELECT count(DISTINCT customer) AS n FROM had) c
), ratio AS (
	SELECT s, t, 2 * (k11 * ln(k11 * n / (v * h)) +
		CASE WHEN k12 > 0 THEN k12 * ln(k12 * n / (v * (n - h))) ELSE 0 END +
		CASE WHEN k21 > 0 THEN k21 * ln(k21 * n / ((n - v) * h)) ELSE 0 END +
		CASE WHEN k22 > 0 THEN k22 * ln(k22 * n / ((n - v) * (n - h))) ELSE 0 END) AS score
	FROM cell WHERE k11 * n > v::float8 * h
), wanted AS (
	SELECT t, score, row_number() OVER (PARTITION BY t ORDER BY score DESC) AS place FROM ratio
), got AS (
	SELECT neighbor::int AS t, score, row_number() OVER (PARTITION BY neighbor ORDER BY score DESC) AS place
	FROM promo.recommender_neighbors('events', true)
)
SELECT count(*) > 50 AS many, count(*) FILTER (WHERE g.score IS NULL OR w.score IS NULL) AS missing,
	max(abs(g.score - w.score) / w.score) < 1e-6 AS exact
FROM got g FULL JOIN (SELECT * FROM wanted WHERE place <= 6) w USING (t, place);

SELECT count(promo.drop_recommender(recommender)::text) AS dropped FROM promo.recommenders;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA model CASCADE;
