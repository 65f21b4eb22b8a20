-- Tiers and their windows as pure functions.
\set SHOW_CONTEXT never

-- A threshold is reached by what is at least as much, and tiers may be skipped
SELECT metric, promo.tier_for(to_jsonb(metric), '[{"name": "red", "threshold": 0}, {"name": "green", "threshold": 25000}, {"name": "blue", "threshold": 50000.5}]')
FROM unnest(ARRAY[-1, 0, 24999.99, 25000, 50000.49, 50000.5, 1e14]) metric ORDER BY 1;
SELECT promo.tier_for('{"metric": 30000, "visits": 2}', '[{"name": "red", "threshold": 0}, {"name": "green", "threshold": 25000}]');

-- What was assigned by hand is a floor
SELECT metric, floor, promo.tier_for(jsonb_build_object('metric', metric), '[{"name": "l0", "threshold": 0}, {"name": "l1", "threshold": 20}, {"name": "l2", "threshold": 30}]', floor)
FROM (VALUES (40, 'l1'), (0, 'l1'), (21, 'l0'), (21, NULL)) v(metric, floor) ORDER BY 1, 2;

-- Criteria: any, all, so many of them, and these within one another
WITH c(criteria) AS (VALUES ('{"metric": "points", "at_least": 3000}'::jsonb), ('{"metric": "orders", "at_least": 5}'), ('{"metric": "visits", "at_least": 20}')),
	a(parts, first_two, last) AS (SELECT jsonb_agg(criteria), jsonb_agg(criteria) FILTER (WHERE criteria ->> 'metric' <> 'visits'), jsonb_agg(criteria) FILTER (WHERE criteria ->> 'metric' = 'visits') FROM c),
	t AS (SELECT v.* FROM a, LATERAL (VALUES ('any', jsonb_build_object('any', parts)), ('any two', jsonb_build_object('at_least', 2, 'of', parts)), ('all', jsonb_build_object('all', parts)),
		('two or the third', jsonb_build_object('any', jsonb_build_array(jsonb_build_object('all', first_two)) || last))) v(title, criteria))
SELECT points, orders, visits, string_agg(t.title, ', ' ORDER BY t.title) FILTER (WHERE promo.tier_for(to_jsonb(m), jsonb_build_array('{"name": "base", "threshold": 0}'::jsonb, jsonb_build_object('name', 'top', 'criteria', t.criteria))) = 'top') AS top_by
FROM t, (VALUES (3000, 5, 0), (3000, 4, 19), (0, 0, 20), (3000, 5, 20), (2999, 5, 19), (2999, 4, 19)) m(points, orders, visits) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- At the end of a tier's time: each policy; a renewal may ask for less
SELECT metric, current, string_agg(promo.requalified_tier(current, metric, '[{"name": "red", "threshold": 0}, {"name": "green", "threshold": 25}, {"name": "blue", "threshold": 50, "renewal": {"metric": "metric", "at_least": 40}}, {"name": "gold", "threshold": 75}]', policy), ', ' ORDER BY n) AS one_down_to_qualified_to_base_never
FROM unnest(ARRAY['one_down', 'to_qualified', 'to_base', 'never']) WITH ORDINALITY p(policy, n), (VALUES (0, 'gold'), (45, 'gold'), (45, 'blue'), (39.9, 'blue'), (30, 'green'), (0, 'red'), (80, 'red')) v(metric, current)
GROUP BY 1, 2 ORDER BY 2, 1;

-- All faults of the tiers at once
SELECT promo.tier_for('{"points": "many"}', '[{"name": "a", "threshold": 1, "renewal": {}}, {"name": "a", "threshold": 1}, {"criteria": {"any": []}, "threshold": 2},
	{"name": "d", "criteria": {"metric": "steps"}}, {"name": "e", "criteria": {"at_least": 3, "of": [{"metric": "points", "at_least": 1}, {"all": 1, "any": []}], "colour": "red"}}, 7]');
SELECT promo.tier_for('7', '{}');
SELECT promo.tier_for('7', '7');
SELECT promo.tier_for('null', '[]');
SELECT promo.tier_for('{"points": 1}', '[{"name": "a", "threshold": 0}, {"name": "b", "threshold": 5}]');
SELECT promo.tier_for('1', '[{"name": "a", "threshold": 0}]', 'b');
\set VERBOSITY terse
SELECT promo.tier_for('1', ('[{"name": "a", "threshold": 0}, {"name": "b", "criteria": ' || repeat('{"any": [', 100000) || '1' || repeat(']}', 100000) || '}]')::jsonb);
\set VERBOSITY default
SELECT promo.requalified_tier('b', 1, '[{"name": "a", "threshold": 0}]', 'one_down');
SELECT promo.requalified_tier('a', 1, '[{"name": "a", "threshold": 0}]', 'two_down');
SELECT promo.requalified_tier('a', 'NaN', '[{"name": "a", "threshold": 0}]', 'one_down');
SELECT promo.tier_for(NULL, '[]') IS NULL AS none, promo.requalified_tier('a', NULL, '[]', 'never') IS NULL AS none;

