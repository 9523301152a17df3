/* People sign in with their identity provider: there, back, and a session with a cookie. */
#include <stdio.h>
#include "api/types/auth.h"
#include "base/clock.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/cookie.h"
#include "server/edge/edge.h"
#include "server/edge/govern.h"
#include "server/edge/vouch.h"
#include "server/identity/oidc.h"

enum { CHANGE_BYTES = 2048, WHY_BYTES = 300, NAME_BYTES_MAX = 200, STATUS_PROVIDER_FAILED = 500 };

#define HOME "/ui/"

typedef struct login {
	oidc_attempt attempt;
	vouch vouch;
	issuer_reply reply; /* of the token endpoint; its body lives in the arena */
	jwt token;
	oidc_person person;
	token_made made;
	sql_session_create_in create;
} login;

static step not_set(request *r)
{
	return request_fail_at(r, ERR_NOT_FOUND, "", "this server has no identity provider to sign in with");
}

step auth_info_get(request *r)
{
	auth_info info = {.has_login = r->edge->oidc != NULL};
	js_writer w = js_writer_on(request_out(r));

	if (info.has_login)
		info.login = S("/v1/auth/login");
	js_write(&w, &auth_info_type, &info);
	return request_reply_out(r, 200);
}

step login_begin(request *r)
{
	const login_query *q = r->query;
	login *l = ARENA_NEW(r->arena, login);
	str to = q->to.p ? q->to : S(HOME);

	if (!r->edge->oidc)
		return not_set(r);
	if (!oidc_return_is_fine(to))
		return request_fail_at(r, ERR_BAD_PARAMETER, "return", "must be a path of this server");
	r->work = l;
	l->attempt = oidc_attempt_new(to, clock_now_us());
	return vouch_ask(r, &l->vouch, oidc_issuer(r->edge->oidc), NULL, STEP_login_send);
}

static step redirect(request *r, int status, str to)
{
	request_header(r, "Location", to);
	request_header(r, "Referrer-Policy", S("no-referrer"));
	return request_reply(r, status, NULL, S(""));
}

step login_send(request *r)
{
	const login *l = r->work;
	const oidc *o = r->edge->oidc;

	if (l->vouch.e)
		return vouch_fail(r, l->vouch.e, &l->vouch.fault, "");
	if (!l->vouch.description.authorization_endpoint.p)
		return request_fail_at(
			r, ERR_ISSUER_UNAVAILABLE, "", "the identity provider names no place to sign in");
	cookie_set(r, COOKIE_LOGIN, oidc_attempt_sign(o, &l->attempt, r->arena), OIDC_ATTEMPT_S);
	return redirect(r, 302, oidc_login_url(o, l->vouch.description.authorization_endpoint, &l->attempt, r->arena));
}

/* What a provider says of a failure, as far as it is fit to be repeated. */
static str said(request *r, str text)
{
	char *out = arena_alloc(r->arena, WHY_BYTES);
	uint32_t n = 0;

	for (uint32_t i = 0; i < text.n && n < WHY_BYTES; i++)
		if (text.p[i] >= 0x20 && text.p[i] < 0x7f)
			out[n++] = text.p[i];
	return str_of(out, n);
}

static step fail(request *r, const char *pointer, const char *why)
{
	cookie_set(r, COOKIE_LOGIN, S(""), 0);
	return request_fail_at(r, ERR_LOGIN_FAILED, pointer, "%s", why);
}

/* A provider that vouches for somebody we cannot take: worth a record. */
static step fail_known(request *r, const fault *f)
{
	vouch_record_refusal(r, &(vouch_refusal){
					.e = ERR_IDENTITY_REFUSED,
					.action = "session.login",
					.kind = S("session"),
					.object_id = oidc_issuer(r->edge->oidc),
					.tenant_key = FLEET_KEY,
					.wrong = f->pointer,
				});
	r->claim = str_z(r->arena, str_from(f->pointer));
	return fail(r, "", str_z(r->arena, str_from(f->detail)));
}

/* RFC 9207: an answer of another provider must not be taken for ours. */
static bool is_other_issuer(const request *r, const callback_query *q)
{
	return q->iss.p && !str_eq(q->iss, oidc_issuer(r->edge->oidc));
}

step login_back(request *r)
{
	const callback_query *q = r->query;
	login *l = ARENA_NEW(r->arena, login);
	str cookie = cookie_find(r, COOKIE_LOGIN);

	if (!r->edge->oidc)
		return not_set(r);
	r->work = l;
	if (!cookie.p || !oidc_attempt_read(r->edge->oidc, cookie, clock_now_us(), r->arena, &l->attempt))
		return fail(r, "Cookie", "the sign-in did not begin in this browser within the last ten minutes");
	if (!q->state.p || !str_eq_secret(q->state, str_from(l->attempt.state)))
		return fail(r, "state", "the answer belongs to another sign-in");
	if (is_other_issuer(r, q))
		return fail(r, "iss", "the answer comes from another identity provider");
	if (q->error.p)
		return fail(r, "error",
			str_z(r->arena, str_print(r->arena, "the identity provider says " STR_FMT ": " STR_FMT,
						STR_ARG(said(r, q->error)), STR_ARG(said(r, q->error_description)))));
	if (!q->code.p)
		return fail(r, "code", "the answer has no code");
	return vouch_ask(r, &l->vouch, oidc_issuer(r->edge->oidc), NULL, STEP_login_code);
}

