/* src/behavior/lifetime.sql */

-- What customers will still buy: BG/NBD and Gamma-Gamma.

CREATE TYPE bgnbd;

CREATE FUNCTION bgnbd_in(cstring) RETURNS bgnbd
AS 'MODULE_PATHNAME', 'promo_bgnbd_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION bgnbd_out(bgnbd) RETURNS cstring
AS 'MODULE_PATHNAME', 'promo_bgnbd_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION bgnbd_recv(internal) RETURNS bgnbd
AS 'MODULE_PATHNAME', 'promo_bgnbd_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION bgnbd_send(bgnbd) RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_bgnbd_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE bgnbd (
	INPUT = bgnbd_in,
	OUTPUT = bgnbd_out,
	RECEIVE = bgnbd_recv,
	SEND = bgnbd_send,
	INTERNALLENGTH = VARIABLE,
	STORAGE = extended
);

COMMENT ON TYPE bgnbd IS
'a fitted BG/NBD model of when customers buy and when they leave: r=0.24 alpha=4.41 a=0.79 b=2.43 and, from a fit, standard errors';
COMMENT ON FUNCTION bgnbd_in(cstring) IS 'I/O';
COMMENT ON FUNCTION bgnbd_out(bgnbd) IS 'I/O';
COMMENT ON FUNCTION bgnbd_recv(internal) IS 'I/O';
COMMENT ON FUNCTION bgnbd_send(bgnbd) IS 'I/O';

CREATE TYPE gamma_gamma;

CREATE FUNCTION gamma_gamma_in(cstring) RETURNS gamma_gamma
AS 'MODULE_PATHNAME', 'promo_gamma_gamma_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION gamma_gamma_out(gamma_gamma) RETURNS cstring
AS 'MODULE_PATHNAME', 'promo_gamma_gamma_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION gamma_gamma_recv(internal) RETURNS gamma_gamma
AS 'MODULE_PATHNAME', 'promo_gamma_gamma_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION gamma_gamma_send(gamma_gamma) RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_gamma_gamma_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE gamma_gamma (
	INPUT = gamma_gamma_in,
	OUTPUT = gamma_gamma_out,
	RECEIVE = gamma_gamma_recv,
	SEND = gamma_gamma_send,
	INTERNALLENGTH = VARIABLE,
	STORAGE = extended
);

COMMENT ON TYPE gamma_gamma IS
'a fitted Gamma-Gamma model of what customers spend on a purchase: p=6.25 q=3.74 v=15.44 and, from a fit, standard errors';
COMMENT ON FUNCTION gamma_gamma_in(cstring) IS 'I/O';
COMMENT ON FUNCTION gamma_gamma_out(gamma_gamma) IS 'I/O';
COMMENT ON FUNCTION gamma_gamma_recv(internal) IS 'I/O';
COMMENT ON FUNCTION gamma_gamma_send(gamma_gamma) IS 'I/O';

-- The customers of a fit on their way, equal ones counted: 24 bytes for each
-- that differs, twice that with room to grow, and five times that for a moment
-- while it grows; 44 million in all.  A real type, so that partial states travel
-- between workers and machines.
CREATE TYPE lifetime_state;

CREATE FUNCTION lifetime_state_in(cstring) RETURNS lifetime_state
AS 'MODULE_PATHNAME', 'promo_lifetime_state_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION lifetime_state_out(lifetime_state) RETURNS cstring
AS 'MODULE_PATHNAME', 'promo_lifetime_state_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION lifetime_state_recv(internal) RETURNS lifetime_state
AS 'MODULE_PATHNAME', 'promo_lifetime_state_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION lifetime_state_send(lifetime_state) RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_lifetime_state_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE lifetime_state (
	INPUT = lifetime_state_in,
	OUTPUT = lifetime_state_out,
	RECEIVE = lifetime_state_recv,
	SEND = lifetime_state_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = extended
);

COMMENT ON TYPE lifetime_state IS
'internal: the customers that bgnbd_fit or gamma_gamma_fit has seen';
COMMENT ON FUNCTION lifetime_state_in(cstring) IS 'I/O';
COMMENT ON FUNCTION lifetime_state_out(lifetime_state) IS 'I/O';
COMMENT ON FUNCTION lifetime_state_recv(internal) IS 'I/O';
COMMENT ON FUNCTION lifetime_state_send(lifetime_state) IS 'I/O';

