/*-------------------------------------------------------------------------
 *
 * pg_earn_all.c
 *	  The purchases of a whole query posted to the ledger of points.
 *
 * The rows of the query are kept in a tuplestore.  One statement finds the
 * member of each, locked by then, and what was posted under its key; its rows
 * come member by member.  They become the rows of the ledger's tables, in more
 * tuplestores, each of which one statement inserts.  What the members of whom
 * that would not be all (who hold points, owe some, or lose them by being
 * inactive) bought is posted as earn() does, one after the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/time.h"
#include "membership/pg_purchase.h"
#include "membership/pg_rules.h"
#include "membership/pg_standing.h"
#include "membership/pg_terms.h"
#include "pg/owner.h"
#include "pg/query.h"
#include "pg/record.h"
#include "pg/spi.h"

/* Rows fetched at a time: few enough to stay in cache. */
#define FETCH_ROWS 1000

/* A relation of our own for statements within SPI */
typedef struct Kept
{
	const char *name;
	TupleDesc	desc;
	Tuplestorestate *store;
	int64		rows;
} Kept;

static void
keep_start(Kept *kept, const char *name, int columns, const char *const names[], const Oid types[])
{
	int			i;

	kept->name = name;
	kept->rows = 0;
	kept->desc = CreateTemplateTupleDesc(columns);
	for (i = 0; i < columns; i++)
		TupleDescInitEntry(kept->desc, (AttrNumber) (i + 1), names[i], types[i], -1, 0);
	kept->store = tuplestore_begin_heap(true, false, work_mem);
}

static void
keep(Kept *kept, Datum *values, bool *nulls)
{
	tuplestore_putvalues(kept->store, kept->desc, values, nulls);
	kept->rows++;
}

static void
keep_register(Kept *kept)
{
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));

	relation->md.name = (char *) kept->name;
	relation->md.tupdesc = kept->desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = (double) kept->rows;
	relation->reldata = kept->store;
	spi_check(SPI_register_relation(relation), "SPI_register_relation");
}

static void
keep_end(Kept *kept)
{
	spi_check(SPI_unregister_relation(kept->name), "SPI_unregister_relation");
	tuplestore_end(kept->store);
}

/*
 * The rows of the query
 */

enum
{
	FROM_CUSTOMER,
	FROM_KEY,
	FROM_PURCHASE,
	FROM_AT,
	FROM_COLUMNS
};

typedef struct Postings
{
	MemoryContext context;
	int			columns[FROM_COLUMNS];
	FmgrInfo	output[2];		/* of customer and key */
	TimestampTz first_at;		/* of those that rules count */
	Kept		kept;
} Postings;

static void
look_at_columns(Postings *postings, TupleDesc desc)
{
	static const char *const names[FROM_COLUMNS] = {"customer", "key", "purchase", "at"};
	static const Oid types[FROM_COLUMNS] = {InvalidOid, InvalidOid, JSONBOID, TIMESTAMPTZOID};
	int			i;

	for (i = 0; i < FROM_COLUMNS; i++)
	{
		int			column = record_column(desc, names[i]);

		if (column < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the query has no column \"%s\"", names[i]),
					 errhint("It gives the columns customer, key, purchase and at.")));
		if (OidIsValid(types[i]) && TupleDescAttr(desc, column)->atttypid != types[i])
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of the query must be of type %s, not %s", names[i],
							format_type_be(types[i]),
							format_type_be(TupleDescAttr(desc, column)->atttypid))));
		if (i < (int) lengthof(postings->output))
		{
			Oid			output;
			bool		is_varlena;

			getTypeOutputInfo(TupleDescAttr(desc, column)->atttypid, &output, &is_varlena);
			fmgr_info_cxt(output, &postings->output[i], postings->context);
		}
		postings->columns[i] = column;
	}
}

static void
read_posting(void *arg, TupleDesc desc, HeapTuple tuple)
{
	Postings   *postings = arg;
	Datum		from[FROM_COLUMNS];
	Datum		kept[8];
	bool		nulls[8] = {false};
	Purchase	purchase = {0};
	Jsonb	   *json;
	char	   *key;
	int			i;

	if (tuple == NULL)
	{
		look_at_columns(postings, desc);
		return;
	}
	for (i = 0; i < FROM_COLUMNS; i++)
	{
		bool		null;

		from[i] = heap_getattr(tuple, postings->columns[i] + 1, desc, &null);
		if (null)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" of the query is null",
							NameStr(TupleDescAttr(desc, postings->columns[i])->attname))));
	}
	key = OutputFunctionCall(&postings->output[1], from[FROM_KEY]);
	if (key[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must not be empty")));
	if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(from[FROM_AT])))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("at must be finite")));
	json = DatumGetJsonbP(from[FROM_PURCHASE]);
	purchase_read(json, psprintf("purchase of key \"%s\"", key), &purchase);

	kept[0] = CStringGetTextDatum(OutputFunctionCall(&postings->output[0], from[FROM_CUSTOMER]));
	kept[1] = CStringGetTextDatum(key);
	kept[2] = Int64GetDatum(purchase.points);
	kept[3] = purchase.amount;
	nulls[2] = nulls[3] = purchase.by_rules;
	kept[4] = TimestampTzGetDatum(purchase.expires_at);
	nulls[4] = purchase.expires_by_terms;
	kept[5] = from[FROM_AT];
	kept[6] = purchase_content(json);
	kept[7] = JsonbPGetDatum(json);
	nulls[7] = !purchase.by_rules;
	if (purchase.by_rules)
		postings->first_at = Min(postings->first_at, DatumGetTimestampTz(from[FROM_AT]));
	keep(&postings->kept, kept, nulls);
}

