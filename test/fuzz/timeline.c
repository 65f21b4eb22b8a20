/*-------------------------------------------------------------------------
 *
 * timeline.c
 *	  Timelines from bytes and texts that lie.
 *
 * The first byte chooses: the binary form, or the text form.  Bytes are read
 * as they are, since a damaged page may hold any; what validates must be the
 * one value of its events.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "behavior/timeline.h"
#include "core/random.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t fuzz_example(uint8_t *data, size_t capacity, uint64_t number);

static void
must(bool claim, const char *what)
{
	if (!claim)
	{
		printf("does not hold: %s\n", what);
		abort();
	}
}

static TimelineState *
new_state(size_t *capacity)
{
	TimelineState *state = memory_zero_array(&memory_plain, TIMELINE_LEAST_STATE, 1);

	must(state != NULL, "there is memory");
	*capacity = TIMELINE_LEAST_STATE;
	timeline_start(state);
	return state;
}

static unsigned char *
finish(TimelineState *state, size_t capacity, size_t *size)
{
	unsigned char *value;

	must(timeline_finish((char *) state + TIMELINE_PREFIX, capacity - TIMELINE_PREFIX,
						 &memory_plain, &value, size) == TIMELINE_OK,
		 "a state has a value");
	*size -= TIMELINE_PREFIX;
	return value;
}

static void
try_bytes(const uint8_t *data, size_t size)
{
	TimelineReader reader;
	TimelineEvent event;
	uint64_t	sum = 0;

	/* Without asking whether it is a value, and touching every text. */
	timeline_read(&reader, data, size);
	if (!reader.failed)
		while (timeline_next(&reader, &event))
		{
			uint32_t	i;

			if (event.has & TIMELINE_HAS_CATEGORY)
				for (i = 0; i < event.category.length; i++)
					sum += (unsigned char) event.category.data[i];
			if (event.has & TIMELINE_HAS_EVENT_ID)
				for (i = 0; i < event.event_id.length; i++)
					sum += (unsigned char) event.event_id.data[i];
			sum += timeline_kind_name(&event).length;
		}
	must(timeline_compare(data, size, data, size) == 0, "bytes equal themselves");
	if (size > 1 && data[1] & TIMELINE_STATE)
		must(timeline_validate(data, size, &memory_plain) != TIMELINE_OK,
			 "a state is no value");
	else if (timeline_validate(data, size, &memory_plain) == TIMELINE_OK)
	{
		size_t		capacity;
		size_t		again_size;
		TimelineState *state = new_state(&capacity);
		TimelineFault fault;
		unsigned char *again;
		char	   *text;

		timeline_read(&reader, data, size);
		must(timeline_write_text(&reader, &memory_plain, &text) == TIMELINE_OK,
			 "a value has a text");
		if (timeline_read_text(text, true, &state, &capacity, &memory_plain,
							   &fault) == TIMELINE_OK)
		{
			again = finish(state, capacity, &again_size);
			must(again_size == size &&
				 memcmp(again + TIMELINE_PREFIX, data, size) == 0,
				 "the text of a value reads as the value");
			memory_release(&memory_plain, again);
		}
		else
			/* A text can hold no zero byte; the server refuses those. */
			must(strstr(text, "\\u0000") != NULL, "only a zero byte is not read again");
		memory_release(&memory_plain, text);
		memory_release(&memory_plain, state);
	}
	if (sum == UINT64_MAX)
		printf(" ");
}

static void
try_text(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	size_t		capacity;
	TimelineState *state = new_state(&capacity);
	TimelineFault fault = {NULL, 0};
	TimelineStatus status;

	must(text != NULL, "there is memory");
	memcpy(text, data, size);
	text[size] = '\0';
	status = timeline_read_text(text, true, &state, &capacity, &memory_plain, &fault);
	if (status == TIMELINE_CORRUPT)
		must(fault.problem != NULL && fault.at <= size, "a fault has its place");
	if (status == TIMELINE_OK)
	{
		size_t		value_size;
		unsigned char *value = finish(state, capacity, &value_size);

		must(timeline_validate(value + TIMELINE_PREFIX, value_size,
							   &memory_plain) == TIMELINE_OK,
			 "what a text reads as is a value");
		memory_release(&memory_plain, value);
	}
	memory_release(&memory_plain, state);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
	{
		uint8_t    *exact = malloc(size > 1 ? size - 1 : 1);

		must(exact != NULL, "there is memory");
		memcpy(exact, data + 1, size - 1);
		try_bytes(exact, size - 1);
		free(exact);
	}
	else
		try_text(data + 1, size - 1);
	return 0;
}

/* A value of some events, or its text. */
size_t
fuzz_example(uint8_t *data, size_t capacity, uint64_t number)
{
	static const char *const words[] = {"order", "view", "gift", "books", "\"x\\\n"};
	static const int64_t units[] = {1, 1000, 1000000, 60000000, INT64_C(3600000000)};
	Random		random;
	size_t		state_capacity;
	TimelineState *state = new_state(&state_capacity);
	uint32_t	count;
	int64_t		unit;
	unsigned char *value;
	size_t		size;
	uint32_t	i;

	random_start(&random, number, 7);
	count = random_below(&random, 9);
	unit = units[random_below(&random, 5)];
	for (i = 0; i < count; i++)
	{
		TimelineEvent event = {.kind = TIMELINE_ORDER};
		uint32_t	has = random_below(&random, 2) ? 0 : random_below(&random, 128);
		char		id[8];

		event.at = unit * random_below(&random, 1000000);
		event.has = has | (random_below(&random, 8) ? TIMELINE_HAS_AMOUNT : 0);
		event.amount = random_below(&random, 5) ? random_below(&random, 20000) / 100.0 :
			-random_unit(&random);
		event.discount = random_below(&random, 300) / 100.0;
		event.items = random_below(&random, 4);
		event.rating = random_below(&random, 6);
		if (has & TIMELINE_HAS_KIND)
		{
			const char *word = words[random_below(&random, 5)];

			timeline_set_kind(&event, word, strlen(word));
		}
		event.category.data = words[random_below(&random, 5)];
		event.category.length = (uint32_t) strlen(event.category.data);
		event.order_id.data = event.event_id.data = id;
		event.order_id.length = event.event_id.length =
			(uint32_t) snprintf(id, sizeof(id), "%u", random_below(&random, 5));
		must(timeline_add(&state, &state_capacity, &event, &memory_plain) == TIMELINE_OK,
			 "an event is added");
	}
	value = finish(state, state_capacity, &size);
	must(timeline_validate(value + TIMELINE_PREFIX, size, &memory_plain) == TIMELINE_OK,
		 "what is finished is a value");
	if (number & 1)
	{
		must(size < capacity, "the example fits");
		memcpy(data + 1, value + TIMELINE_PREFIX, size);
	}
	else
	{
		TimelineReader reader;
		char	   *text;

		timeline_read(&reader, value + TIMELINE_PREFIX, size);
		must(timeline_write_text(&reader, &memory_plain, &text) == TIMELINE_OK,
			 "a value has a text");
		size = strlen(text);
		must(size < capacity, "the example fits");
		memcpy(data + 1, text, size);
		memory_release(&memory_plain, text);
	}
	data[0] = (uint8_t) (number & 1);
	memory_release(&memory_plain, value);
	memory_release(&memory_plain, state);
	return size + 1;
}
