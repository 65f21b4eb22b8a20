\echo
\echo '=== 6. The ten customers most worth keeping, and why ==='
\echo
\echo 'Money at risk: the value of the next year, if they stay, times the model''s probability that they do not.'
\echo
SELECT s.customer,
	round(v.value::numeric) AS value_next_year,
	round(s.churn_score::numeric, 2) AS churn,
	round((v.value * s.churn_score)::numeric) AS at_risk,
	concat_ws(', ',
		format('spent %s in a year', round((s.f).spend_365d::numeric)),
		format('buys every %s days', round((s.f).gap_mean_days::numeric)),
		CASE WHEN (s.f).overdue_ratio > 1 THEN format('silent for %s, %s times that', (s.f).days_since_last, round((s.f).overdue_ratio::numeric, 1))
			ELSE format('last seen %s days ago', (s.f).days_since_last) END,
		CASE WHEN (s.f).spend_90d < (s.f).spend_365d / 8 THEN 'spends less than half of what they used to' END,
		CASE WHEN (s.f).return_rate > 0.1 THEN format('sent back %s %%', round((100 * (s.f).return_rate)::numeric)) END) AS why
FROM score s, fit,
LATERAL (SELECT promo.lifetime_value(purchases, spend, 52, (s.f).frequency, (s.f).recency_days / 7, (s.f).tenure_days / 7,
	(s.f).monetary, 0.002) AS value) v
WHERE (s.f).frequency > 0 AND (s.f).monetary > 0
ORDER BY v.value * s.churn_score DESC, s.customer
LIMIT 10;
