/*-------------------------------------------------------------------------
 *
 * words.c
 *	  The words of a text.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/words.h"

#include <string.h>

typedef struct Range
{
	uint32_t	first;
	uint32_t	last;
} Range;

/* Beyond ASCII all is taken for a letter but this: the Unicode punctuation,
 * symbols, blanks and private uses, by blocks where blocks hold little else. */
static const Range no_letter[] = {
	{0x80, 0xa9}, {0xab, 0xb4}, {0xb6, 0xb9}, {0xbb, 0xbf}, {0xd7, 0xd7}, {0xf7, 0xf7},
	{0x2c2, 0x2c5}, {0x2d2, 0x2df}, {0x37e, 0x37e}, {0x387, 0x387}, {0x55a, 0x55f},
	{0x589, 0x58f}, {0x5be, 0x5be}, {0x5c0, 0x5c0}, {0x5c3, 0x5c3}, {0x5f3, 0x5f4},
	{0x600, 0x60f}, {0x61b, 0x61f}, {0x66a, 0x66d}, {0x6d4, 0x6d4}, {0x964, 0x965},
	{0x970, 0x970}, {0xe3f, 0xe3f}, {0xe4f, 0xe4f}, {0xe5a, 0xe5b}, {0x104a, 0x104f},
	{0x10fb, 0x10fb}, {0x1360, 0x1368}, {0x1680, 0x1680}, {0x17d4, 0x17db}, {0x1800, 0x180e},
	{0x2000, 0x206f}, {0x20a0, 0x20cf}, {0x2100, 0x214f}, {0x2190, 0x2bff}, {0x2e00, 0x2e7f},
	{0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030}, {0x303d, 0x303f}, {0x30fb, 0x30fb},
	{0xd800, 0xf8ff}, {0xfe00, 0xfe1f}, {0xfe30, 0xfe6f}, {0xfeff, 0xff0f}, {0xff1a, 0xff20},
	{0xff3b, 0xff40}, {0xff5b, 0xff65}, {0xffe0, 0xffff}, {0x1f000, 0x1faff},
	{0xe0000, 0x10ffff}
};

/* Written without blanks between words */
static const Range unspaced[] = {
	{0xe01, 0xeff}, {0x1000, 0x109f}, {0x1780, 0x17d3}, {0x3005, 0x3007}, {0x3040, 0x312f},
	{0x31f0, 0x31ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xf900, 0xfaff}, {0xff66, 0xff9f},
	{0x20000, 0x3ffff}
};

/* Where each even or each odd letter is the capital of the next */
static const Range pairs[] = {
	{0x100, 0x137}, {0x139, 0x148}, {0x14a, 0x177}, {0x179, 0x17e}, {0x1cd, 0x1dc},
	{0x1de, 0x1ef}, {0x1f8, 0x21f}, {0x222, 0x233}, {0x246, 0x24f}, {0x460, 0x481},
	{0x48a, 0x4bf}, {0x4c1, 0x4ce}, {0x4d0, 0x52f}, {0x1e00, 0x1e95}, {0x1ea0, 0x1eff}
};

