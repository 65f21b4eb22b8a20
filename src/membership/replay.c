/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  A ledger of points of one member in memory, as the tables would keep it.
 *
 *-------------------------------------------------------------------------
 */
#include "membership/replay.h"

#include <string.h>

#include "core/time.h"

const char *const replay_kind_names[REPLAY_KINDS] = {
	"earn", "redeem", "debit", "hold", "capture", "release", "expire", "reverse_earn", "reverse_redeem",
	"suspend", "resume"
};

void
replay_start(Replay *replay, const Memory *memory, const ReplayPolicy *policy)
{
	memset(replay, 0, sizeof(*replay));
	replay->memory = memory;
	replay->policy = *policy;
}

void
replay_end(Replay *replay)
{
	memory_release(replay->memory, replay->entries);
	memory_release(replay->memory, replay->lots);
	memory_release(replay->memory, replay->takes);
	memory_release(replay->memory, replay->order);
}

/*
 * Space.  An operation makes room for all it may add before it changes
 * anything, so that it is whole or not there.
 */

static bool
make_room(const Replay *replay, void **items, int64_t count, int64_t *space, int64_t more, size_t size)
{
	int64_t		wanted = count + more;
	void	   *larger;

	if (wanted <= *space)
		return true;
	if (wanted < 2 * *space)
		wanted = 2 * *space;
	larger = memory_grow(replay->memory, *items, (size_t) count, (size_t) wanted, size);
	if (larger == NULL)
		return false;
	*items = larger;
	*space = wanted;
	return true;
}

/* One lot for the operation; entries for it, and for each hold and lot that falls due */
static bool
make_all_room(Replay *replay)
{
	int64_t		most = 2 * (replay->n_entries + replay->n_lots) + 4;
	int64_t		had = replay->lot_space;

	if (!make_room(replay, (void **) &replay->entries, replay->n_entries, &replay->entry_space,
				   replay->totals.held > 0 ? most : replay->n_lots + 2, sizeof(ReplayEntry)) ||
		!make_room(replay, (void **) &replay->lots, replay->n_lots, &replay->lot_space, 1, sizeof(ReplayLot)) ||
		!make_room(replay, (void **) &replay->takes, replay->n_takes, &replay->take_space,
				   (replay->totals.held > 0 ? 2 * replay->n_takes : 0) + 3 * replay->n_lots + 4, sizeof(ReplayTake)))
		return false;
	if (replay->lot_space == had)
		return true;
	memory_release(replay->memory, replay->order);
	replay->order = memory_array(replay->memory, (size_t) replay->lot_space, sizeof(int64_t));
	if (replay->order == NULL)
		replay->lot_space = had;	/* so that the next one tries again */
	return replay->order != NULL;
}

/* Adds an entry, of which the takes that follow are. */
static ReplayEntry *
add_entry(Replay *replay, const ReplayOp *op, int64_t points, int64_t of)
{
	ReplayEntry *entry = &replay->entries[replay->n_entries++];

	memset(entry, 0, sizeof(*entry));
	entry->op = *op;
	entry->points = points;
	entry->of = of;
	entry->first = replay->n_takes;
	replay->totals.rows[op->kind]++;
	return entry;
}

/* Takes points of a lot for the last entry, or gives them back to it. */
static void
use(Replay *replay, int64_t lot, int64_t points)
{
	if (points == 0)
		return;
	replay->lots[lot].left -= points;
	replay->takes[replay->n_takes].lot = lot;
	replay->takes[replay->n_takes++].points = points;
	replay->entries[replay->n_entries - 1].count++;
}

/* Opens a lot of the last entry, of which what is owed is taken. */
static void
open_lot(Replay *replay, int64_t points, int64_t owed, int64_t available_at, int64_t ends_at)
{
	ReplayLot  *lot = &replay->lots[replay->n_lots++];

	lot->entry = replay->n_entries - 1;
	lot->points = lot->left = points;
	lot->lost = 0;
	lot->available_at = available_at;
	lot->ends_at = ends_at;
	use(replay, replay->n_lots - 1, owed);
	replay->totals.deficit -= owed;
}

