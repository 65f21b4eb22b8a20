/* src/membership/tiers.sql */

-- Tiers and their windows as pure functions, by which the members' own are
-- found too.

CREATE FUNCTION qualification_window(period jsonb, evaluated_on date, enrolled_on date DEFAULT NULL)
RETURNS daterange
AS 'MODULE_PATHNAME', 'promo_qualification_window'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION qualification_window(jsonb, date, date) IS
'the days over which a member is counted on a day: {"type": "lifetime"}, {"type": "rolling", "months": 12}, which ends with that day, or the one that it lies in of {"type": "calendar", "unit": "month" | "quarter" | "half" | "year"}, {"type": "fixed", "start": "06-15", "months": 6} and {"type": "anniversary", "months": 12}, which begins on the day of enrollment';

CREATE FUNCTION tier_deadline(period jsonb, achieved_on date, n int DEFAULT 1, enrolled_on date DEFAULT NULL)
RETURNS date
AS 'MODULE_PATHNAME', 'promo_tier_deadline'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION tier_deadline(jsonb, date, int, date) IS
'the n-th day at whose end a tier that was achieved on a day is looked at again: the last day of the n-th period, or n times the months after it where the period is rolling; NULL for a lifetime';

CREATE FUNCTION birthday_on(birthday date, on_day date)
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_birthday_on'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION birthday_on(date, date) IS
'whether a day is the birthday, whatever the year; that of February 29 is on the 28th in common years';

CREATE FUNCTION tier_for(metrics jsonb, tiers jsonb, manual_floor text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'promo_tier_for'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION tier_for(jsonb, jsonb, text) IS
'the highest tier that figures are good for, and no lower one than the floor: metrics is {"points": 3000, "orders": 5, ...}, or a number alone, which is that of "metric"; tiers stand from the base tier upward, as {"name": "blue", "threshold": 50000}, which is of "metric", or {"name": "gold", "criteria": C} where C is {"metric": "points", "at_least": 3000}, {"any": [C, ...]}, {"all": [C, ...]} or {"at_least": 2, "of": [C, ...]}';

CREATE FUNCTION requalified_tier(current text, metric numeric, tiers jsonb, policy text)
RETURNS text
AS 'MODULE_PATHNAME', 'promo_requalified_tier'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION requalified_tier(text, numeric, jsonb, text) IS
'the tier after the time of the current one has ended: a higher one that the metric is good for, the current one where it still is (by "renewal" criteria where a tier has some), or what the policy one_down, to_qualified, to_base or never says';
