/*-------------------------------------------------------------------------
 *
 * pg_lifetime.c
 *	  Lifetime value in SQL: the types of its fits, the aggregates that make
 *	  them, and their predictions.
 *
 * A stored fit is its form in bytes, under a varlena header.  The state of
 * both aggregates is a flat value with room to grow, changed in place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "pg/compat.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "behavior/lifetime.h"
#include "pg/memory.h"

static const char *const type_name[] = {"bgnbd", "gamma_gamma"};
static const char *const model_name[] = {"BG/NBD", "Gamma-Gamma"};

#define HINT_PURCHASES "frequency counts the purchases after the first, recency is the time from the first purchase to the last, and t the time from the first purchase to now, all in one unit."
#define HINT_SPEND "frequency counts the purchases after the first, and monetary is the mean amount of these."

static const char *const customer_hint[] = {
	HINT_PURCHASES,
	HINT_SPEND " Customers without a positive amount are left out by FILTER (WHERE monetary > 0)."
};

/* ---- the fits as values ---- */

static Datum
fit_datum(const LifetimeFit *fit)
{
	bytea	   *value = (bytea *) palloc(VARHDRSZ + LIFETIME_BYTES);
	size_t		size = lifetime_write_bytes(fit, (unsigned char *) VARDATA(value));

	SET_VARSIZE(value, VARHDRSZ + size);
	PG_RETURN_BYTEA_P(value);
}

static void
fit_argument(FunctionCallInfo fcinfo, int argument, LifetimeModel model, LifetimeFit *fit)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(argument);
	LifetimeFaults faults = {0};

	if (!lifetime_read_bytes(model, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), fit, &faults))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored value of type %s is damaged", type_name[model]),
				 errdetail_internal("%s", faults.text)));
}

static Datum
fit_in(FunctionCallInfo fcinfo, LifetimeModel model)
{
	char	   *text = PG_GETARG_CSTRING(0);
	LifetimeFit fit;
	LifetimeFaults faults = {0};

	if (!lifetime_read_text(model, text, &fit, &faults))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", type_name[model], text),
				 errdetail_internal("%s", faults.text),
				 errhint("A value of this type looks like \"%s\".",
						 model == LIFETIME_BGNBD ? "r=0.24 alpha=4.41 a=0.79 b=2.43" :
						 "p=6.25 q=3.74 v=15.44")));
	return fit_datum(&fit);
}

static Datum
fit_out(FunctionCallInfo fcinfo, LifetimeModel model)
{
	char	   *text = palloc(LIFETIME_TEXT);
	LifetimeFit fit;

	fit_argument(fcinfo, 0, model, &fit);
	lifetime_write_text(&fit, text);
	PG_RETURN_CSTRING(text);
}

static Datum
fit_recv(FunctionCallInfo fcinfo, LifetimeModel model)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;
	const char *bytes = pq_getmsgbytes(message, size);
	LifetimeFit fit;
	LifetimeFaults faults = {0};

	if (!lifetime_read_bytes(model, bytes, size, &fit, &faults))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary value of type %s", type_name[model]),
				 errdetail_internal("%s", faults.text)));
	return fit_datum(&fit);
}

static Datum
fit_send(FunctionCallInfo fcinfo, LifetimeModel model)
{
	LifetimeFit fit;

	fit_argument(fcinfo, 0, model, &fit);
	return fit_datum(&fit);
}

/* One row of parameters(): NaN stands for NULL */
static void
put_parameter(ReturnSetInfo *result, const char *name, double value, double error)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = Float8GetDatum(value);
	nulls[1] = isnan(value);
	values[2] = Float8GetDatum(error);
	nulls[2] = isnan(error);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
fit_parameters(FunctionCallInfo fcinfo, LifetimeModel model)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	LifetimeFit fit;
	int			i;

	fit_argument(fcinfo, 0, model, &fit);
	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < lifetime_parameter_count(model); i++)
		put_parameter(result, lifetime_parameter_name(model, i), fit.value[i], fit.standard_error[i]);
	put_parameter(result, "log_likelihood", fit.log_likelihood, NAN);
	put_parameter(result, "customers", fit.customers >= 0 ? (double) fit.customers : NAN, NAN);
	put_parameter(result, "iterations", fit.iterations >= 0 ? (double) fit.iterations : NAN, NAN);
	put_parameter(result, "gradient", fit.gradient, NAN);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(promo_bgnbd_in);