/*
 * Looking up
 */

/* The entry of a kind, ref and key; any key where that is NULL; -1 for none */
static int64_t
find(const Replay *replay, ReplayKind kind, const char *ref, const char *key)
{
	int64_t		i;

	for (i = 0; i < replay->n_entries; i++)
	{
		const ReplayOp *op = &replay->entries[i].op;

		if (op->kind == kind && strcmp(op->ref, ref) == 0 && (key == NULL || strcmp(op->key, key) == 0))
			return i;
	}
	return -1;
}

static bool
is_same(const ReplayOp *a, const ReplayOp *b)
{
	return a->points == b->points && a->fraction == b->fraction && a->partial == b->partial &&
		(a->kind != REPLAY_EARN || (a->ends_at == b->ends_at)) &&
		(a->kind != REPLAY_HOLD || a->ends_at - a->at == b->ends_at - b->at);
}

/* Whether nothing ended the hold yet */
static bool
is_open(const Replay *replay, int64_t hold)
{
	int64_t		i;

	for (i = hold + 1; i < replay->n_entries; i++)
		if (replay->entries[i].of == hold &&
			(replay->entries[i].op.kind == REPLAY_CAPTURE || replay->entries[i].op.kind == REPLAY_RELEASE))
			return false;
	return true;
}

/* What the entries of a kind that are about one have come to: due and fraction */
static int64_t
sum_of(const Replay *replay, ReplayKind kind, int64_t of, int64_t *fraction, int64_t *lapsed)
{
	int64_t		due = 0;
	int64_t		i;

	*fraction = *lapsed = 0;
	for (i = of + 1; i < replay->n_entries; i++)
		if (replay->entries[i].op.kind == kind && replay->entries[i].of == of)
		{
			due += replay->entries[i].due;
			*fraction += replay->entries[i].fraction;
			*lapsed += replay->entries[i].lapsed;
		}
	return due;
}

/*
 * Lots
 */

int64_t
replay_balance(const Replay *replay)
{
	int64_t		sum = replay->totals.held - replay->totals.deficit;
	int64_t		i;

	for (i = 0; i < replay->n_lots; i++)
		sum += replay->lots[i].left;
	return sum;
}

static bool
is_usable(const ReplayLot *lot, int64_t at)
{
	return lot->left > 0 && lot->available_at <= at && lot->ends_at > at;
}

int64_t
replay_available(const Replay *replay, int64_t at)
{
	int64_t		sum = 0;
	int64_t		i;

	if (replay->totals.deficit > 0)
		return 0;
	for (i = 0; i < replay->n_lots; i++)
		if (is_usable(&replay->lots[i], at))
			sum += replay->lots[i].left;
	return sum;
}

/* Whether of two lots the first is spent first */
static bool
comes_before(const Replay *replay, int64_t a, int64_t b)
{
	const ReplayLot *one = &replay->lots[a];
	const ReplayLot *other = &replay->lots[b];

	if (one->ends_at != other->ends_at)
		return one->ends_at < other->ends_at;
	if (one->available_at != other->available_at)
		return one->available_at < other->available_at;
	return a < b;
}

/*
 * Takes up to so many points for the last entry: first of the lot of an entry,
 * then of those that can be used, then of pending ones where it may.
 */
static int64_t
take(Replay *replay, int64_t points, int64_t at, int64_t first_of, bool with_pending)
{
	int64_t		taken = 0;

	while (taken < points)
	{
		int64_t		next = -1;
		int			next_rank = 0;
		int64_t		part;
		int64_t		i;

		for (i = 0; i < replay->n_lots; i++)
		{
			const ReplayLot *lot = &replay->lots[i];
			int			rank = lot->entry == first_of ? 0 : lot->available_at > at ? 2 : 1;

			if (lot->left == 0 || lot->ends_at <= at || (lot->available_at > at && !with_pending))
				continue;
			if (next < 0 || rank < next_rank || (rank == next_rank && comes_before(replay, i, next)))
			{
				next = i;
				next_rank = rank;
			}
		}
		if (next < 0)
			break;
		part = replay->lots[next].left < points - taken ? replay->lots[next].left : points - taken;
		use(replay, next, part);
		taken += part;
	}
	return taken;
}

