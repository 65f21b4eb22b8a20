/*-------------------------------------------------------------------------
 *
 * earning.c
 *	  What a purchase earns under a program's rules, and what points buy.
 *
 *-------------------------------------------------------------------------
 */
#include "membership/earning.h"

#include <string.h>

const char *const earn_rule_names[EARN_RULE_TYPES] = {
	"per_amount", "fixed", "rate", "per_line", "per_unit", "sku_bonus", "category_bonus",
	"line_multiplier", "multiplier"
};

const char *const earn_condition_names[EARN_CONDITION_TYPES] = {
	"order_total_at_least", "date_window", "iso_day_of_week", "tier", "channel",
	"nth_order"
};

const char *const redeem_reason_names[] = {
	NULL, "no_conversion", "below_minimum", "nothing"
};

/* What a line is worth to rules that select lines, and to those that do not */
typedef struct LineWorth
{
	int64_t		of_line;		/* less the discounts of some lines */
	int64_t		of_order;		/* less those of the whole order too */
} LineWorth;

typedef struct Earning
{
	const Memory *memory;
	const EarnPurchase *purchase;
	const EarnRules *rules;
	Zone	   *zone;
	LineWorth  *worths;
	bool		has_total;
	int64_t		total;			/* of the order, of 10^-EARN_DECIMALS */
	EarnResult *result;
} Earning;

bool
earn_is_base(EarnRuleType type)
{
	return type != EARN_LINE_MULTIPLIER && type != EARN_MULTIPLIER;
}

/*
 * Lines
 */

static bool
has_word(const EarnWords *words, const char *word)
{
	int			i;

	for (i = 0; i < words->count; i++)
		if (word != NULL && strcmp(words->words[i], word) == 0)
			return true;
	return false;
}

static bool
has_any_word(const EarnWords *words, const EarnWords *others)
{
	int			i;

	for (i = 0; i < others->count; i++)
		if (has_word(words, others->words[i]))
			return true;
	return false;
}

static bool
has_any_label(const EarnLabel *labels, int count, const EarnLine *line)
{
	int			i;
	int			j;

	for (i = 0; i < count; i++)
		for (j = 0; j < line->n_labels; j++)
			if (strcmp(labels[i].name, line->labels[j].name) == 0 &&
				strcmp(labels[i].value, line->labels[j].value) == 0)
				return true;
	return false;
}

/* Does it say which lines it wants, and not only which not? */
static bool
selects_some(const EarnSelect *select)
{
	return select->skus.count > 0 || select->categories.count > 0 || select->n_labels > 0;
}

static bool
selects_all(const EarnSelect *select)
{
	return !selects_some(select) && select->exclude_skus.count == 0 &&
		select->exclude_categories.count == 0 && select->n_exclude_labels == 0 &&
		!select->exclude_delivery;
}

static bool
is_selected(const EarnSelect *select, const EarnLine *line)
{
	if (select->skus.count > 0 && !has_word(&select->skus, line->sku))
		return false;
	if (select->categories.count > 0 && !has_any_word(&select->categories, &line->categories))
		return false;
	if (select->n_labels > 0 && !has_any_label(select->labels, select->n_labels, line))
		return false;
	return !has_word(&select->exclude_skus, line->sku) &&
		!has_any_word(&select->exclude_categories, &line->categories) &&
		!has_any_label(select->exclude_labels, select->n_exclude_labels, line) &&
		!(select->exclude_delivery && line->is_delivery);
}

/* Goods that the discount is of; an order's discount is not of its delivery. */
static bool
is_discounted(const EarnDiscount *discount, const EarnLine *line)
{
	return is_selected(&discount->select, line) &&
		(!line->is_delivery || selects_some(&discount->select));
}

/* A percentage of an amount, as a shop rounds it */
static bool
percent_of(const Earning *earning, int64_t amount, const Decimal *percent, int64_t *part)
{
	int			decimals = earning->purchase->exponent >= 0 ? earning->purchase->exponent : EARN_DECIMALS;
	Decimal		product = decimal_of(amount, EARN_DECIMALS);
	Decimal		hundredth = decimal_of(1, 2);

	if (!decimal_multiply(&product, percent) || !decimal_multiply(&product, &hundredth) ||
		!decimal_units(&product, decimals, ROUND_NEAREST, part))
		return false;
	for (; decimals < EARN_DECIMALS; decimals++)
		*part *= 10;
	return true;
}

