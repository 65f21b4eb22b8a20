/*-------------------------------------------------------------------------
 *
 * pg_condition.c
 *	  Conditions of promotions, and the lines they select, from jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "utils/builtins.h"

#include "core/time.h"
#include "coupon/pg_condition.h"
#include "coupon/pg_words.h"
#include "pg/zone.h"

/* Conditions of one promotion, trees among them */
#define CONDITIONS_MOST 1000

#define BIRTHDAY_DAYS_MOST 180

#define MINUTE INT64CONST(60000000)

static const char *const basis_words[] = {"before_discounts", "after_previous"};
static const char *const tax_words[] = {"included", "excluded"};

int
enum_read(JsonReader *reader, const char *key, const char *const names[], int count, int present)
{
	const char *word = NULL;
	int			i;

	if (json_read_word(reader, key, names, count, &word))
		for (i = 0; i < count; i++)
			if (names[i] == word)
				return i;
	return present;
}

/*
 * What is compared with, under the key value: one, or for operators that take
 * some a list.  With "kind": "time", texts are instants.
 */
static void
read_values(JsonReader *reader, Comparison *comparison)
{
	static const char *const kinds[] = {"time"};
	bool		is_time = enum_read(reader, "kind", kinds, lengthof(kinds), -1) == 0;
	bool		takes_list = comparison->op == COMPARE_IN || comparison->op == COMPARE_NOT_IN ||
		comparison->op == COMPARE_CONTAINS;
	const char *path = json_path(reader, "value");
	JsonbValue	json;
	JsonbValue	element;
	Value	   *values;
	int			i;

	json_need(reader, "value");
	if (!json_has(reader, "value", &json))
		return;
	if (json.type == jbvBinary && JsonContainerIsArray(json.val.binary.data) && takes_list)
	{
		JsonbIterator *iterator = JsonbIteratorInit(json.val.binary.data);
		JsonbIteratorToken token;
		int			size = JsonContainerSize(json.val.binary.data);

		if (size < 1 || size > WORDS_MOST)
		{
			json_fault(reader->faults, path, "must have from 1 to %d values, not %d", WORDS_MOST, size);
			return;
		}
		values = palloc(sizeof(Value) * size);
		while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
			if (token == WJB_ELEM &&
				(element.type == jbvBinary || !value_take(&element, &values[comparison->count++])))
			{
				json_fault(reader->faults, path, "must have strings, numbers, true or false only");
				return;
			}
	}
	else
	{
		values = palloc(sizeof(Value));
		if (json.type == jbvBinary || !value_take(&json, values))
		{
			json_fault(reader->faults, path, takes_list ?
					   "must be a string, a number, true, false, or an array of these" :
					   "must be a string, a number, true or false");
			return;
		}
		comparison->count = 1;
	}
	for (i = 0; is_time && i < comparison->count; i++)
	{
		if (values[i].kind != VALUE_TEXT ||
			!time_read(values[i].text.text, values[i].text.length, &values[i].time))
		{
			json_fault(reader->faults, path, "must be an instant as 2026-01-05T15:30:00Z");
			return;
		}
		values[i].kind = VALUE_TIME;
	}
	if (comparison->op == COMPARE_STARTS_WITH && values[0].kind != VALUE_TEXT)
		json_fault(reader->faults, path, "must be a string, to start with");
	comparison->value = values;
}

/* Of an object that has name, operator and value; not closed. */
static void
read_comparison(JsonReader *reader, Comparison *comparison)
{
	memset(comparison, 0, sizeof(*comparison));
	json_need(reader, "name");
	words_read_one(reader, "name", &comparison->name);
	comparison->op = enum_read(reader, "operator", compare_names, COMPARE_OPERATORS, COMPARE_EQ);
	if (comparison->op == COMPARE_EXISTS)
		json_refuse(reader, "value", "is not for exists");
	else
		read_values(reader, comparison);
}

