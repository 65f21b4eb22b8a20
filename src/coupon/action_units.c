/*-------------------------------------------------------------------------
 *
 * action_units.c
 *	  Actions that look for units: bundles, buy X get Y, the cheapest free.
 *
 * A unit that such an action uses is used for all promotions of its group.
 * None goes through units one by one: sets of a run that are alike are taken
 * together.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "coupon/price_work.h"

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static const bool *
selected_lines(const Acting *acting)
{
	return acting->entry->selected[acting->number];
}

static uint64_t
group_of(const Acting *acting)
{
	return acting->entry->consumes[acting->number];
}

/* Marks the units of parts as used. */
static bool
consume(Acting *acting, const Part *parts, int count)
{
	Pricing    *pricing = acting->pricing;
	int			i;

	for (i = 0; i < count; i++)
		if (!units_consume(pricing->memory, acting->units, parts[i].line, parts[i].from, parts[i].count,
						   group_of(acting)))
			return price_fail(pricing, PRICE_NO_MEMORY);
	return true;
}

/* Not enough units, in thousandths as quantities are told */
static void
why_units(Acting *acting, int64_t required, int64_t actual)
{
	Decimal		wanted = decimal_of(required, 0);
	Decimal		found = decimal_of(actual, 0);

	acting_why(acting, REASON_MIN_QUANTITY, &wanted, &found);
}

/*
 * Takes an amount off some units together, by what is left of each line's, and
 * uses them up.  A line's parts are next to each other.
 */
static bool
take_set(Acting *acting, Part *parts, int count, int64_t amount)
{
	Pricing    *pricing = acting->pricing;
	int			i;

	if (!consume(acting, parts, count))
		return false;
	memset(pricing->want, 0, (size_t) pricing->lines * sizeof(int64_t));
	if (parts[0].line == parts[count - 1].line)
		pricing->want[parts[0].line] = amount;
	else
	{
		memset(pricing->weight, 0, (size_t) pricing->lines * sizeof(int64_t));
		memset(pricing->most, 0, (size_t) pricing->lines * sizeof(int64_t));
		for (i = 0; i < count; i++)
			pricing->weight[parts[i].line] += parts[i].left * parts[i].count;
		for (i = 0; i < count; i++)
			pricing->most[parts[i].line] = least(pricing->weight[parts[i].line],
												 price_line_room(pricing, acting->units, parts[i].line));
		(void) share_out(pricing->space, amount, pricing->weight, pricing->most, pricing->lines,
						 pricing->want);
	}
	return acting_take(acting, parts, count);
}

/* Any so many units for a price, where they cost more */
bool
act_bundle(Acting *acting)
{
	const Action *action = acting->action;
	Pricing    *pricing = acting->pricing;
	int64_t		size = action->quantity;
	int64_t		times = 0;
	int64_t		price;
	int64_t		all;
	Part	   *all_parts;
	Part	   *set;
	int			count;
	int			at = 0;

	if (!price_minor(pricing, &action->value, 1, ROUND_NEAREST, &price) ||
		!acting_parts(acting, selected_lines(acting), action->pick, group_of(acting), false, &count))
		return false;
	all = parts_units(pricing->parts, count);
	if (all < size)
	{
		why_units(acting, size, all);
		return true;
	}
	all_parts = price_alloc(pricing, 2 * (size_t) count, sizeof(Part));
	if (all_parts == NULL)
		return false;
	memcpy(all_parts, pricing->parts, (size_t) count * sizeof(Part));
	set = all_parts + count;

	while (at < count && (action->max_times == 0 || times < action->max_times))
	{
		Part	   *part = &all_parts[at];
		int64_t		sets = part->count / size;
		int64_t		missing = size;
		Wide		worth = 0;
		Wide		amount;
		int			used = 0;

		if (sets > 0)
		{
			/* Sets that are alike, all within one run */
			if (action->max_times > 0)
				sets = least(sets, action->max_times - times);
			set[used] = *part;
			set[used++].count = sets * size;
			worth = (Wide) part->left * size;
			part->from += sets * size;
			part->count -= sets * size;
		}
		else
		{
			/* One set that starts with what is left of a run */
			sets = 1;
			while (missing > 0 && at < count)
			{
				part = &all_parts[at];
				set[used] = *part;
				set[used].count = least(missing, part->count);
				worth += (Wide) part->left * set[used].count;
				part->from += set[used].count;
				part->count -= set[used].count;
				missing -= set[used++].count;
				if (part->count == 0)
					at++;
			}
			if (missing > 0)
				break;
		}
		while (at < count && all_parts[at].count == 0)
			at++;
		amount = (worth - price) * sets;
		if (amount <= 0)
			continue;
		if (!take_set(acting, set, used, (int64_t) amount))
			return false;
		times += sets;
	}
	return true;
}

