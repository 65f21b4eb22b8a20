/*-------------------------------------------------------------------------
 *
 * ridge.c
 *	  Learned weights against the closed form, and against EASE.
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
#include "recommend/ridge.h"

#define ITEMS 24
#define LAMBDA 3.5

typedef struct Sample
{
	Names		customers;
	Names		items;
	Interactions rows;
	Matrix		matrix;
	double		gram[ITEMS][ITEMS];
} Sample;

static void
make(Sample *sample, bool has_weights)
{
	MatrixOptions options = {0, NULL, NULL, true};
	const Matrix *m = &sample->matrix;
	Random		random;
	char		text[16];
	uint32_t	c;
	int			i;

	random_start(&random, 11, 3);
	CHECK(names_start(&sample->customers, &memory_plain));
	CHECK(names_start(&sample->items, &memory_plain));
	CHECK(interactions_start(&sample->rows, &memory_plain, &sample->customers, &sample->items,
							 has_weights, false));
	for (i = 0; i < 1500; i++)
	{
		uint32_t	customer;
		uint32_t	item;

		snprintf(text, sizeof(text), "c%u", random_below(&random, 80));
		customer = names_number(&sample->customers, text, (uint32_t) strlen(text));
		snprintf(text, sizeof(text), "i%u", random_below(&random, 1 + random_below(&random, ITEMS)));
		item = names_number(&sample->items, text, (uint32_t) strlen(text));
		CHECK(interactions_add(&sample->rows, customer, item, 0.3 + random_unit(&random), 0));
	}
	CHECK(matrix_build(&memory_plain, &sample->rows, &options, &sample->matrix));
	CHECK(m->n_items == ITEMS);
	memset(sample->gram, 0, sizeof(sample->gram));
	for (c = 0; c < m->n_customers; c++)
	{
		uint64_t	a;
		uint64_t	b;

		for (a = m->customer_start[c]; a < m->customer_start[c + 1]; a++)
			for (b = m->customer_start[c]; b < m->customer_start[c + 1]; b++)
				sample->gram[m->items[a]][m->items[b]] +=
					m->values == NULL ? 1 : (double) m->values[a] * m->values[b];
	}
}

static void
end(Sample *sample)
{
	matrix_end(&sample->matrix);
	interactions_end(&sample->rows);
	names_end(&sample->customers);
	names_end(&sample->items);
}

/* Inverts a matrix by Gauss and Jordan, with pivots. */
static void
invert(double a[ITEMS][ITEMS], double inverse[ITEMS][ITEMS], int n)
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			inverse[i][j] = i == j;
	for (i = 0; i < n; i++)
	{
		int			pivot = i;
		double		divisor;

		for (k = i + 1; k < n; k++)
			if (fabs(a[k][i]) > fabs(a[pivot][i]))
				pivot = k;
		for (j = 0; j < n; j++)
		{
			double		swap = a[i][j];

			a[i][j] = a[pivot][j];
			a[pivot][j] = swap;
			swap = inverse[i][j];
			inverse[i][j] = inverse[pivot][j];
			inverse[pivot][j] = swap;
		}
		divisor = a[i][i];
		for (j = 0; j < n; j++)
		{
			a[i][j] /= divisor;
			inverse[i][j] /= divisor;
		}
		for (k = 0; k < n; k++)
		{
			double		factor = a[k][i];

			for (j = 0; k != i && j < n; j++)
			{
				a[k][j] -= factor * a[i][j];
				inverse[k][j] -= factor * inverse[i][j];
			}
		}
	}
}

/* The weight of an item in a target's list, 0 where it is not there */
static double
weight_of(const NeighborLists *lists, uint32_t target, uint32_t item)
{
	uint64_t	at;

	for (at = lists->start[target]; at < lists->start[target + 1]; at++)
		if (lists->item[at] == item)
			return lists->score[at];
	return 0;
}

