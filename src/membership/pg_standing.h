/*-------------------------------------------------------------------------
 *
 * pg_standing.h
 *	  Members' tiers in the tables.
 *
 * All of this runs within SPI, in the memory context of the caller, and where
 * it writes under the lock of the member's row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_STANDING_H
#define PROMO_PG_STANDING_H

#include "datatype/timestamp.h"

#include "membership/pg_tiers.h"
#include "membership/standing.h"

/* What a definition says of tiers; names and rules lie in memory of their own. */
typedef struct TierProgram
{
	int64		program_id;
	TierList	list;
	StandingRules rules;
	Zone		zone;
} TierProgram;

typedef struct TierMember
{
	TierProgram *program;
	int64		customer_id;
	Memory		memory;
	StandingBook book;
	TimestampTz seen_at;		/* latest event counted; DT_NOBEGIN for none */
	bool		merged;			/* others were, into the customer */
	bool		as_caller;
	TimestampTz opened_since;	/* of the period in the table */
} TierMember;

/* A period as it is written: its columns after those of the key */
enum
{
	PERIOD_BEGINS_AT, PERIOD_CAUSE, PERIOD_TIER, PERIOD_EARNED, PERIOD_EARNED_UNTIL, PERIOD_FLOOR,
	PERIOD_FLOOR_UNTIL, PERIOD_FIGURES, PERIOD_JUDGED_ON,
	PERIOD_NUMBER, PERIOD_COLUMNS
};

/*
 * The program, kept until another is asked for, or it is defined anew.  As the
 * caller sees it, for what only reads, or as it is now.
 */
extern TierProgram *tier_program(int64 program_id, bool as_caller);

/*
 * The member as of now, with what was posted until an instant (DT_NOEND for
 * all); false where there is none, or none any more.
 */
extern bool tier_member_open(TierMember *member, int64 program_id, int64 customer_id, TimestampTz until,
							 bool as_caller);

/* Writes the changes, for the reason given with one that was by hand. */
extern void tier_member_write(TierMember *member, const char *reason);

/*
 * The columns of a period that a change begins, for who writes many at once.
 * It has the number of the change, one of the entries', or a new one.
 */
extern void tier_change_values(const TierMember *member, const StandingChange *change, Datum *values,
							   bool *nulls);

#endif							/* PROMO_PG_STANDING_H */
