/*-------------------------------------------------------------------------
 *
 * build.h
 *	  From matrices to a model.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_BUILD_H
#define PROMO_BUILD_H

#include "recommend/neighbors.h"

/* What a model is made of; the matrices live as long as it does. */
typedef struct BuildInput
{
	const Matrix *matrix;
	const Matrix *counted;		/* capped, or the same; what methods count */
	const Matrix *events;		/* the second event, NULL without */
	const NeighborLists *content;	/* of each item the most like it; or NULL */
	RecommendOptions options;
	uint64_t	room;			/* bytes that may be taken for the work */
} BuildInput;

/* Does the method count pairs at all? */
extern bool build_counts(RecommendMethod method);

/*
 * Makes the model from lists that neighbors_build() or several processes gave
 * for the options over `counted`, empty where build_counts() is false.  They
 * become the model's, or go.
 */
extern bool build_finish(const Memory *memory, const BuildInput *input,
						 NeighborLists *neighbors, RecommendModel *model);

/* All of it, in this process */
extern bool recommend_build(const Memory *memory, const BuildInput *input,
							RecommendModel *model);

/* What build_finish takes at least, in bytes, beside what there is */
extern uint64_t build_need(const BuildInput *input, uint32_t n_active);

extern void recommend_end(const Memory *memory, RecommendModel *model);

#endif							/* PROMO_BUILD_H */
