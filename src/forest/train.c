/*-------------------------------------------------------------------------
 *
 * train.c
 *	  From columns to a model: order, bins, trees, out-of-bag figures.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/boost.h"
#include "forest/rows.h"
#include "forest/train.h"

#include <math.h>

/* Targets beyond it have squares and sums that no double holds. */
#define TARGET_LIMIT 1e300

/* A matrix of records is kept row by row when a record is no longer. */
#define NARROW 64

/* One in so many rows is permuted in a tree, but over all trees not fewer rows */
#define PERMUTED_PART 128
#define PERMUTED_LEAST 8192

void
forest_options_default(ForestOptions *options)
{
	forest_options_of(options, FOREST_RANDOM_FOREST);
}

void
forest_options_of(ForestOptions *options, ForestAlgorithm algorithm)
{
	memset(options, 0, sizeof(*options));
	options->algorithm = algorithm;
	options->trees = linear_is(algorithm) ? 0 : algorithm == FOREST_DECISION_TREE ? 1 : 100;
	options->min_leaf = 1;
	options->sample_fraction = 1;
	options->bins = FOREST_MAX_BINS;
	options->positive = -1;
	options->validation_fraction = 0.1;
	options->c = 1;
	options->epsilon = 0.1;
	if (algorithm == FOREST_BOOSTED_TREES)
	{
		options->min_leaf = 20;
		options->max_leaves = 31;
		options->learning_rate = 0.1;
	}
}

int32_t
forest_mtry(const ForestOptions *options, int32_t n_features, int32_t n_classes)
{
	int32_t		mtry = options->mtry;

	if (mtry == 0 && (options->algorithm == FOREST_DECISION_TREE ||
					  options->algorithm == FOREST_BOOSTED_TREES))
		mtry = n_features;
	if (mtry == 0)
		mtry = n_classes == 0 ? n_features / 3 : (int32_t) sqrt((double) n_features);
	if (mtry < 1)
		mtry = 1;
	return mtry < n_features ? mtry : n_features;
}

/* Bytes of a row of the matrix, and whether it is kept row by row. */
static size_t
record_size(int64_t n_rows, int32_t n_features, bool *by_row)
{
	size_t		record = ((size_t) n_features + 7) / 8 * 8;

	*by_row = record <= NARROW && (uint64_t) n_rows * record <= UINT32_MAX;
	return *by_row ? record : (size_t) n_features;
}

size_t
training_matrix_size(int64_t n_rows, int32_t n_features)
{
	bool		by_row;

	return (size_t) n_rows * record_size(n_rows, n_features, &by_row);
}

size_t
training_target_size(int64_t n_rows, int32_t n_classes)
{
	return (size_t) n_rows * (n_classes > 0 ? sizeof(uint16_t) : sizeof(double));
}

/* Bytes of the place, where the numbers of bins are little */
static uint64_t
place_need(const ForestData *data)
{
	return training_matrix_size(data->n_rows, data->n_features) +
		training_target_size(data->n_rows, data->n_classes) +
		(data->weights != NULL ? (uint64_t) data->n_rows * sizeof(double) : 0);
}

/* Bytes of a full tree */
static uint64_t
tree_need(const ForestData *data, const ForestOptions *options)
{
	double		drawn = (double) data->n_rows * (options->algorithm == FOREST_RANDOM_FOREST ?
											  -expm1(-options->sample_fraction) :
											  options->sample_fraction);
	double		leaves = drawn / (double) (options->min_leaf > 0 ? options->min_leaf : 1) + 1;
	bool		has_category = false;
	uint64_t	tree;
	int32_t		f;

	for (f = 0; f < data->n_features; f++)
		has_category = has_category || data->features[f].kind == FOREST_CATEGORY;

	/* A node of a category may carry a set of up to four slots. */
	if (options->max_depth > 0 && options->max_depth < 48 &&
		leaves > ldexp(1, options->max_depth))
		leaves = ldexp(1, options->max_depth);
	if (options->algorithm == FOREST_BOOSTED_TREES)
		leaves = (double) boost_leaves(data, options) * boost_margins(data->n_classes);
	tree = (uint64_t) leaves * sizeof(ForestNode) * (has_category ? 3 : 2);
	if (data->n_classes > 2 && options->algorithm != FOREST_BOOSTED_TREES)
		tree += (uint64_t) (leaves / 2) * (uint64_t) data->n_classes * sizeof(float);
	return tree;
}

