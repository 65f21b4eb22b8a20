-- Explanations: what each feature contributed to a prediction, in its units.

CREATE TABLE visit AS
SELECT i AS id, i % 50 AS visits, CASE WHEN i % 5 <> 0 THEN (i * 7) % 40 END AS basket,
	CASE WHEN i % 4 <> 0 THEN (ARRAY['mail', 'search', 'social', 'shop'])[1 + (i / 4) % 4] END AS source,
	i % 2 = 0 AS member, date '2024-01-01' + i % 300 AS since, 7 AS constant
FROM generate_series(1, 2000) i;
CREATE VIEW visit_target AS
SELECT v.*, visits + coalesce(basket, 100) + CASE source WHEN 'mail' THEN 40 WHEN 'shop' THEN 20 ELSE 0 END
	+ CASE WHEN member THEN 15 ELSE 0 END + CASE WHEN since >= '2024-06-01' THEN 25 ELSE 0 END AS spend
FROM visit v;
CREATE TABLE model AS
SELECT promo.random_forest(spend, f, '{"trees": 20, "mtry": 4, "seed": 3}') AS forest
FROM visit_target v, LATERAL (SELECT visits, basket, source, member, since, constant) f;

-- The first row is the mean prediction, which stands for a row that nothing is
-- known of; then what each value moved it by, the most first
SELECT feature, value, round(contribution::numeric) AS contribution
FROM model, visit v, promo.explain(forest, v) WITH ORDINALITY WHERE id = 1005 ORDER BY ordinality;
SELECT round(avg(spend)) AS mean FROM visit_target;

-- All of it sums to the prediction, in any number of rows
SELECT count(*) AS rows, max(abs(total - promo.predict(forest, v))) < 1e-9 AS same
FROM model, visit v, LATERAL (SELECT sum(contribution) AS total FROM promo.explain(forest, v)) e
WHERE id % 10 = 0;

-- What no split asks for has exactly no part in it
SELECT DISTINCT contribution FROM model, visit v, promo.explain(forest, v) WHERE feature = 'constant' AND id <= 20;

-- The definition, over all sets of known features.  A tree's prediction when
-- only some are known goes both ways at a node that asks for another one, in
-- the proportion of the rows.
CREATE FUNCTION expectation(lines text[], at int, known text[], r jsonb) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	test text[] := regexp_match(lines[at + 1], '^ *(\S+) <= (\S+?)(:| or null| \()');
	depth int := length(substring(lines[at + 1] FROM '^ *'));
	other int := at + 2;
	passes boolean;
	n float8[];
BEGIN
	IF lines[at] ~ ': \S+ \(\d+ rows\)$' THEN
		RETURN substring(lines[at] FROM ': (\S+) \(\d+ rows\)$')::float8;
	END IF;
	WHILE length(substring(lines[other] FROM '^ *')) <> depth LOOP
		other := other + 1;
	END LOOP;
	IF test[1] = ANY (known) THEN
		passes := coalesce((r ->> test[1])::float8 <= test[2]::float8, lines[at + 1] ~ ' or null');
		RETURN expectation(lines, CASE WHEN passes THEN at + 1 ELSE other END, known, r);
	END IF;
	n := ARRAY[substring(lines[at + 1] FROM '(\d+) rows\)$'), substring(lines[other] FROM '(\d+) rows\)$')];
	RETURN (n[1] * expectation(lines, at + 1, known, r) + n[2] * expectation(lines, other, known, r)) / (n[1] + n[2]);
