/*-------------------------------------------------------------------------
 *
 * timeline.c
 *	  Times as text, and timelines: one value for one set of events.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "behavior/timeline.h"
#include "core/random.h"
#include "core/time.h"

typedef struct Bytes
{
	unsigned char *block;
	const unsigned char *data;
	size_t		size;
} Bytes;

static TimelineState *
new_state(size_t *capacity)
{
	TimelineState *state = memory_zero_array(&memory_plain, TIMELINE_LEAST_STATE, 1);

	*capacity = TIMELINE_LEAST_STATE;
	timeline_start(state);
	return state;
}

/* The value of a state, which is released. */
static Bytes
finish(TimelineState *state, size_t capacity)
{
	Bytes		value = {NULL, NULL, 0};

	CHECK(timeline_finish((char *) state + TIMELINE_PREFIX, capacity - TIMELINE_PREFIX,
						  &memory_plain, &value.block, &value.size) == TIMELINE_OK);
	value.data = value.block + TIMELINE_PREFIX;
	value.size -= TIMELINE_PREFIX;
	memory_release(&memory_plain, state);
	return value;
}

static Bytes
value_of(const TimelineEvent *events, size_t count)
{
	size_t		capacity;
	TimelineState *state = new_state(&capacity);
	size_t		i;

	for (i = 0; i < count; i++)
		CHECK(timeline_add(&state, &capacity, &events[i], &memory_plain) == TIMELINE_OK);
	return finish(state, capacity);
}

static bool
same(Bytes a, Bytes b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static TimelineText
text_of(const char *data)
{
	TimelineText text = {data, (uint32_t) strlen(data)};

	return text;
}

static void
shuffle(TimelineEvent *events, size_t count, Random *random)
{
	size_t		i;

	for (i = count; i > 1; i--)
	{
		size_t		j = random_below(random, (uint32_t) i);
		TimelineEvent event = events[i - 1];

		events[i - 1] = events[j];
		events[j] = event;
	}
}

/* Dates that are known, and the ends of PostgreSQL's range. */
static void
test_time(void)
{
	static const struct
	{
		int64_t		at;
		const char *text;
	}			known[] =
	{
		{0, "2000-01-01T00:00:00Z"},
		{-1, "1999-12-31T23:59:59.999999Z"},
		{INT64_C(820899000500000), "2026-01-05T03:30:00.5Z"},
		{INT64_C(5097600000000), "2000-02-29T00:00:00Z"},
		{TIME_FIRST, "-4713-11-24T00:00:00Z"},
		{TIME_END - 1, "+294276-12-31T23:59:59.999999Z"},
		{INT64_C(-63113904000000000), "0000-01-01T00:00:00Z"}
	};
	static const char *const wrong[] = {
		"", "2026-01-05", "2026-01-05T15:30:00", "2026-02-29T00:00Z", "2026-13-01T00:00Z",
		"2026-01-05T24:00Z", "2026-01-05T15:30:60Z", "2026-01-05T15:30:00.Z",
		"2026-01-05T15:30:00.1234567Z", "2026-01-05T15:30Zx", "2026-01-05T15:30+1",
		"2026-01-05T15:30+16", "99-01-05T15:30Z", "+294277-01-01T00:00Z",
		"-4713-11-23T23:59Z", "9999999-01-01T00:00Z", "12345678-01-01T00:00Z", "infinity"
	};
	Random		random;
	char		text[TIME_TEXT];
	int64_t		at;
	size_t		i;
	bool		all = true;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		CHECK(time_write(text, known[i].at) == strlen(known[i].text));
		CHECK(strcmp(text, known[i].text) == 0);
		CHECK(time_read(text, strlen(text), &at) && at == known[i].at);
	}
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!time_read(wrong[i], strlen(wrong[i]), &at));
	CHECK(time_read("2000-01-01 01:00+01", 19, &at) && at == 0);
	CHECK(time_read("1999-12-31 23:30:00-00:30", 25, &at) && at == 0);
	CHECK(time_read("2000-01-01T05:30+0530", 21, &at) && at == 0);

	random_start(&random, 1, 1);
	for (i = 0; i < 20000; i++)
	{
		int64_t		instant = (int64_t) ((uint64_t) (random_unit(&random) * 9.4e18) +
										 (uint64_t) TIME_FIRST);

		if (instant >= TIME_END)
			continue;
		all = all && time_read(text, time_write(text, instant), &at) && at == instant;
	}
	CHECK(all);
}

