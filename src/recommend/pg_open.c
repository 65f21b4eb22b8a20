/*-------------------------------------------------------------------------
 *
 * pg_open.c
 *	  Recommenders in the extension's tables, and at hand in this session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/memory.h"
#include "pg/owner.h"
#include "pg/snapshot.h"
#include "promo.h"
#include "recommend/pg_open.h"

/* Columns, which only ever grow at the end */
#define RECOMMENDER_ID 1
#define RECOMMENDER_NAME 2
#define RECOMMENDER_OWNER 3
#define RECOMMENDER_VERSION 7
#define RECOMMENDER_STAMP 8
#define RECOMMENDER_CATALOG_BYTES 17
#define PIECE_RECOMMENDER 1
#define PIECE_VERSION 2
#define PIECE_KIND 3
#define PIECE_NUMBER 4
#define PIECE_BYTES 5
#define CUSTOMER_ID 1
#define CUSTOMER_SHOP_ID 2

/* Before the bytes of a block, which lie as numbers want to */
#define BLOCK_HEAD MAXALIGN(VARHDRSZ)

typedef struct OpenPiece
{
	OpenRecommender *open;
	PackKind	kind;
	uint32		number;
	dlist_node	node;			/* of all pieces, the last used first */
	uint64		used;
	Size		size;
	char	   *bytes;
	union
	{
		PackedLists lists;
		PackedHistories histories;
	}			view;
} OpenPiece;

/* What an open model that is not in the tables is packed from */
typedef struct ModelInMemory
{
	const RecommendModel *model;
	uint32	   *order;			/* customers as they are numbered */
	int64	   *ids;
	Size		room;			/* bytes that its pieces may take */
} ModelInMemory;

static OpenRecommender *at_hand = NULL;
static OpenRecommender *in_use = NULL;
static dlist_head pieces = DLIST_STATIC_INIT(pieces);
static Size held = 0;			/* of all recommenders */
static Size reserved = 0;		/* by others */
static uint64 opened = 0;

static Datum
column_of(HeapTuple tuple, Relation table, int column)
{
	bool		null;
	Datum		value = heap_getattr(tuple, column, RelationGetDescr(table), &null);

	if (null)
		elog(ERROR, "column %d of %s is null", column, RelationGetRelationName(table));
	return value;
}

static void
damaged(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("recommender is damaged, or of a format that this version of promo does not read"),
			 errhint("Refresh it, or restore promo.recommender_piece.")));
}

/*
 * The one row of the table whose column is the text, by the index, which may
 * have any collation; what is done with it is the callback's.
 */
