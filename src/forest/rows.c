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

/* What a column, or the target, holds in a row, as bits that tell it apart. */
typedef struct RowKeys
{
	const double *numbers;		/* else */
	const int32_t *codes;		/* else */
	const uint64_t *hashes;
} RowKeys;

static inline uint64_t
row_key(const RowKeys *keys, size_t row)
{
	if (keys->hashes != NULL)
		return keys->hashes[row];
	if (keys->numbers != NULL)
		return number_bits(keys->numbers[row]);
	return (uint64_t) (keys->codes[row] + 1);
}

/* The weights for f = -2, the target for -1, else a feature */
static RowKeys
keys_of(const ForestData *data, int32_t f)
{
	RowKeys		keys = {NULL, NULL, NULL};

	if (f == -2)
		keys.numbers = data->weights;
	else if (f < 0 && data->n_classes > 0)
		keys.codes = data->classes;
	else if (f < 0)
		keys.numbers = data->target;
	else
	{
		const ForestColumn *column = forest_column(data, f);

		if (column->kind == FOREST_NUMBER)
			keys.numbers = column->numbers;
		else
			keys.codes = column->codes;
	}
	return keys;
}

static bool
hash_rows(const Memory *memory, const ForestData *data, uint64_t *hashes)
{
	int64_t		n = data->n_rows;
	int64_t		row;
	int32_t		f;

	for (row = 0; row < n; row++)
		hashes[row] = hash_mix(data->n_classes > 0 ? (uint64_t) data->classes[row] :
							   number_bits(data->target[row]));
	for (row = 0; data->weights != NULL && row < n; row++)
		hashes[row] = hash_mix(hashes[row] * 3 + number_bits(data->weights[row]));
	for (f = 0; f < data->n_features; f++)
	{
		RowKeys		keys = keys_of(data, f);
		int64_t		begin;

		for (begin = 0; begin < n; begin += ROWS_STRIDE)
		{
			int64_t		end = n - begin < ROWS_STRIDE ? n : begin + ROWS_STRIDE;

			if (!memory->may_go_on(memory->arg))
				return false;
			if (keys.numbers != NULL)
				for (row = begin; row < end; row++)
					hashes[row] = hash_mix(hashes[row] * 3 + number_bits(keys.numbers[row]));
			else
				for (row = begin; row < end; row++)
					hashes[row] = hash_mix(hashes[row] * 3 + (uint64_t) (keys.codes[row] + 1));
		}
	}
	return true;
}

static inline bool
goes_before(const RowKeys *keys, uint32_t a, uint32_t b)
{
	return row_key(keys, a) < row_key(keys, b);
}

static void
sift(const RowKeys *keys, uint32_t *order, size_t root, size_t n)
{
	uint32_t	row = order[root];
	size_t		child;

	while ((child = 2 * root + 1) < n)
	{
		if (child + 1 < n && goes_before(keys, order[child], order[child + 1]))
			child++;
		if (!goes_before(keys, row, order[child]))
			break;
		order[root] = order[child];
		root = child;
	}
	order[root] = row;
}

/* Sorts some rows; heapsort where there are many, for it has no bad case. */
static bool
sort_rows(const Memory *memory, const RowKeys *keys, uint32_t *order, size_t n)
{
	size_t		i;

	if (n <= ROWS_SMALL)
	{
		for (i = 1; i < n; i++)
		{
			uint32_t	row = order[i];
			size_t		at = i;

			for (; at > 0 && goes_before(keys, row, order[at - 1]); at--)
				order[at] = order[at - 1];
			order[at] = row;
		}
		return true;
	}
	for (i = n / 2; i-- > 0;)
		sift(keys, order, i, n);
	for (i = n; i-- > 1;)
	{
		uint32_t	last = order[i];

		if ((i & 4095) == 0 && !memory->may_go_on(memory->arg))
			return false;
		order[i] = order[0];
		order[0] = last;
		sift(keys, order, 0, i);
	}
	return true;
}

/* Rows of one hash: nearly always copies of one row, and then in order. */
typedef struct Ties
{
	uint32_t	begin;
	uint32_t	end;
} Ties;

typedef struct TieList
{
	Ties	   *ties;
	size_t		count;
	size_t		room;
} TieList;

static bool
add_ties(const Memory *memory, TieList *list, uint32_t begin, uint32_t end)
{
	if (list->count == list->room)
	{
		size_t		room = list->room < 64 ? 64 : 2 * list->room;
		Ties	   *ties = memory_grow(memory, list->ties, list->count, room, sizeof(*ties));

		if (ties == NULL)
			return false;
		list->ties = ties;
		list->room = room;
	}
	list->ties[list->count].begin = begin;
	list->ties[list->count++].end = end;
	return true;
}

/*
 * Orders tied rows by the target, then by one feature after the other, each of
 * which is looked at once.  Rows that differ are no longer tied.
 */
static bool
break_ties(const Memory *memory, const ForestData *data, uint32_t *order,
		   TieList *list, ForestStatus *status)
{
	int32_t		f;

	for (f = data->weights != NULL ? -2 : -1; f < data->n_features && list->count > 0; f++)
	{
		RowKeys		keys = keys_of(data, f);
		TieList		left = {NULL, 0, 0};
		size_t		i;

		for (i = 0; i < list->count; i++)
		{
			uint32_t	begin = list->ties[i].begin;
			uint32_t	end = list->ties[i].end;
			uint32_t	at;
			bool		ok = true;

			*status = FOREST_STOPPED;
			for (at = begin + 1; at < end && ok; at++)
			{
				if ((at & 0xfff) == 0)
					ok = memory->may_go_on(memory->arg);
				if (row_key(&keys, order[at]) != row_key(&keys, order[begin]))
					break;
			}
			if (ok && at < end)
				ok = sort_rows(memory, &keys, order + begin, end - begin);
			while (ok && begin < end)
			{
				for (at = begin + 1; at < end &&
					 row_key(&keys, order[at]) == row_key(&keys, order[begin]); at++)
					;
				*status = FOREST_NO_MEMORY;
				if (at - begin > 1)
					ok = add_ties(memory, &left, begin, at);
				begin = at;
			}
			if (!ok)
			{
				memory_release(memory, left.ties);
				return false;
			}
		}
		memory_release(memory, list->ties);
		*list = left;
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
	TieList		ties = {NULL, 0, 0};
	RowKeys		keys = {NULL, NULL, NULL};
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

	keys.hashes = hashes;
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
			!sort_rows(memory, &keys, order + begin, end - begin))
			goto done;
		while (begin < end)
		{
			size_t		run = begin + 1;

			while (run < end && hashes[order[run]] == hashes[order[begin]])
				run++;
			if (run - begin > 1 &&
				!add_ties(memory, &ties, (uint32_t) begin, (uint32_t) run))
			{
				*status = FOREST_NO_MEMORY;
				goto done;
			}
			begin = run;
		}
	}
	memory_release(memory, hashes);
	hashes = NULL;
	if (!break_ties(memory, data, order, &ties, status))
		goto done;
	*status = FOREST_OK;
	ok = true;

done:
	memory_release(memory, ties.ties);
	memory_release(memory, hashes);
	memory_release(memory, ends);
	return ok;
}
