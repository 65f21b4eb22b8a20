/*-------------------------------------------------------------------------
 *
 * standing.c
 *	  Tiers over time: histories done by hand, and random ones against a member
 *	  whose time is prolonged with each purchase, looked at day by day.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "core/time.h"
#include "membership/standing.h"

#define TIERS 4

static TierRule tiers[TIERS];
static Zone zone;

static int64_t
day(int year, int month, int day_of_month)
{
	return time_days(year, month, day_of_month);
}

static int64_t
noon(int64_t on)
{
	return on * TIME_DAY + TIME_DAY / 2;
}

/* Base, and from 100, 200 and 300 paid on; renewed from less where said. */
static StandingRules
rules_of(Period window, int periods, int months)
{
	StandingRules rules = {0};

	rules.window = window;
	rules.exponent = 2;
	rules.metric = FIGURE_SPEND;
	rules.tiers = tiers;
	rules.n_tiers = TIERS;
	rules.policy = TIER_ONE_DOWN;
	rules.periods = periods;
	rules.months = months;
	rules.zone = &zone;
	return rules;
}

static void
set_tiers(int renewal_percent)
{
	int			i;

	memset(tiers, 0, sizeof(tiers));
	for (i = 1; i < TIERS; i++)
	{
		tiers[i].entry.figure = FIGURE_SPEND;
		tiers[i].entry.at_least = decimal_of(i * 100, 0);
		tiers[i].renewal = tiers[i].entry;
		tiers[i].renewal.at_least = decimal_of(i * renewal_percent, 0);
	}
}

static const Standing fresh = {0, STANDING_NEVER, 0, STANDING_NEVER, INT64_MIN};

static void
open_book(StandingBook *book, const StandingRules *rules, int64_t enrolled)
{
	Standing	now = fresh;

	now.since = noon(enrolled);
	standing_start(book, &memory_plain, rules, noon(enrolled), &now, NULL, NULL);
}

static void
close_book(StandingBook *book)
{
	CHECK(!book->no_memory);
	memory_release(&memory_plain, book->events);
	memory_release(&memory_plain, book->changes);
}

static void
buy(StandingBook *book, int64_t on, int64_t amount)
{
	StandingEvent event = {0};

	event.at = noon(on);
	event.amount = amount * 100;
	event.points = amount;
	event.is_order = amount > 0;
	event.is_visit = true;
	standing_settle(book, event.at);
	standing_posted(book, standing_add(book, &event));
}

static bool
changed(const StandingBook *book, int place, StandingCause cause, int tier, int64_t since)
{
	return place < book->n_changes && book->changes[place].cause == cause &&
		standing_tier(&book->changes[place].after) == tier && book->changes[place].after.since == since;
}

static const Period calendar_year = {PERIOD_ANCHORED, 12, 1, 1};
static const Period rolling_year = {PERIOD_ROLLING, 12, 1, 1};

