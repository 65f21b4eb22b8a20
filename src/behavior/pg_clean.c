/*-------------------------------------------------------------------------
 *
 * pg_clean.c
 *	  Bounds, clipping, imputation and samples for SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"
#include "windowapi.h"

#include "behavior/clean.h"
#include "behavior/tally.h"
#include "pg/memory.h"
#include "promo.h"

PG_FUNCTION_INFO_V1(promo_clip);
PG_FUNCTION_INFO_V1(promo_in_sample);
PG_FUNCTION_INFO_V1(promo_outlier_bounds_accum);
PG_FUNCTION_INFO_V1(promo_outlier_bounds_combine);
PG_FUNCTION_INFO_V1(promo_outlier_bounds_final);
PG_FUNCTION_INFO_V1(promo_impute_number);
PG_FUNCTION_INFO_V1(promo_impute_text);

/*
 * clip(x, low, high) returns float8
 *
 * The value nearest to x inside [low, high]; NaN stays NaN.
 */
Datum
promo_clip(PG_FUNCTION_ARGS)
{
	float8		x = PG_GETARG_FLOAT8(0);
	float8		low = PG_GETARG_FLOAT8(1);
	float8		high = PG_GETARG_FLOAT8(2);

	if (!(low <= high))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lower bound must not exceed upper bound"),
				 errdetail("Bounds are %g and %g.", low, high),
				 errhint("Bounds from the data come from promo.outlier_bounds().")));

	PG_RETURN_FLOAT8(range_clip(x, low, high));
}

/*
 * in_sample(key, share, seed) returns boolean
 *
 * Decided by the bytes of the key and the seed alone.
 */
Datum
promo_in_sample(PG_FUNCTION_ARGS)
{
	text	   *key = PG_GETARG_TEXT_PP(0);
	float8		share = PG_GETARG_FLOAT8(1);
	int64		seed = PG_GETARG_INT64(2);

	if (!(share >= 0 && share <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("share of a sample must be between 0 and 1"),
				 errdetail("The share is %g.", share)));

	PG_RETURN_BOOL(sample_place(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key),
								(uint64) seed) < share);
}

/*
 * The state of outlier_bounds: an array of float8 whose first element is the
 * number of the method, followed by the values.  Space that is left at the
 * end of the varlena, beyond what the array's bounds say, is for values to
 * come.
 */
#define STATE_VALUES(state) ((float8 *) ARR_DATA_PTR(state))
#define STATE_SIZE(count) (ARR_OVERHEAD_NONULLS(1) + (Size) (count) * sizeof(float8))
#define STATE_START 8

static OutlierMethod
method_by_name(text *name)
{
	char	   *given = text_to_cstring(name);
	int			i;

	for (i = 0; i < OUTLIER_METHODS; i++)
		if (strcmp(given, outlier_names[i]) == 0)
		{
			pfree(given);
			return (OutlierMethod) i;
		}

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized outlier method \"%s\"", given),
			 errhint("Methods are tukey, mad, percentile, log_tukey and log_mad.")));
	return OUTLIER_TUKEY;		/* not reached */
}

/*
 * An array that may have come in as text: none of its numbers is trusted.
 * Gives its length.
 */
static int
state_check(ArrayType *state)
{
	int			length = 0;

	if (ARR_NDIM(state) == 1 && !ARR_HASNULL(state) && ARR_ELEMTYPE(state) == FLOAT8OID)
		length = ARR_DIMS(state)[0];
	if (length < 1 || STATE_SIZE(length) > VARSIZE(state) ||
		!(STATE_VALUES(state)[0] >= 0 && STATE_VALUES(state)[0] < OUTLIER_METHODS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid state of aggregate outlier_bounds")));
	return length;
}

/* An empty array with space; the executor moves it to where it stays. */
static ArrayType *
state_make(Size capacity)
{
	Size		size = STATE_SIZE(capacity);
	ArrayType  *state;

	/* The final function needs as much again. */
	if (size > promo_build_memory() / 2 || !AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many values for aggregate outlier_bounds"),
				 errdetail("%zu values of one group need %zu kB, half of promo.build_memory is %zu kB.",
						   capacity, size / 1024, promo_build_memory() / 2 / 1024),
				 errhint("Raise promo.build_memory, up to 2 GB for this, or look at a part of the rows chosen by promo.in_sample().")));

	state = palloc(size);
	SET_VARSIZE(state, size);
	state->ndim = 1;
	state->dataoffset = 0;
	state->elemtype = FLOAT8OID;
	ARR_DIMS(state)[0] = 0;
	ARR_LBOUND(state)[0] = 1;
	return state;
}

/* The state with space for more values: itself, or a copy twice as large. */
static ArrayType *
state_reserve(ArrayType *state, int length, int more)
{
	ArrayType  *larger;
	Size		capacity = 2 * (Size) length;

	if (STATE_SIZE((Size) length + more) <= VARSIZE(state))
		return state;
	if (capacity < (Size) length + more)
		capacity = (Size) length + more;
	larger = state_make(capacity);
	memcpy(STATE_VALUES(larger), STATE_VALUES(state), length * sizeof(float8));
	ARR_DIMS(larger)[0] = length;
	return larger;
}

/* Changing a state in place is for aggregates only. */
static void
state_inside_aggregate(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("support function of outlier_bounds called outside an aggregate")));
}