/*
 * The program's terms
 */

typedef struct Terms
{
	int64		program_id;
	text	   *time_zone;
	bool		expires;
	bool		by_inactivity;
	int32		days;
	int32		months;
	char	   *end_of;
	int32		pending_days;
	int32		exponent;
	ProgramRules rules;
	HTAB	   *ends;			/* of points, by day of earning in UTC hours */
} Terms;

/* The offset of a zone changes with a quarter of an hour at the earliest. */
#define TERMS_SLICE (TIME_SECOND * 900)

typedef struct TermsEnd
{
	int64		slice;			/* of the instant of earning */
	TimestampTz end;
} TermsEnd;

static void
read_terms(Datum program, Terms *terms)
{
	static const Oid types[1] = {TEXTOID};
	HASHCTL		control = {0};
	HeapTuple	row;
	TupleDesc	desc;
	char	   *expiry;
	Datum		earning;
	bool		null;

	(void) spi_run("SELECT promo.program_known($1)", 1, types, &program, NULL);
	(void) spi_run("SELECT p.program_id, p.time_zone, p.expiry, coalesce(p.expiry_days, 0),"
				   " coalesce(p.expiry_months, 0), p.expiry_end_of, p.pending_days, p.exponent,"
				   " p.definition -> 'earning'"
				   " FROM promo.program p WHERE p.program = $1", 1, types, &program, NULL);
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	terms->program_id = DatumGetInt64(SPI_getbinval(row, desc, 1, &null));
	terms->time_zone = cstring_to_text(SPI_getvalue(row, desc, 2));
	expiry = SPI_getvalue(row, desc, 3);
	terms->expires = strcmp(expiry, "after") == 0;
	terms->by_inactivity = strcmp(expiry, "inactivity") == 0;
	terms->days = DatumGetInt32(SPI_getbinval(row, desc, 4, &null));
	terms->months = DatumGetInt32(SPI_getbinval(row, desc, 5, &null));
	terms->end_of = SPI_getvalue(row, desc, 6);
	terms->pending_days = DatumGetInt32(SPI_getbinval(row, desc, 7, &null));
	terms->exponent = DatumGetInt32(SPI_getbinval(row, desc, 8, &null));
	earning = SPI_getbinval(row, desc, 9, &null);
	program_rules_read(terms->program_id, null ? NULL : DatumGetJsonbPCopy(earning), terms->time_zone,
					   terms->exponent, &terms->rules);
	control.keysize = sizeof(int64);
	control.entrysize = sizeof(TermsEnd);
	control.hcxt = CurrentMemoryContext;
	terms->ends = hash_create("promo ends of points", 1024, &control,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* When points earned at an instant expire; the same within a slice of time. */
static TimestampTz
end_by_terms(Terms *terms, TimestampTz at)
{
	int64		slice = at / TERMS_SLICE - (at % TERMS_SLICE < 0);
	TermsEnd   *end;
	bool		found;

	end = hash_search(terms->ends, &slice, HASH_ENTER, &found);
	if (!found)
		end->end = points_end(at, terms->time_zone, terms->days, terms->months, terms->end_of);
	return end->end;
}

static TimestampTz
available_by_terms(const Terms *terms, TimestampTz at)
{
	Datum		zone = PointerGetDatum(terms->time_zone);
	Interval	interval = {0};
	Datum		local;

	if (terms->pending_days == 0)
		return at;
	interval.day = terms->pending_days;
	local = DirectFunctionCall2(timestamptz_zone, zone, TimestampTzGetDatum(at));
	local = DirectFunctionCall2(timestamp_pl_interval, local, IntervalPGetDatum(&interval));
	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, zone, local));
}

/*
 * From the query's rows to those of the tables
 */

/* A row of the query with its member, in the order of the columns below */
typedef struct Posting
{
	int64		customer_id;
	bool		earns;			/* is active, and was a member then */
	bool		is_plain;		/* neither holds nor owes points */
	bool		is_merged;		/* others were merged into the customer */
	Datum		before;			/* content posted before; 0 for none */
	text	   *customer;
	text	   *key;
	int64		points;
	Datum		amount;
	bool		expires_by_terms;
	TimestampTz expires_at;
	TimestampTz at;
	Datum		content;
	Jsonb	   *purchase;		/* to be counted; NULL where points are */
	int64		tier_lacks;		/* of the member's row, as the next two */
	TimestampTz tier_seen_at;	/* DT_NOBEGIN */
	TimestampTz tier_due_at;	/* DT_NOEND */
	int64		enrolled;		/* its day */
} Posting;

#define RESOLVE \
	"SELECT m.customer_id, m.state = 'active' AND g.at >= m.enrolled_at, m.held = 0 AND m.deficit = 0," \
	" m.merged, e.content, g.customer, g.key, g.points, g.amount, g.expires_at, g.at, g.content, g.purchase," \
	" m.tier_lacks, m.tier_seen_at, m.tier_due_at, m.enrolled_at" \
	" FROM postings g JOIN promo.customer c ON c.shop_id = g.customer" \
	" JOIN promo.member m ON m.program_id = $1 AND m.customer_id = c.number" \
	" LEFT JOIN promo.points_entry e ON e.program_id = m.program_id AND e.customer_id = m.customer_id" \
	" AND e.kind = 'earn' AND e.key = g.key" \
	" ORDER BY m.customer_id, g.at, g.key, g.content"

