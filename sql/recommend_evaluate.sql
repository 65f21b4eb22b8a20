-- How well recommenders meet what customers then had, by measures that plain
-- SQL gives as well.
CREATE SCHEMA shop;
SET search_path = shop;
SET extra_float_digits = 0;
CREATE TABLE purchase AS
SELECT 'c' || c AS customer, 'i' || (floor(60 * u * u)::int + 11 * (c % 4)) % 70 AS item,
	timestamptz '2026-01-01 00:00+00' + ((c * 7919 + n * 104729) % 2000) * interval '1 hour' AS at,
	(c + n) % 3 + 0.5 AS weight, 'kind ' || (floor(60 * u * u)::int + 11 * (c % 4)) % 70 % 3 AS category
FROM generate_series(1, 120) c, generate_series(1, 14) n,
	LATERAL (SELECT (hashint4(c * 100 + n)::bigint & 65535) / 65536.0 AS u) h;

SELECT metric, round(value::numeric, 4) AS value, round(standard_error::numeric, 4) AS standard_error, customers
FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase');

-- By hand: what is learned from and what is held out as tables, a recommender
-- of the first, and the definitions
CREATE TABLE learned (LIKE purchase);
CREATE TABLE held_out (LIKE purchase);
CREATE FUNCTION by_sql(query text, build jsonb, wishes jsonb, k int)
RETURNS TABLE (metric text, value float8, standard_error float8, customers bigint)
LANGUAGE plpgsql AS $$
DECLARE
	n_items bigint := (promo.build_recommender('by sql', query, build)).items;
	is_new_only boolean := coalesce((wishes->>'exclude_bought')::boolean, true) AND NOT coalesce((wishes->>'buy_again')::boolean, false);
BEGIN
	RETURN QUERY
	WITH list AS (SELECT l.customer, l.item, l.rank FROM promo.recommend_all('by sql', k, wishes) l),
	taken AS (
		SELECT DISTINCT h.customer, h.item FROM held_out h
		WHERE h.customer IN (SELECT l.customer FROM learned l)
			AND (NOT is_new_only OR (h.customer, h.item) NOT IN (SELECT l.customer, l.item FROM learned l))
			AND (wishes->>'category' IS NULL OR h.category = wishes->>'category')
			AND (wishes->'filter' IS NULL OR wishes->'filter' ? h.item)),
	support AS (SELECT l.item, count(DISTINCT l.customer) AS n FROM learned l GROUP BY l.item),
	who AS (SELECT t.customer, count(*) AS n_taken FROM taken t GROUP BY t.customer),
	hit AS (SELECT l.customer, l.rank, t.item IS NOT NULL AS is_hit, coalesce(s.n, 0) AS popularity,
			count(t.item) OVER (PARTITION BY l.customer ORDER BY l.rank) AS up_to
		FROM list l LEFT JOIN taken t USING (customer, item) LEFT JOIN support s ON s.item = l.item),
	each AS (
		SELECT w.customer, count(*) FILTER (WHERE is_hit)::float8 / k AS precision,
			count(*) FILTER (WHERE is_hit)::float8 / n_taken AS recall,
			coalesce(sum(1 / log(2, rank + 1)) FILTER (WHERE is_hit), 0)::float8 /
				(SELECT sum(1 / log(2, r + 1)) FROM generate_series(1, least(n_taken, k)) r)::float8 AS ndcg,
			coalesce(sum(up_to / rank::float8) FILTER (WHERE is_hit), 0) / least(n_taken, k) AS map,
			coalesce(1 / min(rank) FILTER (WHERE is_hit)::float8, 0) AS mrr,
			(count(*) FILTER (WHERE is_hit) > 0)::int::float8 AS hit_rate,
			avg(h.popularity)::float8 AS popularity
		FROM who w LEFT JOIN hit h USING (customer) GROUP BY w.customer, n_taken),
	listed AS (SELECT coalesce(count(*) FILTER (WHERE w.customer IS NOT NULL), 0) AS n
		FROM support s LEFT JOIN list l ON l.item = s.item LEFT JOIN who w ON w.customer = l.customer
		GROUP BY s.item),
	place AS (SELECT l.n, row_number() OVER (ORDER BY l.n) AS i FROM listed l)
	SELECT m.metric, avg(m.v), stddev(m.v) / sqrt(count(m.v)), count(m.v)
	FROM each, LATERAL (VALUES ('precision', precision), ('recall', recall), ('ndcg', ndcg), ('map', map),
		('mrr', mrr), ('hit_rate', hit_rate), ('popularity', popularity)) m(metric, v)
	GROUP BY m.metric
	UNION ALL
	SELECT 'coverage', count(*) FILTER (WHERE n > 0)::float8 / n_items, NULL, (SELECT count(*) FROM who) FROM place
	UNION ALL
	SELECT 'gini', (sum((2 * i - n_items - 1) * n) / (n_items * sum(n)))::float8, NULL, (SELECT count(*) FROM who) FROM place;
