/*-------------------------------------------------------------------------
 *
 * linear.c
 *	  The weights of linear models, and how their margins become shares.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/linear.h"

#include "forest/linear_loss.h"

#include <float.h>
#include <math.h>

/* Parts that a class is cut into for margins of rows not learned from */
#define FOLDS 5

/* Keeps a calibration definite where all its margins are the same */
#define RIDGE 1e-8

/* What a training works with */
typedef struct Work
{
	const Memory *memory;
	const ForestData *data;
	const ForestOptions *options;
	ForestProblem *problem;
	LinearFit  *fit;
	Design		design;
	int32_t		n_present;		/* classes that the learned rows have */
	int32_t    *present;		/* their numbers */
	int32_t    *place;			/* of each class among them, or -1 */
	uint32_t	n_found;		/* margins that weights are found for */
	double	   *weights;		/* n_columns for each of them */
	double	   *masses;			/* of each row: its weight, times its class's */
	double	   *strengths;
	double	   *targets;
	uint16_t   *classes;		/* of each row, among the present */
	double		center;			/* of a regression's target */
	double		spread;
	double	   *scores;			/* SVM: margins of rows not learned from */
	uint8_t    *folds;
} Work;

static bool
fail(ForestProblem *problem, ForestStatus status)
{
	problem->status = status;
	return false;
}

ForestLink
linear_link(int32_t n_classes)
{
	if (n_classes == 0)
		return FOREST_IDENTITY;
	return n_classes == 2 ? FOREST_LOGIT : FOREST_SOFTMAX;
}

static bool
find_weights(Work *work, LinearProblem *fit, double tolerance, double *weights)
{
	NewtonStatus status = linear_fit_weights(work->memory, &work->design, fit, tolerance, weights);

	if (status == NEWTON_DONE)
		return true;
	return fail(work->problem, status == NEWTON_STOPPED ? FOREST_STOPPED : FOREST_NO_MEMORY);
}

#define EXACT 1e-10
#define CLOSE 1e-6

/*
 * From margins to shares
 */

/*
 * The likelihood of factors and offsets under which each margin, times the
 * one plus the other, gives shares: by the logistic function of a single
 * margin, or the softmax of several.
 */
typedef struct Calibration
{
	const Work *work;
	uint32_t	n_margins;
	const double *counts;		/* rows of each present class */
	double	   *shares;			/* of a row, */
	double	   *products;		/* and more */
	double	   *totals;			/* diagonal of the Hessian */
	const double *at;			/* where evaluate was last: a copy */
	double	   *last;
} Calibration;

/* The shares of a row; gives the log of what they were divided by. */
static double
calibrated(const Calibration *calibration, const double *variables,
		   const double *scores, double *shares)
{
	uint32_t	n = calibration->n_margins;
	uint32_t	k;

	for (k = 0; k < n; k++)
		shares[k] = variables[2 * k] * scores[k] + variables[2 * k + 1];
	if (n == 1)
	{
		double		margin = shares[0];
		double		small = exp(-fabs(margin));

		shares[0] = margin > 0 ? 1 / (1 + small) : small / (1 + small);
		return log1p(small) + (margin > 0 ? margin : 0);
	}
	return linear_softmax(shares, n, 1);
}

/* Platt's target: what a class's share is to be in a row of class `own` */
static inline double
soft_target(const Calibration *calibration, uint32_t own, uint32_t k)
{
	uint32_t	n_classes = calibration->n_margins == 1 ? 2 : calibration->n_margins;
	uint32_t	class = calibration->n_margins == 1 ? 1 : k;

	return ((own == class ? calibration->counts[own] : 0) + 1) /
		(calibration->counts[own] + n_classes);
}

