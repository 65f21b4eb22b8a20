-- What to show a customer, by the recommenders that build_recommender() made.

SET extra_float_digits = 0;

CREATE TABLE bought AS
SELECT 'c' || i % 40 AS customer, 'item ' || (i * i * 7 + i % 13) % 37 AS item,
	timestamptz '2026-01-01 UTC' + (i * 37 % 97) * interval '1 day' AS at,
	'kind ' || ((i * i * 7 + i % 13) % 37) % 3 AS category
FROM generate_series(1, 600) i;
SELECT items, customers FROM promo.build_recommender('shop', 'SELECT customer, item, at, category FROM bought');

-- A score is the sum of what the customer's items say for the item: by SQL,
-- from the lists of the whole recommender
CREATE TEMP VIEW by_sql AS
SELECT b.customer, n.item, sum(n.score) AS score
FROM promo.recommender_neighbors('shop') n
JOIN (SELECT DISTINCT customer, item FROM bought) b ON b.item = n.neighbor
WHERE NOT EXISTS (SELECT FROM bought o WHERE o.customer = b.customer AND o.item = n.item)
GROUP BY b.customer, n.item;
SELECT count(*) > 500 AS many, count(*) FILTER (WHERE r.item IS NULL OR s.item IS NULL) AS missing,
	bool_and(abs(r.score - s.score) < 1e-6 * s.score) AS equal
FROM promo.recommend_all('shop', 100, '{"fallback": "none"}') r FULL JOIN by_sql s USING (customer, item);

-- One customer gets what all customers at once get, with the item that said most
SELECT count(*) > 500 AS many, bool_and(a.item = r.item AND a.score = r.score) AS equal,
	count(*) FILTER (WHERE a.item IS NULL OR r.item IS NULL) AS missing,
	bool_and(r.because IN (SELECT item FROM bought b WHERE b.customer = c.customer)) AS with_reasons
FROM (SELECT DISTINCT customer FROM bought) c
CROSS JOIN LATERAL promo.recommend('shop', c.customer, 100, '{"fallback": "none"}') r
FULL JOIN promo.recommend_all('shop', 100, '{"fallback": "none"}') a ON a.customer = c.customer AND a.rank = r.rank;
SELECT count(*) FILTER (WHERE n.score < m.most) AS wrong_reasons
FROM promo.recommend('shop', 'c7', 10) r
JOIN promo.recommender_neighbors('shop') n ON n.item = r.item AND n.neighbor = r.because,
LATERAL (SELECT max(o.score) AS most FROM promo.recommender_neighbors('shop') o
	WHERE o.item = r.item AND o.neighbor IN (SELECT item FROM bought WHERE customer = 'c7')) m;

-- What was bought since the build is told with the call, and is gone from the answer
SELECT r.item AS first_item FROM promo.recommend('shop', 'c7', 1) r \gset
SELECT count(*) AS still_there
FROM promo.recommend('shop', 'c7', 30, (SELECT jsonb_build_object('history', jsonb_agg(item) || to_jsonb(:'first_item'::text))
	FROM bought WHERE customer = 'c7')) r
WHERE r.item = :'first_item';
INSERT INTO bought SELECT 'c7', :'first_item', timestamptz '2026-04-05 UTC', category FROM bought WHERE item = :'first_item' LIMIT 1;
SELECT version FROM promo.refresh_recommender('shop');
SELECT count(*) AS after_refresh FROM promo.recommend('shop', 'c7', 30) r WHERE r.item = :'first_item';

-- A basket of somebody unknown is the same as a history
SELECT count(*) > 5 AS some, bool_and(b = r) AS equal
FROM promo.recommend_basket('shop', ARRAY['item 1', 'item 2'], 20) WITH ORDINALITY b(rank, item, score, because, n)
JOIN promo.recommend('shop', 'nobody', 20, '{"history": ["item 2", "item 1", "not for sale"]}') WITH ORDINALITY r(rank, item, score, because, n)
	USING (n);

-- Similar items are the lists themselves
SELECT bool_and(s.score = n.score) AS equal, count(*) AS n
FROM promo.similar_items('shop', 'item 1', 5) s
JOIN promo.recommender_neighbors('shop') n ON n.item = 'item 1' AND n.neighbor = s.item;
SELECT count(*) AS of_unknown FROM promo.similar_items('shop', 'not for sale');

-- Only what is allowed, only a category, boosted
SELECT array_agg(r.item ORDER BY r.item) FROM promo.recommend('shop', 'nobody', 10,
	'{"history": ["item 1"], "filter": ["item 2", "item 3", "item 1", "not for sale"]}') r;
SELECT count(DISTINCT b.category), min(b.category) FROM promo.recommend('shop', 'c3', 10, '{"category": "kind 1"}') r
JOIN bought b USING (item);
SELECT count(*) AS of_no_category FROM promo.recommend('shop', 'c3', 10, '{"category": "kind 9"}');
SELECT o.item AS tenth FROM promo.recommend('shop', 'c3', 10) o WHERE o.rank = 10 \gset
SELECT b.rank, abs(b.score / o.score - 100) < 1e-4 AS times_hundred
FROM promo.recommend('shop', 'c3', 10, jsonb_build_object('boost', jsonb_build_object(:'tenth', 100))) b
JOIN promo.recommend('shop', 'c3', 10) o USING (item) WHERE o.rank = 10;

-- Buy again: what was bought most, of that the latest, first
SELECT bool_and(r.item = o.item) AS equal, count(*) AS n
FROM promo.recommend('shop', 'c5', 100, '{"buy_again": true, "fallback": "none"}') r
JOIN (SELECT item, row_number() OVER (ORDER BY count(*) DESC, max(at) DESC) AS rank FROM bought
	WHERE customer = 'c5' GROUP BY item) o USING (rank);

