/*-------------------------------------------------------------------------
 *
 * pg_timeline.h
 *	  Timelines as arguments of functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_TIMELINE_H
#define PROMO_PG_TIMELINE_H

#include "behavior/timeline.h"

/*
 * Opens a timeline argument, which may be toasted, for reading.  After the
 * walk, pg_timeline_done raises an error if the bytes were not a timeline.
 */
extern void pg_timeline_read(TimelineReader *reader, Datum value);
extern void pg_timeline_done(const TimelineReader *reader);

#endif							/* PROMO_PG_TIMELINE_H */
