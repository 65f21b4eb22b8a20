/*-------------------------------------------------------------------------
 *
 * boost.c
 *	  Single trees, extremely randomized trees and boosted trees against slow
 *	  ways of finding the same.
 *
 *-------------------------------------------------------------------------
 */
#include "table.h"

#include "forest/shap.h"

static void
fill_once(int *draws, int64_t n)
{
	int64_t		i;

	for (i = 0; i < n; i++)
		draws[i] = 1;
}

/*
 * All inner nodes of a single tree are the best split that there is of their
 * rows, and its leaves have no better one than none.
 */
static void
check_best_everywhere(const Table *table, const ForestOptions *options, const Model *model)
{
	int64_t		n = table->data.n_rows;
	SlowTree	tree = read_tree(&model->forest, 0, table);
	int		   *draws = malloc(sizeof(int) * (size_t) n);
	bool	   *passes = malloc((size_t) n);
	bool		best_everywhere = true;
	int			at;
	int64_t		i;

	for (at = 0; at < tree.n; at++)
	{
		const SlowNode *slow = &tree.nodes[at];
		double		best;

		/* The rows of the node: those whose walk comes by */
		fill_once(draws, n);
		for (i = 0; i < n; i++)
		{
			int			walk = 0;

			while (walk != at && !tree.nodes[walk].node.is_leaf)
				walk = slow_passes(&tree.nodes[walk], table, i) ? walk + 1 :
					tree.nodes[walk].second;
			draws[i] = walk == at;
		}
		if (slow->node.is_leaf)
			continue;
		best = slow_best(table, options, draws);
		for (i = 0; i < n; i++)
			passes[i] = slow_passes(slow, table, i);
		best_everywhere = best_everywhere &&
			fabs(slow_gain(table, options, draws, passes) - best) <= best * 1e-5 + 1e-9;
	}
	CHECK(best_everywhere);
	free(draws);
	free(passes);
	free_tree(&tree);
}

static void
test_decision_tree(void)
{
	static const double weights[] = {1, 3.5};
	int			round;

	for (round = 0; round < 12; round++)
	{
		Table	   *table = make_table_of(120, round % 2 ? 2 : 0, 4, (uint64_t) round);
		ForestOptions options;
		ForestInfo	info;
		Model		model;
		Model		again;

		forest_options_of(&options, FOREST_DECISION_TREE);
		options.max_depth = 4;
		options.class_weights = round % 4 == 3 ? weights : NULL;
		model = train(table, &options);
		CHECK(model.forest.algorithm == FOREST_DECISION_TREE && model.forest.n_trees == 1);
		check_best_everywhere(table, &options, &model);
		forest_info(&model.forest, &info);
		CHECK(info.depth <= 4 && info.rows == 120);
		CHECK(info.oob_rows == 0 && isnan(info.oob_mse) && isnan(info.oob_accuracy));
		again = train(table, &options);
		CHECK(model.size == again.size && memcmp(model.bytes, again.bytes, model.size) == 0);
		free(model.bytes);
		free(again.bytes);
		free_table(table);
	}
}

/*
 * Trees of all rows and leaves of one tell the training's own targets; with
 * several rows a leaf each has as many at least.
 */
