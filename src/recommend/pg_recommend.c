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

#include <math.h>

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

#include "pg/json.h"
#include "pg/memory.h"
#include "pg/owner.h"
#include "recommend/pg_recommend.h"
#include "recommend/rank.h"

/*
 * The ranker of the session, for the last size of catalog that was asked for.
 * One that an error left in the middle of a ranking is made anew.
 */
static Ranker *
session_ranker(uint32 n_items)
{
	static MemoryContext context = NULL;
	static Ranker ranker;

	if (context != NULL && ranker.n_items == n_items &&
		ranker.count == 0 && ranker.n_refused == 0)
		return &ranker;
	if (context != NULL)
		MemoryContextReset(context);
	else
		context = AllocSetContextCreate(CacheMemoryContext, "promo ranker",
										ALLOCSET_SMALL_SIZES);
	memset(&ranker, 0, sizeof(ranker));
	{
		Memory		memory = pg_memory(context);

		if (!rank_start(&memory, &ranker, n_items, RECOMMEND_MOST))
			elog(ERROR, "out of memory while recommending");
	}
	return &ranker;
}

static uint32
find_item(const Catalog *catalog, const char *name)
{
	return catalog_find(catalog, name, (uint32) strlen(name));
}

/* Takes from allowed, or makes it, what is not of the category. */
static void
allow_category(const Catalog *catalog, const char *name, Wishes *wishes)
{
	uint32		category;
	uint32		i;

	for (category = 0; category < catalog->n_categories; category++)
	{
		NameText	text = catalog_category(catalog, category);

		if (text.size == strlen(name) && memcmp(text.data, name, text.size) == 0)
			break;
	}
	if (wishes->allowed == NULL)
	{
		wishes->allowed = palloc(catalog->n_items + 1);
		memset(wishes->allowed, 1, catalog->n_items);
	}

	/* Of a category that no item has, no item is. */
	for (i = 0; i < catalog->n_items; i++)
		if (category == catalog->n_categories || catalog->category[i] != category)
			wishes->allowed[i] = 0;
}

void
wishes_read(JsonReader *reader, const Catalog *catalog, Wishes *wishes)
{
	JsonReader	boosts;
	List	   *filter = NIL;
	char	   *text = NULL;
	ListCell   *cell;

	wishes->exclude_bought = true;
	json_read_bool(reader, "exclude_bought", &wishes->exclude_bought);
	json_read_bool(reader, "buy_again", &wishes->buy_again);
	if (json_read_text(reader, "fallback", &text))
	{
		if (strcmp(text, "popular") == 0)
			wishes->fallback = FALLBACK_POPULAR;
		else if (strcmp(text, "trending") == 0)
			wishes->fallback = FALLBACK_TRENDING;
		else if (strcmp(text, "none") == 0)
			wishes->fallback = FALLBACK_NONE;
		else
			json_fault(reader->faults, json_path(reader, "fallback"),
					   "must be popular, trending or none, not \"%s\"", text);
	}
	if (wishes->fallback == FALLBACK_TRENDING && catalog != NULL && !catalog->has_times)
		json_fault(reader->faults, json_path(reader, "fallback"),
				   "cannot be trending, since the recommender's query had no column \"at\"");
	if (json_read_texts(reader, "filter", &filter) && catalog != NULL)
	{
		wishes->allowed = palloc0(catalog->n_items + 1);
		foreach(cell, filter)
		{
			uint32		item = find_item(catalog, lfirst(cell));

			if (item != NAME_NONE)
				wishes->allowed[item] = 1;
		}
	}
	if (json_read_text(reader, "category", &text) && catalog != NULL)
		allow_category(catalog, text, wishes);
	if (json_read_object(reader, "boost", &boosts))
	{
		List	   *keys = json_keys(&boosts);

		wishes->boosted = palloc(sizeof(uint32) * (list_length(keys) + 1));
		wishes->boost = palloc(sizeof(float) * (list_length(keys) + 1));
		foreach(cell, keys)
		{
			double		boost = 1;
			uint32		item;

			if (!json_read_float(&boosts, lfirst(cell), 0, 1000000, &boost) || catalog == NULL)
				continue;
			item = find_item(catalog, lfirst(cell));
			if (item == NAME_NONE)
				continue;
			wishes->boosted[wishes->n_boosts] = item;
			wishes->boost[wishes->n_boosts++] = (float) boost;
		}
		json_close(&boosts);
	}
}

/* Reads the options of a call of the function. */
static void
read_wishes(const Jsonb *json, const Catalog *catalog, bool takes_history,
			const char *what, Wishes *wishes)
{
	JsonFaults	faults;
	JsonReader	reader;

	memset(wishes, 0, sizeof(*wishes));
	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	if (takes_history)
		wishes->has_history = json_read_texts(&reader, "history", &wishes->history);
	else
		json_refuse(&reader, "history", "is an option of promo.recommend() only");
	wishes_read(&reader, catalog, wishes);
	json_close(&reader);
	json_faults_raise(&faults, psprintf("options of %s", what));
}

