/*-------------------------------------------------------------------------
 *
 * grow.c
 *	  Growing trees over a matrix of bytes.
 *
 * The row of a node is a place among bytes and a tag: the target, brought to
 * 18 bits within the range it has in the node, and how often the row was
 * drawn.  To split a node, tags become words
 *
 *	rows (14 bits) | drawn (16 bits) | sum of drawn * target (34 bits)
 *
 * of which one addition per row and feature makes a histogram over bins.
 * Larger nodes add up in chunks that cannot overflow.  Where targets use up
 * less than 10 of their 18 bits, because outliers have gone another way, they
 * are brought anew to the range that is left; where their range is empty the
 * node is pure.  So nothing is lost to outliers, and leaves are means of the
 * targets themselves, summed by rank.
 *
 * Only the features drawn for a node get a histogram.  A small node notes
 * which bins it fills and visits only these, so that its cost follows its
 * rows.  The rows of a subtree that fits a cache are copied there, a record
 * each, which turns random reads of columns into reads of near memory.
 *
 * Rows that have weights have sums that are no words: these are added up as
 * doubles, row by row, and rows stay where their ranks tell.
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
#include "forest/grow.h"

#include "core/random.h"
#include "forest/permute.h"

#include <math.h>
#include <string.h>

#define CODES 256

/* The fields of a word. */
#define TARGET_BITS 18
#define TARGET_MAX ((1 << TARGET_BITS) - 1)
#define TARGET_COARSE 1024
#define WORD_WEIGHT_SHIFT 34
#define WORD_ROWS_SHIFT 50
#define WORD_SUM_MASK ((UINT64_C(1) << WORD_WEIGHT_SHIFT) - 1)
#define WORD_MAX_ROWS 16383
#define WORD_MAX_WEIGHT 65535

/* A tag is target << 8 | times drawn. */
#define TAG_WEIGHT 0xff
#define TAG_SHIFT 8

/* Nodes with no more rows visit only the bins that they fill. */
#define SPARSE_ROWS 96

/*
 * Levels of memory: the matrix, and blocks that fit a third, second and first
 * cache.  The largest is for matrices that are much larger still.
 */
#define LEVELS 4
#define BLOCK_ROWS 200000
#define MATRIX_OVER_BLOCK 4
static const size_t block_bytes[LEVELS] = {0, 4 * 1024 * 1024, 512 * 1024, 24 * 1024};

/* Features whose histograms are added up together in a node of several chunks,
 * and the rows that this is done for at a time: their bytes stay in cache. */
#define BATCH 8
#define BATCH_ROWS 256

/* Rows that memory is asked for ahead of their turn */
#define AHEAD 24

/* Steps (row and feature) between two questions whether we may go on. */
#define STEPS_BETWEEN 2000000

typedef struct GrowRow
{
	uint32_t	offset;			/* of its bytes, within its level */
	uint32_t	tag;			/* of a row left out: its rank */
} GrowRow;

typedef struct GrowLevel
{
	uint8_t    *block;			/* NULL for the matrix */
	const uint8_t *bytes;
	size_t		feature_step;
} GrowLevel;

/* A node that waits to be split. */
typedef struct GrowNode
{
	uint32_t	begin;
	uint32_t	n_rows;
	uint32_t	out_begin;
	uint32_t	n_out;
	uint32_t	slot;
	uint32_t	depth;
	int32_t		n_constant;		/* features known to be constant */
	int32_t		level;
	double		step;			/* what 1 of a tag's target is in units */
} GrowNode;

/* Words by bin, and in small nodes the bins that have some. */
typedef struct GrowHistogram
{
	uint64_t	words[CODES];
	uint64_t	filled[CODES / 64];
} GrowHistogram;

/* A bin's rows, for nodes of several chunks. */
typedef struct GrowSum
{
	uint64_t	sum;
	uint32_t	weight;
	uint32_t	rows;
} GrowSum;

/* The sums of the node at hand. */
typedef struct GrowTotal
{
	uint32_t	rows;
	uint64_t	drawn;			/* bootstrap weight */
	uint64_t	raw_sum;		/* of drawn * target */
	double		weight;			/* drawn, or with class weights */
	double		sum;
	bool		chunked;
} GrowTotal;

