-- Points: earned once per key, redeemed from the lots that expire first, and
-- proved by the ledger.
\set SHOW_CONTEXT never

SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}]}');
SELECT promo.enroll_all('SELECT * FROM unnest(ARRAY[''ann'', ''bob'', ''carol'', ''dave'']) c', '2025-01-01 00:00Z');

-- Each of these holds after everything that follows: what members have is what
-- the ledger adds up to, what their lots have left, and lots less what was taken
CREATE VIEW faults AS
SELECT 'ledger' AS fault, m.customer_id FROM promo.member m
WHERE m.points <> (SELECT coalesce(sum(e.points), 0) FROM promo.points_entry e WHERE e.customer_id = m.customer_id AND e.program_id = m.program_id)
UNION ALL
SELECT 'lots', m.customer_id FROM promo.member m
WHERE m.points <> (SELECT coalesce(sum(l.remaining), 0) FROM promo.points_lot l WHERE l.customer_id = m.customer_id AND l.program_id = m.program_id)
UNION ALL
SELECT 'lot', l.customer_id FROM promo.points_lot l
WHERE l.remaining <> l.points - (SELECT coalesce(sum(a.points), 0) FROM promo.points_allocation a WHERE a.lot_id = l.lot_id)
UNION ALL
SELECT 'debit', e.customer_id FROM promo.points_entry e
WHERE e.points <= 0 AND - e.points <> (SELECT coalesce(sum(a.points), 0) FROM promo.points_allocation a WHERE a.entry_id = e.entry_id)
UNION ALL
SELECT 'earning', e.customer_id FROM promo.points_entry e LEFT JOIN promo.points_lot l ON l.lot_id = e.entry_id
WHERE greatest(e.points, 0) <> coalesce(l.points, 0)
UNION ALL
SELECT 'not of one', d.customer_id FROM promo.points_allocation a JOIN promo.points_entry d USING (entry_id)
JOIN promo.points_lot l ON l.lot_id = a.lot_id WHERE (d.customer_id, d.program_id) <> (l.customer_id, l.program_id);

-- Earned once, however often it is delivered; another purchase under the key is an error
SELECT promo.earn('ann', 'o1', '{"points": 100, "expires_at": "2027-06-01T00:00:00Z", "amount": 100.00}', '2026-01-01 00:00Z');
SELECT promo.earn('ann', 'o1', '{"points": 100, "expires_at": "2027-06-01T00:00:00Z", "amount": 100.00}', '2026-01-09 00:00Z');
SELECT promo.earn('ann', 'o1', '{"points": 101, "expires_at": "2027-06-01T00:00:00Z", "amount": 100.00}', '2026-01-01 00:00Z');
SELECT promo.earn('ann', 'o2', '{"points": 100, "expires_at": "2027-01-01T00:00:00Z", "amount": 0}', '2026-01-02 00:00Z');
SELECT promo.earn('ann', 'o3', '{"points": 50, "expires_at": null, "amount": 49.99}', '2026-01-03 00:00Z');
SELECT promo.earn('ann', 'o4', '{"points": 0, "expires_at": null, "amount": 0.50}', '2026-01-03 00:00Z');
SELECT promo.points_balance('ann', '2026-01-01 00:00Z') AS first, promo.points_balance('ann', '2025-12-31 23:59:59Z') AS before,
	promo.points_balance('ann', '2026-02-01 00:00Z') AS later;

-- The lot that expires soonest is spent first, whatever the order of earning; what never expires last
SELECT promo.redeem_points('ann', 'r1', 120, '2026-02-01 00:00Z'), promo.redeem_points('ann', 'r1', 120, '2026-02-03 00:00Z') AS again;
SELECT e.key, l.remaining FROM promo.points_lot l JOIN promo.points_entry e USING (entry_id) ORDER BY e.entry_id;
SELECT d.key AS debit, e.key AS lot, a.points FROM promo.points_allocation a JOIN promo.points_entry d USING (entry_id)
JOIN promo.points_entry e ON e.entry_id = a.lot_id ORDER BY e.entry_id;
SELECT promo.redeem_points('ann', 'r1', 121, '2026-02-01 00:00Z');
SELECT promo.points_balance('ann', '2026-01-31 00:00Z') AS before, promo.points_balance('ann', '2026-02-01 00:00Z') AS after;

