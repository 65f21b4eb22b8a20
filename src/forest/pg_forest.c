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

#include "common/base64.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/hash.h"
#include "forest/pg_forest.h"
#include "forest/pg_learn.h"
#include "pg/memory.h"
#include "pg/record.h"
#include "promo.h"

/* What the text form begins with: the version, and a colon. */
#define TEXT_PREFIX "1:"

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
		case FOREST_BAD_WEIGHT:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("weights must be from 1e-9 to 1e9"),
					 errdetail(INT64_FORMAT " rows have others.", problem->count)));
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
		case FOREST_OTHER_ALGORITHM:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot merge forests of different algorithms")));
		case FOREST_NO_MEAN:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot merge models that add up what their parts say"),
					 errdetail("Boosted trees mend what those before them left, and a linear model has one set of weights; only forests of trees that know nothing of each other can be merged.")));
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
 * random_forest
 */

/* The state of the aggregate, in the aggregate's context */
typedef struct Training
{
	MemoryContext context;
	Memory		memory;
	Jsonb	   *json;			/* the options as they came, or NULL */
	TrainingOptions options;
	Intake		intake;			/* where states are combined, its collection only */
	RecordReader reader;		/* desc is NULL where states are combined */
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
	intake_start(&training->intake, context, type);
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
	if (training->intake.collection == NULL)
	{
		options_read(training->json, OPTIONS_AGGREGATE, "random_forest",
					 training->reader.desc, NIL,
					 training->intake.target.source == FIELD_NUMBER, &training->options);
		intake_columns(&training->intake, training->reader.desc, &training->options, NIL);
	}
	else
	{
		/* Rows of another layout, as from UNION ALL over whole rows */
		intake_match(&training->intake, training->reader.desc);
	}
	MemoryContextSwitchTo(old);
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
	(void) intake_row(&training->intake, &training->options,
					  training->reader.values, training->reader.nulls,
					  PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1));
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
	training->intake.collection = collect_start(&training->memory, other->intake.collection->columns);
	for (i = 0; i <= other->intake.collection->columns; i++)
	{
		const CollectColumn *column = &other->intake.collection->column[i];

		collect_describe(&training->memory, training->intake.collection, i,
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
	learn_check_memory(training->intake.collection->bytes + other->intake.collection->bytes * 2,
				 training->intake.collection->rows + other->intake.collection->rows, "Joining");
	learn_check_rows(training->intake.collection->rows + other->intake.collection->rows);
	collect_merge(&training->memory, training->intake.collection, other->intake.collection, &same);
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
								collect_size(training->intake.collection));
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
	collect_write(training->intake.collection, at + json_size);
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
		training->intake.collection = collect_read(&training->memory, reader.at, wire_left(&reader));
	if (training->intake.collection == NULL)
		elog(ERROR, "invalid state of random_forest");
	PG_RETURN_POINTER(training);
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
	Collection *collection;
	ForestData	data;
	char	   *bytes;
	Size		size;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "random_forest support function called outside an aggregate");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	training = (Training *) PG_GETARG_POINTER(0);
	collection = training->intake.collection;
	if (collection == NULL || collection->rows == 0)
		PG_RETURN_NULL();

	/* A combined state has its options only as they came. */
	if (training->reader.desc != NULL)
		options = training->options;
	else
		options_read(training->json, OPTIONS_AGGREGATE, "random_forest", NULL, NIL,
					 collect_target(collection)->kind == FOREST_NUMBER, &options);
	learn_data(&memory, collection, &data);
	learn_classes(&data, &options, "random_forest", &options.forest);
	learn_examine(&memory, &data, &options);
	bytes = learn_model(&memory, &data, &options.forest,
						collection->bytes + collect_data_need(collection),
						sizeof(ForestValueHead), &size);
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
