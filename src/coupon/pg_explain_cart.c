/*-------------------------------------------------------------------------
 *
 * pg_explain_cart.c
 *	  Why a cart costs what it does: a row for each promotion and code, and all
 *	  that a quote was made of.
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
#include "utils/tuplestore.h"

#include "core/time.h"
#include "coupon/pg_quote.h"
#include "coupon/pg_words.h"
#include "pg/record.h"
#include "pg/spi.h"

/* A row of explain_cart */
typedef struct Explained
{
	const char *promotion;
	const char *code;
	bool		eligible;
	const char *reason;
	Jsonb	   *detail;
	Datum		discount;		/* numeric; 0 where it is not eligible */
} Explained;

static Datum
money_numeric(int64 units, int exponent)
{
	char		text[DECIMAL_TEXT];

	(void) money_write(text, units, exponent);
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

static void
put_row(ReturnSetInfo *result, const Explained *row)
{
	Datum		values[6] = {0};
	bool		nulls[6] = {false};

	nulls[0] = row->promotion == NULL;
	values[0] = nulls[0] ? (Datum) 0 : CStringGetTextDatum(row->promotion);
	nulls[1] = row->code == NULL;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(row->code);
	values[2] = BoolGetDatum(row->eligible);
	nulls[3] = row->reason == NULL;
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(row->reason);
	nulls[4] = row->detail == NULL;
	values[4] = nulls[4] ? (Datum) 0 : JsonbPGetDatum(row->detail);
	values[5] = row->discount;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Whether a reason says no more to the public than that the code is not good:
 * whoever tries codes must not learn which ones are somebody's.
 */
static bool
is_secret(Reason reason)
{
	return reason == REASON_NOT_YOURS || reason == REASON_INACTIVE || reason == REASON_NOT_STARTED ||
		reason == REASON_HOLDOUT;
}

static void
put_rejected(ReturnSetInfo *result, const Quotation *quotation, bool is_public, Datum zero)
{
	const PriceOutcome *outcome = &quotation->outcome;
	ListCell   *cell;
	int			i;

	for (i = 0; i < outcome->rejected_count; i++)
	{
		const PriceRejected *rejected = &outcome->rejected[i];
		const Offer *offer = &quotation->offers[rejected->candidate];
		Explained	row = {offer->definition->name, offer->code, false, reason_names[rejected->reason], NULL, zero};

		if (is_public && offer->code != NULL && is_secret(rejected->reason))
		{
			row.promotion = NULL;
			row.reason = reason_names[REASON_UNKNOWN_CODE];
		}
		else
			row.detail = quotation_failures(quotation, rejected);
		put_row(result, &row);
	}
	foreach(cell, quotation->refused)
	{
		const CartRefusal *refusal = lfirst(cell);
		Explained	row = {NULL, refusal->code, false, NULL, NULL, zero};

		row.reason = reason_names[is_public && is_secret(refusal->reason) ? REASON_UNKNOWN_CODE : refusal->reason];
		put_row(result, &row);
	}
}

PG_FUNCTION_INFO_V1(promo_explain_cart);

/*
 * explain_cart(cart jsonb, at timestamptz, audience text)
 *	 returns table (promotion text, code text, eligible boolean, reason text,
 *	 detail jsonb, discount numeric)
 *
 * What applies, in its order; then what does not, in the order of definition;
 * then codes that are nobody's.
 */
Datum
promo_explain_cart(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz at = quote_at(fcinfo, "explain_cart");
	char	   *audience = PG_ARGISNULL(2) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(2));
	bool		is_public = strcmp(audience, "public") == 0;
	QuoteWork	work;
	const PriceOutcome *outcome = &work.quotation.outcome;
	int			exponent;
	int			i;

	if (!is_public && strcmp(audience, "clerk") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("audience must be public or clerk, not \"%s\"", audience)));
	InitMaterializedSRF(fcinfo, 0);
	spi_check(SPI_connect(), "SPI_connect");
	quote_gather(PG_GETARG_JSONB_P(0), at, NULL, &work);
	quotation_price(&work.quotation);
	exponent = work.cart.cart.exponent;
	for (i = 0; i < outcome->applied_count; i++)
	{
		const PriceApplied *applied = &outcome->applied[i];
		const Offer *offer = &work.quotation.offers[applied->candidate];
		Explained	row = {offer->definition->name, offer->code, true, NULL, NULL, 0};

		row.discount = money_numeric(applied->goods + applied->shipping, exponent);
		row.detail = quotation_applied(&work.quotation, i);
		put_row(result, &row);
	}
	put_rejected(result, &work.quotation, is_public, money_numeric(0, exponent));
	promotions_close();
	SPI_finish();
	return (Datum) 0;
}

