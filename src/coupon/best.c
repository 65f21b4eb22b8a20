/*-------------------------------------------------------------------------
 *
 * best.c
 *	  The promotions, or the order of promotions, that take most together.
 *
 * To choose a best set of promotions that exclude each other is to find an
 * independent set of most weight, which is hard in general; but a cart meets
 * few promotions, and those that touch different lines have nothing to do with
 * each other.  So each component is solved on its own, by branch and bound: a
 * set grows in the order of application, and is given up where what it has
 * taken, and the most that those to come can take, do not reach the best so
 * far.  That most is what a promotion takes alone, where nothing that others
 * do can raise it, or else the room that its lines have left.
 *
 * A search that tried as many applications as the policy allows stops; then
 * the best set so far (at first a greedy one) is bettered by exchanging one
 * promotion for one or two others as long as that helps, and the outcome says
 * that nobody knows whether there is a better one.
 *
 * Of sets that take the same, the one with fewer promotions wins, and of those
 * the one whose promotions come first.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "coupon/price_work.h"

typedef struct Search
{
	Pricing    *pricing;
	EntryList	list;			/* of a component */
	Units	   *units;			/* by how many are applied */
	bool	   *in;				/* by place */
	int		   *order;			/* places, of a search for an order */
	bool	   *best_in;
	int		   *best_order;
	int64_t		best;
	int			best_count;
	int64_t    *bound;			/* by level: most that the places from one on
								 * take */
	int64_t    *own;			/* most that each place takes */
	int64_t		limit;			/* applications that may still be tried */
	int64_t		most;			/* no set takes more */
	bool		ended;			/* by the limit */
} Search;

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The action that takes something; NULL where there are none or several */
static const Action *
one_discount(const Promotion *promotion)
{
	const Action *found = NULL;
	int			i;

	for (i = 0; i < promotion->action_count; i++)
	{
		const Action *action = &promotion->actions[i];

		if (action->kind == ACTION_GIFT || action->kind == ACTION_ISSUE_CODE)
			continue;
		if (found != NULL)
			return NULL;
		found = action;
	}
	return found;
}

/*
 * Whether what the entry takes can only shrink when others take something
 * before.  It can grow where units that others used make it turn to dearer
 * ones, where lines that are stopped make it turn to others, or where one of
 * its actions leaves more to the next.
 */
static bool
only_shrinks(const Entry *entry, bool stops)
{
	const Action *action = one_discount(entry->promotion);

	if (entry->late || action == NULL)
		return false;
	switch (action->kind)
	{
		case ACTION_BUNDLE_PRICE:
		case ACTION_BUY_GET:
		case ACTION_CHEAPEST_FREE:
			return false;
		default:
			return !stops || (action->max_units == 0 && action->max_units_per_line == 0 &&
							  action->quantity == 0 && action->target != TARGET_CHEAPEST_UNIT);
	}
}

/* Alone, and what bounds each entry of a list */
static bool
find_bounds(Pricing *pricing, const EntryList *list)
{
	bool		stops = false;
	int			i;

	for (i = 0; i < list->count; i++)
		stops = stops || list->entry[i]->promotion->stop_after == STOP_LINE;
	for (i = 0; i < list->count; i++)
	{
		Entry	   *entry = list->entry[i];

		if (!combine_alone(pricing, entry, &pricing->now))
			return false;
		entry->alone_bounds = only_shrinks(entry, stops);
	}
	return true;
}

/* At most what the entry can still take from units */
static int64_t
most_of(const Pricing *pricing, const Entry *entry, const Units *units)
{
	int64_t		room = entry->ships ? units->shipping : 0;
	int			line;

	if (units->all_stopped)
		return 0;
	for (line = 0; line < pricing->lines; line++)
		if (entry->lines[line] && !units->stopped[line])
			room += price_line_room(pricing, units, line);
	if (!entry->goods_only)
		room = least(room, entry->allowance);
	return entry->alone_bounds ? least(room, entry->alone_most) : room;
}

static bool
connected(const Pricing *pricing, const Entry *a, const Entry *b)
{
	int			i;
	int			j;

	if ((a->ships && b->ships) || a->late || b->late || !combine_compatible(a, b) ||
		a->promotion->stop_after == STOP_CART || b->promotion->stop_after == STOP_CART)
		return true;
	for (i = 0; i < pricing->lines; i++)
		if (a->lines[i] && b->lines[i])
			return true;
	for (i = 0; i < a->promotion->group_count; i++)
		for (j = 0; j < b->promotion->group_count; j++)
			if (a->groups[i] == b->groups[j])
				return true;
	return false;
}

