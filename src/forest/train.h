/*-------------------------------------------------------------------------
 *
 * train.h
 *	  A training step by step, for those who share out its work.
 *
 *	training_start		looks at the arguments
 *	training_prepare	puts the rows in order, and turns them into a matrix
 *	growing				any number of Growers over the matrix, any tree by any
 *						of them; or training_grow, which does it all
 *	training_judge		what all the growers together say of rows left out
 *	training_write		the model, tree by tree
 *	training_end		lets go of everything, wherever it came to
 *
 * forest_train() is these steps in one process.
 *
 * A linear model has neither a matrix nor trees.  training_prepare() only puts
 * the rows in order, whatever the place, and training_grow(), which there must
 * be, does the rest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_TRAIN_H
#define PROMO_FOREST_TRAIN_H

#include "forest/grow.h"
#include "forest/linear.h"
#include "forest/model.h"

/*
 * Where the matrix lies: handed in by who shares it with other processes.
 */
typedef struct TrainingPlace
{
	uint8_t    *bytes;			/* training_matrix_size: all zero */
	void	   *targets;		/* training_target_size, aligned to 8 */
	uint8_t    *n_bins;			/* of each feature */
	uint8_t    *kinds;
	double	   *weights;		/* of each row; NULL where data has none */
} TrainingPlace;

typedef struct Training
{
	const Memory *memory;
	const ForestData *data;
	const ForestOptions *options;
	ForestProblem *problem;

	/* Told of each round of boosting, by training_grow(); or NULL */
	void		(*tell) (void *arg, int32_t done, int32_t rounds);
	void	   *tell_arg;

	uint32_t   *order;
	uint32_t   *rank;
	BinTable   *tables;
	BinScratch	scratch;
	TrainingPlace place;
	bool		place_is_ours;
	double	   *gains;
	double	   *rises;
	ModelTree  *trees;
	int32_t		n_trees;		/* that there is room for */
	double	   *bases;			/* of boosted trees */
	Grower	   *grower;			/* of training_grow */
	GrowMatrix	matrix;
	LinearFit	linear;			/* instead of matrix and trees */
	ModelParts	parts;
} Training;

extern size_t training_matrix_size(int64_t n_rows, int32_t n_features);
extern size_t training_target_size(int64_t n_rows, int32_t n_classes);

/*
 * Bytes that a training holds at most whose trees go to a file, its data not
 * counted, with one grower; and of these what each grower holds.
 */
extern uint64_t training_need(const ForestData *data, const ForestOptions *options,
							  uint64_t *grower);

/* Each is false, and fills in the problem, where it cannot. */
extern bool training_start(Training *training, const Memory *memory,
						   const ForestData *data, const ForestOptions *options,
						   ForestProblem *problem);

/* place NULL: the matrix is allocated */
extern bool training_prepare(Training *training, const TrainingPlace *place);

/* Grows all trees here, and judges them. */
extern bool training_grow(Training *training);

/* Takes over the sums of all growers, and what they say. */
extern bool training_judge(Training *training, const GrowSums *sums);

/*
 * Writes the model.  Lets go of the matrix first, which is no longer needed,
 * where it is ours.
 */
extern bool training_write(Training *training, const ModelOut *out);

/* Lets go of the matrix, and of a place that was handed in. */
extern void training_leave_place(Training *training);

extern void training_end(Training *training);

#endif							/* PROMO_FOREST_TRAIN_H */
