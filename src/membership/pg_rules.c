/*-------------------------------------------------------------------------
 *
 * pg_rules.c
 *	  The points of a purchase, as a program's rules count them at its posting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "membership/pg_purchase.h"
#include "membership/pg_rules.h"
#include "pg/build.h"
#include "pg/spi.h"
#include "pg/zone.h"

void
program_rules_read(int64 program_id, const Jsonb *earning, text *time_zone, int exponent,
				   ProgramRules *rules)
{
	static const EarnPurchase nothing = {0};
	JsonFaults	faults;
	JsonReader	reader;
	int			i;

	rules->program_id = program_id;
	rules->exponent = exponent;
	rules->time_zone = time_zone;
	rules->has_rules = earning != NULL;
	rules->asks = 0;
	pg_zone_start(&rules->zone, time_zone);
	if (earning == NULL)
		return;
	json_faults_start(&faults);
	json_open(&reader, &faults, "earning", earning);
	earning_read_rules(&reader, &rules->read);
	json_close(&reader);
	json_faults_raise(&faults, "program");
	for (i = 0; i < rules->read.rules.n_rules; i++)
		rules->asks |= earn_must_know(&rules->read.rules.rules[i], &nothing) & (EARN_KNOWS_TIER | EARN_KNOWS_NUMBER);
}

void
member_past_start(MemberPast *past, int64 customer_id, MemoryContext context)
{
	past->customer_id = customer_id;
	past->context = context;
	past->orders = -1;
	past->new_orders = 0;
	past->tier = NULL;
	past->tier_until = DT_NOBEGIN;
	past->period_until = DT_NOBEGIN;
}

void
member_past_add(const ProgramRules *rules, MemberPast *past, Datum amount)
{
	if ((rules->asks & EARN_KNOWS_NUMBER) != 0 &&
		DatumGetBool(DirectFunctionCall2(numeric_gt, amount,
										 DirectFunctionCall1(int8_numeric, Int64GetDatum(0)))))
		past->new_orders++;
}

/* The first column of the one row that a lookup gives; NULL where there is none */
static Datum
look_up(SPIPlanPtr *plan, const char *statement, int count, const Oid *types, const Datum *values,
		Datum *second, bool *null, bool *second_null)
{
	SPITupleTable *before = SPI_tuptable;
	Datum		value = (Datum) 0;

	*null = true;
	if (spi_run_kept(plan, statement, count, types, values, NULL) > 0)
	{
		HeapTuple	row = SPI_tuptable->vals[0];

		value = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, null);
		if (second != NULL)
			*second = SPI_getbinval(row, SPI_tuptable->tupdesc, 2, second_null);
		if (!*null && SPI_gettypeid(SPI_tuptable->tupdesc, 1) == TEXTOID)
			value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = before;
	return value;
}

static void
look_up_orders(const ProgramRules *rules, MemberPast *past)
{
	static const Oid types[2] = {INT8OID, INT8OID};
	static SPIPlanPtr plan = NULL;
	Datum		values[2];
	bool		null;

	if (past->orders >= 0)
		return;
	values[0] = Int64GetDatum(rules->program_id);
	values[1] = Int64GetDatum(past->customer_id);
	past->orders = DatumGetInt64(look_up(&plan, "SELECT pg_catalog.count(*) FROM promo.points_entry e"
										 " WHERE e.customer_id = ANY (promo.customer_ids($2))"
										 " AND e.program_id = $1 AND e.kind = 'earn' AND e.amount > 0",
										 2, types, values, NULL, &null, NULL));
}

