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
#include "promo.h"

/* Kept at least, and the part of promo.cache_size that is kept at most */
#define WARM_LEAST ((Size) 256 * 1024)
#define WARM_PART 8

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

MemoryContext
warm_open(WarmContext *warm)
{
	if (warm->context == NULL)
	{
		warm->kept = Max(warm->kept, WARM_LEAST);
		warm->context = AllocSetContextCreateInternal(TopMemoryContext, warm->name, warm->kept, WARM_LEAST,
													  ALLOCSET_DEFAULT_MAXSIZE);
	}
	MemoryContextReset(warm->context);
	return warm->context;
}

void
warm_close(WarmContext *warm)
{
	Size		used = MemoryContextMemAllocated(warm->context, true);

	/*
	 * The next time most of it is one block, which a reset keeps.  Large pieces
	 * never are in it, so there is always something beside.
	 */
	if (used > 2 * warm->kept && used <= promo_cache_size() / WARM_PART)
	{
		MemoryContextDelete(warm->context);
		warm->context = NULL;
		warm->kept = used;
	}
	else
		MemoryContextReset(warm->context);
}
