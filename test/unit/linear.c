/*-------------------------------------------------------------------------
 *
 * linear.c
 *	  Linear models against published figures, and against the conditions
 *	  that only the minimum fulfills.
 *
 * The witness brings the columns to one scale by itself, reads the weights out
 * of the model, and computes the gradient of the loss row by row.  The loss
 * being convex, weights with a gradient of 0 are the right ones.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "forest/linear.h"
#include "forest/rows.h"
#include "forest/shap.h"
#include "forest/train.h"

#define MOST_FEATURES 1100
#define MOST_CLASSES 5
#define MOST_COLUMNS 2400

static const ForestText names[] = {
	{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 1}, {"g", 1}
};

static const ForestText class_names[MOST_CLASSES] = {
	{"c0", 2}, {"c1", 2}, {"c2", 2}, {"c3", 2}, {"c4", 2}
};

/* A table that owns its arrays */
typedef struct Table
{
	ForestData	data;
	ForestColumn columns[MOST_FEATURES];
	double	   *target;
	int32_t    *classes;
	double	   *weights;
} Table;

static Table *
make_table(int64_t n_rows, int n_classes)
{
	Table	   *table = calloc(1, sizeof(*table));

	table->target = calloc((size_t) n_rows, sizeof(double));
	table->classes = calloc((size_t) n_rows, sizeof(int32_t));
	table->data.n_rows = n_rows;
	table->data.features = table->columns;
	table->data.n_classes = n_classes;
	table->data.target = table->target;
	table->data.classes = table->classes;
	table->data.class_names = class_names;
	return table;
}

static double *
add_number(Table *table)
{
	ForestColumn *column = &table->columns[table->data.n_features++];
	double	   *numbers = calloc((size_t) table->data.n_rows, sizeof(double));

	column->name.data = "x";
	column->name.size = 1;
	column->kind = FOREST_NUMBER;
	column->numbers = numbers;
	return numbers;
}

static int32_t *
add_category(Table *table, int n_names)
{
	ForestColumn *column = &table->columns[table->data.n_features++];
	int32_t    *codes = calloc((size_t) table->data.n_rows, sizeof(int32_t));

	column->name.data = "kind";
	column->name.size = 4;
	column->kind = FOREST_CATEGORY;
	column->codes = codes;
	column->categories = names;
	column->n_categories = n_names;
	return codes;
}

static void
free_table(Table *table)
{
	int			f;

	for (f = 0; f < table->data.n_features; f++)
	{
		free((void *) table->columns[f].numbers);
		free((void *) table->columns[f].codes);
	}
	free(table->target);
	free(table->classes);
	free(table->weights);
	free(table);
}

/* Weights of 1, 2 and 3 */
static void
add_weights(Table *table)
{
	int64_t		i;

	table->weights = calloc((size_t) table->data.n_rows, sizeof(double));
	for (i = 0; i < table->data.n_rows; i++)
		table->weights[i] = (double) (1 + i % 3);
	table->data.weights = table->weights;
}

/* Numbers with and without NULLs and infinities, and categories */
static Table *
make_mixed(int64_t n_rows, int n_classes, uint64_t seed)
{
	Table	   *table = make_table(n_rows, n_classes);
	double	   *plain = add_number(table);
	double	   *holes = add_number(table);
	int32_t    *full = add_category(table, 5);
	int32_t    *some = add_category(table, 3);
	double	   *ends = add_number(table);
	Random		random;
	int64_t		i;

	random_start(&random, seed, 9);
	for (i = 0; i < n_rows; i++)
	{
		double		score;

		plain[i] = random_unit(&random) * 20 + 300;
		holes[i] = random_unit(&random) - plain[i] / 30;
		full[i] = (int32_t) random_below(&random, 5);
		some[i] = (int32_t) random_below(&random, 4) - 1;
		ends[i] = random_below(&random, 7);
		score = (plain[i] - 310) / 4 + 3 * holes[i] + 30 + full[i] - 2 + (some[i] < 0 ? 1 : some[i]) +
			(random_unit(&random) + random_unit(&random) - 1) * 4;
		if (random_below(&random, 6) == 0)
			holes[i] = NAN;
		if (random_below(&random, 15) == 0)
			ends[i] = random_below(&random, 2) ? INFINITY : -INFINITY;
		table->target[i] = score;
		table->classes[i] = n_classes == 2 ? score > 1.5 :
			score < -1 ? 0 : score > 4 ? n_classes - 1 : n_classes / 2;
		if (n_classes > 3 && i % 7 == 0)
			table->classes[i] = 1;
		if (n_classes == 0)
			table->classes[i] = 0;
	}
	return table;
}

static ForestOptions
options_of(ForestAlgorithm algorithm)
{
	ForestOptions options;

	forest_options_of(&options, algorithm);
	return options;
}

/* A model and the view of it */
typedef struct Model
{
	char	   *bytes;
	size_t		size;
	Forest		forest;
	uint8_t    *row;
	ForestValue *values;
	double	   *outputs;
	double	   *margins;
} Model;

static Model
train(const Table *table, const ForestOptions *options)
{
	Model		model;
	ForestProblem problem;

	memset(&model, 0, sizeof(model));
	CHECK(forest_train(&memory_plain, &table->data, options, 0, &model.bytes,
					   &model.size, &problem));
	if (model.bytes == NULL)
		return model;
	CHECK(forest_check(&memory_plain, model.bytes, model.size, &problem));
	CHECK(forest_open(&model.forest, model.bytes, model.size));
	model.row = malloc(forest_row_size(&model.forest));
	model.values = calloc((size_t) table->data.n_features, sizeof(ForestValue));
	model.outputs = calloc(MOST_CLASSES, sizeof(double));
	model.margins = calloc(MOST_CLASSES, sizeof(double));
	return model;
}

static void
free_model(Model *model)
{
	free(model->bytes);
	free(model->row);
	free(model->values);
	free(model->outputs);
	free(model->margins);
}

/* Predicts for a row of the table. */
static void
predict(Model *model, const Table *table, int64_t row)
{
	int			f;

	for (f = 0; f < table->data.n_features; f++)
	{
		const ForestColumn *column = &table->columns[f];
		ForestText	none = {NULL, 0};

		model->values[f].number = column->kind == FOREST_NUMBER ? column->numbers[row] : NAN;
		model->values[f].category = column->kind == FOREST_NUMBER || column->codes[row] < 0 ? none :
			column->categories[column->codes[row]];
	}
	forest_bin_row(&model->forest, model->values, model->row);
	forest_predict(&model->forest, model->row, 1, model->outputs);
	forest_margins(&model->forest, model->row, 1, model->margins);
}