static void
look_up_tier(const ProgramRules *rules, MemberPast *past, TimestampTz at)
{
	static const Oid types[3] = {INT8OID, INT8OID, TIMESTAMPTZOID};
	static SPIPlanPtr plan = NULL;
	MemoryContext old = MemoryContextSwitchTo(past->context);
	Datum		values[3];
	Datum		tier;
	Datum		ends_at = (Datum) 0;
	bool		null;
	bool		is_open = true;

	if (at >= past->tier_until)
	{
		values[0] = Int64GetDatum(rules->program_id);
		values[1] = Int64GetDatum(past->customer_id);
		values[2] = TimestampTzGetDatum(at);
		tier = look_up(&plan, "SELECT t.tier, t.ends_at FROM promo.tier_period t WHERE t.program_id = $1"
					   " AND t.customer_id = $2 AND t.begins_at <= $3 AND (t.ends_at > $3) IS NOT FALSE",
					   3, types, values, &ends_at, &null, &is_open);
		past->tier = null ? NULL : TextDatumGetCString(tier);
		past->tier_until = null ? at : is_open ? DT_NOEND : DatumGetTimestampTz(ends_at);
	}
	MemoryContextSwitchTo(old);
}

/* The day, week, month, ... of the zone that holds an instant */
static void
find_period(const ProgramRules *rules, TimestampTz at, MemberPast *past)
{
	Datum		zone = PointerGetDatum(rules->time_zone);
	const char *unit = rules->read.cap_unit;
	Interval	length = {0};
	Datum		start;
	Datum		end;

	if (strcmp(unit, "day") == 0)
		length.day = 1;
	else if (strcmp(unit, "week") == 0)
		length.day = 7;
	else
		length.month = strcmp(unit, "month") == 0 ? 1 : strcmp(unit, "quarter") == 0 ? 3 : 12;
	start = DirectFunctionCall2(timestamp_trunc, CStringGetTextDatum(unit),
								DirectFunctionCall2(timestamptz_zone, zone, TimestampTzGetDatum(at)));
	end = DirectFunctionCall2(timestamp_pl_interval, start, IntervalPGetDatum(&length));
	past->period_from = DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, zone, start));
	past->period_until = DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, zone, end));
}

static void
look_up_period(const ProgramRules *rules, MemberPast *past, TimestampTz at)
{
	static const Oid types[4] = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	static SPIPlanPtr plan = NULL;
	Datum		values[4];
	bool		null;

	if (at < past->period_until)
		return;
	find_period(rules, at, past);
	values[0] = Int64GetDatum(rules->program_id);
	values[1] = Int64GetDatum(past->customer_id);
	values[2] = TimestampTzGetDatum(past->period_from);
	values[3] = TimestampTzGetDatum(past->period_until);
	past->earned = DatumGetInt64(look_up(&plan, "WITH earned AS MATERIALIZED ("
										 "SELECT e.entry_id, e.points FROM promo.points_entry e"
										 " WHERE e.customer_id = ANY (promo.customer_ids($2))"
										 " AND e.program_id = $1 AND e.kind = 'earn' AND e.counted IS NOT NULL"
										 " AND e.at >= $3 AND e.at < $4)"
										 " SELECT (coalesce((SELECT pg_catalog.sum(e.points) FROM earned e), 0)"
										 " - coalesce((SELECT pg_catalog.sum(r.due) FROM promo.points_entry r"
										 " WHERE r.customer_id = ANY (promo.customer_ids($2)) AND r.program_id = $1"
										 " AND r.kind = 'return' AND r.of_id IN (SELECT e.entry_id FROM earned e)), 0))::pg_catalog.int8",
										 4, types, values, NULL, &null, NULL));
}

/* What was paid: as it is told, or as the order or its lines say */
static void
find_amount(const ProgramRules *rules, JsonReader *reader, const char *what, const EarnResult *result,
			bool is_told, int64 told, Datum *amount)
{
	char		text[DECIMAL_TEXT];

	if (!is_told && !result->has_amount)
	{
		json_fault(reader->faults, "amount", "is missing, which neither order nor lines tell");
		json_faults_raise(reader->faults, what);
	}
	(void) money_write(text, is_told ? told : result->amount, rules->exponent);
	*amount = DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
								  Int32GetDatum(-1));
}

