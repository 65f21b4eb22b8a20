/*-------------------------------------------------------------------------
 *
 * pg_rules.h
 *	  The points of a purchase, as a program's rules count them at its posting.
 *
 * The rules stand under the key earning of a program's definition, as
 * points_for() takes them.  What they ask of the member (the tier, how many
 * orders came before, what was earned in the period of a cap) is looked up as
 * it is asked for, or, of many members at once, read beforehand.  Of several
 * purchases of one member, in the order of their instants, that happens once:
 *
 *		program_rules_read(program_id, earning, time_zone, exponent, &rules);
 *		member_past_start(&past, customer_id, is_merged, CurrentMemoryContext);
 *		purchase_count(&rules, &past, purchase, "purchase", at, &counted);
 *		member_past_add(&rules, &past, counted.amount);
 *
 * Orders and caps go by what is posted: a purchase that is posted late does not
 * change what others earned.  What came back of an order leaves room under the
 * cap of a period again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RULES_H
#define PROMO_RULES_H

#include "datatype/timestamp.h"

#include "membership/pg_earning.h"

/* The benefit points_multiplier of a tier */
typedef struct TierMultiplier
{
	char	   *tier;
	Decimal		multiplier;
} TierMultiplier;

typedef struct ProgramRules
{
	int64		program_id;
	int			exponent;		/* of the currency */
	text	   *time_zone;
	Zone		zone;
	bool		has_rules;
	int			asks;			/* EARN_KNOWS_TIER, EARN_KNOWS_NUMBER */
	int64		orders_most;	/* that it matters to know of */
	TierMultiplier *multipliers;
	int			n_multipliers;
	ReadRules	read;
} ProgramRules;

/* An earning of a member that is in the tables */
typedef struct PastEarning
{
	TimestampTz at;
	int64		points;			/* by rules, less what came back of them */
	bool		is_order;		/* money was paid */
} PastEarning;

/* What rules may ask of a member; to be started anew for each. */
typedef struct MemberPast
{
	int64		customer_id;
	bool		is_merged;		/* others were merged into the customer */
	MemoryContext context;		/* where it lives */
	bool		is_read;		/* all that may be asked for stands in: */
	PastEarning *earnings;
	int			n_earnings;
	int			space;
	int64		orders;			/* posted, up to orders_most; -1 before it is looked up */
	int64		new_orders;		/* that are not in the tables yet */
	char	   *tier;			/* from an instant that was asked for */
	TimestampTz tier_until;		/* to the first at which it is another */
	int64		earned;			/* in the period */
	TimestampTz period_from;
	TimestampTz period_until;
} MemberPast;

typedef struct CountedPurchase
{
	int64		points;
	Datum		amount;			/* numeric */
	bool		expires_by_terms;
	TimestampTz expires_at;
	Jsonb	   *counted;		/* how, as it is kept with the entry */
} CountedPurchase;

/* earning is NULL for a program that has no rules.  Within SPI. */
extern void program_rules_read(int64 program_id, const Jsonb *earning, text *time_zone,
							   int exponent, ProgramRules *rules);

extern void member_past_start(MemberPast *past, int64 customer_id, bool is_merged, MemoryContext context);

/* Whether rules ask for earnings of the past, and from when on for those of an instant */
extern bool member_past_matters(ProgramRules *rules, TimestampTz at, TimestampTz *since);

/* Notes an earning of the past; all of them, or none. */
extern void member_past_read(MemberPast *past, const PastEarning *earning);

/* Notes a purchase of that amount that is posted, but not in the tables yet. */
extern void member_past_add(const ProgramRules *rules, MemberPast *past, Datum amount);

/*
 * Within SPI, as the owner of the tables; raises "invalid <what>" with all that
 * is wrong.  The points are part of what was earned in the period from then on.
 */
extern void purchase_count(ProgramRules *rules, MemberPast *past, const Jsonb *purchase,
						   const char *what, TimestampTz at, CountedPurchase *counted);

#endif							/* PROMO_RULES_H */
