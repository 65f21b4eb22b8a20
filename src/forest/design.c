/*-------------------------------------------------------------------------
 *
 * design.c
 *	  The columns that a linear model weighs, and products with them.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/design.h"

#include <float.h>
#include <math.h>

/* Rows between two questions whether we may go on: a power of two */
#define ROWS_STRIDE 1048576

static inline bool
may_go_on(const Memory *memory, int64_t row)
{
	return (row & (ROWS_STRIDE - 1)) != 0 || memory->may_go_on(memory->arg);
}

double
linear_standard(const LinearScale *scale, double number)
{
	double		standard;

	if (number != number)
		return number;
	if (!(scale->spread > 0))
		return 0;
	if (number == INFINITY)
		number = scale->high;
	else if (number == -INFINITY)
		number = scale->low;

	/* Halves, since differences of large numbers may not fit */
	standard = (number / 2 - scale->center / 2) / (scale->spread / 2);
	if (standard > LINEAR_FARTHEST)
		return LINEAR_FARTHEST;
	return standard < -LINEAR_FARTHEST ? -LINEAR_FARTHEST : standard;
}

/*
 * Puts a column's numbers in order, NaN for NULL, and counts the NULLs that are
 * learned from; false: stopped.
 */
static bool
order_numbers(const Memory *memory, const ForestColumn *column, const uint32_t *order,
			  int64_t n_rows, int64_t n_learn, double *numbers, int64_t *nulls)
{
	int64_t		i;

	*nulls = 0;
	for (i = 0; i < n_rows; i++)
	{
		if (!may_go_on(memory, i))
			return false;
		numbers[i] = column->numbers[order[i]];
		*nulls += i < n_learn && numbers[i] != numbers[i];
	}
	return true;
}

/*
 * The extremes among finite numbers; where there are only infinite ones these
 * are -1 and 1.
 */
static void
find_extremes(const double *numbers, int64_t n, LinearScale *scale)
{
	int64_t		i;

	scale->low = INFINITY;
	scale->high = -INFINITY;
	for (i = 0; i < n; i++)
	{
		if (!isfinite(numbers[i]))
			continue;
		if (numbers[i] < scale->low)
			scale->low = numbers[i];
		if (numbers[i] > scale->high)
			scale->high = numbers[i];
	}
	if (scale->low > scale->high)
	{
		scale->low = -1;
		scale->high = 1;
	}
}

static inline double
clipped(const LinearScale *scale, double number)
{
	if (number > scale->high)
		return scale->high;
	return number < scale->low ? scale->low : number;
}

/*
 * Mean and standard deviation, counted from the lowest number, so that a
 * constant has exactly none, in units of a power of two in which squares fit.
 * False: stopped.
 */
static bool
find_scale(const Memory *memory, const double *numbers, const double *weights, int64_t n, LinearScale *scale)
{
	double		largest = fabs(scale->low) > fabs(scale->high) ?
		fabs(scale->low) : fabs(scale->high);
	int			exponent = 0;
	double		unit;
	double		low;
	double		sum = 0;
	double		mass = 0;
	double		mean;
	int64_t		i;

	(void) frexp(largest, &exponent);
	unit = ldexp(1, exponent < -999 ? 1000 : -exponent - 1);
	low = scale->low * unit;
	for (i = 0; i < n; i++)
	{
		double		weight = weights == NULL ? 1 : weights[i];

		if (!may_go_on(memory, i))
			return false;
		if (numbers[i] != numbers[i])
			continue;
		sum += weight * (clipped(scale, numbers[i]) * unit - low);
		mass += weight;
	}
	mean = mass > 0 ? sum / mass : 0;
	sum = 0;
	for (i = 0; i < n; i++)
	{
		double		weight = weights == NULL ? 1 : weights[i];
		double		away = clipped(scale, numbers[i]) * unit - low - mean;

		if (!may_go_on(memory, i))
			return false;
		if (numbers[i] == numbers[i])
			sum += weight * away * away;
	}
	scale->center = clipped(scale, (low + mean) / unit);
	scale->spread = mass > 0 ? sqrt(sum / mass) / unit : 0;
	if (scale->spread > DBL_MAX)
		scale->spread = DBL_MAX;
	return true;
}

