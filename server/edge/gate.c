#include "server/edge/gate.h"

#include <stdio.h>
#include "base/clock.h"
#include "db/sql.h"
#include "server/edge/assets.h"
#include "server/edge/cookie.h"
#include "server/edge/denial.h"
#include "server/edge/dispatch.h"
#include "server/edge/recognize.h"
#include "server/edge/touch.h"
#include "server/identity/certificate.h"

/* Who reads may ask for the head alone; who asks what there is is told. */
static str allowed(request *r, const router_match *m)
{
	uint32_t methods = m->allowed | 1u << WEB_OPTIONS;
	str list = S("");

	if (methods >> WEB_GET & 1)
		methods |= 1u << WEB_HEAD;
	for (web_method k = 0; k < WEB_METHODS; k++)
		if (methods >> k & 1)
			list = str_print(
				r->arena, STR_FMT "%s%s", STR_ARG(list), list.n ? ", " : "", web_method_name(k));
	return list;
}

static step not_found(request *r, const router_match *m)
{
	if (!m->allowed)
		return request_fail_at(r, ERR_ROUTE_NOT_FOUND, "", "there is no route " STR_FMT, STR_ARG(r->web->path));
	str list = allowed(r, m);
	request_header(r, "Allow", list);
	if (r->web->method == WEB_OPTIONS)
		return request_reply(r, 204, NULL, S(""));
	return request_fail_at(r, ERR_METHOD_NOT_ALLOWED, "", "this route answers " STR_FMT, STR_ARG(list));
}

/* NULL, or the name of a variable of the path that is no text we take. */
static const char *bad_var(const request *r, err *ret_e)
{
	for (uint32_t i = 0; i < r->n_vars; i++) {
		str v = r->vars[i];
		*ret_e = str_is_utf8(v) ? ERR_BAD_PARAMETER : ERR_BAD_UTF8;
		bool is_bad = *ret_e == ERR_BAD_UTF8;
		for (uint32_t k = 0; k < v.n && !is_bad; k++)
			is_bad = (unsigned char)v.p[k] < 0x20 || v.p[k] == 0x7f;
		if (is_bad)
			return str_z(r->arena, operation_var_name(r->op, i));
	}
	return NULL;
}

/* Tenants made a moment ago, perhaps on another edge, are in the scope of whoever governs; those who place or read look
 * twice instead (gate_again). */
static bool needs_fresh_scope(const request *r)
{
	bool governs = r->web->method != WEB_GET && r->web->method != WEB_HEAD &&
		       r->route->right != RIGHT_PLACEMENT_WRITE && r->route->right != RIGHT_SELF;

	return r->is_again || governs;
}

/* Who reads what was may ask of tenants that are gone. */
static bool needs_gone(const request *r)
{
	right needed = r->route->right;

	return needed == RIGHT_AUDIT_READ || needed == RIGHT_USAGE_READ || needed == RIGHT_WATCH;
}

/* As remembered, if that is enough for the route. */
static principal *remembered(request *r, str credential)
{
	principal *p = principals_find(r->edge->principals, credential, clock_mono_us(), clock_now_us());

	if (!p || p->knows_gone || !needs_gone(r))
		return p;
	principal_unref(p);
	return NULL;
}

static void recognized(recognize *k, err e, principal *who)
{
	request *r = k->arg;

	r->who = who;
	r->reply = (db_reply){.e = e, .f = k->fault};
	request_resume(r);
}

step gate_recognized(request *r)
{
	recognize *k = r->recognize;

	r->is_no_guess = k->has_hash && token_matches(r->token, str_of((const char *)k->hash, TOKEN_HASH));
	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!token_matches(r->token, str_of((const char *)r->who->hash, TOKEN_HASH)))
		return request_fail(r, ERR_TOKEN_INVALID);
	touch(r->edge, r->who, k->last_used_at_us);
	principals_put(r->edge->principals, r->who);
	return step_next(r, STEP_gate_enter);
}

/* A browser sends its cookie along with whatever any page makes it send. */
static err cookie_read(request *r, token_parsed *ret)
{
	str cookie = cookie_find(r, COOKIE_SESSION);
	bool changes = r->web->method != WEB_GET && r->web->method != WEB_HEAD;

	if (!cookie.p)
		return ERR_TOKEN_MISSING;
	if (changes && !cookie_is_same_origin(r))
		return fault_set(&r->fault, ERR_CROSS_SITE, "Sec-Fetch-Site",
			"with a session's cookie a change needs Sec-Fetch-Site: same-origin and X-Reeve-Request: 1");
	return token_parse(TOKEN_SESSION, cookie, ret)
		       ? ERR_OK
		       : fault_set(&r->fault, ERR_TOKEN_INVALID, "Cookie", "this is no session of this server");
}

static err credential_read(request *r, token_parsed *ret)
{
	str header = web_header_find(r->web, S("Authorization")), scheme = str_split(&header, ' ');

	if (!scheme.p)
		return cookie_read(r, ret);
	header = str_trim(header);
	if (!str_eq_nocase(scheme, S("Bearer")) ||
		(!token_parse(TOKEN_PAT, header, ret) && !token_parse(TOKEN_CI, header, ret)))
		return fault_set(&r->fault, ERR_TOKEN_INVALID, "Authorization", "this is no token of this server");
	return ERR_OK;
}

