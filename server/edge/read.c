#include "db/sql.h"
#include "server/edge/answer.h"
#include "server/edge/bind.h"
#include "server/edge/dispatch.h"
#include "server/edge/gate.h"
#include "server/edge/member.h"

/* The revision, quoted; absent: the document has none. */
static str tag_of(const request *r, str body)
{
	str revision = member_find(body, S("revision"));

	if (!(r->route->flags & ROUTE_ETAG) || !revision.n)
		return STR_NONE;
	return revision.p[0] == '"' ? str_dup(r->arena, revision)
				    : str_print(r->arena, "\"" STR_FMT "\"", STR_ARG(revision));
}

void answer_etag(request *r, str body)
{
	str tag = tag_of(r, body);

	if (tag.p && !r->is_dry)
		request_header(r, "ETag", tag);
}

bool answer_is_unchanged(const request *r, str body)
{
	str tags = r->if_none_match;
	str mine = tag_of(r, body);

	if (!mine.p)
		return false;
	while (tags.p) {
		str tag = str_trim(str_split(&tags, ','));
		if (str_starts(tag, S("W/")))
			tag = str_cut(tag, 2, tag.n);
		if (str_eq(tag, mine))
			return true;
	}
	return false;
}

void answer_location(request *r, str name)
{
	if (!r->is_dry)
		request_header(r, "Location", str_print(r->arena, "%s/" STR_FMT, r->route->path, STR_ARG(name)));
}

step read_ask(request *r)
{
	sql_id s = operations[r->op].stmt;

	return request_fetch(r, request_scope(r), s, bind_request(r, s), STEP_read_reply);
}

step read_reply(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (r->reply.rows == 0)
		return gate_may_again(r) ? gate_again(r) : request_fail(r, ERR_NOT_FOUND);
	buf *out = request_out(r);
	js_writer w = js_writer_on(out);
	row_write(&w, operation_plan(r->op), &r->reply, 0);
	answer_etag(r, buf_str(out));
	if (answer_is_unchanged(r, buf_str(out)))
		return request_reply(r, 304, NULL, S(""));
	return request_reply_out(r, r->route->status);
}
