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
	test_no_memory();
	return check_report();
}
