/*-------------------------------------------------------------------------
 *
 * piece.c
 *	  Large values that are kept in pieces, read to where they belong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <sys/mman.h>

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "pg/piece.h"

/* Bytes that are copied at a time, whole chunks of those that are stored */
#define SLICE_BYTES (32 * TOAST_MAX_CHUNK_SIZE)

/* A large page of the usual processors */
#define LARGE_PAGE (2 * 1024 * 1024)

char *
piece_memory(MemoryContext context, Size size)
{
	char	   *memory = MemoryContextAllocHuge(context, size);

#ifdef MADV_HUGEPAGE
	uintptr_t	begin = TYPEALIGN(LARGE_PAGE, (uintptr_t) memory);
	uintptr_t	end = TYPEALIGN_DOWN(LARGE_PAGE, (uintptr_t) memory + size);

	/* Only advice: where there are none, small ones serve as well. */
	if (begin < end)
		(void) madvise((void *) begin, end - begin, MADV_HUGEPAGE);
#endif
	return memory;
}

Size
piece_read(Datum stored, char *to, Size most)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(stored);
	Size		size = toast_raw_datum_size(stored) - VARHDRSZ;
	Size		read;

	if (size > most)
		return size;
	for (read = 0; read < size;)
	{
		struct varlena *slice = detoast_attr_slice(value, (int32) read, SLICE_BYTES);
		Size		got = VARSIZE_ANY_EXHDR(slice);

		CHECK_FOR_INTERRUPTS();
		if (got == 0 || got > size - read)
			elog(ERROR, "value of %zu bytes ends after %zu", size, read);
		memcpy(to + read, VARDATA_ANY(slice), got);
		read += got;
		pfree(slice);
	}
	return size;
}