static int
compare_had(const void *a, const void *b)
{
	const Had  *x = a;
	const Had  *y = b;

	return (x->item > y->item) - (x->item < y->item);
}

/* What was bought most, of that what was bought last, comes first. */
static int
compare_again(const void *a, const void *b)
{
	const Had  *x = a;
	const Had  *y = b;

	if (x->amount != y->amount)
		return x->amount < y->amount ? 1 : -1;
	if (x->last_at != y->last_at)
		return x->last_at < y->last_at ? 1 : -1;
	return compare_had(a, b);
}

/* Items by name, each once, with how often it is named; later ones are newer. */
static Had *
had_of_names(const Catalog *catalog, const List *names, int *count)
{
	Had		   *had = palloc(sizeof(Had) * (list_length(names) + 1));
	ListCell   *cell;
	int			n = 0;
	int			kept = 0;
	int			i;

	foreach(cell, names)
	{
		uint32		item = find_item(catalog, lfirst(cell));

		if (item == NAME_NONE)
			continue;
		had[n].item = item;
		had[n].value = 1;
		had[n].amount = 1;
		had[n].last_at = foreach_current_index(cell);
		n++;
	}
	qsort(had, n, sizeof(Had), compare_had);
	for (i = 0; i < n; i++)
	{
		if (kept > 0 && had[kept - 1].item == had[i].item)
		{
			had[kept - 1].amount++;
			had[kept - 1].last_at = Max(had[kept - 1].last_at, had[i].last_at);
		}
		else
			had[kept++] = had[i];
	}
	*count = kept;
	return had;
}

Had *
had_of_history(const History *history, int *count)
{
	Had		   *had = palloc(sizeof(Had) * (history->count + 1));
	uint32		i;

	for (i = 0; i < history->count; i++)
	{
		had[i].item = history->item[i];
		had[i].value = history->value[i];
		had[i].amount = history->amount[i];
		had[i].last_at = history->last_at[i];
	}
	*count = (int) history->count;
	return had;
}

/* The item whose list gave a recommended one most, by the lower number of equals */
static uint32
find_reason(OpenRecommender *open, const Had *had, int count, uint32 item)
{
	uint32		reason = NAME_NONE;
	float		most = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		OpenList	list;
		float		part;

		open_list(open, PACK_SCORING, had[i].item, &list);
		part = rank_part(had[i].value, list.item, list.score, list.count, item);
		if (part > most)
		{
			most = part;
			reason = had[i].item;
		}
	}
	return reason;
}

/* Fills up with what most customers had, or had lately. */
static uint32
fall_back(const Catalog *catalog, const Wishes *wishes, const uint8 *taken, uint32 n,
		  Ranker *ranker, Recommendation *result)
{
	const uint32 *counts = wishes->fallback == FALLBACK_TRENDING ? catalog->recent : catalog->support;
	Ranked	   *best = palloc(sizeof(Ranked) * (n + 1));
	uint32		count;
	uint32		i;

	for (i = 0; i < catalog->n_items; i++)
	{
		float		score = (float) counts[i];

		if (taken[i])
			rank_refuse(ranker, i);
		else
			rank_add(ranker, 1, &i, &score, 1);
	}
	count = rank_best(ranker, n, wishes->allowed, best);
	for (i = 0; i < count; i++)
	{
		result[i].item = best[i].item;
		result[i].score = best[i].score;
		result[i].because = NAME_NONE;
	}
	pfree(best);
	return count;
}