/* Bytes of the model: its trees and bins */
static uint64_t
model_need(const ForestData *data, const ForestOptions *options)
{
	return tree_need(data, options) * (uint64_t) options->trees + (uint64_t) data->n_features *
		(FOREST_MAX_BINS * sizeof(double) + sizeof(BinTable) + 64);
}

/* Rows in order and back, and either hashes or a sample being sorted */
static uint64_t
order_need(uint64_t n)
{
	uint64_t	sample = n < BINS_SAMPLE ? n : BINS_SAMPLE;

	return n * 2 * sizeof(uint32_t) + n * (sizeof(uint64_t) + 1) +
		2 * sample * sizeof(uint64_t);
}

uint64_t
training_need(const ForestData *data, const ForestOptions *options, uint64_t *grower)
{
	uint64_t	matrix = place_need(data);
	uint64_t	ordering = order_need((uint64_t) data->n_rows);
	uint64_t	rest = (uint64_t) data->n_features *
		(FOREST_MAX_BINS * sizeof(double) + sizeof(BinTable) + 64);

	*grower = grow_need(data->n_rows, data->n_features, data->n_classes) +
		2 * tree_need(data, options);
	return matrix + rest + (ordering > *grower ? ordering : *grower);
}

uint64_t
forest_need(const ForestData *data, const ForestOptions *options)
{
	uint64_t	ordering = order_need((uint64_t) data->n_rows);
	uint64_t	matrix;
	uint64_t	model;
	uint64_t	growing;

	if (linear_is(options->algorithm))
		return linear_need(data, options);
	matrix = place_need(data);
	model = model_need(data, options);

	/* While the model is written, the trees are there too. */
	if (options->algorithm == FOREST_BOOSTED_TREES)
		growing = boost_need(data, options);
	else
		growing = grow_need(data->n_rows, data->n_features, data->n_classes) +
			2 * tree_need(data, options);
	if (ordering > growing + model)
		growing = ordering;
	else
		growing += model;
	if (2 * model > growing)
		growing = 2 * model;
	return matrix + growing;
}

static bool
fail(ForestProblem *problem, ForestStatus status)
{
	problem->status = status;
	return false;
}

static bool
bad_option(ForestProblem *problem, const char *option)
{
	problem->option = option;
	return fail(problem, FOREST_BAD_OPTION);
}

static bool
too_many(ForestProblem *problem, ForestStatus status, int64_t limit)
{
	problem->count = limit;
	return fail(problem, status);
}