/* The takes of an entry in the order in which their lots are spent, as places among the takes */
static void
sort_takes(const Replay *replay, const ReplayEntry *entry)
{
	int64_t		i;

	for (i = 0; i < entry->count; i++)
	{
		int64_t		place = i;

		for (; place > 0 && comes_before(replay, replay->takes[entry->first + i].lot,
										 replay->takes[replay->order[place - 1]].lot); place--)
			replay->order[place] = replay->order[place - 1];
		replay->order[place] = entry->first + i;
	}
}

/*
 * Ends a hold, giving back what it took, but for what of it pays what is owed;
 * and takes what is captured, first of the lots that expire first.
 */
static void
let_go(Replay *replay, int64_t hold, const ReplayOp *op, int64_t captured)
{
	ReplayOp	release = *op;
	int64_t		due = replay->entries[hold].due;
	int64_t		pays = replay->totals.deficit < due - captured ? replay->totals.deficit : due - captured;
	int64_t		kept = captured;
	int64_t		count = replay->entries[hold].count;
	int64_t		i;

	sort_takes(replay, &replay->entries[hold]);
	release.kind = REPLAY_RELEASE;
	add_entry(replay, &release, 0, hold);
	replay->totals.held -= due;
	replay->totals.deficit -= pays;
	for (i = 0; i < count; i++)
	{
		ReplayTake	taken = replay->takes[replay->order[i]];
		int64_t		stays = taken.points < kept ? taken.points : kept;
		int64_t		paid = taken.points - stays < pays ? taken.points - stays : pays;

		kept -= stays;
		pays -= paid;
		use(replay, taken.lot, paid - taken.points);
	}
	if (captured == 0)
		return;
	replay->totals.rows[REPLAY_RELEASE]--;	/* it is one with the capture */
	add_entry(replay, op, -captured, hold);
	for (i = 0; captured > 0; i++)
	{
		ReplayTake	taken = replay->takes[replay->order[i]];
		int64_t		stays = taken.points < captured ? taken.points : captured;

		captured -= stays;
		use(replay, taken.lot, stays);
	}
}

/* The hold that times out first, up to an instant; -1 for none */
static int64_t
find_timed_out(const Replay *replay, int64_t at)
{
	int64_t		first = -1;
	int64_t		i;

	if (replay->totals.held == 0)
		return -1;
	for (i = 0; i < replay->n_entries; i++)
	{
		const ReplayEntry *hold = &replay->entries[i];

		if (hold->op.kind == REPLAY_HOLD && hold->op.ends_at <= at &&
			(first < 0 || hold->op.ends_at < replay->entries[first].op.ends_at) && is_open(replay, i))
			first = i;
	}
	return first;
}

static void
settle(Replay *replay, int64_t at)
{
	int64_t		hold;

	while ((hold = find_timed_out(replay, at)) >= 0)
	{
		ReplayOp	release = {.kind = REPLAY_RELEASE, .ref = replay->entries[hold].op.ref, .key = ""};

		release.at = replay->entries[hold].op.ends_at;
		let_go(replay, hold, &release, 0);
	}
}

bool
replay_settle(Replay *replay, int64_t at)
{
	if (!make_all_room(replay))
		return false;
	settle(replay, at);
	return true;
}

/*
 * The operations
 */

static ReplayAnswer
post_earn(Replay *replay, const ReplayOp *op)
{
	int64_t		owed;

	if (replay->suspended)
		return REPLAY_NOTHING;
	if (op->ends_at <= op->available_at)
		return REPLAY_REFUSED;
	settle(replay, op->at);
	owed = replay->totals.deficit < op->points ? replay->totals.deficit : op->points;
	add_entry(replay, op, op->points, -1);
	if (op->points > 0)
		open_lot(replay, op->points, owed, op->available_at, op->ends_at);
	replay->totals.earned += op->points;
	return REPLAY_POSTED;
}

