/*-------------------------------------------------------------------------
 *
 * tempfile.c
 *	  A temporary file that is appended to, and read at any place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "commands/tablespace.h"

#include "pg/tempfile.h"

void
temp_file_start(TempFile *temp)
{
	PrepareTempTablespaces();
	temp->file = BufFileCreateTemp(false);
	temp->size = 0;
}

void
temp_file_append(TempFile *temp, const void *bytes, Size size)
{
	if (size > 0)
		BufFileWrite(temp->file, (void *) bytes, size);
	temp->size += size;
}

void
buf_file_read(BufFile *file, void *bytes, Size size)
{
#if PG_VERSION_NUM >= 160000
	BufFileReadExact(file, bytes, size);
#else
	if (BufFileRead(file, bytes, size) != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from temporary file")));
#endif
}

void
temp_file_read(TempFile *temp, uint64 place, void *bytes, Size size)
{
	if (size == 0)
		return;
	if (BufFileSeek(temp->file, 0, (off_t) place, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in temporary file")));
	buf_file_read(temp->file, bytes, size);
}

void
temp_file_end(TempFile *temp)
{
	BufFileClose(temp->file);
	temp->file = NULL;
}