END
$$;
CREATE FUNCTION shapley(forest promo.forest, r jsonb) RETURNS TABLE (feature text, contribution float8) LANGUAGE sql ROWS 5 AS $$
	WITH name AS (SELECT features AS names, cardinality(features) AS n FROM promo.forest_info(forest)),
	coalition AS (
		SELECT s, sum(expectation(lines, 1, ARRAY(SELECT names[k] FROM generate_series(1, n) k WHERE s >> (k - 1) & 1 = 1),
				r)) / (promo.forest_info(forest)).trees AS worth,
			(SELECT count(*) FROM generate_series(1, n) k WHERE s >> (k - 1) & 1 = 1)::int AS size
		FROM name, generate_series(0, (1 << n) - 1) s, generate_series(1, (promo.forest_info(forest)).trees) t,
			LATERAL (SELECT array_agg(line) AS lines FROM promo.tree(forest, t::int) line) tree
		GROUP BY s, n)
	SELECT NULL, worth FROM coalition WHERE s = 0
	UNION ALL
	SELECT names[k], sum((b.worth - a.worth) * factorial(a.size)::float8 * factorial(n - 1 - a.size)::float8 / factorial(n)::float8)
	FROM name, generate_series(1, n) k, coalition a, coalition b
	WHERE a.s >> (k - 1) & 1 = 0 AND b.s = a.s | (1 << (k - 1))
	GROUP BY names[k];
$$;
CREATE TABLE small AS
SELECT promo.random_forest(spend, f, '{"trees": 3, "mtry": 2, "max_depth": 4, "seed": 8}') AS forest
FROM visit_target v, LATERAL (SELECT visits, basket, id % 3 AS third, id % 7 AS seventh) f;
WITH defined AS MATERIALIZED (
	SELECT id, s.* FROM small, visit v, LATERAL (SELECT visits, basket, id % 3 AS third, id % 7 AS seventh) f,
		shapley(forest, to_jsonb(f)) s
	WHERE id BETWEEN 4 AND 7)
SELECT count(*), max(abs(e.contribution - d.contribution)) < 1e-9 AS same, max(abs(d.contribution)) > 20 AS they_are_large
FROM defined d, small, visit v, LATERAL (SELECT visits, basket, v.id % 3 AS third, v.id % 7 AS seventh) f,
	promo.explain(forest, f) e
WHERE v.id = d.id AND e.feature IS NOT DISTINCT FROM d.feature;

-- Of classes the positive one is explained, or the one that is named
CREATE TABLE class_model AS
SELECT promo.random_forest(member, f, '{"trees": 10, "seed": 1}') AS of_boolean,
	promo.random_forest(source, f, '{"trees": 10, "seed": 1, "skip_null_target": true}') AS of_text,
	promo.random_forest(source, f, '{"trees": 10, "seed": 1, "skip_null_target": true, "positive": "shop"}') AS of_positive
FROM visit_target v, LATERAL (SELECT visits, basket, spend, since) f;
SELECT count(*) AS rows, max(abs(a - promo.predict(of_boolean, v))) < 1e-9 AS boolean,
	max(abs(b - promo.predict(of_positive, v))) < 1e-9 AS positive,
	max(abs(c - (promo.predict_proba(of_positive, v) ->> 'mail')::float8)) < 1e-9 AS mail,
	max(abs(1 - a - d)) < 1e-9 AS opposite
FROM class_model, visit_target v,
	LATERAL (SELECT sum(contribution) AS a FROM promo.explain(of_boolean, v)) a,
	LATERAL (SELECT sum(contribution) AS b FROM promo.explain(of_positive, v)) b,
	LATERAL (SELECT sum(contribution) AS c FROM promo.explain(of_text, v, 'mail')) c,
	LATERAL (SELECT sum(contribution) AS d FROM promo.explain(of_boolean, v, class => 'false')) d
WHERE id <= 50;
SELECT count(*) AS features, max(abs(total)) < 1e-9 AS classes_cancel
FROM (SELECT feature, sum(contribution) AS total
	FROM class_model, visit_target v, unnest(ARRAY['mail', 'search', 'shop', 'social']) name, promo.explain(of_text, v, name)
	WHERE id = 9 AND feature IS NOT NULL GROUP BY feature) e;
SELECT * FROM class_model, visit_target v, promo.explain(of_text, v);
SELECT * FROM class_model, visit_target v, promo.explain(of_text, v, 'Mail');
SELECT * FROM model, visit v, promo.explain(forest, v, 'mail');

