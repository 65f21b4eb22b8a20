/*-------------------------------------------------------------------------
 *
 * standing.c
 *	  A member's tier over time, by what was posted.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "membership/standing.h"

const char *const figure_names[FIGURES] = {"spend", "points", "orders", "visits", "balance"};

const char *const standing_cause_names[STANDING_CAUSES] = {"reached", "renewed", "lapsed", "returned",
"assigned", "unassigned", "merged"};

void
standing_start(StandingBook *book, const Memory *memory, const StandingRules *rules,
			   int64_t enrolled_at, const Standing *now, standing_balance balance, void *arg)
{
	memset(book, 0, sizeof(StandingBook));
	book->memory = memory;
	book->rules = rules;
	book->enrolled = zone_day(zone_local(rules->zone, enrolled_at));
	book->now = *now;
	book->balance = balance;
	book->arg = arg;
}

static int64_t
day_of(const StandingBook *book, int64_t at)
{
	return zone_day(zone_local(book->rules->zone, at));
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
standing_add(StandingBook *book, const StandingEvent *event)
{
	int64_t		place = book->n_events;

	if (book->n_events == book->space)
	{
		int64_t		space = book->space == 0 ? 16 : book->space * 2;
		StandingEvent *grown = memory_grow(book->memory, book->events, (size_t) book->space,
										   (size_t) space, sizeof(StandingEvent));

		if (grown == NULL)
		{
			book->no_memory = true;
			return 0;
		}
		book->events = grown;
		book->space = space;
	}
	for (; place > 0 && book->events[place - 1].at > event->at; place--)
		book->events[place] = book->events[place - 1];
	book->events[place] = *event;
	book->events[place].day = day_of(book, event->at);
	book->n_events++;
	return place;
}

static Decimal
wide_decimal(Wide digits, int scale)
{
	Decimal		number;

	for (; scale > 0 && digits % 10 == 0; scale--)
		digits /= 10;
	number.digits = digits;
	number.scale = scale;
	return number;
}

/*
 * Local days of later instants may be earlier ones where the wall steps back
 * over midnight, so that all events are looked at.
 */
void
standing_figures(StandingBook *book, int64_t from, int64_t to, Decimal *figures)
{
	Wide		spend = 0;
	Wide		points = 0;
	int64_t		orders = 0;
	int64_t		visits = 0;
	int64_t		visited = PERIOD_FIRST;
	int64_t		i;

	for (i = 0; i < book->n_events; i++)
	{
		const StandingEvent *event = &book->events[i];

		if (event->day < from || event->day > to)
			continue;
		spend += event->amount;
		points += event->points;
		orders += event->is_order;
		if (event->is_visit && event->day > visited)
		{
			visits++;
			visited = event->day;
		}
	}
	figures[FIGURE_SPEND] = wide_decimal(spend, book->rules->exponent);
	figures[FIGURE_POINTS] = wide_decimal(points, 0);
	figures[FIGURE_ORDERS] = decimal_of(orders, 0);
	figures[FIGURE_VISITS] = decimal_of(visits, 0);
	figures[FIGURE_BALANCE] = decimal_of(0, 0);
	if (book->balance != NULL)
		figures[FIGURE_BALANCE] = decimal_of(book->balance(book->arg, to == PERIOD_NEVER ? STANDING_NEVER :
														   zone_day_start(book->rules->zone, to + 1) - 1), 0);
}

int
standing_tier(const Standing *standing)
{
	return standing->earned > standing->floor ? standing->earned : standing->floor;
}

static void
change(StandingBook *book, StandingCause cause, int64_t at, const Decimal *figures, int64_t day)
{
	StandingChange *told;

	book->now.since = later(at, book->now.since);
	if (book->n_changes == book->changes_space)
	{
		int			space = book->changes_space == 0 ? 4 : book->changes_space * 2;
		StandingChange *grown = memory_grow(book->memory, book->changes, (size_t) book->changes_space,
											(size_t) space, sizeof(StandingChange));

		if (grown == NULL)
		{
			book->no_memory = true;
			return;
		}
		book->changes = grown;
		book->changes_space = space;
	}
	told = &book->changes[book->n_changes++];
	told->cause = cause;
	told->after = book->now;
	told->has_figures = figures != NULL;
	told->day = day;
	told->number = 0;
	if (figures != NULL)
		memcpy(told->figures, figures, sizeof(told->figures));
}

/* The last day of the time of a tier reached on a day */
static int64_t
last_day(const StandingBook *book, int64_t day)
{
	const StandingRules *rules = book->rules;

	if (rules->policy == TIER_NEVER)
		return PERIOD_NEVER;
	if (rules->periods > 0)
		return period_deadline(&rules->window, day, book->enrolled, rules->periods + 1);
	if (rules->months > 0)
		return period_add_months(day, rules->months);
	return PERIOD_NEVER;
}

