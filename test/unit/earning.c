/*-------------------------------------------------------------------------
 *
 * earning.c
 *	  Points of purchases, against sums that can be done by hand and against
 *	  whole numbers of one large unit.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "membership/earning.h"

#define UNIT 10000				/* of 10^-EARN_DECIMALS in one */

static const char *const red_word[] = {"red"};
static const char *const blue_word[] = {"blue"};
static const EarnWords red = {1, red_word};
static const EarnWords blue = {1, blue_word};

static EarnRules
rules_of(const EarnRule *rules, int count)
{
	EarnRules	all = {0};

	all.rules = rules;
	all.n_rules = count;
	all.include_tax = true;
	all.include_delivery = true;
	all.cap_per_order = -1;
	all.cap_per_period = -1;
	return all;
}

static EarnRule
rule_of(EarnRuleType type, int64_t digits, int scale)
{
	EarnRule	rule = {0};

	rule.type = type;
	rule.number = decimal_of(digits, scale);
	rule.per = 100;
	rule.enabled = true;
	rule.starts_at = INT64_MIN;
	rule.ends_at = INT64_MAX;
	return rule;
}

static EarnPurchase
purchase_of(const EarnLine *lines, int count)
{
	EarnPurchase purchase = {0};

	purchase.exponent = 2;
	purchase.has_lines = true;
	purchase.lines = lines;
	purchase.n_lines = count;
	purchase.tier_multiplier = decimal_of(1, 0);
	return purchase;
}

/* The points, or -1 - status where there are none */
static int64_t
points(const EarnPurchase *purchase, const EarnRules *rules)
{
	EarnResult	result;
	EarnStatus	status = earn_points(&memory_plain, purchase, rules, NULL, &result);

	free(result.shares);
	return status == EARN_DONE ? result.points : -1 - (int64_t) status;
}

/* What is rounded where */
static void
test_rounding(void)
{
	EarnLine	lines[2] = {{0}, {0}};
	EarnRule	some[3];
	EarnPurchase purchase = purchase_of(lines, 2);
	EarnRules	rules = rules_of(some, 2);

	lines[0].amount = 19 * UNIT + 9900;
	lines[1].amount = 5000;
	lines[0].quantity = lines[1].quantity = 1;

	/* 20.49 at half a point for each is 10.245: base rules round down alone */
	some[0] = rule_of(EARN_PER_AMOUNT, 5, 1);
	some[1] = rule_of(EARN_PER_AMOUNT, 5, 1);
	CHECK(points(&purchase, &rules) == 20);
	some[0] = rule_of(EARN_RATE, 5, 1);
	some[1] = rule_of(EARN_RATE, 5, 1);
	CHECK(points(&purchase, &rules) == 20);
	some[1] = rule_of(EARN_MULTIPLIER, 25, 2);
	CHECK(points(&purchase, &rules) == 2);
	rules.rounding = ROUND_NEAREST;
	CHECK(points(&purchase, &rules) == 3);
	some[0] = rule_of(EARN_RATE, 10, 0);
	some[1] = rule_of(EARN_MULTIPLIER, 1, 1);
	rules.rounding = ROUND_UP;
	CHECK(points(&purchase, &rules) == 21);

	/* in proportion, and down: 3 points for each 2.00 of 20.49 */
	some[0] = rule_of(EARN_PER_AMOUNT, 3, 0);
	some[0].per = 200;
	rules.n_rules = 1;
	CHECK(points(&purchase, &rules) == 30);
}

static void
test_multipliers(void)
{
	EarnLine	lines[1] = {{0}};
	EarnRule	some[3];
	EarnPurchase purchase = purchase_of(lines, 1);
	EarnRules	rules = rules_of(some, 3);

	lines[0].amount = 100 * UNIT;
	some[0] = rule_of(EARN_RATE, 1, 0);
	some[1] = rule_of(EARN_MULTIPLIER, 15, 1);
	some[2] = rule_of(EARN_MULTIPLIER, 2, 0);
	CHECK(points(&purchase, &rules) == 300);
	purchase.tier_multiplier = decimal_of(125, 2);
	CHECK(points(&purchase, &rules) == 375);
	rules.largest_multiplier = true;
	CHECK(points(&purchase, &rules) == 250);

	/* An exclusive rule suppresses all other rules, not the tier's multiplier. */
	some[0].exclusive = true;
	CHECK(points(&purchase, &rules) == 125);
	some[0].n_conditions = 1;
	some[0].conditions = &(const EarnCondition) {.type = EARN_TIER, .any_of = {1, red_word}};
	CHECK(points(&purchase, &rules) == 0);
	purchase.tier = "red";
	CHECK(points(&purchase, &rules) == 125);
}

