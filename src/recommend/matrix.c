/*-------------------------------------------------------------------------
 *
 * matrix.c
 *	  Who had what: rows as they come, and the matrix made of them.
 *
 * Nothing is sorted by comparisons but the names, and rows that have weights
 * or times: dealing the entries out by item, and then back by customer, leaves
 * each list rising.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

#define FIRST_CHUNKS 16

/* What is so old that it counts for nothing is still there. */
#define LEAST_VALUE 1e-18f

/* Entries handled between two questions whether to go on */
#define ENTRIES_A_QUESTION 1000000

bool
interactions_start(Interactions *rows, const Memory *memory, Names *customers,
				   Names *items, bool has_weights, bool has_times)
{
	memset(rows, 0, sizeof(*rows));
	rows->memory = memory;
	rows->customers = customers;
	rows->items = items;
	rows->has_weights = has_weights;
	rows->has_times = has_times;
	return names_start(&rows->categories, memory);
}

/* Lets go of the rows, but not of the categories. */
static void
end_chunks(Interactions *rows)
{
	uint64_t	i;

	for (i = 0; i < rows->n_chunks; i++)
	{
		memory_release(rows->memory, rows->chunks[i].customer);
		memory_release(rows->memory, rows->chunks[i].item);
		memory_release(rows->memory, rows->chunks[i].weight);
		memory_release(rows->memory, rows->chunks[i].at);
	}
	memory_release(rows->memory, rows->chunks);
	rows->chunks = NULL;
	rows->n_chunks = 0;
	rows->chunk_room = 0;
	rows->rows = 0;
	rows->bytes = 0;
}

void
interactions_end(Interactions *rows)
{
	end_chunks(rows);
	names_end(&rows->categories);
	memory_release(rows->memory, rows->category_of);
	rows->category_of = NULL;
	rows->category_room = 0;
}

static bool
add_chunk(Interactions *rows)
{
	const Memory *memory = rows->memory;
	InteractionChunk *chunk;

	if (rows->n_chunks == rows->chunk_room)
	{
		uint64_t	room = rows->chunk_room == 0 ? FIRST_CHUNKS : rows->chunk_room * 2;
		InteractionChunk *chunks = memory_grow(memory, rows->chunks, rows->n_chunks, room,
											   sizeof(*chunks));

		if (chunks == NULL)
			return false;
		rows->chunks = chunks;
		rows->chunk_room = room;
	}
	chunk = &rows->chunks[rows->n_chunks];
	memset(chunk, 0, sizeof(*chunk));
	rows->n_chunks++;
	chunk->customer = memory_array(memory, INTERACTION_CHUNK, sizeof(*chunk->customer));
	chunk->item = memory_array(memory, INTERACTION_CHUNK, sizeof(*chunk->item));
	if (rows->has_weights)
		chunk->weight = memory_array(memory, INTERACTION_CHUNK, sizeof(*chunk->weight));
	if (rows->has_times)
		chunk->at = memory_array(memory, INTERACTION_CHUNK, sizeof(*chunk->at));
	rows->bytes += INTERACTION_CHUNK *
		(8 + (rows->has_weights ? sizeof(double) : 0) + (rows->has_times ? sizeof(int64_t) : 0));
	return chunk->customer != NULL && chunk->item != NULL &&
		(chunk->weight != NULL || !rows->has_weights) &&
		(chunk->at != NULL || !rows->has_times);
}

bool
interactions_add(Interactions *rows, uint32_t customer, uint32_t item,
				 double weight, int64_t at)
{
	uint64_t	place = rows->rows % INTERACTION_CHUNK;
	InteractionChunk *chunk;

	if (place == 0 && !add_chunk(rows))
		return false;
	chunk = &rows->chunks[rows->n_chunks - 1];
	chunk->customer[place] = customer;
	chunk->item[place] = item;
	if (chunk->weight != NULL)
		chunk->weight[place] = weight;
	if (chunk->at != NULL)
		chunk->at[place] = at;
	rows->rows++;
	return true;
}