/*
 * Takes a discount from the worths of its lines, an amount in proportion to
 * what they are still worth.  The shares are differences of a running sum that
 * is rounded down, and so add up to the discount.
 */
static bool
take_discount(Earning *earning, const EarnDiscount *discount)
{
	const EarnPurchase *purchase = earning->purchase;
	bool		of_order = !selects_some(&discount->select);
	int64_t		whole = 0;
	int64_t		amount;
	int64_t		sum = 0;
	int64_t		taken = 0;
	int			i;

	for (i = 0; i < purchase->n_lines; i++)
		if (is_discounted(discount, &purchase->lines[i]))
			whole += earning->worths[i].of_order;
	amount = discount->amount < whole ? discount->amount : whole;
	for (i = 0; i < purchase->n_lines; i++)
	{
		LineWorth  *worth = &earning->worths[i];
		int64_t		part;

		if (!is_discounted(discount, &purchase->lines[i]))
			continue;
		sum += worth->of_order;
		if (discount->is_percent)
		{
			if (!percent_of(earning, worth->of_order, &discount->percent, &part))
				return false;
		}
		else
		{
			part = whole == 0 ? 0 : (int64_t) ((__int128) amount * sum / whole) - taken;
			taken += part;
		}
		if (part > worth->of_order)
			part = worth->of_order;
		worth->of_order -= part;
		if (!of_order)
			worth->of_line = worth->of_line > part ? worth->of_line - part : 0;
	}
	return true;
}

/*
 * What the lines are worth with their taxes and delivery, or without.
 * Discounts of lines come first, so that those of the order see the same
 * whatever the order they are given in.
 */
static EarnStatus
weigh_lines(Earning *earning, bool with_tax, bool with_delivery)
{
	const EarnPurchase *purchase = earning->purchase;
	int			pass;
	int			i;

	for (i = 0; i < purchase->n_lines; i++)
	{
		const EarnLine *line = &purchase->lines[i];
		int64_t		worth = line->amount - (with_tax ? 0 : line->tax);

		if (line->is_delivery && !with_delivery)
			worth = 0;
		earning->worths[i].of_line = worth;
		earning->worths[i].of_order = worth;
	}
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < purchase->n_discounts; i++)
		{
			if (!earning->memory->may_go_on(earning->memory->arg))
				return EARN_STOPPED;
			if (selects_some(&purchase->discounts[i].select) == (pass == 0) &&
				!take_discount(earning, &purchase->discounts[i]))
				return EARN_TOO_LARGE;
		}
	return EARN_DONE;
}

/* number * 10^power; false where it is above EARN_AMOUNT_MOST. */
static bool
in_units(int64_t number, int power, int64_t *units)
{
	for (; power > 0; power--)
	{
		if (number > EARN_AMOUNT_MOST / 10)
			return false;
		number *= 10;
	}
	*units = number;
	return number <= EARN_AMOUNT_MOST;
}

/* What the order comes to, and what of it is paid where that is known */
static EarnStatus
total_order(Earning *earning)
{
	const EarnPurchase *purchase = earning->purchase;
	EarnResult *result = earning->result;
	EarnStatus	status;
	Decimal		paid;
	int64_t		sum = 0;
	int			i;

	if (purchase->has_order)
	{
		result->has_amount = true;
		result->amount = purchase->order_total;
		earning->has_total = purchase->exponent >= 0;
		return earning->has_total && !in_units(purchase->order_total, EARN_DECIMALS - purchase->exponent,
											   &earning->total) ? EARN_TOO_LARGE : EARN_DONE;
	}
	earning->has_total = purchase->has_lines;
	for (i = 0; i < purchase->n_lines; i++)
		earning->total += purchase->lines[i].amount;
	if (purchase->n_lines == 0 || purchase->exponent < 0)
		return EARN_DONE;
	status = weigh_lines(earning, true, true);
	if (status != EARN_DONE)
		return status;
	for (i = 0; i < purchase->n_lines; i++)
		sum += earning->worths[i].of_order;
	paid = decimal_of(sum, EARN_DECIMALS);
	result->has_amount = true;
	return decimal_units(&paid, purchase->exponent, ROUND_NEAREST, &result->amount) ? EARN_DONE : EARN_TOO_LARGE;
}

