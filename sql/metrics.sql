-- How well predictions meet what happened.  The constants below are
-- scikit-learn 1.2.1's, from the same rows.

SET extra_float_digits = 0;

-- Rows without order, with ties, from a formula that Python repeats
CREATE TEMP TABLE judged AS
SELECT i, (i * i) % 17 AS actual, (i * 7) % 19 AS predicted,
	(i * i + 3 * i) % 7 < 3 AS bought, ((i * 11) % 20) / 20.0::float8 AS score,
	chr(97 + (i * i) % 5) AS class, chr(97 + (i * 3) % 4) AS guess
FROM generate_series(1, 200) i;

-- mean_squared_error, its root, mean_absolute_error, r2_score
SELECT (promo.regression_metrics(actual, predicted)).* FROM judged;
SELECT abs(mse - 61.91) < 1e-12 AS mse, abs(mae - 6.42) < 1e-12 AS mae, abs(r2 - (-0.9357824269352353)) < 1e-12 AS r2
FROM (SELECT (promo.regression_metrics(actual, predicted)).* FROM judged) m;

-- accuracy_score, precision_score, recall_score, f1_score, roc_auc_score,
-- average_precision_score, log_loss, brier_score_loss, confusion_matrix
SELECT n, accuracy, precision, recall, f1, tp, fp, tn, fn
FROM (SELECT (promo.classification_metrics(bought, score)).* FROM judged) m;
SELECT abs(roc_auc - 0.4981597350018403) < 1e-14 AS roc_auc, abs(pr_auc - 0.28831667764187724) < 1e-14 AS pr_auc,
	abs(log_loss - 1.419606251353074) < 1e-13 AS log_loss, abs(brier - 0.32375) < 1e-14 AS brier,
	abs(f1 - 0.35668789808917195) < 1e-14 AS f1
FROM (SELECT (promo.classification_metrics(bought, score)).* FROM judged) m;

-- A score from the threshold on predicts true
SELECT accuracy, tp, fp, tn, fn
FROM (SELECT (promo.classification_metrics(bought, score, 0.75)).* FROM judged) m;

-- f1_score(average = 'macro')
SELECT n, accuracy, abs(macro_f1 - 0.10598290598290598) < 1e-14 AS macro_f1, confusion
FROM (SELECT (promo.multiclass_metrics(class, guess)).* FROM judged) m;

-- The area under the ROC curve is the chance that a true row scores above a
-- false one, a tie counting half: the same by brute force
SELECT abs(roc_auc - (SELECT avg(CASE WHEN t.score > f.score THEN 1 WHEN t.score = f.score THEN 0.5 ELSE 0 END)
	FROM judged t, judged f WHERE t.bought AND NOT f.bought)) < 1e-14 AS equal
FROM (SELECT (promo.classification_metrics(bought, score)).* FROM judged) m;

-- A perfect and a reversed order; -0 ties with 0
SELECT (promo.classification_metrics(x > 5, x)).roc_auc,
	(promo.classification_metrics(x > 5, -x)).roc_auc AS reversed,
	(promo.classification_metrics(x > 5, CASE WHEN x % 2 = 0 THEN '-0' ELSE '0' END::float8)).roc_auc AS zeros
FROM generate_series(1, 10) x;

-- Scores that are no probabilities have no log loss and no Brier score
SELECT roc_auc, log_loss, brier
FROM (SELECT (promo.classification_metrics(x > 5, x)).* FROM generate_series(1, 10) x) m;

-- Certainties count as 2^-52 short of it
SELECT round(log_loss::numeric, 6) AS log_loss, brier
FROM (SELECT (promo.classification_metrics(x = 1, 0)).* FROM generate_series(1, 2) x) m;

-- What is not defined is NULL: one class only, nothing predicted true, actual
-- values all equal
SELECT (promo.classification_metrics(true, 0.2)).*;
SELECT (promo.classification_metrics(false, 0.2)).*;
SELECT (promo.regression_metrics(3, x)).* FROM generate_series(1, 2) x;

