/*-------------------------------------------------------------------------
 *
 * ridge.h
 *	  Weights learned for neighbors: a ridge regression for each item.
 *
 * For each target item t with candidates N, the weights b of
 *
 *		(G_NN + lambda I) b = g_Nt
 *
 * where G = X'X over all items, X being the matrix: what the candidates' own
 * columns make of the target's, by least squares with a penalty.  With all
 * other items as candidates this is EASE (Steck 2019, "Embarrassingly Shallow
 * Autoencoders for Sparse Data"), column by column; with a few it costs time
 * in proportion to the catalog, and keeps nearly all of the quality.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RIDGE_H
#define PROMO_RIDGE_H

#include "recommend/neighbors.h"

/*
 * ridge_build(memory, matrix, options, candidates, room, weights)
 *
 * Gives the lists of `candidates` weights in place of their scores, largest
 * first; weights may be below 0, and those that are exactly 0 are left out.
 * Targets are worked on in as many turns as the room, in bytes, asks for, each
 * of which goes over the matrix again.
 */
extern bool ridge_build(const Memory *memory, const Matrix *matrix,
						const RecommendOptions *options, const NeighborLists *candidates,
						uint64_t room, NeighborLists *weights);

/* The least room that makes sense */
extern uint64_t ridge_need(const Matrix *matrix, const RecommendOptions *options);

#endif							/* PROMO_RIDGE_H */
