/*-------------------------------------------------------------------------
 *
 * boost.c
 *	  Boosted trees: each tree mends what those before it left.
 *
 * Rows that a tree does not learn from, because they were not drawn or are
 * held aside, go down beside the others, so that margins are those of all
 * rows after each tree.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/boost_node.h"

#include <math.h>
#include <string.h>

/* Bytes that histograms may take in all; two at least there are always. */
#define HISTOGRAM_BYTES (UINT64_C(256) * 1024 * 1024)

/* Steps (row and feature) between two questions whether we may go on */
#define STEPS_BETWEEN 2000000

bool
boost_may_go_on(Boost *boost, int64_t steps)
{
	boost->steps += steps;
	if (boost->steps < STEPS_BETWEEN)
		return true;
	boost->steps = 0;
	return boost->memory->may_go_on(boost->memory->arg);
}

/* Rows held aside to stop early by */
static int64_t
rows_aside(int64_t n_learn, const ForestOptions *options)
{
	int64_t		aside = (int64_t) (options->validation_fraction * (double) n_learn + 0.5);

	if (options->early_stopping == 0 || n_learn < 2)
		return 0;
	if (aside < 1)
		aside = 1;
	return aside < n_learn ? aside : n_learn - 1;
}

int64_t
boost_leaves(const ForestData *data, const ForestOptions *options)
{
	int64_t		leaves = data->n_rows / (options->min_leaf > 0 ? options->min_leaf : 1);

	if (options->max_leaves > 0 && options->max_leaves < leaves)
		leaves = options->max_leaves;
	if (options->max_depth > 0 && options->max_depth < 31 &&
		leaves > INT64_C(1) << options->max_depth)
		leaves = INT64_C(1) << options->max_depth;
	return leaves > 1 ? leaves : 1;
}

/* Histograms that are worth having, and for which there is room */
static int64_t
count_histograms(int64_t leaves, uint64_t size)
{
	int64_t		most = (int64_t) (HISTOGRAM_BYTES / (size > 0 ? size : 1));

	if (most < 2)
		most = 2;
	return leaves < most ? leaves : most;
}

uint64_t
boost_need(const ForestData *data, const ForestOptions *options)
{
	uint64_t	n = (uint64_t) data->n_rows;
	uint64_t	features = (uint64_t) data->n_features;
	uint64_t	margins = (uint64_t) boost_margins(data->n_classes);
	uint64_t	histogram = features * CODES * sizeof(BoostSum);
	int64_t		leaves = boost_leaves(data, options);
	uint64_t	a_row = 2 * margins * sizeof(double) + 2 * sizeof(BoostRow) + 1 +
		2 * sizeof(uint32_t) + sizeof(double);

	return n * a_row + ((uint64_t) count_histograms(leaves, histogram) + 1) * histogram +
		(uint64_t) leaves * (sizeof(BoostNode) + 6 * sizeof(ForestNode)) +
		features * (2 * sizeof(double) + 3 * sizeof(int32_t)) + sizeof(Boost);
}

/*
 * Margins, losses and their derivatives
 */

static inline double
weight_of(const Boost *boost, size_t rank)
{
	return boost->weights == NULL ? 1 : boost->weights[rank];
}

/* The weights of rows times those of their classes, brought to mean 1 */
static bool
make_weights(Boost *boost)
{
	const GrowMatrix *matrix = boost->matrix;
	double		sum = 0;
	size_t		i;

	if (matrix->class_weights == NULL && matrix->weights == NULL)
		return true;
	boost->weights = memory_array(boost->memory, boost->n_rows, sizeof(double));
	if (boost->weights == NULL)
		return false;
	for (i = 0; i < boost->n_rows; i++)
	{
		boost->weights[i] = matrix->weights == NULL ? 1 : matrix->weights[i];
		if (matrix->class_weights != NULL)
			boost->weights[i] *= matrix->class_weights[matrix->classes[i]];
		if (i < boost->n_fit)
			sum += boost->weights[i];
	}
	for (i = 0; i < boost->n_rows; i++)
		boost->weights[i] *= boost->n_fit / sum;
	return true;
}

