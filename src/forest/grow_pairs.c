/*-------------------------------------------------------------------------
 *
 * grow_pairs.c
 *	  Trying the features of a node where one sum suffices: of numbers, or of
 *	  two classes.
 *
 * Larger nodes add up in chunks that cannot overflow.  A small node notes
 * which bins it fills and visits only these, so that its cost follows its
 * rows.  Rows that have weights have sums that are no words: these are added
 * up as doubles, row by row.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/grow_node.h"

#include <string.h>

/* Rows that features are added up for at a time: their bytes stay in cache. */
#define BATCH_ROWS 256

/* Adds the words of some rows to the histogram of a feature. */
static inline void
add_words(GrowHistogram *histogram, const uint8_t *bytes, const GrowRow *rows,
		  const uint64_t *words, uint32_t n)
{
	uint32_t	i;

	for (i = 0; i < n; i++)
		histogram->words[bytes[rows[i].offset]] += words[i];
}

/* The same for a node of one chunk; a small one notes the bins. */
static inline void
add_one(GrowHistogram *histogram, const uint8_t *bytes, const GrowRow *rows,
		const uint64_t *words, uint32_t n)
{
	uint32_t	i;

	if (n > SPARSE_ROWS)
	{
		add_words(histogram, bytes, rows, words, n);
		return;
	}
	for (i = 0; i < n; i++)
	{
		uint8_t		code = bytes[rows[i].offset];

		histogram->words[code] += words[i];
		histogram->filled[code >> 6] |= UINT64_C(1) << (code & 63);
	}
}

/*
 * Turns one bin's sums into the three numbers of a scan.
 */
static inline void
scan_put(const double *weights, uint32_t rows, uint64_t drawn, uint64_t raw_sum,
		 uint32_t *to_rows, double *to_weight, double *to_sum)
{
	double		sum = (double) (int64_t) raw_sum;

	*to_rows = rows;
	if (weights == NULL)
	{
		*to_weight = (double) (int64_t) drawn;
		*to_sum = sum;
	}
	else
	{
		*to_sum = weights[1] * sum;
		*to_weight = weights[0] * (double) (int64_t) (drawn - raw_sum) + *to_sum;
	}
}

static inline void
scan_put_word(const double *weights, uint64_t word,
			  uint32_t *rows, double *weight, double *sum)
{
	scan_put(weights, (uint32_t) (word >> WORD_ROWS_SHIFT),
			 (word >> WORD_WEIGHT_SHIFT) & WORD_MAX_WEIGHT, word & WORD_SUM_MASK,
			 rows, weight, sum);
}

/* Adds words to the histograms of two features, which share what is read of a row. */
static inline void
add_pair(GrowHistogram *first, GrowHistogram *second,
		 const uint8_t *first_bytes, const uint8_t *second_bytes,
		 const GrowRow *rows, const uint64_t *words, uint32_t n)
{
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		uint32_t	offset = rows[i].offset;
		uint64_t	word = words[i];

		first->words[first_bytes[offset]] += word;
		second->words[second_bytes[offset]] += word;
	}
}

/* The same; a small node notes the bins. */
static inline void
add_two(GrowHistogram *first, GrowHistogram *second,
		const uint8_t *first_bytes, const uint8_t *second_bytes,
		const GrowRow *rows, const uint64_t *words, uint32_t n)
{
	uint32_t	i;

	if (n > SPARSE_ROWS)
	{
		add_pair(first, second, first_bytes, second_bytes, rows, words, n);
		return;
	}
	for (i = 0; i < n; i++)
	{
		uint32_t	offset = rows[i].offset;
		uint64_t	word = words[i];
		uint8_t		code = first_bytes[offset];

		first->words[code] += word;
		first->filled[code >> 6] |= UINT64_C(1) << (code & 63);
		code = second_bytes[offset];
		second->words[code] += word;
		second->filled[code >> 6] |= UINT64_C(1) << (code & 63);
	}
}

/*
 * Lists the bins of a histogram that have values, with their words, and leaves
 * it empty.
 */
static inline void
list_words(Grower *grower, GrowHistogram *histogram, uint32_t n_rows, int32_t feature)
{
	uint64_t   *words = histogram->words;
	GrowScan   *scan = &grower->scan;
	int			n = 0;
	int			code;

	scan->null_word = words[BINS_NULL];
	words[BINS_NULL] = 0;
	if (n_rows <= SPARSE_ROWS)
	{
		uint64_t   *filled = histogram->filled;
		int			part;

		filled[0] &= ~UINT64_C(1);
		for (part = 0; part < CODES / 64; part++)
		{
			uint64_t	bits = filled[part];

			filled[part] = 0;
			for (; bits != 0; bits &= bits - 1)
			{
				code = part * 64 + __builtin_ctzll(bits);
				scan->code[n] = (uint8_t) code;
				scan->word[n++] = words[code];
				words[code] = 0;
			}
		}
	}
	else
	{
		int			n_codes = grower->matrix->n_bins[feature] + 1;

		for (code = 1; code < n_codes; code++)
		{
			scan->code[n] = (uint8_t) code;
			scan->word[n] = words[code];
			n += words[code] != 0;
			words[code] = 0;
		}
	}
	scan->n = n;
}

