/* A pipeline's identity token for an access token of ours (RFC 8693). */
#include <stdio.h>
#include "api/types/auth.h"
#include "api/types/trust.h"
#include "base/clock.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/edge.h"
#include "server/edge/govern.h"
#include "server/edge/vouch.h"
#include "server/identity/trust.h"

enum { JTI_BYTES_MAX = 256, CHANGE_BYTES = 4096 };

#define GRANT_TYPE  "urn:ietf:params:oauth:grant-type:token-exchange"
#define TYPE_ID     "urn:ietf:params:oauth:token-type:id_token"
#define TYPE_JWT    "urn:ietf:params:oauth:token-type:jwt"
#define TYPE_ACCESS "urn:ietf:params:oauth:token-type:access_token"
#define EXCHANGE    "ci.exchange"

/* One of the trusts that name the issuer. */
typedef struct candidate {
	sql_trust_of_issuer_row row;
	trust_rules rules;
	strs differing;
	bool is_anchored; /* what differs is not who it is, but what it does */
} candidate;

typedef struct exchange {
	jwt token;
	vouch vouch;
	str role, tenant; /* of scope; absent: any */
	candidate *v;
	uint32_t n;
	const candidate *chosen;
	token_made made;
	sql_trust_of_issuer_in find;
	sql_identity_was_used_in used;
	sql_ci_token_create_in create;
} exchange;

static err scope_read(request *r, str scope, exchange *x)
{
	while (scope.p && scope.n) {
		str one = str_split(&scope, ' ');
		str *to = str_starts(one, S("tenant:")) ? &x->tenant : str_starts(one, S("role:")) ? &x->role : NULL;
		if (!one.n)
			continue;
		if (!to || to->p)
			return fault_set(
				&r->fault, ERR_BAD_PARAMETER, "scope", "takes one tenant:PATH and one role:NAME");
		str_split(&one, ':');
		*to = one;
	}
	return ERR_OK;
}

static err form_check(request *r, const token_exchange *q, exchange *x)
{
	bool is_identity = str_eq(q->subject_token_type, S(TYPE_ID)) || str_eq(q->subject_token_type, S(TYPE_JWT));

	if (!str_eq(q->grant_type, S(GRANT_TYPE)))
		return fault_set(&r->fault, ERR_BAD_PARAMETER, "grant_type", "must be " GRANT_TYPE);
	if (!is_identity)
		return fault_set(&r->fault, ERR_BAD_PARAMETER, "subject_token_type", "must be " TYPE_ID);
	if (q->requested_token_type.n && !str_eq(q->requested_token_type, S(TYPE_ACCESS)))
		return fault_set(&r->fault, ERR_BAD_PARAMETER, "requested_token_type", "must be " TYPE_ACCESS);
	return scope_read(r, q->scope, x);
}

static bool is_listed(const char *list, str issuer)
{
	str rest = str_from(list);

	while (rest.n) {
		str one = str_trim(str_split(&rest, ','));
		if (one.n && str_eq(one, issuer))
			return true;
	}
	return false;
}

static step refuse(request *r, const fault *f)
{
	return vouch_fail(r, ERR_IDENTITY_REFUSED, f, "subject_token");
}

/* c NULL: of several trusts none is meant more than the others. */
static void record_refusal(const request *r, const candidate *c, const fault *f)
{
	const exchange *x = r->work;

	vouch_record_refusal(r, &(vouch_refusal){
					.e = ERR_IDENTITY_REFUSED,
					.action = EXCHANGE,
					.kind = S("trust"),
					.object_id = c ? c->row.id : jwt_issuer(&x->token),
					.tenant_key = c ? (int32_t)c->row.tenant_key : FLEET_KEY,
					.tenant = c ? c->row.tenant : STR_NONE,
					.wrong = f->pointer,
				});
}

/* The same where the issuer is one of ours: then somebody may want to know. */
static step refuse_known(request *r, const fault *f)
{
	const exchange *x = r->work;
	const candidate *c = x->n == 1 ? &x->v[0] : NULL;

	record_refusal(r, c, f);
	return refuse(r, f);
}

step exchange_ask(request *r)
{
	const token_exchange *q = r->body;
	exchange *x = ARENA_NEW(r->arena, exchange);
	fault why = {0};
	err e;

	r->work = x;
	if ((e = form_check(r, q, x)))
		return request_fail(r, e);
	if (jwt_read(q->subject_token, r->arena, &x->token, &why))
		return refuse(r, &why);
	str issuer = jwt_issuer(&x->token);
	if (!issuer.p || !is_listed(r->edge->settings->ci_issuers, issuer)) {
		fault_set(&why, ERR_IDENTITY_REFUSED, "iss", "iss is %s",
			issuer.p ? "not an issuer this server asks" : "missing");
		return refuse(r, &why);
	}
	x->find.issuer = issuer;
	x->find.anchors = trust_anchors(&x->token.claims, r->arena);
	return request_fetch(r, DB_PLATFORM, SQL_TRUST_OF_ISSUER, &x->find, STEP_exchange_trusts);
}

