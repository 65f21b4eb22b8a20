/*-------------------------------------------------------------------------
 *
 * tiers.c
 *	  What a tier asks for, and which one some figures are good for.
 *
 *-------------------------------------------------------------------------
 */
#include "membership/tiers.h"

const char *const tier_policy_names[TIER_POLICIES] = {"one_down", "to_qualified", "to_base", "never"};

bool
tier_terms_hold(const TierTerms *terms, const Decimal *figures)
{
	int			holding = 0;
	int			i;

	if (terms->needed == 0)
		return decimal_compare(&figures[terms->figure], &terms->at_least) >= 0;
	for (i = 0; i < terms->count && holding < terms->needed; i++)
		holding += tier_terms_hold(&terms->parts[i], figures);
	return holding >= terms->needed;
}

int
tier_reached(const TierRule *tiers, int count, const Decimal *figures)
{
	int			tier;

	for (tier = count - 1; tier > 0; tier--)
		if (tier_terms_hold(&tiers[tier].entry, figures))
			break;
	return tier;
}

int
tier_requalified(const TierRule *tiers, int count, int current, const Decimal *figures,
				 TierPolicy policy)
{
	int			reached = tier_reached(tiers, count, figures);
	int			kept;

	if (reached > current)
		return reached;
	for (kept = current; kept > 0; kept--)
		if (tier_terms_hold(&tiers[kept].renewal, figures))
			break;
	if (kept == current)
		return current;
	switch (policy)
	{
		case TIER_ONE_DOWN:
			return current - 1;
		case TIER_TO_QUALIFIED:
			return kept;
		case TIER_TO_BASE:
			return 0;
		case TIER_NEVER:
			break;
	}
	return current;
}
