/*-------------------------------------------------------------------------
 *
 * action.c
 *	  What an action takes off lines and shipping.
 *
 * An action first says what it wants of each line, or of all lines together,
 * and of which of their units; then all bounds are laid on that in one place,
 * and what they leave is taken from the units.
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

/* Whether what is over, of so much that makes one more, makes one more */
static bool
rounds_up(PercentRound way, Wide rest, Wide one, bool odd)
{
	switch (way)
	{
		case PERCENT_HALF_UP:
			return rest >= one - rest;
		case PERCENT_HALF_EVEN:
			return rest > one - rest || (rest == one - rest && odd);
		case PERCENT_HALF_DOWN:
			return rest > one - rest;
		case PERCENT_UP:
			return rest > 0;
		case PERCENT_DOWN:
			break;
	}
	return false;
}

bool
price_percent(Pricing *pricing, const Decimal *percent, int64_t amount, int64_t *part)
{
	bool		of_price = pricing->policy->round_price;
	Wide		one = 100;
	Wide		rate;
	Wide		product;
	Wide		whole;
	int			i;

	for (i = 0; i < percent->scale; i++)
		one *= 10;				/* 30 times at most */
	rate = of_price ? one - percent->digits : percent->digits;
	if (__builtin_mul_overflow((__int128) amount, (__int128) rate, (__int128 *) &product))
		return price_fail(pricing, PRICE_OVERFLOW);
	if (product <= INT64_MAX && one <= INT64_MAX)
		whole = (int64_t) product / (int64_t) one;	/* as below, but faster */
	else
		whole = product / one;
	whole += rounds_up(pricing->policy->percent_round, product - whole * one, one, whole % 2 != 0);
	*part = of_price ? amount - (int64_t) whole : (int64_t) whole;
	return true;
}

int64_t
price_line_room(const Pricing *pricing, const Units *units, int line)
{
	int64_t		room = units->left[line] - pricing->floor[line];

	return room > 0 ? room : 0;
}

void
acting_why(Acting *acting, Reason reason, const Decimal *required, const Decimal *actual)
{
	PriceFailure why = {.reason = reason, .condition = -1};

	if (acting->effect->why.reason != REASON_NONE)
		return;
	if (required != NULL)
	{
		why.has_required = why.has_actual = true;
		why.required = *required;
		why.actual = *actual;
	}
	acting->effect->why = why;
}

int64_t
parts_units(const Part *parts, int count)
{
	int64_t		units = 0;
	int			i;

	for (i = 0; i < count; i++)
		units += parts[i].count;
	return units;
}

int
parts_cut(Part *parts, int count, int64_t units)
{
	int			i;

	for (i = 0; i < count && units > 0; i++)
	{
		parts[i].count = least(parts[i].count, units);
		units -= parts[i].count;
	}
	return i;
}

/* Room for so many parts; those there are stay. */
static bool
part_room(Pricing *pricing, int count)
{
	Part	   *larger;

	if (count <= pricing->part_room)
		return true;
	larger = memory_grow(pricing->memory, pricing->parts, (size_t) pricing->part_room,
						 (size_t) count * 2, sizeof(Part));
	if (larger == NULL)
		return price_fail(pricing, PRICE_NO_MEMORY);
	pricing->parts = larger;
	pricing->part_room = count * 2;
	return true;
}

bool
acting_parts(Acting *acting, const bool *selected, Pick pick, uint64_t used, bool measured, int *count)
{
	Pricing    *pricing = acting->pricing;
	const Units *units = acting->units;
	int			runs = units->first[pricing->lines];
	int			i;

	if (!part_room(pricing, runs))
		return false;
	*count = 0;
	for (i = 0; i < pricing->lines; i++)
	{
		int			line = pricing->orders[pick][i];
		int			first = *count;
		int64_t		from = 0;
		int			run;

		if ((selected != NULL && !selected[line]) || units->stopped[line] ||
			(pricing->units[line] == 0 && !measured))
			continue;
		for (run = units->first[line]; run < units->first[line + 1]; run++)
		{
			const Run  *at = &units->runs[run];
			Part		part = {line, from, at->count, at->left, at->left};
			int			place = *count;

			from += at->count;
			if ((at->consumed & used) != 0)
				continue;
			while (place > first && pricing->parts[place - 1].left < part.left)
			{
				pricing->parts[place] = pricing->parts[place - 1];
				place--;
			}
			pricing->parts[place] = part;
			(*count)++;
		}
	}
	return true;
}

