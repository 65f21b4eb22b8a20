/*-------------------------------------------------------------------------
 *
 * price.c
 *	  What carts cost: examples that can be done by hand, and what must hold
 *	  of any cart.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "check.h"
#include "core/random.h"
#include "core/time.h"
#include "coupon/compact.h"
#include "shop.h"

#define ROUNDS 12000

static uint32_t
random_draws(void *arg, uint32_t bound)
{
	return random_below(arg, bound);
}

static bool
same_outcome(const PriceOutcome *a, const PriceOutcome *b)
{
	int			i;

	if (a->total != b->total || a->tax_total != b->tax_total || a->applied_count != b->applied_count ||
		a->share_count != b->share_count || a->rejected_count != b->rejected_count ||
		a->gift_count != b->gift_count || a->issue_count != b->issue_count || a->optimal != b->optimal ||
		a->piece_count != b->piece_count || a->failure_count != b->failure_count)
		return false;
	for (i = 0; i < a->applied_count; i++)
		if (a->applied[i].candidate != b->applied[i].candidate || a->applied[i].goods != b->applied[i].goods)
			return false;
	for (i = 0; i < a->share_count; i++)
		if (a->shares[i].line != b->shares[i].line || a->shares[i].amount != b->shares[i].amount)
			return false;
	for (i = 0; i < a->rejected_count; i++)
		if (a->rejected[i].reason != b->rejected[i].reason || a->rejected[i].winner != b->rejected[i].winner)
			return false;
	return true;
}

/* What must hold of any cart, and of pricing it again */
static void
test_random_carts(void)
{
	static Shop shop;
	Random		random;
	Draw		from = {random_draws, &random};
	int			round;
	int			applied = 0;
	int			optimal = 0;
	int			faults = 0;
	int			failed = 0;
	int			differ = 0;

	for (round = 0; round < ROUNDS; round++)
	{
		PriceOutcome outcome;
		PriceOutcome again;
		const char *fault;

		random_start(&random, 7, (uint64_t) round);
		shop_draw(&from, &shop, round % 4 == 0 ? SHOP_TAME : SHOP_WILD, SHOP_PROMOTIONS);
		if (price_cart(&memory_plain, &shop.cart, shop.candidates, shop.count, &shop.policy, &outcome) != PRICE_DONE)
			failed++;
		else
		{
			fault = shop_fault(&shop, &outcome);
			if (fault != NULL && faults++ < 5)
				printf("round %d: %s\n", round, fault);
			applied += outcome.applied_count;
			optimal += outcome.optimal;
		}
		(void) price_cart(&memory_plain, &shop.cart, shop.candidates, shop.count, &shop.policy, &again);
		differ += !same_outcome(&outcome, &again);
		price_release(&memory_plain, &outcome);
		price_release(&memory_plain, &again);
	}
	CHECK(failed == 0);
	CHECK(faults == 0);
	CHECK(differ == 0);
	CHECK(applied > ROUNDS);
	CHECK(optimal < ROUNDS);
	printf("# %d promotions applied to %d carts\n", applied, ROUNDS);
}

static int64_t
total_of(const Shop *shop)
{
	PriceOutcome outcome;
	int64_t		total;

	CHECK(price_cart(&memory_plain, &shop->cart, shop->candidates, shop->count, &shop->policy,
					 &outcome) == PRICE_DONE);
	total = outcome.total;
	price_release(&memory_plain, &outcome);
	return total;
}

/* The lines of a cart in another order */
static void
shuffle_lines(Random *random, Shop *shop)
{
	int			i;

	for (i = shop->cart.line_count - 1; i > 0; i--)
	{
		int			other = (int) random_below(random, (uint32_t) i + 1);
		CartLine	line = shop->lines[i];

		shop->lines[i] = shop->lines[other];
		shop->lines[other] = line;
	}
}