static int64_t
end_of_day(const StandingBook *book, int64_t day)
{
	return day == PERIOD_NEVER ? STANDING_NEVER : zone_day_start(book->rules->zone, day + 1);
}

int64_t
standing_lasts(const StandingBook *book, int64_t day)
{
	return end_of_day(book, last_day(book, day));
}

/* When the time of a tier, and the grace after it, is over */
static int64_t
earned_due(const StandingBook *book, int64_t earned_until)
{
	if (earned_until == STANDING_NEVER)
		return STANDING_NEVER;
	return zone_day_start(book->rules->zone, day_of(book, earned_until) + book->rules->grace_days);
}

int64_t
standing_due(const StandingBook *book)
{
	int64_t		earned = book->now.earned == 0 ? STANDING_NEVER : earned_due(book, book->now.earned_until);

	return book->now.floor_until < earned ? book->now.floor_until : earned;
}

/*
 * The tier by the figures of a day's window, with what came until another day;
 * true where it is no lower one.
 */
static bool
keeps(StandingBook *book, int64_t day, int64_t to, Decimal *figures, int *tier)
{
	const StandingRules *rules = book->rules;
	int64_t		from;
	int64_t		until;

	period_window(&rules->window, day, book->enrolled, &from, &until);
	standing_figures(book, from, to, figures);
	*tier = tier_requalified(rules->tiers, rules->n_tiers, book->now.earned, figures, rules->policy);
	return *tier >= book->now.earned;
}

/*
 * The latest day of the time that is over by whose figures the tier would have
 * been kept, so that it lasts longer: the end of an earlier window, or where
 * the time is one of months the day of an event.  PERIOD_FIRST for none.
 */
static int64_t
kept_before(StandingBook *book, int64_t last, Decimal *figures)
{
	const StandingRules *rules = book->rules;
	int64_t		day = last + 1;
	int64_t		from;
	int64_t		until;
	int64_t		i;
	int			tier;

	if (rules->periods > 0)
	{
		for (i = 1; i < rules->periods; i++)
		{
			period_window(&rules->window, day - 1, book->enrolled, &from, &until);
			day = from;
			if (keeps(book, day - 1, day - 1, figures, &tier))
				return day - 1;
		}
		return PERIOD_FIRST;
	}
	for (i = book->n_events - 1; i >= 0; i--)
	{
		if (book->events[i].day >= day)
			continue;
		day = book->events[i].day;
		if (last_day(book, day) <= last)
			break;
		if (keeps(book, day, day, figures, &tier))
			return day;
	}
	return PERIOD_FIRST;
}

/* The time of the earned tier, and the grace after it, is over. */
static void
requalify(StandingBook *book)
{
	const StandingRules *rules = book->rules;
	int64_t		due = earned_due(book, book->now.earned_until);
	int64_t		last = day_of(book, book->now.earned_until - 1);
	int64_t		kept;
	Decimal		figures[FIGURES];
	Decimal		earlier[FIGURES];
	int			tier;

	/* A posting prolongs the time; only without one its last day decides. */
	if (rules->months > 0 && (kept = kept_before(book, last, figures)) != PERIOD_FIRST)
	{
		book->now.earned_until = standing_lasts(book, kept);
		change(book, STANDING_RENEWED, due, figures, kept);
		return;
	}
	if (keeps(book, last, last + rules->grace_days, figures, &tier))
	{
		book->now.earned = tier;
		book->now.earned_until = standing_lasts(book, last);
		change(book, STANDING_RENEWED, due, figures, last);
		return;
	}
	if (rules->periods > 0 && (kept = kept_before(book, last, earlier)) != PERIOD_FIRST)
	{
		book->now.earned_until = standing_lasts(book, kept);
		change(book, STANDING_RENEWED, due, earlier, kept);
		return;
	}
	book->now.earned = tier;
	book->now.earned_until = tier == 0 ? STANDING_NEVER : standing_lasts(book, last);
	change(book, STANDING_LAPSED, due, figures, last);
}

void
standing_settle(StandingBook *book, int64_t until)
{
	int64_t		due;

	while ((due = standing_due(book)) != STANDING_NEVER && due <= until && !book->no_memory)
	{
		if (book->now.floor_until <= due)
		{
			book->now.floor = 0;
			book->now.floor_until = STANDING_NEVER;
			change(book, STANDING_UNASSIGNED, due, NULL, 0);
		}
		else
			requalify(book);
	}
}

/* The highest tier reached on an event's day, by what had come until then */
static int
reached_with(StandingBook *book, int64_t place, Decimal *figures)
{
	int64_t		day = book->events[place].day;
	int64_t		from;
	int64_t		until;

	period_window(&book->rules->window, day, book->enrolled, &from, &until);
	standing_figures(book, from, day, figures);
	return tier_reached(book->rules->tiers, book->rules->n_tiers, figures);
}

