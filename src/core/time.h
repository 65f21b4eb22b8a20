/*-------------------------------------------------------------------------
 *
 * time.h
 *	  Instants as ISO 8601 text, without any setting.
 *
 * An instant is a count of microseconds since 2000-01-01 UTC, in the range of
 * PostgreSQL's timestamptz.  Years outside 0000 to 9999 carry a sign, and the
 * year before 0001 is 0000.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_TIME_H
#define PROMO_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First instant, and the first one that there is not. */
#define TIME_FIRST INT64_C(-211813488000000000)
#define TIME_END INT64_C(9223371331200000000)

#define TIME_SECOND INT64_C(1000000)
#define TIME_DAY INT64_C(86400000000)

/* Bytes that any instant takes as text, with a final zero. */
#define TIME_TEXT 40

/* Days from 2000-01-01 to a date of the Gregorian calendar, and back. */
extern int64_t time_days(int64_t year, int month, int day);
extern void time_date(int64_t days, int64_t *year, int *month, int *day);

/*
 * Writes an instant in UTC, as 2026-01-05T15:30:00Z, with as many decimals of
 * the second as it needs and a final zero.  Gives the length.
 */
extern size_t time_write(char *text, int64_t at);

/*
 * Reads an instant.  The text is a date, T or a blank, a time with at least
 * hours and minutes, and Z or an offset as +01, +01:00 or +0100; a text
 * without one says nothing of when it was.  At most six decimals.
 */
extern bool time_read(const char *text, size_t length, int64_t *at);

#endif							/* PROMO_TIME_H */
