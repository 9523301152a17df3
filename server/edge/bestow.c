#include "server/edge/bestow.h"

#include "base/clock.h"
#include "server/edge/denial.h"
#include "server/edge/permit.h"

step bestow_ask(request *r, str tenant, step_id next)
{
	return tenants_ask(r, &tenant, tenant.p ? 1 : 0, next);
}

static err node_find(request *r, str tenant, int32_t *ret_key, str *ret_path)
{
	const tenant_ref *t = tenant.p ? tenants_find(r->edge, tenant) : NULL;

	*ret_key = t ? t->key : FLEET_KEY;
	*ret_path = t ? tenant_ref_path(t) : S("");
	return tenant.p ? denial_at(r, tenant, t) : ERR_OK;
}

static err role_check(request *r, str name, const role_row **ret, bool is_fleet)
{
	const role_row *row = role_find(name);

	if (!row)
		return fault_set(&r->fault, ERR_BAD_FIELD, "#/role", "there is no role " STR_FMT, STR_ARG(name));
	if (row->is_platform && !is_fleet)
		return fault_set(&r->fault, ERR_BAD_FIELD, "#/role", "%s counts only for the whole fleet", row->name);
	*ret = row;
	return ERR_OK;
}

err bestow_check(request *r, str role, str tenant, int32_t *ret_key, str *ret_path)
{
	const role_row *row = NULL;
	err e;

	if ((e = tenants_came(r)) || (e = role_check(r, role, &row, !tenant.p)) ||
		(e = node_find(r, tenant, ret_key, ret_path)))
		return e;
	if (permit_grant(r->who, row->rights, *ret_key))
		return ERR_OK;
	denial_record(r, ERR_ESCALATION_DENIED);
	return fault_set(&r->fault, ERR_ESCALATION_DENIED, "#/role", "the caller does not hold all that %s holds at %s",
		row->name, ret_path->n ? str_z(r->arena, *ret_path) : "the whole fleet");
}

/* Grants that end and cover the role, the last of them. */
static int64_t held_until(const request *r, const role_row *row, str path)
{
	const grants *g = &r->who->grants;
	int64_t until_us = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		int64_t one_us = g->v[i].until_us;
		if (one_us > until_us && permit_grant_until(r->who, row->rights, path, one_us))
			until_us = one_us;
	}
	return until_us;
}

err bestow_until_check(request *r, str role, str path, int64_t until_us)
{
	const role_row *row = role_find(role);
	char text[CLOCK_TEXT_MAX];

	if (!row || permit_grant_until(r->who, row->rights, path, until_us))
		return ERR_OK;
	denial_record(r, ERR_ESCALATION_DENIED);
	clock_text(held_until(r, row, path), text);
	return fault_set(&r->fault, ERR_ESCALATION_DENIED, "#/expires_at",
		"the caller holds %s there until %s: what they give ends by then", row->name, text);
}
