/*-------------------------------------------------------------------------
 *
 * part.c
 *	  Parts of rows hold what they should, under whatever names.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "recommend/part.h"

#define ROWS 3000
#define CUSTOMERS 60
#define ITEMS 90

typedef struct Rows
{
	Names		customers;
	Names		items;
	Interactions rows;
	PartRanks	ranks;
	SplitEvents events;
} Rows;

static char customer_names[ROWS][16];
static char item_names[ROWS][16];
static int64_t times[ROWS];

static void
make_rows(void)
{
	Random		random;
	int			i;

	random_start(&random, 11, 0);
	for (i = 0; i < ROWS; i++)
	{
		snprintf(customer_names[i], sizeof(customer_names[i]), "c%u", random_below(&random, CUSTOMERS));
		snprintf(item_names[i], sizeof(item_names[i]), "i%u", random_below(&random, ITEMS));
		times[i] = (int64_t) random_below(&random, 500) - 250;
	}
}

/* The rows from the first to the last, or backward */
static void
begin(Rows *rows, bool backward)
{
	int			n;

	CHECK(names_start(&rows->customers, &memory_plain));
	CHECK(names_start(&rows->items, &memory_plain));
	CHECK(interactions_start(&rows->rows, &memory_plain, &rows->customers, &rows->items, false, true));
	for (n = 0; n < ROWS; n++)
	{
		int			i = backward ? ROWS - 1 - n : n;
		uint32_t	item = names_number(&rows->items, item_names[i], (uint32_t) strlen(item_names[i]));

		CHECK(interactions_add(&rows->rows,
							   names_number(&rows->customers, customer_names[i],
											(uint32_t) strlen(customer_names[i])),
							   item, 1, times[i]));
		if (item % 3 > 0)
			CHECK(interactions_categorize(&rows->rows, item, item_names[i], 2));
	}
	CHECK(part_ranks(&memory_plain, &rows->customers, &rows->items, &rows->ranks));
	CHECK(part_events(&memory_plain, &rows->rows, &rows->ranks, &rows->events));
}

static void
end(Rows *rows)
{
	part_events_end(&memory_plain, &rows->events);
	part_ranks_end(&memory_plain, &rows->ranks);
	interactions_end(&rows->rows);
	names_end(&rows->customers);
	names_end(&rows->items);
}

/* The same rows go whatever their order, and the second event's with them */
static void
test_order(const Split *split)
{
	Rows		forward;
	Rows		backward;
	SplitEvents second;
	uint32_t	moved = 0;
	uint32_t	differ = 0;
	uint32_t	i;

	begin(&forward, false);
	begin(&backward, true);
	CHECK(split_events(&memory_plain, split, &forward.events, PART_LEARN, PART_TEST));
	CHECK(split_events(&memory_plain, split, &backward.events, PART_LEARN, PART_TEST));
	for (i = 0; i < ROWS; i++)
	{
		moved += forward.events.part[i] == PART_TEST;
		differ += forward.events.part[i] != backward.events.part[ROWS - 1 - i];
	}
	CHECK(moved > ROWS / 20 && moved < ROWS);
	CHECK(differ == 0);

	/* Of the rows as a second event, what was held out goes at least. */
	CHECK(part_events(&memory_plain, &forward.rows, &forward.ranks, &second));
	CHECK(part_follow(&memory_plain, split, &forward.events, &second, PART_TEST));
	for (i = 0, differ = 0; i < ROWS; i++)
	{
		uint32_t	j;
		bool		is_later = false;

		for (j = 0; j < ROWS && !is_later; j++)
			is_later = forward.events.part[j] == PART_TEST && times[i] >= times[j] &&
				(split->kind == SPLIT_TIME || strcmp(customer_names[i], customer_names[j]) == 0);
		if (split->kind == SPLIT_RANDOM)
			is_later = forward.events.part[i] == PART_TEST;
		differ += (second.part[i] == PART_TEST) != is_later;
	}
	CHECK(differ == 0);
	part_events_end(&memory_plain, &second);
	end(&forward);
	end(&backward);
}

