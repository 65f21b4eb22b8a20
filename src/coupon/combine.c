/*-------------------------------------------------------------------------
 *
 * combine.c
 *	  Which promotions apply together, and in what order.
 *
 * An exclusive promotion that acts applies alone.  Else stages follow each
 * other, each a lane or several, and each is solved as the policy says, under
 * what earlier ones left:
 *
 *	all_in_priority_order	one by one; of a group as many as it has room for,
 *							those that take most alone (or come first); whom an
 *							earlier one does not go along with is left out
 *	best_one				the one that takes most
 *	best_per_line			each line has the one that takes most of it
 *	best_order				all, in the order that takes most
 *	best_combination		those that take most together (best.c)
 *
 * Lanes that the policy does not name are one stage where they follow each
 * other, but for best_per_line and best_order, which go lane by lane.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "coupon/price_work.h"

/* Whether one goes along with the other, as it says itself */
static bool
goes_along(const Entry *entry, const Entry *other)
{
	const WordSet *with = entry->promotion->combines_with;
	Word		class;

	if (with == NULL)
		return true;
	class.text = class_names[other->class];
	class.length = strlen(class.text);
	return word_set_has(with, &class) || word_set_meet(with, &other->promotion->tags);
}

bool
combine_compatible(const Entry *a, const Entry *b)
{
	return goes_along(a, b) && goes_along(b, a);
}

bool
combine_has_room(const Pricing *pricing, const Entry *entry)
{
	int			i;

	for (i = 0; i < entry->promotion->group_count; i++)
	{
		const PriceGroup *group = &pricing->groups[entry->groups[i]];

		if (group->count >= group->most)
			return false;
	}
	return true;
}

void
combine_count(Pricing *pricing, const Entry *entry, int by)
{
	int			i;

	for (i = 0; i < entry->promotion->group_count; i++)
		pricing->groups[entry->groups[i]].count += by;
}

/* Whether nothing is left that the promotion is for */
static bool
all_lines_stopped(const Pricing *pricing, const Entry *entry, const Units *units, bool *any)
{
	bool		stopped = false;
	int			line;

	*any = false;
	for (line = 0; line < pricing->lines; line++)
		if (entry->lines[line])
		{
			*any = true;
			if (!units->stopped[line])
				return false;
			stopped = true;
		}
	return stopped;
}

static Reason
idle_reason(const Pricing *pricing, const Entry *entry, const Units *units)
{
	bool		any;

	if (all_lines_stopped(pricing, entry, units, &any))
		return REASON_STOPPED;
	return any || entry->ships ? REASON_NO_EFFECT : REASON_EXCLUDED_ITEMS;
}

bool
combine_try(Pricing *pricing, Entry *entry, Units *units, Effect *effect)
{
	int			line;
	bool		hold = true;

	if (!pricing->memory->may_go_on(pricing->memory->arg))
		return price_fail(pricing, PRICE_CANCELED);
	if (units->all_stopped)
	{
		memset(effect, 0, sizeof(*effect));
		effect->why.reason = REASON_STOPPED;
		effect->why.condition = -1;
		return true;
	}
	if (entry->late && !price_conditions(pricing, entry, units, false, &hold))
		return false;
	if (!hold)
	{
		memset(effect, 0, sizeof(*effect));
		return true;
	}
	if (!units_copy(pricing->memory, &pricing->spare, units))
		return price_fail(pricing, PRICE_NO_MEMORY);
	if (!price_apply(pricing, entry, units, pricing->noting, effect))
		return false;
	if (!effect->acts)
	{
		effect->goods = effect->shipping = 0;
		if (effect->why.reason == REASON_NONE)
		{
			effect->why.reason = idle_reason(pricing, entry, units);
			effect->why.condition = -1;
		}
		if (!units_copy(pricing->memory, units, &pricing->spare))
			return price_fail(pricing, PRICE_NO_MEMORY);
		return true;
	}
	if (entry->promotion->stop_after == STOP_CART)
		units->all_stopped = true;
	else if (entry->promotion->stop_after == STOP_LINE)
		for (line = 0; line < pricing->lines; line++)
			if (units->left[line] != pricing->spare.left[line])
				units->stopped[line] = true;
	return true;
}

