/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  How plain C gets memory, and asks whether it may go on.
 *
 * The server hands in a memory context and CHECK_FOR_INTERRUPTS, the unit
 * tests malloc and a counter.  Plain C never allocates in another way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_MEMORY_H
#define PROMO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Memory
{
	void	   *(*alloc) (void *arg, size_t size);	/* NULL: there is none */
	void		(*release) (void *arg, void *pointer);	/* NULL is allowed */
	bool		(*may_go_on) (void *arg);	/* false: stop, return failure */
	void	   *arg;
} Memory;

/* Space for count things of the size; NULL when the product overflows. */
extern void *memory_array(const Memory *memory, size_t count, size_t size);

/* The same, all bytes zero. */
extern void *memory_zero_array(const Memory *memory, size_t count, size_t size);

/* A larger home for the first old_count things at pointer, which is released. */
extern void *memory_grow(const Memory *memory, void *pointer,
						 size_t old_count, size_t new_count, size_t size);

extern void memory_release(const Memory *memory, void *pointer);

/* The handlers of a program that has only the C library. */
extern const Memory memory_plain;

#endif							/* PROMO_MEMORY_H */
