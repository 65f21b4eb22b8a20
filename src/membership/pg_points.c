/*-------------------------------------------------------------------------
 *
 * pg_points.c
 *	  Purchases posted to the ledger of points.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/queryenvironment.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/time.h"
#include "pg/json.h"
#include "pg/owner.h"
#include "pg/query.h"
#include "pg/record.h"
#include "pg/spi.h"

/* As the tables allow */
#define POINTS_MOST INT64CONST(1000000000000)
#define AMOUNT_MOST INT64CONST(1000000000000)

typedef struct Purchase
{
	int64		points;
	char	   *amount;			/* its digits */
	bool		expires;
	int64		expires_at;
} Purchase;

static void
read_expiry(JsonReader *reader, Purchase *purchase)
{
	JsonbValue	value;
	char	   *instant;

	if (json_has(reader, "expires_at", &value) && value.type == jbvNull)
		return;
	json_need(reader, "expires_at");
	if (!json_read_text(reader, "expires_at", &instant))
		return;
	purchase->expires = true;
	if (!time_read(instant, strlen(instant), &purchase->expires_at))
		json_fault(reader->faults, json_path(reader, "expires_at"),
				   "must be an instant as 2026-01-05T15:30:00Z, not \"%.60s\"", instant);
}

/* What is wrong raises "invalid <what>". */
static void
read_purchase(const Jsonb *json, const char *what, Purchase *purchase)
{
	JsonFaults	faults;
	JsonReader	reader;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	json_need(&reader, "points");
	json_read_int(&reader, "points", 0, POINTS_MOST, &purchase->points);
	read_expiry(&reader, purchase);
	json_need(&reader, "amount");
	json_read_decimal(&reader, "amount", 0, AMOUNT_MOST, &purchase->amount);
	json_close(&reader);
	json_faults_raise(&faults, what);
}

/* SHA-256 of the jsonb's text, which is the same for the same text given */
static Datum
content_of(const Jsonb *json)
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
	read_purchase(json, "purchase", &purchase);

	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = Int64GetDatum(purchase.points);
	values[3] = DirectFunctionCall3(numeric_in, CStringGetDatum(purchase.amount),
									ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	values[4] = TimestampTzGetDatum(purchase.expires_at);
	nulls[4] = purchase.expires ? ' ' : 'n';
	values[5] = content_of(json);
	values[6] = PG_GETARG_DATUM(3);
	values[7] = PG_GETARG_DATUM(4);

	spi_check(SPI_connect(), "SPI_connect");
	(void) spi_run("SELECT promo.points_give($1, $2, $3, $4, $5, $6, $7, $8)", 8, types, values, nulls);
	old = MemoryContextSwitchTo(caller);
	answer = DatumGetJsonbPCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	MemoryContextSwitchTo(old);
	SPI_finish();
	PG_RETURN_JSONB_P(answer);
}

/*
 * Many purchases at once
 */

/* Columns of the query, and of the rows kept of it */
enum
{
	FROM_CUSTOMER,
	FROM_KEY,
	FROM_PURCHASE,
	FROM_AT,
	FROM_COLUMNS
};

#define KEPT_COLUMNS 7

typedef struct Postings
{
	MemoryContext context;
	int			columns[FROM_COLUMNS];
	FmgrInfo	output[2];		/* of customer and key */
	TupleDesc	desc;
	Tuplestorestate *store;
	int64		rows;
} Postings;

static void
look_at_columns(Postings *postings, TupleDesc desc)
{
	static const char *const names[FROM_COLUMNS] = {"customer", "key", "purchase", "at"};
	static const Oid types[FROM_COLUMNS] = {InvalidOid, InvalidOid, JSONBOID, TIMESTAMPTZOID};
	int			i;

	for (i = 0; i < FROM_COLUMNS; i++)
	{
		int			column = record_column(desc, names[i]);

		if (column < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the query has no column \"%s\"", names[i]),
					 errhint("It gives the columns customer, key, purchase and at.")));
		if (OidIsValid(types[i]) && TupleDescAttr(desc, column)->atttypid != types[i])
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of the query must be of type %s, not %s", names[i],
							format_type_be(types[i]),
							format_type_be(TupleDescAttr(desc, column)->atttypid))));
		if (i < (int) lengthof(postings->output))
		{
			Oid			output;
			bool		is_varlena;

			getTypeOutputInfo(TupleDescAttr(desc, column)->atttypid, &output, &is_varlena);
			fmgr_info_cxt(output, &postings->output[i], postings->context);
		}
		postings->columns[i] = column;
	}
}

