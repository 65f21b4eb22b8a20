/*-------------------------------------------------------------------------
 *
 * forest.h
 *	  Random forests: what they are trained on, what they are stored as,
 *	  what can be asked of them.
 *
 * The way data takes.  The caller lays out a table as columns (ForestData):
 * numbers as double, in which NaN stands for NULL, and categories as codes
 * into a sorted list of names.  forest_train() then
 *
 *	1. puts the rows into an order of their own, by a hash of their content,
 *	   so that the forest does not depend on the order in which they came
 *	   (rows.c);
 *	2. cuts every column into at most 255 bins and turns it into bytes, of
 *	   which 0 is NULL (bins.c);
 *	3. grows each tree over these bytes from (seed, number of the tree) alone,
 *	   so that whoever grows it grows the same one (grow.c);
 *	4. writes everything into one string of bytes (model_write.c).
 *
 * The string is the model: it is stored, sent and served as it is.  Forest is
 * a view of one, made by forest_open() in no time at all and valid as long as
 * the bytes are.  Bytes from elsewhere go through forest_check() first, which
 * reads all of them; behind it nothing is checked again.
 *
 * A model holds one or more groves.  A grove is what one training grew: trees
 * that share bins, with the out-of-bag figures and importances of that
 * training.  forest_merge() puts the groves of several models over the same
 * features side by side, and unites their classes; only means can be merged.
 *
 * To predict, a row is binned once for each grove, and all trees compare
 * bytes (predict.c).  A forest of trees that were grown independently predicts
 * the mean over the trees, for classes the mean of the class shares in the
 * leaves that the row ends in.  Boosted trees, each grown to mend what those
 * before it left, add up to a margin instead, and a link makes the prediction
 * of it: it is the margin itself for a regression, a share by the logistic
 * function of the margin for two classes, and shares by the softmax of a
 * margin for each of more classes.  Explanations of such a model explain the
 * margin, for that is where contributions add up.  A linear model has weights
 * instead of trees, and adds up to a margin what they make of each feature
 * (linear.h).
 *
 * What a split does with what it has not seen.  NULLs in the training rows of
 * a node are sent to the side where they fit better.  Where a node had none,
 * NULLs follow the larger child.  A category that the training did not have
 * is taken for NULL; one that it had, but not in this node, follows the larger
 * child.
 *
 * Plain C.  Bytes are in the machine's own order; the first word of a model
 * tells a model of a machine with another order, which is refused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_H
#define PROMO_FOREST_H

#include "core/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOREST_MAX_FEATURES 1000000
#define FOREST_MAX_CLASSES 1000
#define FOREST_MAX_TREES 10000
#define FOREST_MAX_ROWS 250000000
#define FOREST_MAX_BINS 255

/* Text that no zero byte ends.  Names are ordered by their bytes. */
typedef struct ForestText
{
	const char *data;
	uint32_t	size;
} ForestText;

typedef enum ForestKind
{
	FOREST_NUMBER = 1,			/* ordered: split by a threshold */
	FOREST_CATEGORY = 2			/* unordered: split by a set of names */
} ForestKind;

typedef enum ForestStatus
{
	FOREST_OK,
	FOREST_NO_MEMORY,			/* an allocation failed */
	FOREST_STOPPED,				/* memory->may_go_on said no */
	FOREST_NO_ROWS,
	FOREST_NO_FEATURES,
	FOREST_TOO_MANY_ROWS,		/* problem.count is the limit in each of these */
	FOREST_TOO_MANY_FEATURES,
	FOREST_TOO_MANY_CLASSES,
	FOREST_TARGET_NOT_FINITE,	/* problem.count rows have such a target */
	FOREST_BAD_OPTION,			/* problem.option is its name */
	FOREST_BAD_CLASS_WEIGHT,	/* of class problem.class */
	FOREST_BAD_WEIGHT,			/* problem.count rows have such a weight */
	FOREST_DAMAGED,				/* forest_check: problem.detail says what */
	FOREST_OTHER_FORMAT,		/* a format or byte order we cannot read */
	FOREST_OTHER_TARGET,		/* forest_merge: classes beside numbers, or
								 * targets of another source */
	FOREST_OTHER_FEATURES,		/* forest_merge: problem.feature is the first
								 * that differs by name, kind or source */
	FOREST_OTHER_POSITIVE,		/* forest_merge: positive classes differ */
	FOREST_OTHER_ALGORITHM,		/* forest_merge: algorithms differ */
	FOREST_NO_MEAN				/* forest_merge: a model that sums up, whose
								 * sum with another says nothing */
} ForestStatus;

typedef struct ForestProblem
{
	ForestStatus status;
	int64_t		feature;		/* number of the feature, or -1 */
	int64_t		class;			/* number of the class, or -1 */
	int64_t		count;
	const char *option;
	const char *detail;
} ForestProblem;

