/* mint: keys and tokens of a made-up identity provider, good ones and bad ones. */
#pragma once
#include "base/arena.h"

typedef struct mint_key mint_key;

/* kind: "RSA" (2048 bits), "RSA1024", "P-256", "P-384". Ends with the arena. */
mint_key *mint_key_new(arena *a, const char *kind, const char *kid);
/* The same from a PEM file; makes it first when it is not there. */
mint_key *mint_key_file(arena *a, const char *path, const char *kind, const char *kid);
/* Its public part as a JWK; more: further members with a comma in front, or "". */
str mint_jwk(arena *a, const mint_key *k, const char *more);
/* {"keys":[...]} of the keys. */
str mint_jwks(arena *a, const mint_key *const *v, size_t n);

/* The compact form. alg stands in the header and says how it is signed: RS256, ES256, "none" (no signature), HS256
 * (with the PEM of the public key as the secret: key confusion). kid may be NULL; header: further members with a comma
 * in front, or "". */
str mint_token(arena *a, const mint_key *k, const char *alg, const char *kid, const char *header, str claims);
/* Any three parts, encoded; signature may be absent. */
str mint_parts(arena *a, str header, str claims, str signature);
