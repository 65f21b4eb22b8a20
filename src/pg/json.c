/*-------------------------------------------------------------------------
 *
 * json.c
 *	  Reading jsonb into structs, collecting all faults with their paths.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core/time.h"
#include "pg/json.h"

/* Faults listed at most; the rest is counted. */
#define FAULTS_SHOWN 50

void
json_faults_start(JsonFaults *faults)
{
	faults->count = 0;
	faults->context = CurrentMemoryContext;
	initStringInfo(&faults->detail);
	initStringInfo(&faults->hint);
}

/* Adds a key to a list of the reader's. */
static List *
add_key(const JsonReader *reader, List *keys, const char *key)
{
	MemoryContext old = MemoryContextSwitchTo(reader->faults->context);

	keys = lappend(keys, unconstify(char *, key));
	MemoryContextSwitchTo(old);
	return keys;
}

/* Whether a line stands among the faults already */
static bool
is_told(const JsonFaults *faults, const char *line)
{
	size_t		length = strlen(line);
	const char *at;

	for (at = faults->detail.data; (at = strstr(at, line)) != NULL; at++)
		if ((at == faults->detail.data || at[-1] == '\n') &&
			(at[length] == '\0' || at[length] == '\n'))
			return true;
	return false;
}

void
json_fault(JsonFaults *faults, const char *path, const char *format,...)
{
	StringInfoData line;

	if (faults->count >= FAULTS_SHOWN)
	{
		faults->count++;
		return;
	}
	initStringInfo(&line);
	appendStringInfo(&line, "%s: ", path);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&line, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&line, needed);
	}
	appendStringInfoChar(&line, '.');
	if (!is_told(faults, line.data))
		appendStringInfo(&faults->detail, "%s%s", faults->count++ > 0 ? "\n" : "", line.data);
	pfree(line.data);
}

void
json_faults_raise(const JsonFaults *faults, const char *what)
{
	if (faults->count == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s", what),
			 faults->count > FAULTS_SHOWN ?
			 errdetail_internal("%s\nThere are %d more.", faults->detail.data,
								faults->count - FAULTS_SHOWN) :
			 errdetail_internal("%s", faults->detail.data),
			 faults->hint.len > 0 ? errhint("%s", faults->hint.data) : 0));
}

/* What a value is, in words for a fault. */
static const char *
value_words(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			if (value->val.string.len > 60)
				return "a long string";
			return psprintf("\"%.*s\"", value->val.string.len, value->val.string.val);
		case jbvNumeric:
			{
				char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out,
																		 NumericGetDatum(value->val.numeric)));

				return strlen(digits) > 60 ? "a number of many digits" : digits;
			}
		case jbvBool:
			return value->val.boolean ? "true" : "false";
		default:
			if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
				return "an array";
			return "an object";
	}
}

const char *
json_path(const JsonReader *reader, const char *key)
{
	Size		length = strlen(reader->path);
	Size		size = strlen(key) + 1;
	char	   *path;

	if (length == 0)
		return key;
	path = MemoryContextAlloc(reader->faults->context, length + 1 + size);
	memcpy(path, reader->path, length);
	path[length] = '.';
	memcpy(path + length + 1, key, size);
	return path;
}

void
json_open_container(JsonReader *reader, JsonFaults *faults, const char *path,
					JsonbContainer *object)
{
	reader->faults = faults;
	reader->path = path;
	reader->object = object;
	reader->known = NIL;
	reader->refused = NIL;
}

void
json_open(JsonReader *reader, JsonFaults *faults, const char *path, const Jsonb *json)
{
	JsonbContainer *container = json == NULL ? NULL : (JsonbContainer *) &json->root;

	if (container != NULL && !JsonContainerIsObject(container))
	{
		json_fault(faults, path[0] == '\0' ? "the whole" : path, "must be an object");
		container = NULL;
	}
	json_open_container(reader, faults, path, container);
}

