/*-------------------------------------------------------------------------
 *
 * clean.c
 *	  Order statistics, bounds, samples and looks at texts.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "behavior/clean.h"
#include "behavior/tally.h"
#include "check.h"
#include "core/random.h"

static bool
is_sorted(const double *values, size_t count)
{
	size_t		i;

	for (i = 1; i < count; i++)
		if (values[i - 1] > values[i])
			return false;
	return true;
}

/* Patterns that spoil a careless quicksort; the sum shows that none is lost. */
static void
test_sort(void)
{
	enum
	{
		COUNT = 5000
	};
	double	   *values = malloc(COUNT * sizeof(double));
	Random		random;
	size_t		count;
	int			pattern;
	bool		all_sorted = true;
	bool		all_there = true;

	random_start(&random, 7, 7);
	for (pattern = 0; pattern < 7; pattern++)
		for (count = 0; count <= COUNT; count = count < 40 ? count + 1 : count * 5)
		{
			double		before = 0;
			double		after = 0;
			size_t		i;

			for (i = 0; i < count; i++)
			{
				switch (pattern)
				{
					case 0:
						values[i] = (double) random_below(&random, 1000000);
						break;
					case 1:
						values[i] = (double) i;
						break;
					case 2:
						values[i] = -(double) i;
						break;
					case 3:
						values[i] = 5;
						break;
					case 4:
						values[i] = (double) random_below(&random, 2);
						break;
					case 5:
						values[i] = (double) (i < count / 2 ? i : count - i);
						break;
					default:
						values[i] = i % 100 == 0 ? (i % 200 == 0 ? INFINITY : -INFINITY) : (double) (i % 17);
				}
				before += isfinite(values[i]) ? values[i] : 1e6;
			}
			all_sorted = all_sorted && values_sort(&memory_plain, values, count) &&
				is_sorted(values, count);
			for (i = 0; i < count; i++)
				after += isfinite(values[i]) ? values[i] : 1e6;
			all_there = all_there && before == after;
		}
	CHECK(all_sorted);
	CHECK(all_there);
	free(values);
}

static bool
never(void *arg)
{
	(void) arg;
	return false;
}

/* What may not go on stops, and says so. */
static void
test_stop(void)
{
	enum
	{
		COUNT = 200000
	};
	Memory		impatient = memory_plain;
	double	   *values = malloc(COUNT * sizeof(double));
	bool		stopped;
	double		low;
	double		high;
	size_t		i;

	impatient.may_go_on = never;
	for (i = 0; i < COUNT; i++)
		values[i] = (double) (i * 7919 % COUNT);
	CHECK(!values_sort(&impatient, values, COUNT));
	for (i = 0; i < COUNT; i++)
		values[i] = (double) i;
	CHECK(!outlier_bounds(&impatient, OUTLIER_MAD, values, COUNT, &low, &high, &stopped));
	CHECK(stopped);
	free(values);
}

/* Type 7 of Hyndman and Fan, American Statistician 50, 1996: R's default. */
static void
test_quantile(void)
{
	static const double ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	static const double huge[] = {-1.7e308, 1.7e308};
	static const double endless[] = {-INFINITY, 0, INFINITY, INFINITY};

	CHECK(values_quantile(ten, 10, 0) == 1);
	CHECK(values_quantile(ten, 10, 0.25) == 3.25);
	CHECK(values_quantile(ten, 10, 0.5) == 5.5);
	CHECK(values_quantile(ten, 10, 0.75) == 7.75);
	CHECK(values_quantile(ten, 10, 1) == 10);
	CHECK(values_quantile(ten, 1, 0.5) == 1);
	CHECK(values_quantile(huge, 2, 0.5) == 0);
	CHECK(values_quantile(endless, 4, 0) == -INFINITY);
	CHECK(values_quantile(endless, 4, 1) == INFINITY);
	CHECK(values_quantile(endless, 4, 0.9) == INFINITY);

	CHECK(values_mean(ten, 10) == 5.5);
	CHECK(values_mean(huge + 1, 1) == 1.7e308);
	{
		static const double two_huge[] = {1.6e308, 1.6e308};

		CHECK(values_mean(two_huge, 2) == 1.6e308);
	}
	{
		static const double modes[] = {1, 2, 2, 3, 3, 4};

		CHECK(values_mode(modes, 6) == 2);
		CHECK(values_mode(modes, 1) == 1);
		CHECK(values_mode(modes + 3, 3) == 3);
	}
}

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-12 * fabs(b);
}