/*
 * The witness's columns: dense, of row-weighted mean 0 and deviation 1 for
 * numbers, 0 and 1 for the rest; the last is the intercept's.
 */
typedef struct Dense
{
	int			n_columns;
	double	   *cell;			/* row by row */
	int			number_of[MOST_FEATURES];
	int			flag_of[MOST_FEATURES];
	int			slot_of[MOST_FEATURES];	/* of NULL, if any, then the names */
	bool		has_null[MOST_FEATURES];
} Dense;

static double
weight_of(const Table *table, int64_t row)
{
	return table->weights == NULL ? 1 : table->weights[row];
}

static void
fill_number(Dense *dense, const Table *table, int f, int at)
{
	const double *numbers = table->columns[f].numbers;
	int64_t		n = table->data.n_rows;
	double		low = INFINITY;
	double		high = -INFINITY;
	long double sum = 0;
	long double mass = 0;
	long double squares = 0;
	int64_t		i;

	for (i = 0; i < n; i++)
	{
		if (isfinite(numbers[i]) && numbers[i] < low)
			low = numbers[i];
		if (isfinite(numbers[i]) && numbers[i] > high)
			high = numbers[i];
	}
	for (i = 0; i < n; i++)
	{
		if (isnan(numbers[i]))
			continue;
		sum += weight_of(table, i) * fmin(fmax(numbers[i], low), high);
		mass += weight_of(table, i);
	}
	for (i = 0; i < n; i++)
	{
		long double away = fmin(fmax(numbers[i], low), high) - sum / mass;

		if (!isnan(numbers[i]))
			squares += weight_of(table, i) * away * away;
	}
	for (i = 0; i < n; i++)
		dense->cell[i * MOST_COLUMNS + at] = isnan(numbers[i]) ? 0 :
			(double) ((fmin(fmax(numbers[i], low), high) - sum / mass) / sqrtl(squares / mass));
}

static Dense *
make_dense(const Table *table)
{
	Dense	   *dense = calloc(1, sizeof(*dense));
	int64_t		n = table->data.n_rows;
	int64_t		i;
	int			f;

	dense->cell = calloc((size_t) n * MOST_COLUMNS, sizeof(double));
	for (f = 0; f < table->data.n_features; f++)
	{
		const ForestColumn *column = &table->columns[f];

		if (column->kind == FOREST_NUMBER)
		{
			dense->number_of[f] = dense->n_columns++;
			fill_number(dense, table, f, dense->number_of[f]);
			dense->flag_of[f] = dense->n_columns;
			for (i = 0; i < n; i++)
				if (isnan(column->numbers[i]))
				{
					dense->has_null[f] = true;
					dense->cell[i * MOST_COLUMNS + dense->flag_of[f]] = 1;
				}
			dense->n_columns += dense->has_null[f];
		}
		else
		{
			dense->slot_of[f] = dense->n_columns;
			for (i = 0; i < n; i++)
			{
				dense->cell[i * MOST_COLUMNS + dense->slot_of[f] + column->codes[i] + 1] = 1;
				dense->has_null[f] = dense->has_null[f] || column->codes[i] < 0;
			}
			dense->n_columns += 1 + column->n_categories;
		}
	}
	for (i = 0; i < n; i++)
		dense->cell[i * MOST_COLUMNS + dense->n_columns] = 1;
	dense->n_columns++;
	return dense;
}

static void
free_dense(Dense *dense)
{
	free(dense->cell);
	free(dense);
}

/*
 * The weights of a margin, in the witness's columns, of which the model keeps
 * those of a category about their mean.  At the minimum they sum to 0, for
 * their gradients sum to that of the intercept, and that tells the mean.  All
 * categories must occur.  factor: the weights' part of the coefficients.
 */
static void
read_weights(const Model *model, const Table *table, const Dense *dense, int margin,
			 double factor, double *weights)
{
	LinearReader reader;
	LinearCoefficient c;
	bool		is_logit = model->forest.link == FOREST_LOGIT;
	int			f;
	int			i;

	for (i = 0; i < dense->n_columns; i++)
		weights[i] = 0;
	linear_reader_start(&reader, &model->forest);
	while (linear_reader_next(&reader, &c))
	{
		double		weight = c.standardized / factor;

		if (c.class >= 0 && !is_logit && c.class != margin)
			continue;
		if (c.feature < 0)
			weights[dense->n_columns - 1] = weight;
		else if (table->columns[c.feature].kind == FOREST_NUMBER)
			weights[c.is_null ? dense->flag_of[c.feature] : dense->number_of[c.feature]] = weight;
		else
			weights[dense->slot_of[c.feature] +
					(c.is_null ? 0 : c.category.data[0] - 'a' + 1)] = weight;
	}

	/* The base has the means of the groups in it. */
	for (f = 0; f < table->data.n_features; f++)
	{
		const ForestColumn *column = &table->columns[f];
		double		mean = 0;
		double		mass = 0;
		int64_t		row;

		if (column->kind == FOREST_CATEGORY)
		{
			int			first = dense->has_null[f] ? 0 : 1;

			for (i = first; i <= column->n_categories; i++)
				mean -= weights[dense->slot_of[f] + i];
			mean /= column->n_categories + 1 - first;
			for (i = first; i <= column->n_categories; i++)
				weights[dense->slot_of[f] + i] += mean;
		}
		else if (dense->has_null[f])
		{
			for (row = 0; row < table->data.n_rows; row++)
			{
				mass += weight_of(table, row);
				if (isnan(column->numbers[row]))
					mean += weight_of(table, row);
			}
			mean = mean / mass * weights[dense->flag_of[f]];
		}
		weights[dense->n_columns - 1] -= mean;
	}
}

