/*-------------------------------------------------------------------------
 *
 * linear_loss.c
 *	  The losses of linear models, their slopes and their curvatures.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/linear_loss.h"

/*
 * One row: adds its loss, and gives the first and second derivative by the
 * margin, all but for the row's strength.
 */
static inline double
loss_of(const LinearProblem *fit, double target, double margin, double *slope, double *curvature)
{
	if (fit->loss == LOSS_LOGISTIC)
	{
		double		side = target * margin;
		double		small = exp(-fabs(side));
		double		wrong = side > 0 ? small / (1 + small) : 1 / (1 + small);

		*slope = -target * wrong;
		*curvature = small / ((1 + small) * (1 + small));
		return log1p(small) + (side < 0 ? -side : 0);
	}
	if (fit->loss == LOSS_HINGE)
	{
		double		lack = 1 - target * margin;

		if (!(lack > 0))
			lack = 0;
		*slope = -2 * target * lack;
		*curvature = lack > 0 ? 2 : 0;
		return lack * lack;
	}
	else
	{
		double		away = margin - target;
		double		beyond = fabs(away) - fit->epsilon;

		if (!(beyond > 0))
			beyond = 0;
		*slope = away > 0 ? 2 * beyond : -2 * beyond;
		*curvature = beyond > 0 ? 2 : 0;
		return beyond * beyond;
	}
}

/* The margins of a block, of each of the fit's */
static void
block_margins(const LinearProblem *fit, int64_t block, const double *weights, double *margins)
{
	uint32_t	k;

	for (k = 0; k < fit->n_margins; k++)
		design_margins(fit->design, block, weights + (size_t) k * fit->design->n_columns,
					   margins + (size_t) k * DESIGN_BLOCK);
}

/* Starts a gradient, or a product, with the part of the penalties. */
static void
start_with_penalty(const LinearProblem *fit, const double *weights, double *result)
{
	size_t		n_columns = fit->design->n_columns;
	double		sum = 0;
	uint32_t	k;

	memcpy(result, weights, sizeof(double) * n_columns * fit->n_margins);
	for (k = 0; k < fit->n_margins; k++)
		sum += weights[k * n_columns + n_columns - 1];
	for (k = 0; k < fit->n_margins; k++)
		result[k * n_columns + n_columns - 1] = fit->hold * sum;
}

static bool
fit_evaluate(void *arg, const double *weights, double *value, double *gradient)
{
	LinearProblem		   *fit = arg;
	const Design *design = fit->design;
	size_t		n_columns = design->n_columns;
	size_t		n = n_columns * fit->n_margins;
	double		penalty = 0;
	double		loss = 0;
	int64_t		block;
	uint32_t	k;
	size_t		i;
	int			r;

	start_with_penalty(fit, weights, gradient);
	for (i = 0; i < n; i++)
		penalty += weights[i] * gradient[i];
	for (k = 0; k < fit->n_margins; k++)
		fit->totals[k] = 0;
	for (block = 0; block < design->n_blocks; block++)
	{
		const double *strengths = fit->strengths + block * DESIGN_BLOCK;
		double		of_block = 0;

		block_margins(fit, block, weights, fit->margins);
		if (fit->loss == LOSS_SOFTMAX)
		{
			const uint16_t *classes = fit->classes + block * DESIGN_BLOCK;

			for (r = 0; r < DESIGN_BLOCK; r++)
			{
				double	   *shares = fit->margins + r;
				double		own = shares[(size_t) classes[r] * DESIGN_BLOCK];

				of_block += strengths[r] *
					(linear_softmax(shares, fit->n_margins, DESIGN_BLOCK) - own);
				for (k = 0; k < fit->n_margins; k++)
				{
					double		share = shares[(size_t) k * DESIGN_BLOCK];

					fit->totals[k] += strengths[r] * share * (1 - share);
					shares[(size_t) k * DESIGN_BLOCK] =
						strengths[r] * (share - (k == classes[r]));
				}
			}
		}
		else
		{
			const double *targets = fit->targets + block * DESIGN_BLOCK;
			double	   *curvatures = fit->curvatures + block * DESIGN_BLOCK;

			for (r = 0; r < DESIGN_BLOCK; r++)
			{
				double		slope;
				double		curvature;

				of_block += strengths[r] *
					loss_of(fit, targets[r], fit->margins[r], &slope, &curvature);
				fit->margins[r] = strengths[r] * slope;
				curvatures[r] = strengths[r] * curvature;
				fit->totals[0] += curvatures[r];
			}
		}
		loss += of_block;
		for (k = 0; k < fit->n_margins; k++)
			design_add(design, block, fit->margins + (size_t) k * DESIGN_BLOCK,
					   gradient + k * n_columns);
		if (!linear_may_go_on(fit->memory, block))
			return false;
	}
	if (fit->weights != NULL)
		memcpy(fit->weights, weights, sizeof(double) * n);
	*value = penalty / 2 + loss;
	return true;
}

