/*-------------------------------------------------------------------------
 *
 * driver.c
 *	  Runs a fuzz target without a fuzzer: valid examples, mangled.
 *
 * A target defines LLVMFuzzerTestOneInput, so that libFuzzer can drive it too,
 * and fuzz_example, which writes a valid value that depends on the number.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"

#define FUZZ_LARGEST 65536

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t fuzz_example(uint8_t *data, size_t capacity, uint64_t number);

/* A few changes of the kinds that break readers. */
static size_t
mangle(uint8_t *data, size_t size, Random *random)
{
	int			changes = (int) random_below(random, 4);
	size_t		at;

	while (changes-- > 0 && size > 0)
	{
		at = random_below(random, (uint32_t) size);
		switch (random_below(random, 6))
		{
			case 0:
				data[at] ^= (uint8_t) (1 << random_below(random, 8));
				break;
			case 1:
				data[at] = (uint8_t) random_bits(random);
				break;
			case 2:
				data[at] = 0xff;
				break;
			case 3:
				size = at;
				break;
			case 4:
				memset(data + at, 0xff, size - at < 8 ? size - at : 8);
				break;
			case 5:
				memmove(data + at, data + size / 2, size - (at > size / 2 ? at : size / 2));
				break;
		}
	}
	return size;
}

int
main(int argc, char **argv)
{
	static uint8_t data[FUZZ_LARGEST];
	long		rounds = argc > 1 ? atol(argv[1]) : 20000;
	Random		random;
	long		i;

	random_start(&random, 1, 0);
	for (i = 0; i < rounds; i++)
	{
		size_t		size = fuzz_example(data, sizeof(data), (uint64_t) i);
		uint8_t    *exact;

		size = mangle(data, size, &random);

		/* A block of just this size, so that a read past it is seen. */
		exact = malloc(size > 0 ? size : 1);
		if (exact == NULL)
			return 2;
		memcpy(exact, data, size);
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
	printf("%ld rounds\n", rounds);
	return 0;
}
