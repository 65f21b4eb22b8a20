/*-------------------------------------------------------------------------
 *
 * shop.h
 *	  Random carts and promotions, for the tests of pricing.
 *
 * What is drawn comes from a function, so that a test draws random numbers and
 * a fuzzer its bytes.  All that a Shop points to is in it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_SHOP_H
#define PROMO_SHOP_H

#include <string.h>

#include "coupon/price.h"

#define SHOP_LINES 8
#define SHOP_PROMOTIONS 12
#define SHOP_ACTIONS 2
#define SHOP_CONDITIONS 6
#define SHOP_WORDS 6

typedef struct Draw
{
	uint32_t	(*below) (void *arg, uint32_t bound);	/* bound > 0 */
	void	   *arg;
} Draw;

static inline uint32_t
draw(Draw *from, uint32_t bound)
{
	return from->below(from->arg, bound);
}

typedef struct ShopPromotion
{
	Promotion	promotion;
	Action		actions[SHOP_ACTIONS];
	Select		selects[2 * SHOP_ACTIONS + SHOP_CONDITIONS];
	WordSet		sets[4 * SHOP_ACTIONS + 2 * SHOP_CONDITIONS + 2];
	Word		words[4 * SHOP_ACTIONS + 2 * SHOP_CONDITIONS + 2][3];
	Decimal		bounds[3 * SHOP_ACTIONS + SHOP_CONDITIONS];
	Tier		tiers[SHOP_ACTIONS][3];
	ChannelAmount channels[2];
	Condition	conditions[SHOP_CONDITIONS];
	Schedule	schedules[SHOP_CONDITIONS];
	HourWindow	windows[SHOP_CONDITIONS];
	Comparison	comparisons[SHOP_CONDITIONS];
	Value		values[SHOP_CONDITIONS];
	PromotionGroup groups[2];
	PriceLimit	limits[2];
	int			used_selects;
	int			used_sets;
	int			used_bounds;
} ShopPromotion;

typedef struct Shop
{
	Cart		cart;
	CartLine	lines[SHOP_LINES];
	Word		categories[SHOP_LINES][3];
	Fact		facts[SHOP_LINES];
	Fact		customer_fact;
	Word		groups[2];
	ShopPromotion made[SHOP_PROMOTIONS];
	PriceCandidate candidates[SHOP_PROMOTIONS];
	int			count;
	PricePolicy policy;
	LanePolicy	lane;
} Shop;

/* How wild promotions may be */
typedef enum
{
	SHOP_TAME,					/* percentages and amounts, no conditions */
	SHOP_WILD					/* everything */
} ShopKind;

static const char *const shop_words[SHOP_WORDS] = {"fig", "pear", "apple", "red", "green", "plum"};

static inline Word
shop_word(const char *text)
{
	Word		made = {text, strlen(text)};

	return made;
}

static inline const WordSet *
shop_set(Draw *from, ShopPromotion *made)
{
	WordSet    *set = &made->sets[made->used_sets];
	Word	   *words = made->words[made->used_sets++];
	int			count = 1 + (int) draw(from, 3);
	int			i;

	for (i = 0; i < count; i++)
		words[i] = shop_word(shop_words[draw(from, SHOP_WORDS)]);
	set->count = word_set_sort(words, count);
	set->word = words;
	return set;
}

static inline const Select *
shop_select(Draw *from, ShopPromotion *made)
{
	Select	   *select;

	if (draw(from, 3) == 0)
		return NULL;
	select = &made->selects[made->used_selects++];
	memset(select, 0, sizeof(*select));
	switch (draw(from, 4))
	{
		case 0:
			select->categories = shop_set(from, made);
			break;
		case 1:
			select->exclude_products = shop_set(from, made);
			break;
		case 2:
			select->exclude_on_sale = true;
			break;
		default:
			select->products = shop_set(from, made);
			break;
	}
	return select;
}

static inline const Decimal *
shop_bound(Draw *from, ShopPromotion *made, uint32_t bound)
{
	Decimal    *number;

	if (draw(from, 4) != 0)
		return NULL;
	number = &made->bounds[made->used_bounds++];
	*number = decimal_of(draw(from, bound), 2);
	return number;
}