static void
test_caps(void)
{
	EarnLine	lines[1] = {{0}};
	EarnRule	some[1];
	EarnPurchase purchase = purchase_of(lines, 1);
	EarnRules	rules = rules_of(some, 1);
	EarnResult	result;

	lines[0].amount = 100 * UNIT;
	some[0] = rule_of(EARN_RATE, 15, 1);
	rules.cap_per_order = 120;
	CHECK(points(&purchase, &rules) == 120);
	rules.cap_per_period = 200;
	purchase.earned_in_period = 150;
	CHECK(earn_points(&memory_plain, &purchase, &rules, NULL, &result) == EARN_DONE);
	CHECK(result.points == 50 && result.cut == 100);
	free(result.shares);
	purchase.earned_in_period = 250;
	CHECK(points(&purchase, &rules) == 0);
}

/* An amount of the order is shared by all goods, and to the last bit. */
static void
test_discounts(void)
{
	EarnLine	lines[3] = {{0}, {0}, {0}};
	EarnDiscount discount = {0};
	EarnRule	some[1];
	EarnPurchase purchase = purchase_of(lines, 3);
	EarnRules	rules = rules_of(some, 1);
	EarnResult	result;

	purchase.discounts = &discount;
	purchase.n_discounts = 1;
	lines[0].amount = 100 * UNIT;
	lines[0].categories = red;
	lines[1].amount = 50 * UNIT;
	lines[1].categories = blue;
	lines[2].amount = 10 * UNIT;
	lines[2].is_delivery = true;
	some[0] = rule_of(EARN_RATE, 1, 0);

	discount.amount = 10 * UNIT;
	CHECK(points(&purchase, &rules) == 150);
	CHECK(earn_points(&memory_plain, &purchase, &rules, NULL, &result) == EARN_DONE);
	CHECK(result.has_basis && result.basis == 15000);
	free(result.shares);

	/* A rule for some lines does not see a discount of the order, */
	some[0].select.categories = red;
	CHECK(points(&purchase, &rules) == 100);
	/* but its share of one of its lines, and none of another's. */
	discount.select.categories = red;
	CHECK(points(&purchase, &rules) == 90);
	discount.select.categories = blue;
	CHECK(points(&purchase, &rules) == 100);
	some[0].select.categories = blue;
	CHECK(points(&purchase, &rules) == 40);

	/* No discount takes more than there is. */
	discount.amount = 1000 * UNIT;
	CHECK(points(&purchase, &rules) == 0);
	some[0].select.categories.count = 0;
	CHECK(points(&purchase, &rules) == 110);
	discount.is_percent = true;
	discount.percent = decimal_of(125, 1);
	discount.select.categories.count = 0;
	CHECK(points(&purchase, &rules) == 141); /* 150 - 18.75 + 10, down */
}

/* Random shares: what all lines lose is the discount, whatever the amounts. */
static void
test_shares(void)
{
	Random		random;
	bool		right = true;
	int			round;

	random_start(&random, 3, 0);
	for (round = 0; round < 2000; round++)
	{
		EarnLine	lines[7];
		EarnDiscount discounts[2] = {{0}, {0}};
		EarnRule	rule = rule_of(EARN_RATE, UNIT, 0);
		EarnPurchase purchase = purchase_of(lines, 7);
		EarnRules	rules = rules_of(&rule, 1);
		int64_t		total = 0;
		int64_t		reds = 0;
		int64_t		expected;
		int			i;

		memset(lines, 0, sizeof(lines));
		for (i = 0; i < 7; i++)
		{
			lines[i].amount = random_below(&random, 200000);
			lines[i].categories = random_below(&random, 2) ? red : blue;
			total += lines[i].amount;
			reds += lines[i].categories.words == red_word ? lines[i].amount : 0;
		}
		discounts[0].amount = random_below(&random, 700000);
		discounts[1].amount = random_below(&random, 700000);
		discounts[1].select.categories = red;
		purchase.discounts = discounts;
		purchase.n_discounts = 2;
		expected = total - (discounts[1].amount < reds ? discounts[1].amount : reds);
		expected = expected > discounts[0].amount ? expected - discounts[0].amount : 0;
		right = right && points(&purchase, &rules) == expected;
	}
	CHECK(right);
}

