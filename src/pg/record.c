/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Arguments of type record, and results that are a row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/typcache.h"

#include "pg/record.h"

void
record_reader_start(RecordReader *reader, MemoryContext context)
{
	memset(reader, 0, sizeof(*reader));
	reader->context = context;
}

bool
record_read(RecordReader *reader, HeapTupleHeader row)
{
	HeapTupleData tuple;
	Oid			type_id = HeapTupleHeaderGetTypeId(row);
	int32		typmod = HeapTupleHeaderGetTypMod(row);
	bool		changed = false;

	if (reader->desc == NULL || type_id != reader->type_id ||
		typmod != reader->typmod)
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(type_id, typmod);
		MemoryContext old = MemoryContextSwitchTo(reader->context);

		if (reader->desc != NULL)
		{
			FreeTupleDesc(reader->desc);
			pfree(reader->values);
			pfree(reader->nulls);
			reader->desc = NULL;
		}
		reader->values = palloc0(sizeof(Datum) * Max(desc->natts, 1));
		reader->nulls = palloc0(sizeof(bool) * Max(desc->natts, 1));
		reader->desc = CreateTupleDescCopy(desc);
		reader->type_id = type_id;
		reader->typmod = typmod;
		MemoryContextSwitchTo(old);
		ReleaseTupleDesc(desc);
		changed = true;
	}

	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, reader->desc, reader->values, reader->nulls);
	return changed;
}

int
record_column(TupleDesc desc, const char *name)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0)
			return i;
	}
	return -1;
}

Datum
record_result(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

void
record_number(double number, Datum *value, bool *null)
{
	*value = Float8GetDatum(number);
	*null = isnan(number);
}
