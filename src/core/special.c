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

double
special_normal(double z)
{
	return 0.5 * erfc(-z * M_SQRT1_2);
}

/*
 * Newton's method on the lower tail, from the rational approximation of
 * Abramowitz and Stegun 26.2.23, whose error is below 4.5e-4.
 */
double
special_normal_quantile(double p)
{
	double		tail = p < 0.5 ? p : 1 - p;
	double		t = sqrt(-2 * log(tail));
	double		z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
		(1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
	int			i;

	for (i = 0; i < 4; i++)
	{
		/* Halley's step: the curvature of the tail is z times its slope. */
		double		error = (0.5 * erfc(z * M_SQRT1_2) - tail) *
			sqrt(2 * M_PI) * exp(0.5 * z * z);

		z += error / (1 - 0.5 * z * error);
	}
	return p < 0.5 ? -z : z;
}

/* Gamma(a + 1/2) / Gamma(a), which differences of logarithms lose for large a */
static double
gamma_step(double a)
{
	double		factor = 1;

	/* Series of the ratio in 1/a, after moving up to where it holds. */
	while (a < 40)
	{
		factor *= a / (a + 0.5);
		a++;
	}
	return factor * sqrt(a) * (1 + (-1 / 8.0 + (1 / 128.0 + (5 / 1024.0 + (-21 / 32768.0 +
			(-399 / 262144.0 + (869 / 4194304.0 + 39325 / 33554432.0 / a) / a) / a) / a) / a) / a) / a);
}

/* The continued fraction of the incomplete beta function (Lentz's method) */
static double
beta_fraction(double x, double a, double b)
{
	const double tiny = 1e-300;
	double		c = 1;
	double		d = 1 - (a + b) * x / (a + 1);
	double		fraction;
	int			m;

	if (fabs(d) < tiny)
		d = tiny;
	d = 1 / d;
	fraction = d;
	for (m = 1; m < 1000000; m++)
	{
		double		two = 2.0 * m;
		double		step;
		double		term = m * (b - m) * x / ((a + two - 1) * (a + two));

		d = 1 + term * d;
		c = 1 + term / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		fraction *= d * c;

		term = -(a + m) * (a + b + m) * x / ((a + two) * (a + two + 1));
		d = 1 + term * d;
		c = 1 + term / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		step = d * c;
		fraction *= step;
		if (fabs(step - 1) < 1e-16)
			break;
	}
	return fraction;
}

double
special_student_tails(double t, double df)
{
	double		a = df / 2;
	double		odds = t / df * t;
	double		x = 1 / (1 + odds);
	double		front;

	if (t == 0)
		return 1;
	if (!isfinite(df) || !isfinite(odds))
		return isinf(df) ? erfc(fabs(t) * M_SQRT1_2) : 0;

	/*
	 * Where x is all but 1, the normal z of the same tails (Hill, algorithm
	 * 395, Communications of the ACM 13, 1970).
	 */
	if (df > 1000)
	{
		double		shift = df - 0.5;
		double		b = 48 * shift * shift;
		double		square = shift * log1p(odds);
		double		z = (((((-0.4 * square - 3.3) * square - 24) * square - 85.5) /
						  (0.8 * square * square + 100 + b) + square + 3) / b + 1) * sqrt(square);

		return erfc(z * M_SQRT1_2);
	}

	/* x^a (1 - x)^(1/2) / Beta(a, 1/2) */
	front = exp(-a * log1p(odds)) * sqrt(odds * x) * gamma_step(a) / sqrt(M_PI);
	if (x < (a + 1) / (a + 2.5))
		return front * beta_fraction(x, a, 0.5) / a;
	return 1 - front * beta_fraction(odds * x, 0.5, a) / 0.5;
}

/*
 * Newton's method on the logarithm of the tails, which is concave in that of t
 * for large t, kept inside a bracket that is halved where a step leaves it.
 */
double
special_student_quantile(double p, double df)
{
	double		low = 0;
	double		high = 1;
	double		t;
	int			i;

	if (p >= 1)
		return 0;
	if (isinf(df))
		return -special_normal_quantile(p / 2);
	while (special_student_tails(high, df) > p)
	{
		low = high;
		high *= 2;
		if (!isfinite(high))
			return high;
	}
	t = 0.5 * (low + high);
	for (i = 0; i < 200; i++)
	{
		double		tails = special_student_tails(t, df);
		double		slope = 2 * gamma_step(df / 2) / sqrt(M_PI * df) *
			exp(-0.5 * (df + 1) * log1p(t / df * t));
		double		next;

		if (tails > p)
			low = t;
		else
			high = t;
		next = t + tails * log(tails / p) / slope;
		if (!(next > low && next < high))
			next = 0.5 * (low + high);
		if (fabs(next - t) <= 1e-16 * t)
			break;
		t = next;
	}
	return t;
}