bool
combine_alone(Pricing *pricing, Entry *entry, const Units *units)
{
	Effect		effect;

	if (entry->alone_known)
		return true;
	if (!units_copy(pricing->memory, &pricing->trial, units))
		return price_fail(pricing, PRICE_NO_MEMORY);
	if (!combine_try(pricing, entry, &pricing->trial, &effect))
		return false;
	entry->alone = effect.goods + effect.shipping;
	entry->alone_most = effect.asked;
	entry->alone_acts = effect.acts;
	entry->alone_why = effect.why;
	entry->alone_known = true;
	return true;
}

/* More alone first; of equals the one that comes first */
static int
alone_order(const void *a, const void *b)
{
	const Entry *left = *(Entry *const *) a;
	const Entry *right = *(Entry *const *) b;

	if (left->alone != right->alone)
		return left->alone > right->alone ? -1 : 1;
	return left->rank < right->rank ? -1 : left->rank > right->rank;
}

/* The first of some entries, or of those applied, that an entry cannot be with */
static const Entry *
in_the_way(const Pricing *pricing, const Entry *entry, Entry *const *chosen, int count)
{
	int			i;

	for (i = 0; i < pricing->outcome->applied_count; i++)
	{
		const Entry *other = &pricing->entries[pricing->outcome->applied[i].candidate];

		if (!combine_compatible(entry, other))
			return other;
	}
	for (i = 0; i < count; i++)
		if (!combine_compatible(entry, chosen[i]))
			return chosen[i];
	return NULL;
}

/* Whether two promotions are of one group */
static bool
share_group(const Entry *a, const Entry *b, int *most, const Pricing *pricing)
{
	int			i;
	int			j;

	for (i = 0; i < a->promotion->group_count; i++)
		for (j = 0; j < b->promotion->group_count; j++)
			if (a->groups[i] == b->groups[j])
			{
				*most = pricing->groups[a->groups[i]].most;
				return true;
			}
	return false;
}

/* Says to which of those that apply an entry lost its place in a group. */
static void
lost_group(const Pricing *pricing, Entry *entry, Entry *const *chosen, int count)
{
	const Entry *winner = NULL;
	int			most = 1;
	int			i;

	for (i = 0; i < pricing->outcome->applied_count && winner == NULL; i++)
		if (share_group(entry, &pricing->entries[pricing->outcome->applied[i].candidate], &most, pricing))
			winner = &pricing->entries[pricing->outcome->applied[i].candidate];
	for (i = 0; i < count && winner == NULL; i++)
		if (share_group(entry, chosen[i], &most, pricing))
			winner = chosen[i];
	price_lost(entry, most > 1 ? REASON_GROUP_FULL : REASON_BEATEN_BY, winner);
}

/* An empty list with room */
static bool
list_start(Pricing *pricing, EntryList *list, int room)
{
	list->count = 0;
	list->entry = price_alloc(pricing, (size_t) room, sizeof(Entry *));
	return list->entry != NULL;
}

/*
 * Those of a list that groups have room for, in the order of the list; the
 * best of each group first, unless order decides.  The others lose, but for
 * those that are idle, for which there is another reason.
 */
