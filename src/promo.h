/*-------------------------------------------------------------------------
 *
 * promo.h
 *	  The module: its settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_H
#define PROMO_H

/* promo.build_memory in bytes, maintenance_work_mem where it is -1 */
extern Size promo_build_memory(void);

/* promo.cache_size in bytes */
extern Size promo_cache_size(void);

/* promo.model_piece_size in bytes */
extern Size promo_model_piece_size(void);

#endif							/* PROMO_H */
