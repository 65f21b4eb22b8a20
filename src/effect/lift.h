/*-------------------------------------------------------------------------
 *
 * lift.h
 *	  What a treatment changed: the difference between customers who were
 *	  treated and customers who were left alone, both drawn at random.
 *
 * Plain C.  Sums come row by row, in any order and in parts that are merged;
 * reports are made of them:
 *
 *		rows ─ lift_add ─▶ Lift ─┬─ lift_welch ──▶ LiftReport ─ lift_reading ─▶ a sentence
 *		        lift_merge ─▶    ├─ lift_cuped ──▶
 *		                         └─ lift_ratio ──▶
 *		rows with several covariates ─ lift_regression ─▶
 *
 * A row is one customer: who was randomized is who is counted.  All intervals
 * are of 95 percent and two-sided, by Student's t with the degrees of freedom
 * of Welch and Satterthwaite (Welch, Biometrika 34, 1947).
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_LIFT_H
#define PROMO_LIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"

/* Sums over the customers of an arm, about their means */
typedef struct LiftArm
{
	int64_t		n;
	double		mean;			/* of the outcome */
	double		mean_x;			/* of the covariate, or a ratio's denominator */
	double		spread;			/* squares of outcome minus mean */
	double		spread_x;
	double		product;		/* of both */
} LiftArm;

typedef struct Lift
{
	LiftArm		control;
	LiftArm		treated;
} Lift;

/* What is not defined is NaN. */
typedef struct LiftReport
{
	int64_t		treated_n;
	int64_t		control_n;
	double		treated_mean;	/* adjusted by the covariates, where there are */
	double		control_mean;
	double		difference;
	double		standard_error;
	double		lower;
	double		upper;
	double		p_value;
	double		relative;		/* difference over the mean of control */
	double		relative_lower;
	double		relative_upper;
	double		smallest;		/* difference that would be seen 4 times in 5 */
	double		degrees;		/* of freedom */
	double		variance_kept;	/* of the difference's, by the covariates; NaN without */
} LiftReport;

/* Takes a customer in; both numbers are finite. */
extern void lift_add(Lift *lift, bool treated, double outcome, double covariate);

/* The same without covariate */
extern void lift_add_outcome(Lift *lift, bool treated, double outcome);

/* Joins the sums of other customers (Chan, Golub, LeVeque, 1979). */
extern void lift_merge(Lift *lift, const Lift *other);

/* Whether these can be sums of customers: a caller may have made them up. */
extern bool lift_valid(const Lift *lift);

/* The difference of means, by Welch */
extern void lift_welch(const Lift *lift, LiftReport *report);

/*
 * The difference of means of outcome - theta (covariate - its mean), where
 * theta is the slope of the outcome on the covariate within arms: CUPED (Deng,
 * Xu, Kohavi, Walker, WSDM 2013).  The covariate is of before the treatment.
 */
extern void lift_cuped(const Lift *lift, LiftReport *report);

/*
 * The difference of sum of outcomes over sum of denominators, such as revenue
 * per order where customers were randomized: the variance of a ratio by the
 * delta method (note on effect, 1.2).  No interval where a denominator's mean
 * is within 4 standard errors of 0.
 */
extern void lift_ratio(const Lift *lift, LiftReport *report);

/*
 * The difference by least squares on n rows of treated, outcome and k
 * covariates, with a slope of each covariate in each arm (Lin, Annals of
 * Applied Statistics 7, 2013), and its standard error by HC2, which holds
 * where arms differ in variance (MacKinnon, White, 1985).  Covariates that
 * depend on those before them in an arm are left out there.  rows is
 * n x (2 + k), row by row.  False when memory or leave is missing.
 */
extern bool lift_regression(const double *rows, size_t n, size_t k,
							const Memory *memory, LiftReport *report);

/* Fills what follows of means, standard error and degrees of freedom */
extern void lift_intervals(LiftReport *report, double control_error, double treated_error);

/*
 * The interval of a report at another confidence, 0 < confidence < 1, of the
 * difference.
 */
extern void lift_interval(double difference, double standard_error, double degrees,
						  double confidence, double *lower, double *upper);

/* Room for a sentence */
#define LIFT_READING 400

/* What a report says, in a plain sentence */
extern void lift_reading(const LiftReport *report, char reading[LIFT_READING]);

/*
 * Customers that show a difference with the given power (Student's t taken as
 * normal): (z(1 - alpha / 2) + z(power))^2 deviation^2 (1 - correlation^2)
 * (1 / share + 1 / (1 - share)) / difference^2, cut by shares and rounded up.
 * All arguments are checked: deviation > 0, difference not 0, power and alpha
 * within (0, 1), share within (0, 1), |correlation| < 1.
 */
extern void lift_sample_size(double difference, double deviation, double power, double alpha,
							 double share, double correlation,
							 double *treated, double *control);

/* The least difference that so many customers show, by the same formula */
extern double lift_smallest(double treated, double control, double deviation, double power,
							double alpha, double correlation);

/*
 * Adjusts n p-values (NaN ones stay) so that each below alpha may be believed
 * though there are n: Holm (Scandinavian Journal of Statistics 6, 1979).
 * order is room for n numbers.
 */
extern void lift_holm(double *p, uint32_t *order, uint32_t n);

#endif							/* PROMO_LIFT_H */