/* The margins that fit best without features */
static void
choose_bases(Boost *boost)
{
	const GrowMatrix *matrix = boost->matrix;
	double	   *bases = boost->fit->bases;
	double		all = 0;
	size_t		i;
	int32_t		m;

	for (m = 0; m < boost->n_margins; m++)
		bases[m] = 0;
	for (i = 0; i < boost->n_fit; i++)
	{
		double		weight = weight_of(boost, i);

		all += weight;
		if (matrix->n_classes == 0)
			bases[0] += weight * matrix->targets[i];
		else if (boost->n_margins > 1)
			bases[matrix->classes[i]] += weight;
		else if (matrix->n_classes == 2)
			bases[0] += weight * matrix->classes[i];
	}
	if (matrix->n_classes == 0)
		bases[0] /= all;
	else if (boost->n_margins > 1)
	{
		for (m = 0; m < boost->n_margins; m++)
			bases[m] = bases[m] > 0 ? log(bases[m] / all) : BOOST_NEVER;
	}
	else if (matrix->n_classes == 2)
	{
		if (bases[0] <= 0)
			bases[0] = BOOST_NEVER;
		else
			bases[0] = all - bases[0] > 0 ? log(bases[0] / (all - bases[0])) : -BOOST_NEVER;
	}
	for (i = 0; i < boost->n_rows; i++)
		for (m = 0; m < boost->n_margins; m++)
			boost->margins[i * (size_t) boost->n_margins + (size_t) m] = bases[m];
}

/* The shares of the classes of a row */
static const double *
shares_of(Boost *boost, size_t rank)
{
	int32_t		k = boost->matrix->n_classes;

	model_apply_link(k == 2 ? FOREST_LOGIT : FOREST_SOFTMAX, (uint32_t) k,
					 boost->margins + rank * (size_t) boost->n_margins, boost->outputs);
	return boost->outputs;
}

/* What a round of several margins starts from: the trees of all mend the same. */
static void
keep_shares(Boost *boost)
{
	size_t		width = (size_t) boost->n_margins;
	size_t		i;

	for (i = 0; width > 1 && i < boost->n_fit; i++)
		memcpy(boost->shares + i * width, shares_of(boost, i), width * sizeof(double));
}

/* First and second derivatives of the loss of each row by a margin */
static void
derive(Boost *boost, int32_t m)
{
	const GrowMatrix *matrix = boost->matrix;
	size_t		i;

	for (i = 0; i < boost->n_fit; i++)
	{
		BoostRow   *row = &boost->of_rank[i];
		double		weight = weight_of(boost, i);

		if (matrix->n_classes == 0)
		{
			row->gradient = weight * (boost->margins[i] - matrix->targets[i]);
			row->hessian = weight;
		}
		else
		{
			double		share = boost->n_margins == 1 && matrix->n_classes == 2 ?
				1 / (1 + exp(-boost->margins[i])) :
				boost->n_margins == 1 ? 1 :
				boost->shares[i * (size_t) boost->n_margins + (size_t) m];
			bool		is_class = matrix->n_classes == 2 ? matrix->classes[i] == 1 :
				matrix->classes[i] == m;

			row->gradient = weight * (share - is_class);
			row->hessian = weight * share * (1 - share);
		}
	}
}

/* The mean loss of the rows held aside */
static double
loss_aside(Boost *boost)
{
	const GrowMatrix *matrix = boost->matrix;
	double		loss = 0;
	double		all = 0;
	size_t		i;

	for (i = boost->n_fit; i < boost->n_learn; i++)
	{
		double		weight = weight_of(boost, i);

		all += weight;
		if (matrix->n_classes == 0)
			loss += weight * (boost->margins[i] - matrix->targets[i]) *
				(boost->margins[i] - matrix->targets[i]);
		else
		{
			double		share = shares_of(boost, i)[matrix->classes[i]];

			loss -= weight * log(share > 1e-15 ? share : 1e-15);
		}
	}
	return loss / all;
}

/* What the margins of the rows held out say of them */
static void
judge(Boost *boost)
{
	const GrowMatrix *matrix = boost->matrix;
	ModelFigures *figures = &boost->fit->held;
	size_t		i;

	for (i = boost->n_learn; i < boost->n_rows; i++)
	{
		double		error;

		if (matrix->n_classes > 0)
		{
			model_judge_shares(figures, shares_of(boost, i), matrix->n_classes,
							   matrix->classes[i]);
			continue;
		}
		error = boost->margins[i] - matrix->targets[i];
		figures->rows++;
		figures->error += error * error;
		figures->mean += matrix->targets[i];
	}
	if (matrix->n_classes > 0 || figures->rows == 0)
		return;
	figures->mean /= (double) figures->rows;
	for (i = boost->n_learn; i < boost->n_rows; i++)
		figures->variation += (matrix->targets[i] - figures->mean) *
			(matrix->targets[i] - figures->mean);
}

