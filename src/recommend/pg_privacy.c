/*-------------------------------------------------------------------------
 *
 * pg_privacy.c
 *	  What recommenders keep of a customer: shown and wiped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "pg/spi.h"
#include "recommend/pg_open.h"

/* The names of all recommenders, locked where they are to be changed */
static List *
all_recommenders(bool is_locked)
{
	List	   *names = NIL;
	uint64		n;
	uint64		i;

	spi_check(SPI_execute(is_locked ?
						  "SELECT r.recommender FROM promo.recommender r ORDER BY r.recommender_id FOR UPDATE" :
						  "SELECT r.recommender FROM promo.recommender r ORDER BY r.recommender",
						  !is_locked, 0), "SPI_execute");
	n = SPI_processed;
	for (i = 0; i < n; i++)
	{
		bool		null;

		names = lappend(names, DatumGetTextPCopy(SPI_getbinval(SPI_tuptable->vals[i],
															   SPI_tuptable->tupdesc, 1, &null)));
	}
	return names;
}

static void
append_number(StringInfo json, float number)
{
	char		buffer[FLOAT_SHORTEST_DECIMAL_LEN];

	float_to_shortest_decimal_buf(number, buffer);
	appendStringInfoString(json, buffer);
}

/* A history as an array of objects */
static void
append_history(StringInfo json, const OpenRecommender *open, const History *history)
{
	uint32		i;

	appendStringInfoChar(json, '[');
	for (i = 0; i < history->count; i++)
	{
		NameText		name = catalog_name(&open->catalog, history->item[i]);

		appendStringInfoString(json, i > 0 ? ", {\"item\": " : "{\"item\": ");
		escape_json(json, pnstrdup(name.data, name.size));
		appendStringInfoString(json, ", \"amount\": ");
		append_number(json, history->amount[i]);
		if (history->value[i] != 1 && history->value[i] != history->amount[i])
		{
			appendStringInfoString(json, ", \"value\": ");
			append_number(json, history->value[i]);
		}
		if (history->has_times)
		{
			char		at[MAXDATELEN + 1];
			int			utc = 0;

			JsonEncodeDateTime(at, TimestampTzGetDatum(history->last_at[i]), TIMESTAMPTZOID, &utc);
			appendStringInfo(json, ", \"last_at\": \"%s\"", at);
		}
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

PG_FUNCTION_INFO_V1(promo_recommend_customer_data);

/*
 * recommend_customer_data(customer_id bigint) returns jsonb
 */
Datum
promo_recommend_customer_data(PG_FUNCTION_ARGS)
{
	int64		customer = PG_GETARG_INT64(0);
	MemoryContext caller = CurrentMemoryContext;
	StringInfoData json;
	List	   *names;
	ListCell   *cell;

	initStringInfo(&json);
	spi_check(SPI_connect(), "SPI_connect");
	names = all_recommenders(false);
	foreach(cell, names)
	{
		OpenRecommender *open = recommender_open((text *) lfirst(cell));
		const History *history;
		bool		has_any;
		StringInfoData one;

		history = open_history_of_id(open, PACK_HISTORY, customer);
		has_any = history->count > 0;
		initStringInfo(&one);
		appendStringInfoString(&one, "{\"history\": ");
		append_history(&one, open, history);
		if (open->catalog.has_events)
		{
			history = open_history_of_id(open, PACK_EVENT_HISTORY, customer);
			has_any = has_any || history->count > 0;
			appendStringInfoString(&one, ", \"events\": ");
			append_history(&one, open, history);
		}
		if (!has_any)
			continue;
		appendStringInfoString(&json, json.len > 0 ? ", " : "{");
		escape_json(&json, text_to_cstring((text *) lfirst(cell)));
		appendStringInfo(&json, ": %s}", one.data);
	}
	SPI_finish();
	MemoryContextSwitchTo(caller);
	if (json.len == 0)
		PG_RETURN_NULL();
	appendStringInfoChar(&json, '}');
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* Wipes the customer out of the piece that he is in; false: he is in none. */
static bool
forget_in(OpenRecommender *open, PackKind kind, int64 customer)
{
	static const Oid types[5] = {INT8OID, INT4OID, INT2OID, INT4OID, BYTEAOID};
	PackedHistories histories;
	Datum		values[5];
	uint32		number;
	uint32		place;
	bytea	   *bytes;
	bytea	   *left;
	char	   *aligned;
	Size		size;
	bool		null;

	if (!catalog_find_piece(&open->catalog, customer, &number))
		return false;
	values[0] = Int64GetDatum(open->stored.id);
	values[1] = Int32GetDatum(open->stored.version);
	values[2] = Int16GetDatum((int16) kind);
	values[3] = Int32GetDatum((int32) number);
	if (spi_run("SELECT p.bytes FROM promo.recommender_piece p WHERE p.recommender_id = $1"
				" AND p.version = $2 AND p.kind = $3 AND p.piece = $4",
				4, types, values, NULL) != 1)
		return false;
	bytes = DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	size = VARSIZE_ANY_EXHDR(bytes);
	aligned = palloc(size + 1);
	memcpy(aligned, VARDATA_ANY(bytes), size);
	if (!histories_open(&histories, open->catalog.n_items, aligned, size) ||
		!histories_find(&histories, customer, &place))
		return false;
	left = palloc(size + VARHDRSZ);
	SET_VARSIZE(left, histories_forget(&histories, place, VARDATA(left)) + VARHDRSZ);
	values[4] = PointerGetDatum(left);
	(void) spi_run("UPDATE promo.recommender_piece p SET bytes = $5 WHERE p.recommender_id = $1"
				   " AND p.version = $2 AND p.kind = $3 AND p.piece = $4",
				   5, types, values, NULL);
	return true;
}

/*
 * Sessions that have histories at hand know them by the stamp, and read them
 * anew under another one.
 */
static void
stamp_anew(int64 recommender)
{
	static const Oid types[2] = {INT8OID, INT8OID};
	Datum		values[2];
	int64		stamp;

	if (!pg_strong_random(&stamp, sizeof(stamp)))
		elog(ERROR, "could not generate a random number");
	values[0] = Int64GetDatum(recommender);
	values[1] = Int64GetDatum(stamp);
	(void) spi_run("UPDATE promo.recommender r SET stamp = $2 WHERE r.recommender_id = $1",
				   2, types, values, NULL);
}

PG_FUNCTION_INFO_V1(promo_recommend_forget);

/*
 * recommend_forget(customer_id bigint) returns void
 *
 * The recommenders are locked, so that none is built meanwhile.
 */
Datum
promo_recommend_forget(PG_FUNCTION_ARGS)
{
	int64		customer = PG_GETARG_INT64(0);
	List	   *names;
	ListCell   *cell;

	spi_check(SPI_connect(), "SPI_connect");
	names = all_recommenders(true);

	/* It sees what was committed by those that it waited for. */
	PushActiveSnapshot(GetTransactionSnapshot());
	foreach(cell, names)
	{
		OpenRecommender *open = recommender_open((text *) lfirst(cell));

		bool		is_forgotten = forget_in(open, PACK_HISTORY, customer);

		if (open->catalog.has_events)
			is_forgotten |= forget_in(open, PACK_EVENT_HISTORY, customer);
		if (is_forgotten)
			stamp_anew(open->stored.id);
	}
	PopActiveSnapshot();
	SPI_finish();
	PG_RETURN_VOID();
}