static void
test_all_rows(ForestAlgorithm algorithm)
{
	static const int n_classes[] = {0, 2, 3};
	int			kind;
	int			min_leaf;

	for (kind = 0; kind < 3; kind++)
		for (min_leaf = 1; min_leaf < 20; min_leaf += 6)
		{
			Table	   *table = make_mixed(700, n_classes[kind], 5);
			Table	   *other = shuffled(table, 3);
			ForestOptions options;
			Model		model;
			Model		again;
			double	   *outputs;
			uint32_t	n_outputs;
			bool		right = true;
			bool		fair = true;
			int64_t		i;
			uint32_t	t;
			int			at;

			forest_options_of(&options, algorithm);
			if (algorithm != FOREST_DECISION_TREE)
				options.trees = 20;
			options.min_leaf = min_leaf;
			options.seed = 7;
			model = train(table, &options);
			again = train(other, &options);
			CHECK(model.size == again.size && memcmp(model.bytes, again.bytes, model.size) == 0);
			outputs = predict(&model, table);
			n_outputs = forest_outputs(&model.forest);
			for (i = 0; i < table->data.n_rows; i++)
			{
				if (kind == 0)
					right = right && fabs(outputs[i] - table->target[i]) < 1e-5;
				else
					right = right && outputs[i * n_outputs + table->classes[i]] > 0.99999;
			}
			CHECK(right || min_leaf > 1);
			for (t = 0; t < model.forest.n_trees; t++)
			{
				SlowTree	tree = read_tree(&model.forest, t, table);

				for (at = 0; at < tree.n; at++)
					fair = fair && tree.nodes[at].node.rows >= (uint64_t) min_leaf;
				fair = fair && tree.nodes[0].node.is_leaf == false;
				free_tree(&tree);
			}
			CHECK(fair);
			free(outputs);
			free(model.bytes);
			free(again.bytes);
			free_table(table);
			free_table(other);
		}
}

/*
 * The first cut of a number without NULLs that has the bins 0 .. 9 is at each
 * of the nine places equally often, and of three categories each of the six
 * sets passes equally often.  The limits are the 0.999 quantiles of chi-squared
 * with 8 and 5 degrees of freedom.
 */
static void
test_cuts_by_chance(void)
{
	Table	   *table = make_table(30, 0);
	double	   *number = add_number(table);
	Table	   *other = make_table(30, 2);
	int32_t    *codes = add_category(other, 3);
	ForestOptions options;
	Model		model;
	int			cuts[9] = {0};
	int			sets[8] = {0};
	double		chi = 0;
	int			i;

	for (i = 0; i < 30; i++)
	{
		number[i] = i % 10;
		codes[i] = i % 3;
		table->target[i] = other->classes[i] = i * i % 7 % 2;
	}
	forest_options_of(&options, FOREST_EXTRA_TREES);
	options.trees = 9000;
	options.max_depth = 1;
	model = train(table, &options);
	for (i = 0; i < options.trees; i++)
	{
		SlowTree	tree = read_tree(&model.forest, (uint32_t) i, table);

		cuts[(int) tree.nodes[0].node.threshold]++;
		free_tree(&tree);
	}
	free(model.bytes);
	for (i = 0; i < 9; i++)
		chi += pow(cuts[i] - 1000, 2) / 1000;
	CHECK(chi < 26.12);

	model = train(other, &options);
	for (i = 0; i < options.trees; i++)
	{
		SlowTree	tree = read_tree(&model.forest, (uint32_t) i, other);
		const bool *passes = tree.nodes[0].passes;

		sets[passes[0] + 2 * passes[1] + 4 * passes[2]]++;
		free_tree(&tree);
	}
	free(model.bytes);

	/* A set and its complement may have changed places. */
	chi = 0;
	for (i = 1; i < 4; i++)
		chi += pow(sets[i] + sets[7 - i] - 3000, 2) / 3000;
	CHECK(sets[0] == 0 && sets[7] == 0 && chi < 13.82);
	free_table(table);
	free_table(other);
}

/* Extra trees that draw a share of the rows leave the others out. */
static void
test_share_of_rows(void)
{
	Table	   *table = make_mixed(1000, 0, 9);
	ForestOptions options;
	ForestInfo	info;
	Model		model;

	forest_options_of(&options, FOREST_EXTRA_TREES);
	options.trees = 1;
	options.sample_fraction = 0.25;
	model = train(table, &options);
	forest_info(&model.forest, &info);
	CHECK(info.oob_rows == 750 && info.oob_r2 > 0);
	free(model.bytes);
	options.trees = 40;
	options.mtry = 5;
	model = train(table, &options);
	forest_info(&model.forest, &info);
	CHECK(info.oob_rows == 1000 && info.oob_r2 > 0.8);
	free(model.bytes);
	free_table(table);
}

/*
 * Boosted trees the slow way: leaves are lists of flags, and splits are found
 * by trying all.
 */
