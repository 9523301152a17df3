/* base64: bytes as text (RFC 4648, section 4: the standard alphabet, padded). */
#pragma once
#include "base/arena.h"

str base64_print(str bytes, arena *a);
/* Blanks and line ends inside are passed over, as PEM and kubeconfigs have them. False: another character, or a length
 * or padding that no bytes have; *ret is untouched. */
bool base64_read(str text, arena *a, str *ret);
