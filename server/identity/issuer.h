/* issuer: what is known of identity providers: their description (OpenID Connect Discovery 1.0) and their keys, fetched
 * when first asked for and remembered.
 *
 * - A set of keys is taken as it is for ttl_us; then it is fetched anew.
 * - A key that is not in it is looked for once more, but never sooner than floor_us after the last attempt: tokens with
 *   made-up kids cause no storm, and after a provider rotates its keys the first token waits for the new set.
 * - While the provider does not answer, the old keys serve for stale_us after they were fetched. Then nobody is let in.
 *
 * Only https, with the CA that is configured; http on loopback when a test asks for it. No redirects, ISSUER_TIMEOUT_MS
 * for each call, ISSUER_BYTES_MAX of answer. Whoever asks decides which providers are asked at all: the names here come
 * from settings, never from a token or a tenant.
 */
#pragma once
#include "net/loop.h"
#include "server/identity/jwks.h"

enum { ISSUER_TIMEOUT_MS = 5000, ISSUER_BYTES_MAX = JWKS_BYTES_MAX, ISSUERS_MAX = 64, ISSUER_WAITS_MAX = 1024 };
#define ISSUER_TTL_US   ((int64_t)3600 * 1000000)
#define ISSUER_FLOOR_US ((int64_t)10 * 1000000)
#define ISSUER_STALE_US ((int64_t)24 * 3600 * 1000000)

typedef struct issuers issuers;

typedef struct issuer_options {
	loop *loop;
	const char *ca_file; /* NULL: the system's */
	const char *user_agent;
	bool takes_http; /* on loopback */
	int64_t ttl_us, floor_us, stale_us;
} issuer_options;

/* Of a provider's description; absent where it names none. */
typedef struct issuer_description {
	str authorization_endpoint, token_endpoint, end_session_endpoint;
} issuer_description;

typedef struct issuer_answer {
	err e;           /* ISSUER_UNAVAILABLE, or IDENTITY_REFUSED for a key that the provider does not have */
	const char *why; /* with e set */
	const jwk *key;
	const issuer_description *description;
} issuer_answer;

/* Runs once, never from inside the call that asked unless issuers_free does it. The answer is valid during it. */
typedef void issuer_done(void *arg, const issuer_answer *a);

issuers *issuers_new(const issuer_options *o);
/* Answers all that wait with ERR_CLOSED, at once. NULL-safe. */
void issuers_free(issuers *s);

/* The key of that name and algorithm. False: it cannot be asked, and on_done does not run. */
bool issuers_key(issuers *s, str issuer, str kid, jwk_alg alg, issuer_done *on_done, void *arg) MUST_CHECK;
/* The description alone. */
bool issuers_describe(issuers *s, str issuer, issuer_done *on_done, void *arg) MUST_CHECK;

typedef struct issuer_reply {
	err e;
	long status;
	str body;
	const char *why; /* with e set */
} issuer_reply;

/* One POST of a form to an endpoint of a provider, with an Authorization header or NULL. */
void issuers_post(issuers *s, str url, const char *authorization, str form,
	void (*on_done)(void *arg, const issuer_reply *r), void *arg);

/* Whether the text is the name of a provider that may be asked: an https URL without user, query and fragment, or http
 * on loopback when that is taken. */
bool issuer_is_fine(str url, bool takes_http);
