/*-------------------------------------------------------------------------
 *
 * lifetime.c
 *	  BG/NBD and Gamma-Gamma: likelihood, maximum likelihood, predictions.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "behavior/lifetime.h"
#include "core/special.h"

#define MOST LIFETIME_PARAMETERS

/* How often the loops over customers ask whether they may go on */
#define ASK_EVERY 4096

/*
 * The customers that a likelihood is taken over: each stride-th, times and
 * amounts divided by scale.
 */
typedef struct Sample
{
	const Memory *memory;
	LifetimeModel model;
	const LifetimeCustomers *customers;
	size_t		used;
	size_t		stride;
	double		scale;
} Sample;

typedef struct Point
{
	double		log_likelihood;
	double		gradient[MOST];
	double		hessian[MOST][MOST];	/* upper triangle and diagonal */
} Point;

/* A sum that loses nothing to its length (Neumaier, ZAMM 54, 1974) */
typedef struct Sum
{
	double		sum;
	double		lost;
} Sum;

static inline void
sum_add(Sum *sum, double term)
{
	double		next = sum->sum + term;

	if (fabs(sum->sum) >= fabs(term))
		sum->lost += (sum->sum - next) + term;
	else
		sum->lost += (term - next) + sum->sum;
	sum->sum = next;
}

/*
 * Equation 6 of Fader, Hardie, Lee (2005), in logarithms.  With k = r + x, of a
 * customer with x repeat purchases, the last at s, seen until T,
 *
 *	 ln L = ln G(k)/G(r) + ln B(a, b + x)/B(a, b) + r ln alpha
 *			- k ln(alpha + T) + ln(1 + e^d)
 *	 d    = ln a - ln(b + x - 1) + k ln((alpha + T) / (alpha + s))
 *
 * where 1 / (1 + e^d) is the chance that they are alive; without repeat
 * purchases nobody can have left, and the terms in a and b fall away.  G and B
 * hang on x alone, by which the customers are sorted.
 */