/* One pass over sorted runs says what the whole array says. */
static void
test_summary(void)
{
	static const double huge[] = {-1.7e308, 1.7e308};
	double		values[1000];
	Random		random;
	size_t		count;
	bool		same = true;
	int			i;

	random_start(&random, 3, 4);
	for (count = 1; count < 200; count++)
	{
		Summary		summary;
		double		squares = 0;
		size_t		at = 0;
		size_t		k;

		for (k = 0; k < count; k++)
			values[k] = (double) random_below(&random, 40) - 15;
		(void) values_sort(&memory_plain, values, count);
		summary_start(&summary, (int64_t) count);
		while (at < count)
		{
			size_t		end = at;

			while (end < count && values[end] == values[at])
				end++;
			summary_add(&summary, values[at], (int64_t) (end - at));
			at = end;
		}
		for (i = 0; i < 3; i++)
			same = same && summary.quartile[i] == values_quantile(values, count, 0.25 * (i + 1));
		same = same && fabs(summary.mean - values_mean(values, count)) < 1e-12;
		for (k = 0; k < count; k++)
			squares += (values[k] - summary.mean) * (values[k] - summary.mean);
		if (count > 1)
			same = same && fabs(summary_sd(&summary) - sqrt(squares / (double) (count - 1))) < 1e-12;
	}
	CHECK(same);

	/* Where squares overflow, the mean and the median do not. */
	{
		Summary		summary;

		summary_start(&summary, 2);
		summary_add(&summary, huge[0], 1);
		summary_add(&summary, huge[1], 1);
		CHECK(summary.mean == 0 && summary.quartile[1] == 0 && isinf(summary_sd(&summary)));
	}
}

/*
 * Example data of the boxplot in R, `boxplot.stats(c(1:10, 50))`: hinges equal
 * the quartiles of type 7 here, 3.5 and 8.5.
 */
static void
test_bounds(void)
{
	static const double data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 50};
	static const double money[] = {-5, 0, 1, 10, 100, 1000, 10000};
	double		work[11];
	double		low;
	double		high;
	bool		stopped;

	memcpy(work, data, sizeof(data));
	CHECK(outlier_bounds(&memory_plain, OUTLIER_TUKEY, work, 11, &low, &high, &stopped));
	CHECK(low == 3.5 - 7.5 && high == 8.5 + 7.5);

	/* Median 6, deviations 0 1 1 2 2 3 3 4 4 5 44: their median is 3. */
	memcpy(work, data, sizeof(data));
	CHECK(outlier_bounds(&memory_plain, OUTLIER_MAD, work, 11, &low, &high, &stopped));
	CHECK(near(low, 6 - 3.5 * 1.4826 * 3) && near(high, 6 + 3.5 * 1.4826 * 3));

	memcpy(work, data, sizeof(data));
	CHECK(outlier_bounds(&memory_plain, OUTLIER_PERCENTILE, work, 11, &low, &high, &stopped));
	CHECK(near(low, 1.1) && near(high, 46));

	/* Powers of ten are evenly spaced in logarithms; what is not positive is left out. */
	memcpy(work, money, sizeof(money));
	CHECK(outlier_bounds(&memory_plain, OUTLIER_LOG_TUKEY, work, 7, &low, &high, &stopped));
	CHECK(near(low, 1e-2) && near(high, 1e6));
	memcpy(work, money, sizeof(money));
	CHECK(outlier_bounds(&memory_plain, OUTLIER_LOG_MAD, work, 7, &low, &high, &stopped));
	CHECK(near(high, 100 * pow(10, 3.5 * 1.4826)));

	memcpy(work, money, sizeof(money));
	CHECK(!outlier_bounds(&memory_plain, OUTLIER_LOG_MAD, work, 2, &low, &high, &stopped) && !stopped);
	CHECK(!outlier_bounds(&memory_plain, OUTLIER_TUKEY, work, 0, &low, &high, &stopped) && !stopped);

	CHECK(range_clip(5, 0, 3) == 3 && range_clip(-5, 0, 3) == 0 && range_clip(2, 0, 3) == 2);
	CHECK(isnan(range_clip(NAN, 0, 3)) && range_clip(INFINITY, 0, 3) == 3);
}

/*
 * OpenSSL's SipHash of the keys, under the seed's eight bytes and `insample`:
 * printf ann | openssl mac -macopt hexkey:0000000000000000696e73616d706c65
 * -macopt size:8 SIPHASH.
 */