/* Every order of adding, and every way of merging parts, gives the same bits. */
static void
test_one_value(void)
{
	static const char *const categories[] = {"books", "toys", "", "a", "z"};
	static const char *const kinds[] = {"order", "return", "view", "review", "gift", "wish"};
	TimelineEvent events[300];
	char		ids[300][8];
	Random		random;
	Bytes		first = {NULL, NULL, 0};
	int			round;
	int			i;

	random_start(&random, 2, 0);
	for (i = 0; i < 300; i++)
	{
		TimelineEvent event = {.kind = TIMELINE_ORDER};

		/* Few times and few ids, so that ties and repeats are many. */
		event.at = INT64_C(1000000) * random_below(&random, 40);
		event.has = random_below(&random, 256);
		event.amount = random_below(&random, 4) * 0.1;
		event.discount = random_below(&random, 2) / 3.0;
		event.items = random_below(&random, 2);
		event.rating = random_below(&random, 2);
		if (event.has & TIMELINE_HAS_KIND)
		{
			const char *kind = kinds[random_below(&random, 6)];

			timeline_set_kind(&event, kind, strlen(kind));
		}
		event.category = text_of(categories[random_below(&random, 5)]);
		snprintf(ids[i], sizeof(ids[i]), "%u", random_below(&random, 100));
		event.event_id = text_of(ids[i]);
		event.order_id = text_of(ids[random_below(&random, (uint32_t) i + 1)]);
		events[i] = event;
	}

	for (round = 0; round < 20; round++)
	{
		Bytes		whole;
		Bytes		merged;
		size_t		capacity;
		TimelineState *state;
		TimelineReader reader;
		int			start;

		shuffle(events, 300, &random);
		whole = value_of(events, 300);
		CHECK(timeline_validate(whole.data, whole.size, &memory_plain) == TIMELINE_OK);

		state = new_state(&capacity);
		for (start = 0; start < 300; start += 50)
		{
			Bytes		part = value_of(events + start, 50);

			timeline_read(&reader, part.data, part.size);
			CHECK(timeline_add_all(&state, &capacity, &reader, &memory_plain) == TIMELINE_OK);
			memory_release(&memory_plain, part.block);
		}
		merged = finish(state, capacity);
		CHECK(same(whole, merged));
		memory_release(&memory_plain, merged.block);
		if (round == 0)
			first = whole;
		else
		{
			CHECK(same(first, whole));
			CHECK(timeline_compare(first.data, first.size, whole.data, whole.size) == 0);
			memory_release(&memory_plain, whole.block);
		}
	}

	/* In order, and each event id once: the one that sorts first. */
	{
		TimelineReader reader;
		TimelineEvent before;
		TimelineEvent event;
		bool		seen[100] = {false};
		bool		ordered = true;
		bool		least = true;
		uint32_t	count = 0;

		timeline_read(&reader, first.data, first.size);
		while (timeline_next(&reader, &event))
		{
			ordered = ordered && (count == 0 || timeline_compare_events(&before, &event) <= 0);
			before = event;
			count++;
			if (event.has & TIMELINE_HAS_EVENT_ID)
			{
				int			id = atoi(events[0].event_id.data);
				char		word[8];

				memcpy(word, event.event_id.data, event.event_id.length);
				word[event.event_id.length] = '\0';
				id = atoi(word);
				least = least && !seen[id];
				seen[id] = true;
				for (i = 0; i < 300; i++)
					if (events[i].has & TIMELINE_HAS_EVENT_ID &&
						atoi(events[i].event_id.data) == id)
						least = least && timeline_compare_events(&event, &events[i]) <= 0;
			}
		}
		CHECK(!reader.failed && count == reader.count && count < 300);
		CHECK(ordered);
		CHECK(least);
		for (i = 0; i < 300; i++)
			if (events[i].has & TIMELINE_HAS_EVENT_ID)
				least = least && seen[atoi(events[i].event_id.data)];
		CHECK(least);
	}
	memory_release(&memory_plain, first.block);
}

/*
 * Events that differ in one field alone, at one time, have one order whichever
 * came first; and the words of a value stand in order.
 */