static bool
choose_by_groups(Pricing *pricing, const EntryList *list, const bool *idle, EntryList *chosen)
{
	Entry	  **sorted = price_alloc(pricing, (size_t) list->count, sizeof(Entry *));
	Entry	  **members = price_alloc(pricing, (size_t) list->count, sizeof(Entry *));
	bool	   *in = price_alloc(pricing, (size_t) pricing->count, sizeof(bool));
	int			member_count = 0;
	int			count = 0;
	int			i;

	if (sorted == NULL || members == NULL || in == NULL)
		return false;
	for (i = 0; i < list->count; i++)
	{
		Entry	   *entry = list->entry[i];

		if (entry->promotion->group_count == 0)
			in[entry->index] = true;
		else if (!idle[entry->index])
			sorted[count++] = entry;
	}
	if (!pricing->policy->group_priority)
	{
		for (i = 0; i < count; i++)
			if (!combine_alone(pricing, sorted[i], &pricing->now))
				return false;
		qsort(sorted, (size_t) count, sizeof(Entry *), alone_order);
	}
	for (i = 0; i < count; i++)
		if (combine_has_room(pricing, sorted[i]))
		{
			combine_count(pricing, sorted[i], 1);
			in[sorted[i]->index] = true;
			members[member_count++] = sorted[i];
		}
	for (i = 0; i < count; i++)
		if (!in[sorted[i]->index])
			lost_group(pricing, sorted[i], members, member_count);
	for (i = 0; i < member_count; i++)
		combine_count(pricing, members[i], -1);
	chosen->count = 0;
	for (i = 0; i < list->count; i++)
		if (in[list->entry[i]->index])
			chosen->entry[chosen->count++] = list->entry[i];
	return true;
}

static bool
any_groups(const EntryList *list)
{
	int			i;

	for (i = 0; i < list->count; i++)
		if (list->entry[i]->promotion->group_count > 0)
			return true;
	return false;
}

/*
 * Those of a list that apply one by one.  A member of a group that does not
 * act gives its place to the next.
 */
static bool
choose_all(Pricing *pricing, const EntryList *list, EntryList *chosen)
{
	bool	   *idle = price_alloc(pricing, (size_t) pricing->count, sizeof(bool));
	bool		again = any_groups(list);
	bool		compatible = true;
	EntryList	acting;
	int			i;

	if (idle == NULL || !list_start(pricing, &acting, list->count))
		return false;
	for (i = 0; i < list->count; i++)
		compatible = compatible && list->entry[i]->promotion->combines_with == NULL;
	for (i = 0; i < pricing->outcome->applied_count; i++)
		compatible = compatible &&
			pricing->entries[pricing->outcome->applied[i].candidate].promotion->combines_with == NULL;
	if (compatible && !again)
	{
		memcpy(chosen->entry, list->entry, (size_t) list->count * sizeof(Entry *));
		chosen->count = list->count;
		return true;
	}
	do
	{
		Effect		effect;

		again = false;
		acting.count = 0;
		if (!choose_by_groups(pricing, list, idle, chosen) ||
			!units_copy(pricing->memory, &pricing->ahead, &pricing->now))
			return price_fail(pricing, PRICE_NO_MEMORY);
		for (i = 0; i < chosen->count; i++)
		{
			Entry	   *entry = chosen->entry[i];
			const Entry *other = in_the_way(pricing, entry, acting.entry, acting.count);

			if (other != NULL)
				price_lost(entry, REASON_BEATEN_BY, other);
			else if (!combine_try(pricing, entry, &pricing->ahead, &effect))
				return false;
			if (other == NULL && effect.acts)
				acting.entry[acting.count++] = entry;
			else if (entry->promotion->group_count > 0)
			{
				idle[entry->index] = true;
				again = true;
			}
		}
	} while (again);

	memcpy(chosen->entry, acting.entry, (size_t) acting.count * sizeof(Entry *));
	chosen->count = acting.count;
	return true;
}

/* Applies a list for good. */
static bool
commit_list(Pricing *pricing, const EntryList *list)
{
	int			i;

	for (i = 0; i < list->count; i++)
		if (!price_commit(pricing, list->entry[i]))
			return false;
	return true;
}

/* Says of those that nothing was said of why they do not act. */
static bool
explain_rest(Pricing *pricing, const EntryList *list)
{
	int			i;

	for (i = 0; i < list->count; i++)
	{
		Entry	   *entry = list->entry[i];

		if (entry->applied || entry->reason != REASON_NONE)
			continue;
		if (!price_explain(pricing, entry))
			return false;
	}
	return true;
}

/* The one that takes most, or the first that acts where none takes anything */
static bool
choose_one(Pricing *pricing, const EntryList *list, Entry **best)
{
	int			i;

	*best = NULL;
	for (i = 0; i < list->count; i++)
	{
		Entry	   *entry = list->entry[i];

		if (!combine_alone(pricing, entry, &pricing->now))
			return false;
		if (entry->alone_acts && combine_has_room(pricing, entry) &&
			in_the_way(pricing, entry, NULL, 0) == NULL &&
			(*best == NULL || entry->alone > (*best)->alone))
			*best = entry;
	}
	return true;
}