/* The largest part of the gradient, of the margins' losses and the penalty */
static double
gradient_at(const Table *table, const Dense *dense, const ForestOptions *options,
			int n_margins, double weights[][MOST_COLUMNS], const double *target)
{
	static long double gradient[MOST_CLASSES][MOST_COLUMNS];
	bool		is_svm = options->algorithm == FOREST_LINEAR_SVM;
	double		largest = 0;
	int64_t		i;
	int			m;
	int			j;

	for (m = 0; m < n_margins; m++)
		for (j = 0; j < dense->n_columns; j++)
			gradient[m][j] = j + 1 < dense->n_columns ? weights[m][j] : 0;
	for (i = 0; i < table->data.n_rows; i++)
	{
		const double *cell = dense->cell + i * MOST_COLUMNS;
		double		margins[MOST_CLASSES] = {0};
		double		slopes[MOST_CLASSES];
		double		strength = options->c * weight_of(table, i);
		double		sum = 0;

		if (options->class_weights != NULL)
			strength *= options->class_weights[table->classes[i]];
		for (m = 0; m < n_margins; m++)
			for (j = 0; j < dense->n_columns; j++)
				margins[m] += weights[m][j] * cell[j];
		if (table->data.n_classes == 0)
		{
			double		away = margins[0] - target[i];
			double		beyond = fmax(0, fabs(away) - options->epsilon);

			slopes[0] = away > 0 ? 2 * beyond : -2 * beyond;
		}
		else if (is_svm)
			for (m = 0; m < n_margins; m++)
			{
				int			own = table->classes[i] == (n_margins == 1 ? 1 : m) ? 1 : -1;

				slopes[m] = -2 * own * fmax(0, 1 - own * margins[m]);
			}
		else if (n_margins == 1)
			slopes[0] = 1 / (1 + exp(-margins[0])) - table->classes[i];
		else
		{
			for (m = 0; m < n_margins; m++)
				sum += exp(margins[m]);
			for (m = 0; m < n_margins; m++)
				slopes[m] = exp(margins[m]) / sum - (table->classes[i] == m);
		}
		for (m = 0; m < n_margins; m++)
			for (j = 0; j < dense->n_columns; j++)
				gradient[m][j] += strength * slopes[m] * cell[j];
	}
	for (m = 0; m < n_margins; m++)
		for (j = 0; j < dense->n_columns; j++)
			if (fabsl(gradient[m][j]) > largest)
				largest = (double) fabsl(gradient[m][j]);
	return largest;
}

/* The target in standard deviations */
static double *
standard_target(const Table *table, double *mean, double *spread)
{
	int64_t		n = table->data.n_rows;
	double	   *standard = malloc(sizeof(double) * (size_t) n);
	long double sum = 0;
	long double squares = 0;
	long double mass = 0;
	int64_t		i;

	for (i = 0; i < n; i++)
	{
		sum += weight_of(table, i) * table->target[i];
		mass += weight_of(table, i);
	}
	*mean = (double) (sum / mass);
	for (i = 0; i < n; i++)
		squares += weight_of(table, i) * (table->target[i] - sum / mass) *
			(table->target[i] - sum / mass);
	*spread = (double) sqrtl(squares / mass);
	for (i = 0; i < n; i++)
		standard[i] = (double) ((table->target[i] - sum / mass) / sqrtl(squares / mass));
	return standard;
}

static double weights[MOST_CLASSES][MOST_COLUMNS];

/* Logistic regression of two or more classes is at the minimum. */
static void
test_logistic(int n_classes, double c, bool weighted)
{
	static const double of_classes[] = {1, 5, 0.5, 2, 1};
	Table	   *table = make_mixed(900, n_classes, 4);
	ForestOptions options = options_of(FOREST_LOGISTIC);
	Dense	   *dense = make_dense(table);
	Model		model;
	int			n_margins = n_classes == 2 ? 1 : n_classes;
	double		gradient;
	int			m;

	options.c = c;
	if (weighted)
	{
		options.class_weights = of_classes;
		add_weights(table);
		free_dense(dense);
		dense = make_dense(table);
	}
	model = train(table, &options);
	for (m = 0; m < n_margins; m++)
		read_weights(&model, table, dense, m, 1, weights[m]);
	gradient = gradient_at(table, dense, &options, n_margins, weights, NULL);
	CHECK(gradient < 1e-8 * fmax(1, c));

	/* Elsewhere it is not 0: the witness would see it. */
	weights[0][0] += 1e-4;
	CHECK(gradient_at(table, dense, &options, n_margins, weights, NULL) > 1e-5);
	free_model(&model);
	free_dense(dense);
	free_table(table);
}

/* So is support vector regression. */
static void
test_regression(double c, double epsilon, bool weighted)
{
	Table	   *table = make_mixed(900, 0, 5);
	ForestOptions options = options_of(FOREST_LINEAR_SVM);
	Dense	   *dense;
	Model		model;
	double		mean;
	double		spread;
	double	   *standard;

	if (weighted)
		add_weights(table);
	dense = make_dense(table);
	standard = standard_target(table, &mean, &spread);
	options.c = c;
	options.epsilon = epsilon;
	model = train(table, &options);
	read_weights(&model, table, dense, 0, spread, weights[0]);

	/* The intercept stands for the mean too. */
	weights[0][dense->n_columns - 1] -= mean / spread;
	CHECK(gradient_at(table, dense, &options, 1, weights, standard) < 1e-8 * fmax(1, c));
	free_model(&model);
	free(standard);
	free_dense(dense);
	free_table(table);
}

/*
 * Of an SVM's classes the model has the weights times a factor, and an
 * intercept that is changed otherwise.  Factor and intercept are searched so
 * that the gradient becomes 0, which only the right weights allow.
 */
