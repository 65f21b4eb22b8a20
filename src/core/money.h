/*-------------------------------------------------------------------------
 *
 * money.h
 *	  Exact decimal numbers, and counts of the smallest units of a currency.
 *
 * Money is a count of minor units, of which a currency of exponent 2 has 100
 * in one.  What it is multiplied with on the way (prices, percentages, rates)
 * is a Decimal, digits / 10^scale, so that nothing is rounded before the one
 * place where the caller says so.  Sums and products are of 128 bits; what
 * does not fit is a failure, never a wrong number.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_MONEY_H
#define PROMO_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Aligned as memory handed out by anybody is. */
typedef __int128 Wide __attribute__((aligned(8)));

/* Digits that decimal_read takes at most, and decimals among them */
#define DECIMAL_DIGITS 36
#define DECIMAL_SCALE 30

/* Bytes that any of the texts takes, with a final zero */
#define DECIMAL_TEXT 80

typedef struct Decimal
{
	Wide		digits;			/* does not end in 0 unless scale is 0 */
	int32_t		scale;			/* decimals, 0 or more */
} Decimal;

/* Ways to round; halves go away from zero. */
typedef enum
{
	ROUND_DOWN,					/* toward minus infinity: floor */
	ROUND_NEAREST,
	ROUND_UP,					/* toward infinity: ceiling */
	ROUND_NONE					/* what is not whole is a failure */
} Rounding;

/* digits / 10^scale */
extern Decimal decimal_of(int64_t digits, int scale);

/* Reads a sign, digits, and decimals after a point; nothing around it. */
extern bool decimal_read(const char *text, size_t length, Decimal *number);

/* Writes it so, with a final zero and without zeros that say nothing. */
extern size_t decimal_write(char *text, const Decimal *number);

/* sum += other, product *= other; false, and no change, where it is too large. */
extern bool decimal_add(Decimal *sum, const Decimal *other);
extern bool decimal_multiply(Decimal *product, const Decimal *other);

/* Below, at or above 0 */
extern int	decimal_compare(const Decimal *a, const Decimal *b);

/* The number as a count of 10^-scale; false where it does not fit. */
extern bool decimal_units(const Decimal *number, int scale, Rounding rounding,
						  int64_t *units);

/* a / b for b above 0; false where it is not whole and should be. */
extern bool wide_divide(Wide a, Wide b, Rounding rounding, Wide *quotient);

/* Writes a count of minor units with its decimals, 1999 as 19.99. */
extern size_t money_write(char *text, int64_t units, int exponent);

#endif							/* PROMO_MONEY_H */
