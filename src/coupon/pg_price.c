/*-------------------------------------------------------------------------
 *
 * pg_price.c
 *	  Pricing a cart under definitions that are given, without any table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "coupon/pg_coupon.h"
#include "coupon/pg_outcome.h"
#include "coupon/share.h"
#include "pg/memory.h"

/* Shares of one amount at most */
#define ALLOCATE_MOST 100000

/* Definitions and a policy as a call site read them last */
typedef struct PriceSite
{
	MemoryContext context;
	Jsonb	   *promotions;
	Jsonb	   *json_policy;
	int			count;
	Definition *definitions;
	PolicyTerms policy;
} PriceSite;

static void
read_promotions(JsonFaults *faults, Jsonb *json, PriceSite *site)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	int			i;

	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
	{
		json_fault(faults, "promotions", "must be an array of objects");
		return;
	}
	site->definitions = palloc0(sizeof(Definition) * (JB_ROOT_COUNT(json) + 1));
	iterator = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		Definition *definition = &site->definitions[site->count];
		char	   *path;
		JsonReader	reader;

		if (token != WJB_ELEM)
			continue;
		CHECK_FOR_INTERRUPTS();
		path = psprintf("promotions[%d]", site->count);
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
		{
			json_fault(faults, path, "must be an object");
			site->count++;
			continue;
		}
		json_open_container(&reader, faults, path, value.val.binary.data);
		definition_read(&reader, definition);
		for (i = 0; i < site->count; i++)
			if (definition->name != NULL && site->definitions[i].name != NULL &&
				strcmp(definition->name, site->definitions[i].name) == 0)
				json_fault(faults, json_path(&reader, "name"), "is \"%.60s\" for the second time",
						   definition->name);
		site->count++;
	}
}

static bool
is_same(const Jsonb *a, const Jsonb *b)
{
	return a != NULL && VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static Jsonb *
copy_json(const Jsonb *json)
{
	Jsonb	   *copy = palloc(VARSIZE(json));

	memcpy(copy, json, VARSIZE(json));
	return copy;
}

/*
 * The definitions and policy, read anew where they are others than those of
 * the call before.
 */
static PriceSite *
open_site(FunctionCallInfo fcinfo, JsonFaults *faults, Jsonb *promotions, Jsonb *policy)
{
	PriceSite  *site = fcinfo->flinfo->fn_extra;
	MemoryContext context;
	MemoryContext old;
	JsonReader	reader;

	if (site != NULL && is_same(site->promotions, promotions) && is_same(site->json_policy, policy))
		return site;
	fcinfo->flinfo->fn_extra = NULL;
	if (site != NULL)
		MemoryContextDelete(site->context);
	context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "promo price_cart", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	site = palloc0(sizeof(PriceSite));
	site->context = context;
	site->promotions = copy_json(promotions);
	site->json_policy = copy_json(policy);
	read_promotions(faults, site->promotions, site);
	json_open(&reader, faults, "policy", site->json_policy);
	policy_read(&reader, &site->policy);
	MemoryContextSwitchTo(old);
	return site;
}

/* Whether two codes are the same, under the policy */
static bool
code_matches(const PolicyTerms *policy, const char *a, const char *b)
{
	return policy->exact_codes ? strcmp(a, b) == 0 :
		strcmp(coupon_code_key(a), coupon_code_key(b)) == 0;
}

/* The code of the cart that is the promotion's, as typed first; NULL for none */
static const char *
code_typed(const PriceSite *site, const CartTerms *cart, const char *code)
{
	ListCell   *cell;

	foreach(cell, cart->codes)
		if (code_matches(&site->policy, lfirst(cell), code))
			return lfirst(cell);
	return NULL;
}

static CartRefusal *
refusal_new(char *code, Reason reason)
{
	CartRefusal *refusal = palloc0(sizeof(CartRefusal));

	refusal->code = code;
	refusal->reason = reason;
	return refusal;
}

/* Codes of the cart that no promotion has, each once, with why they are refused */
static List *
other_codes(const PriceSite *site, const CartTerms *cart)
{
	List	   *others = NIL;
	ListCell   *cell;
	ListCell   *other;
	int			i;

	foreach(cell, cart->codes)
	{
		char	   *code = lfirst(cell);
		Reason		reason = REASON_UNKNOWN_CODE;
		bool		known = false;

		for (i = 0; i < site->count && !known; i++)
			known = site->definitions[i].code != NULL &&
				code_matches(&site->policy, site->definitions[i].code, code);
		foreach(other, others)
			known = known || code_matches(&site->policy, ((CartRefusal *) lfirst(other))->code, code);
		foreach(other, cart->refused)
		{
			const CartRefusal *refusal = lfirst(other);

			if (!code_matches(&site->policy, refusal->code, code))
				continue;
			known = known || refusal->promotion != NULL;
			reason = refusal->reason;
		}
		if (!known)
			others = lappend(others, refusal_new(code, reason));
	}
	return others;
}

/* Why a code of the cart that the promotion would apply by does not hold */
static const CartRefusal *
refusal_of(const CartTerms *cart, const char *promotion)
{
	ListCell   *cell;

	foreach(cell, cart->refused)
	{
		const CartRefusal *refusal = lfirst(cell);

		if (refusal->promotion != NULL && strcmp(refusal->promotion, promotion) == 0)
			return refusal;
	}
	return NULL;
}

PG_FUNCTION_INFO_V1(promo_price_cart);

/*
 * price_cart(cart jsonb, promotions jsonb, policy jsonb) returns jsonb
 *
 * Promotions that need a code that the cart has not are left out.
 */
Datum
promo_price_cart(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = PG_GETARG_JSONB_P(0);
	Jsonb	   *promotions = PG_GETARG_JSONB_P(1);
	Jsonb	   *policy = PG_GETARG_JSONB_P(2);
	static WarmContext warm = {.name = "promo cart"};
	MemoryContext old = MemoryContextSwitchTo(warm_open(&warm));
	Quotation	quotation = {0};
	CartTerms	cart;
	JsonFaults	faults;
	JsonReader	reader;
	PriceSite  *site;
	Jsonb	   *answer;
	int			i;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	cart_read(&reader, true, &cart);
	site = open_site(fcinfo, &faults, promotions, policy);
	json_faults_raise(&faults, "cart, promotions or policy");
	fcinfo->flinfo->fn_extra = site;

	quotation.cart = &cart;
	quotation.policy = &site->policy;
	quotation.refused = other_codes(site, &cart);
	quotation.offers = palloc0(sizeof(Offer) * (site->count + 1));
	for (i = 0; i < site->count; i++)
	{
		const Definition *definition = &site->definitions[i];
		Offer	   *offer = &quotation.offers[quotation.count];

		if (definition->promotion.needs_code)
		{
			const CartRefusal *refusal;

			if (definition->code != NULL)
				offer->code = code_typed(site, &cart, definition->code);
			refusal = refusal_of(&cart, definition->name);
			if (refusal != NULL)
			{
				offer->code = refusal->code;
				offer->refused = refusal->reason;
			}
			if (offer->code == NULL)
				continue;
		}
		offer->definition = definition;
		offer->version = (int) definition->version;
		offer->usage = cart_usage(&cart, definition->name);
		quotation.count++;
	}
	quotation_price(&quotation);
	MemoryContextSwitchTo(old);
	answer = quotation_json(&quotation);
	warm_close(&warm);
	PG_RETURN_JSONB_P(answer);
}

static void
refuse_amount(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be numbers of 0 or more", what)));
}

/* A numeric of 0 or more as an exact decimal */
static Decimal
amount_of(Datum numeric, const char *what)
{
	char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out, numeric));
	Decimal		number;

	if (!decimal_read(digits, strlen(digits), &number) || number.digits < 0)
		refuse_amount(what);
	return number;
}

