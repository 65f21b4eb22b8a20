/*-------------------------------------------------------------------------
 *
 * share.c
 *	  An amount shared over weights, without losing any of it.
 *
 *-------------------------------------------------------------------------
 */
#include "coupon/share.h"

#include <stdlib.h>

typedef struct Remainder
{
	int64_t		rest;
	int			place;
} Remainder;

struct ShareSpace
{
	int			count;
	Remainder  *remainders;
	int		   *open;			/* those that are not at their most */
};

ShareSpace *
share_space(const Memory *memory, int count)
{
	ShareSpace *space = memory_zero_array(memory, 1, sizeof(ShareSpace));

	if (space == NULL)
		return NULL;
	space->count = count;
	space->remainders = memory_array(memory, (size_t) count, sizeof(Remainder));
	space->open = memory_array(memory, (size_t) count, sizeof(int));
	if (space->remainders == NULL || space->open == NULL)
	{
		share_space_release(memory, space);
		return NULL;
	}
	return space;
}

void
share_space_release(const Memory *memory, ShareSpace *space)
{
	if (space == NULL)
		return;
	memory_release(memory, space->remainders);
	memory_release(memory, space->open);
	memory_release(memory, space);
}

static int
remainder_order(const void *a, const void *b)
{
	const Remainder *left = a;
	const Remainder *right = b;

	if (left->rest != right->rest)
		return left->rest > right->rest ? -1 : 1;
	return left->place < right->place ? -1 : 1;
}

/* Shares the amount over the open places, whatever their most. */
static void
share_once(ShareSpace *space, int64_t amount, const int64_t *weights, int open, int64_t *shares)
{
	int64_t		total = 0;
	int64_t		spare = amount;
	bool		all_zero;
	int			i;

	for (i = 0; i < open; i++)
		total += weights[space->open[i]];
	all_zero = total == 0;
	if (all_zero)
		total = open;
	for (i = 0; i < open; i++)
	{
		int			place = space->open[i];
		Wide		product = (Wide) amount * (all_zero ? 1 : weights[place]);

		shares[place] = (int64_t) (product / total);
		space->remainders[i].rest = (int64_t) (product % total);
		space->remainders[i].place = place;
		spare -= shares[place];
	}
	if (spare == 0)
		return;
	qsort(space->remainders, (size_t) open, sizeof(Remainder), remainder_order);
	for (i = 0; i < spare; i++)
		shares[space->remainders[i].place]++;
}

int64_t
share_out(ShareSpace *space, int64_t amount, const int64_t *weights, const int64_t *most,
		  int count, int64_t *shares)
{
	int64_t		left = amount;
	bool		any_weight = false;
	int			open = 0;
	int			i;

	for (i = 0; i < count; i++)
		any_weight = any_weight || weights[i] > 0;
	for (i = 0; i < count; i++)
	{
		shares[i] = 0;
		if (weights[i] > 0 || !any_weight)
			space->open[open++] = i;
	}

	/* Each round either is the last or closes a place. */
	while (open > 0 && left > 0)
	{
		int64_t		closed = 0;
		int			still = 0;

		share_once(space, left, weights, open, shares);
		if (most == NULL)
			return amount;
		for (i = 0; i < open; i++)
		{
			int			place = space->open[i];

			if (shares[place] > most[place])
			{
				shares[place] = most[place];
				closed += most[place];
			}
			else
				space->open[still++] = place;
		}
		if (still == open)
			return amount;
		left -= closed;
		if (still == 0)
			return amount - left;
		for (i = 0; i < still; i++)
			shares[space->open[i]] = 0;
		open = still;
	}
	return amount - left;
}
