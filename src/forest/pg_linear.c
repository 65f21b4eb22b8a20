/*-------------------------------------------------------------------------
 *
 * pg_linear.c
 *	  What a linear model has learned, as rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "forest/linear.h"
#include "forest/pg_open.h"
#include "forest/pg_options.h"

static Datum
text_datum(ForestText text)
{
	return PointerGetDatum(cstring_to_text_with_len(text.data, text.size));
}

PG_FUNCTION_INFO_V1(promo_coefficients);

/*
 * coefficients(forest) returns table (class text, feature text, category text,
 * is_null boolean, coefficient float8, standardized float8)
 */
Datum
promo_coefficients(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result;
	const Forest *forest;
	LinearReader reader;
	LinearCoefficient coefficient;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	forest = &open_forest(fcinfo)->forest;
	if (!linear_is(forest->algorithm))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("forest has no coefficients"),
				 errdetail("Its algorithm is %s.", options_algorithm_name(forest->algorithm)),
				 errhint("importance() says which features matter, and tree() what a tree asks.")));
	linear_reader_start(&reader, forest);
	while (linear_reader_next(&reader, &coefficient))
	{
		Datum		values[6] = {0};
		bool		nulls[6] = {false};

		CHECK_FOR_INTERRUPTS();
		nulls[0] = coefficient.class < 0;
		if (!nulls[0])
			values[0] = text_datum(forest_class_name(forest, (uint32) coefficient.class));
		nulls[1] = coefficient.feature < 0;
		if (!nulls[1])
			values[1] = text_datum(forest_feature_name(forest, (uint32) coefficient.feature));
		nulls[2] = coefficient.category.data == NULL;
		if (!nulls[2])
			values[2] = text_datum(coefficient.category);
		values[3] = BoolGetDatum(coefficient.is_null);
		values[4] = Float8GetDatum(coefficient.coefficient);
		values[5] = Float8GetDatum(coefficient.standardized);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
