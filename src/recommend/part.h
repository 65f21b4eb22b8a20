/*-------------------------------------------------------------------------
 *
 * part.h
 *	  Rows in parts: what is learned from, and what it is judged by.
 *
 * Plain C.  Rows know customers and items by the order in which they were
 * seen, and splits must not; so they are split under ranks, the places of the
 * texts in their order.  What is learned from becomes rows under names of
 * their own, which hold nothing of what was held out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PART_H
#define PROMO_PART_H

#include "recommend/matrix.h"
#include "recommend/split.h"

/* What is never held out, and what is */
enum
{
	PART_LEARN,
	PART_VALIDATE,				/* held out from what is tried, */
	PART_TEST					/* and from all */
};

/* The ranks of all names, when none more will come */
typedef struct PartRanks
{
	uint32_t	n_customers;
	uint32_t	n_items;
	uint32_t   *customer;		/* the rank of each name, */
	uint32_t   *item;
	uint32_t   *customer_name;	/* the name of each rank, */
	uint32_t   *item_name;
	uint64_t   *customer_key;	/* and a hash of its text */
	uint64_t   *item_key;
} PartRanks;

/* Each that gives bool: false is out of memory, or told to stop. */
extern bool part_ranks(const Memory *memory, const Names *customers, const Names *items,
					   PartRanks *ranks);
extern void part_ranks_end(const Memory *memory, PartRanks *ranks);

/* The rows as events, all of them to learn from; fewer than 2^32 */
extern bool part_events(const Memory *memory, const Interactions *rows,
						const PartRanks *ranks, SplitEvents *events);
extern void part_events_end(const Memory *memory, SplitEvents *events);

/* Bytes that ranks and events take, and part_events while it works */
extern uint64_t part_need(const Interactions *rows);

/*
 * What became of a second event, views for purchases, when the events were
 * split: with the part of the events go those of the second that nobody can
 * have seen when it began.  In time these are the ones at or after its first,
 * of each customer by himself where the split is one of last items; at random
 * those of the pairs that were held out.
 */
extern bool part_follow(const Memory *memory, const Split *split, const SplitEvents *events,
						SplitEvents *second, uint8_t part);

/* What each customer had in a part: items by rank, rising, each once */
typedef struct PartTaken
{
	uint64_t   *start;			/* of each customer's rank, and one more */
	uint32_t   *item;
} PartTaken;

extern bool part_taken(const Memory *memory, const SplitEvents *events, uint8_t part,
					   PartTaken *taken);
extern void part_taken_end(const Memory *memory, PartTaken *taken);

/*
 * Adds to rows that were started under other names those whose part is below.
 * number_of arrays give of each name of `rows` its number among the others;
 * they begin as NAME_NONE, and go on from one call to the next.
 */
extern bool part_select(const Interactions *rows, const uint8_t *part, uint8_t below,
						uint32_t *customer_number_of, uint32_t *item_number_of,
						Interactions *selected);

/* Names, all given numbers among others; NULL: out of memory. */
extern uint32_t *part_rename(const Memory *memory, const Names *names, Names *others);

#endif							/* PROMO_PART_H */
