/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Applying a promotion for good, and writing down what it took.
 *
 *-------------------------------------------------------------------------
 */
#include "coupon/price_work.h"

bool
price_pieces(Pricing *pricing, const Units *before, const Units *after, int line, int *piece, int *pieces)
{
	PriceOutcome *outcome = pricing->outcome;
	int			old = before->first[line];
	int			new = after->first[line];
	int64_t		old_left = 0;
	int64_t		new_left = 0;

	*piece = outcome->piece_count;
	*pieces = 0;

	/* Runs end where they were split, in one state or the other. */
	for (;;)
	{
		PricePiece	next;

		if (old_left == 0)
		{
			if (old == before->first[line + 1])
				break;
			old_left = before->runs[old++].count;
		}
		if (new_left == 0)
			new_left = after->runs[new++].count;
		next.units = old_left < new_left ? old_left : new_left;
		next.each = before->runs[old - 1].left - after->runs[new - 1].left;
		old_left -= next.units;
		new_left -= next.units;
		if (*pieces > 0 && outcome->pieces[outcome->piece_count - 1].each == next.each)
		{
			outcome->pieces[outcome->piece_count - 1].units += next.units;
			continue;
		}
		if (!price_room(pricing, (void **) &outcome->pieces, outcome->piece_count, &pricing->piece_room,
						sizeof(PricePiece)))
			return false;
		outcome->pieces[outcome->piece_count++] = next;
		(*pieces)++;
	}
	return true;
}

bool
price_record(Pricing *pricing, Entry *entry, const Units *before, const Units *after, const Effect *effect)
{
	PriceOutcome *outcome = pricing->outcome;
	PriceApplied applied = {entry->index, effect->goods, effect->shipping};
	int			line;

	for (line = 0; line < pricing->lines; line++)
	{
		PriceShare	share = {.candidate = entry->index, .line = line,
		.amount = before->left[line] - after->left[line]};

		if (share.amount == 0)
			continue;
		if (!price_pieces(pricing, before, after, line, &share.piece, &share.pieces) ||
			!price_room(pricing, (void **) &outcome->shares, outcome->share_count, &pricing->share_room,
						sizeof(PriceShare)))
			return false;
		outcome->shares[outcome->share_count++] = share;
	}
	if (!price_room(pricing, (void **) &outcome->applied, outcome->applied_count, &pricing->applied_room,
					sizeof(PriceApplied)))
		return false;
	outcome->applied[outcome->applied_count++] = applied;
	entry->applied = true;
	entry->reason = REASON_NONE;
	entry->winner = -1;
	combine_count(pricing, entry, 1);
	return true;
}

/* The entry does not apply, for a reason that trying it gave. */
static bool
reject(Pricing *pricing, Entry *entry, const PriceFailure *why)
{
	entry->reason = why->reason;
	return price_note(pricing, entry, why);
}

bool
price_commit(Pricing *pricing, Entry *entry)
{
	PriceOutcome *outcome = pricing->outcome;
	int			gifts = outcome->gift_count;
	int			issues = outcome->issue_count;
	int			steps = outcome->step_count;
	Effect		effect;
	bool		hold;

	if (entry->late && !pricing->now.all_stopped)
	{
		if (!price_conditions(pricing, entry, &pricing->now, true, &hold))
			return false;
		if (!hold)
		{
			entry->reason = outcome->failures[entry->failure].reason;
			return true;
		}
	}
	pricing->noting = true;
	if (!combine_try(pricing, entry, &pricing->now, &effect))
		return false;
	pricing->noting = false;
	if (effect.acts)
		return price_record(pricing, entry, &pricing->spare, &pricing->now, &effect);
	outcome->gift_count = gifts;
	outcome->issue_count = issues;
	outcome->step_count = steps;
	return reject(pricing, entry, &effect.why);
}

bool
price_explain(Pricing *pricing, Entry *entry)
{
	Effect		effect;
	bool		hold;

	if (entry->late && !pricing->now.all_stopped)
	{
		if (!price_conditions(pricing, entry, &pricing->now, true, &hold))
			return false;
		if (!hold)
		{
			entry->reason = pricing->outcome->failures[entry->failure].reason;
			return true;
		}
	}
	if (!units_copy(pricing->memory, &pricing->trial, &pricing->now))
		return price_fail(pricing, PRICE_NO_MEMORY);
	if (!combine_try(pricing, entry, &pricing->trial, &effect))
		return false;
	if (!effect.acts)
		return reject(pricing, entry, &effect.why);
	price_lost(entry, REASON_BEATEN_BY, NULL);
	return true;
}

void
price_lost(Entry *entry, Reason reason, const Entry *winner)
{
	entry->reason = reason;
	entry->winner = winner == NULL ? -1 : winner->index;
}

void
price_restart(Pricing *pricing, int failures)
{
	PriceOutcome *outcome = pricing->outcome;
	int			i;

	outcome->applied_count = 0;
	outcome->share_count = 0;
	outcome->piece_count = 0;
	outcome->gift_count = 0;
	outcome->issue_count = 0;
	outcome->step_count = 0;
	outcome->failure_count = failures;
	for (i = 0; i < pricing->group_count; i++)
		pricing->groups[i].count = 0;
	for (i = 0; i < pricing->count; i++)
	{
		Entry	   *entry = &pricing->entries[i];

		if (!entry->eligible)
			continue;
		entry->applied = false;
		entry->reason = REASON_NONE;
		entry->winner = -1;
		entry->failures = 0;
	}
}