static bool
calibration_evaluate(void *arg, const double *variables, double *value, double *gradient)
{
	Calibration *calibration = arg;
	const Work *work = calibration->work;
	uint32_t	n = calibration->n_margins;
	int64_t		i;
	uint32_t	k;

	*value = 0;
	for (k = 0; k < n; k++)
	{
		*value += RIDGE / 2 * variables[2 * k] * variables[2 * k];
		gradient[2 * k] = RIDGE * variables[2 * k];
		gradient[2 * k + 1] = 0;
		calibration->totals[2 * k] = RIDGE;
		calibration->totals[2 * k + 1] = 0;
	}
	for (i = 0; i < work->design.n_learn; i++)
	{
		const double *scores = work->scores + (size_t) i * n;
		double	   *shares = calibration->shares;
		double		mass = work->masses[i];
		double		loss = calibrated(calibration, variables, scores, shares);

		for (k = 0; k < n; k++)
		{
			double		target = soft_target(calibration, work->classes[i], k);
			double		slope = mass * (shares[k] - target);
			double		curvature = mass * shares[k] * (1 - shares[k]);

			loss -= target * (variables[2 * k] * scores[k] + variables[2 * k + 1]);
			gradient[2 * k] += slope * scores[k];
			gradient[2 * k + 1] += slope;
			calibration->totals[2 * k] += curvature * scores[k] * scores[k];
			calibration->totals[2 * k + 1] += curvature;
		}
		*value += mass * loss;
		if ((i & 0xffff) == 0xffff && !work->memory->may_go_on(work->memory->arg))
			return false;
	}
	memcpy(calibration->last, variables, sizeof(double) * 2 * n);
	return true;
}

static bool
calibration_multiply(void *arg, const double *vector, double *product)
{
	Calibration *calibration = arg;
	const Work *work = calibration->work;
	uint32_t	n = calibration->n_margins;
	int64_t		i;
	uint32_t	k;

	for (k = 0; k < n; k++)
	{
		product[2 * k] = RIDGE * vector[2 * k];
		product[2 * k + 1] = 0;
	}
	for (i = 0; i < work->design.n_learn; i++)
	{
		const double *scores = work->scores + (size_t) i * n;
		double	   *shares = calibration->shares;
		double	   *products = calibration->products;
		double		mean = 0;

		(void) calibrated(calibration, calibration->last, scores, shares);
		for (k = 0; k < n; k++)
		{
			products[k] = vector[2 * k] * scores[k] + vector[2 * k + 1];
			mean += shares[k] * products[k];
		}
		for (k = 0; k < n; k++)
		{
			double		factor = work->masses[i] * shares[k] * (products[k] - mean);

			product[2 * k] += factor * scores[k];
			product[2 * k + 1] += factor;
		}
		if ((i & 0xffff) == 0xffff && !work->memory->may_go_on(work->memory->arg))
			return false;
	}
	return true;
}

static void
calibration_diagonal(void *arg, double *diagonal)
{
	const Calibration *calibration = arg;
	uint32_t	i;

	for (i = 0; i < 2 * calibration->n_margins; i++)
		diagonal[i] = calibration->totals[i] > 0 ? calibration->totals[i] : 1;
}

/* Cuts each class into folds of rows that stand together in the order. */
static uint8_t
cut_folds(Work *work, const double *counts)
{
	double		least = FOLDS;
	double	   *seen = memory_zero_array(work->memory, (size_t) work->n_present, sizeof(*seen));
	int64_t		i;
	int32_t		k;

	if (seen == NULL)
		return 0;
	for (k = 0; k < work->n_present; k++)
		if (counts[k] < least)
			least = counts[k];
	for (i = 0; i < work->design.n_learn; i++)
	{
		int32_t		class = work->classes[i];

		work->folds[i] = (uint8_t) (seen[class]++ * least / counts[class]);
	}
	memory_release(work->memory, seen);
	return (uint8_t) least;
}