static bool
bgnbd_likelihood(const Sample *sample, const double *value, Point *point)
{
	double		r = value[LIFETIME_R];
	double		alpha = value[LIFETIME_ALPHA];
	double		a = value[LIFETIME_A];
	double		b = value[LIFETIME_B];
	double		log_alpha = log(alpha);
	Sum			total = {0, 0};
	Point		same = {0};		/* what customers of one frequency share */
	double		log_odds = 0;
	bool		first = true;
	uint32_t	frequency = 0;
	size_t		asked = 0;
	size_t		i;

	memset(point, 0, sizeof(*point));
	for (i = sample->stride / 2; i < sample->used; i += sample->stride)
	{
		const LifetimeCustomers *customers = &sample->customers[i];
		double		count = customers->count;
		double		x = customers->frequency;
		double		k = r + x;
		double		t = customers->t / sample->scale;
		double		log_t = log1p(t / alpha);
		double		inverse_t = 1 / (alpha + t);

		if (++asked % ASK_EVERY == 0 && !sample->memory->may_go_on(sample->memory->arg))
			return false;

		if (first || customers->frequency != frequency)
		{
			first = false;
			frequency = customers->frequency;
			memset(&same, 0, sizeof(same));
			if (x > 0)
			{
				same.log_likelihood = special_log_gamma(k) - special_log_gamma(r) +
					special_log_gamma(a + b) - special_log_gamma(a + b + x) +
					special_log_gamma(b + x) - special_log_gamma(b) - x * log_alpha;
				same.gradient[LIFETIME_R] = special_digamma(k) - special_digamma(r);
				same.gradient[LIFETIME_A] = special_digamma(a + b) - special_digamma(a + b + x);
				same.gradient[LIFETIME_B] = same.gradient[LIFETIME_A] +
					special_digamma(b + x) - special_digamma(b);
				same.hessian[LIFETIME_R][LIFETIME_R] = special_trigamma(k) - special_trigamma(r);
				same.hessian[LIFETIME_A][LIFETIME_A] = special_trigamma(a + b) - special_trigamma(a + b + x);
				same.hessian[LIFETIME_B][LIFETIME_B] = same.hessian[LIFETIME_A][LIFETIME_A] +
					special_trigamma(b + x) - special_trigamma(b);
				log_odds = log(a) - log(b + (x - 1));
			}
		}

		if (x == 0)
		{
			sum_add(&total, -count * r * log_t);
			point->gradient[LIFETIME_R] -= count * log_t;
			point->gradient[LIFETIME_ALPHA] += count * r * (1 / alpha - inverse_t);
			point->hessian[LIFETIME_R][LIFETIME_ALPHA] += count * (1 / alpha - inverse_t);
			point->hessian[LIFETIME_ALPHA][LIFETIME_ALPHA] +=
				count * r * (inverse_t * inverse_t - 1 / (alpha * alpha));
		}
		else
		{
			double		s = customers->value / sample->scale;
			double		inverse_s = 1 / (alpha + s);
			double		log_ratio = log1p((t - s) * inverse_s);
			double		d = log_odds + k * log_ratio;
			double		small = exp(-fabs(d));
			double		alive = (d > 0 ? small : 1) / (1 + small);
			double		gone = (d > 0 ? 1 : small) / (1 + small);
			double		both = alive * gone;
			double		b1 = b + (x - 1);

			/* Derivatives of d; the part ln(1 + e^d) has gone times these. */
			double		d_r = log_ratio;
			double		d_alpha = k * (inverse_t - inverse_s);
			double		d_a = 1 / a;
			double		d_b = -1 / b1;

			sum_add(&total, count * (same.log_likelihood - k * log_t +
									 (d > 0 ? d : 0) + log1p(small)));
			point->gradient[LIFETIME_R] += count * (same.gradient[LIFETIME_R] - log_t + gone * d_r);
			point->gradient[LIFETIME_ALPHA] += count * (r / alpha - k * inverse_t + gone * d_alpha);
			point->gradient[LIFETIME_A] += count * (same.gradient[LIFETIME_A] + gone * d_a);
			point->gradient[LIFETIME_B] += count * (same.gradient[LIFETIME_B] + gone * d_b);

			point->hessian[LIFETIME_R][LIFETIME_R] += count *
				(same.hessian[LIFETIME_R][LIFETIME_R] + both * d_r * d_r);
			point->hessian[LIFETIME_R][LIFETIME_ALPHA] += count *
				(1 / alpha - inverse_t + gone * (inverse_t - inverse_s) + both * d_r * d_alpha);
			point->hessian[LIFETIME_R][LIFETIME_A] += count * both * d_r * d_a;
			point->hessian[LIFETIME_R][LIFETIME_B] += count * both * d_r * d_b;
			point->hessian[LIFETIME_ALPHA][LIFETIME_ALPHA] += count *
				(k * inverse_t * inverse_t - r / (alpha * alpha) +
				 gone * k * (inverse_s * inverse_s - inverse_t * inverse_t) + both * d_alpha * d_alpha);
			point->hessian[LIFETIME_ALPHA][LIFETIME_A] += count * both * d_alpha * d_a;
			point->hessian[LIFETIME_ALPHA][LIFETIME_B] += count * both * d_alpha * d_b;
			point->hessian[LIFETIME_A][LIFETIME_A] += count *
				(same.hessian[LIFETIME_A][LIFETIME_A] + (both - gone) * d_a * d_a);
			point->hessian[LIFETIME_A][LIFETIME_B] += count *
				(same.hessian[LIFETIME_A][LIFETIME_A] + both * d_a * d_b);
			point->hessian[LIFETIME_B][LIFETIME_B] += count *
				(same.hessian[LIFETIME_B][LIFETIME_B] + (both + gone) * d_b * d_b);
		}
	}
	point->log_likelihood = total.sum + total.lost;
	return true;
}

/*
 * Equation 1a of Fader, Hardie (2013), in logarithms: of a customer whose x
 * purchases were m in the mean,
 *
 *	 ln L = ln G(px + q) / (G(px) G(q)) + q ln v + (px - 1) ln m + px ln x
 *			- (px + q) ln(v + xm)
 */
