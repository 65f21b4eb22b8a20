/*-------------------------------------------------------------------------
 *
 * price.c
 *	  Carts and promotions drawn from any bytes, some of them with numbers
 *	  that no definition would have.
 *
 * Whatever is priced keeps every identity: no line below its floor, no cent
 * lost between units, lines, promotions and the order.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/random.h"
#include "shop.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t fuzz_example(uint8_t *data, size_t capacity, uint64_t number);

typedef struct Bytes
{
	const uint8_t *at;
	size_t		left;
} Bytes;

static uint64_t
next_bytes(Bytes *bytes, int count)
{
	uint64_t	value = 0;

	for (; count > 0 && bytes->left > 0; count--, bytes->left--)
		value = value << 8 | *bytes->at++;
	return value;
}

/* A byte or several, as the bound needs; 0 when none are left */
static uint32_t
byte_draws(void *arg, uint32_t bound)
{
	return (uint32_t) (next_bytes(arg, bound <= 256 ? 1 : bound <= 65536 ? 2 : 4) % bound);
}

static int64_t
any_number(Bytes *bytes)
{
	static const int64_t odd[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX / 2, 1000, INT64_C(1) << 53};

	if (next_bytes(bytes, 1) % 2 == 0)
		return odd[next_bytes(bytes, 1) % 8];
	return (int64_t) next_bytes(bytes, 8);
}

/* Writes any numbers over some of what was drawn. */
static void
spoil(Bytes *bytes, Shop *shop)
{
	ShopPromotion *made = &shop->made[next_bytes(bytes, 1) % (uint64_t) shop->count];
	Action	   *action = &made->actions[0];
	CartLine   *line = &shop->lines[next_bytes(bytes, 1) % (uint64_t) shop->cart.line_count];
	Decimal		number = decimal_of(any_number(bytes), (int) (next_bytes(bytes, 1) % 31));

	switch (next_bytes(bytes, 1) % 16)
	{
		case 0:
			line->quantity = any_number(bytes);
			break;
		case 1:
			line->unit_price = number;
			break;
		case 2:
			line->min_unit_price = number;
			break;
		case 3:
			line->tax_percent = number;
			break;
		case 4:
			shop->cart.shipping.amount = any_number(bytes);
			break;
		case 5:
			shop->cart.exponent = (int) (next_bytes(bytes, 1) % 8) - 1;
			break;
		case 6:
			action->value = number;
			break;
		case 7:
			action->every = number;
			break;
		case 8:
			action->quantity = any_number(bytes);
			break;
		case 9:
			action->get_quantity = any_number(bytes);
			break;
		case 10:
			action->max_times = any_number(bytes);
			break;
		case 11:
			action->max_units = any_number(bytes);
			break;
		case 12:
			made->conditions[0].number = number;
			break;
		case 13:
			made->conditions[next_bytes(bytes, 1) % SHOP_CONDITIONS].size = (int) next_bytes(bytes, 1) - 2;
			break;
		case 14:
			shop->cart.now = any_number(bytes);
			break;
		case 15:
			made->limits[0].most = any_number(bytes);
			made->limits[0].used = any_number(bytes);
			break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Shop shop;
	Bytes		bytes = {data, size};
	Draw		from = {byte_draws, &bytes};
	PriceOutcome outcome;
	int			spoilt = (int) next_bytes(&bytes, 1) % 4;

	shop_draw(&from, &shop, SHOP_WILD, SHOP_PROMOTIONS);
	shop.policy.nodes = shop.policy.nodes < 200 ? shop.policy.nodes : 200;
	while (spoilt-- > 0)
		spoil(&bytes, &shop);
	if (price_cart(&memory_plain, &shop.cart, shop.candidates, shop.count, &shop.policy, &outcome) == PRICE_DONE)
	{
		const char *fault = shop_fault(&shop, &outcome);

		if (fault != NULL)
		{
			printf("%s\n", fault);
			abort();
		}
	}
	price_release(&memory_plain, &outcome);
	return 0;
}

size_t
fuzz_example(uint8_t *data, size_t capacity, uint64_t number)
{
	size_t		size = capacity < 600 ? capacity : 600;
	Random		random;
	size_t		i;

	random_start(&random, 11, number);
	for (i = 0; i < size; i++)
		data[i] = (uint8_t) random_bits(&random);
	return size;
}
