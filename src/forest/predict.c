/*-------------------------------------------------------------------------
 *
 * predict.c
 *	  What a forest says of a row.
 *
 * Walking a tree is waiting for memory: each node is read only once the one
 * above has told where it is.  So many walks go on at a time, of one row
 * through many trees or of many rows through one, and wait together.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/bins.h"
#include "forest/linear.h"
#include "forest/model.h"

#include <math.h>

/* Walks at a time */
#define WALKS 16

/* Trees whose leaves a single row keeps before they are added up in order */
#define TREES_AT_A_TIME 256

/*
 * Rows that are walked through a tree before the next tree.  Each block of them
 * reads the whole forest, of which a cache holds some trees only.
 */
#define ROWS_AT_A_TIME 8192

/* Rows whose leaves are kept before they are added up */
#define LEAVES_AT_A_TIME 256

size_t
forest_row_size(const Forest *forest)
{
	Grove		grove = model_first_grove(forest);
	size_t		size = 0;
	uint32_t	g;

	for (g = 0; g < forest->n_groves; g++)
	{
		if (g > 0)
			grove = model_next_grove(forest, &grove);
		size += model_row_size(forest, &grove);
	}
	return size;
}

uint32_t
forest_outputs(const Forest *forest)
{
	return forest->n_classes > 0 ? forest->n_classes : 1;
}

/* The cuts that lie below a number, which is not NaN; cuts may be unaligned. */
static inline uint8_t
bin_number(const char *cuts, uint32_t n_cuts, double number)
{
	uint32_t	below = 0;
	uint32_t	left = n_cuts;
	double		cut;

	while (left > 1)
	{
		uint32_t	half = left / 2;

		memcpy(&cut, cuts + (size_t) (below + half - 1) * sizeof(cut), sizeof(cut));
		below += -(uint32_t) (cut < number) & half;
		left -= half;
	}
	if (left == 1)
	{
		memcpy(&cut, cuts + (size_t) below * sizeof(cut), sizeof(cut));
		below += cut < number;
	}
	return (uint8_t) (below + 1);
}

