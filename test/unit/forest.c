/*-------------------------------------------------------------------------
 *
 * forest.c
 *	  Forests against slow ways of finding the same.
 *
 * The witnesses share with the engine only how the rows of a tree are drawn.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/rows.h"
#include "table.h"

/* How often tree t drew each row: n draws by rank, as grow.c makes them. */
static void
slow_draws(const Table *table, const ForestOptions *options, uint32_t t, int *draws)
{
	uint32_t	n = (uint32_t) table->data.n_rows;
	uint32_t   *order = malloc(sizeof(uint32_t) * n);
	int64_t		n_draws = (int64_t) (options->sample_fraction * n + 0.5);
	ForestStatus status;
	Random		random;
	int64_t		i;

	CHECK(rows_order(&memory_plain, &table->data, order, &status));
	memset(draws, 0, sizeof(int) * n);
	random_start(&random, options->seed, t);
	for (i = 0; i < n_draws; i++)
		draws[order[random_below(&random, n)]]++;
	free(order);
}

/*
 * The tests
 */

/* The root of a tree that may use all features splits as well as can be. */
static void
test_best_split(void)
{
	static const int n_classes[] = {0, 2, 3};
	static const double weights[] = {1, 3.5, 0.25};
	int			kind;
	int			round;
	int			weighted;

	for (kind = 0; kind < 3; kind++)
		for (weighted = 0; weighted < (kind > 0 ? 2 : 1); weighted++)
			for (round = 0; round < 50; round++)
			{
				/*
				 * Sets for several classes are found by a heuristic, and sets
				 * under a minimum leaf are best among parts of an order only:
				 * leave them out.
				 */
				Table	   *table = make_table_of(round < 25 ? 30 + 9 * round : 16 + round % 5,
												  n_classes[kind], kind == 2 || round >= 25 ? 2 : 6,
												  (uint64_t) round);
				ForestOptions options;
				Model		model;
				SlowTree	tree;
				int		   *draws = malloc(sizeof(int) * (size_t) table->data.n_rows);
				bool	   *passes = malloc((size_t) table->data.n_rows);
				double		best;
				double		found;
				int64_t		i;

				forest_options_default(&options);
				options.trees = 1;
				options.max_depth = 1;
				options.min_leaf = round < 25 ? 1 + round % 5 : 4;
				options.mtry = table->data.n_features;
				options.seed = (uint64_t) round;
				options.class_weights = weighted ? weights : NULL;
				model = train(table, &options);
				slow_draws(table, &options, 0, draws);
				best = slow_best(table, &options, draws);
				tree = read_tree(&model.forest, 0, table);
				CHECK(tree.n == (best < 0 ? 1 : 3));
				if (tree.n == 1)
					goto next;
				for (i = 0; i < table->data.n_rows; i++)
					passes[i] = slow_passes(&tree.nodes[0], table, i);
				found = slow_gain(table, &options, draws, passes);
				CHECK(fabs(found - best) <= best * (kind == 0 ? 1e-5 : 1e-12));

		next:
				free_tree(&tree);
				free(model.bytes);
				free(draws);
				free(passes);
				free_table(table);
			}
}

/*
 * The same for so many rows that a node's sums are added up in chunks, with
 * values few enough to try all.
 */
static void
test_best_split_of_many(void)
{
	static const double weights[] = {1, 3.5};
	int			round;

	for (round = 0; round < 4; round++)
	{
		Table	   *table = make_table(40000, round < 2 ? 0 : 2);
		double	   *steps = add_number(table);
		double	   *other = add_number(table);
		int32_t    *few = add_category(table, 4);
		ForestOptions options;
		Model		model;
		SlowTree	tree;
		int		   *draws = malloc(sizeof(int) * 40000);
		bool	   *passes = malloc(40000);
		double		best;
		double		found;
		Random		random;
		int			i;

		random_start(&random, (uint64_t) round, 3);
		for (i = 0; i < 40000; i++)
		{
			double		score;

			steps[i] = random_below(&random, 20);
			other[i] = random_below(&random, 15);
			few[i] = (int32_t) random_below(&random, 5) - 1;
			score = steps[i] + random_unit(&random) * 20 + few[i] % 2 * 9 * (round % 2);
			if (random_below(&random, 6) == 0)
				steps[i] = NAN;
			table->target[i] = score;
			table->classes[i] = score > 20;
		}
		forest_options_default(&options);
		options.trees = 1;
		options.max_depth = 1;
		options.mtry = 3;
		options.class_weights = round == 3 ? weights : NULL;
		model = train(table, &options);
		slow_draws(table, &options, 0, draws);
		best = slow_best(table, &options, draws);
		tree = read_tree(&model.forest, 0, table);
		for (i = 0; i < 40000; i++)
			passes[i] = slow_passes(&tree.nodes[0], table, i);
		found = slow_gain(table, &options, draws, passes);
		CHECK(best > 0 && fabs(found - best) <= best * 1e-5);
		free_tree(&tree);
		free(model.bytes);
		free(draws);
		free(passes);
		free_table(table);
	}
}