bool
interactions_categorize(Interactions *rows, uint32_t item, const char *data, uint32_t size)
{
	NameText		given = {data, size};
	uint32_t	category = names_number(&rows->categories, data, size);

	if (category == NAME_NONE)
		return false;
	if (item >= rows->category_room)
	{
		uint32_t	room = item + item / 2 + 64;
		uint32_t   *grown = memory_grow(rows->memory, rows->category_of,
										rows->category_room, room, sizeof(*grown));

		if (grown == NULL)
			return false;
		memset(grown + rows->category_room, 0xff,
			   (room - rows->category_room) * sizeof(*grown));
		rows->bytes += (room - rows->category_room) * sizeof(*grown);
		rows->category_of = grown;
		rows->category_room = room;
	}
	if (rows->category_of[item] == NAME_NONE ||
		name_compare(given, names_text(&rows->categories, rows->category_of[item])) < 0)
		rows->category_of[item] = category;
	return true;
}

/* A row of the customer that is being looked at */
typedef struct MatrixRow
{
	double		weight;
	int64_t		at;
	uint32_t	item;
} MatrixRow;

/* What a build has in hand besides the matrix */
typedef struct Building
{
	const Memory *memory;
	const MatrixOptions *options;
	Matrix	   *matrix;
	bool		has_weights;
	double	   *weights;		/* of the rows dealt out by customer */
	int64_t    *times;
	float	   *item_amounts;
	int64_t    *item_last;
	uint64_t   *cursor;			/* one for each customer, or item */
	MatrixRow  *sorting;
} Building;

static int
compare_rows(const void *left, const void *right)
{
	const MatrixRow *a = left;
	const MatrixRow *b = right;

	if (a->item != b->item)
		return a->item < b->item ? -1 : 1;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return (a->weight > b->weight) - (a->weight < b->weight);
}

/* The numbers of customers, by their texts. */
static bool
number_customers(Matrix *matrix, const Matrix *like)
{
	const Memory *memory = matrix->memory;
	size_t		n = matrix->n_customers;
	uint32_t	i;

	matrix->customer_number = memory_array(memory, n, sizeof(uint32_t));
	matrix->customer_id = memory_array(memory, n, sizeof(uint32_t));
	if (matrix->customer_number == NULL || matrix->customer_id == NULL)
		return false;
	if (like != NULL)
	{
		memcpy(matrix->customer_number, like->customer_number, n * sizeof(uint32_t));
		memcpy(matrix->customer_id, like->customer_id, n * sizeof(uint32_t));
		return true;
	}
	if (!names_sort(matrix->customer_names, matrix->customer_id))
		return false;
	for (i = 0; i < n; i++)
		matrix->customer_number[matrix->customer_id[i]] = i;
	return true;
}

/* Turns counts, each in the place after its own, into where each begins. */
static void
counts_to_starts(uint64_t *start, uint64_t count)
{
	uint64_t	i;

	start[0] = 0;
	for (i = 0; i < count; i++)
		start[i + 1] += start[i];
}

static bool
is_left_out(const MatrixOptions *options, uint64_t row)
{
	return options->leave_out != NULL && options->leave_out[row];
}