-- Not more than there is, or what there is
DO $$ BEGIN PERFORM promo.redeem_points('ann', 'r2', 131, '2026-02-02 00:00Z');
EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', SQLSTATE; END $$;
SELECT promo.redeem_points('ann', 'r2', 131, '2026-02-02 00:00Z');
SELECT promo.redeem_points('ann', 'r2', 130, '2026-02-02 00:00Z') AS all_of_it;
SELECT promo.redeem_points('ann', 'r3', 500, '2026-02-03 00:00Z', 'partial') AS nothing;
SELECT promo.earn('ann', 'o5', '{"points": 30, "expires_at": null, "amount": 30}', '2026-02-04 00:00Z');
SELECT promo.redeem_points('ann', 'r3', 500, '2026-02-05 00:00Z', 'partial') AS the_first_answer,
	promo.redeem_points('ann', 'r4', 500, '2026-02-05 00:00Z', 'partial') AS what_is_there;

-- At the instant of expiry a point is gone, whether or not anything has run
SELECT promo.earn('bob', 'o1', '{"points": 150, "expires_at": "2026-01-01T00:00:00Z", "amount": 1}', '2025-06-01 00:00Z');
SELECT promo.points_balance('bob', '2025-12-31 23:59:59.999999Z') AS before, promo.points_balance('bob', '2026-01-01 00:00Z') AS at_expiry;
SELECT promo.redeem_points('bob', 'r1', 1, '2026-01-01 00:00Z');
SELECT promo.redeem_points('bob', 'r1', 50, '2025-12-31 23:59:59Z');
SELECT expires_at = '2026-01-01 00:00Z' AS on_that_day, points FROM promo.points_expiring('bob', '2025-12-01 00:00Z', '2026-01-01 00:00Z');
SELECT count(*) FROM promo.points_expiring('bob', '2026-01-01 00:00:00.000001Z', '2027-01-01 00:00Z');
-- nor can one be used before it was earned
SELECT promo.redeem_points('bob', 'r0', 1, '2025-05-31 00:00Z');

-- Adjusted by hand, for a reason, once per key
SELECT promo.adjust_points('bob', 'a1', 25, 'a late parcel', '2026-02-01 00:00Z', '2026-03-01 00:00Z'),
	promo.adjust_points('bob', 'a1', 25, 'a late parcel', '2026-02-02 00:00Z', '2026-03-01 00:00Z') AS again;
SELECT promo.adjust_points('bob', 'a1', 25, 'two late parcels', '2026-02-01 00:00Z', '2026-03-01 00:00Z');
SELECT promo.adjust_points('bob', 'a2', -5, 'it was not late', '2026-02-02 00:00Z');
SELECT promo.points_balance('bob', '2026-02-02 00:00Z') AS now, promo.points_balance('bob', '2026-03-01 00:00Z') AS at_expiry;
SELECT promo.adjust_points('bob', 'a3', -21, 'more than there is', '2026-02-03 00:00Z');
SELECT promo.adjust_points('bob', 'a3', -1, 'after they expired', '2026-03-01 00:00Z');
SELECT promo.adjust_points('bob', 'a4', 5, '');
SELECT promo.adjust_points('bob', 'a4', 0, 'nothing');
SELECT promo.adjust_points('bob', 'a4', 1000000000001, 'too many');
SELECT promo.adjust_points('bob', 'a4', (-9223372036854775808)::bigint, 'too few');
SELECT promo.adjust_points('bob', 'a4', 5, 'too late', '2026-02-01 00:00Z', '2026-02-01 00:00Z');
SELECT promo.adjust_points('bob', 'a4', -5, 'no lot', '2026-02-01 00:00Z', '2026-02-02 00:00Z');
SELECT promo.adjust_points('bob', 'a4', 5, 'never', 'infinity');
SELECT promo.adjust_points('bob', 'a4', 5, 'before', '2024-02-01 00:00Z');
SELECT promo.adjust_points('bob', NULL, 5, 'no key');
SELECT promo.adjust_points('nobody', 'a4', 5, 'no member');
SELECT kind, key, points, reason FROM promo.points_entry WHERE kind = 'adjust' ORDER BY entry_id;