-- Merged forests are explained whole
SELECT max(abs(total - promo.predict(forest, v))) < 1e-9 AS same
FROM visit v,
	(SELECT promo.forest_merge(forest) AS forest
	FROM (SELECT promo.random_forest(spend * (1 + k) - 100, f, '{"trees": 3, "seed": 1}') AS forest
		FROM visit_target v, LATERAL (SELECT visits, basket, source, member) f, generate_series(1, 3) k GROUP BY k) m) m,
	LATERAL (SELECT sum(contribution) AS total FROM promo.explain(forest, v)) e
WHERE id <= 40;

-- Arrays stand for features that are all numbers, in their order
SELECT count(*) AS rows, count(*) FILTER (WHERE a IS DISTINCT FROM r) AS differences
FROM small, visit v, LATERAL (SELECT visits, basket, id % 3 AS third, id % 7 AS seventh) f,
	LATERAL (SELECT array_agg(e) AS r FROM promo.explain(forest, f) e) r,
	LATERAL (SELECT array_agg(e) AS a FROM promo.explain_array(forest, ARRAY[v.visits, v.basket, third, seventh]) e) a
WHERE id <= 50;
SELECT * FROM small, promo.explain_array(forest, ARRAY[1, 2]);
SELECT * FROM model, promo.explain_array(forest, ARRAY[1, 2, 3, 4, 5, 6]);

-- By name it is the version that is current
SELECT version FROM promo.train('explained', 'SELECT visits, basket, spend FROM visit_target', 'spend', '{"trees": 5}');
SELECT version FROM promo.train('explained', 'SELECT source, member, spend FROM visit_target', 'spend', '{"trees": 5}');
SELECT feature, value FROM visit v, promo.explain('explained', v) e WHERE id = 1005 ORDER BY feature;
SELECT promo.use_version('explained', 1);
SELECT count(*) AS rows, max(abs(total - promo.predict('explained', v))) < 1e-9 AS same
FROM visit v, LATERAL (SELECT sum(contribution) AS total FROM promo.explain('explained', v)) e WHERE id <= 100;
SELECT count(*) AS same FROM visit v, promo.explain('explained', v) e JOIN promo.explain_array('explained', ARRAY[5, NULL]) a
	ON (a.*) IS NOT DISTINCT FROM (e.*) WHERE id = 1005;
SELECT count(*) AS same FROM promo.permutation_importance('explained', 'SELECT * FROM visit_target', 'spend') a
JOIN promo.permutation_importance('explained', 'SELECT * FROM visit_target', 'spend') b ON (a.*) = (b.*);
SELECT sum(rows) AS rows FROM promo.partial_dependence('explained', 'SELECT * FROM visit', 'visits');
SELECT * FROM visit v, promo.explain('nobody', v);
SELECT promo.drop_model('explained');

-- NULL and NaN are the same unknown value; an unseen category goes where they
-- go, and is shown as it came; infinity is a number
CREATE TYPE visit_row AS (visits int, basket float8, source text, member boolean, since date, constant int);
SELECT feature, value, round(contribution::numeric, 1) AS contribution
FROM model, promo.explain(forest, ROW(1, 'NaN', 'nowhere', true, 'infinity', NULL)::visit_row)
	WITH ORDINALITY ORDER BY ordinality;
SELECT feature, value, round(contribution::numeric, 1) AS contribution
FROM model, promo.explain(forest, ROW(1, NULL, NULL, true, '2400-01-01', 3)::visit_row)
	WITH ORDINALITY ORDER BY ordinality;
SELECT count(*) AS all_unknown FROM model, promo.explain(forest, NULL::visit_row);
SELECT count(*) AS no_model FROM promo.explain(NULL::promo.forest, ROW(1, NULL, NULL, true, '2400-01-01', 3)::visit_row);

-- All that is missing and of another kind is said at once
SELECT * FROM model, LATERAL (SELECT 1 AS visits, 'x' AS basket) r, promo.explain(forest, r);