static ReplayAnswer
post_redeem(Replay *replay, const ReplayOp *op)
{
	int64_t		hold = find(replay, REPLAY_HOLD, op->ref, NULL);
	int64_t		points;

	if (replay->suspended || find(replay, REPLAY_CAPTURE, op->ref, NULL) >= 0)
		return REPLAY_REFUSED;
	settle(replay, op->at);
	if (hold >= 0 && is_open(replay, hold))
		return REPLAY_REFUSED;
	points = replay_available(replay, op->at);
	if (points < op->points && !op->partial)
		return REPLAY_REFUSED;
	if (points > op->points)
		points = op->points;
	add_entry(replay, op, -points, -1);
	(void) take(replay, points, op->at, -1, false);
	replay->totals.redeemed += points;
	return REPLAY_POSTED;
}

static ReplayAnswer
post_debit(Replay *replay, const ReplayOp *op)
{
	settle(replay, op->at);
	if (replay_available(replay, op->at) < op->points && !replay->policy.allow_debt)
		return REPLAY_REFUSED;
	add_entry(replay, op, -op->points, -1);
	replay->totals.deficit += op->points - take(replay, op->points, op->at, -1, true);
	replay->totals.debited += op->points;
	return REPLAY_POSTED;
}

static ReplayAnswer
post_hold(Replay *replay, const ReplayOp *op)
{
	if (replay->suspended || op->ends_at <= op->at || find(replay, REPLAY_REDEEM, op->ref, NULL) >= 0)
		return REPLAY_REFUSED;
	settle(replay, op->at);
	if (replay_available(replay, op->at) < op->points)
		return REPLAY_REFUSED;
	add_entry(replay, op, 0, -1)->due = op->points;
	(void) take(replay, op->points, op->at, -1, false);
	replay->totals.held += op->points;
	return REPLAY_POSTED;
}

/* Whether it is held at the instant of the operation */
static bool
is_held(const Replay *replay, int64_t hold, int64_t at)
{
	return hold >= 0 && is_open(replay, hold) && replay->entries[hold].op.at <= at &&
		replay->entries[hold].op.ends_at > at;
}

static ReplayAnswer
post_capture(Replay *replay, const ReplayOp *op)
{
	int64_t		hold = find(replay, REPLAY_HOLD, op->ref, NULL);
	int64_t		points;

	if (replay->suspended || !is_held(replay, hold, op->at))
		return REPLAY_REFUSED;
	points = op->points > 0 ? op->points : replay->entries[hold].due;
	if (points > replay->entries[hold].due)
		return REPLAY_REFUSED;
	settle(replay, op->at);
	let_go(replay, hold, op, points);
	replay->totals.redeemed += points;
	return REPLAY_POSTED;
}

static ReplayAnswer
post_release(Replay *replay, const ReplayOp *op)
{
	int64_t		hold = find(replay, REPLAY_HOLD, op->ref, NULL);

	settle(replay, op->at);
	if (hold >= 0 && !is_open(replay, hold))
		return find(replay, REPLAY_CAPTURE, op->ref, NULL) >= 0 ? REPLAY_REFUSED : REPLAY_NOTHING;
	if (!is_held(replay, hold, op->at))
		return REPLAY_REFUSED;
	let_go(replay, hold, op, 0);
	return REPLAY_POSTED;
}

static ReplayAnswer
post_expire(Replay *replay, const ReplayOp *op)
{
	int64_t		lots = replay->n_lots;
	int64_t		i;

	settle(replay, op->at);
	for (i = 0; i < lots; i++)
	{
		int64_t		left = replay->lots[i].left;

		if (left == 0 || replay->lots[i].ends_at > op->at)
			continue;
		add_entry(replay, op, -left, replay->lots[i].entry);
		use(replay, i, left);
		replay->lots[i].lost += left;
		replay->totals.expired += left;
	}
	return REPLAY_POSTED;
}

