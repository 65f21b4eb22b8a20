/*-------------------------------------------------------------------------
 *
 * permute.c
 *	  Permutation importance of trees against whole rows that are copied,
 *	  changed in one place and walked anew, and against what theory says.
 *
 *-------------------------------------------------------------------------
 */
#include "table.h"

#include "forest/permute.h"
#include "forest/train.h"

#define ROWS 700
#define TOLD 200

/* The squared error of a row of bins */
static double
error_of(const GrowMatrix *matrix, const ModelTree *tree, const uint8_t *row, uint32_t rank)
{
	ForestNode	node = tree->nodes[0];
	double		sum = 0;
	int			c;

	while (!(node.split & NODE_LEAF))
		node = tree->nodes[node_next(tree->nodes, node, row, true)];
	if (matrix->n_classes == 0)
		return pow(node_value(node) - matrix->targets[rank], 2);
	if (matrix->n_classes <= 2)
		return pow(node_value(node) - matrix->classes[rank], 2);
	for (c = 0; c < matrix->n_classes; c++)
	{
		double		share = node.split & NODE_PURE ? (int) node.next == c :
			tree->shares[node.next * (uint32_t) matrix->n_classes + (uint32_t) c];

		sum += pow(share - (c == matrix->classes[rank]), 2);
	}
	return sum;
}

static void
copy_row(const GrowMatrix *matrix, uint32_t rank, uint8_t *row)
{
	int32_t		f;

	for (f = 0; f < matrix->n_features; f++)
		row[f] = matrix->bytes[rank * matrix->row_step + (size_t) f * matrix->feature_step];
}

/* n_more constant columns make the matrix one of columns instead of records. */
static void
test_definition(int n_classes, int n_more)
{
	Table	   *table = make_mixed(ROWS, n_classes, 5);
	ForestOptions options;
	ForestProblem problem;
	Training	training;
	const GrowMatrix *matrix = &training.matrix;
	Grower	   *grower;
	Permuter   *permuter;
	ForestStatus status;
	uint32_t	ranks[TOLD];
	uint32_t	dealt[TOLD];
	double		worst = 0;
	bool		something = false;
	Random		random;
	uint32_t	t;
	int			i;
	int			f;

	for (i = 0; i < n_more; i++)
	{
		double	   *same = add_number(table);
		int64_t		row;

		for (row = 0; row < ROWS; row++)
			same[row] = 1;
	}
	forest_options_default(&options);
	options.mtry = 3;
	CHECK(training_start(&training, &memory_plain, &table->data, &options, &problem));
	CHECK(training_prepare(&training, NULL));
	grower = grow_start(&memory_plain, matrix);
	permuter = permute_start(&memory_plain, matrix);
	random_start(&random, 3, 0);
	for (t = 0; t < 6; t++)
	{
		ModelTree	tree;
		const double *rises;

		CHECK(grow_tree(grower, t, &tree, &status));
		for (i = 0; i < TOLD; i++)
		{
			ranks[i] = random_below(&random, ROWS);
			dealt[i] = random_below(&random, ROWS);
		}
		CHECK(permute_tree(permuter, &tree, ranks, dealt, TOLD, &rises, &status));
		for (f = 0; f < matrix->n_features; f++)
		{
			double		sum = 0;

			for (i = 0; i < TOLD; i++)
			{
				uint8_t		row[MOST_FEATURES];
				uint8_t		other[MOST_FEATURES];
				double		error;

				copy_row(matrix, ranks[i], row);
				copy_row(matrix, dealt[i], other);
				error = error_of(matrix, &tree, row, ranks[i]);
				row[f] = other[f];
				sum += error_of(matrix, &tree, row, ranks[i]) - error;
			}
			worst = fmax(worst, fabs(sum / TOLD - rises[f]));
			something = something || rises[f] > 0.01;
			CHECK(f < 5 || rises[f] == 0);
		}
		free(tree.nodes);
		free(tree.shares);
	}
	CHECK(worst < 1e-6);
	CHECK(something);
	permute_end(permuter);
	grow_end(grower);
	training_end(&training);
	free_table(table);
}

/*
 * Where trees know the target, dealing out what it is the sum of costs twice
 * the variance of each part: the mean squared difference of two draws.
 */
static void
test_variance(void)
{
	Table	   *table = make_table(20000, 0);
	double	   *large = add_number(table);
	double	   *small = add_number(table);
	double	   *noise = add_number(table);
	ForestOptions options;
	double		rises[3];
	Random		random;
	Model		model;
	int64_t		i;

	random_start(&random, 9, 0);
	for (i = 0; i < 20000; i++)
	{
		large[i] = random_below(&random, 5);	/* variance 2 */
		small[i] = random_below(&random, 2);	/* variance 1/4 */
		noise[i] = random_below(&random, 7);
		table->target[i] = 1e6 + 1000 * (large[i] + small[i]);
	}
	forest_options_default(&options);
	options.mtry = 3;
	model = train(table, &options);
	CHECK(forest_permutation(&model.forest, rises));
	CHECK(fabs(rises[0] / 1e6 - 4) < 0.2);
	CHECK(fabs(rises[1] / 1e6 - 0.5) < 0.03);
	CHECK(fabs(rises[2]) < 1);
	free(model.bytes);
	free_table(table);
}

/* Trees of all rows leave none out; merged forests weigh by their trees. */
static void
test_model(void)
{
	Table	   *tables[2] = {make_mixed(500, 0, 1), make_mixed(900, 0, 2)};
	ForestOptions options;
	ForestProblem problem;
	Forest		parts[2];
	Model		models[2];
	Model		merged;
	Model		tree;
	double		rises[3][5];
	bool		near = true;
	int			m;
	int			f;

	forest_options_default(&options);
	for (m = 0; m < 2; m++)
	{
		options.trees = 10 + 20 * m;
		models[m] = train(tables[m], &options);
		parts[m] = models[m].forest;
		CHECK(forest_permutation(&parts[m], rises[m]));
	}
	CHECK(forest_merge(&memory_plain, parts, 2, 0, &merged.bytes, &merged.size, &problem));
	CHECK(forest_open(&merged.forest, merged.bytes, merged.size));
	CHECK(forest_permutation(&merged.forest, rises[2]));
	for (f = 0; f < 5; f++)
		near = near && fabs((10 * rises[0][f] + 30 * rises[1][f]) / 40 - rises[2][f]) < 1e-9;
	CHECK(near);
	forest_options_of(&options, FOREST_DECISION_TREE);
	tree = train(tables[0], &options);
	CHECK(!forest_permutation(&tree.forest, rises[0]) && isnan(rises[0][0]) && isnan(rises[0][4]));
	free(tree.bytes);
	free(merged.bytes);
	for (m = 0; m < 2; m++)
	{
		free(models[m].bytes);
		free_table(tables[m]);
	}
}

int
main(void)
{
	test_definition(0, 0);
	test_definition(2, 0);
	test_definition(4, 0);
	test_definition(0, 100);
	test_definition(4, 100);
	test_variance();
	test_model();
	return check_report();
}
