/*-------------------------------------------------------------------------
 *
 * condition.c
 *	  What promotions ask for, and what is said when a cart has it not.
 *
 *-------------------------------------------------------------------------
 */
#include "core/time.h"
#include "deal.h"

static Deal deal;

static void
at(const char *time)
{
	deal.cart.now_known = time_read(time, strlen(time), &deal.cart.now);
	CHECK(deal.cart.now_known);
}

/* A cart of 2 figs at 10 and a pear at 5, and a gift for who may have it */
static Condition *
asks(ConditionKind kind, const char *value)
{
	deal_start(&deal);
	(void) deal_line(&deal, "fig", "10.00", 2);
	(void) deal_line(&deal, "pear", "5.00", 1);
	deal_offer(&deal, ACTION_GIFT, TARGET_ORDER, NULL)->get_quantity = 1;
	return deal_condition(&deal, kind, value);
}

static bool
holds(void)
{
	CHECK(deal_price(&deal) == PRICE_DONE);
	return deal_applies(&deal, 0);
}

/* Required and actual of the first failure */
static bool
tells(Reason reason, const char *required, const char *actual)
{
	const PriceFailure *failure = &deal.outcome.failures[0];
	Decimal		wanted;

	if (!deal_rejects(&deal, 0, reason, -1) || deal.outcome.failure_count != 1)
		return false;
	wanted = number(required);
	if (!failure->has_required || decimal_compare(&failure->required, &wanted) != 0)
		return false;
	if (actual == NULL)
		return !failure->has_actual;
	wanted = number(actual);
	return failure->has_actual && decimal_compare(&failure->actual, &wanted) == 0;
}

static void
test_amounts(void)
{
	Condition  *condition = asks(CONDITION_MIN_SUBTOTAL, "25.00");

	CHECK(holds());
	condition->strict = true;
	CHECK(!holds() && tells(REASON_MIN_SUBTOTAL, "25", "25"));
	condition->number = number("24.999");
	CHECK(holds());
	condition->select = deal_select(&deal, "pear", NULL);
	CHECK(!holds() && tells(REASON_MIN_SUBTOTAL, "24.999", "5"));

	/* 20 % tax on figs: 20 are 24 with tax, or 16.67 without */
	condition = asks(CONDITION_MIN_SUBTOTAL, "29");
	deal.lines[0].tax_percent = number("20");
	condition->tax = TAX_INCLUDED;
	CHECK(holds());
	condition->tax = TAX_EXCLUDED;
	CHECK(!holds() && tells(REASON_MIN_SUBTOTAL, "29", "25"));
	deal.cart.prices_include_tax = true;
	CHECK(!holds() && tells(REASON_MIN_SUBTOTAL, "29", "21.67"));
	condition->tax = TAX_INCLUDED;
	CHECK(!holds() && tells(REASON_MIN_SUBTOTAL, "29", "25"));

	condition = asks(CONDITION_MAX_SUBTOTAL, "25");
	CHECK(holds());
	condition->strict = true;
	CHECK(!holds() && tells(REASON_MAX_SUBTOTAL, "25", "25"));

	/* What earlier promotions left, or what there was */
	condition = asks(CONDITION_MIN_SUBTOTAL, "20");
	(void) deal_offer(&deal, ACTION_AMOUNT_OFF, TARGET_ORDER, "5.01");
	deal.promotions[1].priority = -1;
	CHECK(holds());
	condition->basis = BASIS_AFTER_PREVIOUS;
	CHECK(!holds() && tells(REASON_MIN_SUBTOTAL, "20", "19.99"));
	condition->basis = BASIS_POLICY;
	CHECK(holds());
	deal.policy.after_previous = true;
	CHECK(!holds());
	condition->basis = BASIS_BEFORE_DISCOUNTS;
	CHECK(holds());

	condition = asks(CONDITION_MIN_QUANTITY, "3");
	CHECK(holds());
	condition->select = deal_select(&deal, "fig", NULL);
	CHECK(!holds() && tells(REASON_MIN_QUANTITY, "3", "2"));
	condition = asks(CONDITION_MIN_LINE_QUANTITY, "3");
	CHECK(!holds() && tells(REASON_MIN_QUANTITY, "3", "2"));
	deal.lines[1].quantity = 3001;
	CHECK(holds());
	condition = asks(CONDITION_MAX_QUANTITY, "2");
	CHECK(!holds() && tells(REASON_MAX_QUANTITY, "2", "3"));
	condition = asks(CONDITION_MIN_PRODUCTS, "3");
	(void) deal_line(&deal, "fig", "1.00", 1);
	CHECK(!holds() && tells(REASON_MIN_PRODUCTS, "3", "2"));
	(void) deal_line(&deal, "nut", "1.00", 1);
	CHECK(holds());
}

