/*-------------------------------------------------------------------------
 *
 * newton.c
 *	  The minimum of a smooth convex function of many variables.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/newton.h"

#include <math.h>
#include <string.h>

/* Steps before we give up; some ten are usual. */
#define STEPS 500

/* Products with the Hessian for one step at most */
#define PRODUCTS 2000

/* Halvings of a step at most */
#define HALVINGS 60

/* Share of the fall that the slope promises, which a step must bring */
#define ARMIJO 1e-4

/* A value that many times its own size does not tell from another. */
#define NOISE 1e-10

static double
product_of(const double *a, const double *b, size_t n)
{
	double		sum = 0;
	size_t		i;

	for (i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* The vectors of a search, in one allocation */
typedef struct Search
{
	double	   *gradient;
	double	   *trial;			/* where a step may end, */
	double	   *trial_gradient;
	double	   *step;
	double	   *rest;			/* what a step leaves of the gradient */
	double	   *direction;
	double	   *product;
	double	   *diagonal;
	double	   *hessian;		/* or NULL */
} Search;

/*
 * Cholesky's factor in place of a matrix of which only the lower triangle is
 * there; false where it is not definite, as far as doubles can tell.
 */
static bool
factor(double *matrix, size_t n)
{
	size_t		i;
	size_t		j;

	for (i = 0; i < n; i++)
	{
		double	   *row = matrix + i * n;
		double		before = row[i];

		for (j = 0; j < i; j++)
			row[j] = (row[j] - product_of(row, matrix + j * n, j)) / matrix[j * n + j];
		row[i] -= product_of(row, row, i);
		if (!(row[i] > before * 1e-13))
			return false;
		row[i] = sqrt(row[i]);
	}
	return true;
}

/* Solves Hessian * step = -gradient by the factor. */
static void
solve(const double *matrix, const double *gradient, size_t n, double *step)
{
	size_t		i;
	size_t		j;

	for (i = 0; i < n; i++)
		step[i] = (-gradient[i] - product_of(matrix + i * n, step, i)) / matrix[i * n + i];
	for (i = n; i-- > 0;)
	{
		step[i] /= matrix[i * n + i];
		for (j = 0; j < i; j++)
			step[j] -= matrix[i * n + j] * step[i];
	}
}

/*
 * Solves Hessian * step = -gradient, or at least until what is left of the
 * gradient, in the scale of the diagonal, is `share` of it.
 */
static bool
find_step(const NewtonFunction *function, Search *search, double share)
{
	size_t		n = function->n;
	double		size = 0;
	double		goal;
	size_t		products;
	size_t		i;

	if (search->hessian != NULL)
	{
		if (!function->hessian(function->arg, search->hessian))
			return false;
		if (factor(search->hessian, n))
		{
			solve(search->hessian, search->gradient, n, search->step);
			return true;
		}
	}
	function->diagonal(function->arg, search->diagonal);
	for (i = 0; i < n; i++)
	{
		search->step[i] = 0;
		search->rest[i] = -search->gradient[i];
		search->direction[i] = search->rest[i] / search->diagonal[i];
		size += search->rest[i] * search->direction[i];
	}
	goal = size * share * share;
	for (products = 0; products < PRODUCTS && products < 10 * n && size > goal; products++)
	{
		double		curvature;
		double		length;
		double		next = 0;

		if (!function->multiply(function->arg, search->direction, search->product))
			return false;
		curvature = product_of(search->direction, search->product, n);

		/* Flat: a direction in which the function does not change */
		if (!(curvature > 0))
			break;
		length = size / curvature;
		for (i = 0; i < n; i++)
		{
			search->step[i] += length * search->direction[i];
			search->rest[i] -= length * search->product[i];
			next += search->rest[i] * search->rest[i] / search->diagonal[i];
		}
		for (i = 0; i < n; i++)
			search->direction[i] = search->rest[i] / search->diagonal[i] +
				next / size * search->direction[i];
		size = next;
	}
	return true;
}

/*
 * Goes along the step, halved until it helps.  Near the minimum values no
 * longer tell, and the slope does: it must have become flatter.  *moved is
 * false when nothing helps.
 */
static bool
walk(const NewtonFunction *function, Search *search, double *x, double *value,
	 bool *moved)
{
	size_t		n = function->n;
	double		slope = product_of(search->gradient, search->step, n);
	double		length = 1;
	int			halvings;
	size_t		i;

	*moved = false;
	if (!(slope < 0))
		return true;
	for (halvings = 0; halvings < HALVINGS; halvings++)
	{
		double		trial_value;
		double		trial_slope;

		for (i = 0; i < n; i++)
			search->trial[i] = x[i] + length * search->step[i];
		if (!function->evaluate(function->arg, search->trial, &trial_value,
								search->trial_gradient))
			return false;
		trial_slope = product_of(search->trial_gradient, search->step, n);
		if (trial_value <= *value + ARMIJO * length * slope ||
			(trial_value <= *value + NOISE * fabs(*value) &&
			 fabs(trial_slope) <= 0.9 * -slope))
		{
			memcpy(x, search->trial, n * sizeof(*x));
			memcpy(search->gradient, search->trial_gradient, n * sizeof(*x));
			*value = trial_value;
			*moved = true;
			return true;
		}
		length /= 2;
	}
	return true;
}

NewtonStatus
newton_minimize(const Memory *memory, const NewtonFunction *function,
				double tolerance, double *x)
{
	size_t		n = function->n;
	double	   *space = memory_array(memory, n, 8 * sizeof(*space));
	NewtonStatus status = NEWTON_STOPPED;
	Search		search;
	double		value;
	double		first = 0;
	bool		moved = true;
	int			steps;

	search.hessian = function->hessian == NULL ? NULL :
		memory_array(memory, n * n, sizeof(double));
	if (space == NULL || (function->hessian != NULL && search.hessian == NULL))
	{
		memory_release(memory, space);
		memory_release(memory, search.hessian);
		return NEWTON_NO_MEMORY;
	}
	search.gradient = space;
	search.trial = space + n;
	search.trial_gradient = space + 2 * n;
	search.step = space + 3 * n;
	search.rest = space + 4 * n;
	search.direction = space + 5 * n;
	search.product = space + 6 * n;
	search.diagonal = space + 7 * n;
	if (!function->evaluate(function->arg, x, &value, search.gradient))
		goto done;
	for (steps = 0; steps < STEPS && moved; steps++)
	{
		double		length = sqrt(product_of(search.gradient, search.gradient, n));
		double		share;

		if (length <= tolerance)
			break;
		if (steps == 0)
			first = length;

		/* In proportion to the root: then steps converge faster than linearly. */
		share = sqrt(length / first);
		if (!find_step(function, &search, share < 0.1 ? share : 0.1) ||
			!walk(function, &search, x, &value, &moved))
			goto done;
	}
	status = NEWTON_DONE;

done:
	memory_release(memory, space);
	memory_release(memory, search.hessian);
	return status;
}