-- Who is suspended neither earns nor spends, and keeps what there is
SELECT promo.earn('carol', 'o1', '{"points": 10, "expires_at": null, "amount": 10}', '2025-06-01 00:00Z');
SELECT promo.suspend_member('carol', 'fraud?', '2026-01-01 00:00Z');
SELECT promo.earn('carol', 'o2', '{"points": 250, "expires_at": null, "amount": 250}', '2026-01-02 00:00Z');
SELECT promo.earn('carol', 'o1', '{"points": 10, "expires_at": null, "amount": 10}', '2026-01-02 00:00Z') AS known_already;
SELECT promo.redeem_points('carol', 'r1', 1, '2026-01-02 00:00Z');
SELECT promo.adjust_points('carol', 'a1', 5, 'sorry', '2026-01-02 00:00Z');
SELECT promo.resume_member('carol', '2026-02-01 00:00Z'), promo.redeem_points('carol', 'r1', 1, '2026-02-02 00:00Z');
-- Who closes the membership loses them, by an entry of the ledger
SELECT promo.close_member('carol', 'asked for it', '2026-03-01 00:00Z');
SELECT promo.points_balance('carol', '2026-03-01 00:00Z'), promo.points_balance('carol', '2026-02-28 00:00Z') AS before;
SELECT kind, key, points FROM promo.points_entry JOIN promo.customer USING (customer_id) WHERE shop_id = 'carol' ORDER BY entry_id;
SELECT promo.earn('carol', 'o3', '{"points": 1, "expires_at": null, "amount": 1}', '2026-03-02 00:00Z');
SELECT promo.adjust_points('carol', 'a2', 5, 'sorry again', '2026-03-02 00:00Z');
SELECT promo.earn('dave', 'o0', '{"points": 1, "expires_at": null, "amount": 1}', '2024-12-31 23:59Z') AS too_early;

-- What is wrong is an error with all faults, and writes nothing
SELECT promo.earn('ann', 'x', '{"points": 1.5, "expires_at": "tomorrow", "amount": -1, "lines": []}');
SELECT promo.earn('ann', 'x', '{}');
SELECT promo.earn('ann', 'x', '{"points": -1, "expires_at": 7, "amount": "1"}');
SELECT promo.earn('ann', 'x', '{"points": 1, "expires_at": null, "amount": 0.001}', '2026-03-01 00:00Z');
SELECT promo.earn('ann', 'x', '{"points": 1, "expires_at": "2026-03-01T00:00:00Z", "amount": 1}', '2026-03-01 00:00Z');
SELECT promo.earn('ann', 'x', '{"points": 1000000000001, "expires_at": null, "amount": 1}');
SELECT promo.earn('ann', '', '{"points": 1, "expires_at": null, "amount": 1}');
SELECT promo.earn('ann', NULL, '{"points": 1, "expires_at": null, "amount": 1}');
SELECT promo.earn('ann', 'x', '{"points": 1, "expires_at": null, "amount": 1}', 'infinity');
SELECT promo.earn('nobody', 'x', '{"points": 1, "expires_at": null, "amount": 1}');
SELECT promo.earn('ann', 'x', '{"points": 1, "expires_at": null, "amount": 1}', program => 'none');
SELECT promo.redeem_points('ann', 'x', 0);
SELECT promo.redeem_points('ann', 'x', 1, mode => 'all');
SELECT promo.redeem_points('ann', '', 1);
SELECT promo.redeem_points('ann', 'x', NULL);
SELECT promo.redeem_points('ann', 'x', 1, '-infinity');
SELECT promo.redeem_points('nobody', 'x', 1);
SELECT promo.points_balance('nobody'), promo.points_balance(NULL);
SELECT count(*) AS nothing FROM promo.points_entry WHERE key = 'x';
SELECT * FROM faults;

-- A thousand random postings, and the ledger holds
DO $$
DECLARE
	day int;
	what int;