const Jsonb *
json_wrapped(const char *key, const Jsonb *json)
{
	JsonbParseState *state = NULL;
	JsonbValue	name;
	JsonbValue	value;

	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		return json;
	name.type = jbvString;
	name.val.string.val = (char *) key;
	name.val.string.len = (int) strlen(key);
	value.type = jbvBinary;
	value.val.binary.data = (JsonbContainer *) &json->root;
	value.val.binary.len = VARSIZE_ANY_EXHDR(json);
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	(void) pushJsonbValue(&state, WJB_KEY, &name);
	(void) pushJsonbValue(&state, WJB_VALUE, &value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

List *
json_keys(const JsonReader *reader)
{
	List	   *keys = NIL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (reader->object == NULL)
		return NIL;
	iterator = JsonbIteratorInit(reader->object);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_KEY)
			keys = lappend(keys, pnstrdup(value.val.string.val, value.val.string.len));
	return keys;
}

static bool
is_among(const List *keys, const char *key, int length)
{
	ListCell   *cell;

	foreach(cell, keys)
		if (strncmp((char *) lfirst(cell), key, length) == 0 && ((char *) lfirst(cell))[length] == '\0')
			return true;
	return false;
}

/* Whether the key of a cell stands in the list before it */
static bool
is_before(const List *keys, const ListCell *cell)
{
	ListCell   *other;

	foreach(other, keys)
	{
		if (other == cell)
			return false;
		if (strcmp((char *) lfirst(other), (char *) lfirst(cell)) == 0)
			return true;
	}
	return false;
}

void
json_close(JsonReader *reader)
{
	bool		strange = false;
	JsonbIterator *iterator = reader->object == NULL ? NULL : JsonbIteratorInit(reader->object);
	JsonbIteratorToken token;
	JsonbValue	value;
	ListCell   *cell;

	while (iterator != NULL && (token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_KEY || is_among(reader->known, value.val.string.val, value.val.string.len) ||
			is_among(reader->refused, value.val.string.val, value.val.string.len))
			continue;
		json_fault(reader->faults, json_path(reader, pnstrdup(value.val.string.val, value.val.string.len)),
				   "is not known");
		strange = true;
	}
	if (strange && reader->faults->hint.len == 0 && reader->known != NIL)
	{
		appendStringInfoString(&reader->faults->hint, "Known are ");
		foreach(cell, reader->known)
			if (!is_before(reader->known, cell))
				appendStringInfo(&reader->faults->hint, "%s%s",
								 cell == list_head(reader->known) ? "" : ", ",
								 json_path(reader, lfirst(cell)));
		appendStringInfoChar(&reader->faults->hint, '.');
	}
	list_free(reader->known);
	list_free(reader->refused);
	reader->known = NIL;
	reader->refused = NIL;
}

bool
json_has(JsonReader *reader, const char *key, JsonbValue *value)
{
	/* Mostly it is asked for with json_need right before. */
	if (reader->known == NIL || strcmp((char *) llast(reader->known), key) != 0)
		reader->known = add_key(reader, reader->known, key);
	return reader->object != NULL &&
		getKeyJsonValueFromContainer(reader->object, key, strlen(key), value) != NULL;
}

/* A number in the range, and not NaN */
static bool
is_number_within(const JsonbValue *value, int64 least, int64 most)
{
	Datum		number;

	if (value->type != jbvNumeric || numeric_is_nan(value->val.numeric))
		return false;
	number = NumericGetDatum(value->val.numeric);
	return DatumGetBool(DirectFunctionCall2(numeric_le, number,
											DirectFunctionCall1(int8_numeric, Int64GetDatum(most)))) &&
		DatumGetBool(DirectFunctionCall2(numeric_ge, number,
										 DirectFunctionCall1(int8_numeric, Int64GetDatum(least))));
}

static bool
whole_number(const JsonbValue *value, int64 least, int64 most, int64 *target)
{
	Datum		number;
	Datum		whole;

	if (!is_number_within(value, least, most))
		return false;
	number = NumericGetDatum(value->val.numeric);
	whole = DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, number, whole)))
		return false;
	*target = DatumGetInt64(DirectFunctionCall1(numeric_int8, number));
	return true;
}

bool
json_read_int(JsonReader *reader, const char *key, int64 least, int64 most,
			  int64 *target)
{
	JsonbValue	value;

	if (!json_has(reader, key, &value))
		return false;
	if (whole_number(&value, least, most, target))
		return true;
	json_fault(reader->faults, json_path(reader, key),
			   "must be a whole number from " INT64_FORMAT " to " INT64_FORMAT ", not %s",
			   least, most, value_words(&value));
	return false;
}

