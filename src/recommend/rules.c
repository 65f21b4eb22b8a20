/*-------------------------------------------------------------------------
 *
 * rules.c
 *	  Which items stand in baskets together, and how often.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/rules.h"

bool
rules_run(const Memory *memory, const Matrix *matrix, uint32_t least,
		  rules_pair pair, void *arg)
{
	uint32_t	n = 0;
	uint32_t   *both;
	bool		done = true;
	uint32_t	b;

	/* Items fall by support, so those that can be in a pair come first. */
	while (n < matrix->n_items && matrix_support(matrix, n) >= least)
		n++;
	both = memory_zero_array(memory, (uint64_t) n + 1, sizeof(uint32_t));
	if (both == NULL)
		return false;
	for (b = 1; done && b < n; b++)
	{
		uint64_t	at;
		uint32_t	a;

		for (at = matrix->item_start[b]; at < matrix->item_start[b + 1]; at++)
		{
			const uint32_t *item = matrix->items + matrix->customer_start[matrix->customers[at]];

			/* The basket holds b itself, where this ends. */
			while (*item < b)
				both[*item++]++;
		}
		for (a = 0; done && a < b; a++)
		{
			if (both[a] >= least)
				done = pair(arg, a, b, both[a]);
			both[a] = 0;
		}
		done = done && memory->may_go_on(memory->arg);
	}
	memory_release(memory, both);
	return done;
}
