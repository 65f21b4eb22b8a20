/*-------------------------------------------------------------------------
 *
 * metrics.c
 *	  How well predictions meet what happened.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "forest/metrics.h"

/* Regression */

void
regression_add(Regression *sums, double actual, double predicted)
{
	double		error = actual - predicted;
	double		away = actual - sums->mean;

	sums->n++;
	sums->mean += away / (double) sums->n;
	sums->spread += away * (actual - sums->mean);
	sums->squared += error * error;
	sums->absolute += fabs(error);
}

void
regression_merge(Regression *sums, const Regression *other)
{
	double		n = (double) sums->n;
	double		m = (double) other->n;
	double		away = other->mean - sums->mean;

	if (other->n == 0)
		return;
	sums->n += other->n;
	sums->mean += away * (m / (n + m));
	sums->spread += other->spread + away * away * (n * m / (n + m));
	sums->squared += other->squared;
	sums->absolute += other->absolute;
}

void
regression_report(const Regression *sums, RegressionReport *report)
{
	report->n = sums->n;
	report->mse = sums->squared / (double) sums->n;
	report->rmse = sqrt(report->mse);
	report->mae = sums->absolute / (double) sums->n;
	report->r2 = sums->spread > 0 ? 1 - sums->squared / sums->spread : NAN;
}

/* Classification */

void
scores_start(Scores *scores, uint32_t room, double threshold)
{
	memset(scores, 0, offsetof(Scores, score));
	scores->room = room;
	scores->threshold = threshold;
}

bool
scores_valid(const Scores *scores, size_t size)
{
	return size >= offsetof(Scores, score) &&
		size == scores_size(scores->room) &&
		(uint64_t) scores->trues + scores->falses <= scores->room;
}

bool
scores_add(Scores *scores, bool actual, double score)
{
	if (scores->room - scores->trues - scores->falses == 0)
		return false;
	score += 0.0;				/* -0 ties with 0 */
	if (actual)
		scores->score[scores->trues++] = score;
	else
		scores->score[scores->room - ++scores->falses] = score;
	return true;
}

void
scores_merge(Scores *scores, const Scores *other)
{
	memcpy(scores->score + scores->trues, other->score,
		   sizeof(double) * other->trues);
	scores->trues += other->trues;
	scores->falses += other->falses;
	memcpy(scores->score + (scores->room - scores->falses),
		   other->score + (other->room - other->falses),
		   sizeof(double) * other->falses);
}

/* Bits that sort as unsigned numbers like the doubles they stand for */
static inline uint64_t
sortable(double value)
{
	uint64_t	bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits ^ (-(bits >> 63) | UINT64_C(0x8000000000000000));
}

