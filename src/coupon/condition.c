/*-------------------------------------------------------------------------
 *
 * condition.c
 *	  Whether a cart meets what a promotion asks for.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "core/time.h"
#include "coupon/price_work.h"

/* 1, 0 or -1 for a value beside a wanted one; false where they have no order. */
static bool
value_order(const Value *known, const Value *wanted, int *order)
{
	if (wanted->kind == VALUE_TIME && known->kind == VALUE_TEXT)
	{
		int64_t		at;

		if (!time_read(known->text.text, known->text.length, &at))
			return false;
		*order = at < wanted->time ? -1 : at > wanted->time;
		return true;
	}
	if (known->kind != wanted->kind)
		return false;
	switch (known->kind)
	{
		case VALUE_TEXT:
			{
				size_t		least = known->text.length < wanted->text.length ?
					known->text.length : wanted->text.length;

				*order = least == 0 ? 0 : memcmp(known->text.text, wanted->text.text, least);
				if (*order == 0)
					*order = known->text.length < wanted->text.length ? -1 :
						known->text.length > wanted->text.length;
				return true;
			}
		case VALUE_NUMBER:
			*order = decimal_compare(&known->number, &wanted->number);
			return true;
		case VALUE_TRUTH:
			*order = (int) known->truth - (int) wanted->truth;
			return true;
		case VALUE_TIME:
			*order = known->time < wanted->time ? -1 : known->time > wanted->time;
			return true;
		case VALUE_TEXTS:
			break;
	}
	return false;
}

/* Whether a value equals any of those wanted; comparable says if it could. */
static bool
equals_any(const Value *known, const Comparison *comparison, bool *comparable)
{
	int			i;
	int			order;

	*comparable = false;
	for (i = 0; i < comparison->count; i++)
	{
		if (!value_order(known, &comparison->value[i], &order))
			continue;
		*comparable = true;
		if (order == 0)
			return true;
	}
	return false;
}

static bool
compares(const Value *known, const Comparison *comparison)
{
	int			order = 0;
	bool		comparable;
	bool		equal;
	int			i;

	if (known == NULL)
		return false;
	switch (comparison->op)
	{
		case COMPARE_EXISTS:
			return true;
		case COMPARE_EQ:
		case COMPARE_IN:
			return equals_any(known, comparison, &comparable);
		case COMPARE_NE:
		case COMPARE_NOT_IN:
			equal = equals_any(known, comparison, &comparable);
			return comparable && !equal;
		case COMPARE_STARTS_WITH:
			for (i = 0; i < comparison->count; i++)
			{
				const Value *wanted = &comparison->value[i];

				if (known->kind == VALUE_TEXT && wanted->kind == VALUE_TEXT &&
					known->text.length >= wanted->text.length &&
					(wanted->text.length == 0 ||
					 memcmp(known->text.text, wanted->text.text, wanted->text.length) == 0))
					return true;
			}
			return false;
		case COMPARE_CONTAINS:
			for (i = 0; i < comparison->count; i++)
				if (known->kind == VALUE_TEXTS && comparison->value[i].kind == VALUE_TEXT &&
					word_set_has(&known->texts, &comparison->value[i].text))
					return true;
			return false;
		case COMPARE_LT:
		case COMPARE_LTE:
		case COMPARE_GT:
		case COMPARE_GTE:
			if (comparison->count != 1 || !value_order(known, &comparison->value[0], &order))
				return false;
			if (comparison->op == COMPARE_LT)
				return order < 0;
			if (comparison->op == COMPARE_LTE)
				return order <= 0;
			return comparison->op == COMPARE_GT ? order > 0 : order >= 0;
	}
	return false;
}

