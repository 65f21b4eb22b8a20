/*-------------------------------------------------------------------------
 *
 * pg_program.c
 *	  The definition of a program of membership, as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "membership/pg_benefit.h"
#include "membership/pg_earning.h"
#include "membership/pg_period.h"
#include "membership/pg_standing.h"
#include "membership/pg_terms.h"
#include "pg/json.h"
#include "pg/memory.h"
#include "pg/spi.h"
#include "pg/zone.h"

/* Names are looked up by index, and stand in messages. */
#define PROGRAM_NAME_MOST 200

typedef struct Program
{
	char	   *name;
	char	   *time_zone;
	char	   *currency;
	int64		exponent;
	const char *metric;
	PeriodText	window;
	const char *policy;
	int64		periods;		/* that a tier lasts, or */
	int64		months;			/* both 0: for ever */
	int64		grace_days;
	int64		birthday_hold_days;
	PointsTerms points;
	TierList	list;
	List	   *benefits;
	int			n_tiers;
	Datum	   *tiers;			/* texts, in the order given */
} Program;

static void
read_name(JsonReader *reader, const char *key, char **target)
{
	if (json_read_text(reader, key, target) && strlen(*target) > PROGRAM_NAME_MOST)
		json_fault(reader->faults, json_path(reader, key), "must have at most %d bytes",
				   PROGRAM_NAME_MOST);
}