/* Reached at once, lasting the rest of this year and all of next; then one down. */
static void
test_year(void)
{
	StandingRules rules = rules_of(calendar_year, 1, 0);
	StandingBook book;

	set_tiers(100);
	open_book(&book, &rules, day(2024, 1, 1));
	CHECK(standing_lacks(&book) == 10000);
	buy(&book, day(2024, 5, 1), 99);
	CHECK(book.n_changes == 0 && standing_lacks(&book) == 100);
	buy(&book, day(2024, 6, 1), 201);
	CHECK(changed(&book, 0, STANDING_REACHED, 3, noon(day(2024, 6, 1))));
	CHECK(standing_lacks(&book) == INT64_MAX);
	CHECK(book.now.earned_until == day(2026, 1, 1) * TIME_DAY);
	CHECK(standing_due(&book) == day(2026, 1, 1) * TIME_DAY);
	standing_settle(&book, day(2026, 1, 1) * TIME_DAY - 1);
	CHECK(book.n_changes == 1);
	standing_settle(&book, day(2030, 1, 1) * TIME_DAY);
	CHECK(book.n_changes == 4);
	CHECK(changed(&book, 1, STANDING_LAPSED, 2, day(2026, 1, 1) * TIME_DAY));
	CHECK(changed(&book, 2, STANDING_LAPSED, 1, day(2027, 1, 1) * TIME_DAY));
	CHECK(changed(&book, 3, STANDING_LAPSED, 0, day(2028, 1, 1) * TIME_DAY));
	CHECK(standing_due(&book) == STANDING_NEVER);
	close_book(&book);

	/* In days of grace the tier stays, and what comes then counts as if on time. */
	rules.grace_days = 31;
	open_book(&book, &rules, day(2024, 1, 1));
	buy(&book, day(2024, 6, 1), 300);
	buy(&book, day(2025, 12, 1), 200);
	buy(&book, day(2026, 1, 31), 100);
	CHECK(book.n_changes == 1);
	standing_settle(&book, day(2026, 2, 1) * TIME_DAY);
	CHECK(changed(&book, 1, STANDING_RENEWED, 3, day(2026, 2, 1) * TIME_DAY));
	CHECK(book.changes[1].day == day(2025, 12, 31));
	CHECK(book.now.earned_until == day(2027, 1, 1) * TIME_DAY);
	close_book(&book);

	/* Two whole years after: kept in the first of them, it lasts one more. */
	rules = rules_of(calendar_year, 2, 0);
	open_book(&book, &rules, day(2024, 1, 1));
	buy(&book, day(2024, 6, 1), 300);
	buy(&book, day(2025, 6, 1), 300);
	standing_settle(&book, day(2027, 1, 1) * TIME_DAY);
	CHECK(changed(&book, 1, STANDING_RENEWED, 3, day(2027, 1, 1) * TIME_DAY));
	CHECK(book.changes[1].day == day(2025, 12, 31));
	CHECK(book.now.earned_until == day(2028, 1, 1) * TIME_DAY);
	standing_settle(&book, day(2028, 1, 1) * TIME_DAY);
	CHECK(changed(&book, 2, STANDING_LAPSED, 2, day(2028, 1, 1) * TIME_DAY));
	close_book(&book);
}

static void
take_back(StandingBook *book, int64_t place, int64_t amount)
{
	book->events[place].amount -= amount * 100;
}

/* A tier reached in the window of the return goes, one of a window before stays. */
static void
test_returns(void)
{
	StandingRules rules = rules_of(calendar_year, 1, 0);
	StandingBook book;
	Standing	secure;

	set_tiers(100);
	open_book(&book, &rules, day(2024, 1, 1));
	buy(&book, day(2024, 6, 1), 100);
	secure = book.now;
	buy(&book, day(2025, 3, 1), 150);
	buy(&book, day(2025, 4, 1), 150);
	CHECK(book.now.earned == 3);
	take_back(&book, 2, 100);
	standing_returned(&book, noon(day(2025, 5, 1)), &secure);
	CHECK(changed(&book, 2, STANDING_RETURNED, 2, noon(day(2025, 5, 1))));
	take_back(&book, 2, 50);
	take_back(&book, 1, 150);
	standing_returned(&book, noon(day(2025, 5, 2)), &secure);
	CHECK(changed(&book, 3, STANDING_RETURNED, 1, noon(day(2025, 5, 2))));
	CHECK(book.now.earned_until == day(2026, 1, 1) * TIME_DAY);
	/* Of last year's order too, the tier of last year stays until its end. */
	take_back(&book, 0, 100);
	standing_returned(&book, noon(day(2025, 5, 3)), &secure);
	CHECK(book.n_changes == 4);
	standing_settle(&book, day(2026, 1, 1) * TIME_DAY);
	CHECK(changed(&book, 4, STANDING_LAPSED, 0, day(2026, 1, 1) * TIME_DAY));
	close_book(&book);
}

