/*-------------------------------------------------------------------------
 *
 * compact.c
 *	  A promotion with all that it points to in one place.
 *
 * One walk serves for counting and for copying: without a place it counts, and
 * the copies that it would change are NULL.
 *
 *-------------------------------------------------------------------------
 */
#include "coupon/compact.h"

#include <string.h>

typedef struct Packer
{
	char	   *place;			/* NULL to count only */
	size_t		used;
} Packer;

static void *
put(Packer *packer, const void *from, size_t size)
{
	char	   *to = packer->place;

	if (from == NULL || size == 0)
		return NULL;
	if (to != NULL)
		to = memcpy(to + packer->used, from, size);
	packer->used += (size + 7) / 8 * 8;
	return to;
}

static void *
put_array(Packer *packer, const void *from, int count, size_t size)
{
	return put(packer, from, (size_t) count * size);
}

static void
put_text(Packer *packer, const Word *word, Word *copy)
{
	const char *text = put(packer, word->text, word->length);

	if (copy != NULL)
		copy->text = text;
}

static void
put_words(Packer *packer, const WordSet *set, WordSet *copy)
{
	Word	   *words = put_array(packer, set->word, set->count, sizeof(Word));
	int			i;

	for (i = 0; i < set->count; i++)
		put_text(packer, &set->word[i], words == NULL ? NULL : &words[i]);
	if (copy != NULL)
		copy->word = words;
}

static const WordSet *
put_set(Packer *packer, const WordSet *set)
{
	WordSet    *copy = put(packer, set, sizeof(WordSet));

	if (set != NULL)
		put_words(packer, set, copy);
	return copy;
}

static const Decimal *
put_number(Packer *packer, const Decimal *number)
{
	return put(packer, number, sizeof(Decimal));
}

static void
put_comparison(Packer *packer, const Comparison *comparison, Comparison *copy)
{
	Value	   *values = put_array(packer, comparison->value, comparison->count, sizeof(Value));
	int			i;

	put_text(packer, &comparison->name, copy == NULL ? NULL : &copy->name);
	for (i = 0; i < comparison->count; i++)
	{
		put_text(packer, &comparison->value[i].text, values == NULL ? NULL : &values[i].text);
		put_words(packer, &comparison->value[i].texts, values == NULL ? NULL : &values[i].texts);
	}
	if (copy != NULL)
		copy->value = values;
}

static const Select *
put_select(Packer *packer, const Select *select)
{
	Select	   *copy = put(packer, select, sizeof(Select));
	Select		made;
	Comparison *comparisons;
	int			i;

	if (select == NULL)
		return NULL;
	made = *select;
	made.products = put_set(packer, select->products);
	made.categories = put_set(packer, select->categories);
	made.exclude_products = put_set(packer, select->exclude_products);
	made.exclude_categories = put_set(packer, select->exclude_categories);
	made.unit_price_min = put_number(packer, select->unit_price_min);
	made.unit_price_max = put_number(packer, select->unit_price_max);
	comparisons = put_array(packer, select->comparisons, select->comparison_count, sizeof(Comparison));
	for (i = 0; i < select->comparison_count; i++)
		put_comparison(packer, &select->comparisons[i], comparisons == NULL ? NULL : &comparisons[i]);
	made.comparisons = comparisons;
	if (copy != NULL)
		*copy = made;
	return copy;
}

static const Schedule *
put_schedule(Packer *packer, const Schedule *schedule)
{
	Schedule   *copy = put(packer, schedule, sizeof(Schedule));
	const HourWindow *windows;

	if (schedule == NULL)
		return NULL;
	windows = put_array(packer, schedule->windows, schedule->window_count, sizeof(HourWindow));
	if (copy != NULL)
		copy->windows = windows;
	return copy;
}

static void
put_condition(Packer *packer, const Condition *condition, Condition *copy)
{
	Condition	made = *condition;
	Comparison *comparison = put(packer, condition->comparison, sizeof(Comparison));

	made.select = put_select(packer, condition->select);
	made.words = put_set(packer, condition->words);
	if (condition->comparison != NULL)
		put_comparison(packer, condition->comparison, comparison);
	made.comparison = comparison;
	made.schedule = put_schedule(packer, condition->schedule);
	if (copy != NULL)
		*copy = made;
}

static void
put_action(Packer *packer, const Action *action, Action *copy)
{
	Action		made = *action;
	ChannelAmount *channels = put_array(packer, action->channels, action->channel_count, sizeof(ChannelAmount));
	int			i;

	for (i = 0; i < action->channel_count; i++)
		put_text(packer, &action->channels[i].channel, channels == NULL ? NULL : &channels[i].channel);
	made.channels = channels;
	made.select = put_select(packer, action->select);
	made.get_select = put_select(packer, action->get_select);
	made.tiers = put_array(packer, action->tiers, action->tier_count, sizeof(Tier));
	made.max_discount = put_number(packer, action->max_discount);
	made.max_discount_per_line = put_number(packer, action->max_discount_per_line);
	made.max_discount_per_unit = put_number(packer, action->max_discount_per_unit);
	put_text(packer, &action->currency, &made.currency);
	put_text(packer, &action->consumes, &made.consumes);
	put_text(packer, &action->gift_product, &made.gift_product);
	if (copy != NULL)
		*copy = made;
}

static Promotion *
put_promotion(Packer *packer, const Promotion *promotion)
{
	Promotion  *copy = put(packer, promotion, sizeof(Promotion));
	Promotion	made = *promotion;
	PromotionGroup *groups = put_array(packer, promotion->groups, promotion->group_count, sizeof(PromotionGroup));
	Condition  *conditions = put_array(packer, promotion->conditions, promotion->condition_count, sizeof(Condition));
	Action	   *actions = put_array(packer, promotion->actions, promotion->action_count, sizeof(Action));
	int			i;

	put_text(packer, &promotion->name, &made.name);
	put_text(packer, &promotion->currency, &made.currency);
	made.channels = put_set(packer, promotion->channels);
	made.combines_with = put_set(packer, promotion->combines_with);
	put_words(packer, &promotion->tags, &made.tags);
	for (i = 0; i < promotion->group_count; i++)
		put_text(packer, &promotion->groups[i].name, groups == NULL ? NULL : &groups[i].name);
	for (i = 0; i < promotion->condition_count; i++)
		put_condition(packer, &promotion->conditions[i], conditions == NULL ? NULL : &conditions[i]);
	for (i = 0; i < promotion->action_count; i++)
		put_action(packer, &promotion->actions[i], actions == NULL ? NULL : &actions[i]);
	made.groups = groups;
	made.conditions = conditions;
	made.actions = actions;
	if (copy != NULL)
		*copy = made;
	return copy;
}

size_t
promotion_size(const Promotion *promotion)
{
	Packer		packer = {NULL, 0};

	(void) put_promotion(&packer, promotion);
	return packer.used;
}

Promotion *
promotion_copy(const Promotion *promotion, void *place)
{
	Packer		packer = {place, 0};

	return put_promotion(&packer, promotion);
}
