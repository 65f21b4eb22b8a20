/*-------------------------------------------------------------------------
 *
 * units.h
 *	  What is left of the units of a cart's lines, while discounts take it.
 *
 * The units of a line are runs, next to each other, of units that are alike.
 * Taking from some units splits at most two runs, so that there are few of
 * them however many units there are.  A Units is a value: a search copies it,
 * takes, and goes back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_UNITS_H
#define PROMO_UNITS_H

#include "core/memory.h"
#include "core/money.h"

typedef struct Run
{
	int64_t		count;
	int64_t		left;			/* of the value of each unit, minor units */
	uint64_t	consumed;		/* a bit for each group that used the units */
} Run;

typedef struct Units
{
	int			lines;
	int64_t    *left;			/* of each line */
	int		   *first;			/* its first run; one more at the end */
	bool	   *stopped;		/* no more discounts on the line */
	Run		   *runs;
	int			room;			/* runs that there is space for */
	bool		all_stopped;
	int64_t		shipping;		/* left of it */
} Units;

/* Some units of a line, of one run, and how far each may be taken from */
typedef struct Part
{
	int			line;
	int64_t		from;			/* units of the line before them */
	int64_t		count;
	int64_t		left;
	int64_t		weight;			/* how much of a discount each draws, and most
								 * that each bears: from 0 to left */
} Part;

/*
 * Each gives false where there is no memory; then the Units is as it was, but
 * for what was taken until then.
 */
extern bool units_start(const Memory *memory, Units *units, int lines);
extern bool units_copy(const Memory *memory, Units *to, const Units *from);
extern void units_release(const Memory *memory, Units *units);

/* Appends a line of so many units, that are worth value together. */
extern bool units_append(const Memory *memory, Units *units, int line, int64_t count, int64_t value);

/* Makes a line what it is in another state of the same cart. */
extern bool units_adopt(const Memory *memory, Units *units, int line, const Units *from);

/* Takes so much off each of some units that have it. */
extern bool units_take(const Memory *memory, Units *units, int line, int64_t from, int64_t count,
					   int64_t each);

/* Marks units as used by a group. */
extern bool units_consume(const Memory *memory, Units *units, int line, int64_t from, int64_t count,
						  uint64_t group);

/*
 * Takes an amount off the parts of one line, at most the sum of their weights:
 * by weight, what is over one by one to the parts with the largest remainders.
 * Splits one run at most beyond what the parts are.
 */
extern bool units_spread(const Memory *memory, Units *units, const Part *parts, int count,
						 int64_t amount);

#endif							/* PROMO_UNITS_H */
