/*-------------------------------------------------------------------------
 *
 * pg_grow.c
 *	  Growing the trees of a training in several processes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "port/atomics.h"
#include "storage/shm_toc.h"
#include "storage/sharedfileset.h"
#include "utils/memutils.h"

#include "forest/pg_forest.h"
#include "forest/pg_grow.h"
#include "forest/pg_learn.h"
#include "pg/memory.h"
#include "promo.h"

#define KEY_GROWTH 1
#define KEY_BYTES 2
#define KEY_TARGETS 3
#define KEY_BINS 4
#define KEY_KINDS 5
#define KEY_WEIGHTS 6
#define KEY_TREES 7
#define KEY_GROWERS 8
#define KEY_ROW_WEIGHTS 9

/* Rows times features times trees that a worker is worth starting for */
#define CELLS_A_WORKER 4e6

/* Bytes of a file that are added up at a time */
#define SUMS_AT_A_TIME 65536

/* Who grew a tree: the session, or worker 1, 2, ... */
#define NOBODY (-1)
#define SESSION 0

typedef struct SharedTree
{
	int32		grower;
	uint32		n_slots;
	uint32		n_shares;
	uint32		n_leaves;
	uint32		depth;
	uint64		place;			/* in the grower's file: nodes, then shares */
} SharedTree;

typedef struct SharedGrower
{
	bool		has_sums;		/* it grew some trees, and came to its end */
	bool		has_sets;
	uint64		sums;			/* where its sums are in its file */
} SharedGrower;

typedef struct SharedGrowth
{
	GrowMatrix	matrix;			/* each process puts in its own pointers */
	int32		n_trees;
	SharedFileSet files;
	pg_atomic_uint32 next_tree;
	pg_atomic_uint32 done;
} SharedGrowth;

extern PGDLLEXPORT void promo_grow_worker(dsm_segment *segment, shm_toc *toc);

/* Whether the trees of the algorithm are grown each for itself */
static bool
grow_is_shared(ForestAlgorithm algorithm)
{
	return algorithm == FOREST_RANDOM_FOREST || algorithm == FOREST_EXTRA_TREES ||
		algorithm == FOREST_DECISION_TREE;
}

/* Workers that a training of such a size is worth, by the server's settings */
static int
grow_workers(const ForestData *data, const ForestOptions *options)
{
	double		cells = (double) data->n_rows * data->n_features * options->trees;

	return (int) Min(cells / CELLS_A_WORKER, (double) max_parallel_maintenance_workers);
}

static void
raise_status(ForestStatus status)
{
	ForestProblem problem = {0};

	problem.status = status;
	forest_raise(&problem, "training");
}

/* A grower's file: of this process, or one that others may open */
typedef struct TreeFile
{
	BufFile    *file;
	uint64		size;
} TreeFile;

static void
tree_file_append(TreeFile *file, const void *bytes, Size size)
{
	if (size > 0)
		BufFileWrite(file->file, (void *) bytes, size);
	file->size += size;
}

/* Grows a tree, and notes where it is. */
static void
grow_one(Grower *grower, const SharedGrowth *growth, int32 t, int32 number,
		 SharedTree *shared, TreeFile *file, const Memory *memory)
{
	ModelTree	tree;
	ForestStatus status;

	if (!grow_tree(grower, (uint32) t, &tree, &status))
		raise_status(status);
	shared->place = file->size;
	tree_file_append(file, tree.nodes, sizeof(ForestNode) * tree.n_slots);
	tree_file_append(file, tree.shares,
					 sizeof(float) * tree.n_shares * growth->matrix.n_classes);
	shared->n_slots = tree.n_slots;
	shared->n_shares = tree.n_shares;
	shared->n_leaves = tree.n_leaves;
	shared->depth = tree.depth;
	shared->grower = number;
	memory_release(memory, tree.nodes);
	memory_release(memory, tree.shares);
}

static void
file_name(char *name, int32 number)
{
	snprintf(name, MAXPGPATH, "trees.%d", number);
}

/*
 * Worker n begins with tree n - 1, so that one that was asked for has work, and
 * goes on with what is left.
 */