static bool
gamma_gamma_likelihood(const Sample *sample, const double *value, Point *point)
{
	double		p = value[LIFETIME_P];
	double		q = value[LIFETIME_Q];
	double		v = value[LIFETIME_V];
	double		log_v = log(v);
	double		digamma_q = special_digamma(q);
	double		trigamma_q = special_trigamma(q);
	Sum			total = {0, 0};
	Point		same = {0};
	double		trigamma_all = 0;
	uint32_t	frequency = 0;
	size_t		asked = 0;
	size_t		i;

	memset(point, 0, sizeof(*point));
	for (i = sample->stride / 2; i < sample->used; i += sample->stride)
	{
		const LifetimeCustomers *customers = &sample->customers[i];
		double		count = customers->count;
		double		x = customers->frequency;
		double		m = customers->value / sample->scale;
		double		all = p * x + q;
		double		xm = x * m;
		double		sum = v + xm;
		double		inverse = 1 / sum;
		double		log_m = log(m);
		double		log_share;	/* ln v / (v + xm) */
		double		log_rest;	/* ln xm / (v + xm) */

		if (++asked % ASK_EVERY == 0 && !sample->memory->may_go_on(sample->memory->arg))
			return false;

		if (customers->frequency != frequency)
		{
			frequency = customers->frequency;
			same.log_likelihood = special_log_gamma(all) - special_log_gamma(p * x) - special_log_gamma(q);
			same.gradient[LIFETIME_Q] = special_digamma(all);
			same.gradient[LIFETIME_P] = x * (same.gradient[LIFETIME_Q] - special_digamma(p * x));
			same.gradient[LIFETIME_Q] -= digamma_q;
			trigamma_all = special_trigamma(all);
			same.hessian[LIFETIME_P][LIFETIME_P] = x * x * (trigamma_all - special_trigamma(p * x));
			same.hessian[LIFETIME_Q][LIFETIME_Q] = trigamma_all - trigamma_q;
		}

		if (xm < v)
		{
			log_share = -log1p(xm / v);
			log_rest = log(xm) - log_v + log_share;
		}
		else
		{
			log_rest = -log1p(v / xm);
			log_share = log_v - log(xm) + log_rest;
		}
		sum_add(&total, count * (same.log_likelihood + q * log_share + p * x * log_rest - log_m));
		point->gradient[LIFETIME_P] += count * (same.gradient[LIFETIME_P] + x * log_rest);
		point->gradient[LIFETIME_Q] += count * (same.gradient[LIFETIME_Q] + log_share);
		point->gradient[LIFETIME_V] += count * (q / v - all * inverse);
		point->hessian[LIFETIME_P][LIFETIME_P] += count * same.hessian[LIFETIME_P][LIFETIME_P];
		point->hessian[LIFETIME_P][LIFETIME_Q] += count * x * trigamma_all;
		point->hessian[LIFETIME_P][LIFETIME_V] -= count * x * inverse;
		point->hessian[LIFETIME_Q][LIFETIME_Q] += count * same.hessian[LIFETIME_Q][LIFETIME_Q];
		point->hessian[LIFETIME_Q][LIFETIME_V] += count * (1 / v - inverse);
		point->hessian[LIFETIME_V][LIFETIME_V] += count * (all * inverse * inverse - q / (v * v));
	}
	point->log_likelihood = total.sum + total.lost;
	return true;
}

static bool
likelihood(const Sample *sample, const double *value, Point *point)
{
	return sample->model == LIFETIME_BGNBD ?
		bgnbd_likelihood(sample, value, point) :
		gamma_gamma_likelihood(sample, value, point);
}

bool
lifetime_likelihood(const Memory *memory, LifetimeModel model,
					const LifetimeCustomers *customers, size_t used,
					const double *value, double *log_likelihood, double *gradient,
					double hessian[LIFETIME_PARAMETERS][LIFETIME_PARAMETERS])
{
	Sample		sample = {memory, model, customers, used, 1, 1};
	Point		point;

	if (!likelihood(&sample, value, &point))
		return false;
	*log_likelihood = point.log_likelihood;
	memcpy(gradient, point.gradient, sizeof(point.gradient));
	memcpy(hessian, point.hessian, sizeof(point.hessian));
	return true;
}

/*
 * The likelihood by the logarithms of the parameters, turned over: curvature
 * is minus the matrix of second derivatives, whole.
 */
