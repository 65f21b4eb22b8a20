/*-------------------------------------------------------------------------
 *
 * pg_store.c
 *	  Models in the extension's tables, and at hand in this session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "forest/pg_field.h"
#include "forest/pg_options.h"
#include "forest/pg_store.h"
#include "pg/owner.h"
#include "pg/piece.h"
#include "pg/spi.h"
#include "pg/stored.h"
#include "promo.h"

/* Columns, which only ever grow at the end */
#define MODEL_NAME 1
#define MODEL_OWNER 2
#define MODEL_CURRENT 3
#define VERSION_ID 1
#define VERSION_MODEL 2
#define VERSION_NUMBER 3
#define VERSION_BYTES 16
#define VERSION_PIECES 17
#define VERSION_STAMP 18
#define PIECE_VERSION 1
#define PIECE_NUMBER 2
#define PIECE_BYTES 3

/*
 * Reading
 */

static Datum
column_of(HeapTuple tuple, Relation table, int column)
{
	bool		null;
	Datum		value = heap_getattr(tuple, column, RelationGetDescr(table), &null);

	if (null)
		elog(ERROR, "column %d of %s is null", column, RelationGetRelationName(table));
	return value;
}

bool
store_find(const text *model, StoredVersion *found)
{
	Relation	table = table_open(promo_table("model"), AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	memset(found, 0, sizeof(*found));
	ScanKeyInit(&keys[0], MODEL_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(model));
	scan = systable_beginscan(table, promo_table("model_pkey"), true,
							  GetActiveSnapshot(), 1, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		found->version = DatumGetInt32(column_of(tuple, table, MODEL_CURRENT));
		found->owner = DatumGetObjectId(column_of(tuple, table, MODEL_OWNER));
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	if (found->version == 0)
		return false;

	table = table_open(promo_table("model_version"), AccessShareLock);
	found->table = RelationGetRelid(table);
	ScanKeyInit(&keys[0], VERSION_MODEL, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(model));
	ScanKeyInit(&keys[1], VERSION_NUMBER, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(found->version));
	scan = systable_beginscan(table, promo_table("model_version_model_version_key"), true,
							  GetActiveSnapshot(), 2, keys);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("version %d of model \"%s\" is missing", found->version,
						text_to_cstring(model))));
	found->id = DatumGetInt64(column_of(tuple, table, VERSION_ID));
	found->stamp = DatumGetInt64(column_of(tuple, table, VERSION_STAMP));
	found->bytes = DatumGetInt64(column_of(tuple, table, VERSION_BYTES));
	found->pieces = DatumGetInt32(column_of(tuple, table, VERSION_PIECES));
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return true;
}

void
store_resolve(const text *model, StoredVersion *found)
{
	if (!store_find(model, found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" does not exist", text_to_cstring(model)),
				 errhint("Models are made by promo.train(), and listed in promo.models.")));
}

/* Reads the bytes of a version, all in one. */
static char *
read_pieces(const StoredVersion *version, MemoryContext context)
{
	Relation	table = table_open(promo_table("model_piece"), AccessShareLock);
	Relation	index = index_open(promo_table("model_piece_pkey"), AccessShareLock);
	char	   *bytes = piece_memory(context, (Size) version->bytes);
	int64		read = 0;
	int32		piece = 0;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, PIECE_VERSION, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(version->id));
	scan = systable_beginscan_ordered(table, index, GetActiveSnapshot(), 1, &key);
	while ((tuple = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL)
	{
		Datum		stored = column_of(tuple, table, PIECE_BYTES);
		Size		left = (Size) (version->bytes - read);
		Size		size = piece_read(stored, bytes + read, left);

		if (DatumGetInt32(column_of(tuple, table, PIECE_NUMBER)) != ++piece || size > left)
			break;
		read += (int64) size;
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	if (tuple != NULL || piece != version->pieces || read != version->bytes)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("model is damaged"),
				 errdetail("Of " INT64_FORMAT " bytes in %d pieces, " INT64_FORMAT " were found in %d.",
						   version->bytes, version->pieces, read, piece),
				 errhint("Train it again, or restore promo.model_piece.")));
	return bytes;
}

