/*-------------------------------------------------------------------------
 *
 * stored.h
 *	  A query that is kept in a table, and run again by others.
 *
 * Whoever refreshes a segment or a recommender runs a text that somebody else
 * wrote.  So it is kept together with who wrote it and the search_path it was
 * written under, in three columns,
 *
 *		owner regrole, query text, search_path text
 *
 * and runs as REFRESH MATERIALIZED VIEW does: as its owner, under that path,
 * in a security-restricted operation, so that it can do nothing that its owner
 * could not, nor leave anything behind that would later run as the session's
 * user.  The owner is always the caller that stored_query_note has noted, and
 * never an argument.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_STORED_H
#define PROMO_STORED_H

#include "pg/query.h"

typedef struct StoredQuery
{
	Oid			owner;
	char	   *query;
	char	   *search_path;	/* as a setting, without temporary tables */
} StoredQuery;

/*
 * The search_path of the session as a setting that means the same in others:
 * without schemas that are not there, and without temporary tables.
 */
extern char *stored_search_path(void);

/* Notes the caller and his search_path with the query, which it copies. */
extern void stored_query_note(StoredQuery *stored, const text *query);

/*
 * Runs the query as its owner, and calls row for each row, also as its owner
 * and in the restricted operation.  It sees what was committed before, even
 * by transactions that the calling statement waited for.  Gives the number of
 * rows.  An error where the owner is no role any more, where the query uses
 * temporary tables, and where query_run would raise one.
 */
extern int64 stored_query_run(const StoredQuery *stored, query_row row, void *arg);

#endif							/* PROMO_STORED_H */
