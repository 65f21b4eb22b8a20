/*-------------------------------------------------------------------------
 *
 * lifetime.h
 *	  What customers will still buy: BG/NBD and Gamma-Gamma.
 *
 * BG/NBD (Fader, Hardie, Lee, Marketing Science 24, 2005) says of a customer:
 * while alive they buy at a rate of their own, after each purchase they leave
 * for good with a chance of their own; the rates of all customers are spread
 * as Gamma(r, rate alpha), the chances as Beta(a, b).  Of a customer it needs
 * the frequency (purchases after the first), the recency (time from the first
 * to the last purchase) and t (time from the first purchase to now), in any
 * unit of time, which is then the unit of the fit.
 *
 * Gamma-Gamma (Fader, Hardie, "The Gamma-Gamma Model of Monetary Value", 2013)
 * says: an amount is spread as Gamma(p, rate nu) around the customer's own
 * mean, and nu over the customers as Gamma(q, rate v).  It needs the frequency
 * and the mean amount of the purchases after the first.
 *
 * Customers with the same figures are kept once, with a count
 * (LifetimeCustomers).  The aggregates collect them in any order; sorted, they
 * are the same list whatever the order was, and so is every sum over it.
 * lifetime_fit() makes a LifetimeFit of the list, which is a value: text and
 * bytes and back, and the predictions for one customer.
 *
 * Plain C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_LIFETIME_H
#define PROMO_LIFETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"

typedef enum LifetimeModel
{
	LIFETIME_BGNBD,
	LIFETIME_GAMMA_GAMMA
} LifetimeModel;

/* Places of the parameters in a fit and in the arrays below */
enum
{
	LIFETIME_R, LIFETIME_ALPHA, LIFETIME_A, LIFETIME_B	/* BG/NBD */
};
enum
{
	LIFETIME_P, LIFETIME_Q, LIFETIME_V	/* Gamma-Gamma */
};

#define LIFETIME_PARAMETERS 4

/* Customers whose figures are the same */
typedef struct LifetimeCustomers
{
	double		t;				/* 0 for Gamma-Gamma */
	double		value;			/* recency; mean amount for Gamma-Gamma */
	uint32_t	frequency;
	uint32_t	count;
} LifetimeCustomers;

/* What is not known, as of a fit that was typed in, is NaN, or -1. */
typedef struct LifetimeFit
{
	LifetimeModel model;
	double		value[LIFETIME_PARAMETERS];
	double		standard_error[LIFETIME_PARAMETERS];
	double		log_likelihood;
	int64_t		customers;
	int32_t		iterations;		/* Newton steps that ended there */
	double		gradient;		/* largest derivative of the log likelihood by
								 * the logarithm of a parameter */
} LifetimeFit;

typedef enum LifetimeStatus
{
	LIFETIME_FITTED,
	LIFETIME_TOO_FEW,			/* no customers, or one */
	LIFETIME_NO_REPEAT,			/* nobody bought twice */
	LIFETIME_NOT_CONVERGED,		/* the fit holds where it got to */
	LIFETIME_STOPPED			/* told to stop, or out of memory */
} LifetimeStatus;

/* How the likelihood has no maximum: where it still rises as one grows or goes */
typedef struct LifetimeLimit
{
	int			parameter;		/* -1: there is none, it was only given up */
	bool		to_infinity;	/* else to 0 */
} LifetimeLimit;

/* Room for the faults of one value, a sentence each; starts as {0}. */
typedef struct LifetimeFaults
{
	size_t		used;
	char		text[600];
} LifetimeFaults;

/* What a model is: how many parameters, and what they are called. */
extern int	lifetime_parameter_count(LifetimeModel model);
extern const char *lifetime_parameter_name(LifetimeModel model, int parameter);

/*
 * What a model cannot take is added to the faults, which start out as {0}: a
 * frequency that is not whole or not in 0 .. 2^32 - 1; a recency that is not
 * in 0 .. t, or not 0 though the frequency is; a mean amount that is not
 * positive though there are purchases to take it of; a horizon or a discount
 * rate below 0; and all that is not finite.
 */
extern void lifetime_check_frequency(double frequency, LifetimeFaults *faults);
extern void lifetime_check_times(double frequency, double recency, double t,
								 LifetimeFaults *faults);
