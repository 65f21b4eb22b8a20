/*-------------------------------------------------------------------------
 *
 * merge.c
 *	  One forest of several.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/model_sections.h"

/* A grove on its way into a merged model. */
typedef struct MergeGrove
{
	Grove		grove;
	const uint32_t *classes;	/* of its model's classes, their new numbers */
} MergeGrove;

/* The order of groves: by size, then by their bytes as they will be written. */
static int
compare_groves(const MergeGrove *a, const MergeGrove *b)
{
	uint64_t	a_size = number_u64(a->grove.header->size);
	uint64_t	b_size = number_u64(b->grove.header->size);
	const char *a_begin = (const char *) a->grove.header;
	const char *b_begin = (const char *) b->grove.header;
	size_t		front = (size_t) ((const char *) a->grove.classes - a_begin);
	size_t		back = (size_t) ((const char *) a->grove.trees - a_begin);
	uint32_t	c;
	int			order;

	if (a_size != b_size)
		return a_size < b_size ? -1 : 1;
	order = memcmp(a_begin, b_begin, front);
	if (order != 0)
		return order;
	for (c = 0; c < a->grove.n_classes; c++)
	{
		uint32_t	a_class = a->classes[a->grove.classes[c]];
		uint32_t	b_class = b->classes[b->grove.classes[c]];

		if (a_class != b_class)
			return a_class < b_class ? -1 : 1;
	}
	return memcmp(a_begin + back, b_begin + back, (size_t) a_size - back);
}

static void
sort_groves(MergeGrove *groves, size_t n)
{
	size_t		gap;
	size_t		i;

	/* Shell's sort by halves: groves are few. */
	for (gap = n / 2; gap > 0; gap /= 2)
	{
		for (i = gap; i < n; i++)
		{
			MergeGrove	grove = groves[i];
			size_t		at = i;

			for (; at >= gap && compare_groves(&grove, &groves[at - gap]) < 0; at -= gap)
				groves[at] = groves[at - gap];
			groves[at] = grove;
		}
	}
}

static bool
fits_together(const Forest *a, const Forest *b, ForestProblem *problem)
{
	uint32_t	f;

	if (a->link != FOREST_MEAN || b->link != FOREST_MEAN)
		return model_fail(problem, FOREST_NO_MEAN, NULL);
	if (a->algorithm != b->algorithm)
		return model_fail(problem, FOREST_OTHER_ALGORITHM, NULL);
	if ((a->n_classes == 0) != (b->n_classes == 0) || a->target_source != b->target_source)
		return model_fail(problem, FOREST_OTHER_TARGET, NULL);
	for (f = 0; f < a->n_features && f < b->n_features; f++)
	{
		problem->feature = f;
		if (forest_feature_kind(a, f) != forest_feature_kind(b, f) ||
			forest_feature_source(a, f) != forest_feature_source(b, f) ||
			forest_text_compare(forest_feature_name(a, f), forest_feature_name(b, f)) != 0)
			return model_fail(problem, FOREST_OTHER_FEATURES, NULL);
	}
	problem->feature = f;
	if (a->n_features != b->n_features)
		return model_fail(problem, FOREST_OTHER_FEATURES, NULL);
	problem->feature = -1;
	if ((a->positive < 0) != (b->positive < 0) ||
		(a->positive >= 0 &&
		 forest_text_compare(forest_class_name(a, (uint32_t) a->positive),
							 forest_class_name(b, (uint32_t) b->positive)) != 0))
		return model_fail(problem, FOREST_OTHER_POSITIVE, NULL);
	return true;
}

/*
 * Unites the classes of the models, each list ascending, by taking the least
 * of all heads again and again; renumbers[m][c] becomes the place of class c
 * of model m among them.  Gives their number.
 */
static uint32_t
unite_classes(const Forest *models, size_t n, uint32_t **renumbers,
			  uint32_t *heads, ForestText *names)
{
	uint32_t	n_names = 0;
	size_t		m;

	for (;;)
	{
		ForestText	least = {NULL, 0};

		for (m = 0; m < n; m++)
		{
			ForestText	name;

			if (heads[m] == models[m].n_classes)
				continue;
			name = forest_class_name(&models[m], heads[m]);
			if (least.data == NULL || forest_text_compare(name, least) < 0)
				least = name;
		}
		if (least.data == NULL || n_names == FOREST_MAX_CLASSES + 1)
			return n_names;
		for (m = 0; m < n; m++)
			if (heads[m] < models[m].n_classes &&
				forest_text_compare(forest_class_name(&models[m], heads[m]), least) == 0)
				renumbers[m][heads[m]++] = n_names;
		names[n_names++] = least;
	}
}

