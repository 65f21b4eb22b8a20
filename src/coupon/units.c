/*-------------------------------------------------------------------------
 *
 * units.c
 *	  What is left of the units of a cart's lines, while discounts take it.
 *
 *-------------------------------------------------------------------------
 */
#include "coupon/units.h"

#include <string.h>

bool
units_start(const Memory *memory, Units *units, int lines)
{
	memset(units, 0, sizeof(*units));
	units->lines = lines;
	units->room = 2 * lines + 8;
	units->left = memory_zero_array(memory, (size_t) lines, sizeof(int64_t));
	units->first = memory_zero_array(memory, (size_t) lines + 1, sizeof(int));
	units->stopped = memory_zero_array(memory, (size_t) lines, sizeof(bool));
	units->runs = memory_array(memory, (size_t) units->room, sizeof(Run));
	return units->left != NULL && units->first != NULL && units->stopped != NULL && units->runs != NULL;
}

void
units_release(const Memory *memory, Units *units)
{
	memory_release(memory, units->left);
	memory_release(memory, units->first);
	memory_release(memory, units->stopped);
	memory_release(memory, units->runs);
	memset(units, 0, sizeof(*units));
}

static bool
make_room(const Memory *memory, Units *units, int runs)
{
	int			room = units->room;
	Run		   *larger;

	if (runs <= room)
		return true;
	while (room < runs)
		room *= 2;
	larger = memory_grow(memory, units->runs, (size_t) units->first[units->lines], (size_t) room, sizeof(Run));
	if (larger == NULL)
		return false;
	units->runs = larger;
	units->room = room;
	return true;
}

bool
units_copy(const Memory *memory, Units *to, const Units *from)
{
	size_t		lines = (size_t) from->lines;
	int			runs = from->first[from->lines];

	if (to->left == NULL && !units_start(memory, to, from->lines))
		return false;
	if (!make_room(memory, to, runs))
		return false;
	if (lines > 0)
	{
		memcpy(to->left, from->left, lines * sizeof(int64_t));
		memcpy(to->stopped, from->stopped, lines * sizeof(bool));
		memcpy(to->runs, from->runs, (size_t) runs * sizeof(Run));
	}
	memcpy(to->first, from->first, (lines + 1) * sizeof(int));
	to->all_stopped = from->all_stopped;
	to->shipping = from->shipping;
	return true;
}

bool
units_append(const Memory *memory, Units *units, int line, int64_t count, int64_t value)
{
	int			at = units->first[line];
	int64_t		dearer = value % count;

	if (!make_room(memory, units, at + 2))
		return false;
	if (dearer > 0)
	{
		Run			run = {dearer, value / count + 1, 0};

		units->runs[at++] = run;
	}
	if (count > dearer)
	{
		Run			run = {count - dearer, value / count, 0};

		units->runs[at++] = run;
	}
	units->left[line] = value;
	for (line++; line <= units->lines; line++)
		units->first[line] = at;
	return true;
}

bool
units_adopt(const Memory *memory, Units *units, int line, const Units *from)
{
	int			runs = from->first[line + 1] - from->first[line];
	int			more = runs - (units->first[line + 1] - units->first[line]);
	int			all = units->first[units->lines];
	int			i;

	if (!make_room(memory, units, all + more))
		return false;
	memmove(units->runs + units->first[line + 1] + more, units->runs + units->first[line + 1],
			(size_t) (all - units->first[line + 1]) * sizeof(Run));
	memcpy(units->runs + units->first[line], from->runs + from->first[line], (size_t) runs * sizeof(Run));
	for (i = line + 1; i <= units->lines; i++)
		units->first[i] += more;
	units->left[line] = from->left[line];
	return true;
}

/* Makes a run start at a unit of the line, and gives it. */
static bool
cut(const Memory *memory, Units *units, int line, int64_t from, int *run)
{
	int			at = units->first[line];
	int			runs = units->first[units->lines];
	int			i;

	while (at < units->first[line + 1] && from >= units->runs[at].count)
		from -= units->runs[at++].count;
	*run = at;
	if (from == 0)
		return true;
	if (!make_room(memory, units, runs + 1))
		return false;
	memmove(units->runs + at + 1, units->runs + at, (size_t) (runs - at) * sizeof(Run));
	units->runs[at].count = from;
	units->runs[at + 1].count -= from;
	for (i = line + 1; i <= units->lines; i++)
		units->first[i]++;
	*run = at + 1;
	return true;
}

/* Makes runs of just these units: from first up to, not including, end. */
static bool
cut_out(const Memory *memory, Units *units, int line, int64_t from, int64_t count, int *first, int *end)
{
	if (!cut(memory, units, line, from, first) || !cut(memory, units, line, from + count, end))
		return false;
	return true;
}

bool
units_take(const Memory *memory, Units *units, int line, int64_t from, int64_t count, int64_t each)
{
	int			run;
	int			end;

	if (each == 0 || count == 0)
		return true;
	if (!cut_out(memory, units, line, from, count, &run, &end))
		return false;
	for (; run < end; run++)
		units->runs[run].left -= each;
	units->left[line] -= each * count;
	return true;
}

bool
units_consume(const Memory *memory, Units *units, int line, int64_t from, int64_t count, uint64_t group)
{
	int			run;
	int			end;

	if (count == 0)
		return true;
	if (!cut_out(memory, units, line, from, count, &run, &end))
		return false;
	for (; run < end; run++)
		units->runs[run].consumed |= group;
	return true;
}

/* Floors of the parts' shares of the amount, and what these leave over */
static int64_t
floors(const Part *part, int64_t amount, Wide total, int64_t *rest)
{
	Wide		product = (Wide) amount * part->weight;

	*rest = (int64_t) (product % total);
	return (int64_t) (product / total);
}

bool
units_spread(const Memory *memory, Units *units, const Part *parts, int count, int64_t amount)
{
	Wide		total = 0;
	int64_t		spare = amount;
	int64_t		last_rest = INT64_MAX;
	int			last = -1;
	int64_t		rest;
	int			i;

	if (amount == 0)
		return true;
	for (i = 0; i < count; i++)
		total += (Wide) parts[i].weight * parts[i].count;
	for (i = 0; i < count; i++)
	{
		int64_t		each = floors(&parts[i], amount, total, &rest);

		spare -= each * parts[i].count;
		if (!units_take(memory, units, parts[i].line, parts[i].from, parts[i].count, each))
			return false;
	}

	/* One more for as many units as there are left over, largest rest first. */
	while (spare > 0)
	{
		int64_t		best_rest = 0;
		int			best = -1;
		int64_t		more;

		for (i = 0; i < count; i++)
		{
			(void) floors(&parts[i], amount, total, &rest);
			if (rest > best_rest && (rest < last_rest || (rest == last_rest && i > last)))
			{
				best_rest = rest;
				best = i;
			}
		}
		more = spare < parts[best].count ? spare : parts[best].count;
		if (!units_take(memory, units, parts[best].line, parts[best].from, more, 1))
			return false;
		spare -= more;
		last_rest = best_rest;
		last = best;
	}
	return true;
}