/* Deals the rows out by customer, under the names' numbers of items. */
static bool
deal_rows(Building *building, const Interactions *rows)
{
	const Memory *memory = building->memory;
	Matrix	   *matrix = building->matrix;
	const MatrixOptions *options = building->options;
	uint64_t	chunk;
	uint64_t	all;

	matrix->customer_start = memory_zero_array(memory, (size_t) matrix->n_customers + 1,
											   sizeof(uint64_t));
	if (matrix->customer_start == NULL)
		return false;
	for (chunk = 0; chunk < rows->n_chunks; chunk++)
	{
		const InteractionChunk *from = &rows->chunks[chunk];
		uint64_t	first = chunk * INTERACTION_CHUNK;
		uint64_t	n = rows->rows - first < INTERACTION_CHUNK ? rows->rows - first :
			INTERACTION_CHUNK;
		uint64_t	i;

		for (i = 0; i < n; i++)
			if (!is_left_out(options, first + i))
				matrix->customer_start[matrix->customer_number[from->customer[i]] + 1]++;
	}
	counts_to_starts(matrix->customer_start, matrix->n_customers);
	all = matrix->customer_start[matrix->n_customers];

	matrix->items = memory_array(memory, all, sizeof(uint32_t));
	building->cursor = memory_array(memory, matrix->n_customers, sizeof(uint64_t));
	if (rows->has_weights)
		building->weights = memory_array(memory, all, sizeof(double));
	if (rows->has_times)
		building->times = memory_array(memory, all, sizeof(int64_t));
	if (matrix->items == NULL || building->cursor == NULL ||
		(rows->has_weights && building->weights == NULL) ||
		(rows->has_times && building->times == NULL))
		return false;
	memcpy(building->cursor, matrix->customer_start, matrix->n_customers * sizeof(uint64_t));
	for (chunk = 0; chunk < rows->n_chunks; chunk++)
	{
		const InteractionChunk *from = &rows->chunks[chunk];
		uint64_t	first = chunk * INTERACTION_CHUNK;
		uint64_t	n = rows->rows - first < INTERACTION_CHUNK ? rows->rows - first :
			INTERACTION_CHUNK;
		uint64_t	i;

		if (!memory->may_go_on(memory->arg))
			return false;
		for (i = 0; i < n; i++)
		{
			uint64_t	place;

			if (is_left_out(options, first + i))
				continue;
			place = building->cursor[matrix->customer_number[from->customer[i]]]++;
			matrix->items[place] = from->item[i];
			if (building->weights != NULL)
				building->weights[place] = from->weight[i];
			if (building->times != NULL)
			{
				building->times[place] = from->at[i];
				if (from->at[i] > matrix->newest)
					matrix->newest = from->at[i];
			}
		}
	}
	memory_release(memory, building->cursor);
	building->cursor = NULL;
	return true;
}

/*
 * One entry of all rows of a customer and an item, where rows differ in
 * nothing else.  Amounts come into being with the first row that repeats.
 */
static bool
unite_plain(Building *building)
{
	const Memory *memory = building->memory;
	Matrix	   *matrix = building->matrix;
	uint64_t	all = matrix->customer_start[matrix->n_customers];
	uint64_t   *place_of = memory_zero_array(memory, matrix->n_items, sizeof(uint64_t));
	uint64_t	to = 0;
	uint64_t	from = 0;
	uint64_t	asked = 0;
	uint64_t	i;
	uint32_t	customer;

	if (place_of == NULL)
		return false;
	for (customer = 0; customer < matrix->n_customers; customer++)
	{
		uint64_t	first = to;
		uint64_t	end = matrix->customer_start[customer + 1];

		matrix->customer_start[customer] = first;
		for (; from < end; from++)
		{
			uint32_t	item = matrix->items[from];
			uint64_t	place = place_of[item];

			/* Of this customer, if at all: places are kept as one more. */
			if (place <= first)
			{
				if (matrix->amounts != NULL)
					matrix->amounts[to] = 1;
				matrix->items[to++] = item;
				place_of[item] = to;
				continue;
			}
			if (matrix->amounts == NULL)
			{
				matrix->amounts = memory_array(memory, all, sizeof(float));
				if (matrix->amounts == NULL)
				{
					memory_release(memory, place_of);
					return false;
				}
				for (i = 0; i < to; i++)
					matrix->amounts[i] = 1;
			}
			matrix->amounts[place - 1]++;
		}
		if (from - asked > ENTRIES_A_QUESTION)
		{
			asked = from;
			if (!memory->may_go_on(memory->arg))
			{
				memory_release(memory, place_of);
				return false;
			}
		}
	}
	matrix->customer_start[matrix->n_customers] = to;
	memory_release(memory, place_of);
	return true;
}

