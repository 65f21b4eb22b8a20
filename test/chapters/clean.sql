\echo
\echo '=== 1. The raw lines, and what is dirty in them ==='
\echo
SELECT count(*) AS lines, count(DISTINCT invoice) AS invoices, count(DISTINCT customer_id) AS customers,
	min(invoice_date)::date AS first_day, max(invoice_date)::date AS last_day
FROM raw_line;

\echo 'promo.profile() reads them once:'
\echo
CREATE TEMP TABLE column_profile AS
SELECT * FROM promo.profile('SELECT file, invoice, stock_code, description, quantity, invoice_date, unit_price, customer_id, country FROM raw_line');

SELECT column_name, type, nulls, distinct_values AS distinct, left(min, 19) AS min, left(max, 19) AS max,
	round(mean::numeric, 2) AS mean, p50 AS median
FROM column_profile;

\echo 'and says what it noticed:'
\echo
SELECT column_name, warning FROM column_profile, unnest(warnings) AS warning;

\echo 'promo.outlier_bounds() on the amount of a line, and the mean before and after promo.clip() to them;'
\echo 'the log scale suits money, and wholesale orders are real, so nothing is cut here:'
\echo
SELECT method, round(lower(bounds), 2) AS low, round(upper(bounds), 2) AS high, round(avg(amount)::numeric, 2) AS mean,
	round(avg(promo.clip(amount, lower(bounds)::float8, upper(bounds)::float8))::numeric, 2) AS mean_clipped
FROM (SELECT quantity * unit_price::float8 AS amount FROM raw_line WHERE quantity > 0 AND unit_price > 0) a,
	(SELECT method, promo.outlier_bounds(quantity * unit_price::float8, method) AS bounds
	 FROM raw_line, unnest(ARRAY['tukey', 'log_tukey']) method
	 WHERE quantity > 0 AND unit_price > 0 GROUP BY method) b
GROUP BY method, bounds ORDER BY method DESC;

\echo 'promo.duplicates() on a sample of a tenth of the customers (promo.in_sample draws the same one every time):'
\echo 'the same product and quantity for the same customer again within an hour, on any invoice.'
\echo
SELECT d.kind, count(*) AS groups, sum(d.rows) AS lines, sum(d.rows - 1) AS beyond_the_first
FROM promo.duplicates($$
	SELECT customer_id, stock_code, quantity, invoice_date AT TIME ZONE 'Europe/London' AS at FROM raw_line
	WHERE customer_id IS NOT NULL AND quantity > 0 AND promo.in_sample(customer_id::text, 0.1)
	$$, ARRAY['customer_id', 'stock_code', 'quantity'], interval '1 hour') d
GROUP BY d.kind ORDER BY d.kind;

\echo 'promo.impute() gives lines without a description the one their product has most often:'
\echo
SELECT count(*) FILTER (WHERE description IS NULL) AS without,
	count(*) FILTER (WHERE description IS NULL AND filled IS NOT NULL) AS filled
FROM (SELECT description, promo.impute(description, 'mode') OVER (PARTITION BY stock_code) AS filled FROM raw_line) f;

-- What is goods: five digits, perhaps with letters.
CREATE VIEW goods AS
SELECT * FROM raw_line
WHERE stock_code ~ '^[0-9]{5}' AND unit_price > 0 AND customer_id IS NOT NULL AND invoice !~ '^A';

CREATE INDEX ON raw_line (invoice);
ANALYZE raw_line;

-- Both files hold the first days of the second; the second copy goes.
CREATE TEMP TABLE twice AS
SELECT line_id FROM raw_line r
WHERE file = 2010 AND EXISTS (SELECT FROM raw_line o WHERE o.invoice = r.invoice AND o.file = 2009);

-- An order canceled to the last piece within the same day never happened.
CREATE TEMP TABLE undone AS
SELECT o.line_id AS order_line, c.line_id AS cancel_line
FROM (SELECT *, row_number() OVER (PARTITION BY customer_id, stock_code, quantity, invoice_date::date ORDER BY line_id) n
	  FROM goods WHERE quantity > 0 AND line_id NOT IN (SELECT line_id FROM twice)) o
JOIN (SELECT *, row_number() OVER (PARTITION BY customer_id, stock_code, quantity, invoice_date::date ORDER BY line_id) n
	  FROM goods WHERE quantity < 0 AND invoice ~ '^C' AND line_id NOT IN (SELECT line_id FROM twice)) c
	ON c.customer_id = o.customer_id AND c.stock_code = o.stock_code AND c.quantity = -o.quantity
	AND c.invoice_date::date = o.invoice_date::date AND c.invoice_date >= o.invoice_date AND c.n = o.n;

\echo 'What is done about it:'
\echo
SELECT problem, lines, done FROM (VALUES
	(1, 'in both files (the days they share)', (SELECT count(*) FROM twice), 'the second copy is dropped'),
	(2, 'no customer', (SELECT count(*) FROM raw_line WHERE customer_id IS NULL), 'dropped: nobody to learn about'),
	(3, 'bad-debt adjustments (invoice A...)', (SELECT count(*) FROM raw_line WHERE invoice ~ '^A'), 'dropped: no sale'),
	(4, 'postage, fees, samples, vouchers', (SELECT count(*) FROM raw_line WHERE stock_code !~ '^[0-9]{5}'), 'dropped: no goods'),
	(5, 'price zero or below', (SELECT count(*) FROM raw_line WHERE unit_price <= 0), 'dropped: write-offs and gifts'),
	(6, 'canceled in full the same day', (SELECT 2 * count(*) FROM undone), 'order and cancellation are dropped'),
	(7, 'other cancellations (invoice C...)', (SELECT count(*) FROM raw_line WHERE invoice ~ '^C') - (SELECT count(*) FROM undone), 'become returns'),
	(8, 'the same line again on an invoice',
		(SELECT coalesce(sum(n - 1), 0)::bigint FROM (SELECT count(*) n FROM raw_line
			WHERE line_id NOT IN (SELECT line_id FROM twice)
			GROUP BY invoice, stock_code, description, quantity, unit_price, customer_id) d), 'kept: nothing says it is not true')
) v(n, problem, lines, done) ORDER BY n;

-- The shop writes London's time. The last word of a description says what
-- the thing is: BAG, CANDLE, SIGN.
CREATE TABLE event AS
SELECT customer_id::text AS customer,
	invoice_date AT TIME ZONE 'Europe/London' AS at,
	abs(round(quantity * unit_price, 2))::float8 AS amount,
	CASE WHEN quantity > 0 THEN 'order' ELSE 'return' END AS kind,
	abs(quantity)::float8 AS items,
	lower(substring(description FROM '([A-Za-z]+)[^A-Za-z]*$')) AS category,
	invoice AS order_id,
	line_id::text AS event_id
FROM goods
WHERE line_id NOT IN (SELECT line_id FROM twice)
	AND line_id NOT IN (SELECT order_line FROM undone UNION ALL SELECT cancel_line FROM undone)
	AND (quantity > 0) = (invoice !~ '^C');

\echo 'What is left:'
\echo
SELECT kind, count(*) AS lines, count(DISTINCT order_id) AS invoices, count(DISTINCT customer) AS customers,
	round(sum(amount)::numeric, 2) AS amount
FROM event GROUP BY kind ORDER BY kind;
