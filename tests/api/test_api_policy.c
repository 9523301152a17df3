/* Policies: revisions that never change, a pointer per tenant, what counts where, and who may. */
#include <criterion/criterion.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN "platform_admin", NULL
#define OWNER "tenant_owner", "acme"
#define BELOW "tenant_owner", "acme/ml"
#define VIEW  "viewer", "acme/ml"
#define OTHER "tenant_owner", "other"
#define ANY   "If-Match: *\r\n"
#define N(v)  (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene scenes[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
	{"one below", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"ml\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"a stranger", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"other\"}", 201, NULL, NULL, NULL},
	{"the fleet has one from the start", VIEW, "GET", "/v1/tenants/acme~ml/policy", NULL, NULL, 200, "{'number':1,'tenant':null,'placement':{},'is_applied':true}", "ETag: \"0\"", NULL},
	{"a revision", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"placement\":{\"node_policy\":\"spread\"},\"sharing\":{\"priority\":\"low\",\"preemptible\":false},\"reason\":\"cool\"}", 201, "{'tenant':'acme','number':1,'placement':{'node_policy':'spread'},'sharing':{'priority':'low','preemptible':false},'reason':'cool','is_applied':false,'revision':0}", "ETag: \"0\"", "one=id"},
	{"counts for nothing yet", VIEW, "GET", "/v1/tenants/acme~ml/policy", NULL, NULL, 200, "{'tenant':null}", NULL, NULL},
	{"another", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"placement\":{\"node_policy\":\"binpack\"}}", 201, "{'number':2,'sharing':{}}", NULL, "two=id"},
	{"applied", OWNER, "POST", "/v1/policies/{one}:apply", "If-Match: \"0\"\r\n", "{\"reason\":\"go\"}", 200, "{'id':'{one}','is_applied':true}", "ETag: ", "at=revision"},
	{"counts below", VIEW, "GET", "/v1/tenants/acme~ml/policy", NULL, NULL, 200, "{'id':'{one}','tenant':'acme','revision':{at}}", NULL, NULL},
	{"with the pointer of before", OWNER, "POST", "/v1/policies/{two}:apply", "If-Match: \"0\"\r\n", NULL, 412, "{'code':'etag_mismatch'}", NULL, NULL},
	{"without one", OWNER, "POST", "/v1/policies/{two}:apply", NULL, NULL, 428, NULL, NULL, NULL},
	{"both have the pointer's tag", OWNER, "GET", "/v1/policies/{two}", NULL, NULL, 200, "{'is_applied':false,'applied_by':null,'revision':{at}}", NULL, NULL},
	{"the second", OWNER, "POST", "/v1/policies/{two}:apply", "If-Match: \"{at}\"\r\n", NULL, 200, "{'is_applied':true}", NULL, NULL},
	{"the first is as it was", OWNER, "GET", "/v1/policies/{one}", NULL, NULL, 200, "{'is_applied':false,'placement':{'node_policy':'spread'},'reason':'cool'}", NULL, NULL},
	{"and back", OWNER, "POST", "/v1/policies/{one}:apply", ANY, NULL, 200, "{'id':'{one}','is_applied':true}", NULL, NULL},
	{"one below has its own", BELOW, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme/ml\",\"placement\":{\"device_policy\":\"spread\"}}", 201, "{'number':1}", NULL, "ml=id"},
	{"applied there", BELOW, "POST", "/v1/policies/{ml}:apply", ANY, NULL, 200, NULL, NULL, NULL},
	{"the nearest counts", VIEW, "GET", "/v1/tenants/acme~ml/policy", NULL, NULL, 200, "{'id':'{ml}','tenant':'acme/ml'}", NULL, NULL},
	{"those applied", OWNER, "GET", "/v1/policies?applied=true", NULL, NULL, 200, "{'items':[{'id':'{one}'},{'id':'{ml}'}]}", NULL, NULL},
	{"those of one", OWNER, "GET", "/v1/policies?tenant=acme", NULL, NULL, 200, "{'items':[{'number':1},{'number':2}]}", NULL, NULL},
	{"those below too", OWNER, "GET", "/v1/policies?tenant=acme&subtree=true", NULL, NULL, 200, "{'items':[{'number':1},{'number':2},{'id':'{ml}'}]}", NULL, NULL},
	{"who is below sees their own", BELOW, "GET", "/v1/policies", NULL, NULL, 200, "{'items':[{'id':'{ml}'}]}", NULL, NULL},
	{"not that above", BELOW, "GET", "/v1/policies/{one}", NULL, NULL, 404, NULL, NULL, NULL},
	{"a stranger sees none", OTHER, "GET", "/v1/policies/{one}", NULL, NULL, 404, NULL, NULL, NULL},
	{"and applies none", OTHER, "POST", "/v1/policies/{one}:apply", ANY, NULL, 404, NULL, NULL, NULL},
	{"nor asks what counts", OTHER, "GET", "/v1/tenants/acme/policy", NULL, NULL, 404, NULL, NULL, NULL},
	{"who looks does not write", VIEW, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme/ml\"}", 403, "{'code':'permission_denied'}", NULL, NULL},
	{"nor applies", VIEW, "POST", "/v1/policies/{ml}:apply", ANY, NULL, 403, "{'code':'permission_denied'}", NULL, NULL},
	{"a tenant's owner, for the fleet", OWNER, "POST", "/v1/policies", NULL, "{}", 403, "{'code':'permission_denied'}", NULL, NULL},
	{"for a stranger", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"other\"}", 422, "{'code':'unknown_tenant','errors':[{'pointer':'#/tenant'}]}", NULL, NULL},
	{"the fleet's", ADMIN, "POST", "/v1/policies", NULL, "{\"placement\":{\"node_policy\":\"binpack\"}}", 201, "{'number':2,'tenant':null}", NULL, NULL},
	{"no such policy", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"placement\":{\"node_policy\":\"magic\"}}", 422, "{'code':'bad_field','errors':[{'pointer':'#/placement/node_policy'}]}", NULL, NULL},
	{"several together", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"placement\":{\"node_weights\":[{\"policy\":\"cost\",\"weight\":3},{\"policy\":\"hami-spread\",\"weight\":1}]}}", 201, "{'placement':{'node_policy':null,'node_weights':[{'policy':'cost','weight':3},{'policy':'hami-spread','weight':1}]}}", NULL, NULL},
	{"and one alone beside them", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"placement\":{\"node_policy\":\"cost\",\"node_weights\":[{\"policy\":\"cost\",\"weight\":3}]}}", 422, "{'code':'bad_field','errors':[{'pointer':'#/placement/node_weights'}]}", NULL, NULL},
	{"one of them twice", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"placement\":{\"node_weights\":[{\"policy\":\"cost\",\"weight\":3},{\"policy\":\"cost\",\"weight\":3}]}}", 422, "{'code':'bad_field','errors':[{'pointer':'#/placement/node_weights/1/policy'}]}", NULL, NULL},
	{"no weight", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"placement\":{\"node_weights\":[{\"policy\":\"cost\",\"weight\":0}]}}", 422, "{'code':'bad_field','errors':[{'pointer':'#/placement/node_weights/0/weight'}]}", NULL, NULL},
	{"no such priority", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"sharing\":{\"priority\":\"king\"}}", 422, "{'code':'unknown_priority','errors':[{'pointer':'#/sharing/priority'}]}", NULL, NULL},
	{"no such field", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"sharing\":{\"rank\":1}}", 422, "{'code':'unknown_field'}", NULL, NULL},
	{"a number is the server's", OWNER, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\",\"number\":7}", 422, "{'code':'read_only_field'}", NULL, NULL},
	{"no such revision", OWNER, "POST", "/v1/policies/pol_x:apply", ANY, NULL, 404, NULL, NULL, NULL},
	{"each is in the log", OWNER, "GET", "/v1/audit?action=policy.apply&outcome=done", NULL, NULL, 200, "{'items':[{'object_id':'{one}','record':{'change':{'reason':'go'}}},{'object_id':'{two}'},{'object_id':'{one}'},{'object_id':'{ml}'}]}", NULL, NULL},
};
/* clang-format on */

Test(api_policy, revisions_stand_and_one_pointer_says_which_counts)
{
	served_start("api_policy");
	scenes_play(scenes, N(scenes));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM policy"), 6);
}

/* Immutable in the database too: who serves may add revisions and nothing else. */
Test(api_policy, nobody_who_serves_may_change_a_revision)
{
	served_start("api_policy_fixed");
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM unnest(ARRAY['reeve_edge','reeve_platform','reeve_placer','reeve_jobs']) r, "
			"unnest(ARRAY['UPDATE','DELETE','TRUNCATE']) p WHERE has_table_privilege(r, 'policy', p)"),
		0);
}
