/*-------------------------------------------------------------------------
 *
 * recommend.h
 *	  Recommendations: what they are made from, what a built recommender is.
 *
 * The way data takes.
 *
 *	1. A query gives rows (customer, item [, weight] [, at] [, category]).
 *	   Ids become numbers as they are first seen (names.c), rows are kept as
 *	   numbers (interactions_add).
 *	2. matrix_build() numbers customers by their text, and items by how many
 *	   customers had them, most first, then by their text; so the order of the
 *	   rows is forgotten here.  It makes one entry of all rows of a customer
 *	   and an item, and lists the entries twice: of each customer the items, of
 *	   each item the customers, both rising.
 *	3. neighbors_build() gives each item the items most like it (neighbors.c),
 *	   ridge_build() learns weights for them (ridge.c), cross_build() finds what
 *	   a second event, such as views, says for purchases (cross.c).  All give
 *	   NeighborLists.
 *	4. recommend_build() calls what the options ask for, and gives a
 *	   RecommendModel.
 *	5. pack.c writes a model as pieces of some kilobytes, each of which can be
 *	   read alone: a recommendation for a customer with 30 items reads about 30
 *	   of them, or none where they are at hand.
 *
 * An item number below 1,000 is a popular item; ties are everywhere broken by
 * the number, so the more popular item comes first, then the one whose text
 * does.  All scores are sums in an order that only the numbers decide, so they
 * are the same bits however many processes made them.
 *
 * A customer's score for an item t is
 *
 *		sum over his items s of value(s) * score(s -> t)
 *
 * with score(s -> t) in the list of s in `scoring`; for user_knn that of knn.h.
 *
 * Plain C.  Each function that can run out of memory, or be told to stop,
 * gives false for that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RECOMMEND_H
#define PROMO_RECOMMEND_H

#include "core/memory.h"
#include "recommend/matrix.h"

#define RECOMMEND_MAX_NEIGHBORS 1000

typedef enum RecommendMethod
{
	RECOMMEND_USER_COSINE,
	RECOMMEND_COSINE,
	RECOMMEND_JACCARD,
	RECOMMEND_LLR,
	RECOMMEND_TFIDF,
	RECOMMEND_BM25,
	RECOMMEND_LOCAL_RIDGE,
	RECOMMEND_USER_KNN,
	RECOMMEND_CONTENT
} RecommendMethod;

#define RECOMMEND_METHODS 9

/*
 * What is asked of a build.  Counts are of customers; a count of 0 for the
 * cap means that there is none.
 */
typedef struct RecommendOptions
{
	RecommendMethod method;
	uint32_t	neighbors;		/* kept for each item, or customer for user_knn */
	double		shrink;			/* customers added below the fraction */
	uint32_t	min_support;	/* customers that an item with neighbors has */
	uint32_t	user_cap;		/* items of a customer that count */
	double		half_life;		/* microseconds; 0 means no decay */
	bool		per_source;		/* else lists are pruned for each target */
	double		source_exponent;	/* of the norm of the item that speaks, */
	double		target_exponent;	/* and of the one that is spoken for */
	double		lambda;			/* of local_ridge */
	double		content_weight; /* of content blended in, 0 to 1 */
	double		event_weight;	/* of the second event */
} RecommendOptions;

/*
 * For each item a list of others, each with a score; lists may be empty, and
 * never hold the item itself.
 */
typedef struct NeighborLists
{
	uint32_t	n_items;
	uint64_t   *start;			/* n_items + 1 places in the two below */
	uint32_t   *item;
	float	   *score;
} NeighborLists;

static inline uint64_t
neighbors_count(const NeighborLists *lists)
{
	return lists->n_items == 0 ? 0 : lists->start[lists->n_items];
}

/*
 * A built recommender, over the numbers of its matrix, which lives as long.
 */
typedef struct RecommendModel
{
	RecommendOptions options;
	const Matrix *matrix;
	const Matrix *events;		/* the second event's, NULL where there is none */

	/* Of each item the most like it, best first: what a product page shows. */
	NeighborLists similar;

	/*
	 * Of each item those that it speaks for, rising.  With lists pruned for
	 * each target an item may speak for any number of others; pruned for each
	 * source, these are the lists of `similar`.
	 */
	NeighborLists scoring;

	/* The same for items of the second event; n_items is 0 without. */
	NeighborLists event_scoring;
} RecommendModel;

/* The method's name as options have it, NULL past the last */
extern const char *recommend_method_name(int method);

/* What is right for most data with the method; see the manual for why. */
extern void recommend_defaults(RecommendOptions *options, RecommendMethod method);

#endif							/* PROMO_RECOMMEND_H */