Datum
promo_bgnbd_in(PG_FUNCTION_ARGS)
{
	return fit_in(fcinfo, LIFETIME_BGNBD);
}

PG_FUNCTION_INFO_V1(promo_bgnbd_out);
Datum
promo_bgnbd_out(PG_FUNCTION_ARGS)
{
	return fit_out(fcinfo, LIFETIME_BGNBD);
}

PG_FUNCTION_INFO_V1(promo_bgnbd_recv);
Datum
promo_bgnbd_recv(PG_FUNCTION_ARGS)
{
	return fit_recv(fcinfo, LIFETIME_BGNBD);
}

PG_FUNCTION_INFO_V1(promo_bgnbd_send);
Datum
promo_bgnbd_send(PG_FUNCTION_ARGS)
{
	return fit_send(fcinfo, LIFETIME_BGNBD);
}

PG_FUNCTION_INFO_V1(promo_bgnbd_parameters);
Datum
promo_bgnbd_parameters(PG_FUNCTION_ARGS)
{
	return fit_parameters(fcinfo, LIFETIME_BGNBD);
}

PG_FUNCTION_INFO_V1(promo_gamma_gamma_in);
Datum
promo_gamma_gamma_in(PG_FUNCTION_ARGS)
{
	return fit_in(fcinfo, LIFETIME_GAMMA_GAMMA);
}

PG_FUNCTION_INFO_V1(promo_gamma_gamma_out);
Datum
promo_gamma_gamma_out(PG_FUNCTION_ARGS)
{
	return fit_out(fcinfo, LIFETIME_GAMMA_GAMMA);
}

PG_FUNCTION_INFO_V1(promo_gamma_gamma_recv);
Datum
promo_gamma_gamma_recv(PG_FUNCTION_ARGS)
{
	return fit_recv(fcinfo, LIFETIME_GAMMA_GAMMA);
}

PG_FUNCTION_INFO_V1(promo_gamma_gamma_send);
Datum
promo_gamma_gamma_send(PG_FUNCTION_ARGS)
{
	return fit_send(fcinfo, LIFETIME_GAMMA_GAMMA);
}

PG_FUNCTION_INFO_V1(promo_gamma_gamma_parameters);
Datum
promo_gamma_gamma_parameters(PG_FUNCTION_ARGS)
{
	return fit_parameters(fcinfo, LIFETIME_GAMMA_GAMMA);
}

/* ---- the state of the aggregates ---- */

/*
 * The first `sorted` customers are compacted, the others came since.  There is
 * room for as many as fit into the value's size.
 */
typedef struct LifetimeState
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		version;
	uint8		model;
	uint16		unused;
	uint32		used;
	uint32		sorted;
	LifetimeCustomers customers[FLEXIBLE_ARRAY_MEMBER];
} LifetimeState;

#define STATE_VERSION 1
#define STATE_SIZE(room) (offsetof(LifetimeState, customers) + (room) * sizeof(LifetimeCustomers))
#define STATE_ROOM(state) ((VARSIZE(state) - offsetof(LifetimeState, customers)) / sizeof(LifetimeCustomers))
#define STATE_FIRST_ROOM 10
#define STATE_MOST ((MaxAllocSize - offsetof(LifetimeState, customers)) / sizeof(LifetimeCustomers))

static LifetimeState *
state_new(LifetimeModel model, Size room)
{
	LifetimeState *state = palloc(STATE_SIZE(room));

	memset(state, 0, offsetof(LifetimeState, customers));
	SET_VARSIZE(state, STATE_SIZE(room));
	state->version = STATE_VERSION;
	state->model = model;
	return state;
}

static LifetimeState *
state_argument(FunctionCallInfo fcinfo, int argument)
{
	LifetimeState *state = (LifetimeState *) PG_DETOAST_DATUM(PG_GETARG_DATUM(argument));

	if (VARSIZE(state) < STATE_SIZE(0) || state->version != STATE_VERSION ||
		state->used > STATE_ROOM(state) || state->sorted > state->used)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored value of type lifetime_state is damaged")));
	return state;
}

static void
state_must_be(const LifetimeState *state, LifetimeModel model)
{
	if (state->model != model)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lifetime_state holds customers for another model"),
				 errdetail("It was collected for %s, not for %s.",
						   model_name[state->model == LIFETIME_BGNBD ? LIFETIME_BGNBD : LIFETIME_GAMMA_GAMMA],
						   model_name[model])));
}

