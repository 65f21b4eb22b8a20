/*-------------------------------------------------------------------------
 *
 * piece.h
 *	  Large values that are kept in pieces, read to where they belong.
 *
 * A bytea outside its row is first copied as a whole where it is asked for at
 * once; for some megabytes that a new session reads, the memory that the copy
 * touches costs more than all the rest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_PIECE_H
#define PROMO_PG_PIECE_H

/* Memory of the context for a value, in large pages where the system has them. */
extern char *piece_memory(MemoryContext context, Size size);

/*
 * piece_read(stored, to, most)
 *
 * Reads a bytea, as it stands in its row, to a place of so many bytes.  Gives
 * its size; one that is larger than the place is not read.
 */
extern Size piece_read(Datum stored, char *to, Size most);

#endif							/* PROMO_PG_PIECE_H */
