/*-------------------------------------------------------------------------
 *
 * folds.h
 *	  Cutting rows into folds, each of which is held out once.
 *
 * Which fold a row gets depends on what the rows hold and on a seed, not on
 * how they came.  A number per row says it:
 *
 *	folds_deal		by chance: of each class, and of all, as many in each fold
 *	folds_groups	rows of a group stay together
 *	folds_forward	by time: fold i is tested on what came after all it learned
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_FOLDS_H
#define PROMO_FOREST_FOLDS_H

#include "forest/forest.h"

#define FOLDS_LEAST 2
#define FOLDS_MOST 100

typedef enum FoldsStatus
{
	FOLDS_OK,
	FOLDS_NO_MEMORY,			/* or told to stop */
	FOLDS_FEW_ROWS,				/* fewer than folds */
	FOLDS_FEW_GROUPS,
	FOLDS_FEW_TIMES				/* fewer distinct times than blocks */
} FoldsStatus;

/*
 * Each gives fold[row], from 0 to k - 1.  folds_deal deals the rows of one
 * class after the other out in an order by chance, so that both the rows of a
 * class and all rows differ by one at most between folds.
 */
extern FoldsStatus folds_deal(const Memory *memory, const ForestData *data,
							  int k, uint64_t seed, uint8_t *fold);

/*
 * groups holds a hash for each of n rows.  The largest groups come first, each
 * to the fold that has the fewest rows.
 */
extern FoldsStatus folds_groups(const Memory *memory, const uint64_t *groups, int64_t n,
								int k, uint64_t seed, uint8_t *fold);

/*
 * Cuts n rows into k + 1 blocks of time, numbered from 0, none of them empty
 * and about as large, rows of one time together.  Fold i (from 0) learns from the blocks up to i,
 * and is tested on block i + 1.  Times are not NaN.
 */
extern FoldsStatus folds_forward(const Memory *memory, const double *times, int64_t n,
								 int k, uint8_t *block);

/*
 * The rows that a fold learns from (test false) or is tested on, ascending;
 * gives how many.  rows is room for n, forward says how `fold` was made.
 */
extern int64_t folds_rows(const uint8_t *fold, int64_t n, int number, bool forward,
						  bool test, uint32_t *rows);

#endif							/* PROMO_FOREST_FOLDS_H */