END $$;
CREATE FUNCTION differ(query text, build jsonb, wishes jsonb, split jsonb, k int DEFAULT 5)
RETURNS TABLE (metrics bigint, wrong text) LANGUAGE sql AS $$
SELECT count(*), string_agg(format('%s: %s %s, by SQL %s %s', metric, e.value, e.standard_error, s.value, s.standard_error), '; ')
	FILTER (WHERE e.value IS NULL OR s.value IS NULL OR abs(e.value - s.value) > 1e-9 OR e.customers <> s.customers
		OR abs(e.standard_error - coalesce(s.standard_error, e.standard_error)) > 1e-9)
FROM promo.evaluate_recommender(replace(query, 'learned', 'purchase'), build || wishes, split, k) e
FULL JOIN by_sql(query, build, wishes, k) s USING (metric) $$;

-- The last quarter of the rows in time
INSERT INTO held_out SELECT * FROM purchase WHERE at >= (SELECT at FROM purchase ORDER BY at DESC OFFSET 419 LIMIT 1);
INSERT INTO learned SELECT * FROM purchase WHERE at < (SELECT min(at) FROM held_out);
SELECT (SELECT count(*) FROM learned) AS learned, (SELECT count(*) FROM held_out) AS held_out;
SELECT build, wishes, d.*
FROM (VALUES ('{}', '{}'), ('{"method": "cosine", "shrink": 0, "prune": "source", "neighbors": 7}', '{"fallback": "none"}'),
	('{"method": "tfidf"}', '{"exclude_bought": false}'), ('{"method": "bm25"}', '{"buy_again": true}'),
	('{"method": "local_ridge", "neighbors": 10}', '{"buy_again": true, "exclude_bought": false}'),
	('{"method": "llr", "min_support": 20}', '{"category": "kind 1"}'),
	('{"method": "user_knn", "neighbors": 20}', '{"filter": ["i3", "i5", "i8", "i13", "i21", "i34", "i55", "i69", "no such"]}'),
	('{"method": "jaccard", "half_life": "20 days", "recent": "7 days"}', '{"fallback": "trending", "boost": {"i3": 4, "i5": 0}}')
	) o(build, wishes),
	differ('SELECT customer, item, at, category FROM learned', build::jsonb, wishes::jsonb, '{"by": "time", "share": 0.25}') d;
SELECT d.* FROM differ('SELECT customer, item, at, weight FROM learned', '{"user_cap": 6}', '{}', '{"share": 0.25}', 12) d;

-- A second event is learned from up to the same time; content is of the items
CREATE TABLE look AS
SELECT customer, 'i' || (substr(item, 2)::int + 1) % 75 AS item, at + interval '5 days' AS at FROM purchase;
CREATE TABLE article AS
SELECT 'i' || i AS item, (ARRAY['red', 'green', 'blue'])[i % 3 + 1] || ' ' || (ARRAY['cup', 'lamp'])[i % 2 + 1] AS words
FROM generate_series(0, 69) i;
SELECT string_agg(format('%s %s, by SQL %s', metric, e.value, s.value), '; ') FILTER (WHERE abs(e.value - s.value) > 1e-9) AS wrong,
	count(s.value) AS equal
FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase',
	'{"event_query": "SELECT customer, item, at FROM look", "content_query": "SELECT * FROM article", "content_weight": 0.3}', '{"share": 0.25}', 5) e