static void
state_same_method(float8 one, float8 other)
{
	if (one != other)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("outlier method must be the same in all rows of a group"),
				 errdetail("Rows say \"%s\" and \"%s\".",
						   outlier_names[(int) one], outlier_names[(int) other])));
}

/* outlier_bounds_accum(state float8[], x float8, method text) returns float8[] */
Datum
promo_outlier_bounds_accum(PG_FUNCTION_ARGS)
{
	ArrayType  *state;
	OutlierMethod method;
	int			length;
	float8		x;

	state_inside_aggregate(fcinfo);
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("outlier method must not be null"),
				 errhint("Methods are tukey, mad, percentile, log_tukey and log_mad.")));
	method = method_by_name(PG_GETARG_TEXT_PP(2));

	if (PG_ARGISNULL(0))
	{
		state = state_make(STATE_START);
		STATE_VALUES(state)[0] = (float8) method;
		ARR_DIMS(state)[0] = 1;
	}
	else
		state = PG_GETARG_ARRAYTYPE_P(0);
	length = state_check(state);
	state_same_method(STATE_VALUES(state)[0], (float8) method);

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	x = PG_GETARG_FLOAT8(1);
	if (!isfinite(x))
		PG_RETURN_POINTER(state);

	state = state_reserve(state, length, 1);
	STATE_VALUES(state)[length] = x;
	ARR_DIMS(state)[0] = length + 1;
	PG_RETURN_POINTER(state);
}

/* outlier_bounds_combine(state float8[], other float8[]) returns float8[] */
Datum
promo_outlier_bounds_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *state;
	ArrayType  *other;
	int			length;
	int			more;

	state_inside_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = PG_GETARG_ARRAYTYPE_P(1);
	more = state_check(other) - 1;
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);

	state = PG_GETARG_ARRAYTYPE_P(0);
	length = state_check(state);
	state_same_method(STATE_VALUES(state)[0], STATE_VALUES(other)[0]);
	state = state_reserve(state, length, more);
	memcpy(STATE_VALUES(state) + length, STATE_VALUES(other) + 1,
		   more * sizeof(float8));
	ARR_DIMS(state)[0] = length + more;
	PG_RETURN_POINTER(state);
}

/* outlier_bounds_final(state float8[]) returns numrange */
Datum
promo_outlier_bounds_final(PG_FUNCTION_ARGS)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	ArrayType  *state;
	float8	   *values;
	int			count;
	double		low;
	double		high;
	bool		stopped;
	bool		found;
	RangeBound	lower;
	RangeBound	upper;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = PG_GETARG_ARRAYTYPE_P(0);
	count = state_check(state) - 1;

	values = MemoryContextAllocHuge(CurrentMemoryContext,
									Max(count, 1) * sizeof(float8));
	memcpy(values, STATE_VALUES(state) + 1, count * sizeof(float8));
	(void) values_sort(&memory, values, count);
	found = outlier_bounds(&memory, (OutlierMethod) STATE_VALUES(state)[0],
						   values, count, &low, &high, &stopped);
	pfree(values);
	if (!found)
		PG_RETURN_NULL();

	lower.val = DirectFunctionCall1(float8_numeric, Float8GetDatum(low));
	lower.infinite = false;
	lower.inclusive = true;
	lower.lower = true;
	upper.val = DirectFunctionCall1(float8_numeric, Float8GetDatum(high));
	upper.infinite = false;
	upper.inclusive = true;
	upper.lower = false;
#if PG_VERSION_NUM >= 160000
	PG_RETURN_RANGE_P(make_range(lookup_type_cache(NUMRANGEOID, TYPECACHE_RANGE_INFO),
								 &lower, &upper, false, NULL));
#else
	PG_RETURN_RANGE_P(make_range(lookup_type_cache(NUMRANGEOID, TYPECACHE_RANGE_INFO),
								 &lower, &upper, false));
#endif
}

typedef enum ImputeStrategy
{
	IMPUTE_MEAN,
	IMPUTE_MEDIAN,
	IMPUTE_MODE,
	IMPUTE_PREVIOUS,
	IMPUTE_NEXT,
	IMPUTE_ZERO
} ImputeStrategy;

