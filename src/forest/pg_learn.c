/*-------------------------------------------------------------------------
 *
 * pg_learn.c
 *	  From rows of SQL to a trained model.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "utils/builtins.h"

#include "forest/pg_forest.h"
#include "forest/pg_learn.h"
#include "pg/memory.h"
#include "pg/record.h"
#include "promo.h"

/* From so many rows on, a value that never comes twice is taken for an id. */
#define ROWS_THAT_TELL 20

void
intake_start(Intake *intake, MemoryContext context, Oid target_type)
{
	memset(intake, 0, sizeof(*intake));
	intake->context = context;
	intake->memory = pg_memory(context);
	if (!field_start(&intake->target, target_type, context) ||
		intake->target.source == FIELD_TIME)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target of type %s cannot be learned", format_type_be(target_type)),
				 errhint("A target is a number (regression), or a boolean, text or enum (classification).")));
}

static void
describe_target(Intake *intake)
{
	ForestText	name = {"", 0};
	int32		code;

	collect_describe(&intake->memory, intake->collection,
					 intake->collection->columns, name,
					 field_kind(intake->target.source), intake->target.source);

	/* Forests of true rows only, or false ones, have both classes too. */
	if (intake->target.source == FIELD_BOOLEAN)
	{
		collect_code(&intake->memory, intake->collection,
					 collect_target(intake->collection), field_boolean(false), &code);
		collect_code(&intake->memory, intake->collection,
					 collect_target(intake->collection), field_boolean(true), &code);
	}
}

void
intake_columns(Intake *intake, TupleDesc desc, const TrainingOptions *options,
			   const List *others)
{
	MemoryContext old = MemoryContextSwitchTo(intake->context);
	int			count = 0;
	int			weights = -1;
	int			i;
	StringInfoData other;
	StringInfoData twice;

	initStringInfo(&other);
	initStringInfo(&twice);
	intake->attributes = palloc(sizeof(int) * (desc->natts + 1));
	intake->fields = palloc(sizeof(Field) * (desc->natts + 1));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped || options_leave_out(options, others, NameStr(column->attname)))
			continue;
		if (options->row_weights != NULL &&
			strcmp(options->row_weights, NameStr(column->attname)) == 0)
		{
			weights = i;
			continue;
		}
		if (record_column(desc, NameStr(column->attname)) != i)
			appendStringInfo(&twice, "%s\"%s\"", twice.len > 0 ? ", " : "",
							 NameStr(column->attname));
		if (!field_start(&intake->fields[count], column->atttypid, intake->context))
			appendStringInfo(&other, "%s\"%s\" (%s)", other.len > 0 ? ", " : "",
							 NameStr(column->attname), format_type_be(column->atttypid));
		intake->attributes[count++] = i;
	}
	if (other.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("features of these types cannot be learned from: %s", other.data),
				 errhint("Cast them to a number, text, boolean, date or timestamp, or leave them out with the option exclude.")));
	if (twice.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("features of the same name: %s", twice.data)));
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no feature to learn from")));
	if (weights >= 0)
	{
		/* Behind the features, as the collection wants them */
		if (!field_start(&intake->fields[count], TupleDescAttr(desc, weights)->atttypid,
						 intake->context) ||
			intake->fields[count].source != FIELD_NUMBER)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of row weights is not a number", options->row_weights)));
		intake->attributes[count++] = weights;
	}

	intake->collection = collect_start(&intake->memory, count);
	intake->collection->has_weights = weights >= 0;
	for (i = 0; i < count; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, intake->attributes[i])->attname);
		ForestText	text = {name, (uint32) strlen(name)};
		Field	   *field = &intake->fields[i];

		collect_describe(&intake->memory, intake->collection, i, text,
						 field_kind(field->source), field->source);
	}
	describe_target(intake);
	MemoryContextSwitchTo(old);
}

void
intake_match(Intake *intake, TupleDesc desc)
{
	int			count = intake->collection->columns;
	ForestText *names = palloc(sizeof(ForestText) * count);
	uint8	   *sources = palloc(count);
	int			i;

	for (i = 0; i < count; i++)
	{
		names[i] = intake->collection->column[i].name;
		sources[i] = intake->collection->column[i].source;
	}
	fields_match(desc, count, names, sources, intake->attributes, intake->fields,
				 intake->context);
	pfree(names);
	pfree(sources);
}

