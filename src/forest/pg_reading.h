/*-------------------------------------------------------------------------
 *
 * pg_reading.h
 *	  A query's rows on their way to a training.
 *
 * The query runs once, as the caller and under the caller's search_path, into
 * a collection whose rows go to a temporary file beyond work_mem:
 *
 *		query ─ reading_run ─▶ Collection (memory, file) ─ learn_data ─▶ ForestData
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_READING_H
#define PROMO_PG_READING_H

#include "access/tupdesc.h"

#include "forest/pg_learn.h"
#include "pg/progress.h"
#include "pg/tempfile.h"

typedef struct Reading
{
	/* Given by who reads */
	MemoryContext context;		/* in which all of it lives */
	char	   *target;			/* name of the column */
	Progress   *progress;
	void	   *arg;

	/*
	 * Looks at the columns before the first row: reads the options into
	 * `options`, and adds columns that are no features to `others`, where the
	 * target is already.
	 */
	void		(*columns) (struct Reading *reading, TupleDesc desc);

	/* Sees a row that was taken in; or NULL. */
	void		(*row) (struct Reading *reading, const Datum *values, const bool *nulls);

	/* Filled in */
	TrainingOptions options;
	List	   *others;
	bool		is_regression;
	Intake		intake;

	/* Of pg_reading.c alone */
	int			target_column;
	Datum	   *values;
	bool	   *nulls;
	TempFile	temp;
	CollectFile file;
} Reading;

/* Reads the query; an error where it gives no row to learn from. */
extern void reading_run(Reading *reading, const char *query);

/* Lets go of the file, when the data is no longer needed. */
extern void reading_end(Reading *reading);

/* The column of that name, or an error that says what it was wanted for */
extern int	reading_column(TupleDesc desc, const char *name, const char *purpose);

#endif							/* PROMO_PG_READING_H */
