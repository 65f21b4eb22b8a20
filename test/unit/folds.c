/*-------------------------------------------------------------------------
 *
 * folds.c
 *	  Folds, and parts of tables, against what they promise.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "forest/folds.h"
#include "forest/subset.h"

#define ROWS 1000

static double numbers[ROWS];
static int32_t codes[ROWS];
static int32_t classes[ROWS];
static double targets[ROWS];
static double weights[ROWS];
static const ForestText names[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}};

static ForestColumn columns[2];

/* A table of random rows, in an order of their numbers that a seed says */
static ForestData
table(int32_t n_classes, uint64_t shuffle)
{
	ForestData	data;
	uint32_t	order[ROWS];
	Random		random;
	uint32_t	i;

	for (i = 0; i < ROWS; i++)
		order[i] = i;
	random_start(&random, shuffle, 1);
	for (i = ROWS; shuffle > 0 && i > 1; i--)
	{
		uint32_t	j = random_below(&random, i);
		uint32_t	other = order[i - 1];

		order[i - 1] = order[j];
		order[j] = other;
	}
	for (i = 0; i < ROWS; i++)
	{
		random_start(&random, order[i], 2);
		numbers[i] = order[i] % 10 == 0 ? NAN : random_unit(&random);
		codes[i] = (int32_t) random_below(&random, 6) - 1;
		/* One class is rare. */
		classes[i] = order[i] % 331 == 5 ? 3 : (int32_t) random_below(&random, 3);
		targets[i] = order[i];
		weights[i] = 1 + order[i] % 3;
	}
	memset(&data, 0, sizeof(data));
	memset(columns, 0, sizeof(columns));
	columns[0].name = names[0];
	columns[0].kind = FOREST_NUMBER;
	columns[0].numbers = numbers;
	columns[1].name = names[1];
	columns[1].kind = FOREST_CATEGORY;
	columns[1].codes = codes;
	columns[1].categories = names;
	columns[1].n_categories = 5;
	data.n_rows = ROWS;
	data.n_features = 2;
	data.features = columns;
	data.n_classes = n_classes;
	data.class_names = names;
	if (n_classes > 0)
		data.classes = classes;
	else
		data.target = targets;
	data.weights = weights;
	return data;
}

/* Folds differ by a row at most, of each class too; and depend on rows alone */
static void
test_deal(void)
{
	uint8_t		fold[ROWS];
	uint8_t		by_number[ROWS];
	int32_t		n_classes;
	int			k;
	int			i;
	int			c;

	for (n_classes = 0; n_classes <= 4; n_classes += 4)
		for (k = 2; k <= 100; k += 7)
		{
			ForestData	data = table(n_classes, 0);
			int			counts[5][FOLDS_MOST] = {{0}};
			uint64_t	shuffle;

			CHECK(folds_deal(&memory_plain, &data, k, 5, fold) == FOLDS_OK);
			for (i = 0; i < ROWS; i++)
			{
				by_number[i] = fold[i];
				counts[4][fold[i]]++;
				if (n_classes > 0)
					counts[classes[i]][fold[i]]++;
			}
			for (c = 0; c < 5; c++)
			{
				int			least = ROWS;
				int			most = 0;

				for (i = 0; i < k; i++)
				{
					least = counts[c][i] < least ? counts[c][i] : least;
					most = counts[c][i] > most ? counts[c][i] : most;
				}
				CHECK(most - least <= 1);
			}
			for (shuffle = 1; shuffle < 3; shuffle++)
			{
				bool		same = true;

				/* Rows that are NULL may be equal, and change places. */
				data = table(n_classes, shuffle);
				CHECK(folds_deal(&memory_plain, &data, k, 5, fold) == FOLDS_OK);
				for (i = 0; i < ROWS; i++)
					same = same && (isnan(numbers[i]) || fold[i] == by_number[(int) targets[i]]);
				CHECK(same);
			}
			CHECK(folds_deal(&memory_plain, &data, k, 6, fold) == FOLDS_OK);
			c = 0;
			for (i = 0; i < ROWS; i++)
				c += fold[i] == by_number[(int) targets[i]];
			CHECK(c < ROWS * 3 / 4);
		}
	{
		ForestData	data = table(0, 0);

		data.n_rows = 3;
		CHECK(folds_deal(&memory_plain, &data, 4, 0, fold) == FOLDS_FEW_ROWS);
	}
}

