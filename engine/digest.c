#include "engine/digest.h"

#include <string.h>

/* FNV-1a, then a finaliser: the same on both sides, whatever they are built for. */
static uint64_t hash_of(str s, uint64_t seed)
{
	uint64_t h = 14695981039346656037u ^ seed;

	for (uint32_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

uint32_t digest_bucket(str placement)
{
	return (uint32_t)(hash_of(placement, 0) % DIGEST_BUCKETS);
}

void digest_toggle(digest *d, str placement, int64_t incarnation, int64_t number)
{
	uint64_t attempt = (uint64_t)incarnation * 0x9e3779b97f4a7c15u ^ (uint64_t)number;

	d->v[digest_bucket(placement)] ^= hash_of(placement, attempt | 1);
}

void digest_write(const digest *d, buf *out)
{
	for (int i = 0; i < DIGEST_BUCKETS; i++)
		buf_printf(out, "%016llx", (unsigned long long)d->v[i]);
}

static bool bucket_read(const char *p, uint64_t *ret)
{
	static const char digits[] = "0123456789abcdef";

	*ret = 0;
	for (int i = 0; i < DIGEST_BUCKET_HEX; i++) {
		const char *at = p[i] ? strchr(digits, p[i]) : NULL;
		if (!at)
			return false;
		*ret = *ret << 4 | (uint64_t)(at - digits);
	}
	return true;
}

bool digest_read(str text, digest *ret)
{
	if (text.n != DIGEST_BUCKETS * DIGEST_BUCKET_HEX)
		return false;
	for (int i = 0; i < DIGEST_BUCKETS; i++)
		if (!bucket_read(text.p + i * DIGEST_BUCKET_HEX, &ret->v[i]))
			return false;
	return true;
}

uint32_t digest_compare(const digest *x, const digest *y, int64_t out[DIGEST_BUCKETS])
{
	uint32_t n = 0;

	for (int i = 0; i < DIGEST_BUCKETS; i++)
		if (x->v[i] != y->v[i])
			out[n++] = i;
	return n;
}
