/*-------------------------------------------------------------------------
 *
 * best.c
 *	  The best combination and the best order, against all of them.
 *
 * A set of promotions is priced by itself, one promotion after the other, so
 * that what the search should find is found without it.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"
#include "core/random.h"
#include "shop.h"

#define CARTS 4000
#define MOST 7

static uint32_t
random_draws(void *arg, uint32_t bound)
{
	return random_below(arg, bound);
}

static bool
goes_along(const Promotion *promotion, PromotionClass class, const Promotion *other)
{
	int			i;

	(void) promotion;
	if (other->combines_with == NULL)
		return true;
	for (i = 0; i < other->combines_with->count; i++)
	{
		Word		name = shop_word(class_names[class]);

		if (word_equal(&other->combines_with->word[i], &name) ||
			word_set_has(&promotion->tags, &other->combines_with->word[i]))
			return true;
	}
	return false;
}

static PromotionClass
class_of(const Promotion *promotion)
{
	PromotionClass class = CLASS_SHIPPING;
	int			i;

	for (i = 0; i < promotion->action_count; i++)
	{
		const Action *action = &promotion->actions[i];
		bool		targets = action->kind <= ACTION_TIERED_AMOUNT;

		if ((targets && action->target == TARGET_ORDER) || action->kind == ACTION_SET_TOTAL ||
			action->kind == ACTION_AMOUNT_PER)
			return CLASS_ORDER;
		if (!(targets && action->target == TARGET_SHIPPING) && action->kind != ACTION_SET_SHIPPING_PRICE)
			class = CLASS_ITEM;
	}
	return class;
}

/* Whether a set may be together: groups, tags, and who is alone */
static bool
may_be_together(const Shop *shop, unsigned int set)
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < shop->count; i++)
	{
		const Promotion *one = shop->candidates[i].promotion;

		if (!(set >> i & 1))
			continue;
		for (j = 0; j < shop->count; j++)
		{
			const Promotion *other = shop->candidates[j].promotion;

			if (i != j && (set >> j & 1) && !goes_along(one, class_of(one), other))
				return false;
		}
		for (j = 0; j < one->group_count; j++)
		{
			int			members = 0;
			int			most = one->groups[j].most;

			for (k = 0; k < shop->count; k++)
			{
				const Promotion *other = shop->candidates[k].promotion;

				if (other->group_count > 0 && word_equal(&other->groups[0].name, &one->groups[j].name))
				{
					members += set >> k & 1;
					most = other->groups[0].most < most ? other->groups[0].most : most;
				}
			}
			if (members > most)
				return false;
		}
	}
	return true;
}

/*
 * What a set takes when its promotions apply one by one: the others are
 * refused, and none has a group or tag that could keep it out.
 */
static int64_t
value_of(const Shop *shop, unsigned int set, const int *priority)
{
	static Promotion bare[SHOP_PROMOTIONS];
	PriceCandidate candidates[SHOP_PROMOTIONS];
	PricePolicy policy = shop->policy;
	PriceOutcome outcome;
	int64_t		value;
	int			i;

	policy.combine = COMBINE_ALL_IN_PRIORITY_ORDER;
	policy.lane_count = 0;
	for (i = 0; i < shop->count; i++)
	{
		bare[i] = *shop->candidates[i].promotion;
		bare[i].group_count = 0;
		bare[i].combines_with = NULL;
		if (priority != NULL)
			bare[i].priority = priority[i];
		candidates[i] = shop->candidates[i];
		candidates[i].promotion = &bare[i];
		if (!(set >> i & 1))
			candidates[i].refused = REASON_INACTIVE;
	}
	CHECK(price_cart(&memory_plain, &shop->cart, candidates, shop->count, &policy, &outcome) == PRICE_DONE);
	value = outcome.goods_discount + outcome.shipping_discount;
	price_release(&memory_plain, &outcome);
	return value;
}

