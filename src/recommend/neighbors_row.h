/*-------------------------------------------------------------------------
 *
 * neighbors_row.h
 *	  The pairs of one item with those more popular, for one type of sums.
 *
 * Included by neighbors.c several times, with
 *
 *	ROW_NAME	the function's name
 *	ROW_TYPE	of the sums; a number of customers never goes beyond it
 *	ROW_COUNTS	whether they are counts, and each customer adds 1
 *
 *-------------------------------------------------------------------------
 */

/* The least sum that a list could want, from a bound that is a real number */
#if ROW_COUNTS
#define ROW_LEAST(bound) ((bound) <= 1 ? (ROW_TYPE) 1 : (ROW_TYPE) ceil(bound))
#else
#define ROW_LEAST(bound) ((bound) <= DBL_MIN ? DBL_MIN : (bound))
#endif

static void
ROW_NAME(Kernel *kernel, const Row *row)
{
	ROW_TYPE   *sums = row->sums;
	uint32_t   *touched = row->touched;
	uint32_t	i = row->item;
	uint64_t	end = kernel->item_start[i + 1];
	uint64_t	at;
	uint32_t	n_touched = 0;

	for (at = kernel->item_start[i]; at < end; at++)
	{
		uint32_t	customer = kernel->customers[at];
		uint64_t	first = kernel->customer_start[customer];
		const uint32_t *list = kernel->items + first;
		uint32_t	j;

		if (at + AHEAD < end)
			__builtin_prefetch(kernel->items +
							   kernel->customer_start[kernel->customers[at + AHEAD]]);

		/* Lists rise, and this one holds i. */
#if ROW_COUNTS
		if (row->is_swept)
			while ((j = *list++) < i)
				sums[j]++;
		else
			while ((j = *list++) < i)
			{
				touched[n_touched] = j;
				n_touched += sums[j] == 0;
				sums[j]++;
			}
#else
		{
			double		weight = kernel->has_weights ? kernel->weight[customer] : 1;

			if (kernel->has_values)
				weight *= kernel->item_values[at];
			if (weight == 0)
				continue;
			if (kernel->has_values)
			{
				const float *value = kernel->values + first;

				while ((j = *list++) < i)
				{
					touched[n_touched] = j;
					n_touched += sums[j] == 0;
					sums[j] += weight * *value++;
				}
			}
			else if (row->is_swept)
				while ((j = *list++) < i)
					sums[j] += weight;
			else
				while ((j = *list++) < i)
				{
					touched[n_touched] = j;
					n_touched += sums[j] == 0;
					sums[j] += weight;
				}
		}
#endif
	}

	if (row->is_swept)
	{
		uint32_t	block = i / BLOCK + 1;

		/* The most alike are about as popular: they raise the bar early. */
		while (block-- > 0)
		{
			double		bound = least_sum(kernel, i, block);
			const ROW_TYPE *sum = sums + (size_t) block * BLOCK;
			ROW_TYPE	least;
			int			found = 0;
			uint32_t	k;

			if (bound > row->most)
				continue;
			least = ROW_LEAST(bound);
			for (k = 0; k < BLOCK; k++)
				found |= sum[k] >= least;
			if (!found)
				continue;
			for (k = 0; k < BLOCK; k++)
				if (sum[k] >= least)
					offer_pair(kernel, i, block * BLOCK + k, (double) sum[k], row->is_alone);
		}
		memset(sums, 0, ((size_t) i / BLOCK + 1) * BLOCK * sizeof(ROW_TYPE));
	}
	else
	{
		/* The bar of each block is looked up so often that it is kept. */
		float	   *bars = row->bars;
		uint32_t	block;

		for (block = 0; block <= i / BLOCK; block++)
			bars[block] = (float) least_sum(kernel, i, block);
		while (n_touched-- > 0)
		{
			uint32_t	j = touched[n_touched];

			if ((float) sums[j] >= bars[j / BLOCK])
				offer_pair(kernel, i, j, (double) sums[j], row->is_alone);
			sums[j] = 0;
		}
	}
}

#undef ROW_NAME
#undef ROW_TYPE
#undef ROW_COUNTS
#undef ROW_LEAST