/*
 * Every row's prediction is the mean of the leaves that the slow walk finds,
 * and the out-of-bag figures are those of the trees that did not draw it.
 */
static void
check_slowly(const Table *table, const ForestOptions *options)
{
	int64_t		n = table->data.n_rows;
	int			k = table->data.n_classes;
	Model		model = train(table, options);
	double	   *outputs = predict(&model, table);
	double	   *sums = calloc((size_t) n * 12, sizeof(double));
	double	   *out_sums = calloc((size_t) n * 12, sizeof(double));
	int		   *out_trees = calloc((size_t) n, sizeof(int));
	int		   *draws = malloc(sizeof(int) * (size_t) n);
	double		worst = 0;
	double		mean = 0;
	double		variation = 0;
	double		error = 0;
	double		log_loss = 0;
	int64_t		correct = 0;
	int64_t		ties = 0;
	int64_t		counted = 0;
	uint64_t	leaves = 0;
	uint32_t	depth = 0;
	ForestInfo	info;
	int64_t		i;
	int			t;
	int			c;

	for (t = 0; t < options->trees; t++)
	{
		SlowTree	tree = read_tree(&model.forest, (uint32_t) t, table);
		int64_t    *rows = calloc((size_t) tree.n, sizeof(*rows));
		int64_t    *unique = calloc((size_t) tree.n, sizeof(*unique));
		bool		fair = true;
		int			at;

		slow_draws(table, options, (uint32_t) t, draws);
		for (i = 0; i < n; i++)
		{
			const SlowNode *leaf = slow_leaf(&tree, table, i);

			rows[leaf - tree.nodes] += draws[i];
			unique[leaf - tree.nodes] += draws[i] > 0;
			out_trees[i] += draws[i] == 0;
			for (c = 0; c < (k == 0 ? 1 : k); c++)
			{
				double		value = k == 0 ? leaf->node.value : leaf->shares[c];

				sums[i * 12 + c] += value;
				if (draws[i] == 0)
					out_sums[i * 12 + c] += value;
			}
		}
		for (at = 0; at < tree.n; at++)
		{
			if (!tree.nodes[at].node.is_leaf)
				continue;
			leaves++;
			if (tree.nodes[at].node.depth > depth)
				depth = tree.nodes[at].node.depth;
			fair = fair && (uint64_t) rows[at] == tree.nodes[at].node.rows &&
				unique[at] >= options->min_leaf;
		}
		CHECK(fair);
		free(rows);
		free(unique);
		free_tree(&tree);
	}

	for (i = 0; i < n; i++)
	{
		int			likeliest = 0;
		bool		tie = false;

		for (c = 0; c < (k == 0 ? 1 : k); c++)
		{
			double		difference = fabs(sums[i * 12 + c] / options->trees -
										  outputs[(size_t) i * forest_outputs(&model.forest) + (size_t) c]);

			if (difference > worst)
				worst = difference;
		}
		if (out_trees[i] == 0)
			continue;
		counted++;
		if (k == 0)
		{
			error += pow(out_sums[i * 12] / out_trees[i] - table->target[i], 2);
			mean += table->target[i];
			continue;
		}
		for (c = 0; c < k; c++)
		{
			double		share = out_sums[i * 12 + c] / out_trees[i];

			if (c > 0 && fabs(out_sums[i * 12 + c] - out_sums[i * 12 + likeliest]) < 1e-4)
				tie = true;
			if (out_sums[i * 12 + c] > out_sums[i * 12 + likeliest])
				likeliest = c;
			if (c == table->classes[i])
				log_loss -= log(share > 1e-15 ? share : 1e-15);
			if (k != 2 || c == 1)
				error += pow(share - (c == table->classes[i]), 2);
		}
		correct += likeliest == table->classes[i];
		ties += tie;
	}
	mean /= (double) counted;
	for (i = 0; i < n; i++)
		if (out_trees[i] > 0)
			variation += pow(table->target[i] - mean, 2);

	forest_info(&model.forest, &info);
	CHECK(info.trees == (uint64_t) options->trees && info.rows == (uint64_t) n);
	CHECK(info.leaves == leaves && info.nodes == 2 * leaves - info.trees);
	CHECK(info.depth == depth);
	CHECK(info.oob_rows == (uint64_t) counted);
	if (k == 0)
	{
		CHECK(worst < 1e-6);
		CHECK(fabs(info.oob_mse - error / (double) counted) < 1e-6);
		CHECK(fabs(info.oob_r2 - (1 - error / variation)) < 1e-6);
		CHECK(isnan(info.oob_accuracy));
	}
	else
	{
		CHECK(worst < 1e-9);
		CHECK(fabs(info.oob_accuracy * (double) counted - (double) correct) <= (double) ties + 1e-6);
		CHECK(fabs(info.oob_log_loss - log_loss / (double) counted) < 1e-3);
		CHECK(fabs(info.oob_brier - error / (double) counted) < 1e-5);
		CHECK(isnan(info.oob_mse));
	}
	free(outputs);
	free(sums);
	free(out_sums);
	free(out_trees);
	free(draws);
	free(model.bytes);
}