/* Units that could be bought alone, got alone, or either */
typedef struct Supply
{
	int64_t		bought;
	int64_t		got;
	int64_t		either;
} Supply;

/* Whether units suffice for so many bought and so many got. */
static bool
suffices(const Supply *supply, Wide bought, Wide got)
{
	Wide		bought_either = bought > supply->bought ? bought - supply->bought : 0;
	Wide		got_either = got > supply->got ? got - supply->got : 0;

	return bought_either + got_either <= supply->either;
}

/* A copy of the lines that are in one selection, and in the other or not */
static bool *
lines_where(Pricing *pricing, const bool *in, const bool *also, bool wanted, const bool *only)
{
	bool	   *lines = price_alloc(pricing, (size_t) pricing->lines + 1, sizeof(bool));
	int			line;

	if (lines == NULL)
		return NULL;
	for (line = 0; line < pricing->lines; line++)
		lines[line] = (in == NULL || in[line]) && (also == NULL || also[line]) == wanted &&
			(only == NULL || only[line]);
	return lines;
}

/* Uses up the first so many units of some lines; gives how many there were. */
static bool
buy(Acting *acting, const bool *lines, int64_t *wanted)
{
	Pricing    *pricing = acting->pricing;
	int			count;

	if (*wanted == 0)
		return true;
	if (!acting_parts(acting, lines, acting->action->pick, group_of(acting), false, &count))
		return false;
	count = parts_cut(pricing->parts, count, *wanted);
	*wanted -= parts_units(pricing->parts, count);
	return consume(acting, pricing->parts, count);
}

/* Wants a percentage of each line's parts, and takes it. */
static bool
take_percent(Acting *acting, Part *parts, int count, const Decimal *percent)
{
	Pricing    *pricing = acting->pricing;
	int			i;

	memset(pricing->weight, 0, (size_t) pricing->lines * sizeof(int64_t));
	for (i = 0; i < count; i++)
		pricing->weight[parts[i].line] += parts[i].left * parts[i].count;
	for (i = 0; i < count; i++)
		if (!price_percent(pricing, percent, pricing->weight[parts[i].line], &pricing->want[parts[i].line]))
			return false;
	return acting_take(acting, parts, count);
}

/* Buy some, get others for less; among some lines, NULL for all. */
static bool
buy_get(Acting *acting, const bool *only)
{
	const Action *action = acting->action;
	Pricing    *pricing = acting->pricing;
	const bool *bought = selected_lines(acting);
	const bool *got = acting->entry->get_selected[acting->number];
	bool	   *buy_alone = lines_where(pricing, bought, got, false, only);
	bool	   *get_alone = lines_where(pricing, got, bought, false, only);
	bool	   *either = lines_where(pricing, bought, got, true, only);
	bool	   *get_lines = lines_where(pricing, got, NULL, true, only);
	bool	   *lines[3] = {buy_alone, get_alone, either};
	int64_t		found[3];
	Supply		supply;
	int64_t		low = 0;
	int64_t		high;
	int64_t		to_buy;
	int64_t		to_get;
	int			count;
	int			i;

	if (buy_alone == NULL || get_alone == NULL || either == NULL || get_lines == NULL)
		return false;
	for (i = 0; i < 3; i++)
	{
		if (!acting_parts(acting, lines[i], PICK_LINE_ORDER, group_of(acting), false, &count))
			return false;
		found[i] = parts_units(pricing->parts, count);
	}
	supply.bought = found[0];
	supply.got = found[1];
	supply.either = found[2];

	/* The most times that units suffice for: fewer always do. */
	high = (found[0] + found[2]) / action->quantity;
	if (action->max_times > 0)
		high = least(high, action->max_times);
	if (high == 0)
	{
		why_units(acting, action->quantity, found[0] + found[2]);
		return true;
	}
	while (low < high)
	{
		int64_t		middle = high - (high - low) / 2;

		if (suffices(&supply, (Wide) middle * action->quantity, (Wide) middle * action->get_quantity))
			low = middle;
		else
			high = middle - 1;
	}
	to_buy = low * action->quantity;
	to_get = low * action->get_quantity;

	/* One time more, whose reward is not complete */
	if (action->allow_partial && (action->max_times == 0 || low < action->max_times))
	{
		int64_t		more = 0;

		high = action->get_quantity;
		while (more < high)
		{
			int64_t		middle = high - (high - more) / 2;

			if (suffices(&supply, (Wide) to_buy + action->quantity, (Wide) to_get + middle))
				more = middle;
			else
				high = middle - 1;
		}
		if (more > 0)
		{
			to_buy += action->quantity;
			to_get += more;
		}
	}
	if (to_get == 0)
	{
		Decimal		wanted = decimal_of(action->get_quantity, 0);
		Decimal		there = decimal_of(supply.got, 0);

		acting_why(acting, REASON_REWARD_MISSING, &wanted, &there);
		return true;
	}

	/* Bought are first those that could not be got. */
	if (!buy(acting, buy_alone, &to_buy) || !buy(acting, either, &to_buy) ||
		!acting_parts(acting, get_lines, action->get_pick, group_of(acting), false, &count))
		return false;
	count = parts_cut(pricing->parts, count, to_get);
	return consume(acting, pricing->parts, count) &&
		take_percent(acting, pricing->parts, count, &action->value);
}