/* Takes the margins of a block of rows that are in the fold, or of any. */
static void
take_scores(Work *work, const double *weights, uint32_t margin, int fold)
{
	const Design *design = &work->design;
	double		margins[DESIGN_BLOCK];
	int64_t		block;
	int64_t		i;

	for (block = 0; block < design->n_blocks; block++)
	{
		int64_t		begin = block * DESIGN_BLOCK;
		int64_t		end = begin + DESIGN_BLOCK < design->n_learn ?
			begin + DESIGN_BLOCK : design->n_learn;

		design_margins(design, block, weights, margins);
		for (i = begin; i < end; i++)
			if (fold < 0 || work->folds[i] == fold)
				work->scores[(size_t) i * work->n_found + margin] = margins[i - begin];
	}
}

/* Targets of a class against the others; of two classes the second */
static void
set_sides(Work *work, uint32_t margin)
{
	int32_t		class = work->n_found == 1 ? 1 : (int32_t) margin;
	int64_t		i;

	for (i = 0; i < work->design.n_learn; i++)
		work->targets[i] = work->classes[i] == class ? 1 : -1;
}

/* Finds the margins of each learned row by weights that did not learn from it. */
static bool
cross_fit(Work *work, uint8_t n_folds)
{
	const Memory *memory = work->memory;
	size_t		n_columns = work->design.n_columns;
	size_t		room = (size_t) work->design.n_blocks * DESIGN_BLOCK;
	double	   *weights = memory_array(memory, n_columns, sizeof(double));
	double	   *strengths = memory_zero_array(memory, room, sizeof(double));
	bool		ok = false;
	uint32_t	m;
	int			fold;
	int64_t		i;

	work->problem->status = FOREST_NO_MEMORY;
	if (weights == NULL || strengths == NULL)
		goto done;
	for (m = 0; m < work->n_found; m++)
	{
		const double *found = work->weights + m * n_columns;

		if (n_folds < 2)
		{
			take_scores(work, found, m, -1);
			continue;
		}
		set_sides(work, m);
		for (fold = 0; fold < n_folds; fold++)
		{
			LinearProblem			fit = {.loss = LOSS_HINGE, .n_margins = 1, .strengths = strengths,
			.targets = work->targets};

			for (i = 0; i < work->design.n_learn; i++)
				strengths[i] = work->folds[i] == fold ? 0 : work->strengths[i];
			memcpy(weights, found, sizeof(double) * n_columns);
			if (!find_weights(work, &fit, CLOSE, weights))
				goto done;
			take_scores(work, weights, m, fold);
		}
	}
	ok = true;

done:
	memory_release(memory, weights);
	memory_release(memory, strengths);
	return ok;
}

/* Multiplies into an SVM's weights what turns its margins into shares. */
static bool
calibrate(Work *work)
{
	const Memory *memory = work->memory;
	size_t		n = (size_t) work->n_found;
	size_t		n_columns = work->design.n_columns;
	double	   *counts = memory_zero_array(memory, (size_t) work->n_present, sizeof(*counts));
	double	   *space = memory_zero_array(memory, n, 8 * sizeof(*space));
	Calibration calibration = {.work = work, .n_margins = work->n_found, .counts = counts};
	NewtonFunction function = {2 * n, calibration_evaluate, calibration_multiply,
	calibration_diagonal, NULL, &calibration};
	NewtonStatus status = NEWTON_NO_MEMORY;
	uint8_t		n_folds;
	int64_t		i;
	size_t		m;
	size_t		c;

	work->problem->status = FOREST_NO_MEMORY;
	work->scores = memory_array(memory, (size_t) work->design.n_learn, n * sizeof(double));
	work->folds = memory_array(memory, (size_t) work->design.n_learn, 1);
	if (counts == NULL || space == NULL || work->scores == NULL || work->folds == NULL)
		goto done;
	for (i = 0; i < work->design.n_learn; i++)
		counts[work->classes[i]]++;
	n_folds = cut_folds(work, counts);
	if (n_folds == 0)
		goto done;
	if (!cross_fit(work, n_folds))
	{
		status = work->problem->status == FOREST_STOPPED ? NEWTON_STOPPED : NEWTON_NO_MEMORY;
		goto done;
	}
	calibration.shares = space + 2 * n;
	calibration.products = space + 3 * n;
	calibration.totals = space + 4 * n;
	calibration.last = space + 6 * n;
	for (m = 0; m < n; m++)
		space[2 * m] = 1;
	status = newton_minimize(memory, &function, EXACT, space);
	for (m = 0; m < n && status == NEWTON_DONE; m++)
	{
		for (c = 0; c < n_columns; c++)
			work->weights[m * n_columns + c] *= space[2 * m];
		work->weights[(m + 1) * n_columns - 1] += space[2 * m + 1];
	}

done:
	memory_release(memory, counts);
	memory_release(memory, space);
	if (status == NEWTON_DONE)
		return true;
	return fail(work->problem, status == NEWTON_STOPPED ? FOREST_STOPPED : FOREST_NO_MEMORY);
}

