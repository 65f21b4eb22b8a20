/*-------------------------------------------------------------------------
 *
 * pg_forest.h
 *	  The type forest, and what a forest's figures look like in SQL.
 *
 * A value is a head and the model behind it, so that the model lies aligned
 * to 8 bytes in a value that is read from its TOAST table, and is served from
 * there.  Values come into being in three ways, training, merging and the
 * type's input, and only input has to look at every byte.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_FOREST_H
#define PROMO_PG_FOREST_H

#include "forest/forest.h"

#define FOREST_VALUE_VERSION 1

typedef struct ForestValueHead
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	uint32		version;
	uint64		hash;			/* of the model's bytes: tells values apart */
} ForestValueHead;

/* The largest model whose text form is still a value that can be dumped */
#define FOREST_VALUE_MOST ((MaxAllocSize - 64) / 4 * 3 - sizeof(ForestValueHead))

/* A view of a value in place; an error when it is of another version. */
extern void forest_view(Forest *forest, struct varlena *value);

/* Turns what forest_train or forest_merge allocated into a value. */
extern Datum forest_value(char *bytes, Size size);

/* Raises the problem that the plain C met, in words for the user. */
extern void forest_raise(const ForestProblem *problem, const char *doing) pg_attribute_noreturn();

static inline char *
forest_cstring(ForestText text)
{
	return pnstrdup(text.data, text.size);
}

#endif							/* PROMO_PG_FOREST_H */
