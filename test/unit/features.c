/*-------------------------------------------------------------------------
 *
 * features.c
 *	  Features of small timelines whose columns are known by hand.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "behavior/features.h"
#include "check.h"

#define MINUTE (60 * ZONE_SECOND)
#define GAP (30 * MINUTE)

/* 2026-01-05 00:00 UTC, a Monday */
#define MONDAY (9501 * ZONE_DAY)

static Memory counted;			/* malloc that can run out */
static int	allocations_left = -1;	/* -1 means without end */
static bool patient = true;

static FeatureWork *work;
static TimelineState *state;
static size_t capacity;
static unsigned char *value;
static size_t value_size;

static void *
counted_alloc(void *arg, size_t size)
{
	(void) arg;
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return malloc(size > 0 ? size : 1);
}

static void
counted_release(void *arg, void *pointer)
{
	(void) arg;
	free(pointer);
}

static bool
counted_may_go_on(void *arg)
{
	(void) arg;
	return patient;
}

static void
begin(void)
{
	free(state);
	capacity = TIMELINE_LEAST_STATE;
	state = calloc(1, capacity);
	timeline_start(state);
}

/* Adds an event; NULL or NAN for what it has not. */
static void
add(int64_t at, double amount, const char *kind, double discount, double items,
	const char *category, const char *order_id, double rating)
{
	TimelineEvent event = {0};

	event.at = at;
	timeline_set_kind(&event, kind, strlen(kind));
	if (!isnan(amount))
	{
		event.has |= TIMELINE_HAS_AMOUNT;
		event.amount = amount;
	}
	if (!isnan(discount))
	{
		event.has |= TIMELINE_HAS_DISCOUNT;
		event.discount = discount;
	}
	if (!isnan(items))
	{
		event.has |= TIMELINE_HAS_ITEMS;
		event.items = items;
	}
	if (category != NULL)
	{
		event.has |= TIMELINE_HAS_CATEGORY;
		event.category.data = category;
		event.category.length = (uint32_t) strlen(category);
	}
	if (order_id != NULL)
	{
		event.has |= TIMELINE_HAS_ORDER_ID;
		event.order_id.data = order_id;
		event.order_id.length = (uint32_t) strlen(order_id);
	}
	if (!isnan(rating))
	{
		event.has |= TIMELINE_HAS_RATING;
		event.rating = rating;
	}
	CHECK(timeline_add(&state, &capacity, &event, &memory_plain) == TIMELINE_OK);
}

static void
buy(int64_t at, double amount, const char *order_id)
{
	add(at, amount, "order", NAN, NAN, NULL, order_id, NAN);
}

static void
bring_back(int64_t at, double amount, const char *order_id)
{
	add(at, amount, "return", NAN, NAN, NULL, order_id, NAN);
}

/* Opens the value of all that was added. */
static void
finish(TimelineReader *reader)
{
	free(value);
	value = NULL;
	CHECK(timeline_finish((char *) state + TIMELINE_PREFIX,
						  capacity - TIMELINE_PREFIX, &memory_plain,
						  &value, &value_size) == TIMELINE_OK);
	timeline_read(reader, value + TIMELINE_PREFIX, value_size - TIMELINE_PREFIX);
}

static FeatureStatus
compute_in(int64_t as_of, zone_find find, Features *features)
{
	TimelineReader reader;
	Zone		zone;

	finish(&reader);
	zone_start(&zone, find, NULL);
	return features_compute(work, &reader, as_of, &zone, GAP, features);
}

static Features
compute(int64_t as_of)
{
	Features	features;

	memset(&features, 0, sizeof(features));
	CHECK(compute_in(as_of, NULL, &features) == FEATURES_OK);
	return features;
}

static bool
is(double got, double wanted)
{
	return fabs(got - wanted) <= 1e-12 * fmax(1, fabs(wanted));
}