PG_FUNCTION_INFO_V1(promo_allocate);

/*
 * allocate(amount numeric, weights numeric[], exponent int) returns numeric[]
 *
 * Weights are taken with as many decimals as the one that has most.
 */
Datum
promo_allocate(PG_FUNCTION_ARGS)
{
	Decimal		amount = amount_of(PG_GETARG_DATUM(0), "amount and weights");
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	int			exponent = PG_GETARG_INT32(2);
	Memory		memory = pg_memory(CurrentMemoryContext);
	Datum	   *elements;
	bool	   *nulls;
	Decimal    *weights;
	int64_t    *units;
	int64_t    *shares;
	ShareSpace *space;
	int64_t		total;
	__int128	sum = 0;
	int			scale = 0;
	int			count;
	int			i;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("weights must be an array of one dimension")));
	if (exponent < 0 || exponent > CURRENCY_EXPONENT_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exponent must be from 0 to %d", CURRENCY_EXPONENT_MOST)));
	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (count < 1 || count > ALLOCATE_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there must be from 1 to %d weights", ALLOCATE_MOST)));
	if (!decimal_units(&amount, exponent, ROUND_NONE, &total))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount must have at most %d decimals, and fit into 64 bits", exponent)));
	weights = palloc(sizeof(Decimal) * count);
	units = palloc(sizeof(int64_t) * count);
	shares = palloc0(sizeof(int64_t) * count);
	for (i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("weights must not be null")));
		weights[i] = amount_of(elements[i], "amount and weights");
		scale = Max(scale, weights[i].scale);
	}
	for (i = 0; i < count; i++)
	{
		bool		fits = decimal_units(&weights[i], scale, ROUND_NONE, &units[i]);

		sum += fits ? units[i] : 0;
		if (!fits || sum > INT64_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("weights have too many digits")));
	}
	space = share_space(&memory, count);
	(void) share_out(space, total, units, NULL, count, shares);
	for (i = 0; i < count; i++)
	{
		char		text[DECIMAL_TEXT];

		(void) money_write(text, shares[i], exponent);
		elements[i] = DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
										  Int32GetDatum(-1));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, count, NUMERICOID, -1, false, TYPALIGN_INT));
}
