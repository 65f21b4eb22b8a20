/*-------------------------------------------------------------------------
 *
 * model.c
 *	  A forest in its bytes: writing, looking, checking, merging.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/model.h"

#include "forest/bins.h"
#include "forest/linear.h"

#include <math.h>

#define FILLED(size) (((uint64_t) (size) + 7) & ~UINT64_C(7))

/* Nodes between two questions whether we may go on. */
#define NODES_BETWEEN 1000000

int
forest_text_compare(ForestText a, ForestText b)
{
	uint32_t	shorter = a.size < b.size ? a.size : b.size;
	int			order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

	if (order != 0)
		return order;
	return a.size < b.size ? -1 : a.size > b.size;
}

static bool
fail(ForestProblem *problem, ForestStatus status, const char *detail)
{
	problem->status = status;
	problem->detail = detail;
	return false;
}

static void
no_problem(ForestProblem *problem)
{
	memset(problem, 0, sizeof(*problem));
	problem->feature = -1;
	problem->class = -1;
}

/*
 * Where things are
 */

static inline const ModelHeader *
header_of(const Forest *forest)
{
	return (const ModelHeader *) forest->bytes;
}

static inline const ModelFeature *
features_of(const Forest *forest)
{
	return (const ModelFeature *) (forest->bytes + sizeof(ModelHeader));
}

static inline const uint32_t *
ends_of(const Forest *forest)
{
	return (const uint32_t *) ((const char *) features_of(forest) +
							   FILLED(sizeof(ModelFeature) * (uint64_t) forest->n_features));
}

static inline const char *
names_of(const Forest *forest)
{
	return (const char *) ends_of(forest) +
		FILLED(sizeof(uint32_t) * ((uint64_t) forest->n_features + forest->n_classes));
}

static inline const char *
groves_of(const Forest *forest)
{
	return names_of(forest) + header_of(forest)->names_size;
}

/* The part of a grove in front of its shares */
static uint64_t
grove_head(const GroveHeader *header, uint32_t n_features)
{
	return sizeof(GroveHeader) +
		2 * sizeof(GroveNumber) * (uint64_t) n_features +
		FILLED(sizeof(uint32_t) * (uint64_t) header->n_classes) +
		sizeof(GroveNumber) * ((uint64_t) header->n_bases + header->n_coefficients) +
		sizeof(GroveTree) * (uint64_t) header->n_trees;
}

/* The part of a grove in front of its bins; n_slots is known to be sane. */
static uint64_t
grove_front(const GroveHeader *header, uint32_t n_features)
{
	return grove_head(header, n_features) +
		FILLED(sizeof(float) * (uint64_t) header->n_shares * header->n_classes) +
		sizeof(ForestNode) * number_u64(header->n_slots) +
		FILLED(sizeof(uint32_t) * ((uint64_t) n_features + 1));
}

static Grove
grove_at(const char *at, uint32_t n_features)
{
	Grove		grove;

	grove.header = (const GroveHeader *) at;
	grove.n_trees = grove.header->n_trees;
	grove.n_classes = grove.header->n_classes;
	at += sizeof(GroveHeader);
	grove.gains = (const GroveNumber *) at;
	at += sizeof(GroveNumber) * (uint64_t) n_features;
	grove.rises = (const GroveNumber *) at;
	at += sizeof(GroveNumber) * (uint64_t) n_features;
	grove.classes = (const uint32_t *) at;
	at += FILLED(sizeof(uint32_t) * (uint64_t) grove.n_classes);
	grove.bases = (const GroveNumber *) at;
	grove.coefficients = grove.bases + grove.header->n_bases;
	at += sizeof(GroveNumber) * ((uint64_t) grove.header->n_bases + grove.header->n_coefficients);
	grove.trees = (const GroveTree *) at;
	at += sizeof(GroveTree) * (uint64_t) grove.n_trees;
	grove.shares = (const float *) at;
	at += FILLED(sizeof(float) * (uint64_t) grove.header->n_shares * grove.n_classes);
	grove.nodes = (const ForestNode *) at;
	at += sizeof(ForestNode) * number_u64(grove.header->n_slots);
	grove.bin_begins = (const uint32_t *) at;
	at += FILLED(sizeof(uint32_t) * ((uint64_t) n_features + 1));
	grove.bins = at;
	return grove;
}

Grove
model_first_grove(const Forest *forest)
{
	return grove_at(groves_of(forest), forest->n_features);
}

Grove
model_next_grove(const Forest *forest, const Grove *grove)
{
	return grove_at((const char *) grove->header + number_u64(grove->header->size),
					forest->n_features);
}

size_t
model_row_size(const Forest *forest, const Grove *grove)
{
	return grove->header->kind == GROVE_LINEAR ?
		(size_t) forest->n_features * sizeof(double) : forest->n_features;
}

/* Margins of a model of a link */
static uint32_t
model_bases(ForestLink link, uint32_t n_classes)
{
	if (link == FOREST_MEAN)
		return 0;
	return link == FOREST_SOFTMAX ? n_classes : 1;
}

uint32_t
forest_margin_count(const Forest *forest)
{
	return forest->link == FOREST_MEAN ? forest_outputs(forest) :
		model_bases(forest->link, forest->n_classes);
}

GroveCategories
model_categories(const Grove *grove, uint32_t feature)
{
	const uint32_t *at = (const uint32_t *) (grove->bins + grove->bin_begins[feature]);
	GroveCategories categories;

	categories.n = *at;
	categories.ends = at + 1;
	categories.codes = (const uint8_t *) (categories.ends + categories.n);
	categories.names = (const char *) categories.codes + categories.n;
	return categories;
}

uint32_t
model_bins(const Forest *forest, const Grove *grove, uint32_t feature)
{
	GroveCategories categories;
	uint32_t	most = 0;
	uint32_t	i;

	if (forest_feature_kind(forest, feature) == FOREST_NUMBER)
		return model_cuts(grove, feature) + 1;
	categories = model_categories(grove, feature);
	for (i = 0; i < categories.n; i++)
		if (categories.codes[i] > most)
			most = categories.codes[i];
	return most;
}

Grove
model_tree_grove(const Forest *forest, uint32_t n, uint32_t *grove_number,
				 uint32_t *tree)
{
	Grove		grove = model_first_grove(forest);

	*grove_number = 0;
	while (n >= grove.n_trees)
	{
		n -= grove.n_trees;
		grove = model_next_grove(forest, &grove);
		(*grove_number)++;
	}
	*tree = n;
	return grove;
}

