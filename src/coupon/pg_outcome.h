/*-------------------------------------------------------------------------
 *
 * pg_outcome.h
 *	  Pricing a cart that was read under definitions that were, and the answer
 *	  as jsonb.
 *
 *		Offer per definition	which code of the cart it has, why it is refused
 *		Quotation				cart, offers, policy, and what price_cart() gave
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_OUTCOME_H
#define PROMO_PG_OUTCOME_H

#include "coupon/pg_cart.h"
#include "coupon/pg_definition.h"

typedef struct Offer
{
	const Definition *definition;
	int			version;		/* 0 where it has none */
	const char *code;			/* of the cart, as typed; NULL for none */
	Reason		refused;		/* already known not to apply */
	const CartUsage *usage;		/* NULL where nothing is used */
	void	   *source;			/* of the caller */
} Offer;

typedef struct Quotation
{
	const CartTerms *cart;
	const PolicyTerms *policy;
	List	   *refused;		/* of CartRefusal: codes of the cart that no offer
								 * has, unknown ones among them */
	int			count;
	Offer	   *offers;
	PriceCandidate *candidates;
	PriceOutcome outcome;
} Quotation;

/*
 * Prices the cart, of which all but candidates and outcome are set; in the
 * current context.  Raises an error where an amount is too large.
 */
extern void quotation_price(Quotation *quotation);

/* The answer, with the keys that conformance cases have, and more */
extern Jsonb *quotation_json(const Quotation *quotation);

/* What failed of an offer that was rejected, as an array */
extern Jsonb *quotation_failures(const Quotation *quotation, const PriceRejected *rejected);

/* What one that applied took, by line */
extern Jsonb *quotation_applied(const Quotation *quotation, int applied);

/* What each unit of each line bore: {"a": [[units, amount of each], ...]} in minor units */
extern Jsonb *quotation_shares(const Quotation *quotation, int candidate);

#endif							/* PROMO_PG_OUTCOME_H */
