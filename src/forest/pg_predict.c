/*-------------------------------------------------------------------------
 *
 * pg_predict.c
 *	  Predictions of a forest for a record or an array, and what is inside.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "forest/linear.h"
#include "forest/pg_field.h"
#include "forest/pg_forest.h"
#include "forest/pg_open.h"
#include "forest/pg_options.h"
#include "pg/memory.h"

/* Predicts for the record of argument 1; the outputs stay in the entry. */
static OpenForest *
predict_record(FunctionCallInfo fcinfo)
{
	OpenForest *entry = open_forest(fcinfo);

	open_forest_record(entry, PG_GETARG_HEAPTUPLEHEADER(1));
	forest_predict(&entry->forest, entry->row, 1, entry->outputs);
	return entry;
}

/* The same for the array of argument 1 */
static OpenForest *
predict_numbers(FunctionCallInfo fcinfo)
{
	OpenForest *entry = open_forest(fcinfo);

	open_forest_array(entry, PG_GETARG_ARRAYTYPE_P(1));
	forest_predict(&entry->forest, entry->row, 1, entry->outputs);
	return entry;
}

/* The number that predict() gives */
static Datum
predicted_value(const OpenForest *entry)
{
	const Forest *forest = &entry->forest;

	if (forest->n_classes == 0)
		return Float8GetDatum(entry->outputs[0]);
	if (forest->positive < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("forest does not say which class predict() speaks of"),
				 errhint("Use predict_proba() or predict_class(), or train with the option positive.")));
	return Float8GetDatum(entry->outputs[forest->positive]);
}

static void
check_classes(const OpenForest *entry, const char *function)
{
	if (entry->forest.n_classes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s() is for classes, and the forest predicts a number", function),
				 errhint("Use predict().")));
}

static Datum
predicted_class(const OpenForest *entry)
{
	ForestText	name;

	check_classes(entry, "predict_class");
	name = forest_class_name(&entry->forest,
							 forest_likeliest(&entry->forest, entry->outputs));
	return PointerGetDatum(cstring_to_text_with_len(name.data, name.size));
}

/* A JSON number that reads back as the same double */
static Numeric
exact_numeric(double number)
{
	char		buffer[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(number, buffer);
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(buffer),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static Datum
predicted_shares(const OpenForest *entry)
{
	JsonbParseState *parse = NULL;
	JsonbValue	value;
	uint32		i;

	check_classes(entry, "predict_proba");
	pushJsonbValue(&parse, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < entry->forest.n_classes; i++)
	{
		ForestText	name = forest_class_name(&entry->forest, i);

		value.type = jbvString;
		value.val.string.val = (char *) name.data;
		value.val.string.len = name.size;
		pushJsonbValue(&parse, WJB_KEY, &value);
		value.type = jbvNumeric;
		value.val.numeric = exact_numeric(entry->outputs[i]);
		pushJsonbValue(&parse, WJB_VALUE, &value);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&parse, WJB_END_OBJECT, NULL)));
}

PG_FUNCTION_INFO_V1(promo_predict);

/*
 * predict(forest, features record) returns float8
 */
Datum
promo_predict(PG_FUNCTION_ARGS)
{
	return predicted_value(predict_record(fcinfo));
}

PG_FUNCTION_INFO_V1(promo_predict_class);

/*
 * predict_class(forest, features record) returns text
 */
Datum
promo_predict_class(PG_FUNCTION_ARGS)
{
	return predicted_class(predict_record(fcinfo));
}

PG_FUNCTION_INFO_V1(promo_predict_proba);

/*
 * predict_proba(forest, features record) returns jsonb
 */
Datum
promo_predict_proba(PG_FUNCTION_ARGS)
{
	return predicted_shares(predict_record(fcinfo));
}

PG_FUNCTION_INFO_V1(promo_predict_array);

/*
 * predict_array(forest, features float8[]) returns float8
 */
