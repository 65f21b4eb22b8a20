/*-------------------------------------------------------------------------
 *
 * bootstrap.h
 *	  The interval of a difference of means without assuming a shape: by
 *	  drawing the customers anew.
 *
 * Plain C.  In each replicate a customer counts a number of times that is
 * drawn from the Poisson distribution of mean 1 (Chamandy, Muralidharan,
 * Najmi, Naidu, 2012: bootstrapping in parts that are merged).  The draws come
 * from a hash of the customer and the seed, so that a customer's rows in all
 * metrics, plans and workers are drawn alike.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_BOOTSTRAP_H
#define PROMO_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "effect/lift.h"

#define BOOTSTRAP_LEAST 100
#define BOOTSTRAP_MOST 100000

/*
 * Sums by replicate: weights of control, of treated; weighted outcomes of
 * control, of treated; `replicates` of each.
 */
typedef struct Bootstrap
{
	uint64_t	seed;
	uint32_t	replicates;
	uint32_t	unused;
	Lift		lift;			/* of the rows as they are */
	double		sums[];
} Bootstrap;

/* Bytes of so many replicates */
extern size_t bootstrap_size(uint32_t replicates);

/* Starts sums of bootstrap_size(replicates) bytes. */
extern void bootstrap_start(Bootstrap *sums, uint32_t replicates, uint64_t seed);

/* Whether these bytes can be sums: a caller may have made them up. */
extern bool bootstrap_valid(const Bootstrap *sums, size_t size);

/* Takes a row in; hash is the customer's, of the seed too. */
extern void bootstrap_add(Bootstrap *sums, uint64_t hash, bool treated, double outcome);

/* Joins sums of the same seed and as many replicates. */
extern void bootstrap_merge(Bootstrap *sums, const Bootstrap *other);

/*
 * The report: difference and means of the rows, the standard deviation and the
 * percentiles (2.5 and 97.5, linear between replicates) of the replicates, and
 * twice the share of those on the rarer side of zero, (1 + k) / (1 + all), as
 * p.  False when memory is missing.
 */
extern bool bootstrap_report(const Bootstrap *sums, const Memory *memory, LiftReport *report);

#endif							/* PROMO_BOOTSTRAP_H */
