/*-------------------------------------------------------------------------
 *
 * boost_tree.c
 *	  Growing a boosted tree, by the leaf that gains most.
 *
 * A histogram of a node has, for each bin of each feature drawn, the sums of
 * its rows.  When a node is split, that of the child with fewer rows is added
 * up from its rows, and taken off the parent's, which becomes the other
 * child's.  There is room for so many histograms only; a node that did not get
 * one of its own is searched on a spare one, and its children's are both added
 * up from their rows.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/boost_node.h"

#include <math.h>
#include <string.h>

/* Features whose histograms are added up in one pass over the rows */
#define TOGETHER 4

/* A side of a split has at least so much of h, which else divides by nothing. */
#define LEAST_HESSIAN 1e-3

/* A gain that is no more than this share of its terms is rounding. */
#define LEAST_GAIN 1e-10

/*
 * Histograms
 */

/*
 * Adds rows to the histograms of some features.  A missing feature has bytes
 * and sums of another: what is added there twice is not looked at.
 */
static inline void
add_rows(BoostSum *const *sums, const uint8_t *const *bytes, int n_features,
		 const uint32_t *rows, const BoostRow *values, uint32_t n, size_t row_step,
		 bool plain)
{
	uint32_t	i;
	int			f;

	for (i = 0; i < n; i++)
	{
		size_t		offset = rows[i] * row_step;
		double		gradient = values[i].gradient;
		double		hessian = values[i].hessian;

		for (f = 0; f < n_features; f++)
		{
			BoostSum   *sum = &sums[f][bytes[f][offset]];

			sum->gradient += gradient;
			if (!plain)
				sum->hessian += hessian;
			sum->rows++;
		}
	}
}

/* The histograms of the chosen features over the rows of a node */
static bool
add_up(Boost *boost, const BoostNode *node, BoostSum *histogram)
{
	const GrowMatrix *matrix = boost->matrix;
	const uint32_t *rows = boost->rows + node->begin;
	int32_t		at;
	uint32_t	i;

	for (i = 0; i < node->n_rows; i++)
		boost->of_node[i] = boost->of_rank[rows[i]];
	for (at = 0; at < boost->n_chosen; at += TOGETHER)
	{
		int			n = boost->n_chosen - at < TOGETHER ? boost->n_chosen - at : TOGETHER;
		BoostSum   *sums[TOGETHER];
		const uint8_t *bytes[TOGETHER];
		int			f;

		for (f = 0; f < n; f++)
		{
			int32_t		feature = boost->chosen[at + f];

			sums[f] = histogram + boost->bin_begins[feature];
			bytes[f] = matrix->bytes + (size_t) feature * matrix->feature_step;
			memset(sums[f], 0, ((size_t) matrix->n_bins[feature] + 1) * sizeof(BoostSum));
		}
		if (n == TOGETHER && boost->plain)
			add_rows(sums, bytes, TOGETHER, rows, boost->of_node, node->n_rows,
					 matrix->row_step, true);
		else if (n == TOGETHER)
			add_rows(sums, bytes, TOGETHER, rows, boost->of_node, node->n_rows,
					 matrix->row_step, false);
		else
			add_rows(sums, bytes, n, rows, boost->of_node, node->n_rows,
					 matrix->row_step, boost->plain);
		for (f = 0; boost->plain && f < n; f++)
			for (i = 0; i <= matrix->n_bins[boost->chosen[at + f]]; i++)
				sums[f][i].hessian = (double) sums[f][i].rows;
		if (!boost_may_go_on(boost, n * ((int64_t) node->n_rows + CODES)))
			return false;
	}
	return true;
}

/* Takes one child's histograms off the parent's, which become the other's. */
static void
subtract(Boost *boost, BoostSum *parent, const BoostSum *child)
{
	int32_t		at;

	for (at = 0; at < boost->n_chosen; at++)
	{
		int32_t		feature = boost->chosen[at];
		uint32_t	begin = boost->bin_begins[feature];
		uint32_t	end = begin + boost->matrix->n_bins[feature] + 1;
		uint32_t	i;

		for (i = begin; i < end; i++)
		{
			parent[i].gradient -= child[i].gradient;
			parent[i].hessian -= child[i].hessian;
			parent[i].rows -= child[i].rows;
		}
	}
}

