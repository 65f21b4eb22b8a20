/*-------------------------------------------------------------------------
 *
 * rules.h
 *	  Which items stand in baskets together, and how often.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RULES_H
#define PROMO_RULES_H

#include "recommend/matrix.h"

/* Both items of a pair are numbers of the matrix; a < b. */
typedef bool (*rules_pair) (void *arg, uint32_t a, uint32_t b, uint32_t both);

/*
 * Calls pair for each pair of items that at least `least` customers (baskets)
 * had both of, by rising b, then rising a.  least is at least 1.  Takes time
 * in proportion to the sum of the squares of the baskets' items, of those that
 * have support enough to be in a pair.  False: no memory, told to stop, or
 * pair gave false.
 */
extern bool rules_run(const Memory *memory, const Matrix *matrix, uint32_t least,
					  rules_pair pair, void *arg);

#endif							/* PROMO_RULES_H */
