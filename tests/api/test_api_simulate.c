/* What would be: a request is tried on the worker's copy of the books and a policy on what waits; nothing of either is
 * stored. */
#include <criterion/criterion.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN "platform_admin", NULL
#define VIEW  "viewer", "acme"
#define OTHER "tenant_owner", "other"
#define WHOLE "\"devices\":[{\"classes\":[\"h100-80g\"]}]"
#define TRY   "POST", "/v1/placements:simulate", NULL
#define N(v)  (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene tried[] = {
	{"a device that is free", VIEW, TRY, "{\"tenant\":\"acme\"," WHOLE "}", 200, "{'fits':true,'tenant':'acme','cluster':'par','blockers':[],'changes':[]}", NULL, NULL},
	{"again: nothing was taken", VIEW, TRY, "{\"tenant\":\"acme\",\"replicas\":2," WHOLE "}", 200, "{'fits':true}", NULL, NULL},
	{"more than there is", VIEW, TRY, "{\"tenant\":\"acme\",\"replicas\":3," WHOLE "}", 200, "{'fits':false,'placed':[],'cluster':null,'changes':[{'change':'replicas','group':'main','most':2}],'free':[{'class':'h100-80g','idle_devices':2}]}", NULL, NULL},
	{"a class nobody has", VIEW, TRY, "{\"tenant\":\"acme\",\"devices\":[{\"classes\":[\"gold\"]}]}", 200, "{'fits':false,'blockers':[{'code':'no_such_class','class':'gold'}]}", NULL, NULL},
	{"what cannot be asked", VIEW, TRY, "{\"tenant\":\"acme\",\"replicas\":2,\"groups\":[{\"name\":\"a\"}]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/groups'}]}", NULL, NULL},
	{"a priority nobody has", VIEW, TRY, "{\"tenant\":\"acme\",\"priority\":\"king\"}", 422, "{'code':'unknown_priority'}", NULL, NULL},
	{"for a stranger", OTHER, TRY, "{\"tenant\":\"acme\"}", 422, "{'code':'unknown_tenant'}", NULL, NULL},
	{"for nobody", ADMIN, TRY, "{\"tenant\":\"nobody\"}", 422, "{'code':'unknown_tenant'}", NULL, NULL},
};

static const scene later[] = {
	{"what a decision took is taken", VIEW, TRY, "{\"tenant\":\"acme\",\"replicas\":2," WHOLE "}", 200, "{'fits':false,'as_of':{'decisions':1}}", NULL, NULL},
	{"the rest is free", VIEW, TRY, "{\"tenant\":\"acme\"," WHOLE "}", 200, "{'fits':true}", NULL, NULL},
	{"a limit counts at once", ADMIN, "PUT", "/v1/tenants/acme/quota", "If-Match: *\r\n", "{\"models\":{\"h100-80g\":{\"limit\":{\"device_milli\":1000}}}}", 200, NULL, NULL, NULL},
	{"and stands in the way", VIEW, TRY, "{\"tenant\":\"acme\"," WHOLE "}", 200, "{'fits':false,'blockers':[{'code':'quota_limit','scope':'acme','class':'h100-80g'}],'changes':[{'change':'quota'}]}", NULL, NULL},
};

static const scene policies[] = {
	{"a policy", ADMIN, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"sharing\":{\"preemptible\":false}}", 201, NULL, NULL, "fixed=id"},
	{"one that takes nothing away", ADMIN, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"placement\":{\"node_policy\":\"spread\"}}", 201, NULL, NULL, "spread=id"},
	{"makes no guarantee infeasible", ADMIN, "POST", "/v1/policies/{spread}:simulate", NULL, NULL, 200, "{'policy':'{spread}','tenant':'acme','infeasible_guarantees':[],'counts':{'infeasible_guarantees':0,'would_be_evicted':0},'is_cut':false}", NULL, NULL},
	{"who is out of sight is counted and not named", VIEW, "POST", "/v1/policies/{fixed}:simulate", NULL, NULL, 200, "{'policy':'{fixed}','infeasible_guarantees':[],'counts':{'infeasible_guarantees':1}}", NULL, NULL},
	{"what cannot be taken back any more is told", ADMIN, "POST", "/v1/policies/{fixed}:simulate", NULL, NULL, 200, "{'policy':'{fixed}','infeasible_guarantees':[{'tenant':'other','model':'h100-80g','missing_milli':2000,'within_reach_milli':1000}],'counts':{'infeasible_guarantees':1}}", NULL, NULL},
	{"a stranger does not see it", OTHER, "POST", "/v1/policies/{fixed}:simulate", NULL, NULL, 404, NULL, NULL, NULL},
	{"nothing was applied", VIEW, "GET", "/v1/tenants/acme/policy", NULL, NULL, 200, "{'tenant':null}", NULL, NULL},
};