/* The entry of rows of one item, by rising time and weight */
static void
unite_rows(const Building *building, const MatrixRow *rows, uint64_t count,
		   uint64_t to)
{
	const Matrix *matrix = building->matrix;
	double		half_life = building->options->half_life;
	double		amount = 0;
	double		value = 0;
	uint64_t	i;

	for (i = 0; i < count; i++)
	{
		double		fades = half_life > 0 ?
			exp2(-((double) matrix->newest - (double) rows[i].at) / half_life) : 1;

		amount += rows[i].weight;
		if (building->has_weights)
			value += rows[i].weight * fades;
		else
			value = fades;
	}
	matrix->items[to] = rows[0].item;
	matrix->amounts[to] = (float) amount;
	if (matrix->values != NULL)
		matrix->values[to] = value < LEAST_VALUE ? LEAST_VALUE : (float) value;
	if (matrix->last_at != NULL)
		matrix->last_at[to] = rows[count - 1].at;
}

static bool
are_ones(const float *numbers, uint64_t count)
{
	uint64_t	i;

	for (i = 0; i < count && numbers[i] == 1;)
		i++;
	return i == count;
}

/* Lets go of amounts and values that are all 1. */
static void
drop_ones(Matrix *matrix, uint64_t count)
{
	bool		is_shared = matrix->amounts == matrix->values;

	if (are_ones(matrix->amounts, count))
	{
		memory_release(matrix->memory, matrix->amounts);
		matrix->amounts = NULL;
		if (is_shared)
			matrix->values = NULL;
	}
	if (!is_shared && matrix->values != NULL && are_ones(matrix->values, count))
	{
		memory_release(matrix->memory, matrix->values);
		matrix->values = NULL;
	}
}

/* The same where they have weights, or times */
static bool
unite_sorted(Building *building)
{
	const Memory *memory = building->memory;
	Matrix	   *matrix = building->matrix;
	uint64_t	all = matrix->customer_start[matrix->n_customers];
	uint64_t	most = 0;
	uint64_t	from = 0;
	uint64_t	to = 0;
	uint32_t	customer;

	for (customer = 0; customer < matrix->n_customers; customer++)
	{
		uint64_t	n = matrix->customer_start[customer + 1] - matrix->customer_start[customer];

		most = n > most ? n : most;
	}
	building->sorting = memory_array(memory, most, sizeof(MatrixRow));
	matrix->amounts = memory_array(memory, all, sizeof(float));
	if (building->has_weights && building->options->half_life == 0)
		matrix->values = matrix->amounts;
	else if (building->has_weights || building->options->half_life > 0)
		matrix->values = memory_array(memory, all, sizeof(float));
	if (building->sorting == NULL || matrix->amounts == NULL ||
		((building->has_weights || building->options->half_life > 0) && matrix->values == NULL))
		return false;
	/* The latest of the entry takes the place of a row before it. */
	matrix->last_at = building->times;
	building->times = NULL;

	for (customer = 0; customer < matrix->n_customers; customer++)
	{
		uint64_t	end = matrix->customer_start[customer + 1];
		uint64_t	count = end - from;
		uint64_t	first;
		uint64_t	i;

		matrix->customer_start[customer] = to;
		for (i = 0; i < count; i++)
		{
			building->sorting[i].item = matrix->items[from + i];
			building->sorting[i].weight = building->weights != NULL ? building->weights[from + i] : 1;
			building->sorting[i].at = matrix->last_at != NULL ? matrix->last_at[from + i] : 0;
		}
		qsort(building->sorting, count, sizeof(MatrixRow), compare_rows);
		for (first = 0; first < count; first = i)
		{
			for (i = first + 1; i < count && building->sorting[i].item == building->sorting[first].item;)
				i++;
			unite_rows(building, building->sorting + first, i - first, to++);
		}
		from = end;
		if (!memory->may_go_on(memory->arg))
			return false;
	}
	matrix->customer_start[matrix->n_customers] = to;
	memory_release(memory, building->weights);
	building->weights = NULL;
	memory_release(memory, building->sorting);
	building->sorting = NULL;
	drop_ones(matrix, to);
	return true;
}

