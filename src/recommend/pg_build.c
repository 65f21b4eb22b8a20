/*-------------------------------------------------------------------------
 *
 * pg_build.c
 *	  Recommenders by stored query: build, refresh, drop; what they keep of a
 *	  customer.
 *
 * A build locks the recommender's row, runs its queries as its owner, finds
 * the neighbors, and only then writes as the owner of the tables: the pieces of
 * a new version, the row, and the pieces of the version before away.
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
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/argument.h"
#include "pg/memory.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "pg/stored.h"
#include "promo.h"
#include "recommend/pg_content.h"
#include "recommend/pg_gather.h"
#include "recommend/pg_model.h"
#include "recommend/pg_open.h"
#include "recommend/pg_options.h"
#include "recommend/pg_write.h"

/* A name is looked up by index, and stands in messages. */
#define RECOMMENDER_NAME_MOST 200

typedef struct LockedRecommender
{
	int64		id;
	int32		version;
	StoredQuery stored;
	Jsonb	   *options;
} LockedRecommender;

/* A build, in a context of its own */
typedef struct Work
{
	ModelWork	model;
	BuildOptions options;
	GatheredContent content;
	int64		n_event_rows;
} Work;

static void
no_such_recommender(const text *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("recommender \"%s\" does not exist", text_to_cstring(name)),
			 errhint("Recommenders are made by promo.build_recommender(), and listed in promo.recommenders.")));
}

static void
check_owner(Oid owner, const text *name)
{
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of recommender \"%s\"", text_to_cstring(name))));
}

/*
 * Locks the recommender's row to the end of the transaction, waiting for
 * whoever has it; false when there is none.  What it gives lies in the context.
 */
static bool
lock_recommender(const text *name, MemoryContext context, LockedRecommender *locked)
{
	static const Oid types[1] = {TEXTOID};
	Datum		values[1] = {PointerGetDatum(name)};
	OwnerSwitch before;
	bool		found;

	owner_become(&before);
	found = spi_run("SELECT r.recommender_id, r.owner, r.query, r.search_path, r.version, r.options"
					" FROM promo.recommender r WHERE r.recommender = $1 FOR UPDATE",
					1, types, values, NULL) == 1;
	owner_leave(&before);
	if (found)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		null;

		locked->id = DatumGetInt64(SPI_getbinval(row, desc, 1, &null));
		locked->stored.owner = DatumGetObjectId(SPI_getbinval(row, desc, 2, &null));
		locked->stored.query = TextDatumGetCString(SPI_getbinval(row, desc, 3, &null));
		locked->stored.search_path = TextDatumGetCString(SPI_getbinval(row, desc, 4, &null));
		locked->version = DatumGetInt32(SPI_getbinval(row, desc, 5, &null));
		locked->options = DatumGetJsonbPCopy(SPI_getbinval(row, desc, 6, &null));
		MemoryContextSwitchTo(old);
	}
	return found;
}

/* Reads the queries' rows. */
static void
gather(Work *work, const StoredQuery *stored)
{
	ModelWork  *model = &work->model;

	gathering_start(&model->ids, model->context);
	model->ids.progress = model->progress;
	model_gather_start(&model->rows, &model->ids, &work->options.recommend);
	model->n_rows = stored_query_run(stored, gather_row, &model->rows);
	model_check_rows(&model->rows, &work->options.recommend);
	if (work->options.event_query != NULL)
	{
		StoredQuery event = *stored;

		event.query = work->options.event_query;
		model_gather_events_start(&model->events, &model->ids);
		model->events.held = model->rows.rows.bytes;
		work->n_event_rows = stored_query_run(&event, gather_row, &model->events);
	}
	if (work->options.content_query != NULL)
	{
		StoredQuery content = *stored;

		content.query = work->options.content_query;
		gather_content_start(&work->content, &model->ids);
		work->content.held = model->rows.rows.bytes + model->events.rows.bytes;
		(void) stored_query_run(&content, gather_content_row, &work->content);
		model->content = &work->content.content;
	}
}

/*
 * Writes the version and the row, and takes the version before away.  Gives a
 * recommender_info in the context that SPI was connected from.
 */
