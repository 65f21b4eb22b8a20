/*-------------------------------------------------------------------------
 *
 * pg_validate.c
 *	  How good a model of given options is on rows that it did not see, and
 *	  which options are best: cross_validate() and tune().
 *
 * The query is read once.  Rows are cut into folds, and all candidates are
 * judged on the same folds: each fold's other rows become a table of their
 * own, are trained on as train() does, workers and all, and the model's
 * predictions of the fold's rows are held against what happened.
 *
 *		query ─▶ ForestData ─┬─ folds ─▶ Subset ─ training ─▶ model ─┐
 *		                     └─ rows held out ─ predictions ─ figures ◀┘
 *
 * Nothing is written, and models do not outlive their fold.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/hash.h"
#include "forest/folds.h"
#include "forest/metrics.h"
#include "forest/pg_forest.h"
#include "forest/pg_grow.h"
#include "forest/pg_reading.h"
#include "forest/subset.h"
#include "pg/argument.h"
#include "pg/grid.h"
#include "pg/memory.h"
#include "pg/record.h"

#define METRICS_MOST 8

/* Values of held-out rows that are brought together at a time */
#define BLOCK_CELLS 4000000
#define BATCH_ROWS 1024

/* The figures of each kind of target; of two classes the last four only where
 * it is known which of them is positive */
static const char *const number_metrics[] = {"r2", "mse", "rmse", "mae"};
static const char *const pair_metrics[] = {"roc_auc", "log_loss", "brier", "accuracy",
"pr_auc", "precision", "recall", "f1"};
static const char *const class_metrics[] = {"accuracy", "macro_f1", "log_loss", "brier"};

/* Keys that decide which rows and columns are read */
static const char *const common_keys[] = {"exclude", "weights", "positive",
"skip_null_target", "allow_target_copy"};

static const char *const lower_is_better[] = {"mse", "rmse", "mae", "log_loss", "brier"};

typedef struct Candidate
{
	const Jsonb *json;
	TrainingOptions options;
	double	   *figures;		/* of each metric, by fold: folds numbers */
	double		mean;			/* of the metric that tune() goes by */
	double		error;
	double		bytes;			/* of a fold's model, mean */
} Candidate;

typedef struct Validation
{
	const char *what;			/* the function */
	Reading		reading;
	Memory		memory;
	Progress	progress;
	int			folds;
	uint64		seed;
	List	   *jsons;
	Candidate  *candidates;
	int			n_candidates;

	/* Beside the collection: what folds are cut by */
	char	   *time_name;
	char	   *group_name;
	int			time_column;
	int			group_column;
	Field		time;
	FmgrInfo	group_output;
	bool		group_is_text;
	double	   *times;
	uint64	   *groups;
	int64		room;

	ForestData	data;
	uint8	   *fold;
	uint32	   *rows;			/* room for all, twice */
	const char *const *metrics;
	int			n_metrics;
	int			positive;		/* class, or -1 */
} Validation;

/* Reading */

/* The columns that folds are cut by are no features; all candidates' options
 * are held against the others */
static void
look_at_columns(Reading *reading, TupleDesc desc)
{
	Validation *v = reading->arg;
	JsonFaults	faults;
	int			i;

	if (v->time_name != NULL)
	{
		v->time_column = reading_column(desc, v->time_name, "to order the rows by");
		if (!field_start(&v->time, TupleDescAttr(desc, v->time_column)->atttypid, reading->context) ||
			(v->time.source != FIELD_TIME && v->time.source != FIELD_NUMBER))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" is no time", v->time_name),
					 errhint("Rows are ordered by a date, a timestamp or a number.")));
		reading->others = lappend(reading->others, v->time_name);
	}
	if (v->group_name != NULL)
	{
		Oid			type;
		Oid			output;
		bool		is_varlena;

		v->group_column = reading_column(desc, v->group_name, "to group the rows by");
		type = getBaseType(TupleDescAttr(desc, v->group_column)->atttypid);
		v->group_is_text = type == TEXTOID || type == VARCHAROID;
		getTypeOutputInfo(type, &output, &is_varlena);
		fmgr_info_cxt(output, &v->group_output, reading->context);
		reading->others = lappend(reading->others, v->group_name);
	}
	json_faults_start(&faults);
	for (i = 0; i < v->n_candidates; i++)
		options_collect(v->candidates[i].json, OPTIONS_FOLDS, &faults, desc, reading->others,
						reading->is_regression, &v->candidates[i].options);
	json_faults_raise(&faults, psprintf("options of %s", v->what));
	reading->options = v->candidates[0].options;
}

