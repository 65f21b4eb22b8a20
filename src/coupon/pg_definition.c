/*-------------------------------------------------------------------------
 *
 * pg_definition.c
 *	  The definition of a promotion, as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "coupon/compact.h"
#include "coupon/pg_condition.h"
#include "coupon/pg_coupon.h"
#include "coupon/pg_definition.h"
#include "coupon/pg_words.h"

#define GROUPS_MOST 20
#define NODES_MOST INT64CONST(10000000)

static void
read_name(JsonReader *reader, Definition *definition)
{
	char	   *id = NULL;

	json_read_text(reader, "name", &definition->name);
	json_read_text(reader, "id", &id);
	if (definition->name == NULL)
		definition->name = id;
	else if (id != NULL && strcmp(id, definition->name) != 0)
		json_fault(reader->faults, json_path(reader, "id"), "must be the same as name, not \"%.60s\"", id);
	if (definition->name == NULL)
		json_need(reader, "name");
	else if (strlen(definition->name) > DEFINITION_NAME_MOST)
		json_fault(reader->faults, json_path(reader, "name"), "must have at most %d bytes",
				   DEFINITION_NAME_MOST);
}

static void
read_code(JsonReader *reader, Definition *definition)
{
	Promotion  *promotion = &definition->promotion;

	if (json_read_text(reader, "code", &definition->code))
	{
		if (strlen(definition->code) > DEFINITION_CODE_MOST)
			json_fault(reader->faults, json_path(reader, "code"), "must have at most %d bytes",
					   DEFINITION_CODE_MOST);
		else if (coupon_code_key(definition->code)[0] == '\0')
			json_fault(reader->faults, json_path(reader, "code"), "must have more than blanks and dashes");
		promotion->needs_code = true;
	}
	if (json_read_bool(reader, "needs_code", &promotion->needs_code) && !promotion->needs_code &&
		definition->code != NULL)
		json_fault(reader->faults, json_path(reader, "needs_code"), "must be true where there is a code");
}

static void
read_times(JsonReader *reader, Promotion *promotion)
{
	promotion->starts_at = PG_INT64_MIN;
	promotion->ends_at = PG_INT64_MAX;
	json_read_instant(reader, "starts_at", &promotion->starts_at);
	json_read_instant(reader, "ends_at", &promotion->ends_at);
	if (promotion->starts_at >= promotion->ends_at)
		json_fault(reader->faults, json_path(reader, "ends_at"), "must be after starts_at");
}

static void
read_claim(JsonReader *reader, Definition *definition)
{
	JsonReader	claim;

	definition->may_be_claimed = json_read_object(reader, "claim", &claim);
	if (!definition->may_be_claimed)
		return;
	json_read_int(&claim, "total", 1, LIMIT_USES_MOST, &definition->claims_most);
	json_read_int(&claim, "valid_days", 1, 3660, &definition->claim_days);
	json_close(&claim);
	if (!definition->promotion.needs_code)
		json_fault(reader->faults, json_path(reader, "claim"), "is for promotions with needs_code true");
}

static void
read_groups(JsonReader *reader, Promotion *promotion)
{
	List	   *children;
	ListCell   *cell;
	PromotionGroup *groups;

	if (!json_read_objects(reader, "groups", &children))
		return;
	if (list_length(children) > GROUPS_MOST)
	{
		json_fault(reader->faults, json_path(reader, "groups"), "must have at most %d groups, not %d",
				   GROUPS_MOST, list_length(children));
		return;
	}
	groups = palloc0(sizeof(PromotionGroup) * (list_length(children) + 1));
	foreach(cell, children)
	{
		JsonReader *child = lfirst(cell);
		PromotionGroup *group = &groups[promotion->group_count];
		int64		most = 1;
		int			i;

		json_need(child, "name");
		if (words_read_one(child, "name", &group->name))
		{
			for (i = 0; i < promotion->group_count; i++)
				if (word_equal(&groups[i].name, &group->name))
					json_fault(reader->faults, json_path(child, "name"), "is \"%.60s\" for the second time",
							   word_cstring(&group->name));
			promotion->group_count++;
		}
		json_read_int(child, "most", 1, 1000, &most);
		group->most = (int) most;
		json_close(child);
	}
	promotion->groups = groups;
}

static void
read_together(JsonReader *reader, Promotion *promotion)
{
	static const char *const bases[] = {"original", "running"};
	int			class;

	json_read_bool(reader, "exclusive", &promotion->exclusive);
	promotion->stop_after = enum_read(reader, "stop_after", stop_names, STOPS, STOP_NOTHING);
	class = enum_read(reader, "class", class_names, CLASSES, -1);
	promotion->class_given = class >= 0;
	promotion->class = promotion->class_given ? (PromotionClass) class : CLASS_ITEM;
	read_groups(reader, promotion);
	words_read(reader, "tags", &promotion->tags);
	words_read_new(reader, "combines_with", &promotion->combines_with);
	promotion->base = enum_read(reader, "base", bases, lengthof(bases), -1) + 1;
}

void
definition_read(JsonReader *reader, Definition *definition)
{
	Promotion  *promotion = &definition->promotion;
	JsonReader	limits;
	int64		lane;

	memset(definition, 0, sizeof(*definition));
	definition->active = true;
	definition->restore_on_void = true;
	definition->honor_reservation = true;
	read_name(reader, definition);
	read_code(reader, definition);
	if (json_read_text(reader, "campaign", &definition->campaign) &&
		strlen(definition->campaign) > DEFINITION_NAME_MOST)
		json_fault(reader->faults, json_path(reader, "campaign"), "must have at most %d bytes",
				   DEFINITION_NAME_MOST);
	json_read_int(reader, "version", 1, PG_INT32_MAX, &definition->version);
	json_read_bool(reader, "active", &definition->active);
	if (json_read_int(reader, "lane", PG_INT32_MIN, PG_INT32_MAX - 1, &lane))
		promotion->lane = (int) lane;
	json_read_int(reader, "priority", PG_INT64_MIN, PG_INT64_MAX, &promotion->priority);
	read_times(reader, promotion);
	words_read_new(reader, "channels", &promotion->channels);
	currency_terms_read(reader, "currency", &definition->currency);
	read_together(reader, promotion);
	limits_start(&definition->limits);
	if (json_read_object(reader, "limits", &limits))
		limits_read(&limits, &definition->limits);
	json_read_bool(reader, "partial_budget", &definition->partial_budget);
	json_read_bool(reader, "budget_goods_only", &definition->budget_goods_only);
	json_read_bool(reader, "restore_on_void", &definition->restore_on_void);
	read_claim(reader, definition);
	json_read_bool(reader, "honor_reservation_after_end", &definition->honor_reservation);
	conditions_read(reader, "conditions", promotion);
	actions_read(reader, "actions", promotion, &definition->issues);
	json_close(reader);
	if (definition->name != NULL)
		promotion->name = word_of(definition->name);
	if (definition->currency.code != NULL)
		promotion->currency = word_of(definition->currency.code);
}

const char *
definition_issues_of(const Definition *definition, int action)
{
	ListCell   *cell;

	foreach(cell, definition->issues)
	{
		const IssueTerms *issue = lfirst(cell);

		if (issue->action == action && issue->promotion != NULL)
			return issue->promotion;
		if (issue->action == action)
			break;
	}
	return psprintf("%s%s", definition->name, DEFINITION_REWARD);
}

/* Texts of a definition, which stand behind its promotion and limits */
static Size
text_size(const char *text)
{
	return text == NULL ? 0 : MAXALIGN(strlen(text) + 1);
}

