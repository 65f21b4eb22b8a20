/*-------------------------------------------------------------------------
 *
 * features.h
 *	  What a timeline says about a customer at a moment.
 *
 * Plain C.  features_compute() reads the events before `as_of` once, in their
 * order, and keeps what later columns need: the purchase days, the orders,
 * the categories, the returns.  Its arrays live in a FeatureWork that serves
 * one timeline after another.
 *
 * Words used below
 *
 *	 read events  those with at < as_of, nothing else is looked at
 *	 line         a read event of kind `order`; an unknown amount, discount
 *	              or number of items counts as 0
 *	 order        the lines with the same order_id together, or one line
 *	              without; it stands at the time of its first line, and its
 *	              amount, discount and items are the sums over its lines
 *	 return       a read event of kind `return`; what it takes back is |amount|,
 *	              so that both signs in use mean the same
 *	 day          the date on the wall in the zone, never a span of 24 hours
 *	 D            the days that have a line; no other event makes one
 *	 end          the day of the last readable instant, as_of - 1 microsecond
 *
 * Columns.  A mean, share or rate of nothing is NULL, a count or sum of
 * nothing is 0.
 *
 *	 events                  read events of every kind
 *	 orders                  orders
 *	 returns                 returns
 *	 gross                   sum of the lines' amounts
 *	 returned                sum of what returns take back
 *	 net                     gross - returned
 *	 return_rate             returned / gross; NULL unless gross > 0
 *	 discount_share          discount / (gross + discount), over lines; NULL
 *	                         unless gross + discount > 0
 *	 discounted_order_share  share of orders with discount > 0
 *	 mean_items              mean items of the orders that state any
 *	 mean_order              gross / orders
 *	 sd_order                standard deviation of the orders' amounts, with
 *	                         n - 1; NULL for fewer than two
 *	 min_order, max_order    smallest and largest order's amount
 *	 frequency               |D| - 1, repeat purchase days; NULL for empty D
 *	 recency_days            max D - min D, the age at the last purchase day
 *	 tenure_days             end - min D
 *	 days_since_last         end - max D
 *	 monetary                sum of the lines' amounts on the days of D but its
 *	                         first, / frequency; 0 when frequency = 0
 *	 monetary_net            the same less what returns take back from orders
 *	                         that stand on a later day than the first of D: a
 *	                         return with the order_id of an order reduces the
 *	                         day of that order, any other only the totals
 *	 gap_mean_days           recency_days / frequency; NULL below two days in D
 *	 gap_sd_days             standard deviation of the gaps between consecutive
 *	                         days of D, with n - 1; NULL below three days
 *	 gap_cv                  gap_sd_days / gap_mean_days
 *	 gap_max_days            largest gap; NULL below two days
 *	 overdue_ratio           days_since_last / gap_mean_days
 *	 sessions                runs of read events of every kind in which none
 *	                         follows the one before by more than session_gap
 *	 views                   read events of kind `view`
 *	 ratings, mean_rating    read events that have a rating, and their mean
 *	 category_entropy        -sum p ln p over the categories of lines that
 *	                         state one, in nats; 0 for one, NULL for none
 *	 top_category            the category of most lines; of several the one
 *	                         whose bytes sort first
 *	 categories              number of categories
 *	 modal_weekday           the day of the week of most orders, 1 (Monday) to
 *	                         7; of several the smallest
 *	 modal_hour              the hour of the day of most orders, 0 to 23; of
 *	                         several the smallest
 *	 weekend_share           share of orders on Saturday and Sunday
 *	 amount_slope            least-squares slope of the orders' amounts on
 *	                         their times, taken from as_of, per 24 hours; NULL
 *	                         for fewer than two orders or one time
 *	 orders_7d ... 365d      orders on the last N days: day > end - N
 *	 spend_7d ... 365d       sum of the amounts of lines on those days
 *
 * frequency, recency_days, tenure_days and monetary are the x, t_x, T and mean
 * value of Fader, Hardie and Lee's models, as the Python package lifetimes
 * takes them from transactions by day.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FEATURES_H
#define PROMO_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#include "behavior/timeline.h"
#include "core/memory.h"
#include "core/zone.h"

typedef enum FeatureColumn
{
	FEATURE_EVENTS,
	FEATURE_ORDERS,
	FEATURE_RETURNS,
	FEATURE_GROSS,
	FEATURE_RETURNED,
	FEATURE_NET,
	FEATURE_RETURN_RATE,
	FEATURE_DISCOUNT_SHARE,
	FEATURE_DISCOUNTED_ORDER_SHARE,
	FEATURE_MEAN_ITEMS,
	FEATURE_MEAN_ORDER,
	FEATURE_SD_ORDER,
	FEATURE_MIN_ORDER,
	FEATURE_MAX_ORDER,
	FEATURE_FREQUENCY,
	FEATURE_RECENCY_DAYS,
	FEATURE_TENURE_DAYS,
	FEATURE_DAYS_SINCE_LAST,
	FEATURE_MONETARY,
	FEATURE_MONETARY_NET,
	FEATURE_GAP_MEAN_DAYS,
	FEATURE_GAP_SD_DAYS,
	FEATURE_GAP_CV,
	FEATURE_GAP_MAX_DAYS,
	FEATURE_OVERDUE_RATIO,
	FEATURE_SESSIONS,
	FEATURE_VIEWS,
	FEATURE_RATINGS,
	FEATURE_MEAN_RATING,
	FEATURE_CATEGORY_ENTROPY,
	FEATURE_TOP_CATEGORY,		/* the only text */
	FEATURE_CATEGORIES,
	FEATURE_MODAL_WEEKDAY,
	FEATURE_MODAL_HOUR,
	FEATURE_WEEKEND_SHARE,
	FEATURE_AMOUNT_SLOPE,
	FEATURE_ORDERS_7D,
	FEATURE_ORDERS_30D,
	FEATURE_ORDERS_90D,
	FEATURE_ORDERS_365D,
	FEATURE_SPEND_7D,
	FEATURE_SPEND_30D,
	FEATURE_SPEND_90D,
	FEATURE_SPEND_365D,
	FEATURE_COLUMNS
} FeatureColumn;

