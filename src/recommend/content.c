/*-------------------------------------------------------------------------
 *
 * content.c
 *	  What items are like by what is said of them.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/content.h"

#include <math.h>
#include <string.h>

#include "recommend/words.h"

#define FIRST_ROOM 1024

/* A text's words are told apart from values by the column that they have. */
#define WORD_COLUMN 65535

/* Bytes of a value that tell it apart; longer ones are cut. */
#define VALUE_MOST 1000

bool
content_start(Content *content, const Memory *memory)
{
	memset(content, 0, sizeof(*content));
	content->memory = memory;
	return names_start(&content->features, memory);
}

void
content_end(Content *content)
{
	names_end(&content->features);
	memory_release(content->memory, content->item);
	memory_release(content->memory, content->feature);
	memset(content, 0, sizeof(*content));
}

static bool
grow(Content *content)
{
	uint64_t	room = content->room == 0 ? FIRST_ROOM : content->room * 2;
	uint32_t   *item = memory_grow(content->memory, content->item, content->rows, room,
								   sizeof(uint32_t));
	uint32_t   *feature;

	if (item == NULL)
		return false;
	content->item = item;
	feature = memory_grow(content->memory, content->feature, content->rows, room,
						  sizeof(uint32_t));
	if (feature == NULL)
		return false;
	content->feature = feature;
	content->room = room;
	return true;
}

bool
content_value(Content *content, uint32_t item, uint32_t column, const char *value,
			  size_t size)
{
	char		key[VALUE_MOST + 2];
	uint32_t	feature;

	if (size > VALUE_MOST)
		size = VALUE_MOST;
	key[0] = (char) (column >> 8);
	key[1] = (char) column;
	if (size > 0)
		memcpy(key + 2, value, size);
	feature = names_number(&content->features, key, (uint32_t) size + 2);
	if (feature == NAME_NONE || (content->rows == content->room && !grow(content)))
		return false;
	content->item[content->rows] = item;
	content->feature[content->rows++] = feature;
	content->bytes = content->features.bytes + content->room * 2 * sizeof(uint32_t);
	return true;
}

bool
content_text(Content *content, uint32_t item, const char *text, size_t size)
{
	WordReader	reader;

	word_reader_start(&reader, text, size);
	while (word_next(&reader))
		if (!content_value(content, item, WORD_COLUMN, reader.bytes, reader.size))
			return false;
	return true;
}

/*
 * The vectors, by item and by feature: entries of one are rising in the other.
 */
typedef struct Vectors
{
	uint32_t	n_items;
	uint32_t	n_features;
	uint64_t	n_entries;
	uint64_t   *item_start;
	uint32_t   *feature;
	float	   *part;
	uint64_t   *feature_start;
	uint32_t   *item;
	float	   *item_part;		/* of the same entries, by feature */
} Vectors;

static void
vectors_end(const Memory *memory, Vectors *vectors)
{
	memory_release(memory, vectors->item_start);
	memory_release(memory, vectors->feature);
	memory_release(memory, vectors->part);
	memory_release(memory, vectors->feature_start);
	memory_release(memory, vectors->item);
	memory_release(memory, vectors->item_part);
}

/* Turns counts at start[i + 1] into places: the first of i is start[i]. */
static void
add_up(uint64_t *start, uint32_t count)
{
	uint32_t	i;

	for (i = 0; i < count; i++)
		start[i + 1] += start[i];
}

/*
 * The occurrences by rising feature and then item: sorted by counting, twice.
 * Gives the items in that order, and where each feature's begin.
 */