/*
 * The tier of the member at hand.  Its events are looked at only once a row
 * comes that may change it.
 */
typedef struct GroupTiers
{
	TierProgram *program;
	Datum		power;			/* smallest units in one of the currency, numeric */
	bool		is_open;		/* member is the member's */
	TierMember	member;
	StandingEvent *events;		/* of the rows posted so far */
	int			count;
	int			first;			/* of them in the window of the last */
	int			numbered;		/* changes of the member that have a number */
	int64		worth;			/* that those add to the metric at most */
	TimestampTz seen_at;
} GroupTiers;

typedef struct Earning
{
	Terms		terms;
	Datum		program;		/* its name */
	Oid			sequence;
	MemoryContext group;		/* for the rows of one member */
	MemoryContext row;			/* for posting one of them */
	MemberPast	past;			/* of the member */
	GroupTiers	tiers;
	Portal		past_rows;		/* earnings of all members; NULL where they do not matter */
	SPITupleTable *past_table;
	uint64		past_count;
	uint64		past_next;
	bool		past_is_done;
	Posting    *rows;			/* of one member */
	int			count;
	int			space;
	Kept		entries;
	Kept		lots;
	Kept		changes;
	Kept		periods;		/* of tiers, in their order */
	int64		posted;
	int64		repeated;
	int64		refused;
	int64		points;
} Earning;

static Datum
copy_datum(Datum value, bool null)
{
	return null ? (Datum) 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
}

/* Copies a row to the memory of its member. */
static void
take_row(Earning *earning, HeapTuple row, TupleDesc desc)
{
	Datum		values[17];
	bool		nulls[17];
	MemoryContext old;
	Posting    *posting;

	heap_deform_tuple(row, desc, values, nulls);
	if (earning->count == earning->space)
	{
		earning->space *= 2;
		earning->rows = repalloc_huge(earning->rows, sizeof(Posting) * earning->space);
	}
	old = MemoryContextSwitchTo(earning->group);
	posting = &earning->rows[earning->count++];
	posting->customer_id = DatumGetInt64(values[0]);
	posting->earns = DatumGetBool(values[1]);
	posting->is_plain = DatumGetBool(values[2]) && !earning->terms.by_inactivity &&
		earning->tiers.program->rules.metric != FIGURE_BALANCE;
	posting->is_merged = DatumGetBool(values[3]);
	posting->before = copy_datum(values[4], nulls[4]);
	posting->customer = DatumGetTextPCopy(values[5]);
	posting->key = DatumGetTextPCopy(values[6]);
	posting->points = nulls[7] ? 0 : DatumGetInt64(values[7]);
	posting->amount = copy_datum(values[8], nulls[8]);
	posting->expires_by_terms = nulls[9];
	posting->expires_at = nulls[9] ? 0 : DatumGetTimestampTz(values[9]);
	posting->at = DatumGetTimestampTz(values[10]);
	posting->content = copy_datum(values[11], false);
	posting->purchase = nulls[12] ? NULL : DatumGetJsonbPCopy(values[12]);
	posting->tier_lacks = DatumGetInt64(values[13]);
	posting->tier_seen_at = nulls[14] ? DT_NOBEGIN : DatumGetTimestampTz(values[14]);
	posting->tier_due_at = nulls[15] ? DT_NOEND : DatumGetTimestampTz(values[15]);
	posting->enrolled = zone_day(zone_local(earning->tiers.program->rules.zone, DatumGetTimestampTz(values[16])));
	MemoryContextSwitchTo(old);
}

static int
compare_bytes(const void *a, const void *b)
{
	Size		length_a = VARSIZE_ANY_EXHDR(a);
	Size		length_b = VARSIZE_ANY_EXHDR(b);
	int			order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(length_a, length_b));

	return order != 0 ? order : (length_a > length_b) - (length_a < length_b);
}

/* By key, and of one key in the order of posting */
static int
compare_keys(const void *a, const void *b)
{
	const Posting *one = *(Posting *const *) a;
	const Posting *other = *(Posting *const *) b;
	int			order = compare_bytes(one->key, other->key);

	return order != 0 ? order : (one > other) - (one < other);
}

/* What was posted under the key for a customer who was merged, if anything */
static Datum
posted_before_merge(const Earning *earning, const Posting *posting)
{
	static const Oid types[3] = {INT8OID, INT8OID, TEXTOID};
	static SPIPlanPtr plan = NULL;
	SPITupleTable *table = SPI_tuptable;
	Datum		values[3];
	Datum		content = (Datum) 0;
	bool		null;

	values[0] = Int64GetDatum(earning->terms.program_id);
	values[1] = Int64GetDatum(posting->customer_id);
	values[2] = PointerGetDatum(posting->key);
	if (spi_run_kept(&plan, "SELECT e.content FROM promo.points_entry e"
					 " WHERE e.customer_id = ANY (promo.customer_ids($2)) AND e.program_id = $1"
					 " AND e.kind = 'earn' AND e.key = $3", 3, types, values, NULL) > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(earning->group);

		content = copy_datum(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null), false);
		MemoryContextSwitchTo(old);
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = table;
	return content;
}

