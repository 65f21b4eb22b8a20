/*-------------------------------------------------------------------------
 *
 * pg_measure.c
 *	  cosine and jaccard.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

/*
 * The numbers of a vector, none NULL, and the largest magnitude among them,
 * by which they are divided later so that no square can overflow.
 */
static const float8 *
vector_numbers(ArrayType *array, int *count, float8 *largest)
{
	const float8 *numbers = (const float8 *) ARR_DATA_PTR(array);
	int			i;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("a vector must be an array of one dimension")));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a vector must not contain nulls")));
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	*largest = 0;
	for (i = 0; i < *count; i++)
	{
		if (!isfinite(numbers[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a vector must contain only finite numbers")));
		*largest = Max(*largest, fabs(numbers[i]));
	}
	return numbers;
}

PG_FUNCTION_INFO_V1(promo_cosine);

/*
 * cosine(a float8[], b float8[]) returns float8
 */
Datum
promo_cosine(PG_FUNCTION_ARGS)
{
	int			count;
	int			other_count;
	float8		a_largest;
	float8		b_largest;
	const float8 *a = vector_numbers(PG_GETARG_ARRAYTYPE_P(0), &count, &a_largest);
	const float8 *b = vector_numbers(PG_GETARG_ARRAYTYPE_P(1), &other_count, &b_largest);
	float8		product = 0;
	float8		a_square = 0;
	float8		b_square = 0;
	int			i;

	if (count != other_count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("vectors must have the same number of elements"),
				 errdetail("They have %d and %d.", count, other_count)));
	if (a_largest == 0 || b_largest == 0)
		PG_RETURN_NULL();
	for (i = 0; i < count; i++)
	{
		float8		x = a[i] / a_largest;
		float8		y = b[i] / b_largest;

		product += x * y;
		a_square += x * x;
		b_square += y * y;
	}
	product /= sqrt(a_square) * sqrt(b_square);
	PG_RETURN_FLOAT8(Min(Max(product, -1.0), 1.0));
}

typedef struct ElementOrder
{
	FmgrInfo   *compare;
	Oid			collation;
} ElementOrder;

static int
compare_elements(const void *a, const void *b, void *arg)
{
	const ElementOrder *order = arg;

	CHECK_FOR_INTERRUPTS();
	return DatumGetInt32(FunctionCall2Coll(order->compare, order->collation,
										   *(const Datum *) a, *(const Datum *) b));
}

/* The elements of a set, sorted, each once and without NULLs */
static Datum *
set_elements(ArrayType *array, const TypeCacheEntry *type, ElementOrder *order, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	int			given;
	int			kept = 0;
	int			i;

	deconstruct_array(array, type->type_id, type->typlen, type->typbyval, type->typalign,
					  &elements, &nulls, &given);
	for (i = 0; i < given; i++)
		if (!nulls[i])
			elements[kept++] = elements[i];
	given = kept;
	kept = 0;
	qsort_arg(elements, given, sizeof(Datum), compare_elements, order);
	for (i = 0; i < given; i++)
		if (kept == 0 || compare_elements(&elements[kept - 1], &elements[i], order) != 0)
			elements[kept++] = elements[i];
	*count = kept;
	return elements;
}

PG_FUNCTION_INFO_V1(promo_jaccard);

/*
 * jaccard(a anyarray, b anyarray) returns float8
 */
Datum
promo_jaccard(PG_FUNCTION_ARGS)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *b = PG_GETARG_ARRAYTYPE_P(1);
	TypeCacheEntry *type = fcinfo->flinfo->fn_extra;
	ElementOrder order;
	Datum	   *left;
	Datum	   *right;
	int			left_count;
	int			right_count;
	int			shared = 0;
	int			i = 0;
	int			j = 0;

	if (type == NULL || type->type_id != ARR_ELEMTYPE(a))
	{
		type = lookup_type_cache(ARR_ELEMTYPE(a), TYPECACHE_CMP_PROC_FINFO);
		if (!OidIsValid(type->cmp_proc_finfo.fn_oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("could not identify a comparison function for type %s",
							format_type_be(type->type_id))));
		fcinfo->flinfo->fn_extra = type;
	}
	order.compare = &type->cmp_proc_finfo;
	order.collation = PG_GET_COLLATION();
	left = set_elements(a, type, &order, &left_count);
	right = set_elements(b, type, &order, &right_count);
	if (left_count + right_count == 0)
		PG_RETURN_NULL();
	while (i < left_count && j < right_count)
	{
		int			result = compare_elements(&left[i], &right[j], &order);

		shared += result == 0;
		i += result <= 0;
		j += result >= 0;
	}
	PG_RETURN_FLOAT8((float8) shared / (left_count + right_count - shared));
}
