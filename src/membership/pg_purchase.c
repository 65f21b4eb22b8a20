/*-------------------------------------------------------------------------
 *
 * pg_purchase.c
 *	  What a member bought, and the points of it posted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "membership/pg_purchase.h"
#include "pg/json.h"
#include "pg/spi.h"

/* As the tables allow */
#define POINTS_MOST INT64CONST(1000000000000)

void
purchase_read_expiry(JsonReader *reader, bool *by_terms, TimestampTz *expires_at)
{
	JsonbValue	value;

	*by_terms = !json_has(reader, "expires_at", &value);
	*expires_at = DT_NOEND;
	if (!*by_terms && value.type != jbvNull)
		(void) json_read_instant(reader, "expires_at", expires_at);
}

void
purchase_read(const Jsonb *json, const char *what, Purchase *purchase)
{
	JsonFaults	faults;
	JsonReader	reader;
	JsonbValue	points;
	char	   *amount = NULL;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	purchase->by_rules = !json_has(&reader, "points", &points);
	if (purchase->by_rules)
	{
		/* It is for purchase_count(), which knows the program. */
		json_faults_raise(&faults, what);
		purchase->expires_by_terms = true;
		return;
	}
	json_read_int(&reader, "points", 0, POINTS_MOST, &purchase->points);
	purchase_read_expiry(&reader, &purchase->expires_by_terms, &purchase->expires_at);
	json_need(&reader, "amount");
	json_read_decimal(&reader, "amount", 0, PURCHASE_AMOUNT_MOST, &amount);
	json_close(&reader);
	json_faults_raise(&faults, what);
	purchase->amount = DirectFunctionCall3(numeric_in, CStringGetDatum(amount),
										   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* The text of jsonb is the same for the same content given. */
Datum
purchase_content(const Jsonb *json)
{
	char	   *text = JsonbToCString(NULL, (JsonbContainer *) &json->root, VARSIZE(json));

	return DirectFunctionCall1(sha256_bytea, PointerGetDatum(cstring_to_text(text)));
}

PG_FUNCTION_INFO_V1(promo_earn);

/*
 * earn(customer text, key text, purchase jsonb, at timestamptz, program text) returns jsonb
 */
Datum
promo_earn(PG_FUNCTION_ARGS)
{
	static const Oid types[9] = {TEXTOID, TEXTOID, INT8OID, NUMERICOID, TIMESTAMPTZOID, BYTEAOID,
	TIMESTAMPTZOID, TEXTOID, JSONBOID};
	static SPIPlanPtr plan = NULL;
	char		nulls[10] = "         ";
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	Purchase	purchase = {0};
	Jsonb	   *json;
	Jsonb	   *answer;
	Datum		values[9];
	bool		null;
	int			i;

	for (i = 0; i < 5; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("no argument of earn() may be null")));
	if (VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(1)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must not be empty")));
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(3)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("at must be finite")));
	json = PG_GETARG_JSONB_P(2);
	purchase_read(json, "purchase", &purchase);

	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = Int64GetDatum(purchase.points);
	values[3] = purchase.amount;
	values[4] = TimestampTzGetDatum(purchase.expires_at);
	nulls[4] = purchase.expires_by_terms ? 'n' : ' ';
	values[5] = purchase_content(json);
	values[6] = PG_GETARG_DATUM(3);
	values[7] = PG_GETARG_DATUM(4);
	values[8] = JsonbPGetDatum(json);
	nulls[2] = nulls[3] = purchase.by_rules ? 'n' : ' ';
	nulls[8] = purchase.by_rules ? ' ' : 'n';

	spi_check(SPI_connect(), "SPI_connect");
	(void) spi_run_kept(&plan, "SELECT promo.points_give($1, $2, $3, $4, $5, $6, $7, $8, $9)",
						9, types, values, nulls);
	old = MemoryContextSwitchTo(caller);
	answer = DatumGetJsonbPCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	MemoryContextSwitchTo(old);
	SPI_finish();
	PG_RETURN_JSONB_P(answer);
}