static void
test_slowly(void)
{
	static const int n_classes[] = {0, 1, 2, 3, 10};
	ForestOptions options;
	int			kind;

	for (kind = 0; kind < 5; kind++)
	{
		Table	   *table = make_mixed(2500, n_classes[kind], 3);
		Table	   *few = make_mixed(3, n_classes[kind], 4);

		forest_options_default(&options);
		options.trees = 12;
		options.min_leaf = 3;
		options.seed = 9;
		check_slowly(table, &options);
		options.sample_fraction = 0.3;
		options.min_leaf = 1;
		options.max_depth = 6;
		check_slowly(table, &options);
		options.bins = 5;
		options.trees = 3;
		options.max_depth = 0;
		check_slowly(table, &options);
		forest_options_default(&options);
		options.trees = 20;
		check_slowly(few, &options);
		free_table(table);
		free_table(few);
	}
}

/* Rows in another order, and copies of rows, make the same bytes. */
static void
test_shuffled(void)
{
	static const int n_classes[] = {0, 2, 4};
	int			kind;
	int			round;

	for (kind = 0; kind < 3; kind++)
	{
		Table	   *table = make_mixed(1500, n_classes[kind], 11);
		ForestOptions options;
		Model		model;
		Model		other_seed;
		int64_t		i;

		for (i = 0; i < 400; i++)
		{
			int			f;

			for (f = 0; f < table->data.n_features; f++)
			{
				if (table->numbers[f] != NULL)
					table->numbers[f][1000 + i] = table->numbers[f][i / 80];
				else
					table->codes[f][1000 + i] = table->codes[f][i / 80];
			}
			table->target[1000 + i] = table->target[i / 80];
			if (n_classes[kind] > 0)
				table->classes[1000 + i] = table->classes[i / 80];
		}
		forest_options_default(&options);
		options.trees = 5;
		model = train(table, &options);
		for (round = 0; round < 3; round++)
		{
			Table	   *other = shuffled(table, (uint64_t) round);
			Model		same = train(other, &options);

			CHECK(same.size == model.size && memcmp(same.bytes, model.bytes, model.size) == 0);
			free(same.bytes);
			free_table(other);
		}
		options.seed = 1;
		other_seed = train(table, &options);
		CHECK(other_seed.size != model.size ||
			  memcmp(other_seed.bytes, model.bytes, model.size) != 0);
		free(other_seed.bytes);
		free(model.bytes);
		free_table(table);
	}
}

/* The share of a target's variance that a forest explains in its own rows. */
static double
explained(const Table *table, const ForestOptions *options)
{
	Model		model = train(table, options);
	double	   *outputs = predict(&model, table);
	double		mean = 0;
	double		error = 0;
	double		variation = 0;
	int64_t		n = table->data.n_rows;
	int64_t		i;

	for (i = 0; i < n; i++)
		mean += table->target[i] / (double) n;
	for (i = 0; i < n; i++)
	{
		error += pow((outputs[i] - table->target[i]) / 1e3, 2);
		variation += pow((table->target[i] - mean) / 1e3, 2);
	}
	free(outputs);
	free(model.bytes);
	return 1 - error / variation;
}

/*
 * Targets far from 0, huge, tiny, and with outliers a quintillion times larger
 * than the rest are learned like others.
 */
