/* src/behavior/rfm.sql */

-- Recency, frequency and monetary value: scores, and names for their cells.

CREATE FUNCTION rank_score(k integer)
RETURNS integer
AS 'MODULE_PATHNAME', 'promo_rank_score'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION rank_score(integer) IS
'1 + floor(k * (rank - 1) / rows): in which of k parts of the partition a row stands, equal rows in the same';

CREATE TABLE rfm_segment (
	scores integer NOT NULL DEFAULT 5 CONSTRAINT rfm_segment_scores CHECK (scores BETWEEN 1 AND 100),
	priority integer NOT NULL,
	segment text NOT NULL CONSTRAINT rfm_segment_named CHECK (segment <> ''),
	r_from integer NOT NULL DEFAULT 1,
	r_to integer,
	f_from integer NOT NULL DEFAULT 1,
	f_to integer,
	m_from integer NOT NULL DEFAULT 1,
	m_to integer,
	PRIMARY KEY (scores, priority),
	CONSTRAINT rfm_segment_r CHECK (1 <= r_from AND r_from <= coalesce(r_to, scores) AND coalesce(r_to, scores) <= scores),
	CONSTRAINT rfm_segment_f CHECK (1 <= f_from AND f_from <= coalesce(f_to, scores) AND coalesce(f_to, scores) <= scores),
	CONSTRAINT rfm_segment_m CHECK (1 <= m_from AND m_from <= coalesce(m_to, scores) AND coalesce(m_to, scores) <= scores)
);

COMMENT ON TABLE rfm_segment IS
'the shop''s own names for cells of RFM scores, which go before rfm_default_segment()';
COMMENT ON COLUMN rfm_segment.scores IS 'the number of scores that the row is for';
COMMENT ON COLUMN rfm_segment.priority IS 'of several rows that hold a cell the one with the lowest number names it';
COMMENT ON COLUMN rfm_segment.segment IS 'the name';
COMMENT ON COLUMN rfm_segment.r_from IS 'lowest score of recency';
COMMENT ON COLUMN rfm_segment.r_to IS 'highest score of recency; NULL: the highest there is';
COMMENT ON COLUMN rfm_segment.f_from IS 'lowest score of frequency';
COMMENT ON COLUMN rfm_segment.f_to IS 'highest score of frequency; NULL: the highest there is';
COMMENT ON COLUMN rfm_segment.m_from IS 'lowest score of monetary value';
COMMENT ON COLUMN rfm_segment.m_to IS 'highest score of monetary value; NULL: the highest there is';

SELECT pg_catalog.pg_extension_config_dump('rfm_segment', '');

CREATE FUNCTION rfm_default_segment(r integer, f integer, m integer, scores integer DEFAULT 5)
RETURNS text
AS 'MODULE_PATHNAME', 'promo_rfm_default_segment'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION rfm_default_segment(integer, integer, integer, integer) IS
'the name of a cell of RFM scores where the shop has none of its own: champions, loyal, potential loyal, new, promising, need attention, about to sleep, cannot lose, at risk, hibernating or lost';

-- Reads the table with its owner's rights.
CREATE FUNCTION rfm_segment_name(r integer, f integer, m integer, scores integer DEFAULT 5)
RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	shipped text := promo.rfm_default_segment(r, f, m, scores);
	own text;
BEGIN
	SELECT s.segment INTO own
	FROM promo.rfm_segment s
	WHERE s.scores = rfm_segment_name.scores
		AND rfm_segment_name.r BETWEEN s.r_from AND coalesce(s.r_to, s.scores)
		AND rfm_segment_name.f BETWEEN s.f_from AND coalesce(s.f_to, s.scores)
		AND rfm_segment_name.m BETWEEN s.m_from AND coalesce(s.m_to, s.scores)
	ORDER BY s.priority
	LIMIT 1;
	RETURN coalesce(own, shipped);
END
$$;

COMMENT ON FUNCTION rfm_segment_name(integer, integer, integer, integer) IS
'the name of a cell of RFM scores: of the rows in rfm_segment that hold it the first by priority, else rfm_default_segment()';

CREATE FUNCTION rfm(query text, as_of timestamptz DEFAULT pg_catalog.now(),
	scores integer DEFAULT 5, time_zone text DEFAULT 'UTC')
RETURNS TABLE (customer text, days_since_last integer, frequency integer, monetary float8,
	r integer, f integer, m integer, segment text)
AS 'MODULE_PATHNAME', 'promo_rfm'
LANGUAGE C STABLE PARALLEL UNSAFE;

COMMENT ON FUNCTION rfm(text, timestamptz, integer, text) IS
'scores all customers of a query of (customer, at, amount) by what they did before as_of: local days since the last purchase, purchase days after the first, as in features(), and the sum of amounts, returns being negative; whoever bought nothing is left out';

-- Without these, a timestamp or date would become timestamptz in the zone of
-- the session, and an answer would depend on who asks.
CREATE FUNCTION rfm(query text, as_of timestamp,
	scores integer DEFAULT 5, time_zone text DEFAULT 'UTC')
RETURNS TABLE (customer text, days_since_last integer, frequency integer, monetary float8,
	r integer, f integer, m integer, segment text)
AS 'MODULE_PATHNAME', 'promo_timestamp_refused'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION rfm(text, timestamp, integer, text) IS
'raises an error that says how to give as_of as timestamptz';

CREATE FUNCTION rfm(query text, as_of date,
	scores integer DEFAULT 5, time_zone text DEFAULT 'UTC')
RETURNS TABLE (customer text, days_since_last integer, frequency integer, monetary float8,
	r integer, f integer, m integer, segment text)
AS 'MODULE_PATHNAME', 'promo_timestamp_refused'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION rfm(text, date, integer, text) IS
'raises an error that says how to give as_of as timestamptz';

-- Both show the shop's own names.
REVOKE ALL ON FUNCTION rfm_segment_name(integer, integer, integer, integer),
	rfm(text, timestamptz, integer, text) FROM PUBLIC;
