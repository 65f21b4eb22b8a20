/*-------------------------------------------------------------------------
 *
 * price.c
 *	  What promotions take off a cart: from the cart to the outcome.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "coupon/price_work.h"

/* Bytes of a block of memory, unless something is larger */
#define BLOCK_SIZE 8192

struct PriceBlock
{
	PriceBlock *next;
	size_t		size;
	size_t		used;
	Wide		bytes[];		/* of an alignment that suits everything */
};

bool
price_fail(Pricing *pricing, PriceStatus status)
{
	if (pricing->status == PRICE_DONE)
		pricing->status = status;
	return false;
}

void *
price_alloc(Pricing *pricing, size_t count, size_t size)
{
	PriceBlock *block = pricing->blocks;
	size_t		need;
	void	   *place;

	if (size > 0 && count > (SIZE_MAX / 2) / size)
	{
		(void) price_fail(pricing, PRICE_NO_MEMORY);
		return NULL;
	}
	need = (count * size + sizeof(Wide) - 1) / sizeof(Wide) * sizeof(Wide);
	if (need == 0)
		need = sizeof(Wide);
	if (block == NULL || block->size - block->used < need)
	{
		size_t		room = need > BLOCK_SIZE ? need : BLOCK_SIZE;

		block = memory_array(pricing->memory, 1, sizeof(PriceBlock) + room);
		if (block == NULL)
		{
			(void) price_fail(pricing, PRICE_NO_MEMORY);
			return NULL;
		}
		block->next = pricing->blocks;
		block->size = room;
		block->used = 0;
		pricing->blocks = block;
	}
	place = (char *) block->bytes + block->used;
	block->used += need;
	return memset(place, 0, need);
}

PriceMark
price_mark(const Pricing *pricing)
{
	PriceMark	mark = {pricing->blocks, pricing->blocks == NULL ? 0 : pricing->blocks->used};

	return mark;
}

void
price_free_since(Pricing *pricing, PriceMark mark)
{
	while (pricing->blocks != mark.block)
	{
		PriceBlock *next = pricing->blocks->next;

		memory_release(pricing->memory, pricing->blocks);
		pricing->blocks = next;
	}
	if (mark.block != NULL)
		mark.block->used = mark.used;
}

bool
price_room(Pricing *pricing, void **array, int count, int *room, size_t size)
{
	void	   *larger;
	int			wanted;

	if (count < *room)
		return true;
	wanted = *room == 0 ? 8 : *room * 2;
	larger = memory_grow(pricing->memory, *array, (size_t) count, (size_t) wanted, size);
	if (larger == NULL)
		return price_fail(pricing, PRICE_NO_MEMORY);
	*array = larger;
	*room = wanted;
	return true;
}

bool
price_minor(Pricing *pricing, const Decimal *amount, int64_t times, Rounding rounding, int64_t *minor)
{
	Decimal		product = *amount;
	Decimal		factor = {times, 0};

	if ((times != 1 && !decimal_multiply(&product, &factor)) ||
		!decimal_units(&product, pricing->cart->exponent, rounding, minor))
		return price_fail(pricing, PRICE_OVERFLOW);
	return true;
}

bool
price_tax(Pricing *pricing, const Decimal *percent, int64_t amount, bool included, int64_t *tax)
{
	Wide		one = 100;
	Wide		product;
	Wide		whole;
	int			i;

	*tax = 0;
	if (percent->digits == 0)
		return true;
	for (i = 0; i < percent->scale; i++)
		one *= 10;
	if (__builtin_mul_overflow((__int128) amount, (__int128) percent->digits, (__int128 *) &product))
		return price_fail(pricing, PRICE_OVERFLOW);

	/* What is included is amount - amount / (1 + percent / 100). */
	(void) wide_divide(product, included ? one + percent->digits : one, ROUND_NEAREST, &whole);
	if (whole > INT64_MAX)
		return price_fail(pricing, PRICE_OVERFLOW);
	*tax = (int64_t) whole;
	return true;
}

bool
price_note(Pricing *pricing, Entry *entry, const PriceFailure *failure)
{
	PriceOutcome *outcome = pricing->outcome;

	if (!price_room(pricing, (void **) &outcome->failures, outcome->failure_count,
					&pricing->failure_room, sizeof(PriceFailure)))
		return false;
	if (entry->failures == 0)
		entry->failure = outcome->failure_count;
	outcome->failures[outcome->failure_count++] = *failure;
	entry->failures++;
	return true;
}

