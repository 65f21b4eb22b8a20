/*-------------------------------------------------------------------------
 *
 * pg_gather.c
 *	  Reading who had what from the rows of a query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/memory.h"
#include "pg/number.h"
#include "promo.h"
#include "recommend/pg_gather.h"

/* Ids are looked up by index, and stand in messages. */
#define ID_MOST 500

/* Rows read between two looks at the clock */
#define ROWS_BETWEEN 1024

/* What a weight may be at most, so that sums of squares stay exact enough */
#define WEIGHT_MOST 1e15

void
gathering_start(Gathering *ids, MemoryContext context)
{
	ids->context = context;
	ids->memory = pg_memory(context);
	ids->progress = NULL;
	if (!names_start(&ids->customers, &ids->memory) || !names_start(&ids->items, &ids->memory))
		elog(ERROR, "out of memory while building a recommender");
}

void
gather_start(GatheredQuery *gather, Gathering *ids, const char *what)
{
	memset(gather, 0, sizeof(*gather));
	gather->ids = ids;
	gather->what = what;
	gather->takes_weights = true;
}

void
build_check_memory(uint64 need, const char *what)
{
	if (need <= promo_build_memory())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("building needs more memory than promo.build_memory allows"),
			 errdetail("%s needs " UINT64_FORMAT " kB, and %zu kB are allowed.",
					   what, (need + 1023) / 1024, promo_build_memory() / 1024),
			 errhint("Raise promo.build_memory, or build on the customers that promo.in_sample() chooses.")));
}

void
id_column_start(IdColumn *id, TupleDesc desc, int column, MemoryContext context)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, column - 1);
	Oid			output;
	bool		is_varlena;

	id->column = column;
	id->type = getBaseType(attribute->atttypid);
	id->name = MemoryContextStrdup(context, NameStr(attribute->attname));
	id->is_text = id->type == TEXTOID || id->type == VARCHAROID;
	id->integer_size = id->type == INT2OID ? 2 : id->type == INT4OID ? 4 :
		id->type == INT8OID ? 8 : 0;
	getTypeOutputInfo(id->type, &output, &is_varlena);
	fmgr_info_cxt(output, &id->output, context);
	id->obeys_settings = !id->is_text && id->integer_size == 0 &&
		id->type != UUIDOID && id->type != NUMERICOID && id->type != BPCHAROID &&
		!type_is_enum(id->type);
}

/* The text of a value, under settings that are nobody's */
static char *
fixed_text(const IdColumn *id, Datum value)
{
	static const char *const settings[][2] = {
		{"datestyle", "ISO"}, {"intervalstyle", "postgres"}, {"timezone", "UTC"},
		{"extra_float_digits", "1"}
	};
	int			level;
	char	   *text;
	int			i;

	if (!id->obeys_settings)
		return OutputFunctionCall((FmgrInfo *) &id->output, value);
	level = NewGUCNestLevel();
	for (i = 0; i < (int) lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	text = OutputFunctionCall((FmgrInfo *) &id->output, value);
	AtEOXact_GUC(true, level);
	return text;
}

/* The number of a text, given one */
static uint32
number_text(const IdColumn *id, Names *names, const char *data, Size size, const char *what)
{
	uint32		number;

	if (size == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s gives a row whose \"%s\" is empty", what, id->name)));
	if (size > ID_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("%s gives a row whose \"%s\" has more than %d bytes", what, id->name,
						ID_MOST)));
	number = names_number(names, data, (uint32) size);
	if (number == NAME_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("there are more than %d different values of \"%s\"", PG_INT32_MAX, id->name)));
	return number;
}

uint32
id_column_number(const IdColumn *id, Names *names, Datum value, const char *what)
{
	uint32		number;

	if (id->integer_size > 0)
	{
		int64		integer = id->integer_size == 2 ? DatumGetInt16(value) :
			id->integer_size == 4 ? DatumGetInt32(value) : DatumGetInt64(value);
		char		text[24];

		number = names_integer(names, integer);
		if (number == NAME_NONE)
		{
			pg_lltoa(integer, text);
			number = number_text(id, names, text, strlen(text), what);
			if (!names_integer_is(names, integer, number))
				elog(ERROR, "out of memory while building a recommender");
		}
	}
	else if (id->is_text)
	{
		text	   *datum = DatumGetTextPP(value);

		number = number_text(id, names, VARDATA_ANY(datum), VARSIZE_ANY_EXHDR(datum), what);
	}
	else
	{
		char	   *datum = fixed_text(id, value);

		number = number_text(id, names, datum, strlen(datum), what);
		pfree(datum);
	}
	return number;
}

