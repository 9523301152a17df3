/* oidc: how people sign in: the client's side of OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636), as
 * far as it needs no network.
 *
 * What a sign-in begins with (state, nonce, verifier, the page to come back to) travels in a signed cookie of the
 * browser that began it, for OIDC_ATTEMPT_S; the server keeps nothing. No token of the provider ever reaches a script.
 */
#pragma once
#include "server/identity/facts.h"
#include "server/settings.h"

enum {
	OIDC_ATTEMPT_S = 600,
	OIDC_SECRET = 32,
	OIDC_WORD = 32,     /* of state and nonce: 190 random bits */
	OIDC_VERIFIER = 64, /* RFC 7636, 4.1: 43 to 128 */
	OIDC_RETURN_MAX = 500,
	SESSION_LIFE_S = 8 * 3600,
	SESSION_IDLE_S = 3600,
};

typedef struct oidc oidc;

/* *ret NULL without an error: no provider is set. secret: of this data folder, the same for all edges. */
err oidc_open(const server_settings *s, const uint8_t secret[OIDC_SECRET], oidc **ret, fault *f) MUST_CHECK;
void oidc_free(oidc *o); /* NULL-safe */

str oidc_issuer(const oidc *o);
str oidc_client(const oidc *o);

/* A path of this server: nothing that leads a browser elsewhere. */
bool oidc_return_is_fine(str to);

typedef struct oidc_attempt {
	char state[OIDC_WORD + 1], nonce[OIDC_WORD + 1], verifier[OIDC_VERIFIER + 1];
	str to;
	int64_t until_us; /* UTC */
} oidc_attempt;

oidc_attempt oidc_attempt_new(str to, int64_t now_us);
/* The attempt as the signed value of a cookie; and back: false for one that is forged, changed or too old. */
str oidc_attempt_sign(const oidc *o, const oidc_attempt *t, arena *a);
bool oidc_attempt_read(const oidc *o, str signed_text, int64_t now_us, arena *a, oidc_attempt *ret);

/* Where to send the browser; what to send to the token endpoint, and its Authorization line or NULL; where to end the
 * provider's own session, or STR_NONE. */
str oidc_login_url(const oidc *o, str endpoint, const oidc_attempt *t, arena *a);
str oidc_code_form(const oidc *o, str code, const oidc_attempt *t, arena *a);
const char *oidc_authorization(const oidc *o, arena *a);
str oidc_logout_url(const oidc *o, str endpoint, arena *a);

typedef struct oidc_person {
	str subject, name; /* user:ada@example.com */
	strs groups;       /* group:gpu */
	str issuer_subject, issuer_sid;
} oidc_person;

/* Who the checked claims of an identity token are about. IDENTITY_REFUSED with the claim as pointer. */
err oidc_person_read(const oidc *o, const facts *claims, arena *a, oidc_person *ret, fault *f) MUST_CHECK;
