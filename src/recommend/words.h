/*-------------------------------------------------------------------------
 *
 * words.h
 *	  The words of a text, as recommendations by content count them.
 *
 * Plain C; texts are UTF-8, and a byte that does not fit is a blank.
 *
 * A word is a run of letters, digits and the marks on them; punctuation,
 * symbols, blanks and underscores end it.  Its letters are folded to lower
 * case one by one (Latin, Greek, Cyrillic, Armenian; a final sigma is a sigma).
 * Words of one character say nothing and are left out; of very long ones the
 * first WORD_MOST bytes count.  Scripts that put no blanks between words (Han,
 * kana, Thai, Lao, Khmer, Myanmar) give each pair of neighboring characters as
 * a word, as full-text search engines do, and a character that stands alone by
 * itself.  Composed and decomposed letters are different, as in all of the
 * database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_WORDS_H
#define PROMO_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORD_MOST 60

typedef struct WordReader
{
	const unsigned char *at;
	const unsigned char *end;
	bool		in_pairs;		/* the next character ended the pair before */
	uint32_t	size;			/* of the word last read, */
	char		bytes[WORD_MOST];	/* which is here, without a final zero */
} WordReader;

extern void word_reader_start(WordReader *reader, const void *text, size_t size);

/* False: there is none left. */
extern bool word_next(WordReader *reader);

#endif							/* PROMO_WORDS_H */
