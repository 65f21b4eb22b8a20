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

-- The last 90 days are the test, and what was known before them.
SELECT (date_trunc('day', max(at) - interval '90 days'))::date AS test_date FROM event \gset

\echo 'From it, what the customer looked like at any moment; three customers as of' :test_date':'
\echo
SELECT customer, (f).orders, round((f).gross::numeric, 2) AS gross, round((f).returned::numeric, 2) AS returned,
	(f).days_since_last, round((f).gap_mean_days::numeric, 1) AS gap_mean_days,
	round((f).overdue_ratio::numeric, 2) AS overdue_ratio, (f).top_category, round((f).spend_90d::numeric, 2) AS spend_90d
FROM (SELECT customer, promo.features(timeline, :'test_date'::timestamp AT TIME ZONE 'Europe/London', 'Europe/London') AS f
	  FROM customer_timeline ORDER BY customer LIMIT 3 OFFSET 10) s;

-- Features as of a date, what came after it, and the season: the test, and
-- before it a lesson every 90 days, as long as there is half a year to look
-- back on.  What came after the last lesson ends where the test begins.
CREATE TABLE example AS
SELECT CASE WHEN d.day = :'test_date' THEN 'test' ELSE 'train' END AS part, d.as_of, s.customer, s.f,
	extract(quarter FROM d.day)::int AS quarter,
	promo.spend(s.timeline, d.as_of, d.as_of + interval '90 days') AS spend_next,
	promo.orders(s.timeline, d.as_of, d.as_of + interval '90 days') = 0 AS churned
FROM (SELECT day, day::timestamp AT TIME ZONE 'Europe/London' AS as_of
	  FROM (SELECT :'test_date'::date - 90 * n AS day FROM generate_series(0, 7) n) n
	  WHERE day::timestamp >= (SELECT min(at) AT TIME ZONE 'Europe/London' FROM event) + interval '180 days') d
CROSS JOIN LATERAL (
	SELECT customer, timeline, promo.features(timeline, d.as_of, 'Europe/London') AS f
	FROM customer_timeline OFFSET 0) s
WHERE (s.f).orders > 0 AND (s.f).days_since_last <= 365;
