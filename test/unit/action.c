/*-------------------------------------------------------------------------
 *
 * action.c
 *	  What each kind of action takes, in examples that can be done by hand.
 *
 *-------------------------------------------------------------------------
 */
#include "deal.h"

static Deal deal;

/* Half of 5 and of 7, in each way to round, of the discount and of the price */
static void
test_percent(void)
{
	static const int64_t ways[PERCENT_ROUNDS][3] = {
		{3, 4, 1}, {2, 4, 1}, {2, 3, 1}, {3, 4, 1}, {2, 3, 0}
	};
	int			way;

	for (way = 0; way < PERCENT_ROUNDS; way++)
	{
		deal_start(&deal);
		(void) deal_line(&deal, "a", "0.05", 1);
		(void) deal_line(&deal, "b", "0.07", 1);
		(void) deal_line(&deal, "c", "0.01", 1);
		(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_LINES, "50");
		deal.policy.percent_round = (PercentRound) way;
		CHECK(deal_price(&deal) == PRICE_DONE);
		CHECK(deal_line_takes(&deal, 0, ways[way][0]));
		CHECK(deal_line_takes(&deal, 1, ways[way][1]));
		CHECK(deal_line_takes(&deal, 2, way == PERCENT_HALF_EVEN || way == PERCENT_HALF_DOWN ? 0 : ways[way][2]));
	}

	/* 15 % of 10.50 is 1.575: 1.58 off, or a price of 8.925, which is 8.93 */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "10.50", 1);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_LINES, "15");
	CHECK(deal_takes(&deal, 158));
	deal.policy.round_price = true;
	CHECK(deal_takes(&deal, 157));

	/* On the order once, on each line, or on the sum of lines */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "0.05", 1);
	(void) deal_line(&deal, "b", "0.05", 1);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, "10");
	CHECK(deal_takes(&deal, 1));
	deal.policy.percent_level = LEVEL_LINE;
	CHECK(deal_takes(&deal, 2));
	deal.actions[0][0].target = TARGET_LINES;
	CHECK(deal_takes(&deal, 2));
	deal.policy.percent_level = LEVEL_ORDER;
	CHECK(deal_takes(&deal, 1));

	/* Of what is left, or of what there was */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "100.00", 1);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, "50");
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, "10.25");
	CHECK(deal_takes(&deal, 5513));
	deal.policy.original_base = true;
	CHECK(deal_takes(&deal, 6025));
	deal.promotions[1].base = BASIS_AFTER_PREVIOUS;
	CHECK(deal_takes(&deal, 5513));
	deal.actions[0][0].max_discount = deal_number(&deal, "20");
	CHECK(deal_takes(&deal, 2000 + 820));
}

