/*-------------------------------------------------------------------------
 *
 * pg_words.c
 *	  Texts, lists of texts, exact numbers and attributes of jsonb, as pricing
 *	  takes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "coupon/pg_words.h"

Word
word_of(const char *text)
{
	Word		word = {text, strlen(text)};

	return word;
}

char *
word_cstring(const Word *word)
{
	return pnstrdup(word->text, word->length);
}

bool
words_read_one(JsonReader *reader, const char *key, Word *target)
{
	char	   *text;

	if (!json_read_text(reader, key, &text))
		return false;
	*target = word_of(text);
	return true;
}

bool
words_read(JsonReader *reader, const char *key, WordSet *target)
{
	List	   *texts;
	ListCell   *cell;
	Word	   *words;
	int			count = 0;

	if (!json_read_texts(reader, key, &texts))
		return false;
	if (list_length(texts) > WORDS_MOST)
	{
		json_fault(reader->faults, json_path(reader, key), "must have at most %d, not %d",
				   WORDS_MOST, list_length(texts));
		return false;
	}
	words = palloc(sizeof(Word) * (list_length(texts) + 1));
	foreach(cell, texts)
		words[count++] = word_of(lfirst(cell));
	target->count = word_set_sort(words, count);
	target->word = words;
	list_free(texts);
	return true;
}

void
words_read_new(JsonReader *reader, const char *key, const WordSet **target)
{
	WordSet		set;
	WordSet    *copy;

	if (!words_read(reader, key, &set))
		return;
	copy = palloc(sizeof(WordSet));
	*copy = set;
	*target = copy;
}

bool
exact_read(JsonReader *reader, const char *key, int64 least, int64 most, int decimals, Decimal *target)
{
	Decimal		number;

	if (!json_read_exact(reader, key, least, most, &number))
		return false;
	if (number.scale > decimals)
	{
		json_fault(reader->faults, json_path(reader, key), "must have at most %d decimals", decimals);
		return false;
	}
	*target = number;
	return true;
}

void
exact_read_new(JsonReader *reader, const char *key, int64 least, int64 most, int decimals,
			   const Decimal **target)
{
	Decimal		number;
	Decimal    *copy;

	if (!exact_read(reader, key, least, most, decimals, &number))
		return;
	copy = palloc(sizeof(Decimal));
	*copy = number;
	*target = copy;
}

/* The words of a list of texts; false where it is another one. */
static bool
take_texts(JsonbContainer *array, WordSet *texts)
{
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue	value;
	Word	   *words = palloc(sizeof(Word) * (JsonContainerSize(array) + 1));
	int			count = 0;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvString)
			return false;
		words[count].text = pnstrdup(value.val.string.val, value.val.string.len);
		words[count++].length = value.val.string.len;
	}
	texts->count = word_set_sort(words, count);
	texts->word = words;
	return true;
}

bool
value_take(const JsonbValue *json, Value *value)
{
	memset(value, 0, sizeof(*value));
	switch (json->type)
	{
		case jbvString:
			value->kind = VALUE_TEXT;
			value->text.text = pnstrdup(json->val.string.val, json->val.string.len);
			value->text.length = json->val.string.len;
			return true;
		case jbvNumeric:
			{
				char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out,
																		 NumericGetDatum(json->val.numeric)));

				value->kind = VALUE_NUMBER;
				return decimal_read(digits, strlen(digits), &value->number);
			}
		case jbvBool:
			value->kind = VALUE_TRUTH;
			value->truth = json->val.boolean;
			return true;
		case jbvBinary:
			value->kind = VALUE_TEXTS;
			return JsonContainerIsArray(json->val.binary.data) &&
				JsonContainerSize(json->val.binary.data) <= WORDS_MOST &&
				take_texts(json->val.binary.data, &value->texts);
		default:
			return false;
	}
}

static int
compare_facts(const void *a, const void *b)
{
	return word_compare(&((const Fact *) a)->name, &((const Fact *) b)->name);
}

void
facts_read(JsonReader *reader, const char *key, Facts *facts)
{
	JsonReader	object;
	List	   *names;
	ListCell   *cell;
	Fact	   *list;

	if (!json_read_object(reader, key, &object))
		return;
	names = json_keys(&object);
	list = palloc(sizeof(Fact) * (list_length(names) + 1));
	facts->count = 0;
	foreach(cell, names)
	{
		char	   *name = lfirst(cell);
		JsonbValue	value;

		(void) json_has(&object, name, &value);

		/* null says that it is not known */
		if (value.type == jbvNull)
			continue;
		if (!value_take(&value, &list[facts->count].value))
			json_fault(reader->faults, json_path(&object, name),
					   "must be a string, a number of at most %d digits, true, false, or an array of strings",
					   DECIMAL_DIGITS);
		else
			list[facts->count++].name = word_of(name);
	}
	qsort(list, facts->count, sizeof(Fact), compare_facts);
	facts->fact = list;
}
