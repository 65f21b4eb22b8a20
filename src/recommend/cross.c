/*-------------------------------------------------------------------------
 *
 * cross.c
 *	  What a second event says for purchases.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/cross.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An event's item that may speak for the one that is looked at */
typedef struct Candidate
{
	double		ratio;
	uint32_t	item;
	uint32_t	both;
} Candidate;

static int
compare_candidates(const void *left, const void *right)
{
	const Candidate *a = left;
	const Candidate *b = right;

	if (a->ratio != b->ratio)
		return a->ratio > b->ratio ? -1 : 1;
	return (a->item > b->item) - (a->item < b->item);
}

/* Customers who bought something, or had the event */
static double
count_present(const Matrix *matrix, const Matrix *events)
{
	uint32_t	present = 0;
	uint32_t	customer;

	for (customer = 0; customer < matrix->n_customers; customer++)
		present += matrix_basket(matrix, customer) > 0 || matrix_basket(events, customer) > 0;
	return present;
}

/* Finds the events that go with purchases of the item; sums are 0 before. */
static uint32_t
find_candidates(const Matrix *matrix, const Matrix *events, uint32_t item, double present,
				uint32_t *sums, Candidate *candidates)
{
	uint32_t	found = 0;
	uint32_t	kept = 0;
	uint64_t	at;
	uint32_t	i;

	for (at = matrix->item_start[item]; at < matrix->item_start[item + 1]; at++)
	{
		uint32_t	customer = matrix->customers[at];
		uint64_t	k;

		for (k = events->customer_start[customer]; k < events->customer_start[customer + 1]; k++)
			if (sums[events->items[k]]++ == 0)
				candidates[found++].item = events->items[k];
	}
	for (i = 0; i < found; i++)
	{
		Candidate	candidate = candidates[i];

		candidate.both = sums[candidate.item];
		sums[candidate.item] = 0;
		candidate.ratio = neighbors_llr(candidate.both, matrix_support(events, candidate.item),
										matrix_support(matrix, item), present);
		if (candidate.ratio > 0)
			candidates[kept++] = candidate;
	}
	qsort(candidates, kept, sizeof(Candidate), compare_candidates);
	return kept;
}

static float
score_of(const RecommendOptions *options, const Candidate *candidate, double one, double other)
{
	if (options->method == RECOMMEND_LLR)
		return (float) candidate->ratio;
	return (float) (candidate->both / (sqrt(one * other) + options->shrink));
}

uint64_t
cross_need(const Matrix *matrix, const RecommendOptions *options, uint32_t n_active)
{
	return (uint64_t) n_active * options->neighbors * 8 +
		(uint64_t) matrix->n_items * (sizeof(uint32_t) + sizeof(Candidate) + sizeof(uint64_t));
}

bool
cross_build(const Memory *memory, const Matrix *matrix, const Matrix *events,
			const RecommendOptions *options, uint32_t n_active, NeighborLists *lists)
{
	double		present = count_present(matrix, events);
	size_t		most = (size_t) n_active * options->neighbors;
	uint32_t   *sums = memory_zero_array(memory, matrix->n_items, sizeof(uint32_t));
	Candidate  *candidates = memory_array(memory, matrix->n_items, sizeof(Candidate));
	uint64_t	all = 0;
	uint32_t	item;
	bool		goes_on;

	lists->n_items = matrix->n_items;
	lists->start = memory_array(memory, (size_t) matrix->n_items + 1, sizeof(uint64_t));
	lists->item = memory_array(memory, most, sizeof(uint32_t));
	lists->score = memory_array(memory, most, sizeof(float));
	goes_on = sums != NULL && candidates != NULL && lists->start != NULL &&
		lists->item != NULL && lists->score != NULL;
	for (item = 0; goes_on && item < matrix->n_items; item++)
	{
		uint32_t	n = item < n_active ?
			find_candidates(matrix, events, item, present, sums, candidates) : 0;
		uint32_t	i;

		lists->start[item] = all;
		for (i = 0; i < n && i < options->neighbors; i++)
		{
			lists->item[all] = candidates[i].item;
			lists->score[all++] = score_of(options, &candidates[i],
										   matrix_support(events, candidates[i].item),
										   matrix_support(matrix, item));
		}
		goes_on = memory->may_go_on(memory->arg);
	}
	memory_release(memory, sums);
	memory_release(memory, candidates);
	if (goes_on)
		lists->start[matrix->n_items] = all;
	else
		neighbors_end(memory, lists);
	return goes_on;
}
