/*-------------------------------------------------------------------------
 *
 * inspect.c
 *	  What a forest makes of a table: how its predictions move with one
 *	  feature, and how wrong they become without it.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/inspect.h"

#include <math.h>

#include "core/hash.h"
#include "core/random.h"
#include "forest/bins.h"
#include "forest/model.h"

/* Rows predicted between two questions whether to go on */
#define ROWS_AT_A_TIME 1024

/* Outputs of that many rows are at most so many, or fewer rows are taken. */
#define OUTPUTS_AT_A_TIME 65536

struct Inspection
{
	const Memory *memory;
	const Forest *forest;
	size_t		row_size;
	size_t		feature_size;	/* bytes of a feature in a grove's part of a row */
	int64_t		n_rows;
	int64_t		room;
	uint8_t    *rows;
	double	   *targets;		/* NULL when there are none */

	int64_t		feature;		/* or -1 */
	ForestValue *values;		/* of one row, to bin a value of the feature */
	uint8_t    *row;
	uint64_t   *keys;			/* FOREST_NUMBER: bins_key of what is not NULL */
	int64_t		n_keys;
	ForestText *names;			/* FOREST_CATEGORY: those of all groves */
	int64_t    *counts;			/* rows of each name */
	size_t		n_names;
};

/* The names that the groves know of a feature, each once, ascending */
static bool
gather_names(Inspection *inspection)
{
	const Forest *forest = inspection->forest;
	const Memory *memory = inspection->memory;
	uint32_t	feature = (uint32_t) inspection->feature;
	Grove		grove = model_first_grove(forest);
	ForestText *merged;
	size_t		most = 0;
	uint32_t	g;

	for (g = 0; g < forest->n_groves; g++)
	{
		if (g > 0)
			grove = model_next_grove(forest, &grove);
		most += model_categories(&grove, feature).n;
	}
	inspection->names = memory_array(memory, most, sizeof(ForestText));
	inspection->counts = memory_zero_array(memory, most, sizeof(int64_t));
	merged = memory_array(memory, most, sizeof(ForestText));
	if (inspection->names == NULL || inspection->counts == NULL || merged == NULL)
	{
		memory_release(memory, merged);
		return false;
	}
	grove = model_first_grove(forest);
	for (g = 0; g < forest->n_groves; g++)
	{
		GroveCategories categories;
		size_t		n = 0;
		size_t		i = 0;
		uint32_t	c = 0;

		if (g > 0)
			grove = model_next_grove(forest, &grove);
		categories = model_categories(&grove, feature);
		while (i < inspection->n_names || c < categories.n)
		{
			int			order = i == inspection->n_names ? 1 : c == categories.n ? -1 :
				forest_text_compare(inspection->names[i], model_category(&categories, c));

			merged[n++] = order <= 0 ? inspection->names[i] : model_category(&categories, c);
			i += order <= 0;
			c += order >= 0;
		}
		memcpy(inspection->names, merged, n * sizeof(*merged));
		inspection->n_names = n;
	}
	memory_release(memory, merged);
	return true;
}

Inspection *
inspect_start(const Memory *memory, const Forest *forest, int64_t feature, bool has_targets)
{
	Inspection *inspection = memory_zero_array(memory, 1, sizeof(*inspection));
	bool		ok;

	if (inspection == NULL)
		return NULL;
	inspection->memory = memory;
	inspection->forest = forest;
	inspection->row_size = forest_row_size(forest);
	inspection->feature_size = inspection->row_size / forest->n_groves / forest->n_features;
	inspection->feature = feature;
	inspection->room = 1024;
	inspection->rows = memory_array(memory, 1024, inspection->row_size);
	inspection->row = memory_array(memory, 1, inspection->row_size);
	inspection->values = memory_zero_array(memory, forest->n_features, sizeof(ForestValue));
	ok = inspection->rows != NULL && inspection->row != NULL && inspection->values != NULL;
	if (has_targets)
	{
		inspection->targets = memory_array(memory, 1024, sizeof(double));
		ok = ok && inspection->targets != NULL;
	}
	if (feature >= 0 && forest_feature_kind(forest, (uint32_t) feature) == FOREST_NUMBER)
	{
		inspection->keys = memory_array(memory, 1024, sizeof(uint64_t));
		ok = ok && inspection->keys != NULL;
	}
	else if (feature >= 0)
		ok = ok && gather_names(inspection);
	if (!ok)
	{
		inspect_end(inspection);
		return NULL;
	}
	return inspection;
}

