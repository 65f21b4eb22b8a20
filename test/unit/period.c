/*-------------------------------------------------------------------------
 *
 * period.c
 *	  Windows and deadlines: days that can be counted on the fingers, and over
 *	  many years that periods follow one another without a gap.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"
#include "core/time.h"
#include "membership/period.h"

static int64_t
day(int year, int month, int day_of_month)
{
	return time_days(year, month, day_of_month);
}

static void
test_months(void)
{
	CHECK(period_add_months(day(2026, 1, 31), 1) == day(2026, 2, 28));
	CHECK(period_add_months(day(2024, 1, 31), 1) == day(2024, 2, 29));
	CHECK(period_add_months(day(2026, 3, 31), -1) == day(2026, 2, 28));
	CHECK(period_add_months(day(2026, 1, 15), -13) == day(2024, 12, 15));
	CHECK(period_add_months(day(1900, 3, 31), -1) == day(1900, 2, 28));
	CHECK(period_add_months(day(2000, 3, 31), -1) == day(2000, 2, 29));
	CHECK(period_add_months(day(0, 1, 1), -1) == day(-1, 12, 1));
}

/* Each day of forty years lies in its period, and periods follow one another. */
static void
check_chain(const Period *period, int64_t enrolled)
{
	int64_t		from;
	int64_t		until;
	int64_t		last_until = 0;
	int64_t		on;
	int			wrong = 0;

	for (on = day(1990, 1, 1); on < day(2030, 1, 1); on++)
	{
		period_window(period, on, enrolled, &from, &until);
		if (from > on || until <= on)
			wrong++;
		if (on > day(1990, 1, 1) && from == on && last_until != on)
			wrong++;
		if (on > day(1990, 1, 1) && from < on && last_until != until)
			wrong++;
		if (period_deadline(period, on, enrolled, 1) != until - 1)
			wrong++;
		/* The second deadline is the first one of the next period. */
		if (period_deadline(period, on, enrolled, 2) != period_deadline(period, until, enrolled, 1))
			wrong++;
		last_until = until;
	}
	CHECK(wrong == 0);
}

static void
test_windows(void)
{
	static const int months[] = {1, 2, 3, 4, 6, 12};
	Period		rolling = {PERIOD_ROLLING, 6, 1, 1};
	Period		lifetime = {PERIOD_LIFETIME, 0, 1, 1};
	int64_t		from;
	int64_t		until;
	int			i;

	for (i = 0; i < 6; i++)
	{
		Period		calendar = {PERIOD_ANCHORED, months[i], 1, 1};
		Period		fixed = {PERIOD_ANCHORED, months[i], 6, 15};
		Period		late = {PERIOD_ANCHORED, months[i], 12, 31};
		Period		own = {PERIOD_ANNIVERSARY, months[i], 1, 1};

		check_chain(&calendar, 0);
		check_chain(&fixed, 0);
		check_chain(&late, 0);
		check_chain(&own, day(2024, 2, 29));
		check_chain(&own, day(2010, 12, 31));
		check_chain(&own, day(2050, 5, 17));
	}
	{
		Period		long_own = {PERIOD_ANNIVERSARY, 17, 1, 1};

		check_chain(&long_own, day(2003, 8, 31));
	}

	period_window(&rolling, day(2025, 8, 31), 0, &from, &until);
	CHECK(from == day(2025, 2, 28) && until == day(2025, 9, 1));
	CHECK(period_deadline(&rolling, day(2024, 3, 15), 0, 2) == day(2025, 3, 15));
	period_window(&lifetime, day(2025, 8, 31), 0, &from, &until);
	CHECK(from == PERIOD_FIRST && until == PERIOD_NEVER);
	CHECK(period_deadline(&lifetime, 0, 0, 1) == PERIOD_NEVER);
}

/* Of a leap day's anniversaries, each begins where it would if others were not. */
static void
test_leap_day(void)
{
	Period		own = {PERIOD_ANNIVERSARY, 12, 1, 1};
	int64_t		from;
	int64_t		until;

	period_window(&own, day(2025, 2, 28), day(2024, 2, 29), &from, &until);
	CHECK(from == day(2025, 2, 28) && until == day(2026, 2, 28));
	period_window(&own, day(2028, 2, 28), day(2024, 2, 29), &from, &until);
	CHECK(from == day(2027, 2, 28) && until == day(2028, 2, 29));
}

static void
test_birthdays(void)
{
	int			year;
	int			count = 0;
	int64_t		on;

	/* Once a year, whatever the year. */
	for (on = day(1890, 1, 1); on < day(1910, 1, 1); on++)
		count += period_is_birthday(day(2000, 2, 29), on);
	CHECK(count == 20);
	for (year = 1890; year < 1910; year++)
		CHECK(period_is_birthday(day(2000, 2, 29), day(year, 2, 28)) == (year % 4 != 0 || year == 1900));
	CHECK(period_birthday(day(2000, 2, 29), 2028) == day(2028, 2, 29));
	CHECK(period_birthday(day(1971, 12, 31), 2026) == day(2026, 12, 31));
	CHECK(!period_is_birthday(day(2000, 6, 13), day(2026, 6, 12)));
}

int
main(void)
{
	test_months();
	test_windows();
	test_leap_day();
	test_birthdays();
	return check_report();
}
