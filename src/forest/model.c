/*-------------------------------------------------------------------------
 *
 * model.c
 *	  Looking into a forest's bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/model_sections.h"

#include "forest/bins.h"
#include "forest/linear.h"

#include <math.h>

int
forest_text_compare(ForestText a, ForestText b)
{
	uint32_t	shorter = a.size < b.size ? a.size : b.size;
	int			order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

	if (order != 0)
		return order;
	return a.size < b.size ? -1 : a.size > b.size;
}

Grove
model_first_grove(const Forest *forest)
{
	return grove_at(model_groves(forest), forest->n_features);
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
	const uint32_t *ends = model_name_ends(forest);
	uint32_t	begin = i == 0 ? 0 : ends[i - 1];
	ForestText	name = {model_names(forest) + begin, ends[i] - begin};

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
	return (ForestKind) model_features(forest)[feature].kind;
}

uint8_t
forest_feature_source(const Forest *forest, uint32_t feature)
{
	return model_features(forest)[feature].source;
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
