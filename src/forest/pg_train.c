/*-------------------------------------------------------------------------
 *
 * pg_train.c
 *	  Training a model by name, on what a query gives.
 *
 * The query is read once, as the caller and under the caller's search_path,
 * into a collection whose rows go to a temporary file beyond work_mem.  Only
 * when the model is ready are the extension's tables written, as their owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "forest/pg_forest.h"
#include "forest/pg_grow.h"
#include "forest/pg_learn.h"
#include "forest/pg_progress.h"
#include "forest/pg_store.h"
#include "pg/memory.h"
#include "pg/query.h"
#include "pg/record.h"
#include "pg/tempfile.h"
#include "promo.h"

/* Rows between two words of how far it is */
#define ROWS_BETWEEN 16384

/* A query's rows on their way */
typedef struct Reading
{
	MemoryContext context;
	const Jsonb *json;
	TrainingOptions options;
	char	   *target;
	int			target_column;
	Intake		intake;
	Datum	   *values;
	bool	   *nulls;
	TempFile	temp;
	CollectFile file;
	Progress   *progress;
} Reading;

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

/* The query's columns, before its first row */
static void
reading_start(Reading *reading, TupleDesc desc)
{
	int			column = record_column(desc, reading->target);
	List	   *others = list_make1(reading->target);
	int			i;

	if (column < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the query has no column \"%s\" to predict", reading->target)));
	for (i = column + 1; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), reading->target) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("the query has several columns \"%s\"", reading->target)));
	reading->target_column = column;
	intake_start(&reading->intake, reading->context, TupleDescAttr(desc, column)->atttypid);
	options_read(reading->json, OPTIONS_TRAIN, "train", desc, others,
				 reading->intake.target.source == FIELD_NUMBER, &reading->options);
	intake_columns(&reading->intake, desc, &reading->options, others);
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
	(void) intake_row(&reading->intake, &reading->options, reading->values, reading->nulls,
					  reading->values[reading->target_column],
					  reading->nulls[reading->target_column]);
	if (reading->intake.collection->rows % ROWS_BETWEEN == 0)
		progress_report(reading->progress, "reading", reading->intake.collection->rows, -1);
}

static text *
text_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	text	   *value;

	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	value = PG_GETARG_TEXT_P_COPY(number);
	if (VARSIZE_ANY_EXHDR(value) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", name)));
	return value;
}

/*
 * Grows trees with as many workers as the options ask for, or as the server's
 * settings and promo.build_memory allow.  Gives how many there were.
 */
static int
grow_apart(Reading *reading, Training *training, uint64 held, TempFile *trees)
{
	uint64		grower;
	uint64		need = held + training_need(training->data, training->options, &grower);
	int			workers = reading->options.workers;

	if (workers < 0)
	{
		workers = grow_workers(training->data, training->options);
		while (workers > 0 && need + workers * grower > promo_build_memory())
			workers--;
	}
	learn_check_memory(need + workers * grower, training->data->n_rows, "Training on");
	return grow_shared(training, workers, trees, reading->progress);
}

PG_FUNCTION_INFO_V1(promo_train);

/*
 * train(model text, query text, target text, options jsonb) returns model_version
 */
Datum
promo_train(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	NewVersion	version = {0};
	Reading		reading = {0};
	Memory		memory;
	ForestData	data;
	ForestOptions options;
	ForestProblem problem;
	Training	training;
	Progress	progress;
	ModelOut	out;
	StoreWriter *writer;
	uint64		held;
	TempFile	trees = {NULL, 0};
	Datum		row;

	version.model = text_argument(fcinfo, 0, "model");
	version.query = text_argument(fcinfo, 1, "query");
	version.target = text_argument(fcinfo, 2, "target");
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("options must not be null")));
	version.options = PG_GETARG_JSONB_P(3);
	version.started_at = GetCurrentTimestamp();
	PreventCommandIfReadOnly("train()");
	store_check_owner(version.model);

	context = AllocSetContextCreate(caller, "promo train", ALLOCSET_DEFAULT_SIZES);
	memory = pg_memory(context);
	progress_start(&progress, version.model);
	reading.context = context;
	reading.json = version.options;
	reading.target = text_to_cstring(version.target);
	reading.progress = &progress;
	(void) query_run(text_to_cstring(version.query), read_row, &reading);
	if (reading.intake.collection->rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 reading.intake.collection->has_weights ?
				 errmsg("the query gives no rows of a weight to learn from") :
				 errmsg("the query gives no rows to learn from")));

	MemoryContextSwitchTo(context);
	progress_report(&progress, "ordering", reading.intake.collection->rows, -1);
	learn_data(&memory, reading.intake.collection, &data);
	options = reading.options.forest;
	options.holdout = reading.options.holdout;
	learn_classes(&data, &reading.options, "train", &options);
	learn_examine(&memory, &data, &reading.options);
	held = reading.intake.collection->bytes + collect_data_need(reading.intake.collection);
	if (!training_start(&training, &memory, &data, &options, &problem))
		forest_raise(&problem, "training");
	if (grow_is_shared(options.algorithm))
		version.workers = grow_apart(&reading, &training, held, &trees);
	else
	{
		learn_check_memory(held + forest_need(&data, &options), data.n_rows, "Training on");
		if (!training_prepare(&training, NULL) || !training_grow(&training))
			forest_raise(&problem, "training");
	}

	version.parts = &training.parts;
	MemoryContextSwitchTo(caller);
	writer = store_writer_start(&version, &out);
	if (!training_write(&training, &out))
		forest_raise(&problem, "training");
	row = store_writer_end(writer);
	progress_end(&progress);
	MemoryContextSwitchTo(caller);
	temp_file_end(&reading.temp);
	if (trees.file != NULL)
		temp_file_end(&trees);
	MemoryContextDelete(context);
	return row;
}