static bool
look_up(const char *table_name, const char *index_name, int column, const text *wanted,
		void (*take) (void *arg, Relation table, HeapTuple tuple), void *arg)
{
	Relation	table = table_open(promo_table(table_name), AccessShareLock);
	Relation	index = index_open(promo_table(index_name), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	ScanKeyEntryInitialize(&key, 0, column, BTEqualStrategyNumber, InvalidOid,
						   index->rd_indcollation[0], F_TEXTEQ, PointerGetDatum(wanted));
	scan = systable_beginscan_ordered(table, index, GetActiveSnapshot(), 1, &key);
	tuple = systable_getnext_ordered(scan, ForwardScanDirection);
	found = HeapTupleIsValid(tuple);
	if (found)
		take(arg, table, tuple);
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	return found;
}

static void
take_recommender(void *arg, Relation table, HeapTuple tuple)
{
	StoredRecommender *found = arg;

	found->id = DatumGetInt64(column_of(tuple, table, RECOMMENDER_ID));
	found->owner = DatumGetObjectId(column_of(tuple, table, RECOMMENDER_OWNER));
	found->version = DatumGetInt32(column_of(tuple, table, RECOMMENDER_VERSION));
	found->stamp = DatumGetInt64(column_of(tuple, table, RECOMMENDER_STAMP));
	found->catalog_bytes = DatumGetInt64(column_of(tuple, table, RECOMMENDER_CATALOG_BYTES));
}

bool
recommender_find(const text *name, StoredRecommender *found)
{
	memset(found, 0, sizeof(*found));
	found->table = promo_table("recommender_piece");
	return look_up("recommender", "recommender_recommender_key", RECOMMENDER_NAME, name,
				   take_recommender, found);
}

static void
take_customer(void *arg, Relation table, HeapTuple tuple)
{
	*(int64 *) arg = DatumGetInt64(column_of(tuple, table, CUSTOMER_ID));
}

int64
open_customer(const text *customer)
{
	int64		id = 0;

	(void) look_up("customer", "customer_shop_id_key", CUSTOMER_SHOP_ID, customer,
				   take_customer, &id);
	return id;
}

/*
 * What is at hand
 */

static void
let_piece_go(OpenPiece *piece)
{
	OpenRecommender *open = piece->open;

	dlist_delete(&piece->node);
	held -= piece->size;
	open->held -= piece->size;
	open->pieces[piece->kind][piece->number] = NULL;
	pfree(piece->bytes - BLOCK_HEAD);
	pfree(piece);
}

/* How many pieces of a kind there may be */
static uint32
pieces_of_kind(const OpenRecommender *open, PackKind kind)
{
	return kind == PACK_HISTORY || kind == PACK_EVENT_HISTORY ?
		pack_pieces(open->catalog.n_customers, PACK_CUSTOMERS) :
		pack_pieces(open->catalog.n_items, PACK_ITEMS);
}

static void
let_recommender_go(OpenRecommender **link)
{
	OpenRecommender *gone = *link;
	int			kind;

	for (kind = 0; kind < PACK_KINDS; kind++)
	{
		uint32		number;

		if (gone->pieces[kind] == NULL)
			continue;
		for (number = 0; number < pieces_of_kind(gone, (PackKind) kind); number++)
			if (gone->pieces[kind][number] != NULL)
				dlist_delete(&gone->pieces[kind][number]->node);
	}
	held -= gone->held;
	*link = gone->next;
	MemoryContextDelete(gone->context);
}

/* Bytes that may be at hand: those of the cache, or a model's while it is in use */
static Size
most_at_hand(void)
{
	Size		most = promo_cache_size();

	if (in_use != NULL && in_use->model != NULL)
		most = Max(most, in_use->model->room);
	return most;
}

/*
 * Lets go of recommenders that were not used for the longest time, and then of
 * pieces, until so many more bytes fit in; not of what is in use.
 */
static void
make_room(Size wanted)
{
	while (held + reserved + wanted > most_at_hand())
	{
		OpenRecommender **oldest = NULL;
		OpenRecommender **link;

		for (link = &at_hand; *link != NULL; link = &(*link)->next)
			if (*link != in_use && (oldest == NULL || (*link)->used < (*oldest)->used))
				oldest = link;
		if (oldest != NULL)
			let_recommender_go(oldest);
		else if (!dlist_is_empty(&pieces))
			let_piece_go(dlist_tail_element(OpenPiece, node, &pieces));
		else
			return;
	}
}

/*
 * The bytes of a stored value, which has so many, to a place with room for a
 * value's header before it: without a copy in between, since the first answer
 * of a session waits for them.
 */
static void
take_bytes(Datum value, char *to, Size size)
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(value);
	bytea	   *bytes;

	if (VARATT_IS_EXTERNAL_ONDISK(stored))
	{
		struct varatt_external pointer;

		VARATT_EXTERNAL_GET_POINTER(pointer, stored);
		if (!VARATT_EXTERNAL_IS_COMPRESSED(pointer))
		{
			Relation	table = table_open(pointer.va_toastrelid, AccessShareLock);

			table_relation_fetch_toast_slice(table, pointer.va_valueid, (int32) size, 0,
											 (int32) size, (struct varlena *) (to - VARHDRSZ));
			table_close(table, AccessShareLock);
			return;
		}
	}
	bytes = DatumGetByteaPP(value);
	memcpy(to, VARDATA_ANY(bytes), size);
	if ((Pointer) bytes != (Pointer) stored)
		pfree(bytes);
}

/*
 * Reads a piece, and gives its size: to `into`, where not more than `room`
 * bytes fit, with room for a header before; or, without that, to memory of the
 * context, which begins BLOCK_HEAD before the bytes.
 */
static char *
read_piece(const StoredRecommender *stored, PackKind kind, uint32 number,
		   MemoryContext context, char *into, Size room, Size *size)
{
	Relation	table = table_open(stored->table, AccessShareLock);
	ScanKeyData keys[4];
	SysScanDesc scan;
	HeapTuple	tuple;
	Datum		value;

	ScanKeyInit(&keys[0], PIECE_RECOMMENDER, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(stored->id));
	ScanKeyInit(&keys[1], PIECE_VERSION, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(stored->version));
	ScanKeyInit(&keys[2], PIECE_KIND, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum((int16) kind));
	ScanKeyInit(&keys[3], PIECE_NUMBER, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum((int32) number));
	scan = systable_beginscan(table, promo_table("recommender_piece_pkey"), true,
							  GetActiveSnapshot(), 4, keys);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		damaged();
	value = column_of(tuple, table, PIECE_BYTES);
	*size = toast_raw_datum_size(value) - VARHDRSZ;
	if (*size == 0 || (into != NULL && *size > room))
		damaged();
	if (into == NULL)
		into = (char *) MemoryContextAllocHuge(context, *size + BLOCK_HEAD) + BLOCK_HEAD;
	take_bytes(value, into, *size);
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return into;
}

