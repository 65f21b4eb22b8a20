/*-------------------------------------------------------------------------
 *
 * pg_quote.c
 *	  A cart priced by what the tables hold.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "coupon/pg_coupon.h"
#include "coupon/pg_quote.h"
#include "coupon/pg_words.h"
#include "pg/spi.h"

/* Columns of the current row of SPI_tuptable */

static Datum
column(uint64 row, int number, bool *null)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, null);
}

static int64
column_int(uint64 row, int number)
{
	bool		null;
	Datum		value = column(row, number, &null);

	return null ? 0 : DatumGetInt64(value);
}

static char *
column_text(uint64 row, int number)
{
	bool		null;
	Datum		value = column(row, number, &null);

	return null ? NULL : TextDatumGetCString(value);
}

static Datum
texts_array(const List *texts)
{
	Datum	   *datums = palloc(sizeof(Datum) * (list_length(texts) + 1));
	ListCell   *cell;
	int			count = 0;

	foreach(cell, texts)
		datums[count++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(datums, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
numbers_array(const int64 *numbers, int count)
{
	Datum	   *datums = palloc(sizeof(Datum) * (count + 1));
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(datums, count, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
}

static void
take_words(Datum array, WordSet *set)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	Word	   *words;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	words = palloc(sizeof(Word) * (count + 1));
	for (i = 0; i < count; i++)
		words[i] = word_of(TextDatumGetCString(elements[i]));
	set->count = word_set_sort(words, count);
	set->word = words;
}

/* The stamp of promotions, the channel's policy, and who the customer is */
static void
gather_setting(QuoteWork *work)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[3] = {TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
	Cart	   *cart = &work->cart.cart;
	JsonFaults	faults;
	JsonReader	reader;
	Datum		values[3];
	Datum	   *elements;
	bool	   *nulls;
	bool		null;
	Datum		stamp;
	Datum		value;
	int			count;
	int			i;

	values[0] = texts_array(work->cart.keys);
	values[1] = PointerGetDatum(cstring_to_text_with_len(cart->channel.text, (int) cart->channel.length));
	values[2] = TimestampTzGetDatum(work->at);
	(void) spi_read_kept(&plan, "SELECT (SELECT s.stamp FROM promo.promotion_stamp s),"
						 " (SELECT p.policy FROM promo.pricing_policy p WHERE p.channel IN ($2, '')"
						 "  ORDER BY p.channel = '' LIMIT 1),"
						 " ARRAY(SELECT c.number FROM unnest($1) WITH ORDINALITY k (key, place)"
						 "  LEFT JOIN promo.customer c ON c.shop_id = k.key ORDER BY k.place),"
						 " ARRAY(SELECT s.segment FROM promo.customer c"
						 "  JOIN promo.segment_member m ON m.customer_id = c.number AND m.left_at IS NULL"
						 "  JOIN promo.segment s ON s.segment_id = m.segment_id"
						 "  WHERE c.shop_id = $1[1]),"
						 " ARRAY(SELECT unnest(ARRAY[t.tier, p.program || '/' || t.tier]) FROM promo.customer c"
						 "  JOIN promo.tier_period t ON t.customer_id = c.number AND t.begins_at <= $3"
						 "   AND (t.ends_at IS NULL OR t.ends_at > $3)"
						 "  JOIN promo.member m ON (m.program_id, m.customer_id) = (t.program_id, t.customer_id)"
						 "   AND m.state = 'active'"
						 "  JOIN promo.program p ON p.program_id = t.program_id"
						 "  WHERE c.shop_id = $1[1])",
						 3, types, values, NULL);
	value = column(0, 2, &null);
	work->policy_json = null ? NULL : DatumGetJsonbPCopy(value);
	json_faults_start(&faults);
	json_open(&reader, &faults, "", work->policy_json);
	policy_read(&reader, &work->policy);
	json_faults_raise(&faults, "policy in promo.pricing_policy");

	deconstruct_array(DatumGetArrayTypeP(column(0, 3, &null)), INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE,
					  &elements, &nulls, &count);
	work->customers = palloc(sizeof(int64) * (count + 1));
	for (i = 0; i < count; i++)
		work->customers[i] = nulls[i] ? 0 : DatumGetInt64(elements[i]);
	take_words(column(0, 4, &null), &cart->customer.segments);
	take_words(column(0, 5, &null), &cart->customer.tiers);
	stamp = column(0, 1, &null);
	promotions_open(null ? NULL : DatumGetUUIDP(stamp));
}

/* The codes of the cart that are in the tables; the rest is refused. */
static List *
gather_codes(QuoteWork *work, const char *order_id)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[4] = {TEXTARRAYOID, TIMESTAMPTZOID, TEXTOID, INT8ARRAYOID};
	char		nulls[5] = "    ";
	Datum		values[4];
	List	   *keys = NIL;
	List	   *typed = NIL;
	List	   *codes = NIL;
	ListCell   *cell;
	ListCell   *other;
	uint64		row = 0;
	int			place;

	foreach(cell, work->cart.codes)
	{
		char	   *key = coupon_code_key(lfirst(cell));

		foreach(other, keys)
			if (strcmp(lfirst(other), key) == 0)
				break;
		if (other != NULL)
			continue;
		keys = lappend(keys, key);
		typed = lappend(typed, lfirst(cell));
	}
	if (keys == NIL)
		return NIL;
	values[0] = texts_array(keys);
	values[1] = TimestampTzGetDatum(work->at);
	values[2] = order_id == NULL ? (Datum) 0 : CStringGetTextDatum(order_id);
	nulls[2] = order_id == NULL ? 'n' : ' ';
	values[3] = numbers_array(work->customers, list_length(work->cart.keys));
	(void) spi_read_kept(&plan, "SELECT k.place, c.code_id, c.promotion_id, c.kind <> 'shared',"
						 " CASE WHEN p.archived_at IS NOT NULL OR c.state = 'revoked' THEN 'inactive'"
						 "  WHEN c.customer_id IS NOT NULL AND NOT EXISTS (SELECT FROM promo.customer o"
						 "   WHERE o.customer_id = c.customer_id AND o.number = ANY ($4)) THEN 'not_yours'"
						 "  WHEN c.state = 'redeemed' AND c.order_id IS DISTINCT FROM $3 THEN 'usage_limit'"
						 "  WHEN c.state = 'reserved' AND c.order_id IS DISTINCT FROM $3 AND EXISTS ("
						 "   SELECT FROM promo.redemption_order o WHERE o.order_id = c.order_id AND o.expires_at > $2) THEN 'held'"
						 "  WHEN c.starts_at > $2 THEN 'not_started'"
						 "  WHEN c.ends_at <= $2 THEN 'expired' END"
						 " FROM unnest($1) WITH ORDINALITY k (key, place)"
						 " LEFT JOIN promo.coupon_code c ON c.key = k.key AND c.retired_at IS NULL"
						 " LEFT JOIN promo.promotion p ON p.promotion_id = c.promotion_id"
						 " ORDER BY k.place", 4, types, values, nulls);
	for (row = 0; row < SPI_processed; row++)
	{
		QuoteCode  *code = palloc0(sizeof(QuoteCode));
		char	   *reason = column_text(row, 5);
		bool		null;

		place = (int) column_int(row, 1) - 1;
		code->typed = list_nth(typed, place);
		code->id = column_int(row, 2);
		code->promotion_id = column_int(row, 3);
		code->single = DatumGetBool(column(row, 4, &null)) && !null;
		code->refused = code->id == 0 ? REASON_UNKNOWN_CODE : reason == NULL ? REASON_NONE : reason_of(reason);
		codes = lappend(codes, code);
	}
	return codes;
}

static void
refuse(QuoteWork *work, const QuoteCode *code, Reason reason)
{
	CartRefusal *refusal = palloc0(sizeof(CartRefusal));

	refusal->code = code->typed;
	refusal->reason = reason;
	work->quotation.refused = lappend(work->quotation.refused, refusal);
}

static void
add_offer(QuoteWork *work, const ActivePromotion *promotion, const QuoteCode *code)
{
	Offer	   *offer = &work->quotation.offers[work->quotation.count++];
	QuoteSource *source = palloc(sizeof(QuoteSource));

	source->promotion = promotion;
	source->code = code;
	memset(offer, 0, sizeof(*offer));
	offer->definition = &promotion->definition;
	offer->version = promotion->version;
	offer->code = code == NULL ? NULL : code->typed;
	offer->refused = code == NULL ? REASON_NONE : code->refused;
	offer->source = source;
}

static int
compare_offers(const void *a, const void *b)
{
	const QuoteSource *left = ((const Offer *) a)->source;
	const QuoteSource *right = ((const Offer *) b)->source;

	return left->promotion->rank < right->promotion->rank ? -1 : left->promotion->rank > right->promotion->rank;
}

/*
 * Promotions that apply without a code, and those of the cart's codes: of
 * several codes of one promotion the first that holds, of others that hold it
 * is said that there is no room for them.
 */
static void
gather_offers(QuoteWork *work, const List *codes)
{
	Quotation  *quotation = &work->quotation;
	const ActivePromotion **automatic;
	ListCell   *cell;
	int			count;
	int			i;

	automatic = promotions_for(&work->cart.cart, &count);
	quotation->offers = palloc_extended(sizeof(Offer) * (count + list_length(codes) + 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < count; i++)
		add_offer(work, automatic[i], NULL);
	foreach(cell, codes)
	{
		const QuoteCode *code = lfirst(cell);
		const ActivePromotion *promotion = code->promotion_id == 0 ? NULL : promotion_at_hand(code->promotion_id);

		if (promotion == NULL || !promotion->definition.promotion.needs_code)
		{
			refuse(work, code, code->id == 0 ? REASON_UNKNOWN_CODE : REASON_INACTIVE);
			continue;
		}
		for (i = count; i < quotation->count; i++)
			if (((QuoteSource *) quotation->offers[i].source)->promotion == promotion)
				break;
		if (i == quotation->count)
			add_offer(work, promotion, code);
		else if (quotation->offers[i].refused != REASON_NONE)
		{
			/* The first one does not hold, perhaps this one does. */
			QuoteSource *source = quotation->offers[i].source;

			refuse(work, source->code, source->code->refused);
			source->code = code;
			quotation->offers[i].code = code->typed;
			quotation->offers[i].refused = code->refused;
		}
		else
			refuse(work, code, code->refused != REASON_NONE ? code->refused : REASON_GROUP_FULL);
	}
	qsort(quotation->offers, quotation->count, sizeof(Offer), compare_offers);
}

static int
period_number(const char *period)
{
	int			i;

	for (i = 1; period != NULL && i < USAGE_PERIODS; i++)
		if (strcmp(usage_period_names[i], period) == 0)
			return i;
	return 0;
}

/* The limits of all offers, and what is used of each */
static void
gather_limits(QuoteWork *work)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[5] = {INT8ARRAYOID, TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID};
	const Quotation *quotation = &work->quotation;
	int64	   *promotions = palloc(sizeof(int64) * (quotation->count + 1));
	int64	   *codes = palloc(sizeof(int64) * (quotation->count + 1));
	List	   *campaigns = NIL;
	int			promotion_count = 0;
	int			code_count = 0;
	Datum		values[5];
	uint64		row;
	int			i;

	for (i = 0; i < quotation->count; i++)
	{
		const QuoteSource *source = quotation->offers[i].source;
		const Definition *definition = &source->promotion->definition;
		ListCell   *cell;

		if (definition->limits.count > 0)
			promotions[promotion_count++] = source->promotion->id;
		if (source->code != NULL && !source->code->single)
			codes[code_count++] = source->code->id;
		foreach(cell, campaigns)
			if (definition->campaign != NULL && strcmp(lfirst(cell), definition->campaign) == 0)
				break;
		if (definition->campaign != NULL && cell == NULL)
			campaigns = lappend(campaigns, definition->campaign);
	}
	if (promotion_count == 0 && code_count == 0 && campaigns == NIL)
		return;
	values[0] = numbers_array(promotions, promotion_count);
	values[1] = texts_array(campaigns);
	values[2] = numbers_array(codes, code_count);
	values[3] = numbers_array(work->customers, list_length(work->cart.keys));
	values[4] = TimestampTzGetDatum(work->at);
	(void) spi_read_kept(&plan, "SELECT l.limit_id, l.promotion_id, l.campaign, l.code_id, l.counts, l.period,"
						 " w.period_start, l.most, l.currency, l.exponent::bigint, l.slots::bigint, coalesce(s.used, c.used, 0), coalesce(s.held, c.held, 0)"
						 " FROM (SELECT * FROM promo.usage_limit l WHERE l.promotion_id = ANY ($1) AND l.ended_at IS NULL"
						 "  UNION ALL SELECT * FROM promo.usage_limit l WHERE l.campaign = ANY ($2) AND l.ended_at IS NULL"
						 "  UNION ALL SELECT * FROM promo.usage_limit l WHERE l.code_id = ANY ($3) AND l.ended_at IS NULL) l"
						 " CROSS JOIN LATERAL (SELECT CASE WHEN l.period IS NULL THEN '-infinity'"
						 "  ELSE date_trunc(l.period, $5 AT TIME ZONE l.time_zone)::date END AS period_start) w"
						 " CROSS JOIN LATERAL (SELECT sum(s.used + s.reserved)::bigint AS used, sum(s.reserved)::bigint AS held"
						 "  FROM promo.usage_slot s WHERE l.counts <> 'customer' AND s.limit_id = l.limit_id"
						 "   AND s.period_start = w.period_start) s"
						 " CROSS JOIN LATERAL (SELECT max(c.used + c.reserved) AS used, max(c.reserved) AS held"
						 "  FROM promo.usage_customer c WHERE l.counts = 'customer' AND c.limit_id = l.limit_id"
						 "   AND c.period_start = w.period_start AND c.customer_id = ANY ($4)) c"
						 " ORDER BY l.limit_id", 5, types, values, NULL);
	work->limits = palloc0(sizeof(QuoteLimit) * (SPI_processed + 1));
	for (row = 0; row < SPI_processed; row++)
	{
		QuoteLimit *limit = &work->limits[work->limit_count++];
		char	   *counts = column_text(row, 5);
		bool		null;

		limit->id = column_int(row, 1);
		limit->promotion_id = column_int(row, 2);
		limit->campaign = column_text(row, 3);
		limit->code_id = column_int(row, 4);
		limit->counts = strcmp(counts, "uses") == 0 ? LIMIT_USES : strcmp(counts, "money") == 0 ? LIMIT_MONEY :
			LIMIT_CUSTOMER;
		limit->period = period_number(column_text(row, 6));
		limit->period_start = DatumGetDateADT(column(row, 7, &null));
		limit->most = column_int(row, 8);
		limit->currency = column_text(row, 9);
		limit->exponent = column_int(row, 10);
		limit->slots = column_int(row, 11);
		limit->used = column_int(row, 12);
		limit->held = column_int(row, 13);
	}
}

/* What a limit of a campaign or code says, beside the promotion's own */
static void
add_further(CartUsage *usage, const QuoteLimit *limit)
{
	PriceLimit *further;

	usage->limits = usage->limit_count == 0 ? palloc(sizeof(PriceLimit)) :
		repalloc(usage->limits, sizeof(PriceLimit) * (usage->limit_count + 1));
	further = &usage->limits[usage->limit_count++];
	memset(further, 0, sizeof(*further));
	further->reason = limit->counts == LIMIT_MONEY ? REASON_BUDGET :
		limit->period > 0 ? REASON_PERIOD_LIMIT :
		limit->counts == LIMIT_CUSTOMER ? REASON_CUSTOMER_LIMIT :
		limit->used >= limit->most && limit->used - limit->held < limit->most ? REASON_HELD : REASON_USAGE_LIMIT;
	further->per_customer = limit->counts == LIMIT_CUSTOMER;
	further->most = limit->most;
	further->used = limit->used;
}

static void
add_own(CartUsage *usage, const QuoteLimit *limit)
{
	UsageCounts *counts = &usage->counts[limit->period];

	if (limit->counts == LIMIT_USES)
		counts->total = limit->used;
	else if (limit->counts == LIMIT_CUSTOMER)
		counts->customer = limit->used;
	else
		counts->money = decimal_of(limit->used, (int) limit->exponent);
	if (limit->counts == LIMIT_USES && limit->period == 0)
		usage->held = limit->held;
}

/* Hands the limits to the offers that they are of. */
static void
spread_limits(QuoteWork *work)
{
	const char *currency = word_cstring(&work->cart.cart.currency);
	int			i;
	int			j;

	for (i = 0; i < work->quotation.count; i++)
	{
		Offer	   *offer = &work->quotation.offers[i];
		const QuoteSource *source = offer->source;
		CartUsage  *usage = NULL;

		for (j = 0; j < work->limit_count; j++)
		{
			const QuoteLimit *limit = &work->limits[j];
			bool		own = limit->promotion_id == source->promotion->id;
			bool		further = limit->campaign != NULL ?
				offer->definition->campaign != NULL && strcmp(limit->campaign, offer->definition->campaign) == 0 :
				limit->code_id != 0 && source->code != NULL && limit->code_id == source->code->id;

			/* A budget in another currency is not this cart's to spend. */
			if (!own && (!further || (limit->currency != NULL && strcmp(limit->currency, currency) != 0)))
				continue;
			if (usage == NULL)
			{
				usage = palloc0(sizeof(CartUsage));
				usage->promotion = offer->definition->name;
			}
			if (own)
				add_own(usage, limit);
			else
				add_further(usage, limit);
		}
		offer->usage = usage;
	}
}

void
quote_gather(const Jsonb *json, TimestampTz at, const char *order_id, QuoteWork *work)
{
	JsonFaults	faults;
	JsonReader	reader;

	memset(work, 0, sizeof(*work));
	work->at = at;
	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	cart_read(&reader, false, &work->cart);
	json_faults_raise(&faults, "cart");
	work->cart.cart.now = at;
	work->cart.cart.now_known = true;
	gather_setting(work);
	gather_offers(work, gather_codes(work, order_id));
	gather_limits(work);
	spread_limits(work);
	work->quotation.cart = &work->cart;
	work->quotation.policy = &work->policy;
}

/* What quote() and the like take */
TimestampTz
quote_at(FunctionCallInfo fcinfo, const char *name)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cart and at of %s() must not be null", name)));
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("at must be finite")));
	return PG_GETARG_TIMESTAMPTZ(1);
}

PG_FUNCTION_INFO_V1(promo_quote);

/*
 * quote(cart jsonb, at timestamptz) returns jsonb
 */
Datum
promo_quote(PG_FUNCTION_ARGS)
{
	TimestampTz at = quote_at(fcinfo, "quote");
	Jsonb	   *json = PG_GETARG_JSONB_P(0);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	QuoteWork	work;
	Jsonb	   *answer;

	spi_check(SPI_connect(), "SPI_connect");
	quote_gather(json, at, NULL, &work);
	quotation_price(&work.quotation);
	old = MemoryContextSwitchTo(caller);
	answer = quotation_json(&work.quotation);
	MemoryContextSwitchTo(old);
	promotions_close();
	SPI_finish();
	PG_RETURN_JSONB_P(answer);
}
