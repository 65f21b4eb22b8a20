/*-------------------------------------------------------------------------
 *
 * pg_earning.c
 *	  Purchases and rules of earning, read from jsonb; points_for and
 *	  points_redeemable.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "core/time.h"
#include "membership/pg_earning.h"
#include "pg/build.h"
#include "pg/memory.h"
#include "pg/zone.h"

/* Of one purchase, or of one program */
#define EARN_LINES_MOST 10000
#define EARN_RULES_MOST 200
#define EARN_DISCOUNTS_MOST 200

/* Amounts in currency, and counts of minor units */
#define AMOUNT_MOST INT64CONST(1000000000000)
#define MINOR_MOST INT64CONST(10000000000000000)

/* Rates and multipliers have so many decimals. */
#define RATE_DECIMALS 6
#define RATE_MOST 1000000

/* One of some words, as its place among them */
static bool
read_choice(JsonReader *reader, const char *key, const char *const words[], int count, int *place)
{
	const char *word;
	int			i;

	if (!json_read_word(reader, key, words, count, &word))
		return false;
	for (i = 0; i < count; i++)
		if (words[i] == word)
			*place = i;
	return true;
}

/*
 * Words and labels
 */

/* The texts under one key and under another of one text, as one list */
static void
read_words(JsonReader *reader, const char *many, const char *one, EarnWords *target)
{
	List	   *texts = NIL;
	ListCell   *cell;
	char	   *single;
	const char **words;

	(void) json_read_texts(reader, many, &texts);
	if (one != NULL && json_read_text(reader, one, &single))
		texts = lappend(texts, single);
	words = palloc(sizeof(char *) * (list_length(texts) + 1));
	target->count = 0;
	foreach(cell, texts)
		words[target->count++] = lfirst(cell);
	target->words = words;
}

/* {"color": "red", ...} */
static void
read_labels(JsonReader *reader, const char *key, int *count, const EarnLabel **target)
{
	JsonReader	object;
	EarnLabel  *labels;
	ListCell   *cell;
	List	   *keys;

	*count = 0;
	if (!json_read_object(reader, key, &object))
		return;
	keys = json_keys(&object);
	labels = palloc(sizeof(EarnLabel) * (list_length(keys) + 1));
	foreach(cell, keys)
	{
		char	   *value;

		if (!json_read_text(&object, lfirst(cell), &value))
			continue;
		labels[*count].name = lfirst(cell);
		labels[(*count)++].value = value;
	}
	*target = labels;
}

static void
read_select(JsonReader *reader, EarnSelect *select)
{
	read_words(reader, "skus", "sku", &select->skus);
	read_words(reader, "categories", "category", &select->categories);
	read_labels(reader, "labels", &select->n_labels, &select->labels);
	read_words(reader, "exclude_skus", NULL, &select->exclude_skus);
	read_words(reader, "exclude_categories", NULL, &select->exclude_categories);
	read_labels(reader, "exclude_labels", &select->n_exclude_labels, &select->exclude_labels);
	json_read_bool(reader, "exclude_delivery", &select->exclude_delivery);
}

/* Opens the objects of an array that has not too many. */
static List *
read_objects(JsonReader *reader, const char *key, int most)
{
	List	   *children = NIL;

	if (json_read_objects(reader, key, &children) && list_length(children) > most)
	{
		json_fault(reader->faults, json_path(reader, key), "must have at most %d, not %d", most,
				   list_length(children));
		return NIL;
	}
	return children;
}

/*
 * Rules
 */

