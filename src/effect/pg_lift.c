/*-------------------------------------------------------------------------
 *
 * pg_lift.c
 *	  The aggregates lift, ratio_lift, winsorized_lift and bootstrap_lift, and
 *	  what plans and reads them.
 *
 * A state may come from a caller who made it up, hence the checks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/hash.h"
#include "effect/bootstrap.h"
#include "effect/lift.h"
#include "pg/aggregate.h"
#include "pg/memory.h"
#include "pg/record.h"

/* Version 1 of each */
#define LIFT_STATE 0x4c494601
#define ROWS_STATE 0x4c524f01
#define VALUES_STATE 0x4c564101
#define BOOTSTRAP_STATE 0x4c424f01

#define ROWS_FIRST_ROOM 16
#define MOST_COVARIATES 100

/* Rows of treated (1 or 0), outcome and covariates, one after the other */
typedef struct LiftRows
{
	uint64		n;
	uint64		room;
	uint32		covariates;
	uint32		unused;
	double		level;			/* of winsorizing, 0 without */
	double		rows[FLEXIBLE_ARRAY_MEMBER];
} LiftRows;

#define REPORT_COLUMNS 16

static Datum
report_result(FunctionCallInfo fcinfo, const LiftReport *report)
{
	Datum		values[REPORT_COLUMNS];
	bool		nulls[REPORT_COLUMNS] = {false};
	char		reading[LIFT_READING];
	int			n = 0;
	int			i;
	double		numbers[] = {report->treated_mean, report->control_mean, report->difference,
		report->standard_error, report->lower, report->upper, report->p_value,
	report->relative, report->relative_lower, report->relative_upper};
	double		later[] = {report->smallest, report->degrees, report->variance_kept};

	lift_reading(report, reading);
	values[n++] = Int64GetDatum(report->treated_n);
	values[n++] = Int64GetDatum(report->control_n);
	for (i = 0; i < (int) lengthof(numbers); i++, n++)
		record_number(numbers[i], &values[n], &nulls[n]);
	values[n++] = CStringGetTextDatum(reading);
	for (i = 0; i < (int) lengthof(later); i++, n++)
		record_number(later[i], &values[n], &nulls[n]);
	return record_result(fcinfo, values, nulls);
}

/* Whether an argument of a row is NULL, which leaves the row out */
static bool
row_is_partial(FunctionCallInfo fcinfo, int arguments)
{
	int			i;

	for (i = 1; i <= arguments; i++)
		if (PG_ARGISNULL(i))
			return true;
	return false;
}