static void
test_targets(void)
{
	static const double scales[] = {1e15, 1e-12, 1e295};
	Table	   *table = make_mixed(3000, 0, 21);
	double	   *target = malloc(sizeof(double) * 3000);
	ForestOptions options;
	Model		model;
	double	   *outputs;
	double		error = 0;
	double		variation = 0;
	double		plain_r2;
	int			s;
	int			i;

	memcpy(target, table->target, sizeof(double) * 3000);
	forest_options_default(&options);
	options.trees = 10;
	options.min_leaf = 3;
	plain_r2 = explained(table, &options);
	CHECK(plain_r2 > 0.9);
	for (s = 0; s < 3; s++)
	{
		ForestInfo	info;

		for (i = 0; i < 3000; i++)
			table->target[i] = target[i] * scales[s];
		model = train(table, &options);
		forest_info(&model.forest, &info);
		CHECK(fabs(info.oob_r2 - plain_r2) < 0.1);
		free(model.bytes);
	}

	for (i = 0; i < 3000; i++)
		table->target[i] = 1e9 + target[i];
	CHECK(fabs(explained(table, &options) - plain_r2) < 0.02);

	/* Outliers, which a feature tells apart from the rest. */
	for (i = 0; i < 3000; i++)
		table->target[i] = target[i];
	for (i = 0; i < 3000; i += 100)
	{
		table->target[i] = 1e18;
		table->numbers[1][i] = 1000;
	}
	options.min_leaf = 1;
	options.mtry = 5;
	model = train(table, &options);
	outputs = predict(&model, table);
	for (i = 0; i < 3000; i++)
	{
		if (i % 100 == 0)
			continue;
		error += pow(outputs[i] - target[i], 2);
		variation += pow(target[i] - 8, 2);
	}
	CHECK(error < 0.05 * variation);
	free(outputs);
	free(model.bytes);

	/* Beside smaller ones the rest keeps its shape too. */
	options.min_leaf = 5;
	for (s = 0; s < 2; s++)
	{
		double		outlier_error = error;

		for (i = 0; i < 3000; i += 100)
			table->target[i] = s == 0 ? 100 : 1e6;
		model = train(table, &options);
		outputs = predict(&model, table);
		error = 0;
		for (i = 0; i < 3000; i++)
			if (i % 100 != 0)
				error += pow(outputs[i] - target[i], 2);
		CHECK(s == 0 || error < 1.02 * outlier_error);
		free(outputs);
		free(model.bytes);
	}

	/* One value only: a lone leaf that says it. */
	for (i = 0; i < 3000; i++)
		table->target[i] = 0.1;
	model = train(table, &options);
	outputs = predict(&model, table);
	CHECK(outputs[0] == 0.1 && outputs[2999] == 0.1);
	free(outputs);
	free(model.bytes);
	free(target);
	free_table(table);
}

/* Constant columns, infinities, nothing but NULLs, wide tables. */
static void
test_awkward(void)
{
	Table	   *table = make_table(600, 0);
	Table	   *wide = make_table(250, 2);
	double	   *constant = add_number(table);
	double	   *infinite = add_number(table);
	double	   *nulls = add_number(table);
	int32_t    *no_names = add_category(table, 0);
	int32_t    *one_name = add_category(table, 1);
	double	   *half = add_number(table);
	ForestOptions options;
	Model		model;
	double	   *outputs;
	double		gains[MOST_FEATURES];
	double		sum = 0;
	bool		exact = true;
	int			i;
	int			f;

	for (i = 0; i < 600; i++)
	{
		constant[i] = 7;
		infinite[i] = i % 3 == 0 ? -INFINITY : i % 3 == 1 ? INFINITY : 0;
		nulls[i] = NAN;
		no_names[i] = -1;
		one_name[i] = 0;
		half[i] = i % 2 ? NAN : 5;
		table->target[i] = i % 3 + 10 * (i % 2);
	}
	forest_options_default(&options);
	options.trees = 10;
	options.mtry = 6;
	model = train(table, &options);
	outputs = predict(&model, table);
	for (i = 0; i < 600; i++)
		exact = exact && fabs(outputs[i] - table->target[i]) < 1e-6;
	CHECK(exact);
	forest_importance(&model.forest, gains);
	CHECK(gains[0] == 0 && gains[2] == 0 && gains[3] == 0 && gains[4] == 0);
	CHECK(gains[5] > gains[1] && gains[1] > 0);
	CHECK(fabs(gains[1] + gains[5] - 1) < 1e-12);
	free(outputs);
	free(model.bytes);
	free_table(table);

	/* Of a thousand columns, the one that tells the class gets all the gain. */
	for (f = 0; f < 1000; f++)
	{
		double	   *numbers = add_number(wide);

		for (i = 0; i < 250; i++)
			numbers[i] = f == 617 ? i : (i * 7919 + f * 104729) % 1009;
	}
	for (i = 0; i < 250; i++)
		wide->classes[i] = i >= 100;
	options.mtry = 1000;
	model = train(wide, &options);
	outputs = predict(&model, wide);
	exact = true;
	for (i = 0; i < 250; i++)
		exact = exact && (i < 95 || i > 105 ? outputs[2 * i + 1] == (i >= 100) : true);
	CHECK(exact);
	forest_importance(&model.forest, gains);
	for (f = 0; f < 1000; f++)
		sum += gains[f];
	CHECK(gains[617] == 1 && sum == 1);
	free(outputs);
	free(model.bytes);
	options.mtry = 0;
	options.min_leaf = 2;
	check_slowly(wide, &options);
	free_table(wide);
}

