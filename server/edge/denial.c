#include "server/edge/denial.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/metric.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/bind.h"
#include "server/edge/dispatch.h"
#include "server/edge/edge.h"
#include "server/edge/permit.h"

enum { MINUTE_US = 60000000, REFS_MAX = 16 };

err denial_fault(request *r, const char *path)
{
	return fault_set(&r->fault, ERR_PERMISSION_DENIED, "", "this needs the right %s at %s",
		right_name(r->route->right), path[0] ? path : "the whole fleet");
}

err denial_at(request *r, str ref, const tenant_ref *t)
{
	if (t && permit_at(r->who, r->route->right, t->key))
		return ERR_OK;
	if (!t || !principal_sees(r->who, t->key))
		return fault_set(
			&r->fault, ERR_UNKNOWN_TENANT, "#/tenant", "there is no tenant " STR_FMT, STR_ARG(ref));
	denial_fault(r, str_z(r->arena, tenant_ref_path(t)));
	denial_record(r, ERR_PERMISSION_DENIED);
	return ERR_PERMISSION_DENIED;
}

void denial_count(const request *r, err e)
{
	metric_add(METRIC_AUTH_REFUSED, 0, 1);
	log_info("auth.refused", KV_Z("request", r->id),
		KV_Z("peer", proxies_client(&r->edge->proxies, r->web, r->arena)),
		KV_Z("route", r->route ? r->route->operation : ""), KV_ERR(e));
}

/* The record of a denial outlives its request. */
typedef struct denial {
	ledger_op op;
	arena *arena;
	principal *who;
} denial;

static void recorded(ledger_op *entry, const ledger_answer *a)
{
	denial *d = entry->arg;

	/* Another edge's record of the same minute stands for this one. */
	if (!a->revision && !a->is_replay)
		log_warn("denial.lost", KV_ERR(a->e), KV_Z("detail", a->f.detail));
	principal_unref(d->who);
	arena_end(d->arena);
}

bool denial_is_new(edge *e, str what)
{
	int64_t minute = clock_now_us() / MINUTE_US;

	if (minute != e->denial_minute || e->denials.n >= DENIALS_MAX) {
		denials_clear(e);
		e->denial_minute = minute;
	}
	if (map_find(&e->denials, what))
		return false;
	char *copy = heap_new(1, what.n + 1);
	memcpy(copy, what.p, what.n);
	map_put(&e->denials, str_of(copy, what.n), copy);
	return true;
}

static void record_fill(denial *d, const request *r, err e)
{
	/* No client's key holds a blank. */
	str key = str_print(d->arena, "denial %s %lld", r->route->operation, (long long)(clock_now_us() / MINUTE_US));

	d->op = (ledger_op){
		.scope = permit_scope(d->who, RIGHT_SELF),
		.actor = str_from(d->who->id),
		.via = S("api"),
		.action = str_from(r->route->operation),
		.object_kind = S("route"),
		.object_id = str_from(r->route->path),
		.request_id = str_dup(d->arena, str_from(r->id)),
		.tenant_key = d->who->tenant_key,
		.tenant = str_from(d->who->tenant),
		.outcome = str_print(d->arena, "refused:%s", err_code(e)),
		.key = key,
		.on_done = recorded,
		.arg = d,
	};
}

void denial_record(const request *r, err e)
{
	edge *to = r->edge;
	arena *a = arena_new(0);
	str what = str_print(a, "%s %s", r->who->id, r->route->operation);

	if (!denial_is_new(to, what)) {
		arena_end(a);
		return;
	}
	denial *d = ARENA_NEW(a, denial);
	d->arena = a;
	d->who = principal_ref(r->who);
	record_fill(d, r, e);
	ledger_run(d->op.scope.kind == DB_SCOPE_PLATFORM ? to->platform_ledger : to->tenant_ledger, &d->op);
}

/* What was not found, and what else the request names. */
typedef struct search {
	err e;
	fault fault;
	str refs[REFS_MAX]; /* of tenants: in the path, the query, the body */
	uint32_t n;
} search;