static void
test_lines(void)
{
	Condition  *condition = asks(CONDITION_CONTAINS, NULL);
	Select	   *select = &deal.selects[deal.used_selects++];

	CHECK(holds());
	condition->select = select;
	CHECK(holds());
	select->products = deal_words(&deal, "nut", "pear");
	CHECK(holds());
	condition->kind = CONDITION_CONTAINS_ALL;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_CONTAINS, -1));
	select->products = deal_words(&deal, "fig", "pear");
	CHECK(holds());
	select->unit_price_min = deal_number(&deal, "5.01");
	CHECK(!holds());
	condition->kind = CONDITION_CONTAINS;
	CHECK(holds());
	select->unit_price_max = deal_number(&deal, "9.99");
	CHECK(!holds());
	select->unit_price_min = deal_number(&deal, "5");
	CHECK(holds());
	select->exclude_products = deal_words(&deal, "pear", NULL);
	CHECK(!holds());
	select->exclude_products = NULL;
	select->categories = deal_words(&deal, "fruit", "wood");
	CHECK(!holds());
	deal.lines[1].categories = *deal_words(&deal, "food", "fruit");
	CHECK(holds());
	select->exclude_categories = deal_words(&deal, "food", NULL);
	CHECK(!holds());
	select->exclude_categories = NULL;
	select->exclude_on_sale = true;
	CHECK(holds());
	deal.lines[1].on_sale = true;
	CHECK(!holds());
}

static void
test_customer(void)
{
	Condition  *condition = asks(CONDITION_CUSTOMER_REQUIRED, NULL);

	CHECK(!holds() && deal_rejects(&deal, 0, REASON_CUSTOMER_REQUIRED, -1));
	deal.cart.customer.id = word("ann");
	CHECK(holds());
	condition = asks(CONDITION_CUSTOMER_GROUP, NULL);
	condition->words = deal_words(&deal, "vip", "staff");
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_CUSTOMER_GROUP, -1));
	deal.cart.customer.groups = *deal_words(&deal, "new", "vip");
	CHECK(holds());
	condition->kind = CONDITION_SEGMENT;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_SEGMENT, -1));
	deal.cart.customer.segments = *deal_words(&deal, "staff", NULL);
	CHECK(holds());
	condition->kind = CONDITION_TIER;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_TIER, -1));
	deal.cart.customer.tiers = *deal_words(&deal, "vip", NULL);
	CHECK(holds());

	condition = asks(CONDITION_NTH_ORDER, "5");
	CHECK(!holds() && tells(REASON_NTH_ORDER, "5", NULL));
	deal.cart.customer.orders_known = true;
	deal.cart.customer.completed_orders = 3;
	CHECK(!holds() && tells(REASON_NTH_ORDER, "5", "4"));
	deal.cart.customer.completed_orders = 4;
	CHECK(holds());
	condition->kind = CONDITION_FIRST_ORDER;
	CHECK(!holds() && tells(REASON_FIRST_ORDER, "1", "5"));
	deal.cart.customer.completed_orders = 0;
	CHECK(holds());
}

static void
test_where(void)
{
	Condition  *condition = asks(CONDITION_CHANNEL, NULL);

	condition->words = deal_words(&deal, "web", "app");
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_CHANNEL, -1));
	deal.cart.channel = word("app");
	CHECK(holds());
	condition->kind = CONDITION_CURRENCY;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_CURRENCY, -1));
	condition->kind = CONDITION_PAYMENT_METHOD;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_PAYMENT_METHOD, -1));
	deal.cart.payment_method = word("web");
	CHECK(holds());
	condition->kind = CONDITION_SHIPPING_METHOD;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_SHIPPING_METHOD, -1));
	deal.cart.shipping.method = word("web");
	CHECK(holds());
	condition->kind = CONDITION_REGION;
	condition->words = deal_words(&deal, "DE", "US-CA");
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_REGION, -1));
	deal.cart.region = word("DE");
	CHECK(holds());
	deal.cart.region = word("DE-BY-80331");
	CHECK(holds());
	deal.cart.region = word("US");
	CHECK(!holds());
	deal.cart.region = word("US-CA");
	CHECK(holds());
	deal.cart.region = word("DEX");
	CHECK(!holds());
}