/* The shares of the slots among the learned rows */
static void
find_shares(const DesignGroup *group, const double *weights, int64_t n)
{
	double		mass = 0;
	int64_t		i;
	uint32_t	slot;

	for (i = 0; i < n; i++)
	{
		double		weight = weights == NULL ? 1 : weights[i];

		group->shares[group->slots[i]] += weight;
		mass += weight;
	}
	for (slot = 0; slot < group->n_slots; slot++)
		group->shares[slot] /= mass > 0 ? mass : 1;
}

/* A new group of n_slots for a feature, its slots all 0; NULL: no memory */
static DesignGroup *
add_group(const Memory *memory, Design *design, int32_t feature, uint32_t n_slots)
{
	DesignGroup *group = &design->groups[design->n_groups];

	group->n_slots = n_slots;
	group->slots = memory_zero_array(memory, (size_t) design->n_blocks, DESIGN_BLOCK);
	group->shares = memory_zero_array(memory, n_slots, sizeof(double));
	design->group_of[feature] = design->n_groups++;
	return group->slots == NULL || group->shares == NULL ? NULL : group;
}

static bool
take_number(const Memory *memory, Design *design, const ForestColumn *column,
			const uint32_t *order, const double *weights, int32_t feature,
			ForestStatus *status)
{
	LinearScale *scale = &design->scales[feature];
	size_t		room = (size_t) design->n_blocks * DESIGN_BLOCK;
	double	   *numbers = memory_array(memory, room, sizeof(*numbers));
	int64_t		nulls;
	int64_t		i;

	if (numbers == NULL)
		return false;
	*status = FOREST_STOPPED;
	if (!order_numbers(memory, column, order, design->n_rows, design->n_learn,
					   numbers, &nulls))
	{
		memory_release(memory, numbers);
		return false;
	}
	find_extremes(numbers, design->n_learn, scale);
	if (!find_scale(memory, numbers, weights, design->n_learn, scale))
	{
		memory_release(memory, numbers);
		return false;
	}
	*status = FOREST_NO_MEMORY;

	/* Where there are only NULLs, a flag tells nothing. */
	if (nulls > 0 && nulls < design->n_learn)
	{
		DesignGroup *group = add_group(memory, design, feature, 2);

		if (group == NULL)
		{
			memory_release(memory, numbers);
			return false;
		}
		group->is_flag = true;
		for (i = 0; i < design->n_rows; i++)
			group->slots[i] = numbers[i] != numbers[i];
		find_shares(group, weights, design->n_learn);
	}
	if (!(scale->spread > 0))
	{
		memory_release(memory, numbers);
		return true;
	}
	for (i = 0; i < design->n_rows; i++)
		numbers[i] = numbers[i] != numbers[i] ? 0 : linear_standard(scale, numbers[i]);
	for (; i < (int64_t) room; i++)
		numbers[i] = 0;
	design->number_of[feature] = design->n_numbers;
	design->numbers[design->n_numbers++] = numbers;
	return true;
}

static bool
take_category(const Memory *memory, Design *design, const ForestColumn *column,
			  const uint32_t *order, const double *weights, int32_t bins,
			  int32_t feature, ForestStatus *status)
{
	BinTable   *table = &design->tables[feature];
	DesignGroup *group;
	int64_t		i;

	if (!bins_choose(memory, column, order, design->n_learn, bins, NULL, table))
		return false;
	group = add_group(memory, design, feature, (uint32_t) table->n_bins + 1);
	if (group == NULL)
		return false;
	for (i = 0; i < design->n_rows; i++)
	{
		int32_t		code = column->codes[order[i]];

		if (!may_go_on(memory, i))
		{
			*status = FOREST_STOPPED;
			return false;
		}
		group->slots[i] = code < 0 ? BINS_NULL : table->codes[code];
	}
	find_shares(group, weights, design->n_learn);
	return true;
}

