/*-------------------------------------------------------------------------
 *
 * pack.c
 *	  A model in pieces says what the model says.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "recommend/build.h"
#include "recommend/cross.h"
#include "recommend/pack.h"

#define ITEMS 100
#define CUSTOMERS 150

typedef struct Sample
{
	Names		customers;
	Names		items;
	Interactions rows;
	Interactions views;
	Matrix		matrix;
	Matrix		events;
	RecommendModel model;
	uint32_t	order[CUSTOMERS];
	int64_t		ids[CUSTOMERS];
} Sample;

static void
make(Sample *sample, bool has_weights, bool has_times, double half_life)
{
	MatrixOptions options = {half_life, NULL, NULL, true};
	MatrixOptions like = {0, NULL, &sample->matrix, true};
	BuildInput	input = {0};
	Random		random;
	char		text[16];
	uint32_t	i;

	memset(sample, 0, sizeof(*sample));
	random_start(&random, 3, 4);
	CHECK(names_start(&sample->customers, &memory_plain));
	CHECK(names_start(&sample->items, &memory_plain));
	CHECK(interactions_start(&sample->rows, &memory_plain, &sample->customers, &sample->items,
							 has_weights, has_times));
	CHECK(interactions_start(&sample->views, &memory_plain, &sample->customers, &sample->items,
							 false, false));
	for (i = 0; i < ITEMS; i++)
	{
		snprintf(text, sizeof(text), "item %u", (i * 37) % ITEMS);
		CHECK(names_number(&sample->items, text, (uint32_t) strlen(text)) == i);
		CHECK(interactions_categorize(&sample->rows, i, i % 2 ? "odd" : "even", i % 2 ? 3 : 4));
	}
	for (i = 0; i < CUSTOMERS; i++)
	{
		snprintf(text, sizeof(text), "customer %u", i);
		CHECK(names_number(&sample->customers, text, (uint32_t) strlen(text)) == i);
		sample->order[i] = (i * 7) % CUSTOMERS;
		sample->ids[i] = 10 + 3 * (int64_t) i;
	}
	for (i = 0; i < 2000; i++)
	{
		uint32_t	c = random_below(&random, CUSTOMERS);
		uint32_t	t = random_below(&random, 1 + random_below(&random, ITEMS));

		CHECK(interactions_add(&sample->rows, c, t, random_unit(&random) + 0.1,
							   (int64_t) random_below(&random, 1000) * 1000003 - 300000000));
		CHECK(interactions_add(&sample->views, (c * 11) % CUSTOMERS, t, 1, 0));
	}
	CHECK(matrix_build(&memory_plain, &sample->rows, &options, &sample->matrix));
	CHECK(matrix_build(&memory_plain, &sample->views, &like, &sample->events));
	recommend_defaults(&input.options, RECOMMEND_USER_COSINE);
	input.options.neighbors = 12;
	input.matrix = input.counted = &sample->matrix;
	input.events = &sample->events;
	CHECK(recommend_build(&memory_plain, &input, &sample->model));
}

static void
end(Sample *sample)
{
	recommend_end(&memory_plain, &sample->model);
	matrix_end(&sample->matrix);
	matrix_end(&sample->events);
	interactions_end(&sample->rows);
	interactions_end(&sample->views);
	names_end(&sample->customers);
	names_end(&sample->items);
}

static void
check_catalog(const Sample *sample, Catalog *catalog, char **bytes)
{
	const Matrix *m = &sample->matrix;
	int64_t		since = m->newest - 100000000;
	size_t		size;
	uint32_t	piece;
	uint32_t	i;

	CHECK(catalog_pack(&memory_plain, &sample->model, since, sample->order, sample->ids, bytes,
					   &size));
	CHECK(!catalog_open(catalog, *bytes, size - 1));
	CHECK(catalog_open(catalog, *bytes, size));
	CHECK(catalog->n_items == ITEMS && catalog->n_customers == CUSTOMERS);
	CHECK(catalog->method == RECOMMEND_USER_COSINE && catalog->neighbors == 12);
	CHECK(catalog->has_events && catalog->has_times == (m->last_at != NULL));
	CHECK(catalog->newest == m->newest && catalog->n_categories == 2);
	for (i = 0; i < ITEMS; i++)
	{
		NameText	name = matrix_item_name(m, i);
		uint32_t	recent = 0;
		uint64_t	at;

		CHECK(name_compare(catalog_name(catalog, i), name) == 0);
		CHECK(catalog_find(catalog, name.data, name.size) == i);
		CHECK(catalog->support[i] == matrix_support(m, i));
		CHECK(name_compare(catalog_category(catalog, catalog->category[i]),
						   names_text(m->category_names, m->category[i])) == 0);
		CHECK((catalog->recent == NULL) == (m->last_at == NULL));
		for (at = 0; m->last_at != NULL && at < m->n_entries; at++)
			recent += m->items[at] == i && m->last_at[at] >= since;
		CHECK(catalog->recent == NULL || catalog->recent[i] == recent);
	}
	CHECK(catalog_find(catalog, "item", 4) == NAME_NONE && catalog_find(catalog, "", 0) == NAME_NONE);
	CHECK(!catalog_find_piece(catalog, 9, &piece));
	for (i = 0; i < CUSTOMERS; i++)
		CHECK(catalog_find_piece(catalog, sample->ids[i], &piece) && piece == i / PACK_CUSTOMERS);
}

static void
check_lists(const Catalog *catalog, const NeighborLists *lists)
{
	uint32_t	i;

	for (i = 0; i < ITEMS; i++)
	{
		uint32_t	piece = i / PACK_ITEMS;
		uint32_t	place = i % PACK_ITEMS;
		size_t		size = lists_size(lists, piece);
		void	   *bytes = malloc(size);
		uint64_t	n = lists->start[i + 1] - lists->start[i];
		uint32_t	begin;
		PackedLists packed;

		lists_pack(lists, piece, bytes);
		CHECK(!lists_open(&packed, PACK_SCORING, piece + 1, catalog, bytes, size));
		CHECK(!lists_open(&packed, PACK_ITEM_CUSTOMERS, piece, catalog, bytes, size));
		CHECK(lists_open(&packed, PACK_SCORING, piece, catalog, bytes, size));
		begin = place == 0 ? 0 : packed.end[place - 1];
		CHECK(packed.end[place] - begin == n);
		CHECK(memcmp(packed.item + begin, lists->item + lists->start[i], n * sizeof(uint32_t)) == 0);
		CHECK(memcmp(packed.score + begin, lists->score + lists->start[i], n * sizeof(float)) == 0);
		free(bytes);
	}
}

/* The customers of each item, with their values */
static void
check_item_customers(const Sample *sample, const Catalog *catalog)
{
	const Matrix *m = &sample->matrix;
	uint32_t	i;

	for (i = 0; i < ITEMS; i++)
	{
		size_t		size = item_customers_size(m, i / PACK_ITEMS);
		void	   *bytes = malloc(size);
		PackedLists packed;
		uint32_t	begin;
		uint64_t	at;

		item_customers_pack(m, i / PACK_ITEMS, bytes);
		CHECK(!lists_open(&packed, PACK_SCORING, i / PACK_ITEMS, catalog, bytes, size));
		CHECK(lists_open(&packed, PACK_ITEM_CUSTOMERS, i / PACK_ITEMS, catalog, bytes, size));
		begin = i % PACK_ITEMS == 0 ? 0 : packed.end[i % PACK_ITEMS - 1];
		CHECK(packed.end[i % PACK_ITEMS] - begin == matrix_support(m, i));
		CHECK((packed.score == NULL) == (m->item_values == NULL));
		for (at = m->item_start[i]; at < m->item_start[i + 1]; at++)
		{
			CHECK(packed.item[begin] == m->customers[at]);
			CHECK(packed.score == NULL || packed.score[begin] == m->item_values[at]);
			begin++;
		}
		free(bytes);
	}
}

