/*-------------------------------------------------------------------------
 *
 * pg_recommend.h
 *	  From an open recommender and what a customer had to the items to show.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_RECOMMEND_H
#define PROMO_PG_RECOMMEND_H

#include "nodes/pg_list.h"

#include "pg/json.h"
#include "recommend/pg_open.h"

/* Items that are recommended at once at most */
#define RECOMMEND_MOST 10000

typedef enum Fallback
{
	FALLBACK_POPULAR,
	FALLBACK_TRENDING,
	FALLBACK_NONE
} Fallback;

/* The options of recommend() */
typedef struct Wishes
{
	bool		has_history;
	List	   *history;		/* C strings */
	bool		exclude_bought;
	bool		buy_again;
	Fallback	fallback;
	uint8	   *allowed;		/* of each item; NULL: all are */
	int			n_boosts;
	uint32	   *boosted;
	float	   *boost;
} Wishes;

/* An item that the customer had */
typedef struct Had
{
	uint32		item;
	float		value;
	float		amount;
	int64		last_at;
} Had;

typedef struct Recommendation
{
	uint32		item;
	float		score;
	uint32		because;		/* NAME_NONE where there is no such item */
} Recommendation;

/*
 * Reads the options but the history to wishes that were zero, noting faults;
 * the caller closes the reader.  Items that the recommender does not know are
 * passed over: what is in stock may be newer.  With no catalog, faults are all
 * that it finds.
 */
extern void wishes_read(JsonReader *reader, const Catalog *catalog, Wishes *wishes);

extern Had *had_of_history(const History *history, int *count);

/*
 * The n best for who had these items, which rise, and did something else with
 * those of the second event.  Gives how many there are.
 */
extern uint32 recommend_best(OpenRecommender *open, const Wishes *wishes, const Had *had,
							 int count, const Had *events, int event_count, uint32 n,
							 bool with_reasons, Recommendation *result);

#endif							/* PROMO_PG_RECOMMEND_H */
