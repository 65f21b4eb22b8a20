/*-------------------------------------------------------------------------
 *
 * argument.c
 *	  Arguments of functions that are not strict.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "utils/builtins.h"

#include "pg/argument.h"

void
argument_needed(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

text *
argument_text(FunctionCallInfo fcinfo, int number, const char *name)
{
	text	   *value;

	argument_needed(fcinfo, number, name);
	value = PG_GETARG_TEXT_P_COPY(number);
	if (VARSIZE_ANY_EXHDR(value) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", name)));
	return value;
}

char *
argument_string(FunctionCallInfo fcinfo, int number, const char *name)
{
	return text_to_cstring(argument_text(fcinfo, number, name));
}

Jsonb *
argument_jsonb(FunctionCallInfo fcinfo, int number, const char *name)
{
	argument_needed(fcinfo, number, name);
	return PG_GETARG_JSONB_P(number);
}
