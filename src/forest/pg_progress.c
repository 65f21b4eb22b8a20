/*-------------------------------------------------------------------------
 *
 * pg_progress.c
 *	  How far a training is, for all who may see what the session does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "forest/pg_progress.h"

/* Milliseconds between two reports of one phase */
#define REPORT_EVERY 200

void
progress_start(Progress *progress, const text *model)
{
	char	   *at;

	progress->model = text_to_cstring(model);
	progress->statement = debug_query_string != NULL ? debug_query_string : "";
	progress->last = 0;
	progress->phase[0] = '\0';

	/* A name must not end the comment that it stands in. */
	for (at = progress->model; (at = strstr(at, "*/")) != NULL;)
		*at = '.';
}

/* The activity, under the identifier that the statement had */
static void
report(const char *activity)
{
	uint64		id = pgstat_get_my_query_id();

	pgstat_report_activity(STATE_RUNNING, activity);
	pgstat_report_query_id(id, true);
}

void
progress_report(Progress *progress, const char *phase, int64 done, int64 total)
{
	TimestampTz now = GetCurrentTimestamp();
	StringInfoData activity;

	if (strcmp(progress->phase, phase) == 0 &&
		!TimestampDifferenceExceeds(progress->last, now, REPORT_EVERY))
		return;
	strlcpy(progress->phase, phase, sizeof(progress->phase));
	progress->last = now;
	initStringInfo(&activity);
	appendStringInfo(&activity, "/* promo.train: %s " INT64_FORMAT, phase, done);
	if (total >= 0)
		appendStringInfo(&activity, " of " INT64_FORMAT, total);
	appendStringInfo(&activity, " for %s */ %s", progress->model, progress->statement);
	report(activity.data);
	pfree(activity.data);
}

void
progress_end(Progress *progress)
{
	report(progress->statement);
	pfree(progress->model);
}
