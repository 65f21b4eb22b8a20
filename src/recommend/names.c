/*-------------------------------------------------------------------------
 *
 * names.c
 *	  Ids as numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/names.h"

#include <string.h>

#include "core/hash.h"

typedef struct NameSlot
{
	uint32_t	tag;			/* the hash's upper half */
	uint32_t	number;			/* NAME_NONE where the slot is free */
} NameSlot;

typedef struct IntegerSlot
{
	int64_t		value;
	uint32_t	number;
} IntegerSlot;

#define FIRST_ROOM 64
#define FIRST_SLOTS 128

/* Integers are looked up directly up to so many times as there are names. */
#define DIRECT_TIMES 8

static uint64_t
hash_text(const char *data, uint32_t size)
{
	uint64_t	hash = size;

	while (size >= 8)
	{
		uint64_t	word;

		memcpy(&word, data, 8);
		hash = hash_mix(hash ^ word) + UINT64_C(0x9e3779b97f4a7c15);
		data += 8;
		size -= 8;
	}
	if (size > 0)
	{
		uint64_t	word = 0;

		memcpy(&word, data, size);
		hash = hash_mix(hash ^ word);
	}
	return hash_mix(hash);
}

static NameSlot *
free_slots(const Memory *memory, uint64_t count)
{
	NameSlot   *slots = memory_array(memory, count, sizeof(NameSlot));

	if (slots != NULL)
		memset(slots, 0xff, count * sizeof(NameSlot));
	return slots;
}

bool
names_start(Names *names, const Memory *memory)
{
	memset(names, 0, sizeof(*names));
	names->memory = memory;
	names->room = FIRST_ROOM;
	names->characters_room = FIRST_ROOM * 16;
	names->n_slots = FIRST_SLOTS;
	names->end = memory_array(memory, names->room, sizeof(*names->end));
	names->characters = memory_array(memory, names->characters_room, 1);
	names->slots = free_slots(memory, names->n_slots);
	names->bytes = names->room * sizeof(*names->end) + names->characters_room +
		names->n_slots * sizeof(NameSlot);
	return names->end != NULL && names->characters != NULL && names->slots != NULL;
}

void
names_end(Names *names)
{
	memory_release(names->memory, names->end);
	memory_release(names->memory, names->characters);
	memory_release(names->memory, names->slots);
	memory_release(names->memory, names->direct);
	memory_release(names->memory, names->integers);
	memset(names, 0, sizeof(*names));
}

/* The slot of the text, or the free one where it would be. */
static NameSlot *
find_slot(const Names *names, const char *data, uint32_t size, uint64_t hash)
{
	uint64_t	mask = names->n_slots - 1;
	uint64_t	at = hash & mask;
	uint32_t	tag = (uint32_t) (hash >> 32);

	for (;; at = (at + 1) & mask)
	{
		NameSlot   *slot = &names->slots[at];

		if (slot->number == NAME_NONE)
			return slot;
		if (slot->tag == tag)
		{
			NameText		name = names_text(names, slot->number);

			if (name.size == size && memcmp(name.data, data, size) == 0)
				return slot;
		}
	}
}

uint32_t
names_find(const Names *names, const char *data, uint32_t size)
{
	return find_slot(names, data, size, hash_text(data, size))->number;
}

static bool
grow_slots(Names *names)
{
	uint64_t	count = names->n_slots * 2;
	NameSlot   *slots = free_slots(names->memory, count);
	uint64_t	mask = count - 1;
	uint32_t	i;

	if (slots == NULL)
		return false;
	for (i = 0; i < names->count; i++)
	{
		NameText		name = names_text(names, i);
		uint64_t	hash = hash_text(name.data, name.size);
		uint64_t	at = hash & mask;

		while (slots[at].number != NAME_NONE)
			at = (at + 1) & mask;
		slots[at].tag = (uint32_t) (hash >> 32);
		slots[at].number = i;
	}
	memory_release(names->memory, names->slots);
	names->bytes += (count - names->n_slots) * sizeof(NameSlot);
	names->slots = slots;
	names->n_slots = count;
	return true;
}

/* Room for one more text of the size */
static bool
make_room(Names *names, uint32_t size)
{
	uint64_t	used = names->count == 0 ? 0 : names->end[names->count - 1];

	if (names->count == names->room)
	{
		uint64_t   *end = memory_grow(names->memory, names->end, names->room,
									  (size_t) names->room * 2, sizeof(*end));

		if (end == NULL)
			return false;
		names->bytes += names->room * sizeof(*end);
		names->end = end;
		names->room *= 2;
	}
	if (names->characters_room - used < size)
	{
		uint64_t	room = names->characters_room * 2 + size;
		char	   *characters = memory_grow(names->memory, names->characters, used, room, 1);

		if (characters == NULL)
			return false;
		names->bytes += room - names->characters_room;
		names->characters = characters;
		names->characters_room = room;
	}
	return (uint64_t) names->count * 2 < names->n_slots || grow_slots(names);
}

uint32_t
names_number(Names *names, const char *data, uint32_t size)
{
	uint64_t	hash = hash_text(data, size);
	NameSlot   *slot = find_slot(names, data, size, hash);
	uint64_t	used;

	if (slot->number != NAME_NONE)
		return slot->number;
	if (names->count >= INT32_MAX || !make_room(names, size))
		return NAME_NONE;
	slot = find_slot(names, data, size, hash);
	slot->tag = (uint32_t) (hash >> 32);
	slot->number = names->count;
	used = names->count == 0 ? 0 : names->end[names->count - 1];
	memcpy(names->characters + used, data, size);
	names->end[names->count] = used + size;
	return names->count++;
}

