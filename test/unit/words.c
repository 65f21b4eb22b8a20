/*-------------------------------------------------------------------------
 *
 * words.c
 *	  What the words of a text are.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "recommend/words.h"

/* The words of a text, with a stroke between them */
static const char *
words(const char *text)
{
	static char all[4096];
	WordReader	reader;

	all[0] = '\0';
	word_reader_start(&reader, text, strlen(text));
	while (word_next(&reader))
	{
		if (all[0] != '\0')
			strcat(all, "|");
		strncat(all, reader.bytes, reader.size);
	}
	return all;
}

#define GIVES(text, expected) CHECK(strcmp(words(text), expected) == 0)

static void
test_words(void)
{
	GIVES("", "");
	GIVES(" -- ", "");
	GIVES("WHITE HANGING HEART T-LIGHT HOLDER", "white|hanging|heart|light|holder");
	GIVES("Set of 12, 6 cups & 2.5kg box_es", "set|of|12|cups|5kg|box|es");
	GIVES("a bc d", "bc");
	GIVES("\xc3\x84RZTE \xc3\x9c""ber\xc3\x9f \xc3\xa9t\xc3\xa9 \xc3\x89T\xc3\x89",
		  "\xc3\xa4rzte|\xc3\xbc""ber\xc3\x9f|\xc3\xa9t\xc3\xa9|\xc3\xa9t\xc3\xa9");
	GIVES("\xc5\x81\xc3\x93\xc5\xb9 \xc4\xb0stanbul", "\xc5\x82\xc3\xb3\xc5\xba|istanbul");
	GIVES("\xce\x9f\xce\x94\xce\x9f\xce\xa3 \xce\xbf\xce\xb4\xce\xbf\xcf\x82",
		  "\xce\xbf\xce\xb4\xce\xbf\xcf\x83|\xce\xbf\xce\xb4\xce\xbf\xcf\x83");
	GIVES("\xd0\x9c\xd0\x98\xd0\xa0 \xd0\x81\xd0\xbb\xd0\xba\xd0\xb0",
		  "\xd0\xbc\xd0\xb8\xd1\x80|\xd1\x91\xd0\xbb\xd0\xba\xd0\xb0");
	/* A pound sign, an em dash, quotation marks, an emoji */
	GIVES("10\xc2\xa3 tea\xe2\x80\x94pot \xe2\x80\x9cmug\xe2\x80\x9d \xf0\x9f\x8e\x81""box",
		  "10|tea|pot|mug|box");
	/* Three characters of Japanese are two pairs, one is itself */
	GIVES("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", "\xe6\x97\xa5\xe6\x9c\xac|\xe6\x9c\xac\xe8\xaa\x9e");
	GIVES("\xe8\x8c\xb6", "\xe8\x8c\xb6");
	GIVES("tea\xe8\x8c\xb6 12\xe8\x8c\xb6\xe7\xa2\x97x1\xe8\x8c\xb6",
		  "tea|\xe8\x8c\xb6|12|\xe8\x8c\xb6\xe7\xa2\x97|x1|\xe8\x8c\xb6");
	GIVES("\xe8\x8c\xb6\xe3\x80\x82\xe7\xa2\x97", "\xe8\x8c\xb6|\xe7\xa2\x97");
	/* Bytes that are no UTF-8 end words */
	GIVES("ab\xff""cd\xc3", "ab|cd");
	GIVES("ab\xc0\x80""cd \xe4\xb8", "ab|cd");
	GIVES("ab\xed\xa0\x80""cd", "ab|cd");
	/* Of a long word the head counts, to the last whole character */
	GIVES("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bb",
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|bb");
}

/* Whatever the bytes, no read leaves them and each word fits. */
static void
test_bytes(void)
{
	Random		random;
	int			round;
	bool		fits = true;
	uint64_t	total = 0;

	random_start(&random, 1, 0);
	for (round = 0; round < 20000; round++)
	{
		uint32_t	size = random_below(&random, 90);
		unsigned char *text = malloc(size + 1);
		WordReader	reader;
		uint32_t	i;

		for (i = 0; i < size; i++)
			text[i] = (unsigned char) (random_below(&random, 2) ? 0x80 + random_below(&random, 128) :
									   random_below(&random, 3) ? 0xe3 + random_below(&random, 8) : random_below(&random, 128));
		word_reader_start(&reader, text, size);
		while (word_next(&reader))
		{
			fits &= reader.size > 0 && reader.size <= WORD_MOST;
			total += reader.size;
		}
		free(text);
	}
	CHECK(fits);
	CHECK(total > 10000);
}

int
main(void)
{
	test_words();
	test_bytes();
	return check_report();
}
