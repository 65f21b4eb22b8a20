/*-------------------------------------------------------------------------
 *
 * pg_field.c
 *	  SQL values as the forest takes them: numbers and names of categories.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "forest/pg_field.h"
#include "pg/number.h"

bool
field_start(Field *field, Oid type, MemoryContext context)
{
	Oid			output;
	bool		is_varlena;
	char		category;
	bool		preferred;

	memset(field, 0, offsetof(Field, label_value));
	field->context = context;
	field->type = getBaseType(type);
	if (pg_is_number(field->type))
	{
		field->source = FIELD_NUMBER;
		return true;
	}
	switch (field->type)
	{
		case BOOLOID:
			field->source = FIELD_BOOLEAN;
			return true;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			field->source = FIELD_TIME;
			return true;
		case TEXTOID:
		case VARCHAROID:
			field->source = FIELD_TEXT;
			field->is_varlena_text = true;
			return true;
		case BPCHAROID:
			field->source = FIELD_TEXT;
			field->is_varlena_text = true;
			field->is_blank_padded = true;
			return true;
	}
	get_type_category_preferred(field->type, &category, &preferred);
	if (category != TYPCATEGORY_STRING && category != TYPCATEGORY_ENUM &&
		field->type != UNKNOWNOID && field->type != CHAROID)
		return false;
	field->source = FIELD_TEXT;
	field->is_enum = category == TYPCATEGORY_ENUM && type_is_enum(field->type);
	getTypeOutputInfo(field->type, &output, &is_varlena);
	fmgr_info_cxt(output, &field->output, context);
	return true;
}

const char *
field_source_name(int source)
{
	switch (source)
	{
		case FIELD_NUMBER:
			return "number";
		case FIELD_TIME:
			return "time";
		case FIELD_TEXT:
			return "text";
		case FIELD_BOOLEAN:
			return "boolean";
	}
	return "unknown";
}

double
field_number(const Field *field, Datum value)
{
	switch (field->type)
	{
		case DATEOID:
			{
				DateADT		date = DatumGetDateADT(value);

				if (DATE_NOT_FINITE(date))
					return DATE_IS_NOBEGIN(date) ? -INFINITY : INFINITY;
				return date;
			}
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			{
				Timestamp	time = DatumGetTimestamp(value);

				if (TIMESTAMP_NOT_FINITE(time))
					return TIMESTAMP_IS_NOBEGIN(time) ? -INFINITY : INFINITY;
				return (double) time / USECS_PER_DAY;
			}
	}
	return pg_number(field->type, value);
}

/* Label of an enum value, remembered while there are few */
static ForestText
enum_label(Field *field, Oid value)
{
	ForestText	label;
	char	   *text;
	int			i;

	for (i = 0; i < field->labels; i++)
		if (field->label_value[i] == value)
			return field->label[i];
	text = OutputFunctionCall(&field->output, ObjectIdGetDatum(value));
	label.size = strlen(text);
	label.data = text;
	if (field->labels < FIELD_LABELS)
	{
		label.data = MemoryContextStrdup(field->context, text);
		field->label_value[field->labels] = value;
		field->label[field->labels++] = label;
	}
	return label;
}

ForestText
field_text(Field *field, Datum value)
{
	ForestText	result;

	if (field->source == FIELD_BOOLEAN)
		return field_boolean(DatumGetBool(value));
	if (field->is_enum)
		return enum_label(field, DatumGetObjectId(value));
	if (field->is_varlena_text)
	{
		text	   *datum = DatumGetTextPP(value);

		result.data = VARDATA_ANY(datum);
		result.size = VARSIZE_ANY_EXHDR(datum);

		/* As the cast to text does */
		while (field->is_blank_padded && result.size > 0 &&
			   result.data[result.size - 1] == ' ')
			result.size--;
		return result;
	}
	result.data = OutputFunctionCall(&field->output, value);
	result.size = strlen(result.data);
	return result;
}

/* The column of that name, looked for from `from` on, or -1 */
static int
find_column(TupleDesc desc, ForestText name, int from)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		int			at = (from + i) % desc->natts;
		Form_pg_attribute column = TupleDescAttr(desc, at);

		if (!column->attisdropped &&
			strlen(NameStr(column->attname)) == name.size &&
			memcmp(NameStr(column->attname), name.data, name.size) == 0)
			return at;
	}
	return -1;
}

void
fields_match(TupleDesc desc, int count, const ForestText *names,
			 const uint8 *sources, int *attributes, Field *fields,
			 MemoryContext context)
{
	StringInfoData missing;
	StringInfoData other;
	int			from = 0;
	int			i;

	initStringInfo(&missing);
	initStringInfo(&other);
	for (i = 0; i < count; i++)
	{
		int			at = find_column(desc, names[i], from);
		Oid			type;

		attributes[i] = at;
		if (at < 0)
		{
			appendStringInfo(&missing, "%s\"%.*s\"", missing.len > 0 ? ", " : "",
							 (int) names[i].size, names[i].data);
			continue;
		}
		from = at + 1;
		type = TupleDescAttr(desc, at)->atttypid;
		if (!field_start(&fields[i], type, context) || fields[i].source != sources[i])
			appendStringInfo(&other, "%s\"%.*s\" is %s, not a %s", other.len > 0 ? ", " : "",
							 (int) names[i].size, names[i].data, format_type_be(type),
							 field_source_name(sources[i]));
	}
	if (missing.len > 0 || other.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("record does not have the features that the forest learned from"),
				 errdetail_internal("%s%s%s%s%s%s",
									missing.len > 0 ? "Missing: " : "", missing.data,
									missing.len > 0 ? "." : "",
									other.len > 0 ? (missing.len > 0 ? " Of another kind: " : "Of another kind: ") : "",
									other.data, other.len > 0 ? "." : ""),
				 errhint("Columns are matched by name; promo.forest_info() lists them.")));
	pfree(missing.data);
	pfree(other.data);
}

char *
field_number_text(int source, double number)
{
	char		buffer[MAXDATELEN + 1];

	if (source == FIELD_TIME && isfinite(number))
	{
		double		microseconds = rint(number * USECS_PER_DAY);
		struct pg_tm tm;
		fsec_t		fraction;

		if (fabs(microseconds) < 9e18 &&
			timestamp2tm((Timestamp) microseconds, NULL, &tm, &fraction, NULL, NULL) == 0)
		{
			EncodeDateTime(&tm, fraction, false, 0, NULL, USE_ISO_DATES, buffer);
			return pstrdup(buffer);
		}
	}
	if (isinf(number))
		return pstrdup(number < 0 ? "-infinity" : "infinity");
	double_to_shortest_decimal_buf(number, buffer);
	return pstrdup(buffer);
}
