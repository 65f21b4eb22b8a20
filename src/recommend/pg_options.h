/*-------------------------------------------------------------------------
 *
 * pg_options.h
 *	  The options of build_recommender, evaluate_recommender and the others
 *	  that build.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RECOMMEND_OPTIONS_H
#define PROMO_RECOMMEND_OPTIONS_H

#include "pg/json.h"
#include "recommend/recommend.h"

/* The most workers that one may ask for */
#define BUILD_MAX_WORKERS 64

typedef struct BuildOptions
{
	RecommendOptions recommend;
	char	   *event_query;	/* NULL: none */
	char	   *content_query;
	int64		recent;			/* microseconds before the newest row */
	int			workers;		/* -1: as the server's settings allow */
} BuildOptions;

/*
 * Reads the options of the object that the reader stands on, noting faults;
 * the caller closes the reader, and raises.
 */
extern void build_options_read(JsonReader *reader, BuildOptions *options);

/* Reads all of it, or raises "invalid options of <what>". */
extern void build_options(const Jsonb *json, const char *what, BuildOptions *options);

#endif							/* PROMO_RECOMMEND_OPTIONS_H */
