/*-------------------------------------------------------------------------
 *
 * timeline.c
 *	  A customer's events in time: sorted, compact, mergeable.
 *
 * timeline.h describes the bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "behavior/timeline.h"

#include <math.h>

#include "core/hash.h"
#include "core/time.h"
#include "core/wire.h"

#define UNITS 5

/* Version and flags before the events of a value, time and count after them. */
#define VALUE_HEAD 2
#define VALUE_FOOT 12

/* Zero bytes after the last event of a state. */
#define STATE_SLACK 8

/* Most bytes of an event without extras, of a number in extras, of a varint. */
#define LARGEST_CORE 17
#define LARGEST_NUMBER 9
#define LARGEST_VARINT 10

/* Events between two questions whether to go on. */
#define GO_ON_EVERY 65536

static const int64_t unit_length[UNITS] = {
	1, 1000, 1000000, INT64_C(60000000), INT64_C(3600000000)
};

static const uint8_t size_of_code[8] = {0, 1, 2, 3, 4, 5, 6, 8};

static const struct
{
	const char *word;
	size_t		length;
}			known_kinds[] =
{
	{"order", 5}, {"return", 6}, {"view", 4}, {"review", 6}
};

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

/*-------------------------------------------------------------------------
 * Numbers, texts and events as bytes
 *-------------------------------------------------------------------------
 */

static inline void
store(unsigned char *place, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	memcpy(place, &value, sizeof(value));
}

static inline uint32_t
load_u32(const unsigned char *place)
{
	return (uint32_t) place[0] | (uint32_t) place[1] << 8 |
		(uint32_t) place[2] << 16 | (uint32_t) place[3] << 24;
}

/* How many bytes a number takes, zero for zero. */
static inline unsigned
bytes_of(uint64_t value)
{
	return value == 0 ? 0 : (unsigned) (71 - __builtin_clzll(value)) >> 3;
}

/*
 * Bits 3 to 6 of the control byte of a finite number, and what is stored.
 * Two-decimal numbers are cents, since a quotient rounds to the same double
 * as the decimal text does.  The negative zero becomes zero.
 */
static inline unsigned
number_code(double x, uint64_t *bits)
{
	double		scaled = x * 100.0;

	if (fabs(scaled) < 0x1p48 - 1)
	{
		int64_t		cents = (int64_t) (scaled + (scaled < 0 ? -0.5 : 0.5));

		if ((double) cents / 100.0 == x)
		{
			uint64_t	magnitude = (uint64_t) (cents < 0 ? -cents : cents);

			*bits = magnitude;
			return (magnitude < 256 ? 1 : bytes_of(magnitude)) << 3 |
				(cents < 0 ? 0x40 : 0);
		}
	}
	memcpy(bits, &x, sizeof(x));
	return 7 << 3;
}

/*
 * Writes time and amount.  Up to eight zero bytes may follow what counts.
 */
static inline unsigned char *
write_core(unsigned char *place, uint64_t step, unsigned control, uint64_t bits)
{
	unsigned	size = bytes_of(step);

	if (size > 6)
		size = 7;
	*place++ = (unsigned char) (control | size);
	store(place, step);
	place += size_of_code[size];
	store(place, bits);
	return place + size_of_code[(control >> 3) & 7];
}

static unsigned char *
write_number(unsigned char *place, double x)
{
	uint64_t	bits;
	unsigned	code = number_code(x, &bits);

	*place++ = (unsigned char) code;
	store(place, bits);
	return place + size_of_code[code >> 3 & 7];
}

static unsigned char *
write_text(unsigned char *place, TimelineText text)
{
	place = wire_write_varint(place, text.length);
	memcpy(place, text.data, text.length);
	return place + text.length;
}

/*
 * Writes the fields beyond time and amount; kind and category by number,
 * where numbers are given, else as texts.
 */
