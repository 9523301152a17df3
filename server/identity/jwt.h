/* jwt: an identity token of somebody else's (RFC 7519), read and checked by the rules of RFC 8725.
 *
 * Three steps, each refusing: jwt_read takes it apart and believes nothing, jwt_verify holds it against a key,
 * jwt_check holds what it claims against what is demanded. Every refusal is ERR_IDENTITY_REFUSED, with the claim (or
 * the header's member, or "signature") that is wrong as the fault's pointer, and never repeats the token.
 */
#pragma once
#include "server/identity/facts.h"
#include "server/identity/jwks.h"

enum {
	JWT_BYTES_MAX = 16 * 1024,
	JWT_SKEW_S = 30,        /* clocks may differ by that much */
	JWT_LIFE_MAX_S = 86400, /* from iat to exp: who signs for longer hands out keys, not identities */
	JWT_AUDIENCES_MAX = 16,
	JWT_REQUIRED_MAX = 8,
};

typedef struct jwt {
	str text; /* as it came */
	jwk_alg alg;
	str kid;
	facts header, claims;
} jwt;

typedef struct jwt_demand {
	str issuer;
	str audience; /* absent: any, but one: the caller looks at it */
	str type;     /* the header's typ besides JWT and none; may be absent */
	int64_t now_s;
	const char *required[JWT_REQUIRED_MAX]; /* besides iss, aud, iat, exp; texts that are not empty */
	bool is_endless;                        /* exp may be missing: logout tokens of old providers */
} jwt_demand;

/* Spans point into text and a. */
err jwt_read(str text, arena *a, jwt *ret, fault *f) MUST_CHECK;
err jwt_verify(const jwt *t, const jwk *k, fault *f) MUST_CHECK;
err jwt_check(const jwt *t, const jwt_demand *d, arena *a, fault *f) MUST_CHECK;

/* The issuer it claims, for finding its keys; before jwt_check it is only a claim. */
str jwt_issuer(const jwt *t);
/* Its one audience, or STR_NONE. */
str jwt_audience(const jwt *t, arena *a);
