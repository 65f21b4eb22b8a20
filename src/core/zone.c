/*-------------------------------------------------------------------------
 *
 * zone.c
 *	  Local days, weekdays and hours of instants.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>

#include "core/zone.h"

void
zone_start(Zone *zone, zone_find find, void *arg)
{
	zone->find = find;
	zone->arg = arg;
	zone->count = 0;
	zone->next = 0;
	zone->current.offset = 0;
	zone->current.from = find == NULL ? INT64_MIN : INT64_MAX;
	zone->current.until = find == NULL ? INT64_MAX : INT64_MIN;
}

void
zone_seek(Zone *zone, int64_t at)
{
	int			i;

	if (zone->find == NULL)		/* at the very end of time */
		return;
	for (i = 0; i < zone->count; i++)
	{
		if (at >= zone->spans[i].from && at < zone->spans[i].until)
		{
			zone->current = zone->spans[i];
			return;
		}
	}

	zone->find(zone->arg, at, &zone->current);
	zone->spans[zone->next] = zone->current;
	zone->next = (zone->next + 1) % ZONE_SPANS;
	if (zone->count < ZONE_SPANS)
		zone->count++;
}

int64_t
zone_day_start(Zone *zone, int64_t day)
{
	int64_t		midnight = day * ZONE_DAY;
	int64_t		at;

	/* No offset is as long as a day. */
	zone_seek(zone, midnight - ZONE_DAY);
	for (;;)
	{
		at = midnight - zone->current.offset;
		if (at < zone->current.until)
			return at < zone->current.from ? zone->current.from : at;
		zone_seek(zone, zone->current.until);
	}
}
