/* src/membership/replay.sql */

-- A ledger without a table, to try out what a program would do.

CREATE FUNCTION membership_replay(ops jsonb, policy jsonb DEFAULT '{}')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'promo_membership_replay'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION membership_replay(jsonb, jsonb) IS
'what the ledger of one member comes to after operations, one after the other: {"op": "earn", "ref": "o1", "at": instant, "points": 100, "expires_at": null}, "redeem" with a "mode", "debit", "hold", "capture", "release", "expire", "reverse_earn" and "reverse_redeem" with a "fraction", "suspend", "resume", and "check", which tells the account so far; policy is {"clawback": "clamp" | "debt", "allow_debt": false, "redeem": "strict" | "partial", "restore_grace_days": 30}; gives balance, available, on_hold, deficit, what is left of lots, numbers of rows, refs of refused operations, and sums';
