/*-------------------------------------------------------------------------
 *
 * pg_learn.h
 *	  From rows of SQL to a trained model.
 *
 * Two steps, shared by all that train: an Intake takes rows into a
 * Collection, and learn_...() turns the columns of one into a model.
 *
 *	learn_data		the collection's columns; of these a caller may take a part
 *	learn_classes	what the options say of the classes of the rows at hand
 *	learn_examine	once: the mistakes that make a model useless
 *	learn_model		the training
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_LEARN_H
#define PROMO_PG_LEARN_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

#include "forest/collect.h"
#include "forest/pg_field.h"
#include "forest/pg_options.h"

/* Rows on their way into a collection; all of it lives in the context. */
typedef struct Intake
{
	MemoryContext context;
	Memory		memory;
	Field		target;
	Collection *collection;		/* NULL before intake_columns */
	int		   *attributes;		/* of each feature */
	Field	   *fields;			/* of each feature */
} Intake;

/* Starts with the target's type; an error where it is none to learn. */
extern void intake_start(Intake *intake, MemoryContext context, Oid target_type);

/*
 * Makes features of the columns, all but those that are excluded or among
 * others (names, as C strings).  An error that lists all that are of a type
 * that cannot be learned from.
 */
extern void intake_columns(Intake *intake, TupleDesc desc,
						   const TrainingOptions *options, const List *others);

/* Finds the features in rows of another layout. */
extern void intake_match(Intake *intake, TupleDesc desc);

/*
 * Takes a row in, by the columns' values.  False where its weight is 0, or the
 * target is NULL and the options say to leave such rows out; else that is an error, as are
 * targets that are not finite and more rows than promo.build_memory holds.
 */
extern bool intake_row(Intake *intake, const TrainingOptions *options,
					   const Datum *values, const bool *nulls,
					   Datum target, bool target_null);

/* An error with the need and the setting where promo.build_memory is less. */
extern void learn_check_memory(uint64 need, int64 rows, const char *what);

/* An error where there is no room for more rows in any forest */
extern void learn_check_rows(int64 rows);

/*
 * The collection's table, as learn_examine and learn_model take it.
 */
extern void learn_data(const Memory *memory, const Collection *collection,
					   ForestData *data);

/*
 * Looks for the mistakes that make a model look good and be useless: an error
 * for the target among the features and for texts that are ids, a warning for
 * numbers that look like ids.
 */
extern void learn_examine(const Memory *memory, const ForestData *data,
						  const TrainingOptions *options);

/*
 * Fills in what the options say of classes, which are known now: weights and
 * the positive class.  Faults are raised as by options_read.
 */
extern void learn_classes(const ForestData *data, const TrainingOptions *options,
						  const char *what, ForestOptions *forest);

/*
 * The same, but notes the faults; faults NULL leaves out what is said of
 * classes that the rows do not have, as a fold's may not.
 */
extern void learn_classes_noting(const ForestData *data, const TrainingOptions *options,
								 JsonFaults *faults, ForestOptions *forest);

/*
 * learn_model(memory, data, options, held, room, &size)
 *
 * Trains, with options that learn_classes has filled in.  Gives one allocation
 * with `room` free bytes and the model of *size bytes behind them.  `held` is
 * what the caller holds in memory already, for the error when that and the
 * training together need more than promo.build_memory.  Errors are raised in
 * words for the user.
 */
extern char *learn_model(const Memory *memory, const ForestData *data,
						 const ForestOptions *options, uint64 held, Size room,
						 Size *size);

#endif							/* PROMO_PG_LEARN_H */
