/* Quota through the door: what is refused and why, classes and credits beside models, the fleet's own quota, what is
 * told of loans, and tenants that move. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN "platform_admin", NULL
#define FLEET "/v1/tenants/tnt_00000000000000000000000000/quota"
#define ANY   "If-Match: *\r\n"
#define MERGE "If-Match: *\r\nContent-Type: application/merge-patch+json\r\n"
#define N(v)  (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene setup[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
	{"below it", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"beside that", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"vision\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL, NULL},
};

static const scene classes[] = {
	{"limits of classes and modes", ADMIN, "PUT", "/v1/tenants/acme/quota", ANY, "{\"classes\":{\"h100-80g\":{\"limit\":{\"device_milli\":4000}},\"h100-80g.mig-3g.40gb\":{\"limit\":{\"device_milli\":1000}}},\"credits_limit\":5000000,\"reclaim\":{\"after_s\":600}}", 200, "{'models':{},'classes':{'h100-80g':{'limit':{'device_milli':4000}},'h100-80g.mig-3g.40gb':{'limit':{'device_milli':1000},'used':{'device_milli':0}}},'credits_limit':5000000,'credits_used':0,'reclaim':{'after_s':600,'grace_s':30}}", NULL},
	{"a patch leaves the rest", ADMIN, "PATCH", "/v1/tenants/acme/quota", MERGE, "{\"classes\":{\"h100-80g\":null},\"models\":{\"l4\":{\"limit\":{\"device_milli\":7}}}}", 200, "{'models':{'l4':{'limit':{'device_milli':7}}},'classes':{'h100-80g.mig-3g.40gb':{'limit':{'device_milli':1000}}},'reclaim':{'after_s':600,'grace_s':30}}", NULL},
	{"reclaim goes with null", ADMIN, "PATCH", "/v1/tenants/acme/quota", MERGE, "{\"reclaim\":null}", 200, "{'classes':{'h100-80g.mig-3g.40gb':{}}}", NULL},
	{"a mode of no class", ADMIN, "PATCH", "/v1/tenants/acme/quota", MERGE, "{\"classes\":{\"b9.mig-1g\":{\"limit\":{\"device_milli\":1}}}}", 422, "{'code':'unknown_class'}", NULL},
	{"a mode is no model", ADMIN, "PATCH", "/v1/tenants/acme/quota", MERGE, "{\"models\":{\"h100-80g.mig-3g.40gb\":{\"limit\":{\"device_milli\":1}}}}", 422, "{'code':'unknown_class'}", NULL},
	{"what is read only", ADMIN, "PATCH", "/v1/tenants/acme/quota", MERGE, "{\"models\":{\"l4\":{\"borrowed\":{}}}}", 422, "{'code':'read_only_field'}", NULL},
	{"a delay is bounded", ADMIN, "PATCH", "/v1/tenants/acme/quota", MERGE, "{\"reclaim\":{\"after_s\":99999999}}", 422, "{'code':'bad_field'}", NULL},
	{"read again", ADMIN, "GET", "/v1/tenants/acme/quota", NULL, NULL, 200, "{'tenant':'acme','models':{'l4':{'limit':{'device_milli':7}}},'conditions':[]}", NULL},
};

static const scene promises[] = {
	{"the parent's", ADMIN, "PUT", "/v1/tenants/acme/quota", ANY, "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":8000,\"memory_mib\":500000}}}}", 200, NULL, NULL},
	{"a child's", ADMIN, "PUT", "/v1/tenants/acme~nlp/quota", ANY, "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":5000}}}}", 200, NULL, NULL},
	{"its sibling's is too much", ADMIN, "PUT", "/v1/tenants/acme~vision/quota", ANY, "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":4000}}}}", 422, "{'code':'quota_exceeds_parent','errors':[{'pointer':'#/models/h100-80g/guaranteed/device_milli','detail':'acme is promised 8000, its children would hold 9000: lower this by 1000 or raise the parent first'}]}", NULL},
	{"an axis the parent does not name", ADMIN, "PUT", "/v1/tenants/acme~vision/quota", ANY, "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"compute_milli\":1}}}}", 422, "{'code':'quota_exceeds_parent'}", NULL},
	{"the parent's below its children's", ADMIN, "PUT", "/v1/tenants/acme/quota", ANY, "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":4000}}}}", 422, "{'code':'quota_exceeds_parent','detail':'its children are promised 5000, this would be 4000: raise it by 1000 or lower theirs first'}", NULL},
	{"the fleet has none of these, and takes it", ADMIN, "GET", "/v1/tenants/acme/quota", NULL, NULL, 200, "{'models':{'h100-80g':{'guaranteed':{'device_milli':8000,'memory_mib':500000}}}}", NULL},
	{"the fleet's own", ADMIN, "GET", FLEET, NULL, NULL, 200, "{'tenant':'','models':{}}", NULL},
	{"pinned below what is promised", ADMIN, "PUT", FLEET, ANY, "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":7000}}}}", 422, "{'code':'quota_exceeds_parent'}", NULL},
	{"pinned", ADMIN, "PUT", FLEET, ANY, "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":9000}}}}", 200, "{'models':{'h100-80g':{'guaranteed':{'device_milli':9000}}}}", NULL},
	{"a pinned fleet is a parent as any other", ADMIN, "PUT", "/v1/tenants/umbra/quota", ANY, "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":1001}}}}", 422, "{'code':'quota_exceeds_parent','detail':'the fleet is promised 9000, its children would hold 9001: lower this by 1 or raise the parent first'}", NULL},
	{"the fleet does not lend", ADMIN, "PUT", FLEET, ANY, "{\"models\":{\"h100-80g\":{\"lend_limit\":{\"device_milli\":1}}}}", 422, "{'code':'bad_field','errors':[{'pointer':'#/models/h100-80g'}]}", NULL},
	{"the fleet is not seen from below", "tenant_owner", "acme", "GET", FLEET, NULL, NULL, 404, NULL, NULL},
	{"nor pinned", "tenant_owner", "acme", "PUT", FLEET, ANY, "{}", 404, NULL, NULL},
};

static const scene moves[] = {
	{"below itself", ADMIN, "PATCH", "/v1/tenants/acme", MERGE, "{\"parent\":\"acme/nlp\"}", 409, "{'code':'conflict'}", NULL},
	{"to nobody", ADMIN, "PATCH", "/v1/tenants/acme~nlp", MERGE, "{\"parent\":\"nobody\"}", 422, "{'code':'unknown_tenant','errors':[{'pointer':'#/parent'}]}", NULL},
	{"its guarantee does not fit there", ADMIN, "PATCH", "/v1/tenants/acme~nlp", MERGE, "{\"parent\":\"umbra\"}", 422, "{'code':'quota_exceeds_parent','errors':[{'pointer':'#/parent'}]}", NULL},
	{"room is made", ADMIN, "PUT", "/v1/tenants/umbra/quota", ANY, "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":5000}}}}", 200, NULL, NULL},
	{"and it moves with all below", ADMIN, "PATCH", "/v1/tenants/acme~nlp", MERGE, "{\"parent\":\"umbra\",\"description\":\"moved\"}", 200, "{'path':'umbra/nlp','parent':'umbra','depth':2,'description':'moved'}", NULL},
	{"the old path is nobody's", ADMIN, "GET", "/v1/tenants/acme~nlp", NULL, NULL, 404, NULL, NULL},
	{"its quota went along", ADMIN, "GET", "/v1/tenants/umbra~nlp/quota", NULL, NULL, 200, "{'tenant':'umbra/nlp','models':{'h100-80g':{'guaranteed':{'device_milli':5000}}}}", NULL},
	{"to the fleet itself", ADMIN, "PATCH", "/v1/tenants/umbra~nlp", MERGE, "{\"parent\":null}", 200, "{'path':'nlp','depth':1}", NULL},
	{"who holds a tenant does not move it", "tenant_owner", "acme", "PATCH", "/v1/tenants/acme", MERGE, "{\"parent\":\"acme/vision\"}", 403, NULL, NULL},
	{"nor in among what they do not see", "tenant_owner", "acme", "PATCH", "/v1/tenants/acme~vision", MERGE, "{\"parent\":\"umbra\"}", 422, "{'code':'unknown_tenant'}", NULL},
	{"the system's stays", ADMIN, "PATCH", "/v1/tenants/system", MERGE, "{\"parent\":\"acme\"}", 403, NULL, NULL},
};

static const scene loans[] = {
	{"told to the borrower", ADMIN, "GET", "/v1/tenants/acme~nlp/quota", NULL, NULL, 200, "{'models':{'h100-80g':{'used':{'device_milli':7000},'borrowed':{'device_milli':3000,'from':[{'tenant':'umbra','device_milli':2000},{'tenant':'acme/vision','device_milli':1000,'since':'2026-01-02T03:04:05.000000Z'}]}}}}", NULL},
	{"what crosses the subtree alone", ADMIN, "GET", "/v1/tenants/acme/quota", NULL, NULL, 200, "{'models':{'h100-80g':{'borrowed':{'device_milli':2000,'from':[{'tenant':'umbra','device_milli':2000}]}}}}", NULL},
	{"told to the lender", ADMIN, "GET", "/v1/tenants/umbra/quota", NULL, NULL, 200, "{'models':{'h100-80g':{'lent':{'device_milli':2000,'to':[{'tenant':'acme/nlp','device_milli':2000}]}}}}", NULL},
	{"who is out of sight is not named", "tenant_owner", "acme", "GET", "/v1/tenants/acme~nlp/quota", NULL, NULL, 200, "{'models':{'h100-80g':{'borrowed':{'device_milli':3000,'from':[{'tenant':'','device_milli':2000},{'tenant':'acme/vision','device_milli':1000}]}}}}", NULL},
	{"nor the borrower", "tenant_owner", "umbra", "GET", "/v1/tenants/umbra/quota", NULL, NULL, 200, "{'models':{'h100-80g':{'lent':{'to':[{'tenant':'','device_milli':2000}]}}}}", NULL},
	{"one sentence says all", ADMIN, "GET", "/v1/quota/loans?tenant=acme~vision", NULL, NULL, 200, "{'items':[{'borrower':'acme/nlp','lender':'acme/vision','model':'h100-80g','device_milli':1000,'sentence':'acme/nlp borrows 1000 device_milli, 10 memory_mib and 0 compute_milli of h100-80g from acme/vision since 2026-01-02T03:04:05.000000Z.'}]}", NULL},
	{"of a subtree", ADMIN, "GET", "/v1/quota/loans?tenant=acme&subtree=true", NULL, NULL, 200, "{'items':[{'lender':'acme/vision'},{'lender':'umbra'}]}", NULL},
	{"page by page", ADMIN, "GET", "/v1/quota/loans?limit=1", NULL, NULL, 200, "{'items':[{'lender':'acme/vision'}]}", "Link: <"},
	{"in sight alone", "tenant_owner", "umbra", "GET", "/v1/quota/loans", NULL, NULL, 200, "{'items':[{'borrower':'','lender':'umbra'}]}", NULL},
};
/* clang-format on */