-- Partial dependence: the mean prediction when every row has that value.  The
-- target was made of visits, twenty more from a shop, and so on.
SELECT round(max(prediction) - min(prediction)) AS from_0_to_49, count(*) AS points, sum(rows) AS rows
FROM model, promo.partial_dependence(forest, 'SELECT * FROM visit', 'visits', points => 8);
SELECT value, rows, round(prediction::numeric) AS prediction
FROM model, promo.partial_dependence(forest, 'SELECT * FROM visit', 'source') WITH ORDINALITY ORDER BY ordinality;
SELECT value, rows FROM model, promo.partial_dependence(forest, 'SELECT * FROM visit', 'since', 3) WITH ORDINALITY ORDER BY ordinality;
SELECT max(abs(p.prediction - mean)) < 1e-9 AS same
FROM model, promo.partial_dependence(forest, 'SELECT * FROM visit WHERE id <= 100', 'member') p,
	LATERAL (SELECT avg(promo.predict(forest, r)) AS mean FROM visit v,
		LATERAL (SELECT v.visits, v.basket, v.source, p.value::boolean AS member, v.since, v.constant) r WHERE id <= 100) m;
SELECT value, round(prediction::numeric, 3) AS prediction
FROM class_model, promo.partial_dependence(of_text, 'SELECT * FROM visit_target WHERE basket IS NULL', 'basket', 20, 'mail');

-- Permutation importance over any rows, as on a later month: the error is that
-- of the predictions, and the same in whatever order the rows come
SELECT feature, permutation > 50 AS matters, permutation = 0 AS is_nothing, deviation < permutation / 5 AS is_sure
FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target', 'spend') WITH ORDINALITY ORDER BY ordinality;
SELECT count(*) AS features, max(abs(error - mse)) < 1e-9 AS same
FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target', 'spend'),
	(SELECT (promo.regression_metrics(spend, promo.predict(forest, v))).mse FROM model, visit_target v) m;
SELECT count(*) AS same
FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target ORDER BY id', 'spend', 2, 7) a
JOIN promo.permutation_importance(forest, 'SELECT * FROM visit_target ORDER BY basket, id DESC', 'spend', 2, 7) b ON (a.*) = (b.*);
SELECT max(abs(error - brier)) < 1e-9 AS same, max(permutation) > 0 AS something_matters
FROM class_model, promo.permutation_importance(of_boolean, 'SELECT * FROM visit_target', 'member'),
	(SELECT (promo.classification_metrics(member, promo.predict(of_boolean, v))).brier FROM class_model, visit_target v) m;

