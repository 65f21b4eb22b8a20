/*-------------------------------------------------------------------------
 *
 * grow_node.h
 *	  What the files that grow trees share: the rows of a node, their sums,
 *	  the room to find a split in.
 *
 * grow.c takes a node from its rows to its children; grow_search.c draws the
 * features that are tried and keeps the best split; grow_pairs.c tries a
 * feature where one sum suffices, of numbers or two classes, grow_classes.c of
 * several classes.
 *
 * The row of a node is a place among bytes and a tag: the target, brought to
 * 18 bits within the range it has in the node, and how often the row was
 * drawn.  To split a node, tags become words
 *
 *	rows (14 bits) | drawn (16 bits) | sum of drawn * target (34 bits)
 *
 * of which one addition per row and feature makes a histogram over bins.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_GROW_NODE_H
#define PROMO_FOREST_GROW_NODE_H

#include "core/random.h"
#include "forest/grow.h"
#include "forest/permute.h"
#include "forest/node_split.h"

#define CODES 256

/* The fields of a word. */
#define TARGET_BITS 18
#define TARGET_MAX ((1 << TARGET_BITS) - 1)
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

/* Levels of memory: the matrix, and blocks that fit a third, second and first cache */
#define LEVELS 4

/* Features whose histograms are added up together in a node of several chunks */
#define BATCH 8

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

/* Counts steps of rows and features; false when growing shall stop. */
extern bool grow_may_go_on(Grower *grower, int64_t steps);

/*
 * Draws features of a node until some vary, and tries them: the best split is
 * in grower->best, whose feature is -1 where there is none.  False when
 * growing shall stop.
 */
extern bool grow_search(Grower *grower, GrowNode *node, const GrowTotal *total);

/* Tries features of numbers or two classes, as many as grow_batch_of said; tells which vary. */
extern void grow_try_pairs(Grower *grower, const GrowNode *node, const GrowTotal *total,
						   const int32_t *features, int n, bool *varies);
extern int grow_batch_of(const Grower *grower, const GrowTotal *total,
						 const int32_t *features, int n);

/* The same for several classes, one feature at a time; and the sums of a node. */
extern bool grow_try_classes(Grower *grower, const GrowNode *node, const GrowTotal *total,
							 int32_t feature);
extern void grow_total_classes(Grower *grower, const GrowNode *node, GrowTotal *total);

/* Chooses the one cut of a number that is tried; a single value parts from NULL. */
extern void grow_draw_cut(Grower *grower);

/* Gives a set of the bins, neither none nor all, keys before the others'. */
extern void grow_draw_set(Grower *grower, BinItem *items);

/* Notes a split that is the best so far: the bins of the scan up to `at` pass. */
extern void grow_take_split(Grower *grower, int32_t feature, double score, int at,
							uint32_t rows, bool null_passes, bool null_known);

/* The bytes of a feature at the level of a node. */
static inline const uint8_t *
grow_feature_bytes(const Grower *grower, const GrowNode *node, int32_t feature)
{
	const GrowLevel *level = &grower->levels[node->level];

	return level->bytes + (size_t) feature * level->feature_step;
}

/* What a drawn row weighs, its class left out */
static inline double
grow_row_weight(const Grower *grower, const GrowRow *row)
{
	const double *weights = grower->matrix->weights;
	double		drawn = row->tag & TAG_WEIGHT;

	return weights == NULL ? drawn : drawn * weights[row->offset / grower->matrix->row_step];
}

/* The same with the class of two, or of numbers */
static inline double
grow_pair_weight(const Grower *grower, const GrowRow *row)
{
	const double *classes = grower->matrix->class_weights;
	double		weight = grow_row_weight(grower, row);

	return classes == NULL ? weight : weight * classes[row->tag >> TAG_SHIFT];
}

/*
 * Whether both sides of a split weigh something beside the other: a side that
 * does not is rounding.
 */
static inline bool
grow_both_weigh(const GrowTotal *total, double weight)
{
	double		least = total->weight * 1e-12;

	return weight > least && total->weight - weight > least;
}

/* Lets all cuts of a scan be tried. */
static inline void
grow_all_cuts(GrowScan *scan)
{
	scan->begin = 0;
	scan->end = scan->n;
	scan->limit = 0;
}

#endif							/* PROMO_FOREST_GROW_NODE_H */