/* A histogram to keep, or -1 where there is no room for one more */
static bool
take_histogram(Boost *boost, int32_t *number)
{
	int32_t		i;

	*number = -1;
	for (i = 0; i < boost->n_histograms; i++)
	{
		if (boost->taken[i])
			continue;
		if (boost->histograms[i] == NULL)
			boost->histograms[i] = memory_array(boost->memory, boost->n_bins, sizeof(BoostSum));
		if (boost->histograms[i] == NULL)
			return false;
		boost->taken[i] = true;
		*number = i;
		return true;
	}
	return true;
}

static void
leave_histogram(Boost *boost, BoostNode *node)
{
	if (node->histogram >= 0)
		boost->taken[node->histogram] = false;
	node->histogram = -1;
}

/*
 * Splits
 */

/* What a split gains, or -1 where a side has too little */
static inline double
gain_of(const Boost *boost, const BoostSum *total, const BoostSum *left)
{
	double		l2 = boost->options->l2;
	double		gradient = total->gradient - left->gradient;
	double		hessian = total->hessian - left->hessian;
	double		terms;
	double		gain;

	if (left->hessian < LEAST_HESSIAN || hessian < LEAST_HESSIAN)
		return -1;
	terms = left->gradient * left->gradient / (left->hessian + l2) +
		gradient * gradient / (hessian + l2);
	gain = terms - total->gradient * total->gradient / (total->hessian + l2);
	return gain > LEAST_GAIN * terms ? gain : -1;
}

static inline void
add_sum(BoostSum *to, const BoostSum *sum)
{
	to->gradient += sum->gradient;
	to->hessian += sum->hessian;
	to->rows += sum->rows;
}

/* The best cut of a number, NULLs passing or failing */
static void
search_cuts(Boost *boost, const BoostSum *bins, const BoostSum *total, int32_t feature,
			bool null_passes, BoostSplit *best)
{
	static const BoostSum nothing = {0, 0, 0};
	int64_t		min_leaf = boost->matrix->min_leaf;
	int			n_bins = boost->matrix->n_bins[feature];
	BoostSum	left = null_passes ? bins[BINS_NULL] : nothing;
	double		best_gain = best->gain;
	int64_t		best_rows = 0;
	int			best_at = 0;
	int			next;
	int			code;

	for (code = 1; code <= n_bins; code++)
	{
		double		gain;

		if (bins[code].rows == 0)
			continue;
		add_sum(&left, &bins[code]);
		if (left.rows < min_leaf)
			continue;
		if (total->rows - left.rows < min_leaf)
			break;
		gain = gain_of(boost, total, &left);
		if (gain > best_gain)
		{
			best_gain = gain;
			best_rows = left.rows;
			best_at = code;
		}
	}
	if (best_at == 0)
		return;

	/* Halfway, in bins, to the next value of the node; or all values */
	for (next = best_at + 1; next <= n_bins && bins[next].rows == 0; next++)
		;
	next = next <= n_bins ? (best_at + next) / 2 : n_bins;
	best->feature = feature;
	best->gain = best_gain;
	best->rows = best_rows;
	best->null_known = bins[BINS_NULL].rows > 0;
	for (code = 1; code <= n_bins; code++)
		best->passes[code] = code <= next;
	best->passes[BINS_NULL] = null_passes;
}

/* The best set of a category's bins, NULL among them */
static void
search_sets(Boost *boost, const BoostSum *bins, const BoostSum *total, int32_t feature,
			BoostSplit *best)
{
	int64_t		min_leaf = boost->matrix->min_leaf;
	BinItem	items[CODES];
	BinItem	spare[CODES];
	BoostSum	left = {0, 0, 0};
	double		best_gain = best->gain;
	int64_t		best_rows = 0;
	int			best_at = -1;
	int			n = 0;
	int			i;

	for (i = 0; i <= boost->matrix->n_bins[feature]; i++)
	{
		double		hessian = bins[i].hessian + boost->options->l2;

		if (bins[i].rows == 0)
			continue;
		items[n].key = bins[i].gradient / (hessian > 1e-12 ? hessian : 1e-12);
		items[n].code = (uint8_t) i;
		items[n].at = (uint8_t) n;
		n++;
	}
	bin_items_sort(items, spare, n);
	for (i = 0; i + 1 < n; i++)
	{
		double		gain;

		add_sum(&left, &bins[items[i].code]);
		if (left.rows < min_leaf)
			continue;
		if (total->rows - left.rows < min_leaf)
			break;
		gain = gain_of(boost, total, &left);
		if (gain > best_gain)
		{
			best_gain = gain;
			best_rows = left.rows;
			best_at = i;
		}
	}
	if (best_at < 0)
		return;
	best->feature = feature;
	best->gain = best_gain;
	best->rows = best_rows;
	memset(best->passes, 0, sizeof(best->passes));
	memset(best->filled, 0, sizeof(best->filled));
	for (i = 0; i < n; i++)
	{
		best->filled[items[i].code] = true;
		best->passes[items[i].code] = i <= best_at;
	}
}

