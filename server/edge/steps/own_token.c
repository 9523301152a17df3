/* One's own tokens: whoever holds something makes tokens for no more than that, sees those that stand for them and ends
 * them, without a right to keep others' (steps/token.c). They are looked for by their owner, wherever in the tree they
 * count; the owner is asked here and not of the database. */
#include "api/types/token.h"

#include "base/clock.h"
#include "db/sql.h"
#include "server/edge/bind.h"
#include "server/edge/denial.h"
#include "server/edge/govern.h"
#include "server/edge/list.h"

enum { SECOND_US = 1000000 };

static str own_subject(const request *r)
{
	return r->who->subject[0] ? str_from(r->who->subject) : STR_NONE;
}

step own_token_list(request *r)
{
	sql_own_token_list_in *in = bind_request(r, SQL_OWN_TOKEN_LIST);

	in->subject = own_subject(r);
	in->credential = str_from(r->who->id);
	return list_run(r, in);
}

static sql_own_token_get_in *find(request *r)
{
	sql_own_token_get_in *in = ARENA_NEW(r->arena, sql_own_token_get_in);

	*in = (sql_own_token_get_in){.id = r->vars[0], .subject = own_subject(r), .credential = str_from(r->who->id)};
	return in;
}

step own_token_get(request *r)
{
	return request_fetch(r, DB_PLATFORM, SQL_OWN_TOKEN_GET, find(r), STEP_read_reply);
}

/* What is asked for longer than the token it is made with lasts ends with that: else a token that leaked would be
 * renewed by whoever has it. */
static void shorten(const request *r, token *t)
{
	int64_t left_s = (r->who->expires_at_us - clock_now_us()) / SECOND_US;

	if (r->who->generation && t->ttl_s > left_s)
		t->ttl_s = left_s;
}

step own_token_create(request *r)
{
	token *t = r->body;

	if (id_is(str_from(r->who->id), "cit")) {
		denial_record(r, ERR_PERMISSION_DENIED);
		return request_fail_at(
			r, ERR_PERMISSION_DENIED, "", "a pipeline makes no tokens: it is given one for each run");
	}
	if (t->subject.p && !str_eq(t->subject, own_subject(r))) {
		denial_record(r, ERR_ESCALATION_DENIED);
		return request_fail_at(r, ERR_ESCALATION_DENIED, "#/subject",
			"here one makes tokens for oneself; those for others are made under /v1/tokens");
	}
	shorten(r, t);
	return token_create(r);
}

step own_token_revoke(request *r)
{
	return request_fetch(r, DB_PLATFORM, SQL_OWN_TOKEN_GET, find(r), STEP_own_token_revoke_found);
}

step own_token_revoke_found(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return request_fail(r, ERR_NOT_FOUND);
	govern_begin(r, SQL_TOKEN_REVOKE, bind_request(r, SQL_TOKEN_REVOKE));
	return request_govern_platform(r, STEP_govern_reply);
}