#define PLAN "POST", "/v1/clusters/par/moves:simulate", NULL

static const scene moves[] = {
	{"the node that is worth most is emptied", ADMIN, PLAN, NULL, 200, "{'cluster':'par','moves':[{'placement':'plc_1','tenant':'acme','from_node':'n1','to_node':'n2','from_devices':['u0'],'to_devices':['u2'],'cost_milli':250}],'gain_milli':2000,'cost_milli':250,'is_cut':false}", NULL, NULL},
	{"whole nodes may be worth nothing more", "cluster_operator", NULL, PLAN, "{\"node_gain_milli\":0,\"moves_max\":1}", 200, "{'gain_milli':1000}", NULL, NULL},
	{"no move is no plan", ADMIN, PLAN, "{\"moves_max\":0}", 422, "{'code':'bad_field','errors':[{'pointer':'#/moves_max'}]}", NULL, NULL},
	{"no such cluster", ADMIN, "POST", "/v1/clusters/ams/moves:simulate", NULL, NULL, 404, NULL, NULL, NULL},
	{"not for tenants", "tenant_owner", "acme", PLAN, NULL, 403, NULL, NULL, NULL},
};

static const scene stays[] = {
	{"what may not be evicted stays", ADMIN, PLAN, NULL, 200, "{'moves':[],'gain_milli':0,'cost_milli':0}", NULL, NULL},
};
/* clang-format on */

static void world(arena *a)
{
	served_call(a, served_token(ADMIN), "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}");
	served_call(a, served_token(ADMIN), "POST", "/v1/tenants", NULL, "{\"name\":\"other\"}");
	pg_do(served_dsn(), "INSERT INTO cluster (id, name, state, labels) VALUES ('cls_1', 'par', 'ready', '{}')");
	pg_do(served_dsn(),
		"INSERT INTO node (id, cluster_key, name, rank, cpu_milli, memory_mib, pods, health, seen_at) SELECT 'nod_1', "
		"key, 'n1', 1, 64000, 100000, 100, 'ok', now() FROM cluster");
	pg_do(served_dsn(),
		"INSERT INTO device (id, node_key, cluster_key, uuid, index_no, class, product, memory_mib, compute_milli, slots, "
		"slots_given, health, seen_at) SELECT 'dev_' || i, key, cluster_key, 'u' || i, i, 'h100-80g', '', 81559, 1000, 10, 10, "
		"'ok', now() FROM node, generate_series(0, 1) i");
}

/* As the placer writes it down: acme holds the first device. */
static void grant(void)
{
	pg_do(served_dsn(),
		"INSERT INTO placement (id, tenant_key, cluster_key, name, origin, state, fence_incarnation, fence_no, request, "
		"placed, created_by, created_at, granted_at, running_at, seq, rev, charge_models, charge_device_milli, charge_memory_mib, "
		"charge_compute_milli) SELECT 'plc_1', t.key, c.key, '', 'api', 'running', 1, 1, '{\"tenant\":\"acme\"," WHOLE
		"}', "
		"'[{\"group\":\"main\",\"index\":0,\"node\":\"n1\",\"cpu_milli\":0,\"memory_mib\":0,\"devices\":[{\"uuid\":\"u0\",\"class\":"
		"\"h100-80g\",\"index\":0,\"memory_mib\":81559,\"compute_milli\":1000}]}]', 't', now(), now(), now(), 1, 1, "
		"'{h100-80g}', '{1000}', '{81559}', '{1000}' FROM tenant t, cluster c WHERE t.path = 'acme'");
	pg_do(served_dsn(),
		"INSERT INTO decision (n, term, at, tenant_key, placement_id, action, body, hash) SELECT 1, 1, now(), key, 'plc_1', "
		"'grant', '{}', '' FROM tenant WHERE path = 'acme'; UPDATE leader SET n = 1 WHERE name = 'placer'");
}

