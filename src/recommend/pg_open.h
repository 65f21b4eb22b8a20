/*-------------------------------------------------------------------------
 *
 * pg_open.h
 *	  Recommenders in the extension's tables, and at hand in this session.
 *
 * Which version of a recommender there is is read under the snapshot of the
 * query that asks, each time that is another one.  A version never changes
 * (but for customers who are forgotten, which gives it another stamp), so the
 * pieces of it that were read stay at hand for the session, known by the
 * recommender's number and stamp, within promo.cache_size.  So no session ever
 * has an old version in place of a new one, whatever it saw before.
 *
 * Reading takes no right to the tables: who may call the function may.
 *
 * A model that is only in memory can be opened as well, so that it is judged
 * by the answers that it would give from the tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RECOMMEND_OPEN_H
#define PROMO_RECOMMEND_OPEN_H

#include "recommend/pack.h"

typedef struct StoredRecommender
{
	Oid			table;			/* of the pieces */
	int64		id;
	int64		stamp;
	int32		version;
	int64		catalog_bytes;
	Oid			owner;
} StoredRecommender;

/* Under the active snapshot; false: there is none of that name. */
extern bool recommender_find(const text *name, StoredRecommender *found);

typedef struct OpenRecommender
{
	StoredRecommender stored;
	Catalog		catalog;

	/* Of pg_open.c alone */
	MemoryContext context;
	struct ModelInMemory *model;	/* NULL: it is in the tables */
	struct OpenPiece **pieces[PACK_KINDS];	/* by number; NULL: not at hand */
	Size		held;			/* bytes of the catalog and the pieces */
	uint64		used;
	struct OpenRecommender *next;
	History		history;		/* read last */
	uint32		history_room;
	uint32	   *by_recent;		/* NULL where nobody has asked */
} OpenRecommender;

/*
 * The recommender of the name, or an error; good until the next is opened.
 */
extern OpenRecommender *recommender_open(const text *name);

/* The same of one that was found */
extern OpenRecommender *recommender_open_stored(const StoredRecommender *stored);

/*
 * Opens a model that is not in the tables, which stays until it is closed: its
 * pieces are packed as they are asked for, and may take so much room, or that of
 * the cache where it is more.  The customer of each number of its matrix has the
 * next number as his surrogate.  Lately is at or after `since`.
 */
extern OpenRecommender *recommender_open_model(const RecommendModel *model, int64 since,
											   Size room);
extern void recommender_close(OpenRecommender *open);

/* An item's list; good until the next piece is asked for. */
typedef struct OpenList
{
	uint32		count;
	const uint32 *item;			/* of PACK_ITEM_CUSTOMERS: numbers of customers */
	const float *score;			/* NULL for those whose values are all 1 */
} OpenList;

extern void open_list(OpenRecommender *open, PackKind kind, uint32 item, OpenList *list);

/* The same where nothing has to be read for it, so that others stay good */
extern bool open_list_at_hand(OpenRecommender *open, PackKind kind, uint32 item,
							  OpenList *list);

/*
 * What a customer had when the recommender was built, of PACK_HISTORY or
 * PACK_EVENT_HISTORY (of catalog.has_events only); empty where it knows
 * nothing of him.  Good until the next history is asked for.
 */
extern const History *open_history_of_id(OpenRecommender *open, PackKind kind, int64 customer);

/* The same by place */
extern const History *open_history_of_place(OpenRecommender *open, PackKind kind, uint32 place);

/* The items by how many customers had them lately, most first */
extern const uint32 *open_by_recent(OpenRecommender *open);

/* The surrogate of the customer, 0 where promo keeps nothing on him. */
extern int64 open_customer(const text *customer);

/* The surrogate of the customer at a place, 0 where he was forgotten. */
extern int64 open_customer_of_place(OpenRecommender *open, uint32 place);

/* The place of a customer; false: there is none. */
extern bool open_place_of_customer(OpenRecommender *open, int64 customer, uint32 *place);

/* Bytes that others hold for the session, which count as the cache's. */
extern void open_reserve(Size bytes);

#endif							/* PROMO_RECOMMEND_OPEN_H */
