/*-------------------------------------------------------------------------
 *
 * pg_action.c
 *	  Actions of promotions, from jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "coupon/pg_action.h"
#include "coupon/pg_condition.h"
#include "coupon/pg_words.h"

#define ACTIONS_MOST 100
#define TIERS_MOST 100

#define PERCENT_MOST 100

static void
read_count(JsonReader *reader, const char *key, bool needed, int64_t *target)
{
	int64		count;

	if (needed)
		json_need(reader, key);
	if (json_read_int(reader, key, 1, COUNT_MOST, &count))
		*target = count;
}

static void
read_value(JsonReader *reader, const char *key, int64 most, int decimals, Action *action)
{
	json_need(reader, key);
	action->has_value = exact_read(reader, key, 0, most, decimals, &action->value);
}

static void
read_percent(JsonReader *reader, Action *action)
{
	read_value(reader, "percent", PERCENT_MOST, PRICE_DECIMALS, action);
}

/* A target of those in allowed, a bit for each; the first is the default. */
static void
read_target(JsonReader *reader, unsigned int allowed, ActionTarget present, Action *action)
{
	const char *words[ACTION_TARGETS + 1];
	int			numbers[ACTION_TARGETS + 1];
	int			count = 0;
	int			found;
	int			i;

	for (i = 0; i < ACTION_TARGETS; i++)
		if (allowed & (1u << i))
		{
			words[count] = target_names[i];
			numbers[count++] = i;
		}
	if (allowed & (1u << TARGET_LINES))
	{
		words[count] = "line";
		numbers[count++] = TARGET_LINES;
	}
	found = enum_read(reader, "target", words, count, -1);
	action->target = found < 0 ? present : (ActionTarget) numbers[found];
}

/* The most that an action takes, and of how many units */
static void
read_caps(JsonReader *reader, bool of_units, Action *action)
{
	exact_read_new(reader, "max_discount", 0, AMOUNT_MOST, AMOUNT_DECIMALS, &action->max_discount);
	exact_read_new(reader, "max_discount_per_line", 0, AMOUNT_MOST, AMOUNT_DECIMALS,
				   &action->max_discount_per_line);
	exact_read_new(reader, "max_discount_per_unit", 0, AMOUNT_MOST, AMOUNT_DECIMALS,
				   &action->max_discount_per_unit);
	if (of_units)
	{
		read_count(reader, "max_units", false, &action->max_units);
		read_count(reader, "max_units_per_line", false, &action->max_units_per_line);
		action->pick = enum_read(reader, "pick", pick_names, PICKS, action->pick);
	}
}

static void
read_by_channel(JsonReader *reader, Action *action)
{
	JsonReader	object;
	List	   *names;
	ListCell   *cell;
	ChannelAmount *channels;

	if (!json_read_object(reader, "amount_by_channel", &object))
		return;
	names = json_keys(&object);
	channels = palloc(sizeof(ChannelAmount) * (list_length(names) + 1));
	foreach(cell, names)
	{
		channels[action->channel_count].channel = word_of(lfirst(cell));
		if (exact_read(&object, lfirst(cell), 0, AMOUNT_MOST, AMOUNT_DECIMALS,
					   &channels[action->channel_count].amount))
			action->channel_count++;
	}
	action->channels = channels;
}

/* Either amount, or amounts by channel, or those of the first and further units */
static void
read_amounts(JsonReader *reader, Action *action)
{
	JsonbValue	value;
	int			ways = json_has(reader, "amount", &value) + json_has(reader, "amount_by_channel", &value) +
		json_has(reader, "first_unit", &value);

	if (ways != 1)
		json_fault(reader->faults, reader->path, "must have either amount, amount_by_channel or first_unit");
	action->has_value = exact_read(reader, "amount", 0, AMOUNT_MOST, AMOUNT_DECIMALS, &action->value);
	read_by_channel(reader, action);
	if (json_has(reader, "first_unit", &value))
	{
		action->has_value = exact_read(reader, "first_unit", 0, AMOUNT_MOST, AMOUNT_DECIMALS, &action->value);
		json_need(reader, "additional_unit");
		action->has_additional = exact_read(reader, "additional_unit", 0, AMOUNT_MOST, AMOUNT_DECIMALS,
											&action->additional);
		if (action->target != TARGET_UNIT)
			json_fault(reader->faults, json_path(reader, "target"), "must be unit where first_unit is given");
	}
	else
		json_refuse(reader, "additional_unit", "is for amounts with first_unit");
}

