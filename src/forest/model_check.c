/*-------------------------------------------------------------------------
 *
 * model_check.c
 *	  Whether bytes are a forest that every walk through it can trust.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/model_sections.h"

#include "forest/linear.h"

#include <math.h>

/* Nodes between two questions whether we may go on. */
#define NODES_BETWEEN 1000000

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
		return model_fail(problem, FOREST_DAMAGED, problem->detail);
	problem->detail = "the margins of a grove";
	for (i = 0; i < header->n_bases; i++)
		if (!isfinite(number_double(grove->bases[i])))
			return model_fail(problem, FOREST_DAMAGED, problem->detail);
	if (header->n_bases > 0 &&
		(grove->n_classes != forest->n_classes || number_double(header->base) != 0 ||
		 header->n_trees % header->n_bases != 0 || header->n_shares != 0))
		return model_fail(problem, FOREST_DAMAGED, problem->detail);
	for (i = 0; i < forest->n_features; i++)
		if (!is_amount(grove->gains[i]))
			return model_fail(problem, FOREST_DAMAGED, "the gain of a feature");
	for (i = 0; i < forest->n_features; i++)
		if (isinf(number_double(grove->rises[i])) ||
			isnan(number_double(grove->rises[i])) != isnan(number_double(grove->rises[0])))
			return model_fail(problem, FOREST_DAMAGED, "the permutation importance of a feature");
	for (i = 0; i < grove->n_classes; i++)
		if (grove->classes[i] >= forest->n_classes ||
			(i > 0 && grove->classes[i] <= grove->classes[i - 1]))
			return model_fail(problem, FOREST_DAMAGED, "the classes of a grove");
	if (!is_zero((const char *) (grove->classes + grove->n_classes),
				 (const char *) grove->bases) ||
		!is_zero((const char *) (grove->shares + (uint64_t) header->n_shares * grove->n_classes),
				 (const char *) grove->nodes) ||
		!is_zero((const char *) (grove->bin_begins + forest->n_features + 1), grove->bins))
		return model_fail(problem, FOREST_DAMAGED, "the space between sections");

	for (i = 0; i < grove->n_trees; i++)
	{
		const GroveTree *tree = &grove->trees[i];
		uint32_t	next_shares = i + 1 < grove->n_trees ?
			grove->trees[i + 1].first_shares : header->n_shares;

		if (number_u64(tree->begin) != begin || tree->n_slots == 0 ||
			tree->n_slots > n_slots - begin || (i == 0 && tree->first_shares != 0) ||
			next_shares < tree->first_shares || next_shares > header->n_shares)
			return model_fail(problem, FOREST_DAMAGED, "the table of trees");
		begin += tree->n_slots;
		if (tree->n_slots > largest)
			largest = tree->n_slots;
	}
	if (begin != n_slots)
		return model_fail(problem, FOREST_DAMAGED, "the table of trees");

	n_bins = memory_array(memory, forest->n_features, sizeof(*n_bins));
	depths = memory_array(memory, largest, sizeof(*depths));
	if (n_bins == NULL || depths == NULL)
	{
		(void) model_fail(problem, FOREST_NO_MEMORY, NULL);
		goto done;
	}

	(void) model_fail(problem, FOREST_DAMAGED, "the bins of a feature");
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
		(void) model_fail(problem, FOREST_DAMAGED, "the coefficients of a grove");
		if (!linear_check(forest, grove))
			goto done;
	}

	for (i = 0; i < grove->n_trees; i++)
	{
		uint32_t	next_shares = i + 1 < grove->n_trees ?
			grove->trees[i + 1].first_shares : header->n_shares;

		(void) model_fail(problem, FOREST_DAMAGED, "the nodes of a tree");
		if (!check_tree(forest, grove, &grove->trees[i],
						next_shares - grove->trees[i].first_shares,
						n_bins, depths, has_sets))
			goto done;
		steps += grove->trees[i].n_slots;
		if (steps > NODES_BETWEEN)
		{
			steps = 0;
			(void) model_fail(problem, FOREST_STOPPED, NULL);
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

	model_no_problem(problem);
	if (size < sizeof(*header) || header->magic != MODEL_MAGIC)
		return model_fail(problem, FOREST_OTHER_FORMAT, "the first word");
	if (header->format != MODEL_FORMAT)
	{
		problem->count = header->format;
		return model_fail(problem, FOREST_OTHER_FORMAT, "the number of the format");
	}
	if (((uint64_t) header->size[1] << 32 | header->size[0]) != size || size % 8 != 0 ||
		header->n_features == 0 || header->n_features > FOREST_MAX_FEATURES ||
		header->n_classes > FOREST_MAX_CLASSES || header->n_groves == 0 ||
		header->positive > header->n_classes || !check_algorithm(header) ||
		header->has_sets > 1 || header->reserved != 0 ||
		header->names_size % 8 != 0)
		return model_fail(problem, FOREST_DAMAGED, "the header");
	view_model(&forest, bytes, size);

	/* Counts are small, so these sums cannot wrap; places follow once they fit. */
	left -= sizeof(*header);
	names_end = FILLED(sizeof(ModelFeature) * (uint64_t) header->n_features) +
		FILLED(sizeof(uint32_t) * ((uint64_t) header->n_features + header->n_classes)) +
		header->names_size;
	if (names_end > left)
		return model_fail(problem, FOREST_DAMAGED, "the names");
	left -= names_end;
	for (i = 0; i < forest.n_features; i++)
	{
		const ModelFeature *feature = &model_features(&forest)[i];

		if ((feature->kind != FOREST_NUMBER && feature->kind != FOREST_CATEGORY) ||
			feature->zero[0] != 0 || feature->zero[1] != 0)
			return model_fail(problem, FOREST_DAMAGED, "the kind of a feature");
	}
	if (!is_zero((const char *) (model_features(&forest) + forest.n_features),
				 (const char *) model_name_ends(&forest)) ||
		!is_zero((const char *) (model_name_ends(&forest) + forest.n_features + forest.n_classes),
				 model_names(&forest)) ||
		!check_names(model_name_ends(&forest), 0, forest.n_features, model_names(&forest),
					 header->names_size, false) ||
		!check_names(model_name_ends(&forest), forest.n_features, forest.n_classes,
					 model_names(&forest), header->names_size, true))
		return model_fail(problem, FOREST_DAMAGED, "the names");
	names_end = model_name_ends(&forest)[forest.n_features + forest.n_classes - 1];
	if (header->names_size != FILLED(names_end) ||
		!is_zero(model_names(&forest) + names_end, model_groves(&forest)))
		return model_fail(problem, FOREST_DAMAGED, "the names");

	at = model_groves(&forest);
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
			return model_fail(problem, FOREST_DAMAGED, "the header of a grove");
		grove_size = grove_front(grove_header, forest.n_features) + grove_header->bins_size;
		if (grove_size != number_u64(grove_header->size))
			return model_fail(problem, FOREST_DAMAGED, "the size of a grove");
		grove = grove_at(at, forest.n_features);
		if (!check_grove(memory, &forest, &grove, &has_sets, problem))
			return false;
		n_trees += grove.n_trees;
		left -= grove_size;
		at += grove_size;
	}
	if (left != 0 || n_trees != forest.n_trees || has_sets != forest.has_sets)
		return model_fail(problem, FOREST_DAMAGED, "the header");
	model_no_problem(problem);
	return true;
}