JOIN by_sql('SELECT customer, item, at FROM learned',
	'{"event_query": "SELECT customer, item FROM look WHERE at < (SELECT min(at) FROM held_out)", "content_query": "SELECT * FROM article", "content_weight": 0.3}', '{}', 5) s USING (metric)
WHERE metric NOT IN ('coverage', 'gini');

-- The last two items of each customer who has more
TRUNCATE learned, held_out;
INSERT INTO held_out SELECT p.* FROM purchase p JOIN (
		SELECT customer, item, row_number() OVER (PARTITION BY customer ORDER BY min(at) DESC, item COLLATE "C" DESC) AS n,
			count(*) OVER (PARTITION BY customer) AS items
		FROM purchase GROUP BY customer, item) l USING (customer, item)
	WHERE n <= 2 AND items > 2;
INSERT INTO learned SELECT * FROM purchase EXCEPT ALL SELECT * FROM held_out;
SELECT (SELECT count(DISTINCT (customer, item)) FROM held_out) AS pairs_held_out;
SELECT d.* FROM differ('SELECT customer, item, at FROM learned', '{"method": "user_cosine"}', '{}', '{"by": "last", "last": 2}') d;

-- At random: a share of the pairs, which the seed decides, and not the order
CREATE TABLE figures AS
SELECT how, v.* FROM (VALUES ('as they are', 'SELECT customer, item FROM purchase', 0), ('shuffled', 'SELECT customer, item FROM purchase ORDER BY md5(item || at)', 0),
	('seed', 'SELECT customer, item FROM purchase', 1)) h(how, query, seed),
	promo.evaluate_recommender(query, '{"workers": 0}', jsonb_build_object('by', 'random', 'seed', seed)) v;
INSERT INTO figures SELECT 'workers', v.* FROM promo.evaluate_recommender('SELECT customer, item FROM purchase', '{"workers": 2}', '{"by": "random"}') v;
SELECT o.how, bool_and(o.value = f.value AND o.standard_error = f.standard_error) AS same FROM figures f JOIN figures o USING (metric)
WHERE f.how = 'as they are' AND o.how <> f.how GROUP BY o.how ORDER BY o.how;
SELECT bool_and(standard_error > 0) AS errors, count(*) AS metrics FROM figures WHERE how = 'as they are';

-- New customers get what is popular, if they are to be judged by
SELECT e.metric, e.customers < n.customers AS more, round(n.value::numeric, 4) AS value
FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase WHERE customer < ''c5'' OR at > ''2026-02-20''', '{}', '{"share": 0.5}') e
JOIN promo.evaluate_recommender('SELECT customer, item, at FROM purchase WHERE customer < ''c5'' OR at > ''2026-02-20''', '{}', '{"share": 0.5, "new_customers": true}') n USING (metric)
WHERE metric = 'recall';

-- All that is wrong with the options at once, and with the rows
SELECT * FROM promo.evaluate_recommender('SELECT customer, item FROM purchase', '{"method": "best", "buy_agian": true, "history": ["i1"], "filter": 3}',
	'{"by": "moon", "share": 2, "last": 1, "seed": 1}');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item FROM purchase', '[]', '3');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item FROM purchase');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item FROM purchase', '{"fallback": "trending"}', '{"by": "random"}');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase', '{"event_query": "SELECT customer, item FROM look"}');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item FROM purchase', '{"half_life": "1 day"}', '{"by": "random"}');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item, weight FROM purchase', '{"method": "llr"}', '{"by": "random"}');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase', k => 0);
SELECT * FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase', NULL);
SELECT * FROM promo.evaluate_recommender('');
SELECT * FROM promo.evaluate_recommender('DELETE FROM purchase');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase WHERE false');
SELECT * FROM promo.evaluate_recommender($$VALUES ('a', 'x'), ('b', 'y')$$, '{}', '{"by": "random"}');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item, now() AS at FROM purchase');
SET promo.build_memory = '200kB';
SELECT * FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase');
RESET promo.build_memory;

-- Which options are best: what evaluate_recommender() says of each on what the
-- test part leaves, best first; the chosen one by the test part
CREATE TABLE tuned AS SELECT * FROM promo.tune_recommender('SELECT customer, item, at FROM purchase',
	'[{"method": ["user_cosine", "jaccard"], "neighbors": [5, 20]}, {"method": "local_ridge", "lambda": 10}]', '{"share": 0.25}', options => '{"fallback": "none"}');
