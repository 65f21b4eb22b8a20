/*-------------------------------------------------------------------------
 *
 * pg_limits.h
 *	  Limits of promotions, campaigns and codes: their definition, as jsonb.
 *
 * The object of limits holds how many uses there are, how many for each
 * customer, and how much money, for ever and in each period:
 *
 *		{"total": 1000, "per_customer": 1, "budget": "5000.00",
 *		 "periods": [{"period": "day", "total": 100}, ...],
 *		 "time_zone": "Europe/Berlin", "slots": 8}
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_LIMITS_H
#define PROMO_PG_LIMITS_H

#include "core/money.h"
#include "pg/json.h"

/* What one definition may hold: three counts, for ever and in four periods */
#define LIMITS_MOST 15

/* As the tables have it: uses, budgets in the smallest units */
#define LIMIT_USES_MOST INT64CONST(1000000000000)
#define LIMIT_MONEY_MOST INT64CONST(100000000000000)

typedef enum LimitCounts
{
	LIMIT_USES,
	LIMIT_MONEY,
	LIMIT_CUSTOMER
} LimitCounts;

typedef struct LimitTerms
{
	LimitCounts counts;
	const char *period;			/* day, week, month, year; NULL for ever */
	int64		most;			/* of uses */
	Decimal		budget;			/* of money, in the currency's main unit */
	const char *path;			/* where it stands in the JSON */
} LimitTerms;

typedef struct Limits
{
	int			count;
	LimitTerms *limit;			/* room for LIMITS_MOST while it is read */
	char	   *time_zone;		/* "UTC" where nothing is said */
	int64		slots;
} Limits;

/* A currency; code is NULL where none was given. */
typedef struct CurrencyTerms
{
	char	   *code;
	int64		exponent;		/* -1 where it was not given */
} CurrencyTerms;

/* Reads {"code": ..., "exponent": ...} under the key, where it is there. */
extern void currency_terms_read(JsonReader *reader, const char *key, CurrencyTerms *currency);

/* None */
extern void limits_start(Limits *limits);

/* Reads the object of limits, and closes it. */
extern void limits_read(JsonReader *reader, Limits *limits);

/*
 * The budget in the smallest units of the currency.  A fault where it has more
 * decimals than the currency, and where the currency is not known.
 */
extern int64 limit_budget_units(JsonFaults *faults, const LimitTerms *limit,
								const CurrencyTerms *currency);

/*
 * Stores the limits of a promotion, a campaign (NULL for none) or a code (0,
 * as of promotions, for none) in place of those it had; what is used stays
 * counted.  Inside an SPI connection.
 */
extern void limits_store(int64 promotion_id, const char *campaign, int64 code_id,
						 JsonFaults *faults, const Limits *limits, const CurrencyTerms *currency);

#endif							/* PROMO_PG_LIMITS_H */
