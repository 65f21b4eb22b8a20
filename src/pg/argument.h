/*-------------------------------------------------------------------------
 *
 * argument.h
 *	  Arguments of functions that are not strict, by the names that they have
 *	  in SQL, since messages tell them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_ARGUMENT_H
#define PROMO_PG_ARGUMENT_H

#include "fmgr.h"
#include "utils/jsonb.h"

/* An error where the argument is NULL */
extern void argument_needed(FunctionCallInfo fcinfo, int number, const char *name);

/* A copy of a text; an error where it is NULL or empty */
extern text *argument_text(FunctionCallInfo fcinfo, int number, const char *name);

/* The same as a string */
extern char *argument_string(FunctionCallInfo fcinfo, int number, const char *name);

/* An error where it is NULL */
extern Jsonb *argument_jsonb(FunctionCallInfo fcinfo, int number, const char *name);

#endif							/* PROMO_PG_ARGUMENT_H */