/* Groups stay whole, and no fold is larger than another by more than a group */
static void
test_groups(void)
{
	uint64_t	groups[ROWS];
	uint8_t		fold[ROWS];
	uint8_t		fold_of[80];
	int			sizes[80] = {0};
	int			counts[FOLDS_MOST] = {0};
	int			least = ROWS;
	int			most = 0;
	int			largest = 0;
	bool		whole = true;
	int			i;

	memset(fold_of, 255, sizeof(fold_of));
	for (i = 0; i < ROWS; i++)
	{
		groups[i] = (uint64_t) (sqrt(i * 3.1) + i % 7);
		sizes[groups[i]]++;
	}
	CHECK(folds_groups(&memory_plain, groups, ROWS, 6, 1, fold) == FOLDS_OK);
	for (i = 0; i < ROWS; i++)
	{
		whole = whole && (fold_of[groups[i]] == 255 || fold_of[groups[i]] == fold[i]);
		fold_of[groups[i]] = fold[i];
		counts[fold[i]]++;
	}
	CHECK(whole);
	for (i = 0; i < 80; i++)
		largest = sizes[i] > largest ? sizes[i] : largest;
	for (i = 0; i < 6; i++)
	{
		least = counts[i] < least ? counts[i] : least;
		most = counts[i] > most ? counts[i] : most;
	}
	CHECK(most - least <= largest);
	for (i = 0; i < ROWS; i++)
		groups[i] = (uint64_t) (i % 5);
	CHECK(folds_groups(&memory_plain, groups, ROWS, 6, 1, fold) == FOLDS_FEW_GROUPS);
	CHECK(folds_groups(&memory_plain, groups, ROWS, 5, 1, fold) == FOLDS_OK);
}

/* Blocks follow each other, rows of one time stay together */
static void
test_forward(void)
{
	double		times[ROWS];
	uint8_t		block[ROWS];
	uint32_t	learned[ROWS];
	uint32_t	tested[ROWS];
	int			k;
	int			i;
	int			j;

	for (i = 0; i < ROWS; i++)
		times[i] = floor(i * 7919 % ROWS / 9.0) - 40;
	times[3] = -INFINITY;
	times[7] = INFINITY;
	for (k = 2; k <= 50; k += 8)
	{
		CHECK(folds_forward(&memory_plain, times, ROWS, k, block) == FOLDS_OK);
		for (i = 0; i < k; i++)
		{
			int64_t		n = folds_rows(block, ROWS, i, true, false, learned);
			int64_t		m = folds_rows(block, ROWS, i, true, true, tested);
			bool		before = true;

			CHECK(n > 0 && m > 0 && fabs((double) m - (double) ROWS / (k + 1)) < 20);
			for (j = 0; j < n && before; j++)
			{
				int64_t		t;

				for (t = 0; t < m; t++)
					before = before && times[learned[j]] < times[tested[t]];
			}
			CHECK(before);
		}
	}
	for (i = 0; i < ROWS; i++)
		times[i] = i < 700 ? 1 : i % 3;
	CHECK(folds_forward(&memory_plain, times, ROWS, 3, block) == FOLDS_FEW_TIMES);

	/* Three blocks of three times, however many rows each has */
	CHECK(folds_forward(&memory_plain, times, ROWS, 2, block) == FOLDS_OK);
	for (i = 0; i < ROWS; i++)
		CHECK(block[i] == times[i]);
	for (i = 0; i < ROWS; i++)
		times[i] = i < 10 ? i : 10;
	CHECK(folds_forward(&memory_plain, times, ROWS, 10, block) == FOLDS_OK && block[9] == 9 && block[10] == 10);
	CHECK(folds_forward(&memory_plain, times, ROWS, 2, block) == FOLDS_OK && block[10] == 2 && block[8] < 2);
	CHECK(folds_forward(&memory_plain, times, 2, 2, block) == FOLDS_FEW_TIMES);
}

