/*-------------------------------------------------------------------------
 *
 * code.c
 *	  Codes compare as people type them, are drawn evenly, and their check
 *	  symbol tells what is mistyped.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "core/random.h"
#include "coupon/code.h"

#include "check.h"

static bool
fill(void *arg, void *bytes, size_t size)
{
	uint8_t    *byte = bytes;

	while (size-- > 0)
		*byte++ = (uint8_t) random_bits((Random *) arg);
	return true;
}

static bool
fill_nothing(void *arg, void *bytes, size_t size)
{
	(void) arg;
	(void) bytes;
	(void) size;
	return false;
}

static bool
key_is(const char *code, const char *expected)
{
	char		key[64];
	size_t		length = code_key(code, strlen(code), key);

	return length == strlen(expected) && memcmp(key, expected, length) == 0;
}

static void
check_keys(void)
{
	CHECK(key_is("SPRING", "SPRING"));
	CHECK(key_is("  spring ", "SPRING"));
	CHECK(key_is("ab12-cd 34\t\n", "AB12CD34"));
	CHECK(key_is("a_b.c", "A_B.C"));
	CHECK(key_is("\xc3\xa4pfel", "\xc3\xa4PFEL"));
	CHECK(key_is(" - -", ""));
	CHECK(key_is("", ""));
}

static void
check_forms(void)
{
	CodeForm	good = {code_alphabet, "", "", 10, false};
	CodeForm	form = good;
	char		longest[CODE_BYTES + 1];

	CHECK(strlen(code_alphabet) == CODE_SYMBOLS);
	CHECK(code_form_check(&form) == CODE_FORM_GOOD);
	CHECK(code_space(&form) == UINT64_C(819628286980801));
	form.length = 12;
	CHECK(code_space(&form) == UINT64_C(787662783788549761));
	form.length = 13;
	CHECK(code_space(&form) == UINT64_C(1) << 63);
	form.length = CODE_LENGTH_MOST;
	CHECK(code_form_check(&form) == CODE_FORM_GOOD && code_space(&form) == UINT64_C(1) << 63);
	form.length = CODE_LENGTH_MOST + 1;
	CHECK(code_form_check(&form) == CODE_FORM_LENGTH);
	form.length = 0;
	CHECK(code_form_check(&form) == CODE_FORM_LENGTH);

	form = good;
	form.alphabet = "0123456789ABCDEF";
	form.length = 1;
	CHECK(code_form_check(&form) == CODE_FORM_GOOD && code_space(&form) == 16);
	form.has_check = true;
	CHECK(code_form_check(&form) == CODE_FORM_CHECK);
	form = good;
	form.alphabet = "AA";
	CHECK(code_form_check(&form) == CODE_FORM_ALPHABET_TWICE);
	form.alphabet = "ABa";
	CHECK(code_form_check(&form) == CODE_FORM_ALPHABET_TWICE);
	form.alphabet = "A";
	CHECK(code_form_check(&form) == CODE_FORM_ALPHABET_SIZE);
	form.alphabet = "A-B";
	CHECK(code_form_check(&form) == CODE_FORM_ALPHABET_SYMBOL);
	form.alphabet = "A B";
	CHECK(code_form_check(&form) == CODE_FORM_ALPHABET_SYMBOL);
	form.alphabet = "A\xc3\xa4";
	CHECK(code_form_check(&form) == CODE_FORM_ALPHABET_SYMBOL);

	form = good;
	memset(longest, 'X', CODE_BYTES);
	longest[CODE_BYTES - 10] = 0;
	form.prefix = longest;
	CHECK(code_form_check(&form) == CODE_FORM_GOOD);
	form.has_check = true;
	CHECK(code_form_check(&form) == CODE_FORM_BYTES);
	form.has_check = false;
	form.suffix = "Y";
	CHECK(code_form_check(&form) == CODE_FORM_BYTES);
}

/* Each symbol at each place as often as chance has it: chi-square of 30 degrees. */
static void
check_draws(void)
{
	CodeForm	form = {code_alphabet, "P-", "_S", 6, false};
	int			count[6][CODE_SYMBOLS] = {{0}};
	char		code[CODE_BYTES + 1];
	CodeRandom	random;
	Random		source;
	int			draws = 62000;
	int			i;
	int			j;

	random_start(&source, 7, 1);
	code_random_start(&random, fill, &source);
	for (i = 0; i < draws; i++)
	{
		bool		is_right = code_draw(&form, &random, code) && strlen(code) == 10 &&
			memcmp(code, "P-", 2) == 0 && strcmp(code + 8, "_S") == 0;

		for (j = 0; is_right && j < 6; j++)
		{
			const char *place = strchr(code_alphabet, code[2 + j]);

			is_right = place != NULL;
			if (is_right)
				count[j][place - code_alphabet]++;
		}
		if (!is_right)
		{
			CHECK(is_right);
			return;
		}
	}
	for (j = 0; j < 6; j++)
	{
		double		expected = (double) draws / CODE_SYMBOLS;
		double		chi = 0;

		for (i = 0; i < CODE_SYMBOLS; i++)
			chi += (count[j][i] - expected) * (count[j][i] - expected) / expected;
		/* Beyond it once in a hundred thousand times, if it is chance */
		CHECK(chi < 77 && chi > 5);
	}
	code_random_start(&random, fill_nothing, NULL);
	CHECK(!code_draw(&form, &random, code));
}

