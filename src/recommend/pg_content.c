/*-------------------------------------------------------------------------
 *
 * pg_content.c
 *	  Reading what is said of items from the rows of a query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "recommend/pg_content.h"

/* Rows read between two looks at the memory */
#define ROWS_A_CHECK 1000

static void
out_of_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory while building a recommender")));
}

void
gather_content_start(GatheredContent *gathered, Gathering *ids)
{
	memset(gathered, 0, sizeof(*gathered));
	gathered->ids = ids;
	if (!content_start(&gathered->content, &ids->memory))
		out_of_memory();
}

static void
look_at_columns(GatheredContent *gathered, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(gathered->ids->context);
	int			i;

	if (desc->natts < 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the content query must give the item and what is said of it"),
				 errdetail("It gives %d columns.", desc->natts)));
	id_column_start(&gathered->item, desc, 1, gathered->ids->context);
	gathered->n_columns = desc->natts;
	gathered->columns = palloc0(sizeof(ContentColumn) * desc->natts);
	for (i = 1; i < desc->natts; i++)
	{
		ContentColumn *column = &gathered->columns[i];
		Oid			type = getBaseType(TupleDescAttr(desc, i)->atttypid);
		Oid			element = get_base_element_type(type);
		Oid			output;
		bool		is_varlena;

		column->is_text = type == TEXTOID || type == VARCHAROID;
		column->is_array = OidIsValid(element);
		column->type = column->is_array ? element : type;
		get_typlenbyvalalign(column->type, &column->length, &column->by_value, &column->align);
		getTypeOutputInfo(column->type, &output, &is_varlena);
		fmgr_info_cxt(output, &column->output, gathered->ids->context);
	}
	MemoryContextSwitchTo(old);
}

static void
take_value(GatheredContent *gathered, uint32 item, int number, Datum value)
{
	char	   *text = OutputFunctionCall(&gathered->columns[number].output, value);

	if (!content_value(&gathered->content, item, (uint32) number, text, strlen(text)))
		out_of_memory();
}

static void
take_array(GatheredContent *gathered, uint32 item, int number, Datum value)
{
	const ContentColumn *column = &gathered->columns[number];
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(value), column->type, column->length, column->by_value,
					  column->align, &elements, &nulls, &count);
	for (i = 0; i < count; i++)
		if (!nulls[i])
			take_value(gathered, item, number, elements[i]);
}

void
gather_content_row(void *arg, TupleDesc desc, HeapTuple tuple)
{
	GatheredContent *gathered = arg;
	Gathering  *ids = gathered->ids;
	uint32		item;
	Datum		value;
	bool		null;
	int			i;

	if (tuple == NULL)
	{
		look_at_columns(gathered, desc);
		return;
	}
	value = heap_getattr(tuple, 1, desc, &null);
	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the content query gives a row whose \"%s\" is null", gathered->item.name),
				 errhint("Leave such rows out of the query.")));
	item = id_column_number(&gathered->item, &ids->items, value, "the content query");
	for (i = 1; i < gathered->n_columns; i++)
	{
		value = heap_getattr(tuple, i + 1, desc, &null);
		if (null)
			continue;
		if (gathered->columns[i].is_array)
			take_array(gathered, item, i, value);
		else if (gathered->columns[i].is_text)
		{
			text	   *words = DatumGetTextPP(value);

			if (!content_text(&gathered->content, item, VARDATA_ANY(words),
							  VARSIZE_ANY_EXHDR(words)))
				out_of_memory();
		}
		else
			take_value(gathered, item, i, value);
	}
	if (gathered->rows++ % ROWS_A_CHECK == 0)
		build_check_memory(gathered->held + ids->customers.bytes + ids->items.bytes +
						   2 * gathered->content.bytes,
						   psprintf("Reading on after " UINT64_FORMAT " rows of the content",
									gathered->rows));
}