static Datum
state_as_it_is(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* Sums */

static Lift *
lift_state(Datum datum)
{
	Size		size;
	Lift	   *lift = aggregate_content(datum, LIFT_STATE, &size);

	if (size != sizeof(Lift) || !lift_valid(lift))
		aggregate_is_invalid();
	return lift;
}

PG_FUNCTION_INFO_V1(promo_lift_accum);

/*
 * lift_accum(state bytea, treated boolean, outcome float8
 *		[, covariate float8]) returns bytea
 */
Datum
promo_lift_accum(PG_FUNCTION_ARGS)
{
	int			arguments = PG_NARGS() - 1;
	Lift	   *lift;
	double		outcome;
	double		covariate = 0;

	aggregate_check(fcinfo);
	if (row_is_partial(fcinfo, arguments))
		return state_as_it_is(fcinfo);
	outcome = aggregate_finite(fcinfo, 2, "outcome");
	if (arguments > 2)
		covariate = aggregate_finite(fcinfo, 3, "covariate");
	if (PG_ARGISNULL(0))
	{
		lift = aggregate_new(LIFT_STATE, sizeof(Lift), "effects");
		memset(lift, 0, sizeof(Lift));
	}
	else
		lift = lift_state(PG_GETARG_DATUM(0));
	if (arguments > 2)
		lift_add(lift, PG_GETARG_BOOL(1), outcome, covariate);
	else
		lift_add_outcome(lift, PG_GETARG_BOOL(1), outcome);
	return aggregate_datum(lift);
}

PG_FUNCTION_INFO_V1(promo_lift_combine);

/*
 * lift_combine(state bytea, other bytea) returns bytea
 */
Datum
promo_lift_combine(PG_FUNCTION_ARGS)
{
	Lift	   *lift;

	aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return state_as_it_is(fcinfo);
	if (PG_ARGISNULL(0))
		return aggregate_datum(lift_state(PG_GETARG_DATUM(1)));
	lift = lift_state(PG_GETARG_DATUM(0));
	lift_merge(lift, lift_state(PG_GETARG_DATUM(1)));
	return aggregate_datum(lift);
}

PG_FUNCTION_INFO_V1(promo_lift_final);

/*
 * lift_final(state bytea) returns lift_report
 */
Datum
promo_lift_final(PG_FUNCTION_ARGS)
{
	LiftReport	report;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	lift_welch(lift_state(PG_GETARG_DATUM(0)), &report);
	return report_result(fcinfo, &report);
}

PG_FUNCTION_INFO_V1(promo_lift_cuped_final);

/*
 * lift_cuped_final(state bytea) returns lift_report
 */
Datum
promo_lift_cuped_final(PG_FUNCTION_ARGS)
{
	LiftReport	report;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	lift_cuped(lift_state(PG_GETARG_DATUM(0)), &report);
	return report_result(fcinfo, &report);
}

PG_FUNCTION_INFO_V1(promo_ratio_lift_final);

/*
 * ratio_lift_final(state bytea) returns lift_report
 */
Datum
promo_ratio_lift_final(PG_FUNCTION_ARGS)
{
	LiftReport	report;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	lift_ratio(lift_state(PG_GETARG_DATUM(0)), &report);
	return report_result(fcinfo, &report);
}

/* Rows that are kept */

static Size
rows_size(uint64 room, uint32 covariates)
{
	return add_size(offsetof(LiftRows, rows),
					mul_size(mul_size(room, 2 + (Size) covariates), sizeof(double)));
}

static LiftRows *
rows_new(uint32 kind, uint64 room, uint32 covariates, double level)
{
	LiftRows   *rows = aggregate_new(kind, rows_size(room, covariates), "effects");

	memset(rows, 0, offsetof(LiftRows, rows));
	rows->room = room;
	rows->covariates = covariates;
	rows->level = level;
	return rows;
}

static LiftRows *
rows_state(Datum datum, uint32 kind)
{
	Size		size;
	LiftRows   *rows = aggregate_content(datum, kind, &size);

	if (size < offsetof(LiftRows, rows) || rows->n == 0 || rows->n > rows->room ||
		rows->covariates > MOST_COVARIATES || rows->room > MaxAllocSize ||
		size != rows_size(rows->room, rows->covariates))
		aggregate_is_invalid();
	return rows;
}

static LiftRows *
rows_with_room(LiftRows *rows, uint32 kind, uint64 wanted)
{
	LiftRows   *larger;

	if (wanted <= rows->room)
		return rows;
	larger = rows_new(kind, Max(wanted, 2 * rows->room), rows->covariates, rows->level);
	larger->n = rows->n;
	memcpy(larger->rows, rows->rows, rows->n * (2 + rows->covariates) * sizeof(double));
	return larger;
}

static double *
rows_next(LiftRows *rows, bool treated, double outcome)
{
	double	   *row = rows->rows + rows->n++ * (2 + rows->covariates);

	row[0] = treated;
	row[1] = outcome;
	return row + 2;
}

static Datum
rows_combine(FunctionCallInfo fcinfo, uint32 kind)
{
	LiftRows   *rows;
	LiftRows   *other;

	aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return state_as_it_is(fcinfo);
	other = rows_state(PG_GETARG_DATUM(1), kind);
	if (PG_ARGISNULL(0))
		return aggregate_datum(other);
	rows = rows_state(PG_GETARG_DATUM(0), kind);
	if (rows->covariates != other->covariates)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("covariates must be as many in all rows"),
				 errdetail("There were %u, then %u.", rows->covariates, other->covariates)));
	if (rows->level != other->level)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("level must be the same in all rows"),
				 errdetail("It was %g, then %g.", rows->level, other->level)));
	rows = rows_with_room(rows, kind, rows->n + other->n);
	memcpy(rows->rows + rows->n * (2 + rows->covariates), other->rows,
		   other->n * (2 + rows->covariates) * sizeof(double));
	rows->n += other->n;
	return aggregate_datum(rows);
}

PG_FUNCTION_INFO_V1(promo_lift_rows_accum);

/*
 * lift_accum(state bytea, treated boolean, outcome float8,
 *		covariates float8[]) returns bytea
 */
