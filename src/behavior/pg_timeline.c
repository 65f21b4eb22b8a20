/*-------------------------------------------------------------------------
 *
 * pg_timeline.c
 *	  The type timeline: input and output, aggregates, order, its functions.
 *
 * The aggregates' running state has the type itself.  It is a state in the
 * sense of timeline.h, in a block with slack that is changed in place; when it
 * is full, the transition function gives back a larger one and the executor
 * moves that home.  A state can leave its aggregate (to another process, or
 * as text to another server), so whoever takes a timeline accepts states, and
 * makes values of them first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "behavior/pg_timeline.h"
#include "pg/memory.h"
#include "pg/record.h"

PG_FUNCTION_INFO_V1(promo_timeline_in);
PG_FUNCTION_INFO_V1(promo_timeline_out);
PG_FUNCTION_INFO_V1(promo_timeline_recv);
PG_FUNCTION_INFO_V1(promo_timeline_send);
PG_FUNCTION_INFO_V1(promo_timeline_accum);
PG_FUNCTION_INFO_V1(promo_timeline_accum_kind);
PG_FUNCTION_INFO_V1(promo_timeline_accum_record);
PG_FUNCTION_INFO_V1(promo_timeline_accum_timeline);
PG_FUNCTION_INFO_V1(promo_timeline_combine);
PG_FUNCTION_INFO_V1(promo_timeline_final);
PG_FUNCTION_INFO_V1(promo_timeline_needs_zone);
PG_FUNCTION_INFO_V1(promo_timeline_merge);
PG_FUNCTION_INFO_V1(promo_timeline_forget_before);
PG_FUNCTION_INFO_V1(promo_timeline_events);
PG_FUNCTION_INFO_V1(promo_timeline_eq);
PG_FUNCTION_INFO_V1(promo_timeline_ne);
PG_FUNCTION_INFO_V1(promo_timeline_lt);
PG_FUNCTION_INFO_V1(promo_timeline_le);
PG_FUNCTION_INFO_V1(promo_timeline_gt);
PG_FUNCTION_INFO_V1(promo_timeline_ge);
PG_FUNCTION_INFO_V1(promo_timeline_cmp);
PG_FUNCTION_INFO_V1(promo_timeline_hash);
PG_FUNCTION_INFO_V1(promo_timeline_hash_extended);

/* The columns of a record that an event is read from. */
typedef enum EventColumn
{
	COLUMN_AT,
	COLUMN_AMOUNT,
	COLUMN_KIND,
	COLUMN_DISCOUNT,
	COLUMN_ITEMS,
	COLUMN_CATEGORY,
	COLUMN_ORDER_ID,
	COLUMN_EVENT_ID,
	COLUMN_RATING,
	COLUMNS
} EventColumn;

static const struct
{
	const char *name;
	uint32		has;
	bool		text;
}			event_columns[COLUMNS] =
{
	{"at", 0, false},
	{"amount", TIMELINE_HAS_AMOUNT, false},
	{"kind", TIMELINE_HAS_KIND, true},
	{"discount", TIMELINE_HAS_DISCOUNT, false},
	{"items", TIMELINE_HAS_ITEMS, false},
	{"category", TIMELINE_HAS_CATEGORY, true},
	{"order_id", TIMELINE_HAS_ORDER_ID, true},
	{"event_id", TIMELINE_HAS_EVENT_ID, true},
	{"rating", TIMELINE_HAS_RATING, false}
};

/*
 * Where the columns stand in the records of one call site, kept in fn_extra
 * and looked up again whenever the records' layout changes.
 */
typedef struct EventColumns
{
	RecordReader reader;
	int			number[COLUMNS];	/* -1 where there is none */
	Oid			type[COLUMNS];	/* below any domain */
	FmgrInfo	output[COLUMNS];	/* of texts that are not text */
} EventColumns;

/*-------------------------------------------------------------------------
 * Errors
 *-------------------------------------------------------------------------
 */