/* Its candidates in another order, their priorities all different */
static void
shuffle_candidates(Random *random, Shop *shop)
{
	int			i;

	for (i = shop->count - 1; i > 0; i--)
	{
		int			other = (int) random_below(random, (uint32_t) i + 1);
		PriceCandidate candidate = shop->candidates[i];

		shop->candidates[i] = shop->candidates[other];
		shop->candidates[other] = candidate;
	}
}

/* What a cart costs does not depend on how it is written down. */
static void
test_relations(void)
{
	static Shop shop;
	Random		random;
	Draw		from = {random_draws, &random};
	int			round;
	int			shuffled = 0;
	int			ties = 0;
	int			split = 0;
	int			added = 0;
	int			permuted = 0;

	for (round = 0; round < 3000; round++)
	{
		int64_t		total;
		int64_t		other;
		int			i;

		/* Candidates whose priorities say all of their order */
		random_start(&random, 12, (uint64_t) round);
		shop_draw(&from, &shop, SHOP_WILD, SHOP_PROMOTIONS);
		shop.policy.nodes = 200;
		for (i = 0; i < shop.count; i++)
			shop.made[i].promotion.priority = i;
		total = total_of(&shop);
		shuffle_candidates(&random, &shop);
		permuted += total_of(&shop) != total;

		/* One more that may not apply */
		if (shop.count < SHOP_PROMOTIONS)
		{
			shop_promotion(&from, &shop, shop.count, SHOP_WILD);
			shop.made[shop.count].promotion.group_count = 0;
			shop.candidates[shop.count++].refused = REASON_HOLDOUT;
			added += total_of(&shop) != total;
		}

		/* Lines in another order: equal units may change places, which a cent
		 * of rounding on each line may follow. */
		shop_draw(&from, &shop, SHOP_WILD, 1);
		shop.made[0].actions[0].pick = PICK_DEAREST;
		shop.made[0].promotion.action_count = 1;
		for (i = 0; i < shop.cart.line_count; i++)
			shop.lines[i].min_unit_price = decimal_of(0, 0);
		total = total_of(&shop);
		shuffle_lines(&random, &shop);
		other = total_of(&shop);
		ties += other != total;
		shuffled += llabs(other - total) > shop.cart.line_count;

		/* A line in two: nothing that is of the order changes. */
		shop_draw(&from, &shop, SHOP_TAME, SHOP_PROMOTIONS);
		shop.policy.percent_level = LEVEL_ORDER;
		for (i = 0; i < shop.count; i++)
		{
			shop.made[i].actions[0].target = shop.made[i].actions[1].target = TARGET_ORDER;
			shop.made[i].actions[0].select = shop.made[i].actions[1].select = NULL;
		}
		for (i = 0; i < shop.cart.line_count; i++)
			shop.lines[i].min_unit_price = decimal_of(0, 0);
		if (shop.cart.line_count == SHOP_LINES || shop.policy.combine == COMBINE_BEST_PER_LINE || shop.policy.lane_count > 0)
			continue;
		total = total_of(&shop);
		i = (int) random_below(&random, (uint32_t) shop.cart.line_count);
		shop.lines[shop.cart.line_count] = shop.lines[i];
		if (shop.lines[i].quantity > QUANTITY_ONE)
		{
			shop.lines[shop.cart.line_count++].quantity = QUANTITY_ONE;
			shop.lines[i].quantity -= QUANTITY_ONE;
		}
		split += total_of(&shop) != total;
	}
	CHECK(permuted == 0);
	CHECK(added == 0);
	CHECK(shuffled == 0);
	CHECK(ties < 60);
	CHECK(split == 0);
}

/*
 * A compact copy prices as what it was made from, which is gone by then.
 */
