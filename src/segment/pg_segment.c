/*-------------------------------------------------------------------------
 *
 * pg_segment.c
 *	  Segments: customers by a stored query, and who entered and left.
 *
 * A refresh locks the segment's row, runs the query as the segment's owner,
 * and only then writes as the owner of the tables: one statement closes the
 * stays of those who are no longer among the query's rows, one opens those of
 * the new ones.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/argument.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "pg/stored.h"
#include "segment/pg_given.h"

/* A name is looked up by index, and stands in messages. */
#define SEGMENT_NAME_MOST 200

typedef struct LockedSegment
{
	int64		id;
	StoredQuery stored;
	TimestampTz refreshed_at;	/* DT_NOBEGIN where it never was */
} LockedSegment;

static void
no_such_segment(const text *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("segment \"%s\" does not exist", text_to_cstring(name)),
			 errhint("Segments are made by promo.define_segment(), and listed in promo.segments.")));
}

static void
check_owner(Oid owner, const text *name)
{
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of segment \"%s\"", text_to_cstring(name))));
}

/*
 * Locks the segment's row to the end of the transaction, waiting for whoever
 * has it; false when there is none.  What it gives lies in the context.
 */
static bool
lock_segment(const text *name, MemoryContext context, LockedSegment *segment)
{
	static const Oid types[1] = {TEXTOID};
	Datum		values[1] = {PointerGetDatum(name)};
	OwnerSwitch before;
	bool		found;

	owner_become(&before);
	found = spi_run("SELECT s.segment_id, s.owner, s.query, s.search_path, s.refreshed_at"
					" FROM promo.segment s WHERE s.segment = $1 FOR UPDATE",
					1, types, values, NULL) == 1;
	owner_leave(&before);
	if (found)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		null;
		Datum		refreshed;

		segment->id = DatumGetInt64(SPI_getbinval(row, desc, 1, &null));
		segment->stored.owner = DatumGetObjectId(SPI_getbinval(row, desc, 2, &null));
		segment->stored.query = MemoryContextStrdup(context, SPI_getvalue(row, desc, 3));
		segment->stored.search_path = MemoryContextStrdup(context, SPI_getvalue(row, desc, 4));
		refreshed = SPI_getbinval(row, desc, 5, &null);
		segment->refreshed_at = null ? DT_NOBEGIN : DatumGetTimestampTz(refreshed);
	}
	return found;
}

/*
 * Runs the segment's query and writes what changed; the segment is locked, and
 * SPI connected.  Gives a segment_change in the context that SPI was connected
 * from.
 */
static Datum
refresh(FunctionCallInfo fcinfo, const LockedSegment *segment)
{
	static const Oid types[3] = {INT8OID, TIMESTAMPTZOID, INT8OID};
	Given		given;
	OwnerSwitch before;
	TimestampTz now;
	TupleDesc	desc;
	Datum		values[3];
	Datum		change[3];
	bool		nulls[3] = {false, false, false};
	int64		entered;
	int64		gone;
	int64		members;
	bool		null;

	given_start(&given, false);
	(void) stored_query_run(&segment->stored, given_row, &given);

	/* Later than any refresh before it, even in one transaction. */
	now = GetCurrentTimestamp();
	if (now <= segment->refreshed_at)
		now = segment->refreshed_at + 1;

	owner_become(&before);
	given_register(&given);
	given_number(NULL, 0, NULL, NULL);
	values[0] = Int64GetDatum(segment->id);
	values[1] = TimestampTzGetDatum(now);
	gone = (int64) spi_run("UPDATE promo.segment_member m SET left_at = $2"
						   " WHERE m.segment_id = $1 AND m.left_at IS NULL AND NOT EXISTS"
						   " (SELECT FROM given g JOIN promo.customer c ON c.shop_id = g.customer"
						   " WHERE c.number = m.customer_id)",
						   2, types, values, NULL);
	entered = (int64) spi_run("INSERT INTO promo.segment_member (segment_id, customer_id, entered_at)"
							  " SELECT $1, c.number, $2"
							  " FROM given g JOIN promo.customer c ON c.shop_id = g.customer"
							  " WHERE NOT EXISTS (SELECT FROM promo.segment_member m"
							  " WHERE m.segment_id = $1 AND m.customer_id = c.number"
							  " AND m.left_at IS NULL) GROUP BY c.number ORDER BY c.number",
							  2, types, values, NULL);
	values[2] = Int64GetDatum(entered - gone);
	if (spi_run("UPDATE promo.segment s SET refreshed_at = $2, members = s.members + $3"
				" WHERE s.segment_id = $1 RETURNING s.members",
				3, types, values, NULL) != 1)
		elog(ERROR, "segment " INT64_FORMAT " is gone", segment->id);
	members = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	owner_leave(&before);
	given_end(&given);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	change[0] = Int64GetDatum(entered);
	change[1] = Int64GetDatum(gone);
	change[2] = Int64GetDatum(members);
	return PointerGetDatum(SPI_returntuple(heap_form_tuple(desc, change, nulls),
										   BlessTupleDesc(desc)));
}