bool
model_join(const Memory *memory, const Forest *models, size_t n, size_t room,
		   char **bytes, size_t *size, ForestProblem *problem)
{
	uint64_t	n_groves = 0;
	uint64_t	n_trees = 0;
	uint64_t	names_size = 0;
	uint64_t	classes_end = 0;
	uint64_t	whole = 0;
	bool		has_sets = false;
	MergeGrove *groves = NULL;
	uint32_t  **renumbers = NULL;
	uint32_t   *numbers = NULL;
	uint32_t   *heads = NULL;
	ForestText *names = NULL;
	uint64_t	n_numbers = 0;
	uint32_t	n_classes;
	uint32_t	n_features = models[0].n_features;
	uint64_t	front;
	ModelHeader *header;
	Forest		forest;
	char	   *at;
	uint32_t   *ends;
	bool		ok = false;
	size_t		m;
	uint32_t	i;

	model_no_problem(problem);
	*bytes = NULL;
	for (m = 0; m < n; m++)
	{
		n_groves += models[m].n_groves;
		n_trees += models[m].n_trees;
		n_numbers += models[m].n_classes;
		has_sets = has_sets || models[m].has_sets;
		whole += models[m].size;	/* more than the groves are */
	}
	problem->status = FOREST_NO_MEMORY;
	if (n_trees > UINT32_MAX)
		return false;

	groves = memory_array(memory, (size_t) n_groves, sizeof(*groves));
	renumbers = memory_array(memory, n, sizeof(*renumbers));
	numbers = memory_array(memory, (size_t) n_numbers, sizeof(*numbers));
	heads = memory_zero_array(memory, n, sizeof(*heads));
	names = memory_array(memory, FOREST_MAX_CLASSES + 1, sizeof(*names));
	if (groves == NULL || renumbers == NULL || numbers == NULL || heads == NULL || names == NULL)
		goto done;
	n_numbers = 0;
	for (m = 0; m < n; m++)
	{
		renumbers[m] = numbers + n_numbers;
		n_numbers += models[m].n_classes;
	}
	n_classes = unite_classes(models, n, renumbers, heads, names);
	if (n_classes > FOREST_MAX_CLASSES)
	{
		problem->status = FOREST_TOO_MANY_CLASSES;
		problem->count = FOREST_MAX_CLASSES;
		goto done;
	}

	n_groves = 0;
	whole = 0;
	for (m = 0; m < n; m++)
	{
		Grove		grove = model_first_grove(&models[m]);

		for (i = 0; i < models[m].n_groves; i++)
		{
			if (i > 0)
				grove = model_next_grove(&models[m], &grove);
			groves[n_groves].grove = grove;
			groves[n_groves++].classes = renumbers[m];
			whole += number_u64(grove.header->size);
		}
	}
	sort_groves(groves, (size_t) n_groves);

	for (i = 0; i < n_features; i++)
		names_size += forest_feature_name(&models[0], i).size;
	classes_end = names_size;
	for (i = 0; i < n_classes; i++)
		names_size += names[i].size;
	names_size = FILLED(names_size);
	front = sizeof(ModelHeader) + FILLED(sizeof(ModelFeature) * (uint64_t) n_features) +
		FILLED(sizeof(uint32_t) * ((uint64_t) n_features + n_classes)) + names_size;
	whole += front;
	if (names_size > UINT32_MAX || whole > SIZE_MAX - room)
		goto done;
	*bytes = memory_array(memory, (size_t) whole + room, 1);
	if (*bytes == NULL)
		goto done;
	*size = (size_t) whole;
	memset(*bytes, 0, (size_t) front + room);

	header = (ModelHeader *) (*bytes + room);
	header->magic = MODEL_MAGIC;
	header->format = MODEL_FORMAT;
	header->size[0] = (uint32_t) whole;
	header->size[1] = (uint32_t) (whole >> 32);
	header->n_features = n_features;
	header->n_classes = n_classes;
	header->n_groves = (uint32_t) n_groves;
	header->n_trees = (uint32_t) n_trees;
	header->names_size = (uint32_t) names_size;
	header->positive = models[0].positive < 0 ? 0 :
		renumbers[0][models[0].positive] + 1;
	header->algorithm = (uint8_t) models[0].algorithm;
	header->link = (uint8_t) models[0].link;
	header->target_source = models[0].target_source;
	header->has_sets = has_sets;
	view_model(&forest, *bytes + room, (size_t) whole);

	memcpy((ModelFeature *) model_features(&forest), model_features(&models[0]),
		   n_features * sizeof(ModelFeature));
	ends = (uint32_t *) model_name_ends(&forest);
	memcpy(ends, model_name_ends(&models[0]), n_features * sizeof(uint32_t));
	memcpy((char *) model_names(&forest), model_names(&models[0]), (size_t) classes_end);
	for (i = 0; i < n_classes; i++)
	{
		if (names[i].size > 0)
			memcpy((char *) model_names(&forest) + classes_end, names[i].data, names[i].size);
		classes_end += names[i].size;
		ends[n_features + i] = (uint32_t) classes_end;
	}

	at = (char *) model_groves(&forest);
	for (m = 0; m < n_groves; m++)
	{
		Grove		grove = groves[m].grove;
		uint64_t	grove_size = number_u64(grove.header->size);
		uint32_t   *classes;

		memcpy(at, grove.header, (size_t) grove_size);
		classes = (uint32_t *) (at + ((const char *) grove.classes - (const char *) grove.header));
		for (i = 0; i < grove.n_classes; i++)
			classes[i] = groves[m].classes[classes[i]];
		at += grove_size;
	}
	model_no_problem(problem);
	ok = true;

done:
	memory_release(memory, groves);
	memory_release(memory, renumbers);
	memory_release(memory, numbers);
	memory_release(memory, heads);
	memory_release(memory, names);
	return ok;
}

bool
forest_merge(const Memory *memory, const Forest *models, size_t n, size_t room,
			 char **bytes, size_t *size, ForestProblem *problem)
{
	size_t		m;

	model_no_problem(problem);
	*bytes = NULL;
	for (m = 0; m < n; m++)
		if (!fits_together(&models[0], &models[m], problem))
			return false;
	return model_join(memory, models, n, room, bytes, size, problem);
}
