/*-------------------------------------------------------------------------
 *
 * shap.c
 *	  Contributions against Shapley's definition, over all coalitions.
 *
 * The witness reads a tree as thresholds and names, walks it with the raw
 * values for each set of known features, and weighs the differences with
 * factorials.  It shares nothing with the code under test but the reader.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "forest/forest.h"
#include "forest/shap.h"

#define FEATURES 6
#define NAMES 7
#define CLASSES 4

static const ForestText feature_names[FEATURES] = {
	{"ties", 4}, {"smooth", 6}, {"few", 3}, {"flag", 4}, {"rare", 4}, {"noise", 5}
};

/* The last two are never trained on. */
static const ForestText names[NAMES + 2] = {
	{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 1}, {"g", 1}, {"x", 1}, {"y", 1}
};

static const ForestText class_names[CLASSES] = {
	{"east", 4}, {"north", 5}, {"south", 5}, {"west", 4}
};

/* A row in the forest's terms */
static void
make_row(Random *random, ForestValue *values, bool anything)
{
	int			f;

	memset(values, 0, FEATURES * sizeof(*values));
	values[0].number = random_below(random, 9);
	values[1].number = random_unit(random) * 10 - 5;
	values[2].category = names[random_below(random, anything ? NAMES + 2 : NAMES)];
	values[3].category = names[random_below(random, 2)];
	values[4].number = random_below(random, 20) == 0 ? 1 : 0;
	values[5].number = random_unit(random);
	for (f = 0; f < FEATURES; f++)
		if (random_below(random, anything ? 4 : 9) == 0 && f != 1)
		{
			values[f].number = NAN;
			values[f].category.data = NULL;
		}
	if (anything && random_below(random, 20) == 0)
		values[1].number = random_below(random, 2) ? INFINITY : -INFINITY;
}

/* Trains on classes first_class .. first_class + n_classes - 1, or numbers. */
static char *
train(int64_t rows, int n_classes, int first_class, int trees, uint64_t seed,
	  double scale, size_t *size)
{
	ForestColumn columns[FEATURES];
	ForestData	data;
	ForestOptions options;
	ForestProblem problem;
	double	   *numbers = malloc(FEATURES * (size_t) rows * sizeof(double));
	int32_t    *codes = malloc(FEATURES * (size_t) rows * sizeof(int32_t));
	double	   *target = malloc((size_t) rows * sizeof(double));
	int32_t    *classes = malloc((size_t) rows * sizeof(int32_t));
	Random		random;
	char	   *bytes = NULL;
	int64_t		i;
	int			f;

	memset(columns, 0, sizeof(columns));
	memset(&data, 0, sizeof(data));
	random_start(&random, seed, 1);
	for (i = 0; i < rows; i++)
	{
		ForestValue values[FEATURES];
		double		score;

		make_row(&random, values, false);
		for (f = 0; f < FEATURES; f++)
		{
			ForestText	name = values[f].category;

			numbers[f * rows + i] = values[f].number;
			codes[f * rows + i] = name.data == NULL ? -1 : name.data[0] - 'a';
		}
		score = (isnan(values[0].number) ? 4 : values[0].number) +
			(values[1].number > 1 ? 4 : 0) + (codes[2 * rows + i] * 5 % 7) +
			3 * codes[3 * rows + i] * (values[1].number > 0) + random_unit(&random);
		target[i] = scale * score;
		classes[i] = n_classes > 0 ? (int32_t) (fabs(score) / 3) % n_classes : 0;
	}
	for (f = 0; f < FEATURES; f++)
	{
		columns[f].name = feature_names[f];
		columns[f].kind = f == 2 || f == 3 ? FOREST_CATEGORY : FOREST_NUMBER;
		columns[f].numbers = numbers + f * rows;
		columns[f].codes = codes + f * rows;
		columns[f].categories = names;
		columns[f].n_categories = f == 2 ? NAMES : 2;
	}
	data.n_rows = rows;
	data.n_features = FEATURES;
	data.features = columns;
	data.n_classes = n_classes;
	data.target = target;
	data.classes = classes;
	data.class_names = class_names + first_class;
	forest_options_default(&options);
	options.trees = trees;
	options.seed = seed;
	options.mtry = 2;
	if (!forest_train(&memory_plain, &data, &options, 0, &bytes, size, &problem))
	{
		printf("training failed: %d\n", problem.status);
		exit(2);
	}
	free(numbers);
	free(codes);
	free(target);
	free(classes);
	return bytes;
}