static void
test_amount(void)
{
	Action	   *action;

	/* Shared by largest remainder, and over the units of a line */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "1.00", 3);
	(void) deal_line(&deal, "b", "1.00", 1);
	(void) deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "1.00");
	CHECK(deal_takes(&deal, 100));
	CHECK(deal_line_takes(&deal, 0, 75));
	CHECK(deal_pieces(&deal, 0, "3x25"));
	deal.actions[0][0].value = number("1.01");
	CHECK(deal_takes(&deal, 101));
	CHECK(deal_pieces(&deal, 0, "1x26 2x25"));
	CHECK(deal_pieces(&deal, 1, "1x25"));

	/* A second one finds units with less left, and gives them less. */
	(void) deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_LINES, "2.24");
	CHECK(deal_takes(&deal, 400));
	CHECK(deal_pieces(&deal, 0, "3x100"));

	/* Amounts of units, each at most its price */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "13.95", 3);
	(void) deal_line(&deal, "b", "1.80", 5);
	action = deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_UNIT, "10");
	CHECK(deal_takes(&deal, 3000 + 900));
	action->max_units = 5;
	CHECK(deal_takes(&deal, 3000 + 360));
	action->pick = PICK_CHEAPEST;
	CHECK(deal_takes(&deal, 900));
	action->max_units_per_line = 2;
	CHECK(deal_takes(&deal, 360 + 2000));
	action->max_discount_per_unit = deal_number(&deal, "1.00");
	CHECK(deal_takes(&deal, 400));
	action->max_discount_per_line = deal_number(&deal, "1.50");
	CHECK(deal_takes(&deal, 300));
	action->max_discount = deal_number(&deal, "1.01");
	CHECK(deal_takes(&deal, 101));
	CHECK(deal_line_takes(&deal, 0, 51));

	/* Half a cent off each unit rounds once, on the line. */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "1.00", 7);
	action = deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_UNIT, "0.005");
	CHECK(deal_takes(&deal, 4));
	CHECK(deal_pieces(&deal, 0, "4x1 3x0"));

	/* The cheapest unit, and groups that are complete */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "10.00", 3);
	(void) deal_line(&deal, "b", "4.00", 2);
	action = deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_CHEAPEST_UNIT, "5");
	CHECK(deal_takes(&deal, 400));
	CHECK(deal_pieces(&deal, 1, "1x400 1x0"));
	action->target = TARGET_UNIT;
	action->quantity = 2;
	CHECK(deal_takes(&deal, 1500 + 400));

	/* What a line cannot take moves to the others; a unit's amount does not. */
	deal_start(&deal);
	deal_line(&deal, "a", "50.00", 2)->min_unit_price = number("45");
	(void) deal_line(&deal, "b", "20.00", 2);
	(void) deal_line(&deal, "c", "40.00", 1);
	action = deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "27");
	CHECK(deal_takes(&deal, 2700));
	CHECK(deal_line_takes(&deal, 0, 1000) && deal_line_takes(&deal, 1, 850));
	action->value = number("1000");
	CHECK(deal_takes(&deal, 1000 + 8000));
	action->target = TARGET_UNIT;
	action->value = number("6");
	CHECK(deal_takes(&deal, 1000 + 1200 + 600));
}

static void
test_measure(void)
{
	Action	   *action;

	/* 1.234 kg at 9.99 are 12.32766; it is no unit of anything. */
	deal_start(&deal);
	deal_line(&deal, "tea", "9.99", 1)->quantity = 1234;
	(void) deal_line(&deal, "cup", "5.00", 2);
	action = deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_LINES, "10");
	CHECK(deal_takes(&deal, 123 + 100));
	CHECK(deal.outcome.goods == 1233 + 1000);
	action->kind = ACTION_AMOUNT_OFF;
	action->target = TARGET_UNIT;
	action->value = number("2");
	CHECK(deal_takes(&deal, 247 + 400));
	action->max_units = 3;
	CHECK(deal_takes(&deal, 400));
	action->max_units = 0;
	action->kind = ACTION_SET_UNIT_PRICE;
	action->value = number("4.50");
	CHECK(deal_takes(&deal, 1233 - 555 + 100));
	action->kind = ACTION_CHEAPEST_FREE;
	action->value = number("100");
	action->quantity = 2;
	action->get_quantity = 1;
	CHECK(deal_takes(&deal, 500));

	/* Prices of a third of a cent: 30 units are 10 cents, some units more. */
	deal_start(&deal);
	(void) deal_line(&deal, "nail", "0.003333", 30);
	action = deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_LINES, "100");
	action->max_units = 12;
	CHECK(deal_takes(&deal, 10));
	action->max_units = 5;
	CHECK(deal_takes(&deal, 5));
	CHECK(deal_pieces(&deal, 0, "5x1 25x0"));
}

