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

#endif							/* PROMO_PG_MEMORY_H */