/* [a, b], or from and until of which either may be missing */
static void
read_span(JsonReader *reader, EarnCondition *condition)
{
	List	   *bounds = NIL;

	if (json_read_texts(reader, "window", &bounds))
	{
		char	   *from = list_length(bounds) == 2 ? linitial(bounds) : "";
		char	   *until = list_length(bounds) == 2 ? lsecond(bounds) : "";
		int64_t		at[2];

		if (!time_read(from, strlen(from), &at[0]) || !time_read(until, strlen(until), &at[1]))
			json_fault(reader->faults, json_path(reader, "window"),
					   "must be two instants as 2026-01-05T15:30:00Z");
		else
		{
			condition->from = at[0];
			condition->until = at[1];
		}
		json_refuse(reader, "from", "is given by the window");
		json_refuse(reader, "until", "is given by the window");
	}
	else
	{
		int64		at;

		if (json_read_instant(reader, "from", &at))
			condition->from = at;
		if (json_read_instant(reader, "until", &at))
			condition->until = at;
	}
	if (condition->until <= condition->from)
		json_fault(reader->faults, reader->path, "must end after it begins");
}

static void
read_condition(JsonReader *reader, EarnCondition *condition)
{
	int			type = 0;
	int64	   *days;
	int64		number;
	int			count;

	condition->from = PG_INT64_MIN;
	condition->until = PG_INT64_MAX;
	json_need(reader, "type");
	if (!read_choice(reader, "type", earn_condition_names, EARN_CONDITION_TYPES, &type))
		return;
	condition->type = (EarnConditionType) type;
	switch (condition->type)
	{
		case EARN_ORDER_TOTAL_AT_LEAST:
			json_need(reader, "threshold");
			if (json_read_int(reader, "threshold", 0, MINOR_MOST, &number))
				condition->threshold = number;
			break;
		case EARN_DATE_WINDOW:
			read_span(reader, condition);
			break;
		case EARN_ISO_DAY_OF_WEEK:
			json_need(reader, "days");
			if (json_read_ints(reader, "days", 1, 7, &count, &days))
				while (count-- > 0)
					condition->days |= 1 << days[count];
			break;
		case EARN_TIER:
		case EARN_CHANNEL:
			json_need(reader, "any_of");
			read_words(reader, "any_of", NULL, &condition->any_of);
			break;
		case EARN_NTH_ORDER:
			json_need(reader, "n");
			if (json_read_int(reader, "n", 1, 1000000, &number))
				condition->n = number;
			break;
	}
}

static void
read_conditions(JsonReader *reader, EarnRule *rule)
{
	List	   *children = read_objects(reader, "conditions", EARN_RULES_MOST);
	EarnCondition *conditions = palloc0(sizeof(EarnCondition) * (list_length(children) + 1));
	ListCell   *cell;

	foreach(cell, children)
	{
		read_condition(lfirst(cell), &conditions[rule->n_conditions++]);
		json_close(lfirst(cell));
	}
	rule->conditions = conditions;
}

static void
read_times(JsonReader *reader, EarnRule *rule)
{
	int64		at;

	rule->starts_at = PG_INT64_MIN;
	rule->ends_at = PG_INT64_MAX;
	if (json_read_instant(reader, "starts_at", &at))
		rule->starts_at = at;
	if (json_read_instant(reader, "ends_at", &at))
		rule->ends_at = at;
	if (rule->ends_at <= rule->starts_at)
		json_fault(reader->faults, json_path(reader, "ends_at"), "must be later than starts_at");
}

/* Its points, rate or multiplier, and the lines that they are of */
static void
read_numbers(JsonReader *reader, EarnRule *rule)
{
	const char *number = "points";
	int64		most = EARN_POINTS_MOST;
	int64		per;

	if (rule->type == EARN_RATE)
		number = "rate";
	else if (!earn_is_base(rule->type))
	{
		number = "multiplier";
		most = RATE_MOST;
	}
	json_need(reader, number);
	json_read_rate(reader, number, 0, most, RATE_DECIMALS, &rule->number);
	if (rule->type == EARN_PER_AMOUNT)
	{
		json_need(reader, "per");
		if (json_read_int(reader, "per", 1, MINOR_MOST, &per))
			rule->per = per;
	}
	else
		json_refuse(reader, "per", "is for rules per_amount");
	if (rule->type != EARN_FIXED && rule->type != EARN_MULTIPLIER)
		read_select(reader, &rule->select);
	if (rule->type == EARN_SKU_BONUS && rule->select.skus.count == 0)
		json_fault(reader->faults, json_path(reader, "sku"), "is missing");
	if (rule->type == EARN_CATEGORY_BONUS && rule->select.categories.count == 0)
		json_fault(reader->faults, json_path(reader, "category"), "is missing");
	if (earn_is_base(rule->type))
	{
		int64		priority;

		json_read_bool(reader, "exclusive", &rule->exclusive);
		if (json_read_int(reader, "priority", -1000000, 1000000, &priority))
			rule->priority = priority;
	}
	else
	{
		json_refuse(reader, "exclusive", "is for rules that give points by themselves");
		json_refuse(reader, "priority", "is for rules that give points by themselves");
	}
}

