/*-------------------------------------------------------------------------
 *
 * content.h
 *	  What items are like by what is said of them: words, tags, attributes.
 *
 * Plain C.  Each item is a vector over features.  A feature is a word of its
 * texts (words.h), whichever column they are in, or the value of a column of
 * tags or attributes.  With count the times that the item has the feature, N
 * the items that have any, and df those that have this one, an item's part is
 *
 *		count * (ln((1 + N) / (1 + df)) + 1)
 *
 * divided by the length of the item's whole vector (TF-IDF with smoothed idf,
 * as in scikit-learn's TfidfVectorizer; Manning, Raghavan, Schuetze, An
 * Introduction to Information Retrieval, chapter 6), and two items are as like
 * as the cosine of their vectors.  Of equal likeness the item with the lower
 * number comes first.
 *
 * Features are told apart by their text and summed in its order, so the order
 * in which they came does not change a bit of the result.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_CONTENT_H
#define PROMO_CONTENT_H

#include "recommend/names.h"
#include "recommend/recommend.h"

typedef struct Content
{
	const Memory *memory;
	Names		features;		/* a column's byte pair, then the text */
	uint64_t	bytes;			/* held, with the features */

	/* Of content.c alone: one occurrence after the other */
	uint64_t	rows;
	uint64_t	room;
	uint32_t   *item;
	uint32_t   *feature;
} Content;

/* Each that gives bool: false is out of memory, or told to stop. */
extern bool content_start(Content *content, const Memory *memory);
extern void content_end(Content *content);

/* An item's text, of which each word counts; UTF-8. */
extern bool content_text(Content *content, uint32_t item, const char *text,
						 size_t size);

/* A value of the column, a number below 65535, that the item has */
extern bool content_value(Content *content, uint32_t item, uint32_t column,
						  const char *value, size_t size);

/*
 * content_build(memory, content, number, n_items, neighbors, lists)
 *
 * Gives each of n_items items the `neighbors` others that are most like it,
 * best first.  Items were told of under other numbers, which number[] turns
 * into those of the lists.  Takes time in proportion to the sum, over the
 * features, of the square of how many items have it.
 */
extern bool content_build(const Memory *memory, const Content *content,
						  const uint32_t *number, uint32_t n_items,
						  uint32_t neighbors, NeighborLists *lists);

/* Memory that content_build takes at most beside the content, in bytes */
extern uint64_t content_need(const Content *content, uint32_t n_items,
							 uint32_t neighbors);

#endif							/* PROMO_CONTENT_H */
