/*-------------------------------------------------------------------------
 *
 * pg_cart.c
 *	  A cart, as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "core/time.h"
#include "coupon/pg_cart.h"
#include "coupon/pg_condition.h"
#include "coupon/pg_words.h"

#define TAX_MOST 1000
#define ORDERS_MOST INT64CONST(1000000000)

static const char looked_up[] = "is looked up, and not for the cart to say";

const char *const usage_period_names[USAGE_PERIODS] = {"", "day", "week", "month", "year"};

Reason
reason_of(const char *name)
{
	int			i;

	for (i = 1; i < REASONS; i++)
		if (strcmp(reason_names[i], name) == 0)
			return (Reason) i;
	return REASON_NONE;
}

static void
read_currency(JsonReader *reader, Cart *cart)
{
	JsonReader	object;
	int64		exponent;

	json_need(reader, "currency");
	if (!json_read_object(reader, "currency", &object))
		return;
	json_need(&object, "code");
	words_read_one(&object, "code", &cart->currency);
	json_need(&object, "exponent");
	if (json_read_int(&object, "exponent", 0, CURRENCY_EXPONENT_MOST, &exponent))
		cart->exponent = (int) exponent;
	json_close(&object);
}

static void
read_line(JsonReader *reader, CartLine *line)
{
	Decimal		quantity = decimal_of(1, 0);

	memset(line, 0, sizeof(*line));
	json_need(reader, "id");
	words_read_one(reader, "id", &line->id);
	json_need(reader, "unit_price");
	exact_read(reader, "unit_price", 0, AMOUNT_MOST, PRICE_DECIMALS, &line->unit_price);
	json_need(reader, "quantity");
	exact_read(reader, "quantity", 0, COUNT_MOST, QUANTITY_SCALE, &quantity);
	if (quantity.digits == 0)
		json_fault(reader->faults, json_path(reader, "quantity"), "must be above 0");
	(void) decimal_units(&quantity, QUANTITY_SCALE, ROUND_NONE, &line->quantity);
	words_read_one(reader, "product", &line->product);
	words_read(reader, "categories", &line->categories);
	exact_read(reader, "min_unit_price", 0, AMOUNT_MOST, PRICE_DECIMALS, &line->min_unit_price);
	exact_read(reader, "tax_percent", 0, TAX_MOST, PRICE_DECIMALS, &line->tax_percent);
	json_read_bool(reader, "on_sale", &line->on_sale);
	facts_read(reader, "attributes", &line->facts);
	json_close(reader);
}

static int
compare_ids(const void *a, const void *b)
{
	return word_compare(*(const Word *const *) a, *(const Word *const *) b);
}

static void
read_lines(JsonReader *reader, Cart *cart)
{
	List	   *children;
	ListCell   *cell;
	CartLine   *lines;
	const Word **ids;
	int			i;

	json_need(reader, "lines");
	if (!json_read_objects(reader, "lines", &children))
		return;
	if (list_length(children) > CART_LINES_MOST)
	{
		json_fault(reader->faults, json_path(reader, "lines"), "must have at most %d lines, not %d",
				   CART_LINES_MOST, list_length(children));
		return;
	}
	lines = palloc(sizeof(CartLine) * (list_length(children) + 1));
	ids = palloc(sizeof(Word *) * (list_length(children) + 1));
	foreach(cell, children)
	{
		read_line(lfirst(cell), &lines[cart->line_count]);
		ids[cart->line_count] = &lines[cart->line_count].id;
		cart->line_count++;
	}
	qsort(ids, cart->line_count, sizeof(Word *), compare_ids);
	for (i = 1; i < cart->line_count; i++)
		if (ids[i]->length > 0 && word_equal(ids[i], ids[i - 1]))
			json_fault(reader->faults, json_path(reader, "lines"), "must have each id once, and has \"%.60s\" twice",
					   word_cstring(ids[i]));
	cart->lines = lines;
}

static void
read_shipping(JsonReader *reader, Cart *cart)
{
	JsonReader	object;
	Decimal		amount;

	if (!json_read_object(reader, "shipping", &object))
		return;
	words_read_one(&object, "method", &cart->shipping.method);
	if (exact_read(&object, "amount", 0, AMOUNT_MOST, AMOUNT_DECIMALS, &amount) &&
		!decimal_units(&amount, cart->exponent, ROUND_NONE, &cart->shipping.amount))
		json_fault(reader->faults, json_path(&object, "amount"), "must have at most %d decimals, as its currency",
				   cart->exponent);
	exact_read(&object, "tax_percent", 0, TAX_MOST, PRICE_DECIMALS, &cart->shipping.tax_percent);
	json_close(&object);
}

static void
read_customer(JsonReader *reader, bool complete, CartTerms *terms)
{
	CartCustomer *customer = &terms->cart.customer;
	JsonReader	object;
	List	   *keys;
	ListCell   *cell;
	char	   *text;
	int64		orders;
	int64		at;

	if (!json_read_object(reader, "customer", &object))
		return;
	if (json_read_text(&object, "id", &text))
	{
		customer->id = word_of(text);
		terms->keys = list_make1(text);
	}
	if (json_read_texts(&object, "keys", &keys))
	{
		if (terms->keys == NIL && keys != NIL)
			json_fault(reader->faults, json_path(&object, "keys"), "needs an id beside it");
		foreach(cell, keys)
			if (terms->keys == NIL || strcmp(lfirst(cell), linitial(terms->keys)) != 0)
				terms->keys = lappend(terms->keys, lfirst(cell));
	}
	words_read(&object, "groups", &customer->groups);
	if (complete)
	{
		words_read(&object, "segments", &customer->segments);
		words_read(&object, "tiers", &customer->tiers);
	}
	else
	{
		json_refuse(&object, "segments", looked_up);
		json_refuse(&object, "tiers", looked_up);
	}
	customer->orders_known = json_read_int(&object, "completed_orders", 0, ORDERS_MOST,
										   &customer->completed_orders);
	json_read_int(&object, "cancelled_orders", 0, ORDERS_MOST, &orders);
	if (json_read_text(&object, "birthday", &text))
	{
		char	   *instant = psprintf("%sT00:00Z", text);

		customer->birthday_known = strlen(text) == 10 && time_read(instant, strlen(instant), &at);
		if (customer->birthday_known)
			customer->birthday = at / TIME_DAY - (at % TIME_DAY < 0);
		else
			json_fault(reader->faults, json_path(&object, "birthday"), "must be a date as 1990-02-28, not \"%.60s\"",
					   text);
	}
	facts_read(&object, "attributes", &customer->facts);
	json_close(&object);
}

/* What the customer's key that used most has used */
static int64
read_by_customer(JsonReader *reader, const List *keys)
{
	JsonReader	object;
	ListCell   *cell;
	int64		most = 0;

	if (!json_read_object(reader, "by_customer", &object))
		return 0;
	foreach(cell, json_keys(&object))
	{
		char	   *key = lfirst(cell);
		int64		used = 0;
		ListCell   *own;

		(void) json_read_int(&object, key, 0, PG_INT64_MAX, &used);
		foreach(own, keys)
			if (strcmp(lfirst(own), key) == 0)
				most = Max(most, used);
	}
	return most;
}

