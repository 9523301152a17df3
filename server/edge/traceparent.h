/* traceparent: the place of a request in the caller's trace (W3C Trace Context, level 1).
 *
 * What the caller sends in `traceparent` is gone on with; without it, or when it is malformed, a trace begins here. The
 * answer's traceparent names the caller's trace and this request's own span.
 */
#pragma once
#include "base/str.h"

enum { TRACEPARENT_ID = 32, TRACEPARENT_SPAN = 16, TRACEPARENT_MAX = 56 };

typedef struct traceparent {
	char id[TRACEPARENT_ID + 1];     /* lower-case hex */
	char span[TRACEPARENT_SPAN + 1]; /* of this request */
	char flags[3];
} traceparent;

/* Numbers that nobody guesses are not needed: only numbers that nobody else has. A state of its own per process. */
typedef struct traceparent_source {
	uint64_t state;
} traceparent_source;

traceparent_source traceparent_source_new(void);
/* given: the header's value, absent for none. */
void traceparent_begin(traceparent_source *s, str given, traceparent *ret);
/* The header's value for the answer. */
void traceparent_print(const traceparent *t, char out[TRACEPARENT_MAX]);