static unsigned char *
write_extras(unsigned char *place, const TimelineEvent *event,
			 bool numbered, uint32_t kind, uint32_t category)
{
	*place++ = (unsigned char) (event->has & TIMELINE_HAS_EXTRAS);
	if (event->has & TIMELINE_HAS_KIND)
		place = numbered ? wire_write_varint(place, kind) :
			write_text(place, timeline_kind_name(event));
	if (event->has & TIMELINE_HAS_DISCOUNT)
		place = write_number(place, event->discount);
	if (event->has & TIMELINE_HAS_ITEMS)
		place = write_number(place, event->items);
	if (event->has & TIMELINE_HAS_CATEGORY)
		place = numbered ? wire_write_varint(place, category) :
			write_text(place, event->category);
	if (event->has & TIMELINE_HAS_ORDER_ID)
		place = write_text(place, event->order_id);
	if (event->has & TIMELINE_HAS_EVENT_ID)
		place = write_text(place, event->event_id);
	if (event->has & TIMELINE_HAS_RATING)
		place = write_number(place, event->rating);
	return place;
}

static double
read_number(WireReader *wire)
{
	unsigned	code = wire_read_u8(wire);
	unsigned	size = size_of_code[code >> 3 & 7];
	const unsigned char *bytes = wire_read_bytes(wire, size);
	uint64_t	bits = 0;
	double		x;
	unsigned	i;

	if (bytes == NULL)
		return 0;
	for (i = 0; i < size; i++)
		bits |= (uint64_t) bytes[i] << (8 * i);
	if (size == 8)
	{
		memcpy(&x, &bits, sizeof(x));
		return x;
	}
	x = (double) (int64_t) bits / 100.0;
	return code & 0x40 ? -x : x;
}

static TimelineText
read_text(WireReader *wire)
{
	TimelineText text = {"", 0};
	uint64_t	length = wire_read_varint(wire);

	if (length > TIMELINE_LARGEST)
		wire->failed = true;
	else if (!wire->failed)
	{
		const void *data = wire_read_bytes(wire, (size_t) length);

		if (data != NULL)
		{
			text.data = data;
			text.length = (uint32_t) length;
		}
	}
	return text;
}

/* The word of that number in a list. */
static bool
words_get(const TimelineWords *words, uint64_t number, TimelineText *text)
{
	uint32_t	start;

	if (number >= words->count)
		return false;
	start = number == 0 ? 0 : load_u32(words->ends + 4 * (number - 1));
	text->data = (const char *) words->words + start;
	text->length = load_u32(words->ends + 4 * number) - start;
	return true;
}

bool
timeline_next_extras(TimelineReader *reader, TimelineEvent *event)
{
	bool		state = (reader->flags & TIMELINE_STATE) != 0;
	WireReader	wire;
	unsigned	has;

	wire_reader_start(&wire, reader->place, (size_t) (reader->end - reader->place));
	has = wire_read_u8(&wire) & TIMELINE_HAS_EXTRAS;
	event->has |= has;

	if (has & TIMELINE_HAS_KIND)
	{
		if (state)
		{
			TimelineText word = read_text(&wire);

			timeline_set_kind(event, word.data, word.length);
		}
		else
		{
			uint64_t	number = wire_read_varint(&wire);

			if (number < TIMELINE_OTHER)
			{
				event->kind = (TimelineKind) number;
				event->kind_name = timeline_kind_name(event);
			}
			else
			{
				event->kind = TIMELINE_OTHER;
				if (!words_get(&reader->kinds, number - TIMELINE_OTHER,
							   &event->kind_name))
					wire.failed = true;
			}
		}
	}
	if (has & TIMELINE_HAS_DISCOUNT)
		event->discount = read_number(&wire);
	if (has & TIMELINE_HAS_ITEMS)
		event->items = read_number(&wire);
	if (has & TIMELINE_HAS_CATEGORY)
	{
		if (state)
		{
			event->category_number = 0;
			event->category = read_text(&wire);
		}
		else
		{
			uint64_t	number = wire_read_varint(&wire);

			event->category_number = (uint32_t) number;
			if (!words_get(&reader->categories, number, &event->category))
				wire.failed = true;
		}
	}
	if (has & TIMELINE_HAS_ORDER_ID)
		event->order_id = read_text(&wire);
	if (has & TIMELINE_HAS_EVENT_ID)
		event->event_id = read_text(&wire);
	if (has & TIMELINE_HAS_RATING)
		event->rating = read_number(&wire);

	if (wire.failed)
	{
		reader->failed = true;
		reader->left = 0;
		return false;
	}
	reader->place = wire.at;
	return true;
}

