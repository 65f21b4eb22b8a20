/*-------------------------------------------------------------------------
 *
 * pg_code.c
 *	  Codes of promotions, made in batches.
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
#include "utils/timestamp.h"

#include "coupon/code.h"
#include "coupon/pg_coupon.h"
#include "pg/spi.h"

/* Codes that are drawn and stored at a time */
#define CODES_AT_ONCE 10000

/* Rounds without one new code after which there seem to be none left */
#define ROUNDS_IN_VAIN 5000

/* Symbols of codes that are issued one by one */
#define ISSUED_LENGTH 12

typedef struct Batch
{
	CodeForm	form;
	char	   *promotion;
	int64		promotion_id;
	int64		count;
	Datum		batch_key;		/* a text, 0 for none */
	TimestampTz starts_at;		/* DT_NOBEGIN and DT_NOEND for none */
	TimestampTz ends_at;
	double		max_density;
	int64		batch_id;
} Batch;

static bool
strong_bytes(void *arg, void *bytes, size_t size)
{
	(void) arg;
	return pg_strong_random(bytes, size);
}

char *
coupon_code_key(const char *code)
{
	size_t		length = strlen(code);
	char	   *key = palloc(length + 1);

	key[code_key(code, length, key)] = '\0';
	return key;
}

PG_FUNCTION_INFO_V1(promo_code_key);

/*
 * code_key(code text) returns text
 */
Datum
promo_code_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(coupon_code_key(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}

PG_FUNCTION_INFO_V1(promo_code_new);

/*
 * code_new() returns text
 */
Datum
promo_code_new(PG_FUNCTION_ARGS)
{
	CodeForm	form = {code_alphabet, "", "", ISSUED_LENGTH, false};
	char		code[CODE_BYTES + 1];
	CodeRandom	random;

	code_random_start(&random, strong_bytes, NULL);
	if (!code_draw(&form, &random, code))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random codes")));
	PG_RETURN_TEXT_P(cstring_to_text(code));
}

PG_FUNCTION_INFO_V1(promo_code_checks);

/*
 * code_checks(code text, prefix text, suffix text) returns boolean
 */
Datum
promo_code_checks(PG_FUNCTION_ARGS)
{
	char	   *key = coupon_code_key(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char	   *prefix = coupon_code_key(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	char	   *suffix = coupon_code_key(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	size_t		length = strlen(key);

	PG_RETURN_BOOL(length >= strlen(prefix) + strlen(suffix) &&
				   strncmp(key, prefix, strlen(prefix)) == 0 &&
				   strcmp(key + length - strlen(suffix), suffix) == 0 &&
				   code_checks(key, length, strlen(prefix), strlen(suffix)));
}

static void
check_form(const CodeForm *form)
{
	switch (code_form_check(form))
	{
		case CODE_FORM_GOOD:
			return;
		case CODE_FORM_ALPHABET_SIZE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("alphabet must have from %d to %d symbols",
							CODE_ALPHABET_LEAST, CODE_ALPHABET_MOST)));
		case CODE_FORM_ALPHABET_SYMBOL:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("alphabet must have printed ASCII symbols only, without blanks and dashes")));
		case CODE_FORM_ALPHABET_TWICE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("alphabet must have each symbol once"),
					 errdetail("Codes compare without regard to case.")));
		case CODE_FORM_LENGTH:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("length must be from 1 to %d", CODE_LENGTH_MOST)));
		case CODE_FORM_CHECK:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a check symbol needs the alphabet %s", code_alphabet)));
		case CODE_FORM_BYTES:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("codes must have at most %d bytes", CODE_BYTES)));
	}
}

static int
compare_symbols(const void *a, const void *b)
{
	return *(const char *) a - *(const char *) b;
}

/* What batches that draw from the same codes have in common */
static Datum
form_text(const CodeForm *form)
{
	char	   *symbols = coupon_code_key(form->alphabet);

	qsort(symbols, strlen(symbols), 1, compare_symbols);
	return CStringGetTextDatum(psprintf("%s %s %d%s %s", coupon_code_key(form->prefix), symbols, form->length,
										form->has_check ? "+1" : "", coupon_code_key(form->suffix)));
}

/* What was asked for, as jsonb: the same for the same. */
static Datum
batch_content(const Batch *batch)
{
	static const Oid types[8] = {INT8OID, INT4OID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID};
	Datum		values[8];
	bool		null;

	values[0] = Int64GetDatum(batch->count);
	values[1] = Int32GetDatum(batch->form.length);
	values[2] = CStringGetTextDatum(batch->form.prefix);
	values[3] = CStringGetTextDatum(batch->form.suffix);
	values[4] = BoolGetDatum(batch->form.has_check);
	values[5] = CStringGetTextDatum(batch->form.alphabet);
	values[6] = TimestampTzGetDatum(batch->starts_at);
	values[7] = TimestampTzGetDatum(batch->ends_at);
	(void) spi_run("SELECT pg_catalog.jsonb_build_object('count', $1, 'length', $2, 'prefix', $3, 'suffix', $4,"
				   " 'check_symbol', $5, 'alphabet', $6, 'starts_at', $7 AT TIME ZONE 'UTC', 'ends_at', $8 AT TIME ZONE 'UTC')",
				   8, types, values, NULL);
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null);
}