void
standing_posted(StandingBook *book, int64_t place)
{
	Decimal		figures[FIGURES];

	for (; place < book->n_events; place++)
	{
		int64_t		day = book->events[place].day;
		int64_t		until;
		int			tier;

		if (book->now.earned == book->rules->n_tiers - 1)
			return;
		tier = reached_with(book, place, figures);
		if (tier <= book->now.earned)
			continue;
		until = standing_lasts(book, day);
		if (earned_due(book, until) <= book->now.since)
			continue;			/* its time was over before the last change */
		book->now.earned = tier;
		book->now.earned_until = until;
		change(book, STANDING_REACHED, book->events[place].at, figures, day);
	}
}

void
standing_returned(StandingBook *book, int64_t at, const Standing *secure)
{
	Decimal		figures[FIGURES];
	Decimal		rightful_figures[FIGURES];
	int64_t		from;
	int64_t		until;
	int64_t		rightful_until = secure->earned_until;
	int			rightful = secure->earned;
	int64_t		i;

	if (book->now.earned == 0)
		return;
	period_window(&book->rules->window, day_of(book, at), book->enrolled, &from, &until);
	if (earned_due(book, secure->earned_until) <= at)
	{
		rightful = 0;
		rightful_until = STANDING_NEVER;
	}
	standing_figures(book, from, day_of(book, at), rightful_figures);
	for (i = 0; i < book->n_events; i++)
	{
		int			tier;

		if (book->events[i].day < from || book->events[i].at < secure->since || book->events[i].at > at)
			continue;
		tier = reached_with(book, i, figures);
		if (tier > rightful)
		{
			rightful = tier;
			rightful_until = standing_lasts(book, book->events[i].day);
		}
	}
	if (rightful >= book->now.earned)
		return;
	book->now.earned = rightful;
	book->now.earned_until = rightful == 0 ? STANDING_NEVER : rightful_until;
	change(book, STANDING_RETURNED, at, rightful_figures, day_of(book, at));
}

void
standing_assign(StandingBook *book, int tier, int64_t until, int64_t at)
{
	book->now.floor = tier;
	book->now.floor_until = tier == 0 ? STANDING_NEVER : until;
	change(book, STANDING_ASSIGNED, at, NULL, 0);
}

void
standing_merge(StandingBook *book, const Standing *other, int64_t at)
{
	Standing	before = book->now;

	if (other->earned > book->now.earned ||
		(other->earned == book->now.earned && other->earned_until > book->now.earned_until))
	{
		book->now.earned = other->earned;
		book->now.earned_until = other->earned_until;
	}
	if (other->floor > book->now.floor ||
		(other->floor > 0 && other->floor == book->now.floor && other->floor_until > book->now.floor_until))
	{
		book->now.floor = other->floor;
		book->now.floor_until = other->floor_until;
	}
	book->now.since = later(book->now.since, other->since);
	if (before.earned != book->now.earned || before.earned_until != book->now.earned_until ||
		before.floor != book->now.floor || before.floor_until != book->now.floor_until)
		change(book, STANDING_MERGED, at, NULL, 0);
	/* Their figures add up from here on. */
	if (book->n_events > 0)
	{
		Decimal		figures[FIGURES];
		int64_t		from;
		int64_t		until;
		int			tier;

		period_window(&book->rules->window, day_of(book, at), book->enrolled, &from, &until);
		standing_figures(book, from, day_of(book, at), figures);
		tier = tier_reached(book->rules->tiers, book->rules->n_tiers, figures);
		if (tier > book->now.earned)
		{
			book->now.earned = tier;
			book->now.earned_until = standing_lasts(book, day_of(book, at));
			change(book, STANDING_REACHED, at, figures, day_of(book, at));
		}
	}
}

int64_t
standing_lacks(StandingBook *book)
{
	const StandingRules *rules = book->rules;
	Decimal		figures[FIGURES];
	Decimal		missing;
	int64_t		from;
	int64_t		until;
	int64_t		day;
	int64_t		lacks;
	int			tier;

	if (book->now.earned == rules->n_tiers - 1)
		return INT64_MAX;
	if (rules->metric == FIGURE_BALANCE)
		return 0;
	for (tier = book->now.earned + 1; tier < rules->n_tiers; tier++)
		if (rules->tiers[tier].entry.needed != 0 || rules->tiers[tier].entry.figure != (int) rules->metric)
			return 0;
	figures[rules->metric] = decimal_of(0, 0);
	if (book->n_events > 0)
	{
		day = book->events[book->n_events - 1].day;
		period_window(&rules->window, day, book->enrolled, &from, &until);
		standing_figures(book, from, day, figures);
	}
	missing = figures[rules->metric];
	missing.digits = -missing.digits;
	if (!decimal_add(&missing, &rules->tiers[book->now.earned + 1].entry.at_least) ||
		!decimal_units(&missing, rules->metric == FIGURE_SPEND ? rules->exponent : 0, ROUND_UP, &lacks))
		return 0;
	return lacks > 0 ? lacks : 0;
}
