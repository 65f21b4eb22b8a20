/*-------------------------------------------------------------------------
 *
 * period.c
 *	  The time over which members are counted, its ends, and birthdays.
 *
 *-------------------------------------------------------------------------
 */
#include "core/time.h"
#include "membership/period.h"

static int64_t
floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int
days_in_month(int64_t year, int month)
{
	static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && is_leap);
}

int64_t
period_add_months(int64_t on, int64_t months)
{
	int64_t		year;
	int			month;
	int			day;
	int64_t		total;
	int			most;

	time_date(on, &year, &month, &day);
	total = year * 12 + month - 1 + months;
	year = floor_divide(total, 12);
	month = (int) (total - year * 12) + 1;
	most = days_in_month(year, month);
	return time_days(year, month, day < most ? day : most);
}

/* The anchor of periods that follow one another, and the count of whole ones to a day */
static int64_t
count_periods(const Period *period, int64_t on, int64_t enrolled, int64_t *anchor)
{
	int64_t		year;
	int64_t		anchor_year;
	int			month;
	int			anchor_month;
	int			day;
	int64_t		count;

	time_date(on, &year, &month, &day);
	*anchor = period->type == PERIOD_ANNIVERSARY ? enrolled : time_days(year, period->month, period->day);
	time_date(*anchor, &anchor_year, &anchor_month, &day);
	count = floor_divide((year - anchor_year) * 12 + month - anchor_month, period->months);
	/* By its month the day may lie in the next period, and be before its first. */
	return period_add_months(*anchor, count * period->months) > on ? count - 1 : count;
}

void
period_window(const Period *period, int64_t on, int64_t enrolled, int64_t *from, int64_t *until)
{
	int64_t		anchor;
	int64_t		count;

	switch (period->type)
	{
		case PERIOD_LIFETIME:
			*from = PERIOD_FIRST;
			*until = PERIOD_NEVER;
			break;
		case PERIOD_ROLLING:
			*from = period_add_months(on, -(int64_t) period->months);
			*until = on + 1;
			break;
		default:
			count = count_periods(period, on, enrolled, &anchor);
			*from = period_add_months(anchor, count * period->months);
			*until = period_add_months(anchor, (count + 1) * period->months);
			break;
	}
}

int64_t
period_deadline(const Period *period, int64_t on, int64_t enrolled, int64_t n)
{
	int64_t		anchor;
	int64_t		count;

	switch (period->type)
	{
		case PERIOD_LIFETIME:
			return PERIOD_NEVER;
		case PERIOD_ROLLING:
			return period_add_months(on, n * period->months);
		default:
			count = count_periods(period, on, enrolled, &anchor);
			return period_add_months(anchor, (count + n) * period->months) - 1;
	}
}

int64_t
period_birthday(int64_t birthday, int64_t year)
{
	int64_t		born;
	int			month;
	int			day;
	int			most;

	time_date(birthday, &born, &month, &day);
	most = days_in_month(year, month);
	return time_days(year, month, day < most ? day : most);
}

bool
period_is_birthday(int64_t birthday, int64_t on)
{
	int64_t		year;
	int			month;
	int			day;

	time_date(on, &year, &month, &day);
	return period_birthday(birthday, year) == on;
}
