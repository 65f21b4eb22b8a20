\echo
\echo '=== 7. What to show to whom ==='
\echo
-- A product is called what its lines call it most often.
CREATE TABLE product AS
SELECT stock_code AS item, initcap(mode() WITHIN GROUP (ORDER BY trim(description))) AS product
FROM raw_line WHERE description IS NOT NULL GROUP BY stock_code;

CREATE TABLE basket AS
SELECT e.customer, r.stock_code AS item, e.at
FROM event e JOIN raw_line r ON r.line_id = e.event_id::bigint WHERE e.kind = 'order';
ANALYZE basket;

\echo 'A recommender is built from a query, by what customers bought together:'
\echo
SELECT recommender, method, rows, customers, items, pairs, neighbors, pg_size_pretty(bytes) AS size
FROM promo.build_recommender('shop', 'SELECT customer, item, at FROM basket');

\echo 'Similar to the three products that most customers have, for the product page:'
\echo
SELECT p.product, string_agg(o.product, ', ' ORDER BY s.rank) AS similar
FROM (SELECT item, count(DISTINCT customer) AS customers FROM basket GROUP BY item ORDER BY customers DESC, item LIMIT 3) b
JOIN product p USING (item), LATERAL promo.similar_items('shop', b.item, 3) s JOIN product o ON o.item = s.item
GROUP BY b.customers, p.product ORDER BY b.customers DESC;

\echo 'For three customers of the last month who have about ten products: what they do not have yet, and which of theirs says'
\echo 'so.'
\echo
SELECT c.customer, r.rank, p.product, round(r.score::numeric, 3) AS score, b.product AS because_of
FROM (SELECT customer FROM basket GROUP BY customer HAVING max(at) > (SELECT max(at) FROM basket) - interval '30 days'
		ORDER BY abs(count(DISTINCT item) - 10), max(at) DESC, customer LIMIT 3) c,
	LATERAL promo.recommend('shop', c.customer, 3) r
JOIN product p ON p.item = r.item LEFT JOIN product b ON b.item = r.because
ORDER BY c.customer, r.rank;

\echo 'Buy again, what was bought most often first; for the customer with the most orders:'
\echo
SELECT r.rank, p.product, r.score AS times
FROM (SELECT customer FROM event WHERE kind = 'order' GROUP BY customer ORDER BY count(DISTINCT order_id) DESC, customer LIMIT 1) c,
	LATERAL promo.recommend('shop', c.customer, 5, '{"buy_again": true}') r JOIN product p USING (item)
ORDER BY r.rank;

\echo 'Is it any good?  Each method learns from the first four fifths of the last year''s lines, and shows 20 products that the'
\echo 'customer has never had; recall is the share of what he then took up that was among them, coverage the share of the'
\echo 'products that anybody is shown.  In the last two rows what he had before may be shown and counts: his own history'
\echo 'alone, and with what the model says behind it.'
\echo
SELECT o.method, max(e.customers) AS customers,
	round(max(e.value) FILTER (WHERE e.metric = 'recall')::numeric, 4) AS recall,
	round(max(e.standard_error) FILTER (WHERE e.metric = 'recall')::numeric, 4) AS standard_error,
	round(max(e.value) FILTER (WHERE e.metric = 'ndcg')::numeric, 4) AS ndcg,
	round(max(e.value) FILTER (WHERE e.metric = 'hit_rate')::numeric, 3) AS hit_rate,
	round(max(e.value) FILTER (WHERE e.metric = 'coverage')::numeric, 3) AS coverage
FROM (VALUES (1, 'what is popular', '{"min_support": 1000000}'),
		(2, 'cosine, 50 a source', '{"method": "cosine", "prune": "source", "neighbors": 50, "shrink": 0}'),
		(3, 'user_cosine', '{}'),
		(4, 'local_ridge', '{"method": "local_ridge"}'),
		(5, 'own history', '{"buy_again": true, "min_support": 1000000, "fallback": "none"}'),
		(6, 'own, then user_cosine', '{"buy_again": true}')) o(n, method, options),
	promo.evaluate_recommender('SELECT customer, item, at FROM basket WHERE at > (SELECT max(at) FROM basket) - interval ''1 year''',
		o.options::jsonb, '{"by": "time", "share": 0.2}', 20) e
GROUP BY o.n, o.method ORDER BY o.n;
