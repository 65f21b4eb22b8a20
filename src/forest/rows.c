/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  An order of the rows that depends on what they hold, not on how they
 *	  came.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/rows.h"

#include "core/hash.h"

#include <string.h>

/* Rows between two questions whether we may go on. */
#define ROWS_STRIDE 65536

/* Buckets up to this size are sorted by insertion. */
#define ROWS_SMALL 24

/* The bits of a number, the same for what compares equal and for all NaN. */
static inline uint64_t
number_bits(double number)
{
	uint64_t	bits;

	if (number == 0)
		return 0;
	if (number != number)
		return UINT64_C(0x7ff8000000000000);
	memcpy(&bits, &number, sizeof(bits));
	return bits;
}

static bool
hash_rows(const Memory *memory, const ForestData *data, uint64_t *hashes)
{
	int64_t		begin;

	for (begin = 0; begin < data->n_rows; begin += ROWS_STRIDE)
	{
		int64_t		end = begin + ROWS_STRIDE;
		int64_t		row;
		int32_t		f;

		if (end > data->n_rows)
			end = data->n_rows;
		for (row = begin; row < end; row++)
			hashes[row] = hash_mix(data->n_classes > 0 ?
								   (uint64_t) data->classes[row] :
								   number_bits(data->target[row]));
		for (f = 0; f < data->n_features; f++)
		{
			const ForestColumn *column = &data->features[f];

			if ((f & 63) == 63 && !memory->may_go_on(memory->arg))
				return false;
			if (column->kind == FOREST_NUMBER)
				for (row = begin; row < end; row++)
					hashes[row] = hash_mix(hashes[row] * 3 + number_bits(column->numbers[row]));
			else
				for (row = begin; row < end; row++)
					hashes[row] = hash_mix(hashes[row] * 3 + (uint64_t) (column->codes[row] + 1));
		}
		if (!memory->may_go_on(memory->arg))
			return false;
	}
	return true;
}

/* The order of two rows by all they hold. */
static int
compare_rows(const ForestData *data, uint32_t a, uint32_t b)
{
	int32_t		f;

	for (f = -1; f < data->n_features; f++)
	{
		uint64_t	left;
		uint64_t	right;

		if (f < 0 && data->n_classes > 0)
		{
			left = (uint64_t) data->classes[a];
			right = (uint64_t) data->classes[b];
		}
		else if (f < 0)
		{
			left = number_bits(data->target[a]);
			right = number_bits(data->target[b]);
		}
		else if (data->features[f].kind == FOREST_NUMBER)
		{
			left = number_bits(data->features[f].numbers[a]);
			right = number_bits(data->features[f].numbers[b]);
		}
		else
		{
			left = (uint64_t) (data->features[f].codes[a] + 1);
			right = (uint64_t) (data->features[f].codes[b] + 1);
		}
		if (left != right)
			return left < right ? -1 : 1;
	}
	return 0;
}

/* Whether row a goes before row b; by hash alone where data is NULL. */
static inline bool
goes_before(const ForestData *data, const uint64_t *hashes, uint32_t a, uint32_t b)
{
	if (data != NULL)
		return compare_rows(data, a, b) < 0;
	return hashes[a] < hashes[b];
}

static void
sift(const ForestData *data, const uint64_t *hashes, uint32_t *order,
	 size_t root, size_t n)
{
	uint32_t	row = order[root];
	size_t		child;

	while ((child = 2 * root + 1) < n)
	{
		if (child + 1 < n && goes_before(data, hashes, order[child], order[child + 1]))
			child++;
		if (!goes_before(data, hashes, row, order[child]))
			break;
		order[root] = order[child];
		root = child;
	}
	order[root] = row;
}

/* Sorts some rows; heapsort where there are many, for it has no bad case. */
static bool
sort_rows(const Memory *memory, const ForestData *data, const uint64_t *hashes,
		  uint32_t *order, size_t n)
{
	size_t		i;

	if (n <= ROWS_SMALL)
	{
		for (i = 1; i < n; i++)
		{
			uint32_t	row = order[i];
			size_t		at = i;

			for (; at > 0 && goes_before(data, hashes, row, order[at - 1]); at--)
				order[at] = order[at - 1];
			order[at] = row;
		}
		return true;
	}
	for (i = n / 2; i-- > 0;)
		sift(data, hashes, order, i, n);
	for (i = n; i-- > 1;)
	{
		uint32_t	last = order[i];

		if ((i & 4095) == 0 && !memory->may_go_on(memory->arg))
			return false;
		order[i] = order[0];
		order[0] = last;
		sift(data, hashes, order, 0, i);
	}
	return true;
}

/* Rows of one hash: nearly always copies of one row, and then in order. */
static bool
sort_equal_hashes(const Memory *memory, const ForestData *data,
				  const uint64_t *hashes, uint32_t *order, size_t n)
{
	size_t		i;

	for (i = 1; i < n; i++)
	{
		if ((i & 4095) == 0 && !memory->may_go_on(memory->arg))
			return false;
		if (compare_rows(data, order[0], order[i]) != 0)
			return sort_rows(memory, data, hashes, order, n);
	}
	return true;
}

bool
rows_order(const Memory *memory, const ForestData *data, uint32_t *order,
		   ForestStatus *status)
{
	size_t		n = (size_t) data->n_rows;
	int			bits = 1;
	uint64_t   *hashes;
	uint32_t   *ends;
	size_t		buckets;
	size_t		bucket;
	size_t		begin;
	size_t		i;
	bool		ok = false;

	/* About four rows a bucket: hashes are spread evenly. */
	while (bits < 28 && ((size_t) 4 << bits) < n)
		bits++;
	buckets = (size_t) 1 << bits;

	*status = FOREST_NO_MEMORY;
	hashes = memory_array(memory, n, sizeof(*hashes));
	ends = memory_zero_array(memory, buckets + 1, sizeof(*ends));
	if (hashes == NULL || ends == NULL)
		goto done;
	*status = FOREST_STOPPED;
	if (!hash_rows(memory, data, hashes))
		goto done;

	for (i = 0; i < n; i++)
		ends[(hashes[i] >> (64 - bits)) + 1]++;
	for (bucket = 0; bucket < buckets; bucket++)
		ends[bucket + 1] += ends[bucket];
	for (i = 0; i < n; i++)
		order[ends[hashes[i] >> (64 - bits)]++] = (uint32_t) i;

	begin = 0;
	for (bucket = 0; bucket < buckets; bucket++)
	{
		size_t		end = ends[bucket];

		if ((bucket & 4095) == 0 && !memory->may_go_on(memory->arg))
			goto done;
		if (end - begin > 1 &&
			!sort_rows(memory, NULL, hashes, order + begin, end - begin))
			goto done;
		while (begin < end)
		{
			size_t		run = begin + 1;

			while (run < end && hashes[order[run]] == hashes[order[begin]])
				run++;
			if (run - begin > 1 &&
				!sort_equal_hashes(memory, data, hashes, order + begin, run - begin))
				goto done;
			begin = run;
		}
	}
	*status = FOREST_OK;
	ok = true;

done:
	memory_release(memory, hashes);
	memory_release(memory, ends);
	return ok;
}