bool denial_may_explain(const request *r)
{
	const principal *p = r->who;

	if (!p || !r->route || r->is_explained || r->route->right == RIGHT_SELF)
		return false;
	db_scope scope = principal_scope(p, r->route->right);
	if (scope.kind == DB_SCOPE_PLATFORM)
		return false;
	return p->fleet_rights || scope.n < p->n_keys - p->n_gone || r->op == OP_TENANT_GET;
}

static void ref_add(search *s, str ref)
{
	if (ref.p && s->n < REFS_MAX)
		s->refs[s->n++] = ref;
}

static void type_refs(search *s, const js_type *t, const void *value)
{
	for (uint16_t i = 0; t && value && i < t->n; i++)
		if (t->fields[i].kind == JS_TEXT && t->fields[i].form == JS_TENANT_REF)
			ref_add(s, *(const str *)((const char *)value + t->fields[i].at));
}

static step search_over(request *r)
{
	const search *s = r->work;

	r->fault = s->fault;
	return request_fail(r, s->e);
}

static step deny(request *r, str path)
{
	err e = denial_fault(r, str_z(r->arena, path));

	denial_record(r, e);
	return request_fail(r, e);
}

/* Which tenants a request names is known by the key of its path's variable, and by the form of its fields. */
static void refs_collect(request *r, search *s)
{
	for (uint32_t i = 0; i < r->n_vars; i++)
		if (str_eq(operation_var_name(r->op, i), S("tenant")))
			ref_add(s, bind_tenant_path(r->arena, r->vars[i]));
	type_refs(s, r->route->query, r->query);
	type_refs(s, r->route->body, r->body);
}

step denial_explain(request *r, err e)
{
	search *s = ARENA_NEW(r->arena, search);

	s->e = e;
	s->fault = r->fault;
	r->work = s;
	r->is_explained = true;
	refs_collect(r, s);
	return tenants_ask(r, s->refs, s->n, STEP_denial_look);
}

/* The parents of what somebody sees are no secret: their ids and names are all that is told. */
static bool is_parent_of_seen(const principal *p, str path)
{
	for (uint32_t i = 0; i < p->grants.n; i++) {
		const grant *g = &p->grants.v[i];
		if (rights_hold(g->rights, RIGHT_TENANT_READ) && g->tenant.n > path.n && path_covers(path, g->tenant))
			return true;
	}
	return false;
}

static step object_ask(request *r)
{
	op shown_by = operations[r->op].shown_by;
	sql_id s = operations[shown_by].stmt;

	if (!shown_by)
		return search_over(r);
	void *in = bind_new(r->arena, s);
	bind_vars(r, s, in);
	return request_fetch(r, request_scope_of(r, routes[shown_by].right), s, in, STEP_denial_object_read);
}

step denial_look(request *r)
{
	const search *s = r->work;

	if (tenants_came(r))
		return search_over(r);
	for (uint32_t i = 0; i < s->n; i++) {
		const tenant_ref *t = tenants_find(r->edge, s->refs[i]);
		if (!t || permit_at(r->who, r->route->right, t->key))
			continue;
		if (principal_sees(r->who, t->key))
			return deny(r, tenant_ref_path(t));
		if (r->op != OP_TENANT_GET || !is_parent_of_seen(r->who, tenant_ref_path(t)))
			continue;
		sql_tenant_names_in *in = ARENA_NEW(r->arena, sql_tenant_names_in);
		in->paths = (strs){ARENA_NEW(r->arena, str), 1};
		in->paths.v[0] = str_dup(r->arena, tenant_ref_path(t));
		return request_fetch(r, DB_PLATFORM, SQL_TENANT_NAMES, in, STEP_denial_parent_read);
	}
	return object_ask(r);
}

step denial_object_read(request *r)
{
	if (request_reply_failed(r) || !r->reply.rows)
		return search_over(r);
	return deny(r, db_text(&r->reply, 0, "tenant"));
}

step denial_parent_read(request *r)
{
	if (request_reply_failed(r) || !r->reply.rows)
		return search_over(r);
	js_writer w = js_writer_on(request_out(r));
	js_object_begin(&w);
	js_put_text(&w, "id", db_text(&r->reply, 0, "id"));
	js_put_text(&w, "name", db_text(&r->reply, 0, "name"));
	js_object_end(&w);
	return request_reply_out(r, 200);
}
