/*-------------------------------------------------------------------------
 *
 * ridge.c
 *	  Weights learned for neighbors: a ridge regression for each item.
 *
 * The equations of some targets are gathered together: one row of G after the
 * other is reckoned, as far as more popular items go, and each target that
 * has the row's item among its candidates takes what it needs of it.  Each
 * number of an equation comes from one row, so turns do not change a bit.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/ridge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Customers whose items are fetched ahead */
#define AHEAD 6

/* Counts to here are exact as floats. */
#define EXACT_COUNT 16777216

typedef struct Ridge
{
	const Memory *memory;
	const Matrix *matrix;
	const RecommendOptions *options;
	const NeighborLists *candidates;
	NeighborLists targets;		/* of each item those that it is a candidate of */
	uint32_t   *rising;			/* candidates of each target by number */
	uint32_t   *counts;			/* a row of G without values, all 0 between rows */
	double	   *sums;			/* with values, NULL without */

	/*
	 * The equations of targets first .. end - 1, one after the other: the
	 * lower triangle of G_NN by rows, then g; as floats where that is exact.
	 */
	uint32_t	first;
	uint32_t	end;
	uint64_t   *place;			/* of each target's, from first on */
	bool		is_wide;
	void	   *equations;
	double	   *triangle;		/* one equation being solved */
	double	   *solution;
} Ridge;

static uint64_t
equation_size(uint64_t n)
{
	return n * (n + 1) / 2 + n;
}

static uint32_t
candidates_of(const NeighborLists *candidates, uint32_t target)
{
	return (uint32_t) (candidates->start[target + 1] - candidates->start[target]);
}

static void
put(const Ridge *ridge, uint64_t place, double number)
{
	if (ridge->is_wide)
		((double *) ridge->equations)[place] = number;
	else
		((float *) ridge->equations)[place] = (float) number;
}

static double
get(const Ridge *ridge, uint64_t place)
{
	return ridge->is_wide ? ((const double *) ridge->equations)[place] :
		(double) ((const float *) ridge->equations)[place];
}

static int
compare_numbers(const void *left, const void *right)
{
	const uint32_t *a = left;
	const uint32_t *b = right;

	return (*a > *b) - (*a < *b);
}

/* The row of G of an item, up to itself */
static void
reckon_row(Ridge *ridge, uint32_t item)
{
	const Matrix *matrix = ridge->matrix;
	uint64_t	end = matrix->item_start[item + 1];
	uint64_t	at;

	for (at = matrix->item_start[item]; at < end; at++)
	{
		uint64_t	first = matrix->customer_start[matrix->customers[at]];
		const uint32_t *list = matrix->items + first;
		uint32_t	j;

		if (at + AHEAD < end)
			__builtin_prefetch(matrix->items + matrix->customer_start[matrix->customers[at + AHEAD]]);
		if (ridge->sums == NULL)
		{
			uint32_t   *counts = ridge->counts;

			while ((j = *list++) < item)
				counts[j]++;
			counts[item]++;
		}
		else
		{
			double		value = matrix->item_values[at];
			const float *others = matrix->values + first;

			do
			{
				j = *list++;
				ridge->sums[j] += value * *others++;
			} while (j < item);
		}
	}
}

static double
row_at(const Ridge *ridge, uint32_t j)
{
	return ridge->sums == NULL ? (double) ridge->counts[j] : ridge->sums[j];
}

static void
clear_row(Ridge *ridge, uint32_t item)
{
	if (ridge->sums == NULL)
		memset(ridge->counts, 0, ((size_t) item + 1) * sizeof(uint32_t));
	else
		memset(ridge->sums, 0, ((size_t) item + 1) * sizeof(double));
}

/* Hands the row of the item out to the equations that it is in. */
static void
hand_out(Ridge *ridge, uint32_t item)
{
	const NeighborLists *targets = &ridge->targets;
	uint64_t	at;

	for (at = targets->start[item]; at < targets->start[item + 1]; at++)
	{
		uint32_t	target = targets->item[at];
		uint64_t	place;
		const uint32_t *list;
		uint32_t	n;
		uint32_t	row;
		uint32_t	k;

		if (target < ridge->first || target >= ridge->end)
			continue;
		list = ridge->rising + ridge->candidates->start[target];
		n = candidates_of(ridge->candidates, target);
		place = ridge->place[target - ridge->first];
		for (row = 0; list[row] != item;)
			row++;
		for (k = 0; k <= row; k++)
			put(ridge, place + (uint64_t) row * (row + 1) / 2 + k, row_at(ridge, list[k]));
		if (target < item)
			put(ridge, place + (uint64_t) n * (n + 1) / 2 + row, row_at(ridge, target));
	}

	/* And to its own, what concerns more popular ones */
	if (item >= ridge->first && item < ridge->end)
	{
		const uint32_t *list = ridge->rising + ridge->candidates->start[item];
		uint32_t	n = candidates_of(ridge->candidates, item);
		uint64_t	place = ridge->place[item - ridge->first] + (uint64_t) n * (n + 1) / 2;
		uint32_t	k;

		for (k = 0; k < n && list[k] < item; k++)
			put(ridge, place + k, row_at(ridge, list[k]));
	}
}

