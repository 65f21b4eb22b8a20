/*-------------------------------------------------------------------------
 *
 * time.c
 *	  Instants as ISO 8601 text, without any setting.
 *
 *-------------------------------------------------------------------------
 */
#include "core/time.h"

/* Days from 1 March of the year 0 to 2000-01-01. */
#define DAYS_TO_2000 730425

/* Days in 400 years, which the calendar repeats after. */
#define DAYS_IN_ERA 146097

static int64_t
floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * Years are counted from March, so that the leap day ends them and the days
 * before a month are a straight line: 153 days in five months.
 */
int64_t
time_days(int64_t year, int month, int day)
{
	int64_t		era;
	int64_t		in_era;
	int			from_march = (month + 9) % 12;

	year -= month <= 2;
	era = floor_divide(year, 400);
	in_era = year - era * 400;
	return era * DAYS_IN_ERA + in_era * 365 + in_era / 4 - in_era / 100 +
		(153 * from_march + 2) / 5 + day - 1 - DAYS_TO_2000;
}

void
time_date(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t		from_start = days + DAYS_TO_2000;
	int64_t		era = floor_divide(from_start, DAYS_IN_ERA);
	int64_t		in_era = from_start - era * DAYS_IN_ERA;
	int64_t		years = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int			in_year = (int) (in_era - (365 * years + years / 4 - years / 100));
	int			from_march = (5 * in_year + 2) / 153;

	*day = in_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = era * 400 + years + (*month <= 2);
}

/* Writes a number with that many digits. */
static char *
write_digits(char *at, int value, int count)
{
	int			i;

	for (i = count - 1; i >= 0; i--)
	{
		at[i] = (char) ('0' + value % 10);
		value /= 10;
	}
	return at + count;
}

size_t
time_write(char *text, int64_t at)
{
	int64_t		days = floor_divide(at, TIME_DAY);
	int64_t		in_day = at - days * TIME_DAY;
	int			seconds = (int) (in_day / TIME_SECOND);
	int			fraction = (int) (in_day % TIME_SECOND);
	char	   *place = text;
	int64_t		year;
	int			month;
	int			day;

	time_date(days, &year, &month, &day);
	if (year < 0 || year > 9999)
		*place++ = year < 0 ? '-' : '+';
	if (year < 0)
		year = -year;
	place = write_digits(place, (int) year, year > 99999 ? 6 : year > 9999 ? 5 : 4);
	*place++ = '-';
	place = write_digits(place, month, 2);
	*place++ = '-';
	place = write_digits(place, day, 2);
	*place++ = 'T';
	place = write_digits(place, seconds / 3600, 2);
	*place++ = ':';
	place = write_digits(place, seconds / 60 % 60, 2);
	*place++ = ':';
	place = write_digits(place, seconds % 60, 2);
	if (fraction != 0)
	{
		*place++ = '.';
		place = write_digits(place, fraction, 6);
		while (place[-1] == '0')
			place--;
	}
	*place++ = 'Z';
	*place = '\0';
	return (size_t) (place - text);
}

/* Takes that many digits, no more; -1 when they are not there. */
static int
digits(const char **at, const char *end, int count)
{
	int			value = 0;

	if (end - *at < count)
		return -1;
	while (count-- > 0)
	{
		if (**at < '0' || **at > '9')
			return -1;
		value = value * 10 + (*(*at)++ - '0');
	}
	return value;
}

static bool
letter(const char **at, const char *end, char wanted)
{
	if (*at == end || **at != wanted)
		return false;
	(*at)++;
	return true;
}

bool
time_read(const char *text, size_t length, int64_t *at)
{
	static const int month_days[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const char *place = text;
	const char *end = text + length;
	bool		negative = letter(&place, end, '-');
	const char *year_start;
	int64_t		year = 0;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second = 0;
	int64_t		fraction = 0;
	int64_t		offset = 0;
	int64_t		days;

	if (!negative)
		(void) letter(&place, end, '+');
	year_start = place;
	while (place < end && *place >= '0' && *place <= '9' && place - year_start < 7)
		year = year * 10 + (*place++ - '0');
	if (place - year_start < 4)
		return false;
	if (negative)
		year = -year;

	if (!letter(&place, end, '-') || (month = digits(&place, end, 2)) < 1 ||
		month > 12 || !letter(&place, end, '-') ||
		(day = digits(&place, end, 2)) < 1 || day > month_days[month - 1] ||
		(month == 2 && day == 29 &&
		 (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))))
		return false;

	if ((!letter(&place, end, 'T') && !letter(&place, end, ' ')) ||
		(hour = digits(&place, end, 2)) < 0 || hour > 23 ||
		!letter(&place, end, ':') ||
		(minute = digits(&place, end, 2)) < 0 || minute > 59)
		return false;
	if (letter(&place, end, ':'))
	{
		if ((second = digits(&place, end, 2)) < 0 || second > 59)
			return false;
		if (letter(&place, end, '.'))
		{
			int64_t		weight = TIME_SECOND / 10;
			const char *start = place;

			for (; place < end && *place >= '0' && *place <= '9'; weight /= 10)
			{
				if (weight == 0)
					return false;
				fraction += weight * (*place++ - '0');
			}
			if (place == start)
				return false;
		}
	}

	if (!letter(&place, end, 'Z'))
	{
		bool		west = letter(&place, end, '-');
		int			hours;
		int			minutes = 0;

		if ((!west && !letter(&place, end, '+')) ||
			(hours = digits(&place, end, 2)) < 0 || hours > 15)
			return false;
		if (place < end)
		{
			(void) letter(&place, end, ':');
			if ((minutes = digits(&place, end, 2)) < 0 || minutes > 59)
				return false;
		}
		offset = (hours * 60 + minutes) * 60 * TIME_SECOND;
		if (west)
			offset = -offset;
	}
	if (place != end)
		return false;

	/* The range ends some days before 64 bits do: enough for any offset. */
	days = time_days(year, month, day);
	if (days < TIME_FIRST / TIME_DAY - 1 || days > TIME_END / TIME_DAY)
		return false;
	*at = days * TIME_DAY - offset + fraction +
		((int64_t) hour * 3600 + minute * 60 + second) * TIME_SECOND;
	return *at >= TIME_FIRST && *at < TIME_END;
}
