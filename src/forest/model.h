/*-------------------------------------------------------------------------
 *
 * model.h
 *	  How a forest lies in its bytes.
 *
 * A model is a header, one record for each feature, the offsets of the names,
 * the names, and then its groves one behind the other:
 *
 *	header		ModelHeader
 *	features	ModelFeature for each
 *	ends		uint32 for each feature name, then each class name: where it
 *				ends among the names
 *	names		bytes, filled up to a multiple of 8
 *	groves		each GroveHeader.size bytes
 *
 * and a grove is
 *
 *	header		GroveHeader
 *	gains		double for each feature
 *	rises		double for each feature: what permuting it adds to the squared
 *				error of a tree, in units; NaN where it was not measured
 *	classes		uint32 for each class the training had: its number in the
 *				model, ascending
 *	bases		double for each margin, which the grove adds to it; in a model
 *				that sums up only
 *	coefficients	double, n_coefficients of them; in a linear grove only
 *	trees		GroveTree for each
 *	shares		float for each class of the training, for each leaf of several
 *				classes; for more than two classes only
 *	nodes		ForestNode, tree behind tree
 *	bins		uint32 for each feature and one more: where its bins begin,
 *				counted from the end of these; then the bins
 *
 * The bins of a number are its cuts, double each.  Those of a category are
 * uint32 n, uint32 n ends of names, n bytes, the names.  Each section begins
 * at a multiple of 4 and is filled up to one of 8 with zero bytes, so places
 * follow from counts and there are no pointers to check.  Bytes may stand at
 * any multiple of 4; doubles are read by memcpy.
 *
 * A node is eight bytes.  Inner nodes have the number of their first child in
 * `next`, the second stands behind it, and in `split` the feature, a byte and
 * flags.  A row passes to the first child when its bin, less 1 under
 * NODE_NULL_FAILS, is at most the byte, counted in a byte: so a NULL, 0,
 * passes, or fails because it turns into 255.  Under NODE_SET it passes when
 * the bit of its bin is set in the words that stand behind the second child,
 * as many slots of two words as n_bins + 1 bits need.
 *
 * A leaf has NODE_LEAF, above the flags the rows of its training as often as
 * drawn, and in `next`: for numbers and two classes a float, the mean in
 * units of the grove or the share of the second class; for more classes the
 * row of its shares, or under NODE_PURE its only class.
 *
 * Children stand behind their parents, so walks end.
 *
 * In a model that sums up (its link is not FOREST_MEAN) all leaves carry a
 * float, which times the grove's scale is added to a margin.  Where there is a
 * margin for each class, tree t adds to that of class t modulo the number of
 * classes, and there are no shares.  Such a grove knows all classes.
 *
 * A linear grove (GROVE_LINEAR) adds to the margins by its coefficients, of
 * which linear.h tells, and has neither trees nor nodes, and numbers no cuts.
 * Its part of a binned row is its own affair: model_row_size() says how long
 * it is, forest_bin_row() fills it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_MODEL_H
#define PROMO_FOREST_MODEL_H

#include "forest/forest.h"

#include <string.h>

#define MODEL_MAGIC UINT32_C(0x54465250)	/* "PRFT" */
#define MODEL_FORMAT 2

typedef struct ModelHeader
{
	uint32_t	magic;
	uint32_t	format;
	uint32_t	size[2];		/* of all, low word first */
	uint32_t	n_features;
	uint32_t	n_classes;
	uint32_t	n_groves;
	uint32_t	n_trees;
	uint32_t	names_size;		/* as filled up */
	uint32_t	positive;		/* class + 1, or 0 */
	uint8_t		algorithm;		/* ForestAlgorithm */
	uint8_t		target_source;
	uint8_t		has_sets;
	uint8_t		link;			/* ForestLink */
	uint32_t	reserved;		/* 0 */
} ModelHeader;

typedef struct ModelFeature
{
	uint8_t		kind;
	uint8_t		source;
	uint8_t		zero[2];
} ModelFeature;

/* Doubles and 64-bit counts, in places that only memcpy may touch. */
typedef struct GroveNumber
{
	uint32_t	words[2];
} GroveNumber;

typedef enum GroveKind
{
	GROVE_TREES = 0,
	GROVE_LINEAR = 1
} GroveKind;

