/* src/behavior/timeline.sql */

-- The type: a customer's events in time.

CREATE TYPE timeline;

CREATE FUNCTION timeline_in(cstring)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_in(cstring) IS
'internal: reads a timeline from its text form';

CREATE FUNCTION timeline_out(timeline)
RETURNS cstring
AS 'MODULE_PATHNAME', 'promo_timeline_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_out(timeline) IS
'internal: the text form of a timeline';

CREATE FUNCTION timeline_recv(internal)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_recv(internal) IS
'internal: reads a timeline from its binary form';

CREATE FUNCTION timeline_send(timeline)
RETURNS bytea
AS 'MODULE_PATHNAME', 'promo_timeline_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_send(timeline) IS
'internal: the binary form of a timeline';

CREATE TYPE timeline (
	INPUT = timeline_in,
	OUTPUT = timeline_out,
	RECEIVE = timeline_recv,
	SEND = timeline_send,
	ALIGNMENT = int4,
	STORAGE = extended
);

COMMENT ON TYPE timeline IS
'a customer''s events in time: sorted, compact, mergeable; equal events are equal bits';

-- Order: event by event.

CREATE FUNCTION timeline_eq(timeline, timeline)
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_timeline_eq'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_eq(timeline, timeline) IS
'the same events';

CREATE FUNCTION timeline_ne(timeline, timeline)
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_timeline_ne'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_ne(timeline, timeline) IS
'not the same events';

CREATE FUNCTION timeline_lt(timeline, timeline)
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_timeline_lt'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_lt(timeline, timeline) IS
'before the other in order of their events';

CREATE FUNCTION timeline_le(timeline, timeline)
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_timeline_le'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_le(timeline, timeline) IS
'not after the other in order of their events';

CREATE FUNCTION timeline_gt(timeline, timeline)
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_timeline_gt'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_gt(timeline, timeline) IS
'after the other in order of their events';

CREATE FUNCTION timeline_ge(timeline, timeline)
RETURNS boolean
AS 'MODULE_PATHNAME', 'promo_timeline_ge'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_ge(timeline, timeline) IS
'not before the other in order of their events';

CREATE FUNCTION timeline_cmp(timeline, timeline)
RETURNS integer
AS 'MODULE_PATHNAME', 'promo_timeline_cmp'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_cmp(timeline, timeline) IS
'internal: less than, equal to or greater than zero';

CREATE FUNCTION timeline_hash(timeline)
RETURNS integer
AS 'MODULE_PATHNAME', 'promo_timeline_hash'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_hash(timeline) IS
'internal: hash of a timeline';

