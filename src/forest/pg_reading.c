/*-------------------------------------------------------------------------
 *
 * pg_reading.c
 *	  A query's rows on their way to a training.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "miscadmin.h"

#include "forest/pg_reading.h"
#include "pg/query.h"
#include "pg/record.h"

/* Rows between two words of how far it is */
#define ROWS_BETWEEN 16384

static void
spill_append(void *arg, const void *bytes, size_t size)
{
	temp_file_append((TempFile *) arg, bytes, size);
}

static void
spill_read(void *arg, uint64_t place, void *bytes, size_t size)
{
	CHECK_FOR_INTERRUPTS();
	temp_file_read((TempFile *) arg, place, bytes, size);
}

int
reading_column(TupleDesc desc, const char *name, const char *purpose)
{
	int			column = record_column(desc, name);
	int			i;

	if (column < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the query has no column \"%s\" %s", name, purpose)));
	for (i = column + 1; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("the query has several columns \"%s\"", name)));
	return column;
}

/* The query's columns, before its first row */
static void
reading_start(Reading *reading, TupleDesc desc)
{
	int			column = reading_column(desc, reading->target, "to predict");

	reading->target_column = column;
	reading->others = list_make1(reading->target);
	intake_start(&reading->intake, reading->context, TupleDescAttr(desc, column)->atttypid);
	reading->is_regression = reading->intake.target.source == FIELD_NUMBER;
	reading->columns(reading, desc);
	intake_columns(&reading->intake, desc, &reading->options, reading->others);
	reading->values = palloc(sizeof(Datum) * desc->natts);
	reading->nulls = palloc(sizeof(bool) * desc->natts);

	temp_file_start(&reading->temp);
	reading->file.append = spill_append;
	reading->file.read = spill_read;
	reading->file.arg = &reading->temp;
	reading->file.bytes_at_hand = (uint64) work_mem * 1024;
	reading->intake.collection->file = &reading->file;
}

static void
read_row(void *arg, TupleDesc desc, HeapTuple tuple)
{
	Reading    *reading = arg;
	MemoryContext old;

	if (tuple == NULL)
	{
		old = MemoryContextSwitchTo(reading->context);
		reading_start(reading, desc);
		MemoryContextSwitchTo(old);
		return;
	}
	heap_deform_tuple(tuple, desc, reading->values, reading->nulls);
	if (intake_row(&reading->intake, &reading->options, reading->values, reading->nulls,
				   reading->values[reading->target_column],
				   reading->nulls[reading->target_column]) &&
		reading->row != NULL)
		reading->row(reading, reading->values, reading->nulls);
	if (reading->intake.collection->rows % ROWS_BETWEEN == 0)
		progress_report(reading->progress, "reading", reading->intake.collection->rows, -1);
}

void
reading_run(Reading *reading, const char *query)
{
	(void) query_run(query, read_row, reading);
	if (reading->intake.collection->rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 reading->intake.collection->has_weights ?
				 errmsg("the query gives no rows of a weight to learn from") :
				 errmsg("the query gives no rows to learn from")));
}

void
reading_end(Reading *reading)
{
	temp_file_end(&reading->temp);
}