static bool
sort_occurrences(const Memory *memory, const Content *content, const uint32_t *number,
				 const uint32_t *rank, Vectors *vectors)
{
	uint64_t	rows = content->rows;
	uint64_t   *start = memory_zero_array(memory, (uint64_t) vectors->n_items + 2, sizeof(uint64_t));
	uint32_t   *feature = memory_array(memory, rows + 1, sizeof(uint32_t));
	uint64_t	row;
	uint32_t	i;

	vectors->item = memory_array(memory, rows + 1, sizeof(uint32_t));
	vectors->feature_start = memory_zero_array(memory, (uint64_t) vectors->n_features + 2,
											   sizeof(uint64_t));
	if (start == NULL || feature == NULL || vectors->item == NULL ||
		vectors->feature_start == NULL)
	{
		memory_release(memory, start);
		memory_release(memory, feature);
		return false;
	}

	/* By item; counts are two places on, so that filling moves them to one. */
	for (row = 0; row < rows; row++)
	{
		start[number[content->item[row]] + 1]++;
		vectors->feature_start[rank[content->feature[row]] + 2]++;
	}
	add_up(start, vectors->n_items);
	for (row = 0; row < rows; row++)
		feature[start[number[content->item[row]]]++] = rank[content->feature[row]];

	/* Then by feature, items rising; start[i] is now where item i ends. */
	add_up(vectors->feature_start, vectors->n_features + 1);
	row = 0;
	for (i = 0; i < vectors->n_items; i++)
		for (; row < start[i]; row++)
			vectors->item[vectors->feature_start[feature[row] + 1]++] = i;
	memory_release(memory, start);
	memory_release(memory, feature);
	return true;
}

/* One entry of the occurrences of a feature in an item, with their number */
static void
merge_occurrences(Vectors *vectors)
{
	uint64_t	kept = 0;
	uint32_t	f;

	for (f = 0; f < vectors->n_features; f++)
	{
		uint64_t	at = vectors->feature_start[f];
		uint64_t	end = vectors->feature_start[f + 1];
		uint64_t	first = kept;

		for (; at < end; at++)
		{
			if (kept > first && vectors->item[kept - 1] == vectors->item[at])
			{
				vectors->item_part[kept - 1]++;
				continue;
			}
			vectors->item[kept] = vectors->item[at];
			vectors->item_part[kept++] = 1;
		}
		vectors->feature_start[f] = first;
	}
	vectors->feature_start[vectors->n_features] = kept;
	vectors->n_entries = kept;
}

/* Weighs counts by idf, and divides each item's by their length. */
static bool
weigh(const Memory *memory, Vectors *vectors)
{
	double	   *length = memory_zero_array(memory, (uint64_t) vectors->n_items + 1, sizeof(double));
	uint32_t	described = 0;
	uint64_t	at;
	uint32_t	f;
	uint32_t	i;

	if (length == NULL)
		return false;
	for (at = 0; at < vectors->n_entries; at++)
		length[vectors->item[at]] = 1;
	for (i = 0; i < vectors->n_items; i++)
	{
		described += length[i] > 0;
		length[i] = 0;
	}
	for (f = 0; f < vectors->n_features; f++)
	{
		uint64_t	df = vectors->feature_start[f + 1] - vectors->feature_start[f];
		double		idf = log((1.0 + described) / (1.0 + (double) df)) + 1;

		for (at = vectors->feature_start[f]; at < vectors->feature_start[f + 1]; at++)
		{
			double		part = vectors->item_part[at] * idf;

			vectors->item_part[at] = (float) part;
			length[vectors->item[at]] += part * part;
		}
	}
	for (at = 0; at < vectors->n_entries; at++)
		vectors->item_part[at] = (float) (vectors->item_part[at] / sqrt(length[vectors->item[at]]));
	memory_release(memory, length);
	return true;
}

/* The same entries by item, features rising */
static bool
turn(const Memory *memory, Vectors *vectors)
{
	uint64_t   *start = memory_zero_array(memory, (uint64_t) vectors->n_items + 2, sizeof(uint64_t));
	uint64_t	at;
	uint32_t	f;

	vectors->item_start = start;
	vectors->feature = memory_array(memory, vectors->n_entries + 1, sizeof(uint32_t));
	vectors->part = memory_array(memory, vectors->n_entries + 1, sizeof(float));
	if (start == NULL || vectors->feature == NULL || vectors->part == NULL)
		return false;
	for (at = 0; at < vectors->n_entries; at++)
		start[vectors->item[at] + 2]++;
	add_up(start, vectors->n_items + 1);
	for (f = 0; f < vectors->n_features; f++)
		for (at = vectors->feature_start[f]; at < vectors->feature_start[f + 1]; at++)
		{
			uint64_t	to = start[vectors->item[at] + 1]++;

			vectors->feature[to] = f;
			vectors->part[to] = vectors->item_part[at];
		}
	return true;
}

