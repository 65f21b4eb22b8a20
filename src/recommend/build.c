/*-------------------------------------------------------------------------
 *
 * build.c
 *	  From matrices to a model.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/build.h"

#include <stdlib.h>
#include <string.h>

#include "recommend/cross.h"
#include "recommend/ridge.h"

bool
build_counts(RecommendMethod method)
{
	return method != RECOMMEND_USER_KNN && method != RECOMMEND_CONTENT;
}

/* Lists of no item */
static bool
no_lists(const Memory *memory, uint32_t n_items, NeighborLists *lists)
{
	lists->n_items = n_items;
	lists->start = memory_zero_array(memory, (size_t) n_items + 1, sizeof(uint64_t));
	lists->item = memory_array(memory, 0, sizeof(uint32_t));
	lists->score = memory_array(memory, 0, sizeof(float));
	if (lists->start != NULL && lists->item != NULL && lists->score != NULL)
		return true;
	neighbors_end(memory, lists);
	return false;
}

static bool
copy_lists(const Memory *memory, const NeighborLists *from, NeighborLists *to)
{
	uint64_t	all = neighbors_count(from);

	to->n_items = from->n_items;
	to->start = memory_array(memory, (size_t) from->n_items + 1, sizeof(uint64_t));
	to->item = memory_array(memory, all, sizeof(uint32_t));
	to->score = memory_array(memory, all, sizeof(float));
	if (to->start == NULL || to->item == NULL || to->score == NULL)
	{
		neighbors_end(memory, to);
		return false;
	}
	memcpy(to->start, from->start, ((size_t) from->n_items + 1) * sizeof(uint64_t));
	if (all > 0)
	{
		memcpy(to->item, from->item, all * sizeof(uint32_t));
		memcpy(to->score, from->score, all * sizeof(float));
	}
	return true;
}

/* The mean of the best scores, over items that have any */
static double
mean_best(const NeighborLists *lists)
{
	double		sum = 0;
	uint32_t	n = 0;
	uint32_t	item;

	for (item = 0; item < lists->n_items; item++)
		if (lists->start[item + 1] > lists->start[item])
		{
			sum += lists->score[lists->start[item]];
			n++;
		}
	return n > 0 ? sum / n : 0;
}

static int
compare_best(const void *left, const void *right)
{
	const Neighbor *a = left;
	const Neighbor *b = right;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return (a->item > b->item) - (a->item < b->item);
}

static int
compare_items(const void *left, const void *right)
{
	const Neighbor *a = left;
	const Neighbor *b = right;

	return (a->item > b->item) - (a->item < b->item);
}

/* The same lists, each in the order of its items */
static bool
list_by_item(const Memory *memory, const NeighborLists *from, NeighborLists *to)
{
	Neighbor   *list = memory_array(memory, RECOMMEND_MAX_NEIGHBORS, sizeof(Neighbor));
	uint32_t	item;

	if (list == NULL)
		return false;
	if (!copy_lists(memory, from, to))
	{
		memory_release(memory, list);
		return false;
	}
	for (item = 0; item < to->n_items; item++)
	{
		uint64_t	begin = to->start[item];
		uint32_t	n = (uint32_t) (to->start[item + 1] - begin);
		uint32_t	i;

		for (i = 0; i < n; i++)
		{
			list[i].item = to->item[begin + i];
			list[i].score = to->score[begin + i];
		}
		qsort(list, n, sizeof(Neighbor), compare_items);
		for (i = 0; i < n; i++)
		{
			to->item[begin + i] = list[i].item;
			to->score[begin + i] = list[i].score;
		}
	}
	memory_release(memory, list);
	return true;
}

/*
 * One item's neighbors by both, by falling sum, at most so many.  Gives how
 * many.
 */
static uint32_t
blend_item(const NeighborLists *lists, double scale, const NeighborLists *content,
		   double content_scale, uint32_t item, Neighbor *both)
{
	uint32_t	n = 0;
	uint32_t	kept = 0;
	uint64_t	at;
	uint32_t	i;

	for (at = lists->start[item]; at < lists->start[item + 1]; at++, n++)
	{
		both[n].item = lists->item[at];
		both[n].score = (float) (lists->score[at] * scale);
	}
	for (at = content->start[item]; at < content->start[item + 1]; at++, n++)
	{
		both[n].item = content->item[at];
		both[n].score = (float) (content->score[at] * content_scale);
	}
	qsort(both, n, sizeof(Neighbor), compare_items);
	for (i = 0; i < n; i++)
		if (kept > 0 && both[kept - 1].item == both[i].item)
			both[kept - 1].score += both[i].score;
		else
			both[kept++] = both[i];
	qsort(both, kept, sizeof(Neighbor), compare_best);
	return kept;
}

/*
 * Blends content into the lists.  Both are brought to one scale first, on
 * which the best neighbor of an item is 1 in the mean; so the weight means the
 * same for all methods.  Items that have no list of their own, since too few
 * customers had them, have that of their content.
 */