/*
 * The witness
 */

typedef struct Node
{
	ForestTreeNode node;
	double		value;
	bool		passes;			/* the row at hand goes to the first child */
	int			first;
	int			second;
} Node;

typedef struct Tree
{
	Node	   *nodes;
	int			count;
} Tree;

static bool
same_text(ForestText a, ForestText b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static bool
row_passes(const ForestTree *reader, const ForestTreeNode *node, ForestKind kind,
		   const ForestValue *value)
{
	uint32_t	i;

	if (kind == FOREST_NUMBER)
		return isnan(value->number) ? node->null_passes : value->number <= node->threshold;
	if (value->category.data != NULL)
		for (i = 0; i < forest_tree_categories(reader, node->feature); i++)
			if (same_text(forest_tree_category(reader, node->feature, i), value->category))
				return forest_tree_passes(reader, i);
	return node->null_passes;
}

/* Reads the node at hand and all below it; gives its number. */
static int
read_nodes(Tree *tree, ForestTree *reader, const Forest *forest,
		   const ForestValue *values, uint32_t class)
{
	int			at = tree->count++;
	Node		node;

	memset(&node, 0, sizeof(node));
	if (!forest_tree_next(reader, &node.node))
		exit(2);
	node.value = forest->n_classes > 0 ? node.node.shares[class] : node.node.value;
	if (!node.node.is_leaf)
	{
		node.passes = row_passes(reader, &node.node,
								 forest_feature_kind(forest, node.node.feature),
								 &values[node.node.feature]);
		node.first = read_nodes(tree, reader, forest, values, class);
		node.second = read_nodes(tree, reader, forest, values, class);
	}
	tree->nodes[at] = node;
	return at;
}

/* The prediction when the features of the set are known (algorithm 1) */
static double
expectation(const Tree *tree, int at, unsigned known)
{
	const Node *node = &tree->nodes[at];

	if (node->node.is_leaf)
		return node->value;
	if (known >> node->node.feature & 1)
		return expectation(tree, node->passes ? node->first : node->second, known);
	return (tree->nodes[node->first].node.rows * expectation(tree, node->first, known) +
			tree->nodes[node->second].node.rows * expectation(tree, node->second, known)) /
		node->node.rows;
}

static double
factorial(int n)
{
	return n < 2 ? 1 : n * factorial(n - 1);
}

/* Values of all coalitions, and the Shapley values that follow from them */
static void
define(const Forest *forest, const ForestValue *values, uint32_t class,
	   double *base, double *contributions)
{
	double		game[1 << FEATURES] = {0};
	ForestInfo	info;
	uint32_t	t;
	unsigned	known;
	int			f;

	forest_info(forest, &info);
	for (t = 0; t < forest->n_trees; t++)
	{
		ForestTree *reader = forest_tree_start(&memory_plain, forest, t);
		Tree		tree = {malloc(info.nodes * sizeof(Node)), 0};

		(void) read_nodes(&tree, reader, forest, values, class);
		for (known = 0; known < 1 << FEATURES; known++)
			game[known] += expectation(&tree, 0, known) / forest->n_trees;
		forest_tree_end(reader);
		free(tree.nodes);
	}
	*base = game[0];
	for (f = 0; f < FEATURES; f++)
	{
		contributions[f] = 0;
		for (known = 0; known < 1 << FEATURES; known++)
		{
			int			size = __builtin_popcount(known);

			if (!(known >> f & 1))
				contributions[f] += factorial(size) * factorial(FEATURES - 1 - size) /
					factorial(FEATURES) * (game[known | 1u << f] - game[known]);
		}
	}
}

/* Some rows of any kind: definition and sum. */
static void
check_forest(const char *bytes, size_t size, double scale)
{
	Forest		forest;
	Random		random;
	double		outputs[CLASSES];
	uint8_t    *row;
	double		worst = 0;
	double		worst_sum = 0;
	int			i;

	if (!forest_open(&forest, bytes, size))
		exit(2);
	row = malloc(forest_row_size(&forest));
	random_start(&random, 99, 0);
	for (i = 0; i < 60; i++)
	{
		ForestValue values[FEATURES];
		uint32_t	class;

		make_row(&random, values, true);
		forest_bin_row(&forest, values, row);
		forest_predict(&forest, row, 1, outputs);
		for (class = 0; class < forest_outputs(&forest); class++)
		{
			double		base;
			double		base_defined;
			double		contributions[FEATURES];
			double		defined[FEATURES];
			double		sum;
			int			f;

			CHECK(shap_explain(&memory_plain, &forest, row, class, &base, contributions) == FOREST_OK);
			define(&forest, values, class, &base_defined, defined);
			worst = fmax(worst, fabs(base - base_defined));
			sum = base;
			for (f = 0; f < FEATURES; f++)
			{
				worst = fmax(worst, fabs(contributions[f] - defined[f]));
				sum += contributions[f];
			}
			worst_sum = fmax(worst_sum, fabs(sum - outputs[class]));
		}
	}
	CHECK(worst < 1e-11 * scale);
	CHECK(worst_sum < 1e-12 * scale);
	free(row);
}

static void
test_definition(void)
{
	size_t		size;
	char	   *bytes;

	/* numbers, small and huge */
	bytes = train(400, 0, 0, 6, 1, 1, &size);
	check_forest(bytes, size, 10);
	free(bytes);
	bytes = train(200, 0, 0, 4, 2, 1e15, &size);
	check_forest(bytes, size, 1e16);
	free(bytes);

	/* one, two and four classes */
	bytes = train(50, 1, 2, 3, 3, 1, &size);
	check_forest(bytes, size, 1);
	free(bytes);
	bytes = train(300, 2, 1, 6, 4, 1, &size);
	check_forest(bytes, size, 1);
	free(bytes);
	bytes = train(300, 4, 0, 4, 5, 1, &size);
	check_forest(bytes, size, 1);
	free(bytes);

	/* a lone leaf */
	bytes = train(1, 0, 0, 2, 6, 1, &size);
	check_forest(bytes, size, 1);
	free(bytes);
}

/* Groves have bins, units and classes of their own. */
static void
test_merged(int n_classes)
{
	size_t		sizes[3];
	char	   *parts[3];
	Forest		forests[3];
	ForestProblem problem;
	char	   *merged;
	size_t		size;
	int			i;

	for (i = 0; i < 3; i++)
	{
		/* Of classes the first two, the last three, the middle one */
		int			first = n_classes == 0 || i == 0 ? 0 : 1;
		int			count = n_classes == 0 ? 0 : i == 0 ? 2 : i == 1 ? 3 : 1;

		parts[i] = train(60 + 90 * i, count, first, 1 + 2 * i, 10 + i, i == 1 ? 20 : 1, &sizes[i]);
		CHECK(forest_open(&forests[i], parts[i], sizes[i]));
	}
	CHECK(forest_merge(&memory_plain, forests, 3, 0, &merged, &size, &problem));
	check_forest(merged, size, n_classes == 0 ? 100 : 1);
	for (i = 0; i < 3; i++)
		free(parts[i]);
	free(merged);
}

/*
 * The quadrature against sums of products of positive numbers: t^s (1-t)^(n-s)
 * integrates to s! (n-s)! / (n+1)!, and a product of factors o t + z (1-t) is
 * a sum of such.
 */
static void
test_quadrature(void)
{
	static const uint32_t sizes[] = {0, 1, 2, 3, 4, 5, 17, 40, 41, 101, 257, 1000, 3000};
	Random		random;
	size_t		i;

	random_start(&random, 5, 5);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		uint32_t	n = sizes[i] > 0 ? sizes[i] - 1 : 0;	/* one is left out */
		uint32_t	m = shap_points(sizes[i]);
		double	   *points = malloc(m * sizeof(double));
		double	   *weights = malloc(m * sizeof(double));
		double	   *shares = malloc((n + 1) * sizeof(double));
		long double *coefficients = calloc(n + 2, sizeof(long double));
		double		worst = 0;
		int			mix;
		uint32_t	k;
		uint32_t	j;

		shap_quadrature(points, m, weights);
		CHECK(m >= 1 && points[0] > 0 && points[m - 1] < 1);
		for (mix = 0; mix < 6; mix++)
		{
			long double exact = 0;
			double		sum = 0;
			uint32_t	hot = n * (uint32_t) mix / 5;

			/* Mean in logarithms of shares: so that nothing underflows */
			for (j = 0; j < n; j++)
				shares[j] = pow(0.5 + 0.5 * random_unit(&random), n > 200 ? 200.0 / n : 1);
			memset(coefficients, 0, (n + 2) * sizeof(*coefficients));
			coefficients[0] = 1;
			for (j = 0; j < n; j++)
				for (k = j + 2; k-- > 0;)
					coefficients[k] = coefficients[k] * shares[j] +
						(k > 0 && j < hot ? coefficients[k - 1] : 0);
			for (k = 0; k <= n; k++)
				if (coefficients[k] > 0)
					exact += expl(logl(coefficients[k]) + lgammal(k + 1.0L) +
								  lgammal(n - k + 1.0L) - lgammal(n + 2.0L));
			for (k = 0; k < m; k++)
			{
				double		product = weights[k];

				for (j = 0; j < n; j++)
					product *= (j < hot ? points[k] : 0) + shares[j] * (1 - points[k]);
				sum += product;
			}
			worst = fmax(worst, fabs(sum / (double) exact - 1));
		}
		if (worst > 1e-11)
			printf("%u features, %u points: off by %g\n", sizes[i], m, worst);
		CHECK(worst < 1e-11);
		free(points);
		free(weights);
		free(shares);
		free(coefficients);
	}
}

