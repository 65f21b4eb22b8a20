/*-------------------------------------------------------------------------
 *
 * code.h
 *	  Codes of coupons: how they are compared, and made.
 *
 * A code is compared by its key: without blanks and dashes, which people type
 * or leave out as they like, and with the letters a to z in capitals.  Bytes
 * above 127 are compared as they are.
 *
 * A code that is made is a prefix, symbols drawn at random, and a suffix.  Of
 * the 31 symbols of code_alphabet none looks like another one of them (there
 * are no 0, 1, I, L, O), and 31 is prime, so that a last symbol chosen so that
 *
 *		2 s[0] + 3 s[1] + ... + (n + 1) s[n - 1] + check = 0 (mod 31)
 *
 * tells every single symbol that is wrong, and every two that are swapped: the
 * factors are different and none is 0, for up to 29 symbols beside the check.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_CODE_H
#define PROMO_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The symbols of codes, unless others are asked for */
extern const char code_alphabet[];

#define CODE_SYMBOLS 31

/* Random symbols of a code, without its check symbol; bytes of all of it */
#define CODE_LENGTH_MOST 29
#define CODE_BYTES 100

/* Symbols of an alphabet */
#define CODE_ALPHABET_LEAST 2
#define CODE_ALPHABET_MOST 64

typedef struct CodeForm
{
	const char *alphabet;		/* each symbol once */
	const char *prefix;
	const char *suffix;
	int			length;			/* random symbols */
	bool		has_check;		/* one symbol more; of code_alphabet alone */
} CodeForm;

/* What is wrong with a form */
typedef enum
{
	CODE_FORM_GOOD,
	CODE_FORM_ALPHABET_SIZE,
	CODE_FORM_ALPHABET_SYMBOL,	/* one that no printed ASCII symbol is, or that
								 * comparing leaves out */
	CODE_FORM_ALPHABET_TWICE,	/* two symbols that compare equal */
	CODE_FORM_LENGTH,
	CODE_FORM_CHECK,			/* a check symbol, with another alphabet */
	CODE_FORM_BYTES				/* longer than CODE_BYTES */
} CodeFormFault;

/*
 * Random bytes of any number, never the same again; false where there are
 * none.
 */
typedef struct CodeRandom
{
	bool		(*fill) (void *arg, void *bytes, size_t size);
	void	   *arg;
	uint8_t		bytes[512];		/* of code.c alone, as the rest */
	size_t		at;				/* sizeof(bytes) or more: all are used */
} CodeRandom;

extern void code_random_start(CodeRandom *random, bool (*fill) (void *arg, void *bytes, size_t size),
							  void *arg);

/*
 * Writes the key of a code, of at most as many bytes, without a final zero.
 * Gives its length, 0 where nothing is left.
 */
extern size_t code_key(const char *code, size_t length, char *key);

extern CodeFormFault code_form_check(const CodeForm *form);

/* How many codes of the form there are, at most 2^63 */
extern uint64_t code_space(const CodeForm *form);

/*
 * Draws a code, all of the form equally likely, and writes it with a final
 * zero to a place of CODE_BYTES + 1 bytes.  The form was found good.  False
 * where there are no random bytes.
 */
extern bool code_draw(const CodeForm *form, CodeRandom *random, char *code);

/*
 * Whether the check symbol of a key is right: of what is left of it without a
 * prefix and suffix of so many bytes, the last.
 */
extern bool code_checks(const char *key, size_t length, size_t prefix, size_t suffix);

#endif							/* PROMO_CODE_H */