/* Where the customers are, and how long their vectors, is in user_knn's catalog. */
static void
check_customers(Sample *sample)
{
	const Matrix *m = &sample->matrix;
	Catalog		catalog;
	char	   *bytes;
	size_t		size;
	uint32_t	i;

	sample->model.options.method = RECOMMEND_USER_KNN;
	CHECK(catalog_pack(&memory_plain, &sample->model, 0, sample->order, sample->ids, &bytes, &size));
	CHECK(!catalog_open(&catalog, bytes, size - 4));
	CHECK(catalog_open(&catalog, bytes, size));
	for (i = 0; i < CUSTOMERS; i++)
	{
		double		sum = 0;
		uint64_t	at;

		for (at = m->customer_start[i]; at < m->customer_start[i + 1]; at++)
			sum += m->values == NULL ? 1 : (double) m->values[at] * m->values[at];
		CHECK(sample->order[catalog.place[i]] == i);
		CHECK(fabs(catalog.norm[i] - sqrt(sum)) <= 1e-6 * sqrt(sum));
	}
	((uint32_t *) catalog.place)[3] = CUSTOMERS;
	CHECK(!catalog_open(&catalog, bytes, size));
	memory_release(&memory_plain, bytes);
}

static void
check_histories(const Sample *sample, const Matrix *m)
{
	uint32_t	item[ITEMS];
	float		amount[ITEMS];
	float		value[ITEMS];
	int64_t		last_at[ITEMS];
	History		history = {0, item, amount, value, last_at, false};
	uint32_t	i;

	for (i = 0; i < CUSTOMERS; i++)
	{
		uint32_t	piece = i / PACK_CUSTOMERS;
		uint32_t	customer = sample->order[i];
		void	   *bytes = malloc(histories_most(m, sample->order, piece));
		void	   *left;
		size_t		size = histories_pack(m, sample->order, sample->ids, piece, bytes);
		PackedHistories histories;
		PackedHistories without;
		uint32_t	place;
		uint32_t	k;

		CHECK(size <= histories_most(m, sample->order, piece));
		CHECK(!histories_open(&histories, ITEMS, bytes, size - 1));
		CHECK(histories_open(&histories, ITEMS, bytes, size));
		CHECK(histories_find(&histories, sample->ids[i], &place) && place == i % PACK_CUSTOMERS);
		histories_read(&histories, place, &history);
		CHECK(history.count == matrix_basket(m, customer) && history.count <= histories.most);
		CHECK(history.has_times == (m->last_at != NULL));
		for (k = 0; k < history.count; k++)
		{
			uint64_t	at = m->customer_start[customer] + k;

			CHECK(item[k] == m->items[at]);
			CHECK(amount[k] == (m->amounts == NULL ? 1 : m->amounts[at]));
			CHECK(value[k] == (m->values == NULL ? 1 : m->values[at]));
			CHECK(last_at[k] == (m->last_at == NULL ? 0 : m->last_at[at]));
		}

		/* Without him all others stay. */
		left = malloc(size);
		size = histories_forget(&histories, place, left);
		CHECK(histories_open(&without, ITEMS, left, size));
		CHECK(!histories_find(&without, sample->ids[i], &place));
		for (k = 0; k < without.count; k++)
		{
			histories_read(&without, k, &history);
			CHECK(history.count == (k == i % PACK_CUSTOMERS ? 0 :
									matrix_basket(m, sample->order[piece * PACK_CUSTOMERS + k])));
		}
		free(bytes);
		free(left);
	}
}

static void
check_sample(bool has_weights, bool has_times, double half_life)
{
	Sample		sample;
	Catalog		catalog;
	char	   *bytes;

	make(&sample, has_weights, has_times, half_life);
	check_catalog(&sample, &catalog, &bytes);
	check_lists(&catalog, &sample.model.similar);
	check_lists(&catalog, &sample.model.scoring);
	check_lists(&catalog, &sample.model.event_scoring);
	check_item_customers(&sample, &catalog);
	check_histories(&sample, &sample.matrix);
	check_histories(&sample, &sample.events);
	memory_release(&memory_plain, bytes);
	check_customers(&sample);
	end(&sample);
}

int
main(void)
{
	check_sample(false, false, 0);
	check_sample(true, false, 0);
	check_sample(false, true, 0);
	check_sample(true, true, 5e7);
	return check_report();
}
