/*-------------------------------------------------------------------------
 *
 * pg_limits.c
 *	  Limits of promotions, campaigns and codes: their definition, as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "coupon/pg_coupon.h"
#include "coupon/pg_limits.h"
#include "pg/spi.h"
#include "pg/zone.h"

#define LIMIT_SLOTS_MOST 64

static const char *const counts_words[] = {"uses", "money", "customer"};

void
currency_terms_read(JsonReader *reader, const char *key, CurrencyTerms *currency)
{
	JsonReader	object;

	currency->code = NULL;
	currency->exponent = -1;
	if (!json_read_object(reader, key, &object))
		return;
	json_need(&object, "code");
	if (json_read_text(&object, "code", &currency->code) &&
		(strlen(currency->code) != 3 || strspn(currency->code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3))
		json_fault(reader->faults, json_path(&object, "code"),
				   "must be three capital letters, as of ISO 4217, not \"%.60s\"", currency->code);
	json_need(&object, "exponent");
	json_read_int(&object, "exponent", 0, 4, &currency->exponent);
	json_close(&object);
}

static LimitTerms *
add_limit(JsonReader *reader, Limits *limits, const char *key, LimitCounts counts, const char *period)
{
	LimitTerms *limit = &limits->limit[limits->count++];

	limit->counts = counts;
	limit->period = period;
	limit->path = json_path(reader, key);
	return limit;
}

/* The three counts of an object */
static void
read_counts(JsonReader *reader, Limits *limits, const char *period)
{
	int64		most;
	Decimal		budget;

	if (json_read_int(reader, "total", 0, LIMIT_USES_MOST, &most))
		add_limit(reader, limits, "total", LIMIT_USES, period)->most = most;
	if (json_read_int(reader, "per_customer", 0, LIMIT_USES_MOST, &most))
		add_limit(reader, limits, "per_customer", LIMIT_CUSTOMER, period)->most = most;
	if (json_read_exact(reader, "budget", 0, LIMIT_MONEY_MOST, &budget))
		add_limit(reader, limits, "budget", LIMIT_MONEY, period)->budget = budget;
}

static void
read_periods(JsonReader *reader, Limits *limits)
{
	static const char *const periods[] = {"day", "week", "month", "year"};
	bool		seen[lengthof(periods)] = {false};
	List	   *children;
	ListCell   *cell;

	if (!json_read_objects(reader, "periods", &children))
		return;
	foreach(cell, children)
	{
		JsonReader *child = lfirst(cell);
		const char *period = NULL;
		int			before = limits->count;
		int			i;

		json_need(child, "period");
		json_read_word(child, "period", periods, lengthof(periods), &period);
		for (i = 0; i < (int) lengthof(periods); i++)
			if (period == periods[i] && seen[i])
			{
				json_fault(reader->faults, json_path(child, "period"), "is \"%s\" for the second time", period);
				period = NULL;
			}
			else if (period == periods[i])
				seen[i] = true;
		if (period != NULL)
		{
			read_counts(child, limits, period);
			if (limits->count == before && reader->faults->count == 0)
				json_fault(reader->faults, child->path, "must have total, per_customer or budget");
			json_close(child);
		}
	}
}

void
limits_start(Limits *limits)
{
	limits->count = 0;
	limits->limit = palloc0(sizeof(LimitTerms) * LIMITS_MOST);
	limits->time_zone = "UTC";
	limits->slots = 1;
}

void
limits_read(JsonReader *reader, Limits *limits)
{
	limits_start(limits);
	read_counts(reader, limits, NULL);
	read_periods(reader, limits);
	if (json_read_text(reader, "time_zone", &limits->time_zone) && !pg_zone_is_known(limits->time_zone))
		json_fault(reader->faults, json_path(reader, "time_zone"),
				   "must be one of pg_timezone_names, not \"%.60s\"", limits->time_zone);
	json_read_int(reader, "slots", 1, LIMIT_SLOTS_MOST, &limits->slots);
	json_close(reader);
}

int64
limit_budget_units(JsonFaults *faults, const LimitTerms *limit, const CurrencyTerms *currency)
{
	int64		units = 0;

	if (currency->code == NULL || currency->exponent < 0)
		json_fault(faults, limit->path,
				   "needs a currency, as \"currency\": {\"code\": \"EUR\", \"exponent\": 2}");
	else if (!decimal_units(&limit->budget, (int) currency->exponent, ROUND_NONE, &units))
		json_fault(faults, limit->path, "must have at most %d decimals, as its currency",
				   (int) currency->exponent);
	return units;
}

