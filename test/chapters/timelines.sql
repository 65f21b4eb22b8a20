\echo
\echo '=== 2. A timeline for every customer ==='
\echo
\echo 'All that a customer did, sorted and packed into one value:'
\echo
CREATE TABLE customer_timeline AS
SELECT customer, promo.timeline(e) AS timeline
FROM (SELECT customer, at, amount, kind, items, category, order_id, event_id FROM event) e
GROUP BY customer;
ALTER TABLE customer_timeline ADD PRIMARY KEY (customer);
ANALYZE customer_timeline;

SELECT count(*) AS customers, (SELECT count(*) FROM event) AS events,
	pg_size_pretty(pg_table_size('event')) AS event_table,
	pg_size_pretty(pg_table_size('customer_timeline')) AS timeline_table
FROM customer_timeline;

-- The next weeks are the test; the weeks before them, the lesson.
SELECT date_trunc('day', max(at) - interval '90 days') AS test_date,
	date_trunc('day', max(at) - interval '180 days') AS train_date
FROM event \gset

\echo 'From it, what the customer looked like at any moment; three customers as of' :test_date':'
\echo
SELECT customer, (f).orders, (f).gross, (f).returned, (f).days_since_last, (f).gap_mean_days, (f).overdue_ratio,
	(f).top_category, (f).spend_90d
FROM (SELECT customer, promo.features(timeline, :'test_date', 'Europe/London') AS f
	  FROM customer_timeline ORDER BY customer LIMIT 3 OFFSET 10) s;

-- Features as of a date, and what came after it.
CREATE TABLE example AS
SELECT d.part, d.as_of, s.customer, s.f,
	promo.spend(s.timeline, d.as_of, d.as_of + interval '90 days') AS spend_next,
	promo.orders(s.timeline, d.as_of, d.as_of + interval '90 days') = 0 AS churned
FROM (VALUES ('train', :'train_date'::timestamptz), ('test', :'test_date'::timestamptz)) d(part, as_of)
CROSS JOIN LATERAL (
	SELECT customer, timeline, promo.features(timeline, d.as_of, 'Europe/London') AS f
	FROM customer_timeline OFFSET 0) s
WHERE (s.f).orders > 0 AND (s.f).days_since_last <= 365;
