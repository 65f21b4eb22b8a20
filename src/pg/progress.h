/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  How far long work is, for all who may see what the session does.
 *
 * It stands as a comment in front of the statement in pg_stat_activity, where
 * views such as training_progress read it.  That needs no shared memory of our
 * own, is seen while the transaction runs, and is gone with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PROGRESS_H
#define PROMO_PROGRESS_H

#include "datatype/timestamp.h"

#include "core/memory.h"

typedef struct Progress
{
	const char *work;			/* the function */
	char	   *name;			/* of what it makes */
	const char *statement;		/* as it was */
	TimestampTz last;			/* report */
	char		phase[16];
} Progress;

extern void progress_start(Progress *progress, const char *work, const text *name);

/* total < 0: not known.  Cheap enough for any loop. */
extern void progress_report(Progress *progress, const char *phase, int64 done, int64 total);
extern void progress_end(Progress *progress);

/*
 * The handlers of plain C that say how far it is: it asks may_go_on() for each
 * thing that it has done.
 */
typedef struct ProgressMemory
{
	Memory		memory;			/* to be handed on; points here */
	Memory		plain;
	Progress   *progress;		/* NULL: nobody wants to know */
	const char *phase;
	int64		done;
	int64		total;
	const volatile uint32_t *taken; /* by all processes; NULL: by this one */
} ProgressMemory;

extern void progress_memory_start(ProgressMemory *watched, const Memory *plain,
								  Progress *progress, const char *phase, int64 total);

#endif							/* PROMO_PROGRESS_H */
