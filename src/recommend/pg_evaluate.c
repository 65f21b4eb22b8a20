/*-------------------------------------------------------------------------
 *
 * pg_evaluate.c
 *	  How well recommenders meet what customers then had, and which options do
 *	  best: evaluate_recommender() and tune_recommender().
 *
 * Queries are read once.  What is learned from is put under names of its own,
 * so that not even the number of items betrays what was held out, and becomes
 * a model as build_recommender() makes it.  That is opened as if it were in the
 * tables, and each customer gets what recommend() would give him.
 *
 *		query ─▶ rows ─ parts ─┬─ learned from ─▶ model ─▶ lists ─┐
 *		                       └─ held out ────────────▶ figures ◀┘
 *
 * Nothing is written, and models do not outlive their judgment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/argument.h"
#include "pg/grid.h"
#include "pg/memory.h"
#include "pg/query.h"
#include "pg/record.h"
#include "promo.h"
#include "recommend/judge.h"
#include "recommend/part.h"
#include "recommend/pg_answer.h"
#include "recommend/pg_content.h"
#include "recommend/pg_model.h"

/* A query of second events, which several candidates may share */
typedef struct EventSource
{
	const char *query;
	GatheredQuery rows;
	SplitEvents parts;
} EventSource;

/* The same of content, whose items have names of their own */
typedef struct ContentSource
{
	const char *query;
	Gathering	ids;
	GatheredContent content;
} ContentSource;

typedef struct Candidate
{
	const Jsonb *json;
	BuildOptions options;
	bool		excludes_bought;
	EventSource *events;		/* NULL: none */
	ContentSource *content;
	JudgeReport report;
	double	   *figures;		/* of the metric that is gone by, each customer's */
	uint64		size;			/* entries that scores are made of */
} Candidate;

typedef struct Evaluation
{
	const char *what;			/* the function */
	Memory		memory;
	uint32		k;
	Split		split;
	bool		takes_new_customers;
	Candidate  *candidates;
	int			n_candidates;
	bool		is_new_only;	/* what a customer had before does not count */

	Gathering	ids;
	GatheredQuery rows;
	List	   *events;			/* EventSource * */
	List	   *contents;		/* ContentSource * */
	PartRanks	ranks;
	SplitEvents parts;
	bool	   *counts;			/* of each item's rank; NULL: all count */
	uint64		held;			/* bytes of all that */
} Evaluation;

/* How a figure is called, and where it stands in a report */
typedef struct Metric
{
	const char *name;
	JudgeMetric metric;
} Metric;

static const Metric metrics[] = {
	{"precision", JUDGE_PRECISION},
	{"recall", JUDGE_RECALL},
	{"ndcg", JUDGE_NDCG},
	{"map", JUDGE_AVERAGE_PRECISION},
	{"mrr", JUDGE_RECIPROCAL_RANK},
	{"hit_rate", JUDGE_HIT},
	{"popularity", JUDGE_POPULARITY}
};

/* The first ones, of which more is better */
#define METRICS_TO_GO_BY 6

/* Keys that decide what customers are judged by */
static const char *const common_keys[] = {"exclude_bought", "filter", "category"};

static void
out_of_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory while judging a recommender")));
}

/* Arguments */

static void
read_split(const Jsonb *json, JsonFaults *faults, Evaluation *e)
{
	static const char *const kinds[] = {"time", "random", "last"};
	Split	   *split = &e->split;
	const char *by = kinds[0];
	int64		number;
	JsonReader	reader;

	split->share = 0.2;
	split->last = 1;
	json_open(&reader, faults, "split", json);
	(void) json_read_word(&reader, "by", kinds, lengthof(kinds), &by);
	split->kind = by == kinds[0] ? SPLIT_TIME : by == kinds[1] ? SPLIT_RANDOM : SPLIT_LAST;
	if (split->kind == SPLIT_LAST)
	{
		if (json_read_int(&reader, "last", 1, 1000000, &number))
			split->last = (uint32) number;
		json_refuse(&reader, "share", "is for splits by time and random");
	}
	else
	{
		json_read_float(&reader, "share", 0.001, 0.999, &split->share);
		json_refuse(&reader, "last", "is for the split by last");
	}
	if (split->kind == SPLIT_RANDOM)
	{
		if (json_read_int(&reader, "seed", 0, PG_INT64_MAX, &number))
			split->seed = (uint64) number;
	}
	else
		json_refuse(&reader, "seed", "is for the split by random");
	json_read_bool(&reader, "new_customers", &e->takes_new_customers);
	json_close(&reader);
}