/* Percent from 0 to a most, with decimals that exact products have room for */
static bool
is_percent(const Decimal *percent, int most)
{
	Decimal		limit = decimal_of(most, 0);

	return percent->digits >= 0 && percent->scale >= 0 && percent->scale <= 8 &&
		decimal_compare(percent, &limit) <= 0;
}

static bool
is_amount(const Decimal *amount)
{
	return amount->digits >= 0 && amount->scale >= 0 && amount->scale <= DECIMAL_SCALE;
}

static bool
is_bound(const Decimal *bound)
{
	return bound == NULL || is_amount(bound);
}

/* The trees of a promotion have conditions in them, and no more levels. */
static bool
trees_are_good(const Condition *conditions, int count, int depth)
{
	int			node;

	for (node = 0; node < count; node += conditions[node].size)
	{
		const Condition *condition = &conditions[node];
		bool		is_tree = condition->kind <= CONDITION_NONE;

		if (condition->size < 1 || condition->size > count - node ||
			is_tree != (condition->size > 1) || (is_tree && depth == CONDITION_DEPTH))
			return false;
		if (is_tree && !trees_are_good(condition + 1, condition->size - 1, depth + 1))
			return false;
	}
	return true;
}

static bool
condition_is_good(const Condition *condition)
{
	switch (condition->kind)
	{
		case CONDITION_CUSTOMER_GROUP:
		case CONDITION_SEGMENT:
		case CONDITION_TIER:
		case CONDITION_CHANNEL:
		case CONDITION_REGION:
		case CONDITION_CURRENCY:
		case CONDITION_PAYMENT_METHOD:
		case CONDITION_SHIPPING_METHOD:
			return condition->words != NULL;
		case CONDITION_CONTAINS_ALL:
			return condition->select != NULL;
		case CONDITION_SCHEDULE:
			return condition->schedule != NULL;
		case CONDITION_ATTRIBUTE:
			return condition->comparison != NULL;
		default:
			return is_amount(&condition->number);
	}
}

static bool
action_is_good(const Action *action)
{
	bool		by_line = action->by == TIER_BY_LINE_SUBTOTAL || action->by == TIER_BY_LINE_QUANTITY;
	int			i;

	if (!is_amount(&action->value) || !is_amount(&action->additional) || !is_bound(action->max_discount) ||
		!is_bound(action->max_discount_per_line) || !is_bound(action->max_discount_per_unit) ||
		action->max_units < 0 || action->max_units_per_line < 0 || action->max_times < 0 ||
		action->quantity < 0 || action->get_quantity < 0)
		return false;
	for (i = 0; i < action->channel_count; i++)
		if (!is_amount(&action->channels[i].amount))
			return false;
	for (i = 0; i < action->tier_count; i++)
		if (!is_amount(&action->tiers[i].value) || !is_amount(&action->tiers[i].from) ||
			(action->kind == ACTION_TIERED_PERCENT && !is_percent(&action->tiers[i].value, 100)) ||
			(i > 0 && decimal_compare(&action->tiers[i - 1].from, &action->tiers[i].from) >= 0))
			return false;
	switch (action->kind)
	{
		case ACTION_PERCENT_OFF:
			return is_percent(&action->value, 100) && action->target != TARGET_UNIT;
		case ACTION_TIERED_PERCENT:
			return is_percent(&action->value, 100) && action->target != TARGET_UNIT &&
				(!by_line || action->target == TARGET_LINES);
		case ACTION_TIERED_AMOUNT:
			return !by_line || action->target == TARGET_LINES || action->target == TARGET_UNIT;
		case ACTION_AMOUNT_PER:
			return action->every.digits > 0 && is_amount(&action->every);
		case ACTION_BUNDLE_PRICE:
			return action->quantity > 0;
		case ACTION_BUY_GET:
			return action->quantity > 0 && action->get_quantity > 0 && is_percent(&action->value, 100);
		case ACTION_CHEAPEST_FREE:
			return action->quantity > 0 && action->get_quantity > 0 &&
				action->get_quantity <= action->quantity && is_percent(&action->value, 100) &&
				action->pick != PICK_LINE_ORDER;
		case ACTION_GIFT:
			return action->get_quantity > 0;
		default:
			return true;
	}
}