/*
 * The numbers of items: by how many customers had them, most first, then by
 * text.  Counts are in the place after each name's own number.
 */
static bool
number_items(Matrix *matrix, const Matrix *like, const uint64_t *counts)
{
	const Memory *memory = matrix->memory;
	size_t		n = matrix->n_items;
	uint32_t   *by_text;
	uint64_t   *place;
	uint32_t	i;

	matrix->item_number = memory_array(memory, n, sizeof(uint32_t));
	matrix->item_id = memory_array(memory, n, sizeof(uint32_t));
	if (matrix->item_number == NULL || matrix->item_id == NULL)
		return false;
	if (like != NULL)
	{
		memcpy(matrix->item_number, like->item_number, n * sizeof(uint32_t));
		memcpy(matrix->item_id, like->item_id, n * sizeof(uint32_t));
		return true;
	}
	by_text = memory_array(memory, n, sizeof(uint32_t));
	place = memory_zero_array(memory, (size_t) matrix->n_customers + 2, sizeof(uint64_t));
	if (by_text != NULL && place != NULL && names_sort(matrix->item_names, by_text))
	{
		/* Where those begin that had the item less often than so many */
		for (i = 0; i < n; i++)
			place[matrix->n_customers - counts[i + 1] + 1]++;
		counts_to_starts(place, (uint64_t) matrix->n_customers + 1);
		for (i = 0; i < n; i++)
		{
			uint32_t	name = by_text[i];

			matrix->item_id[place[matrix->n_customers - counts[name + 1]]++] = name;
		}
		for (i = 0; i < n; i++)
			matrix->item_number[matrix->item_id[i]] = i;
	}
	else
		n = 0;
	memory_release(memory, by_text);
	memory_release(memory, place);
	return n == matrix->n_items;
}

/* Deals the entries out by item, customers rising. */
static bool
deal_by_item(Building *building)
{
	const Memory *memory = building->memory;
	Matrix	   *matrix = building->matrix;
	uint64_t	n = matrix->n_entries;
	uint64_t	asked = 0;
	uint64_t	i = 0;
	uint32_t	customer;

	matrix->customers = memory_array(memory, n, sizeof(uint32_t));
	building->cursor = memory_array(memory, matrix->n_items, sizeof(uint64_t));
	if (matrix->values != NULL)
		matrix->item_values = memory_array(memory, n, sizeof(float));
	if (matrix->amounts != NULL && matrix->amounts != matrix->values)
		building->item_amounts = memory_array(memory, n, sizeof(float));
	if (matrix->last_at != NULL)
		building->item_last = memory_array(memory, n, sizeof(int64_t));
	if (matrix->customers == NULL || building->cursor == NULL ||
		(matrix->values != NULL && matrix->item_values == NULL) ||
		(matrix->amounts != NULL && matrix->amounts != matrix->values &&
		 building->item_amounts == NULL) ||
		(matrix->last_at != NULL && building->item_last == NULL))
		return false;
	memcpy(building->cursor, matrix->item_start, matrix->n_items * sizeof(uint64_t));
	for (customer = 0; customer < matrix->n_customers; customer++)
	{
		uint64_t	end = matrix->customer_start[customer + 1];

		if (i - asked > ENTRIES_A_QUESTION)
		{
			asked = i;
			if (!memory->may_go_on(memory->arg))
				return false;
		}
		for (; i < end; i++)
		{
			uint64_t	place = building->cursor[matrix->items[i]]++;

			matrix->customers[place] = customer;
			if (matrix->item_values != NULL)
				matrix->item_values[place] = matrix->values[i];
			if (building->item_amounts != NULL)
				building->item_amounts[place] = matrix->amounts[i];
			if (building->item_last != NULL)
				building->item_last[place] = matrix->last_at[i];
		}
	}
	memory_release(memory, building->cursor);
	building->cursor = NULL;
	return true;
}

