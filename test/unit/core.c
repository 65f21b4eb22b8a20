/*-------------------------------------------------------------------------
 *
 * core.c
 *	  Hashes, random numbers and bounded reading, against published values.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "check.h"
#include "core/hash.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/wire.h"

/* Vectors of the SipHash paper: key 00..0f, message 00, 01, ... */
static void
test_siphash(void)
{
	unsigned char message[15];
	int			i;

	for (i = 0; i < 15; i++)
		message[i] = (unsigned char) i;
	CHECK(hash_keyed(message, 15, UINT64_C(0x0706050403020100),
					 UINT64_C(0x0f0e0d0c0b0a0908)) == UINT64_C(0xa129ca6149be45e5));
	CHECK(hash_keyed(message, 0, UINT64_C(0x0706050403020100),
					 UINT64_C(0x0f0e0d0c0b0a0908)) == UINT64_C(0x726fdb47dd0e0e31));
}

/* splitmix64 from state 1234567 gives these first numbers (Vigna's code). */
static void
test_random(void)
{
	Random		random = {1234567};
	int			counts[7] = {0};
	int			i;
	bool		inside = true;
	double		sum = 0;

	CHECK(random_bits(&random) == UINT64_C(6457827717110365317));
	CHECK(random_bits(&random) == UINT64_C(3203168211198807973));

	random_start(&random, 1, 2);
	for (i = 0; i < 70000; i++)
	{
		double		unit = random_unit(&random);

		inside = inside && unit >= 0 && unit < 1;
		sum += unit;
		counts[random_below(&random, 7)]++;
	}
	CHECK(inside);
	CHECK(fabs(sum / 70000 - 0.5) < 0.01);
	for (i = 0; i < 7; i++)
		CHECK(counts[i] > 9500 && counts[i] < 10500);
}

static void
test_wire(void)
{
	static const uint64_t values[] = {0, 1, 127, 128, 300, UINT64_C(1) << 35,
		UINT64_MAX - 1, UINT64_MAX};
	static const int64_t numbers[] = {0, -1, 1, INT64_MIN, INT64_MAX};
	unsigned char buffer[128];
	unsigned char *end;
	WireReader	reader;
	size_t		i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		end = wire_write_varint(buffer, values[i]);
		wire_reader_start(&reader, buffer, end - buffer);
		CHECK(wire_read_varint(&reader) == values[i]);
		CHECK(wire_reader_done(&reader));

		/* One byte short is a failure, and so is all that follows. */
		wire_reader_start(&reader, buffer, end - buffer - 1);
		CHECK(wire_read_varint(&reader) == 0);
		CHECK(reader.failed && wire_left(&reader) == 0);
		CHECK(wire_read_bytes(&reader, 0) == NULL);
	}
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		CHECK(wire_unzigzag(wire_zigzag(numbers[i])) == numbers[i]);

	/* Eleven bytes, or a tenth that does not fit, is no number. */
	memset(buffer, 0x80, sizeof(buffer));
	wire_reader_start(&reader, buffer, sizeof(buffer));
	(void) wire_read_varint(&reader);
	CHECK(reader.failed);
	memset(buffer, 0xff, 9);
	buffer[9] = 2;
	wire_reader_start(&reader, buffer, 10);
	(void) wire_read_varint(&reader);
	CHECK(reader.failed);

	end = wire_write_double(wire_write_u64(wire_write_u32(buffer, 7), 8), -0.1);
	wire_reader_start(&reader, buffer, end - buffer);
	CHECK(wire_read_u32(&reader) == 7);
	CHECK(wire_read_u64(&reader) == 8);
	CHECK(wire_read_double(&reader) == -0.1);
	CHECK(wire_read_u8(&reader) == 0 && reader.failed);
}

static void
test_memory(void)
{
	int		   *few = memory_zero_array(&memory_plain, 2, sizeof(int));

	CHECK(memory_array(&memory_plain, SIZE_MAX / 2, 3) == NULL);
	CHECK(few != NULL && few[0] == 0 && few[1] == 0);
	few[1] = 5;
	few = memory_grow(&memory_plain, few, 2, 100, sizeof(int));
	CHECK(few != NULL && few[1] == 5);
	memory_release(&memory_plain, few);
	memory_release(&memory_plain, NULL);
}

int
main(void)
{
	test_siphash();
	test_random();
	test_wire();
	test_memory();
	return check_report();
}
