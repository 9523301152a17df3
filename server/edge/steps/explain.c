#include "db/sql.h"
#include "server/edge/dispatch.h"

/* Whether the caller sees it is asked in the caller's scope; why it waits, in nobody's: others are counted there, and
 * never named. */
step explain_ask(request *r)
{
	sql_placement_get_in *in = ARENA_NEW(r->arena, sql_placement_get_in);

	in->id = r->vars[0];
	return request_fetch(r, request_scope(r), SQL_PLACEMENT_GET, in, STEP_explain_seen);
}

step explain_seen(request *r)
{
	sql_placement_explain_in *in = ARENA_NEW(r->arena, sql_placement_explain_in);

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return request_fail(r, ERR_NOT_FOUND);
	in->id = r->vars[0];
	return request_fetch(r, DB_PLATFORM, SQL_PLACEMENT_EXPLAIN, in, STEP_read_reply);
}
