/*-------------------------------------------------------------------------
 *
 * audit.c
 *	  The ledger of points replayed: books that are right, and each way in
 *	  which one is not.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "membership/audit.h"

#define DAY INT64_C(86400000000)

typedef struct Told
{
	int			count;
	AuditFault	first;
} Told;

static void
note(void *arg, const AuditFault *fault)
{
	Told	   *told = arg;

	if (told->count++ == 0)
		told->first = *fault;
}

static Told
audit(const AuditBook *book)
{
	Told		told = {0};

	CHECK(audit_book(&memory_plain, book, note, &told) == AUDIT_DONE);
	return told;
}

/*
 * With debt allowed, 50 are earned, 80 taken, and 100 earned, which pay the
 * 30 owed first; of the 70 left, 20 are held and 15 of them captured.
 */
static AuditEntry entries[] = {
	{.entry_id = 1,.customer = 7,.kind = AUDIT_EARN,.points = 50,.amount = 5000,.at = 1 * DAY,.active_until = AUDIT_NONE},
	{.entry_id = 2,.customer = 7,.kind = AUDIT_ADJUST,.points = -80,.at = 2 * DAY,.active_until = AUDIT_NONE},
	{.entry_id = 3,.customer = 7,.kind = AUDIT_EARN,.points = 100,.amount = 300,.at = 3 * DAY,.active_until = AUDIT_NONE},
	{.entry_id = 4,.customer = 7,.kind = AUDIT_HOLD,.due = 20,.at = 4 * DAY,.active_until = AUDIT_NONE},
	{.entry_id = 5,.customer = 7,.kind = AUDIT_RELEASE,.of_id = 4,.at = 5 * DAY,.active_until = AUDIT_NONE},
	{.entry_id = 6,.customer = 7,.kind = AUDIT_REDEEM,.points = -15,.of_id = 4,.at = 5 * DAY,.active_until = AUDIT_NONE},
	{.entry_id = 7,.customer = 7,.kind = AUDIT_RETURN,.points = -33,.amount = 100,.of_id = 3,.due = 33,.at = 6 * DAY,.active_until = AUDIT_NONE},
	{.entry_id = 8,.customer = 7,.kind = AUDIT_EXPIRE,.points = -22,.of_id = 3,.at = 9 * DAY,.active_until = AUDIT_NONE},
	{.entry_id = 9,.customer = 7,.kind = AUDIT_UNDO,.points = 15,.of_id = 6,.due = 15,.at = 10 * DAY,.active_until = AUDIT_NONE},
};

static AuditLot lots[] = {
	{.lot_id = 1,.entry_id = 1,.customer = 7,.points = 50,.remaining = 0,.available_at = 1 * DAY,.expires_at = AUDIT_NEVER},
	{.lot_id = 3,.entry_id = 3,.customer = 7,.points = 100,.remaining = 0,.available_at = 3 * DAY,.expires_at = 9 * DAY},
	{.lot_id = 9,.entry_id = 9,.customer = 7,.points = 15,.remaining = 15,.available_at = 10 * DAY,.expires_at = 40 * DAY},
};

static AuditAllocation allocations[] = {
	{2, 1, 50}, {3, 3, 30}, {4, 3, 20}, {5, 3, -20}, {6, 3, 15}, {7, 3, 33}, {8, 3, 22},
};

static AuditMember members[] = {
	{.customer = 7,.points = 15,.held = 0,.deficit = 0,.inactive_at = AUDIT_NONE},
};

static AuditBook book = {entries, 9, lots, 3, allocations, 7, members, 1};

static void
test_right(void)
{
	AuditBook	empty = {0};

	CHECK(audit(&book).count == 0);
	CHECK(audit(&empty).count == 0);
}

/* Changes one number, and finds a fault that is told so. */
static void
change(int64_t *number, const char *what)
{
	int64_t		before = *number;
	Told		told;

	*number += 1;
	told = audit(&book);
	CHECK(told.count > 0);
	if (what != NULL)
		CHECK(told.count > 0 && strcmp(told.first.what, what) == 0);
	*number = before;
}