/* The bins that a node fills of a feature, and sums over the first of them. */
typedef struct GrowScan
{
	int			n;
	int			begin;			/* the bins up to one from here on, */
	int			end;			/* and before this, may be those that pass */
	int			limit;			/* the bin that numbers are cut behind, or 0 */
	uint8_t		code[CODES];
	uint64_t	word[CODES];	/* each bin's own */
	uint64_t	null_word;
	uint32_t	rows[CODES];
	double		weight[CODES];
	double		sum[CODES];
	double		score[CODES];
	uint32_t	null_rows;
	double		null_weight;
	double		null_sum;
} GrowScan;

/* The best split so far. */
typedef struct GrowSplit
{
	int32_t		feature;		/* -1: none */
	double		score;
	uint32_t	rows;			/* that pass */
	uint8_t		limit;			/* number: bins up to it pass */
	bool		is_category;
	bool		null_known;		/* the node has NULLs */
	bool		null_passes;
	bool		passes[CODES];	/* category: bins that pass */
	bool		filled[CODES];	/* category: bins that the node has */
} GrowSplit;

struct Grower
{
	const Memory *memory;
	const GrowMatrix *matrix;
	bool		pairs;			/* numbers or two classes: one sum suffices */
	int			n_classes;
	size_t		record;			/* bytes of a record in a block */
	size_t		target_at;		/* of the target in it */
	int64_t		steps;			/* since we asked whether we may go on */
	GrowLevel	levels[LEVELS];
	Random		random;			/* of the tree at hand */

	uint8_t    *draws;			/* how often each row was drawn */
	GrowRow    *rows;			/* the drawn ones, then those left out */
	GrowRow    *side;			/* those that fail, while rows are parted */
	uint64_t   *words;
	uint32_t	chunk_rows;		/* rows whose words cannot overflow */
	int32_t    *features;		/* a permutation; first the constant ones */

	GrowHistogram histograms[BATCH];	/* empty between uses */
	GrowSum		sums[BATCH][CODES];
	GrowScan	scan;
	GrowSplit	best;

	/* Several classes: rows and weight of each class by bin. */
	uint32_t   *class_rows;		/* CODES */
	double	   *class_weight;	/* CODES * n_classes */
	double	   *class_total;
	double	   *class_left;
	double	   *class_share;	/* CODES * n_classes */
	double	   *direction;		/* n_classes, twice */

	GrowNode   *stack;
	size_t		stack_size;
	size_t		n_stack;

	ForestNode *nodes;
	size_t		nodes_size;
	size_t		n_nodes;
	float	   *shares;
	size_t		shares_size;
	size_t		n_shares;
	uint32_t	n_leaves;
	uint32_t	deepest;
	double		root_weight;

	uint16_t   *oob_trees;
	int64_t    *oob_sums;
	uint32_t   *oob_shares;
	uint64_t   *gains;
	int64_t    *rises;			/* and the trees asked */
	Permuter   *permuter;
	bool		has_sets;
};

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

static bool
may_go_on(Grower *grower, int64_t steps)
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
		if ((i & 0xffff) == 0 && !may_go_on(grower, 0xffff))
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

/* What a drawn row weighs, its class left out */
static inline double
row_weight(const Grower *grower, const GrowRow *row)
{
	const double *weights = grower->matrix->weights;
	double		drawn = row->tag & TAG_WEIGHT;

	return weights == NULL ? drawn : drawn * weights[row->offset / grower->matrix->row_step];
}

/* The same with the class of two, or of numbers */
static inline double
pair_weight(const Grower *grower, const GrowRow *row)
{
	const double *classes = grower->matrix->class_weights;
	double		weight = row_weight(grower, row);

	return classes == NULL ? weight : weight * classes[row->tag >> TAG_SHIFT];
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
		double		weight = pair_weight(grower, &rows[i]);

		total->weight += weight;
		total->sum += weight * (rows[i].tag >> TAG_SHIFT);
	}
}

