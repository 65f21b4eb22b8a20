/*-------------------------------------------------------------------------
 *
 * pg_open.c
 *	  Forests that a call site keeps open, and rows as they take them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "forest/pg_open.h"
#include "promo.h"

/* Forests that a call site keeps open at most */
#define OPEN_FORESTS 8

typedef struct OpenForests
{
	uint64		calls;
	bool		by_name;		/* argument 0 is the name of a model */
	SnapshotMark snapshot;		/* that versions are resolved under */
	OpenForest	entry[OPEN_FORESTS];
} OpenForests;

/* Is the entry this value?  Value is not NULL where it is in memory. */
static bool
entry_is(const OpenForest *entry, struct varlena *datum, struct varlena *value)
{
	if (entry->context == NULL || entry->name != NULL)
		return false;
	if (value == NULL)
	{
		struct varatt_external stored;

		VARATT_EXTERNAL_GET_POINTER(stored, datum);
		return entry->is_stored && memcmp(&stored, &entry->stored, sizeof(stored)) == 0;
	}
	return !entry->is_stored && entry->size == VARSIZE(value) &&
		entry->hash == ((ForestValueHead *) value)->hash;
}

/* Makes room: least recently used first, within promo.cache_size. */
static OpenForest *
free_entry(OpenForests *open, Size wanted)
{
	OpenForest *entry;
	Size		held;
	int			i;

	for (;;)
	{
		OpenForest *oldest = NULL;
		OpenForest *unused = NULL;

		held = wanted;
		for (i = 0; i < OPEN_FORESTS; i++)
		{
			entry = &open->entry[i];
			if (entry->context == NULL)
			{
				unused = entry;
				continue;
			}
			/* What the session has at hand is bounded elsewhere. */
			held += entry->name == NULL ? entry->size : 0;
			if (oldest == NULL || entry->used < oldest->used)
				oldest = entry;
		}
		if (unused != NULL && (oldest == NULL || held <= promo_cache_size()))
			return unused;
		MemoryContextDelete(oldest->context);
		memset(oldest, 0, sizeof(*oldest));
	}
}

/* What reading and predicting rows takes, in the entry's context */
static void
prepare_entry(OpenForest *entry, MemoryContext context)
{
	uint32		features = entry->forest.n_features;

	record_reader_start(&entry->reader, context);
	entry->attributes = palloc(sizeof(int) * (features + 1));
	entry->values = palloc0(sizeof(ForestValue) * (features + 1));
	entry->row = palloc(forest_row_size(&entry->forest) + 1);
	entry->outputs = palloc(sizeof(double) * forest_outputs(&entry->forest));
}

