/*-------------------------------------------------------------------------
 *
 * bins.h
 *	  A column's values as bytes: 0 is NULL, 1 .. n_bins are values.
 *
 * A number's byte is 1 plus the cuts below it, so a split that passes bytes up
 * to t passes numbers up to cuts[t - 1].  A category's byte is looked up by
 * its code.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_BINS_H
#define PROMO_FOREST_BINS_H

#include "forest/forest.h"

#define BINS_NULL 0

/* Rows that cuts are chosen from: all, or so many ranks at even distances. */
#define BINS_SAMPLE 262144

typedef struct BinTable
{
	ForestKind	kind;
	int32_t		n_bins;			/* 0 when there are only NULLs */
	double	   *cuts;			/* FOREST_NUMBER: n_bins - 1, ascending */
	uint8_t    *codes;			/* FOREST_CATEGORY: the byte of each category */
} BinTable;

/* Room for sorting a sample, shared by the columns of a training. */
typedef struct BinScratch
{
	uint64_t   *keys;			/* BINS_SAMPLE or n_rows, the lesser */
	uint64_t   *spare;
} BinScratch;

/*
 * bins_choose(memory, column, order, n_rows, most, scratch, table)
 *
 * Chooses at most `most` bins, by the first n_rows rows of the order.  Where a column has no more different values
 * than that, each gets its own bin, and cuts are the midpoints between them.
 * Else bins hold about equally many rows, and a value that would fill a bin
 * gets one of its own.  Of the categories the most frequent get their own
 * bins, the others share the last.
 *
 * False when memory is out.  The table's arrays are released by bins_release.
 */
extern bool bins_choose(const Memory *memory, const ForestColumn *column,
						const uint32_t *order, int64_t n_rows, int32_t most,
						const BinScratch *scratch, BinTable *table);
extern void bins_release(const Memory *memory, BinTable *table);

/*
 * bins_code(table, column, rank, n_rows, bytes, step)
 *
 * Codes a whole column: row r's byte goes to bytes[rank[r] * step].
 */
extern void bins_code(const BinTable *table, const ForestColumn *column,
					  const uint32_t *rank, int64_t n_rows,
					  uint8_t *bytes, size_t step);

/*
 * Numbers as keys that sort like them, and back.  -0 becomes 0.
 */
extern uint64_t bins_key(double number);
extern double bins_key_number(uint64_t key);

/* Sorts keys, through spare room for as many. */
extern void bins_sort(uint64_t *keys, uint64_t *spare, size_t n);

#endif							/* PROMO_FOREST_BINS_H */