static bool
log_likelihood(const Sample *sample, const double *place, int n, Point *point,
			   double curvature[MOST][MOST])
{
	double		value[MOST];
	int			i;
	int			j;

	for (i = 0; i < n; i++)
		value[i] = exp(place[i]);
	if (!likelihood(sample, value, point))
		return false;
	for (i = 0; i < n; i++)
	{
		for (j = i; j < n; j++)
			curvature[i][j] = curvature[j][i] = -value[i] * value[j] * point->hessian[i][j];
		curvature[i][i] -= value[i] * point->gradient[i];
	}
	for (i = 0; i < n; i++)
		point->gradient[i] *= value[i];
	return true;
}

/*
 * The Cholesky factor of matrix + lambda times its own scale; false when that
 * is not positive definite beyond rounding.
 */
static bool
factorize(double matrix[MOST][MOST], int n, double lambda, double factor[MOST][MOST])
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < n; i++)
	{
		for (j = 0; j <= i; j++)
		{
			double		sum = matrix[i][j];

			if (i == j)
				sum += lambda;
			for (k = 0; k < j; k++)
				sum -= factor[i][k] * factor[j][k];
			if (i != j)
				factor[i][j] = sum / factor[j][j];
			else if (sum > 1e-13 * fabs(matrix[i][i]) && isfinite(sum))
				factor[i][i] = sqrt(sum);
			else
				return false;
		}
	}
	return true;
}

static void
solve(double factor[MOST][MOST], int n, const double *right, double *solution)
{
	int			i;
	int			k;

	for (i = 0; i < n; i++)
	{
		solution[i] = right[i];
		for (k = 0; k < i; k++)
			solution[i] -= factor[i][k] * solution[k];
		solution[i] /= factor[i][i];
	}
	for (i = n - 1; i >= 0; i--)
	{
		for (k = i + 1; k < n; k++)
			solution[i] -= factor[k][i] * solution[k];
		solution[i] /= factor[i][i];
	}
}

typedef enum Outcome
{
	CONVERGED,
	GAVE_UP,
	STOPPED
} Outcome;

/* Where a climb got to, in logarithms of parameters of the scaled figures */
typedef struct Climb
{
	Outcome		outcome;
	int			iterations;
	int			limit;			/* the parameter that ran away, or -1 */
	double		place[MOST];
	double		error[MOST];	/* standard errors of the logarithms */
	double		log_likelihood;
	double		gradient;
} Climb;

/*
 * Parameters of figures that are about 1 are taken to lie within e^16, nine
 * million, of 1.  A likelihood that levels off as a parameter goes to 0 or
 * infinity has a Newton step of about 1 in its logarithm all along: it gets
 * there.
 */
#define FURTHEST 16.0
#define FAR 6.0					/* where one that did not end was heading */
#define MOST_ITERATIONS 100
#define LONGEST_STEP 2.0

/*
 * Newton's method with the matrix made positive definite where it is not
 * (Levenberg, Marquardt).  The end is where the step that is left is small in
 * every parameter and promises next to nothing: a small gradient alone is also
 * found far out, where the likelihood levels off.
 */
