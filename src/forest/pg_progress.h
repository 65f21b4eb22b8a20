/*-------------------------------------------------------------------------
 *
 * pg_progress.h
 *	  How far a training is, for all who may see what the session does.
 *
 * It stands as a comment in front of the statement in pg_stat_activity, where
 * the view training_progress reads it.  That needs no shared memory of our
 * own, is seen while the transaction runs, and is gone with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_PROGRESS_H
#define PROMO_PG_PROGRESS_H

typedef struct Progress
{
	char	   *model;
	const char *statement;		/* as it was */
	TimestampTz last;			/* report */
	char		phase[16];
} Progress;

extern void progress_start(Progress *progress, const text *model);

/* total < 0: not known.  Cheap enough for any loop. */
extern void progress_report(Progress *progress, const char *phase, int64 done, int64 total);
extern void progress_end(Progress *progress);

#endif							/* PROMO_PG_PROGRESS_H */
