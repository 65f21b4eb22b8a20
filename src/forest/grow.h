/*-------------------------------------------------------------------------
 *
 * grow.h
 *	  Growing trees over a matrix of bytes.
 *
 * A GrowMatrix is read only, so any number of workers can share one.  Each has
 * a Grower of its own: the room to grow a tree in, and integer sums of what
 * the trees say of the rows they left out and of what their splits gained.
 * Tree n depends on the matrix and on n alone, and integer sums can be added
 * in any order, so it does not matter who grows which tree.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_GROW_H
#define PROMO_FOREST_GROW_H

#include "forest/bins.h"
#include "forest/model.h"

/* A target or a leaf in units is n / GROW_UNIT, a share n / GROW_SHARE. */
#define GROW_UNIT 0x1.0p40
#define GROW_SHARE 0x1.0p18
#define GROW_GAIN 0x1.0p48
#define GROW_RISE 0x1.0p44

typedef struct GrowMatrix
{
	int64_t		n_rows;
	int64_t		n_learn;		/* of these the first, which trees draw from */
	int32_t		n_features;

	/* The bin of (rank, feature) is at rank * row_step + feature * feature_step. */
	const uint8_t *bytes;
	size_t		row_step;
	size_t		feature_step;
	const uint8_t *n_bins;		/* of each feature */
	const uint8_t *kinds;		/* ForestKind of each feature */

	int32_t		n_classes;		/* 0: regression */
	const double *targets;		/* by rank, in units: within [-1, 1] */
	const uint16_t *classes;	/* by rank */
	const double *class_weights;	/* NULL: all 1 */
	const double *weights;		/* of rows, by rank; NULL: all 1 */

	int64_t		n_draws;		/* rows drawn for a tree, */
	bool		replaces;		/* with replacement; else each once at most */
	bool		random_cuts;	/* one split by chance for each feature drawn,
								 * instead of the best */
	int32_t		max_depth;		/* 0: no limit */
	int64_t		min_leaf;
	int32_t		mtry;
	uint64_t	seed;
	int64_t		n_permuted;		/* of the rows that a tree left out, those that
								 * tell by permuting what features are worth */
} GrowMatrix;

typedef struct Grower Grower;

/* Room for growing; NULL when memory is out. */
extern Grower *grow_start(const Memory *memory, const GrowMatrix *matrix);

/* Grows tree n; its arrays are the caller's to release. */
extern bool grow_tree(Grower *grower, uint32_t n, ModelTree *tree,
					  ForestStatus *status);

/*
 * What trees said of the rows that they left out, and what features are worth
 * to them.
 */
typedef struct GrowSums
{
	uint16_t   *trees;			/* for each row: trees that left it out, */
	int64_t    *values;			/* and the sum of their leaves: of values or
								 * shares of the second class in parts of
								 * GROW_UNIT; NULL for more classes, */
	uint32_t   *shares;			/* then the sums of the shares of each in
								 * parts of GROW_SHARE */
	uint64_t   *gains;			/* of each feature's splits, as parts of
								 * GROW_GAIN of what a tree's root weighs */
	int64_t    *rises;			/* of each feature what permuting it adds to the
								 * squared error of a tree, as parts of GROW_RISE,
								 * and behind them the trees that were asked */
	bool		has_sets;
} GrowSums;

/* A view of the grower's own sums */
extern void grow_sums(const Grower *grower, GrowSums *sums);

/* Adds the grower's sums to others of the same matrix. */
extern void grow_add_sums(const Grower *grower, GrowSums *sums);

extern void grow_end(Grower *grower);

/* Bytes that grow_start and growing a tree take, the tree itself left out. */
extern uint64_t grow_need(int64_t n_rows, int32_t n_features, int32_t n_classes);

#endif							/* PROMO_FOREST_GROW_H */
