/* kube: calls to a cluster's API server, on the loop.
 *
 * It signs each call with what login.h found: a token file is read again every KUBE_TOKEN_US and after a 401, a program
 * that prints credentials is run when they end and after a 401; such a call is sent once more, since a 401 has changed
 * nothing. Everything else (retries, backoff, what a 409 means) is the caller's to decide. Watches have connections of
 * their own, so one that stalls holds up no bind; a peer that is gone without a word is found out in KUBE_DEAD_MS.
 */
#pragma once
#include "agents/kube/login.h"
#include "net/loop.h"

enum {
	KUBE_TIMEOUT_MS = 10000,
	KUBE_DEAD_MS = 30000,
	KUBE_CONNECTIONS = 24,
	KUBE_PROGRAM_MS = 60000,
	KUBE_REFUSAL_MAX = 64 << 10, /* of the body of a refused stream */
	KUBE_URL_MAX = 8192,
};
#define KUBE_TOKEN_US   ((int64_t)60 * 1000000)
#define KUBE_EXPIRES_US ((int64_t)30 * 1000000) /* before their end, printed credentials are printed anew */

/* Content types of a PATCH. */
#define KUBE_MERGE "application/merge-patch+json"
#define KUBE_APPLY "application/apply-patch+yaml" /* server-side apply; JSON is YAML */

typedef struct kube kube;
typedef struct kube_call kube_call;

typedef struct kube_reply {
	err e;       /* OK: an answer came, whatever its status */
	long status; /* 0: none came */
	str body;
	/* Of a refusal: the machine's word ("NotFound", "AlreadyExists", "Expired") and a sentence; either may be
	 * absent. */
	str reason, message;
	int64_t retry_after_ms; /* 0: no advice */
} kube_reply;

typedef struct kube_request {
	const char *method;       /* "GET" */
	str path;                 /* with its query: "/api/v1/pods?limit=500" */
	const char *content_type; /* NULL: JSON */
	str body;                 /* copied */
	int64_t timeout_ms;       /* 0: KUBE_TIMEOUT_MS, of a stream none */
	int64_t body_max;         /* of the answer; 0: 16 MiB */
	/* A stream: pieces of the body of a 200, as they come. */
	void (*on_piece)(void *arg, str piece);
	/* Once, from the loop, with ERR_CLOSED when it was cancelled. Texts are valid during the call only. */
	void (*on_done)(void *arg, const kube_reply *r);
	void *arg;
} kube_request;

/* Everything in who is copied. */
kube *kube_open(loop *l, const login *who, const char *user_agent);
/* Calls under way end with ERR_CLOSED, from the loop: their owners stay until then. NULL-safe. */
void kube_close(kube *k);
/* A path that is absent or makes a URL over KUBE_URL_MAX fails with ERR_LIMIT, like any call. */
kube_call *kube_send(kube *k, const kube_request *q);
/* on_done comes from the loop. */
void kube_cancel(kube_call *c);

static inline bool kube_is_done(const kube_reply *r)
{
	return r->e == ERR_OK && r->status >= 200 && r->status < 300;
}

/* What a Status object says; all absent when body is none. Points into body or a. */
typedef struct kube_status {
	str reason, message;
	int64_t code, retry_after_s;
} kube_status;
kube_status kube_status_read(str body, arena *a);
