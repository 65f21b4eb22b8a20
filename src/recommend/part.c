/*-------------------------------------------------------------------------
 *
 * part.c
 *	  Rows in parts: what is learned from, and what it is judged by.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/part.h"

#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

/* Rows handled between two questions whether to go on */
#define ROWS_A_QUESTION 1000000

/* The key of the hash that pairs are drawn by at random, for ever */
#define KEY0 UINT64_C(0x70726f6d6f2e7061)
#define KEY1 UINT64_C(0x7274732e73706c69)

static bool
rank_names(const Memory *memory, const Names *names, uint32_t **rank, uint32_t **name,
		   uint64_t **key)
{
	uint32_t	i;

	*rank = memory_array(memory, (size_t) names->count + 1, sizeof(uint32_t));
	*name = memory_array(memory, (size_t) names->count + 1, sizeof(uint32_t));
	*key = memory_array(memory, (size_t) names->count + 1, sizeof(uint64_t));
	if (*rank == NULL || *name == NULL || *key == NULL || !names_sort(names, *name))
		return false;
	for (i = 0; i < names->count; i++)
	{
		NameText	text = names_text(names, (*name)[i]);

		(*rank)[(*name)[i]] = i;
		(*key)[i] = hash_keyed(text.data, text.size, KEY0, KEY1);
	}
	return memory->may_go_on(memory->arg);
}

bool
part_ranks(const Memory *memory, const Names *customers, const Names *items, PartRanks *ranks)
{
	memset(ranks, 0, sizeof(*ranks));
	ranks->n_customers = customers->count;
	ranks->n_items = items->count;
	if (rank_names(memory, customers, &ranks->customer, &ranks->customer_name,
				   &ranks->customer_key) &&
		rank_names(memory, items, &ranks->item, &ranks->item_name, &ranks->item_key))
		return true;
	part_ranks_end(memory, ranks);
	return false;
}

void
part_ranks_end(const Memory *memory, PartRanks *ranks)
{
	memory_release(memory, ranks->customer);
	memory_release(memory, ranks->item);
	memory_release(memory, ranks->customer_name);
	memory_release(memory, ranks->item_name);
	memory_release(memory, ranks->customer_key);
	memory_release(memory, ranks->item_key);
	memset(ranks, 0, sizeof(*ranks));
}

bool
part_events(const Memory *memory, const Interactions *rows, const PartRanks *ranks,
			SplitEvents *events)
{
	size_t		n = (size_t) rows->rows + 1;
	uint32_t   *user = memory_array(memory, n, sizeof(uint32_t));
	uint32_t   *item = memory_array(memory, n, sizeof(uint32_t));
	int64_t    *at = rows->has_times ? memory_array(memory, n, sizeof(int64_t)) : NULL;
	uint64_t	i;

	memset(events, 0, sizeof(*events));
	events->user = user;
	events->item = item;
	events->at = at;
	events->part = memory_zero_array(memory, n, 1);
	if (user == NULL || item == NULL || events->part == NULL || (at == NULL && rows->has_times))
	{
		part_events_end(memory, events);
		return false;
	}
	events->n = (uint32_t) rows->rows;
	events->n_users = ranks->n_customers;
	events->user_key = ranks->customer_key;
	events->item_key = ranks->item_key;
	for (i = 0; i < rows->rows; i++)
	{
		if (i % ROWS_A_QUESTION == 0 && !memory->may_go_on(memory->arg))
		{
			part_events_end(memory, events);
			return false;
		}
		user[i] = ranks->customer[interactions_customer(rows, i)];
		item[i] = ranks->item[interactions_item(rows, i)];
		if (at != NULL)
			at[i] = interactions_at(rows, i);
	}
	return true;
}

void
part_events_end(const Memory *memory, SplitEvents *events)
{
	memory_release(memory, (void *) events->user);
	memory_release(memory, (void *) events->item);
	memory_release(memory, (void *) events->at);
	memory_release(memory, events->part);
	memset(events, 0, sizeof(*events));
}

uint64_t
part_need(const Interactions *rows)
{
	return (rows->rows + 1) * (3 * sizeof(uint32_t) + 1 + (rows->has_times ? sizeof(int64_t) : 0)) +
		((uint64_t) rows->customers->count + rows->items->count + 2) *
		(4 * sizeof(uint32_t) + 2 * sizeof(uint64_t));
}

