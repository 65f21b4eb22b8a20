/*-------------------------------------------------------------------------
 *
 * earning.h
 *	  What a purchase earns under a program's rules, and what points buy.
 *
 * Plain C; the glue reads jsonb into these structs.  A purchase is known by
 * its lines, by the totals of its order, or by one basis that the shop
 * counted; amounts of lines are exact to EARN_DECIMALS decimals of the
 * currency, totals and the basis are minor units.  In this order:
 *
 *	 1	Each line is worth its amount, less its tax and its share of the
 *		discounts, where the rules say so.  What is paid with points or a gift
 *		card lowers nothing.
 *	 2	Rules that are enabled, in their time, and whose conditions hold,
 *		apply; of exclusive ones only the first of the highest priority, and
 *		then no other.
 *	 3	Base rules give points and add up: EARN_PER_AMOUNT for each `per` of
 *		the basis, in proportion and rounded down by itself, EARN_RATE for what the
 *		lines are worth, EARN_PER_LINE and EARN_PER_UNIT for lines, EARN_FIXED
 *		once, and the bonuses once where a line has the SKU or category.  A
 *		line's multipliers multiply what EARN_RATE, EARN_PER_LINE and
 *		EARN_PER_UNIT give for the line.
 *	 4	The sum is multiplied by the multipliers (or the largest of them) and
 *		by that of the member's tier, and is rounded once.
 *	 5	The caps of the order and of the period cut what is above them.
 *
 * Everything is exact up to the rounding; what does not fit is a failure.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_EARNING_H
#define PROMO_EARNING_H

#include "core/memory.h"
#include "core/money.h"
#include "core/zone.h"

/* Decimals of the amounts of lines and discounts */
#define EARN_DECIMALS 4

/* Nobody earns more at once, nor buys for more of 10^-EARN_DECIMALS. */
#define EARN_POINTS_MOST INT64_C(1000000000000)
#define EARN_AMOUNT_MOST INT64_C(10000000000000000)

typedef struct EarnLabel
{
	const char *name;
	const char *value;
} EarnLabel;

typedef struct EarnWords
{
	int			count;
	const char *const *words;
} EarnWords;

/*
 * Lines of one of the SKUs, one of the categories and one of the labels,
 * whichever are given, and of none of those that are excluded.
 */
typedef struct EarnSelect
{
	EarnWords	skus;
	EarnWords	categories;
	int			n_labels;
	const EarnLabel *labels;
	EarnWords	exclude_skus;
	EarnWords	exclude_categories;
	int			n_exclude_labels;
	const EarnLabel *exclude_labels;
	bool		exclude_delivery;
} EarnSelect;

typedef struct EarnLine
{
	const char *sku;			/* NULL where there is none */
	EarnWords	categories;
	int			n_labels;
	const EarnLabel *labels;
	int64_t		amount;			/* of 10^-EARN_DECIMALS, for the whole line */
	int64_t		tax;			/* what of it is tax */
	int64_t		quantity;
	bool		is_delivery;
} EarnLine;

/* A discount of some lines, or, where it selects none, of the order. */
typedef struct EarnDiscount
{
	bool		is_percent;
	Decimal		percent;
	int64_t		amount;			/* of 10^-EARN_DECIMALS */
	EarnSelect	select;
} EarnDiscount;

typedef struct EarnPurchase
{
	bool		has_at;
	int64_t		at;
	int			exponent;		/* of the currency; -1 where it is not known */
	bool		has_basis;
	int64_t		basis;			/* minor units, as is what follows */
	bool		has_order;
	int64_t		items_total;
	int64_t		items_tax;
	int64_t		order_total;
	int64_t		order_tax;
	bool		has_lines;
	int			n_lines;
	const EarnLine *lines;
	int			n_discounts;
	const EarnDiscount *discounts;
	const char *channel;		/* NULL where there is none */
	const char *tier;			/* of the member; NULL where there is none */
	Decimal		tier_multiplier;
	int64_t		order_number;	/* 1 for the member's first; 0: not known */
	int64_t		earned_in_period;	/* points, toward the cap of the period */
} EarnPurchase;

typedef enum
{
	EARN_PER_AMOUNT, EARN_FIXED, EARN_RATE, EARN_PER_LINE, EARN_PER_UNIT, EARN_SKU_BONUS,
	EARN_CATEGORY_BONUS, EARN_LINE_MULTIPLIER, EARN_MULTIPLIER
} EarnRuleType;

typedef enum
{
	EARN_ORDER_TOTAL_AT_LEAST, EARN_DATE_WINDOW, EARN_ISO_DAY_OF_WEEK, EARN_TIER, EARN_CHANNEL,
	EARN_NTH_ORDER
} EarnConditionType;