/* Adds the words of some rows to the histogram of a feature. */
static inline void
add_words(GrowHistogram *histogram, const uint8_t *bytes, const GrowRow *rows,
		  const uint64_t *words, uint32_t n)
{
	uint32_t	i;

	for (i = 0; i < n; i++)
		histogram->words[bytes[rows[i].offset]] += words[i];
}

/* The same for a node of one chunk; a small one notes the bins. */
static inline void
add_one(GrowHistogram *histogram, const uint8_t *bytes, const GrowRow *rows,
		const uint64_t *words, uint32_t n)
{
	uint32_t	i;

	if (n > SPARSE_ROWS)
	{
		add_words(histogram, bytes, rows, words, n);
		return;
	}
	for (i = 0; i < n; i++)
	{
		uint8_t		code = bytes[rows[i].offset];

		histogram->words[code] += words[i];
		histogram->filled[code >> 6] |= UINT64_C(1) << (code & 63);
	}
}

/*
 * Turns one bin's sums into the three numbers of a scan.
 */
static inline void
scan_put(const double *weights, uint32_t rows, uint64_t drawn, uint64_t raw_sum,
		 uint32_t *to_rows, double *to_weight, double *to_sum)
{
	double		sum = (double) (int64_t) raw_sum;

	*to_rows = rows;
	if (weights == NULL)
	{
		*to_weight = (double) (int64_t) drawn;
		*to_sum = sum;
	}
	else
	{
		*to_sum = weights[1] * sum;
		*to_weight = weights[0] * (double) (int64_t) (drawn - raw_sum) + *to_sum;
	}
}

static inline void
scan_put_word(const double *weights, uint64_t word,
			  uint32_t *rows, double *weight, double *sum)
{
	scan_put(weights, (uint32_t) (word >> WORD_ROWS_SHIFT),
			 (word >> WORD_WEIGHT_SHIFT) & WORD_MAX_WEIGHT, word & WORD_SUM_MASK,
			 rows, weight, sum);
}

/* Adds words to the histograms of two features, which share what is read of a row. */
static inline void
add_pair(GrowHistogram *first, GrowHistogram *second,
		 const uint8_t *first_bytes, const uint8_t *second_bytes,
		 const GrowRow *rows, const uint64_t *words, uint32_t n)
{
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		uint32_t	offset = rows[i].offset;
		uint64_t	word = words[i];

		first->words[first_bytes[offset]] += word;
		second->words[second_bytes[offset]] += word;
	}
}

/* The same; a small node notes the bins. */
static inline void
add_two(GrowHistogram *first, GrowHistogram *second,
		const uint8_t *first_bytes, const uint8_t *second_bytes,
		const GrowRow *rows, const uint64_t *words, uint32_t n)
{
	uint32_t	i;

	if (n > SPARSE_ROWS)
	{
		add_pair(first, second, first_bytes, second_bytes, rows, words, n);
		return;
	}
	for (i = 0; i < n; i++)
	{
		uint32_t	offset = rows[i].offset;
		uint64_t	word = words[i];
		uint8_t		code = first_bytes[offset];

		first->words[code] += word;
		first->filled[code >> 6] |= UINT64_C(1) << (code & 63);
		code = second_bytes[offset];
		second->words[code] += word;
		second->filled[code >> 6] |= UINT64_C(1) << (code & 63);
	}
}

/*
 * Lists the bins of a histogram that have values, with their words, and leaves
 * it empty.
 */
static inline void
list_words(Grower *grower, GrowHistogram *histogram, uint32_t n_rows, int32_t feature)
{
	uint64_t   *words = histogram->words;
	GrowScan   *scan = &grower->scan;
	int			n = 0;
	int			code;

	scan->null_word = words[BINS_NULL];
	words[BINS_NULL] = 0;
	if (n_rows <= SPARSE_ROWS)
	{
		uint64_t   *filled = histogram->filled;
		int			part;

		filled[0] &= ~UINT64_C(1);
		for (part = 0; part < CODES / 64; part++)
		{
			uint64_t	bits = filled[part];

			filled[part] = 0;
			for (; bits != 0; bits &= bits - 1)
			{
				code = part * 64 + __builtin_ctzll(bits);
				scan->code[n] = (uint8_t) code;
				scan->word[n++] = words[code];
				words[code] = 0;
			}
		}
	}
	else
	{
		int			n_codes = grower->matrix->n_bins[feature] + 1;

		for (code = 1; code < n_codes; code++)
		{
			scan->code[n] = (uint8_t) code;
			scan->word[n] = words[code];
			n += words[code] != 0;
			words[code] = 0;
		}
	}
	scan->n = n;
}