/* The executor's own state is changed in place, anybody else's is copied. */
static LifetimeState *
state_to_change(FunctionCallInfo fcinfo, LifetimeModel model)
{
	LifetimeState *state;
	LifetimeState *copy;

	if (PG_ARGISNULL(0))
		return state_new(model, STATE_FIRST_ROOM);
	state = state_argument(fcinfo, 0);
	if (AggCheckCallContext(fcinfo, NULL))
		return state;
	copy = palloc(VARSIZE(state));
	memcpy(copy, state, VARSIZE(state));
	return copy;
}

static void
state_compact(LifetimeState *state)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	size_t		used = state->used;

	if (!lifetime_compact(&memory, state->customers, state->sorted, &used))
		elog(ERROR, "could not sort customers");
	state->used = used;
	state->sorted = used;
}

/*
 * The state with room for more customers.  Equal ones are counted together
 * first; where that leaves more than half in use, it doubles, so that each
 * customer is moved and sorted a few times at most.
 */
static LifetimeState *
state_room(LifetimeState *state, Size more)
{
	LifetimeState *larger;
	Size		need;
	Size		room;

	if (state->used + more <= STATE_ROOM(state))
		return state;
	state_compact(state);
	need = state->used + more;
	if (need <= STATE_ROOM(state) / 2)
		return state;
	if (need > STATE_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many different customers in one fit"),
				 errdetail("At most %zu fit in.", (size_t) STATE_MOST),
				 errhint("A sample is as good: FILTER (WHERE promo.in_sample(customer, 0.1, 1)).")));
	room = Min(Max(2 * need, STATE_FIRST_ROOM), STATE_MOST);
	larger = state_new(state->model, room);
	larger->used = state->used;
	larger->sorted = state->sorted;
	memcpy(larger->customers, state->customers, state->used * sizeof(LifetimeCustomers));
	return larger;
}

/* Adding 0 turns the other zero, -0, into it, so that both are one customer. */
static LifetimeState *
state_add(LifetimeState *state, double frequency, double value, double t)
{
	LifetimeCustomers *customer;

	state = state_room(state, 1);
	customer = &state->customers[state->used++];
	customer->frequency = (uint32) frequency;
	customer->value = value + 0.0;
	customer->t = t + 0.0;
	customer->count = 1;
	return state;
}

static void
refuse_customer(LifetimeModel model, const LifetimeFaults *faults)
{
	if (faults->used > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s cannot take such a customer", model_name[model]),
				 errdetail_internal("%s", faults->text),
				 errhint("%s", customer_hint[model])));
}

static void
refuse_prediction(const LifetimeFaults *faults, const char *hint)
{
	if (faults->used > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot predict from such figures"),
				 errdetail_internal("%s", faults->text),
				 errhint("%s", hint)));
}

/* A row in which something is NULL leaves the state as it is. */
static Datum
state_unchanged(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

PG_FUNCTION_INFO_V1(promo_bgnbd_accum);

/*
 * bgnbd_accum(state, frequency, recency, t) returns lifetime_state
 */
Datum
promo_bgnbd_accum(PG_FUNCTION_ARGS)
{
	double		frequency;
	double		recency;
	double		t;
	LifetimeFaults faults;
	LifetimeState *state;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return state_unchanged(fcinfo);
	frequency = PG_GETARG_FLOAT8(1);
	recency = PG_GETARG_FLOAT8(2);
	t = PG_GETARG_FLOAT8(3);
	faults.used = 0;
	lifetime_check_frequency(frequency, &faults);
	lifetime_check_times(frequency, recency, t, &faults);
	refuse_customer(LIFETIME_BGNBD, &faults);

	state = state_to_change(fcinfo, LIFETIME_BGNBD);
	state_must_be(state, LIFETIME_BGNBD);
	PG_RETURN_POINTER(state_add(state, frequency, recency, t));
}

PG_FUNCTION_INFO_V1(promo_gamma_gamma_accum);

/*
 * gamma_gamma_accum(state, frequency, monetary) returns lifetime_state
 *
 * Who bought but once has no amounts to learn from.
 */
Datum
promo_gamma_gamma_accum(PG_FUNCTION_ARGS)
{
	double		frequency;
	double		monetary;
	LifetimeFaults faults;
	LifetimeState *state;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_GETARG_FLOAT8(1) == 0)
		return state_unchanged(fcinfo);
	frequency = PG_GETARG_FLOAT8(1);
	monetary = PG_GETARG_FLOAT8(2);
	faults.used = 0;
	lifetime_check_frequency(frequency, &faults);
	lifetime_check_monetary(frequency, monetary, &faults);
	refuse_customer(LIFETIME_GAMMA_GAMMA, &faults);

	state = state_to_change(fcinfo, LIFETIME_GAMMA_GAMMA);
	state_must_be(state, LIFETIME_GAMMA_GAMMA);
	PG_RETURN_POINTER(state_add(state, frequency, monetary, 0));
}

