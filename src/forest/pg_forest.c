/*-------------------------------------------------------------------------
 *
 * pg_forest.c
 *	  The type forest, the aggregates that make one, and what it says of
 *	  itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "common/base64.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "catalog/pg_type.h"

#include "core/hash.h"
#include "forest/collect.h"
#include "forest/pg_field.h"
#include "forest/pg_forest.h"
#include "pg/json.h"
#include "pg/memory.h"
#include "pg/record.h"
#include "promo.h"

/* What the text form begins with: the version, and a colon. */
#define TEXT_PREFIX "1:"

/* From so many rows on, a value that never comes twice is taken for an id. */
#define ROWS_THAT_TELL 20

static uint64
model_hash(const char *model, Size size)
{
	return hash_keyed(model, size, 0, 0);
}

void
forest_view(Forest *forest, struct varlena *value)
{
	ForestValueHead *head = (ForestValueHead *) value;

	if (VARSIZE(value) < sizeof(ForestValueHead) ||
		head->version != FOREST_VALUE_VERSION ||
		!forest_open(forest, (char *) (head + 1), VARSIZE(value) - sizeof(ForestValueHead)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("forest is of a format that this version of promo does not read"),
				 errhint("Train it again.")));
}

Datum
forest_value(char *bytes, Size size)
{
	ForestValueHead *head = (ForestValueHead *) bytes;

	if (size > FOREST_VALUE_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("forest of %zu bytes is too large for a value", size),
				 errdetail("The text form of a value, in which it is dumped, has at most 1 GB."),
				 errhint("promo.train() keeps a model in pieces; or grow fewer trees, or larger leaves (min_leaf, max_depth).")));
	SET_VARSIZE(head, size + sizeof(ForestValueHead));
	head->version = FOREST_VALUE_VERSION;
	head->hash = model_hash(bytes + sizeof(ForestValueHead), size);
	return PointerGetDatum(head);
}

void
forest_raise(const ForestProblem *problem, const char *doing)
{
	switch (problem->status)
	{
		case FOREST_NO_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory while %s a forest", doing)));
		case FOREST_STOPPED:
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("stopped while %s a forest", doing)));
		case FOREST_NO_FEATURES:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is no feature to learn from")));
		case FOREST_TOO_MANY_ROWS:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a forest learns from at most " INT64_FORMAT " rows", problem->count)));
		case FOREST_TOO_MANY_FEATURES:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a forest has at most " INT64_FORMAT " features", problem->count)));
		case FOREST_TOO_MANY_CLASSES:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("target has more than " INT64_FORMAT " classes", problem->count),
					 errhint("A target that is a number should have a numeric type.")));
		case FOREST_DAMAGED:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid forest"),
					 problem->detail ? errdetail("The model is damaged: %s.", problem->detail) : 0));
		case FOREST_OTHER_FORMAT:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("forest is of a format that this version of promo does not read"),
					 errhint("Train it again.")));
		case FOREST_OTHER_TARGET:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot merge forests of different targets"),
					 errdetail("Targets must all be numbers, all booleans, or all texts.")));
		case FOREST_OTHER_POSITIVE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot merge forests of which predict() means different classes"),
					 errhint("Train them with the same option \"positive\".")));
		default:
			elog(ERROR, "problem %d while %s a forest, option %s", (int) problem->status,
				 doing, problem->option ? problem->option : "none");
	}
}

/*
 * The type
 */

static bool
is_valid_text(ForestText name)
{
	return memchr(name.data, 0, name.size) == NULL &&
		pg_verifymbstr(name.data, name.size, true);
}

/* A value from the bytes behind the length word, checked to the last byte */
static Datum
value_from_bytes(const char *bytes, Size size)
{
	Size		head = sizeof(ForestValueHead) - VARHDRSZ;
	ForestValueHead *value;
	Memory		memory = pg_memory(CurrentMemoryContext);
	ForestProblem problem = {0};
	Forest		forest;

	if (size < head || size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid forest"),
				 errdetail("It has %zu bytes.", size)));
	value = palloc(size + VARHDRSZ);
	SET_VARSIZE(value, size + VARHDRSZ);
	memcpy((char *) value + VARHDRSZ, bytes, size);
	if (value->version != FOREST_VALUE_VERSION)
	{
		problem.status = FOREST_OTHER_FORMAT;
		forest_raise(&problem, "reading");
	}
	if (value->hash != model_hash((char *) (value + 1), size - head))
	{
		problem.status = FOREST_DAMAGED;
		problem.detail = "its hash is not that of its bytes";
		forest_raise(&problem, "reading");
	}
	if (!forest_check(&memory, (char *) (value + 1), size - head, &problem))
		forest_raise(&problem, "reading");
	forest_view(&forest, (struct varlena *) value);
	if (!forest_names_hold(&forest, is_valid_text))
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("forest has names that are no text in encoding %s",
						GetDatabaseEncodingName()),
				 errhint("It was trained in a database of another encoding.")));
	return PointerGetDatum(value);
}

