/*-------------------------------------------------------------------------
 *
 * pg_score.c
 *	  Predictions for all rows that a query gives.
 *
 * Rows are binned block by block, and the rows of a block walk each tree
 * together: while one waits for a node to come from memory the others go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "forest/pg_forest.h"
#include "forest/pg_open.h"
#include "pg/query.h"
#include "pg/record.h"

/* Rows of a block, and bytes that their bins may take */
#define BLOCK_ROWS 8192
#define BLOCK_BYTES (8 * 1024 * 1024)

typedef struct Scoring
{
	OpenForest *model;
	const char *key;
	int			key_column;
	bool		key_is_text;
	FmgrInfo	key_output;
	ReturnSetInfo *result;
	MemoryContext context;
	MemoryContext keys_context; /* reset with each block */
	Datum	   *values;
	bool	   *nulls;

	/* The block */
	int			most;
	int			count;
	Size		row_size;
	uint8	   *rows;
	double	   *outputs;
	Datum	   *keys;
	bool	   *no_key;
	Datum	   *classes;		/* names, as text */
} Scoring;

static void
scoring_start(Scoring *scoring, TupleDesc desc)
{
	const Forest *forest = &scoring->model->forest;
	uint32		outputs = forest_outputs(forest);
	int			column = record_column(desc, scoring->key);
	Oid			type;
	Oid			output;
	bool		is_varlena;
	int			i;

	if (column < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the query has no column \"%s\" to tell the rows apart", scoring->key)));
	for (i = column + 1; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), scoring->key) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("the query has several columns \"%s\"", scoring->key)));
	scoring->key_column = column;
	type = getBaseType(TupleDescAttr(desc, column)->atttypid);
	scoring->key_is_text = type == TEXTOID || type == VARCHAROID;
	getTypeOutputInfo(type, &output, &is_varlena);
	fmgr_info_cxt(output, &scoring->key_output, scoring->context);

	open_forest_columns(scoring->model, desc);
	scoring->values = palloc(sizeof(Datum) * desc->natts);
	scoring->nulls = palloc(sizeof(bool) * desc->natts);
	scoring->row_size = forest_row_size(forest);
	scoring->most = Max(1, Min(BLOCK_ROWS, BLOCK_BYTES / (scoring->row_size + sizeof(double) * outputs)));
	scoring->rows = palloc(scoring->row_size * scoring->most + 1);
	scoring->outputs = palloc(sizeof(double) * outputs * scoring->most);
	scoring->keys = palloc(sizeof(Datum) * scoring->most);
	scoring->no_key = palloc(sizeof(bool) * scoring->most);
	scoring->classes = palloc(sizeof(Datum) * (forest->n_classes + 1));
	for (i = 0; i < (int) forest->n_classes; i++)
	{
		ForestText	name = forest_class_name(forest, i);

		scoring->classes[i] = PointerGetDatum(cstring_to_text_with_len(name.data, name.size));
	}
}

static void
score_block(Scoring *scoring)
{
	const Forest *forest = &scoring->model->forest;
	uint32		outputs = forest_outputs(forest);
	int			i;

	CHECK_FOR_INTERRUPTS();
	forest_predict(forest, scoring->rows, scoring->count, scoring->outputs);
	for (i = 0; i < scoring->count; i++)
	{
		const double *output = scoring->outputs + (Size) outputs * i;
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = scoring->keys[i];
		nulls[0] = scoring->no_key[i];
		values[2] = (Datum) 0;
		if (forest->n_classes == 0)
		{
			values[1] = Float8GetDatum(output[0]);
			nulls[2] = true;
		}
		else
		{
			uint32		class = forest_likeliest(forest, output);

			values[1] = Float8GetDatum(output[forest->positive >= 0 ? (uint32) forest->positive : class]);
			values[2] = scoring->classes[class];
		}
		tuplestore_putvalues(scoring->result->setResult, scoring->result->setDesc, values, nulls);
	}
	scoring->count = 0;
	MemoryContextReset(scoring->keys_context);
}

static void
score_row(void *arg, TupleDesc desc, HeapTuple tuple)
{
	Scoring    *scoring = arg;
	MemoryContext old;
	Datum		key;

	if (tuple == NULL)
	{
		old = MemoryContextSwitchTo(scoring->context);
		scoring_start(scoring, desc);
		MemoryContextSwitchTo(old);
		return;
	}
	heap_deform_tuple(tuple, desc, scoring->values, scoring->nulls);
	open_forest_values(scoring->model, scoring->values, scoring->nulls,
					   scoring->rows + scoring->row_size * scoring->count);
	old = MemoryContextSwitchTo(scoring->keys_context);
	key = scoring->values[scoring->key_column];
	scoring->no_key[scoring->count] = scoring->nulls[scoring->key_column];
	if (scoring->no_key[scoring->count])
		scoring->keys[scoring->count] = (Datum) 0;
	else if (scoring->key_is_text)
		scoring->keys[scoring->count] = PointerGetDatum(DatumGetTextPCopy(key));
	else
		scoring->keys[scoring->count] = CStringGetTextDatum(OutputFunctionCall(&scoring->key_output, key));
	MemoryContextSwitchTo(old);
	if (++scoring->count == scoring->most)
		score_block(scoring);
}

PG_FUNCTION_INFO_V1(promo_score);

/*
 * score(model text, query text, key text)
 *		returns table (key text, prediction float8, class text)
 */
Datum
promo_score(PG_FUNCTION_ARGS)
{
	Scoring		scoring = {0};
	MemoryContext caller = CurrentMemoryContext;

	InitMaterializedSRF(fcinfo, 0);
	scoring.result = (ReturnSetInfo *) fcinfo->resultinfo;
	scoring.model = open_forest(fcinfo);
	scoring.key = text_to_cstring(PG_GETARG_TEXT_PP(2));
	scoring.context = AllocSetContextCreate(caller, "promo score", ALLOCSET_DEFAULT_SIZES);
	scoring.keys_context = AllocSetContextCreate(scoring.context, "promo score keys",
												 ALLOCSET_DEFAULT_SIZES);
	(void) query_run(text_to_cstring(PG_GETARG_TEXT_PP(1)), score_row, &scoring);
	if (scoring.count > 0)
		score_block(&scoring);
	MemoryContextDelete(scoring.context);
	return (Datum) 0;
}
