/*-------------------------------------------------------------------------
 *
 * pg_open.h
 *	  Forests that a call site keeps open, and rows as they take them.
 *
 * A statement that asks a model about many rows hands the same one to each
 * call.  So the forests that a call site saw last stay open in its fn_extra,
 * known by where they are stored, or by size and hash where they come in
 * memory, with the columns that their features were found in.  A model's name
 * stands for the version that is current under the active snapshot, and is
 * looked up anew whenever that is another one.
 *
 * Every function whose argument 0 is a model begins with open_forest(), and
 * owns nothing of what it gets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_OPEN_H
#define PROMO_PG_OPEN_H

#include "access/detoast.h"
#include "fmgr.h"
#include "utils/array.h"

#include "forest/pg_field.h"
#include "forest/pg_forest.h"
#include "forest/pg_store.h"
#include "pg/record.h"

typedef struct OpenForest
{
	Forest		forest;
	Size		size;			/* bytes of the value, or of the model */
	ForestValue *values;		/* of the row last read, */
	uint8_t    *row;			/* and it binned */
	double	   *outputs;		/* room for a prediction */

	/* Of pg_open.c alone */
	MemoryContext context;		/* NULL: the entry is free */
	uint64		used;			/* the last call that used it */
	text	   *name;			/* known by name, */
	StoredModel *model;
	bool		is_resolved;	/* under the call site's snapshot */
	bool		is_stored;		/* or by where it is stored, */
	struct varatt_external stored;
	uint64		hash;			/* or by size and hash */
	RecordReader reader;
	bool		has_layout;		/* attributes and fields are right */
	int		   *attributes;
	Field	   *fields;
} OpenForest;

/*
 * The model of argument 0, a forest or the name of a model, open.  Stays so until the call site goes, or has
 * opened several others.
 */
extern OpenForest *open_forest(FunctionCallInfo fcinfo);

/*
 * Reads and bins a record, whose columns are matched by name, or an array in
 * the order of the features.  Names of categories may point into the record.
 */
extern void open_forest_record(OpenForest *entry, HeapTupleHeader record);
extern void open_forest_array(OpenForest *entry, ArrayType *array);

/*
 * The same in two steps, for rows that are no records: finds the features
 * among columns, and bins the values of a row of these to a place of
 * forest_row_size() bytes.
 */
extern void open_forest_columns(OpenForest *entry, TupleDesc desc);
extern void open_forest_values(OpenForest *entry, const Datum *values,
							   const bool *nulls, uint8_t *row);

#endif							/* PROMO_PG_OPEN_H */