PG_FUNCTION_INFO_V1(promo_forest_in);

/*
 * forest_in(cstring) returns forest
 */
Datum
promo_forest_in(PG_FUNCTION_ARGS)
{
	char	   *input = PG_GETARG_CSTRING(0);
	Size		prefix = strlen(TEXT_PREFIX);
	Size		length;
	Size		room;
	char	   *bytes;
	int			size;

	if (strncmp(input, TEXT_PREFIX, prefix) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", "forest"),
				 errdetail("It must begin with \"%s\".", TEXT_PREFIX)));
	input += prefix;
	length = strlen(input);
	room = length / 4 * 3 + 3;
	bytes = palloc(room);
	size = pg_b64_decode((const void *) input, length, (void *) bytes, room);
	if (size < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", "forest"),
				 errdetail("It must be base64.")));
	return value_from_bytes(bytes, size);
}

PG_FUNCTION_INFO_V1(promo_forest_out);

/*
 * forest_out(forest) returns cstring
 */
Datum
promo_forest_out(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);
	Size		size = VARSIZE_ANY_EXHDR(value);
	Size		room = (size + 2) / 3 * 4;
	char	   *output = palloc(strlen(TEXT_PREFIX) + room + 1);
	int			length;

	strcpy(output, TEXT_PREFIX);
	length = pg_b64_encode((const void *) VARDATA_ANY(value), size,
						   (void *) (output + strlen(TEXT_PREFIX)), room);
	if (length < 0)
		elog(ERROR, "could not encode a forest");
	output[strlen(TEXT_PREFIX) + length] = '\0';
	PG_RETURN_CSTRING(output);
}

PG_FUNCTION_INFO_V1(promo_forest_recv);

/*
 * forest_recv(internal) returns forest
 */
Datum
promo_forest_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;

	return value_from_bytes(pq_getmsgbytes(message, size), size);
}

PG_FUNCTION_INFO_V1(promo_forest_send);

/*
 * forest_send(forest) returns bytea
 */