/* What a column that is neither customer nor item is for */
static void
look_at_column(GatheredQuery *gather, TupleDesc desc, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, column - 1);
	const char *name = NameStr(attribute->attname);
	Oid			type = getBaseType(attribute->atttypid);
	bool		is_twice = false;

	if (strcmp(name, "weight") == 0)
	{
		is_twice = gather->weight_column > 0;
		if (!gather->takes_weights)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must not give a column \"weight\"", gather->what),
					 errdetail_internal("%s", gather->why_not)));
		if (!pg_is_number(type))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"weight\" of %s is of type %s, not a number", gather->what,
							format_type_be(attribute->atttypid))));
		gather->weight_column = column;
		gather->weight_type = type;
	}
	else if (strcmp(name, "at") == 0)
	{
		is_twice = gather->at_column > 0;
		if (type != TIMESTAMPTZOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"at\" of %s is of type %s, not timestamp with time zone",
							gather->what, format_type_be(attribute->atttypid)),
					 errhint("Say in which zone it is: at AT TIME ZONE 'UTC'.")));
		gather->at_column = column;
	}
	else if (strcmp(name, "category") == 0)
	{
		is_twice = gather->category.column > 0;
		id_column_start(&gather->category, desc, column, gather->ids->context);
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s gives a column \"%s\" that is not known", gather->what, name),
				 errdetail("Its columns are the customer, the item, and if wanted weight, at and category.")));
	if (is_twice)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("%s gives several columns \"%s\"", gather->what, name)));
}

static void
look_at_columns(GatheredQuery *gather, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(gather->ids->context);
	int			column;

	if (desc->natts < 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s must give the customer and the item", gather->what),
				 errdetail("It gives %d columns.", desc->natts)));
	id_column_start(&gather->customer, desc, 1, gather->ids->context);
	id_column_start(&gather->item, desc, 2, gather->ids->context);
	for (column = 3; column <= desc->natts; column++)
		look_at_column(gather, desc, column);
	if (!interactions_start(&gather->rows, &gather->ids->memory, &gather->ids->customers,
							&gather->ids->items, gather->weight_column > 0, gather->at_column > 0))
		elog(ERROR, "out of memory while building a recommender");
	MemoryContextSwitchTo(old);
}

/* A value of a column that may not be null */
static Datum
value_of(const GatheredQuery *gather, TupleDesc desc, HeapTuple tuple, int column)
{
	bool		null;
	Datum		value = heap_getattr(tuple, column, desc, &null);

	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s gives a row whose \"%s\" is null", gather->what,
						NameStr(TupleDescAttr(desc, column - 1)->attname)),
				 errhint("Leave such rows out of the query.")));
	return value;
}

uint64
gather_bytes(const GatheredQuery *gather)
{
	return gather->held + gather->ids->customers.bytes + gather->ids->items.bytes +
		gather->rows.bytes + gather->rows.categories.bytes;
}

void
gather_row(void *arg, TupleDesc desc, HeapTuple tuple)
{
	GatheredQuery	   *gather = arg;
	Gathering  *ids = gather->ids;
	uint32		customer;
	uint32		item;
	double		weight = 1;
	int64		at = 0;

	if (tuple == NULL)
	{
		look_at_columns(gather, desc);
		return;
	}
	if (gather->weight_column > 0)
	{
		weight = pg_number(gather->weight_type,
						   value_of(gather, desc, tuple, gather->weight_column));
		if (!(weight >= 0 && weight <= WEIGHT_MOST))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("%s gives a row whose \"weight\" is %g", gather->what, weight),
					 errdetail("A weight is 0, which leaves the row out, or up to %g.", WEIGHT_MOST)));
		if (weight == 0)
			return;
	}
	customer = id_column_number(&gather->customer, &ids->customers,
								value_of(gather, desc, tuple, 1), gather->what);
	item = id_column_number(&gather->item, &ids->items,
							value_of(gather, desc, tuple, 2), gather->what);
	if (gather->at_column > 0)
	{
		at = DatumGetTimestampTz(value_of(gather, desc, tuple, gather->at_column));
		if (TIMESTAMP_NOT_FINITE(at))
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("%s gives a row whose \"at\" is infinite", gather->what)));
	}
	if (gather->category.column > 0)
	{
		bool		null;
		Datum		value = heap_getattr(tuple, gather->category.column, desc, &null);

		if (!null)
		{
			char	   *text = fixed_text(&gather->category, value);

			if (strlen(text) > ID_MOST)
				ereport(ERROR,
						(errcode(ERRCODE_NAME_TOO_LONG),
						 errmsg("%s gives a row whose \"category\" has more than %d bytes",
								gather->what, ID_MOST)));
			if (!interactions_categorize(&gather->rows, item, text, (uint32) strlen(text)))
				elog(ERROR, "out of memory while building a recommender");
		}
	}
	if (ids->progress != NULL && gather->rows.rows % ROWS_BETWEEN == 0)
		progress_report(ids->progress, "reading", (int64) gather->rows.rows, -1);
	if (gather->rows.rows % INTERACTION_CHUNK == 0)
		build_check_memory(gather_bytes(gather) + (gather->rows.has_times ? 24 : 16) * INTERACTION_CHUNK,
						   psprintf("Reading on after " UINT64_FORMAT " rows", gather->rows.rows));
	if (!interactions_add(&gather->rows, customer, item, weight, at))
		elog(ERROR, "out of memory while building a recommender");
}