static void
read_attributes(JsonReader *reader, Select *select)
{
	List	   *children;
	ListCell   *cell;
	Comparison *comparisons;

	if (!json_read_objects(reader, "attributes", &children))
		return;
	comparisons = palloc(sizeof(Comparison) * (list_length(children) + 1));
	foreach(cell, children)
	{
		read_comparison(lfirst(cell), &comparisons[select->comparison_count++]);
		json_close(lfirst(cell));
	}
	select->comparisons = comparisons;
}

void
select_read(JsonReader *reader, const char *key, const Select **target)
{
	JsonReader	object;
	Select	   *select;

	if (!json_read_object(reader, key, &object))
		return;
	select = palloc0(sizeof(Select));
	words_read_new(&object, "products", &select->products);
	words_read_new(&object, "categories", &select->categories);
	words_read_new(&object, "exclude_products", &select->exclude_products);
	words_read_new(&object, "exclude_categories", &select->exclude_categories);
	exact_read_new(&object, "unit_price_min", 0, AMOUNT_MOST, PRICE_DECIMALS, &select->unit_price_min);
	exact_read_new(&object, "unit_price_max", 0, AMOUNT_MOST, PRICE_DECIMALS, &select->unit_price_max);
	if (select->unit_price_min != NULL && select->unit_price_max != NULL &&
		decimal_compare(select->unit_price_min, select->unit_price_max) > 0)
		json_fault(reader->faults, json_path(&object, "unit_price_max"), "must not be below unit_price_min");
	json_read_bool(&object, "exclude_on_sale", &select->exclude_on_sale);
	read_attributes(&object, select);
	json_close(&object);
	*target = select;
}

static void
read_zone(JsonReader *reader, Condition *condition)
{
	char	   *name;

	if (!json_read_text(reader, "time_zone", &name))
		return;
	condition->zone = pg_zone_kept(name);
	if (condition->zone == NULL)
		json_fault(reader->faults, json_path(reader, "time_zone"),
				   "must be one of pg_timezone_names, not \"%.60s\"", name);
}

/* A time of day as HH:MM, 24:00 among them for an end */
static bool
read_minute(JsonReader *reader, const char *key, int last, int64 *target)
{
	char	   *text;
	int			hour;
	int			minute;

	json_need(reader, key);
	if (!json_read_text(reader, key, &text))
		return false;
	if (strlen(text) == 5 && text[2] == ':' && strspn(text, "0123456789") == 2 &&
		strspn(text + 3, "0123456789") == 2)
	{
		hour = (text[0] - '0') * 10 + text[1] - '0';
		minute = (text[3] - '0') * 10 + text[4] - '0';
		if (minute < 60 && hour * 60 + minute <= last)
		{
			*target = (hour * 60 + minute) * MINUTE;
			return true;
		}
	}
	json_fault(reader->faults, json_path(reader, key), "must be a time of day as 08:30, not \"%.60s\"", text);
	return false;
}

static void
read_schedule(JsonReader *reader, Condition *condition)
{
	static const char *const days[] = {"monday", "tuesday", "wednesday", "thursday", "friday",
	"saturday", "sunday"};
	Schedule   *schedule = palloc0(sizeof(Schedule));
	HourWindow *windows;
	List	   *list = NIL;
	ListCell   *cell;
	int			i;

	if (json_read_texts(reader, "weekdays", &list))
		foreach(cell, list)
		{
			for (i = 0; i < 7; i++)
				if (strcmp(lfirst(cell), days[i]) == 0)
					break;
			if (i < 7)
				schedule->weekdays |= 1u << i;
			else
				json_fault(reader->faults, json_path(reader, "weekdays"),
						   "must be of monday, tuesday, wednesday, thursday, friday, saturday, sunday, not \"%.60s\"",
						   (char *) lfirst(cell));
		}
	list = NIL;
	if (json_read_objects(reader, "hours", &list))
	{
		windows = palloc0(sizeof(HourWindow) * (list_length(list) + 1));
		foreach(cell, list)
		{
			HourWindow *window = &windows[schedule->window_count];

			if (read_minute(lfirst(cell), "from", 24 * 60 - 1, &window->from) &
				read_minute(lfirst(cell), "until", 24 * 60, &window->until))
				schedule->window_count++;
			json_close(lfirst(cell));
		}
		schedule->windows = windows;
	}
	if (schedule->weekdays == 0 && schedule->window_count == 0 && reader->faults->count == 0)
		json_fault(reader->faults, reader->path, "must have weekdays or hours");
	read_zone(reader, condition);
	condition->schedule = schedule;
}