Test(api_simulate, a_request_is_tried_on_what_stands_and_takes_nothing)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_simulate");
	world(a);
	scenes_play(tried, N(tried));
	grant();
	scenes_play(later, N(later));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM placement"), 1);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM inbox"), 0);
}

Test(api_simulate, a_policy_is_tried_before_it_is_applied)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_simulate_policy");
	world(a);
	grant();
	served_call(a, served_token(ADMIN), "PUT", "/v1/tenants/other/quota", "If-Match: *\r\n",
		"{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":2000}}}}");
	scenes_play(policies, N(policies));
}

/* A quarter of a device on each of two nodes, of which the first has one more device. */
static void quarters(const char *preemptible)
{
	char sql[2000];

	pg_do(served_dsn(),
		"INSERT INTO node (id, cluster_key, name, rank, cpu_milli, memory_mib, pods, health, seen_at) SELECT 'nod_2', "
		"key, 'n2', 2, 64000, 100000, 100, 'ok', now() FROM cluster");
	pg_do(served_dsn(),
		"INSERT INTO device (id, node_key, cluster_key, uuid, index_no, class, product, memory_mib, compute_milli, slots, "
		"slots_given, health, seen_at) SELECT 'dev_2', key, cluster_key, 'u2', 0, 'h100-80g', '', 81559, 1000, 10, 10, "
		"'ok', now() FROM node WHERE name = 'n2'");
	snprintf(sql, sizeof(sql),
		"INSERT INTO placement (id, tenant_key, cluster_key, name, origin, state, fence_incarnation, fence_no, request, "
		"placed, created_by, created_at, granted_at, running_at, seq, rev, charge_models, charge_device_milli, charge_memory_mib, "
		"charge_compute_milli) SELECT 'plc_' || x.i, t.key, c.key, '', 'api', 'running', 1, 1, "
		"'{\"tenant\":\"acme\",\"preemptible\":%s,\"devices\":[{\"classes\":[\"h100-80g\"],\"memory_mib\":20000,\"compute_milli\":250}]}', "
		"replace(replace('[{\"group\":\"main\",\"index\":0,\"node\":\"NODE\",\"cpu_milli\":0,\"memory_mib\":0,\"devices\":[{\"uuid\":\"UUID\",\"class\":"
		"\"h100-80g\",\"index\":0,\"memory_mib\":20000,\"compute_milli\":250}]}]', 'NODE', x.node), 'UUID', x.uuid), 't', now(), now(), now(), x.i, x.i, "
		"'{h100-80g}', '{250}', '{20000}', '{250}' FROM tenant t, cluster c, (VALUES (1, 'n1', 'u0'), (2, 'n2', 'u2')) x(i, node, uuid) WHERE t.path = 'acme'",
		preemptible);
	pg_do(served_dsn(), sql);
	pg_do(served_dsn(),
		"INSERT INTO decision (n, term, at, tenant_key, placement_id, action, body, hash) SELECT i, 1, now(), key, 'plc_' || i, "
		"'grant', '{}', '' FROM tenant, generate_series(1, 2) i WHERE path = 'acme'; UPDATE leader SET n = 2 WHERE name = 'placer'");
}

Test(api_simulate, moves_are_planned_and_not_made)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_simulate_moves");
	world(a);
	quarters("true");
	scenes_play(moves, N(moves));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM placement WHERE state = 'running'"), 2);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM decision"), 2);
}

Test(api_simulate, what_may_not_be_evicted_is_in_no_plan_of_moves)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_simulate_stays");
	world(a);
	quarters("false");
	scenes_play(stays, N(stays));
}
