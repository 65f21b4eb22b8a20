/*-------------------------------------------------------------------------
 *
 * grow.c
 *	  Growing trees over a matrix of bytes.
 *
 * A node's rows and their sums are told in grow_node.h.  Where targets use up
 * less than 10 of their 18 bits, because outliers have gone another way, they
 * are brought anew to the range that is left; where their range is empty the
 * node is pure.  So nothing is lost to outliers, and leaves are means of the
 * targets themselves, summed by rank.
 *
 * The rows of a subtree that fits a cache are copied there, a record each,
 * which turns random reads of columns into reads of near memory; not where
 * rows have weights, which their ranks tell.
 *
 * Rows that were not drawn go down the tree beside the others, and at a leaf
 * get its value: the out-of-bag error costs no walks.
 *
 * Extremely randomized trees (Geurts, Ernst, Wehenkel, Machine Learning 63,
 * 2006) differ in the splits that are tried: for each feature drawn a single
 * one, by chance.  A number is cut at any bin from the lowest to the highest
 * that the node has; of a category any set of the bins that it has passes.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/grow_node.h"

#include <math.h>
#include <string.h>

/* Targets of a node that use up less of a tag are brought to its range anew. */
#define TARGET_COARSE 1024

/*
 * Levels of memory: the matrix, and blocks that fit a third, second and first
 * cache.  The largest is for matrices that are much larger still.
 */
#define BLOCK_ROWS 200000
#define MATRIX_OVER_BLOCK 4
static const size_t block_bytes[LEVELS] = {0, 4 * 1024 * 1024, 512 * 1024, 24 * 1024};

/* Rows that memory is asked for ahead of their turn */
#define AHEAD 24

/* Steps (row and feature) between two questions whether we may go on. */
#define STEPS_BETWEEN 2000000

/* Bytes of a row in a block: its codes, and in regression its target. */
static size_t
record_bytes(int32_t n_features, bool target)
{
	return ((size_t) n_features + 7) / 8 * 8 + (target ? sizeof(double) : 0);
}

/* Whether rows of so many bytes are many enough for the largest blocks */
static bool
is_large(int64_t n_rows, size_t record)
{
	return (size_t) n_rows * record >= MATRIX_OVER_BLOCK * block_bytes[1];
}

uint64_t
grow_need(int64_t n_rows, int32_t n_features, int32_t n_classes)
{
	uint64_t	a_row = 1 + 2 * sizeof(GrowRow) + sizeof(uint64_t) + sizeof(uint16_t);
	uint64_t	fixed = sizeof(Grower) + 4096 * (sizeof(GrowNode) + sizeof(ForestNode));
	int			level;

	a_row += n_classes > 2 ? (uint64_t) n_classes * sizeof(uint32_t) : sizeof(int64_t);
	if (n_classes > 2)
		fixed += CODES * (uint64_t) n_classes * 2 * sizeof(double);
	for (level = 1; level < LEVELS; level++)
	{
		if (level > 1 || is_large(n_rows, record_bytes(n_features, n_classes == 0)))
			fixed += block_bytes[level];
	}
	fixed += (uint64_t) n_features * (sizeof(int32_t) + 2 * sizeof(uint64_t)) +
		permute_need(n_features);
	return fixed + (uint64_t) n_rows * a_row;
}

