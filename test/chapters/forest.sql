\echo
\echo '=== 5. Two forests: what will they spend, and who will stay away ==='
\echo
\echo 'Taught by what customers looked like on some dates, and the 90 days after each; judged on 90 days that they never'
\echo 'saw.  Spring says little about Christmas, so the quarter is told too.'
\echo
SELECT part, (as_of AT TIME ZONE 'Europe/London')::date AS as_of, count(*) AS customers, round(avg(spend_next)::numeric, 2) AS mean_spend_next,
	round(100 * avg(churned::int), 1) AS percent_churned
FROM example GROUP BY part, as_of ORDER BY as_of;

-- A record of features: the columns of customer_features, and the quarter.
CREATE TABLE model AS
SELECT promo.random_forest(spend_next, r, '{"trees": 200, "min_leaf": 5, "seed": 1}') AS spend,
	promo.random_forest(churned, r, '{"trees": 200, "min_leaf": 5, "seed": 1}') AS churn
FROM example, LATERAL (SELECT (f).*, quarter) r WHERE part = 'train';

CREATE TABLE score AS
SELECT customer, f, spend_next, churned, promo.predict(spend, r) AS spend_score, promo.predict(churn, r) AS churn_score
FROM example, model, LATERAL (SELECT (f).*, quarter) r WHERE part = 'test';

\echo 'Spend in the next 90 days.  Who spends much goes on spending much, so the last 90 days are the guess to beat:'
\echo
SELECT guess, (m).n, round((m).mse::numeric, 0) AS mse, round((m).rmse::numeric, 1) AS rmse,
	round((m).mae::numeric, 1) AS mae, round((m).r2::numeric, 3) AS r2
FROM (
	SELECT 1 AS n, 'forest' AS guess, promo.regression_metrics(spend_next, spend_score) AS m FROM score
	UNION ALL
	SELECT 2, 'the same as in the last 90 days', promo.regression_metrics(spend_next, (f).spend_90d) FROM score
	UNION ALL
	SELECT 3, 'the mean of the lessons', promo.regression_metrics(spend_next, (SELECT avg(spend_next) FROM example WHERE part = 'train')) FROM score) v
ORDER BY v.n;

\echo 'Churn (no order in the next 90 days):'
\echo
SELECT guess, (m).n, round((m).roc_auc::numeric, 3) AS roc_auc, round((m).pr_auc::numeric, 3) AS pr_auc,
	round((m).log_loss::numeric, 3) AS log_loss, round((m).accuracy::numeric, 3) AS accuracy
FROM (
	SELECT 1 AS n, 'forest' AS guess, promo.classification_metrics(churned, churn_score) AS m FROM score
	UNION ALL
	SELECT 2, 'days since the last order', promo.classification_metrics(churned, least((f).days_since_last / 365.0, 1)) FROM score) v
ORDER BY v.n;

\echo 'What the churn forest looks at:'
\echo
SELECT feature, round(gain::numeric, 3) AS gain FROM model, promo.importance(churn) ORDER BY gain DESC LIMIT 8;
