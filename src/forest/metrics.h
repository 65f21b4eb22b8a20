/*-------------------------------------------------------------------------
 *
 * metrics.h
 *	  How well predictions meet what happened.
 *
 * Plain C.  Three subjects, each with something that is filled row by row and
 * merged, and a report:
 *
 *	Regression		sums; merging in another order changes the last bits only
 *	Scores			the scores of the true and of the false rows, two arrays in
 *					one piece of memory; its report is exact in any order
 *	Confusion		how often which class was predicted for which, a hash table
 *					in one piece of memory
 *
 * Scores and Confusion hold no pointers, so that the piece of memory is a
 * value that can be stored and sent.  They may come from anywhere: whoever
 * takes one in asks scores_valid or confusion_valid, which are cheap, and what
 * lies deeper is checked where it is read.  A number that is not defined is
 * NaN in the reports.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_METRICS_H
#define PROMO_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"

typedef struct Regression
{
	int64_t		n;
	double		mean;			/* of the actual values, */
	double		spread;			/* and the sum of their squared distances */
	double		squared;		/* sum of squared errors */
	double		absolute;		/* sum of absolute errors */
} Regression;

typedef struct RegressionReport
{
	int64_t		n;
	double		mse;
	double		rmse;
	double		mae;
	double		r2;				/* NaN where all actual values are equal */
} RegressionReport;

extern void regression_add(Regression *sums, double actual, double predicted);

/* Chan, Golub, LeVeque (1979) for the mean and the spread */
extern void regression_merge(Regression *sums, const Regression *other);
extern void regression_report(const Regression *sums, RegressionReport *report);

typedef struct Scores
{
	uint32_t	trues;			/* stand at the front of the room, */
	uint32_t	falses;			/* at its back */
	uint32_t	room;			/* numbers that follow */
	uint32_t	unused;
	double		threshold;		/* a score from here on predicts true */
	double		score[];
} Scores;

typedef struct ClassificationReport
{
	int64_t		n;
	double		accuracy;
	double		precision;		/* NaN where nothing was predicted true */
	double		recall;			/* NaN where nothing is true */
	double		f1;
	double		roc_auc;		/* NaN with one class only */
	double		pr_auc;			/* NaN where nothing is true */
	double		log_loss;		/* NaN where a score is no probability, */
	double		brier;			/* too */
	int64_t		tp;
	int64_t		fp;
	int64_t		tn;
	int64_t		fn;
} ClassificationReport;

/* Bytes of Scores with that room */
static inline size_t
scores_size(uint32_t room)
{
	return offsetof(Scores, score) + sizeof(double) * (size_t) room;
}

extern void scores_start(Scores *scores, uint32_t room, double threshold);

/* True when the bytes at scores are Scores of that size. */
extern bool scores_valid(const Scores *scores, size_t size);

/* False, and nothing done, when there is no room. */
extern bool scores_add(Scores *scores, bool actual, double score);

/* Adds the rows of other, for which there must be room. */
extern void scores_merge(Scores *scores, const Scores *other);

/*
 * roc_auc is the chance that a true row has the higher score than a false
 * one, a tie counting half (Mann-Whitney).  pr_auc is average precision, the
 * sum over the distinct scores, from the highest down, of precision times the
 * step in recall, without interpolation.  log_loss takes scores nearer than
 * 2^-52 to 0 or 1 as that.  False when memory or leave to go on is missing.
 */
extern bool scores_report(const Scores *scores, const Memory *memory,
						  ClassificationReport *report);

typedef struct Confusion
{
	uint32_t	cells;			/* distinct pairs of classes */
	uint32_t	slots;			/* of the hash table, a power of two */
	uint32_t	used;			/* bytes of the cells, */
	uint32_t	room;			/* and of the space for them */
} Confusion;

/* A pair of classes as the report lists it; the names are not terminated. */
typedef struct ConfusionCell
{
	const char *actual;
	const char *predicted;
	uint32_t	actual_size;
	uint32_t	predicted_size;
	int64_t		count;
} ConfusionCell;

typedef struct ConfusionReport
{
	int64_t		n;
	double		accuracy;
	double		macro_f1;		/* mean over all classes seen on either side;
								 * a class never hit counts 0 */
	uint32_t	cells;
	ConfusionCell *cell;		/* sorted by both names, bytewise; points into
								 * the Confusion */
} ConfusionReport;

/* Bytes of a Confusion with those slots and that room */
static inline size_t
confusion_size(uint32_t slots, uint32_t room)
{
	return sizeof(Confusion) + sizeof(uint32_t) * (size_t) slots + room;
}

extern void confusion_start(Confusion *confusion, uint32_t slots, uint32_t room);
extern bool confusion_valid(const Confusion *confusion, size_t size);

/*
 * Counts a pair.  False, and nothing done, when it is new and there are too
 * few slots or too little room: copy into one of confusion_larger's measures.
 */
extern bool confusion_add(Confusion *confusion, const ConfusionCell *cell);

/*
 * The measures of a Confusion that has room for that cell too; false when no
 * Confusion has.
 */
extern bool confusion_larger(const Confusion *confusion, const ConfusionCell *cell,
							 uint32_t *slots, uint32_t *room);

/*
 * The next cell from *at, which begins at 0; false at the end.  Cells that
 * are not whole are an end.
 */
extern bool confusion_next(const Confusion *confusion, uint32_t *at,
						   ConfusionCell *cell);

/* False when memory is missing.  The cells are the caller's to release. */
extern bool confusion_report(const Confusion *confusion, const Memory *memory,
							 ConfusionReport *report);

#endif							/* PROMO_METRICS_H */
