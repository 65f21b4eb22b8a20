/*-------------------------------------------------------------------------
 *
 * neighbors.c
 *	  Each method against its definition, reckoned pair by pair.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "recommend/neighbors.h"

/* A matrix of chance, and the same spread out as a table */
typedef struct Sample
{
	Names		customers;
	Names		items;
	Interactions rows;
	Matrix		matrix;
	double	   *x;				/* customer by item, 0 where there is nothing */
} Sample;

static double
x_of(const Sample *sample, uint32_t customer, uint32_t item)
{
	return sample->x[(size_t) customer * sample->matrix.n_items + item];
}

static void
make(Sample *sample, uint32_t customers, uint32_t items, uint32_t rows, bool has_weights)
{
	MatrixOptions options = {0, NULL, NULL, true};
	const Matrix *m = &sample->matrix;
	Random		random;
	char		text[16];
	uint32_t	i;

	random_start(&random, 5, customers + items);
	CHECK(names_start(&sample->customers, &memory_plain));
	CHECK(names_start(&sample->items, &memory_plain));
	CHECK(interactions_start(&sample->rows, &memory_plain, &sample->customers,
							 &sample->items, has_weights, false));
	for (i = 0; i < rows; i++)
	{
		uint32_t	c;
		uint32_t	t;

		snprintf(text, sizeof(text), "c%u", random_below(&random, customers));
		c = names_number(&sample->customers, text, (uint32_t) strlen(text));
		snprintf(text, sizeof(text), "i%u", random_below(&random, 1 + random_below(&random, items)));
		t = names_number(&sample->items, text, (uint32_t) strlen(text));
		CHECK(interactions_add(&sample->rows, c, t, 0.25 + random_below(&random, 16) / 4.0, 0));
	}
	CHECK(matrix_build(&memory_plain, &sample->rows, &options, &sample->matrix));
	sample->x = calloc((size_t) m->n_customers * m->n_items, sizeof(double));
	for (i = 0; i < m->n_customers; i++)
	{
		uint64_t	at;

		for (at = m->customer_start[i]; at < m->customer_start[i + 1]; at++)
			sample->x[(size_t) i * m->n_items + m->items[at]] =
				m->values != NULL ? (double) m->values[at] : 1;
	}
}

static void
end(Sample *sample)
{
	matrix_end(&sample->matrix);
	interactions_end(&sample->rows);
	names_end(&sample->customers);
	names_end(&sample->items);
	free(sample->x);
}

/*
 * The score by the definitions of neighbors.h, on the table, which does not
 * know of lists.
 */
typedef struct Witness
{
	const Sample *sample;
	const RecommendOptions *options;
	double	   *had;			/* by customer: items, and sum of squares */
	double	   *squares;
	double	   *support;		/* by item: customers, sum of x */
	double	   *sum;
	double		mean_sum;
	double		mean_weight;
	double		present;
} Witness;

static double
idf_of(const Witness *witness, uint32_t customer)
{
	return log(witness->sample->matrix.n_items / (1 + witness->had[customer]));
}

static void
witness_start(Witness *witness, const Sample *sample, const RecommendOptions *options)
{
	const Matrix *m = &sample->matrix;
	double		entries = 0;
	uint32_t	c;
	uint32_t	i;

	witness->sample = sample;
	witness->options = options;
	witness->had = calloc(m->n_customers, sizeof(double));
	witness->squares = calloc(m->n_customers, sizeof(double));
	witness->support = calloc(m->n_items, sizeof(double));
	witness->sum = calloc(m->n_items, sizeof(double));
	witness->mean_sum = witness->mean_weight = witness->present = 0;
	for (c = 0; c < m->n_customers; c++)
		for (i = 0; i < m->n_items; i++)
		{
			double		x = x_of(sample, c, i);

			witness->had[c] += x != 0;
			witness->squares[c] += x * x;
			witness->support[i] += x != 0;
			witness->sum[i] += x;
			witness->mean_sum += x / m->n_items;
		}
	for (c = 0; c < m->n_customers; c++)
	{
		entries += witness->had[c];
		witness->present += witness->had[c] > 0;
		witness->mean_weight += witness->had[c] * idf_of(witness, c) * idf_of(witness, c);
	}
	witness->mean_weight /= entries;
}