/* The bytes of a feature at the level of a node. */
static inline const uint8_t *
feature_bytes(const Grower *grower, const GrowNode *node, int32_t feature)
{
	const GrowLevel *level = &grower->levels[node->level];

	return level->bytes + (size_t) feature * level->feature_step;
}

/* The same for rows that have weights */
static void
list_weighted(Grower *grower, const GrowNode *node, int32_t feature)
{
	const uint8_t *bytes = feature_bytes(grower, node, feature);
	const GrowRow *rows = grower->rows + node->begin;
	GrowScan   *scan = &grower->scan;
	int			n_codes = grower->matrix->n_bins[feature] + 1;
	uint32_t	counts[CODES];
	double		weights[CODES];
	double		sums[CODES];
	uint32_t	i;
	int			n = 0;
	int			code;

	for (code = 0; code < n_codes; code++)
	{
		counts[code] = 0;
		weights[code] = 0;
		sums[code] = 0;
	}
	for (i = 0; i < node->n_rows; i++)
	{
		double		weight = pair_weight(grower, &rows[i]);

		code = bytes[rows[i].offset];
		counts[code]++;
		weights[code] += weight;
		sums[code] += weight * (rows[i].tag >> TAG_SHIFT);
	}
	scan->null_rows = counts[BINS_NULL];
	scan->null_weight = weights[BINS_NULL];
	scan->null_sum = sums[BINS_NULL];
	for (code = 1; code < n_codes; code++)
	{
		if (counts[code] == 0)
			continue;
		scan->code[n] = (uint8_t) code;
		scan->rows[n] = counts[code];
		scan->weight[n] = weights[code];
		scan->sum[n] = sums[code];
		n++;
	}
	scan->n = n;
}

/*
 * Adds up some features of a node of several chunks.  A few rows at a time, so
 * that what is fetched of a row serves all of them.
 */
static void
sum_features(Grower *grower, const GrowNode *node, const GrowTotal *total,
			 const int32_t *features, int n)
{
	const GrowRow *rows = grower->rows + node->begin;
	const uint8_t *bytes[BATCH];
	uint32_t	begin;
	uint32_t	end;
	int			f;

	for (f = 0; f < n; f++)
	{
		bytes[f] = feature_bytes(grower, node, features[f]);
		memset(grower->sums[f], 0, sizeof(grower->sums[f]));
	}
	for (begin = 0; begin < total->rows; begin = end)
	{
		uint32_t	at;

		end = total->rows - begin < grower->chunk_rows ? total->rows : begin + grower->chunk_rows;
		for (at = begin; at < end; at += BATCH_ROWS)
		{
			uint32_t	count = end - at < BATCH_ROWS ? end - at : BATCH_ROWS;

			for (f = 0; f + 1 < n; f += 2)
				add_pair(&grower->histograms[f], &grower->histograms[f + 1], bytes[f], bytes[f + 1],
						 rows + at, grower->words + at, count);
			if (f < n)
				add_words(&grower->histograms[f], bytes[f], rows + at, grower->words + at, count);
		}
		for (f = 0; f < n; f++)
		{
			uint64_t   *words = grower->histograms[f].words;
			GrowSum    *sums = grower->sums[f];
			int			n_codes = grower->matrix->n_bins[features[f]] + 1;
			int			code;

			for (code = 0; code < n_codes; code++)
			{
				uint64_t	word = words[code];

				sums[code].rows += (uint32_t) (word >> WORD_ROWS_SHIFT);
				sums[code].weight += (word >> WORD_WEIGHT_SHIFT) & WORD_MAX_WEIGHT;
				sums[code].sum += word & WORD_SUM_MASK;
				words[code] = 0;
			}
		}
	}
}

/*
 * The same for a node of any size, as sums; those of a node of several chunks
 * were added up before, in place `at`.
 */
