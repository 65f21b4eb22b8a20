/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  How plain C gets memory, and asks whether it may go on.
 *
 *-------------------------------------------------------------------------
 */
#include "core/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *
plain_alloc(void *arg, size_t size)
{
	(void) arg;
	return malloc(size > 0 ? size : 1);
}

static void
plain_release(void *arg, void *pointer)
{
	(void) arg;
	free(pointer);
}

static bool
plain_may_go_on(void *arg)
{
	(void) arg;
	return true;
}

const Memory memory_plain = {plain_alloc, plain_release, plain_may_go_on, NULL};

void *
memory_array(const Memory *memory, size_t count, size_t size)
{
	if (size > 0 && count > SIZE_MAX / size)
		return NULL;
	return memory->alloc(memory->arg, count * size);
}

void *
memory_zero_array(const Memory *memory, size_t count, size_t size)
{
	void	   *pointer = memory_array(memory, count, size);

	if (pointer != NULL)
		memset(pointer, 0, count * size);
	return pointer;
}

void *
memory_grow(const Memory *memory, void *pointer,
			size_t old_count, size_t new_count, size_t size)
{
	void	   *larger = memory_array(memory, new_count, size);

	if (larger == NULL)
		return NULL;
	if (old_count > 0)
		memcpy(larger, pointer, old_count * size);
	memory_release(memory, pointer);
	return larger;
}

void
memory_release(const Memory *memory, void *pointer)
{
	if (pointer != NULL)
		memory->release(memory->arg, pointer);
}