static void
witness_end(Witness *witness)
{
	free(witness->had);
	free(witness->squares);
	free(witness->support);
	free(witness->sum);
}

static double
bm25_of(const Witness *witness, uint32_t c, uint32_t i)
{
	double		x = x_of(witness->sample, c, i);
	double		length = 0.25 + 0.75 * witness->sum[i] / witness->mean_sum;

	return idf_of(witness, c) * x * 2.2 / (x + 1.2 * length);
}

static double
table_llr(double a, double b, double c, double d)
{
	double		cells[4] = {a, b, c, d};
	double		rows[2] = {a + b, c + d};
	double		columns[2] = {a + c, b + d};
	double		all = a + b + c + d;
	double		sum = 0;
	int			i;

	/* 2 sum of observed log (observed / expected) */
	for (i = 0; i < 4; i++)
		if (cells[i] > 0)
			sum += cells[i] * log(cells[i] * all / (rows[i / 2] * columns[i % 2]));
	return a * all > (a + b) * (a + c) ? 2 * sum : 0;
}

static double
witness_score(const Witness *witness, uint32_t s, uint32_t t)
{
	const Sample *sample = witness->sample;
	const RecommendOptions *o = witness->options;
	double		both = 0;
	double		norm_s = 0;
	double		norm_t = 0;
	uint32_t	c;

	for (c = 0; c < sample->matrix.n_customers; c++)
	{
		double		a = x_of(sample, c, s);
		double		b = x_of(sample, c, t);
		double		idf;

		switch (o->method)
		{
			case RECOMMEND_LLR:
				both += a != 0 && b != 0;
				break;
			case RECOMMEND_BM25:
				both += bm25_of(witness, c, s) * bm25_of(witness, c, t);
				break;
			case RECOMMEND_TFIDF:
				idf = idf_of(witness, c) * idf_of(witness, c) / witness->mean_weight;
				both += idf * sqrt(a * b);
				norm_s += idf * a;
				norm_t += idf * b;
				break;
			default:
				both += a * b / (o->method == RECOMMEND_USER_COSINE && witness->squares[c] > 0 ?
								 witness->squares[c] : 1);
				norm_s += a * a;
				norm_t += b * b;
				break;
		}
	}
	if (both == 0)
		return 0;
	if (o->method == RECOMMEND_LLR)
		return table_llr(both, witness->support[s] - both, witness->support[t] - both,
						 witness->present - witness->support[s] - witness->support[t] + both);
	if (o->method == RECOMMEND_BM25)
		return both;
	if (o->method == RECOMMEND_JACCARD)
		return both / (norm_s + norm_t - both + o->shrink);
	return both / (pow(norm_s, o->source_exponent) * pow(norm_t, o->target_exponent) + o->shrink);
}

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-6 * (fabs(b) > 1 ? fabs(b) : 1);
}

static int
compare_doubles(const void *left, const void *right)
{
	const double *a = left;
	const double *b = right;

	return (*a < *b) - (*a > *b);
}

/* The lists have the best there are, with the scores of the definition. */
static void
check_lists(const Sample *sample, const RecommendOptions *options, uint32_t n_active,
			const NeighborLists *lists)
{
	const Matrix *m = &sample->matrix;
	double	   *scores = calloc(m->n_items, sizeof(double));
	double	   *best = calloc(m->n_items, sizeof(double));
	Witness		witness;
	uint32_t	owner;

	witness_start(&witness, sample, options);
	CHECK(lists->n_items == m->n_items);
	for (owner = 0; owner < m->n_items; owner++)
	{
		uint64_t	first = lists->start[owner];
		uint64_t	n = lists->start[owner + 1] - first;
		uint32_t	most = 0;
		uint32_t	i;

		for (i = 0; i < m->n_items; i++)
		{
			scores[i] = i == owner || i >= n_active || owner >= n_active ? 0 :
				options->per_source ? witness_score(&witness, owner, i) :
				witness_score(&witness, i, owner);
			best[i] = scores[i];
			most += scores[i] > 1e-12;
		}
		qsort(best, m->n_items, sizeof(double), compare_doubles);
		CHECK(n == (most < options->neighbors ? most : options->neighbors));
		for (i = 0; i < n; i++)
		{
			CHECK(near(lists->score[first + i], best[i]));
			CHECK(near(lists->score[first + i], scores[lists->item[first + i]]));
			CHECK(i == 0 || lists->score[first + i] < lists->score[first + i - 1] ||
				  (lists->score[first + i] == lists->score[first + i - 1] &&
				   lists->item[first + i] > lists->item[first + i - 1]));
		}
	}
	witness_end(&witness);
	free(scores);
	free(best);
}