static void
read_subtotal(JsonReader *reader, Condition *condition)
{
	static const char *const at_least[] = {"gte", "gt"};
	static const char *const at_most[] = {"lte", "lt"};

	json_need(reader, "amount");
	exact_read(reader, "amount", 0, AMOUNT_MOST, AMOUNT_DECIMALS, &condition->number);
	condition->strict = enum_read(reader, "operator",
								  condition->kind == CONDITION_MIN_SUBTOTAL ? at_least : at_most, 2, 0) == 1;
	condition->basis = enum_read(reader, "basis", basis_words, lengthof(basis_words), -1) + 1;
	condition->tax = enum_read(reader, "tax", tax_words, lengthof(tax_words), -1) + 1;
	select_read(reader, "select", &condition->select);
}

static void
read_count(JsonReader *reader, const char *key, Condition *condition)
{
	int64		count;

	json_need(reader, key);
	if (json_read_int(reader, key, 1, COUNT_MOST, &count))
		condition->number = decimal_of(count, 0);
}

static void
read_words(JsonReader *reader, Condition *condition)
{
	json_need(reader, "any_of");
	words_read_new(reader, "any_of", &condition->words);
	if (condition->words != NULL && condition->words->count == 0)
		json_fault(reader->faults, json_path(reader, "any_of"), "must not be empty");
}

/* What a kind takes beside its type */
static void
read_kind(JsonReader *reader, Condition *condition)
{
	static const char *const owners[] = {"cart", "customer", "line"};
	Comparison *comparison;
	int64		days;

	switch (condition->kind)
	{
		case CONDITION_MIN_SUBTOTAL:
		case CONDITION_MAX_SUBTOTAL:
			read_subtotal(reader, condition);
			break;
		case CONDITION_MIN_QUANTITY:
		case CONDITION_MAX_QUANTITY:
		case CONDITION_MIN_LINE_QUANTITY:
			json_need(reader, "quantity");
			exact_read(reader, "quantity", 0, COUNT_MOST, QUANTITY_SCALE, &condition->number);
			select_read(reader, "select", &condition->select);
			break;
		case CONDITION_MIN_PRODUCTS:
			read_count(reader, "n", condition);
			select_read(reader, "select", &condition->select);
			break;
		case CONDITION_CONTAINS:
		case CONDITION_CONTAINS_ALL:
			json_need(reader, "select");
			select_read(reader, "select", &condition->select);
			if (condition->kind == CONDITION_CONTAINS_ALL && condition->select != NULL &&
				condition->select->products == NULL && condition->select->categories == NULL)
				json_fault(reader->faults, json_path(reader, "select"), "must have products or categories");
			break;
		case CONDITION_CUSTOMER_GROUP:
		case CONDITION_SEGMENT:
		case CONDITION_TIER:
		case CONDITION_CHANNEL:
		case CONDITION_REGION:
		case CONDITION_CURRENCY:
		case CONDITION_PAYMENT_METHOD:
		case CONDITION_SHIPPING_METHOD:
			read_words(reader, condition);
			break;
		case CONDITION_NTH_ORDER:
			read_count(reader, "n", condition);
			break;
		case CONDITION_SCHEDULE:
			read_schedule(reader, condition);
			break;
		case CONDITION_BIRTHDAY:
			if (json_read_int(reader, "days_before", 0, BIRTHDAY_DAYS_MOST, &days))
				condition->days_before = (int) days;
			if (json_read_int(reader, "days_after", 0, BIRTHDAY_DAYS_MOST, &days))
				condition->days_after = (int) days;
			read_zone(reader, condition);
			break;
		case CONDITION_ATTRIBUTE:
			comparison = palloc(sizeof(Comparison));
			condition->of = enum_read(reader, "of", owners, lengthof(owners), ATTRIBUTE_CART);
			read_comparison(reader, comparison);
			condition->comparison = comparison;
			if (condition->of == ATTRIBUTE_LINE)
				select_read(reader, "select", &condition->select);
			else
				json_refuse(reader, "select", "is for attributes of lines");
			break;
		case CONDITION_CUSTOMER_REQUIRED:
		case CONDITION_FIRST_ORDER:
		case CONDITION_ALL:
		case CONDITION_ANY:
		case CONDITION_NONE:
			break;
	}
}

