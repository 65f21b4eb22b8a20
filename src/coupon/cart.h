/*-------------------------------------------------------------------------
 *
 * cart.h
 *	  A cart, as pricing takes it: lines, shipping, and what is known of who
 *	  buys, where and when.
 *
 * A line keeps its quantity and is never taken apart into units.  Texts are
 * compared byte by byte; where letters' case should not matter, whoever fills
 * the structs makes it so.  Nothing here is copied or changed: all of it must
 * last as long as the call.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_CART_H
#define PROMO_CART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/money.h"

/* Decimals of a quantity, and units of it in one */
#define QUANTITY_SCALE 3
#define QUANTITY_ONE 1000

/* Most decimals of a currency, and of a unit price beyond those */
#define CURRENCY_EXPONENT_MOST 4
#define UNIT_PRICE_DECIMALS 4

/* Text without a final zero; of length 0 where there is none. */
typedef struct Word
{
	const char *text;
	size_t		length;
} Word;

/* Words in the order of word_compare, each once */
typedef struct WordSet
{
	int			count;
	const Word *word;
} WordSet;

/* Shorter ones first, then by their bytes */
extern int	word_compare(const Word *a, const Word *b);

static inline bool
word_equal(const Word *a, const Word *b)
{
	return a->length == b->length && word_compare(a, b) == 0;
}

/* Sorts words in place and drops repeated ones; gives how many are left. */
extern int	word_set_sort(Word *words, int count);

extern bool word_set_has(const WordSet *set, const Word *word);

/* Whether any word is in both; NULL is the empty set. */
extern bool word_set_meet(const WordSet *a, const WordSet *b);

typedef enum
{
	VALUE_TEXT,
	VALUE_NUMBER,
	VALUE_TRUTH,
	VALUE_TIME,					/* microseconds since 2000-01-01 UTC */
	VALUE_TEXTS					/* a list */
} ValueKind;

typedef struct Value
{
	ValueKind	kind;
	Word		text;
	Decimal		number;
	bool		truth;
	int64_t		time;
	WordSet		texts;
} Value;

/* What is known beyond the fields below, by name */
typedef struct Fact
{
	Word		name;
	Value		value;
} Fact;

typedef struct Facts
{
	int			count;
	const Fact *fact;			/* in the order of word_compare of the names */
} Facts;

/* NULL where it is not known */
extern const Value *facts_find(const Facts *facts, const Word *name);

typedef struct CartLine
{
	Word		id;
	Word		product;
	WordSet		categories;		/* with the categories that hold them */
	Decimal		unit_price;		/* in major units, 0 or more */
	Decimal		min_unit_price; /* no discount takes it lower */
	Decimal		tax_percent;
	int64_t		quantity;		/* thousandths, above 0 */
	bool		on_sale;
	Facts		facts;
} CartLine;

typedef struct CartCustomer
{
	Word		id;				/* none: nobody that limits could count */
	WordSet		groups;
	WordSet		segments;
	WordSet		tiers;
	bool		orders_known;
	int64_t		completed_orders;
	bool		birthday_known;
	int64_t		birthday;		/* days since 2000-01-01 */
	Facts		facts;
} CartCustomer;

typedef struct CartShipping
{
	Word		method;
	int64_t		amount;			/* minor units, 0 where there is none */
	Decimal		tax_percent;
} CartShipping;

typedef struct Cart
{
	Word		currency;
	int			exponent;		/* of the currency: decimals of its amounts */
	bool		prices_include_tax;
	int			line_count;
	const CartLine *lines;
	CartShipping shipping;
	CartCustomer customer;
	Word		channel;
	Word		region;			/* parts by dashes, the largest first: DE-BY */
	Word		payment_method;
	bool		now_known;
	int64_t		now;			/* microseconds since 2000-01-01 UTC */
	Facts		facts;
} Cart;

#endif							/* PROMO_CART_H */
