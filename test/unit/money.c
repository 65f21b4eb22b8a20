/*-------------------------------------------------------------------------
 *
 * money.c
 *	  Exact decimals, against sums that can be done by hand and against
 *	  plain integers.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "check.h"
#include "core/money.h"
#include "core/random.h"

static bool
reads(const char *text, const char *wanted)
{
	Decimal		number;
	char		back[DECIMAL_TEXT];

	if (!decimal_read(text, strlen(text), &number))
		return wanted == NULL;
	return wanted != NULL && decimal_write(back, &number) == strlen(wanted) &&
		strcmp(back, wanted) == 0;
}

static Decimal
number(const char *text)
{
	Decimal		read = {0, 0};

	CHECK(decimal_read(text, strlen(text), &read));
	return read;
}

static void
test_text(void)
{
	char		text[DECIMAL_TEXT];

	CHECK(reads("0", "0") && reads("-0.00", "0") && reads("+7", "7"));
	CHECK(reads("19.990", "19.99") && reads("-0.05", "-0.05") && reads("100", "100"));
	CHECK(reads("0.000000000000000000000000000001", "0.000000000000000000000000000001"));
	CHECK(reads("1.0000000000000000000000000000000000000000000000000000", "1"));
	CHECK(reads("123456789012345678901234567890123456", "123456789012345678901234567890123456"));
	CHECK(reads("0000000000000000000000000000000000000000000000001.5", "1.5"));
	CHECK(reads("1234567890123456789012345678901234567", NULL));
	CHECK(reads("0.0000000000000000000000000000001", NULL));
	CHECK(reads("", NULL) && reads("-", NULL) && reads(".5", NULL) && reads("5.", NULL));
	CHECK(reads("1e3", NULL) && reads("1 ", NULL) && reads("1.2.3", NULL) && reads("NaN", NULL));

	CHECK(money_write(text, 1999, 2) == 5 && strcmp(text, "19.99") == 0);
	CHECK(money_write(text, -5, 2) == 5 && strcmp(text, "-0.05") == 0);
	CHECK(money_write(text, 1500, 0) == 4 && strcmp(text, "1500") == 0);
	CHECK(money_write(text, 1000, 3) == 5 && strcmp(text, "1.000") == 0);
	CHECK(money_write(text, INT64_MIN, 4) > 0 && strcmp(text, "-922337203685477.5808") == 0);
}

static void
test_sums(void)
{
	Decimal		sum = number("0.1");
	Decimal		large = number("170000000000000000000000000000000000");
	Decimal		other = number("0.2");
	char		text[DECIMAL_TEXT];

	CHECK(decimal_add(&sum, &other));
	other = number("0.3");
	CHECK(decimal_compare(&sum, &other) == 0);
	other = number("33.333");
	CHECK(decimal_multiply(&sum, &other));
	CHECK(decimal_write(text, &sum) > 0 && strcmp(text, "9.9999") == 0);

	/* What does not fit is refused, and leaves the number alone. */
	other = number("10000");
	CHECK(!decimal_multiply(&large, &other));
	other = number("0.00001");
	CHECK(!decimal_add(&large, &other));
	CHECK(decimal_compare(&large, &other) > 0 && decimal_compare(&other, &large) < 0);
	large.digits = -large.digits;
	CHECK(decimal_compare(&large, &other) < 0 && decimal_compare(&other, &large) > 0);
	sum = number("0.0000000000000000000000000001");
	other = number("0.001");
	CHECK(!decimal_multiply(&sum, &other));
}

static void
test_rounding(void)
{
	static const struct
	{
		const char *text;
		int64_t		down;
		int64_t		nearest;
		int64_t		up;
	}			rows[] = {
		{"28.5", 28, 29, 29}, {"-28.5", -29, -29, -28}, {"28.49", 28, 28, 29},
		{"-28.49", -29, -28, -28}, {"28", 28, 28, 28}, {"0.005", 0, 0, 1}
	};
	Decimal		read;
	int64_t		units;
	Wide		quotient;
	size_t		i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		read = number(rows[i].text);
		CHECK(decimal_units(&read, 0, ROUND_DOWN, &units) && units == rows[i].down);
		CHECK(decimal_units(&read, 0, ROUND_NEAREST, &units) && units == rows[i].nearest);
		CHECK(decimal_units(&read, 0, ROUND_UP, &units) && units == rows[i].up);
		CHECK(decimal_units(&read, 0, ROUND_NONE, &units) == (rows[i].down == rows[i].up));
	}
	read = number("19.99");
	CHECK(decimal_units(&read, 2, ROUND_NONE, &units) && units == 1999);
	CHECK(decimal_units(&read, 4, ROUND_NONE, &units) && units == 199900);
	read = number("9223372036854775807");
	CHECK(decimal_units(&read, 0, ROUND_NONE, &units) && units == INT64_MAX);
	CHECK(!decimal_units(&read, 1, ROUND_NONE, &units));
	read = number("9223372036854775808");
	CHECK(!decimal_units(&read, 0, ROUND_DOWN, &units));
	CHECK(wide_divide(-7, 2, ROUND_DOWN, &quotient) && quotient == -4);
}

/* On numbers that fit a long, the same as long arithmetic. */
static void
test_random(void)
{
	Random		random;
	bool		right = true;
	int			i;

	random_start(&random, 7, 0);
	for (i = 0; i < 20000; i++)
	{
		int64_t		a = (int64_t) random_below(&random, 2000001) - 1000000;
		int64_t		b = (int64_t) random_below(&random, 2000001) - 1000000;
		Decimal		x = decimal_of(a, 3);
		Decimal		y = decimal_of(b, 2);
		Decimal		sum = x;
		int64_t		units;

		right = right && decimal_add(&sum, &y) &&
			decimal_units(&sum, 3, ROUND_NONE, &units) && units == a + b * 10;
		right = right && (decimal_compare(&x, &y) > 0) == (a > b * 10) &&
			(decimal_compare(&x, &y) == 0) == (a == b * 10);
		right = right && decimal_multiply(&x, &y) &&
			decimal_units(&x, 5, ROUND_NONE, &units) && units == a * b;
	}
	CHECK(right);
}

int
main(void)
{
	test_text();
	test_sums();
	test_rounding();
	test_random();
	return check_report();
}
