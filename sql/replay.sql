-- A ledger of one member without a table: what operations come to.
SET search_path = pg_catalog;

-- Points are spent from the lot that expires first, whatever the order of
-- earning; what never expires comes last
SELECT key, value FROM jsonb_each(promo.membership_replay('[
	{"op": "earn", "ref": "a", "at": "2026-01-01T00:00:00Z", "points": 100, "expires_at": null},
	{"op": "earn", "ref": "b", "at": "2026-01-02T00:00:00Z", "points": 100, "expires_at": "2027-01-01T00:00:00Z"},
	{"op": "redeem", "ref": "r", "at": "2026-02-01T00:00:00Z", "points": 130}]')) ORDER BY key;

-- An operation is known by its kind, ref and key: a repeat does nothing, and one
-- with another content is refused, as is what there are too few points for
SELECT r -> 'balance' AS balance, r -> 'rows' -> 'redeem' AS redemptions, r -> 'errors' AS errors FROM promo.membership_replay('[
	{"op": "earn", "ref": "a", "at": "2026-01-01T00:00:00Z", "points": 100},
	{"op": "redeem", "ref": "r", "at": "2026-01-02T00:00:00Z", "points": 30},
	{"op": "redeem", "ref": "r", "at": "2026-01-03T00:00:00Z", "points": 30},
	{"op": "redeem", "ref": "r", "at": "2026-01-03T00:00:00Z", "points": 31},
	{"op": "redeem", "ref": "s", "at": "2026-01-03T00:00:00Z", "points": 71},
	{"op": "redeem", "ref": "t", "at": "2026-01-03T00:00:00Z", "points": 71, "mode": "partial"}]') r;

-- At the instant of its end a point is gone, whether or not that is posted
SELECT at, (promo.membership_replay(jsonb_build_array('{"op": "earn", "ref": "a", "at": "2026-01-01T00:00:00Z", "points": 100, "expires_at": "2026-02-01T00:00:00Z"}'::jsonb,
	jsonb_build_object('op', 'redeem', 'ref', 'r', 'points', 1, 'at', at))) -> 'errors') AS errors
FROM unnest('{2026-01-31T23:59:59.999999Z,2026-02-01T00:00:00Z}'::text[]) at;

-- Returns take in proportion, and the last of several the rest; what was spent
-- is forgiven, or owed, and then paid by the next points
SELECT policy, r -> 'balance' AS balance, r -> 'deficit' AS deficit, r -> 'reversed_points' AS reversed, r -> 'shortfall_points' AS shortfall
FROM unnest('{"{\"clawback\": \"clamp\"}", "{\"clawback\": \"debt\"}"}'::jsonb[]) policy, promo.membership_replay('[
	{"op": "earn", "ref": "o", "at": "2026-01-01T00:00:00Z", "points": 100},
	{"op": "redeem", "ref": "r", "at": "2026-01-02T00:00:00Z", "points": 80},
	{"op": "reverse_earn", "ref": "o", "key": "1", "at": "2026-01-03T00:00:00Z", "fraction": 0.333},
	{"op": "reverse_earn", "ref": "o", "key": "2", "at": "2026-01-04T00:00:00Z"},
	{"op": "reverse_earn", "ref": "o", "key": "3", "at": "2026-01-04T00:00:00Z", "fraction": 0.1},
	{"op": "earn", "ref": "p", "at": "2026-01-05T00:00:00Z", "points": 50}]', policy) r;

-- What is held is not available, and comes back when the hold times out; in
-- between the account can be looked at
SELECT jsonb_path_query_array(r, '$.checks[*].available') AS available, jsonb_path_query_array(r, '$.checks[*].on_hold') AS on_hold, r -> 'balance' AS balance FROM promo.membership_replay('[
	{"op": "earn", "ref": "a", "at": "2026-01-01T00:00:00Z", "points": 100},
	{"op": "hold", "ref": "h", "at": "2026-01-02T00:00:00Z", "points": 40, "times_out_at": "2026-01-10T00:00:00Z"},
	{"op": "hold", "ref": "i", "at": "2026-01-02T00:00:00Z", "points": 30}, {"op": "check"},
	{"op": "capture", "ref": "i", "at": "2026-01-03T00:00:00Z", "points": 20}, {"op": "check", "expect": {}},
	{"op": "expire", "at": "2026-01-10T00:00:00Z"}, {"op": "check"},
	{"op": "capture", "ref": "h", "at": "2026-01-11T00:00:00Z"}]') r;

-- A redemption undone goes back to where it came from; what has expired since
-- lives on for days of grace, or is lost
SELECT days, r -> 'lots' AS lots, r -> 'expiring' AS expiring, r -> 'lapsed_points' AS lapsed FROM unnest('{0,30}'::int[]) days, promo.membership_replay('[
	{"op": "earn", "ref": "a", "at": "2026-01-01T00:00:00Z", "points": 100, "expires_at": "2026-02-01T00:00:00Z"},
	{"op": "earn", "ref": "b", "at": "2026-01-01T00:00:00Z", "points": 100, "expires_at": "2026-06-01T00:00:00Z"},
	{"op": "redeem", "ref": "r", "at": "2026-01-02T00:00:00Z", "points": 150},
	{"op": "reverse_redeem", "ref": "r", "at": "2026-03-01T12:00:00Z"}]', jsonb_build_object('restore_grace_days', days)) r ORDER BY days;

-- All faults at once
SELECT promo.membership_replay('[{"op": "earn", "ref": "a", "points": -1, "at": "today"}, {"op": "steal"}, {"op": "redeem", "at": "2026-01-01T00:00:00Z", "points": 1, "fraction": 1},
	{"op": "reverse_earn", "ref": "a", "at": "2026-01-01T00:00:00Z", "fraction": 0}, 7]');
SELECT promo.membership_replay('[]', '{"clawback": "steal", "restore_grace_days": -1, "debt": true}');
SELECT promo.membership_replay('{"op": "earn"}');
SELECT promo.membership_replay('[]') -> 'rows' AS nothing, promo.membership_replay(NULL) IS NULL AS of_null;
SELECT promo.membership_replay((SELECT jsonb_agg('{"op": "check"}'::jsonb) FROM generate_series(1, 10001)));

-- Points and instants at their limits
SELECT r -> 'balance' AS balance, r -> 'expiring' AS expiring FROM promo.membership_replay((SELECT jsonb_agg(jsonb_build_object('op', 'earn', 'ref', n, 'points', 1000000000000,
	'at', '294276-12-31T23:59:59Z', 'expires_at', '294276-12-31T23:59:59.999999Z')) FROM unnest('{a,b,c}'::text[]) n) || '[{"op": "redeem", "ref": "r", "at": "294276-12-31T23:59:59Z", "points": 1000000000000},
	{"op": "reverse_redeem", "ref": "r", "at": "294276-12-31T23:59:59.999999Z"}]', '{"restore_grace_days": 3660}') r;
