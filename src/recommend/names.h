/*-------------------------------------------------------------------------
 *
 * names.h
 *	  Ids as numbers: the first that is seen is 0, the next other one 1.
 *
 * An id is its text.  Ids that are integers in the query may be looked up as
 * such, which is quicker; their text is asked for once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_NAMES_H
#define PROMO_NAMES_H

#include "core/memory.h"

#include <stdint.h>

/* No number of a name */
#define NAME_NONE UINT32_MAX

typedef struct NameText
{
	const char *data;			/* need not end in a zero */
	uint32_t	size;
} NameText;

typedef struct Names
{
	const Memory *memory;
	uint32_t	count;
	uint64_t	bytes;			/* all memory that it holds */

	/* Of names.c alone */
	uint32_t	room;
	uint64_t   *end;			/* of the texts in the characters */
	char	   *characters;
	uint64_t	characters_room;
	struct NameSlot *slots;
	uint64_t	n_slots;
	uint32_t   *direct;			/* numbers of small integers by value, */
	uint64_t	n_direct;
	struct IntegerSlot *integers;	/* and of others in a table */
	uint64_t	n_integers;
	uint32_t	integer_count;	/* in the table */
} Names;

extern bool names_start(Names *names, const Memory *memory);
extern void names_end(Names *names);

static inline NameText
names_text(const Names *names, uint32_t number)
{
	uint64_t	begin = number == 0 ? 0 : names->end[number - 1];
	NameText		name = {names->characters + begin, (uint32_t) (names->end[number] - begin)};

	return name;
}

/* The number of the text; NAME_NONE where there is none. */
extern uint32_t names_find(const Names *names, const char *data, uint32_t size);

/* The same, given one where there is none; NAME_NONE is out of memory. */
extern uint32_t names_number(Names *names, const char *data, uint32_t size);

/*
 * The number of an integer; where it has none, to be asked of names_number()
 * with its text and told to names_integer_is().
 */
extern uint32_t names_integer(const Names *names, int64_t value);
extern bool names_integer_is(Names *names, int64_t value, uint32_t number);

/* Below, at or above 0 as the bytes sort; the shorter first. */
extern int	name_compare(NameText a, NameText b);

/* Fills order with all numbers, sorted by their texts' bytes. */
extern bool names_sort(const Names *names, uint32_t *order);

#endif							/* PROMO_NAMES_H */