static void
read_currency(JsonReader *reader, Program *program)
{
	JsonReader	currency;

	json_need(reader, "currency");
	if (!json_read_object(reader, "currency", &currency))
		return;
	json_need(&currency, "code");
	if (json_read_text(&currency, "code", &program->currency) &&
		(strlen(program->currency) != 3 || strspn(program->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3))
		json_fault(reader->faults, json_path(&currency, "code"),
				   "must be three capital letters, as of ISO 4217, not \"%.60s\"", program->currency);
	json_need(&currency, "exponent");
	json_read_int(&currency, "exponent", 0, 4, &program->exponent);
	json_close(&currency);
}

static void
read_window(JsonReader *reader, Program *program)
{
	JsonReader	window;

	program->window.type = "rolling";
	program->window.months = 12;
	if (json_read_object(reader, "window", &window))
		period_read(&window, &program->window);
}

/* From the base tier upward, so that the order given is that of the ranks. */
static void
read_tiers(JsonReader *reader, Program *program)
{
	int			metric = 0;
	int			i;

	while (strcmp(figure_names[metric], program->metric) != 0)
		metric++;
	tiers_read(reader, figure_names, FIGURES, metric, &program->list);
	program->benefits = benefits_read(&program->list, (int) program->exponent);
	tiers_close(&program->list);
	program->tiers = palloc(sizeof(Datum) * (program->list.count + 1));
	for (i = 0; i < program->list.count; i++)
		if (program->list.names[i] != NULL)
			program->tiers[program->n_tiers++] = CStringGetTextDatum(program->list.names[i]);
}

/* How long a tier lasts that was reached */
static void
read_validity(JsonReader *reader, Program *program)
{
	static const char *const types[] = {"periods", "months", "forever"};
	bool		follows = strcmp(program->window.type, "lifetime") != 0 && strcmp(program->window.type, "rolling") != 0;
	JsonReader	validity;
	const char *type = NULL;

	if (follows)
		program->periods = 1;
	else if (strcmp(program->window.type, "rolling") == 0)
		program->months = program->window.months;
	if (!json_read_object(reader, "validity", &validity))
		return;
	json_need(&validity, "type");
	json_read_word(&validity, "type", types, lengthof(types), &type);
	if (type == NULL)
		return;
	program->periods = 0;
	program->months = 0;
	if (strcmp(type, "periods") == 0)
	{
		json_need(&validity, "periods");
		json_read_int(&validity, "periods", 1, 100, &program->periods);
		if (!follows)
			json_fault(reader->faults, json_path(&validity, "type"),
					   "must not be periods where windows do not follow one another");
	}
	else
		json_refuse(&validity, "periods", "is for a validity of periods");
	if (strcmp(type, "months") == 0)
	{
		json_need(&validity, "months");
		json_read_int(&validity, "months", 1, 1200, &program->months);
	}
	else
		json_refuse(&validity, "months", "is for a validity of months");
	json_close(&validity);
}

static bool
has_tier(const Program *program, const char *name)
{
	int			i;

	for (i = 0; i < program->n_tiers; i++)
		if (strcmp(TextDatumGetCString(program->tiers[i]), name) == 0)
			return true;
	return false;
}

/* The rules of earning, which may only speak of tiers that there are. */
static void
read_earning(JsonReader *reader, const Program *program)
{
	JsonReader	earning;
	ReadRules	read;
	int			i;
	int			j;
	int			k;

	if (!json_read_object(reader, "earning", &earning))
		return;
	json_need(&earning, "rules");
	earning_read_rules(&earning, &read);
	json_close(&earning);
	for (i = 0; i < read.rules.n_rules; i++)
		for (j = 0; j < read.rules.rules[i].n_conditions; j++)
		{
			const EarnCondition *condition = &read.rules.rules[i].conditions[j];

			for (k = 0; condition->type == EARN_TIER && k < condition->any_of.count; k++)
				if (!has_tier(program, condition->any_of.words[k]))
					json_fault(reader->faults, psprintf("earning.rules[%d].conditions[%d].any_of", i, j),
							   "names \"%.60s\", which is none of the tiers", condition->any_of.words[k]);
		}
}

static void
read_program(JsonFaults *faults, const Jsonb *definition, Program *program)
{
	JsonReader	reader;

	program->name = "default";
	program->time_zone = "UTC";
	program->metric = "spend";
	program->policy = "one_down";
	program->birthday_hold_days = 30;
	json_open(&reader, faults, "", definition);
	read_name(&reader, "name", &program->name);
	if (json_read_text(&reader, "time_zone", &program->time_zone) &&
		!pg_zone_is_known(program->time_zone))
		json_fault(faults, "time_zone", "must be one of pg_timezone_names, not \"%.60s\"",
				   program->time_zone);
	read_currency(&reader, program);
	json_read_word(&reader, "metric", figure_names, FIGURES, &program->metric);
	read_window(&reader, program);
	read_tiers(&reader, program);
	json_read_word(&reader, "policy", tier_policy_names, TIER_POLICIES, &program->policy);
	read_validity(&reader, program);
	json_read_int(&reader, "grace_days", 0, 3660, &program->grace_days);
	json_read_int(&reader, "birthday_hold_days", 0, 3660, &program->birthday_hold_days);
	points_terms_read(&reader, &program->points);
	read_earning(&reader, program);
	json_close(&reader);
}

static Datum
text_or_null(const char *value, char *null)
{
	*null = value == NULL ? 'n' : ' ';
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

/* Adds the program, or locks it; gives its number. */
static int64
write_program(const Program *program, const Jsonb *definition)
{
	static const Oid types[14] = {TEXTOID, JSONBOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID,
	INT4OID, TEXTOID, TEXTOID, TEXTOID, INT4OID, INT4OID, INT4OID};
	char		nulls[15] = "              ";
	Datum		values[14];
	bool		null;

	values[0] = CStringGetTextDatum(program->name);
	values[1] = JsonbPGetDatum(definition);
	values[2] = CStringGetTextDatum(program->time_zone);
	values[3] = CStringGetTextDatum(program->currency);
	values[4] = Int32GetDatum((int32) program->exponent);
	values[5] = CStringGetTextDatum(program->metric);
	values[6] = CStringGetTextDatum(program->window.type);
	values[7] = Int32GetDatum((int32) program->window.months);
	nulls[7] = program->window.months == 0 ? 'n' : ' ';
	values[8] = text_or_null(program->window.unit, &nulls[8]);
	values[9] = text_or_null(program->window.start, &nulls[9]);
	values[10] = CStringGetTextDatum(program->policy);
	values[11] = Int32GetDatum((int32) program->grace_days);
	values[12] = Int32GetDatum((int32) program->periods);
	nulls[12] = program->periods == 0 ? 'n' : ' ';
	values[13] = Int32GetDatum((int32) program->months);
	nulls[13] = program->months == 0 ? 'n' : ' ';
	if (spi_run("INSERT INTO promo.program AS p (program, definition, time_zone, currency, exponent,"
				" metric, window_type, window_months, window_unit, window_start, policy, grace_days,"
				" tier_periods, tier_months)"
				" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
				" ON CONFLICT (program) DO UPDATE SET definition = $2, time_zone = $3, metric = $6,"
				" window_type = $7, window_months = $8, window_unit = $9, window_start = $10,"
				" policy = $11, grace_days = $12, tier_periods = $13, tier_months = $14, defined_at = pg_catalog.now()"
				" WHERE (p.currency, p.exponent) = ($4, $5)"
				" RETURNING p.program_id",
				14, types, values, nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the currency of program \"%s\" cannot change", program->name),
				 errhint("Define a program of another name.")));
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
}

/* What must come in before a new member can reach a tier */
static int64
first_lacks(const Program *program)
{
	static const Standing fresh = {0, STANDING_NEVER, 0, STANDING_NEVER, 0};
	StandingRules rules = {0};
	StandingBook book;
	Memory		memory = pg_memory(CurrentMemoryContext);
	Zone		zone;

	zone_start(&zone, NULL, NULL);
	period_of(&program->window, &rules.window);
	rules.exponent = (int) program->exponent;
	while (strcmp(figure_names[rules.metric], program->metric) != 0)
		rules.metric++;
	rules.tiers = program->list.rules;
	rules.n_tiers = program->list.count;
	rules.zone = &zone;
	standing_start(&book, &memory, &rules, 0, &fresh, NULL, NULL);
	return standing_lacks(&book);
}

static void
write_tier(int64 program_id, const TierList *list, int rank)
{
	static const Oid types[6] = {INT8OID, TEXTOID, INT4OID, TEXTOID, JSONBOID, JSONBOID};
	JsonReader *reader = list->readers[rank];
	char		nulls[7] = "      ";
	char		digits[DECIMAL_TEXT];
	Datum		values[6];
	JsonbValue	value;

	values[0] = Int64GetDatum(program_id);
	values[1] = CStringGetTextDatum(list->names[rank]);
	values[2] = Int32GetDatum(rank);
	(void) decimal_write(digits, &list->rules[rank].entry.at_least);
	values[3] = CStringGetTextDatum(digits);
	nulls[4] = nulls[5] = 'n';
	values[4] = values[5] = (Datum) 0;
	if (json_has(reader, "criteria", &value))
	{
		nulls[3] = 'n';
		nulls[4] = ' ';
		values[4] = JsonbPGetDatum(JsonbValueToJsonb(&value));
	}
	if (json_has(reader, "renewal", &value))
	{
		nulls[5] = ' ';
		values[5] = JsonbPGetDatum(JsonbValueToJsonb(&value));
	}
	(void) spi_run("INSERT INTO promo.tier (program_id, tier, rank, threshold, criteria, renewal)"
				   " VALUES ($1, $2, $3, $4::pg_catalog.numeric, $5, $6)"
				   " ON CONFLICT ON CONSTRAINT tier_pkey DO UPDATE SET rank = excluded.rank,"
				   " threshold = excluded.threshold, criteria = excluded.criteria, renewal = excluded.renewal",
				   6, types, values, nulls);
}

/* Members are looked at again with the next posting, and for what is due to them now. */
static void
write_tiers(const Program *program, int64 program_id)
{
	static const Oid types[4] = {INT8OID, TEXTARRAYOID, INT8OID, INT4OID};
	Datum		values[4];
	int			i;

	values[0] = Int64GetDatum(program_id);
	values[1] = PointerGetDatum(construct_array(program->tiers, program->n_tiers, TEXTOID, -1,
												false, TYPALIGN_INT));

	/* Waits for whoever enrolls: their rows hold FOR KEY SHARE on this one. */
	(void) spi_run("SELECT FROM promo.program p WHERE p.program_id = $1 FOR UPDATE",
				   1, types, values, NULL);
	if (spi_run("SELECT t.tier FROM promo.tier t WHERE t.program_id = $1 AND NOT t.tier = ANY ($2)"
				" AND EXISTS (SELECT FROM promo.tier_period p"
				" WHERE p.program_id = $1 AND t.tier IN (p.tier, p.earned, p.floor)) ORDER BY t.rank LIMIT 1",
				2, types, values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tier \"%s\" of program \"%s\" has or had members, and must stay",
						SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), program->name)));
	(void) spi_run("DELETE FROM promo.tier_benefit b WHERE b.program_id = $1", 1, types, values, NULL);
	(void) spi_run("DELETE FROM promo.tier t WHERE t.program_id = $1 AND NOT t.tier = ANY ($2)",
				   2, types, values, NULL);
	/* Two tiers may change places. */
	(void) spi_run("SET CONSTRAINTS promo.tier_rank, promo.tier_threshold DEFERRED", 0, NULL, NULL, NULL);
	for (i = 0; i < program->list.count; i++)
		write_tier(program_id, &program->list, i);
	(void) spi_run("SET CONSTRAINTS promo.tier_rank, promo.tier_threshold IMMEDIATE", 0, NULL, NULL, NULL);
	benefits_write(program_id, &program->list, program->benefits);
	values[2] = Int64GetDatum(first_lacks(program));
	values[3] = Int32GetDatum((int32) program->birthday_hold_days);
	(void) spi_run("UPDATE promo.program p SET tier_lacks = $3, birthday_hold_days = $4,"
				   " has_benefits = EXISTS (SELECT FROM promo.tier_benefit b"
				   " WHERE b.program_id = $1 AND b.every IS NOT NULL) WHERE p.program_id = $1",
				   4, types, values, NULL);
	(void) spi_run("UPDATE promo.member m SET tier_lacks = 0,"
				   " benefit_due_at = CASE WHEN p.has_benefits THEN least(m.benefit_due_at,"
				   " greatest(pg_catalog.now(), m.enrolled_at)) END"
				   " FROM promo.program p WHERE p.program_id = $1 AND m.program_id = $1 AND m.state <> 'closed'",
				   1, types, values, NULL);
}

PG_FUNCTION_INFO_V1(promo_define_program);

/*
 * define_program(definition jsonb) returns text
 */
Datum
promo_define_program(PG_FUNCTION_ARGS)
{
	Jsonb	   *definition = PG_GETARG_JSONB_P(0);
	Program		program = {0};
	JsonFaults	faults;
	int64		program_id;
	text	   *name;

	json_faults_start(&faults);
	read_program(&faults, definition, &program);
	json_faults_raise(&faults, "program");

	name = cstring_to_text(program.name);
	spi_check(SPI_connect(), "SPI_connect");
	program_id = write_program(&program, definition);
	points_terms_write(program_id, &program.points);
	write_tiers(&program, program_id);
	SPI_finish();
	PG_RETURN_TEXT_P(name);
}