static void
test_sample(void)
{
	int			inside = 0;
	int			i;

	CHECK(sample_place("ann", 3, 0) == (double) (UINT64_C(0x4ead98195d3eed7e) >> 11) * 0x1p-53);
	CHECK(sample_place("bob", 3, 0) == (double) (UINT64_C(0xc5aceb2c34645671) >> 11) * 0x1p-53);
	CHECK(sample_place("", 0, 0) == (double) (UINT64_C(0xf17ae9c619123f38) >> 11) * 0x1p-53);
	CHECK(sample_place("ann", 3, 1) != sample_place("ann", 3, 0));

	for (i = 0; i < 100000; i++)
		inside += sample_place(&i, sizeof(i), 42) < 0.2;
	CHECK(inside > 19500 && inside < 20500);
}

static size_t
trimmed_size(const char *text)
{
	size_t		size = strlen(text);

	(void) text_trim(text, &size);
	return size;
}

static bool
placeholder(const char *text)
{
	return text_is_placeholder(text, strlen(text));
}

static bool
number(const char *text)
{
	return text_is_number(text, strlen(text));
}

static void
test_texts(void)
{
	CHECK(trimmed_size("") == 0 && trimmed_size(" \t\r\n ") == 0);
	CHECK(trimmed_size(" a b ") == 3 && trimmed_size("ab") == 2);

	CHECK(placeholder("unknown") && placeholder("N/A") && placeholder("NULL") && placeholder("-"));
	CHECK(!placeholder("") && !placeholder("nancy") && !placeholder("unknown artist"));
	CHECK(!text_is_placeholder("na\0", 3));

	CHECK(number("1") && number("-1.5") && number("+.5") && number("5.") && number("1e9") && number("1.5E-3"));
	CHECK(!number("") && !number("-") && !number(".") && !number("1e") && !number("1,5") &&
		  !number("12 ") && !number("0x1f") && !number("1e+") && !number("NaN"));
}

/* Counts of numbers written as texts of many lengths, and what a budget does. */
static void
test_tally(void)
{
	Tally		tally;
	Random		random;
	char		text[200];
	int			counts[300] = {0};
	int			seen[300] = {0};
	int			full = 0;
	size_t		largest = 0;
	size_t		i;
	int			round;
	bool		right = true;

	random_start(&random, 1, 1);
	tally_start(&tally, &memory_plain, 20000);
	for (round = 0; round < 20000; round++)
	{
		int			number = (int) random_below(&random, 300);

		memset(text, 'x', sizeof(text));
		memcpy(text, &number, sizeof(number));
		counts[number]++;
		while (tally_add(&tally, text, number == 0 ? 0 : (size_t) (4 + number % 190)) != TALLY_ADDED)
		{
			full++;
			largest = tally.used > largest ? tally.used : largest;
			for (i = 0; i < tally.count; i++)
			{
				memset(&number, 0, sizeof(number));
				memcpy(&number, tally.entries[i].bytes, tally.entries[i].size > 0 ? sizeof(number) : 0);
				right = right && (uintptr_t) tally.entries[i].bytes % 8 == 0;
				seen[number] += (int) tally.entries[i].count;
			}
			tally_empty(&tally);
		}
	}
	for (i = 0; i < tally.count; i++)
	{
		int			number = 0;

		memcpy(&number, tally.entries[i].bytes, tally.entries[i].size > 0 ? sizeof(number) : 0);
		seen[number] += (int) tally.entries[i].count;
	}
	CHECK(right);
	CHECK(full > 10);
	CHECK(largest <= 20000 && largest > 10000);
	CHECK(memcmp(counts, seen, sizeof(counts)) == 0);

	/* One string is taken whatever its size. */
	tally_empty(&tally);
	tally_start(&tally, &memory_plain, 1);
	CHECK(tally_add(&tally, text, sizeof(text)) == TALLY_ADDED);
	CHECK(tally_add(&tally, text, sizeof(text)) == TALLY_ADDED);
	CHECK(tally_add(&tally, text, 5) == TALLY_FULL);
	CHECK(tally.count == 1 && tally.entries[0].count == 2);
	tally_empty(&tally);
	CHECK(tally.count == 0 && tally.used == 0);
}

int
main(void)
{
	test_sort();
	test_tally();
	test_stop();
	test_quantile();
	test_summary();
	test_bounds();
	test_sample();
	test_texts();
	return check_report();
}