/* Candidates that are all other items */
static void
list_all(NeighborLists *lists)
{
	uint32_t	target;
	uint32_t	item;
	uint64_t	at = 0;

	lists->n_items = ITEMS;
	lists->start = malloc((ITEMS + 1) * sizeof(uint64_t));
	lists->item = malloc(ITEMS * ITEMS * sizeof(uint32_t));
	lists->score = malloc(ITEMS * ITEMS * sizeof(float));
	for (target = 0; target < ITEMS; target++)
	{
		lists->start[target] = at;
		for (item = ITEMS; item-- > 0;)
			if (item != target)
			{
				lists->item[at] = item;
				lists->score[at++] = 1;
			}
	}
	lists->start[ITEMS] = at;
}

/*
 * With all other items as candidates: EASE, by the inverse P of G + lambda I,
 * of which the weight of s for t is -P(s, t) / P(t, t) (Steck 2019, 8).
 */
static void
equals_ease(const Sample *sample)
{
	static double regular[ITEMS][ITEMS];
	static double inverse[ITEMS][ITEMS];
	RecommendOptions options;
	NeighborLists all;
	NeighborLists weights;
	uint32_t	s;
	uint32_t	t;

	recommend_defaults(&options, RECOMMEND_LOCAL_RIDGE);
	options.lambda = LAMBDA;
	options.neighbors = ITEMS;
	list_all(&all);
	CHECK(ridge_build(&memory_plain, &sample->matrix, &options, &all, 1 << 20, &weights));
	memcpy(regular, sample->gram, sizeof(regular));
	for (s = 0; s < ITEMS; s++)
		regular[s][s] += LAMBDA;
	invert(regular, inverse, ITEMS);
	for (t = 0; t < ITEMS; t++)
	{
		CHECK(weights.start[t + 1] - weights.start[t] == ITEMS - 1);
		for (s = 0; s < ITEMS; s++)
			if (s != t)
				CHECK(fabs(weight_of(&weights, t, s) + inverse[s][t] / inverse[t][t]) < 1e-6);
	}
	neighbors_end(&memory_plain, &weights);
	neighbors_end(&memory_plain, &all);
}

/* With a few: the closed form on these; in one turn or in many the same bits */
static void
equals_closed_form(const Sample *sample)
{
	static double regular[ITEMS][ITEMS];
	static double inverse[ITEMS][ITEMS];
	RecommendOptions options;
	NeighborLists candidates;
	NeighborLists weights;
	NeighborLists in_turns;
	uint32_t	t;

	recommend_defaults(&options, RECOMMEND_LOCAL_RIDGE);
	options.lambda = LAMBDA;
	options.neighbors = 6;
	CHECK(neighbors_build(&memory_plain, &sample->matrix, &options, ITEMS, &candidates));
	CHECK(ridge_build(&memory_plain, &sample->matrix, &options, &candidates, 1 << 20, &weights));
	CHECK(ridge_build(&memory_plain, &sample->matrix, &options, &candidates, 500, &in_turns));
	CHECK(memcmp(weights.item, in_turns.item, neighbors_count(&weights) * sizeof(uint32_t)) == 0);
	CHECK(memcmp(weights.score, in_turns.score, neighbors_count(&weights) * sizeof(float)) == 0);
	for (t = 0; t < ITEMS; t++)
	{
		const uint32_t *list = candidates.item + candidates.start[t];
		int			n = (int) (candidates.start[t + 1] - candidates.start[t]);
		int			i;
		int			j;

		CHECK(n == 6 && weights.start[t + 1] - weights.start[t] == 6);
		for (i = 0; i < n; i++)
			for (j = 0; j < n; j++)
				regular[i][j] = sample->gram[list[i]][list[j]] + (i == j ? LAMBDA : 0);
		invert(regular, inverse, n);
		for (i = 0; i < n; i++)
		{
			double		weight = 0;
			uint64_t	at = weights.start[t] + (uint64_t) i;

			for (j = 0; j < n; j++)
				weight += inverse[i][j] * sample->gram[list[j]][t];
			CHECK(fabs(weight_of(&weights, t, list[i]) - weight) < 1e-6);
			CHECK(i == 0 || weights.score[at] <= weights.score[at - 1]);
		}
	}
	neighbors_end(&memory_plain, &candidates);
	neighbors_end(&memory_plain, &weights);
	neighbors_end(&memory_plain, &in_turns);
}

