/*-------------------------------------------------------------------------
 *
 * table.h
 *	  Tables to grow trees on, and slow ways of finding what these should be.
 *
 * The slow ways know nothing of bins: they read a tree as thresholds and
 * names, walk it with the raw values, and search splits by trying all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_TEST_TABLE_H
#define PROMO_TEST_TABLE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "forest/forest.h"

#define MOST_FEATURES 1200

/* A table that owns its arrays. */
typedef struct Table
{
	ForestData	data;
	ForestColumn columns[MOST_FEATURES];
	double	   *numbers[MOST_FEATURES];
	int32_t    *codes[MOST_FEATURES];
	ForestText *names[MOST_FEATURES];
	double	   *target;
	int32_t    *classes;
	ForestText *class_names;
} Table;

static inline ForestText
make_name(const char *format, int number)
{
	char	   *text = malloc(24);
	ForestText	name;

	name.size = (uint32_t) snprintf(text, 24, format, number);
	name.data = text;
	return name;
}

static inline Table *
make_table(int64_t n_rows, int n_classes)
{
	Table	   *table = calloc(1, sizeof(*table));
	int			c;

	table->data.n_rows = n_rows;
	table->data.features = table->columns;
	table->data.n_classes = n_classes;
	table->target = malloc(sizeof(double) * (size_t) n_rows);
	table->classes = malloc(sizeof(int32_t) * (size_t) n_rows);
	table->class_names = malloc(sizeof(ForestText) * (size_t) (n_classes + 1));
	for (c = 0; c < n_classes; c++)
		table->class_names[c] = make_name("class %03d", c);
	if (n_classes == 0)
		table->data.target = table->target;
	else
		table->data.classes = table->classes;
	table->data.class_names = table->class_names;
	return table;
}

static inline double *
add_number(Table *table)
{
	int			f = table->data.n_features++;

	table->numbers[f] = malloc(sizeof(double) * (size_t) table->data.n_rows);
	table->columns[f].name = make_name("number %d", f);
	table->columns[f].kind = FOREST_NUMBER;
	table->columns[f].numbers = table->numbers[f];
	return table->numbers[f];
}

static inline int32_t *
add_category(Table *table, int n_names)
{
	int			f = table->data.n_features++;
	int			i;

	table->codes[f] = malloc(sizeof(int32_t) * (size_t) table->data.n_rows);
	table->names[f] = malloc(sizeof(ForestText) * (size_t) (n_names + 1));
	for (i = 0; i < n_names; i++)
		table->names[f][i] = make_name("name %05d", i);
	table->columns[f].name = make_name("category %d", f);
	table->columns[f].kind = FOREST_CATEGORY;
	table->columns[f].codes = table->codes[f];
	table->columns[f].categories = table->names[f];
	table->columns[f].n_categories = n_names;
	return table->codes[f];
}

static inline void
free_table(Table *table)
{
	int			f;
	int			i;

	for (f = 0; f < table->data.n_features; f++)
	{
		free((char *) table->columns[f].name.data);
		for (i = 0; i < table->columns[f].n_categories; i++)
			free((char *) table->names[f][i].data);
		free(table->numbers[f]);
		free(table->codes[f]);
		free(table->names[f]);
	}
	for (i = 0; i < table->data.n_classes; i++)
		free((char *) table->class_names[i].data);
	free(table->target);
	free(table->classes);
	free(table->class_names);
	free(table);
}

/*
 * A table of numbers with ties and NULLs, a number without, categories (of
 * n_names, and NULLs when these are more than two), and noise, on which the
 * target depends.
 */
static inline Table *
make_table_of(int64_t n_rows, int n_classes, int n_names, uint64_t seed)
{
	Table	   *table = make_table(n_rows, n_classes);
	double	   *ties = add_number(table);
	double	   *smooth = add_number(table);
	int32_t    *few = add_category(table, n_names);
	int32_t    *flag = add_category(table, 2);
	double	   *noise = add_number(table);
	Random		random;
	int64_t		i;

	random_start(&random, seed, 77);
	for (i = 0; i < n_rows; i++)
	{
		double		score;

		ties[i] = random_below(&random, 9);
		smooth[i] = random_unit(&random) * 10 - 5;
		few[i] = (int32_t) random_below(&random, (uint32_t) n_names);
		flag[i] = (int32_t) random_below(&random, 2);
		noise[i] = random_unit(&random);
		score = ties[i] + (smooth[i] > 1 ? 4 : 0) + (few[i] * 7 % 6) * 0.8 + 3 * flag[i] +
			random_unit(&random);
		if (random_below(&random, 8) == 0)
			ties[i] = NAN;
		if (n_names > 2 && random_below(&random, 10) == 0)
			few[i] = -1;
		table->target[i] = score;
		if (n_classes > 0)
			table->classes[i] = (int32_t) ((uint32_t) score * 7 % (uint32_t) n_classes);
	}
	return table;
}