/* Deals them back by customer, items rising. */
static bool
deal_by_customer(Building *building)
{
	const Memory *memory = building->memory;
	Matrix	   *matrix = building->matrix;
	uint64_t	asked = 0;
	uint64_t	i = 0;
	uint32_t	item;

	building->cursor = memory_array(memory, matrix->n_customers, sizeof(uint64_t));
	if (building->cursor == NULL)
		return false;
	memcpy(building->cursor, matrix->customer_start, matrix->n_customers * sizeof(uint64_t));
	for (item = 0; item < matrix->n_items; item++)
	{
		uint64_t	end = matrix->item_start[item + 1];

		if (i - asked > ENTRIES_A_QUESTION)
		{
			asked = i;
			if (!memory->may_go_on(memory->arg))
				return false;
		}
		for (; i < end; i++)
		{
			uint64_t	place = building->cursor[matrix->customers[i]]++;

			matrix->items[place] = item;
			if (matrix->values != NULL)
				matrix->values[place] = matrix->item_values[i];
			if (building->item_amounts != NULL)
				matrix->amounts[place] = building->item_amounts[i];
			if (building->item_last != NULL)
				matrix->last_at[place] = building->item_last[i];
		}
	}
	memory_release(memory, building->cursor);
	building->cursor = NULL;
	return true;
}

/* Replaces the names' numbers of items by those of the matrix. */
static bool
number_entries(Building *building, const Matrix *like)
{
	Matrix	   *matrix = building->matrix;
	uint64_t   *counts = memory_zero_array(building->memory, (size_t) matrix->n_items + 1,
										   sizeof(uint64_t));
	uint64_t	i;

	matrix->item_start = memory_zero_array(building->memory, (size_t) matrix->n_items + 1,
										   sizeof(uint64_t));
	if (counts == NULL || matrix->item_start == NULL)
	{
		memory_release(building->memory, counts);
		return false;
	}
	for (i = 0; i < matrix->n_entries; i++)
		counts[matrix->items[i] + 1]++;
	if (!number_items(matrix, like, counts))
	{
		memory_release(building->memory, counts);
		return false;
	}
	for (i = 0; i < matrix->n_items; i++)
		matrix->item_start[matrix->item_number[i] + 1] = counts[i + 1];
	memory_release(building->memory, counts);
	counts_to_starts(matrix->item_start, matrix->n_items);
	for (i = 0; i < matrix->n_entries; i++)
		matrix->items[i] = matrix->item_number[matrix->items[i]];
	return true;
}

/* The categories of the items by number, where there are any */
static bool
take_categories(Matrix *matrix, const Interactions *rows)
{
	uint32_t	name;

	if (rows->categories.count == 0)
		return true;
	matrix->category = memory_array(matrix->memory, matrix->n_items, sizeof(uint32_t));
	if (matrix->category == NULL)
		return false;
	matrix->category_names = &rows->categories;
	for (name = 0; name < matrix->n_items; name++)
		matrix->category[matrix->item_number[name]] =
			name < rows->category_room ? rows->category_of[name] : NAME_NONE;
	return true;
}