static void
climb(const Sample *sample, int n, Climb *climb)
{
	double	   *place = climb->place;
	double		curvature[MOST][MOST];
	double		factor[MOST][MOST];
	double		trial_curvature[MOST][MOST];
	double		step[MOST];
	Point		point;
	double		lambda = 0;
	bool		polished = false;
	int			furthest = 0;
	int			i;

	climb->outcome = STOPPED;
	climb->limit = -1;
	climb->iterations = 0;
	if (!log_likelihood(sample, place, n, &point, curvature))
		return;
	climb->outcome = GAVE_UP;
	if (!isfinite(point.log_likelihood))
		point.log_likelihood = -INFINITY;

	while (climb->iterations < MOST_ITERATIONS)
	{
		double		largest = 0;
		double		longest = 0;
		double		promise = 0;
		double		trial[MOST];
		Point		trial_point;
		bool		last;

		for (i = 0; i < n; i++)
			largest = fmax(largest, fabs(curvature[i][i]));
		while (!factorize(curvature, n, lambda, factor))
		{
			lambda = fmax(4 * lambda, 1e-4 * largest);
			if (!(lambda < DBL_MAX) || lambda == 0)
				break;
		}
		if (!(lambda < DBL_MAX) || (lambda == 0 && !factorize(curvature, n, 0, factor)))
			break;
		solve(factor, n, point.gradient, step);
		for (i = 0; i < n; i++)
		{
			longest = fmax(longest, fabs(step[i]));
			promise += step[i] * point.gradient[i];
		}
		last = lambda == 0 && longest < 1e-4 && promise < 1e-8;
		if (last && polished)
		{
			climb->outcome = CONVERGED;
			for (i = 0; i < n; i++)
			{
				double		unit[MOST] = {0};

				unit[i] = 1;
				solve(factor, n, unit, step);
				climb->error[i] = sqrt(step[i]);

				/* A top so flat that it fills all the room is none. */
				if (!(climb->error[i] < FURTHEST))
					climb->outcome = GAVE_UP;
			}
			break;
		}

		climb->iterations++;
		if (longest > LONGEST_STEP)
		{
			for (i = 0; i < n; i++)
				step[i] *= LONGEST_STEP / longest;
			promise *= LONGEST_STEP / longest;
		}
		for (i = 0; i < n; i++)
			trial[i] = place[i] + step[i];
		if (!log_likelihood(sample, trial, n, &trial_point, trial_curvature))
		{
			climb->outcome = STOPPED;
			return;
		}

		/* What rounding may take from the likelihood is no step downwards. */
		if (isfinite(trial_point.log_likelihood) &&
			(last || trial_point.log_likelihood >= point.log_likelihood + 1e-4 * promise -
			 1e-13 * (1 + fabs(point.log_likelihood))))
		{
			polished = last;
			memcpy(place, trial, sizeof(trial));
			point = trial_point;
			memcpy(curvature, trial_curvature, sizeof(curvature));
			lambda = lambda > 1e-6 * largest ? lambda / 10 : 0;
		}
		else
			lambda = fmax(10 * lambda, 1e-3 * largest);

		furthest = 0;
		for (i = 1; i < n; i++)
			if (fabs(place[i]) > fabs(place[furthest]))
				furthest = i;
		if (fabs(place[furthest]) > FURTHEST)
			break;
	}
	if (climb->outcome != CONVERGED)
		climb->limit = fabs(place[furthest]) > FAR ? furthest : -1;
	climb->log_likelihood = point.log_likelihood;
	climb->gradient = 0;
	for (i = 0; i < n; i++)
		climb->gradient = fmax(climb->gradient, fabs(point.gradient[i]));
}

/*
 * A power of two near the mean, so that dividing by it is exact and the fit of
 * the same figures in other units is the same but for its units.
 */
static double
scale_of(LifetimeModel model, const LifetimeCustomers *customers, size_t used)
{
	double		most = 0;
	double		sum = 0;
	double		count = 0;
	int			exponent;
	size_t		i;

	for (i = 0; i < used; i++)
		most = fmax(most, model == LIFETIME_BGNBD ? customers[i].t : customers[i].value);
	if (most == 0)
		return 1;
	(void) frexp(most, &exponent);
	for (i = 0; i < used; i++)
	{
		sum += ldexp(model == LIFETIME_BGNBD ? customers[i].t : customers[i].value, -exponent) *
			customers[i].count;
		count += customers[i].count;
	}
	sum = ldexp(sum / count, exponent);
	(void) frexp(sum, &exponent);
	return ldexp(1, exponent < -999 ? -1000 : exponent - 1);
}

#define STARTS 4
/* As many different customers find the way for all of them */
#define SCOUTS 20000

/*
 * Whether a climb got higher than another.  What is a top stands against what
 * is none, unless that is higher by more than rounding.
 */
static bool
higher(const Climb *here, const Climb *best)
{
	double		rounding = 1e-9 * (1 + fabs(best->log_likelihood));

	if ((here->outcome == CONVERGED) == (best->outcome == CONVERGED))
		rounding = 0;
	else if (here->outcome == CONVERGED)
		rounding = -rounding;
	return here->log_likelihood > best->log_likelihood + rounding;
}

/* Of the climbs from all starts, the one that gets highest */
static Climb
best_climb(const Sample *sample, int n, double starts[STARTS][MOST])
{
	Climb		best = {.outcome = STOPPED};
	int			i;

	for (i = 0; i < STARTS; i++)
	{
		Climb		here = {.outcome = STOPPED};

		memcpy(here.place, starts[i], sizeof(here.place));
		climb(sample, n, &here);
		if (here.outcome == STOPPED)
			return here;
		if (i == 0 || higher(&here, &best))
			best = here;
	}
	return best;
}

