/*-------------------------------------------------------------------------
 *
 * newton.h
 *	  The minimum of a smooth convex function of many variables.
 *
 * Newton's method.  Where the function has few variables and gives its
 * Hessian, steps are solved for by Cholesky's factors of it; else they are
 * found by conjugate gradients from products with it (Steihaug, SIAM Journal
 * on Numerical Analysis 20, 1983; for these losses Lin, Weng, Keerthi, JMLR 9,
 * 2008), more exactly the nearer the minimum.  They are halved until the value
 * has fallen (Armijo).  Nothing is drawn by chance, so the same function gives
 * the same bits.
 *
 * Plain C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_NEWTON_H
#define PROMO_FOREST_NEWTON_H

#include "core/memory.h"

typedef struct NewtonFunction
{
	size_t		n;				/* variables */

	/* The value and gradient at x; false: stopped */
	bool		(*evaluate) (void *arg, const double *x, double *value,
							 double *gradient);

	/* The Hessian where evaluate was last, times v; false: stopped */
	bool		(*multiply) (void *arg, const double *v, double *product);

	/* About the diagonal of that Hessian, positive: brings variables to one scale */
	void		(*diagonal) (void *arg, double *diagonal);

	/*
	 * The Hessian itself, row by row up to the diagonal, n numbers each; false:
	 * stopped.  NULL: products it is.
	 */
	bool		(*hessian) (void *arg, double *hessian);
	void	   *arg;
} NewtonFunction;

typedef enum NewtonStatus
{
	NEWTON_DONE,
	NEWTON_NO_MEMORY,
	NEWTON_STOPPED
} NewtonStatus;

/*
 * newton_minimize(memory, function, tolerance, x)
 *
 * Moves x to the minimum: until the gradient's length is at most the
 * tolerance, or no step changes the value for the better as far as doubles
 * can tell.
 */
extern NewtonStatus newton_minimize(const Memory *memory,
									const NewtonFunction *function,
									double tolerance, double *x);

#endif							/* PROMO_FOREST_NEWTON_H */