bool
act_buy_get(Acting *acting)
{
	Pricing    *pricing = acting->pricing;
	const CartLine *lines = pricing->cart->lines;
	bool	   *only;
	int			line;
	int			other;

	if (!acting->action->same_product)
		return buy_get(acting, NULL);
	only = price_alloc(pricing, (size_t) pricing->lines + 1, sizeof(bool));
	if (only == NULL)
		return false;
	for (line = 0; line < pricing->lines; line++)
	{
		for (other = 0; other < line; other++)
			if (word_equal(&lines[other].product, &lines[line].product))
				break;
		if (other < line)
			continue;
		for (other = 0; other < pricing->lines; other++)
			only[other] = word_equal(&lines[other].product, &lines[line].product);
		if (!buy_get(acting, only))
			return false;
	}
	return true;
}

/* How many of the first so many units of sets are free */
static int64_t
free_among(const Action *action, int64_t units)
{
	int64_t		in_set = units % action->quantity;
	int64_t		paid = action->quantity - action->get_quantity;

	/* The free ones stand last where sets go from dear to cheap, else first. */
	if (action->pick == PICK_CHEAPEST)
		in_set = least(in_set, action->get_quantity);
	else
		in_set = in_set > paid ? in_set - paid : 0;
	return units / action->quantity * action->get_quantity + in_set;
}

/* Of each set of so many units, as they are picked, the cheapest for less */
bool
act_cheapest_free(Acting *acting)
{
	const Action *action = acting->action;
	Pricing    *pricing = acting->pricing;
	int64_t		sets;
	int64_t		passed = 0;
	int64_t		all;
	int			kept = 0;
	int			count;
	int			i;

	if (!acting_parts(acting, selected_lines(acting), action->pick, group_of(acting), false, &count))
		return false;
	all = parts_units(pricing->parts, count);
	sets = all / action->quantity;
	if (action->max_times > 0)
		sets = least(sets, action->max_times);
	if (sets == 0)
	{
		why_units(acting, action->quantity, all);
		return true;
	}
	count = parts_cut(pricing->parts, count, sets * action->quantity);
	if (!consume(acting, pricing->parts, count))
		return false;
	for (i = 0; i < count; i++)
	{
		Part		part = pricing->parts[i];
		int64_t		before = free_among(action, passed);

		passed += part.count;
		part.count = free_among(action, passed) - before;
		if (part.count > 0)
			pricing->parts[kept++] = part;
	}
	return take_percent(acting, pricing->parts, kept, &action->value);
}

bool
act_gift(Acting *acting)
{
	const Action *action = acting->action;
	Pricing    *pricing = acting->pricing;
	PriceOutcome *outcome = pricing->outcome;
	PriceGift	gift = {acting->entry->index, acting->number, action->get_quantity};

	if (action->quantity > 0)
	{
		int64_t		units = price_quantity(pricing, selected_lines(acting)) / QUANTITY_ONE;
		int64_t		times = units / action->quantity;

		if (action->max_times > 0)
			times = least(times, action->max_times);
		if (times == 0)
		{
			why_units(acting, action->quantity, units);
			return true;
		}
		if (__builtin_mul_overflow(times, action->get_quantity, &gift.quantity))
			return price_fail(pricing, PRICE_OVERFLOW);
	}
	acting->effect->acts = true;
	if (!acting->note)
		return true;
	if (!price_room(pricing, (void **) &outcome->gifts, outcome->gift_count, &pricing->gift_room,
					sizeof(PriceGift)))
		return false;
	outcome->gifts[outcome->gift_count++] = gift;
	return true;
}