LifetimeStatus
lifetime_fit(const Memory *memory, LifetimeModel model,
			 const LifetimeCustomers *customers, size_t used,
			 LifetimeFit *fit, LifetimeLimit *limit)
{
	/* Spreads wide and narrow; a and b for many and for few who leave. */
	static const double spreads[STARTS][3] = {
		{0.3, 0.7, 2.5}, {1, 0.3, 3}, {3, 0.1, 0.5}, {1, 4, 20}
	};
	static const double shapes[STARTS][2] = {{5, 3}, {1, 1}, {1, 10}, {20, 2}};
	int			n = lifetime_parameter_count(model);
	Sample		all = {memory, model, customers, used, 1, 1};
	Sample		scouts;
	double		starts[STARTS][MOST] = {{0}};
	double		purchases = 0;
	double		time = 0;
	double		amount = 0;
	double		buyers = 0;
	Climb		found;
	size_t		i;
	int			j;

	limit->parameter = -1;
	limit->to_infinity = false;
	memset(fit, 0, sizeof(*fit));
	fit->model = model;
	for (i = 0; i < used; i++)
		fit->customers += customers[i].count;
	if (fit->customers < 2)
		return LIFETIME_TOO_FEW;

	all.scale = scale_of(model, customers, used);
	for (i = 0; i < used; i++)
	{
		double		count = customers[i].count;

		purchases += count * customers[i].frequency;
		time += count * (customers[i].t / all.scale);
		amount += count * (customers[i].value / all.scale);
		buyers += count;
	}
	if (purchases == 0)
		return LIFETIME_NO_REPEAT;

	for (j = 0; j < STARTS; j++)
	{
		if (model == LIFETIME_BGNBD)
		{
			/* The mean rate is r / alpha. */
			starts[j][LIFETIME_R] = log(spreads[j][0]);
			starts[j][LIFETIME_ALPHA] = log(spreads[j][0]) + log(fmax(time, 1e-6 * buyers)) - log(purchases);
			starts[j][LIFETIME_A] = log(spreads[j][1]);
			starts[j][LIFETIME_B] = log(spreads[j][2]);
		}
		else
		{
			/* The mean amount is pv / (q - 1). */
			starts[j][LIFETIME_P] = log(shapes[j][0]);
			starts[j][LIFETIME_Q] = log(shapes[j][1]);
			starts[j][LIFETIME_V] = log(amount / buyers) + log(fmax(shapes[j][1] - 1, 0.5)) - log(shapes[j][0]);
		}
		for (i = 0; i < (size_t) n; i++)
			starts[j][i] = fmax(-FURTHEST / 2, fmin(FURTHEST / 2, starts[j][i]));
	}

	/* A few find the place from which the last steps are taken with all. */
	scouts = all;
	scouts.stride = (used + SCOUTS - 1) / SCOUTS;
	found = best_climb(&scouts, n, starts);
	if (found.outcome != STOPPED && scouts.stride > 1)
	{
		bool		known = found.outcome == CONVERGED;

		if (!known)
			memcpy(found.place, starts[0], sizeof(found.place));
		climb(&all, n, &found);
		if (known && found.outcome != CONVERGED && found.outcome != STOPPED)
			found = best_climb(&all, n, starts);
	}
	if (found.outcome == STOPPED)
		return LIFETIME_STOPPED;

	for (j = 0; j < MOST; j++)
		fit->standard_error[j] = fit->value[j] = NAN;
	for (j = 0; j < n; j++)
	{
		fit->value[j] = exp(found.place[j]);
		if (model == LIFETIME_BGNBD ? j == LIFETIME_ALPHA : j == LIFETIME_V)
			fit->value[j] *= all.scale;
		/* The delta method: the error of ln x times x. */
		fit->standard_error[j] = found.error[j] * fit->value[j];
	}

	/* Densities of times and amounts take their units back. */
	fit->log_likelihood = found.log_likelihood -
		(model == LIFETIME_BGNBD ? purchases : buyers) * log(all.scale);
	fit->iterations = found.iterations;
	fit->gradient = found.gradient;
	if (found.outcome == CONVERGED)
		return LIFETIME_FITTED;
	limit->parameter = found.limit;
	limit->to_infinity = found.limit >= 0 && found.place[found.limit] > 0;
	return LIFETIME_NOT_CONVERGED;
}