void
promo_grow_worker(dsm_segment *segment, shm_toc *toc)
{
	SharedGrowth *growth = shm_toc_lookup(toc, KEY_GROWTH, false);
	SharedTree *trees = shm_toc_lookup(toc, KEY_TREES, false);
	SharedGrower *growers = shm_toc_lookup(toc, KEY_GROWERS, false);
	SharedGrower *self = &growers[ParallelWorkerNumber];
	Memory		memory = pg_memory(CurrentMemoryContext);
	GrowMatrix	matrix = growth->matrix;
	TreeFile	file = {NULL, 0};
	char		name[MAXPGPATH];
	Grower	   *grower;
	GrowSums	sums;
	Size		n = (Size) matrix.n_rows;
	uint32		t = (uint32) ParallelWorkerNumber;

	matrix.bytes = shm_toc_lookup(toc, KEY_BYTES, false);
	matrix.n_bins = shm_toc_lookup(toc, KEY_BINS, false);
	matrix.kinds = shm_toc_lookup(toc, KEY_KINDS, false);
	if (matrix.n_classes == 0)
		matrix.targets = shm_toc_lookup(toc, KEY_TARGETS, false);
	else
		matrix.classes = shm_toc_lookup(toc, KEY_TARGETS, false);
	matrix.class_weights = shm_toc_lookup(toc, KEY_WEIGHTS, true);
	matrix.weights = shm_toc_lookup(toc, KEY_ROW_WEIGHTS, true);

	SharedFileSetAttach(&growth->files, segment);
	file_name(name, ParallelWorkerNumber + 1);
	file.file = file_set_create(&growth->files, name);
	grower = grow_start(&memory, &matrix);
	if (grower == NULL)
		raise_status(FOREST_NO_MEMORY);
	for (; t < (uint32) growth->n_trees; t = pg_atomic_fetch_add_u32(&growth->next_tree, 1))
	{
		grow_one(grower, growth, (int32) t, ParallelWorkerNumber + 1, &trees[t], &file, &memory);
		pg_atomic_fetch_add_u32(&growth->done, 1);
	}
	grow_sums(grower, &sums);
	self->sums = file.size;
	self->has_sets = sums.has_sets;
	tree_file_append(&file, sums.trees, sizeof(*sums.trees) * n);
	if (sums.shares != NULL)
		tree_file_append(&file, sums.shares, sizeof(*sums.shares) * n * matrix.n_classes);
	else
		tree_file_append(&file, sums.values, sizeof(*sums.values) * n);
	tree_file_append(&file, sums.gains, sizeof(*sums.gains) * matrix.n_features);
	tree_file_append(&file, sums.rises, sizeof(*sums.rises) * (matrix.n_features + 1));
	file_set_export(file.file);
	BufFileClose(file.file);
	self->has_sums = true;
}

/* Adds numbers of the file to numbers in memory. */
#define ADD_FROM_FILE(file, type, to, count) \
	do { \
		type	   *buffer_ = palloc(SUMS_AT_A_TIME); \
		Size		left_ = (count); \
		type	   *at_ = (to); \
		while (left_ > 0) \
		{ \
			Size		part_ = Min(left_, SUMS_AT_A_TIME / sizeof(type)); \
			Size		i_; \
			CHECK_FOR_INTERRUPTS(); \
			buf_file_read(file, buffer_, part_ * sizeof(type)); \
			for (i_ = 0; i_ < part_; i_++) \
				at_[i_] = (type) (at_[i_] + buffer_[i_]); \
			at_ += part_; \
			left_ -= part_; \
		} \
		pfree(buffer_); \
	} while (0)

/* Takes in the trees and the sums of a worker that came to its end. */
static void
take_over(SharedGrowth *growth, int32 number, const SharedGrower *worker,
		  SharedTree *trees, TreeFile *all, GrowSums *sums)
{
	char		name[MAXPGPATH];
	char	   *buffer = palloc(SUMS_AT_A_TIME);
	uint64		begin = all->size;
	uint64		left = worker->sums;
	Size		n = (Size) growth->matrix.n_rows;
	BufFile    *file;
	int32		t;

	file_name(name, number);
	file = file_set_open(&growth->files, name);
	while (left > 0)
	{
		Size		part = Min(left, SUMS_AT_A_TIME);

		CHECK_FOR_INTERRUPTS();
		buf_file_read(file, buffer, part);
		tree_file_append(all, buffer, part);
		left -= part;
	}
	ADD_FROM_FILE(file, uint16_t, sums->trees, n);
	if (sums->shares != NULL)
		ADD_FROM_FILE(file, uint32_t, sums->shares, n * growth->matrix.n_classes);
	else
		ADD_FROM_FILE(file, int64_t, sums->values, n);
	ADD_FROM_FILE(file, uint64_t, sums->gains, (Size) growth->matrix.n_features);
	ADD_FROM_FILE(file, int64_t, sums->rises, (Size) growth->matrix.n_features + 1);
	sums->has_sets = sums->has_sets || worker->has_sets;
	BufFileClose(file);
	pfree(buffer);
	for (t = 0; t < growth->n_trees; t++)
		if (trees[t].grower == number)
			trees[t].place += begin;
}