static void
read_counts(JsonReader *reader, const List *keys, UsageCounts *counts)
{
	json_read_int(reader, "total", 0, PG_INT64_MAX, &counts->total);
	counts->customer = read_by_customer(reader, keys);
	exact_read(reader, "budget_used", 0, PG_INT64_MAX, AMOUNT_DECIMALS, &counts->money);
}

/* A count, or for a budget an amount in minor units */
static void
read_limit_number(JsonReader *reader, const char *key, const PriceLimit *limit, int exponent, int64_t *target)
{
	Decimal		number;

	json_need(reader, key);
	if (exact_read(reader, key, 0, PG_INT64_MAX, AMOUNT_DECIMALS, &number) &&
		!decimal_units(&number, limit->reason == REASON_BUDGET ? exponent : 0, ROUND_NONE, target))
		json_fault(reader->faults, json_path(reader, key), "has too many digits");
}

static void
read_limits(JsonReader *reader, const Cart *cart, CartUsage *usage)
{
	static const char *const reasons[] = {"usage_limit", "customer_limit", "period_limit", "budget", "held"};
	List	   *children;
	ListCell   *cell;

	if (!json_read_objects(reader, "limits", &children))
		return;
	usage->limits = palloc0(sizeof(PriceLimit) * (list_length(children) + 1));
	foreach(cell, children)
	{
		JsonReader *child = lfirst(cell);
		PriceLimit *limit = &usage->limits[usage->limit_count++];

		json_need(child, "reason");
		limit->reason = reason_of(reasons[enum_read(child, "reason", reasons, lengthof(reasons), 0)]);
		limit->per_customer = limit->reason == REASON_CUSTOMER_LIMIT;
		json_read_bool(child, "per_customer", &limit->per_customer);
		read_limit_number(child, "most", limit, cart->exponent, &limit->most);
		read_limit_number(child, "used", limit, cart->exponent, &limit->used);
		json_close(child);
	}
}