/* Both; the worths that stay are those that the rules count. */
static EarnStatus
weigh_order(Earning *earning)
{
	const EarnRules *rules = earning->rules;
	EarnStatus	status;
	int64_t		sum = 0;
	int			i;

	earning->worths = memory_array(earning->memory, (size_t) earning->purchase->n_lines + 1, sizeof(LineWorth));
	if (earning->worths == NULL)
		return EARN_NO_MEMORY;
	for (i = 0; i < earning->purchase->n_lines; i++)
	{
		sum += earning->purchase->lines[i].amount;
		if (sum > EARN_AMOUNT_MOST)
			return EARN_TOO_LARGE;
	}
	status = total_order(earning);
	if (status == EARN_DONE)
		status = weigh_lines(earning, rules->include_tax, rules->include_delivery);
	return status;
}

/* What a line is worth to a rule; 0 where the rule is not of it. */
static int64_t
line_worth(const Earning *earning, const EarnRule *rule, int number)
{
	if (!is_selected(&rule->select, &earning->purchase->lines[number]))
		return 0;
	return selects_some(&rule->select) ? earning->worths[number].of_line : earning->worths[number].of_order;
}

/* Is the line one that the rule gives points for, of whatever worth? */
static bool
line_counts(const Earning *earning, const EarnRule *rule, int number)
{
	const EarnLine *line = &earning->purchase->lines[number];

	return is_selected(&rule->select, line) && (!line->is_delivery || earning->rules->include_delivery);
}

/*
 * Whether a rule applies
 */

/* The total of the order in minor units; false where there is none. */
static bool
order_total(const Earning *earning, int64_t *total)
{
	const EarnPurchase *purchase = earning->purchase;
	Decimal		lines;

	if (purchase->has_order)
	{
		*total = purchase->order_total;
		return true;
	}
	if (!purchase->has_lines || purchase->exponent < 0)
		return false;
	lines = decimal_of(earning->total, EARN_DECIMALS);
	return decimal_units(&lines, purchase->exponent, ROUND_DOWN, total);
}

static bool
holds(const Earning *earning, const EarnCondition *condition)
{
	const EarnPurchase *purchase = earning->purchase;
	int64_t		total;
	int64_t		local;

	switch (condition->type)
	{
		case EARN_ORDER_TOTAL_AT_LEAST:
			return order_total(earning, &total) && total >= condition->threshold;
		case EARN_DATE_WINDOW:
			return purchase->has_at && purchase->at >= condition->from && purchase->at < condition->until;
		case EARN_ISO_DAY_OF_WEEK:
			if (!purchase->has_at)
				return false;
			local = earning->zone == NULL ? purchase->at : zone_local(earning->zone, purchase->at);
			return (condition->days >> zone_weekday(zone_day(local)) & 1) != 0;
		case EARN_TIER:
			return has_word(&condition->any_of, purchase->tier);
		case EARN_CHANNEL:
			return has_word(&condition->any_of, purchase->channel);
		case EARN_NTH_ORDER:
			return purchase->order_number == condition->n;
	}
	return false;
}

static bool
is_timed(const EarnRule *rule)
{
	return rule->starts_at != INT64_MIN || rule->ends_at != INT64_MAX;
}

