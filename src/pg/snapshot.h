/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  Telling snapshots apart, for what is looked up once for each.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_SNAPSHOT_H
#define PROMO_SNAPSHOT_H

/* A snapshot, as far as it tells what is visible */
typedef struct SnapshotMark
{
	MemoryContext context;
	TransactionId xmin;
	TransactionId xmax;
	CommandId	command;
	SubTransactionId subtransaction;
	bool		overflowed;
	bool		in_recovery;
	uint32		count;			/* of xip, then of subxip */
	uint32		sub_count;
	uint32		room;
	TransactionId *running;
} SnapshotMark;

/* True, and the mark set anew, when the active snapshot is another one. */
extern bool snapshot_changed(SnapshotMark *mark);

#endif							/* PROMO_SNAPSHOT_H */