/*
 * Training
 */

typedef struct ForestColumn
{
	ForestText	name;
	ForestKind	kind;
	uint8_t		source;			/* the caller's: which SQL type it was */
	const double *numbers;		/* FOREST_NUMBER: NaN is NULL; infinities are
								 * the extremes they are */
	const int32_t *codes;		/* FOREST_CATEGORY: -1 is NULL */
	const ForestText *categories;	/* names, strictly ascending */
	int32_t		n_categories;
} ForestColumn;

typedef struct ForestData
{
	int64_t		n_rows;
	int32_t		n_features;
	const ForestColumn *features;	/* names differ */
	int32_t		n_classes;		/* 0: regression */
	const double *target;		/* regression: finite */
	const int32_t *classes;		/* else 0 .. n_classes - 1 */
	const ForestText *class_names;	/* strictly ascending */
	const double *weights;		/* how much each row counts: in [1e-9, 1e9];
								 * NULL: all 1 */
	uint8_t		target_source;	/* the caller's, as ForestColumn.source */

	/*
	 * Where the features' values are not at hand, but in a file: brings one's,
	 * valid until the next is asked for.  Does not
	 * return where it cannot.
	 */
	const ForestColumn *(*bring) (void *arg, int32_t feature);
	void	   *arg;
} ForestData;

/* A feature with its values, valid until the next one is asked for */
static inline const ForestColumn *
forest_column(const ForestData *data, int32_t feature)
{
	return data->bring == NULL ? &data->features[feature] :
		data->bring(data->arg, feature);
}

/* What stands in a model as its algorithm: never renumber */
typedef enum ForestAlgorithm
{
	FOREST_RANDOM_FOREST = 0,
	FOREST_EXTRA_TREES = 1,
	FOREST_DECISION_TREE = 2,
	FOREST_BOOSTED_TREES = 3,
	FOREST_LINEAR_SVM = 4,
	FOREST_LOGISTIC = 5
} ForestAlgorithm;

/*
 * How a model comes to its prediction: never renumber.  A mean is one of what
 * the leaves say.  With the others the groves add up margins, and the link
 * turns margins into the prediction.
 */
typedef enum ForestLink
{
	FOREST_MEAN = 0,
	FOREST_IDENTITY = 1,		/* regression: the margin itself */
	FOREST_LOGIT = 2,			/* two classes: the second's share is
								 * 1 / (1 + exp(-margin)) */
	FOREST_SOFTMAX = 3			/* other numbers of classes, a margin each: the
								 * shares are in proportion to exp(margin) */
} ForestLink;

typedef struct ForestOptions
{
	ForestAlgorithm algorithm;
	int32_t		trees;			/* 1 .. FOREST_MAX_TREES */
	int32_t		max_depth;		/* 0: no limit */
	int64_t		min_leaf;		/* rows a leaf holds at least, each counted
								 * once however often it was drawn */
	int32_t		mtry;			/* features drawn for a split, or of boosted
								 * trees for a tree; 0: all for boosted trees
								 * and decision_tree, else a third of them for
								 * a regression and their root for classes */
	double		sample_fraction;	/* rows drawn for a tree as a share of all: in
									 * (0, 1]; with replacement by random_forest
									 * only */
	uint64_t	seed;
	int32_t		bins;			/* of a column, NULL not counted: 2 .. 255 */
	const double *class_weights;	/* of each class, positive; NULL: all 1 */
	int32_t		positive;		/* class that predict() speaks of; -1: none */
	double		holdout;		/* share of the rows to judge the model by, not
								 * to learn from: in [0, 1) */

	/* Boosted trees, of which `trees` is the number for each class */
	int32_t		max_leaves;		/* of a tree; 0: no limit */
	double		learning_rate;	/* share of a leaf's value that counts: in (0, 1] */
	double		l2;				/* added to the weight of a leaf: shrinks it */
	int32_t		early_stopping; /* stops when so many rounds in a row did not
								 * bring the loss of the rows held aside down;
								 * 0: never */
	double		validation_fraction;	/* share of rows held aside for that: in
										 * (0, 1) */

	/* Linear models */
	double		c;				/* how much the loss of a row counts against the
								 * penalty on the weights: in [1e-9, 1e9] */
	double		epsilon;		/* linear_svm of numbers: errors that count for
								 * none, in standard deviations: in [0, 1e9] */
} ForestOptions;

/* A random forest of 100 full trees, leaves of 1, 255 bins, seed 0. */
extern void forest_options_default(ForestOptions *options);

