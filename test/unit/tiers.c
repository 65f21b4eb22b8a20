/*-------------------------------------------------------------------------
 *
 * tiers.c
 *	  What tiers ask for, against a truth table and a rule said in another way.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"
#include "membership/tiers.h"

static TierTerms
figure(int index, int64_t at_least)
{
	TierTerms	terms = {0};

	terms.figure = index;
	terms.at_least = decimal_of(at_least, 0);
	return terms;
}

static TierTerms
group(int needed, TierTerms *parts, int count)
{
	TierTerms	terms = {0};

	terms.needed = needed;
	terms.parts = parts;
	terms.count = count;
	return terms;
}

/* All figures of 0 or 1: so many of three, and a nested one. */
static void
test_terms(void)
{
	TierTerms	parts[3];
	TierTerms	nested[2];
	int			bits;
	int			needed;

	parts[0] = figure(0, 1);
	parts[1] = figure(1, 1);
	parts[2] = figure(2, 1);
	nested[0] = group(2, parts, 2);
	nested[1] = figure(2, 1);
	for (bits = 0; bits < 8; bits++)
	{
		Decimal		figures[3];
		int			a = bits & 1;
		int			b = bits >> 1 & 1;
		int			c = bits >> 2 & 1;
		TierTerms	either = group(1, nested, 2);

		figures[0] = decimal_of(a, 0);
		figures[1] = decimal_of(b, 0);
		figures[2] = decimal_of(c, 0);
		for (needed = 1; needed <= 3; needed++)
		{
			TierTerms	some = group(needed, parts, 3);

			CHECK(tier_terms_hold(&some, figures) == (a + b + c >= needed));
		}
		CHECK(tier_terms_hold(&either, figures) == ((a && b) || c));
	}
}

#define TIERS 4

static void
test_requalified(void)
{
	static const int64_t entries[TIERS] = {0, 25, 50, 75};
	static const int64_t renewals[TIERS] = {0, 20, 40, 60};
	TierRule	tiers[TIERS];
	int64_t		metric;
	int			current;
	int			i;

	for (i = 0; i < TIERS; i++)
	{
		tiers[i].entry = figure(0, entries[i]);
		tiers[i].renewal = figure(0, renewals[i]);
	}
	for (metric = -1; metric <= 80; metric++)
		for (current = 0; current < TIERS; current++)
		{
			Decimal		figures[1];
			int			reached = 0;
			int			kept = 0;
			int			better;

			figures[0] = decimal_of(metric, 0);
			for (i = 1; i < TIERS; i++)
			{
				if (metric >= entries[i])
					reached = i;
				if (i <= current && metric >= renewals[i])
					kept = i;
			}
			better = reached > current ? reached : kept == current ? current : -1;
			CHECK(tier_reached(tiers, TIERS, figures) == reached);
			CHECK(tier_requalified(tiers, TIERS, current, figures, TIER_ONE_DOWN) == (better >= 0 ? better : current - 1));
			CHECK(tier_requalified(tiers, TIERS, current, figures, TIER_TO_QUALIFIED) == (better >= 0 ? better : kept));
			CHECK(tier_requalified(tiers, TIERS, current, figures, TIER_TO_BASE) == (better >= 0 ? better : 0));
			CHECK(tier_requalified(tiers, TIERS, current, figures, TIER_NEVER) == (better >= 0 ? better : current));
		}
}

/* Exactly at a threshold of decimals, and just below */
static void
test_exact(void)
{
	TierRule	tiers[2] = {{{0}, {0}}, {{0}, {0}}};
	Decimal		figures[1];

	tiers[1].entry.at_least = decimal_of(500005, 1);
	tiers[1].renewal = tiers[1].entry;
	figures[0] = decimal_of(5000050, 2);
	CHECK(tier_reached(tiers, 2, figures) == 1);
	figures[0] = decimal_of(5000049, 2);
	CHECK(tier_reached(tiers, 2, figures) == 0);
	figures[0] = decimal_of(INT64_MAX, 0);
	CHECK(tier_reached(tiers, 2, figures) == 1);
	CHECK(tier_reached(tiers, 1, figures) == 0);
}

int
main(void)
{
	test_terms();
	test_requalified();
	test_exact();
	return check_report();
}
