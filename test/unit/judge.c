/*-------------------------------------------------------------------------
 *
 * judge.c
 *	  Figures of recommendations by hand and by brute force, and splits by
 *	  what they promise.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "recommend/judge.h"
#include "recommend/split.h"

#define NEAR(a, b) (fabs((a) - (b)) < 1e-12)

/* Two users by hand, k = 3, a catalog of five */
static void
test_by_hand(void)
{
	static const uint32_t popularity[5] = {10, 8, 6, 4, 2};
	static const uint32_t first[3] = {0, 1, 2};
	static const uint32_t first_taken[2] = {0, 2};
	static const uint32_t second[2] = {3, 0};
	static const uint32_t second_taken[5] = {0, 1, 2, 4, 7};
	Judge		judge;
	JudgeReport report;
	double		gain = 1 / log2(2) + 1 / log2(4);
	double		best = 1 / log2(2) + 1 / log2(3);
	double		first_ndcg = gain / best;
	double		second_ndcg = (1 / log2(3)) / (best + 1 / log2(4));

	CHECK(judge_start(&memory_plain, &judge, 3, 5, popularity));
	CHECK(judge_user(&memory_plain, &judge, first, 3, first_taken, 2));
	CHECK(judge_user(&memory_plain, &judge, second, 2, second_taken, 5));
	CHECK(judge_report(&memory_plain, &judge, &report));
	CHECK(report.users == 2);
	CHECK(NEAR(report.mean[JUDGE_PRECISION], (2 / 3.0 + 1 / 3.0) / 2));
	CHECK(NEAR(report.mean[JUDGE_RECALL], (2 / 2.0 + 1 / 5.0) / 2));
	CHECK(NEAR(report.mean[JUDGE_NDCG], (first_ndcg + second_ndcg) / 2));
	CHECK(NEAR(report.mean[JUDGE_AVERAGE_PRECISION],
			   ((1 / 1.0 + 2 / 3.0) / 2 + (1 / 2.0) / 3) / 2));
	CHECK(NEAR(report.mean[JUDGE_RECIPROCAL_RANK], (1 + 0.5) / 2));
	CHECK(NEAR(report.mean[JUDGE_HIT], 1));
	CHECK(NEAR(report.mean[JUDGE_POPULARITY], (8 + 7) / 2.0));
	CHECK(NEAR(report.coverage, 4 / 5.0));

	/* The lists hold the items 2, 1, 1, 1, 0 times: sorted 0 1 1 1 2 */
	CHECK(NEAR(report.gini, (-4 * 0 - 2 * 1 + 0 * 1 + 2 * 1 + 4 * 2) / (5.0 * 5)));

	/* Of two values half apart each standard error is half their distance */
	CHECK(NEAR(report.error[JUDGE_RECALL], (1 - 0.2) / 2));
	CHECK(NEAR(report.error[JUDGE_HIT], 0));

	/* A user without a list counts, but has no popularity. */
	CHECK(judge_user(&memory_plain, &judge, NULL, 0, first_taken, 2));
	CHECK(judge_report(&memory_plain, &judge, &report));
	CHECK(report.users == 3);
	CHECK(NEAR(report.mean[JUDGE_HIT], 2 / 3.0));
	CHECK(NEAR(report.mean[JUDGE_POPULARITY], (8 + 7) / 2.0));
	judge_end(&memory_plain, &judge);
}

static void
test_empty(void)
{
	static const uint32_t popularity[1] = {1};
	static const uint32_t taken[1] = {0};
	Judge		judge;
	JudgeReport report;

	CHECK(judge_start(&memory_plain, &judge, 10, 0, NULL));
	CHECK(judge_report(&memory_plain, &judge, &report));
	CHECK(report.users == 0 && isnan(report.mean[JUDGE_RECALL]));
	CHECK(isnan(report.coverage) && isnan(report.gini));
	judge_end(&memory_plain, &judge);

	CHECK(judge_start(&memory_plain, &judge, 10, 1, popularity));
	CHECK(judge_user(&memory_plain, &judge, taken, 1, taken, 1));
	CHECK(judge_report(&memory_plain, &judge, &report));
	CHECK(NEAR(report.mean[JUDGE_NDCG], 1) && NEAR(report.mean[JUDGE_RECALL], 1));
	CHECK(NEAR(report.mean[JUDGE_PRECISION], 0.1));
	CHECK(isnan(report.error[JUDGE_RECALL]));
	CHECK(NEAR(report.gini, 0) && NEAR(report.coverage, 1));
	judge_end(&memory_plain, &judge);
}

