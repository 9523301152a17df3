/* attempt: which attempt of a placement this is, by its fence "incarnation.number"; a higher one ends all lower ones.
 */
#pragma once
#include "base/str.h"

typedef struct attempt {
	int64_t incarnation, number;
} attempt;

/* False: not of that form, or below 0. */
bool attempt_read(str s, attempt *ret);
/* Below, at or above 0: a is older than, the same as, or newer than b. */
int attempt_cmp(attempt a, attempt b);
