/*-------------------------------------------------------------------------
 *
 * rfm.c
 *	  Scores of recency, frequency and monetary value, and names for them.
 *
 *-------------------------------------------------------------------------
 */
#include "behavior/rfm.h"

size_t
values_below(const double *sorted, size_t count, double x)
{
	size_t		low = 0;

	while (count > 0)
	{
		size_t		half = count / 2;

		if (sorted[low + half] < x)
		{
			low += half + 1;
			count -= half + 1;
		}
		else
			count = half;
	}
	return low;
}

void
rfm_customer_start(RfmCustomer *customer)
{
	customer->bought = false;
	customer->last_day = 0;
	customer->frequency = 0;
	customer->monetary = 0;
}

void
rfm_customer_add(RfmCustomer *customer, int64_t day, double amount)
{
	customer->monetary += amount;
	if (amount < 0)
		return;
	if (customer->bought && day != customer->last_day)
		customer->frequency++;
	customer->bought = true;
	customer->last_day = day;
}

int32_t
rfm_of_five(int32_t score, int32_t scores)
{
	int64_t		steps = scores - 1;

	if (steps == 0)
		return 3;
	/* 1 + 4 (score - 1) / steps, rounded, halves up */
	return (int32_t) (1 + (8 * (int64_t) (score - 1) + steps) / (2 * steps));
}

/*
 * The usual map of eleven names over recency and the mean of the two other
 * scores.  Recent customers who bought once are told apart by frequency alone,
 * since one large purchase makes nobody loyal.
 */
const char *
rfm_segment(int32_t r, int32_t f, int32_t m, int32_t scores)
{
	int			value;			/* twice the mean of f and m */

	r = rfm_of_five(r, scores);
	f = rfm_of_five(f, scores);
	m = rfm_of_five(m, scores);
	value = f + m;

	if (r >= 4)
	{
		if (f == 1)
			return r == 5 ? "new" : "promising";
		if (value >= 8)
			return "champions";
		return value >= 6 ? "loyal" : "potential loyal";
	}
	if (r == 3)
	{
		if (value >= 6)
			return "loyal";
		return value >= 4 ? "need attention" : "about to sleep";
	}
	if (value >= 8 && r == 1)
		return "cannot lose";
	if (value >= 6)
		return "at risk";
	return value >= 4 ? "hibernating" : "lost";
}