bool
price_selects(const Select *select, const CartLine *line)
{
	int			i;

	if (select == NULL)
		return true;
	if (select->products != NULL && !word_set_has(select->products, &line->product))
		return false;
	if (select->categories != NULL && !word_set_meet(select->categories, &line->categories))
		return false;
	if (select->exclude_products != NULL && word_set_has(select->exclude_products, &line->product))
		return false;
	if (select->exclude_categories != NULL && word_set_meet(select->exclude_categories, &line->categories))
		return false;
	if (select->unit_price_min != NULL && decimal_compare(&line->unit_price, select->unit_price_min) < 0)
		return false;
	if (select->unit_price_max != NULL && decimal_compare(&line->unit_price, select->unit_price_max) > 0)
		return false;
	if (select->exclude_on_sale && line->on_sale)
		return false;
	for (i = 0; i < select->comparison_count; i++)
	{
		const Comparison *comparison = &select->comparisons[i];

		if (!compares(facts_find(&line->facts, &comparison->name), comparison))
			return false;
	}
	return true;
}

/* Sums of lines are at most the cart's, which was found to fit. */
int64_t
price_subtotal(const Pricing *pricing, const Units *units, const bool *selected, bool after)
{
	const int64_t *values = after ? units->left : pricing->value;
	int64_t		sum = 0;
	int			line;

	for (line = 0; line < pricing->lines; line++)
		if (selected == NULL || selected[line])
			sum += values[line];
	return sum;
}

int64_t
price_quantity(const Pricing *pricing, const bool *selected)
{
	int64_t		sum = 0;
	int			line;

	for (line = 0; line < pricing->lines; line++)
		if (selected == NULL || selected[line])
			sum += pricing->cart->lines[line].quantity;
	return sum;
}

bool
price_basis_is_after(const Pricing *pricing, Basis basis)
{
	return basis == BASIS_AFTER_PREVIOUS ||
		(basis == BASIS_POLICY && pricing->policy->after_previous);
}

/* What a subtotal is with the tax that the condition speaks of */
static bool
taxed_subtotal(Pricing *pricing, const Condition *condition, const Units *units, int64_t *subtotal)
{
	const Cart *cart = pricing->cart;
	bool		included = condition->tax == TAX_INCLUDED;
	bool		convert = condition->tax != TAX_OF_CART && included != cart->prices_include_tax;
	bool		after = price_basis_is_after(pricing, condition->basis);
	int			line;

	*subtotal = 0;
	for (line = 0; line < pricing->lines; line++)
	{
		int64_t		value = after ? units->left[line] : pricing->value[line];
		int64_t		tax = 0;

		if (!price_selects(condition->select, &cart->lines[line]))
			continue;
		if (convert && !price_tax(pricing, &cart->lines[line].tax_percent, value,
								  cart->prices_include_tax, &tax))
			return false;
		if (__builtin_add_overflow(*subtotal, value, subtotal) ||
			__builtin_add_overflow(*subtotal, included ? tax : -tax, subtotal))
			return price_fail(pricing, PRICE_OVERFLOW);
	}
	return true;
}

static void
failure_numbers(PriceFailure *failure, const Decimal *required, int64_t actual, int scale)
{
	failure->has_required = true;
	failure->required = *required;
	failure->has_actual = true;
	failure->actual = decimal_of(actual, scale);
}

/* Quantities of what a condition selects: of all, or the largest line's */
static int64_t
quantity_of(const Pricing *pricing, const Condition *condition, bool largest)
{
	int64_t		found = 0;
	int			line;

	for (line = 0; line < pricing->lines; line++)
	{
		const CartLine *at = &pricing->cart->lines[line];

		if (!price_selects(condition->select, at))
			continue;
		if (!largest)
			found += at->quantity;
		else if (at->quantity > found)
			found = at->quantity;
	}
	return found;
}

static int
products_of(const Pricing *pricing, const Condition *condition)
{
	const CartLine *lines = pricing->cart->lines;
	int			found = 0;
	int			line;
	int			other;

	for (line = 0; line < pricing->lines; line++)
	{
		if (!price_selects(condition->select, &lines[line]))
			continue;
		for (other = 0; other < line; other++)
			if (word_equal(&lines[other].product, &lines[line].product) &&
				price_selects(condition->select, &lines[other]))
				break;
		found += other == line;
	}
	return found;
}

