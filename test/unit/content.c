/*-------------------------------------------------------------------------
 *
 * content.c
 *	  Likeness by content: by brute force, and by scikit-learn's figures.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "recommend/content.h"

static void
free_lists(NeighborLists *lists)
{
	free(lists->start);
	free(lists->item);
	free(lists->score);
}

/* The score of an item in another's list, or -1 */
static double
likeness(const NeighborLists *lists, uint32_t item, uint32_t other)
{
	uint64_t	at;

	for (at = lists->start[item]; at < lists->start[item + 1]; at++)
		if (lists->item[at] == other)
			return lists->score[at];
	return -1;
}

/*
 * TfidfVectorizer(ngram_range=(1, 1)).fit_transform(texts), times itself
 * transposed, of scikit-learn 1.2.1
 */
static void
test_figures(void)
{
	static const char *const texts[4] = {
		"Red mug with a red heart",
		"Blue mug",
		"A heart of glass, blue glass",
		"Wooden box"
	};
	static const uint32_t number[4] = {0, 1, 2, 3};
	Content		content;
	NeighborLists lists;
	uint32_t	i;

	CHECK(content_start(&content, &memory_plain));
	for (i = 0; i < 4; i++)
		CHECK(content_text(&content, i, texts[i], strlen(texts[i])));
	CHECK(content_build(&memory_plain, &content, number, 4, 3, &lists));
	CHECK(fabs(likeness(&lists, 0, 1) - 0.22311811433204642) < 1e-6);
	CHECK(fabs(likeness(&lists, 0, 2) - 0.0995633858861763) < 1e-6);
	CHECK(fabs(likeness(&lists, 1, 2) - 0.22311811433204642) < 1e-6);
	CHECK(likeness(&lists, 1, 0) == likeness(&lists, 0, 1));
	CHECK(lists.start[4] == 6 && lists.start[3] == lists.start[4]);
	CHECK(lists.item[0] == 1 && lists.item[1] == 2);
	free_lists(&lists);
	content_end(&content);
}

#define ITEMS 120
#define FEATURES 80

typedef struct Told
{
	uint32_t	item;
	uint32_t	feature;
} Told;

/* Words and values by chance, and what all pairs of items have in common */
static void
test_brute_force(uint32_t neighbors)
{
	static double vector[ITEMS][FEATURES];
	static Told told[3000];
	static uint32_t number[ITEMS];
	NeighborLists lists[2];
	Content		content;
	Random		random;
	double		described = 0;
	uint32_t	wrong = 0;
	uint32_t	turn;
	uint32_t	i;
	uint32_t	j;
	uint32_t	f;

	memset(vector, 0, sizeof(vector));
	random_start(&random, neighbors, 0);
	for (i = 0; i < ITEMS; i++)
		number[i] = (i * 7 + 3) % ITEMS;
	for (i = 0; i < 3000; i++)
	{
		/* The last items have nothing said of them. */
		told[i].item = random_below(&random, ITEMS - 5);
		told[i].feature = random_below(&random, 1 + random_below(&random, FEATURES));
		vector[number[told[i].item]][told[i].feature]++;
	}
	for (turn = 0; turn < 2; turn++)
	{
		CHECK(content_start(&content, &memory_plain));
		for (i = 0; i < 3000; i++)
		{
			const Told *one = &told[turn == 0 ? i : 2999 - i];
			char		text[20];

			if (one->feature < FEATURES / 2)
			{
				sprintf(text, "word%u", one->feature);
				CHECK(content_text(&content, one->item, text, strlen(text)));
			}
			else
			{
				/* The same value in another column is another feature. */
				sprintf(text, "word%u", one->feature / 2);
				CHECK(content_value(&content, one->item, one->feature % 2, text, strlen(text)));
			}
		}
		CHECK(content_build(&memory_plain, &content, number, ITEMS, neighbors, &lists[turn]));
		content_end(&content);
	}

	/* The order of what is told does not change a bit. */
	CHECK(lists[0].start[ITEMS] == lists[1].start[ITEMS]);
	CHECK(memcmp(lists[0].item, lists[1].item, sizeof(uint32_t) * lists[0].start[ITEMS]) == 0);
	CHECK(memcmp(lists[0].score, lists[1].score, sizeof(float) * lists[0].start[ITEMS]) == 0);

	for (i = 0; i < ITEMS; i++)
	{
		double		any = 0;

		for (f = 0; f < FEATURES; f++)
			any += vector[i][f];
		described += any > 0;
	}
	for (f = 0; f < FEATURES; f++)
	{
		double		df = 0;

		for (i = 0; i < ITEMS; i++)
			df += vector[i][f] > 0;
		for (i = 0; i < ITEMS; i++)
			vector[i][f] *= log((1 + described) / (1 + df)) + 1;
	}
	for (i = 0; i < ITEMS; i++)
	{
		uint64_t	count = lists[0].start[i + 1] - lists[0].start[i];
		const uint32_t *item = lists[0].item + lists[0].start[i];
		const float *score = lists[0].score + lists[0].start[i];
		double		cosine[ITEMS];
		uint32_t	alike = 0;
		uint32_t	better = 0;

		for (j = 0; j < ITEMS; j++)
		{
			double		product = 0;
			double		a = 0;
			double		b = 0;

			for (f = 0; f < FEATURES; f++)
			{
				product += vector[i][f] * vector[j][f];
				a += vector[i][f] * vector[i][f];
				b += vector[j][f] * vector[j][f];
			}
			cosine[j] = i == j || product == 0 ? 0 : product / sqrt(a * b);
			alike += cosine[j] > 0;
		}
		wrong += count != (alike < neighbors ? alike : neighbors);
		for (j = 0; j < count; j++)
		{
			wrong += fabs(score[j] - cosine[item[j]]) > 1e-6;
			wrong += j > 0 && (score[j] > score[j - 1] || (score[j] == score[j - 1] && item[j] < item[j - 1]));
			cosine[item[j]] = 0;
		}
		for (j = 0; j < ITEMS; j++)
			better += count > 0 && cosine[j] > score[count - 1] + 1e-6;
		wrong += better;
	}
	CHECK(wrong == 0);
	for (turn = 0; turn < 2; turn++)
		free_lists(&lists[turn]);
}

static void
test_empty(void)
{
	static const uint32_t number[3] = {0, 1, 2};
	Content		content;
	NeighborLists lists;

	CHECK(content_start(&content, &memory_plain));
	CHECK(content_build(&memory_plain, &content, number, 0, 10, &lists));
	CHECK(neighbors_count(&lists) == 0);
	free_lists(&lists);
	CHECK(content_text(&content, 1, "mug", 3));
	CHECK(content_value(&content, 2, 0, "", 0));
	CHECK(content_build(&memory_plain, &content, number, 3, 10, &lists));
	CHECK(neighbors_count(&lists) == 0);
	free_lists(&lists);
	content_end(&content);
}

int
main(void)
{
	test_figures();
	test_brute_force(5);
	test_brute_force(40);
	test_brute_force(1000);
	test_empty();
	return check_report();
}