static inline Table *
make_mixed(int64_t n_rows, int n_classes, uint64_t seed)
{
	return make_table_of(n_rows, n_classes, 6, seed);
}

static inline Table *
shuffled(const Table *table, uint64_t seed)
{
	const ForestData *data = &table->data;
	Table	   *other = make_table(data->n_rows, data->n_classes);
	int64_t    *from = malloc(sizeof(int64_t) * (size_t) data->n_rows);
	Random		random;
	int64_t		i;
	int			f;

	random_start(&random, seed, 5);
	for (i = 0; i < data->n_rows; i++)
	{
		int64_t		at = random_below(&random, (uint32_t) i + 1);

		from[i] = from[at];
		from[at] = i;
	}
	for (f = 0; f < data->n_features; f++)
	{
		const ForestColumn *column = &data->features[f];

		if (column->kind == FOREST_NUMBER)
		{
			double	   *numbers = add_number(other);

			for (i = 0; i < data->n_rows; i++)
				numbers[i] = column->numbers[from[i]];
		}
		else
		{
			int32_t    *codes = add_category(other, column->n_categories);

			for (i = 0; i < data->n_rows; i++)
				codes[i] = column->codes[from[i]];
		}
	}
	for (i = 0; i < data->n_rows; i++)
	{
		other->target[i] = table->target[from[i]];
		if (data->n_classes > 0)
			other->classes[i] = table->classes[from[i]];
	}
	free(from);
	return other;
}

typedef struct Model
{
	char	   *bytes;
	size_t		size;
	Forest		forest;
} Model;

static inline Model
train(const Table *table, const ForestOptions *options)
{
	Model		model;
	ForestProblem problem;
	bool		ok = forest_train(&memory_plain, &table->data, options, 0,
								  &model.bytes, &model.size, &problem);

	CHECK(ok);
	if (!ok)
		exit(2);
	ok = forest_check(&memory_plain, model.bytes, model.size, &problem);
	CHECK(ok);
	if (!ok)
		printf("%s\n", problem.detail);
	CHECK(forest_open(&model.forest, model.bytes, model.size));
	return model;
}

/* Predictions of all rows of a table, in one batch. */
static inline double *
predict(const Model *model, const Table *table)
{
	const ForestData *data = &table->data;
	size_t		row_size = forest_row_size(&model->forest);
	uint32_t	n_outputs = forest_outputs(&model->forest);
	uint8_t    *rows = malloc(row_size * (size_t) data->n_rows);
	double	   *outputs = malloc(sizeof(double) * n_outputs * (size_t) data->n_rows);
	double	   *one = malloc(sizeof(double) * n_outputs);
	ForestValue *values = calloc((size_t) data->n_features, sizeof(*values));
	bool		equal = true;
	int64_t		i;
	int			f;

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
		forest_bin_row(&model->forest, values, rows + row_size * (size_t) i);
	}
	forest_predict(&model->forest, rows, (size_t) data->n_rows, outputs);
	for (i = 0; i < data->n_rows && i < 100; i++)
	{
		forest_predict(&model->forest, rows + row_size * (size_t) i, 1, one);
		equal = equal && memcmp(one, outputs + n_outputs * i, sizeof(double) * n_outputs) == 0;
	}
	CHECK(equal);
	free(rows);
	free(one);
	free(values);
	return outputs;
}

/*
 * The slow way
 */

/* A tree as its reader gives it; the first child is the next node. */
typedef struct SlowNode
{
	ForestTreeNode node;
	int			second;
	bool	   *passes;			/* by category of the table, and unknown last */
	double		shares[12];
} SlowNode;

typedef struct SlowTree
{
	SlowNode   *nodes;
	int			n;
} SlowTree;