/* The best split of a node by its histograms */
static bool
search(Boost *boost, BoostNode *node, const BoostSum *histogram)
{
	int32_t		at;

	node->split.feature = -1;
	node->split.gain = 0;
	for (at = 0; at < boost->n_chosen; at++)
	{
		int32_t		feature = boost->chosen[at];
		const BoostSum *bins = histogram + boost->bin_begins[feature];

		if (boost->matrix->kinds[feature] == FOREST_CATEGORY)
			search_sets(boost, bins, &node->sum, feature, &node->split);
		else
		{
			search_cuts(boost, bins, &node->sum, feature, false, &node->split);
			if (bins[BINS_NULL].rows > 0)
				search_cuts(boost, bins, &node->sum, feature, true, &node->split);
		}
	}
	return boost_may_go_on(boost, (int64_t) boost->n_chosen * CODES);
}

/*
 * Trees
 */

static bool
add_slots(Boost *boost, size_t n, uint32_t *slot)
{
	if (boost->n_nodes + n > boost->nodes_size)
	{
		size_t		size = boost->nodes_size * 2;
		ForestNode *nodes = memory_grow(boost->memory, boost->nodes, boost->n_nodes,
										size, sizeof(*nodes));

		if (nodes == NULL)
			return false;
		boost->nodes = nodes;
		boost->nodes_size = size;
	}
	*slot = (uint32_t) boost->n_nodes;
	boost->n_nodes += n;
	return true;
}

/* Of equal gains that of the earlier node is split first. */
static inline bool
comes_first(const BoostNode *a, const BoostNode *b)
{
	return a->split.gain > b->split.gain ||
		(a->split.gain == b->split.gain && a->slot < b->slot);
}

static bool
push(Boost *boost, const BoostNode *node)
{
	size_t		at = boost->n_heap;

	if (boost->n_heap == boost->heap_size)
	{
		BoostNode  *heap = memory_grow(boost->memory, boost->heap, boost->n_heap,
									   boost->heap_size * 2, sizeof(*heap));

		if (heap == NULL)
			return false;
		boost->heap = heap;
		boost->heap_size *= 2;
	}
	boost->n_heap++;
	for (; at > 0 && comes_first(node, &boost->heap[(at - 1) / 2]); at = (at - 1) / 2)
		boost->heap[at] = boost->heap[(at - 1) / 2];
	boost->heap[at] = *node;
	return true;
}

static void
pop(Boost *boost, BoostNode *node)
{
	const BoostNode *last = &boost->heap[--boost->n_heap];
	size_t		at = 0;
	size_t		child;

	*node = boost->heap[0];
	while ((child = 2 * at + 1) < boost->n_heap)
	{
		if (child + 1 < boost->n_heap &&
			comes_first(&boost->heap[child + 1], &boost->heap[child]))
			child++;
		if (!comes_first(&boost->heap[child], last))
			break;
		boost->heap[at] = boost->heap[child];
		at = child;
	}
	boost->heap[at] = *last;
}

/* Makes a node a leaf, and adds its value to the margins of its rows. */
static void
make_leaf(Boost *boost, BoostNode *node, int32_t m)
{
	ForestNode *leaf = &boost->nodes[node->slot];
	double		below = node->sum.hessian + boost->options->l2;
	float		value = 0;
	uint32_t	i;

	if (node->sum.hessian > 0 && below > 0)
		value = (float) (-boost->options->learning_rate * node->sum.gradient / below);
	if (!isfinite(value))
		value = 0;
	memcpy(&leaf->next, &value, sizeof(value));
	leaf->split = (node->n_rows < NODE_MAX_ROWS ? node->n_rows : NODE_MAX_ROWS)
		<< NODE_BYTE_SHIFT | NODE_LEAF;
	boost->n_leaves++;
	if (node->depth > boost->deepest)
		boost->deepest = node->depth;
	for (i = 0; i < node->n_rows; i++)
		boost->margins[boost->rows[node->begin + i] * (size_t) boost->n_margins + (size_t) m] += value;
	for (i = 0; i < node->n_out; i++)
		boost->margins[boost->rows[node->out_begin + i] * (size_t) boost->n_margins + (size_t) m] += value;
	leave_histogram(boost, node);
}

