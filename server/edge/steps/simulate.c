/* What would be, asked of the worker, who keeps the placer's books to try it on (server/worker/simulator.h). */
#include "api/types/placement.h"
#include "api/types/simulation.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/asking.h"
#include "server/edge/denial.h"
#include "server/edge/edge.h"
#include "server/edge/gate.h"
#include "server/edge/priorities.h"

enum { PATIENCE_MS = 10000, BODY_JSON_MAX = 1 << 20 };

step placement_simulate(request *r)
{
	const placement_request *q = r->body;
	err e = placement_request_check(q, &r->fault);

	if (e)
		return request_fail(r, e);
	return tenants_ask(r, &q->tenant, 1, STEP_placement_simulate_rank);
}

static str body_json(request *r, const js_type *t)
{
	buf body;

	buf_init(&body, BODY_JSON_MAX);
	js_writer w = js_writer_on(&body);
	js_write(&w, t, r->body);
	str json = str_dup(r->arena, buf_str(&body));
	buf_done(&body);
	return json;
}

static step ask(request *r, const tenant_ref *t)
{
	asking *a = ARENA_NEW(r->arena, asking);

	r->work = a;
	asking_fill(r, a, "simulate", S(""));
	a->ask.body = body_json(r, &placement_request_type);
	a->ask.tenant_key = t->key;
	a->ask.tenant = str_dup(r->arena, tenant_ref_path(t));
	return asking_send(r, PATIENCE_MS, STEP_simulate_answered);
}

static step ask_of_tenant(request *r)
{
	const placement_request *q = r->body;
	const tenant_ref *t = tenants_find(r->edge, q->tenant);
	err e = denial_at(r, q->tenant, t);

	if (e)
		return e == ERR_UNKNOWN_TENANT && gate_may_again(r) ? gate_again(r) : request_fail(r, e);
	return ask(r, t);
}

static bool is_ranked(const request *r)
{
	const placement_request *q = r->body;

	return !q->priority.n || priorities_have(r->edge, q->priority);
}

step placement_simulate_rank(request *r)
{
	err e = tenants_came(r);

	if (e)
		return request_fail(r, e);
	if (is_ranked(r))
		return ask_of_tenant(r);
	return request_fetch(r, DB_PLATFORM, SQL_PRIORITY_NAMES, NULL, STEP_placement_simulate_ranked);
}

step placement_simulate_ranked(request *r)
{
	const placement_request *q = r->body;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	priorities_learn(r->edge, &r->reply);
	if (!is_ranked(r))
		return request_fail_at(
			r, ERR_UNKNOWN_PRIORITY, "#/priority", "there is no priority " STR_FMT, STR_ARG(q->priority));
	return ask_of_tenant(r);
}

step policy_simulate(request *r)
{
	sql_policy_get_in *in = ARENA_NEW(r->arena, sql_policy_get_in);

	in->id = r->vars[0];
	return request_fetch(r, request_scope(r), SQL_POLICY_GET, in, STEP_policy_simulate_found);
}

step policy_simulate_found(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return gate_may_again(r) ? gate_again(r) : request_fail(r, ERR_NOT_FOUND);
	asking *a = ARENA_NEW(r->arena, asking);
	r->work = a;
	asking_fill(r, a, "policy_simulate", r->vars[0]);
	return asking_send(r, PATIENCE_MS, STEP_simulate_answered);
}

step cluster_defragment(request *r)
{
	sql_cluster_get_in *in = ARENA_NEW(r->arena, sql_cluster_get_in);

	in->cluster = r->vars[0];
	return request_fetch(r, request_scope(r), SQL_CLUSTER_GET, in, STEP_cluster_defragment_found);
}

step cluster_defragment_found(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return request_fail(r, ERR_NOT_FOUND);
	asking *a = ARENA_NEW(r->arena, asking);
	r->work = a;
	asking_fill(r, a, "defragment", str_dup(r->arena, db_text(&r->reply, 0, "name")));
	a->ask.body = body_json(r, &move_terms_type);
	return asking_send(r, PATIENCE_MS, STEP_simulate_answered);
}

step simulate_answered(request *r)
{
	const asking *a = r->work;

	return request_reply(r, (int)a->row.status, NULL, a->row.answer);
}
