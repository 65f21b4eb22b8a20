/*-------------------------------------------------------------------------
 *
 * pg_benefit.c
 *	  What members of a tier have of it, as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "membership/pg_benefit.h"
#include "pg/spi.h"

#define NAME_MOST 200
#define BENEFITS_MOST 100
#define POINTS_MOST INT64CONST(1000000000)
#define COUNT_MOST 1000
#define AMOUNT_MOST INT64CONST(1000000000000)

/* Key of what a benefit of a type is worth, and what it may be */
static const struct Kind
{
	const char *type;
	const char *key;
	int64		least;
	int64		most;
	int			decimals;		/* -1: those of the currency */
	bool		falls_due;
	const char *otherwise;		/* where the key is missing; NULL: it may not be */
}			kinds[] = {
	{"discount", "percent", 0, 100, 4, false, NULL},
	{"points_multiplier", "multiplier", 0, 1000, 6, false, NULL},
	{"free_shipping", "from", 0, AMOUNT_MOST, -1, false, "0"},
	{"early_access", "hours", 1, 87600, 0, false, NULL},
	{"points", "points", 1, POINTS_MOST, 0, true, NULL},
	{"gift", "count", 1, COUNT_MOST, 0, true, "1"},
	{"coupon", "count", 1, COUNT_MOST, 0, true, "1"}
};

static void
read_value(JsonReader *reader, const struct Kind *kind, int exponent, Benefit *benefit)
{
	Decimal		value;
	int			decimals = kind->decimals < 0 ? exponent : kind->decimals;

	benefit->value = (char *) kind->otherwise;
	if (kind->otherwise == NULL)
		json_need(reader, kind->key);
	if (json_read_decimal(reader, kind->key, kind->least, kind->most, &benefit->value) &&
		(!decimal_read(benefit->value, strlen(benefit->value), &value) || value.scale > decimals))
		json_fault(reader->faults, json_path(reader, kind->key), "must have at most %d decimals", decimals);
}

static void
read_benefit(JsonReader *reader, int exponent, Benefit *benefit)
{
	static const char *const periods[] = {"month", "quarter", "half", "year", "birthday"};
	const char *types[lengthof(kinds)];
	const struct Kind *kind = NULL;
	const char *type;
	int			i;

	for (i = 0; i < (int) lengthof(kinds); i++)
		types[i] = kinds[i].type;
	json_need(reader, "type");
	if (!json_read_word(reader, "type", types, lengthof(types), &type))
		return;
	for (i = 0; i < (int) lengthof(kinds); i++)
		if (kinds[i].type == type)
			kind = &kinds[i];
	benefit->type = type;
	read_value(reader, kind, exponent, benefit);
	if (kind->falls_due)
	{
		json_need(reader, "name");
		if (json_read_text(reader, "name", &benefit->name) && strlen(benefit->name) > NAME_MOST)
			json_fault(reader->faults, json_path(reader, "name"), "must have at most %d bytes", NAME_MOST);
		json_need(reader, "every");
		json_read_word(reader, "every", periods, lengthof(periods), &benefit->every);
	}
	else
	{
		benefit->name = pstrdup(type);
		json_refuse(reader, "name", "is for benefits that fall due");
		json_refuse(reader, "every", "is for benefits that fall due");
	}
	if (strcmp(type, "coupon") == 0)
	{
		json_need(reader, "promotion");
		json_read_text(reader, "promotion", &benefit->promotion);
	}
	else
		json_refuse(reader, "promotion", "is for coupons");
	json_close(reader);
}

List *
benefits_read(const TierList *tiers, int exponent)
{
	List	   *benefits = NIL;
	int			tier;

	for (tier = 0; tier < tiers->count; tier++)
	{
		JsonReader *reader = tiers->readers[tier];
		List	   *children = NIL;
		ListCell   *cell;

		json_read_objects(reader, "benefits", &children);
		if (list_length(children) > BENEFITS_MOST)
			json_fault(reader->faults, json_path(reader, "benefits"), "must have at most %d, not %d",
					   BENEFITS_MOST, list_length(children));
		foreach(cell, children)
		{
			JsonReader *child = lfirst(cell);
			Benefit    *benefit = palloc0(sizeof(Benefit));
			ListCell   *other;

			benefit->tier = tier;
			read_benefit(child, exponent, benefit);
			if (benefit->name == NULL)
				continue;
			foreach(other, benefits)
			{
				const Benefit *before = lfirst(other);

				if (strcmp(before->name, benefit->name) != 0)
					continue;
				if (before->tier == tier)
					json_fault(reader->faults, child->path, "is \"%s\" for the second time", benefit->name);
				else if (strcmp(before->type, benefit->type) != 0 ||
						 (before->every != NULL && benefit->every != NULL && strcmp(before->every, benefit->every) != 0))
					json_fault(reader->faults, child->path, "is \"%s\", which is of another type or period in a tier before",
							   benefit->name);
			}
			benefits = lappend(benefits, benefit);
		}
	}
	return benefits;
}

static Datum
text_or_null(const char *value, char *null)
{
	*null = value == NULL ? 'n' : ' ';
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

void
benefits_write(int64 program_id, const TierList *tiers, const List *benefits)
{
	static const Oid types[7] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[7];
	ListCell   *cell;

	values[0] = Int64GetDatum(program_id);
	foreach(cell, benefits)
	{
		const Benefit *benefit = lfirst(cell);
		char		nulls[8] = "       ";

		values[1] = CStringGetTextDatum(tiers->names[benefit->tier]);
		values[2] = CStringGetTextDatum(benefit->name);
		values[3] = CStringGetTextDatum(benefit->type);
		values[4] = CStringGetTextDatum(benefit->value);
		values[5] = text_or_null(benefit->every, &nulls[5]);
		values[6] = text_or_null(benefit->promotion, &nulls[6]);
		(void) spi_run("INSERT INTO promo.tier_benefit (program_id, tier, benefit, type, value, every, promotion)"
					   " VALUES ($1, $2, $3, $4, $5::pg_catalog.numeric, $6, $7)", 7, types, values, nulls);
	}
}