/* Parts of the next line; gives where those of the line after it start. */
static int
next_line(const Part *parts, int count, int at, int64_t *units, int64_t *weight)
{
	int			line = parts[at].line;

	*units = *weight = 0;
	for (; at < count && parts[at].line == line; at++)
	{
		*units += parts[at].count;
		*weight += parts[at].weight * parts[at].count;
	}
	return at;
}

bool
acting_bound(Acting *acting, const Decimal *bound, int64_t times, int64_t *most)
{
	*most = INT64_MAX;
	return bound == NULL || price_minor(acting->pricing, bound, times, ROUND_NEAREST, most);
}

/* Most that the action may take off so many units of a line */
static bool
line_bound(Acting *acting, int line, int64_t units, int64_t *most)
{
	const Action *action = acting->action;
	int64_t		bound;

	*most = price_line_room(acting->pricing, acting->units, line);
	if (!acting_bound(acting, action->max_discount_per_line, 1, &bound))
		return false;
	if (bound != INT64_MAX)
		*most = least(*most, bound > acting->pricing->taken[line] ? bound - acting->pricing->taken[line] : 0);
	if (!acting_bound(acting, action->max_discount_per_unit, units, &bound))
		return false;
	*most = least(*most, bound);
	return true;
}

/* What all bounds on the action as a whole leave */
static int64_t
all_bounds(Acting *acting)
{
	return least(acting->left, acting->allowance);
}

static void
count_taken(Acting *acting, int64_t amount)
{
	if (acting->left != INT64_MAX)
		acting->left -= amount;
	if (acting->allowance != INT64_MAX)
		acting->allowance -= amount;
}

/* Takes off each line's parts the amount that stands in shared. */
static bool
take_shared(Acting *acting, const Part *parts, int count)
{
	Pricing    *pricing = acting->pricing;
	int			at;
	int			end;

	for (at = 0; at < count; at = end)
	{
		int			line = parts[at].line;
		int64_t		units;
		int64_t		weight;
		int64_t		amount = pricing->shared[line];

		end = next_line(parts, count, at, &units, &weight);
		if (!units_spread(pricing->memory, acting->units, parts + at, end - at, amount))
			return price_fail(pricing, PRICE_NO_MEMORY);
		pricing->taken[line] += amount;
		acting->effect->goods += amount;
		count_taken(acting, amount);
	}
	return true;
}

bool
acting_take(Acting *acting, Part *parts, int count)
{
	Pricing    *pricing = acting->pricing;
	size_t		size = (size_t) pricing->lines * sizeof(int64_t);
	int64_t		total = 0;
	int64_t		most = all_bounds(acting);
	int			at;
	int			end;

	if (count == 0)
		return true;
	memset(pricing->weight, 0, size);
	for (at = 0; at < count; at = end)
	{
		int			line = parts[at].line;
		int64_t		units;
		int64_t		weight;
		int64_t		bound;

		end = next_line(parts, count, at, &units, &weight);
		if (!line_bound(acting, line, units, &bound))
			return false;
		pricing->weight[line] = least(least(pricing->want[line], weight), bound);
		total += pricing->weight[line];
	}
	if (total <= most)
		memcpy(pricing->shared, pricing->weight, size);
	else
		(void) share_out(pricing->space, most, pricing->weight, NULL, pricing->lines, pricing->shared);
	return take_shared(acting, parts, count);
}

/* Takes an amount off all selected lines, by what is left of each. */
static bool
take_order(Acting *acting, const bool *selected, int64_t amount)
{
	Pricing    *pricing = acting->pricing;
	size_t		size = (size_t) pricing->lines * sizeof(int64_t);
	int			count;
	int			at;
	int			end;

	if (amount <= 0)
		return true;
	if (!acting_parts(acting, selected, PICK_LINE_ORDER, 0, true, &count))
		return false;
	if (count == 0)
		return true;
	memset(pricing->weight, 0, size);
	memset(pricing->most, 0, size);
	for (at = 0; at < count; at = end)
	{
		int			line = pricing->parts[at].line;
		int64_t		units;

		end = next_line(pricing->parts, count, at, &units, &pricing->weight[line]);
		if (!line_bound(acting, line, units, &pricing->most[line]))
			return false;
	}
	(void) share_out(pricing->space, least(amount, all_bounds(acting)), pricing->weight, pricing->most,
					 pricing->lines, pricing->shared);
	return take_shared(acting, pricing->parts, count);
}

