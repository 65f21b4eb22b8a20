/*-------------------------------------------------------------------------
 *
 * audit.h
 *	  The ledger of points replayed, to prove what is kept beside it.
 *
 * An AuditBook holds what the tables say of one member, and of the customers
 * who were merged into that one: the entries in the order of posting, the lots
 * with the facts that were given when they were opened, which entry took how
 * much of which lot, and what the member's row says.  audit_book starts with
 * nothing, takes one entry after the other, works out by the rules alone what
 * each takes of which lot, what is held and what is owed, and tells where the
 * tables say something else.
 *
 * This is written apart from what posts, and shares nothing with it but the
 * rules, which are those of the notes in pg_terms.h and of the functions'
 * comments: that both agree is the proof.
 *
 * Plain C.  Instants are as in core/time.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_AUDIT_H
#define PROMO_AUDIT_H

#include "core/memory.h"

#include <stdint.h>

/* An instant that never comes, and one that there is not. */
#define AUDIT_NEVER INT64_MAX
#define AUDIT_NONE INT64_MIN

typedef enum
{
	AUDIT_EARN, AUDIT_REDEEM, AUDIT_ADJUST, AUDIT_EXPIRE, AUDIT_RETURN, AUDIT_UNDO, AUDIT_HOLD,
	AUDIT_RELEASE, AUDIT_SEND, AUDIT_RECEIVE, AUDIT_MERGE, AUDIT_FORFEIT, AUDIT_BENEFIT
} AuditKind;

#define AUDIT_KINDS (AUDIT_BENEFIT + 1)

/* As they are written in the table */
extern const char *const audit_kind_names[AUDIT_KINDS];

typedef struct AuditEntry
{
	int64_t		entry_id;
	int64_t		customer;
	AuditKind	kind;
	int64_t		points;
	int64_t		amount;			/* minor units */
	int64_t		at;
	int64_t		of_id;			/* 0 where it is about no other */
	int64_t		due;
	int64_t		lapsed;
	int64_t		active_until;	/* AUDIT_NONE where that does not matter */
} AuditEntry;

typedef struct AuditLot
{
	int64_t		lot_id;
	int64_t		entry_id;
	int64_t		customer;
	int64_t		points;
	int64_t		remaining;
	int64_t		available_at;
	int64_t		expires_at;		/* AUDIT_NEVER */
	bool		moves;
} AuditLot;

typedef struct AuditAllocation
{
	int64_t		entry_id;
	int64_t		lot_id;
	int64_t		points;
} AuditAllocation;

typedef struct AuditMember
{
	int64_t		customer;
	int64_t		points;
	int64_t		held;
	int64_t		deficit;
	int64_t		inactive_at;	/* AUDIT_NONE */
} AuditMember;

/* Entries by number, lots by entry and lot, allocations by entry and lot. */
typedef struct AuditBook
{
	const AuditEntry *entries;
	int64_t		n_entries;
	const AuditLot *lots;
	int64_t		n_lots;
	const AuditAllocation *allocations;
	int64_t		n_allocations;
	const AuditMember *members;
	int64_t		n_members;
} AuditBook;

typedef struct AuditFault
{
	const char *what;
	int64_t		customer;
	int64_t		entry_id;		/* 0 where it is about no entry */
	int64_t		lot_id;			/* 0 where it is about no lot */
	int64_t		expected;
	int64_t		found;
} AuditFault;

/* Called for each fault */
typedef void (*audit_tell) (void *arg, const AuditFault *fault);

typedef enum
{
	AUDIT_DONE,
	AUDIT_NO_MEMORY,
	AUDIT_STOPPED				/* memory->may_go_on said so */
} AuditStatus;

extern AuditStatus audit_book(const Memory *memory, const AuditBook *book, audit_tell tell, void *arg);

#endif							/* PROMO_AUDIT_H */