static void
read_usage(JsonReader *reader, CartTerms *terms)
{
	JsonReader	object;
	ListCell   *cell;

	if (!json_read_object(reader, "usage", &object))
		return;
	foreach(cell, json_keys(&object))
	{
		CartUsage  *usage = palloc0(sizeof(CartUsage));
		JsonReader	child;
		JsonReader	periods;
		int			i;

		usage->promotion = lfirst(cell);
		if (!json_read_object(&object, usage->promotion, &child))
			continue;
		read_counts(&child, terms->keys, &usage->counts[0]);
		json_read_int(&child, "held", 0, PG_INT64_MAX, &usage->held);
		if (json_read_object(&child, "periods", &periods))
		{
			for (i = 1; i < USAGE_PERIODS; i++)
			{
				JsonReader	period;

				if (!json_read_object(&periods, usage_period_names[i], &period))
					continue;
				read_counts(&period, terms->keys, &usage->counts[i]);
				json_close(&period);
			}
			json_close(&periods);
		}
		read_limits(&child, &terms->cart, usage);
		json_close(&child);
		terms->usage = lappend(terms->usage, usage);
	}
}

static void
read_refused(JsonReader *reader, CartTerms *terms)
{
	List	   *children;
	ListCell   *cell;

	if (!json_read_objects(reader, "refused", &children))
		return;
	foreach(cell, children)
	{
		JsonReader *child = lfirst(cell);
		CartRefusal *refusal = palloc0(sizeof(CartRefusal));
		int			reason;

		json_need(child, "code");
		json_read_text(child, "code", &refusal->code);
		json_read_text(child, "promotion", &refusal->promotion);
		json_need(child, "reason");
		reason = enum_read(child, "reason", reason_names + 1, REASONS - 1, 0);
		refusal->reason = (Reason) (reason + 1);
		json_close(child);
		if (refusal->code != NULL)
			terms->refused = lappend(terms->refused, refusal);
	}
}

void
cart_read(JsonReader *reader, bool complete, CartTerms *terms)
{
	Cart	   *cart = &terms->cart;

	memset(terms, 0, sizeof(*terms));
	cart->prices_include_tax = true;
	read_currency(reader, cart);
	json_read_bool(reader, "prices_include_tax", &cart->prices_include_tax);
	read_lines(reader, cart);
	read_shipping(reader, cart);
	read_customer(reader, complete, terms);
	words_read_one(reader, "channel", &cart->channel);
	words_read_one(reader, "region", &cart->region);
	words_read_one(reader, "payment_method", &cart->payment_method);
	facts_read(reader, "attributes", &cart->facts);
	if (json_read_texts(reader, "codes", &terms->codes) && list_length(terms->codes) > CART_CODES_MOST)
		json_fault(reader->faults, json_path(reader, "codes"), "must have at most %d codes, not %d",
				   CART_CODES_MOST, list_length(terms->codes));
	if (complete)
	{
		cart->now_known = json_read_instant(reader, "now", &cart->now);
		read_usage(reader, terms);
		read_refused(reader, terms);
	}
	else
	{
		json_refuse(reader, "now", looked_up);
		json_refuse(reader, "usage", looked_up);
		json_refuse(reader, "refused", looked_up);
	}
	json_close(reader);
}

const CartUsage *
cart_usage(const CartTerms *terms, const char *promotion)
{
	ListCell   *cell;

	foreach(cell, terms->usage)
		if (strcmp(((CartUsage *) lfirst(cell))->promotion, promotion) == 0)
			return lfirst(cell);
	return NULL;
}