uint8_t
model_category_bin(const Grove *grove, uint32_t feature, ForestText name)
{
	GroveCategories categories = model_categories(grove, feature);
	uint32_t	low = 0;
	uint32_t	high = categories.n;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;
		int			order = forest_text_compare(model_category(&categories, middle), name);

		if (order == 0)
			return categories.codes[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return BINS_NULL;
}

void
forest_bin_row(const Forest *forest, const ForestValue *values, uint8_t *row)
{
	Grove		grove = model_first_grove(forest);
	uint32_t	g;
	uint32_t	f;

	for (g = 0; g < forest->n_groves; g++)
	{
		if (g > 0)
			grove = model_next_grove(forest, &grove);
		if (grove.header->kind == GROVE_LINEAR)
		{
			linear_bin_row(forest, &grove, values, row);
			row += model_row_size(forest, &grove);
			continue;
		}
		for (f = 0; f < forest->n_features; f++)
		{
			uint8_t		bin = BINS_NULL;

			if (forest_feature_kind(forest, f) == FOREST_NUMBER)
			{
				if (values[f].number == values[f].number)
					bin = bin_number(grove.bins + grove.bin_begins[f],
									 model_cuts(&grove, f), values[f].number);
			}
			else if (values[f].category.data != NULL)
				bin = model_category_bin(&grove, f, values[f].category);
			*row++ = bin;
		}
	}
}

/*
 * Walks a row through trees of a grove, many at a time: a walk that has come
 * to its leaf makes place for the next tree.
 */
static inline void
walk_trees(const Grove *grove, uint32_t first, uint32_t n, const uint8_t *row,
		   bool has_sets, ForestNode *leaves)
{
	const ForestNode *trees[WALKS];
	ForestNode	at[WALKS];
	uint32_t	which[WALKS];
	uint32_t	walks = 0;
	uint32_t	next = 0;
	uint32_t	w;

	while (walks < WALKS && next < n)
	{
		trees[walks] = grove->nodes + number_u64(grove->trees[first + next].begin);
		at[walks] = trees[walks][0];
		which[walks++] = next++;
	}
	while (walks > 0)
	{
		for (w = 0; w < walks; w++)
		{
			ForestNode	node = at[w];

			if (!(node.split & NODE_LEAF))
			{
				at[w] = trees[w][node_next(trees[w], node, row, has_sets)];
				continue;
			}
			leaves[which[w]] = node;
			if (next < n)
			{
				trees[w] = grove->nodes + number_u64(grove->trees[first + next].begin);
				at[w] = trees[w][0];
				which[w] = next++;
			}
			else
			{
				walks--;
				trees[w] = trees[walks];
				at[w] = at[walks];
				which[w] = which[walks];
			}
		}
	}
}

/*
 * Walks rows through a tree, many at a time.  All go on until the last has
 * come to its leaf, without a branch for each.
 */
static inline void
walk_rows(const ForestNode *nodes, const uint8_t *rows, size_t row_size, size_t n,
		  bool has_sets, ForestNode *leaves)
{
	size_t		begin;

	for (begin = 0; begin < n; begin += WALKS)
	{
		size_t		walks = n - begin < WALKS ? n - begin : WALKS;
		uint32_t	slots[WALKS] = {0};
		uint32_t	all_leaves = 0;
		size_t		w;

		while (!all_leaves)
		{
			all_leaves = NODE_LEAF;
			for (w = 0; w < walks; w++)
			{
				ForestNode	node = nodes[slots[w]];
				uint32_t	is_leaf = node.split & NODE_LEAF;

				if (has_sets)
				{
					if (!is_leaf)
						slots[w] = node_next(nodes, node, rows + (begin + w) * row_size, true);
				}
				else
				{
					/* A leaf's feature is its row count, which must not be read. */
					uint32_t	stays = -is_leaf;
					ForestNode	safe = {node.next, node.split & ~stays};
					uint32_t	next = node_next(nodes, safe, rows + (begin + w) * row_size, false);

					slots[w] = (slots[w] & stays) | (next & ~stays);
				}
				all_leaves &= is_leaf;
			}
		}
		for (w = 0; w < walks; w++)
			leaves[begin + w] = nodes[slots[w]];
	}
}

/* Adds what the leaf of tree t says to the outputs, or margins, of a row. */
static inline void
add_leaf(const Grove *grove, uint32_t t, ForestNode leaf, double scale, double *outputs)
{
	const GroveTree *tree = &grove->trees[t];
	const float *shares;
	uint32_t	c;

	if (grove->header->n_bases > 1)
		outputs[t % grove->header->n_bases] += scale * node_value(leaf);
	else if (grove->header->n_bases == 1)
		outputs[0] += scale * node_value(leaf);
	else if (grove->n_classes == 0)
		outputs[0] += node_value(leaf);
	else if (grove->n_classes <= 2)
	{
		double		second = node_value(leaf);

		outputs[grove->classes[0]] += 1 - second;
		if (grove->n_classes == 2)
			outputs[grove->classes[1]] += second;
	}
	else if (leaf.split & NODE_PURE)
		outputs[grove->classes[leaf.next]] += 1;
	else
	{
		shares = grove->shares + ((uint64_t) tree->first_shares + leaf.next) * grove->n_classes;
		for (c = 0; c < grove->n_classes; c++)
			outputs[grove->classes[c]] += shares[c];
	}
}

/* Adds the trees of a grove to the outputs of one row, in their order. */
static void
add_row(const Forest *forest, const Grove *grove, const uint8_t *row, double *outputs)
{
	ForestNode	leaves[TREES_AT_A_TIME];
	double		scale = number_double(grove->header->scale);
	uint32_t	first;
	uint32_t	t;

	for (first = 0; first < grove->n_trees; first += TREES_AT_A_TIME)
	{
		uint32_t	n = grove->n_trees - first;

		if (n > TREES_AT_A_TIME)
			n = TREES_AT_A_TIME;
		if (forest->has_sets)
			walk_trees(grove, first, n, row, true, leaves);
		else
			walk_trees(grove, first, n, row, false, leaves);
		for (t = 0; t < n; t++)
			add_leaf(grove, first + t, leaves[t], scale, outputs);
	}
}

/* The same for a block of rows, at most ROWS_AT_A_TIME. */
static void
add_rows(const Forest *forest, const Grove *grove, const uint8_t *rows, size_t row_size,
		 size_t n, double *outputs)
{
	ForestNode	leaves[LEAVES_AT_A_TIME];
	double		scale = number_double(grove->header->scale);
	uint32_t	n_outputs = forest_margin_count(forest);
	uint32_t	t;
	size_t		begin;
	size_t		i;

	for (t = 0; t < grove->n_trees; t++)
	{
		const GroveTree *tree = &grove->trees[t];
		const ForestNode *nodes = grove->nodes + number_u64(tree->begin);

		for (begin = 0; begin < n; begin += LEAVES_AT_A_TIME)
		{
			const uint8_t *some = rows + begin * row_size;
			size_t		count = n - begin < LEAVES_AT_A_TIME ? n - begin : LEAVES_AT_A_TIME;

			if (forest->has_sets)
				walk_rows(nodes, some, row_size, count, true, leaves);
			else
				walk_rows(nodes, some, row_size, count, false, leaves);
			for (i = 0; i < count; i++)
				add_leaf(grove, t, leaves[i], scale, outputs + (begin + i) * n_outputs);
		}
	}
}

/*
 * The margins of a block of rows, or the outputs of a mean.  The groves of a
 * regression have units of their own, so each is turned into means of the
 * target, weighted by its trees, before the next is added.
 */
static void
margins_of_block(const Forest *forest, const uint8_t *rows, size_t n, double *margins)
{
	size_t		row_size = forest_row_size(forest);
	uint32_t	width = forest_margin_count(forest);
	bool		is_mean = forest->link == FOREST_MEAN;
	double		sums[ROWS_AT_A_TIME];
	double	   *adding = is_mean && forest->n_classes == 0 ? sums : margins;
	Grove		grove = model_first_grove(forest);
	uint32_t	g;
	uint32_t	m;
	size_t		i;

	for (i = 0; i < n * width; i++)
		margins[i] = 0;
	for (g = 0; g < forest->n_groves; g++)
	{
		if (g > 0)
		{
			rows += model_row_size(forest, &grove);
			grove = model_next_grove(forest, &grove);
		}
		for (m = 0; m < grove.header->n_bases; m++)
			for (i = 0; i < n; i++)
				margins[i * width + m] += number_double(grove.bases[m]);
		if (adding == sums)
			for (i = 0; i < n; i++)
				sums[i] = 0;
		if (grove.header->kind == GROVE_LINEAR)
			for (i = 0; i < n; i++)
				linear_add(forest, &grove, rows + i * row_size, margins + i * width);
		else if (n == 1)
			add_row(forest, &grove, rows, adding);
		else
			add_rows(forest, &grove, rows, row_size, n, adding);
		if (adding == sums)
		{
			double		base = number_double(grove.header->base);
			double		scale = number_double(grove.header->scale);
			double		share = (double) grove.n_trees / forest->n_trees;

			for (i = 0; i < n; i++)
				margins[i] += (base + sums[i] / grove.n_trees * scale) * share;
		}
	}
	if (is_mean && forest->n_classes > 0)
		for (i = 0; i < n * width; i++)
			margins[i] /= forest->n_trees;
}

void
model_apply_link(ForestLink link, uint32_t n_classes, const double *margins, double *outputs)
{
	double		largest;
	double		sum = 0;
	uint32_t	c;

	switch (link)
	{
		case FOREST_MEAN:
		case FOREST_IDENTITY:
			break;
		case FOREST_LOGIT:
			outputs[1] = 1 / (1 + exp(-margins[0]));
			outputs[0] = 1 - outputs[1];
			break;
		case FOREST_SOFTMAX:
			largest = margins[0];
			for (c = 1; c < n_classes; c++)
				if (margins[c] > largest)
					largest = margins[c];
			for (c = 0; c < n_classes; c++)
			{
				outputs[c] = exp(margins[c] - largest);
				sum += outputs[c];
			}
			for (c = 0; c < n_classes; c++)
				outputs[c] /= sum;
			break;
	}
}

void
forest_margins(const Forest *forest, const uint8_t *rows, size_t n, double *margins)
{
	size_t		row_size = forest_row_size(forest);
	uint32_t	width = forest_margin_count(forest);
	size_t		begin;

	for (begin = 0; begin < n; begin += ROWS_AT_A_TIME)
		margins_of_block(forest, rows + begin * row_size,
						 n - begin < ROWS_AT_A_TIME ? n - begin : ROWS_AT_A_TIME,
						 margins + begin * width);
}

/*
 * Two classes have one margin and two outputs: margins are put into the last
 * places, and turned into outputs from the front.
 */
void
forest_predict(const Forest *forest, const uint8_t *rows, size_t n, double *outputs)
{
	uint32_t	width = forest_margin_count(forest);
	uint32_t	n_outputs = forest_outputs(forest);
	double	   *margins = outputs + (n_outputs - width) * n;
	size_t		i;

	forest_margins(forest, rows, n, margins);
	if (forest->link == FOREST_LOGIT || forest->link == FOREST_SOFTMAX)
		for (i = 0; i < n; i++)
			model_apply_link(forest->link, forest->n_classes, margins + i * width, outputs + i * n_outputs);
}

uint32_t
forest_likeliest(const Forest *forest, const double *shares)
{
	uint32_t	likeliest = 0;
	uint32_t	c;

	for (c = 1; c < forest->n_classes; c++)
		if (shares[c] > shares[likeliest])
			likeliest = c;
	return likeliest;
}