BEGIN
	FOR i IN 1 .. 1000 LOOP
		day := i / 3;
		what := pg_catalog.hashint4(i) & 1023;
		IF what % 3 > 0 THEN
			PERFORM promo.earn('dave', 'e' || i, pg_catalog.jsonb_build_object('points', what % 97, 'amount', what,
				'expires_at', CASE WHEN what % 5 > 0 THEN pg_catalog.to_char(timestamp '2026-01-01' + (day + what % 60 + 1) * interval '1 day', 'YYYY-MM-DD"T00:00:00Z"') END),
				timestamptz '2026-01-01 00:00Z' + day * interval '24 hours');
		ELSIF what % 11 = 0 THEN
			PERFORM promo.adjust_points('dave', 'a' || i, what % 40 + 1, 'random', timestamptz '2026-01-01 00:00Z' + day * interval '24 hours');
		ELSE
			PERFORM promo.redeem_points('dave', 'd' || i, what % 150 + 1, timestamptz '2026-01-01 00:00Z' + day * interval '24 hours', 'partial');
		END IF;
	END LOOP;
END
$$;
SELECT * FROM faults;
-- the balance of every day, as the ledger alone tells it: what was earned until then and
-- is not yet expired, less what was taken of it until then
SELECT count(*) AS days, count(*) FILTER (WHERE promo.points_balance('dave', d) = coalesce((
	SELECT sum(e.points - coalesce((SELECT sum(a.points) FROM promo.points_allocation a JOIN promo.points_entry t ON t.entry_id = a.entry_id
		WHERE a.lot_id = e.entry_id AND t.at <= d), 0))
	FROM promo.points_entry e JOIN promo.points_lot l ON l.lot_id = e.entry_id JOIN promo.customer c ON c.customer_id = e.customer_id
	WHERE c.shop_id = 'dave' AND e.at <= d AND (l.expires_at IS NULL OR d < l.expires_at)), 0)) AS right
FROM generate_series(timestamptz '2026-01-01 00:00Z', '2027-02-01 00:00Z', interval '168 hours') d;
-- no debit took of a lot that expired later while one that expires sooner had points left
SELECT count(*) AS passed_over FROM promo.points_allocation a JOIN promo.points_entry d ON d.entry_id = a.entry_id
JOIN promo.points_lot l ON l.lot_id = a.lot_id
JOIN promo.points_lot s ON s.customer_id = l.customer_id AND s.program_id = l.program_id AND s.expires_at < coalesce(l.expires_at, 'infinity')
	AND s.entry_id < d.entry_id AND s.available_at <= d.at AND s.expires_at > d.at
WHERE s.points > (SELECT coalesce(sum(b.points), 0) FROM promo.points_allocation b WHERE b.lot_id = s.lot_id AND b.entry_id <= d.entry_id);

-- Many purchases at once are as each by itself
SELECT promo.enroll_all('SELECT ''m'' || g FROM generate_series(1, 100) g', '2025-01-01 00:00Z');
SELECT promo.suspend_member('m99', 'test', '2025-06-01 00:00Z');
CREATE TABLE orders AS SELECT 'm' || g % 100 + 1 AS customer, g AS key, timestamptz '2026-01-01 00:00Z' - g * interval '1 hour' AS at,
	jsonb_build_object('points', g % 7, 'amount', g, 'expires_at', CASE WHEN g % 2 = 0 THEN '2027-01-01T00:00:00Z' END) AS purchase
FROM generate_series(1, 1000) g;
SELECT promo.earn('m2', '1', purchase, at) FROM orders WHERE key = 1;
SELECT * FROM promo.earn_all('SELECT * FROM orders UNION ALL SELECT * FROM orders WHERE key = 2');
SELECT * FROM promo.earn_all('SELECT * FROM orders');
SELECT * FROM promo.earn_all('SELECT * FROM orders WHERE false');
SELECT count(*) AS orders, count(*) FILTER (WHERE e.points = (o.purchase ->> 'points')::int AND e.amount = o.key AND e.at = o.at
	AND coalesce(l.remaining, 0) = e.points AND l.expires_at IS NOT DISTINCT FROM CASE WHEN e.points > 0 THEN (o.purchase ->> 'expires_at')::timestamptz END) AS right