static bool
fit_multiply(void *arg, const double *vector, double *product)
{
	LinearProblem		   *fit = arg;
	const Design *design = fit->design;
	size_t		n_columns = design->n_columns;
	int64_t		block;
	uint32_t	k;
	int			r;

	start_with_penalty(fit, vector, product);
	for (block = 0; block < design->n_blocks; block++)
	{
		const double *strengths = fit->strengths + block * DESIGN_BLOCK;

		block_margins(fit, block, vector, fit->products);
		if (fit->loss == LOSS_SOFTMAX)
		{
			block_margins(fit, block, fit->weights, fit->margins);
			for (r = 0; r < DESIGN_BLOCK; r++)
			{
				double	   *shares = fit->margins + r;
				double	   *products = fit->products + r;
				double		mean = 0;

				(void) linear_softmax(shares, fit->n_margins, DESIGN_BLOCK);
				for (k = 0; k < fit->n_margins; k++)
					mean += shares[(size_t) k * DESIGN_BLOCK] *
						products[(size_t) k * DESIGN_BLOCK];
				for (k = 0; k < fit->n_margins; k++)
					products[(size_t) k * DESIGN_BLOCK] = strengths[r] *
						shares[(size_t) k * DESIGN_BLOCK] *
						(products[(size_t) k * DESIGN_BLOCK] - mean);
			}
		}
		else
		{
			const double *curvatures = fit->curvatures + block * DESIGN_BLOCK;

			for (r = 0; r < DESIGN_BLOCK; r++)
				fit->products[r] *= curvatures[r];
		}
		for (k = 0; k < fit->n_margins; k++)
			design_add(design, block, fit->products + (size_t) k * DESIGN_BLOCK,
					   product + k * n_columns);
		if (!linear_may_go_on(fit->memory, block))
			return false;
	}
	return true;
}

/* For each pair of margins a square, of which that of a margin with itself is
 * half filled. */
static bool
softmax_hessian(LinearProblem *fit, double *hessian)
{
	const Design *design = fit->design;
	size_t		n_columns = design->n_columns;
	size_t		n = n_columns * fit->n_margins;
	double	   *square = fit->square;
	int64_t		block;
	uint32_t	k;
	uint32_t	other;
	size_t		i;
	size_t		j;
	int			r;

	memset(hessian, 0, sizeof(double) * n * n);
	for (k = 0; k < fit->n_margins; k++)
		for (other = 0; other <= k; other++)
		{
			memset(square, 0, sizeof(double) * n_columns * n_columns);
			for (block = 0; block < design->n_blocks; block++)
			{
				const double *strengths = fit->strengths + block * DESIGN_BLOCK;
				const double *shares = fit->margins + (size_t) k * DESIGN_BLOCK;
				const double *others = fit->margins + (size_t) other * DESIGN_BLOCK;

				block_margins(fit, block, fit->weights, fit->margins);
				for (r = 0; r < DESIGN_BLOCK; r++)
				{
					(void) linear_softmax(fit->margins + r, fit->n_margins, DESIGN_BLOCK);
					fit->products[r] = strengths[r] * shares[r] * ((k == other) - others[r]);
				}
				design_add_pairs(design, block, fit->products, square);
				if (!linear_may_go_on(fit->memory, block))
					return false;
			}
			for (i = 0; i < n_columns; i++)
				for (j = 0; j < n_columns; j++)
					hessian[(k * n_columns + i) * n + other * n_columns + j] =
						i >= j ? square[i * n_columns + j] : square[j * n_columns + i];
			if (k == other)
				for (i = 0; i + 1 < n_columns; i++)
					hessian[(k * n_columns + i) * n + k * n_columns + i] += 1;
			hessian[((k + 1) * n_columns - 1) * n + (other + 1) * n_columns - 1] += fit->hold;
		}
	return true;
}

