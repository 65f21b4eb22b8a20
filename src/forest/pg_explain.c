/*-------------------------------------------------------------------------
 *
 * pg_explain.c
 *	  Why a model predicts what it does: the parts of one prediction, and what
 *	  its features are worth on the rows of a query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "forest/inspect.h"
#include "forest/pg_field.h"
#include "forest/pg_forest.h"
#include "forest/pg_open.h"
#include "forest/shap.h"
#include "pg/memory.h"
#include "pg/query.h"
#include "pg/record.h"
#include "promo.h"

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

/* The largest first, which may be below zero; equal ones in the forest's order */
static int
compare_rises(const void *a, const void *b)
{
	const Part *x = a;
	const Part *y = b;

	if (x->contribution != y->contribution)
		return x->contribution > y->contribution ? -1 : 1;
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

/*
 * What a model makes of the rows of a query
 */

typedef struct Inspecting
{
	OpenForest *model;
	Inspection *inspection;
	MemoryContext context;
	const char *target;			/* column, or NULL */
	int			target_column;
	Field		target_field;
	Datum	   *values;
	bool	   *nulls;
} Inspecting;

/* Finds the features and the target among the columns. */
static void
inspecting_start(Inspecting *inspecting, TupleDesc desc)
{
	const Forest *forest = &inspecting->model->forest;
	Oid			type;
	int			i;

	open_forest_columns(inspecting->model, desc);
	inspecting->values = palloc(sizeof(Datum) * (desc->natts + 1));
	inspecting->nulls = palloc(sizeof(bool) * (desc->natts + 1));
	if (inspecting->target == NULL)
		return;
	inspecting->target_column = record_column(desc, inspecting->target);
	if (inspecting->target_column < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the query has no column \"%s\" for the target", inspecting->target)));
	for (i = inspecting->target_column + 1; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), inspecting->target) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("the query has several columns \"%s\"", inspecting->target)));
	type = TupleDescAttr(desc, inspecting->target_column)->atttypid;
	if (!field_start(&inspecting->target_field, type, inspecting->context) ||
		inspecting->target_field.source != forest->target_source)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target \"%s\" is %s, not a %s", inspecting->target, format_type_be(type),
						field_source_name(forest->target_source)),
				 errhint("It must be of the kind that the model learned to predict.")));
}

/* The target as inspect_add takes it */
static double
inspecting_target(Inspecting *inspecting)
{
	const Forest *forest = &inspecting->model->forest;
	Datum		value;
	double		number;

	if (inspecting->target == NULL)
		return 0;
	if (inspecting->nulls[inspecting->target_column])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("target \"%s\" must not be null", inspecting->target),
				 errhint("Leave such rows out of the query.")));
	value = inspecting->values[inspecting->target_column];
	if (forest->n_classes > 0)
		return (double) forest_find_class(forest, field_text(&inspecting->target_field, value));
	number = field_number(&inspecting->target_field, value);
	if (!isfinite(number))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("target \"%s\" must be a finite number", inspecting->target)));
	return number;
}

static void
inspecting_row(void *arg, TupleDesc desc, HeapTuple tuple)
{
	Inspecting *inspecting = arg;
	OpenForest *model = inspecting->model;
	MemoryContext old;
	uint64		need;

	if (tuple == NULL)
	{
		old = MemoryContextSwitchTo(inspecting->context);
		inspecting_start(inspecting, desc);
		MemoryContextSwitchTo(old);
		return;
	}
	need = inspect_need(inspecting->inspection);
	if (need > promo_build_memory())
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the rows need more memory than promo.build_memory allows"),
				 errdetail("Reading on after " INT64_FORMAT " rows needs " UINT64_FORMAT " kB, and %zu kB are allowed.",
						   inspect_rows(inspecting->inspection), (need + 1023) / 1024,
						   promo_build_memory() / 1024),
				 errhint("Raise promo.build_memory, or take a part of the rows that promo.in_sample() chooses.")));
	if (inspect_rows(inspecting->inspection) == FOREST_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d rows", FOREST_MAX_ROWS)));
	heap_deform_tuple(tuple, desc, inspecting->values, inspecting->nulls);
	open_forest_values(model, inspecting->values, inspecting->nulls, model->row);
	inspect_add(inspecting->inspection, model->row, model->values, inspecting_target(inspecting));
}

/* Reads the query of argument 1 into an inspection. */
static void
inspect_query(FunctionCallInfo fcinfo, Inspecting *inspecting, Memory *memory,
			  int64 feature, const char *target)
{
	inspecting->context = CurrentMemoryContext;
	inspecting->target = target;
	inspecting->inspection = inspect_start(memory, &inspecting->model->forest, feature,
										   target != NULL);
	(void) query_run(text_to_cstring(PG_GETARG_TEXT_PP(1)), inspecting_row, inspecting);
}