/* The promotion's number, locked against being archived meanwhile. */
static void
find_promotion(Batch *batch)
{
	static const Oid types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(batch->promotion)};
	bool		null;

	if (spi_run("SELECT p.promotion_id, p.needs_code, p.archived_at IS NOT NULL FROM promo.promotion p"
				" WHERE p.promotion = $1 FOR SHARE", 1, types, values, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("promotion \"%s\" does not exist", batch->promotion),
				 errhint("Promotions are made by promo.define_promotion().")));
	batch->promotion_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &null)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("promotion \"%s\" is archived", batch->promotion)));
	if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("promotion \"%s\" applies without a code", batch->promotion),
				 errhint("Define it with \"needs_code\": true.")));
}

/* Whether the batch is there already; an error where it is another one. */
static bool
find_batch(Batch *batch, Datum content)
{
	static const Oid types[3] = {INT8OID, TEXTOID, JSONBOID};
	Datum		values[3];
	bool		null;

	if (batch->batch_key == (Datum) 0)
		return false;
	values[0] = Int64GetDatum(batch->promotion_id);
	values[1] = batch->batch_key;
	values[2] = content;
	if (spi_run("SELECT b.batch_id, b.content = $3 FROM promo.coupon_batch b"
				" WHERE b.promotion_id = $1 AND b.batch_key = $2", 3, types, values, NULL) == 0)
		return false;
	if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null)))
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("batch \"%s\" of promotion \"%s\" was generated before with another content",
						TextDatumGetCString(batch->batch_key), batch->promotion)));
	batch->batch_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	return true;
}

/* Refuses what would use too many of all codes, and warns of what can be guessed. */
static void
check_density(const Batch *batch, Datum form)
{
	static const Oid types[1] = {TEXTOID};
	double		space = (double) code_space(&batch->form);
	int64		before;
	bool		null;

	(void) spi_run("SELECT coalesce(sum(b.codes), 0)::bigint FROM promo.coupon_batch b WHERE b.form = $1",
				   1, types, &form, NULL);
	before = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	if ((double) (before + batch->count) > batch->max_density * space)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many codes of this form"),
				 errdetail("There are %.0f such codes, " INT64_FORMAT " are taken, and " INT64_FORMAT
						   " more would be over %g of all.", space, before, batch->count, batch->max_density),
				 errhint("Make them longer.")));
	if ((double) (before + batch->count) > 1e-6 * space)
		ereport(WARNING,
				(errmsg("codes of this form can be guessed"),
				 errdetail("One guess in %.0f finds one.", space / (double) (before + batch->count)),
				 errhint("Make them longer, or limit how often a customer may try.")));
}

static void
add_batch(Batch *batch, Datum form, Datum content)
{
	static const Oid types[6] = {INT8OID, TEXTOID, TEXTOID, INT8OID, JSONBOID, TEXTOID};
	char		nulls[7] = "      ";
	Datum		values[6];
	bool		null;

	values[0] = Int64GetDatum(batch->promotion_id);
	values[1] = batch->batch_key;
	nulls[1] = batch->batch_key == (Datum) 0 ? 'n' : ' ';
	values[2] = form;
	values[3] = Int64GetDatum(batch->count);
	values[4] = content;
	values[5] = CStringGetTextDatum(coupon_actor());
	(void) spi_run("INSERT INTO promo.coupon_batch (promotion_id, batch_key, form, codes, content, generated_by)"
				   " VALUES ($1, $2, $3, $4, $5, $6) RETURNING batch_id", 6, types, values, nulls);
	batch->batch_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
}

static int
compare_codes(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/*
 * Draws so many codes, and stores those that are new.  Sorted, they go into
 * the index one beside the other.  Gives how many were new, which are in
 * SPI_tuptable.
 */
static int64
add_codes(const Batch *batch, CodeRandom *random, SPIPlanPtr plan, int count)
{
	char	  **codes = palloc(sizeof(char *) * count);
	Datum	   *texts = palloc(sizeof(Datum) * count);
	Datum	   *keys = palloc(sizeof(Datum) * count);
	Datum		values[6];
	char		nulls[7] = "      ";
	char		code[CODE_BYTES + 1];
	int			i;

	for (i = 0; i < count; i++)
	{
		if (!code_draw(&batch->form, random, code))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random codes")));
		codes[i] = pstrdup(code);
	}
	qsort(codes, count, sizeof(char *), compare_codes);
	for (i = 0; i < count; i++)
	{
		texts[i] = CStringGetTextDatum(codes[i]);
		keys[i] = CStringGetTextDatum(coupon_code_key(codes[i]));
	}
	values[0] = Int64GetDatum(batch->promotion_id);
	values[1] = Int64GetDatum(batch->batch_id);
	values[2] = PointerGetDatum(construct_array(texts, count, TEXTOID, -1, false, TYPALIGN_INT));
	values[3] = PointerGetDatum(construct_array(keys, count, TEXTOID, -1, false, TYPALIGN_INT));
	values[4] = TimestampTzGetDatum(batch->starts_at);
	nulls[4] = TIMESTAMP_IS_NOBEGIN(batch->starts_at) ? 'n' : ' ';
	values[5] = TimestampTzGetDatum(batch->ends_at);
	nulls[5] = TIMESTAMP_IS_NOEND(batch->ends_at) ? 'n' : ' ';
	spi_check(SPI_execute_plan(plan, values, nulls, false, 0), "SPI_execute_plan");
	return (int64) SPI_processed;
}

/* Gives the codes in SPI_tuptable. */
static void
give_codes(ReturnSetInfo *result)
{
	uint64		i;

	for (i = 0; i < SPI_processed; i++)
	{
		bool		null;
		Datum		code = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &null);

		tuplestore_putvalues(result->setResult, result->setDesc, &code, &null);
	}
}