static IntegerSlot *
integer_slot(IntegerSlot *slots, uint64_t count, int64_t value)
{
	uint64_t	mask = count - 1;
	uint64_t	at = hash_mix((uint64_t) value) & mask;

	while (slots[at].number != NAME_NONE && slots[at].value != value)
		at = (at + 1) & mask;
	return &slots[at];
}

uint32_t
names_integer(const Names *names, int64_t value)
{
	if ((uint64_t) value < names->n_direct && names->direct[value] != NAME_NONE)
		return names->direct[value];
	if (names->n_integers == 0)
		return NAME_NONE;
	return integer_slot(names->integers, names->n_integers, value)->number;
}

/* Lets values below the limit be looked up directly. */
static bool
grow_direct(Names *names, uint64_t limit)
{
	uint32_t   *direct = memory_grow(names->memory, names->direct, names->n_direct, limit,
									 sizeof(*direct));

	if (direct == NULL)
		return false;
	memset(direct + names->n_direct, 0xff, (limit - names->n_direct) * sizeof(*direct));
	names->bytes += (limit - names->n_direct) * sizeof(*direct);
	names->direct = direct;
	names->n_direct = limit;
	return true;
}

bool
names_integer_is(Names *names, int64_t value, uint32_t number)
{
	uint64_t	most = DIRECT_TIMES * ((uint64_t) names->count + FIRST_ROOM);
	IntegerSlot *slot;

	if ((uint64_t) value >= names->n_direct && (uint64_t) value < most &&
		most >= 2 * names->n_direct && !grow_direct(names, most))
		return false;
	if ((uint64_t) value < names->n_direct)
	{
		names->direct[value] = number;
		return true;
	}
	if ((uint64_t) names->integer_count * 2 >= names->n_integers)
	{
		uint64_t	count = names->n_integers == 0 ? FIRST_SLOTS : names->n_integers * 2;
		IntegerSlot *slots = memory_array(names->memory, count, sizeof(IntegerSlot));
		uint64_t	i;

		if (slots == NULL)
			return false;
		memset(slots, 0xff, count * sizeof(IntegerSlot));
		for (i = 0; i < names->n_integers; i++)
			if (names->integers[i].number != NAME_NONE)
				*integer_slot(slots, count, names->integers[i].value) = names->integers[i];
		memory_release(names->memory, names->integers);
		names->bytes += (count - names->n_integers) * sizeof(IntegerSlot);
		names->integers = slots;
		names->n_integers = count;
	}
	slot = integer_slot(names->integers, names->n_integers, value);
	if (slot->number == NAME_NONE)
		names->integer_count++;
	slot->value = value;
	slot->number = number;
	return true;
}

int
name_compare(NameText a, NameText b)
{
	uint32_t	size = a.size < b.size ? a.size : b.size;
	int			result = size == 0 ? 0 : memcmp(a.data, b.data, size);

	return result != 0 ? result : (a.size > b.size) - (a.size < b.size);
}

/* A name as it is sorted: its first bytes, then whoever has to look */
typedef struct SortName
{
	uint64_t	prefix;
	uint32_t	number;
} SortName;

static bool
sorts_before(const Names *names, const SortName *a, const SortName *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix;
	return name_compare(names_text(names, a->number), names_text(names, b->number)) < 0;
}

/* Merges runs of the width from one array to the other. */
static void
merge_runs(const Names *names, const SortName *from, SortName *to, uint64_t count,
		   uint64_t width)
{
	uint64_t	begin;

	for (begin = 0; begin < count; begin += 2 * width)
	{
		uint64_t	a = begin;
		uint64_t	a_end = begin + width < count ? begin + width : count;
		uint64_t	b = a_end;
		uint64_t	b_end = a_end + width < count ? a_end + width : count;
		uint64_t	at;

		for (at = begin; at < b_end; at++)
			if (b == b_end || (a < a_end && !sorts_before(names, &from[b], &from[a])))
				to[at] = from[a++];
			else
				to[at] = from[b++];
	}
}

bool
names_sort(const Names *names, uint32_t *order)
{
	const Memory *memory = names->memory;
	SortName   *from = memory_array(memory, names->count, sizeof(SortName));
	SortName   *to = memory_array(memory, names->count, sizeof(SortName));
	bool		done = from != NULL && to != NULL;
	uint64_t	width;
	uint32_t	i;

	for (i = 0; done && i < names->count; i++)
	{
		NameText		name = names_text(names, i);
		uint32_t	k;

		from[i].prefix = 0;
		from[i].number = i;
		for (k = 0; k < 8; k++)
			from[i].prefix = from[i].prefix << 8 |
				(k < name.size ? (unsigned char) name.data[k] : 0);
	}
	for (width = 1; done && width < names->count; width *= 2)
	{
		SortName   *swap = from;

		merge_runs(names, from, to, names->count, width);
		from = to;
		to = swap;
		done = memory->may_go_on(memory->arg);
	}
	for (i = 0; done && i < names->count; i++)
		order[i] = from[i].number;
	memory_release(memory, from);
	memory_release(memory, to);
	return done;
}