/* A text, or a whole number; by itself the place of the rule */
static char *
read_id(JsonReader *reader, int place)
{
	JsonbValue	value;
	char	   *id = psprintf("#%d", place + 1);
	int64		number;

	if (!json_has(reader, "id", &value))
		return id;
	if (value.type == jbvNumeric)
	{
		if (json_read_int(reader, "id", PG_INT64_MIN, PG_INT64_MAX, &number))
			id = psprintf(INT64_FORMAT, number);
	}
	else
		(void) json_read_text(reader, "id", &id);
	return id;
}

static void
read_rule(JsonReader *reader, EarnRule *rule)
{
	int			type = 0;
	int64		amount;

	rule->enabled = true;
	rule->number = decimal_of(0, 0);
	json_need(reader, "type");
	if (read_choice(reader, "type", earn_rule_names, EARN_RULE_TYPES, &type))
	{
		rule->type = (EarnRuleType) type;
		read_numbers(reader, rule);
		json_read_bool(reader, "enabled", &rule->enabled);
		read_times(reader, rule);
		if (json_read_units(reader, "min_order", 0, AMOUNT_MOST, EARN_DECIMALS, &amount))
			rule->min_order = amount;
		read_conditions(reader, rule);
		json_close(reader);
	}
}

static void
read_rule_list(JsonReader *reader, ReadRules *target)
{
	List	   *children = read_objects(reader, "rules", EARN_RULES_MOST);
	EarnRule   *rules = palloc0(sizeof(EarnRule) * (list_length(children) + 1));
	bool		multiplies_lines = false;
	bool		has_lines = false;
	ListCell   *cell;
	int			count = 0;
	int			i;

	target->ids = palloc0(sizeof(char *) * (list_length(children) + 1));
	foreach(cell, children)
	{
		EarnRule   *rule = &rules[count];

		target->ids[count] = read_id(lfirst(cell), count);
		for (i = 0; i < count; i++)
			if (strcmp(target->ids[i], target->ids[count]) == 0)
				json_fault(reader->faults, json_path(lfirst(cell), "id"),
						   "is \"%.60s\" for the second time", target->ids[i]);
		read_rule(lfirst(cell), rule);
		multiplies_lines |= rule->type == EARN_LINE_MULTIPLIER;
		has_lines |= rule->type == EARN_RATE || rule->type == EARN_PER_LINE || rule->type == EARN_PER_UNIT;
		count++;
	}
	if (multiplies_lines && !has_lines)
		json_fault(reader->faults, json_path(reader, "rules"),
				   "multiplies lines, which no rule rate, per_line or per_unit gives points for");
	target->rules.rules = rules;
	target->rules.n_rules = count;
}

static void
read_caps(JsonReader *reader, ReadRules *target)
{
	static const char *const units[] = {"day", "week", "month", "quarter", "year"};
	JsonReader	period;
	int64		points;
	int			unit = 0;

	target->rules.cap_per_order = -1;
	target->rules.cap_per_period = -1;
	if (json_read_int(reader, "cap_per_order", 0, EARN_POINTS_MOST, &points))
		target->rules.cap_per_order = points;
	if (!json_read_object(reader, "cap_per_period", &period))
		return;
	json_need(&period, "points");
	if (json_read_int(&period, "points", 0, EARN_POINTS_MOST, &points))
		target->rules.cap_per_period = points;
	json_need(&period, "unit");
	if (read_choice(&period, "unit", units, lengthof(units), &unit))
		target->cap_unit = units[unit];
	json_close(&period);
}

