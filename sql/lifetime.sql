-- Lifetime value: BG/NBD for when customers buy and leave, Gamma-Gamma for
-- what they spend.

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
