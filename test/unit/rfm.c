/*-------------------------------------------------------------------------
 *
 * rfm.c
 *	  Scores by rank, and the names of their cells.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "behavior/rfm.h"
#include "check.h"

/*
 * 2,357 customers of whom 1,218 are equal at the bottom: the sizes that CDNOW's
 * frequencies have under this rule, 1218, 0, 403, 358, 378.
 */
static void
test_rank_score(void)
{
	CHECK(rank_score(0, 2357, 5) == 1);
	CHECK(rank_score(1218, 2357, 5) == 3);
	CHECK(rank_score(1218 + 403, 2357, 5) == 4);
	CHECK(rank_score(1218 + 403 + 358, 2357, 5) == 5);
	CHECK(rank_score(2356, 2357, 5) == 5);
	CHECK(rank_score(0, 1, 5) == 1);
	CHECK(rank_score(UINT32_MAX - 1, UINT32_MAX, INT32_MAX) == INT32_MAX);
}

static void
test_below(void)
{
	static const double values[] = {-INFINITY, 1, 1, 1, 2, 5, INFINITY};

	CHECK(values_below(values, 7, -INFINITY) == 0);
	CHECK(values_below(values, 7, 1) == 1);
	CHECK(values_below(values, 7, 1.5) == 4);
	CHECK(values_below(values, 7, INFINITY) == 6);
	CHECK(values_below(values, 5, 9) == 5);
	CHECK(values_below(values, 0, 9) == 0);
}

static void
test_customer(void)
{
	RfmCustomer customer;

	rfm_customer_start(&customer);
	rfm_customer_add(&customer, 10, -5);
	CHECK(!customer.bought);
	rfm_customer_add(&customer, 11, 20);
	rfm_customer_add(&customer, 11, 0);
	rfm_customer_add(&customer, 12, -5);
	rfm_customer_add(&customer, 15, 1);
	CHECK(customer.bought && customer.last_day == 15 && customer.frequency == 1);
	CHECK(customer.monetary == 11);
}

static void
test_segments(void)
{
	static const int32_t of_ten[] = {1, 1, 2, 2, 3, 3, 4, 4, 5, 5};
	int32_t		scores;
	int32_t		r;
	int32_t		f;
	int32_t		m;
	int			cells[11] = {0};
	static const char *const names[] = {
		"champions", "loyal", "potential loyal", "new", "promising", "need attention",
		"about to sleep", "cannot lose", "at risk", "hibernating", "lost"
	};
	int			i;
	int			named = 0;
	bool		ends = true;
	bool		rising = true;

	for (i = 0; i < 10; i++)
		CHECK(rfm_of_five(i + 1, 10) == of_ten[i]);
	for (scores = 2; scores <= RFM_SCORES; scores++)
	{
		ends = ends && rfm_of_five(1, scores) == 1 && rfm_of_five(scores, scores) == 5;
		for (r = 2; r <= scores; r++)
			rising = rising && rfm_of_five(r - 1, scores) <= rfm_of_five(r, scores);
	}
	CHECK(ends && rising);
	for (r = 1; r <= 5; r++)
		CHECK(rfm_of_five(r, 5) == r);
	CHECK(rfm_of_five(1, 1) == 3);

	/* Each of the 125 cells has one of the eleven names, each name a cell. */
	for (r = 1; r <= 5; r++)
		for (f = 1; f <= 5; f++)
			for (m = 1; m <= 5; m++)
				for (i = 0; i < 11; i++)
					if (strcmp(rfm_segment(r, f, m, 5), names[i]) == 0)
					{
						cells[i]++;
						named++;
					}
	CHECK(named == 125);
	for (i = 0; i < 11; i++)
		CHECK(cells[i] > 0);
	CHECK(strcmp(rfm_segment(5, 5, 5, 5), "champions") == 0);
	CHECK(strcmp(rfm_segment(10, 10, 10, 10), "champions") == 0);
	CHECK(strcmp(rfm_segment(5, 1, 5, 5), "new") == 0);
	CHECK(strcmp(rfm_segment(1, 5, 4, 5), "cannot lose") == 0);
	CHECK(strcmp(rfm_segment(1, 1, 1, 5), "lost") == 0);
}

int
main(void)
{
	test_rank_score();
	test_below();
	test_customer();
	test_segments();
	return check_report();
}