/* A view of bytes that begin with a header of ours. */
static void
view_model(Forest *forest, const char *bytes, size_t size)
{
	const ModelHeader *header = (const ModelHeader *) bytes;

	forest->bytes = bytes;
	forest->size = size;
	forest->algorithm = (ForestAlgorithm) header->algorithm;
	forest->link = (ForestLink) header->link;
	forest->n_features = header->n_features;
	forest->n_classes = header->n_classes;
	forest->n_groves = header->n_groves;
	forest->n_trees = header->n_trees;
	forest->target_source = header->target_source;
	forest->positive = (int32_t) header->positive - 1;
	forest->has_sets = header->has_sets;
}

bool
forest_open(Forest *forest, const char *bytes, size_t size)
{
	const ModelHeader *header = (const ModelHeader *) bytes;

	if (size < sizeof(*header) || header->magic != MODEL_MAGIC ||
		header->format != MODEL_FORMAT)
		return false;
	view_model(forest, bytes, size);
	return true;
}

static ForestText
name_at(const Forest *forest, uint32_t i)
{
	const uint32_t *ends = ends_of(forest);
	uint32_t	begin = i == 0 ? 0 : ends[i - 1];
	ForestText	name = {names_of(forest) + begin, ends[i] - begin};

	return name;
}

ForestText
forest_feature_name(const Forest *forest, uint32_t feature)
{
	return name_at(forest, feature);
}

ForestText
forest_class_name(const Forest *forest, uint32_t class)
{
	return name_at(forest, forest->n_features + class);
}

ForestKind
forest_feature_kind(const Forest *forest, uint32_t feature)
{
	return (ForestKind) features_of(forest)[feature].kind;
}

uint8_t
forest_feature_source(const Forest *forest, uint32_t feature)
{
	return features_of(forest)[feature].source;
}

int64_t
forest_find_feature(const Forest *forest, ForestText name)
{
	uint32_t	f;

	for (f = 0; f < forest->n_features; f++)
		if (forest_text_compare(forest_feature_name(forest, f), name) == 0)
			return f;
	return -1;
}