static bool
fit_hessian(void *arg, double *hessian)
{
	LinearProblem		   *fit = arg;
	const Design *design = fit->design;
	size_t		n = design->n_columns;
	int64_t		block;
	size_t		i;

	if (fit->loss == LOSS_SOFTMAX)
		return softmax_hessian(fit, hessian);
	memset(hessian, 0, sizeof(double) * n * n);
	for (block = 0; block < design->n_blocks; block++)
	{
		design_add_pairs(design, block, fit->curvatures + block * DESIGN_BLOCK, hessian);
		if (!linear_may_go_on(fit->memory, block))
			return false;
	}
	for (i = 0; i + 1 < n; i++)
		hessian[i * n + i] += 1;
	return true;
}

/* Whether the Hessian takes less time than its many products */
static bool
is_small(const Design *design, uint32_t n_margins)
{
	return (uint64_t) design->n_columns * n_margins <= LINEAR_SMALL &&
		(uint64_t) (design->n_numbers + design->n_groups) * (n_margins + 1) <= 128;
}

/* As if curvature and columns had nothing to do with each other */
static void
fit_diagonal(void *arg, double *diagonal)
{
	const LinearProblem  *fit = arg;
	const Design *design = fit->design;
	uint32_t	k;
	uint32_t	g;
	uint32_t	i;

	for (k = 0; k < fit->n_margins; k++)
	{
		double		total = fit->totals[k];

		for (i = 0; i < design->n_numbers; i++)
			diagonal[i] = 1 + total;
		for (g = 0; g < design->n_groups; g++)
			for (i = 0; i < design->groups[g].n_slots; i++)
				diagonal[design->groups[g].begin + i] =
					1 + total * design->groups[g].shares[i];
		diagonal[design->n_columns - 1] = total + fit->hold > 0 ? total + fit->hold : 1;
		diagonal += design->n_columns;
	}
}

NewtonStatus
linear_fit_weights(const Memory *memory, const Design *design, LinearProblem *fit, double tolerance,
			double *weights)
{
	size_t		n = (size_t) design->n_columns * fit->n_margins;
	size_t		block = (size_t) fit->n_margins * DESIGN_BLOCK;
	NewtonFunction function = {n, fit_evaluate, fit_multiply, fit_diagonal, NULL, fit};
	NewtonStatus status = NEWTON_NO_MEMORY;
	double		all = 0;
	bool		ok;
	int64_t		i;

	if (is_small(design, fit->n_margins))
		function.hessian = fit_hessian;
	fit->memory = memory;
	fit->design = design;
	fit->totals = memory_array(memory, fit->n_margins, sizeof(double));
	fit->margins = memory_array(memory, block, sizeof(double));
	fit->products = memory_array(memory, block, sizeof(double));
	ok = fit->totals != NULL && fit->margins != NULL && fit->products != NULL;
	if (fit->loss == LOSS_SOFTMAX)
	{
		fit->weights = memory_array(memory, n, sizeof(double));
		ok = ok && fit->weights != NULL;
	}
	else
	{
		fit->curvatures = memory_array(memory, (size_t) design->n_blocks * DESIGN_BLOCK,
									   sizeof(double));
		ok = ok && fit->curvatures != NULL;
	}
	if (fit->loss == LOSS_SOFTMAX && function.hessian != NULL)
	{
		fit->square = memory_array(memory, (size_t) design->n_columns,
								   design->n_columns * sizeof(double));
		ok = ok && fit->square != NULL;
	}
	if (ok)
	{
		/* Sums of that much cannot be told from 0 more exactly. */
		for (i = 0; i < design->n_rows; i++)
			all += fit->strengths[i];
		if (fit->loss == LOSS_SOFTMAX)
			fit->hold = all / fit->n_margins;
		if (tolerance < all * 1e-14)
			tolerance = all * 1e-14;
		status = newton_minimize(memory, &function, tolerance, weights);
	}
	memory_release(memory, fit->totals);
	memory_release(memory, fit->margins);
	memory_release(memory, fit->products);
	memory_release(memory, fit->weights);
	memory_release(memory, fit->curvatures);
	memory_release(memory, fit->square);
	return status;
}
