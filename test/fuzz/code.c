/*-------------------------------------------------------------------------
 *
 * code.c
 *	  Any bytes as a code, as a form of codes, and as what a check is asked of.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "coupon/code.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t fuzz_example(uint8_t *data, size_t capacity, uint64_t number);

typedef struct Source
{
	const uint8_t *data;
	size_t		size;
	size_t		fills;
} Source;

/* The input over and over; after some time nothing. */
static bool
fill(void *arg, void *bytes, size_t size)
{
	Source	   *source = arg;
	uint8_t    *byte = bytes;
	size_t		i;

	if (source->size == 0 || source->fills++ > 8)
		return false;
	for (i = 0; i < size; i++)
		byte[i] = source->data[i % source->size];
	return true;
}

/* The input up to a zero, as a text of its own */
static char *
next_text(const uint8_t **data, size_t *size)
{
	size_t		length = 0;
	char	   *text;

	while (length < *size && (*data)[length] != 0)
		length++;
	text = malloc(length + 1);
	if (text == NULL)
		abort();
	memcpy(text, *data, length);
	text[length] = 0;
	*data += length < *size ? length + 1 : length;
	*size -= length < *size ? length + 1 : length;
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Source		source = {data, size, 0};
	const uint8_t *rest = data;
	size_t		left = size;
	char	   *key = malloc(size + 1);
	char	   *again = malloc(size + 1);
	char	   *texts[3];
	CodeForm	form;
	CodeRandom	random;
	size_t		length;
	int			i;

	if (key == NULL || again == NULL)
		abort();

	/* The key of a key is the key. */
	length = code_key((const char *) data, size, key);
	if (length > size || code_key(key, length, again) != length || memcmp(key, again, length) != 0)
		abort();
	(void) code_checks(key, length, size > 0 ? data[0] : 0, size > 1 ? data[1] : 0);

	for (i = 0; i < 3; i++)
		texts[i] = next_text(&rest, &left);
	form.length = left > 0 ? rest[0] : 1;
	form.has_check = left > 1 && rest[1] % 2 == 0;
	form.alphabet = form.has_check && left > 2 && rest[2] % 2 == 0 ? code_alphabet : texts[0];
	form.prefix = texts[1];
	form.suffix = texts[2];
	if (code_form_check(&form) == CODE_FORM_GOOD)
	{
		char		code[CODE_BYTES + 1];

		code_random_start(&random, fill, &source);
		if (code_space(&form) < 2)
			abort();
		if (code_draw(&form, &random, code))
		{
			size_t		prefix = strlen(form.prefix);
			size_t		suffix = strlen(form.suffix);

			if (strlen(code) != prefix + suffix + (size_t) form.length + form.has_check ||
				memcmp(code, form.prefix, prefix) != 0)
				abort();
			if (form.has_check && !code_checks(code, strlen(code), prefix, suffix))
				abort();
		}
	}
	for (i = 0; i < 3; i++)
		free(texts[i]);
	free(key);
	free(again);
	return 0;
}

size_t
fuzz_example(uint8_t *data, size_t capacity, uint64_t number)
{
	static const char *const alphabets[] = {code_alphabet, "0123456789ABCDEF", "01", "abcdefgh"};
	Random		random;
	size_t		size = 0;
	const char *alphabet;

	random_start(&random, 3, number);
	alphabet = alphabets[random_below(&random, 4)];
	if (capacity < 200)
		return 0;
	memcpy(data, alphabet, strlen(alphabet) + 1);
	size += strlen(alphabet) + 1;
	memcpy(data + size, "SPRING-", 8);
	size += random_below(&random, 2) ? 8 : 0;
	data[size++] = 0;
	memcpy(data + size, "_x", 3);
	size += random_below(&random, 2) ? 3 : 0;
	data[size++] = 0;
	data[size++] = (uint8_t) (1 + random_below(&random, 32));
	while (size < 120)
		data[size++] = (uint8_t) random_bits(&random);
	return size;
}