void
earning_read_rules(JsonReader *reader, ReadRules *target)
{
	static const char *const roundings[] = {"floor", "round", "ceil"};
	static const char *const bases[] = {"items_total", "order_total"};
	static const char *const products[] = {"multiply", "max"};
	EarnRules  *rules = &target->rules;
	int			choice = 0;

	memset(target, 0, sizeof(*target));
	rules->rounding = ROUND_DOWN;
	rules->include_tax = true;
	rules->include_delivery = true;
	read_rule_list(reader, target);
	if (read_choice(reader, "rounding", roundings, lengthof(roundings), &choice))
		rules->rounding = choice == 0 ? ROUND_DOWN : choice == 1 ? ROUND_NEAREST : ROUND_UP;
	if (read_choice(reader, "basis", bases, lengthof(bases), &choice))
		rules->basis_is_order_total = choice == 1;
	if (read_choice(reader, "multipliers", products, lengthof(products), &choice))
		rules->largest_multiplier = choice == 1;
	json_read_bool(reader, "include_tax", &rules->include_tax);
	json_read_bool(reader, "include_delivery", &rules->include_delivery);
	read_caps(reader, target);
}

/*
 * Purchases
 */

/* An amount with no more decimals than the currency, of 10^-EARN_DECIMALS */
static bool
read_amount(JsonReader *reader, const char *key, int decimals, int64_t *target)
{
	int64		number;

	if (!json_read_units(reader, key, 0, AMOUNT_MOST, decimals, &number))
		return false;
	for (; decimals < EARN_DECIMALS; decimals++)
		number *= 10;
	*target = number;
	return true;
}

static void
read_line(JsonReader *reader, int decimals, EarnLine *line)
{
	int64		number;
	char	   *sku;

	if (json_read_text(reader, "sku", &sku))
		line->sku = sku;
	read_words(reader, "categories", "category", &line->categories);
	read_labels(reader, "labels", &line->n_labels, &line->labels);
	json_need(reader, "amount");
	(void) read_amount(reader, "amount", decimals, &line->amount);
	(void) read_amount(reader, "tax", decimals, &line->tax);
	if (line->tax > line->amount)
		json_fault(reader->faults, json_path(reader, "tax"), "must not be above the amount");
	line->quantity = 1;
	if (json_read_int(reader, "quantity", 1, 1000000000, &number))
		line->quantity = number;
	json_read_bool(reader, "delivery", &line->is_delivery);
	json_close(reader);
}

static void
read_lines(JsonReader *reader, int decimals, EarnPurchase *purchase)
{
	List	   *children = read_objects(reader, "lines", EARN_LINES_MOST);
	EarnLine   *lines = palloc0(sizeof(EarnLine) * (list_length(children) + 1));
	ListCell   *cell;
	JsonbValue	value;

	foreach(cell, children)
		read_line(lfirst(cell), decimals, &lines[purchase->n_lines++]);
	purchase->has_lines = json_has(reader, "lines", &value);
	purchase->lines = lines;
}

static void
read_discounts(JsonReader *reader, int decimals, EarnPurchase *purchase)
{
	List	   *children = read_objects(reader, "discounts", EARN_DISCOUNTS_MOST);
	EarnDiscount *discounts = palloc0(sizeof(EarnDiscount) * (list_length(children) + 1));
	ListCell   *cell;

	foreach(cell, children)
	{
		JsonReader *child = lfirst(cell);
		EarnDiscount *discount = &discounts[purchase->n_discounts++];
		JsonbValue	value;

		discount->percent = decimal_of(0, 0);
		discount->is_percent = json_has(child, "percent", &value);
		if (discount->is_percent)
		{
			json_read_rate(child, "percent", 0, 100, RATE_DECIMALS, &discount->percent);
			json_refuse(child, "amount", "is given by the percentage");
		}
		else
		{
			json_need(child, "amount");
			read_amount(child, "amount", decimals, &discount->amount);
		}
		read_select(child, &discount->select);
		json_close(child);
	}
	purchase->discounts = discounts;
}

