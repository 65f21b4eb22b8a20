-- What a treatment changed.  The constants were computed by scipy 1.10 and
-- statsmodels 0.13 on the same rows.

CREATE TABLE shopper AS
SELECT i AS id, i % 3 = 0 AS treated,
	(i * 7919 % 101)::float8 AS before,
	(i * 104729 % 13)::float8 AS visits,
	(CASE WHEN i * 31 % 7 < 3 THEN 0 ELSE (i * 7919 % 101) * 0.8 + (i * 15485863 % 53) END
		+ CASE WHEN i % 3 = 0 THEN 6 ELSE 0 END)::float8 AS spend,
	(1 + i * 31 % 4)::float8 AS orders
FROM generate_series(1::bigint, 400) i;

CREATE FUNCTION pg_temp.same(actual float8, witness float8) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT abs(actual - witness) <= 1e-9 * abs(witness) $$;

-- Welch: scipy.stats.ttest_ind(equal_var=False); relative by the delta method
SELECT treated_n, control_n, pg_temp.same(difference, 4.501754385964915) AS difference,
	pg_temp.same(standard_error, 4.008067151753583) AS error,
	pg_temp.same(degrees_of_freedom, 275.02774386225724) AS degrees,
	pg_temp.same(lower, -3.388634799031392) AS lower, pg_temp.same(upper, 12.392143570961222) AS upper,
	pg_temp.same(p_value, 0.26234333924065195) AS p,
	pg_temp.same(relative, 0.11825974744216072) AS relative,
	pg_temp.same(relative_lower, -0.09800195939169881) AS relative_lower,
	pg_temp.same(relative_upper, 0.33452145427602026) AS relative_upper, reading
FROM (SELECT (promo.lift(treated, spend)).* FROM shopper OFFSET 0) l \gx

-- CUPED: the slope by statsmodels' OLS with a dummy of the arm, then Welch
SELECT pg_temp.same(difference, 4.48744492849292) AS difference,
	pg_temp.same(standard_error, 3.7893637242929072) AS error,
	pg_temp.same(degrees_of_freedom, 276.985215298173) AS degrees,
	pg_temp.same(lower, -2.972165794513163) AS lower, pg_temp.same(p_value, 0.2373407082094585) AS p,
	pg_temp.same(relative, 0.11786910997434208) AS relative,
	pg_temp.same(relative_upper, 0.32235426104828074) AS relative_upper,
	pg_temp.same(variance_kept, (3.7893637242929072 / 4.008067151753583) ^ 2) AS kept
FROM (SELECT (promo.lift(treated, spend, before)).* FROM shopper OFFSET 0) l;

-- Lin's regression: statsmodels' OLS with interactions and cov_type='HC2'
SELECT pg_temp.same(difference, 4.4857918830897905) AS difference,
	pg_temp.same(standard_error, 3.8130308596742024) AS error, degrees_of_freedom,
	pg_temp.same(lower, -3.0106389938714218) AS lower, pg_temp.same(p_value, 0.240130439345992) AS p
FROM (SELECT (promo.lift(treated, spend, ARRAY[before, visits])).* FROM shopper OFFSET 0) l;
SELECT pg_temp.same(difference, 4.487355292046737) AS difference,
	pg_temp.same(standard_error, 3.8012044933813605) AS error
FROM (SELECT (promo.lift(treated, spend, ARRAY[before])).* FROM shopper OFFSET 0) l;

-- A covariate that is constant, or follows from others, changes nothing; none
-- at all is the difference of means
SELECT pg_temp.same((l).difference, (m).difference) AS difference,
	pg_temp.same((l).standard_error, (m).standard_error) AS error
FROM (SELECT promo.lift(treated, spend, ARRAY[before, 7, visits, 2 * before - visits + 1]) AS l,
	promo.lift(treated, spend, ARRAY[before, visits]) AS m FROM shopper) a;
SELECT pg_temp.same((l).difference, (m).difference) AS difference,
	pg_temp.same((l).standard_error, (m).standard_error) AS error