bool
part_follow(const Memory *memory, const Split *split, const SplitEvents *events,
			SplitEvents *second, uint8_t part)
{
	bool		is_alone = split->kind == SPLIT_LAST;
	uint32_t	begins = is_alone ? events->n_users : 1;
	int64_t    *begin;
	uint32_t	i;

	if (split->kind == SPLIT_RANDOM)
		return split_events(memory, split, second, PART_LEARN, part);
	begin = memory_array(memory, (size_t) begins + 1, sizeof(int64_t));
	if (begin == NULL)
		return false;
	for (i = 0; i < begins; i++)
		begin[i] = INT64_MAX;
	for (i = 0; i < events->n; i++)
		if (events->part[i] == part)
		{
			int64_t    *its = &begin[is_alone ? events->user[i] : 0];

			if (events->at[i] < *its)
				*its = events->at[i];
		}
	for (i = 0; i < second->n; i++)
		if (second->part[i] == PART_LEARN &&
			second->at[i] >= begin[is_alone ? second->user[i] : 0])
			second->part[i] = part;
	memory_release(memory, begin);
	return memory->may_go_on(memory->arg);
}

static int
compare_items(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

bool
part_taken(const Memory *memory, const SplitEvents *events, uint8_t part, PartTaken *taken)
{
	uint64_t	to = 0;
	uint64_t	from = 0;
	uint32_t	i;

	memset(taken, 0, sizeof(*taken));
	taken->start = memory_zero_array(memory, (size_t) events->n_users + 2, sizeof(uint64_t));
	if (taken->start == NULL)
		return false;
	for (i = 0; i < events->n; i++)
		if (events->part[i] == part)
			taken->start[events->user[i] + 2]++;
	for (i = 0; i < events->n_users; i++)
		taken->start[i + 2] += taken->start[i + 1];
	taken->item = memory_array(memory, (size_t) taken->start[events->n_users + 1] + 1,
							   sizeof(uint32_t));
	if (taken->item == NULL)
	{
		part_taken_end(memory, taken);
		return false;
	}
	for (i = 0; i < events->n; i++)
		if (events->part[i] == part)
			taken->item[taken->start[events->user[i] + 1]++] = events->item[i];

	/* Now start[i] is where a customer begins and start[i + 1] where he ends. */
	for (i = 0; i < events->n_users; i++)
	{
		uint64_t	end = taken->start[i + 1];
		uint64_t	first = to;

		qsort(taken->item + from, (size_t) (end - from), sizeof(uint32_t), compare_items);
		for (; from < end; from++)
			if (to == first || taken->item[to - 1] != taken->item[from])
				taken->item[to++] = taken->item[from];
		taken->start[i] = first;
	}
	taken->start[events->n_users] = to;
	return memory->may_go_on(memory->arg);
}

void
part_taken_end(const Memory *memory, PartTaken *taken)
{
	memory_release(memory, taken->start);
	memory_release(memory, taken->item);
	memset(taken, 0, sizeof(*taken));
}

/* The number among the others of a name, given one; NAME_NONE: out of memory */
static inline uint32_t
renamed(const Names *names, uint32_t name, Names *others, uint32_t *number_of)
{
	if (number_of[name] == NAME_NONE)
	{
		NameText	text = names_text(names, name);

		number_of[name] = names_number(others, text.data, text.size);
	}
	return number_of[name];
}

bool
part_select(const Interactions *rows, const uint8_t *part, uint8_t below,
			uint32_t *customer_number_of, uint32_t *item_number_of, Interactions *selected)
{
	const Memory *memory = selected->memory;
	uint64_t	i;
	uint32_t	item;

	for (i = 0; i < rows->rows; i++)
	{
		uint32_t	customer;

		if (i % ROWS_A_QUESTION == 0 && !memory->may_go_on(memory->arg))
			return false;
		if (part[i] >= below)
			continue;
		customer = renamed(rows->customers, interactions_customer(rows, i), selected->customers,
						   customer_number_of);
		item = renamed(rows->items, interactions_item(rows, i), selected->items, item_number_of);
		if (customer == NAME_NONE || item == NAME_NONE ||
			!interactions_add(selected, customer, item, interactions_weight(rows, i),
							  interactions_at(rows, i)))
			return false;
	}
	for (item = 0; item < rows->category_room && item < rows->items->count; item++)
		if (item_number_of[item] != NAME_NONE && rows->category_of[item] != NAME_NONE)
		{
			NameText	text = names_text(&rows->categories, rows->category_of[item]);

			if (!interactions_categorize(selected, item_number_of[item], text.data, text.size))
				return false;
		}
	return true;
}

uint32_t *
part_rename(const Memory *memory, const Names *names, Names *others)
{
	uint32_t   *number_of = memory_array(memory, (size_t) names->count + 1, sizeof(uint32_t));
	uint32_t	i;

	for (i = 0; number_of != NULL && i < names->count; i++)
	{
		number_of[i] = NAME_NONE;
		if (renamed(names, i, others, number_of) == NAME_NONE)
		{
			memory_release(memory, number_of);
			number_of = NULL;
		}
	}
	return number_of;
}
