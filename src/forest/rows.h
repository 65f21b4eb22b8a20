/*-------------------------------------------------------------------------
 *
 * rows.h
 *	  An order of the rows that depends on what they hold, not on how they
 *	  came.
 *
 * All that a training draws by chance it draws by the rank of a row in this
 * order: which rows a tree gets, and the sample that the bins are cut from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_ROWS_H
#define PROMO_FOREST_ROWS_H

#include "forest/forest.h"

/*
 * rows_order(memory, data, order)
 *
 * Fills order[rank] with the number of the row of that rank.  Rows are sorted
 * by a hash of their values, target and weight, and where hashes meet by the values
 * themselves, so only rows that are equal in everything can change places.
 * False: no memory, or stopped.
 */
extern bool rows_order(const Memory *memory, const ForestData *data,
					   uint32_t *order, ForestStatus *status);

#endif							/* PROMO_FOREST_ROWS_H */
