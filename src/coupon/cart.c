/*-------------------------------------------------------------------------
 *
 * cart.c
 *	  Words of a cart, sets of them, and facts by name.
 *
 *-------------------------------------------------------------------------
 */
#include "coupon/cart.h"

#include <stdlib.h>
#include <string.h>

int
word_compare(const Word *a, const Word *b)
{
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return a->length == 0 ? 0 : memcmp(a->text, b->text, a->length);
}

static int
word_order(const void *a, const void *b)
{
	return word_compare(a, b);
}

int
word_set_sort(Word *words, int count)
{
	int			kept = 0;
	int			i;

	if (count > 1)
		qsort(words, (size_t) count, sizeof(Word), word_order);
	for (i = 0; i < count; i++)
		if (kept == 0 || word_compare(&words[i], &words[kept - 1]) != 0)
			words[kept++] = words[i];
	return kept;
}

bool
word_set_has(const WordSet *set, const Word *word)
{
	int			low = 0;
	int			high = set->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			order = word_compare(&set->word[middle], word);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
word_set_meet(const WordSet *a, const WordSet *b)
{
	int			i;

	if (a == NULL || b == NULL)
		return false;
	if (a->count > b->count)
		return word_set_meet(b, a);
	for (i = 0; i < a->count; i++)
		if (word_set_has(b, &a->word[i]))
			return true;
	return false;
}

const Value *
facts_find(const Facts *facts, const Word *name)
{
	int			low = 0;
	int			high = facts->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			order = word_compare(&facts->fact[middle].name, name);

		if (order == 0)
			return &facts->fact[middle].value;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
