/*-------------------------------------------------------------------------
 *
 * pg_store.h
 *	  Models in the extension's tables, and at hand in this session.
 *
 * Which version of a model is current is read under the snapshot of the query
 * that asks, each time that is another one.  A version never changes, so one
 * that was read stays at hand for the session, known by its number and stamp,
 * within promo.cache_size; what is in use stays longer.  So no session ever
 * has an old version in place of a new one, whatever it saw before.
 *
 * Reading takes no right to the tables: who may call the function may.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_STORE_H
#define PROMO_PG_STORE_H

#include "utils/jsonb.h"

#include "forest/forest.h"
#include "forest/model.h"
#include "pg/snapshot.h"

typedef struct StoredVersion
{
	Oid			table;
	int64		id;
	int64		stamp;
	int32		version;
	int32		pieces;
	int64		bytes;
	Oid			owner;
} StoredVersion;

/* The current version under the active snapshot; false: no such model. */
extern bool store_find(const text *model, StoredVersion *found);

/* The same, or an error */
extern void store_resolve(const text *model, StoredVersion *found);

static inline bool
store_same(const StoredVersion *a, const StoredVersion *b)
{
	return a->id == b->id && a->stamp == b->stamp && a->table == b->table;
}

typedef struct StoredModel
{
	StoredVersion version;
	Forest		forest;

	/* Of pg_store.c alone */
	MemoryContext context;
	struct StoredModel *next;
	int			users;
	uint64		used;
} StoredModel;

/* Takes a version in use, and lets it go. */
extern StoredModel *store_open(const StoredVersion *version);
extern void store_close(StoredModel *model);

/*
 * Writing
 */

/*
 * An error when the name is none for a model, or the model exists and the
 * caller may not change it.
 */
extern void store_check_owner(const text *model);

/* A new version of a model, as far as it is known before its bytes are. */
typedef struct NewVersion
{
	text	   *model;
	text	   *query;
	text	   *target;
	Jsonb	   *options;
	const ModelParts *parts;	/* with its data and options */
	int			workers;
	TimestampTz started_at;
} NewVersion;

typedef struct StoreWriter StoreWriter;

/*
 * A way out for training_write, which makes the version current.  It needs
 * the caller's rights checked by store_check_owner before.
 */
extern StoreWriter *store_writer_start(const NewVersion *version, ModelOut *out);

/* The new row of model_version, allocated in the context of the start */
extern Datum store_writer_end(StoreWriter *writer);

#endif							/* PROMO_PG_STORE_H */
