/*-------------------------------------------------------------------------
 *
 * promotion.h
 *	  A promotion: when it may apply, what it does, what it goes along with.
 *
 * Each kind, target and reason has a name, the one that definitions and
 * results write; the arrays of names are in the order of the enums.  Behind a
 * field stands its key in a definition where that differs.
 *
 * Amounts are exact decimals in major units, so that one promotion serves
 * carts of every currency.  Nothing here changes while carts are priced, and
 * one Promotion may be used by any number of calls; only the zones of its
 * conditions keep what they were asked last.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PROMOTION_H
#define PROMO_PROMOTION_H

#include "core/zone.h"
#include "coupon/cart.h"

/* Levels that all, any and none may nest */
#define CONDITION_DEPTH 8

/* A bit for each consuming group of a cart's promotions */
#define CONSUMING_GROUPS 64

/*
 * Comparisons, of a value that is known with one or some that are wanted.  What
 * is not known, or of another kind, is never true, whatever the operator.
 */
typedef enum
{
	COMPARE_EQ,
	COMPARE_NE,
	COMPARE_LT,
	COMPARE_LTE,
	COMPARE_GT,
	COMPARE_GTE,
	COMPARE_IN,					/* equal to one of some */
	COMPARE_NOT_IN,
	COMPARE_STARTS_WITH,		/* text alone */
	COMPARE_CONTAINS,			/* a list that has the text, or one of some */
	COMPARE_EXISTS				/* known, of any kind */
} CompareOperator;

#define COMPARE_OPERATORS 11
extern const char *const compare_names[COMPARE_OPERATORS];

typedef struct Comparison
{
	Word		name;			/* of the fact */
	CompareOperator op;
	int			count;			/* values: one, but for the lists */
	const Value *value;			/* of kind VALUE_TIME, it reads texts as times */
} Comparison;

/* Lines that a condition or an action is about; all that is asked must hold. */
typedef struct Select
{
	const WordSet *products;	/* any of these; NULL where not asked */
	const WordSet *categories;
	const WordSet *exclude_products;
	const WordSet *exclude_categories;
	const Decimal *unit_price_min;	/* both inclusive */
	const Decimal *unit_price_max;
	bool		exclude_on_sale;
	int			comparison_count;
	const Comparison *comparisons;	/* "attributes", of the line */
} Select;

typedef enum
{
	CONDITION_ALL,				/* of the conditions in it */
	CONDITION_ANY,
	CONDITION_NONE,
	CONDITION_MIN_SUBTOTAL,
	CONDITION_MAX_SUBTOTAL,
	CONDITION_MIN_QUANTITY,
	CONDITION_MAX_QUANTITY,
	CONDITION_MIN_LINE_QUANTITY,	/* of one line */
	CONDITION_MIN_PRODUCTS,		/* different ones */
	CONDITION_CONTAINS,			/* a line that is selected */
	CONDITION_CONTAINS_ALL,		/* each of the select's products and
								 * categories on such a line */
	CONDITION_CUSTOMER_REQUIRED,
	CONDITION_CUSTOMER_GROUP,
	CONDITION_SEGMENT,
	CONDITION_TIER,
	CONDITION_FIRST_ORDER,
	CONDITION_NTH_ORDER,
	CONDITION_CHANNEL,
	CONDITION_REGION,
	CONDITION_CURRENCY,
	CONDITION_PAYMENT_METHOD,
	CONDITION_SHIPPING_METHOD,
	CONDITION_SCHEDULE,
	CONDITION_BIRTHDAY,
	CONDITION_ATTRIBUTE
} ConditionKind;

#define CONDITION_KINDS 25
extern const char *const condition_names[CONDITION_KINDS];

/* What a subtotal is a sum of */
typedef enum
{
	BASIS_POLICY,				/* as the policy says */
	BASIS_BEFORE_DISCOUNTS,
	BASIS_AFTER_PREVIOUS
} Basis;

typedef enum
{
	TAX_OF_CART,				/* as the cart's prices are */
	TAX_INCLUDED,
	TAX_EXCLUDED
} TaxBasis;

/* Whose attribute */
typedef enum
{
	ATTRIBUTE_CART,
	ATTRIBUTE_CUSTOMER,
	ATTRIBUTE_LINE				/* of any line that is selected */
} AttributeOf;

/*
 * Weekdays and hours on the wall.  A window that ends at or before its start
 * goes over midnight, and belongs to the weekday that it starts on.
 */
typedef struct HourWindow
{
	int64_t		from;			/* microseconds after midnight */
	int64_t		until;			/* the first that is not in it */
} HourWindow;

typedef struct Schedule
{
	unsigned int weekdays;		/* bit 0 for Monday to 6; 0 for each day */
	int			window_count;	/* 0 for all day */
	const HourWindow *windows;
} Schedule;

typedef struct Condition
{
	ConditionKind kind;
	int			size;			/* conditions of its tree, itself included:
								 * children follow it */
	bool		strict;			/* subtotals: "operator" is gt (of a maximum,
								 * lt), not gte */
	Basis		basis;
	TaxBasis	tax;
	AttributeOf of;
	const Select *select;		/* NULL for all lines */
	Decimal		number;			/* "amount", "quantity" or "n" */
	const WordSet *words;		/* "any_of" */
	const Comparison *comparison;
	const Schedule *schedule;
	int			days_before;	/* of a birthday */
	int			days_after;
	Zone	   *zone;			/* NULL for UTC */
} Condition;