typedef struct GroveHeader
{
	GroveNumber size;			/* uint64 */
	GroveNumber n_slots;		/* uint64: nodes and words of sets, over all trees */
	GroveNumber n_rows;			/* uint64 */
	uint32_t	n_trees;
	uint32_t	n_classes;		/* of the training */
	uint32_t	n_shares;		/* leaves of several classes */
	uint32_t	bins_size;		/* bins, as filled up */
	uint32_t	kind;			/* GroveKind */
	uint32_t	n_bases;		/* margins, or 0 in a mean */
	uint32_t	n_coefficients;
	uint32_t	rows_shift;		/* leaves count rows in parts of 2^-rows_shift */
	GroveNumber base;			/* double: a leaf's value v stands for */
	GroveNumber scale;			/* double: base + scale * v; in a sum base is 0 */

	GroveNumber oob_rows;		/* uint64 */
	GroveNumber oob_mean;		/* double: of the target of these rows, in units */
	GroveNumber oob_variation;	/* double: squares about it */
	GroveNumber oob_error;		/* double: squared errors; classes: Brier's */
	GroveNumber oob_correct;	/* uint64 */
	GroveNumber oob_log_loss;	/* double: sum */

	/* Options */
	GroveNumber seed;			/* uint64 */
	GroveNumber min_leaf;		/* int64 */
	GroveNumber sample_fraction;	/* double */
	uint32_t	max_depth;
	uint32_t	mtry;
	uint32_t	bins;
	uint32_t	max_leaves;
	GroveNumber learning_rate;	/* double */
	GroveNumber l2;				/* double */
	GroveNumber validation_fraction;	/* double */
	uint32_t	early_stopping;
	uint32_t	reserved;		/* 0 */
	GroveNumber c;				/* double */
	GroveNumber epsilon;		/* double */
} GroveHeader;

#define GROVE_MOST_SHIFT 28

typedef struct GroveTree
{
	GroveNumber begin;			/* uint64: first slot */
	uint32_t	n_slots;
	uint32_t	first_shares;	/* row of shares that the leaves count from */
	uint32_t	n_leaves;
	uint32_t	depth;
} GroveTree;

typedef struct ForestNode
{
	uint32_t	next;
	uint32_t	split;
} ForestNode;

#define NODE_LEAF 1
#define NODE_SET 2
#define NODE_NULL_FAILS 4
#define NODE_PURE 8
#define NODE_FLAGS 15
#define NODE_BYTE_SHIFT 4
#define NODE_FEATURE_SHIFT 12
#define NODE_MAX_ROWS UINT32_C(0x0fffffff)

static inline uint32_t
node_feature(ForestNode node)
{
	return node.split >> NODE_FEATURE_SHIFT;
}

static inline uint8_t
node_byte(ForestNode node)
{
	return (uint8_t) (node.split >> NODE_BYTE_SHIFT);
}

static inline uint32_t
node_rows(ForestNode node)
{
	return node.split >> NODE_BYTE_SHIFT;
}

/* A leaf's value */
static inline float
node_value(ForestNode node)
{
	float		value;

	memcpy(&value, &node.next, sizeof(value));
	return value;
}

/* Slots that the set of a feature with so many bins takes */
static inline uint32_t
node_set_slots(uint32_t n_bins)
{
	return (n_bins + 1 + 63) / 64;
}

static inline bool
node_set_has(const ForestNode *set, uint8_t bin)
{
	const ForestNode *slot = &set[bin >> 6];

	return ((bin & 32 ? slot->split : slot->next) >> (bin & 31)) & 1;
}

/* The slot that a row with that bin of its feature goes to from an inner node. */
static inline uint32_t
node_next_of(const ForestNode *nodes, ForestNode node, uint8_t bin, bool has_sets)
{
	if (has_sets && (node.split & NODE_SET))
		return node.next + !node_set_has(nodes + node.next + 2, bin);
	bin = (uint8_t) (bin - ((node.split & NODE_NULL_FAILS) != 0));
	return node.next + (bin > node_byte(node));
}

/* The slot that a row goes to from an inner node. */
static inline uint32_t
node_next(const ForestNode *nodes, ForestNode node, const uint8_t *row, bool has_sets)
{
	return node_next_of(nodes, node, row[node_feature(node)], has_sets);
}

static inline uint64_t
number_u64(GroveNumber number)
{
	return (uint64_t) number.words[1] << 32 | number.words[0];
}

static inline GroveNumber
u64_number(uint64_t value)
{
	GroveNumber number = {{(uint32_t) value, (uint32_t) (value >> 32)}};

	return number;
}