static bool
check_arguments(const ForestData *data, const ForestOptions *options,
				ForestProblem *problem)
{
	int64_t		i;

	if (linear_is(options->algorithm) ? options->trees != 0 :
		options->trees < 1 ||
		options->trees > (options->algorithm == FOREST_DECISION_TREE ? 1 : FOREST_MAX_TREES))
		return bad_option(problem, "trees");
	if (options->max_depth < 0)
		return bad_option(problem, "max_depth");
	if (options->min_leaf < 1)
		return bad_option(problem, "min_leaf");
	if (options->mtry < 0 || options->mtry > data->n_features)
		return bad_option(problem, "mtry");
	if (!(options->sample_fraction > 0 && options->sample_fraction <= 1))
		return bad_option(problem, "sample_fraction");
	if (options->bins < 2 || options->bins > FOREST_MAX_BINS)
		return bad_option(problem, "bins");
	if (!(options->holdout >= 0 && options->holdout < 1))
		return bad_option(problem, "holdout");
	if (options->algorithm == FOREST_BOOSTED_TREES)
	{
		if (options->max_leaves < 0 || options->max_leaves == 1)
			return bad_option(problem, "max_leaves");
		if (!(options->learning_rate > 0 && options->learning_rate <= 1))
			return bad_option(problem, "learning_rate");
		if (!(options->l2 >= 0 && options->l2 <= 1e9))
			return bad_option(problem, "l2");
		if (options->early_stopping < 0)
			return bad_option(problem, "early_stopping");
		if (!(options->validation_fraction > 0 && options->validation_fraction < 1))
			return bad_option(problem, "validation_fraction");
	}
	if (!(options->c >= 1e-9 && options->c <= 1e9))
		return bad_option(problem, "c");
	if (!(options->epsilon >= 0 && options->epsilon <= 1e9))
		return bad_option(problem, "epsilon");
	if (options->algorithm == FOREST_LOGISTIC && data->n_classes == 0)
		return bad_option(problem, "algorithm");
	if (options->positive < -1 || options->positive >= data->n_classes)
		return bad_option(problem, "positive");
	if (options->class_weights != NULL && data->n_classes == 0)
		return bad_option(problem, "class_weight");
	if (data->n_rows < 1)
		return fail(problem, FOREST_NO_ROWS);
	if (data->n_rows > FOREST_MAX_ROWS)
		return too_many(problem, FOREST_TOO_MANY_ROWS, FOREST_MAX_ROWS);
	if (data->n_features < 1)
		return fail(problem, FOREST_NO_FEATURES);
	if (data->n_features > FOREST_MAX_FEATURES)
		return too_many(problem, FOREST_TOO_MANY_FEATURES, FOREST_MAX_FEATURES);
	if (data->n_classes > FOREST_MAX_CLASSES)
		return too_many(problem, FOREST_TOO_MANY_CLASSES, FOREST_MAX_CLASSES);
	for (i = 0; options->class_weights != NULL && i < data->n_classes; i++)
	{
		if (!(options->class_weights[i] >= 1e-9 && options->class_weights[i] <= 1e9))
		{
			problem->class = i;
			return fail(problem, FOREST_BAD_CLASS_WEIGHT);
		}
	}
	for (i = 0; data->weights != NULL && i < data->n_rows; i++)
		problem->count += !(data->weights[i] >= 1e-9 && data->weights[i] <= 1e9);
	if (problem->count > 0)
		return fail(problem, FOREST_BAD_WEIGHT);
	for (i = 0; data->n_classes == 0 && i < data->n_rows; i++)
		problem->count += !(fabs(data->target[i]) < TARGET_LIMIT);
	if (problem->count > 0)
		return fail(problem, FOREST_TARGET_NOT_FINITE);
	return true;
}

/*
 * Chooses the units of a target: counted from the median of the sample, so
 * that where outliers make the range wide the others still have small numbers,
 * which floats hold well; in steps of a power of two, so that nothing is
 * rounded by the step; and so wide that all are within [-1, 1].
 */
static void
choose_units(Training *training)
{
	const ForestData *data = training->data;
	double	   *targets = training->place.targets;
	int64_t		all = training->matrix.n_learn;
	int64_t		n = all < BINS_SAMPLE ? all : BINS_SAMPLE;
	double		base;
	double		widest = 0;
	int			exponent = 0;
	int64_t		i;

	for (i = 0; i < n; i++)
		training->scratch.keys[i] =
			bins_key(data->target[training->order[n == all ? i : i * all / n]]);
	bins_sort(training->scratch.keys, training->scratch.spare, (size_t) n);
	base = bins_key_number(training->scratch.keys[n / 2]);
	for (i = 0; i < data->n_rows; i++)
	{
		double		away = fabs(data->target[i] - base);

		if (away > widest)
			widest = away;
	}
	if (widest > 0)
		(void) frexp(widest, &exponent);
	if (exponent < -1000)
		exponent = -1000;
	training->parts.base = base;
	training->parts.scale = widest > 0 ? ldexp(1, exponent) : 1;
	for (i = 0; i < data->n_rows; i++)
		targets[training->rank[i]] =
			ldexp(data->target[i] - base, widest > 0 ? -exponent : 0);
}