typedef struct SlowLeaf
{
	bool	   *has;			/* rows */
	bool	   *passes;			/* of the best split */
	double		gain;			/* 0: there is none */
} SlowLeaf;

static double
slow_boost_gain(const Table *table, const ForestOptions *options, const double *g,
				const double *h, const bool *has, const bool *passes)
{
	double		sums[2][2] = {{0, 0}, {0, 0}};
	int64_t		rows[2] = {0, 0};
	int64_t		i;

	for (i = 0; i < table->data.n_rows; i++)
		if (has[i])
		{
			sums[passes[i]][0] += g[i];
			sums[passes[i]][1] += h[i];
			rows[passes[i]]++;
		}
	if (rows[0] < options->min_leaf || rows[1] < options->min_leaf ||
		sums[0][1] < 1e-3 || sums[1][1] < 1e-3)
		return 0;
	return sums[0][0] * sums[0][0] / (sums[0][1] + options->l2) +
		sums[1][0] * sums[1][0] / (sums[1][1] + options->l2) -
		(sums[0][0] + sums[1][0]) * (sums[0][0] + sums[1][0]) /
		(sums[0][1] + sums[1][1] + options->l2);
}

/* Fills in the best split of a leaf. */
static void
slow_boost_split(const Table *table, const ForestOptions *options, const double *g,
				 const double *h, SlowLeaf *leaf)
{
	int64_t		n = table->data.n_rows;
	bool	   *passes = malloc((size_t) n);
	int			f;

	leaf->gain = 0;
	for (f = 0; f < table->data.n_features; f++)
	{
		const ForestColumn *column = &table->columns[f];
		int64_t		choices = column->kind == FOREST_NUMBER ? n : (int64_t) 1 << column->n_categories;
		int64_t		choice;
		int			null_passes;

		for (choice = 0; choice < choices; choice++)
			for (null_passes = 0; null_passes < 2; null_passes++)
			{
				double		gain;
				int64_t		i;

				if (column->kind == FOREST_NUMBER &&
					(isnan(column->numbers[choice]) || !leaf->has[choice]))
					continue;
				for (i = 0; i < n; i++)
				{
					if (column->kind == FOREST_NUMBER)
						passes[i] = isnan(column->numbers[i]) ? null_passes :
							column->numbers[i] <= column->numbers[choice];
					else
						passes[i] = column->codes[i] < 0 ? null_passes :
							(choice >> column->codes[i]) & 1;
				}
				gain = slow_boost_gain(table, options, g, h, leaf->has, passes);
				if (gain > leaf->gain * (1 + 1e-9) && gain > 1e-9)
				{
					leaf->gain = gain;
					memcpy(leaf->passes, passes, (size_t) n);
				}
			}
	}
	free(passes);
}

/* Adds the tree that mends (g, h) to margin m of all rows. */
static void
slow_boost_tree(const Table *table, const ForestOptions *options, const double *g,
				const double *h, double *margins, int width, int m)
{
	int64_t		n = table->data.n_rows;
	SlowLeaf	leaves[40];
	int			n_leaves = 1;
	int			l;
	int64_t		i;

	for (l = 0; l < options->max_leaves; l++)
	{
		leaves[l].has = calloc((size_t) n, 1);
		leaves[l].passes = calloc((size_t) n, 1);
	}
	memset(leaves[0].has, true, (size_t) n);
	slow_boost_split(table, options, g, h, &leaves[0]);
	while (n_leaves < options->max_leaves)
	{
		int			best = 0;

		for (l = 1; l < n_leaves; l++)
			if (leaves[l].gain > leaves[best].gain)
				best = l;
		if (leaves[best].gain == 0)
			break;
		for (i = 0; i < n; i++)
		{
			leaves[n_leaves].has[i] = leaves[best].has[i] && !leaves[best].passes[i];
			leaves[best].has[i] = leaves[best].has[i] && leaves[best].passes[i];
		}
		slow_boost_split(table, options, g, h, &leaves[best]);
		slow_boost_split(table, options, g, h, &leaves[n_leaves++]);
	}
	for (l = 0; l < options->max_leaves; l++)
	{
		double		sums[2] = {0, 0};

		for (i = 0; i < n; i++)
			if (leaves[l].has[i])
			{
				sums[0] += g[i];
				sums[1] += h[i];
			}
		for (i = 0; i < n; i++)
			if (leaves[l].has[i])
				margins[i * width + m] -= options->learning_rate * sums[0] / (sums[1] + options->l2);
		free(leaves[l].has);
		free(leaves[l].passes);
	}
}