static void
test_each_field(void)
{
	TimelineEvent pairs[9][2];
	TimelineReader reader;
	Bytes		value;
	uint32_t	word;
	int			i;

	for (i = 0; i < 9; i++)
	{
		TimelineEvent event = {.kind = TIMELINE_ORDER, .has = 0xff, .amount = 1,
		.discount = 1, .items = 1, .rating = 1};

		timeline_set_kind(&event, "gift", 4);
		event.category = event.order_id = event.event_id = text_of("b");
		pairs[i][0] = pairs[i][1] = event;
	}
	pairs[0][1].amount = 2;
	pairs[1][1].discount = 2;
	pairs[2][1].items = 2;
	pairs[3][1].rating = 2;
	pairs[4][1].category = text_of("ba");
	pairs[5][1].order_id = text_of("c");
	pairs[6][1].event_id = text_of("c");
	pairs[7][1].has &= ~(uint32_t) TIMELINE_HAS_RATING;
	timeline_set_kind(&pairs[8][1], "view", 4);
	for (i = 0; i < 9; i++)
	{
		TimelineEvent turned[2] = {pairs[i][1], pairs[i][0]};
		Bytes		one = value_of(pairs[i], 2);
		Bytes		other = value_of(turned, 2);

		CHECK(same(one, other));
		CHECK(timeline_compare_events(&turned[0], &turned[1]) ==
			  -timeline_compare_events(&turned[1], &turned[0]));
		CHECK(timeline_compare_events(&turned[0], &turned[1]) != 0);

		/* But for its own field, an event with the same id is the same. */
		timeline_read(&reader, one.data, one.size);
		CHECK(reader.count == (i == 6 ? 2 : 1));
		memory_release(&memory_plain, one.block);
		memory_release(&memory_plain, other.block);

		pairs[i][0].has &= ~(uint32_t) TIMELINE_HAS_EVENT_ID;
		pairs[i][1].has &= ~(uint32_t) TIMELINE_HAS_EVENT_ID;
		turned[0] = pairs[i][1];
		turned[1] = pairs[i][0];
		one = value_of(pairs[i], 2);
		other = value_of(turned, 2);
		CHECK(same(one, other));
		timeline_read(&reader, one.data, one.size);
		CHECK(reader.count == 2);
		memory_release(&memory_plain, one.block);
		memory_release(&memory_plain, other.block);
	}

	pairs[0][0].category = text_of("z");
	pairs[0][0].at = -1;
	pairs[0][1].category = text_of("a");
	value = value_of(pairs[0], 2);
	timeline_read(&reader, value.data, value.size);
	CHECK(reader.categories.count == 2);
	for (word = 0; word < 2; word++)
		CHECK(timeline_category(&reader, word).data[0] == "az"[word]);
	memory_release(&memory_plain, value.block);
}

