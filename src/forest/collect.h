/*-------------------------------------------------------------------------
 *
 * collect.h
 *	  Rows on their way to a training: columns that grow.
 *
 * Plain C.  A number is a double, a category a code into the names of its
 * column, which are numbered as they come and sorted only at the end.  Two
 * collections of the same columns merge, and a collection can be written as
 * bytes, so that several workers collect for one training.
 *
 * A collection that was given a file keeps only its last rows in memory.  The
 * others go there in chunks of equally many rows, column behind column, and
 * are read back a column at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_COLLECT_H
#define PROMO_COLLECT_H

#include "core/wire.h"
#include "forest/forest.h"

/* Distinct names, each with a number from 0 */
typedef struct Names
{
	int32_t		count;
	int32_t		room;
	ForestText *name;			/* point to allocations of their own */
	uint32_t   *hash;			/* of each name */
	int32_t    *slot;			/* open addressing: 0 or 1 plus a number */
	uint32_t	slots;			/* a power of two; 0 before the first name */
} Names;

typedef struct CollectColumn
{
	ForestText	name;
	ForestKind	kind;
	uint8_t		source;
	double	   *numbers;		/* FOREST_NUMBER */
	int32_t    *codes;			/* FOREST_CATEGORY; -1 is NULL */
	Names		names;
} CollectColumn;

/*
 * Where rows go that are too many for memory.  Neither returns where it
 * cannot.
 */
typedef struct CollectFile
{
	void		(*append) (void *arg, const void *bytes, size_t size);
	void		(*read) (void *arg, uint64_t place, void *bytes, size_t size);
	void	   *arg;
	uint64_t	bytes_at_hand;	/* that rows in memory may take */
} CollectFile;

typedef struct Collection
{
	int64_t		rows;
	int64_t		written;		/* of these the first, which are in the file */
	int64_t		chunk;			/* rows of a chunk there */
	const CollectFile *file;	/* or NULL */
	int64_t		room;			/* rows that the columns have space for */
	int32_t		columns;
	bool		has_weights;	/* the last feature is none, but a number that
								 * says how much each row counts */
	CollectColumn *column;		/* `columns` features, then the target */
	uint64_t	bytes;			/* held in all, roughly */
	uint64_t	next_bytes;		/* held while it grows the next time */
} Collection;

/* An empty collection with that many features; NULL: no memory. */
extern Collection *collect_start(const Memory *memory, int32_t columns);

static inline CollectColumn *
collect_target(Collection *collection)
{
	return &collection->column[collection->columns];
}

/* Describes a feature, or the target (column == columns), before the first row. */
extern bool collect_describe(const Memory *memory, Collection *collection,
							 int32_t column, ForestText name, ForestKind kind,
							 uint8_t source);

/* Number of the feature with that name, or -1 */
extern int32_t collect_find(const Collection *collection, ForestText name);

/* Where the next row stands in the columns */
static inline int64_t
collect_next(const Collection *collection)
{
	return collection->rows - collection->written;
}

/* True when the next row makes the columns grow, or go to the file. */
static inline bool
collect_is_full(const Collection *collection)
{
	return collect_next(collection) == collection->room;
}

/*
 * Makes room for the next row, which is then filled in at [collect_next()],
 * rows++.
 */
extern bool collect_grow(const Memory *memory, Collection *collection);

/* The number of a name in a column, given one if new; false: no memory. */
extern bool collect_code(const Memory *memory, Collection *collection,
						 CollectColumn *column, ForestText name, int32_t *code);

/*
 * Adds the rows of other; neither may have a file.  False when memory is missing; *same is false, and
 * nothing done, when the columns differ by name, kind or source.
 */
extern bool collect_merge(const Memory *memory, Collection *collection,
						  const Collection *other, bool *same);

/* Bytes that collect_write writes; there must be no file. */
extern size_t collect_size(const Collection *collection);
extern void collect_write(const Collection *collection, unsigned char *bytes);

/* NULL: no memory, or the bytes are no collection. */
extern Collection *collect_read(const Memory *memory, const void *bytes, size_t size);

extern void collect_free(const Memory *memory, Collection *collection);

/*
 * The table for forest_train.  Numbers are the collection's own; names are
 * sorted and codes renumbered, in new memory.  A target of categories gives a
 * classification.  Where rows are in a file the table brings its columns,
 * from a buffer for one; the collection and the memory's handlers must stay.
 * False: no memory, and what there is is left to the owner of the memory to
 * throw away.
 */
extern bool collect_data(const Memory *memory, const Collection *collection,
						 ForestData *data);

/* Bytes that collect_data takes */
extern uint64_t collect_data_need(const Collection *collection);

#endif							/* PROMO_COLLECT_H */
