/*-------------------------------------------------------------------------
 *
 * neighbors.c
 *	  The items most like each item, by what customers had.
 *
 * An item's sums with all that are more popular lie in one array, small enough
 * for the nearest cache: counts are bytes where the item has less than 256
 * customers.  Where most of that array is touched, the sums that could enter a
 * list are found by sweeping it in blocks: items of a block have about the
 * same customers, so that one bound on the sum holds for all of them.  Where
 * few are touched, they are kept in a list.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/neighbors.h"

#include <float.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Items of a block */
#define BLOCK 64

/* Items that a process takes at a time */
#define ITEMS_A_TURN 16

/* Customers whose items are fetched ahead */
#define AHEAD 6

/* Pairs reckoned for each place of the sums from which on they are swept */
#define SWEPT_FROM 0.06

/* Tries to take a lock before another process is let go on */
#define TRIES 100

#define BM25_K1 1.2
#define BM25_B 0.75

/* What a row's function needs beside the kernel */
typedef struct Row
{
	uint32_t	item;
	bool		is_swept;
	bool		is_alone;
	double		most;			/* that a sum can be */
	void	   *sums;			/* all 0 between rows */
	uint32_t   *touched;
	float	   *bars;			/* of each block, the least sum wanted */
} Row;

static bool
reckons_cosine(RecommendMethod method)
{
	return method != RECOMMEND_JACCARD && method != RECOMMEND_LLR && method != RECOMMEND_BM25;
}

void
kernel_start(Kernel *kernel, const Matrix *matrix, const RecommendOptions *options,
			 uint32_t n_active)
{
	uint32_t	customer;

	memset(kernel, 0, sizeof(*kernel));
	kernel->method = options->method;

	/* The ridge's candidates are those of user_cosine. */
	if (options->method == RECOMMEND_LOCAL_RIDGE)
		kernel->method = RECOMMEND_USER_COSINE;
	kernel->neighbors = options->neighbors;
	kernel->n_items = matrix->n_items;
	kernel->n_active = n_active;
	kernel->n_customers = matrix->n_customers;
	kernel->n_entries = matrix->n_entries;
	kernel->shrink = options->shrink;
	kernel->source_exponent = options->source_exponent;
	kernel->target_exponent = options->target_exponent;
	kernel->per_source = options->per_source;
	kernel->is_symmetric = !reckons_cosine(kernel->method) ||
		options->source_exponent == options->target_exponent;
	kernel->has_values = matrix->values != NULL && kernel->method != RECOMMEND_LLR;
	kernel->has_own_values = kernel->has_values &&
		(kernel->method == RECOMMEND_TFIDF || kernel->method == RECOMMEND_BM25);
	kernel->has_weights = kernel->method == RECOMMEND_USER_COSINE ||
		kernel->method == RECOMMEND_TFIDF || kernel->method == RECOMMEND_BM25;
	kernel->has_logs = kernel->method == RECOMMEND_LLR;
	kernel->customer_start = matrix->customer_start;
	kernel->items = matrix->items;
	kernel->values = matrix->values;
	kernel->item_start = matrix->item_start;
	kernel->customers = matrix->customers;
	kernel->item_values = matrix->item_values;
	for (customer = 0; customer < matrix->n_customers; customer++)
		kernel->n_present += matrix_basket(matrix, customer) > 0;
	kernel->log_present = log(kernel->n_present > 0 ? (double) kernel->n_present : 1);
}

uint32_t
neighbors_active(const Matrix *matrix, uint32_t min_support)
{
	uint32_t	least = min_support > 1 ? min_support : 1;
	uint32_t	n = matrix->n_items;

	while (n > 0 && matrix_support(matrix, n - 1) < least)
		n--;
	return n;
}

/* Items in whole blocks */
static size_t
padded(const Kernel *kernel)
{
	return ((size_t) kernel->n_items + BLOCK - 1) / BLOCK * BLOCK;
}

/* Takes so many bytes of the block, which begins at NULL to count only. */
static void *
take(char *block, size_t *used, size_t count, size_t size)
{
	char	   *place = block == NULL ? NULL : block + *used;

	*used += (count * size + 63) / 64 * 64;
	return place;
}