int64_t
forest_find_class(const Forest *forest, ForestText name)
{
	uint32_t	low = 0;
	uint32_t	high = forest->n_classes;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;
		int			order = forest_text_compare(forest_class_name(forest, middle), name);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

bool
forest_names_hold(const Forest *forest, bool (*holds) (ForestText name))
{
	Grove		grove = {0};
	uint32_t	g;
	uint32_t	f;
	uint32_t	i;

	for (f = 0; f < forest->n_features; f++)
		if (!holds(forest_feature_name(forest, f)))
			return false;
	for (i = 0; i < forest->n_classes; i++)
		if (!holds(forest_class_name(forest, i)))
			return false;
	for (g = 0; g < forest->n_groves; g++)
	{
		grove = g == 0 ? model_first_grove(forest) : model_next_grove(forest, &grove);
		for (f = 0; f < forest->n_features; f++)
		{
			GroveCategories categories;

			if (forest_feature_kind(forest, f) != FOREST_CATEGORY)
				continue;
			categories = model_categories(&grove, f);
			for (i = 0; i < categories.n; i++)
				if (!holds(model_category(&categories, i)))
					return false;
		}
	}
	return true;
}

void
forest_grove_options(const Forest *forest, uint32_t n, ForestOptions *options)
{
	Grove		grove = model_first_grove(forest);

	while (n-- > 0)
		grove = model_next_grove(forest, &grove);
	memset(options, 0, sizeof(*options));
	options->algorithm = forest->algorithm;
	options->trees = (int32_t) (grove.n_trees / (grove.header->n_bases > 1 ? grove.header->n_bases : 1));
	options->max_depth = (int32_t) grove.header->max_depth;
	options->min_leaf = (int64_t) number_u64(grove.header->min_leaf);
	options->mtry = (int32_t) grove.header->mtry;
	options->sample_fraction = number_double(grove.header->sample_fraction);
	options->seed = number_u64(grove.header->seed);
	options->bins = (int32_t) grove.header->bins;
	options->positive = forest->positive;
	options->max_leaves = (int32_t) grove.header->max_leaves;
	options->learning_rate = number_double(grove.header->learning_rate);
	options->l2 = number_double(grove.header->l2);
	options->early_stopping = (int32_t) grove.header->early_stopping;
	options->validation_fraction = number_double(grove.header->validation_fraction);
	options->c = number_double(grove.header->c);
	options->epsilon = number_double(grove.header->epsilon);
}

/*
 * Groves have units of their own, so their figures are brought to those of the
 * target before they are pooled: means and squares about them by the formula
 * of Chan, Golub and LeVeque (The American Statistician 37, 1983).  A forest
 * of one grove needs no such detour for its R2, which then is right for
 * targets whose squares no double holds.
 */
void
forest_info(const Forest *forest, ForestInfo *info)
{
	Grove		grove = model_first_grove(forest);
	double		mean = 0;
	double		variation = 0;
	double		error = 0;
	double		log_loss = 0;
	uint64_t	correct = 0;
	uint32_t	g;
	uint32_t	t;

	memset(info, 0, sizeof(*info));
	for (g = 0; g < forest->n_groves; g++)
	{
		const GroveHeader *header = grove.header;
		double		scale = number_double(header->scale);
		double		n = (double) number_u64(header->oob_rows);

		for (t = 0; t < grove.n_trees; t++)
		{
			info->leaves += grove.trees[t].n_leaves;
			if (grove.trees[t].depth > info->depth)
				info->depth = grove.trees[t].depth;
		}

		/* Groves of a mean have rows of their own; those of a sum share them. */
		if (g == 0 || forest->link == FOREST_MEAN)
			info->rows += number_u64(header->n_rows);
		if (n > 0)
		{
			double		before = (double) info->oob_rows;
			double		away = number_double(header->base) +
				scale * number_double(header->oob_mean) - mean;

			mean += away * (n / (before + n));
			variation += number_double(header->oob_variation) * scale * scale +
				away * away * (before * n / (before + n));
			error += number_double(header->oob_error) * scale * scale;
			log_loss += number_double(header->oob_log_loss);
			correct += number_u64(header->oob_correct);
			info->oob_rows += number_u64(header->oob_rows);
		}
		if (g + 1 < forest->n_groves)
			grove = model_next_grove(forest, &grove);
	}
	info->trees = forest->n_trees;
	info->nodes = info->leaves == 0 ? 0 : 2 * info->leaves - info->trees;

	info->oob_mse = info->oob_r2 = info->oob_accuracy = info->oob_log_loss =
		info->oob_brier = NAN;
	if (info->oob_rows == 0)
		return;
	if (forest->n_classes == 0)
	{
		info->oob_mse = error / (double) info->oob_rows;
		if (forest->n_groves == 1)
		{
			variation = number_double(grove.header->oob_variation);
			error = number_double(grove.header->oob_error);
		}
		if (variation > 0)
			info->oob_r2 = 1 - error / variation;
	}
	else
	{
		info->oob_accuracy = (double) correct / (double) info->oob_rows;
		info->oob_log_loss = log_loss / (double) info->oob_rows;
		info->oob_brier = error / (double) info->oob_rows;
	}
}

void
forest_importance(const Forest *forest, double *gains)
{
	Grove		grove = model_first_grove(forest);
	double		all = 0;
	uint32_t	g;
	uint32_t	f;

	for (f = 0; f < forest->n_features; f++)
		gains[f] = 0;
	for (g = 0; g < forest->n_groves; g++)
	{
		double		sum = 0;

		/* A grove counts by its trees: its units are its own. */
		for (f = 0; f < forest->n_features; f++)
			sum += number_double(grove.gains[f]);
		for (f = 0; sum > 0 && f < forest->n_features; f++)
			gains[f] += number_double(grove.gains[f]) / sum *
				(grove.n_trees > 0 ? grove.n_trees : 1);
		if (g + 1 < forest->n_groves)
			grove = model_next_grove(forest, &grove);
	}
	for (f = 0; f < forest->n_features; f++)
		all += gains[f];
	for (f = 0; all > 0 && f < forest->n_features; f++)
		gains[f] /= all;
}

bool
forest_permutation(const Forest *forest, double *rises)
{
	Grove		grove = model_first_grove(forest);
	uint64_t	trees = 0;
	uint32_t	g;
	uint32_t	f;

	for (f = 0; f < forest->n_features; f++)
		rises[f] = 0;
	for (g = 0; g < forest->n_groves; g++)
	{
		double		scale;

		if (g > 0)
			grove = model_next_grove(forest, &grove);
		if (isnan(number_double(grove.rises[0])))
			continue;
		scale = number_double(grove.header->scale);
		trees += grove.n_trees;
		for (f = 0; f < forest->n_features; f++)
			rises[f] += number_double(grove.rises[f]) * scale * scale * grove.n_trees;
	}
	for (f = 0; f < forest->n_features; f++)
		rises[f] = trees > 0 ? rises[f] / (double) trees : NAN;
	return trees > 0;
}

/*
 * Writing
 */

void
model_judge_shares(ModelFigures *figures, const double *shares, int32_t n_classes,
				   int32_t class)
{
	int32_t		likeliest = 0;
	int32_t		c;

	for (c = 0; c < n_classes; c++)
	{
		double		error = shares[c] - (c == class);

		if (shares[c] > shares[likeliest])
			likeliest = c;

		/* Of two classes, of one of them */
		if (n_classes != 2 || c == 1)
			figures->error += error * error;
	}
	figures->rows++;
	figures->correct += likeliest == class;
	figures->log_loss -= log(shares[class] > 1e-15 ? shares[class] : 1e-15);
}

/* Bytes of a feature's bins; categories that did not occur are left out. */
static uint64_t
table_size(const BinTable *table, const ForestColumn *column)
{
	uint64_t	size = sizeof(uint32_t);
	int32_t		i;

	if (table->kind == FOREST_NUMBER)
		return table->n_bins > 0 ? sizeof(double) * ((uint64_t) table->n_bins - 1) : 0;
	for (i = 0; i < column->n_categories; i++)
		if (table->codes[i] != BINS_NULL)
			size += sizeof(uint32_t) + 1 + column->categories[i].size;
	return (size + 3) & ~UINT64_C(3);
}

static void
write_table(char *at, const BinTable *table, const ForestColumn *column)
{
	uint32_t	n = 0;
	uint32_t	end = 0;
	uint32_t   *ends;
	char	   *codes;
	char	   *names;
	int32_t		i;

	if (table->kind == FOREST_NUMBER)
	{
		if (table->n_bins > 1)
			memcpy(at, table->cuts, sizeof(double) * ((size_t) table->n_bins - 1));
		return;
	}
	for (i = 0; i < column->n_categories; i++)
		n += table->codes[i] != BINS_NULL;
	*(uint32_t *) at = n;
	ends = (uint32_t *) at + 1;
	codes = (char *) (ends + n);
	names = codes + n;
	for (i = 0; i < column->n_categories; i++)
	{
		if (table->codes[i] == BINS_NULL)
			continue;
		*codes++ = (char) table->codes[i];
		memcpy(names + end, column->categories[i].data, column->categories[i].size);
		end += column->categories[i].size;
		*ends++ = end;
	}
}

/* The sizes of what is written. */
typedef struct WriteSizes
{
	uint64_t	names;			/* as filled up */
	uint64_t	bins;
	uint64_t	front;			/* up to the grove */
	uint64_t	image;			/* up to the shares */
	uint64_t	whole;
	GroveHeader grove;			/* its counts filled in */
} WriteSizes;

static bool
write_sizes(const ModelParts *parts, WriteSizes *sizes)
{
	const ForestData *data = parts->data;
	uint32_t	n_features = (uint32_t) data->n_features;
	uint32_t	n_classes = (uint32_t) data->n_classes;
	uint64_t	n_slots = 0;
	uint64_t	n_shares = 0;
	uint32_t	i;
	int32_t		t;

	memset(sizes, 0, sizeof(*sizes));
	for (i = 0; i < n_features; i++)
	{
		sizes->names += data->features[i].name.size;
		sizes->bins += table_size(&parts->tables[i], &data->features[i]);
	}
	for (i = 0; i < n_classes; i++)
		sizes->names += data->class_names[i].size;
	for (t = 0; t < parts->n_trees; t++)
	{
		n_slots += parts->trees[t].n_slots;
		n_shares += parts->trees[t].n_shares;
	}
	sizes->names = FILLED(sizes->names);
	sizes->bins = FILLED(sizes->bins);
	if (sizes->names > UINT32_MAX || sizes->bins > UINT32_MAX || n_shares > UINT32_MAX)
		return false;
	sizes->grove.n_slots = u64_number(n_slots);
	sizes->grove.n_trees = (uint32_t) parts->n_trees;
	sizes->grove.n_classes = n_classes;
	sizes->grove.n_shares = (uint32_t) n_shares;
	sizes->grove.n_bases = model_bases(parts->link, n_classes);
	sizes->grove.kind = parts->kind;
	sizes->grove.n_coefficients = parts->n_coefficients;
	sizes->front = sizeof(ModelHeader) + FILLED(sizeof(ModelFeature) * (uint64_t) n_features) +
		FILLED(sizeof(uint32_t) * ((uint64_t) n_features + n_classes)) + sizes->names;
	sizes->image = sizes->front + grove_head(&sizes->grove, n_features);
	sizes->whole = sizes->front + grove_front(&sizes->grove, n_features) + sizes->bins;
	sizes->grove.bins_size = (uint32_t) sizes->bins;
	sizes->grove.size = u64_number(sizes->whole - sizes->front);
	return true;
}

/* The header and the names */
static void
write_front(char *bytes, const ModelParts *parts, const WriteSizes *sizes, Forest *forest)
{
	const ForestData *data = parts->data;
	uint32_t	n_features = (uint32_t) data->n_features;
	uint32_t	n_classes = (uint32_t) data->n_classes;
	ModelHeader *header = (ModelHeader *) bytes;
	ModelFeature *features;
	uint32_t   *ends;
	char	   *names;
	uint32_t	place = 0;
	uint32_t	f;

	header->magic = MODEL_MAGIC;
	header->format = MODEL_FORMAT;
	header->size[0] = (uint32_t) sizes->whole;
	header->size[1] = (uint32_t) (sizes->whole >> 32);
	header->n_features = n_features;
	header->n_classes = n_classes;
	header->n_groves = 1;
	header->n_trees = (uint32_t) parts->n_trees;
	header->names_size = (uint32_t) sizes->names;
	header->positive = (uint32_t) (parts->options->positive + 1);
	header->algorithm = (uint8_t) parts->options->algorithm;
	header->link = (uint8_t) parts->link;
	header->target_source = data->target_source;
	header->has_sets = parts->has_sets;
	view_model(forest, bytes, (size_t) sizes->whole);

	features = (ModelFeature *) features_of(forest);
	ends = (uint32_t *) ends_of(forest);
	names = (char *) names_of(forest);
	for (f = 0; f < n_features + n_classes; f++)
	{
		ForestText	name = f < n_features ? data->features[f].name :
			data->class_names[f - n_features];

		if (f < n_features)
		{
			features[f].kind = (uint8_t) data->features[f].kind;
			features[f].source = data->features[f].source;
		}
		if (name.size > 0)
			memcpy(names + place, name.data, name.size);
		place += name.size;
		ends[f] = place;
	}
}

/* The grove up to the shares: its header, gains, classes and table of trees */
static void
write_grove(const Forest *forest, const ModelParts *parts, const WriteSizes *sizes)
{
	const ForestOptions *options = parts->options;
	const ModelFigures *oob = &parts->oob;
	GroveHeader *header = (GroveHeader *) groves_of(forest);
	uint64_t	begin = 0;
	uint32_t	n_shares = 0;
	Grove		grove;
	uint32_t	i;

	*header = sizes->grove;
	header->n_rows = u64_number((uint64_t) parts->n_learn);
	header->base = double_number(parts->base);
	header->scale = double_number(parts->scale);
	header->oob_rows = u64_number(oob->rows);
	header->oob_mean = double_number(oob->mean);
	header->oob_variation = double_number(oob->variation);
	header->oob_error = double_number(oob->error);
	header->oob_correct = u64_number(oob->correct);
	header->oob_log_loss = double_number(oob->log_loss);
	header->seed = u64_number(options->seed);
	header->min_leaf = u64_number((uint64_t) options->min_leaf);
	header->sample_fraction = double_number(options->sample_fraction);
	header->max_depth = (uint32_t) options->max_depth;
	header->mtry = (uint32_t) forest_mtry(options, parts->data->n_features,
										  parts->data->n_classes);
	header->bins = (uint32_t) options->bins;
	header->rows_shift = parts->rows_shift;
	header->max_leaves = (uint32_t) options->max_leaves;
	header->learning_rate = double_number(options->learning_rate);
	header->l2 = double_number(options->l2);
	header->validation_fraction = double_number(options->validation_fraction);
	header->early_stopping = (uint32_t) options->early_stopping;
	header->c = double_number(options->c);
	header->epsilon = double_number(options->epsilon);

	grove = model_first_grove(forest);
	for (i = 0; i < forest->n_features; i++)
	{
		((GroveNumber *) grove.gains)[i] = double_number(parts->gains[i]);
		((GroveNumber *) grove.rises)[i] = double_number(parts->rises != NULL ? parts->rises[i] : NAN);
	}
	for (i = 0; i < grove.n_classes; i++)
		((uint32_t *) grove.classes)[i] = i;
	for (i = 0; i < sizes->grove.n_bases; i++)
		((GroveNumber *) grove.bases)[i] = double_number(parts->bases[i]);
	for (i = 0; i < sizes->grove.n_coefficients; i++)
		((GroveNumber *) grove.coefficients)[i] = double_number(parts->coefficients[i]);
	for (i = 0; i < grove.n_trees; i++)
	{
		const ModelTree *tree = &parts->trees[i];
		GroveTree  *entry = (GroveTree *) &grove.trees[i];

		entry->begin = u64_number(begin);
		entry->n_slots = tree->n_slots;
		entry->first_shares = n_shares;
		entry->n_leaves = tree->n_leaves;
		entry->depth = tree->depth;
		begin += tree->n_slots;
		n_shares += tree->n_shares;
	}
}

/* Bytes up to the next multiple of 8 */
static bool
fill_up(const ModelOut *out, uint64_t size)
{
	static const char zeroes[8] = {0};

	return out->write(out->arg, zeroes, (size_t) (FILLED(size) - size));
}

/* The shares, or else the nodes, of all trees */
static bool
write_trees(const Memory *memory, const ModelParts *parts, const ModelOut *out,
			bool shares)
{
	size_t		unit = shares ? (size_t) parts->data->n_classes * sizeof(float) :
		sizeof(ForestNode);
	size_t		most = 0;
	void	   *buffer = NULL;
	uint64_t	all = 0;
	bool		ok = true;
	int32_t		t;

	for (t = 0; parts->bring != NULL && t < parts->n_trees; t++)
	{
		size_t		count = shares ? parts->trees[t].n_shares : parts->trees[t].n_slots;

		if (count > most)
			most = count;
	}
	if (most > 0)
	{
		buffer = memory_array(memory, most, unit);
		if (buffer == NULL)
			return false;
	}
	for (t = 0; ok && t < parts->n_trees; t++)
	{
		ModelTree  *tree = &parts->trees[t];
		size_t		size = unit * (shares ? tree->n_shares : tree->n_slots);

		all += size;
		if (parts->bring != NULL && size > 0)
		{
			parts->bring(parts->arg, t, shares ? NULL : buffer, shares ? buffer : NULL);
			ok = out->write(out->arg, buffer, size);
		}
		else if (shares)
		{
			ok = out->write(out->arg, tree->shares, size);
			memory_release(memory, tree->shares);
			tree->shares = NULL;
		}
		else
		{
			ok = out->write(out->arg, tree->nodes, size);
			memory_release(memory, tree->nodes);
			tree->nodes = NULL;
		}
	}
	memory_release(memory, buffer);
	return ok && fill_up(out, all);
}

/* The bins of all features, and where each begin */
static bool
write_bins(const Memory *memory, const ModelParts *parts, const WriteSizes *sizes,
		   const ModelOut *out)
{
	uint32_t	n_features = (uint32_t) parts->data->n_features;
	uint64_t	begins_size = FILLED(sizeof(uint32_t) * ((uint64_t) n_features + 1));
	char	   *bytes = memory_zero_array(memory, (size_t) (begins_size + sizes->bins), 1);
	uint32_t	place = 0;
	bool		ok;
	uint32_t	f;

	if (bytes == NULL)
		return false;
	for (f = 0; f <= n_features; f++)
	{
		((uint32_t *) bytes)[f] = place;
		if (f == n_features)
			break;
		write_table(bytes + begins_size + place, &parts->tables[f], &parts->data->features[f]);
		place += (uint32_t) table_size(&parts->tables[f], &parts->data->features[f]);
	}
	ok = out->write(out->arg, bytes, (size_t) (begins_size + sizes->bins));
	memory_release(memory, bytes);
	return ok;
}

bool
model_write(const Memory *memory, const ModelParts *parts, const ModelOut *out)
{
	WriteSizes	sizes;
	Forest		forest;
	char	   *image;
	bool		ok;

	if (!write_sizes(parts, &sizes))
		return false;

	/* Up to the shares, which is little, it is written as it will lie. */
	image = memory_zero_array(memory, (size_t) sizes.image, 1);
	if (image == NULL)
		return false;
	write_front(image, parts, &sizes, &forest);
	write_grove(&forest, parts, &sizes);
	ok = out->begin(out->arg, sizes.whole) &&
		out->write(out->arg, image, (size_t) sizes.image);
	memory_release(memory, image);
	return ok && write_trees(memory, parts, out, true) &&
		write_trees(memory, parts, out, false) &&
		write_bins(memory, parts, &sizes, out);
}

static bool
string_begin(void *arg, uint64_t size)
{
	ModelString *string = arg;

	if (size > SIZE_MAX - string->room)
		return false;
	string->bytes = memory_array(string->memory, (size_t) size + string->room, 1);
	if (string->bytes == NULL)
		return false;
	memset(string->bytes, 0, string->room);
	string->size = (size_t) size;
	return true;
}

static bool
string_write(void *arg, const void *bytes, size_t size)
{
	ModelString *string = arg;

	if (size > 0)
		memcpy(string->bytes + string->room + string->written, bytes, size);
	string->written += size;
	return true;
}

ModelOut
model_string_start(ModelString *string, const Memory *memory, size_t room)
{
	ModelOut	out = {string_begin, string_write, string};

	memset(string, 0, sizeof(*string));
	string->memory = memory;
	string->room = room;
	return out;
}

/*
 * Checking
 */

static bool
is_zero(const char *from, const char *to)
{
	for (; from < to; from++)
		if (*from != 0)
			return false;
	return true;
}

static bool
is_fraction(double value)
{
	return value >= 0 && value <= 1;
}

static bool
is_amount(GroveNumber number)
{
	double		value = number_double(number);

	return value >= 0 && value <= 1.7976931348623157e308;
}

/*
 * Ends of n names that ascend, the last within size; the names without zero
 * bytes, and where sorted is set in strict order.
 */
static bool
check_names(const uint32_t *ends, uint32_t first, uint32_t n, const char *names,
			uint64_t size, bool sorted)
{
	uint32_t	i;
	ForestText	last = {NULL, 0};

	for (i = first; i < first + n; i++)
	{
		uint32_t	begin = i == 0 ? 0 : ends[i - 1];
		ForestText	name;

		if (ends[i] < begin || ends[i] > size)
			return false;
		name.data = names + begin;
		name.size = ends[i] - begin;
		if (name.size > 0 && memchr(name.data, 0, name.size) != NULL)
			return false;
		if (sorted && i > first && forest_text_compare(last, name) >= 0)
			return false;
		last = name;
	}
	return true;
}

/* The bins of one feature; gives their number, or 0 when they are damaged. */
static uint32_t
check_bins(const Grove *grove, uint32_t feature, ForestKind kind)
{
	uint64_t	size = grove->bin_begins[feature + 1] - grove->bin_begins[feature];
	const char *at = grove->bins + grove->bin_begins[feature];
	GroveCategories categories;
	uint64_t	used;
	uint32_t	most = 0;
	uint32_t	i;

	if (kind == FOREST_NUMBER)
	{
		double		last = 0;

		if (size % sizeof(double) != 0 || size / sizeof(double) > FOREST_MAX_BINS - 1)
			return 0;
		for (i = 0; i < size / sizeof(double); i++)
		{
			double		cut;

			memcpy(&cut, at + i * sizeof(double), sizeof(cut));
			if (!(cut <= 1.7976931348623157e308) || (i > 0 && !(last < cut)))
				return 0;
			last = cut;
		}
		return (uint32_t) (size / sizeof(double)) + 1;
	}

	if (size < sizeof(uint32_t))
		return 0;
	categories.n = *(const uint32_t *) at;
	used = sizeof(uint32_t) + (sizeof(uint32_t) + 1) * (uint64_t) categories.n;
	if (used > size)
		return 0;
	categories = model_categories(grove, feature);
	if (!check_names(categories.ends, 0, categories.n, categories.names, size - used, true))
		return 0;
	if (categories.n > 0)
		used += categories.ends[categories.n - 1];
	if (size != ((used + 3) & ~UINT64_C(3)) || !is_zero(at + used, at + size))
		return 0;
	for (i = 0; i < categories.n; i++)
	{
		if (categories.codes[i] == BINS_NULL)
			return 0;
		if (categories.codes[i] > most)
			most = categories.codes[i];
	}

	/* A column of NULLs has no bin, and no node that could ask for one. */
	return most > 0 ? most : 1;
}

static bool
check_leaf(const Grove *grove, const GroveTree *tree, uint32_t n_shares, ForestNode node)
{
	uint32_t	c;
	const float *shares;
	double		sum = 0;

	if (node.split & (NODE_SET | NODE_NULL_FAILS))
		return false;
	if (grove->header->n_bases > 0)
		return !(node.split & NODE_PURE) && isfinite(node_value(node));
	if (grove->n_classes <= 2)
	{
		float		value = node_value(node);

		if (node.split & NODE_PURE)
			return false;
		return grove->n_classes == 0 ? isfinite(value) : is_fraction(value);
	}
	if (node.split & NODE_PURE)
		return node.next < grove->n_classes;
	if (node.next >= n_shares)
		return false;
	shares = grove->shares + ((uint64_t) tree->first_shares + node.next) * grove->n_classes;
	for (c = 0; c < grove->n_classes; c++)
	{
		if (!is_fraction(shares[c]))
			return false;
		sum += shares[c];
	}
	return fabs(sum - 1) < 1e-3;
}

/*
 * A tree: every slot belongs to exactly one node or set, and children stand
 * behind their parents.  depths[slot] is 1 more than a node's depth, 0 where
 * nothing has asked for the slot yet, and UINT32_MAX in a set.
 */
static bool
check_tree(const Forest *forest, const Grove *grove, const GroveTree *tree,
		   uint32_t n_shares, const uint16_t *n_bins, uint32_t *depths, bool *has_sets)
{
	const ForestNode *nodes = grove->nodes + number_u64(tree->begin);
	uint32_t	n = tree->n_slots;
	uint32_t	n_leaves = 0;
	uint32_t	deepest = 0;
	uint32_t	slot;

	memset(depths, 0, n * sizeof(*depths));
	depths[0] = 1;
	for (slot = 0; slot < n; slot++)
	{
		ForestNode	node = nodes[slot];
		uint32_t	feature = node_feature(node);
		uint32_t	n_set = 0;
		uint32_t	i;

		if (depths[slot] == UINT32_MAX)
			continue;
		if (depths[slot] == 0)
			return false;
		if (node.split & NODE_LEAF)
		{
			if (!check_leaf(grove, tree, n_shares, node))
				return false;
			n_leaves++;
			if (depths[slot] > deepest)
				deepest = depths[slot];
			continue;
		}
		if (feature >= forest->n_features || (node.split & NODE_PURE))
			return false;
		if (node.split & NODE_SET)
		{
			if (forest_feature_kind(forest, feature) != FOREST_CATEGORY ||
				(node.split & NODE_NULL_FAILS) || node_byte(node) != 0)
				return false;
			n_set = node_set_slots(n_bins[feature]);
			*has_sets = true;
		}
		else
		{
			uint32_t	limit = node_byte(node) + ((node.split & NODE_NULL_FAILS) != 0);

			if (limit == 0 || limit > n_bins[feature])
				return false;
		}
		if (node.next <= slot || node.next >= n || n - node.next < 2 + n_set)
			return false;
		for (i = 0; i < 2 + n_set; i++)
		{
			if (depths[node.next + i] != 0)
				return false;
			depths[node.next + i] = i < 2 ? depths[slot] + 1 : UINT32_MAX;
		}
		if (n_set > 0)
		{
			/* No bits behind those of the bins */
			const ForestNode *set = nodes + node.next + 2;
			uint32_t	bit;

			for (bit = n_bins[feature] + 1u; bit < n_set * 64; bit++)
				if (node_set_has(set, (uint8_t) bit))
					return false;
		}
	}
	return n_leaves == tree->n_leaves && deepest == tree->depth + 1;
}

static bool
check_grove(const Memory *memory, const Forest *forest, const Grove *grove,
			bool *has_sets, ForestProblem *problem)
{
	const GroveHeader *header = grove->header;
	uint64_t	n_slots = number_u64(header->n_slots);
	uint64_t	begin = 0;
	uint64_t	steps = 0;
	uint32_t	largest = 0;
	uint16_t   *n_bins = NULL;
	uint32_t   *depths = NULL;
	bool		ok = false;
	uint32_t	i;

	problem->detail = "the figures of a grove";
	if (!(fabs(number_double(header->base)) <= 1.7976931348623157e308) ||
		!is_amount(header->scale) || number_double(header->scale) <= 0 ||
		number_u64(header->oob_rows) > number_u64(header->n_rows) ||
		number_u64(header->oob_correct) > number_u64(header->oob_rows) ||
		!(fabs(number_double(header->oob_mean)) <= 1.7976931348623157e308) ||
		!is_amount(header->oob_variation) || !is_amount(header->oob_error) ||
		!is_amount(header->oob_log_loss) ||
		number_u64(header->n_rows) == 0 || number_u64(header->n_rows) > FOREST_MAX_ROWS ||
		number_u64(header->min_leaf) == 0 || number_u64(header->min_leaf) > INT64_MAX ||
		!(number_double(header->sample_fraction) > 0) ||
		!is_fraction(number_double(header->sample_fraction)) ||
		header->max_depth > INT32_MAX ||
		header->mtry == 0 || header->mtry > forest->n_features ||
		header->bins < 2 || header->bins > FOREST_MAX_BINS || header->reserved != 0 ||
		header->max_leaves > INT32_MAX || header->early_stopping > INT32_MAX ||
		header->rows_shift > GROVE_MOST_SHIFT ||
		!is_amount(header->learning_rate) || !is_amount(header->l2) ||
		!is_fraction(number_double(header->validation_fraction)) ||
		!is_amount(header->c) || !is_amount(header->epsilon))
		return fail(problem, FOREST_DAMAGED, problem->detail);
	problem->detail = "the margins of a grove";
	for (i = 0; i < header->n_bases; i++)
		if (!isfinite(number_double(grove->bases[i])))
			return fail(problem, FOREST_DAMAGED, problem->detail);
	if (header->n_bases > 0 &&
		(grove->n_classes != forest->n_classes || number_double(header->base) != 0 ||
		 header->n_trees % header->n_bases != 0 || header->n_shares != 0))
		return fail(problem, FOREST_DAMAGED, problem->detail);
	for (i = 0; i < forest->n_features; i++)
		if (!is_amount(grove->gains[i]))
			return fail(problem, FOREST_DAMAGED, "the gain of a feature");
	for (i = 0; i < forest->n_features; i++)
		if (isinf(number_double(grove->rises[i])) ||
			isnan(number_double(grove->rises[i])) != isnan(number_double(grove->rises[0])))
			return fail(problem, FOREST_DAMAGED, "the permutation importance of a feature");
	for (i = 0; i < grove->n_classes; i++)
		if (grove->classes[i] >= forest->n_classes ||
			(i > 0 && grove->classes[i] <= grove->classes[i - 1]))
			return fail(problem, FOREST_DAMAGED, "the classes of a grove");
	if (!is_zero((const char *) (grove->classes + grove->n_classes),
				 (const char *) grove->bases) ||
		!is_zero((const char *) (grove->shares + (uint64_t) header->n_shares * grove->n_classes),
				 (const char *) grove->nodes) ||
		!is_zero((const char *) (grove->bin_begins + forest->n_features + 1), grove->bins))
		return fail(problem, FOREST_DAMAGED, "the space between sections");

	for (i = 0; i < grove->n_trees; i++)
	{
		const GroveTree *tree = &grove->trees[i];
		uint32_t	next_shares = i + 1 < grove->n_trees ?
			grove->trees[i + 1].first_shares : header->n_shares;

		if (number_u64(tree->begin) != begin || tree->n_slots == 0 ||
			tree->n_slots > n_slots - begin || (i == 0 && tree->first_shares != 0) ||
			next_shares < tree->first_shares || next_shares > header->n_shares)
			return fail(problem, FOREST_DAMAGED, "the table of trees");
		begin += tree->n_slots;
		if (tree->n_slots > largest)
			largest = tree->n_slots;
	}
	if (begin != n_slots)
		return fail(problem, FOREST_DAMAGED, "the table of trees");

	n_bins = memory_array(memory, forest->n_features, sizeof(*n_bins));
	depths = memory_array(memory, largest, sizeof(*depths));
	if (n_bins == NULL || depths == NULL)
	{
		(void) fail(problem, FOREST_NO_MEMORY, NULL);
		goto done;
	}

	(void) fail(problem, FOREST_DAMAGED, "the bins of a feature");
	for (i = 0; i < forest->n_features; i++)
	{
		uint32_t	first = grove->bin_begins[i];
		uint32_t	next = grove->bin_begins[i + 1];

		problem->feature = i;
		if ((i == 0 && first != 0) || next < first || next > header->bins_size ||
			first % 4 != 0 || next % 4 != 0)
			goto done;
		n_bins[i] = (uint16_t) check_bins(grove, i, forest_feature_kind(forest, i));
		if (n_bins[i] == 0)
			goto done;
	}
	problem->feature = -1;
	if (header->bins_size != FILLED(grove->bin_begins[forest->n_features]) ||
		!is_zero(grove->bins + grove->bin_begins[forest->n_features],
				 grove->bins + header->bins_size))
		goto done;
	if (header->kind == GROVE_LINEAR)
	{
		(void) fail(problem, FOREST_DAMAGED, "the coefficients of a grove");
		if (!linear_check(forest, grove))
			goto done;
	}

	for (i = 0; i < grove->n_trees; i++)
	{
		uint32_t	next_shares = i + 1 < grove->n_trees ?
			grove->trees[i + 1].first_shares : header->n_shares;

		(void) fail(problem, FOREST_DAMAGED, "the nodes of a tree");
		if (!check_tree(forest, grove, &grove->trees[i],
						next_shares - grove->trees[i].first_shares,
						n_bins, depths, has_sets))
			goto done;
		steps += grove->trees[i].n_slots;
		if (steps > NODES_BETWEEN)
		{
			steps = 0;
			(void) fail(problem, FOREST_STOPPED, NULL);
			if (!memory->may_go_on(memory->arg))
				goto done;
		}
	}
	ok = true;

done:
	memory_release(memory, n_bins);
	memory_release(memory, depths);
	return ok;
}

/* The algorithm, the link, and whether they go with each other and the target. */
static bool
check_algorithm(const ModelHeader *header)
{
	bool		is_linear = linear_is((ForestAlgorithm) header->algorithm);

	if (is_linear && header->n_groves != 1)
		return false;
	switch (header->link)
	{
		case FOREST_MEAN:
			return header->algorithm <= FOREST_DECISION_TREE;
		case FOREST_IDENTITY:
			return header->algorithm <= FOREST_LINEAR_SVM && header->n_classes == 0;
		case FOREST_LOGIT:
			return header->algorithm <= FOREST_LOGISTIC && header->n_classes == 2;
		case FOREST_SOFTMAX:
			return header->algorithm <= FOREST_LOGISTIC && header->n_classes != 0 &&
				header->n_classes != 2;
		default:
			return false;
	}
}

/* Counts of a grove that its size follows from, before this can be trusted */
static bool
check_counts(const Forest *forest, const GroveHeader *header)
{
	uint32_t	n_bases = model_bases(forest->link, forest->n_classes);
	uint32_t	rounds = n_bases > 1 ? n_bases : 1;

	if (header->n_bases != n_bases)
		return false;
	if (linear_is(forest->algorithm))
		return header->kind == GROVE_LINEAR && header->n_trees == 0 &&
			number_u64(header->n_slots) == 0;
	return header->kind == GROVE_TREES && header->n_coefficients == 0 &&
		header->n_trees > 0 && header->n_trees / rounds <= FOREST_MAX_TREES;
}

bool
forest_check(const Memory *memory, const char *bytes, size_t size,
			 ForestProblem *problem)
{
	const ModelHeader *header = (const ModelHeader *) bytes;
	uint64_t	left = size;
	uint64_t	names_end;
	uint64_t	n_trees = 0;
	bool		has_sets = false;
	Forest		forest;
	Grove		grove;
	const char *at;
	uint32_t	i;

	no_problem(problem);
	if (size < sizeof(*header) || header->magic != MODEL_MAGIC)
		return fail(problem, FOREST_OTHER_FORMAT, "the first word");
	if (header->format != MODEL_FORMAT)
	{
		problem->count = header->format;
		return fail(problem, FOREST_OTHER_FORMAT, "the number of the format");
	}
	if (((uint64_t) header->size[1] << 32 | header->size[0]) != size || size % 8 != 0 ||
		header->n_features == 0 || header->n_features > FOREST_MAX_FEATURES ||
		header->n_classes > FOREST_MAX_CLASSES || header->n_groves == 0 ||
		header->positive > header->n_classes || !check_algorithm(header) ||
		header->has_sets > 1 || header->reserved != 0 ||
		header->names_size % 8 != 0)
		return fail(problem, FOREST_DAMAGED, "the header");
	view_model(&forest, bytes, size);

	/* Counts are small, so these sums cannot wrap; places follow once they fit. */
	left -= sizeof(*header);
	names_end = FILLED(sizeof(ModelFeature) * (uint64_t) header->n_features) +
		FILLED(sizeof(uint32_t) * ((uint64_t) header->n_features + header->n_classes)) +
		header->names_size;
	if (names_end > left)
		return fail(problem, FOREST_DAMAGED, "the names");
	left -= names_end;
	for (i = 0; i < forest.n_features; i++)
	{
		const ModelFeature *feature = &features_of(&forest)[i];

		if ((feature->kind != FOREST_NUMBER && feature->kind != FOREST_CATEGORY) ||
			feature->zero[0] != 0 || feature->zero[1] != 0)
			return fail(problem, FOREST_DAMAGED, "the kind of a feature");
	}
	if (!is_zero((const char *) (features_of(&forest) + forest.n_features),
				 (const char *) ends_of(&forest)) ||
		!is_zero((const char *) (ends_of(&forest) + forest.n_features + forest.n_classes),
				 names_of(&forest)) ||
		!check_names(ends_of(&forest), 0, forest.n_features, names_of(&forest),
					 header->names_size, false) ||
		!check_names(ends_of(&forest), forest.n_features, forest.n_classes,
					 names_of(&forest), header->names_size, true))
		return fail(problem, FOREST_DAMAGED, "the names");
	names_end = ends_of(&forest)[forest.n_features + forest.n_classes - 1];
	if (header->names_size != FILLED(names_end) ||
		!is_zero(names_of(&forest) + names_end, groves_of(&forest)))
		return fail(problem, FOREST_DAMAGED, "the names");

	at = groves_of(&forest);
	for (i = 0; i < forest.n_groves; i++)
	{
		const GroveHeader *grove_header = (const GroveHeader *) at;
		uint64_t	grove_size;

		if (left < sizeof(*grove_header) || left < number_u64(grove_header->size) ||
			number_u64(grove_header->n_slots) > left / sizeof(ForestNode) ||
			!check_counts(&forest, grove_header) ||
			grove_header->n_classes > forest.n_classes ||
			(grove_header->n_classes == 0) != (forest.n_classes == 0) ||
			(grove_header->n_classes <= 2 && grove_header->n_shares != 0) ||
			grove_header->bins_size % 8 != 0)
			return fail(problem, FOREST_DAMAGED, "the header of a grove");
		grove_size = grove_front(grove_header, forest.n_features) + grove_header->bins_size;
		if (grove_size != number_u64(grove_header->size))
			return fail(problem, FOREST_DAMAGED, "the size of a grove");
		grove = grove_at(at, forest.n_features);
		if (!check_grove(memory, &forest, &grove, &has_sets, problem))
			return false;
		n_trees += grove.n_trees;
		left -= grove_size;
		at += grove_size;
	}
	if (left != 0 || n_trees != forest.n_trees || has_sets != forest.has_sets)
		return fail(problem, FOREST_DAMAGED, "the header");
	no_problem(problem);
	return true;
}

/*
 * Merging
 */

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
		return fail(problem, FOREST_NO_MEAN, NULL);
	if (a->algorithm != b->algorithm)
		return fail(problem, FOREST_OTHER_ALGORITHM, NULL);
	if ((a->n_classes == 0) != (b->n_classes == 0) || a->target_source != b->target_source)
		return fail(problem, FOREST_OTHER_TARGET, NULL);
	for (f = 0; f < a->n_features && f < b->n_features; f++)
	{
		problem->feature = f;
		if (forest_feature_kind(a, f) != forest_feature_kind(b, f) ||
			forest_feature_source(a, f) != forest_feature_source(b, f) ||
			forest_text_compare(forest_feature_name(a, f), forest_feature_name(b, f)) != 0)
			return fail(problem, FOREST_OTHER_FEATURES, NULL);
	}
	problem->feature = f;
	if (a->n_features != b->n_features)
		return fail(problem, FOREST_OTHER_FEATURES, NULL);
	problem->feature = -1;
	if ((a->positive < 0) != (b->positive < 0) ||
		(a->positive >= 0 &&
		 forest_text_compare(forest_class_name(a, (uint32_t) a->positive),
							 forest_class_name(b, (uint32_t) b->positive)) != 0))
		return fail(problem, FOREST_OTHER_POSITIVE, NULL);
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

	no_problem(problem);
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

	memcpy((ModelFeature *) features_of(&forest), features_of(&models[0]),
		   n_features * sizeof(ModelFeature));
	ends = (uint32_t *) ends_of(&forest);
	memcpy(ends, ends_of(&models[0]), n_features * sizeof(uint32_t));
	memcpy((char *) names_of(&forest), names_of(&models[0]), (size_t) classes_end);
	for (i = 0; i < n_classes; i++)
	{
		if (names[i].size > 0)
			memcpy((char *) names_of(&forest) + classes_end, names[i].data, names[i].size);
		classes_end += names[i].size;
		ends[n_features + i] = (uint32_t) classes_end;
	}

	at = (char *) groves_of(&forest);
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
	no_problem(problem);
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

	no_problem(problem);
	*bytes = NULL;
	for (m = 0; m < n; m++)
		if (!fits_together(&models[0], &models[m], problem))
			return false;
	return model_join(memory, models, n, room, bytes, size, problem);
}
