/*-------------------------------------------------------------------------
 *
 * price.h
 *	  What promotions take off a cart, to the smallest unit of its currency.
 *
 * Plain C.  One call prices one cart under some promotions, and says of each
 * what it took or why it did not:
 *
 *		Cart (cart.h)						lines, shipping, customer, now
 *		PriceCandidate per promotion		its Promotion (promotion.h), whether
 *											a code for it is in the cart, what
 *											is used of its limits
 *		PricePolicy							how promotions go together
 *		  |
 *		  v	condition.c		which may apply; of each that may not, every
 *		  |					condition that fails, with its numbers
 *		  |	combine.c, best.c	which of those apply, and in what order
 *		  |	action.c, action_units.c	what each takes, from what is left
 *		  |	units.c, share.c	shared over lines, and over units in them
 *		  v
 *		PriceOutcome						totals; per line; per promotion and
 *											line; gifts, codes to issue; losers
 *
 * Money is a count of minor units.  A line's value is its unit price times its
 * quantity, rounded once, half up.  Each action rounds once: a percentage of
 * lines on each line, one of the order on the sum.  An amount for several
 * lines is shared by what is left of each, whole units by floor and the rest
 * one by one to the largest remainders, earlier lines first (share.h).  No
 * line falls below 0 or its min_unit_price times its quantity; what it cannot
 * take moves to the other lines of the action.  Shipping is apart: goods'
 * discounts do not touch it, nor the other way around.
 *
 * Order: by lane, in a lane by priority, then as the candidates stand.  What
 * does nothing but ship comes last, in a lane of its own.
 *
 * Units: a line of 7 units is one of 7 that are alike until an action takes
 * more of some; then runs of units that are next to each other differ.  A
 * share tells what each unit of a line bore as pieces that follow each other,
 * the first unit's first, and pieces of all promotions add up unit by unit.
 * A line whose quantity is no whole number is one unit to shares, and none to
 * what looks for units (bundles, gets, the cheapest).  Units are picked by
 * their price before discounts, among those of one line the ones that have
 * most left first.
 *
 * The answer depends on nothing else, and equal calls give equal answers.  All
 * memory of an outcome is released by price_release.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PRICE_H
#define PROMO_PRICE_H

#include "core/memory.h"
#include "coupon/promotion.h"

typedef enum
{
	PRICE_DONE,
	PRICE_NO_MEMORY,
	PRICE_CANCELED,
	PRICE_OVERFLOW,				/* an amount beyond 64 bits */
	PRICE_BAD_EXPONENT,			/* of the currency */
	PRICE_BAD_LINE,				/* its price, floor, tax or quantity; see line */
	PRICE_BAD_SHIPPING,
	PRICE_BAD_PROMOTION,		/* a tree or number that no definition has; see
								 * promotion */
	PRICE_MANY_GROUPS			/* more than CONSUMING_GROUPS */
} PriceStatus;

/* Why a promotion does not apply */
typedef enum
{
	REASON_NONE,
	REASON_UNKNOWN_CODE,
	REASON_CODE_REQUIRED,
	REASON_INACTIVE,
	REASON_NOT_STARTED,
	REASON_EXPIRED,
	REASON_SCHEDULE,
	REASON_CHANNEL,
	REASON_REGION,
	REASON_CURRENCY,
	REASON_CUSTOMER_REQUIRED,
	REASON_CUSTOMER_GROUP,
	REASON_SEGMENT,
	REASON_TIER,
	REASON_FIRST_ORDER,
	REASON_NTH_ORDER,
	REASON_BIRTHDAY,
	REASON_NOT_YOURS,
	REASON_HOLDOUT,
	REASON_MIN_SUBTOTAL,
	REASON_MAX_SUBTOTAL,
	REASON_MIN_QUANTITY,
	REASON_MAX_QUANTITY,
	REASON_MIN_PRODUCTS,
	REASON_CONTAINS,
	REASON_EXCLUDED_ITEMS,		/* no line is one that its actions are for */
	REASON_SHIPPING_METHOD,
	REASON_PAYMENT_METHOD,
	REASON_ATTRIBUTE,
	REASON_MISSING_ATTRIBUTE,
	REASON_USAGE_LIMIT,
	REASON_CUSTOMER_LIMIT,
	REASON_PERIOD_LIMIT,
	REASON_BUDGET,
	REASON_HELD,
	REASON_EXCLUSIVE,			/* another one is, which applies alone */
	REASON_BEATEN_BY,
	REASON_GROUP_FULL,
	REASON_STOPPED,
	REASON_NO_EFFECT,
	REASON_REWARD_MISSING,
	REASON_CHANGED
} Reason;

#define REASONS 42
extern const char *const reason_names[REASONS];

/* How much of a limit is used.  A quote promises none of what is left. */
typedef struct PriceLimit
{
	Reason		reason;			/* USAGE_LIMIT, CUSTOMER_LIMIT, PERIOD_LIMIT or
								 * BUDGET */
	bool		per_customer;	/* none without a customer */
	int64_t		most;			/* uses; of a budget, minor units */
	int64_t		used;
	bool		partial;		/* a budget gives what is left of it */
	bool		goods_only;		/* and pays no shipping */
} PriceLimit;

typedef struct PriceCandidate
{
	const Promotion *promotion;
	bool		has_code;		/* a code that holds is in the cart */
	Reason		refused;		/* already known not to apply */
	int			limit_count;
	const PriceLimit *limits;
} PriceCandidate;

