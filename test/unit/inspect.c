/*-------------------------------------------------------------------------
 *
 * inspect.c
 *	  Partial dependence and permutation importance against tables that have
 *	  the values in question, predicted in the ordinary way.
 *
 *-------------------------------------------------------------------------
 */
#include "table.h"

#include "forest/inspect.h"

#define N_FEATURES 5			/* of make_mixed: ties, smooth, few, flag, noise */
#define LAST_NUMBER 4

static void
row_values(const Table *table, int64_t row, ForestValue *values)
{
	int			f;

	memset(values, 0, N_FEATURES * sizeof(*values));
	for (f = 0; f < table->data.n_features; f++)
	{
		const ForestColumn *column = &table->columns[f];

		if (column->kind == FOREST_NUMBER)
			values[f].number = column->numbers[row];
		else if (column->codes[row] >= 0)
			values[f].category = column->categories[column->codes[row]];
	}
}

static Inspection *
inspect(const Memory *memory, const Model *model, const Table *table, int64_t feature,
		bool has_targets)
{
	Inspection *inspection = inspect_start(memory, &model->forest, feature, has_targets);
	uint8_t    *row = malloc(forest_row_size(&model->forest));
	int64_t		i;

	for (i = 0; inspection != NULL && i < table->data.n_rows; i++)
	{
		ForestValue values[N_FEATURES];

		row_values(table, i, values);
		forest_bin_row(&model->forest, values, row);
		if (!inspect_add(inspection, row, values, table->data.n_classes > 0 ?
						 table->classes[i] : table->target[i]))
		{
			inspect_end(inspection);
			inspection = NULL;
		}
	}
	free(row);
	return inspection;
}

static double
mean_output(const Model *model, const Table *table, uint32_t class)
{
	double	   *outputs = predict(model, table);
	uint32_t	n_outputs = forest_outputs(&model->forest);
	double		sum = 0;
	int64_t		i;

	for (i = 0; i < table->data.n_rows; i++)
		sum += outputs[i * n_outputs + class];
	free(outputs);
	return sum / (double) table->data.n_rows;
}

/* Each point against the table with that value in all rows */
static void
check_dependence(const Model *model, int64_t n_rows, int n_classes, uint32_t class)
{
	int			f;

	for (f = 0; f < N_FEATURES; f++)
	{
		Table	   *table = make_mixed(n_rows, n_classes, 31);
		Inspection *inspection = inspect(&memory_plain, model, table, f, false);
		bool		is_number = table->columns[f].kind == FOREST_NUMBER;
		InspectPoint *points;
		size_t		n;
		size_t		i;
		int64_t		rows = 0;
		bool		counted = true;
		bool		ascending = true;
		bool		near = true;

		CHECK(inspect_rows(inspection) == n_rows);
		CHECK(inspect_dependence(inspection, 12, class, &points, &n) == FOREST_OK);
		CHECK(f == 0 ? n == 10 : f == 2 ? n == 7 : f == 3 ? n == 2 : n == 12);
		for (i = 0; i < n; i++)
		{
			double		value = points[i].value.number;
			bool		is_null = is_number ? isnan(value) : points[i].value.category.data == NULL;
			int64_t		row;
			int64_t		here = 0;

			/* NULL is last; numbers count those above the point before. */
			ascending = ascending && (!is_null || i == n - 1);
			if (i > 0 && is_number && !is_null)
				ascending = ascending && value > points[i - 1].value.number;
			for (row = 0; row < n_rows; row++)
			{
				ForestValue values[N_FEATURES];

				row_values(table, row, values);
				if (is_number)
					here += is_null ? isnan(values[f].number) :
						values[f].number <= value && (i == 0 || values[f].number > points[i - 1].value.number);
				else
					here += is_null ? values[f].category.data == NULL :
						values[f].category.data != NULL &&
						values[f].category.size == points[i].value.category.size &&
						memcmp(values[f].category.data, points[i].value.category.data,
							   values[f].category.size) == 0;
			}
			counted = counted && here == points[i].rows;
			rows += points[i].rows;
		}
		for (i = 0; i < n; i++)
		{
			int64_t		row;

			for (row = 0; row < n_rows; row++)
			{
				if (is_number)
					table->numbers[f][row] = points[i].value.number;
				else if (points[i].value.category.data == NULL)
					table->codes[f][row] = -1;
				else
					sscanf(points[i].value.category.data, "name %d", &table->codes[f][row]);
			}
			near = near && fabs(mean_output(model, table, class) - points[i].prediction) < 1e-9;
		}
		CHECK(counted && rows == n_rows);
		CHECK(ascending);
		CHECK(near);
		free(points);
		inspect_end(inspection);
		free_table(table);
	}
}

