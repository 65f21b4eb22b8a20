/*-------------------------------------------------------------------------
 *
 * combine.c
 *	  Which promotions go together, in examples that can be done by hand.
 *
 *-------------------------------------------------------------------------
 */
#include "deal.h"

static Deal deal;

/* One line of a hundred, and some percentages of it */
static void
percentages(const char *first, const char *second, const char *third)
{
	deal_start(&deal);
	(void) deal_line(&deal, "a", "100.00", 1);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, first);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, second);
	if (third != NULL)
		(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, third);
}

static void
test_order(void)
{
	/* 20 % and then 10.00, or the other way around */
	percentages("20", "50", NULL);
	deal.actions[1][0].kind = ACTION_AMOUNT_OFF;
	deal.actions[1][0].value = number("10");
	CHECK(deal_takes(&deal, 3000));
	CHECK(deal.outcome.applied[0].candidate == 0 && deal.outcome.applied[0].goods == 2000);
	deal.promotions[1].priority = -1;
	CHECK(deal_takes(&deal, 2800));
	CHECK(deal.outcome.applied[0].candidate == 1);
	deal.promotions[0].lane = -1;
	CHECK(deal_takes(&deal, 3000));

	/* Shipping comes last, whatever its lane says, and touches no goods. */
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_SHIPPING, "100");
	deal.promotions[2].lane = -5;
	deal.cart.shipping.amount = 500;
	CHECK(deal_takes(&deal, 3000) && deal.outcome.shipping_discount == 500);
	CHECK(deal.outcome.applied[2].candidate == 2);

	/* The order in which promotions are given is nothing, once priorities differ. */
	deal.promotions[0].lane = 0;
	deal.candidates[0].promotion = &deal.promotions[1];
	deal.candidates[1].promotion = &deal.promotions[0];
	CHECK(deal_takes(&deal, 2800));
}

static void
test_exclusive(void)
{
	percentages("10", "20", "15");
	deal.promotions[2].exclusive = true;
	CHECK(deal_takes(&deal, 1500));
	CHECK(deal_rejects(&deal, 0, REASON_EXCLUSIVE, 2) && deal_rejects(&deal, 1, REASON_EXCLUSIVE, 2));
	deal.policy.exclusive_best = true;
	CHECK(deal_takes(&deal, 2800));
	CHECK(deal_rejects(&deal, 2, REASON_BEATEN_BY, 0));
	deal.actions[2][0].value = number("28");
	CHECK(deal_takes(&deal, 2800));
	deal.actions[2][0].value = number("28.01");
	CHECK(deal_takes(&deal, 2801) && deal.outcome.applied_count == 1);
	CHECK(deal_rejects(&deal, 0, REASON_EXCLUSIVE, 2));

	/* The first of several, unless the best; and one that does nothing is none. */
	deal.policy.exclusive_best = false;
	deal.promotions[1].exclusive = true;
	CHECK(deal_takes(&deal, 2000));
	deal.actions[1][0].value = number("0");
	CHECK(deal_takes(&deal, 2801));
}

static void
test_groups(void)
{
	static const PromotionGroup voucher[] = {{{"voucher", 7}, 1}};
	static const PromotionGroup two[] = {{{"voucher", 7}, 2}};
	int			i;

	/* Of a group the best one, or the first */
	percentages("10", "20", "15");
	for (i = 0; i < 3; i++)
	{
		deal.promotions[i].group_count = 1;
		deal.promotions[i].groups = voucher;
	}
	CHECK(deal_takes(&deal, 2000));
	CHECK(deal_rejects(&deal, 0, REASON_BEATEN_BY, 1) && deal_rejects(&deal, 2, REASON_BEATEN_BY, 1));
	deal.policy.group_priority = true;
	CHECK(deal_takes(&deal, 1000));

	/* Two of it, and the least that any says counts. */
	deal.policy.group_priority = false;
	for (i = 0; i < 3; i++)
		deal.promotions[i].groups = two;
	CHECK(deal_takes(&deal, 2000 + 1200));
	CHECK(deal_rejects(&deal, 0, REASON_GROUP_FULL, 1));
	deal.promotions[0].groups = voucher;
	CHECK(deal_takes(&deal, 2000));

	/* Who finds nothing left gives the place to the next. */
	percentages("10", "100", NULL);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_SHIPPING, "100");
	deal.actions[0][0].kind = ACTION_AMOUNT_OFF;
	deal.actions[0][0].value = number("50");
	deal.promotions[0].priority = 1;
	deal.cart.shipping.amount = 300;
	for (i = 0; i < 3; i += 2)
	{
		deal.promotions[i].group_count = 1;
		deal.promotions[i].groups = voucher;
	}
	CHECK(deal_takes(&deal, 10000) && deal.outcome.shipping_discount == 300);
	CHECK(deal_rejects(&deal, 0, REASON_NO_EFFECT, -1));
}