static char *
copy_text(char **place, const char *text)
{
	char	   *copy = *place;

	if (text == NULL)
		return NULL;
	strcpy(copy, text);
	*place += text_size(text);
	return copy;
}

Size
definition_size(const Definition *definition)
{
	return promotion_size(&definition->promotion) + MAXALIGN(sizeof(LimitTerms) * definition->limits.count) +
		text_size(definition->name) + text_size(definition->code) + text_size(definition->campaign) +
		text_size(definition->currency.code) + text_size(definition->limits.time_zone);
}

void
definition_copy(const Definition *definition, void *place, Definition *copy)
{
	char	   *at = place;
	ListCell   *cell;
	int			i;

	*copy = *definition;
	copy->promotion = *promotion_copy(&definition->promotion, at);
	at += promotion_size(&definition->promotion);
	copy->limits.limit = (LimitTerms *) at;
	memcpy(at, definition->limits.limit, sizeof(LimitTerms) * definition->limits.count);
	at += MAXALIGN(sizeof(LimitTerms) * definition->limits.count);
	for (i = 0; i < copy->limits.count; i++)
		copy->limits.limit[i].path = NULL;
	copy->name = copy_text(&at, definition->name);
	copy->code = copy_text(&at, definition->code);
	copy->campaign = copy_text(&at, definition->campaign);
	copy->currency.code = copy_text(&at, definition->currency.code);
	copy->limits.time_zone = copy_text(&at, definition->limits.time_zone);
	copy->issues = NIL;
	foreach(cell, definition->issues)
	{
		IssueTerms *issue = palloc(sizeof(IssueTerms));

		*issue = *(const IssueTerms *) lfirst(cell);
		issue->promotion = issue->promotion == NULL ? NULL : pstrdup(issue->promotion);
		issue->reward = NULL;
		copy->issues = lappend(copy->issues, issue);
	}
}