/*
 * forest_options_of(options, algorithm)
 *
 * The defaults of an algorithm.  random_forest: 100 full trees, leaves of 1,
 * rows drawn with replacement.  extra_trees: the same, but all rows in each
 * tree.  decision_tree: one tree of all rows, all features tried.
 * boosted_trees: 100 trees of 31 leaves of 20 rows at least, a learning rate
 * of 0.1, no early stopping (with it, a tenth of the rows held aside).
 */
extern void forest_options_of(ForestOptions *options, ForestAlgorithm algorithm);

/* What mtry is once the default is filled in. */
extern int32_t forest_mtry(const ForestOptions *options,
						   int32_t n_features, int32_t n_classes);

/*
 * forest_need(data, options)
 *
 * Bytes that forest_train will hold at most at a time, the data itself not
 * counted and full trees assumed.  Only the counts, kinds and options are
 * read, so that it can be asked before the data is there.
 */
extern uint64_t forest_need(const ForestData *data, const ForestOptions *options);

/*
 * forest_train(memory, data, options, room, &bytes, &size, &problem)
 *
 * Grows a forest.  *bytes is one allocation that begins with `room` free
 * bytes for the caller (a multiple of 4), and holds the model of *size bytes
 * behind them.  Gives false and fills in the problem when it cannot, with
 * nothing left allocated.
 */
extern bool forest_train(const Memory *memory, const ForestData *data,
						 const ForestOptions *options, size_t room,
						 char **bytes, size_t *size, ForestProblem *problem);

/*
 * What is worth a word about a column before it is trained on.
 */
typedef struct ForestFinding
{
	bool		is_target;		/* equals the target in every row: the same
								 * numbers, or categories named as the classes;
								 * NULLs excepted, two values at least */
	bool		is_unique;		/* no value comes twice, none is NULL, three
								 * rows at least */
	bool		is_integer;		/* all numbers are whole */
	bool		is_constant;	/* one value, or one and NULLs, or only NULLs */
	int64_t		nulls;
} ForestFinding;

/* Fills in data->n_features findings; false: no memory, or stopped. */
extern bool forest_examine(const Memory *memory, const ForestData *data,
						   ForestFinding *findings, ForestProblem *problem);

/*
 * The model
 */

typedef struct Forest
{
	const char *bytes;			/* aligned to 4 at least */
	size_t		size;
	ForestAlgorithm algorithm;
	ForestLink	link;
	uint32_t	n_features;
	uint32_t	n_classes;		/* 0: regression */
	uint32_t	n_groves;
	uint32_t	n_trees;		/* of all classes together */
	uint8_t		target_source;
	int32_t		positive;		/* class, or -1 */
	bool		has_sets;		/* some split tests a set of categories */
} Forest;

/*
 * forest_check(memory, bytes, size, &problem)
 *
 * True when the bytes are a model in every detail.  They may be anything.
 */
extern bool forest_check(const Memory *memory, const char *bytes, size_t size,
						 ForestProblem *problem);

/*
 * forest_open(&forest, bytes, size)
 *
 * A view of a model that forest_check has seen or forest_train has made.
 * False when it is of another format than this program's.
 */
extern bool forest_open(Forest *forest, const char *bytes, size_t size);

/*
 * forest_merge(memory, models, n, room, &bytes, &size, &problem)
 *
 * One model with the groves of all.  Any order of the models, and any way of
 * merging them in steps, gives the same bytes.  Result and failure as with
 * forest_train.
 */
extern bool forest_merge(const Memory *memory, const Forest *models, size_t n,
						 size_t room, char **bytes, size_t *size,
						 ForestProblem *problem);

extern ForestText forest_feature_name(const Forest *forest, uint32_t feature);
extern ForestKind forest_feature_kind(const Forest *forest, uint32_t feature);
extern uint8_t forest_feature_source(const Forest *forest, uint32_t feature);
extern ForestText forest_class_name(const Forest *forest, uint32_t class);

/* The feature, or class, of that name; -1 when there is none. */
extern int64_t forest_find_feature(const Forest *forest, ForestText name);
extern int64_t forest_find_class(const Forest *forest, ForestText name);

/*
 * True when holds() says so of every name in the model: of features, classes
 * and categories.  forest_check cannot know which encoding they should be in.
 */
extern bool forest_names_hold(const Forest *forest,
							  bool (*holds) (ForestText name));

typedef struct ForestInfo
{
	uint64_t	trees;
	uint64_t	nodes;			/* leaves counted too */
	uint64_t	leaves;
	uint32_t	depth;			/* of the deepest tree; a lone leaf has 0 */
	uint64_t	rows;			/* trained on, summed over the groves of a mean */

	/*
	 * Out of bag: each row predicted by the trees that did not draw it.  The
	 * figures are NaN where no row was left out, and oob_r2 also where the
	 * target has no variance.
	 */
	uint64_t	oob_rows;		/* left out by a tree at least */
	double		oob_mse;		/* regression */
	double		oob_r2;
	double		oob_accuracy;	/* classification */
	double		oob_log_loss;	/* natural; shares not below 1e-15 */
	double		oob_brier;		/* mean over rows of the sum over classes of
								 * squared errors; two classes: of one class */
} ForestInfo;

