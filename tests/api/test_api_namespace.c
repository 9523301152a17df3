/* Whose the pods of a cluster's namespaces are: what the platform says, who sees it, and what the agent is told. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN  "platform_admin", NULL
#define OPS    "cluster_operator", NULL
#define OWNER  "tenant_owner", "acme"
#define OTHER  "member", "umbra"
#define N(v)   (sizeof(v) / sizeof(*(v)))
#define ANY    "If-Match: *\r\n"
#define NEW    "If-None-Match: *\r\n"
#define SPACES "/v1/clusters/par/namespaces"

/* clang-format off */
static const scene setup[] = {
	{"a tree", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL},
	{"below", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme\"}", 201, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL},
	{"a cluster", ADMIN, "POST", "/v1/clusters", NULL, "{\"name\":\"par\"}", 201, NULL, NULL},
};

static const scene spaces[] = {
	{"said", OPS, "PUT", SPACES "/training", NEW "Idempotency-Key: n1\r\n", "{\"tenant\":\"acme/nlp\",\"reason\":\"moved in\"}", 201, "{'cluster':'par','namespace':'training','tenant':'acme/nlp'}", "ETag: \"", "etag=@ETag"},
	{"said once", OPS, "PUT", SPACES "/training", NEW "Idempotency-Key: n1\r\n", "{\"tenant\":\"acme/nlp\",\"reason\":\"moved in\"}", 201, NULL, "Idempotency-Replayed: true"},
	{"not anew", OPS, "PUT", SPACES "/training", NEW, "{\"tenant\":\"umbra\"}", 412, "{'code':'etag_mismatch'}", NULL},
	{"nor without saying on what it is based", OPS, "PUT", SPACES "/training", NULL, "{\"tenant\":\"umbra\"}", 428, NULL, NULL},
	{"another", OPS, "PUT", SPACES "/web", NEW, "{\"tenant\":\"umbra\"}", 201, NULL, NULL},
	{"of a tenant that is there", OPS, "PUT", SPACES "/x", NEW, "{\"tenant\":\"nobody\"}", 422, "{'code':'unknown_tenant','errors':[{'pointer':'#/tenant'}]}", NULL},
	{"of a cluster that is there", OPS, "PUT", "/v1/clusters/osl/namespaces/x", NEW, "{\"tenant\":\"acme\"}", 404, NULL, NULL},
	{"of a namespace that can be", OPS, "PUT", SPACES "/X_y", NEW, "{\"tenant\":\"acme\"}", 400, "{'code':'bad_parameter'}", NULL},
	{"by nobody else", OWNER, "PUT", SPACES "/x", NEW, "{\"tenant\":\"acme\"}", 403, NULL, NULL},
	{"read", OPS, "GET", SPACES, NULL, NULL, 200, "{'items':[{'namespace':'training','tenant':'acme/nlp'},{'namespace':'web','tenant':'umbra'}]}", NULL},
	{"of one tenant", OPS, "GET", SPACES "?tenant=umbra", NULL, NULL, 200, "{'items':[{'namespace':'web'}]}", NULL},
	{"each sees their own", OWNER, "GET", SPACES, NULL, NULL, 200, "{'items':[{'namespace':'training'}]}", NULL},
	{"and no others", OTHER, "GET", SPACES "/training", NULL, NULL, 404, NULL, NULL},
	{"of no cluster there is no list", OPS, "GET", "/v1/clusters/osl/namespaces", NULL, NULL, 404, NULL, NULL},
	{"given to another", OPS, "PUT", SPACES "/training", "If-Match: {etag}\r\n", "{\"tenant\":\"acme\"}", 200, "{'tenant':'acme'}", NULL},
	{"the tag is old then", OPS, "DELETE", SPACES "/training", "If-Match: {etag}\r\n", NULL, 412, NULL, NULL},
	{"taken away", OPS, "DELETE", SPACES "/training", ANY, NULL, 204, NULL, NULL},
	{"once", OPS, "DELETE", SPACES "/training", ANY, NULL, 404, NULL, NULL},
	{"it stands in the tenant's records", OWNER, "GET", "/v1/audit?object=namespace", NULL, NULL, 200, "{'items':[{'action':'namespace.put','object_id':'par/training','tenant':'acme/nlp'},{'action':'namespace.put','tenant':'acme'},{'action':'namespace.delete','tenant':'acme'}]}", NULL},
};

