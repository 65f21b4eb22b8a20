/*-------------------------------------------------------------------------
 *
 * recommend.c
 *	  Bytes that may be pieces of a recommender: what opens must be safe to
 *	  use in every way.
 *
 * The first byte says which kind the others are to be opened as.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "recommend/neighbors.h"
#include "recommend/pack.h"

#define ITEMS 40
#define CUSTOMERS 100

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t fuzz_example(uint8_t *data, size_t capacity, uint64_t number);

static void
use_catalog(const Catalog *catalog)
{
	uint32_t	found = 0;
	uint32_t	piece;
	uint32_t	i;
	volatile size_t sum = 0;

	for (i = 0; i < catalog->n_items; i++)
	{
		NameText		name = catalog_name(catalog, i);
		uint32_t	k;

		for (k = 0; k < name.size; k++)
			sum += (unsigned char) name.data[k];
		found += catalog_find(catalog, name.data, name.size) == i;
		sum += catalog->support[i] + (catalog->recent == NULL ? 0 : catalog->recent[i]);
		if (catalog->category != NULL && catalog->category[i] < catalog->n_categories)
			sum += catalog_category(catalog, catalog->category[i]).size;
	}
	for (i = 0; catalog->place != NULL && i < catalog->n_customers; i++)
	{
		if (catalog->place[i] >= catalog->n_customers)
			abort();
		sum += catalog->norm[i] > 1;
	}
	for (i = 0; i < 300; i++)
		if (catalog_find_piece(catalog, i, &piece))
			sum += (size_t) catalog->first_customer[piece];
	sum += found;
}

static void
use_lists(const PackedLists *lists, PackKind kind, const Catalog *catalog)
{
	volatile double sum = 0;
	uint32_t	at = 0;
	uint32_t	i;

	for (i = 0; i < lists->count; i++)
		for (; at < lists->end[i]; at++)
		{
			if (lists->score != NULL)
				sum += lists->score[at];
			else if (kind != PACK_ITEM_CUSTOMERS)
				abort();
			if (kind != PACK_ITEM_CUSTOMERS)
				sum += catalog->support[lists->item[at]];
			else if (lists->item[at] >= catalog->n_customers)
				abort();
		}
}

static void
use_histories(const PackedHistories *histories, size_t size)
{
	History		history;
	uint8_t    *copy = malloc(size);
	uint32_t	place;
	uint32_t	i;

	memset(&history, 0, sizeof(history));
	history.item = calloc(histories->most + 1, sizeof(uint32_t));
	history.amount = calloc(histories->most + 1, sizeof(float));
	history.value = calloc(histories->most + 1, sizeof(float));
	history.last_at = calloc(histories->most + 1, sizeof(int64_t));
	for (place = 0; place < histories->count; place++)
	{
		PackedHistories without;
		uint32_t	again;
		size_t		left;

		histories_read(histories, place, &history);
		if (history.count > histories->most)
			abort();
		for (i = 0; i < history.count; i++)
			if (history.item[i] >= ITEMS || (i > 0 && history.item[i] <= history.item[i - 1]))
				abort();
		left = histories_forget(histories, place, copy);
		if (left > size || !histories_open(&without, ITEMS, copy, left))
			abort();
		histories_read(&without, place, &history);
		if (history.count != 0 || histories_id(&without, place) != 0)
			abort();
		(void) histories_find(histories, histories_id(histories, place), &again);
	}
	free(history.item);
	free(history.amount);
	free(history.value);
	free(history.last_at);
	free(copy);
}

/* A small matrix of chance, and what is made of it */
typedef struct Example
{
	Names		customers;
	Names		items;
	Interactions rows;
	Matrix		matrix;
	NeighborLists lists;
	RecommendModel model;
	int64_t		ids[CUSTOMERS];
	uint32_t	order[CUSTOMERS];
} Example;

