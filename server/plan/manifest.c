#include "server/plan/plan_inside.h"

/* What no table says: depth, and names that are taken. */
static err tenants_check(const js_map *tenants, uint32_t depth, fault *f)
{
	const manifest_tenant *m = tenants->v;

	for (uint32_t i = 0; i < tenants->n; i++) {
		err e = ERR_OK;
		if (depth > TENANT_DEPTH_MAX)
			e = fault_set(f, ERR_TREE_TOO_DEEP, "", "tenants nest at most %d deep", TENANT_DEPTH_MAX);
		else if (depth == 1 && str_eq(m[i].name, S("system")))
			e = fault_set(f, ERR_BAD_FIELD, "", "the tenant system belongs to the server");
		else
			e = tenants_check(&m[i].tenants, depth + 1, f);
		if (e) {
			fault_prefix(f, m[i].name);
			fault_prefix(f, S("tenants"));
			return e;
		}
	}
	return ERR_OK;
}

err manifest_read(str json, arena *a, manifest *ret, fault *f)
{
	err e = js_read(&manifest_type, json, a, ret, f);

	return e ? e : tenants_check(&ret->tenants, 1, f);
}

strs manifest_tops(const manifest *m, arena *a)
{
	const manifest_tenant *v = m->tenants.v;
	strs tops = {ARENA_ARRAY(a, str, m->tenants.n + 1), m->tenants.n};

	for (uint32_t i = 0; i < tops.n; i++)
		tops.v[i] = v[i].name;
	return tops;
}

bool planning_adopts_drift(const planning *p)
{
	return str_eq(p->want->on_drift, S("adopt"));
}

bool planning_overwrites_drift(const planning *p)
{
	return str_eq(p->want->on_drift, S("overwrite"));
}
