/*-------------------------------------------------------------------------
 *
 * assign.c
 *	  Arms of experiments: shares, independence, and that nothing moves.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "core/hash.h"
#include "segment/assign.h"

#define CUSTOMERS 100000

static double
draw(const char *salt, AssignDraw what, int customer)
{
	char		key[20];

	sprintf(key, "c%d", customer);
	return assign_fraction(salt, strlen(salt), what, key, strlen(key));
}

/* Boundaries of the arms, and what rounding leaves */
static void
test_arms(void)
{
	static const double shares[3] = {0.2, 0.3, 0.5};
	static const double thirds[3] = {1, 1, 1};

	CHECK(assign_arm(0, shares, 3) == 0);
	CHECK(assign_arm(0.1999999, shares, 3) == 0);
	CHECK(assign_arm(0.2, shares, 3) == 1);
	CHECK(assign_arm(0.4999999, shares, 3) == 1);
	CHECK(assign_arm(0.5, shares, 3) == 2);
	CHECK(assign_arm(1 - 0x1p-53, shares, 3) == 2);
	CHECK(assign_arm(0.34, thirds, 3) == 1);
	CHECK(assign_arm(1 - 0x1p-53, thirds, 3) == 2);
	CHECK(assign_arm(0.7, thirds, 1) == 0);
}

/* As the header says it is made: the hash of the id under the salt's key */
static void
test_made_of(void)
{
	uint64_t	key0 = hash_keyed("spring", 6, 1, 0);
	uint64_t	key1 = hash_keyed("spring", 6, 1, 1);

	CHECK(draw("spring", ASSIGN_ARM, 7) ==
		  ldexp((double) (hash_keyed("c7", 2, key0, key1) >> 11), -53));
	/* These never change: shops have assigned their customers by them. */
	CHECK(draw("spring", ASSIGN_ARM, 7) == 0x1.5b052fd33c156p-1);
}

/* How far the counts of ten equal parts are from even: chi-square, 9 degrees */
static double
unevenness(const int *counts, double expected, int count)
{
	double		sum = 0;
	int			i;

	for (i = 0; i < count; i++)
		sum += (counts[i] - expected) * (counts[i] - expected) / expected;
	return sum;
}

static void
test_even_and_independent(void)
{
	static int	even[10];
	static int	exposure[100];
	static int	other[100];
	bool		inside = true;
	double		fraction;
	int			arm;
	int			i;

	for (i = 0; i < CUSTOMERS; i++)
	{
		fraction = draw("spring", ASSIGN_ARM, i);
		inside &= fraction >= 0 && fraction < 1;
		arm = (int) (fraction * 10);
		even[arm]++;
		exposure[arm * 10 + (int) (draw("spring", ASSIGN_EXPOSURE, i) * 10)]++;
		other[arm * 10 + (int) (draw("summer", ASSIGN_ARM, i) * 10)]++;
	}
	CHECK(inside);
	/* Quantiles at 0.001 of 9 and 99 degrees of freedom */
	CHECK(unevenness(even, CUSTOMERS / 10.0, 10) < 27.88);
	CHECK(unevenness(exposure, CUSTOMERS / 100.0, 100) < 148.23);
	CHECK(unevenness(other, CUSTOMERS / 100.0, 100) < 148.23);
}

int
main(void)
{
	test_arms();
	test_made_of();
	test_even_and_independent();
	return check_report();
}
