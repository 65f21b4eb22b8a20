/*-------------------------------------------------------------------------
 *
 * tempfile.h
 *	  A temporary file that is appended to, and read at any place.
 *
 * It is gone at the end of the transaction at the latest, counts for
 * temp_file_limit and goes to temp_tablespaces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_TEMPFILE_H
#define PROMO_TEMPFILE_H

#include "storage/buffile.h"

typedef struct TempFile
{
	BufFile    *file;
	uint64		size;
} TempFile;

/* In the current memory context */
extern void temp_file_start(TempFile *temp);
extern void temp_file_append(TempFile *temp, const void *bytes, Size size);
extern void temp_file_read(TempFile *temp, uint64 place, void *bytes, Size size);
extern void temp_file_end(TempFile *temp);

/* Reads so many bytes, or raises an error. */
extern void buf_file_read(BufFile *file, void *bytes, Size size);

#endif							/* PROMO_TEMPFILE_H */