void
purchase_count(ProgramRules *rules, MemberPast *past, const Jsonb *json, const char *what,
			   TimestampTz at, CountedPurchase *counted)
{
	JsonFaults	faults;
	JsonReader	reader;
	EarnKnown	known = {rules->exponent, at};
	EarnPurchase purchase;
	EarnResult	result;
	int64		told = 0;
	bool		is_told;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	if (!rules->has_rules)
	{
		json_fault(&faults, "points", "is missing, and the program has no rules of earning");
		json_faults_raise(&faults, what);
	}
	purchase_read_expiry(&reader, &counted->expires_by_terms, &counted->expires_at);
	is_told = json_read_units(&reader, "amount", 0, PURCHASE_AMOUNT_MOST, rules->exponent, &told);
	earning_read_purchase(&reader, &known, &purchase);
	json_close(&reader);
	if ((rules->asks & EARN_KNOWS_NUMBER) != 0)
	{
		look_up_orders(rules, past);
		purchase.order_number = past->orders + past->new_orders + 1;
	}
	if ((rules->asks & EARN_KNOWS_TIER) != 0)
	{
		look_up_tier(rules, past, at);
		purchase.tier = past->tier;
	}
	if (rules->read.cap_unit != NULL)
	{
		look_up_period(rules, past, at);
		purchase.earned_in_period = past->earned;
	}
	earning_check(&faults, &purchase, &rules->read);
	json_faults_raise(&faults, what);
	earning_count(&purchase, &rules->read, &rules->zone, &result);
	find_amount(rules, &reader, what, &result, is_told, told, &counted->amount);
	counted->points = result.points;
	counted->counted = earning_tell(&rules->read, &result, false);
	past->earned += result.points;
}

PG_FUNCTION_INFO_V1(promo_points_counted);

/*
 * points_counted(purchase jsonb, program_id bigint, customer_id bigint, at timestamptz) returns jsonb
 *
 * {"points": n, "amount": money, "counted": {...}}, with expires_at where the
 * purchase says it.
 */
Datum
promo_points_counted(PG_FUNCTION_ARGS)
{
	static const Oid types[1] = {INT8OID};
	static SPIPlanPtr plan = NULL;
	MemoryContext caller = CurrentMemoryContext;
	ProgramRules rules;
	MemberPast	past;
	CountedPurchase counted;
	JsonBuild	build;
	Datum		program = PG_GETARG_DATUM(1);
	Datum		earning;
	HeapTuple	row;
	TupleDesc	desc;
	bool		null;
	bool		no_rules;
	Jsonb	   *answer;

	spi_check(SPI_connect(), "SPI_connect");
	if (spi_run_kept(&plan, "SELECT p.definition -> 'earning', p.time_zone, p.exponent"
					 " FROM promo.program p WHERE p.program_id = $1", 1, types, &program, NULL) != 1)
		elog(ERROR, "program " INT64_FORMAT " is missing", PG_GETARG_INT64(1));
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	earning = SPI_getbinval(row, desc, 1, &no_rules);
	program_rules_read(PG_GETARG_INT64(1), no_rules ? NULL : DatumGetJsonbP(earning),
					   DatumGetTextPP(SPI_getbinval(row, desc, 2, &null)),
					   DatumGetInt32(SPI_getbinval(row, desc, 3, &null)), &rules);
	member_past_start(&past, PG_GETARG_INT64(2), CurrentMemoryContext);
	purchase_count(&rules, &past, PG_GETARG_JSONB_P(0), "purchase", PG_GETARG_TIMESTAMPTZ(3), &counted);

	(void) MemoryContextSwitchTo(caller);
	build_start(&build);
	build_int(&build, "points", counted.points);
	build_numeric(&build, "amount", DatumGetNumeric(counted.amount));
	if (!counted.expires_by_terms && counted.expires_at == DT_NOEND)
		build_text(&build, "expires_at", "infinity");
	else if (!counted.expires_by_terms)
		build_instant(&build, "expires_at", counted.expires_at);
	build_jsonb(&build, "counted", counted.counted);
	answer = build_end(&build);
	SPI_finish();
	PG_RETURN_JSONB_P(answer);
}