static inline double
unsortable(uint64_t bits)
{
	double		value;

	bits ^= ((bits >> 63) - 1) | UINT64_C(0x8000000000000000);
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/*
 * A sorted copy, ascending: radix sort by bytes, which leaves out the bytes
 * that are equal in all numbers.  NULL when memory or leave is missing.
 */
static double *
sorted_copy(const double *values, size_t n, const Memory *memory)
{
	uint64_t   *from = memory_array(memory, n + 1, sizeof(uint64_t));
	uint64_t   *to = memory_array(memory, n + 1, sizeof(uint64_t));
	size_t		start[257];
	size_t		i;
	int			shift;

	if (from == NULL || to == NULL)
	{
		memory_release(memory, from);
		memory_release(memory, to);
		return NULL;
	}
	for (i = 0; i < n; i++)
		from[i] = sortable(values[i]);
	for (shift = 0; shift < 64; shift += 8)
	{
		uint64_t   *swap = from;

		if (!memory->may_go_on(memory->arg))
		{
			memory_release(memory, from);
			memory_release(memory, to);
			return NULL;
		}
		memset(start, 0, sizeof(start));
		for (i = 0; i < n; i++)
			start[((from[i] >> shift) & 255) + 1]++;
		if (n == 0 || start[((from[0] >> shift) & 255) + 1] == n)
			continue;
		for (i = 0; i < 256; i++)
			start[i + 1] += start[i];
		for (i = 0; i < n; i++)
			to[start[(from[i] >> shift) & 255]++] = from[i];
		from = to;
		to = swap;
	}
	memory_release(memory, to);
	for (i = 0; i < n; i++)
	{
		double		value = unsortable(from[i]);

		memcpy(&from[i], &value, sizeof(value));
	}
	return (double *) from;
}

/* Both areas under curves, from the highest score down. */
static void
report_curves(const double *trues, size_t n_true,
			  const double *falses, size_t n_false,
			  ClassificationReport *report)
{
	size_t		t = n_true;		/* rows below the scores seen so far */
	size_t		f = n_false;
	uint64_t	twice_wins = 0; /* below 2^63 for 2^31 rows of each */
	double		average_precision = 0;

	while (t > 0 || f > 0)
	{
		double		score = f == 0 || (t > 0 && trues[t - 1] >= falses[f - 1]) ?
			trues[t - 1] : falses[f - 1];
		size_t		t_below = t;
		size_t		f_below = f;

		while (t_below > 0 && trues[t_below - 1] == score)
			t_below--;
		while (f_below > 0 && falses[f_below - 1] == score)
			f_below--;
		if (t > t_below)
		{
			double		hits = (double) (n_true - t_below);

			twice_wins += (uint64_t) (t - t_below) * (2 * (uint64_t) f_below + (f - f_below));
			average_precision += (double) (t - t_below) *
				(hits / (hits + (double) (n_false - f_below)));
		}
		t = t_below;
		f = f_below;
	}
	report->roc_auc = n_true > 0 && n_false > 0 ?
		(double) twice_wins / 2 / ((double) n_true * (double) n_false) : NAN;
	report->pr_auc = n_true > 0 ? average_precision / (double) n_true : NAN;
}

/*
 * Adds the losses of rows that are all true or all false, in their sorted
 * order, so that the sums do not depend on the order the rows came in.
 */
static void
report_losses(const double *scores, size_t n, bool actual,
			  ClassificationReport *report)
{
	const double least = 0x1.0p-52;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		double		chance = actual ? scores[i] : 1 - scores[i];

		report->brier += (1 - chance) * (1 - chance);
		chance = chance < least ? least : chance;
		chance = chance > 1 - least ? 1 - least : chance;
		report->log_loss -= log(chance);
	}
}

static int64_t
count_from(const double *sorted, size_t n, double threshold)
{
	size_t		low = 0;
	size_t		high = n;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (sorted[middle] >= threshold)
			high = middle;
		else
			low = middle + 1;
	}
	return (int64_t) (n - low);
}

static bool
are_probabilities(const double *sorted, size_t n)
{
	return n == 0 || (sorted[0] >= 0 && sorted[n - 1] <= 1);
}

bool
scores_report(const Scores *scores, const Memory *memory,
			  ClassificationReport *report)
{
	size_t		n_true = scores->trues;
	size_t		n_false = scores->falses;
	double		n = (double) n_true + (double) n_false;
	double	   *trues = sorted_copy(scores->score, n_true, memory);
	double	   *falses = trues == NULL ? NULL :
		sorted_copy(scores->score + (scores->room - n_false), n_false, memory);

	if (falses == NULL)
	{
		memory_release(memory, trues);
		return false;
	}
	memset(report, 0, sizeof(*report));
	report->n = (int64_t) (n_true + n_false);
	report->tp = count_from(trues, n_true, scores->threshold);
	report->fp = count_from(falses, n_false, scores->threshold);
	report->fn = (int64_t) n_true - report->tp;
	report->tn = (int64_t) n_false - report->fp;
	report->accuracy = (double) (report->tp + report->tn) / n;
	report->precision = report->tp + report->fp > 0 ?
		(double) report->tp / (double) (report->tp + report->fp) : NAN;
	report->recall = n_true > 0 ? (double) report->tp / (double) n_true : NAN;
	report->f1 = 2 * report->tp + report->fp + report->fn > 0 ?
		2 * (double) report->tp / (double) (2 * report->tp + report->fp + report->fn) : NAN;
	report_curves(trues, n_true, falses, n_false, report);
	if (are_probabilities(trues, n_true) && are_probabilities(falses, n_false))
	{
		report_losses(trues, n_true, true, report);
		report_losses(falses, n_false, false, report);
		report->brier /= n;
		report->log_loss /= n;
	}
	else
		report->brier = report->log_loss = NAN;
	memory_release(memory, trues);
	memory_release(memory, falses);
	return true;
}

/*
 * Classes
 *
 * After the Confusion stand its slots, each 0 or 1 plus the place of a cell,
 * then the cells: a CellHead, the two names, and zeros up to a multiple of 8.
 */
