/* id: names nobody has to coordinate.
 *
 * An id is a kind prefix and a ULID (26 characters of Crockford base 32: 48 bits of milliseconds, 80 random bits). Ids
 * made by one process in one millisecond rise, so that rows insert at the end of their index.
 */
#pragma once
#include "base/err.h"

enum { ID_MAX = 32, ID_ULID = 26 };

typedef struct id {
	char p[ID_MAX]; /* NUL-terminated */
} id;

/* prefix is 3 letters without the underscore: id_make("plc") -> "plc_01J9...". */
id id_make(const char *prefix);
static inline str id_str(const id *i)
{
	return str_from(i->p);
}

/* Whether s is this prefix, an underscore and a well-formed ULID. */
bool id_is(str s, const char *prefix);

/* n random bytes from the kernel. Aborts when there are none: nothing safe can follow. */
void random_bytes(void *out, size_t n);
/* n characters of [0-9A-Za-z], without modulo bias, plus a NUL: out holds n + 1. */
void random_text(char *out, size_t n);
