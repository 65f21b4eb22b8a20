/*-------------------------------------------------------------------------
 *
 * pg_duplicates.c
 *	  Rows of a query that tell of the same thing twice.
 *
 * The key columns, and the time where there is one, go through a sort of at
 * most promo.build_memory that spills to temporary files.  Rows of one key
 * come out together, in order of time, and are split where one follows
 * another by more than `within`.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "pg/order.h"
#include "pg/query.h"
#include "pg/record.h"
#include "pg/zone.h"
#include "promo.h"

PG_FUNCTION_INFO_V1(promo_duplicates);

#define DUPLICATES_COLUMNS 6	/* that the function returns */

typedef struct Duplicates
{
	MemoryContext context;
	int			key_count;
	char	  **key_names;
	bool		has_within;
	int64		within;			/* microseconds */

	int		   *key_columns;	/* numbers in the query's rows, from 0 */
	ValueOrder *orders;
	int			time_column;	/* -1: none, or several */
	TupleDesc	key_desc;		/* the key alone, for showing it */
	Datum	   *values;			/* of a row of the query */
	bool	   *nulls;
	Tuplesortstate *sort;		/* of rows of the key and the time */
	TupleTableSlot *put;
	TupleTableSlot *get;
} Duplicates;

/* Rows found so far that tell of the same thing. */
typedef struct Repeats
{
	MemoryContext context;		/* of the values */
	Datum	   *values;			/* of the key; each the one that stands for all */
	bool	   *nulls;
	int64		rows;
	int64		times;			/* different ones */
	TimestampTz first;
	TimestampTz last;
} Repeats;

/* The names of all columns, or of those of a type, for error messages. */
static char *
column_names(TupleDesc desc, Oid type)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!OidIsValid(type) || getBaseType(column->atttypid) == type)
			appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "",
							 NameStr(column->attname));
	}
	return names.data;
}

static void
find_key(Duplicates *duplicates, TupleDesc desc)
{
	int			i;
	int			j;

	for (i = 0; i < duplicates->key_count; i++)
	{
		char	   *name = duplicates->key_names[i];
		int			column = record_column(desc, name);

		if (column < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the query has no column \"%s\" for the key", name),
					 desc->natts == 0 ? errdetail("It has no columns.") :
					 errdetail("Its columns are: %s.", column_names(desc, InvalidOid))));
		for (j = column + 1; j < desc->natts; j++)
			if (strcmp(NameStr(TupleDescAttr(desc, j)->attname), name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_AMBIGUOUS_COLUMN),
						 errmsg("the query has several columns \"%s\"", name)));
		for (j = 0; j < i; j++)
			if (duplicates->key_columns[j] == column)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("the key names column \"%s\" twice", name)));
		duplicates->key_columns[i] = column;
	}
}

/* The one column of type timestamptz that is no part of the key. */
static void
find_time(Duplicates *duplicates, TupleDesc desc)
{
	int			found = 0;
	bool		zoneless = false;
	int			i;
	int			j;

	duplicates->time_column = -1;
	for (i = 0; i < desc->natts; i++)
	{
		Oid			type = getBaseType(TupleDescAttr(desc, i)->atttypid);
		bool		in_key = false;

		for (j = 0; j < duplicates->key_count; j++)
			in_key = in_key || duplicates->key_columns[j] == i;
		zoneless = zoneless || type == TIMESTAMPOID || type == DATEOID;
		if (type == TIMESTAMPTZOID && !in_key)
		{
			duplicates->time_column = i;
			found++;
		}
	}
	if (found == 1)
		return;

	duplicates->time_column = -1;
	if (!duplicates->has_within)
		return;
	if (found > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_COLUMN),
				 errmsg("the query has several columns that could be the time of a row"),
				 errdetail("Columns of type timestamp with time zone: %s.",
						   column_names(desc, TIMESTAMPTZOID)),
				 errhint("Leave all but one of them out of the query.")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the query has no column for the time of a row"),
			 errdetail("\"within\" needs one column of type timestamp with time zone that is no part of the key."),
			 zoneless ?
			 errhint("Say where the clock hangs, as in moment AT TIME ZONE 'Europe/Berlin'.") : 0));
}

