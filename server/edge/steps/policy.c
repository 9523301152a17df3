#include "api/types/policy.h"

#include "api/types/placement.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/bestow.h"
#include "server/edge/bind.h"
#include "server/edge/denial.h"
#include "server/edge/gate.h"
#include "server/edge/govern.h"
#include "server/edge/permit.h"

enum { TERMS_MAX = 4096 };

static str json_of(arena *a, const js_type *t, const void *value)
{
	buf out;

	buf_init(&out, TERMS_MAX);
	js_writer w = js_writer_on(&out);
	js_write(&w, t, value);
	str json = str_dup(a, buf_str(&out));
	buf_done(&out);
	return json;
}

step policy_create(request *r)
{
	const policy *p = r->body;
	err e = policy_weights_check(p->placement.node_policy, &p->placement.node_weights, &r->fault);

	if (e) {
		fault_prefix(&r->fault, S("placement"));
		return request_fail(r, e);
	}
	return bestow_ask(r, p->tenant, STEP_policy_create_at);
}

/* Without a tenant it is the fleet's. */
static err node_check(request *r, str tenant)
{
	err e = tenants_came(r);

	if (e)
		return e;
	if (tenant.p)
		return denial_at(r, tenant, tenants_find(r->edge, tenant));
	if (permit_for_fleet(r->who, r->route->right))
		return ERR_OK;
	denial_record(r, ERR_PERMISSION_DENIED);
	return denial_fault(r, "");
}

step policy_create_at(request *r)
{
	const policy *p = r->body;
	err e = node_check(r, p->tenant);

	if (e)
		return request_fail(r, e);
	sql_policy_create_in *in = bind_request(r, SQL_POLICY_CREATE);
	id made = id_make("pol");
	in->id = str_dup(r->arena, id_str(&made));
	in->placement = json_of(r->arena, &policy_placement_type, &p->placement);
	in->sharing = json_of(r->arena, &policy_sharing_type, &p->sharing);
	in->priority = p->sharing.priority;
	in->created_by = request_actor(r);
	return govern_run(r, SQL_POLICY_CREATE, in);
}

step policy_apply(request *r)
{
	sql_policy_apply_in *in = bind_request(r, SQL_POLICY_APPLY);

	in->applied_by = request_actor(r);
	return govern_run(r, SQL_POLICY_APPLY, in);
}

/* The policy above a tenant counts for it: who may see the one may see the other. That they may see the one is found in
 * their scope. */
step policy_effective(request *r)
{
	sql_tenant_get_in *in = ARENA_NEW(r->arena, sql_tenant_get_in);

	in->tenant = bind_tenant_path(r->arena, r->vars[0]);
	return request_fetch(r, request_scope(r), SQL_TENANT_GET, in, STEP_policy_effective_at);
}

step policy_effective_at(request *r)
{
	sql_policy_effective_in *in = ARENA_NEW(r->arena, sql_policy_effective_in);

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return gate_may_again(r) ? gate_again(r) : request_fail(r, ERR_NOT_FOUND);
	in->id = str_dup(r->arena, db_text(&r->reply, 0, "id"));
	return request_fetch(r, DB_PLATFORM, SQL_POLICY_EFFECTIVE, in, STEP_read_reply);
}