/* The smaller of two keys that a cart must have, by how few carts have one */
static void
offer_key(DefinitionKey *key, int *best, int rank, const char *kind, const WordSet *words)
{
	if (words == NULL || rank >= *best)
		return;
	*best = rank;
	key->kind = kind;
	key->words = *words;
}

static void
offer_select(DefinitionKey *key, int *best, const Select *select)
{
	if (select == NULL)
		return;
	offer_key(key, best, 1, "product", select->products);
	offer_key(key, best, 3, "category", select->categories);
}

/*
 * Where all actions are for selected products, or all for selected categories,
 * a cart without any of these has nothing that they could change.
 */
static void
offer_actions(DefinitionKey *key, int *best, const Promotion *promotion)
{
	WordSet		all[2];
	Word	   *words[2];
	bool		every[2] = {true, true};
	int			total[2] = {0, 0};
	int			i;
	int			j;

	for (i = 0; i < promotion->action_count; i++)
	{
		const Action *action = &promotion->actions[i];
		bool		on_lines = action->target != TARGET_SHIPPING && action->kind != ACTION_ISSUE_CODE &&
			action->select != NULL && (action->kind != ACTION_GIFT || action->quantity > 0);

		every[0] = every[0] && on_lines && action->select->products != NULL;
		every[1] = every[1] && on_lines && action->select->categories != NULL;
		total[0] += every[0] ? action->select->products->count : 0;
		total[1] += every[1] ? action->select->categories->count : 0;
	}
	for (j = 0; j < 2; j++)
	{
		if (!every[j] || promotion->action_count == 0)
			continue;
		words[j] = palloc(sizeof(Word) * (total[j] + 1));
		all[j].count = 0;
		for (i = 0; i < promotion->action_count; i++)
		{
			const WordSet *set = j == 0 ? promotion->actions[i].select->products :
				promotion->actions[i].select->categories;

			memcpy(words[j] + all[j].count, set->word, sizeof(Word) * set->count);
			all[j].count += set->count;
		}
		all[j].count = word_set_sort(words[j], all[j].count);
		all[j].word = words[j];
		offer_key(key, best, j == 0 ? 2 : 4, j == 0 ? "product" : "category", &all[j]);
	}
}