static inline void
shop_action(Draw *from, ShopPromotion *made, int number, ShopKind kind)
{
	Action	   *action = &made->actions[number];
	int			i;

	memset(action, 0, sizeof(*action));
	action->kind = kind == SHOP_TAME ? (ActionKind) draw(from, 2) : (ActionKind) draw(from, ACTION_KINDS);
	action->target = kind == SHOP_TAME ? (ActionTarget) draw(from, 2) : (ActionTarget) draw(from, ACTION_TARGETS);
	action->pick = (Pick) draw(from, PICKS);
	action->get_pick = draw(from, 3) == 0 ? PICK_DEAREST : PICK_CHEAPEST;
	action->select = shop_select(from, made);
	action->has_value = true;
	action->value = draw(from, 8) == 0 ? decimal_of(draw(from, 99999), 3) : decimal_of(draw(from, 101), 0);
	if (kind == SHOP_TAME)
		return;

	if (action->kind == ACTION_AMOUNT_OFF && action->target == TARGET_UNIT && draw(from, 4) == 0)
	{
		action->has_additional = true;
		action->additional = decimal_of(draw(from, 500), 2);
	}
	if (action->kind == ACTION_AMOUNT_OFF && draw(from, 16) == 0)
		action->currency = shop_word("EUR");
	if (action->kind == ACTION_AMOUNT_OFF && draw(from, 16) == 0)
	{
		made->channels[number].channel = shop_word("web");
		made->channels[number].amount = decimal_of(draw(from, 5000), 2);
		action->channel_count = 1;
		action->channels = &made->channels[number];
	}
	action->by = (TierBy) draw(from, TIER_BYS);
	action->basis = (Basis) draw(from, 3);
	action->tier_count = (int) draw(from, 4);
	action->tiers = made->tiers[number];
	for (i = 0; i < action->tier_count; i++)
	{
		made->tiers[number][i].from = decimal_of((int64_t) draw(from, 20) + 1 + i * 30, 0);
		made->tiers[number][i].value = decimal_of(draw(from, 101), 0);
	}
	action->has_value = action->kind != ACTION_TIERED_AMOUNT || draw(from, 2) == 0;
	action->max_discount = shop_bound(from, made, 5000);
	action->max_discount_per_line = shop_bound(from, made, 3000);
	action->max_discount_per_unit = shop_bound(from, made, 1000);
	action->max_units = draw(from, 4) == 0 ? draw(from, 7) : 0;
	action->max_units_per_line = draw(from, 4) == 0 ? draw(from, 4) : 0;
	action->max_times = draw(from, 3) == 0 ? draw(from, 4) : 0;
	action->get_quantity = 1 + draw(from, 3);
	action->get_select = shop_select(from, made);
	action->allow_partial = draw(from, 2) == 0;
	action->same_product = draw(from, 4) == 0;
	action->every = decimal_of((int64_t) draw(from, 3000) + 1, 2);
	if (draw(from, 4) == 0)
		action->consumes = shop_word(shop_words[draw(from, SHOP_WORDS)]);
	switch (action->kind)
	{
		case ACTION_BUNDLE_PRICE:
		case ACTION_BUY_GET:
			action->quantity = 1 + draw(from, 4);
			break;
		case ACTION_CHEAPEST_FREE:
			action->quantity = action->get_quantity + draw(from, 3);
			action->pick = (Pick) draw(from, 2);
			break;
		case ACTION_GIFT:
			action->quantity = draw(from, 4);
			break;
		default:
			action->quantity = draw(from, 6) == 0 ? draw(from, 4) : 0;
			break;
	}
	if ((action->kind == ACTION_PERCENT_OFF || action->kind == ACTION_TIERED_PERCENT) &&
		action->target == TARGET_UNIT)
		action->target = TARGET_LINES;
	if (action->by >= TIER_BY_LINE_SUBTOTAL)
		action->target = TARGET_LINES;
}

