/*-------------------------------------------------------------------------
 *
 * grow_classes.c
 *	  Trying the features of a node for several classes: rows and weight of
 *	  each class by bin, and the Gini impurity.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/grow_node.h"

#include <math.h>
#include <string.h>

void
grow_total_classes(Grower *grower, const GrowNode *node, GrowTotal *total)
{
	const GrowRow *rows = grower->rows + node->begin;
	const double *weights = grower->matrix->class_weights;
	uint32_t	i;
	int			c;

	memset(total, 0, sizeof(*total));
	total->rows = node->n_rows;
	for (c = 0; c < grower->n_classes; c++)
		grower->class_total[c] = 0;
	for (i = 0; i < node->n_rows; i++)
	{
		grower->class_total[rows[i].tag >> TAG_SHIFT] += grow_row_weight(grower, &rows[i]);
		total->drawn += rows[i].tag & TAG_WEIGHT;
	}
	for (c = 0; c < grower->n_classes; c++)
	{
		if (weights != NULL)
			grower->class_total[c] *= weights[c];
		total->weight += grower->class_total[c];
		total->sum += grower->class_total[c] * grower->class_total[c];
	}
}

/*
 * Orders the bins of a category by the main direction in which their class
 * shares differ, found by power iteration (the heuristic of Coppersmith, Hong
 * and Hosking, Data Mining and Knowledge Discovery 3, 1999), or brings a set to
 * the front by chance.
 */
static void
sort_classes(Grower *grower, GrowScan *scan)
{
	int			k = grower->n_classes;
	const double *weights = grower->matrix->class_weights;
	double	   *direction = grower->direction;
	double	   *next = direction + k;
	double		total_weight = 0;
	double		widest = -1;
	int			start = 0;
	BinItem	items[CODES];
	BinItem	spare[CODES];
	int			round;
	int			i;
	int			c;

	grow_all_cuts(scan);
	for (c = 0; c < k; c++)
		total_weight += grower->class_total[c];
	for (i = 0; i < scan->n; i++)
	{
		const double *counts = grower->class_weight + (size_t) scan->code[i] * k;
		double	   *shares = grower->class_share + (size_t) i * k;
		double		weight = 0;
		double		width = 0;

		for (c = 0; c < k; c++)
		{
			shares[c] = weights != NULL ? weights[c] * counts[c] : counts[c];
			weight += shares[c];
		}
		for (c = 0; c < k; c++)
		{
			shares[c] = shares[c] / weight - grower->class_total[c] / total_weight;
			width += shares[c] * shares[c];
		}
		scan->weight[i] = weight;
		if (width * weight > widest)
		{
			widest = width * weight;
			start = i;
		}
	}
	memcpy(direction, grower->class_share + (size_t) start * k, (size_t) k * sizeof(double));
	for (round = 0; round < 16; round++)
	{
		double		largest = 0;

		for (c = 0; c < k; c++)
			next[c] = 0;
		for (i = 0; i < scan->n; i++)
		{
			const double *shares = grower->class_share + (size_t) i * k;
			double		along = 0;

			for (c = 0; c < k; c++)
				along += shares[c] * direction[c];
			for (c = 0; c < k; c++)
				next[c] += scan->weight[i] * along * shares[c];
		}
		for (c = 0; c < k; c++)
			if (fabs(next[c]) > largest)
				largest = fabs(next[c]);
		if (largest == 0)
			break;
		for (c = 0; c < k; c++)
			direction[c] = next[c] / largest;
	}
	for (i = 0; i < scan->n; i++)
	{
		const double *shares = grower->class_share + (size_t) i * k;

		items[i].key = 0;
		for (c = 0; c < k; c++)
			items[i].key += shares[c] * direction[c];
		items[i].code = scan->code[i];
		items[i].at = (uint8_t) i;
	}
	if (grower->matrix->random_cuts)
		grow_draw_set(grower, items);
	bin_items_sort(items, spare, scan->n);
	for (i = 0; i < scan->n; i++)
		scan->code[i] = items[i].code;
}