/* Each row is held out once, and learned from else */
static void
test_rows(void)
{
	uint8_t		fold[ROWS];
	uint32_t	learned[ROWS];
	uint32_t	tested[ROWS];
	int			times[ROWS] = {0};
	int			i;
	int64_t		j;

	for (i = 0; i < ROWS; i++)
		fold[i] = (uint8_t) (i * 31 % 7);
	for (i = 0; i < 7; i++)
	{
		int64_t		n = folds_rows(fold, ROWS, i, false, false, learned);
		int64_t		m = folds_rows(fold, ROWS, i, false, true, tested);

		CHECK(n + m == ROWS);
		for (j = 0; j < m; j++)
			times[tested[j]]++;
		for (j = 1; j < n; j++)
			CHECK(learned[j] > learned[j - 1] && fold[learned[j]] != i);
	}
	for (i = 0; i < ROWS; i++)
		CHECK(times[i] == 1);
}

/* Some rows as a table, against the same rows that came alone */
static void
test_subset(void)
{
	ForestData	all = table(4, 0);
	uint32_t	rows[ROWS];
	int64_t		n = 0;
	Subset		subset;
	const ForestColumn *column;
	bool		same = true;
	int64_t		i;

	for (i = 0; i < ROWS; i++)
		if (codes[i] != 2 && classes[i] != 3 && classes[i] != 0 && i % 2 == 0)
			rows[n++] = (uint32_t) i;
	CHECK(subset_start(&memory_plain, &all, rows, n, false, &subset));
	CHECK(subset.data.n_rows == n && subset.data.n_features == 2);
	CHECK(subset.data.n_classes == 2 && subset.class_of[0] == 1 && subset.class_of[1] == 2);
	CHECK(subset.data.class_names[0].data[0] == 'b' && subset.data.class_names[1].data[0] == 'c');
	CHECK(subset.data.features[1].n_categories == 4);
	CHECK(subset.data.features[1].categories[2].data[0] == 'd');
	for (i = 0; i < n; i++)
		same = same && subset.data.classes[i] == classes[rows[i]] - 1 &&
			subset.data.weights[i] == weights[rows[i]];
	column = forest_column(&subset.data, 1);
	for (i = 0; i < n; i++)
		same = same && column->codes[i] == codes[rows[i]] - (codes[rows[i]] > 2);
	column = forest_column(&subset.data, 0);
	for (i = 0; i < n; i++)
		same = same && memcmp(&column->numbers[i], &numbers[rows[i]], sizeof(double)) == 0;
	CHECK(same);
	subset_end(&memory_plain, &subset);

	/* Booleans keep both classes; numbers have none. */
	CHECK(subset_start(&memory_plain, &all, rows, n, true, &subset));
	CHECK(subset.data.n_classes == 4 && subset.data.classes[0] == classes[rows[0]]);
	subset_end(&memory_plain, &subset);
	all = table(0, 0);
	CHECK(subset_start(&memory_plain, &all, rows, n, false, &subset));
	CHECK(subset.data.n_classes == 0 && subset.data.target[n - 1] == targets[rows[n - 1]]);
	subset_end(&memory_plain, &subset);
	CHECK(subset_need(&all, n) > (uint64_t) n * 16);
}

int
main(void)
{
	test_deal();
	test_groups();
	test_forward();
	test_rows();
	test_subset();
	return check_report();
}
