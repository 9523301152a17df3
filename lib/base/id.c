#include "base/id.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/clock.h"

enum { PREFIX = 3, BITS_PER_CHAR = 5, ALNUM = 62, POOL_BYTES = 64 };

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void random_bytes(void *out, size_t n)
{
	char *p = out;

	while (n) {
		ssize_t got = getrandom(p, n, 0);
		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}

void random_text(char *out, size_t n)
{
	static const char set[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	unsigned char pool[POOL_BYTES];

	for (size_t i = 0; i < n;) {
		random_bytes(pool, sizeof(pool));
		/* Bytes past the last whole multiple of the set's size would favour its first characters. */
		for (size_t k = 0; k < sizeof(pool) && i < n; k++)
			if (pool[k] < 256 / ALNUM * ALNUM)
				out[i++] = set[pool[k] % ALNUM];
	}
	out[n] = '\0';
}

/* The next ULID as one number: 48 bits of milliseconds over 80 random bits. Within a millisecond, or when the clock
 * steps back, it counts up; a fork starts afresh, since parent and child would count the same. */
static unsigned __int128 ulid_next(void)
{
	static unsigned __int128 last;
	static pid_t owner;
	uint64_t ms = (uint64_t)clock_now_us() / 1000;
	pid_t self = getpid();

	if (self == owner && ms <= (uint64_t)(last >> 80))
		return ++last;
	owner = self;
	random_bytes(&last, sizeof(last));
	last = (unsigned __int128)ms << 80 | last >> 48;
	return last;
}

id id_make(const char *prefix)
{
	assert(strlen(prefix) == PREFIX);
	unsigned __int128 v = ulid_next();
	id made = {0};

	memcpy(made.p, prefix, PREFIX);
	made.p[PREFIX] = '_';
	for (int i = ID_ULID - 1; i >= 0; i--, v >>= BITS_PER_CHAR)
		made.p[PREFIX + 1 + i] = crockford[v & 31];
	return made;
}

bool id_is(str s, const char *prefix)
{
	str ulid = str_cut(s, PREFIX + 1, s.n);

	if (s.n != PREFIX + 1 + ID_ULID || !str_starts(s, str_from(prefix)) || s.p[PREFIX] != '_')
		return false;
	/* 26 characters hold 130 bits: the first stands for three. */
	if (ulid.p[0] > '7')
		return false;
	for (uint32_t i = 0; i < ulid.n; i++)
		if (!ulid.p[i] || !strchr(crockford, ulid.p[i]))
			return false;
	return true;
}
