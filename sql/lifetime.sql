-- Lifetime value: BG/NBD for when customers buy and leave, Gamma-Gamma for
-- what they spend.
SET search_path = public;

-- A fit can be typed in with its parameters alone.  These are the published
-- ones of the CDNOW sample in weeks (Fader, Hardie, Lee 2005)
CREATE VIEW cdnow AS
SELECT 'r=0.243 alpha=4.414 a=0.793 b=2.426'::promo.bgnbd AS fit,
	'p=6.25 q=3.74 v=15.44'::promo.gamma_gamma AS spend;

-- and this is their customer with two repeat purchases, of whom the paper
-- expects 1.226 in the next 39 weeks
SELECT round(promo.expected_purchases(fit, 39, 2, 30.43, 38.86)::numeric, 3) AS expected
FROM cdnow;

-- The same by the paper's equation (10), its hypergeometric series term by term
WITH RECURSIVE p AS (
	SELECT 0.243::float8 AS r, 4.414::float8 AS alpha, 0.793::float8 AS a, 2.426::float8 AS b,
		39::float8 AS h, x::float8, s::float8, t::float8
	FROM (VALUES (0, 0, 38.86), (1, 1.71, 38.86), (2, 30.43, 38.86), (26, 30.86, 31)) v(x, s, t)
), series AS (
	SELECT p.*, 0 AS n, 1::float8 AS term, 1::float8 AS total FROM p
	UNION ALL
	SELECT r, alpha, a, b, h, x, s, t, n + 1, next, total + next
	FROM series, LATERAL (SELECT term * (r + x + n) * (b + x + n) / ((a + b + x - 1 + n) * (n + 1)) *
		h / (alpha + t + h) AS next) step
	WHERE n < 400
)
SELECT x, abs(promo.expected_purchases(fit, h, x, s, t) / expected - 1) < 1e-12 AS equal
FROM cdnow, series, LATERAL (SELECT (a + b + x - 1) / (a - 1) *
	(1 - ((alpha + t) / (alpha + t + h)) ^ (r + x) * total) /
	(1 + CASE WHEN x > 0 THEN a / (b + x - 1) * ((alpha + t) / (alpha + s)) ^ (r + x) ELSE 0 END) AS expected) e
WHERE n = 400
ORDER BY x;

-- What the fit does not know is NULL
SELECT name, value, standard_error FROM cdnow, promo.parameters(fit);
SELECT name, value, standard_error FROM cdnow, promo.parameters(spend);

-- Customers made by the models themselves: rates spread as Gamma(2, 20),
-- chances to leave as Beta(1, 3), each followed for up to 100 days; amounts as
-- Gamma(4, nu) with nu spread as Gamma(3, 30).  The numbers are drawn by MD5,
-- so that they are the same everywhere
CREATE FUNCTION draw(VARIADIC key text[]) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$SELECT (('x' || substr(md5(array_to_string($1, ' ')), 1, 12))::bit(48)::bigint + 0.5) / 2.0 ^ 48$$;

CREATE TABLE buyer AS
WITH RECURSIVE who AS (
	SELECT c AS customer,
		-ln(draw('rate', c::text) * draw('rate 2', c::text)) / 20 AS rate,
		1 - draw('leaving', c::text) ^ (1 / 3.0) AS leaving,
		floor(20 + 80 * draw('since', c::text)) AS t,
		-ln(draw('nu', c::text) * draw('nu 2', c::text) * draw('nu 3', c::text)) / 30 AS nu
	FROM generate_series(1, 3000) c
), purchase AS (
	SELECT customer, rate, leaving, t, nu, 0 AS n, 0::float8 AS at, true AS alive FROM who
	UNION ALL
	SELECT customer, rate, leaving, t, nu, n + 1, next, draw('leaves', customer::text, n::text) > leaving
	FROM purchase, LATERAL (SELECT at - ln(draw('at', customer::text, n::text)) / rate AS next) step
	WHERE alive AND next <= t
)
SELECT customer, max(n) AS frequency, max(at) AS recency, t,
	coalesce(avg(-ln(draw('a', customer::text, n::text) * draw('b', customer::text, n::text) *
		draw('c', customer::text, n::text) * draw('d', customer::text, n::text)) / nu)
		FILTER (WHERE n > 0), 0) AS monetary
FROM purchase
GROUP BY customer, t;

CREATE TABLE fit AS
SELECT promo.bgnbd_fit(frequency, recency, t) AS purchases,
	promo.gamma_gamma_fit(frequency, monetary) AS spend
FROM buyer;

