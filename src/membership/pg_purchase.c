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

#include "core/time.h"
#include "membership/pg_purchase.h"
#include "pg/json.h"
#include "pg/spi.h"

/* As the tables allow */
#define POINTS_MOST INT64CONST(1000000000000)
#define AMOUNT_MOST INT64CONST(1000000000000)

static void
read_expiry(JsonReader *reader, Purchase *purchase)
{
	JsonbValue	value;
	char	   *instant;

	purchase->expires_by_terms = !json_has(reader, "expires_at", &value);
	if (purchase->expires_by_terms)
		return;
	purchase->expires_at = DT_NOEND;
	if (value.type == jbvNull || !json_read_text(reader, "expires_at", &instant))
		return;
	if (!time_read(instant, strlen(instant), &purchase->expires_at))
		json_fault(reader->faults, json_path(reader, "expires_at"),
				   "must be an instant as 2026-01-05T15:30:00Z, not \"%.60s\"", instant);
}

void
purchase_read(const Jsonb *json, const char *what, Purchase *purchase)
{
	JsonFaults	faults;
	JsonReader	reader;
	char	   *amount = NULL;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	json_need(&reader, "points");
	json_read_int(&reader, "points", 0, POINTS_MOST, &purchase->points);
	read_expiry(&reader, purchase);
	json_need(&reader, "amount");
	json_read_decimal(&reader, "amount", 0, AMOUNT_MOST, &amount);
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
	static const Oid types[8] = {TEXTOID, TEXTOID, INT8OID, NUMERICOID, TIMESTAMPTZOID, BYTEAOID,
	TIMESTAMPTZOID, TEXTOID};
	static SPIPlanPtr plan = NULL;
	char		nulls[9] = "        ";
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	Purchase	purchase = {0};
	Jsonb	   *json;
	Jsonb	   *answer;
	Datum		values[8];
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

	spi_check(SPI_connect(), "SPI_connect");
	(void) spi_run_kept(&plan, "SELECT promo.points_give($1, $2, $3, $4, $5, $6, $7, $8)",
						8, types, values, nulls);
	old = MemoryContextSwitchTo(caller);
	answer = DatumGetJsonbPCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	MemoryContextSwitchTo(old);
	SPI_finish();
	PG_RETURN_JSONB_P(answer);
}
