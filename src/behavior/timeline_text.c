/*-------------------------------------------------------------------------
 *
 * timeline_text.c
 *	  Timelines as JSON text.
 *
 *-------------------------------------------------------------------------
 */
#include "behavior/timeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/time.h"

/* Bytes of a number as text, and of the longest part that holds no text. */
#define NUMBER_TEXT 32
#define PART_TEXT 64

/* Events between two questions whether to go on. */
#define GO_ON_EVERY 16384

/*
 * Text that grows.
 */
typedef struct Output
{
	const Memory *memory;
	char	   *text;
	size_t		length;
	size_t		capacity;
	bool		failed;
} Output;

/* Room for so many bytes more. */
static bool
output_room(Output *output, size_t more)
{
	size_t		capacity = output->capacity;
	char	   *larger;

	if (output->failed)
		return false;
	if (output->capacity - output->length >= more)
		return true;
	while (capacity - output->length < more)
		capacity *= 2;
	if (capacity > TIMELINE_LARGEST)
		capacity = TIMELINE_LARGEST;
	if (capacity - output->length < more)
	{
		output->failed = true;
		return false;
	}
	larger = memory_grow(output->memory, output->text, output->length, capacity, 1);
	if (larger == NULL)
	{
		output->failed = true;
		return false;
	}
	output->text = larger;
	output->capacity = capacity;
	return true;
}

static void
output_string(Output *output, const char *string)
{
	size_t		length = strlen(string);

	if (!output_room(output, length))
		return;
	memcpy(output->text + output->length, string, length);
	output->length += length;
}

/* A JSON string; beside quote and backslash only control characters change. */
static void
output_text(Output *output, const char *key, TimelineText text)
{
	uint32_t	i;

	output_string(output, key);
	if (!output_room(output, 6 * (size_t) text.length + 2))
		return;
	output->text[output->length++] = '"';
	for (i = 0; i < text.length; i++)
	{
		unsigned char c = (unsigned char) text.data[i];

		if (c == '"' || c == '\\')
		{
			output->text[output->length++] = '\\';
			output->text[output->length++] = (char) c;
		}
		else if (c < 0x20)
		{
			static const char hex[] = "0123456789abcdef";

			memcpy(output->text + output->length, "\\u00", 4);
			output->text[output->length + 4] = hex[c >> 4];
			output->text[output->length + 5] = hex[c & 15];
			output->length += 6;
		}
		else
			output->text[output->length++] = (char) c;
	}
	output->text[output->length++] = '"';
}