/* Parts rows in place, as grow.c does; each side keeps its order. */
static uint32_t
part_rows(Boost *boost, uint32_t begin, uint32_t n, const uint8_t *bytes, const bool *passing)
{
	uint32_t   *rows = boost->rows + begin;
	size_t		row_step = boost->matrix->row_step;
	uint32_t	passed = 0;
	uint32_t	failed = 0;
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		uint32_t	row = rows[i];
		bool		passes = passing[bytes[row * row_step]];

		rows[passed] = row;
		boost->side[failed] = row;
		passed += passes;
		failed += !passes;
	}
	memcpy(rows + passed, boost->side, failed * sizeof(*rows));
	return passed;
}

static BoostSum
sum_rows(const Boost *boost, const BoostNode *node)
{
	BoostSum	sum = {0, 0, node->n_rows};
	uint32_t	i;

	for (i = 0; i < node->n_rows; i++)
	{
		const BoostRow *row = &boost->of_rank[boost->rows[node->begin + i]];

		sum.gradient += row->gradient;
		sum.hessian += row->hessian;
	}
	return sum;
}

/* Writes the test of the open node, and shares its rows out to its children. */
static bool
part_node(Boost *boost, ForestStatus *status)
{
	const GrowMatrix *matrix = boost->matrix;
	BoostNode  *node = &boost->open;
	BoostSplit *split = &node->split;
	int			n_bins = matrix->n_bins[split->feature];
	bool		larger = split->rows * 2 >= node->n_rows;
	const uint8_t *bytes = matrix->bytes + (size_t) split->feature * matrix->feature_step;
	uint32_t	word;
	uint32_t	slot;
	uint32_t	passed;
	uint32_t	out_passed;
	int			c;

	/* What the node did not have goes with the larger child. */
	if (matrix->kinds[split->feature] == FOREST_CATEGORY)
	{
		for (c = 0; c <= n_bins; c++)
			if (!split->filled[c])
				split->passes[c] = larger;
	}
	else if (!split->null_known)
		split->passes[BINS_NULL] = larger;
	word = node_split((uint32_t) split->feature, n_bins, split->passes);
	*status = FOREST_NO_MEMORY;
	if (!add_slots(boost, 2 + (word & NODE_SET ? node_set_slots((uint32_t) n_bins) : 0), &slot))
		return false;
	if (word & NODE_SET)
	{
		node_write_set(&boost->nodes[slot + 2], n_bins, split->passes);
		boost->has_sets = true;
	}
	boost->nodes[node->slot].next = slot;
	boost->nodes[node->slot].split = word;
	boost->gains[split->feature] += split->gain;

	passed = part_rows(boost, node->begin, node->n_rows, bytes, split->passes);
	out_passed = part_rows(boost, node->out_begin, node->n_out, bytes, split->passes);
	for (c = 0; c < 2; c++)
	{
		BoostNode  *child = &boost->children[c];

		child->slot = slot + (uint32_t) c;
		child->depth = node->depth + 1;
		child->begin = node->begin + (c == 0 ? 0 : passed);
		child->n_rows = c == 0 ? passed : node->n_rows - passed;
		child->out_begin = node->out_begin + (c == 0 ? 0 : out_passed);
		child->n_out = c == 0 ? out_passed : node->n_out - out_passed;
		child->histogram = -1;
		child->split.feature = -1;
		child->sum = sum_rows(boost, child);
	}
	*status = FOREST_STOPPED;
	return boost_may_go_on(boost, (int64_t) node->n_rows + node->n_out);
}

/* Whether a node may have a split at all */
static bool
may_split(const Boost *boost, const BoostNode *node)
{
	const GrowMatrix *matrix = boost->matrix;

	return node->n_rows / 2 >= (uint64_t) matrix->min_leaf &&
		(matrix->max_depth == 0 || node->depth < (uint32_t) matrix->max_depth);
}

