/*-------------------------------------------------------------------------
 *
 * pg_model.c
 *	  From rows that were read to a model.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "promo.h"
#include "recommend/build.h"
#include "recommend/pg_kernel.h"
#include "recommend/pg_model.h"

static void
out_of_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory while building a recommender")));
}

void
model_gather_start(GatheredQuery *rows, Gathering *ids, const RecommendOptions *options)
{
	gather_start(rows, ids, "the query");
	if (options->method == RECOMMEND_LLR)
	{
		rows->takes_weights = false;
		rows->why_not = "Method llr counts customers.";
	}
}

void
model_gather_events_start(GatheredQuery *rows, Gathering *ids)
{
	gather_start(rows, ids, "the event query");
	rows->takes_weights = false;
	rows->why_not = "Of the second event customers are counted.";
}

void
model_check_rows(const GatheredQuery *rows, const RecommendOptions *options)
{
	if (rows->rows.rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 rows->weight_column > 0 ?
				 errmsg("the query gives no rows of a weight to build on") :
				 errmsg("the query gives no rows to build on")));
	if (options->half_life > 0 && rows->at_column == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the query has no column \"at\", which half_life needs")));
}

/* Finds the neighbors by content, under the numbers of the matrix. */
static void
compare_content(ModelWork *work)
{
	uint32		n_items = work->matrix.n_items;
	uint32		neighbors = work->options->recommend.neighbors;
	uint32	   *number = work->matrix.item_number;
	ProgressMemory watched;

	build_check_memory(work->held + content_need(work->content, n_items, neighbors),
					   "Comparing the items by their content");
	progress_memory_start(&watched, &work->memory, work->progress, "describing", n_items);
	if (work->content_items != NULL)
	{
		uint32		i;

		number = MemoryContextAllocHuge(work->context,
										sizeof(uint32) * ((Size) work->n_content_items + 1));
		for (i = 0; i < work->n_content_items; i++)
			number[i] = work->matrix.item_number[work->content_items[i]];
	}
	if (!content_build(&watched.memory, work->content, number, n_items, neighbors,
					   &work->content_lists))
		out_of_memory();
	if (work->content_items == NULL)
	{
		work->held -= work->content->bytes;
		content_end(work->content);
	}
	work->held += neighbors_count(&work->content_lists) * sizeof(Neighbor) +
		(uint64) n_items * sizeof(uint64);
}

/* Bytes of a matrix */
static uint64
matrix_bytes(const Matrix *matrix)
{
	uint64		entry = 2 * sizeof(uint32);

	if (matrix->values != NULL)
		entry += 2 * sizeof(float);
	if (matrix->amounts != NULL && matrix->amounts != matrix->values)
		entry += sizeof(float);
	if (matrix->last_at != NULL)
		entry += sizeof(int64);
	return matrix->n_entries * entry +
		((uint64) matrix->n_customers + matrix->n_items) * 2 * sizeof(uint64);
}

/* Turns the rows into matrices; what they came as goes. */
static void
make_matrices(ModelWork *work)
{
	const RecommendOptions *options = &work->options->recommend;
	MatrixOptions own = {options->half_life, NULL, NULL, true};
	bool		has_events = work->options->event_query != NULL;
	uint64		content_bytes = work->content != NULL ? work->content->bytes : 0;
	uint64		held = gather_bytes(has_events ? &work->events : &work->rows) + content_bytes;
	bool		is_capped;

	if (work->progress != NULL)
		progress_report(work->progress, "ordering", work->n_rows, -1);
	build_check_memory(held + matrix_need(&work->rows.rows, &own),
					   psprintf("Ordering " INT64_FORMAT " rows", work->n_rows));
	if (!matrix_build(&work->memory, &work->rows.rows, &own, &work->matrix))
		out_of_memory();
	if (has_events)
	{
		MatrixOptions like = {0, NULL, &work->matrix, true};

		build_check_memory(held + matrix_need(&work->events.rows, &like),
						   psprintf("Ordering " UINT64_FORMAT " rows of the event", work->events.rows.rows));
		if (!matrix_build(&work->memory, &work->events.rows, &like, &work->event_matrix))
			out_of_memory();
	}
	if (!matrix_cap(&work->memory, &work->matrix,
					build_counts(options->method) ? options->user_cap : 0, &is_capped,
					&work->capped))
		out_of_memory();
	work->held = work->rows.held + work->ids.customers.bytes + work->ids.items.bytes +
		matrix_bytes(&work->matrix);
	if (is_capped)
		work->held += matrix_bytes(&work->capped);
	if (has_events)
		work->held += matrix_bytes(&work->event_matrix);
	if (work->content != NULL)
	{
		work->held += content_bytes;
		compare_content(work);
	}
}

static void
build(ModelWork *work)
{
	const BuildOptions *options = work->options;
	BuildInput	input = {0};
	NeighborLists neighbors = {0};
	ProgressMemory watched;
	uint32		n_active = neighbors_active(&work->matrix, options->recommend.min_support);
	uint64		held = work->held;
	char	   *what = psprintf("Building on " UINT64_FORMAT " pairs", work->matrix.n_entries);

	input.matrix = &work->matrix;
	input.counted = work->capped.items != NULL ? &work->capped : &work->matrix;
	input.events = options->event_query != NULL ? &work->event_matrix : NULL;
	input.content = options->content_query != NULL ? &work->content_lists : NULL;
	input.options = options->recommend;
	if (build_counts(options->recommend.method))
	{
		uint64		after = build_need(&input, n_active);

		work->workers = options->workers;
		if (work->workers < 0)
		{
			work->workers = neighbors_workers(input.counted);
			if (held + neighbors_need(input.counted, &input.options, n_active, work->workers) >
				promo_build_memory())
				work->workers = 0;
		}
		build_check_memory(held + Max(after, neighbors_need(input.counted, &input.options, n_active,
															work->workers) + after / 2), what);
		progress_memory_start(&watched, &work->memory, work->progress, "comparing", n_active);
		work->workers = neighbors_shared(&watched, input.counted, &input.options, n_active,
										 work->workers, &neighbors);
	}
	else
		build_check_memory(held + build_need(&input, n_active), what);
	held += build_need(&input, n_active);
	input.room = promo_build_memory() > held ? promo_build_memory() - held : 0;
	progress_memory_start(&watched, &work->memory, work->progress, "learning", -1);
	if (!build_finish(&watched.memory, &input, &neighbors, &work->model))
		out_of_memory();
}

void
model_make(ModelWork *work)
{
	make_matrices(work);
	build(work);
}