#define ITEMS 700
#define USERS 400
#define K 12

/* The definitions, taken literally */
static void
test_brute_force(void)
{
	static uint32_t popularity[ITEMS];
	static double figures[JUDGE_METRICS][USERS];
	static uint64_t listed[ITEMS];
	double		sum;
	double		differences = 0;
	double		total = 0;
	uint32_t	covered = 0;
	Judge		judge;
	JudgeReport report;
	Random		random;
	uint32_t	user;
	uint32_t	i;
	uint32_t	j;

	random_start(&random, 3, 0);
	for (i = 0; i < ITEMS; i++)
		popularity[i] = random_below(&random, 1000);
	CHECK(judge_start(&memory_plain, &judge, K, ITEMS, popularity));
	for (user = 0; user < USERS; user++)
	{
		bool		took[ITEMS] = {false};
		bool		in_list[ITEMS] = {false};
		uint32_t	list[K];
		uint32_t	taken[ITEMS];
		uint32_t	n_list = 1 + random_below(&random, K);
		uint32_t	n_taken = 0;
		double		best = 0;

		for (i = 0; i < n_list; i++)
		{
			do
				list[i] = random_below(&random, random_below(&random, 2) ? 30 : ITEMS);
			while (in_list[list[i]]);
			in_list[list[i]] = true;
		}
		for (i = 1 + random_below(&random, 25); i > 0; i--)
			took[random_below(&random, 60)] = true;
		for (i = 0; i < ITEMS; i++)
			if (took[i])
				taken[n_taken++] = i;
		CHECK(judge_user(&memory_plain, &judge, list, n_list, taken, n_taken));

		for (i = 0; i < n_list; i++)
		{
			double		up_to = 0;

			listed[list[i]]++;
			figures[JUDGE_POPULARITY][user] += (double) popularity[list[i]] / n_list;
			if (!took[list[i]])
				continue;
			for (j = 0; j <= i; j++)
				up_to += took[list[j]];
			figures[JUDGE_PRECISION][user] += 1.0 / K;
			figures[JUDGE_RECALL][user] += 1.0 / n_taken;
			figures[JUDGE_NDCG][user] += log(2) / log(i + 2);
			figures[JUDGE_AVERAGE_PRECISION][user] += up_to / (i + 1) / (n_taken < K ? n_taken : K);
			if (figures[JUDGE_HIT][user] == 0)
				figures[JUDGE_RECIPROCAL_RANK][user] = 1.0 / (i + 1);
			figures[JUDGE_HIT][user] = 1;
		}
		for (i = 0; i < n_taken && i < K; i++)
			best += log(2) / log(i + 2);
		figures[JUDGE_NDCG][user] /= best;
	}
	CHECK(judge_report(&memory_plain, &judge, &report));
	for (j = 0; j < JUDGE_METRICS; j++)
	{
		double		variance = 0;

		sum = 0;
		for (user = 0; user < USERS; user++)
			sum += figures[j][user];
		for (user = 0; user < USERS; user++)
			variance += pow(figures[j][user] - sum / USERS, 2) / (USERS - 1);
		CHECK(fabs(report.mean[j] - sum / USERS) < 1e-9);
		CHECK(fabs(report.error[j] - sqrt(variance / USERS)) < 1e-9);
	}

	/* Half the mean absolute difference of all pairs, over the mean */
	for (i = 0; i < ITEMS; i++)
	{
		covered += listed[i] > 0;
		total += (double) listed[i];
		for (j = 0; j < ITEMS; j++)
			differences += fabs((double) listed[i] - (double) listed[j]);
	}
	CHECK(NEAR(report.coverage, (double) covered / ITEMS));
	CHECK(NEAR(report.gini, differences / ITEMS / ITEMS / 2 / (total / ITEMS)));
	CHECK(report.gini > 0.3 && report.gini < 1);
	CHECK(NEAR(judge.last[JUDGE_RECALL], figures[JUDGE_RECALL][USERS - 1]));
	judge_end(&memory_plain, &judge);
}

/*
 * Errors of coverage and Gini's coefficient, by judging all users but one,
 * each in turn
 */