/*
 * Targets and strengths
 */

/* The classes that the learned rows have */
static void
find_classes(Work *work, const uint32_t *order)
{
	const ForestData *data = work->data;
	int64_t		i;
	int32_t		c;

	for (c = 0; c < data->n_classes; c++)
		work->place[c] = -1;
	for (i = 0; i < work->design.n_learn; i++)
		work->place[data->classes[order[i]]] = 0;
	for (c = 0; c < data->n_classes; c++)
		if (work->place[c] == 0)
		{
			work->place[c] = work->n_present;
			work->present[work->n_present++] = c;
		}
	for (i = 0; i < work->design.n_rows; i++)
	{
		int32_t		place = work->place[data->classes[order[i]]];

		/* A row held out may be of a class that was not learned. */
		work->classes[i] = (uint16_t) (place < 0 ? 0 : place);
	}
}

/* A regression's target in standard deviations from its mean */
static void
standardize_target(Work *work, const uint32_t *order)
{
	const ForestData *data = work->data;
	int64_t		n = work->design.n_learn;
	double		low = INFINITY;
	double		largest = 0;
	double		mass = 0;
	double		sum = 0;
	double		unit;
	double		mean;
	int			exponent = 0;
	int64_t		i;

	for (i = 0; i < n; i++)
	{
		double		target = data->target[order[i]];

		if (target < low)
			low = target;
		if (fabs(target) > largest)
			largest = fabs(target);
	}
	(void) frexp(largest, &exponent);
	unit = ldexp(1, exponent < -999 ? 1000 : -exponent - 1);
	for (i = 0; i < n; i++)
	{
		sum += work->masses[i] * (data->target[order[i]] * unit - low * unit);
		mass += work->masses[i];
	}
	mean = sum / mass;
	sum = 0;
	for (i = 0; i < n; i++)
	{
		work->targets[i] = data->target[order[i]] * unit - low * unit - mean;
		sum += work->masses[i] * work->targets[i] * work->targets[i];
	}
	work->center = (low * unit + mean) / unit;
	work->spread = sqrt(sum / mass);
	for (i = 0; i < n; i++)
		work->targets[i] = work->spread > 0 ? work->targets[i] / work->spread : 0;
	work->spread /= unit;
}