void
inspect_end(Inspection *inspection)
{
	const Memory *memory = inspection->memory;

	memory_release(memory, inspection->rows);
	memory_release(memory, inspection->row);
	memory_release(memory, inspection->values);
	memory_release(memory, inspection->targets);
	memory_release(memory, inspection->keys);
	memory_release(memory, inspection->names);
	memory_release(memory, inspection->counts);
	memory_release(memory, inspection);
}

int64_t
inspect_rows(const Inspection *inspection)
{
	return inspection->n_rows;
}

/*
 * While it grows an array it holds the old one and the new one; later a copy
 * of the keys to sort them, or a hash and a rank of each row.
 */
uint64_t
inspect_need(const Inspection *inspection)
{
	uint64_t	row = inspection->row_size + (inspection->targets != NULL ? 20 : 0) +
		(inspection->keys != NULL ? 16 : 0);

	if (inspection->n_rows < inspection->room)
		return row * (uint64_t) inspection->room;
	return row * (uint64_t) inspection->room * 3;
}

bool
inspect_add(Inspection *inspection, const uint8_t *row, const ForestValue *values,
			double target)
{
	const Memory *memory = inspection->memory;
	size_t		n = (size_t) inspection->n_rows;

	if (inspection->n_rows == inspection->room)
	{
		size_t		room = (size_t) inspection->room;
		void	   *larger = memory_grow(memory, inspection->rows, room, room * 2,
										 inspection->row_size);

		if (larger == NULL)
			return false;
		inspection->rows = larger;
		if (inspection->targets != NULL)
		{
			larger = memory_grow(memory, inspection->targets, room, room * 2, sizeof(double));
			if (larger == NULL)
				return false;
			inspection->targets = larger;
		}
		if (inspection->keys != NULL)
		{
			larger = memory_grow(memory, inspection->keys, room, room * 2, sizeof(uint64_t));
			if (larger == NULL)
				return false;
			inspection->keys = larger;
		}
		inspection->room *= 2;
	}
	memcpy(inspection->rows + n * inspection->row_size, row, inspection->row_size);
	if (inspection->targets != NULL)
		inspection->targets[n] = target;
	if (inspection->keys != NULL && !isnan(values[inspection->feature].number))
		inspection->keys[inspection->n_keys++] = bins_key(values[inspection->feature].number);
	if (inspection->names != NULL && values[inspection->feature].category.data != NULL)
	{
		size_t		low = 0;
		size_t		high = inspection->n_names;

		while (low < high)
		{
			size_t		middle = low + (high - low) / 2;
			int			order = forest_text_compare(inspection->names[middle],
													values[inspection->feature].category);

			if (order == 0)
			{
				inspection->counts[middle]++;
				break;
			}
			if (order < 0)
				low = middle + 1;
			else
				high = middle;
		}
	}
	inspection->n_rows++;
	return true;
}

/*
 * Gives a row the other's value of a feature.  Groves of one model are of one
 * kind, and each keeps its part of a row feature by feature.
 */
static void
take_feature(const Inspection *inspection, uint8_t *row, const uint8_t *from, size_t feature)
{
	size_t		size = inspection->feature_size;
	uint32_t	g;

	for (g = 0; g < inspection->forest->n_groves; g++)
	{
		size_t		at = ((size_t) g * inspection->forest->n_features + feature) * size;

		memcpy(row + at, from + at, size);
	}
}

static size_t
rows_at_a_time(const Forest *forest)
{
	size_t		rows = OUTPUTS_AT_A_TIME / forest_outputs(forest);

	return rows < ROWS_AT_A_TIME ? rows : ROWS_AT_A_TIME;
}