FROM (SELECT promo.lift(treated, spend, '{}'::float8[]) AS l, promo.lift(treated, spend) AS m FROM shopper) a;

-- Revenue per order: numpy by the formula of the delta method
SELECT pg_temp.same(treated_mean, 17.053012048192773) AS treated, pg_temp.same(control_mean, 15.215269461077845) AS control,
	pg_temp.same(standard_error, 1.805434685673666) AS error,
	pg_temp.same(degrees_of_freedom, 262.9822801820921) AS degrees,
	pg_temp.same(p_value, 0.3096634667416708) AS p
FROM (SELECT (promo.ratio_lift(treated, spend, orders)).* FROM shopper OFFSET 0) l;
-- Of a denominator that is all but zero nothing is known
SELECT (promo.ratio_lift(treated, spend, orders - 2.4)).reading FROM shopper;
SELECT (promo.ratio_lift(treated, spend, 0)).reading FROM shopper;

-- Winsorized: numpy.quantile and scipy
SELECT pg_temp.same(difference, 4.07174678268705) AS difference,
	pg_temp.same(standard_error, 3.8541706946184373) AS error, pg_temp.same(p_value, 0.29166960569994105) AS p
FROM (SELECT (promo.winsorized_lift(treated, spend, 0.9)).* FROM shopper OFFSET 0) l;
SELECT promo.winsorized_lift(treated, spend, 1) = promo.lift(treated, spend ORDER BY spend) AS all_of_it FROM shopper;

-- Fieller, where control is weak: the roots of (a - r b)^2 = t^2 (va + r^2 vb)
-- by numpy; without ends where control may be zero
SELECT pg_temp.same((l).relative_lower, -0.5518564678028559) AS lower, pg_temp.same((l).relative_upper, 2.977754226058151) AS upper
FROM (SELECT promo.lift(treated, spend - 10) AS l FROM shopper WHERE id <= 36) a;
SELECT round((l).relative::numeric, 3) AS relative, (l).relative_lower, (l).relative_upper
FROM (SELECT promo.lift(treated, spend - 20) AS l FROM shopper WHERE id <= 24) a;

-- Plain SQL says the same of any three arms' worth of rows
SELECT count(*) AS groups, bool_and(pg_temp.same((l).difference, t.mean - c.mean)
	AND pg_temp.same((l).standard_error, sqrt(t.variance / t.n + c.variance / c.n))) AS same
FROM (SELECT visits, promo.lift(treated, spend) AS l FROM shopper GROUP BY visits) g
JOIN (SELECT visits, count(*) AS n, avg(spend) AS mean, var_samp(spend) AS variance FROM shopper WHERE treated GROUP BY visits) t USING (visits)
JOIN (SELECT visits, count(*) AS n, avg(spend) AS mean, var_samp(spend) AS variance FROM shopper WHERE NOT treated GROUP BY visits) c USING (visits);

-- The bootstrap comes to the same error and interval, and is the same in any
-- order of the rows and in parts
CREATE TABLE drawn AS SELECT promo.bootstrap_lift(treated, spend, id::text, 4000, 7) AS b, promo.lift(treated, spend) AS l FROM shopper;
SELECT (b).difference = (l).difference AS difference, abs((b).standard_error / (l).standard_error - 1) < 0.05 AS error,
	abs((b).lower - (l).lower) < 0.6 AS lower, abs((b).upper - (l).upper) < 0.6 AS upper,
	abs((b).p_value - (l).p_value) < 0.03 AS p, abs((b).relative_lower - (l).relative_lower) < 0.03 AS relative_lower
FROM drawn;
SELECT pg_temp.same((promo.bootstrap_lift(treated, spend, id::text, 4000, 7 ORDER BY spend)).lower, (SELECT (b).lower FROM drawn)) AS same FROM shopper;
SELECT count(DISTINCT round((b).lower::numeric, 6)) AS seeds FROM (
	SELECT promo.bootstrap_lift(treated, spend, id::text, 200, seed) AS b FROM shopper, generate_series(1, 3) seed GROUP BY seed) s;