void
learn_check_memory(uint64 need, int64 rows, const char *what)
{
	if (need <= promo_build_memory())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("training needs more memory than promo.build_memory allows"),
			 errdetail("%s " INT64_FORMAT " rows needs " UINT64_FORMAT " kB, and %zu kB are allowed.",
					   what, rows, (need + 1023) / 1024, promo_build_memory() / 1024),
			 errhint("Raise promo.build_memory, or train on a part of the rows that promo.in_sample() chooses.")));
}

void
learn_check_rows(int64 rows)
{
	if (rows > FOREST_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a forest learns from at most %d rows", FOREST_MAX_ROWS)));
}

static void
set_value(Intake *intake, CollectColumn *column, Field *field, Datum value, bool null)
{
	int64		row = collect_next(intake->collection);

	if (column->kind == FOREST_NUMBER)
		column->numbers[row] = null ? NAN : field_number(field, value);
	else if (null)
		column->codes[row] = -1;
	else
		collect_code(&intake->memory, intake->collection, column,
					 field_text(field, value), &column->codes[row]);
}

/* Whether a row has a weight above 0; an error where it has none at all. */
static bool
row_weighs(Intake *intake, const TrainingOptions *options, const Datum *values,
		   const bool *nulls)
{
	int			last = intake->collection->columns - 1;
	int			attribute = intake->attributes[last];
	double		weight = nulls[attribute] ? NAN :
		field_number(&intake->fields[last], values[attribute]);

	if (weight == 0)
		return false;
	if (!(weight >= 1e-9 && weight <= 1e9))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 nulls[attribute] ?
				 errmsg("row weight in column \"%s\" is null", options->row_weights) :
				 errmsg("row weight in column \"%s\" is %g", options->row_weights, weight),
				 errdetail("A row weight is 0, which leaves the row out, or from 1e-9 to 1e9.")));
	return true;
}

bool
intake_row(Intake *intake, const TrainingOptions *options, const Datum *values,
		   const bool *nulls, Datum target, bool target_null)
{
	Collection *collection = intake->collection;
	CollectColumn *column = collect_target(collection);
	int			i;

	if (target_null)
	{
		if (options->skip_null_target)
			return false;
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("target must not be null"),
				 errhint("Leave such rows out, or set the option skip_null_target.")));
	}
	if (collection->has_weights && !row_weighs(intake, options, values, nulls))
		return false;
	if (collect_is_full(collection))
	{
		learn_check_rows(collection->rows + 1);
		learn_check_memory(collection->next_bytes, collection->rows, "Reading on after");
		collect_grow(&intake->memory, collection);
	}
	set_value(intake, column, &intake->target, target, false);
	if (column->kind == FOREST_NUMBER && !isfinite(column->numbers[collect_next(collection)]))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("target must be a finite number")));
	if (column->names.count > FOREST_MAX_CLASSES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("target has more than %d classes", FOREST_MAX_CLASSES),
				 errhint("A target that is a number should have a numeric type.")));
	for (i = 0; i < collection->columns; i++)
	{
		int			attribute = intake->attributes[i];

		set_value(intake, &collection->column[i], &intake->fields[i],
				  values[attribute], nulls[attribute]);
	}
	collection->rows++;
	return true;
}

void
learn_data(const Memory *memory, const Collection *collection, ForestData *data)
{
	learn_check_memory(collection->bytes + collect_data_need(collection),
					   collection->rows, "Training on");
	if (!collect_data(memory, collection, data))
		elog(ERROR, "out of memory while training a forest");
}

static void
append_name(StringInfo list, ForestText name)
{
	appendStringInfo(list, "%s\"%.*s\"", list->len > 0 ? ", " : "",
					 (int) name.size, name.data);
}