/* Quantiles of the numbers as points, each value once, with their rows */
static ForestStatus
number_points(Inspection *inspection, uint32_t most, InspectPoint *points, size_t *n)
{
	uint64_t   *keys = inspection->keys;
	size_t		n_keys = (size_t) inspection->n_keys;
	uint64_t   *spare = memory_array(inspection->memory, n_keys, sizeof(*spare));
	size_t		values = 0;
	size_t		counted = 0;
	size_t		i;

	if (spare == NULL)
		return FOREST_NO_MEMORY;
	bins_sort(keys, spare, n_keys);
	memory_release(inspection->memory, spare);
	for (i = 0; i < n_keys && values <= most; i++)
		values += i == 0 || keys[i] != keys[i - 1];
	*n = 0;
	for (i = 0; i < (values <= most ? n_keys : most); i++)
	{
		size_t		at = values <= most ? i : most == 1 ? n_keys - 1 : i * (n_keys - 1) / (most - 1);
		InspectPoint *point = &points[*n];

		/* All rows of the value count with it. */
		if (at < counted)
			continue;
		point->value.number = bins_key_number(keys[at]);
		point->value.category.data = NULL;
		point->rows = -(int64_t) counted;
		for (counted = at; counted < n_keys && keys[counted] == keys[at]; counted++)
			;
		point->rows += (int64_t) counted;
		(*n)++;
	}
	return FOREST_OK;
}

/* The mean prediction when every row has those bins of the feature */
static ForestStatus
mean_prediction(Inspection *inspection, const uint8_t *bins, uint32_t class,
				uint8_t *rows, double *outputs, double *mean)
{
	const Forest *forest = inspection->forest;
	const Memory *memory = inspection->memory;
	size_t		at_a_time = rows_at_a_time(forest);
	size_t		row_size = inspection->row_size;
	size_t		n_rows = (size_t) inspection->n_rows;
	uint32_t	n_outputs = forest_outputs(forest);
	double		sum = 0;
	size_t		begin;

	for (begin = 0; begin < n_rows; begin += at_a_time)
	{
		size_t		n = n_rows - begin < at_a_time ? n_rows - begin : at_a_time;
		double		block = 0;
		size_t		i;

		if (!memory->may_go_on(memory->arg))
			return FOREST_STOPPED;
		memcpy(rows, inspection->rows + begin * row_size, n * row_size);
		for (i = 0; i < n; i++)
			take_feature(inspection, rows + i * row_size, bins, (size_t) inspection->feature);
		forest_predict(forest, rows, n, outputs);
		for (i = 0; i < n; i++)
			block += outputs[i * n_outputs + class];
		sum += block;
	}
	*mean = sum / (double) n_rows;
	return FOREST_OK;
}

ForestStatus
inspect_dependence(Inspection *inspection, uint32_t most, uint32_t class,
				   InspectPoint **points, size_t *n)
{
	const Forest *forest = inspection->forest;
	const Memory *memory = inspection->memory;
	size_t		at_a_time = rows_at_a_time(forest);
	ForestValue *value = &inspection->values[inspection->feature];
	uint8_t    *bins = inspection->row;
	uint8_t    *last = memory_array(memory, 1, inspection->row_size);
	uint8_t    *rows = memory_array(memory, at_a_time, inspection->row_size);
	double	   *outputs = memory_array(memory, at_a_time * forest_outputs(forest), sizeof(double));
	size_t		room = inspection->keys != NULL ? most : inspection->n_names;
	ForestStatus status = FOREST_NO_MEMORY;
	int64_t		rows_of_points = 0;
	size_t		i;

	*points = memory_array(memory, room + 1, sizeof(InspectPoint));
	*n = 0;
	if (last == NULL || rows == NULL || outputs == NULL || *points == NULL)
		goto done;
	status = FOREST_OK;
	if (inspection->keys != NULL)
		status = number_points(inspection, most, *points, n);
	else
		for (; *n < inspection->n_names; (*n)++)
		{
			(*points)[*n].value.number = NAN;
			(*points)[*n].value.category = inspection->names[*n];
			(*points)[*n].rows = inspection->counts[*n];
		}
	if (status != FOREST_OK)
		goto done;
	for (i = 0; i < *n; i++)
		rows_of_points += (*points)[i].rows;
	if (rows_of_points < inspection->n_rows)
	{
		(*points)[*n].value.number = NAN;
		(*points)[*n].value.category.data = NULL;
		(*points)[(*n)++].rows = inspection->n_rows - rows_of_points;
	}

	/* Other values in the same bins of all groves have the same prediction. */
	for (i = 0; status == FOREST_OK && i < *n; i++)
	{
		*value = (*points)[i].value;
		forest_bin_row(forest, inspection->values, bins);
		if (i > 0 && memcmp(bins, last, inspection->row_size) == 0)
			(*points)[i].prediction = (*points)[i - 1].prediction;
		else
			status = mean_prediction(inspection, bins, class, rows, outputs,
									 &(*points)[i].prediction);
		memcpy(last, bins, inspection->row_size);
	}

done:
	memory_release(memory, last);
	memory_release(memory, rows);
	memory_release(memory, outputs);
	if (status != FOREST_OK)
	{
		memory_release(memory, *points);
		*points = NULL;
	}
	return status;
}

