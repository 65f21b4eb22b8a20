/*-------------------------------------------------------------------------
 *
 * pg_features.c
 *	  features(), spend(), orders() and sessions() of timelines.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "behavior/features.h"
#include "behavior/pg_timeline.h"
#include "pg/memory.h"
#include "pg/zone.h"

PG_FUNCTION_INFO_V1(promo_features);
PG_FUNCTION_INFO_V1(promo_spend);
PG_FUNCTION_INFO_V1(promo_orders);
PG_FUNCTION_INFO_V1(promo_sessions);

/* What a call of features() leaves for the next one of the same query */
typedef struct FeaturesCall
{
	FeatureWork *work;
	TupleDesc	desc;
	bool		is_integer[FEATURE_COLUMNS];
	Zone		zone;
	text	   *zone_name;		/* the zone's; NULL before the first call */
} FeaturesCall;

/* What the taker of sessions writes to */
typedef struct SessionRows
{
	ReturnSetInfo *result;
	int64		number;
} SessionRows;

static void
check_status(FeatureStatus status, const TimelineReader *reader)
{
	switch (status)
	{
		case FEATURES_OK:
			return;
		case FEATURES_OVERFLOW:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value out of range: overflow"),
					 errdetail("The amounts of the timeline sum up to more than a float8 holds.")));
		case FEATURES_CORRUPT:
			pg_timeline_done(reader);
			elog(ERROR, "timeline is not in its final form");
		case FEATURES_NO_MEMORY:
		case FEATURES_STOPPED:
			break;
	}
	elog(ERROR, "features could not be computed: status %d", (int) status);
}

static FeatureWork *
start_work(MemoryContext context)
{
	Memory		memory = pg_memory(context);

	return features_work(&memory);
}

static FeaturesCall *
start_features(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	FeaturesCall *call = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(FeaturesCall));
	MemoryContext old;
	TupleDesc	desc;
	int			i;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	/* The type grows at its end: an older one lacks the last columns. */
	if (desc->natts > FEATURE_COLUMNS)
		elog(ERROR, "customer_features has %d columns instead of %d",
			 desc->natts, FEATURE_COLUMNS);

	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	call->desc = BlessTupleDesc(CreateTupleDescCopy(desc));
	MemoryContextSwitchTo(old);
	for (i = 0; i < desc->natts; i++)
		call->is_integer[i] = TupleDescAttr(desc, i)->atttypid == INT4OID;
	call->work = start_work(flinfo->fn_mcxt);
	flinfo->fn_extra = call;
	return call;
}

/* The zone of that name, which is mostly the one of the call before. */
static Zone *
call_zone(FeaturesCall *call, const text *name, MemoryContext context)
{
	text	   *kept;

	if (call->zone_name != NULL &&
		VARSIZE_ANY_EXHDR(call->zone_name) == VARSIZE_ANY_EXHDR(name) &&
		memcmp(VARDATA_ANY(call->zone_name), VARDATA_ANY(name),
			   VARSIZE_ANY_EXHDR(name)) == 0)
		return &call->zone;

	pg_zone_start(&call->zone, name);
	kept = MemoryContextAlloc(context, VARSIZE_ANY(name));
	memcpy(kept, name, VARSIZE_ANY(name));
	if (call->zone_name != NULL)
		pfree(call->zone_name);
	call->zone_name = kept;
	return &call->zone;
}

/*
 * features(timeline, as_of timestamptz, time_zone text, session_gap interval)
 * returns customer_features
 *
 * What the events before as_of say about a customer; features.h defines each
 * column.
 */
Datum
promo_features(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(1);
	text	   *zone_name = PG_GETARG_TEXT_PP(2);
	int64		session_gap = pg_interval_length(PG_GETARG_INTERVAL_P(3), "session_gap");
	FeaturesCall *call = fcinfo->flinfo->fn_extra;
	TimelineReader reader;
	Features	features;
	Zone	   *zone;
	Datum		values[FEATURE_COLUMNS];
	bool		nulls[FEATURE_COLUMNS];
	int			i;

	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("as_of must be finite"),
				 errhint("For all events up to now, leave it out.")));
	if (call == NULL)
		call = start_features(fcinfo);
	zone = call_zone(call, zone_name, fcinfo->flinfo->fn_mcxt);

	pg_timeline_read(&reader, PG_GETARG_DATUM(0));
	check_status(features_compute(call->work, &reader, as_of, zone, session_gap,
								  &features), &reader);

	for (i = 0; i < call->desc->natts; i++)
	{
		nulls[i] = isnan(features.value[i]);
		values[i] = call->is_integer[i] ?
			Int32GetDatum(nulls[i] ? 0 : (int32) features.value[i]) :
			Float8GetDatum(features.value[i]);
	}
	nulls[FEATURE_TOP_CATEGORY] = features.top_category == NULL;
	if (features.top_category != NULL)
		values[FEATURE_TOP_CATEGORY] =
			PointerGetDatum(cstring_to_text_with_len(features.top_category,
													 features.top_category_size));

	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls)));
}

/* Orders and spend of the half-open span that the arguments give. */
static void
compute_between(FunctionCallInfo fcinfo, int64 *orders, float8 *spend)
{
	TimestampTz since = PG_GETARG_TIMESTAMPTZ(1);
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(2);
	TimelineReader reader;

	if (since > until)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("since must not be after until")));
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = start_work(fcinfo->flinfo->fn_mcxt);

	pg_timeline_read(&reader, PG_GETARG_DATUM(0));
	check_status(features_between(fcinfo->flinfo->fn_extra, &reader, since, until,
								  orders, spend), &reader);
}

/*
 * spend(timeline, since timestamptz, until timestamptz) returns float8
 *
 * Sum of the amounts of the order events in [since, until).
 */
Datum
promo_spend(PG_FUNCTION_ARGS)
{
	int64		orders;
	float8		spend;

	compute_between(fcinfo, &orders, &spend);
	PG_RETURN_FLOAT8(spend);
}

/*
 * orders(timeline, since timestamptz, until timestamptz) returns integer
 *
 * Number of the orders whose first event is in [since, until).
 */
Datum
promo_orders(PG_FUNCTION_ARGS)
{
	int64		orders;
	float8		spend;

	compute_between(fcinfo, &orders, &spend);
	PG_RETURN_INT32((int32) orders);
}

static void
put_session(void *arg, const FeatureSession *session)
{
	SessionRows *rows = (SessionRows *) arg;
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = Int32GetDatum((int32) ++rows->number);
	values[1] = TimestampTzGetDatum(session->started);
	values[2] = TimestampTzGetDatum(session->ended);
	values[3] = Int32GetDatum((int32) session->events);
	values[4] = Int32GetDatum((int32) session->orders);
	values[5] = Float8GetDatum(session->spend);
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, nulls);
}

/*
 * sessions(timeline, gap interval)
 * returns table (session, started, ended, events, orders, spend)
 *
 * The runs of events of which none follows the one before by more than the
 * gap.
 */
Datum
promo_sessions(PG_FUNCTION_ARGS)
{
	int64		gap = pg_interval_length(PG_GETARG_INTERVAL_P(1), "gap");
	FeatureWork *work = start_work(CurrentMemoryContext);
	SessionRows rows = {(ReturnSetInfo *) fcinfo->resultinfo, 0};
	TimelineReader reader;

	InitMaterializedSRF(fcinfo, 0);
	pg_timeline_read(&reader, PG_GETARG_DATUM(0));
	check_status(features_sessions(work, &reader, gap, put_session, &rows), &reader);
	features_work_release(work);
	return (Datum) 0;
}
