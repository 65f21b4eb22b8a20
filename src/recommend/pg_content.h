/*-------------------------------------------------------------------------
 *
 * pg_content.h
 *	  Reading what is said of items from the rows of a query.
 *
 * The first column is the item, of any type and name.  Of the others each
 * text counts by its words, each array by its elements as tags, and each value
 * of another type as an attribute; NULL says nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_CONTENT_H
#define PROMO_PG_CONTENT_H

#include "recommend/content.h"
#include "recommend/pg_gather.h"

/* How a column is taken */
typedef struct ContentColumn
{
	bool		is_text;		/* words */
	bool		is_array;		/* tags */
	Oid			type;			/* of the column, or of the array's elements */
	int16		length;
	bool		by_value;
	char		align;
	FmgrInfo	output;
} ContentColumn;

typedef struct GatheredContent
{
	Gathering  *ids;
	Content		content;
	IdColumn	item;
	int			n_columns;
	ContentColumn *columns;		/* of all columns, the item's unused */
	uint64		rows;
	uint64		held;			/* bytes of what was read before */
} GatheredContent;

extern void gather_content_start(GatheredContent *gathered, Gathering *ids);

/* A query_row, with a GatheredContent */
extern void gather_content_row(void *gathered, TupleDesc desc, HeapTuple tuple);

#endif							/* PROMO_PG_CONTENT_H */