step exchange_trusts(request *r)
{
	exchange *x = r->work;
	fault why = {0};
	bool is_known = false;
	err e;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	x->v = ARENA_ARRAY(r->arena, candidate, r->reply.rows + 1);
	for (uint32_t i = 0; i < r->reply.rows; i++) {
		candidate *c = &x->v[x->n];
		if ((e = db_row(&r->reply, i, &c->row, &r->fault)))
			return request_fail(r, e);
		is_known |= c->row.is_known;
		if (!c->row.id.p)
			continue;
		if ((e = trust_rules_read(c->row.match, r->arena, &c->rules, &r->fault)))
			return request_fail(r, e);
		x->n++;
	}
	if (!is_known) {
		fault_set(&why, ERR_IDENTITY_REFUSED, "iss", "iss is in no trust");
		return refuse(r, &why);
	}
	return vouch_ask(r, &x->vouch, x->find.issuer, &x->token, STEP_exchange_vouched);
}

static err token_check(const exchange *x, arena *a, fault *f)
{
	jwt_demand d = {.issuer = x->find.issuer, .now_s = clock_now_us() / 1000000, .required = {"sub", "jti"}};
	err e = jwt_check(&x->token, &d, a, f);

	if (e)
		return e;
	const char *never = trust_never(&x->token.claims);
	if (never)
		return fault_set(f, ERR_IDENTITY_REFUSED, never, "%s: what strangers propose is never trusted", never);
	if (facts_text(&x->token.claims, S("jti")).n > JTI_BYTES_MAX)
		return fault_set(f, ERR_IDENTITY_REFUSED, "jti", "jti is longer than %d bytes", JTI_BYTES_MAX);
	return ERR_OK;
}

static bool is_anchor(str name)
{
	return str_ends(name, S("_id"));
}

/* The trust that fits and demands most; else the one that nearly fits, for the sentence that says why not. */
static const candidate *choose(exchange *x, str audience, arena *a, const candidate **ret_near)
{
	const candidate *best = NULL, *near = NULL;

	for (uint32_t i = 0; i < x->n; i++) {
		candidate *c = &x->v[i];
		if (!str_eq(c->row.audience, audience))
			continue;
		c->differing = trust_differences(&c->rules, &x->token.claims, a);
		c->is_anchored = true;
		for (uint32_t k = 0; k < c->differing.n; k++)
			c->is_anchored &= !is_anchor(c->differing.v[k]);
		if (!c->differing.n && (!best || c->rules.n > best->rules.n))
			best = c;
		bool is_nearer = !near || (c->is_anchored && !near->is_anchored) ||
				 (c->is_anchored == near->is_anchored && c->differing.n < near->differing.n);
		if (is_nearer)
			near = c;
	}
	*ret_near = near;
	return best;
}

/* Strangers hear only that they are strangers: no trust was looked for but by their own ids. */
static void strangers_tell(const exchange *x, fault *f)
{
	static const char *const ids[] = {"repository_id", "project_id", "namespace_id"};
	const char *named = NULL;

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids) && !named; i++)
		if (facts_have(&x->token.claims, str_from(ids[i])))
			named = ids[i];
	named = named ? named : ids[0];
	fault_set(f, ERR_IDENTITY_REFUSED, named, "%s differs from what any trust of this issuer demands", named);
}

/* Whose trust nearly fits is named to the project it is for. */
static void differing_tell(const candidate *near, arena *a, fault *f)
{
	str names = S("");
	const char *first = NULL;

	for (uint32_t i = 0; i < near->differing.n; i++) {
		str one = near->differing.v[i];
		if (!near->is_anchored && !is_anchor(one))
			continue;
		names = str_print(a, STR_FMT "%s" STR_FMT, STR_ARG(names), first ? ", " : "", STR_ARG(one));
		if (!first)
			first = str_z(a, one);
	}
	fault_set(f, ERR_IDENTITY_REFUSED, first, STR_FMT " %s what %s " STR_FMT " demands", STR_ARG(names),
		strchr(str_z(a, names), ',') ? "differ from" : "differs from",
		near->is_anchored ? "the trust" : "any trust",
		STR_ARG(near->is_anchored ? near->row.name : S("of this issuer")));
}