/* A count of hundredths as a decimal; gives its start in the buffer. */
static const char *
cents_text(char *text, int64_t cents)
{
	uint64_t	rest = (uint64_t) (cents < 0 ? -cents : cents);
	char	   *at = text + NUMBER_TEXT - 1;

	*at = '\0';
	if (rest % 100 != 0)
	{
		if (rest % 10 != 0)
			*--at = (char) ('0' + rest % 10);
		*--at = (char) ('0' + rest / 10 % 10);
		*--at = '.';
	}
	rest /= 100;
	do
		*--at = (char) ('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (cents < 0)
		*--at = '-';
	return at;
}

/*
 * The shortest decimal that reads as the same double.  Two-decimal numbers of
 * up to 15 digits, which most are, need no search: that many digits read and
 * print unchanged.
 */
static void
output_number(Output *output, const char *key, double x)
{
	char		text[NUMBER_TEXT];
	int			precision;

	if (fabs(x) < 1e13)
	{
		int64_t		cents = (int64_t) (x * 100.0 + (x < 0 ? -0.5 : 0.5));

		if ((double) cents / 100.0 == x)
		{
			output_string(output, key);
			output_string(output, cents_text(text, cents));
			return;
		}
	}
	for (precision = 15; precision < 17; precision++)
	{
		snprintf(text, sizeof(text), "%.*g", precision, x);
		if (strtod(text, NULL) == x)
			break;
	}
	if (precision == 17)
		snprintf(text, sizeof(text), "%.17g", x);
	output_string(output, key);
	output_string(output, text);
}

TimelineStatus
timeline_write_text(TimelineReader *reader, const Memory *memory, char **text)
{
	Output		output = {memory, NULL, 0, 256, false};
	TimelineEvent event;
	bool		first = true;

	*text = NULL;
	output.text = memory_array(memory, output.capacity, 1);
	if (output.text == NULL)
		return TIMELINE_NO_MEMORY;
	output_string(&output, "[");
	while (timeline_next(reader, &event) && !output.failed)
	{
		char		time[TIME_TEXT];

		time_write(time, event.at);
		output_string(&output, first ? "{\"at\": \"" : ", {\"at\": \"");
		output_string(&output, time);
		output_string(&output, "\"");
		first = false;
		if (event.has & TIMELINE_HAS_KIND)
			output_text(&output, ", \"kind\": ", timeline_kind_name(&event));
		if (event.has & TIMELINE_HAS_AMOUNT)
			output_number(&output, ", \"amount\": ", event.amount);
		if (event.has & TIMELINE_HAS_DISCOUNT)
			output_number(&output, ", \"discount\": ", event.discount);
		if (event.has & TIMELINE_HAS_ITEMS)
			output_number(&output, ", \"items\": ", event.items);
		if (event.has & TIMELINE_HAS_CATEGORY)
			output_text(&output, ", \"category\": ", event.category);
		if (event.has & TIMELINE_HAS_ORDER_ID)
			output_text(&output, ", \"order_id\": ", event.order_id);
		if (event.has & TIMELINE_HAS_EVENT_ID)
			output_text(&output, ", \"event_id\": ", event.event_id);
		if (event.has & TIMELINE_HAS_RATING)
			output_number(&output, ", \"rating\": ", event.rating);
		output_string(&output, "}");
		if (reader->left % GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
			output.failed = true;
	}
	output_string(&output, "]");
	if (output_room(&output, 1))
		output.text[output.length] = '\0';
	if (output.failed || reader->failed)
	{
		memory_release(memory, output.text);
		return reader->failed ? TIMELINE_CORRUPT : TIMELINE_TOO_LARGE;
	}
	*text = output.text;
	return TIMELINE_OK;
}

/*
 * Reading.  Strings are unescaped into a buffer for each field.
 */
enum
{
	FIELD_AT, FIELD_KIND, FIELD_AMOUNT, FIELD_DISCOUNT, FIELD_ITEMS,
	FIELD_CATEGORY, FIELD_ORDER_ID, FIELD_EVENT_ID, FIELD_RATING, FIELDS
};

static const struct
{
	const char *name;
	bool		number;
}			fields[FIELDS] =
{
	{"at", false}, {"kind", false}, {"amount", true}, {"discount", true},
	{"items", true}, {"category", false}, {"order_id", false},
	{"event_id", false}, {"rating", true}
};

/* A string without its escapes. */
typedef struct Scratch
{
	char	   *data;
	size_t		capacity;
	size_t		length;
} Scratch;

typedef struct Input
{
	const Memory *memory;
	const char *start;
	const char *at;
	bool		utf8;
	TimelineFault *fault;
	TimelineStatus status;
	Scratch		key;
	Scratch		texts[FIELDS];
} Input;

static bool
input_fault(Input *input, const char *problem)
{
	input->status = TIMELINE_CORRUPT;
	input->fault->problem = problem;
	input->fault->at = (size_t) (input->at - input->start);
	return false;
}

static void
input_blank(Input *input)
{
	while (*input->at == ' ' || *input->at == '\t' || *input->at == '\n' ||
		   *input->at == '\r')
		input->at++;
}

/* Takes the sign after blanks when it is there. */
static bool
input_sign(Input *input, char sign)
{
	input_blank(input);
	if (*input->at != sign)
		return false;
	input->at++;
	return true;
}

static bool
scratch_room(Input *input, Scratch *scratch, size_t more)
{
	if (scratch->capacity - scratch->length < more)
	{
		size_t		capacity = 2 * (scratch->capacity + more) + 32;
		char	   *larger = memory_grow(input->memory, scratch->data,
										 scratch->length, capacity, 1);

		if (larger == NULL)
		{
			scratch->data = NULL;
			scratch->capacity = scratch->length = 0;
			input->status = TIMELINE_NO_MEMORY;
			return false;
		}
		scratch->data = larger;
		scratch->capacity = capacity;
	}
	return true;
}

/* Four digits of a Unicode escape; -1 when they are not there. */
static int
input_hex(Input *input)
{
	int			value = 0;
	int			i;

	for (i = 0; i < 4; i++)
	{
		char		c = *input->at;

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (c - 'A') + 10;
		else
			return -1;
		input->at++;
	}
	return value;
}

/* The character after a backslash. */
static bool
input_escape(Input *input, Scratch *scratch)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	char	   *out = scratch->data + scratch->length;
	const char *simple;
	int			code;

	if (*input->at != '\0' && (simple = strchr(from, *input->at)) != NULL)
	{
		input->at++;
		*out = to[simple - from];
		scratch->length++;
		return true;
	}
	if (*input->at != 'u')
		return input_fault(input, "There is no such escape in a string");
	input->at++;
	if ((code = input_hex(input)) < 0)
		return input_fault(input, "A Unicode escape has four hexadecimal digits");
	if (code == 0)
		return input_fault(input, "A string cannot hold the character zero");
	if (code >= 0xd800 && code <= 0xdfff)
	{
		int			low = -1;

		if (code < 0xdc00 && input->at[0] == '\\' && input->at[1] == 'u')
		{
			input->at += 2;
			low = input_hex(input);
		}
		if (low < 0xdc00 || low > 0xdfff)
			return input_fault(input, "A Unicode surrogate must come as a pair");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	if (code >= 0x80 && !input->utf8)
		return input_fault(input, "Unicode escapes beyond ASCII need a database in UTF8");

	if (code < 0x80)
		*out++ = (char) code;
	else if (code < 0x800)
		*out++ = (char) (0xc0 | code >> 6);
	else if (code < 0x10000)
	{
		*out++ = (char) (0xe0 | code >> 12);
		*out++ = (char) (0x80 | (code >> 6 & 0x3f));
	}
	else
	{
		*out++ = (char) (0xf0 | code >> 18);
		*out++ = (char) (0x80 | (code >> 12 & 0x3f));
		*out++ = (char) (0x80 | (code >> 6 & 0x3f));
	}
	if (code >= 0x80)
		*out++ = (char) (0x80 | (code & 0x3f));
	scratch->length = (size_t) (out - scratch->data);
	return true;
}

static bool
input_string(Input *input, Scratch *scratch)
{
	if (!input_sign(input, '"'))
		return input_fault(input, "A string is expected here");
	scratch->length = 0;
	for (;;)
	{
		unsigned char c = (unsigned char) *input->at;

		if (!scratch_room(input, scratch, 4))
			return false;
		if (c == '"')
			break;
		if (c < 0x20)
			return input_fault(input, c == 0 ? "The string has no end" :
							   "A control character in a string must be escaped");
		input->at++;
		if (c != '\\')
			scratch->data[scratch->length++] = (char) c;
		else if (!input_escape(input, scratch))
			return false;
	}
	input->at++;
	return true;
}

static bool
input_digits(const char **at)
{
	const char *start = *at;

	while (**at >= '0' && **at <= '9')
		(*at)++;
	return *at > start;
}

/* A number by the grammar of JSON. */
static bool
input_number(Input *input, double *x)
{
	const char *end;

	input_blank(input);
	end = input->at;
	if (*end == '-')
		end++;
	if (*end == '0')
		end++;
	else if (!input_digits(&end))
		return input_fault(input, "A number is expected here");
	if (*end == '.')
	{
		end++;
		if (!input_digits(&end))
			return input_fault(input, "A number is expected here");
	}
	if (*end == 'e' || *end == 'E')
	{
		end++;
		if (*end == '+' || *end == '-')
			end++;
		if (!input_digits(&end))
			return input_fault(input, "A number is expected here");
	}
	*x = strtod(input->at, NULL);
	if (!isfinite(*x))
		return input_fault(input, "The number is out of range");
	input->at = end;
	return true;
}

static TimelineText
scratch_text(const Scratch *scratch)
{
	TimelineText text = {scratch->data, (uint32_t) scratch->length};

	return text;
}

/* The value of a field, which is not null. */
static bool
input_field(Input *input, int field, TimelineEvent *event)
{
	Scratch    *scratch = &input->texts[field];
	const char *start;
	double		x = 0;

	input_blank(input);
	start = input->at;
	if (fields[field].number ? !input_number(input, &x) : !input_string(input, scratch))
		return false;
	switch (field)
	{
		case FIELD_AT:
			if (!time_read(scratch->data, scratch->length, &event->at))
			{
				input->at = start;
				return input_fault(input, "A time reads as 2026-01-05T15:30:00Z, with its offset from UTC");
			}
			break;
		case FIELD_KIND:
			event->has |= TIMELINE_HAS_KIND;
			timeline_set_kind(event, scratch->data, scratch->length);
			break;
		case FIELD_AMOUNT:
			event->has |= TIMELINE_HAS_AMOUNT;
			event->amount = x;
			break;
		case FIELD_DISCOUNT:
			event->has |= TIMELINE_HAS_DISCOUNT;
			event->discount = x;
			break;
		case FIELD_ITEMS:
			event->has |= TIMELINE_HAS_ITEMS;
			event->items = x;
			break;
		case FIELD_CATEGORY:
			event->has |= TIMELINE_HAS_CATEGORY;
			event->category = scratch_text(scratch);
			break;
		case FIELD_ORDER_ID:
			event->has |= TIMELINE_HAS_ORDER_ID;
			event->order_id = scratch_text(scratch);
			break;
		case FIELD_EVENT_ID:
			event->has |= TIMELINE_HAS_EVENT_ID;
			event->event_id = scratch_text(scratch);
			break;
		case FIELD_RATING:
			event->has |= TIMELINE_HAS_RATING;
			event->rating = x;
			break;
	}
	if ((field == FIELD_KIND || field == FIELD_ORDER_ID || field == FIELD_EVENT_ID) &&
		scratch->length == 0)
	{
		input->at = start;
		return input_fault(input, "A kind or an id is not empty");
	}
	return true;
}

/* An object, after its brace. */
static bool
input_event(Input *input, TimelineEvent *event)
{
	const char *start = input->at - 1;
	bool		seen[FIELDS] = {false};
	bool		has_time = false;

	memset(event, 0, sizeof(*event));
	if (!input_sign(input, '}'))
	{
		do
		{
			const char *key_start;
			int			field;

			input_blank(input);
			key_start = input->at;
			if (!input_string(input, &input->key))
				return false;
			for (field = 0; field < FIELDS; field++)
				if (input->key.length == strlen(fields[field].name) &&
					memcmp(input->key.data, fields[field].name, input->key.length) == 0)
					break;
			if (field == FIELDS || seen[field])
			{
				input->at = key_start;
				return input_fault(input, field == FIELDS ?
								   "An event has no such key" :
								   "An event has each key once");
			}
			seen[field] = true;
			if (!input_sign(input, ':'))
				return input_fault(input, "A colon is expected here");
			input_blank(input);
			if (strncmp(input->at, "null", 4) == 0)
				input->at += 4;
			else if (!input_field(input, field, event))
				return false;
			else if (field == FIELD_AT)
				has_time = true;
		} while (input_sign(input, ','));
		if (!input_sign(input, '}'))
			return input_fault(input, "A comma or a brace is expected here");
	}
	if (!has_time)
	{
		input->at = start;
		return input_fault(input, "The event has no time, key \"at\"");
	}
	return true;
}

TimelineStatus
timeline_read_text(const char *text, bool utf8, TimelineState **state,
				   size_t *capacity, const Memory *memory, TimelineFault *fault)
{
	Input		input = {.memory = memory, .start = text, .at = text,
	.utf8 = utf8, .fault = fault, .status = TIMELINE_OK};
	TimelineEvent event;
	int			i;

	if (!input_sign(&input, '['))
		input_fault(&input, "A bracket is expected here");
	else if (!input_sign(&input, ']'))
	{
		do
		{
			if (!input_sign(&input, '{'))
				input_fault(&input, "A brace is expected here");
			else if (input_event(&input, &event))
				input.status = timeline_add(state, capacity, &event, memory);
			if ((*state)->count % GO_ON_EVERY == 0 && !memory->may_go_on(memory->arg))
				input.status = TIMELINE_NO_MEMORY;
		} while (input.status == TIMELINE_OK && input_sign(&input, ','));
		if (input.status == TIMELINE_OK && !input_sign(&input, ']'))
			input_fault(&input, "A comma or a bracket is expected here");
	}
	input_blank(&input);
	if (input.status == TIMELINE_OK && *input.at != '\0')
		input_fault(&input, "Nothing may follow here");

	memory_release(memory, input.key.data);
	for (i = 0; i < FIELDS; i++)
		memory_release(memory, input.texts[i].data);
	return input.status;
}