/* All single errors and all swaps of two symbols are told, at any length. */
static void
check_check(void)
{
	CodeForm	form = {code_alphabet, "IO0-", "-L1", 1, true};
	CodeRandom	random;
	Random		source;
	long		told = 0;
	long		errors = 0;
	int			length;

	random_start(&source, 7, 2);
	code_random_start(&random, fill, &source);
	for (length = 1; length <= CODE_LENGTH_MOST; length++)
	{
		char		code[CODE_BYTES + 1];
		char		key[CODE_BYTES];
		size_t		size;
		int			i;
		int			j;

		form.length = length;
		CHECK(code_form_check(&form) == CODE_FORM_GOOD);
		CHECK(code_draw(&form, &random, code));
		size = code_key(code, strlen(code), key);
		CHECK(size == (size_t) length + 1 + 5);
		CHECK(code_checks(key, size, 3, 2));
		CHECK(!code_checks(key, size, size, 1));
		for (i = 0; i <= length; i++)
		{
			char		right = key[3 + i];

			for (j = 0; j < CODE_SYMBOLS; j++)
				if (code_alphabet[j] != right)
				{
					key[3 + i] = code_alphabet[j];
					errors++;
					told += !code_checks(key, size, 3, 2);
				}
			key[3 + i] = 'O';
			errors++;
			told += !code_checks(key, size, 3, 2);
			key[3 + i] = right;
			for (j = 0; j < i; j++)
				if (key[3 + j] != right)
				{
					key[3 + i] = key[3 + j];
					key[3 + j] = right;
					errors++;
					told += !code_checks(key, size, 3, 2);
					key[3 + j] = key[3 + i];
					key[3 + i] = right;
				}
		}
		CHECK(code_checks(key, size, 3, 2));
	}
	CHECK(errors > 10000 && told == errors);

	/* By hand: A is 8, B is 9, and 2 * 8 + 3 * 9 + c = 0 (mod 31) for c = 19, the N. */
	CHECK(code_alphabet[19] == 'N' && code_checks("ABN", 3, 0, 0) && code_checks("abn", 3, 0, 0));
	CHECK(!code_checks("ABM", 3, 0, 0) && !code_checks("A", 1, 0, 0) && !code_checks("", 0, 0, 0));
}

int
main(void)
{
	check_keys();
	check_forms();
	check_draws();
	check_check();
	return check_report();
}