static Datum
write_version(FunctionCallInfo fcinfo, const LockedRecommender *locked, Work *work,
			  TimestampTz started_at)
{
	static const Oid types[16] = {INT8OID, INT4OID, INT8OID, TEXTOID, INT8OID, INT8OID,
		INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT4OID, INTERVALOID,
	TIMESTAMPTZOID, INT8OID};
	const ModelWork *made = &work->model;
	const RecommendModel *model = &made->model;
	TimestampTz now;
	OwnerSwitch before;
	TupleDesc	desc;
	Datum		values[16];
	Datum		info[13];
	bool		nulls[13];
	int64		stamp;
	int64		bytes;
	int64		catalog_bytes;
	int			i;
	Datum		result;

	if (!pg_strong_random(&stamp, sizeof(stamp)))
		elog(ERROR, "could not generate a random number");
	build_check_memory(made->held + recommender_write_need(model), "Writing");
	owner_become(&before);
	recommender_write(&made->memory, model, model->matrix->newest - work->options.recent,
					  locked->id, locked->version + 1, made->progress, &bytes, &catalog_bytes);
	now = GetCurrentTimestamp();
	values[0] = Int64GetDatum(locked->id);
	values[1] = Int32GetDatum(locked->version + 1);
	values[2] = Int64GetDatum(stamp);
	values[3] = CStringGetTextDatum(recommend_method_name(model->options.method));
	values[4] = Int64GetDatum(made->n_rows);
	values[5] = Int64GetDatum(work->n_event_rows);
	values[6] = Int64GetDatum(model->matrix->n_customers);
	values[7] = Int64GetDatum(model->matrix->n_items);
	values[8] = Int64GetDatum((int64) model->matrix->n_entries);
	values[9] = Int64GetDatum((int64) neighbors_count(&model->scoring));
	values[10] = Int64GetDatum(bytes);
	values[11] = Int64GetDatum(catalog_bytes);
	values[12] = Int32GetDatum(made->workers);
	values[13] = DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(now),
									 TimestampTzGetDatum(started_at));
	values[14] = TimestampTzGetDatum(now);
	(void) spi_run("DELETE FROM promo.recommender_piece p"
				   " WHERE p.recommender_id = $1 AND p.version < $2",
				   2, types, values, NULL);
	if (spi_run("UPDATE promo.recommender r SET version = $2, stamp = $3, method = $4, rows = $5,"
				" event_rows = $6, customers = $7, items = $8, pairs = $9, neighbors = $10,"
				" bytes = $11, catalog_bytes = $12, workers = $13, duration = $14, built_at = $15"
				" WHERE r.recommender_id = $1"
				" RETURNING r.recommender, r.version, r.method, r.rows, r.event_rows, r.customers,"
				" r.items, r.pairs, r.neighbors, r.bytes, r.workers, r.duration, r.built_at",
				15, types, values, NULL) != 1)
		elog(ERROR, "recommender " INT64_FORMAT " is gone", locked->id);
	for (i = 0; i < (int) lengthof(info); i++)
		info[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &nulls[i]);
	owner_leave(&before);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	result = PointerGetDatum(SPI_returntuple(heap_form_tuple(desc, info, nulls), desc));
	return result;
}

/* Builds a locked recommender; SPI is connected. */
static Datum
rebuild(FunctionCallInfo fcinfo, const text *name, const LockedRecommender *locked)
{
	TimestampTz started_at = GetCurrentTimestamp();
	Progress	progress;
	MemoryContext old = CurrentMemoryContext;
	Work	   *work = palloc0(sizeof(Work));
	Datum		result;

	build_options(locked->options, "build_recommender", &work->options);
	progress_start(&progress, "build_recommender", name);
	work->model.options = &work->options;
	work->model.progress = &progress;
	work->model.context = AllocSetContextCreate(CurrentMemoryContext, "promo build",
												ALLOCSET_DEFAULT_SIZES);
	work->model.memory = pg_memory(work->model.context);
	MemoryContextSwitchTo(work->model.context);
	gather(work, &locked->stored);
	model_make(&work->model);
	MemoryContextSwitchTo(old);
	result = write_version(fcinfo, locked, work, started_at);
	MemoryContextDelete(work->model.context);
	progress_end(&progress);
	return result;
}

PG_FUNCTION_INFO_V1(promo_build_recommender);

/*
 * build_recommender(recommender text, query text, options jsonb) returns recommender_info
 */