bool
design_make(const Memory *memory, const ForestData *data, const uint32_t *order,
			int64_t n_learn, int32_t bins, BinTable *tables, Design *design,
			ForestStatus *status)
{
	size_t		n_features = (size_t) data->n_features;
	double	   *weights = NULL;
	bool		ok = false;
	int64_t		i;
	int32_t		f;
	uint32_t	g;

	memset(design, 0, sizeof(*design));
	*status = FOREST_NO_MEMORY;
	design->n_rows = data->n_rows;
	design->n_learn = n_learn;
	design->n_blocks = (data->n_rows + DESIGN_BLOCK - 1) / DESIGN_BLOCK;
	design->n_features = data->n_features;
	design->tables = tables;
	design->numbers = memory_zero_array(memory, n_features, sizeof(*design->numbers));
	design->groups = memory_zero_array(memory, n_features, sizeof(*design->groups));
	design->number_of = memory_array(memory, n_features, sizeof(*design->number_of));
	design->group_of = memory_array(memory, n_features, sizeof(*design->group_of));
	design->scales = memory_zero_array(memory, n_features, sizeof(*design->scales));
	if (design->numbers == NULL || design->groups == NULL || design->number_of == NULL ||
		design->group_of == NULL || design->scales == NULL)
		return false;
	if (data->weights != NULL)
	{
		weights = memory_array(memory, (size_t) n_learn, sizeof(*weights));
		if (weights == NULL)
			return false;
		for (i = 0; i < n_learn; i++)
			weights[i] = data->weights[order[i]];
	}

	for (f = 0; f < data->n_features; f++)
	{
		const ForestColumn *column = forest_column(data, f);

		design->number_of[f] = -1;
		design->group_of[f] = -1;
		tables[f].kind = column->kind;
		if (!(column->kind == FOREST_NUMBER ?
			  take_number(memory, design, column, order, weights, f, status) :
			  take_category(memory, design, column, order, weights, bins, f, status)))
			goto done;
		if (!memory->may_go_on(memory->arg))
		{
			*status = FOREST_STOPPED;
			goto done;
		}
	}
	design->n_columns = design->n_numbers;
	for (g = 0; g < design->n_groups; g++)
	{
		design->groups[g].begin = design->n_columns;
		design->n_columns += design->groups[g].n_slots;
	}
	design->n_columns++;
	*status = FOREST_OK;
	ok = true;

done:
	memory_release(memory, weights);
	return ok;
}

void
design_release(const Memory *memory, Design *design)
{
	uint32_t	i;

	for (i = 0; i < design->n_numbers; i++)
		memory_release(memory, design->numbers[i]);
	for (i = 0; i < design->n_groups; i++)
	{
		memory_release(memory, design->groups[i].slots);
		memory_release(memory, design->groups[i].shares);
	}
	memory_release(memory, design->numbers);
	memory_release(memory, design->groups);
	memory_release(memory, design->number_of);
	memory_release(memory, design->group_of);
	memory_release(memory, design->scales);
	memset(design, 0, sizeof(*design));
}

void
design_margins(const Design *design, int64_t block, const double *weights,
			   double *margins)
{
	size_t		begin = (size_t) block * DESIGN_BLOCK;
	double		intercept = weights[design->n_columns - 1];
	uint32_t	c;
	uint32_t	g;
	int			r;

	for (r = 0; r < DESIGN_BLOCK; r++)
		margins[r] = intercept;

	/* Four columns at a time, for the margins are read and written each time. */
	for (c = 0; c + 4 <= design->n_numbers; c += 4)
	{
		const double *a = design->numbers[c] + begin;
		const double *b = design->numbers[c + 1] + begin;
		const double *d = design->numbers[c + 2] + begin;
		const double *e = design->numbers[c + 3] + begin;
		double		wa = weights[c];
		double		wb = weights[c + 1];
		double		wd = weights[c + 2];
		double		we = weights[c + 3];

		for (r = 0; r < DESIGN_BLOCK; r++)
			margins[r] += wa * a[r] + wb * b[r] + wd * d[r] + we * e[r];
	}
	for (; c < design->n_numbers; c++)
	{
		const double *a = design->numbers[c] + begin;
		double		wa = weights[c];

		for (r = 0; r < DESIGN_BLOCK; r++)
			margins[r] += wa * a[r];
	}
	for (g = 0; g < design->n_groups; g++)
	{
		const uint8_t *slots = design->groups[g].slots + begin;
		const double *of_slots = weights + design->groups[g].begin;

		for (r = 0; r < DESIGN_BLOCK; r++)
			margins[r] += of_slots[slots[r]];
	}
}