bool
json_read_float(JsonReader *reader, const char *key, double least, double most,
				double *target)
{
	JsonbValue	value;

	if (!json_has(reader, key, &value))
		return false;
	if (value.type == jbvNumeric)
	{
		/* Infinity where it is too large, which is out of any range */
		double		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
																NumericGetDatum(value.val.numeric)));

		if (number >= least && number <= most)
		{
			*target = number;
			return true;
		}
	}
	json_fault(reader->faults, json_path(reader, key),
			   "must be a number from %g to %g, not %s",
			   least, most, value_words(&value));
	return false;
}

bool
json_read_bool(JsonReader *reader, const char *key, bool *target)
{
	JsonbValue	value;

	if (!json_has(reader, key, &value))
		return false;
	if (value.type == jbvBool)
	{
		*target = value.val.boolean;
		return true;
	}
	json_fault(reader->faults, json_path(reader, key), "must be true or false, not %s",
			   value_words(&value));
	return false;
}

bool
json_read_text(JsonReader *reader, const char *key, char **target)
{
	JsonbValue	value;

	if (!json_has(reader, key, &value))
		return false;
	if (value.type == jbvString && value.val.string.len > 0)
	{
		*target = pnstrdup(value.val.string.val, value.val.string.len);
		return true;
	}
	json_fault(reader->faults, json_path(reader, key), "must be a string, not %s",
			   value_words(&value));
	return false;
}

void
json_refuse(JsonReader *reader, const char *key, const char *why)
{
	JsonbValue	value;

	reader->refused = add_key(reader, reader->refused, key);
	if (reader->object != NULL &&
		getKeyJsonValueFromContainer(reader->object, key, strlen(key), &value) != NULL)
		json_fault(reader->faults, json_path(reader, key), "%s", why);
}

void
json_need(JsonReader *reader, const char *key)
{
	JsonbValue	value;

	if (!json_has(reader, key, &value))
		json_fault(reader->faults, json_path(reader, key), "is missing");
}

bool
json_read_word(JsonReader *reader, const char *key, const char *const words[], int count,
			   const char **target)
{
	StringInfoData known;
	char	   *word;
	int			i;

	if (!json_read_text(reader, key, &word))
		return false;
	for (i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
		{
			*target = words[i];
			pfree(word);
			return true;
		}
	initStringInfo(&known);
	for (i = 0; i < count; i++)
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", words[i]);
	json_fault(reader->faults, json_path(reader, key), "must be one of %s, not \"%s\"",
			   known.data, word);
	return false;
}

bool
json_read_texts(JsonReader *reader, const char *key, List **target)
{
	JsonbValue	value;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	List	   *texts = NIL;

	if (!json_has(reader, key, &value))
		return false;
	if (value.type == jbvBinary && JsonContainerIsArray(value.val.binary.data))
	{
		bool		right = true;

		iterator = JsonbIteratorInit(value.val.binary.data);
		while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		{
			if (token != WJB_ELEM)
				continue;
			if (value.type == jbvString && value.val.string.len > 0)
				texts = lappend(texts, pnstrdup(value.val.string.val, value.val.string.len));
			else
			{
				json_fault(reader->faults, json_path(reader, key),
						   "must be an array of strings, and has %s", value_words(&value));
				right = false;
			}
		}
		if (right)
			*target = texts;
		return right;
	}
	json_fault(reader->faults, json_path(reader, key), "must be an array of strings, not %s",
			   value_words(&value));
	return false;
}

bool
json_read_object(JsonReader *reader, const char *key, JsonReader *child)
{
	JsonbValue	value;

	if (!json_has(reader, key, &value))
		return false;
	if (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data))
	{
		json_open_container(child, reader->faults, json_path(reader, key), value.val.binary.data);
		return true;
	}
	json_fault(reader->faults, json_path(reader, key), "must be an object, not %s",
			   value_words(&value));
	return false;
}

bool
json_read_objects(JsonReader *reader, const char *key, List **children)
{
	JsonbValue	value;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	MemoryContext old;
	int			place = 0;

	if (!json_has(reader, key, &value))
		return false;
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
	{
		json_fault(reader->faults, json_path(reader, key), "must be an array of objects, not %s",
				   value_words(&value));
		return false;
	}
	old = MemoryContextSwitchTo(reader->faults->context);
	*children = NIL;
	iterator = JsonbIteratorInit(value.val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *path;

		if (token != WJB_ELEM)
			continue;
		path = psprintf("%s[%d]", json_path(reader, key), place++);
		if (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data))
		{
			JsonReader *child = palloc(sizeof(JsonReader));

			json_open_container(child, reader->faults, path, value.val.binary.data);
			*children = lappend(*children, child);
		}
		else
			json_fault(reader->faults, path, "must be an object, not %s", value_words(&value));
	}
	MemoryContextSwitchTo(old);
	return true;
}

