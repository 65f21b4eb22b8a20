/*-------------------------------------------------------------------------
 *
 * random.h
 *	  Random numbers that are the same on every machine and version.
 *
 * A generator belongs to a (seed, stream) pair, so that tree 17 draws the
 * same numbers whoever grows it and whenever.  splitmix64 (Steele, Lea,
 * Flood, OOPSLA 2014): a counter through hash_mix.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RANDOM_H
#define PROMO_RANDOM_H

#include "core/hash.h"

typedef struct Random
{
	uint64_t	counter;
} Random;

static inline void
random_start(Random *random, uint64_t seed, uint64_t stream)
{
	random->counter = hash_mix(hash_mix(seed) + hash_mix(~stream));
}

/* 64 random bits */
static inline uint64_t
random_bits(Random *random)
{
	random->counter += UINT64_C(0x9e3779b97f4a7c15);
	return hash_mix(random->counter);
}

/* A number in [0, 1), a multiple of 2^-53 */
static inline double
random_unit(Random *random)
{
	return (double) (random_bits(random) >> 11) * 0x1.0p-53;
}

/*
 * A whole number in [0, bound), bound > 0.  Multiplies 32 random bits by the
 * bound and rejects what would be uneven (Lemire, ACM TOMACS 29, 2019).
 */
static inline uint32_t
random_below(Random *random, uint32_t bound)
{
	uint64_t	product = (random_bits(random) >> 32) * bound;

	if ((uint32_t) product < bound)
	{
		uint32_t	least = -bound % bound;

		while ((uint32_t) product < least)
			product = (random_bits(random) >> 32) * bound;
	}
	return (uint32_t) (product >> 32);
}

/*
 * Marks `wanted` of n things, all choices of so many equally likely: each is
 * one of those still wanted among those still left (Knuth, The Art of Computer
 * Programming 2, 3.4.2, algorithm S).  The marks are 0 before; more than n
 * cannot be marked.  Gives how many are.
 */
static inline uint32_t
random_draw(Random *random, uint32_t n, uint32_t wanted, uint8_t *marks)
{
	uint32_t	left = wanted < n ? wanted : n;
	uint32_t	i;

	wanted = left;
	for (i = 0; i < n; i++)
	{
		marks[i] = left == n - i || random_below(random, n - i) < left;
		left -= marks[i];
	}
	return wanted;
}

#endif							/* PROMO_RANDOM_H */
