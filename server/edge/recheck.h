/* recheck: whether whoever was let in may stay: for streams, which outlive the gate. */
#pragma once
#include "server/edge/edge.h"
#include "server/edge/recognize.h"

typedef struct recheck recheck;

/* e: OK: as before, but perhaps with other tenants below; TOKEN_INVALID: revoked, or its tenant is gone; TOKEN_EXPIRED;
 * PERMISSION_DENIED: it holds other rights, or at other nodes; or why it could not be asked. `now`: as read, a
 * reference for the callee with OK, else NULL. */
typedef void recheck_done(recheck *c, err e, principal *now);

struct recheck {
	recognize recognize;
	const principal *was;
	recheck_done *on_done;
};

/* Reads the token of `was` again. c and was stay until on_done, which runs from the loop. */
void recheck_begin(recheck *c, edge *e, const principal *was, recheck_done *on_done);
