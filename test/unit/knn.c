/*-------------------------------------------------------------------------
 *
 * knn.c
 *	  The customers most like one, what they had and why, by comparing all.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "recommend/knn.h"

#define CUSTOMERS 60
#define ITEMS 40

/* Who had what, and the same as lists, both ways */
typedef struct Sample
{
	bool		has_values;
	double		x[CUSTOMERS][ITEMS];
	uint32_t	items[CUSTOMERS][ITEMS];
	float		values[CUSTOMERS][ITEMS];
	uint32_t	count[CUSTOMERS];
	uint32_t	customers[ITEMS][CUSTOMERS];
	float		customer_values[ITEMS][CUSTOMERS];
	uint32_t	support[ITEMS];
	float		norm[CUSTOMERS];
} Sample;

static void
make(Sample *sample, uint64_t seed, bool has_values)
{
	Random		random;
	uint32_t	c;
	uint32_t	i;

	memset(sample, 0, sizeof(*sample));
	sample->has_values = has_values;
	random_start(&random, seed, 0);
	for (c = 0; c < CUSTOMERS; c++)
	{
		for (i = 0; i < ITEMS; i++)
		{
			if (random_below(&random, 5 + i / 4) != 0)
				continue;
			sample->x[c][i] = has_values ? (1 + random_below(&random, 8)) / 4.0 : 1;
			sample->values[c][sample->count[c]] = (float) sample->x[c][i];
			sample->items[c][sample->count[c]++] = i;
			sample->customer_values[i][sample->support[i]] = (float) sample->x[c][i];
			sample->customers[i][sample->support[i]++] = c;
		}
		sample->norm[c] = knn_norm(has_values ? sample->values[c] : NULL, sample->count[c]);
	}
}

typedef struct Like
{
	uint32_t	customer;
	double		likeness;
} Like;

static int
compare_likes(const void *a, const void *b)
{
	const Like *x = a;
	const Like *y = b;

	if ((float) x->likeness != (float) y->likeness)
		return x->likeness < y->likeness ? 1 : -1;
	return (x->customer > y->customer) - (x->customer < y->customer);
}

/* All others by likeness; gives how many are like u at all. */
static uint32_t
compare_all(const Sample *sample, uint32_t u, double shrink, Like *likes)
{
	uint32_t	count = 0;
	uint32_t	c;
	uint32_t	i;

	for (c = 0; c < CUSTOMERS; c++)
	{
		double		both = 0;
		double		own = 0;
		double		other = 0;

		for (i = 0; i < ITEMS; i++)
		{
			both += sample->x[u][i] * sample->x[c][i];
			own += sample->x[u][i] * sample->x[u][i];
			other += sample->x[c][i] * sample->x[c][i];
		}
		if (both == 0)
			continue;
		likes[count].customer = c;
		likes[count++].likeness = both / (sqrt(own * other) + shrink);
	}
	qsort(likes, count, sizeof(Like), compare_likes);
	return count;
}

static KnnItems
items_of(const Sample *sample, uint32_t c)
{
	KnnItems	items = {sample->items[c], sample->has_values ? sample->values[c] : NULL,
	sample->count[c]};

	return items;
}

/* The parts of u's items in the scores add up to them, and are what they are. */
static void
check_parts(const Sample *sample, uint32_t u, double shrink, const Like *likes, uint32_t n)
{
	static float parts[ITEMS * ITEMS];
	uint32_t	wanted[ITEMS];
	KnnItems	own = items_of(sample, u);
	uint32_t	wanted_count = 0;
	uint32_t	i;
	uint32_t	o;
	uint32_t	w;

	for (i = 0; i < ITEMS; i++)
		if (i % 3 != u % 3)
			wanted[wanted_count++] = i;
	memset(parts, 0, sizeof(parts));
	for (i = 0; i < n; i++)
	{
		KnnItems	other = items_of(sample, likes[i].customer);

		knn_parts(&own, &other, knn_divisor(sample->norm[u], sample->norm[likes[i].customer], shrink),
				  wanted, wanted_count, parts);
	}
	for (o = 0; o < own.count; o++)
		for (w = 0; w < wanted_count; w++)
		{
			double		part = 0;

			for (i = 0; i < n; i++)
			{
				const double *x = sample->x[likes[i].customer];

				part += sample->x[u][own.item[o]] * x[own.item[o]] * x[wanted[w]] /
					knn_divisor(sample->norm[u], sample->norm[likes[i].customer], shrink);
			}
			CHECK(fabs(parts[o * wanted_count + w] - part) <= 1e-6 * (1 + part));
		}
}

static void
check_sample(uint64_t seed, bool has_values, double shrink)
{
	static Sample sample;
	Ranker		customers;
	Like		likes[CUSTOMERS];
	Ranked		nearest[CUSTOMERS];
	uint32_t	u;
	uint32_t	i;

	make(&sample, seed, has_values);
	CHECK(rank_start(&memory_plain, &customers, CUSTOMERS, CUSTOMERS));
	for (u = 0; u < CUSTOMERS; u++)
	{
		uint32_t	wanted = 1 + u % 30;
		uint32_t	all = compare_all(&sample, u, shrink, likes);
		uint32_t	found;

		for (i = 0; i < sample.count[u]; i++)
		{
			uint32_t	item = sample.items[u][i];

			if (has_values)
				rank_add(&customers, sample.values[u][i], sample.customers[item],
						 sample.customer_values[item], sample.support[item]);
			else
				rank_add_alike(&customers, 1, sample.customers[item], sample.support[item]);
		}
		found = knn_nearest(&customers, sample.norm, sample.norm[u], shrink, wanted, nearest);
		CHECK(found == (wanted < all ? wanted : all));
		for (i = 0; i < found; i++)
		{
			CHECK(fabs(nearest[i].score - likes[i].likeness) <= 1e-6);
			CHECK(has_values || nearest[i].item == likes[i].customer);
		}
		check_parts(&sample, u, shrink, likes, found);
	}
	rank_end(&memory_plain, &customers);
}

int
main(void)
{
	check_sample(1, false, 0);
	check_sample(2, false, 3.5);
	check_sample(3, true, 0);
	check_sample(4, true, 2);
	return check_report();
}
