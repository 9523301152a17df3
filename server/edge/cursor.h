/* cursor: where a page ended, as a text the client hands back.
 *
 * base64url(MAC, last), the MAC over the operation, the filters, the caller's tenant and the last value: a cursor of
 * another query, of another caller or made up by somebody is refused.
 */
#pragma once
#include "base/arena.h"

enum { CURSOR_MAC = 12, CURSOR_LAST_MAX = 4096 };

/* What the MAC covers besides the value: equal for two requests exactly when a cursor may go from one to the other. */
str cursor_make(arena *a, str secret, str filters, str last);
/* CURSOR_MISMATCH when it is not a cursor of these filters. *ret_last is in a. */
err cursor_read(arena *a, str secret, str filters, str cursor, str *ret_last, fault *f) MUST_CHECK;