-- Rows with a NULL are left out; no rows give NULL
SELECT (promo.regression_metrics(a, p)).n
FROM (VALUES (1, 2), (NULL, 1), (2, NULL), (NULL, NULL), (2, 2)) v(a, p);
SELECT (promo.classification_metrics(a, p)).n
FROM (VALUES (true, 0.5), (NULL, 1), (false, NULL), (false, 0)) v(a, p);
SELECT (promo.multiclass_metrics(a, p)).*
FROM (VALUES (NULL, 'x'), ('x', NULL), ('', '')) v(a, p);
SELECT promo.regression_metrics(1, 2) FILTER (WHERE false) IS NULL AS regression,
	promo.classification_metrics(true, 2) FILTER (WHERE false) IS NULL AS classification,
	promo.multiclass_metrics('a', 'b') FILTER (WHERE false) IS NULL AS multiclass;
SELECT promo.regression_metrics(NULL, 1) IS NULL AS regression,
	promo.classification_metrics(NULL, 1, 0.5) IS NULL AS classification,
	promo.multiclass_metrics(NULL, 'b') IS NULL AS multiclass;

-- Infinity and NaN are errors
SELECT promo.regression_metrics(1, 'NaN');
SELECT promo.regression_metrics('infinity', 1);
SELECT promo.classification_metrics(true, 'NaN');
SELECT promo.classification_metrics(true, 1, NULL);
SELECT promo.classification_metrics(true, 1, x) FROM generate_series(1, 2) x;

-- In parallel parts, and in groups
CREATE TABLE judged_rows AS
SELECT i, hashint4(i) % 1000 / 1000.0::float8 AS actual, hashint4(i + 7) % 1000 / 1000.0::float8 AS predicted
FROM generate_series(1, 50000) i;
ANALYZE judged_rows;
CREATE TEMP TABLE serial AS
SELECT promo.regression_metrics(actual, predicted) AS r,
	promo.classification_metrics(actual > 0.2, abs(predicted)) AS c,
	promo.multiclass_metrics((i % 300)::text, (i % 7)::text) AS m
FROM judged_rows;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
EXPLAIN (COSTS OFF)
SELECT promo.regression_metrics(actual, predicted),
	promo.classification_metrics(actual > 0.2, abs(predicted)),
	promo.multiclass_metrics((i % 300)::text, (i % 7)::text)
FROM judged_rows;
SELECT abs((p.r).mse / (s.r).mse - 1) < 1e-12 AND abs((p.r).r2 / (s.r).r2 - 1) < 1e-12 AS regression,
	p.c = s.c AS classification, p.m = s.m AS multiclass
FROM serial s, (
	SELECT promo.regression_metrics(actual, predicted) AS r,
		promo.classification_metrics(actual > 0.2, abs(predicted)) AS c,
		promo.multiclass_metrics((i % 300)::text, (i % 7)::text) AS m
	FROM judged_rows) p;
SELECT count(*), sum((c).n), sum((m).n), sum((r).n), max((m).confusion::text)
FROM (SELECT i % 10000 AS g,
		promo.regression_metrics(actual, predicted) AS r,
		promo.classification_metrics(actual > 0.2, predicted) AS c,
		promo.multiclass_metrics((i % 2)::text, 'x') AS m
	FROM judged_rows GROUP BY 1) g;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE judged_rows;

-- A state may have been made up: it is refused, not believed
SELECT promo.regression_metrics_accum(NULL, 1, 1);
CREATE AGGREGATE pg_temp.broken_scores(boolean, float8) (
	SFUNC = promo.classification_metrics_accum, STYPE = bytea, FINALFUNC = promo.classification_metrics_final,
	INITCOND = '\x014f4353ffffffffffffffff');
SELECT pg_temp.broken_scores(true, 1);
CREATE AGGREGATE pg_temp.broken_classes(text, text) (
	SFUNC = promo.multiclass_metrics_accum, STYPE = bytea, FINALFUNC = promo.multiclass_metrics_final,
	INITCOND = '\x014e4f430100000002000000100000001000000001000000ffffffffffffffffffffffffffffffffffffffff');
SELECT pg_temp.broken_classes('a', 'b');
CREATE AGGREGATE pg_temp.broken_cells(text, text) (
	SFUNC = promo.multiclass_metrics_accum, STYPE = bytea, FINALFUNC = promo.multiclass_metrics_final,
	INITCOND = '\x014e4f4301000000020000001000000010000000ffffffff010000000200000000000000ffffffffffffffff');
SELECT pg_temp.broken_cells('a', 'b');