/* The part of points that a fraction of the whole is, rounded down */
static int64_t
part_of(int64_t points, int64_t fraction)
{
	return (int64_t) ((__int128) points * fraction / REPLAY_WHOLE);
}

static ReplayAnswer
post_reverse_earn(Replay *replay, const ReplayOp *op)
{
	int64_t		of = find(replay, REPLAY_EARN, op->ref, NULL);
	int64_t		fraction;
	ReplayEntry *entry;
	int64_t		before;
	int64_t		lapsed_before;
	int64_t		due;
	int64_t		lost = 0;
	int64_t		taken;
	int64_t		owed;
	int64_t		i;

	if (of < 0)
		return REPLAY_NOTHING;
	due = sum_of(replay, REPLAY_REVERSE_EARN, of, &before, &lapsed_before);
	fraction = op->fraction > 0 ? op->fraction : REPLAY_WHOLE - before;
	if (before + fraction > REPLAY_WHOLE)
		return REPLAY_REFUSED;
	due = part_of(replay->entries[of].points, before + fraction) - due;
	settle(replay, op->at);
	for (i = 0; i < replay->n_lots; i++)
		if (replay->lots[i].entry == of)
			lost += replay->lots[i].lost + (replay->lots[i].ends_at <= op->at ? replay->lots[i].left : 0);
	lost = lost > lapsed_before ? lost - lapsed_before : 0;
	lost = lost < due ? lost : due;

	entry = add_entry(replay, op, 0, of);
	entry->fraction = fraction;
	entry->due = due;
	entry->lapsed = lost;
	taken = take(replay, due - lost, op->at, of, true);
	owed = replay->policy.clawback_debt ? due - lost - taken : 0;
	entry->points = -taken - owed;
	replay->totals.deficit += owed;
	replay->totals.reversed += taken + owed;
	replay->totals.shortfall += due - lost - taken - owed;
	return REPLAY_POSTED;
}

/* The end of the day that lies so many days after an instant, in UTC */
static int64_t
end_of_grace(int64_t at, int64_t days)
{
	int64_t		day = at / TIME_DAY - (at % TIME_DAY < 0) + days + 1;

	return day < TIME_END / TIME_DAY ? day * TIME_DAY : REPLAY_NEVER;
}

/*
 * Of several lots those that end last get theirs back first.  What comes back
 * pays what is owed, in the order of spending, in which the new lot of what had
 * expired stands behind others of its end.
 */
static void
give_back(Replay *replay, const ReplayEntry *redeemed, int64_t skip, int64_t points, int64_t at)
{
	int64_t		grace = replay->policy.restore_grace_days;
	int64_t		ends_at = end_of_grace(at, grace);
	int64_t		entry = replay->n_entries - 1;
	int64_t		late = 0;
	int64_t		late_paid = 0;
	int64_t		given = 0;
	int64_t		pays;
	int64_t		i;
	int64_t		place;

	/* How much of each take comes back, put into the takes of this entry */
	sort_takes(replay, redeemed);
	for (i = redeemed->count - 1; i >= 0; i--)
	{
		ReplayTake	taken = replay->takes[replay->order[i]];
		int64_t		passed = skip < taken.points ? skip : taken.points;
		int64_t		share = taken.points - passed < points ? taken.points - passed : points;

		skip -= passed;
		points -= share;
		if (share == 0)
			continue;
		if (replay->lots[taken.lot].ends_at <= at)
			late += share;
		else
		{
			use(replay, taken.lot, -share);
			given += share;
		}
	}
	if (grace == 0)
	{
		replay->totals.lapsed += late;
		late = 0;
	}
	replay->entries[entry].points = given + late;
	replay->totals.restored += given + late;

	/* They stand in the reverse of the order of spending. */
	pays = replay->totals.deficit < given + late ? replay->totals.deficit : given + late;
	place = replay->n_takes - 1;
	for (; pays > 0 && place >= replay->entries[entry].first; place--)
	{
		ReplayTake *back = &replay->takes[place];
		int64_t		paid;

		if (late > late_paid && replay->lots[back->lot].ends_at > ends_at)
		{
			late_paid = late < pays ? late : pays;
			pays -= late_paid;
		}
		paid = -back->points < pays ? -back->points : pays;
		back->points += paid;
		replay->lots[back->lot].left -= paid;
		replay->totals.deficit -= paid;
		pays -= paid;
	}
	if (late > late_paid && pays > 0)
		late_paid = late < pays ? late : pays;
	if (late > 0)
		open_lot(replay, late, late_paid, at, ends_at);
}

