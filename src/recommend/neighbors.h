/*-------------------------------------------------------------------------
 *
 * neighbors.h
 *	  The items most like each item, by what customers had.
 *
 * With x the value of an entry of the matrix, 1 where there are none, and n of
 * an item the sum of x^2 over its customers (their number, where values are
 * 1), the score of a source item s for a target item t is
 *
 *	cosine		sum over customers of x(s) x(t) / (n(s)^a n(t)^b + shrink)
 *	user_cosine	the same, each customer's product divided by the sum of x^2
 *				over his items: whoever has few says more
 *	tfidf		cosine of sqrt(x) log(items / (1 + items of the customer)),
 *				with shrink in customers of the mean weight
 *	jaccard		c / (n(s) + n(t) - c + shrink), c = sum of x(s) x(t): the
 *				coefficient of Tanimoto, of Jaccard where x is 1
 *	bm25		sum of y(s) y(t), y = idf x (k1 + 1) / (x + k1 (1 - b + b l)),
 *				k1 = 1.2, b = 0.75, l the item's sum of x over the mean of
 *				items', idf as in tfidf (Robertson, Zaragoza 2009)
 *	llr			the log-likelihood ratio of customers of both, one, other and
 *				neither (Dunning 1993), where both are more than chance makes;
 *				0, and no neighbors, where they are not
 *
 * a and b are the exponents, 1/2 unless others are given.
 *
 * Each pair is reckoned once, from the less popular item, and offered to the
 * lists of both.  A list keeps the best so many, of equal scores (as float)
 * those of lower numbers: the same ones in whatever order they are offered.
 * So several processes may each take some items, given that they share the
 * kernel's memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_NEIGHBORS_H
#define PROMO_NEIGHBORS_H

#include "recommend/recommend.h"

typedef struct Neighbor
{
	float		score;
	uint32_t	item;
} Neighbor;

/*
 * One work on one matrix.  Numbers first; then where the matrix is, and the
 * kernel's own arrays, which a process that shares them puts in anew.
 */
typedef struct Kernel
{
	RecommendMethod method;
	uint32_t	neighbors;
	uint32_t	n_items;
	uint32_t	n_active;		/* items with customers enough, the first ones */
	uint32_t	n_customers;
	uint64_t	n_entries;
	uint32_t	n_present;		/* customers with items */
	double		log_present;
	double		shrink;
	double		source_exponent;
	double		target_exponent;
	bool		per_source;
	bool		is_symmetric;
	bool		has_values;
	bool		has_own_values; /* made of the matrix's */
	bool		has_weights;
	bool		has_logs;

	const uint64_t *customer_start;
	const uint32_t *items;
	const float *values;
	const uint64_t *item_start;
	const uint32_t *customers;
	const float *item_values;

	double	   *weight;			/* of each customer */
	double	   *source;			/* what an item's norm makes of it as a source, */
	double	   *target;			/* and as a target; for llr its logarithm */
	double	   *block_source;	/* of some items that lie together, the least */
	double	   *block_target;
	double	   *logs;			/* x log x, for counts of customers */
	float	   *own_values;
	float	   *own_item_values;
	Neighbor   *heaps;			/* the worst of each list first */
	uint32_t   *heap_size;
	float	   *worst;			/* what a list wants at least */
	float	   *block_worst;
	uint8_t    *locks;
	uint32_t   *next;			/* the next items that nobody has taken */
} Kernel;

/* Sets up the numbers; items below n_active have customers enough. */
extern void kernel_start(Kernel *kernel, const Matrix *matrix,
						 const RecommendOptions *options, uint32_t n_active);

/* How many items, the first ones, have so many customers */
extern uint32_t neighbors_active(const Matrix *matrix, uint32_t min_support);

/* Bytes of the kernel's own arrays, and where they are in such a block */
extern size_t kernel_size(const Kernel *kernel);
extern void kernel_place(Kernel *kernel, void *block);

/* The same for a copy of the matrix, where others cannot see it. */
extern size_t kernel_matrix_size(const Kernel *kernel);
extern void kernel_matrix_place(Kernel *kernel, void *block);
extern void kernel_matrix_copy(const Kernel *kernel, void *block);

/* Fills the arrays, once, in the process that started it. */
extern bool kernel_prepare(const Memory *memory, const Matrix *matrix, Kernel *kernel);

/* What kernel_run takes itself, in each process */
extern size_t kernel_run_need(const Kernel *kernel);

/*
 * Works until nobody is left to be taken; each process does.  The lists are
 * whole when all have come back.
 */
extern bool kernel_run(const Memory *memory, Kernel *kernel, bool is_alone);

/* The lists, best first, in memory of their own. */
extern bool kernel_lists(const Memory *memory, const Kernel *kernel, NeighborLists *lists);

/* All of that, in this process */
extern bool neighbors_build(const Memory *memory, const Matrix *matrix,
							const RecommendOptions *options, uint32_t n_active,
							NeighborLists *lists);

/* In the lists of the items that are listed, those that list them. */
extern bool neighbors_transpose(const Memory *memory, const NeighborLists *lists,
								NeighborLists *transposed);

extern void neighbors_end(const Memory *memory, NeighborLists *lists);

/*
 * The log-likelihood ratio of a table of two by two: customers of both, of the
 * one, of the other, of all; 0 where both are no more than chance makes.
 */
extern double neighbors_llr(double both, double one, double other, double all);

#endif							/* PROMO_NEIGHBORS_H */