Test(api_quota, classes_credits_and_reclaim_stand_beside_models)
{
	served_start("api_quota_classes");
	scenes_play(setup, N(setup));
	scenes_play(classes, N(classes));
}

Test(api_quota, children_are_never_promised_more_than_their_parent)
{
	served_start("api_quota_promises");
	scenes_play(setup, N(setup));
	scenes_play(promises, N(promises));
}

Test(api_quota, tenants_move_with_their_quota)
{
	served_start("api_quota_moves");
	scenes_play(setup, N(setup));
	scenes_play(promises, 2);
	scenes_play(moves, N(moves));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM tenant_move"), 1, "where its totals stand, once");
}

Test(api_quota, loans_are_told_to_both_sides_and_name_nobody_out_of_sight)
{
	served_start("api_quota_loans");
	scenes_play(setup, N(setup));
	pg_do(served_dsn(),
		"INSERT INTO tenant_use (tenant_key, model, device_milli) SELECT key, 'h100-80g', 7000 FROM tenant WHERE path IN ('acme', 'acme/nlp', 'umbra');"
		"INSERT INTO quota_loan SELECT b.key, e.key, 'h100-80g', x.via, x.d, 10, 0, '2026-01-02 03:04:05Z' FROM tenant b, tenant e, "
		"(VALUES ('acme/nlp', 'acme/vision', 1, 1000), ('acme/nlp', 'umbra', 0, 2000)) AS x(b, e, via, d) WHERE b.path = x.b AND e.path = x.e");
	scenes_play(loans, N(loans));
}

