/*-------------------------------------------------------------------------
 *
 * standing.h
 *	  A member's tier over time, by what was posted.
 *
 * A Standing holds two things: the tier that was earned, with the instant at
 * which its time ends, and a floor that was assigned by hand, with its own
 * end.  The member is in the higher of the two.  Whatever changes one of them
 * is a change, told in order; from one change to the next lies a period of the
 * member's history.
 *
 * Upward a tier is reached with a posting, as soon as the figures of the window
 * of its day are enough.  Its time then lasts to the end of that window and so
 * many whole ones after it, or so many months.  Whatever is posted before its
 * end and would keep the tier prolongs that time, as if the tier was reached
 * then; this is found out at the end, and not written down at each posting.
 * When the time, and the days of grace after it, are over, the figures of the
 * window of its last day decide, with what came in the days of grace.  Who is
 * not qualified falls as the policy says, for as long as a tier lasts that is
 * reached on the last day.
 *
 * A return takes what it brings back out of the day of its order.  Of tiers
 * only one that was reached in the window of its day is looked at then.
 *
 * Plain C.  Instants are as in core/time.h, days those of the zone.  Events are
 * what figures are made of; of an order that came back, what is left.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_STANDING_H
#define PROMO_STANDING_H

#include "core/memory.h"
#include "core/zone.h"
#include "membership/period.h"
#include "membership/tiers.h"

#define STANDING_NEVER INT64_MAX

typedef enum
{
	FIGURE_SPEND, FIGURE_POINTS, FIGURE_ORDERS, FIGURE_VISITS, FIGURE_BALANCE
} Figure;

#define FIGURES (FIGURE_BALANCE + 1)

extern const char *const figure_names[FIGURES];

typedef struct StandingRules
{
	Period		window;
	int			exponent;		/* decimals of the currency */
	Figure		metric;			/* that thresholds are of */
	const TierRule *tiers;
	int			n_tiers;
	TierPolicy	policy;
	int			periods;		/* whole windows that a tier lasts, or */
	int			months;			/* months; both 0: for ever */
	int			grace_days;
	Zone	   *zone;
} StandingRules;

typedef struct StandingEvent
{
	int64_t		at;
	int64_t		day;			/* filled in by standing_add */
	int64_t		amount;			/* minor units */
	int64_t		points;
	bool		is_order;		/* something was paid, and not all came back */
	bool		is_visit;		/* a purchase, whatever became of it */
} StandingEvent;

typedef struct Standing
{
	int			earned;
	int64_t		earned_until;	/* first instant after its time */
	int			floor;			/* 0 for none */
	int64_t		floor_until;	/* STANDING_NEVER without one */
	int64_t		since;			/* of the last change */
} Standing;

typedef enum
{
	STANDING_REACHED, STANDING_RENEWED, STANDING_LAPSED, STANDING_RETURNED, STANDING_ASSIGNED,
	STANDING_UNASSIGNED, STANDING_MERGED
} StandingCause;

#define STANDING_CAUSES (STANDING_MERGED + 1)

extern const char *const standing_cause_names[STANDING_CAUSES];

typedef struct StandingChange
{
	StandingCause cause;
	Standing	after;			/* since is when it happened */
	bool		has_figures;	/* by which it was decided */
	int64_t		day;			/* in whose window they are */
	Decimal		figures[FIGURES];
	int64_t		number;			/* the caller's; 0 */
} StandingChange;

/* The balance of points that the member had at an instant */
typedef int64_t (*standing_balance) (void *arg, int64_t at);

typedef struct StandingBook
{
	const Memory *memory;
	const StandingRules *rules;
	int64_t		enrolled;		/* day */
	Standing	now;
	StandingEvent *events;		/* by instant */
	int64_t		n_events;
	int64_t		space;
	StandingChange *changes;
	int			n_changes;
	int			changes_space;
	standing_balance balance;
	void	   *arg;
	bool		no_memory;		/* something was lost: the book is of no use */
} StandingBook;

/* An empty book of a member who stands so. */
extern void standing_start(StandingBook *book, const Memory *memory, const StandingRules *rules,
						   int64_t enrolled_at, const Standing *now, standing_balance balance, void *arg);

/* Adds an event; gives its place. */
extern int64_t standing_add(StandingBook *book, const StandingEvent *event);

/* When something must be looked at, whatever is posted; STANDING_NEVER */
extern int64_t standing_due(const StandingBook *book);

/* What falls due up to and with an instant */
extern void standing_settle(StandingBook *book, int64_t until);

/* What comes of an event, added already, and of those later ones that it counts with */
extern void standing_posted(StandingBook *book, int64_t place);

/*
 * What comes of a return at an instant.  Secure is the standing that is not to
 * be touched: that before the first change of the window, or after the last one
 * in it that is no reaching.
 */
extern void standing_returned(StandingBook *book, int64_t at, const Standing *secure);

/* A floor from an instant until another; tier 0 takes it away. */
extern void standing_assign(StandingBook *book, int tier, int64_t until, int64_t at);

/* The higher of the two, from an instant on, and what comes of all events. */
extern void standing_merge(StandingBook *book, const Standing *other, int64_t at);

/* The tier that the member is in */
extern int	standing_tier(const Standing *standing);

/* Figures of the days from one to another, both among them */
extern void standing_figures(StandingBook *book, int64_t from, int64_t to, Decimal *figures);

/*
 * How much of the metric must come in at least, in its smallest units, before a
 * higher tier can be reached by events not before those known; 0 where that
 * cannot be said, INT64_MAX where there is no higher one.
 */
extern int64_t standing_lacks(StandingBook *book);

/* The first instant after the time of a tier that is reached on a day */
extern int64_t standing_lasts(const StandingBook *book, int64_t day);

#endif							/* PROMO_STANDING_H */