/* The number of each place's component; gives how many there are. */
static int
find_components(const Pricing *pricing, const EntryList *list, int *number, int *queue)
{
	int			found = 0;
	int			i;

	for (i = 0; i < list->count; i++)
		number[i] = -1;
	for (i = 0; i < list->count; i++)
	{
		int			from = 0;
		int			until = 0;
		int			j;

		if (number[i] >= 0)
			continue;
		number[i] = found;
		queue[until++] = i;
		while (from < until)
		{
			const Entry *entry = list->entry[queue[from++]];

			for (j = 0; j < list->count; j++)
				if (number[j] < 0 && connected(pricing, entry, list->entry[j]))
				{
					number[j] = found;
					queue[until++] = j;
				}
		}
		found++;
	}
	return found;
}

static bool
search_start(Pricing *pricing, Search *search, const EntryList *list, const int *number, int component)
{
	size_t		room = 0;
	int			i;

	memset(search, 0, sizeof(*search));
	for (i = 0; i < list->count; i++)
		room += number[i] == component;
	search->pricing = pricing;
	search->list.entry = price_alloc(pricing, room, sizeof(Entry *));
	search->units = price_alloc(pricing, room + 1, sizeof(Units));
	search->in = price_alloc(pricing, room, sizeof(bool));
	search->best_in = price_alloc(pricing, room, sizeof(bool));
	search->order = price_alloc(pricing, room, sizeof(int));
	search->best_order = price_alloc(pricing, room, sizeof(int));
	search->bound = price_alloc(pricing, (room + 1) * (room + 1), sizeof(int64_t));
	search->own = price_alloc(pricing, room, sizeof(int64_t));
	if (pricing->status != PRICE_DONE)
		return false;
	for (i = 0; i < list->count; i++)
		if (number[i] == component)
			search->list.entry[search->list.count++] = list->entry[i];
	search->limit = pricing->policy->nodes - pricing->outcome->nodes;
	if (!units_copy(pricing->memory, &search->units[0], &pricing->now))
		return price_fail(pricing, PRICE_NO_MEMORY);
	return true;
}

static void
search_release(Search *search)
{
	int			i;

	if (search->units != NULL)
		for (i = 0; i <= search->list.count; i++)
			units_release(search->pricing->memory, &search->units[i]);
}

/* Applies an entry to the units of a level, which become those of the next. */
static bool
try_on(Search *search, int level, Entry *entry, Effect *effect)
{
	Pricing    *pricing = search->pricing;

	pricing->outcome->nodes++;
	search->limit--;
	if (!units_copy(pricing->memory, &search->units[level + 1], &search->units[level]))
		return price_fail(pricing, PRICE_NO_MEMORY);
	return combine_try(pricing, entry, &search->units[level + 1], effect);
}

/* Whether an entry may be beside those applied and those in the set */
static bool
may_join(const Search *search, int place, const bool *in)
{
	const Pricing *pricing = search->pricing;
	const Entry *entry = search->list.entry[place];
	int			i;

	for (i = 0; i < search->list.count; i++)
		if (in[i] && i != place && !combine_compatible(entry, search->list.entry[i]))
			return false;
	for (i = 0; i < pricing->outcome->applied_count; i++)
		if (!combine_compatible(entry, &pricing->entries[pricing->outcome->applied[i].candidate]))
			return false;
	return combine_has_room(pricing, entry);
}

/* Whether the set beats the best one */
static bool
is_better(const Search *search, const bool *in, int64_t value, int count)
{
	int			i;

	if (value != search->best)
		return value > search->best;
	if (count != search->best_count)
		return count < search->best_count;
	for (i = 0; i < search->list.count; i++)
		if (in[i] != search->best_in[i])
			return in[i];
	return false;
}

static void
keep(Search *search, const bool *in, int64_t value, int count)
{
	search->best = value;
	search->best_count = count;
	if (search->list.count > 0)
		memcpy(search->best_in, in, (size_t) search->list.count * sizeof(bool));
}

/*
 * Most that the places from each one on take of the units of a level; of a
 * group that has room for one, only the one that takes most counts.
 */