Datum
promo_predict_array(PG_FUNCTION_ARGS)
{
	return predicted_value(predict_numbers(fcinfo));
}

PG_FUNCTION_INFO_V1(promo_predict_class_array);

/*
 * predict_class_array(forest, features float8[]) returns text
 */
Datum
promo_predict_class_array(PG_FUNCTION_ARGS)
{
	return predicted_class(predict_numbers(fcinfo));
}

PG_FUNCTION_INFO_V1(promo_predict_proba_array);

/*
 * predict_proba_array(forest, features float8[]) returns jsonb
 */
Datum
promo_predict_proba_array(PG_FUNCTION_ARGS)
{
	return predicted_shares(predict_numbers(fcinfo));
}

/*
 * What is inside
 */

static Datum
text_array(Datum *texts, int count)
{
	return PointerGetDatum(construct_array(texts, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
figure(double number, Datum *value, bool *null)
{
	*value = Float8GetDatum(number);
	*null = isnan(number);
}

PG_FUNCTION_INFO_V1(promo_forest_info);

/*
 * forest_info(forest) returns forest_summary
 */
Datum
promo_forest_info(PG_FUNCTION_ARGS)
{
	OpenForest *entry = open_forest(fcinfo);
	Forest		forest = entry->forest;
	ForestInfo	info;
	ForestOptions grown;
	TupleDesc	desc;
	Datum		values[32];
	bool		nulls[32] = {false};
	bool		is_linear = linear_is(entry->forest.algorithm);
	bool		is_boosted = entry->forest.algorithm == FOREST_BOOSTED_TREES;
	Datum	   *texts;
	uint32		i;
	int			n = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	forest_info(&forest, &info);
	forest_grove_options(&forest, 0, &grown);

	values[n++] = CStringGetTextDatum(options_algorithm_name(grown.algorithm));
	values[n++] = CStringGetTextDatum(field_source_name(forest.target_source));
	texts = palloc(sizeof(Datum) * (Max(forest.n_features, forest.n_classes) + 1));
	for (i = 0; i < forest.n_classes; i++)
		texts[i] = PointerGetDatum(cstring_to_text_with_len(forest_class_name(&forest, i).data,
															forest_class_name(&forest, i).size));
	nulls[n] = forest.n_classes == 0;
	values[n++] = text_array(texts, forest.n_classes);
	nulls[n] = forest.positive < 0;
	values[n++] = forest.positive < 0 ? (Datum) 0 : texts[forest.positive];
	for (i = 0; i < forest.n_features; i++)
		texts[i] = PointerGetDatum(cstring_to_text_with_len(forest_feature_name(&forest, i).data,
															forest_feature_name(&forest, i).size));
	values[n++] = text_array(texts, forest.n_features);
	for (i = 0; i < forest.n_features; i++)
		texts[i] = CStringGetTextDatum(field_source_name(forest_feature_source(&forest, i)));
	values[n++] = text_array(texts, forest.n_features);
	values[n++] = Int64GetDatum(info.rows);
	values[n++] = Int32GetDatum(forest.n_groves);
	values[n++] = Int64GetDatum(info.trees);
	values[n++] = Int64GetDatum(info.nodes);
	values[n++] = Int64GetDatum(info.leaves);
	values[n++] = Int32GetDatum(info.depth);
	values[n++] = Int64GetDatum(entry->size);
	values[n++] = Int64GetDatum(info.oob_rows);
	figure(info.oob_mse, &values[n], &nulls[n]);
	n++;
	figure(info.oob_r2, &values[n], &nulls[n]);
	n++;
	figure(info.oob_accuracy, &values[n], &nulls[n]);
	n++;
	figure(info.oob_log_loss, &values[n], &nulls[n]);
	n++;
	figure(info.oob_brier, &values[n], &nulls[n]);
	n++;
	nulls[n] = is_linear || grown.max_depth == 0;
	values[n++] = Int32GetDatum(grown.max_depth);
	nulls[n] = is_linear;
	values[n++] = Int64GetDatum(grown.min_leaf);
	nulls[n] = is_linear;
	values[n++] = Int32GetDatum(forest_mtry(&grown, forest.n_features, forest.n_classes));
	nulls[n] = is_linear;
	values[n++] = Float8GetDatum(grown.sample_fraction);
	values[n++] = Int32GetDatum(grown.bins);
	nulls[n] = is_linear;
	values[n++] = Int64GetDatum((int64) grown.seed);
	nulls[n] = !is_boosted || grown.max_leaves == 0;
	values[n++] = Int32GetDatum(grown.max_leaves);
	nulls[n] = !is_boosted;
	values[n++] = Float8GetDatum(grown.learning_rate);
	nulls[n] = !is_boosted;
	values[n++] = Float8GetDatum(grown.l2);
	nulls[n] = !is_boosted || grown.early_stopping == 0;
	values[n++] = Float8GetDatum(grown.validation_fraction);
	nulls[n] = !is_boosted || grown.early_stopping == 0;
	values[n++] = Int32GetDatum(grown.early_stopping);
	nulls[n] = !is_linear;
	values[n++] = Float8GetDatum(grown.c);
	nulls[n] = !is_linear || forest.n_classes > 0;
	values[n++] = Float8GetDatum(grown.epsilon);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

typedef struct Gain
{
	double		gain;
	uint32		feature;
} Gain;

/* Largest first; equal ones as they stand in the forest */
static int
compare_gains(const void *a, const void *b)
{
	const Gain *x = a;
	const Gain *y = b;

	if (x->gain != y->gain)
		return x->gain > y->gain ? -1 : 1;
	return (x->feature > y->feature) - (x->feature < y->feature);
}

PG_FUNCTION_INFO_V1(promo_importance);

/*
 * importance(forest) returns table (feature text, gain float8, permutation float8)
 */
Datum
promo_importance(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result;
	Forest		forest;
	double	   *gains;
	double	   *rises;
	Gain	   *sorted;
	uint32		i;

	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	forest = open_forest(fcinfo)->forest;
	gains = palloc(sizeof(double) * (forest.n_features + 1));
	sorted = palloc(sizeof(Gain) * (forest.n_features + 1));
	rises = palloc(sizeof(double) * (forest.n_features + 1));
	forest_importance(&forest, gains);
	(void) forest_permutation(&forest, rises);
	for (i = 0; i < forest.n_features; i++)
	{
		sorted[i].gain = gains[i];
		sorted[i].feature = i;
	}
	qsort(sorted, forest.n_features, sizeof(Gain), compare_gains);
	for (i = 0; i < forest.n_features; i++)
	{
		ForestText	name = forest_feature_name(&forest, sorted[i].feature);
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = PointerGetDatum(cstring_to_text_with_len(name.data, name.size));
		values[1] = Float8GetDatum(sorted[i].gain);
		figure(rises[sorted[i].feature], &values[2], &nulls[2]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* The two ways on from a node, in words */
typedef struct Branches
{
	char	   *passes;
	char	   *fails;
} Branches;

static void
append_category(StringInfo list, ForestText name)
{
	appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "",
					 quote_literal_cstr(forest_cstring(name)));
}

static void
describe_branches(const Forest *forest, const ForestTree *tree,
				  const ForestTreeNode *node, Branches *branches)
{
	const char *name = quote_identifier(forest_cstring(forest_feature_name(forest, node->feature)));
	const char *pass_null = node->null_passes ? " or null" : "";
	const char *fail_null = node->null_passes ? "" : " or null";

	if (forest_feature_kind(forest, node->feature) == FOREST_NUMBER)
	{
		char	   *threshold = field_number_text(forest_feature_source(forest, node->feature),
												  node->threshold);

		branches->passes = psprintf("%s <= %s%s", name, threshold, pass_null);
		branches->fails = psprintf("%s > %s%s", name, threshold, fail_null);
	}
	else
	{
		uint32		count = forest_tree_categories(tree, node->feature);
		StringInfoData in;
		StringInfoData out;
		uint32		i;

		initStringInfo(&in);
		initStringInfo(&out);
		for (i = 0; i < count; i++)
			append_category(forest_tree_passes(tree, i) ? &in : &out,
							forest_tree_category(tree, node->feature, i));
		branches->passes = psprintf("%s in (%s)%s", name, in.data, pass_null);
		branches->fails = psprintf("%s in (%s)%s", name, out.data, fail_null);
	}
}

/* Depths that a line is indented by at most, so that a chain stays readable */
#define DEPTH_SHOWN 1000

static void
append_leaf(StringInfo line, const Forest *forest, const ForestTreeNode *node)
{
	uint32		i;
	bool		first = true;

	appendStringInfoString(line, ": ");
	if (node->shares == NULL)
		appendStringInfoString(line, field_number_text(FIELD_NUMBER, node->value));
	for (i = 0; node->shares != NULL && i < forest->n_classes; i++)
	{
		if (node->shares[i] == 0)
			continue;
		appendStringInfo(line, "%s%s %s", first ? "" : ", ",
						 forest_cstring(forest_class_name(forest, i)),
						 field_number_text(FIELD_NUMBER, node->shares[i]));
		first = false;
	}
	appendStringInfo(line, " (" UINT64_FORMAT " rows)", node->rows);
}

PG_FUNCTION_INFO_V1(promo_tree);

/*
 * tree(forest, n int) returns setof text
 */
Datum
promo_tree(PG_FUNCTION_ARGS)
{
	int32		n = PG_GETARG_INT32(1);
	Memory		memory = pg_memory(CurrentMemoryContext);
	ReturnSetInfo *result;
	Forest		forest;
	ForestTree *tree;
	ForestTreeNode node;
	Branches   *branches = NULL;
	uint32		room = 0;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	forest = open_forest(fcinfo)->forest;
	if (forest.n_trees == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a linear model has no trees"),
				 errhint("coefficients() says what it has learned.")));
	if (n < 1 || (uint32) n > forest.n_trees)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("forest has no tree %d", n),
				 errdetail("Its trees are numbered from 1 to %u.", forest.n_trees)));
	tree = forest_tree_start(&memory, &forest, n - 1);
	while (forest_tree_next(tree, &node))
	{
		StringInfoData line;
		Datum		value;
		bool		null = false;

		CHECK_FOR_INTERRUPTS();
		initStringInfo(&line);
		if (node.depth > 0)
		{
			appendStringInfoSpaces(&line, 2 * (Min(node.depth, DEPTH_SHOWN) - 1));
			appendStringInfoString(&line, node.is_right ? branches[node.depth - 1].fails :
								   branches[node.depth - 1].passes);
		}
		else
			appendStringInfoString(&line, "all");
		if (node.is_leaf)
			append_leaf(&line, &forest, &node);
		else
		{
			appendStringInfo(&line, " (" UINT64_FORMAT " rows)", node.rows);
			if (node.depth >= room)
			{
				uint32		larger = Max(16, 2 * (node.depth + 1));
				Branches   *old = branches;

				branches = palloc0(sizeof(Branches) * larger);
				if (old != NULL)
				{
					memcpy(branches, old, sizeof(Branches) * room);
					pfree(old);
				}
				room = larger;
			}
			if (branches[node.depth].passes != NULL)
			{
				pfree(branches[node.depth].passes);
				pfree(branches[node.depth].fails);
			}
			describe_branches(&forest, tree, &node, &branches[node.depth]);
		}
		value = PointerGetDatum(cstring_to_text_with_len(line.data, line.len));
		tuplestore_putvalues(result->setResult, result->setDesc, &value, &null);
		pfree(DatumGetPointer(value));
		pfree(line.data);
	}
	forest_tree_end(tree);
	return (Datum) 0;
}
