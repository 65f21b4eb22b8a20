/*-------------------------------------------------------------------------
 *
 * pg_earning.h
 *	  Purchases and rules of earning, read from jsonb.
 *
 * points_for() and the postings of earn() read and count by the same
 * functions:
 *
 *		earning_read_rules(&reader, &rules);
 *		earning_read_purchase(&reader, NULL, &purchase);
 *		earning_check(&faults, &purchase, &rules);
 *		json_faults_raise(&faults, "purchase");
 *		earning_count(&purchase, &rules, &zone, &result);
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_EARNING_H
#define PROMO_PG_EARNING_H

#include "membership/earning.h"
#include "pg/json.h"

typedef struct ReadRules
{
	EarnRules	rules;
	char	  **ids;			/* of each rule, what its share is told under */
	const char *cap_unit;		/* day, week, month, quarter or year of
								 * cap_per_period; NULL without one */
} ReadRules;

/*
 * The rules of an object {"rules": [...], "rounding": ..., ...}; the caller
 * closes the reader.
 */
extern void earning_read_rules(JsonReader *reader, ReadRules *rules);

/* What a posting knows by itself */
typedef struct EarnKnown
{
	int			exponent;		/* of the program's currency */
	int64		at;
} EarnKnown;

/*
 * A purchase; the caller closes the reader.  Where nothing is known the
 * purchase is believed in what it says of the currency, the instant, the
 * member's tier and what was bought before; otherwise it may not say so, and
 * the caller sets tier, order number and what was earned in the period.
 */
extern void earning_read_purchase(JsonReader *reader, const EarnKnown *known, EarnPurchase *purchase);

/* Notes what the rules ask of the purchase that it does not say. */
extern void earning_check(JsonFaults *faults, const EarnPurchase *purchase, const ReadRules *rules);

/* Counts in the current memory context; an error where the result is too large. */
extern void earning_count(const EarnPurchase *purchase, const ReadRules *rules,
						  Zone *zone, EarnResult *result);

/* {"points": n, "basis_amount": n, "multiplier": x, "cut": n, "breakdown": {...}} */
extern Jsonb *earning_tell(const ReadRules *rules, const EarnResult *result, bool with_points);

#endif							/* PROMO_PG_EARNING_H */