-- Draws of one customer are one, whatever is measured
SELECT (promo.bootstrap_lift(treated, 2 * spend, id::text)).lower / (promo.bootstrap_lift(treated, spend, id::text)).lower AS twice FROM shopper;

-- Parallel workers
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE TABLE many AS SELECT s.* FROM shopper s, generate_series(1, 50);
ALTER TABLE many SET (parallel_workers = 2);
EXPLAIN (COSTS off) SELECT promo.lift(treated, spend) FROM many;
SELECT pg_temp.same((a).difference, 4.501754385964915) AS plain, pg_temp.same((b).difference, 4.48744492849292) AS cuped,
	pg_temp.same((c).difference, 4.4857918830897905) AS regression, pg_temp.same((d).treated_mean, 17.053012048192773) AS ratio,
	pg_temp.same((e).difference, (SELECT (promo.winsorized_lift(treated, spend, 0.95 + 1e-9)).difference FROM many WHERE random() >= 0)) AS winsorized,
	(f).control_n AS bootstrap
FROM (SELECT promo.lift(treated, spend) AS a, promo.lift(treated, spend, before) AS b,
	promo.lift(treated, spend, ARRAY[before, visits]) AS c, promo.ratio_lift(treated, spend, orders) AS d,
	promo.winsorized_lift(treated, spend, 0.95 + 1e-9) AS e, promo.bootstrap_lift(treated, spend, id::text) AS f FROM many) m;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- Known effects are found: a true difference of 5, and the reading of it
SELECT (promo.lift(i % 2 = 0, i % 97 + CASE WHEN i % 2 = 0 THEN 5 ELSE 0 END)).reading FROM generate_series(1, 19400) i;
SELECT (promo.lift(i % 2 = 0, i % 97 + CASE WHEN i % 2 = 0 THEN -5 ELSE 0 END)).reading FROM generate_series(1, 19400) i;

-- Another confidence
SELECT (i).lower < (l).lower AS wider, pg_temp.same(((i).lower + (i).upper) / 2, (l).difference) AS around,
	promo.lift_interval((l).difference, (l).standard_error, (l).degrees_of_freedom, 0.95) = ROW((l).lower, (l).upper) AS same
FROM (SELECT l, promo.lift_interval((l).difference, (l).standard_error, (l).degrees_of_freedom, 0.99) AS i
	FROM (SELECT promo.lift(treated, spend) AS l FROM shopper) a) b;

-- How many customers: statsmodels' NormalIndPower.solve_power has 392.44, and
-- 2626.85 treated at one to nine
SELECT * FROM promo.sample_size(2, 10);
SELECT * FROM promo.sample_size(2, 10, power => 0.9, treated_share => 0.9);
SELECT * FROM promo.sample_size(-2, 10, correlation => 0.6);
SELECT round(promo.minimum_detectable_effect(393, 393, 10)::numeric, 4) AS half_each,
	round(promo.minimum_detectable_effect(393, 393, 10, correlation => 0.6)::numeric, 4) AS with_covariate;

-- Holm: statsmodels' multipletests
SELECT promo.holm('{0.01, 0.04, 0.03, 0.005, 0.5}'), promo.holm('{0.5, NULL, 0.02}'), promo.holm('{}');