static void
test_tiers(void)
{
	static const Tier tiers[] = {{{3, 0}, {10, 0}}, {{5, 0}, {20, 0}}};
	Action	   *action;

	deal_start(&deal);
	(void) deal_line(&deal, "a", "10.00", 3);
	(void) deal_line(&deal, "b", "1.00", 1);
	action = deal_offer(&deal, ACTION_TIERED_PERCENT, TARGET_LINES, NULL);
	action->by = TIER_BY_QUANTITY;
	action->tier_count = 2;
	action->tiers = tiers;
	CHECK(deal_takes(&deal, 300 + 10));
	CHECK(deal.outcome.step_count == 1 && !deal.outcome.steps[0].is_money &&
		  deal.outcome.steps[0].gap.digits == 1);
	action->by = TIER_BY_LINE_QUANTITY;
	CHECK(deal_takes(&deal, 300));
	deal.lines[0].quantity = 2 * QUANTITY_ONE;
	CHECK(deal_takes(&deal, 0));
	CHECK(deal_rejects(&deal, 0, REASON_MIN_QUANTITY, -1));
	CHECK(deal.outcome.failures[0].required.digits == 3 && deal.outcome.failures[0].actual.digits == 2);
	action->has_value = true;
	action->value = number("1");
	CHECK(deal_takes(&deal, 20 + 1));
	action->by = TIER_BY_ORDER_SUBTOTAL;
	CHECK(deal_takes(&deal, 400 + 20));

	/* A price by count, which never makes anything dearer */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "15.00", 4);
	(void) deal_line(&deal, "b", "9.00", 2);
	action = deal_offer(&deal, ACTION_TIERED_PRICE, TARGET_LINES, NULL);
	action->by = TIER_BY_QUANTITY;
	action->tier_count = 2;
	action->tiers = tiers;
	CHECK(deal_takes(&deal, 0));
	action->by = TIER_BY_LINE_QUANTITY;
	CHECK(deal_takes(&deal, 2000));

	/* 3 for every 20 that is spent, three times at most */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "59.99", 1);
	action = deal_offer(&deal, ACTION_AMOUNT_PER, TARGET_ORDER, "3");
	action->every = number("20");
	CHECK(deal_takes(&deal, 600));
	CHECK(deal.outcome.step_count == 1 && deal.outcome.steps[0].gap.digits == 1 &&
		  deal.outcome.steps[0].gap.scale == 2);
	deal.lines[0].unit_price = number("1000");
	action->max_times = 3;
	CHECK(deal_takes(&deal, 900));
	deal.lines[0].unit_price = number("19.99");
	CHECK(deal_takes(&deal, 0));
	CHECK(deal_rejects(&deal, 0, REASON_MIN_SUBTOTAL, -1));
	action->every = number("0.003");
	action->max_times = 0;
	action->value = number("0.0001");
	CHECK(deal_takes(&deal, 67));
}

static void
test_prices(void)
{
	Action	   *action;

	deal_start(&deal);
	(void) deal_line(&deal, "a", "12.00", 2);
	(void) deal_line(&deal, "b", "8.00", 1);
	action = deal_offer(&deal, ACTION_SET_UNIT_PRICE, TARGET_UNIT, "9.999");
	CHECK(deal_takes(&deal, 400));
	action->max_units = 1;
	CHECK(deal_takes(&deal, 200));
	action->kind = ACTION_SET_TOTAL;
	action->value = number("20");
	CHECK(deal_takes(&deal, 1200));
	CHECK(deal_line_takes(&deal, 0, 900));
	action->value = number("33");
	CHECK(deal_takes(&deal, 0));
	CHECK(deal_rejects(&deal, 0, REASON_NO_EFFECT, -1));

	deal.cart.shipping.amount = 490;
	action->kind = ACTION_SET_SHIPPING_PRICE;
	action->value = number("1");
	CHECK(deal_takes(&deal, 0) && deal.outcome.shipping_discount == 390);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_SHIPPING, "50");
	CHECK(deal_takes(&deal, 0) && deal.outcome.shipping_discount == 440);
	CHECK(deal.outcome.total == 3200 + 50);
}