/* Squared error of a row, or Brier's */
static double
row_error(const Table *table, int64_t row, const double *outputs)
{
	double		sum = 0;
	int			c;

	if (table->data.n_classes == 0)
		return (outputs[0] - table->target[row]) * (outputs[0] - table->target[row]);
	for (c = 0; c < table->data.n_classes; c++)
		sum += (outputs[c] - (c == table->classes[row])) * (outputs[c] - (c == table->classes[row]));
	return table->data.n_classes == 2 ? sum / 2 : sum;
}

/* The mean error over all pairs of a row and another whose value it gets */
static double
mean_dealt(const Model *model, Table *table, int f)
{
	int64_t		n = table->data.n_rows;
	uint32_t	n_outputs = forest_outputs(&model->forest);
	double	   *numbers = malloc(sizeof(double) * (size_t) n);
	int32_t    *codes = malloc(sizeof(int32_t) * (size_t) n);
	bool		is_number = table->columns[f].kind == FOREST_NUMBER;
	double		sum = 0;
	int64_t		i;
	int64_t		j;

	for (i = 0; i < n; i++)
	{
		if (is_number)
			numbers[i] = table->numbers[f][i];
		else
			codes[i] = table->codes[f][i];
	}
	for (j = 0; j < n; j++)
	{
		double	   *outputs;

		for (i = 0; i < n; i++)
		{
			if (is_number)
				table->numbers[f][i] = numbers[j];
			else
				table->codes[f][i] = codes[j];
		}
		outputs = predict(model, table);
		for (i = 0; i < n; i++)
			sum += row_error(table, i, outputs + i * n_outputs);
		free(outputs);
	}
	for (i = 0; i < n; i++)
	{
		if (is_number)
			table->numbers[f][i] = numbers[i];
		else
			table->codes[f][i] = codes[i];
	}
	free(numbers);
	free(codes);
	return sum / (double) (n * n);
}

static void
check_permutation(const Model *model, int n_classes)
{
	Table	   *table = make_mixed(80, n_classes, 47);
	Table	   *other = shuffled(table, 3);
	Inspection *inspection = inspect(&memory_plain, model, table, -1, true);
	Inspection *shuffled_one = inspect(&memory_plain, model, other, -1, true);
	double	   *outputs = predict(model, table);
	uint32_t	n_outputs = forest_outputs(&model->forest);
	double		rises[N_FEATURES];
	double		deviations[N_FEATURES];
	double		again[N_FEATURES];
	double		again_deviations[N_FEATURES];
	double		error;
	double		again_error;
	double		defined = 0;
	bool		near = true;
	int			f;
	int64_t		i;

	/* In whatever order the rows come, and by the seed */
	CHECK(inspect_permutation(inspection, 400, 5, &error, rises, deviations) == FOREST_OK);
	CHECK(inspect_permutation(shuffled_one, 400, 5, &again_error, again, again_deviations) == FOREST_OK);
	CHECK(error == again_error && memcmp(rises, again, sizeof(rises)) == 0 &&
		  memcmp(deviations, again_deviations, sizeof(deviations)) == 0);
	CHECK(inspect_permutation(inspection, 1, 6, &error, again, again_deviations) == FOREST_OK);
	CHECK(memcmp(rises, again, sizeof(rises)) != 0 && isnan(again_deviations[0]));

	for (i = 0; i < table->data.n_rows; i++)
		defined += row_error(table, i, outputs + i * n_outputs) / (double) table->data.n_rows;
	CHECK(fabs(error - defined) < 1e-12);

	/* The mean of 400 is within four of its standard deviations. */
	for (f = 0; f < N_FEATURES; f++)
	{
		double		expected = mean_dealt(model, table, f) - error;

		near = near && fabs(rises[f] - expected) <= 4 * deviations[f] / 20 + 1e-12;
	}
	CHECK(near);
	free(outputs);
	inspect_end(inspection);
	inspect_end(shuffled_one);
	free_table(table);
	free_table(other);
}

