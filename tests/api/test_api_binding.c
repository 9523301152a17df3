/* Who holds what, where: bindings, tokens that stand for somebody, and what becomes of them when those behind them
 * change. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN       "platform_admin", NULL
#define OWNER       "tenant_owner", "acme"
#define AS(name)    NULL, NULL
#define BEARER(key) "Authorization: Bearer {" key "}\r\n"
#define N(v)        (sizeof(v) / sizeof(*(v)))
#define ANY         "If-Match: *\r\n"

/* clang-format off */
static const scene tree[] = {
	{"a tree", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, "acme=id"},
	{"below", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"research\",\"parent\":\"acme\"}", 201, NULL, NULL, "research=id"},
	{"and below", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme/research\"}", 201, NULL, NULL, NULL},
	{"beside", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"sales\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL, NULL},
};

static const scene bindings[] = {
	{"bound", OWNER, "POST", "/v1/bindings", "Idempotency-Key: b1\r\n", "{\"subject\":\"service:ci\",\"role\":\"member\",\"tenant\":\"acme/research\",\"managed_by\":\"git\",\"reason\":\"the pipeline\"}", 201, "{'subject':'service:ci','role':'member','tenant':'acme/research','managed_by':'git','reason':'the pipeline'}", "Location: /v1/bindings/bnd_", "b=id"},
	{"a repeat is the same", OWNER, "POST", "/v1/bindings", "Idempotency-Key: b1\r\n", "{\"subject\":\"service:ci\",\"role\":\"member\",\"tenant\":\"acme/research\",\"managed_by\":\"git\",\"reason\":\"the pipeline\"}", 201, "{'id':'{b}'}", "Idempotency-Replayed: true"},
	{"twice is once too often", OWNER, "POST", "/v1/bindings", NULL, "{\"subject\":\"service:ci\",\"role\":\"member\",\"tenant\":\"acme/research\"}", 409, "{'code':'conflict'}", NULL},
	{"read", OWNER, "GET", "/v1/bindings/{b}", NULL, NULL, 200, "{'id':'{b}','tenant':'acme/research'}", "ETag: \"", "etag=@ETag"},
	{"by its tenant", OWNER, "GET", "/v1/bindings?tenant=acme&subtree=true&subject=service:ci&managed_by=git&role=member", NULL, NULL, 200, "{'items':[{'id':'{b}'}]}", NULL},
	{"not at another", OWNER, "GET", "/v1/bindings?tenant=acme", NULL, NULL, 200, "{'items':[]}", NULL},
	{"not by others", "tenant_owner", "umbra", "GET", "/v1/bindings/{b}", NULL, NULL, 404, "{'code':'not_found'}", NULL},
	{"nor taken away by them", "tenant_owner", "umbra", "DELETE", "/v1/bindings/{b}", ANY, NULL, 404, "{'code':'not_found'}", NULL},
	{"not without the right", "quota_manager", "acme", "POST", "/v1/bindings", NULL, "{\"subject\":\"user:ada\",\"role\":\"viewer\",\"tenant\":\"acme\"}", 403, "{'code':'permission_denied','detail':'this needs the right binding.write at acme'}", NULL},
	{"nobody gives more than they hold", OWNER, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:ada\",\"role\":\"platform_admin\"}", 403, "{'code':'escalation_denied','errors':[{'pointer':'#/role'}]}", NULL},
	{"nor at the root", OWNER, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:ada\",\"role\":\"viewer\"}", 403, "{'code':'escalation_denied'}", NULL},
	{"nor to agents", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:ada\",\"role\":\"agent\"}", 403, "{'code':'escalation_denied'}", NULL},
	{"nor elsewhere", OWNER, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:ada\",\"role\":\"viewer\",\"tenant\":\"umbra\"}", 422, "{'code':'unknown_tenant'}", NULL},
	{"a platform role counts at the root", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:ada\",\"role\":\"cluster_operator\",\"tenant\":\"acme\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/role'}]}", NULL},
	{"there is no such role", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:ada\",\"role\":\"king\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/role'}]}", NULL},
	{"a subject has a kind", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"somebody\",\"role\":\"viewer\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/subject'}]}", NULL},
	{"an end lies ahead", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:ada\",\"role\":\"viewer\",\"expires_at\":\"2020-01-01T00:00:00Z\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/expires_at'}]}", NULL},
	{"deleted by its revision", OWNER, "DELETE", "/v1/bindings/{b}", NULL, NULL, 428, "{'code':'if_match_required'}", NULL},
	{"not by another", OWNER, "DELETE", "/v1/bindings/{b}", "If-Match: \"1\"\r\n", NULL, 412, "{'code':'etag_mismatch'}", NULL},
	{"gone", OWNER, "DELETE", "/v1/bindings/{b}", "If-Match: {etag}\r\n", NULL, 204, NULL, NULL},
	{"and not there", OWNER, "GET", "/v1/bindings/{b}", NULL, NULL, 404, NULL, NULL},
};

/* The token of a subject does what its own role and its owner's bindings say, at once. */
static const scene owners[] = {
	{"not for somebody without a role", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"ci\",\"role\":\"member\",\"tenant\":\"acme/research\",\"subject\":\"service:ci\"}", 403, "{'code':'escalation_denied','errors':[{'pointer':'#/subject'}]}", NULL},
	{"bound", OWNER, "POST", "/v1/bindings", NULL, "{\"subject\":\"service:ci\",\"role\":\"ci_provisioner\",\"tenant\":\"acme/research\"}", 201, NULL, NULL, "b=id"},
	{"now", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"ci\",\"role\":\"ci_provisioner\",\"tenant\":\"acme/research\",\"subject\":\"service:ci\"}", 201, "{'subject':'service:ci'}", NULL, "ci=token"},
	{"who am I", AS("ci"), "GET", "/v1/whoami", BEARER("ci"), NULL, 200, "{'subject':'service:ci','role':'ci_provisioner','tenant':'acme/research','grants':[{'tenant':'acme/research','role':'ci_provisioner','backed_by':'{b}'}]}", NULL},
	{"it works", AS("ci"), "PATCH", "/v1/tenants/acme~research", BEARER("ci") ANY "Content-Type: application/merge-patch+json\r\n", "{\"description\":\"x\"}", 200, NULL, NULL},
	{"below", AS("ci"), "GET", "/v1/tenants/acme~research~nlp", BEARER("ci"), NULL, 200, NULL, NULL},
	{"of its parent the name", AS("ci"), "GET", "/v1/tenants/acme", BEARER("ci"), NULL, 200, "{'id':'{acme}','name':'acme'}", "!ETag"},
	{"nothing beside", AS("ci"), "GET", "/v1/tenants/acme~sales", BEARER("ci"), NULL, 404, "{'code':'not_found'}", NULL},
	{"nothing of the parent to change", AS("ci"), "PATCH", "/v1/tenants/acme", BEARER("ci") ANY "Content-Type: application/merge-patch+json\r\n", "{\"description\":\"x\"}", 404, NULL, NULL},
	{"it may not bind", AS("ci"), "POST", "/v1/bindings", BEARER("ci"), "{\"subject\":\"user:x\",\"role\":\"viewer\",\"tenant\":\"acme/research\"}", 403, "{'code':'permission_denied','detail':'this needs the right binding.write at acme/research'}", NULL},
	{"less is bound", OWNER, "POST", "/v1/bindings", NULL, "{\"subject\":\"service:ci\",\"role\":\"viewer\",\"tenant\":\"acme/research/nlp\"}", 201, NULL, NULL},
	{"and the more taken away", OWNER, "DELETE", "/v1/bindings/{b}", ANY, NULL, 204, NULL, NULL},
	{"at once", AS("ci"), "PATCH", "/v1/tenants/acme~research", BEARER("ci") ANY "Content-Type: application/merge-patch+json\r\n", "{\"description\":\"y\"}", 403, "{'code':'permission_denied'}", NULL},
	{"it sees what is left", AS("ci"), "GET", "/v1/tenants", BEARER("ci"), NULL, 200, "{'items':[{'path':'acme/research/nlp'}]}", NULL},
};

/* Whoever holds a role for a while gives it for a while. */
static const scene brief[] = {
	{"an owner for a while", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:guest\",\"role\":\"tenant_owner\",\"tenant\":\"acme/sales\",\"expires_at\":\"2090-01-01T00:00:00Z\"}", 201, NULL, NULL, "guest_b=id"},
	{"with a token", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"guest\",\"role\":\"tenant_owner\",\"tenant\":\"acme/sales\",\"subject\":\"user:guest\"}", 201, NULL, NULL, "guest=token"},
	{"does not stay by a friend", AS("guest"), "POST", "/v1/bindings", BEARER("guest"), "{\"subject\":\"user:friend\",\"role\":\"tenant_owner\",\"tenant\":\"acme/sales\"}", 403, "{'code':'escalation_denied','errors':[{'pointer':'#/expires_at'}],'detail':'the caller holds tenant_owner there until 2090-01-01T00:00:00.000Z: what they give ends by then'}", NULL},
	{"nor a moment longer", AS("guest"), "POST", "/v1/bindings", BEARER("guest"), "{\"subject\":\"user:friend\",\"role\":\"viewer\",\"tenant\":\"acme/sales\",\"expires_at\":\"2090-01-01T00:00:00.001Z\"}", 403, "{'code':'escalation_denied'}", NULL},
	{"until then others may", AS("guest"), "POST", "/v1/bindings", BEARER("guest"), "{\"subject\":\"user:friend\",\"role\":\"viewer\",\"tenant\":\"acme/sales\",\"expires_at\":\"2090-01-01T00:00:00Z\"}", 201, NULL, NULL},
	{"nor by a manifest", AS("guest"), "POST", "/v1/plans", BEARER("guest"), "{\"manager\":\"guest\",\"tenants\":{\"acme\":{\"tenants\":{\"sales\":{\"bindings\":{\"user:pal\":{\"roles\":[\"viewer\"]}}}}}}}", 201, "{'result':'blocked','changes':[{'op':'create','kind':'binding','item':'user:pal viewer','code':'escalation_denied'}]}", NULL},
	{"a role for good beside it", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:guest\",\"role\":\"member\",\"tenant\":\"acme/sales\"}", 201, NULL, NULL},
	{"is given for good", AS("guest"), "POST", "/v1/bindings", BEARER("guest"), "{\"subject\":\"user:other\",\"role\":\"member\",\"tenant\":\"acme/sales\"}", 201, NULL, NULL},
};

static const scene permissions[] = {
	{"bound at two nodes", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"service:both\",\"role\":\"viewer\",\"tenant\":\"acme\"}", 201, NULL, NULL, "v=id"},
	{"with an end", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"service:both\",\"role\":\"member\",\"tenant\":\"acme/research\",\"expires_at\":\"2100-01-01T00:00:00Z\"}", 201, NULL, NULL, "m=id"},
	{"no token for what is held below only", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"both\",\"role\":\"member\",\"tenant\":\"acme\",\"subject\":\"service:both\"}", 403, "{'code':'escalation_denied'}", NULL},
	{"a role for both for a moment", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"service:both\",\"role\":\"member\",\"tenant\":\"acme\"}", 201, NULL, NULL, "whole=id"},
	{"and a token", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"both\",\"role\":\"member\",\"tenant\":\"acme\",\"subject\":\"service:both\"}", 201, NULL, NULL, "both=token"},
	{"cut", ADMIN, "DELETE", "/v1/bindings/{whole}", ANY, NULL, 204, NULL, NULL},
	{"above it reads", AS("both"), "GET", "/v1/permissions?at=acme", BEARER("both"), NULL, 200, "{'at':'acme','rights':['self','tenant.read','quota.read','placement.read','usage.read','policy.read','watch']}", NULL},
	{"below it writes", AS("both"), "GET", "/v1/permissions?at=acme~research~nlp", BEARER("both"), NULL, 200, "{'at':'acme/research/nlp','rights':['self','tenant.read','quota.read','placement.read','placement.write','inventory.read','usage.read','quota.request','policy.read','watch']}", NULL},
	{"nothing at the root", AS("both"), "GET", "/v1/permissions", BEARER("both"), NULL, 200, "{'at':'','rights':[]}", NULL},
	{"nothing of others", AS("both"), "GET", "/v1/permissions?at=umbra", BEARER("both"), NULL, 404, NULL, NULL},
	{"asked at once", AS("both"), "POST", "/v1/permissions:check", BEARER("both"), "{\"items\":[{\"right\":\"placement.write\",\"at\":\"acme\"},{\"right\":\"placement.write\",\"at\":\"acme/research\"},{\"right\":\"tenant.read\",\"at\":\"umbra\"},{\"right\":\"tenant.read\",\"at\":\"nobody\"},{\"right\":\"tenant.read\"}]}", 200, "{'items':[{'allowed':false},{'allowed':true},{'allowed':false},{'allowed':false},{'allowed':false}]}", NULL},
	{"of rights that exist", AS("both"), "POST", "/v1/permissions:check", BEARER("both"), "{\"items\":[{\"right\":\"tenant.read\"},{\"right\":\"world.rule\"}]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/items/1/right'}]}", NULL},
	{"denied where it is seen", AS("both"), "POST", "/v1/placements", BEARER("both"), "{\"tenant\":\"acme/sales\",\"devices\":[{\"count\":1}]}", 403, "{'code':'permission_denied','detail':'this needs the right placement.write at acme/sales'}", NULL},
	{"unknown where it is not", AS("both"), "POST", "/v1/placements", BEARER("both"), "{\"tenant\":\"umbra\",\"devices\":[{\"count\":1}]}", 422, "{'code':'unknown_tenant'}", NULL},
	{"the whole fleet's admin holds all", ADMIN, "POST", "/v1/permissions:check", NULL, "{\"items\":[{\"right\":\"class.write\"},{\"right\":\"binding.write\",\"at\":\"acme/research\"},{\"right\":\"agent\"}]}", 200, "{'items':[{'allowed':true},{'allowed':true},{'allowed':false}]}", NULL},
};

/* A token never outlives what its maker holds; that its maker has expired is another thing. */
static const scene makers[] = {
	{"a first", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"one\",\"role\":\"tenant_owner\",\"tenant\":\"acme/research\"}", 201, NULL, NULL, "one=token"},
	{"its id", AS("one"), "GET", "/v1/whoami", BEARER("one"), NULL, 200, NULL, NULL, "one_id=token_id"},
	{"a second by the first", AS("one"), "POST", "/v1/tokens", BEARER("one"), "{\"name\":\"two\",\"role\":\"tenant_owner\",\"tenant\":\"acme/research/nlp\"}", 201, NULL, NULL, "two=token"},
	{"a third by the second", AS("two"), "POST", "/v1/tokens", BEARER("two"), "{\"name\":\"three\",\"role\":\"viewer\",\"tenant\":\"acme/research/nlp\"}", 201, NULL, NULL, "three=token"},
	{"not above its maker", AS("two"), "POST", "/v1/tokens", BEARER("two"), "{\"name\":\"up\",\"role\":\"viewer\",\"tenant\":\"acme/research\"}", 422, "{'code':'unknown_tenant'}", NULL},
	{"the third counts", AS("three"), "GET", "/v1/tenants", BEARER("three"), NULL, 200, "{'items':[{'path':'acme/research/nlp'}]}", NULL},
	{"the first is revoked", OWNER, "POST", "/v1/tokens/{one_id}:revoke", NULL, "{\"reason\":\"leaked\"}", 200, NULL, NULL},
	{"and with it the second", AS("two"), "GET", "/v1/tenants", BEARER("two"), NULL, 401, "{'code':'token_invalid'}", NULL},
	{"and the third", AS("three"), "GET", "/v1/tenants", BEARER("three"), NULL, 401, "{'code':'token_invalid'}", NULL},
	{"what is over is not brought back", OWNER, "POST", "/v1/tokens/{one_id}:revoke", NULL, "{\"keep_made\":true}", 200, NULL, NULL},
	{"it stays over", AS("three"), "GET", "/v1/tenants", BEARER("three"), NULL, 401, "{'code':'token_invalid'}", NULL},
	{"an old one", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"old\",\"role\":\"tenant_owner\",\"tenant\":\"acme\"}", 201, NULL, NULL, "old=token"},
	{"its id", AS("old"), "GET", "/v1/whoami", BEARER("old"), NULL, 200, NULL, NULL, "old_id=token_id"},
	{"makes its successor", AS("old"), "POST", "/v1/tokens", BEARER("old"), "{\"name\":\"new\",\"role\":\"tenant_owner\",\"tenant\":\"acme\"}", 201, NULL, NULL, "new=token"},
	{"and goes", OWNER, "POST", "/v1/tokens/{old_id}:revoke", NULL, "{\"keep_made\":true,\"reason\":\"rotated\"}", 200, NULL, NULL},
	{"itself", AS("old"), "GET", "/v1/whoami", BEARER("old"), NULL, 401, NULL, NULL},
	{"the successor stays", AS("new"), "GET", "/v1/tenants/acme", BEARER("new"), NULL, 200, NULL, NULL},
	{"one that expires", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"brief\",\"role\":\"tenant_owner\",\"tenant\":\"acme\",\"ttl_s\":60}", 201, NULL, NULL, "brief=token"},
	{"its id", AS("brief"), "GET", "/v1/whoami", BEARER("brief"), NULL, 200, NULL, NULL, "brief_id=token_id"},
	{"made one before", AS("brief"), "POST", "/v1/tokens", BEARER("brief"), "{\"name\":\"heir\",\"role\":\"viewer\",\"tenant\":\"acme\"}", 201, NULL, NULL, "heir=token"},
};

static const scene expired[] = {
	{"the maker has expired", AS("brief"), "GET", "/v1/whoami", BEARER("brief"), NULL, 401, "{'code':'token_expired'}", NULL},
	{"its heir has not", AS("heir"), "GET", "/v1/tenants/acme", BEARER("heir"), NULL, 200, NULL, NULL},
	{"revoked after its end", OWNER, "POST", "/v1/tokens/{brief_id}:revoke", NULL, NULL, 200, NULL, NULL},
	{"it takes its heir along", AS("heir"), "GET", "/v1/tenants/acme", BEARER("heir"), NULL, 401, "{'code':'token_invalid'}", NULL},
};

static const scene addresses[] = {
	{"for here", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"here\",\"role\":\"viewer\",\"tenant\":\"acme\",\"cidrs\":[\"127.0.0.0/8\",\"2001:db8::/32\"]}", 201, "{'cidrs':['127.0.0.0/8','2001:db8::/32']}", NULL, "here=token"},
	{"and elsewhere", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"there\",\"role\":\"viewer\",\"tenant\":\"acme\",\"cidrs\":[\"192.0.2.0/24\"]}", 201, NULL, NULL, "there=token"},
	{"used here", AS("here"), "GET", "/v1/tenants", BEARER("here"), NULL, 200, NULL, NULL},
	{"the other may not be", AS("there"), "GET", "/v1/tenants", BEARER("there"), NULL, 403, "{'code':'address_not_allowed'}", NULL},
	{"not even to ask who it is", AS("there"), "GET", "/v1/whoami", BEARER("there"), NULL, 403, "{'code':'address_not_allowed'}", NULL},
	{"an owner for here", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"near\",\"role\":\"tenant_owner\",\"tenant\":\"acme\",\"cidrs\":[\"127.0.0.0/8\"]}", 201, NULL, NULL, "near=token"},
	{"what it makes is for here alone", AS("near"), "POST", "/v1/tokens", BEARER("near"), "{\"name\":\"child\",\"role\":\"viewer\",\"tenant\":\"acme\"}", 201, "{'cidrs':['127.0.0.0/8']}", NULL},
	{"or for a part of it", AS("near"), "POST", "/v1/tokens", BEARER("near"), "{\"name\":\"child\",\"role\":\"viewer\",\"tenant\":\"acme\",\"cidrs\":[\"127.0.0.1\"]}", 201, "{'cidrs':['127.0.0.1']}", NULL},
	{"never for elsewhere", AS("near"), "POST", "/v1/tokens", BEARER("near"), "{\"name\":\"child\",\"role\":\"viewer\",\"tenant\":\"acme\",\"cidrs\":[\"127.0.0.1\",\"0.0.0.0/0\"]}", 403, "{'code':'escalation_denied','errors':[{'pointer':'#/cidrs/1'}]}", NULL},
	{"a range is one", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"x\",\"role\":\"viewer\",\"tenant\":\"acme\",\"cidrs\":[\"10.0.0.0/8\",\"10.0.0.1/8\"]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/cidrs/1'}]}", NULL},
	{"a token ends", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"x\",\"role\":\"viewer\",\"tenant\":\"acme\",\"ttl_s\":31622401}", 422, "{'code':'bad_field','errors':[{'pointer':'#/ttl_s'}]}", NULL},
	{"by subject", OWNER, "GET", "/v1/tokens?subject=service:ci&tenant=acme&subtree=true", NULL, NULL, 200, "{'items':[{'name':'ci','subject':'service:ci'}]}", NULL},
	{"all that were not used for a day", OWNER, "GET", "/v1/tokens?unused_for_s=86400", NULL, NULL, 200, "{'items':[]}", NULL},
};
/* clang-format on */

static int denials(const char *action)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM audit WHERE action = '%s' AND outcome LIKE 'refused:%%'",
		action);
	return (int)pg_int(served_dsn(), sql);
}

