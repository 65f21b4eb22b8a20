/*-------------------------------------------------------------------------
 *
 * wire.c
 *	  Reading bytes that may lie about their length.
 *
 *-------------------------------------------------------------------------
 */
#include "core/wire.h"

#include <string.h>

void
wire_reader_start(WireReader *reader, const void *data, size_t size)
{
	reader->at = data;
	reader->end = reader->at + size;
	reader->failed = false;
}

bool
wire_reader_done(const WireReader *reader)
{
	return !reader->failed && reader->at == reader->end;
}

size_t
wire_left(const WireReader *reader)
{
	return reader->failed ? 0 : (size_t) (reader->end - reader->at);
}

const void *
wire_read_bytes(WireReader *reader, size_t size)
{
	const unsigned char *bytes = reader->at;

	if (reader->failed || size > (size_t) (reader->end - reader->at))
	{
		reader->failed = true;
		return NULL;
	}
	reader->at += size;
	return bytes;
}

/* The next bytes as a little-endian number. */
static uint64_t
read_number(WireReader *reader, int size)
{
	const unsigned char *bytes = wire_read_bytes(reader, size);
	uint64_t	value = 0;
	int			i;

	if (bytes == NULL)
		return 0;
	for (i = 0; i < size; i++)
		value |= (uint64_t) bytes[i] << (8 * i);
	return value;
}

uint8_t
wire_read_u8(WireReader *reader)
{
	return (uint8_t) read_number(reader, 1);
}

uint32_t
wire_read_u32(WireReader *reader)
{
	return (uint32_t) read_number(reader, 4);
}

uint64_t
wire_read_u64(WireReader *reader)
{
	return read_number(reader, 8);
}

double
wire_read_double(WireReader *reader)
{
	uint64_t	bits = read_number(reader, 8);
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

uint64_t
wire_read_varint(WireReader *reader)
{
	uint64_t	value = 0;
	int			shift;

	for (shift = 0; shift < 70; shift += 7)
	{
		uint8_t		byte = wire_read_u8(reader);

		if (reader->failed || (shift == 63 && byte > 1))
			break;
		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	reader->failed = true;
	return 0;
}

static unsigned char *
write_number(unsigned char *at, uint64_t value, int size)
{
	int			i;

	for (i = 0; i < size; i++)
		*at++ = (unsigned char) (value >> (8 * i));
	return at;
}

unsigned char *
wire_write_u32(unsigned char *at, uint32_t value)
{
	return write_number(at, value, 4);
}

unsigned char *
wire_write_u64(unsigned char *at, uint64_t value)
{
	return write_number(at, value, 8);
}

unsigned char *
wire_write_double(unsigned char *at, double value)
{
	uint64_t	bits;

	memcpy(&bits, &value, sizeof(bits));
	return write_number(at, bits, 8);
}

unsigned char *
wire_write_varint(unsigned char *at, uint64_t value)
{
	while (value >= 0x80)
	{
		*at++ = (unsigned char) (value | 0x80);
		value >>= 7;
	}
	*at++ = (unsigned char) value;
	return at;
}