static void
test_jackknife(void)
{
	static const uint32_t popularity[ITEMS];
	static const uint32_t taken[1] = {0};
	static uint32_t list[60][K];
	uint32_t	size[60];
	double		value[2][60];
	Random		random;
	JudgeReport whole = {0};
	int			out;
	int			user;
	int			j;

	random_start(&random, 8, 0);
	for (user = 0; user < 60; user++)
	{
		uint32_t	i = 0;
		bool		in_list[ITEMS] = {false};

		size[user] = user == 7 ? 0 : 1 + random_below(&random, K);
		while (i < size[user])
		{
			uint32_t	item = random_below(&random, random_below(&random, 2) ? 20 : ITEMS);

			if (!in_list[item])
				list[user][i++] = item;
			in_list[item] = true;
		}
	}
	for (out = -1; out < 60; out++)
	{
		Judge		judge;
		JudgeReport report;

		CHECK(judge_start(&memory_plain, &judge, K, ITEMS, popularity));
		for (user = 0; user < 60; user++)
			if (user != out)
				CHECK(judge_user(&memory_plain, &judge, list[user], size[user], taken, 1));
		CHECK(judge_report(&memory_plain, &judge, &report));
		judge_end(&memory_plain, &judge);
		if (out < 0)
			whole = report;
		else
		{
			value[0][out] = report.coverage;
			value[1][out] = report.gini;
		}
	}
	for (j = 0; j < 2; j++)
	{
		double		mean = 0;
		double		spread = 0;

		for (out = 0; out < 60; out++)
			mean += value[j][out] / 60;
		for (out = 0; out < 60; out++)
			spread += pow(value[j][out] - mean, 2);
		CHECK(spread > 0);
		CHECK(NEAR(j == 0 ? whole.coverage_error : whole.gini_error, sqrt(spread * 59 / 60)));
	}
}

static void
test_difference(void)
{
	static const double one[4] = {1, 0, 0.5, NAN};
	static const double other[4] = {0.5, 0, 1, 1};
	double		spread = 0.25 + 0 + 0.25 + 0;

	CHECK(NEAR(judge_difference_error(one, other, 4), sqrt(spread / 3 / 4)));
	CHECK(isnan(judge_difference_error(one, other, 1)));
}

#define EVENTS 5000

static uint32_t event_user[EVENTS];
static uint32_t event_item[EVENTS];
static int64_t event_at[EVENTS];
static uint8_t event_part[EVENTS];
static uint64_t key[EVENTS];

static SplitEvents
make_events(uint32_t n, uint32_t users, uint32_t items, uint32_t instants, uint64_t seed)
{
	SplitEvents events = {n, users, event_user, event_item, event_at, key, key, event_part};
	Random		random;
	uint32_t	i;

	random_start(&random, seed, 0);
	for (i = 0; i < n; i++)
	{
		event_user[i] = random_below(&random, users);
		event_item[i] = random_below(&random, items);
		event_at[i] = ((int64_t) random_below(&random, instants) - instants / 2) * INT64_C(1000000);
		event_part[i] = 0;
	}
	for (i = 0; i < EVENTS; i++)
		key[i] = random_bits(&random);
	return events;
}

static uint32_t
count_part(const SplitEvents *events, uint8_t part)
{
	uint32_t	count = 0;
	uint32_t	i;

	for (i = 0; i < events->n; i++)
		count += events->part[i] == part;
	return count;
}

static void
test_time(void)
{
	SplitEvents events = make_events(EVENTS, 100, 50, 2000000000, 4);
	Split		split = {SPLIT_TIME, 0.2, 0, 0};
	int64_t		last_kept = INT64_MIN;
	int64_t		last_second = INT64_MIN;
	int64_t		first_second = INT64_MAX;
	int64_t		first_moved = INT64_MAX;
	uint32_t	i;

	CHECK(split_events(&memory_plain, &split, &events, 0, 2));
	CHECK(count_part(&events, 2) == EVENTS / 5);
	CHECK(split_events(&memory_plain, &split, &events, 0, 1));
	CHECK(count_part(&events, 2) == EVENTS / 5);
	CHECK(count_part(&events, 1) == EVENTS / 5 * 4 / 5);
	for (i = 0; i < EVENTS; i++)
	{
		int64_t		at = event_at[i];

		if (event_part[i] == 0 && at > last_kept)
			last_kept = at;
		if (event_part[i] == 1 && at < first_second)
			first_second = at;
		if (event_part[i] == 1 && at > last_second)
			last_second = at;
		if (event_part[i] == 2 && at < first_moved)
			first_moved = at;
	}
	CHECK(last_kept < first_second && last_second < first_moved);

	/* Those of one instant stay together: so few instants that it shows */
	events = make_events(EVENTS, 100, 50, 7, 5);
	CHECK(split_events(&memory_plain, &split, &events, 0, 2));
	CHECK(count_part(&events, 2) >= EVENTS / 5 && count_part(&events, 2) < EVENTS / 5 + EVENTS / 5);
	for (i = 1; i < EVENTS; i++)
		if (event_at[i] == event_at[0])
			CHECK(event_part[i] == event_part[0]);

	/* Something stays where anything can, and all where nothing can */
	split.share = 0.99;
	events = make_events(EVENTS, 100, 50, 2, 6);
	CHECK(split_events(&memory_plain, &split, &events, 0, 2));
	CHECK(count_part(&events, 0) > 0 && count_part(&events, 2) > 0);
	events = make_events(EVENTS, 100, 50, 1, 6);
	CHECK(split_events(&memory_plain, &split, &events, 0, 2));
	CHECK(count_part(&events, 2) == 0);
	events = make_events(0, 100, 50, 1, 6);
	CHECK(split_events(&memory_plain, &split, &events, 0, 2));
}

