/*-------------------------------------------------------------------------
 *
 * pg_outcome.c
 *	  Pricing a cart that was read under definitions that were, and the answer
 *	  as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "coupon/pg_outcome.h"
#include "coupon/pg_words.h"
#include "pg/memory.h"

/*
 * Pricing
 */

static void
add_limit(PriceCandidate *candidate, Reason reason, bool per_customer, int64 most, int64 used,
		  const Definition *definition)
{
	PriceLimit *limit = (PriceLimit *) &candidate->limits[candidate->limit_count++];

	memset(limit, 0, sizeof(*limit));
	limit->reason = reason;
	limit->per_customer = per_customer;
	limit->most = most;
	limit->used = used;
	limit->partial = definition->partial_budget;
	limit->goods_only = definition->budget_goods_only;
}

/* Money as the cart has it; what has more decimals is rounded down. */
static int64
minor_units(const Decimal *amount, int exponent)
{
	int64		units;

	return decimal_units(amount, exponent, ROUND_DOWN, &units) ? units : PG_INT64_MAX;
}

/* The limits of a definition, and those that usage brings along */
static void
fill_limits(const Quotation *quotation, const Offer *offer, PriceCandidate *candidate)
{
	static const UsageCounts nothing = {0};
	const Definition *definition = offer->definition;
	const CartUsage *usage = offer->usage;
	int			exponent = quotation->cart->cart.exponent;
	int			i;
	int			period;

	if (definition->limits.count == 0 && (usage == NULL || usage->limit_count == 0))
		return;
	candidate->limits = palloc(sizeof(PriceLimit) * (definition->limits.count +
													 (usage == NULL ? 0 : usage->limit_count)));
	for (i = 0; i < definition->limits.count; i++)
	{
		const LimitTerms *limit = &definition->limits.limit[i];
		const UsageCounts *counts = &nothing;
		Reason		reason = REASON_USAGE_LIMIT;

		for (period = 0; usage != NULL && period < USAGE_PERIODS; period++)
			if (strcmp(usage_period_names[period], limit->period == NULL ? "" : limit->period) == 0)
				counts = &usage->counts[period];
		switch (limit->counts)
		{
			case LIMIT_USES:
				/* Without what others hold, there would be some. */
				if (limit->period == NULL && usage != NULL && counts->total >= limit->most &&
					counts->total - usage->held < limit->most)
					reason = REASON_HELD;
				add_limit(candidate, limit->period != NULL ? REASON_PERIOD_LIMIT : reason, false, limit->most,
						  counts->total, definition);
				break;
			case LIMIT_CUSTOMER:
				add_limit(candidate, limit->period != NULL ? REASON_PERIOD_LIMIT : REASON_CUSTOMER_LIMIT, true,
						  limit->most, counts->customer, definition);
				break;
			case LIMIT_MONEY:
				add_limit(candidate, REASON_BUDGET, false, minor_units(&limit->budget, exponent),
						  minor_units(&counts->money, exponent), definition);
				break;
		}
	}
	for (i = 0; usage != NULL && i < usage->limit_count; i++)
		add_limit(candidate, usage->limits[i].reason, usage->limits[i].per_customer, usage->limits[i].most,
				  usage->limits[i].used, definition);
}

static void
raise_status(const Quotation *quotation, PriceStatus status)
{
	const PriceOutcome *outcome = &quotation->outcome;

	switch (status)
	{
		case PRICE_DONE:
			return;
		case PRICE_OVERFLOW:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("an amount of the cart is too large")));
		case PRICE_MANY_GROUPS:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many groups that units serve once"),
					 errdetail("Actions of one cart may have at most %d different words under \"consumes\".",
							   CONSUMING_GROUPS)));
		case PRICE_NO_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory")));
		case PRICE_BAD_LINE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the value of line \"%s\" is out of range",
							word_cstring(&quotation->cart->cart.lines[outcome->line].id))));
		case PRICE_BAD_EXPONENT:
		case PRICE_BAD_SHIPPING:
		case PRICE_BAD_PROMOTION:
		case PRICE_CANCELED:
			elog(ERROR, "could not price a cart: status %d, promotion %d", (int) status, outcome->promotion);
	}
}

void
quotation_price(Quotation *quotation)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	PricePolicy policy = quotation->policy->price;
	PriceStatus status;
	int			i;

	quotation->candidates = palloc0(sizeof(PriceCandidate) * (quotation->count + 1));
	for (i = 0; i < quotation->count; i++)
	{
		const Offer *offer = &quotation->offers[i];
		PriceCandidate *candidate = &quotation->candidates[i];

		candidate->promotion = &offer->definition->promotion;
		candidate->has_code = offer->code != NULL;
		candidate->refused = !offer->definition->active ? REASON_INACTIVE : offer->refused;
		fill_limits(quotation, offer, candidate);
	}
	status = price_cart(&memory, &quotation->cart->cart, quotation->candidates, quotation->count, &policy,
						&quotation->outcome);
	raise_status(quotation, status);
}