#define BY(labels) SPACES "/" labels
static const scene selectors[] = {
	{"by a label", OPS, "PUT", BY("team=nlp"), NEW, "{\"tenant\":\"acme/nlp\"}", 201, "{'namespace':'team=nlp','tenant':'acme/nlp'}", "ETag: \"", NULL},
	{"by one that no namespace has beside it", OPS, "PUT", BY("team=web"), NEW, "{\"tenant\":\"umbra\"}", 201, NULL, NULL, NULL},
	{"not by one that it may have beside it", OPS, "PUT", BY("stage=prod"), NEW, "{\"tenant\":\"umbra\"}", 409, "{'code':'conflict','detail':'a namespace may have these labels and team=nlp, which is of acme/nlp: name those of both, or say both of one tenant','errors':[{'pointer':'#/tenant'}]}", NULL, NULL},
	{"however that is ordered", OPS, "PUT", BY("stage=prod,rank=1"), NEW, "{\"tenant\":\"umbra\"}", 409, "{'code':'conflict'}", NULL, NULL},
	{"but by both", OPS, "PUT", BY("team=nlp,stage=prod"), NEW, "{\"tenant\":\"umbra\"}", 201, "{'namespace':'stage=prod,team=nlp'}", NULL, "etag=@ETag"},
	{"by one of two that are both of it", OPS, "PUT", BY("team=nlp,rank=1"), NEW, "{\"tenant\":\"acme\"}", 409, "{'code':'conflict'}", NULL, NULL},
	{"of the same tenant", OPS, "PUT", BY("team=nlp,rank=1"), NEW, "{\"tenant\":\"umbra\"}", 201, NULL, NULL, NULL},
	{"which cannot be another's then", OPS, "PUT", BY("team=nlp,rank=1"), ANY, "{\"tenant\":\"acme\"}", 409, "{'code':'conflict'}", NULL, NULL},
	{"the same, differently ordered", OPS, "GET", BY("team=nlp,stage=prod"), NULL, NULL, 200, "{'namespace':'stage=prod,team=nlp','tenant':'umbra'}", NULL, NULL},
	{"is one", OPS, "PUT", BY("team=nlp,%20stage=prod"), NEW, "{\"tenant\":\"umbra\"}", 412, "{'code':'etag_mismatch'}", NULL, NULL},
	{"with a key that has a prefix", OPS, "PUT", BY("kubernetes.io%2Fmetadata.name=a"), NEW, "{\"tenant\":\"acme\"}", 409, "{'code':'conflict'}", NULL, NULL},
	{"with a value that may be empty", OPS, "PUT", BY("team="), NEW, "{\"tenant\":\"acme\"}", 201, NULL, NULL, NULL},
	{"no label twice", OPS, "PUT", BY("team=nlp,team=web"), NEW, "{\"tenant\":\"acme\"}", 400, "{'code':'bad_parameter'}", NULL, NULL},
	{"no label without a value", OPS, "PUT", BY("team=nlp,stage"), NEW, "{\"tenant\":\"acme\"}", 400, "{'code':'bad_parameter'}", NULL, NULL},
	{"no value that is none", OPS, "PUT", BY("team=n%2Fp"), NEW, "{\"tenant\":\"acme\"}", 400, "{'code':'bad_parameter'}", NULL, NULL},
	{"no key that is none", OPS, "PUT", BY("-team=n"), NEW, "{\"tenant\":\"acme\"}", 400, "{'code':'bad_parameter'}", NULL, NULL},
	{"nor too many", OPS, "PUT", BY("a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1"), NEW, "{\"tenant\":\"acme\"}", 400, "{'code':'bad_parameter'}", NULL, NULL},
	{"beside names", OPS, "GET", SPACES, NULL, NULL, 200, "{'items':[{'namespace':'rank=1,team=nlp'},{'namespace':'stage=prod,team=nlp'},{'namespace':'team='},{'namespace':'team=nlp'},{'namespace':'team=web'}]}", NULL, NULL},
	{"each sees their own", OTHER, "GET", SPACES, NULL, NULL, 200, "{'items':[{'namespace':'rank=1,team=nlp'},{'namespace':'stage=prod,team=nlp'},{'namespace':'team=web'}]}", NULL, NULL},
	{"taken away", OPS, "DELETE", BY("team=nlp,stage=prod"), "If-Match: {etag}\r\n", NULL, 204, NULL, NULL, NULL},
};