extern void forest_info(const Forest *forest, ForestInfo *info);

/* The options a grove was grown with; class_weights is NULL. */
extern void forest_grove_options(const Forest *forest, uint32_t grove,
								 ForestOptions *options);

/*
 * forest_importance(forest, gains)
 *
 * For each feature, how much its splits took off the squared error (for
 * classes: the Gini impurity times rows) as a share of what all splits took
 * off: they sum to 1, or are all 0 in a forest of lone leaves.  In a linear
 * model they are shares in the standard deviations of the contributions.
 */
extern void forest_importance(const Forest *forest, double *gains);

/*
 * forest_permutation(forest, rises)
 *
 * For each feature by how much the squared error of a tree rises on rows that
 * it did not draw when the feature's values are dealt out anew among these
 * (permute.h), as the mean over the trees; of classes Brier's.  Single trees
 * lean more on one feature than all of them together.  False, and NaN, where
 * the training did not leave rows out.
 */
extern bool forest_permutation(const Forest *forest, double *rises);

/*
 * Prediction
 */

/* A feature's value: the member for its kind counts. */
typedef struct ForestValue
{
	double		number;			/* NaN: NULL */
	ForestText	category;		/* data NULL: NULL */
} ForestValue;

/* Bytes of a binned row: what each grove wants of it. */
extern size_t forest_row_size(const Forest *forest);

/* Bins a row whose values stand in the order of the forest's features. */
extern void forest_bin_row(const Forest *forest, const ForestValue *values,
						   uint8_t *row);

/* Numbers that a prediction consists of: 1, or one for each class. */
extern uint32_t forest_outputs(const Forest *forest);

/*
 * forest_predict(forest, rows, n, outputs)
 *
 * Predicts n binned rows that lie one behind the other: the value of each, or
 * its class shares, which sum to 1 within the precision of a float, in which
 * leaves keep them.  A single row walks many trees at a time, more rows walk a
 * tree together; the answer is the same to the bit.  Blocks of some thousand
 * rows are best; the caller asks for interrupts between them.
 */
extern void forest_predict(const Forest *forest, const uint8_t *rows, size_t n,
						   double *outputs);

/*
 * forest_margins(forest, rows, n, margins)
 *
 * What the link is applied to: forest_margin_count() numbers for each row.  A
 * model of FOREST_MEAN has no margins, and gives its outputs.
 */
extern uint32_t forest_margin_count(const Forest *forest);
extern void forest_margins(const Forest *forest, const uint8_t *rows, size_t n,
						   double *margins);

/* The class of the largest share; of equal ones the first by name. */
extern uint32_t forest_likeliest(const Forest *forest, const double *shares);

/*
 * Reading a tree node by node
 */

typedef struct ForestTreeNode
{
	uint32_t	depth;			/* 0: the root */
	bool		is_right;		/* it is its parent's second child */
	bool		is_leaf;
	uint64_t	rows;			/* of its training, as often as drawn */
	double		value;			/* mean of the target; of two classes the
								 * share of the second; in a sum the mean of
								 * what the leaves add to the margin */
	const double *shares;		/* of each class, valid until the next node is
								 * read; NULL for numbers and in a sum */

	/* The test of a node that is no leaf: who passes goes to the first child. */
	uint32_t	feature;
	double		threshold;		/* FOREST_NUMBER: passes when not above it */
	bool		null_passes;	/* and so does an unknown category */
} ForestTreeNode;

typedef struct ForestTree ForestTree;

/*
 * forest_tree_start(memory, forest, n)
 *
 * A reader of tree n, from 0, which gives its nodes parents first and first
 * children before second ones.  NULL when memory is out.
 */
extern ForestTree *forest_tree_start(const Memory *memory, const Forest *forest,
									 uint32_t n);

/* The next node, or false behind the last. */
extern bool forest_tree_next(ForestTree *tree, ForestTreeNode *node);

/* Categories that the tree's grove knows of a feature, ascending by name. */
extern uint32_t forest_tree_categories(const ForestTree *tree, uint32_t feature);
extern ForestText forest_tree_category(const ForestTree *tree, uint32_t feature,
									   uint32_t category);

/* Whether the category passes the test of the node last read. */
extern bool forest_tree_passes(const ForestTree *tree, uint32_t category);

extern void forest_tree_end(ForestTree *tree);

#endif							/* PROMO_FOREST_H */