static bool
find_place(Training *training, const TrainingPlace *place)
{
	const Memory *memory = training->memory;
	const ForestData *data = training->data;
	size_t		size = training_matrix_size(data->n_rows, data->n_features);

	if (place != NULL)
	{
		training->place = *place;
		return true;
	}
	training->place_is_ours = true;
	training->place.bytes = memory_zero_array(memory, size, 1);
	training->place.targets = memory_array(memory, training_target_size(data->n_rows, data->n_classes), 1);
	training->place.n_bins = memory_array(memory, (size_t) data->n_features, 1);
	training->place.kinds = memory_array(memory, (size_t) data->n_features, 1);
	if (data->weights != NULL)
	{
		training->place.weights = memory_array(memory, (size_t) data->n_rows, sizeof(double));
		if (training->place.weights == NULL)
			return false;
	}
	return training->place.bytes != NULL && training->place.targets != NULL &&
		training->place.n_bins != NULL && training->place.kinds != NULL;
}

/* What growers need to know beside the bytes */
static void
describe_matrix(Training *training)
{
	const ForestData *data = training->data;
	const ForestOptions *options = training->options;
	GrowMatrix *matrix = &training->matrix;
	size_t		record;
	bool		by_row;

	record = record_size(data->n_rows, data->n_features, &by_row);
	matrix->n_rows = data->n_rows;
	matrix->n_features = data->n_features;
	matrix->bytes = training->place.bytes;
	matrix->row_step = by_row ? record : 1;
	matrix->feature_step = by_row ? 1 : (size_t) data->n_rows;
	matrix->n_bins = training->place.n_bins;
	matrix->kinds = training->place.kinds;
	matrix->n_classes = data->n_classes;
	matrix->weights = training->place.weights;
	if (data->n_classes == 0)
		matrix->targets = training->place.targets;
	else
		matrix->classes = training->place.targets;

	/* A single class needs no weight, and with one sum has no second one. */
	if (data->n_classes > 1)
		matrix->class_weights = options->class_weights;
	matrix->n_draws = (int64_t) (options->sample_fraction * (double) matrix->n_learn + 0.5);
	if (matrix->n_draws < 1)
		matrix->n_draws = 1;
	matrix->replaces = options->algorithm == FOREST_RANDOM_FOREST;
	matrix->random_cuts = options->algorithm == FOREST_EXTRA_TREES;
	matrix->max_depth = options->max_depth;
	matrix->min_leaf = options->min_leaf;
	matrix->mtry = forest_mtry(options, data->n_features, data->n_classes);
	matrix->seed = options->seed;

	/*
	 * A part of the rows that a tree leaves out, and all trees together enough
	 * to tell: a few percent of the work of growing.
	 */
	matrix->n_permuted = matrix->n_learn / PERMUTED_PART;
	if (matrix->n_permuted * options->trees < PERMUTED_LEAST)
		matrix->n_permuted = PERMUTED_LEAST / options->trees + 1;
}

/*
 * A linear model has no matrix of bins and no trees: its weights are found
 * where others grow, from the rows in order.
 */
static bool
fit_weights(Training *training)
{
	LinearFit  *linear = &training->linear;
	ModelParts *parts = &training->parts;

	if (!linear_fit(training->memory, training->data, training->options, training->order,
					training->matrix.n_learn, linear, training->problem))
		return false;
	parts->link = linear_link(training->data->n_classes);
	parts->kind = GROVE_LINEAR;
	parts->scale = linear->scale;
	parts->bases = linear->bases;
	parts->n_coefficients = linear->n_coefficients;
	parts->coefficients = linear->coefficients;
	parts->tables = linear->tables;
	parts->gains = linear->gains;
	parts->held = linear->held;
	return true;
}

/*
 * Boosted trees: their margins are in units of the target, as the leaves are.
 */
