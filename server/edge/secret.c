#include "server/edge/secret.h"

#include "server/edge/answer.h"
#include "server/edge/govern.h"
#include "server/edge/member.h"

step secret_reply(request *r, const char *name, str secret)
{
	const ledger_answer *a = r->answer;
	buf *out = request_out(r);

	if (a->e || a->is_replay || r->is_dry)
		return govern_reply(r);
	edge_governance_moved(r->edge, r->ledger_op->object_kind);
	answer_etag(r, a->body);
	answer_location(r, member_text(a->body, S("id")));
	buf_add_str(out, str_cut(a->body, 0, a->body.n - 1));
	buf_printf(out, ",\"%s\":\"" STR_FMT "\"}", name, STR_ARG(secret));
	return request_reply_out(r, a->status);
}