static void
read_tiers(JsonReader *reader, const char *key, int64 most, int decimals, TierBy present, Action *action)
{
	List	   *children;
	ListCell   *cell;
	Tier	   *tiers;

	action->by = enum_read(reader, "by", tier_by_names, TIER_BYS, present);
	json_need(reader, "tiers");
	if (!json_read_objects(reader, "tiers", &children))
		return;
	if (list_length(children) < 1 || list_length(children) > TIERS_MOST)
		json_fault(reader->faults, json_path(reader, "tiers"), "must have from 1 to %d tiers, not %d",
				   TIERS_MOST, list_length(children));
	tiers = palloc0(sizeof(Tier) * (list_length(children) + 1));
	foreach(cell, children)
	{
		JsonReader *child = lfirst(cell);
		Tier	   *tier = &tiers[action->tier_count];

		json_need(child, "from");
		json_need(child, key);
		if (exact_read(child, "from", 0, AMOUNT_MOST, AMOUNT_DECIMALS, &tier->from) &
			exact_read(child, key, 0, most, decimals, &tier->value))
		{
			if (action->tier_count > 0 && decimal_compare(&tier[-1].from, &tier->from) >= 0)
				json_fault(reader->faults, json_path(child, "from"), "must be above that of the tier before");
			action->tier_count++;
		}
		json_close(child);
	}
	action->tiers = tiers;
}

static void
read_basis(JsonReader *reader, Action *action)
{
	static const char *const words[] = {"before_discounts", "after_previous"};

	action->basis = enum_read(reader, "basis", words, lengthof(words), -1) + 1;
}

static void
read_buy_get(JsonReader *reader, Action *action)
{
	JsonReader	side;

	json_need(reader, "buy");
	if (json_read_object(reader, "buy", &side))
	{
		read_count(&side, "quantity", true, &action->quantity);
		select_read(&side, "select", &action->select);
		action->pick = enum_read(&side, "pick", pick_names, PICKS, PICK_DEAREST);
		json_close(&side);
	}
	action->get_pick = PICK_CHEAPEST;
	json_need(reader, "get");
	if (json_read_object(reader, "get", &side))
	{
		read_count(&side, "quantity", true, &action->get_quantity);
		read_percent(&side, action);
		select_read(&side, "select", &action->get_select);
		action->get_pick = enum_read(&side, "pick", pick_names, PICKS, PICK_CHEAPEST);
		json_read_bool(&side, "allow_partial", &action->allow_partial);
		json_close(&side);
	}
	json_read_bool(reader, "same_product", &action->same_product);
	read_count(reader, "max_times", false, &action->max_times);
	words_read_one(reader, "consumes", &action->consumes);
}

static void
read_gift(JsonReader *reader, Action *action)
{
	JsonReader	per;

	json_need(reader, "product");
	words_read_one(reader, "product", &action->gift_product);
	exact_read(reader, "unit_price", 0, AMOUNT_MOST, PRICE_DECIMALS, &action->gift_unit_price);
	action->get_quantity = 1;
	read_count(reader, "quantity", false, &action->get_quantity);
	if (json_read_object(reader, "per", &per))
	{
		read_count(&per, "quantity", true, &action->quantity);
		select_read(&per, "select", &action->select);
		json_close(&per);
		read_count(reader, "max_times", false, &action->max_times);
	}
	else
		json_refuse(reader, "max_times", "is for gifts with per");
}

static void read_action(JsonReader *reader, Action *action, int place, List **issues);

static void
read_issue(JsonReader *reader, int place, List **issues)
{
	static const char *const purposes[] = {"next_order"};
	IssueTerms *issue = palloc0(sizeof(IssueTerms));
	JsonReader	reward;
	JsonbValue	value;

	issue->action = place;
	enum_read(reader, "for", purposes, lengthof(purposes), 0);
	if (json_has(reader, "promotion", &value) == json_has(reader, "reward", &value))
		json_fault(reader->faults, reader->path, "must have either promotion or reward");
	json_read_text(reader, "promotion", &issue->promotion);
	if (json_read_object(reader, "reward", &reward))
	{
		Action		action = {0};

		(void) json_has(reader, "reward", &value);
		issue->reward = JsonbValueToJsonb(&value);
		read_action(&reward, &action, 0, NULL);
	}
	*issues = lappend(*issues, issue);
}

#define BIT(target) (1u << (target))