static const int64_t *
find_level_bounds(Search *search, int level, int from)
{
	Pricing    *pricing = search->pricing;
	int			count = search->list.count;
	int64_t    *bound = search->bound + (size_t) level * (size_t) (count + 1);
	int			i;
	int			j;

	bound[count] = 0;
	for (i = count - 1; i >= from; i--)
	{
		const Entry *entry = search->list.entry[i];
		int64_t		own = may_join(search, i, search->in) ?
			most_of(pricing, entry, &search->units[level]) : 0;
		int64_t		covered = 0;

		search->own[i] = own;
		for (j = i + 1; j < count && entry->promotion->group_count > 0; j++)
		{
			const Entry *other = search->list.entry[j];

			/* By its first group alone, so that no other is counted twice */
			if (other->promotion->group_count > 0 && other->groups[0] == entry->groups[0] &&
				pricing->groups[entry->groups[0]].most == 1 && search->own[j] > covered)
				covered = search->own[j];
		}
		if (__builtin_add_overflow(bound[i + 1], own > covered ? own - covered : 0, &bound[i]))
			bound[i] = INT64_MAX;
	}
	return bound;
}

/* Sets that have those chosen so far, and any of the places from one on */
static bool
grow_set(Search *search, int from, int level, int64_t value)
{
	Pricing    *pricing = search->pricing;
	const int64_t *bound;
	Effect		effect;
	int			i;

	if (is_better(search, search->in, value, level))
		keep(search, search->in, value, level);
	if (from == search->list.count)
		return true;
	bound = find_level_bounds(search, level, from);
	for (i = from; i < search->list.count; i++)
	{
		Entry	   *entry = search->list.entry[i];
		int64_t		reach;

		if (__builtin_add_overflow(value, bound[i], &reach))
			reach = INT64_MAX;
		if (reach < search->best || (reach == search->best && level + 1 > search->best_count))
			return true;
		if (!may_join(search, i, search->in))
			continue;
		if (search->limit <= 0)
		{
			search->ended = true;
			return true;
		}
		if (!try_on(search, level, entry, &effect))
			return false;
		if (effect.goods + effect.shipping == 0)
			continue;
		search->in[i] = true;
		combine_count(pricing, entry, 1);
		if (!grow_set(search, i + 1, level + 1, value + effect.goods + effect.shipping))
			return false;
		combine_count(pricing, entry, -1);
		search->in[i] = false;
	}
	return true;
}

/* What a set takes; -1 where its promotions cannot be together. */
static bool
value_of(Search *search, const bool *in, int64_t *value, int *count)
{
	Pricing    *pricing = search->pricing;
	bool		possible = true;
	int			counted = 0;
	int			i;

	*value = -1;
	*count = 0;
	for (i = 0; i < search->list.count && possible; i++)
		if (in[i])
		{
			possible = may_join(search, i, in);
			if (possible)
			{
				combine_count(pricing, search->list.entry[i], 1);
				counted = i + 1;
			}
		}
	for (i = 0; i < counted; i++)
		if (in[i])
			combine_count(pricing, search->list.entry[i], -1);
	if (!possible)
		return true;
	*value = 0;
	for (i = 0; i < search->list.count; i++)
	{
		Effect		effect;

		if (!in[i])
			continue;
		if (!try_on(search, *count, search->list.entry[i], &effect))
			return false;
		*value += effect.goods + effect.shipping;
		(*count)++;
	}
	return true;
}

static int
more_alone(const void *a, const void *b)
{
	const Entry *left = *(Entry *const *) a;
	const Entry *right = *(Entry *const *) b;

	if (left->alone != right->alone)
		return left->alone > right->alone ? -1 : 1;
	return left->rank < right->rank ? -1 : 1;
}

/* A first set: those that take most alone, as far as each makes it more */
static bool
greedy(Search *search)
{
	Pricing    *pricing = search->pricing;
	size_t		size = (size_t) search->list.count;
	Entry	  **sorted = price_alloc(pricing, size, sizeof(Entry *));
	bool	   *in = price_alloc(pricing, size, sizeof(bool));
	int64_t		value;
	int			count;
	int			i;
	int			place;

	if (sorted == NULL || in == NULL)
		return false;
	memcpy(sorted, search->list.entry, size * sizeof(Entry *));
	qsort(sorted, size, sizeof(Entry *), more_alone);
	for (i = 0; i < search->list.count && search->limit > 0; i++)
	{
		for (place = 0; search->list.entry[place] != sorted[i]; place++)
			;
		in[place] = true;
		if (!value_of(search, in, &value, &count))
			return false;
		if (value > search->best)
			keep(search, in, value, count);
		else
			in[place] = false;
	}
	return true;
}