/* The versions at hand */
static StoredModel *at_hand = NULL;
static uint64 opened = 0;

/* Lets go of what was not used for the longest time, until it fits. */
static void
make_room(Size wanted)
{
	for (;;)
	{
		StoredModel **oldest = NULL;
		StoredModel **link;
		StoredModel *gone;
		Size		held = wanted;

		for (link = &at_hand; *link != NULL; link = &(*link)->next)
		{
			held += (Size) (*link)->version.bytes;
			if ((*link)->users == 0 && (oldest == NULL || (*link)->used < (*oldest)->used))
				oldest = link;
		}
		if (oldest == NULL || held <= promo_cache_size())
			return;
		gone = *oldest;
		*oldest = gone->next;
		MemoryContextDelete(gone->context);
	}
}

StoredModel *
store_open(const StoredVersion *version)
{
	StoredModel *model;
	MemoryContext context;
	char	   *bytes;

	opened++;
	for (model = at_hand; model != NULL; model = model->next)
		if (store_same(&model->version, version))
		{
			model->used = opened;
			model->users++;
			return model;
		}

	make_room((Size) version->bytes);
	context = AllocSetContextCreate(CurrentMemoryContext, "promo model", ALLOCSET_SMALL_SIZES);
	model = MemoryContextAllocZero(context, sizeof(StoredModel));
	bytes = read_pieces(version, context);
	if (!forest_open(&model->forest, bytes, (Size) version->bytes))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model is of a format that this version of promo does not read"),
				 errhint("Train it again.")));
	model->version = *version;
	model->context = context;
	model->used = opened;
	model->users = 1;
	model->next = at_hand;
	at_hand = model;
	MemoryContextSetParent(context, CacheMemoryContext);
	return model;
}

void
store_close(StoredModel *model)
{
	model->users--;
	make_room(0);
}

/*
 * Writing
 */

static void
check_owner(Oid owner, const char *model)
{
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of model \"%s\"", model)));
}

/* A model's name is looked up by index, and stands in messages. */
#define MODEL_NAME_MOST 200

void
store_check_owner(const text *model)
{
	StoredVersion found;

	if (VARSIZE_ANY_EXHDR(model) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model must not be empty")));
	if (VARSIZE_ANY_EXHDR(model) > MODEL_NAME_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("a model's name has at most %d bytes", MODEL_NAME_MOST)));
	if (store_find(model, &found))
		check_owner(found.owner, text_to_cstring(model));
}

struct StoreWriter
{
	MemoryContext context;
	NewVersion	version;
	OwnerSwitch before;
	int64		id;
	bytea	   *piece;			/* being filled */
	Size		piece_most;
	Size		piece_size;
	int32		pieces;			/* written */
	SPIPlanPtr	insert_piece;
	Datum		row;
};

static void
append_number(StringInfo json, const char *name, double number)
{
	char		buffer[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (!isfinite(number))
		return;
	double_to_shortest_decimal_buf(number, buffer);
	appendStringInfo(json, ", \"%s\": %s", name, buffer);
}

static void
append_figures(StringInfo json, const char *name, const ModelFigures *figures,
			   double scale, int32 classes)
{
	double		n = (double) figures->rows;

	if (figures->rows == 0)
		return;
	appendStringInfo(json, "%s\"%s\": {\"rows\": " UINT64_FORMAT,
					 json->len > 1 ? ", " : "", name, figures->rows);
	if (classes == 0)
	{
		append_number(json, "mse", figures->error * scale * scale / n);
		append_number(json, "rmse", sqrt(figures->error / n) * scale);
		if (figures->variation > 0)
			append_number(json, "r2", 1 - figures->error / figures->variation);
	}
	else
	{
		append_number(json, "accuracy", (double) figures->correct / n);
		append_number(json, "log_loss", figures->log_loss / n);
		append_number(json, "brier", figures->error / n);
	}
	appendStringInfoChar(json, '}');
}

static Datum
json_datum(StringInfo json)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data));
}