/* Best first by what each takes alone, if it may be with those before it */
static int64_t
greedy(const Shop *shop)
{
	unsigned int set = 0;
	unsigned int tried = 0;
	int			round;
	int			i;

	for (round = 0; round < shop->count; round++)
	{
		int			best = -1;
		int64_t		most = -1;

		for (i = 0; i < shop->count; i++)
			if (!(tried >> i & 1) && value_of(shop, 1u << i, NULL) > most)
			{
				most = value_of(shop, 1u << i, NULL);
				best = i;
			}
		tried |= 1u << best;
		if (may_be_together(shop, set | 1u << best))
			set |= 1u << best;
	}
	return value_of(shop, set, NULL);
}

/*
 * Promotions that stand in each other's way more than most do: they use the
 * same units, or ask for a subtotal that others lower.
 */
static void
sharpen(Draw *from, ShopPromotion *made)
{
	static const ActionKind kinds[] = {ACTION_BUNDLE_PRICE, ACTION_BUY_GET, ACTION_CHEAPEST_FREE};
	Action	   *action = &made->actions[0];

	if (draw(from, 3) != 0)
	{
		action->kind = kinds[draw(from, 3)];
		action->pick = (Pick) draw(from, 2);
		action->get_pick = (Pick) draw(from, 2);
		action->get_quantity = 1;
		action->quantity = 1 + draw(from, 2);
		action->max_times = 1;
		action->value = action->kind == ACTION_BUNDLE_PRICE ? decimal_of(draw(from, 20), 0) :
			decimal_of(100, 0);
		action->consumes.length = 0;
		action->max_discount = action->max_discount_per_line = action->max_discount_per_unit = NULL;
	}
	made->promotion.condition_count = 0;
	if (draw(from, 3) == 0)
	{
		Condition  *condition = &made->conditions[0];

		memset(condition, 0, sizeof(*condition));
		condition->kind = CONDITION_MIN_SUBTOTAL;
		condition->size = 1;
		condition->basis = BASIS_AFTER_PREVIOUS;
		condition->number = decimal_of(draw(from, 100), 0);
		made->promotion.condition_count = 1;
	}
}

/* Carts with more conflicts than most */
static void
draw_shop(Draw *from, Shop *shop, int round)
{
	int			i;

	shop_draw(from, shop, round % 3 == 0 ? SHOP_TAME : SHOP_WILD, MOST);
	for (i = 0; i < shop->count && round % 3 == 2; i++)
		sharpen(from, &shop->made[i]);
	shop->policy.combine = COMBINE_BEST_COMBINATION;
	shop->policy.lane_count = 0;
	shop->policy.nodes = PRICE_NODES;
	for (i = 0; i < shop->count; i++)
		shop->made[i].promotion.exclusive = false;
}

