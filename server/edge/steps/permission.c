#include "api/types/permission.h"

#include "json/write.h"
#include "server/edge/edge.h"
#include "server/edge/held.h"
#include "server/edge/tenants.h"

step permission_ask(request *r)
{
	const permission_query *q = r->query;

	return tenants_ask(r, &q->at, q->at.p ? 1 : 0, STEP_permission_show);
}

static step show(request *r, str path, uint64_t rights)
{
	const permission_query *q = r->query;
	permissions p = {.at = path, .rights = held_names(r->arena, rights)};
	js_writer w = js_writer_on(request_out(r));

	if (q->explain)
		p.explained = held_reasons(r->arena, r->who, path);
	js_write(&w, &permissions_type, &p);
	return request_reply_out(r, r->route->status);
}

step permission_show(request *r)
{
	const permission_query *q = r->query;
	err e = tenants_came(r);

	if (e)
		return request_fail(r, e);
	if (!q->at.p)
		return show(r, S(""), r->who->fleet_rights);
	const tenant_ref *t = tenants_find(r->edge, q->at);
	if (!t || !principal_sees(r->who, t->key))
		return request_fail_at(r, ERR_NOT_FOUND, "at", "there is no such tenant in the caller's sight");
	return show(r, tenant_ref_path(t), principal_rights_at(r->who, t->key));
}

static bool right_find(str name, right *ret)
{
	for (right k = RIGHT_SELF; k < RIGHT_COUNT; k++)
		if (str_eq(name, str_from(right_name(k)))) {
			*ret = k;
			return true;
		}
	return false;
}

step permission_check_ask(request *r)
{
	const permission_check *c = r->body;
	const permission_asked *v = c->items.v;
	str *refs = ARENA_ARRAY(r->arena, str, c->items.n + 1);
	uint32_t n = 0;
	right k;

	for (uint32_t i = 0; i < c->items.n; i++) {
		if (!right_find(v[i].right, &k))
			return request_fail_at(r, ERR_BAD_FIELD,
				str_z(r->arena, str_print(r->arena, "#/items/%u/right", i)),
				"there is no right " STR_FMT, STR_ARG(v[i].right));
		if (v[i].at.p)
			refs[n++] = v[i].at;
	}
	return tenants_ask(r, refs, n, STEP_permission_check_show);
}

/* What nobody told the caller of is as what does not exist: not allowed. */
static bool is_allowed(const request *r, const permission_asked *q)
{
	const tenant_ref *t = q->at.p ? tenants_find(r->edge, q->at) : NULL;
	right k = RIGHT_NONE;

	if (!right_find(q->right, &k) || (q->at.p && !t))
		return false;
	return t ? principal_holds(r->who, k, t->key) : principal_holds_for_fleet(r->who, k);
}

step permission_check_show(request *r)
{
	permission_check *c = r->body;
	permission_asked *v = c->items.v;
	err e = tenants_came(r);

	if (e)
		return request_fail(r, e);
	for (uint32_t i = 0; i < c->items.n; i++)
		v[i].allowed = is_allowed(r, &v[i]);
	js_writer w = js_writer_on(request_out(r));
	js_write(&w, r->route->answer, c);
	return request_reply_out(r, r->route->status);
}
