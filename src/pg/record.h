/*-------------------------------------------------------------------------
 *
 * record.h
 *	  Arguments of type record, their columns by name, row by row; and results
 *	  that are a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RECORD_H
#define PROMO_RECORD_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "fmgr.h"

/*
 * The layout of the rows read so far, and the values of the last one.  Its
 * memory lives in the context given at the start; values point into the
 * record that was read.
 */
typedef struct RecordReader
{
	MemoryContext context;
	Oid			type_id;
	int32		typmod;
	TupleDesc	desc;			/* a copy; NULL before the first row */
	Datum	   *values;			/* one for each attribute of desc, */
	bool	   *nulls;			/* dropped ones among them */
} RecordReader;

extern void record_reader_start(RecordReader *reader, MemoryContext context);

/*
 * Takes a row apart.  True when the layout is another than that of the row
 * before, so that the caller looks up its columns again.
 */
extern bool record_read(RecordReader *reader, HeapTupleHeader row);

/* Number of the column (from 0) with that name that is not dropped, or -1. */
extern int	record_column(TupleDesc desc, const char *name);

/* A row of the composite type that the function was declared to give */
extern Datum record_result(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

/* A number for such a row; NaN stands for not defined, and becomes NULL. */
extern void record_number(double number, Datum *value, bool *null);

#endif							/* PROMO_RECORD_H */