void
learn_examine(const Memory *memory, const ForestData *data,
			  const TrainingOptions *options)
{
	ForestFinding *findings = palloc0(sizeof(ForestFinding) * data->n_features);
	ForestProblem problem = {0};
	StringInfoData copies;
	StringInfoData texts;
	StringInfoData integers;
	int			i;

	initStringInfo(&copies);
	initStringInfo(&texts);
	initStringInfo(&integers);
	if (!forest_examine(memory, data, findings, &problem))
		forest_raise(&problem, "training");
	for (i = 0; i < data->n_features; i++)
	{
		const ForestColumn *feature = &data->features[i];

		if (findings[i].is_target)
			append_name(&copies, feature->name);
		if (!findings[i].is_unique || data->n_rows < ROWS_THAT_TELL)
			continue;
		if (feature->source == FIELD_TEXT)
			append_name(&texts, feature->name);
		else if (feature->source == FIELD_NUMBER && findings[i].is_integer)
			append_name(&integers, feature->name);
	}
	if (copies.len > 0 && !options->allow_target_copy)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("features equal to the target in every row: %s", copies.data),
				 errdetail("A forest that sees what it is to predict learns nothing else, and is of no use where the target is not known yet."),
				 errhint("Leave them out with the option exclude, and look for others that are only known after the target; set allow_target_copy if it is meant so.")));
	if (texts.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("text features with another value in every row: %s", texts.data),
				 errdetail("Categories that never come again tell nothing about new rows."),
				 errhint("Leave them out with the option exclude.")));
	if (integers.len > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("integer features with another value in every row: %s", integers.data),
				 errhint("If they are ids, leave them out with the option exclude.")));
	pfree(findings);
}

static int
find_class(const ForestData *data, const char *name)
{
	int			i;

	for (i = 0; i < data->n_classes; i++)
		if (data->class_names[i].size == strlen(name) &&
			memcmp(data->class_names[i].data, name, strlen(name)) == 0)
			return i;
	return -1;
}

void
learn_classes_noting(const ForestData *data, const TrainingOptions *options,
					 JsonFaults *faults, ForestOptions *forest)
{
	double	   *weights = NULL;
	ListCell   *cell;
	int64		row;
	int			i;

	forest->positive = -1;
	if (options->positive != NULL)
	{
		forest->positive = find_class(data, options->positive);
		if (forest->positive < 0 && faults != NULL)
			json_fault(faults, "positive", "no row is of class \"%s\"", options->positive);
	}
	else if (data->target_source == FIELD_BOOLEAN)
		forest->positive = find_class(data, "true");
	if (options->balanced || options->weighted != NIL)
	{
		weights = palloc(sizeof(double) * data->n_classes);
		for (i = 0; i < data->n_classes; i++)
			weights[i] = options->balanced ? 0 : 1;
	}
	if (options->balanced)
	{
		int			present = 0;

		for (row = 0; row < data->n_rows; row++)
			weights[data->classes[row]]++;
		for (i = 0; i < data->n_classes; i++)
			present += weights[i] > 0;
		for (i = 0; i < data->n_classes; i++)
			weights[i] = weights[i] > 0 ? (double) data->n_rows / (present * weights[i]) : 1;
	}
	foreach(cell, options->weighted)
	{
		i = find_class(data, lfirst(cell));
		if (i < 0 && faults != NULL)
			json_fault(faults, "class_weight", "no row is of class \"%s\"", (char *) lfirst(cell));
		else if (i >= 0)
			weights[i] = options->weights[foreach_current_index(cell)];
	}
	forest->class_weights = weights;
}

void
learn_classes(const ForestData *data, const TrainingOptions *options,
			  const char *what, ForestOptions *forest)
{
	JsonFaults	faults;

	json_faults_start(&faults);
	learn_classes_noting(data, options, &faults, forest);
	json_faults_raise(&faults, psprintf("options of %s", what));
}

char *
learn_model(const Memory *memory, const ForestData *data,
			const ForestOptions *options, uint64 held, Size room, Size *size)
{
	ForestProblem problem = {0};
	char	   *bytes;

	learn_check_memory(held + forest_need(data, options), data->n_rows, "Training on");
	if (!forest_train(memory, data, options, room, &bytes, size, &problem))
		forest_raise(&problem, "training");
	return bytes;
}
