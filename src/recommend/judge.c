/*-------------------------------------------------------------------------
 *
 * judge.c
 *	  How well lists of recommended items meet what their users then took.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
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
	memory_release(memory, judge->places);
	memory_release(memory, judge->end);
	judge->listed = NULL;
	judge->places = NULL;
	judge->end = NULL;
}

uint64_t
judge_bytes(const Judge *judge)
{
	return ((uint64_t) judge->n_items + 1 + judge->users_room) * sizeof(uint64_t) +
		judge->places_room * sizeof(uint32_t);
}

/* Mean and spread by Welford's updates, which lose nothing to large means. */
static void
add(Judge *judge, JudgeMetric metric, double value)
{
	double		away = value - judge->mean[metric];

	judge->last[metric] = value;
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

/* Keeps a user's list. */
static bool
keep_list(const Memory *memory, Judge *judge, const uint32_t *list, uint32_t n_list)
{
	if (judge->users == judge->users_room)
	{
		uint64_t	room = judge->users_room * 2 + 64;
		uint64_t   *grown = memory_grow(memory, judge->end, judge->users, room, sizeof(uint64_t));

		if (grown == NULL)
			return false;
		judge->end = grown;
		judge->users_room = room;
	}
	if (judge->places_room - judge->n_places < n_list)
	{
		uint64_t	room = judge->places_room * 2 + n_list + 64;
		uint32_t   *grown = memory_grow(memory, judge->places, judge->n_places, room,
										sizeof(uint32_t));

		if (grown == NULL)
			return false;
		judge->places = grown;
		judge->places_room = room;
	}
	if (n_list > 0)
		memcpy(judge->places + judge->n_places, list, n_list * sizeof(uint32_t));
	judge->n_places += n_list;
	judge->end[judge->users] = judge->n_places;
	return true;
}

bool
judge_user(const Memory *memory, Judge *judge, const uint32_t *list, uint32_t n_list,
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
	if (!keep_list(memory, judge, list, n_list))
		return false;
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
	judge->last[JUDGE_POPULARITY] = NAN;
	if (n_list > 0)
		add(judge, JUDGE_POPULARITY, popularity / n_list);
	return true;
}

/* The counts of the items' lists, of which most are small: sorted by counting */
static uint64_t *
sorted_counts(const Memory *memory, const uint64_t *counts, uint32_t n)
{
	uint64_t   *sorted = memory_array(memory, (size_t) n + 1, sizeof(uint64_t));
	uint64_t   *other = memory_array(memory, (size_t) n + 1, sizeof(uint64_t));
	uint64_t	most = 0;
	uint32_t	i;
	int			shift;

	if (sorted == NULL || other == NULL || !memory->may_go_on(memory->arg))
	{
		memory_release(memory, sorted);
		memory_release(memory, other);
		return NULL;
	}
	for (i = 0; i < n; i++)
	{
		sorted[i] = counts[i];
		if (counts[i] > most)
			most = counts[i];
	}
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
	memory_release(memory, other);
	return sorted;
}

static int
compare_counts(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *) a;
	uint64_t	y = *(const uint64_t *) b;

	return (x > y) - (x < y);
}