SELECT rank, options, metric, round(mean::numeric, 4) AS mean, round(standard_error::numeric, 4) AS standard_error, neighbors, is_best, is_chosen,
	round(test_mean::numeric, 4) AS test_mean, round(test_standard_error::numeric, 4) AS test_standard_error
FROM tuned ORDER BY rank;
SELECT count(*) AS candidates, bool_and(t.mean = e.value AND t.standard_error = e.standard_error) AS same
FROM tuned t, promo.evaluate_recommender('SELECT customer, item, at FROM purchase WHERE at < (SELECT at FROM purchase ORDER BY at DESC OFFSET 419 LIMIT 1)',
	t.options, '{"share": 0.25}') e
WHERE e.metric = t.metric;
SELECT t.test_mean = e.value AND t.test_standard_error = e.standard_error AS same
FROM tuned t, promo.evaluate_recommender('SELECT customer, item, at FROM purchase', t.options, '{"share": 0.25}') e
WHERE t.is_chosen AND e.metric = t.metric;
SELECT promo.build_recommender('chosen', 'SELECT customer, item, at FROM purchase', t.options - 'fallback') IS NOT NULL AS ready FROM tuned t WHERE is_chosen;
SELECT count(*) AS tried, count(*) FILTER (WHERE is_chosen) AS chosen FROM promo.tune_recommender('SELECT customer, item FROM purchase',
	'{"random": 3, "seed": 4, "space": {"neighbors": {"from": 3, "to": 50}, "exponents": [{"source": 0.6, "target": 0.4}]}}', '{"by": "random"}', 10, 'ndcg');
CREATE TABLE with_others AS SELECT * FROM promo.tune_recommender('SELECT customer, item, at FROM purchase',
	'[{"event_query": "SELECT customer, item, at FROM look", "event_weight": [0.5, 2]}, {"event_query": "SELECT customer, item, at FROM look", "method": "user_knn"},
	  {"content_query": "SELECT * FROM article", "method": ["content", "cosine"]}, {"method": "bm25"}]', '{"share": 0.25}');
SELECT count(*) AS candidates, bool_and(t.mean = e.value AND t.standard_error = e.standard_error) AS same
FROM with_others t, promo.evaluate_recommender('SELECT customer, item, at FROM purchase WHERE at < (SELECT at FROM purchase ORDER BY at DESC OFFSET 419 LIMIT 1)',
	t.options, '{"share": 0.25}') e
WHERE e.metric = t.metric;
SELECT * FROM promo.tune_recommender('SELECT customer, item FROM purchase', '{"exclude_bought": [true, false], "neighbors": 0}', '{"by": "random"}');
SELECT * FROM promo.tune_recommender('SELECT customer, item FROM purchase', '{"buy_again": [true, false]}', '{"by": "random"}');
SELECT * FROM promo.tune_recommender('SELECT customer, item FROM purchase', '{}', '{"by": "random"}', 10, 'gini');
SELECT * FROM promo.tune_recommender('SELECT customer, item FROM purchase', '[]', '{"by": "moon"}', options => '3');

-- The queries run as the caller, under the caller's path; nothing is kept
CREATE ROLE analyst;
GRANT EXECUTE ON FUNCTION promo.evaluate_recommender(text, jsonb, jsonb, int) TO analyst;
GRANT USAGE ON SCHEMA shop TO analyst;
SET ROLE analyst;
SELECT * FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase');
SELECT * FROM promo.tune_recommender('SELECT customer, item, at FROM purchase', '{}');
RESET ROLE;
GRANT SELECT ON purchase TO analyst;
SET ROLE analyst;
SELECT count(*) FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase');
SELECT * FROM promo.evaluate_recommender('SELECT customer, item, at FROM purchase', '{"event_query": "SELECT customer, item, at FROM look"}');
RESET ROLE;
SELECT recommender FROM promo.recommenders ORDER BY recommender;
SELECT promo.drop_recommender('by sql'), promo.drop_recommender('chosen');
DROP OWNED BY analyst;
DROP ROLE analyst;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