typedef struct CellHead
{
	int64_t		count;
	uint32_t	actual_size;
	uint32_t	predicted_size;
} CellHead;

static inline uint32_t *
confusion_slots(const Confusion *confusion)
{
	return (uint32_t *) (confusion + 1);
}

static inline char *
confusion_cells(const Confusion *confusion)
{
	return (char *) (confusion_slots(confusion) + confusion->slots);
}

/* Bytes of a cell; more than any room where it is too large. */
static inline uint64_t
cell_size(uint32_t actual_size, uint32_t predicted_size)
{
	return (sizeof(CellHead) + (uint64_t) actual_size + predicted_size + 7) & ~UINT64_C(7);
}

void
confusion_start(Confusion *confusion, uint32_t slots, uint32_t room)
{
	memset(confusion, 0, confusion_size(slots, room));
	confusion->slots = slots;
	confusion->room = room;
}

bool
confusion_valid(const Confusion *confusion, size_t size)
{
	return size >= sizeof(Confusion) &&
		confusion->slots >= 2 &&
		(confusion->slots & (confusion->slots - 1)) == 0 &&
		confusion->cells < confusion->slots &&
		confusion->used <= confusion->room &&
		confusion->room % 8 == 0 &&
		size == confusion_size(confusion->slots, confusion->room);
}

bool
confusion_next(const Confusion *confusion, uint32_t *at, ConfusionCell *cell)
{
	char	   *place = confusion_cells(confusion) + *at;
	CellHead	head;
	uint64_t	size;

	if (*at > confusion->used || confusion->used - *at < sizeof(CellHead))
		return false;
	memcpy(&head, place, sizeof(head));
	size = cell_size(head.actual_size, head.predicted_size);
	if (size > confusion->used - *at || head.count < 0)
		return false;
	cell->actual = place + sizeof(CellHead);
	cell->actual_size = head.actual_size;
	cell->predicted = cell->actual + head.actual_size;
	cell->predicted_size = head.predicted_size;
	cell->count = head.count;
	*at += (uint32_t) size;
	return true;
}

bool
confusion_add(Confusion *confusion, const ConfusionCell *cell)
{
	uint32_t   *slots = confusion_slots(confusion);
	uint64_t	size = cell_size(cell->actual_size, cell->predicted_size);
	CellHead	head;
	char	   *place;
	uint32_t	slot;
	uint32_t	tries;

	slot = (uint32_t) (hash_keyed(cell->actual, cell->actual_size, 0, 0) +
					   3 * hash_keyed(cell->predicted, cell->predicted_size, 0, 0));
	for (tries = 0; tries < confusion->slots; tries++, slot++)
	{
		ConfusionCell found;
		uint32_t	at;

		slot &= confusion->slots - 1;
		if (slots[slot] == 0)
			break;
		at = slots[slot] - 1;
		if (at % 8 != 0 || !confusion_next(confusion, &at, &found))
			continue;
		if (found.actual_size != cell->actual_size ||
			found.predicted_size != cell->predicted_size ||
			memcmp(found.actual, cell->actual, cell->actual_size) != 0 ||
			memcmp(found.predicted, cell->predicted, cell->predicted_size) != 0)
			continue;
		found.count = (int64_t) ((uint64_t) found.count + (uint64_t) cell->count);
		memcpy(confusion_cells(confusion) + (slots[slot] - 1), &found.count,
			   sizeof(found.count));
		return true;
	}

	/* A quarter of the slots stays free, so that a search ends soon. */
	if (tries == confusion->slots || size > confusion->room - confusion->used ||
		confusion->cells + 1 > confusion->slots / 4 * 3)
		return false;
	place = confusion_cells(confusion) + confusion->used;
	head.count = cell->count;
	head.actual_size = cell->actual_size;
	head.predicted_size = cell->predicted_size;
	memcpy(place, &head, sizeof(head));
	memcpy(place + sizeof(head), cell->actual, cell->actual_size);
	memcpy(place + sizeof(head) + cell->actual_size, cell->predicted,
		   cell->predicted_size);
	slots[slot] = confusion->used + 1;
	confusion->used += (uint32_t) size;
	confusion->cells++;
	return true;
}

