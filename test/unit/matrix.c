/*-------------------------------------------------------------------------
 *
 * matrix.c
 *	  Rows in any order make one matrix.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "recommend/recommend.h"

#define HOUR INT64_C(3600000000)

typedef struct Row
{
	const char *customer;
	const char *item;
	double		weight;
	int64_t		at;
} Row;

/* The rows made a matrix; forward, or backward */
typedef struct Made
{
	Names		customers;
	Names		items;
	Interactions rows;
	Matrix		matrix;
} Made;

static void
begin(Made *made, bool has_weights, bool has_times)
{
	CHECK(names_start(&made->customers, &memory_plain));
	CHECK(names_start(&made->items, &memory_plain));
	CHECK(interactions_start(&made->rows, &memory_plain, &made->customers, &made->items,
							 has_weights, has_times));
}

static void
add(Made *made, const char *customer, const char *item, double weight, int64_t at)
{
	uint32_t	c = names_number(&made->customers, customer, (uint32_t) strlen(customer));
	uint32_t	i = names_number(&made->items, item, (uint32_t) strlen(item));

	CHECK(interactions_add(&made->rows, c, i, weight, at));
}

static void
build(Made *made, double half_life, bool end_rows)
{
	MatrixOptions options = {half_life, NULL, NULL, end_rows};

	CHECK(matrix_build(&memory_plain, &made->rows, &options, &made->matrix));
}

static void
end(Made *made)
{
	matrix_end(&made->matrix);
	interactions_end(&made->rows);
	names_end(&made->customers);
	names_end(&made->items);
}