Datum
promo_lift_rows_accum(PG_FUNCTION_ARGS)
{
	LiftRows   *rows;
	ArrayType  *array;
	double	   *place;
	double	   *covariates;
	double		outcome;
	int			n;
	int			i;

	aggregate_check(fcinfo);
	if (row_is_partial(fcinfo, 3))
		return state_as_it_is(fcinfo);
	outcome = aggregate_finite(fcinfo, 2, "outcome");
	array = PG_GETARG_ARRAYTYPE_P(3);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("covariates must be an array of one dimension")));
	if (array_contains_nulls(array))
		return state_as_it_is(fcinfo);
	n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (n > MOST_COVARIATES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many covariates"),
				 errdetail("There are %d; at most %d are allowed.", n, MOST_COVARIATES)));
	covariates = (double *) ARR_DATA_PTR(array);
	for (i = 0; i < n; i++)
		if (!isfinite(covariates[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("covariate %d must be a finite number", i + 1),
					 errhint("Leave such rows out with FILTER (WHERE ...).")));
	if (PG_ARGISNULL(0))
		rows = rows_new(ROWS_STATE, ROWS_FIRST_ROOM, (uint32) n, 0);
	else
	{
		rows = rows_state(PG_GETARG_DATUM(0), ROWS_STATE);
		if (rows->covariates != (uint32) n)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("covariates must be as many in all rows"),
					 errdetail("There were %u, then %d.", rows->covariates, n)));
		rows = rows_with_room(rows, ROWS_STATE, rows->n + 1);
	}
	place = rows_next(rows, PG_GETARG_BOOL(1), outcome);
	memcpy(place, covariates, (Size) n * sizeof(double));
	return aggregate_datum(rows);
}

PG_FUNCTION_INFO_V1(promo_lift_rows_combine);

/*
 * lift_rows_combine(state bytea, other bytea) returns bytea
 */
Datum
promo_lift_rows_combine(PG_FUNCTION_ARGS)
{
	return rows_combine(fcinfo, ROWS_STATE);
}

PG_FUNCTION_INFO_V1(promo_lift_rows_final);

/*
 * lift_rows_final(state bytea) returns lift_report
 */
Datum
promo_lift_rows_final(PG_FUNCTION_ARGS)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	LiftReport	report;
	LiftRows   *rows;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	rows = rows_state(PG_GETARG_DATUM(0), ROWS_STATE);
	if (!lift_regression(rows->rows, rows->n, rows->covariates, &memory, &report))
		elog(ERROR, "out of memory in lift()");
	return report_result(fcinfo, &report);
}

PG_FUNCTION_INFO_V1(promo_winsorized_lift_accum);

/*
 * winsorized_lift_accum(state bytea, treated boolean, outcome float8,
 *		level float8) returns bytea
 */
Datum
promo_winsorized_lift_accum(PG_FUNCTION_ARGS)
{
	LiftRows   *rows;
	double		outcome;
	double		level;

	aggregate_check(fcinfo);
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("level must not be null")));
	level = PG_GETARG_FLOAT8(3);
	if (!(level > 0 && level <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("level must be above 0 and at most 1"),
				 errhint("A level of 0.999 sets what is above the 99.9 percentile to it.")));
	if (row_is_partial(fcinfo, 2))
		return state_as_it_is(fcinfo);
	outcome = aggregate_finite(fcinfo, 2, "outcome");
	if (PG_ARGISNULL(0))
		rows = rows_new(VALUES_STATE, ROWS_FIRST_ROOM, 0, level);
	else
	{
		rows = rows_state(PG_GETARG_DATUM(0), VALUES_STATE);
		if (rows->level != level)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("level must be the same in all rows"),
					 errdetail("It was %g, then %g.", rows->level, level)));
		rows = rows_with_room(rows, VALUES_STATE, rows->n + 1);
	}
	rows_next(rows, PG_GETARG_BOOL(1), outcome);
	return aggregate_datum(rows);
}

PG_FUNCTION_INFO_V1(promo_winsorized_lift_combine);

/*
 * winsorized_lift_combine(state bytea, other bytea) returns bytea
 */
Datum
promo_winsorized_lift_combine(PG_FUNCTION_ARGS)
{
	return rows_combine(fcinfo, VALUES_STATE);
}

static int
compare_outcomes(const void *a, const void *b)
{
	double		x = ((const double *) a)[1];
	double		y = ((const double *) b)[1];

	return (x > y) - (x < y);
}

PG_FUNCTION_INFO_V1(promo_winsorized_lift_final);

/*
 * winsorized_lift_final(state bytea) returns lift_report
 */
