/* digest: a short sum of what a cluster runs, by which its agent and the server find out that they mean something else,
 * and where.
 *
 * Attempts of placements fall into DIGEST_BUCKETS by their placement; a bucket is the exclusive or of its attempts'
 * hashes. To add and to take away are the same.
 */
#pragma once
#include <stdbool.h>

#include "base/buf.h"

enum { DIGEST_BUCKETS = 256, DIGEST_BUCKET_HEX = 16 };

typedef struct digest {
	uint64_t v[DIGEST_BUCKETS];
} digest;

uint32_t digest_bucket(str placement);
/* Adds the attempt "incarnation.number" of a placement, or takes it away. */
void digest_toggle(digest *d, str placement, int64_t incarnation, int64_t number);
/* Lower-case hexadecimal, bucket by bucket. */
void digest_write(const digest *d, buf *out);
bool digest_read(str text, digest *ret);
/* How many buckets differ; their numbers, rising, into out. */
uint32_t digest_compare(const digest *x, const digest *y, int64_t out[DIGEST_BUCKETS]);