static bool
combine_best_one(Pricing *pricing, const EntryList *list)
{
	Entry	   *best;
	int			i;

	if (!choose_one(pricing, list, &best))
		return false;
	if (best != NULL && !price_commit(pricing, best))
		return false;
	for (i = 0; i < list->count; i++)
	{
		Entry	   *entry = list->entry[i];

		if (entry != best && entry->alone_acts)
			price_lost(entry, REASON_BEATEN_BY, best);
	}
	return explain_rest(pricing, list);
}

/*
 * Each line by the entry that takes most of it, the earlier one of equals, and
 * shipping as if it were a line; each on its own, as if the others were not.
 */
static bool
combine_best_per_line(Pricing *pricing, const EntryList *all)
{
	int			lines = pricing->lines;
	int64_t    *most = price_alloc(pricing, (size_t) lines + 1, sizeof(int64_t));
	Entry	  **winner = price_alloc(pricing, (size_t) lines + 1, sizeof(Entry *));
	EntryList	list;
	EntryList	sorted;
	Units	   *units = &pricing->ahead;
	Effect		effect;
	int			line;
	int			i;

	if (most == NULL || winner == NULL || !list_start(pricing, &list, all->count) ||
		!list_start(pricing, &sorted, all->count))
		return false;

	/* Who can be with the others: those that take most alone first */
	for (i = 0; i < all->count; i++)
	{
		if (!combine_alone(pricing, all->entry[i], &pricing->now))
			return false;
		if (all->entry[i]->alone_acts)
			sorted.entry[sorted.count++] = all->entry[i];
	}
	qsort(sorted.entry, (size_t) sorted.count, sizeof(Entry *), alone_order);
	for (i = 0; i < sorted.count; i++)
	{
		Entry	   *entry = sorted.entry[i];
		const Entry *other = in_the_way(pricing, entry, list.entry, list.count);

		if (other != NULL)
			price_lost(entry, REASON_BEATEN_BY, other);
		else if (!combine_has_room(pricing, entry))
			lost_group(pricing, entry, list.entry, list.count);
		else
		{
			combine_count(pricing, entry, 1);
			list.entry[list.count++] = entry;
		}
	}
	for (i = 0; i < list.count; i++)
		combine_count(pricing, list.entry[i], -1);
	qsort(list.entry, (size_t) list.count, sizeof(Entry *), price_rank_order);

	for (i = 0; i < list.count; i++)
	{
		Entry	   *entry = list.entry[i];

		if (!units_copy(pricing->memory, units, &pricing->now) ||
			!combine_try(pricing, entry, units, &effect))
			return price_fail(pricing, PRICE_NO_MEMORY);
		for (line = 0; line <= lines; line++)
		{
			int64_t		taken = line == lines ? effect.shipping :
				pricing->now.left[line] - units->left[line];

			if (taken > most[line])
			{
				most[line] = taken;
				winner[line] = entry;
			}
		}
	}

	/* Each takes its lines, and loses the rest. */
	if (!units_copy(pricing->memory, &pricing->base, &pricing->now))
		return price_fail(pricing, PRICE_NO_MEMORY);
	for (i = 0; i < list.count; i++)
	{
		Entry	   *entry = list.entry[i];
		PriceOutcome *outcome = pricing->outcome;
		const Entry *other = NULL;
		int			gifts = outcome->gift_count;
		int			issues = outcome->issue_count;
		int			steps = outcome->step_count;
		int64_t		lost = 0;

		if (!units_copy(pricing->memory, units, &pricing->base))
			return price_fail(pricing, PRICE_NO_MEMORY);
		pricing->noting = true;
		if (!combine_try(pricing, entry, units, &effect))
			return false;
		pricing->noting = false;
		if (!units_copy(pricing->memory, &pricing->spare, &pricing->now))
			return price_fail(pricing, PRICE_NO_MEMORY);
		effect.goods = 0;
		for (line = 0; line <= lines; line++)
		{
			int64_t		taken = line == lines ? effect.shipping :
				pricing->base.left[line] - units->left[line];

			if (taken == 0)
				continue;
			if (winner[line] != entry)
			{
				if (taken > lost)
				{
					lost = taken;
					other = winner[line];
				}
				if (line == lines)
					effect.shipping = 0;
				continue;
			}
			if (line == lines)
				pricing->now.shipping = units->shipping;
			else if (!units_adopt(pricing->memory, &pricing->now, line, units))
				return price_fail(pricing, PRICE_NO_MEMORY);
			else
			{
				effect.goods += taken;
				pricing->now.stopped[line] = units->stopped[line];
			}
		}
		if (effect.goods > 0 || effect.shipping > 0 ||
			outcome->gift_count > gifts || outcome->issue_count > issues)
		{
			pricing->now.all_stopped = pricing->now.all_stopped || units->all_stopped;
			if (!price_record(pricing, entry, &pricing->spare, &pricing->now, &effect))
				return false;
		}
		else
		{
			outcome->step_count = steps;
			price_lost(entry, REASON_BEATEN_BY, other);
		}
	}
	return explain_rest(pricing, all);
}