static void
test_svm(int n_classes, bool weighted)
{
	static const double of_classes[] = {1, 3, 0.5, 2, 1};
	Table	   *table = make_mixed(700, n_classes, 6);
	ForestOptions options = options_of(FOREST_LINEAR_SVM);
	Dense	   *dense = make_dense(table);
	Model		model;
	int			n_margins = n_classes == 2 ? 1 : n_classes;
	int			m;

	if (weighted)
		options.class_weights = of_classes;
	options.c = 0.1;
	model = train(table, &options);
	for (m = 0; m < n_margins; m++)
	{
		double		factor = 1;
		double		intercept;
		int			last = dense->n_columns - 1;
		int			round;
		int			j;
		int			own = n_margins == 1 ? 1 : m;

		read_weights(&model, table, dense, m, 1, weights[1]);
		intercept = weights[1][last];

		/*
		 * Newton's method in the two variables, on the loss of weights times
		 * factor plus intercept.
		 */
		for (round = 0; round < 100; round++)
		{
			double		size = 0;
			double		g[2];
			double		h[3] = {0};
			double		fall;
			int64_t		i;

			for (j = 0; j < last; j++)
				size += weights[1][j] * weights[1][j];
			g[0] = factor * size;
			g[1] = 0;
			h[0] = size;
			for (i = 0; i < table->data.n_rows; i++)
			{
				const double *cell = dense->cell + i * MOST_COLUMNS;
				double		x = 0;
				double		side = table->classes[i] == own ? 1 : -1;
				double		strength = options.c * (weighted ? of_classes[table->classes[i]] : 1);
				double		lack;

				for (j = 0; j < last; j++)
					x += weights[1][j] * cell[j];
				lack = 1 - side * (factor * x + intercept);
				if (lack <= 0)
					continue;
				g[0] -= 2 * strength * side * lack * x;
				g[1] -= 2 * strength * side * lack;
				h[0] += 2 * strength * x * x;
				h[1] += 2 * strength * x;
				h[2] += 2 * strength;
			}
			fall = h[0] * h[2] - h[1] * h[1];
			factor -= (g[0] * h[2] - g[1] * h[1]) / fall;
			intercept -= (g[1] * h[0] - g[0] * h[1]) / fall;
		}
		for (j = 0; j < last; j++)
			weights[0][j] = factor * weights[1][j];
		weights[0][last] = intercept;

		/* One class against the others, as a table of its own */
		{
			Table		sides = *table;
			int32_t    *classes = malloc(sizeof(int32_t) * (size_t) table->data.n_rows);
			double		two[2] = {1, 1};
			int64_t		i;

			for (i = 0; i < table->data.n_rows; i++)
				classes[i] = table->classes[i] == own;
			sides.classes = classes;
			sides.weights = calloc((size_t) table->data.n_rows, sizeof(double));
			for (i = 0; i < table->data.n_rows; i++)
				sides.weights[i] = weighted ? of_classes[table->classes[i]] : 1;
			options.class_weights = two;
			CHECK(gradient_at(&sides, dense, &options, 1, weights, NULL) < 1e-8);
			options.class_weights = weighted ? of_classes : NULL;
			free(classes);
			free(sides.weights);
		}
	}
	free_model(&model);
	free_dense(dense);
	free_table(table);
}

/*
 * The O-rings of the space shuttle before the Challenger's last flight (Dalal,
 * Fowlkes, Hoadley, Journal of the American Statistical Association 84, 1989):
 * distress by temperature in Fahrenheit.  Without a penalty the textbooks
 * have 15.0429 - 0.2322 t, and a deviance of 20.315.
 */
static void
test_challenger(void)
{
	static const double temperature[] = {66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78,
	67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58};
	static const int32_t distress[] = {0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0,
	0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1};
	Table	   *table = make_table(23, 2);
	double	   *x = add_number(table);
	ForestOptions options = options_of(FOREST_LOGISTIC);
	LinearReader reader;
	LinearCoefficient c;
	Model		model;
	double		deviance = 0;
	int			i;

	for (i = 0; i < 23; i++)
	{
		x[i] = temperature[i];
		table->classes[i] = distress[i];
	}
	options.c = 1e9;
	model = train(table, &options);
	linear_reader_start(&reader, &model.forest);
	CHECK(linear_reader_next(&reader, &c));
	CHECK(c.feature == -1 && c.class == 1 && fabs(c.coefficient - 15.0429) < 5e-5);
	CHECK(linear_reader_next(&reader, &c));
	CHECK(c.feature == 0 && fabs(c.coefficient + 0.2322) < 5e-5);
	CHECK(!linear_reader_next(&reader, &c));
	for (i = 0; i < 23; i++)
	{
		predict(&model, table, i);
		deviance -= 2 * log(model.outputs[distress[i]]);
		CHECK(fabs(model.outputs[0] + model.outputs[1] - 1) < 1e-15);
	}
	CHECK(fabs(deviance - 20.315) < 5e-4);

	/* The flight of January 28, 1986, at 31 degrees */
	x[0] = 31;
	predict(&model, table, 0);
	CHECK(fabs(model.outputs[1] - 0.9996) < 5e-5);
	free_model(&model);
	free_table(table);
}

static void
swap_rows(Table *table, int64_t a, int64_t b)
{
	int			f;
	double		number = table->target[a];
	int32_t		code = table->classes[a];

	if (table->weights != NULL)
	{
		double		weight = table->weights[a];

		table->weights[a] = table->weights[b];
		table->weights[b] = weight;
	}

	table->target[a] = table->target[b];
	table->target[b] = number;
	table->classes[a] = table->classes[b];
	table->classes[b] = code;
	for (f = 0; f < table->data.n_features; f++)
	{
		double	   *numbers = (double *) table->columns[f].numbers;
		int32_t    *codes = (int32_t *) table->columns[f].codes;

		if (numbers != NULL)
		{
			number = numbers[a];
			numbers[a] = numbers[b];
			numbers[b] = number;
		}
		else
		{
			code = codes[a];
			codes[a] = codes[b];
			codes[b] = code;
		}
	}
}

/* The order of the rows does not touch a bit, held out rows or not. */
static void
test_order(ForestAlgorithm algorithm, int n_classes, double holdout)
{
	Table	   *table = make_mixed(600, n_classes, 7);
	ForestOptions options = options_of(algorithm);
	Model		one;
	Model		other;
	Random		random;
	int64_t		i;

	options.holdout = holdout;
	if (holdout > 0)
		add_weights(table);
	one = train(table, &options);
	random_start(&random, 3, 3);
	for (i = 600; i-- > 1;)
		swap_rows(table, i, random_below(&random, (uint32_t) i + 1));
	other = train(table, &options);
	CHECK(one.size == other.size && memcmp(one.bytes, other.bytes, one.size) == 0);
	free_model(&one);
	free_model(&other);
	free_table(table);
}

