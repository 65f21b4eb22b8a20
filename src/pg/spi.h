/*-------------------------------------------------------------------------
 *
 * spi.h
 *	  SPI calls whose failures are errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_SPI_H
#define PROMO_SPI_H

#include "executor/spi.h"

static inline void
spi_check(int result, const char *what)
{
	if (result < 0)
		elog(ERROR, "%s failed: %s", what, SPI_result_code_string(result));
}

/*
 * Runs one statement of our own that writes.  What it gave is in SPI_tuptable
 * and SPI_processed, which is returned.
 */
static inline uint64
spi_run(const char *statement, int count, const Oid *types, const Datum *values,
		const char *nulls)
{
	spi_check(SPI_execute_with_args(statement, count, (Oid *) types, (Datum *) values,
									nulls, false, 0), "SPI_execute_with_args");
	return SPI_processed;
}

/* Makes a plan, where there is none, and keeps it for the session. */
static inline void
spi_keep(SPIPlanPtr *plan, const char *statement, int count, const Oid *types)
{
	SPIPlanPtr	prepared;

	if (*plan != NULL)
		return;
	prepared = SPI_prepare(statement, count, (Oid *) types);
	if (prepared == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	spi_check(SPI_keepplan(prepared), "SPI_keepplan");
	*plan = prepared;
}

/*
 * The same with a plan that is made at the first call and kept for the session,
 * for what is called often.
 */
static inline uint64
spi_run_kept(SPIPlanPtr *plan, const char *statement, int count, const Oid *types,
			 const Datum *values, const char *nulls)
{
	spi_keep(plan, statement, count, types);
	spi_check(SPI_execute_plan(*plan, (Datum *) values, nulls, false, 0), "SPI_execute_plan");
	return SPI_processed;
}

/* The same for a statement that only reads, and sees what its caller does. */
static inline uint64
spi_read_kept(SPIPlanPtr *plan, const char *statement, int count, const Oid *types,
			  const Datum *values, const char *nulls)
{
	spi_keep(plan, statement, count, types);
	spi_check(SPI_execute_plan(*plan, (Datum *) values, nulls, true, 0), "SPI_execute_plan");
	return SPI_processed;
}

#endif							/* PROMO_SPI_H */