/* The margins of all rows, n_classes or 1 each */
static double *
slow_boost(const Table *table, const ForestOptions *options)
{
	int64_t		n = table->data.n_rows;
	int			k = table->data.n_classes;
	int			width = k > 2 ? k : 1;
	double	   *margins = calloc((size_t) (n * width), sizeof(double));
	double	   *shares = calloc((size_t) (n * width), sizeof(double));
	double	   *weights = malloc(sizeof(double) * (size_t) n);
	double	   *g = malloc(sizeof(double) * (size_t) n);
	double	   *h = malloc(sizeof(double) * (size_t) n);
	double		bases[12] = {0};
	double		all = 0;
	int64_t		i;
	int			round;
	int			m;

	for (i = 0; i < n; i++)
	{
		weights[i] = options->class_weights == NULL ? 1 : options->class_weights[table->classes[i]];
		all += weights[i];
	}
	for (i = 0; i < n; i++)
	{
		weights[i] *= (double) n / all;
		if (k == 0)
			bases[0] += table->target[i] / (double) n;
		else
			bases[width == 1 ? 0 : table->classes[i]] += weights[i] / (double) n *
				(width == 1 ? table->classes[i] : 1);
	}
	for (m = 0; m < width; m++)
		bases[m] = k == 0 ? bases[m] : k == 2 ? log(bases[m] / (1 - bases[m])) : log(bases[m]);
	for (i = 0; i < n * width; i++)
		margins[i] = bases[i % width];
	for (round = 0; round < options->trees; round++)
	{
		for (i = 0; i < n; i++)
		{
			double		sum = 0;

			for (m = 0; m < width; m++)
				sum += exp(margins[i * width + m]);
			for (m = 0; m < width; m++)
				shares[i * width + m] = width == 1 ? sum / (1 + sum) : exp(margins[i * width + m]) / sum;
		}
		for (m = 0; m < width; m++)
		{
			for (i = 0; i < n; i++)
			{
				double		p = shares[i * width + m];

				g[i] = weights[i] * (k == 0 ? margins[i] - table->target[i] :
									 p - (table->classes[i] == (k == 2 ? 1 : m)));
				h[i] = weights[i] * (k == 0 ? 1 : p * (1 - p));
			}
			slow_boost_tree(table, options, g, h, margins, width, m);
		}
	}
	free(shares);
	free(weights);
	free(g);
	free(h);
	return margins;
}

/* The margins of a model, for each row of a table */
static double *
margins_of(const Model *model, const Table *table, uint8_t **rows)
{
	const ForestData *data = &table->data;
	size_t		row_size = forest_row_size(&model->forest);
	double	   *margins = malloc(sizeof(double) * forest_margin_count(&model->forest) *
								 (size_t) data->n_rows);
	ForestValue *values = calloc((size_t) data->n_features, sizeof(*values));
	int64_t		i;
	int			f;

	*rows = malloc(row_size * (size_t) data->n_rows);
	for (i = 0; i < data->n_rows; i++)
	{
		for (f = 0; f < data->n_features; f++)
		{
			const ForestColumn *column = &data->features[f];

			if (column->kind == FOREST_NUMBER)
				values[f].number = column->numbers[i];
			else if (column->codes[i] < 0)
				values[f].category.data = NULL;
			else
				values[f].category = column->categories[column->codes[i]];
		}
		forest_bin_row(&model->forest, values, *rows + row_size * (size_t) i);
	}
	forest_margins(&model->forest, *rows, (size_t) data->n_rows, margins);
	free(values);
	return margins;
}

