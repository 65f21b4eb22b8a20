/*-------------------------------------------------------------------------
 *
 * pg_profile.c
 *	  What is in the columns of a query.
 *
 * The query is read once.  Each column counts its different values in a
 * tally; where the tally is full it goes, as pairs of value and count, into a
 * sort that may spill to temporary files.  At the end each column's values
 * come by in the type's order, equal ones together, and all figures are taken
 * from that: they are exact, and the same in any order of rows.  The tallies
 * and sorts of all columns together stay within promo.build_memory, as long
 * as that leaves each at least what COLUMN_LEAST says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/formatting.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"

#include "behavior/clean.h"
#include "behavior/tally.h"
#include "core/hash.h"
#include "pg/memory.h"
#include "pg/number.h"
#include "pg/order.h"
#include "pg/query.h"
#include "promo.h"

PG_FUNCTION_INFO_V1(promo_profile);

#define PROFILE_COLUMNS 14		/* that the function returns */
#define TOP_VALUES 10
#define SHOWN_BYTES 1000		/* of a value; what is longer is cut */
#define COLUMN_LEAST (64 * 1024)	/* bytes for a tally, and for a sort */
#define TALLY_MOST (2 * 1024 * 1024)	/* bytes; beyond, sorting is faster */
#define MANY_NULLS 0.05			/* share from which NULLs are warned of */
#define KEY_ROWS 10				/* rows from which unique values are a key */

typedef struct Column
{
	char	   *name;
	char	   *type_name;
	ValueOrder	order;
	bool		is_key_type;	/* unique values of it look like a key */
	bool		is_text;
	MemoryContext context;		/* the tally's and sort's */
	int64		nulls;
	int64		special;		/* numbers and times that are not finite */
	Tally		tally;
	Tuplesortstate *sort;		/* NULL: the tally holds everything */
	TupleTableSlot *put;
	TupleTableSlot *get;
	StringInfoData bytes;		/* the value at hand, as the tally keeps it */
} Column;

typedef struct Profile
{
	MemoryContext context;
	int			count;
	Column	   *columns;
	Datum	   *values;
	bool	   *nulls;
	int64		rows;
	Size		budget;			/* of a sort; a tally has at most as much */
} Profile;

/*
 * A column's values in their order.  A group is all values that the type's
 * order takes for equal, shown by the one whose text sorts first.
 */
typedef struct Stream
{
	Column	   *column;
	size_t		next;			/* in the tally */
	bool		pending;		/* there is a value read ahead */
	Datum		pending_value;
	int64		pending_count;
	MemoryContext context;		/* of the group's value */
	Datum		value;
	int64		count;
} Stream;

/* Is a value no place on the line of numbers, or of time? */
static bool
is_special(Oid type, Datum value)
{
	if (pg_is_number(type))
		return !isfinite(pg_number(type, value));
	if (type == DATEOID)
		return DATE_NOT_FINITE(DatumGetDateADT(value));
	if (type == TIMESTAMPOID || type == TIMESTAMPTZOID)
		return TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value));
	return false;
}

static void
column_start(Profile *profile, Column *column, Form_pg_attribute attribute)
{
	ValueOrder *order = &column->order;
	Memory		memory;
	char		category;
	bool		preferred;

	column->name = pstrdup(NameStr(attribute->attname));
	column->type_name = format_type_with_typemod(attribute->atttypid, attribute->atttypmod);
	value_order_start(order, attribute, profile->context);
	get_type_category_preferred(order->base, &category, &preferred);
	column->is_text = !order->as_text && category == TYPCATEGORY_STRING && order->length == -1;
	column->is_key_type = column->is_text || order->base == UUIDOID ||
		order->base == INT2OID || order->base == INT4OID || order->base == INT8OID;

	column->context = AllocSetContextCreate(profile->context, "promo profile column",
											ALLOCSET_SMALL_SIZES);
	memory = pg_memory(column->context);
	tally_start(&column->tally, &memory, Min(profile->budget, TALLY_MOST));
	initStringInfo(&column->bytes);
}

/*
 * The value as bytes that the tally keeps: a Datum, or what one points to with
 * a header that does not depend on how the row was stored.
 */
