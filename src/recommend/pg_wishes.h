/*-------------------------------------------------------------------------
 *
 * pg_wishes.h
 *	  The options of recommend, recommend_basket and recommend_all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RECOMMEND_WISHES_H
#define PROMO_RECOMMEND_WISHES_H

#include "pg/json.h"
#include "recommend/pack.h"

typedef enum Fallback
{
	FALLBACK_POPULAR,
	FALLBACK_TRENDING,
	FALLBACK_NONE
} Fallback;

typedef struct Wishes
{
	bool		has_history;
	List	   *history;		/* C strings, the newest last */
	bool		exclude_bought;
	bool		buy_again;
	Fallback	fallback;
	uint8	   *allowed;		/* of each item; NULL: all are */
	int			n_boosts;
	uint32	   *boosted;
	float	   *boost;
} Wishes;

/*
 * Reads the options but the history to wishes that were zero, noting faults;
 * the caller closes the reader.  Items that the recommender does not know are
 * passed over: a shop has newer ones than its recommender.  With no catalog,
 * faults are all that it finds.
 */
extern void wishes_read(JsonReader *reader, const Catalog *catalog, Wishes *wishes);

/* Reads the options of a call of the function `what`, or raises an error. */
extern void wishes_of_call(const Jsonb *json, const Catalog *catalog, bool takes_history,
						   const char *what, Wishes *wishes);

static inline bool
wishes_allow(const Wishes *wishes, uint32 item)
{
	return wishes->allowed == NULL || wishes->allowed[item] != 0;
}

/* The item of the name; NAME_NONE where there is none. */
static inline uint32
wishes_item(const Catalog *catalog, const char *name)
{
	return catalog_find(catalog, name, (uint32) strlen(name));
}

#endif							/* PROMO_RECOMMEND_WISHES_H */