Datum
promo_build_recommender(PG_FUNCTION_ARGS)
{
	static const Oid types[6] = {TEXTOID, REGROLEOID, TEXTOID, TEXTOID, JSONBOID, INT8OID};
	text	   *name = argument_text(fcinfo, 0, "recommender");
	text	   *query = argument_text(fcinfo, 1, "query");
	MemoryContext context = CurrentMemoryContext;
	LockedRecommender locked;
	StoredQuery stored;
	BuildOptions options;
	OwnerSwitch before;
	Datum		values[6];
	Datum		info;

	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("options must not be null")));
	if (VARSIZE_ANY_EXHDR(name) > RECOMMENDER_NAME_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("a recommender's name has at most %d bytes", RECOMMENDER_NAME_MOST)));
	PreventCommandIfReadOnly("build_recommender()");
	build_options(PG_GETARG_JSONB_P(2), "build_recommender", &options);
	stored_query_note(&stored, query);
	values[0] = PointerGetDatum(name);
	values[1] = ObjectIdGetDatum(stored.owner);
	values[2] = PointerGetDatum(query);
	values[3] = CStringGetTextDatum(stored.search_path);
	values[4] = PG_GETARG_DATUM(2);

	spi_check(SPI_connect(), "SPI_connect");
	owner_become(&before);
	(void) spi_run("INSERT INTO promo.recommender (recommender, owner, query, search_path, options,"
				   " version, stamp, method, rows, event_rows, customers, items, pairs, neighbors,"
				   " bytes, catalog_bytes, workers, duration, built_at, defined_at)"
				   " VALUES ($1, $2, $3, $4, $5, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0,"
				   " '0', pg_catalog.now(), pg_catalog.now())"
				   " ON CONFLICT (recommender) DO NOTHING",
				   5, types, values, NULL);
	owner_leave(&before);
	if (!lock_recommender(name, context, &locked))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("recommender \"%s\" was dropped or built by another transaction at the same time",
						text_to_cstring(name))));
	check_owner(locked.stored.owner, name);
	locked.stored = stored;
	locked.options = PG_GETARG_JSONB_P(2);
	values[5] = Int64GetDatum(locked.id);
	owner_become(&before);
	(void) spi_run("UPDATE promo.recommender r SET owner = $2, query = $3, search_path = $4,"
				   " options = $5, defined_at = pg_catalog.now()"
				   " WHERE r.recommender_id = $6 AND r.recommender = $1",
				   6, types, values, NULL);
	owner_leave(&before);
	info = rebuild(fcinfo, name, &locked);
	SPI_finish();
	return info;
}

PG_FUNCTION_INFO_V1(promo_refresh_recommender);

/*
 * refresh_recommender(recommender text) returns recommender_info
 *
 * Needs no more than the right to call it: what runs is the owner's, with the
 * owner's rights.
 */
Datum
promo_refresh_recommender(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	MemoryContext context = CurrentMemoryContext;
	LockedRecommender locked;
	Datum		info;

	PreventCommandIfReadOnly("refresh_recommender()");
	spi_check(SPI_connect(), "SPI_connect");
	if (!lock_recommender(name, context, &locked))
		no_such_recommender(name);
	info = rebuild(fcinfo, name, &locked);
	SPI_finish();
	return info;
}

PG_FUNCTION_INFO_V1(promo_drop_recommender);

/*
 * drop_recommender(recommender text) returns void
 */
Datum
promo_drop_recommender(PG_FUNCTION_ARGS)
{
	static const Oid types[1] = {INT8OID};
	text	   *name = PG_GETARG_TEXT_PP(0);
	MemoryContext context = CurrentMemoryContext;
	LockedRecommender locked;
	OwnerSwitch before;
	Datum		values[1];

	PreventCommandIfReadOnly("drop_recommender()");
	spi_check(SPI_connect(), "SPI_connect");
	if (!lock_recommender(name, context, &locked))
		no_such_recommender(name);
	check_owner(locked.stored.owner, name);
	values[0] = Int64GetDatum(locked.id);
	owner_become(&before);
	(void) spi_run("DELETE FROM promo.recommender r WHERE r.recommender_id = $1",
				   1, types, values, NULL);
	owner_leave(&before);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(promo_recommender_neighbors);

/*
 * recommender_neighbors(recommender text, of_event boolean)
 * returns TABLE (item text, neighbor text, score real)
 */
Datum
promo_recommender_neighbors(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	bool		of_event = PG_GETARG_BOOL(1);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OpenRecommender *open;
	uint32		item;

	InitMaterializedSRF(fcinfo, 0);
	open = recommender_open(name);
	if (of_event && !open->catalog.has_events)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recommender \"%s\" has no second event", text_to_cstring(name))));
	for (item = 0; item < open->catalog.n_items; item++)
	{
		NameText	item_name = catalog_name(&open->catalog, item);
		Datum		values[3];
		bool		nulls[3] = {false, false, false};
		OpenList	list;
		uint32		i;

		CHECK_FOR_INTERRUPTS();
		open_list(open, of_event ? PACK_EVENT_SCORING : PACK_SIMILAR, item, &list);
		values[0] = PointerGetDatum(cstring_to_text_with_len(item_name.data, (int) item_name.size));
		for (i = 0; i < list.count; i++)
		{
			NameText	neighbor = catalog_name(&open->catalog, list.item[i]);
			text	   *copy = cstring_to_text_with_len(neighbor.data, (int) neighbor.size);

			values[1] = PointerGetDatum(copy);
			values[2] = Float4GetDatum(list.score[i]);
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
			pfree(copy);
		}
		pfree(DatumGetPointer(values[0]));
	}
	PG_RETURN_NULL();
}