static void
make_example(Example *example, uint64_t number)
{
	MatrixOptions options = {number % 3 == 0 ? 50 : 0, NULL, NULL, true};
	RecommendOptions build;
	Random		random;
	char		text[16];
	uint32_t	i;

	random_start(&random, number, 1);
	if (!names_start(&example->customers, &memory_plain) ||
		!names_start(&example->items, &memory_plain) ||
		!interactions_start(&example->rows, &memory_plain, &example->customers,
							&example->items, number % 2 == 0, number % 3 == 0))
		abort();
	for (i = 0; i < CUSTOMERS; i++)
	{
		memset(text, (int) ('a' + i % 26), 4);
		text[4] = (char) ('0' + i / 26);
		(void) names_number(&example->customers, text, 5);
		example->ids[i] = 2 * (int64_t) i + 1;
		example->order[i] = (i * 37) % CUSTOMERS;
	}
	for (i = 0; i < ITEMS; i++)
	{
		memset(text, (int) ('a' + i % 26), 1 + i / 26);
		(void) names_number(&example->items, text, 1 + i / 26);
		if (number % 5 == 0)
			(void) interactions_categorize(&example->rows, i, text, 1);
	}
	for (i = 0; i < 700; i++)
		if (!interactions_add(&example->rows, random_below(&random, CUSTOMERS),
							  random_below(&random, ITEMS),
							  random_below(&random, 2) ? 2 : random_unit(&random) + 0.01,
							  (int64_t) random_below(&random, 1000000) - 500000))
			abort();
	recommend_defaults(&build, RECOMMEND_USER_COSINE);
	build.neighbors = 9;
	example->model.options = build;
	if (number % 4 == 1)
		example->model.options.method = RECOMMEND_USER_KNN;
	example->model.matrix = &example->matrix;
	if (!matrix_build(&memory_plain, &example->rows, &options, &example->matrix) ||
		!neighbors_build(&memory_plain, &example->matrix, &build, ITEMS, &example->lists))
		abort();
}

/* One of some that are made when they are first wanted, and kept */
#define EXAMPLES 30

static const Example *
example_of(uint64_t number)
{
	static Example examples[EXAMPLES];
	static bool is_made[EXAMPLES];
	uint64_t	which = number % EXAMPLES;

	if (!is_made[which])
		make_example(&examples[which], which);
	is_made[which] = true;
	return &examples[which];
}

/* The catalog that lists are held against, made once */
static const Catalog *
fixed_catalog(void)
{
	static Catalog catalog;
	static char *bytes = NULL;
	const Example *example = example_of(5);
	size_t		size;

	if (bytes == NULL &&
		(!catalog_pack(&memory_plain, &example->model, 0, example->order, example->ids,
					   &bytes, &size) ||
		 !catalog_open(&catalog, bytes, size)))
		abort();
	return &catalog;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Catalog		catalog;
	PackedLists lists;
	PackedHistories histories;
	int			kind;
	uint8_t    *bytes;

	if (size < 1)
		return 0;
	kind = data[0] % PACK_KINDS;
	size--;

	/* As the server would have them: aligned, and not a byte more */
	bytes = malloc(size > 0 ? size : 1);
	memcpy(bytes, data + 1, size);
	if (kind == PACK_CATALOG)
	{
		if (catalog_open(&catalog, bytes, size))
			use_catalog(&catalog);
	}
	else if (kind == PACK_HISTORY || kind == PACK_EVENT_HISTORY)
	{
		if (histories_open(&histories, ITEMS, bytes, size))
			use_histories(&histories, size);
	}
	else if (lists_open(&lists, (PackKind) kind, 1, fixed_catalog(), bytes, size))
		use_lists(&lists, (PackKind) kind, fixed_catalog());
	free(bytes);
	return 0;
}

size_t
fuzz_example(uint8_t *data, size_t capacity, uint64_t number)
{
	const Example *example = example_of(number / PACK_KINDS);
	char	   *bytes = NULL;
	size_t		size = 0;
	int			kind = (int) (number % PACK_KINDS);

	data[0] = (uint8_t) kind;
	switch (kind)
	{
		case PACK_CATALOG:
			if (!catalog_pack(&memory_plain, &example->model, 0, example->order, example->ids,
							  &bytes, &size))
				abort();
			break;
		case PACK_HISTORY:
		case PACK_EVENT_HISTORY:
			bytes = malloc(histories_most(&example->matrix, example->order, 1));
			size = histories_pack(&example->matrix, example->order, example->ids, 1, bytes);
			if (size > histories_most(&example->matrix, example->order, 1))
				abort();
			break;
		case PACK_ITEM_CUSTOMERS:
			size = item_customers_size(&example->matrix, 1);
			bytes = malloc(size);
			item_customers_pack(&example->matrix, 1, bytes);
			break;
		default:
			size = lists_size(&example->lists, 1);
			bytes = malloc(size);
			lists_pack(&example->lists, 1, bytes);
			break;
	}
	if (size + 1 > capacity)
		abort();
	memcpy(data + 1, bytes, size);
	free(bytes);
	return size + 1;
}