/* 500 categories share 255 bins; the unknown one goes with the NULLs. */
static void
test_categories(void)
{
	Table	   *table = make_table(20000, 0);
	int32_t    *codes = add_category(table, 500);
	ForestOptions options;
	Model		model;
	Random		random;
	ForestValue value;
	uint8_t		row[1];
	double		unknown;
	double		null;
	double		first;
	int			i;

	random_start(&random, 1, 1);
	for (i = 0; i < 20000; i++)
	{
		/* The first 250 are frequent. */
		codes[i] = (int32_t) random_below(&random, random_below(&random, 10) ? 250 : 500);
		if (random_below(&random, 20) == 0)
			codes[i] = -1;
		table->target[i] = codes[i] < 0 ? -50 : codes[i] < 250 ? codes[i] * 37 % 101 : 40;
		table->target[i] += random_unit(&random);
	}
	forest_options_default(&options);
	options.trees = 8;
	CHECK(explained(table, &options) > 0.99);
	options.trees = 3;
	options.min_leaf = 10;
	check_slowly(table, &options);

	options.trees = 8;
	model = train(table, &options);
	CHECK(model.forest.has_sets);
	memset(&value, 0, sizeof(value));
	forest_bin_row(&model.forest, &value, row);
	forest_predict(&model.forest, row, 1, &null);
	CHECK(fabs(null + 49.5) < 0.5);
	value.category.data = "never seen";
	value.category.size = 10;
	forest_bin_row(&model.forest, &value, row);
	forest_predict(&model.forest, row, 1, &unknown);
	CHECK(unknown == null);
	value.category = table->names[0][0];
	forest_bin_row(&model.forest, &value, row);
	forest_predict(&model.forest, row, 1, &first);
	CHECK(fabs(first - 0.5) < 0.5);
	free(model.bytes);
	free_table(table);

	/* Where a node had no NULLs, they follow the larger child. */
	table = make_table(100, 0);
	{
		double	   *numbers = add_number(table);
		ForestTree *tree;
		ForestTreeNode node;

		for (i = 0; i < 100; i++)
		{
			numbers[i] = i;
			table->target[i] = i >= 20;
		}
		options.trees = 1;
		options.min_leaf = 1;
		options.max_depth = 1;
		model = train(table, &options);
		tree = forest_tree_start(&memory_plain, &model.forest, 0);
		CHECK(forest_tree_next(tree, &node));
		CHECK(!node.is_leaf && node.depth == 0 && !node.null_passes);
		CHECK(node.threshold >= 15 && node.threshold <= 25);
		CHECK(forest_tree_next(tree, &node) && node.is_leaf && !node.is_right && node.value == 0);
		CHECK(forest_tree_next(tree, &node) && node.is_leaf && node.is_right && node.value == 1);
		CHECK(!forest_tree_next(tree, &node));
		forest_tree_end(tree);
		free(model.bytes);
		for (i = 0; i < 100; i++)
			numbers[i] = -i;
		model = train(table, &options);
		tree = forest_tree_start(&memory_plain, &model.forest, 0);
		CHECK(forest_tree_next(tree, &node) && node.null_passes);
		forest_tree_end(tree);
		free(model.bytes);
	}
	free_table(table);
}

/* A weight on a class counts like so many copies of it. */
static void
test_class_weights(void)
{
	static const double weights[] = {1, 5};
	Table	   *table = make_table(1000, 2);
	double	   *numbers = add_number(table);
	ForestOptions options;
	Model		model;
	double	   *outputs;
	int			i;

	for (i = 0; i < 1000; i++)
	{
		numbers[i] = 1;
		table->classes[i] = i % 10 == 0;
	}
	forest_options_default(&options);
	options.trees = 200;
	options.class_weights = weights;
	model = train(table, &options);
	outputs = predict(&model, table);
	CHECK(fabs(outputs[1] - 500.0 / 1400) < 0.01);
	CHECK(fabs(outputs[0] + outputs[1] - 1) < 1e-12);
	free(outputs);
	free(model.bytes);
	free_table(table);
}

