/*-------------------------------------------------------------------------
 *
 * judge.c
 *	  How well lists of recommended items meet what their users then took.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "recommend/judge.h"

bool
judge_start(const Memory *memory, Judge *judge, uint32_t k, uint32_t n_items,
			const uint32_t *popularity)
{
	memset(judge, 0, sizeof(*judge));
	judge->k = k;
	judge->n_items = n_items;
	judge->popularity = popularity;
	judge->listed = memory_zero_array(memory, (size_t) n_items + 1, sizeof(uint64_t));
	return judge->listed != NULL;
}

void
judge_end(const Memory *memory, Judge *judge)
{
	memory_release(memory, judge->listed);
	judge->listed = NULL;
}

/* Mean and spread by Welford's updates, which lose nothing to large means. */
static void
add(Judge *judge, JudgeMetric metric, double value)
{
	double		away = value - judge->mean[metric];

	judge->n[metric]++;
	judge->mean[metric] += away / (double) judge->n[metric];
	judge->spread[metric] += away * (value - judge->mean[metric]);
}

static bool
is_among(const uint32_t *taken, uint32_t n_taken, uint32_t item)
{
	uint32_t	low = 0;
	uint32_t	high = n_taken;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (taken[middle] < item)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n_taken && taken[low] == item;
}

void
judge_user(Judge *judge, const uint32_t *list, uint32_t n_list,
		   const uint32_t *taken, uint32_t n_taken)
{
	uint32_t	best = n_taken < judge->k ? n_taken : judge->k;
	uint32_t	hits = 0;
	uint32_t	first = 0;
	double		gain = 0;
	double		best_gain = 0;
	double		precisions = 0;
	double		popularity = 0;
	uint32_t	i;

	if (n_list > judge->k)
		n_list = judge->k;
	for (i = 0; i < n_list; i++)
	{
		judge->listed[list[i]]++;
		popularity += judge->popularity[list[i]];
		if (!is_among(taken, n_taken, list[i]))
			continue;
		hits++;
		if (first == 0)
			first = i + 1;
		gain += 1 / log2(i + 2.0);
		precisions += hits / (i + 1.0);
	}
	for (i = 0; i < best; i++)
		best_gain += 1 / log2(i + 2.0);

	judge->users++;
	add(judge, JUDGE_PRECISION, (double) hits / judge->k);
	add(judge, JUDGE_RECALL, (double) hits / n_taken);
	add(judge, JUDGE_NDCG, gain / best_gain);
	add(judge, JUDGE_AVERAGE_PRECISION, precisions / best);
	add(judge, JUDGE_RECIPROCAL_RANK, first > 0 ? 1.0 / first : 0);
	add(judge, JUDGE_HIT, hits > 0);
	if (n_list > 0)
		add(judge, JUDGE_POPULARITY, popularity / n_list);
}

/*
 * 0 where all values are the same, 1 - 1/n where one has all.  Over the sorted
 * values x: sum (2 i - n - 1) x(i) / (n sum x), i from 1.  Values are counts
 * of lists, of which most are small: sorted by counting, as far as that goes.
 */
static bool
gini(const Memory *memory, const uint64_t *values, uint32_t n, double *result)
{
	uint64_t	most = 0;
	double		sum = 0;
	double		weighted = 0;
	uint64_t   *sorted;
	uint64_t   *other;
	uint32_t	i;
	int			shift;

	*result = NAN;
	for (i = 0; i < n; i++)
	{
		if (values[i] > most)
			most = values[i];
		sum += (double) values[i];
	}
	if (most == 0)
		return true;

	sorted = memory_array(memory, n, sizeof(uint64_t));
	other = memory_array(memory, n, sizeof(uint64_t));
	if (sorted == NULL || other == NULL || !memory->may_go_on(memory->arg))
	{
		memory_release(memory, sorted);
		memory_release(memory, other);
		return false;
	}
	memcpy(sorted, values, sizeof(uint64_t) * n);
	for (shift = 0; shift < 64 && most >> shift > 0; shift += 8)
	{
		uint32_t	start[257] = {0};
		uint64_t   *swap = sorted;

		for (i = 0; i < n; i++)
			start[((sorted[i] >> shift) & 255) + 1]++;
		for (i = 0; i < 256; i++)
			start[i + 1] += start[i];
		for (i = 0; i < n; i++)
			other[start[(sorted[i] >> shift) & 255]++] = sorted[i];
		sorted = other;
		other = swap;
	}
	for (i = 0; i < n; i++)
		weighted += (2.0 * (i + 1) - n - 1) * (double) sorted[i];
	memory_release(memory, sorted);
	memory_release(memory, other);
	*result = weighted / (n * sum);
	return true;
}

bool
judge_report(const Memory *memory, const Judge *judge, JudgeReport *report)
{
	uint64_t	covered = 0;
	uint32_t	i;

	report->users = judge->users;
	for (i = 0; i < JUDGE_METRICS; i++)
	{
		double		n = (double) judge->n[i];

		report->mean[i] = n > 0 ? judge->mean[i] : NAN;
		report->error[i] = n > 1 ? sqrt(judge->spread[i] / (n - 1) / n) : NAN;
	}
	for (i = 0; i < judge->n_items; i++)
		covered += judge->listed[i] > 0;
	report->coverage = judge->n_items > 0 ? (double) covered / judge->n_items : NAN;
	return gini(memory, judge->listed, judge->n_items, &report->gini);
}