Grower *
grow_start(const Memory *memory, const GrowMatrix *matrix)
{
	Grower	   *grower = memory_zero_array(memory, 1, sizeof(*grower));
	size_t		n = (size_t) matrix->n_rows;
	int			k = matrix->n_classes;
	bool		ok;
	int32_t		f;
	int			level;

	if (grower == NULL)
		return NULL;
	grower->memory = memory;
	grower->matrix = matrix;
	grower->pairs = k <= 2;
	grower->n_classes = k;
	grower->target_at = record_bytes(matrix->n_features, false);
	grower->record = record_bytes(matrix->n_features, k == 0);
	grower->levels[0].bytes = matrix->bytes;
	grower->levels[0].feature_step = matrix->feature_step;

	grower->draws = memory_array(memory, n, sizeof(*grower->draws));
	grower->rows = memory_array(memory, n, sizeof(*grower->rows));
	grower->side = memory_array(memory, n, sizeof(*grower->side));
	grower->words = memory_array(memory, n, sizeof(*grower->words));
	grower->features = memory_array(memory, (size_t) matrix->n_features,
									sizeof(*grower->features));
	grower->stack_size = 64;
	grower->stack = memory_array(memory, grower->stack_size, sizeof(*grower->stack));
	grower->nodes_size = 1024;
	grower->nodes = memory_array(memory, grower->nodes_size, sizeof(*grower->nodes));
	grower->oob_trees = memory_zero_array(memory, n, sizeof(*grower->oob_trees));
	grower->gains = memory_zero_array(memory, (size_t) matrix->n_features,
									  sizeof(*grower->gains));
	grower->rises = memory_zero_array(memory, (size_t) matrix->n_features + 1,
									  sizeof(*grower->rises));
	grower->permuter = permute_start(memory, matrix);
	ok = grower->rises != NULL && grower->permuter != NULL;
	ok = ok && grower->draws != NULL && grower->rows != NULL && grower->side != NULL &&
		grower->words != NULL && grower->features != NULL && grower->stack != NULL &&
		grower->nodes != NULL && grower->oob_trees != NULL && grower->gains != NULL;

	for (level = is_large(matrix->n_rows, grower->record) ? 1 : 2; level < LEVELS; level++)
	{
		grower->levels[level].block = memory_array(memory, block_bytes[level], 1);
		grower->levels[level].bytes = grower->levels[level].block;
		grower->levels[level].feature_step = 1;
		ok = ok && grower->levels[level].block != NULL;
	}
	if (grower->pairs)
	{
		grower->oob_sums = memory_zero_array(memory, n, sizeof(*grower->oob_sums));
		ok = ok && grower->oob_sums != NULL;
	}
	else
	{
		size_t		cells = CODES * (size_t) k;

		grower->oob_shares = memory_zero_array(memory, n, (size_t) k * sizeof(*grower->oob_shares));
		grower->class_rows = memory_zero_array(memory, CODES, sizeof(*grower->class_rows));
		grower->class_weight = memory_zero_array(memory, cells, sizeof(*grower->class_weight));
		grower->class_total = memory_array(memory, (size_t) k, sizeof(double));
		grower->class_left = memory_array(memory, (size_t) k, sizeof(double));
		grower->class_share = memory_array(memory, cells, sizeof(double));
		grower->direction = memory_array(memory, 2 * (size_t) k, sizeof(double));
		grower->shares_size = 64;
		grower->shares = memory_array(memory, grower->shares_size,
									  (size_t) k * sizeof(*grower->shares));
		ok = ok && grower->oob_shares != NULL && grower->class_rows != NULL &&
			grower->class_weight != NULL && grower->class_total != NULL &&
			grower->class_left != NULL && grower->class_share != NULL &&
			grower->direction != NULL && grower->shares != NULL;
	}
	if (!ok)
	{
		grow_end(grower);
		return NULL;
	}
	for (f = 0; f < matrix->n_features; f++)
		grower->features[f] = f;
	return grower;
}

