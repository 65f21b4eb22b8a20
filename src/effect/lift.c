/*-------------------------------------------------------------------------
 *
 * lift.c
 *	  What a treatment changed.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/special.h"
#include "effect/lift.h"

#define CONFIDENCE 0.95
#define POWER 0.8

/* A mean within so many standard errors of 0 is too weak to divide by. */
#define WEAK 4

/* A covariate with less than this of its length left depends on the others. */
#define DEPENDENT 1e-9

/* Rows between two questions whether to go on */
#define GO_ON_EVERY 65536

/* Sums */

static inline void
arm_add(LiftArm *arm, double outcome, double covariate)
{
	double		away = outcome - arm->mean;
	double		away_x = covariate - arm->mean_x;
	double		share = 1 / (double) ++arm->n;

	arm->mean += away * share;
	arm->mean_x += away_x * share;
	arm->spread += away * (outcome - arm->mean);
	arm->spread_x += away_x * (covariate - arm->mean_x);
	arm->product += away_x * (outcome - arm->mean);
}

void
lift_add(Lift *lift, bool treated, double outcome, double covariate)
{
	arm_add(treated ? &lift->treated : &lift->control, outcome, covariate);
}

void
lift_add_outcome(Lift *lift, bool treated, double outcome)
{
	LiftArm    *arm = treated ? &lift->treated : &lift->control;
	double		away = outcome - arm->mean;

	arm->mean += away / (double) ++arm->n;
	arm->spread += away * (outcome - arm->mean);
}

static void
arm_merge(LiftArm *arm, const LiftArm *other)
{
	double		n = (double) arm->n;
	double		m = (double) other->n;
	double		away = other->mean - arm->mean;
	double		away_x = other->mean_x - arm->mean_x;
	double		weight;

	if (other->n == 0)
		return;
	weight = n * m / (n + m);
	arm->n += other->n;
	arm->mean += away * (m / (n + m));
	arm->mean_x += away_x * (m / (n + m));
	arm->spread += other->spread + away * away * weight;
	arm->spread_x += other->spread_x + away_x * away_x * weight;
	arm->product += other->product + away * away_x * weight;
}

void
lift_merge(Lift *lift, const Lift *other)
{
	arm_merge(&lift->control, &other->control);
	arm_merge(&lift->treated, &other->treated);
}

static bool
arm_valid(const LiftArm *arm)
{
	return arm->n >= 0 && arm->n <= INT64_MAX / 4;
}

bool
lift_valid(const Lift *lift)
{
	return arm_valid(&lift->control) && arm_valid(&lift->treated) &&
		lift->control.n + lift->treated.n > 0;
}

/* Intervals */

void
lift_interval(double difference, double standard_error, double degrees,
			  double confidence, double *lower, double *upper)
{
	double		half = NAN;

	if (degrees > 0)
		half = special_student_quantile(1 - confidence, degrees) * standard_error;
	*lower = difference - half;
	*upper = difference + half;
}

/*
 * The interval of treated over control, less 1.  By the delta method, or where
 * control is weak by Fieller's, all ratios r for which treated - r control may
 * be 0: it has no ends where control itself may be 0.
 */
static void
relative_interval(LiftReport *report, double control_error, double treated_error)
{
	double		t = special_student_quantile(1 - CONFIDENCE, report->degrees);
	double		control = report->control_mean;
	double		ratio = report->treated_mean / control;

	report->relative = ratio - 1;
	if (!(report->degrees > 0))
		return;
	if (fabs(control) > WEAK * control_error)
	{
		double		error = hypot(treated_error, ratio * control_error) / fabs(control);

		report->relative_lower = report->relative - t * error;
		report->relative_upper = report->relative + t * error;
	}
	else
	{
		double		g = t * control_error / control * (t * control_error / control);
		double		root = treated_error * treated_error * (1 - g) +
			ratio * ratio * control_error * control_error;

		if (g < 1 && root >= 0)
		{
			double		half = t / fabs(control) * sqrt(root);

			report->relative_lower = (ratio - half) / (1 - g) - 1;
			report->relative_upper = (ratio + half) / (1 - g) - 1;
		}
	}
}