static ReplayAnswer
post_reverse_redeem(Replay *replay, const ReplayOp *op)
{
	int64_t		of = find(replay, REPLAY_REDEEM, op->ref, NULL);
	int64_t		fraction;
	int64_t		ignored;
	int64_t		undone;
	int64_t		redeemed;
	int64_t		points;
	ReplayEntry *entry;

	if (of < 0)
		of = find(replay, REPLAY_CAPTURE, op->ref, NULL);
	if (of < 0)
		return REPLAY_REFUSED;
	redeemed = -replay->entries[of].points;
	undone = sum_of(replay, REPLAY_REVERSE_REDEEM, of, &fraction, &ignored);
	if (op->fraction == 0)
		points = redeemed - undone;
	else
		points = part_of(redeemed, fraction + op->fraction) - undone;
	if (undone + points > redeemed || points < 0 || (op->fraction == 0 && points == 0 && undone > 0))
		return REPLAY_REFUSED;
	if (op->fraction > 0 && points == 0)
		return REPLAY_NOTHING;
	settle(replay, op->at);
	entry = add_entry(replay, op, 0, of);
	entry->fraction = op->fraction;
	entry->due = points;
	give_back(replay, &replay->entries[of], undone, points, op->at);
	return REPLAY_POSTED;
}

static ReplayAnswer
post_state(Replay *replay, const ReplayOp *op)
{
	replay->suspended = op->kind == REPLAY_SUSPEND;
	return REPLAY_POSTED;
}

ReplayAnswer
replay_post(Replay *replay, const ReplayOp *op)
{
	static ReplayAnswer (*const posts[REPLAY_KINDS]) (Replay *, const ReplayOp *) = {
		post_earn, post_redeem, post_debit, post_hold, post_capture, post_release, post_expire,
		post_reverse_earn, post_reverse_redeem, post_state, post_state
	};
	ReplayTotals totals;
	ReplayLot  *lots = NULL;
	ReplayAnswer answer;
	int64_t		n_entries = replay->n_entries;
	int64_t		n_takes = replay->n_takes;
	int64_t		before = op->kind == REPLAY_EXPIRE ? -1 : find(replay, op->kind, op->ref, op->key);

	if (before >= 0 && op->kind != REPLAY_RELEASE)
		return is_same(&replay->entries[before].op, op) ? REPLAY_REPEATED : REPLAY_REFUSED;
	if (!make_all_room(replay))
		return REPLAY_NO_MEMORY;

	/* What falls due before an operation that is then refused is as before. */
	totals = replay->totals;
	if (find_timed_out(replay, op->at) >= 0)
	{
		lots = memory_array(replay->memory, (size_t) replay->n_lots + 1, sizeof(ReplayLot));
		if (lots == NULL)
			return REPLAY_NO_MEMORY;
		memcpy(lots, replay->lots, (size_t) replay->n_lots * sizeof(ReplayLot));
	}
	answer = posts[op->kind] (replay, op);
	if (answer == REPLAY_REFUSED && lots != NULL)
	{
		memcpy(replay->lots, lots, (size_t) replay->n_lots * sizeof(ReplayLot));
		replay->totals = totals;
		replay->n_entries = n_entries;
		replay->n_takes = n_takes;
	}
	memory_release(replay->memory, lots);
	return answer;
}