static void
read_k(FunctionCallInfo fcinfo, int number, Evaluation *e)
{
	int32		k;

	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("k must not be null")));
	k = PG_GETARG_INT32(number);
	if (k < 1 || k > RECOMMEND_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be from 1 to %d, not %d", RECOMMEND_MOST, k)));
	e->k = (uint32) k;
}

/* Reads a candidate's options; items only where there is a catalog. */
static void
read_options(const Candidate *candidate, const Catalog *catalog, JsonFaults *faults,
			 BuildOptions *options, Wishes *wishes)
{
	JsonReader	reader;

	memset(wishes, 0, sizeof(*wishes));
	json_open(&reader, faults, "", candidate->json);
	build_options_read(&reader, options);
	wishes_read(&reader, catalog, wishes);
	json_refuse(&reader, "history", "is what the part that is learned from says");
	json_close(&reader);
}

/* All options, before anything is read */
static void
read_candidates(Evaluation *e, const List *jsons, JsonFaults *faults)
{
	ListCell   *cell;

	e->n_candidates = list_length(jsons);
	e->candidates = palloc0(sizeof(Candidate) * Max(e->n_candidates, 1));
	foreach(cell, jsons)
	{
		Candidate  *candidate = &e->candidates[foreach_current_index(cell)];
		Wishes		wishes;

		candidate->json = lfirst(cell);
		read_options(candidate, NULL, faults, &candidate->options, &wishes);
		candidate->excludes_bought = wishes.exclude_bought && !wishes.buy_again;
		if (candidate->excludes_bought != e->candidates[0].excludes_bought)
			json_fault(faults, "buy_again",
					   "makes what was bought before count, which it must for all candidates or for none; give exclude_bought as false among the options");
	}
	if (e->n_candidates > 0)
		e->is_new_only = e->candidates[0].excludes_bought;
}

/* Reading */

static void
check_times(const Evaluation *e, const GatheredQuery *rows)
{
	if (e->split.kind != SPLIT_RANDOM && rows->at_column == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("%s has no column \"at\", which the split needs", rows->what),
				 errhint("Give the time, or split by {\"by\": \"random\"}.")));
	if (rows->rows.rows >= PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s gives more than %u rows to judge by", rows->what, PG_UINT32_MAX - 1)));
}

static EventSource *
read_events(Evaluation *e, const char *query)
{
	EventSource *source;
	ListCell   *cell;

	foreach(cell, e->events)
	{
		source = lfirst(cell);
		if (strcmp(source->query, query) == 0)
			return source;
	}
	source = palloc0(sizeof(EventSource));
	source->query = query;
	model_gather_events_start(&source->rows, &e->ids);
	source->rows.held = e->held;
	(void) query_run(query, gather_row, &source->rows);
	check_times(e, &source->rows);
	e->held += source->rows.rows.bytes;
	e->events = lappend(e->events, source);
	return source;
}

static ContentSource *
read_content(Evaluation *e, const char *query)
{
	ContentSource *source;
	ListCell   *cell;

	foreach(cell, e->contents)
	{
		source = lfirst(cell);
		if (strcmp(source->query, query) == 0)
			return source;
	}
	source = palloc0(sizeof(ContentSource));
	source->query = query;
	gathering_start(&source->ids, CurrentMemoryContext);
	gather_content_start(&source->content, &source->ids);
	source->content.held = e->held + e->ids.customers.bytes + e->ids.items.bytes;
	(void) query_run(query, gather_content_row, &source->content);
	e->held += source->content.content.bytes + source->ids.items.bytes;
	e->contents = lappend(e->contents, source);
	return source;
}