/* A tenant was made between the look at the caller's scope and the commit: it is looked at once more, and the call
 * answers as if it had come a moment later. */
Test(api_quota, a_scope_that_moved_meanwhile_is_read_again)
{
	AUTO_ARENA a = arena_new(0);
	const char *admin = "platform_admin";

	served_start("api_quota_scope");
	served_call(a, served_token(admin, NULL), "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}");
	served_call(
		a, served_token(admin, NULL), "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme\"}");
	pg_do(served_dsn(),
		"CREATE SEQUENCE looks; GRANT ALL ON SEQUENCE looks TO PUBLIC; "
		"CREATE OR REPLACE FUNCTION tenant_kids(of_tenant int4) RETURNS int8 LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS "
		"'BEGIN RETURN CASE WHEN nextval(''looks'') = 1 THEN -1 ELSE (SELECT count(*) FROM tenant WHERE parent_key = of_tenant AND "
		"deleted_at IS NULL) END; END'");
	answer r = served_call(a, served_token("tenant_owner", "acme"), "PUT", "/v1/tenants/acme~nlp/quota",
		"If-Match: *\r\nIdempotency-Key: once\r\n", "{\"weight\":7}");
	cr_expect_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	cr_expect_str_eq(pg_text(served_dsn(),
				 "SELECT string_agg(outcome, ' ' ORDER BY n) FROM audit WHERE action = 'quota.update'"),
		"refused:scope_moved done");
}
