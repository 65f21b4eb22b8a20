/*-------------------------------------------------------------------------
 *
 * split.h
 *	  Splits of events into what is learned from and what is judged by.
 *
 * Plain C.  Each event belongs to a part.  A split moves some of the events of
 * one part to another, so that two splits give three parts: the second takes
 * from what the first has left.  Which ones move does not depend on the order
 * of the events.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_SPLIT_H
#define PROMO_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"

typedef enum SplitKind
{
	SPLIT_TIME,					/* what happened last: of n events so many
								 * that those of one instant stay together
								 * and at least share * n move, as long as
								 * any stays */
	SPLIT_RANDOM,				/* each pair of user and item by chance, with
								 * all its events */
	SPLIT_LAST					/* of each user with more items than `last`
								 * those that he took up last, with all their
								 * events; of one instant by the item's number */
} SplitKind;

typedef struct Split
{
	SplitKind	kind;
	double		share;			/* time and random: within (0, 1) */
	uint32_t	last;			/* last: at least 1 */
	uint64_t	seed;			/* random */
} Split;

typedef struct SplitEvents
{
	uint32_t	n;
	uint32_t	n_users;
	const uint32_t *user;
	const uint32_t *item;
	const int64_t *at;			/* time and last */
	const uint64_t *user_key;	/* random: of each user, and */
	const uint64_t *item_key;	/* of each item, what chance goes by */
	uint8_t    *part;
} SplitEvents;

/* False: no memory, or told to stop. */
extern bool split_events(const Memory *memory, const Split *split,
						 SplitEvents *events, uint8_t from, uint8_t to);

#endif							/* PROMO_SPLIT_H */
