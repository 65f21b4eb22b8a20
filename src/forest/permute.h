/*-------------------------------------------------------------------------
 *
 * permute.h
 *	  How much worse a tree gets when it is told a wrong value of a feature.
 *
 * Breiman's permutation importance ("Random forests", 2001, section 10; the
 * form that goes tree by tree is that of his program, and of those after it):
 * rows that a tree did not draw go down it once as they are, and once for each
 * feature with that feature's value of another row, and the squared errors are
 * compared.  Only features that the row was asked for on its way can change
 * where it ends, so a row costs walks for these alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_PERMUTE_H
#define PROMO_FOREST_PERMUTE_H

#include "forest/grow.h"

typedef struct Permuter Permuter;

/* Room to work in; NULL when memory is out. */
extern Permuter *permute_start(const Memory *memory, const GrowMatrix *matrix);

/*
 * permute_tree(permuter, tree, ranks, dealt, n, &rises, &status)
 *
 * *rises becomes, for each feature, the mean over the n rows of their error
 * with the value of row dealt[i] less their error as they are, valid until the
 * next call.  The error is the square of target less prediction, in units; of
 * classes the sum over them of the squared distances of the shares from the
 * class, of two classes that of one.  False: no memory, or stopped.
 */
extern bool permute_tree(Permuter *permuter, const ModelTree *tree,
						 const uint32_t *ranks, const uint32_t *dealt, uint32_t n,
						 const double **rises, ForestStatus *status);

extern void permute_end(Permuter *permuter);

/* Bytes that permute_start takes */
extern uint64_t permute_need(int32_t n_features);

#endif							/* PROMO_FOREST_PERMUTE_H */
