/*-------------------------------------------------------------------------
 *
 * pg_write.h
 *	  Writing a built recommender into the extension's tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RECOMMEND_WRITE_H
#define PROMO_RECOMMEND_WRITE_H

#include "pg/progress.h"
#include "recommend/recommend.h"

/*
 * Writes all pieces of the version, and gives their bytes and those of the
 * catalog.  Customers that promo does not know yet are given numbers.  SPI is
 * connected, and the owner of the tables is in charge.
 */
extern void recommender_write(const Memory *memory, const RecommendModel *model,
							  int64 since, int64 recommender, int32 version,
							  Progress *progress, int64 *bytes, int64 *catalog_bytes);

/* What writing takes at most beside the model, in bytes */
extern uint64 recommender_write_need(const RecommendModel *model);

#endif							/* PROMO_RECOMMEND_WRITE_H */
