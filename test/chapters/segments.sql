\echo
\echo '=== 3. Segments by recency, frequency and money ==='
\echo
CREATE TABLE segment AS
SELECT * FROM promo.rfm('SELECT customer, at, amount FROM event WHERE kind = ''order''',
	(SELECT date_trunc('day', max(at) + interval '1 day') FROM event));

SELECT segment, count(*) AS customers,
	round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent_of_customers,
	round((100 * sum(monetary) / sum(sum(monetary)) OVER ())::numeric, 1) AS percent_of_money,
	round(avg(days_since_last)) AS days_since_last, round(avg(frequency)::numeric, 1) AS frequency
FROM segment GROUP BY segment ORDER BY sum(monetary) DESC;