static bool
take_shipping(Acting *acting, int64_t amount)
{
	int64_t		most = acting->entry->goods_only ? acting->left : all_bounds(acting);

	amount = least(amount, acting->units->shipping);
	amount = least(amount, most);
	if (amount <= 0)
		return true;
	acting->units->shipping -= amount;
	acting->effect->shipping += amount;
	if (acting->left != INT64_MAX)
		acting->left -= amount;
	if (acting->allowance != INT64_MAX && !acting->entry->goods_only)
		acting->allowance -= amount;
	return true;
}

static const bool *
selected_lines(const Acting *acting)
{
	return acting->entry->selected[acting->number];
}

/* Whether percentages are of what was there before any discount */
static bool
is_of_original(const Acting *acting)
{
	Basis		base = acting->entry->promotion->base;

	return base == BASIS_BEFORE_DISCOUNTS ||
		(base == BASIS_POLICY && acting->pricing->policy->original_base);
}

/* Parts of the lines whose units the action may touch, no more than it may */
static bool
limited_parts(Acting *acting, int *count)
{
	const Action *action = acting->action;
	Pricing    *pricing = acting->pricing;
	bool		limited = action->target == TARGET_CHEAPEST_UNIT || action->max_units > 0 ||
		action->max_units_per_line > 0 || action->quantity > 0;
	Pick		pick = action->target == TARGET_CHEAPEST_UNIT ? PICK_CHEAPEST : action->pick;
	int			kept = 0;
	int			i;
	int64_t		on_line = 0;
	int64_t		units;

	if (!acting_parts(acting, selected_lines(acting), pick, 0, !limited, count))
		return false;
	if (!limited)
		return true;
	for (i = 0; i < *count; i++)
	{
		Part		part = pricing->parts[i];

		if (i == 0 || part.line != pricing->parts[i - 1].line)
			on_line = 0;
		if (action->max_units_per_line > 0)
			part.count = least(part.count, action->max_units_per_line - on_line);
		on_line += part.count;

		/* Kept in place: the line of the last part read still stands there. */
		pricing->parts[i] = part;
	}
	for (i = 0; i < *count; i++)
		if (pricing->parts[i].count > 0)
			pricing->parts[kept++] = pricing->parts[i];
	units = parts_units(pricing->parts, kept);
	if (action->max_units > 0)
		units = least(units, action->max_units);
	if (action->quantity > 0)
		units -= units % action->quantity;
	if (action->target == TARGET_CHEAPEST_UNIT)
		units = least(units, 1);
	*count = parts_cut(pricing->parts, kept, units);
	return true;
}

/* What so many units of a line, with so much left, are a percentage of */
static bool
percent_base(Acting *acting, int line, int64_t units, int64_t left, int64_t *base)
{
	Pricing    *pricing = acting->pricing;
	int64_t		all = pricing->units[line];
	Wide		part;

	*base = left;
	if (!is_of_original(acting))
		return true;
	*base = pricing->value[line];
	if (all > 0 && units < all)
	{
		(void) wide_divide((Wide) pricing->value[line] * units, all, ROUND_NEAREST, &part);
		*base = (int64_t) part;
	}
	return true;
}

/* Tells what more would reach a tier or step. */
static bool
note_step(Acting *acting, bool is_money, const Decimal *from, const Decimal *reached)
{
	PriceOutcome *outcome = acting->pricing->outcome;
	PriceStep	step = {acting->entry->index, acting->number, is_money, *reached};

	if (!acting->note)
		return true;
	step.gap.digits = -step.gap.digits;
	if (!decimal_add(&step.gap, from))
		return price_fail(acting->pricing, PRICE_OVERFLOW);
	if (!price_room(acting->pricing, (void **) &outcome->steps, outcome->step_count,
					&acting->pricing->step_room, sizeof(PriceStep)))
		return false;
	outcome->steps[outcome->step_count++] = step;
	return true;
}

