/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  The server's memory contexts and interrupts, as plain C takes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/memory.h"

static void *
server_alloc(void *arg, size_t size)
{
	return MemoryContextAllocHuge((MemoryContext) arg, size);
}

static void
server_release(void *arg, void *pointer)
{
	(void) arg;
	pfree(pointer);
}

static bool
server_may_go_on(void *arg)
{
	(void) arg;
	CHECK_FOR_INTERRUPTS();
	return true;
}

Memory
pg_memory(MemoryContext context)
{
	Memory		memory = {server_alloc, server_release, server_may_go_on, context};

	return memory;
}
