/*-------------------------------------------------------------------------
 *
 * share.c
 *	  Amounts shared over weights: published examples, sums, and the rule
 *	  itself worked out in another way.  Words and sets of them.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "coupon/cart.h"
#include "coupon/share.h"

#define MOST 12

static bool
gives(int64_t amount, const int64_t *weights, const int64_t *most, int count, const int64_t *wanted)
{
	ShareSpace *space = share_space(&memory_plain, count);
	int64_t		shares[MOST];
	int64_t		taken = share_out(space, amount, weights, most, count, shares);
	int64_t		sum = 0;
	int			i;

	for (i = 0; i < count; i++)
		sum += shares[i];
	share_space_release(&memory_plain, space);
	return sum == taken && memcmp(shares, wanted, (size_t) count * sizeof(int64_t)) == 0;
}

static void
test_examples(void)
{
	static const int64_t vendure[] = {4300, 1400, 2300};
	static const int64_t three[] = {1, 1, 1};
	static const int64_t nothing[] = {0, 0, 0};
	static const int64_t sylius[] = {10000, 4000, 4000};
	static const int64_t room[] = {1000, 4000, 4000};
	static const int64_t none[] = {0, 0, 0};
	static const int64_t large[] = {INT64_MAX / 2, INT64_MAX / 2, 1};

	CHECK(gives(299, vendure, NULL, 3, (int64_t[]) {161, 52, 86}));
	CHECK(gives(300, vendure, NULL, 3, (int64_t[]) {161, 53, 86}));
	CHECK(gives(100, three, NULL, 3, (int64_t[]) {34, 33, 33}));
	CHECK(gives(5, nothing, NULL, 3, (int64_t[]) {2, 2, 1}));
	CHECK(gives(5, (int64_t[]) {0, 7, 0}, NULL, 3, (int64_t[]) {0, 5, 0}));

	/* What the first cannot take goes to the others, in proportion. */
	CHECK(gives(2700, sylius, room, 3, (int64_t[]) {1000, 850, 850}));
	CHECK(gives(9000, sylius, room, 3, (int64_t[]) {1000, 4000, 4000}));
	CHECK(gives(9999, sylius, room, 3, (int64_t[]) {1000, 4000, 4000}));
	CHECK(gives(10, sylius, none, 3, (int64_t[]) {0, 0, 0}));

	/* Products beyond 64 bits */
	CHECK(gives(INT64_MAX / 2 * 2 + 1, large, large, 3, (int64_t[]) {INT64_MAX / 2, INT64_MAX / 2, 1}));
}

/*
 * The method of the largest remainder gives each the floor or the ceiling of
 * its quota, and no two places can be found of which the one with the smaller
 * remainder was rounded up and the other was not.
 */
static void
test_rule(void)
{
	ShareSpace *space = share_space(&memory_plain, MOST);
	Random		random;
	int			round;
	bool		sums = true;
	bool		quota = true;
	bool		order = true;
	bool		bounded = true;

	random_start(&random, 6, 0);
	for (round = 0; round < 20000; round++)
	{
		int			count = 1 + (int) random_below(&random, MOST);
		int64_t		weights[MOST];
		int64_t		most[MOST];
		int64_t		shares[MOST];
		int64_t		total = 0;
		int64_t		room = 0;
		int64_t		sum = 0;
		int64_t		amount;
		int			i;
		int			j;

		for (i = 0; i < count; i++)
		{
			weights[i] = random_below(&random, round % 2 ? 5 : 100000);
			most[i] = random_below(&random, 3) ? weights[i] : random_below(&random, (uint32_t) weights[i] + 1);
			total += weights[i];
			room += most[i];
		}
		amount = random_below(&random, (uint32_t) total + 3);
		sums = sums && share_out(space, amount, weights, NULL, count, shares) == amount;
		for (i = 0; i < count; i++)
		{
			sum += shares[i];
			if (total == 0)
				continue;
			quota = quota && shares[i] >= amount * weights[i] / total &&
				shares[i] <= amount * weights[i] / total + 1;
			for (j = 0; j < count; j++)
			{
				int64_t		up = amount * weights[i] % total;
				int64_t		down = amount * weights[j] % total;

				if (shares[i] > amount * weights[i] / total && shares[j] == amount * weights[j] / total)
					order = order && (up > down || (up == down && i < j));
			}
		}
		sums = sums && sum == amount;

		sum = 0;
		amount = share_out(space, amount, weights, most, count, shares) == amount ? amount : room;
		for (i = 0; i < count; i++)
		{
			bounded = bounded && shares[i] >= 0 && shares[i] <= most[i];
			sum += shares[i];
		}
		bounded = bounded && sum == amount;
	}
	CHECK(sums);
	CHECK(quota);
	CHECK(order);
	CHECK(bounded);
	share_space_release(&memory_plain, space);
}

static Word
word(const char *text)
{
	Word		made = {text, strlen(text)};

	return made;
}

static void
test_words(void)
{
	Word		words[] = {word("pear"), word("fig"), word("apple"), word("fig"), word("")};
	Word		others[] = {word("plum"), word("apple")};
	WordSet		set = {word_set_sort(words, 5), words};
	WordSet		other = {word_set_sort(others, 2), others};
	WordSet		none = {0, NULL};
	Word		fig = word("fig");
	Word		date = word("date");

	CHECK(set.count == 4);
	CHECK(word_equal(&set.word[1], &fig) && set.word[0].length == 0);
	CHECK(word_set_has(&set, &fig) && !word_set_has(&set, &date) && !word_set_has(&none, &fig));
	CHECK(word_set_meet(&set, &other) && word_set_meet(&other, &set));
	CHECK(!word_set_meet(&none, &set) && !word_set_meet(NULL, &set));
}

int
main(void)
{
	test_examples();
	test_rule();
	test_words();
	return check_report();
}