/* An hour ahead in winter, two in summer, from 2026-03-29 01:00 UTC */
static void
berlin(void *arg, int64_t instant, ZoneSpan *span)
{
	int64_t		spring;

	(void) arg;
	(void) time_read("2026-03-29T01:00:00Z", 20, &spring);
	span->from = instant < spring ? INT64_MIN : spring;
	span->until = instant < spring ? spring : INT64_MAX;
	span->offset = instant < spring ? ZONE_HOUR : 2 * ZONE_HOUR;
}

static void
test_schedule(void)
{
	static HourWindow windows[2];
	static Schedule schedule;
	static Zone zone;
	Condition  *condition = asks(CONDITION_SCHEDULE, NULL);

	zone_start(&zone, berlin, NULL);
	condition->schedule = &schedule;
	schedule.weekdays = 1u << 4;	/* Friday */
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_SCHEDULE, -1));
	at("2026-11-27T00:00:00Z");
	CHECK(holds());
	at("2026-11-26T23:30:00Z");
	CHECK(!holds());
	condition->zone = &zone;
	at("2026-11-26T22:30:00Z");
	CHECK(holds());

	/* From 22:00 on Friday until 02:00 on Saturday */
	condition->zone = NULL;
	schedule.windows = windows;
	schedule.window_count = 1;
	windows[0].from = 22 * ZONE_HOUR;
	windows[0].until = 2 * ZONE_HOUR;
	at("2026-11-27T21:59:59.999999Z");
	CHECK(!holds());
	at("2026-11-27T22:00:00Z");
	CHECK(holds());
	at("2026-11-28T01:59:59Z");
	CHECK(holds());
	at("2026-11-28T02:00:00Z");
	CHECK(!holds());
	at("2026-11-27T01:00:00Z");
	CHECK(!holds());
	schedule.weekdays = 0;
	CHECK(holds());
	schedule.window_count = 2;
	windows[1].from = 12 * ZONE_HOUR;
	windows[1].until = 13 * ZONE_HOUR;
	at("2026-11-27T12:30:00Z");
	CHECK(holds());
	at("2026-11-27T13:00:00Z");
	CHECK(!holds());

	/* On the wall: in March the clock goes from 2 to 3. */
	condition->zone = &zone;
	schedule.window_count = 1;
	windows[0].from = 3 * ZONE_HOUR;
	windows[0].until = 4 * ZONE_HOUR;
	at("2026-03-29T00:59:59Z");
	CHECK(!holds());
	at("2026-03-29T01:00:00Z");
	CHECK(holds());
	at("2026-03-29T02:00:00Z");
	CHECK(!holds());
	deal.cart.now = TIME_END - 1;
	CHECK(!holds());
}

static void
test_birthday(void)
{
	Condition  *condition = asks(CONDITION_BIRTHDAY, NULL);

	at("2026-12-30T12:00:00Z");
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_BIRTHDAY, -1));
	deal.cart.customer.birthday_known = true;
	deal.cart.customer.birthday = time_days(1990, 1, 2);
	CHECK(!holds());
	condition->days_before = 3;
	CHECK(holds());
	condition->days_before = 2;
	CHECK(!holds());
	deal.cart.customer.birthday = time_days(1990, 12, 28);
	CHECK(!holds());
	condition->days_after = 2;
	CHECK(holds());
	at("2027-01-01T00:00:00Z");
	CHECK(!holds());

	/* 29 February is the 28th where there is none. */
	condition->days_before = condition->days_after = 0;
	deal.cart.customer.birthday = time_days(2000, 2, 29);
	at("2026-02-28T10:00:00Z");
	CHECK(holds());
	at("2028-02-28T10:00:00Z");
	CHECK(!holds());
	at("2028-02-29T10:00:00Z");
	CHECK(holds());
}

static Value
text(const char *value)
{
	Value		made = {.kind = VALUE_TEXT, .text = word(value)};

	return made;
}

