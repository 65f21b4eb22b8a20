/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  Telling snapshots apart, for what is looked up once for each.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/snapshot.h"

bool
snapshot_changed(SnapshotMark *mark)
{
	Snapshot	snapshot = GetActiveSnapshot();
	SubTransactionId subtransaction = GetCurrentSubTransactionId();
	uint32		count = snapshot->xcnt;
	uint32		sub_count = (uint32) Max(snapshot->subxcnt, 0);

	if (mark->running != NULL &&
		mark->xmin == snapshot->xmin && mark->xmax == snapshot->xmax &&
		mark->command == snapshot->curcid && mark->subtransaction == subtransaction &&
		mark->overflowed == snapshot->suboverflowed &&
		mark->in_recovery == snapshot->takenDuringRecovery &&
		mark->count == count && mark->sub_count == sub_count &&
		(count == 0 ||
		 memcmp(mark->running, snapshot->xip, sizeof(TransactionId) * count) == 0) &&
		(sub_count == 0 ||
		 memcmp(mark->running + count, snapshot->subxip, sizeof(TransactionId) * sub_count) == 0))
		return false;

	if (mark->running == NULL || count + sub_count > mark->room)
	{
		uint32		room = Max(count + sub_count, 16);

		if (mark->running != NULL)
			pfree(mark->running);
		mark->running = NULL;
		mark->running = MemoryContextAlloc(mark->context, sizeof(TransactionId) * room);
		mark->room = room;
	}
	mark->xmin = snapshot->xmin;
	mark->xmax = snapshot->xmax;
	mark->command = snapshot->curcid;
	mark->subtransaction = subtransaction;
	mark->overflowed = snapshot->suboverflowed;
	mark->in_recovery = snapshot->takenDuringRecovery;
	mark->count = count;
	mark->sub_count = sub_count;
	if (count > 0)
		memcpy(mark->running, snapshot->xip, sizeof(TransactionId) * count);
	if (sub_count > 0)
		memcpy(mark->running + count, snapshot->subxip, sizeof(TransactionId) * sub_count);
	return true;
}
