/*-------------------------------------------------------------------------
 *
 * zone.c
 *	  Local days, weekdays and hours, in UTC and in a zone that changes its
 *	  offset each thousand hours.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"
#include "core/zone.h"

#define SPAN (1000 * ZONE_HOUR)

static int	questions;

/* Every other span is an hour ahead of UTC, the others are two behind. */
static void
find_span(void *arg, int64_t at, ZoneSpan *span)
{
	int64_t		number = at / SPAN - (at % SPAN < 0);

	(void) arg;
	questions++;
	span->from = number * SPAN;
	span->until = span->from + SPAN;
	span->offset = (number & 1) ? ZONE_HOUR : -2 * ZONE_HOUR;
}

static void
test_calendar(void)
{
	CHECK(zone_day(0) == 0 && zone_weekday(0) == 6);
	CHECK(zone_day(-1) == -1 && zone_weekday(-1) == 5);
	CHECK(zone_day(ZONE_DAY - 1) == 0 && zone_day(ZONE_DAY) == 1);
	CHECK(zone_weekday(1) == 7 && zone_weekday(2) == 1);
	CHECK(zone_weekday(-5) == 1 && zone_weekday(-6) == 7 && zone_weekday(-7) == 6);

	/* 2026-03-29, the day on which Europe goes to summer time, is a Sunday. */
	CHECK(zone_weekday(9584) == 7);
	CHECK(zone_hour(-1) == 23 && zone_hour(0) == 0);
	CHECK(zone_hour(13 * ZONE_HOUR - 1) == 12 && zone_hour(13 * ZONE_HOUR) == 13);
	CHECK(zone_second(-1) == -1 && zone_second(ZONE_SECOND) == 1);
	CHECK(zone_day(INT64_MIN) == INT64_MIN / ZONE_DAY - 1);
}

static void
test_utc(void)
{
	Zone		zone;

	zone_start(&zone, NULL, NULL);
	CHECK(zone_local(&zone, INT64_MIN) == INT64_MIN);
	CHECK(zone_local(&zone, INT64_MAX) == INT64_MAX);
	CHECK(zone_local(&zone, 5) == 5);
}

static void
test_spans(void)
{
	Zone		zone;
	int			i;

	zone_start(&zone, find_span, NULL);
	CHECK(zone_local(&zone, 0) == -2 * ZONE_HOUR);
	CHECK(zone_local(&zone, SPAN - 1) == SPAN - 1 - 2 * ZONE_HOUR);
	CHECK(zone_local(&zone, SPAN) == SPAN + ZONE_HOUR);
	CHECK(zone_local(&zone, -1) == -1 + ZONE_HOUR);
	CHECK(questions == 3);

	/* The spans that were kept are not asked for again. */
	CHECK(zone_local(&zone, 1) == 1 - 2 * ZONE_HOUR);
	CHECK(zone_local(&zone, SPAN) == SPAN + ZONE_HOUR);
	CHECK(questions == 3);

	/* More spans than are kept push out the oldest, and stay right. */
	for (i = 0; i < 3 * ZONE_SPANS; i++)
		CHECK(zone_local(&zone, i * SPAN + 7) ==
			  i * SPAN + 7 + ((i & 1) ? ZONE_HOUR : -2 * ZONE_HOUR));
	CHECK(zone.count == ZONE_SPANS);
}

/*
 * The first instant of each day, by looking at each quarter of an hour: zones
 * in which midnight comes twice, or not at all, among them.
 */
static void
test_day_start(void)
{
	Zone		zone;
	int64_t		at;
	int64_t		day;
	int64_t		last;

	zone_start(&zone, NULL, NULL);
	CHECK(zone_day_start(&zone, -3) == -3 * ZONE_DAY);
	zone_start(&zone, find_span, NULL);
	/* From the middle of a span, before which no later day was seen. */
	last = zone_day(zone_local(&zone, SPAN / 2));
	for (at = SPAN / 2; at < 24 * SPAN; at += ZONE_HOUR / 4)
	{
		day = zone_day(zone_local(&zone, at));
		if (day > last)
		{
			CHECK(zone_day_start(&zone, day) == at);
			last = day;
		}
	}
}

int
main(void)
{
	test_calendar();
	test_utc();
	test_spans();
	test_day_start();
	return check_report();
}