/* A row of weight 3 is three rows, but for the parts that an SVM is cut into. */
static void
test_weights(ForestAlgorithm algorithm, int n_classes)
{
	Table	   *weighted = make_mixed(200, n_classes, 24);
	Table	   *copied = make_table(400, n_classes);
	const ForestColumn *from = weighted->columns;
	ForestOptions options = options_of(algorithm);
	Model		one;
	Model		other;
	int64_t		at = 0;
	int64_t		i;
	int			f;

	add_weights(weighted);
	for (f = 0; f < 5; f++)
	{
		if (from[f].kind == FOREST_NUMBER)
			(void) add_number(copied);
		else
			(void) add_category(copied, from[f].n_categories);
	}
	for (i = 0; i < 200; i++)
	{
		int			copies = (int) weighted->weights[i];

		for (; copies > 0 && at < 400; copies--, at++)
		{
			for (f = 0; f < 5; f++)
			{
				if (from[f].kind == FOREST_NUMBER)
					((double *) copied->columns[f].numbers)[at] = from[f].numbers[i];
				else
					((int32_t *) copied->columns[f].codes)[at] = from[f].codes[i];
			}
			copied->target[at] = weighted->target[i];
			copied->classes[at] = weighted->classes[i];
		}
	}
	copied->data.n_rows = at;
	one = train(weighted, &options);
	other = train(copied, &options);
	for (i = 0; i < 200; i++)
	{
		predict(&one, weighted, i);
		predict(&other, weighted, i);
		CHECK(fabs(one.outputs[0] - other.outputs[0]) <
			  (algorithm == FOREST_LINEAR_SVM && n_classes > 0 ? 0.1 : 1e-8));
	}
	free_model(&one);
	free_model(&other);
	free_table(weighted);
	free_table(copied);
}

/*
 * Base and contributions are the margin; the base is its mean over the
 * training, and each feature's contributions have the mean 0.
 */
static void
test_explained(ForestAlgorithm algorithm, int n_classes)
{
	Table	   *table = make_mixed(500, n_classes, 8);
	ForestOptions options = options_of(algorithm);
	Model		model = train(table, &options);
	uint32_t	n_outputs = forest_outputs(&model.forest);
	uint32_t	class;
	int64_t		i;
	int			f;

	for (class = 0; class < n_outputs; class++)
	{
		double		mean = 0;
		double		means[5] = {0};
		double		base = 0;

		for (i = 0; i < 500; i++)
		{
			double		contributions[5];
			double		sum;
			double		margin;

			predict(&model, table, i);
			CHECK(shap_explain(&memory_plain, &model.forest, model.row, class, &base,
							   contributions) == FOREST_OK);
			margin = n_classes == 2 ? (class == 1 ? model.margins[0] : -model.margins[0]) :
				model.margins[class];
			sum = base;
			for (f = 0; f < 5; f++)
			{
				sum += contributions[f];
				means[f] += contributions[f] / 500;
			}
			CHECK(fabs(sum - margin) < 1e-9);
			mean += margin / 500;
			if (n_classes == 2)
				CHECK(fabs(log(model.outputs[class] / model.outputs[1 - class]) - margin) < 1e-9);
			if (n_classes == 0)
				CHECK(model.outputs[0] == margin);
		}
		CHECK(fabs(mean - base) < 1e-9);
		for (f = 0; f < 5; f++)
			CHECK(fabs(means[f]) < 1e-9);
	}
	free_model(&model);
	free_table(table);
}

/* Coefficients in the features' own terms give the margin. */
static void
test_coefficients(ForestAlgorithm algorithm, int n_classes)
{
	Table	   *table = make_mixed(400, n_classes, 9);
	ForestOptions options = options_of(algorithm);
	Model		model = train(table, &options);
	int64_t		i;

	for (i = 0; i < 400; i++)
	{
		double		margins[MOST_CLASSES] = {0};
		LinearReader reader;
		LinearCoefficient c;
		uint32_t	m;

		if (isinf(table->columns[4].numbers[i]))
			continue;
		predict(&model, table, i);
		linear_reader_start(&reader, &model.forest);
		while (linear_reader_next(&reader, &c))
		{
			double	   *margin = &margins[n_classes > 2 ? c.class : 0];
			ForestValue *value = &model.values[c.feature < 0 ? 0 : c.feature];

			if (c.feature < 0)
				*margin += c.coefficient;
			else if (table->columns[c.feature].kind == FOREST_NUMBER)
				*margin += c.is_null ? (isnan(value->number) ? c.coefficient : 0) :
					isnan(value->number) ? 0 : c.coefficient * value->number;
			else if (c.is_null ? value->category.data == NULL :
					 value->category.data != NULL && value->category.data[0] == c.category.data[0])
				*margin += c.coefficient;
		}
		for (m = 0; m < forest_margin_count(&model.forest); m++)
			CHECK(fabs(margins[m] - model.margins[m]) < 1e-9);
	}
	free_model(&model);
	free_table(table);
}

/* Where margins follow a logit, an SVM's shares are near the true ones. */
static void
test_calibration(int n_classes)
{
	int64_t		n = 4000;
	Table	   *table = make_table(n, n_classes);
	double	   *x = add_number(table);
	double	   *y = add_number(table);
	double	   *truth = malloc(sizeof(double) * (size_t) n * MOST_CLASSES);
	ForestOptions options = options_of(FOREST_LINEAR_SVM);
	Model		model;
	Random		random;
	double		away = 0;
	int64_t		i;
	int			c;

	random_start(&random, 11, (uint64_t) n_classes);
	for (i = 0; i < n; i++)
	{
		double		shares[MOST_CLASSES];
		double		sum = 0;
		double		draw = random_unit(&random);

		x[i] = random_unit(&random) * 4 - 2;
		y[i] = random_unit(&random) * 4 - 2;
		for (c = 0; c < n_classes; c++)
		{
			shares[c] = exp(c == 0 ? 0 : c == 1 ? x[i] + y[i] / 2 + 0.5 : 1.5 * y[i] - x[i]);
			sum += shares[c];
		}
		for (c = 0; c < n_classes; c++)
			truth[i * MOST_CLASSES + c] = shares[c] / sum;
		for (c = 0; c < n_classes - 1 && draw > shares[c] / sum; c++)
			draw -= shares[c] / sum;
		table->classes[i] = c;
	}
	model = train(table, &options);
	for (i = 0; i < n; i++)
	{
		double		sum = 0;

		predict(&model, table, i);
		for (c = 0; c < n_classes; c++)
		{
			away += fabs(model.outputs[c] - truth[i * MOST_CLASSES + c]) / (double) n / n_classes;
			sum += model.outputs[c];
		}
		CHECK(fabs(sum - 1) < 1e-12);
	}
	CHECK(away < 0.03);
	free(truth);
	free_model(&model);
	free_table(table);
}

