/*-------------------------------------------------------------------------
 *
 * linear.h
 *	  Linear models: logistic regression and support vector machines.
 *
 * The columns that weights are found for.  A number is brought to mean 0 and
 * standard deviation 1 over the training rows, by their row weights; its NULLs
 * are 0, the mean, and where the training had any there is a column that is 1
 * for them and 0 else.  Infinite numbers are the least or largest finite one
 * that the training had.  A category has a column that is 1 where it stands
 * and 0 else, and NULL is one of them where the training had any; beyond the
 * `bins` most frequent, categories share one.  A category's columns are not
 * brought to one scale, so that what few rows have is drawn to 0 by the
 * penalty and not blown up.
 *
 * The weights w and the intercept b of a margin w x + b are the minimum of
 *
 *		|w|^2 / 2 + c * sum of s * loss(target, margin),
 *
 * s being the weight of the row times that of its class:
 *
 *	logistic, two classes	log(1 + exp(-y margin)), y being -1 or 1
 *	logistic, more			-log of the class's share by the softmax of a margin
 *							for each class; the penalty on all of them
 *	SVM, two classes		max(0, 1 - y margin)^2
 *	SVM, more				the same for each class against all others
 *	SVM, numbers			max(0, |t - margin| - epsilon)^2, t being the target
 *							brought to mean 0 and standard deviation 1
 *
 * These are L2-regularized logistic regression, L2-loss support vector
 * classification and regression as in LIBLINEAR (Fan, Chang, Hsieh, Wang, Lin,
 * JMLR 9, 2008; Ho, Lin, JMLR 13, 2012), but for the intercept, which has no
 * penalty here.  All are smooth, convex, and strictly so in w: there is one
 * minimum, and newton.h goes there to the precision of doubles.
 *
 * The margin of an SVM is no probability.  Shares come from its margins times
 * a plus b, by the logistic function for two classes (Platt, "Probabilistic
 * outputs for support vector machines", 1999, with his targets that are a
 * little less than certain; Lin, Lin, Weng, Machine Learning 68, 2007), and by
 * the softmax for more, with an a and b for each class ("vector scaling" of
 * Guo, Pleiss, Sun, Weinberger, ICML 2017).  Both are found on margins of rows
 * that the weights were not found on: each class is cut into five parts, and
 * the margins of a part come from weights found on the others.  With less
 * than five rows in a class there are as many parts as rows, and with one the
 * margins are those of the training.  a and b are then multiplied into the
 * weights, so that a model's margin is always one that its link turns into
 * shares.
 *
 * What is kept of a weight.  From the weights of each feature their mean over
 * the training rows is taken and added to the base.  So the base is the mean
 * margin of the training, what a feature adds to it is its contribution, and
 * what the training did not have adds 0.
 *
 * A class that the training did not have has no weights, and the base
 * LINEAR_NEVER, which makes its share 0.
 *
 * Plain C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_LINEAR_H
#define PROMO_FOREST_LINEAR_H

#include "forest/bins.h"
#include "forest/model.h"

/* The base of a class that never was: exp() of it is 0. */
#define LINEAR_NEVER (-1000.0)

/* Standard deviations that a number is taken to be away from the mean at most */
#define LINEAR_FARTHEST 1e100

static inline bool
linear_is(ForestAlgorithm algorithm)
{
	return algorithm == FOREST_LINEAR_SVM || algorithm == FOREST_LOGISTIC;
}

/*
 * What a number is brought to one scale with.  A spread of 0: the training had
 * one value only, and all values count for it.
 */
typedef struct LinearScale
{
	double		low;			/* the finite extremes */
	double		high;
	double		center;
	double		spread;
} LinearScale;

/* A number in standard deviations from the mean; NaN stays NaN. */
extern double linear_standard(const LinearScale *scale, double number);

/*
 * The coefficients of a linear grove are, feature by feature, the LinearScale
 * of a number or the count of a category's slots, which are its bins and
 * before them NULL; then for each margin, feature by feature, for a number
 * the weight of its standard deviations, what it adds besides, and what NULL
 * adds, and for a category what each slot adds.  All that is added to a margin
 * is to be multiplied by the grove's scale.
 *
 * Its part of a binned row is a double for each feature: a number in standard
 * deviations, NaN for NULL, or a category's slot.
 */
#define LINEAR_SCALE 4
#define LINEAR_NUMBER 3

/*
 * What a training has found, as the parts of a model
 */
typedef struct LinearFit
{
	uint32_t	n_margins;
	double	   *bases;			/* of each margin */
	uint32_t	n_coefficients;
	double	   *coefficients;
	double	   *gains;			/* of each feature: the standard deviation of its
								 * contributions, over all margins */
	double		scale;			/* what coefficients add is to be multiplied by it:
								 * the standard deviation of a regression's target */
	BinTable   *tables;			/* of each feature; a number's has no bins */
	ModelFigures held;			/* of the rows that were not learned from */
} LinearFit;

/*
 * linear_fit(memory, data, options, order, n_learn, fit, problem)
 *
 * Finds the weights, from the first n_learn rows of the order, and judges them
 * by the others.  False where it cannot, with what there is left for
 * linear_release.
 */
extern bool linear_fit(const Memory *memory, const ForestData *data,
					   const ForestOptions *options, const uint32_t *order,
					   int64_t n_learn, LinearFit *fit, ForestProblem *problem);

extern void linear_release(const Memory *memory, const ForestData *data, LinearFit *fit);

/* Bytes that linear_fit holds at most at a time, its order counted too */
extern uint64_t linear_need(const ForestData *data, const ForestOptions *options);

/*
 * The model
 */

/* Whether a linear grove's coefficients are what they must be; its bins are. */
extern bool linear_check(const Forest *forest, const Grove *grove);

/* Fills in the grove's part of a row, which need not be aligned. */
extern void linear_bin_row(const Forest *forest, const Grove *grove,
						   const ForestValue *values, uint8_t *row);

/* Adds to the margins of a row what the features do. */
extern void linear_add(const Forest *forest, const Grove *grove,
					   const uint8_t *row, double *margins);

/* Adds what each feature adds to margin m, times the factor. */
extern void linear_explain(const Forest *forest, const Grove *grove,
						   const uint8_t *row, uint32_t m, double factor,
						   double *contributions);

/*
 * The coefficients in the terms of the features themselves.  A margin is the
 * intercept, plus each number times its coefficient, plus the coefficients of
 * the categories that stand in the row, and of NULLs.  Where there is none
 * for a NULL, a number's is its mean and a category's adds nothing.
 */
typedef struct LinearCoefficient
{
	int64_t		class;			/* whose margin, or -1 in a regression */
	int64_t		feature;		/* -1: the intercept */
	ForestText	category;		/* data NULL: none */
	bool		is_null;
	double		coefficient;
	double		standardized;	/* for a number, of its standard deviations; the
								 * base, at the means, for the intercept */
} LinearCoefficient;

typedef struct LinearReader
{
	const Forest *forest;
	Grove		grove;
	uint32_t	margin;
	int64_t		feature;
	uint32_t	step;
	uint32_t	front;			/* coefficients read of the scales, */
	uint32_t	at;				/* and of the margin's */
} LinearReader;

/* Reads a linear model: margin by margin, the intercept first. */
extern void linear_reader_start(LinearReader *reader, const Forest *forest);

/* The next coefficient, or false behind the last. */
extern bool linear_reader_next(LinearReader *reader, LinearCoefficient *coefficient);

/* How a linear model comes to its prediction */
extern ForestLink linear_link(int32_t n_classes);

#endif							/* PROMO_FOREST_LINEAR_H */