-- Nothing, one customer, one arm, no spread, NULLs
SELECT promo.lift(treated, spend) IS NULL AS nothing FROM shopper WHERE false;
SELECT promo.lift(true, 5) AS one;
SELECT promo.lift(false, 5, ARRAY[1, 2]::float8[]) AS one;
SELECT (promo.lift(treated, 5)).* FROM (VALUES (true), (false), (true), (false)) v(treated) \gx
SELECT (promo.lift(treated, CASE WHEN treated THEN 2 ELSE 1 END)).* FROM (VALUES (true), (false), (true), (false)) v(treated) \gx
SELECT (promo.lift(treated, x)).treated_n, (promo.lift(treated, x, 1)).control_n FROM (VALUES (true, 1), (NULL, 2), (false, NULL), (false, 3)) v(treated, x);
SELECT (promo.lift(treated, x, ARRAY[x, c])).treated_n FROM (VALUES (true, 1, 1), (true, 2, NULL), (false, 3, 4)) v(treated, x, c);
SELECT (promo.bootstrap_lift(treated, x, x::text)).* FROM (VALUES (true, 1), (false, 3)) v(treated, x) \gx
SELECT (promo.lift(treated, x, ARRAY[x])).reading FROM (VALUES (true, 1), (true, 2), (false, 3), (false, 5)) v(treated, x);

-- A/A tests: the interval of 95 % holds zero in about as many, of amounts that
-- are mostly zero and otherwise log-normal, at one to nine too
SELECT setseed(0.5) \g /dev/null
SELECT treated_share, avg(((l).lower <= 0 AND (l).upper >= 0)::int) BETWEEN 0.92 AND 0.98 AS covered
FROM (SELECT treated_share, draw, promo.lift(g % 10 < 10 * treated_share, CASE WHEN random() < 0.7 THEN 0
		ELSE exp(3 + 0.8 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())) END) AS l
	FROM (VALUES (0.5), (0.1)) v(treated_share), generate_series(1, 200) draw, generate_series(1, 5000) g
	GROUP BY treated_share, draw) d
GROUP BY treated_share ORDER BY treated_share;

-- What is wrong
SELECT promo.lift(true, 'NaN');
SELECT promo.lift(true, 1, 'infinity'::float8);
SELECT promo.lift(true, 1, '{1, -infinity}'::float8[]);
SELECT promo.lift(true, 1, '{{1}, {2}}'::float8[]);
SELECT promo.lift(true, 1, c) FROM (VALUES ('{1}'::float8[]), ('{1, 2}')) v(c);
SELECT promo.lift(true, 1, array_fill(1::float8, '{101}'));
SELECT promo.winsorized_lift(true, 1, 0);
SELECT promo.winsorized_lift(true, 1, NULL);
SELECT promo.winsorized_lift(true, 1, l) FROM (VALUES (0.5), (0.6)) v(l);
SELECT promo.bootstrap_lift(true, 1, 'ann', 99);
SELECT promo.bootstrap_lift(true, 1, 'ann', NULL);
SELECT promo.bootstrap_lift(true, 1, 'ann', r) FROM (VALUES (100), (101)) v(r);
SELECT promo.lift_interval(1, 1, 5, 1);
SELECT promo.sample_size(0, 1);
SELECT promo.sample_size(1, 'NaN');
SELECT promo.sample_size(1e-300, 1);
SELECT promo.sample_size(1, 1, power => 1);
SELECT promo.minimum_detectable_effect(0, 5, 1);
SELECT promo.holm('{0.5, 1.5}');
SELECT promo.holm('{{0.5}}');
SELECT promo.lift_accum(NULL, true, 1::float8);
SET promo.build_memory = '1MB';
SELECT promo.lift(true, i, ARRAY[i]) FROM generate_series(1, 100000) i;
RESET promo.build_memory;

-- States that somebody made up
SELECT promo.lift_final('\x00');
SELECT promo.lift_final('\x01464c4900000000');
SELECT promo.lift_rows_final('\x014f524c00');
SELECT promo.bootstrap_lift_final('\x014f424c00');
SELECT promo.winsorized_lift_final(('\x0156414c' || repeat('ff', 200))::bytea);
CREATE AGGREGATE pg_temp.hostile_lift(boolean, float8) (SFUNC = promo.lift_accum, STYPE = bytea,
	FINALFUNC = promo.lift_final, INITCOND = '\x01464c49ffffffffffffffffffffffff');
SELECT pg_temp.hostile_lift(true, 1);
DROP TABLE shopper, many, drawn;
