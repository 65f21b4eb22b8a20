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

#include "membership/pg_earning.h"
#include "membership/pg_period.h"
#include "membership/pg_terms.h"
#include "pg/json.h"
#include "pg/spi.h"
#include "pg/zone.h"

/* Names are looked up by index, and stand in messages. */
#define PROGRAM_NAME_MOST 200

#define PROGRAM_TIERS_MOST 100

/* Thresholds are counts, points, or amounts with up to four decimals. */
#define THRESHOLD_MOST INT64CONST(1000000000000000)

typedef struct Program
{
	char	   *name;
	char	   *time_zone;
	char	   *currency;
	int64		exponent;
	const char *metric;
	PeriodText	window;
	const char *policy;
	int64		grace_days;
	PointsTerms points;
	int			n_tiers;
	Datum	   *tiers;			/* texts, in the order given */
	Datum	   *thresholds;		/* numerics */
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
	List	   *children;
	ListCell   *cell;
	ListCell   *earlier;
	List	   *names = NIL;
	Datum		last = (Datum) 0;

	json_need(reader, "tiers");
	if (!json_read_objects(reader, "tiers", &children))
		return;
	if (list_length(children) < 1 || list_length(children) > PROGRAM_TIERS_MOST)
		json_fault(reader->faults, json_path(reader, "tiers"), "must have from 1 to %d tiers, not %d",
				   PROGRAM_TIERS_MOST, list_length(children));
	program->tiers = palloc(sizeof(Datum) * (list_length(children) + 1));
	program->thresholds = palloc(sizeof(Datum) * (list_length(children) + 1));
	foreach(cell, children)
	{
		JsonReader *tier = lfirst(cell);
		char	   *name = NULL;
		char	   *digits;

		json_need(tier, "name");
		read_name(tier, "name", &name);
		foreach(earlier, names)
			if (name != NULL && strcmp(lfirst(earlier), name) == 0)
				json_fault(reader->faults, json_path(tier, "name"),
						   "is \"%s\" for the second time", name);
		json_need(tier, "threshold");
		if (json_read_decimal(tier, "threshold", 0, THRESHOLD_MOST, &digits))
		{
			Datum		threshold = DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
														ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
			bool		is_zero = DatumGetBool(DirectFunctionCall2(numeric_eq, threshold,
																   DirectFunctionCall1(int8_numeric, Int64GetDatum(0))));

			if (foreach_current_index(cell) == 0 && !is_zero)
				json_fault(reader->faults, json_path(tier, "threshold"),
						   "must be 0 for the first tier, which is everybody's, not %.60s", digits);
			if (last != (Datum) 0 &&
				!DatumGetBool(DirectFunctionCall2(numeric_gt, threshold, last)))
				json_fault(reader->faults, json_path(tier, "threshold"),
						   "must be above that of the tier before, and is %.60s", digits);
			last = threshold;
			program->thresholds[program->n_tiers] = threshold;
		}
		json_close(tier);
		if (name != NULL)
		{
			names = lappend(names, name);
			program->tiers[program->n_tiers++] = CStringGetTextDatum(name);
		}
	}
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
	static const char *const metrics[] = {"spend", "points", "orders", "visits", "balance"};
	static const char *const policies[] = {"one_down", "to_qualified", "to_base", "never"};
	JsonReader	reader;

	program->name = "default";
	program->time_zone = "UTC";
	program->metric = "spend";
	program->policy = "one_down";
	json_open(&reader, faults, "", definition);
	read_name(&reader, "name", &program->name);
	if (json_read_text(&reader, "time_zone", &program->time_zone) &&
		!pg_zone_is_known(program->time_zone))
		json_fault(faults, "time_zone", "must be one of pg_timezone_names, not \"%.60s\"",
				   program->time_zone);
	read_currency(&reader, program);
	json_read_word(&reader, "metric", metrics, lengthof(metrics), &program->metric);
	read_window(&reader, program);
	read_tiers(&reader, program);
	json_read_word(&reader, "policy", policies, lengthof(policies), &program->policy);
	json_read_int(&reader, "grace_days", 0, 3660, &program->grace_days);
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
	static const Oid types[12] = {TEXTOID, JSONBOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID,
	INT4OID, TEXTOID, TEXTOID, TEXTOID, INT4OID};
	char		nulls[13] = "            ";
	Datum		values[12];
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
	if (spi_run("INSERT INTO promo.program AS p (program, definition, time_zone, currency, exponent,"
				" metric, window_type, window_months, window_unit, window_start, policy, grace_days)"
				" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
				" ON CONFLICT (program) DO UPDATE SET definition = $2, time_zone = $3, metric = $6,"
				" window_type = $7, window_months = $8, window_unit = $9, window_start = $10,"
				" policy = $11, grace_days = $12, defined_at = pg_catalog.now()"
				" WHERE (p.currency, p.exponent) = ($4, $5)"
				" RETURNING p.program_id",
				12, types, values, nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the currency of program \"%s\" cannot change", program->name),
				 errhint("Define a program of another name.")));
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
}

static void
write_tiers(const Program *program, int64 program_id)
{
	static const Oid types[3] = {INT8OID, TEXTARRAYOID, NUMERICARRAYOID};
	Datum		values[3];

	values[0] = Int64GetDatum(program_id);
	values[1] = PointerGetDatum(construct_array(program->tiers, program->n_tiers, TEXTOID, -1,
												false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(program->thresholds, program->n_tiers, NUMERICOID,
												-1, false, TYPALIGN_INT));

	/* Waits for whoever enrolls: their rows hold FOR KEY SHARE on this one. */
	(void) spi_run("SELECT FROM promo.program p WHERE p.program_id = $1 FOR UPDATE",
				   1, types, values, NULL);
	if (spi_run("SELECT t.tier FROM promo.tier t WHERE t.program_id = $1 AND NOT t.tier = ANY ($2)"
				" AND EXISTS (SELECT FROM promo.tier_period p"
				" WHERE p.program_id = $1 AND p.tier = t.tier) ORDER BY t.rank LIMIT 1",
				2, types, values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tier \"%s\" of program \"%s\" has or had members, and must stay",
						SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), program->name)));
	(void) spi_run("DELETE FROM promo.tier t WHERE t.program_id = $1 AND NOT t.tier = ANY ($2)",
				   2, types, values, NULL);
	(void) spi_run("INSERT INTO promo.tier (program_id, tier, rank, threshold)"
				   " SELECT $1, u.tier, u.rank - 1, u.threshold"
				   " FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3))"
				   " WITH ORDINALITY u(tier, threshold, rank)"
				   " ON CONFLICT ON CONSTRAINT tier_pkey DO UPDATE"
				   " SET rank = excluded.rank, threshold = excluded.threshold",
				   3, types, values, NULL);
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
