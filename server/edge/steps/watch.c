#include "api/types/query.h"
#include "db/sql.h"
#include "server/edge/denial.h"
#include "server/edge/permit.h"
#include "server/edge/streams.h"
#include "server/edge/watch_stream.h"

/* How far another edge's feed may be before ours. */
enum { RETRY_STREAMS_S = 5, AHEAD_MAX = 100000 };

/* Kinds asked for must be the caller's to see; without a list it is all that are. */
static err kinds_read(request *r, uint32_t *ret)
{
	const watch_query *q = r->query;
	uint32_t mine = 0, asked = 0;

	for (int k = 0; k < WATCH_KINDS; k++)
		if (permit_anywhere(r->who, watch_kind_right((watch_kind)k)))
			mine |= 1u << k;
	for (uint32_t i = 0; i < q->kinds.n; i++) {
		int k = watch_kind_find(q->kinds.v[i]);
		if (k < 0)
			return fault_set(&r->fault, ERR_BAD_PARAMETER, "kinds", "there is no kind " STR_FMT,
				STR_ARG(q->kinds.v[i]));
		asked |= 1u << k;
	}
	if (asked & ~mine) {
		denial_record(r, ERR_PERMISSION_DENIED);
		return fault_set(
			&r->fault, ERR_PERMISSION_DENIED, "kinds", "the caller may not see all of these kinds");
	}
	*ret = asked ? asked : mine;
	return ERR_OK;
}

static err since_read(request *r, watch_plan *p)
{
	const watch_query *q = r->query;
	str last = web_header_find(r->web, S("Last-Event-ID"));
	str since = last.p ? str_trim(last) : q->since;
	feed_at head = feed_head(r->edge->feed);

	p->snapshot = q->snapshot && !last.p;
	p->since = head;
	if (!since.p || p->snapshot)
		return ERR_OK;
	if (!feed_at_parse(since, &p->since))
		return fault_set(&r->fault, ERR_BAD_PARAMETER, last.p ? "Last-Event-ID" : "since",
			"must be a cursor as g18422.p90311");
	/* Ahead of us: of another database, or of this one before it was put back. */
	if (p->since.g > head.g + AHEAD_MAX || p->since.p > head.p + AHEAD_MAX)
		return fault_set(&r->fault, ERR_CURSOR_COMPACTED, "since", "the cursor is ahead of this database");
	return ERR_OK;
}

step watch_open(request *r)
{
	const watch_query *q = r->query;
	watch_plan *p = ARENA_NEW(r->arena, watch_plan);
	err e;

	r->work = p;
	p->is_events = r->form == FORM_EVENTS;
	p->subtree = q->subtree;
	if (!feed_is_up(r->edge->feed))
		return request_fail(r, ERR_UNAVAILABLE);
	if (r->edge->streams >= r->edge->settings->watch_streams_max) {
		r->fault.retry_after_s = RETRY_STREAMS_S;
		return request_fail(r, ERR_OVERLOADED);
	}
	if (streams_of(r->edge, r->who) >= r->edge->settings->watch_streams_per_caller) {
		r->fault.retry_after_s = RETRY_STREAMS_S;
		return request_fail_at(r, ERR_OVERLOADED, "", "the caller has as many open streams as one may have");
	}
	if ((e = kinds_read(r, &p->kinds)) || (e = since_read(r, p)))
		return request_fail(r, e);
	if (!q->tenant.p)
		return step_next(r, STEP_watch_start);
	sql_tenant_get_in *in = ARENA_NEW(r->arena, sql_tenant_get_in);
	in->tenant = q->tenant;
	return request_fetch(r, request_scope(r), SQL_TENANT_GET, in, STEP_watch_tenant_read);
}

step watch_tenant_read(request *r)
{
	watch_plan *p = r->work;
	sql_tenant_keys_under_in *in = ARENA_NEW(r->arena, sql_tenant_keys_under_in);

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return request_fail_at(r, ERR_NOT_FOUND, "tenant", "there is no such tenant in the caller's sight");
	p->tenant = db_text(&r->reply, 0, "path");
	p->keys = ARENA_NEW(r->arena, int32_t);
	p->keys[0] = (int32_t)db_i64(&r->reply, 0, "key");
	p->n_keys = 1;
	if (!p->subtree)
		return step_next(r, STEP_watch_start);
	in->key = p->keys[0];
	/* Which of them the caller sees is asked of each event. */
	return request_fetch(r, DB_PLATFORM, SQL_TENANT_KEYS_UNDER, in, STEP_watch_subtree_read);
}

step watch_subtree_read(request *r)
{
	watch_plan *p = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	p->n_keys = r->reply.rows;
	p->keys = ARENA_ARRAY(r->arena, int32_t, p->n_keys + 1);
	for (uint32_t i = 0; i < p->n_keys; i++)
		p->keys[i] = (int32_t)db_i64(&r->reply, i, "key");
	return step_next(r, STEP_watch_start);
}

step watch_start(request *r)
{
	const char *type = r->form == FORM_EVENTS ? "text/event-stream" : "application/x-ndjson";

	if (r->web->method == WEB_HEAD)
		return request_reply(r, 200, type, S(""));
	return watch_stream_begin(r, r->work);
}