static void
test_tags(void)
{
	/* Both must go along. */
	percentages("10", "20", NULL);
	deal.promotions[0].combines_with = deal_words(&deal, "sale", NULL);
	CHECK(deal_takes(&deal, 1000));
	CHECK(deal_rejects(&deal, 1, REASON_BEATEN_BY, 0));
	deal.promotions[1].tags = *deal_words(&deal, "sale", NULL);
	CHECK(deal_takes(&deal, 2800));
	deal.promotions[1].combines_with = deal_words(&deal, "item", "shipping");
	CHECK(deal_takes(&deal, 1000));
	deal.promotions[1].combines_with = deal_words(&deal, "order", NULL);
	CHECK(deal_takes(&deal, 2800));
	deal.promotions[0].class_given = true;
	deal.promotions[0].class = CLASS_ITEM;
	CHECK(deal_takes(&deal, 1000));
}

static void
test_stop(void)
{
	/* Later ones leave out the lines of the first, or do nothing at all. */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "40.00", 1);
	(void) deal_line(&deal, "b", "20.00", 1);
	deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_UNIT, "10")->select = deal_select(&deal, "a", NULL);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, "50");
	deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_UNIT, "1")->select = deal_select(&deal, "a", NULL);
	CHECK(deal_takes(&deal, 1000 + 2500 + 100));
	deal.promotions[0].stop_after = STOP_LINE;
	CHECK(deal_takes(&deal, 1000 + 1000));
	CHECK(deal_rejects(&deal, 2, REASON_STOPPED, -1));
	deal.promotions[0].stop_after = STOP_CART;
	CHECK(deal_takes(&deal, 1000));
	CHECK(deal_rejects(&deal, 1, REASON_STOPPED, -1));

	/* Who has no effect stops nothing. */
	deal.actions[0][0].select = deal_select(&deal, "c", NULL);
	CHECK(deal_takes(&deal, 3000 + 100));
	CHECK(deal_rejects(&deal, 0, REASON_EXCLUDED_ITEMS, -1));
}

