/*-------------------------------------------------------------------------
 *
 * timeline.c
 *	  Reading timelines, comparing them, and gathering their events.
 *
 * timeline.h describes the bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "behavior/timeline.h"

#include "behavior/timeline_bytes.h"
#include "core/hash.h"
#include "core/time.h"

static const struct
{
	const char *word;
	size_t		length;
}			known_kinds[] =
{
	{"order", 5}, {"return", 6}, {"view", 4}, {"review", 6}
};

/*-------------------------------------------------------------------------
 * Numbers, texts and events as bytes
 *-------------------------------------------------------------------------
 */

static unsigned char *
write_number(unsigned char *place, double x)
{
	uint64_t	bits;
	unsigned	code = timeline_number_code(x, &bits);

	*place++ = (unsigned char) code;
	timeline_store(place, bits);
	return place + timeline_size_of_code[code >> 3 & 7];
}

static unsigned char *
write_text(unsigned char *place, TimelineText text)
{
	place = wire_write_varint(place, text.length);
	memcpy(place, text.data, text.length);
	return place + text.length;
}

unsigned char *
timeline_write_extras(unsigned char *place, const TimelineEvent *event,
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
	unsigned	size = timeline_size_of_code[code >> 3 & 7];
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
	start = number == 0 ? 0 : timeline_load_u32(words->ends + 4 * (number - 1));
	text->data = (const char *) words->words + start;
	text->length = timeline_load_u32(words->ends + 4 * number) - start;
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
		uint32_t	end = timeline_load_u32(words->ends + 4 * (size_t) i);

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
	if (size < TIMELINE_VALUE_HEAD + TIMELINE_VALUE_FOOT || bytes[0] != TIMELINE_VERSION)
		return;
	reader->flags = bytes[1];

	if (reader->flags & TIMELINE_STATE)
	{
		TimelineState state;

		if (size < sizeof(state) - TIMELINE_PREFIX + TIMELINE_STATE_SLACK)
			return;
		memcpy((char *) &state + TIMELINE_PREFIX, bytes,
			   sizeof(state) - TIMELINE_PREFIX);
		if (state.used < sizeof(state) ||
			state.used > size + TIMELINE_PREFIX - TIMELINE_STATE_SLACK)
			return;
		reader->place = bytes + sizeof(state) - TIMELINE_PREFIX;
		reader->end = bytes + state.used - TIMELINE_PREFIX;
		reader->unit = 1;
		reader->step = (uint64_t) state.first;
		reader->count = state.count;
	}
	else
	{
		const unsigned char *foot = bytes + size - TIMELINE_VALUE_FOOT;

		reader->place = bytes + TIMELINE_VALUE_HEAD;
		reader->end = foot;
		if ((reader->flags & TIMELINE_UNIT) >= TIMELINE_UNITS)
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
		reader->unit = (uint64_t) timeline_unit_length[reader->flags & TIMELINE_UNIT];
		reader->step = timeline_load(foot);
		reader->count = timeline_load_u32(foot + 8);
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
compare_texts(const TimelineEvent *a, const TimelineEvent *b, uint32_t bit,
			  const TimelineText *a_text, const TimelineText *b_text)
{
	if ((a->has & bit) == 0 || (b->has & bit) == 0)
		return ((a->has & bit) != 0) - ((b->has & bit) != 0);
	return timeline_compare_bytes(a_text->data, a_text->length,
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

		order = timeline_compare_bytes(a_kind.data, a_kind.length,
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
	size_t		needed = (*state)->used + more + TIMELINE_STATE_SLACK;
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
	if (*capacity - target->used < TIMELINE_LARGEST_CORE + TIMELINE_STATE_SLACK)
	{
		TimelineStatus status = grow(state, capacity, TIMELINE_LARGEST_CORE, memory);

		if (status != TIMELINE_OK)
			return status;
		target = *state;
	}
	control = timeline_number_code(amount, &bits);
	target->used = (uint32_t)
		(timeline_write_core((unsigned char *) target + target->used,
							 step_to(target, at), control, bits) - (unsigned char *) target);
	return TIMELINE_OK;
}

TimelineStatus
timeline_add(TimelineState **state, size_t *capacity,
			 const TimelineEvent *event, const Memory *memory)
{
	size_t		room = TIMELINE_LARGEST_CORE;
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
		room += 1 + 3 * TIMELINE_LARGEST_NUMBER + 4 * TIMELINE_LARGEST_VARINT;
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
	if (*capacity - (*state)->used < room + TIMELINE_STATE_SLACK)
	{
		TimelineStatus status = grow(state, capacity, room, memory);

		if (status != TIMELINE_OK)
			return status;
	}

	target = *state;
	if (event->has & TIMELINE_HAS_AMOUNT)
		control = timeline_number_code(event->amount, &bits);
	if (event->has & TIMELINE_HAS_EXTRAS)
		control |= 0x80;
	place = timeline_write_core((unsigned char *) target + target->used,
								step_to(target, event->at), control, bits);
	if (event->has & TIMELINE_HAS_EXTRAS)
	{
		place = timeline_write_extras(place, event, false, 0, 0);
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
		if (reader->left % TIMELINE_GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
			return TIMELINE_NO_MEMORY;
	}
	return reader->failed ? TIMELINE_CORRUPT : TIMELINE_OK;
}