step exchange_vouched(request *r)
{
	exchange *x = r->work;
	const candidate *near = NULL;
	fault why = {0};

	if (x->vouch.e == ERR_IDENTITY_REFUSED)
		return refuse_known(r, &x->vouch.fault);
	if (x->vouch.e)
		return vouch_fail(r, x->vouch.e, &x->vouch.fault, "");
	if (token_check(x, r->arena, &why))
		return refuse_known(r, &why);
	x->chosen = choose(x, jwt_audience(&x->token, r->arena), r->arena, &near);
	if (!x->n) {
		strangers_tell(x, &why);
		return refuse_known(r, &why);
	}
	if (!near) {
		fault_set(&why, ERR_IDENTITY_REFUSED, "aud", "aud is not the audience of a trust of this issuer");
		return refuse_known(r, &why);
	}
	if (!x->chosen) {
		differing_tell(near, r->arena, &why);
		record_refusal(r, near, &why);
		return refuse(r, &why);
	}
	x->used = (sql_identity_was_used_in){x->find.issuer, facts_text(&x->token.claims, S("jti"))};
	return request_fetch(r, DB_PLATFORM, SQL_IDENTITY_WAS_USED, &x->used, STEP_exchange_fresh);
}

static str change_of(const exchange *x, str summary, arena *a)
{
	buf out;

	buf_init(&out, CHANGE_BYTES);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	js_put_text(&w, "trust", x->chosen->row.name);
	js_put_text(&w, "issuer", x->find.issuer);
	js_put_text(&w, "claims", summary);
	js_put_text(&w, "jti", facts_text(&x->token.claims, S("jti")));
	js_object_end(&w);
	str change = out.over ? STR_NONE : str_dup(a, buf_str(&out));
	buf_done(&out);
	return change;
}

/* The answer without the secret, which no ledger keeps. */
static int32_t exchanged(ledger_op *entry, const db_reply *reply, int64_t revision, int64_t at_us, buf *out)
{
	request *r = entry->arg;
	token_exchanged t = {
		.issued_token_type = S(TYPE_ACCESS),
		.token_type = S("Bearer"),
		.expires_in = db_i64(reply, 0, "ttl_s"),
		.scope = db_text(reply, 0, "scope"),
	};
	js_writer w = js_writer_on(out);

	(void)revision;
	(void)at_us;
	entry->tenant_key = (int32_t)db_i64(reply, 0, "key");
	entry->tenant = str_dup(r->arena, db_text(reply, 0, "tenant"));
	js_write(&w, &token_exchanged_type, &t);
	return 200;
}

step exchange_fresh(request *r)
{
	exchange *x = r->work;
	int64_t exp_s = 0;
	fault why = {0};

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (r->reply.rows) {
		fault_set(&why, ERR_IDENTITY_REFUSED, "jti", "jti was used before: a token is exchanged once");
		return refuse_known(r, &why);
	}
	str summary = trust_summary(&x->token.claims, r->arena);
	facts_i64(&x->token.claims, S("exp"), &exp_s);
	x->made = token_make(TOKEN_CI);
	x->create = (sql_ci_token_create_in){
		.id = id_str(&x->made.id),
		.hash = str_of((const char *)x->made.hash, TOKEN_HASH),
		.trust_id = x->chosen->row.id,
		.issuer = x->find.issuer,
		.jti = x->used.jti,
		.jti_until = (exp_s + 2 * JWT_SKEW_S) * 1000000,
		.summary = summary,
		.role = x->role,
		.scope = x->tenant,
	};
	r->acts_as = x->chosen->row.id;
	r->acts_via = S("exchange");
	r->ledger_op = ARENA_NEW(r->arena, ledger_op);
	*r->ledger_op = (ledger_op){
		.stmt = SQL_CI_TOKEN_CREATE,
		.in = &x->create,
		.action = S(EXCHANGE),
		.object_kind = S("ci_token"),
		.object_id = id_str(&x->made.id),
		.tenant_key = (int32_t)x->chosen->row.tenant_key,
		.tenant = x->chosen->row.tenant,
		.change = change_of(x, summary, r->arena),
		.on_row = exchanged,
	};
	return request_govern(r, STEP_exchange_done);
}

step exchange_done(request *r)
{
	const exchange *x = r->work;
	const ledger_answer *a = r->answer;

	if (a->e == ERR_IDENTITY_REFUSED)
		return refuse(r, &a->f);
	if (a->e)
		return govern_fail(r);
	buf *out = request_out(r);
	buf_printf(out, "{\"access_token\":\"%s\",", x->made.text);
	buf_add_str(out, str_cut(a->body, 1, a->body.n));
	return request_reply_out(r, 200);
}