/* Turns a status that is not TIMELINE_OK into an error. */
static void
timeline_report(TimelineStatus status)
{
	switch (status)
	{
		case TIMELINE_OK:
			break;
		case TIMELINE_BAD_TIME:
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("time of an event must be finite")));
			break;
		case TIMELINE_BAD_NUMBER:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("numbers of an event must be finite"),
					 errdetail("amount, discount, items and rating must not be NaN or infinite.")));
			break;
		case TIMELINE_EMPTY_TEXT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("kind, order_id and event_id of an event must not be empty"),
					 errhint("What is missing is NULL: nullif(event_id, '').")));
			break;
		case TIMELINE_CORRUPT:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("bytes are not a timeline")));
			break;
		case TIMELINE_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("timeline is too large"),
					 errdetail("A timeline takes at most %zu bytes.", TIMELINE_LARGEST),
					 errhint("Group by customer, or leave out what is no customer's behavior, such as robots.")));
			break;
		case TIMELINE_NO_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory")));
			break;
	}
}

static void
timeline_report_no_time(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("event has no time"),
			 errhint("Leave out such rows: FILTER (WHERE at IS NOT NULL).")));
}

/*
 * timeline(timestamp, ...), timeline(date, ...), forget_before(timeline, ...)
 *
 * They are declared so that a timestamp without zone is not read in the
 * session's zone by an implicit cast.
 */
Datum
promo_timeline_needs_zone(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("time must be timestamptz"),
			 errdetail("A timestamp or date without a zone does not say when it was."),
			 errhint("Name the zone it was written in: at AT TIME ZONE 'Europe/Berlin', for a date at::timestamp AT TIME ZONE 'Europe/Berlin'.")));
	PG_RETURN_NULL();
}

/*-------------------------------------------------------------------------
 * States and values
 *-------------------------------------------------------------------------
 */

static void *
timeline_state_alloc(void *arg, size_t size)
{
	(void) arg;
	return palloc(size);
}

/* The executor frees the old state, or it goes with its context. */
static void
timeline_state_release(void *arg, void *pointer)
{
	(void) arg;
	(void) pointer;
}

static bool
timeline_state_may_go_on(void *arg)
{
	(void) arg;
	CHECK_FOR_INTERRUPTS();
	return true;
}

static const Memory timeline_state_memory = {timeline_state_alloc, timeline_state_release, timeline_state_may_go_on, NULL};

static TimelineState *
timeline_new_state(size_t *capacity, size_t size)
{
	TimelineState *state;

	*capacity = TIMELINE_LEAST_STATE;
	while (*capacity < size && *capacity <= TIMELINE_LARGEST / 2)
		*capacity *= 2;
	state = palloc0(*capacity);
	timeline_start(state);
	return state;
}

static void
timeline_add_datum(TimelineState **state, size_t *capacity, Datum value)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	TimelineReader reader;

	timeline_read(&reader, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
	timeline_report(reader.failed ? TIMELINE_CORRUPT :
					timeline_add_all(state, capacity, &reader, &timeline_state_memory));
}

/*
 * The running state of an aggregate, to be changed in place: an empty one at
 * the first call, a copy where what came is a value or was packed on its way
 * from another process.
 */
static TimelineState *
timeline_get_state(FunctionCallInfo fcinfo, size_t *capacity)
{
	TimelineState *state;
	struct varlena *value;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "timeline support function called outside an aggregate");
	if (PG_ARGISNULL(0))
		return timeline_new_state(capacity, 0);

	value = (struct varlena *) PG_GETARG_POINTER(0);
	state = (TimelineState *) value;
	if (VARATT_IS_4B_U(value) && state->flags & TIMELINE_STATE &&
		(uintptr_t) value == MAXALIGN((uintptr_t) value))
	{
		*capacity = VARSIZE(value);
		return state;
	}
	state = timeline_new_state(capacity, toast_raw_datum_size(PointerGetDatum(value)) * 2);
	timeline_add_datum(&state, capacity, PointerGetDatum(value));
	return state;
}

static inline Datum
timeline_state_datum(TimelineState *state, size_t capacity)
{
	SET_VARSIZE(state, capacity);
	return PointerGetDatum(state);
}

