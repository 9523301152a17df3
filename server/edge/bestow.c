#include "server/edge/bestow.h"

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