static void
test_best(void)
{
	/* The one that takes most */
	percentages("10", "20", "20");
	deal.policy.combine = COMBINE_BEST_ONE;
	CHECK(deal_takes(&deal, 2000) && deal_applies(&deal, 1));
	CHECK(deal_rejects(&deal, 0, REASON_BEATEN_BY, 1) && deal_rejects(&deal, 2, REASON_BEATEN_BY, 1));

	/* Each line its best */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "30.00", 2);
	(void) deal_line(&deal, "b", "30.00", 1);
	deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_UNIT, "5.99")->select = deal_select(&deal, "a", NULL);
	(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_LINES, "19");
	(void) deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "1");
	deal.policy.combine = COMBINE_BEST_PER_LINE;
	CHECK(deal_takes(&deal, 1198 + 570));
	CHECK(deal_line_takes(&deal, 0, 1198) && deal_pieces(&deal, 0, "2x599"));
	CHECK(deal.outcome.applied_count == 2 && deal.outcome.applied[1].goods == 570);
	CHECK(deal_rejects(&deal, 2, REASON_BEATEN_BY, 0));

	/* Whom the order serves best: 10.00 of A first, then 5.00 of A and B */
	deal_start(&deal);
	(void) deal_line(&deal, "A", "6.00", 1);
	(void) deal_line(&deal, "B", "4.00", 1);
	(void) deal_line(&deal, "C", "10.00", 1);
	deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "5")->select = deal_select(&deal, "A", "B");
	deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "10")->select = deal_select(&deal, "A", NULL);
	CHECK(deal_takes(&deal, 800));
	deal.policy.combine = COMBINE_BEST_ORDER;
	CHECK(deal_takes(&deal, 1000));
	CHECK(deal.outcome.applied[0].candidate == 1 && deal.outcome.optimal);

	/*
	 * 12 % and two of 10 % that do not go with it: greedy takes the 12 %.
	 */
	percentages("12", "10", "10");
	deal.promotions[0].combines_with = deal_words(&deal, "nothing", NULL);
	deal.policy.combine = COMBINE_BEST_COMBINATION;
	CHECK(deal_takes(&deal, 1900) && deal.outcome.optimal);
	CHECK(deal_rejects(&deal, 0, REASON_BEATEN_BY, 1));
	deal.actions[0][0].value = number("19");
	CHECK(deal_takes(&deal, 1900) && deal.outcome.applied_count == 1 && deal_applies(&deal, 0));
	deal.policy.combine = COMBINE_ALL_IN_PRIORITY_ORDER;
	deal.promotions[0].priority = 9;
	CHECK(deal_takes(&deal, 1900) && deal.outcome.applied_count == 2);

	/*
	 * What one takes keeps another from its minimum, on lines that they do
	 * not share; or lets it under its maximum.
	 */
	deal_start(&deal);
	(void) deal_line(&deal, "a", "100.00", 1);
	(void) deal_line(&deal, "b", "100.00", 1);
	deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "20")->select = deal_select(&deal, "b", NULL);
	deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "60")->select = deal_select(&deal, "a", NULL);
	deal_condition(&deal, CONDITION_MIN_SUBTOTAL, "190")->basis = BASIS_AFTER_PREVIOUS;
	CHECK(deal_takes(&deal, 2000));
	CHECK(deal_rejects(&deal, 1, REASON_MIN_SUBTOTAL, -1));
	deal.policy.combine = COMBINE_BEST_COMBINATION;
	CHECK(deal_takes(&deal, 6000));
	CHECK(deal_rejects(&deal, 0, REASON_BEATEN_BY, -1));
	deal.conditions[1][0].kind = CONDITION_MAX_SUBTOTAL;
	CHECK(deal_takes(&deal, 8000));

	/* A lane may go its own way: the best one of items, then all of the order */
	deal.policy.combine = COMBINE_ALL_IN_PRIORITY_ORDER;
	percentages("10", "20", "50");
	deal.promotions[2].lane = 1;
	{
		static const LanePolicy lane = {0, COMBINE_BEST_ONE};

		deal.policy.lanes = &lane;
		deal.policy.lane_count = 1;
		CHECK(deal_takes(&deal, 2000 + 4000));
		CHECK(deal_rejects(&deal, 0, REASON_BEATEN_BY, 1));
	}
}

/* A line of q units in two lines of the same sum: an order has the same price. */
static void
test_split(void)
{
	int			left;

	for (left = 1; left < 7; left++)
	{
		deal_start(&deal);
		(void) deal_line(&deal, "a", "3.33", left);
		(void) deal_line(&deal, "a", "3.33", 7 - left);
		(void) deal_line(&deal, "b", "1.01", 3);
		(void) deal_offer(&deal, ACTION_PERCENT_OFF, TARGET_ORDER, "33.3");
		(void) deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "5");
		CHECK(deal_takes(&deal, 877 + 500));
	}
}

int
main(void)
{
	test_order();
	test_exclusive();
	test_groups();
	test_tags();
	test_stop();
	test_best();
	test_split();
	deal_end(&deal);
	return check_report();
}
