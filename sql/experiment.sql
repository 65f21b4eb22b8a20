-- Experiments: customers assigned to arms by a hash, once and for all.

-- Shares of the arms; the arm named control is the one that is left alone
SELECT promo.define_experiment('spring', '{"control": 0.2, "five": 0.3, "ten": 0.5}');
SELECT experiment, arms, shares, control, salt, exposure, strata FROM promo.experiments;

-- The arm is the hash's, as anybody can work out: SipHash-2-4 of the id, the
-- first 53 bits, under a key that is the hash of the salt, once with 0 and once with 1
SELECT promo.experiment_fraction('spring', 'c7') = 0.6777739472727642 AS as_published,
	promo.experiment_fraction('spring', 'c7', 'exposure') = 0.8554485015038097 AS exposure_too;
SELECT f, promo.experiment_arm(f, ARRAY[0.2, 0.3, 0.5]) FROM unnest(ARRAY[0, 0.1999, 0.2, 0.4999, 0.5, 1]::float8[]) f;
SELECT promo.assign('spring', 'c7') = 'ten' AS as_computed;

-- Once assigned, a customer stays, and control is written down too
SELECT c, promo.assign('spring', c), promo.assign('spring', c) AS again FROM unnest(ARRAY['ann', 'bob', 'carol', 'dave', 'eve']) c ORDER BY c;
SELECT customer, arm, is_control, is_merged FROM promo.experiment_customers ORDER BY customer COLLATE "C";

-- assign_all assigns those who are new, as assign does
SELECT * FROM promo.assign_all('spring', 'SELECT ''c'' || g FROM generate_series(1, 5000) g');
SELECT * FROM promo.assign_all('spring', 'SELECT ''c'' || g FROM generate_series(1, 5000) g UNION ALL SELECT ''c1''');
SELECT count(*) AS customers, count(*) FILTER (WHERE c.arm = e.arms[promo.experiment_arm(promo.experiment_fraction('spring', c.customer), e.shares)]) AS by_hash
FROM promo.experiment_customers c JOIN promo.experiments e USING (experiment);
SELECT DISTINCT promo.assign('spring', customer) = arm AS same FROM promo.experiment_customers WHERE customer LIKE 'c1%';

-- Are there as many in each arm as there should be?
SELECT stratum, arm, customers, expected, round(chi_square::numeric, 4) AS chi_square, round(p_value::numeric, 4) AS p_value, is_mismatch
FROM promo.sample_ratio_check('spring');
-- chi-square by hand, and its 0.001 and 0.05 quantiles from tables
SELECT round(sum((customers - 5005 * s) ^ 2 / (5005 * s))::numeric, 4) AS chi_square
FROM (SELECT arm, count(*) AS customers FROM promo.experiment_customers GROUP BY arm) c
JOIN (VALUES ('control', 0.2), ('five', 0.3), ('ten', 0.5)) v(arm, s) USING (arm);
SELECT round(promo.chi_square_p_value(10.8276, 1)::numeric, 6), round(promo.chi_square_p_value(5.9915, 2)::numeric, 5),
	promo.chi_square_p_value(0, 3), promo.chi_square_p_value('infinity', 3);
-- Where some went missing of one arm, it is seen
DELETE FROM promo.experiment_assignment a USING promo.customer c WHERE c.customer_id = a.customer_id AND a.arm = 'five' AND c.shop_id ~ '[37]$';
SELECT arm, customers, is_mismatch FROM promo.sample_ratio_check('spring');
SELECT promo.define_experiment('empty', '{"a": 0.5, "b": 0.5}');
SELECT * FROM promo.sample_ratio_check('empty');
SELECT promo.define_experiment('one arm', '{"a": 1}');
SELECT promo.assign('one arm', 'ann'), customers, chi_square, p_value, is_mismatch FROM promo.sample_ratio_check('one arm');

-- What would deal assigned customers anew is refused
SELECT promo.define_experiment('spring', '{"control": 0.3, "five": 0.2, "ten": 0.5}');
SELECT promo.define_experiment('spring', '{"control": 0.2, "five": 0.3, "ten": 0.5}', '{"salt": "other"}');
SELECT promo.define_experiment('spring', '{"control": 0.2, "five": 0.3, "ten": 0.5}', '{"control": "five"}');
SELECT promo.define_experiment('spring', '{"control": 0.2, "five": 0.3, "ten": 0.5}', '{"strata": true}');
-- before the first is assigned everything may change, and the exposure always
SELECT promo.define_experiment('empty', '{"a": 0.1, "b": 0.9}', '{"salt": "other"}');