/* What a history scores is what the lists by source add up to. */
static void
whole_model(const Sample *sample, RecommendMethod method)
{
	BuildInput	input = {0};
	RecommendModel model;
	uint32_t	s;
	uint64_t	at;

	input.matrix = &sample->matrix;
	input.counted = &sample->matrix;
	recommend_defaults(&input.options, method);
	input.options.neighbors = 6;
	input.room = 1 << 20;
	CHECK(recommend_build(&memory_plain, &input, &model));
	CHECK(model.scoring.n_items == ITEMS && model.event_scoring.n_items == 0);
	CHECK(neighbors_count(&model.scoring) == neighbors_count(&model.similar));
	CHECK((neighbors_count(&model.scoring) > 0) == (method != RECOMMEND_USER_KNN));
	for (s = 0; s < ITEMS; s++)
		for (at = model.scoring.start[s]; at < model.scoring.start[s + 1]; at++)
			CHECK(weight_of(&model.similar, model.scoring.item[at], s) == model.scoring.score[at]);
	recommend_end(&memory_plain, &model);
}

/*
 * Content is blended on one scale, on which the best of a list is 1 in the
 * mean; who has no list of his own has that of his content.
 */
static void
blends(const Sample *sample)
{
	BuildInput	input = {0};
	RecommendModel plain;
	RecommendModel blended;
	NeighborLists content;
	double		best = 0;
	uint32_t	active = 0;
	uint32_t	t;

	list_all(&content);
	input.matrix = &sample->matrix;
	input.counted = &sample->matrix;
	recommend_defaults(&input.options, RECOMMEND_COSINE);
	input.options.neighbors = 2 * ITEMS;
	input.options.min_support = matrix_support(&sample->matrix, ITEMS / 2);
	input.options.content_weight = 0.25;
	CHECK(recommend_build(&memory_plain, &input, &plain));
	input.content = &content;
	CHECK(recommend_build(&memory_plain, &input, &blended));
	for (t = 0; t < ITEMS; t++)
		if (plain.similar.start[t + 1] > plain.similar.start[t])
		{
			best += plain.similar.score[plain.similar.start[t]];
			active++;
		}
	CHECK(active >= ITEMS / 2 && active < ITEMS);
	best /= active;
	for (t = 0; t < ITEMS; t++)
	{
		uint32_t	s;

		CHECK(blended.similar.start[t + 1] - blended.similar.start[t] == ITEMS - 1);
		for (s = 0; s < ITEMS; s++)
			if (s != t)
				CHECK(fabs(weight_of(&blended.similar, t, s) -
						   (0.75 * weight_of(&plain.similar, t, s) / best + 0.25)) < 1e-6);
	}
	recommend_end(&memory_plain, &plain);
	recommend_end(&memory_plain, &blended);

	/* By content alone: its lists as they are */
	recommend_defaults(&input.options, RECOMMEND_CONTENT);
	CHECK(recommend_build(&memory_plain, &input, &plain));
	CHECK(neighbors_count(&plain.similar) == neighbors_count(&content));
	CHECK(weight_of(&plain.similar, 3, 4) == 1);
	recommend_end(&memory_plain, &plain);
	neighbors_end(&memory_plain, &content);
}

int
main(void)
{
	Sample		sample;

	make(&sample, false);
	equals_ease(&sample);
	equals_closed_form(&sample);
	whole_model(&sample, RECOMMEND_LOCAL_RIDGE);
	whole_model(&sample, RECOMMEND_USER_COSINE);
	whole_model(&sample, RECOMMEND_USER_KNN);
	blends(&sample);
	end(&sample);
	make(&sample, true);
	equals_ease(&sample);
	equals_closed_form(&sample);
	end(&sample);
	return check_report();
}