static const scene moving[] = {
	{"a namespace", OPS, "PUT", SPACES "/training", NEW, "{\"tenant\":\"acme/nlp\"}", 201, NULL, NULL, NULL},
	{"and some by a label", OPS, "PUT", SPACES "/team=nlp", NEW, "{\"tenant\":\"acme/nlp\"}", 201, NULL, NULL, NULL},
	{"and what is left", OPS, "PATCH", "/v1/clusters/par", "Content-Type: application/merge-patch+json\r\n" ANY, "{\"default_tenant\":\"acme/nlp\"}", 200, NULL, NULL, NULL},
};
static const scene moved = {"the tenant is moved", ADMIN, "PATCH", "/v1/tenants/acme~nlp", "Content-Type: application/merge-patch+json\r\n" ANY, "{\"parent\":\"umbra\"}", 200, "{'path':'umbra/nlp'}", NULL, NULL};
static const scene gone[] = {
	{"and deleted", ADMIN, "DELETE", "/v1/tenants/umbra~nlp", ANY, NULL, 204, NULL, NULL, NULL},
	{"nothing is said of it any more", OPS, "GET", SPACES, NULL, NULL, 200, "{'items':[]}", NULL, NULL},
	{"nor is it the default", OPS, "GET", "/v1/clusters/par", NULL, NULL, 200, "{'default_tenant':null}", NULL, NULL},
	{"who is called so next", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"umbra\"}", 201, NULL, NULL, NULL},
	{"is given nothing by that", OPS, "GET", SPACES, NULL, NULL, 200, "{'items':[]}", NULL, NULL},
};
/* clang-format on */

Test(api_namespace, the_platform_says_whose_a_namespace_is)
{
	served_start("api_namespace");
	scenes_play(setup, N(setup));
	int64_t before = pg_int(served_dsn(), "SELECT config_rev FROM cluster");
	scenes_play(spaces, 1);
	int64_t said = pg_int(served_dsn(), "SELECT config_rev FROM cluster");
	cr_expect_gt(said, before, "its agent will ask anew");
	scenes_play(spaces + 1, N(spaces) - 1);
	cr_expect_gt(pg_int(served_dsn(), "SELECT config_rev FROM cluster"), said, "also for what is taken away");
}

Test(api_namespace, or_whose_all_with_certain_labels_are)
{
	served_start("api_selectors");
	scenes_play(setup, N(setup));
	scenes_play(selectors, N(selectors));
}

/* The agent knows tenants by their paths. */
Test(api_namespace, a_tenant_that_is_moved_or_deleted_takes_its_namespaces_along)
{
	const char *rev = "SELECT config_rev FROM cluster";

	served_start("api_space_moves");
	scenes_play(setup, N(setup));
	scenes_play(moving, N(moving));
	int64_t before = pg_int(served_dsn(), rev);
	scenes_play(&moved, 1);
	int64_t after = pg_int(served_dsn(), rev);
	cr_expect_gt(after, before, "its agent asks anew");
	scenes_play(gone, N(gone));
	cr_expect_gt(pg_int(served_dsn(), rev), after, "and again");
}