/* The same for rows that have weights */
static void
list_weighted(Grower *grower, const GrowNode *node, int32_t feature)
{
	const uint8_t *bytes = grow_feature_bytes(grower, node, feature);
	const GrowRow *rows = grower->rows + node->begin;
	GrowScan   *scan = &grower->scan;
	int			n_codes = grower->matrix->n_bins[feature] + 1;
	uint32_t	counts[CODES];
	double		weights[CODES];
	double		sums[CODES];
	uint32_t	i;
	int			n = 0;
	int			code;

	for (code = 0; code < n_codes; code++)
	{
		counts[code] = 0;
		weights[code] = 0;
		sums[code] = 0;
	}
	for (i = 0; i < node->n_rows; i++)
	{
		double		weight = grow_pair_weight(grower, &rows[i]);

		code = bytes[rows[i].offset];
		counts[code]++;
		weights[code] += weight;
		sums[code] += weight * (rows[i].tag >> TAG_SHIFT);
	}
	scan->null_rows = counts[BINS_NULL];
	scan->null_weight = weights[BINS_NULL];
	scan->null_sum = sums[BINS_NULL];
	for (code = 1; code < n_codes; code++)
	{
		if (counts[code] == 0)
			continue;
		scan->code[n] = (uint8_t) code;
		scan->rows[n] = counts[code];
		scan->weight[n] = weights[code];
		scan->sum[n] = sums[code];
		n++;
	}
	scan->n = n;
}

/*
 * Adds up some features of a node of several chunks.  A few rows at a time, so
 * that what is fetched of a row serves all of them.
 */
static void
sum_features(Grower *grower, const GrowNode *node, const GrowTotal *total,
			 const int32_t *features, int n)
{
	const GrowRow *rows = grower->rows + node->begin;
	const uint8_t *bytes[BATCH];
	uint32_t	begin;
	uint32_t	end;
	int			f;

	for (f = 0; f < n; f++)
	{
		bytes[f] = grow_feature_bytes(grower, node, features[f]);
		memset(grower->sums[f], 0, sizeof(grower->sums[f]));
	}
	for (begin = 0; begin < total->rows; begin = end)
	{
		uint32_t	at;

		end = total->rows - begin < grower->chunk_rows ? total->rows : begin + grower->chunk_rows;
		for (at = begin; at < end; at += BATCH_ROWS)
		{
			uint32_t	count = end - at < BATCH_ROWS ? end - at : BATCH_ROWS;

			for (f = 0; f + 1 < n; f += 2)
				add_pair(&grower->histograms[f], &grower->histograms[f + 1], bytes[f], bytes[f + 1],
						 rows + at, grower->words + at, count);
			if (f < n)
				add_words(&grower->histograms[f], bytes[f], rows + at, grower->words + at, count);
		}
		for (f = 0; f < n; f++)
		{
			uint64_t   *words = grower->histograms[f].words;
			GrowSum    *sums = grower->sums[f];
			int			n_codes = grower->matrix->n_bins[features[f]] + 1;
			int			code;

			for (code = 0; code < n_codes; code++)
			{
				uint64_t	word = words[code];

				sums[code].rows += (uint32_t) (word >> WORD_ROWS_SHIFT);
				sums[code].weight += (word >> WORD_WEIGHT_SHIFT) & WORD_MAX_WEIGHT;
				sums[code].sum += word & WORD_SUM_MASK;
				words[code] = 0;
			}
		}
	}
}

/*
 * The same for a node of any size, as sums; those of a node of several chunks
 * were added up before, in place `at`.
 */