void
grow_end(Grower *grower)
{
	const Memory *memory = grower->memory;
	int			level;

	for (level = 1; level < LEVELS; level++)
		memory_release(memory, grower->levels[level].block);
	memory_release(memory, grower->draws);
	memory_release(memory, grower->rows);
	memory_release(memory, grower->side);
	memory_release(memory, grower->words);
	memory_release(memory, grower->features);
	memory_release(memory, grower->class_rows);
	memory_release(memory, grower->class_weight);
	memory_release(memory, grower->class_total);
	memory_release(memory, grower->class_left);
	memory_release(memory, grower->class_share);
	memory_release(memory, grower->direction);
	memory_release(memory, grower->stack);
	memory_release(memory, grower->nodes);
	memory_release(memory, grower->shares);
	memory_release(memory, grower->oob_trees);
	memory_release(memory, grower->oob_sums);
	memory_release(memory, grower->oob_shares);
	memory_release(memory, grower->gains);
	memory_release(memory, grower->rises);
	if (grower->permuter != NULL)
		permute_end(grower->permuter);
	memory_release(memory, grower);
}

void
grow_sums(const Grower *grower, GrowSums *sums)
{
	sums->trees = grower->oob_trees;
	sums->values = grower->oob_sums;
	sums->shares = grower->oob_shares;
	sums->gains = grower->gains;
	sums->rises = grower->rises;
	sums->has_sets = grower->has_sets;
}

void
grow_add_sums(const Grower *grower, GrowSums *sums)
{
	size_t		n = (size_t) grower->matrix->n_rows;
	size_t		i;

	for (i = 0; i < n; i++)
		sums->trees[i] = (uint16_t) (sums->trees[i] + grower->oob_trees[i]);
	if (grower->oob_shares != NULL)
		for (i = 0; i < n * (size_t) grower->n_classes; i++)
			sums->shares[i] += grower->oob_shares[i];
	else
		for (i = 0; i < n; i++)
			sums->values[i] += grower->oob_sums[i];
	for (i = 0; i < (size_t) grower->matrix->n_features; i++)
		sums->gains[i] += grower->gains[i];
	for (i = 0; i <= (size_t) grower->matrix->n_features; i++)
		sums->rises[i] += grower->rises[i];
	sums->has_sets = sums->has_sets || grower->has_sets;
}

bool
grow_may_go_on(Grower *grower, int64_t steps)
{
	grower->steps += steps;
	if (grower->steps < STEPS_BETWEEN)
		return true;
	grower->steps = 0;
	return grower->memory->may_go_on(grower->memory->arg);
}

/* Draws with replacement: an exact bootstrap. */
static bool
draw_again(Grower *grower)
{
	const GrowMatrix *matrix = grower->matrix;
	uint32_t	n = (uint32_t) matrix->n_learn;
	int64_t		i;

	for (i = 0; i < matrix->n_draws; i++)
	{
		uint8_t    *draw = &grower->draws[random_below(&grower->random, n)];

		/* 255 times one row is too rare to happen, but must not wrap */
		*draw = (uint8_t) (*draw + (*draw < TAG_WEIGHT));
		if ((i & 0xffff) == 0 && !grow_may_go_on(grower, 0xffff))
			return false;
	}
	return true;
}

/*
 * Draws the rows of a tree, kept as how often each row was drawn.
 */
static bool
draw_rows(Grower *grower, uint32_t *n_drawn)
{
	const GrowMatrix *matrix = grower->matrix;
	uint32_t	n = (uint32_t) matrix->n_learn;
	uint32_t	all = (uint32_t) matrix->n_rows;
	uint32_t	most = 0;
	uint32_t	drawn = 0;
	uint32_t	out;
	uint32_t	row;

	memset(grower->draws, 0, all);
	if (!matrix->replaces)
		(void) random_draw(&grower->random, n,
						   matrix->n_draws < n ? (uint32_t) matrix->n_draws : n, grower->draws);
	else if (!draw_again(grower))
		return false;
	for (row = 0; row < n; row++)
	{
		drawn += grower->draws[row] > 0;
		if (grower->draws[row] > most)
			most = grower->draws[row];
	}
	grower->chunk_rows = WORD_MAX_WEIGHT / most;
	if (grower->chunk_rows > WORD_MAX_ROWS)
		grower->chunk_rows = WORD_MAX_ROWS;

	*n_drawn = drawn;
	out = drawn;
	drawn = 0;
	for (row = 0; row < all; row++)
	{
		uint32_t	weight = grower->draws[row];
		GrowRow    *place = &grower->rows[weight > 0 ? drawn++ : out++];

		place->offset = (uint32_t) (row * matrix->row_step);
		if (weight == 0)
			place->tag = row;
		else if (matrix->n_classes == 0)
			place->tag = weight;
		else
			place->tag = (uint32_t) matrix->classes[row] << TAG_SHIFT | weight;
	}
	return true;
}

