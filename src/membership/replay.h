/*-------------------------------------------------------------------------
 *
 * replay.h
 *	  A ledger of points of one member in memory, as the tables would keep it.
 *
 * A Replay starts empty and takes one operation after the other.  It keeps what
 * the tables do: the entries, the lots that they opened, how much each entry
 * took of which lot, and the holds.  What a program decides of the ledger
 * stands in the policy; its points expire when each operation says.
 *
 * An operation is known by its kind, ref and key.  What is refused changes
 * nothing, and may be tried again.
 *
 *		earn			opens a lot; what is owed is paid of it first
 *		redeem			takes of the lots that expire first; all or an error, or
 *						where it is partial what is there
 *		debit			takes points by hand, of pending lots too; what is not
 *						there is owed where debt is allowed, and else an error
 *		hold			takes as redeem does, until captured or released, or
 *						until it times out
 *		capture			redeems the hold of the ref, or so many points of it
 *		release			gives back the hold of the ref
 *		expire			takes what is left of lots whose end has come
 *		reverse_earn	takes back the earning of the ref, or a fraction: of its
 *						own lot first; nothing for what had expired of it
 *		reverse_redeem	gives back the redemption of the ref, or a fraction, into
 *						the lots that it came from
 *		suspend, resume	the member earns and spends nothing meanwhile
 *
 * Plain C.  Instants are as in core/time.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_REPLAY_H
#define PROMO_REPLAY_H

#include "core/memory.h"

#include <stdint.h>

/* An instant that never comes */
#define REPLAY_NEVER INT64_MAX

/* A whole order or redemption, in the units of fractions */
#define REPLAY_WHOLE INT64_C(1000000)

typedef enum
{
	REPLAY_EARN, REPLAY_REDEEM, REPLAY_DEBIT, REPLAY_HOLD, REPLAY_CAPTURE, REPLAY_RELEASE, REPLAY_EXPIRE,
	REPLAY_REVERSE_EARN, REPLAY_REVERSE_REDEEM, REPLAY_SUSPEND, REPLAY_RESUME
} ReplayKind;

#define REPLAY_KINDS (REPLAY_RESUME + 1)

extern const char *const replay_kind_names[REPLAY_KINDS];

typedef struct ReplayOp
{
	ReplayKind	kind;
	const char *ref;			/* stays the caller's, as long as the Replay is */
	const char *key;			/* "" for none */
	int64_t		at;
	int64_t		points;			/* 0 for all, where there may be none */
	int64_t		fraction;		/* of REPLAY_WHOLE; 0 for the rest */
	int64_t		ends_at;		/* of points earned or held; REPLAY_NEVER */
	int64_t		available_at;	/* of points earned */
	bool		partial;
} ReplayOp;

typedef struct ReplayPolicy
{
	bool		allow_debt;
	bool		clawback_debt;	/* a return may leave points owed */
	int64_t		restore_grace_days;	/* that points live on which come back late */
} ReplayPolicy;

typedef struct ReplayEntry
{
	ReplayOp	op;
	int64_t		points;			/* what it added to the member's */
	int64_t		of;				/* place of the entry it is about, or -1 */
	int64_t		due;			/* of a hold, a return, or what is given back */
	int64_t		fraction;		/* of what it is about, the rest counted out */
	int64_t		lapsed;			/* of a return, had expired before */
	int64_t		first;			/* of its allocations */
	int64_t		count;
} ReplayEntry;

typedef struct ReplayLot
{
	int64_t		entry;			/* that opened it */
	int64_t		points;
	int64_t		left;
	int64_t		lost;			/* that expired */
	int64_t		available_at;
	int64_t		ends_at;
} ReplayLot;

/* Negative where the entry gave back */
typedef struct ReplayTake
{
	int64_t		lot;
	int64_t		points;
} ReplayTake;

typedef struct ReplayTotals
{
	int64_t		held;
	int64_t		deficit;
	int64_t		earned;
	int64_t		redeemed;		/* captured too */
	int64_t		debited;
	int64_t		expired;
	int64_t		reversed;
	int64_t		restored;
	int64_t		shortfall;		/* of returns, that nobody owes */
	int64_t		lapsed;			/* of redemptions undone too late */
	int64_t		rows[REPLAY_KINDS];
} ReplayTotals;

typedef struct Replay
{
	const Memory *memory;
	ReplayPolicy policy;
	bool		suspended;
	ReplayEntry *entries;
	int64_t		n_entries;
	int64_t		entry_space;
	ReplayLot  *lots;
	int64_t		n_lots;
	int64_t		lot_space;
	ReplayTake *takes;
	int64_t		n_takes;
	int64_t		take_space;
	int64_t    *order;			/* room for the lots of one entry */
	ReplayTotals totals;
} Replay;

typedef enum
{
	REPLAY_POSTED,
	REPLAY_REPEATED,			/* as it was posted before */
	REPLAY_NOTHING,				/* and no error: there was nothing to do */
	REPLAY_REFUSED,
	REPLAY_NO_MEMORY
} ReplayAnswer;

extern void replay_start(Replay *replay, const Memory *memory, const ReplayPolicy *policy);

extern ReplayAnswer replay_post(Replay *replay, const ReplayOp *op);

/*
 * Posts the end of holds that have timed out by an instant, as each operation
 * does first; false where there is no memory for it.
 */
extern bool replay_settle(Replay *replay, int64_t at);

/* What is left of all lots and held, less what is owed */
extern int64_t replay_balance(const Replay *replay);

/* What can be redeemed at an instant */
extern int64_t replay_available(const Replay *replay, int64_t at);

extern void replay_end(Replay *replay);

#endif							/* PROMO_REPLAY_H */