static struct varlena *
timeline_finish_block(const void *data, size_t size)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	unsigned char *value;
	size_t		value_size;

	timeline_report(timeline_finish(data, size, &memory, &value, &value_size));
	SET_VARSIZE(value, value_size);
	return (struct varlena *) value;
}

static struct varlena *
timeline_finish_state(const TimelineState *state, size_t capacity)
{
	return timeline_finish_block((const char *) state + TIMELINE_PREFIX, capacity - TIMELINE_PREFIX);
}

/* A timeline that is a value. */
static struct varlena *
timeline_get_value(Datum datum)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(datum);
	const unsigned char *data = (const unsigned char *) VARDATA_ANY(packed);
	size_t		size = VARSIZE_ANY_EXHDR(packed);

	if (size > 1 && data[1] & TIMELINE_STATE)
		return timeline_finish_block(data, size);
	return packed;
}

void
pg_timeline_read(TimelineReader *reader, Datum value)
{
	struct varlena *packed = timeline_get_value(value);

	timeline_read(reader, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
	pg_timeline_done(reader);
}

void
pg_timeline_done(const TimelineReader *reader)
{
	if (reader->failed)
		timeline_report(TIMELINE_CORRUPT);
}

/*-------------------------------------------------------------------------
 * Input and output
 *-------------------------------------------------------------------------
 */

/*
 * timeline_in(cstring) returns timeline
 *
 * The text form, see timeline.h; events may come in any order.
 */
Datum
promo_timeline_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	Memory		memory = pg_memory(CurrentMemoryContext);
	size_t		capacity;
	TimelineState *state = timeline_new_state(&capacity, strlen(text) / 4);
	TimelineFault fault;
	TimelineStatus status;

	status = timeline_read_text(text, GetDatabaseEncoding() == PG_UTF8,
								&state, &capacity, &memory, &fault);
	if (status == TIMELINE_CORRUPT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", "timeline"),
				 errdetail("%s, at character %d.", fault.problem,
						   pg_mbstrlen_with_len(text, (int) fault.at) + 1)));
	timeline_report(status);
	PG_RETURN_POINTER(timeline_finish_state(state, capacity));
}

/* timeline_out(timeline) returns cstring */
Datum
promo_timeline_out(PG_FUNCTION_ARGS)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	TimelineReader reader;
	char	   *text;

	pg_timeline_read(&reader, PG_GETARG_DATUM(0));
	timeline_report(timeline_write_text(&reader, &memory, &text));
	PG_RETURN_CSTRING(text);
}

/* Texts of a value that comes from outside must be in our encoding. */
static void
timeline_verify_text(const TimelineText *text)
{
	(void) pg_verify_mbstr(GetDatabaseEncoding(), text->data, (int) text->length, false);
}

/*
 * timeline_recv(internal) returns timeline
 *
 * The bytes of a value, which carry their version.  Texts among them are in
 * the encoding of the database.
 */
Datum
promo_timeline_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	Memory		memory = pg_memory(CurrentMemoryContext);
	int			size = buffer->len - buffer->cursor;
	const char *bytes = pq_getmsgbytes(buffer, size);
	TimelineStatus status = timeline_validate(bytes, (size_t) size, &memory);
	struct varlena *value;
	TimelineReader reader;
	TimelineEvent event;

	if (status == TIMELINE_TOO_LARGE || status == TIMELINE_NO_MEMORY)
		timeline_report(status);
	if (status != TIMELINE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary form of type %s", "timeline"),
				 size > 0 && bytes[0] != TIMELINE_VERSION ?
				 errdetail("Its version is %d; this is version %d.",
						   (unsigned char) bytes[0], TIMELINE_VERSION) : 0));

	timeline_read(&reader, bytes, (size_t) size);
	while (timeline_next(&reader, &event))
	{
		if (event.has & TIMELINE_HAS_KIND)
			timeline_verify_text(&event.kind_name);
		if (event.has & TIMELINE_HAS_CATEGORY)
			timeline_verify_text(&event.category);
		if (event.has & TIMELINE_HAS_ORDER_ID)
			timeline_verify_text(&event.order_id);
		if (event.has & TIMELINE_HAS_EVENT_ID)
			timeline_verify_text(&event.event_id);
	}

	value = palloc(size + VARHDRSZ);
	SET_VARSIZE(value, size + VARHDRSZ);
	memcpy(VARDATA(value), bytes, size);
	PG_RETURN_POINTER(value);
}