static bool
promotion_is_good(const Promotion *promotion)
{
	int			i;

	if (promotion->condition_count < 0 || promotion->action_count < 0 ||
		!trees_are_good(promotion->conditions, promotion->condition_count, 0))
		return false;
	for (i = 0; i < promotion->condition_count; i++)
		if (!condition_is_good(&promotion->conditions[i]))
			return false;
	for (i = 0; i < promotion->action_count; i++)
		if (!action_is_good(&promotion->actions[i]))
			return false;
	for (i = 0; i < promotion->group_count; i++)
		if (promotion->groups[i].most < 1)
			return false;
	return true;
}

static bool
limits_are_good(const PriceCandidate *candidate)
{
	int			i;

	for (i = 0; i < candidate->limit_count; i++)
		if (candidate->limits[i].most < 0 || candidate->limits[i].used < 0)
			return false;
	return true;
}

/* A line's value, the least that it may come to, and its units */
static bool
start_line(Pricing *pricing, int line)
{
	const Cart *cart = pricing->cart;
	const CartLine *at = &cart->lines[line];
	Decimal		quantity = decimal_of(at->quantity, QUANTITY_SCALE);
	Decimal		value = at->unit_price;
	Decimal		floor = at->min_unit_price;
	int64_t		units = at->quantity % QUANTITY_ONE == 0 ? at->quantity / QUANTITY_ONE : 0;

	pricing->outcome->line = line;
	if (at->quantity <= 0 || !is_amount(&at->unit_price) ||
		at->unit_price.scale > cart->exponent + UNIT_PRICE_DECIMALS ||
		!is_amount(&at->min_unit_price) || !is_percent(&at->tax_percent, 1000))
		return price_fail(pricing, PRICE_BAD_LINE);
	if (!decimal_multiply(&value, &quantity) ||
		!decimal_units(&value, cart->exponent, ROUND_NEAREST, &pricing->value[line]) ||
		!decimal_multiply(&floor, &quantity) ||
		!decimal_units(&floor, cart->exponent, ROUND_UP, &pricing->floor[line]) ||
		__builtin_add_overflow(pricing->outcome->goods, pricing->value[line], &pricing->outcome->goods))
		return price_fail(pricing, PRICE_OVERFLOW);
	if (__builtin_add_overflow(pricing->quantity, at->quantity, &pricing->quantity))
		return price_fail(pricing, PRICE_OVERFLOW);
	pricing->units[line] = units;
	if (!units_append(pricing->memory, &pricing->start, line, units > 0 ? units : 1, pricing->value[line]))
		return price_fail(pricing, PRICE_NO_MEMORY);
	return true;
}

/* Lines by their unit price, dearest or cheapest first; of equals the earlier */
static void
sort_lines(const Pricing *pricing, int *order, int sign)
{
	int			i;
	int			gap;

	for (i = 0; i < pricing->lines; i++)
		order[i] = i;
	for (gap = pricing->lines / 2; gap > 0; gap /= 2)
		for (i = gap; i < pricing->lines; i++)
		{
			int			line = order[i];
			int			place = i;

			while (place >= gap)
			{
				int			other = order[place - gap];
				int			way = sign * decimal_compare(&pricing->cart->lines[other].unit_price,
														 &pricing->cart->lines[line].unit_price);

				if (way < 0 || (way == 0 && other < line))
					break;
				order[place] = other;
				place -= gap;
			}
			order[place] = line;
		}
}

