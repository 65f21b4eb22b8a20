-- Predictions for all rows of a query: what predict() gives for each, and faster
CREATE TABLE buyer AS
SELECT g AS id, CASE WHEN g % 13 <> 0 THEN g % 5 END AS channel, (g * 7919 % 1000) / 10.0 AS spend,
	CASE WHEN g % 11 <> 0 THEN (ARRAY['north', 'south', 'west'])[1 + g % 3] END AS region,
	(g * 7919 % 1000) > 600 AS will_buy,
	'tier ' || (g * 7919 % 1000) / 300 AS tier,
	(g * 7919 % 1000) / 10.0 * 3 + g % 4 AS next_spend
FROM generate_series(1, 10000) g;
SELECT model, target_kind FROM promo.train('score next', 'SELECT channel, spend, region, next_spend FROM buyer', 'next_spend', '{"trees": 10}')
UNION ALL
SELECT model, target_kind FROM promo.train('score buys', 'SELECT channel, spend, region, will_buy FROM buyer', 'will_buy', '{"trees": 10}')
UNION ALL
SELECT model, target_kind FROM promo.train('score tier', 'SELECT channel, spend, region, tier FROM buyer', 'tier', '{"trees": 10}')
UNION ALL
SELECT model, target_kind FROM promo.train('score linear', 'SELECT channel, spend, region, will_buy FROM buyer', 'will_buy', '{"algorithm": "logistic"}');

-- A value has no class
SELECT count(*) AS rows, count(*) FILTER (WHERE prediction = promo.predict('score next', b)) AS same, count(class) AS classes
FROM promo.score('score next', 'SELECT * FROM buyer', 'id') s JOIN buyer b ON b.id::text = s.key;

-- The probability of true, or of the most probable class where none is positive
SELECT count(*) AS rows, count(*) FILTER (WHERE prediction = promo.predict('score buys', b)) AS same,
	count(*) FILTER (WHERE class = promo.predict_class('score buys', b)) AS same_class
FROM promo.score('score buys', 'SELECT * FROM buyer', 'id') s JOIN buyer b ON b.id::text = s.key;
SELECT count(*) AS rows, count(*) FILTER (WHERE class = promo.predict_class('score tier', b)) AS same_class,
	count(*) FILTER (WHERE prediction = (promo.predict_proba('score tier', b) ->> class)::float8) AS same
FROM promo.score('score tier', 'SELECT * FROM buyer', 'id') s JOIN buyer b ON b.id::text = s.key;
SELECT count(*) AS rows, count(*) FILTER (WHERE abs(prediction - promo.predict('score linear', b)) < 1e-12) AS same
FROM promo.score('score linear', 'SELECT * FROM buyer', 'id') s JOIN buyer b ON b.id::text = s.key;

-- Columns in any order, keys of any type or none, no rows at all
SELECT * FROM (SELECT key, round(prediction::numeric) AS near, class FROM promo.score('score next',
	$$SELECT 'x'::text AS region, 50.0::float8 AS spend, NULL::int AS channel, k FROM (VALUES ('2026-01-05'::date), (NULL)) v(k)$$, 'k')) s
ORDER BY key;
SELECT * FROM promo.score('score next', 'SELECT * FROM buyer WHERE false', 'id');

-- What cannot be
SELECT * FROM promo.score('score next', 'SELECT spend, id FROM buyer', 'id');
SELECT * FROM promo.score('score next', 'SELECT * FROM buyer', 'nobody');
SELECT * FROM promo.score('score next', 'SELECT *, 1 AS id FROM buyer', 'id');
SELECT * FROM promo.score('nobody', 'SELECT * FROM buyer', 'id');
SELECT * FROM promo.score('score next', 'DELETE FROM buyer', 'id');
SELECT * FROM promo.score('score next', NULL, 'id');

-- The query is the caller's, and so are its rights
CREATE ROLE score_shop;
GRANT EXECUTE ON FUNCTION promo.score(text, text, text) TO score_shop;
SET ROLE score_shop;
SELECT * FROM promo.score('score next', 'SELECT * FROM buyer', 'id');
SELECT key, prediction IS NOT NULL AS scored FROM promo.score('score next', 'SELECT 1 AS id, 2 AS channel, 3.5 AS spend, NULL::text AS region', 'id');
RESET ROLE;
REVOKE ALL ON FUNCTION promo.score(text, text, text) FROM score_shop;
DROP ROLE score_shop;

SELECT count(promo.drop_model(model)) FROM promo.model WHERE model LIKE 'score %';
DROP TABLE buyer;
