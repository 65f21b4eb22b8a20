/*-------------------------------------------------------------------------
 *
 * pg_action.h
 *	  Actions of promotions, from jsonb.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_ACTION_H
#define PROMO_PG_ACTION_H

#include "coupon/promotion.h"
#include "pg/json.h"

/* What an action of kind issue_code gives a code for */
typedef struct IssueTerms
{
	int			action;			/* its place among the promotion's actions */
	char	   *promotion;		/* whose code it is; NULL where reward says it */
	Jsonb	   *reward;			/* the action of a promotion made for it */
} IssueTerms;

/*
 * Reads the actions under the key, an array, each {"type": ...}.  issues gets
 * a list of IssueTerms.
 */
extern void actions_read(JsonReader *reader, const char *key, Promotion *promotion, List **issues);

#endif							/* PROMO_PG_ACTION_H */