/* Later rows of a key that comes twice repeat the first that is posted. */
static void
find_repeats(Earning *earning)
{
	Posting   **sorted;
	Datum		before = (Datum) 0; /* content posted under the key so far */
	int			i;

	if (earning->count < 2)
		return;
	sorted = MemoryContextAllocHuge(earning->group, sizeof(Posting *) * earning->count);
	for (i = 0; i < earning->count; i++)
		sorted[i] = &earning->rows[i];
	qsort(sorted, earning->count, sizeof(Posting *), compare_keys);
	for (i = 0; i < earning->count; i++)
	{
		Posting    *posting = sorted[i];

		if (i > 0 && compare_bytes(posting->key, sorted[i - 1]->key) != 0)
			before = (Datum) 0;
		if (posting->before == (Datum) 0)
			posting->before = before;
		if (posting->before != (Datum) 0)
			before = posting->before;
		else if (posting->earns)
			before = posting->content;
	}
}

/* A repeat is one of the same content. */
static void
count_repeat(Earning *earning, const Posting *posting)
{
	if (compare_bytes(DatumGetPointer(posting->before), DatumGetPointer(posting->content)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("key \"%s\" was posted before with another content",
						text_to_cstring(posting->key))));
	earning->repeated++;
}

/* As earn() would; gives the points. */
static int64
post_alone(Earning *earning, const Posting *posting)
{
	static const Oid types[9] = {TEXTOID, TEXTOID, INT8OID, NUMERICOID, TIMESTAMPTZOID, BYTEAOID,
	TIMESTAMPTZOID, TEXTOID, JSONBOID};
	static SPIPlanPtr plan = NULL;
	char		nulls[10] = "         ";
	Datum		values[9];
	SPITupleTable *table;
	int64		points;
	bool		null;

	values[0] = PointerGetDatum(posting->customer);
	values[1] = PointerGetDatum(posting->key);
	values[2] = Int64GetDatum(posting->points);
	values[3] = posting->amount;
	values[4] = TimestampTzGetDatum(posting->expires_at);
	nulls[4] = posting->expires_by_terms ? 'n' : ' ';
	values[5] = posting->content;
	values[6] = TimestampTzGetDatum(posting->at);
	values[7] = earning->program;
	values[8] = JsonbPGetDatum(posting->purchase);
	nulls[2] = nulls[3] = posting->purchase == NULL ? ' ' : 'n';
	nulls[8] = posting->purchase == NULL ? 'n' : ' ';
	table = SPI_tuptable;
	(void) spi_run_kept(&plan, "SELECT (promo.points_give($1, $2, $3, $4, $5, $6, $7, $8, $9) ->> 'points')::pg_catalog.int8",
						9, types, values, nulls);
	points = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = table;
	return points;
}

static void
check_amount(const Earning *earning, const Posting *posting)
{
	Datum		rounded;

	if (DatumGetInt32(DirectFunctionCall1(numeric_scale, posting->amount)) <= earning->terms.exponent)
		return;
	rounded = DirectFunctionCall2(numeric_round, posting->amount,
								  Int32GetDatum(earning->terms.exponent));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, rounded, posting->amount)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("purchase of key \"%s\" has an amount of more decimals than the program's currency",
						text_to_cstring(posting->key))));
}

static void
tiers_start(Earning *earning)
{
	GroupTiers *tiers = &earning->tiers;

	tiers->is_open = false;
	tiers->count = 0;
	tiers->first = 0;
	tiers->numbered = 0;
	tiers->events = MemoryContextAllocHuge(earning->group, sizeof(StandingEvent) * earning->count);
	tiers->worth = 0;
	tiers->seen_at = earning->rows[0].tier_seen_at;
}

/* The member with all that was posted, the rows so far among it */
static void
tiers_open(Earning *earning)
{
	GroupTiers *tiers = &earning->tiers;
	SPITupleTable *table = SPI_tuptable;
	MemoryContext old = MemoryContextSwitchTo(earning->group);
	int			i;

	tiers->is_open = tier_member_open(&tiers->member, earning->terms.program_id,
									  earning->rows[0].customer_id, DT_NOEND, false);
	for (i = 0; i < tiers->count && tiers->is_open; i++)
		(void) standing_add(&tiers->member.book, &tiers->events[i]);
	MemoryContextSwitchTo(old);
	SPI_tuptable = table;
}

/* The rules ask for the tier that the rows before led to. */
static void
tiers_tell(Earning *earning, TimestampTz at)
{
	GroupTiers *tiers = &earning->tiers;
	StandingBook *book = &tiers->member.book;

	if (!tiers->is_open || at < book->now.since)
		return;
	earning->past.tier = tiers->member.program->list.names[standing_tier(&book->now)];
	earning->past.tier_until = DT_NOEND;
}

/* Numbers what changed between the entries that are posted. */
static void
tiers_number(Earning *earning)
{
	GroupTiers *tiers = &earning->tiers;
	StandingBook *book = &tiers->member.book;

	for (; tiers->numbered < book->n_changes; tiers->numbered++)
		book->changes[tiers->numbered].number = nextval_internal(earning->sequence, false);
}