static const char *const strategy_names[] = {
	"mean", "median", "mode", "previous", "next", "zero"
};

/*
 * What impute() knows of the partition it is in.  It outlasts the call in
 * fn_extra and is started anew at the first row of a partition; the context
 * holds the value where that is a text.
 */
typedef struct Imputation
{
	MemoryContext context;
	ImputeStrategy strategy;
	bool		found;			/* there is a value to put in */
	Datum		value;
	int64		at;				/* next: the row that value stands in; */
	bool		searched;		/* not found: there is none to the end */
} Imputation;

/* Is the value of a row missing?  NaN is, as NULL is. */
static bool
value_missing(bool is_number, Datum value, bool isnull)
{
	return isnull || (is_number && isnan(DatumGetFloat8(value)));
}

static ImputeStrategy
strategy_by_name(FunctionCallInfo fcinfo, WindowObject window, bool is_number)
{
	Datum		name;
	bool		isnull;
	char	   *given;
	int			i;

	if (!get_fn_expr_arg_stable(fcinfo->flinfo, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("imputation strategy must be the same in all rows"),
				 errhint("Write it as a constant.")));
	name = WinGetFuncArgCurrent(window, 1, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("imputation strategy must not be null")));
	given = TextDatumGetCString(name);
	for (i = 0; i < (int) lengthof(strategy_names); i++)
		if (strcmp(given, strategy_names[i]) == 0 &&
			(is_number || i == IMPUTE_MODE || i == IMPUTE_PREVIOUS || i == IMPUTE_NEXT))
			return (ImputeStrategy) i;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized imputation strategy \"%s\"", given),
			 is_number ?
			 errhint("Strategies are mean, median, mode, previous, next and zero; for another constant use coalesce().") :
			 errhint("Strategies for text are mode, previous and next; for a constant use coalesce().")));
	return IMPUTE_MEAN;			/* not reached */
}

/* An array twice as large, or an error that says how much it would take. */
static double *
grow_values(double *values, Size *capacity)
{
	const Size	width = sizeof(double);

	*capacity = *capacity == 0 ? 64 : *capacity * 2;
	if (*capacity * width > promo_build_memory())
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many values for impute in one partition"),
				 errdetail("%zu values need %zu kB, promo.build_memory is %zu kB.",
						   *capacity, *capacity * width / 1024, promo_build_memory() / 1024),
				 errhint("Raise promo.build_memory, or make the partitions smaller.")));
	if (values == NULL)
		return palloc_extended(*capacity * width, MCXT_ALLOC_HUGE);
	return repalloc_huge(values, *capacity * width);
}

/* Sets the value of the strategies that look at all numbers of a partition. */
static void
impute_from_numbers(Imputation *imputation, WindowObject window)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	int64		rows = WinGetPartitionRowCount(window);
	double	   *values = NULL;
	Size		capacity = 0;
	Size		count = 0;
	double		value = 0;
	int64		row;

	for (row = 0; row < rows; row++)
	{
		bool		isnull;
		bool		isout;
		Datum		found = WinGetFuncArgInPartition(window, 0, (int) row, WINDOW_SEEK_HEAD,
													 false, &isnull, &isout);

		CHECK_FOR_INTERRUPTS();
		if (value_missing(true, found, isnull))
			continue;
		if (count == capacity)
			values = grow_values(values, &capacity);
		values[count++] = DatumGetFloat8(found) + 0.0;	/* -0 becomes 0 */
	}
	if (count == 0)
		return;

	(void) values_sort(&memory, values, count);
	if (imputation->strategy == IMPUTE_MEAN)
		value = values_mean(values, count);
	else if (imputation->strategy == IMPUTE_MEDIAN)
		value = values_quantile(values, count, 0.5);
	else
		value = values_mode(values, count);
	pfree(values);
	imputation->found = true;
	imputation->value = Float8GetDatum(value);
}

