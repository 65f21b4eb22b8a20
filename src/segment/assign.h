/*-------------------------------------------------------------------------
 *
 * assign.h
 *	  Which arm of an experiment a customer is in.
 *
 * Plain C.  A draw is a fraction from 0 up to 1, the same on every machine and
 * in every version for a salt and a customer's id: SipHash-2-4 of the id's
 * bytes under a key that is derived from the salt and from what is drawn.
 *
 *		salt, what is drawn --> key of 128 bits --> fraction of each customer
 *		fraction, shares of the arms in order --> arm
 *
 * So whether a customer takes part at all (exposure) and in which arm are
 * independent: a larger exposure adds customers and moves none.  Experiments
 * of different salts are independent as well.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_ASSIGN_H
#define PROMO_ASSIGN_H

#include <stddef.h>
#include <stdint.h>

/* What is drawn; the numbers are part of the key and never change. */
typedef enum AssignDraw
{
	ASSIGN_ARM = 1,
	ASSIGN_EXPOSURE = 2,
	ASSIGN_STRATUM = 3			/* where the arms of a stratum start */
} AssignDraw;

/* The first 53 bits of the hash, as a fraction in [0, 1). */
extern double assign_fraction(const void *salt, size_t salt_size, AssignDraw draw,
							  const void *key, size_t key_size);

/*
 * The arm, from 0, into whose part of [0, 1) the fraction falls, when arms
 * follow each other, each as long as its share of the sum of all shares.
 * Shares are positive and finite, and their sum is.
 */
extern int	assign_arm(double fraction, const double *shares, int count);

#endif							/* PROMO_ASSIGN_H */
