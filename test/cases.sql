-- What test/cases calls: the helpers of its table of kinds, and the runner.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS promo;
DROP SCHEMA IF EXISTS cases CASCADE;
CREATE SCHEMA cases;

CREATE TABLE cases.kind AS
SELECT n, trim(split_part(line, '|', 1)) AS kind, trim(substr(line, strpos(line, '|') + 1)) AS answer
FROM regexp_split_to_table(:'kinds', '\n') WITH ORDINALITY l(line, n) WHERE line ~ '\S';
CREATE TABLE cases.skipped AS
SELECT trim(split_part(line, '|', 1)) AS id, trim(split_part(line, '|', 2)) AS why
FROM regexp_split_to_table(:'skipped', '\n') line WHERE line ~ '\S';
CREATE TABLE cases.report (n bigint GENERATED ALWAYS AS IDENTITY, id text, outcome text, words text);

-- The keys of an object, and no others
CREATE FUNCTION cases.some(object jsonb, keys text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(object) WHERE key = ANY (keys) $$;

-- Whether what came holds what was expected: of objects the keys that are
-- expected, of arrays each element, and else the same value
CREATE FUNCTION cases.has(actual jsonb, expected jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF jsonb_typeof(expected) IS DISTINCT FROM jsonb_typeof(actual) THEN
		RETURN false;
	ELSIF jsonb_typeof(expected) = 'object' THEN
		RETURN (SELECT coalesce(bool_and(cases.has(actual -> key, value)), true) FROM jsonb_each(expected));
	ELSIF jsonb_typeof(expected) = 'array' THEN
		RETURN jsonb_array_length(actual) = jsonb_array_length(expected) AND
			(SELECT coalesce(bool_and(cases.has(actual -> (n - 1)::int, value)), true)
			 FROM jsonb_array_elements(expected) WITH ORDINALITY e(value, n));
	END IF;
	RETURN actual = expected;
END $$;

-- Rows under columns: for each the SQL of one value, in which r is the row as
-- an object, with the other keys that are given
CREATE FUNCTION cases.each_row(given jsonb, key text, answer text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	given_row jsonb;
	value jsonb;
	answers jsonb := '[]';
BEGIN
	FOR given_row IN SELECT r FROM jsonb_array_elements(given -> 'rows') r
	LOOP
		SELECT given - '{rows,columns}'::text[] || coalesce(jsonb_object_agg(name, given_row -> (n - 1)::int), '{}') INTO given_row
		FROM jsonb_array_elements_text(given -> 'columns') WITH ORDINALITY c(name, n);
		EXECUTE format('SELECT to_jsonb(v) FROM (SELECT $1 AS r) g, LATERAL (%s) a(v)', answer) INTO value USING given_row;
		answers := answers || jsonb_build_array(value);
	END LOOP;
	RETURN jsonb_build_object(key, answers);
END $$;

/* Earning */

CREATE FUNCTION cases.rule_keys() RETURNS text[] LANGUAGE sql AS $$
SELECT '{rules,rounding,multipliers,include_tax,include_delivery,time_zone,cap_per_order,cap_per_period}'::text[] $$;
CREATE FUNCTION cases.paid_keys() RETURNS text[] LANGUAGE sql AS $$ SELECT '{lines,discounts,stored_value}'::text[] $$;
CREATE FUNCTION cases.euro() RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"currency": {"code": "EUR", "exponent": 2}}'::jsonb $$;

-- One fixed rule under the condition gives points where it holds.
CREATE FUNCTION cases.holds(given jsonb) RETURNS boolean LANGUAGE sql AS $$
SELECT (promo.points_for(cases.some(given, '{at,tier,channel,order_number}')
		|| CASE WHEN given ? 'order_total' THEN jsonb_build_object('order', cases.some(given, '{order_total}')) ELSE '{}' END,
	jsonb_build_array(jsonb_build_object('type', 'fixed', 'points', 1, 'conditions', jsonb_build_array(
		given - '{condition,at,order_total,order_number,channel}'::text[] || jsonb_build_object('type', given -> 'condition'))))) ->> 'points')::int > 0 $$;

/* Tiers */

-- a_and_b_or_c, from left to right; any2 of all; or all
CREATE FUNCTION cases.criterion(criteria jsonb, words text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := string_to_array(words, '_');
	whole jsonb := criteria -> parts[1];
	every jsonb := (SELECT jsonb_agg(value ORDER BY key) FROM jsonb_each(criteria));
BEGIN
	IF words = 'all' THEN
		RETURN jsonb_build_object('all', every);
	ELSIF words ~ '^any\d+$' THEN
		RETURN jsonb_build_object('at_least', substr(words, 4)::int, 'of', every);
	END IF;
	FOR i IN 2 .. cardinality(parts) - 1 BY 2
	LOOP
		whole := jsonb_build_object(CASE parts[i] WHEN 'and' THEN 'all' WHEN 'or' THEN 'any' END, jsonb_build_array(whole, criteria -> parts[i + 1]));
	END LOOP;
	RETURN whole;
END $$;

CREATE FUNCTION cases.criteria(given jsonb, expected jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT coalesce(jsonb_object_agg(words, cases.each_row(given || jsonb_build_object('tiers', jsonb_build_array('{"name": "no", "threshold": 0}'::jsonb,
		jsonb_build_object('name', 'yes', 'criteria', cases.criterion(given -> 'criteria', words)))), words,
	$a$SELECT promo.tier_for(r - '{tiers,criteria}'::text[] || '{"metric": 0}', r -> 'tiers') = 'yes'$a$) -> words), '{}')
FROM jsonb_object_keys(expected) words $$;

CREATE FUNCTION cases.requalified(given jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT CASE WHEN given ? 'policy' THEN cases.each_row(given, 'tiers',
		$a$SELECT promo.requalified_tier(r ->> 'current', (r ->> 'metric_in_period')::numeric, r -> 'tiers', r ->> 'policy')$a$)
	ELSE jsonb_build_object('by_policy', (SELECT jsonb_object_agg(policy, cases.requalified(given || jsonb_build_object('policy', policy)) -> 'tiers')
		FROM jsonb_array_elements_text(given -> 'policies') policy)) END $$;

CREATE FUNCTION cases.window(given jsonb) RETURNS daterange LANGUAGE sql AS $$
SELECT promo.qualification_window(given -> 'window', (given ->> 'evaluated_on')::date, (given ->> 'enrolled_on')::date) $$;

CREATE FUNCTION cases.deadline(given jsonb, n int) RETURNS date LANGUAGE sql AS $$
SELECT promo.tier_deadline(CASE
		WHEN given ->> 'type' ~ '^calendar_' THEN jsonb_build_object('type', 'calendar', 'unit', substr(given ->> 'type', 10))
		WHEN given ->> 'type' = 'fixed_year' THEN jsonb_build_object('type', 'fixed', 'start', '01-01', 'months', given -> 'months')
		ELSE cases.some(given, '{type,months}') END,
	(given ->> 'achieved_on')::date, n) $$;

CREATE FUNCTION cases.birthdays(given jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('points', jsonb_agg(CASE WHEN promo.birthday_on(b::date, (given ->> 'today')::date) THEN given -> 'points' ELSE '0' END ORDER BY n))
FROM jsonb_array_elements_text(given -> 'birthdays') WITH ORDINALITY b(b, n) $$;

/* Segments */

CREATE FUNCTION cases.members(c jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	given jsonb := c -> 'given';
BEGIN
	PERFORM promo.define_segment(c ->> 'id', format('SELECT c ->> ''id'' FROM jsonb_array_elements(%L) c WHERE ', given -> 'customers')
		|| (SELECT coalesce(string_agg('(' || (SELECT coalesce(string_agg(format('coalesce((c ->> %L)::numeric BETWEEN coalesce(%L, ''-Infinity'')::numeric AND coalesce(%L, ''Infinity'')::numeric, false)',
				b ->> 0, b ->> 1, b ->> 2), ' OR '), 'false') FROM jsonb_array_elements(part) b) || ')', ' AND '), 'true')
			FROM jsonb_array_elements(given -> 'parts') part));
	PERFORM promo.refresh_segment(c ->> 'id');
	RETURN jsonb_build_object('members', (SELECT coalesce(jsonb_agg(v ->> 'id' ORDER BY n), '[]')
		FROM jsonb_array_elements(given -> 'customers') WITH ORDINALITY v(v, n) WHERE promo.in_segment(c ->> 'id', v ->> 'id')));
END $$;

/* The ledger */

-- What expires at or before each moment that is asked for
CREATE FUNCTION cases.expiring(expected jsonb, expiring jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('expiring_by', coalesce(jsonb_object_agg(moment,
	(SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(expiring) WHERE key::timestamptz <= moment::timestamptz)), '{}'))
FROM jsonb_object_keys(coalesce(expected -> 'expiring_by', '{}')) moment $$;

CREATE FUNCTION cases.replayed(c jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT a || cases.expiring(c -> 'expect', a -> 'expiring') FROM promo.membership_replay(c #> '{given,ops}', c #> '{given,policy}') a $$;

-- What the tables say, in the words of membership_replay()
CREATE FUNCTION cases.account(customer text, program text, at timestamptz) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('balance', m.points, 'available', a.available, 'on_hold', a.on_hold, 'deficit', m.deficit,
	'lifetime_earned', s.earned, 'redeemed_points', s.redeemed, 'debited_points', s.debited, 'expired_points', s.expired,
	'reversed_points', s.reversed, 'restored_points', s.restored, 'shortfall_points', s.shortfall, 'lapsed_points', s.lapsed,
	'rows', jsonb_build_object('earn', s.earns, 'redeem', s.redeems, 'debit', s.debits, 'hold', s.holds, 'capture', s.captures,
		'release', s.releases - s.captures, 'expire', s.expires, 'reverse_earn', s.returns, 'reverse_redeem', s.undos),
	'lots', (SELECT coalesce(jsonb_object_agg(l.key, l.remaining), '{}')
			 FROM (SELECT CASE e.kind WHEN 'undo' THEN (SELECT r.key FROM promo.points_entry r WHERE r.entry_id = e.of_id) ELSE e.key END AS key, sum(l.remaining) AS remaining
				   FROM promo.points_lot l JOIN promo.points_entry e USING (entry_id)
				   WHERE l.customer_id = m.customer_id AND l.program_id = m.program_id GROUP BY 1) l),
	'expiring', (SELECT coalesce(jsonb_object_agg(to_char(l.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), l.remaining), '{}')
				 FROM (SELECT l.expires_at, sum(l.remaining) AS remaining FROM promo.points_lot l
					   WHERE l.customer_id = m.customer_id AND l.program_id = m.program_id AND l.remaining > 0 AND l.expires_at IS NOT NULL GROUP BY 1) l))
FROM promo.member m JOIN promo.program p USING (program_id), promo.points_account(customer, at, p.program) a,
	LATERAL (SELECT coalesce(sum(e.points) FILTER (WHERE e.kind = 'earn'), 0) AS earned,
			coalesce(- sum(e.points) FILTER (WHERE e.kind = 'redeem'), 0) AS redeemed,
			coalesce(- sum(e.points) FILTER (WHERE e.kind = 'adjust'), 0) AS debited,
			coalesce(- sum(e.points) FILTER (WHERE e.kind = 'expire'), 0) AS expired,
			coalesce(- sum(e.points) FILTER (WHERE e.kind = 'return'), 0) AS reversed,
			coalesce(sum(e.points) FILTER (WHERE e.kind = 'undo'), 0) AS restored,
			coalesce(sum(e.due - e.lapsed + e.points) FILTER (WHERE e.kind = 'return'), 0) AS shortfall,
			coalesce(sum(e.lapsed) FILTER (WHERE e.kind = 'undo'), 0) AS lapsed,
			count(*) FILTER (WHERE e.kind = 'earn') AS earns, count(*) FILTER (WHERE e.kind = 'redeem' AND e.of_id IS NULL) AS redeems,
			count(*) FILTER (WHERE e.kind = 'redeem' AND e.of_id IS NOT NULL) AS captures,
			count(*) FILTER (WHERE e.kind = 'adjust') AS debits, count(*) FILTER (WHERE e.kind = 'hold') AS holds,
			count(*) FILTER (WHERE e.kind = 'release') AS releases, count(*) FILTER (WHERE e.kind = 'expire') AS expires,
			count(*) FILTER (WHERE e.kind = 'return') AS returns, count(*) FILTER (WHERE e.kind = 'undo') AS undos
		 FROM promo.points_entry e WHERE e.customer_id = m.customer_id AND e.program_id = m.program_id) s
WHERE p.program = account.program AND m.customer_id = promo.customer_known(customer) $$;

-- The part of a redemption that a fraction more of it is
CREATE FUNCTION cases.part(customer text, program text, ref text, fractions numeric) RETURNS bigint LANGUAGE sql AS $$
SELECT floor(- e.points * fractions)::bigint - (SELECT coalesce(sum(u.due), 0) FROM promo.points_entry u WHERE u.kind = 'undo' AND u.of_id = e.entry_id)::bigint
FROM promo.points_entry e JOIN promo.program p USING (program_id)
WHERE p.program = part.program AND e.customer_id = promo.customer_known(customer) AND e.kind = 'redeem' AND e.key = ref $$;

-- One operation through the tables; false where it is refused.  fractions are
-- those of reversals so far, by redemption.
CREATE FUNCTION cases.post(customer text, program text, op jsonb, redeem text, fractions jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz := op ->> 'at';
	ref text := op ->> 'ref';
	-- A key is one of its kind: that of a reversal is made of both.
	key text := (op ->> 'ref') || coalesce(' ' || (op ->> 'key'), '');
	points bigint := op ->> 'points';
	fraction numeric := op ->> 'fraction';
BEGIN
	CASE op ->> 'op'
		WHEN 'earn' THEN
			PERFORM promo.earn(customer, key, jsonb_build_object('points', points, 'amount', 100.00, 'expires_at', op -> 'expires_at'), at, program);
		WHEN 'redeem' THEN
			PERFORM promo.redeem_points(customer, key, points, at, coalesce(op ->> 'mode', redeem), program);
		WHEN 'debit' THEN
			PERFORM promo.adjust_points(customer, key, - points, 'case', at, program => program);
		WHEN 'hold' THEN
			PERFORM promo.hold_points(customer, key, points, at, make_interval(secs => extract(epoch FROM (op ->> 'times_out_at')::timestamptz - at)::float8), program);
		WHEN 'capture' THEN
			PERFORM promo.capture_points(customer, ref, points, at, program);
		WHEN 'release' THEN
			PERFORM promo.release_points(customer, ref, at, program);
		WHEN 'expire' THEN
			WHILE promo.points_expire_batch(at, 1000) > 0 LOOP END LOOP;
		WHEN 'reverse_earn' THEN
			PERFORM promo.return_order(customer, key, ref, 100.00 * fraction, at, program);
		WHEN 'reverse_redeem' THEN
			IF fraction IS NOT NULL THEN
				points := cases.part(customer, program, ref, fraction + coalesce((fractions ->> ref)::numeric, 0));
				IF points = 0 THEN
					RETURN true;
				END IF;
			END IF;
			PERFORM promo.undo_redemption(customer, key, ref, at, points, program);
		WHEN 'suspend' THEN
			PERFORM promo.suspend_member(customer, 'case', at, program);
		WHEN 'resume' THEN
			PERFORM promo.resume_member(customer, at, program);
	END CASE;
	RETURN true;
EXCEPTION WHEN SQLSTATE 'PM001' OR object_not_in_prerequisite_state OR invalid_parameter_value OR undefined_object OR unique_violation THEN
	RETURN false;
END $$;

CREATE FUNCTION cases.posted(c jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	name text := c ->> 'id';
	policy jsonb := c #> '{given,policy}';
	op jsonb;
	at timestamptz := '1900-01-01 00:00Z';
	errors jsonb := '[]';
	checks jsonb := '[]';
	seen text[] := '{}';
	fractions jsonb := '{}';
	account jsonb;
BEGIN
	PERFORM promo.define_program(jsonb_build_object('name', name, 'currency', '{"code": "EUR", "exponent": 2}'::jsonb,
		'tiers', '[{"name": "base", "threshold": 0}]'::jsonb, 'points', jsonb_build_object('expiry', '{"type": "never"}'::jsonb,
			'debt', coalesce((policy -> 'allow_debt')::boolean, false) OR coalesce(policy ->> 'clawback' = 'debt', false),
			'clawback', coalesce(policy -> 'clawback', '"clamp"'), 'restore_grace_days', coalesce(policy -> 'restore_grace_days', '30'))));
	PERFORM promo.enroll(name, at, name);
	FOR op IN SELECT o FROM jsonb_array_elements(c #> '{given,ops}') o
	LOOP
		IF op ->> 'op' = 'check' THEN
			checks := checks || jsonb_build_array(cases.account(name, name, at));
			CONTINUE;
		END IF;
		at := greatest(at, (op ->> 'at')::timestamptz);
		IF NOT cases.post(name, name, op, coalesce(policy ->> 'redeem', 'strict'), fractions) THEN
			errors := errors || jsonb_build_array(coalesce(op ->> 'ref', ''));
		ELSIF op ->> 'op' = 'reverse_redeem' AND op ? 'fraction' AND NOT format('%s %s', op ->> 'ref', op ->> 'key') = ANY (seen) THEN
			seen := seen || format('%s %s', op ->> 'ref', op ->> 'key');
			fractions := fractions || jsonb_build_object(op ->> 'ref', (op ->> 'fraction')::numeric + coalesce((fractions ->> (op ->> 'ref'))::numeric, 0));
		END IF;
	END LOOP;
	account := cases.account(name, name, at);
	RETURN account || jsonb_build_object('errors', errors, 'checks', checks) || cases.expiring(c -> 'expect', account -> 'expiring');
END $$;

/* Coupons */

-- What is expected, where what came holds it: rows of a list wherever they
-- stand, lines within a tolerance; else what came.
CREATE FUNCTION cases.rows_held(actual jsonb, expected jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN bool_and(EXISTS (SELECT FROM jsonb_array_elements(actual) a WHERE a @> w)) THEN expected ELSE actual END
FROM jsonb_array_elements(expected) w $$;
CREATE FUNCTION cases.lines_held(actual jsonb, expected jsonb, tolerance numeric) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
SELECT jsonb_object_agg(key, CASE WHEN abs((actual ->> key)::numeric - (value #>> '{}')::numeric) <= tolerance THEN value ELSE actual -> key END)
FROM jsonb_each(expected) $$;

CREATE FUNCTION cases.priced(c jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT p || CASE WHEN e ? 'lines' THEN jsonb_build_object('lines', cases.lines_held(p -> 'lines', e -> 'lines', coalesce((e ->> 'line_tolerance')::numeric, 0)))
		ELSE '{}' END || cases.some(e, '{line_tolerance}')
	|| CASE WHEN e ? 'rejected' THEN jsonb_build_object('rejected', cases.rows_held(p -> 'rejected', e -> 'rejected')) ELSE '{}' END
	|| CASE WHEN e ? 'gifts' THEN jsonb_build_object('gifts', cases.rows_held(p -> 'gifts', e -> 'gifts')) ELSE '{}' END
FROM (SELECT c -> 'expect' AS e) x,
	promo.price_cart(c -> 'cart' || cases.some(c, '{currency,usage}'), c -> 'promotions', '{"code_match": "exact"}' || coalesce(c -> 'policy', '{}')) p $$;

CREATE FUNCTION cases.shared(c jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('shares', CASE
		WHEN (SELECT bool_and(abs(a - w) <= coalesce((c #>> '{expect,share_tolerance}')::numeric, 0)) FROM unnest(s.got, s.wanted) v (a, w)) THEN c #> '{expect,shares}'
		ELSE to_jsonb(s.got) END) || cases.some(c -> 'expect', '{any_order,share_tolerance}')
FROM (SELECT CASE WHEN (c #> '{expect,any_order}')::boolean THEN (SELECT array_agg(v ORDER BY v) FROM unnest(got) v) ELSE got END AS got,
		CASE WHEN (c #> '{expect,any_order}')::boolean THEN (SELECT array_agg(v ORDER BY v) FROM unnest(wanted) v) ELSE wanted END AS wanted
	  FROM (SELECT promo.allocate((c ->> 'amount')::numeric, ARRAY(SELECT w::numeric FROM jsonb_array_elements_text(c -> 'weights') w), (c #>> '{currency,exponent}')::int) AS got,
			ARRAY(SELECT w::numeric FROM jsonb_array_elements_text(c #> '{expect,shares}') w) AS wanted) r) s $$;

-- The promotions of a case under names of its own, and with its currency; an
-- amount that a step gives is all of a cart of that amount.
CREATE FUNCTION cases.define(c jsonb) RETURNS void LANGUAGE sql AS $$
SELECT promo.archive_promotion(p.promotion) FROM promo.promotion p;
SELECT promo.define_promotion(p || jsonb_build_object('id', format('%s %s', c ->> 'id', p ->> 'id'), 'currency', c -> 'currency', 'actions',
	(SELECT jsonb_agg(CASE WHEN a ? 'amount_from_step' THEN '{"type": "percent_off", "target": "order", "percent": 100}' ELSE a END)
	 FROM jsonb_array_elements(p -> 'actions') a)))
FROM jsonb_array_elements(c -> 'promotions') p $$;

CREATE FUNCTION cases.order_cart(c jsonb, step jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('currency', c -> 'currency', 'lines', coalesce(step -> 'lines',
		jsonb_build_array(jsonb_build_object('id', 'a', 'unit_price', coalesce(step -> 'subtotal', step -> 'amount', step -> 'budget_used'), 'quantity', 1))))
	|| CASE WHEN step ? 'customer' THEN jsonb_build_object('customer', jsonb_build_object('id', format('%s %s', c ->> 'id', step ->> 'customer'))) ELSE '{}' END
	|| CASE WHEN step ? 'code' THEN jsonb_build_object('codes', jsonb_build_array(step -> 'code'))
		WHEN step ? 'promotion' THEN jsonb_build_object('codes', jsonb_path_query_array(c -> 'promotions', '$[*] ? (@.id == $p).code', jsonb_build_object('p', step -> 'promotion')))
		ELSE '{}' END $$;

-- What a step came to, in the words of its expectation
CREATE FUNCTION cases.order_step(c jsonb, step jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	order_id text := format('%s %s', c ->> 'id', coalesce(step ->> 'order', 'earlier'));
	answer jsonb;
	refused jsonb;
	detail text;
BEGIN
	IF step ->> 'op' = 'void' THEN
		PERFORM promo.void(order_id, 'canceled');
		RETURN '{"ok": true}';
	ELSIF step ->> 'op' = 'validate' THEN
		answer := promo.quote(cases.order_cart(c, step));
		refused := jsonb_path_query_first(answer, '$.rejected[*] ? (@.code == $c)', jsonb_build_object('c', step -> 'code'));
		IF refused IS NOT NULL THEN
			RETURN jsonb_build_object('ok', false, 'reason', refused -> 'reason');
		END IF;
	ELSE
		answer := promo.redeem(order_id, cases.order_cart(c, step));
	END IF;
	RETURN jsonb_build_object('ok', true, 'discount', answer -> 'discount_total', 'issued', jsonb_array_length(answer -> 'codes_issued'),
		'issued_usable_on_same_order', (answer ->> 'discount_total')::numeric > 0);
EXCEPTION WHEN SQLSTATE 'PC001' OR SQLSTATE 'PC002' THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN jsonb_build_object('ok', false, 'reason', detail::jsonb -> 0 -> 'reason');
END $$;

-- All that is expected at the end where each step came to what it expects, and
-- the steps where not
CREATE FUNCTION cases.ordered(c jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	step jsonb;
	came jsonb;
	wrong jsonb := '[]';
BEGIN
	PERFORM cases.define(c);
	FOR step IN SELECT s FROM jsonb_array_elements(c -> 'steps') s
	LOOP
		came := cases.order_step(c, step);
		IF NOT came @> cases.some(step, '{ok,reason,discount,issued,issued_usable_on_same_order}') THEN
			wrong := wrong || jsonb_build_array(step || jsonb_build_object('came', came));
		END IF;
	END LOOP;
	IF wrong <> '[]' THEN
		RETURN jsonb_build_object('steps', wrong);
	END IF;
	RETURN jsonb_build_object(
		'usage', (SELECT jsonb_object_agg(p ->> 'id', jsonb_build_object('total', u.used,
					'budget_used', coalesce(u.discounts ->> (c #>> '{currency,code}'), '0.00')))
				  FROM jsonb_array_elements(c -> 'promotions') p JOIN promo.promotion_usage u ON u.promotion = format('%s %s', c ->> 'id', p ->> 'id')),
		'issued_after_confirm', (SELECT jsonb_object_agg(customer, (SELECT count(*) FROM promo.coupon_code k
					WHERE k.state = 'issued' AND k.customer_id = promo.customer_known(format('%s %s', c ->> 'id', customer))))
				  FROM jsonb_object_keys(c #> '{expect,issued_after_confirm}') customer));
END $$;

CREATE FUNCTION cases.generated(c jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	r jsonb := c -> 'request';
	went boolean := true;
BEGIN
	PERFORM set_config('client_min_messages', 'error', true);
	PERFORM promo.define_promotion(jsonb_build_object('name', c -> 'id', 'needs_code', true, 'actions', '[{"type": "amount_off", "target": "order", "amount": 1}]'::jsonb));
	IF (r ->> 'existing')::int > 0 THEN
		PERFORM promo.generate_codes(c ->> 'id', (r ->> 'existing')::int, (r ->> 'length')::int, coalesce(r ->> 'prefix', ''), coalesce(r ->> 'suffix', ''),
			alphabet => r ->> 'alphabet', max_density => 1);
	END IF;
	BEGIN
		PERFORM promo.generate_codes(c ->> 'id', (r ->> 'count')::int, (r ->> 'length')::int, coalesce(r ->> 'prefix', ''), coalesce(r ->> 'suffix', ''),
			alphabet => r ->> 'alphabet', max_density => coalesce((r ->> 'max_density')::float8, 0.5));
	EXCEPTION WHEN program_limit_exceeded THEN
		went := false;
	END;
	RETURN (SELECT jsonb_build_object('ok', went, 'codes_total', count(*), 'distinct', count(*) = count(DISTINCT k.code),
				'pattern', CASE WHEN bool_and(k.code ~ (c #>> '{expect,pattern}')) THEN c #> '{expect,pattern}' END)
			FROM promo.coupon_code k JOIN promo.promotion p USING (promotion_id) WHERE p.promotion = c ->> 'id');
END $$;

/* The runner */

CREATE FUNCTION cases.run(file text, content jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c jsonb;
	expected jsonb;
	actual jsonb;
	way record;
	words text;
	ways int;
BEGIN
	IF jsonb_typeof(content -> 'cases') IS DISTINCT FROM 'array' THEN
		RAISE EXCEPTION '% has no array "cases"', file;
	END IF;
	FOR c IN SELECT v FROM jsonb_array_elements(content -> 'cases') v
	LOOP
		INSERT INTO cases.report (id, outcome, words)
		SELECT s.id, 'skipped', format('skipped %s: %s', s.id, s.why) FROM cases.skipped s WHERE s.id = c ->> 'id';
		CONTINUE WHEN FOUND;
		-- What is expected in between stands in the operations.
		expected := c -> 'expect';
		IF jsonb_path_exists(c, '$.given.ops[*] ? (@.op == "check")') THEN
			expected := expected || jsonb_build_object('checks', jsonb_path_query_array(c, '$.given.ops[*] ? (@.op == "check").expect'));
		END IF;
		ways := 0;
		words := NULL;
		FOR way IN SELECT k.answer FROM cases.kind k WHERE k.kind = c ->> 'kind' ORDER BY k.n
		LOOP
			ways := ways + 1;
			BEGIN
				EXECUTE format('SELECT (%s)::jsonb FROM (SELECT $1 AS c, $1 -> ''given'' AS g, $1 -> ''expect'' AS e) v', way.answer) INTO actual USING c;
				IF cases.has(actual, expected) IS NOT TRUE THEN
					words := concat_ws(E'\n', words, format(E'failed %s (%s %s)\n    expected %s\n    actual   %s', c ->> 'id', file, way.answer, expected, actual));
				END IF;
			EXCEPTION WHEN OTHERS THEN
				words := concat_ws(E'\n', words, format(E'failed %s (%s %s)\n    expected %s\n    error    %s', c ->> 'id', file, way.answer, expected, SQLERRM));
			END;
		END LOOP;
		IF ways = 0 THEN
			words := format('failed %s (%s): nothing is known of kind %s', c ->> 'id', file, c -> 'kind');
		ELSIF expected IS NULL OR expected = '{}' THEN
			words := format('failed %s (%s): nothing is expected of it', c ->> 'id', file);
		END IF;
		INSERT INTO cases.report (id, outcome, words) VALUES (c ->> 'id', CASE WHEN words IS NULL THEN 'passed' ELSE 'failed' END, words);
	END LOOP;
END $$;

CREATE FUNCTION cases.closing() RETURNS text LANGUAGE sql AS $$
SELECT format('%s passed, %s failed, %s skipped', count(*) FILTER (WHERE outcome = 'passed'), count(*) FILTER (WHERE outcome = 'failed'),
	count(*) FILTER (WHERE outcome = 'skipped')) FROM cases.report $$;