int
earn_must_know(const EarnRule *rule, const EarnPurchase *purchase)
{
	int			bits = 0;
	int			i;

	if (!rule->enabled)
		return 0;
	if (is_timed(rule))
		bits |= EARN_KNOWS_AT;
	if (rule->min_order > 0)
		bits |= EARN_KNOWS_TOTAL | (purchase->has_order ? EARN_KNOWS_CURRENCY : 0);
	for (i = 0; i < rule->n_conditions; i++)
		switch (rule->conditions[i].type)
		{
			case EARN_ORDER_TOTAL_AT_LEAST:
				bits |= EARN_KNOWS_TOTAL | (purchase->has_lines && !purchase->has_order ? EARN_KNOWS_CURRENCY : 0);
				break;
			case EARN_DATE_WINDOW:
			case EARN_ISO_DAY_OF_WEEK:
				bits |= EARN_KNOWS_AT;
				break;
			case EARN_TIER:
				bits |= EARN_KNOWS_TIER;
				break;
			case EARN_NTH_ORDER:
				bits |= EARN_KNOWS_NUMBER;
				break;
			case EARN_CHANNEL:
				break;
		}
	switch (rule->type)
	{
		case EARN_PER_AMOUNT:
			if (!selects_all(&rule->select))
				bits |= EARN_KNOWS_LINES | (purchase->has_lines ? EARN_KNOWS_CURRENCY : 0);
			else
				bits |= EARN_KNOWS_BASIS |
					(purchase->has_lines && !purchase->has_basis && !purchase->has_order ? EARN_KNOWS_CURRENCY : 0);
			break;
		case EARN_RATE:
		case EARN_PER_LINE:
		case EARN_PER_UNIT:
		case EARN_SKU_BONUS:
		case EARN_CATEGORY_BONUS:
		case EARN_LINE_MULTIPLIER:
			bits |= EARN_KNOWS_LINES;
			break;
		case EARN_FIXED:
		case EARN_MULTIPLIER:
			break;
	}
	return bits;
}

static bool
applies(const Earning *earning, const EarnRule *rule)
{
	const EarnPurchase *purchase = earning->purchase;
	int			i;

	if (!rule->enabled || (rule->min_order > 0 && !(earning->has_total && earning->total >= rule->min_order)))
		return false;
	if (is_timed(rule) &&
		(!purchase->has_at || purchase->at < rule->starts_at || purchase->at >= rule->ends_at))
		return false;
	for (i = 0; i < rule->n_conditions; i++)
		if (!holds(earning, &rule->conditions[i]))
			return false;
	return true;
}

/*
 * Which rules apply: all whose conditions hold, or one that is exclusive, of
 * the highest priority and among equals the first.
 */
static void
choose_rules(Earning *earning)
{
	const EarnRules *rules = earning->rules;
	EarnShare  *shares = earning->result->shares;
	int			first = -1;
	int			i;

	for (i = 0; i < rules->n_rules; i++)
	{
		shares[i].applied = applies(earning, &rules->rules[i]);
		shares[i].points = decimal_of(0, 0);
		if (shares[i].applied && rules->rules[i].exclusive &&
			(first < 0 || rules->rules[i].priority > rules->rules[first].priority))
			first = i;
	}
	for (i = 0; i < rules->n_rules; i++)
		shares[i].applied = shares[i].applied && (first < 0 || i == first);
}

/*
 * Points
 */

/* The basis of the order, where the purchase has no lines, or one of its own */
static bool
given_basis(const Earning *earning, int64_t *basis)
{
	const EarnPurchase *purchase = earning->purchase;
	bool		with_tax = earning->rules->include_tax;

	if (purchase->has_basis)
		*basis = purchase->basis;
	else if (purchase->has_order && earning->rules->basis_is_order_total)
		*basis = purchase->order_total - (with_tax ? 0 : purchase->order_tax);
	else if (purchase->has_order)
		*basis = purchase->items_total - (with_tax ? 0 : purchase->items_tax);
	else
		return false;
	return true;
}

/* The basis of a rule, as digits / 10^scale minor units */
static bool
rule_basis(const Earning *earning, const EarnRule *rule, Decimal *basis)
{
	const EarnPurchase *purchase = earning->purchase;
	int64_t		minor;
	int64_t		sum = 0;
	Decimal		unit = decimal_of(1, 0);
	int			i;

	if (selects_all(&rule->select) && given_basis(earning, &minor))
	{
		*basis = decimal_of(minor, 0);
		return true;
	}
	for (i = 0; i < purchase->n_lines; i++)
		sum += line_worth(earning, rule, i);
	*basis = decimal_of(sum, EARN_DECIMALS);
	for (i = 0; i < purchase->exponent; i++)
		unit.digits *= 10;
	return decimal_multiply(basis, &unit);
}