static void
read_posting(void *arg, TupleDesc desc, HeapTuple tuple)
{
	Postings   *postings = arg;
	Datum		from[FROM_COLUMNS];
	Datum		kept[KEPT_COLUMNS];
	bool		nulls[KEPT_COLUMNS] = {false};
	Purchase	purchase = {0};
	Jsonb	   *json;
	char	   *key;
	int			i;

	if (tuple == NULL)
	{
		look_at_columns(postings, desc);
		return;
	}
	for (i = 0; i < FROM_COLUMNS; i++)
	{
		bool		null;

		from[i] = heap_getattr(tuple, postings->columns[i] + 1, desc, &null);
		if (null)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" of the query is null",
							NameStr(TupleDescAttr(desc, postings->columns[i])->attname))));
	}
	key = OutputFunctionCall(&postings->output[1], from[FROM_KEY]);
	if (key[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must not be empty")));
	if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(from[FROM_AT])))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("at must be finite")));
	json = DatumGetJsonbP(from[FROM_PURCHASE]);
	read_purchase(json, psprintf("purchase of key \"%s\"", key), &purchase);

	kept[0] = CStringGetTextDatum(OutputFunctionCall(&postings->output[0], from[FROM_CUSTOMER]));
	kept[1] = CStringGetTextDatum(key);
	kept[2] = Int64GetDatum(purchase.points);
	kept[3] = DirectFunctionCall3(numeric_in, CStringGetDatum(purchase.amount),
								  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	kept[4] = TimestampTzGetDatum(purchase.expires_at);
	nulls[4] = !purchase.expires;
	kept[5] = from[FROM_AT];
	kept[6] = content_of(json);
	tuplestore_putvalues(postings->store, postings->desc, kept, nulls);
	postings->rows++;
}

/* Raises an error of the first row that a statement finds, if any. */
static void
refuse(const char *statement, const Datum *program, int code, const char *before,
	   const char *after)
{
	static const Oid types[1] = {TEXTOID};

	if (spi_run(statement, 1, types, program, NULL) > 0)
		ereport(ERROR,
				(errcode(code),
				 errmsg("%s \"%s\" %s", before,
						SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), after)));
}

/* The rows with their customers, and the members that they are of */
#define POSTINGS "postings g JOIN promo.customer c ON c.shop_id = g.customer" \
	" JOIN promo.program p ON p.program = $1" \
	" JOIN promo.member m ON m.program_id = p.program_id AND m.customer_id = c.customer_id"

/* Locks the members, in the one order in which all do who lock several. */
static void
lock_members(const Datum *program)
{
	static const Oid types[1] = {TEXTOID};

	(void) spi_run("SELECT promo.program_known($1)", 1, types, program, NULL);
	(void) spi_run("SELECT pg_catalog.count(*) FROM (SELECT FROM promo.member m"
				   " WHERE (m.program_id, m.customer_id) IN"
				   " (SELECT p.program_id, c.customer_id FROM postings g"
				   " JOIN promo.customer c ON c.shop_id = g.customer, promo.program p WHERE p.program = $1)"
				   " ORDER BY m.program_id, m.customer_id FOR NO KEY UPDATE) m",
				   1, types, program, NULL);
	refuse("SELECT g.customer FROM postings g WHERE NOT EXISTS (SELECT FROM promo.customer c"
		   " JOIN promo.member m ON m.customer_id = c.customer_id"
		   " JOIN promo.program p ON p.program_id = m.program_id"
		   " WHERE c.shop_id = g.customer AND p.program = $1) ORDER BY 1 LIMIT 1",
		   program, ERRCODE_UNDEFINED_OBJECT, "customer", "is no member of the program");
	refuse("SELECT g.key FROM postings g, promo.program p WHERE p.program = $1"
		   " AND g.amount <> pg_catalog.round(g.amount, p.exponent) ORDER BY 1 LIMIT 1",
		   program, ERRCODE_INVALID_PARAMETER_VALUE, "purchase of key",
		   "has an amount of more decimals than the program's currency");
	refuse("SELECT g.key FROM postings g WHERE g.expires_at <= g.at AND $1 IS NOT NULL ORDER BY 1 LIMIT 1",
		   program, ERRCODE_INVALID_PARAMETER_VALUE, "purchase of key",
		   "gives points that expire before it");
}

