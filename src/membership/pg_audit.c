/*-------------------------------------------------------------------------
 *
 * pg_audit.c
 *	  The ledger's tables read member by member, and proved.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "membership/audit.h"
#include "pg/memory.h"
#include "pg/spi.h"

/* Rows fetched at a time: few enough to stay in cache. */
#define FETCH_ROWS 1000

/* A table's rows in the order of program and member, with the two in front */
typedef struct Stream
{
	Portal		portal;
	SPITupleTable *table;
	uint64		count;
	uint64		next;
	int64		program;		/* of the row at hand */
	int64		member;
	bool		is_done;
	char	   *items;			/* of the member at hand */
	Size		size;			/* of one */
	int64		n_items;
	int64		space;
} Stream;

enum
{
	MEMBERS, ENTRIES, LOTS, ALLOCATIONS, STREAMS
};

static const char *const statements[STREAMS] = {
	"SELECT m.program_id, c.number, m.customer_id, m.points, m.held, m.deficit, m.inactive_at"
	" FROM promo.member m JOIN promo.customer c USING (customer_id) ORDER BY 1, 2, 3",
	"SELECT e.program_id, coalesce(c.number, e.customer_id), e.entry_id, e.customer_id, e.kind, e.points,"
	" (e.amount * ('1e' || p.exponent)::pg_catalog.numeric)::pg_catalog.int8, e.at, e.of_id, e.due,"
	" e.lapsed, e.active_until FROM promo.points_entry e LEFT JOIN promo.program p USING (program_id)"
	" LEFT JOIN promo.customer c USING (customer_id)"
	" ORDER BY 1, 2, 3",
	"SELECT l.program_id, coalesce(c.number, l.customer_id), l.entry_id, l.lot_id, l.customer_id, l.points, l.remaining,"
	" l.available_at, l.expires_at, l.moves FROM promo.points_lot l"
	" LEFT JOIN promo.customer c USING (customer_id) ORDER BY 1, 2, 3, 4",
	"SELECT e.program_id, coalesce(c.number, e.customer_id), a.entry_id, a.lot_id, a.points FROM promo.points_allocation a"
	" JOIN promo.points_entry e USING (entry_id)"
	" LEFT JOIN promo.customer c USING (customer_id) ORDER BY 1, 2, 3, 4"
};

typedef struct Audit
{
	ReturnSetInfo *result;
	int64		program;		/* of the book at hand */
	Stream		streams[STREAMS];
} Audit;

/* A row's column, from 1; a value given where it is NULL */
static int64
number_at(const Stream *stream, int column, int64 otherwise)
{
	bool		null;
	Datum		value = SPI_getbinval(stream->table->vals[stream->next], stream->table->tupdesc, column, &null);

	return null ? otherwise : DatumGetInt64(value);
}

static void
advance(Stream *stream)
{
	stream->next++;
	if (stream->next >= stream->count)
	{
		if (stream->table != NULL)
			SPI_freetuptable(stream->table);
		SPI_cursor_fetch(stream->portal, true, FETCH_ROWS);
		stream->table = SPI_tuptable;
		stream->count = SPI_processed;
		stream->next = 0;
		stream->is_done = stream->count == 0;
		if (stream->is_done)
			return;
	}
	stream->program = number_at(stream, 1, 0);
	stream->member = number_at(stream, 2, 0);
}

static void *
add_item(Stream *stream)
{
	if (stream->n_items == stream->space)
	{
		stream->space *= 2;
		stream->items = repalloc_huge(stream->items, stream->space * stream->size);
	}
	return stream->items + stream->n_items++ * stream->size;
}

static void
read_member(Stream *stream)
{
	AuditMember *member = add_item(stream);

	member->customer = number_at(stream, 3, 0);
	member->points = number_at(stream, 4, 0);
	member->held = number_at(stream, 5, 0);
	member->deficit = number_at(stream, 6, 0);
	member->inactive_at = number_at(stream, 7, AUDIT_NONE);
}

static AuditKind
kind_of(const text *name)
{
	int			i;

	for (i = 0; i < AUDIT_KINDS; i++)
		if (VARSIZE_ANY_EXHDR(name) == strlen(audit_kind_names[i]) &&
			memcmp(VARDATA_ANY(name), audit_kind_names[i], VARSIZE_ANY_EXHDR(name)) == 0)
			return (AuditKind) i;
	elog(ERROR, "unrecognized kind of entry: %s", text_to_cstring(name));
}

static void
read_entry(Stream *stream)
{
	AuditEntry *entry = add_item(stream);
	bool		null;

	entry->entry_id = number_at(stream, 3, 0);
	entry->customer = number_at(stream, 4, 0);
	entry->kind = kind_of(DatumGetTextPP(SPI_getbinval(stream->table->vals[stream->next],
													   stream->table->tupdesc, 5, &null)));
	entry->points = number_at(stream, 6, 0);
	entry->amount = number_at(stream, 7, 0);
	entry->at = number_at(stream, 8, 0);
	entry->of_id = number_at(stream, 9, 0);
	entry->due = number_at(stream, 10, 0);
	entry->lapsed = number_at(stream, 11, 0);
	entry->active_until = number_at(stream, 12, AUDIT_NONE);
}

