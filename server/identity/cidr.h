/* cidr: ranges of IPv4 and IPv6 addresses, as "10.0.0.0/8", "2001:db8::/32" or one address. */
#pragma once
#include <stdbool.h>
#include "base/arena.h"
#include "base/str.h"

enum { CIDR_BYTES = 16 };

typedef struct cidr {
	uint8_t bytes[CIDR_BYTES]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t bits;              /* 0 to 128 */
} cidr;

/* False for another form, and for bits of the address behind the prefix: those are a mistake. */
bool cidr_parse(str text, cidr *ret);
/* Whether the address ("192.0.2.7", "2001:db8::1") is in the range. False for another form. */
bool cidr_holds(const cidr *c, str address);
/* Whether every address of b is in a. */
bool cidr_covers(const cidr *a, const cidr *b);
/* As cidr_parse reads it, always with its prefix. */
str cidr_text(const cidr *c, arena *a);