static void read_list(JsonReader *reader, const char *key, int depth, List **nodes);

/* Adds a condition and all in it to the nodes. */
static void
read_condition(JsonReader *reader, int depth, List **nodes)
{
	Condition  *condition = palloc0(sizeof(Condition));
	const char *inside = "conditions";
	int			place = list_length(*nodes);
	JsonbValue	value;
	int			i;

	if (place >= CONDITIONS_MOST)
	{
		json_fault(reader->faults, reader->path, "must not be: a promotion has at most %d conditions",
				   CONDITIONS_MOST);
		return;
	}
	*nodes = lappend(*nodes, condition);
	for (i = CONDITION_ALL; i <= CONDITION_NONE; i++)
		if (reader->object != NULL &&
			getKeyJsonValueFromContainer(reader->object, condition_names[i], strlen(condition_names[i]),
										 &value) != NULL)
		{
			inside = condition_names[i];
			condition->kind = i;
			break;
		}
	if (i > CONDITION_NONE)
	{
		json_need(reader, "type");
		i = enum_read(reader, "type", condition_names, CONDITION_KINDS, -1);
		if (i < 0)
			return;
		condition->kind = i;
	}
	if (condition->kind <= CONDITION_NONE)
	{
		json_need(reader, inside);
		if (depth >= CONDITION_DEPTH)
		{
			json_fault(reader->faults, reader->path, "must not be nested deeper than %d", CONDITION_DEPTH);
			return;
		}
		read_list(reader, inside, depth + 1, nodes);
		if (json_has(reader, inside, &value) && value.type == jbvBinary &&
			JsonContainerIsArray(value.val.binary.data) && JsonContainerSize(value.val.binary.data) == 0)
			json_fault(reader->faults, json_path(reader, inside), "must not be empty");
	}
	else
		read_kind(reader, condition);
	condition->size = list_length(*nodes) - place;
	json_close(reader);
}

static void
read_list(JsonReader *reader, const char *key, int depth, List **nodes)
{
	List	   *children;
	ListCell   *cell;

	if (!json_read_objects(reader, key, &children))
		return;
	foreach(cell, children)
		read_condition(lfirst(cell), depth, nodes);
}

void
conditions_read(JsonReader *reader, const char *key, Promotion *promotion)
{
	List	   *nodes = NIL;
	ListCell   *cell;
	Condition  *conditions;
	int			count = 0;

	read_list(reader, key, 0, &nodes);
	conditions = palloc(sizeof(Condition) * (list_length(nodes) + 1));
	foreach(cell, nodes)
	{
		conditions[count++] = *(Condition *) lfirst(cell);
		pfree(lfirst(cell));
	}
	list_free(nodes);
	promotion->condition_count = count;
	promotion->conditions = conditions;
}