static bool
blend(const Memory *memory, const BuildInput *input, NeighborLists *lists)
{
	const NeighborLists *content = input->content;
	double		weight = input->options.content_weight;
	double		best = mean_best(lists);
	double		best_content = mean_best(content);
	uint32_t	most = input->options.neighbors;
	size_t		room = (size_t) lists->n_items * most;
	NeighborLists blended;
	Neighbor   *both;
	uint64_t	all = 0;
	uint32_t	item;

	if (best_content == 0)
		return true;
	blended.n_items = lists->n_items;
	blended.start = memory_array(memory, (size_t) lists->n_items + 1, sizeof(uint64_t));
	blended.item = memory_array(memory, room, sizeof(uint32_t));
	blended.score = memory_array(memory, room, sizeof(float));
	both = memory_array(memory, 2 * (size_t) RECOMMEND_MAX_NEIGHBORS, sizeof(Neighbor));
	if (blended.start == NULL || blended.item == NULL || blended.score == NULL || both == NULL)
	{
		memory_release(memory, both);
		neighbors_end(memory, &blended);
		return false;
	}
	for (item = 0; item < lists->n_items; item++)
	{
		uint32_t	n = blend_item(lists, best > 0 ? (1 - weight) / best : 0, content,
								   weight / best_content, item, both);
		uint32_t	i;

		blended.start[item] = all;
		for (i = 0; i < n && i < most; i++)
		{
			blended.item[all] = both[i].item;
			blended.score[all++] = both[i].score;
		}
	}
	blended.start[item] = all;
	memory_release(memory, both);
	neighbors_end(memory, lists);
	*lists = blended;
	return true;
}

/* The second event's lists, by the item of the event */
static bool
build_events(const Memory *memory, const BuildInput *input, RecommendModel *model)
{
	NeighborLists by_target;
	Matrix		capped;
	bool		is_capped;
	bool		done;

	if (!matrix_cap(memory, input->events, input->options.user_cap, &is_capped, &capped))
		return false;
	done = cross_build(memory, input->counted, is_capped ? &capped : input->events,
					   &input->options,
					   neighbors_active(input->matrix, input->options.min_support), &by_target);
	matrix_end(&capped);
	if (!done)
		return false;
	done = neighbors_transpose(memory, &by_target, &model->event_scoring);
	neighbors_end(memory, &by_target);
	return done;
}

bool
build_finish(const Memory *memory, const BuildInput *input, NeighborLists *neighbors,
			 RecommendModel *model)
{
	RecommendMethod method = input->options.method;
	bool		done = true;

	memset(model, 0, sizeof(*model));
	model->options = input->options;
	model->matrix = input->matrix;
	model->events = input->events;
	if (method == RECOMMEND_CONTENT)
	{
		neighbors_end(memory, neighbors);
		done = copy_lists(memory, input->content, &model->similar);
	}
	else if (method == RECOMMEND_USER_KNN)
	{
		neighbors_end(memory, neighbors);
		done = no_lists(memory, input->matrix->n_items, &model->similar);
	}
	else if (method == RECOMMEND_LOCAL_RIDGE)
	{
		done = ridge_build(memory, input->counted, &input->options, neighbors, input->room,
						   &model->similar);
		neighbors_end(memory, neighbors);
	}
	else
	{
		model->similar = *neighbors;
		memset(neighbors, 0, sizeof(*neighbors));
	}
	if (done && input->content != NULL && method != RECOMMEND_CONTENT)
		done = blend(memory, input, &model->similar);
	if (done)
		done = input->options.per_source ?
			list_by_item(memory, &model->similar, &model->scoring) :
			neighbors_transpose(memory, &model->similar, &model->scoring);
	if (done && input->events != NULL)
		done = build_events(memory, input, model);
	if (!done)
		recommend_end(memory, model);
	return done;
}

bool
recommend_build(const Memory *memory, const BuildInput *input, RecommendModel *model)
{
	uint32_t	n_active = neighbors_active(input->matrix, input->options.min_support);
	NeighborLists neighbors;

	memset(&neighbors, 0, sizeof(neighbors));
	if (build_counts(input->options.method) &&
		!neighbors_build(memory, input->counted, &input->options, n_active, &neighbors))
		return false;
	return build_finish(memory, input, &neighbors, model);
}

uint64_t
build_need(const BuildInput *input, uint32_t n_active)
{
	const Matrix *matrix = input->matrix;
	uint64_t	lists = (uint64_t) n_active * input->options.neighbors * sizeof(Neighbor) +
		(uint64_t) matrix->n_items * 2 * sizeof(uint64_t);
	uint64_t	need = lists;

	if (input->options.method == RECOMMEND_LOCAL_RIDGE)
		need += lists + ridge_need(input->counted, &input->options);
	if (input->content != NULL)
		need += (uint64_t) matrix->n_items * input->options.neighbors * sizeof(Neighbor);
	if (input->events != NULL)
		need += 2 * cross_need(matrix, &input->options, n_active);
	return need;
}

void
recommend_end(const Memory *memory, RecommendModel *model)
{
	neighbors_end(memory, &model->similar);
	neighbors_end(memory, &model->scoring);
	neighbors_end(memory, &model->event_scoring);
}
