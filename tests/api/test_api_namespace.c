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
