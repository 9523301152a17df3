/* digest: SHA-256 (FIPS 180-4), for hash chains and fingerprints. */
#pragma once
#include "base/str.h"

enum { DIGEST_BYTES = 32 };

/* The digest of the parts one after another. Aborts when the library cannot (out of memory). */
void digest_sha256(const str *parts, size_t n, uint8_t ret_digest[DIGEST_BYTES]);
