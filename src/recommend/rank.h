/*-------------------------------------------------------------------------
 *
 * rank.h
 *	  From what a customer had to the items to show him.
 *
 * Plain C.  A Ranker is kept, and used for one customer after another: it
 * holds a number for each item, and remembers which it touched, so a ranking
 * costs what its lists hold and not what the catalog does.
 *
 *		rank_add() for each item that the customer had, in rising order
 *		rank_refuse() and rank_boost() for what the shop says of items
 *		rank_best() gives the best and makes the ranker new again
 *
 * An item's score is the sum of what was added to it, times its boost.  Items
 * that nothing was added to, or no more than 0, are not ranked.  Of equal
 * scores the item of the lower number, which is the more popular, comes first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RANK_H
#define PROMO_RANK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"

/* What no score is as small as */
#define RANK_NOTHING 1e-30f

typedef struct Ranked
{
	uint32_t	item;
	float		score;
} Ranked;

typedef struct Ranker
{
	uint32_t	n_items;
	float	   *score;			/* of each item; 0 where it is not touched */
	uint32_t   *touched;		/* items whose score is not 0 */
	uint32_t	count;
	uint8_t    *refused;		/* of each item */
	uint32_t   *refused_items;
	uint32_t	n_refused;
	Ranked	   *heap;			/* the best so far, the worst of them on top */
	uint32_t	heap_room;
} Ranker;

/* False: no memory.  Of at most `most` items rank_best() is asked for. */
extern bool rank_start(const Memory *memory, Ranker *ranker, uint32_t n_items,
					   uint32_t most);
extern void rank_end(const Memory *memory, Ranker *ranker);

/* Bytes that a ranker takes */
extern uint64_t rank_need(uint32_t n_items, uint32_t most);

/* The bits of a sum, which are 0 for an item that nothing was added to */
typedef union RankBits
{
	float		sum;
	uint32_t	bits;
} RankBits;

/*
 * Adds value times the score of each item of a list.  It is the loop in which
 * recommendations spend their time.
 */
static inline void
rank_add(Ranker *ranker, float value, const uint32_t *item, const float *score,
		 uint64_t count)
{
	float	   *sum = ranker->score;
	uint32_t   *touched = ranker->touched;
	uint32_t	touches = ranker->count;
	uint64_t	i;

	for (i = 0; i < count; i++)
	{
		RankBits	at;

		/* Written always, kept only when it is new: no branch to guess. */
		at.sum = sum[item[i]];
		touched[touches] = item[i];
		touches += at.bits == 0;
		at.sum += value * score[i];

		/* An item that was touched is never 0 again, so it is touched once. */
		if (at.bits << 1 == 0)
			at.sum = -RANK_NOTHING;
		sum[item[i]] = at.sum;
	}
	ranker->count = touches;
}

/* The same with scores of 1, and a value above 0 */
static inline void
rank_add_alike(Ranker *ranker, float value, const uint32_t *item, uint64_t count)
{
	float	   *sum = ranker->score;
	uint32_t   *touched = ranker->touched;
	uint32_t	touches = ranker->count;
	uint64_t	i;

	for (i = 0; i < count; i++)
	{
		touched[touches] = item[i];
		touches += sum[item[i]] == 0;
		sum[item[i]] += value;
	}
	ranker->count = touches;
}

/* The item is not ranked this time. */
static inline void
rank_refuse(Ranker *ranker, uint32_t item)
{
	if (!ranker->refused[item])
	{
		ranker->refused[item] = 1;
		ranker->refused_items[ranker->n_refused++] = item;
	}
}

/* Multiplies the score that the item has so far. */
static inline void
rank_boost(Ranker *ranker, uint32_t item, float boost)
{
	ranker->score[item] *= boost;
}

/*
 * The n best, best first; gives how many there are.  With allowed, a byte for
 * each item, only those whose byte is not 0.
 */
extern uint32_t rank_best(Ranker *ranker, uint32_t n, const uint8_t *allowed,
						  Ranked *best);

/*
 * What one source adds to an item: value times the score in its list, whose
 * items rise; 0 where it is not there.
 */
extern float rank_part(float value, const uint32_t *item, const float *score,
					   uint64_t count, uint32_t wanted);

#endif							/* PROMO_RANK_H */