static uint64
group_hash(Validation *v, Datum value)
{
	char	   *text;

	if (v->group_is_text)
	{
		struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);

		return hash_keyed(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), 0, 0);
	}
	text = OutputFunctionCall(&v->group_output, value);
	return hash_keyed(text, strlen(text), 0, 0);
}

/* Notes what folds are cut by, for a row that was taken in. */
static void
note_row(Reading *reading, const Datum *values, const bool *nulls)
{
	Validation *v = reading->arg;
	int64		row = reading->intake.collection->rows - 1;
	Size		width = (v->time_name != NULL ? sizeof(double) : 0) +
		(v->group_name != NULL ? sizeof(uint64) : 0);

	if (row == v->room)
	{
		int64		room = Max(1024, 2 * v->room);

		learn_check_memory(reading->intake.collection->bytes + (v->room + room) * width, row,
						   "Reading on after");
		if (v->time_name != NULL)
			v->times = memory_grow(&v->memory, v->times, v->room, room, sizeof(double));
		if (v->group_name != NULL)
			v->groups = memory_grow(&v->memory, v->groups, v->room, room, sizeof(uint64));
		v->room = room;
	}
	if (v->time_name != NULL)
	{
		double		at = nulls[v->time_column] ? NAN : field_number(&v->time, values[v->time_column]);

		if (isnan(at))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" to order the rows by must not be null", v->time_name)));
		v->times[row] = at;
	}
	if (v->group_name != NULL)
	{
		if (nulls[v->group_column])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" to group the rows by must not be null", v->group_name)));
		v->groups[row] = group_hash(v, values[v->group_column]);
	}
}

static void
cut_folds(Validation *v)
{
	const ForestData *data = &v->data;
	FoldsStatus status;

	v->fold = palloc(data->n_rows);
	if (v->time_name != NULL)
		status = folds_forward(&v->memory, v->times, data->n_rows, v->folds, v->fold);
	else if (v->group_name != NULL)
		status = folds_groups(&v->memory, v->groups, data->n_rows, v->folds, v->seed, v->fold);
	else
		status = folds_deal(&v->memory, data, v->folds, v->seed, v->fold);
	switch (status)
	{
		case FOLDS_OK:
			return;
		case FOLDS_FEW_ROWS:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there are fewer rows than folds"),
					 errdetail("The query gives " INT64_FORMAT " rows for %d folds.",
							   data->n_rows, v->folds)));
		case FOLDS_FEW_GROUPS:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" has fewer groups than there are folds", v->group_name)));
		case FOLDS_FEW_TIMES:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" has too few different times", v->time_name),
					 errdetail("%d folds take %d, of which the first is only learned from.",
							   v->folds, v->folds + 1)));
		case FOLDS_NO_MEMORY:
			elog(ERROR, "out of memory while cutting folds");
	}
}

/* Judging */

/* The fold's figures so far */
typedef struct Judged
{
	Regression	numbers;
	Scores	   *scores;
	Confusion  *confusion;
	double		log_loss;
	double		brier;
	int64		n;
	double	   *shares;			/* of all classes in a row */
} Judged;

static void
judge_class(Validation *v, Judged *judged, const double *shares, int32 actual)
{
	int32		n = v->data.n_classes;
	int32		likeliest = 0;
	int32		c;
	ConfusionCell cell;

	for (c = 0; c < n; c++)
	{
		double		away = shares[c] - (c == actual);

		if (shares[c] > shares[likeliest])
			likeliest = c;
		judged->brier += away * away;
	}
	judged->log_loss -= log(Max(shares[actual], 1e-15));
	judged->n++;
	cell.actual = v->data.class_names[actual].data;
	cell.actual_size = v->data.class_names[actual].size;
	cell.predicted = v->data.class_names[likeliest].data;
	cell.predicted_size = v->data.class_names[likeliest].size;
	cell.count = 1;
	while (!confusion_add(judged->confusion, &cell))
	{
		Confusion  *larger;
		ConfusionCell moved;
		uint32		slots;
		uint32		room;
		uint32		at = 0;

		if (!confusion_larger(judged->confusion, &cell, &slots, &room))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many pairs of classes")));
		larger = palloc(confusion_size(slots, room));
		confusion_start(larger, slots, room);
		while (confusion_next(judged->confusion, &at, &moved))
			(void) confusion_add(larger, &moved);
		judged->confusion = larger;
	}
}

