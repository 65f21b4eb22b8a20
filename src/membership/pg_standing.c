/*-------------------------------------------------------------------------
 *
 * pg_standing.c
 *	  Members' tiers in the tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "membership/pg_period.h"
#include "membership/pg_standing.h"
#include "pg/memory.h"
#include "pg/spi.h"
#include "pg/zone.h"

/*
 * The program
 */

/* The last program asked for, and the definition that it was read from */
static MemoryContext kept_context = NULL;
static TierProgram *kept_program = NULL;
static text *kept_row = NULL;

static int
word_at(const char *word, const char *const words[], int count)
{
	int			i;

	for (i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	elog(ERROR, "unrecognized word in a program: %s", word);
}

/* First by what another version of the row is known. */
#define PROGRAM_ROW \
	"SELECT p.xmin::pg_catalog.text || p.ctid::pg_catalog.text," \
	" p.definition, p.time_zone, p.exponent, p.metric, p.window_type, coalesce(p.window_months, 0)," \
	" p.window_unit, p.window_start, p.policy, p.grace_days, coalesce(p.tier_periods, 0)," \
	" coalesce(p.tier_months, 0) FROM promo.program p WHERE p.program_id = $1"

static void
read_program(TierProgram *program, HeapTuple row, TupleDesc desc)
{
	StandingRules *rules = &program->rules;
	PeriodText	period = {0};
	JsonFaults	faults;
	JsonReader	reader;
	bool		null;

	rules->metric = (Figure) word_at(SPI_getvalue(row, desc, 5), figure_names, FIGURES);
	json_faults_start(&faults);
	json_open(&reader, &faults, "", DatumGetJsonbPCopy(SPI_getbinval(row, desc, 2, &null)));
	tiers_read(&reader, figure_names, FIGURES, (int) rules->metric, &program->list);
	json_faults_raise(&faults, "program");
	rules->tiers = program->list.rules;
	rules->n_tiers = program->list.count;
	pg_zone_start(&program->zone, cstring_to_text(SPI_getvalue(row, desc, 3)));
	rules->zone = &program->zone;
	rules->exponent = DatumGetInt32(SPI_getbinval(row, desc, 4, &null));
	period.type = SPI_getvalue(row, desc, 6);
	period.months = DatumGetInt32(SPI_getbinval(row, desc, 7, &null));
	period.unit = SPI_getvalue(row, desc, 8);
	period.start = SPI_getvalue(row, desc, 9);
	period_of(&period, &rules->window);
	rules->policy = (TierPolicy) word_at(SPI_getvalue(row, desc, 10), tier_policy_names, TIER_POLICIES);
	rules->grace_days = DatumGetInt32(SPI_getbinval(row, desc, 11, &null));
	rules->periods = DatumGetInt32(SPI_getbinval(row, desc, 12, &null));
	rules->months = DatumGetInt32(SPI_getbinval(row, desc, 13, &null));
}

/* A plan for reading, of what the caller sees or of what is so now */
static uint64
read_kept(bool as_caller, SPIPlanPtr *plan, const char *statement, int count, const Oid *types,
		  const Datum *values, const char *nulls)
{
	return as_caller ? spi_read_kept(plan, statement, count, types, values, nulls) :
		spi_run_kept(plan, statement, count, types, values, nulls);
}

TierProgram *
tier_program(int64 program_id, bool as_caller)
{
	static const Oid types[1] = {INT8OID};
	static SPIPlanPtr plan = NULL;
	Datum		value = Int64GetDatum(program_id);
	MemoryContext old;
	MemoryContext context;
	TierProgram *program;
	text	   *row;
	bool		null;

	if (read_kept(as_caller, &plan, PROGRAM_ROW, 1, types, &value, NULL) != 1)
		elog(ERROR, "there is no program of number " INT64_FORMAT, program_id);
	row = DatumGetTextPP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	if (kept_program != NULL && kept_program->program_id == program_id &&
		VARSIZE_ANY_EXHDR(row) == VARSIZE_ANY_EXHDR(kept_row) &&
		memcmp(VARDATA_ANY(row), VARDATA_ANY(kept_row), VARSIZE_ANY_EXHDR(row)) == 0)
	{
		SPI_freetuptable(SPI_tuptable);
		return kept_program;
	}
	context = AllocSetContextCreate(CurrentMemoryContext, "promo tiers of a program", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	program = palloc0(sizeof(TierProgram));
	program->program_id = program_id;
	read_program(program, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	row = DatumGetTextPCopy(PointerGetDatum(row));
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
	if (kept_context != NULL)
		MemoryContextDelete(kept_context);
	MemoryContextSetParent(context, TopMemoryContext);
	kept_context = context;
	kept_program = program;
	kept_row = row;
	return program;
}

/*
 * The member
 */

static int64_t
balance_at(void *arg, int64_t at)
{
	static const Oid types[3] = {INT8OID, INT8OID, TIMESTAMPTZOID};
	static SPIPlanPtr plan = NULL;
	const TierMember *member = arg;
	SPITupleTable *table = SPI_tuptable;
	Datum		values[3];
	int64		balance;
	bool		null;

	values[0] = Int64GetDatum(member->customer_id);
	values[1] = Int64GetDatum(member->program->program_id);
	values[2] = TimestampTzGetDatum(at == STANDING_NEVER ? DT_NOEND : at);
	(void) read_kept(member->as_caller, &plan, "SELECT a.balance FROM promo.points_account_at($1, $2, $3) a", 3, types, values, NULL);
	balance = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = table;
	return balance;
}

static int
tier_at(const TierProgram *program, const char *name)
{
	int			tier = name == NULL ? 0 : tiers_find(&program->list, name);

	if (tier < 0)
		elog(ERROR, "tier \"%s\" is none of its program's", name);
	return tier;
}

/* Columns of a standing, from the one given: earned, earned_until, floor, floor_until, begins_at */
static void
read_standing(const TierProgram *program, HeapTuple row, TupleDesc desc, int column, Standing *standing)
{
	bool		null;

	standing->earned = tier_at(program, SPI_getvalue(row, desc, column));
	standing->earned_until = DatumGetTimestampTz(SPI_getbinval(row, desc, column + 1, &null));
	if (null)
		standing->earned_until = STANDING_NEVER;
	standing->floor = tier_at(program, SPI_getvalue(row, desc, column + 2));
	standing->floor_until = DatumGetTimestampTz(SPI_getbinval(row, desc, column + 3, &null));
	if (null)
		standing->floor_until = STANDING_NEVER;
	standing->since = DatumGetTimestampTz(SPI_getbinval(row, desc, column + 4, &null));
}

/* An entry that figures are made of, with its number */
typedef struct Counted
{
	int64		entry_id;
	bool		came_back;		/* all of it */
	int64		amount;			/* as it was posted */
	StandingEvent event;
} Counted;

#define EVENTS(customers) \
	"SELECT e.entry_id, e.kind, e.at, (e.amount * ('1e' || $4)::pg_catalog.numeric)::pg_catalog.int8, e.points," \
	" e.of_id, e.due FROM promo.points_entry e" \
	" WHERE e.customer_id = " customers " AND e.program_id = $1 AND e.kind IN ('earn', 'adjust', 'return')" \
	" AND e.at <= $3 ORDER BY e.entry_id"

static Counted *
find_counted(Counted *counted, uint64 count, int64 entry_id)
{
	uint64		low = 0;
	uint64		high = count;

	while (low < high)
	{
		uint64		middle = low + (high - low) / 2;

		if (counted[middle].entry_id < entry_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && counted[low].entry_id == entry_id ? &counted[low] : NULL;
}

/* Takes a return out of what its order counts for. */
static void
take_back(Counted *order, int64 amount, int64 points)
{
	order->event.amount -= amount;
	order->event.points -= points;
	if (order->event.amount <= 0)
		order->event.is_order = false;
}

static void
read_events(TierMember *member, TimestampTz until)
{
	static const Oid types[4] = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID};
	static SPIPlanPtr plan = NULL;
	static SPIPlanPtr merged_plan = NULL;
	Datum		values[4];
	SPITupleTable *table;
	Counted    *counted;
	uint64		rows;
	uint64		count = 0;
	uint64		i;
	bool		null;

	values[0] = Int64GetDatum(member->program->program_id);
	values[1] = Int64GetDatum(member->customer_id);
	values[2] = TimestampTzGetDatum(until);
	values[3] = Int32GetDatum(member->program->rules.exponent);
	/* Of an array a plan that is kept would expect too many. */
	if (member->merged)
		rows = read_kept(member->as_caller, &merged_plan, EVENTS("ANY (promo.customer_ids($2))"), 4, types, values, NULL);
	else
		rows = read_kept(member->as_caller, &plan, EVENTS("$2"), 4, types, values, NULL);
	table = SPI_tuptable;
	counted = palloc_extended(sizeof(Counted) * (rows + 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < rows; i++)
	{
		HeapTuple	row = table->vals[i];
		TupleDesc	desc = table->tupdesc;
		char	   *kind = VARDATA_ANY(DatumGetTextPP(SPI_getbinval(row, desc, 2, &null)));
		int64		amount = DatumGetInt64(SPI_getbinval(row, desc, 4, &null));
		Counted    *order;

		if (null)
			amount = 0;
		if (kind[0] == 'r')
		{
			order = find_counted(counted, count, DatumGetInt64(SPI_getbinval(row, desc, 6, &null)));
			if (order != NULL)
				take_back(order, amount, DatumGetInt64(SPI_getbinval(row, desc, 7, &null)));
			continue;
		}
		order = &counted[count++];
		memset(order, 0, sizeof(Counted));
		order->entry_id = DatumGetInt64(SPI_getbinval(row, desc, 1, &null));
		order->event.at = DatumGetTimestampTz(SPI_getbinval(row, desc, 3, &null));
		order->event.amount = amount;
		order->event.points = DatumGetInt64(SPI_getbinval(row, desc, 5, &null));
		order->event.is_visit = kind[0] == 'e';
		order->event.is_order = order->event.is_visit && amount > 0;
	}
	for (i = 0; i < count; i++)
		(void) standing_add(&member->book, &counted[i].event);
	pfree(counted);
	SPI_freetuptable(table);
}

#define MEMBER_ROW \
	"SELECT m.enrolled_at, m.merged, m.tier_seen_at, t.earned, t.earned_until, t.floor, t.floor_until, t.begins_at" \
	" FROM promo.member m LEFT JOIN promo.tier_period t ON t.program_id = m.program_id" \
	" AND t.customer_id = m.customer_id AND t.begins_at <= $3 AND (t.ends_at > $3) IS NOT FALSE" \
	" WHERE m.program_id = $1 AND m.customer_id = $2 ORDER BY t.begins_at DESC LIMIT 1"

bool
tier_member_open(TierMember *member, int64 program_id, int64 customer_id, TimestampTz until, bool as_caller)
{
	static const Oid types[3] = {INT8OID, INT8OID, TIMESTAMPTZOID};
	static SPIPlanPtr plan = NULL;
	Datum		values[3];
	HeapTuple	row;
	TupleDesc	desc;
	TimestampTz enrolled_at;
	Standing	standing;
	bool		null;

	member->as_caller = as_caller;
	member->program = tier_program(program_id, as_caller);
	member->customer_id = customer_id;
	member->memory = pg_memory(CurrentMemoryContext);
	values[0] = Int64GetDatum(program_id);
	values[1] = Int64GetDatum(customer_id);
	values[2] = TimestampTzGetDatum(until);
	if (read_kept(as_caller, &plan, MEMBER_ROW, 3, types, values, NULL) != 1)
		return false;
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	enrolled_at = DatumGetTimestampTz(SPI_getbinval(row, desc, 1, &null));
	member->merged = DatumGetBool(SPI_getbinval(row, desc, 2, &null));
	member->seen_at = DatumGetTimestampTz(SPI_getbinval(row, desc, 3, &null));
	if (null)
		member->seen_at = DT_NOBEGIN;
	(void) SPI_getbinval(row, desc, 8, &null);
	if (null)
	{
		SPI_freetuptable(SPI_tuptable);
		return false;
	}
	read_standing(member->program, row, desc, 4, &standing);
	SPI_freetuptable(SPI_tuptable);
	member->opened_since = standing.since;
	standing_start(&member->book, &member->memory, &member->program->rules, enrolled_at, &standing,
				   member->program->rules.metric == FIGURE_BALANCE ? balance_at : NULL, member);
	read_events(member, until);
	return true;
}

static Datum
text_of_tier(const TierProgram *program, int tier)
{
	return CStringGetTextDatum(program->list.names[tier]);
}

static Datum
instant_or_null(int64 at, char *null)
{
	*null = at == STANDING_NEVER ? 'n' : ' ';
	return TimestampTzGetDatum(at);
}

/* {"spend": 312.5, "points": 300, "orders": 4, "visits": 3} */
static Datum
figures_json(const TierProgram *program, const Decimal *figures)
{
	StringInfoData json;
	char		digits[DECIMAL_TEXT];
	int			i;

	initStringInfo(&json);
	for (i = 0; i < FIGURES; i++)
	{
		if (i == FIGURE_BALANCE && program->rules.metric != FIGURE_BALANCE)
			continue;
		(void) decimal_write(digits, &figures[i]);
		appendStringInfo(&json, "%s\"%s\": %s", i == 0 ? "{" : ", ", figure_names[i], digits);
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static Datum
tier_or_null(const TierProgram *program, int tier, bool *null)
{
	*null = tier == 0;
	return *null ? (Datum) 0 : text_of_tier(program, tier);
}

void
tier_change_values(const TierMember *member, const StandingChange *change, Datum *values, bool *nulls)
{
	const Standing *after = &change->after;

	memset(nulls, 0, sizeof(bool) * PERIOD_COLUMNS);
	values[PERIOD_BEGINS_AT] = TimestampTzGetDatum(after->since);
	values[PERIOD_CAUSE] = CStringGetTextDatum(standing_cause_names[change->cause]);
	values[PERIOD_TIER] = text_of_tier(member->program, standing_tier(after));
	values[PERIOD_EARNED] = text_of_tier(member->program, after->earned);
	values[PERIOD_EARNED_UNTIL] = TimestampTzGetDatum(after->earned_until);
	nulls[PERIOD_EARNED_UNTIL] = after->earned_until == STANDING_NEVER;
	values[PERIOD_FLOOR] = tier_or_null(member->program, after->floor, &nulls[PERIOD_FLOOR]);
	values[PERIOD_FLOOR_UNTIL] = TimestampTzGetDatum(after->floor_until);
	nulls[PERIOD_FLOOR_UNTIL] = after->floor_until == STANDING_NEVER;
	values[PERIOD_FIGURES] = change->has_figures ? figures_json(member->program, change->figures) : (Datum) 0;
	nulls[PERIOD_FIGURES] = !change->has_figures;
	values[PERIOD_JUDGED_ON] = DateADTGetDatum((DateADT) change->day);
	nulls[PERIOD_JUDGED_ON] = !change->has_figures;
	values[PERIOD_NUMBER] = Int64GetDatum(change->number);
	nulls[PERIOD_NUMBER] = change->number == 0;
}

static void
write_change(const TierMember *member, const StandingChange *change, const char *reason)
{
	static const Oid types[3 + PERIOD_COLUMNS] = {INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID,
	TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID, JSONBOID, DATEOID, INT8OID, TEXTOID};
	static SPIPlanPtr plan = NULL;
	char		nulls[4 + PERIOD_COLUMNS] = "             ";
	bool		is_null[PERIOD_COLUMNS];
	Datum		values[3 + PERIOD_COLUMNS];
	bool		has_reason = change->cause == STANDING_ASSIGNED && reason != NULL;
	int			i;

	values[0] = Int64GetDatum(member->program->program_id);
	values[1] = Int64GetDatum(member->customer_id);
	tier_change_values(member, change, &values[2], is_null);
	for (i = 0; i < PERIOD_COLUMNS; i++)
		nulls[2 + i] = is_null[i] ? 'n' : ' ';
	values[2 + PERIOD_COLUMNS] = has_reason ? CStringGetTextDatum(reason) : (Datum) 0;
	nulls[2 + PERIOD_COLUMNS] = has_reason ? ' ' : 'n';
	(void) spi_run_kept(&plan, "SELECT promo.tier_write($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
						3 + PERIOD_COLUMNS, types, values, nulls);
	SPI_freetuptable(SPI_tuptable);
}

void
tier_member_write(TierMember *member, const char *reason)
{
	static const Oid types[6] = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	static SPIPlanPtr plan = NULL;
	StandingBook *book = &member->book;
	char		nulls[7] = "      ";
	Datum		values[6];
	int			i;

	if (book->no_memory)
		elog(ERROR, "out of memory for the tiers of a member");
	for (i = 0; i < book->n_changes; i++)
		write_change(member, &book->changes[i], reason);
	values[0] = Int64GetDatum(member->program->program_id);
	values[1] = Int64GetDatum(member->customer_id);
	values[2] = instant_or_null(standing_due(book), &nulls[2]);
	values[3] = Int64GetDatum(standing_lacks(book));
	nulls[4] = book->n_events == 0 ? 'n' : ' ';
	values[4] = TimestampTzGetDatum(book->n_events == 0 ? 0 : book->events[book->n_events - 1].at);
	nulls[5] = book->n_changes == 0 ? 'n' : ' ';
	values[5] = TimestampTzGetDatum(book->n_changes == 0 ? 0 : book->changes[0].after.since);
	(void) spi_run_kept(&plan, "UPDATE promo.member m SET tier_due_at = $3, tier_lacks = $4, tier_seen_at = $5,"
						" benefit_due_at = CASE WHEN p.has_benefits THEN least(m.benefit_due_at, $6) END"
						" FROM promo.program p WHERE m.program_id = $1 AND m.customer_id = $2"
						" AND p.program_id = m.program_id",
						6, types, values, nulls);
}

/*
 * What SQL calls
 */

PG_FUNCTION_INFO_V1(promo_tier_posted);

/*
 * tier_posted(program_id bigint, customer_id bigint, at timestamptz) returns void
 *
 * After an entry of that instant was posted.
 */
Datum
promo_tier_posted(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(2);
	TierMember	member;
	int64		place;

	spi_check(SPI_connect(), "SPI_connect");
	if (tier_member_open(&member, PG_GETARG_INT64(0), PG_GETARG_INT64(1), DT_NOEND, false))
	{
		standing_settle(&member.book, at);
		for (place = 0; place < member.book.n_events && member.book.events[place].at < at; place++)
			;
		standing_posted(&member.book, place);
		tier_member_write(&member, NULL);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(promo_tier_settle);

/*
 * tier_settle(program_id bigint, customer_id bigint, until timestamptz) returns void
 */
Datum
promo_tier_settle(PG_FUNCTION_ARGS)
{
	TierMember	member;

	spi_check(SPI_connect(), "SPI_connect");
	if (tier_member_open(&member, PG_GETARG_INT64(0), PG_GETARG_INT64(1), DT_NOEND, false))
	{
		standing_settle(&member.book, PG_GETARG_TIMESTAMPTZ(2));
		tier_member_write(&member, NULL);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/* The standing that a return at an instant does not touch */
static void
read_secure(const TierMember *member, TimestampTz at, Standing *secure)
{
	static const Oid types[3] = {INT8OID, INT8OID, TIMESTAMPTZOID};
	static SPIPlanPtr plan = NULL;
	const StandingRules *rules = &member->program->rules;
	char		nulls[4] = "   ";
	Datum		values[3];
	int64		from;
	int64		until;

	period_window(&rules->window, zone_day(zone_local(rules->zone, at)), member->book.enrolled, &from, &until);
	values[0] = Int64GetDatum(member->program->program_id);
	values[1] = Int64GetDatum(member->customer_id);
	nulls[2] = from == PERIOD_FIRST ? 'n' : ' ';
	values[2] = TimestampTzGetDatum(from == PERIOD_FIRST ? 0 : zone_day_start(rules->zone, from));
	secure->earned = 0;
	secure->earned_until = STANDING_NEVER;
	secure->since = DT_NOBEGIN;
	if (spi_run_kept(&plan, "SELECT t.earned, t.earned_until, t.floor, t.floor_until, t.begins_at FROM promo.tier_period t"
					 " WHERE t.program_id = $1 AND t.customer_id = $2"
					 " AND (t.begins_at < $3 OR t.cause IN ('enrolled', 'renewed', 'lapsed', 'merged'))"
					 " ORDER BY t.begins_at DESC LIMIT 1", 3, types, values, nulls) > 0)
		read_standing(member->program, SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, secure);
	SPI_freetuptable(SPI_tuptable);
}

PG_FUNCTION_INFO_V1(promo_tier_returned);

/*
 * tier_returned(program_id bigint, customer_id bigint, at timestamptz) returns void
 *
 * After a return of that instant was posted.
 */
Datum
promo_tier_returned(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(2);
	TierMember	member;
	Standing	secure;
	int64		place;

	spi_check(SPI_connect(), "SPI_connect");
	if (tier_member_open(&member, PG_GETARG_INT64(0), PG_GETARG_INT64(1), DT_NOEND, false))
	{
		standing_settle(&member.book, at);
		if (member.book.n_changes > 0)
		{
			/* What is secure is read from the table. */
			tier_member_write(&member, NULL);
			(void) tier_member_open(&member, PG_GETARG_INT64(0), PG_GETARG_INT64(1), DT_NOEND, false);
		}
		/* A return that is posted late meets the tier that there is by now. */
		at = Max(at, member.book.now.since);
		read_secure(&member, at, &secure);
		standing_returned(&member.book, at, &secure);
		for (place = 0; place < member.book.n_events && member.book.events[place].at <= at; place++)
			;
		standing_posted(&member.book, place);
		tier_member_write(&member, NULL);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(promo_tier_assigned);

/*
 * tier_assigned(program_id bigint, customer_id bigint, tier text, until timestamptz,
 *		reason text, at timestamptz) returns void
 */
Datum
promo_tier_assigned(PG_FUNCTION_ARGS)
{
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(3);
	TierMember	member;

	spi_check(SPI_connect(), "SPI_connect");
	if (tier_member_open(&member, PG_GETARG_INT64(0), PG_GETARG_INT64(1), DT_NOEND, false))
	{
		int			tier = tier_at(member.program, text_to_cstring(PG_GETARG_TEXT_PP(2)));

		standing_settle(&member.book, PG_GETARG_TIMESTAMPTZ(5));
		standing_assign(&member.book, tier, until == DT_NOEND ? STANDING_NEVER : until,
						PG_GETARG_TIMESTAMPTZ(5));
		tier_member_write(&member, text_to_cstring(PG_GETARG_TEXT_PP(4)));
	}
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(promo_tier_merged);

/*
 * tier_merged(program_id bigint, customer_id bigint, earned text, earned_until timestamptz,
 *		floor text, floor_until timestamptz, at timestamptz) returns void
 *
 * After the member took over the entries of another, who stood so.
 */
Datum
promo_tier_merged(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(6);
	TierMember	member;
	Standing	other;

	spi_check(SPI_connect(), "SPI_connect");
	if (tier_member_open(&member, PG_GETARG_INT64(0), PG_GETARG_INT64(1), DT_NOEND, false))
	{
		other.earned = PG_ARGISNULL(2) ? 0 : tier_at(member.program, text_to_cstring(PG_GETARG_TEXT_PP(2)));
		other.earned_until = PG_ARGISNULL(3) ? STANDING_NEVER : PG_GETARG_TIMESTAMPTZ(3);
		other.floor = PG_ARGISNULL(4) ? 0 : tier_at(member.program, text_to_cstring(PG_GETARG_TEXT_PP(4)));
		other.floor_until = PG_ARGISNULL(5) ? STANDING_NEVER : PG_GETARG_TIMESTAMPTZ(5);
		other.since = at;
		standing_settle(&member.book, at);
		standing_merge(&member.book, &other, at);
		tier_member_write(&member, NULL);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(promo_tier_standing);

/*
 * tier_standing(program_id bigint, customer_id bigint, as_of timestamptz) returns tier_state
 *
 * The member's tier at an instant, whether or not what has fallen due is
 * posted; NULL where there is none then.
 */
Datum
promo_tier_standing(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(2);
	TierMember	member;
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};
	HeapTupleHeader row;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	spi_check(SPI_connect(), "SPI_connect");
	if (!tier_member_open(&member, PG_GETARG_INT64(0), PG_GETARG_INT64(1), as_of, true))
	{
		SPI_finish();
		PG_RETURN_NULL();
	}
	standing_settle(&member.book, as_of);
	if (member.book.no_memory)
		elog(ERROR, "out of memory for the tiers of a member");
	values[0] = text_of_tier(member.program, standing_tier(&member.book.now));
	values[1] = TimestampTzGetDatum(member.book.now.since);
	values[2] = TimestampTzGetDatum(standing_due(&member.book));
	nulls[2] = standing_due(&member.book) == STANDING_NEVER;
	values[3] = text_of_tier(member.program, member.book.now.earned);
	values[4] = TimestampTzGetDatum(member.book.now.earned_until);
	nulls[4] = member.book.now.earned_until == STANDING_NEVER;
	row = SPI_returntuple(heap_form_tuple(desc, values, nulls), BlessTupleDesc(desc));
	SPI_finish();
	return PointerGetDatum(row);
}

/*
 * Progress
 */

typedef struct Progress
{
	ReturnSetInfo *result;
	const TierMember *member;
	const char *goal;
	int			tier;
	const Decimal *figures;
	int64		until;
} Progress;

static Datum
numeric_of(const Decimal *number)
{
	char		digits[DECIMAL_TEXT];

	(void) decimal_write(digits, number);
	return DirectFunctionCall3(numeric_in, CStringGetDatum(digits), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* A row for each figure that a tier asks for */
static void
tell_terms(const Progress *progress, const TierTerms *terms)
{
	Datum		values[7];
	bool		nulls[7] = {false};
	Decimal		missing;
	Decimal		zero = decimal_of(0, 0);
	int			i;

	if (terms->needed > 0)
	{
		for (i = 0; i < terms->count; i++)
			tell_terms(progress, &terms->parts[i]);
		return;
	}
	missing = progress->figures[terms->figure];
	missing.digits = -missing.digits;
	if (!decimal_add(&missing, &terms->at_least))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("figure of a tier is out of range")));
	if (decimal_compare(&missing, &zero) < 0)
		missing = zero;
	values[0] = CStringGetTextDatum(progress->goal);
	values[1] = text_of_tier(progress->member->program, progress->tier);
	values[2] = CStringGetTextDatum(figure_names[terms->figure]);
	values[3] = numeric_of(&progress->figures[terms->figure]);
	values[4] = numeric_of(&terms->at_least);
	values[5] = numeric_of(&missing);
	values[6] = TimestampTzGetDatum(progress->until);
	nulls[6] = progress->until == STANDING_NEVER;
	tuplestore_putvalues(progress->result->setResult, progress->result->setDesc, values, nulls);
}

/* When figures of a day's window get less by themselves: it ends, or its first event leaves it. */
static int64
figures_hold_until(const StandingBook *book, int64 day)
{
	const StandingRules *rules = book->rules;
	int64		from;
	int64		until;
	int64		i;

	period_window(&rules->window, day, book->enrolled, &from, &until);
	if (rules->window.type != PERIOD_ROLLING)
		return until == PERIOD_NEVER ? STANDING_NEVER : zone_day_start(rules->zone, until);
	for (i = 0; i < book->n_events; i++)
		if (book->events[i].day >= from && book->events[i].day <= day)
		{
			int64		last = period_add_months(book->events[i].day, rules->window.months);

			/* Of the last days of a month, some have the same day months before. */
			while (period_add_months(last + 1, -(int64) rules->window.months) <= book->events[i].day)
				last++;
			return zone_day_start(rules->zone, last + 1);
		}
	return STANDING_NEVER;
}

PG_FUNCTION_INFO_V1(promo_tier_progress_of);

/*
 * tier_progress_of(program_id bigint, customer_id bigint, as_of timestamptz)
 *		returns setof (goal, tier, metric, has, needs, missing, until)
 */
Datum
promo_tier_progress_of(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(2);
	Decimal		figures[FIGURES];
	TierMember	member;
	Progress	progress;
	int64		from;
	int64		until;
	int64		day;

	InitMaterializedSRF(fcinfo, 0);
	spi_check(SPI_connect(), "SPI_connect");
	if (tier_member_open(&member, PG_GETARG_INT64(0), PG_GETARG_INT64(1), as_of, true))
	{
		const StandingRules *rules = &member.program->rules;
		StandingBook *book = &member.book;
		int			tier;

		standing_settle(book, as_of);
		if (book->no_memory)
			elog(ERROR, "out of memory for the tiers of a member");
		tier = standing_tier(&book->now);
		day = zone_day(zone_local(rules->zone, as_of));
		progress.result = (ReturnSetInfo *) fcinfo->resultinfo;
		progress.member = &member;
		progress.figures = figures;
		if (tier + 1 < rules->n_tiers)
		{
			period_window(&rules->window, day, book->enrolled, &from, &until);
			standing_figures(book, from, day, figures);
			progress.goal = "reach";
			progress.tier = tier + 1;
			progress.until = figures_hold_until(book, day);
			tell_terms(&progress, &rules->tiers[tier + 1].entry);
		}
		if (book->now.earned > 0 && book->now.earned_until != STANDING_NEVER)
		{
			day = zone_day(zone_local(rules->zone, book->now.earned_until - 1));
			period_window(&rules->window, day, book->enrolled, &from, &until);
			standing_figures(book, from, day + rules->grace_days, figures);
			progress.goal = "keep";
			progress.tier = book->now.earned;
			progress.until = zone_day_start(rules->zone, day + 1 + rules->grace_days);
			tell_terms(&progress, &rules->tiers[book->now.earned].renewal);
		}
	}
	SPI_finish();
	return (Datum) 0;
}