PG_FUNCTION_INFO_V1(promo_define_segment);

/*
 * define_segment(segment text, query text) returns segment_change
 */
Datum
promo_define_segment(PG_FUNCTION_ARGS)
{
	static const Oid types[5] = {TEXTOID, REGROLEOID, TEXTOID, TEXTOID, INT8OID};
	text	   *name = argument_text(fcinfo, 0, "segment");
	text	   *query = argument_text(fcinfo, 1, "query");
	MemoryContext context = CurrentMemoryContext;
	LockedSegment segment;
	StoredQuery stored;
	OwnerSwitch before;
	Datum		values[5];
	Datum		change;

	if (VARSIZE_ANY_EXHDR(name) > SEGMENT_NAME_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("a segment's name has at most %d bytes", SEGMENT_NAME_MOST)));
	PreventCommandIfReadOnly("define_segment()");
	stored_query_note(&stored, query);
	values[0] = PointerGetDatum(name);
	values[1] = ObjectIdGetDatum(stored.owner);
	values[2] = PointerGetDatum(query);
	values[3] = CStringGetTextDatum(stored.search_path);

	spi_check(SPI_connect(), "SPI_connect");
	owner_become(&before);
	(void) spi_run("INSERT INTO promo.segment (segment, owner, query, search_path)"
				   " VALUES ($1, $2, $3, $4) ON CONFLICT (segment) DO NOTHING",
				   4, types, values, NULL);
	owner_leave(&before);
	if (!lock_segment(name, context, &segment))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("segment \"%s\" was dropped or defined by another transaction at the same time",
						text_to_cstring(name))));
	check_owner(segment.stored.owner, name);
	segment.stored = stored;
	values[4] = Int64GetDatum(segment.id);
	owner_become(&before);
	(void) spi_run("UPDATE promo.segment s SET owner = $2, query = $3, search_path = $4,"
				   " defined_at = pg_catalog.now() WHERE s.segment_id = $5 AND s.segment = $1",
				   5, types, values, NULL);
	owner_leave(&before);
	change = refresh(fcinfo, &segment);
	SPI_finish();
	return change;
}

PG_FUNCTION_INFO_V1(promo_refresh_segment);

/*
 * refresh_segment(segment text) returns segment_change
 *
 * Needs no more than the right to call it: what runs is the owner's, with the
 * owner's rights.
 */
Datum
promo_refresh_segment(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	MemoryContext context = CurrentMemoryContext;
	LockedSegment segment;
	Datum		change;

	PreventCommandIfReadOnly("refresh_segment()");
	spi_check(SPI_connect(), "SPI_connect");
	if (!lock_segment(name, context, &segment))
		no_such_segment(name);
	change = refresh(fcinfo, &segment);
	SPI_finish();
	return change;
}

PG_FUNCTION_INFO_V1(promo_drop_segment);

/*
 * drop_segment(segment text) returns void
 */
Datum
promo_drop_segment(PG_FUNCTION_ARGS)
{
	static const Oid types[1] = {INT8OID};
	text	   *name = PG_GETARG_TEXT_PP(0);
	MemoryContext context = CurrentMemoryContext;
	LockedSegment segment;
	OwnerSwitch before;
	Datum		values[1];

	PreventCommandIfReadOnly("drop_segment()");
	spi_check(SPI_connect(), "SPI_connect");
	if (!lock_segment(name, context, &segment))
		no_such_segment(name);
	check_owner(segment.stored.owner, name);
	values[0] = Int64GetDatum(segment.id);
	owner_become(&before);
	(void) spi_run("DELETE FROM promo.segment_member m WHERE m.segment_id = $1", 1, types, values, NULL);
	(void) spi_run("DELETE FROM promo.segment s WHERE s.segment_id = $1", 1, types, values, NULL);
	owner_leave(&before);
	SPI_finish();
	PG_RETURN_VOID();
}
