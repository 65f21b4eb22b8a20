/*-------------------------------------------------------------------------
 *
 * pg_answer.c
 *	  What an open recommender has to say to a customer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/memory.h"
#include "recommend/knn.h"
#include "recommend/pg_answer.h"
#include "recommend/rank.h"

/* Numbers that finding reasons holds at most, beside one item's */
#define PARTS_MOST 1000000

/* A ranker that is kept for the next answer of this session */
typedef struct SessionRanker
{
	MemoryContext context;		/* NULL: there was none yet */
	Ranker		ranker;
	Size		size;
} SessionRanker;

static SessionRanker items_ranker;
static SessionRanker customers_ranker;

/*
 * The ranker of so many things, for at most so many of the best, new.  One that
 * an error left in the middle of a ranking is made anew.
 */
static Ranker *
session_ranker(SessionRanker *kept, uint32 n, uint32 most)
{
	Ranker	   *ranker = &kept->ranker;
	Memory		memory;

	if (kept->size > 0 && ranker->n_items == n && ranker->heap_room >= Min(most, n) &&
		ranker->count == 0 && ranker->n_refused == 0)
		return ranker;
	if (kept->context != NULL)
		MemoryContextReset(kept->context);
	else
		kept->context = AllocSetContextCreate(CacheMemoryContext, "promo ranker",
											  ALLOCSET_SMALL_SIZES);
	kept->size = 0;
	memory = pg_memory(kept->context);
	if (!rank_start(&memory, ranker, n, most))
		elog(ERROR, "out of memory while recommending");
	kept->size = rank_need(n, most);
	open_reserve(items_ranker.size + customers_ranker.size);
	return ranker;
}

/*
 * What the customer had
 */

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

