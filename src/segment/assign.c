/*-------------------------------------------------------------------------
 *
 * assign.c
 *	  Which arm of an experiment a customer is in.
 *
 *-------------------------------------------------------------------------
 */
#include "core/hash.h"
#include "segment/assign.h"

double
assign_fraction(const void *salt, size_t salt_size, AssignDraw draw,
				const void *key, size_t key_size)
{
	uint64_t	key0 = hash_keyed(salt, salt_size, (uint64_t) draw, 0);
	uint64_t	key1 = hash_keyed(salt, salt_size, (uint64_t) draw, 1);

	return (double) (hash_keyed(key, key_size, key0, key1) >> 11) * 0x1p-53;
}

int
assign_arm(double fraction, const double *shares, int count)
{
	double		all = 0;
	double		before = 0;
	int			i;

	for (i = 0; i < count; i++)
		all += shares[i];

	/* What rounding leaves at the end is the last arm's. */
	for (i = 0; i < count - 1; i++)
	{
		before += shares[i];
		if (fraction * all < before)
			break;
	}
	return i;
}