/* Whether each word, a product or a category, is on a line that is selected */
static bool
covers(const Pricing *pricing, const Condition *condition, const WordSet *words, bool products)
{
	int			line;
	int			i;

	for (i = 0; words != NULL && i < words->count; i++)
	{
		for (line = 0; line < pricing->lines; line++)
		{
			const CartLine *at = &pricing->cart->lines[line];

			if (price_selects(condition->select, at) &&
				(products ? word_equal(&at->product, &words->word[i]) :
				 word_set_has(&at->categories, &words->word[i])))
				break;
		}
		if (line == pricing->lines)
			return false;
	}
	return true;
}

static bool
contains(const Pricing *pricing, const Condition *condition)
{
	int			line;

	for (line = 0; line < pricing->lines; line++)
		if (price_selects(condition->select, &pricing->cart->lines[line]))
			return true;
	return false;
}

/* DE-BY is in DE and in DE-BY. */
static bool
in_region(const WordSet *regions, const Word *region)
{
	Word		part = *region;

	while (part.length > 0)
	{
		if (word_set_has(regions, &part))
			return true;
		while (part.length > 0 && part.text[part.length - 1] != '-')
			part.length--;
		if (part.length > 0)
			part.length--;
	}
	return false;
}

/* The time on the wall where the condition is; an unknown now has none. */
static bool
local_now(const Pricing *pricing, const Condition *condition, int64_t *local)
{
	int64_t		now = pricing->cart->now;

	if (!pricing->cart->now_known || now < TIME_FIRST + 2 * TIME_DAY || now > TIME_END - 2 * TIME_DAY)
		return false;
	*local = condition->zone == NULL ? now : zone_local(condition->zone, now);
	return true;
}

static bool
on_day(const Schedule *schedule, int64_t day)
{
	return schedule->weekdays == 0 || (schedule->weekdays >> (zone_weekday(day) - 1) & 1) != 0;
}

static bool
in_schedule(const Pricing *pricing, const Condition *condition)
{
	const Schedule *schedule = condition->schedule;
	int64_t		local;
	int64_t		day;
	int64_t		clock;
	int			i;

	if (!local_now(pricing, condition, &local))
		return false;
	day = zone_day(local);
	clock = local - day * ZONE_DAY;
	if (schedule->window_count == 0)
		return on_day(schedule, day);
	for (i = 0; i < schedule->window_count; i++)
	{
		const HourWindow *window = &schedule->windows[i];

		if (window->from < window->until)
		{
			if (clock >= window->from && clock < window->until && on_day(schedule, day))
				return true;
		}
		else if ((clock >= window->from && on_day(schedule, day)) ||
				 (clock < window->until && on_day(schedule, day - 1)))
			return true;
	}
	return false;
}

static bool
is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Who was born on 29 February has the birthday on the 28th of other years. */
static bool
near_birthday(const Pricing *pricing, const Condition *condition)
{
	const CartCustomer *customer = &pricing->cart->customer;
	int64_t		local;
	int64_t		today;
	int64_t		year;
	int64_t		born;
	int			month;
	int			day;
	int			step;

	if (!customer->birthday_known || !local_now(pricing, condition, &local))
		return false;
	today = zone_day(local);
	time_date(today, &year, &month, &day);
	time_date(customer->birthday, &born, &month, &day);
	for (step = -1; step <= 1; step++)
	{
		int64_t		in = year + step;
		int64_t		birthday = time_days(in, month, month == 2 && day == 29 && !is_leap(in) ? 28 : day);

		if (today >= birthday - condition->days_before && today <= birthday + condition->days_after)
			return true;
	}
	return false;
}

