/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  How far long work is, for all who may see what the session does.
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

#include "pg/progress.h"

/* Milliseconds between two reports of one phase */
#define REPORT_EVERY 200

void
progress_start(Progress *progress, const char *work, const text *name)
{
	char	   *at;

	progress->work = work;
	progress->name = text_to_cstring(name);
	progress->statement = debug_query_string != NULL ? debug_query_string : "";
	progress->last = 0;
	progress->phase[0] = '\0';

	/* A name must not end the comment that it stands in. */
	for (at = progress->name; (at = strstr(at, "*/")) != NULL;)
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
	appendStringInfo(&activity, "/* promo.%s: %s " INT64_FORMAT, progress->work, phase, done);
	if (total >= 0)
		appendStringInfo(&activity, " of " INT64_FORMAT, total);
	appendStringInfo(&activity, " for %s */ %s", progress->name, progress->statement);
	report(activity.data);
	pfree(activity.data);
}

void
progress_end(Progress *progress)
{
	report(progress->statement);
	pfree(progress->name);
}

/* Things done between two looks at the clock */
#define THINGS_BETWEEN 64

static void *
watched_alloc(void *arg, size_t size)
{
	ProgressMemory *watched = arg;

	return watched->plain.alloc(watched->plain.arg, size);
}

static void
watched_release(void *arg, void *pointer)
{
	ProgressMemory *watched = arg;

	watched->plain.release(watched->plain.arg, pointer);
}

static bool
watched_may_go_on(void *arg)
{
	ProgressMemory *watched = arg;

	if (watched->progress != NULL && watched->done++ % THINGS_BETWEEN == 0)
	{
		int64		done = watched->taken != NULL ? (int64) *watched->taken : watched->done;

		progress_report(watched->progress, watched->phase,
						watched->total >= 0 ? Min(done, watched->total) : done, watched->total);
	}
	return watched->plain.may_go_on(watched->plain.arg);
}

void
progress_memory_start(ProgressMemory *watched, const Memory *plain, Progress *progress,
					  const char *phase, int64 total)
{
	watched->memory.alloc = watched_alloc;
	watched->memory.release = watched_release;
	watched->memory.may_go_on = watched_may_go_on;
	watched->memory.arg = watched;
	watched->plain = *plain;
	watched->progress = progress;
	watched->phase = phase;
	watched->done = 0;
	watched->total = total;
	watched->taken = NULL;
}