extern void lifetime_check_monetary(double frequency, double monetary,
									LifetimeFaults *faults);
extern void lifetime_check_ahead(double horizon, double rate, LifetimeFaults *faults);

/*
 * Sorts the customers, of which the first `sorted` are so already, and counts
 * equal ones together.  Gives the number that is left; fails (false) without
 * memory for a copy of the list, or when told to stop.
 */
extern bool lifetime_compact(const Memory *memory, LifetimeCustomers *customers,
							 size_t sorted, size_t *used);

/*
 * The log likelihood of the parameters, its gradient and the upper triangle
 * and diagonal of its matrix of second derivatives, over compacted customers.
 * False when told to stop.
 */
extern bool lifetime_likelihood(const Memory *memory, LifetimeModel model,
								const LifetimeCustomers *customers, size_t used,
								const double *value, double *log_likelihood,
								double *gradient,
								double hessian[LIFETIME_PARAMETERS][LIFETIME_PARAMETERS]);

/*
 * Maximum likelihood: Newton's method on the logarithms of the parameters,
 * from several starts, with standard errors from the second derivatives at
 * the maximum.  The customers are compacted.  limit is set with
 * LIFETIME_NOT_CONVERGED.
 */
extern LifetimeStatus lifetime_fit(const Memory *memory, LifetimeModel model,
								   const LifetimeCustomers *customers, size_t used,
								   LifetimeFit *fit, LifetimeLimit *limit);

/*
 * Predictions of a BG/NBD fit for a customer whose figures passed the
 * checks above.  The chance that they have not left (Fader, Hardie, "Computing
 * P(alive) Using the BG/NBD Model", 2008); the purchases expected of them over
 * the horizon from now; the same with each purchase discounted by (1 + rate)
 * to the power of the time until it.  Horizon and rate are finite, not
 * negative.
 */
extern double lifetime_alive(const LifetimeFit *fit, double frequency,
							 double recency, double t);
extern double lifetime_purchases(const LifetimeFit *fit, double horizon,
								 double frequency, double recency, double t);
extern double lifetime_discounted(const LifetimeFit *fit, double horizon,
								  double rate, double frequency,
								  double recency, double t);

/*
 * The mean amount expected of a customer whose figures passed.
 * False when it is infinite, as it is for small q.
 */
extern bool lifetime_spend(const LifetimeFit *fit, double frequency,
						   double monetary, double *spend);

/*
 * The readable form, `version=1 r=0.24 alpha=4.41 a=0.79 b=2.43 se_r=...`, in
 * which all but the parameters may be missing, and the form in bytes.  Both
 * carry the version of the format, and give back the same bits.  Readers say
 * what is wrong in faults.  Text takes at most LIFETIME_TEXT bytes with its
 * end, bytes at most LIFETIME_BYTES.
 */
#define LIFETIME_TEXT 640
#define LIFETIME_BYTES 98
extern void lifetime_write_text(const LifetimeFit *fit, char *text);
extern bool lifetime_read_text(LifetimeModel model, const char *text,
							   LifetimeFit *fit, LifetimeFaults *faults);
extern size_t lifetime_write_bytes(const LifetimeFit *fit, unsigned char *bytes);
extern bool lifetime_read_bytes(LifetimeModel model, const void *bytes, size_t size,
								LifetimeFit *fit, LifetimeFaults *faults);

/*
 * Compacted customers as bytes, for states that travel.  The writer gives the
 * end of what it wrote, at most LIFETIME_STATE_HEAD and
 * LIFETIME_STATE_CUSTOMERS for each; the reader, which checks each customer as
 * the aggregates do, sets *customers to memory of its own.
 */
#define LIFETIME_STATE_HEAD 12
#define LIFETIME_STATE_CUSTOMERS 26
extern unsigned char *lifetime_write_state(LifetimeModel model,
										   const LifetimeCustomers *customers,
										   size_t used, unsigned char *bytes);
extern bool lifetime_read_state(const Memory *memory, const void *bytes, size_t size,
								LifetimeModel *model, LifetimeCustomers **customers,
								size_t *used, LifetimeFaults *faults);

#endif							/* PROMO_LIFETIME_H */