PG_FUNCTION_INFO_V1(promo_lifetime_state_combine);

/*
 * lifetime_state_combine(state, other) returns lifetime_state
 */
Datum
promo_lifetime_state_combine(PG_FUNCTION_ARGS)
{
	LifetimeState *other = state_argument(fcinfo, 1);
	LifetimeState *state = state_to_change(fcinfo, (LifetimeModel) other->model);

	state_must_be(other, (LifetimeModel) state->model);
	state = state_room(state, other->used);
	memcpy(state->customers + state->used, other->customers,
		   other->used * sizeof(LifetimeCustomers));
	state->used += other->used;
	PG_RETURN_POINTER(state);
}

/* ---- the state as a value ---- */

/* The compacted state as bytes behind `header` bytes of space. */
static unsigned char *
state_wire(FunctionCallInfo fcinfo, Size header, Size *size)
{
	LifetimeState *state = state_argument(fcinfo, 0);
	LifetimeState *copy = palloc(VARSIZE(state));
	unsigned char *wire;

	memcpy(copy, state, VARSIZE(state));
	state_compact(copy);

	/* As text it is twice as long, and must still be an allocation. */
	if (copy->used > (MaxAllocSize / 2 - 2 * VARHDRSZ - LIFETIME_STATE_HEAD) / LIFETIME_STATE_CUSTOMERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value of type lifetime_state is too large to be sent"),
				 errdetail("It holds %u different customers.", copy->used)));
	wire = palloc(header + LIFETIME_STATE_HEAD + (Size) copy->used * LIFETIME_STATE_CUSTOMERS);
	*size = lifetime_write_state((LifetimeModel) copy->model, copy->customers, copy->used, wire + header) -
		(wire + header);
	pfree(copy);
	return wire;
}

static Datum
state_from_wire(const void *wire, Size size, int sqlerrcode)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	LifetimeFaults faults = {0};
	LifetimeCustomers *customers;
	LifetimeState *state;
	LifetimeModel model;
	size_t		used;

	if (!lifetime_read_state(&memory, wire, size, &model, &customers, &used, &faults))
		ereport(ERROR,
				(errcode(sqlerrcode),
				 errmsg("invalid value of type lifetime_state"),
				 errdetail_internal("%s", faults.text)));
	if (used > STATE_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many different customers in a value of type lifetime_state")));
	state = state_new(model, Max(used, STATE_FIRST_ROOM));
	memcpy(state->customers, customers, used * sizeof(LifetimeCustomers));
	state->used = used;
	pfree(customers);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(promo_lifetime_state_in);

Datum
promo_lifetime_state_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	Size		length = strlen(text);
	char	   *wire = palloc(length / 2 + 1);

	return state_from_wire(wire, hex_decode(text, length, wire), ERRCODE_INVALID_TEXT_REPRESENTATION);
}

PG_FUNCTION_INFO_V1(promo_lifetime_state_out);

Datum
promo_lifetime_state_out(PG_FUNCTION_ARGS)
{
	Size		size;
	char	   *wire = (char *) state_wire(fcinfo, 0, &size);
	char	   *text = palloc(2 * size + 1);

	text[hex_encode(wire, size, text)] = '\0';
	PG_RETURN_CSTRING(text);
}

PG_FUNCTION_INFO_V1(promo_lifetime_state_recv);

Datum
promo_lifetime_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;
	const char *wire = pq_getmsgbytes(message, size);

	return state_from_wire(wire, size, ERRCODE_INVALID_BINARY_REPRESENTATION);
}

PG_FUNCTION_INFO_V1(promo_lifetime_state_send);

