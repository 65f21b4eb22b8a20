/*-------------------------------------------------------------------------
 *
 * timeline_value.c
 *	  Making the one value of a set of events.
 *
 * A state whose events came in order, with but time and amount, is rewritten
 * in two walks.  Any other is sorted, repeats of an event id are dropped, and
 * kinds and categories are numbered by the order of their words.
 *
 *-------------------------------------------------------------------------
 */
#include "behavior/timeline.h"

#include "behavior/timeline_bytes.h"
#include "core/hash.h"

/*
 * What sorting moves: an event of a state by its time and place, or a text by
 * its place, with length and number in the key.
 */
typedef struct SortItem
{
	int64_t		key;
	const unsigned char *place;
} SortItem;

typedef int (*sort_compare) (const SortItem *a, const SortItem *b, void *arg);

/* The distinct words of a state, numbered as they come, then ranked. */
typedef struct Words
{
	SortItem   *items;			/* length << 32 | number, and the bytes */
	uint32_t   *ranks;			/* place in order of bytes, by number */
	uint32_t   *slots;			/* number + 1, or 0: open addressing */
	uint32_t	count;
	uint32_t	capacity;		/* of items; there are twice as many slots */
	size_t		bytes;			/* of all words */
} Words;

/*
 * Merge sort that is stable and asks whether to go on; false when it may not
 * or there is no memory.
 */
