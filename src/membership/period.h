/*-------------------------------------------------------------------------
 *
 * period.h
 *	  The time over which members are counted, its ends, and birthdays.
 *
 * Days are counts since 2000-01-01, those of a program's zone.  Months are
 * added as a calendar does: the same day of the month, or the month's last
 * where it has no such day.
 *
 * A rolling period ends with the day that is looked at.  All others follow one
 * another without a gap, from an anchor: January 1 for the calendar's own, a
 * day of the year for fixed ones, the day on which a member was enrolled for
 * anniversaries.  Each begins at the anchor and a multiple of its months, so
 * that a short month does not move those after it.
 *
 * Plain C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PERIOD_H
#define PROMO_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

/* Days before and after all others; period_window gives them for a lifetime. */
#define PERIOD_FIRST INT64_MIN
#define PERIOD_NEVER INT64_MAX

typedef enum
{
	PERIOD_LIFETIME,
	PERIOD_ROLLING,
	PERIOD_ANCHORED,			/* to month and day of every year */
	PERIOD_ANNIVERSARY
} PeriodType;

typedef struct Period
{
	PeriodType	type;
	int			months;			/* of one; not used for a lifetime */
	int			month;			/* 1..12, and 1..31: the anchor, */
	int			day;			/* where it is in every year */
} Period;

/* Months before or after a day */
extern int64_t period_add_months(int64_t day, int64_t months);

/*
 * The period that a day lies in: from its first day until the first one after.
 * The day of enrollment is looked at for anniversaries only.
 */
extern void period_window(const Period *period, int64_t on, int64_t enrolled,
						  int64_t *from, int64_t *until);

/*
 * The last day of the n-th period, counted from 1 for the one that a day lies
 * in; for a rolling one, n times its months after the day.  PERIOD_NEVER for
 * a lifetime.
 */
extern int64_t period_deadline(const Period *period, int64_t on, int64_t enrolled, int64_t n);

/*
 * The birthday in a calendar year: that of February 29 is on the 28th where
 * there is no 29th, so that a gift is never late.
 */
extern int64_t period_birthday(int64_t birthday, int64_t year);

extern bool period_is_birthday(int64_t birthday, int64_t on);

#endif							/* PROMO_PERIOD_H */
