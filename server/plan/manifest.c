#include "api/types/budget.h"
#include "server/plan/plan_inside.h"

static err item_refuse(fault *f, str key, const char *member, const char *why)
{
	fault_set(f, ERR_BAD_FIELD, "", "%s", why);
	fault_prefix(f, key);
	fault_prefix(f, str_from(member));
	return ERR_BAD_FIELD;
}

static bool is_period(str name)
{
	for (size_t i = 0; budget_periods[i]; i++)
		if (str_eq(name, str_from(budget_periods[i])))
			return true;
	return false;
}

static err items_check(const manifest_tenant *t, fault *f)
{
	const manifest_binding *b = t->bindings.v;
	const manifest_budget *u = t->budgets.v;

	for (uint32_t i = 0; i < t->bindings.n; i++) {
		if (!subject_is_fine(b[i].subject))
			return item_refuse(
				f, b[i].subject, "bindings", "must be user:NAME, group:NAME or service:NAME");
		for (uint32_t k = 0; k < b[i].roles.n; k++) {
			const role_row *row = role_find(b[i].roles.v[k]);
			if (!row || row->is_platform)
				return item_refuse(f, b[i].subject, "bindings",
					row ? "a role of it counts only for the whole fleet" : "there is no such role");
		}
	}
	for (uint32_t i = 0; i < t->budgets.n; i++)
		if (!is_period(u[i].period))
			return item_refuse(f, u[i].period, "budgets", "must be day, week, month or quarter");
	return ERR_OK;
}

/* It is moved as it is called, and not below itself. */
static err from_check(const manifest_tenant *t, str path, fault *f)
{
	str from = t->from, above = path_above(from);

	if (!from.n)
		return ERR_OK;
	if (!str_eq(str_cut(from, above.n ? above.n + 1 : 0, from.n), t->name))
		return fault_set(f, ERR_BAD_FIELD, "#/from", "a tenant keeps its name where it is moved");
	if (path_is_below(path, from))
		return fault_set(f, ERR_BAD_FIELD, "#/from", "it would hang below itself");
	return ERR_OK;
}

static err tenant_check(const manifest_tenant *t, str path, uint32_t depth, fault *f)
{
	if (depth > TENANT_DEPTH_MAX)
		return fault_set(f, ERR_TREE_TOO_DEEP, "", "tenants nest at most %d deep", TENANT_DEPTH_MAX);
	if (depth == 1 && str_eq(t->name, S("system")))
		return fault_set(f, ERR_BAD_FIELD, "", "the tenant system belongs to the server");
	err e = from_check(t, path, f);
	return e ? e : items_check(t, f);
}

/* What no table says: depth, names that are taken, moves, subjects, roles and periods. */
static err tenants_check(arena *a, const js_map *tenants, str parent, uint32_t depth, fault *f)
{
	const manifest_tenant *m = tenants->v;

	for (uint32_t i = 0; i < tenants->n; i++) {
		str path =
			parent.n ? str_print(a, STR_FMT "/" STR_FMT, STR_ARG(parent), STR_ARG(m[i].name)) : m[i].name;
		err e = tenant_check(&m[i], path, depth, f);
		if (!e)
			e = tenants_check(a, &m[i].tenants, path, depth + 1, f);
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
	err e = js_read_large(&manifest_type, json, a, ret, f);

	return e ? e : tenants_check(a, &ret->tenants, S(""), 1, f);
}

static uint32_t moves_count(const js_map *tenants)
{
	const manifest_tenant *m = tenants->v;
	uint32_t n = 0;

	for (uint32_t i = 0; i < tenants->n; i++)
		n += (m[i].from.n > 0) + moves_count(&m[i].tenants);
	return n;
}

static void origins_add(const js_map *tenants, strs *to)
{
	const manifest_tenant *m = tenants->v;

	for (uint32_t i = 0; i < tenants->n; i++) {
		str rest = m[i].from;
		if (rest.n)
			to->v[to->n++] = str_split(&rest, '/');
		origins_add(&m[i].tenants, to);
	}
}

strs manifest_tops(const manifest *m, arena *a)
{
	const manifest_tenant *v = m->tenants.v;
	strs tops = {ARENA_ARRAY(a, str, m->tenants.n + moves_count(&m->tenants) + 1), m->tenants.n};

	for (uint32_t i = 0; i < tops.n; i++)
		tops.v[i] = v[i].name;
	origins_add(&m->tenants, &tops);
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