static void
list_sums(Grower *grower, const GrowNode *node, const GrowTotal *total, int32_t feature, int at)
{
	const double *weights = grower->matrix->class_weights;
	const uint8_t *bytes = grow_feature_bytes(grower, node, feature);
	const GrowRow *rows = grower->rows + node->begin;
	GrowHistogram *histogram = &grower->histograms[0];
	GrowScan   *scan = &grower->scan;
	const GrowSum *sums = grower->sums[at];
	int			n_codes = grower->matrix->n_bins[feature] + 1;
	int			n = 0;
	int			code;

	if (grower->matrix->weights != NULL)
	{
		list_weighted(grower, node, feature);
		return;
	}
	if (!total->chunked)
	{
		add_one(histogram, bytes, rows, grower->words, total->rows);
		list_words(grower, histogram, total->rows, feature);
		scan_put_word(weights, scan->null_word, &scan->null_rows,
					  &scan->null_weight, &scan->null_sum);
		for (n = 0; n < scan->n; n++)
			scan_put_word(weights, scan->word[n], &scan->rows[n],
						  &scan->weight[n], &scan->sum[n]);
		return;
	}

	scan_put(weights, sums[0].rows, sums[0].weight, sums[0].sum,
			 &scan->null_rows, &scan->null_weight, &scan->null_sum);
	for (code = 1; code < n_codes; code++)
	{
		if (sums[code].rows == 0)
			continue;
		scan->code[n] = (uint8_t) code;
		scan_put(weights, sums[code].rows, sums[code].weight, sums[code].sum,
				 &scan->rows[n], &scan->weight[n], &scan->sum[n]);
		n++;
	}
	scan->n = n;
}

/*
 * Brings the bins of a category into the order of their mean target, which
 * for one sum makes the best set a first part of them (Fisher, JASA 53, 1958),
 * or brings a set to the front by chance.  NULL is a bin like the others here.
 */
static void
sort_scan(Grower *grower)
{
	GrowScan   *scan = &grower->scan;
	BinItem	items[CODES];
	BinItem	spare[CODES];
	GrowScan	copy;
	int			i;

	if (scan->null_rows > 0)
	{
		scan->code[scan->n] = BINS_NULL;
		scan->rows[scan->n] = scan->null_rows;
		scan->weight[scan->n] = scan->null_weight;
		scan->sum[scan->n] = scan->null_sum;
		scan->n++;
		scan->null_rows = 0;
	}
	for (i = 0; i < scan->n; i++)
	{
		items[i].key = scan->sum[i] / scan->weight[i];
		items[i].code = scan->code[i];
		items[i].at = (uint8_t) i;
	}
	grow_all_cuts(scan);
	if (grower->matrix->random_cuts)
		grow_draw_set(grower, items);
	bin_items_sort(items, spare, scan->n);
	memcpy(copy.rows, scan->rows, (size_t) scan->n * sizeof(scan->rows[0]));
	memcpy(copy.weight, scan->weight, (size_t) scan->n * sizeof(scan->weight[0]));
	memcpy(copy.sum, scan->sum, (size_t) scan->n * sizeof(scan->sum[0]));
	for (i = 0; i < scan->n; i++)
	{
		int			at = items[i].at;

		scan->code[i] = items[i].code;
		scan->rows[i] = copy.rows[at];
		scan->weight[i] = copy.weight[at];
		scan->sum[i] = copy.sum[at];
	}
}

/*
 * Scores of passing the first bins up to each, and NULLs too when their sums
 * are given: what the split takes off the squared error, times the weight of
 * the node.
 */
static inline void
score_pairs(const double *weight, const double *sum, int begin, int end,
			double more_weight, double more_sum,
			double total_weight, double total_sum, double *score)
{
	int			i;

	for (i = begin; i < end; i++)
	{
		double		w = weight[i] + more_weight;
		double		difference = (sum[i] + more_sum) * total_weight - total_sum * w;

		score[i] = difference * difference / (w * (total_weight - w));
	}
}

/*
 * Finds the best place among the first bins at which at least min_leaf rows
 * pass and fail; more_rows pass or fail besides.
 */
static inline void
search_pairs(Grower *grower, const GrowTotal *total, int32_t feature, bool null_passes)
{
	GrowScan   *scan = &grower->scan;
	int64_t		min_leaf = grower->matrix->min_leaf;
	uint32_t	more_rows = null_passes ? scan->null_rows : 0;
	int			begin = scan->begin;
	int			end = scan->end;
	double		best = grower->best.score;
	int			best_at = -1;
	int			i;

	while (begin < end && (int64_t) scan->rows[begin] + more_rows < min_leaf)
		begin++;
	while (end > begin &&
		   (int64_t) total->rows - scan->rows[end - 1] - more_rows < min_leaf)
		end--;
	score_pairs(scan->weight, scan->sum, begin, end,
				null_passes ? scan->null_weight : 0, null_passes ? scan->null_sum : 0,
				total->weight, total->sum, scan->score);
	for (i = begin; i < end; i++)
	{
		if (scan->score[i] > best &&
			grow_both_weigh(total, scan->weight[i] + (null_passes ? scan->null_weight : 0)))
		{
			best = scan->score[i];
			best_at = i;
		}
	}
	if (best_at >= 0)
		grow_take_split(grower, feature, best, best_at, scan->rows[best_at] + more_rows,
				   null_passes, scan->null_rows > 0);
}

/*
 * The same on words, which most nodes come down to: numbers, one chunk, no
 * class weights.
 */
