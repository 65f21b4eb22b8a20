/*-------------------------------------------------------------------------
 *
 * node_split.c
 *	  Splits of nodes, as forests and boosting write them.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/node_split.h"

#include <string.h>

uint32_t
node_split(uint32_t feature, int n_bins, bool *passing)
{
	uint32_t	split = feature << NODE_FEATURE_SHIFT;
	int			changes = 0;
	int			limit;
	int			code;

	for (code = 2; code <= n_bins; code++)
		changes += passing[code] != passing[code - 1];
	if (changes > 1)
		return split | NODE_SET;
	if (!passing[1])
		for (code = 0; code <= n_bins; code++)
			passing[code] = !passing[code];
	for (limit = 1; limit < n_bins && passing[limit + 1]; limit++)
		;
	if (!passing[BINS_NULL])
		return split | (uint32_t) (limit - 1) << NODE_BYTE_SHIFT | NODE_NULL_FAILS;
	return split | (uint32_t) limit << NODE_BYTE_SHIFT;
}

void
node_write_set(ForestNode *set, int n_bins, const bool *passing)
{
	int			code;

	memset(set, 0, node_set_slots((uint32_t) n_bins) * sizeof(*set));
	for (code = 0; code <= n_bins; code++)
	{
		uint32_t	bit = (uint32_t) passing[code] << (code & 31);

		if (code & 32)
			set[code >> 6].split |= bit;
		else
			set[code >> 6].next |= bit;
	}
}

static inline bool
item_before(const BinItem *a, const BinItem *b)
{
	return a->key < b->key || (a->key == b->key && a->code < b->code);
}

/* Few by insertion, more in halves. */
void
bin_items_sort(BinItem *items, BinItem *spare, int n)
{
	int			half = n / 2;
	int			i;
	int			j;
	int			k;

	if (n <= 12)
	{
		for (i = 1; i < n; i++)
		{
			BinItem	item = items[i];

			for (j = i; j > 0 && item_before(&item, &items[j - 1]); j--)
				items[j] = items[j - 1];
			items[j] = item;
		}
		return;
	}
	bin_items_sort(items, spare, half);
	bin_items_sort(items + half, spare, n - half);
	memcpy(spare, items, (size_t) half * sizeof(*items));
	for (i = 0, j = half, k = 0; i < half; k++)
	{
		if (j < n && item_before(&items[j], &spare[i]))
			items[k] = items[j++];
		else
			items[k] = spare[i++];
	}
}