static size_t
place_arrays(Kernel *kernel, char *block)
{
	size_t		items = padded(kernel);
	size_t		blocks = items / BLOCK;
	size_t		used = 0;

	if (kernel->has_weights)
		kernel->weight = take(block, &used, kernel->n_customers, sizeof(double));
	kernel->source = take(block, &used, items, sizeof(double));
	kernel->target = take(block, &used, items, sizeof(double));
	kernel->block_source = take(block, &used, blocks, sizeof(double));
	kernel->block_target = take(block, &used, blocks, sizeof(double));
	if (kernel->has_logs)
		kernel->logs = take(block, &used, (size_t) kernel->n_present + 1, sizeof(double));
	if (kernel->has_own_values)
	{
		kernel->own_values = take(block, &used, kernel->n_entries, sizeof(float));
		kernel->own_item_values = take(block, &used, kernel->n_entries, sizeof(float));
		if (block != NULL)
		{
			kernel->values = kernel->own_values;
			kernel->item_values = kernel->own_item_values;
		}
	}
	kernel->heaps = take(block, &used, (size_t) kernel->n_active * kernel->neighbors,
						 sizeof(Neighbor));
	kernel->heap_size = take(block, &used, items, sizeof(uint32_t));
	kernel->worst = take(block, &used, items, sizeof(float));
	kernel->block_worst = take(block, &used, blocks, sizeof(float));
	kernel->locks = take(block, &used, items, 1);
	kernel->next = take(block, &used, 1, sizeof(uint32_t));
	return used;
}

size_t
kernel_size(const Kernel *kernel)
{
	Kernel		copy = *kernel;

	return place_arrays(&copy, NULL);
}

void
kernel_place(Kernel *kernel, void *block)
{
	(void) place_arrays(kernel, block);
}

static size_t
place_matrix(Kernel *kernel, char *block)
{
	size_t		used = 0;

	kernel->customer_start = take(block, &used, (size_t) kernel->n_customers + 1, sizeof(uint64_t));
	kernel->item_start = take(block, &used, (size_t) kernel->n_items + 1, sizeof(uint64_t));
	kernel->items = take(block, &used, kernel->n_entries, sizeof(uint32_t));
	kernel->customers = take(block, &used, kernel->n_entries, sizeof(uint32_t));
	if (kernel->has_values && !kernel->has_own_values)
	{
		kernel->values = take(block, &used, kernel->n_entries, sizeof(float));
		kernel->item_values = take(block, &used, kernel->n_entries, sizeof(float));
	}
	return used;
}

size_t
kernel_matrix_size(const Kernel *kernel)
{
	Kernel		copy = *kernel;

	return place_matrix(&copy, NULL);
}

void
kernel_matrix_place(Kernel *kernel, void *block)
{
	(void) place_matrix(kernel, block);
}

void
kernel_matrix_copy(const Kernel *kernel, void *block)
{
	Kernel		copy = *kernel;
	size_t		n = kernel->n_entries;

	(void) place_matrix(&copy, block);
	memcpy((void *) copy.customer_start, kernel->customer_start,
		   ((size_t) kernel->n_customers + 1) * sizeof(uint64_t));
	memcpy((void *) copy.item_start, kernel->item_start,
		   ((size_t) kernel->n_items + 1) * sizeof(uint64_t));
	memcpy((void *) copy.items, kernel->items, n * sizeof(uint32_t));
	memcpy((void *) copy.customers, kernel->customers, n * sizeof(uint32_t));
	if (kernel->has_values && !kernel->has_own_values)
	{
		memcpy((void *) copy.values, kernel->values, n * sizeof(float));
		memcpy((void *) copy.item_values, kernel->item_values, n * sizeof(float));
	}
}

/*
 * Getting ready
 */

/* An entry's value, as the matrix has it or transformed */
static double
value_of(const Kernel *kernel, const float *values, uint64_t entry)
{
	return kernel->has_values ? (double) values[entry] : 1;
}

