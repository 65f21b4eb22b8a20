/*-------------------------------------------------------------------------
 *
 * pg_answer.h
 *	  What an open recommender has to say to a customer.
 *
 * An answer has up to three parts, each of which fills what the one before
 * left: with buy_again what he had, that which he had most first; then what the
 * model says; then the fallback, what most customers had or had lately.
 * Nothing is said twice.
 *
 * In the second part an item's score is that of recommend.h (of knn.h for
 * user_knn), with the second event's added, times its boost; in the third the
 * number of customers, times its boost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RECOMMEND_ANSWER_H
#define PROMO_RECOMMEND_ANSWER_H

#include "recommend/pg_open.h"
#include "recommend/pg_wishes.h"

/* Items that are recommended at once at most */
#define RECOMMEND_MOST 10000

/* An item that the customer had; of several they rise. */
typedef struct Had
{
	uint32		item;
	float		value;
	float		amount;
	int64		last_at;
} Had;

/* Who asks */
typedef struct Asking
{
	uint32		place;			/* in the histories; NAME_NONE: of nobody known */
	Had		   *had;
	int			count;
	Had		   *events;			/* of the second event */
	int			event_count;
} Asking;

typedef struct Recommendation
{
	uint32		item;
	float		score;
	uint32		because;		/* what he had; NAME_NONE: nothing, or not asked */
} Recommendation;

/* Items by name, each once, with how often it is named; later ones are newer. */
extern Had *had_of_names(const Catalog *catalog, const List *names, int *count);

/* Who is known by the surrogate, with what the recommender knows of him */
extern void asking_of_customer(OpenRecommender *open, int64 customer, Asking *asking);

/* The n best; result has room for so many.  Gives how many there are. */
extern uint32 answer(OpenRecommender *open, const Wishes *wishes, const Asking *asking,
					 uint32 n, bool with_reasons, Recommendation *result);

#endif							/* PROMO_RECOMMEND_ANSWER_H */
