/*-------------------------------------------------------------------------
 *
 * tree.c
 *	  Reading a tree node by node.
 *
 * Inner nodes do not carry how many rows they had nor what their mean was:
 * both follow from the leaves below, which are added up once at the start.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/bins.h"
#include "forest/model.h"

#include <math.h>

struct ForestTree
{
	const Memory *memory;
	const Forest *forest;
	Grove		grove;
	const GroveTree *tree;
	const ForestNode *nodes;
	uint64_t   *rows;			/* of each slot */
	double	   *sums;			/* of each slot, rows times value or shares */
	double	   *shares;			/* of the node last read, by class of the model */
	uint32_t   *stack;			/* slots to read, with their depths */
	uint32_t   *depths;
	uint32_t	n_stack;
	uint32_t	width;			/* sums of a slot */
	uint32_t	slot;			/* last read */
};

/* Whether the first or the second child of its parent stands in a slot. */
#define SECOND UINT32_C(0x80000000)

static void
add_leaf(ForestTree *tree, uint32_t slot)
{
	ForestNode	leaf = tree->nodes[slot];
	double		rows = node_rows(leaf);
	double	   *sums = tree->sums + (size_t) slot * tree->width;
	uint32_t	c;

	tree->rows[slot] = node_rows(leaf);
	if (tree->width == 1)
		sums[0] = rows * node_value(leaf);
	else if (leaf.split & NODE_PURE)
		sums[leaf.next] = rows;
	else
		for (c = 0; c < tree->width; c++)
			sums[c] = rows * tree->grove.shares[((uint64_t) tree->tree->first_shares + leaf.next) *
												tree->width + c];
}

ForestTree *
forest_tree_start(const Memory *memory, const Forest *forest, uint32_t n)
{
	ForestTree *tree = memory_zero_array(memory, 1, sizeof(*tree));
	uint32_t	grove_number;
	uint32_t	number;
	uint32_t	n_slots;
	uint32_t	slot;

	if (tree == NULL)
		return NULL;
	tree->memory = memory;
	tree->forest = forest;
	tree->grove = model_tree_grove(forest, n, &grove_number, &number);
	tree->tree = &tree->grove.trees[number];
	tree->nodes = tree->grove.nodes + number_u64(tree->tree->begin);
	tree->width = tree->grove.n_classes > 2 && forest->link == FOREST_MEAN ?
		tree->grove.n_classes : 1;
	n_slots = tree->tree->n_slots;
	tree->rows = memory_zero_array(memory, n_slots, sizeof(*tree->rows));
	tree->sums = memory_zero_array(memory, n_slots, tree->width * sizeof(*tree->sums));
	tree->shares = memory_array(memory, forest->n_classes, sizeof(*tree->shares));
	tree->stack = memory_array(memory, (size_t) tree->tree->depth + 2, sizeof(*tree->stack));
	tree->depths = memory_array(memory, (size_t) tree->tree->depth + 2, sizeof(*tree->depths));
	if (tree->rows == NULL || tree->sums == NULL || tree->shares == NULL ||
		tree->stack == NULL || tree->depths == NULL)
	{
		forest_tree_end(tree);
		return NULL;
	}

	/*
	 * Which slots hold nodes is known from their parents, so first mark them,
	 * upwards; then add up, downwards, for children stand behind parents.
	 */
	tree->rows[0] = 1;
	for (slot = 0; slot < n_slots; slot++)
	{
		ForestNode	node = tree->nodes[slot];

		if (tree->rows[slot] != 0 && !(node.split & NODE_LEAF))
			tree->rows[node.next] = tree->rows[node.next + 1] = 1;
	}
	for (slot = n_slots; slot-- > 0;)
	{
		ForestNode	node = tree->nodes[slot];
		uint32_t	c;

		if (tree->rows[slot] == 0)
			continue;
		if (node.split & NODE_LEAF)
		{
			add_leaf(tree, slot);
			continue;
		}
		tree->rows[slot] = tree->rows[node.next] + tree->rows[node.next + 1];
		for (c = 0; c < tree->width; c++)
			tree->sums[(size_t) slot * tree->width + c] =
				tree->sums[(size_t) node.next * tree->width + c] +
				tree->sums[((size_t) node.next + 1) * tree->width + c];
	}
	tree->stack[0] = 0;
	tree->depths[0] = 0;
	tree->n_stack = 1;
	return tree;
}

