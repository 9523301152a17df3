#include "server/identity/cidr.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128, V4_AT = 12, TEXT_MAX = 64, BYTE = 8 };

static const uint8_t mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};

static bool address_parse(str text, uint8_t out[CIDR_BYTES], bool *ret_is_v4)
{
	char z[TEXT_MAX];

	if (text.n == 0 || text.n >= sizeof(z))
		return false;
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	memcpy(out, mapped, sizeof(mapped));
	*ret_is_v4 = inet_pton(AF_INET, z, out + V4_AT) == 1;
	return *ret_is_v4 || inet_pton(AF_INET6, z, out) == 1;
}

/* Whether all bits from `bits` on are 0. */
static bool tail_is_clear(const uint8_t bytes[CIDR_BYTES], int64_t bits)
{
	for (int64_t i = bits; i < V6_BITS; i++)
		if (bytes[i / BYTE] >> (BYTE - 1 - i % BYTE) & 1)
			return false;
	return true;
}

bool cidr_parse(str text, cidr *ret)
{
	str rest = text, address = str_split(&rest, '/');
	bool is_v4 = false;
	int64_t bits;
	cidr c = {0};

	if (!address_parse(address, c.bytes, &is_v4))
		return false;
	bits = is_v4 ? V4_BITS : V6_BITS;
	if (rest.p && (!str_to_i64(rest, &bits) || bits < 0 || bits > (is_v4 ? V4_BITS : V6_BITS)))
		return false;
	if (is_v4)
		bits += V6_BITS - V4_BITS;
	if (!tail_is_clear(c.bytes, bits))
		return false;
	c.bits = (uint8_t)bits;
	*ret = c;
	return true;
}

/* Whether both begin with the same bits. */
static bool heads_match(const uint8_t a[CIDR_BYTES], const uint8_t b[CIDR_BYTES], int bits)
{
	for (int i = 0; i < bits; i++)
		if ((a[i / BYTE] ^ b[i / BYTE]) >> (BYTE - 1 - i % BYTE) & 1)
			return false;
	return true;
}

bool cidr_holds(const cidr *c, str address)
{
	uint8_t bytes[CIDR_BYTES];
	bool is_v4 = false;

	return address_parse(address, bytes, &is_v4) && heads_match(bytes, c->bytes, c->bits);
}

bool cidr_covers(const cidr *a, const cidr *b)
{
	return b->bits >= a->bits && heads_match(a->bytes, b->bytes, a->bits);
}

str cidr_text(const cidr *c, arena *a)
{
	bool is_v4 = memcmp(c->bytes, mapped, V4_AT) == 0 && c->bits >= V6_BITS - V4_BITS;
	char z[TEXT_MAX];

	inet_ntop(is_v4 ? AF_INET : AF_INET6, c->bytes + (is_v4 ? V4_AT : 0), z, sizeof(z));
	return str_print(a, "%s/%d", z, c->bits - (is_v4 ? V6_BITS - V4_BITS : 0));
}