/* A condition of its own, or a tree of the room given; gives its size. */
static inline int
shop_condition(Draw *from, ShopPromotion *made, int at, int room)
{
	Condition  *condition = &made->conditions[at];
	int			size = 1;

	memset(condition, 0, sizeof(*condition));
	if (room > 2 && draw(from, 3) == 0)
	{
		condition->kind = (ConditionKind) draw(from, 3);
		while (size < room && (size == 1 || draw(from, 2) == 0))
			size += shop_condition(from, made, at + size, room - size);
		condition->size = size;
		return size;
	}
	condition->kind = (ConditionKind) (CONDITION_MIN_SUBTOTAL + draw(from, CONDITION_KINDS - CONDITION_MIN_SUBTOTAL));
	condition->size = 1;
	condition->strict = draw(from, 2) == 0;
	condition->basis = (Basis) draw(from, 3);
	condition->tax = (TaxBasis) draw(from, 3);
	condition->of = (AttributeOf) draw(from, 3);
	condition->select = shop_select(from, made);
	condition->number = decimal_of(draw(from, 12), 0);
	condition->days_before = (int) draw(from, 10);
	condition->days_after = (int) draw(from, 10);
	if (condition->kind == CONDITION_CONTAINS_ALL && condition->select == NULL)
		condition->kind = CONDITION_CONTAINS;
	condition->words = shop_set(from, made);
	made->windows[at].from = draw(from, 24) * ZONE_HOUR;
	made->windows[at].until = draw(from, 24) * ZONE_HOUR;
	made->schedules[at].weekdays = draw(from, 128);
	made->schedules[at].window_count = (int) draw(from, 2);
	made->schedules[at].windows = &made->windows[at];
	condition->schedule = &made->schedules[at];
	memset(&made->values[at], 0, sizeof(Value));
	made->values[at].kind = (ValueKind) draw(from, 4);
	made->values[at].text = shop_word(shop_words[draw(from, SHOP_WORDS)]);
	made->values[at].number = decimal_of(draw(from, 5), 0);
	made->values[at].truth = draw(from, 2) == 0;
	made->comparisons[at].name = shop_word("size");
	made->comparisons[at].op = (CompareOperator) draw(from, COMPARE_OPERATORS);
	made->comparisons[at].count = 1;
	made->comparisons[at].value = &made->values[at];
	condition->comparison = &made->comparisons[at];
	return 1;
}

static inline void
shop_promotion(Draw *from, Shop *shop, int at, ShopKind kind)
{
	ShopPromotion *made = &shop->made[at];
	Promotion  *promotion = &made->promotion;
	PriceCandidate *candidate = &shop->candidates[at];
	int			i;

	memset(promotion, 0, sizeof(*promotion));
	memset(candidate, 0, sizeof(*candidate));
	made->used_selects = made->used_sets = made->used_bounds = 0;
	candidate->promotion = promotion;
	promotion->priority = draw(from, 3);
	promotion->starts_at = INT64_MIN;
	promotion->ends_at = INT64_MAX;
	promotion->action_count = 1 + (int) (draw(from, 6) == 0);
	promotion->actions = made->actions;
	for (i = 0; i < promotion->action_count; i++)
		shop_action(from, made, i, kind);
	if (draw(from, 4) == 0)
	{
		promotion->group_count = 1;
		promotion->groups = made->groups;
		made->groups[0].name = shop_word(shop_words[draw(from, 2)]);
		made->groups[0].most = 1 + (int) draw(from, 2);
	}
	if (draw(from, 4) == 0)
		promotion->combines_with = shop_set(from, made);
	promotion->tags = *shop_set(from, made);
	promotion->exclusive = kind == SHOP_WILD && draw(from, 20) == 0;
	if (kind == SHOP_TAME)
		return;
	promotion->lane = (int) draw(from, 2);
	promotion->stop_after = draw(from, 5) == 0 ? (StopAfter) draw(from, STOPS) : STOP_NOTHING;
	promotion->base = (Basis) draw(from, 3);
	promotion->conditions = made->conditions;
	if (draw(from, 3) == 0)
		promotion->condition_count = shop_condition(from, made, 0, SHOP_CONDITIONS);
	promotion->needs_code = draw(from, 10) == 0;
	candidate->has_code = draw(from, 2) == 0;
	if (draw(from, 8) == 0)
	{
		memset(made->limits, 0, sizeof(made->limits));
		candidate->limit_count = 1;
		candidate->limits = made->limits;
		made->limits[0].reason = draw(from, 2) == 0 ? REASON_BUDGET : REASON_USAGE_LIMIT;
		made->limits[0].per_customer = draw(from, 4) == 0;
		made->limits[0].most = draw(from, 3000);
		made->limits[0].used = draw(from, 1000);
		made->limits[0].partial = draw(from, 2) == 0;
		made->limits[0].goods_only = draw(from, 2) == 0;
	}
}