static bool
sort(SortItem *items, size_t count, sort_compare compare, void *arg,
	 const Memory *memory)
{
	SortItem   *from = items;
	SortItem   *to;
	SortItem   *spare;
	size_t		width = 16;
	size_t		start;
	size_t		i;

	/* Runs of a few items by insertion, which costs little when in order. */
	for (start = 0; start < count; start += width)
	{
		size_t		stop = count - start < width ? count : start + width;

		for (i = start + 1; i < stop; i++)
		{
			SortItem	item = items[i];
			size_t		at = i;

			while (at > start && compare(&items[at - 1], &item, arg) > 0)
			{
				items[at] = items[at - 1];
				at--;
			}
			items[at] = item;
		}
		if (start % TIMELINE_GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
			return false;
	}
	if (count <= width)
		return true;

	spare = memory_array(memory, count, sizeof(SortItem));
	if (spare == NULL)
		return false;
	to = spare;
	for (; width < count; width *= 2)
	{
		SortItem   *merged = to;

		for (start = 0; start < count; start += 2 * width)
		{
			size_t		middle = count - start < width ? count : start + width;
			size_t		stop = count - middle < width ? count : middle + width;
			size_t		left = start;
			size_t		right = middle;
			size_t		out = start;

			if (middle == stop || compare(&from[middle - 1], &from[middle], arg) <= 0)
				memcpy(to + start, from + start, (stop - start) * sizeof(SortItem));
			else
				while (out < stop)
				{
					if (left < middle &&
						(right == stop || compare(&from[left], &from[right], arg) <= 0))
						to[out++] = from[left++];
					else
						to[out++] = from[right++];
					if (out % TIMELINE_GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
					{
						memory_release(memory, spare);
						return false;
					}
				}
		}
		to = from;
		from = merged;
	}
	if (from != items)
		memcpy(items, from, count * sizeof(SortItem));
	memory_release(memory, spare);
	return true;
}

/* The event of a state at an item; reader is one that was opened on it. */
static inline bool
event_at(TimelineReader *reader, const SortItem *item, TimelineEvent *event)
{
	reader->place = item->place;
	reader->left = 1;
	if (!timeline_next(reader, event))
		return false;
	event->at = item->key;
	return true;
}

static int
compare_items(const SortItem *a, const SortItem *b, void *arg)
{
	TimelineReader *reader = arg;
	TimelineEvent a_event;
	TimelineEvent b_event;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (!event_at(reader, a, &a_event) || !event_at(reader, b, &b_event))
		return 0;
	return timeline_compare_events(&a_event, &b_event);
}

/* Texts in any fixed order, equal ones by number. */
static int
compare_ids(const SortItem *a, const SortItem *b, void *arg)
{
	int64_t		a_length = a->key >> 32;
	int64_t		b_length = b->key >> 32;
	int			order;

	(void) arg;
	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	order = a_length > 0 ? memcmp(a->place, b->place, (size_t) a_length) : 0;
	if (order != 0)
		return order;
	return (a->key > b->key) - (a->key < b->key);
}

static int
compare_words(const SortItem *a, const SortItem *b, void *arg)
{
	(void) arg;
	return timeline_compare_bytes(a->place, (size_t) (a->key >> 32),
								  b->place, (size_t) (b->key >> 32));
}

/*-------------------------------------------------------------------------
 * Values
 *-------------------------------------------------------------------------
 */

/* A time or a span in units; the constants let the compiler multiply. */
static inline int64_t
in_units(int64_t time, unsigned unit)
{
	switch (unit)
	{
		case 4:
			return time / INT64_C(3600000000);
		case 3:
			return time / 60000000;
		case 2:
			return time / 1000000;
		case 1:
			return time / 1000;
		default:
			return time;
	}
}

/* The largest unit, not above the given one, that divides a time. */
static inline unsigned
unit_of(int64_t time, unsigned unit)
{
	while (unit > 0 && in_units(time, unit) * timeline_unit_length[unit] != time)
		unit--;
	return unit;
}

/* The span between two times in units; it may not fit 63 bits in one unit. */
static inline uint64_t
step_between(int64_t before, int64_t after, unsigned unit)
{
	if (unit == 0)
		return (uint64_t) after - (uint64_t) before;
	return (uint64_t) (in_units(after, unit) - in_units(before, unit));
}

static void
words_release(Words *words, const Memory *memory)
{
	memory_release(memory, words->items);
	memory_release(memory, words->ranks);
	memory_release(memory, words->slots);
}

/* The slot where a word is, or would be. */
static uint32_t *
words_slot(const Words *words, TimelineText text)
{
	size_t		mask = 2 * (size_t) words->capacity - 1;
	size_t		at = hash_keyed(text.data, text.length, 0, 0) & mask;

	while (words->slots[at] != 0)
	{
		const SortItem *item = &words->items[words->slots[at] - 1];

		if ((size_t) (item->key >> 32) == text.length &&
			(text.length == 0 || memcmp(item->place, text.data, text.length) == 0))
			break;
		at = (at + 1) & mask;
	}
	return &words->slots[at];
}

static bool
words_add(Words *words, TimelineText text, const Memory *memory)
{
	uint32_t   *slot;

	if (words->count == words->capacity)
	{
		uint32_t	capacity = words->capacity == 0 ? 16 : 2 * words->capacity;
		uint32_t	i;
		SortItem   *items = memory_array(memory, capacity, sizeof(SortItem));
		uint32_t   *slots = memory_zero_array(memory, 2 * (size_t) capacity,
											  sizeof(uint32_t));

		if (items == NULL || slots == NULL)
		{
			memory_release(memory, items);
			memory_release(memory, slots);
			return false;
		}
		if (words->count > 0)
			memcpy(items, words->items, words->count * sizeof(SortItem));
		memory_release(memory, words->items);
		memory_release(memory, words->slots);
		words->items = items;
		words->slots = slots;
		words->capacity = capacity;
		for (i = 0; i < words->count; i++)
		{
			TimelineText old = {(const char *) words->items[i].place,
			(uint32_t) (words->items[i].key >> 32)};

			*words_slot(words, old) = i + 1;
		}
	}
	slot = words_slot(words, text);
	if (*slot == 0)
	{
		words->items[words->count].key = (int64_t) text.length << 32 | words->count;
		words->items[words->count].place = (const unsigned char *) text.data;
		words->bytes += text.length;
		*slot = ++words->count;
	}
	return true;
}

/* Sorts the words; from then on they have ranks, and none is added. */
static bool
words_rank(Words *words, const Memory *memory)
{
	SortItem   *sorted;
	uint32_t	i;

	if (words->count == 0)
		return true;
	sorted = memory_array(memory, words->count, sizeof(SortItem));
	words->ranks = memory_array(memory, words->count, sizeof(uint32_t));
	if (sorted == NULL || words->ranks == NULL)
	{
		memory_release(memory, sorted);
		return false;
	}
	memcpy(sorted, words->items, words->count * sizeof(SortItem));
	if (!sort(sorted, words->count, compare_words, NULL, memory))
	{
		memory_release(memory, sorted);
		return false;
	}
	for (i = 0; i < words->count; i++)
		words->ranks[(uint32_t) sorted[i].key] = i;

	/* Slots keep naming words by their number, so items stay in that order. */
	memory_release(memory, sorted);
	return true;
}

static uint32_t
words_find(const Words *words, TimelineText text)
{
	return words->ranks[*words_slot(words, text) - 1];
}

static size_t
words_size(const Words *words)
{
	return 4 + 4 * (size_t) words->count + words->bytes;
}

/* Writes the list; its ends serve meanwhile as the number by rank. */
static unsigned char *
words_write(const Words *words, unsigned char *place)
{
	unsigned char *ends = wire_write_u32(place, words->count);
	unsigned char *at = ends + 4 * (size_t) words->count;
	unsigned char *start = at;
	uint32_t	i;

	for (i = 0; i < words->count; i++)
		(void) wire_write_u32(ends + 4 * (size_t) words->ranks[i], i);
	for (i = 0; i < words->count; i++)
	{
		const SortItem *item = &words->items[timeline_load_u32(ends + 4 * (size_t) i)];
		size_t		length = (size_t) (item->key >> 32);

		if (length > 0)
			memcpy(at, item->place, length);
		at += length;
		(void) wire_write_u32(ends + 4 * (size_t) i, (uint32_t) (at - start));
	}
	return at;
}

/* Closes a value after its last event. */
static TimelineStatus
close_value(unsigned char *value, unsigned char *place, unsigned flags,
			int64_t first, uint32_t count, size_t *size)
{
	value[TIMELINE_PREFIX] = TIMELINE_VERSION;
	value[TIMELINE_PREFIX + 1] = (unsigned char) flags;
	timeline_store(place, (uint64_t) first);
	*size = (size_t) (wire_write_u32(place + 8, count) - value);
	return *size > TIMELINE_LARGEST ? TIMELINE_TOO_LARGE : TIMELINE_OK;
}

/*
 * The value of a state whose events came in order and have but time and
 * amount: one walk finds the unit, another one writes.
 */
static TimelineStatus
finish_sorted(TimelineReader *reader, const Memory *memory,
			  unsigned char **value, size_t *size)
{
	TimelineReader start = *reader;
	TimelineEvent event;
	unsigned	unit = reader->count > 0 ? TIMELINE_UNITS - 1 : 0;
	unsigned char *place;
	int64_t		first = (int64_t) reader->step;
	int64_t		before = first;

	while (unit > 0 && timeline_next(reader, &event))
		unit = unit_of(event.at, unit);

	/* Steps in a larger unit are not longer, so the events fit as they are. */
	*reader = start;
	*value = memory->alloc(memory->arg, TIMELINE_PREFIX + TIMELINE_VALUE_HEAD + TIMELINE_VALUE_FOOT +
						   TIMELINE_STATE_SLACK + (size_t) (reader->end - reader->place));
	if (*value == NULL)
		return TIMELINE_NO_MEMORY;
	place = *value + TIMELINE_PREFIX + TIMELINE_VALUE_HEAD;
	for (;;)
	{
		/* The amount goes over as it stands, control bits and bytes. */
		const unsigned char *old = reader->place;
		unsigned	control;
		unsigned	amount_size;
		uint64_t	bits;

		if (!timeline_next(reader, &event))
			break;
		control = *old & 0x78;
		amount_size = timeline_size_of_code[control >> 3 & 7];
		bits = timeline_load(reader->place - amount_size);
		if (amount_size < 8)
			bits &= (UINT64_C(1) << (8 * amount_size)) - 1;
		place = timeline_write_core(place, step_between(before, event.at, unit), control, bits);
		before = event.at;
	}
	if (reader->failed)
		return TIMELINE_CORRUPT;
	return close_value(*value, place, unit, in_units(first, unit), reader->count, size);
}

/* Drops all but the first event of each event id. */
static TimelineStatus
drop_repeats(TimelineReader *reader, SortItem *items, uint32_t *count,
			 const Memory *memory)
{
	SortItem   *ids = memory_array(memory, *count, sizeof(SortItem));
	TimelineEvent event;
	uint32_t	ids_count = 0;
	uint32_t	kept = 0;
	uint32_t	i;

	if (ids == NULL)
		return TIMELINE_NO_MEMORY;
	for (i = 0; i < *count; i++)
	{
		if (!event_at(reader, &items[i], &event))
			break;
		if (event.has & TIMELINE_HAS_EVENT_ID)
		{
			ids[ids_count].key = (int64_t) event.event_id.length << 32 | i;
			ids[ids_count++].place = (const unsigned char *) event.event_id.data;
		}
	}
	if (!sort(ids, ids_count, compare_ids, NULL, memory))
	{
		memory_release(memory, ids);
		return TIMELINE_NO_MEMORY;
	}
	for (i = 1; i < ids_count; i++)
	{
		size_t		length = (size_t) (ids[i].key >> 32);

		if (ids[i - 1].key >> 32 == ids[i].key >> 32 &&
			memcmp(ids[i - 1].place, ids[i].place, length) == 0)
			items[(uint32_t) ids[i].key].place = NULL;
	}
	memory_release(memory, ids);
	for (i = 0; i < *count; i++)
		if (items[i].place != NULL)
			items[kept++] = items[i];
	*count = kept;
	return TIMELINE_OK;
}

/*
 * Writes the value of events in order.  With extras, kinds and categories
 * hold their words.
 */
static TimelineStatus
write_value(TimelineReader *reader, const SortItem *items, uint32_t count,
			bool extras, size_t events_bound, Words *kinds, Words *categories,
			const Memory *memory, unsigned char **value, size_t *size)
{
	size_t		bound = TIMELINE_PREFIX + TIMELINE_VALUE_HEAD + TIMELINE_VALUE_FOOT + TIMELINE_STATE_SLACK;
	unsigned	unit = count > 0 ? TIMELINE_UNITS - 1 : 0;
	unsigned char *place;
	uint32_t	i;

	for (i = 0; i < count && unit > 0; i++)
		unit = unit_of(items[i].key, unit);

	/* A step may be longer than in the state, and so may a word's number. */
	bound += events_bound + 8 * (size_t) count;
	if (extras)
		bound += words_size(kinds) + words_size(categories) +
			2 * TIMELINE_LARGEST_VARINT * (size_t) count;
	*value = memory->alloc(memory->arg, bound);
	if (*value == NULL)
		return TIMELINE_NO_MEMORY;
	place = *value + TIMELINE_PREFIX + TIMELINE_VALUE_HEAD;
	if (extras)
		place = words_write(categories, words_write(kinds, place));

	for (i = 0; i < count; i++)
	{
		TimelineEvent event;
		uint64_t	bits = 0;
		unsigned	control = 0;
		uint32_t	kind = 0;
		uint32_t	category = 0;

		if (!event_at(reader, &items[i], &event))
			return TIMELINE_CORRUPT;
		if (event.has & TIMELINE_HAS_AMOUNT)
			control = timeline_number_code(event.amount, &bits);
		if (event.has & TIMELINE_HAS_EXTRAS)
			control |= 0x80;
		place = timeline_write_core(place, i == 0 ? 0 :
									step_between(items[i - 1].key, items[i].key, unit),
									control, bits);
		if (event.has & TIMELINE_HAS_EXTRAS)
		{
			if (event.has & TIMELINE_HAS_KIND)
				kind = event.kind != TIMELINE_OTHER ? (uint32_t) event.kind :
					TIMELINE_OTHER + words_find(kinds, event.kind_name);
			if (event.has & TIMELINE_HAS_CATEGORY)
				category = words_find(categories, event.category);
			place = timeline_write_extras(place, &event, true, kind, category);
		}
		if (i % TIMELINE_GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
			return TIMELINE_NO_MEMORY;
	}
	return close_value(*value, place, unit | (extras ? TIMELINE_EXTRAS : 0),
					   count > 0 ? in_units(items[0].key, unit) : 0, count, size);
}

/* The value of any state: sort, drop repeats, number the words, write. */
static TimelineStatus
finish_any(TimelineReader *reader, SortItem *items, Words *kinds,
		   Words *categories, const Memory *memory,
		   unsigned char **value, size_t *size)
{
	size_t		events_bound = (size_t) (reader->end - reader->place);
	TimelineEvent event;
	TimelineStatus status;
	uint32_t	count = reader->count;
	uint32_t	has = 0;
	uint32_t	i;

	for (i = 0; i < count; i++)
	{
		items[i].place = reader->place;
		if (!timeline_next(reader, &event))
			return TIMELINE_CORRUPT;
		items[i].key = event.at;
		has |= event.has;
	}
	if (reader->flags & TIMELINE_UNSORTED &&
		!sort(items, count, compare_items, reader, memory))
		return TIMELINE_NO_MEMORY;
	if (has & TIMELINE_HAS_EVENT_ID)
	{
		status = drop_repeats(reader, items, &count, memory);
		if (status != TIMELINE_OK)
			return status;
	}

	/* What was dropped may have had the only extras, or words of its own. */
	if (has & TIMELINE_HAS_EXTRAS)
	{
		has = 0;
		for (i = 0; i < count; i++)
		{
			if (!event_at(reader, &items[i], &event))
				return TIMELINE_CORRUPT;
			has |= event.has;
			if ((event.has & TIMELINE_HAS_KIND && event.kind == TIMELINE_OTHER &&
				 !words_add(kinds, event.kind_name, memory)) ||
				(event.has & TIMELINE_HAS_CATEGORY &&
				 !words_add(categories, event.category, memory)))
				return TIMELINE_NO_MEMORY;
		}
		if (!words_rank(kinds, memory) || !words_rank(categories, memory))
			return TIMELINE_NO_MEMORY;
	}
	return write_value(reader, items, count, (has & TIMELINE_HAS_EXTRAS) != 0,
					   events_bound, kinds, categories, memory, value, size);
}

TimelineStatus
timeline_finish(const void *state, size_t state_size, const Memory *memory,
				unsigned char **value, size_t *size)
{
	TimelineReader reader;
	TimelineStatus status;

	*value = NULL;
	timeline_read(&reader, state, state_size);
	if (reader.failed || (reader.flags & TIMELINE_STATE) == 0)
		return TIMELINE_CORRUPT;

	if ((reader.flags & (TIMELINE_UNSORTED | TIMELINE_EXTRAS)) == 0)
		status = finish_sorted(&reader, memory, value, size);
	else
	{
		SortItem   *items = memory_array(memory, reader.count, sizeof(SortItem));
		Words		kinds = {0};
		Words		categories = {0};

		if (items == NULL)
			return TIMELINE_NO_MEMORY;
		status = finish_any(&reader, items, &kinds, &categories, memory, value, size);
		memory_release(memory, items);
		words_release(&kinds, memory);
		words_release(&categories, memory);
	}
	if (status != TIMELINE_OK)
	{
		memory_release(memory, *value);
		*value = NULL;
	}
	return status;
}

/*
 * Reads the bytes into a state and writes them again: a value is what comes
 * out as it went in.
 */
TimelineStatus
timeline_validate(const void *data, size_t size, const Memory *memory)
{
	TimelineReader reader;
	TimelineState *state;
	TimelineStatus status;
	unsigned char *value;
	size_t		value_size;
	size_t		capacity = TIMELINE_LEAST_STATE;

	timeline_read(&reader, data, size);
	if (reader.failed || reader.flags & TIMELINE_STATE)
		return TIMELINE_CORRUPT;
	state = memory_zero_array(memory, capacity, 1);
	if (state == NULL)
		return TIMELINE_NO_MEMORY;
	timeline_start(state);
	status = timeline_add_all(&state, &capacity, &reader, memory);
	if (status == TIMELINE_OK)
		status = timeline_finish((unsigned char *) state + TIMELINE_PREFIX,
								 capacity - TIMELINE_PREFIX, memory,
								 &value, &value_size);
	memory_release(memory, state);
	if (status != TIMELINE_OK)
		return status;
	if (value_size - TIMELINE_PREFIX != size ||
		memcmp(value + TIMELINE_PREFIX, data, size) != 0)
		status = TIMELINE_CORRUPT;
	memory_release(memory, value);
	return status;
}