/* A floor is under what is earned, until its end. */
static void
test_floor(void)
{
	StandingRules rules = rules_of(calendar_year, 1, 0);
	StandingBook book;

	set_tiers(100);
	open_book(&book, &rules, day(2024, 1, 1));
	standing_assign(&book, 2, day(2024, 7, 1) * TIME_DAY, noon(day(2024, 2, 1)));
	CHECK(changed(&book, 0, STANDING_ASSIGNED, 2, noon(day(2024, 2, 1))));
	buy(&book, day(2024, 3, 1), 100);
	CHECK(changed(&book, 1, STANDING_REACHED, 2, noon(day(2024, 3, 1))) && book.now.earned == 1);
	CHECK(standing_lacks(&book) == 10000);
	buy(&book, day(2024, 8, 1), 10);
	CHECK(changed(&book, 2, STANDING_UNASSIGNED, 1, day(2024, 7, 1) * TIME_DAY));
	standing_assign(&book, 3, STANDING_NEVER, noon(day(2024, 9, 1)));
	standing_settle(&book, day(2040, 1, 1) * TIME_DAY);
	CHECK(changed(&book, 4, STANDING_LAPSED, 3, day(2026, 1, 1) * TIME_DAY) && book.now.earned == 0);
	standing_assign(&book, 0, 0, noon(day(2040, 1, 2)));
	CHECK(standing_tier(&book.now) == 0 && standing_due(&book) == STANDING_NEVER);
	close_book(&book);
}

/* Late rows count for their own window, and for what came after them. */
static void
test_late(void)
{
	StandingRules rules = rules_of(calendar_year, 1, 0);
	StandingBook book;
	StandingEvent late = {0};

	set_tiers(100);
	open_book(&book, &rules, day(2023, 1, 1));
	buy(&book, day(2024, 6, 1), 60);
	buy(&book, day(2025, 6, 1), 10);
	late.at = noon(day(2024, 5, 1));
	late.amount = 4000;
	standing_posted(&book, standing_add(&book, &late));
	CHECK(changed(&book, 0, STANDING_REACHED, 1, noon(day(2024, 6, 1))));
	CHECK(book.now.earned_until == day(2026, 1, 1) * TIME_DAY);
	/* A time that was over before the last change is none any more. */
	standing_settle(&book, noon(day(2026, 3, 1)));
	CHECK(changed(&book, 1, STANDING_LAPSED, 0, day(2026, 1, 1) * TIME_DAY));
	late.at = noon(day(2024, 5, 2));
	late.amount = 100000;
	standing_posted(&book, standing_add(&book, &late));
	CHECK(book.n_changes == 2);
	close_book(&book);
}

static void
test_figures(void)
{
	StandingRules rules = rules_of(rolling_year, 0, 12);
	StandingBook book;
	StandingEvent event = {0};
	Decimal		figures[FIGURES];
	Decimal		wanted;

	open_book(&book, &rules, day(2024, 1, 1));
	event.is_order = event.is_visit = true;
	event.amount = 1050;
	event.points = 7;
	event.at = noon(day(2024, 2, 2));
	(void) standing_add(&book, &event);
	event.at++;
	(void) standing_add(&book, &event);
	event.at = noon(day(2024, 2, 4));
	event.is_order = false;
	event.amount = -50;
	(void) standing_add(&book, &event);
	standing_figures(&book, day(2024, 2, 2), day(2024, 2, 4), figures);
	wanted = decimal_of(205, 1);
	CHECK(decimal_compare(&figures[FIGURE_SPEND], &wanted) == 0 && figures[FIGURE_SPEND].scale == 1);
	CHECK(figures[FIGURE_POINTS].digits == 21 && figures[FIGURE_ORDERS].digits == 2 && figures[FIGURE_VISITS].digits == 2);
	standing_figures(&book, day(2024, 2, 3), day(2024, 2, 3), figures);
	CHECK(figures[FIGURE_POINTS].digits == 0 && figures[FIGURE_VISITS].digits == 0 && figures[FIGURE_SPEND].digits == 0);
	close_book(&book);
}

