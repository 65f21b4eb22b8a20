/*-------------------------------------------------------------------------
 *
 * pg_order.c
 *	  What an order takes: its quote, the uses of promotions that it makes,
 *	  and the limits that these count against.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "coupon/pg_coupon.h"
#include "coupon/pg_quote.h"
#include "coupon/pg_words.h"
#include "pg/record.h"
#include "pg/spi.h"

static void
put_string(StringInfo json, const char *key, const char *text)
{
	escape_json(json, key);
	appendStringInfoChar(json, ':');
	escape_json(json, text);
}

/* Codes of the cart that do not apply, as a list; NULL where all do */
static char *
refused_codes(const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	StringInfoData json;
	ListCell   *cell;
	int			i;

	initStringInfo(&json);
	for (i = 0; i < outcome->rejected_count; i++)
	{
		const Offer *offer = &quotation->offers[outcome->rejected[i].candidate];

		if (offer->code == NULL)
			continue;
		appendStringInfoString(&json, json.len > 0 ? ", {" : "[{");
		put_string(&json, "code", offer->code);
		appendStringInfoChar(&json, ',');
		put_string(&json, "promotion", offer->definition->name);
		appendStringInfoChar(&json, ',');
		put_string(&json, "reason", reason_names[outcome->rejected[i].reason]);
		appendStringInfo(&json, ",\"failed\":%s}",
						 JsonbToCString(NULL, &quotation_failures(quotation, &outcome->rejected[i])->root, 0));
	}
	foreach(cell, quotation->refused)
	{
		const CartRefusal *refusal = lfirst(cell);

		appendStringInfoString(&json, json.len > 0 ? ", {" : "[{");
		put_string(&json, "code", refusal->code);
		appendStringInfoChar(&json, ',');
		put_string(&json, "reason", reason_names[refusal->reason]);
		appendStringInfoChar(&json, '}');
	}
	if (json.len == 0)
		return NULL;
	appendStringInfoChar(&json, ']');
	return json.data;
}

/* Whether any promotion does not apply because a limit is used up */
static bool
is_limited(const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	ListCell   *cell;
	int			i;

	for (i = 0; i < outcome->rejected_count; i++)
		switch (outcome->rejected[i].reason)
		{
			case REASON_USAGE_LIMIT:
			case REASON_CUSTOMER_LIMIT:
			case REASON_PERIOD_LIMIT:
			case REASON_BUDGET:
			case REASON_HELD:
				return true;
			default:
				break;
		}
	foreach(cell, quotation->refused)
		if (((CartRefusal *) lfirst(cell))->reason == REASON_HELD)
			return true;
	return false;
}