static void
make_codes(const Batch *batch, ReturnSetInfo *result)
{
	static const Oid types[6] = {INT8OID, INT8OID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "promo codes", ALLOCSET_DEFAULT_SIZES);
	SPIPlanPtr	plan;
	CodeRandom	random;
	int64		left = batch->count;
	int			in_vain = 0;

	plan = SPI_prepare("INSERT INTO promo.coupon_code AS c (promotion_id, batch_id, kind, code, key, starts_at, ends_at)"
					   " SELECT $1, $2, 'single', u.code, u.key, $5, $6"
					   " FROM unnest($3, $4) u (code, key)"
					   " ON CONFLICT DO NOTHING RETURNING c.code", 6, (Oid *) types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	code_random_start(&random, strong_bytes, NULL);
	while (left > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		int64		added;

		CHECK_FOR_INTERRUPTS();
		added = add_codes(batch, &random, plan, (int) Min(left, CODES_AT_ONCE));
		give_codes(result);
		SPI_freetuptable(SPI_tuptable);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		left -= added;
		in_vain = added > 0 ? 0 : in_vain + 1;
		if (in_vain == ROUNDS_IN_VAIN)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("codes of this form are taken by others"),
					 errhint("Make them longer, or give another prefix.")));
	}
	SPI_freeplan(plan);
	MemoryContextDelete(context);
}

PG_FUNCTION_INFO_V1(promo_generate_codes);

/*
 * generate_codes(promotion text, count int, length int, prefix text, suffix text,
 *	 check_symbol boolean, batch_key text, starts_at timestamptz,
 *	 ends_at timestamptz, alphabet text, max_density float8) returns setof text
 *
 * Batches are generated one after the other, or two at once could pass the
 * limits together.
 */
Datum
promo_generate_codes(PG_FUNCTION_ARGS)
{
	static const Oid types[1] = {INT8OID};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Batch		batch = {0};
	Datum		content;
	Datum		form;
	Datum		batch_id;
	int			i;

	for (i = 0; i < 11; i++)
		if (PG_ARGISNULL(i) && i != 6 && i != 7 && i != 8)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("no argument of generate_codes() but batch_key, starts_at and ends_at may be null")));
	batch.promotion = text_to_cstring(PG_GETARG_TEXT_PP(0));
	batch.count = PG_GETARG_INT32(1);
	batch.form.length = PG_GETARG_INT32(2);
	batch.form.prefix = text_to_cstring(PG_GETARG_TEXT_PP(3));
	batch.form.suffix = text_to_cstring(PG_GETARG_TEXT_PP(4));
	batch.form.has_check = PG_GETARG_BOOL(5);
	batch.batch_key = PG_ARGISNULL(6) ? (Datum) 0 : PG_GETARG_DATUM(6);
	batch.starts_at = PG_ARGISNULL(7) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(7);
	batch.ends_at = PG_ARGISNULL(8) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(8);
	batch.form.alphabet = text_to_cstring(PG_GETARG_TEXT_PP(9));
	batch.max_density = PG_GETARG_FLOAT8(10);
	if (batch.count < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("count must be 1 or more")));
	if (!(batch.max_density > 0 && batch.max_density <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_density must be above 0 and at most 1")));
	if (batch.batch_key != (Datum) 0 && VARSIZE_ANY_EXHDR(DatumGetTextPP(batch.batch_key)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch_key must not be empty")));
	if (batch.starts_at >= batch.ends_at)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ends_at must be after starts_at")));
	check_form(&batch.form);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);

	spi_check(SPI_connect(), "SPI_connect");
	content = batch_content(&batch);
	form = form_text(&batch.form);
	(void) spi_run("LOCK TABLE promo.coupon_batch IN SHARE ROW EXCLUSIVE MODE", 0, NULL, NULL, NULL);
	find_promotion(&batch);
	if (find_batch(&batch, content))
	{
		batch_id = Int64GetDatum(batch.batch_id);
		(void) spi_run("SELECT c.code FROM promo.coupon_code c WHERE c.batch_id = $1 ORDER BY c.code_id",
					   1, types, &batch_id, NULL);
		give_codes(result);
	}
	else
	{
		check_density(&batch, form);
		add_batch(&batch, form, content);
		make_codes(&batch, result);
	}
	SPI_finish();
	return (Datum) 0;
}