/* Classes that a line tells apart: shares are right, finite, and no NaN. */
static void
test_separable(ForestAlgorithm algorithm, int n_classes)
{
	Table	   *table = make_table(60, n_classes);
	double	   *x = add_number(table);
	ForestOptions options = options_of(algorithm);
	Model		model;
	int			i;

	for (i = 0; i < 60; i++)
	{
		table->classes[i] = i % n_classes;
		x[i] = i % n_classes * 10 + i / 60.0;
	}
	options.c = 1000;
	model = train(table, &options);
	for (i = 0; i < 60; i++)
	{
		predict(&model, table, i);
		CHECK(forest_likeliest(&model.forest, model.outputs) == (uint32_t) (i % n_classes) ||
			  (algorithm == FOREST_LINEAR_SVM && n_classes > 2));
		CHECK(model.outputs[i % n_classes] > 0 && model.outputs[i % n_classes] <= 1);
		CHECK(isfinite(model.margins[0]));
	}
	free_model(&model);
	free_table(table);
}

/* Of all training rows one class: it is certain.  Others have the share 0. */
static void
test_one_class(ForestAlgorithm algorithm, int n_classes, int only)
{
	Table	   *table = make_mixed(40, 2, 12);
	ForestOptions options = options_of(algorithm);
	Model		model;
	int			i;

	table->data.n_classes = n_classes;
	for (i = 0; i < 40; i++)
		table->classes[i] = only;
	model = train(table, &options);
	predict(&model, table, 3);
	for (i = 0; i < n_classes; i++)
		CHECK(model.outputs[i] == (i == only));
	free_model(&model);
	free_table(table);
}

/* Of four classes only two occur: as if there were two. */
static void
test_absent_classes(ForestAlgorithm algorithm)
{
	Table	   *table = make_mixed(300, 2, 13);
	ForestOptions options = options_of(algorithm);
	Model		two = train(table, &options);
	Model		four;
	int64_t		i;

	table->data.n_classes = 4;
	for (i = 0; i < 300; i++)
		table->classes[i] = table->classes[i] * 2 + 1;
	four = train(table, &options);
	for (i = 0; i < 300; i++)
	{
		predict(&two, table, i);
		predict(&four, table, i);
		CHECK(four.outputs[0] == 0 && four.outputs[2] == 0);
		CHECK(fabs(four.outputs[1] + four.outputs[3] - 1) < 1e-12);

		/* Rows have another order, and so an SVM's parts other rows. */
		CHECK(fabs(four.outputs[3] - two.outputs[1]) <
			  (algorithm == FOREST_LOGISTIC ? 1e-9 : 0.05));
	}
	free_model(&two);
	free_model(&four);
	free_table(table);
}

/* Columns that say nothing add nothing; copies share what there is to say. */
static void
test_columns(ForestAlgorithm algorithm, int n_classes)
{
	Table	   *table = make_mixed(300, n_classes, 14);
	double	   *constant = add_number(table);
	double	   *nothing = add_number(table);
	int32_t    *no_names = add_category(table, 3);
	double	   *copy = add_number(table);
	double	   *only_ends = add_number(table);
	ForestOptions options = options_of(algorithm);
	double		gains[10];
	Model		model;
	double		sum = 0;
	int64_t		i;
	int			f;

	for (i = 0; i < 300; i++)
	{
		constant[i] = 0.1;
		nothing[i] = NAN;
		no_names[i] = -1;
		copy[i] = table->columns[0].numbers[i];
		only_ends[i] = i % 2 ? INFINITY : -INFINITY;
	}
	model = train(table, &options);
	forest_importance(&model.forest, gains);
	for (f = 0; f < 10; f++)
	{
		CHECK(gains[f] >= 0 && isfinite(gains[f]));
		sum += gains[f];
	}
	CHECK(fabs(sum - 1) < 1e-12);
	CHECK(gains[5] == 0 && gains[6] == 0 && gains[7] == 0);
	CHECK(gains[0] > 0.05 && fabs(gains[0] - gains[8]) < 1e-8);
	CHECK(gains[9] > 0);
	predict(&model, table, 5);
	CHECK(isfinite(model.outputs[0]));

	/* What the training did not have adds nothing. */
	{
		double		before = model.margins[0];

		model.values[5].number = 77;
		model.values[6].number = -3;
		model.values[7].category = names[1];
		forest_bin_row(&model.forest, model.values, model.row);
		forest_margins(&model.forest, model.row, 1, model.margins);
		CHECK(model.margins[0] == before);
		model.values[2].category.data = "never";
		model.values[2].category.size = 5;
		forest_bin_row(&model.forest, model.values, model.row);
		forest_margins(&model.forest, model.row, 1, model.margins);
		before = model.margins[0];
		model.values[2].category.data = NULL;
		forest_bin_row(&model.forest, model.values, model.row);
		forest_margins(&model.forest, model.row, 1, model.margins);
		CHECK(model.margins[0] == before);
	}
	free_model(&model);
	free_table(table);
}

/* Rows fewer than columns, and as few as there can be */
static void
test_shapes(ForestAlgorithm algorithm, int n_classes, int64_t n_rows, int n_numbers)
{
	Table	   *table = make_table(n_rows, n_classes);
	ForestOptions options = options_of(algorithm);
	Random		random;
	Model		model;
	int64_t		i;
	int			f;

	random_start(&random, 15, 0);
	for (f = 0; f < n_numbers; f++)
	{
		double	   *x = add_number(table);

		for (i = 0; i < n_rows; i++)
			x[i] = random_unit(&random);
	}
	for (i = 0; i < n_rows; i++)
	{
		table->classes[i] = n_classes == 0 ? 0 : (int32_t) (i % n_classes);
		table->target[i] = table->columns[0].numbers[i] * 3 + 1;
	}
	model = train(table, &options);
	for (i = 0; i < n_rows; i++)
	{
		predict(&model, table, i);
		CHECK(isfinite(model.outputs[0]));
		if (n_classes == 0 && n_rows > 1)
			CHECK(fabs(model.outputs[0] - table->target[i]) < 2);
		if (n_classes == 0 && n_rows == 1)
			CHECK(model.outputs[0] == table->target[i]);
	}
	free_model(&model);
	free_table(table);
}