static Datum
metrics_datum(const ModelParts *parts)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_figures(&json, "oob", &parts->oob, parts->scale, parts->data->n_classes);
	append_figures(&json, "holdout", &parts->held, parts->scale, parts->data->n_classes);
	appendStringInfoChar(&json, '}');
	return json_datum(&json);
}

static Datum
importances_datum(const ModelParts *parts)
{
	StringInfoData json;
	double		all = 0;
	int32		i;

	for (i = 0; i < parts->data->n_features; i++)
		all += parts->gains[i];
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (i = 0; i < parts->data->n_features; i++)
	{
		ForestText	name = parts->data->features[i].name;
		char		buffer[DOUBLE_SHORTEST_DECIMAL_LEN];

		double_to_shortest_decimal_buf(all > 0 ? parts->gains[i] / all : 0, buffer);
		if (i > 0)
			appendStringInfoString(&json, ", ");
		escape_json(&json, pnstrdup(name.data, name.size));
		appendStringInfo(&json, ": %s", buffer);
	}
	appendStringInfoChar(&json, '}');
	return json_datum(&json);
}

static Datum
text_datum(ForestText text)
{
	return PointerGetDatum(cstring_to_text_with_len(text.data, text.size));
}

static Datum
texts_datum(Datum *texts, int count)
{
	return PointerGetDatum(construct_array(texts, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Gives the model its next version number; the row stays locked. */
static int32
next_version(text *model, Oid caller)
{
	Oid			types[2] = {TEXTOID, REGROLEOID};
	Datum		values[2];
	bool		null;

	values[0] = PointerGetDatum(model);
	values[1] = ObjectIdGetDatum(caller);
	spi_check(SPI_execute_with_args("INSERT INTO promo.model (model, owner, current_version, last_version)"
									" VALUES ($1, $2, 0, 0) ON CONFLICT (model) DO NOTHING",
									2, types, values, NULL, false, 0), "SPI_execute");
	spi_check(SPI_execute_with_args("SELECT m.owner, m.last_version FROM promo.model m"
									" WHERE m.model OPERATOR(pg_catalog.=) $1 FOR UPDATE",
									1, types, values, NULL, false, 1), "SPI_execute");
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("model \"%s\" was dropped or made by another transaction at the same time",
						text_to_cstring(model))));
	if (!has_privs_of_role(caller,
						   DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0],
														  SPI_tuptable->tupdesc, 1, &null))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of model \"%s\"", text_to_cstring(model))));
	return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2,
									   &null)) + 1;
}

static void
make_current(text *model, int32 version)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];

	values[0] = PointerGetDatum(model);
	values[1] = Int32GetDatum(version);
	spi_check(SPI_execute_with_args("UPDATE promo.model AS m SET current_version = $2,"
									" last_version = GREATEST(m.last_version, $2)"
									" WHERE m.model OPERATOR(pg_catalog.=) $1",
									2, types, values, NULL, false, 0), "SPI_execute");
}

#define VERSION_COLUMNS 23