static void
judge_row(Validation *v, Judged *judged, const Subset *subset, const double *output, uint32 row)
{
	const ForestData *data = &v->data;
	double	   *shares = judged->shares;
	int32		c;

	if (data->n_classes == 0)
	{
		regression_add(&judged->numbers, data->target[row], output[0]);
		return;
	}

	/* A class that the fold did not learn has no share. */
	memset(shares, 0, sizeof(double) * data->n_classes);
	for (c = 0; c < subset->data.n_classes; c++)
		shares[subset->class_of[c]] = output[c];
	if (data->n_classes == 2)
	{
		int32		positive = v->positive >= 0 ? v->positive : 1;

		(void) scores_add(judged->scores, data->classes[row] == positive, shares[positive]);
	}
	else
		judge_class(v, judged, shares, data->classes[row]);
}

static void
judge_start(Validation *v, int64 n, Judged *judged)
{
	memset(judged, 0, sizeof(*judged));
	judged->shares = palloc(sizeof(double) * Max(v->data.n_classes, 1));
	if (v->data.n_classes == 2)
	{
		judged->scores = MemoryContextAllocHuge(CurrentMemoryContext, scores_size((uint32) n));
		scores_start(judged->scores, (uint32) n, 0.5);
	}
	else if (v->data.n_classes > 0)
	{
		judged->confusion = palloc(confusion_size(64, 4096));
		confusion_start(judged->confusion, 64, 4096);
	}
}

/* The figures in the order of the metrics' names */
static void
judge_end(Validation *v, const Judged *judged, double figures[METRICS_MOST])
{
	if (v->data.n_classes == 0)
	{
		RegressionReport report;

		regression_report(&judged->numbers, &report);
		figures[0] = report.r2;
		figures[1] = report.mse;
		figures[2] = report.rmse;
		figures[3] = report.mae;
	}
	else if (v->data.n_classes == 2)
	{
		ClassificationReport report;

		if (!scores_report(judged->scores, &v->memory, &report))
			elog(ERROR, "out of memory while judging predictions");
		figures[0] = report.roc_auc;
		figures[1] = report.log_loss;
		figures[2] = report.brier;
		figures[3] = report.accuracy;
		figures[4] = report.pr_auc;
		figures[5] = report.precision;
		figures[6] = report.recall;
		figures[7] = report.f1;
	}
	else
	{
		ConfusionReport report;

		if (!confusion_report(judged->confusion, &v->memory, &report))
			elog(ERROR, "out of memory while judging predictions");
		figures[0] = report.accuracy;
		figures[1] = report.macro_f1;
		figures[2] = judged->log_loss / (double) judged->n;
		figures[3] = judged->brier / (double) judged->n;
	}
}

/* The number in the table of each of the model's features */
static int32 *
match_features(const Validation *v, const Forest *forest)
{
	int32	   *feature_of = palloc(sizeof(int32) * Max(forest->n_features, 1));
	uint32		i;
	int32		f;

	for (i = 0; i < forest->n_features; i++)
	{
		ForestText	name = forest_feature_name(forest, i);

		f = (int32) i;
		if (f >= v->data.n_features || forest_text_compare(v->data.features[f].name, name) != 0)
			for (f = 0; forest_text_compare(v->data.features[f].name, name) != 0; f++)
				;
		feature_of[i] = f;
	}
	return feature_of;
}