static bool
make_vectors(const Memory *memory, const Content *content, const uint32_t *number,
			 uint32_t n_items, Vectors *vectors)
{
	uint32_t	n_features = content->features.count;
	uint32_t   *order = memory_array(memory, (uint64_t) n_features + 1, sizeof(uint32_t));
	uint32_t   *rank = memory_array(memory, (uint64_t) n_features + 1, sizeof(uint32_t));
	bool		done = false;
	uint32_t	i;

	memset(vectors, 0, sizeof(*vectors));
	vectors->n_items = n_items;
	vectors->n_features = n_features;
	if (order != NULL && rank != NULL && names_sort(&content->features, order))
	{
		for (i = 0; i < n_features; i++)
			rank[order[i]] = i;
		done = sort_occurrences(memory, content, number, rank, vectors);
	}
	memory_release(memory, order);
	memory_release(memory, rank);
	if (!done)
		return false;
	vectors->item_part = memory_array(memory, content->rows + 1, sizeof(float));
	if (vectors->item_part == NULL)
		return false;
	merge_occurrences(vectors);
	return weigh(memory, vectors) && turn(memory, vectors);
}

/* The best so far, a heap with the worst of them on top */
typedef struct Best
{
	uint32_t	count;
	uint32_t	most;
	uint32_t   *item;
	float	   *score;
} Best;

static inline bool
is_worse(float score, uint32_t item, float other_score, uint32_t other_item)
{
	return score < other_score || (score == other_score && item > other_item);
}

/* Puts an entry in place of the top, which sinks to where it belongs. */
static void
sink(Best *best, uint32_t count, float score, uint32_t item)
{
	uint32_t	at = 0;

	for (;;)
	{
		uint32_t	child = 2 * at + 1;

		if (child >= count)
			break;
		if (child + 1 < count &&
			is_worse(best->score[child + 1], best->item[child + 1],
					 best->score[child], best->item[child]))
			child++;
		if (!is_worse(best->score[child], best->item[child], score, item))
			break;
		best->score[at] = best->score[child];
		best->item[at] = best->item[child];
		at = child;
	}
	best->score[at] = score;
	best->item[at] = item;
}

