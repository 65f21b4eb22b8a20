/*-------------------------------------------------------------------------
 *
 * pg_promotions.h
 *	  The active promotions, compiled and at hand in this session.
 *
 * The set is that of one promotion_stamp, which is read under the snapshot of
 * each call: so whatever the session saw before, rolled back or read under an
 * older snapshot, it never prices by definitions that its snapshot does not
 * hold.  A definition is compiled once: its number, version and the transaction
 * that wrote it tell it from every other one.
 *
 * Promotions that apply without a code are found by what a cart must have one
 * of (definition_key in pg_definition.h), and not looked at otherwise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_PROMOTIONS_H
#define PROMO_PG_PROMOTIONS_H

#include "coupon/pg_cart.h"
#include "coupon/pg_definition.h"
#include "utils/uuid.h"

typedef struct ActivePromotion
{
	int64		id;
	int32		version;
	TransactionId made;			/* that wrote the version */
	int			rank;			/* its place in the order of numbers */
	Definition	definition;
} ActivePromotion;

/*
 * Makes the promotions of the active snapshot those at hand; stamp is what
 * promotion_stamp holds under it, NULL where it holds nothing.  Inside an SPI
 * connection.  What is at hand stays the same until the next call of this.
 */
extern void promotions_open(const pg_uuid_t *stamp);

/* NULL where there is none that is active */
extern const ActivePromotion *promotion_at_hand(int64 id);

/*
 * Those that apply without a code and that the cart may be for, in the order
 * of their numbers; palloc'd.
 */
extern const ActivePromotion **promotions_for(const Cart *cart, int *count);

/* Lets go of what is more than promo.cache_size; after the last use. */
extern void promotions_close(void);

#endif							/* PROMO_PG_PROMOTIONS_H */
