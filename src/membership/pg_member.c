/*-------------------------------------------------------------------------
 *
 * pg_member.c
 *	  Customers of a query made members of a program.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/owner.h"
#include "pg/spi.h"
#include "segment/pg_given.h"

PG_FUNCTION_INFO_V1(promo_enroll_all);

/*
 * enroll_all(query text, at timestamptz, program text) returns bigint
 */
Datum
promo_enroll_all(PG_FUNCTION_ARGS)
{
	static const Oid types[2] = {TEXTOID, TIMESTAMPTZOID};
	Given		given;
	OwnerSwitch before;
	TimestampTz at;
	Datum		values[2];
	int64		enrolled;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query, at and program must not be null")));
	at = PG_GETARG_TIMESTAMPTZ(1);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("at must be finite")));
	PreventCommandIfReadOnly("enroll_all()");
	values[0] = PG_GETARG_DATUM(2);
	values[1] = TimestampTzGetDatum(at);

	spi_check(SPI_connect(), "SPI_connect");
	given_start(&given, false);
	(void) query_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), given_row, &given);

	owner_become(&before);
	given_register(&given);
	(void) spi_run("SELECT promo.program_known($1)", 1, types, values, NULL);
	given_number(NULL, 0, NULL, NULL);
	enrolled = (int64) spi_run("WITH enrolled AS ("
							   "INSERT INTO promo.member (program_id, customer_id, state, since, enrolled_at,"
							   " tier_lacks, benefit_due_at)"
							   " SELECT p.program_id, c.number, 'active', $2, $2, p.tier_lacks,"
							   " CASE WHEN p.has_benefits THEN $2 END"
							   " FROM given g JOIN promo.customer c ON c.shop_id = g.customer,"
							   " promo.program p WHERE p.program = $1"
							   " GROUP BY p.program_id, c.number ORDER BY c.number"
							   " ON CONFLICT ON CONSTRAINT member_pkey DO NOTHING"
							   " RETURNING program_id, customer_id)"
							   " INSERT INTO promo.tier_period (program_id, customer_id, tier, earned, begins_at, cause)"
							   " SELECT e.program_id, e.customer_id, t.tier, t.tier, $2, 'enrolled'"
							   " FROM enrolled e JOIN promo.tier t ON t.program_id = e.program_id AND t.rank = 0",
							   2, types, values, NULL);
	owner_leave(&before);
	given_end(&given);
	SPI_finish();
	PG_RETURN_INT64(enrolled);
}