double
lifetime_alive(const LifetimeFit *fit, double frequency, double recency, double t)
{
	const double *value = fit->value;
	double		ratio = log1p((t - recency) / (value[LIFETIME_ALPHA] + recency));

	if (frequency == 0)
		return 1;
	return 1 / (1 + exp(log(value[LIFETIME_A]) - log(value[LIFETIME_B] + (frequency - 1)) +
						(value[LIFETIME_R] + frequency) * ratio));
}

/*
 * The purchases expected of a customer who is alive.  Given their chance p to
 * leave after a purchase, spread as Beta(a, b + x), and a rate spread as
 * Gamma(k, rate beta) with k = r + x, beta = alpha + T, it is
 *
 *	 (1 - (1 + p w)^-k) / p,  w = horizon / beta
 *
 * Its mean over p is equation 10 of Fader, Hardie, Lee (2005) without P(alive):
 * (c / e) (1 - (1 + w)^-k 2F1(k, b + x; c; z)), c = a + b + x - 1, e = a - 1,
 * z = w / (1 + w).  Euler's transformation (Abramowitz and Stegun 15.3.3) gives
 *
 *	 (c / e) (1 - (1 + w)^-e 2F1(a + b - 1 - r, e; c; z))
 *
 * and since 2F1 is 1 + e S here, with a series S that has no e to divide by,
 *
 *	 c ((1 - (1 + w)^-e) / e - (1 + w)^-e S)
 *
 * is right at and around a = 1 too.  This is quick where its terms are of one
 * sign and fall, and little cancels: the caller sees to that.
 */
static double
alive_by_series(double a, double b, double r, double x, double w)
{
	double		e = a - 1;
	double		c = a + b + (x - 1);
	double		first = a + b - 1 - r;
	double		z = w / (1 + w);
	double		log_w = log1p(w);
	double		term = first / c * z;
	double		sum = term;
	double		n;

	for (n = 1; term > 1e-17 * sum; n++)
	{
		term *= (first + n) * (e + n) / ((c + n) * (n + 1)) * z;
		sum += term;
	}
	return c * ((fabs(e * log_w) < 1e-300 ? log_w : -expm1(-e * log_w) / e) -
				exp(-e * log_w) * sum);
}

/* ln of the density of Beta(a, b) at y = ln p / (1 - p), without its constant */
static double
log_density(double a, double b, double y)
{
	return y < 0 ? a * y - (a + b) * log1p(exp(y)) : -b * y - (a + b) * log1p(exp(-y));
}

/*
 * The same mean by the trapezoidal rule in y = ln p / (1 - p).  What is summed
 * is analytic in the strip |Im y| < pi / 2 and falls off exponentially on both
 * sides, where the rule errs by about exp(-pi^2 / step) (Trefethen, Weideman,
 * SIAM Review 56, 2014); all terms are positive, whatever the parameters.  Once
 * the integrand is but exponential, the rest is a geometric series.
 */
static double
alive_by_sum(double a, double b, double k, double w)
{
	double		deviation = sqrt(special_trigamma(a) + special_trigamma(b));
	double		step = fmin(0.25, deviation / 2);
	double		mode = log(a) - log(b);
	double		top = log_density(a, b, mode);
	double		straight = fmin(log(b + k * fmax(w, 1)) + 40, 800);
	double		sum = 0;
	double		weights = 0;
	int			side;

	/* All have the same chance, as far as a double can tell. */
	if (deviation < 1e-6)
		return -expm1(-k * log1p(w / (1 + b / a))) * (1 + b / a);

	for (side = -1; side <= 1; side += 2)
	{
		double		slope = side < 0 ? a : b;
		double		i;

		for (i = side < 0 ? 1 : 0;; i++)
		{
			double		y = mode + side * i * step;
			double		p = 1 / (1 + exp(-y));
			double		weight = exp(log_density(a, b, y) - top);
			double		bought = p > 0 ? -expm1(-k * log1p(p * w)) / p : k * w;
			bool		rest = side < 0 ? y < -straight : y > 40 + log(a + 1);

			if (rest)
				weight /= -expm1(-slope * step);
			sum += weight * bought;
			weights += weight;
			if (rest || weight < 1e-25)
				break;
		}
	}
	return sum / weights;
}