static bool
is(NameText name, const char *text)
{
	return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

/* Items are numbered by customers, then by text; rows that repeat are one. */
static void
numbers_and_amounts(void)
{
	Made		made;
	const Matrix *m = &made.matrix;

	begin(&made, false, false);
	add(&made, "zoe", "tea", 1, 0);
	add(&made, "ann", "tea", 1, 0);
	add(&made, "ann", "milk", 1, 0);
	add(&made, "ann", "tea", 1, 0);
	add(&made, "bob", "jam", 1, 0);
	add(&made, "ann", "tea", 1, 0);
	build(&made, 0, true);
	CHECK(m->n_customers == 3 && m->n_items == 3 && m->n_entries == 4);
	CHECK(is(matrix_customer_name(m, 0), "ann") && is(matrix_customer_name(m, 2), "zoe"));
	CHECK(is(matrix_item_name(m, 0), "tea"));
	CHECK(is(matrix_item_name(m, 1), "jam") && is(matrix_item_name(m, 2), "milk"));
	CHECK(matrix_basket(m, 0) == 2 && m->items[0] == 0 && m->items[1] == 2);
	CHECK(m->values == NULL && m->amounts != NULL && m->amounts[0] == 3 && m->amounts[1] == 1);
	CHECK(matrix_support(m, 0) == 2 && m->customers[0] == 0 && m->customers[1] == 2);
	CHECK(m->last_at == NULL && m->category == NULL);
	end(&made);
}

/* Weights add up, and fade by half with each half-life before the newest. */
static void
weights_fade(void)
{
	Made		made;
	const Matrix *m = &made.matrix;

	begin(&made, true, true);
	add(&made, "a", "x", 8, 0);
	add(&made, "a", "x", 1, 3 * HOUR);
	add(&made, "b", "x", 2, 2 * HOUR);
	build(&made, (double) HOUR, true);
	CHECK(m->n_entries == 2 && m->newest == 3 * HOUR);
	CHECK(m->amounts[0] == 9 && m->values[0] == 2 && m->last_at[0] == 3 * HOUR);
	CHECK(m->amounts[1] == 2 && m->values[1] == 1 && m->item_values[1] == 1);
	end(&made);

	/* Without weights the latest row counts. */
	begin(&made, false, true);
	add(&made, "a", "x", 1, 0);
	add(&made, "a", "x", 1, 2 * HOUR);
	add(&made, "b", "x", 1, 3 * HOUR);
	build(&made, (double) HOUR, true);
	CHECK(m->amounts[0] == 2 && m->values[0] == 0.5f && m->values[1] == 1);
	end(&made);

	/* All 1 is nothing to keep. */
	begin(&made, true, true);
	add(&made, "a", "x", 1, 5);
	build(&made, 0, true);
	CHECK(m->amounts == NULL && m->values == NULL && m->last_at[0] == 5);
	end(&made);
}

static void
categories(void)
{
	Made		made;

	begin(&made, false, false);
	add(&made, "a", "x", 1, 0);
	add(&made, "a", "y", 1, 0);
	CHECK(interactions_categorize(&made.rows, 0, "tools", 5));
	CHECK(interactions_categorize(&made.rows, 0, "garden", 6));
	CHECK(interactions_categorize(&made.rows, 0, "tools", 5));
	build(&made, 0, true);
	CHECK(made.matrix.category != NULL && made.matrix.category[1] == NAME_NONE);
	CHECK(is(names_text(made.matrix.category_names, made.matrix.category[0]), "garden"));
	end(&made);
}

static void
add_rows(Made *made, int from, int to, int step, const Row *rows)
{
	int			i;

	for (i = from; i != to; i += step)
		add(made, rows[i].customer, rows[i].item, rows[i].weight, rows[i].at);
}

static bool
same_bits(const void *a, const void *b, size_t size)
{
	return (a == NULL) == (b == NULL) && (a == NULL || memcmp(a, b, size) == 0);
}

/* The same bits whatever the order of the rows */
static void
any_order(bool has_weights, bool has_times)
{
	static char names[200][16];
	static Row	rows[4000];
	Random		random;
	Made		made[2];
	const Matrix *a = &made[0].matrix;
	const Matrix *b = &made[1].matrix;
	int			i;

	random_start(&random, 7, 1);
	for (i = 0; i < 200; i++)
		snprintf(names[i], sizeof(names[i]), "n%d", i);
	for (i = 0; i < 4000; i++)
	{
		rows[i].customer = names[random_below(&random, 60)];
		rows[i].item = names[random_below(&random, 1 + random_below(&random, 200))];
		rows[i].weight = random_unit(&random) + 0.01;
		rows[i].at = (int64_t) random_below(&random, 100) * HOUR;
	}
	begin(&made[0], has_weights, has_times);
	begin(&made[1], has_weights, has_times);
	add_rows(&made[0], 0, 4000, 1, rows);
	add_rows(&made[1], 3999, -1, -1, rows);
	build(&made[0], has_times ? 7.0 * (double) HOUR : 0, false);
	build(&made[1], has_times ? 7.0 * (double) HOUR : 0, true);
	CHECK(a->n_entries == b->n_entries && a->n_entries > 1000);
	CHECK(same_bits(a->items, b->items, a->n_entries * sizeof(uint32_t)));
	CHECK(same_bits(a->customers, b->customers, a->n_entries * sizeof(uint32_t)));
	CHECK(same_bits(a->values, b->values, a->n_entries * sizeof(float)));
	CHECK(same_bits(a->item_values, b->item_values, a->n_entries * sizeof(float)));
	CHECK(same_bits(a->amounts, b->amounts, a->n_entries * sizeof(float)));
	CHECK(same_bits(a->last_at, b->last_at, a->n_entries * sizeof(int64_t)));
	CHECK((a->values != NULL) == (has_weights || has_times));

	/* Lists rise, and both tell of the same entries. */
	for (i = 0; i < (int) a->n_items; i++)
	{
		uint64_t	k;

		CHECK(i == 0 || matrix_support(a, (uint32_t) i) <= matrix_support(a, (uint32_t) i - 1));
		for (k = a->item_start[i]; k < a->item_start[i + 1]; k++)
		{
			uint64_t	at = a->customer_start[a->customers[k]];
			uint64_t	stop = a->customer_start[a->customers[k] + 1];

			CHECK(k == a->item_start[i] || a->customers[k] > a->customers[k - 1]);
			while (at < stop && a->items[at] < (uint32_t) i)
				at++;
			CHECK(at < stop && a->items[at] == (uint32_t) i);
			CHECK(a->values == NULL || a->values[at] == a->item_values[k]);
		}
	}

	/* A part of the rows, under the same numbers */
	{
		static uint8_t leave_out[4000];
		MatrixOptions options = {0, leave_out, a, false};
		Matrix		part;

		for (i = 0; i < 4000; i++)
			leave_out[i] = i % 5 != 0;
		CHECK(matrix_build(&memory_plain, &made[0].rows, &options, &part));
		CHECK(part.n_items == a->n_items && part.n_entries < a->n_entries && part.n_entries > 0);
		CHECK(same_bits(part.item_id, a->item_id, a->n_items * sizeof(uint32_t)));
		matrix_end(&part);
	}
	end(&made[0]);
	end(&made[1]);
}

/* A customer with too many items keeps the latest, or some. */
static void
caps(bool has_times)
{
	Made		made;
	Matrix		capped;
	bool		is_capped;
	char		item[16];
	uint64_t	i;

	begin(&made, false, has_times);
	for (i = 0; i < 50; i++)
	{
		snprintf(item, sizeof(item), "item %02d", (int) i);
		add(&made, "bot", item, 1, (int64_t) (i * 7 % 50));
		if (i % 2 == 0)
			add(&made, "ann", item, 1, 0);
	}
	build(&made, 0, true);
	CHECK(matrix_cap(&memory_plain, &made.matrix, 50, &is_capped, &capped) && !is_capped);
	CHECK(matrix_cap(&memory_plain, &made.matrix, 0, &is_capped, &capped) && !is_capped);
	CHECK(matrix_cap(&memory_plain, &made.matrix, 30, &is_capped, &capped) && is_capped);
	CHECK(matrix_basket(&capped, 0) == 25 && matrix_basket(&capped, 1) == 30);
	CHECK(capped.item_start[capped.n_items] == 55 && capped.n_entries == 55);
	for (i = capped.customer_start[1]; i < capped.customer_start[2]; i++)
	{
		uint64_t	k = made.matrix.customer_start[1] + capped.items[i];

		CHECK(i == capped.customer_start[1] || capped.items[i] > capped.items[i - 1]);
		CHECK(!has_times || made.matrix.last_at[k] >= 20);
	}
	matrix_end(&capped);
	end(&made);
}

/* Texts and integers, many enough for all tables to grow */
static void
names(void)
{
	Names		names;
	uint32_t   *order;
	char		text[32];
	int			i;

	CHECK(names_start(&names, &memory_plain));
	for (i = 0; i < 5000; i++)
	{
		uint32_t	number;

		snprintf(text, sizeof(text), "%d", i * 7919 % 5000);
		CHECK(names_integer(&names, i * 7919 % 5000) == NAME_NONE);
		number = names_number(&names, text, (uint32_t) strlen(text));
		CHECK(number == (uint32_t) i);
		CHECK(names_integer_is(&names, i * 7919 % 5000, number));
	}
	for (i = 0; i < 5000; i++)
	{
		snprintf(text, sizeof(text), "%d", i);
		CHECK(names_find(&names, text, (uint32_t) strlen(text)) == names_integer(&names, i));
		CHECK(is(names_text(&names, names_integer(&names, i)), text));
	}
	CHECK(names_find(&names, "x", 1) == NAME_NONE);
	order = memory_array(&memory_plain, names.count, sizeof(*order));
	CHECK(names_sort(&names, order));
	for (i = 1; i < 5000; i++)
		CHECK(name_compare(names_text(&names, order[i - 1]), names_text(&names, order[i])) < 0);
	memory_release(&memory_plain, order);
	names_end(&names);
}

int
main(void)
{
	RecommendOptions options;
	int			method;

	names();
	numbers_and_amounts();
	weights_fade();
	categories();
	any_order(false, false);
	any_order(true, false);
	any_order(false, true);
	any_order(true, true);
	caps(false);
	caps(true);
	for (method = 0; recommend_method_name(method) != NULL; method++)
	{
		recommend_defaults(&options, (RecommendMethod) method);
		CHECK(options.neighbors > 0 && options.neighbors <= RECOMMEND_MAX_NEIGHBORS);
	}
	CHECK(method == RECOMMEND_METHODS);
	return check_report();
}
