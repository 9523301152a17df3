#include "api/types/priority.h"

#include "db/sql.h"
#include "json/write.h"
#include "server/edge/bind.h"
#include "server/edge/dispatch.h"
#include "server/edge/govern.h"

static int32_t priority_answer(ledger_op *entry, const db_reply *reply, int64_t revision, int64_t at_us, buf *out)
{
	request *r = entry->arg;
	js_writer w = js_writer_on(out);
	size_t at = out->n;
	sql_priority_put_row row;
	fault f;

	(void)revision;
	(void)at_us;
	row_write(&w, operation_plan(r->op), reply, 0);
	govern_record(entry, reply, str_of(out->p + at, out->n - at));
	return !db_row(reply, 0, &row, &f) && row.was_new ? 201 : 200;
}

step priority_put_ask(request *r)
{
	sql_priority_put_in *in;

	if (!str_is_name(r->vars[0]))
		return request_fail_at(r, ERR_BAD_PARAMETER, "priority", "this is no name of a priority");
	if (!r->must_be_new && !web_header_find(r->web, S("If-Match")).p)
		return request_fail_at(r, ERR_IF_MATCH_REQUIRED, "If-Match",
			"send If-None-Match: * to make the priority, If-Match to change it");
	in = bind_request(r, SQL_PRIORITY_PUT);
	in->name = r->vars[0];
	govern_begin(r, SQL_PRIORITY_PUT, in)->on_row = priority_answer;
	return request_govern(r, STEP_priority_put_reply);
}

step priority_put_reply(request *r)
{
	const ledger_answer *a = r->answer;

	if (!a->e && a->status == 201 && !r->is_dry)
		request_header(r, "Location", r->web->path);
	return govern_reply(r);
}