/* The uses that are made, as a list */
static char *
uses_made(const Quotation *quotation)
{
	const PriceOutcome *outcome = &quotation->outcome;
	StringInfoData json;
	int			i;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (i = 0; i < outcome->applied_count; i++)
	{
		const PriceApplied *applied = &outcome->applied[i];
		const Offer *offer = &quotation->offers[applied->candidate];
		const QuoteSource *source = offer->source;

		appendStringInfo(&json, "%s{\"promotion_id\":" INT64_FORMAT ",\"version\":%d,\"goods\":" INT64_FORMAT
						 ",\"shipping\":" INT64_FORMAT ",\"single\":%s",
						 i > 0 ? "," : "", source->promotion->id, source->promotion->version,
						 applied->goods, applied->shipping,
						 source->code != NULL && source->code->single ? "true" : "false");
		if (source->code != NULL)
			appendStringInfo(&json, ",\"code_id\":" INT64_FORMAT, source->code->id);
		appendStringInfo(&json, ",\"lines\":%s}",
						 JsonbToCString(NULL, &quotation_shares(quotation, applied->candidate)->root, 0));
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

/* What a use takes of a limit; 0 for nothing */
static int64
taken_of(const QuoteWork *work, const QuoteLimit *limit, const PriceApplied *applied)
{
	const Offer *offer = &work->quotation.offers[applied->candidate];
	const QuoteSource *source = offer->source;
	bool		is_its = limit->promotion_id != 0 ? limit->promotion_id == source->promotion->id :
		limit->campaign != NULL ?
		offer->definition->campaign != NULL && strcmp(limit->campaign, offer->definition->campaign) == 0 :
		source->code != NULL && limit->code_id == source->code->id;

	if (!is_its)
		return 0;
	if (limit->counts != LIMIT_MONEY)
		return 1;
	if (strcmp(limit->currency, word_cstring(&work->cart.cart.currency)) != 0)
		return 0;
	return applied->goods + (offer->definition->budget_goods_only ? 0 : applied->shipping);
}

/* What all uses take of limits, as a list in the order of the limits */
static char *
limits_taken(const QuoteWork *work, bool *automatic)
{
	const PriceOutcome *outcome = &work->quotation.outcome;
	StringInfoData json;
	int			i;
	int			j;

	*automatic = false;
	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (i = 0; i < work->limit_count; i++)
		for (j = 0; j < outcome->applied_count; j++)
		{
			const QuoteLimit *limit = &work->limits[i];
			const PriceApplied *applied = &outcome->applied[j];
			const Offer *offer = &work->quotation.offers[applied->candidate];
			int64		amount = taken_of(work, limit, applied);

			if (amount == 0)
				continue;
			*automatic = *automatic || offer->code == NULL;
			appendStringInfo(&json, "%s{\"limit_id\":" INT64_FORMAT ",\"promotion_id\":" INT64_FORMAT
							 ",\"days\":%s,\"most\":" INT64_FORMAT ",\"slots\":" INT64_FORMAT
							 ",\"amount\":" INT64_FORMAT ",",
							 json.len > 1 ? "," : "", limit->id,
							 ((QuoteSource *) offer->source)->promotion->id,
							 limit->period == 0 ? "null" : psprintf(INT64_FORMAT, limit->period_start),
							 limit->most, limit->slots, amount);
			put_string(&json, "counts", limit->counts == LIMIT_CUSTOMER ? "customer" :
					   limit->counts == LIMIT_MONEY ? "money" : "uses");
			appendStringInfoChar(&json, ',');
			put_string(&json, "reason", reason_names[limit->counts == LIMIT_MONEY ? REASON_BUDGET :
													 limit->period > 0 ? REASON_PERIOD_LIMIT :
													 limit->counts == LIMIT_CUSTOMER ? REASON_CUSTOMER_LIMIT :
													 REASON_USAGE_LIMIT]);
			appendStringInfoChar(&json, ',');
			put_string(&json, "promotion", offer->definition->name);
			if (offer->code != NULL)
			{
				appendStringInfoChar(&json, ',');
				put_string(&json, "code", offer->code);
			}
			appendStringInfoChar(&json, '}');
		}
	appendStringInfoChar(&json, ']');
	return json.data;
}

/* The promotions of an array of their numbers are used up, says the caller. */
static void
refuse_offers(Quotation *quotation, ArrayType *array)
{
	const int64 *refused = (const int64 *) ARR_DATA_PTR(array);
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int			i;
	int			j;

	for (i = 0; i < quotation->count; i++)
		for (j = 0; j < count; j++)
			if (((QuoteSource *) quotation->offers[i].source)->promotion->id == refused[j])
				quotation->offers[i].refused = REASON_USAGE_LIMIT;
}

static Datum
json_or_null(const char *json, bool *null)
{
	*null = json == NULL;
	return json == NULL ? (Datum) 0 : DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

PG_FUNCTION_INFO_V1(promo_order_quote);

/*
 * order_quote(order_id text, cart jsonb, at timestamptz, refused bigint[],
 *	 OUT answer jsonb, OUT failed jsonb, OUT limited boolean, OUT uses jsonb,
 *	 OUT takes jsonb, OUT automatic boolean, OUT currency text, OUT exponent int,
 *	 OUT goods bigint, OUT shipping bigint, OUT total bigint)
 */
Datum
promo_order_quote(PG_FUNCTION_ARGS)
{
	char	   *order_id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[11];
	bool		nulls[11] = {false};
	bool		automatic;
	char	   *failed;
	char	   *uses;
	char	   *takes;
	QuoteWork	work;

	spi_check(SPI_connect(), "SPI_connect");
	quote_gather(PG_GETARG_JSONB_P(1), PG_GETARG_TIMESTAMPTZ(2), order_id, &work);
	refuse_offers(&work.quotation, PG_GETARG_ARRAYTYPE_P(3));
	quotation_price(&work.quotation);
	failed = refused_codes(&work.quotation);
	uses = uses_made(&work.quotation);
	takes = limits_taken(&work, &automatic);
	MemoryContextSwitchTo(caller);
	values[0] = JsonbPGetDatum(quotation_json(&work.quotation));
	values[1] = json_or_null(failed, &nulls[1]);
	values[2] = BoolGetDatum(is_limited(&work.quotation));
	values[3] = json_or_null(uses, &nulls[3]);
	values[4] = json_or_null(takes, &nulls[4]);
	values[5] = BoolGetDatum(automatic);
	values[6] = PointerGetDatum(cstring_to_text_with_len(work.cart.cart.currency.text,
														 (int) work.cart.cart.currency.length));
	values[7] = Int32GetDatum(work.cart.cart.exponent);
	values[8] = Int64GetDatum(work.quotation.outcome.goods_discount);
	values[9] = Int64GetDatum(work.quotation.outcome.shipping_discount);
	values[10] = Int64GetDatum(work.quotation.outcome.total);
	promotions_close();
	SPI_finish();
	return record_result(fcinfo, values, nulls);
}

PG_FUNCTION_INFO_V1(promo_coupon_actor);

/*
 * coupon_actor() returns text
 */
Datum
promo_coupon_actor(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(coupon_actor()));
}