Datum
promo_lifetime_state_send(PG_FUNCTION_ARGS)
{
	Size		size;
	bytea	   *wire = (bytea *) state_wire(fcinfo, VARHDRSZ, &size);

	SET_VARSIZE(wire, VARHDRSZ + size);
	PG_RETURN_BYTEA_P(wire);
}

/* ---- the fits ---- */

/* "r = 0.243, alpha = 4.41, ..." */
static char *
fit_place(const LifetimeFit *fit)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	for (i = 0; i < lifetime_parameter_count(fit->model); i++)
		appendStringInfo(&text, "%s%s = %.3g", i > 0 ? ", " : "",
						 lifetime_parameter_name(fit->model, i), fit->value[i]);
	return text.data;
}

static void
refuse_fit(LifetimeStatus status, const LifetimeFit *fit, const LifetimeLimit *limit)
{
	switch (status)
	{
		case LIFETIME_TOO_FEW:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("too few customers to fit %s", model_name[fit->model]),
					 errdetail(fit->customers == 1 ? "There is one customer%s." :
							   "There is no customer%s.",
							   fit->model == LIFETIME_GAMMA_GAMMA ? " with a purchase after the first" : "")));
			break;
		case LIFETIME_NO_REPEAT:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("no customer came back, so %s cannot be fitted", model_name[fit->model]),
					 errdetail("The frequency is 0 for all " INT64_FORMAT " customers.", fit->customers),
					 errhint("%s", customer_hint[fit->model])));
			break;
		case LIFETIME_NOT_CONVERGED:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("maximum likelihood of %s did not converge", model_name[fit->model]),
					 limit->parameter >= 0 ?
					 errdetail("Over " INT64_FORMAT " customers the log likelihood still rises as %s goes to %s; it came to %.6g at %s.",
							   fit->customers, lifetime_parameter_name(fit->model, limit->parameter),
							   limit->to_infinity ? "infinity" : "0", fit->log_likelihood, fit_place(fit)) :
					 errdetail("Over " INT64_FORMAT " customers the log likelihood came to %.6g at %s in %d steps.",
							   fit->customers, fit->log_likelihood, fit_place(fit), fit->iterations),
					 fit->model == LIFETIME_BGNBD ?
					 errhint("The model needs customers who buy at different rates and some who seem to have left; take more customers, or a longer time.") :
					 errhint("The model needs customers whose mean amounts differ, and some with several purchases; take more customers.")));
			break;
		case LIFETIME_STOPPED:
		case LIFETIME_FITTED:
			elog(ERROR, "unexpected end of a fit: %d", (int) status);
	}
}

static Datum
fit_final(FunctionCallInfo fcinfo, LifetimeModel model)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	LifetimeCustomers *customers = NULL;
	size_t		used = 0;
	LifetimeFit fit;
	LifetimeLimit limit;
	LifetimeStatus status;

	/* The state may be needed again, so it is a copy that gets sorted. */
	if (!PG_ARGISNULL(0))
	{
		LifetimeState *state = state_argument(fcinfo, 0);

		state_must_be(state, model);
		used = state->used;
		customers = MemoryContextAllocHuge(CurrentMemoryContext, (used + 1) * sizeof(LifetimeCustomers));
		memcpy(customers, state->customers, used * sizeof(LifetimeCustomers));
		if (!lifetime_compact(&memory, customers, state->sorted, &used))
			elog(ERROR, "could not sort customers");
	}
	status = lifetime_fit(&memory, model, customers, used, &fit, &limit);
	if (status != LIFETIME_FITTED)
		refuse_fit(status, &fit, &limit);
	return fit_datum(&fit);
}

PG_FUNCTION_INFO_V1(promo_bgnbd_final);
Datum
promo_bgnbd_final(PG_FUNCTION_ARGS)
{
	return fit_final(fcinfo, LIFETIME_BGNBD);
}

PG_FUNCTION_INFO_V1(promo_gamma_gamma_final);
Datum
promo_gamma_gamma_final(PG_FUNCTION_ARGS)
{
	return fit_final(fcinfo, LIFETIME_GAMMA_GAMMA);
}

/* ---- predictions ---- */

static Datum
return_finite(double result)
{
	if (!isfinite(result))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("prediction is out of range for double precision")));
	PG_RETURN_FLOAT8(result);
}