static void
test_bundle(void)
{
	Action	   *action;

	/* Five for 7 and 8 for 4: dearest first, 8 + 8 + 8, then 8 + 7 + 7 */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "7.00", 5);
	(void) deal_line(&deal, "b", "8.00", 4);
	action = deal_offer(&deal, ACTION_BUNDLE_PRICE, TARGET_ORDER, "20");
	action->quantity = 3;
	CHECK(deal_takes(&deal, 400 + 200 + 100));
	CHECK(deal_pieces(&deal, 1, "1x134 2x133 1x73"));
	action->max_times = 1;
	CHECK(deal_takes(&deal, 400));
	action->pick = PICK_CHEAPEST;
	CHECK(deal_takes(&deal, 100));

	/* Never dearer, and a set that is not worth it is no set. */
	action->value = number("21.50");
	action->max_times = 0;
	CHECK(deal_takes(&deal, 50 + 250));
	action->value = number("24");
	CHECK(deal_takes(&deal, 0));
	action->quantity = 10;
	CHECK(deal_takes(&deal, 0));
	CHECK(deal_rejects(&deal, 0, REASON_MIN_QUANTITY, -1));

	/* A million units are as quick as three. */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "7.00", 1000001);
	action = deal_offer(&deal, ACTION_BUNDLE_PRICE, TARGET_ORDER, "20");
	action->quantity = 3;
	CHECK(deal_takes(&deal, INT64_C(33333300)));
	CHECK(deal.outcome.lines[0].pieces <= 3);

	/* A set's floor: what one line cannot take, the other does. */
	deal_start(&deal);
	deal_line(&deal, "a", "10.00", 1)->min_unit_price = number("9");
	(void) deal_line(&deal, "b", "10.00", 1);
	action = deal_offer(&deal, ACTION_BUNDLE_PRICE, TARGET_ORDER, "14");
	action->quantity = 2;
	CHECK(deal_takes(&deal, 600));
	CHECK(deal_line_takes(&deal, 0, 100) && deal_line_takes(&deal, 1, 500));
}

static void
test_buy_get(void)
{
	Action	   *action;
	int			units;

	/* 2 + 1: of 5 one is free, of 6 two, and with incomplete rewards the same */
	for (units = 1; units <= 9; units++)
	{
		deal_start(&deal);
		(void) deal_line(&deal, "a", "10.00", units);
		action = deal_offer(&deal, ACTION_BUY_GET, TARGET_ORDER, "100");
		action->quantity = 2;
		action->get_quantity = 1;
		CHECK(deal_takes(&deal, units / 3 * 1000));
		action->get_quantity = 3;
		CHECK(deal_takes(&deal, units / 5 * 3000));
		action->allow_partial = true;
		CHECK(deal_takes(&deal, (units / 5 * 3 + (units % 5 > 2 ? units % 5 - 2 : 0)) * 1000));
	}

	/* The one unit that could be got is not eaten up as bought. */
	deal_start(&deal);
	(void) deal_line(&deal, "shirt", "50.00", 1);
	(void) deal_line(&deal, "sock", "5.00", 1);
	action = deal_offer(&deal, ACTION_BUY_GET, TARGET_ORDER, "100");
	action->quantity = 1;
	action->get_quantity = 1;
	action->get_select = deal_select(&deal, "shirt", NULL);
	CHECK(deal_takes(&deal, 5000));
	action->get_select = deal_select(&deal, "sock", NULL);
	CHECK(deal_takes(&deal, 500));
	action->get_select = deal_select(&deal, "hat", NULL);
	CHECK(deal_takes(&deal, 0));
	CHECK(deal_rejects(&deal, 0, REASON_REWARD_MISSING, -1));
	action->quantity = 3;
	CHECK(deal_takes(&deal, 0));
	CHECK(deal_rejects(&deal, 0, REASON_MIN_QUANTITY, -1));

	/* The cheapest are got, or the dearest; each product on its own, or not */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "10.00", 2);
	(void) deal_line(&deal, "b", "6.00", 2);
	action = deal_offer(&deal, ACTION_BUY_GET, TARGET_ORDER, "50");
	action->quantity = 1;
	action->get_quantity = 1;
	CHECK(deal_takes(&deal, 600));
	action->same_product = true;
	CHECK(deal_takes(&deal, 500 + 300));
	action->same_product = false;
	action->max_times = 1;
	CHECK(deal_takes(&deal, 300));
	action->get_pick = PICK_DEAREST;
	CHECK(deal_takes(&deal, 500));

	/* A unit serves in one promotion only, unless the groups differ. */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "10.00", 3);
	for (units = 0; units < 2; units++)
	{
		action = deal_offer(&deal, ACTION_BUY_GET, TARGET_ORDER, "100");
		action->quantity = 1;
		action->get_quantity = 1;
		action->max_times = 1;
	}
	CHECK(deal_takes(&deal, 1000));
	CHECK(deal_rejects(&deal, 1, REASON_REWARD_MISSING, -1));
	action->consumes = word("other");
	CHECK(deal_takes(&deal, 2000));
}