/* Numbers come back bit by bit; what has two decimals takes few bytes. */
static void
test_numbers(void)
{
	Random		random;
	TimelineEvent event = {.kind = TIMELINE_ORDER, .has = TIMELINE_HAS_AMOUNT};
	bool		exact = true;
	bool		text_exact = true;
	int			i;

	random_start(&random, 3, 0);
	for (i = 0; i < 20000; i++)
	{
		TimelineReader reader;
		TimelineEvent back;
		TimelineState *state;
		TimelineFault fault;
		size_t		capacity;
		Bytes		value;
		char	   *text = NULL;

		if (i % 2)
			event.amount = (double) (int64_t) (random_bits(&random) >> random_below(&random, 48)) / 100.0;
		else
			do
			{
				uint64_t	bits = random_bits(&random);

				memcpy(&event.amount, &bits, sizeof(bits));
			} while (!isfinite(event.amount));
		value = value_of(&event, 1);
		timeline_read(&reader, value.data, value.size);
		exact = exact && timeline_next(&reader, &back) && !timeline_next(&reader, &back) &&
			memcmp(&back.amount, &event.amount, sizeof(double)) == 0;

		timeline_read(&reader, value.data, value.size);
		text_exact = text_exact && timeline_write_text(&reader, &memory_plain, &text) == TIMELINE_OK;
		state = new_state(&capacity);
		text_exact = text_exact && timeline_read_text(text, true, &state, &capacity,
													  &memory_plain, &fault) == TIMELINE_OK;
		memory_release(&memory_plain, text);
		{
			Bytes		again = finish(state, capacity);

			text_exact = text_exact && same(value, again);
			memory_release(&memory_plain, again.block);
		}
		memory_release(&memory_plain, value.block);
	}
	CHECK(exact);
	CHECK(text_exact);

	/* The shortest text of a number is what %.15g prints where that is exact. */
	for (i = -30000; i < 30000; i++)
	{
		TimelineReader reader;
		Bytes		value;
		char		expected[80];
		char	   *text = NULL;

		event.amount = (i % 3 ? (double) i * i * i : i) / 100.0;
		value = value_of(&event, 1);
		timeline_read(&reader, value.data, value.size);
		CHECK(timeline_write_text(&reader, &memory_plain, &text) == TIMELINE_OK);
		snprintf(expected, sizeof(expected), "[{\"at\": \"2000-01-01T00:00:00Z\", \"amount\": %.15g}]",
				 event.amount);
		text_exact = text_exact && strcmp(text, expected) == 0;
		memory_release(&memory_plain, text);
		memory_release(&memory_plain, value.block);
	}
	CHECK(text_exact);

	/* 65,535 cents take two bytes, beside one for control; zero has no sign. */
	{
		Bytes		empty = value_of(NULL, 0);
		Bytes		value;

		CHECK(empty.size == 14);
		for (i = 0; i < 65536; i++)
		{
			event.amount = i / 100.0;
			value = value_of(&event, 1);
			exact = exact && value.size == empty.size + (i < 256 ? 2 : 3);
			memory_release(&memory_plain, value.block);
		}
		CHECK(exact);
		event.amount = 655.35;
		value = value_of(&event, 1);
		CHECK(value.size == empty.size + 3);
		memory_release(&memory_plain, value.block);
		event.amount = 0.0;
		value = value_of(&event, 1);
		event.amount = -0.0;
		memory_release(&memory_plain, empty.block);
		empty = value_of(&event, 1);
		CHECK(same(value, empty));
		memory_release(&memory_plain, value.block);
		memory_release(&memory_plain, empty.block);
	}
}

/* Times of every unit, at both ends of the range. */
static void
test_times(void)
{
	static const int64_t times[] = {TIME_FIRST, -1, 0, 1, 1000, 999999, 1000000,
		60000000, INT64_C(3600000000), INT64_C(7200000000), TIME_END - 1};
	TimelineEvent events[11];
	TimelineReader reader;
	TimelineEvent event;
	Bytes		value;
	size_t		i;

	for (i = 0; i < 11; i++)
	{
		memset(&events[i], 0, sizeof(events[i]));
		events[i].at = times[10 - i];
	}
	value = value_of(events, 11);
	timeline_read(&reader, value.data, value.size);
	for (i = 0; i < 11; i++)
		CHECK(timeline_next(&reader, &event) && event.at == times[i] && event.has == 0);
	CHECK(!timeline_next(&reader, &event) && !reader.failed);
	memory_release(&memory_plain, value.block);

	/* In hours, a step is a byte. */
	events[0].at = times[9];
	events[1].at = times[8];
	events[2].at = INT64_C(-3600000000) * 200;
	value = value_of(events, 3);
	CHECK(value.size == 14 + 1 + 2 + 2);
	timeline_read(&reader, value.data, value.size);
	CHECK(timeline_next(&reader, &event) && event.at == events[2].at);
	CHECK(timeline_next(&reader, &event) && event.at == times[8]);
	memory_release(&memory_plain, value.block);
}

/* Events are refused whole: the state stays as it was. */
static void
test_refusals(void)
{
	size_t		capacity;
	TimelineState *state = new_state(&capacity);
	TimelineEvent event = {.kind = TIMELINE_ORDER};

	CHECK(timeline_add_amount(&state, &capacity, INT64_MAX, 1, &memory_plain) == TIMELINE_BAD_TIME);
	CHECK(timeline_add_amount(&state, &capacity, INT64_MIN, 1, &memory_plain) == TIMELINE_BAD_TIME);
	CHECK(timeline_add_amount(&state, &capacity, 0, NAN, &memory_plain) == TIMELINE_BAD_NUMBER);
	CHECK(timeline_add_amount(&state, &capacity, 0, INFINITY, &memory_plain) == TIMELINE_BAD_NUMBER);
	event.has = TIMELINE_HAS_RATING;
	event.rating = -INFINITY;
	CHECK(timeline_add(&state, &capacity, &event, &memory_plain) == TIMELINE_BAD_NUMBER);
	event.has = 0;
	timeline_set_kind(&event, "", 0);
	CHECK(timeline_add(&state, &capacity, &event, &memory_plain) == TIMELINE_EMPTY_TEXT);
	event.has = TIMELINE_HAS_EVENT_ID;
	event.event_id = text_of("");
	event.kind = TIMELINE_ORDER;
	CHECK(timeline_add(&state, &capacity, &event, &memory_plain) == TIMELINE_EMPTY_TEXT);
	event.has = TIMELINE_HAS_CATEGORY;
	event.category.data = "";
	event.category.length = (uint32_t) TIMELINE_LARGEST;
	CHECK(timeline_add(&state, &capacity, &event, &memory_plain) == TIMELINE_TOO_LARGE);
	CHECK(state->count == 0 && state->used == sizeof(TimelineState));
	memory_release(&memory_plain, state);
}

