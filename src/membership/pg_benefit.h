/*-------------------------------------------------------------------------
 *
 * pg_benefit.h
 *	  What members of a tier have of it, as jsonb.
 *
 * They stand in an array under the key benefits of a tier, each one of
 *
 *		{"type": "discount", "percent": 5}
 *		{"type": "points_multiplier", "multiplier": 1.5}
 *		{"type": "free_shipping", "from": 49.00}
 *		{"type": "early_access", "hours": 24}
 *		{"type": "points", "name": "birthday", "points": 150, "every": "birthday"}
 *		{"type": "gift", "name": "welcome", "count": 1, "every": "year"}
 *		{"type": "coupon", "name": "free parcel", "promotion": "parcel", "count": 2, "every": "month"}
 *
 * The first four, of which a tier has at most one each, are so as long as a
 * member is in the tier, and known by their type.  The others fall due, by
 * name: with the first day of each month, quarter, half or year of the
 * program's zone, or with the member's birthday.  A tier has no benefits of
 * those below it but what it says itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_BENEFIT_H
#define PROMO_PG_BENEFIT_H

#include "membership/pg_tiers.h"

typedef struct Benefit
{
	int			tier;
	char	   *name;
	const char *type;
	char	   *value;			/* percent, multiplier, amount, hours, points, count */
	const char *every;			/* NULL where it does not fall due */
	char	   *promotion;		/* of a coupon */
} Benefit;

/* Reads the benefits of all tiers; amounts have so many decimals at most. */
extern List *benefits_read(const TierList *tiers, int exponent);

/* Writes them for a program whose tiers are in the table, and have none; within SPI. */
extern void benefits_write(int64 program_id, const TierList *tiers, const List *benefits);

#endif							/* PROMO_PG_BENEFIT_H */
