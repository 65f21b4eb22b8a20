-- A shop of our own: two years of invoices of 5,000 customers, seeded, with
-- what real ones have: regulars and one-time buyers, customers who quietly
-- stay away, a Christmas season, favorite products, and dirt.
DO $$ BEGIN PERFORM setseed(0.42); END $$;

CREATE TEMP TABLE product AS
SELECT (20000 + i)::text AS stock_code,
	(ARRAY['RED', 'BLUE', 'VINTAGE', 'SMALL', 'LARGE', 'WOODEN', 'GLASS', 'RETRO'])[1 + i % 8] || ' ' ||
	(ARRAY['RABBIT', 'HEART', 'STAR', 'ROSE', 'POLKADOT'])[1 + i / 8 % 5] || ' ' ||
	(ARRAY['MUG', 'BAG', 'CANDLE', 'CLOCK', 'LANTERN', 'CUSHION', 'CARD', 'BOX', 'SIGN', 'BOWL'])[1 + i / 40 % 10] AS description,
	round((0.4 + 12 * random() ^ 3)::numeric, 2) AS price,
	i
FROM generate_series(0, 399) i;

-- A customer buys at a rate of their own until one day they stop.
CREATE TEMP TABLE shopper AS
SELECT 12000 + i AS customer_id,
	timestamp '2009-12-01' + random() * 600 * interval '1 day' AS first_visit,
	exp(3.9 + 1.0 * (random() + random() + random() + random() - 2)) AS gap_days,
	CASE WHEN random() < 0.3 THEN 0 WHEN random() < 0.7 THEN -ln(random()) * 300 ELSE 5000 END AS life_days,
	exp(1.1 * (random() + random() + random() - 1.5)) AS size,
	floor(random() * 10)::int AS favorite,
	CASE WHEN random() < 0.9 THEN 'United Kingdom' WHEN random() < 0.5 THEN 'France' ELSE 'Germany' END AS country
FROM generate_series(1, 5000) i;

-- Gaps add up to visits; from September to November some come twice as often.
CREATE TEMP TABLE visit AS
WITH RECURSIVE step AS (
	SELECT customer_id, first_visit AS at, 1 AS n FROM shopper
	UNION ALL
	SELECT s.customer_id,
		step.at - ln(random()) * interval '1 day' * s.gap_days
			* CASE WHEN extract(month FROM step.at) IN (9, 10, 11) THEN 0.5 ELSE 1 END,
		n + 1
	FROM step JOIN shopper s USING (customer_id)
	WHERE n < 400 AND step.at < timestamp '2011-12-09'
		AND step.at < s.first_visit + s.life_days * interval '1 day'
)
SELECT row_number() OVER (ORDER BY at, customer_id) AS n, customer_id, date_trunc('minute', at) AS at
FROM step
WHERE at < timestamp '2011-12-09';

INSERT INTO raw_line (file, invoice, stock_code, description, quantity, invoice_date, unit_price, customer_id, country)
SELECT CASE WHEN v.at < '2010-12-09' THEN 2009 ELSE 2010 END, (480000 + v.n)::text, p.stock_code,
	CASE WHEN random() < 0.1 THEN p.description || ' ' ELSE p.description END,
	greatest(1, (s.size * 6 * random())::int), v.at, p.price, v.customer_id, s.country
FROM visit v
JOIN shopper s USING (customer_id)
CROSS JOIN LATERAL generate_series(1, 1 + floor(5 * s.size * random())::int + 0 * v.n::int) line
CROSS JOIN LATERAL (
	SELECT CASE WHEN random() < 0.5 THEN 40 * s.favorite + floor(40 * random())
		ELSE floor(400 * random() ^ 2) END::int + 0 * line AS i OFFSET 0) pick
JOIN product p USING (i)
ORDER BY v.n, line;

-- Some lines come back, some were typed twice, some never had a customer.
INSERT INTO raw_line (file, invoice, stock_code, description, quantity, invoice_date, unit_price, customer_id, country)
SELECT file, 'C' || (700000 + line_id), stock_code, description, -quantity,
	least(invoice_date + floor(28800 * random() ^ 3) * interval '1 minute', timestamp '2011-12-08 20:00'), unit_price, customer_id, country
FROM raw_line WHERE random() < 0.02 ORDER BY line_id;
INSERT INTO raw_line (file, invoice, stock_code, description, quantity, invoice_date, unit_price, customer_id, country)
SELECT file, invoice, stock_code, description, quantity, invoice_date, unit_price, customer_id, country
FROM raw_line WHERE random() < 0.01 ORDER BY line_id;
UPDATE raw_line SET customer_id = NULL WHERE customer_id % 97 = 0;
UPDATE raw_line SET unit_price = 0 WHERE line_id % 499 = 0;
INSERT INTO raw_line (file, invoice, stock_code, description, quantity, invoice_date, unit_price, customer_id, country)
SELECT file, invoice, 'POST', 'POSTAGE', 1, invoice_date, 18, customer_id, country
FROM raw_line WHERE country <> 'United Kingdom' AND line_id % 20 = 0 ORDER BY line_id;
-- The second file repeats the last week of the first.
INSERT INTO raw_line (file, invoice, stock_code, description, quantity, invoice_date, unit_price, customer_id, country)
SELECT 2010, invoice, stock_code, description, quantity, invoice_date, unit_price, customer_id, country
FROM raw_line WHERE file = 2009 AND invoice_date >= '2010-12-02' ORDER BY line_id;
