/*-------------------------------------------------------------------------
 *
 * clean.c
 *	  What the cleaning functions compute.
 *
 *-------------------------------------------------------------------------
 */
#include "behavior/clean.h"

#include <math.h>
#include <string.h>

#include "core/hash.h"

/* Fewer values than this are sorted by insertion. */
#define SORT_SMALL 16

/* Values between two questions whether to go on. */
#define SORT_PATIENCE 65536

/* The second half of the hash key of samples: "insample". */
#define SAMPLE_DOMAIN UINT64_C(0x656c706d61736e69)

const char *const outlier_names[OUTLIER_METHODS] = {
	"tukey", "mad", "percentile", "log_tukey", "log_mad"
};

double
range_clip(double x, double low, double high)
{
	if (x < low)
		return low;
	if (x > high)
		return high;
	return x;
}

static void
insertion_sort(double *values, size_t count)
{
	size_t		i;

	for (i = 1; i < count; i++)
	{
		double		value = values[i];
		size_t		j = i;

		while (j > 0 && values[j - 1] > value)
		{
			values[j] = values[j - 1];
			j--;
		}
		values[j] = value;
	}
}

/* Lets the value at the root sink to its place in a heap of maxima. */
static void
heap_sink(double *heap, size_t root, size_t count)
{
	double		value = heap[root];

	while (2 * root + 1 < count)
	{
		size_t		child = 2 * root + 1;

		if (child + 1 < count && heap[child] < heap[child + 1])
			child++;
		if (heap[child] <= value)
			break;
		heap[root] = heap[child];
		root = child;
	}
	heap[root] = value;
}

static bool
heap_sort(const Memory *memory, double *values, size_t count)
{
	size_t		i;

	for (i = count / 2; i-- > 0;)
		heap_sink(values, i, count);
	for (i = count; i-- > 1;)
	{
		double		largest = values[0];

		values[0] = values[i];
		values[i] = largest;
		heap_sink(values, 0, i);
		if (i % SORT_PATIENCE == 0 && !memory->may_go_on(memory->arg))
			return false;
	}
	return true;
}

static double
median_of_three(double a, double b, double c)
{
	if (a > b)
	{
		double		swap = a;

		a = b;
		b = swap;
	}
	if (c <= a)
		return a;
	return c < b ? c : b;
}

/*
 * Quicksort that turns to heapsort where the halves stay uneven too often
 * (Musser, Introspective Sorting and Selection Algorithms, 1997).
 */
static bool
intro_sort(const Memory *memory, double *values, size_t count, int depth)
{
	while (count > SORT_SMALL)
	{
		double		pivot;
		size_t		left = 0;
		size_t		right = count - 1;

		if (depth-- == 0)
			return heap_sort(memory, values, count);
		if (count > SORT_PATIENCE && !memory->may_go_on(memory->arg))
			return false;

		pivot = median_of_three(values[0], values[count / 2], values[count - 1]);
		for (;;)
		{
			double		swap;

			while (values[left] < pivot)
				left++;
			while (values[right] > pivot)
				right--;
			if (left >= right)
				break;
			swap = values[left];
			values[left++] = values[right];
			values[right--] = swap;
		}

		/* Values before left are at most the pivot, the others at least. */
		if (left < count - left)
		{
			if (!intro_sort(memory, values, left, depth))
				return false;
			values += left;
			count -= left;
		}
		else
		{
			if (!intro_sort(memory, values + left, count - left, depth))
				return false;
			count = left;
		}
	}
	insertion_sort(values, count);
	return true;
}

bool
values_sort(const Memory *memory, double *values, size_t count)
{
	int			depth = 0;
	size_t		n;

	for (n = count; n > 1; n >>= 1)
		depth += 2;
	return intro_sort(memory, values, count, depth);
}

double
interpolate(double low, double high, double weight)
{
	double		distance = high - low;

	if (weight == 0 || low == high)
		return low;
	if (isfinite(distance))
		return low + weight * distance;
	return (1 - weight) * low + weight * high;
}

double
values_quantile(const double *sorted, size_t count, double share)
{
	double		place = share * (double) (count - 1);
	size_t		below = (size_t) place;

	if (below + 1 >= count)
		return sorted[count - 1];
	return interpolate(sorted[below], sorted[below + 1], place - (double) below);
}

double
values_mean(const double *sorted, size_t count)
{
	double		sum = 0;
	double		mean = 0;
	size_t		i;

	for (i = 0; i < count; i++)
		sum += sorted[i];
	if (isfinite(sum))
		return sum / (double) count;

	/* The sum of large values may overflow where their mean does not. */
	for (i = 0; i < count; i++)
		mean += sorted[i] / (double) count;
	return mean;
}

double
values_mode(const double *sorted, size_t count)
{
	double		mode = sorted[0];
	size_t		most = 0;
	size_t		first = 0;
	size_t		i;

	for (i = 1; i <= count; i++)
	{
		if (i < count && sorted[i] == sorted[first])
			continue;
		if (i - first > most)
		{
			most = i - first;
			mode = sorted[first];
		}
		first = i;
	}
	return mode;
}