static void
test_limits(void)
{
	EarnLine	lines[2] = {{0}, {0}};
	EarnRule	some[4];
	EarnPurchase purchase = purchase_of(lines, 2);
	EarnRules	rules = rules_of(some, 1);
	int64_t		amount;
	int64_t		taken;
	RedeemRequest request = {0};

	lines[0].amount = EARN_AMOUNT_MOST;
	some[0] = rule_of(EARN_RATE, 1, 0);
	CHECK(points(&purchase, &rules) == EARN_AMOUNT_MOST / UNIT);
	some[0] = rule_of(EARN_RATE, 2, 0);
	CHECK(points(&purchase, &rules) == -1 - EARN_TOO_LARGE);
	lines[1].amount = 1;
	some[0] = rule_of(EARN_RATE, 1, 6);
	CHECK(points(&purchase, &rules) == -1 - EARN_TOO_LARGE);
	lines[1].amount = 0;
	rules.n_rules = 4;
	some[0] = rule_of(EARN_RATE, 999999999999, 6);
	some[1] = some[2] = some[3] = rule_of(EARN_LINE_MULTIPLIER, 999999999999, 6);
	CHECK(points(&purchase, &rules) == -1 - EARN_TOO_LARGE);
	rules.n_rules = 1;
	some[0] = rule_of(EARN_PER_AMOUNT, 999999999999, 6);
	some[0].per = 10000000000000000;
	CHECK(points(&purchase, &rules) == 9999);

	/* No more points than the order has to pay, in whole conversions */
	request.requested = request.balance = 1050;
	request.convert_points = 100;
	request.convert_amount = 500;
	request.max_points = -1;
	request.max_percent = decimal_of(50, 0);
	CHECK(redeem_points(&request, &taken, &amount) == REDEEM_SOME && taken == 1000 && amount == 5000);
	request.has_order = true;
	request.order_total = 3999;
	CHECK(redeem_points(&request, &taken, &amount) == REDEEM_SOME && taken == 300 && amount == 1500);
	request.min_points = 400;
	CHECK(redeem_points(&request, &taken, &amount) == REDEEM_BELOW_MINIMUM && taken == 0);
	request.balance = -5;
	CHECK(redeem_points(&request, &taken, &amount) == REDEEM_NOTHING && taken == 0);
	request.convert_points = 0;
	CHECK(redeem_points(&request, &taken, &amount) == REDEEM_NO_CONVERSION);
	CHECK(redeem_units(10, 3) == 9 && redeem_units(2, 3) == 0);
	CHECK(reward_cost(5, 2, 3, &taken) && taken == 9);
	CHECK(!reward_cost(INT64_MAX, 1, 3, &taken));
}

/* What is paid: with tax and delivery, whatever the rules count; what rules ask */
static void
test_amount(void)
{
	EarnLine	lines[2] = {{0}, {0}};
	EarnDiscount discount = {0};
	EarnRule	some[1];
	EarnPurchase purchase = purchase_of(lines, 2);
	EarnRules	rules = rules_of(some, 1);
	EarnResult	result;

	lines[0].amount = 100 * UNIT;
	lines[0].tax = 20 * UNIT;
	lines[1].amount = 10 * UNIT;
	lines[1].is_delivery = true;
	discount.is_percent = true;
	discount.percent = decimal_of(10, 0);
	purchase.discounts = &discount;
	purchase.n_discounts = 1;
	rules.include_tax = rules.include_delivery = false;
	some[0] = rule_of(EARN_RATE, 1, 0);
	CHECK(earn_points(&memory_plain, &purchase, &rules, NULL, &result) == EARN_DONE);
	CHECK(result.points == 72 && result.basis == 7200 && result.has_amount && result.amount == 10000);
	free(result.shares);

	some[0].min_order = 110 * UNIT;
	CHECK(points(&purchase, &rules) == 72);
	some[0].min_order++;
	CHECK(points(&purchase, &rules) == 0);
	CHECK(earn_must_know(some, &purchase) == (EARN_KNOWS_LINES | EARN_KNOWS_TOTAL));
	purchase.has_order = true;
	purchase.order_total = 11001;
	CHECK(points(&purchase, &rules) == 72);
	CHECK(earn_must_know(some, &purchase) == (EARN_KNOWS_LINES | EARN_KNOWS_TOTAL | EARN_KNOWS_CURRENCY));

	/* What excludes lines counts lines, not the totals. */
	some[0] = rule_of(EARN_PER_AMOUNT, 1, 0);
	purchase.items_total = 50000;
	CHECK(points(&purchase, &rules) == 500);
	some[0].select.exclude_skus = red;
	CHECK(points(&purchase, &rules) == 72);
	some[0].starts_at = 0;
	CHECK(earn_must_know(some, &purchase) == (EARN_KNOWS_LINES | EARN_KNOWS_CURRENCY | EARN_KNOWS_AT));
	some[0].enabled = false;
	CHECK(earn_must_know(some, &purchase) == 0);
}

int
main(void)
{
	test_amount();
	test_rounding();
	test_multipliers();
	test_caps();
	test_discounts();
	test_shares();
	test_limits();
	return check_report();
}
