/*-------------------------------------------------------------------------
 *
 * knn.c
 *	  What the customers most like one had: the method user_knn.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/knn.h"

#include <math.h>

float
knn_norm(const float *values, uint64_t count)
{
	double		sum = 0;
	uint64_t	i;

	if (values == NULL)
		return (float) sqrt((double) count);
	for (i = 0; i < count; i++)
		sum += (double) values[i] * values[i];
	return (float) sqrt(sum);
}

uint32_t
knn_nearest(Ranker *customers, const float *norm, float own_norm, double shrink,
			uint32_t n, Ranked *nearest)
{
	uint32_t	i;

	for (i = 0; i < customers->count; i++)
	{
		uint32_t	customer = customers->touched[i];

		customers->score[customer] = (float)
			(customers->score[customer] / knn_divisor(own_norm, norm[customer], shrink));
	}
	return rank_best(customers, n, NULL, nearest);
}

static inline float
value_at(const KnnItems *items, uint32_t place)
{
	return items->value == NULL ? 1 : items->value[place];
}

void
knn_parts(const KnnItems *own, const KnnItems *other, double divisor,
		  const uint32_t *wanted, uint32_t wanted_count, float *parts)
{
	uint32_t	o = 0;
	uint32_t	i;

	for (i = 0; i < other->count; i++)
	{
		double		product;
		uint32_t	w = 0;
		uint32_t	k;

		while (o < own->count && own->item[o] < other->item[i])
			o++;
		if (o == own->count)
			return;
		if (own->item[o] != other->item[i])
			continue;
		product = value_at(own, o) * value_at(other, i) / divisor;
		for (k = 0; k < other->count && w < wanted_count; k++)
		{
			while (w < wanted_count && wanted[w] < other->item[k])
				w++;
			if (w < wanted_count && wanted[w] == other->item[k])
				parts[(uint64_t) o * wanted_count + w] += (float) (product * value_at(other, k));
		}
	}
}