/*
 * The value of the tier that is reached, by a line where tiers are of lines;
 * NULL where none is and there is no base.
 */
static bool
tier_value(Acting *acting, int line, const Decimal **value)
{
	const Action *action = acting->action;
	const Pricing *pricing = acting->pricing;
	bool		is_money = action->by == TIER_BY_ORDER_SUBTOTAL || action->by == TIER_BY_SUBTOTAL ||
		action->by == TIER_BY_LINE_SUBTOTAL;
	bool		after = price_basis_is_after(pricing, action->basis);
	int64_t		reached = 0;
	Decimal		number;
	int			i;

	switch (action->by)
	{
		case TIER_BY_ORDER_SUBTOTAL:
			reached = price_subtotal(pricing, acting->units, NULL, after);
			break;
		case TIER_BY_SUBTOTAL:
			reached = price_subtotal(pricing, acting->units, selected_lines(acting), after);
			break;
		case TIER_BY_QUANTITY:
			reached = price_quantity(pricing, selected_lines(acting));
			break;
		case TIER_BY_LINE_SUBTOTAL:
			reached = after ? acting->units->left[line] : pricing->value[line];
			break;
		case TIER_BY_LINE_QUANTITY:
			reached = pricing->cart->lines[line].quantity;
			break;
	}
	number = decimal_of(reached, is_money ? pricing->cart->exponent : QUANTITY_SCALE);
	*value = action->has_value ? &action->value : NULL;
	for (i = 0; i < action->tier_count; i++)
	{
		if (decimal_compare(&action->tiers[i].from, &number) > 0)
		{
			if (i == 0 && *value == NULL)
				acting_why(acting, is_money ? REASON_MIN_SUBTOTAL : REASON_MIN_QUANTITY,
						   &action->tiers[i].from, &number);
			return note_step(acting, is_money, &action->tiers[i].from, &number);
		}
		*value = &action->tiers[i].value;
	}
	return true;
}

static bool
is_tiered(const Action *action)
{
	return action->kind == ACTION_TIERED_PERCENT || action->kind == ACTION_TIERED_AMOUNT ||
		action->kind == ACTION_TIERED_PRICE;
}

static bool
is_by_line(const Action *action)
{
	return is_tiered(action) && (action->by == TIER_BY_LINE_SUBTOTAL || action->by == TIER_BY_LINE_QUANTITY);
}

static bool
act_percent(Acting *acting, const Decimal *percent)
{
	const Action *action = acting->action;
	Pricing    *pricing = acting->pricing;
	PercentLevel level = pricing->policy->percent_level;
	const bool *selected = selected_lines(acting);
	int64_t		total = 0;
	int64_t		amount;
	int			count;
	int			at;
	int			end;

	if (action->target == TARGET_SHIPPING)
	{
		if (!price_percent(pricing, percent, is_of_original(acting) ? pricing->cart->shipping.amount :
						   acting->units->shipping, &amount))
			return false;
		return take_shipping(acting, amount);
	}
	if (action->target == TARGET_ORDER && level != LEVEL_LINE)
	{
		for (at = 0; at < pricing->lines; at++)
			if ((selected == NULL || selected[at]) && !acting->units->stopped[at])
				total += is_of_original(acting) ? pricing->value[at] : acting->units->left[at];
		return price_percent(pricing, percent, total, &amount) && take_order(acting, selected, amount);
	}

	if (!limited_parts(acting, &count))
		return false;
	memset(pricing->weight, 0, (size_t) pricing->lines * sizeof(int64_t));
	for (at = 0; at < count; at = end)
	{
		int			line = pricing->parts[at].line;
		int64_t		units;
		int64_t		left;

		end = next_line(pricing->parts, count, at, &units, &left);
		if (!percent_base(acting, line, units, left, &pricing->weight[line]))
			return false;
		total += pricing->weight[line];
		if (is_by_line(action))
		{
			if (!tier_value(acting, line, &percent))
				return false;
			pricing->want[line] = 0;
			if (percent == NULL)
				continue;
		}
		if (!price_percent(pricing, percent, pricing->weight[line], &pricing->want[line]))
			return false;
	}
	if (level == LEVEL_ORDER && !is_by_line(action) && count > 0)
	{
		if (!price_percent(pricing, percent, total, &amount))
			return false;
		(void) share_out(pricing->space, amount, pricing->weight, NULL, pricing->lines, pricing->want);
	}
	return acting_take(acting, pricing->parts, count);
}