/* A column without a value is NaN. */
typedef struct Features
{
	double		value[FEATURE_COLUMNS];
	const char *top_category;	/* in the bytes read; NULL where there is none */
	size_t		top_category_size;
} Features;

typedef enum FeatureStatus
{
	FEATURES_OK,
	FEATURES_NO_MEMORY,
	FEATURES_STOPPED,			/* may_go_on said no */
	FEATURES_OVERFLOW,			/* a sum left the range of a double */
	FEATURES_CORRUPT			/* the reader's bytes are no value */
} FeatureStatus;

/* A visit: what sessions() tells about it */
typedef struct FeatureSession
{
	int64_t		started;		/* the first event */
	int64_t		ended;			/* the last event */
	int64_t		events;
	int64_t		orders;			/* orders whose first line is in it */
	double		spend;			/* sum of the amounts of its lines */
} FeatureSession;

typedef void (*feature_session_taker) (void *arg, const FeatureSession *session);

typedef struct FeatureWork FeatureWork;

/* What the functions below work in; NULL when there is no memory. */
extern FeatureWork *features_work(const Memory *memory);

extern void features_work_release(FeatureWork *work);

/* The columns at a finite as_of.  The reader stands at its beginning. */
extern FeatureStatus features_compute(FeatureWork *work, TimelineReader *reader,
									  int64_t as_of, Zone *zone,
									  int64_t session_gap, Features *features);

/*
 * The orders that stand in [since, until), and the sum of the amounts of the
 * lines in it: over adjoining spans both add up.
 */
extern FeatureStatus features_between(FeatureWork *work, TimelineReader *reader,
									  int64_t since, int64_t until,
									  int64_t *orders, double *spend);

/* Calls take for each session of the timeline, in order. */
extern FeatureStatus features_sessions(FeatureWork *work, TimelineReader *reader,
									   int64_t gap, feature_session_taker take,
									   void *arg);

#endif							/* PROMO_FEATURES_H */
