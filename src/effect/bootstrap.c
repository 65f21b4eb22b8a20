/*-------------------------------------------------------------------------
 *
 * bootstrap.c
 *	  The interval of a difference of means by drawing the customers anew.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/special.h"
#include "effect/bootstrap.h"

/* Replicates that are drawn at a time: four draws to a random word */
#define BLOCK 256
#define DRAWS_PER_WORD 4

size_t
bootstrap_size(uint32_t replicates)
{
	return offsetof(Bootstrap, sums) + 4 * sizeof(double) * (size_t) replicates;
}

void
bootstrap_start(Bootstrap *sums, uint32_t replicates, uint64_t seed)
{
	memset(sums, 0, bootstrap_size(replicates));
	sums->replicates = replicates;
	sums->seed = seed;
}

bool
bootstrap_valid(const Bootstrap *sums, size_t size)
{
	return size >= offsetof(Bootstrap, sums) &&
		sums->replicates >= BOOTSTRAP_LEAST && sums->replicates <= BOOTSTRAP_MOST &&
		size == bootstrap_size(sums->replicates) && lift_valid(&sums->lift);
}

/*
 * Poisson draws of mean 1 for a block of replicates.  A draw of 16 bits is k
 * or more when it is below 65536 P(X >= k), rounded; nine or more, at one in a
 * million, is left out.
 */
static void
draw(uint64_t hash, uint32_t first, int16_t weights[BLOCK])
{
	static const int bounds[8] = {41427, 17317, 5263, 1244, 240, 39, 5, 1};
	uint64_t	words[BLOCK / DRAWS_PER_WORD];
	int16_t		draws[BLOCK];
	int			i;
	int			k;

	for (i = 0; i < BLOCK / DRAWS_PER_WORD; i++)
		words[i] = hash_mix(hash + UINT64_C(0x9e3779b97f4a7c15) *
							(first / DRAWS_PER_WORD + (uint64_t) i + 1));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	for (i = 0; i < BLOCK; i++)
		draws[i] = (int16_t) (words[i / DRAWS_PER_WORD] >> (16 * (i % DRAWS_PER_WORD)));
#else
	memcpy(draws, words, sizeof(draws));
#endif
	memset(weights, 0, BLOCK * sizeof(int16_t));
	for (k = 0; k < 8; k++)
	{
		int16_t		bound = (int16_t) (bounds[k] - 32768);

		/* Compared as signed numbers, which machines do for eight at once. */
		for (i = 0; i < BLOCK; i++)
			weights[i] = (int16_t) (weights[i] + (draws[i] < bound));
	}
}

void
bootstrap_add(Bootstrap *sums, uint64_t hash, bool treated, double outcome)
{
	uint32_t	n = sums->replicates;
	double	   *weight = sums->sums + (treated ? n : 0);
	double	   *total = sums->sums + (treated ? 3 * (size_t) n : 2 * (size_t) n);
	int16_t		weights[BLOCK];
	uint32_t	first;

	lift_add_outcome(&sums->lift, treated, outcome);
	for (first = 0; first < n; first += BLOCK)
	{
		uint32_t	block = n - first < BLOCK ? n - first : BLOCK;
		uint32_t	i;

		draw(hash, first, weights);
		for (i = 0; i < block; i++)
		{
			double		times = weights[i];

			weight[first + i] += times;
			total[first + i] += times * outcome;
		}
	}
}

void
bootstrap_merge(Bootstrap *sums, const Bootstrap *other)
{
	size_t		i;

	lift_merge(&sums->lift, &other->lift);
	for (i = 0; i < 4 * (size_t) sums->replicates; i++)
		sums->sums[i] += other->sums[i];
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* The value below which p of the sorted values lie, linear between them */
static double
percentile(const double *sorted, size_t n, double p)
{
	double		at = p * (double) (n - 1);
	size_t		below = (size_t) at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double) below) * (sorted[below + 1] - sorted[below]);
}

bool
bootstrap_report(const Bootstrap *sums, const Memory *memory, LiftReport *report)
{
	size_t		n = sums->replicates;
	double	   *values = memory_array(memory, n, sizeof(double));
	double	   *relative = memory_array(memory, n, sizeof(double));
	size_t		known = 0;
	size_t		known_relative = 0;
	size_t		below = 0;
	size_t		above = 0;
	double		mean = 0;
	double		spread = 0;
	size_t		i;

	if (values == NULL || relative == NULL)
	{
		memory_release(memory, values);
		memory_release(memory, relative);
		return false;
	}
	lift_welch(&sums->lift, report);
	for (i = 0; i < n; i++)
	{
		double		control = sums->sums[2 * n + i] / sums->sums[i];
		double		difference = sums->sums[3 * n + i] / sums->sums[n + i] - control;
		double		away = difference - mean;

		/* A replicate may have drawn nobody of a small arm. */
		if (!isfinite(difference))
			continue;
		values[known++] = difference;
		mean += away / (double) known;
		spread += away * (difference - mean);
		below += difference <= 0;
		above += difference >= 0;
		if (control != 0)
			relative[known_relative++] = difference / control;
	}
	report->degrees = report->standard_error = report->smallest = NAN;
	report->lower = report->upper = report->p_value = NAN;
	report->relative_lower = report->relative_upper = NAN;
	if (known > 1 && spread > 0 && report->control_n > 1 && report->treated_n > 1)
	{
		qsort(values, known, sizeof(double), compare_doubles);
		report->standard_error = sqrt(spread / (double) (known - 1));
		report->lower = percentile(values, known, 0.025);
		report->upper = percentile(values, known, 0.975);
		report->p_value = fmin(1, 2 * (1 + (double) (below < above ? below : above)) /
							   (1 + (double) known));
		report->smallest = report->standard_error *
			(special_normal_quantile(0.975) + special_normal_quantile(0.8));
	}
	if (known_relative > 1 && report->standard_error > 0 && isfinite(report->relative))
	{
		qsort(relative, known_relative, sizeof(double), compare_doubles);
		report->relative_lower = percentile(relative, known_relative, 0.025);
		report->relative_upper = percentile(relative, known_relative, 0.975);
	}
	memory_release(memory, values);
	memory_release(memory, relative);
	return true;
}
