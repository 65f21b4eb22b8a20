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

#include "pg/json.h"

/* As the tables allow */
#define PURCHASE_AMOUNT_MOST INT64CONST(1000000000000)

typedef struct Purchase
{
	bool		by_rules;		/* all that follows is to be counted yet */
	int64		points;
	Datum		amount;			/* numeric */
	bool		expires_by_terms;	/* as the program says, or else */
	TimestampTz expires_at;		/* at this, DT_NOEND for never */
} Purchase;

/* Raises "invalid <what>" with all that is wrong. */
extern void purchase_read(const Jsonb *json, const char *what, Purchase *purchase);

/* The key expires_at of a purchase */
extern void purchase_read_expiry(JsonReader *reader, bool *by_terms, TimestampTz *expires_at);

/* SHA-256 of what was given, a bytea, by which a repeat is known */
extern Datum purchase_content(const Jsonb *json);

#endif							/* PROMO_PURCHASE_H */
