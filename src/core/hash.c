/*-------------------------------------------------------------------------
 *
 * hash.c
 *	  Hashes whose values never change.
 *
 *-------------------------------------------------------------------------
 */
#include "core/hash.h"

#define ROTATE(x, n) (((x) << (n)) | ((x) >> (64 - (n))))

typedef struct SipState
{
	uint64_t	a;
	uint64_t	b;
	uint64_t	c;
	uint64_t	d;
} SipState;

static void
sip_round(SipState *s)
{
	s->a += s->b;
	s->b = ROTATE(s->b, 13) ^ s->a;
	s->a = ROTATE(s->a, 32);
	s->c += s->d;
	s->d = ROTATE(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = ROTATE(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = ROTATE(s->b, 17) ^ s->c;
	s->c = ROTATE(s->c, 32);
}

uint64_t
hash_keyed(const void *data, size_t size, uint64_t key0, uint64_t key1)
{
	const unsigned char *bytes = data;
	SipState	s = {
		key0 ^ UINT64_C(0x736f6d6570736575),
		key1 ^ UINT64_C(0x646f72616e646f6d),
		key0 ^ UINT64_C(0x6c7967656e657261),
		key1 ^ UINT64_C(0x7465646279746573)
	};
	uint64_t	word = 0;
	size_t		i;

	/* Bytes are taken one by one, so that byte order does not matter. */
	for (i = 0; i < size; i++)
	{
		word |= (uint64_t) bytes[i] << (8 * (i & 7));
		if ((i & 7) == 7)
		{
			s.d ^= word;
			sip_round(&s);
			sip_round(&s);
			s.a ^= word;
			word = 0;
		}
	}
	word |= (uint64_t) (size & 0xff) << 56;
	s.d ^= word;
	sip_round(&s);
	sip_round(&s);
	s.a ^= word;

	s.c ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}
