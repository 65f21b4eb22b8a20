/*-------------------------------------------------------------------------
 *
 * inspect.h
 *	  What a forest makes of a table: how its predictions move with one
 *	  feature, and how wrong they become without it.
 *
 * An Inspection gathers rows, binned as the forest takes them, and is then
 * asked.  It keeps a byte for each feature and grove of a row, so it must know
 * beforehand what it will be asked: for a feature, of which it keeps the
 * values too, or with targets.
 *
 * Plain C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_INSPECT_H
#define PROMO_FOREST_INSPECT_H

#include "forest/forest.h"

typedef struct Inspection Inspection;

/*
 * inspect_start(memory, forest, feature, has_targets)
 *
 * An empty one, for partial dependence on the feature, or -1, and for
 * permutation importance where it has targets.  NULL when memory is out.  The
 * forest must outlive it.
 */
extern Inspection *inspect_start(const Memory *memory, const Forest *forest,
								 int64_t feature, bool has_targets);

/* Bytes that it will hold at most while it takes one row more. */
extern uint64_t inspect_need(const Inspection *inspection);

/*
 * inspect_add(inspection, row, values, target)
 *
 * Takes a row in, as forest_bin_row made it of the values.  The target of a classification is the number of the class,
 * -1 where the forest does not know it.  False when memory is out.
 */
extern bool inspect_add(Inspection *inspection, const uint8_t *row,
						const ForestValue *values, double target);

extern int64_t inspect_rows(const Inspection *inspection);

/*
 * Partial dependence (Friedman, "Greedy function approximation", 2001,
 * section 8.2): the mean prediction when each row has that value of the
 * feature instead of its own.
 */
typedef struct InspectPoint
{
	ForestValue value;			/* NULL: both members are */
	double		prediction;
	int64_t		rows;			/* that have this value; for numbers, where there
								 * are more values than points, one above the
								 * point before and not above this one */
} InspectPoint;

/*
 * inspect_dependence(inspection, most, class, &points, &n)
 *
 * For a number the points are its values in the rows or, where there are more
 * than `most`, that many quantiles at even distances, from the least value to
 * the largest; for a category the names that the forest knows.  NULL comes
 * last where rows have it, or a name that the forest does not know, which it
 * takes for NULL.  There must be rows.
 *
 * Gives FOREST_OK, FOREST_NO_MEMORY or FOREST_STOPPED.  The points are
 * released by the caller.
 */
extern ForestStatus inspect_dependence(Inspection *inspection, uint32_t most,
									   uint32_t class, InspectPoint **points, size_t *n);

/*
 * inspect_permutation(inspection, repeats, seed, rises, deviations)
 *
 * Permutation importance (Breiman, "Random forests", 2001, section 10): for
 * each feature by how much the error rises when its values are dealt out anew
 * among the rows, as the mean over the repeats, and the standard deviation of
 * these.  The error is the mean squared error; for classes Brier's, the mean
 * of the squared distances of the shares from the class, halved when there are
 * two, as in ForestInfo.
 *
 * Rows are dealt by their rank in an order by content, and summed up in it, so
 * the answer is the same to the bit in whatever order they came.  There must
 * be rows.  *error is the error of the rows as they are.
 */
extern ForestStatus inspect_permutation(Inspection *inspection, int32_t repeats,
										uint64_t seed, double *error,
										double *rises, double *deviations);

extern void inspect_end(Inspection *inspection);

#endif							/* PROMO_FOREST_INSPECT_H */
