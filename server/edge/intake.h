/* intake: placements of many requests as one statement.
 *
 * A lane makes one commit of what waits; here what waits becomes one statement as well, because the cost of starting a
 * statement is several times that of one more row in it. What arrives while a statement is in flight leaves together
 * when an answer is there, rows in the order of arrival; callers of different scope never share a statement. Requests
 * with an Idempotency-Key do not come this way: their key is looked up and stored with them.
 *
 * There are two lanes, so that one group is read and answered while the database stores the other: with one they took
 * turns, and half of the time each of them waited.
 *
 * A statement that fails as a whole is taken apart, so that one request's fault is that request's answer alone.
 */
#pragma once
#include "db/lane.h"

enum { INTAKE_LANES = 2, INTAKE_ROWS_MAX = 512, INTAKE_BYTES_MAX = 1 << 20 };

typedef struct intake intake;
typedef struct intake_ask intake_ask;

/* The rows of one request, owned by the caller and unchanged until on_done, which runs exactly once, from the loop or
 * inside intake_close. */
struct intake_ask {
	db_scope scope;
	const void *scope_owner; /* equal pointers: the same scope */
	strs ids, bodies;
	i64s tenant_keys;
	str actor, request_id;
	void (*on_done)(intake_ask *a, err e, const fault *f);
	void *arg;
	/* The intake's own. */
	intake_ask *next;
	bool is_alone;
};

/* The lanes may carry other writes as well. */
intake *intake_new(loop *l, lane *const lanes[INTAKE_LANES]);
void intake_add(intake *i, intake_ask *a);
/* Before the lanes are freed: what was not sent is answered UNAVAILABLE, and nothing is taken any more. */
void intake_close(intake *i);
void intake_free(intake *i); /* after the lanes; NULL-safe */