CREATE FUNCTION timeline_hash_extended(timeline, bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'promo_timeline_hash_extended'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_hash_extended(timeline, bigint) IS
'internal: seeded hash of a timeline';

CREATE OPERATOR = (
	LEFTARG = timeline, RIGHTARG = timeline, FUNCTION = timeline_eq,
	COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);

COMMENT ON OPERATOR = (timeline, timeline) IS
'the same events';

CREATE OPERATOR <> (
	LEFTARG = timeline, RIGHTARG = timeline, FUNCTION = timeline_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);

COMMENT ON OPERATOR <> (timeline, timeline) IS
'not the same events';

CREATE OPERATOR < (
	LEFTARG = timeline, RIGHTARG = timeline, FUNCTION = timeline_lt,
	COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);

COMMENT ON OPERATOR < (timeline, timeline) IS
'before the other in order of their events';

CREATE OPERATOR <= (
	LEFTARG = timeline, RIGHTARG = timeline, FUNCTION = timeline_le,
	COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);

COMMENT ON OPERATOR <= (timeline, timeline) IS
'not after the other in order of their events';

CREATE OPERATOR > (
	LEFTARG = timeline, RIGHTARG = timeline, FUNCTION = timeline_gt,
	COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);

COMMENT ON OPERATOR > (timeline, timeline) IS
'after the other in order of their events';

CREATE OPERATOR >= (
	LEFTARG = timeline, RIGHTARG = timeline, FUNCTION = timeline_ge,
	COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel
);

COMMENT ON OPERATOR >= (timeline, timeline) IS
'not before the other in order of their events';

CREATE OPERATOR CLASS timeline_btree_ops
DEFAULT FOR TYPE timeline USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 timeline_cmp(timeline, timeline);

COMMENT ON OPERATOR CLASS timeline_btree_ops USING btree IS
'timelines in order of their events';

COMMENT ON OPERATOR FAMILY timeline_btree_ops USING btree IS
'timelines in order of their events';

CREATE OPERATOR CLASS timeline_hash_ops
DEFAULT FOR TYPE timeline USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 timeline_hash(timeline),
	FUNCTION 2 timeline_hash_extended(timeline, bigint);

COMMENT ON OPERATOR CLASS timeline_hash_ops USING hash IS
'timelines by their events';

COMMENT ON OPERATOR FAMILY timeline_hash_ops USING hash IS
'timelines by their events';

-- The aggregates.  Their running state is a timeline with slack.

CREATE FUNCTION timeline_accum(timeline, timestamptz, float8)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_accum'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION timeline_accum(timeline, timestamptz, float8) IS
'internal: adds an event to the state of timeline()';

CREATE FUNCTION timeline_accum(timeline, timestamptz, float8, text)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_accum_kind'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION timeline_accum(timeline, timestamptz, float8, text) IS
'internal: adds an event of a kind to the state of timeline()';

CREATE FUNCTION timeline_accum(timeline, record)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_accum_record'
LANGUAGE C STABLE PARALLEL SAFE;

COMMENT ON FUNCTION timeline_accum(timeline, record) IS
'internal: adds an event to the state of timeline()';

CREATE FUNCTION timeline_accum(timeline, timeline)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_accum_timeline'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION timeline_accum(timeline, timeline) IS
'internal: adds a timeline to the state of timeline_merge()';

CREATE FUNCTION timeline_combine(timeline, timeline)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_combine'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_combine(timeline, timeline) IS
'internal: joins two states of timeline()';

CREATE FUNCTION timeline_final(timeline)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_final'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION timeline_final(timeline) IS
'internal: the timeline that a state has gathered';

CREATE AGGREGATE timeline(at timestamptz, amount float8) (
	SFUNC = timeline_accum,
	STYPE = timeline,
	SSPACE = 256,
	FINALFUNC = timeline_final,
	COMBINEFUNC = timeline_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE timeline(timestamptz, float8) IS
'orders as a timeline; rows with neither time nor amount are left out, a NULL amount is not known';

CREATE AGGREGATE timeline(at timestamptz, amount float8, kind text) (
	SFUNC = timeline_accum,
	STYPE = timeline,
	SSPACE = 256,
	FINALFUNC = timeline_final,
	COMBINEFUNC = timeline_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE timeline(timestamptz, float8, text) IS
'events as a timeline; a kind is order (where it is NULL), return, view, review or any other word';

CREATE AGGREGATE timeline(event record) (
	SFUNC = timeline_accum,
	STYPE = timeline,
	SSPACE = 256,
	FINALFUNC = timeline_final,
	COMBINEFUNC = timeline_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE timeline(record) IS
'events as a timeline, from columns named at, amount, kind, discount, items, category, order_id, event_id, rating; of rows with one event_id one stays';

CREATE AGGREGATE timeline_merge(timeline) (
	SFUNC = timeline_accum,
	STYPE = timeline,
	SSPACE = 256,
	FINALFUNC = timeline_final,
	COMBINEFUNC = timeline_combine,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE timeline_merge(timeline) IS
'the events of all timelines; those with an event id once';

-- A timestamp without zone is refused, not read in the session's zone.

CREATE FUNCTION timeline_accum(timeline, timestamp, float8)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_needs_zone'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION timeline_accum(timeline, timestamp, float8) IS
'internal: says how to name the zone';

CREATE AGGREGATE timeline(at timestamp, amount float8) (
	SFUNC = timeline_accum,
	STYPE = timeline,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE timeline(timestamp, float8) IS
'an error that says how to name the zone';

CREATE FUNCTION timeline_accum(timeline, timestamp, float8, text)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_needs_zone'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION timeline_accum(timeline, timestamp, float8, text) IS
'internal: says how to name the zone';

CREATE AGGREGATE timeline(at timestamp, amount float8, kind text) (
	SFUNC = timeline_accum,
	STYPE = timeline,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE timeline(timestamp, float8, text) IS
'an error that says how to name the zone';

CREATE FUNCTION timeline_accum(timeline, date, float8)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_needs_zone'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION timeline_accum(timeline, date, float8) IS
'internal: says how to name the zone';

CREATE AGGREGATE timeline(at date, amount float8) (
	SFUNC = timeline_accum,
	STYPE = timeline,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE timeline(date, float8) IS
'an error that says how to name the zone';

CREATE FUNCTION timeline_accum(timeline, date, float8, text)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_needs_zone'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION timeline_accum(timeline, date, float8, text) IS
'internal: says how to name the zone';

CREATE AGGREGATE timeline(at date, amount float8, kind text) (
	SFUNC = timeline_accum,
	STYPE = timeline,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE timeline(date, float8, text) IS
'an error that says how to name the zone';

-- What can be done with them.

CREATE FUNCTION merge(a timeline, b timeline)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_merge'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION merge(timeline, timeline) IS
'the events of both timelines; those with an event id once';

CREATE OPERATOR || (
	LEFTARG = timeline, RIGHTARG = timeline, FUNCTION = merge, COMMUTATOR = ||
);

COMMENT ON OPERATOR || (timeline, timeline) IS
'the events of both timelines; those with an event id once';

CREATE FUNCTION forget_before(events timeline, before timestamptz)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_forget_before'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION forget_before(timeline, timestamptz) IS
'the events at that time and after it';

CREATE FUNCTION forget_before(events timeline, before timestamp)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_needs_zone'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION forget_before(timeline, timestamp) IS
'an error that says how to name the zone';

CREATE FUNCTION forget_before(events timeline, before date)
RETURNS timeline
AS 'MODULE_PATHNAME', 'promo_timeline_needs_zone'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION forget_before(timeline, date) IS
'an error that says how to name the zone';

CREATE FUNCTION events(events timeline)
RETURNS TABLE(at timestamptz, amount float8, kind text, discount float8, items float8,
	category text, order_id text, event_id text, rating float8)
AS 'MODULE_PATHNAME', 'promo_timeline_events'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20;

COMMENT ON FUNCTION events(timeline) IS
'the events of a timeline as rows, in order';