/* Predicts rows, whose values are brought together block by block, and judges */
static void
predict_rows(Validation *v, const Forest *forest, const Subset *subset, const uint32 *rows,
			 int64 n, Judged *judged)
{
	uint32		features = forest->n_features;
	int64		block = Min(n, Max(BATCH_ROWS, BLOCK_CELLS / features));
	double	   *cells = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * features * block);
	ForestValue *values = palloc0(sizeof(ForestValue) * features);
	Size		row_size = forest_row_size(forest);
	uint8	   *binned = palloc(row_size * BATCH_ROWS + 1);
	uint32		outputs = forest_outputs(forest);
	double	   *output = palloc(sizeof(double) * outputs * BATCH_ROWS);
	int32	   *feature_of = match_features(v, forest);
	int64		begin;

	for (begin = 0; begin < n; begin += block)
	{
		int64		count = Min(block, n - begin);
		int64		i;
		uint32		f;

		for (f = 0; f < features; f++)
		{
			const ForestColumn *column = forest_column(&v->data, feature_of[f]);
			double	   *cell = cells + f * block;

			CHECK_FOR_INTERRUPTS();
			for (i = 0; i < count; i++)
			{
				uint32		row = rows[begin + i];

				cell[i] = column->kind == FOREST_NUMBER ? column->numbers[row] : column->codes[row];
			}
		}
		for (i = 0; i < count; i += BATCH_ROWS)
		{
			int64		batch = Min(BATCH_ROWS, count - i);
			int64		j;

			CHECK_FOR_INTERRUPTS();
			for (j = 0; j < batch; j++)
			{
				for (f = 0; f < features; f++)
				{
					const ForestColumn *column = &v->data.features[feature_of[f]];
					double		value = cells[f * block + i + j];

					values[f].number = value;
					values[f].category.data = NULL;
					if (column->kind == FOREST_CATEGORY && value >= 0)
						values[f].category = column->categories[(int32) value];
				}
				forest_bin_row(forest, values, binned + row_size * j);
			}
			forest_predict(forest, binned, batch, output);
			for (j = 0; j < batch; j++)
				judge_row(v, judged, subset, output + outputs * j, rows[begin + i + j]);
		}
	}
	pfree(cells);
}

/* Bytes that the trees of a training take in memory */
static uint64
trees_size(const Training *training)
{
	uint64		size = 0;
	int32		t;

	for (t = 0; training->trees != NULL && t < training->n_trees; t++)
		size += sizeof(ForestNode) * (uint64) training->trees[t].n_slots +
			sizeof(float) * (uint64) training->trees[t].n_shares * training->data->n_classes;
	return size;
}

static uint64
held_bytes(const Validation *v, int64 learned, int64 tested)
{
	const Collection *collection = v->reading.intake.collection;

	return collection->bytes + collect_data_need(collection) +
		(uint64) v->room * ((v->times != NULL) + (v->groups != NULL)) * 8 +
		(uint64) v->data.n_rows * (1 + 2 * sizeof(uint32)) +
		subset_need(&v->data, learned) +
		(uint64) tested * (sizeof(double) + 1) +
		sizeof(double) * (uint64) Max(BLOCK_CELLS, (int64) BATCH_ROWS * v->data.n_features);
}

/* Trains a candidate on all but a fold, and judges it by the fold. */
static void
judge_fold(Validation *v, Candidate *candidate, int fold)
{
	bool		forward = v->time_name != NULL;
	uint32	   *test = v->rows + v->data.n_rows;
	int64		learned = folds_rows(v->fold, v->data.n_rows, fold, forward, false, v->rows);
	int64		tested = folds_rows(v->fold, v->data.n_rows, fold, forward, true, test);
	uint64		held = held_bytes(v, learned, tested);
	ForestOptions options = candidate->options.forest;
	double		figures[METRICS_MOST];
	TempFile	trees = {NULL, 0};
	ModelString string;
	ModelOut	out;
	Training	training;
	ForestProblem problem;
	Forest		forest;
	Subset		subset;
	Judged		judged;
	int			i;

	learn_check_memory(held, learned, "Training on");
	if (!subset_start(&v->memory, &v->data, v->rows, learned,
					  v->data.target_source == FIELD_BOOLEAN, &subset))
		elog(ERROR, "out of memory while cutting folds");
	learn_classes_noting(&subset.data, &candidate->options, NULL, &options);
	if (!training_start(&training, &v->memory, &subset.data, &options, &problem))
		forest_raise(&problem, "training");
	(void) grow_training(&training, candidate->options.workers, held, &trees, &v->progress);
	learn_check_memory(held + trees_size(&training) * (trees.file == NULL ? 2 : 1), learned,
					   "Judging what was learned from");
	out = model_string_start(&string, &v->memory, 0);
	if (!training_write(&training, &out))
		forest_raise(&problem, "training");
	if (trees.file != NULL)
		temp_file_end(&trees);
	training_end(&training);
	if (!forest_open(&forest, string.bytes, string.size))
		elog(ERROR, "a model that was just trained cannot be opened");

	judge_start(v, tested, &judged);
	predict_rows(v, &forest, &subset, test, tested, &judged);
	judge_end(v, &judged, figures);
	for (i = 0; i < v->n_metrics; i++)
		candidate->figures[i * v->folds + fold] = figures[i];
	candidate->bytes += (double) string.size / v->folds;
}

