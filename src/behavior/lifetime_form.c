/*-------------------------------------------------------------------------
 *
 * lifetime_form.c
 *	  The figures that lifetime value takes, and its values as text and bytes.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "behavior/lifetime.h"
#include "core/wire.h"

#define FORMAT_VERSION 1

/* Beyond the parameters, a fit holds these facts, by their names in text. */
#define FACTS 4
static const char *const fact_names[FACTS] = {
	"log_likelihood", "customers", "iterations", "gradient"
};

static const char *const parameter_names[2][LIFETIME_PARAMETERS] = {
	{"r", "alpha", "a", "b"},
	{"p", "q", "v", NULL}
};

int
lifetime_parameter_count(LifetimeModel model)
{
	return model == LIFETIME_BGNBD ? 4 : 3;
}

const char *
lifetime_parameter_name(LifetimeModel model, int parameter)
{
	return parameter_names[model][parameter];
}

/*
 * Adds a sentence; when there is no room, the last ones are left away.
 */
static void __attribute__((format(printf, 2, 3)))
fault(LifetimeFaults *faults, const char *format,...)
{
	va_list		arguments;
	char		sentence[sizeof(faults->text)];
	int			length;

	va_start(arguments, format);
	length = vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	if (length < 0 || faults->used + (size_t) length + 2 > sizeof(faults->text))
		return;
	if (faults->used > 0)
		faults->text[faults->used++] = ' ';
	memcpy(faults->text + faults->used, sentence, (size_t) length + 1);
	faults->used += (size_t) length;
}

static bool
sound(const LifetimeFaults *faults)
{
	return faults->used == 0;
}

/* How a number that is not finite is called in SQL */
static const char *
infinite_name(double number)
{
	return isnan(number) ? "NaN" : number > 0 ? "infinity" : "-infinity";
}

void
lifetime_check_frequency(double frequency, LifetimeFaults *faults)
{
	if (!isfinite(frequency))
		fault(faults, "The frequency is %s, not a number of purchases.", infinite_name(frequency));
	else if (frequency < 0)
		fault(faults, "The frequency %g is negative.", frequency);
	else if (frequency != floor(frequency))
		fault(faults, "The frequency %g is not a whole number.", frequency);
	else if (frequency > UINT32_MAX)
		fault(faults, "The frequency %g is above %u.", frequency, UINT32_MAX);
}

void
lifetime_check_times(double frequency, double recency, double t, LifetimeFaults *faults)
{
	if (!isfinite(recency))
		fault(faults, "The recency is %s, not a time.", infinite_name(recency));
	else if (recency < 0)
		fault(faults, "The recency %g is negative.", recency);
	else if (frequency == 0 && recency != 0)
		fault(faults, "The frequency is 0, but the recency is %g.", recency);
	if (!isfinite(t))
		fault(faults, "The time t is %s, not a time.", infinite_name(t));
	else if (t < 0)
		fault(faults, "The time t, %g, is negative.", t);
	else if (isfinite(recency) && recency > t)
		fault(faults, "The recency %g is longer than the time t, %g.", recency, t);
}

void
lifetime_check_monetary(double frequency, double monetary, LifetimeFaults *faults)
{
	if (!isfinite(monetary))
		fault(faults, "The mean amount is %s, not an amount.", infinite_name(monetary));
	else if (monetary < 0)
		fault(faults, "The mean amount %g is negative.", monetary);
	else if (monetary == 0 && frequency != 0)
		fault(faults, "The mean amount is 0.");
}

void
lifetime_check_ahead(double horizon, double rate, LifetimeFaults *faults)
{
	if (!isfinite(horizon))
		fault(faults, "The horizon is %s, not a time.", infinite_name(horizon));
	else if (horizon < 0)
		fault(faults, "The horizon %g is negative.", horizon);
	if (!isfinite(rate))
		fault(faults, "The discount rate is %s, not a share.", infinite_name(rate));
	else if (rate < 0)
		fault(faults, "The discount rate %g is negative.", rate);
}

/* Sorted by the frequency first: terms of the likelihood hang on it alone. */
static inline int
compare(const LifetimeCustomers *one, const LifetimeCustomers *other)
{
	if (one->frequency != other->frequency)
		return one->frequency < other->frequency ? -1 : 1;
	if (one->t != other->t)
		return one->t < other->t ? -1 : 1;
	if (one->value != other->value)
		return one->value < other->value ? -1 : 1;
	return 0;
}

