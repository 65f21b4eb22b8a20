\echo
\echo '=== 5. Two forests: what will they spend, and who will stay away ==='
\echo
\echo 'Trained on one date and the 90 days after it; judged on the next 90 days, which they never saw.'
\echo
SELECT part, (as_of AT TIME ZONE 'Europe/London')::date AS as_of, count(*) AS customers, round(avg(spend_next)::numeric, 2) AS mean_spend_next,
	round(100 * avg(churned::int), 1) AS percent_churned
FROM example GROUP BY part, as_of ORDER BY as_of;

-- The parallel arms of one query: (f).* are the columns of customer_features.
CREATE TABLE model AS
SELECT promo.random_forest(spend_next, f, '{"trees": 200, "min_leaf": 5, "seed": 1}') AS spend,
	promo.random_forest(churned, f, '{"trees": 200, "min_leaf": 5, "seed": 1}') AS churn
FROM example WHERE part = 'train';

CREATE TABLE score AS
SELECT customer, f, spend_next, churned, promo.predict(spend, f) AS spend_score, promo.predict(churn, f) AS churn_score
FROM example, model WHERE part = 'test';

\echo 'Spend in the next 90 days: the forest against two guesses that need no model.'
\echo
SELECT guess, (m).n, round((m).mse::numeric, 0) AS mse, round((m).rmse::numeric, 1) AS rmse,
	round((m).mae::numeric, 1) AS mae, round((m).r2::numeric, 3) AS r2
FROM (
	SELECT 1 AS n, 'forest' AS guess, promo.regression_metrics(spend_next, spend_score) AS m FROM score
	UNION ALL
	SELECT 2, 'the same as in the last 90 days', promo.regression_metrics(spend_next, (f).spend_90d) FROM score
	UNION ALL
	SELECT 3, 'the mean of the lesson', promo.regression_metrics(spend_next, (SELECT avg(spend_next) FROM example WHERE part = 'train')) FROM score) v
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