/*
 * Boosted trees are those of the slow way; contributions and base are their
 * margins; outputs follow from these.
 */
static void
test_boosted(void)
{
	static const int n_classes[] = {0, 2, 3};
	static const double weights[] = {1, 3.5, 0.25};
	int			kind;
	int			round;

	for (kind = 0; kind < 3; kind++)
		for (round = 0; round < 6; round++)
		{
			Table	   *table = make_table_of(90 + 20 * round, n_classes[kind], round % 2 ? 2 : 4,
											  (uint64_t) round + 40);
			int			width = kind == 2 ? 3 : 1;
			ForestOptions options;
			Model		model;
			double	   *slow;
			double	   *margins;
			double	   *outputs;
			double	   *contributions = malloc(sizeof(double) * 5);
			uint8_t    *rows;
			double		worst = 0;
			double		worst_sum = 0;
			double		worst_share = 0;
			int64_t		i;
			int			m;
			int			f;

			forest_options_of(&options, FOREST_BOOSTED_TREES);
			options.trees = 4;
			options.max_leaves = 5 + round;
			options.learning_rate = 0.3;
			options.min_leaf = round % 2 ? 5 : 1;
			options.l2 = round % 2 ? 2 : 0;
			options.class_weights = kind > 0 && round >= 4 ? weights : NULL;
			model = train(table, &options);
			CHECK(model.forest.algorithm == FOREST_BOOSTED_TREES);
			CHECK(model.forest.n_trees == (uint32_t) (4 * width));
			slow = slow_boost(table, &options);
			margins = margins_of(&model, table, &rows);
			outputs = predict(&model, table);
			for (i = 0; i < table->data.n_rows; i++)
			{
				double		sum = 0;

				for (m = 0; m < width; m++)
				{
					double		base;

					worst = fmax(worst, fabs(margins[i * width + m] - slow[i * width + m]));
					CHECK(shap_explain(&memory_plain, &model.forest,
									   rows + forest_row_size(&model.forest) * (size_t) i,
									   (uint32_t) (kind == 1 ? 1 : m), &base, contributions) == FOREST_OK);
					for (f = 0; f < 5; f++)
						base += contributions[f];
					worst_sum = fmax(worst_sum, fabs(base - margins[i * width + m]));
					sum += exp(margins[i * width + m]);
				}
				if (kind == 0)
					worst_share = fmax(worst_share, fabs(outputs[i] - margins[i]));
				else if (kind == 1)
					worst_share = fmax(worst_share, fabs(outputs[2 * i + 1] - sum / (1 + sum)));
				else
					for (m = 0; m < 3; m++)
						worst_share = fmax(worst_share, fabs(outputs[3 * i + m] - exp(margins[i * 3 + m]) / sum));
			}
			CHECK(worst < 1e-5);
			CHECK(worst_sum < 1e-9);
			CHECK(worst_share < 1e-12);
			free(contributions);
			free(rows);
			free(slow);
			free(margins);
			free(outputs);
			free(model.bytes);
			free_table(table);
		}
}

/* Any order of the rows gives the same bytes, whatever is drawn. */
static void
test_boosted_shuffled(void)
{
	static const int n_classes[] = {0, 2, 3, 1};
	int			kind;

	for (kind = 0; kind < 4; kind++)
	{
		Table	   *table = make_mixed(800, n_classes[kind], 12);
		Table	   *other = shuffled(table, 4);
		ForestOptions options;
		Model		model;
		Model		again;

		forest_options_of(&options, FOREST_BOOSTED_TREES);
		options.trees = 12;
		options.sample_fraction = 0.6;
		options.mtry = 2;
		options.early_stopping = 3;
		options.max_depth = 4;
		model = train(table, &options);
		again = train(other, &options);
		CHECK(model.size == again.size && memcmp(model.bytes, again.bytes, model.size) == 0);
		free(again.bytes);
		options.seed = 1;
		again = train(table, &options);
		CHECK(kind == 3 || model.size != again.size || memcmp(model.bytes, again.bytes, model.size) != 0);
		free(model.bytes);
		free(again.bytes);
		free_table(table);
		free_table(other);
	}
}