void
definition_key(const Promotion *promotion, DefinitionKey *key)
{
	int			best = 100;
	int			i;

	key->kind = NULL;
	for (i = 0; i < promotion->condition_count; i += promotion->conditions[i].size)
	{
		const Condition *condition = &promotion->conditions[i];

		switch (condition->kind)
		{
			case CONDITION_CONTAINS:
			case CONDITION_CONTAINS_ALL:
				offer_select(key, &best, condition->select);
				break;
			case CONDITION_MIN_SUBTOTAL:
			case CONDITION_MIN_QUANTITY:
			case CONDITION_MIN_LINE_QUANTITY:
			case CONDITION_MIN_PRODUCTS:
				if (condition->number.digits > 0)
					offer_select(key, &best, condition->select);
				break;
			case CONDITION_SEGMENT:
				offer_key(key, &best, 5, "segment", condition->words);
				break;
			case CONDITION_TIER:
				offer_key(key, &best, 6, "tier", condition->words);
				break;
			case CONDITION_CUSTOMER_GROUP:
				offer_key(key, &best, 7, "group", condition->words);
				break;
			case CONDITION_CHANNEL:
				offer_key(key, &best, 8, "channel", condition->words);
				break;
			default:
				break;
		}
	}
	offer_actions(key, &best, promotion);
	offer_key(key, &best, 9, "channel", promotion->channels);
}

static void
read_lanes(JsonReader *reader, PricePolicy *policy)
{
	static const char *const shipping[] = {"shipping"};
	List	   *children;
	ListCell   *cell;
	LanePolicy *lanes;

	if (!json_read_objects(reader, "lanes", &children))
		return;
	lanes = palloc0(sizeof(LanePolicy) * (list_length(children) + 1));
	foreach(cell, children)
	{
		JsonReader *child = lfirst(cell);
		LanePolicy *lane = &lanes[policy->lane_count];
		JsonbValue	value;
		int64		number = 0;
		int			i;

		json_need(child, "lane");
		if (json_has(child, "lane", &value) && value.type == jbvString)
			number = enum_read(child, "lane", shipping, 1, -1) == 0 ? PRICE_SHIPPING_LANE : 0;
		else
			json_read_int(child, "lane", PG_INT32_MIN, PG_INT32_MAX - 1, &number);
		json_need(child, "combine");
		lane->lane = (int) number;
		lane->combine = enum_read(child, "combine", combine_names, COMBINES, COMBINE_ALL_IN_PRIORITY_ORDER);
		for (i = 0; i < policy->lane_count; i++)
			if (lanes[i].lane == lane->lane)
				json_fault(reader->faults, json_path(child, "lane"), "is there for the second time");
		policy->lane_count++;
		json_close(child);
	}
	policy->lanes = lanes;
}

void
policy_read(JsonReader *reader, PolicyTerms *policy)
{
	static const char *const bases[] = {"running", "original"};
	static const char *const thresholds[] = {"before_discounts", "after_previous"};
	static const char *const rounded[] = {"discount", "price"};
	static const char *const exclusive[] = {"priority", "best"};
	static const char *const groups[] = {"best", "priority"};
	static const char *const matches[] = {"trim_casefold", "exact"};
	static const char *const remainders[] = {"largest_remainder_ties_to_earlier_line"};
	PricePolicy *price = &policy->price;

	*price = price_policy_default();
	price->combine = enum_read(reader, "combine", combine_names, COMBINES, price->combine);
	read_lanes(reader, price);
	price->original_base = enum_read(reader, "stacking_base", bases, lengthof(bases), 0) == 1;
	price->after_previous = enum_read(reader, "threshold_basis", thresholds, lengthof(thresholds), 0) == 1;
	price->percent_round = enum_read(reader, "percent_round", percent_round_names, PERCENT_ROUNDS,
									 price->percent_round);
	price->percent_level = enum_read(reader, "percent_round_level", percent_level_names, PERCENT_LEVELS,
									 price->percent_level);
	price->round_price = enum_read(reader, "round_what", rounded, lengthof(rounded), 0) == 1;
	price->exclusive_best = enum_read(reader, "exclusive_choice", exclusive, lengthof(exclusive), 0) == 1;
	price->group_priority = enum_read(reader, "group_choice", groups, lengthof(groups), 0) == 1;
	json_read_int(reader, "nodes", 1, NODES_MOST, &price->nodes);
	enum_read(reader, "remainder_rule", remainders, lengthof(remainders), 0);
	policy->exact_codes = enum_read(reader, "code_match", matches, lengthof(matches), 0) == 1;
	json_close(reader);
}