/* Reads the catalog, which may be in several pieces, into one. */
static void
read_catalog(OpenRecommender *open)
{
	Size		all = (Size) open->stored.catalog_bytes;
	char	   *bytes;
	Size		read = 0;
	uint32		number;

	bytes = (char *) MemoryContextAllocHuge(open->context, all + BLOCK_HEAD) + BLOCK_HEAD;
	for (number = 0; read < all; number++)
	{
		Size		size;

		(void) read_piece(&open->stored, PACK_CATALOG, number, NULL, bytes + read, all - read,
						  &size);
		read += size;
	}
	if (!catalog_open(&open->catalog, bytes, all))
		damaged();
}

/* A new one, with nothing in it yet */
static OpenRecommender *
open_start(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "promo recommender",
												  ALLOCSET_DEFAULT_SIZES);
	OpenRecommender *open = MemoryContextAllocZero(context, sizeof(OpenRecommender));

	open->context = context;
	return open;
}

/* Keeps it at hand, with a catalog of so many bytes. */
static OpenRecommender *
keep(OpenRecommender *open, Size catalog_bytes)
{
	open->used = opened;
	open->held = catalog_bytes;
	held += open->held;
	open->next = at_hand;
	at_hand = open;
	in_use = open;
	MemoryContextSetParent(open->context, CacheMemoryContext);
	return open;
}

OpenRecommender *
recommender_open_stored(const StoredRecommender *stored)
{
	OpenRecommender *open;

	opened++;
	for (open = at_hand; open != NULL; open = open->next)
		if (open->model == NULL && open->stored.id == stored->id &&
			open->stored.stamp == stored->stamp &&
			open->stored.table == stored->table && open->stored.version == stored->version)
		{
			open->used = opened;
			in_use = open;
			return open;
		}
	in_use = NULL;
	make_room((Size) stored->catalog_bytes);
	open = open_start();
	open->stored = *stored;
	read_catalog(open);
	return keep(open, (Size) stored->catalog_bytes);
}