/* Where the trees are while the model is written */
typedef struct Shelf
{
	TempFile   *file;
	const ModelTree *trees;
	uint64	   *places;
	int32		n_classes;
} Shelf;

static void
bring_tree(void *arg, int32_t t, ForestNode *nodes, float *shares)
{
	Shelf	   *shelf = arg;
	const ModelTree *tree = &shelf->trees[t];
	Size		size = sizeof(ForestNode) * tree->n_slots;

	CHECK_FOR_INTERRUPTS();
	if (nodes != NULL)
		temp_file_read(shelf->file, shelf->places[t], nodes, size);
	if (shares != NULL)
		temp_file_read(shelf->file, shelf->places[t] + size, shares,
					   sizeof(float) * tree->n_shares * shelf->n_classes);
}

/* Tells the training what was grown, and where it is. */
static void
shelve(Training *training, const SharedTree *trees, TempFile *file)
{
	Shelf	   *shelf = palloc(sizeof(Shelf));
	int32		n_trees = training->options->trees;
	int32		t;

	shelf->file = file;
	shelf->trees = training->trees;
	shelf->places = palloc(sizeof(uint64) * n_trees);
	shelf->n_classes = training->data->n_classes;
	for (t = 0; t < n_trees; t++)
	{
		ModelTree  *tree = &training->trees[t];

		tree->n_slots = trees[t].n_slots;
		tree->n_shares = trees[t].n_shares;
		tree->n_leaves = trees[t].n_leaves;
		tree->depth = trees[t].depth;
		shelf->places[t] = trees[t].place;
	}
	training->parts.bring = bring_tree;
	training->parts.arg = shelf;
}

static void *
share(ParallelContext *context, uint64 key, Size size)
{
	void	   *place = shm_toc_allocate(context->toc, size);

	memset(place, 0, size);
	shm_toc_insert(context->toc, key, place);
	return place;
}

