/*-------------------------------------------------------------------------
 *
 * pg_options.h
 *	  The options of a training, as jsonb.
 *
 * All that train a model read their options here, so that one key means one
 * thing everywhere: the aggregate random_forest, train(), cross_validate() and
 * tune().  Who asks decides which keys there are.  All faults are told at once.
 *
 * A key of one algorithm is read where that algorithm is, and refused with
 * the others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_OPTIONS_H
#define PROMO_PG_OPTIONS_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "forest/forest.h"
#include "pg/json.h"

typedef enum OptionsUse
{
	OPTIONS_AGGREGATE,			/* random_forest: it is the algorithm */
	OPTIONS_TRAIN,
	OPTIONS_FOLDS				/* cross_validate and tune, which hold out
								 * rows themselves */
} OptionsUse;

typedef struct TrainingOptions
{
	ForestOptions forest;		/* without class weights and positive class,
								 * which learn_classes fills in */
	List	   *exclude;		/* C strings */
	char	   *positive;		/* NULL: not given */
	bool		balanced;
	List	   *weighted;		/* names of classes, */
	double	   *weights;		/* and their weights in that order */
	char	   *row_weights;	/* column of the query; NULL: all rows count alike */
	bool		skip_null_target;
	bool		allow_target_copy;
	double		holdout;		/* share of the rows; 0: none */
	int			workers;		/* at most; -1: as the server's settings say */
} TrainingOptions;

/*
 * options_read(json, use, what, desc, others, is_regression, options)
 *
 * Reads the options, NULL like an empty object, and holds them against the
 * target and the columns.  `others` lists columns that are no features, as
 * the target is.  desc is NULL where columns were looked at before.  Faults
 * are one error, of invalid "options of <what>".
 */
extern void options_read(const Jsonb *json, OptionsUse use, const char *what,
						 TupleDesc desc, const List *others, bool is_regression,
						 TrainingOptions *options);

/* The same, but notes the faults for whoever raises them. */
extern void options_collect(const Jsonb *json, OptionsUse use, JsonFaults *faults,
							TupleDesc desc, const List *others, bool is_regression,
							TrainingOptions *options);

/* Whether a column is no feature: listed in others, or excluded */
extern bool options_leave_out(const TrainingOptions *options, const List *others,
							  const char *column);

/* The name of an algorithm, as the option and forest_info have it */
extern const char *options_algorithm_name(ForestAlgorithm algorithm);

#endif							/* PROMO_PG_OPTIONS_H */
