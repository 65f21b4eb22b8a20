/*-------------------------------------------------------------------------
 *
 * pg_words.h
 *	  Texts, lists of texts, exact numbers and attributes of jsonb, as pricing
 *	  takes them.
 *
 * Each reader notes faults as those of pg/json.h do, and leaves the target
 * alone where the key is missing or its value is wrong.  What is read lives in
 * the current context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PG_WORDS_H
#define PROMO_PG_WORDS_H

#include "coupon/cart.h"
#include "pg/json.h"

/* Amounts and prices in major units, whole numbers of things, lists */
#define AMOUNT_MOST INT64CONST(100000000000000)
#define COUNT_MOST INT64CONST(1000000000)
#define WORDS_MOST 10000

/* Decimals of an amount, and of a price or percentage */
#define AMOUNT_DECIMALS CURRENCY_EXPONENT_MOST
#define PRICE_DECIMALS (CURRENCY_EXPONENT_MOST + UNIT_PRICE_DECIMALS)

extern Word word_of(const char *text);
extern char *word_cstring(const Word *word);

extern bool words_read_one(JsonReader *reader, const char *key, Word *target);
extern bool words_read(JsonReader *reader, const char *key, WordSet *target);

/* The same in a set of its own; NULL stays where the key is missing. */
extern void words_read_new(JsonReader *reader, const char *key, const WordSet **target);

/* A number of at most so many decimals */
extern bool exact_read(JsonReader *reader, const char *key, int64 least, int64 most, int decimals,
					   Decimal *target);

/* The same in a place of its own */
extern void exact_read_new(JsonReader *reader, const char *key, int64 least, int64 most, int decimals,
						   const Decimal **target);

/*
 * A value of an attribute: a text, a number, true or false, a list of texts.
 * Otherwise false, without a fault.
 */
extern bool value_take(const JsonbValue *json, Value *value);

/* An object of attributes by name */
extern void facts_read(JsonReader *reader, const char *key, Facts *facts);

#endif							/* PROMO_PG_WORDS_H */