static bool
prepare(Work *work, const uint32_t *order)
{
	const Memory *memory = work->memory;
	const ForestData *data = work->data;
	size_t		n_classes = (size_t) data->n_classes;
	size_t		room = (size_t) work->design.n_blocks * DESIGN_BLOCK;
	int64_t		i;

	work->problem->status = FOREST_NO_MEMORY;
	work->masses = memory_zero_array(memory, room, sizeof(double));
	work->strengths = memory_zero_array(memory, room, sizeof(double));
	work->targets = memory_zero_array(memory, room, sizeof(double));
	work->present = memory_zero_array(memory, n_classes, sizeof(int32_t));
	work->place = memory_zero_array(memory, n_classes, sizeof(int32_t));
	work->classes = memory_zero_array(memory, room, sizeof(uint16_t));
	if (work->masses == NULL || work->strengths == NULL || work->targets == NULL ||
		work->present == NULL || work->place == NULL || work->classes == NULL)
		return false;
	if (data->n_classes > 0)
		find_classes(work, order);
	if (!memory->may_go_on(memory->arg))
		return fail(work->problem, FOREST_STOPPED);
	for (i = 0; i < work->design.n_learn; i++)
	{
		work->masses[i] = data->weights == NULL ? 1 : data->weights[order[i]];
		if (work->options->class_weights != NULL)
			work->masses[i] *= work->options->class_weights[data->classes[order[i]]];
		work->strengths[i] = work->options->c * work->masses[i];
	}
	if (!memory->may_go_on(memory->arg))
		return fail(work->problem, FOREST_STOPPED);
	if (data->n_classes == 0)
		standardize_target(work, order);
	return true;
}

/* Finds the weights that there are to find: in work->weights, for n_found margins. */
static bool
find_margins(Work *work)
{
	bool		is_svm = work->options->algorithm == FOREST_LINEAR_SVM;
	size_t		n_columns = work->design.n_columns;
	uint32_t	m;

	if (work->data->n_classes == 0)
		work->n_found = 1;
	else
		work->n_found = work->n_present == 2 ? 1 :
			work->n_present == 1 ? 0 : (uint32_t) work->n_present;
	work->problem->status = FOREST_NO_MEMORY;
	work->weights = memory_zero_array(work->memory, work->n_found, n_columns * sizeof(double));
	if (work->weights == NULL)
		return false;
	if (work->data->n_classes > 0 && !is_svm && work->n_found > 1)
	{
		LinearProblem			fit = {.loss = LOSS_SOFTMAX, .n_margins = work->n_found,
		.strengths = work->strengths, .classes = work->classes};

		return find_weights(work, &fit, EXACT, work->weights);
	}
	for (m = 0; m < work->n_found; m++)
	{
		LinearProblem			fit = {.loss = LOSS_INSENSITIVE, .n_margins = 1,
		.strengths = work->strengths, .targets = work->targets,
		.epsilon = work->options->epsilon};

		if (work->data->n_classes > 0)
		{
			set_sides(work, m);
			fit.loss = is_svm ? LOSS_HINGE : LOSS_LOGISTIC;
		}
		if (!find_weights(work, &fit, EXACT, work->weights + m * n_columns))
			return false;
	}
	return work->data->n_classes == 0 || work->n_found == 0 || !is_svm || calibrate(work);
}

/*
 * The parts of a model
 */

/*
 * Moves the mean that each group of weights adds over to the intercept.  The
 * NULL of a category that had none then is that mean too.
 */
static void
center_weights(const Design *design, double *weights)
{
	uint32_t	g;
	uint32_t	i;

	for (g = 0; g < design->n_groups; g++)
	{
		const DesignGroup *group = &design->groups[g];
		double	   *of_slots = weights + group->begin;
		double		mean = 0;

		for (i = 0; i < group->n_slots; i++)
			mean += group->shares[i] * of_slots[i];
		for (i = 0; i < group->n_slots; i++)
			of_slots[i] -= mean;
		if (!group->is_flag && group->shares[BINS_NULL] == 0)
			of_slots[BINS_NULL] = 0;
		weights[design->n_columns - 1] += mean;
	}
}

/* A softmax does not care for what all intercepts have in common: it is nothing. */
static void
center_intercepts(Work *work)
{
	size_t		n_columns = work->design.n_columns;
	double		sum = 0;
	uint32_t	m;

	for (m = 0; m < work->n_found; m++)
		sum += work->weights[(m + 1) * n_columns - 1];
	for (m = 0; m < work->n_found; m++)
		work->weights[(m + 1) * n_columns - 1] -= sum / work->n_found;
}