-- The fits find what the customers were made with, within three standard errors
SELECT name, known, abs(value - known) < 3 * standard_error AS found, standard_error < known / 2.0 AS sharp
FROM fit, promo.parameters(purchases)
JOIN (VALUES ('r', 2), ('alpha', 20), ('a', 1), ('b', 3)) k(name, known) USING (name);
SELECT name, known, abs(value - known) < 3 * standard_error AS found, standard_error < known / 2.0 AS sharp
FROM fit, promo.parameters(spend)
JOIN (VALUES ('p', 4), ('q', 3), ('v', 30)) k(name, known) USING (name);

-- The log likelihood is that of the papers' formulas.  Gamma-Gamma leaves out
-- who never came back
CREATE FUNCTION log_gamma(x float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$SELECT (y - 0.5) * ln(y) - y + ln(2 * pi()) / 2 + 1 / (12 * y) - 1 / (360 * y ^ 3) + 1 / (1260 * y ^ 5) -
	(SELECT sum(ln(x + i)) FROM generate_series(0, 19) i) FROM (SELECT x + 20 AS y) shifted$$;

SELECT f.value AS customers, abs(l.value / reference - 1) < 1e-9 AS equal
FROM fit, LATERAL (
	SELECT max(value) FILTER (WHERE name = 'r') AS r, max(value) FILTER (WHERE name = 'alpha') AS alpha,
		max(value) FILTER (WHERE name = 'a') AS a, max(value) FILTER (WHERE name = 'b') AS b
	FROM promo.parameters(purchases)) p, LATERAL (
	SELECT sum(log_gamma(r + x) - log_gamma(r) + r * ln(alpha) + log_gamma(a + b) + log_gamma(b + x)
		- log_gamma(b) - log_gamma(a + b + x) + ln((alpha + t) ^ -(r + x) +
		CASE WHEN x > 0 THEN a / (b + x - 1) * (alpha + recency) ^ -(r + x) ELSE 0 END)) AS reference
	FROM buyer, LATERAL (SELECT frequency AS x) f) s,
	promo.parameters(purchases) f, promo.parameters(purchases) l
WHERE f.name = 'customers' AND l.name = 'log_likelihood';
SELECT f.value = (SELECT count(*) FROM buyer WHERE frequency > 0) AS customers,
	abs(l.value / reference - 1) < 1e-9 AS equal
FROM fit, LATERAL (
	SELECT max(value) FILTER (WHERE name = 'p') AS p, max(value) FILTER (WHERE name = 'q') AS q,
		max(value) FILTER (WHERE name = 'v') AS v
	FROM promo.parameters(spend)) p, LATERAL (
	SELECT sum(log_gamma(p * x + q) - log_gamma(p * x) - log_gamma(q) + q * ln(v) +
		(p * x - 1) * ln(monetary) + p * x * ln(x) - (p * x + q) * ln(v + x * monetary)) AS reference
	FROM buyer, LATERAL (SELECT frequency::float8 AS x) f WHERE frequency > 0) s,
	promo.parameters(spend) f, promo.parameters(spend) l
WHERE f.name = 'customers' AND l.name = 'log_likelihood';

-- The same bits in any order of rows, and from parallel workers
SELECT promo.bgnbd_fit(frequency, recency, t ORDER BY customer)::text = purchases::text AS by_customer,
	promo.bgnbd_fit(frequency, recency, t ORDER BY draw(customer::text))::text = purchases::text AS purchases_shuffled,
	promo.gamma_gamma_fit(frequency, monetary ORDER BY draw(customer::text))::text = spend::text AS spend_shuffled
FROM buyer, fit GROUP BY purchases::text, spend::text;
ALTER TABLE buyer SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT promo.bgnbd_fit(frequency, recency, t) FROM buyer;
SELECT promo.bgnbd_fit(frequency, recency, t)::text = (SELECT purchases::text FROM fit) AS purchases,
	promo.gamma_gamma_fit(frequency, monetary)::text = (SELECT spend::text FROM fit) AS spend
FROM buyer;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- A state is a value of its own, which may travel as text or be kept per day:
-- states of parts give the same fit as all at once
CREATE AGGREGATE customers_of(float8, float8, float8) (SFUNC = promo.bgnbd_accum, STYPE = promo.lifetime_state);
CREATE AGGREGATE fit_of(promo.lifetime_state) (SFUNC = promo.lifetime_state_combine, STYPE = promo.lifetime_state,
	FINALFUNC = promo.bgnbd_final);
CREATE TABLE part AS
SELECT customer % 7 AS part, customers_of(frequency, recency, t) AS state
FROM buyer GROUP BY part;
SELECT fit_of(state)::text = min(purchases::text) AS kept,
	fit_of(state::text::promo.lifetime_state)::text = min(purchases::text) AS traveled
FROM part, fit;

-- Functions on states do not change what they are given
SELECT count(promo.bgnbd_accum(state, 1, 2, 3)), count(promo.lifetime_state_combine(state, state)) FROM part;
SELECT fit_of(state)::text = min(purchases::text) AS kept FROM part, fit;

-- Each group of customers has its own fit, each window too
SELECT customer % 2 AS half, value AS customers
FROM (SELECT customer % 2 AS customer, promo.bgnbd_fit(frequency, recency, t) AS fit FROM buyer GROUP BY 1) g,
	promo.parameters(fit)
WHERE name = 'customers'
ORDER BY half;
SELECT thousand, value AS customers, fit::text = (SELECT spend::text FROM fit) AS all_of_them
FROM (SELECT DISTINCT ON (customer / 1001) customer / 1001 AS thousand,
		promo.gamma_gamma_fit(frequency, monetary) OVER (ORDER BY customer / 1001) AS fit FROM buyer) w,
	promo.parameters(fit)
WHERE name = 'customers'
ORDER BY thousand;

-- Equal customers count as many times as they are there
SELECT p.name, abs(p.value / q.value - 1) < 1e-9 AS value,
	abs(p.standard_error * sqrt(3) / q.standard_error - 1) < 1e-9 AS standard_error
FROM fit, (SELECT promo.bgnbd_fit(frequency, recency, t) AS thrice FROM buyer, generate_series(1, 3)) f,
	promo.parameters(thrice) p JOIN LATERAL promo.parameters(purchases) q USING (name)
WHERE p.name IN ('r', 'alpha', 'a', 'b');

-- A customer who never came back had no occasion to leave; for others the
-- chance falls with the time without a purchase
SELECT x, s, t, round(promo.p_alive(fit, x, s, t)::numeric, 4) AS p_alive
FROM cdnow, (VALUES (0, 0, 38.86), (2, 30.43, 30.43), (2, 30.43, 38.86), (2, 30.43, 60), (20, 30.43, 60)) v(x, s, t);

-- Nothing happens in no time; an unknown figure gives an unknown answer
SELECT promo.expected_purchases(fit, 0, 2, 30.43, 38.86) AS none,
	promo.expected_purchases(fit, NULL, 2, 30.43, 38.86) AS horizon_unknown,
	promo.p_alive(fit, 2, NULL, 38.86) AS recency_unknown,
	promo.expected_spend(NULL, 2, 22.35) AS fit_unknown
FROM cdnow;

-- What a customer will spend lies between what they did and what everybody
-- does, the nearer to the former the more often they came
SELECT x, m, round(promo.expected_spend(spend, x, m)::numeric, 2) AS expected
FROM cdnow, (VALUES (0, 0), (1, 100), (10, 100), (1000, 100)) v(x, m);

-- Lifetime value is purchases times spend, and less when the future counts less
SELECT round(promo.lifetime_value(fit, spend, 39, 2, 30.43, 38.86, 22.35)::numeric, 4) AS value,
	round((promo.expected_purchases(fit, 39, 2, 30.43, 38.86) * promo.expected_spend(spend, 2, 22.35))::numeric, 4) AS product,
	round(promo.lifetime_value(fit, spend, 39, 2, 30.43, 38.86, 22.35, discount_rate => 0.01)::numeric, 4) AS discounted
FROM cdnow;

-- A discounted value is the sum over small steps of time, each discounted to its middle
SELECT rate, abs(promo.lifetime_value(fit, spend, 39, 2, 30.43, 38.86, 22.35, rate) / steps - 1) < 1e-6 AS equal
FROM cdnow, (VALUES (0.001), (0.01), (0.2)) r(rate), LATERAL (
	SELECT promo.expected_spend(spend, 2, 22.35) * sum((promo.expected_purchases(fit, n / 50.0, 2, 30.43, 38.86) -
		promo.expected_purchases(fit, (n - 1) / 50.0, 2, 30.43, 38.86)) / (1 + rate) ^ ((n - 0.5) / 50.0)) AS steps
	FROM generate_series(1, 39 * 50) n) s;

-- Customers with thousands of purchases, and horizons without end in sight
SELECT x, h, round(promo.expected_purchases(fit, h, x, s, s + 0.01)::numeric, 3) AS expected
FROM cdnow, (VALUES (5000, 300, 1), (5000, 300, 1e4), (100000, 300, 39), (0, 0, 1e9)) v(x, s, h);

-- The models refuse what is no customer, and say all that is wrong with it
SELECT promo.bgnbd_fit(x, s, t) FROM (VALUES (1.5, 40, 38.86)) v(x, s, t);
SELECT promo.bgnbd_fit(x, s, t) FROM (VALUES (0, 3, 'NaN'::float8)) v(x, s, t);
SELECT promo.bgnbd_fit(x, s, t) FROM (VALUES (-1, -2, 'Infinity'::float8)) v(x, s, t);
SELECT promo.gamma_gamma_fit(x, m) FROM (VALUES (2, 0), (3, 10)) v(x, m);
SELECT promo.gamma_gamma_fit(x, m) FROM (VALUES ('NaN'::float8, 'Infinity'::float8)) v(x, m);
SELECT promo.lifetime_value(fit, spend, -1, 2, 40, 38.86, -5, 'NaN') FROM cdnow;
SELECT promo.p_alive(fit, 5e9, 40, 50) FROM cdnow;

-- Rows with a NULL, and for Gamma-Gamma those without a purchase after the
-- first, are left out; what is left must be more than one
SELECT promo.bgnbd_fit(NULL, 1, 2);
SELECT promo.bgnbd_fit(x, s, t) FROM (VALUES (1, 2, 3), (NULL, 2, 3), (1, NULL, 3), (1, 2, NULL)) v(x, s, t);
SELECT promo.bgnbd_fit(1, 2, 3) WHERE false;
SELECT promo.gamma_gamma_fit(x, m) FROM (VALUES (0, 0), (0, 'NaN'::float8), (NULL, 3), (1, 3)) v(x, m);

-- Where the likelihood has no maximum there is no fit: nobody came back,
SELECT promo.bgnbd_fit(0, 0, n) FROM generate_series(1, 100) n;
CREATE FUNCTION why_not(query text, OUT code text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
EXCEPTION WHEN data_exception THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	-- where the search ended is of no interest
	detail := regexp_replace(detail, ' (it )?came to .*', ' ...');
END
$$;
\x on
-- nobody leaves,
SELECT (why_not('SELECT promo.bgnbd_fit(n % 8, CASE WHEN n % 8 = 0 THEN 0 ELSE 50 END, 50) FROM generate_series(1, 100) n')).*;
-- all are alike,
SELECT (why_not('SELECT promo.bgnbd_fit(3, 40, 50) FROM generate_series(1, 100) n')).*;
-- or everybody spends the same
SELECT (why_not('SELECT promo.gamma_gamma_fit(1 + n % 5, 20) FROM generate_series(1, 100) n')).*;
\x off

-- With heavy tails the mean of all customers is infinite, and the answer is no number
SELECT promo.expected_spend('p=2 q=0.9 v=10', 0, 0);
SELECT round(promo.expected_spend('p=2 q=0.9 v=10', 1, 20)::numeric, 4) AS expected;

-- A fit is a value: as text it comes back to the bit
SELECT purchases::text::promo.bgnbd::text = purchases::text AS purchases,
	spend::text::promo.gamma_gamma::text = spend::text AS spend,
	pg_column_size(purchases) AS bytes
FROM fit;
SELECT 'b=2.5, a=0.1 r=1 alpha=1e-3'::promo.bgnbd, 'version=1 p=1 q=2 v=3 se_q=0.5 customers=9'::promo.gamma_gamma;

-- and in binary
CREATE TEMPORARY TABLE back (LIKE fit);
CREATE TEMPORARY TABLE part_back (LIKE part);
\copy fit TO 'results/lifetime_fit.data' (FORMAT binary)
\copy back FROM 'results/lifetime_fit.data' (FORMAT binary)
\copy part TO 'results/lifetime_part.data' (FORMAT binary)
\copy part_back FROM 'results/lifetime_part.data' (FORMAT binary)
SELECT back.purchases::text = fit.purchases::text AS purchases, back.spend::text = fit.spend::text AS spend FROM back, fit;
SELECT bool_and(part.state::text = part_back.state::text) AS states FROM part JOIN part_back USING (part);

-- What is no fit is refused, with all that is wrong
SELECT 'r=0.2 alpha=-4 a=x b=inf version=2 c=1'::promo.bgnbd;
SELECT 'p=1 q=2'::promo.gamma_gamma;
SELECT ''::promo.bgnbd;
SELECT 'r=1 alpha=1 a=1 b=1 se_r=-1 customers=0.5'::promo.bgnbd;

-- as are states that no aggregate made, or another one did
SELECT ''::promo.lifetime_state;
SELECT 'x'::promo.lifetime_state;
SELECT '020000'::promo.lifetime_state;
SELECT '0100ffffffffff01'::promo.lifetime_state;
-- (one customer, frequency 1, recency 2, t 1)
SELECT '01000101010000000000000040000000000000f03f'::promo.lifetime_state;
SELECT promo.gamma_gamma_final('010000'::promo.lifetime_state);
SELECT promo.lifetime_state_combine('010000', '010100');
SELECT promo.bgnbd_final('010000'::promo.lifetime_state);
SELECT promo.bgnbd_final(NULL);

DROP TABLE buyer, fit, part;
DROP VIEW cdnow;
DROP AGGREGATE customers_of(float8, float8, float8);
DROP AGGREGATE fit_of(promo.lifetime_state);
DROP FUNCTION draw(text[]);
DROP FUNCTION log_gamma(float8), why_not(text);