-- Outside of the exposure a customer takes no part; a larger exposure adds some and moves none
SELECT promo.define_experiment('slow', '{"a": 0.5, "b": 0.5}', '{"exposure": 0.1}');
SELECT * FROM promo.assign_all('slow', 'SELECT ''c'' || g FROM generate_series(1, 2000) g');
CREATE TEMP TABLE early AS SELECT customer, arm FROM promo.experiment_customers WHERE experiment = 'slow';
SELECT promo.define_experiment('slow', '{"a": 0.5, "b": 0.5}', '{"exposure": 0.5}');
SELECT * FROM promo.assign_all('slow', 'SELECT ''c'' || g FROM generate_series(1, 2000) g');
SELECT count(*) AS early, count(c.arm) AS same FROM early e LEFT JOIN promo.experiment_customers c ON c.experiment = 'slow' AND (c.customer, c.arm) = (e.customer, e.arm);
SELECT count(*) FILTER (WHERE promo.assign('slow', 'c' || g) IS NULL) = 2000 - (SELECT count(*) FROM promo.experiment_customers WHERE experiment = 'slow') AS others_none
FROM generate_series(1, 2000) g;
DROP TABLE early;

-- Within strata the arms are as even as they can be: none is off by more than one
SELECT promo.define_experiment('even', '{"control": 0.25, "treated": 0.75}', '{"strata": true}');
SELECT * FROM promo.assign_all('even', 'SELECT ''s'' || g, ''tier '' || g % 7 % 3 FROM generate_series(1, 1000) g');
SELECT stratum, arm, customers, expected, abs(customers - expected) < 1 AS even FROM promo.sample_ratio_check('even') WHERE stratum IS NOT NULL;
-- and which is which the hash decides, not the order of ids: control is everywhere among them
SELECT substr(customer, 2)::int / 250 AS quarter, count(*) FILTER (WHERE is_control) BETWEEN 40 AND 85 AS has_control
FROM promo.experiment_customers WHERE experiment = 'even' AND customer <> 's1000' GROUP BY 1 ORDER BY 1;
SELECT promo.assign('even', 'late', 'tier 1') IN ('control', 'treated') AS assigned, promo.assign('even', 'late') IS NOT NULL AS known;
SELECT promo.assign('even', 'later');
SELECT promo.assign('spring', 'later', 'tier 1');
SELECT promo.assign_all('even', 'SELECT ''x'', ''tier '' || g FROM generate_series(1, 2) g');
SELECT promo.assign_all('even', 'SELECT ''x'', NULL');
SELECT promo.assign_all('even', 'SELECT ''x''');
SELECT promo.assign_all('spring', 'SELECT ''x'', ''y''');

-- The global holdout is in no other experiment, but stays where it was before
SELECT promo.define_experiment('quarter', '{"held": 0.1, "open": 0.9}', '{"control": "held", "global_holdout": true}');
SELECT promo.define_experiment('summer', '{"control": 0.5, "ten": 0.5}');
SELECT count(*) AS customers, count(arm) AS assigned FROM (SELECT promo.assign('summer', 'h' || g) AS arm FROM generate_series(1, 300) g) a;
SELECT sum(customers) AS customers, sum(customers) FILTER (WHERE arm IS NOT NULL) AS assigned
FROM promo.assign_all('summer', 'SELECT ''h'' || g FROM generate_series(1, 1000) g');
SELECT q.arm, count(*) AS customers, count(s.arm) AS in_summer FROM promo.experiment_customers q
LEFT JOIN promo.experiment_customers s ON s.experiment = 'summer' AND s.customer = q.customer
WHERE q.experiment = 'quarter' GROUP BY 1 ORDER BY 1;
SELECT sum(customers) AS spring FROM promo.assign_all('spring', 'SELECT ''c'' || g FROM generate_series(1, 5000) g') WHERE arm IS NOT NULL;
SELECT count(*) AS held_but_treated FROM promo.experiment_customers q JOIN promo.experiment_customers s USING (customer)
WHERE q.experiment = 'quarter' AND q.arm = 'held' AND s.experiment = 'spring';
SELECT promo.define_experiment('all', '{"a": 1}', '{"ignore_holdout": true}');
SELECT count(promo.assign('all', 'h' || g)) FROM generate_series(1, 300) g;
-- There is one at a time
SELECT promo.define_experiment('next quarter', '{"control": 0.1, "open": 0.9}', '{"global_holdout": true}');
SELECT promo.define_experiment('quarter', '{"held": 0.1, "open": 0.9}', '{"control": "held"}');
SELECT promo.define_experiment('next quarter', '{"control": 0.1, "open": 0.9}', '{"global_holdout": true}');