/* Keeps a set that is changed in up to three places, if it beats the best. */
static bool
try_change(Search *search, bool *in, int out, int one, int two, bool *improved)
{
	size_t		size = (size_t) search->list.count * sizeof(bool);
	int64_t		value;
	int			count;

	memcpy(in, search->best_in, size);
	if (out >= 0)
		in[out] = false;
	if (one >= 0)
		in[one] = true;
	if (two >= 0)
		in[two] = true;
	if (!value_of(search, in, &value, &count))
		return false;
	*improved = value >= 0 && is_better(search, in, value, count);
	if (*improved)
		keep(search, in, value, count);
	return true;
}

/* Exchanges one for none, one or two others as long as that helps. */
static bool
exchange(Search *search)
{
	int			count = search->list.count;
	bool	   *in = price_alloc(search->pricing, (size_t) count, sizeof(bool));
	bool		improved = true;
	int			out;
	int			one;
	int			two;

	if (in == NULL)
		return false;
	search->limit = search->pricing->policy->nodes;
	while (improved && search->limit > 0)
	{
		improved = false;
		for (out = -1; out < count && !improved; out++)
		{
			if (out >= 0 && !search->best_in[out])
				continue;
			for (one = -1; one < count && !improved; one++)
			{
				if (one >= 0 && search->best_in[one])
					continue;
				for (two = one < 0 ? count : one + 1; two <= count && !improved; two++)
				{
					if (two < count && search->best_in[two])
						continue;
					if (search->limit <= 0)
						return true;
					if (!try_change(search, in, out, one, two < count ? two : -1, &improved))
						return false;
				}
			}
		}
	}
	return true;
}

/* Those of a list that a search is about: they take something, maybe */
static bool
takers(Pricing *pricing, const EntryList *list, EntryList *found)
{
	int			i;

	found->count = 0;
	found->entry = price_alloc(pricing, (size_t) list->count, sizeof(Entry *));
	if (found->entry == NULL)
		return false;
	for (i = 0; i < list->count; i++)
		if (most_of(pricing, list->entry[i], &pricing->now) > 0)
			found->entry[found->count++] = list->entry[i];
	return true;
}

/* Those that give, and take nothing, go along where nothing is in their way. */
static bool
add_givers(Pricing *pricing, const EntryList *list, EntryList *result)
{
	bool	   *all = price_alloc(pricing, (size_t) list->count, sizeof(bool));
	Search		search = {.pricing = pricing, .list = *list, .in = all};
	int			i;
	int			j;

	if (all == NULL)
		return false;
	for (i = 0; i < list->count; i++)
		for (j = 0; j < result->count; j++)
			all[i] = all[i] || list->entry[i] == result->entry[j];
	for (i = 0; i < result->count; i++)
		combine_count(pricing, result->entry[i], 1);
	for (i = 0; i < list->count; i++)
	{
		Entry	   *entry = list->entry[i];
		bool		stops = false;

		for (j = 0; j < result->count && entry->promotion->stop_after == STOP_CART; j++)
			stops = stops || result->entry[j]->rank > entry->rank;
		if (all[i] || !entry->alone_acts || entry->alone > 0 || stops || !may_join(&search, i, all))
			continue;
		all[i] = true;
		combine_count(pricing, entry, 1);
		result->entry[result->count++] = entry;
	}
	for (i = 0; i < result->count; i++)
		combine_count(pricing, result->entry[i], -1);
	return true;
}

bool
best_combination(Pricing *pricing, const EntryList *list, EntryList *result)
{
	EntryList	found;
	int		   *number = price_alloc(pricing, (size_t) list->count, sizeof(int));
	int		   *queue = price_alloc(pricing, (size_t) list->count, sizeof(int));
	int			components;
	int			component;
	int			i;

	result->count = 0;
	if (number == NULL || queue == NULL || !find_bounds(pricing, list) || !takers(pricing, list, &found))
		return false;
	components = find_components(pricing, &found, number, queue);
	for (component = 0; component < components; component++)
	{
		PriceMark	mark = price_mark(pricing);
		Search		search;
		bool		done = search_start(pricing, &search, &found, number, component) &&
			greedy(&search) && grow_set(&search, 0, 0, 0);

		if (done && search.ended)
		{
			pricing->outcome->optimal = false;
			done = exchange(&search);
		}
		for (i = 0; done && i < search.list.count; i++)
			if (search.best_in[i])
				result->entry[result->count++] = search.list.entry[i];
		search_release(&search);
		price_free_since(pricing, mark);
		if (!done)
			return false;
	}
	if (!add_givers(pricing, list, result))
		return false;
	qsort(result->entry, (size_t) result->count, sizeof(Entry *), price_rank_order);
	return true;
}