typedef struct EarnCondition
{
	EarnConditionType type;
	int64_t		threshold;		/* minor units */
	int64_t		from;			/* first instant, and the first one after; */
	int64_t		until;			/* INT64_MIN and INT64_MAX for open ends */
	int			days;			/* bit 1 for Monday, to bit 7 */
	int64_t		n;
	EarnWords	any_of;
} EarnCondition;

typedef struct EarnRule
{
	EarnRuleType type;
	Decimal		number;			/* points, rate or multiplier */
	int64_t		per;			/* minor units */
	EarnSelect	select;
	bool		enabled;
	bool		exclusive;
	int64_t		priority;
	int64_t		starts_at;		/* as in conditions */
	int64_t		ends_at;
	int64_t		min_order;		/* what the order comes to at least, of
								 * 10^-EARN_DECIMALS; 0 for anything */
	int			n_conditions;
	const EarnCondition *conditions;
} EarnRule;

typedef struct EarnRules
{
	int			n_rules;
	const EarnRule *rules;
	Rounding	rounding;
	bool		basis_is_order_total;	/* or that of the items */
	bool		include_tax;
	bool		include_delivery;
	bool		largest_multiplier; /* or their product */
	int64_t		cap_per_order;	/* points; -1 for none */
	int64_t		cap_per_period;
} EarnRules;

/* One for each rule */
typedef struct EarnShare
{
	bool		applied;
	Decimal		points;			/* before multipliers; 0 of multipliers */
} EarnShare;

typedef struct EarnResult
{
	int64_t		points;
	int64_t		cut;			/* points that the caps took away */
	bool		has_basis;
	int64_t		basis;			/* minor units, rounded down */
	bool		has_amount;
	int64_t		amount;			/* minor units that are paid, with tax and
								 * delivery, less discounts */
	Decimal		multiplier;
	EarnShare  *shares;
} EarnResult;

typedef enum
{
	EARN_DONE,
	EARN_NO_MEMORY,
	EARN_STOPPED,				/* memory->may_go_on said so */
	EARN_TOO_LARGE				/* more than EARN_POINTS_MOST, or not exact */
} EarnStatus;

#define EARN_RULE_TYPES (EARN_MULTIPLIER + 1)
#define EARN_CONDITION_TYPES (EARN_NTH_ORDER + 1)

extern const char *const earn_rule_names[EARN_RULE_TYPES];
extern const char *const earn_condition_names[EARN_CONDITION_TYPES];

/* Does the rule give points by itself? */
extern bool earn_is_base(EarnRuleType type);

/*
 * What a rule has to know of the purchase, as bits.  What it does not know it
 * takes for nothing.
 */
#define EARN_KNOWS_AT 1
#define EARN_KNOWS_LINES 2
#define EARN_KNOWS_BASIS 4		/* a basis, totals or lines */
#define EARN_KNOWS_TOTAL 8		/* totals or lines */
#define EARN_KNOWS_CURRENCY 16	/* between units and minor units */
#define EARN_KNOWS_TIER 32
#define EARN_KNOWS_NUMBER 64	/* of the order */

extern int	earn_must_know(const EarnRule *rule, const EarnPurchase *purchase);

/*
 * What the purchase earns.  The zone, NULL for UTC, says which day of the week
 * it is.  The shares of the result are the caller's to release.
 */
extern EarnStatus earn_points(const Memory *memory, const EarnPurchase *purchase,
							  const EarnRules *rules, Zone *zone, EarnResult *result);

/*
 * Points for an order
 */

typedef struct RedeemRequest
{
	int64_t		requested;		/* points */
	int64_t		balance;
	bool		has_order;
	int64_t		order_total;	/* minor units */
	int64_t		convert_points; /* so many points */
	int64_t		convert_amount; /* pay so many minor units */
	int64_t		min_points;
	int64_t		max_points;		/* -1 for none */
	Decimal		max_percent;	/* of the order, from 0 to 100 */
} RedeemRequest;

typedef enum
{
	REDEEM_SOME,
	REDEEM_NO_CONVERSION,		/* points buy nothing */
	REDEEM_BELOW_MINIMUM,
	REDEEM_NOTHING				/* asked for, there, or left to pay */
} RedeemReason;

extern const char *const redeem_reason_names[];

/*
 * The points to redeem, whole multiples of convert_points, and the minor units
 * that they pay.
 */
extern RedeemReason redeem_points(const RedeemRequest *request, int64_t *points,
								  int64_t *amount);

/* The largest multiple of unit_points that the balance has. */
extern int64_t redeem_units(int64_t balance, int64_t unit_points);

/*
 * The points for a quantity of which reward_quantity cost reward_points, or a
 * part of it; false where that does not fit.
 */
extern bool reward_cost(int64_t quantity, int64_t reward_quantity, int64_t reward_points,
						int64_t *points);

#endif							/* PROMO_EARNING_H */