/* Sets the most frequent text of a partition, of several the first by bytes. */
static void
impute_from_texts(Imputation *imputation, WindowObject window)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	int64		rows = WinGetPartitionRowCount(window);
	Tally		tally;
	TallyEntry *mode = NULL;
	int64		row;
	size_t		i;

	tally_start(&tally, &memory, promo_build_memory());
	for (row = 0; row < rows; row++)
	{
		bool		isnull;
		bool		isout;
		Datum		found = WinGetFuncArgInPartition(window, 0, (int) row, WINDOW_SEEK_HEAD,
													 false, &isnull, &isout);
		text	   *value;

		CHECK_FOR_INTERRUPTS();
		if (isnull)
			continue;
		value = DatumGetTextPP(found);
		if (tally_add(&tally, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)) != TALLY_ADDED)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many values for impute in one partition"),
					 errdetail("%zu different values fill promo.build_memory, which is %zu kB.",
							   tally.count, promo_build_memory() / 1024),
					 errhint("Raise promo.build_memory, or make the partitions smaller.")));
		if ((Pointer) value != DatumGetPointer(found))
			pfree(value);
	}

	for (i = 0; i < tally.count; i++)
	{
		TallyEntry *entry = &tally.entries[i];

		if (mode == NULL || entry->count > mode->count)
			mode = entry;
		else if (entry->count == mode->count)
		{
			int			order = memcmp(entry->bytes, mode->bytes, Min(entry->size, mode->size));

			if (order < 0 || (order == 0 && entry->size < mode->size))
				mode = entry;
		}
	}
	if (mode != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(imputation->context);

		imputation->found = true;
		imputation->value = PointerGetDatum(cstring_to_text_with_len(mode->bytes, mode->size));
		MemoryContextSwitchTo(old);
	}
	tally_empty(&tally);
}

/* Keeps a value beyond the row that it came from. */
static void
impute_keep(Imputation *imputation, bool is_number, Datum value, int64 at)
{
	MemoryContext old;

	MemoryContextReset(imputation->context);
	old = MemoryContextSwitchTo(imputation->context);
	if (is_number)
		imputation->value = Float8GetDatum(DatumGetFloat8(value));
	else
		imputation->value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	MemoryContextSwitchTo(old);
	imputation->found = true;
	imputation->at = at;
}

/* Looks below a missing value for the next one that is there. */
static void
impute_search(Imputation *imputation, WindowObject window, bool is_number, int64 from)
{
	int64		row;

	imputation->found = false;
	for (row = from;; row++)
	{
		bool		isnull;
		bool		isout;
		Datum		value = WinGetFuncArgInPartition(window, 0, (int) row, WINDOW_SEEK_HEAD,
													 false, &isnull, &isout);

		CHECK_FOR_INTERRUPTS();
		if (isout)
			break;
		if (!value_missing(is_number, value, isnull))
		{
			impute_keep(imputation, is_number, value, row);
			return;
		}
	}
	imputation->searched = true;
}

/* What a partition needs to know before its first row is answered. */
static void
impute_start(FunctionCallInfo fcinfo, Imputation *imputation,
			 WindowObject window, bool is_number)
{
	MemoryContextReset(imputation->context);
	imputation->strategy = strategy_by_name(fcinfo, window, is_number);
	imputation->found = false;
	imputation->searched = false;
	imputation->at = -1;

	switch (imputation->strategy)
	{
		case IMPUTE_ZERO:
			impute_keep(imputation, true, Float8GetDatum(0), 0);
			break;
		case IMPUTE_MEAN:
		case IMPUTE_MEDIAN:
		case IMPUTE_MODE:
			/* Rows of a partition are numbered by int where they are sought. */
			if (WinGetPartitionRowCount(window) > PG_INT32_MAX)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("too many rows for impute in one partition")));
			if (is_number)
				impute_from_numbers(imputation, window);
			else
				impute_from_texts(imputation, window);
			break;
		case IMPUTE_PREVIOUS:
		case IMPUTE_NEXT:
			break;
	}
}

static Datum
impute(FunctionCallInfo fcinfo, bool is_number)
{
	WindowObject window = PG_WINDOW_OBJECT();
	Imputation *imputation = fcinfo->flinfo->fn_extra;
	int64		here = WinGetCurrentPosition(window);
	bool		isnull;
	Datum		value;

	if (imputation == NULL)
	{
		imputation = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Imputation));
		imputation->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
													"promo impute",
													ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = imputation;
	}
	if (here == 0)
		impute_start(fcinfo, imputation, window, is_number);
	WinSetMarkPosition(window, here);

	value = WinGetFuncArgCurrent(window, 0, &isnull);
	if (!value_missing(is_number, value, isnull))
	{
		if (imputation->strategy == IMPUTE_PREVIOUS)
			impute_keep(imputation, is_number, value, here);
		PG_RETURN_DATUM(value);
	}

	if (imputation->strategy == IMPUTE_NEXT && imputation->at < here && !imputation->searched)
		impute_search(imputation, window, is_number, here + 1);
	if (!imputation->found)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(imputation->value);
}

/*
 * impute(x float8, strategy) OVER (...) returns float8
 *
 * x, or where it is NULL or NaN what the strategy makes of the other values
 * of the partition.
 */
Datum
promo_impute_number(PG_FUNCTION_ARGS)
{
	return impute(fcinfo, true);
}

/* impute(x text, strategy) OVER (...) returns text */
Datum
promo_impute_text(PG_FUNCTION_ARGS)
{
	return impute(fcinfo, false);
}