/* The length of an item against the mean, for bm25 */
static void
reckon_lengths(const Kernel *kernel, const float *item_values, double *length)
{
	double		all = 0;
	uint32_t	present = 0;
	uint32_t	item;

	for (item = 0; item < kernel->n_items; item++)
	{
		uint64_t	at;

		length[item] = 0;
		for (at = kernel->item_start[item]; at < kernel->item_start[item + 1]; at++)
			length[item] += value_of(kernel, item_values, at);
		all += length[item];
		present += kernel->item_start[item + 1] > kernel->item_start[item];
	}
	for (item = 0; item < kernel->n_items; item++)
		length[item] = BM25_K1 * (1 - BM25_B + (all > 0 ? BM25_B * length[item] * present / all : 0));
}

static double
transform(const Kernel *kernel, double value, uint32_t item)
{
	if (kernel->method == RECOMMEND_TFIDF)
		return sqrt(value);
	return value * (BM25_K1 + 1) / (value + kernel->target[item]);
}

/* Values of our own in place of the matrix's, lengths being in target. */
static void
make_values(Kernel *kernel, const float *values, const float *item_values)
{
	uint64_t	at;
	uint32_t	item;

	for (at = 0; at < kernel->n_entries; at++)
		kernel->own_values[at] = (float) transform(kernel, values[at], kernel->items[at]);
	for (item = 0; item < kernel->n_items; item++)
		for (at = kernel->item_start[item]; at < kernel->item_start[item + 1]; at++)
			kernel->own_item_values[at] = (float) transform(kernel, item_values[at], item);
}

static void
reckon_weights(Kernel *kernel)
{
	double		all = 0;
	uint32_t	customer;

	for (customer = 0; customer < kernel->n_customers; customer++)
	{
		uint64_t	first = kernel->customer_start[customer];
		uint64_t	end = kernel->customer_start[customer + 1];
		double		weight;

		if (kernel->method == RECOMMEND_USER_COSINE)
		{
			double		squares = (double) (end - first);

			if (kernel->has_values)
			{
				uint64_t	at;

				for (squares = 0, at = first; at < end; at++)
					squares += (double) kernel->values[at] * kernel->values[at];
			}
			weight = squares > 0 ? 1 / squares : 0;
		}
		else
		{
			weight = log((double) kernel->n_items / (double) (1 + end - first));
			weight *= weight;
		}
		kernel->weight[customer] = weight;
		all += weight * (double) (end - first);
	}

	/* So that shrink is in customers, whatever the weights */
	if (kernel->method == RECOMMEND_TFIDF && all > 0)
		for (customer = 0; customer < kernel->n_customers; customer++)
			kernel->weight[customer] *= (double) kernel->n_entries / all;
}

static double
power(double norm, double exponent)
{
	return exponent == 0.5 ? sqrt(norm) : pow(norm, exponent);
}

static void
reckon_norms(Kernel *kernel)
{
	uint32_t	item;

	for (item = 0; item < kernel->n_items; item++)
	{
		uint64_t	first = kernel->item_start[item];
		uint64_t	end = kernel->item_start[item + 1];
		double		norm = (double) (end - first);

		if (kernel->has_values || kernel->method == RECOMMEND_TFIDF)
		{
			uint64_t	at;

			for (norm = 0, at = first; at < end; at++)
			{
				double		value = value_of(kernel, kernel->item_values, at);

				norm += value * value *
					(kernel->method == RECOMMEND_TFIDF ? kernel->weight[kernel->customers[at]] : 1);
			}
		}
		if (kernel->method == RECOMMEND_BM25)
		{
			double		factor = kernel->has_own_values ? 1 : transform(kernel, 1, item);

			kernel->source[item] = factor;
			kernel->target[item] = factor;
		}
		else if (reckons_cosine(kernel->method))
		{
			kernel->source[item] = power(norm, kernel->source_exponent);
			kernel->target[item] = power(norm, kernel->target_exponent);
		}
		else
		{
			kernel->source[item] = norm;
			kernel->target[item] = kernel->method == RECOMMEND_LLR ? log(norm) : norm;
		}
	}
}