static void
test_combination(void)
{
	static Shop shop;
	Random		random;
	Draw		from = {random_draws, &random};
	int			round;
	int			wrong = 0;
	int			greedy_wrong = 0;
	int			forbidden = 0;
	int			several = 0;
	int64_t		nodes = 0;
	int			small_wrong = 0;
	int			small_best = 0;
	int			small_ended = 0;

	for (round = 0; round < CARTS; round++)
	{
		PriceOutcome outcome;
		unsigned int set;
		unsigned int chosen = 0;
		int64_t		most = 0;
		int64_t		taken;
		int			i;

		random_start(&random, 9, (uint64_t) round);
		draw_shop(&from, &shop, round);
		CHECK(price_cart(&memory_plain, &shop.cart, shop.candidates, shop.count, &shop.policy,
						 &outcome) == PRICE_DONE);
		for (set = 0; set < 1u << shop.count; set++)
			if (may_be_together(&shop, set))
			{
				int64_t		value = value_of(&shop, set, NULL);

				most = value > most ? value : most;
			}
		taken = outcome.goods_discount + outcome.shipping_discount;
		if (taken != most && wrong++ < 5)
			printf("cart %d: took %lld of %lld\n", round, (long long) taken, (long long) most);
		wrong += !outcome.optimal;
		for (i = 0; i < outcome.applied_count; i++)
			chosen |= 1u << outcome.applied[i].candidate;
		forbidden += !may_be_together(&shop, chosen);
		several += outcome.applied_count > 1;
		nodes += outcome.nodes;
		greedy_wrong += greedy(&shop) != most;
		price_release(&memory_plain, &outcome);

		/* With a budget that ends the search, it never says more than it knows. */
		shop.policy.nodes = 5;
		CHECK(price_cart(&memory_plain, &shop.cart, shop.candidates, shop.count, &shop.policy,
						 &outcome) == PRICE_DONE);
		taken = outcome.goods_discount + outcome.shipping_discount;
		small_wrong += taken > most || (outcome.optimal && taken != most);
		small_best += taken == most;
		small_ended += !outcome.optimal;
		price_release(&memory_plain, &outcome);
	}
	CHECK(wrong == 0);
	CHECK(forbidden == 0);
	CHECK(small_wrong == 0);
	CHECK(greedy_wrong > 100);
	CHECK(several > CARTS / 4);
	CHECK(small_ended > 100);
	printf("# %d carts: the best combination each time, by %lld applications; greedy is wrong on %d\n",
		   CARTS, (long long) nodes, greedy_wrong);
	printf("# with a budget of 5: %d ended early, %d of all found the best\n", small_ended, small_best);
}

/* All orders of up to five promotions, by Heap's algorithm */
static int64_t
best_of_orders(const Shop *shop, int *order, int count)
{
	int64_t		most;
	int			i;

	if (count <= 1)
	{
		int			priority[SHOP_PROMOTIONS];

		for (i = 0; i < shop->count; i++)
			priority[order[i]] = i;
		return value_of(shop, (1u << shop->count) - 1, priority);
	}
	most = best_of_orders(shop, order, count - 1);
	for (i = 0; i < count - 1; i++)
	{
		int			swap = count % 2 == 0 ? i : 0;
		int			other = order[swap];
		int64_t		value;

		order[swap] = order[count - 1];
		order[count - 1] = other;
		value = best_of_orders(shop, order, count - 1);
		most = value > most ? value : most;
	}
	return most;
}

static void
test_order(void)
{
	static Shop shop;
	Random		random;
	Draw		from = {random_draws, &random};
	int			round;
	int			wrong = 0;
	int			priority_wrong = 0;

	for (round = 0; round < 800; round++)
	{
		PriceOutcome outcome;
		int			order[SHOP_PROMOTIONS];
		int64_t		most;
		int			i;

		random_start(&random, 10, (uint64_t) round);
		shop_draw(&from, &shop, round % 2 == 0 ? SHOP_TAME : SHOP_WILD, 5);
		shop.policy.combine = COMBINE_BEST_ORDER;
		shop.policy.lane_count = 0;
		shop.policy.nodes = PRICE_NODES;
		for (i = 0; i < shop.count; i++)
		{
			shop.made[i].promotion.exclusive = false;
			shop.made[i].promotion.group_count = 0;
			shop.made[i].promotion.combines_with = NULL;
			shop.made[i].promotion.lane = 0;
			order[i] = i;
		}
		CHECK(price_cart(&memory_plain, &shop.cart, shop.candidates, shop.count, &shop.policy,
						 &outcome) == PRICE_DONE);
		most = best_of_orders(&shop, order, shop.count);
		if (outcome.goods_discount + outcome.shipping_discount != most && wrong++ < 5)
			printf("order %d: took %lld of %lld\n", round,
				   (long long) (outcome.goods_discount + outcome.shipping_discount), (long long) most);
		priority_wrong += value_of(&shop, (1u << shop.count) - 1, NULL) != most;
		price_release(&memory_plain, &outcome);
	}
	CHECK(wrong == 0);
	CHECK(priority_wrong > 20);
	printf("# the best order each time; the order of priority is wrong on %d of 800\n", priority_wrong);
}

int
main(void)
{
	test_combination();
	test_order();
	return check_report();
}
