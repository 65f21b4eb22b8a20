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

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "forest/pg_forest.h"
#include "forest/pg_grow.h"
#include "forest/pg_learn.h"
#include "forest/pg_reading.h"
#include "forest/pg_store.h"
#include "pg/argument.h"
#include "pg/memory.h"
#include "pg/progress.h"

/* What the options of train() say, once the query's columns are known */
static void
read_options(Reading *reading, TupleDesc desc)
{
	options_read((const Jsonb *) reading->arg, OPTIONS_TRAIN, "train", desc, reading->others,
				 reading->is_regression, &reading->options);
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

	version.model = argument_text(fcinfo, 0, "model");
	version.query = argument_text(fcinfo, 1, "query");
	version.target = argument_text(fcinfo, 2, "target");
	version.options = argument_jsonb(fcinfo, 3, "options");
	version.started_at = GetCurrentTimestamp();
	PreventCommandIfReadOnly("train()");
	store_check_owner(version.model);

	context = AllocSetContextCreate(caller, "promo train", ALLOCSET_DEFAULT_SIZES);
	memory = pg_memory(context);
	progress_start(&progress, "train", version.model);
	reading.context = context;
	reading.arg = version.options;
	reading.columns = read_options;
	reading.target = text_to_cstring(version.target);
	reading.progress = &progress;
	reading_run(&reading, text_to_cstring(version.query));

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
	version.workers = grow_training(&training, reading.options.workers, held, &trees, &progress);

	version.parts = &training.parts;
	MemoryContextSwitchTo(caller);
	writer = store_writer_start(&version, &out);
	if (!training_write(&training, &out))
		forest_raise(&problem, "training");
	row = store_writer_end(writer);
	progress_end(&progress);
	MemoryContextSwitchTo(caller);
	reading_end(&reading);
	if (trees.file != NULL)
		temp_file_end(&trees);
	MemoryContextDelete(context);
	return row;
}