static void
column_take(Column *column, Datum value)
{
	StringInfo	bytes = &column->bytes;

	resetStringInfo(bytes);
	value = value_order_take(&column->order, value);
	if (column->order.by_value)
		appendBinaryStringInfo(bytes, (char *) &value, sizeof(Datum));
	else if (column->order.length == -1)
	{
		struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

		enlargeStringInfo(bytes, VARHDRSZ);
		bytes->len = VARHDRSZ;
		appendBinaryStringInfo(bytes, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
		SET_VARSIZE(bytes->data, bytes->len);
		if ((Pointer) packed != DatumGetPointer(value))
			pfree(packed);
	}
	else
		appendBinaryStringInfo(bytes, DatumGetPointer(value),
							   datumGetSize(value, false, column->order.length));
}

static Datum
entry_value(const Column *column, const TallyEntry *entry)
{
	Datum		value;

	if (!column->order.by_value)
		return PointerGetDatum(entry->bytes);
	memcpy(&value, entry->bytes, sizeof(Datum));
	return value;
}

static void
column_count_special(Column *column)
{
	size_t		i;

	for (i = 0; i < column->tally.count; i++)
		if (is_special(column->order.type, entry_value(column, &column->tally.entries[i])))
			column->special += column->tally.entries[i].count;
}

/* A sort of rows by their first column. */
static Tuplesortstate *
sort_start(TupleDesc desc, Oid less, Oid collation, Size budget)
{
	AttrNumber	attribute = 1;
	bool		nulls_first = false;

	/* 1 says that it is read twice, in the terms of every version. */
	return tuplesort_begin_heap(desc, 1, &attribute, &less, &collation, &nulls_first,
								(int) Min(budget / 1024, MAX_KILOBYTES), NULL, 1);
}

/* Moves what the tally holds to the sort. */
static void
column_spill(Column *column, Size budget)
{
	MemoryContext old = MemoryContextSwitchTo(column->context);
	size_t		i;

	if (column->sort == NULL)
	{
		TupleDesc	desc = CreateTemplateTupleDesc(2);

		TupleDescInitEntry(desc, 1, "value", column->order.type, -1, 0);
		TupleDescInitEntryCollation(desc, 1, column->order.collation);
		TupleDescInitEntry(desc, 2, "count", INT8OID, -1, 0);
		column->put = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
		column->get = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
		column->sort = sort_start(desc, column->order.less, column->order.collation, budget);
	}

	column_count_special(column);
	for (i = 0; i < column->tally.count; i++)
	{
		TallyEntry *entry = &column->tally.entries[i];
		TupleTableSlot *slot = column->put;

		CHECK_FOR_INTERRUPTS();
		ExecClearTuple(slot);
		slot->tts_values[0] = entry_value(column, entry);
		slot->tts_values[1] = Int64GetDatum(entry->count);
		slot->tts_isnull[0] = slot->tts_isnull[1] = false;
		ExecStoreVirtualTuple(slot);
		tuplesort_puttupleslot(column->sort, slot);
	}
	tally_empty(&column->tally);
	MemoryContextSwitchTo(old);
}

/* The columns at the start, then each row of the query. */
static void
profile_row(void *arg, TupleDesc desc, HeapTuple tuple)
{
	Profile    *profile = arg;
	int			i;

	if (tuple == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(profile->context);

		profile->count = desc->natts;
		profile->columns = palloc0(sizeof(Column) * Max(desc->natts, 1));
		profile->values = palloc(sizeof(Datum) * Max(desc->natts, 1));
		profile->nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
		profile->budget = Max(promo_build_memory() / 2 / Max(desc->natts, 1), COLUMN_LEAST);
		for (i = 0; i < desc->natts; i++)
			column_start(profile, &profile->columns[i], TupleDescAttr(desc, i));
		MemoryContextSwitchTo(old);
		return;
	}

	profile->rows++;
	heap_deform_tuple(tuple, desc, profile->values, profile->nulls);
	for (i = 0; i < profile->count; i++)
	{
		Column	   *column = &profile->columns[i];

		if (profile->nulls[i])
		{
			column->nulls++;
			continue;
		}
		column_take(column, profile->values[i]);
		while (tally_add(&column->tally, column->bytes.data, column->bytes.len) == TALLY_FULL)
			column_spill(column, profile->budget);
	}
}

static int
compare_entries(const void *a, const void *b, void *arg)
{
	Column	   *column = arg;

	CHECK_FOR_INTERRUPTS();
	return value_order_compare(&column->order, entry_value(column, a), entry_value(column, b));
}

/* The next value, which stays valid until the one after it is read. */
static void
stream_read(Stream *stream)
{
	Column	   *column = stream->column;

	stream->pending = false;
	if (column->sort == NULL)
	{
		if (stream->next < column->tally.count)
		{
			TallyEntry *entry = &column->tally.entries[stream->next++];

			stream->pending = true;
			stream->pending_value = entry_value(column, entry);
			stream->pending_count = entry->count;
		}
	}
	else if (tuplesort_gettupleslot(column->sort, true, false, column->get, NULL))
	{
		bool		isnull;

		stream->pending = true;
		stream->pending_value = slot_getattr(column->get, 1, &isnull);
		stream->pending_count = DatumGetInt64(slot_getattr(column->get, 2, &isnull));
	}
}

/* Begins at the first value, also a second time. */
static void
stream_start(Stream *stream, Column *column, MemoryContext context)
{
	stream->column = column;
	stream->context = context;
	stream->next = 0;
	stream->value = (Datum) 0;
	stream->count = 0;
	if (column->sort != NULL)
		tuplesort_rescan(column->sort);
	stream_read(stream);
}

static void
stream_keep(Stream *stream)
{
	Column	   *column = stream->column;

	if (column->sort != NULL && !column->order.by_value)
	{
		MemoryContext old;

		MemoryContextReset(stream->context);
		old = MemoryContextSwitchTo(stream->context);
		stream->value = datumCopy(stream->pending_value, false, column->order.length);
		MemoryContextSwitchTo(old);
	}
	else
		stream->value = stream->pending_value;
}

/* The next group; false at the end, where the last group stays in place. */
static bool
stream_next(Stream *stream)
{
	Column	   *column = stream->column;

	CHECK_FOR_INTERRUPTS();
	if (!stream->pending)
		return false;
	stream_keep(stream);
	stream->count = stream->pending_count;
	for (stream_read(stream);
		 stream->pending &&
		 value_order_compare(&column->order, stream->value, stream->pending_value) == 0;
		 stream_read(stream))
	{
		stream->count += stream->pending_count;
		if (value_order_prefer(&column->order, stream->value, stream->pending_value))
			stream_keep(stream);
	}
	return true;
}

/* A value as it is shown, cut where it is long. */
static char *
shown_text(Column *column, Datum value, MemoryContext context)
{
	char	   *text = value_order_text(&column->order, value);
	int			size = (int) strlen(text);
	int			kept = size;

	if (size > SHOWN_BYTES)
		kept = pg_mbcliplen(text, size, SHOWN_BYTES);
	return MemoryContextStrdup(context, kept == size ? text : psprintf("%.*s...", kept, text));
}

typedef struct TopValue
{
	char	   *text;
	int64		count;
} TopValue;

/* What a column's values add up to. */
typedef struct Findings
{
	int64		distinct;
	char	   *min;
	char	   *max;
	Summary		summary;
	int64		negative;
	int64		positive;
	int64		zero;
	int64		outliers;
	double		low_fence;
	double		high_fence;
	int64		empty;
	int64		blanks;
	int64		placeholders;
	int64		placeholder_most;
	char	   *placeholder;
	int64		text_numbers;	/* values that are not empty and read as one */
	int64		filled_texts;	/* values that are not empty */
	int64		respelled;
	int			top_count;
	TopValue	top[TOP_VALUES];
} Findings;

/* Keeps the group among the most frequent; of equal counts the first stays. */
static void
find_top(Findings *findings, Stream *stream, MemoryContext context)
{
	int			at = findings->top_count;

	if (at == TOP_VALUES)
	{
		if (stream->count <= findings->top[TOP_VALUES - 1].count)
			return;
		at--;
		pfree(findings->top[at].text);
	}
	else
		findings->top_count++;
	while (at > 0 && findings->top[at - 1].count < stream->count)
	{
		findings->top[at] = findings->top[at - 1];
		at--;
	}
	findings->top[at].text = shown_text(stream->column, stream->value, context);
	findings->top[at].count = stream->count;
}

static void
find_in_number(Findings *findings, Stream *stream)
{
	double		x = pg_number(stream->column->order.type, stream->value);

	if (x < 0)
		findings->negative += stream->count;
	else if (x > 0)
		findings->positive += stream->count;
	else if (x == 0)
		findings->zero += stream->count;
	if (isfinite(x))
		summary_add(&findings->summary, x, stream->count);
}

/* Gives a hash of the text without regard to case and blanks at the ends. */
static uint64
find_in_text(Findings *findings, Stream *stream, MemoryContext context)
{
	text	   *value = DatumGetTextPP(stream->value);
	size_t		size = VARSIZE_ANY_EXHDR(value);
	size_t		trimmed_size;
	const char *trimmed;
	char	   *folded;

	/* Blanks at the end of character(n) are no part of the value. */
	if (stream->column->order.type == BPCHAROID)
		size = bpchartruelen(VARDATA_ANY(value), (int) size);
	trimmed_size = size;
	trimmed = text_trim(VARDATA_ANY(value), &trimmed_size);

	if (trimmed_size == 0)
		findings->empty += stream->count;
	else
	{
		findings->filled_texts++;
		if (trimmed_size < size)
			findings->blanks += stream->count;
		if (text_is_number(trimmed, trimmed_size))
			findings->text_numbers++;
		if (text_is_placeholder(trimmed, trimmed_size))
		{
			findings->placeholders += stream->count;
			if (stream->count > findings->placeholder_most)
			{
				findings->placeholder_most = stream->count;
				findings->placeholder = shown_text(stream->column, stream->value, context);
			}
		}
	}
	folded = str_tolower(trimmed, trimmed_size, DEFAULT_COLLATION_OID);
	return hash_keyed(folded, strlen(folded), 0, 0);
}

/* How many hashes in the sort occurred before. */
static int64
count_repeated(Tuplesortstate *sort, TupleTableSlot *slot)
{
	int64		repeated = 0;
	bool		first = true;
	int64		last = 0;

	tuplesort_performsort(sort);
	while (tuplesort_gettupleslot(sort, true, false, slot, NULL))
	{
		bool		isnull;
		int64		hash = DatumGetInt64(slot_getattr(slot, 1, &isnull));

		CHECK_FOR_INTERRUPTS();
		if (!first && hash == last)
			repeated++;
		first = false;
		last = hash;
	}
	return repeated;
}

/* Takes all figures from the column's sorted values. */
static void
find(Profile *profile, Column *column, Findings *findings)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "promo profile scratch",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext group = AllocSetContextCreate(caller, "promo profile group",
												ALLOCSET_SMALL_SIZES);
	bool		is_number = pg_is_number(column->order.type);
	Tuplesortstate *hashes = NULL;
	TupleTableSlot *put = NULL;
	TupleTableSlot *get = NULL;
	Stream		stream;

	memset(findings, 0, sizeof(*findings));
	if (column->sort != NULL)
	{
		column_spill(column, profile->budget);
		tuplesort_performsort(column->sort);
	}
	else
	{
		column_count_special(column);
		qsort_arg(column->tally.entries, column->tally.count, sizeof(TallyEntry),
				  compare_entries, column);
	}
	summary_start(&findings->summary, profile->rows - column->nulls - column->special);

	if (column->is_text)
	{
		TupleDesc	desc = CreateTemplateTupleDesc(1);

		TupleDescInitEntry(desc, 1, "hash", INT8OID, -1, 0);
		put = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
		get = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
		hashes = sort_start(desc, Int8LessOperator, InvalidOid, profile->budget);
	}

	MemoryContextSwitchTo(scratch);
	stream_start(&stream, column, group);
	while (stream_next(&stream))
	{
		MemoryContextReset(scratch);
		if (findings->distinct++ == 0)
			findings->min = shown_text(column, stream.value, caller);
		find_top(findings, &stream, caller);
		if (is_number)
			find_in_number(findings, &stream);
		if (hashes != NULL)
		{
			ExecClearTuple(put);
			put->tts_values[0] = Int64GetDatum((int64) find_in_text(findings, &stream, caller));
			put->tts_isnull[0] = false;
			ExecStoreVirtualTuple(put);
			tuplesort_puttupleslot(hashes, put);
		}
	}
	if (findings->distinct > 0)
		findings->max = shown_text(column, stream.value, caller);

	if (is_number && findings->summary.quartile[2] > findings->summary.quartile[0])
	{
		double		range = findings->summary.quartile[2] - findings->summary.quartile[0];

		findings->low_fence = findings->summary.quartile[0] - 3 * range;
		findings->high_fence = findings->summary.quartile[2] + 3 * range;
		stream_start(&stream, column, group);
		while (stream_next(&stream))
		{
			double		x = pg_number(column->order.type, stream.value);

			MemoryContextReset(scratch);
			if (isfinite(x) && (x < findings->low_fence || x > findings->high_fence))
				findings->outliers += stream.count;
		}
	}
	if (hashes != NULL)
	{
		findings->respelled = count_repeated(hashes, get);
		tuplesort_end(hashes);
		ExecDropSingleTupleTableSlot(put);
		ExecDropSingleTupleTableSlot(get);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	MemoryContextDelete(group);
}

static void warn(ArrayBuildState **warnings, const char *format,...) pg_attribute_printf(2, 3);

static void
warn(ArrayBuildState **warnings, const char *format,...)
{
	StringInfoData line;

	initStringInfo(&line);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&line, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&line, needed);
	}
	*warnings = accumArrayResult(*warnings, CStringGetTextDatum(line.data), false,
								 TEXTOID, CurrentMemoryContext);
}

