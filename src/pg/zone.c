/*-------------------------------------------------------------------------
 *
 * zone.c
 *	  The server's time zones, as plain C takes them; intervals that are a
 *	  length of time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/zone.h"

/* Seconds from 1970, where the server's zones count from, to 2000 */
#define ZONE_EPOCH ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (pg_time_t) SECS_PER_DAY)

/* Spans are looked for from here on; what lies before is cut off. */
#define ZONE_LOOKBACK (400 * (pg_time_t) SECS_PER_DAY)

PG_FUNCTION_INFO_V1(promo_timestamp_refused);

/* A zone by its rules */
typedef struct KeptZone
{
	pg_tz	   *tz;				/* key */
	Zone		zone;
} KeptZone;

/* A zone_find; arg is a pg_tz, which the server keeps while the backend lives. */
static void
server_zone_find(void *arg, int64_t at, ZoneSpan *span)
{
	const pg_tz *tz = (const pg_tz *) arg;
	pg_time_t	wanted = zone_second(at) + ZONE_EPOCH;
	pg_time_t	from = wanted - ZONE_LOOKBACK;
	pg_time_t	boundary;
	long int	offset;
	long int	offset_after;
	int			summer;
	int			summer_after;
	int			found;

	for (;;)
	{
		found = pg_next_dst_boundary(&from, &offset, &summer, &boundary,
									 &offset_after, &summer_after, tz);
		if (found < 0)
			elog(ERROR, "could not determine the offset of a time zone");
		if (found == 0 || boundary > wanted)
			break;
		from = boundary;
	}
	span->offset = offset * ZONE_SECOND;
	span->from = (from - ZONE_EPOCH) * ZONE_SECOND;
	span->until = found == 0 ? INT64_MAX : (boundary - ZONE_EPOCH) * ZONE_SECOND;
}

/* NULL where there is none of the name */
static pg_tz *
find_zone(const char *name)
{
	pg_tz	   *tz = strlen(name) > TZ_STRLEN_MAX ? NULL : pg_tzset(name);

	return tz != NULL && pg_tz_acceptable(tz) ? tz : NULL;
}

bool
pg_zone_is_known(const char *name)
{
	return find_zone(name) != NULL;
}

static void
start_zone(Zone *zone, pg_tz *tz)
{
	long int	offset;

	if (pg_get_timezone_offset(tz, &offset) && offset == 0)
		zone_start(zone, NULL, NULL);
	else
		zone_start(zone, server_zone_find, tz);
}

Zone *
pg_zone_kept(const char *name)
{
	static HTAB *zones = NULL;
	pg_tz	   *tz = find_zone(name);
	KeptZone   *kept;
	bool		found;

	if (tz == NULL)
		return NULL;
	if (zones == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(pg_tz *);
		control.entrysize = sizeof(KeptZone);
		zones = hash_create("promo time zones", 16, &control, HASH_ELEM | HASH_BLOBS);
	}
	kept = hash_search(zones, &tz, HASH_ENTER, &found);
	if (!found)
		start_zone(&kept->zone, tz);
	return &kept->zone;
}

void
pg_zone_start(Zone *zone, const text *name)
{
	char	   *wanted = text_to_cstring(name);
	pg_tz	   *tz = find_zone(wanted);

	if (tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", wanted),
				 errhint("The names are in the view pg_timezone_names.")));
	pfree(wanted);
	start_zone(zone, tz);
}

int64
pg_interval_length(const Interval *interval, const char *name)
{
	int64		length;

	if (interval->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not hold months or years", name),
				 errdetail("Their length is not fixed.")));
	if (pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &length) ||
		pg_add_s64_overflow(length, interval->time, &length))
		ereport(ERROR,
				(errcode(ERRCODE_INTERVAL_FIELD_OVERFLOW),
				 errmsg("%s is out of range", name)));
	if (length <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be positive", name)));
	return length;
}

/*
 * What is declared for arguments of type timestamp and date beside a function
 * that takes timestamptz, so that the session's time zone never decides.
 */
Datum
promo_timestamp_refused(PG_FUNCTION_ARGS)
{
	char	   *function = get_func_name(fcinfo->flinfo->fn_oid);
	bool		is_date = false;
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		is_date = is_date || get_fn_expr_argtype(fcinfo->flinfo, i) == DATEOID;

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("promo.%s needs timestamp with time zone, not %s", function,
					is_date ? "date" : "timestamp without time zone"),
			 is_date ?
			 errhint("Say where the day begins, as in day::timestamp AT TIME ZONE 'Europe/Berlin'.") :
			 errhint("Say where the clock hangs, as in moment AT TIME ZONE 'Europe/Berlin'.")));
	PG_RETURN_NULL();
}