/* Takes a list of words from the front of a value. */
static bool
read_words(WireReader *wire, TimelineWords *words)
{
	uint32_t	before = 0;
	uint32_t	i;

	words->count = wire_read_u32(wire);
	if (words->count > wire_left(wire) / 4)
		return false;
	words->ends = wire_read_bytes(wire, 4 * (size_t) words->count);
	if (words->ends == NULL)
		return false;
	for (i = 0; i < words->count; i++)
	{
		uint32_t	end = load_u32(words->ends + 4 * (size_t) i);

		if (end < before)
			return false;
		before = end;
	}
	words->words = wire_read_bytes(wire, before);
	return words->words != NULL;
}

void
timeline_read(TimelineReader *reader, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	memset(reader, 0, sizeof(*reader));
	reader->failed = true;
	if (size < VALUE_HEAD + VALUE_FOOT || bytes[0] != TIMELINE_VERSION)
		return;
	reader->flags = bytes[1];

	if (reader->flags & TIMELINE_STATE)
	{
		TimelineState state;

		if (size < sizeof(state) - TIMELINE_PREFIX + STATE_SLACK)
			return;
		memcpy((char *) &state + TIMELINE_PREFIX, bytes,
			   sizeof(state) - TIMELINE_PREFIX);
		if (state.used < sizeof(state) ||
			state.used > size + TIMELINE_PREFIX - STATE_SLACK)
			return;
		reader->place = bytes + sizeof(state) - TIMELINE_PREFIX;
		reader->end = bytes + state.used - TIMELINE_PREFIX;
		reader->unit = 1;
		reader->step = (uint64_t) state.first;
		reader->count = state.count;
	}
	else
	{
		const unsigned char *foot = bytes + size - VALUE_FOOT;

		reader->place = bytes + VALUE_HEAD;
		reader->end = foot;
		if ((reader->flags & TIMELINE_UNIT) >= UNITS)
			return;
		if (reader->flags & TIMELINE_EXTRAS)
		{
			WireReader	wire;

			wire_reader_start(&wire, reader->place, (size_t) (foot - reader->place));
			if (!read_words(&wire, &reader->kinds) ||
				!read_words(&wire, &reader->categories))
				return;
			reader->place = wire.at;
		}
		reader->unit = (uint64_t) unit_length[reader->flags & TIMELINE_UNIT];
		reader->step = timeline_load(foot);
		reader->count = load_u32(foot + 8);
	}
	reader->left = reader->count;
	reader->failed = false;
}

TimelineText
timeline_category(const TimelineReader *reader, uint32_t number)
{
	TimelineText text = {"", 0};

	(void) words_get(&reader->categories, number, &text);
	return text;
}

TimelineText
timeline_kind_name(const TimelineEvent *event)
{
	TimelineText text;

	if (event->kind == TIMELINE_OTHER)
		return event->kind_name;
	text.data = known_kinds[event->kind].word;
	text.length = (uint32_t) known_kinds[event->kind].length;
	return text;
}

void
timeline_set_kind(TimelineEvent *event, const char *word, size_t length)
{
	int			i;

	event->kind_name.data = word;
	event->kind_name.length = (uint32_t) length;
	for (i = 0; i < TIMELINE_OTHER; i++)
		if (length == known_kinds[i].length &&
			memcmp(word, known_kinds[i].word, length) == 0)
			break;
	event->kind = (TimelineKind) i;
	if (i == TIMELINE_ORDER)
		event->has &= ~(uint32_t) TIMELINE_HAS_KIND;
	else
		event->has |= TIMELINE_HAS_KIND;
}

/*-------------------------------------------------------------------------
 * Order
 *-------------------------------------------------------------------------
 */

static int
compare_bytes(const void *a, size_t a_length, const void *b, size_t b_length)
{
	size_t		shared = a_length < b_length ? a_length : b_length;
	int			order = shared > 0 ? memcmp(a, b, shared) : 0;

	if (order != 0)
		return order < 0 ? -1 : 1;
	return (a_length > b_length) - (a_length < b_length);
}