static void
list_sums(Grower *grower, const GrowNode *node, const GrowTotal *total, int32_t feature, int at)
{
	const double *weights = grower->matrix->class_weights;
	const uint8_t *bytes = feature_bytes(grower, node, feature);
	const GrowRow *rows = grower->rows + node->begin;
	GrowHistogram *histogram = &grower->histograms[0];
	GrowScan   *scan = &grower->scan;
	const GrowSum *sums = grower->sums[at];
	int			n_codes = grower->matrix->n_bins[feature] + 1;
	int			n = 0;
	int			code;

	if (grower->matrix->weights != NULL)
	{
		list_weighted(grower, node, feature);
		return;
	}
	if (!total->chunked)
	{
		add_one(histogram, bytes, rows, grower->words, total->rows);
		list_words(grower, histogram, total->rows, feature);
		scan_put_word(weights, scan->null_word, &scan->null_rows,
					  &scan->null_weight, &scan->null_sum);
		for (n = 0; n < scan->n; n++)
			scan_put_word(weights, scan->word[n], &scan->rows[n],
						  &scan->weight[n], &scan->sum[n]);
		return;
	}

	scan_put(weights, sums[0].rows, sums[0].weight, sums[0].sum,
			 &scan->null_rows, &scan->null_weight, &scan->null_sum);
	for (code = 1; code < n_codes; code++)
	{
		if (sums[code].rows == 0)
			continue;
		scan->code[n] = (uint8_t) code;
		scan_put(weights, sums[code].rows, sums[code].weight, sums[code].sum,
				 &scan->rows[n], &scan->weight[n], &scan->sum[n]);
		n++;
	}
	scan->n = n;
}

static inline bool
item_before(const GrowItem *a, const GrowItem *b)
{
	return a->key < b->key || (a->key == b->key && a->code < b->code);
}

/* Few by insertion, more in halves. */
void
grow_sort_items(GrowItem *items, GrowItem *spare, int n)
{
	int			half = n / 2;
	int			i;
	int			j;
	int			k;

	if (n <= 12)
	{
		for (i = 1; i < n; i++)
		{
			GrowItem	item = items[i];

			for (j = i; j > 0 && item_before(&item, &items[j - 1]); j--)
				items[j] = items[j - 1];
			items[j] = item;
		}
		return;
	}
	grow_sort_items(items, spare, half);
	grow_sort_items(items + half, spare, n - half);
	memcpy(spare, items, (size_t) half * sizeof(*items));
	for (i = 0, j = half, k = 0; i < half; k++)
	{
		if (j < n && item_before(&items[j], &spare[i]))
			items[k] = items[j++];
		else
			items[k] = spare[i++];
	}
}

/* Lets all cuts of a scan be tried. */
static inline void
try_all_cuts(GrowScan *scan)
{
	scan->begin = 0;
	scan->end = scan->n;
	scan->limit = 0;
}

/* Chooses the one cut of a number that is tried; a single value parts from NULL. */
static void
draw_cut(Grower *grower)
{
	GrowScan   *scan = &grower->scan;

	try_all_cuts(scan);
	if (scan->n > 1)
	{
		uint32_t	width = (uint32_t) scan->code[scan->n - 1] - scan->code[0];

		scan->limit = scan->code[0] + (int) random_below(&grower->random, width);
		while (scan->code[scan->begin + 1] <= scan->limit)
			scan->begin++;
	}
	scan->end = scan->begin + 1;
}

/* Gives a set of the bins, neither none nor all, keys before the others'. */
static void
draw_set(Grower *grower, GrowItem *items)
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

/*
 * Brings the bins of a category into the order of their mean target, which
 * for one sum makes the best set a first part of them (Fisher, JASA 53, 1958),
 * or brings a set to the front by chance.  NULL is a bin like the others here.
 */