static step bearer(request *r)
{
	token_parsed t;
	err e = credential_read(r, &t);

	if (e == ERR_CROSS_SITE)
		denial_count(r, e);
	if (e)
		return request_fail(r, e);
	r->token = ARENA_NEW(r->arena, token_parsed);
	*r->token = t;
	if (!needs_fresh_scope(r))
		r->who = remembered(r, id_str(&t.id));
	if (r->who)
		return step_next(r, STEP_gate_enter);
	r->recognize = ARENA_NEW(r->arena, recognize);
	step did = request_park(r, OWNER_READER, STEP_gate_recognized);
	recognize_credential(r->recognize, r->edge->reader, id_str(&r->token->id), needs_gone(r), recognized, r);
	return did;
}

bool gate_may_again(const request *r)
{
	return r->who && !request_is_for_fleet(r) && !r->is_again && r->who->read_us < r->web->begun_us;
}

step gate_again(request *r)
{
	principal_unref(r->who);
	r->who = NULL;
	r->is_again = true;
	r->extra_headers = STR_NONE;
	return bearer(r);
}

step gate_reread(request *r)
{
	return gate_again(r);
}

static step agent_check(request *r, const certificate *c)
{
	str claimed = ca_agent_cluster(str_from(r->web->tls->uri));

	if (c->is_revoked || str_eq(str_from(c->state), S("lost")) || !str_eq(claimed, str_from(c->cluster_id)))
		return request_fail_at(
			r, ERR_CERTIFICATE_REQUIRED, "", "the certificate is revoked or of another cluster");
	r->agent = ARENA_NEW(r->arena, agent_identity);
	r->agent->serial = str_from(r->web->tls->serial);
	r->agent->cluster_key = c->cluster_key;
	memcpy(r->agent->cluster_id, c->cluster_id, sizeof(r->agent->cluster_id));
	memcpy(r->agent->cluster, c->cluster, sizeof(r->agent->cluster));
	return step_next(r, r->checked_next ? r->checked_next : STEP_gate_enter);
}

/* One that ended a while ago may renew itself. It may also end while its connection stands. */
static bool is_in_time(const request *r, const tls_peer *peer)
{
	int64_t late_us = clock_now_us() - peer->until_us;

	return late_us < (r->op == OP_AGENT_RENEW ? CERTIFICATE_RENEW_LATE_US : 0);
}

step gate_agent(request *r)
{
	const tls_peer *peer = r->web->tls;

	if (!peer || (!peer->is_verified && !peer->is_expired))
		return request_fail(r, ERR_CERTIFICATE_REQUIRED);
	if (!is_in_time(r, peer))
		return request_fail_at(r, ERR_CERTIFICATE_REQUIRED, "", "the certificate has expired");
	str serial = str_from(peer->serial);
	const certificate *c = certificates_find(r->edge->certificates, serial, clock_mono_us());
	if (c)
		return agent_check(r, c);
	sql_certificate_find_in *in = ARENA_NEW(r->arena, sql_certificate_find_in);
	in->serial = serial;
	return request_fetch(r, DB_PLATFORM, SQL_CERTIFICATE_FIND, in, STEP_gate_certificate_read);
}

step gate_certificate_read(request *r)
{
	certificate c = {.read_us = clock_mono_us()};
	sql_certificate_find_row row;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (r->reply.rows == 0)
		return request_fail_at(r, ERR_CERTIFICATE_REQUIRED, "", "the certificate is not known");
	err e = db_row(&r->reply, 0, &row, &r->fault);
	if (e)
		return request_fail(r, e);
	snprintf(c.serial, sizeof(c.serial), "%s", r->web->tls->serial);
	snprintf(c.cluster_id, sizeof(c.cluster_id), STR_FMT, STR_ARG(row.cluster_id));
	snprintf(c.cluster, sizeof(c.cluster), STR_FMT, STR_ARG(row.cluster));
	snprintf(c.state, sizeof(c.state), STR_FMT, STR_ARG(row.state));
	c.cluster_key = (int32_t)row.cluster_key;
	c.is_revoked = row.is_revoked;
	certificates_put(r->edge->certificates, &c);
	return agent_check(r, &c);
}

/* The route is known; who calls it is not yet. */
static step identify(request *r)
{
	if (r->route->right == RIGHT_AGENT)
		return gate_agent(r);
	if (r->route->right == RIGHT_NONE)
		return step_next(r, STEP_gate_enter);
	return bearer(r);
}

static bool is_overloaded(const edge *e)
{
	return (int64_t)e->held_bytes > e->settings->inflight_bytes_max;
}

step gate_arrive(request *r)
{
	edge *e = r->edge;

	if (assets_serve(e->assets, r))
		return STEP_ENDED;
	router_match m = router_find(e->router, r->arena, r->web->method, r->web->path);
	if (m.route < 0)
		return not_found(r, &m);
	r->op = (op)m.route;
	r->route = &routes[m.route];
	memcpy(r->vars, m.vars, sizeof(r->vars));
	r->n_vars = m.n_vars;
	if (r->op == OP_LIVEZ)
		return step_next(r, STEP_health_live);
	err bad = ERR_OK;
	const char *var = bad_var(r, &bad);
	if (var)
		return request_fail_at(r, bad, var, "the path holds bytes that no name has");
	if (r->web->body.n && is_overloaded(e))
		return request_fail_at(r, ERR_OVERLOADED, "", "too many request bodies are in work");
	return identify(r);
}

void gate_take(edge *e, web_req *w)
{
	request_start(request_new(e, w), STEP_gate_arrive);
}
