/*-------------------------------------------------------------------------
 *
 * model_write.c
 *	  Writing a forest into its bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/model_sections.h"

#include "forest/bins.h"

#include <math.h>

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

	features = (ModelFeature *) model_features(forest);
	ends = (uint32_t *) model_name_ends(forest);
	names = (char *) model_names(forest);
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
	GroveHeader *header = (GroveHeader *) model_groves(forest);
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
