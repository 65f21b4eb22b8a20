/*-------------------------------------------------------------------------
 *
 * forest.c
 *	  Bytes that may be a forest: what the check lets through must be safe to
 *	  ask anything.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "forest/forest.h"
#include "forest/linear.h"
#include "forest/shap.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t fuzz_example(uint8_t *data, size_t capacity, uint64_t number);

/* Asks everything that there is to ask. */
static void
ask(const Forest *forest)
{
	size_t		row_size = forest_row_size(forest);
	uint32_t	n_outputs = forest_outputs(forest);
	ForestValue *values = calloc(forest->n_features, sizeof(*values));
	double	   *gains = malloc(forest->n_features * sizeof(*gains));
	uint8_t    *rows = malloc(20 * row_size + 1);
	double	   *outputs = malloc(20 * n_outputs * sizeof(*outputs));
	ForestInfo	info;
	ForestOptions options;
	uint32_t	f;
	uint32_t	t;
	int			i;

	forest_info(forest, &info);
	forest_importance(forest, gains);
	forest_grove_options(forest, forest->n_groves - 1, &options);
	for (f = 0; f < forest->n_features; f++)
		(void) forest_find_feature(forest, forest_feature_name(forest, f));
	for (f = 0; f < forest->n_classes; f++)
		(void) forest_find_class(forest, forest_class_name(forest, f));
	for (i = 0; i < 20; i++)
	{
		for (f = 0; f < forest->n_features; f++)
		{
			values[f].number = i - 10;
			values[f].category.data = i % 3 == 0 ? NULL : "name 1";
			values[f].category.size = 6;
		}
		forest_bin_row(forest, values, rows + (size_t) i * row_size);
	}
	forest_predict(forest, rows, 20, outputs);
	forest_predict(forest, rows, 1, outputs);
	forest_margins(forest, rows, 20, outputs);
	if (forest->n_classes > 0)
		(void) forest_likeliest(forest, outputs);
	for (t = 0; t < forest->n_trees && t < 20; t++)
	{
		ForestTree *tree = forest_tree_start(&memory_plain, forest, t);
		ForestTreeNode node;

		while (forest_tree_next(tree, &node))
			if (!node.is_leaf && forest_feature_kind(forest, node.feature) == FOREST_CATEGORY)
				for (f = 0; f < forest_tree_categories(tree, node.feature); f++)
				{
					(void) forest_tree_category(tree, node.feature, f);
					(void) forest_tree_passes(tree, f);
				}
		forest_tree_end(tree);
	}
	if (forest->n_trees <= 20)
	{
		double		base;

		for (f = 0; f < n_outputs; f++)
			(void) shap_explain(&memory_plain, forest, rows, f, &base, gains);
	}
	if (linear_is(forest->algorithm))
	{
		LinearReader reader;
		LinearCoefficient coefficient;

		linear_reader_start(&reader, forest);
		while (linear_reader_next(&reader, &coefficient))
			if (coefficient.class >= (int64_t) forest->n_classes ||
				coefficient.feature >= (int64_t) forest->n_features)
				abort();
	}
	free(values);
	free(gains);
	free(rows);
	free(outputs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ForestProblem problem;
	Forest		twice[2];
	char	   *merged;
	size_t		merged_size;

	if (!forest_check(&memory_plain, (const char *) data, size, &problem))
		return 0;
	if (!forest_open(&twice[0], (const char *) data, size))
		abort();
	ask(&twice[0]);
	twice[1] = twice[0];
	if (!forest_merge(&memory_plain, twice, 2, 0, &merged, &merged_size, &problem))
		return 0;
	if (!forest_check(&memory_plain, merged, merged_size, &problem))
		abort();
	free(merged);
	return 0;
}

/* Small forests of every kind; few, for training takes time. */
#define EXAMPLES 44

/* From here on they are linear, and then boosted. */
#define LINEAR_EXAMPLES 24
#define BOOSTED_EXAMPLES 32

static char *examples[EXAMPLES];
static size_t sizes[EXAMPLES];

static void
make_example(int which)
{
	static const char *const names[] = {"name 0", "name 1", "name 2", "name 3"};
	static const char *const classes[] = {"a", "b", "c"};
	double		numbers[60];
	double		target[60];
	int32_t		codes[60];
	int32_t		class_codes[60];
	ForestText	name_texts[4];
	ForestText	class_texts[3];
	ForestColumn columns[2];
	ForestData	data;
	ForestOptions options;
	ForestProblem problem;
	Forest		forests[2];
	Random		random;
	int			i;

	memset(columns, 0, sizeof(columns));
	memset(&data, 0, sizeof(data));
	random_start(&random, (uint64_t) which, 0);
	for (i = 0; i < 4; i++)
	{
		name_texts[i].data = names[i];
		name_texts[i].size = 6;
	}
	for (i = 0; i < 3; i++)
	{
		class_texts[i].data = classes[i];
		class_texts[i].size = 1;
	}
	for (i = 0; i < 60; i++)
	{
		numbers[i] = random_below(&random, 20);
		codes[i] = (int32_t) random_below(&random, 5) - 1;
		target[i] = numbers[i] * (codes[i] % 2);
		class_codes[i] = which % 4 == 0 ? 0 : (int32_t) random_below(&random, (uint32_t) (which % 4));
	}
	columns[0].name.data = "x";
	columns[0].name.size = 1;
	columns[0].kind = FOREST_NUMBER;
	columns[0].numbers = numbers;
	columns[1].name.data = "kind";
	columns[1].name.size = 4;
	columns[1].kind = FOREST_CATEGORY;
	columns[1].codes = codes;
	columns[1].categories = name_texts;
	columns[1].n_categories = 4;
	data.n_rows = 60;
	data.n_features = 2;
	data.features = columns;
	data.n_classes = which % 4;
	data.target = target;
	data.classes = class_codes;
	data.class_names = class_texts;
	forest_options_default(&options);
	if (which >= BOOSTED_EXAMPLES)
	{
		forest_options_of(&options, FOREST_BOOSTED_TREES);
		options.trees = 1 + which % 3;
		options.early_stopping = which % 2;
		options.max_leaves = 6;
	}
	else if (which >= LINEAR_EXAMPLES)
		forest_options_of(&options, which % 4 == 0 || which % 2 ? FOREST_LINEAR_SVM : FOREST_LOGISTIC);
	else
		options.trees = 1 + which % 3;
	options.min_leaf = 1 + which % 5;
	options.seed = (uint64_t) which;
	if (!forest_train(&memory_plain, &data, &options, 0, &examples[which], &sizes[which], &problem))
		abort();
	if (which >= 12 && which < LINEAR_EXAMPLES)
	{
		char	   *merged;

		for (i = 0; i < 2; i++)
			if (!forest_open(&forests[i], examples[which - 4 * i], sizes[which - 4 * i]))
				abort();
		if (!forest_merge(&memory_plain, forests, 2, 0, &merged, &sizes[which], &problem))
			abort();
		free(examples[which]);
		examples[which] = merged;
	}
}

size_t
fuzz_example(uint8_t *data, size_t capacity, uint64_t number)
{
	int			which = (int) (number % EXAMPLES);

	if (examples[which] == NULL)
		make_example(which);
	if (sizes[which] > capacity)
		abort();
	memcpy(data, examples[which], sizes[which]);
	return sizes[which];
}