/* Before a row is counted, the tier as it is at its instant. */
static void
tiers_before(Earning *earning, const Posting *posting)
{
	GroupTiers *tiers = &earning->tiers;

	if (!tiers->is_open && posting->at >= posting->tier_due_at)
		tiers_open(earning);
	if (!tiers->is_open)
		return;
	standing_settle(&tiers->member.book, posting->at);
	tiers_number(earning);
	tiers_tell(earning, posting->at);
}

static int64
event_worth(const GroupTiers *tiers, const StandingEvent *event)
{
	switch (tiers->program->rules.metric)
	{
		case FIGURE_SPEND:
			return event->amount;
		case FIGURE_POINTS:
			return event->points;
		default:
			return 1;
	}
}

/*
 * What the rows so far add to the figure of the last one's window.  Those that
 * came before them add what they did when tier_lacks was found at most.
 */
static void
count_worth(Earning *earning, StandingEvent *event)
{
	GroupTiers *tiers = &earning->tiers;
	const StandingRules *rules = &tiers->program->rules;
	int64		from;
	int64		until;

	event->day = zone_day(zone_local(rules->zone, event->at));
	period_window(&rules->window, event->day, earning->rows[0].enrolled, &from, &until);
	for (; tiers->first < tiers->count && tiers->events[tiers->first].day < from; tiers->first++)
		tiers->worth -= event_worth(tiers, &tiers->events[tiers->first]);
	tiers->worth += event_worth(tiers, event);
}

/* After it was */
static void
tiers_after(Earning *earning, const Posting *posting, const CountedPurchase *counted)
{
	GroupTiers *tiers = &earning->tiers;
	MemoryContext old = MemoryContextSwitchTo(earning->group);
	StandingEvent event = {0};
	bool		is_late = posting->at < tiers->seen_at;

	event.at = posting->at;
	event.amount = DatumGetInt64(DirectFunctionCall1(numeric_int8, DirectFunctionCall2(numeric_mul, counted->amount, tiers->power)));
	event.points = counted->points;
	event.is_visit = true;
	event.is_order = event.amount > 0;
	tiers->seen_at = Max(tiers->seen_at, posting->at);
	count_worth(earning, &event);
	if (!tiers->is_open && (is_late || tiers->worth >= posting->tier_lacks))
		tiers_open(earning);
	tiers->events[tiers->count++] = event;
	if (tiers->is_open)
	{
		standing_posted(&tiers->member.book, standing_add(&tiers->member.book, &event));
		tiers_number(earning);
		tiers_tell(earning, posting->at);
	}
	MemoryContextSwitchTo(old);
}

/* Adds the rows of one purchase; gives the points. */
static int64
post_row(Earning *earning, const Posting *posting, TimestampTz *first_end)
{
	TimestampTz available_at = available_by_terms(&earning->terms, posting->at);
	TimestampTz expires_at;
	CountedPurchase counted = {posting->points, posting->amount, posting->expires_by_terms,
	posting->expires_at, NULL};
	Datum		entry[8];
	Datum		lot[5];
	bool		nulls[8] = {false};

	tiers_before(earning, posting);
	if (posting->purchase == NULL)
		check_amount(earning, posting);
	else
		purchase_count(&earning->terms.rules, &earning->past, posting->purchase,
					   psprintf("purchase of key \"%s\"", text_to_cstring(posting->key)), posting->at, &counted);
	member_past_add(&earning->terms.rules, &earning->past, counted.amount);
	expires_at = counted.expires_at;
	if (counted.expires_by_terms)
		expires_at = earning->terms.expires ? end_by_terms(&earning->terms, posting->at) : DT_NOEND;
	else if (expires_at <= available_at)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("purchase of key \"%s\" gives points that expire before they can be used",
						text_to_cstring(posting->key))));
	entry[0] = Int64GetDatum(nextval_internal(earning->sequence, false));
	entry[1] = Int64GetDatum(posting->customer_id);
	entry[2] = PointerGetDatum(posting->key);
	entry[3] = Int64GetDatum(counted.points);
	entry[4] = counted.amount;
	entry[5] = TimestampTzGetDatum(posting->at);
	entry[6] = posting->content;
	entry[7] = JsonbPGetDatum(counted.counted);
	nulls[7] = counted.counted == NULL;
	keep(&earning->entries, entry, nulls);
	tiers_after(earning, posting, &counted);
	if (counted.points == 0)
		return 0;
	lot[0] = entry[0];
	lot[1] = entry[1];
	lot[2] = entry[3];
	lot[3] = TimestampTzGetDatum(available_at);
	lot[4] = TimestampTzGetDatum(expires_at);
	nulls[4] = expires_at == DT_NOEND;
	keep(&earning->lots, lot, nulls);
	*first_end = Min(*first_end, expires_at);
	return counted.points;
}

/*
 * Keeps the periods of the member's tier that the rows began; false where the
 * period in the table never was, which is written by itself.
 */