/* What a block's items make of a bound: the most of factors, the least of norms */
static void
reckon_blocks(Kernel *kernel)
{
	bool		wants_most = kernel->method == RECOMMEND_BM25;
	bool		wants_most_source = wants_most || kernel->method == RECOMMEND_LLR;
	uint32_t	item;

	for (item = 0; item < kernel->n_active; item++)
	{
		uint32_t	block = item / BLOCK;

		if (item % BLOCK == 0 || (kernel->source[item] > kernel->block_source[block]) == wants_most_source)
			kernel->block_source[block] = kernel->source[item];
		if (item % BLOCK == 0 || (kernel->target[item] > kernel->block_target[block]) == wants_most)
			kernel->block_target[block] = kernel->target[item];
	}
}

bool
kernel_prepare(const Memory *memory, const Matrix *matrix, Kernel *kernel)
{
	size_t		n = padded(kernel);
	uint32_t	item;

	if (kernel->method == RECOMMEND_BM25)
		reckon_lengths(kernel, matrix->item_values, kernel->target);
	if (kernel->has_own_values)
		make_values(kernel, matrix->values, matrix->item_values);
	if (kernel->has_weights)
		reckon_weights(kernel);
	if (!memory->may_go_on(memory->arg))
		return false;
	reckon_norms(kernel);
	reckon_blocks(kernel);
	if (kernel->has_logs)
	{
		kernel->logs[0] = 0;
		for (item = 1; item <= kernel->n_present; item++)
			kernel->logs[item] = item * log((double) item);
	}
	memset(kernel->heap_size, 0, n * sizeof(uint32_t));
	memset(kernel->locks, 0, n);
	for (item = 0; item < n; item++)
		kernel->worst[item] = item < kernel->n_active ? 0 : INFINITY;
	memset(kernel->block_worst, 0, n / BLOCK * sizeof(float));
	*kernel->next = 0;
	return memory->may_go_on(memory->arg);
}

/*
 * Scores and lists
 */

static double
xlogx(double x)
{
	return x > 0 ? x * log(x) : 0;
}

double
neighbors_llr(double both, double one, double other, double all)
{
	double		ratio;

	if (!(both * all > one * other))
		return 0;
	ratio = xlogx(both) + xlogx(one - both) + xlogx(other - both) +
		xlogx(all - one - other + both) - xlogx(one) - xlogx(other) -
		xlogx(all - one) - xlogx(all - other) + xlogx(all);
	return ratio > 0 ? 2 * ratio : 0;
}

/* The same of counts, by the table */
static double
llr_of(const Kernel *kernel, uint32_t both, uint32_t one, uint32_t other)
{
	const double *logs = kernel->logs;
	uint32_t	all = kernel->n_present;
	double		ratio;

	if (!((double) both * all > (double) one * other))
		return 0;
	ratio = logs[both] + logs[one - both] + logs[other - both] +
		logs[all - one - (other - both)] - logs[one] - logs[other] -
		logs[all - one] - logs[all - other] + logs[all];
	return ratio > 0 ? 2 * ratio : 0;
}

static inline double
score_of(const Kernel *kernel, double sum, uint32_t s, uint32_t t)
{
	switch (kernel->method)
	{
		case RECOMMEND_JACCARD:
			return sum / (kernel->source[s] + kernel->source[t] - sum + kernel->shrink);
		case RECOMMEND_BM25:
			return sum * (kernel->source[s] * kernel->source[t]);
		case RECOMMEND_LLR:
			return llr_of(kernel, (uint32_t) sum, (uint32_t) kernel->source[s],
						  (uint32_t) kernel->source[t]);
		default:
			return sum / (kernel->source[s] * kernel->target[t] + kernel->shrink);
	}
}

/*
 * No item of the block has a ratio of worst with fewer customers of both, c.
 * Of the four terms of the sum of observed log (observed / expected) those of
 * one without the other are below 0, and that of neither, (e + d) log (1 + d /
 * e) with d at most c, is at most c + c^2 / e.  So half the ratio is at most
 *
 *		c (log (c all / (one other)) + 1 + c / e)
 *
 * in which c is at most what the item itself has.
 */
