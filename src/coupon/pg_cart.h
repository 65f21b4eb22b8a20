/*-------------------------------------------------------------------------
 *
 * pg_cart.h
 *	  A cart, as jsonb.
 *
 *		{"currency": {"code": "EUR", "exponent": 2},
 *		 "lines": [{"id": "a", "product": "mug", "categories": [...],
 *					"unit_price": "19.99", "quantity": 2, "on_sale": false,
 *					"min_unit_price": "5.00", "tax_percent": 19,
 *					"attributes": {...}}, ...],
 *		 "prices_include_tax": true,
 *		 "shipping": {"method": "dhl", "amount": "4.90", "tax_percent": 19},
 *		 "codes": ["SPRING"], "channel": "web", "region": "DE-BY",
 *		 "payment_method": "card", "attributes": {...},
 *		 "customer": {"id": "ann", "keys": ["ann@example.com"], "groups": [...],
 *					  "completed_orders": 4, "birthday": "1990-02-28",
 *					  "attributes": {...}}}
 *
 * A cart that is complete, as price_cart takes it, also says what quote looks
 * up: "now", "segments" and "tiers" of the customer, and
 *
 *		 "usage": {"spring": {"total": 7, "by_customer": {"ann": 1},
 *							  "budget_used": "70.00", "held": 2,
 *							  "periods": {"day": {the first three}},
 *							  "limits": [{"reason": "usage_limit", "most": 9,
 *										  "used": 7}]}}
 *
 * where limits are those of the promotion's campaign and of its code, and
 *
 *		 "refused": [{"code": "XMAS", "promotion": "xmas", "reason": "held"}]
 *
 * for codes of the cart that do not hold, whatever the promotion says.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_CART_H
#define PROMO_PG_CART_H

#include "coupon/price.h"
#include "pg/json.h"

#define CART_LINES_MOST 10000
#define CART_CODES_MOST 100

/* For ever, and in the day, week, month and year */
#define USAGE_PERIODS 5
extern const char *const usage_period_names[USAGE_PERIODS];

/* What is used of a promotion, in some period */
typedef struct UsageCounts
{
	int64		total;
	int64		customer;		/* of the key of this customer that used most */
	Decimal		money;			/* in major units */
} UsageCounts;

typedef struct CartUsage
{
	char	   *promotion;
	UsageCounts counts[USAGE_PERIODS];
	int64		held;			/* of the total for ever: by orders that may
								 * still give it back */
	int			limit_count;
	PriceLimit *limits;
} CartUsage;

/* A code that does not hold */
typedef struct CartRefusal
{
	char	   *code;
	char	   *promotion;		/* NULL where nobody knows the code */
	Reason		reason;
} CartRefusal;

typedef struct CartTerms
{
	Cart		cart;
	List	   *keys;			/* of the customer: the id, then further ones */
	List	   *codes;			/* as typed, in order */
	List	   *usage;			/* of CartUsage */
	List	   *refused;		/* of CartRefusal */
} CartTerms;

/*
 * Reads a cart, noting all its faults; one that is not complete may not say
 * what is looked up.  What was read lives in the current context.
 */
extern void cart_read(JsonReader *reader, bool complete, CartTerms *terms);

extern const CartUsage *cart_usage(const CartTerms *terms, const char *promotion);

/* The reason of that name, REASON_NONE where there is none */
extern Reason reason_of(const char *name);

#endif							/* PROMO_PG_CART_H */