static bool
combine_best_order(Pricing *pricing, const EntryList *list)
{
	EntryList	chosen;
	EntryList	ordered;

	return list_start(pricing, &chosen, list->count) && list_start(pricing, &ordered, list->count) &&
		choose_all(pricing, list, &chosen) && best_order(pricing, &chosen, &ordered) &&
		commit_list(pricing, &ordered) && explain_rest(pricing, list);
}

static bool
combine_all(Pricing *pricing, const EntryList *list)
{
	EntryList	chosen;

	return list_start(pricing, &chosen, list->count) && choose_all(pricing, list, &chosen) &&
		commit_list(pricing, &chosen) && explain_rest(pricing, list);
}

/* The applied entry that a loser is nearest to: one that it cannot be with, or
 * that shares most of its lines */
static void
lost_combination(Pricing *pricing, Entry *entry, const EntryList *chosen)
{
	const Entry *other = in_the_way(pricing, entry, chosen->entry, chosen->count);
	int64_t		most = -1;
	int			i;

	if (other == NULL && !combine_has_room(pricing, entry))
	{
		lost_group(pricing, entry, chosen->entry, chosen->count);
		return;
	}
	for (i = 0; other == NULL && i < pricing->outcome->share_count; i++)
	{
		const PriceShare *share = &pricing->outcome->shares[i];

		if (entry->lines[share->line] && share->amount > most)
			most = share->amount;
	}
	for (i = 0; other == NULL && i < pricing->outcome->share_count; i++)
	{
		const PriceShare *share = &pricing->outcome->shares[i];

		if (entry->lines[share->line] && share->amount == most)
			other = &pricing->entries[share->candidate];
	}
	for (i = 0; other == NULL && entry->ships && i < pricing->outcome->applied_count; i++)
		if (pricing->outcome->applied[i].shipping > 0)
			other = &pricing->entries[pricing->outcome->applied[i].candidate];
	if (other != NULL)
		price_lost(entry, REASON_BEATEN_BY, other);
}

static bool
combine_best_combination(Pricing *pricing, const EntryList *list)
{
	EntryList	chosen;
	int			i;

	if (!list_start(pricing, &chosen, list->count) || !best_combination(pricing, list, &chosen) ||
		!commit_list(pricing, &chosen))
		return false;
	for (i = 0; i < list->count; i++)
		if (!list->entry[i]->applied && list->entry[i]->alone_acts)
			lost_combination(pricing, list->entry[i], &chosen);
	return explain_rest(pricing, list);
}

static Combine
lane_combine(const PricePolicy *policy, int lane, bool *named)
{
	int			i;

	*named = true;
	for (i = 0; i < policy->lane_count; i++)
		if (policy->lanes[i].lane == lane)
			return policy->lanes[i].combine;
	*named = false;
	return policy->combine;
}