/* Adds the rows of model and model_version. */
static bool
writer_begin(void *arg, uint64_t size)
{
	StoreWriter *writer = arg;
	const NewVersion *new = &writer->version;
	const ForestData *data = new->parts->data;
	const ForestOptions *options = new->parts->options;
	static const Oid types[VERSION_COLUMNS] = {TEXTOID, INT4OID, TEXTOID, JSONBOID, TEXTOID,
		TEXTOID, TEXTARRAYOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, JSONBOID, INT8OID,
		INT8OID, JSONBOID, INT8OID, INT4OID, INT8OID, INT4OID, INTERVALOID, TIMESTAMPTZOID,
	REGROLEOID, TEXTOID, TEXTOID};
	Datum		values[VERSION_COLUMNS];
	char		nulls[VERSION_COLUMNS];
	Oid			caller = GetUserId();
	Datum		search_path = CStringGetTextDatum(stored_search_path());
	TimestampTz now = GetCurrentTimestamp();
	Oid			piece_types[3] = {INT8OID, INT4OID, BYTEAOID};
	Datum	   *texts = palloc(sizeof(Datum) * (Max(data->n_features, data->n_classes) + 1));
	int64		stamp;
	int32		version;
	bool		null;
	int			n = 0;
	int			i;

	if (size > (uint64) writer->piece_most * PG_INT32_MAX)
		return false;
	if (!pg_strong_random(&stamp, sizeof(stamp)))
		elog(ERROR, "could not generate a random number");

	spi_check(SPI_connect(), "SPI_connect");
	owner_become(&writer->before);
	version = next_version(new->model, caller);

	memset(nulls, ' ', sizeof(nulls));
	values[n++] = PointerGetDatum(new->model);
	values[n++] = Int32GetDatum(version);
	values[n++] = CStringGetTextDatum(options_algorithm_name(options->algorithm));
	values[n++] = JsonbPGetDatum(new->options);
	values[n++] = PointerGetDatum(new->target);
	values[n++] = CStringGetTextDatum(field_source_name(data->target_source));
	for (i = 0; i < data->n_classes; i++)
		texts[i] = text_datum(data->class_names[i]);
	nulls[n] = data->n_classes == 0 ? 'n' : ' ';
	values[n++] = texts_datum(texts, data->n_classes);
	nulls[n] = options->positive < 0 ? 'n' : ' ';
	values[n++] = options->positive < 0 ? (Datum) 0 : texts[options->positive];
	for (i = 0; i < data->n_features; i++)
		texts[i] = text_datum(data->features[i].name);
	values[n++] = texts_datum(texts, data->n_features);
	for (i = 0; i < data->n_features; i++)
		texts[i] = CStringGetTextDatum(field_source_name(data->features[i].source));
	values[n++] = texts_datum(texts, data->n_features);
	values[n++] = importances_datum(new->parts);
	values[n++] = Int64GetDatum(new->parts->n_learn);
	values[n++] = Int64GetDatum(data->n_rows - new->parts->n_learn);
	values[n++] = metrics_datum(new->parts);
	values[n++] = Int64GetDatum((int64) size);
	values[n++] = Int32GetDatum((int32) ((size + writer->piece_most - 1) / writer->piece_most));
	values[n++] = Int64GetDatum(stamp);
	values[n++] = Int32GetDatum(new->workers);
	values[n++] = DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(now),
									  TimestampTzGetDatum(new->started_at));
	values[n++] = TimestampTzGetDatum(now);
	values[n++] = ObjectIdGetDatum(caller);
	values[n++] = PointerGetDatum(new->query);
	values[n++] = search_path;
	Assert(n == VERSION_COLUMNS);
	spi_check(SPI_execute_with_args("INSERT INTO promo.model_version (model, version, algorithm,"
									" options, target, target_kind, classes, positive, features,"
									" feature_kinds, importances, rows, rows_held_out, metrics,"
									" bytes, pieces, stamp, workers, duration, trained_at,"
									" trained_by, query, search_path)"
									" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
									" $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)"
									" RETURNING *",
									n, (Oid *) types, values, nulls, false, 0), "SPI_execute");
	writer->id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											 VERSION_ID, &null));
	/* To where SPI_connect was called from */
	writer->row = PointerGetDatum(SPI_returntuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc));
	make_current(new->model, version);

	writer->insert_piece = SPI_prepare("INSERT INTO promo.model_piece (version_id, piece, bytes)"
									   " VALUES ($1, $2, $3)", 3, piece_types);
	if (writer->insert_piece == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	writer->piece = palloc(Min((uint64) writer->piece_most, size) + VARHDRSZ);
	return true;
}