Datum
promo_forest_send(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbytes(&message, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/*
 * Options
 */

/* The options of one training, read before the first row is */
typedef struct TrainingOptions
{
	ForestOptions forest;		/* without class weights and positive class */
	List	   *exclude;
	char	   *positive;
	bool		balanced;
	List	   *weighted;		/* names of classes, */
	double	   *weights;		/* and their weights in that order */
	bool		skip_null_target;
	bool		allow_target_copy;
} TrainingOptions;

static bool
is_excluded(const TrainingOptions *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options->exclude)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

static void
read_class_weight(JsonReader *reader, TrainingOptions *options)
{
	JsonReader	weights;
	JsonbValue	value;
	ListCell   *cell;

	if (!json_has(reader, "class_weight", &value))
		return;
	if (value.type == jbvString)
	{
		options->balanced = value.val.string.len == 8 &&
			strncmp(value.val.string.val, "balanced", 8) == 0;
		if (!options->balanced)
			json_fault(reader->faults, json_path(reader, "class_weight"),
					   "must be \"balanced\" or an object of classes and their weights, not \"%.*s\"",
					   Min(value.val.string.len, 60), value.val.string.val);
		return;
	}
	if (!json_read_object(reader, "class_weight", &weights))
		return;
	options->weighted = json_keys(&weights);
	options->weights = palloc0(sizeof(double) * (list_length(options->weighted) + 1));
	foreach(cell, options->weighted)
		json_read_float(&weights, lfirst(cell), 1e-9, 1e9,
						&options->weights[foreach_current_index(cell)]);
	json_close(&weights);
}

/*
 * Reads the options, and holds them against the features and the target.
 * What needs the classes is left for the end.  The record's columns are NULL
 * where that was done before.
 */
static void
read_options(const Jsonb *json, TupleDesc desc, bool is_regression,
			 TrainingOptions *options)
{
	static const char *const why = "is an option of promo.train() only";
	JsonFaults	faults;
	JsonReader	reader;
	int64		number;
	int			features = 0;
	int			i;
	ListCell   *cell;

	memset(options, 0, sizeof(*options));
	forest_options_default(&options->forest);
	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	if (json_read_int(&reader, "trees", 1, FOREST_MAX_TREES, &number))
		options->forest.trees = (int32) number;
	if (json_read_int(&reader, "max_depth", 1, 1000, &number))
		options->forest.max_depth = (int32) number;
	if (json_read_int(&reader, "min_leaf", 1, FOREST_MAX_ROWS, &number))
		options->forest.min_leaf = number;
	if (json_read_int(&reader, "mtry", 1, FOREST_MAX_FEATURES, &number))
		options->forest.mtry = (int32) number;
	json_read_float(&reader, "sample_fraction", 1e-6, 1, &options->forest.sample_fraction);
	if (json_read_int(&reader, "seed", 0, PG_INT64_MAX, &number))
		options->forest.seed = (uint64) number;
	if (json_read_int(&reader, "bins", 2, FOREST_MAX_BINS, &number))
		options->forest.bins = (int32) number;
	read_class_weight(&reader, options);
	json_read_texts(&reader, "exclude", &options->exclude);
	json_read_text(&reader, "positive", &options->positive);
	json_read_bool(&reader, "skip_null_target", &options->skip_null_target);
	json_read_bool(&reader, "allow_target_copy", &options->allow_target_copy);
	json_refuse(&reader, "algorithm", why);
	json_refuse(&reader, "holdout", why);
	json_refuse(&reader, "workers", why);
	json_close(&reader);

	foreach(cell, options->exclude)
		if (desc != NULL && record_column(desc, lfirst(cell)) < 0)
			json_fault(&faults, "exclude", "there is no feature \"%s\"", (char *) lfirst(cell));
	for (i = 0; desc != NULL && i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			!is_excluded(options, NameStr(TupleDescAttr(desc, i)->attname)))
			features++;
	if (options->forest.mtry > features && features > 0)
		json_fault(&faults, "mtry", "must not be more than the %d features", features);
	if (is_regression && (options->balanced || options->weighted != NIL))
		json_fault(&faults, "class_weight", "is for classes, and the target is a number");
	if (is_regression && options->positive != NULL)
		json_fault(&faults, "positive", "is for classes, and the target is a number");
	json_faults_raise(&faults, "options of random_forest");
}

/*
 * random_forest
 */

/* The state of the aggregate, in the aggregate's context */
typedef struct Training
{
	MemoryContext context;
	Memory		memory;
	Jsonb	   *json;			/* the options as they came, or NULL */
	TrainingOptions options;
	Collection *collection;

	/* Only where rows come in, not where states are combined */
	RecordReader reader;
	Field		target;
	int		   *attributes;		/* of each feature */
	Field	   *fields;			/* of each feature */
} Training;

static Jsonb *
options_argument(FunctionCallInfo fcinfo)
{
	if (PG_NARGS() < 4 || PG_ARGISNULL(3))
		return NULL;
	return PG_GETARG_JSONB_P(3);
}

static bool
same_json(const Jsonb *a, const Jsonb *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static void
check_same_options(const Jsonb *json, const Training *training)
{
	if (!same_json(json, training->json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of random_forest must be the same in all rows")));
}

/* The features among the columns of a record, with all that is wrong at once */
static void
describe_features(Training *training, TupleDesc desc)
{
	int			count = 0;
	int			i;
	StringInfoData other;
	StringInfoData twice;

	initStringInfo(&other);
	initStringInfo(&twice);
	training->attributes = palloc(sizeof(int) * (desc->natts + 1));
	training->fields = palloc(sizeof(Field) * (desc->natts + 1));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped || is_excluded(&training->options, NameStr(column->attname)))
			continue;
		if (record_column(desc, NameStr(column->attname)) != i)
			appendStringInfo(&twice, "%s\"%s\"", twice.len > 0 ? ", " : "",
							 NameStr(column->attname));
		if (!field_start(&training->fields[count], column->atttypid, training->context))
			appendStringInfo(&other, "%s\"%s\" (%s)", other.len > 0 ? ", " : "",
							 NameStr(column->attname), format_type_be(column->atttypid));
		training->attributes[count++] = i;
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

	training->collection = collect_start(&training->memory, count);
	for (i = 0; i < count; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, training->attributes[i])->attname);
		ForestText	text = {name, (uint32) strlen(name)};
		Field	   *field = &training->fields[i];

		collect_describe(&training->memory, training->collection, i, text,
						 field_kind(field->source), field->source);
	}
}

static void
describe_target(Training *training)
{
	ForestText	name = {"", 0};
	int32		code;

	collect_describe(&training->memory, training->collection,
					 training->collection->columns, name,
					 field_kind(training->target.source), training->target.source);

	/* Forests of true rows only, or false ones, have both classes too. */
	if (training->target.source == FIELD_BOOLEAN)
	{
		collect_code(&training->memory, training->collection,
					 collect_target(training->collection), field_boolean(false), &code);
		collect_code(&training->memory, training->collection,
					 collect_target(training->collection), field_boolean(true), &code);
	}
}

/* The state for a first row */
static Training *
training_start(FunctionCallInfo fcinfo, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Training   *training = palloc0(sizeof(Training));
	Jsonb	   *json = options_argument(fcinfo);
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1);

	training->context = context;
	training->memory = pg_memory(context);
	if (!OidIsValid(type))
		elog(ERROR, "could not determine the type of the target");
	if (!field_start(&training->target, type, context) ||
		training->target.source == FIELD_TIME)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target of type %s cannot be learned", format_type_be(type)),
				 errhint("A target is a number (regression), or a boolean, text or enum (classification).")));
	if (json != NULL)
	{
		training->json = palloc(VARSIZE(json));
		memcpy(training->json, json, VARSIZE(json));
	}
	record_reader_start(&training->reader, context);
	MemoryContextSwitchTo(old);
	return training;
}

