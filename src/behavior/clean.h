/*-------------------------------------------------------------------------
 *
 * clean.h
 *	  What the cleaning functions compute.
 *
 * A column is looked at as an array of doubles without NaN.  values_sort puts
 * it in order; quantiles, bounds, mean and mode read the sorted array, so that
 * none of them depends on the order in which the rows came.  Texts are looked
 * at one by one: blanks at the ends, placeholders, numbers kept as text.  A
 * sample is decided by the hash of a row's key alone.
 *
 * pg_clean.c makes SQL functions of these, pg_profile.c the profile of a
 * query.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_CLEAN_H
#define PROMO_CLEAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"

/* The ways to tell an outlier; the order is part of the aggregate's state. */
typedef enum OutlierMethod
{
	OUTLIER_TUKEY,				/* 1.5 interquartile ranges off the quartiles */
	OUTLIER_MAD,				/* 3.5 scaled deviations off the median */
	OUTLIER_PERCENTILE,			/* the 1st and the 99th percentile */
	OUTLIER_LOG_TUKEY,			/* the first two on the logarithms, */
	OUTLIER_LOG_MAD				/* of the positive values only */
} OutlierMethod;

#define OUTLIER_METHODS 5

/* The names of the methods, in the order of the enum. */
extern const char *const outlier_names[OUTLIER_METHODS];

/* The value nearest to x inside [low, high]; NaN stays NaN. */
extern double range_clip(double x, double low, double high);

/* Puts values without NaN in ascending order; false when told to stop. */
extern bool values_sort(const Memory *memory, double *values, size_t count);

/*
 * The value at the share 0..1 of count > 0 sorted values, with linear
 * interpolation between neighbors: PostgreSQL's percentile_cont, R's type 7.
 */
extern double values_quantile(const double *sorted, size_t count, double share);

/* (1 - weight) low + weight high, exactly low or high at the ends. */
extern double interpolate(double low, double high, double weight);

/* The mean of count > 0 values, summed in the order they stand in. */
extern double values_mean(const double *sorted, size_t count);

/* The most frequent of count > 0 sorted values, of several the smallest. */
extern double values_mode(const double *sorted, size_t count);

/*
 * Bounds beyond which a value is an outlier, from sorted finite values.
 * False when there is no value to judge by.  Reorders nothing but may
 * overwrite the values, whose place it uses for the deviations; sets stopped
 * and gives false when told to stop.
 *
 * Tukey, Exploratory Data Analysis, 1977; for the median absolute deviation
 * Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993: 1.4826 makes
 * it the standard deviation of a normal sample.  Where more than half of the
 * values are equal it is 0, and both bounds are that value.
 */
extern bool outlier_bounds(const Memory *memory, OutlierMethod method,
						   double *sorted, size_t count,
						   double *low, double *high, bool *stopped);

/*
 * What is said of a column of numbers that come in ascending order, equal ones
 * together, when their count is known before: mean and standard deviation
 * (Welford, Technometrics 4, 1962, for count equal values at once; n - 1) and
 * the quartiles.
 */
typedef struct Summary
{
	double		total;			/* values that will come */
	double		count;			/* values that came */
	double		mean;
	double		squares;		/* sum of squared distances from the mean */
	double		quartile[3];
	double		below[3];		/* the value just below each quartile's place */
} Summary;

extern void summary_start(Summary *summary, int64_t total);
extern void summary_add(Summary *summary, double x, int64_t count);
extern double summary_sd(const Summary *summary);	/* of at least 2 values */

/*
 * A place in [0, 1) that belongs to the key and seed: a sample of share s is
 * all keys below s, so that a smaller sample lies inside a larger one.
 */
extern double sample_place(const void *key, size_t size, uint64_t seed);

/* The part of a text without white space at its ends. */
extern const char *text_trim(const char *text, size_t *size);

/* Stands for nothing, like `n/a` or `unknown`; the text is trimmed. */
extern bool text_is_placeholder(const char *trimmed, size_t size);

/* Reads as a decimal number; the text is trimmed. */
extern bool text_is_number(const char *trimmed, size_t size);

#endif							/* PROMO_CLEAN_H */
