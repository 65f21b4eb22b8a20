/*-------------------------------------------------------------------------
 *
 * train.c
 *	  A training whose work is shared out gives the same bits as one that
 *	  does all of it in one place.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "forest/rows.h"
#include "forest/train.h"

#define FEATURES 5
#define CATEGORIES 3
#define CLASSES 3

static ForestText
text(const char *data)
{
	ForestText	result = {data, (uint32_t) strlen(data)};

	return result;
}

/* Three numbers and two categories, some NULL, which the target depends on */
typedef struct Table
{
	ForestData	data;
	ForestColumn column[FEATURES];
	ForestColumn brought;		/* the one at hand, in memory of its own */
	int			asked;
} Table;

static const char *const feature_names[FEATURES] = {"a", "b", "c", "d", "e"};
static ForestText categories[CATEGORIES];
static ForestText class_names[CLASSES];

static void
make_table(Table *table, int64_t n_rows, int n_classes, uint64_t seed)
{
	double	   *target = malloc(sizeof(double) * (size_t) n_rows);
	int32_t    *classes = malloc(sizeof(int32_t) * (size_t) n_rows);
	Random		random;
	int64_t		row;
	int			f;

	memset(table, 0, sizeof(*table));
	random_start(&random, seed, 0);
	for (f = 0; f < FEATURES; f++)
	{
		ForestColumn *column = &table->column[f];

		column->name = text(feature_names[f]);
		if (f < 3)
		{
			double	   *numbers = malloc(sizeof(double) * (size_t) n_rows);

			/* The first has few values, so that there are equal rows. */
			for (row = 0; row < n_rows; row++)
				numbers[row] = f == 0 ? (double) random_below(&random, 4) :
					random_below(&random, 10) == 0 ? NAN : floor(random_unit(&random) * 50);
			column->kind = FOREST_NUMBER;
			column->numbers = numbers;
		}
		else
		{
			int32_t    *codes = malloc(sizeof(int32_t) * (size_t) n_rows);

			for (row = 0; row < n_rows; row++)
				codes[row] = (int32_t) random_below(&random, CATEGORIES + 1) - 1;
			column->kind = FOREST_CATEGORY;
			column->codes = codes;
			column->categories = categories;
			column->n_categories = CATEGORIES;
		}
	}
	for (row = 0; row < n_rows; row++)
	{
		double		b = table->column[1].numbers[row];
		double		signal = table->column[0].numbers[row] + (b > 20 ? 2 : 0) +
			table->column[3].codes[row];

		target[row] = signal + floor(random_unit(&random) * 3);
		classes[row] = n_classes == 0 ? 0 : ((int32_t) signal + 10) % n_classes;
	}
	table->data.n_rows = n_rows;
	table->data.n_features = FEATURES;
	table->data.features = table->column;
	table->data.n_classes = n_classes;
	table->data.target = target;
	table->data.classes = classes;
	table->data.class_names = class_names;
}

static void
free_brought(Table *table)
{
	free((void *) table->brought.numbers);
	free((void *) table->brought.codes);
	table->brought.numbers = NULL;
	table->brought.codes = NULL;
}

static void
free_table(Table *table)
{
	int			f;

	for (f = 0; f < FEATURES; f++)
	{
		free((void *) table->column[f].numbers);
		free((void *) table->column[f].codes);
	}
	free_brought(table);
	free((void *) table->data.target);
	free((void *) table->data.classes);
}

/* A copy, and the one before is gone: who keeps a column would notice. */
static const ForestColumn *
bring_column(void *arg, int32_t feature)
{
	Table	   *table = arg;
	const ForestColumn *column = &table->column[feature];
	size_t		n = (size_t) table->data.n_rows;

	free_brought(table);
	table->asked++;
	table->brought = *column;
	if (column->kind == FOREST_NUMBER)
	{
		double	   *numbers = malloc(sizeof(double) * n);

		memcpy(numbers, column->numbers, sizeof(double) * n);
		table->brought.numbers = numbers;
	}
	else
	{
		int32_t    *codes = malloc(sizeof(int32_t) * n);

		memcpy(codes, column->codes, sizeof(int32_t) * n);
		table->brought.codes = codes;
	}
	return &table->brought;
}

static char *
train(const ForestData *data, const ForestOptions *options, size_t *size)
{
	ForestProblem problem;
	char	   *bytes = NULL;

	CHECK(forest_train(&memory_plain, data, options, 0, &bytes, size, &problem));
	return bytes;
}

static bool
same_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
	return a != NULL && b != NULL && a_size == b_size && memcmp(a, b, a_size) == 0;
}