/* Searches a node on histograms that are added up from its rows. */
static bool
search_rows(Boost *boost, BoostNode *node, ForestStatus *status)
{
	BoostSum   *histogram;

	*status = FOREST_NO_MEMORY;
	if (!take_histogram(boost, &node->histogram))
		return false;
	*status = FOREST_STOPPED;
	histogram = node->histogram < 0 ? boost->spare : boost->histograms[node->histogram];
	return add_up(boost, node, histogram) && search(boost, node, histogram);
}

/* Searches the children of the open node, whose histogram goes to one. */
static bool
search_children(Boost *boost, ForestStatus *status)
{
	BoostNode  *fewer = &boost->children[boost->children[1].n_rows < boost->children[0].n_rows];
	BoostNode  *more = &boost->children[fewer == &boost->children[0]];
	bool		subtracts = boost->open.histogram >= 0 && may_split(boost, more);

	if (!subtracts)
	{
		leave_histogram(boost, &boost->open);
		return (!may_split(boost, fewer) || search_rows(boost, fewer, status)) &&
			(!may_split(boost, more) || search_rows(boost, more, status));
	}
	if (!search_rows(boost, fewer, status))
		return false;
	more->histogram = boost->open.histogram;
	boost->open.histogram = -1;
	subtract(boost, boost->histograms[more->histogram],
			 fewer->histogram < 0 ? boost->spare : boost->histograms[fewer->histogram]);
	if (!may_split(boost, fewer))
		fewer->split.feature = -1;
	*status = FOREST_STOPPED;
	return search(boost, more, boost->histograms[more->histogram]);
}

/* Keeps a node that has a split for later, and makes another a leaf. */
static bool
keep_node(Boost *boost, BoostNode *node, int32_t m)
{
	if (node->split.feature >= 0)
		return push(boost, node);
	make_leaf(boost, node, m);
	return true;
}

/* The tree of a round for a margin */
bool
boost_grow_tree(Boost *boost, int32_t m, uint32_t n_drawn, ModelTree *tree,
				ForestStatus *status)
{
	uint32_t	max_leaves = (uint32_t) boost->options->max_leaves;
	BoostNode  *root = &boost->children[0];
	uint32_t	at = 0;
	uint32_t	i;

	for (i = 0; i < boost->n_rows; i++)
		if (boost->drawn[i])
			boost->rows[at++] = i;
	for (i = 0; i < boost->n_rows; i++)
		if (!boost->drawn[i])
			boost->rows[at++] = i;
	boost->n_nodes = 0;
	boost->n_leaves = 0;
	boost->deepest = 0;
	boost->n_heap = 0;
	memset(root, 0, sizeof(*root));
	root->n_rows = n_drawn;
	root->out_begin = n_drawn;
	root->n_out = boost->n_rows - n_drawn;
	root->histogram = -1;
	root->split.feature = -1;
	root->sum = sum_rows(boost, root);
	*status = FOREST_NO_MEMORY;
	if (!add_slots(boost, 1, &root->slot))
		return false;
	if (may_split(boost, root) && max_leaves != 1 && !search_rows(boost, root, status))
		return false;
	*status = FOREST_NO_MEMORY;
	if (!keep_node(boost, root, m))
		return false;

	while (boost->n_heap > 0)
	{
		bool		is_last;

		pop(boost, &boost->open);
		if (max_leaves > 0 && boost->n_leaves + boost->n_heap + 1 >= max_leaves)
		{
			make_leaf(boost, &boost->open, m);
			continue;
		}
		is_last = max_leaves > 0 && boost->n_leaves + boost->n_heap + 2 >= max_leaves;
		if (!part_node(boost, status))
			return false;
		if (is_last)
			leave_histogram(boost, &boost->open);
		else if (!search_children(boost, status))
			return false;
		*status = FOREST_NO_MEMORY;
		if (!keep_node(boost, &boost->children[0], m) || !keep_node(boost, &boost->children[1], m))
			return false;
	}

	*status = FOREST_NO_MEMORY;
	tree->nodes = memory_array(boost->memory, boost->n_nodes, sizeof(*tree->nodes));
	if (tree->nodes == NULL)
		return false;
	memcpy(tree->nodes, boost->nodes, boost->n_nodes * sizeof(*tree->nodes));
	tree->n_slots = (uint32_t) boost->n_nodes;
	tree->n_leaves = boost->n_leaves;
	tree->depth = boost->deepest;
	return true;
}