/* The totals of the order; what is not told is 0. */
static void
read_order(JsonReader *reader, EarnPurchase *purchase)
{
	JsonReader	order;
	int64		number;

	if (!json_read_object(reader, "order", &order))
		return;
	purchase->has_order = true;
	if (json_read_int(&order, "items_total", 0, MINOR_MOST, &number))
		purchase->items_total = number;
	if (json_read_int(&order, "items_tax", 0, purchase->items_total, &number))
		purchase->items_tax = number;
	if (json_read_int(&order, "order_total", 0, MINOR_MOST, &number))
		purchase->order_total = number;
	if (json_read_int(&order, "order_tax", 0, purchase->order_total, &number))
		purchase->order_tax = number;
	json_close(&order);
}

static void
read_exponent(JsonReader *reader, EarnPurchase *purchase)
{
	JsonReader	currency;
	int64		exponent;
	char	   *code;

	if (!json_read_object(reader, "currency", &currency))
		return;
	(void) json_read_text(&currency, "code", &code);
	json_need(&currency, "exponent");
	if (json_read_int(&currency, "exponent", 0, EARN_DECIMALS, &exponent))
		purchase->exponent = (int) exponent;
	json_close(&currency);
}

/* What points_for() takes from who asks, and a posting knows by itself */
static void
read_believed(JsonReader *reader, EarnPurchase *purchase)
{
	int64		number;
	char	   *word;

	read_exponent(reader, purchase);
	if (json_read_instant(reader, "at", &number))
	{
		purchase->has_at = true;
		purchase->at = number;
	}
	if (json_read_text(reader, "tier", &word))
		purchase->tier = word;
	json_read_rate(reader, "tier_multiplier", 0, RATE_MOST, RATE_DECIMALS, &purchase->tier_multiplier);
	if (json_read_int(reader, "order_number", 1, PG_INT32_MAX, &number))
		purchase->order_number = number;
	if (json_read_int(reader, "earned_in_period", 0, EARN_POINTS_MOST, &number))
		purchase->earned_in_period = number;
}

static void
refuse_believed(JsonReader *reader)
{
	static const char *const keys[] = {"currency", "at", "tier", "tier_multiplier", "order_number", "earned_in_period"};
	int			i;

	for (i = 0; i < (int) lengthof(keys); i++)
		json_refuse(reader, keys[i], "is known already, and is not taken from a purchase that is posted");
}

void
earning_read_purchase(JsonReader *reader, const EarnKnown *known, EarnPurchase *purchase)
{
	int64		number;
	char	   *word;
	int			decimals;

	memset(purchase, 0, sizeof(*purchase));
	purchase->exponent = -1;
	purchase->tier_multiplier = decimal_of(1, 0);
	if (known == NULL)
		read_believed(reader, purchase);
	else
	{
		refuse_believed(reader);
		purchase->exponent = known->exponent;
		purchase->has_at = true;
		purchase->at = known->at;
	}
	decimals = purchase->exponent < 0 ? EARN_DECIMALS : purchase->exponent;
	if (json_read_int(reader, "basis", 0, MINOR_MOST, &number))
	{
		purchase->has_basis = true;
		purchase->basis = number;
	}
	read_order(reader, purchase);
	read_lines(reader, decimals, purchase);
	read_discounts(reader, decimals, purchase);
	if (json_read_text(reader, "channel", &word))
		purchase->channel = word;

	/* How it is paid changes nothing, but may be told. */
	(void) read_amount(reader, "stored_value", decimals, &number);
}

/* What the rule lacks: the key, and the bit of it */
static const struct
{
	int			bit;
	const char *key;
	const char *why;
} lacks[] = {
	{EARN_KNOWS_AT, "at", "is missing, which rule %s asks for"},
	{EARN_KNOWS_LINES, "lines", "is missing, which rule %s counts"},
	{EARN_KNOWS_BASIS, "lines", "is missing, and so are order and basis, of which rule %s counts one"},
	{EARN_KNOWS_TOTAL, "order", "is missing, and so are lines, of which rule %s asks for the total"},
	{EARN_KNOWS_CURRENCY, "currency", "is missing, of which rule %s counts minor units"},
	{EARN_KNOWS_NUMBER, "order_number", "is missing, which rule %s asks for"},
};

