/*-------------------------------------------------------------------------
 *
 * pg_tiers.c
 *	  The tiers of a program, as jsonb; the one that some figures are good for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "membership/pg_tiers.h"

/* Names are looked up by index, and stand in messages. */
#define NAME_MOST 200

/* Counts, points, or amounts with decimals */
#define FIGURE_MOST INT64CONST(1000000000000000)

#define PARTS_MOST 100

typedef struct Figures
{
	const char *const *names;
	int			count;
} Figures;

static bool
read_figure(JsonReader *reader, const char *key, int64 least, Decimal *figure)
{
	char	   *digits;

	if (!json_read_decimal(reader, key, least, FIGURE_MOST, &digits))
		return false;
	if (decimal_read(digits, strlen(digits), figure))
		return true;
	json_fault(reader->faults, json_path(reader, key), "must have at most %d decimals", DECIMAL_SCALE);
	return false;
}

static void read_criteria(JsonReader *reader, const Figures *figures, TierTerms *terms);

static void
read_parts(JsonReader *reader, const char *key, const Figures *figures, TierTerms *terms)
{
	List	   *children;
	ListCell   *cell;

	if (!json_read_objects(reader, key, &children))
		return;
	if (list_length(children) < 1 || list_length(children) > PARTS_MOST)
	{
		json_fault(reader->faults, json_path(reader, key), "must have from 1 to %d parts, not %d",
				   PARTS_MOST, list_length(children));
		return;
	}
	terms->parts = palloc0(sizeof(TierTerms) * list_length(children));
	foreach(cell, children)
		read_criteria(lfirst(cell), figures, &terms->parts[terms->count++]);
}

/* Reads criteria, and closes the reader. */
static void
read_criteria(JsonReader *reader, const Figures *figures, TierTerms *terms)
{
	static const char *const kinds[] = {"metric", "any", "all", "of"};
	JsonbValue	value;
	int64		needed = 1;
	int			kind = -1;
	int			found = 0;
	int			i;

	check_stack_depth();
	for (i = 0; i < (int) lengthof(kinds); i++)
		if (json_has(reader, kinds[i], &value))
		{
			kind = i;
			found++;
		}
	if (found != 1)
	{
		json_fault(reader->faults, reader->path, "must have one of metric, any, all and of");
		return;
	}
	if (kind == 0)
	{
		const char *name;

		if (json_read_word(reader, "metric", figures->names, figures->count, &name))
			for (i = 0; i < figures->count; i++)
				if (figures->names[i] == name)
					terms->figure = i;
		json_need(reader, "at_least");
		read_figure(reader, "at_least", -FIGURE_MOST, &terms->at_least);
	}
	else
	{
		read_parts(reader, kinds[kind], figures, terms);
		if (kind == 3)
		{
			json_need(reader, "at_least");
			if (json_read_int(reader, "at_least", 1, PARTS_MOST, &needed) && terms->count > 0 &&
				needed > terms->count)
				json_fault(reader->faults, json_path(reader, "at_least"),
						   "must not be more than there are parts");
		}
		terms->needed = kind == 2 ? Max(terms->count, 1) : (int) needed;
	}
	json_close(reader);
}

static void
read_tier(JsonReader *tier, const Figures *figures, int threshold_figure, TierList *list, Decimal *last)
{
	TierRule   *rule = &list->rules[list->count];
	JsonReader	criteria;
	JsonbValue	value;
	char	   *name = NULL;
	bool		is_base = list->count == 0;
	int			i;

	json_need(tier, "name");
	if (json_read_text(tier, "name", &name) && strlen(name) > NAME_MOST)
		json_fault(tier->faults, json_path(tier, "name"), "must have at most %d bytes", NAME_MOST);
	for (i = 0; i < list->count && name != NULL; i++)
		if (list->names[i] != NULL && strcmp(list->names[i], name) == 0)
			json_fault(tier->faults, json_path(tier, "name"), "is \"%s\" for the second time", name);
	if (is_base)
	{
		json_refuse(tier, "criteria", "is not for the first tier, which is everybody's");
		json_refuse(tier, "renewal", "is not for the first tier, which is everybody's");
	}
	if (!is_base && json_has(tier, "criteria", &value))
	{
		json_refuse(tier, "threshold", "is not for a tier of criteria");
		if (json_read_object(tier, "criteria", &criteria))
			read_criteria(&criteria, figures, &rule->entry);
	}
	else
	{
		json_need(tier, "threshold");
		rule->entry.figure = threshold_figure;
		if (read_figure(tier, "threshold", 0, &rule->entry.at_least))
		{
			Decimal		zero = decimal_of(0, 0);

			if (is_base && decimal_compare(&rule->entry.at_least, &zero) != 0)
				json_fault(tier->faults, json_path(tier, "threshold"),
						   "must be 0 for the first tier, which is everybody's");
			if (!is_base && decimal_compare(&rule->entry.at_least, last) <= 0)
				json_fault(tier->faults, json_path(tier, "threshold"),
						   "must be above that of the tiers before");
			*last = rule->entry.at_least;
		}
	}
	rule->renewal = rule->entry;
	if (!is_base && json_has(tier, "renewal", &value))
	{
		memset(&rule->renewal, 0, sizeof(TierTerms));
		if (json_read_object(tier, "renewal", &criteria))
			read_criteria(&criteria, figures, &rule->renewal);
	}
	list->names[list->count] = name;
	list->readers[list->count++] = tier;
}

