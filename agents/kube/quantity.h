/* quantity: an amount of a Kubernetes resource, read and written as the API server does.
 *
 * "0.5", "500m", "16Gi", "8e3": a sign, digits with an optional fraction, and one of n u m (none) k M G T P E,
 * Ki Mi Gi Ti Pi Ei, or e/E with a decimal exponent. The value is kept exactly, in thousand-millionths; what is finer
 * is rounded up, away from zero. Canonical text keeps the form the amount came in (thousands, 1024s or an exponent) and
 * takes the largest suffix that loses nothing: 8000 is "8k", 16384Mi is "16Gi", 1.5 is "1500m".
 *
 * As in the API server a binary amount past 2^63-1 is that, and one below 1024, or with a fraction, is written in
 * thousands. Other than there, what does not fit is refused, where Go's arithmetic goes round silently; 1000E keeps its
 * suffix; every rounding is away from zero, and a text needs a digit ("k" is 0 there).
 */
#pragma once
#include "base/err.h"

__extension__ typedef __int128 quantity_nano;

typedef enum quantity_form { QUANTITY_DECIMAL, QUANTITY_BINARY, QUANTITY_EXPONENT } quantity_form;

typedef struct quantity {
	quantity_nano nano; /* thousand-millionths */
	quantity_form form;
} quantity;

/* One row of a resource list. */
typedef struct quantity_row {
	str resource;
	quantity q;
} quantity_row;

enum { QUANTITY_TEXT_MAX = 64 };

/* ERR_BAD_FIELD: no quantity. ERR_LIMIT: 10^28 or more. *ret is untouched then. */
err quantity_read(str text, quantity *ret) MUST_CHECK;
quantity quantity_of(int64_t units, quantity_form form);

/* Canonical text; returns its length, without the NUL. */
uint32_t quantity_print(quantity q, char out[QUANTITY_TEXT_MAX]);

/* In units of 10^exponent, rounded away from zero: exponent 0 is Kubernetes' Value, -3 its MilliValue. exponent is -9
 * to
 * 18. False, and *ret untouched: it does not fit. */
bool quantity_to_i64(quantity q, int exponent, int64_t *ret);
/* Of an amount in bytes: whole MiB, rounded away from zero. */
bool quantity_to_mib(quantity q, int64_t *ret);
/* Extended resources must be. */
bool quantity_is_whole(quantity q);

static inline int quantity_cmp(quantity a, quantity b)
{
	return (a.nano > b.nano) - (a.nano < b.nano);
}

/* The sum has a's form, as in Kubernetes, or b's where a is zero. False, and *ret untouched: it does not fit. */
bool quantity_add(quantity a, quantity b, quantity *ret);