static int
compare_texts(const TimelineEvent *a, const TimelineEvent *b, uint32_t bit,
			  const TimelineText *a_text, const TimelineText *b_text)
{
	if ((a->has & bit) == 0 || (b->has & bit) == 0)
		return ((a->has & bit) != 0) - ((b->has & bit) != 0);
	return compare_bytes(a_text->data, a_text->length,
						 b_text->data, b_text->length);
}

static int
compare_numbers(const TimelineEvent *a, const TimelineEvent *b, uint32_t bit,
				double a_number, double b_number)
{
	if ((a->has & bit) == 0 || (b->has & bit) == 0)
		return ((a->has & bit) != 0) - ((b->has & bit) != 0);
	return (a_number > b_number) - (a_number < b_number);
}

int
timeline_compare_events(const TimelineEvent *a, const TimelineEvent *b)
{
	uint32_t	has = a->has | b->has;
	int			order = (a->at > b->at) - (a->at < b->at);

	if (order != 0)
		return order;
	if (has & TIMELINE_HAS_EVENT_ID &&
		(order = compare_texts(a, b, TIMELINE_HAS_EVENT_ID,
							   &a->event_id, &b->event_id)) != 0)
		return order;
	if (has & TIMELINE_HAS_KIND)
	{
		TimelineText a_kind = timeline_kind_name(a);
		TimelineText b_kind = timeline_kind_name(b);

		order = compare_bytes(a_kind.data, a_kind.length,
							  b_kind.data, b_kind.length);
		if (order != 0)
			return order;
	}
	if (has & TIMELINE_HAS_ORDER_ID &&
		(order = compare_texts(a, b, TIMELINE_HAS_ORDER_ID,
							   &a->order_id, &b->order_id)) != 0)
		return order;
	if ((order = compare_numbers(a, b, TIMELINE_HAS_AMOUNT,
								 a->amount, b->amount)) != 0)
		return order;
	if (has & TIMELINE_HAS_DISCOUNT &&
		(order = compare_numbers(a, b, TIMELINE_HAS_DISCOUNT,
								 a->discount, b->discount)) != 0)
		return order;
	if (has & TIMELINE_HAS_ITEMS &&
		(order = compare_numbers(a, b, TIMELINE_HAS_ITEMS,
								 a->items, b->items)) != 0)
		return order;
	if (has & TIMELINE_HAS_CATEGORY &&
		(order = compare_texts(a, b, TIMELINE_HAS_CATEGORY,
							   &a->category, &b->category)) != 0)
		return order;
	if (has & TIMELINE_HAS_RATING)
		return compare_numbers(a, b, TIMELINE_HAS_RATING, a->rating, b->rating);
	return 0;
}

int
timeline_compare(const void *a, size_t a_size, const void *b, size_t b_size)
{
	TimelineReader a_reader;
	TimelineReader b_reader;
	TimelineEvent a_event;
	TimelineEvent b_event;

	if (a_size == b_size && memcmp(a, b, a_size) == 0)
		return 0;
	timeline_read(&a_reader, a, a_size);
	timeline_read(&b_reader, b, b_size);
	for (;;)
	{
		bool		a_more = timeline_next(&a_reader, &a_event);
		bool		b_more = timeline_next(&b_reader, &b_event);
		int			order;

		if (!a_more || !b_more)
			return (int) a_more - (int) b_more;
		order = timeline_compare_events(&a_event, &b_event);
		if (order != 0)
			return order;
	}
}

