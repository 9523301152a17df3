/* edge: the extender over HTTP, as kube-scheduler speaks it: POST <prefix>/filter, /prioritize, /preempt, /bind.
 *
 * HTTP/1.1 alone: nothing is agreed on by ALPN, so a scheduler that offers h2 stays with it. Whole nodes make long
 * bodies, and an idle connection is kept as long as Go's clients keep theirs.
 */
#pragma once
#include "agents/scheduling/extender/binder.h"
#include "agents/scheduling/extender/extender.h"
#include "net/web.h"

enum {
	EXTENDER_BODY_MAX = 32 << 20,
	EXTENDER_BODIES_MAX = 96 << 20, /* of all connections together */
	EXTENDER_BIND_MAX = 64 << 10,   /* a bind's body has four names */
	EXTENDER_IDLE_MS = 120000,
};

typedef struct extender_edge extender_edge;

/* fd: a listening socket, the edge's from here on. tls NULL: plain. The extender and the binder must outlive it; binder
 * NULL: it does not bind (404). */
extender_edge *extender_edge_open(loop *l, int fd, tls_context *tls, extender *x, binder *b);
/* The same where somebody else listens. True: the request is one of these, and is answered, now or later. */
extender_edge *extender_edge_new(extender *x, binder *b);
bool extender_edge_take(extender_edge *e, web_req *r);
int64_t extender_edge_body_max(str path);
extern const web_limits extender_limits;
void extender_edge_close(extender_edge *e); /* NULL-safe */
