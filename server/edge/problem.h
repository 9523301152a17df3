/* problem: an error as a document for clients (RFC 9457, application/problem+json). */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* What the document needs besides the error itself. */
typedef struct problem {
	err e;
	const fault *fault;   /* may be NULL */
	str instance;         /* the request's id */
	str current_etag;     /* of what stands in the way; absent: none */
	const char *claim;    /* IDENTITY_REFUSED: what is wrong in the token; NULL: none */
	bool is_oauth;        /* with the members of RFC 6749, 5.2 too */
	const char *violated; /* the rate policy that was broken; NULL: none */
} problem;

/* The error a client is told for e: what stays inside the process becomes INTERNAL or UNAVAILABLE. */
err problem_err(err e);
void problem_write(buf *out, const problem *p);
/* The header lines that go with it: Retry-After, WWW-Authenticate. */
void problem_headers(buf *out, const problem *p);
