/*-------------------------------------------------------------------------
 *
 * pg_period.h
 *	  The time over which members are counted, as jsonb and as a table has it.
 *
 * One of
 *
 *		{"type": "lifetime"}
 *		{"type": "rolling", "months": 12}
 *		{"type": "calendar", "unit": "month" | "quarter" | "half" | "year"}
 *		{"type": "anniversary", "months": 12}
 *		{"type": "fixed", "start": "06-15", "months": 6}
 *
 * of which a fixed one divides a year and starts on a day of every year.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_PERIOD_H
#define PROMO_PG_PERIOD_H

#include "membership/period.h"
#include "pg/json.h"

typedef struct PeriodText
{
	const char *type;
	int64		months;			/* 0 where the type has none */
	const char *unit;			/* NULL where the type has none */
	char	   *start;			/* MM-DD; NULL where the type has none */
} PeriodText;

/* Reads all keys of the object, notes its faults, and closes it. */
extern void period_read(JsonReader *reader, PeriodText *text);

/* The period that the texts, without a fault, say */
extern void period_of(const PeriodText *text, Period *period);

#endif							/* PROMO_PG_PERIOD_H */