/* The target of a drawn row, in units. */
static inline double
row_target(const Grower *grower, int level, uint32_t offset)
{
	double		target;

	if (level == 0)
		return grower->matrix->targets[offset / grower->matrix->row_step];
	memcpy(&target, grower->levels[level].bytes + offset + grower->target_at,
		   sizeof(target));
	return target;
}

/*
 * Brings the targets of a node to the 18 bits of a tag, within their range.
 * False when they are all the same.
 */
static bool
scale_targets(Grower *grower, GrowNode *node)
{
	GrowRow    *rows = grower->rows + node->begin;
	double		low = row_target(grower, node->level, rows[0].offset);
	double		high = low;
	double		factor;
	uint32_t	i;

	for (i = 1; i < node->n_rows; i++)
	{
		double		target = row_target(grower, node->level, rows[i].offset);

		if (target < low)
			low = target;
		if (target > high)
			high = target;
	}
	factor = TARGET_MAX / (high - low);
	if (!(high > low) || !isfinite(factor))
		return false;
	for (i = 0; i < node->n_rows; i++)
	{
		double		target = row_target(grower, node->level, rows[i].offset);
		uint32_t	scaled = (uint32_t) ((target - low) * factor + 0.5);

		rows[i].tag = scaled << TAG_SHIFT | (rows[i].tag & TAG_WEIGHT);
	}
	node->step = (high - low) / TARGET_MAX;
	return true;
}

/*
 * The words of a node's rows, with their sums and the range of their targets.
 */
static GrowTotal
make_words(Grower *grower, const GrowNode *node, uint32_t *low, uint32_t *high)
{
	const GrowRow *rows = grower->rows + node->begin;
	const double *weights = grower->matrix->class_weights;
	uint64_t   *words = grower->words;
	uint32_t	n = node->n_rows;
	uint32_t	least = UINT32_MAX;
	uint32_t	most = 0;
	GrowTotal	total = {n, 0, 0, 0, 0, n > grower->chunk_rows};
	uint32_t	begin;

	for (begin = 0; begin < n; begin += grower->chunk_rows)
	{
		uint32_t	end = n - begin > grower->chunk_rows ? begin + grower->chunk_rows : n;
		uint64_t	sum = 0;
		uint32_t	i;

		for (i = begin; i < end; i++)
		{
			uint32_t	weight = rows[i].tag & TAG_WEIGHT;
			uint32_t	target = rows[i].tag >> TAG_SHIFT;

			words[i] = (UINT64_C(1) << WORD_ROWS_SHIFT) |
				(uint64_t) weight << WORD_WEIGHT_SHIFT | weight * target;
			sum += words[i];
			least = target < least ? target : least;
			most = target > most ? target : most;
		}
		total.drawn += (sum >> WORD_WEIGHT_SHIFT) & WORD_MAX_WEIGHT;
		total.raw_sum += sum & WORD_SUM_MASK;
	}
	*low = least;
	*high = most;

	if (weights != NULL)
	{
		total.sum = weights[1] * (double) total.raw_sum;
		total.weight = weights[0] * (double) (total.drawn - total.raw_sum) + total.sum;
	}
	else
	{
		total.sum = (double) total.raw_sum;
		total.weight = (double) total.drawn;
	}
	return total;
}

