/*-------------------------------------------------------------------------
 *
 * linear_model.c
 *	  What a linear model says of a row, and of itself.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/linear.h"

#include <float.h>
#include <math.h>

static inline double
coefficient_at(const Grove *grove, uint64_t i)
{
	return number_double(grove->coefficients[i]);
}

/* Coefficients that stand for a feature in front of the margins */
static inline uint32_t
front_of(const Forest *forest, uint32_t feature)
{
	return forest_feature_kind(forest, feature) == FOREST_NUMBER ? LINEAR_SCALE : 1;
}

/* Coefficients of a feature in each margin; `front` is where its front is. */
static inline uint32_t
width_of(const Forest *forest, const Grove *grove, uint32_t feature, uint32_t front)
{
	return forest_feature_kind(forest, feature) == FOREST_NUMBER ? LINEAR_NUMBER :
		(uint32_t) coefficient_at(grove, front);
}

/* Where the margins begin, and how long each is */
static uint32_t
margins_begin(const Forest *forest, const Grove *grove, uint32_t *width)
{
	uint32_t	front = 0;
	uint32_t	f;

	*width = 0;
	for (f = 0; f < forest->n_features; f++)
	{
		*width += width_of(forest, grove, f, front);
		front += front_of(forest, f);
	}
	return front;
}

static LinearScale
scale_at(const Grove *grove, uint32_t front)
{
	LinearScale scale;

	scale.low = coefficient_at(grove, front);
	scale.high = coefficient_at(grove, front + 1);
	scale.center = coefficient_at(grove, front + 2);
	scale.spread = coefficient_at(grove, front + 3);
	return scale;
}

bool
linear_check(const Forest *forest, const Grove *grove)
{
	uint64_t	front = 0;
	uint64_t	width = 0;
	uint32_t	n = grove->header->n_coefficients;
	uint32_t	f;
	uint32_t	i;

	for (i = 0; i < n; i++)
		if (!isfinite(coefficient_at(grove, i)))
			return false;
	for (f = 0; f < forest->n_features; f++)
	{
		if (n - front < front_of(forest, f))
			return false;
		if (forest_feature_kind(forest, f) == FOREST_NUMBER)
		{
			LinearScale scale = scale_at(grove, (uint32_t) front);

			if (!(scale.low <= scale.high) || !(scale.spread >= 0))
				return false;
			width += LINEAR_NUMBER;
		}
		else
		{
			if (coefficient_at(grove, front) != model_bins(forest, grove, f) + 1.0)
				return false;
			width += model_bins(forest, grove, f) + 1;
		}
		front += front_of(forest, f);
	}
	return front + width * grove->header->n_bases == n;
}

void
linear_bin_row(const Forest *forest, const Grove *grove, const ForestValue *values,
			   uint8_t *row)
{
	uint32_t	front = 0;
	uint32_t	f;

	for (f = 0; f < forest->n_features; f++)
	{
		double		value;

		if (forest_feature_kind(forest, f) == FOREST_NUMBER)
		{
			LinearScale scale = scale_at(grove, front);

			value = linear_standard(&scale, values[f].number);
		}
		else
			value = values[f].category.data == NULL ? BINS_NULL :
				model_category_bin(grove, f, values[f].category);
		memcpy(row + f * sizeof(value), &value, sizeof(value));
		front += front_of(forest, f);
	}
}

/* What a feature adds to a margin whose coefficients of it begin at `at` */
static inline double
added(const Forest *forest, const Grove *grove, uint32_t feature, const uint8_t *row,
	  uint32_t at)
{
	double		value;

	memcpy(&value, row + feature * sizeof(value), sizeof(value));
	if (forest_feature_kind(forest, feature) == FOREST_CATEGORY)
		return coefficient_at(grove, at + (uint32_t) value);
	if (value != value)
		return coefficient_at(grove, at + 2);
	return coefficient_at(grove, at) * value + coefficient_at(grove, at + 1);
}

/* No number is too large for a prediction, and none is NaN. */
static inline double
within_doubles(double number)
{
	if (number > DBL_MAX)
		return DBL_MAX;
	if (number < -DBL_MAX)
		return -DBL_MAX;
	return number == number ? number : 0;
}

void
linear_add(const Forest *forest, const Grove *grove, const uint8_t *row, double *margins)
{
	double		scale = number_double(grove->header->scale);
	uint32_t	width;
	uint32_t	at = margins_begin(forest, grove, &width);
	uint32_t	m;
	uint32_t	f;

	for (m = 0; m < grove->header->n_bases; m++)
	{
		double		sum = 0;
		uint32_t	front = 0;

		for (f = 0; f < forest->n_features; f++)
		{
			sum += added(forest, grove, f, row, at);
			at += width_of(forest, grove, f, front);
			front += front_of(forest, f);
		}
		margins[m] = within_doubles(margins[m] + scale * sum);
	}
}