/* Opens a value in a copy of our own. */
static void
fill_entry(OpenForest *entry, MemoryContext parent, struct varlena *datum,
		   struct varlena *value)
{
	MemoryContext context = AllocSetContextCreate(parent, "promo forest",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	struct varlena *copy;

	memset(entry, 0, sizeof(*entry));
	if (value == NULL)
	{
		copy = detoast_attr(datum);
		VARATT_EXTERNAL_GET_POINTER(entry->stored, datum);
		entry->is_stored = true;
	}
	else
	{
		copy = palloc(VARSIZE(value));
		memcpy(copy, value, VARSIZE(value));
	}
	forest_view(&entry->forest, copy);
	entry->size = VARSIZE(copy);
	entry->hash = ((ForestValueHead *) copy)->hash;
	prepare_entry(entry, context);
	MemoryContextSwitchTo(old);

	/* Last, so that an error above leaves the entry free */
	entry->context = context;
}

static void
close_model(void *arg)
{
	store_close((StoredModel *) arg);
}

/* Opens a version of a model, which stays at hand while the entry does. */
static void
fill_named(OpenForest *entry, MemoryContext parent, const text *name,
		   const StoredVersion *version)
{
	MemoryContext context = AllocSetContextCreate(parent, "promo forest",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	memset(entry, 0, sizeof(*entry));
	entry->name = palloc(VARSIZE_ANY(name));
	memcpy(entry->name, name, VARSIZE_ANY(name));
	entry->model = store_open(version);
	callback->func = close_model;
	callback->arg = entry->model;
	MemoryContextRegisterResetCallback(context, callback);
	entry->forest = entry->model->forest;
	entry->size = (Size) version->bytes;
	prepare_entry(entry, context);
	MemoryContextSwitchTo(old);
	entry->context = context;
}

/* The current version of a model, open */
static OpenForest *
open_named(OpenForests *open, MemoryContext parent, const text *name)
{
	OpenForest *entry;
	StoredVersion version;
	int			i;

	if (snapshot_changed(&open->snapshot))
		for (i = 0; i < OPEN_FORESTS; i++)
			open->entry[i].is_resolved = false;
	for (i = 0; i < OPEN_FORESTS; i++)
	{
		entry = &open->entry[i];
		if (entry->context != NULL && entry->name != NULL &&
			VARSIZE_ANY_EXHDR(entry->name) == VARSIZE_ANY_EXHDR(name) &&
			memcmp(VARDATA_ANY(entry->name), VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
			break;
	}
	if (i < OPEN_FORESTS)
	{
		if (entry->is_resolved)
			return entry;
		store_resolve(name, &version);
		if (!store_same(&version, &entry->model->version))
		{
			MemoryContextDelete(entry->context);
			memset(entry, 0, sizeof(*entry));
			fill_named(entry, parent, name, &version);
		}
	}
	else
	{
		store_resolve(name, &version);
		entry = free_entry(open, 0);
		fill_named(entry, parent, name, &version);
	}
	entry->is_resolved = true;
	return entry;
}

/* Whether the function takes the name of a model */
static bool
takes_name(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	result = form->pronargs > 0 && form->proargtypes.values[0] == TEXTOID;
	ReleaseSysCache(tuple);
	return result;
}

OpenForest *
open_forest(FunctionCallInfo fcinfo)
{
	struct varlena *datum = (struct varlena *) PG_GETARG_POINTER(0);
	struct varlena *value = NULL;
	OpenForests *open = fcinfo->flinfo->fn_extra;
	OpenForest *entry;
	int			i;

	if (open == NULL)
	{
		open = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(OpenForests));
		open->by_name = takes_name(fcinfo->flinfo->fn_oid);
		open->snapshot.context = fcinfo->flinfo->fn_mcxt;
		fcinfo->flinfo->fn_extra = open;
	}
	open->calls++;
	if (open->by_name)
	{
		entry = open_named(open, fcinfo->flinfo->fn_mcxt, PG_GETARG_TEXT_PP(0));
		entry->used = open->calls;
		return entry;
	}
	if (!VARATT_IS_EXTERNAL_ONDISK(datum))
	{
		value = (struct varlena *) PG_DETOAST_DATUM(PointerGetDatum(datum));
		if (VARSIZE(value) < sizeof(ForestValueHead))
			elog(ERROR, "invalid forest");
	}
	for (i = 0; i < OPEN_FORESTS; i++)
	{
		entry = &open->entry[i];
		if (entry_is(entry, datum, value))
		{
			entry->used = open->calls;
			return entry;
		}
	}
	entry = free_entry(open, value == NULL ? toast_raw_datum_size(PointerGetDatum(datum)) :
					   VARSIZE(value));
	fill_entry(entry, fcinfo->flinfo->fn_mcxt, datum, value);
	entry->used = open->calls;
	return entry;
}

void
open_forest_columns(OpenForest *entry, TupleDesc desc)
{
	uint32		count = entry->forest.n_features;
	ForestText *names = palloc(sizeof(ForestText) * (count + 1));
	uint8	   *sources = palloc(count + 1);
	MemoryContext old;
	uint32		i;

	for (i = 0; i < count; i++)
	{
		names[i] = forest_feature_name(&entry->forest, i);
		sources[i] = forest_feature_source(&entry->forest, i);
	}
	if (entry->fields == NULL)
	{
		old = MemoryContextSwitchTo(entry->context);
		entry->fields = palloc0(sizeof(Field) * (count + 1));
		MemoryContextSwitchTo(old);
	}
	fields_match(desc, count, names, sources, entry->attributes,
				 entry->fields, entry->context);
	pfree(names);
	pfree(sources);
	entry->has_layout = true;
}

void
open_forest_values(OpenForest *entry, const Datum *values, const bool *nulls,
				   uint8_t *row)
{
	const Forest *forest = &entry->forest;
	uint32		i;

	for (i = 0; i < forest->n_features; i++)
	{
		ForestValue *value = &entry->values[i];
		Field	   *field = &entry->fields[i];
		int			attribute = entry->attributes[i];
		bool		null = nulls[attribute];

		if (field_kind(field->source) == FOREST_NUMBER)
			value->number = null ? NAN : field_number(field, values[attribute]);
		else if (null)
			value->category.data = NULL;
		else
			value->category = field_text(field, values[attribute]);
	}
	forest_bin_row(forest, entry->values, row);
}

void
open_forest_record(OpenForest *entry, HeapTupleHeader record)
{
	if (record_read(&entry->reader, record))
		entry->has_layout = false;
	if (!entry->has_layout)
		open_forest_columns(entry, entry->reader.desc);
	open_forest_values(entry, entry->reader.values, entry->reader.nulls, entry->row);
}

void
open_forest_array(OpenForest *entry, ArrayType *array)
{
	const Forest *forest = &entry->forest;
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const double *number = (const double *) ARR_DATA_PTR(array);
	const bits8 *nulls = ARR_NULLBITMAP(array);
	uint32		i;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("features must be an array of one dimension")));
	if ((uint32) count != forest->n_features)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array does not have a number for each feature"),
				 errdetail("The forest has %u features, the array %d numbers.",
						   forest->n_features, count)));
	for (i = 0; i < forest->n_features; i++)
	{
		if (forest_feature_kind(forest, i) != FOREST_NUMBER)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("feature \"%s\" is no number",
							forest_cstring(forest_feature_name(forest, i))),
					 errhint("Predict with a record, whose columns have names and types.")));
		if (nulls != NULL && att_isnull(i, nulls))
			entry->values[i].number = NAN;
		else
			entry->values[i].number = *number++;
	}
	forest_bin_row(forest, entry->values, entry->row);
}
