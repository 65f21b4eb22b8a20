/*-------------------------------------------------------------------------
 *
 * query.c
 *	  Running a query that the caller gave as text, row by row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parse_relation.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "pg/query.h"

/* Rows fetched at a time: few enough to stay in cache. */
#define QUERY_BATCH 1000

/* An error where the plan, of one statement, reads a temporary table. */
static void
refuse_temporary(SPIPlanPtr plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
	ListCell   *cell;

	foreach(cell, source->query_list)
		if (isQueryUsingTempRelation(lfirst_node(Query, cell)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("a query that is stored must not use temporary tables or views")));
}

static int64
run(const char *query, bool is_lasting, query_row row, void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext batch;
	SPIPlanPtr	plan;
	Portal		portal;
	int64		rows = 0;
	int			result;

	batch = AllocSetContextCreate(caller, "promo query batch",
								  ALLOCSET_DEFAULT_SIZES);

	if ((result = SPI_connect()) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed: %s", SPI_result_code_string(result));

	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (!SPI_is_cursor_plan(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query must be one statement that returns rows"),
				 errdetail("The query is \"%s\".", query)));

	if (is_lasting)
		refuse_temporary(plan);

	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);

	MemoryContextSwitchTo(caller);
	row(arg, portal->tupDesc, NULL);

	for (;;)
	{
		SPITupleTable *table;
		uint64		count;
		uint64		i;

		SPI_cursor_fetch(portal, true, QUERY_BATCH);
		table = SPI_tuptable;
		count = SPI_processed;
		if (count == 0)
			break;

		MemoryContextSwitchTo(batch);
		for (i = 0; i < count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			row(arg, table->tupdesc, table->vals[i]);
		}
		MemoryContextReset(batch);
		SPI_freetuptable(table);
		rows += count;
	}

	SPI_cursor_close(portal);
	SPI_finish();
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(batch);
	return rows;
}

int64
query_run(const char *query, query_row row, void *arg)
{
	return run(query, false, row, arg);
}

int64
query_run_lasting(const char *query, query_row row, void *arg)
{
	return run(query, true, row, arg);
}