static double
llr_least(const Kernel *kernel, uint32_t i, uint32_t block, double worst)
{
	double		all = kernel->n_present;
	double		one = kernel->source[i];
	double		neither = (all - one) * (all - kernel->block_source[block]) / all;

	if (neither <= 0)
		return 0;
	return 0.5 * worst / (kernel->log_present - kernel->block_target[block] + 1 + one / neither);
}

/* Sums below it are wanted neither by item i's list nor by any of the block. */
static inline double
least_sum(const Kernel *kernel, uint32_t i, uint32_t block)
{
	double		worst = kernel->worst[i] < kernel->block_worst[block] ?
		kernel->worst[i] : kernel->block_worst[block];
	double		bound;
	double		other;

	/* Scores are rounded to floats, and these sums to doubles. */
	worst *= 1 - 1e-6;
	switch (kernel->method)
	{
		case RECOMMEND_JACCARD:
			return worst * (kernel->source[i] + kernel->block_source[block] + kernel->shrink) /
				(1 + worst);
		case RECOMMEND_BM25:
			return worst / (kernel->source[i] * kernel->block_source[block]);
		case RECOMMEND_LLR:
			return llr_least(kernel, i, block, worst);
		default:
			bound = kernel->source[i] * kernel->block_target[block];
			other = kernel->target[i] * kernel->block_source[block];
			return worst * ((bound < other ? bound : other) + kernel->shrink);
	}
}

static inline bool
is_worse(Neighbor a, Neighbor b)
{
	return a.score < b.score || (a.score == b.score && a.item > b.item);
}

static void
lock(uint8_t *byte)
{
	int			tries = 0;

	while (__atomic_test_and_set(byte, __ATOMIC_ACQUIRE))
		if (++tries % TRIES == 0)
			sched_yield();
}

static void
unlock(uint8_t *byte)
{
	__atomic_clear(byte, __ATOMIC_RELEASE);
}

