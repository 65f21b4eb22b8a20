/*-------------------------------------------------------------------------
 *
 * pg_given.h
 *	  The customers that a query gives, as a relation for statements of ours.
 *
 * A query of one column, the ids of customers, or of two, the second being
 * the stratum of each, is sorted, so that each customer comes once, and kept in
 * a tuplestore; both go to temporary files beyond work_mem.  Under the name
 * "given" (customer text, stratum text) statements then join it like a table,
 * a million rows at a time, without a temporary table:
 *
 *		given_start(&given, false);
 *		query_run(query, given_row, &given);
 *		given_register(&given);			as the owner of our tables
 *		given_number(NULL, 0, NULL, NULL);
 *		... statements ...
 *		given_end(&given);
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_GIVEN_H
#define PROMO_GIVEN_H

#include "executor/tuptable.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

#include "pg/query.h"

typedef struct Given
{
	MemoryContext context;
	bool		with_strata;	/* of two columns */
	TupleDesc	desc;
	FmgrInfo	output[2];
	TupleTableSlot *incoming;	/* a row on its way to the sort */
	TupleTableSlot *slot;		/* and from there */
	Tuplesortstate *sort;
	Tuplestorestate *store;		/* once it is registered */
	int64		customers;
} Given;

extern void given_start(Given *given, bool with_strata);

/* The query_row that takes a row; arg is the Given. */
extern void given_row(void *arg, TupleDesc desc, HeapTuple tuple);

/*
 * Names it "given" in the current SPI connection.  An error where a customer
 * has several strata.
 */
extern void given_register(Given *given);

/*
 * Gives the customers among it that are new to promo a number: all, or those
 * for whom a condition on g.customer holds, with its parameters.
 */
extern void given_number(const char *condition, int count, const Oid *types,
						 const Datum *values);

extern void given_end(Given *given);

#endif							/* PROMO_GIVEN_H */