/*
 * It stops where the loss of the rows held aside does not fall, and what is
 * kept is what so few rounds give.
 */
static void
test_early_stopping(void)
{
	static const int n_classes[] = {0, 2, 3};
	int			kind;

	for (kind = 0; kind < 3; kind++)
	{
		Table	   *table = make_mixed(400, n_classes[kind], 3);
		ForestOptions options;
		ForestOptions kept;
		Model		model;
		Model		again;

		forest_options_of(&options, FOREST_BOOSTED_TREES);
		options.trees = 2000;
		options.learning_rate = 0.5;
		options.early_stopping = 4;
		options.validation_fraction = 0.25;
		model = train(table, &options);
		forest_grove_options(&model.forest, 0, &kept);
		CHECK(kept.trees > 0 && kept.trees < 2000);
		CHECK(kept.early_stopping == 4 && kept.validation_fraction == 0.25 &&
			  kept.learning_rate == 0.5 && kept.max_leaves == 31 && kept.l2 == 0);
		options.trees = kept.trees;
		again = train(table, &options);
		CHECK(model.size == again.size && memcmp(model.bytes, again.bytes, model.size) == 0);
		free(model.bytes);
		free(again.bytes);
		free_table(table);
	}
}

/*
 * So many features and leaves that there is no room for a histogram of each
 * leaf: the leaves still say what their rows need.
 */
static void
test_boosted_wide(void)
{
	Table	   *table = make_table(600, 0);
	ForestOptions options;
	Model		model;
	SlowTree	tree;
	double		mean = 0;
	double		worst = 0;
	double	   *sums;
	int		   *counts;
	Random		random;
	int64_t		i;
	int			f;

	random_start(&random, 1, 2);
	for (f = 0; f < 1100; f++)
		add_number(table);
	for (i = 0; i < 600; i++)
	{
		for (f = 0; f < 1100; f++)
			table->numbers[f][i] = random_unit(&random);
		table->target[i] = 10 * table->numbers[3][i] + random_unit(&random);
		mean += table->target[i] / 600;
	}
	forest_options_of(&options, FOREST_BOOSTED_TREES);
	options.trees = 1;
	options.max_leaves = 150;
	options.min_leaf = 2;
	options.learning_rate = 1;
	model = train(table, &options);
	tree = read_tree(&model.forest, 0, table);
	sums = calloc((size_t) tree.n, sizeof(double));
	counts = calloc((size_t) tree.n, sizeof(int));
	CHECK(tree.n == 299);
	for (i = 0; i < 600; i++)
	{
		const SlowNode *leaf = slow_leaf(&tree, table, i);

		sums[leaf - tree.nodes] += table->target[i] - mean;
		counts[leaf - tree.nodes]++;
	}
	for (f = 0; f < tree.n; f++)
		if (tree.nodes[f].node.is_leaf)
			worst = fmax(worst, fabs(tree.nodes[f].node.value - sums[f] / counts[f]));
	CHECK(worst < 1e-5);
	free(sums);
	free(counts);
	free_tree(&tree);
	free(model.bytes);
	free_table(table);
}

/* One class, constant targets, few rows: no split, and the right answer */
static void
test_boosted_awkward(void)
{
	int			kind;

	for (kind = 0; kind < 4; kind++)
	{
		Table	   *table = make_mixed(kind == 3 ? 3 : 60, kind == 3 ? 0 : kind, 8);
		ForestOptions options;
		Model		model;
		double	   *outputs;
		bool		right = true;
		int64_t		i;

		for (i = 0; i < table->data.n_rows; i++)
		{
			table->target[i] = kind == 3 ? 1e15 * (double) i : 1e15;
			table->classes[i] = 0;
		}
		forest_options_of(&options, FOREST_BOOSTED_TREES);
		options.trees = kind == 3 ? 300 : 5;
		options.min_leaf = 1;
		options.early_stopping = kind == 2 ? 2 : 0;
		model = train(table, &options);
		outputs = predict(&model, table);
		for (i = 0; i < table->data.n_rows; i++)
			right = right && (kind == 3 ? fabs(outputs[i] - 1e15 * (double) i) < 1e9 :
							  outputs[i * (kind > 0 ? kind : 1)] == (kind == 0 ? 1e15 : 1));
		CHECK(right);
		free(outputs);
		free(model.bytes);
		free_table(table);
	}
}