static void
raise_up(Neighbor *heap, uint32_t place, Neighbor new)
{
	while (place > 0 && is_worse(new, heap[(place - 1) / 2]))
	{
		heap[place] = heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	heap[place] = new;
}

static void
sink_down(Neighbor *heap, uint32_t size, Neighbor new)
{
	uint32_t	place = 0;

	for (;;)
	{
		uint32_t	child = 2 * place + 1;

		if (child >= size)
			break;
		if (child + 1 < size && is_worse(heap[child + 1], heap[child]))
			child++;
		if (!is_worse(heap[child], new))
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = new;
}

/*
 * A list wants more than before.  Other processes may raise others of the
 * block at the same time: what is written may be too low, which costs time,
 * but never too high, since no list ever wants less.
 */
static void
raise_bar(Kernel *kernel, uint32_t owner, float worst)
{
	uint32_t	block = owner / BLOCK;
	float		before = kernel->worst[owner];

	kernel->worst[owner] = worst;
	if (before <= kernel->block_worst[block])
	{
		const float *of_block = kernel->worst + (size_t) block * BLOCK;
		float		least = of_block[0];
		uint32_t	k;

		for (k = 1; k < BLOCK; k++)
			least = of_block[k] < least ? of_block[k] : least;
		kernel->block_worst[block] = least;
	}
}

/* Puts the neighbor into the list of its owner, if it is wanted there. */
static inline void
offer(Kernel *kernel, uint32_t owner, uint32_t other, double exact, bool is_alone)
{
	Neighbor	new = {(float) exact, other};
	Neighbor   *heap;

	if (new.score < kernel->worst[owner] || !(new.score > 0))
		return;
	heap = kernel->heaps + (size_t) owner * kernel->neighbors;
	if (!is_alone)
		lock(&kernel->locks[owner]);
	if (kernel->heap_size[owner] < kernel->neighbors)
	{
		raise_up(heap, kernel->heap_size[owner]++, new);
		if (kernel->heap_size[owner] == kernel->neighbors)
			raise_bar(kernel, owner, heap[0].score);
	}
	else if (is_worse(heap[0], new))
	{
		float		before = heap[0].score;

		sink_down(heap, kernel->neighbors, new);
		if (heap[0].score > before)
			raise_bar(kernel, owner, heap[0].score);
	}
	if (!is_alone)
		unlock(&kernel->locks[owner]);
}

static inline void
offer_pair(Kernel *kernel, uint32_t i, uint32_t j, double sum, bool is_alone)
{
	double		to_i;
	double		to_j;

	/* The list of a target has what the others say for it. */
	if (kernel->is_symmetric)
		to_i = to_j = score_of(kernel, sum, i, j);
	else
	{
		to_i = kernel->per_source ? score_of(kernel, sum, i, j) : score_of(kernel, sum, j, i);
		to_j = kernel->per_source ? score_of(kernel, sum, j, i) : score_of(kernel, sum, i, j);
	}
	offer(kernel, i, j, to_i, is_alone);
	offer(kernel, j, i, to_j, is_alone);
}

#define ROW_NAME row_of_bytes
#define ROW_TYPE uint8_t
#define ROW_COUNTS 1
#include "recommend/neighbors_row.h"

#define ROW_NAME row_of_shorts
#define ROW_TYPE uint16_t
#define ROW_COUNTS 1
#include "recommend/neighbors_row.h"

#define ROW_NAME row_of_counts
#define ROW_TYPE uint32_t
#define ROW_COUNTS 1
#include "recommend/neighbors_row.h"

#define ROW_NAME row_of_doubles
#define ROW_TYPE double
#define ROW_COUNTS 0
#include "recommend/neighbors_row.h"

/* How often sums are added to for an item: its customers' items, about half */
static double
additions(const Kernel *kernel, uint32_t item)
{
	uint64_t	all = 0;
	uint64_t	at;

	for (at = kernel->item_start[item]; at < kernel->item_start[item + 1]; at++)
		all += kernel->customer_start[kernel->customers[at] + 1] -
			kernel->customer_start[kernel->customers[at]];
	return (double) all / 2;
}

static void
run_item(Kernel *kernel, Row *row)
{
	uint64_t	customers = kernel->item_start[row->item + 1] - kernel->item_start[row->item];
	bool		are_counts = !kernel->has_values && !kernel->has_weights;

	row->is_swept = !kernel->has_values &&
		additions(kernel, row->item) > SWEPT_FROM * row->item * (are_counts ? 1 : 8);
	row->most = are_counts ? (double) customers : INFINITY;
	if (!are_counts)
		row_of_doubles(kernel, row);
	else if (customers <= UINT8_MAX)
		row_of_bytes(kernel, row);
	else if (customers <= UINT16_MAX)
		row_of_shorts(kernel, row);
	else
		row_of_counts(kernel, row);
}

size_t
kernel_run_need(const Kernel *kernel)
{
	return padded(kernel) * (sizeof(double) + sizeof(uint32_t)) + 128;
}

bool
kernel_run(const Memory *memory, Kernel *kernel, bool is_alone)
{
	Row			row;
	bool		goes_on = true;

	memset(&row, 0, sizeof(row));
	row.is_alone = is_alone;
	row.sums = memory_zero_array(memory, padded(kernel) + 1, sizeof(double));
	row.touched = memory_array(memory, padded(kernel) + 1, sizeof(uint32_t));
	row.bars = memory_array(memory, padded(kernel) / BLOCK + 1, sizeof(float));
	if (row.sums == NULL || row.touched == NULL || row.bars == NULL)
		goes_on = false;
	while (goes_on)
	{
		uint32_t	first = __atomic_fetch_add(kernel->next, ITEMS_A_TURN, __ATOMIC_RELAXED);
		uint32_t	end = kernel->n_active - first < ITEMS_A_TURN ? kernel->n_active :
			first + ITEMS_A_TURN;

		if (first >= kernel->n_active)
			break;
		for (row.item = first; goes_on && row.item < end; row.item++)
		{
			run_item(kernel, &row);
			goes_on = memory->may_go_on(memory->arg);
		}
	}
	memory_release(memory, row.sums);
	memory_release(memory, row.touched);
	memory_release(memory, row.bars);
	return goes_on;
}

static int
compare_neighbors(const void *left, const void *right)
{
	const Neighbor *a = left;
	const Neighbor *b = right;

	return is_worse(*a, *b) - is_worse(*b, *a);
}

bool
kernel_lists(const Memory *memory, const Kernel *kernel, NeighborLists *lists)
{
	uint64_t	all = 0;
	uint32_t	item;

	for (item = 0; item < kernel->n_active; item++)
		all += kernel->heap_size[item];
	lists->n_items = kernel->n_items;
	lists->start = memory_array(memory, (size_t) kernel->n_items + 1, sizeof(uint64_t));
	lists->item = memory_array(memory, all, sizeof(uint32_t));
	lists->score = memory_array(memory, all, sizeof(float));
	if (lists->start == NULL || lists->item == NULL || lists->score == NULL)
	{
		neighbors_end(memory, lists);
		return false;
	}
	all = 0;
	for (item = 0; item < kernel->n_items; item++)
	{
		uint32_t	size = item < kernel->n_active ? kernel->heap_size[item] : 0;
		Neighbor   *heap = kernel->heaps + (size_t) item * kernel->neighbors;
		uint32_t	k;

		lists->start[item] = all;
		if (size == 0)
			continue;
		qsort(heap, size, sizeof(Neighbor), compare_neighbors);
		for (k = 0; k < size; k++)
		{
			lists->item[all] = heap[k].item;
			lists->score[all++] = heap[k].score;
		}
	}
	lists->start[kernel->n_items] = all;
	return true;
}

bool
neighbors_build(const Memory *memory, const Matrix *matrix, const RecommendOptions *options,
				uint32_t n_active, NeighborLists *lists)
{
	Kernel		kernel;
	char	   *block;
	bool		done;

	memset(lists, 0, sizeof(*lists));
	kernel_start(&kernel, matrix, options, n_active);
	block = memory->alloc(memory->arg, kernel_size(&kernel) + 64);
	if (block == NULL)
		return false;
	kernel_place(&kernel, block + (64 - (uintptr_t) block % 64) % 64);
	done = kernel_prepare(memory, matrix, &kernel) && kernel_run(memory, &kernel, true) &&
		kernel_lists(memory, &kernel, lists);
	memory_release(memory, block);
	return done;
}

bool
neighbors_transpose(const Memory *memory, const NeighborLists *lists,
					NeighborLists *transposed)
{
	uint64_t	all = neighbors_count(lists);
	uint64_t   *cursor = memory_array(memory, lists->n_items, sizeof(uint64_t));
	uint64_t	at;
	uint32_t	owner;
	uint32_t	item;

	transposed->n_items = lists->n_items;
	transposed->start = memory_zero_array(memory, (size_t) lists->n_items + 1, sizeof(uint64_t));
	transposed->item = memory_array(memory, all, sizeof(uint32_t));
	transposed->score = memory_array(memory, all, sizeof(float));
	if (cursor == NULL || transposed->start == NULL || transposed->item == NULL ||
		transposed->score == NULL)
	{
		memory_release(memory, cursor);
		neighbors_end(memory, transposed);
		return false;
	}
	for (at = 0; at < all; at++)
		transposed->start[lists->item[at] + 1]++;
	for (item = 0; item < lists->n_items; item++)
	{
		transposed->start[item + 1] += transposed->start[item];
		cursor[item] = transposed->start[item];
	}
	for (owner = 0, at = 0; owner < lists->n_items; owner++)
		for (; at < lists->start[owner + 1]; at++)
		{
			uint64_t	place = cursor[lists->item[at]]++;

			transposed->item[place] = owner;
			transposed->score[place] = lists->score[at];
		}
	memory_release(memory, cursor);
	return true;
}

void
neighbors_end(const Memory *memory, NeighborLists *lists)
{
	memory_release(memory, lists->start);
	memory_release(memory, lists->item);
	memory_release(memory, lists->score);
	memset(lists, 0, sizeof(*lists));
}
