/*-------------------------------------------------------------------------
 *
 * timeline.h
 *	  A customer's events in time: sorted, compact, mergeable.
 *
 * Plain C.  Two things hold events:
 *
 * A *value* is what is stored and compared.  It is canonical: one set of
 * events has one value, bit for bit, however it came together.  Events stand
 * in the order of timeline_compare_events; of events with one event id only
 * the first in that order is there.
 *
 * A *state* gathers events in the order in which they come, at the end of a
 * block with slack, so that adding one costs a few nanoseconds and needs no
 * memory of its own.  timeline_finish makes the value of a state.
 *
 *		rows ─ timeline_add ─▶ state ─ timeline_finish ─▶ value ─ reader ─▶ events
 *		                         ▲                          │
 *		                         └────── timeline_add_all ──┘
 *
 * Bytes of a value, after room for the server's length word:
 *
 *		u8		version, TIMELINE_VERSION
 *		u8		flags: unit of time in bits 0-2, TIMELINE_EXTRAS
 *		...		with TIMELINE_EXTRAS: the kinds, then the categories
 *		...		the events
 *		i64		time of the first event, in units
 *		u32		number of events
 *
 * The unit is the largest of an hour, a minute, a second, a millisecond, a
 * microsecond of which every time is a multiple (since 2000-01-01 UTC).  The
 * last two fields stand at the end so that a load of eight bytes at the last
 * event stays inside the value.  Numbers are little endian everywhere.
 *
 * A list of words is u32 count, u32 end[count], and the words one after the
 * other, sorted by bytes, each one used by an event; end counts from the
 * first word.  The kinds order, return, view and review need no entry.
 *
 * An event is
 *
 *		u8		bits 0-2: bytes of the step in time, 0-6, or 7 for eight
 *				bits 3-5: amount: 0 none, 1-6 bytes of cents, 7 a double
 *				bit 6: the cents are negative
 *				bit 7: more follows the amount
 *		...		step since the event before, in units; amount
 *
 * and with bit 7 a byte of the TIMELINE_HAS_ bits up to RATING and the
 * fields it names, in their order: kind and category as a number in their
 * list (a kind's number after the four that need no entry), discount, items
 * and rating each as one byte of bits 3-6 above and the number, ids as length
 * and bytes; plain numbers are varints.  Everything takes its shortest form:
 * a number of two decimals below 2^48 cents is never written as a double.
 *
 * In a state the header is the struct below, the unit is a microsecond, steps
 * wrap around where time goes back, kinds and categories are length and
 * bytes, and at least eight bytes after the last event are zero.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_TIMELINE_H
#define PROMO_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/memory.h"

#define TIMELINE_VERSION 1

/* Flags */
#define TIMELINE_UNIT 0x07
#define TIMELINE_EXTRAS 0x08	/* some event has more than time and amount */
#define TIMELINE_UNSORTED 0x10	/* of a state: time has gone back or stood */
#define TIMELINE_STATE 0x80		/* a state, not a value */

/* Bytes of the length word that the server keeps before values and states. */
#define TIMELINE_PREFIX 4

/* Largest value or state: what the server can allocate. */
#define TIMELINE_LARGEST ((size_t) 0x3fffffff)

/* What an event has besides its time. */
#define TIMELINE_HAS_KIND 0x01	/* another one than order */
#define TIMELINE_HAS_DISCOUNT 0x02
#define TIMELINE_HAS_ITEMS 0x04
#define TIMELINE_HAS_CATEGORY 0x08
#define TIMELINE_HAS_ORDER_ID 0x10
#define TIMELINE_HAS_EVENT_ID 0x20
#define TIMELINE_HAS_RATING 0x40
#define TIMELINE_HAS_AMOUNT 0x80
#define TIMELINE_HAS_EXTRAS 0x7f

typedef enum TimelineKind
{
	TIMELINE_ORDER,
	TIMELINE_RETURN,
	TIMELINE_VIEW,
	TIMELINE_REVIEW,
	TIMELINE_OTHER
} TimelineKind;