OpenRecommender *
recommender_open_model(const RecommendModel *model, int64 since, Size room)
{
	Size		n = (Size) model->matrix->n_customers + 1;
	OpenRecommender *open = open_start();
	Memory		memory = pg_memory(open->context);
	ModelInMemory *in_memory = MemoryContextAlloc(open->context, sizeof(ModelInMemory));
	char	   *bytes;
	size_t		size;
	uint32		i;

	opened++;
	in_memory->model = model;
	in_memory->room = room;
	in_memory->order = MemoryContextAllocHuge(open->context, sizeof(uint32) * n);
	in_memory->ids = MemoryContextAllocHuge(open->context, sizeof(int64) * n);
	for (i = 0; i < model->matrix->n_customers; i++)
	{
		in_memory->order[i] = i;
		in_memory->ids[i] = (int64) i + 1;
	}
	open->model = in_memory;
	if (!catalog_pack(&memory, model, since, in_memory->order, in_memory->ids, &bytes, &size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the items' names are too long for one recommender")));
	if (!catalog_open(&open->catalog, bytes, size))
		damaged();
	return keep(open, size);
}

void
recommender_close(OpenRecommender *open)
{
	OpenRecommender **link = &at_hand;

	while (*link != open)
		link = &(*link)->next;
	in_use = NULL;
	let_recommender_go(link);
}

OpenRecommender *
recommender_open(const text *name)
{
	static SnapshotMark mark;
	static StoredRecommender last;
	static text *last_name = NULL;
	static TimestampTz last_transaction = 0;
	TimestampTz transaction = GetCurrentTransactionStartTimestamp();
	MemoryContext old;

	/* Row after row of one query the same one is asked. */
	mark.context = CacheMemoryContext;
	if (!snapshot_changed(&mark) && last_name != NULL && last_transaction == transaction &&
		VARSIZE_ANY_EXHDR(last_name) == VARSIZE_ANY_EXHDR(name) &&
		memcmp(VARDATA_ANY(last_name), VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
		return recommender_open_stored(&last);

	if (last_name != NULL)
	{
		pfree(last_name);
		last_name = NULL;
	}
	if (!recommender_find(name, &last))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("recommender \"%s\" does not exist", text_to_cstring(name)),
				 errhint("Recommenders are made by promo.build_recommender(), and listed in promo.recommenders.")));
	old = MemoryContextSwitchTo(CacheMemoryContext);
	last_name = cstring_to_text_with_len(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	last_transaction = transaction;
	MemoryContextSwitchTo(old);
	return recommender_open_stored(&last);
}

static char *
make_block(OpenRecommender *open, Size size)
{
	return (char *) MemoryContextAllocHuge(open->context, size + BLOCK_HEAD) + BLOCK_HEAD;
}

/* Packs the piece of a model, to memory of the recommender's own. */
static char *
pack_piece(OpenRecommender *open, PackKind kind, uint32 number, Size *size)
{
	const ModelInMemory *in_memory = open->model;
	const RecommendModel *model = in_memory->model;
	const NeighborLists *lists;
	const Matrix *matrix;
	char	   *bytes;

	switch (kind)
	{
		case PACK_SIMILAR:
		case PACK_SCORING:
		case PACK_EVENT_SCORING:
			lists = kind == PACK_SIMILAR ? &model->similar :
				kind == PACK_SCORING ? &model->scoring : &model->event_scoring;
			*size = lists_size(lists, number);
			bytes = make_block(open, *size);
			lists_pack(lists, number, bytes);
			return bytes;
		case PACK_ITEM_CUSTOMERS:
			*size = item_customers_size(model->matrix, number);
			bytes = make_block(open, *size);
			item_customers_pack(model->matrix, number, bytes);
			return bytes;
		case PACK_HISTORY:
		case PACK_EVENT_HISTORY:
			matrix = kind == PACK_HISTORY ? model->matrix : model->events;
			bytes = make_block(open, histories_most(matrix, in_memory->order, number));
			*size = histories_pack(matrix, in_memory->order, in_memory->ids, number, bytes);
			return bytes;
		case PACK_CATALOG:
			break;
	}
	elog(ERROR, "a recommender has no piece of kind %d", (int) kind);
}

/* Makes a place for each piece of the kind. */
static void
make_places(OpenRecommender *open, PackKind kind)
{
	Size		size = sizeof(OpenPiece *) * ((Size) pieces_of_kind(open, kind) + 1);

	make_room(size);
	open->pieces[kind] = MemoryContextAllocExtended(open->context, size,
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	held += size;
	open->held += size;
}

/* Reads the piece and opens it. */
static OpenPiece *
bring_piece(OpenRecommender *open, PackKind kind, uint32 number)
{
	OpenPiece  *piece;
	OpenPiece	made;
	bool		is_right;

	if (open->pieces[kind] == NULL)
		make_places(open, kind);
	memset(&made, 0, sizeof(made));
	made.bytes = open->model != NULL ? pack_piece(open, kind, number, &made.size) :
		read_piece(&open->stored, kind, number, open->context, NULL, 0, &made.size);
	if (kind == PACK_HISTORY || kind == PACK_EVENT_HISTORY)
		is_right = histories_open(&made.view.histories, open->catalog.n_items, made.bytes, made.size) &&
			made.view.histories.count > 0;
	else
		is_right = lists_open(&made.view.lists, kind, number, &open->catalog, made.bytes, made.size);
	if (!is_right)
	{
		pfree(made.bytes - BLOCK_HEAD);
		damaged();
	}
	make_room(made.size + sizeof(OpenPiece));
	piece = MemoryContextAlloc(open->context, sizeof(OpenPiece));
	made.open = open;
	made.kind = kind;
	made.number = number;
	made.used = opened;
	*piece = made;
	piece->size += sizeof(OpenPiece);
	open->pieces[kind][number] = piece;
	dlist_push_head(&pieces, &piece->node);
	held += piece->size;
	open->held += piece->size;
	return piece;
}

/* The piece if it is at hand, else NULL; the last of those at hand to go. */
static inline OpenPiece *
piece_at_hand(OpenRecommender *open, PackKind kind, uint32 number)
{
	OpenPiece  *piece = open->pieces[kind] == NULL ? NULL : open->pieces[kind][number];

	/* Once for each time that a recommender is opened is often enough. */
	if (piece != NULL && piece->used != opened)
	{
		piece->used = opened;
		dlist_move_head(&pieces, &piece->node);
	}
	return piece;
}

static inline OpenPiece *
open_piece(OpenRecommender *open, PackKind kind, uint32 number)
{
	OpenPiece  *piece = piece_at_hand(open, kind, number);

	return piece != NULL ? piece : bring_piece(open, kind, number);
}

static inline void
list_of_piece(const OpenPiece *piece, uint32 item, OpenList *list)
{
	const PackedLists *lists = &piece->view.lists;
	uint32		place = item % PACK_ITEMS;
	uint32		begin = place == 0 ? 0 : lists->end[place - 1];

	list->count = lists->end[place] - begin;
	list->item = lists->item + begin;
	list->score = lists->score == NULL ? NULL : lists->score + begin;
}

void
open_list(OpenRecommender *open, PackKind kind, uint32 item, OpenList *list)
{
	list_of_piece(open_piece(open, kind, item / PACK_ITEMS), item, list);
}

bool
open_list_at_hand(OpenRecommender *open, PackKind kind, uint32 item, OpenList *list)
{
	OpenPiece  *piece = piece_at_hand(open, kind, item / PACK_ITEMS);

	if (piece != NULL)
		list_of_piece(piece, item, list);
	return piece != NULL;
}

/* Room for as many entries as a customer of the piece has */
static void
make_history_room(OpenRecommender *open, uint32 most)
{
	History    *history = &open->history;
	MemoryContext old = MemoryContextSwitchTo(open->context);
	uint32		room = Max(most, 64);

	if (open->history_room > 0)
	{
		open->history_room = 0;
		pfree(history->item);
		pfree(history->amount);
		pfree(history->value);
		pfree(history->last_at);
	}
	history->item = palloc(sizeof(uint32) * room);
	history->amount = palloc(sizeof(float) * room);
	history->value = palloc(sizeof(float) * room);
	history->last_at = palloc(sizeof(int64) * room);
	open->history_room = room;
	MemoryContextSwitchTo(old);
}

static const History *
read_history(OpenRecommender *open, const PackedHistories *histories, uint32 place)
{
	if (histories->most > open->history_room || open->history_room == 0)
		make_history_room(open, histories->most);
	histories_read(histories, place, &open->history);
	return &open->history;
}

const History *
open_history_of_id(OpenRecommender *open, PackKind kind, int64 customer)
{
	const PackedHistories *histories;
	uint32		number;
	uint32		place;

	open->history.count = 0;
	if (customer == 0 || !catalog_find_piece(&open->catalog, customer, &number))
		return &open->history;
	histories = &open_piece(open, kind, number)->view.histories;
	if (!histories_find(histories, customer, &place))
		return &open->history;
	return read_history(open, histories, place);
}

const History *
open_history_of_place(OpenRecommender *open, PackKind kind, uint32 place)
{
	const PackedHistories *histories =
		&open_piece(open, kind, place / PACK_CUSTOMERS)->view.histories;

	open->history.count = 0;
	if (place % PACK_CUSTOMERS >= histories->count)
		damaged();
	return read_history(open, histories, place % PACK_CUSTOMERS);
}

int64
open_customer_of_place(OpenRecommender *open, uint32 place)
{
	const PackedHistories *histories =
		&open_piece(open, PACK_HISTORY, place / PACK_CUSTOMERS)->view.histories;

	if (place % PACK_CUSTOMERS >= histories->count)
		damaged();
	return histories_id(histories, place % PACK_CUSTOMERS);
}

bool
open_place_of_customer(OpenRecommender *open, int64 customer, uint32 *place)
{
	uint32		number;
	uint32		within;

	if (customer == 0 || !catalog_find_piece(&open->catalog, customer, &number) ||
		!histories_find(&open_piece(open, PACK_HISTORY, number)->view.histories, customer, &within))
		return false;
	*place = number * PACK_CUSTOMERS + within;
	return true;
}

/* The counts that compare_recent goes by */
static const uint32 *recent_counts;

static int
compare_recent(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	if (recent_counts[x] != recent_counts[y])
		return recent_counts[x] < recent_counts[y] ? 1 : -1;
	return (x > y) - (x < y);
}

const uint32 *
open_by_recent(OpenRecommender *open)
{
	uint32		n = open->catalog.n_items;
	Size		size = sizeof(uint32) * ((Size) n + 1);
	uint32	   *items;
	uint32		i;

	if (open->by_recent != NULL)
		return open->by_recent;
	make_room(size);
	items = MemoryContextAllocHuge(open->context, size);
	for (i = 0; i < n; i++)
		items[i] = i;
	recent_counts = open->catalog.recent;
	qsort(items, n, sizeof(uint32), compare_recent);
	held += size;
	open->held += size;
	open->by_recent = items;
	return items;
}

void
open_reserve(Size bytes)
{
	reserved = bytes;
	make_room(0);
}
