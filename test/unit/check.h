/*-------------------------------------------------------------------------
 *
 * check.h
 *	  The unit tests' few words: CHECK a claim, then report.
 *
 * Each file of test/unit is a program of its own.  It prints a line for each
 * claim that does not hold, and closes with `N passed, N failed`.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_CHECK_H
#define PROMO_CHECK_H

#include <stdio.h>

static int	checks_passed;
static int	checks_failed;

#define CHECK(claim) \
	((claim) ? (void) checks_passed++ : \
	 (checks_failed++, \
	  (void) printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #claim)))

static inline int
check_report(void)
{
	printf("%d passed, %d failed\n", checks_passed, checks_failed);
	return checks_failed > 0 || checks_passed == 0;
}

#endif							/* PROMO_CHECK_H */