/* The sums of a node whose rows have weights */
static void
weigh_rows(const Grower *grower, const GrowNode *node, GrowTotal *total)
{
	const GrowRow *rows = grower->rows + node->begin;
	uint32_t	i;

	total->weight = 0;
	total->sum = 0;
	for (i = 0; i < node->n_rows; i++)
	{
		double		weight = grow_pair_weight(grower, &rows[i]);

		total->weight += weight;
		total->sum += weight * (rows[i].tag >> TAG_SHIFT);
	}
}

/*
 * Tree building
 */

static bool
add_slots(Grower *grower, size_t n, uint32_t *slot)
{
	if (n > UINT32_MAX - grower->n_nodes)
		return false;
	if (grower->n_nodes + n > grower->nodes_size)
	{
		size_t		size = grower->nodes_size * 2;
		ForestNode *nodes = memory_grow(grower->memory, grower->nodes, grower->n_nodes,
										size, sizeof(*nodes));

		if (nodes == NULL)
			return false;
		grower->nodes = nodes;
		grower->nodes_size = size;
	}
	*slot = (uint32_t) grower->n_nodes;
	grower->n_nodes += n;
	return true;
}

static bool
push_node(Grower *grower, const GrowNode *node)
{
	if (grower->n_stack == grower->stack_size)
	{
		GrowNode   *stack = memory_grow(grower->memory, grower->stack, grower->n_stack,
										grower->stack_size * 2, sizeof(*stack));

		if (stack == NULL)
			return false;
		grower->stack = stack;
		grower->stack_size *= 2;
	}
	grower->stack[grower->n_stack++] = *node;
	return true;
}

/* What is in a leaf, for the tree and for the rows left out. */
static bool
make_leaf(Grower *grower, const GrowNode *node, const GrowTotal *total)
{
	const GrowRow *rows = grower->rows + node->begin;
	const GrowRow *out = grower->rows + node->out_begin;
	ForestNode *leaf = &grower->nodes[node->slot];
	int			k = grower->n_classes;
	uint32_t	i;
	int			c;

	grower->n_leaves++;
	if (node->depth > grower->deepest)
		grower->deepest = node->depth;
	leaf->split = (uint32_t) (total->drawn < NODE_MAX_ROWS ? total->drawn : NODE_MAX_ROWS)
		<< NODE_BYTE_SHIFT | NODE_LEAF;
	for (i = 0; i < node->n_out; i++)
		grower->oob_trees[out[i].tag]++;

	if (grower->pairs)
	{
		double		mean;
		float		value;
		int64_t		units;

		if (k == 0)
		{
			double		sum = 0;

			for (i = 0; i < node->n_rows; i++)
				sum += row_target(grower, node->level, rows[i].offset) *
					grow_row_weight(grower, &rows[i]);
			mean = sum / total->weight;
		}
		else
			mean = total->sum / total->weight;
		value = (float) mean;
		memcpy(&leaf->next, &value, sizeof(value));
		units = (int64_t) ((double) value * GROW_UNIT);
		for (i = 0; i < node->n_out; i++)
			grower->oob_sums[out[i].tag] += units;
		return true;
	}

	for (c = 0; c < k; c++)
	{
		if (grower->class_total[c] == total->weight)
		{
			leaf->next = (uint32_t) c;
			leaf->split |= NODE_PURE;
			for (i = 0; i < node->n_out; i++)
				grower->oob_shares[(size_t) out[i].tag * k + c] += (uint32_t) GROW_SHARE;
			return true;
		}
	}
	if (grower->n_shares == grower->shares_size)
	{
		float	   *shares = memory_grow(grower->memory, grower->shares, grower->n_shares,
										 grower->shares_size * 2, (size_t) k * sizeof(*shares));

		if (shares == NULL)
			return false;
		grower->shares = shares;
		grower->shares_size *= 2;
	}
	leaf->next = (uint32_t) grower->n_shares++;
	for (c = 0; c < k; c++)
	{
		float		share = (float) (grower->class_total[c] / total->weight);
		uint32_t	units = (uint32_t) ((double) share * GROW_SHARE + 0.5);

		grower->shares[(size_t) leaf->next * k + c] = share;
		if (units > 0)
			for (i = 0; i < node->n_out; i++)
				grower->oob_shares[(size_t) out[i].tag * k + c] += units;
	}
	return true;
}