/*
 * A row of weight w counts as w rows, in all algorithms whose trees learn from
 * all rows.
 */
static void
test_weights(void)
{
	static const ForestAlgorithm algorithms[] = {FOREST_DECISION_TREE, FOREST_EXTRA_TREES,
	FOREST_BOOSTED_TREES};
	static const double class_weights[] = {1, 2.5, 0.5};
	static const int n_classes[] = {0, 2, 3};
	int			kind;
	int			a;

	for (kind = 0; kind < 3; kind++)
		for (a = 0; a < 3; a++)
		{
			Table	   *table = make_mixed(200, n_classes[kind], 9);
			Table	   *once = make_mixed(200, n_classes[kind], 9);
			Table	   *many = make_table(500, n_classes[kind]);
			double	   *weights = malloc(sizeof(double) * 200);
			ForestOptions options;
			Model		weighted;
			Model		repeated;
			double	   *outputs[2];
			double		worst = 0;
			int64_t		at = 0;
			int64_t		i;
			int			f;

			/* Weights of 1, 2, 3 and 4, of which the sum is 500 */
			for (f = 0; f < table->data.n_features; f++)
				if (table->columns[f].kind == FOREST_NUMBER)
					(void) add_number(many);
				else
					(void) add_category(many, table->columns[f].n_categories);
			for (i = 0; i < 200; i++)
			{
				int64_t		end;

				weights[i] = 1 + (double) (i % 4);
				for (end = at + (int64_t) weights[i]; at < end; at++)
				{
					for (f = 0; f < table->data.n_features; f++)
						if (table->columns[f].kind == FOREST_NUMBER)
							many->numbers[f][at] = table->numbers[f][i];
						else
							many->codes[f][at] = table->codes[f][i];
					many->target[at] = table->target[i];
					many->classes[at] = table->classes[i];
				}
			}
			CHECK(at == 500);
			forest_options_of(&options, algorithms[a]);
			options.trees = a == 0 ? 1 : 10;
			options.max_depth = 4;
			options.min_leaf = 1;
			options.class_weights = kind > 0 ? class_weights : NULL;
			once->data.weights = weights;
			weighted = train(once, &options);
			repeated = train(many, &options);
			outputs[0] = predict(&weighted, table);
			outputs[1] = predict(&repeated, table);
			for (i = 0; i < 200 * (kind == 0 ? 1 : n_classes[kind]); i++)
				worst = fmax(worst, fabs(outputs[0][i] - outputs[1][i]));
			CHECK(worst < 1e-5);
			free(outputs[0]);
			free(outputs[1]);
			free(weighted.bytes);
			free(repeated.bytes);
			free(weights);
			free_table(table);
			free_table(once);
			free_table(many);
		}
}

/*
 * Bootstrapped rows have their weight each time they are drawn: equal ones
 * change nothing, and very unequal ones leave only what weighs.
 */
static void
test_weights_of_forests(void)
{
	int			kind;

	for (kind = 0; kind < 4; kind += 2)
	{
		Table	   *table = make_mixed(1500, kind, 4);
		double	   *weights = malloc(sizeof(double) * 1500);
		ForestOptions options;
		Model		model;
		ForestInfo	info[2];
		double	   *outputs;
		double		worst = 0;
		int			n = kind == 0 ? 1 : kind;
		int			i;

		for (i = 0; i < 1500; i++)
		{
			weights[i] = 3;
			table->classes[i] = table->target[i] > 9;
		}
		forest_options_default(&options);
		options.trees = 20;
		options.min_leaf = 5;
		model = train(table, &options);
		forest_info(&model.forest, &info[0]);
		free(model.bytes);
		table->data.weights = weights;
		model = train(table, &options);
		forest_info(&model.forest, &info[1]);
		free(model.bytes);
		CHECK(kind == 0 ? fabs(info[0].oob_r2 - info[1].oob_r2) < 0.02 && info[1].oob_r2 > 0.8 :
			  fabs(info[0].oob_accuracy - info[1].oob_accuracy) < 0.03);

		/* Half of the rows say something else, but do not weigh. */
		for (i = 0; i < 1500; i++)
		{
			weights[i] = i % 2 ? 1e9 : 1e-9;
			table->target[i] = i % 2 ? 1 : 50;
			table->classes[i] = i % 2;
		}
		model = train(table, &options);
		outputs = predict(&model, table);
		for (i = 0; i < 1500; i++)
			worst = fmax(worst, fabs(outputs[i * n + n - 1] - 1));
		CHECK(worst < 0.35);
		free(outputs);
		free(model.bytes);
		free(weights);
		free_table(table);
	}
}

