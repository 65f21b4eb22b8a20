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
SELECT (date_trunc('day', max(at) - interval '90 days'))::date AS test_date,
	(date_trunc('day', max(at) - interval '180 days'))::date AS train_date
FROM event \gset

\echo 'From it, what the customer looked like at any moment; three customers as of' :test_date':'
\echo
SELECT customer, (f).orders, round((f).gross::numeric, 2) AS gross, round((f).returned::numeric, 2) AS returned,
	(f).days_since_last, round((f).gap_mean_days::numeric, 1) AS gap_mean_days,
	round((f).overdue_ratio::numeric, 2) AS overdue_ratio, (f).top_category, round((f).spend_90d::numeric, 2) AS spend_90d
FROM (SELECT customer, promo.features(timeline, :'test_date'::timestamp AT TIME ZONE 'Europe/London', 'Europe/London') AS f
	  FROM customer_timeline ORDER BY customer LIMIT 3 OFFSET 10) s;

-- Features as of a date, and what came after it.
CREATE TABLE example AS
SELECT d.part, d.as_of, s.customer, s.f,
	promo.spend(s.timeline, d.as_of, d.as_of + interval '90 days') AS spend_next,
	promo.orders(s.timeline, d.as_of, d.as_of + interval '90 days') = 0 AS churned
FROM (VALUES ('train', :'train_date'::timestamp AT TIME ZONE 'Europe/London'),
	('test', :'test_date'::timestamp AT TIME ZONE 'Europe/London')) d(part, as_of)
CROSS JOIN LATERAL (
	SELECT customer, timeline, promo.features(timeline, d.as_of, 'Europe/London') AS f
	FROM customer_timeline OFFSET 0) s
WHERE (s.f).orders > 0 AND (s.f).days_since_last <= 365;