/* Whether the attribute compares; missing where no such one is known. */
static bool
attribute_holds(const Pricing *pricing, const Condition *condition, bool *missing)
{
	const Comparison *comparison = condition->comparison;
	const Value *known = NULL;
	int			line;

	*missing = true;
	if (condition->of == ATTRIBUTE_LINE)
	{
		for (line = 0; line < pricing->lines; line++)
		{
			const CartLine *at = &pricing->cart->lines[line];

			if (!price_selects(condition->select, at))
				continue;
			known = facts_find(&at->facts, &comparison->name);
			*missing = *missing && known == NULL;
			if (compares(known, comparison))
				return true;
		}
		return false;
	}
	known = facts_find(condition->of == ATTRIBUTE_CART ? &pricing->cart->facts :
					   &pricing->cart->customer.facts, &comparison->name);
	*missing = known == NULL;
	return compares(known, comparison);
}

/* Whether one condition that holds no others is met, and its failure if not */
static bool
condition_holds(Pricing *pricing, const Condition *condition, const Units *units, bool *holds,
				PriceFailure *failure)
{
	const Cart *cart = pricing->cart;
	const CartCustomer *customer = &cart->customer;
	int64_t		found;
	Decimal		number;
	int			order;
	bool		missing;

	failure->has_required = failure->has_actual = false;
	switch (condition->kind)
	{
		case CONDITION_ALL:
		case CONDITION_ANY:
		case CONDITION_NONE:
			break;
		case CONDITION_MIN_SUBTOTAL:
		case CONDITION_MAX_SUBTOTAL:
			if (!taxed_subtotal(pricing, condition, units, &found))
				return false;
			failure->reason = condition->kind == CONDITION_MIN_SUBTOTAL ?
				REASON_MIN_SUBTOTAL : REASON_MAX_SUBTOTAL;
			failure_numbers(failure, &condition->number, found, cart->exponent);
			order = decimal_compare(&failure->actual, &condition->number);
			if (condition->kind == CONDITION_MAX_SUBTOTAL)
				order = -order;
			*holds = condition->strict ? order > 0 : order >= 0;
			break;
		case CONDITION_MIN_QUANTITY:
		case CONDITION_MIN_LINE_QUANTITY:
		case CONDITION_MAX_QUANTITY:
			found = quantity_of(pricing, condition, condition->kind == CONDITION_MIN_LINE_QUANTITY);
			failure->reason = condition->kind == CONDITION_MAX_QUANTITY ?
				REASON_MAX_QUANTITY : REASON_MIN_QUANTITY;
			failure_numbers(failure, &condition->number, found, QUANTITY_SCALE);
			order = decimal_compare(&failure->actual, &condition->number);
			*holds = condition->kind == CONDITION_MAX_QUANTITY ? order <= 0 : order >= 0;
			break;
		case CONDITION_MIN_PRODUCTS:
			failure->reason = REASON_MIN_PRODUCTS;
			failure_numbers(failure, &condition->number, products_of(pricing, condition), 0);
			*holds = decimal_compare(&failure->actual, &condition->number) >= 0;
			break;
		case CONDITION_CONTAINS:
			failure->reason = REASON_CONTAINS;
			*holds = contains(pricing, condition);
			break;
		case CONDITION_CONTAINS_ALL:
			failure->reason = REASON_CONTAINS;
			*holds = contains(pricing, condition) &&
				covers(pricing, condition, condition->select->products, true) &&
				covers(pricing, condition, condition->select->categories, false);
			break;
		case CONDITION_CUSTOMER_REQUIRED:
			failure->reason = REASON_CUSTOMER_REQUIRED;
			*holds = customer->id.length > 0;
			break;
		case CONDITION_CUSTOMER_GROUP:
			failure->reason = REASON_CUSTOMER_GROUP;
			*holds = word_set_meet(&customer->groups, condition->words);
			break;
		case CONDITION_SEGMENT:
			failure->reason = REASON_SEGMENT;
			*holds = word_set_meet(&customer->segments, condition->words);
			break;
		case CONDITION_TIER:
			failure->reason = REASON_TIER;
			*holds = word_set_meet(&customer->tiers, condition->words);
			break;
		case CONDITION_FIRST_ORDER:
		case CONDITION_NTH_ORDER:
			failure->reason = condition->kind == CONDITION_FIRST_ORDER ?
				REASON_FIRST_ORDER : REASON_NTH_ORDER;
			number = condition->kind == CONDITION_FIRST_ORDER ? decimal_of(1, 0) : condition->number;
			failure->has_required = true;
			failure->required = number;
			*holds = false;
			if (customer->orders_known)
			{
				failure_numbers(failure, &number, customer->completed_orders + 1, 0);
				*holds = decimal_compare(&failure->actual, &number) == 0;
			}
			break;
		case CONDITION_CHANNEL:
			failure->reason = REASON_CHANNEL;
			*holds = word_set_has(condition->words, &cart->channel);
			break;
		case CONDITION_REGION:
			failure->reason = REASON_REGION;
			*holds = in_region(condition->words, &cart->region);
			break;
		case CONDITION_CURRENCY:
			failure->reason = REASON_CURRENCY;
			*holds = word_set_has(condition->words, &cart->currency);
			break;
		case CONDITION_PAYMENT_METHOD:
			failure->reason = REASON_PAYMENT_METHOD;
			*holds = word_set_has(condition->words, &cart->payment_method);
			break;
		case CONDITION_SHIPPING_METHOD:
			failure->reason = REASON_SHIPPING_METHOD;
			*holds = word_set_has(condition->words, &cart->shipping.method);
			break;
		case CONDITION_SCHEDULE:
			failure->reason = REASON_SCHEDULE;
			*holds = in_schedule(pricing, condition);
			break;
		case CONDITION_BIRTHDAY:
			failure->reason = REASON_BIRTHDAY;
			*holds = near_birthday(pricing, condition);
			break;
		case CONDITION_ATTRIBUTE:
			*holds = attribute_holds(pricing, condition, &missing);
			failure->reason = missing ? REASON_MISSING_ATTRIBUTE : REASON_ATTRIBUTE;
			break;
	}
	return true;
}

