/* vouch: asking an identity provider whether a token is its own. */
#pragma once
#include "server/edge/request.h"
#include "server/identity/issuer.h"
#include "server/identity/jwt.h"

/* Lives in the request's arena. */
typedef struct vouch {
	request *of;
	const jwt *token;
	err e;       /* OK: it is signed by the provider; IDENTITY_REFUSED; ISSUER_UNAVAILABLE */
	fault fault; /* with e; pointer: the claim */
	issuer_description description;
} vouch;

/* Goes on at `next`, where v->e says what came. token NULL: the description alone is asked for. */
step vouch_ask(request *r, vouch *v, str issuer, const jwt *token, step_id next);

/* Ends with a refusal of the token that came in the parameter `name`: f names the claim. */
step vouch_fail(request *r, err e, const fault *f, const char *name);
/* Leaves a record of the refusal of a caller nobody knows, once per minute for each object and what was wrong. */
typedef struct vouch_refusal {
	err e;
	const char *action;
	str kind, object_id;
	int32_t tenant_key; /* whose log shows it */
	str tenant;
	const char *wrong; /* a claim, or what was wrong */
} vouch_refusal;
void vouch_record_refusal(const request *r, const vouch_refusal *what);