static inline void
shop_cart(Draw *from, Shop *shop, ShopKind kind)
{
	Cart	   *cart = &shop->cart;
	int			i;

	memset(cart, 0, sizeof(*cart));
	cart->currency = shop_word("EUR");
	cart->exponent = 2;
	cart->channel = shop_word(draw(from, 2) == 0 ? "web" : "red");
	cart->line_count = 1 + (int) draw(from, SHOP_LINES);
	cart->lines = shop->lines;
	cart->prices_include_tax = draw(from, 2) == 0;
	for (i = 0; i < cart->line_count; i++)
	{
		CartLine   *line = &shop->lines[i];
		Word	   *categories = shop->categories[i];

		memset(line, 0, sizeof(*line));
		line->product = shop_word(shop_words[draw(from, 3)]);
		categories[0] = shop_word(shop_words[3 + draw(from, 2)]);
		categories[1] = shop_word(shop_words[3 + draw(from, 2)]);
		line->categories.count = word_set_sort(categories, 2);
		line->categories.word = categories;
		line->unit_price = decimal_of(draw(from, 3000), 2);
		line->quantity = (1 + (int64_t) draw(from, 6)) * QUANTITY_ONE;
		line->on_sale = draw(from, 4) == 0;
		line->tax_percent = decimal_of(draw(from, 30), 0);
		if (draw(from, 4) == 0)
			line->min_unit_price = decimal_of(draw(from, 2000), 2);
		if (kind == SHOP_TAME)
			continue;
		if (draw(from, 6) == 0)
			line->quantity += draw(from, QUANTITY_ONE);
		if (draw(from, 6) == 0)
			line->unit_price = decimal_of(draw(from, 3000000), 5);
		memset(&shop->facts[i], 0, sizeof(Fact));
		shop->facts[i].name = shop_word("size");
		shop->facts[i].value.kind = (ValueKind) draw(from, 4);
		shop->facts[i].value.text = shop_word(shop_words[draw(from, SHOP_WORDS)]);
		shop->facts[i].value.number = decimal_of(draw(from, 5), 0);
		line->facts.count = (int) draw(from, 2);
		line->facts.fact = &shop->facts[i];
	}
	cart->shipping.amount = draw(from, 2) == 0 ? draw(from, 2000) : 0;
	cart->shipping.method = shop_word(shop_words[draw(from, SHOP_WORDS)]);
	cart->customer.id = shop_word(draw(from, 2) == 0 ? "ann" : "");
	shop->groups[0] = shop_word(shop_words[draw(from, SHOP_WORDS)]);
	cart->customer.groups.count = 1;
	cart->customer.groups.word = shop->groups;
	cart->customer.orders_known = draw(from, 2) == 0;
	cart->customer.completed_orders = draw(from, 6);
	cart->customer.birthday_known = draw(from, 2) == 0;
	cart->customer.birthday = (int64_t) draw(from, 20000) - 14000;
	cart->now_known = draw(from, 4) != 0;
	cart->now = (int64_t) draw(from, 10000) * ZONE_DAY + draw(from, 24) * ZONE_HOUR;
}

static inline void
shop_policy(Draw *from, Shop *shop)
{
	PricePolicy *policy = &shop->policy;

	*policy = price_policy_default();
	policy->combine = (Combine) draw(from, COMBINES);
	policy->original_base = draw(from, 3) == 0;
	policy->after_previous = draw(from, 3) == 0;
	policy->percent_round = (PercentRound) draw(from, PERCENT_ROUNDS);
	policy->percent_level = (PercentLevel) draw(from, PERCENT_LEVELS);
	policy->round_price = draw(from, 4) == 0;
	policy->exclusive_best = draw(from, 2) == 0;
	policy->group_priority = draw(from, 2) == 0;
	policy->nodes = draw(from, 3) == 0 ? draw(from, 40) : 2000;
	policy->brief = draw(from, 4) == 0;
	if (draw(from, 4) == 0)
	{
		shop->lane.lane = draw(from, 3) == 0 ? PRICE_SHIPPING_LANE : (int) draw(from, 2);
		shop->lane.combine = (Combine) draw(from, COMBINES);
		policy->lane_count = 1;
		policy->lanes = &shop->lane;
	}
}

static inline void
shop_draw(Draw *from, Shop *shop, ShopKind kind, int most)
{
	int			i;

	shop_cart(from, shop, kind);
	shop->count = 1 + (int) draw(from, (uint32_t) most);
	for (i = 0; i < shop->count; i++)
		shop_promotion(from, shop, i, kind);
	shop_policy(from, shop);
}

/*
 * What must hold of every outcome; NULL where all does.  Lines are from 0 to
 * their value and not below their floor, shares add up to lines, to promotions
 * and to the whole, pieces to shares unit by unit, and each candidate is
 * either applied or rejected.
 */