/*
 * What a quote was made of
 */

static void
put_string(StringInfo json, const char *key, const char *text)
{
	if (json->data[json->len - 1] != '{' && json->data[json->len - 1] != '[')
		appendStringInfoChar(json, ',');
	escape_json(json, key);
	appendStringInfoChar(json, ':');
	escape_json(json, text);
}

static void
put_number(StringInfo json, const char *key, int64 number)
{
	if (json->data[json->len - 1] != '{')
		appendStringInfoChar(json, ',');
	escape_json(json, key);
	appendStringInfo(json, ":" INT64_FORMAT, number);
}

static void
put_counts(StringInfo json, const UsageCounts *counts, const List *keys)
{
	char		text[DECIMAL_TEXT];

	put_number(json, "total", counts->total);
	(void) decimal_write(text, &counts->money);
	put_string(json, "budget_used", text);
	if (keys != NIL && counts->customer > 0)
	{
		appendStringInfoString(json, ",\"by_customer\":{");
		put_number(json, linitial(keys), counts->customer);
		appendStringInfoChar(json, '}');
	}
}

static void
put_usage(StringInfo json, const CartUsage *usage, const Cart *cart, const List *keys)
{
	char		text[DECIMAL_TEXT];
	int			i;

	if (json->data[json->len - 1] != '{')
		appendStringInfoChar(json, ',');
	escape_json(json, usage->promotion);
	appendStringInfoString(json, ":{");
	put_counts(json, &usage->counts[0], keys);
	put_number(json, "held", usage->held);
	appendStringInfoString(json, ",\"periods\":{");
	for (i = 1; i < USAGE_PERIODS; i++)
	{
		appendStringInfo(json, "%s\"%s\":{", i > 1 ? "," : "", usage_period_names[i]);
		put_counts(json, &usage->counts[i], keys);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoString(json, "},\"limits\":[");
	for (i = 0; i < usage->limit_count; i++)
	{
		const PriceLimit *limit = &usage->limits[i];
		int			exponent = limit->reason == REASON_BUDGET ? cart->exponent : 0;

		appendStringInfoString(json, i > 0 ? ",{" : "{");
		put_string(json, "reason", reason_names[limit->reason]);
		appendStringInfo(json, ",\"per_customer\":%s", limit->per_customer ? "true" : "false");
		(void) money_write(text, limit->most, exponent);
		put_string(json, "most", text);
		(void) money_write(text, limit->used, exponent);
		put_string(json, "used", text);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoString(json, "]}");
}

static void
put_words(StringInfo json, const char *key, const WordSet *words)
{
	int			i;

	appendStringInfo(json, "\"%s\":[", key);
	for (i = 0; i < words->count; i++)
	{
		if (i > 0)
			appendStringInfoChar(json, ',');
		escape_json(json, word_cstring(&words->word[i]));
	}
	appendStringInfoChar(json, ']');
}

/* What the cart did not say, as an object */
static Datum
looked_up(const QuoteWork *work)
{
	const Quotation *quotation = &work->quotation;
	char		instant[TIME_TEXT];
	StringInfoData json;
	ListCell   *cell;
	bool		first = true;
	int			i;

	initStringInfo(&json);
	(void) time_write(instant, work->at);
	appendStringInfoChar(&json, '{');
	put_string(&json, "now", instant);
	appendStringInfoString(&json, ",\"usage\":{");
	for (i = 0; i < quotation->count; i++)
		if (quotation->offers[i].usage != NULL)
			put_usage(&json, quotation->offers[i].usage, &work->cart.cart, work->cart.keys);
	appendStringInfoString(&json, "},\"refused\":[");
	for (i = 0; i < quotation->count; i++)
	{
		const Offer *offer = &quotation->offers[i];

		if (offer->refused == REASON_NONE)
			continue;
		appendStringInfoString(&json, first ? "{" : ",{");
		first = false;
		put_string(&json, "code", offer->code);
		put_string(&json, "promotion", offer->definition->name);
		put_string(&json, "reason", reason_names[offer->refused]);
		appendStringInfoChar(&json, '}');
	}
	foreach(cell, quotation->refused)
	{
		const CartRefusal *refusal = lfirst(cell);

		appendStringInfoString(&json, first ? "{" : ",{");
		first = false;
		put_string(&json, "code", refusal->code);
		put_string(&json, "reason", reason_names[refusal->reason]);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoString(&json, "]}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static Datum
customer_found(const QuoteWork *work)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	put_words(&json, "segments", &work->cart.cart.customer.segments);
	appendStringInfoChar(&json, ',');
	put_words(&json, "tiers", &work->cart.cart.customer.tiers);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

PG_FUNCTION_INFO_V1(promo_quote_inputs);

/*
 * quote_inputs(cart jsonb, at timestamptz, OUT cart jsonb, OUT promotions jsonb,
 *	 OUT policy jsonb)
 */
Datum
promo_quote_inputs(PG_FUNCTION_ARGS)
{
	static const Oid types[6] = {JSONBOID, JSONBOID, JSONBOID, INT8ARRAYOID, TEXTARRAYOID, JSONBOID};
	static SPIPlanPtr plan = NULL;
	TimestampTz at = quote_at(fcinfo, "quote_inputs");
	MemoryContext caller = CurrentMemoryContext;
	char		nulls[7] = "      ";
	bool		result_nulls[3] = {false, false, false};
	Datum		results[3];
	Datum		values[6];
	Datum	   *ids;
	Datum	   *codes;
	bool	   *code_nulls;
	QuoteWork	work;
	int			count;
	int			dimension;
	int			lower = 1;
	int			i;

	spi_check(SPI_connect(), "SPI_connect");
	quote_gather(PG_GETARG_JSONB_P(0), at, NULL, &work);
	count = work.quotation.count;
	ids = palloc(sizeof(Datum) * (count + 1));
	codes = palloc0(sizeof(Datum) * (count + 1));
	code_nulls = palloc(sizeof(bool) * (count + 1));
	for (i = 0; i < count; i++)
	{
		const Offer *offer = &work.quotation.offers[i];

		ids[i] = Int64GetDatum(((QuoteSource *) offer->source)->promotion->id);
		code_nulls[i] = offer->code == NULL;
		codes[i] = offer->code == NULL ? (Datum) 0 : CStringGetTextDatum(offer->code);
	}
	dimension = count;
	values[0] = PG_GETARG_DATUM(0);
	values[1] = looked_up(&work);
	values[2] = customer_found(&work);
	values[3] = PointerGetDatum(construct_array(ids, count, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
	values[4] = PointerGetDatum(construct_md_array(codes, code_nulls, 1, &dimension, &lower, TEXTOID, -1, false,
												   TYPALIGN_INT));
	values[5] = work.policy_json == NULL ? (Datum) 0 : JsonbPGetDatum(work.policy_json);
	nulls[5] = work.policy_json == NULL ? 'n' : ' ';
	(void) spi_read_kept(&plan, "SELECT $1 || $2 || CASE WHEN $1 ? 'customer'"
						 "  THEN jsonb_build_object('customer', $1 -> 'customer' || $3) ELSE '{}' END,"
						 " (SELECT coalesce(jsonb_agg(v.definition || jsonb_build_object('version', v.version) || CASE WHEN k.code IS NULL THEN '{}'"
						 "   ELSE jsonb_build_object('code', k.code) END ORDER BY k.place), '[]')"
						 "  FROM unnest($4, $5) WITH ORDINALITY k (id, code, place)"
						 "  JOIN promo.promotion p ON p.promotion_id = k.id"
						 "  JOIN promo.promotion_version v ON (v.promotion_id, v.version) = (p.promotion_id, p.version)),"
						 " coalesce($6, '{}') || '{\"code_match\": \"trim_casefold\"}'",
						 6, types, values, nulls);
	MemoryContextSwitchTo(caller);
	for (i = 0; i < 3; i++)
	{
		bool		null;

		results[i] = JsonbPGetDatum(DatumGetJsonbPCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
																	 i + 1, &null)));
	}
	promotions_close();
	SPI_finish();
	return record_result(fcinfo, results, result_nulls);
}
