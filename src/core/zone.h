/*-------------------------------------------------------------------------
 *
 * zone.h
 *	  Local days, weekdays and hours of instants.
 *
 * An instant is a count of microseconds since 2000-01-01 00:00 UTC, as in the
 * server; a local time is one since 2000-01-01 00:00 on the wall, a day a
 * count since 2000-01-01.  Who knows the rules of a zone hands in a function
 * that gives the span of time around an instant in which its offset does not
 * change; a zone keeps the last spans, so that it is asked but a few times.
 *
 * Local time may step back, in some zones over midnight: later instants may
 * have an earlier day.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_ZONE_H
#define PROMO_ZONE_H

#include <stdint.h>

#define ZONE_SECOND INT64_C(1000000)
#define ZONE_HOUR (3600 * ZONE_SECOND)
#define ZONE_DAY (24 * ZONE_HOUR)

/* Two a year for sixteen years */
#define ZONE_SPANS 32

typedef struct ZoneSpan
{
	int64_t		from;			/* first instant */
	int64_t		until;			/* first instant after */
	int64_t		offset;			/* what to add for local time */
} ZoneSpan;

/* Finds the span that holds the instant. */
typedef void (*zone_find) (void *arg, int64_t at, ZoneSpan *span);

typedef struct Zone
{
	ZoneSpan	current;
	zone_find	find;			/* not called for UTC */
	void	   *arg;
	int			count;			/* spans kept */
	int			next;			/* the one to be replaced */
	ZoneSpan	spans[ZONE_SPANS];
} Zone;

/* find NULL means UTC. */
extern void zone_start(Zone *zone, zone_find find, void *arg);

/* Makes current the span that holds the instant. */
extern void zone_seek(Zone *zone, int64_t at);

/* The time on the wall at an instant, at most two days from either end. */
static inline int64_t
zone_local(Zone *zone, int64_t at)
{
	if (at < zone->current.from || at >= zone->current.until)
		zone_seek(zone, at);
	return at + zone->current.offset;
}

/*
 * The first instant of a local day: midnight, the first of two, or where the
 * wall shows none the moment at which it goes on to a later hour.
 */
extern int64_t zone_day_start(Zone *zone, int64_t day);

/* Whole seconds up to an instant */
static inline int64_t
zone_second(int64_t at)
{
	return at / ZONE_SECOND - (at % ZONE_SECOND < 0);
}

static inline int64_t
zone_day(int64_t local)
{
	return local / ZONE_DAY - (local % ZONE_DAY < 0);
}

/* 0 to 23 */
static inline int
zone_hour(int64_t local)
{
	return (int) ((local - zone_day(local) * ZONE_DAY) / ZONE_HOUR);
}

/* 1, Monday, to 7; 2000-01-01 was a Saturday */
static inline int
zone_weekday(int64_t day)
{
	return (int) (((day + 5) % 7 + 7) % 7) + 1;
}

#endif							/* PROMO_ZONE_H */
