/*-------------------------------------------------------------------------
 *
 * pg_kernel.h
 *	  Finding neighbors in several processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_KERNEL_H
#define PROMO_PG_KERNEL_H

#include "pg/progress.h"
#include "recommend/neighbors.h"

/*
 * What a build in so many workers takes beside the matrix, in bytes; workers
 * see a copy of it.
 */
extern uint64 neighbors_need(const Matrix *matrix, const RecommendOptions *options,
							 uint32 n_active, int workers);

/* How many workers the work is worth, as the server's settings allow */
extern int	neighbors_workers(const Matrix *matrix);

/*
 * neighbors_build() with so many workers at most; the lists are the same
 * whatever their number.  Gives how many there were.
 */
extern int	neighbors_shared(ProgressMemory *watched, const Matrix *matrix,
							 const RecommendOptions *options, uint32 n_active,
							 int workers, NeighborLists *lists);

#endif							/* PROMO_PG_KERNEL_H */