/*
 * Writes the test of the best split into its node; passing[code] tells which
 * bins go to the first child.
 */
static bool
make_test(Grower *grower, const GrowNode *node, bool *passing, uint32_t *first)
{
	GrowSplit  *best = &grower->best;
	int			n_bins = grower->matrix->n_bins[best->feature];
	bool		larger = best->rows >= node->n_rows - best->rows;
	uint32_t	split;
	int			code;

	if (best->is_category)
		for (code = 0; code <= n_bins; code++)
			passing[code] = best->filled[code] ? best->passes[code] : larger;
	else
	{
		for (code = 1; code <= n_bins; code++)
			passing[code] = code <= best->limit;
		passing[BINS_NULL] = best->null_known ? best->null_passes : larger;
	}
	split = node_split((uint32_t) best->feature, n_bins, passing);
	if (!add_slots(grower, 2 + (split & NODE_SET ? node_set_slots((uint32_t) n_bins) : 0), first))
		return false;
	if (split & NODE_SET)
	{
		node_write_set(&grower->nodes[*first + 2], n_bins, passing);
		grower->has_sets = true;
	}
	grower->nodes[node->slot].next = *first;
	grower->nodes[node->slot].split = split;
	return true;
}

/*
 * Parts rows in place, those that pass first, each side in the order it had.
 * Writes every row to both sides and moves on only one of them, so that no
 * branch has to be predicted.
 */
static inline uint32_t
part_rows(GrowRow *rows, GrowRow *side, uint32_t n, const uint8_t *bytes,
		  const bool *passing)
{
	uint32_t	passed = 0;
	uint32_t	failed = 0;
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		GrowRow		row = rows[i];
		bool		passes = passing[bytes[row.offset]];

		__builtin_prefetch(bytes + rows[i + AHEAD < n ? i + AHEAD : i].offset);

		rows[passed] = row;
		side[failed] = row;
		passed += passes;
		failed += !passes;
	}
	memcpy(rows + passed, side, failed * sizeof(*rows));
	return passed;
}

/*
 * Copies the rows of a node into the block of the next level when they fit
 * and will be read often enough: each level below reads mtry bytes of a row.
 */
static void
move_rows(Grower *grower, GrowNode *node)
{
	const GrowMatrix *matrix = grower->matrix;
	int			level = node->level;
	int			next = level + 1;
	GrowLevel  *from = &grower->levels[level];
	GrowLevel  *to;
	size_t		n = (size_t) node->n_rows + node->n_out;
	size_t		reads = 0;
	size_t		cost;
	uint8_t    *record;
	int			part;

	if (next == 1 && grower->levels[1].block == NULL)
		next = 2;
	if (next >= LEVELS || matrix->weights != NULL || node->n_rows < 32 || n > BLOCK_ROWS ||
		n * grower->record > block_bytes[next])
		return;
	to = &grower->levels[next];
	record = to->block;
	for (n = node->n_rows; n > (size_t) matrix->min_leaf && n > 1; n /= 2)
		reads += (size_t) matrix->mtry;
	cost = from->feature_step == 1 ? grower->record / 8 : (size_t) matrix->n_features;
	if (cost > reads)
		return;

	for (part = 0; part < 2; part++)
	{
		GrowRow    *rows = grower->rows + (part == 0 ? node->begin : node->out_begin);
		uint32_t	count = part == 0 ? node->n_rows : node->n_out;
		uint32_t	i;

		for (i = 0; i < count; i++)
		{
			const uint8_t *bytes = from->bytes + rows[i].offset;

			if (from->feature_step == 1)
				memcpy(record, bytes, grower->target_at);
			else
			{
				int32_t		f;

				for (f = 0; f < matrix->n_features; f++)
					record[f] = bytes[(size_t) f * from->feature_step];
			}
			if (part == 0 && grower->n_classes == 0)
			{
				double		target = row_target(grower, level, rows[i].offset);

				memcpy(record + grower->target_at, &target, sizeof(target));
			}
			rows[i].offset = (uint32_t) (record - to->block);
			record += grower->record;
		}
	}
	node->level = next;
}

