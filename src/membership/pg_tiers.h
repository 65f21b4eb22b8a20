/*-------------------------------------------------------------------------
 *
 * pg_tiers.h
 *	  The tiers of a program, as jsonb.
 *
 * They stand in an array from the base tier upward, each with a name and what
 * it asks for:
 *
 *		{"name": "basic", "threshold": 0}
 *		{"name": "silver", "threshold": 300}
 *		{"name": "gold", "criteria": CRITERIA, "renewal": CRITERIA}
 *
 * A threshold is the least of the metric.  CRITERIA are one of
 *
 *		{"metric": "orders", "at_least": 10}
 *		{"any": [CRITERIA, ...]}
 *		{"all": [CRITERIA, ...]}
 *		{"at_least": 2, "of": [CRITERIA, ...]}
 *
 * and renewal, by which a tier is kept, is the same as for reaching it where
 * it is missing.  The first tier has threshold 0 and is everybody's; from one
 * threshold to the next they rise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_TIERS_H
#define PROMO_PG_TIERS_H

#include "membership/tiers.h"
#include "pg/json.h"

#define TIERS_MOST 100

typedef struct TierList
{
	int			count;
	char	  **names;
	TierRule   *rules;
	JsonReader **readers;		/* open, for what else is known of a tier */
} TierList;

/*
 * Reads the key tiers, and notes its faults.  The names are those of the
 * figures that there are; a threshold is one of the figure of that index.
 */
extern void tiers_read(JsonReader *reader, const char *const figures[], int n_figures,
					   int threshold_figure, TierList *list);

/* Notes what nobody read of the tiers. */
extern void tiers_close(TierList *list);

/* The place of a tier in the list, or -1 */
extern int	tiers_find(const TierList *list, const char *name);

#endif							/* PROMO_PG_TIERS_H */