void
lift_intervals(LiftReport *report, double control_error, double treated_error)
{
	double		t;

	report->difference = report->treated_mean - report->control_mean;
	report->p_value = report->relative = NAN;
	report->relative_lower = report->relative_upper = report->smallest = NAN;
	if (report->control_mean != 0)
		relative_interval(report, control_error, treated_error);
	lift_interval(report->difference, report->standard_error, report->degrees,
				  CONFIDENCE, &report->lower, &report->upper);
	if (report->degrees > 0)
	{
		t = report->difference / report->standard_error;
		report->p_value = special_student_tails(t, report->degrees);
		report->smallest = report->standard_error *
			(special_student_quantile(1 - CONFIDENCE, report->degrees) +
			 special_student_quantile(2 * (1 - POWER), report->degrees));
	}
}

/* A sum of squares, which rounding may have left below; NaN stays. */
static double
above_zero(double spread)
{
	return spread < 0 ? 0 : spread;
}

/* Report of two means with the sums of squares of what they are means of */
static void
report_arms(const Lift *lift, double control_mean, double treated_mean,
			double control_spread, double treated_spread, LiftReport *report)
{
	double		n = (double) lift->control.n;
	double		m = (double) lift->treated.n;
	double		control = n > 1 ? above_zero(control_spread) / (n - 1) / n : NAN;
	double		treated = m > 1 ? above_zero(treated_spread) / (m - 1) / m : NAN;

	memset(report, 0, sizeof(*report));
	report->control_n = lift->control.n;
	report->treated_n = lift->treated.n;
	report->control_mean = n > 0 ? control_mean : NAN;
	report->treated_mean = m > 0 ? treated_mean : NAN;
	/* Where nobody differs from anybody, nothing is known of chance. */
	report->standard_error = sqrt(control + treated);
	report->degrees = (control + treated) * (control + treated) /
		(control * control / (n - 1) + treated * treated / (m - 1));
	report->variance_kept = NAN;
	lift_intervals(report, sqrt(control), sqrt(treated));
}

void
lift_welch(const Lift *lift, LiftReport *report)
{
	report_arms(lift, lift->control.mean, lift->treated.mean,
				lift->control.spread, lift->treated.spread, report);
}

void
lift_cuped(const Lift *lift, LiftReport *report)
{
	const LiftArm *control = &lift->control;
	const LiftArm *treated = &lift->treated;
	double		spread_x = control->spread_x + treated->spread_x;
	double		theta = spread_x > 0 ? (control->product + treated->product) / spread_x : 0;
	double		n = (double) control->n;
	double		m = (double) treated->n;
	double		mean_x = (n * control->mean_x + m * treated->mean_x) / (n + m);
	LiftReport	plain;

	lift_welch(lift, &plain);
	report_arms(lift,
				control->mean - theta * (control->mean_x - mean_x),
				treated->mean - theta * (treated->mean_x - mean_x),
				control->spread - theta * (2 * control->product - theta * control->spread_x),
				treated->spread - theta * (2 * treated->product - theta * treated->spread_x),
				report);
	if (plain.standard_error > 0)
		report->variance_kept = report->standard_error / plain.standard_error *
			(report->standard_error / plain.standard_error);
}

/* A ratio's own sum of squares, per denominator; NaN where that is weak */
static double
ratio_spread(const LiftArm *arm, double ratio)
{
	double		n = (double) arm->n;
	double		error = sqrt(above_zero(arm->spread_x) / (n - 1) / n);

	if (!(fabs(arm->mean_x) > WEAK * error))
		return NAN;
	return (arm->spread - ratio * (2 * arm->product - ratio * arm->spread_x)) /
		(arm->mean_x * arm->mean_x);
}

void
lift_ratio(const Lift *lift, LiftReport *report)
{
	double		control = lift->control.mean_x != 0 ?
		lift->control.mean / lift->control.mean_x : NAN;
	double		treated = lift->treated.mean_x != 0 ?
		lift->treated.mean / lift->treated.mean_x : NAN;

	report_arms(lift, control, treated, ratio_spread(&lift->control, control),
				ratio_spread(&lift->treated, treated), report);
}

/* Regression */

typedef struct ArmFit
{
	double		mean;			/* of the outcome where covariates have their mean */
	double		variance;		/* of that, HC2 */
	double		plain;			/* variance of the plain mean */
	size_t		n;
	size_t		kept;			/* covariates */
} ArmFit;

