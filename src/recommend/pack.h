/*-------------------------------------------------------------------------
 *
 * pack.h
 *	  A built recommender as pieces of bytes, each read on its own.
 *
 *	catalog		the items' names, how many customers had them, categories;
 *				one string of bytes, read whole
 *	lists		the lists of PACK_ITEMS items of NeighborLists, or the customers
 *				of each: piece p has the items from p * PACK_ITEMS on
 *	histories	what PACK_CUSTOMERS customers had, by rising customer id; the
 *				catalog says which id each piece begins with
 *
 * Customers are known by the surrogates of promo.customer: the one at place p
 * of their order is in piece p / PACK_CUSTOMERS.  A customer who is forgotten
 * leaves a place without a history behind.  Lists of customers have the numbers
 * of the matrix, which go by text, and the catalog the place of each.
 *
 * Catalogs and lists are in the machine's own byte order, in which they are
 * used as they are; their first word tells those of another order, which are
 * refused.  All bytes are held against their sizes, and all numbers against
 * the number of items, when a piece is opened; behind that nothing is checked
 * again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PACK_H
#define PROMO_PACK_H

#include "recommend/recommend.h"

#define PACK_ITEMS 16
#define PACK_CUSTOMERS 64

typedef enum PackKind
{
	PACK_CATALOG,
	PACK_SIMILAR,				/* NeighborLists of the same names */
	PACK_SCORING,
	PACK_EVENT_SCORING,
	PACK_ITEM_CUSTOMERS,		/* of each item its customers, for user_knn, with
								 * their values where not all are 1 */
	PACK_HISTORY,
	PACK_EVENT_HISTORY			/* of the second event */
} PackKind;

#define PACK_KINDS 7

static inline uint32_t
pack_pieces(uint32_t things, uint32_t in_a_piece)
{
	return things / in_a_piece + (things % in_a_piece > 0);
}

/*
 * The catalog
 */
typedef struct Catalog
{
	RecommendMethod method;
	bool		has_events;		/* a second event, with lists and histories */
	bool		has_times;
	uint32_t	neighbors;
	double		shrink;
	double		event_weight;
	int64_t		newest;			/* time of the newest row */
	uint32_t	n_items;
	uint32_t	n_customers;
	uint32_t	n_categories;
	const uint32_t *name_end;	/* of each item's name, in the characters */
	const uint32_t *by_name;	/* items sorted by name */
	const uint32_t *support;	/* customers that had the item, */
	const uint32_t *recent;		/* and those that had it lately; NULL without times */
	const uint32_t *category;	/* n_categories: none; NULL where no item has one */
	const uint32_t *category_end;
	const int64_t *first_customer;	/* of each piece of histories */
	const uint32_t *place;		/* of each customer by number, and the norm of */
	const float *norm;			/* his values; both NULL but for user_knn */
	const char *names;
	const char *categories;
} Catalog;

static inline NameText
catalog_name(const Catalog *catalog, uint32_t item)
{
	uint32_t	begin = item == 0 ? 0 : catalog->name_end[item - 1];
	NameText		name = {catalog->names + begin, catalog->name_end[item] - begin};

	return name;
}

static inline NameText
catalog_category(const Catalog *catalog, uint32_t category)
{
	uint32_t	begin = category == 0 ? 0 : catalog->category_end[category - 1];
	NameText		name = {catalog->categories + begin, catalog->category_end[category] - begin};

	return name;
}

/* The item of the name; NAME_NONE where there is none. */
extern uint32_t catalog_find(const Catalog *catalog, const char *data, uint32_t size);

/* The piece of histories that a customer would be in; false: in none. */
extern bool catalog_find_piece(const Catalog *catalog, int64_t customer, uint32_t *piece);

/*
 * Bytes of the catalog of a model.  Customers come in the order of their ids,
 * with the number of each in order[]; recent counts those whose latest row of
 * an item is at or after since.  False: out of memory, or the names are too
 * long.
 */
extern bool catalog_pack(const Memory *memory, const RecommendModel *model, int64_t since,
						 const uint32_t *order, const int64_t *customer_ids,
						 char **bytes, size_t *size);

/* A view of the bytes, which must be aligned for 64 bits; false: no catalog. */
extern bool catalog_open(Catalog *catalog, const void *bytes, size_t size);

/*
 * Lists
 */
typedef struct PackedLists
{
	uint32_t	count;			/* items in the piece */
	const uint32_t *end;		/* of each item's list */
	const uint32_t *item;		/* or customer */
	const float *score;			/* NULL for customers whose values are 1 */
} PackedLists;

/* Bytes of a piece of lists, and their writing to that place */
extern size_t lists_size(const NeighborLists *lists, uint32_t piece);
extern void lists_pack(const NeighborLists *lists, uint32_t piece, void *bytes);

/* The same of the customers of items */
extern size_t item_customers_size(const Matrix *matrix, uint32_t piece);
extern void item_customers_pack(const Matrix *matrix, uint32_t piece, void *bytes);

/*
 * A view of a piece, aligned for 32 bits, of a model with so many items or
 * customers; false: the bytes are none.
 */
extern bool lists_open(PackedLists *lists, PackKind kind, uint32_t piece,
					   const Catalog *catalog, const void *bytes, size_t size);

/*
 * Histories
 */
typedef struct PackedHistories
{
	uint32_t	count;			/* customers in the piece */
	uint8_t		columns;
	const unsigned char *ids;
	const unsigned char *ends;
	const unsigned char *entries;
	size_t		size;			/* of the entries */
	uint32_t	most;			/* entries of a customer */
} PackedHistories;

/* One customer's, read; arrays have room for `most` entries. */
typedef struct History
{
	uint32_t	count;
	uint32_t   *item;			/* rising */
	float	   *amount;			/* of Matrix */
	float	   *value;
	int64_t    *last_at;		/* microseconds; 0 where times are not kept */
	bool		has_times;
} History;

/*
 * Writes a piece to bytes of at least histories_most(): of the matrix's
 * customers order[first ..], whose ids are given by place.  Gives its size.
 */
extern size_t histories_most(const Matrix *matrix, const uint32_t *order, uint32_t piece);
extern size_t histories_pack(const Matrix *matrix, const uint32_t *order,
							 const int64_t *customer_ids, uint32_t piece, void *bytes);

/* A view of a piece that was read whole and is right; false: it is not. */
extern bool histories_open(PackedHistories *histories, uint32_t n_items,
						   const void *bytes, size_t size);

extern int64_t histories_id(const PackedHistories *histories, uint32_t place);

/* The place of a customer in the piece; false: not there, or forgotten. */
extern bool histories_find(const PackedHistories *histories, int64_t customer, uint32_t *place);

/* Reads the history at a place; of somebody forgotten it is empty. */
extern void histories_read(const PackedHistories *histories, uint32_t place, History *history);

/*
 * Writes the piece without the history of a customer, whose id becomes 0, to
 * bytes of at least the same size.  Gives the new size.
 */
extern size_t histories_forget(const PackedHistories *histories, uint32_t place, void *bytes);

#endif							/* PROMO_PACK_H */
