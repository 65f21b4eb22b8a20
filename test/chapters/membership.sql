\echo
\echo '=== 8. What a points program would have come to ==='
\echo
\echo 'A program is a definition: a point for a pound, twice as many for bags, 100 for the first order, double'
\echo 'on the weekend after Thanksgiving; usable after two weeks, and for a year from the order.'
\echo
SELECT promo.define_program($${"currency": {"code": "GBP", "exponent": 2}, "time_zone": "Europe/London",
	"metric": "spend", "window": {"type": "rolling", "months": 12},
	"tiers": [{"name": "blue", "threshold": 0}, {"name": "silver", "threshold": 500}, {"name": "gold", "threshold": 2000}, {"name": "black", "threshold": 10000}],
	"points": {"pending_days": 14, "expiry": {"type": "after", "days": 365}, "clawback": "clamp"},
	"earning": {"cap_per_order": 5000, "rules": [
		{"id": "pound", "type": "per_amount", "points": 1, "per": 100},
		{"id": "bags", "type": "rate", "rate": 1, "category": "bag"},
		{"id": "welcome", "type": "fixed", "points": 100, "conditions": [{"type": "nth_order", "n": 1}]},
		{"id": "weekend", "type": "multiplier", "multiplier": 2, "conditions": [{"type": "date_window",
			"window": ["2010-11-26T00:00:00Z", "2010-11-29T00:00:00Z"]}]}]}}$$) AS program;

-- An order is an invoice with its lines.
CREATE TABLE purchase AS
SELECT e.customer, e.order_id AS key, min(e.at) AS at, jsonb_build_object('lines', jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
	'sku', r.stock_code, 'category', e.category, 'amount', round(e.amount::numeric, 2), 'quantity', e.items::bigint)) ORDER BY r.line_id)) AS purchase
FROM event e JOIN raw_line r ON r.line_id = e.event_id::bigint
WHERE e.kind = 'order' GROUP BY e.customer, e.order_id;

\echo 'All customers become members, and all orders are posted at once:'
\echo
SELECT promo.enroll_all('SELECT DISTINCT customer FROM event', '2009-12-01 00:00Z') AS members;
SELECT * FROM promo.earn_all('SELECT customer, key, purchase, at FROM purchase');

\echo 'How the rules counted the first order of one customer:'
\echo
SELECT e.points, e.amount, e.counted FROM promo.points_entry e
WHERE e.counted -> 'breakdown' ? 'welcome' AND (e.counted #>> '{breakdown,bags}')::numeric > 0
ORDER BY abs(e.amount - 300), e.entry_id LIMIT 1;

-- What came back is of the latest earlier orders of the same customer and
-- product that have pieces left which did not come back yet.
CREATE TEMP TABLE piece AS
SELECT r.line_id, e.customer, r.stock_code, e.at, e.order_id, e.items::int AS pieces, 0 AS returned, round(e.amount::numeric, 2) AS amount
FROM event e JOIN raw_line r ON r.line_id = e.event_id::bigint WHERE e.kind = 'order';
CREATE INDEX ON piece (customer, stock_code, at);
CREATE INDEX ON piece (line_id);
ANALYZE piece;
CREATE TEMP TABLE came_back (line_id bigint, customer text, key text, order_key text, at timestamptz, pieces int, amount numeric);
DO $$
DECLARE
	back record;
	bought record;
	wanted int;
	part int;
BEGIN
	FOR back IN
		SELECT r.line_id, e.customer, r.stock_code, e.at, e.order_id, e.items::int AS pieces
		FROM event e JOIN raw_line r ON r.line_id = e.event_id::bigint WHERE e.kind = 'return' ORDER BY e.at, r.line_id
	LOOP
		wanted := back.pieces;
		FOR bought IN
			SELECT p.* FROM piece p
			WHERE p.customer = back.customer AND p.stock_code = back.stock_code AND p.at <= back.at AND p.returned < p.pieces
			ORDER BY p.at DESC, p.line_id DESC
		LOOP
			part := least(wanted, bought.pieces - bought.returned);
			-- Parts of a line add up to its amount.
			INSERT INTO came_back VALUES (back.line_id, back.customer, back.order_id, bought.order_id, back.at, part,
				round(bought.amount * (bought.returned + part) / bought.pieces, 2) - round(bought.amount * bought.returned / bought.pieces, 2));
			UPDATE piece SET returned = returned + part WHERE line_id = bought.line_id;
			wanted := wanted - part;
			EXIT WHEN wanted = 0;
		END LOOP;
	END LOOP;
END $$;

\echo 'Cancellations say what came back, not of which order; matched to the latest earlier ones of the same product:'
\echo
SELECT count(*) AS lines, sum(pieces) AS pieces, sum(matched) AS matched, round(100.0 * sum(matched) / sum(pieces), 1) AS percent,
	sum(pieces - matched) AS unmatched, round(100.0 * sum(pieces - matched) / sum(pieces), 1) AS percent,
	round(100 * sum(amount * matched / pieces)::numeric / sum(amount)::numeric, 1) AS percent_of_money_matched
FROM (SELECT e.items::bigint AS pieces, coalesce(m.pieces, 0) AS matched, e.amount
	  FROM event e LEFT JOIN (SELECT line_id, sum(pieces) AS pieces FROM came_back GROUP BY line_id) m ON m.line_id = e.event_id::bigint
	  WHERE e.kind = 'return') b;

\echo 'Each takes back its share of the points of its order:'
\echo
SELECT count(*) AS returns, sum((answer ->> 'points')::bigint) AS points, sum((answer ->> 'shortfall')::bigint) AS shortfall
FROM (SELECT promo.return_order(customer, key || ' of ' || order_key, order_key, sum(amount), min(at)) AS answer
	  FROM came_back GROUP BY customer, key, order_key HAVING sum(amount) > 0 ORDER BY min(at), 1) r;

SELECT max(at) + interval '1 minute' AS until FROM event \gset

\echo 'The nightly run posts what has expired, and looks at tiers whose time is over; late once, for two years:'
\echo
CALL promo.run_membership(:'until');
SELECT count(*) AS entries, - sum(points) AS points FROM promo.points_entry WHERE kind = 'expire';

\echo 'Members by tier, and how they moved in the last full month:'
\echo
SELECT * FROM promo.members_by_tier(:'until', 2);
SELECT * FROM promo.tier_moves WHERE month = date_trunc('month', :'until'::timestamptz AT TIME ZONE 'Europe/London')::date - interval '1 month' ORDER BY members DESC LIMIT 6;

\echo 'What the shop owes its members in the end, and what it owed month by month:'
\echo
SELECT available, pending, liability, expiring_30_days, expiring_90_days
FROM promo.points_liability(:'until');
SELECT month, earned, returned, liability FROM promo.points_by_month ORDER BY month DESC LIMIT 6;

\echo 'One member''s statement of the last months:'
\echo
SELECT customer AS member FROM purchase JOIN came_back USING (customer)
GROUP BY customer ORDER BY abs(count(DISTINCT purchase.key) - 10), max(purchase.at) DESC, customer LIMIT 1 \gset
SELECT at AT TIME ZONE 'Europe/London' AS at, what, key, amount, points, balance
FROM promo.member_statement(:'member', :'until'::timestamptz - interval '12 months', :'until');
SELECT balance, available, pending FROM promo.points_account(:'member', :'until');
SELECT goal, tier, has, needs, missing, until AT TIME ZONE 'Europe/London' AS until FROM promo.tier_progress(:'member', :'until');

\echo 'And the ledger, replayed from the first entry, proves every number above:'
\echo
SELECT count(*) AS faults FROM promo.membership_audit();