FROM orders o JOIN promo.customer c ON c.shop_id = o.customer JOIN promo.points_entry e ON e.customer_id = c.customer_id AND e.key = o.key::text
LEFT JOIN promo.points_lot l ON l.lot_id = e.entry_id;
SELECT promo.earn(customer, key::text, purchase, at) FROM orders WHERE key BETWEEN 3 AND 4 ORDER BY key;
SELECT * FROM faults;
SELECT promo.earn_all('SELECT customer, key, at, purchase || ''{"points": 9}'' AS purchase FROM orders WHERE key < 3');
SELECT promo.earn_all('SELECT ''m1'' AS customer, k AS key, now() AS at, jsonb_build_object(''points'', g, ''amount'', 1, ''expires_at'', null) AS purchase FROM unnest(ARRAY[''x'', ''x'']) WITH ORDINALITY u(k, g)');
SELECT promo.earn_all('SELECT ''nobody'' AS customer, key, at, purchase FROM orders');
SELECT promo.earn_all('SELECT customer, ''x'' AS key, at, purchase || ''{"amount": 0.001}'' AS purchase FROM orders');
SELECT promo.earn_all('SELECT customer, ''x'' AS key, at, purchase || ''{"expires_at": "2000-01-01T00:00Z"}'' AS purchase FROM orders');
SELECT promo.earn_all('SELECT customer, ''x'' AS key, at, ''{"points": -1}''::jsonb AS purchase FROM orders');
SELECT promo.earn_all('SELECT customer, ''x'' AS key, at, purchase::text FROM orders');
SELECT promo.earn_all('SELECT customer, '''' AS key, at, purchase FROM orders');
SELECT promo.earn_all('SELECT customer, key, at FROM orders');
SELECT promo.earn_all('SELECT customer, key, NULL::timestamptz AS at, purchase FROM orders');
SELECT promo.earn_all('SELECT customer, key, timestamptz ''infinity'' AS at, purchase FROM orders');
SELECT promo.earn_all('SELECT * FROM orders', 'none');
SELECT promo.earn_all(NULL);
SELECT count(*) AS nothing FROM promo.points_entry WHERE key = 'x';
DROP TABLE orders;

-- The application earns and redeems, and sees no table
CREATE ROLE points_test_application;
GRANT EXECUTE ON FUNCTION promo.earn(text, text, jsonb, timestamptz, text), promo.redeem_points(text, text, bigint, timestamptz, text, text),
	promo.points_balance(text, timestamptz, text) TO points_test_application;
SET ROLE points_test_application;
SELECT promo.earn('bob', 'o9', '{"points": 10, "expires_at": null, "amount": 10}', '2026-03-01 00:00Z');
SELECT promo.redeem_points('bob', 'r9', 4, '2026-03-01 00:00Z');
SELECT promo.points_balance('bob', '2026-03-01 00:00Z');
SELECT promo.adjust_points('bob', 'mine', 1000, 'please');
SELECT promo.points_give('bob', 'o10', 10, 1, NULL, '', now(), 'default');
SELECT * FROM promo.points_expiring('bob', now(), now());
SELECT promo.earn_all('SELECT 1');
UPDATE promo.points_entry SET points = 1000;
DELETE FROM promo.points_allocation;
SELECT * FROM promo.points_lot;
RESET ROLE;
DROP OWNED BY points_test_application;
DROP ROLE points_test_application;

-- Shown; forgotten, the amounts stay, the points are taken, and keys are hashed
SELECT jsonb_path_query_array(promo.customer_data('bob'), '$.membership[*].points[*].key') AS keys;
SELECT promo.forget_customer('bob');
SELECT kind, length(key) AS hash, points, amount, reason FROM promo.points_entry JOIN promo.customer USING (customer_id) WHERE shop_id IS NULL AND points > 0 ORDER BY entry_id;
SELECT count(*) AS left FROM promo.members JOIN promo.member m USING (state) WHERE customer IS NULL AND m.points > 0 AND state = 'closed';
SELECT * FROM faults;

DROP VIEW faults;
TRUNCATE promo.points_allocation, promo.points_lot, promo.points_hold, promo.points_entry, promo.tier_period, promo.member, promo.tier, promo.program;