static void
sort_scan(Grower *grower)
{
	GrowScan   *scan = &grower->scan;
	GrowItem	items[CODES];
	GrowItem	spare[CODES];
	GrowScan	copy;
	int			i;

	if (scan->null_rows > 0)
	{
		scan->code[scan->n] = BINS_NULL;
		scan->rows[scan->n] = scan->null_rows;
		scan->weight[scan->n] = scan->null_weight;
		scan->sum[scan->n] = scan->null_sum;
		scan->n++;
		scan->null_rows = 0;
	}
	for (i = 0; i < scan->n; i++)
	{
		items[i].key = scan->sum[i] / scan->weight[i];
		items[i].code = scan->code[i];
		items[i].at = (uint8_t) i;
	}
	try_all_cuts(scan);
	if (grower->matrix->random_cuts)
		draw_set(grower, items);
	grow_sort_items(items, spare, scan->n);
	memcpy(copy.rows, scan->rows, (size_t) scan->n * sizeof(scan->rows[0]));
	memcpy(copy.weight, scan->weight, (size_t) scan->n * sizeof(scan->weight[0]));
	memcpy(copy.sum, scan->sum, (size_t) scan->n * sizeof(scan->sum[0]));
	for (i = 0; i < scan->n; i++)
	{
		int			at = items[i].at;

		scan->code[i] = items[i].code;
		scan->rows[i] = copy.rows[at];
		scan->weight[i] = copy.weight[at];
		scan->sum[i] = copy.sum[at];
	}
}

/*
 * Scores of passing the first bins up to each, and NULLs too when their sums
 * are given: what the split takes off the squared error, times the weight of
 * the node.
 */
static inline void
score_pairs(const double *weight, const double *sum, int begin, int end,
			double more_weight, double more_sum,
			double total_weight, double total_sum, double *score)
{
	int			i;

	for (i = begin; i < end; i++)
	{
		double		w = weight[i] + more_weight;
		double		difference = (sum[i] + more_sum) * total_weight - total_sum * w;

		score[i] = difference * difference / (w * (total_weight - w));
	}
}

/*
 * Whether both sides of a split weigh something beside the other: a side that
 * does not is rounding.
 */
static inline bool
both_weigh(const GrowTotal *total, double weight)
{
	double		least = total->weight * 1e-12;

	return weight > least && total->weight - weight > least;
}

