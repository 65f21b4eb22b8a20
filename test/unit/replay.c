/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  A ledger of points in memory: random operations, after each of which what
 *	  a ledger keeps to holds; and what operations do that is easily got wrong.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "core/time.h"
#include "membership/replay.h"

#define DAY TIME_DAY
#define NAMES 12

static const char *const names[NAMES] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};

static ReplayOp
op_of(ReplayKind kind, const char *ref, int64_t day, int64_t points)
{
	ReplayOp	op = {.kind = kind,.ref = ref,.key = "",.points = points};

	op.at = op.available_at = day * DAY;
	op.ends_at = REPLAY_NEVER;
	return op;
}

/* What the entries say: points that they took of a lot, and of all */
static int64_t
taken_of(const Replay *replay, int64_t lot)
{
	int64_t		sum = 0;
	int64_t		i;

	for (i = 0; i < replay->n_takes; i++)
		if (replay->takes[i].lot == lot)
			sum += replay->takes[i].points;
	return sum;
}

static int64_t
taken_by(const Replay *replay, const ReplayEntry *entry)
{
	int64_t		sum = 0;
	int64_t		i;

	for (i = entry->first; i < entry->first + entry->count; i++)
		sum += replay->takes[i].points;
	return sum;
}

/* The six that the notes name, and that pending and late points are not taken */
static bool
keeps_to_it(const Replay *replay)
{
	const ReplayTotals *totals = &replay->totals;
	int64_t		points = 0;
	int64_t		left = 0;
	int64_t		by_kind[REPLAY_KINDS] = {0};
	bool		right = true;
	int64_t		i;

	for (i = 0; i < replay->n_entries; i++)
	{
		const ReplayEntry *entry = &replay->entries[i];

		points += entry->points;
		by_kind[entry->op.kind] += entry->points;
		/* 4: what a redemption took of lots is what it is of */
		if (entry->op.kind == REPLAY_REDEEM || entry->op.kind == REPLAY_CAPTURE || entry->op.kind == REPLAY_EXPIRE)
			right = right && taken_by(replay, entry) == -entry->points;
		if (entry->op.kind == REPLAY_HOLD)
			right = right && taken_by(replay, entry) == entry->due && entry->points == 0;
	}
	for (i = 0; i < replay->n_lots; i++)
	{
		const ReplayLot *lot = &replay->lots[i];

		left += lot->left;
		/* 3: no lot below nothing, nor above what it was */
		right = right && lot->left >= 0 && lot->left <= lot->points && lot->left == lot->points - taken_of(replay, i);
	}
	/* 1 and 2: entries, balance and lots agree */
	right = right && points == replay_balance(replay) &&
		replay_balance(replay) == left + totals->held - totals->deficit;
	/* 6: issued less redeemed, expired and reversed is the liability */
	right = right && points == by_kind[REPLAY_EARN] + by_kind[REPLAY_DEBIT] + by_kind[REPLAY_REDEEM] +
		by_kind[REPLAY_CAPTURE] + by_kind[REPLAY_REVERSE_REDEEM] + by_kind[REPLAY_EXPIRE] + by_kind[REPLAY_REVERSE_EARN];
	right = right && points == totals->earned - totals->redeemed + totals->restored - totals->debited -
		totals->expired - totals->reversed;
	return right && totals->deficit >= 0 && totals->held >= 0 && (totals->deficit == 0 || replay->policy.allow_debt);
}

static ReplayOp
random_op(Random *random, int64_t day)
{
	ReplayOp	op = op_of((ReplayKind) random_below(random, REPLAY_KINDS), names[random_below(random, NAMES)], day,
						   1 + random_below(random, 50));

	/* Most do something. */
	if (random_below(random, 3) == 0)
		op.kind = REPLAY_EARN;
	if (op.kind == REPLAY_SUSPEND && random_below(random, 4) != 0)
		op.kind = REPLAY_RESUME;
	if (op.kind == REPLAY_EARN)
	{
		if (random_below(random, 4) != 0)
			op.ends_at = (day + 1 + random_below(random, 40)) * DAY;
		if (random_below(random, 4) == 0)
			op.available_at += random_below(random, 10) * DAY;
		op.points = random_below(random, 100);
	}
	if (op.kind == REPLAY_HOLD && random_below(random, 2) == 0)
		op.ends_at = (day + 1 + random_below(random, 10)) * DAY;
	if (op.kind == REPLAY_REDEEM)
		op.partial = random_below(random, 2) == 0;
	if (op.kind == REPLAY_CAPTURE && random_below(random, 2) == 0)
		op.points = 0;
	if ((op.kind == REPLAY_REVERSE_EARN || op.kind == REPLAY_REVERSE_REDEEM) && random_below(random, 3) != 0)
		op.fraction = 1 + random_below(random, REPLAY_WHOLE);
	if (op.kind == REPLAY_REVERSE_EARN || op.kind == REPLAY_REVERSE_REDEEM || op.kind == REPLAY_SUSPEND ||
		op.kind == REPLAY_RESUME)
	{
		op.points = 0;
		op.key = names[random_below(random, NAMES)];
	}
	return op;
}

static bool
same_lots(const Replay *a, const Replay *b)
{
	return a->n_entries == b->n_entries && a->n_lots == b->n_lots && a->n_takes == b->n_takes &&
		memcmp(a->lots, b->lots, (size_t) a->n_lots * sizeof(ReplayLot)) == 0 &&
		memcmp(a->takes, b->takes, (size_t) a->n_takes * sizeof(ReplayTake)) == 0 &&
		memcmp(&a->totals, &b->totals, sizeof(a->totals)) == 0;
}

