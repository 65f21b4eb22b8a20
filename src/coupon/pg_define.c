/*-------------------------------------------------------------------------
 *
 * pg_define.c
 *	  Defining promotions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "coupon/pg_coupon.h"
#include "coupon/pg_definition.h"
#include "coupon/pg_words.h"
#include "pg/spi.h"

/* Texts as an array */
static Datum
words_array(const WordSet *words)
{
	Datum	   *texts = palloc(sizeof(Datum) * (words->count + 1));
	int			i;

	for (i = 0; i < words->count; i++)
		texts[i] = PointerGetDatum(cstring_to_text_with_len(words->word[i].text, (int) words->word[i].length));
	return PointerGetDatum(construct_array(texts, words->count, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
text_or_null(const char *value, char *null)
{
	*null = value == NULL ? 'n' : ' ';
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

/*
 * Stores the promotion, and its definition as a new version where it is
 * another one.  Gives its number, and whether anything changed.
 */
static int64
store_promotion(const Definition *definition, Jsonb *json, bool *changed)
{
	static const Oid types[13] = {TEXTOID, JSONBOID, BOOLOID, TEXTOID, INT4OID, INT8OID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, TEXTARRAYOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID};
	const Promotion *promotion = &definition->promotion;
	char		nulls[14] = "             ";
	DefinitionKey key;
	Datum		values[13];
	bool		null;

	definition_key(promotion, &key);
	values[0] = CStringGetTextDatum(definition->name);
	values[1] = JsonbPGetDatum(json);
	values[2] = BoolGetDatum(promotion->needs_code);
	values[3] = text_or_null(definition->campaign, &nulls[3]);
	values[4] = Int32GetDatum(promotion->lane);
	values[5] = Int64GetDatum(promotion->priority);
	values[6] = TimestampTzGetDatum(promotion->starts_at);
	nulls[6] = promotion->starts_at == PG_INT64_MIN ? 'n' : ' ';
	values[7] = TimestampTzGetDatum(promotion->ends_at);
	nulls[7] = promotion->ends_at == PG_INT64_MAX ? 'n' : ' ';
	values[8] = promotion->channels == NULL ? (Datum) 0 : words_array(promotion->channels);
	nulls[8] = promotion->channels == NULL ? 'n' : ' ';
	values[9] = text_or_null(definition->currency.code, &nulls[9]);
	values[10] = text_or_null(key.kind, &nulls[10]);
	values[11] = key.kind == NULL ? (Datum) 0 : words_array(&key.words);
	nulls[11] = key.kind == NULL ? 'n' : ' ';
	values[12] = CStringGetTextDatum(coupon_actor());
	(void) spi_run("SELECT p.promotion_id, p.changed FROM promo.promotion_put($1, $2, $3, $4, $5, $6, $7, $8, $9,"
				   " $10, $11, $12, $13) p", 13, types, values, nulls);
	*changed = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null));
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
}

static void
store_code(int64 promotion_id, const Definition *definition)
{
	static const Oid types[3] = {INT8OID, TEXTOID, TEXTOID};
	char		nulls[4] = "   ";
	Datum		values[3];

	values[0] = Int64GetDatum(promotion_id);
	values[1] = text_or_null(definition->code, &nulls[1]);
	values[2] = text_or_null(definition->code == NULL ? NULL : coupon_code_key(definition->code), &nulls[2]);
	(void) spi_run("SELECT promo.promotion_code($1, $2, $3)", 3, types, values, nulls);
}

/* What a definition that is kept must have beyond one that is only priced */
static void
check_kept(JsonFaults *faults, const Definition *definition)
{
	ListCell   *cell;
	int			rewards = 0;
	int			i;

	if (definition->version > 0)
		json_fault(faults, "version", "is counted, and not for the definition to say");
	for (i = 0; i < definition->limits.count; i++)
		if (definition->limits.limit[i].counts == LIMIT_MONEY)
			(void) limit_budget_units(faults, &definition->limits.limit[i], &definition->currency);
	foreach(cell, definition->issues)
	{
		const IssueTerms *issue = lfirst(cell);

		if (issue->reward != NULL && ++rewards > 1)
			json_fault(faults, "actions", "must have one reward at most, and name promotions for further ones");

		if (issue->promotion != NULL && definition->name != NULL && strcmp(issue->promotion, definition->name) == 0)
			json_fault(faults, "actions", "must not issue codes of the promotion itself");
	}
}

/*
 * The promotions that codes are issued of: one that is named must be there,
 * one for a reward is made.
 */
static void
store_rewards(const Definition *definition)
{
	static const Oid types[2] = {TEXTOID, JSONBOID};
	ListCell   *cell;

	foreach(cell, definition->issues)
	{
		const IssueTerms *issue = lfirst(cell);
		Datum		values[2];

		values[0] = CStringGetTextDatum(definition_issues_of(definition, issue->action));
		values[1] = issue->reward == NULL ? (Datum) 0 : JsonbPGetDatum(issue->reward);
		if (issue->reward != NULL)
			(void) spi_run("SELECT promo.define_promotion(pg_catalog.jsonb_build_object('name', $1, 'needs_code', true,"
						   " 'actions', pg_catalog.jsonb_build_array($2)))", 2, types, values, NULL);
		else if (spi_run("SELECT FROM promo.promotion p WHERE p.promotion = $1 AND p.needs_code AND p.archived_at IS NULL",
						 1, types, values, NULL) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("promotion \"%s\", whose codes are to be issued, is no active one with codes", issue->promotion)));
	}
}

PG_FUNCTION_INFO_V1(promo_define_promotion);

/*
 * define_promotion(definition jsonb) returns text
 */
Datum
promo_define_promotion(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = PG_GETARG_JSONB_P(0);
	Definition	definition;
	JsonFaults	faults;
	JsonReader	reader;
	int64		promotion_id;
	bool		changed;
	text	   *name;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	definition_read(&reader, &definition);
	check_kept(&faults, &definition);
	json_faults_raise(&faults, "promotion");

	name = cstring_to_text(definition.name);
	spi_check(SPI_connect(), "SPI_connect");
	promotion_id = store_promotion(&definition, json, &changed);
	if (changed)
	{
		store_code(promotion_id, &definition);
		store_rewards(&definition);
		limits_store(promotion_id, NULL, 0, &faults, &definition.limits, &definition.currency);
	}
	SPI_finish();
	PG_RETURN_TEXT_P(name);
}