-- Out of bag it is measured at the training, tree by tree, in the same units:
-- that of a tree is larger, for the others of the forest make up for some of it
SELECT feature, i.permutation > p.permutation AS is_larger, i.permutation < 3 * p.permutation AS is_near, i.permutation = 0 AS is_nothing
FROM model, promo.importance(forest) i
JOIN (SELECT p.* FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target', 'spend') p) p USING (feature)
ORDER BY i.permutation DESC;
SELECT version FROM promo.train('explained', 'SELECT visits, basket, spend FROM visit_target', 'spend', '{"algorithm": "decision_tree"}');
SELECT feature, gain > 0 AS gain, permutation FROM promo.importance('explained') ORDER BY feature;
SELECT promo.drop_model('explained');

-- One repeat has no deviation, one row nothing to be dealt, no rows no answer
SELECT count(*) AS features, count(deviation) AS deviations
FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target', 'spend', repeats => 1);
SELECT DISTINCT permutation, deviation FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target WHERE id = 1', 'spend');
SELECT value, rows FROM model, promo.partial_dependence(forest, 'SELECT * FROM visit WHERE id = 1', 'visits');
SELECT * FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target WHERE false', 'spend');
SELECT * FROM model, promo.partial_dependence(forest, 'SELECT * FROM visit WHERE false', 'visits');
SELECT * FROM model, promo.partial_dependence(forest, NULL, 'visits');

-- What cannot be
SELECT * FROM model, promo.partial_dependence(forest, 'SELECT * FROM visit', 'age');
SELECT * FROM model, promo.partial_dependence(forest, 'SELECT * FROM visit', 'visits', 1);
SELECT * FROM model, promo.partial_dependence(forest, 'SELECT 1 AS visits', 'visits');
SELECT * FROM model, promo.partial_dependence(forest, 'DELETE FROM visit', 'visits');
SELECT * FROM class_model, promo.partial_dependence(of_text, 'SELECT * FROM visit_target', 'basket');
SELECT * FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit', 'spend');
SELECT * FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target', 'source');
SELECT * FROM model, promo.permutation_importance(forest, 'SELECT *, 1 AS spend FROM visit_target', 'spend');
SELECT * FROM model, promo.permutation_importance(forest, 'SELECT v.*, NULL::int AS spend FROM visit v', 'spend');
SELECT * FROM model, promo.permutation_importance(forest, $$SELECT v.*, float8 'NaN' AS spend FROM visit v$$, 'spend');
SELECT * FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target', 'spend', repeats => 0);
SET promo.build_memory = '64kB';
SELECT * FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target', 'spend');
RESET promo.build_memory;

-- The query runs as the caller
CREATE ROLE explain_guest;
GRANT SELECT ON model TO explain_guest;
SET ROLE explain_guest;
SELECT * FROM model, promo.partial_dependence(forest, 'SELECT * FROM visit', 'visits');
SELECT * FROM promo.explain('explained', ROW(1));
RESET ROLE;
REVOKE ALL ON model FROM explain_guest;
DROP ROLE explain_guest;

-- Other operators, casts and functions on the way change nothing
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.abs(float8) RETURNS float8 LANGUAGE sql AS 'SELECT 0::float8';
CREATE FUNCTION hostile.minus(float8, float8) RETURNS float8 LANGUAGE sql AS 'SELECT 7::float8';
CREATE OPERATOR hostile.- (LEFTARG = float8, RIGHTARG = float8, FUNCTION = hostile.minus);
SET search_path = hostile, pg_catalog;
SELECT feature, pg_catalog.round(contribution::numeric) AS contribution
FROM public.model, public.visit v, promo.explain(forest, v) WHERE id = 1005 LIMIT 2;
RESET search_path;

-- A row of 1,600 columns
DO $$
BEGIN
	EXECUTE format('CREATE TABLE wide AS SELECT %s FROM generate_series(1, 60) i',
		(SELECT string_agg(format('(%s * i * i) %% 41 AS x%s', k, k), ', ') FROM generate_series(1, 1600) k));
END
$$;
SELECT count(*), count(*) FILTER (WHERE contribution <> 0) > 20 AS some_take_part, abs(sum(contribution) - min(predicted)) < 1e-9 AS same
FROM (SELECT forest, w, promo.predict(forest, w) AS predicted
	FROM wide w, (SELECT promo.random_forest(x1 + 3 * x2 + x3, w, '{"trees": 5}') AS forest FROM wide w) m
	WHERE x1 = 16 LIMIT 1) r, promo.explain(forest, w);

-- All of it can be canceled
SET statement_timeout = '200ms';
SELECT count(*) FROM model, visit v, generate_series(1, 1000000), promo.explain(forest, v);
SELECT count(*) FROM model, promo.permutation_importance(forest, 'SELECT * FROM visit_target', 'spend', 1000);
SELECT count(*) FROM model, promo.partial_dependence(forest, 'SELECT v.* FROM visit v, generate_series(1, 1000000)', 'visits');
RESET statement_timeout;

DROP SCHEMA hostile CASCADE;
DROP FUNCTION shapley(promo.forest, jsonb), expectation(text[], int, text[], jsonb);
DROP VIEW visit_target;
DROP TABLE visit, model, small, class_model, wide;
DROP TYPE visit_row;