/*
 * Permutation importance
 */

/* Room for dealing */
typedef struct Deal
{
	uint32_t   *order;			/* rows by content */
	uint64_t   *hashes;
	uint32_t   *dealt;			/* whose value the row of a rank gets */
	uint8_t    *rows;
	double	   *outputs;
	double	   *errors;			/* rise of each feature and repeat */
} Deal;

static int
compare_rows(const Inspection *inspection, const Deal *deal, uint32_t a, uint32_t b)
{
	if (deal->hashes[a] != deal->hashes[b])
		return deal->hashes[a] < deal->hashes[b] ? -1 : 1;
	if (inspection->targets[a] != inspection->targets[b])
		return inspection->targets[a] < inspection->targets[b] ? -1 : 1;
	return memcmp(inspection->rows + a * inspection->row_size,
				  inspection->rows + b * inspection->row_size, inspection->row_size);
}

/* Moves a row down the heap until none below it is greater. */
static void
sift(const Inspection *inspection, const Deal *deal, size_t at, size_t n)
{
	uint32_t	row = deal->order[at];

	for (;;)
	{
		size_t		child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && compare_rows(inspection, deal, deal->order[child],
										  deal->order[child + 1]) < 0)
			child++;
		if (compare_rows(inspection, deal, row, deal->order[child]) >= 0)
			break;
		deal->order[at] = deal->order[child];
		at = child;
	}
	deal->order[at] = row;
}

/* Sorts the rows by content; equal ones may stand in any order. */
static ForestStatus
sort_rows(const Inspection *inspection, const Deal *deal)
{
	const Memory *memory = inspection->memory;
	size_t		n = (size_t) inspection->n_rows;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint64_t	target;

		memcpy(&target, &inspection->targets[i], sizeof(target));
		deal->hashes[i] = hash_keyed(inspection->rows + i * inspection->row_size,
									 inspection->row_size, target, 0);
		deal->order[i] = (uint32_t) i;
	}
	for (i = n / 2; i-- > 0;)
		sift(inspection, deal, i, n);
	for (i = n; i-- > 1;)
	{
		uint32_t	largest = deal->order[0];

		if (i % ROWS_AT_A_TIME == 0 && !memory->may_go_on(memory->arg))
			return FOREST_STOPPED;
		deal->order[0] = deal->order[i];
		deal->order[i] = largest;
		sift(inspection, deal, 0, i);
	}
	return FOREST_OK;
}