static void
test_attributes(void)
{
	static Value values[2];
	static Fact facts[2];
	static Comparison comparison;
	Condition  *condition = asks(CONDITION_ATTRIBUTE, NULL);

	comparison.name = word("size");
	comparison.count = 1;
	comparison.value = values;
	comparison.op = COMPARE_GT;
	condition->comparison = &comparison;
	values[0].kind = VALUE_NUMBER;
	values[0].number = number("9");
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_MISSING_ATTRIBUTE, -1));
	comparison.op = COMPARE_NE;
	CHECK(!holds());

	/* 10 is more than 9, as a number; as a text it is none. */
	facts[0].name = word("size");
	facts[0].value.kind = VALUE_NUMBER;
	facts[0].value.number = number("10");
	deal.cart.facts.count = 1;
	deal.cart.facts.fact = facts;
	comparison.op = COMPARE_GT;
	CHECK(holds());
	comparison.op = COMPARE_LTE;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_ATTRIBUTE, -1));
	facts[0].value = text("10");
	comparison.op = COMPARE_NE;
	CHECK(!holds());
	comparison.op = COMPARE_EXISTS;
	CHECK(holds());

	values[0] = text("1");
	comparison.op = COMPARE_STARTS_WITH;
	CHECK(holds());
	values[0] = text("2");
	values[1] = text("10");
	comparison.count = 2;
	comparison.op = COMPARE_IN;
	CHECK(holds());
	comparison.op = COMPARE_NOT_IN;
	CHECK(!holds());
	facts[0].value.kind = VALUE_TEXTS;
	facts[0].value.texts = *deal_words(&deal, "3", "10");
	comparison.op = COMPARE_CONTAINS;
	CHECK(holds());
	facts[0].value.texts = *deal_words(&deal, "3", "4");
	CHECK(!holds());
	comparison.count = 1;
	comparison.op = COMPARE_GTE;
	values[0].kind = VALUE_TIME;
	CHECK(time_read("2026-01-01T00:00:00+01:00", 25, &values[0].time));
	facts[0].value = text("2025-12-31T23:00:00Z");
	CHECK(holds());
	facts[0].value = text("2025-12-31T22:59:59Z");
	CHECK(!holds());
	facts[0].value = text("soon");
	CHECK(!holds());

	/* Of the customer, and of any line that is selected */
	values[0] = text("red");
	comparison.op = COMPARE_EQ;
	facts[0].value = text("red");
	condition->of = ATTRIBUTE_CUSTOMER;
	CHECK(!holds());
	deal.cart.customer.facts = deal.cart.facts;
	CHECK(holds());
	condition->of = ATTRIBUTE_LINE;
	CHECK(!holds());
	deal.lines[1].facts = deal.cart.facts;
	CHECK(holds());
	condition->select = deal_select(&deal, "fig", NULL);
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_MISSING_ATTRIBUTE, -1));
	deal.lines[0].facts = deal.cart.facts;
	CHECK(holds());
}

/*
 * Every way to nest: a tree in each shape of three leaves, each true or false,
 * against the rule worked out by hand; and what is told of those in the way.
 */
