/*-------------------------------------------------------------------------
 *
 * subset.h
 *	  Some rows of a table as a table of their own.
 *
 * It has the categories and classes that its rows have, and so trains to the
 * same bits as these rows would if they had come alone.  Columns are gathered
 * when they are asked for, into one buffer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_SUBSET_H
#define PROMO_FOREST_SUBSET_H

#include "forest/forest.h"

typedef struct Subset
{
	ForestData	data;			/* the table */
	int32_t    *class_of;		/* of each of its classes, the number in the
								 * table it was taken from */

	/* Of subset.c alone */
	const ForestData *all;
	const uint32_t *rows;
	ForestColumn *features;
	int32_t   **codes;			/* of each category feature, by code in all */
	void	   *buffer;
	int32_t		at_hand;		/* feature in the buffer, or -1 */
	ForestColumn column;
} Subset;

/*
 * subset_start(memory, all, rows, n, keep_classes, subset)
 *
 * Takes n rows of `all`; all, rows and subset stay where they are as long as
 * the subset is in use.  keep_classes keeps classes that no row has, as
 * training on a boolean does.  False: no memory, or told to stop.
 */
extern bool subset_start(const Memory *memory, const ForestData *all, const uint32_t *rows,
						 int64_t n, bool keep_classes, Subset *subset);

/* Bytes that it holds at most */
extern uint64_t subset_need(const ForestData *all, int64_t n);

extern void subset_end(const Memory *memory, Subset *subset);

#endif							/* PROMO_FOREST_SUBSET_H */