/* Where capitals and small letters lie apart */
static const struct
{
	uint32_t	first;
	uint32_t	last;
	uint32_t	distance;
}			shifts[] = {
	{0xc0, 0xde, 32}, {0x386, 0x386, 38}, {0x388, 0x38a, 37}, {0x38c, 0x38c, 64},
	{0x38e, 0x38f, 63}, {0x391, 0x3ab, 32}, {0x3c2, 0x3c2, 1}, {0x400, 0x40f, 80},
	{0x410, 0x42f, 32}, {0x4c0, 0x4c0, 15}, {0x531, 0x556, 48}, {0xff21, 0xff3a, 32}
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_in(const Range *ranges, size_t count, uint32_t c)
{
	size_t		low = 0;

	while (low < count)
	{
		size_t		middle = low + (count - low) / 2;

		if (c < ranges[middle].first)
			count = middle;
		else if (c > ranges[middle].last)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

static bool
is_letter(uint32_t c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
	return !is_in(no_letter, COUNT(no_letter), c);
}

static uint32_t
fold(uint32_t c)
{
	size_t		i;

	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c + 32 : c;
	if (c == 0x130)
		return 'i';
	if (c == 0x131)
		return c;
	if (c == 0x178)
		return 0xff;
	if (c == 0x1e9e)
		return 0xdf;
	for (i = 0; i < COUNT(shifts); i++)
		if (c >= shifts[i].first && c <= shifts[i].last)
			return c + shifts[i].distance;
	for (i = 0; i < COUNT(pairs); i++)
		if (c >= pairs[i].first && c <= pairs[i].last)
			return (c - pairs[i].first) % 2 == 0 ? c + 1 : c;
	return c;
}

/* The character at the place, and how many bytes it takes; 0xfffd, which is
 * no letter, where there is none. */
static uint32_t
character(const unsigned char *at, const unsigned char *end, uint32_t *size)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t	c = at[0];
	uint32_t	length = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
	uint32_t	i;

	*size = 1;
	if (length == 1)
		return c;
	if (length == 0 || c >= 0xf8 || (size_t) (end - at) < length)
		return 0xfffd;
	c &= 0xff >> (length + 1);
	for (i = 1; i < length; i++)
	{
		if ((at[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (at[i] & 0x3f);
	}
	if (c < least[length] || c > 0x10ffff)
		return 0xfffd;
	*size = length;
	return c;
}

static void
append(WordReader *reader, uint32_t c)
{
	char	   *to = reader->bytes + reader->size;

	if (c < 0x80)
		*to++ = (char) c;
	else if (c < 0x800)
	{
		*to++ = (char) (0xc0 | c >> 6);
		*to++ = (char) (0x80 | (c & 0x3f));
	}
	else if (c < 0x10000)
	{
		*to++ = (char) (0xe0 | c >> 12);
		*to++ = (char) (0x80 | (c >> 6 & 0x3f));
		*to++ = (char) (0x80 | (c & 0x3f));
	}
	else
	{
		*to++ = (char) (0xf0 | c >> 18);
		*to++ = (char) (0x80 | (c >> 12 & 0x3f));
		*to++ = (char) (0x80 | (c >> 6 & 0x3f));
		*to++ = (char) (0x80 | (c & 0x3f));
	}
	reader->size = (uint32_t) (to - reader->bytes);
}

void
word_reader_start(WordReader *reader, const void *text, size_t size)
{
	reader->at = text;
	reader->end = reader->at + size;
	reader->size = 0;
	reader->in_pairs = false;
}

bool
word_next(WordReader *reader)
{
	for (;;)
	{
		uint32_t	count = 0;
		uint32_t	size;
		uint32_t	c;

		reader->size = 0;
		while (reader->at < reader->end)
		{
			c = character(reader->at, reader->end, &size);
			if (!is_letter(c))
				break;
			if (is_in(unspaced, COUNT(unspaced), c))
			{
				const unsigned char *next = reader->at + size;
				uint32_t	next_size;
				uint32_t	other;

				/* What stood before it is a word of its own. */
				if (count > 0)
					break;
				reader->at = next;
				append(reader, c);
				other = next < reader->end ? character(next, reader->end, &next_size) : 0;
				if (is_in(unspaced, COUNT(unspaced), other) && is_letter(other))
				{
					append(reader, other);
					reader->in_pairs = true;
					return true;
				}
				/* The last of a run was half of the pair before. */
				if (!reader->in_pairs)
					return true;
				reader->in_pairs = false;
				reader->size = 0;
				continue;
			}
			reader->at += size;
			if (reader->size <= WORD_MOST - 4)
				append(reader, fold(c));
			count++;
		}
		if (count > 1)
			return true;
		if (reader->at == reader->end)
			return false;
		if (count == 0)
		{
			(void) character(reader->at, reader->end, &size);
			reader->at += size;
		}
	}
}