/* Takes a record apart; the first one tells what the features are. */
static void
training_read(Training *training, HeapTupleHeader row)
{
	MemoryContext old;

	if (!record_read(&training->reader, row))
		return;
	old = MemoryContextSwitchTo(training->context);
	if (training->collection == NULL)
	{
		read_options(training->json, training->reader.desc,
					 training->target.source == FIELD_NUMBER, &training->options);
		describe_features(training, training->reader.desc);
		describe_target(training);
	}
	else
	{
		/* Rows of another layout, as from UNION ALL over whole rows */
		int			count = training->collection->columns;
		ForestText *names = palloc(sizeof(ForestText) * count);
		uint8	   *sources = palloc(count);
		int			i;

		for (i = 0; i < count; i++)
		{
			names[i] = training->collection->column[i].name;
			sources[i] = training->collection->column[i].source;
		}
		fields_match(training->reader.desc, count, names, sources,
					 training->attributes, training->fields, training->context);
		pfree(names);
		pfree(sources);
	}
	MemoryContextSwitchTo(old);
}

static void
check_memory(uint64 need, int64 rows, const char *what)
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

static void
set_value(Training *training, CollectColumn *column, Field *field, Datum value, bool null)
{
	int64		row = training->collection->rows;

	if (column->kind == FOREST_NUMBER)
		column->numbers[row] = null ? NAN : field_number(field, value);
	else if (null)
		column->codes[row] = -1;
	else
		collect_code(&training->memory, training->collection, column,
					 field_text(field, value), &column->codes[row]);
}

PG_FUNCTION_INFO_V1(promo_random_forest_accum);

/*
 * random_forest_accum(state internal, target "any", features record
 *		[, options jsonb]) returns internal
 */
