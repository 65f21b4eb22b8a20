/*-------------------------------------------------------------------------
 *
 * pg_rfm.c
 *	  rank_score() and rfm() for SQL.
 *
 * rfm() sorts the query's rows by customer, local day and amount, so that a
 * customer's figures do not depend on the order of rows, not even in the last
 * bit of a sum.  The customers go to a tuplestore, their three measures to
 * arrays; when all are known the arrays are sorted, and each customer's scores
 * are looked up in them.  The sort takes at most half of promo.build_memory
 * and spills, the arrays take the other half at most.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"
#include "windowapi.h"

#include "behavior/clean.h"
#include "behavior/rfm.h"
#include "pg/argument.h"
#include "pg/memory.h"
#include "pg/number.h"
#include "pg/query.h"
#include "pg/record.h"
#include "pg/zone.h"
#include "promo.h"

PG_FUNCTION_INFO_V1(promo_rank_score);
PG_FUNCTION_INFO_V1(promo_rfm);
PG_FUNCTION_INFO_V1(promo_rfm_default_segment);

#define RFM_COLUMNS 8			/* that the function returns */

/* rank_score() counts a partition's rows as rank() does. */
typedef struct RankContext
{
	int64		below;			/* rows before those equal to the current */
} RankContext;

/*
 * rank_score(k) OVER (ORDER BY x) returns integer
 *
 * 1 + floor(k (rank - 1) / n), where n is the number of rows of the partition.
 */
Datum
promo_rank_score(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	RankContext *context = WinGetPartitionLocalMemory(window, sizeof(RankContext));
	int64		here = WinGetCurrentPosition(window);
	int64		rows = WinGetPartitionRowCount(window);
	int64		product;
	bool		isnull;
	int32		scores;

	if (here > 0 && !WinRowsArePeers(window, here - 1, here))
		context->below = here;
	WinSetMarkPosition(window, here);

	scores = DatumGetInt32(WinGetFuncArgCurrent(window, 0, &isnull));
	if (isnull)
		PG_RETURN_NULL();
	if (scores < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of scores must be at least 1"),
				 errdetail("It is %d.", scores)));
	if (pg_mul_s64_overflow(scores, rows, &product))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("too many scores for " INT64_FORMAT " rows", rows)));
	PG_RETURN_INT32(rank_score(context->below, rows, scores));
}

static void
check_score(const char *name, int32 score, int32 scores)
{
	if (score < 1 || score > scores)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("score %s must be between 1 and %d", name, scores),
				 errdetail("It is %d.", score)));
}

static void
check_scores(int32 scores)
{
	if (scores < 1 || scores > RFM_SCORES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of scores must be between 1 and %d", RFM_SCORES),
				 errdetail("It is %d.", scores)));
}

/* rfm_default_segment(r, f, m, scores) returns text */
Datum
promo_rfm_default_segment(PG_FUNCTION_ARGS)
{
	int32		r = PG_GETARG_INT32(0);
	int32		f = PG_GETARG_INT32(1);
	int32		m = PG_GETARG_INT32(2);
	int32		scores = PG_GETARG_INT32(3);

	check_scores(scores);
	check_score("r", r, scores);
	check_score("f", f, scores);
	check_score("m", m, scores);
	PG_RETURN_TEXT_P(cstring_to_text(rfm_segment(r, f, m, scores)));
}

typedef enum RfmMeasure
{
	RFM_RECENCY,				/* minus the days since last: recent is high */
	RFM_FREQUENCY,
	RFM_MONETARY
} RfmMeasure;

#define RFM_MEASURES 3

typedef struct Rfm
{
	MemoryContext context;
	TimestampTz as_of;
	Zone		zone;
	int64		end_day;		/* of the last instant before as_of */

	/* The query's columns, and a row of it. */
	int			customer_column;
	int			at_column;
	int			amount_column;
	bool		customer_is_text;
	FmgrInfo	customer_output;
	Oid			amount_type;
	Datum	   *values;
	bool	   *nulls;

	/* Rows of customer, day and amount. */
	Tuplesortstate *sort;
	TupleTableSlot *put;
	TupleTableSlot *get;

	/* The customers so far; store holds rows as the function returns them. */
	Tuplestorestate *store;
	Size		count;
	Size		capacity;
	double	   *measures[RFM_MEASURES];
} Rfm;