static void
test_model(ForestAlgorithm algorithm, int n_classes)
{
	Table	   *table = make_mixed(600, n_classes, 11);
	ForestOptions options;
	Model		model;

	forest_options_of(&options, algorithm);
	if (algorithm == FOREST_RANDOM_FOREST || algorithm == FOREST_BOOSTED_TREES)
		options.trees = 8;
	model = train(table, &options);
	check_dependence(&model, 200, n_classes, n_classes > 0 ? (uint32_t) n_classes - 1 : 0);
	check_permutation(&model, n_classes);
	free(model.bytes);
	free_table(table);
}

/* Two groves bin a row each in its own way. */
static void
test_merged(void)
{
	Table	   *tables[2] = {make_mixed(500, 0, 1), make_mixed(300, 0, 2)};
	ForestOptions options;
	ForestProblem problem;
	Forest		parts[2];
	Model		models[2];
	Model		merged;
	int			m;

	forest_options_default(&options);
	options.trees = 5;
	for (m = 0; m < 2; m++)
	{
		models[m] = train(tables[m], &options);
		parts[m] = models[m].forest;
	}
	CHECK(forest_merge(&memory_plain, parts, 2, 0, &merged.bytes, &merged.size, &problem));
	CHECK(forest_open(&merged.forest, merged.bytes, merged.size));
	check_dependence(&merged, 150, 0, 0);
	check_permutation(&merged, 0);
	free(merged.bytes);
	for (m = 0; m < 2; m++)
	{
		free(models[m].bytes);
		free_table(tables[m]);
	}
}

/* What no tree asks for has no importance at all, and one value has one point. */
static void
test_constant(void)
{
	Table	   *table = make_mixed(300, 0, 8);
	ForestOptions options;
	Inspection *inspection;
	InspectPoint *points;
	size_t		n;
	double		rises[N_FEATURES];
	double		deviations[N_FEATURES];
	double		error;
	Model		model;
	int64_t		i;

	forest_options_default(&options);
	options.trees = 5;
	for (i = 0; i < table->data.n_rows; i++)
		table->numbers[LAST_NUMBER][i] = 7;
	model = train(table, &options);
	inspection = inspect(&memory_plain, &model, table, LAST_NUMBER, true);
	CHECK(inspect_permutation(inspection, 3, 0, &error, rises, deviations) == FOREST_OK);
	CHECK(rises[LAST_NUMBER] == 0 && deviations[LAST_NUMBER] == 0 && rises[0] > 0);
	CHECK(inspect_dependence(inspection, 2, 0, &points, &n) == FOREST_OK);
	CHECK(n == 1 && points[0].value.number == 7 && points[0].rows == 300);
	CHECK(fabs(points[0].prediction - mean_output(&model, table, 0)) < 1e-9);
	free(points);
	inspect_end(inspection);
	free(model.bytes);
	free_table(table);
}

