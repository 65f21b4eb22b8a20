/*-------------------------------------------------------------------------
 *
 * pg_terms.c
 *	  The terms of a program's points.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "membership/pg_terms.h"
#include "pg/spi.h"

/* Ten years, and a hundred */
#define DAYS_MOST 3660
#define MONTHS_MOST 1200

static const char *const ends[] = {"day", "month", "quarter", "half", "year"};

static void
read_expiry(JsonReader *points, PointsTerms *terms)
{
	static const char *const types[] = {"never", "after", "inactivity"};
	JsonReader	expiry;
	JsonbValue	value;

	if (!json_read_object(points, "expiry", &expiry))
		return;
	terms->days = 0;
	json_need(&expiry, "type");
	if (!json_read_word(&expiry, "type", types, lengthof(types), &terms->expiry))
		return;
	if (strcmp(terms->expiry, "never") == 0)
	{
		terms->end_of = NULL;
		json_refuse(&expiry, "days", "is for points that expire");
		json_refuse(&expiry, "months", "is for points that expire");
		json_refuse(&expiry, "end_of", "is for points that expire");
	}
	else
	{
		json_read_int(&expiry, "days", 1, DAYS_MOST, &terms->days);
		json_read_int(&expiry, "months", 1, MONTHS_MOST, &terms->months);
		if (json_has(&expiry, "days", &value) == json_has(&expiry, "months", &value))
			json_fault(points->faults, expiry.path, "must have either days or months");
		json_read_word(&expiry, "end_of", ends, lengthof(ends), &terms->end_of);
	}
	json_close(&expiry);
}

void
points_terms_read(JsonReader *program, PointsTerms *terms)
{
	static const char *const clawbacks[] = {"clamp", "debt"};
	JsonReader	points;

	terms->expiry = "after";
	terms->days = 365;
	terms->months = 0;
	terms->end_of = "day";
	terms->pending_days = 0;
	terms->restore_grace_days = 30;
	terms->debt = false;
	terms->clawback = "clamp";
	if (!json_read_object(program, "points", &points))
		return;
	read_expiry(&points, terms);
	json_read_int(&points, "pending_days", 0, DAYS_MOST, &terms->pending_days);
	json_read_int(&points, "restore_grace_days", 0, DAYS_MOST, &terms->restore_grace_days);
	json_read_bool(&points, "debt", &terms->debt);
	if (json_read_word(&points, "clawback", clawbacks, lengthof(clawbacks), &terms->clawback) &&
		strcmp(terms->clawback, "debt") == 0 && !terms->debt)
		json_fault(program->faults, json_path(&points, "clawback"),
				   "must be clamp where debt is not true");
	/* A month has 28 days at least. */
	if (terms->end_of != NULL && terms->pending_days > terms->days + 28 * terms->months)
		json_fault(program->faults, json_path(&points, "pending_days"),
				   "must not be longer than points live");
	json_close(&points);
}

static Datum
number_or_null(int64 value, char *null)
{
	*null = value == 0 ? 'n' : ' ';
	return Int32GetDatum((int32) value);
}

void
points_terms_write(int64 program_id, const PointsTerms *terms)
{
	static const Oid types[9] = {INT8OID, TEXTOID, INT4OID, INT4OID, TEXTOID, INT4OID, INT4OID,
	BOOLOID, TEXTOID};
	char		nulls[10] = "         ";
	Datum		values[9];

	values[0] = Int64GetDatum(program_id);
	values[1] = CStringGetTextDatum(terms->expiry);
	values[2] = number_or_null(terms->days, &nulls[2]);
	values[3] = number_or_null(terms->months, &nulls[3]);
	nulls[4] = terms->end_of == NULL ? 'n' : ' ';
	values[4] = terms->end_of == NULL ? (Datum) 0 : CStringGetTextDatum(terms->end_of);
	values[5] = Int32GetDatum((int32) terms->pending_days);
	values[6] = Int32GetDatum((int32) terms->restore_grace_days);
	values[7] = BoolGetDatum(terms->debt);
	values[8] = CStringGetTextDatum(terms->clawback);
	(void) spi_run("UPDATE promo.program p SET expiry = $2, expiry_days = $3, expiry_months = $4,"
				   " expiry_end_of = $5, pending_days = $6, restore_grace_days = $7, debt = $8,"
				   " clawback = $9 WHERE p.program_id = $1",
				   9, types, values, nulls);
}

static Datum
plus(Datum local, int32 months, int32 days)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->month = months;
	interval->day = days;
	return DirectFunctionCall2(timestamp_pl_interval, local, IntervalPGetDatum(interval));
}

TimestampTz
points_end(TimestampTz at, text *time_zone, int32 days, int32 months, const char *end_of)
{
	Datum		zone = PointerGetDatum(time_zone);
	bool		is_half = strcmp(end_of, "half") == 0;
	Datum		local;
	Datum		last;			/* in the period that is counted to its end */
	Datum		start;			/* of that period */

	local = DirectFunctionCall2(timestamptz_zone, zone, TimestampTzGetDatum(at));
	last = plus(local, months, days);
	start = DirectFunctionCall2(timestamp_trunc, CStringGetTextDatum(is_half ? "year" : end_of),
								last);
	if (strcmp(end_of, "day") == 0)
		start = plus(start, 0, 1);
	else if (strcmp(end_of, "month") == 0)
		start = plus(start, 1, 0);
	else if (strcmp(end_of, "quarter") == 0)
		start = plus(start, 3, 0);
	else if (is_half)
	{
		start = plus(start, 6, 0);
		if (DatumGetTimestamp(start) <= DatumGetTimestamp(last))
			start = plus(start, 6, 0);
	}
	else
		start = plus(start, 12, 0);
	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, zone, start));
}

PG_FUNCTION_INFO_V1(promo_points_end);

/*
 * points_end(at timestamptz, time_zone text, days int, months int, end_of text) returns timestamptz
 */
Datum
promo_points_end(PG_FUNCTION_ARGS)
{
	char	   *end_of = text_to_cstring(PG_GETARG_TEXT_PP(4));
	int			i;

	for (i = 0; i < (int) lengthof(ends); i++)
		if (strcmp(ends[i], end_of) == 0)
			PG_RETURN_TIMESTAMPTZ(points_end(PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_TEXT_PP(1),
											 PG_GETARG_INT32(2), PG_GETARG_INT32(3), ends[i]));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("end_of must be day, month, quarter, half or year, not \"%s\"", end_of)));
}
