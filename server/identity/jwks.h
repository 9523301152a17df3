/* jwks: the public keys of an identity provider, as it publishes them (RFC 7517, section 5).
 *
 * Of a set only keys that may check signatures here are kept: RSA of 2048 to 8192 bits for RS256, EC on P-256 for
 * ES256, each with a kid, meant for signatures, without a private part. A key serves the one algorithm of its type,
 * whatever a token's header says.
 */
#pragma once
#include "base/arena.h"

typedef enum jwk_alg { JWK_NONE, JWK_RS256, JWK_ES256 } jwk_alg;

enum {
	JWKS_BYTES_MAX = 256 * 1024,
	JWKS_KEYS_MAX = 64,
	JWKS_LISTED_MAX = 1000,
	JWK_RSA_BITS_MIN = 2048,
	JWK_RSA_BITS_MAX = 8192
};

typedef struct jwks jwks;
typedef struct jwk jwk;

/* Keys that cannot be used are passed over, and those behind the first JWKS_LISTED_MAX are not looked at; a set without
 * any is an error. */
err jwks_read(str json, jwks **ret, fault *f) MUST_CHECK;
void jwks_free(jwks *s); /* NULL-safe */
uint32_t jwks_count(const jwks *s);

/* The key of that name for that algorithm, or NULL. As long as the set. */
const jwk *jwks_find(const jwks *s, str kid, jwk_alg alg);

/* The algorithm by its name in a header, JWK_NONE for all that are not on the list. */
jwk_alg jwk_alg_find(str name);
const char *jwk_alg_name(jwk_alg alg);

/* Whether the compact JWS (RFC 7515, 7.1) is signed by the key, by the key's own algorithm. */
bool jwk_verify(const jwk *k, str compact);
