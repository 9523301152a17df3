#include "server/edge/touch.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/heap.h"
#include "db/sql.h"

/* Both statements take the id alone. */
typedef struct touched {
	union {
		sql_token_touch_in token;
		sql_session_touch_in session;
	} in;
	char id[ID_MAX];
} touched;

static void done(void *arg, db_reply *reply)
{
	(void)reply;
	free(arg);
}

void touch(edge *e, const principal *p, int64_t last_used_at_us)
{
	bool is_session = id_is(str_from(p->id), "ses");
	int64_t grain_us = is_session ? SESSION_USE_GRAIN_US : TOKEN_USE_GRAIN_US;

	if (clock_now_us() - last_used_at_us <= grain_us)
		return;
	touched *t = heap_new(1, sizeof(*t));
	memcpy(t->id, p->id, sizeof(t->id));
	if (is_session)
		t->in.session.id = str_from(t->id);
	else
		t->in.token.id = str_from(t->id);
	lane_run(e->platform_lane, 0, DB_PLATFORM, is_session ? SQL_SESSION_TOUCH : SQL_TOKEN_TOUCH, &t->in, done, t);
}