/* The variance of what a feature adds to a margin */
static double
feature_variance(const Design *design, int32_t feature, const double *weights)
{
	int64_t		number = design->number_of[feature];
	int64_t		group = design->group_of[feature];
	double		variance = 0;
	double		present = 1;
	uint32_t	i;

	if (group >= 0)
	{
		const DesignGroup *slots = &design->groups[group];

		for (i = 0; i < slots->n_slots; i++)
			variance += slots->shares[i] * weights[slots->begin + i] * weights[slots->begin + i];
		present = slots->shares[0];
	}
	if (number >= 0)
		variance += present * weights[number] * weights[number];
	return variance;
}

/* Coefficients of one margin in the order of a model, times unit */
static double *
write_margin(const Design *design, const double *weights, double unit, double *to)
{
	int32_t		f;
	uint32_t	i;

	for (f = 0; f < design->n_features; f++)
	{
		int64_t		number = design->number_of[f];
		const DesignGroup *group = design->group_of[f] < 0 ? NULL :
			&design->groups[design->group_of[f]];

		if (design->tables[f].kind == FOREST_NUMBER)
		{
			*to++ = number < 0 ? 0 : weights[number] * unit;
			*to++ = group == NULL ? 0 : weights[group->begin] * unit;
			*to++ = group == NULL ? 0 : weights[group->begin + 1] * unit;
		}
		else
			for (i = 0; i < group->n_slots; i++)
				*to++ = weights[group->begin + i] * unit;
	}
	return to;
}

/*
 * Which of the margins found, and how many times, margin m of the model is:
 * of several classes with only two learned, half of it each.
 */
static double
margin_source(const Work *work, uint32_t m, uint32_t *found)
{
	int32_t		place;

	*found = 0;
	if (work->n_found == 0)
		return 0;
	if (work->fit->n_margins == 1)
		return 1;
	place = work->place[m];
	if (work->n_found == 1)
		return place < 0 ? 0 : place == 1 ? 0.5 : -0.5;
	*found = place < 0 ? 0 : (uint32_t) place;
	return place < 0 ? 0 : 1;
}

static double
margin_base(const Work *work, uint32_t m, double unit, const double *weights)
{
	double		base = unit == 0 ? 0 : unit * weights[work->design.n_columns - 1];

	if (work->data->n_classes == 0)
		return work->center + base * work->spread;
	if (work->fit->n_margins == 1 && work->data->n_classes == 2)
		return work->n_present == 2 ? base : work->present[0] == 1 ? -LINEAR_NEVER : LINEAR_NEVER;
	return work->place[m] < 0 ? LINEAR_NEVER : base;
}

static bool
write_parts(Work *work)
{
	const Memory *memory = work->memory;
	const Design *design = &work->design;
	LinearFit  *fit = work->fit;
	uint64_t	n = 0;
	uint64_t	of_margin = 0;
	double	   *to;
	int32_t		f;
	uint32_t	m;

	work->problem->status = FOREST_NO_MEMORY;
	for (f = 0; f < design->n_features; f++)
	{
		n += design->tables[f].kind == FOREST_NUMBER ? LINEAR_SCALE : 1;
		of_margin += design->tables[f].kind == FOREST_NUMBER ? LINEAR_NUMBER :
			(uint64_t) design->tables[f].n_bins + 1;
	}
	n += of_margin * fit->n_margins;
	if (n > UINT32_MAX)
		return false;
	fit->n_coefficients = (uint32_t) n;
	fit->coefficients = memory_array(memory, (size_t) n, sizeof(double));
	fit->bases = memory_array(memory, fit->n_margins, sizeof(double));
	fit->gains = memory_zero_array(memory, (size_t) design->n_features, sizeof(double));
	if (fit->coefficients == NULL || fit->bases == NULL || fit->gains == NULL)
		return false;

	for (m = 0; m < work->n_found; m++)
		center_weights(design, work->weights + (size_t) m * design->n_columns);
	if (work->n_found > 1)
		center_intercepts(work);
	to = fit->coefficients;
	for (f = 0; f < design->n_features; f++)
		if (design->tables[f].kind == FOREST_NUMBER)
		{
			*to++ = design->scales[f].low;
			*to++ = design->scales[f].high;
			*to++ = design->scales[f].center;
			*to++ = design->scales[f].spread;
		}
		else
			*to++ = design->tables[f].n_bins + 1;
	for (m = 0; m < fit->n_margins; m++)
	{
		uint32_t	found;
		double		unit = margin_source(work, m, &found);
		const double *weights = work->weights + (size_t) found * design->n_columns;

		fit->bases[m] = margin_base(work, m, unit, weights);
		if (unit == 0)
		{
			memset(to, 0, (size_t) of_margin * sizeof(double));
			to += of_margin;
			continue;
		}
		to = write_margin(design, weights, unit, to);
		for (f = 0; f < design->n_features; f++)
			fit->gains[f] += feature_variance(design, f, weights);
	}
	for (f = 0; f < design->n_features; f++)
		fit->gains[f] = sqrt(fit->gains[f]);
	return true;
}