/* Counts and sums are 0, everything else has no value. */
static void
test_empty(void)
{
	static const FeatureColumn zero[] = {
		FEATURE_EVENTS, FEATURE_ORDERS, FEATURE_RETURNS, FEATURE_GROSS,
		FEATURE_RETURNED, FEATURE_NET, FEATURE_SESSIONS, FEATURE_VIEWS,
		FEATURE_RATINGS, FEATURE_CATEGORIES, FEATURE_ORDERS_7D,
		FEATURE_ORDERS_30D, FEATURE_ORDERS_90D, FEATURE_ORDERS_365D,
		FEATURE_SPEND_7D, FEATURE_SPEND_30D, FEATURE_SPEND_90D,
		FEATURE_SPEND_365D
	};
	Features	f;
	int			zeros = 0;
	int			missing = 0;
	size_t		i;

	begin();
	f = compute(MONDAY);
	for (i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		zeros += f.value[zero[i]] == 0;
	for (i = 0; i < FEATURE_COLUMNS; i++)
		missing += isnan(f.value[i]);
	CHECK(zeros == 18 && zeros + missing == FEATURE_COLUMNS);
	CHECK(f.top_category == NULL);

	/* All that comes at as_of or later is as if it were not there. */
	buy(MONDAY, 10, "a");
	bring_back(MONDAY + 1, 10, "a");
	f = compute(MONDAY);
	CHECK(f.value[FEATURE_EVENTS] == 0 && isnan(f.value[FEATURE_FREQUENCY]));
	CHECK(compute(MONDAY + 1).value[FEATURE_ORDERS] == 1);
}

static void
test_one_purchase(void)
{
	Features	f;

	begin();
	add(MONDAY + 13 * ZONE_HOUR, 30, "order", 10, 3, "tea", NULL, 4);
	f = compute(MONDAY + 3 * ZONE_DAY + 1);
	CHECK(f.value[FEATURE_FREQUENCY] == 0 && f.value[FEATURE_RECENCY_DAYS] == 0);
	CHECK(f.value[FEATURE_TENURE_DAYS] == 3);
	CHECK(f.value[FEATURE_DAYS_SINCE_LAST] == 3);
	CHECK(f.value[FEATURE_MONETARY] == 0 && f.value[FEATURE_MONETARY_NET] == 0);
	CHECK(isnan(f.value[FEATURE_GAP_MEAN_DAYS]));
	CHECK(isnan(f.value[FEATURE_OVERDUE_RATIO]));
	CHECK(isnan(f.value[FEATURE_SD_ORDER]) && f.value[FEATURE_MEAN_ORDER] == 30);
	CHECK(isnan(f.value[FEATURE_AMOUNT_SLOPE]));
	CHECK(f.value[FEATURE_DISCOUNT_SHARE] == 0.25);
	CHECK(f.value[FEATURE_DISCOUNTED_ORDER_SHARE] == 1);
	CHECK(f.value[FEATURE_MEAN_ITEMS] == 3 && f.value[FEATURE_SESSIONS] == 1);
	CHECK(f.value[FEATURE_CATEGORY_ENTROPY] == 0);
	CHECK(!signbit(f.value[FEATURE_CATEGORY_ENTROPY]));
	CHECK(f.value[FEATURE_MEAN_RATING] == 4 && f.value[FEATURE_RATINGS] == 1);
	CHECK(f.value[FEATURE_MODAL_WEEKDAY] == 1 && f.value[FEATURE_MODAL_HOUR] == 13);
	CHECK(f.value[FEATURE_RETURN_RATE] == 0);

	/* as_of at midnight: the day that has just begun is not read. */
	f = compute(MONDAY + 3 * ZONE_DAY);
	CHECK(f.value[FEATURE_DAYS_SINCE_LAST] == 2);
}

/* Four days, two orders on one of them, gaps of 1, 2 and 6 days */
static void
test_days(void)
{
	Features	f;

	begin();
	buy(MONDAY, 10, NULL);
	buy(MONDAY + ZONE_DAY, 20, NULL);
	buy(MONDAY + ZONE_DAY + ZONE_HOUR, 40, NULL);
	buy(MONDAY + 3 * ZONE_DAY, 0, NULL);
	buy(MONDAY + 9 * ZONE_DAY, 30, NULL);
	f = compute(MONDAY + 12 * ZONE_DAY);
	CHECK(f.value[FEATURE_ORDERS] == 5 && f.value[FEATURE_GROSS] == 100);
	CHECK(f.value[FEATURE_FREQUENCY] == 3 && f.value[FEATURE_RECENCY_DAYS] == 9);
	CHECK(f.value[FEATURE_TENURE_DAYS] == 11);
	CHECK(f.value[FEATURE_MONETARY] == 30);
	CHECK(f.value[FEATURE_GAP_MEAN_DAYS] == 3);
	CHECK(is(f.value[FEATURE_GAP_SD_DAYS], sqrt(7)));
	CHECK(is(f.value[FEATURE_GAP_CV], sqrt(7) / 3));
	CHECK(f.value[FEATURE_GAP_MAX_DAYS] == 6);
	CHECK(is(f.value[FEATURE_OVERDUE_RATIO], 2. / 3));
	CHECK(is(f.value[FEATURE_SD_ORDER], sqrt(250)));
	CHECK(f.value[FEATURE_MIN_ORDER] == 0 && f.value[FEATURE_MAX_ORDER] == 40);
	CHECK(f.value[FEATURE_ORDERS_7D] == 1 && f.value[FEATURE_SPEND_7D] == 30);
	CHECK(f.value[FEATURE_ORDERS_30D] == 5 && f.value[FEATURE_SPEND_365D] == 100);

	/* Tuesday has two orders; the hours 0 and 1 have four and one. */
	CHECK(f.value[FEATURE_MODAL_WEEKDAY] == 2 && f.value[FEATURE_MODAL_HOUR] == 0);
	CHECK(f.value[FEATURE_WEEKEND_SHARE] == 0);

	/* The day seven days before the last one is outside of the window. */
	CHECK(compute(MONDAY + 16 * ZONE_DAY).value[FEATURE_ORDERS_7D] == 1);
	CHECK(compute(MONDAY + 16 * ZONE_DAY + 1).value[FEATURE_ORDERS_7D] == 0);
}

static void
test_slope(void)
{
	int			i;

	begin();
	for (i = 0; i < 10; i++)
		buy(MONDAY + i * ZONE_DAY, 5 + 2 * i, NULL);
	CHECK(is(compute(MONDAY + 3650 * ZONE_DAY).value[FEATURE_AMOUNT_SLOPE], 2));

	/* Orders of one moment have no slope, but a mean and a deviation. */
	begin();
	buy(MONDAY, 1, NULL);
	buy(MONDAY, 3, NULL);
	CHECK(isnan(compute(MONDAY + 1).value[FEATURE_AMOUNT_SLOPE]));
	CHECK(is(compute(MONDAY + 1).value[FEATURE_SD_ORDER], sqrt(2)));
}

/* A return acts on the day of its order, whatever its own day. */
static void
test_returns(void)
{
	Features	f;

	begin();
	buy(MONDAY, 100, "first");
	buy(MONDAY + 5 * ZONE_DAY, 60, "second");
	buy(MONDAY + 5 * ZONE_DAY, 20, "second");
	bring_back(MONDAY + 8 * ZONE_DAY, 30, "second");
	bring_back(MONDAY + 9 * ZONE_DAY, -50, "first");
	bring_back(MONDAY + 10 * ZONE_DAY, 7, "unknown");
	bring_back(MONDAY + 11 * ZONE_DAY, 3, NULL);
	f = compute(MONDAY + 20 * ZONE_DAY);
	CHECK(f.value[FEATURE_ORDERS] == 2 && f.value[FEATURE_RETURNS] == 4);
	CHECK(f.value[FEATURE_RETURNED] == 90 && f.value[FEATURE_NET] == 90);
	CHECK(f.value[FEATURE_RETURN_RATE] == 0.5);
	CHECK(f.value[FEATURE_FREQUENCY] == 1 && f.value[FEATURE_RECENCY_DAYS] == 5);
	CHECK(f.value[FEATURE_MONETARY] == 80 && f.value[FEATURE_MONETARY_NET] == 50);
	CHECK(f.value[FEATURE_MAX_ORDER] == 100 && f.value[FEATURE_MEAN_ORDER] == 90);

	/* Only returns: no purchase day, no rate. */
	begin();
	bring_back(MONDAY, 5, NULL);
	f = compute(MONDAY + 1);
	CHECK(f.value[FEATURE_RETURNED] == 5 && f.value[FEATURE_NET] == -5);
	CHECK(isnan(f.value[FEATURE_RETURN_RATE]) && isnan(f.value[FEATURE_FREQUENCY]));
	CHECK(f.value[FEATURE_SESSIONS] == 1);
}

/* Order ids that are hashed, lines of one order far apart, and returns. */
static void
test_many_order_ids(void)
{
	Features	f;
	TimelineReader reader;
	char		id[16];
	int64_t		orders;
	double		spend;
	int			i;

	begin();
	for (i = 0; i < 3000; i++)
	{
		snprintf(id, sizeof(id), "order-%d", i % 1000);
		buy(MONDAY + i * ZONE_HOUR, 1, id);
	}
	bring_back(MONDAY + ZONE_DAY, 5, "order-999");
	bring_back(MONDAY + ZONE_DAY, 7, "order-1000");
	f = compute(MONDAY + 3000 * ZONE_HOUR);
	CHECK(f.value[FEATURE_ORDERS] == 1000 && f.value[FEATURE_GROSS] == 3000);
	CHECK(f.value[FEATURE_MIN_ORDER] == 3 && f.value[FEATURE_MAX_ORDER] == 3);
	CHECK(f.value[FEATURE_SD_ORDER] == 0 && f.value[FEATURE_FREQUENCY] == 124);
	CHECK(is(f.value[FEATURE_MONETARY_NET], (3000. - 24 - 5) / 124));

	/* An order belongs to the span of its first line. */
	finish(&reader);
	CHECK(features_between(work, &reader, MONDAY + 990 * ZONE_HOUR,
						   MONDAY + 1010 * ZONE_HOUR, &orders, &spend) == FEATURES_OK);
	CHECK(orders == 10 && spend == 20);

	/* The next timeline finds none of them. */
	begin();
	buy(MONDAY, 1, "order-999");
	CHECK(compute(MONDAY + 1).value[FEATURE_ORDERS] == 1);
}

static void
test_categories(void)
{
	Features	f;

	begin();
	add(MONDAY, 1, "order", NAN, NAN, "tea", NULL, NAN);
	add(MONDAY + 1, 1, "order", NAN, NAN, "cake", NULL, NAN);
	add(MONDAY + 2, 1, "order", NAN, NAN, "tea", NULL, NAN);
	add(MONDAY + 3, 1, "order", NAN, NAN, "cake", NULL, NAN);
	add(MONDAY + 4, 1, "order", NAN, NAN, NULL, NULL, NAN);
	add(MONDAY + 5, NAN, "view", NAN, NAN, "ale", NULL, NAN);
	add(MONDAY + 6, NAN, "wish", NAN, NAN, "tea", NULL, NAN);
	f = compute(MONDAY + 7);
	CHECK(f.value[FEATURE_CATEGORIES] == 2);
	CHECK(is(f.value[FEATURE_CATEGORY_ENTROPY], log(2)));
	CHECK(f.top_category_size == 4 && memcmp(f.top_category, "cake", 4) == 0);
	CHECK(f.value[FEATURE_VIEWS] == 1 && f.value[FEATURE_EVENTS] == 7);

	/* Of all categories of the timeline, those of after as_of do not count. */
	f = compute(MONDAY + 1);
	CHECK(f.value[FEATURE_CATEGORIES] == 1);
	CHECK(f.top_category_size == 3 && memcmp(f.top_category, "tea", 3) == 0);
}

static void
count_session(void *arg, const FeatureSession *session)
{
	FeatureSession *kept = (FeatureSession *) arg;

	while (kept->events > 0)
		kept++;
	*kept = *session;
}

/* A pause of exactly the gap stays within a session. */
static void
test_sessions(void)
{
	FeatureSession sessions[4] = {{0, 0, 0, 0, 0}};
	TimelineReader reader;

	begin();
	buy(MONDAY, 5, "a");
	add(MONDAY + GAP, NAN, "view", NAN, NAN, NULL, NULL, NAN);
	buy(MONDAY + 2 * GAP + 1, 6, "a");
	buy(MONDAY + 3 * GAP, 7, NULL);
	CHECK(compute(MONDAY + ZONE_DAY).value[FEATURE_SESSIONS] == 2);

	finish(&reader);
	CHECK(features_sessions(work, &reader, GAP, count_session, sessions) == FEATURES_OK);
	CHECK(sessions[0].started == MONDAY && sessions[0].ended == MONDAY + GAP);
	CHECK(sessions[0].events == 2 && sessions[0].orders == 1);
	CHECK(sessions[0].spend == 5);
	CHECK(sessions[1].events == 2 && sessions[1].orders == 1);
	CHECK(sessions[1].spend == 13 && sessions[1].ended == MONDAY + 3 * GAP);
	CHECK(sessions[2].events == 0);
}

/* The clock goes back by an hour a minute after midnight of the 6th. */
static void
find_newfoundland(void *arg, int64_t at, ZoneSpan *span)
{
	int64_t		boundary = MONDAY + ZONE_DAY + MINUTE;

	(void) arg;
	span->from = at < boundary ? INT64_MIN : boundary;
	span->until = at < boundary ? boundary : INT64_MAX;
	span->offset = at < boundary ? 0 : -ZONE_HOUR;
}

/* Days: 5th, 6th, the 5th again, the 6th again; these are two days. */
static void
test_clock_set_back(void)
{
	Features	f;

	begin();
	buy(MONDAY + ZONE_DAY - 1, 1, NULL);
	buy(MONDAY + ZONE_DAY, 2, NULL);
	buy(MONDAY + ZONE_DAY + MINUTE, 4, NULL);
	buy(MONDAY + ZONE_DAY + ZONE_HOUR, 8, NULL);
	CHECK(compute_in(MONDAY + 2 * ZONE_DAY, find_newfoundland, &f) == FEATURES_OK);
	CHECK(f.value[FEATURE_FREQUENCY] == 1 && f.value[FEATURE_RECENCY_DAYS] == 1);
	CHECK(f.value[FEATURE_MONETARY] == 10 && f.value[FEATURE_MODAL_HOUR] == 0);

	/* A first purchase after the clock went back is a day before a known one. */
	begin();
	buy(MONDAY + ZONE_DAY, 2, NULL);
	buy(MONDAY + ZONE_DAY + MINUTE, 4, NULL);
	CHECK(compute_in(MONDAY + 2 * ZONE_DAY, find_newfoundland, &f) == FEATURES_OK);
	CHECK(f.value[FEATURE_FREQUENCY] == 1 && f.value[FEATURE_MONETARY] == 2);
}

static void
test_failures(void)
{
	Features	f;
	TimelineReader reader;
	Zone		zone;
	FeatureStatus status;
	char		id[16];
	int64_t		orders;
	double		spend;
	size_t		cut;
	int			i;

	/* Too much money, in each of the ways to sum it up */
	begin();
	buy(MONDAY, DBL_MAX, NULL);
	buy(MONDAY + 1, DBL_MAX, NULL);
	CHECK(compute_in(MONDAY + 2, NULL, &f) == FEATURES_OVERFLOW);
	finish(&reader);
	CHECK(features_between(work, &reader, 0, MONDAY + 2, &orders, &spend) ==
		  FEATURES_OVERFLOW);
	begin();
	buy(MONDAY, 1e200, NULL);
	buy(MONDAY + 1, -1e200, NULL);
	CHECK(compute_in(MONDAY + 2, NULL, &f) == FEATURES_OVERFLOW);

	/* A state is not a value. */
	timeline_read(&reader, (char *) state + TIMELINE_PREFIX,
				  capacity - TIMELINE_PREFIX);
	zone_start(&zone, NULL, NULL);
	CHECK(features_compute(work, &reader, MONDAY, &zone, GAP, &f) == FEATURES_CORRUPT);

	begin();
	for (i = 0; i < 100; i++)
	{
		snprintf(id, sizeof(id), "%d", i);
		add(MONDAY + i, 1, "order", NAN, NAN, id, id, NAN);
		bring_back(MONDAY + i, 1, id);
	}
	CHECK(compute(MONDAY + 100).value[FEATURE_ORDERS] == 100);

	/* Bytes that are cut short give an answer or an error, and nothing worse. */
	for (cut = 0; cut < value_size - TIMELINE_PREFIX; cut++)
	{
		unsigned char *copy = malloc(cut > 0 ? cut : 1);

		memcpy(copy, value + TIMELINE_PREFIX, cut);
		timeline_read(&reader, copy, cut);
		zone_start(&zone, NULL, NULL);
		(void) features_compute(work, &reader, MONDAY + 100, &zone, GAP, &f);
		free(copy);
	}

	/* Memory that runs out, at each place where some is wanted */
	for (i = 0;; i++)
	{
		FeatureWork *fresh;

		allocations_left = i;
		fresh = features_work(&counted);
		if (fresh != NULL)
		{
			timeline_read(&reader, value + TIMELINE_PREFIX,
						  value_size - TIMELINE_PREFIX);
			zone_start(&zone, NULL, NULL);
			status = features_compute(fresh, &reader, MONDAY + 100, &zone, GAP, &f);
			allocations_left = -1;
			features_work_release(fresh);
			if (status == FEATURES_OK)
				break;
			CHECK(status == FEATURES_NO_MEMORY);
		}
	}
	CHECK(i > 10);

	/* Told to stop */
	begin();
	for (i = 0; i < 70000; i++)
		if (timeline_add_amount(&state, &capacity, MONDAY + i, 1, &memory_plain) !=
			TIMELINE_OK)
			abort();
	patient = false;
	CHECK(compute_in(MONDAY + ZONE_DAY, NULL, &f) == FEATURES_STOPPED);
	patient = true;
	CHECK(compute_in(MONDAY + ZONE_DAY, NULL, &f) == FEATURES_OK);
	CHECK(f.value[FEATURE_ORDERS] == 70000);
}

int
main(void)
{
	counted.alloc = counted_alloc;
	counted.release = counted_release;
	counted.may_go_on = counted_may_go_on;
	work = features_work(&counted);

	test_empty();
	test_one_purchase();
	test_days();
	test_slope();
	test_returns();
	test_many_order_ids();
	test_categories();
	test_sessions();
	test_clock_set_back();
	test_failures();

	features_work_release(work);
	free(state);
	free(value);
	return check_report();
}