/* The error of the rows, with the values of a feature dealt out, or -1 */
static ForestStatus
measure_error(const Inspection *inspection, const Deal *deal, int64_t feature, double *error)
{
	const Forest *forest = inspection->forest;
	const Memory *memory = inspection->memory;
	size_t		at_a_time = rows_at_a_time(forest);
	size_t		row_size = inspection->row_size;
	size_t		n_rows = (size_t) inspection->n_rows;
	uint32_t	n_outputs = forest_outputs(forest);
	double		sum = 0;
	size_t		begin;

	for (begin = 0; begin < n_rows; begin += at_a_time)
	{
		size_t		n = n_rows - begin < at_a_time ? n_rows - begin : at_a_time;
		double		block = 0;
		size_t		i;
		uint32_t	c;

		if (!memory->may_go_on(memory->arg))
			return FOREST_STOPPED;
		for (i = 0; i < n; i++)
		{
			memcpy(deal->rows + i * row_size,
				   inspection->rows + deal->order[begin + i] * row_size, row_size);
			if (feature >= 0)
				take_feature(inspection, deal->rows + i * row_size,
							 inspection->rows + deal->order[deal->dealt[begin + i]] * row_size,
							 (size_t) feature);
		}
		forest_predict(forest, deal->rows, n, deal->outputs);
		for (i = 0; i < n; i++)
		{
			double		target = inspection->targets[deal->order[begin + i]];
			const double *outputs = deal->outputs + i * n_outputs;
			double		row = 0;

			if (forest->n_classes == 0)
				row = (outputs[0] - target) * (outputs[0] - target);
			else
			{
				for (c = 0; c < forest->n_classes; c++)
				{
					double		miss = outputs[c] - (c == target);

					row += miss * miss;
				}
				row += target < 0;
				if (forest->n_classes == 2)
					row /= 2;
			}
			block += row;
		}
		sum += block;
	}
	*error = sum / (double) n_rows;
	return FOREST_OK;
}

/* Deals ranks out, each once: Fisher and Yates */
static void
deal_out(const Deal *deal, size_t n, uint64_t seed, uint64_t stream)
{
	Random		random;
	size_t		i;

	random_start(&random, seed, stream);
	for (i = 0; i < n; i++)
	{
		size_t		j = random_below(&random, (uint32_t) i + 1);

		deal->dealt[i] = deal->dealt[j];
		deal->dealt[j] = (uint32_t) i;
	}
}

ForestStatus
inspect_permutation(Inspection *inspection, int32_t repeats, uint64_t seed,
					double *error, double *rises, double *deviations)
{
	const Forest *forest = inspection->forest;
	const Memory *memory = inspection->memory;
	size_t		at_a_time = rows_at_a_time(forest);
	size_t		n = (size_t) inspection->n_rows;
	ForestStatus status = FOREST_NO_MEMORY;
	Deal		deal;
	int32_t		r;
	uint32_t	f;

	deal.order = memory_array(memory, n, sizeof(uint32_t));
	deal.hashes = memory_array(memory, n, sizeof(uint64_t));
	deal.dealt = memory_array(memory, n, sizeof(uint32_t));
	deal.rows = memory_array(memory, at_a_time, inspection->row_size);
	deal.outputs = memory_array(memory, at_a_time * forest_outputs(forest), sizeof(double));
	deal.errors = memory_array(memory, (size_t) repeats * forest->n_features, sizeof(double));
	if (deal.order == NULL || deal.hashes == NULL || deal.dealt == NULL ||
		deal.rows == NULL || deal.outputs == NULL || deal.errors == NULL)
		goto done;
	status = sort_rows(inspection, &deal);
	if (status == FOREST_OK)
		status = measure_error(inspection, &deal, -1, error);
	for (r = 0; status == FOREST_OK && r < repeats; r++)
	{
		deal_out(&deal, n, seed, (uint64_t) r);
		for (f = 0; status == FOREST_OK && f < forest->n_features; f++)
			status = measure_error(inspection, &deal, f, &deal.errors[f * (size_t) repeats + (size_t) r]);
	}
	for (f = 0; status == FOREST_OK && f < forest->n_features; f++)
	{
		const double *errors = deal.errors + f * (size_t) repeats;
		double		squares = 0;

		rises[f] = 0;
		for (r = 0; r < repeats; r++)
			rises[f] += (errors[r] - *error) / repeats;
		for (r = 0; r < repeats; r++)
			squares += (errors[r] - *error - rises[f]) * (errors[r] - *error - rises[f]);
		deviations[f] = repeats > 1 ? sqrt(squares / (repeats - 1)) : NAN;
	}

done:
	memory_release(memory, deal.order);
	memory_release(memory, deal.hashes);
	memory_release(memory, deal.dealt);
	memory_release(memory, deal.rows);
	memory_release(memory, deal.outputs);
	memory_release(memory, deal.errors);
	return status;
}