bool
matrix_build(const Memory *memory, Interactions *rows, const MatrixOptions *options,
			 Matrix *matrix)
{
	Building	building = {memory, options, matrix, rows->has_weights,
	NULL, NULL, NULL, NULL, NULL, NULL};
	const Matrix *like = options->numbered_like;
	bool		done;

	memset(matrix, 0, sizeof(*matrix));
	matrix->memory = memory;
	matrix->customer_names = rows->customers;
	matrix->item_names = rows->items;
	matrix->n_customers = like != NULL ? like->n_customers : rows->customers->count;
	matrix->n_items = like != NULL ? like->n_items : rows->items->count;
	matrix->owns_numbers = true;
	matrix->newest = rows->has_times ? INT64_MIN : 0;

	done = number_customers(matrix, like) && deal_rows(&building, rows);
	if (matrix->newest == INT64_MIN)
		matrix->newest = 0;
	if (options->end_rows)
		end_chunks(rows);
	done = done &&
		(rows->has_weights || rows->has_times ? unite_sorted(&building) : unite_plain(&building));
	if (done)
		matrix->n_entries = matrix->customer_start[matrix->n_customers];
	done = done && number_entries(&building, like) && deal_by_item(&building) &&
		deal_by_customer(&building) && take_categories(matrix, rows);

	memory_release(memory, building.weights);
	memory_release(memory, building.times);
	memory_release(memory, building.item_amounts);
	memory_release(memory, building.item_last);
	memory_release(memory, building.cursor);
	memory_release(memory, building.sorting);
	if (!done)
		matrix_end(matrix);
	return done;
}

void
matrix_end(Matrix *matrix)
{
	const Memory *memory = matrix->memory;

	if (matrix->amounts != matrix->values)
		memory_release(memory, matrix->amounts);
	memory_release(memory, matrix->customer_start);
	memory_release(memory, matrix->items);
	memory_release(memory, matrix->values);
	memory_release(memory, matrix->last_at);
	memory_release(memory, matrix->item_start);
	memory_release(memory, matrix->customers);
	memory_release(memory, matrix->item_values);
	if (matrix->owns_numbers)
	{
		memory_release(memory, matrix->customer_number);
		memory_release(memory, matrix->item_number);
		memory_release(memory, matrix->customer_id);
		memory_release(memory, matrix->item_id);
		memory_release(memory, matrix->category);
	}
	memset(matrix, 0, sizeof(*matrix));
	matrix->memory = memory;
}

uint64_t
matrix_need(const Interactions *rows, const MatrixOptions *options)
{
	bool		has_values = rows->has_weights || options->half_life > 0;
	uint64_t	row = 2 * sizeof(uint32_t);

	/* Without weights and times amounts are there only if rows repeat. */
	row += 2 * sizeof(float);
	if (rows->has_weights)
		row += sizeof(double);
	if (rows->has_times)
		row += 2 * sizeof(int64_t);
	if (has_values)
		row += 2 * sizeof(float);
	return rows->rows * row +
		(uint64_t) rows->customers->count * (4 * sizeof(uint64_t)) +
		(uint64_t) rows->items->count * (5 * sizeof(uint64_t));
}

/* An entry of a customer who has too many */
typedef struct CapEntry
{
	uint64_t	rank;			/* the least stay */
	uint32_t	place;
} CapEntry;

static int
compare_ranks(const void *left, const void *right)
{
	const CapEntry *a = left;
	const CapEntry *b = right;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return (a->place > b->place) - (a->place < b->place);
}

/* Marks the entries of a customer that stay. */
static void
choose_entries(const Matrix *matrix, uint32_t customer, uint32_t cap,
			   CapEntry *entries, uint8_t *stays)
{
	uint64_t	first = matrix->customer_start[customer];
	uint32_t	n = matrix_basket(matrix, customer);
	NameText		name = matrix_customer_name(matrix, customer);
	uint64_t	key = hash_keyed(name.data, name.size, 0, 0);
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		entries[i].place = i;
		if (matrix->last_at != NULL)
			entries[i].rank = (uint64_t) INT64_MAX - (uint64_t) matrix->last_at[first + i];
		else
		{
			NameText		item = matrix_item_name(matrix, matrix->items[first + i]);

			entries[i].rank = hash_keyed(item.data, item.size, key, 0);
		}
		stays[i] = 0;
	}
	qsort(entries, n, sizeof(CapEntry), compare_ranks);
	for (i = 0; i < cap; i++)
		stays[entries[i].place] = 1;
}

