-- Which items are bought together.

SET extra_float_digits = 0;

CREATE TABLE line AS
SELECT i % 97 AS invoice, 'item ' || (i * i + i % 7) % 23 AS item FROM generate_series(1, 800) i;

-- The same by a self join, in both directions
CREATE TEMP VIEW by_sql AS
WITH pair AS (SELECT DISTINCT invoice, item FROM line),
	single AS (SELECT item, count(*)::float8 AS n FROM pair GROUP BY item),
	total AS (SELECT count(DISTINCT invoice)::float8 AS n FROM line)
SELECT a.item, b.item AS other, count(*) AS baskets, count(*) / t.n AS support, count(*) / x.n AS confidence,
	count(*) * t.n / x.n / y.n AS lift, count(*) / t.n - x.n * y.n / t.n ^ 2 AS leverage
FROM pair a JOIN pair b ON b.invoice = a.invoice AND b.item <> a.item
JOIN single x ON x.item = a.item JOIN single y ON y.item = b.item, total t
GROUP BY a.item, b.item, t.n, x.n, y.n;
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE r.item IS NULL OR s.item IS NULL) AS missing,
	bool_and(r.baskets = s.baskets AND abs(r.support - s.support) < 1e-12 AND abs(r.confidence - s.confidence) < 1e-12
		AND abs(r.lift - s.lift) < 1e-9 AND abs(r.leverage - s.leverage) < 1e-12) AS equal
FROM promo.basket_rules('SELECT invoice, item FROM line', 1 / 97.0) r FULL JOIN by_sql s USING (item, other);
SELECT count(*) > 20 AS some, count(*) FILTER (WHERE r.item IS NULL OR s.item IS NULL) AS missing
FROM promo.basket_rules('SELECT invoice, item FROM line', 5 / 97.0) r
FULL JOIN (SELECT * FROM by_sql WHERE baskets >= 5) s USING (item, other);

-- One basket, one item, none
SELECT * FROM promo.basket_rules('SELECT 1, ''a'' UNION ALL SELECT 1, ''b'' UNION ALL SELECT 1, ''b''', 1) ORDER BY item;
SELECT count(*) FROM promo.basket_rules('SELECT 1, ''a''');
SELECT count(*) FROM promo.basket_rules('SELECT 1, ''a'' WHERE false');

SELECT * FROM promo.basket_rules('SELECT 1, NULL::text');
SELECT * FROM promo.basket_rules('SELECT 1');
SELECT * FROM promo.basket_rules('SELECT invoice, item FROM line', 0);
SELECT * FROM promo.basket_rules('SELECT invoice, item FROM line', 'NaN');
DROP TABLE line CASCADE;
