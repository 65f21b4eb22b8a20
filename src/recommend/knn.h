/*-------------------------------------------------------------------------
 *
 * knn.h
 *	  What the customers most like one had: the method user_knn.
 *
 * With x the value of a customer and an item, and |u| the root of the sum of
 * x(u, i)^2 over the items of u, customers u and v are alike by
 *
 *		sum over items of both x(u, i) x(v, i) / (|u| |v| + shrink)
 *
 * and an item t has for u the score
 *
 *		sum over the k customers most like u of likeness(u, v) x(v, t)
 *
 * of which item i of u has the part that it makes of the likenesses.  Of
 * equally like customers those of lower numbers are taken.
 *
 * Plain C.  A Ranker of customers and one of items do the work:
 *
 *		rank_add() to the customers, for each item of u, x(u, i) times x(v, i)
 *		knn_nearest() gives those most like u, who is among them himself
 *		rank_add() to the items, for each of the others, his likeness times x
 *		rank_best() gives the items, and knn_parts() what speaks for them
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_KNN_H
#define PROMO_KNN_H

#include "recommend/rank.h"

/* |u| of his values; NULL: all are 1. */
extern float knn_norm(const float *values, uint64_t count);

/* What the product of two values is divided by */
static inline double
knn_divisor(float own_norm, float norm, double shrink)
{
	return (double) own_norm * norm + shrink;
}

/*
 * The n most like u, most first, after the products were added up in the
 * ranker, which is new again then; gives how many there are.  norm is of each
 * customer, own_norm of u as he is now.
 */
extern uint32_t knn_nearest(Ranker *customers, const float *norm, float own_norm,
							double shrink, uint32_t n, Ranked *nearest);

/* Items in rising order with their values, NULL where all are 1 */
typedef struct KnnItems
{
	const uint32_t *item;
	const float *value;
	uint32_t	count;
} KnnItems;

/*
 * Adds to parts[o * wanted_count + w] what u's own item o has of the score of
 * the wanted item w by one of those like him; wanted rises.
 */
extern void knn_parts(const KnnItems *own, const KnnItems *other, double divisor,
					  const uint32_t *wanted, uint32_t wanted_count, float *parts);

#endif							/* PROMO_KNN_H */
