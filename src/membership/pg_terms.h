/*-------------------------------------------------------------------------
 *
 * pg_terms.h
 *	  The terms of a program's points: when they can be used, until when, and
 *	  what becomes of points that were spent before their order came back.
 *
 * They stand under the key points of a program's definition:
 *
 *		{"pending_days": 0,
 *		 "expiry": {"type": "after", "days": 365, "end_of": "day"},
 *		 "debt": false, "clawback": "clamp", "restore_grace_days": 30}
 *
 * by these defaults.  Points expire never, after so many days or months, or
 * with inactivity of so many: all at once, and not before that time after the
 * last purchase or redemption.  Either ends with a day, month, quarter, half
 * or year of the program's time zone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_TERMS_H
#define PROMO_TERMS_H

#include "pg/json.h"

typedef struct PointsTerms
{
	const char *expiry;			/* never, after, inactivity */
	int64		days;			/* of expiry; one of the two is 0, */
	int64		months;			/* and both are where it is never */
	const char *end_of;			/* NULL where it is never */
	int64		pending_days;
	int64		restore_grace_days;
	bool		debt;
	const char *clawback;		/* clamp, debt */
} PointsTerms;

/* Reads the key points of a definition, and notes its faults. */
extern void points_terms_read(JsonReader *program, PointsTerms *terms);

/* Writes the terms of a program that is in the table; within SPI. */
extern void points_terms_write(int64 program_id, const PointsTerms *terms);

/*
 * The first instant at which points of an instant cannot be used any more:
 * the end of the day, month, ... in which the days and months after it end.
 */
extern TimestampTz points_end(TimestampTz at, text *time_zone, int32 days, int32 months,
							  const char *end_of);

#endif							/* PROMO_TERMS_H */