/* basis * points / per, rounded down */
static bool
per_amount(const Earning *earning, const EarnRule *rule, Decimal *points)
{
	Decimal		product;
	__int128	divisor = rule->per;
	int			i;

	if (!rule_basis(earning, rule, &product) || !decimal_multiply(&product, &rule->number))
		return false;
	for (i = 0; i < product.scale; i++)
		if (__builtin_mul_overflow(divisor, (__int128) 10, &divisor))
			return false;
	(void) wide_divide(product.digits, divisor, ROUND_DOWN, &points->digits);
	points->scale = 0;
	return true;
}

/* The product of the multipliers of a line */
static bool
multiply_line(const Earning *earning, int number, Decimal *points)
{
	const EarnRules *rules = earning->rules;
	int			i;

	for (i = 0; i < rules->n_rules; i++)
		if (rules->rules[i].type == EARN_LINE_MULTIPLIER && earning->result->shares[i].applied &&
			is_selected(&rules->rules[i].select, &earning->purchase->lines[number]) &&
			!decimal_multiply(points, &rules->rules[i].number))
			return false;
	return true;
}

/* What a rule gives line by line */
static bool
points_of_lines(const Earning *earning, const EarnRule *rule, Decimal *points)
{
	int			i;

	for (i = 0; i < earning->purchase->n_lines; i++)
	{
		const EarnLine *line = &earning->purchase->lines[i];
		Decimal		of_line = rule->number;
		Decimal		times;

		if (!line_counts(earning, rule, i))
			continue;
		if (rule->type == EARN_RATE)
			times = decimal_of(line_worth(earning, rule, i), EARN_DECIMALS);
		else
			times = decimal_of(rule->type == EARN_PER_UNIT ? line->quantity : 1, 0);
		if (!decimal_multiply(&of_line, &times) || !multiply_line(earning, i, &of_line) ||
			!decimal_add(points, &of_line))
			return false;
	}
	return true;
}

static bool
base_points(const Earning *earning, const EarnRule *rule, Decimal *points)
{
	int			i;

	switch (rule->type)
	{
		case EARN_PER_AMOUNT:
			return per_amount(earning, rule, points);
		case EARN_FIXED:
			*points = rule->number;
			return true;
		case EARN_RATE:
		case EARN_PER_LINE:
		case EARN_PER_UNIT:
			return points_of_lines(earning, rule, points);
		case EARN_SKU_BONUS:
		case EARN_CATEGORY_BONUS:
			for (i = 0; i < earning->purchase->n_lines; i++)
				if (line_counts(earning, rule, i))
				{
					*points = rule->number;
					break;
				}
			return true;
		case EARN_LINE_MULTIPLIER:
		case EARN_MULTIPLIER:
			break;
	}
	return true;
}

/* The multiplier of all points */
static bool
whole_multiplier(const Earning *earning, Decimal *multiplier)
{
	const EarnRules *rules = earning->rules;
	bool		any = false;
	int			i;

	*multiplier = decimal_of(1, 0);
	for (i = 0; i < rules->n_rules; i++)
	{
		const Decimal *number = &rules->rules[i].number;

		if (rules->rules[i].type != EARN_MULTIPLIER || !earning->result->shares[i].applied)
			continue;
		if (!rules->largest_multiplier)
		{
			if (!decimal_multiply(multiplier, number))
				return false;
		}
		else if (!any || decimal_compare(number, multiplier) > 0)
			*multiplier = *number;
		any = true;
	}
	return decimal_multiply(multiplier, &earning->purchase->tier_multiplier);
}

static void
cap(EarnResult *result, int64_t most)
{
	if (result->points > most)
	{
		result->cut += result->points - most;
		result->points = most;
	}
}