/*
 * Rows held out
 */

/* The shares of all classes in row r of a block, from the margins found */
static void
shares_of(const Work *work, const double *margins, int r, double *shares)
{
	const LinearFit *fit = work->fit;
	int32_t		n_classes = work->data->n_classes;
	uint32_t	m;

	for (m = 0; m < fit->n_margins; m++)
	{
		uint32_t	found;
		double		unit = margin_source(work, m, &found);

		/* What of the margin found is no base is what the features add. */
		shares[m] = fit->bases[m];
		if (unit != 0)
			shares[m] += unit * (margins[(size_t) found * DESIGN_BLOCK + r] -
								 work->weights[(found + (size_t) 1) * work->design.n_columns - 1]);
	}
	if (n_classes == 2)
	{
		double		margin = shares[0];

		shares[0] = 1 / (1 + exp(margin));
		shares[1] = 1 / (1 + exp(-margin));
	}
	else
		(void) linear_softmax(shares, (uint32_t) n_classes, 1);
}

static bool
judge(Work *work, const uint32_t *order)
{
	const Memory *memory = work->memory;
	const Design *design = &work->design;
	const ForestData *data = work->data;
	ModelFigures *figures = &work->fit->held;
	size_t		n_shares = (size_t) (data->n_classes > 2 ? data->n_classes : 2);
	double	   *margins = memory_array(memory, (size_t) work->n_found, DESIGN_BLOCK * sizeof(double));
	double	   *shares = memory_array(memory, n_shares, sizeof(double));
	double		spread = work->spread > 0 ? work->spread : 1;
	double		squares = 0;
	int64_t		block;
	int64_t		i;
	uint32_t	m;
	bool		ok = false;

	work->problem->status = FOREST_NO_MEMORY;
	if (margins == NULL || shares == NULL)
		goto done;
	work->problem->status = FOREST_STOPPED;
	for (block = design->n_learn / DESIGN_BLOCK; block < design->n_blocks; block++)
	{
		int64_t		begin = block * DESIGN_BLOCK;

		for (m = 0; m < work->n_found; m++)
			design_margins(design, block, work->weights + (size_t) m * design->n_columns,
						   margins + (size_t) m * DESIGN_BLOCK);
		for (i = begin; i < begin + DESIGN_BLOCK && i < design->n_rows; i++)
		{
			double		target;

			if (i < design->n_learn)
				continue;
			if (data->n_classes > 0)
			{
				shares_of(work, margins, (int) (i - begin), shares);
				model_judge_shares(figures, shares, data->n_classes, data->classes[order[i]]);
				continue;
			}
			target = (data->target[order[i]] / 2 - work->center / 2) / (spread / 2);
			figures->rows++;
			figures->error += (margins[i - begin] - target) * (margins[i - begin] - target);
			figures->mean += target;
			squares += target * target;
		}
		if (!linear_may_go_on(memory, block))
			goto done;
	}
	if (data->n_classes == 0 && figures->rows > 0)
	{
		figures->mean /= (double) figures->rows;
		figures->variation = squares - figures->mean * figures->mean * (double) figures->rows;
		if (figures->variation < 0)
			figures->variation = 0;
	}
	ok = true;

done:
	memory_release(memory, margins);
	memory_release(memory, shares);
	return ok;
}