Datum
promo_random_forest_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Training   *training;
	Collection *collection;
	CollectColumn *target;
	int			i;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "random_forest support function called outside an aggregate");
	if (PG_ARGISNULL(0))
		training = training_start(fcinfo, context);
	else
	{
		training = (Training *) PG_GETARG_POINTER(0);
		check_same_options(options_argument(fcinfo), training);
	}
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("features must not be null"),
				 errdetail("A row that an outer join filled up with NULLs has no features at all."),
				 errhint("Select the columns in a subquery, whose rows are never null, or leave such rows out with FILTER.")));
	training_read(training, PG_GETARG_HEAPTUPLEHEADER(2));
	if (PG_ARGISNULL(1))
	{
		if (training->options.skip_null_target)
			PG_RETURN_POINTER(training);
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("target must not be null"),
				 errhint("Leave such rows out, or set the option skip_null_target.")));
	}

	collection = training->collection;
	if (collect_is_full(collection))
	{
		if (collection->rows >= FOREST_MAX_ROWS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a forest learns from at most %d rows", FOREST_MAX_ROWS)));
		check_memory(collection->next_bytes, collection->rows, "Reading on after");
		collect_grow(&training->memory, collection);
	}
	target = collect_target(collection);
	set_value(training, target, &training->target, PG_GETARG_DATUM(1), false);
	if (target->kind == FOREST_NUMBER && !isfinite(target->numbers[collection->rows]))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("target must be a finite number")));
	if (target->names.count > FOREST_MAX_CLASSES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("target has more than %d classes", FOREST_MAX_CLASSES),
				 errhint("A target that is a number should have a numeric type.")));
	for (i = 0; i < collection->columns; i++)
	{
		int			attribute = training->attributes[i];

		set_value(training, &collection->column[i], &training->fields[i],
				  training->reader.values[attribute], training->reader.nulls[attribute]);
	}
	collection->rows++;
	PG_RETURN_POINTER(training);
}

/* An empty state for the same options and columns as another */
static Training *
training_like(const Training *other, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Training   *training = palloc0(sizeof(Training));
	int			i;

	training->context = context;
	training->memory = pg_memory(context);
	if (other->json != NULL)
	{
		training->json = palloc(VARSIZE(other->json));
		memcpy(training->json, other->json, VARSIZE(other->json));
	}
	training->collection = collect_start(&training->memory, other->collection->columns);
	for (i = 0; i <= other->collection->columns; i++)
	{
		const CollectColumn *column = &other->collection->column[i];

		collect_describe(&training->memory, training->collection, i,
						 column->name, column->kind, column->source);
	}
	MemoryContextSwitchTo(old);
	return training;
}

PG_FUNCTION_INFO_V1(promo_random_forest_combine);

/*
 * random_forest_combine(state internal, other internal) returns internal
 */
Datum
promo_random_forest_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Training   *training = PG_ARGISNULL(0) ? NULL : (Training *) PG_GETARG_POINTER(0);
	Training   *other = PG_ARGISNULL(1) ? NULL : (Training *) PG_GETARG_POINTER(1);
	bool		same;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "random_forest support function called outside an aggregate");
	if (other == NULL)
	{
		if (training == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(training);
	}
	if (training == NULL)
		training = training_like(other, context);
	check_same_options(other->json, training);
	check_memory(training->collection->bytes + other->collection->bytes * 2,
				 training->collection->rows + other->collection->rows, "Joining");
	if (training->collection->rows + other->collection->rows > FOREST_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a forest learns from at most %d rows", FOREST_MAX_ROWS)));
	collect_merge(&training->memory, training->collection, other->collection, &same);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("features must have the same names and types in all rows")));
	PG_RETURN_POINTER(training);
}

PG_FUNCTION_INFO_V1(promo_random_forest_serial);

/*
 * random_forest_serial(state internal) returns bytea
 */
Datum
promo_random_forest_serial(PG_FUNCTION_ARGS)
{
	Training   *training = (Training *) PG_GETARG_POINTER(0);
	Size		json_size = training->json == NULL ? 0 : VARSIZE(training->json);
	Size		size = add_size(add_size(VARHDRSZ + sizeof(uint32), json_size),
								collect_size(training->collection));
	bytea	   *bytes;
	unsigned char *at;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "random_forest support function called outside an aggregate");
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the rows that a parallel worker read for random_forest are too large to hand on"),
				 errhint("Set max_parallel_workers_per_gather to 0 for this statement.")));
	bytes = palloc(size);
	SET_VARSIZE(bytes, size);
	at = wire_write_u32((unsigned char *) VARDATA(bytes), (uint32) json_size);
	if (json_size > 0)
		memcpy(at, training->json, json_size);
	collect_write(training->collection, at + json_size);
	PG_RETURN_BYTEA_P(bytes);
}

PG_FUNCTION_INFO_V1(promo_random_forest_deserial);

/*
 * random_forest_deserial(bytea, internal) returns internal
 */