/* timeline_send(timeline) returns bytea */
Datum
promo_timeline_send(PG_FUNCTION_ARGS)
{
	struct varlena *value = timeline_get_value(PG_GETARG_DATUM(0));
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/*-------------------------------------------------------------------------
 * Aggregates
 *-------------------------------------------------------------------------
 */

/*
 * timeline(at timestamptz, amount float8) returns timeline
 *
 * A row with neither time nor amount, as an outer join makes them, is no
 * event.  An amount that is NULL is not known.
 */
Datum
promo_timeline_accum(PG_FUNCTION_ARGS)
{
	TimelineState *state;
	size_t		capacity;

	if (PG_ARGISNULL(1))
	{
		if (!PG_ARGISNULL(2))
			timeline_report_no_time();
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}

	state = timeline_get_state(fcinfo, &capacity);
	if (!PG_ARGISNULL(2))
		timeline_report(timeline_add_amount(&state, &capacity, PG_GETARG_TIMESTAMPTZ(1),
											PG_GETARG_FLOAT8(2), &timeline_state_memory));
	else
	{
		TimelineEvent event = {.at = PG_GETARG_TIMESTAMPTZ(1)};

		timeline_report(timeline_add(&state, &capacity, &event, &timeline_state_memory));
	}
	PG_RETURN_DATUM(timeline_state_datum(state, capacity));
}

/*
 * timeline(at timestamptz, amount float8, kind text) returns timeline
 *
 * The kind is 'order' where it is NULL.
 */
Datum
promo_timeline_accum_kind(PG_FUNCTION_ARGS)
{
	TimelineEvent event = {.kind = TIMELINE_ORDER};
	TimelineState *state;
	size_t		capacity;

	if (PG_ARGISNULL(1))
	{
		if (!PG_ARGISNULL(2))
			timeline_report_no_time();
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}

	state = timeline_get_state(fcinfo, &capacity);
	event.at = PG_GETARG_TIMESTAMPTZ(1);
	if (!PG_ARGISNULL(2))
	{
		event.has |= TIMELINE_HAS_AMOUNT;
		event.amount = PG_GETARG_FLOAT8(2);
	}
	if (!PG_ARGISNULL(3))
	{
		text	   *kind = PG_GETARG_TEXT_PP(3);

		timeline_set_kind(&event, VARDATA_ANY(kind), VARSIZE_ANY_EXHDR(kind));
	}
	timeline_report(timeline_add(&state, &capacity, &event, &timeline_state_memory));
	PG_RETURN_DATUM(timeline_state_datum(state, capacity));
}

/*
 * Looks the columns of an event up in a layout of records.  All that is wrong
 * with them comes in one error.
 */
static void
timeline_find_columns(EventColumns *columns)
{
	TupleDesc	desc = columns->reader.desc;
	StringInfoData faults;
	bool		nameless = false;
	bool		zoneless = false;
	int			i;

	initStringInfo(&faults);
	for (i = 0; i < COLUMNS; i++)
	{
		int			number = record_column(desc, event_columns[i].name);
		Oid			type;

		columns->number[i] = number;
		if (number < 0)
			continue;
		type = getBaseType(TupleDescAttr(desc, number)->atttypid);
		columns->type[i] = type;

		if (i == COLUMN_AT)
		{
			if (type == TIMESTAMPTZOID)
				continue;
			zoneless = type == TIMESTAMPOID || type == DATEOID;
			appendStringInfo(&faults, "%sColumn \"%s\" has type %s, it must be timestamptz.",
							 faults.len > 0 ? "\n" : "", event_columns[i].name,
							 format_type_be(type));
		}
		else if (event_columns[i].text)
		{
			if (type != TEXTOID && type != VARCHAROID && type != BPCHAROID)
			{
				Oid			output;
				bool		is_varlena;

				getTypeOutputInfo(type, &output, &is_varlena);
				fmgr_info_cxt(output, &columns->output[i], columns->reader.context);
			}
		}
		else if (type != FLOAT8OID && type != FLOAT4OID && type != NUMERICOID &&
				 type != INT2OID && type != INT4OID && type != INT8OID)
			appendStringInfo(&faults, "%sColumn \"%s\" has type %s, it must be a number.",
							 faults.len > 0 ? "\n" : "", event_columns[i].name,
							 format_type_be(type));
	}
	if (columns->number[COLUMN_AT] < 0)
	{
		nameless = record_column(desc, "f1") >= 0;
		appendStringInfo(&faults, "%sThere is no column \"at\".",
						 faults.len > 0 ? "\n" : "");
	}
	if (faults.len > 0)
	{
		/* Look again next time, should the error be caught. */
		columns->reader.type_id = InvalidOid;
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("record is not an event"),
				 errdetail_internal("%s", faults.data),
				 nameless ?
				 errhint("ROW(...) loses the names of its columns; name them in a subquery: timeline(e) FROM (SELECT at, amount FROM ...) e.") :
				 zoneless ?
				 errhint("Name the zone the times were written in: at AT TIME ZONE 'Europe/Berlin' AS at.") :
				 errhint("Columns of an event are at, amount, kind, discount, items, category, order_id, event_id, rating; others are not looked at.")));
	}
	pfree(faults.data);
}

