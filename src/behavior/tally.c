/*-------------------------------------------------------------------------
 *
 * tally.c
 *	  How often each of many byte strings occurs, within a budget.
 *
 *-------------------------------------------------------------------------
 */
#include "behavior/tally.h"

#include <string.h>

#include "core/hash.h"

/* Bytes of strings are taken in blocks, each twice as large as the last. */
#define BLOCK_FIRST 1024
#define BLOCK_LARGEST (1024 * 1024)

#define ENTRIES_FIRST 16

struct TallyBlock
{
	TallyBlock *older;
	size_t		size;			/* of the bytes after this head */
	size_t		used;
	size_t		align;			/* keeps the head a multiple of 16 */
};

void
tally_start(Tally *tally, const Memory *memory, size_t budget)
{
	memset(tally, 0, sizeof(*tally));
	tally->memory = *memory;
	tally->budget = budget;
}

void
tally_empty(Tally *tally)
{
	Memory		memory = tally->memory;
	TallyBlock *block = tally->blocks;

	while (block != NULL)
	{
		TallyBlock *older = block->older;

		memory_release(&memory, block);
		block = older;
	}
	memory_release(&memory, tally->entries);
	memory_release(&memory, tally->slots);
	tally_start(tally, &memory, tally->budget);
}

/* The slot of a string: its own, or the free one where it would go. */
static size_t
find_slot(const Tally *tally, const void *bytes, size_t size)
{
	size_t		mask = tally->slot_count - 1;
	size_t		slot = (size_t) hash_keyed(bytes, size, 0, 0) & mask;

	while (tally->slots[slot] != 0)
	{
		const TallyEntry *entry = &tally->entries[tally->slots[slot] - 1];

		if (entry->size == size && (size == 0 || memcmp(entry->bytes, bytes, size) == 0))
			break;
		slot = (slot + 1) & mask;
	}
	return slot;
}

/* Twice the entries, and slots of which at most half are taken. */
static bool
grow_table(Tally *tally)
{
	size_t		capacity = tally->capacity == 0 ? ENTRIES_FIRST : 2 * tally->capacity;
	size_t		slot_count = 2 * capacity;
	TallyEntry *entries;
	uint32_t   *slots;
	size_t		i;

	slots = memory_zero_array(&tally->memory, slot_count, sizeof(*slots));
	if (slots == NULL)
		return false;
	entries = memory_grow(&tally->memory, tally->entries, tally->count, capacity,
						  sizeof(*entries));
	if (entries == NULL)
	{
		memory_release(&tally->memory, slots);
		return false;
	}
	memory_release(&tally->memory, tally->slots);
	tally->used += (capacity - tally->capacity) * sizeof(*entries) +
		(slot_count - tally->slot_count) * sizeof(*slots);
	tally->entries = entries;
	tally->capacity = capacity;
	tally->slots = slots;
	tally->slot_count = slot_count;
	for (i = 0; i < tally->count; i++)
		slots[find_slot(tally, entries[i].bytes, entries[i].size)] = (uint32_t) (i + 1);
	return true;
}

/* The size of the block that the next bytes need, 0 when there is space. */
static size_t
block_needed(const Tally *tally, size_t size)
{
	const TallyBlock *block = tally->blocks;
	size_t		needed = BLOCK_FIRST;

	if (block != NULL)
	{
		if (size <= block->size - block->used)
			return 0;
		needed = 2 * block->size < BLOCK_LARGEST ? 2 * block->size : BLOCK_LARGEST;
	}
	return size > needed ? size : needed;
}

/* A home for the bytes. */
static void *
keep_bytes(Tally *tally, const void *bytes, size_t size, size_t needed)
{
	TallyBlock *block = tally->blocks;
	char	   *home;

	if (needed > 0)
	{
		block = tally->memory.alloc(tally->memory.arg, sizeof(TallyBlock) + needed);
		if (block == NULL)
			return NULL;
		block->older = tally->blocks;
		block->size = needed;
		block->used = 0;
		block->align = 0;
		tally->blocks = block;
		tally->used += sizeof(TallyBlock) + needed;
	}
	home = (char *) (block + 1) + block->used;
	if (size > 0)
		memcpy(home, bytes, size);
	block->used += (size + 15) & ~(size_t) 15;
	if (block->used > block->size)
		block->used = block->size;
	return home;
}

TallyResult
tally_add(Tally *tally, const void *bytes, size_t size)
{
	size_t		needed;
	size_t		growth = 0;
	size_t		slot = 0;
	void	   *home;

	if (tally->slot_count > 0)
	{
		slot = find_slot(tally, bytes, size);
		if (tally->slots[slot] != 0)
		{
			tally->entries[tally->slots[slot] - 1].count++;
			return TALLY_ADDED;
		}
	}

	needed = block_needed(tally, size);
	if (tally->count == tally->capacity)
		growth = (tally->capacity == 0 ? ENTRIES_FIRST : tally->capacity) *
			(sizeof(TallyEntry) + 2 * sizeof(uint32_t));
	if (tally->count > 0 &&
		(tally->used + growth + (needed > 0 ? sizeof(TallyBlock) + needed : 0) > tally->budget ||
		 tally->count >= UINT32_MAX / 2))
		return TALLY_FULL;

	if (tally->count == tally->capacity)
	{
		if (!grow_table(tally))
			return TALLY_NO_MEMORY;
		slot = find_slot(tally, bytes, size);
	}
	home = keep_bytes(tally, bytes, size, needed);
	if (home == NULL)
		return TALLY_NO_MEMORY;
	tally->entries[tally->count].bytes = home;
	tally->entries[tally->count].size = size;
	tally->entries[tally->count].count = 1;
	tally->count++;
	tally->slots[slot] = (uint32_t) tally->count;
	return TALLY_ADDED;
}