static bool
tiers_keep(Earning *earning)
{
	const TierMember *member = &earning->tiers.member;
	const StandingBook *book = &member->book;
	Datum		period[2 + PERIOD_COLUMNS];
	bool		nulls[2 + PERIOD_COLUMNS] = {false};
	int			i;
	int			next;

	if (book->no_memory)
		elog(ERROR, "out of memory for the tiers of a member");
	if (book->n_changes > 0 && book->changes[0].after.since <= member->opened_since)
		return false;
	for (i = 0; i < book->n_changes; i = next)
	{
		/* Of several changes at one instant the last one stays. */
		for (next = i + 1; next < book->n_changes && book->changes[next].after.since == book->changes[i].after.since; next++)
			;
		period[0] = Int64GetDatum(member->customer_id);
		nulls[1] = next == book->n_changes;
		period[1] = nulls[1] ? (Datum) 0 : TimestampTzGetDatum(book->changes[next].after.since);
		tier_change_values(member, &book->changes[next - 1], &period[2], &nulls[2]);
		keep(&earning->periods, period, nulls);
	}
	return true;
}

/*
 * What members earned before, in the order of members, as far as rules ask: of
 * all at once, since one by one it would cost more than all the rest.
 */
#define PAST \
	"SELECT c.number, e.at, e.amount > 0, CASE WHEN e.counted IS NULL THEN 0" \
	" ELSE e.points - coalesce((SELECT pg_catalog.sum(r.due) FROM promo.points_entry r" \
	" WHERE r.customer_id = ANY (CASE WHEN m.merged THEN promo.customer_ids(c.number) ELSE ARRAY[c.number] END)" \
	" AND r.program_id = $1 AND r.kind = 'return' AND r.of_id = e.entry_id), 0) END::pg_catalog.int8" \
	" FROM promo.points_entry e JOIN promo.customer c ON c.customer_id = e.customer_id" \
	" JOIN promo.member m ON m.program_id = $1 AND m.customer_id = c.number" \
	" WHERE e.program_id = $1 AND e.kind = 'earn' AND e.at >= $2" \
	" AND c.number IN (SELECT s.number FROM postings g JOIN promo.customer s ON s.shop_id = g.customer WHERE g.purchase IS NOT NULL)" \
	" ORDER BY c.number"

static void
open_past(Earning *earning, TimestampTz first_at)
{
	static const Oid types[2] = {INT8OID, TIMESTAMPTZOID};
	Datum		values[2];
	TimestampTz since;

	if (first_at == DT_NOEND || !member_past_matters(&earning->terms.rules, first_at, &since))
		return;
	values[0] = Int64GetDatum(earning->terms.program_id);
	values[1] = TimestampTzGetDatum(since);
	earning->past_rows = SPI_cursor_open_with_args(NULL, PAST, 2, (Oid *) types, values, NULL, false, 0);
}

/* Reads the past of the member at hand, and leaves that of those before. */
static void
read_past(Earning *earning)
{
	SPITupleTable *table = SPI_tuptable;

	if (earning->past_rows == NULL)
		return;
	member_past_read(&earning->past, NULL);
	for (; !earning->past_is_done; earning->past_next++)
	{
		HeapTuple	row;
		TupleDesc	desc;
		int64		member;
		PastEarning past;
		bool		null;

		if (earning->past_next == earning->past_count)
		{
			if (earning->past_table != NULL)
				SPI_freetuptable(earning->past_table);
			SPI_cursor_fetch(earning->past_rows, true, FETCH_ROWS);
			earning->past_table = SPI_tuptable;
			earning->past_count = SPI_processed;
			earning->past_next = 0;
			earning->past_is_done = earning->past_count == 0;
			if (earning->past_is_done)
				break;
		}
		row = earning->past_table->vals[earning->past_next];
		desc = earning->past_table->tupdesc;
		member = DatumGetInt64(SPI_getbinval(row, desc, 1, &null));
		if (member > earning->past.customer_id)
			break;
		past.at = DatumGetTimestampTz(SPI_getbinval(row, desc, 2, &null));
		past.is_order = DatumGetBool(SPI_getbinval(row, desc, 3, &null));
		past.points = DatumGetInt64(SPI_getbinval(row, desc, 4, &null));
		if (member == earning->past.customer_id)
			member_past_read(&earning->past, &past);
	}
	SPI_tuptable = table;
}

/* Posts the rows of one member. */
static void
post_group(Earning *earning)
{
	TimestampTz first_end = DT_NOEND;
	int64		points = 0;
	int64		given;
	Datum		change[8];
	bool		nulls[8] = {false};
	StandingBook *book = &earning->tiers.member.book;
	MemoryContext old;
	int			i;

	member_past_start(&earning->past, earning->rows[0].customer_id, earning->rows[0].is_merged, earning->group);
	read_past(earning);
	tiers_start(earning);
	for (i = 0; i < earning->count && earning->rows[0].is_merged; i++)
		if (earning->rows[i].before == (Datum) 0)
			earning->rows[i].before = posted_before_merge(earning, &earning->rows[i]);
	find_repeats(earning);
	for (i = 0; i < earning->count; i++)
	{
		Posting    *posting = &earning->rows[i];

		if (posting->before != (Datum) 0)
		{
			count_repeat(earning, posting);
			continue;
		}
		if (!posting->earns)
		{
			earning->refused++;
			continue;
		}
		old = MemoryContextSwitchTo(earning->row);
		if (posting->is_plain)
		{
			given = post_row(earning, posting, &first_end);
			points += given;
		}
		else
			given = post_alone(earning, posting);
		MemoryContextSwitchTo(old);
		MemoryContextReset(earning->row);
		earning->posted++;
		earning->points += given;
	}
	if (earning->tiers.count > 0)
	{
		bool		is_kept;

		old = MemoryContextSwitchTo(earning->group);
		is_kept = earning->tiers.is_open && tiers_keep(earning);
		if (earning->tiers.is_open && !is_kept)
			tier_member_write(&earning->tiers.member, NULL);
		change[0] = Int64GetDatum(earning->rows[0].customer_id);
		change[1] = Int64GetDatum(points);
		change[2] = TimestampTzGetDatum(first_end);
		nulls[2] = first_end == DT_NOEND;
		/* Written already, found anew, or less than it was by what came in */
		change[3] = Int64GetDatum(is_kept ? standing_lacks(book) :
								  Max(earning->rows[0].tier_lacks - earning->tiers.worth, 0));
		change[4] = TimestampTzGetDatum(earning->tiers.seen_at);
		nulls[3] = nulls[4] = earning->tiers.is_open && !is_kept;
		change[5] = BoolGetDatum(is_kept);
		change[6] = TimestampTzGetDatum(is_kept ? standing_due(book) : 0);
		nulls[6] = !is_kept || standing_due(book) == STANDING_NEVER;
		nulls[7] = !is_kept || book->n_changes == 0;
		change[7] = TimestampTzGetDatum(nulls[7] ? 0 : book->changes[0].after.since);
		MemoryContextSwitchTo(old);
		keep(&earning->changes, change, nulls);
	}
	earning->count = 0;
	MemoryContextReset(earning->group);
}