static void
test_cheapest_free(void)
{
	Action	   *action;

	/* 9 8 7, 6 5 4: dearest first 7 and 4 are free, cheapest first 4 and 7 */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "9.00", 1);
	(void) deal_line(&deal, "b", "4.00", 1);
	(void) deal_line(&deal, "c", "7.00", 1);
	(void) deal_line(&deal, "d", "6.00", 1);
	(void) deal_line(&deal, "e", "5.00", 1);
	(void) deal_line(&deal, "f", "8.00", 1);
	action = deal_offer(&deal, ACTION_CHEAPEST_FREE, TARGET_ORDER, "100");
	action->quantity = 3;
	action->get_quantity = 1;
	CHECK(deal_takes(&deal, 1100));
	CHECK(deal_line_takes(&deal, 1, 400) && deal_line_takes(&deal, 2, 700));
	action->max_times = 1;
	CHECK(deal_takes(&deal, 700));
	action->pick = PICK_CHEAPEST;
	CHECK(deal_takes(&deal, 400));
	action->get_quantity = 2;
	action->value = number("50");
	CHECK(deal_takes(&deal, 200 + 250));
	deal.lines[0].quantity = 1000000 * (int64_t) QUANTITY_ONE;
	action->pick = PICK_DEAREST;
	action->max_times = 0;
	CHECK(deal_takes(&deal, INT64_C(333333) * 900 + 750 + 450));
}

static void
test_gifts(void)
{
	Action	   *action;

	deal_start(&deal);
	(void) deal_line(&deal, "cab", "320.00", 75);
	action = deal_offer(&deal, ACTION_GIFT, TARGET_ORDER, NULL);
	action->get_quantity = 1;
	action->quantity = 3;
	CHECK(deal_takes(&deal, 0) && deal_applies(&deal, 0));
	CHECK(deal.outcome.gift_count == 1 && deal.outcome.gifts[0].quantity == 25);
	action->max_times = 4;
	CHECK(deal_takes(&deal, 0) && deal.outcome.gifts[0].quantity == 4);
	action->select = deal_select(&deal, "bin", NULL);
	CHECK(deal_takes(&deal, 0) && deal.outcome.gift_count == 0);
	CHECK(deal_rejects(&deal, 0, REASON_MIN_QUANTITY, -1));
	action->quantity = 0;
	CHECK(deal_takes(&deal, 0) && deal.outcome.gifts[0].quantity == 1);
	(void) deal_offer(&deal, ACTION_ISSUE_CODE, TARGET_ORDER, NULL);
	CHECK(deal_takes(&deal, 0) && deal.outcome.issue_count == 1 && deal.outcome.issues[0].candidate == 1);
}

