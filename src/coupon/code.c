/*-------------------------------------------------------------------------
 *
 * code.c
 *	  Codes of coupons: how they are compared, and made.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "coupon/code.h"

const char	code_alphabet[] = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/* What comparing leaves out: ASCII blanks, of any kind, and dashes */
static bool
is_left_out(char c)
{
	return c == ' ' || c == '-' || (c >= '\t' && c <= '\r');
}

static char
capital(char c)
{
	return c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
}

size_t
code_key(const char *code, size_t length, char *key)
{
	size_t		size = 0;
	size_t		i;

	for (i = 0; i < length; i++)
		if (!is_left_out(code[i]))
			key[size++] = capital(code[i]);
	return size;
}

CodeFormFault
code_form_check(const CodeForm *form)
{
	size_t		symbols = strlen(form->alphabet);
	bool		seen[128] = {false};
	size_t		i;

	if (symbols < CODE_ALPHABET_LEAST || symbols > CODE_ALPHABET_MOST)
		return CODE_FORM_ALPHABET_SIZE;
	for (i = 0; i < symbols; i++)
	{
		char		c = form->alphabet[i];

		if (c <= ' ' || c > '~' || is_left_out(c))
			return CODE_FORM_ALPHABET_SYMBOL;
		if (seen[(int) capital(c)])
			return CODE_FORM_ALPHABET_TWICE;
		seen[(int) capital(c)] = true;
	}
	if (form->length < 1 || form->length > CODE_LENGTH_MOST)
		return CODE_FORM_LENGTH;
	if (form->has_check && strcmp(form->alphabet, code_alphabet) != 0)
		return CODE_FORM_CHECK;
	if (strlen(form->prefix) + strlen(form->suffix) + (size_t) form->length + form->has_check > CODE_BYTES)
		return CODE_FORM_BYTES;
	return CODE_FORM_GOOD;
}

uint64_t
code_space(const CodeForm *form)
{
	uint64_t	most = UINT64_C(1) << 63;
	uint64_t	symbols = strlen(form->alphabet);
	uint64_t	space = 1;
	int			i;

	for (i = 0; i < form->length; i++)
	{
		if (space > most / symbols)
			return most;
		space *= symbols;
	}
	return space;
}

void
code_random_start(CodeRandom *random, bool (*fill) (void *arg, void *bytes, size_t size), void *arg)
{
	random->fill = fill;
	random->arg = arg;
	random->at = sizeof(random->bytes);
}

/* Below bound, at most 256, all equally likely: what would be uneven is drawn again. */
static bool
draw_below(CodeRandom *random, unsigned int bound, unsigned int *drawn)
{
	unsigned int even = 256 - 256 % bound;
	uint8_t		byte;

	do
	{
		if (random->at >= sizeof(random->bytes))
		{
			if (!random->fill(random->arg, random->bytes, sizeof(random->bytes)))
				return false;
			random->at = 0;
		}
		byte = random->bytes[random->at];
		random->bytes[random->at++] = 0;
	} while (byte >= even);
	*drawn = byte % bound;
	return true;
}

bool
code_draw(const CodeForm *form, CodeRandom *random, char *code)
{
	unsigned int symbols = (unsigned int) strlen(form->alphabet);
	size_t		size = strlen(form->prefix);
	unsigned int sum = 0;
	int			i;

	memcpy(code, form->prefix, size);
	for (i = 0; i < form->length; i++)
	{
		unsigned int symbol;

		if (!draw_below(random, symbols, &symbol))
			return false;
		code[size++] = form->alphabet[symbol];
		sum += (unsigned int) (i + 2) * symbol;
	}
	if (form->has_check)
		code[size++] = form->alphabet[(CODE_SYMBOLS - sum % CODE_SYMBOLS) % CODE_SYMBOLS];
	strcpy(code + size, form->suffix);
	return true;
}

bool
code_checks(const char *key, size_t length, size_t prefix, size_t suffix)
{
	unsigned int sum = 0;
	size_t		symbols;
	size_t		i;

	if (prefix > length || suffix > length - prefix)
		return false;
	symbols = length - prefix - suffix;
	if (symbols < 2 || symbols > CODE_LENGTH_MOST + 1)
		return false;
	for (i = 0; i < symbols; i++)
	{
		char		c = capital(key[prefix + i]);
		const char *place = c == 0 ? NULL : strchr(code_alphabet, c);

		if (place == NULL)
			return false;
		sum += (unsigned int) (i + 1 == symbols ? 1 : i + 2) * (unsigned int) (place - code_alphabet);
	}
	return sum % CODE_SYMBOLS == 0;
}
