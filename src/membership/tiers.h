/*-------------------------------------------------------------------------
 *
 * tiers.h
 *	  What a tier asks for, and which one some figures are good for.
 *
 * Tiers stand in order from the base tier, which is everybody's and asks for
 * nothing, upward.  What one asks for is a tree: a figure that must be at
 * least so much, or a number of parts of which so many must hold (any is one
 * of them, all is each).  To reach a tier its entry terms must hold; to keep
 * it, or one below, its renewal terms, which may ask for less.
 *
 * Plain C.  Figures and what they are held against are exact decimals; which
 * figure is which the caller knows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_TIERS_H
#define PROMO_TIERS_H

#include "core/money.h"

typedef struct TierTerms
{
	int			needed;			/* parts that must hold; 0 for a figure */
	int			figure;			/* index into the figures */
	Decimal		at_least;
	int			count;
	struct TierTerms *parts;
} TierTerms;

typedef struct TierRule
{
	TierTerms	entry;			/* neither is looked at for the base tier */
	TierTerms	renewal;
} TierRule;

/* What becomes of a member who does not keep a tier */
typedef enum
{
	TIER_ONE_DOWN,
	TIER_TO_QUALIFIED,
	TIER_TO_BASE,
	TIER_NEVER
} TierPolicy;

#define TIER_POLICIES (TIER_NEVER + 1)

extern const char *const tier_policy_names[TIER_POLICIES];

extern bool tier_terms_hold(const TierTerms *terms, const Decimal *figures);

/* The highest tier whose entry terms hold. */
extern int	tier_reached(const TierRule *tiers, int count, const Decimal *figures);

/*
 * The tier after the time of the current one has ended: a higher one that is
 * reached, the current one where its renewal terms hold, or what the policy
 * says; of the lower ones, the one qualified for is the highest whose renewal
 * terms hold.
 */
extern int	tier_requalified(const TierRule *tiers, int count, int current,
							 const Decimal *figures, TierPolicy policy);

#endif							/* PROMO_TIERS_H */
