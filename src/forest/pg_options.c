/*-------------------------------------------------------------------------
 *
 * pg_options.c
 *	  The options of a training, as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "forest/linear.h"
#include "forest/pg_options.h"
#include "pg/record.h"

/* Workers that an option may ask for */
#define OPTIONS_MAX_WORKERS 1024

typedef struct AlgorithmName
{
	ForestAlgorithm algorithm;
	const char *name;
} AlgorithmName;

static const AlgorithmName algorithms[] = {
	{FOREST_RANDOM_FOREST, "random_forest"},
	{FOREST_EXTRA_TREES, "extra_trees"},
	{FOREST_DECISION_TREE, "decision_tree"},
	{FOREST_BOOSTED_TREES, "boosted_trees"},
	{FOREST_LINEAR_SVM, "linear_svm"},
	{FOREST_LOGISTIC, "logistic"},
};

const char *
options_algorithm_name(ForestAlgorithm algorithm)
{
	int			i;

	for (i = 0; i < (int) lengthof(algorithms); i++)
		if (algorithms[i].algorithm == algorithm)
			return algorithms[i].name;
	return "unknown";
}

static bool
is_listed(const List *list, const char *name)
{
	ListCell   *cell;

	foreach(cell, list)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

bool
options_leave_out(const TrainingOptions *options, const List *others,
				  const char *column)
{
	return is_listed(options->exclude, column) || is_listed(others, column);
}

static void
read_algorithm(JsonReader *reader, TrainingOptions *options)
{
	char	   *name;
	StringInfoData known;
	int			i;

	if (!json_read_text(reader, "algorithm", &name))
		return;
	initStringInfo(&known);
	for (i = 0; i < (int) lengthof(algorithms); i++)
	{
		if (strcmp(algorithms[i].name, name) == 0)
		{
			options->forest.algorithm = algorithms[i].algorithm;
			return;
		}
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", algorithms[i].name);
	}
	json_fault(reader->faults, json_path(reader, "algorithm"),
			   "must be one of %s, not \"%s\"", known.data, name);
}

static void
read_class_weight(JsonReader *reader, TrainingOptions *options)
{
	JsonReader	weights;
	JsonbValue	value;
	ListCell   *cell;

	if (!json_has(reader, "class_weight", &value))
		return;
	if (value.type == jbvString)
	{
		options->balanced = value.val.string.len == 8 &&
			strncmp(value.val.string.val, "balanced", 8) == 0;
		if (!options->balanced)
			json_fault(reader->faults, json_path(reader, "class_weight"),
					   "must be \"balanced\" or an object of classes and their weights, not \"%.*s\"",
					   Min(value.val.string.len, 60), value.val.string.val);
		return;
	}
	if (!json_read_object(reader, "class_weight", &weights))
		return;
	options->weighted = json_keys(&weights);
	options->weights = palloc0(sizeof(double) * (list_length(options->weighted) + 1));
	foreach(cell, options->weighted)
		json_read_float(&weights, lfirst(cell), 1e-9, 1e9,
						&options->weights[foreach_current_index(cell)]);
	json_close(&weights);
}

/* The keys of the algorithms that grow trees over drawn rows */
static void
read_forest(JsonReader *reader, ForestOptions *forest)
{
	int64		number;
	bool		is_one = forest->algorithm == FOREST_DECISION_TREE;

	if (is_one)
		json_refuse(reader, "trees", "is for algorithms that grow several, and a decision tree is one");
	else if (json_read_int(reader, "trees", 1, FOREST_MAX_TREES, &number))
		forest->trees = (int32) number;
	if (json_read_int(reader, "max_depth", 1, 1000, &number))
		forest->max_depth = (int32) number;
	if (json_read_int(reader, "min_leaf", 1, FOREST_MAX_ROWS, &number))
		forest->min_leaf = number;
	if (is_one)
		json_refuse(reader, "mtry", "is for forests, and a decision tree tries all features");
	else if (json_read_int(reader, "mtry", 1, FOREST_MAX_FEATURES, &number))
		forest->mtry = (int32) number;
	if (is_one)
		json_refuse(reader, "sample_fraction", "is for forests, and a decision tree learns from all rows");
	else
		json_read_float(reader, "sample_fraction", 1e-6, 1, &forest->sample_fraction);
	if (json_read_int(reader, "seed", 0, PG_INT64_MAX, &number))
		forest->seed = (uint64) number;
	if (json_read_int(reader, "bins", 2, FOREST_MAX_BINS, &number))
		forest->bins = (int32) number;
}

/* The keys of boosted trees besides, and their refusal elsewhere */
static void
read_boosted(JsonReader *reader, ForestOptions *forest)
{
	static const char *const of_boosted[] = {"max_leaves", "learning_rate", "l2",
	"early_stopping", "validation_fraction"};
	int64		number;
	int			i;

	if (forest->algorithm != FOREST_BOOSTED_TREES)
	{
		for (i = 0; i < (int) lengthof(of_boosted); i++)
			json_refuse(reader, of_boosted[i], "is for boosted_trees");
		return;
	}
	if (json_read_int(reader, "max_leaves", 2, FOREST_MAX_ROWS, &number))
		forest->max_leaves = (int32) number;
	json_read_float(reader, "learning_rate", 1e-6, 1, &forest->learning_rate);
	json_read_float(reader, "l2", 0, 1e9, &forest->l2);
	if (json_read_int(reader, "early_stopping", 1, FOREST_MAX_TREES, &number))
		forest->early_stopping = (int32) number;
	json_read_float(reader, "validation_fraction", 1e-3, 0.9, &forest->validation_fraction);
	if (forest->early_stopping == 0)
		json_refuse(reader, "validation_fraction", "is for early_stopping, which is not asked for");
}

/* The keys of the linear models, and what these have no use for */
static void
read_linear(JsonReader *reader, bool is_regression, ForestOptions *forest)
{
	static const char *const of_trees[] = {"trees", "max_depth", "min_leaf", "mtry",
	"sample_fraction"};
	int64		number;
	int			i;

	if (forest->algorithm == FOREST_LOGISTIC && is_regression)
		json_fault(reader->faults, json_path(reader, "algorithm"),
				   "logistic is for classes, and the target is a number; take linear_svm");
	json_read_float(reader, "c", 1e-9, 1e9, &forest->c);
	if (forest->algorithm == FOREST_LINEAR_SVM && is_regression)
		json_read_float(reader, "epsilon", 0, 1e9, &forest->epsilon);
	else
		json_refuse(reader, "epsilon", "is for linear_svm, and targets that are numbers");
	if (json_read_int(reader, "bins", 2, FOREST_MAX_BINS, &number))
		forest->bins = (int32) number;
	for (i = 0; i < (int) lengthof(of_trees); i++)
		json_refuse(reader, of_trees[i], "is for trees, and a linear model has none");
	json_refuse(reader, "seed", "is of no use, since nothing of a linear model is drawn by chance");
}

/* What the options ask of the columns and the target that is not there */
static void
hold_against_columns(const TrainingOptions *options, TupleDesc desc,
					 const List *others, bool is_regression, JsonFaults *faults)
{
	int			features = 0;
	int			i;
	ListCell   *cell;

	foreach(cell, options->exclude)
		if (desc != NULL && (record_column(desc, lfirst(cell)) < 0 ||
							 is_listed(others, lfirst(cell))))
			json_fault(faults, "exclude", "there is no feature \"%s\"", (char *) lfirst(cell));
	for (i = 0; desc != NULL && i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			(options->row_weights == NULL ||
			 strcmp(options->row_weights, NameStr(TupleDescAttr(desc, i)->attname)) != 0) &&
			!options_leave_out(options, others, NameStr(TupleDescAttr(desc, i)->attname)))
			features++;
	if (options->row_weights != NULL && desc != NULL &&
		(record_column(desc, options->row_weights) < 0 ||
		 options_leave_out(options, others, options->row_weights)))
		json_fault(faults, "weights", "there is no column \"%s\" beside the target and those excluded",
				   options->row_weights);
	if (options->forest.mtry > features && features > 0)
		json_fault(faults, "mtry", "must not be more than the %d features", features);
	if (is_regression && (options->balanced || options->weighted != NIL))
		json_fault(faults, "class_weight", "is for classes, and the target is a number");
	if (is_regression && options->positive != NULL)
		json_fault(faults, "positive", "is for classes, and the target is a number");
}

void
options_collect(const Jsonb *json, OptionsUse use, JsonFaults *faults, TupleDesc desc,
				const List *others, bool is_regression, TrainingOptions *options)
{
	JsonReader	reader;
	int64		number;

	memset(options, 0, sizeof(*options));
	forest_options_default(&options->forest);
	options->workers = -1;
	json_open(&reader, faults, "", json);
	if (use == OPTIONS_AGGREGATE)
		json_refuse(&reader, "algorithm", "is an option of promo.train() only");
	else
		read_algorithm(&reader, options);
	forest_options_of(&options->forest, options->forest.algorithm);
	if (linear_is(options->forest.algorithm))
		read_linear(&reader, is_regression, &options->forest);
	else
	{
		read_forest(&reader, &options->forest);
		json_refuse(&reader, "c", "is for linear_svm and logistic");
		json_refuse(&reader, "epsilon", "is for linear_svm, and targets that are numbers");
	}
	read_boosted(&reader, &options->forest);
	read_class_weight(&reader, options);
	if (use == OPTIONS_AGGREGATE)
		json_refuse(&reader, "weights", "is an option of promo.train() only");
	else
		json_read_text(&reader, "weights", &options->row_weights);
	json_read_texts(&reader, "exclude", &options->exclude);
	json_read_text(&reader, "positive", &options->positive);
	json_read_bool(&reader, "skip_null_target", &options->skip_null_target);
	json_read_bool(&reader, "allow_target_copy", &options->allow_target_copy);
	if (use == OPTIONS_TRAIN)
		json_read_float(&reader, "holdout", 0, 0.9, &options->holdout);
	else
		json_refuse(&reader, "holdout", use == OPTIONS_AGGREGATE ?
					"is an option of promo.train() only" :
					"is of no use where each fold is held out in turn");
	if (use == OPTIONS_AGGREGATE)
		json_refuse(&reader, "workers", "is an option of promo.train() only");
	else if (json_read_int(&reader, "workers", 0, OPTIONS_MAX_WORKERS, &number))
		options->workers = (int) number;
	json_close(&reader);
	hold_against_columns(options, desc, others, is_regression, faults);
}

void
options_read(const Jsonb *json, OptionsUse use, const char *what, TupleDesc desc,
			 const List *others, bool is_regression, TrainingOptions *options)
{
	JsonFaults	faults;

	json_faults_start(&faults);
	options_collect(json, use, &faults, desc, others, is_regression, options);
	json_faults_raise(&faults, psprintf("options of %s", what));
}