/* What somebody should look at, in words that name the count. */
static Datum
column_warnings(Profile *profile, Column *column, Findings *findings)
{
	ArrayBuildState *warnings = NULL;
	int64		filled = profile->rows - column->nulls;

	if (profile->rows == 0)
		warn(&warnings, "no rows");
	else if (filled == 0)
		warn(&warnings, "NULL: all of " INT64_FORMAT " rows", column->nulls);
	else if (column->nulls >= MANY_NULLS * profile->rows)
		warn(&warnings, "NULL: " INT64_FORMAT " of " INT64_FORMAT " rows (%.1f %%)",
			 column->nulls, profile->rows, 100.0 * column->nulls / profile->rows);
	if (findings->distinct == 1 && filled > 1)
		warn(&warnings, "constant: " INT64_FORMAT " rows, one value", filled);
	if (column->is_key_type && findings->distinct == profile->rows && filled >= KEY_ROWS)
		warn(&warnings, "unique: " INT64_FORMAT " rows, each with a value of its own, as of a key",
			 profile->rows);
	if (findings->empty > 0)
		warn(&warnings, "empty text: " INT64_FORMAT " of " INT64_FORMAT " rows", findings->empty, profile->rows);
	if (findings->blanks > 0)
		warn(&warnings, "blanks at the ends: " INT64_FORMAT " of " INT64_FORMAT " rows",
			 findings->blanks, profile->rows);
	if (findings->placeholders > 0)
		warn(&warnings, "placeholder: " INT64_FORMAT " of " INT64_FORMAT " rows, most often \"%s\"",
			 findings->placeholders, profile->rows, findings->placeholder);
	if (findings->respelled > 0)
		warn(&warnings, "spelling: " INT64_FORMAT " of " INT64_FORMAT " values differ from another by case or blanks at the ends only",
			 findings->respelled, findings->distinct);
	if (findings->filled_texts > 0 && findings->text_numbers == findings->filled_texts)
		warn(&warnings, "numbers as text: " INT64_FORMAT " values, all of which read as numbers",
			 findings->text_numbers);
	if (findings->negative > 0 && findings->positive > 0)
		warn(&warnings, "negative: " INT64_FORMAT " of " INT64_FORMAT " rows", findings->negative, profile->rows);
	if (findings->zero > 0 && findings->distinct > 2)
		warn(&warnings, "zero: " INT64_FORMAT " of " INT64_FORMAT " rows", findings->zero, profile->rows);
	if (column->special > 0)
		warn(&warnings, pg_is_number(column->order.type) ?
			 "not finite: " INT64_FORMAT " of " INT64_FORMAT " rows, left out of mean, sd and quartiles" :
			 "not finite: " INT64_FORMAT " of " INT64_FORMAT " rows", column->special, profile->rows);
	if (findings->outliers > 0)
		warn(&warnings, "outliers: " INT64_FORMAT " of " INT64_FORMAT " rows outside %g to %g, three interquartile ranges beyond the quartiles",
			 findings->outliers, profile->rows, findings->low_fence, findings->high_fence);
	if (column->order.type == TIMESTAMPOID)
		warn(&warnings, "no time zone: which instant is meant is not stored, AT TIME ZONE says it");

	if (warnings == NULL)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	return makeArrayResult(warnings, CurrentMemoryContext);
}