/* Orders that start as the one so far */
static bool
grow_order(Search *search, int level, int64_t value)
{
	Pricing    *pricing = search->pricing;
	int			count = search->list.count;
	int64_t		reach = value;
	Effect		effect;
	int			i;

	if (level == count)
	{
		if (value > search->best)
		{
			search->best = value;
			memcpy(search->best_order, search->order, (size_t) count * sizeof(int));
		}
		return true;
	}
	for (i = 0; i < count; i++)
		if (!search->in[i] &&
			__builtin_add_overflow(reach, most_of(pricing, search->list.entry[i], &search->units[level]), &reach))
			reach = INT64_MAX;
	for (i = 0; i < count; i++)
	{
		if (search->in[i])
			continue;
		if (reach <= search->best || search->best == search->most)
			return true;
		if (search->limit <= 0 && search->best >= 0)
		{
			search->ended = true;
			return true;
		}
		if (!try_on(search, level, search->list.entry[i], &effect))
			return false;
		search->in[i] = true;
		search->order[level] = i;
		if (!grow_order(search, level + 1, value + effect.goods + effect.shipping))
			return false;
		search->in[i] = false;
	}
	return true;
}

/* Moves one to another place as long as that helps. */
static bool
better_order(Search *search)
{
	int			count = search->list.count;
	bool		improved = true;
	int			from;
	int			to;
	int			i;

	search->limit = search->pricing->policy->nodes;
	while (improved && search->limit > 0)
	{
		improved = false;
		for (from = 0; from < count && !improved; from++)
			for (to = 0; to < count && !improved; to++)
			{
				int64_t		value = 0;
				int			place = 0;

				if (from == to || search->limit <= 0)
					continue;
				for (i = 0; i < count; i++)
				{
					if (i == from)
						continue;
					if (place == to)
						place++;
					search->order[place++] = search->best_order[i];
				}
				search->order[to] = search->best_order[from];
				for (i = 0; i < count; i++)
				{
					Effect		effect;

					if (!try_on(search, i, search->list.entry[search->order[i]], &effect))
						return false;
					value += effect.goods + effect.shipping;
				}
				if (value > search->best)
				{
					search->best = value;
					memcpy(search->best_order, search->order, (size_t) count * sizeof(int));
					improved = true;
				}
			}
	}
	return true;
}

/*
 * The components' orders as one: always the first of a component whose turn
 * would come first.
 */
static void
merge_orders(EntryList *result, Entry **ordered, const int *start, int *at, int components)
{
	for (;;)
	{
		int			first = -1;
		int			component;

		for (component = 0; component < components; component++)
			if (at[component] < start[component + 1] &&
				(first < 0 || ordered[at[component]]->rank < ordered[at[first]]->rank))
				first = component;
		if (first < 0)
			return;
		result->entry[result->count++] = ordered[at[first]++];
	}
}

bool
best_order(Pricing *pricing, const EntryList *list, EntryList *result)
{
	size_t		room = (size_t) list->count;
	int		   *number = price_alloc(pricing, room, sizeof(int));
	int		   *queue = price_alloc(pricing, room, sizeof(int));
	int		   *start = price_alloc(pricing, room + 1, sizeof(int));
	int		   *at = price_alloc(pricing, room + 1, sizeof(int));
	Entry	  **ordered = price_alloc(pricing, room, sizeof(Entry *));
	int			components;
	int			component;
	int			i;

	result->count = 0;
	if (pricing->status != PRICE_DONE || !find_bounds(pricing, list))
		return false;
	components = find_components(pricing, list, number, queue);
	for (component = 0; component < components; component++)
	{
		PriceMark	mark = price_mark(pricing);
		Search		search;
		bool		done = search_start(pricing, &search, list, number, component);

		if (done)
		{
			search.best = -1;
			for (i = 0; i < search.list.count; i++)
				if (__builtin_add_overflow(search.most, most_of(pricing, search.list.entry[i], &pricing->now),
										   &search.most))
					search.most = INT64_MAX;
			done = grow_order(&search, 0, 0);
		}
		if (done && search.ended)
		{
			pricing->outcome->optimal = false;
			done = better_order(&search);
		}
		at[component] = start[component];
		start[component + 1] = start[component] + search.list.count;
		for (i = 0; done && i < search.list.count; i++)
			ordered[start[component] + i] = search.list.entry[search.best_order[i]];
		search_release(&search);
		price_free_since(pricing, mark);
		if (!done)
			return false;
	}
	merge_orders(result, ordered, start, at, components);
	return true;
}