/* Fills the capped matrix, whose arrays have room for all entries. */
static bool
fill_capped(const Matrix *matrix, uint32_t cap, CapEntry *entries, uint8_t *stays,
			uint64_t *cursor, Matrix *capped)
{
	uint64_t	to = 0;
	uint64_t	i;
	uint32_t	customer;

	for (customer = 0; customer < matrix->n_customers; customer++)
	{
		uint32_t	n = matrix_basket(matrix, customer);
		uint64_t	from = matrix->customer_start[customer];

		capped->customer_start[customer] = to;
		if (n > cap)
			choose_entries(matrix, customer, cap, entries, stays);
		for (i = 0; i < n; i++)
		{
			if (n > cap && !stays[i])
				continue;
			capped->items[to] = matrix->items[from + i];
			if (capped->values != NULL)
				capped->values[to] = matrix->values[from + i];
			to++;
		}
		if (!matrix->memory->may_go_on(matrix->memory->arg))
			return false;
	}
	capped->customer_start[matrix->n_customers] = to;
	capped->n_entries = to;

	for (i = 0; i < to; i++)
		capped->item_start[capped->items[i] + 1]++;
	counts_to_starts(capped->item_start, capped->n_items);
	memcpy(cursor, capped->item_start, capped->n_items * sizeof(uint64_t));
	for (customer = 0; customer < matrix->n_customers; customer++)
		for (i = capped->customer_start[customer]; i < capped->customer_start[customer + 1]; i++)
		{
			uint64_t	place = cursor[capped->items[i]]++;

			capped->customers[place] = customer;
			if (capped->item_values != NULL)
				capped->item_values[place] = capped->values[i];
		}
	return true;
}

bool
matrix_cap(const Memory *memory, const Matrix *matrix, uint32_t cap, bool *is_capped,
		   Matrix *capped)
{
	CapEntry   *entries;
	uint8_t    *stays;
	uint64_t   *cursor;
	uint32_t	most = 0;
	uint32_t	customer;
	bool		done;

	for (customer = 0; customer < matrix->n_customers; customer++)
		if (matrix_basket(matrix, customer) > most)
			most = matrix_basket(matrix, customer);
	*is_capped = cap > 0 && most > cap;
	memset(capped, 0, sizeof(*capped));
	capped->memory = memory;
	if (!*is_capped)
		return true;

	*capped = *matrix;
	capped->memory = memory;
	capped->owns_numbers = false;
	capped->amounts = NULL;
	capped->last_at = NULL;
	capped->customer_start = memory_array(memory, (size_t) matrix->n_customers + 1, sizeof(uint64_t));
	capped->items = memory_array(memory, matrix->n_entries, sizeof(uint32_t));
	capped->item_start = memory_zero_array(memory, (size_t) matrix->n_items + 1, sizeof(uint64_t));
	capped->customers = memory_array(memory, matrix->n_entries, sizeof(uint32_t));
	if (matrix->values != NULL)
	{
		capped->values = memory_array(memory, matrix->n_entries, sizeof(float));
		capped->item_values = memory_array(memory, matrix->n_entries, sizeof(float));
	}
	entries = memory_array(memory, most, sizeof(CapEntry));
	stays = memory_array(memory, most, 1);
	cursor = memory_array(memory, matrix->n_items, sizeof(uint64_t));
	done = capped->customer_start != NULL && capped->items != NULL &&
		capped->item_start != NULL && capped->customers != NULL &&
		(matrix->values == NULL || (capped->values != NULL && capped->item_values != NULL)) &&
		entries != NULL && stays != NULL && cursor != NULL &&
		fill_capped(matrix, cap, entries, stays, cursor, capped);
	memory_release(memory, entries);
	memory_release(memory, stays);
	memory_release(memory, cursor);
	if (!done)
		matrix_end(capped);
	return done;
}