/* The mean of a metric over the folds where it is defined, and its error */
static void
mean_of_folds(const Validation *v, const Candidate *candidate, int metric, double *mean, double *error)
{
	const double *figures = candidate->figures + metric * v->folds;
	double		spread = 0;
	int			n = 0;
	int			i;

	*mean = 0;
	for (i = 0; i < v->folds; i++)
	{
		double		away = figures[i] - *mean;

		if (isnan(figures[i]))
			continue;
		*mean += away / ++n;
		spread += away * (figures[i] - *mean);
	}
	if (n == 0)
		*mean = NAN;
	*error = n > 1 ? sqrt(spread / (n - 1) / n) : NAN;
}

static void
name_metrics(Validation *v)
{
	if (v->data.n_classes == 0)
	{
		v->metrics = number_metrics;
		v->n_metrics = lengthof(number_metrics);
	}
	else if (v->data.n_classes == 2)
	{
		v->metrics = pair_metrics;
		v->n_metrics = v->positive >= 0 ? lengthof(pair_metrics) : 4;
	}
	else
	{
		v->metrics = class_metrics;
		v->n_metrics = lengthof(class_metrics);
	}
}

/* Arguments, up to the table and its folds */

/* folds, time_column, group_column stand one behind the other */
static void
read_folds(FunctionCallInfo fcinfo, int number, int seed, Validation *v)
{
	if (PG_ARGISNULL(number) || PG_ARGISNULL(seed))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("folds and seed must not be null")));
	v->folds = PG_GETARG_INT32(number);
	v->seed = (uint64) PG_GETARG_INT64(seed);
	v->time_name = PG_ARGISNULL(number + 1) ? NULL : argument_string(fcinfo, number + 1, "time_column");
	v->group_name = PG_ARGISNULL(number + 2) ? NULL : argument_string(fcinfo, number + 2, "group_column");
	if (v->folds < FOLDS_LEAST || v->folds > FOLDS_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds must be %d to %d", FOLDS_LEAST, FOLDS_MOST)));
	if (v->time_name != NULL && v->group_name != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds are cut by time_column or by group_column, not by both")));
}

static void
validation_start(Validation *v, const char *query, char *target)
{
	ListCell   *cell;
	JsonFaults	faults;
	ForestOptions options;
	int			i;

	v->n_candidates = list_length(v->jsons);
	v->candidates = palloc0(sizeof(Candidate) * v->n_candidates);
	foreach(cell, v->jsons)
		v->candidates[foreach_current_index(cell)].json = lfirst(cell);
	v->memory = pg_memory(CurrentMemoryContext);
	progress_start(&v->progress, "train", cstring_to_text(v->what));
	v->reading.context = CurrentMemoryContext;
	v->reading.target = target;
	v->reading.progress = &v->progress;
	v->reading.arg = v;
	v->reading.columns = look_at_columns;
	if (v->time_name != NULL || v->group_name != NULL)
		v->reading.row = note_row;
	reading_run(&v->reading, query);

	progress_report(&v->progress, "ordering", v->reading.intake.collection->rows, -1);
	learn_data(&v->memory, v->reading.intake.collection, &v->data);
	json_faults_start(&faults);
	for (i = 0; i < v->n_candidates; i++)
		learn_classes_noting(&v->data, &v->candidates[i].options, &faults, &options);
	json_faults_raise(&faults, psprintf("options of %s", v->what));
	v->positive = options.positive;
	learn_examine(&v->memory, &v->data, &v->candidates[0].options);
	cut_folds(v);
	v->rows = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * 2 * v->data.n_rows);
	name_metrics(v);
}

