/* credential: the agent's own key and certificate.
 *
 * The key is made here and never leaves the machine: EC P-256, PKCS #8 PEM, mode 0600. The server signs a PKCS #10
 * request (RFC 2986) for it.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* Makes the key when the file is not there; otherwise checks that it is a key. */
err credential_key(const char *key_path, fault *f) MUST_CHECK;
/* The request for that key, PEM, with common_name (at most 64 bytes, cut) as its subject; in a. */
err credential_request(const char *key_path, str common_name, arena *a, str *ret_pem, fault *f) MUST_CHECK;
/* When the certificate ends, UTC. ERR_TLS: no certificate, or not one for this key. */
err credential_check(str cert_pem, const char *key_path, int64_t *ret_until_us, fault *f) MUST_CHECK;