/* Draws mtry features, and brings them into their order. */
static void
choose_features(Boost *boost, Random *random)
{
	int32_t		n = boost->matrix->n_features;
	bool		all = boost->matrix->mtry == n;
	int32_t		i;
	int32_t		j;

	boost->n_chosen = boost->matrix->mtry;
	for (i = 0; i < n; i++)
		boost->features[i] = i;
	for (i = 0; i < boost->n_chosen; i++)
	{
		int32_t		at = all ? i : i + (int32_t) random_below(random, (uint32_t) (n - i));
		int32_t		feature = boost->features[at];

		boost->features[at] = boost->features[i];
		boost->features[i] = feature;
	}

	/* In the order of the columns: marked, then listed */
	if (all)
	{
		memcpy(boost->chosen, boost->features, (size_t) n * sizeof(*boost->chosen));
		return;
	}
	for (i = 0; i < n; i++)
		boost->chosen[i] = 0;
	for (i = 0; i < boost->n_chosen; i++)
		boost->chosen[boost->features[i]] = 1;
	for (i = j = 0; i < n; i++)
		if (boost->chosen[i])
			boost->features[j++] = i;
	memcpy(boost->chosen, boost->features, (size_t) boost->n_chosen * sizeof(*boost->chosen));
}

/*
 * Rounds
 */

/* Notes the rows that a round learns from; gives their number. */
static uint32_t
draw_rows(Boost *boost, Random *random)
{
	double		share = boost->options->sample_fraction;
	uint32_t	wanted = (uint32_t) (share * boost->n_fit + 0.5);

	if (wanted < 1)
		wanted = 1;
	memset(boost->drawn, 0, boost->n_rows);
	return random_draw(random, boost->n_fit, wanted, boost->drawn);
}

static void
release(Boost *boost)
{
	const Memory *memory = boost->memory;
	int32_t		i;

	for (i = 0; boost->histograms != NULL && i < boost->n_histograms; i++)
		memory_release(memory, boost->histograms[i]);
	memory_release(memory, boost->weights);
	memory_release(memory, boost->margins);
	memory_release(memory, boost->shares);
	memory_release(memory, boost->outputs);
	memory_release(memory, boost->best_margins);
	memory_release(memory, boost->best_gains);
	memory_release(memory, boost->gains);
	memory_release(memory, boost->of_rank);
	memory_release(memory, boost->of_node);
	memory_release(memory, boost->drawn);
	memory_release(memory, boost->rows);
	memory_release(memory, boost->side);
	memory_release(memory, boost->features);
	memory_release(memory, boost->chosen);
	memory_release(memory, boost->bin_begins);
	memory_release(memory, boost->histograms);
	memory_release(memory, boost->taken);
	memory_release(memory, boost->spare);
	memory_release(memory, boost->heap);
	memory_release(memory, boost->nodes);
}

static bool
start(Boost *boost)
{
	const Memory *memory = boost->memory;
	const GrowMatrix *matrix = boost->matrix;
	size_t		n = boost->n_rows;
	size_t		features = (size_t) matrix->n_features;
	size_t		width = (size_t) boost->n_margins;
	int64_t		leaves = boost->options->max_leaves > 0 ? boost->options->max_leaves :
		(int64_t) n;
	int32_t		f;

	boost->bin_begins = memory_array(memory, features, sizeof(*boost->bin_begins));
	if (boost->bin_begins == NULL)
		return false;
	for (f = 0; f < matrix->n_features; f++)
	{
		boost->bin_begins[f] = boost->n_bins;
		boost->n_bins += matrix->n_bins[f] + 1u;
	}
	boost->n_histograms = (int32_t) count_histograms(leaves, boost->n_bins * sizeof(BoostSum));
	boost->heap_size = 64;
	boost->nodes_size = 256;
	boost->margins = memory_array(memory, n, width * sizeof(double));
	boost->shares = memory_array(memory, width > 1 ? n : 0, width * sizeof(double));
	boost->outputs = memory_array(memory, width > 2 ? width : 2, sizeof(double));
	boost->best_margins = memory_array(memory, n - boost->n_learn, width * sizeof(double));
	boost->best_gains = memory_zero_array(memory, features, sizeof(double));
	boost->gains = memory_zero_array(memory, features, sizeof(double));
	boost->of_rank = memory_array(memory, n, sizeof(*boost->of_rank));
	boost->of_node = memory_array(memory, n, sizeof(*boost->of_node));
	boost->drawn = memory_array(memory, n, 1);
	boost->rows = memory_array(memory, n, sizeof(*boost->rows));
	boost->side = memory_array(memory, n, sizeof(*boost->side));
	boost->features = memory_array(memory, features, sizeof(*boost->features));
	boost->chosen = memory_array(memory, features, sizeof(*boost->chosen));
	boost->histograms = memory_zero_array(memory, (size_t) boost->n_histograms,
										  sizeof(*boost->histograms));
	boost->taken = memory_zero_array(memory, (size_t) boost->n_histograms, sizeof(bool));
	boost->spare = memory_array(memory, boost->n_bins, sizeof(BoostSum));
	boost->heap = memory_array(memory, boost->heap_size, sizeof(*boost->heap));
	boost->nodes = memory_array(memory, boost->nodes_size, sizeof(*boost->nodes));
	return boost->margins != NULL && boost->shares != NULL && boost->outputs != NULL &&
		boost->best_margins != NULL && boost->best_gains != NULL && boost->gains != NULL &&
		boost->of_rank != NULL && boost->of_node != NULL && boost->drawn != NULL &&
		boost->rows != NULL && boost->side != NULL && boost->features != NULL &&
		boost->chosen != NULL && boost->histograms != NULL && boost->taken != NULL &&
		boost->spare != NULL && boost->heap != NULL && boost->nodes != NULL &&
		make_weights(boost);
}