static inline void
search_words(Grower *grower, const GrowTotal *total, int32_t feature, bool null_passes)
{
	const GrowScan *scan = &grower->scan;
	int64_t		min_leaf = grower->matrix->min_leaf;
	int64_t		max_rows = (int64_t) total->rows - min_leaf;
	uint64_t	word = null_passes ? scan->null_word : 0;
	double		best = grower->best.score;
	int64_t		best_rows = 0;
	int			best_at = -1;
	int			i;

	for (i = 0; i < scan->n; i++)
	{
		int64_t		rows;
		double		weight;
		double		difference;
		double		score;

		word += scan->word[i];
		rows = (int64_t) (word >> WORD_ROWS_SHIFT);
		if (rows < min_leaf)
			continue;
		if (rows > max_rows)
			break;
		weight = (double) (int32_t) ((word >> WORD_WEIGHT_SHIFT) & WORD_MAX_WEIGHT);
		difference = (double) (int64_t) (word & WORD_SUM_MASK) * total->weight -
			total->sum * weight;
		score = difference * difference / (weight * (total->weight - weight));
		if (score > best)
		{
			best = score;
			best_rows = rows;
			best_at = i;
		}
	}
	if (best_at >= 0)
		grow_take_split(grower, feature, best, best_at, (uint32_t) best_rows, null_passes,
				   scan->null_word != 0);
}

/* Whether a feature of the node can be searched on words. */
static inline bool
has_words(const Grower *grower, const GrowTotal *total, int32_t feature)
{
	return grower->pairs && !total->chunked && grower->matrix->class_weights == NULL &&
		grower->matrix->weights == NULL && !grower->matrix->random_cuts &&
		grower->matrix->kinds[feature] == FOREST_NUMBER;
}

/* Searches a histogram of words; false when the feature is constant. */
static bool
try_words(Grower *grower, GrowHistogram *histogram, const GrowTotal *total, int32_t feature)
{
	GrowScan   *scan = &grower->scan;

	list_words(grower, histogram, total->rows, feature);
	grow_all_cuts(scan);
	if (scan->n + (scan->null_word != 0) < 2)
		return false;
	search_words(grower, total, feature, false);
	if (scan->null_word != 0)
		search_words(grower, total, feature, true);
	return true;
}

/* Tries a feature; false when it is constant in the node. */
static bool
try_feature(Grower *grower, const GrowNode *node, const GrowTotal *total,
			int32_t feature, int at)
{
	const GrowMatrix *matrix = grower->matrix;
	GrowScan   *scan = &grower->scan;
	int			i;

	if (has_words(grower, total, feature))
	{
		add_one(&grower->histograms[0], grow_feature_bytes(grower, node, feature),
				grower->rows + node->begin, grower->words, total->rows);
		return try_words(grower, &grower->histograms[0], total, feature);
	}

	list_sums(grower, node, total, feature, at);
	if (scan->n + (scan->null_rows > 0) < 2)
		return false;
	if (matrix->kinds[feature] == FOREST_CATEGORY)
		sort_scan(grower);
	else if (matrix->random_cuts)
		grow_draw_cut(grower);
	else
		grow_all_cuts(scan);
	for (i = 1; i < scan->n; i++)
	{
		scan->rows[i] += scan->rows[i - 1];
		scan->weight[i] += scan->weight[i - 1];
		scan->sum[i] += scan->sum[i - 1];
	}
	search_pairs(grower, total, feature, false);
	if (scan->null_rows > 0)
		search_pairs(grower, total, feature, true);
	return true;
}

/* Whether the features of a node are added up several at a time. */
static inline bool
in_batches(const Grower *grower, const GrowTotal *total)
{
	return total->chunked && grower->matrix->weights == NULL;
}

int
grow_batch_of(const Grower *grower, const GrowTotal *total, const int32_t *features, int n)
{
	if (in_batches(grower, total))
		return n < BATCH ? n : BATCH;
	return n > 1 && has_words(grower, total, features[0]) &&
		has_words(grower, total, features[1]) ? 2 : 1;
}

void
grow_try_pairs(Grower *grower, const GrowNode *node, const GrowTotal *total,
			   const int32_t *features, int n, bool *varies)
{
	int			f;

	if (in_batches(grower, total))
	{
		sum_features(grower, node, total, features, n);
		for (f = 0; f < n; f++)
			varies[f] = try_feature(grower, node, total, features[f], f);
	}
	else if (n == 2)
	{
		add_two(&grower->histograms[0], &grower->histograms[1],
				grow_feature_bytes(grower, node, features[0]),
				grow_feature_bytes(grower, node, features[1]),
				grower->rows + node->begin, grower->words, total->rows);
		varies[0] = try_words(grower, &grower->histograms[0], total, features[0]);
		varies[1] = try_words(grower, &grower->histograms[1], total, features[1]);
	}
	else
		varies[0] = try_feature(grower, node, total, features[0], 0);
}
