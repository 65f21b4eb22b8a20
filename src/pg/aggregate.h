/*-------------------------------------------------------------------------
 *
 * aggregate.h
 *	  States of aggregates that are bytea: changed in place, yet fit to be
 *	  stored, sent to parallel workers and made up by callers.
 *
 * A state's content begins with its kind, and its text form is that of bytea,
 * so that it crosses machines of one byte order.  Since it may come from a
 * caller who made it up, whoever reads the content checks it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_AGGREGATE_H
#define PROMO_AGGREGATE_H

#include "fmgr.h"

/*
 * Content of a new state, aligned to 8 bytes, in the current memory context;
 * an error of what is gathered, such as "metrics", where it would pass
 * promo.build_memory.
 */
extern void *aggregate_new(uint32 kind, Size size, const char *what);

/* The state of a content, as the function of an aggregate gives it back */
extern Datum aggregate_datum(void *content);

/*
 * Content of a state that was handed in, of *size bytes: in place where it
 * lies as it was made, else copied.  An error where its kind is another.
 */
extern void *aggregate_content(Datum datum, uint32 kind, Size *size);

/* The error of a content that cannot be one */
extern void aggregate_is_invalid(void) pg_attribute_noreturn();

/* An error outside an aggregate, whose own state alone may be changed in place */
extern void aggregate_check(FunctionCallInfo fcinfo);

/* A float8 argument that must be a finite number; what names it */
extern double aggregate_finite(FunctionCallInfo fcinfo, int argument, const char *what);

#endif							/* PROMO_AGGREGATE_H */