/* Rows by text of a part, with the names and nothing of the others */
static void
test_select(void)
{
	Split		split = {SPLIT_TIME, 0.3, 0, 0};
	Rows		rows;
	PartTaken	taken;
	Names		customers;
	Names		items;
	Interactions selected;
	uint32_t	customer_of[CUSTOMERS + 1];
	uint32_t	item_of[ITEMS + 1];
	uint32_t   *renamed;
	uint64_t	kept = 0;
	uint64_t	wrong = 0;
	uint32_t	i;

	begin(&rows, false);
	CHECK(split_events(&memory_plain, &split, &rows.events, PART_LEARN, PART_TEST));
	memset(customer_of, 0xff, sizeof(customer_of));
	memset(item_of, 0xff, sizeof(item_of));
	CHECK(names_start(&customers, &memory_plain));
	CHECK(names_start(&items, &memory_plain));
	CHECK(interactions_start(&selected, &memory_plain, &customers, &items, false, true));
	CHECK(part_select(&rows.rows, rows.events.part, PART_TEST, customer_of, item_of, &selected));
	for (i = 0; i < ROWS; i++)
	{
		NameText	customer;
		NameText	item;

		if (rows.events.part[i] == PART_TEST)
			continue;
		customer = names_text(&customers, interactions_customer(&selected, kept));
		item = names_text(&items, interactions_item(&selected, kept));
		wrong += customer.size != strlen(customer_names[i]) || item.size != strlen(item_names[i]) ||
			memcmp(customer.data, customer_names[i], customer.size) != 0 ||
			memcmp(item.data, item_names[i], item.size) != 0 ||
			interactions_at(&selected, kept) != times[i];
		kept++;
	}
	CHECK(wrong == 0);
	CHECK(kept == selected.rows && kept < ROWS);
	for (i = 0; i < rows.items.count; i++)
		if (item_of[i] != NAME_NONE && item_of[i] < selected.category_room)
			wrong += (selected.category_of[item_of[i]] == NAME_NONE) != (i % 3 == 0);
	CHECK(wrong == 0);

	/* What customers had in the other part, each once and rising */
	CHECK(part_taken(&memory_plain, &rows.events, PART_TEST, &taken));
	for (i = 0, kept = 0; i < rows.ranks.n_customers; i++)
	{
		uint64_t	at;

		for (at = taken.start[i]; at < taken.start[i + 1]; at++)
		{
			uint32_t	j;
			bool		is_there = false;

			for (j = 0; j < ROWS && !is_there; j++)
				is_there = rows.events.part[j] == PART_TEST && rows.events.user[j] == i &&
					rows.events.item[j] == taken.item[at];
			wrong += !is_there || (at > taken.start[i] && taken.item[at - 1] >= taken.item[at]);
		}
		kept += taken.start[i + 1] - taken.start[i];
	}
	CHECK(wrong == 0);
	{
		bool		seen[CUSTOMERS + 1][ITEMS + 1] = {{false}};
		uint64_t	pairs = 0;

		for (i = 0; i < ROWS; i++)
			if (rows.events.part[i] == PART_TEST)
			{
				pairs += !seen[rows.events.user[i]][rows.events.item[i]];
				seen[rows.events.user[i]][rows.events.item[i]] = true;
			}
		CHECK(kept == pairs);
	}

	/* Known names keep their numbers, others get new ones. */
	i = items.count;
	renamed = part_rename(&memory_plain, &rows.customers, &items);
	CHECK(renamed != NULL && items.count == i + rows.customers.count);
	memory_release(&memory_plain, renamed);
	renamed = part_rename(&memory_plain, &rows.items, &items);
	for (i = 0; i < rows.items.count; i++)
		wrong += item_of[i] != NAME_NONE && renamed[i] != item_of[i];
	CHECK(wrong == 0);
	memory_release(&memory_plain, renamed);
	part_taken_end(&memory_plain, &taken);
	interactions_end(&selected);
	names_end(&customers);
	names_end(&items);
	end(&rows);
}

int
main(void)
{
	static const Split splits[] = {
		{SPLIT_TIME, 0.2, 0, 0}, {SPLIT_RANDOM, 0.3, 0, 5}, {SPLIT_LAST, 0, 3, 0}
	};
	int			i;

	make_rows();
	for (i = 0; i < 3; i++)
		test_order(&splits[i]);
	test_select();
	return check_report();
}
