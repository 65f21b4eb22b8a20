/*-------------------------------------------------------------------------
 *
 * pg_period.c
 *	  The time over which members are counted, as jsonb; its ends as dates.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "core/time.h"
#include "membership/pg_period.h"

/* Windows of so many months are a hundred years. */
#define MONTHS_MOST 1200

/* Deadlines asked for at most */
#define DEADLINES_MOST 100000

/* Month and day that every year has, as MM-DD */
static bool
is_day_of_year(const char *text)
{
	static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			month;
	int			day;

	if (strlen(text) != 5 || text[2] != '-' || strspn(text, "0123456789") != 2 ||
		strspn(text + 3, "0123456789") != 2)
		return false;
	month = (text[0] - '0') * 10 + text[1] - '0';
	day = (text[3] - '0') * 10 + text[4] - '0';
	return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

void
period_read(JsonReader *reader, PeriodText *text)
{
	static const char *const types[] = {"lifetime", "rolling", "calendar", "anniversary", "fixed"};
	static const char *const units[] = {"month", "quarter", "half", "year"};
	const char *type = NULL;

	json_need(reader, "type");
	json_read_word(reader, "type", types, lengthof(types), &type);
	if (type == NULL)
		return;
	text->type = type;
	text->months = 0;
	if (strcmp(type, "lifetime") == 0 || strcmp(type, "calendar") == 0)
		json_refuse(reader, "months", "is for rolling, anniversary and fixed windows");
	else
	{
		json_need(reader, "months");
		json_read_int(reader, "months", 1, MONTHS_MOST, &text->months);
	}
	if (strcmp(type, "calendar") == 0)
	{
		json_need(reader, "unit");
		json_read_word(reader, "unit", units, lengthof(units), &text->unit);
	}
	else
		json_refuse(reader, "unit", "is for calendar windows");
	if (strcmp(type, "fixed") == 0)
	{
		json_need(reader, "start");
		if (json_read_text(reader, "start", &text->start) && !is_day_of_year(text->start))
			json_fault(reader->faults, json_path(reader, "start"),
					   "must be a month and day of every year, as MM-DD, not \"%.60s\"", text->start);
		if (text->months > 0 && (text->months > 12 || 12 % text->months != 0))
			json_fault(reader->faults, json_path(reader, "months"),
					   "must divide a year, so that windows begin on the same days each year");
	}
	else
		json_refuse(reader, "start", "is for fixed windows");
	json_close(reader);
}

void
period_of(const PeriodText *text, Period *period)
{
	period->months = (int) text->months;
	period->month = 1;
	period->day = 1;
	if (strcmp(text->type, "lifetime") == 0)
		period->type = PERIOD_LIFETIME;
	else if (strcmp(text->type, "rolling") == 0)
		period->type = PERIOD_ROLLING;
	else if (strcmp(text->type, "anniversary") == 0)
		period->type = PERIOD_ANNIVERSARY;
	else
	{
		period->type = PERIOD_ANCHORED;
		if (text->unit != NULL)
			period->months = strcmp(text->unit, "month") == 0 ? 1 : strcmp(text->unit, "quarter") == 0 ? 3 :
				strcmp(text->unit, "half") == 0 ? 6 : 12;
		else
		{
			period->month = (text->start[0] - '0') * 10 + text->start[1] - '0';
			period->day = (text->start[3] - '0') * 10 + text->start[4] - '0';
		}
	}
}

/*
 * The pure functions
 */

static void
read_period(const Jsonb *json, bool has_enrollment, Period *period)
{
	JsonFaults	faults;
	JsonReader	reader;
	PeriodText	text = {0};

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	period_read(&reader, &text);
	json_faults_raise(&faults, "period");
	period_of(&text, period);
	if (period->type == PERIOD_ANNIVERSARY && !has_enrollment)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("enrolled_on must be given for an anniversary")));
}

static DateADT
get_day(FunctionCallInfo fcinfo, int argument, const char *name)
{
	DateADT		day = PG_GETARG_DATEADT(argument);

	if (DATE_NOT_FINITE(day))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("%s must be finite", name)));
	return day;
}

static Datum
day_datum(int64 day)
{
	if (!IS_VALID_DATE(day))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("date out of range")));
	return DateADTGetDatum((DateADT) day);
}

PG_FUNCTION_INFO_V1(promo_qualification_window);

/*
 * qualification_window(period jsonb, evaluated_on date, enrolled_on date) returns daterange
 */
Datum
promo_qualification_window(PG_FUNCTION_ARGS)
{
	TypeCacheEntry *type;
	RangeBound	lower = {0};
	RangeBound	upper = {0};
	Period		period;
	int64		from;
	int64		until;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	read_period(PG_GETARG_JSONB_P(0), !PG_ARGISNULL(2), &period);
	period_window(&period, get_day(fcinfo, 1, "evaluated_on"),
				  period.type == PERIOD_ANNIVERSARY ? get_day(fcinfo, 2, "enrolled_on") : 0, &from, &until);
	lower.infinite = from == PERIOD_FIRST;
	lower.val = lower.infinite ? (Datum) 0 : day_datum(from);
	lower.inclusive = !lower.infinite;
	lower.lower = true;
	upper.infinite = until == PERIOD_NEVER;
	upper.val = upper.infinite ? (Datum) 0 : day_datum(until);
	type = lookup_type_cache(get_fn_expr_rettype(fcinfo->flinfo), TYPECACHE_RANGE_INFO);
	if (type->rngelemtype == NULL || type->rngelemtype->type_id != DATEOID)
		elog(ERROR, "qualification_window() does not give a range of dates");
	PG_RETURN_RANGE_P(range_serialize(type, &lower, &upper, false));
}

PG_FUNCTION_INFO_V1(promo_tier_deadline);

/*
 * tier_deadline(period jsonb, achieved_on date, n int, enrolled_on date) returns date
 */
Datum
promo_tier_deadline(PG_FUNCTION_ARGS)
{
	Period		period;
	int64		deadline;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	read_period(PG_GETARG_JSONB_P(0), !PG_ARGISNULL(3), &period);
	if (PG_GETARG_INT32(2) < 1 || PG_GETARG_INT32(2) > DEADLINES_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must be from 1 to %d, not %d", DEADLINES_MOST, PG_GETARG_INT32(2))));
	deadline = period_deadline(&period, get_day(fcinfo, 1, "achieved_on"),
							   period.type == PERIOD_ANNIVERSARY ? get_day(fcinfo, 3, "enrolled_on") : 0,
							   PG_GETARG_INT32(2));
	if (deadline == PERIOD_NEVER)
		PG_RETURN_NULL();
	return day_datum(deadline);
}

PG_FUNCTION_INFO_V1(promo_birthday_on);

/*
 * birthday_on(birthday date, on_day date) returns boolean
 */
Datum
promo_birthday_on(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(period_is_birthday(get_day(fcinfo, 0, "birthday"), get_day(fcinfo, 1, "on_day")));
}

PG_FUNCTION_INFO_V1(promo_birthday_from);

/*
 * birthday_from(birthday date, day date) returns date
 */
Datum
promo_birthday_from(PG_FUNCTION_ARGS)
{
	int64		birthday = get_day(fcinfo, 0, "birthday");
	int64		from = get_day(fcinfo, 1, "day");
	int64		year;
	int			month;
	int			day;
	int64		next;

	time_date(from, &year, &month, &day);
	next = period_birthday(birthday, year);
	return day_datum(next >= from ? next : period_birthday(birthday, year + 1));
}