/*
 * The answer
 */

static inline void
put_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = (char *) key;
	value.val.string.len = (int) strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

static inline void
put_word_key(JsonbParseState **state, const Word *word)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = (char *) word->text;
	value.val.string.len = (int) word->length;
	pushJsonbValue(state, WJB_KEY, &value);
}

static inline void
put_text(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = (char *) text;
	value.val.string.len = (int) strlen(text);
	pushJsonbValue(state, token, &value);
}

static void
put_word(JsonbParseState **state, JsonbIteratorToken token, const Word *word)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = (char *) word->text;
	value.val.string.len = (int) word->length;
	pushJsonbValue(state, token, &value);
}

static void
put_bool(JsonbParseState **state, bool truth)
{
	JsonbValue	value;

	value.type = jbvBool;
	value.val.boolean = truth;
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
put_count(JsonbParseState **state, JsonbIteratorToken token, int64 count)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall1(int8_numeric, Int64GetDatum(count)));
	pushJsonbValue(state, token, &value);
}

static void
put_number(JsonbParseState **state, const Decimal *number)
{
	char		text[DECIMAL_TEXT];
	JsonbValue	value;

	(void) decimal_write(text, number);
	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
															ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* Money is a text with the decimals of its currency. */
static void
put_money(JsonbParseState **state, JsonbIteratorToken token, int64 units, int exponent)
{
	char		text[DECIMAL_TEXT];

	(void) money_write(text, units, exponent);
	put_text(state, token, pstrdup(text));
}

static void
put_money_of(JsonbParseState **state, const char *key, int64 units, int exponent)
{
	put_key(state, key);
	put_money(state, WJB_VALUE, units, exponent);
}

/* A number of a failed condition: money, or a quantity or count */
static void
put_measure(JsonbParseState **state, const char *key, const Decimal *number, bool is_money, int exponent)
{
	int64		units;

	put_key(state, key);
	if (is_money && decimal_units(number, exponent, ROUND_NONE, &units))
		put_money(state, WJB_VALUE, units, exponent);
	else
		put_number(state, number);
}

/* Units and what each of them bore, in minor units where exponent is -1 */
static void
put_pieces(JsonbParseState **state, const PricePiece *pieces, int count, int exponent)
{
	int			i;

	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < count; i++)
	{
		pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
		put_count(state, WJB_ELEM, pieces[i].units);
		if (exponent < 0)
			put_count(state, WJB_ELEM, pieces[i].each);
		else
			put_money(state, WJB_ELEM, pieces[i].each, exponent);
		pushJsonbValue(state, WJB_END_ARRAY, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static JsonbValue *
put_failures(JsonbParseState **state, const Quotation *quotation, const PriceRejected *rejected)
{
	const Promotion *promotion = quotation->candidates[rejected->candidate].promotion;
	int			exponent = quotation->cart->cart.exponent;
	int			i;

	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = rejected->failure; i < rejected->failure + rejected->failures; i++)
	{
		const PriceFailure *failure = &quotation->outcome.failures[i];
		bool		is_money = failure->reason == REASON_MIN_SUBTOTAL || failure->reason == REASON_MAX_SUBTOTAL ||
			failure->reason == REASON_BUDGET;

		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		if (failure->has_required && failure->has_actual)
		{
			Decimal		gap = failure->required;
			Decimal		actual = failure->actual;

			actual.digits = -actual.digits;
			if (decimal_add(&gap, &actual))
			{
				if (gap.digits < 0)
					gap.digits = -gap.digits;
				put_measure(state, "gap", &gap, is_money, exponent);
			}
		}
		if (failure->has_actual)
			put_measure(state, "actual", &failure->actual, is_money, exponent);
		put_key(state, "reason");
		put_text(state, WJB_VALUE, reason_names[failure->reason]);
		if (failure->negated)
		{
			put_key(state, "negated");
			put_bool(state, true);
		}
		if (failure->has_required)
			put_measure(state, "required", &failure->required, is_money, exponent);
		if (failure->condition >= 0)
		{
			put_key(state, "condition");
			put_text(state, WJB_VALUE, condition_names[promotion->conditions[failure->condition].kind]);
		}
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	return pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

Jsonb *
quotation_failures(const Quotation *quotation, const PriceRejected *rejected)
{
	JsonbParseState *state = NULL;

	return JsonbValueToJsonb(put_failures(&state, quotation, rejected));
}

/* A total, which cases have by the key */
static inline void
put_total(JsonbParseState **state, const Quotation *quotation, const char *key, int64 units)
{
	put_money_of(state, key, units, quotation->cart->cart.exponent);
}

static void
put_lines(JsonbParseState **state, const Quotation *quotation)
{
	const Cart *cart = &quotation->cart->cart;
	const PriceOutcome *outcome = &quotation->outcome;
	int			i;

	put_key(state, "lines");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < outcome->line_count; i++)
	{
		put_word_key(state, &cart->lines[i].id);
		put_money(state, WJB_VALUE, outcome->lines[i].discount, cart->exponent);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* What each unit bore, so that any return can be refunded to the cent */
static void
put_line_details(JsonbParseState **state, const Quotation *quotation)
{
	const Cart *cart = &quotation->cart->cart;
	const PriceOutcome *outcome = &quotation->outcome;
	int			i;

	put_key(state, "line_details");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < outcome->line_count; i++)
	{
		const PriceLine *line = &outcome->lines[i];

		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		put_money_of(state, "tax", line->tax, cart->exponent);
		put_key(state, "line");
		put_word(state, WJB_VALUE, &cart->lines[i].id);
		put_key(state, "units");
		put_pieces(state, &outcome->pieces[line->piece], line->pieces, cart->exponent);
		put_money_of(state, "value", line->value, cart->exponent);
		put_money_of(state, "discount", line->discount, cart->exponent);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static const char *
name_of(const Quotation *quotation, int candidate)
{
	return quotation->offers[candidate].definition->name;
}

/* What one took, by line and unit */
static JsonbValue *
put_one_applied(JsonbParseState **state, const Quotation *quotation, const PriceApplied *applied)
{
	const PriceOutcome *outcome = &quotation->outcome;
	const Offer *offer = &quotation->offers[applied->candidate];
	const Cart *cart = &quotation->cart->cart;
	int			j;

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	if (offer->code != NULL)
	{
		put_key(state, "code");
		put_text(state, WJB_VALUE, offer->code);
	}
	put_money_of(state, "goods", applied->goods, cart->exponent);
	put_key(state, "lines");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (j = 0; j < outcome->share_count; j++)
	{
		const PriceShare *share = &outcome->shares[j];

		if (share->candidate != applied->candidate)
			continue;
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		put_key(state, "line");
		put_word(state, WJB_VALUE, &cart->lines[share->line].id);
		put_key(state, "units");
		put_pieces(state, &outcome->pieces[share->piece], share->pieces, cart->exponent);
		put_money_of(state, "discount", share->amount, cart->exponent);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
	if (offer->version > 0)
	{
		put_key(state, "version");
		put_count(state, WJB_VALUE, offer->version);
	}
	put_money_of(state, "shipping", applied->shipping, cart->exponent);
	put_key(state, "promotion");
	put_text(state, WJB_VALUE, offer->definition->name);
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
put_applied(JsonbParseState **state, const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	int			i;

	put_key(state, "applied");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < outcome->applied_count; i++)
		put_text(state, WJB_ELEM, name_of(quotation, outcome->applied[i].candidate));
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
put_by_promotion(JsonbParseState **state, const Quotation *quotation)
{
	const Cart *cart = &quotation->cart->cart;
	const PriceOutcome *outcome = &quotation->outcome;
	int			i;

	put_key(state, "by_promotion");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < outcome->applied_count; i++)
		put_money_of(state, name_of(quotation, outcome->applied[i].candidate),
					 outcome->applied[i].goods + outcome->applied[i].shipping, cart->exponent);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
put_promotions(JsonbParseState **state, const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	int			i;

	put_key(state, "promotions");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < outcome->applied_count; i++)
		(void) put_one_applied(state, quotation, &outcome->applied[i]);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
put_rejected(JsonbParseState **state, const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	ListCell   *cell;
	int			i;

	put_key(state, "rejected");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	foreach(cell, quotation->refused)
	{
		const CartRefusal *refusal = lfirst(cell);

		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		put_key(state, "code");
		put_text(state, WJB_VALUE, refusal->code);
		put_key(state, "reason");
		put_text(state, WJB_VALUE, reason_names[refusal->reason]);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	for (i = 0; i < outcome->rejected_count; i++)
	{
		const PriceRejected *rejected = &outcome->rejected[i];
		const Offer *offer = &quotation->offers[rejected->candidate];

		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		if (offer->code != NULL)
		{
			put_key(state, "code");
			put_text(state, WJB_VALUE, offer->code);
		}
		put_key(state, "failed");
		(void) put_failures(state, quotation, rejected);
		put_key(state, "reason");
		put_text(state, WJB_VALUE, reason_names[rejected->reason]);
		if (rejected->winner >= 0)
		{
			put_key(state, "winner");
			put_text(state, WJB_VALUE, name_of(quotation, rejected->winner));
		}
		put_key(state, "promotion");
		put_text(state, WJB_VALUE, offer->definition->name);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
put_gifts(JsonbParseState **state, const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	int			exponent = quotation->cart->cart.exponent;
	int			i;

	put_key(state, "gifts");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < outcome->gift_count; i++)
	{
		const PriceGift *gift = &outcome->gifts[i];
		const Action *action = &quotation->candidates[gift->candidate].promotion->actions[gift->action];

		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		put_key(state, "promotion");
		put_text(state, WJB_VALUE, name_of(quotation, gift->candidate));
		put_key(state, "product");
		put_word(state, WJB_VALUE, &action->gift_product);
		put_key(state, "quantity");
		put_count(state, WJB_VALUE, gift->quantity);
		put_measure(state, "unit_price", &action->gift_unit_price, true, exponent);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Codes that the order earns */
static void
put_issued(JsonbParseState **state, const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	int			i;

	put_key(state, "issued");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < outcome->issue_count; i++)
	{
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		put_key(state, "promotion");
		put_text(state, WJB_VALUE, name_of(quotation, outcome->issues[i].candidate));
		put_key(state, "for");
		put_text(state, WJB_VALUE, "next_order");
		put_key(state, "of");
		put_text(state, WJB_VALUE, definition_issues_of(quotation->offers[outcome->issues[i].candidate].definition,
														outcome->issues[i].action));
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Codes by which something applies, once each */
static void
put_codes(JsonbParseState **state, const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	ListCell   *cell;
	int			i;

	put_key(state, "codes");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	foreach(cell, quotation->cart->codes)
	{
		for (i = 0; i < outcome->applied_count; i++)
			if (quotation->offers[outcome->applied[i].candidate].code == lfirst(cell))
			{
				put_text(state, WJB_ELEM, lfirst(cell));
				break;
			}
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
put_steps(JsonbParseState **state, const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	int			i;

	put_key(state, "next_steps");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < outcome->step_count; i++)
	{
		const PriceStep *step = &outcome->steps[i];

		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		put_key(state, "promotion");
		put_text(state, WJB_VALUE, name_of(quotation, step->candidate));
		put_measure(state, step->is_money ? "amount" : "quantity", &step->gap, step->is_money,
					quotation->cart->cart.exponent);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

Jsonb *
quotation_applied(const Quotation *quotation, int applied)
{
	JsonbParseState *state = NULL;

	return JsonbValueToJsonb(put_one_applied(&state, quotation, &quotation->outcome.applied[applied]));
}

/* Keys stand in the order that jsonb has them, so that nothing is sorted. */
Jsonb *
quotation_json(const Quotation *quotation)
{
	static WarmContext warm = {.name = "promo answer"};
	MemoryContext old = MemoryContextSwitchTo(warm_open(&warm));
	JsonbParseState *state = NULL;
	Jsonb	   *made;
	Jsonb	   *answer;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	put_codes(&state, quotation);
	put_gifts(&state, quotation);
	put_lines(&state, quotation);
	put_total(&state, quotation, "total", quotation->outcome.total);
	put_issued(&state, quotation);
	put_applied(&state, quotation);
	put_key(&state, "optimal");
	put_bool(&state, quotation->outcome.optimal);
	put_rejected(&state, quotation);
	put_total(&state, quotation, "tax_total", quotation->outcome.tax_total);
	put_steps(&state, quotation);
	put_promotions(&state, quotation);
	put_total(&state, quotation, "goods_total", quotation->outcome.goods - quotation->outcome.goods_discount);
	put_by_promotion(&state, quotation);
	put_total(&state, quotation, "goods_before", quotation->outcome.goods);
	put_line_details(&state, quotation);
	put_total(&state, quotation, "shipping_tax", quotation->outcome.shipping_tax);
	put_total(&state, quotation, "discount_total", quotation->outcome.goods_discount);
	put_total(&state, quotation, "total_with_tax", quotation->outcome.total_with_tax);
	put_total(&state, quotation, "shipping_before", quotation->outcome.shipping);
	put_total(&state, quotation, "shipping_discount", quotation->outcome.shipping_discount);
	put_total(&state, quotation, "total_without_tax", quotation->outcome.total_without_tax);
	made = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));

	MemoryContextSwitchTo(old);
	answer = palloc_extended(VARSIZE(made), MCXT_ALLOC_HUGE);
	memcpy(answer, made, VARSIZE(made));
	warm_close(&warm);
	return answer;
}

Jsonb *
quotation_shares(const Quotation *quotation, int candidate)
{
	const PriceOutcome *outcome = &quotation->outcome;
	JsonbParseState *state = NULL;
	int			i;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < outcome->share_count; i++)
	{
		const PriceShare *share = &outcome->shares[i];

		if (share->candidate != candidate)
			continue;
		put_word_key(&state, &quotation->cart->cart.lines[share->line].id);
		put_pieces(&state, &outcome->pieces[share->piece], share->pieces, -1);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