void
earning_check(JsonFaults *faults, const EarnPurchase *purchase, const ReadRules *rules)
{
	int			known = EARN_KNOWS_TIER;
	int			i;
	int			j;

	if (purchase->n_discounts > 0 && !purchase->has_lines)
		json_fault(faults, "discounts", "are of lines, which are missing");
	known |= purchase->has_at ? EARN_KNOWS_AT : 0;
	known |= purchase->has_lines ? EARN_KNOWS_LINES | EARN_KNOWS_TOTAL | EARN_KNOWS_BASIS : 0;
	known |= purchase->has_order ? EARN_KNOWS_TOTAL | EARN_KNOWS_BASIS : 0;
	known |= purchase->has_basis ? EARN_KNOWS_BASIS : 0;
	known |= purchase->exponent >= 0 ? EARN_KNOWS_CURRENCY : 0;
	known |= purchase->order_number > 0 ? EARN_KNOWS_NUMBER : 0;
	for (i = 0; i < rules->rules.n_rules; i++)
	{
		int			missing = earn_must_know(&rules->rules.rules[i], purchase) & ~known;

		for (j = 0; j < (int) lengthof(lacks); j++)
			if ((missing & lacks[j].bit) != 0)
				json_fault(faults, lacks[j].key, lacks[j].why, rules->ids[i]);
	}
}

/*
 * Counting and telling
 */

void
earning_count(const EarnPurchase *purchase, const ReadRules *rules, Zone *zone, EarnResult *result)
{
	Memory		memory = pg_memory(CurrentMemoryContext);

	switch (earn_points(&memory, purchase, &rules->rules, zone, result))
	{
		case EARN_DONE:
			return;
		case EARN_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a purchase earns more than " INT64_FORMAT " points, or has numbers of too many digits",
							(int64) EARN_POINTS_MOST)));
		case EARN_NO_MEMORY:
		case EARN_STOPPED:
			break;
	}
	elog(ERROR, "points could not be counted");
}

Jsonb *
earning_tell(const ReadRules *rules, const EarnResult *result, bool with_points)
{
	JsonBuild	build;
	int			i;

	build_start(&build);
	if (with_points)
		build_int(&build, "points", result->points);
	if (result->has_basis)
		build_int(&build, "basis_amount", result->basis);
	else
		build_null(&build, "basis_amount");
	build_decimal(&build, "multiplier", &result->multiplier);
	build_int(&build, "cut", result->cut);
	build_open_object(&build, "breakdown");
	for (i = 0; i < rules->rules.n_rules; i++)
		if (result->shares[i].applied && earn_is_base(rules->rules.rules[i].type))
			build_decimal(&build, rules->ids[i], &result->shares[i].points);
	build_close_object(&build);
	return build_end(&build);
}

PG_FUNCTION_INFO_V1(promo_points_for);

/*
 * points_for(purchase jsonb, rules jsonb) returns jsonb
 */
Datum
promo_points_for(PG_FUNCTION_ARGS)
{
	JsonFaults	faults;
	JsonReader	reader;
	ReadRules	rules;
	EarnPurchase purchase;
	EarnResult	result;
	char	   *time_zone = "UTC";
	Zone		zone;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json_wrapped("rules", PG_GETARG_JSONB_P(1)));
	json_need(&reader, "rules");
	earning_read_rules(&reader, &rules);
	if (json_read_text(&reader, "time_zone", &time_zone) && !pg_zone_is_known(time_zone))
		json_fault(&faults, "time_zone", "must be one of pg_timezone_names, not \"%.60s\"", time_zone);
	json_close(&reader);
	json_faults_raise(&faults, "rules");

	json_open(&reader, &faults, "", PG_GETARG_JSONB_P(0));
	earning_read_purchase(&reader, NULL, &purchase);
	json_close(&reader);
	earning_check(&faults, &purchase, &rules);
	json_faults_raise(&faults, "purchase");

	pg_zone_start(&zone, cstring_to_text(time_zone));
	earning_count(&purchase, &rules, &zone, &result);
	PG_RETURN_JSONB_P(earning_tell(&rules, &result, true));
}