/* Columns that are brought one at a time give what columns at hand do. */
static void
test_brought(int n_classes)
{
	ForestOptions options;
	Table		table;
	char	   *at_hand;
	char	   *brought;
	size_t		at_hand_size;
	size_t		brought_size;

	make_table(&table, 3000, n_classes, 1);
	forest_options_default(&options);
	options.trees = 9;
	at_hand = train(&table.data, &options, &at_hand_size);
	table.data.bring = bring_column;
	table.data.arg = &table;
	brought = train(&table.data, &options, &brought_size);
	CHECK(same_bytes(at_hand, at_hand_size, brought, brought_size));

	/* Once for the hash, once for the bins, and hardly ever to break ties */
	CHECK(table.asked >= 2 * FEATURES && table.asked <= 3 * FEATURES);
	free(at_hand);
	free(brought);
	free_table(&table);
}

/* Trees that lie elsewhere */
typedef struct Shelf
{
	ModelTree  *trees;
	int			n_classes;
} Shelf;

static void
bring_tree(void *arg, int32_t t, ForestNode *nodes, float *shares)
{
	const Shelf *shelf = arg;
	const ModelTree *tree = &shelf->trees[t];

	if (nodes != NULL)
		memcpy(nodes, tree->nodes, sizeof(ForestNode) * tree->n_slots);
	if (shares != NULL)
		memcpy(shares, tree->shares, sizeof(float) * tree->n_shares * (size_t) shelf->n_classes);
}

typedef struct Pile
{
	char	   *bytes;
	size_t		size;
	size_t		written;
} Pile;

static bool
pile_begin(void *arg, uint64_t size)
{
	Pile	   *pile = arg;

	pile->bytes = malloc((size_t) size);
	pile->size = (size_t) size;
	return true;
}

static bool
pile_write(void *arg, const void *bytes, size_t size)
{
	Pile	   *pile = arg;

	if (size > pile->size - pile->written)
		return false;
	if (size > 0)
		memcpy(pile->bytes + pile->written, bytes, size);
	pile->written += size;
	return true;
}

#define GROWERS 3

/* Several growers, trees in any order, and the model from where these lie */
static void
test_shared(int n_classes, double holdout)
{
	ForestOptions options;
	ForestProblem problem;
	Training	training;
	Grower	   *grower[GROWERS];
	ForestStatus status;
	GrowSums	sums;
	Shelf		shelf;
	Pile		pile = {NULL, 0, 0};
	ModelOut	out = {pile_begin, pile_write, &pile};
	Table		table;
	size_t		n = 2000;
	char	   *whole;
	size_t		whole_size;
	int			t;
	int			g;

	make_table(&table, (int64_t) n, n_classes, 2);
	forest_options_default(&options);
	options.trees = 20;
	options.holdout = holdout;
	whole = train(&table.data, &options, &whole_size);

	CHECK(training_start(&training, &memory_plain, &table.data, &options, &problem));
	CHECK(training_prepare(&training, NULL));
	CHECK(training.matrix.n_learn == (int64_t) n - (int64_t) (holdout * (double) n));
	shelf.trees = calloc(20, sizeof(ModelTree));
	shelf.n_classes = n_classes;
	for (g = 0; g < GROWERS; g++)
		grower[g] = grow_start(&memory_plain, &training.matrix);
	for (t = 19; t >= 0; t--)
	{
		CHECK(grow_tree(grower[t * 7 % GROWERS], (uint32_t) t, &shelf.trees[t], &status));
		training.trees[t] = shelf.trees[t];
		training.trees[t].nodes = NULL;
		training.trees[t].shares = NULL;
	}
	memset(&sums, 0, sizeof(sums));
	sums.trees = calloc(n, sizeof(uint16_t));
	sums.values = calloc(n, sizeof(int64_t));
	sums.shares = calloc(n * CLASSES, sizeof(uint32_t));
	sums.gains = calloc(FEATURES, sizeof(uint64_t));
	sums.rises = calloc(FEATURES + 1, sizeof(int64_t));
	for (g = 0; g < GROWERS; g++)
	{
		grow_add_sums(grower[g], &sums);
		grow_end(grower[g]);
	}
	CHECK(training_judge(&training, &sums));
	training.parts.bring = bring_tree;
	training.parts.arg = &shelf;
	CHECK(training_write(&training, &out));
	CHECK(pile.written == pile.size);
	CHECK(same_bytes(whole, whole_size, pile.bytes, pile.size));

	/* The rows held out are judged by all trees, the others by some. */
	CHECK(training.parts.held.rows == (uint64_t) (holdout * (double) n));
	CHECK(training.parts.oob.rows > (n - training.parts.held.rows) * 9 / 10);
	if (n_classes == 0 && holdout > 0)
		CHECK(training.parts.held.error < 0.6 * training.parts.held.variation);
	if (n_classes > 0 && holdout > 0)
		CHECK(training.parts.held.correct > training.parts.held.rows * 6 / 10);

	training_end(&training);
	for (t = 0; t < 20; t++)
	{
		free(shelf.trees[t].nodes);
		free(shelf.trees[t].shares);
	}
	free(shelf.trees);
	free(sums.trees);
	free(sums.values);
	free(sums.shares);
	free(sums.gains);
	free(sums.rises);
	free(whole);
	free(pile.bytes);
	free_table(&table);
}