double
lifetime_purchases(const LifetimeFit *fit, double horizon, double frequency,
				   double recency, double t)
{
	double		r = fit->value[LIFETIME_R];
	double		a = fit->value[LIFETIME_A];
	double		b = fit->value[LIFETIME_B];
	double		k = r + frequency;
	double		w = horizon / (fit->value[LIFETIME_ALPHA] + t);
	double		bought;

	if (horizon == 0)
		return 0;
	if (a + b - 1 - r >= 0 && a <= 20 && w <= 20 &&
		a + b + frequency <= 1000 * k)
		bought = alive_by_series(a, b, r, frequency, w);
	else
		bought = alive_by_sum(a, b + frequency, k, w);
	return bought * lifetime_alive(fit, frequency, recency, t);
}

/* What the discounted integral is of */
typedef struct Discount
{
	const LifetimeFit *fit;
	double		force;			/* ln(1 + rate) */
	double		frequency;
	double		recency;
	double		t;
} Discount;

/* Gauss-Legendre, 8 points (Abramowitz and Stegun, table 25.4) */
static double
panel(const Discount *discount, double low, double high)
{
	static const double at[4] = {0.1834346424956498, 0.5255324099163290,
	0.7966664774136267, 0.9602898564975363};
	static const double weight[4] = {0.3626837833783620, 0.3137066458778873,
	0.2223810344533745, 0.1012285362903763};
	double		middle = low + (high - low) / 2;
	double		half = (high - low) / 2;
	double		sum = 0;
	int			i;

	for (i = 0; i < 8; i++)
	{
		double		s = middle + (i < 4 ? -half : half) * at[i % 4];

		sum += weight[i % 4] * exp(-discount->force * s) *
			lifetime_purchases(discount->fit, s, discount->frequency,
							   discount->recency, discount->t);
	}
	return sum * half * discount->force;
}

static double
halve(const Discount *discount, double low, double high, double whole,
	  double tolerance, int depth)
{
	double		middle = low + (high - low) / 2;
	double		left = panel(discount, low, middle);
	double		right = panel(discount, middle, high);

	if (fabs(left + right - whole) <= tolerance || depth == 0)
		return left + right;
	return halve(discount, low, middle, left, tolerance, depth - 1) +
		halve(discount, middle, high, right, tolerance, depth - 1);
}

/*
 * With E(s) the purchases expected until s, the integral of e^(-fs) dE(s) over
 * the horizon, by parts: e^(-fh) E(h) + f times the integral of e^(-fs) E(s).
 */
double
lifetime_discounted(const LifetimeFit *fit, double horizon, double rate,
					double frequency, double recency, double t)
{
	Discount	discount = {fit, log1p(rate), frequency, recency, t};
	double		beta = fit->value[LIFETIME_ALPHA] + t;
	double		whole = lifetime_purchases(fit, horizon, frequency, recency, t);
	double		end;
	double		sum;
	double		tolerance;
	double		low;
	double		high;

	if (discount.force == 0 || horizon == 0)
		return whole;

	/* Beyond, nothing is left of a purchase's worth. */
	end = fmin(horizon, 60 / discount.force);
	sum = exp(-discount.force * horizon) * whole;

	/* Part of the result, so that panels need not know each other. */
	high = fmin(horizon, 1 / discount.force);
	tolerance = 1e-11 * exp(-discount.force * high) *
		lifetime_purchases(fit, high, frequency, recency, t);

	/* E has its nearest singularity at -beta. */
	for (low = 0; low < end; low = high)
	{
		high = fmin(end, low + fmin(beta + low, 4 / discount.force));
		if (!(high > low))
			break;
		sum += halve(&discount, low, high, panel(&discount, low, high), tolerance, 20);
	}
	return sum;
}

bool
lifetime_spend(const LifetimeFit *fit, double frequency, double monetary,
			   double *spend)
{
	double		p = fit->value[LIFETIME_P];
	double		q = fit->value[LIFETIME_Q];
	double		v = fit->value[LIFETIME_V];
	double		shape = p * frequency + (q - 1);

	/* The mean of nu^-1 over its distribution given the purchases */
	if (!(shape > 0))
		return false;
	*spend = frequency == 0 ? p * (v / shape) : p * ((v + frequency * monetary) / shape);
	return true;
}
