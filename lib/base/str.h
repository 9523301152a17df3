/* str: a span of bytes that somebody else owns.
 *
 * A str is never NUL-terminated by contract. `p == NULL` means absent, which differs from empty. Spans point into
 * request buffers, arenas or literals; whoever keeps one longer than its owner copies it (str_dup in base/arena.h).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
	const char *p;
	uint32_t n;
} str;

/* A list of spans, owned as its elements are. */
typedef struct strs {
	str *v;
	uint32_t n;
} strs;

typedef struct i64s {
	int64_t *v;
	uint32_t n;
} i64s;

#define S(literal) ((str){"" literal, sizeof(literal) - 1})
#define STR_NONE   ((str){NULL, 0})
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

/* From a C string; NULL gives STR_NONE. */
str str_from(const char *z);
str str_of(const char *p, size_t n);

bool str_eq(str a, str b); /* absent equals only absent */
bool str_eq_nocase(str a, str b);
int str_cmp(str a, str b); /* bytewise, shorter first */
bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);

static inline bool str_is_empty(str s)
{
	return s.n == 0;
}

/* Index of the first c at or after `from`, or -1. */
int64_t str_find(str s, char c, uint32_t from);
/* The part [from, to); both are clamped. */
str str_cut(str s, size_t from, size_t to);
/* Without blanks and tabs at both ends. */
str str_trim(str s);

/* Takes the text up to the first `sep` off *rest and returns it; without sep it takes all and *rest becomes absent. */
str str_split(str *rest, char sep);

/* Decimal integers, strict: an optional '-', digits, nothing else, no leading zeros, in range. False leaves *ret alone.
 */
bool str_to_i64(str s, int64_t *ret);
bool str_to_u64(str s, uint64_t *ret);

/* Seeded at random once per process, so that senders cannot choose keys that collide. Never store or send it. */
uint64_t str_hash(str s);

/* Equal without a hint by timing; both must have the same length to be equal. */
bool str_eq_secret(str a, str b);

/* `[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?`; with dots for models and classes. (design/api.md) */
bool str_is_name(str s);
bool str_is_class_name(str s);
bool str_is_utf8(str s);
