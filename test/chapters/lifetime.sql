\echo
\echo '=== 4. Lifetime value: who is still alive, and what are they worth ==='
\echo
SELECT as_of AS test_date, (as_of AT TIME ZONE 'Europe/London')::date AS test_day FROM example WHERE part = 'test' LIMIT 1 \gset

-- The models count in weeks.
CREATE TABLE fit AS
SELECT promo.bgnbd_fit((f).frequency, (f).recency_days / 7, (f).tenure_days / 7) AS purchases,
	promo.gamma_gamma_fit((f).frequency, (f).monetary) FILTER (WHERE (f).monetary > 0) AS spend
FROM (SELECT promo.features(timeline, :'test_date', 'Europe/London') AS f FROM customer_timeline OFFSET 0) s
WHERE (f).orders > 0;

\echo 'BG/NBD (how often) and gamma-gamma (how much), fitted to all that happened before' :test_day':'
\echo
SELECT 'bgnbd' AS model, p.name, round(p.value::numeric, 3) AS value, round(p.standard_error::numeric, 3) AS standard_error FROM fit, promo.parameters(purchases) p
WHERE p.standard_error IS NOT NULL OR p.name IN ('log_likelihood', 'customers')
UNION ALL
SELECT 'gamma_gamma', p.name, round(p.value::numeric, 3), round(p.standard_error::numeric, 3) FROM fit, promo.parameters(spend) p
WHERE p.standard_error IS NOT NULL OR p.name IN ('log_likelihood', 'customers');

\echo 'Expected against actual days with a purchase in the 90 days after, by purchases before:'
\echo
SELECT CASE WHEN x >= 8 THEN '8 and more' ELSE x::int::text END AS repeat_purchases, count(*) AS customers,
	round(avg(expected)::numeric, 2) AS expected, round(avg(actual)::numeric, 2) AS actual
FROM (
	SELECT (f).frequency AS x,
		promo.expected_purchases(purchases, 90 / 7.0, (f).frequency, (f).recency_days / 7, (f).tenure_days / 7) AS expected,
		(SELECT count(DISTINCT (e.at AT TIME ZONE 'Europe/London')::date)
		 FROM promo.events(timeline) e
		 WHERE e.kind = 'order' AND e.at >= :'test_date'::timestamptz
			AND e.at < :'test_date'::timestamptz + interval '90 days') AS actual
	FROM fit, (SELECT timeline, promo.features(timeline, :'test_date', 'Europe/London') AS f FROM customer_timeline OFFSET 0) s
	WHERE (f).orders > 0) v
GROUP BY 1, least(x, 8) ORDER BY least(x, 8);

\echo 'The models know no seasons: before Christmas everybody buys more often than they do on average.'
\echo