static void
test_compact(void)
{
	static Shop shop;
	Random		random;
	Draw		from = {random_draws, &random};
	int			round;
	int			differ = 0;
	size_t		most = 0;

	for (round = 0; round < 2000; round++)
	{
		PriceCandidate candidates[SHOP_PROMOTIONS];
		PriceOutcome outcome;
		PriceOutcome again;
		int			i;

		random_start(&random, 13, (uint64_t) round);
		shop_draw(&from, &shop, SHOP_WILD, SHOP_PROMOTIONS);
		shop.policy.nodes = 200;
		(void) price_cart(&memory_plain, &shop.cart, shop.candidates, shop.count, &shop.policy, &outcome);
		memcpy(candidates, shop.candidates, sizeof(candidates));
		for (i = 0; i < shop.count; i++)
		{
			size_t		size = promotion_size(&shop.made[i].promotion);

			most = size > most ? size : most;
			candidates[i].promotion = promotion_copy(&shop.made[i].promotion, malloc(size));
			memset(&shop.made[i].promotion, 0xff, sizeof(Promotion));
			memset(shop.made[i].actions, 0xff, sizeof(shop.made[i].actions));
			memset(shop.made[i].conditions, 0xff, sizeof(shop.made[i].conditions));
			memset(shop.made[i].selects, 0xff, sizeof(shop.made[i].selects));
			memset(shop.made[i].sets, 0xff, sizeof(shop.made[i].sets));
			memset(shop.made[i].words, 0xff, sizeof(shop.made[i].words));
			memset(shop.made[i].bounds, 0xff, sizeof(shop.made[i].bounds));
			memset(shop.made[i].tiers, 0xff, sizeof(shop.made[i].tiers));
			memset(shop.made[i].channels, 0xff, sizeof(shop.made[i].channels));
			memset(shop.made[i].schedules, 0xff, sizeof(shop.made[i].schedules));
			memset(shop.made[i].windows, 0xff, sizeof(shop.made[i].windows));
			memset(shop.made[i].comparisons, 0xff, sizeof(shop.made[i].comparisons));
			memset(shop.made[i].values, 0xff, sizeof(shop.made[i].values));
			memset(shop.made[i].groups, 0xff, sizeof(shop.made[i].groups));
		}
		(void) price_cart(&memory_plain, &shop.cart, candidates, shop.count, &shop.policy, &again);
		differ += !same_outcome(&outcome, &again);
		price_release(&memory_plain, &outcome);
		price_release(&memory_plain, &again);
		for (i = 0; i < shop.count; i++)
			free((void *) candidates[i].promotion);
	}
	CHECK(differ == 0);
	printf("# the largest promotion is %zu bytes\n", most);
}

/* Memory that ends after so many times */
static bool
ends(void *arg)
{
	return *(int *) arg > 0;
}

static void *
ends_alloc(void *arg, size_t size)
{
	return (*(int *) arg)-- > 0 ? malloc(size > 0 ? size : 1) : NULL;
}

static void
ends_release(void *arg, void *pointer)
{
	(void) arg;
	free(pointer);
}

static void
test_no_memory(void)
{
	static Shop shop;
	Random		random;
	Draw		from = {random_draws, &random};
	int			round;
	int			wrong = 0;
	int			reached = 0;

	for (round = 0; round < 600; round++)
	{
		int			left = round % 40;
		Memory		memory = {ends_alloc, ends_release, ends, &left};
		PriceOutcome outcome;
		PriceStatus status;

		random_start(&random, 8, (uint64_t) round);
		shop_draw(&from, &shop, SHOP_WILD, SHOP_PROMOTIONS);
		status = price_cart(&memory, &shop.cart, shop.candidates, shop.count, &shop.policy, &outcome);
		wrong += status != PRICE_DONE && status != PRICE_NO_MEMORY && status != PRICE_CANCELED;
		reached += status != PRICE_DONE;
		price_release(&memory, &outcome);
	}
	CHECK(wrong == 0);
	CHECK(reached > 100);
}

int
main(void)
{
	test_random_carts();
	test_relations();
	test_compact();
	test_no_memory();
	return check_report();
}