/* Notes a split that is the best so far. */
static void
take_split(Grower *grower, int32_t feature, double score, int at,
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
 * Finds the best place among the first bins at which at least min_leaf rows
 * pass and fail; more_rows pass or fail besides.
 */
static inline void
search_pairs(Grower *grower, const GrowTotal *total, int32_t feature, bool null_passes)
{
	GrowScan   *scan = &grower->scan;
	int64_t		min_leaf = grower->matrix->min_leaf;
	uint32_t	more_rows = null_passes ? scan->null_rows : 0;
	int			begin = scan->begin;
	int			end = scan->end;
	double		best = grower->best.score;
	int			best_at = -1;
	int			i;

	while (begin < end && (int64_t) scan->rows[begin] + more_rows < min_leaf)
		begin++;
	while (end > begin &&
		   (int64_t) total->rows - scan->rows[end - 1] - more_rows < min_leaf)
		end--;
	score_pairs(scan->weight, scan->sum, begin, end,
				null_passes ? scan->null_weight : 0, null_passes ? scan->null_sum : 0,
				total->weight, total->sum, scan->score);
	for (i = begin; i < end; i++)
	{
		if (scan->score[i] > best &&
			both_weigh(total, scan->weight[i] + (null_passes ? scan->null_weight : 0)))
		{
			best = scan->score[i];
			best_at = i;
		}
	}
	if (best_at >= 0)
		take_split(grower, feature, best, best_at, scan->rows[best_at] + more_rows,
				   null_passes, scan->null_rows > 0);
}

/*
 * The same on words, which most nodes come down to: numbers, one chunk, no
 * class weights.
 */
static inline void
search_words(Grower *grower, const GrowTotal *total, int32_t feature, bool null_passes)
{
	const GrowScan *scan = &grower->scan;
	int64_t		min_leaf = grower->matrix->min_leaf;
	int64_t		max_rows = (int64_t) total->rows - min_leaf;
	uint64_t	word = null_passes ? scan->null_word : 0;
	double		best = grower->best.score;
	int64_t		best_rows = 0;
	int			best_at = -1;
	int			i;

	for (i = 0; i < scan->n; i++)
	{
		int64_t		rows;
		double		weight;
		double		difference;
		double		score;

		word += scan->word[i];
		rows = (int64_t) (word >> WORD_ROWS_SHIFT);
		if (rows < min_leaf)
			continue;
		if (rows > max_rows)
			break;
		weight = (double) (int32_t) ((word >> WORD_WEIGHT_SHIFT) & WORD_MAX_WEIGHT);
		difference = (double) (int64_t) (word & WORD_SUM_MASK) * total->weight -
			total->sum * weight;
		score = difference * difference / (weight * (total->weight - weight));
		if (score > best)
		{
			best = score;
			best_rows = rows;
			best_at = i;
		}
	}
	if (best_at >= 0)
		take_split(grower, feature, best, best_at, (uint32_t) best_rows, null_passes,
				   scan->null_word != 0);
}

/* Whether a feature of the node can be searched on words. */
static inline bool
has_words(const Grower *grower, const GrowTotal *total, int32_t feature)
{
	return grower->pairs && !total->chunked && grower->matrix->class_weights == NULL &&
		grower->matrix->weights == NULL && !grower->matrix->random_cuts &&
		grower->matrix->kinds[feature] == FOREST_NUMBER;
}

/* Searches a histogram of words; false when the feature is constant. */
static bool
try_words(Grower *grower, GrowHistogram *histogram, const GrowTotal *total, int32_t feature)
{
	GrowScan   *scan = &grower->scan;

	list_words(grower, histogram, total->rows, feature);
	try_all_cuts(scan);
	if (scan->n + (scan->null_word != 0) < 2)
		return false;
	search_words(grower, total, feature, false);
	if (scan->null_word != 0)
		search_words(grower, total, feature, true);
	return true;
}

/* Tries a feature; false when it is constant in the node. */
static bool
try_feature_pairs(Grower *grower, const GrowNode *node, const GrowTotal *total,
				  int32_t feature, int at)
{
	const GrowMatrix *matrix = grower->matrix;
	GrowScan   *scan = &grower->scan;
	int			i;

	if (has_words(grower, total, feature))
	{
		add_one(&grower->histograms[0], feature_bytes(grower, node, feature),
				grower->rows + node->begin, grower->words, total->rows);
		return try_words(grower, &grower->histograms[0], total, feature);
	}

	list_sums(grower, node, total, feature, at);
	if (scan->n + (scan->null_rows > 0) < 2)
		return false;
	if (matrix->kinds[feature] == FOREST_CATEGORY)
		sort_scan(grower);
	else if (matrix->random_cuts)
		draw_cut(grower);
	else
		try_all_cuts(scan);
	for (i = 1; i < scan->n; i++)
	{
		scan->rows[i] += scan->rows[i - 1];
		scan->weight[i] += scan->weight[i - 1];
		scan->sum[i] += scan->sum[i - 1];
	}
	search_pairs(grower, total, feature, false);
	if (scan->null_rows > 0)
		search_pairs(grower, total, feature, true);
	return true;
}

/*
 * Several classes
 */

static void
total_classes(Grower *grower, const GrowNode *node, GrowTotal *total)
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
		grower->class_total[rows[i].tag >> TAG_SHIFT] += row_weight(grower, &rows[i]);
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
	GrowItem	items[CODES];
	GrowItem	spare[CODES];
	int			round;
	int			i;
	int			c;

	try_all_cuts(scan);
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
		draw_set(grower, items);
	grow_sort_items(items, spare, scan->n);
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
		if (score > grower->best.score && both_weigh(total, left_weight))
			take_split(grower, feature, score, i, (uint32_t) rows, null_passes,
					   scan->null_rows > 0);
	}
}

