/* Who is signed in, and the end of it: each person their own, and whoever keeps the fleet's tokens everybody's.
 * Sessions are rows of no tenant, so what the caller may see is asked here and not of the database. */
#include "api/types/session.h"

#include "db/sql.h"
#include "server/edge/bind.h"
#include "server/edge/denial.h"
#include "server/edge/edge.h"
#include "server/edge/gate.h"
#include "server/edge/govern.h"
#include "server/edge/list.h"
#include "server/edge/permit.h"

typedef struct session_work {
	sql_session_find_in find;
	sql_session_end_in end;
} session_work;

static str own_subject(const request *r)
{
	return r->who->subject[0] ? str_from(r->who->subject) : STR_NONE;
}

step session_list(request *r)
{
	session_query *q = r->query;
	str own = own_subject(r);
	sql_session_list_in *in;

	if (!permit_for_fleet(r->who, RIGHT_TOKEN_READ)) {
		if (q->subject.p && !str_eq(q->subject, own)) {
			denial_record(r, ERR_PERMISSION_DENIED);
			return request_fail_at(r, ERR_PERMISSION_DENIED, "subject",
				"others' sessions are shown to who holds %s for the whole fleet",
				right_name(RIGHT_TOKEN_READ));
		}
		/* Nobody's, where nobody stands behind the credential. */
		q->subject = own.p ? own : S("");
	}
	in = bind_request(r, SQL_SESSION_LIST);
	return list_run(r, in);
}

step session_end_ask(request *r)
{
	session_work *w = ARENA_NEW(r->arena, session_work);

	r->work = w;
	w->find.id = w->end.id = r->vars[0];
	return request_fetch(r, DB_PLATFORM, SQL_SESSION_FIND, &w->find, STEP_session_end_found);
}

/* One that is not the caller's is as one that is not there, unless they keep the fleet's tokens. */
step session_end_found(request *r)
{
	session_work *w = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	str own = own_subject(r);
	bool may = r->reply.rows && (permit_for_fleet(r->who, RIGHT_TOKEN_WRITE) ||
					    (own.p && str_eq(db_text(&r->reply, 0, "subject"), own)));
	if (!may)
		return request_fail(r, ERR_NOT_FOUND);
	govern_begin(r, SQL_SESSION_END, &w->end);
	return request_govern_platform(r, STEP_govern_reply);
}
