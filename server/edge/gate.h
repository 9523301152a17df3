/* gate: what stands before every operation: route, identity, rights, conditions, query and body. */
#pragma once
#include "server/edge/edge.h"

/* Takes what the server read; the request answers itself from here on. */
void gate_take(edge *e, web_req *w);
/* Whether the caller's scope was read before this request came: then what it does not see may be new, and gate_again
 * reads it once more and begins anew. */
bool gate_may_again(const request *r);
step gate_again(request *r);
/* Looks at the client certificate and its row, once more when it was remembered for too long, and goes on at
 * r->checked_next. */
step gate_agent(request *r);