static inline const char *
shop_fault(const Shop *shop, const PriceOutcome *outcome)
{
	int64_t		goods = 0;
	int64_t		shipping = 0;
	int64_t		discount = 0;
	int			i;
	int			j;

	for (i = 0; i < outcome->line_count; i++)
	{
		const PriceLine *line = &outcome->lines[i];
		const CartLine *given = &shop->lines[i];
		int64_t		units = given->quantity % QUANTITY_ONE == 0 ? given->quantity / QUANTITY_ONE : 1;
		int64_t		shared = 0;
		int64_t		counted = 0;
		int64_t		borne = 0;
		int64_t		floor;
		Decimal		least = given->min_unit_price;
		Decimal		quantity = decimal_of(given->quantity, QUANTITY_SCALE);

		if (line->discount < 0 || line->discount > line->value)
			return "a line below 0 or above its value";
		if (!decimal_multiply(&least, &quantity) || !decimal_units(&least, shop->cart.exponent, ROUND_UP, &floor))
			return "a floor that is too large";
		if (line->discount > 0 && line->value - line->discount < floor)
			return "a line below its floor";
		for (j = 0; j < outcome->share_count; j++)
			if (outcome->shares[j].line == i)
				shared += outcome->shares[j].amount;
		if (shared != line->discount)
			return "shares do not add up to the line";
		for (j = 0; j < line->pieces; j++)
		{
			const PricePiece *piece = &outcome->pieces[line->piece + j];

			counted += piece->units;
			borne += piece->units * piece->each;
			if (piece->each < 0)
				return "a unit that became dearer";
		}
		if (counted != units || borne != line->discount)
			return "pieces do not add up to the line";
		goods += line->value;
		discount += line->discount;
	}
	if (goods != outcome->goods || discount != outcome->goods_discount)
		return "lines do not add up to the order";

	goods = 0;
	for (i = 0; i < outcome->applied_count; i++)
	{
		int64_t		shared = 0;

		for (j = 0; j < outcome->share_count; j++)
			if (outcome->shares[j].candidate == outcome->applied[i].candidate)
				shared += outcome->shares[j].amount;
		if (shared != outcome->applied[i].goods || outcome->applied[i].shipping < 0)
			return "shares do not add up to the promotion";
		goods += outcome->applied[i].goods;
		shipping += outcome->applied[i].shipping;
	}
	if (goods != outcome->goods_discount || shipping != outcome->shipping_discount ||
		shipping > outcome->shipping)
		return "promotions do not add up to the order";
	if (outcome->total != (outcome->goods - outcome->goods_discount) +
		(outcome->shipping - outcome->shipping_discount) ||
		outcome->total_with_tax - outcome->total_without_tax != outcome->tax_total)
		return "totals";

	/* Unit by unit: the pieces of a line's shares add up to the line's. */
	for (i = 0; i < outcome->share_count; i++)
	{
		const PriceShare *share = &outcome->shares[i];
		int64_t		borne = 0;

		for (j = 0; j < share->pieces; j++)
		{
			borne += outcome->pieces[share->piece + j].units * outcome->pieces[share->piece + j].each;
			if (outcome->pieces[share->piece + j].each < 0)
				return "a unit of a share that became dearer";
		}
		if (borne != share->amount || share->amount <= 0)
			return "pieces do not add up to the share";
	}
	for (i = 0; i < outcome->line_count; i++)
	{
		int64_t		unit = 0;
		int			piece;

		for (piece = 0; piece < outcome->lines[i].pieces; piece++)
		{
			const PricePiece *at = &outcome->pieces[outcome->lines[i].piece + piece];
			int64_t		sum = 0;

			for (j = 0; j < outcome->share_count; j++)
			{
				const PriceShare *share = &outcome->shares[j];
				int64_t		passed = 0;
				int			k;

				if (share->line != i)
					continue;
				for (k = share->piece; k < share->piece + share->pieces; k++)
				{
					if (unit < passed + outcome->pieces[k].units)
					{
						sum += outcome->pieces[k].each;
						break;
					}
					passed += outcome->pieces[k].units;
				}
			}
			if (sum != at->each)
				return "a unit's shares do not add up";
			unit += at->units;
		}
	}
	if (outcome->applied_count + outcome->rejected_count != shop->count)
		return "a candidate that is neither applied nor rejected";
	for (i = 0; i < outcome->rejected_count; i++)
		if (outcome->rejected[i].reason == REASON_NONE)
			return "no reason";
	return NULL;
}

#endif							/* PROMO_SHOP_H */