static void
read_queries(Evaluation *e, const char *query)
{
	int			i;

	e->memory = pg_memory(CurrentMemoryContext);
	gathering_start(&e->ids, CurrentMemoryContext);
	model_gather_start(&e->rows, &e->ids, &e->candidates[0].options.recommend);
	for (i = 1; i < e->n_candidates && e->rows.takes_weights; i++)
		model_gather_start(&e->rows, &e->ids, &e->candidates[i].options.recommend);
	(void) query_run(query, gather_row, &e->rows);
	for (i = 0; i < e->n_candidates; i++)
		model_check_rows(&e->rows, &e->candidates[i].options.recommend);
	check_times(e, &e->rows);
	e->held = e->rows.rows.bytes;
	for (i = 0; i < e->n_candidates; i++)
	{
		Candidate  *candidate = &e->candidates[i];

		if (candidate->options.event_query != NULL)
			candidate->events = read_events(e, candidate->options.event_query);
		if (candidate->options.content_query != NULL)
			candidate->content = read_content(e, candidate->options.content_query);
	}
	e->held += e->ids.customers.bytes + e->ids.items.bytes;
}

/* Moves to the part what the split takes from what is left to learn from. */
static void
split_off(Evaluation *e, uint8 part)
{
	ListCell   *cell;

	if (!split_events(&e->memory, &e->split, &e->parts, PART_LEARN, part))
		out_of_memory();
	foreach(cell, e->events)
	{
		EventSource *source = lfirst(cell);

		if (!part_follow(&e->memory, &e->split, &e->parts, &source->parts, part))
			out_of_memory();
	}
}

/*
 * With a filter or a category, customers are judged by what these allow, known
 * to the recommender or not: by the same items for all candidates.
 */
static void
note_counted(Evaluation *e)
{
	const Interactions *rows = &e->rows.rows;
	List	   *filter = NIL;
	char	   *category = NULL;
	JsonFaults	faults;
	JsonReader	reader;
	bool		has_filter;
	bool		has_category;
	uint32		i;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", e->candidates[0].json);
	has_filter = json_read_texts(&reader, "filter", &filter);
	has_category = json_read_text(&reader, "category", &category);
	if (!has_filter && !has_category)
		return;
	e->counts = MemoryContextAllocHuge(CurrentMemoryContext, (Size) e->ranks.n_items + 1);
	memset(e->counts, has_filter ? 0 : 1, e->ranks.n_items);
	if (has_filter)
	{
		ListCell   *cell;

		foreach(cell, filter)
		{
			const char *name = lfirst(cell);
			uint32		item = names_find(&e->ids.items, name, (uint32) strlen(name));

			if (item != NAME_NONE)
				e->counts[e->ranks.item[item]] = true;
		}
	}
	if (has_category)
	{
		uint32		wanted = names_find(&rows->categories, category, (uint32) strlen(category));

		for (i = 0; i < e->ranks.n_items; i++)
			if (wanted == NAME_NONE || i >= rows->category_room || rows->category_of[i] != wanted)
				e->counts[e->ranks.item[i]] = false;
	}
}

static void
evaluation_start(Evaluation *e, const char *query)
{
	ListCell   *cell;

	read_queries(e, query);
	e->held += part_need(&e->rows.rows);
	foreach(cell, e->events)
		e->held += part_need(&((EventSource *) lfirst(cell))->rows.rows);
	build_check_memory(e->held, psprintf("Splitting " UINT64_FORMAT " rows", e->rows.rows.rows));
	if (!part_ranks(&e->memory, &e->ids.customers, &e->ids.items, &e->ranks) ||
		!part_events(&e->memory, &e->rows.rows, &e->ranks, &e->parts))
		out_of_memory();
	foreach(cell, e->events)
	{
		EventSource *source = lfirst(cell);

		if (!part_events(&e->memory, &source->rows.rows, &e->ranks, &source->parts))
			out_of_memory();
	}
	note_counted(e);
	split_off(e, PART_TEST);
}

/* Judging */