static EarnStatus
add_up(Earning *earning)
{
	const EarnRules *rules = earning->rules;
	EarnResult *result = earning->result;
	Decimal		sum = decimal_of(0, 0);
	int			i;

	for (i = 0; i < rules->n_rules; i++)
	{
		if (!earning->memory->may_go_on(earning->memory->arg))
			return EARN_STOPPED;
		if (result->shares[i].applied &&
			(!base_points(earning, &rules->rules[i], &result->shares[i].points) ||
			 !decimal_add(&sum, &result->shares[i].points)))
			return EARN_TOO_LARGE;
	}
	if (!whole_multiplier(earning, &result->multiplier) ||
		!decimal_multiply(&sum, &result->multiplier) ||
		!decimal_units(&sum, 0, rules->rounding, &result->points) ||
		result->points > EARN_POINTS_MOST)
		return EARN_TOO_LARGE;
	if (rules->cap_per_order >= 0)
		cap(result, rules->cap_per_order);
	if (rules->cap_per_period >= 0)
	{
		int64_t		left = rules->cap_per_period - earning->purchase->earned_in_period;

		cap(result, left > 0 ? left : 0);
	}
	return EARN_DONE;
}

/* The basis of the whole purchase, to be told */
static void
tell_basis(const Earning *earning)
{
	static const EarnRule all = {.type = EARN_PER_AMOUNT};
	EarnResult *result = earning->result;
	Decimal		basis;

	result->has_basis = given_basis(earning, &result->basis);
	if (!result->has_basis && earning->purchase->has_lines && earning->purchase->exponent >= 0)
		result->has_basis = rule_basis(earning, &all, &basis) &&
			decimal_units(&basis, 0, ROUND_DOWN, &result->basis);
}

EarnStatus
earn_points(const Memory *memory, const EarnPurchase *purchase, const EarnRules *rules,
			Zone *zone, EarnResult *result)
{
	Earning		earning = {memory, purchase, rules, zone, NULL, false, 0, result};
	EarnStatus	status;

	memset(result, 0, sizeof(*result));
	result->shares = memory_zero_array(memory, (size_t) rules->n_rules + 1, sizeof(EarnShare));
	if (result->shares == NULL)
		return EARN_NO_MEMORY;
	status = weigh_order(&earning);
	if (status == EARN_DONE)
	{
		tell_basis(&earning);
		choose_rules(&earning);
		status = add_up(&earning);
	}
	memory_release(memory, earning.worths);
	return status;
}

/*
 * Points for an order
 */

/* What of the order points may pay, in points; no more than most. */
static int64_t
points_of_order(const RedeemRequest *request, int64_t most)
{
	Decimal		limit = decimal_of(request->order_total, 0);
	Decimal		hundredth = decimal_of(1, 2);
	int64_t		amount;
	Wide		points;

	(void) decimal_multiply(&limit, &request->max_percent);
	(void) decimal_multiply(&limit, &hundredth);
	if (!decimal_units(&limit, 0, ROUND_DOWN, &amount))
		return most;
	points = (Wide) (amount / request->convert_amount) * request->convert_points;
	return points < most ? (int64_t) points : most;
}

RedeemReason
redeem_points(const RedeemRequest *request, int64_t *points, int64_t *amount)
{
	int64_t		wanted = request->requested < request->balance ? request->requested : request->balance;
	Wide		paid;

	*points = 0;
	*amount = 0;
	if (request->convert_points == 0 || request->convert_amount == 0)
		return REDEEM_NO_CONVERSION;
	if (request->max_points >= 0 && wanted > request->max_points)
		wanted = request->max_points;
	if (request->has_order)
		wanted = points_of_order(request, wanted);
	wanted -= wanted % request->convert_points;
	paid = (Wide) (wanted / request->convert_points) * request->convert_amount;
	if (wanted <= 0 || paid > INT64_MAX)
		return REDEEM_NOTHING;
	if (wanted < request->min_points)
		return REDEEM_BELOW_MINIMUM;
	*points = wanted;
	*amount = (int64_t) paid;
	return REDEEM_SOME;
}

int64_t
redeem_units(int64_t balance, int64_t unit_points)
{
	return balance - balance % unit_points;
}

bool
reward_cost(int64_t quantity, int64_t reward_quantity, int64_t reward_points, int64_t *points)
{
	Wide		cost = ((Wide) quantity + reward_quantity - 1) / reward_quantity * reward_points;

	*points = (int64_t) cost;
	return cost <= INT64_MAX;
}