static void
write_piece(StoreWriter *writer)
{
	Datum		values[3];

	CHECK_FOR_INTERRUPTS();
	SET_VARSIZE(writer->piece, writer->piece_size + VARHDRSZ);
	values[0] = Int64GetDatum(writer->id);
	values[1] = Int32GetDatum(++writer->pieces);
	values[2] = PointerGetDatum(writer->piece);
	spi_check(SPI_execute_plan(writer->insert_piece, values, NULL, false, 0), "SPI_execute_plan");
	writer->piece_size = 0;
}

static bool
writer_write(void *arg, const void *bytes, size_t size)
{
	StoreWriter *writer = arg;
	const char *from = bytes;

	while (size > 0)
	{
		Size		part = Min(size, writer->piece_most - writer->piece_size);

		memcpy(VARDATA(writer->piece) + writer->piece_size, from, part);
		writer->piece_size += part;
		from += part;
		size -= part;
		if (writer->piece_size == writer->piece_most)
			write_piece(writer);
	}
	return true;
}

StoreWriter *
store_writer_start(const NewVersion *version, ModelOut *out)
{
	StoreWriter *writer = palloc0(sizeof(StoreWriter));

	writer->context = CurrentMemoryContext;
	writer->version = *version;
	writer->piece_most = promo_model_piece_size();
	out->begin = writer_begin;
	out->write = writer_write;
	out->arg = writer;
	return writer;
}

Datum
store_writer_end(StoreWriter *writer)
{
	if (writer->piece_size > 0)
		write_piece(writer);
	owner_leave(&writer->before);
	SPI_finish();
	return writer->row;
}

PG_FUNCTION_INFO_V1(promo_use_version);

/*
 * use_version(model text, version int) returns void
 */
Datum
promo_use_version(PG_FUNCTION_ARGS)
{
	text	   *model = PG_GETARG_TEXT_PP(0);
	int32		version = PG_GETARG_INT32(1);
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];
	StoredVersion found;
	OwnerSwitch before;

	store_resolve(model, &found);
	check_owner(found.owner, text_to_cstring(model));
	values[0] = PointerGetDatum(model);
	values[1] = Int32GetDatum(version);
	spi_check(SPI_connect(), "SPI_connect");
	owner_become(&before);
	spi_check(SPI_execute_with_args("UPDATE promo.model AS m SET current_version = $2"
									" WHERE m.model OPERATOR(pg_catalog.=) $1 AND EXISTS"
									" (SELECT FROM promo.model_version v"
									" WHERE v.model OPERATOR(pg_catalog.=) $1"
									" AND v.version OPERATOR(pg_catalog.=) $2)",
									2, types, values, NULL, false, 0), "SPI_execute");
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no version %d", text_to_cstring(model), version),
				 errhint("Its versions are listed in promo.models.")));
	owner_leave(&before);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(promo_drop_model);

/*
 * drop_model(model text) returns void
 */
Datum
promo_drop_model(PG_FUNCTION_ARGS)
{
	text	   *model = PG_GETARG_TEXT_PP(0);
	Oid			type = TEXTOID;
	Datum		value = PointerGetDatum(model);
	StoredVersion found;
	OwnerSwitch before;

	store_resolve(model, &found);
	check_owner(found.owner, text_to_cstring(model));
	spi_check(SPI_connect(), "SPI_connect");
	owner_become(&before);
	spi_check(SPI_execute_with_args("DELETE FROM promo.model m"
									" WHERE m.model OPERATOR(pg_catalog.=) $1",
									1, &type, &value, NULL, false, 0), "SPI_execute");
	owner_leave(&before);
	SPI_finish();
	PG_RETURN_VOID();
}