static double
expected_spend(const LifetimeFit *fit, double frequency, double monetary)
{
	double		spend;

	if (!lifetime_spend(fit, frequency, monetary, &spend))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("expected spend is infinite"),
				 errdetail("With p = %g and q = %g, the mean amount of customers with a frequency of %g has no finite mean.",
						   fit->value[LIFETIME_P], fit->value[LIFETIME_Q], frequency),
				 errhint("Few very large amounts do this: promo.clip() takes them off before the fit.")));
	return spend;
}

PG_FUNCTION_INFO_V1(promo_p_alive);

/*
 * p_alive(fit, frequency, recency, t) returns float8
 */
Datum
promo_p_alive(PG_FUNCTION_ARGS)
{
	double		frequency = PG_GETARG_FLOAT8(1);
	double		recency = PG_GETARG_FLOAT8(2);
	double		t = PG_GETARG_FLOAT8(3);
	LifetimeFaults faults = {0};
	LifetimeFit fit;

	fit_argument(fcinfo, 0, LIFETIME_BGNBD, &fit);
	lifetime_check_frequency(frequency, &faults);
	lifetime_check_times(frequency, recency, t, &faults);
	refuse_prediction(&faults, HINT_PURCHASES);
	return return_finite(lifetime_alive(&fit, frequency, recency, t));
}

PG_FUNCTION_INFO_V1(promo_expected_purchases);

/*
 * expected_purchases(fit, horizon, frequency, recency, t) returns float8
 */
Datum
promo_expected_purchases(PG_FUNCTION_ARGS)
{
	double		horizon = PG_GETARG_FLOAT8(1);
	double		frequency = PG_GETARG_FLOAT8(2);
	double		recency = PG_GETARG_FLOAT8(3);
	double		t = PG_GETARG_FLOAT8(4);
	LifetimeFaults faults = {0};
	LifetimeFit fit;

	fit_argument(fcinfo, 0, LIFETIME_BGNBD, &fit);
	lifetime_check_ahead(horizon, 0, &faults);
	lifetime_check_frequency(frequency, &faults);
	lifetime_check_times(frequency, recency, t, &faults);
	refuse_prediction(&faults, HINT_PURCHASES);
	return return_finite(lifetime_purchases(&fit, horizon, frequency, recency, t));
}

PG_FUNCTION_INFO_V1(promo_expected_spend);

/*
 * expected_spend(fit, frequency, monetary) returns float8
 */
Datum
promo_expected_spend(PG_FUNCTION_ARGS)
{
	double		frequency = PG_GETARG_FLOAT8(1);
	double		monetary = PG_GETARG_FLOAT8(2);
	LifetimeFaults faults = {0};
	LifetimeFit fit;

	fit_argument(fcinfo, 0, LIFETIME_GAMMA_GAMMA, &fit);
	lifetime_check_frequency(frequency, &faults);
	lifetime_check_monetary(frequency, monetary, &faults);
	refuse_prediction(&faults, HINT_SPEND);
	return return_finite(expected_spend(&fit, frequency, monetary));
}

PG_FUNCTION_INFO_V1(promo_lifetime_value);

/*
 * lifetime_value(purchases, spend, horizon, frequency, recency, t, monetary,
 *				  discount_rate) returns float8
 *
 * Expected purchases over the horizon, each discounted by (1 + rate) to the
 * power of the time until it, times the expected spend.
 */
Datum
promo_lifetime_value(PG_FUNCTION_ARGS)
{
	double		horizon = PG_GETARG_FLOAT8(2);
	double		frequency = PG_GETARG_FLOAT8(3);
	double		recency = PG_GETARG_FLOAT8(4);
	double		t = PG_GETARG_FLOAT8(5);
	double		monetary = PG_GETARG_FLOAT8(6);
	double		rate = PG_GETARG_FLOAT8(7);
	LifetimeFaults faults = {0};
	LifetimeFit purchases;
	LifetimeFit spend;

	fit_argument(fcinfo, 0, LIFETIME_BGNBD, &purchases);
	fit_argument(fcinfo, 1, LIFETIME_GAMMA_GAMMA, &spend);
	lifetime_check_ahead(horizon, rate, &faults);
	lifetime_check_frequency(frequency, &faults);
	lifetime_check_times(frequency, recency, t, &faults);
	lifetime_check_monetary(frequency, monetary, &faults);
	refuse_prediction(&faults, HINT_PURCHASES " monetary is the mean amount of the purchases after the first.");
	return return_finite(lifetime_discounted(&purchases, horizon, rate, frequency, recency, t) *
						 expected_spend(&spend, frequency, monetary));
}