/*
 * Whether a tree of conditions comes to what is wanted of it: true, or, inside
 * of none, false.  Notes what is in the way.
 */
static bool
tree_holds(Pricing *pricing, Entry *entry, int node, const Units *units, bool wanted, bool note,
		   bool *agrees)
{
	const Condition *condition = &entry->promotion->conditions[node];
	int			noted = entry->failures;
	bool		holds = false;
	bool		inner;
	bool		each;
	int			child;

	if (condition->kind > CONDITION_NONE)
	{
		PriceFailure failure = {.condition = node, .negated = !wanted};

		if (!condition_holds(pricing, condition, units, &holds, &failure))
			return false;
		*agrees = holds == wanted;
		if (!*agrees && note)
			return price_note(pricing, entry, &failure);
		return true;
	}

	/* What is wanted of each child, and whether of each or of one of them */
	inner = condition->kind == CONDITION_NONE ? !wanted : wanted;
	each = condition->kind == CONDITION_ANY ? !wanted : wanted;
	*agrees = each;
	for (child = node + 1; child < node + condition->size;
		 child += entry->promotion->conditions[child].size)
	{
		bool		one;

		if (!tree_holds(pricing, entry, child, units, inner, note, &one))
			return false;
		if (one == each)
			continue;
		*agrees = !each;
		if (!each)
		{
			/* One will do: what others noted is in nobody's way. */
			pricing->outcome->failure_count -= entry->failures - noted;
			entry->failures = noted;
			break;
		}
		if (!note || pricing->policy->brief)
			break;
	}
	return true;
}

bool
price_conditions(Pricing *pricing, Entry *entry, const Units *units, bool note, bool *hold)
{
	const Promotion *promotion = entry->promotion;
	int			node;

	*hold = true;
	for (node = 0; node < promotion->condition_count; node += promotion->conditions[node].size)
	{
		bool		one;

		if (!tree_holds(pricing, entry, node, units, true, note, &one))
			return false;
		*hold = *hold && one;
		if (!*hold && (!note || pricing->policy->brief))
			break;
	}
	return true;
}
