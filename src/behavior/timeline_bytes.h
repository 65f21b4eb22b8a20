/*-------------------------------------------------------------------------
 *
 * timeline_bytes.h
 *	  Numbers, times and texts as the bytes of timelines.
 *
 * Internal to timeline.c, which reads and gathers, and timeline_value.c,
 * which makes values.  timeline.h describes the bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_TIMELINE_BYTES_H
#define PROMO_TIMELINE_BYTES_H

#include <math.h>

#include "behavior/timeline.h"
#include "core/wire.h"

#define TIMELINE_UNITS 5

/* Version and flags before the events of a value, time and count after them. */
#define TIMELINE_VALUE_HEAD 2
#define TIMELINE_VALUE_FOOT 12

/* Zero bytes after the last event of a state. */
#define TIMELINE_STATE_SLACK 8

/* Most bytes of an event without extras, of a number in extras, of a varint. */
#define TIMELINE_LARGEST_CORE 17
#define TIMELINE_LARGEST_NUMBER 9
#define TIMELINE_LARGEST_VARINT 10

/* Events between two questions whether to go on. */
#define TIMELINE_GO_ON_EVERY 65536

/* Microseconds of a unit; bytes of a step or an amount by its three bits. */
static const int64_t timeline_unit_length[TIMELINE_UNITS] = {
	1, 1000, 1000000, INT64_C(60000000), INT64_C(3600000000)
};

static const uint8_t timeline_size_of_code[8] = {0, 1, 2, 3, 4, 5, 6, 8};

static inline void
timeline_store(unsigned char *place, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	memcpy(place, &value, sizeof(value));
}

static inline uint32_t
timeline_load_u32(const unsigned char *place)
{
	return (uint32_t) place[0] | (uint32_t) place[1] << 8 |
		(uint32_t) place[2] << 16 | (uint32_t) place[3] << 24;
}

/* How many bytes a number takes, zero for zero. */
static inline unsigned
timeline_bytes_of(uint64_t value)
{
	return value == 0 ? 0 : (unsigned) (71 - __builtin_clzll(value)) >> 3;
}

/*
 * Bits 3 to 6 of the control byte of a finite number, and what is stored.
 * Two-decimal numbers are cents, since a quotient rounds to the same double
 * as the decimal text does.  The negative zero becomes zero.
 */
static inline unsigned
timeline_number_code(double x, uint64_t *bits)
{
	double		scaled = x * 100.0;

	if (fabs(scaled) < 0x1p48 - 1)
	{
		int64_t		cents = (int64_t) (scaled + (scaled < 0 ? -0.5 : 0.5));

		if ((double) cents / 100.0 == x)
		{
			uint64_t	magnitude = (uint64_t) (cents < 0 ? -cents : cents);

			*bits = magnitude;
			return (magnitude < 256 ? 1 : timeline_bytes_of(magnitude)) << 3 |
				(cents < 0 ? 0x40 : 0);
		}
	}
	memcpy(bits, &x, sizeof(x));
	return 7 << 3;
}

/*
 * Writes time and amount.  Up to eight zero bytes may follow what counts.
 */
static inline unsigned char *
timeline_write_core(unsigned char *place, uint64_t step, unsigned control, uint64_t bits)
{
	unsigned	size = timeline_bytes_of(step);

	if (size > 6)
		size = 7;
	*place++ = (unsigned char) (control | size);
	timeline_store(place, step);
	place += timeline_size_of_code[size];
	timeline_store(place, bits);
	return place + timeline_size_of_code[(control >> 3) & 7];
}

/* The order of texts by their bytes: below, at or above zero. */
static inline int
timeline_compare_bytes(const void *a, size_t a_length, const void *b, size_t b_length)
{
	size_t		shared = a_length < b_length ? a_length : b_length;
	int			order = shared > 0 ? memcmp(a, b, shared) : 0;

	if (order != 0)
		return order < 0 ? -1 : 1;
	return (a_length > b_length) - (a_length < b_length);
}

/*
 * Writes the fields beyond time and amount, at most 1 + 3 numbers + 4 varints
 * and the texts; kind and category by number, where numbers are given, else
 * as texts.  Gives the place after them.
 */
extern unsigned char *timeline_write_extras(unsigned char *place, const TimelineEvent *event,
											bool numbered, uint32_t kind, uint32_t category);

#endif							/* PROMO_TIMELINE_BYTES_H */