static inline SlowTree
read_tree(const Forest *forest, uint32_t n, const Table *table)
{
	ForestTree *reader = forest_tree_start(&memory_plain, forest, n);
	SlowTree	tree = {malloc(sizeof(SlowNode) * 2 * (size_t) table->data.n_rows), 0};
	int			open[200];
	ForestTreeNode node;

	while (forest_tree_next(reader, &node))
	{
		SlowNode   *slow = &tree.nodes[tree.n];
		uint32_t	c;

		memset(slow, 0, sizeof(*slow));
		slow->node = node;
		for (c = 0; c < forest->n_classes && c < 12; c++)
			slow->shares[c] = node.shares[c];
		if (node.is_right)
			tree.nodes[open[node.depth - 1]].second = tree.n;
		open[node.depth] = tree.n;
		if (!node.is_leaf && forest_feature_kind(forest, node.feature) == FOREST_CATEGORY)
		{
			const ForestColumn *column = &table->columns[node.feature];
			int			known = (int) forest_tree_categories(reader, node.feature);
			int			i;
			int			k;

			slow->passes = malloc((size_t) column->n_categories + 1);
			for (i = 0; i < column->n_categories; i++)
				slow->passes[i] = node.null_passes;
			for (i = 0; i < column->n_categories; i++)
				for (k = 0; k < known; k++)
				{
					ForestText	name = forest_tree_category(reader, node.feature, (uint32_t) k);

					if (name.size == column->categories[i].size &&
						memcmp(name.data, column->categories[i].data, name.size) == 0)
						slow->passes[i] = forest_tree_passes(reader, (uint32_t) k);
				}
		}
		tree.n++;
	}
	forest_tree_end(reader);
	return tree;
}

static inline void
free_tree(SlowTree *tree)
{
	int			i;

	for (i = 0; i < tree->n; i++)
		free(tree->nodes[i].passes);
	free(tree->nodes);
}

static inline bool
slow_passes(const SlowNode *slow, const Table *table, int64_t row)
{
	const ForestColumn *column = &table->columns[slow->node.feature];

	if (column->kind == FOREST_CATEGORY)
		return column->codes[row] < 0 ? slow->node.null_passes : slow->passes[column->codes[row]];
	if (isnan(column->numbers[row]))
		return slow->node.null_passes;
	return column->numbers[row] <= slow->node.threshold;
}

static inline const SlowNode *
slow_leaf(const SlowTree *tree, const Table *table, int64_t row)
{
	int			at = 0;

	while (!tree->nodes[at].node.is_leaf)
		at = slow_passes(&tree->nodes[at], table, row) ? at + 1 : tree->nodes[at].second;
	return &tree->nodes[at];
}

/*
 * What a partition takes off the squared error, or off the Gini impurity times
 * weight, over classes; -1 where a side has too few rows.
 */
static inline double
slow_gain(const Table *table, const ForestOptions *options, const int *draws,
		  const bool *passes)
{
	int			k = table->data.n_classes;
	double		weight[2] = {0, 0};
	double		sums[2][12] = {{0}};
	int64_t		rows[2] = {0, 0};
	double		mean = 0;
	double		gain = 0;
	int64_t		i;
	int			c;

	for (i = 0; i < table->data.n_rows; i++)
		mean += table->target[i] / (double) table->data.n_rows;
	for (i = 0; i < table->data.n_rows; i++)
	{
		int			side = passes[i];
		double		w = draws[i];

		if (draws[i] == 0)
			continue;
		rows[side]++;
		if (k == 0)
			sums[side][0] += w * (table->target[i] - mean);
		else
		{
			if (options->class_weights != NULL)
				w *= options->class_weights[table->classes[i]];
			sums[side][table->classes[i]] += w;
		}
		weight[side] += w;
	}
	if (rows[0] < options->min_leaf || rows[1] < options->min_leaf)
		return -1;
	for (c = 0; c < (k == 0 ? 1 : k); c++)
		gain += sums[0][c] * sums[0][c] / weight[0] + sums[1][c] * sums[1][c] / weight[1] -
			(sums[0][c] + sums[1][c]) * (sums[0][c] + sums[1][c]) / (weight[0] + weight[1]);
	return gain;
}

/* Whether a number stands among the few hundred in front of it. */
static inline bool
came_before(const double *numbers, int64_t at)
{
	int64_t		i;

	for (i = at > 300 ? at - 300 : 0; i < at; i++)
		if (numbers[i] == numbers[at])
			return true;
	return false;
}

/* The best gain of all thresholds, all sets, and both ways for NULLs. */
static inline double
slow_best(const Table *table, const ForestOptions *options, const int *draws)
{
	int64_t		n = table->data.n_rows;
	bool	   *passes = malloc((size_t) n);
	double		best = -1;
	int			f;

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
					(isnan(column->numbers[choice]) || came_before(column->numbers, choice)))
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
				gain = slow_gain(table, options, draws, passes);
				if (gain > best)
					best = gain;
			}
	}
	free(passes);
	return best;
}

#endif							/* PROMO_TEST_TABLE_H */
