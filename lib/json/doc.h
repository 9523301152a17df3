/* doc: free-form documents as a tree, by jansson. Only for shapes not known beforehand: policies, manifests, test
 * oracles.
 *
 * Parsing refuses duplicate keys, fractions, integers beyond 2^53-1, U+0000, depth over DOC_DEPTH_MAX and texts over
 * DOC_BYTES_MAX, because a tree takes up to 80 times the memory of its text.
 */
#pragma once
#include <jansson.h>
#include "base/arena.h"

enum { DOC_BYTES_MAX = 1 << 20, DOC_DEPTH_MAX = 32 };

/* The caller owns *ret (json_decref), or lets the arena own it when a is not NULL. ERR_LIMIT: too many bytes; else the
 * codes of js_read. */
err doc_read(str text, arena *a, json_t **ret, fault *f) MUST_CHECK;
/* RFC 7396: target (may be NULL) with patch merged in, new reference. Neither is changed; unchanged parts are shared
 * with both, so read the result only. */
json_t *doc_merge(json_t *target, json_t *patch);
/* Canonical bytes: sorted keys, no blanks, integers only. */
str doc_canonical(const json_t *doc, arena *a);
/* Equal but for the order of keys. */
bool doc_eq(const json_t *a, const json_t *b);
