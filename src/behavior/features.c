/*-------------------------------------------------------------------------
 *
 * features.c
 *	  What a timeline says about a customer at a moment.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "behavior/features.h"
#include "core/hash.h"

/* So few order ids are compared one by one, more are hashed. */
#define IDS_UNHASHED 8

/* Events between two questions whether to go on, a power of two */
#define FEATURE_PATIENCE 65536

#define WEEKDAYS 7
#define HOURS 24

/* The windows of the columns orders_Nd and spend_Nd */
#define WINDOWS 4
static const int window_days[WINDOWS] = {7, 30, 90, 365};

typedef struct Order
{
	int64_t		at;				/* of the first line */
	int64_t		day;			/* of the first line */
	double		amount;
	double		discount;
	bool		has_items;		/* some line states how many */
} Order;

typedef struct OrderId
{
	TimelineText id;
	size_t		order;			/* its place among the orders */
} OrderId;

/* The order ids of lines, in order of appearance */
typedef struct OrderIds
{
	OrderId    *entries;
	size_t		count;
	size_t		room;
	uint32_t   *slots;			/* place of an entry + 1; 0 is free */
	size_t		slot_count;		/* a power of two, or 0 */
	bool		hashed;			/* slots hold all entries */
} OrderIds;

/* A day of the set D */
typedef struct PurchaseDay
{
	int64_t		day;
	double		amount;			/* of its lines */
} PurchaseDay;

/* A return that says to which order it belongs */
typedef struct Return
{
	TimelineText order_id;
	double		amount;
} Return;

struct FeatureWork
{
	Memory		memory;
	Order	   *orders;
	size_t		order_count;
	size_t		order_room;
	OrderIds	ids;
	PurchaseDay *days;			/* ascending */
	size_t		day_count;
	size_t		day_room;
	Return	   *returns;
	size_t		return_count;
	size_t		return_room;
	int64_t    *categories;		/* lines of each category of the timeline */
	size_t		category_count;
	size_t		category_room;
};

/* What is summed up while the events are read */
typedef struct Sums
{
	int64_t		events;
	int64_t		returns;
	int64_t		sessions;
	int64_t		views;
	int64_t		ratings;
	double		rating;
	double		gross;
	double		discount;
	double		items;
	double		returned;
	int64_t		categorized;	/* lines with a category */
	int64_t		weekdays[WEEKDAYS];
	int64_t		hours[HOURS];
} Sums;

FeatureWork *
features_work(const Memory *memory)
{
	FeatureWork *work = memory_zero_array(memory, 1, sizeof(FeatureWork));

	if (work != NULL)
		work->memory = *memory;
	return work;
}

void
features_work_release(FeatureWork *work)
{
	Memory		memory = work->memory;

	memory_release(&memory, work->orders);
	memory_release(&memory, work->ids.entries);
	memory_release(&memory, work->ids.slots);
	memory_release(&memory, work->days);
	memory_release(&memory, work->returns);
	memory_release(&memory, work->categories);
	memory_release(&memory, work);
}

/*
 * The array with room for one more thing, at its old place or a new one; NULL
 * when there is no memory.
 */
static inline void *
one_more(const Memory *memory, void *array, size_t count, size_t *room, size_t size)
{
	size_t		larger;

	if (count < *room)
		return array;
	larger = *room == 0 ? 16 : *room * 2;
	array = memory_grow(memory, array, count, larger, size);
	if (array != NULL)
		*room = larger;
	return array;
}