static bool
boost_trees(Training *training)
{
	const ForestData *data = training->data;
	ModelParts *parts = &training->parts;
	int32_t		n_margins = boost_margins(data->n_classes);
	BoostFit	fit;

	memset(&fit, 0, sizeof(fit));
	training->bases = memory_array(training->memory, (size_t) n_margins, sizeof(double));
	if (training->bases == NULL)
		return fail(training->problem, FOREST_NO_MEMORY);
	fit.trees = training->trees;
	fit.bases = training->bases;
	fit.tell = training->tell;
	fit.tell_arg = training->tell_arg;
	fit.gains = training->gains;
	if (!boost_fit(training->memory, &training->matrix, training->options, &fit,
				   &training->problem->status))
		return false;
	if (data->n_classes == 0)
	{
		fit.bases[0] = parts->base + parts->scale * fit.bases[0];
		parts->base = 0;
		parts->link = FOREST_IDENTITY;
	}
	else
		parts->link = data->n_classes == 2 ? FOREST_LOGIT : FOREST_SOFTMAX;
	parts->bases = fit.bases;
	parts->n_trees = fit.n_trees;
	parts->has_sets = fit.has_sets;
	parts->held = fit.held;
	return true;
}

/*
 * Orders the rows, and turns columns and target into the matrix.  The rows
 * that are held out are the last by rank, which is as good as by chance; cuts
 * come from the others only.
 */
bool
training_prepare(Training *training, const TrainingPlace *place)
{
	const Memory *memory = training->memory;
	const ForestData *data = training->data;
	GrowMatrix *matrix = &training->matrix;
	size_t		n = (size_t) data->n_rows;
	size_t		sample = n < BINS_SAMPLE ? n : BINS_SAMPLE;
	int32_t		f;
	size_t		i;

	training->order = memory_array(memory, n, sizeof(*training->order));
	if (training->order == NULL)
		return fail(training->problem, FOREST_NO_MEMORY);
	if (!rows_order(memory, data, training->order, &training->problem->status))
		return false;

	matrix->n_learn = data->n_rows - (int64_t) (training->options->holdout * (double) data->n_rows);
	training->parts.data = data;
	training->parts.options = training->options;
	training->parts.n_learn = matrix->n_learn;
	if (linear_is(training->options->algorithm))
		return true;

	training->problem->status = FOREST_NO_MEMORY;
	training->rank = memory_array(memory, n, sizeof(*training->rank));
	training->tables = memory_zero_array(memory, (size_t) data->n_features,
										 sizeof(*training->tables));
	training->scratch.keys = memory_array(memory, sample, sizeof(uint64_t));
	training->scratch.spare = memory_array(memory, sample, sizeof(uint64_t));
	if (!find_place(training, place) || training->rank == NULL ||
		training->tables == NULL || training->scratch.keys == NULL ||
		training->scratch.spare == NULL)
		return false;
	describe_matrix(training);
	for (i = 0; i < n; i++)
		training->rank[training->order[i]] = (uint32_t) i;

	for (f = 0; f < data->n_features; f++)
	{
		const ForestColumn *column = forest_column(data, f);

		if (!bins_choose(memory, column, training->order, matrix->n_learn,
						 training->options->bins, &training->scratch, &training->tables[f]))
			return false;
		bins_code(&training->tables[f], column, training->rank, data->n_rows,
				  training->place.bytes + (size_t) f * matrix->feature_step,
				  matrix->row_step);
		training->place.n_bins[f] = (uint8_t) training->tables[f].n_bins;
		training->place.kinds[f] = (uint8_t) column->kind;
		if (!memory->may_go_on(memory->arg))
			return fail(training->problem, FOREST_STOPPED);
	}
	for (i = 0; data->weights != NULL && i < n; i++)
		training->place.weights[training->rank[i]] = data->weights[i];
	training->parts.scale = 1;
	if (data->n_classes == 0)
		choose_units(training);
	else
	{
		uint16_t   *classes = training->place.targets;

		for (i = 0; i < n; i++)
			classes[training->rank[i]] = (uint16_t) data->classes[i];
	}

	memory_release(memory, training->order);
	memory_release(memory, training->rank);
	memory_release(memory, training->scratch.keys);
	memory_release(memory, training->scratch.spare);
	training->order = NULL;
	training->rank = NULL;
	training->scratch.keys = NULL;
	training->scratch.spare = NULL;

	training->problem->status = FOREST_NO_MEMORY;
	training->n_trees = training->options->trees;
	if (training->options->algorithm == FOREST_BOOSTED_TREES)
		training->n_trees *= boost_margins(data->n_classes);
	training->trees = memory_zero_array(memory, (size_t) training->n_trees,
										sizeof(*training->trees));
	training->gains = memory_zero_array(memory, (size_t) data->n_features,
										sizeof(*training->gains));
	training->rises = memory_zero_array(memory, (size_t) data->n_features,
										sizeof(*training->rises));
	if (training->trees == NULL || training->gains == NULL || training->rises == NULL)
		return false;
	training->parts.tables = training->tables;
	training->parts.trees = training->trees;
	training->parts.n_trees = training->n_trees;
	training->parts.gains = training->gains;
	return true;
}

