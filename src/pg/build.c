/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Writing jsonb, key by key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core/time.h"
#include "pg/build.h"

static void
push_key(JsonBuild *build, const char *key)
{
	JsonbValue	value;

	if (key == NULL)
		return;
	value.type = jbvString;
	value.val.string.val = (char *) key;
	value.val.string.len = (int) strlen(key);
	(void) pushJsonbValue(&build->state, WJB_KEY, &value);
}

static void
push_value(JsonBuild *build, const char *key, JsonbValue *value)
{
	push_key(build, key);
	(void) pushJsonbValue(&build->state, key == NULL ? WJB_ELEM : WJB_VALUE, value);
}

void
build_start(JsonBuild *build)
{
	build->state = NULL;
	(void) pushJsonbValue(&build->state, WJB_BEGIN_OBJECT, NULL);
}

Jsonb *
build_end(JsonBuild *build)
{
	return JsonbValueToJsonb(pushJsonbValue(&build->state, WJB_END_OBJECT, NULL));
}

void
build_open_object(JsonBuild *build, const char *key)
{
	push_key(build, key);
	(void) pushJsonbValue(&build->state, WJB_BEGIN_OBJECT, NULL);
}

void
build_close_object(JsonBuild *build)
{
	(void) pushJsonbValue(&build->state, WJB_END_OBJECT, NULL);
}

void
build_open_array(JsonBuild *build, const char *key)
{
	push_key(build, key);
	(void) pushJsonbValue(&build->state, WJB_BEGIN_ARRAY, NULL);
}

void
build_close_array(JsonBuild *build)
{
	(void) pushJsonbValue(&build->state, WJB_END_ARRAY, NULL);
}

void
build_null(JsonBuild *build, const char *key)
{
	JsonbValue	value;

	value.type = jbvNull;
	push_value(build, key, &value);
}

void
build_text(JsonBuild *build, const char *key, const char *text)
{
	JsonbValue	value;

	if (text == NULL)
	{
		build_null(build, key);
		return;
	}
	value.type = jbvString;
	value.val.string.val = (char *) text;
	value.val.string.len = (int) strlen(text);
	push_value(build, key, &value);
}

void
build_int(JsonBuild *build, const char *key, int64 number)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall1(int8_numeric, Int64GetDatum(number)));
	push_value(build, key, &value);
}

void
build_decimal(JsonBuild *build, const char *key, const Decimal *number)
{
	JsonbValue	value;
	char		text[DECIMAL_TEXT];

	(void) decimal_write(text, number);
	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
															ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	push_value(build, key, &value);
}

void
build_numeric(JsonBuild *build, const char *key, Numeric number)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = number;
	push_value(build, key, &value);
}

void
build_jsonb(JsonBuild *build, const char *key, const Jsonb *json)
{
	JsonbValue	value;

	value.type = jbvBinary;
	value.val.binary.data = (JsonbContainer *) &json->root;
	value.val.binary.len = VARSIZE_ANY_EXHDR(json);
	push_value(build, key, &value);
}

void
build_instant(JsonBuild *build, const char *key, int64 at)
{
	char		text[TIME_TEXT];

	(void) time_write(text, at);
	/* It is not copied before the end. */
	build_text(build, key, pstrdup(text));
}
