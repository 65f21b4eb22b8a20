/*-------------------------------------------------------------------------
 *
 * boost.c
 *	  Single trees, extremely randomized trees and boosted trees against slow
 *	  ways of finding the same.
 *
 *-------------------------------------------------------------------------
 */
#include "table.h"

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
	test_refused();
	return check_report();
}