/* Judges a candidate by all folds. */
static void
validate(Validation *v, int number)
{
	Candidate  *candidate = &v->candidates[number];
	MemoryContext outer = CurrentMemoryContext;
	Memory		memory = v->memory;
	int			fold;

	candidate->figures = palloc(sizeof(double) * v->n_metrics * v->folds);
	for (fold = 0; fold < v->folds; fold++)
	{
		MemoryContext inner = AllocSetContextCreate(outer, "promo fold", ALLOCSET_DEFAULT_SIZES);

		v->progress.name = v->n_candidates == 1 ?
			psprintf("%s, fold %d of %d", v->what, fold + 1, v->folds) :
			psprintf("%s, candidate %d of %d, fold %d of %d", v->what, number + 1,
					 v->n_candidates, fold + 1, v->folds);
		MemoryContextSwitchTo(inner);
		v->memory = pg_memory(inner);
		judge_fold(v, candidate, fold);
		v->memory = memory;
		MemoryContextSwitchTo(outer);
		MemoryContextDelete(inner);
	}
}

static void
validation_end(Validation *v)
{
	reading_end(&v->reading);
	progress_end(&v->progress);
}

static Datum
figures_array(const Validation *v, const Candidate *candidate, int metric)
{
	Datum	   *values = palloc(sizeof(Datum) * v->folds);
	bool	   *nulls = palloc(sizeof(bool) * v->folds);
	int			dims[1];
	int			lower[1] = {1};
	int			i;

	for (i = 0; i < v->folds; i++)
		record_number(candidate->figures[metric * v->folds + i], &values[i], &nulls[i]);
	dims[0] = v->folds;
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lower, FLOAT8OID,
											  sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

PG_FUNCTION_INFO_V1(promo_cross_validate);

/*
 * cross_validate(query text, target text, options jsonb, folds int,
 *		time_column text, group_column text, seed bigint)
 *		returns table (metric text, mean float8, standard_error float8,
 *		by_fold float8[])
 */
Datum
promo_cross_validate(PG_FUNCTION_ARGS)
{
	Validation	v = {0};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	ReturnSetInfo *result;
	char	   *query = argument_string(fcinfo, 0, "query");
	char	   *target = argument_string(fcinfo, 1, "target");
	int			i;

	v.what = "cross_validate";
	v.jsons = list_make1(argument_jsonb(fcinfo, 2, "options"));
	read_folds(fcinfo, 3, 6, &v);
	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;

	context = AllocSetContextCreate(caller, "promo validate", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	validation_start(&v, query, target);
	validate(&v, 0);
	for (i = 0; i < v.n_metrics; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};
		double		mean;
		double		error;

		mean_of_folds(&v, &v.candidates[0], i, &mean, &error);
		values[0] = CStringGetTextDatum(v.metrics[i]);
		record_number(mean, &values[1], &nulls[1]);
		record_number(error, &values[2], &nulls[2]);
		values[3] = figures_array(&v, &v.candidates[0], i);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	validation_end(&v);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* Tuning */

/* The metric to go by: that which was asked for, or the target's default */
static int
find_metric(const Validation *v, const char *name)
{
	StringInfoData known;
	int			i;

	if (name == NULL)
		return v->data.n_classes == 0 || v->data.n_classes != 2 ? 2 : 0;
	initStringInfo(&known);
	for (i = 0; i < v->n_metrics; i++)
	{
		if (strcmp(v->metrics[i], name) == 0)
			return i;
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", v->metrics[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no metric \"%s\" of this target", name),
			 errhint("There are %s.", known.data)));
}

static bool
is_lower_better(const char *metric)
{
	int			i;

	for (i = 0; i < (int) lengthof(lower_is_better); i++)
		if (strcmp(lower_is_better[i], metric) == 0)
			return true;
	return false;
}

typedef struct RankArg
{
	const Candidate *candidates;
	bool		lower;
} RankArg;

/* Better means first, of equal ones the smaller model, then as they came */
static int
compare_candidates(const void *a, const void *b, void *arg)
{
	const RankArg *rank = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	const Candidate *x = &rank->candidates[i];
	const Candidate *y = &rank->candidates[j];

	if (isnan(x->mean) || isnan(y->mean))
	{
		if (isnan(x->mean) != isnan(y->mean))
			return isnan(x->mean) ? 1 : -1;
	}
	else if (x->mean != y->mean)
		return (x->mean < y->mean) == rank->lower ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	return i - j;
}

/*
 * The smallest model whose mean is not worse than the best by more than the
 * best's standard error (Breiman, Friedman, Olshen, Stone, Classification and
 * Regression Trees, 1984, 3.4.3).
 */
static int
choose(const Validation *v, const int *order, bool lower)
{
	const Candidate *best = &v->candidates[order[0]];
	double		slack = isnan(best->error) ? 0 : best->error;
	int			chosen = order[0];
	int			i;

	for (i = 1; i < v->n_candidates; i++)
	{
		const Candidate *candidate = &v->candidates[order[i]];
		double		worse = lower ? candidate->mean - best->mean : best->mean - candidate->mean;

		if (worse <= slack && candidate->bytes < v->candidates[chosen].bytes)
			chosen = order[i];
	}
	return chosen;
}

PG_FUNCTION_INFO_V1(promo_tune);

/*
 * tune(query text, target text, grid jsonb, folds int, time_column text,
 *		group_column text, metric text, options jsonb, seed bigint)
 *		returns table (rank int, options jsonb, metric text, mean float8,
 *		standard_error float8, by_fold float8[], model_bytes bigint,
 *		is_best boolean, is_chosen boolean)
 */
Datum
promo_tune(PG_FUNCTION_ARGS)
{
	Validation	v = {0};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	ReturnSetInfo *result;
	char	   *query = argument_string(fcinfo, 0, "query");
	char	   *target = argument_string(fcinfo, 1, "target");
	Jsonb	   *grid = argument_jsonb(fcinfo, 2, "grid");
	char	   *metric_name = PG_ARGISNULL(6) ? NULL : argument_string(fcinfo, 6, "metric");
	Jsonb	   *common = argument_jsonb(fcinfo, 7, "options");
	JsonFaults	faults;
	RankArg		arg;
	int		   *order;
	int			metric;
	int			chosen;
	int			i;

	v.what = "tune";
	read_folds(fcinfo, 3, 8, &v);
	json_faults_start(&faults);
	if (!JB_ROOT_IS_OBJECT(common))
		json_fault(&faults, "options", "must be an object");
	else
		v.jsons = grid_candidates(grid, common, common_keys, lengthof(common_keys), &faults);
	json_faults_raise(&faults, "candidates of tune");
	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;

	context = AllocSetContextCreate(caller, "promo validate", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	validation_start(&v, query, target);
	metric = find_metric(&v, metric_name);
	order = palloc(sizeof(int) * v.n_candidates);
	for (i = 0; i < v.n_candidates; i++)
	{
		Candidate  *candidate = &v.candidates[i];

		validate(&v, i);
		mean_of_folds(&v, candidate, metric, &candidate->mean, &candidate->error);
		order[i] = i;
		ereport(NOTICE,
				(errmsg("candidate %d of %d: %s %.6g, standard error %.2g, of %s", i + 1,
						v.n_candidates, v.metrics[metric], candidate->mean, candidate->error,
						JsonbToCString(NULL, (JsonbContainer *) &candidate->json->root, 0))));
	}
	arg.candidates = v.candidates;
	arg.lower = is_lower_better(v.metrics[metric]);
	qsort_arg(order, v.n_candidates, sizeof(int), compare_candidates, &arg);
	chosen = choose(&v, order, arg.lower);
	for (i = 0; i < v.n_candidates; i++)
	{
		const Candidate *candidate = &v.candidates[order[i]];
		Datum		values[9];
		bool		nulls[9] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = JsonbPGetDatum(candidate->json);
		values[2] = CStringGetTextDatum(v.metrics[metric]);
		record_number(candidate->mean, &values[3], &nulls[3]);
		record_number(candidate->error, &values[4], &nulls[4]);
		values[5] = figures_array(&v, candidate, metric);
		values[6] = Int64GetDatum((int64) candidate->bytes);
		values[7] = BoolGetDatum(i == 0);
		values[8] = BoolGetDatum(order[i] == chosen);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	validation_end(&v);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}
