/*-------------------------------------------------------------------------
 *
 * boost_node.h
 *	  What the files that boost trees share: boost.c keeps the margins of rows
 *	  and fits tree after tree to their derivatives, boost_tree.c grows one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_BOOST_NODE_H
#define PROMO_FOREST_BOOST_NODE_H

#include "core/random.h"
#include "forest/boost.h"
#include "forest/node_split.h"

#define CODES 256

typedef struct BoostSum
{
	double		gradient;
	double		hessian;
	int64_t		rows;
} BoostSum;

/* What a row gives to its bins */
typedef struct BoostRow
{
	double		gradient;
	double		hessian;
} BoostRow;

typedef struct BoostSplit
{
	int32_t		feature;		/* -1: none */
	double		gain;
	bool		null_known;		/* the node has NULLs */
	bool		passes[CODES];	/* bins that pass */
	bool		filled[CODES];	/* category: bins that the node has */
	int64_t		rows;			/* that pass */
} BoostSplit;

/* A leaf that may be split */
typedef struct BoostNode
{
	uint32_t	slot;
	uint32_t	depth;
	uint32_t	begin;
	uint32_t	n_rows;
	uint32_t	out_begin;
	uint32_t	n_out;
	int32_t		histogram;		/* -1: none is kept */
	BoostSum	sum;
	BoostSplit	split;
} BoostNode;

typedef struct Boost
{
	const Memory *memory;
	const GrowMatrix *matrix;
	const ForestOptions *options;
	BoostFit   *fit;
	int64_t		steps;			/* since we asked whether we may go on */
	bool		plain;			/* h is 1 in all rows */
	int32_t		n_margins;
	uint32_t	n_rows;
	uint32_t	n_fit;			/* rows that trees are fitted to, */
	uint32_t	n_learn;		/* behind them those held aside, then held out */

	double	   *weights;		/* by rank, their mean 1; NULL: all 1 */
	double	   *margins;		/* by rank, n_margins each */
	double	   *shares;			/* by rank, n_margins each, with several; as they
								 * were before the round */
	double	   *outputs;		/* of one row: n_margins, or 2 */
	double	   *best_margins;	/* of the rows held out, at the best round */
	double	   *best_gains;
	double	   *gains;
	BoostRow   *of_rank;		/* of the margin at hand */
	BoostRow   *of_node;		/* of the node at hand, in its order */
	uint8_t    *drawn;
	uint32_t   *rows;			/* ranks of the drawn ones, then of the others */
	uint32_t   *side;			/* those that fail, while rows are parted */

	int32_t    *features;		/* a permutation of all */
	int32_t    *chosen;			/* mtry of them, ascending */
	int32_t		n_chosen;
	uint32_t   *bin_begins;		/* where a feature's bins are in a histogram */
	uint32_t	n_bins;			/* of all features */

	BoostSum  **histograms;		/* NULL: not needed yet */
	bool	   *taken;
	int32_t		n_histograms;
	BoostSum   *spare;

	BoostNode  *heap;			/* by gain, the largest first */
	size_t		heap_size;
	size_t		n_heap;
	BoostNode	open;			/* the node that is being split, */
	BoostNode	children[2];	/* and its children */

	ForestNode *nodes;
	size_t		nodes_size;
	size_t		n_nodes;
	uint32_t	n_leaves;
	uint32_t	deepest;
	bool		has_sets;
	bool		best_has_sets;
} Boost;

/* Counts steps of rows and features; false when boosting shall stop. */
extern bool boost_may_go_on(Boost *boost, int64_t steps);

/*
 * Grows a tree on the rows drawn, to the derivatives of margin m, which it
 * moves; the tree's arrays are the caller's to release.
 */
extern bool boost_grow_tree(Boost *boost, int32_t m, uint32_t n_drawn, ModelTree *tree,
							ForestStatus *status);

#endif							/* PROMO_FOREST_BOOST_NODE_H */
