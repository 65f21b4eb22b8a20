/*-------------------------------------------------------------------------
 *
 * design.h
 *	  The columns that a linear model weighs, and products with them.
 *
 * Rows lie in the order that rows.c gives, so that sums over them do not
 * depend on how they came, in blocks of DESIGN_BLOCK; behind the last row the
 * last block is filled with rows that must be given the weight 0.
 *
 * A number is a column of doubles.  What is 1 in one of several columns and 0
 * in the others is one byte, the slot: the bins of a category, or whether a
 * number is NULL.
 *
 * Plain C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_DESIGN_H
#define PROMO_FOREST_DESIGN_H

#include "forest/linear.h"

#define DESIGN_BLOCK 256

typedef struct DesignGroup
{
	uint8_t    *slots;			/* of each row */
	uint32_t	begin;			/* column of slot 0 */
	uint32_t	n_slots;
	bool		is_flag;		/* of a number: slot 0, not NULL, has no weight */
	double	   *shares;			/* of the learned rows, by weight, in each slot */
} DesignGroup;

typedef struct Design
{
	int64_t		n_rows;
	int64_t		n_learn;
	int64_t		n_blocks;
	int32_t		n_features;
	uint32_t	n_numbers;		/* columns of numbers, which come first */
	uint32_t	n_groups;
	uint32_t	n_columns;		/* of the groups too, and of the intercept, the last */
	double	  **numbers;
	DesignGroup *groups;
	int64_t    *number_of;		/* each feature's column, or -1 */
	int64_t    *group_of;		/* each feature's group, or -1 */
	LinearScale *scales;		/* of each feature that is a number */
	BinTable   *tables;			/* of each feature; the owner's to release */
} Design;

/*
 * design_make(memory, data, order, n_learn, bins, tables, design, status)
 *
 * Lays the columns out; scales and bins come from the first n_learn rows of
 * the order.  tables has room for each feature, all zero.  False: see status,
 * and design_release is still to be called.
 */
extern bool design_make(const Memory *memory, const ForestData *data,
						const uint32_t *order, int64_t n_learn, int32_t bins,
						BinTable *tables, Design *design, ForestStatus *status);

extern void design_release(const Memory *memory, Design *design);

/* The margins of a block's rows: one for each of DESIGN_BLOCK */
extern void design_margins(const Design *design, int64_t block,
						   const double *weights, double *margins);

/* Adds each column's product with the block's factors to sums. */
extern void design_add(const Design *design, int64_t block,
					   const double *factors, double *sums);

/*
 * Adds the products of all pairs of columns with the block's factors to a
 * matrix, of which the lower triangle counts.
 */
extern void design_add_pairs(const Design *design, int64_t block,
							 const double *factors, double *matrix);

#endif							/* PROMO_FOREST_DESIGN_H */
