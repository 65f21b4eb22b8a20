/*-------------------------------------------------------------------------
 *
 * zone.h
 *	  The server's time zones, as plain C takes them; intervals that are a
 *	  length of time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_ZONE_H
#define PROMO_PG_ZONE_H

#include "datatype/timestamp.h"

#include "core/zone.h"

/*
 * Starts the zone of that name, one of pg_timezone_names or a POSIX rule in
 * any case of letters.  Abbreviations are an error, since a setting decides
 * what they mean.
 */
extern void pg_zone_start(Zone *zone, const text *name);

/*
 * A zone that lasts as long as the backend, the same for each call of its
 * name; NULL where pg_zone_start would not find it.  There are no more than
 * the server keeps rules of for itself.
 */
extern Zone *pg_zone_kept(const char *name);

/* Whether pg_zone_start would find the zone. */
extern bool pg_zone_is_known(const char *name);

/*
 * The microseconds of an interval that is named in errors.  An error unless
 * it is positive and holds no months; its days have 24 hours.
 */
extern int64 pg_interval_length(const Interval *interval, const char *name);

#endif							/* PROMO_PG_ZONE_H */