/* Classes that the model has never seen are missed by it whatever it says. */
static void
test_unknown_class(void)
{
	Table	   *table = make_mixed(200, 3, 8);
	ForestOptions options;
	Inspection *inspection;
	double		rises[N_FEATURES];
	double		deviations[N_FEATURES];
	double		error;
	double		defined = 0;
	double	   *outputs;
	Model		model;
	int64_t		i;
	int			c;

	forest_options_default(&options);
	options.trees = 5;
	model = train(table, &options);
	outputs = predict(&model, table);
	for (i = 0; i < table->data.n_rows; i++)
	{
		for (c = 0; c < 3; c++)
			defined += outputs[i * 3 + c] * outputs[i * 3 + c] / 200;
		defined += 1.0 / 200;
		table->classes[i] = -1;
	}
	inspection = inspect(&memory_plain, &model, table, -1, true);
	CHECK(inspect_permutation(inspection, 1, 0, &error, rises, deviations) == FOREST_OK);
	CHECK(fabs(error - defined) < 1e-12);
	free(outputs);
	inspect_end(inspection);
	free(model.bytes);
	free_table(table);
}

/* Memory that ends, or a caller that says stop, after so many steps */
typedef struct Trouble
{
	int			allocations;
	int			questions;
} Trouble;

static void *
trouble_alloc(void *arg, size_t size)
{
	Trouble    *trouble = arg;

	return trouble->allocations-- > 0 ? malloc(size) : NULL;
}

static void
trouble_release(void *arg, void *pointer)
{
	(void) arg;
	free(pointer);
}

static bool
trouble_may_go_on(void *arg)
{
	Trouble    *trouble = arg;

	return trouble->questions-- > 0;
}

static void
test_trouble(void)
{
	Table	   *table = make_mixed(3000, 0, 4);
	ForestOptions options;
	Trouble		trouble;
	Memory		memory = {trouble_alloc, trouble_release, trouble_may_go_on, &trouble};
	Model		model;
	int			steps;
	bool		done = false;

	forest_options_default(&options);
	options.trees = 2;
	model = train(table, &options);
	for (steps = 0; !done; steps++)
	{
		Inspection *inspection;
		InspectPoint *points;
		size_t		n;
		double		rises[N_FEATURES];
		double		deviations[N_FEATURES];
		double		error;
		ForestStatus dependence;
		ForestStatus permutation;

		trouble.allocations = steps;
		trouble.questions = 1000000;
		inspection = inspect(&memory, &model, table, 1, true);
		if (inspection == NULL)
			continue;
		dependence = inspect_dependence(inspection, 3, 0, &points, &n);
		permutation = inspect_permutation(inspection, 1, 0, &error, rises, deviations);
		CHECK(dependence == FOREST_OK || (dependence == FOREST_NO_MEMORY && points == NULL));
		CHECK(permutation == FOREST_OK || permutation == FOREST_NO_MEMORY);
		done = dependence == FOREST_OK && permutation == FOREST_OK;
		if (dependence == FOREST_OK)
			free(points);
		if (done)
		{
			trouble.allocations = 1000000;
			trouble.questions = 1;
			CHECK(inspect_dependence(inspection, 3, 0, &points, &n) == FOREST_STOPPED && points == NULL);
			trouble.questions = 3;
			CHECK(inspect_permutation(inspection, 1, 0, &error, rises, deviations) == FOREST_STOPPED);
		}
		inspect_end(inspection);
	}
	CHECK(steps > 10);
	free(model.bytes);
	free_table(table);
}

int
main(void)
{
	test_model(FOREST_RANDOM_FOREST, 0);
	test_model(FOREST_RANDOM_FOREST, 2);
	test_model(FOREST_RANDOM_FOREST, 3);
	test_model(FOREST_BOOSTED_TREES, 0);
	test_model(FOREST_BOOSTED_TREES, 2);
	test_model(FOREST_LINEAR_SVM, 0);
	test_model(FOREST_LOGISTIC, 3);
	test_merged();
	test_constant();
	test_unknown_class();
	test_trouble();
	return check_report();
}
