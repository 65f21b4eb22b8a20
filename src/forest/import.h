/*-------------------------------------------------------------------------
 *
 * import.h
 *	  Trees that were grown elsewhere, as a model of ours.
 *
 * A tree comes as nodes that test a number against a cut, and leaves that add
 * to a margin.  In a model rows are bytes, which leaves a grove 254 cuts for
 * each feature, and trees from elsewhere may have any number.  So the rounds
 * are dealt out in order: a grove takes trees as long as all of their cuts fit
 * in, then the next one begins.  A tree that does not fit in even alone is
 * taken apart: into trees of the same shape in which only some of the leaves
 * add anything, and what has none of these is one leaf of 0.  They add up to
 * the tree, and since Shapley values are linear in the leaves, so do their
 * contributions.
 *
 * Plain C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_IMPORT_H
#define PROMO_FOREST_IMPORT_H

#include "forest/forest.h"

typedef struct ImportNode
{
	int32_t		children[2];	/* the first is for who passes; -1 in a leaf */
	int32_t		feature;		/* of an inner node */
	bool		null_passes;
	double		cut;			/* passes when not above it; finite */
	double		value;			/* of a leaf: added to the margin; finite */
	double		rows;			/* of a leaf: what it weighed; not negative */
} ImportNode;

/* The root is node 0, and from it every node is reached once at most. */
typedef struct ImportTree
{
	ImportNode *nodes;
	int32_t		n_nodes;
	double		factor;			/* of its values */
} ImportTree;

typedef struct Import
{
	ForestAlgorithm algorithm;
	ForestLink	link;			/* not FOREST_MEAN */
	int64_t		rows;			/* learned from, 1 at least */
	int32_t		n_features;
	const ForestColumn *features;	/* names, kinds (FOREST_NUMBER), sources */
	int32_t		n_classes;
	const ForestText *class_names;	/* strictly ascending */
	uint8_t		target_source;
	int32_t		positive;
	const double *bases;		/* of each margin */
	int32_t		n_margins;
	ImportTree *trees;			/* tree t adds to margin t modulo n_margins */
	int32_t		n_trees;		/* a multiple of n_margins, 1 at least */
	const double *gains;		/* of each feature */
} Import;

/*
 * import_forest(memory, import, room, &bytes, &size, &problem)
 *
 * Result and failure as with forest_train.  FOREST_BAD_OPTION with the option
 * "trees" says that there are more than a model may have, with "depth" that a
 * single path has too many cuts of one feature.
 */
extern bool import_forest(const Memory *memory, const Import *import, size_t room,
						  char **bytes, size_t *size, ForestProblem *problem);

#endif							/* PROMO_FOREST_IMPORT_H */