/*
 * Random purchases, in order.  The member of the simulation has a time that
 * each purchase prolongs which would keep the tier; each midnight the time may
 * be over.
 */
static int	told;

static void
test_random(uint64_t seed, Period window, int periods, int months, TierPolicy policy, int renewal_percent)
{
	StandingRules rules = rules_of(window, periods, months);
	StandingBook book;
	Random		random;
	int64_t		first = day(2020, 1, 15);
	int64_t		last = day(2027, 6, 30);
	int64_t		amounts[4000] = {0};
	int			tier = 0;
	int64_t		until = PERIOD_NEVER;	/* first day that is not of the time */
	int			wrong = 0;
	int64_t		on;

	set_tiers(renewal_percent);
	rules.policy = policy;
	random_start(&random, seed, 0);
	open_book(&book, &rules, first);
	for (on = first + 1; on < last; on++)
	{
		int64_t		from;
		int64_t		end;
		int64_t		sum = 0;
		int64_t		i;
		int			before = tier;

		if (on == until)
		{
			period_window(&window, on - 1, first, &from, &end);
			for (i = from < first ? first : from; i < on; i++)
				sum += amounts[i - first];
			if (sum < tier * renewal_percent)
			{
				int			kept = tier;

				while (sum < kept * renewal_percent)
					kept--;
				tier = policy == TIER_ONE_DOWN ? tier - 1 : policy == TIER_TO_BASE ? 0 : kept;
			}
			until = tier == 0 ? PERIOD_NEVER :
				(periods > 0 ? period_deadline(&window, on - 1, first, periods + 1) :
				 period_add_months(on - 1, months)) + 1;
		}
		if (random_below(&random, 25) == 0)
		{
			int			reached = 0;

			amounts[on - first] = 1 + (int64_t) random_below(&random, 300 / (uint32_t) window.months);
			sum = 0;
			period_window(&window, on, first, &from, &end);
			for (i = from < first ? first : from; i <= on; i++)
				sum += amounts[i - first];
			reached = sum >= 300 ? 3 : (int) (sum / 100);
			if (reached > tier || (tier > 0 && sum >= tier * renewal_percent))
			{
				tier = reached > tier ? reached : tier;
				until = (periods > 0 ? period_deadline(&window, on, first, periods + 1) :
						 period_add_months(on, months)) + 1;
			}
			buy(&book, on, amounts[on - first]);
		}
		else
			standing_settle(&book, noon(on));
		if (tier != before)
			told++;
		if (tier != book.now.earned)
			wrong++;
	}
	CHECK(wrong == 0);
	close_book(&book);
}

int
main(void)
{
	static const Period quarter = {PERIOD_ANCHORED, 3, 1, 1};
	static const Period anniversary = {PERIOD_ANNIVERSARY, 12, 1, 1};
	uint64_t	seed;

	zone_start(&zone, NULL, NULL);
	test_year();
	test_returns();
	test_floor();
	test_late();
	test_figures();
	for (seed = 1; seed <= 8; seed++)
	{
		TierPolicy	policy = (TierPolicy) (seed % 3);
		int			percent = seed % 2 ? 100 : 70;

		test_random(seed, calendar_year, 1, 0, policy, percent);
		test_random(seed, quarter, 3, 0, policy, percent);
		test_random(seed, anniversary, 2, 0, policy, percent);
		test_random(seed, rolling_year, 0, 12, policy, percent);
		test_random(seed, rolling_year, 0, 5, policy, percent);
		test_random(seed, quarter, 0, 7, policy, percent);
	}
	CHECK(told > 200);
	return check_report();
}