/* The mean or the class shares of the rows in a slot. */
static void
fill_values(ForestTree *tree, uint32_t slot, ForestTreeNode *node)
{
	const Grove *grove = &tree->grove;
	const double *sums = tree->sums + (size_t) slot * tree->width;
	double		rows = (double) tree->rows[slot];
	uint32_t	c;

	if (rows == 0)
		rows = 1;
	if (grove->n_classes == 0 || tree->forest->link != FOREST_MEAN)
	{
		node->value = number_double(grove->header->base) +
			number_double(grove->header->scale) * (sums[0] / rows);
		return;
	}
	for (c = 0; c < tree->forest->n_classes; c++)
		tree->shares[c] = 0;
	if (grove->n_classes > 2)
		for (c = 0; c < grove->n_classes; c++)
			tree->shares[grove->classes[c]] = sums[c] / rows;
	else
	{
		if (grove->n_classes == 2)
			tree->shares[grove->classes[1]] = sums[0] / rows;
		tree->shares[grove->classes[0]] = 1 - sums[0] / rows;
	}
	node->shares = tree->shares;
	node->value = tree->forest->n_classes == 2 ? tree->shares[1] : NAN;
}

bool
forest_tree_next(ForestTree *tree, ForestTreeNode *node)
{
	uint32_t	slot;
	ForestNode	from;

	if (tree->n_stack == 0)
		return false;
	tree->n_stack--;
	memset(node, 0, sizeof(*node));
	slot = tree->stack[tree->n_stack];
	node->depth = tree->depths[tree->n_stack] & ~SECOND;
	node->is_right = (tree->depths[tree->n_stack] & SECOND) != 0;
	tree->slot = slot;
	from = tree->nodes[slot];
	node->is_leaf = (from.split & NODE_LEAF) != 0;
	node->rows = (tree->rows[slot] + (UINT64_C(1) << tree->grove.header->rows_shift) / 2)
		>> tree->grove.header->rows_shift;
	fill_values(tree, slot, node);
	if (node->is_leaf)
		return true;

	node->feature = node_feature(from);
	if (from.split & NODE_SET)
		node->null_passes = node_set_has(tree->nodes + from.next + 2, BINS_NULL);
	else
		node->null_passes = !(from.split & NODE_NULL_FAILS);
	node->threshold = NAN;
	if (forest_feature_kind(tree->forest, node->feature) == FOREST_NUMBER)
	{
		uint32_t	limit = node_byte(from) + !node->null_passes;
		const char *cuts = tree->grove.bins + tree->grove.bin_begins[node->feature];

		if (limit > model_cuts(&tree->grove, node->feature))
			node->threshold = INFINITY;
		else
			memcpy(&node->threshold, cuts + (limit - 1) * sizeof(double), sizeof(double));
	}
	tree->stack[tree->n_stack] = from.next + 1;
	tree->depths[tree->n_stack++] = (node->depth + 1) | SECOND;
	tree->stack[tree->n_stack] = from.next;
	tree->depths[tree->n_stack++] = node->depth + 1;
	return true;
}

uint32_t
forest_tree_categories(const ForestTree *tree, uint32_t feature)
{
	return model_categories(&tree->grove, feature).n;
}

ForestText
forest_tree_category(const ForestTree *tree, uint32_t feature, uint32_t category)
{
	GroveCategories categories = model_categories(&tree->grove, feature);

	return model_category(&categories, category);
}

bool
forest_tree_passes(const ForestTree *tree, uint32_t category)
{
	ForestNode	node = tree->nodes[tree->slot];
	uint8_t		bin = model_categories(&tree->grove, node_feature(node)).codes[category];

	if (node.split & NODE_SET)
		return node_set_has(tree->nodes + node.next + 2, bin);
	return bin <= node_byte(node) + ((node.split & NODE_NULL_FAILS) != 0);
}

void
forest_tree_end(ForestTree *tree)
{
	memory_release(tree->memory, tree->rows);
	memory_release(tree->memory, tree->sums);
	memory_release(tree->memory, tree->shares);
	memory_release(tree->memory, tree->stack);
	memory_release(tree->memory, tree->depths);
	memory_release(tree->memory, tree);
}
