/*-------------------------------------------------------------------------
 *
 * money.c
 *	  Exact decimal numbers, and counts of the smallest units of a currency.
 *
 *-------------------------------------------------------------------------
 */
#include "core/money.h"

#include <string.h>

/* number *= 10^power; false where it is too large. */
static bool
shift_left(Wide *number, int power)
{
	while (power-- > 0)
	{
		__int128	larger;

		if (__builtin_mul_overflow((__int128) *number, (__int128) 10, &larger))
			return false;
		*number = larger;
	}
	return true;
}

static void
strip_zeros(Decimal *number)
{
	while (number->scale > 0 && number->digits % 10 == 0)
	{
		number->digits /= 10;
		number->scale--;
	}
}

Decimal
decimal_of(int64_t digits, int scale)
{
	Decimal		number = {digits, scale};

	strip_zeros(&number);
	return number;
}

bool
decimal_read(const char *text, size_t length, Decimal *number)
{
	const char *at = text;
	const char *end = text + length;
	bool		negative = at < end && *at == '-';
	bool		point = false;
	bool		any = false;
	int			used = 0;
	Decimal		read = {0, 0};

	if (at < end && (*at == '-' || *at == '+'))
		at++;
	for (; at < end; at++)
	{
		if (*at == '.' && !point && any)
		{
			point = true;
			any = false;
			continue;
		}
		if (*at < '0' || *at > '9')
			return false;
		any = true;

		/* Zeros at the end of the decimals say nothing, however many. */
		if (point && *at == '0')
		{
			const char *next = at;

			while (next < end && *next == '0')
				next++;
			if (next == end)
				break;
		}
		if (read.digits != 0 || *at != '0')
			used++;
		if (used > DECIMAL_DIGITS || (point && ++read.scale > DECIMAL_SCALE))
			return false;
		read.digits = read.digits * 10 + (*at - '0');
	}
	if (!any)
		return false;
	if (negative)
		read.digits = -read.digits;
	strip_zeros(&read);
	*number = read;
	return true;
}

size_t
decimal_write(char *text, const Decimal *number)
{
	char		digits[DECIMAL_TEXT];
	char	   *place = text;
	int			count = 0;
	unsigned __int128 left = number->digits < 0 ?
		-(unsigned __int128) number->digits : (unsigned __int128) number->digits;
	uint64_t	small;

	/* At least one digit stands before the point; 64 bits divide faster. */
	while (left > UINT64_MAX)
	{
		digits[count++] = (char) ('0' + (int) (left % 10));
		left /= 10;
	}
	for (small = (uint64_t) left; small > 0 || count <= number->scale; small /= 10)
		digits[count++] = (char) ('0' + (int) (small % 10));
	if (number->digits < 0)
		*place++ = '-';
	while (count > 0)
	{
		*place++ = digits[--count];
		if (count == number->scale && count > 0)
			*place++ = '.';
	}
	*place = '\0';
	return (size_t) (place - text);
}

bool
decimal_add(Decimal *sum, const Decimal *other)
{
	Decimal		a = *sum;
	Decimal		b = *other;
	__int128	digits;

	if (!shift_left(&a.digits, b.scale - a.scale) || !shift_left(&b.digits, a.scale - b.scale) ||
		__builtin_add_overflow((__int128) a.digits, (__int128) b.digits, &digits))
		return false;
	sum->digits = digits;
	sum->scale = a.scale > b.scale ? a.scale : b.scale;
	strip_zeros(sum);
	return true;
}

bool
decimal_multiply(Decimal *product, const Decimal *other)
{
	Decimal		result;
	__int128	digits;

	if (__builtin_mul_overflow((__int128) product->digits, (__int128) other->digits, &digits))
		return false;
	result.digits = digits;
	result.scale = product->scale + other->scale;
	strip_zeros(&result);
	if (result.scale > DECIMAL_SCALE)
		return false;
	*product = result;
	return true;
}

int
decimal_compare(const Decimal *a, const Decimal *b)
{
	Wide		left = a->digits;
	Wide		right = b->digits;

	/* The side that does not fit is the one that is further from zero. */
	if (!shift_left(&left, b->scale - a->scale))
		return left < 0 ? -1 : 1;
	if (!shift_left(&right, a->scale - b->scale))
		return right < 0 ? 1 : -1;
	return left < right ? -1 : left > right;
}

bool
wide_divide(Wide a, Wide b, Rounding rounding, Wide *quotient)
{
	Wide		whole = a / b;
	Wide		rest = a % b;

	if (rest < 0)				/* as floor does, with the rest above 0 */
	{
		whole--;
		rest += b;
	}
	switch (rounding)
	{
		case ROUND_NONE:
			if (rest != 0)
				return false;
			break;
		case ROUND_NEAREST:
			if (rest > b - rest || (rest == b - rest && a > 0))
				whole++;
			break;
		case ROUND_UP:
			whole += rest != 0;
			break;
		case ROUND_DOWN:
			break;
	}
	*quotient = whole;
	return true;
}

bool
decimal_units(const Decimal *number, int scale, Rounding rounding, int64_t *units)
{
	Wide		digits = number->digits;
	Wide		divisor = 1;

	if (!shift_left(&digits, scale - number->scale))
		return false;
	(void) shift_left(&divisor, number->scale - scale);	/* of 30 at most */
	if (!wide_divide(digits, divisor, rounding, &digits) ||
		digits < INT64_MIN || digits > INT64_MAX)
		return false;
	*units = (int64_t) digits;
	return true;
}

size_t
money_write(char *text, int64_t units, int exponent)
{
	Decimal		number = {units, exponent};

	return decimal_write(text, &number);
}