static void
check_method(const Sample *sample, const RecommendOptions *options)
{
	uint32_t	n_active = neighbors_active(&sample->matrix, options->min_support);
	NeighborLists lists;

	CHECK(neighbors_build(&memory_plain, &sample->matrix, options, n_active, &lists));
	check_lists(sample, options, n_active, &lists);
	neighbors_end(&memory_plain, &lists);
}

static void
all_methods(uint32_t customers, uint32_t items, uint32_t rows, bool has_weights)
{
	static const RecommendMethod methods[] = {
		RECOMMEND_USER_COSINE, RECOMMEND_COSINE, RECOMMEND_JACCARD, RECOMMEND_LLR,
		RECOMMEND_TFIDF, RECOMMEND_BM25
	};
	Sample		sample;
	size_t		i;

	make(&sample, customers, items, rows, has_weights);
	CHECK((sample.matrix.values != NULL) == has_weights);
	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
	{
		RecommendOptions options;

		recommend_defaults(&options, methods[i]);
		options.shrink = 0;
		options.neighbors = 7;
		check_method(&sample, &options);
		options.shrink = methods[i] == RECOMMEND_LLR || methods[i] == RECOMMEND_BM25 ? 0 : 3.5;
		options.neighbors = RECOMMEND_MAX_NEIGHBORS;
		options.min_support = 4;
		check_method(&sample, &options);
		if (methods[i] == RECOMMEND_LLR || methods[i] == RECOMMEND_BM25 ||
			methods[i] == RECOMMEND_JACCARD)
			continue;
		options.source_exponent = 0.6;
		options.target_exponent = 0.3;
		options.neighbors = 5;
		check_method(&sample, &options);
		options.per_source = true;
		check_method(&sample, &options);
	}
	end(&sample);
}

static void *
run_beside(void *kernel)
{
	Kernel		mine = *(Kernel *) kernel;

	return kernel_run(&memory_plain, &mine, false) ? kernel : NULL;
}

static bool
same_lists(const NeighborLists *a, const NeighborLists *b)
{
	return neighbors_count(a) == neighbors_count(b) && a->n_items == b->n_items &&
		memcmp(a->start, b->start, ((size_t) a->n_items + 1) * sizeof(uint64_t)) == 0 &&
		memcmp(a->item, b->item, neighbors_count(a) * sizeof(uint32_t)) == 0 &&
		memcmp(a->score, b->score, neighbors_count(a) * sizeof(float)) == 0;
}

/* Several that share the kernel make the same bits, on a copy of the matrix. */
static void
several_at_once(RecommendMethod method, bool has_weights)
{
	RecommendOptions options;
	NeighborLists alone;
	NeighborLists together;
	pthread_t	threads[4];
	Kernel		kernel;
	Sample		sample;
	void	   *own;
	void	   *matrix;
	uint32_t	n_active;
	int			i;

	make(&sample, 500, 900, 12000, has_weights);
	recommend_defaults(&options, method);
	options.neighbors = 10;
	n_active = neighbors_active(&sample.matrix, 1);
	CHECK(neighbors_build(&memory_plain, &sample.matrix, &options, n_active, &alone));

	kernel_start(&kernel, &sample.matrix, &options, n_active);
	own = malloc(kernel_size(&kernel));
	matrix = malloc(kernel_matrix_size(&kernel));
	kernel_matrix_copy(&kernel, matrix);
	kernel_matrix_place(&kernel, matrix);
	kernel_place(&kernel, own);
	CHECK(kernel_prepare(&memory_plain, &sample.matrix, &kernel));
	for (i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, run_beside, &kernel) == 0);
	for (i = 0; i < 4; i++)
	{
		void	   *result = NULL;

		CHECK(pthread_join(threads[i], &result) == 0 && result != NULL);
	}
	CHECK(kernel_lists(&memory_plain, &kernel, &together));
	CHECK(same_lists(&alone, &together));
	neighbors_end(&memory_plain, &alone);
	neighbors_end(&memory_plain, &together);
	free(own);
	free(matrix);
	end(&sample);
}