static void
read_action(JsonReader *reader, Action *action, int place, List **issues)
{
	const unsigned int goods = BIT(TARGET_ORDER) | BIT(TARGET_LINES) | BIT(TARGET_UNIT);
	bool		has_select = true;
	int			kind;

	json_need(reader, "type");
	kind = enum_read(reader, "type", action_names, ACTION_KINDS, -1);
	if (kind < 0)
		return;
	action->kind = kind;
	switch (action->kind)
	{
		case ACTION_PERCENT_OFF:
			json_need(reader, "target");
			read_target(reader, goods | BIT(TARGET_CHEAPEST_UNIT) | BIT(TARGET_SHIPPING), TARGET_ORDER, action);
			read_percent(reader, action);
			read_caps(reader, true, action);
			break;
		case ACTION_AMOUNT_OFF:
			json_need(reader, "target");
			read_target(reader, goods | BIT(TARGET_CHEAPEST_UNIT) | BIT(TARGET_SHIPPING), TARGET_ORDER, action);
			read_amounts(reader, action);
			read_count(reader, "group_size", false, &action->quantity);
			read_caps(reader, true, action);
			break;
		case ACTION_TIERED_PERCENT:
			read_target(reader, goods, TARGET_ORDER, action);
			action->has_value = exact_read(reader, "base", 0, PERCENT_MOST, PRICE_DECIMALS, &action->value);
			read_tiers(reader, "percent", PERCENT_MOST, PRICE_DECIMALS, TIER_BY_ORDER_SUBTOTAL, action);
			read_basis(reader, action);
			read_caps(reader, false, action);
			break;
		case ACTION_TIERED_AMOUNT:
			read_target(reader, goods, TARGET_ORDER, action);
			action->has_value = exact_read(reader, "base", 0, AMOUNT_MOST, AMOUNT_DECIMALS, &action->value);
			read_tiers(reader, "amount", AMOUNT_MOST, AMOUNT_DECIMALS, TIER_BY_ORDER_SUBTOTAL, action);
			read_basis(reader, action);
			read_caps(reader, false, action);
			break;
		case ACTION_TIERED_PRICE:
			read_tiers(reader, "price", AMOUNT_MOST, PRICE_DECIMALS, TIER_BY_QUANTITY, action);
			read_basis(reader, action);
			read_caps(reader, false, action);
			break;
		case ACTION_AMOUNT_PER:
			read_target(reader, BIT(TARGET_ORDER), TARGET_ORDER, action);
			json_need(reader, "every");
			if (exact_read(reader, "every", 0, AMOUNT_MOST, AMOUNT_DECIMALS, &action->every) &&
				action->every.digits == 0)
				json_fault(reader->faults, json_path(reader, "every"), "must be above 0");
			read_value(reader, "amount", AMOUNT_MOST, AMOUNT_DECIMALS, action);
			read_count(reader, "max_times", false, &action->max_times);
			read_basis(reader, action);
			read_caps(reader, false, action);
			break;
		case ACTION_SET_TOTAL:
			read_value(reader, "price", AMOUNT_MOST, AMOUNT_DECIMALS, action);
			break;
		case ACTION_SET_UNIT_PRICE:
			read_value(reader, "price", AMOUNT_MOST, PRICE_DECIMALS, action);
			read_caps(reader, true, action);
			break;
		case ACTION_SET_SHIPPING_PRICE:
			read_value(reader, "price", AMOUNT_MOST, AMOUNT_DECIMALS, action);
			action->target = TARGET_SHIPPING;
			has_select = false;
			break;
		case ACTION_BUNDLE_PRICE:
			read_count(reader, "quantity", true, &action->quantity);
			read_value(reader, "price", AMOUNT_MOST, AMOUNT_DECIMALS, action);
			read_count(reader, "max_times", false, &action->max_times);
			action->pick = enum_read(reader, "pick", pick_names, PICKS, PICK_DEAREST);
			json_read_bool(reader, "same_product", &action->same_product);
			words_read_one(reader, "consumes", &action->consumes);
			break;
		case ACTION_BUY_GET:
			read_buy_get(reader, action);
			has_select = false;
			break;
		case ACTION_CHEAPEST_FREE:
			read_count(reader, "quantity", true, &action->quantity);
			action->get_quantity = 1;
			read_count(reader, "free", false, &action->get_quantity);
			if (action->get_quantity > action->quantity && action->quantity > 0)
				json_fault(reader->faults, json_path(reader, "free"), "must not be above quantity");
			if (!exact_read(reader, "percent", 0, PERCENT_MOST, PRICE_DECIMALS, &action->value))
				action->value = decimal_of(100, 0);
			action->has_value = true;
			read_count(reader, "max_times", false, &action->max_times);
			action->pick = enum_read(reader, "pick", pick_names, PICKS, PICK_DEAREST);
			json_read_bool(reader, "same_product", &action->same_product);
			words_read_one(reader, "consumes", &action->consumes);
			break;
		case ACTION_GIFT:
			read_gift(reader, action);
			has_select = false;
			break;
		case ACTION_ISSUE_CODE:
			if (issues == NULL)
				json_fault(reader->faults, json_path(reader, "type"), "must be another one for a reward");
			else
				read_issue(reader, place, issues);
			has_select = false;
			break;
	}
	if (has_select)
	{
		select_read(reader, "select", &action->select);
		words_read_one(reader, "currency", &action->currency);
	}
	if (action->target == TARGET_SHIPPING && action->select != NULL)
		json_fault(reader->faults, json_path(reader, "select"), "is not for shipping");
	json_close(reader);
}

void
actions_read(JsonReader *reader, const char *key, Promotion *promotion, List **issues)
{
	List	   *children;
	ListCell   *cell;
	Action	   *actions;

	*issues = NIL;
	json_need(reader, key);
	if (!json_read_objects(reader, key, &children))
		return;
	if (list_length(children) < 1 || list_length(children) > ACTIONS_MOST)
	{
		json_fault(reader->faults, json_path(reader, key), "must have from 1 to %d actions, not %d",
				   ACTIONS_MOST, list_length(children));
		return;
	}
	actions = palloc0(sizeof(Action) * list_length(children));
	foreach(cell, children)
	{
		read_action(lfirst(cell), &actions[promotion->action_count], promotion->action_count, issues);
		promotion->action_count++;
	}
	promotion->actions = actions;
}
