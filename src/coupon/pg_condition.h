/*-------------------------------------------------------------------------
 *
 * pg_condition.h
 *	  Conditions of promotions, and the lines they select, from jsonb.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_CONDITION_H
#define PROMO_PG_CONDITION_H

#include "coupon/promotion.h"
#include "pg/json.h"

/*
 * Reads the conditions under the key: an array, each {"type": ...} or a tree
 * as {"any": [...]}.
 */
extern void conditions_read(JsonReader *reader, const char *key, Promotion *promotion);

/* Reads a selection of lines under the key; NULL stays where there is none. */
extern void select_read(JsonReader *reader, const char *key, const Select **target);

/*
 * One of an enum's names.  The number of the name in the list, or present
 * where the key is missing or wrong.
 */
extern int	enum_read(JsonReader *reader, const char *key, const char *const names[], int count,
					  int present);

#endif							/* PROMO_PG_CONDITION_H */