-- Lists that are pruned for each source speak, and give reasons, alike
SELECT method FROM promo.build_recommender('by source', 'SELECT customer, item FROM bought', '{"prune": "source", "neighbors": 6}');
WITH part AS (
	SELECT b.customer, n.neighbor AS item, n.item AS because, n.score
	FROM promo.recommender_neighbors('by source') n JOIN (SELECT DISTINCT customer, item FROM bought) b USING (item)
	WHERE NOT EXISTS (SELECT FROM bought o WHERE o.customer = b.customer AND o.item = n.neighbor)
), wanted AS (
	SELECT customer, item, sum(score) AS score, max(score) AS most FROM part GROUP BY customer, item
), got AS (
	SELECT c.customer, r.* FROM (SELECT DISTINCT customer FROM bought) c,
		LATERAL promo.recommend('by source', c.customer, 100, '{"fallback": "none"}') r
)
SELECT count(*) > 300 AS many, count(*) FILTER (WHERE g.item IS NULL OR w.item IS NULL) AS missing,
	bool_and(abs(g.score - w.score) < 1e-6 * w.score) AS equal, bool_and(p.score = w.most) AS right_reasons
FROM got g FULL JOIN wanted w USING (customer, item)
LEFT JOIN part p ON p.customer = g.customer AND p.item = g.item AND p.because = g.because;
SELECT promo.drop_recommender('by source');

-- Whoever is unknown gets what is popular, in all or of late, or nothing
SELECT bool_and(r.score = s.customers) AS equal, bool_and(r.because IS NULL) AS without_reason, count(*) AS n
FROM promo.recommend('shop', 'nobody', 10) r
JOIN (SELECT item, count(DISTINCT customer) AS customers FROM bought GROUP BY item) s USING (item);
SELECT bool_and(r.score = s.customers) AS equal, count(*) AS trending
FROM promo.recommend('shop', 'nobody', 10, '{"fallback": "trending"}') r
JOIN (SELECT item, count(*) AS customers FROM (SELECT customer, item, max(at) AS at FROM bought GROUP BY customer, item) l
	WHERE at >= (SELECT max(at) FROM bought) - interval '30 days' GROUP BY item) s USING (item);
SELECT count(*) AS nothing FROM promo.recommend('shop', 'nobody', 3, '{"fallback": "none"}');
-- of the category, and by the shop's own boosts, which may also hide an item
SELECT bool_and(r.score = s.customers * coalesce((b.boost->>r.item)::float8, 1)) AS equal, count(*) AS n,
	min(category) = 'kind 2' AND max(category) = 'kind 2' AS of_category, bool_or(r.item = 'item 5') AS has_hidden,
	min(r.rank) FILTER (WHERE r.item = 'item 8') AS rank_of_boosted
FROM (SELECT '{"item 8": 3, "item 5": 0, "item 11": 0.5, "not for sale": 7}'::jsonb AS boost) b,
	LATERAL promo.recommend('shop', 'nobody', 20, jsonb_build_object('category', 'kind 2', 'boost', b.boost)) r
JOIN (SELECT item, count(DISTINCT customer) AS customers, min(category) AS category FROM bought GROUP BY item) s USING (item);
SELECT bool_and(r.score = s.customers * CASE r.item WHEN 'item 8' THEN 0.25 ELSE 1 END) AS equal, count(*) AS trending,
	bool_and(r.score >= next) AS in_order
FROM (SELECT *, coalesce(lead(score) OVER (ORDER BY rank), 0) AS next
	FROM promo.recommend('shop', 'nobody', 10, '{"fallback": "trending", "boost": {"item 8": 0.25}}')) r
JOIN (SELECT item, count(*) AS customers FROM (SELECT customer, item, max(at) AS at FROM bought GROUP BY customer, item) l
	WHERE at >= (SELECT max(at) FROM bought) - interval '30 days' GROUP BY item) s USING (item);

-- Customers of a build that was rolled back are stepped over
CREATE TABLE tried AS
SELECT 'new ' || c AS customer, 'item ' || (c * n * 7 + n * n) % 1700 AS item FROM generate_series(1, 120) c, generate_series(1, 140) n;
BEGIN;
SELECT customers FROM promo.build_recommender('tried', 'SELECT * FROM tried');
ROLLBACK;
SELECT customers FROM promo.build_recommender('tried', 'SELECT * FROM tried');
SELECT count(DISTINCT customer) AS customers FROM promo.recommend_all('tried', 1000);
SELECT promo.drop_recommender('tried');
DROP TABLE tried;

-- All that is wrong at once
SELECT * FROM promo.recommend('shop', 'c1', 5, '{"fallback": "magic", "boost": {"item 1": -1}, "buy_agian": true, "filter": "item 1"}');
SELECT * FROM promo.recommend_all('shop', 5, '{"history": ["item 1"]}');
SELECT * FROM promo.recommend('shop', 'c1', 0);
SELECT * FROM promo.recommend('nowhere', 'c1');
SELECT * FROM promo.recommend_basket('shop', ARRAY['item 1', NULL]);
SELECT count(*) AS of_nulls FROM promo.recommend('shop', NULL);

-- Who may call it reads no table
CREATE ROLE web_shop;
GRANT EXECUTE ON FUNCTION promo.recommend(text, text, int, jsonb) TO web_shop;
SET ROLE web_shop;
SELECT count(*) FROM promo.recommend('shop', 'c1');
SELECT count(*) FROM promo.similar_items('shop', 'item 1');
SELECT count(*) FROM promo.recommender_piece;
RESET ROLE;
DROP OWNED BY web_shop;
DROP ROLE web_shop;
SELECT promo.drop_recommender('shop');
DROP TABLE bought CASCADE;
