/*-------------------------------------------------------------------------
 *
 * special.c
 *	  Special functions, against published values and identities.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>

#include "check.h"
#include "core/special.h"

#define PI 3.14159265358979323846
#define EULER 0.57721566490153286061

static bool
near(double x, double y)
{
	return fabs(x - y) <= 2e-15 * (1 + fabs(y));
}

/* Gamma(1/2) = sqrt(pi); Gamma(n) = (n - 1)! */
static void
test_log_gamma(void)
{
	CHECK(near(special_log_gamma(0.5), 0.5 * log(PI)));
	CHECK(special_log_gamma(1) == 0 && special_log_gamma(2) == 0);
	CHECK(near(special_log_gamma(11), log(3628800)));
}

/* Abramowitz and Stegun 6.3.2, 6.3.3 and table 6.1 */
static void
test_digamma(void)
{
	double		x;

	CHECK(near(special_digamma(1), -EULER));
	CHECK(near(special_digamma(0.5), -EULER - 2 * log(2)));
	CHECK(near(special_digamma(2), 1 - EULER));
	CHECK(fabs(special_digamma(1.5) - 0.0364899740) < 5e-11);
	CHECK(near(special_digamma(0.25), -EULER - PI / 2 - 3 * log(2)));
	CHECK(near(special_digamma(1e15), log(1e15)));
	CHECK(near(special_digamma(1e-12) * 1e-12, -1 - EULER * 1e-12));

	/* The duplication formula (6.3.8), across the switch to the series. */
	for (x = 0.3; x < 40; x += 0.7)
		CHECK(near(special_digamma(2 * x),
				   0.5 * (special_digamma(x) + special_digamma(x + 0.5)) + log(2)));
}

/* Abramowitz and Stegun 6.4.2, 6.4.4 */
static void
test_trigamma(void)
{
	double		x;

	CHECK(near(special_trigamma(1), PI * PI / 6));
	CHECK(near(special_trigamma(0.5), PI * PI / 2));
	CHECK(near(special_trigamma(2), PI * PI / 6 - 1));
	CHECK(near(special_trigamma(1e9) * 1e9, 1 + 0.5e-9));

	/* The duplication formula (6.4.8) */
	for (x = 0.3; x < 40; x += 0.7)
		CHECK(near(special_trigamma(2 * x),
				   0.25 * (special_trigamma(x) + special_trigamma(x + 0.5))));
}

/*
 * Quantiles of chi-square as tables print them (Abramowitz and Stegun 26.8),
 * and forms that are elementary: exp(-x) for a = 1, erfc for a = 1/2, and a
 * Poisson sum for whole a.
 */
static void
test_gamma_upper(void)
{
	double		x;
	double		term;
	double		sum;
	int			i;

	CHECK(fabs(special_gamma_upper(0.5, 3.8414588 / 2) - 0.05) < 1e-8);
	CHECK(fabs(special_gamma_upper(1, 13.815511 / 2) - 0.001) < 1e-9);
	CHECK(fabs(special_gamma_upper(5, 18.307038 / 2) - 0.05) < 1e-8);
	CHECK(fabs(special_gamma_upper(15, 50.892181 / 2) - 0.01) < 1e-8);
	CHECK(special_gamma_upper(3, 0) == 1 && special_gamma_upper(3, INFINITY) == 0);
	CHECK(isnan(special_gamma_upper(0, 1)) && isnan(special_gamma_upper(1, -1)));
	CHECK(isnan(special_gamma_upper(NAN, 1)) && isnan(special_gamma_upper(1, NAN)));
	for (x = 0.01; x < 60; x *= 1.3)
	{
		CHECK(fabs(special_gamma_upper(1, x) / exp(-x) - 1) < 1e-12);
		CHECK(fabs(special_gamma_upper(0.5, x) / erfc(sqrt(x)) - 1) < 1e-12);
		for (term = sum = exp(-x), i = 1; i < 20; i++)
			sum += term *= x / i;
		CHECK(fabs(special_gamma_upper(20, x) - sum) < 1e-13);
	}
	/* Temme: Q(a, a) = 1/2 - 1 / (3 sqrt(2 pi a)) + O(a^-3/2) */
	CHECK(fabs(special_gamma_upper(10000, 10000) - 0.5 + 1 / (3 * sqrt(2 * PI * 10000))) < 1e-7);
}

/*
 * Closed forms of one and two degrees of freedom, published quantiles, and the
 * quantile of the tails
 */
static void
test_student(void)
{
	static const double degrees[] = {0.7, 1, 2, 3.5, 29, 999, 1001, 1e5, 1e9};
	double		t;
	int			i;

	for (t = 0.001; t < 1000; t *= 3)
	{
		CHECK(fabs(special_student_tails(t, 1) / (2 / PI * atan(1 / t)) - 1) < 1e-13);
		CHECK(fabs(special_student_tails(-t, 2) / (2 / (2 + t * t) / (1 + t / sqrt(2 + t * t))) - 1) < 1e-12);
		CHECK(near(special_student_tails(t, INFINITY), erfc(t / sqrt(2))));
	}
	CHECK(special_student_tails(0, 5) == 1 && special_student_tails(INFINITY, 5) == 0);
	CHECK(fabs(special_student_quantile(0.05, 1) - 12.706204736174694) < 1e-12);
	CHECK(fabs(special_student_quantile(0.05, 2) - 4.302652729749464) < 1e-13);
	CHECK(fabs(special_student_quantile(0.05, 10) - 2.228138852) < 5e-10);
	CHECK(fabs(special_student_quantile(0.01, 30) - 2.749995654) < 5e-10);
	CHECK(special_student_quantile(1, 3) == 0);
	for (i = 0; i < 9; i++)
		for (t = 1e-9; t < 1; t *= 4)
			CHECK(fabs(special_student_tails(special_student_quantile(t, degrees[i]), degrees[i]) / t - 1) < 1e-11);

	/* Hill's expansion meets the continued fraction. */
	for (t = 0.5; t < 8; t += 0.5)
		CHECK(fabs(special_student_tails(t, 1000.0000001) / special_student_tails(t, 1000) - 1) < 1e-9);
}

static void
test_normal(void)
{
	double		p;

	CHECK(near(special_normal_quantile(0.975), 1.959963984540054));
	CHECK(near(special_normal_quantile(0.8), 0.8416212335729143));
	CHECK(special_normal(0) == 0.5 && fabs(special_normal(-1) - 0.15865525393145705) < 1e-16);
	for (p = 1e-12; p < 0.5; p *= 3)
	{
		CHECK(fabs(special_normal(special_normal_quantile(p)) / p - 1) < 1e-13);
		CHECK(fabs(special_normal_quantile(1 - p) + special_normal_quantile(p)) < 1e-4);
	}
}

int
main(void)
{
	test_log_gamma();
	test_digamma();
	test_trigamma();
	test_gamma_upper();
	test_student();
	test_normal();
	return check_report();
}