bool
confusion_larger(const Confusion *confusion, const ConfusionCell *cell,
				 uint32_t *slots, uint32_t *room)
{
	uint64_t	want_room = 2 * ((uint64_t) confusion->used +
								 cell_size(cell->actual_size, cell->predicted_size));
	uint64_t	want_slots = 8;

	while (want_slots / 2 < (uint64_t) confusion->cells + 1)
		want_slots *= 2;
	if (want_slots > UINT32_MAX / 8 || want_room > UINT32_MAX / 2)
		return false;
	*slots = (uint32_t) want_slots;
	*room = (uint32_t) want_room;
	return true;
}

static int
compare_names(const char *a, uint32_t a_size, const char *b, uint32_t b_size)
{
	int			order = memcmp(a, b, a_size < b_size ? a_size : b_size);

	return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static int
compare_cells(const void *a, const void *b)
{
	const ConfusionCell *x = a;
	const ConfusionCell *y = b;
	int			order = compare_names(x->actual, x->actual_size,
									  y->actual, y->actual_size);

	return order != 0 ? order : compare_names(x->predicted, x->predicted_size,
											  y->predicted, y->predicted_size);
}

/* What one side of a cell adds to the figures of its class */
typedef struct ClassSide
{
	const char *name;
	uint32_t	size;
	uint64_t	named;			/* times actual plus times predicted */
	uint64_t	hit;
} ClassSide;

static int
compare_sides(const void *a, const void *b)
{
	const ClassSide *x = a;
	const ClassSide *y = b;

	return compare_names(x->name, x->size, y->name, y->size);
}

/* F1 of a class is twice its hits over the times it was actual or predicted. */
static bool
report_macro_f1(const Memory *memory, ConfusionReport *report)
{
	ClassSide  *sides = memory_array(memory, 2 * (size_t) report->cells + 1,
									 sizeof(ClassSide));
	size_t		count = 0;
	size_t		classes = 0;
	double		sum = 0;
	size_t		i;

	if (sides == NULL)
		return false;
	for (i = 0; i < report->cells; i++)
	{
		const ConfusionCell *cell = &report->cell[i];
		bool		hit = compare_names(cell->actual, cell->actual_size,
										cell->predicted, cell->predicted_size) == 0;

		sides[count++] = (ClassSide) {cell->actual, cell->actual_size,
			(uint64_t) cell->count, hit ? (uint64_t) cell->count : 0};
		sides[count++] = (ClassSide) {cell->predicted, cell->predicted_size,
			(uint64_t) cell->count, 0};
	}
	qsort(sides, count, sizeof(ClassSide), compare_sides);
	for (i = 0; i < count; classes++)
	{
		const ClassSide *first = &sides[i];
		uint64_t	named = 0;
		uint64_t	hit = 0;

		for (; i < count && compare_sides(first, &sides[i]) == 0; i++)
		{
			named += sides[i].named;
			hit += sides[i].hit;
		}
		sum += named > 0 ? 2 * (double) hit / (double) named : 0;
	}
	report->macro_f1 = classes > 0 ? sum / (double) classes : NAN;
	memory_release(memory, sides);
	return true;
}

bool
confusion_report(const Confusion *confusion, const Memory *memory,
				 ConfusionReport *report)
{
	int64_t		hits = 0;
	uint32_t	at = 0;
	uint32_t	i;

	memset(report, 0, sizeof(*report));
	report->cell = memory_array(memory, (size_t) confusion->cells + 1,
								sizeof(ConfusionCell));
	if (report->cell == NULL)
		return false;
	while (report->cells < confusion->cells &&
		   confusion_next(confusion, &at, &report->cell[report->cells]))
		report->cells++;
	qsort(report->cell, report->cells, sizeof(ConfusionCell), compare_cells);
	for (i = 0; i < report->cells; i++)
	{
		const ConfusionCell *cell = &report->cell[i];

		report->n = (int64_t) ((uint64_t) report->n + (uint64_t) cell->count);
		if (compare_names(cell->actual, cell->actual_size,
						  cell->predicted, cell->predicted_size) == 0)
			hits = (int64_t) ((uint64_t) hits + (uint64_t) cell->count);
	}
	report->accuracy = report->n > 0 ? (double) hits / (double) report->n : NAN;
	if (!report_macro_f1(memory, report))
	{
		memory_release(memory, report->cell);
		report->cell = NULL;
		return false;
	}
	return true;
}