static double
log_loss_of(double share)
{
	return -log(share > 1e-15 ? share : 1e-15);
}

/* What the trees say of rows that they did not draw: ranks [from, to) */
static bool
judge_numbers(const Training *training, const GrowSums *sums, int64_t from,
			  int64_t to, ModelFigures *figures)
{
	const Memory *memory = training->memory;
	const double *targets = training->matrix.targets;
	int64_t		i;

	for (i = from; i < to; i++)
	{
		double		value;

		if ((i & 0xfffff) == 0 && !memory->may_go_on(memory->arg))
			return fail(training->problem, FOREST_STOPPED);
		if (sums->trees[i] == 0)
			continue;
		value = (double) sums->values[i] / GROW_UNIT / sums->trees[i];
		figures->rows++;
		figures->error += (value - targets[i]) * (value - targets[i]);
		figures->mean += targets[i];
	}
	if (figures->rows > 0)
		figures->mean /= (double) figures->rows;
	for (i = from; i < to; i++)
		if (sums->trees[i] > 0)
			figures->variation += (targets[i] - figures->mean) *
				(targets[i] - figures->mean);
	return true;
}

static bool
judge_classes(const Training *training, const GrowSums *sums, int64_t from,
			  int64_t to, ModelFigures *figures)
{
	const Memory *memory = training->memory;
	int32_t		k = training->data->n_classes;
	int64_t		i;
	int32_t		c;

	for (i = from; i < to; i++)
	{
		int32_t		class = training->matrix.classes[i];
		uint16_t	trees = sums->trees[i];

		if ((i & 0xfffff) == 0 && !memory->may_go_on(memory->arg))
			return fail(training->problem, FOREST_STOPPED);
		if (trees == 0)
			continue;
		figures->rows++;
		if (k <= 2)
		{
			double		second = (double) sums->values[i] / GROW_UNIT / trees;

			figures->correct += (second > 0.5) == (class == 1);
			figures->log_loss += log_loss_of(class == 1 ? second : 1 - second);
			figures->error += (second - class) * (second - class);
		}
		else
		{
			const uint32_t *row = sums->shares + (size_t) i * k;
			int32_t		likeliest = 0;

			for (c = 0; c < k; c++)
			{
				double		share = row[c] / GROW_SHARE / trees;

				if (row[c] > row[likeliest])
					likeliest = c;
				figures->error += (share - (c == class)) * (share - (c == class));
			}
			figures->correct += likeliest == class;
			figures->log_loss += log_loss_of(row[class] / GROW_SHARE / trees);
		}
	}
	return true;
}