static double
timeline_number_value(Oid type, Datum value)
{
	switch (type)
	{
		case FLOAT8OID:
			return DatumGetFloat8(value);
		case FLOAT4OID:
			return (double) DatumGetFloat4(value);
		case INT2OID:
			return (double) DatumGetInt16(value);
		case INT4OID:
			return (double) DatumGetInt32(value);
		case INT8OID:
			return (double) DatumGetInt64(value);
		default:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
	}
}

/* A text, or whatever a value of another type prints as. */
static TimelineText
timeline_text_value(Oid type, FmgrInfo *output, Datum value)
{
	TimelineText result;

	if (type == TEXTOID || type == VARCHAROID || type == BPCHAROID)
	{
		text	   *packed = DatumGetTextPP(value);

		result.data = VARDATA_ANY(packed);
		result.length = (uint32) VARSIZE_ANY_EXHDR(packed);

		/* char(n) is padded with blanks that do not count. */
		while (type == BPCHAROID && result.length > 0 &&
			   result.data[result.length - 1] == ' ')
			result.length--;
	}
	else
	{
		result.data = OutputFunctionCall(output, value);
		result.length = (uint32) strlen(result.data);
	}
	return result;
}

/*
 * timeline(event record) returns timeline
 *
 * Columns are matched by name; those of other names are not looked at, so
 * that whole rows of a table can be given.  A row in which every column of an
 * event is NULL is no event.
 */