void
limits_store(int64 promotion_id, const char *campaign, int64 code_id, JsonFaults *faults,
			 const Limits *limits, const CurrencyTerms *currency)
{
	static const Oid types[10] = {INT8OID, TEXTOID, INT8OID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID,
	TEXTOID, TEXTOID, INT4OID, INT4OID};
	Datum		counts[LIMITS_MOST];
	Datum		periods[LIMITS_MOST];
	Datum		most[LIMITS_MOST];
	char		nulls[11] = "          ";
	Datum		values[10];
	int			i;

	for (i = 0; i < limits->count; i++)
	{
		const LimitTerms *limit = &limits->limit[i];

		counts[i] = CStringGetTextDatum(counts_words[limit->counts]);
		periods[i] = CStringGetTextDatum(limit->period == NULL ? "" : limit->period);
		most[i] = Int64GetDatum(limit->counts == LIMIT_MONEY ? limit_budget_units(faults, limit, currency) :
								limit->most);
	}
	values[0] = Int64GetDatum(promotion_id);
	nulls[0] = promotion_id == 0 ? 'n' : ' ';
	values[1] = campaign == NULL ? (Datum) 0 : CStringGetTextDatum(campaign);
	nulls[1] = campaign == NULL ? 'n' : ' ';
	values[2] = Int64GetDatum(code_id);
	nulls[2] = code_id == 0 ? 'n' : ' ';
	values[3] = PointerGetDatum(construct_array(counts, limits->count, TEXTOID, -1, false, TYPALIGN_INT));
	values[4] = PointerGetDatum(construct_array(periods, limits->count, TEXTOID, -1, false, TYPALIGN_INT));
	values[5] = PointerGetDatum(construct_array(most, limits->count, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
	values[6] = CStringGetTextDatum(limits->time_zone);
	values[7] = currency->code == NULL ? (Datum) 0 : CStringGetTextDatum(currency->code);
	nulls[7] = currency->code == NULL ? 'n' : ' ';
	values[8] = Int32GetDatum((int32) currency->exponent);
	nulls[8] = currency->code == NULL ? 'n' : ' ';
	values[9] = Int32GetDatum((int32) limits->slots);
	(void) spi_run("SELECT promo.limits_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
				   10, types, values, nulls);
}

/* Reads limits that stand for themselves, with their currency inside; raises the faults. */
static void
read_own_limits(const Jsonb *json, Limits *limits, CurrencyTerms *currency)
{
	JsonFaults	faults;
	JsonReader	reader;
	int			i;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	currency_terms_read(&reader, "currency", currency);
	limits_read(&reader, limits);
	for (i = 0; i < limits->count; i++)
		if (limits->limit[i].counts == LIMIT_MONEY)
			(void) limit_budget_units(&faults, &limits->limit[i], currency);
	json_faults_raise(&faults, "limits");
}

PG_FUNCTION_INFO_V1(promo_limit_campaign);

/*
 * limit_campaign(campaign text, limits jsonb) returns void
 */
Datum
promo_limit_campaign(PG_FUNCTION_ARGS)
{
	char	   *campaign = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CurrencyTerms currency;
	Limits		limits;
	JsonFaults	faults;

	if (campaign[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("campaign must not be empty")));
	read_own_limits(PG_GETARG_JSONB_P(1), &limits, &currency);
	json_faults_start(&faults);
	spi_check(SPI_connect(), "SPI_connect");
	limits_store(0, campaign, 0, &faults, &limits, &currency);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(promo_limit_code);

/*
 * limit_code(code text, limits jsonb) returns void
 */
Datum
promo_limit_code(PG_FUNCTION_ARGS)
{
	static const Oid types[1] = {TEXTOID};
	char	   *code = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CurrencyTerms currency;
	Limits		limits;
	JsonFaults	faults;
	Datum		key;
	bool		null;

	read_own_limits(PG_GETARG_JSONB_P(1), &limits, &currency);
	json_faults_start(&faults);
	spi_check(SPI_connect(), "SPI_connect");
	key = CStringGetTextDatum(coupon_code_key(code));
	if (spi_run("SELECT c.code_id, c.kind = 'shared' FROM promo.coupon_code c"
				" WHERE c.key = $1 AND c.retired_at IS NULL FOR SHARE", 1, types, &key, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("code \"%s\" does not exist", code)));
	if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("code \"%s\" is for one use", code),
				 errdetail("Limits are of shared codes.")));
	limits_store(0, NULL,
				 DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null)),
				 &faults, &limits, &currency);
	SPI_finish();
	PG_RETURN_VOID();
}