typedef enum TimelineStatus
{
	TIMELINE_OK,
	TIMELINE_BAD_TIME,			/* not a time in PostgreSQL's range */
	TIMELINE_BAD_NUMBER,		/* NaN or infinite */
	TIMELINE_EMPTY_TEXT,		/* a kind or an id without a character */
	TIMELINE_CORRUPT,			/* these bytes are no value */
	TIMELINE_TOO_LARGE,			/* more than TIMELINE_LARGEST bytes */
	TIMELINE_NO_MEMORY			/* or told to stop */
} TimelineStatus;

typedef struct TimelineText
{
	const char *data;
	uint32_t	length;
} TimelineText;

/*
 * An event.  kind is always set; the other fields after it only where `has`
 * says so.  amount is 0 without its bit.  Texts point into the bytes read.
 */
typedef struct TimelineEvent
{
	int64_t		at;				/* microseconds since 2000-01-01 UTC */
	double		amount;
	uint32_t	has;			/* TIMELINE_HAS_ bits */
	TimelineKind kind;
	TimelineText kind_name;		/* with TIMELINE_HAS_KIND */
	double		discount;
	double		items;
	double		rating;
	uint32_t	category_number;	/* its place among the value's categories */
	TimelineText category;
	TimelineText order_id;
	TimelineText event_id;
} TimelineEvent;

/* A list of words, as it stands in a value. */
typedef struct TimelineWords
{
	const unsigned char *ends;
	const unsigned char *words;
	uint32_t	count;
} TimelineWords;

/*
 * A walk over the events of a value.  It never leaves the bytes it was given,
 * and says so in `failed` when they are no value.
 */
typedef struct TimelineReader
{
	const unsigned char *place;
	const unsigned char *end;	/* of the events */
	uint64_t	step;			/* time of the last event, in units */
	uint64_t	unit;			/* microseconds */
	uint32_t	count;			/* of all events */
	uint32_t	left;
	uint32_t	flags;
	bool		failed;
	TimelineWords kinds;
	TimelineWords categories;
} TimelineReader;

/* The header of a state; the events follow. */
typedef struct TimelineState
{
	uint32_t	prefix;			/* the server's */
	uint8_t		version;
	uint8_t		flags;
	uint16_t	unused;
	uint32_t	count;
	uint32_t	used;			/* bytes of all, up to the last event */
	int64_t		first;			/* time of the first event */
	int64_t		last;			/* of the one that came last */
} TimelineState;

/* The smallest block for a state: room for a few events of time and amount. */
#define TIMELINE_LEAST_STATE 64

/*
 * Opens the bytes of a value or a state (after the prefix).  The reader has
 * failed when they cannot be one.
 */
extern void timeline_read(TimelineReader *reader, const void *data, size_t size);

/* Internal to timeline_next. */
extern bool timeline_next_extras(TimelineReader *reader, TimelineEvent *event);

/* The text of a category of a value, by its number. */
extern TimelineText timeline_category(const TimelineReader *reader, uint32_t number);

/* Starts an empty state in a block of at least TIMELINE_LEAST_STATE zero bytes. */
extern void timeline_start(TimelineState *state);

/*
 * Adds an event to a state.  When the block is full, the state moves to a
 * larger one from the memory handlers and the old block is released.
 */
extern TimelineStatus timeline_add(TimelineState **state, size_t *capacity,
								   const TimelineEvent *event,
								   const Memory *memory);

/* The same for an event that is a time and an amount. */
extern TimelineStatus timeline_add_amount(TimelineState **state, size_t *capacity,
										  int64_t at, double amount,
										  const Memory *memory);

/* Adds all events of another state or value. */
extern TimelineStatus timeline_add_all(TimelineState **state, size_t *capacity,
									   TimelineReader *reader,
									   const Memory *memory);

/*
 * The value of a state (bytes after the prefix), which stays as it is.
 * *value is a block of *size bytes, the prefix among them.
 */
extern TimelineStatus timeline_finish(const void *state, size_t state_size,
									  const Memory *memory,
									  unsigned char **value, size_t *size);

/* Whether these bytes (after the prefix) are a value, in every bit. */
extern TimelineStatus timeline_validate(const void *data, size_t size,
										const Memory *memory);

