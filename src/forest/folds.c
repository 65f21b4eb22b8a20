/*-------------------------------------------------------------------------
 *
 * folds.c
 *	  Cutting rows into folds, each of which is held out once.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/folds.h"

#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "forest/rows.h"

/* A row, or a group, and what it is sorted by */
typedef struct Place
{
	uint64_t	key;
	uint64_t	tie;
	uint32_t	row;
} Place;

static int
compare_places(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->tie != y->tie)
		return x->tie < y->tie ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

/* The class is the key, so that each is dealt out before the next. */
FoldsStatus
folds_deal(const Memory *memory, const ForestData *data, int k, uint64_t seed, uint8_t *fold)
{
	size_t		n = (size_t) data->n_rows;
	uint32_t   *order;
	Place	   *places;
	ForestStatus status;
	FoldsStatus result = FOLDS_NO_MEMORY;
	size_t		i;

	if (data->n_rows < k)
		return FOLDS_FEW_ROWS;
	order = memory_array(memory, n, sizeof(uint32_t));
	places = memory_array(memory, n, sizeof(Place));
	if (order != NULL && places != NULL && rows_order(memory, data, order, &status))
	{
		for (i = 0; i < n; i++)
		{
			places[i].key = data->n_classes > 0 ? (uint64_t) data->classes[order[i]] : 0;
			places[i].tie = hash_mix(hash_mix(seed) + i);
			places[i].row = order[i];
		}
		qsort(places, n, sizeof(Place), compare_places);
		for (i = 0; i < n; i++)
			fold[places[i].row] = (uint8_t) (i % (size_t) k);
		result = FOLDS_OK;
	}
	memory_release(memory, order);
	memory_release(memory, places);
	return result;
}

/* Groups that come next have the most rows, then the least hash. */
static int
compare_groups(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return (x->tie > y->tie) - (x->tie < y->tie);
}

FoldsStatus
folds_groups(const Memory *memory, const uint64_t *groups, int64_t n_rows, int k,
			 uint64_t seed, uint8_t *fold)
{
	size_t		n = (size_t) n_rows;
	Place	   *rows = memory_array(memory, n, sizeof(Place));
	Place	   *sizes = memory_array(memory, n, sizeof(Place));
	uint64_t	filled[FOLDS_MOST] = {0};
	size_t		count = 0;
	size_t		i;
	size_t		j;
	FoldsStatus result = FOLDS_NO_MEMORY;

	if (rows == NULL || sizes == NULL)
		goto done;
	for (i = 0; i < n; i++)
	{
		rows[i].key = groups[i];
		rows[i].tie = 0;
		rows[i].row = (uint32_t) i;
	}
	qsort(rows, n, sizeof(Place), compare_places);
	for (i = 0; i < n; i = j)
	{
		for (j = i + 1; j < n && rows[j].key == rows[i].key; j++)
			;
		sizes[count].key = j - i;
		sizes[count].tie = hash_mix(rows[i].key ^ hash_mix(seed));
		sizes[count++].row = (uint32_t) i;
	}
	result = FOLDS_FEW_GROUPS;
	if (count < (size_t) k)
		goto done;
	qsort(sizes, count, sizeof(Place), compare_groups);
	for (i = 0; i < count; i++)
	{
		int			least = 0;
		int			f;

		for (f = 1; f < k; f++)
			if (filled[f] < filled[least])
				least = f;
		filled[least] += sizes[i].key;
		for (j = 0; j < sizes[i].key; j++)
			fold[rows[sizes[i].row + j].row] = (uint8_t) least;
	}
	result = FOLDS_OK;

done:
	memory_release(memory, rows);
	memory_release(memory, sizes);
	return result;
}

/* Bits that sort as the number does */
static uint64_t
sortable(double number)
{
	uint64_t	bits;

	number += 0.0;				/* -0 is 0 */
	memcpy(&bits, &number, sizeof(bits));
	return bits ^ (-(bits >> 63) | UINT64_C(0x8000000000000000));
}

FoldsStatus
folds_forward(const Memory *memory, const double *times, int64_t n_rows, int k, uint8_t *block)
{
	size_t		n = (size_t) n_rows;
	Place	   *rows = memory_array(memory, n, sizeof(Place));
	size_t		blocks = (size_t) k + 1;
	size_t		runs = 0;
	size_t		begin = 0;		/* of the block */
	size_t		number = 0;
	size_t		i;
	size_t		j;

	if (rows == NULL)
		return FOLDS_NO_MEMORY;
	for (i = 0; i < n; i++)
	{
		rows[i].key = sortable(times[i]);
		rows[i].tie = 0;
		rows[i].row = (uint32_t) i;
	}
	qsort(rows, n, sizeof(Place), compare_places);
	for (i = 0; i < n; i++)
		runs += i == 0 || rows[i].key != rows[i - 1].key;
	if (runs < blocks)
	{
		memory_release(memory, rows);
		return FOLDS_FEW_TIMES;
	}
	for (i = 0; i < n; i = j)
	{
		size_t		left = blocks - number;

		for (j = i; j < n && rows[j].key == rows[i].key; j++)
			;

		/*
		 * The next block begins here where that leaves the last one nearer to
		 * its share of what was left, or the times are needed for the others.
		 */
		if (i > begin && left > 1 &&
			(runs < left || (double) (i - begin) + (double) (j - i) / 2 > (double) (n - begin) / (double) left))
		{
			number++;
			begin = i;
		}
		for (; i < j; i++)
			block[rows[i].row] = (uint8_t) number;
		runs--;
	}
	memory_release(memory, rows);
	return FOLDS_OK;
}

int64_t
folds_rows(const uint8_t *fold, int64_t n, int number, bool forward, bool test, uint32_t *rows)
{
	int64_t		count = 0;
	int64_t		row;

	for (row = 0; row < n; row++)
	{
		bool		wanted;

		if (forward)
			wanted = test ? fold[row] == number + 1 : fold[row] <= number;
		else
			wanted = (fold[row] == number) == test;
		if (wanted)
			rows[count++] = (uint32_t) row;
	}
	return count;
}