/* One amount for the first unit of each line, another for each further one */
static bool
want_of_units(Acting *acting, Part *parts, int count, const Decimal *first, const Decimal *further,
			  int64_t *want)
{
	Pricing    *pricing = acting->pricing;
	int64_t		units = parts_units(parts, count);
	int64_t		each;
	int64_t		whole;
	int			i;

	for (i = 0; i < count; i++)
	{
		if (!price_minor(pricing, i == 0 ? first : further, 1, ROUND_UP, &each))
			return false;
		parts[i].weight = least(parts[i].left, each);
	}
	if (first == further)
		return price_minor(pricing, first, units, ROUND_NEAREST, want);
	if (!price_minor(pricing, first, 1, ROUND_NEAREST, want) ||
		!price_minor(pricing, further, units - 1, ROUND_NEAREST, &whole))
		return false;
	if (__builtin_add_overflow(*want, whole, want))
		return price_fail(pricing, PRICE_OVERFLOW);
	return true;
}

/* Makes a part of its own of the first unit of each line. */
static bool
part_first_units(Pricing *pricing, int *count)
{
	int			at = *count;
	int			i;

	for (i = 0; i < *count; i++)
		at += (i == 0 || pricing->parts[i - 1].line != pricing->parts[i].line) &&
			pricing->parts[i].count > 1;
	if (!part_room(pricing, at))
		return false;

	/* From the end, so that no part is written over before it moved. */
	for (i = *count - 1, *count = at; i >= 0; i--)
	{
		Part		part = pricing->parts[i];

		if ((i == 0 || pricing->parts[i - 1].line != part.line) && part.count > 1)
		{
			pricing->parts[--at] = part;
			pricing->parts[at].from++;
			pricing->parts[at].count--;
			part.count = 1;
		}
		pricing->parts[--at] = part;
	}
	return true;
}

static bool
act_amount(Acting *acting, const Decimal *amount)
{
	const Action *action = acting->action;
	Pricing    *pricing = acting->pricing;
	int64_t		whole;
	int			count;
	int			at;
	int			end;

	if (action->target == TARGET_SHIPPING)
		return price_minor(pricing, amount, 1, ROUND_NEAREST, &whole) && take_shipping(acting, whole);
	if (action->target == TARGET_ORDER)
		return price_minor(pricing, amount, 1, ROUND_NEAREST, &whole) &&
			take_order(acting, selected_lines(acting), whole);

	if (!limited_parts(acting, &count))
		return false;
	if (action->has_additional && !part_first_units(pricing, &count))
		return false;
	for (at = 0; at < count; at = end)
	{
		Part	   *parts = pricing->parts + at;
		int			line = parts->line;
		int64_t		units;
		int64_t		left;

		end = next_line(pricing->parts, count, at, &units, &left);
		if (is_by_line(action))
		{
			if (!tier_value(acting, line, &amount))
				return false;
			pricing->want[line] = 0;
			if (amount == NULL)
				continue;
		}
		if (action->target == TARGET_UNIT && pricing->units[line] == 0)
		{
			/* By measure: so much for each kilogram, say */
			Decimal		product = decimal_of(pricing->cart->lines[line].quantity, QUANTITY_SCALE);

			if (!decimal_multiply(&product, amount) ||
				!decimal_units(&product, pricing->cart->exponent, ROUND_NEAREST, &pricing->want[line]))
				return price_fail(pricing, PRICE_OVERFLOW);
		}
		else if (action->target == TARGET_UNIT)
		{
			if (!want_of_units(acting, parts, end - at, amount,
							   action->has_additional ? &action->additional : amount, &pricing->want[line]))
				return false;
		}
		else if (!price_minor(pricing, amount, 1, ROUND_NEAREST, &pricing->want[line]))
			return false;
	}
	return acting_take(acting, pricing->parts, count);
}