static int
find_column(TupleDesc desc, const char *name)
{
	int			column = record_column(desc, name);
	int			i;

	if (column < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the query has no column \"%s\"", name),
				 errhint("Name the columns customer, at and amount, as in SELECT customer_id AS customer, ordered_at AS at, total AS amount.")));
	for (i = column + 1; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("the query has several columns \"%s\"", name)));
	return column;
}

/* Finds the columns of the query and starts the sort. */
static void
rfm_start(Rfm *rfm, TupleDesc desc)
{
	static const char *const names[] = {"customer", "day", "amount"};
	static const Oid types[] = {TEXTOID, INT8OID, FLOAT8OID};
	AttrNumber	attributes[3] = {1, 2, 3};
	Oid			less[3];
	Oid			collations[3] = {C_COLLATION_OID, InvalidOid, InvalidOid};
	bool		nulls_first[3] = {false, false, false};
	TupleDesc	sorted = CreateTemplateTupleDesc(3);
	Oid			customer_type;
	Oid			at_type;
	Oid			output;
	bool		is_varlena;
	int			i;

	rfm->customer_column = find_column(desc, "customer");
	rfm->at_column = find_column(desc, "at");
	rfm->amount_column = find_column(desc, "amount");

	at_type = getBaseType(TupleDescAttr(desc, rfm->at_column)->atttypid);
	if (at_type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"at\" must be of type timestamp with time zone"),
				 errdetail("It is of type %s.", format_type_be(at_type)),
				 at_type == TIMESTAMPOID || at_type == DATEOID ?
				 errhint("Say where the clock hangs, as in at AT TIME ZONE 'Europe/Berlin' AS at.") : 0));
	rfm->amount_type = getBaseType(TupleDescAttr(desc, rfm->amount_column)->atttypid);
	if (!pg_is_number(rfm->amount_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"amount\" must be a number"),
				 errdetail("It is of type %s.", format_type_be(rfm->amount_type))));

	customer_type = getBaseType(TupleDescAttr(desc, rfm->customer_column)->atttypid);
	rfm->customer_is_text = customer_type == TEXTOID || customer_type == VARCHAROID;
	getTypeOutputInfo(customer_type, &output, &is_varlena);
	fmgr_info_cxt(output, &rfm->customer_output, rfm->context);

	rfm->values = palloc(sizeof(Datum) * desc->natts);
	rfm->nulls = palloc(sizeof(bool) * desc->natts);

	for (i = 0; i < 3; i++)
	{
		TupleDescInitEntry(sorted, i + 1, names[i], types[i], -1, 0);
		less[i] = lookup_type_cache(types[i], TYPECACHE_LT_OPR)->lt_opr;
	}
	TupleDescInitEntryCollation(sorted, 1, C_COLLATION_OID);
	rfm->put = MakeSingleTupleTableSlot(sorted, &TTSOpsVirtual);
	rfm->get = MakeSingleTupleTableSlot(sorted, &TTSOpsMinimalTuple);
	rfm->sort = tuplesort_begin_heap(sorted, 3, attributes, less, collations, nulls_first,
									 (int) Min(Max(promo_build_memory() / 2 / 1024, 64), MAX_KILOBYTES),
									 NULL, 0);
}

static void
refuse_null(bool isnull, const char *name)
{
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" must not be null", name),
				 errhint("Leave such rows out: WHERE %s IS NOT NULL.", name)));
}

/* The columns at the start, then each row of the query. */
static void
rfm_row(void *arg, TupleDesc desc, HeapTuple tuple)
{
	Rfm		   *rfm = arg;
	TupleTableSlot *slot;
	TimestampTz at;
	double		amount;

	if (tuple == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(rfm->context);

		rfm_start(rfm, desc);
		MemoryContextSwitchTo(old);
		return;
	}

	heap_deform_tuple(tuple, desc, rfm->values, rfm->nulls);
	refuse_null(rfm->nulls[rfm->customer_column], "customer");
	refuse_null(rfm->nulls[rfm->at_column], "at");
	refuse_null(rfm->nulls[rfm->amount_column], "amount");

	at = DatumGetTimestampTz(rfm->values[rfm->at_column]);
	if (TIMESTAMP_IS_NOBEGIN(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("column \"at\" must not be -infinity")));
	amount = pg_number(rfm->amount_type, rfm->values[rfm->amount_column]);
	if (!isfinite(amount))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("column \"amount\" must be a finite number"),
				 errdetail("It is %g.", amount)));
	if (at >= rfm->as_of)
		return;

	slot = rfm->put;
	ExecClearTuple(slot);
	slot->tts_values[0] = rfm->values[rfm->customer_column];
	if (!rfm->customer_is_text)
		slot->tts_values[0] = CStringGetTextDatum(OutputFunctionCall(&rfm->customer_output,
																	 slot->tts_values[0]));
	slot->tts_values[1] = Int64GetDatum(zone_day(zone_local(&rfm->zone, at)));
	slot->tts_values[2] = Float8GetDatum(amount + 0.0); /* -0 becomes 0 */
	slot->tts_isnull[0] = slot->tts_isnull[1] = slot->tts_isnull[2] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(rfm->sort, slot);
}

