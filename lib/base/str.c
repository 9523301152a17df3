#include "base/str.h"
#include <assert.h>
#include "base/id.h"

enum { NAME_MAX_BYTES = 63, BLOCK = sizeof(uint64_t) };

#define HIGH_BITS 0x8080808080808080u

str str_from(const char *z)
{
	return z ? str_of(z, strlen(z)) : STR_NONE;
}

str str_of(const char *p, size_t n)
{
	assert(n <= UINT32_MAX);
	return (str){p, (uint32_t)n};
}

bool str_eq(str a, str b)
{
	if (!a.p || !b.p)
		return a.p == b.p;
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool str_eq_nocase(str a, str b)
{
	if (!a.p || !b.p)
		return a.p == b.p;
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

int str_cmp(str a, str b)
{
	uint32_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	if (order)
		return order;
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return (a.p != NULL) - (b.p != NULL);
}

bool str_starts(str s, str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(str s, str suffix)
{
	return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

int64_t str_find(str s, char c, uint32_t from)
{
	if (from >= s.n)
		return -1;
	const char *at = memchr(s.p + from, c, s.n - from);
	return at ? at - s.p : -1;
}

str str_cut(str s, size_t from, size_t to)
{
	if (!s.p)
		return STR_NONE;
	to = to > s.n ? s.n : to;
	from = from > to ? to : from;
	return str_of(s.p + from, to - from);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

str str_trim(str s)
{
	uint32_t from = 0, to = s.n;

	while (from < to && is_blank(s.p[from]))
		from++;
	while (to > from && is_blank(s.p[to - 1]))
		to--;
	return str_cut(s, from, to);
}

str str_split(str *rest, char sep)
{
	str all = *rest;
	int64_t at = str_find(all, sep, 0);

	*rest = at < 0 ? STR_NONE : str_cut(all, (size_t)at + 1, all.n);
	return at < 0 ? all : str_cut(all, 0, (size_t)at);
}

bool str_to_u64(str s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.n == 0 || (s.n > 1 && s.p[0] == '0'))
		return false;
	for (uint32_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

bool str_to_i64(str s, int64_t *ret)
{
	bool is_negative = s.n > 0 && s.p[0] == '-';
	uint64_t size;

	if (!str_to_u64(is_negative ? str_cut(s, 1, s.n) : s, &size))
		return false;
	if (is_negative ? size == 0 || size > (uint64_t)INT64_MAX + 1 : size > INT64_MAX)
		return false;
	*ret = (int64_t)(is_negative ? -size : size);
	return true;
}

/* Folding the full product back mixes every bit of both sides into the low and high halves alike. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t block_at(const char *p, size_t n)
{
	uint64_t v = 0;
	memcpy(&v, p, n);
	return v;
}

uint64_t str_hash(str s)
{
	static uint64_t seed;
	const uint64_t odd = 0x9e3779b97f4a7c15u, other = 0xd1b54a32d192ed03u;

	while (!seed)
		random_bytes(&seed, sizeof(seed));
	uint64_t h = seed ^ s.n;
	uint32_t i = 0;
	for (; s.n - i >= BLOCK; i += BLOCK)
		h = fold(h ^ block_at(s.p + i, BLOCK), odd);
	if (i < s.n)
		h = fold(h ^ block_at(s.p + i, s.n - i), odd);
	return fold(h ^ other, odd);
}

bool str_eq_secret(str a, str b)
{
	volatile unsigned char diff = 0;

	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++)
		diff = (unsigned char)(diff | (a.p[i] ^ b.p[i]));
	return diff == 0;
}

static bool is_alnum_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_name_with(str s, char inner)
{
	if (s.n == 0 || s.n > NAME_MAX_BYTES || !is_alnum_lower(s.p[0]) || !is_alnum_lower(s.p[s.n - 1]))
		return false;
	for (uint32_t i = 1; i + 1 < s.n; i++)
		if (!is_alnum_lower(s.p[i]) && s.p[i] != '-' && s.p[i] != inner)
			return false;
	return true;
}

bool str_is_name(str s)
{
	return is_name_with(s, '-');
}

bool str_is_class_name(str s)
{
	return is_name_with(s, '.');
}

/* Length of the well-formed sequence at p (RFC 3629, section 4), or 0. The second byte's range depends on the first:
 * that is what refuses overlong forms, surrogates and what lies past U+10FFFF. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	unsigned char first = p[0];
	size_t n = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;

	if (n == 0 || n > left)
		return 0;
	unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (n > 1 && (p[1] < low || p[1] > high))
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool str_is_utf8(str s)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		if (s.n - i >= BLOCK && !(block_at(s.p + i, BLOCK) & HIGH_BITS))
			n = BLOCK;
		else if (!(n = utf8_length((const unsigned char *)s.p + i, s.n - i)))
			return false;
	}
	return true;
}
