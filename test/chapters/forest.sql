\echo
\echo '=== 5. Two models: what will they spend, and who will stay away ==='
\echo
\echo 'Taught by what customers looked like on some dates, and the 90 days after each; judged on 90 days that they never'
\echo 'saw.  Spring says little about Christmas, so the quarter is told too.'
\echo
SELECT part, (as_of AT TIME ZONE 'Europe/London')::date AS as_of, count(*) AS customers, round(avg(spend_next)::numeric, 2) AS mean_spend_next,
	round(100 * avg(churned::int), 1) AS percent_churned
FROM example GROUP BY part, as_of ORDER BY as_of;

\echo 'Which algorithm, which options?  Each candidate learns from the earlier lessons and is judged on the next, by the area'
\echo 'under its ROC curve; chosen is the smallest model within a standard error of the best, for those whom size matters to:'
\echo
SET client_min_messages = 'warning';
CREATE TABLE tried AS
SELECT * FROM promo.tune('SELECT (f).*, quarter, as_of, churned FROM example WHERE part = ''train''', 'churned',
	'[{"algorithm": "random_forest", "trees": 60, "min_leaf": [5, 40], "seed": 1},
	  {"algorithm": "boosted_trees", "trees": 60, "max_leaves": [7, 31], "learning_rate": 0.06},
	  {"algorithm": "logistic"}]', folds => 3, time_column => 'as_of');
RESET client_min_messages;
SELECT rank, options, round(mean::numeric, 4) AS roc_auc, round(standard_error::numeric, 4) AS standard_error,
	pg_size_pretty(model_bytes) AS model, is_best, is_chosen FROM tried ORDER BY rank;

\echo 'The best one learns from all lessons; spend is for a forest:'
\echo
SELECT t.model, t.version, t.algorithm, t.rows, cardinality(t.features) AS features, pg_size_pretty(t.bytes) AS size
FROM tried, LATERAL promo.train('churn', 'SELECT (f).*, quarter, churned FROM example WHERE part = ''train''', 'churned', options) t
WHERE is_best
UNION ALL
SELECT t.model, t.version, t.algorithm, t.rows, cardinality(t.features), pg_size_pretty(t.bytes)
FROM promo.train('spend', 'SELECT (f).*, quarter, spend_next FROM example WHERE part = ''train''', 'spend_next',
	'{"trees": 200, "min_leaf": 5, "seed": 1}') t;

CREATE TABLE score AS
SELECT customer, f, example.quarter, spend_next, churned, promo.predict('spend', r) AS spend_score, promo.predict('churn', r) AS churn_score
FROM example, LATERAL (SELECT (f).*, example.quarter) r WHERE part = 'test';

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
	SELECT 1 AS n, 'the model' AS guess, promo.classification_metrics(churned, churn_score) AS m FROM score
	UNION ALL
	SELECT 2, 'days since the last order', promo.classification_metrics(churned, least((f).days_since_last / 365.0, 1)) FROM score) v
ORDER BY v.n;

\echo 'What the spend forest looks at, and how much its error rises where a feature is dealt out anew:'
\echo
SELECT feature, round(gain::numeric, 3) AS gain, round(permutation::numeric, 0) AS permutation
FROM promo.importance('spend') ORDER BY gain DESC LIMIT 8;

\echo 'And why the best customer of the last 90 days is believed to come again; the first line is what is so on average:'
\echo
SELECT feature, value, round(contribution::numeric, 3) AS contribution
FROM (SELECT * FROM score ORDER BY (f).spend_90d DESC, customer LIMIT 1) s, LATERAL (SELECT (f).*, s.quarter) r,
	LATERAL promo.explain('churn', r) WITH ORDINALITY e(feature, value, contribution, n)
ORDER BY e.n LIMIT 7;