/* What the figures of the rows held out say is what the model predicts. */
static void
test_held_figures(void)
{
	ForestOptions options;
	ForestProblem problem;
	Training	training;
	Pile		pile = {NULL, 0, 0};
	ModelOut	out = {pile_begin, pile_write, &pile};
	Forest		forest;
	Table		table;
	uint32_t   *order;
	ForestStatus status;
	double		error = 0;
	int64_t		n = 1000;
	int64_t		rank;

	make_table(&table, n, 0, 3);
	forest_options_default(&options);
	options.trees = 20;
	options.holdout = 0.25;
	CHECK(training_start(&training, &memory_plain, &table.data, &options, &problem));
	CHECK(training_prepare(&training, NULL));
	CHECK(training_grow(&training));
	CHECK(training_write(&training, &out));
	CHECK(forest_open(&forest, pile.bytes, pile.size));

	order = malloc(sizeof(uint32_t) * (size_t) n);
	CHECK(rows_order(&memory_plain, &table.data, order, &status));
	for (rank = 750; rank < n; rank++)
	{
		ForestValue values[FEATURES];
		uint8_t	   *row = malloc(forest_row_size(&forest));
		double		value;
		int			f;

		for (f = 0; f < FEATURES; f++)
		{
			const ForestColumn *column = &table.column[f];
			ForestText	none = {NULL, 0};

			values[f].number = f < 3 ? column->numbers[order[rank]] : 0;
			values[f].category = f < 3 || column->codes[order[rank]] < 0 ? none :
				categories[column->codes[order[rank]]];
		}
		forest_bin_row(&forest, values, row);
		forest_predict(&forest, row, 1, &value);
		error += (value - table.data.target[order[rank]]) * (value - table.data.target[order[rank]]);
		free(row);
	}
	CHECK(fabs(error - training.parts.held.error * training.parts.scale * training.parts.scale) <
		  1e-5 * error);
	training_end(&training);
	free(order);
	free(pile.bytes);
	free_table(&table);
}

/* Rows held out are chosen by what they hold, and do not shape the bins. */
static void
test_held_order(void)
{
	ForestOptions options;
	ForestProblem problem;
	Table		table;
	int64_t		n = 60;
	char	   *bytes[2];
	size_t		size[2];
	int64_t		row;
	int			f;
	int			i;

	make_table(&table, n, 0, 4);
	forest_options_default(&options);
	options.trees = 3;
	options.holdout = 0.5;
	for (i = 0; i < 2; i++)
	{
		CHECK(forest_train(&memory_plain, &table.data, &options, 0, &bytes[i], &size[i], &problem));

		/* Backwards, the second time */
		for (row = 0; row < n / 2; row++)
		{
			for (f = 0; f < FEATURES; f++)
			{
				double	   *numbers = (double *) table.column[f].numbers;
				int32_t    *codes = (int32_t *) table.column[f].codes;
				double		number = f < 3 ? numbers[row] : 0;
				int32_t		code = f < 3 ? 0 : codes[row];

				if (f < 3)
				{
					numbers[row] = numbers[n - 1 - row];
					numbers[n - 1 - row] = number;
				}
				else
				{
					codes[row] = codes[n - 1 - row];
					codes[n - 1 - row] = code;
				}
			}
			{
				double	   *target = (double *) table.data.target;
				double		number = target[row];

				target[row] = target[n - 1 - row];
				target[n - 1 - row] = number;
			}
		}
	}
	CHECK(size[0] == size[1] && memcmp(bytes[0], bytes[1], size[0]) == 0);
	free(bytes[0]);
	free(bytes[1]);
	free_table(&table);
}

int
main(void)
{
	categories[0] = text("north");
	categories[1] = text("south");
	categories[2] = text("west");
	class_names[0] = text("gold");
	class_names[1] = text("iron");
	class_names[2] = text("tin");
	test_brought(0);
	test_brought(2);
	test_brought(3);
	test_shared(0, 0);
	test_shared(0, 0.2);
	test_shared(2, 0.2);
	test_shared(3, 0.2);
	test_held_figures();
	test_held_order();
	return check_report();
}