/*
 * The order of events: time, event id, kind, order id, amount, discount,
 * items, category, rating; texts by their bytes; what is missing comes first.
 */
extern int	timeline_compare_events(const TimelineEvent *a, const TimelineEvent *b);

/* The order of values: event by event, then the shorter one first. */
extern int	timeline_compare(const void *a, size_t a_size,
							 const void *b, size_t b_size);

/* A hash of a value, the same on every machine. */
extern uint64_t timeline_hash(const void *data, size_t size, uint64_t seed);

/*
 * The text form of a value, a JSON array with an object for each event:
 *
 *		[{"at": "2026-01-05T15:30:00Z", "amount": 12.5}, ...]
 *
 * Keys stand in the order at, kind, amount, discount, items, category,
 * order_id, event_id, rating, and only where the event has them; numbers are
 * the shortest that read as the same double.  *text is a block of the memory
 * handlers, with a final zero.
 */
extern TimelineStatus timeline_write_text(TimelineReader *reader,
										  const Memory *memory, char **text);

/* What is wrong with a text, and where. */
typedef struct TimelineFault
{
	const char *problem;		/* a sentence without its full stop */
	size_t		at;				/* bytes before it */
} TimelineFault;

/*
 * Adds the events of a text to a state.  Events may come in any order, keys
 * too; what a key is null for is missing.  TIMELINE_CORRUPT sets the fault.
 * Unicode escapes beyond ASCII need utf8, which says how texts are encoded.
 */
extern TimelineStatus timeline_read_text(const char *text, bool utf8,
										 TimelineState **state, size_t *capacity,
										 const Memory *memory,
										 TimelineFault *fault);

/* The word of a kind, and the kind of a word. */
extern TimelineText timeline_kind_name(const TimelineEvent *event);
extern void timeline_set_kind(TimelineEvent *event, const char *word, size_t length);

static inline uint64_t
timeline_load(const unsigned char *place)
{
	uint64_t	value;

	memcpy(&value, place, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	return value;
}

/*
 * The next event; false at the end, or when the reader has failed.
 *
 *		timeline_read(&reader, data, size);
 *		while (timeline_next(&reader, &event))
 *			...
 *		if (reader.failed)
 *			...
 */
static inline bool
timeline_next(TimelineReader *reader, TimelineEvent *event)
{
	/* Bytes of a step, of an amount, and the bits that belong to them */
	static const uint8_t step_size[8] = {0, 1, 2, 3, 4, 5, 6, 8};
	static const uint8_t amount_size[8] = {0, 1, 2, 3, 4, 5, 6, 8};
	static const uint64_t mask[8] = {
		0, 0xff, 0xffff, 0xffffff, 0xffffffff, UINT64_C(0xffffffffff),
		UINT64_C(0xffffffffffff), UINT64_MAX
	};
	const unsigned char *place = reader->place;
	unsigned	control;
	unsigned	code;
	uint64_t	bits;

	if (reader->left == 0)
		return false;
	if (place >= reader->end)
	{
		reader->failed = true;
		reader->left = 0;
		return false;
	}
	control = *place++;
	code = (control >> 3) & 7;
	if ((size_t) (reader->end - place) <
		(size_t) step_size[control & 7] + amount_size[code])
	{
		reader->failed = true;
		reader->left = 0;
		return false;
	}

	reader->step += timeline_load(place) & mask[control & 7];
	event->at = (int64_t) (reader->step * reader->unit);
	place += step_size[control & 7];

	bits = timeline_load(place) & mask[code];
	if (code == 7)
		memcpy(&event->amount, &bits, sizeof(bits));
	else
	{
		event->amount = (double) (int64_t) bits / 100.0;
		if (control & 0x40)
			event->amount = -event->amount;
	}
	event->has = code != 0 ? TIMELINE_HAS_AMOUNT : 0;
	event->kind = TIMELINE_ORDER;
	reader->place = place + amount_size[code];
	reader->left--;
	return (control & 0x80) == 0 || timeline_next_extras(reader, event);
}

#endif							/* PROMO_TIMELINE_H */