static inline double
number_double(GroveNumber number)
{
	uint64_t	bits = number_u64(number);
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline GroveNumber
double_number(double value)
{
	uint64_t	bits;

	memcpy(&bits, &value, sizeof(bits));
	return u64_number(bits);
}

/* The sections of a grove. */
typedef struct Grove
{
	const GroveHeader *header;
	const GroveNumber *gains;
	const GroveNumber *rises;
	const uint32_t *classes;
	const GroveNumber *bases;
	const GroveNumber *coefficients;
	const GroveTree *trees;
	const float *shares;
	const ForestNode *nodes;
	const uint32_t *bin_begins;
	const char *bins;
	uint32_t	n_trees;
	uint32_t	n_classes;
} Grove;

/* The first grove, and the one behind another; there are forest->n_groves. */
extern Grove model_first_grove(const Forest *forest);
extern Grove model_next_grove(const Forest *forest, const Grove *grove);

/* Bytes of the grove's part of a binned row. */
extern size_t model_row_size(const Forest *forest, const Grove *grove);

/* The parts of a category's bins. */
typedef struct GroveCategories
{
	uint32_t	n;
	const uint32_t *ends;
	const uint8_t *codes;
	const char *names;
} GroveCategories;

extern GroveCategories model_categories(const Grove *grove, uint32_t feature);

static inline ForestText
model_category(const GroveCategories *categories, uint32_t i)
{
	uint32_t	begin = i == 0 ? 0 : categories->ends[i - 1];
	ForestText	name = {categories->names + begin, categories->ends[i] - begin};

	return name;
}

/* The number of cuts of a feature that is a number. */
static inline uint32_t
model_cuts(const Grove *grove, uint32_t feature)
{
	return (grove->bin_begins[feature + 1] - grove->bin_begins[feature]) / sizeof(double);
}

/* Value bins: 1 more than cuts, or the highest byte of a category. */
extern uint32_t model_bins(const Forest *forest, const Grove *grove, uint32_t feature);

/* The bin of a category by name; BINS_NULL for one that it does not know */
extern uint8_t model_category_bin(const Grove *grove, uint32_t feature, ForestText name);

/* The grove that tree n of the forest stands in, and its number there. */
extern Grove model_tree_grove(const Forest *forest, uint32_t n,
							  uint32_t *grove_number, uint32_t *tree);

/* Names in the order of their bytes: below 0, 0, above 0. */
extern int	forest_text_compare(ForestText a, ForestText b);

/*
 * What a training hands over for writing.
 */
typedef struct ModelTree
{
	ForestNode *nodes;
	uint32_t	n_slots;
	float	   *shares;			/* n_classes each */
	uint32_t	n_shares;
	uint32_t	n_leaves;
	uint32_t	depth;
} ModelTree;

/* Sums over rows that were predicted without having been learned from */
typedef struct ModelFigures
{
	uint64_t	rows;
	double		mean;			/* of the target, in units */
	double		variation;		/* squares about it */
	double		error;			/* squared errors; classes: Brier's */
	uint64_t	correct;
	double		log_loss;
} ModelFigures;

/* Adds what the shares of the classes say of a row of a class. */
extern void model_judge_shares(ModelFigures *figures, const double *shares,
							   int32_t n_classes, int32_t class);

/* From the margins of a row to its outputs, which may be the same place */
extern void model_apply_link(ForestLink link, uint32_t n_classes,
							 const double *margins, double *outputs);

struct BinTable;

typedef struct ModelParts
{
	const ForestData *data;
	const ForestOptions *options;
	int64_t		n_learn;		/* rows learned from */
	const struct BinTable *tables;
	ModelTree  *trees;
	int32_t		n_trees;
	const double *gains;
	const double *rises;		/* NULL: not measured */
	double		base;
	double		scale;
	ForestLink	link;
	const double *bases;		/* of each margin, unless a mean */
	GroveKind	kind;
	const double *coefficients; /* GROVE_LINEAR */
	uint32_t	n_coefficients;
	uint32_t	rows_shift;
	bool		has_sets;
	ModelFigures oob;
	ModelFigures held;			/* not written: they are not the model's */

	/*
	 * Where the nodes and shares of trees are not at hand, but in a file: reads
	 * those of tree t, either of which may be NULL for not wanted.  Does not
	 * return where it cannot.
	 */
	void		(*bring) (void *arg, int32_t t, ForestNode *nodes, float *shares);
	void	   *arg;
} ModelParts;

/*
 * Where a model goes: begin is told the size, then write gets the bytes in
 * order.  Each may say no.
 */
typedef struct ModelOut
{
	bool		(*begin) (void *arg, uint64_t size);
	bool		(*write) (void *arg, const void *bytes, size_t size);
	void	   *arg;
} ModelOut;

/*
 * Writes a model of one grove; releases each tree that is at hand once it is
 * written.  False when memory is out, or the way out said no.
 */
extern bool model_write(const Memory *memory, const ModelParts *parts,
						const ModelOut *out);

/* A model that goes to one allocation, behind `room` free bytes */
typedef struct ModelString
{
	const Memory *memory;
	size_t		room;
	char	   *bytes;			/* the caller's to release */
	size_t		size;			/* of the model, without the room */
	size_t		written;
} ModelString;

extern ModelOut model_string_start(ModelString *string, const Memory *memory, size_t room);

/*
 * One model with the groves of all, which are of the same features, link and
 * algorithm.  Result and failure as with forest_merge.
 */
extern bool model_join(const Memory *memory, const Forest *models, size_t n, size_t room,
					   char **bytes, size_t *size, ForestProblem *problem);

#endif							/* PROMO_FOREST_MODEL_H */
