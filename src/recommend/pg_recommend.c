/*-------------------------------------------------------------------------
 *
 * pg_recommend.c
 *	  recommend, recommend_basket, recommend_all and similar_items.
 *
 * What a customer had is read under the snapshot of the query, or given with
 * the call where the shop knows it fresher than the last build.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/owner.h"
#include "recommend/pg_answer.h"

static Datum
item_datum(const Catalog *catalog, uint32 item)
{
	NameText	name = catalog_name(catalog, item);

	return PointerGetDatum(cstring_to_text_with_len(name.data, (int) name.size));
}

static uint32
count_argument(FunctionCallInfo fcinfo, int argument)
{
	int32		n = PG_GETARG_INT32(argument);

	if (n < 1 || n > RECOMMEND_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must be from 1 to %d, not %d", RECOMMEND_MOST, n)));
	return (uint32) n;
}

static void
put_rows(FunctionCallInfo fcinfo, const Catalog *catalog, const Recommendation *rows, uint32 count)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	uint32		i;

	for (i = 0; i < count; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = Int32GetDatum((int32) i + 1);
		values[1] = item_datum(catalog, rows[i].item);
		values[2] = Float8GetDatum(rows[i].score);
		nulls[3] = rows[i].because == NAME_NONE;
		values[3] = nulls[3] ? (Datum) 0 : item_datum(catalog, rows[i].because);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(promo_recommend);

/*
 * recommend(recommender text, customer text, n int, options jsonb)
 * returns TABLE (rank int, item text, score float8, because text)
 */
Datum
promo_recommend(PG_FUNCTION_ARGS)
{
	int64		customer;
	uint32		n = count_argument(fcinfo, 2);
	OpenRecommender *open;
	Wishes		wishes;
	Asking		asking;
	Recommendation *rows;

	InitMaterializedSRF(fcinfo, 0);
	open = recommender_open(PG_GETARG_TEXT_PP(0));
	wishes_of_call(PG_GETARG_JSONB_P(3), &open->catalog, true, "recommend", &wishes);
	customer = open_customer(PG_GETARG_TEXT_PP(1));
	asking_of_customer(open, customer, &asking);
	if (wishes.has_history)
		asking.had = had_of_names(&open->catalog, wishes.history, &asking.count);
	rows = palloc(sizeof(Recommendation) * n);
	n = answer(open, &wishes, &asking, n, true, rows);
	put_rows(fcinfo, &open->catalog, rows, n);
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(promo_recommend_basket);

/*
 * recommend_basket(recommender text, items text[], n int, options jsonb)
 * returns TABLE (rank int, item text, score float8, because text)
 */
Datum
promo_recommend_basket(PG_FUNCTION_ARGS)
{
	uint32		n = count_argument(fcinfo, 2);
	OpenRecommender *open;
	Wishes		wishes;
	Datum	   *elements;
	bool	   *nulls;
	int			given;
	List	   *names = NIL;
	Asking		asking = {NAME_NONE, NULL, 0, NULL, 0};
	Recommendation *rows;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &given);
	for (i = 0; i < given; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("items must not contain nulls")));
		names = lappend(names, TextDatumGetCString(elements[i]));
	}
	open = recommender_open(PG_GETARG_TEXT_PP(0));
	wishes_of_call(PG_GETARG_JSONB_P(3), &open->catalog, false, "recommend_basket", &wishes);
	asking.had = had_of_names(&open->catalog, names, &asking.count);
	rows = palloc(sizeof(Recommendation) * n);
	n = answer(open, &wishes, &asking, n, true, rows);
	put_rows(fcinfo, &open->catalog, rows, n);
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(promo_similar_items);

/*
 * similar_items(recommender text, item text, n int)
 * returns TABLE (rank int, item text, score float8)
 */
Datum
promo_similar_items(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(1);
	uint32		n = count_argument(fcinfo, 2);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OpenRecommender *open;
	OpenList	list;
	uint32		item;
	uint32		i;

	InitMaterializedSRF(fcinfo, 0);
	open = recommender_open(PG_GETARG_TEXT_PP(0));
	if (open->catalog.method == RECOMMEND_USER_KNN)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recommender \"%s\" has no similar items",
						text_to_cstring(PG_GETARG_TEXT_PP(0))),
				 errdetail("Method user_knn compares customers, not items."),
				 errhint("Build another with a method that compares items, such as user_cosine.")));
	item = catalog_find(&open->catalog, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));

	/* An item that is newer than the build is like none. */
	if (item == NAME_NONE)
		PG_RETURN_NULL();
	open_list(open, PACK_SIMILAR, item, &list);
	for (i = 0; i < list.count && i < n; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = Int32GetDatum((int32) i + 1);
		values[1] = item_datum(&open->catalog, list.item[i]);
		values[2] = Float8GetDatum(list.score[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

#define CUSTOMER_ID 1
#define CUSTOMER_SHOP_ID 2

PG_FUNCTION_INFO_V1(promo_recommend_all);

/*
 * recommend_all(recommender text, n int, options jsonb)
 * returns TABLE (customer text, rank int, item text, score float8)
 *
 * Goes through the customers in the order of their numbers, in which their
 * histories lie, so that each piece is read once.
 */
Datum
promo_recommend_all(PG_FUNCTION_ARGS)
{
	uint32		n = count_argument(fcinfo, 1);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext each;
	OpenRecommender *open;
	Wishes		wishes;
	Recommendation *rows;
	Relation	table;
	Relation	index;
	SysScanDesc scan;
	HeapTuple	tuple;

	InitMaterializedSRF(fcinfo, 0);
	open = recommender_open(PG_GETARG_TEXT_PP(0));
	wishes_of_call(PG_GETARG_JSONB_P(2), &open->catalog, false, "recommend_all", &wishes);
	rows = palloc(sizeof(Recommendation) * n);
	each = AllocSetContextCreate(old, "promo recommendations", ALLOCSET_DEFAULT_SIZES);
	table = table_open(promo_table("customer"), AccessShareLock);
	index = index_open(promo_table("customer_pkey"), AccessShareLock);
	scan = systable_beginscan_ordered(table, index, GetActiveSnapshot(), 0, NULL);

	/* The scan keeps what it needs in the context that it was begun in. */
	while ((tuple = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL)
	{
		bool		null;
		int64		id = DatumGetInt64(heap_getattr(tuple, CUSTOMER_ID, RelationGetDescr(table), &null));
		Datum		customer = heap_getattr(tuple, CUSTOMER_SHOP_ID, RelationGetDescr(table), &null);
		Asking		asking;
		uint32		found;
		uint32		i;

		CHECK_FOR_INTERRUPTS();
		if (null)
			continue;
		MemoryContextSwitchTo(each);
		asking_of_customer(open, id, &asking);
		if (asking.count + asking.event_count > 0)
		{
			found = answer(open, &wishes, &asking, n, false, rows);
			for (i = 0; i < found; i++)
			{
				Datum		values[4];
				bool		nulls[4] = {false, false, false, false};

				values[0] = customer;
				values[1] = Int32GetDatum((int32) i + 1);
				values[2] = item_datum(&open->catalog, rows[i].item);
				values[3] = Float8GetDatum(rows[i].score);
				tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
			}
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(each);
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	PG_RETURN_NULL();
}
