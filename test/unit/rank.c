/*-------------------------------------------------------------------------
 *
 * rank.c
 *	  Rankings by sorting all scores, and pairs in baskets by counting all.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "recommend/rank.h"
#include "recommend/rules.h"

#define ITEMS 200

static float all_scores[ITEMS];

static int
compare(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	if (all_scores[x] != all_scores[y])
		return all_scores[x] < all_scores[y] ? 1 : -1;
	return x > y ? 1 : -1;
}

/* The same ranker for many customers, with ties and scores that cancel out */
static void
test_rankings(void)
{
	Ranker		ranker;
	Random		random;
	uint32_t	wrong = 0;
	uint32_t	ranked = 0;
	int			round;

	CHECK(rank_start(&memory_plain, &ranker, ITEMS, 50));
	random_start(&random, 1, 0);
	for (round = 0; round < 2000; round++)
	{
		uint8_t		allowed[ITEMS];
		uint8_t		refused[ITEMS] = {0};
		bool		filter = random_below(&random, 3) == 0;
		uint32_t	order[ITEMS];
		uint32_t	n = random_below(&random, 60);
		uint32_t	expected = 0;
		uint32_t	count;
		uint32_t	i;
		uint32_t	list;
		Ranked		best[60];

		memset(all_scores, 0, sizeof(all_scores));
		for (list = random_below(&random, 8); list > 0; list--)
		{
			uint32_t	item[ITEMS];
			float		score[ITEMS];
			float		value = (float) (1 + random_below(&random, 2));
			uint32_t	size = 0;

			for (i = 0; i < ITEMS; i++)
				if (random_below(&random, 3) == 0)
				{
					item[size] = i;
					score[size] = (float) ((int) random_below(&random, 5) - 1) / 4;
					all_scores[i] += value * score[size];
					wrong += rank_part(value, item, score, size + 1, i) != value * score[size];
					size++;
				}
			wrong += rank_part(value, item, score, size, ITEMS) != 0;
			rank_add(&ranker, value, item, score, size);
		}
		for (i = 0; i < ITEMS; i++)
			allowed[i] = random_below(&random, 2) == 0;
		for (i = random_below(&random, 20); i > 0; i--)
		{
			uint32_t	item = random_below(&random, ITEMS);

			refused[item] = 1;
			rank_refuse(&ranker, item);
		}
		for (i = random_below(&random, 5); i > 0; i--)
		{
			uint32_t	item = random_below(&random, ITEMS);

			all_scores[item] *= 2;
			rank_boost(&ranker, item, 2);
		}
		for (i = 0; i < ITEMS; i++)
			if (all_scores[i] > 0 && !refused[i] && (!filter || allowed[i]))
				order[expected++] = i;
		qsort(order, expected, sizeof(uint32_t), compare);
		if (expected > n)
			expected = n;
		if (expected > 50)
			expected = 50;
		count = rank_best(&ranker, n, filter ? allowed : NULL, best);
		wrong += count != expected;
		for (i = 0; i < count && i < expected; i++)
			wrong += best[i].item != order[i] || fabsf(best[i].score - all_scores[order[i]]) > 1e-6f;
		ranked += count;
	}
	CHECK(wrong == 0);
	CHECK(ranked > 10000);
	rank_end(&memory_plain, &ranker);
}

#define BASKETS 300
#define GOODS 30

typedef struct Pairs
{
	const Matrix *matrix;
	uint32_t	least;
	uint32_t	wrong;
	uint32_t	count;
	uint8_t		has[BASKETS][GOODS];
} Pairs;

/* The item of a number of the matrix, which was named by its letter */
static uint32_t
good(const Matrix *matrix, uint32_t item)
{
	return (uint32_t) (matrix_item_name(matrix, item).data[0] - 'A');
}

static uint32_t
count_both(const Pairs *pairs, uint32_t a, uint32_t b)
{
	uint32_t	count = 0;
	uint32_t	i;

	for (i = 0; i < BASKETS; i++)
		count += pairs->has[i][a] && pairs->has[i][b];
	return count;
}

static bool
take_pair(void *arg, uint32_t a, uint32_t b, uint32_t both)
{
	Pairs	   *pairs = arg;

	pairs->wrong += a >= b || both < pairs->least ||
		both != count_both(pairs, good(pairs->matrix, a), good(pairs->matrix, b));
	pairs->count++;
	return true;
}

static void
test_pairs(void)
{
	static Pairs pairs;
	Names		baskets;
	Names		goods;
	Interactions rows;
	MatrixOptions options = {0};
	Matrix		matrix;
	Random		random;
	uint32_t	i;
	uint32_t	j;

	random_start(&random, 5, 0);
	CHECK(names_start(&baskets, &memory_plain) && names_start(&goods, &memory_plain));
	CHECK(interactions_start(&rows, &memory_plain, &baskets, &goods, false, false));
	for (i = 0; i < 2000; i++)
	{
		uint32_t	basket = random_below(&random, BASKETS);
		char		letter = (char) ('A' + random_below(&random, 1 + random_below(&random, GOODS)));

		pairs.has[basket][letter - 'A'] = 1;
		CHECK(interactions_add(&rows, names_number(&baskets, (const char *) &basket, sizeof(basket)),
							   names_number(&goods, &letter, 1), 1, 0));
	}
	CHECK(matrix_build(&memory_plain, &rows, &options, &matrix));
	pairs.matrix = &matrix;
	for (pairs.least = 1; pairs.least < 100; pairs.least = pairs.least * 2 + 1)
	{
		uint32_t	expected = 0;

		for (i = 0; i < GOODS; i++)
			for (j = 0; j < i; j++)
				expected += count_both(&pairs, i, j) >= pairs.least;
		pairs.count = 0;
		CHECK(rules_run(&memory_plain, &matrix, pairs.least, take_pair, &pairs));
		CHECK(pairs.count == expected && pairs.wrong == 0);
	}
	matrix_end(&matrix);
	interactions_end(&rows);
	names_end(&baskets);
	names_end(&goods);
}

int
main(void)
{
	test_rankings();
	test_pairs();
	return check_report();
}