/* In eight sums, which a compiler may keep in vectors */
static double
add_product(const double *a, const double *b)
{
	double		sums[8] = {0};
	int			r;
	int			i;

	for (r = 0; r < DESIGN_BLOCK; r += 8)
		for (i = 0; i < 8; i++)
			sums[i] += a[r + i] * b[r + i];
	return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
		((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

void
design_add(const Design *design, int64_t block, const double *factors, double *sums)
{
	size_t		begin = (size_t) block * DESIGN_BLOCK;
	double		all = 0;
	uint32_t	c;
	uint32_t	g;
	int			r;

	for (c = 0; c < design->n_numbers; c++)
		sums[c] += add_product(design->numbers[c] + begin, factors);
	for (g = 0; g < design->n_groups; g++)
	{
		const DesignGroup *group = &design->groups[g];
		const uint8_t *slots = group->slots + begin;
		double	   *of_slots = sums + group->begin;

		for (r = 0; r < DESIGN_BLOCK; r++)
			of_slots[slots[r]] += factors[r];
		if (group->is_flag)
			of_slots[0] = 0;
	}
	for (r = 0; r < DESIGN_BLOCK; r++)
		all += factors[r];
	sums[design->n_columns - 1] += all;
}

/* The products of a number, by the factors, with the numbers up to it */
static void
add_number_pairs(const Design *design, uint32_t number, size_t begin,
				 const double *product, double *row)
{
	uint32_t	c;

	for (c = 0; c <= number; c++)
		row[c] += add_product(design->numbers[c] + begin, product);
}

/* Pairs of slots: of two groups, or of a group with itself */
static void
add_slot_pairs(const Design *design, const DesignGroup *group, const DesignGroup *other,
			   size_t begin, const double *factors, double *matrix)
{
	const uint8_t *slots = group->slots + begin;
	const uint8_t *others = other->slots + begin;
	double	   *corner = matrix + (size_t) group->begin * design->n_columns + other->begin;
	int			r;

	for (r = 0; r < DESIGN_BLOCK; r++)
		corner[slots[r] * (size_t) design->n_columns + others[r]] += factors[r];
}

void
design_add_pairs(const Design *design, int64_t block, const double *factors,
				 double *matrix)
{
	size_t		begin = (size_t) block * DESIGN_BLOCK;
	size_t		n = design->n_columns;
	double	   *intercept = matrix + (n - 1) * n;
	double		product[DESIGN_BLOCK];
	uint32_t	c;
	uint32_t	g;
	uint32_t	h;
	int			r;

	for (c = 0; c < design->n_numbers; c++)
	{
		for (r = 0; r < DESIGN_BLOCK; r++)
			product[r] = factors[r] * design->numbers[c][begin + r];
		add_number_pairs(design, c, begin, product, matrix + c * n);
		for (g = 0; g < design->n_groups; g++)
		{
			const uint8_t *slots = design->groups[g].slots + begin;
			double	   *corner = matrix + design->groups[g].begin * n + c;

			for (r = 0; r < DESIGN_BLOCK; r++)
				corner[slots[r] * n] += product[r];
		}
	}
	for (g = 0; g < design->n_groups; g++)
		for (h = 0; h <= g; h++)
			add_slot_pairs(design, &design->groups[g], &design->groups[h], begin,
						   factors, matrix);

	/* The intercept's row is what design_add gives of the columns. */
	for (c = 0; c < design->n_numbers; c++)
		intercept[c] += add_product(design->numbers[c] + begin, factors);
	for (g = 0; g < design->n_groups; g++)
		for (r = 0; r < DESIGN_BLOCK; r++)
			intercept[design->groups[g].begin + design->groups[g].slots[begin + r]] += factors[r];
	for (r = 0; r < DESIGN_BLOCK; r++)
		intercept[n - 1] += factors[r];

	/* What has no weight has no products. */
	for (g = 0; g < design->n_groups; g++)
	{
		size_t		none = design->groups[g].begin;

		if (!design->groups[g].is_flag)
			continue;
		for (c = 0; c < n; c++)
			matrix[c < none ? none * n + c : c * n + none] = 0;
	}
}