/*
 * The whole
 */

/* Locks the members, in the one order in which all do who lock several. */
static void
lock_members(const Terms *terms)
{
	static const Oid types[1] = {INT8OID};
	Datum		program = Int64GetDatum(terms->program_id);

	(void) spi_run("SELECT pg_catalog.count(*) FROM (SELECT FROM promo.member m"
				   " WHERE m.program_id = $1 AND m.customer_id IN"
				   " (SELECT c.number FROM postings g JOIN promo.customer c ON c.shop_id = g.customer)"
				   " ORDER BY m.customer_id FOR NO KEY UPDATE) m",
				   1, types, &program, NULL);
}

static void
refuse_strangers(const Terms *terms)
{
	static const Oid types[1] = {INT8OID};
	Datum		program = Int64GetDatum(terms->program_id);

	(void) spi_run("SELECT g.customer FROM postings g WHERE NOT EXISTS (SELECT FROM promo.customer c"
				   " JOIN promo.member m ON m.customer_id = c.number AND m.program_id = $1"
				   " WHERE c.shop_id = g.customer) ORDER BY 1 LIMIT 1",
				   1, types, &program, NULL);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("customer \"%s\" is no member of the program",
					SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1))));
}

/* Turns the query's rows into those of the tables. */
static void
resolve(Earning *earning, int64 rows)
{
	static const Oid types[1] = {INT8OID};
	Datum		program = Int64GetDatum(earning->terms.program_id);
	Portal		portal;
	int64		found = 0;

	/* Not read only, so that it sees who is locked as of now. */
	portal = SPI_cursor_open_with_args(NULL, RESOLVE, 1, (Oid *) types, &program, NULL, false, 0);
	for (;;)
	{
		SPITupleTable *table;
		uint64		count;
		uint64		i;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		table = SPI_tuptable;
		count = SPI_processed;
		if (count == 0)
			break;
		found += (int64) count;
		for (i = 0; i < count; i++)
		{
			int64		customer_id;
			bool		null;

			CHECK_FOR_INTERRUPTS();
			customer_id = DatumGetInt64(heap_getattr(table->vals[i], 1, table->tupdesc, &null));
			if (earning->count > 0 && earning->rows[0].customer_id != customer_id)
				post_group(earning);
			take_row(earning, table->vals[i], table->tupdesc);
		}
		SPI_freetuptable(table);
	}
	if (earning->count > 0)
		post_group(earning);
	SPI_cursor_close(portal);
	if (found < rows)
		refuse_strangers(&earning->terms);
}