/* The sum of products, as four sums that do not wait for each other */
static double
inner_product(const double *a, const double *b, uint32_t n)
{
	double		sums[4] = {0, 0, 0, 0};
	uint32_t	k;

	for (k = 0; k + 4 <= n; k += 4)
	{
		sums[0] += a[k] * b[k];
		sums[1] += a[k + 1] * b[k + 1];
		sums[2] += a[k + 2] * b[k + 2];
		sums[3] += a[k + 3] * b[k + 3];
	}
	for (; k < n; k++)
		sums[0] += a[k] * b[k];
	return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/*
 * Solves the equation in place by Cholesky's factors, a triangle by rows
 * (Golub, Van Loan, Matrix Computations, 4.2), whose diagonal is kept as its
 * inverse.  G_NN + lambda I is positive definite, since lambda is above 0.
 */
static void
solve(double *l, double *x, uint32_t n)
{
	uint32_t	i;
	uint32_t	j;
	uint32_t	k;

	for (i = 0; i < n; i++)
	{
		double	   *row = l + (size_t) i * (i + 1) / 2;
		double		pivot;

		for (j = 0; j < i; j++)
		{
			const double *above = l + (size_t) j * (j + 1) / 2;

			row[j] = (row[j] - inner_product(row, above, j)) * above[j];
		}
		pivot = sqrt(row[i] - inner_product(row, row, i));
		row[i] = 1 / pivot;
		x[i] = (x[i] - inner_product(row, x, i)) * row[i];
	}
	for (i = n; i-- > 0;)
	{
		const double *row = l + (size_t) i * (i + 1) / 2;

		x[i] *= row[i];
		for (k = 0; k < i; k++)
			x[k] -= row[k] * x[i];
	}
}

static int
compare_weights(const void *left, const void *right)
{
	const Neighbor *a = left;
	const Neighbor *b = right;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return (a->item > b->item) - (a->item < b->item);
}

/* Solves the target's equation, and writes its list. */
static uint64_t
finish_target(Ridge *ridge, uint32_t target, Neighbor *list, uint64_t to, NeighborLists *weights)
{
	uint32_t	n = candidates_of(ridge->candidates, target);
	const uint32_t *rising = ridge->rising + ridge->candidates->start[target];
	uint64_t	place = ridge->place[target - ridge->first];
	uint64_t	size = (uint64_t) n * (n + 1) / 2;
	uint32_t	kept = 0;
	uint64_t	at;
	uint32_t	i;

	for (at = 0; at < size; at++)
		ridge->triangle[at] = get(ridge, place + at);
	for (i = 0; i < n; i++)
	{
		ridge->triangle[(uint64_t) i * (i + 1) / 2 + i] += ridge->options->lambda;
		ridge->solution[i] = get(ridge, place + size + i);
	}
	solve(ridge->triangle, ridge->solution, n);
	for (i = 0; i < n; i++)
	{
		float		score = (float) ridge->solution[i];

		if (score != 0 && isfinite(score))
		{
			list[kept].item = rising[i];
			list[kept++].score = score;
		}
	}
	qsort(list, kept, sizeof(Neighbor), compare_weights);
	for (i = 0; i < kept; i++)
	{
		weights->item[to] = list[i].item;
		weights->score[to++] = list[i].score;
	}
	return to;
}

/*
 * How far equations go from the first on that the room has place for, one at
 * least; notes where each begins, and gives the numbers of all.
 */
static uint64_t
plan_turn(Ridge *ridge, uint64_t room, uint32_t n_items)
{
	uint64_t	size = ridge->is_wide ? sizeof(double) : sizeof(float);
	uint64_t	all = 0;

	for (ridge->end = ridge->first; ridge->end < n_items; ridge->end++)
	{
		uint64_t	more = equation_size(candidates_of(ridge->candidates, ridge->end));

		if (ridge->end > ridge->first && (all + more) * size > room)
			break;
		if (ridge->place != NULL)
			ridge->place[ridge->end - ridge->first] = all;
		all += more;
	}
	return all;
}

/* One turn: the rows that its equations need, and their solutions */
static bool
run_turn(Ridge *ridge, uint64_t *to, NeighborLists *weights, Neighbor *list, uint8_t *is_needed)
{
	const Memory *memory = ridge->memory;
	const NeighborLists *candidates = ridge->candidates;
	uint32_t	n_items = candidates->n_items;
	uint32_t	item;
	uint64_t	at;

	memset(is_needed, 0, n_items);
	for (item = ridge->first; item < ridge->end; item++)
	{
		is_needed[item] |= candidates_of(candidates, item) > 0;
		for (at = candidates->start[item]; at < candidates->start[item + 1]; at++)
			is_needed[candidates->item[at]] = 1;
	}
	for (item = 0; item < n_items; item++)
	{
		if (!is_needed[item])
			continue;
		reckon_row(ridge, item);
		hand_out(ridge, item);
		clear_row(ridge, item);
		if (!memory->may_go_on(memory->arg))
			return false;
	}
	for (item = ridge->first; item < ridge->end; item++)
	{
		weights->start[item] = *to;
		*to = finish_target(ridge, item, list, *to, weights);
		if (!memory->may_go_on(memory->arg))
			return false;
	}
	return true;
}

/* Arrays other than the equations */
static bool
start_ridge(Ridge *ridge, NeighborLists *weights)
{
	const Memory *memory = ridge->memory;
	const NeighborLists *candidates = ridge->candidates;
	uint64_t	all = neighbors_count(candidates);
	size_t		n = candidates->n_items;
	size_t		most = ridge->options->neighbors;
	uint32_t	item;

	weights->n_items = candidates->n_items;
	weights->start = memory_array(memory, n + 1, sizeof(uint64_t));
	weights->item = memory_array(memory, all, sizeof(uint32_t));
	weights->score = memory_array(memory, all, sizeof(float));
	ridge->rising = memory_array(memory, all, sizeof(uint32_t));
	if (ridge->matrix->values != NULL)
		ridge->sums = memory_zero_array(memory, n, sizeof(double));
	else
		ridge->counts = memory_zero_array(memory, n, sizeof(uint32_t));
	ridge->triangle = memory_array(memory, most * (most + 1) / 2, sizeof(double));
	ridge->solution = memory_array(memory, most, sizeof(double));
	if (weights->start == NULL || weights->item == NULL || weights->score == NULL ||
		ridge->rising == NULL || (ridge->sums == NULL && ridge->counts == NULL) ||
		ridge->triangle == NULL || ridge->solution == NULL)
		return false;
	for (item = 0; item < n; item++)
	{
		uint32_t   *list = ridge->rising + candidates->start[item];

		memcpy(list, candidates->item + candidates->start[item],
			   candidates_of(candidates, item) * sizeof(uint32_t));
		qsort(list, candidates_of(candidates, item), sizeof(uint32_t), compare_numbers);
	}
	return neighbors_transpose(memory, candidates, &ridge->targets);
}

bool
ridge_build(const Memory *memory, const Matrix *matrix, const RecommendOptions *options,
			const NeighborLists *candidates, uint64_t room, NeighborLists *weights)
{
	Ridge		ridge;
	Neighbor   *list = memory_array(memory, options->neighbors, sizeof(Neighbor));
	uint8_t    *is_needed = memory_array(memory, candidates->n_items, 1);
	uint64_t	to = 0;
	bool		goes_on;

	memset(&ridge, 0, sizeof(ridge));
	memset(weights, 0, sizeof(*weights));
	ridge.memory = memory;
	ridge.matrix = matrix;
	ridge.options = options;
	ridge.candidates = candidates;
	ridge.is_wide = matrix->values != NULL || matrix->n_customers > EXACT_COUNT;
	goes_on = list != NULL && is_needed != NULL && start_ridge(&ridge, weights);
	while (goes_on && ridge.first < candidates->n_items)
	{
		uint64_t	all;

		ridge.place = NULL;
		(void) plan_turn(&ridge, room, candidates->n_items);
		ridge.place = memory_array(memory, ridge.end - ridge.first, sizeof(uint64_t));
		goes_on = ridge.place != NULL;
		if (!goes_on)
			break;
		all = plan_turn(&ridge, room, candidates->n_items);
		ridge.equations = memory_array(memory, all, ridge.is_wide ? sizeof(double) : sizeof(float));
		goes_on = ridge.equations != NULL && run_turn(&ridge, &to, weights, list, is_needed);
		memory_release(memory, ridge.place);
		memory_release(memory, ridge.equations);
		ridge.first = ridge.end;
	}
	if (goes_on)
		weights->start[candidates->n_items] = to;
	neighbors_end(memory, &ridge.targets);
	memory_release(memory, ridge.rising);
	memory_release(memory, ridge.sums);
	memory_release(memory, ridge.counts);
	memory_release(memory, ridge.triangle);
	memory_release(memory, ridge.solution);
	memory_release(memory, list);
	memory_release(memory, is_needed);
	if (!goes_on)
		neighbors_end(memory, weights);
	return goes_on;
}

uint64_t
ridge_need(const Matrix *matrix, const RecommendOptions *options)
{
	uint64_t	most = options->neighbors;
	uint64_t	lists = (uint64_t) matrix->n_items * most;

	return lists * (2 * sizeof(uint32_t) + 2 * sizeof(float) + sizeof(uint32_t)) +
		(uint64_t) matrix->n_items * 40 + equation_size(most) * sizeof(double) * 2;
}