static bool
start_lines(Pricing *pricing)
{
	size_t		lines = (size_t) pricing->lines;
	int			line;

	pricing->value = price_alloc(pricing, lines, sizeof(int64_t));
	pricing->floor = price_alloc(pricing, lines, sizeof(int64_t));
	pricing->units = price_alloc(pricing, lines, sizeof(int64_t));
	pricing->want = price_alloc(pricing, lines, sizeof(int64_t));
	pricing->most = price_alloc(pricing, lines, sizeof(int64_t));
	pricing->shared = price_alloc(pricing, lines, sizeof(int64_t));
	pricing->weight = price_alloc(pricing, lines, sizeof(int64_t));
	pricing->taken = price_alloc(pricing, lines, sizeof(int64_t));
	for (line = 0; line < PICKS; line++)
		pricing->orders[line] = price_alloc(pricing, lines, sizeof(int));
	if (pricing->status != PRICE_DONE)
		return false;
	pricing->space = share_space(pricing->memory, pricing->lines);
	if (pricing->space == NULL || !units_start(pricing->memory, &pricing->start, pricing->lines))
		return price_fail(pricing, PRICE_NO_MEMORY);
	for (line = 0; line < pricing->lines; line++)
		if (!start_line(pricing, line))
			return false;
	pricing->start.shipping = pricing->cart->shipping.amount;
	if (__builtin_add_overflow(pricing->outcome->goods, pricing->start.shipping, &pricing->outcome->total))
		return price_fail(pricing, PRICE_OVERFLOW);
	sort_lines(pricing, pricing->orders[PICK_DEAREST], -1);
	sort_lines(pricing, pricing->orders[PICK_CHEAPEST], 1);
	for (line = 0; line < pricing->lines; line++)
		pricing->orders[PICK_LINE_ORDER][line] = line;
	return true;
}

/* Which lines are selected; NULL, and true, for all */
static bool
select_lines(Pricing *pricing, const Select *select, bool **selected)
{
	int			line;

	*selected = NULL;
	if (select == NULL)
		return true;
	*selected = price_alloc(pricing, (size_t) pricing->lines, sizeof(bool));
	if (*selected == NULL)
		return false;
	for (line = 0; line < pricing->lines; line++)
		(*selected)[line] = price_selects(select, &pricing->cart->lines[line]);
	return true;
}

static bool
is_shipping(const Action *action)
{
	if (action->kind == ACTION_SET_SHIPPING_PRICE)
		return true;
	return action->target == TARGET_SHIPPING &&
		(action->kind == ACTION_PERCENT_OFF || action->kind == ACTION_AMOUNT_OFF ||
		 action->kind == ACTION_TIERED_PERCENT || action->kind == ACTION_TIERED_AMOUNT);
}

static bool
is_of_order(const Action *action)
{
	switch (action->kind)
	{
		case ACTION_SET_TOTAL:
		case ACTION_AMOUNT_PER:
			return true;
		case ACTION_PERCENT_OFF:
		case ACTION_AMOUNT_OFF:
		case ACTION_TIERED_PERCENT:
		case ACTION_TIERED_AMOUNT:
			return action->target == TARGET_ORDER;
		default:
			return false;
	}
}

static bool
uses_units(const Action *action)
{
	return action->kind == ACTION_BUNDLE_PRICE || action->kind == ACTION_BUY_GET ||
		action->kind == ACTION_CHEAPEST_FREE;
}

/* The place of a group, which is appended where it is new */
static int
group_place(PriceGroup *groups, int *count, const Word *name, int most)
{
	int			i;

	for (i = 0; i < *count; i++)
		if (word_equal(&groups[i].name, name))
			break;
	if (i == *count)
	{
		groups[i].name = *name;
		groups[i].most = most;
		groups[i].count = 0;
		(*count)++;
	}
	else if (most < groups[i].most)
		groups[i].most = most;
	return i;
}

/* Whether a condition or action looks at what is left when its turn comes */
static bool
is_late(const Pricing *pricing, const Promotion *promotion)
{
	int			i;

	for (i = 0; i < promotion->condition_count; i++)
	{
		const Condition *condition = &promotion->conditions[i];

		if ((condition->kind == CONDITION_MIN_SUBTOTAL || condition->kind == CONDITION_MAX_SUBTOTAL) &&
			price_basis_is_after(pricing, condition->basis))
			return true;
	}
	return false;
}

static bool
tiers_are_late(const Pricing *pricing, const Action *action)
{
	bool		by_money = action->kind == ACTION_AMOUNT_PER ||
		((action->kind == ACTION_TIERED_PERCENT || action->kind == ACTION_TIERED_AMOUNT ||
		  action->kind == ACTION_TIERED_PRICE) &&
		 action->by != TIER_BY_QUANTITY && action->by != TIER_BY_LINE_QUANTITY);

	return by_money && price_basis_is_after(pricing, action->basis);
}