/* Only means of the same algorithm are merged. */
static void
test_merge(void)
{
	static const ForestAlgorithm algorithms[] = {FOREST_BOOSTED_TREES, FOREST_EXTRA_TREES,
	FOREST_RANDOM_FOREST};
	static const ForestStatus expected[3][3] = {
		{FOREST_NO_MEAN, FOREST_NO_MEAN, FOREST_NO_MEAN},
		{FOREST_NO_MEAN, FOREST_OK, FOREST_OTHER_ALGORITHM},
		{FOREST_NO_MEAN, FOREST_OTHER_ALGORITHM, FOREST_OK}};
	Table	   *table = make_mixed(100, 0, 1);
	Model		models[3];
	int			a;
	int			b;

	for (a = 0; a < 3; a++)
	{
		ForestOptions options;

		forest_options_of(&options, algorithms[a]);
		options.trees = 2;
		models[a] = train(table, &options);
	}
	for (a = 0; a < 3; a++)
		for (b = 0; b < 3; b++)
		{
			Forest		both[2];
			ForestProblem problem;
			char	   *bytes;
			size_t		size;

			both[0] = models[a].forest;
			both[1] = models[b].forest;
			CHECK(forest_merge(&memory_plain, both, 2, 0, &bytes, &size, &problem) ==
				  (expected[a][b] == FOREST_OK));
			CHECK(problem.status == expected[a][b]);
			free(bytes);
		}
	for (a = 0; a < 3; a++)
		free(models[a].bytes);
	free_table(table);
}

/* What is no such algorithm's option. */
static void
test_refused(void)
{
	Table	   *table = make_mixed(50, 0, 1);
	ForestOptions options;
	ForestProblem problem;
	char	   *bytes;
	size_t		size;

	forest_options_of(&options, FOREST_DECISION_TREE);
	options.trees = 2;
	CHECK(!forest_train(&memory_plain, &table->data, &options, 0, &bytes, &size, &problem));
	CHECK(problem.status == FOREST_BAD_OPTION && strcmp(problem.option, "trees") == 0);
	forest_options_of(&options, FOREST_BOOSTED_TREES);
	options.learning_rate = 0;
	CHECK(!forest_train(&memory_plain, &table->data, &options, 0, &bytes, &size, &problem));
	CHECK(problem.status == FOREST_BAD_OPTION && strcmp(problem.option, "learning_rate") == 0);
	forest_options_of(&options, FOREST_BOOSTED_TREES);
	options.max_leaves = 1;
	CHECK(!forest_train(&memory_plain, &table->data, &options, 0, &bytes, &size, &problem));
	CHECK(problem.status == FOREST_BAD_OPTION && strcmp(problem.option, "max_leaves") == 0);
	free_table(table);
}

int
main(void)
{
	test_decision_tree();
	test_all_rows(FOREST_DECISION_TREE);
	test_all_rows(FOREST_EXTRA_TREES);
	test_cuts_by_chance();
	test_share_of_rows();
	test_boosted();
	test_boosted_shuffled();
	test_early_stopping();
	test_boosted_wide();
	test_boosted_awkward();
	test_weights();
	test_weights_of_forests();
	test_merge();
	test_refused();
	return check_report();
}