/* The first place of a value that is among the sorted */
static uint32_t
first_place(const uint64_t *sorted, uint32_t n, uint64_t value)
{
	uint32_t	low = 0;
	uint32_t	high = n;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (sorted[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Means and spreads of coverage and Gini's coefficient without each user */
typedef struct Jackknife
{
	double		n;
	double		mean[2];
	double		spread[2];
} Jackknife;

static void
leave_out(Jackknife *jackknife, double coverage, double gini)
{
	double		value[2] = {coverage, gini};
	int			i;

	jackknife->n++;
	for (i = 0; i < 2; i++)
	{
		double		away = value[i] - jackknife->mean[i];

		jackknife->mean[i] += away / jackknife->n;
		jackknife->spread[i] += away * (value[i] - jackknife->mean[i]);
	}
}

/*
 * Gini's coefficient is 0 where all values are the same, 1 - 1/n where one has
 * all: over the sorted values x, sum (2 i - n - 1) x(i) / (n sum x), i from 1.
 * A user's list gone, each of its items counts one less.  Of those that count
 * the same the first ones in order can stand for them, so that the rest of the
 * order stays.
 */
static bool
report_lists(const Memory *memory, const Judge *judge, JudgeReport *report)
{
	double		n = judge->n_items;
	uint64_t   *sorted = sorted_counts(memory, judge->listed, judge->n_items);
	uint64_t   *counts = memory_array(memory, (size_t) judge->k + 1, sizeof(uint64_t));
	Jackknife	jackknife = {0, {0, 0}, {0, 0}};
	double		all = (double) judge->n_places;
	double		weighted = 0;
	uint32_t	covered = 0;
	uint64_t	user;
	uint32_t	i;

	if (sorted == NULL || counts == NULL)
	{
		memory_release(memory, sorted);
		memory_release(memory, counts);
		return false;
	}
	for (i = 0; i < judge->n_items; i++)
	{
		covered += sorted[i] > 0;
		weighted += (2.0 * (i + 1) - n - 1) * (double) sorted[i];
	}
	report->coverage = n > 0 ? covered / n : NAN;
	report->gini = all > 0 ? weighted / (n * all) : NAN;
	for (user = 0; user < judge->users; user++)
	{
		uint64_t	begin = user == 0 ? 0 : judge->end[user - 1];
		uint32_t	size = (uint32_t) (judge->end[user] - begin);
		uint32_t	alone = 0;
		double		less = 0;
		uint32_t	same = 0;

		for (i = 0; i < size; i++)
		{
			counts[i] = judge->listed[judge->places[begin + i]];
			alone += counts[i] == 1;
		}
		qsort(counts, size, sizeof(uint64_t), compare_counts);
		for (i = 0; i < size; i++)
		{
			same = i > 0 && counts[i] == counts[i - 1] ? same + 1 : 0;
			less += 2.0 * (first_place(sorted, judge->n_items, counts[i]) + same + 1) - n - 1;
		}
		leave_out(&jackknife, (covered - alone) / n,
				  all > size ? (weighted - less) / (n * (all - size)) : NAN);
		if (user % 1024 == 0 && !memory->may_go_on(memory->arg))
		{
			memory_release(memory, sorted);
			memory_release(memory, counts);
			return false;
		}
	}
	report->coverage_error = judge->users > 1 ?
		sqrt(jackknife.spread[0] * (jackknife.n - 1) / jackknife.n) : NAN;
	report->gini_error = judge->users > 1 ?
		sqrt(jackknife.spread[1] * (jackknife.n - 1) / jackknife.n) : NAN;
	memory_release(memory, sorted);
	memory_release(memory, counts);
	return true;
}

bool
judge_report(const Memory *memory, const Judge *judge, JudgeReport *report)
{
	int			i;

	report->users = judge->users;
	for (i = 0; i < JUDGE_METRICS; i++)
	{
		double		n = (double) judge->n[i];

		report->n[i] = judge->n[i];
		report->mean[i] = n > 0 ? judge->mean[i] : NAN;
		report->error[i] = n > 1 ? sqrt(judge->spread[i] / (n - 1) / n) : NAN;
	}
	return report_lists(memory, judge, report);
}

double
judge_difference_error(const double *one, const double *other, uint64_t n)
{
	double		mean = 0;
	double		spread = 0;
	uint64_t	i;

	for (i = 0; i < n; i++)
	{
		double		difference = isnan(one[i]) || isnan(other[i]) ? 0 : one[i] - other[i];
		double		away = difference - mean;

		mean += away / (double) (i + 1);
		spread += away * (difference - mean);
	}
	return n > 1 ? sqrt(spread / (double) (n - 1) / (double) n) : NAN;
}