static bool
run_stage(Pricing *pricing, Combine combine, EntryList *list)
{
	int			i;

	for (i = 0; i < list->count; i++)
		list->entry[i]->alone_known = false;
	switch (combine)
	{
		case COMBINE_ALL_IN_PRIORITY_ORDER:
			return combine_all(pricing, list);
		case COMBINE_BEST_ONE:
			return combine_best_one(pricing, list);
		case COMBINE_BEST_PER_LINE:
			return combine_best_per_line(pricing, list);
		case COMBINE_BEST_ORDER:
			return combine_best_order(pricing, list);
		case COMBINE_BEST_COMBINATION:
			return combine_best_combination(pricing, list);
	}
	return true;
}

/* All stages, of those that are not exclusive */
static bool
run_stages(Pricing *pricing)
{
	EntryList	list;
	int			at = 0;

	if (!list_start(pricing, &list, pricing->count))
		return false;
	while (at < pricing->count)
	{
		int			lane = pricing->ranked[at]->lane;
		bool		named;
		Combine		combine = lane_combine(pricing->policy, lane, &named);
		bool		alone = named || combine == COMBINE_BEST_PER_LINE || combine == COMBINE_BEST_ORDER;

		list.count = 0;
		for (; at < pricing->count; at++)
		{
			Entry	   *entry = pricing->ranked[at];
			bool		other_named;

			if (entry->lane != lane)
			{
				(void) lane_combine(pricing->policy, entry->lane, &other_named);
				if (alone || other_named)
					break;
				lane = entry->lane;
			}
			if (entry->eligible && !entry->promotion->exclusive)
				list.entry[list.count++] = entry;
		}
		if (list.count > 0 && !run_stage(pricing, combine, &list))
			return false;
	}
	return true;
}

/* Applies an exclusive promotion alone; all others lose to it. */
static bool
run_exclusive(Pricing *pricing, Entry *winner)
{
	int			i;

	if (!price_commit(pricing, winner))
		return false;
	for (i = 0; i < pricing->count; i++)
	{
		Entry	   *entry = &pricing->entries[i];

		if (entry->eligible && entry != winner)
			price_lost(entry, REASON_EXCLUSIVE, winner);
	}
	return true;
}

bool
price_combine(Pricing *pricing)
{
	PriceOutcome *outcome = pricing->outcome;
	int			failures = outcome->failure_count;
	EntryList	exclusive;
	Entry	   *best = NULL;
	int			i;

	if (!list_start(pricing, &exclusive, pricing->count))
		return false;
	for (i = 0; i < pricing->count; i++)
	{
		Entry	   *entry = pricing->ranked[i];

		entry->rank = i;
		if (entry->eligible && entry->promotion->exclusive)
			exclusive.entry[exclusive.count++] = entry;
	}
	for (i = 0; i < exclusive.count; i++)
	{
		Entry	   *entry = exclusive.entry[i];

		if (!combine_alone(pricing, entry, &pricing->now))
			return false;
		if (entry->alone_acts && (best == NULL || (pricing->policy->exclusive_best && entry->alone > best->alone)))
			best = entry;
	}
	if (best != NULL && !pricing->policy->exclusive_best)
		return run_exclusive(pricing, best);
	if (!run_stages(pricing))
		return false;
	if (best != NULL)
	{
		int64_t		taken = 0;

		for (i = 0; i < outcome->applied_count; i++)
			taken += outcome->applied[i].goods + outcome->applied[i].shipping;
		if (best->alone > taken || outcome->applied_count == 0)
		{
			price_restart(pricing, failures);
			if (!units_copy(pricing->memory, &pricing->now, &pricing->start))
				return price_fail(pricing, PRICE_NO_MEMORY);
			return run_exclusive(pricing, best);
		}
		for (i = 0; i < exclusive.count; i++)
			if (exclusive.entry[i]->alone_acts)
				price_lost(exclusive.entry[i], REASON_BEATEN_BY,
						   &pricing->entries[outcome->applied[0].candidate]);
	}
	return explain_rest(pricing, &exclusive);
}