static bool
try_feature_classes(Grower *grower, const GrowNode *node, const GrowTotal *total,
					int32_t feature)
{
	const uint8_t *bytes = feature_bytes(grower, node, feature);
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
			row_weight(grower, &rows[i]);
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
			draw_cut(grower);
		else
			try_all_cuts(scan);
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

/* Whether the features of a node are added up several at a time. */
static inline bool
in_batches(const Grower *grower, const GrowTotal *total)
{
	return grower->pairs && total->chunked && grower->matrix->weights == NULL;
}

/* How many of so many features are tried together */
static inline int
batch_of(const Grower *grower, const GrowTotal *total, const int32_t *features, int n)
{
	if (in_batches(grower, total))
		return n < BATCH ? n : BATCH;
	return n > 1 && has_words(grower, total, features[0]) &&
		has_words(grower, total, features[1]) ? 2 : 1;
}

/* Tries a batch of features; tells which vary. */
static void
try_features(Grower *grower, const GrowNode *node, const GrowTotal *total,
			 const int32_t *features, int n, bool *varies)
{
	int			f;

	if (in_batches(grower, total))
	{
		sum_features(grower, node, total, features, n);
		for (f = 0; f < n; f++)
			varies[f] = try_feature_pairs(grower, node, total, features[f], f);
	}
	else if (n == 2)
	{
		add_two(&grower->histograms[0], &grower->histograms[1],
				feature_bytes(grower, node, features[0]),
				feature_bytes(grower, node, features[1]),
				grower->rows + node->begin, grower->words, total->rows);
		varies[0] = try_words(grower, &grower->histograms[0], total, features[0]);
		varies[1] = try_words(grower, &grower->histograms[1], total, features[1]);
	}
	else if (grower->pairs)
		varies[0] = try_feature_pairs(grower, node, total, features[0], 0);
	else
		varies[0] = try_feature_classes(grower, node, total, features[0]);
}

/*
 * Draws mtry features and tries them, and draws on while all were constant in
 * the node.  Those that an ancestor found constant stand first among the
 * features and are only counted; those drawn are moved to the end.  A node
 * whose features vary but leave no split becomes a leaf: to go on until one
 * fits would let noise split it.
 */
static bool
search_node(Grower *grower, GrowNode *node, const GrowTotal *total)
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
			int			n = batch_of(grower, total, features + at, last - at);
			int			i;

			try_features(grower, node, total, features + at, n, varies);
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
			if (!may_go_on(grower, n * ((int64_t) node->n_rows + 32)))
				return false;
		}
	}
	return true;
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
					row_weight(grower, &rows[i]);
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

uint32_t
grow_test(uint32_t feature, int n_bins, bool *passing)
{
	uint32_t	split = feature << NODE_FEATURE_SHIFT;
	int			changes = 0;
	int			limit;
	int			code;

	for (code = 2; code <= n_bins; code++)
		changes += passing[code] != passing[code - 1];
	if (changes > 1)
		return split | NODE_SET;
	if (!passing[1])
		for (code = 0; code <= n_bins; code++)
			passing[code] = !passing[code];
	for (limit = 1; limit < n_bins && passing[limit + 1]; limit++)
		;
	if (!passing[BINS_NULL])
		return split | (uint32_t) (limit - 1) << NODE_BYTE_SHIFT | NODE_NULL_FAILS;
	return split | (uint32_t) limit << NODE_BYTE_SHIFT;
}

void
grow_write_set(ForestNode *set, int n_bins, const bool *passing)
{
	int			code;

	memset(set, 0, node_set_slots((uint32_t) n_bins) * sizeof(*set));
	for (code = 0; code <= n_bins; code++)
	{
		uint32_t	bit = (uint32_t) passing[code] << (code & 31);

		if (code & 32)
			set[code >> 6].split |= bit;
		else
			set[code >> 6].next |= bit;
	}
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
	split = grow_test((uint32_t) best->feature, n_bins, passing);
	if (!add_slots(grower, 2 + (split & NODE_SET ? node_set_slots((uint32_t) n_bins) : 0), first))
		return false;
	if (split & NODE_SET)
	{
		grow_write_set(&grower->nodes[*first + 2], n_bins, passing);
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

		total_classes(grower, node, &total);
		for (c = 0; c < grower->n_classes; c++)
			split = split && grower->class_total[c] != total.weight;
	}
	if (node->depth == 0)
		grower->root_weight = total.weight;
	if (split)
	{
		if (!search_node(grower, node, &total))
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

	bytes = feature_bytes(grower, node, grower->best.feature);
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