bool
training_judge(Training *training, const GrowSums *sums)
{
	const GrowMatrix *matrix = &training->matrix;
	ModelParts *parts = &training->parts;
	int64_t		asked;
	int32_t		f;

	if (!(matrix->n_classes == 0 ?
		  judge_numbers(training, sums, 0, matrix->n_learn, &parts->oob) &&
		  judge_numbers(training, sums, matrix->n_learn, matrix->n_rows, &parts->held) :
		  judge_classes(training, sums, 0, matrix->n_learn, &parts->oob) &&
		  judge_classes(training, sums, matrix->n_learn, matrix->n_rows, &parts->held)))
		return false;
	for (f = 0; f < matrix->n_features; f++)
		training->gains[f] = (double) sums->gains[f] / GROW_GAIN;
	asked = sums->rises[matrix->n_features];
	for (f = 0; f < matrix->n_features; f++)
		training->rises[f] = (double) sums->rises[f] / GROW_RISE / (double) asked;
	if (asked > 0)
		parts->rises = training->rises;
	parts->has_sets = sums->has_sets;
	return true;
}

bool
training_grow(Training *training)
{
	GrowSums	sums;
	int32_t		t;

	if (linear_is(training->options->algorithm))
		return fit_weights(training);
	if (training->options->algorithm == FOREST_BOOSTED_TREES)
		return boost_trees(training);
	training->grower = grow_start(training->memory, &training->matrix);
	if (training->grower == NULL)
		return fail(training->problem, FOREST_NO_MEMORY);
	for (t = 0; t < training->options->trees; t++)
		if (!grow_tree(training->grower, (uint32_t) t, &training->trees[t],
					   &training->problem->status))
			return false;
	grow_sums(training->grower, &sums);
	if (!training_judge(training, &sums))
		return false;
	grow_end(training->grower);
	training->grower = NULL;
	return true;
}

void
training_leave_place(Training *training)
{
	const Memory *memory = training->memory;

	if (training->place_is_ours)
	{
		memory_release(memory, training->place.bytes);
		memory_release(memory, training->place.targets);
		memory_release(memory, training->place.n_bins);
		memory_release(memory, training->place.kinds);
		memory_release(memory, training->place.weights);
	}
	memset(&training->place, 0, sizeof(training->place));
}

bool
training_write(Training *training, const ModelOut *out)
{
	training_leave_place(training);
	if (!model_write(training->memory, &training->parts, out))
		return fail(training->problem, FOREST_NO_MEMORY);
	return true;
}

bool
training_start(Training *training, const Memory *memory, const ForestData *data,
			   const ForestOptions *options, ForestProblem *problem)
{
	memset(training, 0, sizeof(*training));
	training->memory = memory;
	training->data = data;
	training->options = options;
	training->problem = problem;
	memset(problem, 0, sizeof(*problem));
	problem->feature = -1;
	problem->class = -1;
	return check_arguments(data, options, problem);
}

void
training_end(Training *training)
{
	const Memory *memory = training->memory;
	int32_t		i;

	if (training->grower != NULL)
		grow_end(training->grower);
	for (i = 0; training->trees != NULL && i < training->n_trees; i++)
	{
		memory_release(memory, training->trees[i].nodes);
		memory_release(memory, training->trees[i].shares);
	}
	for (i = 0; training->tables != NULL && i < training->data->n_features; i++)
		bins_release(memory, &training->tables[i]);
	memory_release(memory, training->order);
	memory_release(memory, training->rank);
	memory_release(memory, training->tables);
	memory_release(memory, training->scratch.keys);
	memory_release(memory, training->scratch.spare);
	memory_release(memory, training->gains);
	memory_release(memory, training->rises);
	memory_release(memory, training->trees);
	memory_release(memory, training->bases);
	linear_release(memory, training->data, &training->linear);
	training_leave_place(training);
}

bool
forest_train(const Memory *memory, const ForestData *data,
			 const ForestOptions *options, size_t room,
			 char **bytes, size_t *size, ForestProblem *problem)
{
	ModelString string;
	ModelOut	out = model_string_start(&string, memory, room);
	Training	training;
	bool		ok;

	ok = training_start(&training, memory, data, options, problem) &&
		training_prepare(&training, NULL) &&
		training_grow(&training) &&
		training_write(&training, &out);
	training_end(&training);
	if (ok)
		problem->status = FOREST_OK;
	else
	{
		memory_release(memory, string.bytes);
		string.bytes = NULL;
	}
	*bytes = string.bytes;
	*size = string.size;
	return ok;
}

