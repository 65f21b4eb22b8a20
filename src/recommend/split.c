/*-------------------------------------------------------------------------
 *
 * split.c
 *	  Splits of events into what is learned from and what is judged by.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "core/hash.h"
#include "recommend/split.h"

/* Bits that sort as unsigned numbers like the instants they stand for */
static inline uint64_t
sortable(int64_t at)
{
	return (uint64_t) at ^ UINT64_C(0x8000000000000000);
}

/*
 * The instant of the event of the part that has so many before it, of fewer
 * than there are.  Found byte by byte from the highest, among the events that
 * share what is known of it.
 */
static uint64_t
instant_of(const SplitEvents *events, uint8_t from, uint64_t before)
{
	uint64_t	known = 0;
	uint64_t	mask = 0;
	int			shift;

	for (shift = 56; shift >= 0; shift -= 8)
	{
		uint64_t	count[256] = {0};
		uint32_t	i;
		int			byte = 0;

		for (i = 0; i < events->n; i++)
			if (events->part[i] == from && (sortable(events->at[i]) & mask) == known)
				count[(sortable(events->at[i]) >> shift) & 255]++;
		while (before >= count[byte])
			before -= count[byte++];
		known |= (uint64_t) byte << shift;
		mask |= UINT64_C(255) << shift;
	}
	return known;
}

static void
split_time(const Split *split, SplitEvents *events, uint8_t from, uint8_t to)
{
	uint64_t	n = 0;
	uint64_t	moving;
	uint64_t	cut;
	uint64_t	first = UINT64_MAX;
	uint32_t	i;

	for (i = 0; i < events->n; i++)
		if (events->part[i] == from)
		{
			uint64_t	at = sortable(events->at[i]);

			n++;
			if (at < first)
				first = at;
		}
	if (n == 0)
		return;
	/* Shares such as 0.2 are a little off in binary: no event more for it. */
	moving = (uint64_t) ceil(split->share * (double) n - 1e-9);
	cut = instant_of(events, from, n - (moving > 0 ? moving : 1));

	/* Where the cut would leave nothing, all but the first instant move. */
	if (cut == first)
		cut = first + 1;
	for (i = 0; i < events->n; i++)
		if (events->part[i] == from && sortable(events->at[i]) >= cut)
			events->part[i] = to;
}

static void
split_random(const Split *split, SplitEvents *events, uint8_t from, uint8_t to)
{
	uint64_t	seed = hash_mix(split->seed + UINT64_C(0x9e3779b97f4a7c15) * ((uint64_t) to + 1));
	uint32_t	i;

	for (i = 0; i < events->n; i++)
	{
		uint64_t	bits;

		if (events->part[i] != from)
			continue;
		bits = hash_mix(hash_mix(seed ^ events->user_key[events->user[i]]) +
						events->item_key[events->item[i]]);
		if ((double) (bits >> 11) * 0x1.0p-53 < split->share)
			events->part[i] = to;
	}
}

/* An item of a user, and when he took it up */
typedef struct TakenUp
{
	uint32_t	item;
	int64_t		at;
} TakenUp;

static bool
taken_up_before(const TakenUp *a, const TakenUp *b)
{
	return a->at < b->at || (a->at == b->at && a->item < b->item);
}

static bool
item_before(const TakenUp *a, const TakenUp *b)
{
	return a->item < b->item || (a->item == b->item && a->at < b->at);
}

/* Heap sort, which needs no room and has no bad case */
static void
sort_taken(TakenUp *taken, uint32_t n,
		   bool (*before) (const TakenUp *, const TakenUp *))
{
	uint32_t	end = n;
	uint32_t	start = n / 2;

	while (end > 1)
	{
		uint32_t	at;
		TakenUp		moved;

		if (start > 0)
			moved = taken[at = --start];
		else
		{
			moved = taken[--end];
			taken[end] = taken[0];
			at = 0;
		}
		for (;;)
		{
			uint32_t	child = 2 * at + 1;

			if (child >= end)
				break;
			if (child + 1 < end && before(&taken[child], &taken[child + 1]))
				child++;
			if (!before(&moved, &taken[child]))
				break;
			taken[at] = taken[child];
			at = child;
		}
		taken[at] = moved;
	}
}

/*
 * Marks the last items of one user among his events, which are those numbered
 * in event.
 */
static void
split_user(const Split *split, SplitEvents *events, const uint32_t *event,
		   uint32_t n, TakenUp *taken, uint8_t to)
{
	uint32_t	items = 0;
	uint32_t	held;
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		taken[i].item = events->item[event[i]];
		taken[i].at = events->at[event[i]];
	}
	sort_taken(taken, n, item_before);
	for (i = 0; i < n; i++)
		if (items == 0 || taken[items - 1].item != taken[i].item)
			taken[items++] = taken[i];
	if (items <= split->last)
		return;
	sort_taken(taken, items, taken_up_before);
	held = items - split->last;
	/* What is held, by item, for a search */
	sort_taken(taken + held, split->last, item_before);
	for (i = 0; i < n; i++)
	{
		uint32_t	item = events->item[event[i]];
		uint32_t	low = held;
		uint32_t	high = items;

		while (low < high)
		{
			uint32_t	middle = low + (high - low) / 2;

			if (taken[middle].item < item)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < items && taken[low].item == item)
			events->part[event[i]] = to;
	}
}

static bool
split_last(const Memory *memory, const Split *split, SplitEvents *events,
		   uint8_t from, uint8_t to)
{
	uint32_t   *start = memory_zero_array(memory, (size_t) events->n_users + 2, sizeof(uint32_t));
	uint32_t   *event = memory_array(memory, (size_t) events->n + 1, sizeof(uint32_t));
	TakenUp    *taken = NULL;
	bool		done = false;
	uint32_t	most = 0;
	uint32_t	i;

	if (start == NULL || event == NULL)
		goto out;
	for (i = 0; i < events->n; i++)
		if (events->part[i] == from)
			start[events->user[i] + 2]++;
	for (i = 0; i < events->n_users; i++)
	{
		if (start[i + 2] > most)
			most = start[i + 2];
		start[i + 2] += start[i + 1];
	}
	for (i = 0; i < events->n; i++)
		if (events->part[i] == from)
			event[start[events->user[i] + 1]++] = i;
	taken = memory_array(memory, (size_t) most + 1, sizeof(TakenUp));
	if (taken == NULL)
		goto out;
	for (i = 0; i < events->n_users; i++)
	{
		if (i % 1024 == 0 && !memory->may_go_on(memory->arg))
			goto out;
		split_user(split, events, event + start[i], start[i + 1] - start[i], taken, to);
	}
	done = true;
out:
	memory_release(memory, start);
	memory_release(memory, event);
	memory_release(memory, taken);
	return done;
}

bool
split_events(const Memory *memory, const Split *split, SplitEvents *events,
			 uint8_t from, uint8_t to)
{
	switch (split->kind)
	{
		case SPLIT_TIME:
			split_time(split, events, from, to);
			return memory->may_go_on(memory->arg);
		case SPLIT_RANDOM:
			split_random(split, events, from, to);
			return memory->may_go_on(memory->arg);
		case SPLIT_LAST:
			return split_last(memory, split, events, from, to);
	}
	return false;
}