bool
linear_fit(const Memory *memory, const ForestData *data, const ForestOptions *options,
		   const uint32_t *order, int64_t n_learn, LinearFit *fit, ForestProblem *problem)
{
	Work		work;
	bool		ok;

	memset(&work, 0, sizeof(work));
	memset(fit, 0, sizeof(*fit));
	work.memory = memory;
	work.data = data;
	work.options = options;
	work.problem = problem;
	work.fit = fit;
	fit->n_margins = data->n_classes > 2 ? (uint32_t) data->n_classes : 1;
	problem->status = FOREST_NO_MEMORY;
	fit->tables = memory_zero_array(memory, (size_t) data->n_features, sizeof(*fit->tables));
	ok = fit->tables != NULL &&
		design_make(memory, data, order, n_learn, options->bins, fit->tables,
					&work.design, &problem->status) &&
		prepare(&work, order) && find_margins(&work) && write_parts(&work) &&
		judge(&work, order);
	fit->scale = data->n_classes == 0 && work.spread > 0 ? work.spread : 1;

	design_release(memory, &work.design);
	memory_release(memory, work.present);
	memory_release(memory, work.place);
	memory_release(memory, work.weights);
	memory_release(memory, work.masses);
	memory_release(memory, work.strengths);
	memory_release(memory, work.targets);
	memory_release(memory, work.classes);
	memory_release(memory, work.scores);
	memory_release(memory, work.folds);
	if (ok)
		problem->status = FOREST_OK;
	return ok;
}

void
linear_release(const Memory *memory, const ForestData *data, LinearFit *fit)
{
	int32_t		f;

	for (f = 0; fit->tables != NULL && f < data->n_features; f++)
		bins_release(memory, &fit->tables[f]);
	memory_release(memory, fit->tables);
	memory_release(memory, fit->bases);
	memory_release(memory, fit->coefficients);
	memory_release(memory, fit->gains);
	memset(fit, 0, sizeof(*fit));
}

uint64_t
linear_need(const ForestData *data, const ForestOptions *options)
{
	uint64_t	margins = data->n_classes > 2 ? (uint64_t) data->n_classes : 1;
	uint64_t	columns = 1;
	uint64_t	row = sizeof(uint32_t);
	int32_t		f;

	for (f = 0; f < data->n_features; f++)
	{
		const ForestColumn *column = &data->features[f];
		bool		is_number = column->kind == FOREST_NUMBER;

		/* A number's flag too, for whether there are NULLs is not known yet */
		row += is_number ? sizeof(double) + 1 : 1;
		columns += is_number ? LINEAR_SCALE + 3 :
			(uint64_t) (column->n_categories < options->bins ?
						column->n_categories : options->bins) + 1;
	}

	/* Weights, masses, strengths, targets, curvatures, an SVM's folds and scores */
	row += 5 * sizeof(double) + sizeof(uint16_t);
	if (options->algorithm == FOREST_LINEAR_SVM && data->n_classes > 0)
		row += (1 + margins) * sizeof(double) + 1;

	/* The weights, those of a minimization, a Hessian, and twice as a model */
	return ((uint64_t) data->n_rows + DESIGN_BLOCK) * row +
		12 * margins * columns * sizeof(double) +
		2 * margins * DESIGN_BLOCK * sizeof(double) + 2 * LINEAR_SMALL * LINEAR_SMALL * sizeof(double) +
		(uint64_t) data->n_features * (sizeof(BinTable) + 128);
}