/* What an entry may touch, and where it stands */
static bool
start_entry(Pricing *pricing, Entry *entry, PriceGroup *consuming, int *consuming_count)
{
	const Promotion *promotion = entry->promotion;
	size_t		actions = (size_t) promotion->action_count;
	bool		order = false;
	bool		ships_alone = actions > 0;
	int			line;
	int			i;

	entry->selected = price_alloc(pricing, actions, sizeof(bool *));
	entry->get_selected = price_alloc(pricing, actions, sizeof(bool *));
	entry->consumes = price_alloc(pricing, actions, sizeof(uint64_t));
	entry->lines = price_alloc(pricing, (size_t) pricing->lines, sizeof(bool));
	entry->groups = price_alloc(pricing, (size_t) promotion->group_count, sizeof(int));
	if (pricing->status != PRICE_DONE)
		return false;
	for (i = 0; i < promotion->action_count; i++)
	{
		const Action *action = &promotion->actions[i];

		if (!select_lines(pricing, action->select, &entry->selected[i]) ||
			!select_lines(pricing, action->get_select, &entry->get_selected[i]))
			return false;
		entry->late = entry->late || tiers_are_late(pricing, action);
		order = order || is_of_order(action);
		if (is_shipping(action))
		{
			entry->ships = true;
			continue;
		}
		ships_alone = false;
		if (action->kind == ACTION_GIFT || action->kind == ACTION_ISSUE_CODE)
			continue;
		for (line = 0; line < pricing->lines; line++)
			if (entry->selected[i] == NULL || entry->selected[i][line] ||
				(action->kind == ACTION_BUY_GET &&
				 (entry->get_selected[i] == NULL || entry->get_selected[i][line])))
				entry->lines[line] = true;
		if (uses_units(action))
		{
			int			group = group_place(consuming, consuming_count, &action->consumes, 0);

			if (group >= CONSUMING_GROUPS)
				return price_fail(pricing, PRICE_MANY_GROUPS);
			entry->consumes[i] = UINT64_C(1) << group;
		}
	}
	for (i = 0; i < promotion->group_count; i++)
		entry->groups[i] = group_place(pricing->groups, &pricing->group_count,
									   &promotion->groups[i].name, promotion->groups[i].most);
	entry->lane = ships_alone ? PRICE_SHIPPING_LANE : promotion->lane;
	entry->class = promotion->class_given ? promotion->class :
		ships_alone ? CLASS_SHIPPING : order ? CLASS_ORDER : CLASS_ITEM;
	return true;
}

static bool
fails(Pricing *pricing, Entry *entry, Reason reason)
{
	PriceFailure failure = {.reason = reason, .condition = -1};

	return price_note(pricing, entry, &failure);
}

/* Whether limits leave a use, and how much budgets leave */
static bool
check_limits(Pricing *pricing, Entry *entry)
{
	const Cart *cart = pricing->cart;
	int			i;

	for (i = 0; i < entry->candidate->limit_count; i++)
	{
		const PriceLimit *limit = &entry->candidate->limits[i];
		bool		is_budget = limit->reason == REASON_BUDGET;
		int64_t		left = limit->most > limit->used ? limit->most - limit->used : 0;
		PriceFailure failure = {.reason = limit->reason, .condition = -1, .has_required = true, .has_actual = true};

		if (limit->per_customer && cart->customer.id.length == 0)
		{
			if (!fails(pricing, entry, REASON_CUSTOMER_REQUIRED))
				return false;
			continue;
		}
		if (is_budget && left < entry->allowance)
		{
			entry->allowance = left;
			entry->goods_only = limit->goods_only;
		}
		if (is_budget && !limit->partial)
			entry->partial = false;
		if (left > 0)
			continue;
		failure.required = decimal_of(limit->most, is_budget ? cart->exponent : 0);
		failure.actual = decimal_of(limit->used, is_budget ? cart->exponent : 0);
		if (!price_note(pricing, entry, &failure))
			return false;
	}
	return true;
}