void
linear_explain(const Forest *forest, const Grove *grove, const uint8_t *row,
			   uint32_t m, double factor, double *contributions)
{
	double		scale = number_double(grove->header->scale);
	uint32_t	width;
	uint32_t	at = margins_begin(forest, grove, &width);
	uint32_t	front = 0;
	uint32_t	f;

	at += m * width;
	for (f = 0; f < forest->n_features; f++)
	{
		contributions[f] += factor * within_doubles(scale * added(forest, grove, f, row, at));
		at += width_of(forest, grove, f, front);
		front += front_of(forest, f);
	}
}

/*
 * Reading coefficients
 */

static void
start_margin(LinearReader *reader, uint32_t m)
{
	uint32_t	width;
	uint32_t	begin = margins_begin(reader->forest, &reader->grove, &width);

	reader->margin = m;
	reader->feature = -1;
	reader->step = 0;
	reader->front = 0;
	reader->at = begin + m * width;
}

void
linear_reader_start(LinearReader *reader, const Forest *forest)
{
	reader->forest = forest;
	reader->grove = model_first_grove(forest);
	start_margin(reader, 0);
}

/* The margin where all numbers are 0 and no category adds anything */
static double
intercept(const LinearReader *reader)
{
	const Forest *forest = reader->forest;
	const Grove *grove = &reader->grove;
	double		sum = 0;
	uint32_t	front = 0;
	uint32_t	at = reader->at;
	uint32_t	f;

	for (f = 0; f < forest->n_features; f++)
	{
		if (forest_feature_kind(forest, f) == FOREST_NUMBER)
		{
			LinearScale scale = scale_at(grove, front);

			sum += coefficient_at(grove, at + 1);
			if (scale.spread > 0)
				sum -= coefficient_at(grove, at) * (scale.center / scale.spread);
		}
		at += width_of(forest, grove, f, front);
		front += front_of(forest, f);
	}
	return number_double(grove->bases[reader->margin]) +
		number_double(grove->header->scale) * sum;
}

/*
 * The coefficient of the reader's step in its feature: of a number first
 * itself, then its NULL; of a category first its NULL, then its names.  False
 * behind the last of the feature; *given is false where a step has none.
 */
static bool
read_step(LinearReader *reader, LinearCoefficient *coefficient, bool *given)
{
	const Grove *grove = &reader->grove;
	uint32_t	feature = (uint32_t) reader->feature;
	double		unit = number_double(grove->header->scale);
	uint32_t	step = reader->step++;
	uint32_t	at = reader->at;

	*given = true;
	coefficient->category.data = NULL;
	coefficient->category.size = 0;
	coefficient->is_null = false;
	if (forest_feature_kind(reader->forest, feature) == FOREST_NUMBER)
	{
		LinearScale scale = scale_at(grove, reader->front);
		double		weight = coefficient_at(grove, at);
		double		flag = coefficient_at(grove, at + 2) - coefficient_at(grove, at + 1);

		if (step == 0)
		{
			coefficient->standardized = unit * weight;
			coefficient->coefficient = scale.spread > 0 ? unit * (weight / scale.spread) : 0;
			return true;
		}
		coefficient->is_null = true;
		coefficient->standardized = unit * flag;
		coefficient->coefficient = unit *
			(scale.spread > 0 ? flag + weight * (scale.center / scale.spread) : flag);
		*given = flag != 0;
		return step == 1;
	}
	else
	{
		GroveCategories categories = model_categories(grove, feature);

		if (step > categories.n)
			return false;
		coefficient->is_null = step == 0;
		if (step > 0)
		{
			coefficient->category = model_category(&categories, step - 1);
			at += categories.codes[step - 1];
		}
		coefficient->coefficient = coefficient->standardized = unit * coefficient_at(grove, at);
		*given = step > 0 || coefficient->coefficient != 0;
		return true;
	}
}

bool
linear_reader_next(LinearReader *reader, LinearCoefficient *coefficient)
{
	const Forest *forest = reader->forest;
	uint32_t	n_margins = reader->grove.header->n_bases;

	for (;;)
	{
		bool		given;

		if (reader->margin == n_margins)
			return false;
		coefficient->class = forest->link == FOREST_LOGIT ? 1 : (int64_t) reader->margin;
		if (forest->n_classes == 0)
			coefficient->class = -1;
		coefficient->feature = reader->feature;
		if (reader->feature < 0)
		{
			coefficient->category.data = NULL;
			coefficient->category.size = 0;
			coefficient->is_null = false;
			coefficient->coefficient = intercept(reader);
			coefficient->standardized = number_double(reader->grove.bases[reader->margin]);
			reader->feature = 0;
			return true;
		}
		if (read_step(reader, coefficient, &given))
		{
			if (given)
				return true;
			continue;
		}
		reader->at += width_of(forest, &reader->grove, (uint32_t) reader->feature, reader->front);
		reader->front += front_of(forest, (uint32_t) reader->feature);
		reader->step = 0;
		if (++reader->feature == forest->n_features)
		{
			reader->margin++;
			if (reader->margin < n_margins)
				start_margin(reader, reader->margin);
		}
	}
}
