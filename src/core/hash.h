/*-------------------------------------------------------------------------
 *
 * hash.h
 *	  Hashes whose values never change, so that samples, draws and arms are
 *	  the same on every machine and in every version.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_HASH_H
#define PROMO_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * hash_mix(x)
 *
 * A bijection of 64 bits in which each bit of x touches all of the result:
 * the finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014; Stafford's
 * variant 13).
 */
static inline uint64_t
hash_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x;
}

/*
 * hash_keyed(data, size, key0, key1)
 *
 * SipHash-2-4 (Aumasson, Bernstein, 2012) of the bytes under a key of 128
 * bits; key0 holds the first eight bytes of the key, little endian.
 */
extern uint64_t hash_keyed(const void *data, size_t size,
						   uint64_t key0, uint64_t key1);

#endif							/* PROMO_HASH_H */
