/*-------------------------------------------------------------------------
 *
 * pg_explain.c
 *	  Why a model predicts what it does: the parts of one prediction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "forest/pg_field.h"
#include "forest/pg_forest.h"
#include "forest/pg_open.h"
#include "forest/shap.h"
#include "pg/memory.h"

static text *
forest_text(ForestText text)
{
	return cstring_to_text_with_len(text.data, text.size);
}

static char *
class_list(const Forest *forest)
{
	StringInfoData list;
	uint32		i;

	initStringInfo(&list);
	for (i = 0; i < forest->n_classes; i++)
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "",
						 forest_cstring(forest_class_name(forest, i)));
	return list.data;
}

/*
 * The output that a caller asks about: of the class with that name, or where
 * name is NULL the one that predict() gives.
 */
static uint32
asked_output(const Forest *forest, text *name)
{
	ForestText	wanted;
	int64		class;

	if (name == NULL)
	{
		if (forest->n_classes == 0)
			return 0;
		if (forest->positive < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("forest does not say which class is meant"),
					 errdetail("Its classes are %s.", class_list(forest)),
					 errhint("Name one with the argument class, or train with the option positive.")));
		return (uint32) forest->positive;
	}
	if (forest->n_classes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a class was given, and the forest predicts a number"),
				 errhint("Leave the argument class out.")));
	wanted.data = VARDATA_ANY(name);
	wanted.size = VARSIZE_ANY_EXHDR(name);
	class = forest_find_class(forest, wanted);
	if (class < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("forest has no class \"%s\"", text_to_cstring(name)),
				 errdetail("Its classes are %s.", class_list(forest))));
	return (uint32) class;
}

/* A feature's value as text, or NULL */
static text *
value_text(const Forest *forest, uint32 feature, const ForestValue *value)
{
	if (forest_feature_kind(forest, feature) == FOREST_NUMBER)
		return isnan(value->number) ? NULL :
			cstring_to_text(field_number_text(forest_feature_source(forest, feature),
											  value->number));
	return value->category.data == NULL ? NULL : forest_text(value->category);
}

/*
 * One prediction
 */

typedef struct Part
{
	double		contribution;
	uint32		feature;
} Part;

/* What moved the prediction most comes first; equal ones in the forest's order. */
static int
compare_parts(const void *a, const void *b)
{
	const Part *x = a;
	const Part *y = b;

	if (fabs(x->contribution) != fabs(y->contribution))
		return fabs(x->contribution) > fabs(y->contribution) ? -1 : 1;
	return (x->feature > y->feature) - (x->feature < y->feature);
}

/* The rows of explain() for the record or array of argument 1 */
static Datum
explain_row(FunctionCallInfo fcinfo, bool is_record)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	ReturnSetInfo *result;
	OpenForest *entry;
	const Forest *forest;
	uint32		output;
	double		base;
	double	   *contributions;
	Part	   *parts;
	Datum		values[3] = {0};
	bool		nulls[3] = {true, true, false};
	uint32		i;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	entry = open_forest(fcinfo);
	forest = &entry->forest;
	output = asked_output(forest, PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2));
	if (is_record)
		open_forest_record(entry, PG_GETARG_HEAPTUPLEHEADER(1));
	else
		open_forest_array(entry, PG_GETARG_ARRAYTYPE_P(1));

	contributions = palloc(sizeof(double) * forest->n_features);
	if (shap_explain(&memory, forest, entry->row, output, &base, contributions) != FOREST_OK)
		elog(ERROR, "could not explain a prediction");
	parts = palloc(sizeof(Part) * forest->n_features);
	for (i = 0; i < forest->n_features; i++)
	{
		parts[i].contribution = contributions[i];
		parts[i].feature = i;
	}
	qsort(parts, forest->n_features, sizeof(Part), compare_parts);

	/* First what is predicted of a row that nothing is known of */
	values[2] = Float8GetDatum(base);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	for (i = 0; i < forest->n_features; i++)
	{
		uint32		feature = parts[i].feature;
		text	   *value = value_text(forest, feature, &entry->values[feature]);

		values[0] = PointerGetDatum(forest_text(forest_feature_name(forest, feature)));
		values[1] = PointerGetDatum(value);
		values[2] = Float8GetDatum(parts[i].contribution);
		nulls[0] = false;
		nulls[1] = value == NULL;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(promo_explain);

/*
 * explain(forest, features record, class text)
 * returns table (feature text, value text, contribution float8)
 */
Datum
promo_explain(PG_FUNCTION_ARGS)
{
	return explain_row(fcinfo, true);
}

PG_FUNCTION_INFO_V1(promo_explain_array);

/*
 * explain_array(forest, features float8[], class text)
 * returns table (feature text, value text, contribution float8)
 */
Datum
promo_explain_array(PG_FUNCTION_ARGS)
{
	return explain_row(fcinfo, false);
}