/* One model and what it is judged by */
typedef struct Trial
{
	Evaluation *e;
	Candidate  *candidate;
	uint8		part;			/* that is judged by; those below are learned from */
	ModelWork	work;
	uint32	   *customer_of;	/* of each name that was read, the name there */
	uint32	   *item_of;
	Wishes		wishes;
	Judge		judge;
	int			metric;			/* whose figures are kept, or -1 */
} Trial;

static uint32 *
no_numbers(uint32 count)
{
	Size		size = sizeof(uint32) * ((Size) count + 1);
	uint32	   *numbers = MemoryContextAllocHuge(CurrentMemoryContext, size);

	memset(numbers, 0xff, size);
	return numbers;
}

/* Puts rows of a query under the names of the trial. */
static void
select_rows(Trial *trial, const GatheredQuery *from, const uint8 *part, GatheredQuery *to)
{
	ModelWork  *work = &trial->work;

	to->weight_column = from->weight_column;
	to->at_column = from->at_column;
	if (!interactions_start(&to->rows, &work->ids.memory, &work->ids.customers, &work->ids.items,
							from->rows.has_weights, from->rows.has_times) ||
		!part_select(&from->rows, part, trial->part, trial->customer_of, trial->item_of, &to->rows))
		out_of_memory();
}

/* Makes the model of what is learned from. */
static void
learn(Trial *trial)
{
	Evaluation *e = trial->e;
	Candidate  *candidate = trial->candidate;
	ModelWork  *work = &trial->work;

	/* At most all rows and names are taken. */
	work->rows.held = e->held + sizeof(uint32) * ((uint64) e->ids.customers.count + e->ids.items.count);
	build_check_memory(work->rows.held + gather_bytes(&e->rows) +
					   (candidate->events != NULL ? candidate->events->rows.rows.bytes : 0),
					   "Taking what is learned from");
	trial->customer_of = no_numbers(e->ids.customers.count);
	trial->item_of = no_numbers(e->ids.items.count);
	select_rows(trial, &e->rows, e->parts.part, &work->rows);
	if (candidate->events != NULL)
	{
		select_rows(trial, &candidate->events->rows, candidate->events->parts.part, &work->events);
		work->events.held = work->rows.held + work->rows.rows.bytes;
	}
	if (candidate->content != NULL)
	{
		const Names *items = &candidate->content->ids.items;

		work->content = &candidate->content->content.content;
		work->n_content_items = items->count;
		work->content_items = part_rename(&work->memory, items, &work->ids.items);
		if (work->content_items == NULL)
			out_of_memory();
	}
	work->n_rows = (int64) work->rows.rows.rows;
	model_make(work);
}

/* Did the customer have the item? */
static bool
was_had(const Had *had, int count, uint32 item)
{
	int			low = 0;
	int			high = count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (had[middle].item < item)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && had[low].item == item;
}