static bool
same_text(const TimelineText *a, const TimelineText *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

/* The slot of an order id, or the free one where it belongs */
static size_t
ids_slot(const OrderIds *ids, const TimelineText *id)
{
	size_t		mask = ids->slot_count - 1;
	size_t		slot = hash_keyed(id->data, id->length, 0, 0) & mask;

	while (ids->slots[slot] != 0 &&
		   !same_text(&ids->entries[ids->slots[slot] - 1].id, id))
		slot = (slot + 1) & mask;
	return slot;
}

/* Fills the slots, of which there are at least two for each entry. */
static bool
ids_hash(OrderIds *ids, const Memory *memory)
{
	size_t		i;

	if (ids->slot_count < ids->room * 2)
	{
		uint32_t   *slots = memory_array(memory, ids->room * 2, sizeof(uint32_t));

		if (slots == NULL)
			return false;
		memory_release(memory, ids->slots);
		ids->slots = slots;
		ids->slot_count = ids->room * 2;
	}
	memset(ids->slots, 0, ids->slot_count * sizeof(uint32_t));
	for (i = 0; i < ids->count; i++)
		ids->slots[ids_slot(ids, &ids->entries[i].id)] = (uint32_t) (i + 1);
	ids->hashed = true;
	return true;
}

/* The entry of an order id; NULL when there is none. */
static const OrderId *
ids_find(const OrderIds *ids, const TimelineText *id)
{
	size_t		i;

	if (ids->hashed)
	{
		uint32_t	place = ids->slots[ids_slot(ids, id)];

		return place == 0 ? NULL : &ids->entries[place - 1];
	}

	/* From the end, since the lines of an order stand together. */
	for (i = ids->count; i-- > 0;)
	{
		if (same_text(&ids->entries[i].id, id))
			return &ids->entries[i];
	}
	return NULL;
}

/* A new entry for an order id that has none. */
static bool
ids_add(OrderIds *ids, const Memory *memory, const TimelineText *id, size_t order)
{
	size_t		room = ids->room;
	OrderId    *entries = one_more(memory, ids->entries, ids->count, &ids->room,
								   sizeof(OrderId));

	if (entries == NULL)
		return false;
	ids->entries = entries;
	entries[ids->count].id = *id;
	entries[ids->count].order = order;
	ids->count++;

	if (!ids->hashed || room != ids->room)
		return ids->count <= IDS_UNHASHED || ids_hash(ids, memory);
	ids->slots[ids_slot(ids, id)] = (uint32_t) ids->count;
	return true;
}

static void
work_clear(FeatureWork *work)
{
	work->order_count = 0;
	work->ids.count = 0;
	work->ids.hashed = false;
	work->day_count = 0;
	work->return_count = 0;
}

/*
 * The order to which a line belongs, a new and zero one for its first line
 * (which leaves the day to the caller); NULL when there is no memory.
 */
static inline Order *
order_of_line(FeatureWork *work, const TimelineEvent *event, bool *is_new)
{
	Order	   *orders;
	Order	   *order;

	if (event->has & TIMELINE_HAS_ORDER_ID)
	{
		const OrderId *known = ids_find(&work->ids, &event->order_id);

		if (known != NULL)
		{
			*is_new = false;
			return &work->orders[known->order];
		}
		if (!ids_add(&work->ids, &work->memory, &event->order_id,
					 work->order_count))
			return NULL;
	}

	orders = one_more(&work->memory, work->orders, work->order_count,
					  &work->order_room, sizeof(Order));
	if (orders == NULL)
		return NULL;
	work->orders = orders;
	order = &orders[work->order_count++];
	memset(order, 0, sizeof(*order));
	order->at = event->at;
	*is_new = true;
	return order;
}

/*
 * Adds an amount to its day.  Where the clock was set back over midnight, a
 * day comes again after its successor.
 */
static inline bool
add_to_day(FeatureWork *work, int64_t day, double amount)
{
	PurchaseDay *days = work->days;
	size_t		i = work->day_count;

	while (i > 0 && days[i - 1].day > day)
		i--;
	if (i > 0 && days[i - 1].day == day)
	{
		days[i - 1].amount += amount;
		return true;
	}

	days = one_more(&work->memory, days, work->day_count, &work->day_room,
					sizeof(PurchaseDay));
	if (days == NULL)
		return false;
	work->days = days;
	memmove(&days[i + 1], &days[i], (work->day_count - i) * sizeof(PurchaseDay));
	days[i].day = day;
	days[i].amount = amount;
	work->day_count++;
	return true;
}

/* A line: its order, its day, its category. */
static inline FeatureStatus
read_line(FeatureWork *work, const TimelineEvent *event, Zone *zone, Sums *sums)
{
	int64_t		local = zone_local(zone, event->at);
	int64_t		day = zone_day(local);
	bool		is_new;
	Order	   *order = order_of_line(work, event, &is_new);

	if (order == NULL || !add_to_day(work, day, event->amount))
		return FEATURES_NO_MEMORY;
	if (is_new)
	{
		order->day = day;
		sums->weekdays[zone_weekday(day) - 1]++;
		sums->hours[zone_hour(local)]++;
	}
	order->amount += event->amount;
	sums->gross += event->amount;
	if (event->has & TIMELINE_HAS_DISCOUNT)
	{
		order->discount += event->discount;
		sums->discount += event->discount;
	}
	if (event->has & TIMELINE_HAS_ITEMS)
	{
		sums->items += event->items;
		order->has_items = true;
	}
	if (event->has & TIMELINE_HAS_CATEGORY)
	{
		if (event->category_number >= work->category_count)
			return FEATURES_CORRUPT;
		work->categories[event->category_number]++;
		sums->categorized++;
	}
	return FEATURES_OK;
}

static FeatureStatus
read_return(FeatureWork *work, const TimelineEvent *event, Sums *sums)
{
	double		amount = fabs(event->amount);
	Return	   *returns;

	sums->returns++;
	sums->returned += amount;
	if (!(event->has & TIMELINE_HAS_ORDER_ID))
		return FEATURES_OK;

	returns = one_more(&work->memory, work->returns, work->return_count,
					   &work->return_room, sizeof(Return));
	if (returns == NULL)
		return FEATURES_NO_MEMORY;
	work->returns = returns;
	returns[work->return_count].order_id = event->order_id;
	returns[work->return_count].amount = amount;
	work->return_count++;
	return FEATURES_OK;
}

/* Room for the categories of the timeline, each with no line. */
static bool
clear_categories(FeatureWork *work, size_t count)
{
	if (count > work->category_room)
	{
		int64_t    *categories = memory_array(&work->memory, count, sizeof(int64_t));

		if (categories == NULL)
			return false;
		memory_release(&work->memory, work->categories);
		work->categories = categories;
		work->category_room = count;
	}
	if (count > 0)
		memset(work->categories, 0, count * sizeof(int64_t));
	work->category_count = count;
	return true;
}

/* Reads the events before as_of. */
static FeatureStatus
read_events(FeatureWork *work, TimelineReader *reader, int64_t as_of, Zone *zone,
			int64_t session_gap, Sums *sums)
{
	TimelineEvent event;
	FeatureStatus status = FEATURES_OK;
	int64_t		before = 0;

	while (status == FEATURES_OK && timeline_next(reader, &event) &&
		   event.at < as_of)
	{
		if ((++sums->events & (FEATURE_PATIENCE - 1)) == 0 &&
			!work->memory.may_go_on(work->memory.arg))
			return FEATURES_STOPPED;

		if (sums->events == 1 || event.at - before > session_gap)
			sums->sessions++;
		before = event.at;

		if (event.has & TIMELINE_HAS_RATING)
		{
			sums->ratings++;
			sums->rating += event.rating;
		}
		if (event.kind == TIMELINE_ORDER)
			status = read_line(work, &event, zone, sums);
		else if (event.kind == TIMELINE_RETURN)
			status = read_return(work, &event, sums);
		else if (event.kind == TIMELINE_VIEW)
			sums->views++;
	}
	return reader->failed ? FEATURES_CORRUPT : status;
}

/* The first of the largest counts */
static int
mode(const int64_t *counts, int count)
{
	int			best = 0;
	int			i;

	for (i = 1; i < count; i++)
	{
		if (counts[i] > counts[best])
			best = i;
	}
	return best;
}

/* Columns of orders, when there are any. */
static void
describe_orders(const FeatureWork *work, const Sums *sums, int64_t as_of,
				int64_t end, double *value)
{
	const Order *orders = work->orders;
	size_t		n = work->order_count;
	double		mean = sums->gross / n;
	double		mean_time = 0;
	double		squares = 0;
	double		time_squares = 0;
	double		products = 0;
	size_t		with_items = 0;
	size_t		discounted = 0;
	size_t		i;
	int			w;

	value[FEATURE_MIN_ORDER] = value[FEATURE_MAX_ORDER] = orders[0].amount;
	for (i = 0; i < n; i++)
	{
		const Order *order = &orders[i];

		mean_time += (double) (order->at - as_of);
		if (order->amount < value[FEATURE_MIN_ORDER])
			value[FEATURE_MIN_ORDER] = order->amount;
		if (order->amount > value[FEATURE_MAX_ORDER])
			value[FEATURE_MAX_ORDER] = order->amount;
		with_items += order->has_items;
		discounted += order->discount > 0;
		for (w = 0; w < WINDOWS; w++)
			value[FEATURE_ORDERS_7D + w] += order->day > end - window_days[w];
	}
	value[FEATURE_MEAN_ORDER] = mean;
	value[FEATURE_DISCOUNTED_ORDER_SHARE] = (double) discounted / n;
	if (with_items > 0)
		value[FEATURE_MEAN_ITEMS] = sums->items / with_items;
	value[FEATURE_MODAL_WEEKDAY] = mode(sums->weekdays, WEEKDAYS) + 1;
	value[FEATURE_MODAL_HOUR] = mode(sums->hours, HOURS);
	value[FEATURE_WEEKEND_SHARE] =
		(double) (sums->weekdays[5] + sums->weekdays[6]) / n;

	if (n < 2)
		return;
	mean_time /= n;
	for (i = 0; i < n; i++)
	{
		double		amount = orders[i].amount - mean;
		double		time = (double) (orders[i].at - as_of) - mean_time;

		squares += amount * amount;
		time_squares += time * time;
		products += time * amount;
	}
	value[FEATURE_SD_ORDER] = sqrt(squares / (n - 1));
	if (orders[0].at != orders[n - 1].at)
		value[FEATURE_AMOUNT_SLOPE] = products / time_squares * (double) ZONE_DAY;
}

/* Columns of purchase days, when there are any. */
static void
describe_days(const FeatureWork *work, int64_t end, double *value)
{
	const PurchaseDay *days = work->days;
	size_t		last = work->day_count - 1;
	double		since = (double) (end - days[last].day);
	double		repeat = 0;
	double		returned = 0;
	double		mean;
	double		squares = 0;
	double		longest = 0;
	size_t		i;
	int			w;

	for (i = 0; i <= last; i++)
	{
		for (w = 0; w < WINDOWS; w++)
		{
			if (days[i].day > end - window_days[w])
				value[FEATURE_SPEND_7D + w] += days[i].amount;
		}
	}
	value[FEATURE_FREQUENCY] = (double) last;
	value[FEATURE_RECENCY_DAYS] = (double) (days[last].day - days[0].day);
	value[FEATURE_TENURE_DAYS] = (double) (end - days[0].day);
	value[FEATURE_DAYS_SINCE_LAST] = since;
	value[FEATURE_MONETARY] = 0;
	value[FEATURE_MONETARY_NET] = 0;
	if (last == 0)
		return;

	mean = value[FEATURE_RECENCY_DAYS] / last;
	for (i = 1; i <= last; i++)
	{
		double		gap = (double) (days[i].day - days[i - 1].day);

		repeat += days[i].amount;
		squares += (gap - mean) * (gap - mean);
		if (gap > longest)
			longest = gap;
	}
	for (i = 0; i < work->return_count; i++)
	{
		const OrderId *match = ids_find(&work->ids, &work->returns[i].order_id);

		if (match != NULL && work->orders[match->order].day > days[0].day)
			returned += work->returns[i].amount;
	}
	value[FEATURE_MONETARY] = repeat / last;
	value[FEATURE_MONETARY_NET] = (repeat - returned) / last;
	value[FEATURE_GAP_MEAN_DAYS] = mean;
	value[FEATURE_GAP_MAX_DAYS] = longest;
	value[FEATURE_OVERDUE_RATIO] = since / mean;
	if (last < 2)
		return;
	value[FEATURE_GAP_SD_DAYS] = sqrt(squares / (last - 1));
	value[FEATURE_GAP_CV] = value[FEATURE_GAP_SD_DAYS] / mean;
}

/* Columns of categories, when a line has one. */
static void
describe_categories(const FeatureWork *work, const TimelineReader *reader,
					int64_t categorized, Features *features)
{
	size_t		best = 0;
	size_t		different = 0;
	double		entropy = 0;
	TimelineText text;
	size_t		i;

	/* They are sorted by their bytes, so the first of equals is the top one. */
	for (i = 0; i < work->category_count; i++)
	{
		double		share = (double) work->categories[i] / categorized;

		if (work->categories[i] == 0)
			continue;
		different++;
		entropy -= share * log(share);
		if (work->categories[i] > work->categories[best])
			best = i;
	}
	features->value[FEATURE_CATEGORIES] = (double) different;
	features->value[FEATURE_CATEGORY_ENTROPY] = different > 1 ? entropy : 0;
	text = timeline_category(reader, (uint32_t) best);
	features->top_category = text.data;
	features->top_category_size = text.length;
}

FeatureStatus
features_compute(FeatureWork *work, TimelineReader *reader, int64_t as_of,
				 Zone *zone, int64_t session_gap, Features *features)
{
	double	   *value = features->value;
	Sums		sums = {0};
	FeatureStatus status;
	int64_t		end;
	double		full_price;
	int			i;

	features->top_category = NULL;
	features->top_category_size = 0;
	work_clear(work);
	if (reader->flags & TIMELINE_STATE)
		return FEATURES_CORRUPT;
	if (!clear_categories(work, reader->categories.count))
		return FEATURES_NO_MEMORY;
	status = read_events(work, reader, as_of, zone, session_gap, &sums);
	if (status != FEATURES_OK)
		return status;

	for (i = 0; i < FEATURE_COLUMNS; i++)
		value[i] = NAN;
	for (i = 0; i < WINDOWS; i++)
	{
		value[FEATURE_ORDERS_7D + i] = 0;
		value[FEATURE_SPEND_7D + i] = 0;
	}

	end = zone_day(zone_local(zone, as_of - 1));
	if (work->order_count > 0)
	{
		describe_orders(work, &sums, as_of, end, value);
		describe_days(work, end, value);
	}
	value[FEATURE_CATEGORIES] = 0;
	if (sums.categorized > 0)
		describe_categories(work, reader, sums.categorized, features);

	value[FEATURE_EVENTS] = (double) sums.events;
	value[FEATURE_ORDERS] = (double) work->order_count;
	value[FEATURE_RETURNS] = (double) sums.returns;
	value[FEATURE_GROSS] = sums.gross;
	value[FEATURE_RETURNED] = sums.returned;
	value[FEATURE_NET] = sums.gross - sums.returned;
	if (sums.gross > 0)
		value[FEATURE_RETURN_RATE] = sums.returned / sums.gross;
	full_price = sums.gross + sums.discount;
	if (full_price > 0)
		value[FEATURE_DISCOUNT_SHARE] = sums.discount / full_price;
	value[FEATURE_SESSIONS] = (double) sums.sessions;
	value[FEATURE_VIEWS] = (double) sums.views;
	value[FEATURE_RATINGS] = (double) sums.ratings;
	if (sums.ratings > 0)
		value[FEATURE_MEAN_RATING] = sums.rating / sums.ratings;

	/* A NaN that comes of infinities must not pass for a missing value. */
	if (!isfinite(sums.gross) || !isfinite(sums.discount) ||
		!isfinite(sums.items) || !isfinite(sums.rating))
		return FEATURES_OVERFLOW;
	if (work->order_count > 0 && isnan(value[FEATURE_MONETARY_NET]))
		return FEATURES_OVERFLOW;
	if (work->order_count > 1 && isnan(value[FEATURE_SD_ORDER]))
		return FEATURES_OVERFLOW;
	for (i = 0; i < FEATURE_COLUMNS; i++)
	{
		if (isinf(value[i]))
			return FEATURES_OVERFLOW;
	}
	return FEATURES_OK;
}

FeatureStatus
features_between(FeatureWork *work, TimelineReader *reader, int64_t since,
				 int64_t until, int64_t *orders, double *spend)
{
	TimelineEvent event;
	int64_t		events = 0;

	*orders = 0;
	*spend = 0;
	work_clear(work);
	if (reader->flags & TIMELINE_STATE)
		return FEATURES_CORRUPT;
	while (timeline_next(reader, &event) && event.at < until)
	{
		bool		is_new = true;

		if ((++events & (FEATURE_PATIENCE - 1)) == 0 &&
			!work->memory.may_go_on(work->memory.arg))
			return FEATURES_STOPPED;
		if (event.kind != TIMELINE_ORDER)
			continue;

		/* Orders of before are kept, for the lines that are still to come. */
		if ((event.has & TIMELINE_HAS_ORDER_ID) &&
			order_of_line(work, &event, &is_new) == NULL)
			return FEATURES_NO_MEMORY;
		if (event.at >= since)
		{
			*orders += is_new;
			*spend += event.amount;
		}
	}
	if (reader->failed)
		return FEATURES_CORRUPT;
	return isfinite(*spend) ? FEATURES_OK : FEATURES_OVERFLOW;
}

FeatureStatus
features_sessions(FeatureWork *work, TimelineReader *reader, int64_t gap,
				  feature_session_taker take, void *arg)
{
	FeatureSession session = {0};
	TimelineEvent event;
	int64_t		events = 0;

	work_clear(work);
	if (reader->flags & TIMELINE_STATE)
		return FEATURES_CORRUPT;
	while (timeline_next(reader, &event))
	{
		bool		is_new;

		if ((++events & (FEATURE_PATIENCE - 1)) == 0 &&
			!work->memory.may_go_on(work->memory.arg))
			return FEATURES_STOPPED;
		if (session.events > 0 && event.at - session.ended > gap)
		{
			if (!isfinite(session.spend))
				return FEATURES_OVERFLOW;
			take(arg, &session);
			memset(&session, 0, sizeof(session));
		}
		if (session.events++ == 0)
			session.started = event.at;
		session.ended = event.at;
		if (event.kind == TIMELINE_ORDER)
		{
			if (order_of_line(work, &event, &is_new) == NULL)
				return FEATURES_NO_MEMORY;
			session.orders += is_new;
			session.spend += event.amount;
		}
	}
	if (reader->failed)
		return FEATURES_CORRUPT;
	if (!isfinite(session.spend))
		return FEATURES_OVERFLOW;
	if (session.events > 0)
		take(arg, &session);
	return FEATURES_OK;
}
