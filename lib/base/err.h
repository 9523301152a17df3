/* err: what can go wrong, as one list, and the detail that goes with it.
 *
 * Fallible functions return `err` (ERR_OK = 0). What a client or operator needs beyond the code goes into a `fault`
 * that the caller owns; it is written only on failure. assert() is for our own mistakes and stays in release builds.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

typedef enum err {
	ERR_OK = 0,
#define E(id, status, code, title) ERR_##id,
#include "errors.def"
#undef E
	ERR_COUNT
} err;

#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))

enum { FAULT_POINTER_MAX = 256, FAULT_DETAIL_MAX = 512 };

/* The detail of one failure. `pointer` is a JSON Pointer (RFC 6901) into the body as a URI fragment
 * ("#/groups/0/name"), a parameter or header name, or empty. */
typedef struct fault {
	char pointer[FAULT_POINTER_MAX];
	char detail[FAULT_DETAIL_MAX];
	int32_t retry_after_s; /* 0: no advice */
} fault;

/* The http status, stable code and title of e. An internal error (status 0 in the list) gives 500 and its own code. */
int err_status(err e);
const char *err_code(err e);
const char *err_title(err e);

/* Whether the same request may succeed later without a change: 408, 409 in flight, 429 and 5xx but 501. */
bool err_is_retryable(err e);

/* Writes pointer (may be NULL) and a printf detail into f (may be NULL: nothing is written), clears retry_after_s and
 * returns e. Both are cut at a whole character; the arguments may point into f itself. */
err fault_set(fault *f, err e, const char *pointer, const char *detail_fmt, ...) PRINTF(4, 5);

/* Puts "/name" or "/index" in front of the pointer, as a nested reader unwinds. "#" stays first; an empty pointer
 * becomes
 * "#/name", and one that does not begin with "#" names something else and is left alone. name is escaped (RFC 6901,
 * sections 3 and 6); a pointer that gets too long loses its end. */
void fault_prefix(fault *f, str name);