static void
merge(const LifetimeCustomers *one, size_t one_used,
	  const LifetimeCustomers *other, size_t other_used, LifetimeCustomers *to)
{
	const LifetimeCustomers *one_end = one + one_used;
	const LifetimeCustomers *other_end = other + other_used;

	while (one < one_end && other < other_end)
		*to++ = compare(one, other) <= 0 ? *one++ : *other++;
	memcpy(to, one, (size_t) (one_end - one) * sizeof(*one));
	to += one_end - one;
	memcpy(to, other, (size_t) (other_end - other) * sizeof(*other));
}

#define RUN 8					/* sorted by insertion */

/*
 * Merge sort.  The result stands in what it gives back: customers or scratch.
 */
static LifetimeCustomers *
sort(const Memory *memory, LifetimeCustomers *customers, size_t used,
	 LifetimeCustomers *scratch)
{
	LifetimeCustomers *from = customers;
	LifetimeCustomers *to = scratch;
	size_t		start;
	size_t		width;

	for (start = 0; start < used; start += RUN)
	{
		size_t		end = used - start < RUN ? used : start + RUN;
		size_t		i;

		for (i = start + 1; i < end; i++)
		{
			LifetimeCustomers moved = from[i];
			size_t		j = i;

			for (; j > start && compare(&moved, &from[j - 1]) < 0; j--)
				from[j] = from[j - 1];
			from[j] = moved;
		}
	}
	for (width = RUN; width < used; width *= 2)
	{
		LifetimeCustomers *swap = from;

		for (start = 0; start < used; start += 2 * width)
		{
			size_t		left = used - start < width ? used - start : width;
			size_t		right = used - start - left < width ? used - start - left : width;

			if (width >= 4096 && !memory->may_go_on(memory->arg))
				return NULL;
			merge(from + start, left, from + start + left, right, to + start);
		}
		from = to;
		to = swap;
	}
	return from;
}

/*
 * Equal neighbors become one.  Counts that no longer fit stay behind full, so
 * that the list depends on nothing but the customers in it.
 */
static size_t
unite(LifetimeCustomers *customers, size_t used)
{
	size_t		last = 0;
	size_t		i;

	if (used == 0)
		return 0;
	for (i = 1; i < used; i++)
	{
		uint64_t	count = (uint64_t) customers[last].count + customers[i].count;

		if (compare(&customers[last], &customers[i]) != 0)
			customers[++last] = customers[i];
		else if (count <= UINT32_MAX)
			customers[last].count = (uint32_t) count;
		else
		{
			customers[last].count = UINT32_MAX;
			customers[++last] = customers[i];
			customers[last].count = (uint32_t) (count - UINT32_MAX);
		}
	}
	return last + 1;
}

bool
lifetime_compact(const Memory *memory, LifetimeCustomers *customers,
				 size_t sorted, size_t *used)
{
	size_t		tail = *used - sorted;
	LifetimeCustomers *scratch;
	LifetimeCustomers *tail_sorted;

	if (tail == 0)
		return true;
	scratch = memory_array(memory, *used, sizeof(LifetimeCustomers));
	if (scratch == NULL)
		return false;
	tail_sorted = sort(memory, customers + sorted, tail, scratch);
	if (tail_sorted == NULL)
	{
		memory_release(memory, scratch);
		return false;
	}
	if (sorted > 0)
	{
		if (tail_sorted == scratch)
			memcpy(customers + sorted, scratch, tail * sizeof(LifetimeCustomers));
		merge(customers, sorted, customers + sorted, tail, scratch);
		tail_sorted = scratch;
	}
	if (tail_sorted == scratch)
		memcpy(customers, scratch, *used * sizeof(LifetimeCustomers));
	memory_release(memory, scratch);
	*used = unite(customers, *used);
	return true;
}