/* Bounds on the scale that the values are on. */
static bool
plain_bounds(const Memory *memory, OutlierMethod method,
			 double *sorted, size_t count, double *low, double *high)
{
	double		q1;
	double		q3;
	double		median;
	double		reach;
	size_t		i;

	switch (method)
	{
		case OUTLIER_PERCENTILE:
			*low = values_quantile(sorted, count, 0.01);
			*high = values_quantile(sorted, count, 0.99);
			break;
		case OUTLIER_TUKEY:
		case OUTLIER_LOG_TUKEY:
			q1 = values_quantile(sorted, count, 0.25);
			q3 = values_quantile(sorted, count, 0.75);
			*low = q1 - 1.5 * (q3 - q1);
			*high = q3 + 1.5 * (q3 - q1);
			break;
		case OUTLIER_MAD:
		case OUTLIER_LOG_MAD:
			median = values_quantile(sorted, count, 0.5);
			for (i = 0; i < count; i++)
				sorted[i] = fabs(sorted[i] - median);
			if (!values_sort(memory, sorted, count))
				return false;
			reach = 3.5 * 1.4826 * values_quantile(sorted, count, 0.5);
			*low = median - reach;
			*high = median + reach;
			break;
	}
	return true;
}

bool
outlier_bounds(const Memory *memory, OutlierMethod method,
			   double *sorted, size_t count,
			   double *low, double *high, bool *stopped)
{
	bool		logs = method == OUTLIER_LOG_TUKEY || method == OUTLIER_LOG_MAD;
	size_t		i;

	*stopped = false;
	if (logs)
	{
		size_t		positive = count;

		while (positive > 0 && sorted[count - positive] <= 0)
			positive--;
		sorted += count - positive;
		count = positive;
		for (i = 0; i < count; i++)
			sorted[i] = log(sorted[i]);
	}
	if (count == 0)
		return false;
	if (!plain_bounds(memory, method, sorted, count, low, high))
	{
		*stopped = true;
		return false;
	}
	if (logs)
	{
		*low = exp(*low);
		*high = exp(*high);
	}
	return true;
}

void
summary_start(Summary *summary, int64_t total)
{
	memset(summary, 0, sizeof(*summary));
	summary->total = (double) total;
}

void
summary_add(Summary *summary, double x, int64_t count)
{
	double		before = summary->count;
	double		after = before + (double) count;
	double		share = (double) count / after;
	double		distance = x - summary->mean;
	int			i;

	/* The k-th value, from 0, is x for before <= k < after. */
	for (i = 0; i < 3; i++)
	{
		double		place = 0.25 * (i + 1) * (summary->total - 1);
		double		low = floor(place);

		if (low >= before && low < after)
			summary->below[i] = summary->quartile[i] = x;
		if (place > low && low + 1 >= before && low + 1 < after)
			summary->quartile[i] = interpolate(summary->below[i], x, place - low);
	}

	if (isfinite(distance))
		summary->mean += distance * share;
	else
		summary->mean += x * share - summary->mean * share;
	summary->squares += (double) count * distance * (x - summary->mean);
	summary->count = after;
}

double
summary_sd(const Summary *summary)
{
	return sqrt(summary->squares / (summary->count - 1));
}

double
sample_place(const void *key, size_t size, uint64_t seed)
{
	uint64_t	hash = hash_keyed(key, size, seed, SAMPLE_DOMAIN);

	return (double) (hash >> 11) * 0x1.0p-53;
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *
text_trim(const char *text, size_t *size)
{
	while (*size > 0 && is_blank(*text))
	{
		text++;
		(*size)--;
	}
	while (*size > 0 && is_blank(text[*size - 1]))
		(*size)--;
	return text;
}

bool
text_is_placeholder(const char *trimmed, size_t size)
{
	static const char *const placeholders[] = {
		"#n/a", "#null!", "(blank)", "(none)", "(null)", "(unknown)", "-", "--", "---",
		".", "...", "?", "??", "???", "<null>", "\\n", "empty", "missing", "n.a.",
		"n/a", "na", "nan", "nil", "no data", "none", "not available", "not set",
		"null", "tbd", "unbekannt", "undef", "undefined", "unknown", "unspecified", "xxx"
	};
	char		lower[16];
	size_t		i;

	if (size == 0 || size >= sizeof(lower))
		return false;
	for (i = 0; i < size; i++)
		lower[i] = trimmed[i] >= 'A' && trimmed[i] <= 'Z' ?
			(char) (trimmed[i] + ('a' - 'A')) : trimmed[i];
	lower[size] = '\0';
	if (strlen(lower) != size)
		return false;
	for (i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
		if (strcmp(lower, placeholders[i]) == 0)
			return true;
	return false;
}

/* The place after the digits that begin at a place. */
static size_t
skip_digits(const char *text, size_t size, size_t at)
{
	while (at < size && text[at] >= '0' && text[at] <= '9')
		at++;
	return at;
}

bool
text_is_number(const char *trimmed, size_t size)
{
	size_t		at = 0;
	size_t		whole;
	size_t		digits;

	if (at < size && (trimmed[at] == '+' || trimmed[at] == '-'))
		at++;
	whole = skip_digits(trimmed, size, at);
	digits = whole - at;
	at = whole;
	if (at < size && trimmed[at] == '.')
	{
		size_t		fraction = skip_digits(trimmed, size, at + 1);

		digits += fraction - (at + 1);
		at = fraction;
	}
	if (digits == 0)
		return false;
	if (at < size && (trimmed[at] == 'e' || trimmed[at] == 'E'))
	{
		size_t		exponent;

		at++;
		if (at < size && (trimmed[at] == '+' || trimmed[at] == '-'))
			at++;
		exponent = skip_digits(trimmed, size, at);
		if (exponent == at)
			return false;
		at = exponent;
	}
	return at == size;
}