/* Notes what there is after the best round so far, or brings it back. */
static void
note_best(Boost *boost)
{
	size_t		width = (size_t) boost->n_margins;

	memcpy(boost->best_margins, boost->margins + boost->n_learn * width,
		   (boost->n_rows - boost->n_learn) * width * sizeof(double));
	memcpy(boost->best_gains, boost->gains, (size_t) boost->matrix->n_features * sizeof(double));
	boost->best_has_sets = boost->has_sets;
}

static void
go_back(Boost *boost)
{
	size_t		width = (size_t) boost->n_margins;

	memcpy(boost->margins + boost->n_learn * width, boost->best_margins,
		   (boost->n_rows - boost->n_learn) * width * sizeof(double));
	memcpy(boost->gains, boost->best_gains, (size_t) boost->matrix->n_features * sizeof(double));
	boost->has_sets = boost->best_has_sets;
}

/* The rounds, as far as they go */
static bool
run(Boost *boost, ForestStatus *status)
{
	const ForestOptions *options = boost->options;
	BoostFit   *fit = boost->fit;
	bool		stops = boost->n_fit < boost->n_learn;
	double		least = INFINITY;
	int32_t		best = 0;
	int32_t		round;
	int32_t		m;

	for (round = 0; round < options->trees; round++)
	{
		Random		random;
		uint32_t	n_drawn;

		random_start(&random, options->seed, (uint64_t) round);
		n_drawn = draw_rows(boost, &random);
		keep_shares(boost);
		for (m = 0; m < boost->n_margins; m++)
		{
			choose_features(boost, &random);
			derive(boost, m);
			if (!boost_grow_tree(boost, m, n_drawn, &fit->trees[fit->n_trees++], status))
				return false;
			*status = FOREST_STOPPED;
			if (!boost_may_go_on(boost, (int64_t) boost->n_rows * 4))
				return false;
		}
		if (fit->tell != NULL)
			fit->tell(fit->tell_arg, round + 1, options->trees);
		if (stops)
		{
			double		loss = loss_aside(boost);

			if (loss < least)
			{
				least = loss;
				best = round + 1;
				note_best(boost);
			}
			else if (round + 1 - best >= options->early_stopping)
				break;
		}
	}
	if (stops)
	{
		go_back(boost);
		fit->n_trees = best * boost->n_margins;
	}
	return true;
}

bool
boost_fit(const Memory *memory, const GrowMatrix *matrix, const ForestOptions *options,
		  BoostFit *fit, ForestStatus *status)
{
	Boost		boost;
	bool		ok;

	memset(&boost, 0, sizeof(boost));
	boost.memory = memory;
	boost.matrix = matrix;
	boost.options = options;
	boost.fit = fit;
	boost.n_margins = boost_margins(matrix->n_classes);
	boost.n_rows = (uint32_t) matrix->n_rows;
	boost.n_learn = (uint32_t) matrix->n_learn;
	boost.n_fit = (uint32_t) (matrix->n_learn - rows_aside(matrix->n_learn, options));
	fit->n_trees = 0;

	*status = FOREST_NO_MEMORY;
	ok = start(&boost);
	if (ok)
	{
		boost.plain = matrix->n_classes == 0 && boost.weights == NULL;
		choose_bases(&boost);
		ok = run(&boost, status);
	}
	if (ok)
	{
		judge(&boost);
		memcpy(fit->gains, boost.gains, (size_t) matrix->n_features * sizeof(double));
		fit->has_sets = boost.has_sets;
		*status = FOREST_OK;
	}
	release(&boost);
	return ok;
}
