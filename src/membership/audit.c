/*-------------------------------------------------------------------------
 *
 * audit.c
 *	  The ledger of points replayed, to prove what is kept beside it.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "membership/audit.h"

const char *const audit_kind_names[AUDIT_KINDS] = {"earn", "redeem", "adjust", "expire", "return", "undo",
"hold", "release", "send", "receive", "merge", "forfeit", "benefit"};

/* What the replay knows of a lot of the book, at the same place */
typedef struct Lot
{
	int64_t		left;
	int64_t		want;			/* what the entry at hand takes */
	int64_t		lost;			/* points that expired */
	int			owner;			/* place of the member */
	bool		is_open;		/* its entry was reached */
	bool		is_touched;		/* by the entry at hand */
} Lot;

typedef struct Account
{
	int64_t		points;
	int64_t		held;
	int64_t		deficit;
	int64_t		inactive_at;
} Account;

typedef struct Replay
{
	const AuditBook *book;
	audit_tell	tell;
	void	   *arg;
	Lot		   *lots;
	Account    *accounts;
	int64_t    *touched;		/* lots of the entry at hand */
	int64_t		n_touched;
	int64_t    *sorted;			/* lots put in order */
	const AuditEntry *entry;	/* at hand */
	Account    *account;		/* of its customer */
	int			owner;
} Replay;

static void
fault(Replay *replay, const char *what, int64_t lot_id, int64_t expected, int64_t found)
{
	AuditFault	told = {what, replay->entry->customer, replay->entry->entry_id, lot_id, expected, found};

	replay->tell(replay->arg, &told);
}

static int
find_member(const AuditBook *book, int64_t customer)
{
	int64_t		i;

	for (i = 0; i < book->n_members; i++)
		if (book->members[i].customer == customer)
			return (int) i;
	return -1;
}

