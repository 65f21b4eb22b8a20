/*-------------------------------------------------------------------------
 *
 * pg_grow.h
 *	  Growing the trees of a training in several processes.
 *
 * The matrix lies in dynamic shared memory.  The session and its parallel
 * workers take trees from one counter, and each puts those it grew into a
 * temporary file; a tree depends on the matrix and its number alone, and sums
 * over rows are whole numbers, so the model does not depend on who grew what.
 * In the end the trees are in one file, from which the model is written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_GROW_H
#define PROMO_PG_GROW_H

#include "forest/train.h"
#include "pg/progress.h"
#include "pg/tempfile.h"

/*
 * grow_training(training, workers, held, trees, progress)
 *
 * Prepares, grows and judges a training that was started.  Where its trees are
 * grown each for itself, with at most so many workers, or below 0 with as many
 * as the server's settings and promo.build_memory allow; the trees are then in
 * the file, whose end is the caller's once the training is written.  Other
 * models are made in this process, and the file stays NULL.  `held` is what
 * the caller holds in memory already.  Gives the number of workers that grew
 * trees; problems are raised.
 */
extern int	grow_training(Training *training, int workers, uint64 held, TempFile *trees,
						  Progress *progress);

#endif							/* PROMO_PG_GROW_H */