/* Counts beyond a byte, and beyond two, of which all pairs are known */
static void
many_customers(uint32_t customers)
{
	MatrixOptions matrix_options = {0, NULL, NULL, true};
	RecommendOptions options;
	Names		names;
	Names		items;
	Interactions rows;
	Matrix		matrix;
	NeighborLists lists;
	char		text[16];
	uint32_t	i;

	CHECK(names_start(&names, &memory_plain) && names_start(&items, &memory_plain));
	CHECK(interactions_start(&rows, &memory_plain, &names, &items, false, false));
	CHECK(names_number(&items, "all", 3) == 0 && names_number(&items, "even", 4) == 1 &&
		  names_number(&items, "third", 5) == 2);
	for (i = 0; i < customers; i++)
	{
		snprintf(text, sizeof(text), "%u", i);
		CHECK(names_number(&names, text, (uint32_t) strlen(text)) == i);
		CHECK(interactions_add(&rows, i, 0, 1, 0));
		if (i % 2 == 0)
			CHECK(interactions_add(&rows, i, 1, 1, 0));
		if (i % 3 == 0)
			CHECK(interactions_add(&rows, i, 2, 1, 0));
	}
	CHECK(matrix_build(&memory_plain, &rows, &matrix_options, &matrix));
	recommend_defaults(&options, RECOMMEND_COSINE);
	options.shrink = 0;
	CHECK(neighbors_build(&memory_plain, &matrix, &options, 3, &lists));
	CHECK(neighbors_count(&lists) == 6);
	CHECK(lists.item[0] == 1 && near(lists.score[0], sqrt(0.5)));
	CHECK(lists.item[1] == 2 && near(lists.score[1], sqrt(1.0 / 3)));
	CHECK(lists.item[5] == 1 && near(lists.score[5], sqrt(1.0 / 6)));
	neighbors_end(&memory_plain, &lists);
	matrix_end(&matrix);
	interactions_end(&rows);
	names_end(&names);
	names_end(&items);
}

/* What lists pruned for targets say about sources is all there, once. */
static void
transposing(void)
{
	RecommendOptions options;
	NeighborLists lists;
	NeighborLists by_source;
	NeighborLists again;
	Sample		sample;
	uint32_t	item;
	uint64_t	at;

	make(&sample, 60, 40, 600, false);
	recommend_defaults(&options, RECOMMEND_COSINE);
	options.neighbors = 5;
	CHECK(neighbors_build(&memory_plain, &sample.matrix, &options, sample.matrix.n_items, &lists));
	CHECK(neighbors_transpose(&memory_plain, &lists, &by_source));
	CHECK(neighbors_transpose(&memory_plain, &by_source, &again));
	CHECK(neighbors_count(&by_source) == neighbors_count(&lists));
	for (item = 0; item < sample.matrix.n_items; item++)
	{
		CHECK(again.start[item] == lists.start[item]);
		for (at = by_source.start[item]; at < by_source.start[item + 1]; at++)
		{
			uint64_t	k = lists.start[by_source.item[at]];
			uint64_t	stop = lists.start[by_source.item[at] + 1];

			while (k < stop && lists.item[k] != item)
				k++;
			CHECK(k < stop && lists.score[k] == by_source.score[at]);
		}
	}
	neighbors_end(&memory_plain, &lists);
	neighbors_end(&memory_plain, &by_source);
	neighbors_end(&memory_plain, &again);
	end(&sample);
}

int
main(void)
{
	/* "the swiss", the first line of the table in Dunning 1993 */
	CHECK(fabs(neighbors_llr(110, 2552, 221, 31777) - 270.72) < 0.01);

	all_methods(60, 40, 600, false);
	all_methods(60, 40, 600, true);
	all_methods(40, 300, 260, false);
	all_methods(40, 300, 260, true);
	all_methods(1, 30, 40, false);
	all_methods(30, 1, 40, false);
	many_customers(1002);
	many_customers(70002);
	several_at_once(RECOMMEND_COSINE, false);
	several_at_once(RECOMMEND_USER_COSINE, false);
	several_at_once(RECOMMEND_LLR, false);
	several_at_once(RECOMMEND_BM25, true);
	transposing();
	return check_report();
}