static int
compare_items(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

/*
 * What a customer is judged by, rising, of the items that he took, which are
 * ranks.  Those that nobody knows who has only learned stand behind the
 * catalog: nobody can recommend them.
 */
static uint32
wanted_items(const Trial *trial, const uint32 *taken, uint32 n, const Had *had, int count,
			 uint32 *wanted)
{
	const Evaluation *e = trial->e;
	const Matrix *matrix = &trial->work.matrix;
	uint32		n_wanted = 0;
	uint32		i;

	for (i = 0; i < n; i++)
	{
		uint32		name = trial->item_of[e->ranks.item_name[taken[i]]];
		uint32		item;

		if (e->counts != NULL && !e->counts[taken[i]])
			continue;
		if (name == NAME_NONE)
		{
			ContentSource *content = trial->candidate->content;
			NameText	text = names_text(&e->ids.items, e->ranks.item_name[taken[i]]);

			/* The content may know it under a name of its own. */
			if (content != NULL)
				name = names_find(&trial->work.ids.items, text.data, text.size);
		}
		item = name == NAME_NONE ? matrix->n_items + taken[i] : matrix->item_number[name];
		if (e->is_new_only && was_had(had, count, item))
			continue;
		wanted[n_wanted++] = item;
	}
	qsort(wanted, n_wanted, sizeof(uint32), compare_items);
	return n_wanted;
}

/* Judges by one customer, in a context that is reset after him. */
static void
judge_customer(Trial *trial, OpenRecommender *open, uint32 rank, const uint32 *taken, uint32 n)
{
	Evaluation *e = trial->e;
	uint32		name = trial->customer_of[e->ranks.customer_name[rank]];
	Asking		asking;
	uint32	   *wanted;
	Recommendation *rows;
	uint32	   *list;
	uint32		count;
	uint32		i;

	/* No customer has the surrogate 0. */
	asking_of_customer(open, name == NAME_NONE ? 0 :
					   (int64) trial->work.matrix.customer_number[name] + 1, &asking);
	if (asking.count == 0 && !e->takes_new_customers)
		return;
	wanted = palloc(sizeof(uint32) * n);
	n = wanted_items(trial, taken, n, asking.had, asking.count, wanted);
	if (n == 0)
		return;
	rows = palloc(sizeof(Recommendation) * e->k);
	list = palloc(sizeof(uint32) * e->k);
	count = answer(open, &trial->wishes, &asking, e->k, false, rows);
	for (i = 0; i < count; i++)
		list[i] = rows[i].item;
	if (!judge_user(&trial->work.memory, &trial->judge, list, count, wanted, n))
		out_of_memory();
	if (trial->metric >= 0)
		trial->candidate->figures[trial->judge.users - 1] = trial->judge.last[trial->metric];
}

/* Judges by all customers who took something in the part. */
static void
judge_customers(Trial *trial, OpenRecommender *open, const PartTaken *taken)
{
	Evaluation *e = trial->e;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(old, "promo customer", ALLOCSET_DEFAULT_SIZES);
	BuildOptions options;
	JsonFaults	faults;
	uint32		rank;

	json_faults_start(&faults);
	read_options(trial->candidate, &open->catalog, &faults, &options, &trial->wishes);
	json_faults_raise(&faults, psprintf("options of %s", e->what));
	if (!judge_start(&trial->work.memory, &trial->judge, e->k, open->catalog.n_items,
					 open->catalog.support))
		out_of_memory();
	MemoryContextSwitchTo(each);
	for (rank = 0; rank < e->ranks.n_customers; rank++)
	{
		uint64		begin = taken->start[rank];
		uint64		end = taken->start[rank + 1];

		CHECK_FOR_INTERRUPTS();
		if (begin < end)
			judge_customer(trial, open, rank, taken->item + begin, (uint32) (end - begin));
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(each);
	build_check_memory(trial->work.held + judge_bytes(&trial->judge), "Judging the lists");
	if (!judge_report(&trial->work.memory, &trial->judge, &trial->candidate->report))
		out_of_memory();
}

/* What scores are made of: the lists, or for user_knn the pairs themselves */
static uint64
model_size(const RecommendModel *model)
{
	return neighbors_count(&model->scoring) + neighbors_count(&model->event_scoring) +
		(model->options.method == RECOMMEND_USER_KNN ? model->matrix->n_entries : 0);
}

/* What promo.build_memory leaves for the pieces of the model */
static Size
room_for_pieces(const ModelWork *work)
{
	const RecommendModel *model = &work->model;
	uint64		held = work->held +
		(neighbors_count(&model->similar) + neighbors_count(&model->scoring) +
		 neighbors_count(&model->event_scoring)) * (sizeof(uint32) + sizeof(float));

	return promo_build_memory() > held ? promo_build_memory() - held : 0;
}

/*
 * Learns from the parts below, and judges by the part; keeps each customer's
 * figure of the metric, unless that is -1.
 */
static void
judge_candidate(Evaluation *e, Candidate *candidate, uint8 part, int metric)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext inner = AllocSetContextCreate(old, "promo evaluate", ALLOCSET_DEFAULT_SIZES);
	Trial	   *trial = MemoryContextAllocZero(inner, sizeof(Trial));
	ModelWork  *work = &trial->work;
	OpenRecommender *open;
	PartTaken	taken;

	trial->e = e;
	trial->candidate = candidate;
	trial->part = part;
	trial->metric = metric;
	work->options = &candidate->options;
	work->context = inner;
	work->memory = pg_memory(inner);
	if (metric >= 0 && candidate->figures == NULL)
		candidate->figures = palloc(sizeof(double) * ((Size) e->ranks.n_customers + 1));
	MemoryContextSwitchTo(inner);
	gathering_start(&work->ids, inner);
	model_gather_start(&work->rows, &work->ids, &candidate->options.recommend);
	model_gather_events_start(&work->events, &work->ids);
	learn(trial);
	candidate->size = model_size(&work->model);
	if (!part_taken(&work->memory, &e->parts, part, &taken))
		out_of_memory();
	open = recommender_open_model(&work->model, work->matrix.newest - candidate->options.recent,
								  room_for_pieces(work));
	PG_TRY();
	{
		judge_customers(trial, open, &taken);
	}
	PG_FINALLY();
	{
		recommender_close(open);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(inner);
	if (candidate->report.users == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("there is no customer to judge by"),
				 errdetail("Judged are customers with rows in the part that is learned from who took something%s in the other.",
						   e->is_new_only ? " new" : ""),
				 errhint("Split otherwise, or judge by new customers as well: {\"new_customers\": true}.")));
}

static void
put_metric(FunctionCallInfo fcinfo, const char *name, double value, double error, uint64 customers)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[0] = CStringGetTextDatum(name);
	record_number(value, &values[1], &nulls[1]);
	record_number(error, &values[2], &nulls[2]);
	values[3] = Int64GetDatum((int64) customers);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(promo_evaluate_recommender);

/*
 * evaluate_recommender(query text, options jsonb, split jsonb, k int)
 * returns TABLE (metric text, value float8, standard_error float8, customers bigint)
 */
Datum
promo_evaluate_recommender(PG_FUNCTION_ARGS)
{
	char	   *query = argument_string(fcinfo, 0, "query");
	Jsonb	   *options = argument_jsonb(fcinfo, 1, "options");
	Jsonb	   *split = argument_jsonb(fcinfo, 2, "split");
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	Evaluation	e = {0};
	JsonFaults	faults;
	const JudgeReport *report;
	int			i;

	e.what = "evaluate_recommender";
	read_k(fcinfo, 3, &e);
	json_faults_start(&faults);
	read_split(split, &faults, &e);
	read_candidates(&e, list_make1(options), &faults);
	json_faults_raise(&faults, psprintf("options of %s", e.what));
	InitMaterializedSRF(fcinfo, 0);

	context = AllocSetContextCreate(caller, "promo evaluation", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	evaluation_start(&e, query);
	judge_candidate(&e, &e.candidates[0], PART_TEST, -1);
	report = &e.candidates[0].report;
	for (i = 0; i < (int) lengthof(metrics); i++)
		put_metric(fcinfo, metrics[i].name, report->mean[metrics[i].metric],
				   report->error[metrics[i].metric], report->n[metrics[i].metric]);
	put_metric(fcinfo, "coverage", report->coverage, report->coverage_error, report->users);
	put_metric(fcinfo, "gini", report->gini, report->gini_error, report->users);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* Tuning */

static int
find_metric(const char *name)
{
	StringInfoData known;
	int			i;

	initStringInfo(&known);
	for (i = 0; i < METRICS_TO_GO_BY; i++)
	{
		if (strcmp(metrics[i].name, name) == 0)
			return metrics[i].metric;
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", metrics[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no metric \"%s\" to tune a recommender by", name),
			 errhint("There are %s.", known.data)));
}

typedef struct RankArg
{
	const Candidate *candidates;
	int			metric;
} RankArg;

/* Better means first, of equal ones the smaller model, then as they came */
static int
compare_candidates(const void *a, const void *b, void *arg)
{
	const RankArg *rank = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	const Candidate *x = &rank->candidates[i];
	const Candidate *y = &rank->candidates[j];

	if (x->report.mean[rank->metric] != y->report.mean[rank->metric])
		return x->report.mean[rank->metric] > y->report.mean[rank->metric] ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return i - j;
}

/*
 * The smallest model that is not worse than the best by more than the standard
 * error of the difference, which is that of the same customers.
 */
static int
choose(const Evaluation *e, const int *order, int metric)
{
	const Candidate *best = &e->candidates[order[0]];
	int			chosen = order[0];
	int			i;

	for (i = 1; i < e->n_candidates; i++)
	{
		const Candidate *candidate = &e->candidates[order[i]];
		double		worse = best->report.mean[metric] - candidate->report.mean[metric];

		if (candidate->size < e->candidates[chosen].size &&
			worse <= judge_difference_error(best->figures, candidate->figures,
											best->report.users))
			chosen = order[i];
	}
	return chosen;
}

PG_FUNCTION_INFO_V1(promo_tune_recommender);

/*
 * tune_recommender(query text, grid jsonb, split jsonb, k int, metric text,
 *		options jsonb)
 *		returns table (rank int, options jsonb, metric text, mean float8,
 *		standard_error float8, neighbors bigint, is_best boolean,
 *		is_chosen boolean, test_mean float8, test_standard_error float8)
 */
Datum
promo_tune_recommender(PG_FUNCTION_ARGS)
{
	char	   *query = argument_string(fcinfo, 0, "query");
	Jsonb	   *grid = argument_jsonb(fcinfo, 1, "grid");
	Jsonb	   *split = argument_jsonb(fcinfo, 2, "split");
	char	   *metric_name = argument_string(fcinfo, 4, "metric");
	int			metric = find_metric(metric_name);
	Jsonb	   *common = argument_jsonb(fcinfo, 5, "options");
	ReturnSetInfo *result;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	Evaluation	e = {0};
	List	   *jsons = NIL;
	JsonFaults	faults;
	RankArg		arg;
	Candidate	tested;
	int		   *order;
	int			chosen;
	int			i;

	e.what = "tune_recommender";
	read_k(fcinfo, 3, &e);
	json_faults_start(&faults);
	if (!JB_ROOT_IS_OBJECT(common))
		json_fault(&faults, "options", "must be an object");
	else
		jsons = grid_candidates(grid, common, common_keys, lengthof(common_keys), &faults);
	read_split(split, &faults, &e);
	json_faults_raise(&faults, psprintf("candidates of %s", e.what));
	read_candidates(&e, jsons, &faults);
	json_faults_raise(&faults, psprintf("options of %s", e.what));
	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;

	context = AllocSetContextCreate(caller, "promo evaluation", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	evaluation_start(&e, query);
	split_off(&e, PART_VALIDATE);
	order = palloc(sizeof(int) * e.n_candidates);
	for (i = 0; i < e.n_candidates; i++)
	{
		Candidate  *candidate = &e.candidates[i];

		judge_candidate(&e, candidate, PART_VALIDATE, metric);
		order[i] = i;
		ereport(NOTICE,
				(errmsg("candidate %d of %d: %s %.6g, standard error %.2g, of %s", i + 1,
						e.n_candidates, metric_name, candidate->report.mean[metric],
						candidate->report.error[metric],
						JsonbToCString(NULL, (JsonbContainer *) &candidate->json->root, 0))));
	}
	arg.candidates = e.candidates;
	arg.metric = metric;
	qsort_arg(order, e.n_candidates, sizeof(int), compare_candidates, &arg);
	chosen = choose(&e, order, metric);
	tested = e.candidates[chosen];
	judge_candidate(&e, &tested, PART_TEST, -1);
	for (i = 0; i < e.n_candidates; i++)
	{
		const Candidate *candidate = &e.candidates[order[i]];
		Datum		values[10];
		bool		nulls[10] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = JsonbPGetDatum(candidate->json);
		values[2] = CStringGetTextDatum(metric_name);
		record_number(candidate->report.mean[metric], &values[3], &nulls[3]);
		record_number(candidate->report.error[metric], &values[4], &nulls[4]);
		values[5] = Int64GetDatum((int64) candidate->size);
		values[6] = BoolGetDatum(i == 0);
		values[7] = BoolGetDatum(order[i] == chosen);
		record_number(order[i] == chosen ? tested.report.mean[metric] : NAN, &values[8], &nulls[8]);
		record_number(order[i] == chosen ? tested.report.error[metric] : NAN, &values[9], &nulls[9]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}