/* Posts the rows of members who earn, and are not posted yet. */
static void
post_all(const Datum *program, int64 rows, Datum *earned)
{
	static const Oid types[1] = {TEXTOID};
	int64		refused;
	bool		null;

	(void) spi_run("SELECT pg_catalog.count(*) FROM " POSTINGS
				   " WHERE (m.state <> 'active' OR g.at < m.enrolled_at) AND NOT EXISTS"
				   " (SELECT FROM promo.points_entry e WHERE e.program_id = m.program_id"
				   " AND e.customer_id = m.customer_id AND e.kind = 'earn' AND e.key = g.key)",
				   1, types, program, NULL);
	refused = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	(void) spi_run("WITH posted AS ("
				   "INSERT INTO promo.points_entry (program_id, customer_id, kind, key, points, amount, at, content)"
				   " SELECT m.program_id, m.customer_id, 'earn', g.key, g.points, g.amount, g.at, g.content"
				   " FROM " POSTINGS " WHERE m.state = 'active' AND g.at >= m.enrolled_at"
				   " ORDER BY g.at, m.customer_id, g.key, g.content"
				   " ON CONFLICT (program_id, customer_id, kind, key) DO NOTHING"
				   " RETURNING entry_id, program_id, customer_id, key, points, at, content),"
				   " opened AS ("
				   "INSERT INTO promo.points_lot (entry_id, program_id, customer_id, points, remaining,"
				   " available_at, expires_at)"
				   " SELECT d.entry_id, d.program_id, d.customer_id, d.points, d.points, d.at, g.expires_at"
				   " FROM posted d JOIN promo.customer c ON c.customer_id = d.customer_id"
				   " JOIN (SELECT DISTINCT g.customer, g.key, g.content, g.expires_at FROM postings g) g"
				   " ON g.customer = c.shop_id AND g.key = d.key AND g.content = d.content"
				   " WHERE d.points > 0),"
				   " credited AS ("
				   "UPDATE promo.member m SET points = m.points + d.points"
				   " FROM (SELECT d.program_id, d.customer_id, pg_catalog.sum(d.points)::int8 AS points"
				   " FROM posted d GROUP BY d.program_id, d.customer_id) d"
				   " WHERE m.program_id = d.program_id AND m.customer_id = d.customer_id AND d.points > 0)"
				   " SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(d.points), 0)::int8 FROM posted d",
				   1, types, program, NULL);
	earned[0] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null);
	earned[1] = Int64GetDatum(rows - DatumGetInt64(earned[0]) - refused);
	earned[2] = Int64GetDatum(refused);
	earned[3] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null);
	refuse("SELECT g.key FROM " POSTINGS " JOIN promo.points_entry e ON e.program_id = m.program_id"
		   " AND e.customer_id = m.customer_id AND e.kind = 'earn' AND e.key = g.key"
		   " WHERE e.content <> g.content ORDER BY 1 LIMIT 1",
		   program, ERRCODE_UNIQUE_VIOLATION, "key", "was posted before with another content");
}

PG_FUNCTION_INFO_V1(promo_earn_all);

/*
 * earn_all(query text, program text) returns earnings
 */
Datum
promo_earn_all(PG_FUNCTION_ARGS)
{
	static const char *const names[KEPT_COLUMNS] = {"customer", "key", "points", "amount",
	"expires_at", "at", "content"};
	static const Oid types[KEPT_COLUMNS] = {TEXTOID, TEXTOID, INT8OID, NUMERICOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, BYTEAOID};
	EphemeralNamedRelation relation;
	Postings	postings = {0};
	OwnerSwitch before;
	TupleDesc	desc;
	Datum		program = PG_GETARG_DATUM(1);
	Datum		earned[4];
	bool		nulls[4] = {false};
	HeapTupleHeader row;
	int			i;

	PreventCommandIfReadOnly("earn_all()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	spi_check(SPI_connect(), "SPI_connect");
	postings.context = CurrentMemoryContext;
	postings.desc = CreateTemplateTupleDesc(KEPT_COLUMNS);
	for (i = 0; i < KEPT_COLUMNS; i++)
		TupleDescInitEntry(postings.desc, (AttrNumber) (i + 1), names[i], types[i], -1, 0);
	postings.store = tuplestore_begin_heap(true, false, work_mem);
	(void) query_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), read_posting, &postings);

	owner_become(&before);
	relation = palloc0(sizeof(EphemeralNamedRelationData));
	relation->md.name = "postings";
	relation->md.tupdesc = postings.desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = (double) postings.rows;
	relation->reldata = postings.store;
	spi_check(SPI_register_relation(relation), "SPI_register_relation");
	lock_members(&program);
	post_all(&program, postings.rows, earned);
	owner_leave(&before);
	spi_check(SPI_unregister_relation("postings"), "SPI_unregister_relation");
	tuplestore_end(postings.store);
	row = SPI_returntuple(heap_form_tuple(desc, earned, nulls), BlessTupleDesc(desc));
	SPI_finish();
	return PointerGetDatum(row);
}
