/*-------------------------------------------------------------------------
 *
 * query.h
 *	  Running a query that the caller gave as text, row by row.
 *
 * The query runs with the caller's rights and search_path, read only, under
 * the snapshot of the calling statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_QUERY_H
#define PROMO_QUERY_H

#include "access/htup.h"
#include "access/tupdesc.h"

/*
 * Called once before the first row with tuple NULL, to look at the columns,
 * and then for each row, in a context that is reset after some rows: what
 * must stay is copied to a context of the callback's own.
 */
typedef void (*query_row) (void *arg, TupleDesc desc, HeapTuple tuple);

/*
 * Runs one query that returns rows and calls row for each.  Gives the number
 * of rows.  An error when the text is empty, holds several commands or does
 * not return rows.
 */
extern int64 query_run(const char *query, query_row row, void *arg);

/*
 * The same for a query that is to be run again in other sessions, which have
 * other temporary tables: it may use none.
 */
extern int64 query_run_lasting(const char *query, query_row row, void *arg);

#endif							/* PROMO_QUERY_H */
