/*-------------------------------------------------------------------------
 *
 * pg_issue.c
 *	  Codes of their own for the customers that a query gives.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "pg/json.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "segment/pg_given.h"

/* Codes drawn that somebody had already, so many times, do not happen. */
#define ISSUE_ROUNDS 5

typedef struct IssueOptions
{
	char	   *experiment;		/* NULL for none: whose control gets no code */
	int64		starts_at;		/* of the codes; PG_INT64_MIN for none */
	int64		ends_at;		/* PG_INT64_MAX for none */
	int64		valid_days;		/* 0 for none */
	int64		cap_codes;		/* most codes for a customer in so many days; 0 */
	int64		cap_days;
	bool		opted_out;		/* also for members who want no advertising */
} IssueOptions;

static void
read_options(const Jsonb *json, IssueOptions *options)
{
	JsonFaults	faults;
	JsonReader	reader;
	JsonReader	cap;

	memset(options, 0, sizeof(*options));
	options->starts_at = PG_INT64_MIN;
	options->ends_at = PG_INT64_MAX;
	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	json_read_text(&reader, "experiment", &options->experiment);
	json_read_instant(&reader, "starts_at", &options->starts_at);
	json_read_instant(&reader, "ends_at", &options->ends_at);
	json_read_int(&reader, "valid_days", 1, 3660, &options->valid_days);
	if (options->valid_days > 0 && options->ends_at != PG_INT64_MAX)
		json_fault(&faults, "valid_days", "must not be beside ends_at");
	if (options->starts_at >= options->ends_at)
		json_fault(&faults, "ends_at", "must be after starts_at");
	if (json_read_object(&reader, "at_most", &cap))
	{
		json_need(&cap, "codes");
		json_read_int(&cap, "codes", 1, 1000, &options->cap_codes);
		json_need(&cap, "days");
		json_read_int(&cap, "days", 1, 3660, &options->cap_days);
		json_close(&cap);
	}
	json_read_bool(&reader, "opted_out", &options->opted_out);
	json_close(&reader);
	json_faults_raise(&faults, "options");
}

/* The promotion's number; locked against being archived meanwhile */
static int64
find_promotion(const text *name)
{
	static const Oid types[1] = {TEXTOID};
	Datum		values[1] = {PointerGetDatum(name)};
	bool		null;

	if (spi_run("SELECT p.promotion_id FROM promo.promotion p"
				" WHERE p.promotion = $1 AND p.needs_code AND p.archived_at IS NULL FOR SHARE",
				1, types, values, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("promotion \"%s\" is no active one with codes", text_to_cstring(name)),
				 errhint("Promotions are made by promo.define_promotion(), with \"needs_code\": true.")));
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
}

