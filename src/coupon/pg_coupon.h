/*-------------------------------------------------------------------------
 *
 * pg_coupon.h
 *	  What the glue of the coupon room shares.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_COUPON_H
#define PROMO_PG_COUPON_H

/* The key of a code, by which codes compare */
extern char *coupon_code_key(const char *code);

/* The role that calls, whatever function with other rights it calls through */
extern char *coupon_actor(void);

#endif							/* PROMO_PG_COUPON_H */