static void
duplicates_start(Duplicates *duplicates, TupleDesc desc)
{
	int			keys = duplicates->key_count;
	AttrNumber *attributes = palloc(sizeof(AttrNumber) * (keys + 1));
	Oid		   *less = palloc(sizeof(Oid) * (keys + 1));
	Oid		   *collations = palloc(sizeof(Oid) * (keys + 1));
	bool	   *nulls_first = palloc0(sizeof(bool) * (keys + 1));
	TupleDesc	sorted = CreateTemplateTupleDesc(keys + 1);
	int			i;

	duplicates->key_columns = palloc(sizeof(int) * keys);
	find_key(duplicates, desc);
	find_time(duplicates, desc);

	duplicates->values = palloc(sizeof(Datum) * desc->natts);
	duplicates->nulls = palloc(sizeof(bool) * desc->natts);
	duplicates->orders = palloc(sizeof(ValueOrder) * keys);
	duplicates->key_desc = CreateTemplateTupleDesc(keys);
	for (i = 0; i < keys; i++)
	{
		ValueOrder *order = &duplicates->orders[i];

		value_order_start(order, TupleDescAttr(desc, duplicates->key_columns[i]),
						  duplicates->context);
		TupleDescInitEntry(sorted, i + 1, duplicates->key_names[i], order->type, -1, 0);
		TupleDescInitEntryCollation(sorted, i + 1, order->collation);
		TupleDescInitEntry(duplicates->key_desc, i + 1, duplicates->key_names[i],
						   order->type, -1, 0);
		attributes[i] = i + 1;
		less[i] = order->less;
		collations[i] = order->collation;
	}
	duplicates->key_desc = BlessTupleDesc(duplicates->key_desc);

	TupleDescInitEntry(sorted, keys + 1, "time", TIMESTAMPTZOID, -1, 0);
	attributes[keys] = keys + 1;
	less[keys] = lookup_type_cache(TIMESTAMPTZOID, TYPECACHE_LT_OPR)->lt_opr;
	collations[keys] = InvalidOid;

	duplicates->put = MakeSingleTupleTableSlot(sorted, &TTSOpsVirtual);
	duplicates->get = MakeSingleTupleTableSlot(sorted, &TTSOpsMinimalTuple);
	duplicates->sort = tuplesort_begin_heap(sorted, keys + 1, attributes, less,
											collations, nulls_first,
											(int) Min(Max(promo_build_memory() / 1024, 64), MAX_KILOBYTES),
											NULL, 0);
}

/* The columns at the start, then each row of the query. */
static void
duplicates_row(void *arg, TupleDesc desc, HeapTuple tuple)
{
	Duplicates *duplicates = arg;
	TupleTableSlot *slot = duplicates->put;
	int			keys = duplicates->key_count;
	int			i;

	if (tuple == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(duplicates->context);

		duplicates_start(duplicates, desc);
		MemoryContextSwitchTo(old);
		return;
	}

	heap_deform_tuple(tuple, desc, duplicates->values, duplicates->nulls);
	ExecClearTuple(slot);
	for (i = 0; i < keys; i++)
	{
		int			column = duplicates->key_columns[i];

		slot->tts_isnull[i] = duplicates->nulls[column];
		slot->tts_values[i] = duplicates->nulls[column] ? (Datum) 0 :
			value_order_take(&duplicates->orders[i], duplicates->values[column]);
	}
	slot->tts_isnull[keys] = duplicates->time_column < 0 ||
		duplicates->nulls[duplicates->time_column];
	slot->tts_values[keys] = slot->tts_isnull[keys] ? (Datum) 0 :
		duplicates->values[duplicates->time_column];
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(duplicates->sort, slot);
}

static Datum
group_copy(Repeats *group, ValueOrder *order, Datum value)
{
	MemoryContext old = MemoryContextSwitchTo(group->context);
	Datum		copy = datumCopy(value, order->by_value, order->length);

	MemoryContextSwitchTo(old);
	return copy;
}

/* The row at hand becomes the first of a group. */
static void
group_start(Duplicates *duplicates, Repeats *group)
{
	TupleTableSlot *slot = duplicates->get;
	int			keys = duplicates->key_count;
	int			i;

	MemoryContextReset(group->context);
	for (i = 0; i < keys; i++)
	{
		group->nulls[i] = slot->tts_isnull[i];
		group->values[i] = slot->tts_isnull[i] ? (Datum) 0 :
			group_copy(group, &duplicates->orders[i], slot->tts_values[i]);
	}
	group->rows = 1;
	group->times = 0;
	if (!slot->tts_isnull[keys])
	{
		group->times = 1;
		group->first = group->last = DatumGetTimestampTz(slot->tts_values[keys]);
	}
}

/* Does the row at hand tell of the same thing as the group? */
static bool
group_holds(Duplicates *duplicates, Repeats *group)
{
	TupleTableSlot *slot = duplicates->get;
	int			keys = duplicates->key_count;
	int			i;

	for (i = 0; i < keys; i++)
	{
		if (group->nulls[i] != slot->tts_isnull[i])
			return false;
		if (!group->nulls[i] &&
			value_order_compare(&duplicates->orders[i], group->values[i], slot->tts_values[i]) != 0)
			return false;
	}
	if (!duplicates->has_within)
		return true;

	/* A row without a time is near no other. */
	if (slot->tts_isnull[keys] || group->times == 0)
		return false;
	return (uint64) DatumGetTimestampTz(slot->tts_values[keys]) - (uint64) group->last <=
		(uint64) duplicates->within;
}

