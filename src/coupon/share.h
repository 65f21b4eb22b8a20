/*-------------------------------------------------------------------------
 *
 * share.h
 *	  An amount shared over weights, without losing any of it.
 *
 * The method of the largest remainder (Hamilton's): each gets the floor of
 * amount * weight / sum of weights, and what is left goes one by one to the
 * largest remainders, of equal ones to the earlier.  Where a share may be no
 * larger than some most, what it cannot take is shared over the others by the
 * same rule, until all is taken or nobody can take more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_SHARE_H
#define PROMO_SHARE_H

#include "core/memory.h"
#include "core/money.h"

/* Room for the shares of so many, to be kept for many calls */
typedef struct ShareSpace ShareSpace;

extern ShareSpace *share_space(const Memory *memory, int count);
extern void share_space_release(const Memory *memory, ShareSpace *space);

/*
 * Shares an amount of 0 or more over weights of 0 or more whose sum fits into
 * an int64, by at most as many as the space is for.  most may be NULL.  A
 * weight of 0 gets nothing, unless all are 0: then all weigh the same.  Gives
 * what was taken, which is the amount unless all are at their most.
 */
extern int64_t share_out(ShareSpace *space, int64_t amount, const int64_t *weights,
						 const int64_t *most, int count, int64_t *shares);

#endif							/* PROMO_SHARE_H */