bool
json_read_decimal(JsonReader *reader, const char *key, int64 least, int64 most,
				  char **target)
{
	JsonbValue	value;

	if (!json_has(reader, key, &value))
		return false;
	if (is_number_within(&value, least, most))
	{
		*target = DatumGetCString(DirectFunctionCall1(numeric_out,
													  NumericGetDatum(value.val.numeric)));
		return true;
	}
	json_fault(reader->faults, json_path(reader, key),
			   "must be a number from " INT64_FORMAT " to " INT64_FORMAT ", not %s",
			   least, most, value_words(&value));
	return false;
}

bool
json_read_exact(JsonReader *reader, const char *key, int64 least, int64 most,
				Decimal *target)
{
	JsonbValue	value;
	Decimal		number;
	Decimal		lowest = decimal_of(least, 0);
	Decimal		highest = decimal_of(most, 0);
	bool		is_number = false;

	if (!json_has(reader, key, &value))
		return false;
	if (value.type == jbvString)
		is_number = decimal_read(value.val.string.val, value.val.string.len, &number);
	else if (is_number_within(&value, least, most))
	{
		char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out,
																 NumericGetDatum(value.val.numeric)));

		is_number = decimal_read(digits, strlen(digits), &number);
		pfree(digits);
	}
	if (is_number && decimal_compare(&number, &lowest) >= 0 && decimal_compare(&number, &highest) <= 0)
	{
		*target = number;
		return true;
	}
	json_fault(reader->faults, json_path(reader, key),
			   "must be a number from " INT64_FORMAT " to " INT64_FORMAT ", or a string that holds one, not %s",
			   least, most, value_words(&value));
	return false;
}

bool
json_read_rate(JsonReader *reader, const char *key, int64 least, int64 most,
			   int decimals, Decimal *target)
{
	Decimal		number;

	if (!json_read_exact(reader, key, least, most, &number))
		return false;
	if (number.scale > decimals)
	{
		JsonbValue	value;

		(void) json_has(reader, key, &value);
		json_fault(reader->faults, json_path(reader, key),
				   "must have at most %d decimals, and is %s", decimals, value_words(&value));
		return false;
	}
	*target = number;
	return true;
}

bool
json_read_units(JsonReader *reader, const char *key, int64 least, int64 most,
				int decimals, int64 *target)
{
	Decimal		number;

	return json_read_rate(reader, key, least, most, decimals, &number) &&
		decimal_units(&number, decimals, ROUND_NONE, target);
}

bool
json_read_instant(JsonReader *reader, const char *key, int64 *target)
{
	JsonbValue	value;

	if (!json_has(reader, key, &value))
		return false;
	if (value.type == jbvString && time_read(value.val.string.val, value.val.string.len, target))
		return true;
	json_fault(reader->faults, json_path(reader, key),
			   "must be an instant as 2026-01-05T15:30:00Z, not %s", value_words(&value));
	return false;
}

bool
json_read_ints(JsonReader *reader, const char *key, int64 least, int64 most,
			   int *count, int64 **target)
{
	JsonbValue	value;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	int64	   *numbers;
	int			used = 0;

	if (!json_has(reader, key, &value))
		return false;
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
	{
		json_fault(reader->faults, json_path(reader, key), "must be an array of numbers, not %s",
				   value_words(&value));
		return false;
	}
	numbers = palloc(mul_size(sizeof(int64), JsonContainerSize(value.val.binary.data) + 1));
	iterator = JsonbIteratorInit(value.val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (!whole_number(&value, least, most, &numbers[used]))
		{
			json_fault(reader->faults, json_path(reader, key),
					   "must be an array of whole numbers from " INT64_FORMAT " to " INT64_FORMAT ", and has %s",
					   least, most, value_words(&value));
			return false;
		}
		used++;
	}
	*count = used;
	*target = numbers;
	return true;
}