/* Whether anything but other promotions keeps this one from applying */
static bool
check_entry(Pricing *pricing, Entry *entry)
{
	const Promotion *promotion = entry->promotion;
	const Cart *cart = pricing->cart;
	bool		hold = true;

	entry->allowance = INT64_MAX;
	entry->partial = true;
	if (entry->candidate->refused != REASON_NONE && !fails(pricing, entry, entry->candidate->refused))
		return false;
	if (promotion->needs_code && !entry->candidate->has_code && entry->candidate->refused == REASON_NONE &&
		!fails(pricing, entry, REASON_CODE_REQUIRED))
		return false;
	if (promotion->starts_at != INT64_MIN && (!cart->now_known || cart->now < promotion->starts_at) &&
		!fails(pricing, entry, REASON_NOT_STARTED))
		return false;
	if (promotion->ends_at != INT64_MAX && (!cart->now_known || cart->now >= promotion->ends_at) &&
		!fails(pricing, entry, REASON_EXPIRED))
		return false;
	if (promotion->channels != NULL && !word_set_has(promotion->channels, &cart->channel) &&
		!fails(pricing, entry, REASON_CHANNEL))
		return false;
	if (promotion->currency.length > 0 && !word_equal(&promotion->currency, &cart->currency) &&
		!fails(pricing, entry, REASON_CURRENCY))
		return false;
	if (!check_limits(pricing, entry))
		return false;
	entry->late = is_late(pricing, promotion);
	if (!entry->late && (entry->failures == 0 || !pricing->policy->brief) &&
		!price_conditions(pricing, entry, &pricing->start, true, &hold))
		return false;
	entry->eligible = hold && entry->failures == 0;
	if (!entry->eligible)
		entry->reason = entry->failures > 0 ?
			pricing->outcome->failures[entry->failure].reason : REASON_CONTAINS;
	return true;
}

int
price_rank_order(const void *a, const void *b)
{
	const Entry *left = *(Entry *const *) a;
	const Entry *right = *(Entry *const *) b;

	if (left->lane != right->lane)
		return left->lane < right->lane ? -1 : 1;
	if (left->promotion->priority != right->promotion->priority)
		return left->promotion->priority < right->promotion->priority ? -1 : 1;
	return left->index < right->index ? -1 : 1;
}

static bool
start_entries(Pricing *pricing, const PriceCandidate *candidates)
{
	PriceGroup *consuming;
	size_t		groups = 0;
	size_t		uses = 0;
	int			consuming_count = 0;
	int			i;
	int			j;

	pricing->entries = price_alloc(pricing, (size_t) pricing->count, sizeof(Entry));
	pricing->ranked = price_alloc(pricing, (size_t) pricing->count, sizeof(Entry *));
	if (pricing->entries == NULL || pricing->ranked == NULL)
		return false;
	for (i = 0; i < pricing->count; i++)
	{
		const Promotion *promotion = candidates[i].promotion;

		if (!promotion_is_good(promotion) || !limits_are_good(&candidates[i]))
		{
			pricing->outcome->promotion = i;
			return price_fail(pricing, PRICE_BAD_PROMOTION);
		}
		groups += (size_t) promotion->group_count;
		for (j = 0; j < promotion->action_count; j++)
			uses += uses_units(&promotion->actions[j]);
	}
	pricing->groups = price_alloc(pricing, groups, sizeof(PriceGroup));
	consuming = price_alloc(pricing, uses, sizeof(PriceGroup));
	if (pricing->groups == NULL || consuming == NULL)
		return false;
	for (i = 0; i < pricing->count; i++)
	{
		Entry	   *entry = &pricing->entries[i];

		if (!pricing->memory->may_go_on(pricing->memory->arg))
			return price_fail(pricing, PRICE_CANCELED);
		entry->promotion = candidates[i].promotion;
		entry->candidate = &candidates[i];
		entry->index = i;
		entry->winner = -1;
		pricing->ranked[i] = entry;
		if (!check_entry(pricing, entry))
			return false;
		if (entry->eligible && !start_entry(pricing, entry, consuming, &consuming_count))
			return false;
	}
	qsort(pricing->ranked, (size_t) pricing->count, sizeof(Entry *), price_rank_order);
	return true;
}

/* What is left of each line, by units, beside what was there */
static bool
finish_line(Pricing *pricing, int line)
{
	PriceOutcome *outcome = pricing->outcome;
	PriceLine  *at = &outcome->lines[line];
	int64_t		kept = pricing->now.left[line];

	at->value = pricing->value[line];
	at->discount = at->value - kept;
	if (!price_tax(pricing, &pricing->cart->lines[line].tax_percent, kept,
				   pricing->cart->prices_include_tax, &at->tax) ||
		!price_pieces(pricing, &pricing->start, &pricing->now, line, &at->piece, &at->pieces))
		return false;
	outcome->goods_discount += at->discount;
	if (__builtin_add_overflow(outcome->tax_total, at->tax, &outcome->tax_total))
		return price_fail(pricing, PRICE_OVERFLOW);
	return true;
}

