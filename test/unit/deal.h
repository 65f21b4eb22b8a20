/*-------------------------------------------------------------------------
 *
 * deal.h
 *	  Carts and promotions written by hand, for the tests of pricing.
 *
 * deal_line, deal_promotion, deal_action and deal_condition each add one more,
 * the latter two to the latest promotion, and give it to be changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_DEAL_H
#define PROMO_DEAL_H

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "coupon/price.h"

#define DEAL_MOST 8
#define DEAL_CONDITIONS 16

typedef struct Deal
{
	Cart		cart;
	CartLine	lines[DEAL_MOST];
	Promotion	promotions[DEAL_MOST];
	Action		actions[DEAL_MOST][3];
	Condition	conditions[DEAL_MOST][DEAL_CONDITIONS];
	PriceCandidate candidates[DEAL_MOST];
	int			count;
	PricePolicy policy;
	PriceOutcome outcome;
	WordSet		sets[64];
	Word		words[64][4];
	Select		selects[32];
	Decimal		numbers[32];
	int			used_sets;
	int			used_selects;
	int			used_numbers;
} Deal;

static inline Word
word(const char *text)
{
	Word		made = {text, strlen(text)};

	return made;
}

static inline Decimal
number(const char *text)
{
	Decimal		read = {0, 0};

	CHECK(decimal_read(text, strlen(text), &read));
	return read;
}

/* Starts anew: an empty cart in euros. */
static inline void
deal_start(Deal *deal)
{
	price_release(&memory_plain, &deal->outcome);
	memset(deal, 0, sizeof(*deal));
	deal->cart.currency = word("EUR");
	deal->cart.exponent = 2;
	deal->cart.lines = deal->lines;
	deal->policy = price_policy_default();
}

static inline const WordSet *
deal_words(Deal *deal, const char *one, const char *two)
{
	WordSet    *set = &deal->sets[deal->used_sets];
	Word	   *words = deal->words[deal->used_sets++];

	words[0] = word(one);
	words[1] = word(two == NULL ? one : two);
	set->count = word_set_sort(words, 2);
	set->word = words;
	return set;
}

static inline const Decimal *
deal_number(Deal *deal, const char *text)
{
	deal->numbers[deal->used_numbers] = number(text);
	return &deal->numbers[deal->used_numbers++];
}

/* Lines of a product */
static inline const Select *
deal_select(Deal *deal, const char *one, const char *two)
{
	Select	   *select = &deal->selects[deal->used_selects++];

	select->products = deal_words(deal, one, two);
	return select;
}

static inline CartLine *
deal_line(Deal *deal, const char *product, const char *price, int quantity)
{
	CartLine   *line = &deal->lines[deal->cart.line_count++];

	line->product = word(product);
	line->unit_price = number(price);
	line->quantity = (int64_t) quantity * QUANTITY_ONE;
	return line;
}

static inline Promotion *
deal_promotion(Deal *deal)
{
	Promotion  *promotion = &deal->promotions[deal->count];

	promotion->starts_at = INT64_MIN;
	promotion->ends_at = INT64_MAX;
	promotion->actions = deal->actions[deal->count];
	promotion->conditions = deal->conditions[deal->count];
	deal->candidates[deal->count].promotion = promotion;
	deal->count++;
	return promotion;
}

static inline Action *
deal_action(Deal *deal, ActionKind kind, ActionTarget target, const char *value)
{
	Promotion  *promotion = &deal->promotions[deal->count - 1];
	Action	   *action = &deal->actions[deal->count - 1][promotion->action_count++];

	action->kind = kind;
	action->target = target;
	action->get_pick = PICK_CHEAPEST;
	if (value != NULL)
	{
		action->value = number(value);
		action->has_value = true;
	}
	return action;
}

/* A promotion of one action */
static inline Action *
deal_offer(Deal *deal, ActionKind kind, ActionTarget target, const char *value)
{
	(void) deal_promotion(deal);
	return deal_action(deal, kind, target, value);
}

static inline Condition *
deal_condition(Deal *deal, ConditionKind kind, const char *value)
{
	Promotion  *promotion = &deal->promotions[deal->count - 1];
	Condition  *condition = &deal->conditions[deal->count - 1][promotion->condition_count++];

	condition->kind = kind;
	condition->size = 1;
	if (value != NULL)
		condition->number = number(value);
	return condition;
}

static inline PriceStatus
deal_price(Deal *deal)
{
	price_release(&memory_plain, &deal->outcome);
	return price_cart(&memory_plain, &deal->cart, deal->candidates, deal->count, &deal->policy,
					  &deal->outcome);
}

/* Prices the cart, whose discount on goods must be this. */
static inline bool
deal_takes(Deal *deal, int64_t discount)
{
	if (deal_price(deal) == PRICE_DONE && deal->outcome.goods_discount == discount)
		return true;
	printf("took %lld, not %lld\n", (long long) deal->outcome.goods_discount, (long long) discount);
	return false;
}

static inline bool
deal_line_takes(const Deal *deal, int line, int64_t discount)
{
	if (deal->outcome.lines[line].discount == discount)
		return true;
	printf("took %lld of line %d, not %lld\n", (long long) deal->outcome.lines[line].discount, line,
		   (long long) discount);
	return false;
}

static inline bool
deal_applies(const Deal *deal, int candidate)
{
	int			i;

	for (i = 0; i < deal->outcome.applied_count; i++)
		if (deal->outcome.applied[i].candidate == candidate)
			return true;
	return false;
}

/* Whether the candidate is rejected for that reason, and lost to that winner */
static inline bool
deal_rejects(const Deal *deal, int candidate, Reason reason, int winner)
{
	int			i;

	for (i = 0; i < deal->outcome.rejected_count; i++)
	{
		const PriceRejected *rejected = &deal->outcome.rejected[i];

		if (rejected->candidate != candidate)
			continue;
		if (rejected->reason == reason && rejected->winner == winner)
			return true;
		printf("candidate %d: %s, lost to %d\n", candidate, reason_names[rejected->reason], rejected->winner);
	}
	return false;
}

/* A line's pieces as text, such as "2x5 1x0" */
static inline bool
deal_pieces(const Deal *deal, int line, const char *wanted)
{
	const PriceLine *at = &deal->outcome.lines[line];
	char		text[200] = "";
	int			i;

	for (i = at->piece; i < at->piece + at->pieces; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%lldx%lld", i > at->piece ? " " : "",
				 (long long) deal->outcome.pieces[i].units, (long long) deal->outcome.pieces[i].each);
	if (strcmp(text, wanted) == 0)
		return true;
	printf("pieces of line %d: %s, not %s\n", line, text, wanted);
	return false;
}

static inline void
deal_end(Deal *deal)
{
	price_release(&memory_plain, &deal->outcome);
}

#endif							/* PROMO_DEAL_H */