static void
test_random(void)
{
	Random		random;
	int			counts[REPLAY_NO_MEMORY + 1] = {0};
	int64_t		rows[REPLAY_KINDS] = {0};
	bool		right = true;
	bool		repeats = true;
	int			round;

	random_start(&random, 11, 0);
	for (round = 0; round < 600; round++)
	{
		ReplayPolicy policy = {round % 3 != 0, round % 3 == 2, round % 4 == 0 ? 0 : 5};
		ReplayOp	ops[60];
		Replay		replay;
		Replay		other;
		int			i;

		replay_start(&replay, &memory_plain, &policy);
		replay_start(&other, &memory_plain, &policy);
		for (i = 0; i < 60; i++)
		{
			ops[i] = random_op(&random, i / 2 + random_below(&random, 3));
			counts[replay_post(&replay, &ops[i])]++;
			right = right && keeps_to_it(&replay);
		}
		for (i = 0; i < REPLAY_KINDS; i++)
			rows[i] += replay.totals.rows[i];
		/* 5: the same again gives the same; and what is posted twice is posted once */
		for (i = 0; i < 60; i++)
		{
			int64_t		entries;

			(void) replay_post(&other, &ops[i]);
			entries = other.n_entries;
			if (ops[i].kind != REPLAY_EXPIRE && ops[i].kind != REPLAY_RELEASE)
			{
				(void) replay_post(&other, &ops[i]);
				repeats = repeats && entries == other.n_entries;
			}
		}
		right = right && same_lots(&replay, &other);
		replay_end(&replay);
		replay_end(&other);
	}
	CHECK(right);
	CHECK(repeats);
	/* All of it happened often. */
	CHECK(counts[REPLAY_POSTED] > 10000 && counts[REPLAY_REFUSED] > 2000 && counts[REPLAY_REPEATED] > 4);
	for (round = 0; round < REPLAY_SUSPEND; round++)
		CHECK(rows[round] > 50);
}

/* Without memory an operation is not there, and may be tried again. */
static int	allowed;

static void *
scarce_alloc(void *arg, size_t size)
{
	(void) arg;
	return allowed-- > 0 ? malloc(size) : NULL;
}

static void
scarce_release(void *arg, void *pointer)
{
	(void) arg;
	free(pointer);
}

static bool
go_on(void *arg)
{
	(void) arg;
	return true;
}

static void
test_memory(void)
{
	static const Memory scarce = {scarce_alloc, scarce_release, go_on, NULL};
	ReplayPolicy policy = {true, true, 5};
	Random		random;
	Replay		replay;
	Replay		other;
	bool		right = true;
	int			failures = 0;
	int			i;

	random_start(&random, 5, 0);
	replay_start(&replay, &scarce, &policy);
	replay_start(&other, &memory_plain, &policy);
	for (i = 0; i < 300; i++)
	{
		ReplayOp	op = random_op(&random, i / 2);
		int			tries;

		for (tries = 0;; tries++)
		{
			allowed = tries;
			if (replay_post(&replay, &op) != REPLAY_NO_MEMORY)
				break;
			failures++;
			right = right && keeps_to_it(&replay);
		}
		(void) replay_post(&other, &op);
	}
	CHECK(right && failures > 20);
	CHECK(same_lots(&replay, &other));
	replay_end(&replay);
	replay_end(&other);
}

/* Points that expired before they come back live on for the days of grace, and pay what is owed in their turn. */
static void
test_grace(void)
{
	ReplayPolicy policy = {true, true, 30};
	Replay		replay;
	ReplayOp	op = op_of(REPLAY_EARN, "a", 1, 100);

	replay_start(&replay, &memory_plain, &policy);
	op.ends_at = 10 * DAY;
	CHECK(replay_post(&replay, &op) == REPLAY_POSTED);
	op = op_of(REPLAY_EARN, "b", 1, 50);
	op.ends_at = 100 * DAY;
	CHECK(replay_post(&replay, &op) == REPLAY_POSTED);
	op = op_of(REPLAY_REDEEM, "r", 2, 120);
	CHECK(replay_post(&replay, &op) == REPLAY_POSTED);
	CHECK(replay.lots[0].left == 0 && replay.lots[1].left == 30);
	op = op_of(REPLAY_DEBIT, "x", 3, 40);
	CHECK(replay_post(&replay, &op) == REPLAY_POSTED);
	CHECK(replay.totals.deficit == 10 && replay_available(&replay, 3 * DAY) == 0);
	op = op_of(REPLAY_REVERSE_REDEEM, "r", 20, 0);
	CHECK(replay_post(&replay, &op) == REPLAY_POSTED);
	CHECK(replay.totals.restored == 120 && replay.totals.deficit == 0);
	CHECK(replay.n_lots == 3 && replay.lots[2].points == 100 && replay.lots[2].left == 90 &&
		  replay.lots[2].ends_at == 51 * DAY && replay.lots[1].left == 20);
	CHECK(replay_balance(&replay) == 110);
	CHECK(replay_post(&replay, &op) == REPLAY_REPEATED);
	op.key = "again";
	CHECK(replay_post(&replay, &op) == REPLAY_REFUSED);
	replay_end(&replay);
}

int
main(void)
{
	test_random();
	test_memory();
	test_grace();
	return check_report();
}