static bool
finish(Pricing *pricing)
{
	PriceOutcome *outcome = pricing->outcome;
	const Cart *cart = pricing->cart;
	int			line;
	int			i;

	outcome->line_count = pricing->lines;
	outcome->lines = memory_zero_array(pricing->memory, (size_t) pricing->lines, sizeof(PriceLine));
	outcome->rejected = memory_array(pricing->memory, (size_t) pricing->count, sizeof(PriceRejected));
	if (outcome->lines == NULL || outcome->rejected == NULL)
		return price_fail(pricing, PRICE_NO_MEMORY);
	for (line = 0; line < pricing->lines; line++)
		if (!finish_line(pricing, line))
			return false;
	for (i = 0; i < pricing->count; i++)
	{
		const Entry *entry = &pricing->entries[i];
		PriceRejected rejected = {i, entry->reason, entry->winner, entry->failure, entry->failures};

		if (!entry->applied)
			outcome->rejected[outcome->rejected_count++] = rejected;
	}
	outcome->shipping = cart->shipping.amount;
	outcome->shipping_discount = outcome->shipping - pricing->now.shipping;
	if (!price_tax(pricing, &cart->shipping.tax_percent, pricing->now.shipping, cart->prices_include_tax,
				   &outcome->shipping_tax))
		return false;
	if (__builtin_add_overflow(outcome->tax_total, outcome->shipping_tax, &outcome->tax_total))
		return price_fail(pricing, PRICE_OVERFLOW);
	outcome->total -= outcome->goods_discount + outcome->shipping_discount;
	outcome->total_with_tax = outcome->total_without_tax = outcome->total;
	if (cart->prices_include_tax)
		outcome->total_without_tax -= outcome->tax_total;
	else if (__builtin_add_overflow(outcome->total, outcome->tax_total, &outcome->total_with_tax))
		return price_fail(pricing, PRICE_OVERFLOW);
	return true;
}

PriceStatus
price_cart(const Memory *memory, const Cart *cart, const PriceCandidate *candidates, int count,
		   const PricePolicy *policy, PriceOutcome *outcome)
{
	PriceMark	nothing = {NULL, 0};
	Pricing		pricing = {.memory = memory, .cart = cart, .policy = policy, .outcome = outcome,
	.lines = cart->line_count, .count = count};

	memset(outcome, 0, sizeof(*outcome));
	outcome->optimal = true;
	if (cart->exponent < 0 || cart->exponent > CURRENCY_EXPONENT_MOST)
		(void) price_fail(&pricing, PRICE_BAD_EXPONENT);
	else if (cart->shipping.amount < 0 || !is_percent(&cart->shipping.tax_percent, 1000))
		(void) price_fail(&pricing, PRICE_BAD_SHIPPING);
	else if (start_lines(&pricing) && start_entries(&pricing, candidates))
	{
		if (!units_copy(memory, &pricing.now, &pricing.start))
			(void) price_fail(&pricing, PRICE_NO_MEMORY);
		else if (price_combine(&pricing))
			(void) finish(&pricing);
	}
	units_release(memory, &pricing.start);
	units_release(memory, &pricing.now);
	units_release(memory, &pricing.spare);
	units_release(memory, &pricing.trial);
	units_release(memory, &pricing.ahead);
	units_release(memory, &pricing.base);
	share_space_release(memory, pricing.space);
	memory_release(memory, pricing.parts);
	price_free_since(&pricing, nothing);
	return pricing.status;
}

void
price_release(const Memory *memory, PriceOutcome *outcome)
{
	memory_release(memory, outcome->lines);
	memory_release(memory, outcome->applied);
	memory_release(memory, outcome->shares);
	memory_release(memory, outcome->pieces);
	memory_release(memory, outcome->rejected);
	memory_release(memory, outcome->failures);
	memory_release(memory, outcome->gifts);
	memory_release(memory, outcome->issues);
	memory_release(memory, outcome->steps);
	memset(outcome, 0, sizeof(*outcome));
}