/* As search_pairs: squares of class weights over weight, on both sides. */
static void
search_classes(Grower *grower, const GrowTotal *total, int32_t feature, bool null_passes)
{
	GrowScan   *scan = &grower->scan;
	int			k = grower->n_classes;
	const double *weights = grower->matrix->class_weights;
	double	   *left = grower->class_left;
	int64_t		min_leaf = grower->matrix->min_leaf;
	int64_t		rows = 0;
	int			i;
	int			c;

	for (c = 0; c < k; c++)
		left[c] = 0;
	for (i = null_passes ? -1 : 0; i < scan->n; i++)
	{
		int			code = i < 0 ? BINS_NULL : scan->code[i];
		const double *counts = grower->class_weight + (size_t) code * k;
		double		left_weight = 0;
		double		left_squares = 0;
		double		right_squares = 0;
		double		score;

		if (i >= scan->end)
			break;
		rows += grower->class_rows[code];
		if ((int64_t) total->rows - rows < min_leaf)
			break;
		for (c = 0; c < k; c++)
		{
			left[c] += weights != NULL ? weights[c] * counts[c] : counts[c];
			left_weight += left[c];
			left_squares += left[c] * left[c];
			right_squares += (grower->class_total[c] - left[c]) * (grower->class_total[c] - left[c]);
		}
		if (i < scan->begin || rows < min_leaf)
			continue;
		score = (left_squares / left_weight + right_squares / (total->weight - left_weight)) *
			total->weight - total->sum;
		if (score < 0)
			score = 0;			/* rounding */
		if (score > grower->best.score && grow_both_weigh(total, left_weight))
			grow_take_split(grower, feature, score, i, (uint32_t) rows, null_passes,
					   scan->null_rows > 0);
	}
}

bool
grow_try_classes(Grower *grower, const GrowNode *node, const GrowTotal *total,
				 int32_t feature)
{
	const uint8_t *bytes = grow_feature_bytes(grower, node, feature);
	const GrowRow *rows = grower->rows + node->begin;
	GrowScan   *scan = &grower->scan;
	int			k = grower->n_classes;
	uint64_t   *filled = grower->histograms[0].filled;
	uint64_t	noted[CODES / 64];
	uint32_t	i;
	int			part;
	bool		varies;

	for (i = 0; i < node->n_rows; i++)
	{
		uint8_t		code = bytes[rows[i].offset];

		grower->class_weight[(size_t) code * k + (rows[i].tag >> TAG_SHIFT)] +=
			grow_row_weight(grower, &rows[i]);
		grower->class_rows[code]++;
		filled[code >> 6] |= UINT64_C(1) << (code & 63);
	}
	memcpy(noted, filled, sizeof(noted));
	memset(filled, 0, sizeof(noted));

	scan->n = 0;
	scan->null_rows = grower->class_rows[BINS_NULL];
	for (part = 0; part < CODES / 64; part++)
	{
		uint64_t	bits = noted[part];

		for (; bits != 0; bits &= bits - 1)
			scan->code[scan->n++] = (uint8_t) (part * 64 + __builtin_ctzll(bits));
	}
	varies = scan->n >= 2;
	if (varies && grower->matrix->kinds[feature] == FOREST_CATEGORY)
	{
		scan->null_rows = 0;	/* NULL is a bin like the others */
		sort_classes(grower, scan);
		search_classes(grower, total, feature, false);
	}
	else if (varies)
	{
		if (scan->null_rows > 0)
		{
			scan->n--;
			memmove(scan->code, scan->code + 1, (size_t) scan->n);
		}
		if (grower->matrix->random_cuts)
			grow_draw_cut(grower);
		else
			grow_all_cuts(scan);
		search_classes(grower, total, feature, false);
		if (scan->null_rows > 0)
			search_classes(grower, total, feature, true);
	}

	for (part = 0; part < CODES / 64; part++)
	{
		uint64_t	bits = noted[part];

		for (; bits != 0; bits &= bits - 1)
		{
			int			code = part * 64 + __builtin_ctzll(bits);

			memset(grower->class_weight + (size_t) code * k, 0,
				   (size_t) k * sizeof(*grower->class_weight));
			grower->class_rows[code] = 0;
		}
	}
	return varies;
}