static Datum
column_top_values(Findings *findings)
{
	StringInfoData json;
	int			i;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (i = 0; i < findings->top_count; i++)
	{
		appendStringInfoString(&json, i == 0 ? "{\"value\": " : ", {\"value\": ");
		escape_json(&json, findings->top[i].text);
		appendStringInfo(&json, ", \"rows\": " INT64_FORMAT "}", findings->top[i].count);
	}
	appendStringInfoChar(&json, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* One row of the answer. */
static void
column_report(Profile *profile, Column *column, ReturnSetInfo *rsinfo)
{
	Datum		values[PROFILE_COLUMNS];
	bool		nulls[PROFILE_COLUMNS] = {false};
	Findings	findings;
	bool		is_number = pg_is_number(column->order.type);
	int			i;

	find(profile, column, &findings);
	values[0] = CStringGetTextDatum(column->name);
	values[1] = CStringGetTextDatum(column->type_name);
	values[2] = Int64GetDatum(profile->rows);
	values[3] = Int64GetDatum(column->nulls);
	values[4] = Int64GetDatum(findings.distinct);
	nulls[5] = nulls[6] = findings.distinct == 0 || column->order.as_text;
	values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(findings.min);
	values[6] = nulls[6] ? (Datum) 0 : CStringGetTextDatum(findings.max);
	nulls[7] = !is_number || findings.summary.count < 1;
	values[7] = Float8GetDatum(findings.summary.mean);
	nulls[8] = !is_number || findings.summary.count < 2;
	values[8] = nulls[8] ? (Datum) 0 : Float8GetDatum(summary_sd(&findings.summary));
	for (i = 0; i < 3; i++)
	{
		nulls[9 + i] = nulls[7];
		values[9 + i] = Float8GetDatum(findings.summary.quartile[i]);
	}
	values[12] = column_top_values(&findings);
	values[13] = column_warnings(profile, column, &findings);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * profile(query) returns one row for each column of the query
 */
Datum
promo_profile(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext report;
	Profile		profile = {0};
	int			i;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null")));

	InitMaterializedSRF(fcinfo, 0);
	profile.context = AllocSetContextCreate(caller, "promo profile", ALLOCSET_DEFAULT_SIZES);
	report = AllocSetContextCreate(caller, "promo profile report", ALLOCSET_DEFAULT_SIZES);

	(void) query_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), profile_row, &profile);

	MemoryContextSwitchTo(report);
	for (i = 0; i < profile.count; i++)
	{
		Column	   *column = &profile.columns[i];

		column_report(&profile, column, rsinfo);
		if (column->sort != NULL)
		{
			tuplesort_end(column->sort);
			ExecDropSingleTupleTableSlot(column->put);
			ExecDropSingleTupleTableSlot(column->get);
		}
		MemoryContextDelete(column->context);
		MemoryContextReset(report);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(report);
	MemoryContextDelete(profile.context);
	PG_RETURN_NULL();
}
