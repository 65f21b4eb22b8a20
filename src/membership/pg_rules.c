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
#include "storage/itemptr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "membership/pg_purchase.h"
#include "membership/pg_rules.h"
#include "pg/build.h"
#include "pg/spi.h"
#include "pg/zone.h"

static void
read_multipliers(ProgramRules *rules)
{
	static const Oid types[1] = {INT8OID};
	SPITupleTable *before = SPI_tuptable;
	MemoryContext context = CurrentMemoryContext;
	Datum		program = Int64GetDatum(rules->program_id);
	uint64		i;

	/* SPI leaves its own context behind. */
	rules->n_multipliers = (int) spi_run("SELECT b.tier, b.value FROM promo.tier_benefit b"
										 " WHERE b.program_id = $1 AND b.type = 'points_multiplier'",
										 1, types, &program, NULL);
	MemoryContextSwitchTo(context);
	rules->multipliers = palloc(sizeof(TierMultiplier) * (rules->n_multipliers + 1));
	for (i = 0; i < (uint64) rules->n_multipliers; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		rules->multipliers[i].tier = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		if (!decimal_read(value, strlen(value), &rules->multipliers[i].multiplier))
			elog(ERROR, "multiplier of a tier is no number: %s", value);
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = before;
	if (rules->n_multipliers > 0)
		rules->asks |= EARN_KNOWS_TIER;
}

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
	rules->orders_most = 0;
	rules->n_multipliers = 0;
	pg_zone_start(&rules->zone, time_zone);
	if (earning == NULL)
		return;
	json_faults_start(&faults);
	json_open(&reader, &faults, "earning", earning);
	earning_read_rules(&reader, &rules->read);
	json_close(&reader);
	json_faults_raise(&faults, "program");
	read_multipliers(rules);
	for (i = 0; i < rules->read.rules.n_rules; i++)
	{
		const EarnRule *rule = &rules->read.rules.rules[i];
		int			j;

		rules->asks |= earn_must_know(rule, &nothing) & (EARN_KNOWS_TIER | EARN_KNOWS_NUMBER);
		for (j = 0; j < rule->n_conditions; j++)
			if (rule->conditions[j].type == EARN_NTH_ORDER)
				rules->orders_most = Max(rules->orders_most, rule->conditions[j].n);
	}
}

void
member_past_start(MemberPast *past, int64 customer_id, bool is_merged, MemoryContext context)
{
	memset(past, 0, sizeof(*past));
	past->customer_id = customer_id;
	past->is_merged = is_merged;
	past->context = context;
	past->orders = -1;
	past->tier_until = DT_NOBEGIN;
	past->period_until = DT_NOBEGIN;
}