static void
test_trees(void)
{
	int			outer;
	int			inner;
	int			bits;
	int			level;

	for (outer = CONDITION_ALL; outer <= CONDITION_NONE; outer++)
		for (inner = CONDITION_ALL; inner <= CONDITION_NONE; inner++)
			for (bits = 0; bits < 8; bits++)
			{
				bool		leaf[3] = {bits & 1, bits >> 1 & 1, bits >> 2 & 1};
				bool		both = inner == CONDITION_ALL ? leaf[1] && leaf[2] :
					inner == CONDITION_ANY ? leaf[1] || leaf[2] : !leaf[1] && !leaf[2];
				bool		wanted = outer == CONDITION_ALL ? leaf[0] && both :
					outer == CONDITION_ANY ? leaf[0] || both : !leaf[0] && !both;
				int			i;

				asks((ConditionKind) outer, NULL)->size = 5;
				(void) deal_condition(&deal, CONDITION_MIN_QUANTITY, leaf[0] ? "1" : "100");
				deal_condition(&deal, (ConditionKind) inner, NULL)->size = 3;
				for (i = 1; i < 3; i++)
					(void) deal_condition(&deal, CONDITION_MIN_QUANTITY, leaf[i] ? "1" : "100");
				CHECK(holds() == wanted);
				CHECK(wanted ? deal.outcome.failure_count == 0 : deal.outcome.failure_count > 0);
				for (i = 0; i < deal.outcome.failure_count; i++)
				{
					const PriceFailure *failure = &deal.outcome.failures[i];

					/* Negated, it is there though it must not be. */
					CHECK(failure->negated == (decimal_compare(&failure->actual, &failure->required) >= 0));
				}
			}

	/* All that fail on the top level are told; briefly, one. */
	(void) asks(CONDITION_MIN_QUANTITY, "7");
	(void) deal_condition(&deal, CONDITION_MIN_SUBTOTAL, "1000");
	(void) deal_condition(&deal, CONDITION_CUSTOMER_REQUIRED, NULL);
	CHECK(!holds() && deal.outcome.failure_count == 3 && deal.outcome.rejected[0].failures == 3);
	CHECK(deal.outcome.failures[1].condition == 1 && deal.outcome.failures[1].reason == REASON_MIN_SUBTOTAL);
	deal.policy.brief = true;
	CHECK(!holds() && deal.outcome.failure_count == 1);

	/* Eight levels and no more; a tree without anything in it is none. */
	asks(CONDITION_ALL, NULL)->size = CONDITION_DEPTH + 1;
	for (level = 1; level < CONDITION_DEPTH; level++)
		deal_condition(&deal, CONDITION_ANY, NULL)->size = CONDITION_DEPTH + 1 - level;
	(void) deal_condition(&deal, CONDITION_MIN_QUANTITY, "1");
	CHECK(holds());
	asks(CONDITION_ALL, NULL)->size = CONDITION_DEPTH + 2;
	for (level = 1; level <= CONDITION_DEPTH; level++)
		deal_condition(&deal, CONDITION_ANY, NULL)->size = CONDITION_DEPTH + 2 - level;
	(void) deal_condition(&deal, CONDITION_MIN_QUANTITY, "1");
	CHECK(deal_price(&deal) == PRICE_BAD_PROMOTION);
	(void) asks(CONDITION_ANY, NULL);
	CHECK(deal_price(&deal) == PRICE_BAD_PROMOTION);
	asks(CONDITION_ANY, NULL)->size = 3;
	(void) deal_condition(&deal, CONDITION_MIN_QUANTITY, "1");
	CHECK(deal_price(&deal) == PRICE_BAD_PROMOTION);
}

/* What keeps a promotion out before its conditions */
static void
test_frame(void)
{
	Promotion  *promotion;

	(void) asks(CONDITION_MIN_QUANTITY, "7");
	promotion = &deal.promotions[0];
	promotion->condition_count = 0;
	at("2026-11-25T12:00:00Z");
	promotion->starts_at = deal.cart.now + 1;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_NOT_STARTED, -1));
	promotion->starts_at = deal.cart.now;
	CHECK(holds());
	promotion->ends_at = deal.cart.now;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_EXPIRED, -1));
	promotion->ends_at = deal.cart.now + 1;
	CHECK(holds());
	deal.cart.now_known = false;
	CHECK(!holds() && deal.outcome.failure_count == 2);
	promotion->starts_at = INT64_MIN;
	promotion->ends_at = INT64_MAX;
	CHECK(holds());
	promotion->needs_code = true;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_CODE_REQUIRED, -1));
	deal.candidates[0].has_code = true;
	CHECK(holds());
	deal.candidates[0].refused = REASON_NOT_YOURS;
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_NOT_YOURS, -1));
	deal.candidates[0].refused = REASON_NONE;
	promotion->currency = word("USD");
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_CURRENCY, -1));
	promotion->currency = word("EUR");
	CHECK(holds());
	promotion->channels = deal_words(&deal, "web", NULL);
	CHECK(!holds() && deal_rejects(&deal, 0, REASON_CHANNEL, -1));
	deal.cart.channel = word("web");
	CHECK(holds());
}

int
main(void)
{
	test_amounts();
	test_lines();
	test_customer();
	test_where();
	test_schedule();
	test_birthday();
	test_attributes();
	test_trees();
	test_frame();
	deal_end(&deal);
	return check_report();
}
