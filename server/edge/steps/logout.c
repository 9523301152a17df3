/* Sessions end: by their owner, or by the identity provider. */
#include "api/types/auth.h"
#include "base/clock.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/cookie.h"
#include "server/edge/edge.h"
#include "server/edge/govern.h"
#include "server/edge/vouch.h"
#include "server/identity/oidc.h"

enum { JTI_BYTES_MAX = 256, LOGOUT_KEPT_S = 86400 };

#define EVENT "http://schemas.openid.net/event/backchannel-logout"

typedef struct logout {
	vouch vouch;
	jwt token;
	sql_session_end_in end;
	sql_session_end_of_in end_of;
} logout;

static ledger_op *entry_new(request *r, sql_id s, void *in, str object_id)
{
	r->ledger_op = ARENA_NEW(r->arena, ledger_op);
	*r->ledger_op = (ledger_op){
		.stmt = s,
		.in = in,
		.action = S("session.logout"),
		.object_kind = S("session"),
		.object_id = object_id,
		.tenant_key = 1,
	};
	return r->ledger_op;
}

step logout_ask(request *r)
{
	logout *l = ARENA_NEW(r->arena, logout);

	if (!id_is(str_from(r->who->id), "ses"))
		return request_fail_at(r, ERR_STATE_TRANSITION, "", "only the session of a cookie is ended here");
	r->work = l;
	l->end.id = str_dup(r->arena, str_from(r->who->id));
	r->acts_as = str_dup(r->arena, str_from(r->who->subject));
	entry_new(r, SQL_SESSION_END, &l->end, l->end.id);
	return request_govern_platform(r, STEP_logout_ended);
}

/* Where the provider's own session ends is asked last: without an answer the page stays here. */
step logout_ended(request *r)
{
	logout *l = r->work;

	if (r->answer->e && r->answer->e != ERR_NOT_FOUND)
		return govern_fail(r);
	edge_governance_moved(r->edge, S("session"));
	cookie_set(r, COOKIE_SESSION, S(""), 0);
	if (!r->edge->oidc)
		return step_next(r, STEP_logout_answer_give);
	return vouch_ask(r, &l->vouch, oidc_issuer(r->edge->oidc), NULL, STEP_logout_answer_give);
}

step logout_answer_give(request *r)
{
	const logout *l = r->work;
	logout_answer a = {.redirect = STR_NONE};
	js_writer w = js_writer_on(request_out(r));

	if (r->edge->oidc && !l->vouch.e)
		a.redirect = oidc_logout_url(r->edge->oidc, l->vouch.description.end_session_endpoint, r->arena);
	js_write(&w, &logout_answer_type, &a);
	return request_reply_out(r, 200);
}

step backchannel_ask(request *r)
{
	const backchannel_logout *q = r->body;
	logout *l = ARENA_NEW(r->arena, logout);
	fault why = {0};

	if (!r->edge->oidc)
		return request_fail_at(r, ERR_NOT_FOUND, "", "this server has no identity provider");
	r->work = l;
	if (jwt_read(q->logout_token, r->arena, &l->token, &why))
		return vouch_fail(r, ERR_IDENTITY_REFUSED, &why, "logout_token");
	return vouch_ask(r, &l->vouch, oidc_issuer(r->edge->oidc), &l->token, STEP_backchannel_vouched);
}

static bool has_event(const facts *claims, arena *a)
{
	const fact *events = facts_find(claims, S("events"));
	facts all;
	fault f;

	return events && events->kind == FACT_OBJECT && !facts_read(events->value, a, &all, &f) &&
	       facts_find(&all, S(EVENT));
}

/* Back-Channel Logout 1.0, section 2.6. */
static err token_check(request *r, logout *l, fault *f)
{
	const facts *claims = &l->token.claims;
	jwt_demand d = {
		.issuer = oidc_issuer(r->edge->oidc),
		.audience = oidc_client(r->edge->oidc),
		.type = S("logout+jwt"),
		.now_s = clock_now_us() / 1000000,
		.required = {"jti"},
		.is_endless = true,
	};
	err e = jwt_check(&l->token, &d, r->arena, f);

	if (e)
		return e;
	if (!has_event(claims, r->arena))
		return fault_set(f, ERR_IDENTITY_REFUSED, "events", "events does not name a logout");
	if (facts_find(claims, S("nonce")))
		return fault_set(f, ERR_IDENTITY_REFUSED, "nonce", "nonce stands in no logout token");
	if (!facts_text(claims, S("sub")).p && !facts_text(claims, S("sid")).p)
		return fault_set(f, ERR_IDENTITY_REFUSED, "sub", "sub or sid must say whose sessions end");
	if (facts_text(claims, S("jti")).n > JTI_BYTES_MAX)
		return fault_set(f, ERR_IDENTITY_REFUSED, "jti", "jti is longer than %d bytes", JTI_BYTES_MAX);
	return ERR_OK;
}

step backchannel_vouched(request *r)
{
	logout *l = r->work;
	const facts *claims = &l->token.claims;
	fault why = l->vouch.fault;
	err e = l->vouch.e;

	if (!e)
		e = token_check(r, l, &why);
	if (e)
		return vouch_fail(r, e, &why, "logout_token");
	l->end_of = (sql_session_end_of_in){
		.issuer = oidc_issuer(r->edge->oidc),
		.subject = facts_text(claims, S("sub")),
		.sid = facts_text(claims, S("sid")),
		.jti = facts_text(claims, S("jti")),
		.jti_until = clock_now_us() + (int64_t)LOGOUT_KEPT_S * 1000000,
	};
	r->acts_as = l->end_of.issuer;
	r->acts_via = S("oidc");
	entry_new(r, SQL_SESSION_END_OF, &l->end_of, l->end_of.subject.p ? l->end_of.subject : l->end_of.sid);
	return request_govern(r, STEP_backchannel_done);
}

step backchannel_done(request *r)
{
	const ledger_answer *a = r->answer;

	if (a->e == ERR_IDENTITY_REFUSED)
		return vouch_fail(r, a->e, &a->f, "logout_token");
	if (a->e)
		return govern_fail(r);
	edge_governance_moved(r->edge, S("session"));
	return request_reply(r, 200, NULL, S("{}"));
}