-- All faults of a definition at once
SELECT promo.define_experiment('wrong', '{"a": 0.5, "b": 0.6, "c": "x", "d": 0}', '{"control": "e", "exposure": 0, "stratum": 1, "salt": "", "strata": 1}');
SELECT promo.define_experiment('wrong', '{"a": 0.5, "b": 0.6}');
SELECT promo.define_experiment('wrong', '{}');
SELECT promo.define_experiment('wrong', '[]', '[]');
SELECT promo.define_experiment('wrong', '{"a": 1}', '{"global_holdout": true, "strata": true, "ignore_holdout": true}');
SELECT promo.define_experiment(NULL, '{"a": 1}');
SELECT promo.define_experiment('', '{"a": 1}');
SELECT promo.assign('wrong', 'ann');
SELECT promo.assign(NULL, 'ann');
SELECT promo.assign('spring', '');
SELECT promo.assign_all('wrong', 'SELECT 1');
SELECT * FROM promo.sample_ratio_check('wrong');
SELECT promo.drop_experiment('wrong');
SELECT promo.experiment_fraction('a', 'b', 'c');
SELECT promo.experiment_arm('nan', ARRAY[1]::float8[]);
SELECT promo.experiment_arm(0.5, ARRAY[]::float8[]);
SELECT promo.experiment_arm(0.5, ARRAY[1, NULL]::float8[]);
SELECT promo.experiment_arm(0.5, ARRAY[1, 'nan']::float8[]);
SELECT promo.experiment_arm(0.5, ARRAY[1e308, 1e308]::float8[]);
SELECT promo.chi_square_p_value('nan', 1);
SELECT promo.chi_square_p_value(1, 0);

-- Of two arms of merged customers the older stays; what was done under one id counts
BEGIN;
INSERT INTO promo.customer (shop_id) VALUES ('old'), ('new'), ('other');
INSERT INTO promo.experiment_assignment (experiment_id, customer_id, arm, assigned_at)
SELECT e.experiment_id, c.customer_id, v.arm, v.at FROM (VALUES
	('spring', 'old', 'ten', timestamptz '2026-01-01 00:00Z'), ('spring', 'new', 'five', '2026-02-01 00:00Z'),
	('summer', 'old', 'ten', '2026-02-01 00:00Z'), ('summer', 'new', 'control', '2026-01-01 00:00Z'),
	('slow', 'old', 'a', '2026-01-01 00:00Z'), ('all', 'new', 'a', '2026-01-01 00:00Z')) v(experiment, customer, arm, at)
JOIN promo.experiment e USING (experiment) JOIN promo.customer c ON c.shop_id = v.customer;
SELECT promo.segment_merge(promo.customer_known('old'), promo.customer_known('new'));
SELECT experiment, customer, arm, is_merged FROM promo.experiment_customers WHERE customer IN ('old', 'new') ORDER BY 1;
ROLLBACK;

-- Shown; forgotten, the arm still counts
SELECT jsonb_path_query_array(promo.customer_data('late'), '$.segment.experiments[*].stratum') AS strata;
SELECT promo.forget_customer('late');
SELECT customer, arm IS NOT NULL AS has_arm, stratum FROM promo.experiment_customers WHERE experiment = 'even' AND customer IS NULL;
SELECT sum(customers) FROM promo.sample_ratio_check('even') WHERE stratum IS NULL;

-- An analyst defines and checks, an application assigns
CREATE ROLE experiment_test_analyst;
CREATE ROLE experiment_test_application;
GRANT EXECUTE ON FUNCTION promo.define_experiment(text, jsonb, jsonb), promo.drop_experiment(text),
	promo.assign_all(text, text), promo.sample_ratio_check(text) TO experiment_test_analyst;
GRANT EXECUTE ON FUNCTION promo.assign(text, text, text) TO experiment_test_application;
CREATE TABLE hidden AS SELECT 'ann'::text AS customer;
SET ROLE experiment_test_analyst;
SELECT promo.define_experiment('theirs', '{"a": 1}', '{"ignore_holdout": true}');
SELECT promo.define_experiment('empty', '{"a": 1}');
SELECT promo.drop_experiment('spring');
SELECT * FROM promo.assign_all('theirs', 'SELECT ''ann''');
-- the query is the caller's, who may not see this table
SELECT * FROM promo.assign_all('theirs', 'SELECT customer FROM hidden');
SELECT customers FROM promo.sample_ratio_check('theirs');
SELECT promo.assign('theirs', 'ann');
SELECT * FROM promo.experiment_assignment;
SELECT promo.drop_experiment('theirs');
SET ROLE experiment_test_application;
SELECT promo.assign('one arm', 'ann');
SELECT promo.assign_all('one arm', 'SELECT 1');
SELECT promo.sample_ratio_check('one arm');
SELECT promo.define_experiment('mine', '{"a": 1}');
SELECT * FROM promo.experiment_customers;
SELECT promo.experiment_merge(1, 2);
RESET ROLE;
DROP OWNED BY experiment_test_analyst, experiment_test_application;
DROP ROLE experiment_test_analyst, experiment_test_application;

SELECT promo.drop_experiment(experiment) FROM promo.experiments ORDER BY experiment;
SELECT count(*) FROM promo.experiment_assignment;
DROP TABLE hidden;