/*
 * points_redeemable
 */

static void
redeem_for_order(JsonReader *reader, JsonBuild *build)
{
	RedeemRequest request = {0};
	RedeemReason reason;
	int64		number;
	int64_t		points;
	int64_t		amount;
	JsonbValue	value;

	request.max_points = -1;
	request.max_percent = decimal_of(100, 0);
	json_need(reader, "balance");
	if (json_read_int(reader, "balance", -EARN_POINTS_MOST, EARN_POINTS_MOST, &number))
		request.balance = number;
	request.requested = request.balance;
	if (json_read_int(reader, "requested", 0, EARN_POINTS_MOST, &number))
		request.requested = number;
	request.has_order = json_has(reader, "order_total", &value);
	if (json_read_int(reader, "order_total", 0, MINOR_MOST, &number))
		request.order_total = number;
	json_need(reader, "convert_points");
	if (json_read_int(reader, "convert_points", 0, EARN_POINTS_MOST, &number))
		request.convert_points = number;
	json_need(reader, "convert_amount");
	if (json_read_int(reader, "convert_amount", 0, AMOUNT_MOST, &number))
		request.convert_amount = number;
	if (json_read_int(reader, "min_points", 0, EARN_POINTS_MOST, &number))
		request.min_points = number;
	if (json_read_int(reader, "max_points", 0, EARN_POINTS_MOST, &number))
		request.max_points = number;
	if (request.has_order)
		json_read_rate(reader, "max_percent_of_order", 0, 100, RATE_DECIMALS, &request.max_percent);
	else
		json_refuse(reader, "max_percent_of_order", "is of order_total, which is missing");
	if (reader->faults->count > 0)
		return;
	reason = redeem_points(&request, &points, &amount);
	build_int(build, "points", points);
	build_int(build, "amount", amount);
	if (reason != REDEEM_SOME)
		build_text(build, "reason", redeem_reason_names[reason]);
}

static void
redeem_for_units(JsonReader *reader, JsonBuild *build)
{
	int64		balance = 0;
	int64		unit = 1;

	json_need(reader, "balance");
	json_read_int(reader, "balance", 0, EARN_POINTS_MOST, &balance);
	json_read_int(reader, "unit_points", 1, EARN_POINTS_MOST, &unit);
	build_int(build, "points", redeem_units(balance, unit));
	build_int(build, "units", balance / unit);
}

static void
redeem_for_reward(JsonReader *reader, JsonBuild *build)
{
	int64		quantity = 0;
	int64		of = 1;
	int64		cost = 0;
	int64_t		points = 0;

	json_need(reader, "quantity");
	json_read_int(reader, "quantity", 0, 1000000000, &quantity);
	json_read_int(reader, "reward_quantity", 1, 1000000000, &of);
	json_read_int(reader, "reward_points", 0, EARN_POINTS_MOST, &cost);
	if (!reward_cost(quantity, of, cost, &points))
		json_fault(reader->faults, json_path(reader, "quantity"), "costs too many points");
	build_int(build, "points", points);
}

PG_FUNCTION_INFO_V1(promo_points_redeemable);

/*
 * points_redeemable(request jsonb) returns jsonb
 */
Datum
promo_points_redeemable(PG_FUNCTION_ARGS)
{
	JsonFaults	faults;
	JsonReader	reader;
	JsonBuild	build;
	JsonbValue	value;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", PG_GETARG_JSONB_P(0));
	build_start(&build);
	if (json_has(&reader, "reward_points", &value))
		redeem_for_reward(&reader, &build);
	else if (json_has(&reader, "unit_points", &value))
		redeem_for_units(&reader, &build);
	else
		redeem_for_order(&reader, &build);
	json_close(&reader);
	json_faults_raise(&faults, "request");
	PG_RETURN_JSONB_P(build_end(&build));
}