/* With as many of the workers as the server has free */
static int
grow_shared(Training *training, int workers, TempFile *file, Progress *progress)
{
	const ForestData *data = training->data;
	const ForestOptions *options = training->options;
	Size		matrix_size = training_matrix_size(data->n_rows, data->n_features);
	Size		target_size = training_target_size(data->n_rows, data->n_classes);
	Size		weights_size = options->class_weights == NULL ? 0 :
		sizeof(double) * data->n_classes;
	Size		row_weights_size = data->weights == NULL ? 0 :
		mul_size(sizeof(double), data->n_rows);
	ParallelContext *context;
	SharedGrowth *growth;
	SharedTree *trees;
	SharedGrower *growers;
	TrainingPlace place = {0};
	TreeFile	mine;
	Grower	   *grower;
	GrowSums	sums;
	uint32		next;
	int			ran = 0;
	int			i;

	workers = Min(workers, options->trees);
	EnterParallelMode();
	context = CreateParallelContext("promo", "promo_grow_worker", workers);
	shm_toc_estimate_chunk(&context->estimator, sizeof(SharedGrowth));
	shm_toc_estimate_chunk(&context->estimator, matrix_size);
	shm_toc_estimate_chunk(&context->estimator, target_size);
	shm_toc_estimate_chunk(&context->estimator, data->n_features);
	shm_toc_estimate_chunk(&context->estimator, data->n_features);
	shm_toc_estimate_chunk(&context->estimator, weights_size + 1);
	shm_toc_estimate_chunk(&context->estimator, mul_size(sizeof(SharedTree), options->trees));
	shm_toc_estimate_chunk(&context->estimator, mul_size(sizeof(SharedGrower), workers + 1));
	shm_toc_estimate_chunk(&context->estimator, row_weights_size + 1);
	shm_toc_estimate_keys(&context->estimator, 9);
	InitializeParallelDSM(context);

	growth = share(context, KEY_GROWTH, sizeof(SharedGrowth));
	place.bytes = share(context, KEY_BYTES, matrix_size);
	place.targets = share(context, KEY_TARGETS, target_size);
	place.n_bins = share(context, KEY_BINS, data->n_features);
	place.kinds = share(context, KEY_KINDS, data->n_features);
	if (data->weights != NULL)
		place.weights = share(context, KEY_ROW_WEIGHTS, row_weights_size);
	trees = share(context, KEY_TREES, sizeof(SharedTree) * options->trees);
	growers = share(context, KEY_GROWERS, sizeof(SharedGrower) * (workers + 1));
	if (context->seg != NULL)
		SharedFileSetInit(&growth->files, context->seg);
	for (i = 0; i < options->trees; i++)
		trees[i].grower = NOBODY;

	if (!training_prepare(training, &place))
		forest_raise(training->problem, "training");
	growth->matrix = training->matrix;
	growth->n_trees = options->trees;
	if (training->matrix.class_weights != NULL)
		memcpy(share(context, KEY_WEIGHTS, weights_size), training->matrix.class_weights,
			   weights_size);
	pg_atomic_init_u32(&growth->next_tree, 0);
	pg_atomic_init_u32(&growth->done, 0);

	/* The first trees are those that workers begin with. */
	pg_atomic_write_u32(&growth->next_tree, (uint32) context->nworkers);
	LaunchParallelWorkers(context);

	temp_file_start(file);
	mine.file = file->file;
	mine.size = 0;
	grower = grow_start(training->memory, &training->matrix);
	if (grower == NULL)
		raise_status(FOREST_NO_MEMORY);
	while ((next = pg_atomic_fetch_add_u32(&growth->next_tree, 1)) < (uint32) options->trees)
	{
		progress_report(progress, "growing", pg_atomic_read_u32(&growth->done), options->trees);
		grow_one(grower, growth, (int32) next, SESSION, &trees[next], &mine, training->memory);
		pg_atomic_fetch_add_u32(&growth->done, 1);
	}
	WaitForParallelWorkersToFinish(context);

	/* What workers would have grown that did not start */
	for (i = 0; i < options->trees; i++)
		if (trees[i].grower == NOBODY)
			grow_one(grower, growth, i, SESSION, &trees[i], &mine, training->memory);
	grow_sums(grower, &sums);
	for (i = 0; i < context->nworkers_launched; i++)
	{
		if (!growers[i].has_sums)
			continue;
		take_over(growth, i + 1, &growers[i], trees, &mine, &sums);
		ran++;
	}
	file->size = mine.size;
	if (!training_judge(training, &sums))
		forest_raise(training->problem, "training");
	grow_end(grower);
	shelve(training, trees, file);
	training_leave_place(training);
	DestroyParallelContext(context);
	ExitParallelMode();
	return ran;
}

/* Boosting is one process, which tells of its rounds. */
static void
tell_rounds(void *arg, int32_t done, int32_t rounds)
{
	progress_report((Progress *) arg, "growing", done, rounds);
}

int
grow_training(Training *training, int workers, uint64 held, TempFile *trees, Progress *progress)
{
	const ForestData *data = training->data;
	const ForestOptions *options = training->options;
	uint64		grower;
	uint64		need;

	trees->file = NULL;
	if (!grow_is_shared(options->algorithm))
	{
		learn_check_memory(held + forest_need(data, options), data->n_rows, "Training on");
		if (linear_is(options->algorithm))
			progress_report(progress, "fitting", 0, -1);
		training->tell = tell_rounds;
		training->tell_arg = progress;
		if (!training_prepare(training, NULL) || !training_grow(training))
			forest_raise(training->problem, "training");
		return 0;
	}
	need = held + training_need(data, options, &grower);
	if (workers < 0)
	{
		workers = grow_workers(data, options);
		while (workers > 0 && need + workers * grower > promo_build_memory())
			workers--;
	}
	learn_check_memory(need + workers * grower, data->n_rows, "Training on");
	return grow_shared(training, workers, trees, progress);
}