void
member_past_read(MemberPast *past, const PastEarning *earning)
{
	past->is_read = true;
	if (earning == NULL)
		return;
	if (past->n_earnings == past->space)
	{
		past->space = past->space == 0 ? 16 : 2 * past->space;
		past->earnings = past->earnings == NULL ?
			MemoryContextAlloc(past->context, past->space * sizeof(PastEarning)) :
			repalloc_huge(past->earnings, past->space * sizeof(PastEarning));
	}
	past->earnings[past->n_earnings++] = *earning;
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
	MemoryContext context = CurrentMemoryContext;
	Datum		value = (Datum) 0;
	bool		found = spi_run_kept(plan, statement, count, types, values, NULL) > 0;

	MemoryContextSwitchTo(context);
	*null = true;
	if (found)
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

/* Entries of a member, or of those who were merged into the member too */
#define OF_MEMBER "e.customer_id = $2"
#define OF_MERGED "e.customer_id = ANY (promo.customer_ids($2))"

#define COUNT_ORDERS(whose) \
	"SELECT pg_catalog.count(*) FROM (SELECT FROM promo.points_entry e WHERE " whose \
	" AND e.program_id = $1 AND e.kind = 'earn' AND e.amount > 0 LIMIT $3) e"

static void
look_up_orders(const ProgramRules *rules, MemberPast *past)
{
	static const Oid types[3] = {INT8OID, INT8OID, INT8OID};
	static SPIPlanPtr plan = NULL;
	static SPIPlanPtr merged_plan = NULL;
	Datum		values[3];
	bool		null;
	int			i;

	if (past->orders >= 0)
		return;
	if (past->is_read)
	{
		past->orders = 0;
		for (i = 0; i < past->n_earnings; i++)
			past->orders += past->earnings[i].is_order;
		return;
	}
	values[0] = Int64GetDatum(rules->program_id);
	values[1] = Int64GetDatum(past->customer_id);
	values[2] = Int64GetDatum(rules->orders_most);
	past->orders = DatumGetInt64(past->is_merged ?
								 look_up(&merged_plan, COUNT_ORDERS(OF_MERGED), 3, types, values, NULL, &null, NULL) :
								 look_up(&plan, COUNT_ORDERS(OF_MEMBER), 3, types, values, NULL, &null, NULL));
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
find_period(ProgramRules *rules, TimestampTz at, MemberPast *past)
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

#define SUM_PERIOD(whose) \
	"WITH earned AS MATERIALIZED (SELECT e.entry_id, e.points FROM promo.points_entry e WHERE " whose \
	" AND e.program_id = $1 AND e.kind = 'earn' AND e.counted IS NOT NULL AND e.at >= $3 AND e.at < $4)" \
	" SELECT (coalesce((SELECT pg_catalog.sum(e.points) FROM earned e), 0)" \
	" - coalesce((SELECT pg_catalog.sum(e.due) FROM promo.points_entry e WHERE " whose " AND e.program_id = $1" \
	" AND e.kind = 'return' AND e.of_id IN (SELECT g.entry_id FROM earned g)), 0))::pg_catalog.int8"

static void
look_up_period(ProgramRules *rules, MemberPast *past, TimestampTz at)
{
	static const Oid types[4] = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	static SPIPlanPtr plan = NULL;
	static SPIPlanPtr merged_plan = NULL;
	Datum		values[4];
	bool		null;
	int			i;

	if (at < past->period_until)
		return;
	find_period(rules, at, past);
	if (past->is_read)
	{
		past->earned = 0;
		for (i = 0; i < past->n_earnings; i++)
			if (past->earnings[i].at >= past->period_from && past->earnings[i].at < past->period_until)
				past->earned += past->earnings[i].points;
		return;
	}
	values[0] = Int64GetDatum(rules->program_id);
	values[1] = Int64GetDatum(past->customer_id);
	values[2] = TimestampTzGetDatum(past->period_from);
	values[3] = TimestampTzGetDatum(past->period_until);
	past->earned = DatumGetInt64(past->is_merged ?
								 look_up(&merged_plan, SUM_PERIOD(OF_MERGED), 4, types, values, NULL, &null, NULL) :
								 look_up(&plan, SUM_PERIOD(OF_MEMBER), 4, types, values, NULL, &null, NULL));
}

bool
member_past_matters(ProgramRules *rules, TimestampTz at, TimestampTz *since)
{
	MemberPast	past;

	if (!rules->has_rules)
		return false;
	*since = DT_NOBEGIN;
	if ((rules->asks & EARN_KNOWS_NUMBER) != 0)
		return true;
	if (rules->read.cap_unit == NULL)
		return false;
	find_period(rules, at, &past);
	*since = past.period_from;
	return true;
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
	int			i;

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
		for (i = 0; i < rules->n_multipliers; i++)
			if (past->tier != NULL && strcmp(rules->multipliers[i].tier, past->tier) == 0)
				purchase.tier_multiplier = rules->multipliers[i].multiplier;
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

/*
 * The rules of the program that was asked for last stay read for the session.
 * A row's version is known by where it lies and who wrote it.
 */
static ProgramRules *
rules_kept(Datum program)
{
	static const Oid types[1] = {INT8OID};
	static SPIPlanPtr version_plan = NULL;
	static SPIPlanPtr plan = NULL;
	static MemoryContext context = NULL;
	static ProgramRules rules;
	static ItemPointerData place;
	static TransactionId writer = InvalidTransactionId;
	MemoryContext old;
	ItemPointerData here;
	TransactionId by;
	HeapTuple	row;
	TupleDesc	desc;
	Datum		earning;
	bool		null;
	bool		no_rules;

	if (spi_run_kept(&version_plan, "SELECT p.ctid, p.xmin FROM promo.program p WHERE p.program_id = $1",
					 1, types, &program, NULL) != 1)
		elog(ERROR, "program " INT64_FORMAT " is missing", DatumGetInt64(program));
	here = *(ItemPointer) DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	by = DatumGetTransactionId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null));
	if (context != NULL && writer == by && rules.program_id == DatumGetInt64(program) && ItemPointerEquals(&place, &here))
		return &rules;
	if (context == NULL)
		context = AllocSetContextCreate(CacheMemoryContext, "promo rules of earning", ALLOCSET_SMALL_SIZES);
	writer = InvalidTransactionId;
	MemoryContextReset(context);
	(void) spi_run_kept(&plan, "SELECT p.definition -> 'earning', p.time_zone, p.exponent"
						" FROM promo.program p WHERE p.program_id = $1", 1, types, &program, NULL);
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	earning = SPI_getbinval(row, desc, 1, &no_rules);
	old = MemoryContextSwitchTo(context);
	program_rules_read(DatumGetInt64(program), no_rules ? NULL : DatumGetJsonbPCopy(earning),
					   DatumGetTextPCopy(SPI_getbinval(row, desc, 2, &null)),
					   DatumGetInt32(SPI_getbinval(row, desc, 3, &null)), &rules);
	MemoryContextSwitchTo(old);
	place = here;
	writer = by;
	return &rules;
}

PG_FUNCTION_INFO_V1(promo_points_counted);

/*
 * points_counted(purchase jsonb, program_id bigint, customer_id bigint, merged boolean, at timestamptz) returns jsonb
 *
 * {"points": n, "amount": money, "counted": {...}}, with expires_at where the
 * purchase says it.
 */
Datum
promo_points_counted(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemberPast	past;
	CountedPurchase counted;
	JsonBuild	build;
	Jsonb	   *answer;

	spi_check(SPI_connect(), "SPI_connect");
	member_past_start(&past, PG_GETARG_INT64(2), PG_GETARG_BOOL(3), CurrentMemoryContext);
	purchase_count(rules_kept(PG_GETARG_DATUM(1)), &past, PG_GETARG_JSONB_P(0), "purchase",
				   PG_GETARG_TIMESTAMPTZ(4), &counted);

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