/* Memory that ends, and leave that is withdrawn, at every place */
typedef struct Limit
{
	int			allocations;
	int			questions;
	int			held;
} Limit;

static void *
limited_alloc(void *arg, size_t size)
{
	Limit	   *limit = arg;

	if (limit->allocations-- <= 0)
		return NULL;
	limit->held++;
	return malloc(size > 0 ? size : 1);
}

static void
limited_release(void *arg, void *pointer)
{
	((Limit *) arg)->held--;
	free(pointer);
}

static bool
limited_may_go_on(void *arg)
{
	return ((Limit *) arg)->questions-- > 0;
}

static void
test_limits(void)
{
	size_t		size;
	char	   *bytes = train(300, 0, 0, 3, 7, 1, &size);
	Forest		forest;
	Random		random;
	ForestValue values[FEATURES];
	uint8_t    *row;
	double		base;
	double		contributions[FEATURES];
	int			i;

	CHECK(forest_open(&forest, bytes, size));
	row = malloc(forest_row_size(&forest));
	random_start(&random, 1, 1);
	make_row(&random, values, false);
	forest_bin_row(&forest, values, row);
	for (i = 0; i < 5; i++)
	{
		Limit		limit = {i, 1000, 0};
		Memory		memory = {limited_alloc, limited_release, limited_may_go_on, &limit};

		CHECK(shap_explain(&memory, &forest, row, 0, &base, contributions) == FOREST_NO_MEMORY);
		CHECK(limit.held == 0);
	}
	for (i = 0; i <= 3; i++)
	{
		Limit		limit = {5, i, 0};
		Memory		memory = {limited_alloc, limited_release, limited_may_go_on, &limit};
		ForestStatus status = shap_explain(&memory, &forest, row, 0, &base, contributions);

		CHECK(status == (i < 3 ? FOREST_STOPPED : FOREST_OK));
		CHECK(limit.held == 0);
	}
	free(row);
	free(bytes);
}

int
main(void)
{
	test_definition();
	test_merged(0);
	test_merged(4);
	test_quadrature();
	test_limits();
	return check_report();
}
