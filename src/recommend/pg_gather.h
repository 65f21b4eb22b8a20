/*-------------------------------------------------------------------------
 *
 * pg_gather.h
 *	  Reading who had what from the rows of a query.
 *
 * The first two columns are the customer and the item, of any type and name;
 * others are found by their names: weight (a number), at (timestamptz) and
 * category (of any type).
 *
 * Ids become text as the type writes them, whatever the session's settings
 * are: dates and times by ISO 8601, in UTC, numbers in full; or the same query
 * would give other ids to whoever refreshes it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RECOMMEND_GATHER_H
#define PROMO_RECOMMEND_GATHER_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "fmgr.h"

#include "pg/progress.h"
#include "recommend/matrix.h"

/* How a column becomes the text of an id */
typedef struct IdColumn
{
	Oid			type;
	const char *name;
	int			column;			/* from 1; 0: there is none */
	int			integer_size;	/* 2, 4, 8; 0: no integer */
	bool		is_text;
	bool		obeys_settings; /* the type's text depends on the session's */
	FmgrInfo	output;
} IdColumn;

/* The ids of all queries of a recommender */
typedef struct Gathering
{
	MemoryContext context;
	Memory		memory;
	Names		customers;
	Names		items;
	Progress   *progress;		/* NULL: nobody wants to know */
} Gathering;

/* One query's rows, for gather_row() */
typedef struct GatheredQuery
{
	Gathering  *ids;
	Interactions rows;
	const char *what;			/* "the query", in errors */
	bool		takes_weights;	/* else a column weight is an error, */
	const char *why_not;		/* for that reason */
	IdColumn	customer;
	IdColumn	item;
	IdColumn	category;
	int			weight_column;
	int			at_column;
	Oid			weight_type;
	uint64		held;			/* bytes of what was read before */
} GatheredQuery;

extern void gathering_start(Gathering *ids, MemoryContext context);
extern void gather_start(GatheredQuery *gather, Gathering *ids, const char *what);

/* A query_row, with a GatheredQuery; raises an error on what cannot be. */
extern void gather_row(void *gather, TupleDesc desc, HeapTuple tuple);

/* Bytes that the ids and rows hold */
extern uint64 gather_bytes(const GatheredQuery *gather);

/* An error where a build would need more than promo.build_memory */
extern void build_check_memory(uint64 need, const char *what);

/* An id of a column that is no customer's or item's, in the same way */
extern void id_column_start(IdColumn *id, TupleDesc desc, int column, MemoryContext context);
extern uint32 id_column_number(const IdColumn *id, Names *names, Datum value, const char *what);

#endif							/* PROMO_RECOMMEND_GATHER_H */