static double
dot(const double *a, const double *b, size_t n)
{
	double		sum = 0;
	size_t		i;

	for (i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/*
 * Least squares in an arm.  q is room for k x n numbers, whose rows become
 * orthonormal (modified Gram-Schmidt, twice over) and orthogonal to 1; what a
 * row weighs in the fitted mean is 1 / n - sum of u[j] q[j][row], where u
 * solves R' u = how far the arm's covariates are from those of all.
 */
static bool
fit_arm(const double *rows, size_t n_rows, size_t k, bool treated,
		const double *means, double *q, double *y, double *u, const Memory *memory, ArmFit *fit)
{
	size_t		n = fit->n;
	double		mean = 0;
	size_t		kept = 0;
	size_t		i;
	size_t		j;
	size_t		c;
	size_t		at = 0;

	for (i = 0; i < n_rows; i++)
		if ((rows[i * (k + 2)] != 0) == treated)
			y[at++] = rows[i * (k + 2) + 1];
	for (i = 0; i < n; i++)
		mean += (y[i] - mean) / (double) (i + 1);
	for (c = 0; c < k; c++)
	{
		double	   *column = q + kept * n;
		double		mean_x = 0;
		double		away;
		double		length;
		double		left;
		int			pass;

		if (!memory->may_go_on(memory->arg))
			return false;
		for (i = 0, at = 0; i < n_rows; i++)
			if ((rows[i * (k + 2)] != 0) == treated)
				column[at++] = rows[i * (k + 2) + 2 + c];
		for (i = 0; i < n; i++)
			mean_x += (column[i] - mean_x) / (double) (i + 1);
		for (i = 0; i < n; i++)
			column[i] -= mean_x;
		away = mean_x - means[c];
		length = sqrt(dot(column, column, n));
		for (pass = 0; pass < 2; pass++)
			for (j = 0; j < kept; j++)
			{
				double		along = dot(column, q + j * n, n);

				/* The same step on the distance that the column's mean has. */
				away -= along * u[j];
				for (i = 0; i < n; i++)
					column[i] -= along * q[j * n + i];
			}
		left = sqrt(dot(column, column, n));
		if (!(left > DEPENDENT * length) || left <= fabs(mean_x) * 1e-14 * sqrt((double) n))
			continue;
		for (i = 0; i < n; i++)
			column[i] /= left;
		u[kept++] = away / left;
	}

	fit->kept = kept;
	fit->mean = mean;
	fit->variance = fit->plain = 0;
	for (j = 0; j < kept; j++)
		fit->mean -= u[j] * dot(q + j * n, y, n);
	for (i = 0; i < n; i++)
		y[i] -= mean;
	fit->plain = dot(y, y, n) / ((double) n - 1) / (double) n;
	for (j = 0; j < kept; j++)
	{
		double		along = dot(q + j * n, y, n);

		for (i = 0; i < n; i++)
			y[i] -= along * q[j * n + i];
	}
	for (i = 0; i < n; i++)
	{
		double		weight = 1 / (double) n;
		double		leverage = 1 / (double) n;

		for (j = 0; j < kept; j++)
		{
			weight -= u[j] * q[j * n + i];
			leverage += q[j * n + i] * q[j * n + i];
		}
		weight *= y[i];
		/* A row that a covariate is spent on alone says nothing of its error. */
		fit->variance += leverage < 1 - 1e-9 ? weight * weight / (1 - leverage) : NAN;
	}
	return true;
}

bool
lift_regression(const double *rows, size_t n, size_t k, const Memory *memory, LiftReport *report)
{
	ArmFit		arms[2];
	double	   *means = memory_zero_array(memory, k + 1, sizeof(double));
	double	   *u = memory_array(memory, k + 1, sizeof(double));
	double	   *q;
	double	   *y;
	size_t		larger;
	size_t		i;
	size_t		c;
	bool		done = false;

	memset(arms, 0, sizeof(arms));
	for (i = 0; i < n; i++)
		arms[rows[i * (k + 2)] != 0].n++;
	larger = arms[0].n > arms[1].n ? arms[0].n : arms[1].n;
	y = memory_array(memory, larger + 1, sizeof(double));
	q = memory_array(memory, (larger + 1) * (k + 1), sizeof(double));
	if (means != NULL && u != NULL && q != NULL && y != NULL)
	{
		for (i = 0; i < n; i++)
			for (c = 0; c < k; c++)
				means[c] += (rows[i * (k + 2) + 2 + c] - means[c]) / (double) (i + 1);
		done = fit_arm(rows, n, k, false, means, q, y, u, memory, &arms[0]) &&
			fit_arm(rows, n, k, true, means, q, y, u, memory, &arms[1]);
	}
	memory_release(memory, means);
	memory_release(memory, u);
	memory_release(memory, q);
	memory_release(memory, y);
	if (!done)
		return false;

	memset(report, 0, sizeof(*report));
	report->control_n = (int64_t) arms[0].n;
	report->treated_n = (int64_t) arms[1].n;
	report->control_mean = arms[0].n > 0 ? arms[0].mean : NAN;
	report->treated_mean = arms[1].n > 0 ? arms[1].mean : NAN;
	for (i = 0; i < 2; i++)
		if (arms[i].n < arms[i].kept + 2)
			arms[i].variance = NAN;
	report->standard_error = sqrt(arms[0].variance + arms[1].variance);
	report->degrees = report->standard_error > 0 ?
		(double) n - (double) (arms[0].kept + arms[1].kept + 2) : NAN;
	report->variance_kept = (arms[0].variance + arms[1].variance) / (arms[0].plain + arms[1].plain);
	lift_intervals(report, sqrt(arms[0].variance), sqrt(arms[1].variance));
	return true;
}

/* Sentences */

void
lift_reading(const LiftReport *report, char reading[LIFT_READING])
{
	char		relative[64] = "";

	if (report->control_n == 0 || report->treated_n == 0)
		snprintf(reading, LIFT_READING, "There is nothing to compare: no %s customer.",
				 report->control_n == 0 ? "control" : "treated");
	else if (isnan(report->difference))
		snprintf(reading, LIFT_READING, "There is nothing to compare: a mean is not defined.");
	else if (isnan(report->lower))
		snprintf(reading, LIFT_READING,
				 "The difference is %.4g, but too little is known to say how certain it is.",
				 report->difference);
	else
	{
		if (isfinite(report->relative))
			snprintf(relative, sizeof(relative), " (%+.3g %%)", 100 * report->relative);
		if (report->lower > 0 || report->upper < 0)
			snprintf(reading, LIFT_READING,
					 "The treatment changed the mean by %+.4g%s; with 95 %% confidence by %.4g to %.4g.",
					 report->difference, relative, report->lower, report->upper);
		else
			snprintf(reading, LIFT_READING,
					 "No effect is shown: the difference is %+.4g%s, but its 95 %% interval, %.4g to %.4g, includes zero; "
					 "the smallest effect that this test could see was %.4g.",
					 report->difference, relative, report->lower, report->upper, report->smallest);
	}
}

/* Planning */

void
lift_sample_size(double difference, double deviation, double power, double alpha,
				 double share, double correlation, double *treated, double *control)
{
	double		z = special_normal_quantile(1 - alpha / 2) + special_normal_quantile(power);
	double		size = z * deviation / difference;
	double		customers;

	customers = size * size * (1 - correlation * correlation) * (1 / share + 1 / (1 - share));
	*treated = ceil(customers * share);
	*control = ceil(customers * (1 - share));
}

double
lift_smallest(double treated, double control, double deviation, double power,
			  double alpha, double correlation)
{
	double		z = special_normal_quantile(1 - alpha / 2) + special_normal_quantile(power);

	return z * deviation * sqrt((1 - correlation * correlation) * (1 / treated + 1 / control));
}

void
lift_holm(double *p, uint32_t *order, uint32_t n)
{
	uint32_t	known = 0;
	uint32_t	i;
	uint32_t	j;
	double		least = 0;

	/* There are a few metrics, so insertion will do. */
	for (i = 0; i < n; i++)
	{
		if (isnan(p[i]))
			continue;
		for (j = known++; j > 0 && p[order[j - 1]] > p[i]; j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
	for (i = 0; i < known; i++)
	{
		double		adjusted = p[order[i]] * (double) (known - i);

		least = fmax(least, fmin(adjusted, 1));
		p[order[i]] = least;
	}
}