static void
grow_measures(Rfm *rfm)
{
	Size		capacity = rfm->capacity == 0 ? 256 : 2 * rfm->capacity;
	Size		size = capacity * sizeof(double);
	int			i;

	if (size * RFM_MEASURES > Max(promo_build_memory() / 2, 64 * 1024))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many customers for rfm"),
				 errdetail("%zu customers need %zu kB, half of promo.build_memory is %zu kB.",
						   capacity, size * RFM_MEASURES / 1024, promo_build_memory() / 2 / 1024),
				 errhint("Raise promo.build_memory.")));
	for (i = 0; i < RFM_MEASURES; i++)
		rfm->measures[i] = rfm->measures[i] == NULL ?
			MemoryContextAllocHuge(rfm->context, size) :
			repalloc_huge(rfm->measures[i], size);
	rfm->capacity = capacity;
}

/* Who only returned things, or bought after as_of, is no customer yet. */
static void
rfm_customer_done(Rfm *rfm, TupleDesc result, text *name, RfmCustomer *customer)
{
	Datum		values[RFM_COLUMNS] = {0};
	bool		nulls[RFM_COLUMNS] = {false};
	int64		days = rfm->end_day - customer->last_day;

	if (!customer->bought)
		return;
	if (rfm->count == rfm->capacity)
		grow_measures(rfm);
	rfm->measures[RFM_RECENCY][rfm->count] = -(double) days;
	rfm->measures[RFM_FREQUENCY][rfm->count] = (double) customer->frequency;
	rfm->measures[RFM_MONETARY][rfm->count] = customer->monetary;
	rfm->count++;

	values[0] = PointerGetDatum(name);
	values[1] = Int32GetDatum((int32) days);
	values[2] = Int32GetDatum((int32) customer->frequency);
	values[3] = Float8GetDatum(customer->monetary);
	nulls[4] = nulls[5] = nulls[6] = nulls[7] = true;
	tuplestore_putvalues(rfm->store, result, values, nulls);
}

/* Reads the sorted rows, customer by customer. */
static void
rfm_measure(Rfm *rfm, TupleDesc result)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "promo rfm customer",
												  ALLOCSET_SMALL_SIZES);
	StringInfoData name;
	RfmCustomer customer;
	bool		open = false;

	initStringInfo(&name);
	rfm_customer_start(&customer);
	tuplesort_performsort(rfm->sort);
	while (tuplesort_gettupleslot(rfm->sort, true, false, rfm->get, NULL))
	{
		text	   *found;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(rfm->get);
		found = DatumGetTextPP(rfm->get->tts_values[0]);
		if (!open || VARSIZE_ANY_EXHDR(found) + VARHDRSZ != (Size) name.len ||
			memcmp(VARDATA_ANY(found), name.data + VARHDRSZ, VARSIZE_ANY_EXHDR(found)) != 0)
		{
			MemoryContextSwitchTo(scratch);
			if (open)
				rfm_customer_done(rfm, result, (text *) name.data, &customer);
			MemoryContextReset(scratch);
			MemoryContextSwitchTo(caller);

			resetStringInfo(&name);
			enlargeStringInfo(&name, VARHDRSZ);
			name.len = VARHDRSZ;
			appendBinaryStringInfo(&name, VARDATA_ANY(found), VARSIZE_ANY_EXHDR(found));
			SET_VARSIZE(name.data, name.len);
			rfm_customer_start(&customer);
			open = true;
		}
		if ((Pointer) found != DatumGetPointer(rfm->get->tts_values[0]))
			pfree(found);
		rfm_customer_add(&customer, DatumGetInt64(rfm->get->tts_values[1]),
						 DatumGetFloat8(rfm->get->tts_values[2]));
	}
	if (open)
		rfm_customer_done(rfm, result, (text *) name.data, &customer);
	tuplesort_end(rfm->sort);
	MemoryContextDelete(scratch);
}

