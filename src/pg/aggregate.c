/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *	  States of aggregates that are bytea.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "storage/shmem.h"
#include "utils/memutils.h"

#include "pg/aggregate.h"
#include "promo.h"

typedef struct AggregateBytes
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	uint32		kind;
	char		content[FLEXIBLE_ARRAY_MEMBER]; /* aligned to 8 bytes */
} AggregateBytes;

void *
aggregate_new(uint32 kind, Size size, const char *what)
{
	AggregateBytes *state;

	size = add_size(size, offsetof(AggregateBytes, content));
	if (size > Min(promo_build_memory(), MaxAllocSize))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s over this many rows need more memory than allowed", what),
				 errdetail("The next step needs %zu bytes.", size),
				 promo_build_memory() < MaxAllocSize ?
				 errhint("Raise promo.build_memory, or take a sample of the rows.") :
				 errhint("Take a sample of the rows.")));
	state = palloc(size);
	SET_VARSIZE(state, size);
	state->kind = kind;
	return state->content;
}

Datum
aggregate_datum(void *content)
{
	return PointerGetDatum((char *) content - offsetof(AggregateBytes, content));
}

void *
aggregate_content(Datum datum, uint32 kind, Size *size)
{
	AggregateBytes *state = (AggregateBytes *) DatumGetPointer(datum);

	if (!VARATT_IS_4B_U(state) || (uintptr_t) state % MAXIMUM_ALIGNOF != 0)
		state = (AggregateBytes *) PG_DETOAST_DATUM_COPY(datum);
	if (VARSIZE(state) < offsetof(AggregateBytes, content) || state->kind != kind)
		aggregate_is_invalid();
	*size = VARSIZE(state) - offsetof(AggregateBytes, content);
	return state->content;
}

void
aggregate_is_invalid(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid state of an aggregate")));
}

void
aggregate_check(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("support function of an aggregate called outside an aggregate")));
}

double
aggregate_finite(FunctionCallInfo fcinfo, int argument, const char *what)
{
	double		value = PG_GETARG_FLOAT8(argument);

	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s must be a finite number", what),
				 errhint("Leave such rows out with FILTER (WHERE ...).")));
	return value;
}