/* Splits a node, or makes it a leaf. */
static bool
grow_node(Grower *grower, GrowNode *node, ForestStatus *status)
{
	const GrowMatrix *matrix = grower->matrix;
	bool		passing[CODES];
	const uint8_t *bytes;
	GrowTotal	total;
	uint32_t	low = 0;
	uint32_t	high = 0;
	bool		split;
	uint32_t	first = 0;
	uint32_t	passed;
	uint32_t	out_passed;
	GrowNode	child;

	*status = FOREST_NO_MEMORY;
	move_rows(grower, node);
	split = node->n_rows / 2 >= (uint64_t) matrix->min_leaf &&
		(matrix->max_depth == 0 || node->depth < (uint32_t) matrix->max_depth);
	if (grower->pairs)
	{
		total = make_words(grower, node, &low, &high);
		if (split && matrix->n_classes == 0 && high - low < TARGET_COARSE)
		{
			split = scale_targets(grower, node);
			if (split)
				total = make_words(grower, node, &low, &high);
		}
		if (matrix->weights != NULL)
			weigh_rows(grower, node, &total);
		split = split && low < high;
	}
	else
	{
		int			c;

		grow_total_classes(grower, node, &total);
		for (c = 0; c < grower->n_classes; c++)
			split = split && grower->class_total[c] != total.weight;
	}
	if (node->depth == 0)
		grower->root_weight = total.weight;
	if (split)
	{
		if (!grow_search(grower, node, &total))
		{
			*status = FOREST_STOPPED;
			return false;
		}
		split = grower->best.feature >= 0;
	}
	if (!split)
		return make_leaf(grower, node, &total);

	if (!make_test(grower, node, passing, &first))
		return false;
	grower->gains[grower->best.feature] +=
		(uint64_t) (grower->best.score / total.weight * node->step * node->step /
					grower->root_weight * GROW_GAIN);

	bytes = grow_feature_bytes(grower, node, grower->best.feature);
	passed = part_rows(grower->rows + node->begin, grower->side, node->n_rows,
					   bytes, passing);
	out_passed = part_rows(grower->rows + node->out_begin, grower->side, node->n_out,
						   bytes, passing);

	child = *node;
	child.depth++;
	child.slot = first + 1;
	child.begin += passed;
	child.n_rows -= passed;
	child.out_begin += out_passed;
	child.n_out -= out_passed;
	if (!push_node(grower, &child))
		return false;
	child.slot = first;
	child.begin = node->begin;
	child.n_rows = passed;
	child.out_begin = node->out_begin;
	child.n_out = out_passed;
	return push_node(grower, &child);
}

/*
 * Asks a tree that is grown what the features are worth to it.  The rows that
 * it left out stand leaf by leaf, so that those at even distances are from all
 * parts of it; which row gets whose value is drawn apart from what the tree
 * drew, which it must not depend on.
 */