/* Budgets, and numbers that do not fit */
static void
test_bounds(void)
{
	PriceLimit	budget = {.reason = REASON_BUDGET, .most = 1000, .used = 400};
	PriceLimit	customer = {.reason = REASON_CUSTOMER_LIMIT, .per_customer = true, .most = 1};

	deal_start(&deal);
	(void) deal_line(&deal, "a", "10.00", 1);
	deal.cart.shipping.amount = 300;
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, "50");
	(void) deal_action(&deal, ACTION_PERCENT_OFF, TARGET_SHIPPING, "100");
	deal.candidates[0].limits = &budget;
	deal.candidates[0].limit_count = 1;
	CHECK(deal_takes(&deal, 0));
	CHECK(deal_rejects(&deal, 0, REASON_BUDGET, -1));
	budget.goods_only = true;
	CHECK(deal_takes(&deal, 500) && deal.outcome.shipping_discount == 300);
	budget.goods_only = false;
	budget.partial = true;
	CHECK(deal_takes(&deal, 500) && deal.outcome.shipping_discount == 100);
	budget.used = 700;
	CHECK(deal_takes(&deal, 300) && deal.outcome.shipping_discount == 0);
	budget.used = 1000;
	CHECK(deal_takes(&deal, 0) && deal_rejects(&deal, 0, REASON_BUDGET, -1));
	deal.candidates[0].limits = &customer;
	CHECK(deal_takes(&deal, 0) && deal_rejects(&deal, 0, REASON_CUSTOMER_REQUIRED, -1));
	deal.cart.customer.id = word("ann");
	CHECK(deal_takes(&deal, 500));
	customer.used = 1;
	CHECK(deal_takes(&deal, 0) && deal_rejects(&deal, 0, REASON_CUSTOMER_LIMIT, -1));

	deal_start(&deal);
	(void) deal_line(&deal, "a", "92233720368547758.07", 1);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, "33.3333");
	CHECK(deal_takes(&deal, INT64_C(3074454271160912984)));
	(void) deal_line(&deal, "b", "0.01", 1);
	CHECK(deal_price(&deal) == PRICE_OVERFLOW);
	deal.cart.line_count = 1;
	deal.lines[0].quantity = 2000;
	CHECK(deal_price(&deal) == PRICE_OVERFLOW);
	deal.lines[0].unit_price = number("-1");
	CHECK(deal_price(&deal) == PRICE_BAD_LINE && deal.outcome.line == 0);
	deal.lines[0].unit_price = number("1.0000001");
	CHECK(deal_price(&deal) == PRICE_BAD_LINE);
	deal.lines[0].unit_price = number("1");
	deal.lines[0].quantity = 0;
	CHECK(deal_price(&deal) == PRICE_BAD_LINE);
	deal.lines[0].quantity = 1000;
	deal.actions[0][0].value = number("100.01");
	CHECK(deal_price(&deal) == PRICE_BAD_PROMOTION && deal.outcome.promotion == 0);
	deal.actions[0][0].value = number("100");
	deal.cart.exponent = 5;
	CHECK(deal_price(&deal) == PRICE_BAD_EXPONENT);
	deal.cart.exponent = 0;
	CHECK(deal_takes(&deal, 1));
	deal.cart.shipping.amount = -1;
	CHECK(deal_price(&deal) == PRICE_BAD_SHIPPING);
	deal.cart.shipping.amount = 0;
	deal.cart.line_count = 0;
	CHECK(deal_takes(&deal, 0) && deal_rejects(&deal, 0, REASON_EXCLUDED_ITEMS, -1));
}

/* Tax on what is left, in or on top of the prices */
static void
test_tax(void)
{
	deal_start(&deal);
	deal_line(&deal, "mug", "56.05", 1)->tax_percent = number("10");
	(void) deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "10.10");
	CHECK(deal_takes(&deal, 1010));
	CHECK(deal.outcome.tax_total == 460 && deal.outcome.total_with_tax == 5055 &&
		  deal.outcome.total_without_tax == 4595);
	deal.cart.prices_include_tax = true;
	deal.cart.shipping.amount = 119;
	deal.cart.shipping.tax_percent = number("19");
	CHECK(deal_takes(&deal, 1010));
	CHECK(deal.outcome.tax_total == 418 + 19 && deal.outcome.total_with_tax == 4595 + 119 &&
		  deal.outcome.total_without_tax == 4595 + 119 - 418 - 19);
}

int
main(void)
{
	test_percent();
	test_amount();
	test_measure();
	test_tiers();
	test_prices();
	test_bundle();
	test_buy_get();
	test_cheapest_free();
	test_gifts();
	test_bounds();
	test_tax();
	deal_end(&deal);
	return check_report();
}