/* Gives each customer scores and a segment. */
static void
rfm_score(Rfm *rfm, int32 scores, ReturnSetInfo *rsinfo)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "promo rfm scores",
												  ALLOCSET_SMALL_SIZES);
	Memory		memory = pg_memory(caller);
	Datum	   *segments = palloc0(sizeof(Datum) * scores * scores * scores);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(rsinfo->setDesc, &TTSOpsMinimalTuple);
	Oid			arguments[4] = {INT4OID, INT4OID, INT4OID, INT4OID};
	FmgrInfo	name_segment;
	int			i;

	/* Whoever may call rfm() sees the names, so the table is read through the
	 * function that runs with its owner's rights. */
	fmgr_info(LookupFuncName(list_make2(makeString("promo"), makeString("rfm_segment_name")),
							 4, arguments, false),
			  &name_segment);
	for (i = 0; i < RFM_MEASURES; i++)
		(void) values_sort(&memory, rfm->measures[i], rfm->count);

	while (tuplestore_gettupleslot(rfm->store, true, false, slot))
	{
		Datum		values[RFM_COLUMNS];
		bool		nulls[RFM_COLUMNS] = {false};
		int32		score[RFM_MEASURES];
		double		measure[RFM_MEASURES];
		Datum	   *segment;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(scratch);
		slot_getallattrs(slot);
		memcpy(values, slot->tts_values, sizeof(values));
		measure[RFM_RECENCY] = -(double) DatumGetInt32(values[1]);
		measure[RFM_FREQUENCY] = (double) DatumGetInt32(values[2]);
		measure[RFM_MONETARY] = DatumGetFloat8(values[3]);
		for (i = 0; i < RFM_MEASURES; i++)
		{
			score[i] = rank_score(values_below(rfm->measures[i], rfm->count, measure[i]),
								  rfm->count, scores);
			values[4 + i] = Int32GetDatum(score[i]);
		}
		segment = &segments[((score[0] - 1) * scores + score[1] - 1) * scores + score[2] - 1];
		if (*segment == (Datum) 0)
			*segment = FunctionCall4(&name_segment, values[4], values[5], values[6],
									 Int32GetDatum(scores));
		values[7] = *segment;
		MemoryContextSwitchTo(scratch);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		MemoryContextSwitchTo(caller);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(scratch);
}

/*
 * rfm(query, as_of, scores, time_zone) returns one row for each customer
 */
Datum
promo_rfm(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller = CurrentMemoryContext;
	Rfm			rfm = {0};
	int32		scores;

	argument_needed(fcinfo, 0, "query");
	argument_needed(fcinfo, 1, "as_of");
	argument_needed(fcinfo, 2, "scores");
	argument_needed(fcinfo, 3, "time_zone");
	rfm.as_of = PG_GETARG_TIMESTAMPTZ(1);
	if (TIMESTAMP_NOT_FINITE(rfm.as_of))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("as_of must be finite")));
	scores = PG_GETARG_INT32(2);
	check_scores(scores);
	pg_zone_start(&rfm.zone, PG_GETARG_TEXT_PP(3));
	rfm.end_day = zone_day(zone_local(&rfm.zone, rfm.as_of - 1));

	InitMaterializedSRF(fcinfo, 0);
	rfm.context = AllocSetContextCreate(caller, "promo rfm", ALLOCSET_DEFAULT_SIZES);
	(void) query_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), rfm_row, &rfm);

	MemoryContextSwitchTo(rfm.context);
	rfm.store = tuplestore_begin_heap(false, false, work_mem);
	rfm_measure(&rfm, rsinfo->setDesc);
	rfm_score(&rfm, scores, rsinfo);
	tuplestore_end(rfm.store);
	ExecDropSingleTupleTableSlot(rfm.put);
	ExecDropSingleTupleTableSlot(rfm.get);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(rfm.context);
	PG_RETURN_NULL();
}
