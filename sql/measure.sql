-- How alike two things are that are arrays.

SET extra_float_digits = 0;

-- The cosine of the angle between two vectors
SELECT promo.cosine('{1, 0}', '{1, 1}') AS at_45_degrees, promo.cosine('{1, 2, 3}', '{2, 4, 6}') AS same_way,
	promo.cosine('{1, 2}', '{-1, -2}') AS opposite, promo.cosine('{1, 0}', '{0, 7}') AS at_right_angles;

-- by its definition, in SQL
SELECT count(*), bool_and(abs(promo.cosine(a, b) - by_hand) < 1e-15) AS equal
FROM (SELECT array_agg(sin(i * n)::float8 ORDER BY i) AS a, array_agg(cos(i * i + n)::float8 ORDER BY i) AS b,
		sum(sin(i * n) * cos(i * i + n)) / sqrt(sum(sin(i * n) ^ 2)) / sqrt(sum(cos(i * i + n) ^ 2)) AS by_hand
	FROM generate_series(1, 50) n, generate_series(1, 40) i GROUP BY n) v;

-- Neither very large nor very small numbers are lost
SELECT promo.cosine('{1e308, 1e308}', '{1e308, 0}') AS large, promo.cosine('{1e-308, 1e-308}', '{1e-308, 0}') AS small;

-- What points nowhere has no angle
SELECT promo.cosine('{0, 0}', '{1, 1}') AS zero, promo.cosine('{}', '{}') AS empty, promo.cosine(NULL, '{1}') AS missing;

SELECT promo.cosine('{1, 2}', '{1, 2, 3}');
SELECT promo.cosine('{1, NULL}', '{1, 2}');
SELECT promo.cosine('{1, NaN}', '{1, 2}');
SELECT promo.cosine('{1, 2}', '{1, -Infinity}');
SELECT promo.cosine('{{1, 2}}', '{{1, 2}}');

-- What two sets share
SELECT promo.jaccard('{red,blue,green}'::text[], '{blue,red,black}'::text[]) AS two_of_four,
	promo.jaccard('{1,2,3}'::int[], '{3,2,1}') AS same, promo.jaccard('{1}'::int[], '{2}') AS nothing,
	promo.jaccard('{1}'::int[], '{}') AS with_nothing;

-- Elements count once, NULLs and dimensions do not
SELECT promo.jaccard('{a,a,NULL,b}'::text[], '{{b,b},{c,NULL}}'::text[]) AS one_of_three;

-- The same by SQL, for sets by chance
SELECT count(*), bool_and(promo.jaccard(a, b) = by_hand) AS equal
FROM (SELECT a, b, (SELECT count(*) FROM (SELECT unnest(a) INTERSECT SELECT unnest(b)) s)::float8
		/ (SELECT count(*) FROM (SELECT unnest(a) UNION SELECT unnest(b)) s) AS by_hand
	FROM (SELECT array_agg(i * i * n % 23) AS a, array_agg(i * (i + n) % 29) AS b
		FROM generate_series(1, 60) n, generate_series(1, 15) i GROUP BY n) s) v;

-- Equal is what the type says, under the collation of the call
SELECT promo.jaccard('{1.0, 2}'::numeric[], '{1.00, 3}') AS numbers;
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT promo.jaccard('{Red, Blue}'::text[], '{RED, blue}'::text[]) AS bytes,
	promo.jaccard('{Red, Blue}'::text[] COLLATE any_case, '{RED, blue}'::text[]) AS any_case;
DROP COLLATION any_case;

SELECT promo.jaccard('{}'::text[], '{NULL}') AS both_empty, promo.jaccard(NULL::text[], '{a}') AS missing;
SELECT promo.jaccard(ARRAY['{}'::json], ARRAY['{}'::json]);
SELECT promo.jaccard('{1}'::int[], '{a}'::text[]);
