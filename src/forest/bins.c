/*-------------------------------------------------------------------------
 *
 * bins.c
 *	  A column's values as bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/bins.h"

#include <string.h>

#define NUMBERS_AT_A_TIME 8

uint64_t
bins_key(double number)
{
	uint64_t	bits;

	number += 0.0;				/* -0 */
	memcpy(&bits, &number, sizeof(bits));
	return bits & (UINT64_C(1) << 63) ? ~bits : bits | UINT64_C(1) << 63;
}

double
bins_key_number(uint64_t key)
{
	uint64_t	bits = key & (UINT64_C(1) << 63) ? key & ~(UINT64_C(1) << 63) : ~key;
	double		number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

/* By digits of eleven bits, least first; digits that all share are skipped. */
void
bins_sort(uint64_t *keys, uint64_t *spare, size_t n)
{
	uint32_t	counts[6][2048];
	uint64_t   *from = keys;
	uint64_t   *to = spare;
	size_t		i;
	int			digit;

	memset(counts, 0, sizeof(counts));
	for (i = 0; i < n; i++)
		for (digit = 0; digit < 6; digit++)
			counts[digit][(keys[i] >> (11 * digit)) & 2047]++;
	for (digit = 0; digit < 6; digit++)
	{
		uint32_t   *count = counts[digit];
		uint32_t	place = 0;
		uint64_t   *swap;
		int			shift = 11 * digit;
		int			value;

		if (n == 0 || count[(keys[0] >> shift) & 2047] == n)
			continue;
		for (value = 0; value < 2048; value++)
		{
			uint32_t	here = count[value];

			count[value] = place;
			place += here;
		}
		for (i = 0; i < n; i++)
			to[count[(from[i] >> shift) & 2047]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	if (from != keys)
		memcpy(keys, from, n * sizeof(*keys));
}

/* A cut between two numbers: not below the lower, below the upper. */
static double
cut_between(double low, double high)
{
	double		middle = low / 2 + high / 2;

	return middle >= low && middle < high ? middle : low;
}

/*
 * Cuts from sorted keys.  The values are walked in runs of equal ones.
 */
static int32_t
choose_cuts(const uint64_t *keys, size_t n, int32_t most, double *cuts)
{
	size_t		distinct = 0;
	size_t		large;			/* a run of this length gets its own bin */
	size_t		large_runs = 0;
	size_t		rest = n;		/* rows and bins left for the other runs */
	double		bins;
	double		mean;
	size_t		filled = 0;		/* rows in the open bin */
	int32_t		n_cuts = 0;
	size_t		begin;
	size_t		end;

	for (begin = 0; begin < n; begin = end)
	{
		for (end = begin + 1; end < n && keys[end] == keys[begin]; end++)
			;
		distinct++;
	}
	if (distinct <= (size_t) most)
	{
		for (end = 1; end < n; end++)
			if (keys[end] != keys[end - 1])
				cuts[n_cuts++] = cut_between(bins_key_number(keys[end - 1]),
											 bins_key_number(keys[end]));
		return n_cuts;
	}

	large = n / (size_t) most + 1;
	for (begin = 0; begin < n; begin = end)
	{
		for (end = begin + 1; end < n && keys[end] == keys[begin]; end++)
			;
		if (end - begin >= large)
		{
			large_runs++;
			rest -= end - begin;
		}
	}
	bins = (double) most - (double) large_runs;
	mean = bins > 0 ? (double) rest / bins : (double) rest;

	for (begin = 0; begin < n; begin = end)
	{
		size_t		next;

		for (end = begin + 1; end < n && keys[end] == keys[begin]; end++)
			;
		if (end == n || n_cuts == most - 1)
			break;
		filled += end - begin;
		for (next = end + 1; next < n && keys[next] == keys[end]; next++)
			;

		/*
		 * Close the bin behind a large run, and before one unless little has
		 * gathered; else when it has its share, less half of what comes next.
		 */
		if (end - begin >= large ||
			(next - end >= large && filled * 2 >= mean) ||
			(double) filled + (double) (next - end) / 2 >= mean)
		{
			cuts[n_cuts++] = cut_between(bins_key_number(keys[begin]),
										 bins_key_number(keys[end]));
			if (end - begin < large)
			{
				rest -= filled;
				bins -= 1;
				if (bins >= 1)
					mean = (double) rest / bins;
			}
			else
				rest -= filled - (end - begin);
			filled = 0;
		}
	}
	return n_cuts;
}

static bool
choose_numbers(const Memory *memory, const ForestColumn *column,
			   const uint32_t *order, int64_t n_rows, int32_t most,
			   const BinScratch *scratch, BinTable *table)
{
	int64_t		n_sample = n_rows < BINS_SAMPLE ? n_rows : BINS_SAMPLE;
	double		cuts[FOREST_MAX_BINS];
	size_t		n = 0;
	int64_t		i;
	int32_t		n_cuts;

	if (n_sample == n_rows)
	{
		for (i = 0; i < n_rows; i++)
		{
			double		number = column->numbers[order[i]];

			scratch->keys[n] = bins_key(number);
			n += number == number;
		}
	}
	else
	{
		for (i = 0; i < n_sample; i++)
		{
			double		number = column->numbers[order[i * n_rows / n_sample]];

			scratch->keys[n] = bins_key(number);
			n += number == number;
		}
	}
	bins_sort(scratch->keys, scratch->spare, n);
	n_cuts = choose_cuts(scratch->keys, n, most, cuts);

	/* A sample without a value may come from a column that has some. */
	table->n_bins = n == 0 && n_sample == n_rows ? 0 : n_cuts + 1;
	table->cuts = memory_array(memory, (size_t) n_cuts, sizeof(*cuts));
	if (table->cuts == NULL)
		return false;
	memcpy(table->cuts, cuts, (size_t) n_cuts * sizeof(*cuts));
	return true;
}

/* Heap order of categories: the least frequent on top, of equal ones the last. */
static inline bool
is_rarer(const uint32_t *counts, int32_t a, int32_t b)
{
	return counts[a] < counts[b] || (counts[a] == counts[b] && a > b);
}

/*
 * The `most` most frequent categories by a heap of that size get bytes of
 * their own, in the order of names; the others share the byte behind.
 */
static void
choose_frequent(const uint32_t *counts, int32_t n, int32_t most, uint8_t *codes)
{
	int32_t		heap[FOREST_MAX_BINS];
	int32_t		filled = 0;
	int32_t		next = 1;
	int32_t		i;

	for (i = 0; i < n; i++)
	{
		int32_t		at;
		int32_t		child;

		if (filled < most)
		{
			at = filled++;
			while (at > 0 && is_rarer(counts, i, heap[(at - 1) / 2]))
			{
				heap[at] = heap[(at - 1) / 2];
				at = (at - 1) / 2;
			}
			heap[at] = i;
			continue;
		}
		if (!is_rarer(counts, heap[0], i))
			continue;
		at = 0;
		while ((child = 2 * at + 1) < filled)
		{
			if (child + 1 < filled && is_rarer(counts, heap[child + 1], heap[child]))
				child++;
			if (!is_rarer(counts, heap[child], i))
				break;
			heap[at] = heap[child];
			at = child;
		}
		heap[at] = i;
	}

	/* First marks, 1 for the chosen ones and 2 for the rest, then bytes. */
	for (i = 0; i < n; i++)
		codes[i] = counts[i] > 0 ? 2 : BINS_NULL;
	for (i = 0; i < filled; i++)
		codes[heap[i]] = 1;
	for (i = 0; i < n; i++)
	{
		if (codes[i] == 1)
			codes[i] = (uint8_t) next++;
		else if (codes[i] == 2)
			codes[i] = (uint8_t) (most + 1);
	}
}

static bool
choose_categories(const Memory *memory, const ForestColumn *column,
				  const uint32_t *order, int64_t n_rows, int32_t most,
				  BinTable *table)
{
	int32_t		n = column->n_categories;
	uint32_t   *counts = memory_zero_array(memory, (size_t) n, sizeof(*counts));
	int32_t		occurring = 0;
	int64_t		row;
	int32_t		i;

	table->codes = memory_array(memory, (size_t) n, sizeof(*table->codes));
	if (counts == NULL || table->codes == NULL)
	{
		memory_release(memory, counts);
		return false;
	}
	for (row = 0; row < n_rows; row++)
		if (column->codes[order[row]] >= 0)
			counts[column->codes[order[row]]]++;
	for (i = 0; i < n; i++)
		occurring += counts[i] > 0;

	if (occurring <= most)
	{
		table->n_bins = 0;
		for (i = 0; i < n; i++)
			table->codes[i] = counts[i] > 0 ? (uint8_t) ++table->n_bins : BINS_NULL;
	}
	else
	{
		choose_frequent(counts, n, most - 1, table->codes);
		table->n_bins = most;
	}
	memory_release(memory, counts);
	return true;
}

bool
bins_choose(const Memory *memory, const ForestColumn *column,
			const uint32_t *order, int64_t n_rows, int32_t most,
			const BinScratch *scratch, BinTable *table)
{
	memset(table, 0, sizeof(*table));
	table->kind = column->kind;
	if (column->kind == FOREST_NUMBER)
		return choose_numbers(memory, column, order, n_rows, most, scratch, table);
	return choose_categories(memory, column, order, n_rows, most, table);
}

void
bins_release(const Memory *memory, BinTable *table)
{
	memory_release(memory, table->cuts);
	memory_release(memory, table->codes);
	memset(table, 0, sizeof(*table));
}

/*
 * The bytes of some numbers.  The searches take the same steps without a
 * branch, so they can go on side by side.
 */
static inline void
bin_numbers(const double *cuts, int32_t n_cuts, const double *numbers, int n, uint8_t *bins)
{
	int32_t		below[NUMBERS_AT_A_TIME] = {0};
	int32_t		left = n_cuts;
	int			i;

	while (left > 1)
	{
		int32_t		half = left / 2;

		for (i = 0; i < n; i++)
			below[i] += -(int32_t) (cuts[below[i] + half - 1] < numbers[i]) & half;
		left -= half;
	}
	for (i = 0; i < n; i++)
	{
		if (left == 1)
			below[i] += cuts[below[i]] < numbers[i];
		bins[i] = numbers[i] == numbers[i] ? (uint8_t) (below[i] + 1) : BINS_NULL;
	}
}

void
bins_code(const BinTable *table, const ForestColumn *column,
		  const uint32_t *rank, int64_t n_rows, uint8_t *bytes, size_t step)
{
	int64_t		row;

	if (table->kind == FOREST_NUMBER)
	{
		int32_t		n_cuts = table->n_bins > 0 ? table->n_bins - 1 : 0;

		for (row = 0; row < n_rows; row += NUMBERS_AT_A_TIME)
		{
			int			n = n_rows - row < NUMBERS_AT_A_TIME ? (int) (n_rows - row) :
				NUMBERS_AT_A_TIME;
			uint8_t		bins[NUMBERS_AT_A_TIME];
			int			i;

			if (n == NUMBERS_AT_A_TIME)
				bin_numbers(table->cuts, n_cuts, column->numbers + row, NUMBERS_AT_A_TIME, bins);
			else
				bin_numbers(table->cuts, n_cuts, column->numbers + row, n, bins);
			for (i = 0; i < n; i++)
				bytes[rank[row + i] * step] = bins[i];
		}
	}
	else
	{
		for (row = 0; row < n_rows; row++)
			bytes[rank[row] * step] = column->codes[row] < 0 ? BINS_NULL :
				table->codes[column->codes[row]];
	}
}