static void
group_add(Duplicates *duplicates, Repeats *group)
{
	TupleTableSlot *slot = duplicates->get;
	int			keys = duplicates->key_count;
	int			i;

	group->rows++;
	for (i = 0; i < keys; i++)
	{
		ValueOrder *order = &duplicates->orders[i];

		if (!group->nulls[i] && value_order_prefer(order, group->values[i], slot->tts_values[i]))
		{
			if (!order->by_value)
				pfree(DatumGetPointer(group->values[i]));
			group->values[i] = group_copy(group, order, slot->tts_values[i]);
		}
	}

	if (!slot->tts_isnull[keys])
	{
		TimestampTz at = DatumGetTimestampTz(slot->tts_values[keys]);

		/* Rows come in order of time, those without one last. */
		if (at != group->last)
			group->times++;
		group->last = at;
	}
}

/* One row of the answer, where there is more than one row in the group. */
static void
group_report(Duplicates *duplicates, Repeats *group, ReturnSetInfo *rsinfo)
{
	Datum		values[DUPLICATES_COLUMNS];
	bool		nulls[DUPLICATES_COLUMNS] = {false};
	HeapTuple	key;
	Datum		json;

	if (group->rows < 2)
		return;
	key = heap_form_tuple(duplicates->key_desc, group->values, group->nulls);
	json = DirectFunctionCall1(row_to_json, HeapTupleGetDatum(key));
	values[0] = CStringGetTextDatum(duplicates->has_within && group->times > 1 ? "near" : "exact");
	values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(json)));
	values[2] = Int64GetDatum(group->rows);
	nulls[3] = duplicates->time_column < 0;
	values[3] = Int64GetDatum(group->times);
	nulls[4] = nulls[5] = group->times == 0;
	values[4] = TimestampTzGetDatum(group->first);
	values[5] = TimestampTzGetDatum(group->last);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Takes the names of the key's columns out of the argument. */
static void
read_key(Duplicates *duplicates, ArrayType *key)
{
	Datum	   *names;
	bool	   *nulls;
	int			i;

	deconstruct_array(key, TEXTOID, -1, false, TYPALIGN_INT,
					  &names, &nulls, &duplicates->key_count);
	if (duplicates->key_count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the key must name at least one column"),
				 errhint("To compare whole rows, name all columns.")));
	duplicates->key_names = palloc(sizeof(char *) * duplicates->key_count);
	for (i = 0; i < duplicates->key_count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("the key must not hold NULL")));
		duplicates->key_names[i] = TextDatumGetCString(names[i]);
	}
}

/*
 * duplicates(query, key, within) returns one row for each group of rows with
 * the same key, and with times that follow each other closely enough
 */
Datum
promo_duplicates(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch;
	Duplicates	duplicates = {0};
	Repeats		group = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null")));
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the key must not be null"),
				 errhint("To compare whole rows, name all columns.")));
	read_key(&duplicates, PG_GETARG_ARRAYTYPE_P(1));
	duplicates.has_within = !PG_ARGISNULL(2);
	if (duplicates.has_within)
		duplicates.within = pg_interval_length(PG_GETARG_INTERVAL_P(2), "within");

	InitMaterializedSRF(fcinfo, 0);
	duplicates.context = AllocSetContextCreate(caller, "promo duplicates",
											   ALLOCSET_DEFAULT_SIZES);
	scratch = AllocSetContextCreate(caller, "promo duplicates scratch",
									ALLOCSET_DEFAULT_SIZES);
	group.context = AllocSetContextCreate(caller, "promo duplicates group",
										  ALLOCSET_SMALL_SIZES);
	group.values = palloc(sizeof(Datum) * duplicates.key_count);
	group.nulls = palloc(sizeof(bool) * duplicates.key_count);

	(void) query_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), duplicates_row, &duplicates);

	tuplesort_performsort(duplicates.sort);
	MemoryContextSwitchTo(scratch);
	while (tuplesort_gettupleslot(duplicates.sort, true, false, duplicates.get, NULL))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(scratch);
		slot_getallattrs(duplicates.get);
		if (group.rows > 0 && group_holds(&duplicates, &group))
			group_add(&duplicates, &group);
		else
		{
			group_report(&duplicates, &group, rsinfo);
			group_start(&duplicates, &group);
		}
	}
	group_report(&duplicates, &group, rsinfo);
	MemoryContextSwitchTo(caller);

	tuplesort_end(duplicates.sort);
	ExecDropSingleTupleTableSlot(duplicates.put);
	ExecDropSingleTupleTableSlot(duplicates.get);
	MemoryContextDelete(group.context);
	MemoryContextDelete(scratch);
	MemoryContextDelete(duplicates.context);
	PG_RETURN_NULL();
}