void
tiers_read(JsonReader *reader, const char *const figures[], int n_figures, int threshold_figure,
		   TierList *list)
{
	Figures		known;
	Decimal		last = decimal_of(0, 0);
	List	   *children;
	ListCell   *cell;

	known.names = figures;
	known.count = n_figures;
	list->count = 0;
	json_need(reader, "tiers");
	if (!json_read_objects(reader, "tiers", &children))
		return;
	if (list_length(children) < 1 || list_length(children) > TIERS_MOST)
	{
		json_fault(reader->faults, json_path(reader, "tiers"), "must have from 1 to %d tiers, not %d",
				   TIERS_MOST, list_length(children));
		return;
	}
	list->names = palloc0(sizeof(char *) * list_length(children));
	list->rules = palloc0(sizeof(TierRule) * list_length(children));
	list->readers = palloc0(sizeof(JsonReader *) * list_length(children));
	foreach(cell, children)
		read_tier(lfirst(cell), &known, threshold_figure, list, &last);
}

void
tiers_close(TierList *list)
{
	int			i;

	for (i = 0; i < list->count; i++)
		json_close(list->readers[i]);
}

int
tiers_find(const TierList *list, const char *name)
{
	int			i;

	for (i = 0; i < list->count; i++)
		if (strcmp(list->names[i], name) == 0)
			return i;
	return -1;
}

/*
 * The pure functions
 */

/* The array given as tiers, as one that stands under that key */
static Jsonb *
under_key(const Jsonb *tiers)
{
	JsonbParseState *state = NULL;
	JsonbValue	key;
	JsonbValue	value;

	key.type = jbvString;
	key.val.string.val = "tiers";
	key.val.string.len = (int) strlen("tiers");
	JsonbToJsonbValue((Jsonb *) tiers, &value);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	pushJsonbValue(&state, WJB_VALUE, &value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
read_tiers_given(JsonFaults *faults, const Jsonb *tiers, const char *const figures[], int n_figures,
				 TierList *list)
{
	JsonReader	reader;
	int			threshold_figure = -1;
	int			i;

	for (i = 0; i < n_figures; i++)
		if (strcmp(figures[i], "metric") == 0)
			threshold_figure = i;
	json_open(&reader, faults, "", under_key(tiers));
	tiers_read(&reader, figures, n_figures, Max(threshold_figure, 0), list);
	for (i = 1; i < list->count && threshold_figure < 0; i++)
	{
		JsonbValue	value;

		if (json_has(list->readers[i], "threshold", &value))
			json_fault(faults, json_path(list->readers[i], "threshold"),
					   "is one of the figure metric, which is not given");
	}
	tiers_close(list);
}

static int
find_tier_given(const TierList *list, const text *name)
{
	int			tier = tiers_find(list, text_to_cstring(name));

	if (tier < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no tier \"%s\"", text_to_cstring(name))));
	return tier;
}

/* A number is that of the figure metric. */
static void
read_figures(JsonFaults *faults, Jsonb *metrics, char ***names, int *count, Decimal **values)
{
	JsonReader	reader;
	ListCell   *cell;
	List	   *keys;

	if (JB_ROOT_IS_SCALAR(metrics))
		metrics = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{\"metric\": %s}",
																						 JsonbToCString(NULL, &metrics->root, VARSIZE(metrics))))));
	json_open(&reader, faults, "metrics", metrics);
	keys = json_keys(&reader);
	*names = palloc(sizeof(char *) * (list_length(keys) + 1));
	*values = palloc(sizeof(Decimal) * (list_length(keys) + 1));
	*count = 0;
	foreach(cell, keys)
	{
		(*names)[*count] = lfirst(cell);
		(*values)[*count] = decimal_of(0, 0);
		read_figure(&reader, lfirst(cell), -FIGURE_MOST, &(*values)[*count]);
		(*count)++;
	}
}

PG_FUNCTION_INFO_V1(promo_tier_for);

/*
 * tier_for(metrics jsonb, tiers jsonb, manual_floor text) returns text
 */
Datum
promo_tier_for(PG_FUNCTION_ARGS)
{
	JsonFaults	faults;
	TierList	list;
	char	  **names;
	Decimal    *figures;
	int			count;
	int			tier;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	json_faults_start(&faults);
	read_figures(&faults, PG_GETARG_JSONB_P(0), &names, &count, &figures);
	read_tiers_given(&faults, PG_GETARG_JSONB_P(1), (const char *const *) names, count, &list);
	json_faults_raise(&faults, "tiers");
	tier = tier_reached(list.rules, list.count, figures);
	if (!PG_ARGISNULL(2))
		tier = Max(tier, find_tier_given(&list, PG_GETARG_TEXT_PP(2)));
	PG_RETURN_TEXT_P(cstring_to_text(list.names[tier]));
}

PG_FUNCTION_INFO_V1(promo_requalified_tier);

/*
 * requalified_tier(current text, metric numeric, tiers jsonb, policy text) returns text
 */
Datum
promo_requalified_tier(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"metric"};
	char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out, PG_GETARG_DATUM(1)));
	char	   *policy = text_to_cstring(PG_GETARG_TEXT_PP(3));
	JsonFaults	faults;
	TierList	list;
	Decimal		figure;
	int			i;

	if (!decimal_read(digits, strlen(digits), &figure))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("metric is out of range")));
	json_faults_start(&faults);
	read_tiers_given(&faults, PG_GETARG_JSONB_P(2), names, 1, &list);
	json_faults_raise(&faults, "tiers");
	for (i = 0; i < TIER_POLICIES; i++)
		if (strcmp(tier_policy_names[i], policy) == 0)
			PG_RETURN_TEXT_P(cstring_to_text(list.names[tier_requalified(list.rules, list.count,
																		  find_tier_given(&list, PG_GETARG_TEXT_PP(0)),
																		  &figure, (TierPolicy) i)]));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("policy must be one of one_down, to_qualified, to_base and never, not \"%.60s\"", policy)));
}
