/*-------------------------------------------------------------------------
 *
 * special.c
 *	  Functions of mathematics that the C library does not have.
 *
 *-------------------------------------------------------------------------
 */
#define _DEFAULT_SOURCE			/* lgamma_r */

#include <math.h>

#include "core/special.h"

/* From here the first omitted term of either series is below 1e-17. */
#define SERIES_FROM 12.0

double
special_log_gamma(double x)
{
	int			sign;

	return lgamma_r(x, &sign);
}

/* c[0] + c[1] x + ... of the seven coefficients, by Horner's rule */
static double
polynomial(const double *c, double x)
{
	double		sum = 0;
	int			i;

	for (i = 6; i >= 0; i--)
		sum = sum * x + c[i];
	return sum;
}

double
special_digamma(double x)
{
	/* Bernoulli's numbers: B(2n) / 2n */
	static const double series[7] = {1 / 12.0, -1 / 120.0, 1 / 252.0, -1 / 240.0,
	1 / 132.0, -691 / 32760.0, 1 / 12.0};
	double		sum = 0;
	double		square;

	while (x < SERIES_FROM)
	{
		sum -= 1 / x;
		x++;
	}
	square = 1 / (x * x);
	return sum + (log(x) - 0.5 / x - square * polynomial(series, square));
}

double
special_trigamma(double x)
{
	/* Bernoulli's numbers: B(2n) */
	static const double series[7] = {1 / 6.0, -1 / 30.0, 1 / 42.0, -1 / 30.0,
	5 / 66.0, -691 / 2730.0, 7 / 6.0};
	double		sum = 0;
	double		square;

	while (x < SERIES_FROM)
	{
		sum += 1 / (x * x);
		x++;
	}
	square = 1 / (x * x);
	return sum + (1 / x + 0.5 * square + square / x * polynomial(series, square));
}

/*
 * Both go on until a term changes nothing.  Around x = a they need some
 * multiple of sqrt(a) terms, and the bound only ends what is no number.
 */
#define GAMMA_TERMS 10000000

/* 1 - Q(a, x) by powers of x */
static double
gamma_lower_series(double a, double x)
{
	double		term = 1 / a;
	double		sum = term;
	int			i;

	for (i = 1; i < GAMMA_TERMS && fabs(term) > fabs(sum) * 1e-17; i++)
	{
		term *= x / (a + i);
		sum += term;
	}
	return sum * exp(a * log(x) - x - special_log_gamma(a));
}

/* Q(a, x) by the continued fraction, with Lentz's recurrence */
static double
gamma_upper_fraction(double a, double x)
{
	double		b = x + 1 - a;
	double		c = 1e300;
	double		d = 1 / b;
	double		value = d;
	int			i;

	for (i = 1; i < GAMMA_TERMS; i++)
	{
		double		n = -i * (i - a);
		double		step;

		b += 2;
		d = 1 / (n * d + b);
		c = b + n / c;
		step = c * d;
		value *= step;
		if (fabs(step - 1) < 1e-16)
			break;
	}
	return value * exp(a * log(x) - x - special_log_gamma(a));
}

double
special_gamma_upper(double a, double x)
{
	if (!(a > 0) || !(x >= 0))
		return NAN;
	if (x == 0)
		return 1;
	if (isinf(x))
		return 0;
	return x < a + 1 ? 1 - gamma_lower_series(a, x) : gamma_upper_fraction(a, x);
}
