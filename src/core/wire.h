/*-------------------------------------------------------------------------
 *
 * wire.h
 *	  Reading bytes that may lie about their length.
 *
 * A reader hands out nothing past its end: the first read that would sets
 * `failed`, and from then on every read gives zero.  Check once, at the end.
 * Numbers are little endian, or variable-length with seven bits a byte.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_WIRE_H
#define PROMO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct WireReader
{
	const unsigned char *at;
	const unsigned char *end;
	bool		failed;
} WireReader;

extern void wire_reader_start(WireReader *reader, const void *data, size_t size);

/* True when all was read and no read failed. */
extern bool wire_reader_done(const WireReader *reader);

extern size_t wire_left(const WireReader *reader);

/* The next bytes in place; NULL when there are not as many. */
extern const void *wire_read_bytes(WireReader *reader, size_t size);
extern uint8_t wire_read_u8(WireReader *reader);
extern uint32_t wire_read_u32(WireReader *reader);
extern uint64_t wire_read_u64(WireReader *reader);
extern double wire_read_double(WireReader *reader);

/* Seven bits a byte, least first; at most ten bytes, the last at most 1. */
extern uint64_t wire_read_varint(WireReader *reader);

/* Each gives the place after what it wrote; ten bytes hold any varint. */
extern unsigned char *wire_write_u32(unsigned char *at, uint32_t value);
extern unsigned char *wire_write_u64(unsigned char *at, uint64_t value);
extern unsigned char *wire_write_double(unsigned char *at, double value);
extern unsigned char *wire_write_varint(unsigned char *at, uint64_t value);

/* Signed numbers as varints: small magnitudes of both signs become small. */
static inline uint64_t
wire_zigzag(int64_t value)
{
	return ((uint64_t) value << 1) ^ (uint64_t) (value >> 63);
}

static inline int64_t
wire_unzigzag(uint64_t value)
{
	return (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
}

#endif							/* PROMO_WIRE_H */
