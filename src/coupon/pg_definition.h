/*-------------------------------------------------------------------------
 *
 * pg_definition.h
 *	  The definition of a promotion, as jsonb.
 *
 *		{"name": "spring",					or "id"; both must be the same
 *		 "code": "SPRING",					a shared code, and then
 *		 "needs_code": true,				is the default
 *		 "campaign": "easter", "active": true,
 *		 "lane": 0, "priority": 0, "starts_at": ..., "ends_at": ...,
 *		 "channels": [...], "currency": {"code": "EUR", "exponent": 2},
 *		 "exclusive": false, "stop_after": "nothing", "class": "order",
 *		 "groups": [{"name": "voucher", "most": 1}], "tags": [...],
 *		 "combines_with": [...], "base": "running",
 *		 "limits": {...},					pg_limits.h
 *		 "version": 3,						of quote_inputs()
 *		 "partial_budget": false, "budget_goods_only": false,
 *		 "claim": {"total": 1000, "valid_days": 30},		may be claimed
 *		 "restore_on_void": true, "honor_reservation_after_end": true,
 *		 "conditions": [...], "actions": [...]}		pg_condition.h, pg_action.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_DEFINITION_H
#define PROMO_PG_DEFINITION_H

#include "coupon/pg_action.h"
#include "coupon/pg_limits.h"
#include "coupon/price.h"

typedef struct Definition
{
	Promotion	promotion;
	char	   *name;
	char	   *code;			/* NULL for none */
	char	   *campaign;		/* NULL for none */
	int64		version;		/* 0 where it says none, as one that is defined */
	bool		active;
	CurrencyTerms currency;
	Limits		limits;
	bool		partial_budget; /* the last use takes what is left of a budget */
	bool		budget_goods_only;
	bool		restore_on_void;
	bool		may_be_claimed;
	int64		claims_most;	/* 0 for any number */
	int64		claim_days;		/* 0 for as long as the promotion lasts */
	bool		honor_reservation;	/* that was made before the end, after it */
	List	   *issues;			/* of IssueTerms */
} Definition;

/* Longest name of a promotion or campaign, and code, in bytes */
#define DEFINITION_NAME_MOST 200
#define DEFINITION_CODE_MOST 100

/* What follows a promotion's name in that of the reward that it issues codes of */
#define DEFINITION_REWARD " reward"

/*
 * Reads a definition, noting all its faults.  What was read lives in the
 * current context.
 */
extern void definition_read(JsonReader *reader, Definition *definition);

/* The name of the promotion that an action issues codes of */
extern const char *definition_issues_of(const Definition *definition, int action);

/*
 * Bytes of a definition beside the struct, and a copy that has them in one
 * place, aligned to 8.  Issues are in the current context, and have no rewards;
 * limits have no paths: only defining needs these.
 */
extern Size definition_size(const Definition *definition);
extern void definition_copy(const Definition *definition, void *place, Definition *copy);

/*
 * What a cart must have one of, or the promotion cannot apply: the kind (as
 * the table promotion has it) and its words.  Kind NULL where any cart will do.
 */
typedef struct DefinitionKey
{
	const char *kind;
	WordSet		words;
} DefinitionKey;

extern void definition_key(const Promotion *promotion, DefinitionKey *key);

/* The policy that carts are priced under: {"combine": ..., ...} */
typedef struct PolicyTerms
{
	PricePolicy price;
	bool		exact_codes;	/* "code_match" */
} PolicyTerms;

extern void policy_read(JsonReader *reader, PolicyTerms *policy);

#endif							/* PROMO_PG_DEFINITION_H */
