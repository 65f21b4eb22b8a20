/*-------------------------------------------------------------------------
 *
 * pg_purchase.h
 *	  What a member bought, as earn() and earn_all() read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PURCHASE_H
#define PROMO_PURCHASE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct Purchase
{
	int64		points;
	Datum		amount;			/* numeric */
	bool		expires_by_terms;	/* as the program says, or else */
	TimestampTz expires_at;		/* at this, DT_NOEND for never */
} Purchase;

/* Raises "invalid <what>" with all that is wrong. */
extern void purchase_read(const Jsonb *json, const char *what, Purchase *purchase);

/* SHA-256 of what was given, a bytea, by which a repeat is known */
extern Datum purchase_content(const Jsonb *json);

#endif							/* PROMO_PURCHASE_H */