typedef enum
{
	ACTION_PERCENT_OFF,
	ACTION_AMOUNT_OFF,
	ACTION_TIERED_PERCENT,
	ACTION_TIERED_AMOUNT,
	ACTION_TIERED_PRICE,		/* of each unit, by how many there are */
	ACTION_AMOUNT_PER,			/* for every so much that is spent */
	ACTION_SET_TOTAL,
	ACTION_SET_UNIT_PRICE,
	ACTION_SET_SHIPPING_PRICE,
	ACTION_BUNDLE_PRICE,
	ACTION_BUY_GET,
	ACTION_CHEAPEST_FREE,		/* of every so many units the cheapest */
	ACTION_GIFT,
	ACTION_ISSUE_CODE
} ActionKind;

#define ACTION_KINDS 14
extern const char *const action_names[ACTION_KINDS];

typedef enum
{
	TARGET_ORDER,				/* once, shared over the lines */
	TARGET_LINES,				/* each line; "line" is the same */
	TARGET_UNIT,
	TARGET_CHEAPEST_UNIT,		/* one */
	TARGET_SHIPPING
} ActionTarget;

#define ACTION_TARGETS 5
extern const char *const target_names[ACTION_TARGETS];

typedef enum
{
	PICK_DEAREST,
	PICK_CHEAPEST,
	PICK_LINE_ORDER
} Pick;

#define PICKS 3
extern const char *const pick_names[PICKS];

/* What tiers are reached by */
typedef enum
{
	TIER_BY_ORDER_SUBTOTAL,		/* of all lines */
	TIER_BY_SUBTOTAL,			/* of the lines selected */
	TIER_BY_QUANTITY,
	TIER_BY_LINE_SUBTOTAL,		/* of each line on its own */
	TIER_BY_LINE_QUANTITY
} TierBy;

#define TIER_BYS 5
extern const char *const tier_by_names[TIER_BYS];

typedef struct Tier
{
	Decimal		from;			/* money or quantity */
	Decimal		value;			/* percent, amount or price */
} Tier;

/* An amount for one channel alone */
typedef struct ChannelAmount
{
	Word		channel;
	Decimal		amount;
} ChannelAmount;

typedef struct Action
{
	ActionKind	kind;
	ActionTarget target;
	Pick		pick;
	const Select *select;		/* NULL for all lines; of buy_get: buy.select */
	Decimal		value;			/* percent, amount, price; amount of the first
								 * unit; base of tiers; get.percent */
	bool		has_value;		/* false: tiers without a base, amounts by
								 * channel, issue_code */
	bool		has_additional;
	Decimal		additional;		/* "additional_unit", beside first_unit */
	Word		currency;		/* of the amounts; none: of any cart */
	int			channel_count;	/* "amount_by_channel" */
	const ChannelAmount *channels;

	TierBy		by;
	Basis		basis;			/* of what tiers and every are reached by */
	int			tier_count;
	const Tier *tiers;			/* ascending */

	/* Most that it takes, NULL for as much as there is */
	const Decimal *max_discount;	/* of the action */
	const Decimal *max_discount_per_line;
	const Decimal *max_discount_per_unit;
	int64_t		max_units;		/* 0 for all */
	int64_t		max_units_per_line;
	int64_t		max_times;		/* sets, or steps; 0 for any */

	int64_t		quantity;		/* group_size; units of a bundle; buy; gift's
								 * per.quantity, 0 where there is no per; of
								 * cheapest_free the size of a set */
	int64_t		get_quantity;	/* units got, free, or given as a gift each time */
	const Select *get_select;
	Pick		get_pick;
	bool		allow_partial;	/* also a reward that is not complete */
	bool		same_product;	/* each product on its own */
	Decimal		every;			/* of amount_per */
	Word		consumes;		/* the group whose units serve once; none is a
								 * group as well */

	Word		gift_product;
	Decimal		gift_unit_price;
} Action;

typedef enum
{
	STOP_NOTHING,
	STOP_LINE,					/* later promotions leave out its lines */
	STOP_CART					/* no later promotion */
} StopAfter;

#define STOPS 3
extern const char *const stop_names[STOPS];

/* At most so many promotions of a group; the least that its members say */
typedef struct PromotionGroup
{
	Word		name;
	int			most;
} PromotionGroup;

/* Classes of promotions, as combines_with names them beside tags */
typedef enum
{
	CLASS_ITEM,
	CLASS_ORDER,
	CLASS_SHIPPING
} PromotionClass;

#define CLASSES 3
extern const char *const class_names[CLASSES];

typedef struct Promotion
{
	Word		name;
	int			lane;			/* lower ones first */
	int64_t		priority;		/* in a lane, lower ones first */
	int64_t		starts_at;		/* microseconds since 2000-01-01 UTC; the
								 * least and the largest int64 where it has
								 * none */
	int64_t		ends_at;		/* first instant after */
	const WordSet *channels;	/* NULL for all */
	Word		currency;		/* none: carts of any */
	bool		needs_code;

	bool		exclusive;
	StopAfter	stop_after;
	bool		class_given;	/* else by its actions */
	PromotionClass class;
	int			group_count;
	const PromotionGroup *groups;
	WordSet		tags;
	const WordSet *combines_with;	/* tags and classes; NULL for all */
	Basis		base;			/* of its percentages: BASIS_BEFORE_DISCOUNTS
								 * is "original", the other "running" */

	int			condition_count;	/* nodes; all on the top level must hold */
	const Condition *conditions;
	int			action_count;
	const Action *actions;		/* in this order */
} Promotion;

#endif							/* PROMO_PROMOTION_H */