static void
test_random(void)
{
	SplitEvents events = make_events(EVENTS, 100, 500, 10, 7);
	Split		split = {SPLIT_RANDOM, 0.3, 0, 1};
	static uint8_t before[EVENTS];
	uint32_t	same = 0;
	uint32_t	i;
	uint32_t	j;

	CHECK(split_events(&memory_plain, &split, &events, 0, 1));
	/* Five standard deviations */
	CHECK(fabs(count_part(&events, 1) / (double) EVENTS - 0.3) < 5 * sqrt(0.21 / EVENTS));
	for (i = 0; i < 300; i++)
		for (j = 0; j < EVENTS; j++)
			if (event_user[i] == event_user[j] && event_item[i] == event_item[j])
				CHECK(event_part[i] == event_part[j]);

	/* A second split takes its share of what the first has left */
	memcpy(before, event_part, sizeof(before));
	CHECK(split_events(&memory_plain, &split, &events, 0, 2));
	CHECK(fabs(count_part(&events, 2) / (0.7 * EVENTS) - 0.3) < 5 * sqrt(0.21 / (0.7 * EVENTS)));

	/* Another seed splits otherwise, independently */
	memset(event_part, 0, sizeof(event_part));
	split.seed = 2;
	CHECK(split_events(&memory_plain, &split, &events, 0, 1));
	for (i = 0; i < EVENTS; i++)
		same += event_part[i] == before[i];
	CHECK(fabs(same / (double) EVENTS - (0.7 * 0.7 + 0.3 * 0.3)) < 0.04);
}

/* For each user, by comparing each item with all others */
static void
test_last(void)
{
	uint32_t	last;

	for (last = 1; last <= 3; last++)
	{
		SplitEvents events = make_events(EVENTS, 300, 40, 30, 8 + last);
		Split		split = {SPLIT_LAST, 0, last, 0};
		uint32_t	wrong = 0;
		uint32_t	moved = 0;
		uint32_t	i;
		uint32_t	user;

		CHECK(split_events(&memory_plain, &split, &events, 0, 1));
		for (user = 0; user < 300; user++)
		{
			int64_t		up[40];
			uint32_t	items = 0;
			uint32_t	item;
			uint32_t	other;

			for (item = 0; item < 40; item++)
				up[item] = INT64_MAX;
			for (i = 0; i < EVENTS; i++)
				if (event_user[i] == user && event_at[i] < up[event_item[i]])
					up[event_item[i]] = event_at[i];
			for (item = 0; item < 40; item++)
				items += up[item] < INT64_MAX;
			for (i = 0; i < EVENTS; i++)
			{
				uint32_t	after = 0;

				if (event_user[i] != user)
					continue;
				item = event_item[i];
				for (other = 0; other < 40; other++)
					after += up[other] < INT64_MAX &&
						(up[other] > up[item] || (up[other] == up[item] && other > item));
				wrong += event_part[i] != (items > last && after < last);
				moved += event_part[i];
			}
		}
		CHECK(wrong == 0);
		CHECK(moved > 0);
	}
}

int
main(void)
{
	test_by_hand();
	test_empty();
	test_brute_force();
	test_jackknife();
	test_difference();
	test_time();
	test_random();
	test_last();
	return check_report();
}
