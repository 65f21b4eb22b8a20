/*-------------------------------------------------------------------------
 *
 * lifetime.c
 *	  The readers of fits, as bytes and as text, and of the aggregates' state.
 *
 * The first byte says which reader gets the rest.  What a reader takes must
 * come out again as it was.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "behavior/lifetime.h"
#include "core/random.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t fuzz_example(uint8_t *data, size_t capacity, uint64_t number);

enum
{
	BYTES, TEXT, STATE, KINDS
};

static void
check_fit(const LifetimeFit *fit)
{
	unsigned char bytes[LIFETIME_BYTES];
	unsigned char again[LIFETIME_BYTES];
	char		text[LIFETIME_TEXT];
	LifetimeFit back;
	LifetimeFaults faults = {0};
	size_t		size = lifetime_write_bytes(fit, bytes);

	if (!lifetime_read_bytes(fit->model, bytes, size, &back, &faults) ||
		lifetime_write_bytes(&back, again) != size || memcmp(bytes, again, size) != 0)
		abort();
	lifetime_write_text(fit, text);
	if (!lifetime_read_text(fit->model, text, &back, &faults) ||
		lifetime_write_bytes(&back, again) != size || memcmp(bytes, again, size) != 0)
		abort();
	if (fit->model == LIFETIME_BGNBD && lifetime_purchases(fit, 10, 3, 5, 7) < 0)
		abort();
}

static void
check_state(const uint8_t *data, size_t size)
{
	LifetimeFaults faults = {0};
	LifetimeCustomers *customers;
	LifetimeModel model;
	size_t		used;
	size_t		left;
	uint64_t	before = 0;
	uint64_t	after = 0;
	size_t		i;

	if (!lifetime_read_state(&memory_plain, data, size, &model, &customers, &used, &faults))
	{
		if (faults.used == 0 || customers != NULL)
			abort();
		return;
	}
	for (i = 0; i < used; i++)
		before += customers[i].count;
	left = used;
	if (!lifetime_compact(&memory_plain, customers, 0, &left) || left > used)
		abort();
	for (i = 0; i < left; i++)
		after += customers[i].count;
	if (before != after)
		abort();
	free(customers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LifetimeFit fit;
	LifetimeFaults faults = {0};
	LifetimeModel model;
	char	   *text;

	if (size == 0)
		return 0;
	model = data[0] & 0x80 ? LIFETIME_GAMMA_GAMMA : LIFETIME_BGNBD;
	switch ((data[0] & 0x7f) % KINDS)
	{
		case BYTES:
			if (lifetime_read_bytes(model, data + 1, size - 1, &fit, &faults))
				check_fit(&fit);
			else if (faults.used == 0)
				abort();
			break;
		case TEXT:
			text = malloc(size);
			if (text == NULL)
				abort();
			memcpy(text, data + 1, size - 1);
			text[size - 1] = '\0';
			if (lifetime_read_text(model, text, &fit, &faults))
				check_fit(&fit);
			else if (faults.used == 0)
				abort();
			free(text);
			break;
		case STATE:
			check_state(data + 1, size - 1);
			break;
	}
	return 0;
}

size_t
fuzz_example(uint8_t *data, size_t capacity, uint64_t number)
{
	Random		random;
	LifetimeFit fit;
	LifetimeCustomers customers[20];
	size_t		used;
	size_t		i;

	(void) capacity;
	random_start(&random, number, 0);
	fit.model = random_below(&random, 2) ? LIFETIME_GAMMA_GAMMA : LIFETIME_BGNBD;
	for (i = 0; i < LIFETIME_PARAMETERS; i++)
	{
		fit.value[i] = exp(4 * random_unit(&random) - 2);
		fit.standard_error[i] = random_below(&random, 4) ? fit.value[i] * random_unit(&random) : NAN;
	}
	fit.log_likelihood = -1e4 * random_unit(&random);
	fit.customers = random_below(&random, 1000) + 1;
	fit.iterations = (int32_t) random_below(&random, 50) - 1;
	fit.gradient = 1e-9 * random_unit(&random);
	data[0] = (uint8_t) (number % KINDS | (fit.model == LIFETIME_GAMMA_GAMMA ? 0x80 : 0));
	switch (number % KINDS)
	{
		case BYTES:
			return 1 + lifetime_write_bytes(&fit, data + 1);
		case TEXT:
			lifetime_write_text(&fit, (char *) data + 1);
			return 1 + strlen((char *) data + 1);
		default:
			used = random_below(&random, 20);
			for (i = 0; i < used; i++)
			{
				customers[i].frequency = 1 + random_below(&random, 5);
				customers[i].count = 1 + random_below(&random, 300);
				customers[i].value = 1 + random_below(&random, 50);
				customers[i].t = fit.model == LIFETIME_BGNBD ? 60 : 0;
			}
			return (size_t) (lifetime_write_state(fit.model, customers, used, data + 1) - data);
	}
}