static bool
any_is_null(FunctionCallInfo fcinfo, int first_arguments)
{
	int			i;

	for (i = 0; i < first_arguments; i++)
		if (PG_ARGISNULL(i))
			return true;
	return false;
}

static void
check_between(const char *name, int32 number, int32 least, int32 most)
{
	if (number < least || number > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between %d and %d", name, least, most),
				 errdetail("It is %d.", number)));
}

PG_FUNCTION_INFO_V1(promo_partial_dependence);

/*
 * partial_dependence(forest, query text, feature text, points int, class text)
 * returns table (value text, prediction float8, rows bigint)
 */
Datum
promo_partial_dependence(PG_FUNCTION_ARGS)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	Inspecting	inspecting = {0};
	ReturnSetInfo *result;
	const Forest *forest;
	ForestText	name;
	text	   *asked;
	int64		feature;
	uint32		output;
	InspectPoint *points;
	size_t		count;
	size_t		i;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (any_is_null(fcinfo, 4))
		return (Datum) 0;
	check_between("points", PG_GETARG_INT32(3), 2, 10000);
	inspecting.model = open_forest(fcinfo);
	forest = &inspecting.model->forest;
	output = asked_output(forest, PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4));
	asked = PG_GETARG_TEXT_PP(2);
	name.data = VARDATA_ANY(asked);
	name.size = VARSIZE_ANY_EXHDR(asked);
	feature = forest_find_feature(forest, name);
	if (feature < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("forest has no feature \"%s\"", text_to_cstring(asked)),
				 errhint("promo.forest_info() lists its features.")));

	inspect_query(fcinfo, &inspecting, &memory, feature, NULL);
	if (inspect_rows(inspecting.inspection) == 0)
		return (Datum) 0;
	if (inspect_dependence(inspecting.inspection, (uint32) PG_GETARG_INT32(3), output,
						   &points, &count) != FOREST_OK)
		elog(ERROR, "could not find partial dependence");
	for (i = 0; i < count; i++)
	{
		text	   *value = value_text(forest, (uint32) feature, &points[i].value);
		Datum		values[3];
		bool		nulls[3] = {value == NULL, false, false};

		values[0] = PointerGetDatum(value);
		values[1] = Float8GetDatum(points[i].prediction);
		values[2] = Int64GetDatum(points[i].rows);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	inspect_end(inspecting.inspection);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(promo_permutation_importance);

/*
 * permutation_importance(forest, query text, target text, repeats int, seed bigint)
 * returns table (feature text, permutation float8, deviation float8, error float8)
 */
Datum
promo_permutation_importance(PG_FUNCTION_ARGS)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	Inspecting	inspecting = {0};
	ReturnSetInfo *result;
	const Forest *forest;
	double	   *rises;
	double	   *deviations;
	double		error;
	Part	   *parts;
	uint32		i;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (any_is_null(fcinfo, 5))
		return (Datum) 0;
	check_between("repeats", PG_GETARG_INT32(3), 1, 1000);
	inspecting.model = open_forest(fcinfo);
	forest = &inspecting.model->forest;
	inspect_query(fcinfo, &inspecting, &memory, -1, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (inspect_rows(inspecting.inspection) == 0)
		return (Datum) 0;

	rises = palloc(sizeof(double) * forest->n_features);
	deviations = palloc(sizeof(double) * forest->n_features);
	if (inspect_permutation(inspecting.inspection, PG_GETARG_INT32(3), (uint64) PG_GETARG_INT64(4),
							&error, rises, deviations) != FOREST_OK)
		elog(ERROR, "could not permute features");
	parts = palloc(sizeof(Part) * forest->n_features);
	for (i = 0; i < forest->n_features; i++)
	{
		parts[i].contribution = rises[i];
		parts[i].feature = i;
	}
	qsort(parts, forest->n_features, sizeof(Part), compare_rises);
	for (i = 0; i < forest->n_features; i++)
	{
		uint32		feature = parts[i].feature;
		Datum		values[4];
		bool		nulls[4] = {false, false, isnan(deviations[feature]), false};

		values[0] = PointerGetDatum(forest_text(forest_feature_name(forest, feature)));
		values[1] = Float8GetDatum(rises[feature]);
		values[2] = Float8GetDatum(deviations[feature]);
		values[3] = Float8GetDatum(error);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	inspect_end(inspecting.inspection);
	return (Datum) 0;
}