Datum
promo_timeline_accum_record(PG_FUNCTION_ARGS)
{
	EventColumns *columns = fcinfo->flinfo->fn_extra;
	TimelineEvent event = {.kind = TIMELINE_ORDER};
	TimelineState *state;
	size_t		capacity;
	bool		has_time = false;
	bool		has_any = false;
	int			i;

	if (!PG_ARGISNULL(1))
	{
		if (columns == NULL)
		{
			columns = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(EventColumns));
			record_reader_start(&columns->reader, fcinfo->flinfo->fn_mcxt);
			fcinfo->flinfo->fn_extra = columns;
		}
		if (record_read(&columns->reader, PG_GETARG_HEAPTUPLEHEADER(1)))
			timeline_find_columns(columns);
		for (i = 0; i < COLUMNS; i++)
		{
			int			number = columns->number[i];
			Datum		value;

			if (number < 0 || columns->reader.nulls[number])
				continue;
			value = columns->reader.values[number];
			has_any = true;
			event.has |= event_columns[i].has;
			switch ((EventColumn) i)
			{
				case COLUMN_AT:
					event.at = DatumGetTimestampTz(value);
					has_time = true;
					break;
				case COLUMN_AMOUNT:
					event.amount = timeline_number_value(columns->type[i], value);
					break;
				case COLUMN_KIND:
					{
						TimelineText kind = timeline_text_value(columns->type[i],
																&columns->output[i], value);

						timeline_set_kind(&event, kind.data, kind.length);
						break;
					}
				case COLUMN_DISCOUNT:
					event.discount = timeline_number_value(columns->type[i], value);
					break;
				case COLUMN_ITEMS:
					event.items = timeline_number_value(columns->type[i], value);
					break;
				case COLUMN_CATEGORY:
					event.category = timeline_text_value(columns->type[i],
														 &columns->output[i], value);
					break;
				case COLUMN_ORDER_ID:
					event.order_id = timeline_text_value(columns->type[i],
														 &columns->output[i], value);
					break;
				case COLUMN_EVENT_ID:
					event.event_id = timeline_text_value(columns->type[i],
														 &columns->output[i], value);
					break;
				case COLUMN_RATING:
					event.rating = timeline_number_value(columns->type[i], value);
					break;
				case COLUMNS:
					break;
			}
		}
	}
	if (!has_any)
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (!has_time)
		timeline_report_no_time();

	state = timeline_get_state(fcinfo, &capacity);
	timeline_report(timeline_add(&state, &capacity, &event, &timeline_state_memory));
	PG_RETURN_DATUM(timeline_state_datum(state, capacity));
}

/*
 * timeline_merge(timeline) returns timeline, and the combining of states
 */
Datum
promo_timeline_accum_timeline(PG_FUNCTION_ARGS)
{
	TimelineState *state;
	size_t		capacity;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	state = timeline_get_state(fcinfo, &capacity);
	timeline_add_datum(&state, &capacity, PG_GETARG_DATUM(1));
	PG_RETURN_DATUM(timeline_state_datum(state, capacity));
}

/* Strict: the first state is taken as it is. */
Datum
promo_timeline_combine(PG_FUNCTION_ARGS)
{
	TimelineState *state;
	size_t		capacity;

	state = timeline_get_state(fcinfo, &capacity);
	timeline_add_datum(&state, &capacity, PG_GETARG_DATUM(1));
	PG_RETURN_DATUM(timeline_state_datum(state, capacity));
}

/* Never changes the state. */
Datum
promo_timeline_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(timeline_get_value(PG_GETARG_DATUM(0)));
}

/*-------------------------------------------------------------------------
 * Functions
 *-------------------------------------------------------------------------
 */

/*
 * merge(timeline, timeline) returns timeline
 *
 * The events of both; events with an event id once.
 */
Datum
promo_timeline_merge(PG_FUNCTION_ARGS)
{
	Datum		a = PG_GETARG_DATUM(0);
	Datum		b = PG_GETARG_DATUM(1);
	size_t		capacity;
	TimelineState *state = timeline_new_state(&capacity, toast_raw_datum_size(a) +
											  toast_raw_datum_size(b));

	timeline_add_datum(&state, &capacity, a);
	timeline_add_datum(&state, &capacity, b);
	PG_RETURN_POINTER(timeline_finish_state(state, capacity));
}

/*
 * forget_before(timeline, before timestamptz) returns timeline
 *
 * The events at that time and after it.
 */
Datum
promo_timeline_forget_before(PG_FUNCTION_ARGS)
{
	TimestampTz before = PG_GETARG_TIMESTAMPTZ(1);
	size_t		capacity;
	TimelineState *state;
	TimelineReader reader;
	TimelineEvent event;

	pg_timeline_read(&reader, PG_GETARG_DATUM(0));
	state = timeline_new_state(&capacity, reader.end - reader.place);
	while (timeline_next(&reader, &event))
		if (event.at >= before)
			timeline_report(timeline_add(&state, &capacity, &event, &timeline_state_memory));
	pg_timeline_done(&reader);
	PG_RETURN_POINTER(timeline_finish_state(state, capacity));
}

static Datum
timeline_text_datum(TimelineText text)
{
	return PointerGetDatum(cstring_to_text_with_len(text.data, (int) text.length));
}

