/*-------------------------------------------------------------------------
 *
 * pg_quote.h
 *	  A cart priced by what the tables hold.
 *
 * quote_gather() reads, all under the active snapshot: the policy of the
 * channel, who the customer is, with segments and tiers, the promotions that
 * the cart may be for, the codes that it has, and what is used of limits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_QUOTE_H
#define PROMO_PG_QUOTE_H

#include "coupon/pg_outcome.h"
#include "coupon/pg_promotions.h"
#include "datatype/timestamp.h"
#include "fmgr.h"

/* A code of the cart that is in the tables */
typedef struct QuoteCode
{
	int64		id;
	int64		promotion_id;
	bool		single;			/* for one use */
	char	   *typed;
	Reason		refused;
} QuoteCode;

/* What an offer is made of: Offer.source */
typedef struct QuoteSource
{
	const ActivePromotion *promotion;
	const QuoteCode *code;		/* NULL for none */
} QuoteSource;

/* A limit of one of the offers */
typedef struct QuoteLimit
{
	int64		id;
	int64		promotion_id;	/* 0 where it is a campaign's or a code's */
	char	   *campaign;
	int64		code_id;
	LimitCounts counts;
	int			period;			/* of usage_period_names */
	int64		period_start;	/* days since 2000-01-01; DATEVAL_NOBEGIN for none */
	int64		most;
	char	   *currency;
	int64		exponent;
	int64		slots;
	int64		used;			/* and reserved; of the customer's key that has most */
	int64		held;			/* of it, by orders that may still give it back */
} QuoteLimit;

typedef struct QuoteWork
{
	TimestampTz at;
	CartTerms	cart;
	PolicyTerms policy;
	Jsonb	   *policy_json;	/* NULL for none */
	int64	   *customers;		/* number of each of the cart's keys, 0 for none */
	int			limit_count;
	QuoteLimit *limits;
	Quotation	quotation;
} QuoteWork;

/*
 * Reads a cart, and gathers all it is priced by, at an instant and for an
 * order that may hold codes itself (NULL for none), in the current context.
 * Raises the cart's faults.  Inside an SPI connection, with a snapshot active.
 */
extern void quote_gather(const Jsonb *json, TimestampTz at, const char *order_id, QuoteWork *work);

/* The second argument, an instant; raises an error where an argument is NULL. */
extern TimestampTz quote_at(FunctionCallInfo fcinfo, const char *name);

#endif							/* PROMO_PG_QUOTE_H */