/* Each unit for a price, unless it costs less */
static bool
act_unit_price(Acting *acting, const Decimal *price)
{
	const Action *action = acting->action;
	Pricing    *pricing = acting->pricing;
	int			count;
	int			at;
	int			end;

	if (!limited_parts(acting, &count))
		return false;
	for (at = 0; at < count; at = end)
	{
		int			line = pricing->parts[at].line;
		int64_t		units;
		int64_t		left;
		int64_t		floor;
		int64_t		whole;
		int64_t		dearer = 0;
		int64_t		worth = 0;
		int			i;

		end = next_line(pricing->parts, count, at, &units, &left);
		pricing->want[line] = 0;
		if (is_by_line(action) && !tier_value(acting, line, &price))
			return false;
		if (price == NULL)
			continue;
		if (pricing->units[line] == 0)
		{
			Decimal		product = decimal_of(pricing->cart->lines[line].quantity, QUANTITY_SCALE);

			if (!decimal_multiply(&product, price) ||
				!decimal_units(&product, pricing->cart->exponent, ROUND_NEAREST, &whole))
				return price_fail(pricing, PRICE_OVERFLOW);
			pricing->want[line] = left > whole ? left - whole : 0;
			continue;
		}
		if (!price_minor(pricing, price, 1, ROUND_DOWN, &floor))
			return false;
		for (i = at; i < end; i++)
		{
			Part	   *part = &pricing->parts[i];

			part->weight = part->left > floor ? part->left - floor : 0;
			if (part->weight > 0)
			{
				dearer += part->count;
				worth += part->left * part->count;
			}
		}
		if (!price_minor(pricing, price, dearer, ROUND_NEAREST, &whole))
			return false;
		pricing->want[line] = worth > whole ? worth - whole : 0;
	}
	return acting_take(acting, pricing->parts, count);
}

/* How often so much is in an amount */
static bool
times_in(Pricing *pricing, int64_t amount, const Decimal *every, int64_t *times)
{
	Wide		numerator = amount;
	Wide		divisor = every->digits;
	int			shift = every->scale - pricing->cart->exponent;

	for (; shift > 0; shift--)
		if (__builtin_mul_overflow((__int128) numerator, (__int128) 10, (__int128 *) &numerator))
			return price_fail(pricing, PRICE_OVERFLOW);
	for (; shift < 0; shift++)
		if (__builtin_mul_overflow((__int128) divisor, (__int128) 10, (__int128 *) &divisor))
		{
			*times = 0;
			return true;
		}
	numerator /= divisor;
	if (numerator > INT64_MAX)
		return price_fail(pricing, PRICE_OVERFLOW);
	*times = (int64_t) numerator;
	return true;
}

/* So much off for every so much */
static bool
act_amount_per(Acting *acting)
{
	const Action *action = acting->action;
	Pricing    *pricing = acting->pricing;
	int64_t		base = price_subtotal(pricing, acting->units, selected_lines(acting),
									  price_basis_is_after(pricing, action->basis));
	Decimal		reached = decimal_of(base, pricing->cart->exponent);
	Decimal		next = action->every;
	Decimal		steps;
	int64_t		times;
	int64_t		amount;

	if (!times_in(pricing, base, &action->every, &times))
		return false;
	if (action->max_times == 0 || times < action->max_times)
	{
		steps = decimal_of(times + 1, 0);
		if (!decimal_multiply(&next, &steps))
			return price_fail(pricing, PRICE_OVERFLOW);
		if (times == 0)
			acting_why(acting, REASON_MIN_SUBTOTAL, &action->every, &reached);
		if (!note_step(acting, true, &next, &reached))
			return false;
	}
	else
		times = action->max_times;
	return price_minor(pricing, &action->value, times, ROUND_NEAREST, &amount) &&
		take_order(acting, selected_lines(acting), amount);
}

/* The lines together for a price, unless they cost less */
static bool
act_set_total(Acting *acting)
{
	const bool *selected = selected_lines(acting);
	Pricing    *pricing = acting->pricing;
	int64_t		total = 0;
	int64_t		price;
	int			line;

	for (line = 0; line < pricing->lines; line++)
		if ((selected == NULL || selected[line]) && !acting->units->stopped[line])
			total += acting->units->left[line];
	return price_minor(pricing, &acting->action->value, 1, ROUND_NEAREST, &price) &&
		take_order(acting, selected, total > price ? total - price : 0);
}