uint64_t
timeline_hash(const void *data, size_t size, uint64_t seed)
{
	return hash_keyed(data, size, seed, 0);
}

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
		if (start % GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
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
					if (out % GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
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
	return compare_bytes(a->place, (size_t) (a->key >> 32),
						 b->place, (size_t) (b->key >> 32));
}

/*-------------------------------------------------------------------------
 * States
 *-------------------------------------------------------------------------
 */

void
timeline_start(TimelineState *state)
{
	state->version = TIMELINE_VERSION;
	state->flags = TIMELINE_STATE;
	state->used = sizeof(TimelineState);
}

/* Moves a state to a block with room for so many bytes more. */
static TimelineStatus
grow(TimelineState **state, size_t *capacity, size_t more, const Memory *memory)
{
	size_t		needed = (*state)->used + more + STATE_SLACK;
	size_t		larger = *capacity;
	TimelineState *moved;

	if (needed > TIMELINE_LARGEST)
		return TIMELINE_TOO_LARGE;
	while (larger < needed)
		larger = larger > TIMELINE_LARGEST / 2 ? TIMELINE_LARGEST : larger * 2;
	moved = memory->alloc(memory->arg, larger);
	if (moved == NULL)
		return TIMELINE_NO_MEMORY;
	memcpy(moved, *state, (*state)->used);
	memset((char *) moved + (*state)->used, 0, larger - (*state)->used);
	memory_release(memory, *state);
	*state = moved;
	*capacity = larger;
	return TIMELINE_OK;
}

/* Notes the time of an event that is added, and gives its step. */
static inline uint64_t
step_to(TimelineState *state, int64_t at)
{
	uint64_t	step;

	if (state->count == 0)
	{
		state->first = at;
		step = 0;
	}
	else
	{
		step = (uint64_t) at - (uint64_t) state->last;
		if (at <= state->last)
			state->flags |= TIMELINE_UNSORTED;
	}
	state->last = at;
	state->count++;
	return step;
}

static inline bool
time_is_valid(int64_t at)
{
	return at >= TIME_FIRST && at < TIME_END;
}

TimelineStatus
timeline_add_amount(TimelineState **state, size_t *capacity,
					int64_t at, double amount, const Memory *memory)
{
	uint64_t	bits;
	unsigned	control;
	TimelineState *target = *state;

	if (!time_is_valid(at))
		return TIMELINE_BAD_TIME;
	if (!isfinite(amount))
		return TIMELINE_BAD_NUMBER;
	if (*capacity - target->used < LARGEST_CORE + STATE_SLACK)
	{
		TimelineStatus status = grow(state, capacity, LARGEST_CORE, memory);

		if (status != TIMELINE_OK)
			return status;
		target = *state;
	}
	control = number_code(amount, &bits);
	target->used = (uint32_t)
		(write_core((unsigned char *) target + target->used,
					step_to(target, at), control, bits) - (unsigned char *) target);
	return TIMELINE_OK;
}

TimelineStatus
timeline_add(TimelineState **state, size_t *capacity,
			 const TimelineEvent *event, const Memory *memory)
{
	size_t		room = LARGEST_CORE;
	uint64_t	bits = 0;
	unsigned	control = 0;
	TimelineState *target;
	unsigned char *place;

	if (!time_is_valid(event->at))
		return TIMELINE_BAD_TIME;
	if ((event->has & TIMELINE_HAS_AMOUNT && !isfinite(event->amount)) ||
		(event->has & TIMELINE_HAS_DISCOUNT && !isfinite(event->discount)) ||
		(event->has & TIMELINE_HAS_ITEMS && !isfinite(event->items)) ||
		(event->has & TIMELINE_HAS_RATING && !isfinite(event->rating)))
		return TIMELINE_BAD_NUMBER;

	if (event->has & TIMELINE_HAS_EXTRAS)
	{
		room += 1 + 3 * LARGEST_NUMBER + 4 * LARGEST_VARINT;
		if (event->has & TIMELINE_HAS_KIND)
		{
			TimelineText word = timeline_kind_name(event);

			if (word.length == 0)
				return TIMELINE_EMPTY_TEXT;
			room += word.length;
		}
		if (event->has & TIMELINE_HAS_CATEGORY)
			room += event->category.length;
		if (event->has & TIMELINE_HAS_ORDER_ID)
		{
			if (event->order_id.length == 0)
				return TIMELINE_EMPTY_TEXT;
			room += event->order_id.length;
		}
		if (event->has & TIMELINE_HAS_EVENT_ID)
		{
			if (event->event_id.length == 0)
				return TIMELINE_EMPTY_TEXT;
			room += event->event_id.length;
		}
	}
	if (*capacity - (*state)->used < room + STATE_SLACK)
	{
		TimelineStatus status = grow(state, capacity, room, memory);

		if (status != TIMELINE_OK)
			return status;
	}

	target = *state;
	if (event->has & TIMELINE_HAS_AMOUNT)
		control = number_code(event->amount, &bits);
	if (event->has & TIMELINE_HAS_EXTRAS)
		control |= 0x80;
	place = write_core((unsigned char *) target + target->used,
					   step_to(target, event->at), control, bits);
	if (event->has & TIMELINE_HAS_EXTRAS)
	{
		place = write_extras(place, event, false, 0, 0);
		target->flags |= TIMELINE_EXTRAS;
	}
	target->used = (uint32_t) (place - (unsigned char *) target);
	return TIMELINE_OK;
}

TimelineStatus
timeline_add_all(TimelineState **state, size_t *capacity,
				 TimelineReader *reader, const Memory *memory)
{
	TimelineEvent event;
	TimelineStatus status;

	while (timeline_next(reader, &event))
	{
		status = timeline_add(state, capacity, &event, memory);
		if (status != TIMELINE_OK)
			return status;
		if (reader->left % GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
			return TIMELINE_NO_MEMORY;
	}
	return reader->failed ? TIMELINE_CORRUPT : TIMELINE_OK;
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
	while (unit > 0 && in_units(time, unit) * unit_length[unit] != time)
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
		const SortItem *item = &words->items[load_u32(ends + 4 * (size_t) i)];
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
	store(place, (uint64_t) first);
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
	unsigned	unit = reader->count > 0 ? UNITS - 1 : 0;
	unsigned char *place;
	int64_t		first = (int64_t) reader->step;
	int64_t		before = first;

	while (unit > 0 && timeline_next(reader, &event))
		unit = unit_of(event.at, unit);

	/* Steps in a larger unit are not longer, so the events fit as they are. */
	*reader = start;
	*value = memory->alloc(memory->arg, TIMELINE_PREFIX + VALUE_HEAD + VALUE_FOOT +
						   STATE_SLACK + (size_t) (reader->end - reader->place));
	if (*value == NULL)
		return TIMELINE_NO_MEMORY;
	place = *value + TIMELINE_PREFIX + VALUE_HEAD;
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
		amount_size = size_of_code[control >> 3 & 7];
		bits = timeline_load(reader->place - amount_size);
		if (amount_size < 8)
			bits &= (UINT64_C(1) << (8 * amount_size)) - 1;
		place = write_core(place, step_between(before, event.at, unit), control, bits);
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
	size_t		bound = TIMELINE_PREFIX + VALUE_HEAD + VALUE_FOOT + STATE_SLACK;
	unsigned	unit = count > 0 ? UNITS - 1 : 0;
	unsigned char *place;
	uint32_t	i;

	for (i = 0; i < count && unit > 0; i++)
		unit = unit_of(items[i].key, unit);

	/* A step may be longer than in the state, and so may a word's number. */
	bound += events_bound + 8 * (size_t) count;
	if (extras)
		bound += words_size(kinds) + words_size(categories) +
			2 * LARGEST_VARINT * (size_t) count;
	*value = memory->alloc(memory->arg, bound);
	if (*value == NULL)
		return TIMELINE_NO_MEMORY;
	place = *value + TIMELINE_PREFIX + VALUE_HEAD;
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
			control = number_code(event.amount, &bits);
		if (event.has & TIMELINE_HAS_EXTRAS)
			control |= 0x80;
		place = write_core(place, i == 0 ? 0 :
						   step_between(items[i - 1].key, items[i].key, unit),
						   control, bits);
		if (event.has & TIMELINE_HAS_EXTRAS)
		{
			if (event.has & TIMELINE_HAS_KIND)
				kind = event.kind != TIMELINE_OTHER ? (uint32_t) event.kind :
					TIMELINE_OTHER + words_find(kinds, event.kind_name);
			if (event.has & TIMELINE_HAS_CATEGORY)
				category = words_find(categories, event.category);
			place = write_extras(place, &event, true, kind, category);
		}
		if (i % GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
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