/* Rows for customers who are left alone, and codes for the others */
static void
issue_given(int64 promotion_id, Datum occasion, TimestampTz at, const IssueOptions *options)
{
	static const Oid types[9] = {INT8OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,
	INT8OID, INT8OID, BOOLOID};
	char		nulls[10] = "         ";
	Datum		values[9];
	int			round;

	given_number(NULL, 0, NULL, NULL);
	values[0] = Int64GetDatum(promotion_id);
	values[1] = occasion;
	values[2] = TimestampTzGetDatum(at);
	values[3] = TimestampTzGetDatum(options->starts_at);
	nulls[3] = options->starts_at == PG_INT64_MIN ? 'n' : ' ';
	values[4] = TimestampTzGetDatum(options->valid_days > 0 ? at + options->valid_days * USECS_PER_DAY : options->ends_at);
	nulls[4] = options->valid_days == 0 && options->ends_at == PG_INT64_MAX ? 'n' : ' ';
	values[5] = options->experiment == NULL ? (Datum) 0 : CStringGetTextDatum(options->experiment);
	nulls[5] = options->experiment == NULL ? 'n' : ' ';
	values[6] = Int64GetDatum(options->cap_codes);
	values[7] = Int64GetDatum(options->cap_days);
	values[8] = BoolGetDatum(options->opted_out);
	if (options->experiment != NULL)
		(void) spi_run("INSERT INTO promo.coupon_code (promotion_id, kind, state, customer_id, issue_key, issued_at)"
					   " SELECT $1, 'personal', 'withheld', a.number, promo.occasion_key($2, a.number), $3"
					   " FROM (SELECT DISTINCT c.number, promo.assign($6, g.customer) AS arm"
					   "  FROM given g JOIN promo.customer c ON c.shop_id = g.customer) a"
					   " WHERE a.arm IS NULL OR a.arm = (SELECT e.control FROM promo.experiment e WHERE e.experiment = $6)"
					   " ORDER BY a.number"
					   " ON CONFLICT DO NOTHING", 6, types, values, nulls);
	for (round = 0; round < ISSUE_ROUNDS; round++)
		if (spi_run("INSERT INTO promo.coupon_code (promotion_id, kind, customer_id, code, key, issue_key, starts_at, ends_at, issued_at)"
					" SELECT $1, 'personal', n.number, n.code, n.code, n.issue_key, $4, $5, $3"
					" FROM (SELECT c.number, promo.occasion_key($2, c.number) AS issue_key, promo.code_new() AS code"
					"  FROM (SELECT DISTINCT c.number FROM given g JOIN promo.customer c ON c.shop_id = g.customer) c"
					"  WHERE NOT EXISTS (SELECT FROM promo.coupon_code o WHERE o.promotion_id = $1"
					"    AND o.issue_key = promo.occasion_key($2, c.number))"
					"   AND ($9 OR NOT EXISTS (SELECT FROM promo.member m WHERE m.customer_id = c.number AND m.opted_out))"
					"   AND ($7 = 0 OR $7 > (SELECT count(*) FROM promo.coupon_code o WHERE o.customer_id = c.number"
					"    AND o.issue_key IS NOT NULL AND o.state <> 'withheld' AND o.issued_at > $3 - $8 * interval '1 day'))"
					"  ORDER BY c.number OFFSET 0) n"
					" ON CONFLICT DO NOTHING", 9, types, values, nulls) == 0)
			break;
}

PG_FUNCTION_INFO_V1(promo_issue);

/*
 * issue(promotion text, query text, occasion text, options jsonb, at timestamptz)
 *	 returns table (outcome text, customers bigint)
 */
Datum
promo_issue(PG_FUNCTION_ARGS)
{
	static const Oid types[2] = {INT8OID, TEXTOID};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	text	   *promotion = PG_GETARG_TEXT_PP(0);
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(4);
	IssueOptions options;
	Given		given;
	OwnerSwitch before;
	Datum		values[2];
	uint64		i;

	PreventCommandIfReadOnly("issue()");
	if (VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(2)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("occasion must not be empty")));
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("at must be finite")));
	read_options(PG_GETARG_JSONB_P(3), &options);
	InitMaterializedSRF(fcinfo, 0);
	spi_check(SPI_connect(), "SPI_connect");
	given_start(&given, false);
	(void) query_run(query, given_row, &given);

	owner_become(&before);
	given_register(&given);
	values[0] = Int64GetDatum(find_promotion(promotion));
	values[1] = PG_GETARG_DATUM(2);
	issue_given(DatumGetInt64(values[0]), values[1], at, &options);
	(void) spi_run("SELECT CASE WHEN o.code_id IS NULL THEN 'left_out' WHEN o.state = 'withheld' THEN 'withheld' ELSE 'issued' END,"
				   " pg_catalog.count(*) FROM given g"
				   " JOIN promo.customer c ON c.shop_id = g.customer"
				   " LEFT JOIN promo.coupon_code o ON o.promotion_id = $1 AND o.issue_key = promo.occasion_key($2, c.number)"
				   " GROUP BY 1 ORDER BY 1", 2, types, values, NULL);
	owner_leave(&before);
	for (i = 0; i < SPI_processed; i++)
	{
		Datum		row[2];
		bool		nulls[2];

		row[0] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &nulls[0]);
		row[1] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &nulls[1]);
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
	}
	given_end(&given);
	SPI_finish();
	return (Datum) 0;
}