Test(api_binding, rights_follow_bindings_and_makers)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_binding");
	scenes_play(tree, N(tree));
	scenes_play(bindings, N(bindings));
	scenes_play(owners, N(owners));
	scenes_play(brief, N(brief));
	scenes_play(permissions, N(permissions));
	scenes_play(makers, N(makers));
	pg_do(served_dsn(), "UPDATE token SET expires_at = now() - interval '1 minute' WHERE name = 'brief'");
	served_restart();
	scenes_play(expired, N(expired));
	scenes_play(addresses, N(addresses));
	answer r = served_call(a, served_token("platform_admin", NULL), "GET", "/v1/audit:verify", NULL, NULL);
	cr_expect(json_is_true(json_object_get(r.doc, "is_intact")));
}

/* A thousand denials in a minute are one record; another route's is another. */
Test(api_binding, a_denial_is_one_record_per_caller_route_and_minute)
{
	const char *token;

	served_start("api_denials");
	token = served_token("viewer", "system");
	for (int i = 0; i < 20; i++) {
		AUTO_ARENA a = arena_new(0);
		if (i == 10)
			served_restart();
		cr_assert_eq(served_call(a, token, "GET", "/v1/audit", NULL, NULL).status, 403);
	}
	AUTO_ARENA a = arena_new(0);
	cr_assert_eq(served_call(a, token, "GET", "/v1/bindings", NULL, NULL).status, 403);
	cr_assert_eq(served_call(a, token, "GET", "/v1/watch?kinds=token", NULL, NULL).status, 403);
	const char *owner = served_token("tenant_owner", "system");
	cr_assert_eq(served_call(a, owner, "GET", "/v1/audit:verify", NULL, NULL).status, 403);
	cr_assert_eq(served_call(a, NULL, "GET", "/v1/tokens", NULL, NULL).status, 401);
	int records = denials("AUDIT_LIST");
	cr_expect(records == 1 || records == 2, "two when a minute turned: %d", records);
	cr_expect(denials("BINDING_LIST") == 1);
	cr_expect_eq(denials("WATCH"), 1, "what the kinds of a watch need is a right too");
	cr_expect_eq(denials("AUDIT_VERIFY"), 1, "and that somebody holds it for the whole fleet");
	cr_expect_eq(denials("TOKEN_LIST"), 0, "nobody is known for a 401");
	answer r = served_call(a, NULL, "GET", "/metrics", NULL, NULL);
	cr_expect(strstr(str_z(a, r.body), "reeve_auth_refused_total 1"));
}