Datum
promo_winsorized_lift_final(PG_FUNCTION_ARGS)
{
	Lift		lift = {{0}, {0}};
	LiftReport	report;
	LiftRows   *rows;
	double	   *sorted;
	double		at;
	double		cap;
	uint64		below;
	uint64		i;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	rows = rows_state(PG_GETARG_DATUM(0), VALUES_STATE);
	if (rows->covariates != 0)
		aggregate_is_invalid();

	/* The percentile of both arms together, as percentile_cont has it */
	sorted = MemoryContextAllocHuge(CurrentMemoryContext, rows->n * 2 * sizeof(double));
	memcpy(sorted, rows->rows, rows->n * 2 * sizeof(double));
	qsort(sorted, rows->n, 2 * sizeof(double), compare_outcomes);
	at = rows->level * (double) (rows->n - 1);
	below = (uint64) Max(Min(at, (double) (rows->n - 1)), 0);
	cap = sorted[2 * below + 1];
	if (below + 1 < rows->n)
		cap += (at - (double) below) * (sorted[2 * below + 3] - cap);
	for (i = 0; i < rows->n; i++)
		lift_add_outcome(&lift, sorted[2 * i] != 0, Min(sorted[2 * i + 1], cap));
	pfree(sorted);
	lift_welch(&lift, &report);
	return report_result(fcinfo, &report);
}

/* Replicates */

static Bootstrap *
bootstrap_state(Datum datum)
{
	Size		size;
	Bootstrap  *sums = aggregate_content(datum, BOOTSTRAP_STATE, &size);

	if (!bootstrap_valid(sums, size))
		aggregate_is_invalid();
	return sums;
}

PG_FUNCTION_INFO_V1(promo_bootstrap_lift_accum);

/*
 * bootstrap_lift_accum(state bytea, treated boolean, outcome float8,
 *		customer text [, replicates int [, seed bigint]]) returns bytea
 */
Datum
promo_bootstrap_lift_accum(PG_FUNCTION_ARGS)
{
	int32		replicates = 1000;
	int64		seed = 0;
	Bootstrap  *sums;
	text	   *customer;
	double		outcome;

	aggregate_check(fcinfo);
	if ((PG_NARGS() > 4 && PG_ARGISNULL(4)) || (PG_NARGS() > 5 && PG_ARGISNULL(5)))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("replicates and seed must not be null")));
	if (PG_NARGS() > 4)
		replicates = PG_GETARG_INT32(4);
	if (PG_NARGS() > 5)
		seed = PG_GETARG_INT64(5);
	if (replicates < BOOTSTRAP_LEAST || replicates > BOOTSTRAP_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replicates must be %d to %d", BOOTSTRAP_LEAST, BOOTSTRAP_MOST)));
	if (row_is_partial(fcinfo, 3))
		return state_as_it_is(fcinfo);
	outcome = aggregate_finite(fcinfo, 2, "outcome");
	customer = PG_GETARG_TEXT_PP(3);
	if (PG_ARGISNULL(0))
	{
		sums = aggregate_new(BOOTSTRAP_STATE, bootstrap_size((uint32) replicates), "effects");
		bootstrap_start(sums, (uint32) replicates, (uint64) seed);
	}
	else
	{
		sums = bootstrap_state(PG_GETARG_DATUM(0));
		if (sums->replicates != (uint32) replicates || sums->seed != (uint64) seed)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("replicates and seed must be the same in all rows")));
	}
	bootstrap_add(sums, hash_keyed(VARDATA_ANY(customer), VARSIZE_ANY_EXHDR(customer),
								   (uint64) seed, 0),
				  PG_GETARG_BOOL(1), outcome);
	return aggregate_datum(sums);
}

PG_FUNCTION_INFO_V1(promo_bootstrap_lift_combine);

/*
 * bootstrap_lift_combine(state bytea, other bytea) returns bytea
 */
Datum
promo_bootstrap_lift_combine(PG_FUNCTION_ARGS)
{
	Bootstrap  *sums;
	Bootstrap  *other;

	aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return state_as_it_is(fcinfo);
	other = bootstrap_state(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		return aggregate_datum(other);
	sums = bootstrap_state(PG_GETARG_DATUM(0));
	if (sums->replicates != other->replicates || sums->seed != other->seed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replicates and seed must be the same in all rows")));
	bootstrap_merge(sums, other);
	return aggregate_datum(sums);
}

PG_FUNCTION_INFO_V1(promo_bootstrap_lift_final);

/*
 * bootstrap_lift_final(state bytea) returns lift_report
 */
Datum
promo_bootstrap_lift_final(PG_FUNCTION_ARGS)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	LiftReport	report;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!bootstrap_report(bootstrap_state(PG_GETARG_DATUM(0)), &memory, &report))
		elog(ERROR, "out of memory in bootstrap_lift()");
	return report_result(fcinfo, &report);
}

/* Reading and planning */

static double
argument_between(FunctionCallInfo fcinfo, int argument, const char *name, double low, double high)
{
	double		value = PG_GETARG_FLOAT8(argument);

	if (!(value > low && value < high))
	{
		if (isinf(high))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must be a finite number above %g", name, low)));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between %g and %g", name, low, high)));
	}
	return value;
}