static void token_came(void *arg, const issuer_reply *reply)
{
	request *r = arg;
	login *l = r->work;

	l->reply = *reply;
	l->reply.body = str_dup(r->arena, reply->body);
	request_resume(r);
}

step login_code(request *r)
{
	const callback_query *q = r->query;
	login *l = r->work;
	const oidc *o = r->edge->oidc;
	str endpoint = l->vouch.description.token_endpoint;

	if (l->vouch.e)
		return vouch_fail(r, l->vouch.e, &l->vouch.fault, "");
	if (!endpoint.p)
		return request_fail_at(r, ERR_ISSUER_UNAVAILABLE, "", "the identity provider names no token endpoint");
	step did = request_park(r, OWNER_ISSUER, STEP_login_token);
	issuers_post(r->edge->issuers, endpoint, oidc_authorization(o, r->arena),
		oidc_code_form(o, q->code, &l->attempt, r->arena), token_came, r);
	return did;
}

step login_token(request *r)
{
	login *l = r->work;
	facts answer;
	fault why = {0};

	if (l->reply.e || l->reply.status >= STATUS_PROVIDER_FAILED)
		return request_fail_at(r, ERR_ISSUER_UNAVAILABLE, "", "the identity provider does not answer");
	if (l->reply.status != 200 || facts_read(l->reply.body, r->arena, &answer, &why))
		return fail(r, "code", "the identity provider does not take the code");
	str token = facts_text(&answer, S("id_token"));
	if (!token.p)
		return fail(r, "code", "the identity provider gives no identity token");
	if (jwt_read(token, r->arena, &l->token, &why))
		return fail_known(r, &why);
	return vouch_ask(r, &l->vouch, oidc_issuer(r->edge->oidc), &l->token, STEP_login_vouched);
}

static err token_check(request *r, login *l, fault *f)
{
	const oidc *o = r->edge->oidc;
	const facts *claims = &l->token.claims;
	jwt_demand d = {
		.issuer = oidc_issuer(o),
		.audience = oidc_client(o),
		.now_s = clock_now_us() / 1000000,
		.required = {"sub", "nonce"},
	};
	err e = jwt_check(&l->token, &d, r->arena, f);

	if (e)
		return e;
	if (!str_eq_secret(facts_text(claims, S("nonce")), str_from(l->attempt.nonce)))
		return fault_set(f, ERR_IDENTITY_REFUSED, "nonce", "nonce is of another sign-in");
	if (facts_have(claims, S("azp")) && !str_eq(facts_text(claims, S("azp")), oidc_client(o)))
		return fault_set(f, ERR_IDENTITY_REFUSED, "azp", "azp is another client");
	return oidc_person_read(o, claims, r->arena, &l->person, f);
}

static str change_of(const oidc_person *p, arena *a)
{
	buf out;

	buf_init(&out, CHANGE_BYTES);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	js_put_text(&w, "subject", p->subject);
	js_put_i64(&w, "groups", p->groups.n);
	js_object_end(&w);
	str change = out.over ? STR_NONE : str_dup(a, buf_str(&out));
	buf_done(&out);
	return change;
}

static void create_fill(request *r, login *l)
{
	const oidc_person *p = &l->person;
	static str none[1];

	l->made = token_make(TOKEN_SESSION);
	l->create = (sql_session_create_in){
		.id = id_str(&l->made.id),
		.hash = str_of((const char *)l->made.hash, TOKEN_HASH),
		.subject = p->subject,
		.name = str_cut(p->name, 0, NAME_BYTES_MAX),
		.groups = p->groups.n ? p->groups : (strs){none, 0},
		.issuer = oidc_issuer(r->edge->oidc),
		.issuer_subject = p->issuer_subject,
		.issuer_sid = p->issuer_sid.p ? p->issuer_sid : S(""),
		.life_s = SESSION_LIFE_S,
	};
	while (l->create.name.n && !str_is_utf8(l->create.name))
		l->create.name.n--;
}

step login_vouched(request *r)
{
	login *l = r->work;
	fault why = {0};

	if (l->vouch.e == ERR_ISSUER_UNAVAILABLE)
		return vouch_fail(r, l->vouch.e, &l->vouch.fault, "");
	if (l->vouch.e)
		return fail_known(r, &l->vouch.fault);
	if (token_check(r, l, &why))
		return fail_known(r, &why);
	create_fill(r, l);
	r->acts_as = l->person.subject;
	r->acts_via = S("oidc");
	r->ledger_op = ARENA_NEW(r->arena, ledger_op);
	*r->ledger_op = (ledger_op){
		.stmt = SQL_SESSION_CREATE,
		.in = &l->create,
		.action = S("session.login"),
		.object_kind = S("session"),
		.object_id = l->create.id,
		.tenant_key = 1,
		.change = change_of(&l->person, r->arena),
	};
	return request_govern(r, STEP_login_done);
}

step login_done(request *r)
{
	const login *l = r->work;

	if (r->answer->e)
		return govern_fail(r);
	cookie_set(r, COOKIE_LOGIN, S(""), 0);
	cookie_set(r, COOKIE_SESSION, str_from(l->made.text), SESSION_LIFE_S);
	return redirect(r, 303, l->attempt.to);
}
