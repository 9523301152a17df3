#include "server/edge/vouch.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "json/write.h"
#include "server/edge/denial.h"
#include "server/edge/edge.h"

enum { CHANGE_BYTES = 1024 };

static void answered(void *arg, const issuer_answer *a)
{
	vouch *v = arg;
	arena *mem = v->of->arena;

	v->e = a->e;
	if (a->e)
		fault_set(&v->fault, a->e, a->e == ERR_IDENTITY_REFUSED ? "kid" : "", "%s%s",
			a->e == ERR_IDENTITY_REFUSED ? "kid " : "the identity provider does not answer: ", a->why);
	else if (v->token)
		v->e = jwt_verify(v->token, a->key, &v->fault);
	if (a->description)
		v->description = (issuer_description){
			.authorization_endpoint = str_dup(mem, a->description->authorization_endpoint),
			.token_endpoint = str_dup(mem, a->description->token_endpoint),
			.end_session_endpoint = str_dup(mem, a->description->end_session_endpoint),
		};
	request_resume(v->of);
}

step vouch_ask(request *r, vouch *v, str issuer, const jwt *token, step_id next)
{
	str kid = token ? token->kid : STR_NONE;
	step did = request_park(r, OWNER_ISSUER, next);

	*v = (vouch){.of = r, .token = token, .e = ERR_ISSUER_UNAVAILABLE};
	if (issuers_key(r->edge->issuers, issuer, kid, token ? token->alg : JWK_NONE, answered, v))
		return did;
	fault_set(&v->fault, v->e, "", "the identity provider cannot be asked");
	request_resume_soon(r);
	return did;
}

step vouch_fail(request *r, err e, const fault *f, const char *name)
{
	if (e == ERR_IDENTITY_REFUSED)
		r->claim = str_z(r->arena, str_from(f->pointer));
	fault_set(&r->fault, e, e == ERR_IDENTITY_REFUSED ? name : "", "%s", f->detail);
	return request_fail(r, e);
}

/* The record outlives its request. */
typedef struct refusal {
	ledger_op op;
	arena *arena;
} refusal;

static void recorded(ledger_op *entry, const ledger_answer *a)
{
	refusal *d = entry->arg;

	if (!a->revision && !a->is_replay)
		log_warn("refusal.lost", KV_ERR(a->e), KV_Z("detail", a->f.detail));
	arena_end(d->arena);
}

static str change_of(const request *r, const vouch_refusal *what, arena *a)
{
	buf out;

	buf_init(&out, CHANGE_BYTES);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	js_put_text(&w, what->e == ERR_IDENTITY_REFUSED ? "claim" : "why", str_from(what->wrong));
	js_put_text(&w, "peer", str_from(proxies_client(&r->edge->proxies, r->web, r->arena)));
	js_object_end(&w);
	str change = out.over ? STR_NONE : str_dup(a, buf_str(&out));
	buf_done(&out);
	return change;
}

void vouch_record_refusal(const request *r, const vouch_refusal *what)
{
	arena *a = arena_new(0);
	str name = str_print(a, "%s " STR_FMT " %s", what->action, STR_ARG(what->object_id), what->wrong);

	if (!denial_is_new(r->edge, name)) {
		arena_end(a);
		return;
	}
	refusal *d = ARENA_NEW(a, refusal);
	d->arena = a;
	d->op = (ledger_op){
		.scope = DB_PLATFORM,
		.actor = str_dup(a, what->object_id),
		.via = S("api"),
		.action = str_dup(a, str_from(what->action)),
		.object_kind = what->kind,
		.object_id = str_dup(a, what->object_id),
		.request_id = str_dup(a, str_from(r->id)),
		.tenant_key = what->tenant_key,
		.tenant = str_dup(a, what->tenant),
		.change = change_of(r, what, a),
		.outcome = str_print(a, "refused:%s", err_code(what->e)),
		.on_done = recorded,
		.arg = d,
	};
	ledger_run(r->edge->platform_ledger, &d->op);
}
