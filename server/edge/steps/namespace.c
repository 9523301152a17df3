/* Whose the pods of a cluster's namespaces are: said by the platform, told to the cluster's agent. */
#include "api/types/namespace.h"

#include "db/sql.h"
#include "json/write.h"
#include "server/edge/bind.h"
#include "server/edge/dispatch.h"
#include "server/edge/govern.h"
#include "server/edge/list.h"

/* A list of a cluster that is not there would just be empty. */
step namespace_list(request *r)
{
	sql_cluster_get_in *in = ARENA_NEW(r->arena, sql_cluster_get_in);

	in->cluster = r->vars[0];
	return request_fetch(r, request_scope(r), SQL_CLUSTER_GET, in, STEP_namespace_list_of);
}

step namespace_list_of(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return request_fail(r, ERR_NOT_FOUND);
	return list_run(r, bind_request(r, SQL_NAMESPACE_LIST));
}

/* However its labels are ordered, a selector is one. */
static err key_take(request *r)
{
	return namespace_key(r->vars[1], r->arena, &r->vars[1], &r->fault);
}

step namespace_get(request *r)
{
	err e = key_take(r);

	return e ? request_fail(r, e) : read_ask(r);
}

step namespace_delete(request *r)
{
	err e = key_take(r);

	return e ? request_fail(r, e) : govern_ask(r);
}

static int32_t put_answer(ledger_op *entry, const db_reply *reply, int64_t revision, int64_t at_us, buf *out)
{
	request *r = entry->arg;
	js_writer w = js_writer_on(out);
	size_t at = out->n;

	(void)revision;
	(void)at_us;
	row_write(&w, operation_plan(r->op), reply, 0);
	govern_record(entry, reply, str_of(out->p + at, out->n - at));
	return db_bool(reply, 0, "was_new") ? 201 : 200;
}

step namespace_put_ask(request *r)
{
	sql_namespace_put_in *in;
	err e = key_take(r);

	if (e)
		return request_fail(r, e);
	if (!r->must_be_new && !web_header_find(r->web, S("If-Match")).p)
		return request_fail_at(r, ERR_IF_MATCH_REQUIRED, "If-Match",
			"send If-None-Match: * for a namespace that nothing was said of, If-Match to change it");
	in = bind_request(r, SQL_NAMESPACE_PUT);
	in->created_by = request_actor(r);
	govern_begin(r, SQL_NAMESPACE_PUT, in)->on_row = put_answer;
	return request_govern(r, STEP_namespace_put_reply);
}

step namespace_put_reply(request *r)
{
	const ledger_answer *a = r->answer;

	if (!a->e && a->status == 201 && !r->is_dry)
		request_header(r, "Location", r->web->path);
	return govern_reply(r);
}