/* Every single byte that is changed, cut or added is noticed. */
static void
test_damage(void)
{
	TimelineEvent events[3] = {{.at = 5, .has = TIMELINE_HAS_AMOUNT, .amount = 12.5},
	{.at = 1000000, .has = TIMELINE_HAS_CATEGORY | TIMELINE_HAS_EVENT_ID},
	{.at = 7000000, .has = TIMELINE_HAS_ITEMS, .items = 0.123}};
	Bytes		value;
	unsigned char *copy;
	size_t		i;
	int			change;
	bool		other = true;

	events[1].category = text_of("books");
	events[1].event_id = text_of("e1");
	timeline_set_kind(&events[2], "gift", 4);
	value = value_of(events, 3);
	copy = malloc(value.size + 1);
	for (i = 0; i < value.size; i++)
	{
		CHECK(timeline_validate(value.data, i, &memory_plain) != TIMELINE_OK);
		for (change = 1; change < 256; change++)
		{
			memcpy(copy, value.data, value.size);
			copy[i] ^= (unsigned char) change;

			/* Either no value any more, or one of other events. */
			if (timeline_validate(copy, value.size, &memory_plain) == TIMELINE_OK)
				other = other && timeline_compare(copy, value.size, value.data, value.size) != 0;
		}
	}
	CHECK(other);
	memcpy(copy, value.data, value.size);
	copy[value.size] = 0;
	CHECK(timeline_validate(copy, value.size + 1, &memory_plain) == TIMELINE_CORRUPT);
	free(copy);
	memory_release(&memory_plain, value.block);
}

/* Memory that is refused after so many requests is an answer, not a crash. */
typedef struct Meager
{
	int			left;
} Meager;

static void *
meager_alloc(void *arg, size_t size)
{
	return ((Meager *) arg)->left-- > 0 ? malloc(size > 0 ? size : 1) : NULL;
}

static void
meager_release(void *arg, void *pointer)
{
	(void) arg;
	free(pointer);
}

static bool
meager_may_go_on(void *arg)
{
	return ((Meager *) arg)->left >= 0;
}

static void
test_no_memory(void)
{
	Meager		meager;
	Memory		memory = {meager_alloc, meager_release, meager_may_go_on, &meager};
	size_t		capacity;
	TimelineState *state = new_state(&capacity);
	TimelineStatus status = TIMELINE_NO_MEMORY;
	unsigned char *value;
	size_t		size;
	int			allowed;
	int			i;

	for (i = 0; i < 40; i++)
	{
		TimelineEvent event = {.at = 100 - i, .has = TIMELINE_HAS_CATEGORY | TIMELINE_HAS_EVENT_ID};
		char		word[20];

		snprintf(word, sizeof(word), "word %d", i);
		event.category = event.event_id = text_of(word);
		CHECK(timeline_add(&state, &capacity, &event, &memory_plain) == TIMELINE_OK);
	}
	for (allowed = 0; status != TIMELINE_OK && allowed < 100; allowed++)
	{
		meager.left = allowed;
		status = timeline_finish((char *) state + TIMELINE_PREFIX, capacity - TIMELINE_PREFIX,
								 &memory, &value, &size);
		CHECK(status == TIMELINE_OK || (status == TIMELINE_NO_MEMORY && value == NULL));
	}
	CHECK(status == TIMELINE_OK && allowed > 5);
	free(value);
	memory_release(&memory_plain, state);
}

int
main(void)
{
	test_time();
	test_one_value();
	test_each_field();
	test_numbers();
	test_times();
	test_refusals();
	test_damage();
	test_no_memory();
	return check_report();
}