Had *
had_of_names(const Catalog *catalog, const List *names, int *count)
{
	Had		   *had = palloc(sizeof(Had) * (list_length(names) + 1));
	ListCell   *cell;
	int			n = 0;
	int			kept = 0;
	int			i;

	foreach(cell, names)
	{
		uint32		item = wishes_item(catalog, lfirst(cell));

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

static Had *
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

void
asking_of_customer(OpenRecommender *open, int64 customer, Asking *asking)
{
	memset(asking, 0, sizeof(*asking));
	asking->had = had_of_history(open_history_of_id(open, PACK_HISTORY, customer),
								 &asking->count);
	if (open->catalog.has_events)
		asking->events = had_of_history(open_history_of_id(open, PACK_EVENT_HISTORY, customer),
										&asking->event_count);
	if (open->catalog.method != RECOMMEND_USER_KNN ||
		!open_place_of_customer(open, customer, &asking->place))
		asking->place = NAME_NONE;
}

/*
 * Items that speak for others
 */

/* Lists that are looked up before they are added */
#define LISTS_AHEAD 32

/* How many lists before one is added it is fetched from memory */
#define FETCH_AHEAD 2

#define CACHE_LINE 64

typedef struct Speaking
{
	float		value;
	OpenList	list;
} Speaking;

static inline void
fetch(const void *bytes, Size size)
{
	Size		at;

	for (at = 0; at < size; at += CACHE_LINE)
		__builtin_prefetch((const char *) bytes + at);
}

static void
add_lists(const Speaking *speaking, uint32 count, Ranker *ranker)
{
	uint32		i;

	for (i = 0; i < count; i++)
	{
		if (i + FETCH_AHEAD < count)
		{
			const OpenList *next = &speaking[i + FETCH_AHEAD].list;

			fetch(next->item, next->count * sizeof(uint32));
			fetch(next->score, next->count * sizeof(float));
		}
		rank_add(ranker, speaking[i].value, speaking[i].list.item, speaking[i].list.score,
				 speaking[i].list.count);
	}
}

static void
speak(OpenRecommender *open, PackKind kind, float weight, const Had *had, int count,
	  Ranker *ranker)
{
	Speaking	speaking[LISTS_AHEAD];
	uint32		n = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		/* What has to be read may take the place of what was looked up. */
		if (!open_list_at_hand(open, kind, had[i].item, &speaking[n].list))
		{
			add_lists(speaking, n, ranker);
			n = 0;
			open_list(open, kind, had[i].item, &speaking[n].list);
		}
		speaking[n++].value = weight * had[i].value;
		if (n == LISTS_AHEAD)
		{
			add_lists(speaking, n, ranker);
			n = 0;
		}
	}
	add_lists(speaking, n, ranker);
}

/* For each item that which spoke for it most, by the lower number of equals */
static void
find_speakers(OpenRecommender *open, const Asking *asking, Recommendation *result, uint32 n)
{
	float	   *most = palloc0(sizeof(float) * n);
	int			i;

	for (i = 0; i < asking->count; i++)
	{
		const Had  *had = &asking->had[i];
		OpenList	list;
		uint32		r;

		open_list(open, PACK_SCORING, had->item, &list);
		for (r = 0; r < n; r++)
		{
			float		part = rank_part(had->value, list.item, list.score, list.count,
										 result[r].item);

			if (part > most[r])
			{
				most[r] = part;
				result[r].because = had->item;
			}
		}
	}
	pfree(most);
}

/*
 * Customers like the one who asks
 */

typedef struct Alike
{
	Ranked	   *customers;		/* by number, with their likeness */
	uint32		count;
	KnnItems	own;
	float		own_norm;
} Alike;

static void
alike_start(const Asking *asking, Alike *alike)
{
	uint32	   *item = palloc(sizeof(uint32) * (asking->count + 1));
	float	   *value = palloc(sizeof(float) * (asking->count + 1));
	int			i;

	memset(alike, 0, sizeof(*alike));
	for (i = 0; i < asking->count; i++)
	{
		item[i] = asking->had[i].item;
		value[i] = asking->had[i].value;
	}
	alike->own.item = item;
	alike->own.value = value;
	alike->own.count = (uint32) asking->count;
	alike->own_norm = knn_norm(value, alike->own.count);
}

/*
 * The n customers most like him, or all who are like him, himself among them
 * where he is known.
 */
static uint32
rank_customers(OpenRecommender *open, const Asking *asking, float own_norm, uint32 n,
			   Ranked *nearest)
{
	Ranker	   *ranker = session_ranker(&customers_ranker, open->catalog.n_customers, n);
	int			i;

	for (i = 0; i < asking->count; i++)
	{
		OpenList	list;

		CHECK_FOR_INTERRUPTS();
		open_list(open, PACK_ITEM_CUSTOMERS, asking->had[i].item, &list);
		if (list.score == NULL)
			rank_add_alike(ranker, asking->had[i].value, list.item, list.count);
		else
			rank_add(ranker, asking->had[i].value, list.item, list.score, list.count);
	}
	return knn_nearest(ranker, open->catalog.norm, own_norm, open->catalog.shrink, n, nearest);
}

/*
 * Finds those like him.  Lists still hold customers who were forgotten since
 * the build: in their stead the next are taken.
 */
static void
find_alike(OpenRecommender *open, const Asking *asking, Alike *alike)
{
	const Catalog *catalog = &open->catalog;
	uint32		wanted = catalog->neighbors + 1;

	for (;;)
	{
		uint32		n = Min(wanted, catalog->n_customers);
		Ranked	   *nearest = palloc(sizeof(Ranked) * (n + 1));
		uint32		found = rank_customers(open, asking, alike->own_norm, n, nearest);
		uint32		forgotten = 0;
		uint32		kept = 0;
		uint32		i;

		for (i = 0; i < found && kept < catalog->neighbors; i++)
		{
			uint32		place = catalog->place[nearest[i].item];

			if (place == asking->place)
				continue;
			if (open_customer_of_place(open, place) == 0)
				forgotten++;
			else
				nearest[kept++] = nearest[i];
		}
		alike->customers = nearest;
		alike->count = kept;
		if (forgotten == 0 || kept == catalog->neighbors || found < n || n == catalog->n_customers)
			return;
		pfree(nearest);
		wanted += forgotten + wanted / 2;
	}
}

/* What a customer had when the recommender was built, as knn.h has it */
static void
items_of(OpenRecommender *open, uint32 customer, KnnItems *items)
{
	const History *history = open_history_of_place(open, PACK_HISTORY,
												   open->catalog.place[customer]);

	items->item = history->item;
	items->value = history->value;
	items->count = history->count;
}

static void
speak_alike(OpenRecommender *open, const Alike *alike, Ranker *ranker)
{
	uint32		i;

	for (i = 0; i < alike->count; i++)
	{
		KnnItems	items;

		items_of(open, alike->customers[i].item, &items);
		rank_add(ranker, alike->customers[i].score, items.item, items.value, items.count);
	}
}

static int
compare_numbers(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

/* The item that made most of the likeness to those who have each */
static void
find_likenesses(OpenRecommender *open, const Alike *alike, Recommendation *result, uint32 n)
{
	const KnnItems *own = &alike->own;
	uint32		chunk = Max(1, PARTS_MOST / Max(own->count, 1));
	uint32	   *wanted = palloc(sizeof(uint32) * n);
	float	   *parts = palloc(sizeof(float) * Min(chunk, n) * (own->count + 1));
	uint32		begin;

	for (begin = 0; begin < n; begin += chunk)
	{
		uint32		count = Min(chunk, n - begin);
		uint32		i;
		uint32		o;

		for (i = 0; i < count; i++)
			wanted[i] = result[begin + i].item;
		qsort(wanted, count, sizeof(uint32), compare_numbers);
		memset(parts, 0, sizeof(float) * count * own->count);
		for (i = 0; i < alike->count; i++)
		{
			uint32		customer = alike->customers[i].item;
			KnnItems	other;

			items_of(open, customer, &other);
			knn_parts(own, &other, knn_divisor(alike->own_norm, open->catalog.norm[customer],
											   open->catalog.shrink), wanted, count, parts);
		}
		for (i = 0; i < count; i++)
		{
			Recommendation *row = &result[begin + i];
			const uint32 *place = bsearch(&row->item, wanted, count, sizeof(uint32),
										  compare_numbers);
			const float *part = parts + (place - wanted);
			float		most = 0;

			for (o = 0; o < own->count; o++, part += count)
				if (*part > most)
				{
					most = *part;
					row->because = own->item[o];
				}
		}
	}
	pfree(wanted);
	pfree(parts);
}

/*
 * The parts of an answer.  Each gives how many items it has.
 */

static uint32
buy_again(const Wishes *wishes, const Asking *asking, uint32 n, Recommendation *result)
{
	Had		   *again = palloc(sizeof(Had) * (asking->count + 1));
	uint32		found = 0;
	int			i;

	memcpy(again, asking->had, sizeof(Had) * asking->count);
	qsort(again, asking->count, sizeof(Had), compare_again);
	for (i = 0; i < asking->count && found < n; i++)
	{
		if (!wishes_allow(wishes, again[i].item))
			continue;
		result[found].item = again[i].item;
		result[found].score = again[i].amount;
		result[found++].because = again[i].item;
	}
	pfree(again);
	return found;
}

static uint32
ask_model(OpenRecommender *open, const Wishes *wishes, const Asking *asking, uint32 n,
		  bool with_reasons, Recommendation *result)
{
	const Catalog *catalog = &open->catalog;
	bool		is_knn = catalog->method == RECOMMEND_USER_KNN;
	Ranked	   *best = palloc(sizeof(Ranked) * (n + 1));
	Alike		alike;
	Ranker	   *ranker;
	uint32		found;
	uint32		r;
	int			i;

	if (is_knn)
	{
		alike_start(asking, &alike);
		if (asking->count > 0)
			find_alike(open, asking, &alike);
	}
	ranker = session_ranker(&items_ranker, catalog->n_items, RECOMMEND_MOST);
	if (is_knn)
		speak_alike(open, &alike, ranker);
	else
		speak(open, PACK_SCORING, 1, asking->had, asking->count, ranker);
	if (asking->event_count > 0)
		speak(open, PACK_EVENT_SCORING, (float) catalog->event_weight, asking->events,
			  asking->event_count, ranker);
	for (i = 0; i < asking->count && (wishes->exclude_bought || wishes->buy_again); i++)
		rank_refuse(ranker, asking->had[i].item);
	for (i = 0; i < wishes->n_boosts; i++)
		rank_boost(ranker, wishes->boosted[i], wishes->boost[i]);
	found = rank_best(ranker, n, wishes->allowed, best);
	for (r = 0; r < found; r++)
	{
		result[r].item = best[r].item;
		result[r].score = best[r].score;
		result[r].because = NAME_NONE;
	}
	if (with_reasons && is_knn)
		find_likenesses(open, &alike, result, found);
	else if (with_reasons)
		find_speakers(open, asking, result, found);
	pfree(best);
	return found;
}

static int
compare_fallback(const void *a, const void *b)
{
	const Recommendation *x = a;
	const Recommendation *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return (x->item > y->item) - (x->item < y->item);
}

/*
 * What most customers had, or had lately: of the items without a boost the
 * first so many in that order, and those with one wherever they then belong.
 */
static uint32
fall_back(OpenRecommender *open, const Wishes *wishes, uint8 *is_taken, uint32 n,
		  Recommendation *result)
{
	const Catalog *catalog = &open->catalog;
	bool		is_trending = wishes->fallback == FALLBACK_TRENDING;
	const uint32 *counts = is_trending ? catalog->recent : catalog->support;
	const uint32 *order = is_trending ? open_by_recent(open) : NULL;
	Recommendation *rows = palloc(sizeof(Recommendation) * ((Size) n + wishes->n_boosts + 1));
	uint32		count = 0;
	uint32		left = n;
	uint32		i;
	int			b;

	for (b = 0; b < wishes->n_boosts; b++)
	{
		uint32		item = wishes->boosted[b];

		if (is_taken[item] || !wishes_allow(wishes, item))
			continue;
		is_taken[item] = true;
		rows[count].item = item;
		rows[count].score = wishes->boost[b] * (float) counts[item];
		count += rows[count].score > 0;
	}
	for (i = 0; i < catalog->n_items && left > 0; i++)
	{
		uint32		item = order == NULL ? i : order[i];

		if (counts[item] == 0)
			break;
		if (is_taken[item] || !wishes_allow(wishes, item))
			continue;
		rows[count].item = item;
		rows[count++].score = (float) counts[item];
		left--;
	}
	if (wishes->n_boosts > 0)
		qsort(rows, count, sizeof(Recommendation), compare_fallback);
	count = Min(count, n);
	for (i = 0; i < count; i++)
	{
		result[i] = rows[i];
		result[i].because = NAME_NONE;
	}
	pfree(rows);
	return count;
}

uint32
answer(OpenRecommender *open, const Wishes *wishes, const Asking *asking, uint32 n,
	   bool with_reasons, Recommendation *result)
{
	uint32		found = 0;

	if (wishes->buy_again)
		found = buy_again(wishes, asking, n, result);
	if (found < n && asking->count + asking->event_count > 0)
		found += ask_model(open, wishes, asking, n - found, with_reasons, result + found);
	if (found < n && wishes->fallback != FALLBACK_NONE)
	{
		uint8	   *is_taken = palloc0(open->catalog.n_items + 1);
		uint32		i;

		for (i = 0; i < found; i++)
			is_taken[result[i].item] = true;
		for (i = 0; i < (uint32) asking->count && wishes->exclude_bought; i++)
			is_taken[asking->had[i].item] = true;
		found += fall_back(open, wishes, is_taken, n - found, result + found);
		pfree(is_taken);
	}
	return found;
}
