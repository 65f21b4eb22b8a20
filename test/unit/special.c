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

int
main(void)
{
	test_log_gamma();
	test_digamma();
	test_trigamma();
	return check_report();
}
