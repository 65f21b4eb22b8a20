/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  The server's memory contexts and interrupts, as plain C takes them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_MEMORY_H
#define PROMO_PG_MEMORY_H

#include "core/memory.h"

/*
 * Handlers that take memory from the context (of any size, raising an error
 * where there is none) and check for interrupts.
 */
extern Memory pg_memory(MemoryContext context);

/*
 * A context for work that is done again and again.  It lasts as long as the
 * backend, and keeps as much memory as the work takes, up to a part of
 * promo.cache_size: else each call would get all of it from the system anew,
 * page by page.  Opening it empties it, also after an error.
 */
typedef struct WarmContext
{
	const char *name;
	MemoryContext context;		/* NULL at first */
	Size		kept;
} WarmContext;

extern MemoryContext warm_open(WarmContext *warm);

/* Empties it; what was built in it is to be copied before. */
extern void warm_close(WarmContext *warm);

#endif							/* PROMO_PG_MEMORY_H */