/* Entries are in order of their numbers; NULL where there is none. */
static const AuditEntry *
find_entry(const AuditBook *book, int64_t entry_id)
{
	int64_t		low = 0;
	int64_t		high = book->n_entries;

	while (low < high)
	{
		int64_t		middle = low + (high - low) / 2;

		if (book->entries[middle].entry_id < entry_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < book->n_entries && book->entries[low].entry_id == entry_id ? &book->entries[low] : NULL;
}

static int64_t
first_allocation(const AuditBook *book, int64_t entry_id)
{
	int64_t		low = 0;
	int64_t		high = book->n_allocations;

	while (low < high)
	{
		int64_t		middle = low + (high - low) / 2;

		if (book->allocations[middle].entry_id < entry_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int64_t
find_lot(const AuditBook *book, int64_t lot_id)
{
	int64_t		i;

	for (i = 0; i < book->n_lots; i++)
		if (book->lots[i].lot_id == lot_id)
			return i;
	return -1;
}

/* What the tables say an entry took of a lot */
static int64_t
allocated(const AuditBook *book, int64_t entry_id, int64_t lot_id)
{
	int64_t		i;

	for (i = first_allocation(book, entry_id);
		 i < book->n_allocations && book->allocations[i].entry_id == entry_id; i++)
		if (book->allocations[i].lot_id == lot_id)
			return book->allocations[i].points;
	return 0;
}

static int64_t
end_of(const Replay *replay, int64_t lot)
{
	const AuditLot *facts = &replay->book->lots[lot];
	int64_t		inactive_at;

	if (!facts->moves)
		return facts->expires_at;
	inactive_at = replay->accounts[replay->lots[lot].owner].inactive_at;
	return inactive_at == AUDIT_NONE ? AUDIT_NEVER : inactive_at;
}

/* Takes points of a lot, or gives them back. */
static void
use(Replay *replay, int64_t lot, int64_t points)
{
	if (points == 0)
		return;
	if (!replay->lots[lot].is_touched)
	{
		replay->lots[lot].is_touched = true;
		replay->touched[replay->n_touched++] = lot;
	}
	replay->lots[lot].want += points;
	replay->lots[lot].left -= points;
}

/* Which lots an entry may take of */
typedef bool (*choose) (const Replay *replay, int64_t lot);

static bool
is_owned(const Replay *replay, int64_t lot)
{
	return replay->lots[lot].is_open && replay->lots[lot].owner == replay->owner &&
		replay->lots[lot].left > 0 && end_of(replay, lot) > replay->entry->at;
}

static bool
is_own(const Replay *replay, int64_t lot)
{
	return is_owned(replay, lot) && replay->book->lots[lot].entry_id == replay->entry->of_id;
}

static bool
is_available(const Replay *replay, int64_t lot)
{
	return is_owned(replay, lot) && replay->book->lots[lot].available_at <= replay->entry->at;
}

static bool
comes_before(const Replay *replay, int64_t a, int64_t b)
{
	const AuditLot *one = &replay->book->lots[a];
	const AuditLot *other = &replay->book->lots[b];

	if (end_of(replay, a) != end_of(replay, b))
		return end_of(replay, a) < end_of(replay, b);
	if (one->available_at != other->available_at)
		return one->available_at < other->available_at;
	return one->lot_id < other->lot_id;
}

/* Takes up to so many points of the chosen lots; gives what is missing. */
static int64_t
take(Replay *replay, int64_t points, choose chosen)
{
	while (points > 0)
	{
		int64_t		next = -1;
		int64_t		part;
		int64_t		i;

		for (i = 0; i < replay->book->n_lots; i++)
			if (chosen(replay, i) && (next < 0 || comes_before(replay, i, next)))
				next = i;
		if (next < 0)
			break;
		part = replay->lots[next].left < points ? replay->lots[next].left : points;
		use(replay, next, part);
		points -= part;
	}
	return points;
}

/* Sorts lots in the order of spending. */
static void
sort_lots(const Replay *replay, int64_t *lots, int64_t count)
{
	int64_t		i;

	for (i = 1; i < count; i++)
	{
		int64_t		lot = lots[i];
		int64_t		place = i;

		for (; place > 0 && comes_before(replay, lot, lots[place - 1]); place--)
			lots[place] = lots[place - 1];
		lots[place] = lot;
	}
}

/* Opens the lots of the entry at hand, and pays of them what is owed. */
static int64_t
open_lots(Replay *replay)
{
	const AuditBook *book = replay->book;
	int64_t		opened = 0;
	int64_t		count = 0;
	int64_t		i;

	for (i = 0; i < book->n_lots; i++)
		if (book->lots[i].entry_id == replay->entry->entry_id)
		{
			replay->lots[i].is_open = true;
			replay->lots[i].owner = replay->owner;
			replay->lots[i].left = book->lots[i].points;
			opened += book->lots[i].points;
			replay->sorted[count++] = i;
		}
	sort_lots(replay, replay->sorted, count);
	for (i = 0; i < count && replay->account->deficit > 0; i++)
	{
		int64_t		left = replay->lots[replay->sorted[i]].left;
		int64_t		paid = left < replay->account->deficit ? left : replay->account->deficit;

		use(replay, replay->sorted[i], paid);
		replay->account->deficit -= paid;
	}
	return opened;
}

static void
give(Replay *replay)
{
	int64_t		opened = open_lots(replay);

	if (opened != replay->entry->points)
		fault(replay, "points of the lots opened", 0, replay->entry->points, opened);
}

/* Takes all of it, or tells that it is not there. */
static void
take_available(Replay *replay, int64_t points)
{
	int64_t		missing = replay->account->deficit > 0 ? points : take(replay, points, is_available);

	if (missing != 0)
		fault(replay, "points that were available", 0, points, points - missing);
}

/* What is not there is owed. */
static void
take_or_owe(Replay *replay, int64_t points)
{
	points = take(replay, points, is_available);
	points = take(replay, points, is_owned);
	replay->account->deficit += points;
}

static void
replay_expire(Replay *replay)
{
	const AuditEntry *entry = replay->entry;
	int64_t		lot = find_lot(replay->book, entry->of_id);

	if (lot < 0 || !replay->lots[lot].is_open || replay->lots[lot].owner != replay->owner)
	{
		fault(replay, "lot of the member that expires", entry->of_id, 1, 0);
		return;
	}
	if (end_of(replay, lot) > entry->at)
		fault(replay, "instant at which the lot expires", entry->of_id, end_of(replay, lot), entry->at);
	if (replay->lots[lot].left != -entry->points)
		fault(replay, "points that expire", entry->of_id, replay->lots[lot].left, -entry->points);
	replay->lots[lot].lost -= entry->points;
	use(replay, lot, -entry->points);
}

/* The share of the order's points that has come back so far, this included */
static int64_t
returned_points(const AuditEntry *earned, int64_t amount)
{
	if (amount == earned->amount)
		return earned->points;
	return (int64_t) ((__int128) earned->points * amount / earned->amount);
}

static void
replay_return(Replay *replay)
{
	const AuditBook *book = replay->book;
	const AuditEntry *entry = replay->entry;
	const AuditEntry *earned = find_entry(book, entry->of_id);
	int64_t		amount = entry->amount;
	int64_t		due = 0;
	int64_t		lapsed = 0;
	int64_t		lost = 0;
	int64_t		owed;
	int64_t		i;

	if (earned == NULL || earned->kind != AUDIT_EARN || earned >= entry)
	{
		fault(replay, "order that comes back", 0, entry->of_id, 0);
		return;
	}
	for (i = 0; &book->entries[i] < entry; i++)
		if (book->entries[i].kind == AUDIT_RETURN && book->entries[i].of_id == entry->of_id)
		{
			amount += book->entries[i].amount;
			due += book->entries[i].due;
			lapsed += book->entries[i].lapsed;
		}
	if (amount > earned->amount)
	{
		fault(replay, "money of the order", 0, earned->amount, amount);
		return;
	}
	due = returned_points(earned, amount) - due;
	if (due != entry->due)
		fault(replay, "points due for the return", 0, due, entry->due);
	for (i = 0; i < book->n_lots; i++)
		if (replay->lots[i].is_open && book->lots[i].entry_id == entry->of_id)
			lost += replay->lots[i].lost + (end_of(replay, i) <= entry->at ? replay->lots[i].left : 0);
	lost = lost > lapsed ? lost - lapsed : 0;
	lost = lost < entry->due ? lost : entry->due;
	if (lost != entry->lapsed)
		fault(replay, "points of the order that had expired", 0, lost, entry->lapsed);

	owed = take(replay, entry->due - entry->lapsed, is_own);
	owed = take(replay, owed, is_available);
	owed = take(replay, owed, is_owned);
	/* Either the member owes what is missing, or it is forgiven. */
	if (-entry->points == entry->due - entry->lapsed)
		replay->account->deficit += owed;
	else if (-entry->points != entry->due - entry->lapsed - owed)
		fault(replay, "points taken for the return", 0, entry->due - entry->lapsed - owed, -entry->points);
}

/* Of the lots that a redemption took of, those that end last get theirs first. */
static void
replay_undo(Replay *replay)
{
	const AuditBook *book = replay->book;
	const AuditEntry *entry = replay->entry;
	const AuditEntry *redeemed = find_entry(book, entry->of_id);
	int64_t		skip = 0;
	int64_t		wanted = entry->due;
	int64_t		late = 0;
	int64_t		grace = 0;
	int64_t		opened = 0;
	int64_t		pays;
	int64_t		count = 0;
	int64_t		first_grace;
	int64_t		i;

	if (redeemed == NULL || redeemed->kind != AUDIT_REDEEM || redeemed >= entry)
	{
		fault(replay, "redemption that is undone", 0, entry->of_id, 0);
		return;
	}
	for (i = 0; &book->entries[i] < entry; i++)
		if (book->entries[i].kind == AUDIT_UNDO && book->entries[i].of_id == entry->of_id)
			skip += book->entries[i].due;
	if (skip + wanted > -redeemed->points)
		fault(replay, "points redeemed that are not undone", 0, -redeemed->points - skip, wanted);

	for (i = 0; i < book->n_lots; i++)
		if (replay->lots[i].is_open && allocated(book, entry->of_id, book->lots[i].lot_id) != 0)
			replay->sorted[count++] = i;
	sort_lots(replay, replay->sorted, count);
	for (i = count - 1; i >= 0 && wanted > 0; i--)
	{
		int64_t		lot = replay->sorted[i];
		int64_t		share = allocated(book, entry->of_id, book->lots[lot].lot_id);
		int64_t		passed = skip < share ? skip : share;

		skip -= passed;
		share -= passed;
		if (share > wanted)
			share = wanted;
		wanted -= share;
		if (end_of(replay, lot) <= entry->at)
			late += share;
		else
			use(replay, lot, -share);
	}
	for (i = 0; i < book->n_lots; i++)
		if (book->lots[i].entry_id == entry->entry_id)
		{
			grace += book->lots[i].points;
			opened++;
		}
	if (opened > 1 || (grace != 0 && grace != late))
		fault(replay, "points that live on", 0, late, grace);
	if (entry->lapsed != (grace == 0 ? late : 0))
		fault(replay, "points that had expired", 0, grace == 0 ? late : 0, entry->lapsed);
	if (entry->points != entry->due - (grace == 0 ? late : 0))
		fault(replay, "points given back", 0, entry->due - (grace == 0 ? late : 0), entry->points);

	/* What is owed is paid of what came back, in the order of spending. */
	pays = replay->account->deficit < entry->points ? replay->account->deficit : entry->points;
	replay->account->deficit -= pays;
	count = 0;
	first_grace = -1;
	for (i = 0; i < book->n_lots; i++)
		if (book->lots[i].entry_id == entry->entry_id)
		{
			replay->lots[i].is_open = true;
			replay->lots[i].owner = replay->owner;
			replay->lots[i].left = book->lots[i].points;
			first_grace = i;
			replay->sorted[count++] = i;
		}
	for (i = 0; i < replay->n_touched; i++)
		replay->sorted[count++] = replay->touched[i];
	sort_lots(replay, replay->sorted, count);
	for (i = 0; i < count && pays > 0; i++)
	{
		int64_t		lot = replay->sorted[i];
		int64_t		came = lot == first_grace ? book->lots[lot].points : -replay->lots[lot].want;
		int64_t		part = came < pays ? came : pays;

		use(replay, lot, part);
		pays -= part;
	}
}

/* What a hold took is given back, but for what is captured by an entry that follows. */
static void
replay_release(Replay *replay)
{
	const AuditBook *book = replay->book;
	const AuditEntry *entry = replay->entry;
	const AuditEntry *hold = find_entry(book, entry->of_id);
	int64_t		captured = 0;
	int64_t		kept;
	int64_t		pays;
	int64_t		count = 0;
	int64_t		i;

	if (hold == NULL || hold->kind != AUDIT_HOLD || hold >= entry)
	{
		fault(replay, "hold that is released", 0, entry->of_id, 0);
		return;
	}
	for (i = entry - book->entries; i < book->n_entries; i++)
		if (book->entries[i].kind == AUDIT_REDEEM && book->entries[i].of_id == entry->of_id)
			captured -= book->entries[i].points;
	if (captured > hold->due)
		fault(replay, "points captured", 0, hold->due, captured);
	replay->account->held -= hold->due;
	pays = hold->due - captured < replay->account->deficit ? hold->due - captured : replay->account->deficit;
	replay->account->deficit -= pays;
	for (i = 0; i < book->n_lots; i++)
		if (allocated(book, entry->of_id, book->lots[i].lot_id) != 0)
			replay->sorted[count++] = i;
	sort_lots(replay, replay->sorted, count);
	kept = captured;
	for (i = 0; i < count; i++)
	{
		int64_t		lot = replay->sorted[i];
		int64_t		share = allocated(book, entry->of_id, book->lots[lot].lot_id);
		int64_t		stays = share < kept ? share : kept;
		int64_t		paid = share - stays < pays ? share - stays : pays;

		kept -= stays;
		pays -= paid;
		use(replay, lot, paid - share);
	}
}

/* Takes what is captured of the lots of the hold, expired or not. */
static void
replay_capture(Replay *replay)
{
	const AuditBook *book = replay->book;
	const AuditEntry *entry = replay->entry;
	int64_t		points = -entry->points;
	int64_t		count = 0;
	int64_t		i;

	for (i = 0; i < book->n_lots; i++)
		if (allocated(book, entry->of_id, book->lots[i].lot_id) != 0)
			replay->sorted[count++] = i;
	sort_lots(replay, replay->sorted, count);
	for (i = 0; i < count && points > 0; i++)
	{
		int64_t		share = allocated(book, entry->of_id, book->lots[replay->sorted[i]].lot_id);
		int64_t		part = share < points ? share : points;

		use(replay, replay->sorted[i], part);
		points -= part;
	}
	if (points != 0)
		fault(replay, "points captured that were held", 0, -entry->points - points, -entry->points);
}

static void
replay_forfeit(Replay *replay)
{
	int64_t		i;

	for (i = 0; i < replay->book->n_lots; i++)
		if (replay->lots[i].is_open && replay->lots[i].owner == replay->owner)
			use(replay, i, replay->lots[i].left);
	replay->account->deficit = 0;
}

/* The lots of a customer become another's, and what either owes is paid. */
static void
replay_merge(Replay *replay)
{
	const AuditEntry *other = replay->entry->of_id == 0 ? NULL : find_entry(replay->book, replay->entry->of_id);
	int			from;
	Account    *account;
	int64_t		i;

	if (replay->entry->of_id == 0)
		return;
	from = other == NULL || other->kind != AUDIT_MERGE ? -1 : find_member(replay->book, other->customer);
	if (from < 0)
	{
		fault(replay, "customer who is merged", 0, replay->entry->of_id, 0);
		return;
	}
	if (other->points != -replay->entry->points)
		fault(replay, "points of the customer who is merged", 0, -other->points, replay->entry->points);
	account = &replay->accounts[from];
	replay->account->held += account->held;
	replay->account->deficit += account->deficit;
	if (account->inactive_at > replay->account->inactive_at)
		replay->account->inactive_at = account->inactive_at;
	account->held = account->deficit = 0;
	for (i = 0; i < replay->book->n_lots; i++)
		if (replay->lots[i].owner == from)
			replay->lots[i].owner = replay->owner;
	i = replay->account->deficit;
	replay->account->deficit = 0;
	take_or_owe(replay, i);
}

static void
replay_entry(Replay *replay)
{
	const AuditEntry *entry = replay->entry;

	switch (entry->kind)
	{
		case AUDIT_EARN:
		case AUDIT_BENEFIT:
		case AUDIT_RECEIVE:
			give(replay);
			break;
		case AUDIT_ADJUST:
			if (entry->points > 0)
				give(replay);
			else
				take_or_owe(replay, -entry->points);
			break;
		case AUDIT_REDEEM:
			if (entry->of_id != 0)
				replay_capture(replay);
			else
				take_available(replay, -entry->points);
			break;
		case AUDIT_SEND:
			take_available(replay, -entry->points);
			break;
		case AUDIT_HOLD:
			take_available(replay, entry->due);
			replay->account->held += entry->due;
			break;
		case AUDIT_RELEASE:
			replay_release(replay);
			break;
		case AUDIT_EXPIRE:
			replay_expire(replay);
			break;
		case AUDIT_RETURN:
			replay_return(replay);
			break;
		case AUDIT_UNDO:
			replay_undo(replay);
			break;
		case AUDIT_MERGE:
			replay_merge(replay);
			break;
		case AUDIT_FORFEIT:
			replay_forfeit(replay);
			break;
	}
}

/* Compares what the entry took with what the tables say. */
static void
compare_entry(Replay *replay)
{
	const AuditBook *book = replay->book;
	int64_t		entry_id = replay->entry->entry_id;
	int64_t		i;

	for (i = 0; i < replay->n_touched; i++)
	{
		Lot		   *lot = &replay->lots[replay->touched[i]];
		const AuditLot *facts = &book->lots[replay->touched[i]];
		int64_t		found = allocated(book, entry_id, facts->lot_id);

		if (lot->want != found)
			fault(replay, "points that the entry took of the lot", facts->lot_id, lot->want, found);
		if (lot->left < 0 || lot->left > facts->points)
			fault(replay, "points left of the lot", facts->lot_id, lot->left < 0 ? 0 : facts->points, lot->left);
	}
	for (i = first_allocation(book, entry_id);
		 i < book->n_allocations && book->allocations[i].entry_id == entry_id; i++)
	{
		int64_t		lot = find_lot(book, book->allocations[i].lot_id);

		if (lot < 0 || !replay->lots[lot].is_touched)
			fault(replay, "points that the entry took of the lot", book->allocations[i].lot_id, 0,
				  book->allocations[i].points);
	}
	for (i = 0; i < replay->n_touched; i++)
	{
		replay->lots[replay->touched[i]].is_touched = false;
		replay->lots[replay->touched[i]].want = 0;
	}
	replay->n_touched = 0;
}

/* Compares the end of the replay with what the tables keep. */
static void
compare_end(const Replay *replay)
{
	const AuditBook *book = replay->book;
	int64_t		i;

	for (i = 0; i < book->n_lots; i++)
	{
		const AuditLot *facts = &book->lots[i];
		AuditFault	told = {"points left of the lot", facts->customer, facts->entry_id, facts->lot_id,
		replay->lots[i].left, facts->remaining};

		if (!replay->lots[i].is_open)
			told.what = "entry of the lot";
		else if (book->members[replay->lots[i].owner].customer != facts->customer)
			told.what = "owner of the lot";
		else if (replay->lots[i].left == facts->remaining)
			continue;
		replay->tell(replay->arg, &told);
	}
	for (i = 0; i < book->n_members; i++)
	{
		const AuditMember *member = &book->members[i];
		const Account *account = &replay->accounts[i];
		const struct
		{
			const char *what;
			int64_t		expected;
			int64_t		found;
		}			kept[] = {{"points of the member", account->points, member->points},
		{"points held of the member", account->held, member->held},
		{"points that the member owes", account->deficit, member->deficit},
		{"instant of the member's inactivity", account->inactive_at, member->inactive_at}};
		int64_t		balance = account->held - account->deficit;
		size_t		j;
		int64_t		lot;

		for (j = 0; j < sizeof(kept) / sizeof(kept[0]); j++)
			if (kept[j].expected != kept[j].found)
			{
				AuditFault	told = {kept[j].what, member->customer, 0, 0, kept[j].expected, kept[j].found};

				replay->tell(replay->arg, &told);
			}
		for (lot = 0; lot < book->n_lots; lot++)
			if (replay->lots[lot].is_open && replay->lots[lot].owner == i)
				balance += replay->lots[lot].left;
		if (balance != account->points)
		{
			AuditFault	told = {"points of the member's lots", member->customer, 0, 0, account->points, balance};

			replay->tell(replay->arg, &told);
		}
	}
}

static AuditStatus
run(const Memory *memory, Replay *replay)
{
	const AuditBook *book = replay->book;
	int64_t		i;

	for (i = 0; i < book->n_members; i++)
		replay->accounts[i].inactive_at = AUDIT_NONE;
	for (i = 0; i < book->n_lots; i++)
		replay->lots[i].owner = -1;
	for (i = 0; i < book->n_entries; i++)
	{
		if (!memory->may_go_on(memory->arg))
			return AUDIT_STOPPED;
		replay->entry = &book->entries[i];
		replay->owner = find_member(book, replay->entry->customer);
		if (replay->owner < 0)
		{
			fault(replay, "member of the entry", 0, 1, 0);
			continue;
		}
		replay->account = &replay->accounts[replay->owner];
		replay->account->points += replay->entry->points;
		replay_entry(replay);
		compare_entry(replay);
		if (replay->entry->active_until > replay->account->inactive_at)
			replay->account->inactive_at = replay->entry->active_until;
	}
	compare_end(replay);
	return AUDIT_DONE;
}

AuditStatus
audit_book(const Memory *memory, const AuditBook *book, audit_tell tell, void *arg)
{
	Replay		replay = {.book = book,.tell = tell,.arg = arg};
	AuditStatus status = AUDIT_NO_MEMORY;

	replay.lots = memory_zero_array(memory, (size_t) book->n_lots + 1, sizeof(Lot));
	replay.accounts = memory_zero_array(memory, (size_t) book->n_members + 1, sizeof(Account));
	replay.touched = memory_array(memory, (size_t) book->n_lots + 1, sizeof(int64_t));
	replay.sorted = memory_array(memory, (size_t) book->n_lots + 1, sizeof(int64_t));
	if (replay.lots != NULL && replay.accounts != NULL && replay.touched != NULL && replay.sorted != NULL)
		status = run(memory, &replay);
	memory_release(memory, replay.sorted);
	memory_release(memory, replay.touched);
	memory_release(memory, replay.accounts);
	memory_release(memory, replay.lots);
	return status;
}