/*
 * events(timeline) returns TABLE(at, amount, kind, discount, items, category,
 * order_id, event_id, rating)
 */
Datum
promo_timeline_events(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext row;
	MemoryContext old;
	TimelineReader reader;
	TimelineEvent event;

	InitMaterializedSRF(fcinfo, 0);
	pg_timeline_read(&reader, PG_GETARG_DATUM(0));
	row = AllocSetContextCreate(CurrentMemoryContext, "promo timeline event",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(row);
	while (timeline_next(&reader, &event))
	{
		Datum		values[COLUMNS];
		bool		nulls[COLUMNS];
		int			i;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(row);
		for (i = 0; i < COLUMNS; i++)
		{
			nulls[i] = (event.has & event_columns[i].has) == 0;
			values[i] = (Datum) 0;
		}
		nulls[COLUMN_AT] = nulls[COLUMN_KIND] = false;
		values[COLUMN_AT] = TimestampTzGetDatum(event.at);
		values[COLUMN_KIND] = timeline_text_datum(timeline_kind_name(&event));
		if (!nulls[COLUMN_AMOUNT])
			values[COLUMN_AMOUNT] = Float8GetDatum(event.amount);
		if (!nulls[COLUMN_DISCOUNT])
			values[COLUMN_DISCOUNT] = Float8GetDatum(event.discount);
		if (!nulls[COLUMN_ITEMS])
			values[COLUMN_ITEMS] = Float8GetDatum(event.items);
		if (!nulls[COLUMN_CATEGORY])
			values[COLUMN_CATEGORY] = timeline_text_datum(event.category);
		if (!nulls[COLUMN_ORDER_ID])
			values[COLUMN_ORDER_ID] = timeline_text_datum(event.order_id);
		if (!nulls[COLUMN_EVENT_ID])
			values[COLUMN_EVENT_ID] = timeline_text_datum(event.event_id);
		if (!nulls[COLUMN_RATING])
			values[COLUMN_RATING] = Float8GetDatum(event.rating);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
	pg_timeline_done(&reader);
	return (Datum) 0;
}

/*-------------------------------------------------------------------------
 * Order and hash
 *-------------------------------------------------------------------------
 */

static int
timeline_compare_datums(FunctionCallInfo fcinfo)
{
	struct varlena *a = timeline_get_value(PG_GETARG_DATUM(0));
	struct varlena *b = timeline_get_value(PG_GETARG_DATUM(1));
	int			order = timeline_compare(VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a),
										 VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b));

	/* An index over many values must not keep what it detoasted. */
	if ((Pointer) a != PG_GETARG_POINTER(0))
		pfree(a);
	if ((Pointer) b != PG_GETARG_POINTER(1))
		pfree(b);
	return order;
}

Datum
promo_timeline_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(timeline_compare_datums(fcinfo));
}

Datum
promo_timeline_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(timeline_compare_datums(fcinfo) == 0);
}

Datum
promo_timeline_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(timeline_compare_datums(fcinfo) != 0);
}

Datum
promo_timeline_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(timeline_compare_datums(fcinfo) < 0);
}

Datum
promo_timeline_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(timeline_compare_datums(fcinfo) <= 0);
}

Datum
promo_timeline_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(timeline_compare_datums(fcinfo) > 0);
}

Datum
promo_timeline_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(timeline_compare_datums(fcinfo) >= 0);
}

static uint64
timeline_hash_datum(FunctionCallInfo fcinfo, uint64 seed)
{
	struct varlena *value = timeline_get_value(PG_GETARG_DATUM(0));
	uint64		result = timeline_hash(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
									   seed);

	if ((Pointer) value != PG_GETARG_POINTER(0))
		pfree(value);
	return result;
}

Datum
promo_timeline_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT32((uint32) timeline_hash_datum(fcinfo, 0));
}

/* With seed 0 its low half is promo_timeline_hash, as hash classes ask for. */
Datum
promo_timeline_hash_extended(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT64(timeline_hash_datum(fcinfo, (uint64) PG_GETARG_INT64(1)));
}