/* So many columns that no Hessian is computed, and more than rows */
static void
test_wide(void)
{
	Table	   *table = make_table(80, 2);
	ForestOptions options = options_of(FOREST_LOGISTIC);
	Random		random;
	Dense	   *dense;
	Model		model;
	int64_t		i;
	int			f;

	random_start(&random, 22, 0);
	for (f = 0; f < 1000; f++)
	{
		double	   *x = add_number(table);

		for (i = 0; i < 80; i++)
			x[i] = random_below(&random, 30) == 0 ? NAN : random_unit(&random) + f;
	}
	for (i = 0; i < 80; i++)
		table->classes[i] = random_unit(&random) + f < table->columns[3].numbers[i] + f - 3;
	options.c = 10;
	dense = make_dense(table);
	model = train(table, &options);
	read_weights(&model, table, dense, 0, 1, weights[0]);
	CHECK(gradient_at(table, dense, &options, 1, weights, NULL) < 1e-8);
	free_model(&model);
	free_dense(dense);
	free_table(table);
}

/*
 * Units do not matter: features and target times powers of two, as large or
 * small as doubles go, give the same predictions to the bit.
 */
static void
test_units(int feature_exponent, int target_exponent)
{
	Table	   *table = make_mixed(200, 0, 16);
	ForestOptions options = options_of(FOREST_LINEAR_SVM);
	double	   *expected = malloc(200 * sizeof(double));
	Model		model;
	int64_t		i;
	int			f;

	model = train(table, &options);
	for (i = 0; i < 200; i++)
	{
		predict(&model, table, i);
		expected[i] = model.outputs[0];
	}
	free_model(&model);
	for (i = 0; i < 200; i++)
	{
		for (f = 0; f < 5; f++)
			if (table->columns[f].kind == FOREST_NUMBER)
				((double *) table->columns[f].numbers)[i] =
					ldexp(table->columns[f].numbers[i], feature_exponent);
		table->target[i] = ldexp(table->target[i], target_exponent);
	}
	model = train(table, &options);
	for (i = 0; i < 200; i++)
	{
		predict(&model, table, i);
		CHECK(fabs(ldexp(model.outputs[0], -target_exponent) - expected[i]) < 1e-8);
	}
	free(expected);
	free_model(&model);
	free_table(table);
}

/* Numbers far out of what was learned stay numbers. */
static void
test_far_out(void)
{
	Table	   *table = make_mixed(200, 0, 17);
	ForestOptions options = options_of(FOREST_LINEAR_SVM);
	Model		model = train(table, &options);
	double		high;

	predict(&model, table, 0);
	model.values[0].number = 1e308;
	model.values[1].number = -1e308;
	forest_bin_row(&model.forest, model.values, model.row);
	forest_predict(&model.forest, model.row, 1, model.outputs);
	CHECK(isfinite(model.outputs[0]));

	/* Infinity is the largest number that the training had. */
	predict(&model, table, 0);
	model.values[4].number = INFINITY;
	forest_bin_row(&model.forest, model.values, model.row);
	forest_predict(&model.forest, model.row, 1, model.outputs);
	high = model.outputs[0];
	model.values[4].number = 6;
	forest_bin_row(&model.forest, model.values, model.row);
	forest_predict(&model.forest, model.row, 1, model.outputs);
	CHECK(model.outputs[0] == high);
	free_model(&model);
	free_table(table);
}

/* More categories than bins: the most frequent have their own, the rest one. */
static void
test_many_names(void)
{
	static ForestText many[400];
	static char letters[400][4];
	Table	   *table = make_table(4000, 2);
	int32_t    *codes = add_category(table, 3);
	ForestOptions options = options_of(FOREST_LOGISTIC);
	Model		model;
	Random		random;
	double		rare;
	int			i;

	for (i = 0; i < 400; i++)
	{
		many[i].size = (uint32_t) snprintf(letters[i], 4, "%03d", i);
		many[i].data = letters[i];
	}
	table->columns[0].categories = many;
	table->columns[0].n_categories = 400;
	random_start(&random, 18, 0);
	for (i = 0; i < 4000; i++)
	{
		codes[i] = i < 400 ? i : (int32_t) random_below(&random, 20);
		table->classes[i] = random_below(&random, 20) < (uint32_t) codes[i];
	}
	options.bins = 21;
	model = train(table, &options);
	predict(&model, table, 399);
	rare = model.outputs[1];
	predict(&model, table, 250);
	CHECK(model.outputs[1] == rare);
	for (i = 401; i < 430; i++)
	{
		predict(&model, table, i);
		CHECK(fabs(model.outputs[1] - codes[i] / 20.0) < 0.15);
	}
	free_model(&model);
	free_table(table);
}

static bool
write_nothing(void *arg, const void *bytes, size_t size)
{
	(void) bytes;
	*(uint64_t *) arg -= size;
	return true;
}

static bool
begin_size(void *arg, uint64_t size)
{
	*(uint64_t *) arg = size;
	return true;
}

/* What the figures of the rows held out say is what the model predicts of them. */
static void
test_held(ForestAlgorithm algorithm, int n_classes)
{
	int64_t		n = 1000;
	Table	   *table = make_mixed(n, n_classes, 23);
	ForestOptions options = options_of(algorithm);
	ForestProblem problem;
	ForestStatus status;
	Training	training;
	ModelFigures held;
	uint64_t	left = 0;
	ModelOut	out = {begin_size, write_nothing, &left};
	Model		model;
	uint32_t   *order = malloc(sizeof(uint32_t) * (size_t) n);
	double		error = 0;
	double		log_loss = 0;
	double		mean = 0;
	double		variation = 0;
	uint64_t	correct = 0;
	double		scale;
	int64_t		rank;
	int			c;

	options.holdout = 0.3;
	CHECK(training_start(&training, &memory_plain, &table->data, &options, &problem));
	CHECK(training_prepare(&training, NULL) && training_grow(&training));
	CHECK(training_write(&training, &out) && left == 0);
	held = training.parts.held;
	scale = training.parts.scale;
	training_end(&training);

	model = train(table, &options);
	CHECK(rows_order(&memory_plain, &table->data, order, &status));
	for (rank = 700; rank < n; rank++)
		mean += table->target[order[rank]] / 300;
	for (rank = 700; rank < n; rank++)
	{
		int64_t		row = order[rank];
		int			class = table->classes[row];

		predict(&model, table, row);
		if (n_classes == 0)
		{
			error += pow(model.outputs[0] - table->target[row], 2);
			variation += pow(table->target[row] - mean, 2);
			continue;
		}
		for (c = 0; c < n_classes; c++)
			if (n_classes > 2 || c == 1)
				error += pow(model.outputs[c] - (c == class), 2);
		correct += forest_likeliest(&model.forest, model.outputs) == (uint32_t) class;
		log_loss -= log(model.outputs[class]);
	}
	CHECK(held.rows == 300 && held.correct == correct);
	CHECK(fabs(held.error * scale * scale - error) < 1e-9 * error);
	CHECK(fabs(held.log_loss - log_loss) <= 1e-9 * log_loss);
	CHECK(fabs(held.variation * scale * scale - variation) <= 1e-9 * variation);
	free(order);
	free_model(&model);
	free_table(table);
}