/* The fewest digits that give the same bits back */
static int
write_number(char *text, size_t size, double number)
{
	int			digits;
	int			length = 0;

	for (digits = 15; digits <= 17; digits++)
	{
		length = snprintf(text, size, "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	return length;
}

/* The facts as numbers, in the order of their names; NaN when not known */
static void
facts_of(const LifetimeFit *fit, double *facts)
{
	facts[0] = fit->log_likelihood;
	facts[1] = fit->customers >= 0 ? (double) fit->customers : NAN;
	facts[2] = fit->iterations >= 0 ? (double) fit->iterations : NAN;
	facts[3] = fit->gradient;
}

void
lifetime_write_text(const LifetimeFit *fit, char *text)
{
	int			parameters = lifetime_parameter_count(fit->model);
	char	   *end = text + LIFETIME_TEXT;
	char		number[32];
	double		facts[FACTS];
	int			i;

	text += snprintf(text, (size_t) (end - text), "version=%d", FORMAT_VERSION);
	for (i = 0; i < parameters; i++)
	{
		write_number(number, sizeof(number), fit->value[i]);
		text += snprintf(text, (size_t) (end - text), " %s=%s",
						 lifetime_parameter_name(fit->model, i), number);
	}
	for (i = 0; i < parameters; i++)
	{
		if (isnan(fit->standard_error[i]))
			continue;
		write_number(number, sizeof(number), fit->standard_error[i]);
		text += snprintf(text, (size_t) (end - text), " se_%s=%s",
						 lifetime_parameter_name(fit->model, i), number);
	}
	facts_of(fit, facts);
	for (i = 0; i < FACTS; i++)
	{
		if (isnan(facts[i]))
			continue;
		write_number(number, sizeof(number), facts[i]);
		text += snprintf(text, (size_t) (end - text), " %s=%s", fact_names[i], number);
	}
}

/*
 * Sees to it that a fit read from outside is one: parameters positive, errors
 * not negative, counts whole.  given tells which of its numbers (parameters,
 * errors, facts) were there, all others being NaN.
 */
static bool
take_fit(LifetimeModel model, const double *numbers, const bool *given,
		 LifetimeFit *fit, LifetimeFaults *faults)
{
	const double *facts = numbers + 2 * LIFETIME_PARAMETERS;
	int			i;

	fit->model = model;
	for (i = 0; i < LIFETIME_PARAMETERS; i++)
	{
		const char *name = lifetime_parameter_name(model, i);

		fit->value[i] = numbers[i];
		fit->standard_error[i] = numbers[LIFETIME_PARAMETERS + i];
		if (i >= lifetime_parameter_count(model))
			continue;
		if (!given[i])
			fault(faults, "The parameter %s is missing.", name);
		else if (!(fit->value[i] > 0 && isfinite(fit->value[i])))
			fault(faults, "The parameter %s is %g, not a positive number.", name, fit->value[i]);
		if (given[LIFETIME_PARAMETERS + i] &&
			!(fit->standard_error[i] >= 0 && isfinite(fit->standard_error[i])))
			fault(faults, "The standard error of %s is %g, neither 0 nor a positive number.",
				  name, fit->standard_error[i]);
	}

	fit->log_likelihood = facts[0];
	fit->customers = -1;
	fit->iterations = -1;
	fit->gradient = facts[3];
	given += 2 * LIFETIME_PARAMETERS;
	if (given[0] && !isfinite(facts[0]))
		fault(faults, "The log_likelihood is %g, not a finite number.", facts[0]);
	if (given[1])
	{
		/* Whole numbers up to here are numbers of their own in a double. */
		if (facts[1] >= 1 && facts[1] <= 0x1p53 && facts[1] == floor(facts[1]))
			fit->customers = (int64_t) facts[1];
		else
			fault(faults, "The number of customers is %g, not a whole number from 1 up.", facts[1]);
	}
	if (given[2])
	{
		if (facts[2] >= 0 && facts[2] <= INT32_MAX && facts[2] == floor(facts[2]))
			fit->iterations = (int32_t) facts[2];
		else
			fault(faults, "The number of iterations is %g, not a whole number from 0 up.", facts[2]);
	}
	if (given[3] && !(facts[3] >= 0 && isfinite(facts[3])))
		fault(faults, "The gradient is %g, neither 0 nor a positive number.", facts[3]);
	return sound(faults);
}

/* The place among a fit's numbers of a name of some length, or -1 */
static int
number_place(LifetimeModel model, const char *name, size_t length)
{
	bool		error = length > 3 && memcmp(name, "se_", 3) == 0;
	int			i;

	for (i = 0; i < FACTS; i++)
		if (strlen(fact_names[i]) == length && memcmp(fact_names[i], name, length) == 0)
			return 2 * LIFETIME_PARAMETERS + i;
	if (error)
	{
		name += 3;
		length -= 3;
	}
	for (i = 0; i < lifetime_parameter_count(model); i++)
	{
		const char *candidate = lifetime_parameter_name(model, i);

		if (strlen(candidate) == length && memcmp(candidate, name, length) == 0)
			return (error ? LIFETIME_PARAMETERS : 0) + i;
	}
	return -1;
}

#define NUMBERS (2 * LIFETIME_PARAMETERS + FACTS)
#define SEPARATORS " \t\r\n,"
/* As much of what the user typed as a fault shows */
#define SHOWN(length) ((length) < 40 ? (int) (length) : 40)

bool
lifetime_read_text(LifetimeModel model, const char *text,
				   LifetimeFit *fit, LifetimeFaults *faults)
{
	double		numbers[NUMBERS];
	bool		given[NUMBERS] = {false};
	bool		version = false;
	int			i;

	for (i = 0; i < NUMBERS; i++)
		numbers[i] = NAN;
	for (text += strspn(text, SEPARATORS); *text != '\0'; text += strspn(text, SEPARATORS))
	{
		size_t		length = strcspn(text, SEPARATORS);
		size_t		name = strcspn(text, "=" SEPARATORS);
		char	   *end;
		double		number;
		int			place;

		if (text[name] != '=')
		{
			fault(faults, "\"%.*s\" is not of the form name=number.", SHOWN(length), text);
			text += length;
			continue;
		}
		/* A NaN would pass for what is not known, so it is no number here. */
		number = strtod(text + name + 1, &end);
		if (length == name + 1 || end != text + length || isnan(number))
		{
			fault(faults, "\"%.*s\" is not of the form name=number.", SHOWN(length), text);
			text += length;
			continue;
		}
		place = number_place(model, text, name);
		if (name == 7 && memcmp(text, "version", name) == 0)
		{
			if (number != FORMAT_VERSION)
				fault(faults, "The version of the format is %g; %d is known.", number, FORMAT_VERSION);
			if (version)
				fault(faults, "The version stands there twice.");
			version = true;
		}
		else if (place < 0)
			fault(faults, "There is no \"%.*s\" in a fit of this kind.", SHOWN(name), text);
		else if (given[place])
			fault(faults, "\"%.*s\" stands there twice.", SHOWN(name), text);
		else
		{
			given[place] = true;
			numbers[place] = number;
		}
		text += length;
	}
	return take_fit(model, numbers, given, fit, faults);
}

size_t
lifetime_write_bytes(const LifetimeFit *fit, unsigned char *bytes)
{
	int			parameters = lifetime_parameter_count(fit->model);
	unsigned char *at = bytes;
	double		facts[FACTS];
	int			i;

	*at++ = FORMAT_VERSION;
	*at++ = (unsigned char) parameters;
	for (i = 0; i < parameters; i++)
		at = wire_write_double(at, fit->value[i]);
	for (i = 0; i < parameters; i++)
		at = wire_write_double(at, isnan(fit->standard_error[i]) ? NAN : fit->standard_error[i]);
	facts_of(fit, facts);
	for (i = 0; i < FACTS; i++)
		at = wire_write_double(at, isnan(facts[i]) ? NAN : facts[i]);
	return (size_t) (at - bytes);
}

bool
lifetime_read_bytes(LifetimeModel model, const void *bytes, size_t size,
					LifetimeFit *fit, LifetimeFaults *faults)
{
	int			parameters = lifetime_parameter_count(model);
	WireReader	reader;
	double		numbers[NUMBERS];
	bool		given[NUMBERS];
	uint8_t		version;
	uint8_t		width;
	int			i;

	wire_reader_start(&reader, bytes, size);
	version = wire_read_u8(&reader);
	width = wire_read_u8(&reader);
	if (reader.failed)
		fault(faults, "The value is too short.");
	else if (version != FORMAT_VERSION)
		fault(faults, "The version of the format is %d; %d is known.", version, FORMAT_VERSION);
	else if (width != parameters)
		fault(faults, "The value has %d parameters, not %d.", width, parameters);
	if (!sound(faults))
		return false;

	for (i = 0; i < NUMBERS; i++)
		numbers[i] = NAN;
	for (i = 0; i < parameters; i++)
		numbers[i] = wire_read_double(&reader);
	for (i = 0; i < parameters; i++)
		numbers[LIFETIME_PARAMETERS + i] = wire_read_double(&reader);
	for (i = 0; i < FACTS; i++)
		numbers[2 * LIFETIME_PARAMETERS + i] = wire_read_double(&reader);
	if (!wire_reader_done(&reader))
		fault(faults, "The value has %zu bytes, not %d.", size,
			  2 + 8 * (2 * parameters + FACTS));
	if (!sound(faults))
		return false;
	for (i = 0; i < NUMBERS; i++)
		given[i] = !isnan(numbers[i]);
	return take_fit(model, numbers, given, fit, faults);
}

unsigned char *
lifetime_write_state(LifetimeModel model, const LifetimeCustomers *customers,
					 size_t used, unsigned char *bytes)
{
	size_t		i;

	*bytes++ = FORMAT_VERSION;
	*bytes++ = (unsigned char) model;
	bytes = wire_write_varint(bytes, used);
	for (i = 0; i < used; i++)
	{
		bytes = wire_write_varint(bytes, customers[i].frequency);
		bytes = wire_write_varint(bytes, customers[i].count);
		bytes = wire_write_double(bytes, customers[i].value);
		if (model == LIFETIME_BGNBD)
			bytes = wire_write_double(bytes, customers[i].t);
	}
	return bytes;
}

bool
lifetime_read_state(const Memory *memory, const void *bytes, size_t size,
					LifetimeModel *model, LifetimeCustomers **customers,
					size_t *used, LifetimeFaults *faults)
{
	WireReader	reader;
	uint8_t		version;
	uint8_t		kind;
	uint64_t	count;
	size_t		least;
	size_t		i;

	*customers = NULL;
	wire_reader_start(&reader, bytes, size);
	version = wire_read_u8(&reader);
	kind = wire_read_u8(&reader);
	count = wire_read_varint(&reader);
	least = kind == LIFETIME_BGNBD ? 18 : 10;
	if (reader.failed)
		fault(faults, "The value is too short.");
	else if (version != FORMAT_VERSION)
		fault(faults, "The version of the format is %d; %d is known.", version, FORMAT_VERSION);
	else if (kind != LIFETIME_BGNBD && kind != LIFETIME_GAMMA_GAMMA)
		fault(faults, "The kind of state %d is not known.", kind);
	else if (count > wire_left(&reader) / least)
		fault(faults, "The value is too short.");
	if (!sound(faults))
		return false;

	*model = (LifetimeModel) kind;
	*used = (size_t) count;
	*customers = memory_array(memory, *used > 0 ? *used : 1, sizeof(LifetimeCustomers));
	if (*customers == NULL)
	{
		fault(faults, "There is no memory for %zu customers.", *used);
		return false;
	}
	for (i = 0; i < *used; i++)
	{
		LifetimeCustomers *to = *customers + i;
		uint64_t	frequency = wire_read_varint(&reader);
		uint64_t	same = wire_read_varint(&reader);

		/* Adding 0 turns the other zero, -0, into it. */
		to->value = wire_read_double(&reader) + 0.0;
		to->t = *model == LIFETIME_BGNBD ? wire_read_double(&reader) + 0.0 : 0;
		lifetime_check_frequency((double) frequency, faults);
		if (*model == LIFETIME_BGNBD)
			lifetime_check_times((double) frequency, to->value, to->t, faults);
		else
			lifetime_check_monetary((double) frequency, to->value, faults);
		if (*model == LIFETIME_GAMMA_GAMMA && frequency == 0)
			fault(faults, "The frequency is 0.");
		if (same < 1 || same > UINT32_MAX)
			fault(faults, "The number of customers is 0 or above %u.", UINT32_MAX);
		if ((i & 4095) == 4095 && !memory->may_go_on(memory->arg))
			fault(faults, "Reading was stopped.");
		if (reader.failed || !sound(faults))
			break;
		to->frequency = (uint32_t) frequency;
		to->count = (uint32_t) same;
	}
	if (sound(faults) && !wire_reader_done(&reader))
		fault(faults, "The value does not end where it should.");
	if (!sound(faults))
	{
		memory_release(memory, *customers);
		*customers = NULL;
		return false;
	}
	return true;
}