static Model
merge(const Model *a, const Model *b)
{
	Forest		both[2] = {a->forest, b->forest};
	Model		model;
	ForestProblem problem;

	CHECK(forest_merge(&memory_plain, both, 2, 4, &model.bytes, &model.size, &problem));
	memmove(model.bytes, model.bytes + 4, model.size);
	CHECK(forest_check(&memory_plain, model.bytes, model.size, &problem));
	CHECK(forest_open(&model.forest, model.bytes, model.size));
	return model;
}

static bool
same_bytes(const Model *a, const Model *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Merging is commutative and associative, and predicts the mean of all trees. */
static void
test_merge(void)
{
	static const int n_classes[] = {0, 2, 5};
	int			kind;

	for (kind = 0; kind < 3; kind++)
	{
		Table	   *tables[3];
		Model		models[3];
		Model		ab;
		Model		ba;
		Model		bc;
		Model		ab_c;
		Model		a_bc;
		double	   *outputs[3];
		double	   *merged;
		double		worst = 0;
		ForestOptions options;
		ForestInfo	info;
		int64_t		i;
		int			m;

		forest_options_default(&options);
		options.min_leaf = 2;
		for (m = 0; m < 3; m++)
		{
			tables[m] = make_mixed(400 + 100 * m, n_classes[kind], (uint64_t) m);
			options.trees = 3 + m;

			/* The second training knows other classes than the others. */
			if (m == 1)
				for (i = 0; i < n_classes[kind]; i++)
					((char *) tables[m]->class_names[i].data)[8] = "13579"[i];
			models[m] = train(tables[m], &options);
		}
		ab = merge(&models[0], &models[1]);
		ba = merge(&models[1], &models[0]);
		bc = merge(&models[1], &models[2]);
		ab_c = merge(&ab, &models[2]);
		a_bc = merge(&models[0], &bc);
		CHECK(same_bytes(&ab, &ba));
		CHECK(same_bytes(&ab_c, &a_bc));
		CHECK(a_bc.forest.n_groves == 3 && a_bc.forest.n_trees == 12);
		if (n_classes[kind] == 2)
			CHECK(a_bc.forest.n_classes == 3);
		if (n_classes[kind] == 5)
			CHECK(a_bc.forest.n_classes == 8);
		forest_info(&a_bc.forest, &info);
		CHECK(info.rows == 1500 && info.oob_rows > 1000);

		for (m = 0; m < 3; m++)
			outputs[m] = predict(&models[m], tables[0]);
		merged = predict(&a_bc, tables[0]);
		for (i = 0; i < tables[0]->data.n_rows; i++)
		{
			uint32_t	c;

			for (c = 0; c < forest_outputs(&a_bc.forest); c++)
			{
				double		mean = 0;

				for (m = 0; m < 3; m++)
				{
					int64_t		at = n_classes[kind] == 0 ? 0 :
						forest_find_class(&models[m].forest, forest_class_name(&a_bc.forest, c));

					if (at >= 0)
						mean += outputs[m][i * forest_outputs(&models[m].forest) + at] * (3 + m) / 12;
				}
				mean = fabs(mean - merged[i * forest_outputs(&a_bc.forest) + c]);
				if (mean > worst)
					worst = mean;
			}
		}
		CHECK(worst < 1e-12);
		free(merged);
		free(ab.bytes);
		free(ba.bytes);
		free(bc.bytes);
		free(ab_c.bytes);
		free(a_bc.bytes);
		for (m = 0; m < 3; m++)
		{
			free(outputs[m]);
			free(models[m].bytes);
			free_table(tables[m]);
		}
	}

	/* What does not fit together */
	{
		Table	   *numbers = make_mixed(50, 0, 1);
		Table	   *classes = make_mixed(50, 2, 1);
		Table	   *other = make_mixed(50, 0, 1);
		ForestOptions options;
		ForestProblem problem;
		Model		models[3];
		Forest		two[2];
		char	   *bytes;
		size_t		size;

		forest_options_default(&options);
		options.trees = 1;
		((char *) other->columns[3].name.data)[0] = 'K';
		models[0] = train(numbers, &options);
		models[1] = train(classes, &options);
		models[2] = train(other, &options);
		two[0] = models[0].forest;
		two[1] = models[1].forest;
		CHECK(!forest_merge(&memory_plain, two, 2, 0, &bytes, &size, &problem));
		CHECK(problem.status == FOREST_OTHER_TARGET);
		two[1] = models[2].forest;
		CHECK(!forest_merge(&memory_plain, two, 2, 0, &bytes, &size, &problem));
		CHECK(problem.status == FOREST_OTHER_FEATURES && problem.feature == 3);
		options.positive = 1;
		free(models[2].bytes);
		models[2] = train(classes, &options);
		CHECK(models[2].forest.positive == 1);
		two[0] = models[1].forest;
		two[1] = models[2].forest;
		CHECK(!forest_merge(&memory_plain, two, 2, 0, &bytes, &size, &problem));
		CHECK(problem.status == FOREST_OTHER_POSITIVE);
		free(models[0].bytes);
		free(models[1].bytes);
		free(models[2].bytes);
		free_table(numbers);
		free_table(classes);
		free_table(other);
	}
}

/* Memory that ends, or an interrupt, at any moment leaves nothing behind. */
typedef struct Limits
{
	int64_t		allocations;
	int64_t		questions;
	int64_t		held;
	int64_t		most;
} Limits;

static void *
limited_alloc(void *arg, size_t size)
{
	Limits	   *limits = arg;
	int64_t    *block;

	if (limits->allocations-- == 0)
		return NULL;
	block = malloc(size + 16);
	block[0] = (int64_t) size;
	limits->held += (int64_t) size;
	if (limits->held > limits->most)
		limits->most = limits->held;
	return block + 2;
}

static void
limited_release(void *arg, void *pointer)
{
	Limits	   *limits = arg;
	int64_t    *block = (int64_t *) pointer - 2;

	limits->held -= block[0];
	free(block);
}

static bool
limited_may_go_on(void *arg)
{
	return ((Limits *) arg)->questions-- != 0;
}

static void
test_limits(void)
{
	static const int n_classes[] = {0, 2, 3};
	int			kind;
	int			limit;

	for (kind = 0; kind < 3; kind++)
	{
		Table	   *table = make_mixed(300, n_classes[kind], 8);
		ForestOptions options;
		bool		ok = false;

		forest_options_default(&options);
		options.trees = 3;
		for (limit = 0; !ok && limit < 1000; limit++)
		{
			Limits		limits = {limit, -1, 0, 0};
			Memory		memory = {limited_alloc, limited_release, limited_may_go_on, &limits};
			ForestProblem problem;
			char	   *bytes;
			size_t		size;

			ok = forest_train(&memory, &table->data, &options, 0, &bytes, &size, &problem);
			if (!ok && (problem.status != FOREST_NO_MEMORY || limits.held != 0))
				CHECK(!"clean failure");
			if (ok)
				memory_release(&memory, bytes);
			if (limits.held != 0)
				CHECK(!"nothing left");
		}
		CHECK(ok && limit > 10);

		/* What it held at most is what it said it would need. */
		{
			Limits		limits = {-1, -1, 0, 0};
			Memory		memory = {limited_alloc, limited_release, limited_may_go_on, &limits};
			ForestProblem problem;
			char	   *bytes;
			size_t		size;

			CHECK(forest_train(&memory, &table->data, &options, 0, &bytes, &size, &problem));
			CHECK((uint64_t) limits.most <= forest_need(&table->data, &options));
			memory_release(&memory, bytes);
		}
		ok = false;
		for (limit = 0; !ok && limit < 1000; limit++)
		{
			Limits		limits = {-1, limit, 0, 0};
			Memory		memory = {limited_alloc, limited_release, limited_may_go_on, &limits};
			ForestProblem problem;
			char	   *bytes;
			size_t		size;

			ok = forest_train(&memory, &table->data, &options, 0, &bytes, &size, &problem);
			if (!ok && (problem.status != FOREST_STOPPED || limits.held != 0))
				CHECK(!"clean stop");
			if (ok)
				memory_release(&memory, bytes);
		}
		CHECK(ok && limit > 5);
		free_table(table);
	}
}

static ForestStatus
status_of(Table *table, const ForestOptions *options, const char **option)
{
	ForestProblem problem;
	char	   *bytes;
	size_t		size;

	if (forest_train(&memory_plain, &table->data, options, 0, &bytes, &size, &problem))
		free(bytes);
	*option = problem.option == NULL ? "" : problem.option;
	return problem.status;
}

static void
test_problems(void)
{
	Table	   *table = make_mixed(20, 0, 1);
	Table	   *classes = make_mixed(20, 2, 1);
	static const double weights[] = {1, -1};
	ForestOptions options;
	ForestOptions good;
	const char *option;

	forest_options_default(&good);
	good.trees = 1;
	options = good;
	options.trees = 0;
	CHECK(status_of(table, &options, &option) == FOREST_BAD_OPTION && strcmp(option, "trees") == 0);
	options = good;
	options.min_leaf = 0;
	CHECK(status_of(table, &options, &option) == FOREST_BAD_OPTION && strcmp(option, "min_leaf") == 0);
	options = good;
	options.mtry = 6;
	CHECK(status_of(table, &options, &option) == FOREST_BAD_OPTION && strcmp(option, "mtry") == 0);
	options = good;
	options.sample_fraction = NAN;
	CHECK(status_of(table, &options, &option) == FOREST_BAD_OPTION &&
		  strcmp(option, "sample_fraction") == 0);
	options = good;
	options.bins = 256;
	CHECK(status_of(table, &options, &option) == FOREST_BAD_OPTION && strcmp(option, "bins") == 0);
	options = good;
	options.positive = 0;
	CHECK(status_of(table, &options, &option) == FOREST_BAD_OPTION && strcmp(option, "positive") == 0);
	options = good;
	options.class_weights = weights;
	CHECK(status_of(classes, &options, &option) == FOREST_BAD_CLASS_WEIGHT);
	CHECK(status_of(table, &options, &option) == FOREST_BAD_OPTION);
	table->target[3] = INFINITY;
	CHECK(status_of(table, &good, &option) == FOREST_TARGET_NOT_FINITE);
	table->target[3] = NAN;
	CHECK(status_of(table, &good, &option) == FOREST_TARGET_NOT_FINITE);
	table->data.n_rows = 0;
	CHECK(status_of(table, &good, &option) == FOREST_NO_ROWS);
	table->data.n_rows = 1;
	CHECK(status_of(table, &good, &option) == FOREST_OK);
	classes->data.n_features = 0;
	good.mtry = 0;
	CHECK(status_of(classes, &good, &option) == FOREST_NO_FEATURES);
	classes->data.n_features = 5;
	free_table(table);
	free_table(classes);
}

static void
test_examine(void)
{
	Table	   *table = make_table(10000, 2);
	double	   *unique = add_number(table);
	int32_t    *target = add_category(table, 2);
	double	   *constant = add_number(table);
	double	   *some = add_number(table);
	int32_t    *names = add_category(table, 10000);
	ForestFinding findings[5];
	ForestProblem problem;
	int			i;

	for (i = 0; i < 10000; i++)
	{
		unique[i] = (i * 7919) % 10000;
		table->classes[i] = i % 2;
		target[i] = i == 9 ? -1 : i % 2;
		constant[i] = i == 5 ? NAN : 3.5;
		some[i] = i / 2;
		names[i] = i;
	}
	for (i = 0; i < 2; i++)
	{
		free((char *) table->names[1][i].data);
		table->names[1][i] = make_name("class %03d", i);
	}
	CHECK(forest_examine(&memory_plain, &table->data, findings, &problem));
	CHECK(findings[0].is_unique && findings[0].is_integer && !findings[0].is_target);
	CHECK(findings[1].is_target && !findings[1].is_unique && findings[1].nulls == 1);
	CHECK(findings[2].is_constant && !findings[2].is_integer && findings[2].nulls == 1);
	CHECK(!findings[3].is_unique && findings[3].is_integer && !findings[3].is_constant);
	CHECK(findings[4].is_unique && !findings[4].is_target);
	free_table(table);
}

/* A model cut short anywhere is refused. */
static void
test_truncated(void)
{
	Table	   *table = make_mixed(100, 3, 2);
	ForestOptions options;
	Model		model;
	size_t		size;
	bool		refused = true;

	forest_options_default(&options);
	options.trees = 2;
	options.min_leaf = 10;
	model = train(table, &options);
	for (size = 0; size < model.size; size++)
	{
		char	   *copy = malloc(size + 1);
		ForestProblem problem;

		memcpy(copy, model.bytes, size);
		refused = refused && !forest_check(&memory_plain, copy, size, &problem);

		/* And with a header that agrees. */
		if (size >= 16)
		{
			memcpy(copy + 8, &(uint64_t) {size}, 8);
			refused = refused && !forest_check(&memory_plain, copy, size, &problem);
		}
		free(copy);
	}
	CHECK(refused);
	free(model.bytes);
	free_table(table);
}

int
main(void)
{
	test_best_split();
	test_best_split_of_many();
	test_slowly();
	test_shuffled();
	test_targets();
	test_awkward();
	test_categories();
	test_class_weights();
	test_merge();
	test_limits();
	test_problems();
	test_examine();
	test_truncated();
	return check_report();
}
