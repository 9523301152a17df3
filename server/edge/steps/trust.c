#include "api/types/trust.h"

#include "db/sql.h"
#include "server/edge/bestow.h"
#include "server/edge/bind.h"
#include "server/edge/edge.h"
#include "server/edge/govern.h"
#include "server/edge/tenants.h"
#include "server/identity/trust.h"

static err issuer_check(request *r, const trust *t)
{
	str rest = str_from(r->edge->settings->ci_issuers);

	while (rest.n) {
		str one = str_trim(str_split(&rest, ','));
		if (one.n && str_eq(one, t->issuer))
			return ERR_OK;
	}
	return fault_set(&r->fault, ERR_BAD_FIELD, "#/issuer", "is not one of the issuers this server is set to ask");
}

static err roles_check(request *r, const trust *t, bool *ret_writes)
{
	const trust_grant *g = t->grants.v;

	for (uint32_t i = 0; i < t->grants.n; i++) {
		const role_row *row = role_find(g[i].role);
		const char *at = str_z(r->arena, str_print(r->arena, "#/grants/%u/role", i));
		if (!row)
			return fault_set(&r->fault, ERR_BAD_FIELD, at, "there is no role " STR_FMT, STR_ARG(g[i].role));
		if (!trust_takes_role(row))
			return fault_set(&r->fault, ERR_BAD_FIELD, at,
				"no pipeline is given %s: it makes tokens, bindings or trusts, or approves", row->name);
		*ret_writes |= trust_role_writes(row);
	}
	return ERR_OK;
}

step trust_create(request *r)
{
	const trust *t = r->body;
	const trust_grant *g = t->grants.v;
	trust_rules rules;
	bool writes = false;
	err e;

	if ((e = issuer_check(r, t)) || (e = roles_check(r, t, &writes)) ||
		(e = trust_rules_read(t->match.json, r->arena, &rules, &r->fault)) ||
		(e = trust_rules_check(&rules, writes, &r->fault)))
		return request_fail(r, e);
	str *refs = ARENA_ARRAY(r->arena, str, t->grants.n);
	uint32_t n = 0;
	for (uint32_t i = 0; i < t->grants.n; i++)
		if (g[i].tenant.p)
			refs[n++] = g[i].tenant;
	return tenants_ask(r, refs, n, STEP_trust_create_at);
}

/* The lowest path above both. */
static str common(str a, str b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i <= a.n && i <= b.n; i++) {
		bool ends_a = i == a.n || a.p[i] == '/', ends_b = i == b.n || b.p[i] == '/';
		if (ends_a && ends_b)
			n = i;
		if (i == a.n || i == b.n || a.p[i] != b.p[i])
			break;
	}
	return str_cut(a, 0, n);
}

static err grants_check(request *r, const trust *t, sql_trust_create_in *in)
{
	const trust_grant *g = t->grants.v;
	err e;

	in->roles = (strs){ARENA_ARRAY(r->arena, str, t->grants.n), t->grants.n};
	in->grant_keys = (i64s){ARENA_ARRAY(r->arena, int64_t, t->grants.n), t->grants.n};
	for (uint32_t i = 0; i < t->grants.n; i++) {
		int32_t key;
		str path;
		e = bestow_check(r, g[i].role, g[i].tenant, &key, &path);
		if (e) {
			fault_prefix(&r->fault, str_print(r->arena, "%u", i));
			fault_prefix(&r->fault, S("grants"));
			return e;
		}
		path = str_dup(r->arena, path);
		in->roles.v[i] = g[i].role;
		in->grant_keys.v[i] = key;
		in->home = i ? common(in->home, path) : path;
	}
	return ERR_OK;
}

/* Who stands above it, as above a token: what a pipeline may do, its trust's maker may. */
static void maker_put(request *r, sql_trust_create_in *in)
{
	const principal *p = r->who;

	if (p->generation)
		in->maker_token = str_from(p->id);
	else
		in->maker_subjects = claim_names(r->arena, str_from(p->subject), p->groups);
}

step trust_create_at(request *r)
{
	const trust *t = r->body;
	sql_trust_create_in *in = bind_request(r, SQL_TRUST_CREATE);
	id made = id_make("trs");
	err e = grants_check(r, t, in);

	if (e)
		return request_fail(r, e);
	in->id = str_dup(r->arena, id_str(&made));
	in->match = t->match.json;
	in->created_by = request_actor(r);
	maker_put(r, in);
	return govern_run(r, SQL_TRUST_CREATE, in);
}
