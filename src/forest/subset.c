/*-------------------------------------------------------------------------
 *
 * subset.c
 *	  Some rows of a table as a table of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/subset.h"

#include <string.h>

static const ForestColumn *
bring(void *arg, int32_t feature)
{
	Subset	   *subset = arg;
	const ForestColumn *from;
	int64_t		n = subset->data.n_rows;
	int64_t		i;

	if (subset->at_hand == feature)
		return &subset->column;
	from = forest_column(subset->all, feature);
	subset->column = subset->features[feature];
	if (from->kind == FOREST_NUMBER)
	{
		double	   *numbers = subset->buffer;

		for (i = 0; i < n; i++)
			numbers[i] = from->numbers[subset->rows[i]];
		subset->column.numbers = numbers;
	}
	else
	{
		int32_t    *codes = subset->buffer;
		const int32_t *code_of = subset->codes[feature];

		for (i = 0; i < n; i++)
		{
			int32_t		code = from->codes[subset->rows[i]];

			codes[i] = code < 0 ? -1 : code_of[code];
		}
		subset->column.codes = codes;
	}
	subset->at_hand = feature;
	return &subset->column;
}

/*
 * Of names by number, those that are there, in their order; number_of becomes
 * the new number of each old one.  NULL: no memory.
 */
static const ForestText *
names_there(const Memory *memory, const ForestText *names, int32_t count,
			int32_t *number_of, int32_t *left)
{
	ForestText *there = memory_array(memory, (size_t) count + 1, sizeof(ForestText));
	int32_t		i;

	*left = 0;
	for (i = 0; there != NULL && i < count; i++)
	{
		if (number_of[i] == 0)
			continue;
		there[*left] = names[i];
		number_of[i] = (*left)++;
	}
	return there;
}

static bool
take_categories(const Memory *memory, Subset *subset, int32_t feature)
{
	ForestColumn *column = &subset->features[feature];
	const ForestColumn *from = forest_column(subset->all, feature);
	int32_t    *code_of = memory_zero_array(memory, (size_t) from->n_categories + 1,
											sizeof(int32_t));
	int64_t		i;

	subset->codes[feature] = code_of;
	if (code_of == NULL)
		return false;
	for (i = 0; i < subset->data.n_rows; i++)
		if (from->codes[subset->rows[i]] >= 0)
			code_of[from->codes[subset->rows[i]]] = 1;
	column->categories = names_there(memory, from->categories, from->n_categories,
									 code_of, &column->n_categories);
	return column->categories != NULL;
}

static bool
take_classes(const Memory *memory, Subset *subset, bool keep_classes)
{
	const ForestData *all = subset->all;
	ForestData *data = &subset->data;
	int32_t    *class_of = memory_array(memory, (size_t) all->n_classes + 1, sizeof(int32_t));
	int32_t    *number_of = memory_zero_array(memory, (size_t) all->n_classes + 1, sizeof(int32_t));
	int32_t    *classes = memory_array(memory, (size_t) data->n_rows + 1, sizeof(int32_t));
	int64_t		i;

	subset->class_of = class_of;
	data->classes = classes;
	if (class_of == NULL || number_of == NULL || classes == NULL)
	{
		memory_release(memory, number_of);
		return false;
	}
	for (i = 0; i < all->n_classes; i++)
		number_of[i] = keep_classes;
	for (i = 0; i < data->n_rows; i++)
		number_of[all->classes[subset->rows[i]]] = 1;
	data->n_classes = 0;
	for (i = 0; i < all->n_classes; i++)
		if (number_of[i] != 0)
			class_of[data->n_classes++] = (int32_t) i;
	data->class_names = names_there(memory, all->class_names, all->n_classes, number_of,
									&data->n_classes);
	for (i = 0; i < data->n_rows; i++)
		classes[i] = number_of[all->classes[subset->rows[i]]];
	memory_release(memory, number_of);
	return data->class_names != NULL;
}

static double *
gather(const Memory *memory, const double *from, const uint32_t *rows, int64_t n)
{
	double	   *to = memory_array(memory, (size_t) n + 1, sizeof(double));
	int64_t		i;

	for (i = 0; to != NULL && i < n; i++)
		to[i] = from[rows[i]];
	return to;
}

bool
subset_start(const Memory *memory, const ForestData *all, const uint32_t *rows, int64_t n,
			 bool keep_classes, Subset *subset)
{
	ForestData *data = &subset->data;
	int32_t		f;

	memset(subset, 0, sizeof(*subset));
	subset->all = all;
	subset->rows = rows;
	subset->at_hand = -1;
	data->n_rows = n;
	data->n_features = all->n_features;
	data->target_source = all->target_source;
	data->bring = bring;
	data->arg = subset;
	subset->features = memory_zero_array(memory, (size_t) all->n_features + 1, sizeof(ForestColumn));
	subset->codes = memory_zero_array(memory, (size_t) all->n_features + 1, sizeof(int32_t *));
	subset->buffer = memory_array(memory, (size_t) n + 1, sizeof(double));
	if (subset->features == NULL || subset->codes == NULL || subset->buffer == NULL)
		return false;
	data->features = subset->features;
	for (f = 0; f < all->n_features; f++)
	{
		subset->features[f] = all->features[f];
		subset->features[f].numbers = NULL;
		subset->features[f].codes = NULL;
		if (!memory->may_go_on(memory->arg))
			return false;
		if (all->features[f].kind == FOREST_CATEGORY && !take_categories(memory, subset, f))
			return false;
	}
	if (all->weights != NULL && (data->weights = gather(memory, all->weights, rows, n)) == NULL)
		return false;
	if (all->n_classes > 0)
		return take_classes(memory, subset, keep_classes);
	data->target = gather(memory, all->target, rows, n);
	return data->target != NULL;
}

uint64_t
subset_need(const ForestData *all, int64_t n)
{
	uint64_t	need = (uint64_t) n * (2 * sizeof(double) + (all->weights != NULL ? sizeof(double) : 0));
	int32_t		f;

	for (f = 0; f < all->n_features; f++)
		need += sizeof(ForestColumn) + sizeof(int32_t *) + (all->features[f].kind == FOREST_CATEGORY ?
			(uint64_t) all->features[f].n_categories * (sizeof(ForestText) + sizeof(int32_t)) : 0);
	return need;
}

void
subset_end(const Memory *memory, Subset *subset)
{
	int32_t		f;

	for (f = 0; subset->features != NULL && f < subset->data.n_features; f++)
		if (subset->codes != NULL && subset->codes[f] != NULL)
		{
			memory_release(memory, (void *) subset->features[f].categories);
			memory_release(memory, subset->codes[f]);
		}
	memory_release(memory, subset->features);
	memory_release(memory, subset->codes);
	memory_release(memory, subset->buffer);
	memory_release(memory, subset->class_of);
	memory_release(memory, (void *) subset->data.classes);
	memory_release(memory, (void *) subset->data.class_names);
	memory_release(memory, (void *) subset->data.target);
	memory_release(memory, (void *) subset->data.weights);
	memset(subset, 0, sizeof(*subset));
}