static void
insert_all(Earning *earning)
{
	static const Oid types[1] = {INT8OID};
	Datum		program = Int64GetDatum(earning->terms.program_id);

	keep_register(&earning->entries);
	keep_register(&earning->lots);
	keep_register(&earning->changes);
	keep_register(&earning->periods);
	(void) spi_run("INSERT INTO promo.points_entry (entry_id, program_id, customer_id, kind, key, points,"
				   " amount, at, content, counted)"
				   " SELECT e.entry_id, $1, e.customer_id, 'earn', e.key, e.points, e.amount, e.at, e.content, e.counted"
				   " FROM entries e",
				   1, types, &program, NULL);
	(void) spi_run("INSERT INTO promo.points_lot (lot_id, entry_id, program_id, customer_id, points,"
				   " remaining, available_at, expires_at)"
				   " SELECT l.lot_id, l.lot_id, $1, l.customer_id, l.points, l.points, l.available_at,"
				   " l.expires_at FROM lots l",
				   1, types, &program, NULL);
	(void) spi_run("UPDATE promo.member m SET points = m.points + d.points,"
				   " points_due_at = least(m.points_due_at, d.due_at),"
				   " tier_lacks = coalesce(d.lacks, m.tier_lacks),"
				   " tier_seen_at = coalesce(d.seen_at, m.tier_seen_at),"
				   " tier_due_at = CASE WHEN d.is_kept THEN d.tier_due_at ELSE m.tier_due_at END,"
				   " benefit_due_at = CASE WHEN p.has_benefits THEN least(m.benefit_due_at, d.changed_at) END"
				   " FROM changes d, promo.program p WHERE m.program_id = $1 AND m.customer_id = d.customer_id"
				   " AND p.program_id = $1",
				   1, types, &program, NULL);
	if (earning->periods.rows > 0)
	{
		(void) spi_run("UPDATE promo.tier_period t SET ends_at = d.begins_at"
					   " FROM (SELECT d.customer_id, pg_catalog.min(d.begins_at) AS begins_at FROM periods d"
					   " GROUP BY d.customer_id) d"
					   " WHERE t.program_id = $1 AND t.customer_id = d.customer_id AND t.ends_at IS NULL",
					   1, types, &program, NULL);
		(void) spi_run("INSERT INTO promo.tier_period (program_id, customer_id, tier, begins_at, ends_at, cause,"
					   " follows, earned, earned_until, floor, floor_until, figures, judged_on,"
					   " period_id)"
					   " SELECT $1, d.customer_id, d.tier, d.begins_at, d.ends_at, d.cause, d.begins_at,"
					   " d.earned, d.earned_until, d.floor, d.floor_until, d.figures, d.judged_on,"
					   " d.number"
					   " FROM periods d",
					   1, types, &program, NULL);
	}
	keep_end(&earning->entries);
	keep_end(&earning->lots);
	keep_end(&earning->changes);
	keep_end(&earning->periods);
}

static void
earn_start(Earning *earning, Datum program)
{
	static const char *const entry_names[] = {"entry_id", "customer_id", "key", "points", "amount", "at", "content", "counted"};
	static const Oid entry_types[] = {INT8OID, INT8OID, TEXTOID, INT8OID, NUMERICOID, TIMESTAMPTZOID, BYTEAOID, JSONBOID};
	static const char *const lot_names[] = {"lot_id", "customer_id", "points", "available_at", "expires_at"};
	static const Oid lot_types[] = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	static const char *const change_names[] = {"customer_id", "points", "due_at", "lacks", "seen_at", "is_kept",
	"tier_due_at", "changed_at"};
	static const Oid change_types[] = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, BOOLOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID};
	static const char *const period_names[] = {"customer_id", "ends_at", "begins_at", "cause", "tier", "earned",
	"earned_until", "floor", "floor_until", "figures", "judged_on", "number"};
	static const Oid period_types[] = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID,
	TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID, JSONBOID, DATEOID, INT8OID};

	read_terms(program, &earning->terms);
	earning->tiers.program = tier_program(earning->terms.program_id, false);
	earning->tiers.power = DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("1e%d", earning->terms.exponent)),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	earning->program = program;
	earning->sequence = promo_table("points_entry_entry_id_seq");
	earning->group = AllocSetContextCreate(CurrentMemoryContext, "promo purchases of a member",
										   ALLOCSET_DEFAULT_SIZES);
	earning->row = AllocSetContextCreate(CurrentMemoryContext, "promo purchase of a member",
										 ALLOCSET_DEFAULT_SIZES);
	earning->space = 64;
	earning->rows = palloc(sizeof(Posting) * earning->space);
	keep_start(&earning->entries, "entries", lengthof(entry_names), entry_names, entry_types);
	keep_start(&earning->lots, "lots", lengthof(lot_names), lot_names, lot_types);
	keep_start(&earning->changes, "changes", lengthof(change_names), change_names, change_types);
	keep_start(&earning->periods, "periods", lengthof(period_names), period_names, period_types);
}

PG_FUNCTION_INFO_V1(promo_earn_all);

/*
 * earn_all(query text, program text) returns earnings
 */
Datum
promo_earn_all(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"customer", "key", "points", "amount", "expires_at", "at", "content", "purchase"};
	static const Oid types[] = {TEXTOID, TEXTOID, INT8OID, NUMERICOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BYTEAOID, JSONBOID};
	Postings	postings = {0};
	Earning		earning = {0};
	OwnerSwitch before;
	TupleDesc	desc;
	Datum		earned[4];
	bool		nulls[4] = {false};
	HeapTupleHeader row;

	PreventCommandIfReadOnly("earn_all()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	spi_check(SPI_connect(), "SPI_connect");
	postings.context = CurrentMemoryContext;
	postings.first_at = DT_NOEND;
	keep_start(&postings.kept, "postings", lengthof(names), names, types);
	(void) query_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), read_posting, &postings);

	owner_become(&before);
	keep_register(&postings.kept);
	earn_start(&earning, PG_GETARG_DATUM(1));
	lock_members(&earning.terms);
	open_past(&earning, postings.first_at);
	resolve(&earning, postings.kept.rows);
	if (earning.past_rows != NULL)
		SPI_cursor_close(earning.past_rows);
	keep_end(&postings.kept);
	insert_all(&earning);
	owner_leave(&before);
	earned[0] = Int64GetDatum(earning.posted);
	earned[1] = Int64GetDatum(earning.repeated);
	earned[2] = Int64GetDatum(earning.refused);
	earned[3] = Int64GetDatum(earning.points);
	row = SPI_returntuple(heap_form_tuple(desc, earned, nulls), BlessTupleDesc(desc));
	SPI_finish();
	return PointerGetDatum(row);
}
