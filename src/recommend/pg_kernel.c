/*-------------------------------------------------------------------------
 *
 * pg_kernel.c
 *	  Finding neighbors in several processes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "storage/shm_toc.h"

#include "pg/memory.h"
#include "recommend/pg_kernel.h"

#define KEY_KERNEL 1
#define KEY_MATRIX 2
#define KEY_ARRAYS 3

/* Pairs that a worker is worth starting for: about a second's */
#define PAIRS_A_WORKER 1e8

extern PGDLLEXPORT void promo_neighbors_worker(dsm_segment *segment, shm_toc *toc);

static void
out_of_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory while building a recommender")));
}

uint64
neighbors_need(const Matrix *matrix, const RecommendOptions *options, uint32 n_active,
			   int workers)
{
	Kernel		kernel;
	uint64		need;

	kernel_start(&kernel, matrix, options, n_active);
	need = kernel_size(&kernel) + (uint64) (workers + 1) * kernel_run_need(&kernel);
	if (workers > 0)
		need += kernel_matrix_size(&kernel);
	return need;
}

int
neighbors_workers(const Matrix *matrix)
{
	double		pairs = 0;
	uint32		customer;

	for (customer = 0; customer < matrix->n_customers; customer++)
		pairs += 0.5 * matrix_basket(matrix, customer) * matrix_basket(matrix, customer);
	return (int) Min(pairs / PAIRS_A_WORKER, (double) max_parallel_maintenance_workers);
}

void
promo_neighbors_worker(dsm_segment *segment, shm_toc *toc)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	Kernel		kernel = *(Kernel *) shm_toc_lookup(toc, KEY_KERNEL, false);

	(void) segment;
	kernel_matrix_place(&kernel, shm_toc_lookup(toc, KEY_MATRIX, false));
	kernel_place(&kernel, shm_toc_lookup(toc, KEY_ARRAYS, false));
	if (!kernel_run(&memory, &kernel, false))
		out_of_memory();
}

int
neighbors_shared(ProgressMemory *watched, const Matrix *matrix, const RecommendOptions *options,
				 uint32 n_active, int workers, NeighborLists *lists)
{
	const Memory *memory = &watched->memory;
	ParallelContext *context;
	Kernel		kernel;
	Kernel	   *shared;
	void	   *matrix_place;
	void	   *arrays;
	int			ran;

	if (workers == 0)
	{
		if (!neighbors_build(memory, matrix, options, n_active, lists))
			out_of_memory();
		return 0;
	}
	kernel_start(&kernel, matrix, options, n_active);
	EnterParallelMode();
	context = CreateParallelContext("promo", "promo_neighbors_worker", workers);
	shm_toc_estimate_chunk(&context->estimator, sizeof(Kernel));
	shm_toc_estimate_chunk(&context->estimator, kernel_matrix_size(&kernel));
	shm_toc_estimate_chunk(&context->estimator, kernel_size(&kernel));
	shm_toc_estimate_keys(&context->estimator, 3);
	InitializeParallelDSM(context);

	shared = shm_toc_allocate(context->toc, sizeof(Kernel));
	matrix_place = shm_toc_allocate(context->toc, kernel_matrix_size(&kernel));
	arrays = shm_toc_allocate(context->toc, kernel_size(&kernel));
	kernel_matrix_copy(&kernel, matrix_place);
	kernel_matrix_place(&kernel, matrix_place);
	kernel_place(&kernel, arrays);
	if (!kernel_prepare(memory, matrix, &kernel))
		out_of_memory();
	*shared = kernel;
	shm_toc_insert(context->toc, KEY_KERNEL, shared);
	shm_toc_insert(context->toc, KEY_MATRIX, matrix_place);
	shm_toc_insert(context->toc, KEY_ARRAYS, arrays);

	LaunchParallelWorkers(context);
	watched->taken = kernel.next;
	if (!kernel_run(memory, &kernel, context->nworkers_launched == 0))
		out_of_memory();
	WaitForParallelWorkersToFinish(context);
	ran = context->nworkers_launched;
	if (!kernel_lists(memory, &kernel, lists))
		out_of_memory();
	watched->taken = NULL;
	DestroyParallelContext(context);
	ExitParallelMode();
	return ran;
}
