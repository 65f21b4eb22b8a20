/*-------------------------------------------------------------------------
 *
 * compact.h
 *	  A promotion with all that it points to in one place.
 *
 * Reading a definition leaves pieces of memory all over; who keeps promotions
 * for long keeps them like this.  Zones are not copied: they belong to whoever
 * finds them by name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_COMPACT_H
#define PROMO_COMPACT_H

#include "coupon/promotion.h"

/* Bytes of a promotion and all that it points to, a multiple of 8 */
extern size_t promotion_size(const Promotion *promotion);

/* Copies it into a place of as many bytes, aligned to 8. */
extern Promotion *promotion_copy(const Promotion *promotion, void *place);

#endif							/* PROMO_COMPACT_H */