/*
 * A look at the columns
 */

/* Whether a category's names are those of the classes, row by row. */
static bool
names_target(const ForestData *data, const ForestColumn *column)
{
	int64_t		row;

	for (row = 0; row < data->n_rows; row++)
		if (column->codes[row] >= 0 &&
			forest_text_compare(column->categories[column->codes[row]],
								data->class_names[data->classes[row]]) != 0)
			return false;
	return true;
}

/* What one look at each row tells of a column. */
static void
look_at(const ForestData *data, const ForestColumn *column, ForestFinding *finding)
{
	bool		have = false;
	double		first_number = 0;
	int32_t		first_code = 0;
	int64_t		row;

	memset(finding, 0, sizeof(*finding));
	finding->is_constant = true;
	finding->is_integer = column->kind == FOREST_NUMBER;
	if (column->kind == FOREST_NUMBER)
	{
		finding->is_target = data->n_classes == 0;
		for (row = 0; row < data->n_rows; row++)
		{
			double		number = column->numbers[row];

			if (number != number)
			{
				finding->nulls++;
				continue;
			}
			if (!have)
				first_number = number;
			have = true;
			finding->is_constant = finding->is_constant && number == first_number;
			finding->is_integer = finding->is_integer && isfinite(number) &&
				number == floor(number);
			finding->is_target = finding->is_target && number == data->target[row];
		}
	}
	else
	{
		for (row = 0; row < data->n_rows; row++)
		{
			int32_t		code = column->codes[row];

			if (code < 0)
			{
				finding->nulls++;
				continue;
			}
			if (!have)
				first_code = code;
			have = true;
			finding->is_constant = finding->is_constant && code == first_code;
		}
		finding->is_target = data->n_classes > 0 && names_target(data, column);
	}
	finding->is_target = finding->is_target && !finding->is_constant;
	finding->is_integer = finding->is_integer && have;
}

bool
forest_examine(const Memory *memory, const ForestData *data,
			   ForestFinding *findings, ForestProblem *problem)
{
	size_t		n = (size_t) data->n_rows;
	uint64_t   *keys = memory_array(memory, n, sizeof(*keys));
	uint64_t   *spare = memory_array(memory, n, sizeof(*spare));
	bool		ok = false;
	int32_t		f;
	size_t		i;

	memset(problem, 0, sizeof(*problem));
	problem->feature = -1;
	problem->class = -1;
	problem->status = FOREST_NO_MEMORY;
	if (keys == NULL || spare == NULL)
		goto done;
	for (f = 0; f < data->n_features; f++)
	{
		const ForestColumn *column = forest_column(data, f);
		ForestFinding *finding = &findings[f];

		if (!memory->may_go_on(memory->arg))
		{
			problem->status = FOREST_STOPPED;
			goto done;
		}
		look_at(data, column, finding);

		/* Sorting is for those few that a sample does not rule out. */
		if (finding->nulls > 0 || n < 3 ||
			(column->kind == FOREST_CATEGORY && (size_t) column->n_categories < n))
			continue;
		for (i = 0; i < n; i++)
			keys[i] = column->kind == FOREST_NUMBER ? bins_key(column->numbers[i]) :
				(uint64_t) column->codes[i];
		if (n > 4096)
		{
			bins_sort(keys, spare, 4096);
			for (i = 1; i < 4096 && keys[i] != keys[i - 1]; i++)
				;
			if (i < 4096)
				continue;
		}
		bins_sort(keys, spare, n);
		for (i = 1; i < n && keys[i] != keys[i - 1]; i++)
			;
		finding->is_unique = i == n;
	}
	problem->status = FOREST_OK;
	ok = true;

done:
	memory_release(memory, keys);
	memory_release(memory, spare);
	return ok;
}