PG_FUNCTION_INFO_V1(promo_lift_interval);

/*
 * lift_interval(difference float8, standard_error float8,
 *		degrees_of_freedom float8, confidence float8, OUT lower, OUT upper)
 */
Datum
promo_lift_interval(PG_FUNCTION_ARGS)
{
	double		confidence = argument_between(fcinfo, 3, "confidence", 0, 1);
	Datum		values[2];
	bool		nulls[2] = {false};
	double		lower;
	double		upper;

	lift_interval(PG_GETARG_FLOAT8(0), PG_GETARG_FLOAT8(1), PG_GETARG_FLOAT8(2),
				  confidence, &lower, &upper);
	record_number(lower, &values[0], &nulls[0]);
	record_number(upper, &values[1], &nulls[1]);
	return record_result(fcinfo, values, nulls);
}

PG_FUNCTION_INFO_V1(promo_sample_size);

/*
 * sample_size(difference, standard_deviation, power, alpha, treated_share,
 *		correlation, OUT treated_n bigint, OUT control_n bigint)
 */
Datum
promo_sample_size(PG_FUNCTION_ARGS)
{
	double		difference = PG_GETARG_FLOAT8(0);
	double		deviation = argument_between(fcinfo, 1, "standard_deviation", 0, INFINITY);
	double		power = argument_between(fcinfo, 2, "power", 0, 1);
	double		alpha = argument_between(fcinfo, 3, "alpha", 0, 1);
	double		share = argument_between(fcinfo, 4, "treated_share", 0, 1);
	double		correlation = argument_between(fcinfo, 5, "correlation", -1, 1);
	Datum		values[2];
	bool		nulls[2] = {false};
	double		treated;
	double		control;

	if (difference == 0 || !isfinite(difference))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("difference must be a finite number other than 0"),
				 errhint("It is the least effect that the test shall be able to see.")));
	lift_sample_size(difference, deviation, power, alpha, share, correlation, &treated, &control);
	if (!(treated < 1e18 && control < 1e18))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("no sample is large enough to see so small a difference")));
	values[0] = Int64GetDatum((int64) treated);
	values[1] = Int64GetDatum((int64) control);
	return record_result(fcinfo, values, nulls);
}

PG_FUNCTION_INFO_V1(promo_minimum_detectable_effect);

/*
 * minimum_detectable_effect(treated_n bigint, control_n bigint,
 *		standard_deviation, power, alpha, correlation) returns float8
 */
Datum
promo_minimum_detectable_effect(PG_FUNCTION_ARGS)
{
	int64		treated = PG_GETARG_INT64(0);
	int64		control = PG_GETARG_INT64(1);
	double		deviation = argument_between(fcinfo, 2, "standard_deviation", 0, INFINITY);
	double		power = argument_between(fcinfo, 3, "power", 0, 1);
	double		alpha = argument_between(fcinfo, 4, "alpha", 0, 1);
	double		correlation = argument_between(fcinfo, 5, "correlation", -1, 1);

	if (treated <= 0 || control <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("treated_n and control_n must be positive")));
	PG_RETURN_FLOAT8(lift_smallest((double) treated, (double) control, deviation, power,
								   alpha, correlation));
}

PG_FUNCTION_INFO_V1(promo_holm);

/*
 * holm(p_values float8[]) returns float8[]
 */
Datum
promo_holm(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum	   *values;
	bool	   *nulls;
	double	   *p;
	int			dims[1];
	int			lower[1] = {1};
	int			n;
	int			i;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("p_values must be an array of one dimension")));
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &nulls, &n);
	if (n > 10000)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many p-values"),
				 errdetail("There are %d; at most 10000 are allowed.", n)));
	p = palloc(sizeof(double) * (Size) Max(n, 1));
	for (i = 0; i < n; i++)
	{
		p[i] = nulls[i] ? NAN : DatumGetFloat8(values[i]);
		if (!nulls[i] && !(p[i] >= 0 && p[i] <= 1))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a p-value must be between 0 and 1"),
					 errdetail("Number %d is %g.", i + 1, p[i])));
	}
	lift_holm(p, palloc(sizeof(uint32) * (Size) Max(n, 1)), (uint32) n);
	for (i = 0; i < n; i++)
		values[i] = Float8GetDatum(p[i]);
	dims[0] = n;
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values, nulls, n > 0 ? 1 : 0, dims, lower,
											 FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
											 TYPALIGN_DOUBLE));
}