static bool
permute(Grower *grower, uint32_t n, const ModelTree *tree, uint32_t n_drawn,
		ForestStatus *status)
{
	const GrowMatrix *matrix = grower->matrix;
	const GrowRow *out = grower->rows + n_drawn;
	uint64_t	n_out = (uint64_t) matrix->n_rows - n_drawn;
	uint64_t	left = (uint64_t) matrix->n_learn - n_drawn;	/* not held out */
	uint64_t	wanted = (uint64_t) matrix->n_permuted;
	uint32_t   *ranks = (uint32_t *) grower->words;
	uint32_t   *dealt;
	uint32_t	count = 0;
	const double *rises;
	Random		random;
	uint64_t	i;
	int32_t		f;

	if (wanted > left)
		wanted = left;
	if (wanted < 2)
		return true;
	for (i = 0; i < n_out * wanted / left; i++)
	{
		uint32_t	rank = out[i * left / wanted].tag;

		if (rank < matrix->n_learn)
			ranks[count++] = rank;
	}
	if (count < 2)
		return true;
	dealt = ranks + count;
	random_start(&random, hash_mix(matrix->seed), n);
	for (i = 0; i < count; i++)
	{
		uint32_t	j = random_below(&random, (uint32_t) i + 1);

		dealt[i] = dealt[j];
		dealt[j] = ranks[i];
	}
	if (!permute_tree(grower->permuter, tree, ranks, dealt, count, &rises, status))
		return false;
	for (f = 0; f < matrix->n_features; f++)
		grower->rises[f] += (int64_t) (rises[f] * GROW_RISE);
	grower->rises[matrix->n_features]++;
	return true;
}

bool
grow_tree(Grower *grower, uint32_t n, ModelTree *tree, ForestStatus *status)
{
	const GrowMatrix *matrix = grower->matrix;
	GrowNode	root;
	uint32_t	n_drawn;
	int32_t		f;

	memset(tree, 0, sizeof(*tree));
	random_start(&grower->random, matrix->seed, n);

	/* Tree n must not depend on the trees grown before it. */
	for (f = 0; f < matrix->n_features; f++)
		grower->features[f] = f;
	grower->n_nodes = 0;
	grower->n_shares = 0;
	grower->n_leaves = 0;
	grower->deepest = 0;
	grower->n_stack = 0;

	*status = FOREST_STOPPED;
	if (!draw_rows(grower, &n_drawn))
		return false;
	memset(&root, 0, sizeof(root));
	root.n_rows = n_drawn;
	root.out_begin = n_drawn;
	root.n_out = (uint32_t) matrix->n_rows - n_drawn;
	root.step = 1;
	*status = FOREST_NO_MEMORY;
	if (!add_slots(grower, 1, &root.slot) || !push_node(grower, &root))
		return false;
	while (grower->n_stack > 0)
	{
		GrowNode	node = grower->stack[--grower->n_stack];

		if (!grow_node(grower, &node, status))
			return false;
	}

	*status = FOREST_NO_MEMORY;
	tree->n_slots = (uint32_t) grower->n_nodes;
	tree->n_shares = (uint32_t) grower->n_shares;
	tree->n_leaves = grower->n_leaves;
	tree->depth = grower->deepest;
	tree->nodes = memory_array(grower->memory, grower->n_nodes, sizeof(*tree->nodes));
	if (tree->nodes == NULL)
		return false;
	memcpy(tree->nodes, grower->nodes, grower->n_nodes * sizeof(*tree->nodes));
	if (grower->n_shares > 0)
	{
		size_t		size = (size_t) grower->n_classes * sizeof(*tree->shares);

		tree->shares = memory_array(grower->memory, grower->n_shares, size);
		if (tree->shares == NULL)
		{
			memory_release(grower->memory, tree->nodes);
			tree->nodes = NULL;
			return false;
		}
		memcpy(tree->shares, grower->shares, grower->n_shares * size);
	}
	if (!permute(grower, n, tree, n_drawn, status))
	{
		memory_release(grower->memory, tree->nodes);
		memory_release(grower->memory, tree->shares);
		tree->nodes = NULL;
		tree->shares = NULL;
		return false;
	}
	*status = FOREST_OK;
	return true;
}