typedef enum
{
	COMBINE_ALL_IN_PRIORITY_ORDER,
	COMBINE_BEST_ONE,
	COMBINE_BEST_PER_LINE,
	COMBINE_BEST_ORDER,
	COMBINE_BEST_COMBINATION
} Combine;

#define COMBINES 5
extern const char *const combine_names[COMBINES];

/* "percent_round" */
typedef enum
{
	PERCENT_HALF_UP,
	PERCENT_HALF_EVEN,
	PERCENT_HALF_DOWN,
	PERCENT_UP,
	PERCENT_DOWN
} PercentRound;

#define PERCENT_ROUNDS 5
extern const char *const percent_round_names[PERCENT_ROUNDS];

/* "percent_round_level": what a percentage is rounded on */
typedef enum
{
	LEVEL_LINE_OR_ORDER,		/* as the action's target says */
	LEVEL_LINE,
	LEVEL_ORDER
} PercentLevel;

#define PERCENT_LEVELS 3
extern const char *const percent_level_names[PERCENT_LEVELS];

/* Lanes that go together in another way than the rest */
typedef struct LanePolicy
{
	int			lane;			/* PRICE_SHIPPING_LANE for shipping's */
	Combine		combine;
} LanePolicy;

#define PRICE_SHIPPING_LANE INT32_MAX

typedef struct PricePolicy
{
	Combine		combine;
	int			lane_count;
	const LanePolicy *lanes;
	bool		original_base;	/* "stacking_base" is original, not running */
	bool		after_previous; /* "threshold_basis", not before_discounts */
	PercentRound percent_round;
	PercentLevel percent_level;
	bool		round_price;	/* "round_what" is price, not discount */
	bool		exclusive_best; /* "exclusive_choice" is best, not priority */
	bool		group_priority; /* "group_choice" is priority, not best */
	int64_t		nodes;			/* most that a search may try */
	bool		brief;			/* of each rejected promotion one failed
								 * condition is enough */
} PricePolicy;

#define PRICE_NODES 20000

/* The policy of the case files' defaults */
extern PricePolicy price_policy_default(void);

/* Units that are next to each other, and what each bore */
typedef struct PricePiece
{
	int64_t		units;
	int64_t		each;
} PricePiece;

/* What a promotion took off a line */
typedef struct PriceShare
{
	int			candidate;
	int			line;
	int64_t		amount;
	int			piece;			/* its first of the outcome's pieces; they
								 * cover all units of the line */
	int			pieces;
} PriceShare;

typedef struct PriceLine
{
	int64_t		value;			/* before discounts */
	int64_t		discount;
	int64_t		tax;			/* on what is left; included in it where the
								 * cart's prices include tax */
	int			piece;			/* the discount by units */
	int			pieces;
} PriceLine;

typedef struct PriceApplied
{
	int			candidate;
	int64_t		goods;
	int64_t		shipping;
} PriceApplied;

/* A condition that does not hold, or a limit that is used up */
typedef struct PriceFailure
{
	Reason		reason;
	int			condition;		/* node of the promotion; -1 for none */
	bool		negated;		/* it holds, and must not */
	bool		has_required;
	bool		has_actual;
	Decimal		required;		/* money in major units, a quantity, or a count */
	Decimal		actual;
} PriceFailure;

typedef struct PriceRejected
{
	int			candidate;
	Reason		reason;			/* the first failure's */
	int			winner;			/* candidate that it lost to; -1 for none */
	int			failure;		/* its first of the outcome's failures */
	int			failures;
} PriceRejected;

typedef struct PriceGift
{
	int			candidate;
	int			action;
	int64_t		quantity;
} PriceGift;

/* A code that the order earns */
typedef struct PriceIssue
{
	int			candidate;
	int			action;
} PriceIssue;

/* What would reach the next tier or step of a promotion that applies */
typedef struct PriceStep
{
	int			candidate;
	int			action;
	bool		is_money;		/* else a quantity */
	Decimal		gap;
} PriceStep;

typedef struct PriceOutcome
{
	int			line_count;		/* of the cart */
	PriceLine  *lines;
	int			applied_count;
	PriceApplied *applied;		/* in the order of application */
	int			share_count;
	PriceShare *shares;			/* in that order, then by line; none of 0 */
	int			piece_count;
	PricePiece *pieces;
	int			rejected_count;
	PriceRejected *rejected;	/* as the candidates stand */
	int			failure_count;
	PriceFailure *failures;
	int			gift_count;
	PriceGift  *gifts;
	int			issue_count;
	PriceIssue *issues;
	int			step_count;
	PriceStep  *steps;

	int64_t		goods;			/* before discounts */
	int64_t		goods_discount;
	int64_t		shipping;		/* before discounts */
	int64_t		shipping_discount;
	int64_t		total;			/* goods and shipping after discounts */
	int64_t		shipping_tax;
	int64_t		tax_total;		/* of lines and shipping */
	int64_t		total_with_tax;
	int64_t		total_without_tax;

	bool		optimal;		/* false: a search ended at its node budget */
	int64_t		nodes;			/* that searches tried */

	int			line;			/* of PRICE_BAD_LINE */
	int			promotion;		/* of PRICE_BAD_PROMOTION */
} PriceOutcome;

/*
 * Prices the cart.  The outcome is to be released whatever the status; it says
 * nothing but line and promotion unless that is PRICE_DONE.
 */
extern PriceStatus price_cart(const Memory *memory, const Cart *cart,
							  const PriceCandidate *candidates, int count,
							  const PricePolicy *policy, PriceOutcome *outcome);

extern void price_release(const Memory *memory, PriceOutcome *outcome);

#endif							/* PROMO_PRICE_H */
