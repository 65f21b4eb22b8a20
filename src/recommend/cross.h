/*-------------------------------------------------------------------------
 *
 * cross.h
 *	  What a second event says for purchases: views, carts, searches.
 *
 * For each item t that was bought, those items s whose event is most
 * significant for it: by the log-likelihood ratio of customers who had the
 * event with s and bought t (cross-occurrence; Dunning 1993, and as the
 * Universal Recommender of ActionML counts it).  An item may speak for itself:
 * who looked at it may well buy it.
 *
 * The ratio chooses, and the score is the cosine, customers of both / (square
 * root of customers of s and of t + shrink), so that it adds up with other
 * scores; for method llr it is the ratio.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_CROSS_H
#define PROMO_CROSS_H

#include "recommend/neighbors.h"

/*
 * Of each item bought the events that speak for it, best by the ratio first,
 * of equal ones the lower number.  The matrices have the same numbers.
 */
extern bool cross_build(const Memory *memory, const Matrix *matrix, const Matrix *events,
						const RecommendOptions *options, uint32_t n_active,
						NeighborLists *lists);

/* What it takes at most beside the matrices, in bytes */
extern uint64_t cross_need(const Matrix *matrix, const RecommendOptions *options,
						   uint32_t n_active);

#endif							/* PROMO_CROSS_H */