CREATE FUNCTION bgnbd_accum(state lifetime_state, frequency float8, recency float8, t float8)
RETURNS lifetime_state
AS 'MODULE_PATHNAME', 'promo_bgnbd_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION bgnbd_accum(lifetime_state, float8, float8, float8) IS
'internal: one more customer for bgnbd_fit';

CREATE FUNCTION gamma_gamma_accum(state lifetime_state, frequency float8, monetary float8)
RETURNS lifetime_state
AS 'MODULE_PATHNAME', 'promo_gamma_gamma_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION gamma_gamma_accum(lifetime_state, float8, float8) IS
'internal: one more customer for gamma_gamma_fit';

CREATE FUNCTION lifetime_state_combine(state lifetime_state, other lifetime_state)
RETURNS lifetime_state
AS 'MODULE_PATHNAME', 'promo_lifetime_state_combine'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION lifetime_state_combine(lifetime_state, lifetime_state) IS
'internal: the customers of two states in one';

CREATE FUNCTION bgnbd_final(state lifetime_state)
RETURNS bgnbd
AS 'MODULE_PATHNAME', 'promo_bgnbd_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION bgnbd_final(lifetime_state) IS
'internal: the fit of the customers in a state';

CREATE FUNCTION gamma_gamma_final(state lifetime_state)
RETURNS gamma_gamma
AS 'MODULE_PATHNAME', 'promo_gamma_gamma_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION gamma_gamma_final(lifetime_state) IS
'internal: the fit of the customers in a state';

CREATE AGGREGATE bgnbd_fit(frequency float8, recency float8, t float8) (
	SFUNC = bgnbd_accum,
	STYPE = lifetime_state,
	SSPACE = 4096,
	COMBINEFUNC = lifetime_state_combine,
	FINALFUNC = bgnbd_final,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE bgnbd_fit(float8, float8, float8) IS
'fits BG/NBD to customers: purchases after the first, time from the first to the last, time from the first to now, in any one unit; customers with a NULL are left out';

CREATE AGGREGATE gamma_gamma_fit(frequency float8, monetary float8) (
	SFUNC = gamma_gamma_accum,
	STYPE = lifetime_state,
	SSPACE = 4096,
	COMBINEFUNC = lifetime_state_combine,
	FINALFUNC = gamma_gamma_final,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE gamma_gamma_fit(float8, float8) IS
'fits Gamma-Gamma to customers: purchases after the first and their mean amount; customers without such purchases, or with a NULL, are left out';

CREATE FUNCTION parameters(fit bgnbd, OUT name text, OUT value float8, OUT standard_error float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'promo_bgnbd_parameters'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 8;

COMMENT ON FUNCTION parameters(bgnbd) IS
'a fit''s r, alpha (in the fit''s unit of time), a and b with standard errors, its log_likelihood, customers, iterations and gradient';

CREATE FUNCTION parameters(fit gamma_gamma, OUT name text, OUT value float8, OUT standard_error float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'promo_gamma_gamma_parameters'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 7;

COMMENT ON FUNCTION parameters(gamma_gamma) IS
'a fit''s p, q and v (an amount) with standard errors, its log_likelihood, customers, iterations and gradient';

CREATE FUNCTION p_alive(fit bgnbd, frequency float8, recency float8, t float8)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_p_alive'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION p_alive(bgnbd, float8, float8, float8) IS
'the chance that a customer has not left for good; 1 for one who never came back, who had no occasion to leave';

CREATE FUNCTION expected_purchases(fit bgnbd, horizon float8, frequency float8, recency float8, t float8)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_expected_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION expected_purchases(bgnbd, float8, float8, float8, float8) IS
'the purchases expected of a customer from now until the horizon, in the fit''s unit of time';

CREATE FUNCTION expected_spend(fit gamma_gamma, frequency float8, monetary float8)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_expected_spend'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION expected_spend(gamma_gamma, float8, float8) IS
'the amount expected of a customer''s next purchase; that of everybody for one who never came back';

CREATE FUNCTION lifetime_value(purchases bgnbd, spend gamma_gamma, horizon float8,
	frequency float8, recency float8, t float8, monetary float8, discount_rate float8 DEFAULT 0)
RETURNS float8
AS 'MODULE_PATHNAME', 'promo_lifetime_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION lifetime_value(bgnbd, gamma_gamma, float8, float8, float8, float8, float8, float8) IS
'the amount expected of a customer from now until the horizon: each purchase at the expected spend, divided by (1 + discount_rate) to the power of the time until it, in the fit''s unit of time';
