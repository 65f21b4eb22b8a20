/*-------------------------------------------------------------------------
 *
 * pg_write.c
 *	  Writing a built recommender into the extension's tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "pg/spi.h"
#include "promo.h"
#include "recommend/pack.h"
#include "recommend/pg_write.h"

/* Customers whose numbers are fetched at a time */
#define CUSTOMERS_A_FETCH 10000

typedef struct PieceWriter
{
	SPIPlanPtr	insert;
	int64		recommender;
	int32		version;
	int64		bytes;			/* written */
	int64		pieces;
	Progress   *progress;
	bytea	   *piece;
	Size		room;
} PieceWriter;

/* A customer's surrogate and his number in the matrix */
typedef struct NumberedCustomer
{
	int64		id;
	uint32		number;
} NumberedCustomer;

static int
compare_ids(const void *left, const void *right)
{
	const NumberedCustomer *a = left;
	const NumberedCustomer *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

static void
writer_start(PieceWriter *writer, int64 recommender, int32 version)
{
	Oid			types[5] = {INT8OID, INT4OID, INT2OID, INT4OID, BYTEAOID};

	memset(writer, 0, sizeof(*writer));
	writer->recommender = recommender;
	writer->version = version;
	writer->insert = SPI_prepare("INSERT INTO promo.recommender_piece"
								 " (recommender_id, version, kind, piece, bytes)"
								 " VALUES ($1, $2, $3, $4, $5)", 5, types);
	if (writer->insert == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
}

/* A place for the bytes of the next piece */
static void *
writer_room(PieceWriter *writer, Size size)
{
	if (size > writer->room)
	{
		if (writer->piece != NULL)
			pfree(writer->piece);
		writer->piece = palloc(size + size / 4 + VARHDRSZ);
		writer->room = size + size / 4;
	}
	return VARDATA(writer->piece);
}

static void
write_piece(PieceWriter *writer, PackKind kind, uint32 number, Size size)
{
	Datum		values[5];

	CHECK_FOR_INTERRUPTS();
	SET_VARSIZE(writer->piece, size + VARHDRSZ);
	values[0] = Int64GetDatum(writer->recommender);
	values[1] = Int32GetDatum(writer->version);
	values[2] = Int16GetDatum((int16) kind);
	values[3] = Int32GetDatum((int32) number);
	values[4] = PointerGetDatum(writer->piece);
	spi_check(SPI_execute_plan(writer->insert, values, NULL, false, 0), "SPI_execute_plan");
	writer->bytes += size;
	progress_report(writer->progress, "writing", ++writer->pieces, -1);
}

/* The matrix's customers by number, as a relation for statements */
static Tuplestorestate *
store_customers(const Matrix *matrix)
{
	TupleDesc	desc = CreateTemplateTupleDesc(2);
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));
	uint32		number;

	TupleDescInitEntry(desc, 1, "number", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "customer", TEXTOID, -1, 0);
	for (number = 0; number < matrix->n_customers; number++)
	{
		NameText		name = matrix_customer_name(matrix, number);
		text	   *customer = cstring_to_text_with_len(name.data, (int) name.size);
		Datum		values[2];
		bool		nulls[2] = {false, false};

		CHECK_FOR_INTERRUPTS();
		values[0] = Int32GetDatum((int32) number);
		values[1] = PointerGetDatum(customer);
		tuplestore_putvalues(store, desc, values, nulls);
		pfree(customer);
	}
	relation->md.name = "given";
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = matrix->n_customers;
	relation->reldata = store;
	spi_check(SPI_register_relation(relation), "SPI_register_relation");
	return store;
}

/* Learns the numbers of those among the given that have any; gives how many. */
static uint32
find_customers(NumberedCustomer *customers)
{
	SPIPlanPtr	plan = SPI_prepare("SELECT g.number, c.customer_id FROM given g"
								   " JOIN promo.customer c ON c.shop_id = g.customer", 0, NULL);
	Portal		portal;
	uint32		found = 0;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	for (;;)
	{
		uint64		i;

		SPI_cursor_fetch(portal, true, CUSTOMERS_A_FETCH);
		if (SPI_processed == 0)
			break;
		for (i = 0; i < SPI_processed; i++)
		{
			HeapTuple	row = SPI_tuptable->vals[i];
			bool		null;
			uint32		number = (uint32) DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc,
																	  1, &null));

			customers[number].number = number;
			customers[number].id = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &null));
		}
		found += (uint32) SPI_processed;
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	return found;
}

