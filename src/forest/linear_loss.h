/*-------------------------------------------------------------------------
 *
 * linear_loss.h
 *	  The losses of linear models over the rows of a design, and their minimum.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_LINEAR_LOSS_H
#define PROMO_FOREST_LINEAR_LOSS_H

#include "forest/design.h"
#include "forest/newton.h"

#include <math.h>

/* Blocks between two questions whether we may go on */
#define BLOCKS_BETWEEN 64

/* Columns up to which a Hessian is computed */
#define LINEAR_SMALL 512

typedef enum LinearLoss
{
	LOSS_LOGISTIC,				/* targets -1 and 1 */
	LOSS_HINGE,					/* the same */
	LOSS_INSENSITIVE,			/* numbers */
	LOSS_SOFTMAX				/* classes */
} LinearLoss;

/* A minimum to be found over the rows of a design */
typedef struct LinearProblem
{
	const Memory *memory;
	const Design *design;
	LinearLoss		loss;
	uint32_t	n_margins;
	const double *strengths;	/* c times the weight of each row, 0 behind the last */
	const double *targets;
	const uint16_t *classes;	/* LOSS_SOFTMAX */
	double		epsilon;		/* LOSS_INSENSITIVE */
	double		hold;			/* LOSS_SOFTMAX: of the penalty on the square of the
								 * sum of all intercepts, which the loss leaves
								 * open; with it the sum is 0 */

	double	   *curvatures;		/* of each row: the loss's second derivative */
	double	   *totals;			/* of each margin: its sum */
	double	   *weights;		/* LOSS_SOFTMAX: where evaluate was last */
	double	   *margins;		/* DESIGN_BLOCK for each margin, */
	double	   *products;		/* and again */
	double	   *square;			/* LOSS_SOFTMAX, with a Hessian: of two margins */
} LinearProblem;

/*
 * Turns the margins of a row, `step` apart, into shares; gives the log of the
 * sum of their exponentials.
 */
static inline double
linear_softmax(double *margins, uint32_t n, size_t step)
{
	double		most = margins[0];
	double		sum = 0;
	uint32_t	k;

	for (k = 1; k < n; k++)
		if (margins[k * step] > most)
			most = margins[k * step];
	for (k = 0; k < n; k++)
	{
		margins[k * step] = exp(margins[k * step] - most);
		sum += margins[k * step];
	}
	for (k = 0; k < n; k++)
		margins[k * step] /= sum;
	return most + log(sum);
}

/* Whether to go on behind a block, asked now and then */
static inline bool
linear_may_go_on(const Memory *memory, int64_t block)
{
	return (block + 1) % BLOCKS_BETWEEN != 0 || memory->may_go_on(memory->arg);
}

/*
 * Finds the weights of a fit, from where they are.  Since the penalty makes
 * the value at least as curved as |w|^2 / 2 along the weights, they are no
 * further from the minimum than the gradient is long.  Its memory, design
 * and room for sums are set here, the rest by the caller.
 */
extern NewtonStatus linear_fit_weights(const Memory *memory, const Design *design,
									   LinearProblem *fit, double tolerance,
									   double *weights);

#endif							/* PROMO_FOREST_LINEAR_LOSS_H */
