/*-------------------------------------------------------------------------
 *
 * pg_model.h
 *	  From rows that were read to a model.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_MODEL_H
#define PROMO_PG_MODEL_H

#include "recommend/content.h"
#include "recommend/pg_gather.h"
#include "recommend/pg_options.h"

/* What a model is made of, and what is made; all in the one context */
typedef struct ModelWork
{
	MemoryContext context;
	Memory		memory;
	const BuildOptions *options;
	Progress   *progress;		/* NULL: nobody wants to know */
	Gathering	ids;
	GatheredQuery rows;			/* which go when they have been used; */
	GatheredQuery events;		/* where there is an event_query */
	Content    *content;		/* where there is a content_query */

	/*
	 * Where the content is of items under names of its own, which ids have
	 * these numbers; then it stays.  NULL: it is of the ids, and goes.
	 */
	const uint32 *content_items;
	uint32		n_content_items;
	int64		n_rows;

	Matrix		matrix;
	Matrix		event_matrix;
	Matrix		capped;
	NeighborLists content_lists;
	RecommendModel model;
	uint64		held;			/* bytes that stay, with those rows.held told of */
	int			workers;		/* beside the session */
} ModelWork;

/* For gather_row(): the rows of the query, and of the event query */
extern void model_gather_start(GatheredQuery *rows, Gathering *ids,
							   const RecommendOptions *options);
extern void model_gather_events_start(GatheredQuery *rows, Gathering *ids);

/* An error where the rows are none that the options can do with */
extern void model_check_rows(const GatheredQuery *rows, const RecommendOptions *options);

/* Makes the matrices and the model, in the context, which is current. */
extern void model_make(ModelWork *work);

#endif							/* PROMO_PG_MODEL_H */
