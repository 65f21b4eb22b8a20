/*-------------------------------------------------------------------------
 *
 * tally.h
 *	  How often each of many byte strings occurs, within a budget.
 *
 * A hash table of strings and counts.  When the next string would take more
 * memory than the budget, tally_add says so; the caller writes the entries
 * away, empties the tally, and goes on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_TALLY_H
#define PROMO_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"

typedef struct TallyEntry
{
	const void *bytes;			/* aligned for any type */
	size_t		size;
	int64_t		count;
} TallyEntry;

typedef struct TallyBlock TallyBlock;

typedef struct Tally
{
	Memory		memory;
	size_t		budget;			/* bytes that it may take */
	size_t		used;			/* bytes that it takes */
	TallyEntry *entries;		/* in order of their first occurrence */
	size_t		count;
	size_t		capacity;
	uint32_t   *slots;			/* number of an entry plus 1; 0 is free */
	size_t		slot_count;		/* a power of 2, or 0 */
	TallyBlock *blocks;			/* where the bytes lie, the newest first */
} Tally;

typedef enum TallyResult
{
	TALLY_ADDED,
	TALLY_FULL,					/* nothing was added; empty it first */
	TALLY_NO_MEMORY
} TallyResult;

extern void tally_start(Tally *tally, const Memory *memory, size_t budget);

/* Counts one more of a string.  The first string is taken whatever its size. */
extern TallyResult tally_add(Tally *tally, const void *bytes, size_t size);

/* Forgets all entries and gives their memory back. */
extern void tally_empty(Tally *tally);

#endif							/* PROMO_TALLY_H */
