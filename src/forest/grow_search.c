/*-------------------------------------------------------------------------
 *
 * grow_search.c
 *	  Which features of a node are tried, and the best split among them.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/grow_node.h"

#include <string.h>

void
grow_draw_cut(Grower *grower)
{
	GrowScan   *scan = &grower->scan;

	grow_all_cuts(scan);
	if (scan->n > 1)
	{
		uint32_t	width = (uint32_t) scan->code[scan->n - 1] - scan->code[0];

		scan->limit = scan->code[0] + (int) random_below(&grower->random, width);
		while (scan->code[scan->begin + 1] <= scan->limit)
			scan->begin++;
	}
	scan->end = scan->begin + 1;
}

void
grow_draw_set(Grower *grower, BinItem *items)
{
	GrowScan   *scan = &grower->scan;
	int			passing;
	int			i;

	do
	{
		passing = 0;
		for (i = 0; i < scan->n; i++)
		{
			bool		passes = random_bits(&grower->random) >> 63;

			items[i].key = !passes;
			passing += passes;
		}
	} while (passing == 0 || passing == scan->n);
	scan->begin = passing - 1;
	scan->end = passing;
}

void
grow_take_split(Grower *grower, int32_t feature, double score, int at,
				uint32_t rows, bool null_passes, bool null_known)
{
	GrowSplit  *best = &grower->best;
	const GrowScan *scan = &grower->scan;
	int			i;

	best->feature = feature;
	best->score = score;
	best->rows = rows;
	best->null_known = null_known;
	best->null_passes = null_passes;
	best->is_category = grower->matrix->kinds[feature] == FOREST_CATEGORY;
	if (best->is_category)
	{
		memset(best->passes, 0, sizeof(best->passes));
		memset(best->filled, 0, sizeof(best->filled));
		for (i = 0; i < scan->n; i++)
		{
			best->filled[scan->code[i]] = true;
			best->passes[scan->code[i]] = i <= at;
		}
	}
	else
	{
		/* Halfway, in bins, to the next value of the node; or all values. */
		if (scan->limit > 0)
			best->limit = (uint8_t) scan->limit;
		else if (at + 1 < scan->n)
			best->limit = (uint8_t) ((scan->code[at] + scan->code[at + 1]) / 2);
		else
			best->limit = grower->matrix->n_bins[feature];
	}
}

/*
 * Draws mtry features and tries them, and draws on while all were constant in
 * the node.  Those that an ancestor found constant stand first among the
 * features and are only counted; those drawn are moved to the end.  A node
 * whose features vary but leave no split becomes a leaf: to go on until one
 * fits would let noise split it.
 */
bool
grow_search(Grower *grower, GrowNode *node, const GrowTotal *total)
{
	int32_t    *features = grower->features;
	int32_t		n_features = grower->matrix->n_features;
	int32_t		known = node->n_constant;	/* constant ones not drawn yet */
	int32_t		end = n_features;	/* those drawn begin here */
	int32_t		wanted = grower->matrix->mtry;
	bool		any_varies = false;

	grower->best.feature = -1;
	grower->best.score = -1;
	while (!any_varies && end > node->n_constant)
	{
		int32_t		last = end;
		int32_t		at;

		for (; wanted > 0 && end > node->n_constant; wanted--)
		{
			at = (int32_t) random_below(&grower->random, (uint32_t) (known + end - node->n_constant));
			if (at < known)
				known--;
			else
			{
				int32_t		feature = features[at + node->n_constant - known];

				features[at + node->n_constant - known] = features[--end];
				features[end] = feature;
			}
		}
		wanted = 1;

		for (at = end; at < last;)
		{
			bool		varies[BATCH];
			int			n = 1;
			int			i;

			if (grower->pairs)
			{
				n = grow_batch_of(grower, total, features + at, last - at);
				grow_try_pairs(grower, node, total, features + at, n, varies);
			}
			else
				varies[0] = grow_try_classes(grower, node, total, features[at]);
			for (i = 0; i < n; i++, at++)
			{
				int32_t		feature = features[at];

				any_varies = any_varies || varies[i];
				if (varies[i])
					continue;

				/* To the constant ones, through the first place of those drawn. */
				features[at] = features[end];
				features[end++] = features[node->n_constant];
				features[node->n_constant++] = feature;
			}
			if (!grow_may_go_on(grower, n * ((int64_t) node->n_rows + 32)))
				return false;
		}
	}
	return true;
}