static void
read_lot(Stream *stream)
{
	AuditLot   *lot = add_item(stream);
	bool		null;

	lot->entry_id = number_at(stream, 3, 0);
	lot->lot_id = number_at(stream, 4, 0);
	lot->customer = number_at(stream, 5, 0);
	lot->points = number_at(stream, 6, 0);
	lot->remaining = number_at(stream, 7, 0);
	lot->available_at = number_at(stream, 8, 0);
	lot->expires_at = number_at(stream, 9, AUDIT_NEVER);
	lot->moves = DatumGetBool(SPI_getbinval(stream->table->vals[stream->next], stream->table->tupdesc, 10, &null));
}

static void
read_allocation(Stream *stream)
{
	AuditAllocation *allocation = add_item(stream);

	allocation->entry_id = number_at(stream, 3, 0);
	allocation->lot_id = number_at(stream, 4, 0);
	allocation->points = number_at(stream, 5, 0);
}

static void (*const readers[STREAMS]) (Stream *) = {read_member, read_entry, read_lot, read_allocation};

static const Size sizes[STREAMS] = {sizeof(AuditMember), sizeof(AuditEntry), sizeof(AuditLot), sizeof(AuditAllocation)};

static void
tell(void *arg, const AuditFault *fault)
{
	Audit	   *audit = arg;
	Datum		values[7];
	bool		nulls[7] = {false};

	values[0] = Int64GetDatum(audit->program);
	values[1] = Int64GetDatum(fault->customer);
	values[2] = CStringGetTextDatum(fault->what);
	values[3] = Int64GetDatum(fault->entry_id);
	nulls[3] = fault->entry_id == 0;
	values[4] = Int64GetDatum(fault->lot_id);
	nulls[4] = fault->lot_id == 0;
	values[5] = Int64GetDatum(fault->expected);
	values[6] = Int64GetDatum(fault->found);
	tuplestore_putvalues(audit->result->setResult, audit->result->setDesc, values, nulls);
}

/* Reads what the tables have of the next member; false where there is none. */
static bool
next_book(Audit *audit, AuditBook *book)
{
	const Stream *first = NULL;
	int64		member;
	int			i;

	for (i = 0; i < STREAMS; i++)
	{
		const Stream *stream = &audit->streams[i];

		if (!stream->is_done && (first == NULL || stream->program < first->program ||
								 (stream->program == first->program && stream->member < first->member)))
			first = stream;
	}
	if (first == NULL)
		return false;
	audit->program = first->program;
	member = first->member;
	for (i = 0; i < STREAMS; i++)
	{
		Stream	   *stream = &audit->streams[i];

		stream->n_items = 0;
		for (; !stream->is_done && stream->program == audit->program && stream->member == member; advance(stream))
			readers[i] (stream);
	}
	book->members = (AuditMember *) audit->streams[MEMBERS].items;
	book->n_members = audit->streams[MEMBERS].n_items;
	book->entries = (AuditEntry *) audit->streams[ENTRIES].items;
	book->n_entries = audit->streams[ENTRIES].n_items;
	book->lots = (AuditLot *) audit->streams[LOTS].items;
	book->n_lots = audit->streams[LOTS].n_items;
	book->allocations = (AuditAllocation *) audit->streams[ALLOCATIONS].items;
	book->n_allocations = audit->streams[ALLOCATIONS].n_items;
	return true;
}

PG_FUNCTION_INFO_V1(promo_membership_replayed);

/*
 * membership_replayed()
 *		returns setof (program_id, customer_id, fault, entry_id, lot_id, expected, found)
 */
Datum
promo_membership_replayed(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Audit		audit = {0};
	AuditBook	book;
	Memory		memory;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	audit.result = (ReturnSetInfo *) fcinfo->resultinfo;
	spi_check(SPI_connect(), "SPI_connect");
	context = AllocSetContextCreate(CurrentMemoryContext, "promo audit of a member", ALLOCSET_DEFAULT_SIZES);
	memory = pg_memory(context);
	for (i = 0; i < STREAMS; i++)
	{
		Stream	   *stream = &audit.streams[i];

		stream->portal = SPI_cursor_open_with_args(NULL, statements[i], 0, NULL, NULL, NULL, true, 0);
		stream->size = sizes[i];
		stream->space = 64;
		stream->items = palloc(stream->space * stream->size);
		advance(stream);
	}
	while (next_book(&audit, &book))
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		if (audit_book(&memory, &book, tell, &audit) != AUDIT_DONE)
			elog(ERROR, "audit of a member did not end");
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	for (i = 0; i < STREAMS; i++)
		SPI_cursor_close(audit.streams[i].portal);
	SPI_finish();
	return (Datum) 0;
}