/* Options and targets that are none */
static void
test_faults(void)
{
	Table	   *table = make_mixed(50, 0, 19);
	ForestOptions options = options_of(FOREST_LOGISTIC);
	ForestProblem problem;
	char	   *bytes;
	size_t		size;

	CHECK(!forest_train(&memory_plain, &table->data, &options, 0, &bytes, &size, &problem));
	CHECK(problem.status == FOREST_BAD_OPTION && strcmp(problem.option, "algorithm") == 0);
	options = options_of(FOREST_LINEAR_SVM);
	options.c = 0;
	CHECK(!forest_train(&memory_plain, &table->data, &options, 0, &bytes, &size, &problem));
	CHECK(problem.status == FOREST_BAD_OPTION && strcmp(problem.option, "c") == 0);
	options.c = 1;
	options.epsilon = NAN;
	CHECK(!forest_train(&memory_plain, &table->data, &options, 0, &bytes, &size, &problem));
	CHECK(problem.status == FOREST_BAD_OPTION && strcmp(problem.option, "epsilon") == 0);
	options.epsilon = 0;
	add_weights(table);
	table->weights[3] = NAN;
	CHECK(!forest_train(&memory_plain, &table->data, &options, 0, &bytes, &size, &problem));
	CHECK(problem.status == FOREST_BAD_WEIGHT && problem.count == 1);
	table->weights[3] = 1;
	table->target[7] = NAN;
	CHECK(!forest_train(&memory_plain, &table->data, &options, 0, &bytes, &size, &problem));
	CHECK(problem.status == FOREST_TARGET_NOT_FINITE && problem.count == 1);
	free_table(table);
}

/* Linear models are no means, and cannot be merged. */
static void
test_merge(void)
{
	Table	   *table = make_mixed(50, 2, 20);
	ForestOptions options = options_of(FOREST_LOGISTIC);
	Model		model = train(table, &options);
	Forest		two[2];
	ForestProblem problem;
	char	   *bytes;
	size_t		size;

	two[0] = two[1] = model.forest;
	CHECK(!forest_merge(&memory_plain, two, 2, 0, &bytes, &size, &problem));
	CHECK(problem.status == FOREST_NO_MEAN);
	free_model(&model);
	free_table(table);
}

/* Memory that runs out, and patience */
typedef struct Limits
{
	int64_t		allocations;
	int64_t		questions;
} Limits;

static void *
limited_alloc(void *arg, size_t size)
{
	Limits	   *limits = arg;

	return limits->allocations-- > 0 ? malloc(size) : NULL;
}

static void
limited_release(void *arg, void *pointer)
{
	(void) arg;
	free(pointer);
}

static bool
limited_may_go_on(void *arg)
{
	Limits	   *limits = arg;

	return limits->questions-- > 0;
}

static void
test_limits(ForestAlgorithm algorithm, int n_classes)
{
	Table	   *table = make_mixed(300, n_classes, 21);
	ForestOptions options = options_of(algorithm);
	Limits		limits;
	Memory		memory = {limited_alloc, limited_release, limited_may_go_on, &limits};
	ForestProblem problem;
	char	   *bytes;
	size_t		size;
	int64_t		n;
	bool		done = false;

	for (n = 0; !done && n < 10000; n++)
	{
		limits.allocations = n;
		limits.questions = 1 << 30;
		done = forest_train(&memory, &table->data, &options, 0, &bytes, &size, &problem);
		if (!done)
			CHECK(problem.status == FOREST_NO_MEMORY && bytes == NULL);
	}
	CHECK(done);
	free(bytes);
	done = false;
	for (n = 0; !done && n < 10000; n++)
	{
		limits.allocations = 1 << 30;
		limits.questions = n;
		done = forest_train(&memory, &table->data, &options, 0, &bytes, &size, &problem);
		if (!done)
			CHECK(problem.status == FOREST_STOPPED);
	}
	CHECK(done && n > 3);
	free(bytes);
	free_table(table);
}

int
main(void)
{
	int			n_classes;
	int			algorithm;

	test_challenger();
	test_logistic(2, 1, false);
	test_logistic(2, 1000, true);
	test_logistic(2, 1e-3, false);
	test_logistic(3, 1, true);
	test_logistic(5, 30, false);
	test_regression(1, 0.1, false);
	test_regression(100, 0, true);
	test_regression(0.01, 0.5, true);
	test_svm(2, false);
	test_svm(2, true);
	test_svm(3, true);
	test_calibration(2);
	test_calibration(3);
	for (algorithm = FOREST_LINEAR_SVM; algorithm <= FOREST_LOGISTIC; algorithm++)
	{
		for (n_classes = algorithm == FOREST_LOGISTIC ? 2 : 0; n_classes < 4; n_classes++)
		{
			if (n_classes == 1)
				continue;
			test_order(algorithm, n_classes, 0);
			test_order(algorithm, n_classes, 0.3);
			test_weights(algorithm, n_classes);
			test_held(algorithm, n_classes);
			test_explained(algorithm, n_classes);
			test_coefficients(algorithm, n_classes);
			test_columns(algorithm, n_classes);
			test_shapes(algorithm, n_classes, 3, 1);
			test_shapes(algorithm, n_classes, 1, 2);
			test_shapes(algorithm, n_classes, 40, 1000);
			test_limits(algorithm, n_classes);
		}
		test_separable(algorithm, 2);
		test_separable(algorithm, 3);
		test_one_class(algorithm, 1, 0);
		test_one_class(algorithm, 2, 0);
		test_one_class(algorithm, 2, 1);
		test_one_class(algorithm, 4, 2);
		test_absent_classes(algorithm);
	}
	test_wide();
	test_units(0, 50);
	test_units(1000, 900);
	test_units(-1000, -900);
	test_far_out();
	test_many_names();
	test_faults();
	test_merge();
	return check_report();
}