Datum
promo_random_forest_deserial(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	Training   *training = palloc0(sizeof(Training));
	WireReader	reader;
	uint32		json_size;
	const void *json;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "random_forest support function called outside an aggregate");
	training->context = CurrentMemoryContext;
	training->memory = pg_memory(CurrentMemoryContext);
	wire_reader_start(&reader, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	json_size = wire_read_u32(&reader);
	json = wire_read_bytes(&reader, json_size);
	if (json_size > 0 && json != NULL)
	{
		training->json = palloc(json_size);
		memcpy(training->json, json, json_size);
	}
	if (!reader.failed)
		training->collection = collect_read(&training->memory, reader.at, wire_left(&reader));
	if (training->collection == NULL)
		elog(ERROR, "invalid state of random_forest");
	PG_RETURN_POINTER(training);
}

static void
append_name(StringInfo list, ForestText name)
{
	appendStringInfo(list, "%s\"%.*s\"", list->len > 0 ? ", " : "",
					 (int) name.size, name.data);
}

/*
 * The mistakes that make a forest look good and be useless: the target among
 * the features, and ids.
 */
static void
examine(const Memory *memory, const ForestData *data, const TrainingOptions *options)
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

/* The options that speak of classes, now that these are known */
static void
resolve_classes(const ForestData *data, const TrainingOptions *options,
				ForestOptions *forest)
{
	double	   *weights = NULL;
	JsonFaults	faults;
	ListCell   *cell;
	int64		row;
	int			i;

	json_faults_start(&faults);
	forest->positive = -1;
	if (options->positive != NULL)
	{
		forest->positive = find_class(data, options->positive);
		if (forest->positive < 0)
			json_fault(&faults, "positive", "no row is of class \"%s\"", options->positive);
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
		if (i < 0)
			json_fault(&faults, "class_weight", "no row is of class \"%s\"", (char *) lfirst(cell));
		else
			weights[i] = options->weights[foreach_current_index(cell)];
	}
	json_faults_raise(&faults, "options of random_forest");
	forest->class_weights = weights;
}

PG_FUNCTION_INFO_V1(promo_random_forest_final);

/*
 * random_forest_final(state internal) returns forest
 */
Datum
promo_random_forest_final(PG_FUNCTION_ARGS)
{
	Training   *training;
	TrainingOptions options;
	Memory		memory = pg_memory(CurrentMemoryContext);
	ForestData	data;
	ForestProblem problem = {0};
	char	   *bytes;
	size_t		size;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "random_forest support function called outside an aggregate");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	training = (Training *) PG_GETARG_POINTER(0);
	if (training->collection == NULL || training->collection->rows == 0)
		PG_RETURN_NULL();

	/* A combined state has its options only as they came. */
	if (training->reader.desc != NULL)
		options = training->options;
	else
		read_options(training->json, NULL, collect_target(training->collection)->kind == FOREST_NUMBER,
					 &options);
	check_memory(training->collection->bytes + collect_data_need(training->collection),
				 training->collection->rows, "Training on");
	if (!collect_data(&memory, training->collection, &data))
		elog(ERROR, "out of memory in random_forest");
	resolve_classes(&data, &options, &options.forest);
	check_memory(training->collection->bytes + collect_data_need(training->collection) +
				 forest_need(&data, &options.forest),
				 training->collection->rows, "Training on");
	examine(&memory, &data, &options);
	if (!forest_train(&memory, &data, &options.forest, sizeof(ForestValueHead),
					  &bytes, &size, &problem))
		forest_raise(&problem, "training");
	return forest_value(bytes, size);
}

PG_FUNCTION_INFO_V1(promo_forest_merge_accum);

/*
 * forest_merge_accum(forest, forest) returns forest
 */
Datum
promo_forest_merge_accum(PG_FUNCTION_ARGS)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	ForestProblem problem = {0};
	Forest		models[2];
	char	   *bytes;
	size_t		size;
	int			i;

	for (i = 0; i < 2; i++)
		forest_view(&models[i], PG_DETOAST_DATUM(PG_GETARG_DATUM(i)));
	if (!forest_merge(&memory, models, 2, sizeof(ForestValueHead), &bytes, &size, &problem))
	{
		if (problem.status == FOREST_OTHER_FEATURES)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot merge forests of different features"),
					 problem.feature >= 0 && problem.feature < models[0].n_features ?
					 errdetail("They differ from feature \"%s\" on.",
							   forest_cstring(forest_feature_name(&models[0], problem.feature))) : 0));
		forest_raise(&problem, "merging");
	}
	return forest_value(bytes, size);
}