uint32
recommend_best(OpenRecommender *open, const Wishes *wishes, const Had *had, int count,
			   const Had *events, int event_count, uint32 n, bool with_reasons,
			   Recommendation *result)
{
	const Catalog *catalog = &open->catalog;
	Ranker	   *ranker = session_ranker(catalog->n_items);
	Ranked	   *best = palloc(sizeof(Ranked) * (n + 1));
	uint32		found = 0;
	uint32		ranked;
	int			i;

	if (wishes->buy_again)
	{
		Had		   *again = palloc(sizeof(Had) * (count + 1));

		memcpy(again, had, sizeof(Had) * count);
		qsort(again, count, sizeof(Had), compare_again);
		for (i = 0; i < count && found < n; i++)
		{
			if (wishes->allowed != NULL && !wishes->allowed[again[i].item])
				continue;
			result[found].item = again[i].item;
			result[found].score = again[i].amount;
			result[found++].because = again[i].item;
		}
		pfree(again);
	}
	for (i = 0; i < count; i++)
	{
		OpenList	list;

		open_list(open, PACK_SCORING, had[i].item, &list);
		rank_add(ranker, had[i].value, list.item, list.score, list.count);
		if (wishes->exclude_bought || wishes->buy_again)
			rank_refuse(ranker, had[i].item);
	}
	for (i = 0; i < event_count; i++)
	{
		OpenList	list;

		open_list(open, PACK_EVENT_SCORING, events[i].item, &list);
		rank_add(ranker, (float) (catalog->event_weight * events[i].value),
				 list.item, list.score, list.count);
	}
	for (i = 0; i < wishes->n_boosts; i++)
		rank_boost(ranker, wishes->boosted[i], wishes->boost[i]);
	ranked = rank_best(ranker, n - found, wishes->allowed, best);
	for (i = 0; i < (int) ranked; i++, found++)
	{
		result[found].item = best[i].item;
		result[found].score = best[i].score;
		result[found].because = with_reasons ?
			find_reason(open, had, count, best[i].item) : NAME_NONE;
	}
	pfree(best);
	if (found < n && wishes->fallback != FALLBACK_NONE)
	{
		uint8	   *taken = palloc0(catalog->n_items + 1);

		for (i = 0; i < (int) found; i++)
			taken[result[i].item] = 1;
		for (i = 0; i < count && wishes->exclude_bought; i++)
			taken[had[i].item] = 1;
		found += fall_back(catalog, wishes, taken, n - found, ranker, result + found);
		pfree(taken);
	}
	return found;
}

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

/* Recommendations come from what items speak for, which user_knn keeps not. */
static void
check_method(const OpenRecommender *open)
{
	if (open->catalog.method == RECOMMEND_USER_KNN)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("recommenders of method user_knn cannot be asked for recommendations yet"),
				 errhint("Build with another method, such as user_cosine or local_ridge.")));
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
	text	   *customer = PG_GETARG_TEXT_PP(1);
	uint32		n = count_argument(fcinfo, 2);
	OpenRecommender *open;
	Wishes		wishes;
	Had		   *had;
	Had		   *events = NULL;
	int			count;
	int			event_count = 0;
	Recommendation *rows;

	InitMaterializedSRF(fcinfo, 0);
	open = recommender_open(PG_GETARG_TEXT_PP(0));
	check_method(open);
	read_wishes(PG_GETARG_JSONB_P(3), &open->catalog, true, "recommend", &wishes);
	if (wishes.has_history)
		had = had_of_names(&open->catalog, wishes.history, &count);
	else
		had = had_of_history(open_history(open, PACK_HISTORY, customer), &count);
	if (open->catalog.has_events)
		events = had_of_history(open_history(open, PACK_EVENT_HISTORY, customer), &event_count);
	rows = palloc(sizeof(Recommendation) * n);
	n = recommend_best(open, &wishes, had, count, events, event_count, n, true, rows);
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
	Had		   *had;
	int			count;
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
	check_method(open);
	read_wishes(PG_GETARG_JSONB_P(3), &open->catalog, false, "recommend_basket", &wishes);
	had = had_of_names(&open->catalog, names, &count);
	rows = palloc(sizeof(Recommendation) * n);
	n = recommend_best(open, &wishes, had, count, NULL, 0, n, true, rows);
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
	check_method(open);
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
	check_method(open);
	read_wishes(PG_GETARG_JSONB_P(2), &open->catalog, false, "recommend_all", &wishes);
	rows = palloc(sizeof(Recommendation) * n);
	each = AllocSetContextCreate(old, "promo recommendations", ALLOCSET_DEFAULT_SIZES);
	table = table_open(promo_table("customer"), AccessShareLock);
	index = index_open(promo_table("customer_pkey"), AccessShareLock);
	scan = systable_beginscan_ordered(table, index, GetActiveSnapshot(), 0, NULL);
	MemoryContextSwitchTo(each);
	while ((tuple = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL)
	{
		bool		null;
		int64		id = DatumGetInt64(heap_getattr(tuple, CUSTOMER_ID, RelationGetDescr(table), &null));
		Datum		customer = heap_getattr(tuple, CUSTOMER_SHOP_ID, RelationGetDescr(table), &null);
		Had		   *had;
		Had		   *events = NULL;
		int			count;
		int			event_count = 0;
		uint32		found;
		uint32		i;

		CHECK_FOR_INTERRUPTS();
		if (null)
			continue;
		had = had_of_history(open_history_of_id(open, PACK_HISTORY, id), &count);
		if (open->catalog.has_events)
			events = had_of_history(open_history_of_id(open, PACK_EVENT_HISTORY, id), &event_count);
		if (count + event_count > 0)
		{
			found = recommend_best(open, &wishes, had, count, events, event_count, n, false, rows);
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
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(old);
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	PG_RETURN_NULL();
}