static bool
act_issue(Acting *acting)
{
	Pricing    *pricing = acting->pricing;
	PriceOutcome *outcome = pricing->outcome;
	PriceIssue	issue = {acting->entry->index, acting->number};

	acting->effect->acts = true;
	if (!acting->note)
		return true;
	if (!price_room(pricing, (void **) &outcome->issues, outcome->issue_count, &pricing->issue_room,
					sizeof(PriceIssue)))
		return false;
	outcome->issues[outcome->issue_count++] = issue;
	return true;
}

/* The action's amount in this currency and channel; NULL where it has none */
static const Decimal *
amount_here(Acting *acting)
{
	const Action *action = acting->action;
	const Cart *cart = acting->pricing->cart;
	int			i;

	if (action->currency.length > 0 && !word_equal(&action->currency, &cart->currency))
	{
		acting_why(acting, REASON_CURRENCY, NULL, NULL);
		return NULL;
	}
	if (action->channel_count == 0)
		return &action->value;
	for (i = 0; i < action->channel_count; i++)
		if (word_equal(&action->channels[i].channel, &cart->channel))
			return &action->channels[i].amount;
	acting_why(acting, REASON_CHANNEL, NULL, NULL);
	return NULL;
}

static bool
act(Acting *acting)
{
	const Action *action = acting->action;
	const Decimal *value = amount_here(acting);
	int64_t		price;

	if (value == NULL)
		return true;
	if (is_tiered(action) && !is_by_line(action))
	{
		if (!tier_value(acting, -1, &value))
			return false;
		if (value == NULL)
			return true;
	}
	switch (action->kind)
	{
		case ACTION_PERCENT_OFF:
		case ACTION_TIERED_PERCENT:
			return act_percent(acting, value);
		case ACTION_AMOUNT_OFF:
		case ACTION_TIERED_AMOUNT:
			return act_amount(acting, value);
		case ACTION_SET_UNIT_PRICE:
		case ACTION_TIERED_PRICE:
			return act_unit_price(acting, value);
		case ACTION_AMOUNT_PER:
			return act_amount_per(acting);
		case ACTION_SET_TOTAL:
			return act_set_total(acting);
		case ACTION_SET_SHIPPING_PRICE:
			return price_minor(acting->pricing, value, 1, ROUND_NEAREST, &price) &&
				take_shipping(acting, acting->units->shipping - price);
		case ACTION_BUNDLE_PRICE:
			return act_bundle(acting);
		case ACTION_BUY_GET:
			return act_buy_get(acting);
		case ACTION_CHEAPEST_FREE:
			return act_cheapest_free(acting);
		case ACTION_GIFT:
			return act_gift(acting);
		case ACTION_ISSUE_CODE:
			return act_issue(acting);
	}
	return true;
}

bool
price_apply(Pricing *pricing, Entry *entry, Units *units, bool note, Effect *effect)
{
	const Promotion *promotion = entry->promotion;
	Acting		acting = {.pricing = pricing, .entry = entry, .units = units, .effect = effect,
	.allowance = entry->partial ? entry->allowance : INT64_MAX, .note = note};
	PriceMark	mark = price_mark(pricing);
	int64_t		charged;
	int			i;

	memset(effect, 0, sizeof(*effect));
	for (i = 0; i < promotion->action_count; i++)
	{
		acting.action = &promotion->actions[i];
		acting.number = i;
		if (!acting_bound(&acting, acting.action->max_discount, 1, &acting.left))
			return false;
		if (pricing->lines > 0)
			memset(pricing->taken, 0, (size_t) pricing->lines * sizeof(int64_t));
		if (!act(&acting))
			return false;
	}
	price_free_since(pricing, mark);
	effect->acts = effect->acts || effect->goods > 0 || effect->shipping > 0;

	/* A budget that does not give parts of discounts refuses what is too much. */
	effect->asked = effect->goods + effect->shipping;
	charged = effect->goods + (entry->goods_only ? 0 : effect->shipping);
	if (charged > entry->allowance || (entry->allowance == 0 && !effect->acts))
	{
		PriceFailure why = {.reason = REASON_BUDGET, .condition = -1, .has_required = true, .has_actual = true,
			.required = decimal_of(charged, pricing->cart->exponent),
		.actual = decimal_of(entry->allowance, pricing->cart->exponent)};

		effect->why = why;
		effect->acts = false;
	}
	return true;
}
