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

#include "forest/pg_progress.h"
#include "forest/train.h"
#include "pg/tempfile.h"

/* Whether the trees of the algorithm are grown each for itself */
extern bool grow_is_shared(ForestAlgorithm algorithm);

/* Workers that a training of such a size is worth, by the server's settings */
extern int	grow_workers(const ForestData *data, const ForestOptions *options);

/*
 * grow_shared(training, workers, trees, progress)
 *
 * Prepares, grows and judges a training that was started, with as many of the
 * workers as the server has free.  The trees are in the file, whose end is the
 * caller's, once the training is written.  Gives the number of workers that
 * grew trees; problems are raised.
 */
extern int	grow_shared(Training *training, int workers, TempFile *trees,
						Progress *progress);

#endif							/* PROMO_PG_GROW_H */
