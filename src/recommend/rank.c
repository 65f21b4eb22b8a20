/*-------------------------------------------------------------------------
 *
 * rank.c
 *	  From what a customer had to the items to show him.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/rank.h"

#include <string.h>

bool
rank_start(const Memory *memory, Ranker *ranker, uint32_t n_items, uint32_t most)
{
	memset(ranker, 0, sizeof(*ranker));
	ranker->n_items = n_items;
	ranker->heap_room = most < n_items ? most : n_items;
	ranker->score = memory_zero_array(memory, (uint64_t) n_items + 1, sizeof(float));
	/* rank_add() writes one place ahead of what it keeps. */
	ranker->touched = memory_array(memory, (uint64_t) n_items + 1, sizeof(uint32_t));
	ranker->refused = memory_zero_array(memory, (uint64_t) n_items + 1, 1);
	ranker->refused_items = memory_array(memory, (uint64_t) n_items + 1, sizeof(uint32_t));
	ranker->heap = memory_array(memory, (uint64_t) ranker->heap_room + 1, sizeof(Ranked));
	if (ranker->score != NULL && ranker->touched != NULL && ranker->refused != NULL &&
		ranker->refused_items != NULL && ranker->heap != NULL)
		return true;
	rank_end(memory, ranker);
	return false;
}

void
rank_end(const Memory *memory, Ranker *ranker)
{
	memory_release(memory, ranker->score);
	memory_release(memory, ranker->touched);
	memory_release(memory, ranker->refused);
	memory_release(memory, ranker->refused_items);
	memory_release(memory, ranker->heap);
	memset(ranker, 0, sizeof(*ranker));
}

uint64_t
rank_need(uint32_t n_items, uint32_t most)
{
	return ((uint64_t) n_items + 1) * (sizeof(float) + 2 * sizeof(uint32_t) + 1) +
		((uint64_t) (most < n_items ? most : n_items) + 1) * sizeof(Ranked);
}

static inline bool
is_worse(const Ranked *a, const Ranked *b)
{
	return a->score < b->score || (a->score == b->score && a->item > b->item);
}

/* Puts an entry in place of the top, which sinks to where it belongs. */
static void
sink(Ranked *heap, uint32_t count, Ranked entry)
{
	uint32_t	at = 0;

	for (;;)
	{
		uint32_t	child = 2 * at + 1;

		if (child >= count)
			break;
		if (child + 1 < count && is_worse(&heap[child + 1], &heap[child]))
			child++;
		if (!is_worse(&heap[child], &entry))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = entry;
}

static void
rise(Ranked *heap, uint32_t at, Ranked entry)
{
	while (at > 0 && is_worse(&entry, &heap[(at - 1) / 2]))
	{
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = entry;
}

uint32_t
rank_best(Ranker *ranker, uint32_t n, const uint8_t *allowed, Ranked *best)
{
	Ranked	   *heap = ranker->heap;
	uint32_t	kept = 0;
	uint32_t	i;
	float		least = 0;		/* what an entry must at least have */

	if (n > ranker->heap_room)
		n = ranker->heap_room;
	for (i = 0; i < ranker->count; i++)
	{
		Ranked		entry = {ranker->touched[i], ranker->score[ranker->touched[i]]};

		ranker->score[entry.item] = 0;
		if (entry.score < least || entry.score <= 0 || n == 0 ||
			ranker->refused[entry.item] || (allowed != NULL && !allowed[entry.item]))
			continue;
		if (kept < n)
			rise(heap, kept++, entry);
		else if (is_worse(&heap[0], &entry))
			sink(heap, n, entry);
		if (kept == n)
			least = heap[0].score;
	}
	ranker->count = 0;
	for (i = 0; i < ranker->n_refused; i++)
		ranker->refused[ranker->refused_items[i]] = 0;
	ranker->n_refused = 0;

	/* Best first: the worst goes to the end, again and again. */
	for (i = kept; i > 0; i--)
	{
		Ranked		last = heap[i - 1];

		best[i - 1] = heap[0];
		if (i > 1)
			sink(heap, i - 1, last);
	}
	return kept;
}

float
rank_part(float value, const uint32_t *item, const float *score, uint64_t count,
		  uint32_t wanted)
{
	uint64_t	low = 0;
	uint64_t	high = count;

	while (low < high)
	{
		uint64_t	middle = low + (high - low) / 2;

		if (item[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && item[low] == wanted ? value * score[low] : 0;
}