-- Windows of each kind, which end before the day given
SELECT title, evaluated_on, promo.qualification_window(period::jsonb, evaluated_on, '2024-06-30') AS days
FROM (VALUES ('rolling', '{"type": "rolling", "months": 6}', date '2025-08-31'), ('month', '{"type": "calendar", "unit": "month"}', '2024-02-29'), ('quarter', '{"type": "calendar", "unit": "quarter"}', '2026-05-15'),
	('half', '{"type": "calendar", "unit": "half"}', '2026-07-01'), ('year', '{"type": "calendar", "unit": "year"}', '2026-12-31'), ('anniversary', '{"type": "anniversary", "months": 12}', '2026-06-29'),
	('anniversary', '{"type": "anniversary", "months": 12}', '2026-06-30'), ('before it', '{"type": "anniversary", "months": 8}', '2024-01-01'), ('fixed', '{"type": "fixed", "start": "06-15", "months": 6}', '2025-12-15'), ('lifetime', '{"type": "lifetime"}', '2025-12-15')) v(title, period, evaluated_on) ORDER BY 1, 2;
-- as the server's own calendar has it
SELECT count(*) AS days, count(*) FILTER (WHERE promo.qualification_window('{"type": "calendar", "unit": "quarter"}', d::date) = daterange(date_trunc('quarter', d)::date, (date_trunc('quarter', d) + interval '3 months')::date)) AS quarters,
	count(*) FILTER (WHERE lower(promo.qualification_window('{"type": "rolling", "months": 7}', d::date)) = (d - interval '7 months')::date) AS rolling
FROM generate_series(timestamp '1999-12-01', '2004-03-31', interval '1 day') d;

-- Deadlines
SELECT period, achieved_on, promo.tier_deadline(period, achieved_on) AS first, promo.tier_deadline(period, achieved_on, 2) AS second
FROM (VALUES ('{"type": "calendar", "unit": "month"}'::jsonb, date '2026-03-15'), ('{"type": "calendar", "unit": "quarter"}', '2026-05-15'), ('{"type": "rolling", "months": 6}', '2024-03-15'),
	('{"type": "fixed", "start": "01-01", "months": 12}', '2024-07-20'), ('{"type": "rolling", "months": 1}', '2026-01-31'), ('{"type": "lifetime"}', '2026-01-31')) v(period, achieved_on) ORDER BY 1, 2;
SELECT promo.tier_deadline('{"type": "anniversary", "months": 12}', '2025-05-01', enrolled_on => '2024-03-15'), promo.tier_deadline('{"type": "anniversary", "months": 12}', '2025-05-01', 10, '2024-02-29');
SELECT promo.tier_deadline('{"type": "anniversary", "months": 12}', '2025-05-01');
SELECT promo.qualification_window('{"type": "anniversary", "months": 12}', '2025-05-01');
SELECT promo.tier_deadline('{"type": "rolling", "months": 12}', '2025-05-01', 0);
SELECT promo.tier_deadline('{"type": "rolling", "months": 1200}', '5874897-05-01');
SELECT promo.qualification_window('{"type": "rolling", "months": 1200}', '4700-01-01 BC');
SELECT promo.qualification_window('{"type": "rolling", "months": 12}', 'infinity');
SELECT promo.qualification_window('{"type": "fixed", "start": "02-30", "months": 5, "unit": "year", "colour": 1}', '2025-01-01');
SELECT promo.qualification_window('{}', '2025-01-01');
SELECT promo.qualification_window('[]', '2025-01-01');
SELECT promo.qualification_window(NULL, '2025-01-01') IS NULL AS none, promo.tier_deadline('{"type": "lifetime"}', NULL) IS NULL AS none;

-- Birthdays, whatever the year; that of February 29 is never late
SELECT birthday, on_day, promo.birthday_on(birthday, on_day)
FROM (VALUES (date '2000-06-12', date '2026-06-12'), ('2000-06-13', '2026-06-12'), ('2000-02-29', '2026-02-28'), ('2000-02-29', '2026-03-01'), ('2000-02-29', '2028-02-28'), ('2000-02-29', '2028-02-29'), ('2001-02-28', '2028-02-29')) v(birthday, on_day) ORDER BY 1, 2;
SELECT promo.birthday_on('infinity', '2026-01-01');