static void
test_wrong(void)
{
	size_t		i;

	for (i = 0; i < sizeof(allocations) / sizeof(allocations[0]); i++)
		change(&allocations[i].points, NULL);
	change(&members[0].points, "points of the member");
	change(&members[0].held, "points held of the member");
	change(&members[0].deficit, "points that the member owes");
	change(&members[0].inactive_at, "instant of the member's inactivity");
	change(&lots[0].remaining, "points left of the lot");
	change(&lots[0].points, "points of the lots opened");
	change(&lots[1].expires_at, "instant at which the lot expires");
	change(&lots[2].points, "points that live on");
	change(&lots[0].customer, "owner of the lot");
	change(&entries[6].due, "points due for the return");
	change(&entries[6].lapsed, "points of the order that had expired");
	change(&entries[7].points, "points that expire");
	change(&entries[8].lapsed, NULL);
	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
	{
		change(&entries[i].points, NULL);
		change(&entries[i].customer, "member of the entry");
		if (entries[i].of_id != 0)
			change(&entries[i].of_id, NULL);
	}
	CHECK(audit(&book).count == 0);
}

/* A redemption of more than there is, and one of who owes points */
static void
test_short(void)
{
	AuditEntry	two[] = {entries[0],
	{.entry_id = 2,.customer = 7,.kind = AUDIT_REDEEM,.points = -51,.at = 2 * DAY,.active_until = AUDIT_NONE}};
	AuditLot	lot = lots[0];
	AuditAllocation allocation = {2, 1, 50};
	AuditMember member = {.customer = 7,.points = -1,.inactive_at = AUDIT_NONE};
	AuditBook	shorter = {two, 2, &lot, 1, &allocation, 1, &member, 1};
	Told		told = audit(&shorter);

	CHECK(told.count > 0 && strcmp(told.first.what, "points that were available") == 0);
	two[1].kind = AUDIT_ADJUST;
	member.deficit = 1;
	CHECK(audit(&shorter).count == 0);
}

/* Points that move with activity expire when it ended, and not before */
static void
test_inactive(void)
{
	AuditEntry	three[] = {
		{.entry_id = 1,.customer = 7,.kind = AUDIT_EARN,.points = 10,.at = 1 * DAY,.active_until = 31 * DAY},
		{.entry_id = 2,.customer = 7,.kind = AUDIT_REDEEM,.points = -4,.at = 20 * DAY,.active_until = 50 * DAY},
		{.entry_id = 3,.customer = 7,.kind = AUDIT_EXPIRE,.points = -6,.of_id = 1,.at = 50 * DAY,.active_until = AUDIT_NONE}};
	AuditLot	lot = {.lot_id = 1,.entry_id = 1,.customer = 7,.points = 10,.available_at = 1 * DAY,.expires_at = AUDIT_NEVER,.moves = true};
	AuditAllocation two[] = {{2, 1, 4}, {3, 1, 6}};
	AuditMember member = {.customer = 7,.inactive_at = 50 * DAY};
	AuditBook	idle = {three, 3, &lot, 1, two, 2, &member, 1};
	Told		told;

	CHECK(audit(&idle).count == 0);
	three[2].at = 49 * DAY;
	told = audit(&idle);
	CHECK(told.count == 1 && strcmp(told.first.what, "instant at which the lot expires") == 0 &&
		  told.first.expected == 50 * DAY);
}

/* The lots of a customer who is merged go on as the other's, and pay what that one owes. */
static void
test_merge(void)
{
	AuditEntry	four[] = {
		{.entry_id = 1,.customer = 7,.kind = AUDIT_EARN,.points = 50,.at = 1 * DAY,.active_until = AUDIT_NONE},
		{.entry_id = 2,.customer = 8,.kind = AUDIT_ADJUST,.points = -20,.at = 2 * DAY,.active_until = AUDIT_NONE},
		{.entry_id = 3,.customer = 7,.kind = AUDIT_MERGE,.points = -50,.at = 3 * DAY,.active_until = AUDIT_NONE},
		{.entry_id = 4,.customer = 8,.kind = AUDIT_MERGE,.points = 50,.of_id = 3,.at = 3 * DAY,.active_until = AUDIT_NONE}};
	AuditLot	lot = {.lot_id = 1,.entry_id = 1,.customer = 8,.points = 50,.remaining = 30,.available_at = 1 * DAY,.expires_at = AUDIT_NEVER};
	AuditAllocation one = {4, 1, 20};
	AuditMember two[] = {{.customer = 7,.inactive_at = AUDIT_NONE}, {.customer = 8,.points = 30,.inactive_at = AUDIT_NONE}};
	AuditBook	merged = {four, 4, &lot, 1, &one, 1, two, 2};

	CHECK(audit(&merged).count == 0);
	lot.customer = 7;
	CHECK(audit(&merged).count == 1);
	lot.customer = 8;
	four[3].points = 49;
	CHECK(audit(&merged).count > 0);
}

int
main(void)
{
	test_right();
	test_wrong();
	test_short();
	test_inactive();
	test_merge();
	return check_report();
}