static void
offer(Best *best, float score, uint32_t item)
{
	uint32_t	at;

	if (best->count == best->most)
	{
		if (best->most > 0 && is_worse(best->score[0], best->item[0], score, item))
			sink(best, best->count, score, item);
		return;
	}
	at = best->count++;
	while (at > 0 && is_worse(score, item, best->score[(at - 1) / 2], best->item[(at - 1) / 2]))
	{
		best->score[at] = best->score[(at - 1) / 2];
		best->item[at] = best->item[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	best->score[at] = score;
	best->item[at] = item;
}

/* Best first: the worst goes to the end, again and again. */
static void
put_in_order(Best *best)
{
	uint32_t	end;

	for (end = best->count; end > 1; end--)
	{
		float		score = best->score[end - 1];
		uint32_t	item = best->item[end - 1];

		best->score[end - 1] = best->score[0];
		best->item[end - 1] = best->item[0];
		sink(best, end - 1, score, item);
	}
}

/* The neighbors of one item, from the sums of its features' items */
static void
find_neighbors(const Vectors *vectors, uint32_t item, double *sum, uint32_t *touched,
			   Best *best)
{
	uint32_t	count = 0;
	uint64_t	at;
	uint64_t	other;
	uint32_t	i;

	for (at = vectors->item_start[item]; at < vectors->item_start[item + 1]; at++)
	{
		uint32_t	f = vectors->feature[at];
		double		part = vectors->part[at];

		for (other = vectors->feature_start[f]; other < vectors->feature_start[f + 1]; other++)
		{
			i = vectors->item[other];
			if (sum[i] == 0)
				touched[count++] = i;
			sum[i] += part * vectors->item_part[other];
		}
	}
	best->count = 0;
	for (i = 0; i < count; i++)
	{
		if (touched[i] != item)
			offer(best, (float) sum[touched[i]], touched[i]);
		sum[touched[i]] = 0;
	}
	put_in_order(best);
}

/* A larger home for the entries of lists, of which so many are used */
static bool
grow_lists(const Memory *memory, NeighborLists *lists, uint64_t used, uint64_t *room,
		   uint32_t more)
{
	uint64_t	larger = *room * 2 + more;
	uint32_t   *item = memory_grow(memory, lists->item, used, larger, sizeof(uint32_t));
	float	   *score;

	if (item == NULL)
		return false;
	lists->item = item;
	score = memory_grow(memory, lists->score, used, larger, sizeof(float));
	if (score == NULL)
		return false;
	lists->score = score;
	*room = larger;
	return true;
}

bool
content_build(const Memory *memory, const Content *content, const uint32_t *number,
			  uint32_t n_items, uint32_t neighbors, NeighborLists *lists)
{
	Vectors		vectors;
	double	   *sum = NULL;
	uint32_t   *touched = NULL;
	uint64_t	used = 0;
	uint64_t	room = 0;
	bool		done = false;
	Best		best;
	uint32_t	i;

	if (neighbors > n_items)
		neighbors = n_items;
	memset(&best, 0, sizeof(best));
	memset(lists, 0, sizeof(*lists));
	lists->n_items = n_items;
	if (!make_vectors(memory, content, number, n_items, &vectors))
		goto out;
	sum = memory_zero_array(memory, (uint64_t) n_items + 1, sizeof(double));
	touched = memory_array(memory, (uint64_t) n_items + 1, sizeof(uint32_t));
	best.most = neighbors;
	best.item = memory_array(memory, (uint64_t) neighbors + 1, sizeof(uint32_t));
	best.score = memory_array(memory, (uint64_t) neighbors + 1, sizeof(float));
	lists->start = memory_zero_array(memory, (uint64_t) n_items + 1, sizeof(uint64_t));
	if (sum == NULL || touched == NULL || best.item == NULL || best.score == NULL ||
		lists->start == NULL || !grow_lists(memory, lists, 0, &room, neighbors + 1))
		goto out;
	for (i = 0; i < n_items; i++)
	{
		if (!memory->may_go_on(memory->arg))
			goto out;
		find_neighbors(&vectors, i, sum, touched, &best);
		if (room - used < best.count && !grow_lists(memory, lists, used, &room, best.count))
			goto out;
		memcpy(lists->item + used, best.item, sizeof(uint32_t) * best.count);
		memcpy(lists->score + used, best.score, sizeof(float) * best.count);
		used += best.count;
		lists->start[i + 1] = used;
	}
	done = true;
out:
	vectors_end(memory, &vectors);
	memory_release(memory, sum);
	memory_release(memory, touched);
	memory_release(memory, best.item);
	memory_release(memory, best.score);
	if (!done)
	{
		memory_release(memory, lists->start);
		memory_release(memory, lists->item);
		memory_release(memory, lists->score);
		memset(lists, 0, sizeof(*lists));
	}
	return done;
}

uint64_t
content_need(const Content *content, uint32_t n_items, uint32_t neighbors)
{
	/* Occurrences by item and by feature, with parts; sums; and lists, which
	 * are copied when they grow. */
	return content->rows * 4 * sizeof(uint32_t) +
		(uint64_t) content->features.count * 5 * sizeof(uint64_t) +
		(uint64_t) n_items * 6 * sizeof(double) +
		(uint64_t) n_items * neighbors * 3 * (sizeof(uint32_t) + sizeof(float));
}
