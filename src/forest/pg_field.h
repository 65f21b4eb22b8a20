/*-------------------------------------------------------------------------
 *
 * pg_field.h
 *	  SQL values as the forest takes them: numbers and names of categories.
 *
 * Integers, numerics and floats are numbers; dates and timestamps, with and
 * without time zone, are days since 2000-01-01 (UTC), a fraction for the time
 * of day.  Texts and enums are categories by their text, booleans the
 * categories `false` and `true`.  NaN counts as NULL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_FIELD_H
#define PROMO_PG_FIELD_H

#include "access/tupdesc.h"
#include "fmgr.h"

#include "forest/forest.h"

/* What stands in a model as the source of a feature or target: never renumber */
typedef enum FieldSource
{
	FIELD_NUMBER = 1,
	FIELD_TIME = 2,
	FIELD_TEXT = 3,
	FIELD_BOOLEAN = 4
} FieldSource;

/* Enum labels remembered by a field */
#define FIELD_LABELS 64

typedef struct Field
{
	Oid			type;			/* the base type of a domain */
	FieldSource source;
	bool		is_varlena_text;	/* its bytes are the text */
	bool		is_blank_padded;
	bool		is_enum;
	FmgrInfo	output;			/* for the other texts */
	MemoryContext context;
	int			labels;
	Oid			label_value[FIELD_LABELS];
	ForestText	label[FIELD_LABELS];
} Field;

/* False when values of the type are neither numbers nor categories. */
extern bool field_start(Field *field, Oid type, MemoryContext context);

static inline ForestKind
field_kind(FieldSource source)
{
	return source == FIELD_TEXT || source == FIELD_BOOLEAN ?
		FOREST_CATEGORY : FOREST_NUMBER;
}

/* A word for a source, as messages and forest_info show it */
extern const char *field_source_name(int source);

/* The value of a number or time */
extern double field_number(const Field *field, Datum value);

/* The name of a text or boolean; may point into the value. */
extern ForestText field_text(Field *field, Datum value);

static inline ForestText
field_boolean(bool value)
{
	ForestText	text = {value ? "true" : "false", value ? 4 : 5};

	return text;
}

/*
 * fields_match(desc, count, names, sources, attributes, fields, context)
 *
 * Finds the columns with these names, of these sources, whatever their order
 * and whatever others there are.  Sets the number of each column's attribute
 * and its Field; an error that lists all that are missing or of another kind.
 */
extern void fields_match(TupleDesc desc, int count, const ForestText *names,
						 const uint8 *sources, int *attributes, Field *fields,
						 MemoryContext context);

/* Number as text that reads back as the same; ISO time for a time's days. */
extern char *field_number_text(int source, double number);

#endif							/* PROMO_PG_FIELD_H */