/* Gives numbers to customers that have none, and learns those of all. */
static void
number_customers(const Matrix *matrix, NumberedCustomer *customers)
{
	Tuplestorestate *store = store_customers(matrix);
	uint32		found = find_customers(customers);

	if (found < matrix->n_customers)
	{
		/* In one order, so that two sessions do not wait for each other. */
		(void) spi_run("INSERT INTO promo.customer (shop_id)"
					   " SELECT g.customer FROM given g WHERE NOT EXISTS"
					   " (SELECT FROM promo.customer c WHERE c.shop_id = g.customer)"
					   " ORDER BY g.number"
					   " ON CONFLICT ON CONSTRAINT customer_shop_id_key DO NOTHING",
					   0, NULL, NULL, NULL);
		found = find_customers(customers);
	}
	spi_check(SPI_unregister_relation("given"), "SPI_unregister_relation");
	tuplestore_end(store);
	if (found != matrix->n_customers)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a customer was forgotten by another transaction at the same time")));
	qsort(customers, matrix->n_customers, sizeof(NumberedCustomer), compare_ids);
}

/* The catalog, in pieces that a dump can hold */
static void
write_catalog(PieceWriter *writer, const Memory *memory, const RecommendModel *model,
			  int64 since, const uint32 *order, const int64 *ids)
{
	Size		most = promo_model_piece_size();
	char	   *bytes;
	Size		size;
	Size		at;
	uint32		number = 0;

	if (!catalog_pack(memory, model, since, order, ids, &bytes, &size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the items' names are too long for one recommender")));
	for (at = 0; at < size; at += most)
	{
		Size		part = Min(most, size - at);

		memcpy(writer_room(writer, part), bytes + at, part);
		write_piece(writer, PACK_CATALOG, number++, part);
	}
	memory_release(memory, bytes);
}

static void
write_lists(PieceWriter *writer, PackKind kind, const NeighborLists *lists)
{
	uint32		pieces = pack_pieces(lists->n_items, PACK_ITEMS);
	uint32		number;

	for (number = 0; number < pieces; number++)
	{
		Size		size = lists_size(lists, number);

		lists_pack(lists, number, writer_room(writer, size));
		write_piece(writer, kind, number, size);
	}
}

static void
write_histories(PieceWriter *writer, PackKind kind, const Matrix *matrix,
				const uint32 *order, const int64 *ids)
{
	uint32		pieces = pack_pieces(matrix->n_customers, PACK_CUSTOMERS);
	uint32		number;

	for (number = 0; number < pieces; number++)
		write_piece(writer, kind, number,
					histories_pack(matrix, order, ids, number,
								   writer_room(writer, histories_most(matrix, order, number))));
}

static void
write_item_customers(PieceWriter *writer, const Matrix *matrix)
{
	uint32		pieces = pack_pieces(matrix->n_items, PACK_ITEMS);
	uint32		number;

	for (number = 0; number < pieces; number++)
	{
		Size		size = item_customers_size(matrix, number);

		item_customers_pack(matrix, number, writer_room(writer, size));
		write_piece(writer, PACK_ITEM_CUSTOMERS, number, size);
	}
}

uint64
recommender_write_need(const RecommendModel *model)
{
	/* Customers in order, and the catalog */
	return (uint64) model->matrix->n_customers *
		(sizeof(NumberedCustomer) + sizeof(int64) + 3 * sizeof(uint32)) +
		(uint64) model->matrix->n_items * 6 * sizeof(uint32) + model->matrix->item_names->bytes;
}

void
recommender_write(const Memory *memory, const RecommendModel *model, int64 since,
				  int64 recommender, int32 version, Progress *progress,
				  int64 *bytes, int64 *catalog_bytes)
{
	const Matrix *matrix = model->matrix;
	Size		n = (Size) matrix->n_customers + 1;
	NumberedCustomer *customers = MemoryContextAllocHuge(CurrentMemoryContext,
														 sizeof(NumberedCustomer) * n);
	uint32	   *order = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * n);
	int64	   *ids = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * n);
	PieceWriter writer;
	uint32		i;

	number_customers(matrix, customers);
	for (i = 0; i < matrix->n_customers; i++)
	{
		order[i] = customers[i].number;
		ids[i] = customers[i].id;
	}
	pfree(customers);
	writer_start(&writer, recommender, version);
	writer.progress = progress;
	write_catalog(&writer, memory, model, since, order, ids);
	*catalog_bytes = writer.bytes;
	write_lists(&writer, PACK_SIMILAR, &model->similar);
	write_lists(&writer, PACK_SCORING, &model->scoring);
	if (model->events != NULL)
		write_lists(&writer, PACK_EVENT_SCORING, &model->event_scoring);
	if (model->options.method == RECOMMEND_USER_KNN)
		write_item_customers(&writer, matrix);
	write_histories(&writer, PACK_HISTORY, matrix, order, ids);
	if (model->events != NULL)
		write_histories(&writer, PACK_EVENT_HISTORY, model->events, order, ids);
	*bytes = writer.bytes;
	pfree(order);
	pfree(ids);
}
