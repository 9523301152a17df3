/* One's own tokens: made by whoever holds something, for no more and for no longer, and ended by who they stand for. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN       "platform_admin", NULL
#define OWNER       "tenant_owner", "acme"
#define BOB         "member", "acme/nlp" /* user:bob */
#define EVE         "viewer", "acme/nlp" /* user:eve */
#define NOBODY      "member", "umbra"    /* stands for itself */
#define AS(name)    NULL, NULL
#define BEARER(key) "Authorization: Bearer {" key "}\r\n"
#define N(v)        (sizeof(v) / sizeof(*(v)))
#define OWN         "/v1/whoami/tokens"

/* clang-format off */
static const scene setup[] = {
	{"a tree", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
	{"below", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL, NULL},
};

static const scene makes[] = {
	{"others' tokens need a right", BOB, "POST", "/v1/tokens", NULL, "{\"name\":\"a\",\"role\":\"member\",\"tenant\":\"acme/nlp\"}", 403, "{'code':'permission_denied'}", NULL, NULL},
	{"one's own do not", BOB, "POST", OWN, "Idempotency-Key: o\r\n", "{\"name\":\"laptop\",\"role\":\"member\",\"tenant\":\"acme/nlp\",\"ttl_s\":3600}", 201, "{'name':'laptop','subject':'user:bob','role':'member','tenant':'acme/nlp'}", "Location: /v1/whoami/tokens/tok_", "laptop=token"},
	{"shown once", BOB, "POST", OWN, "Idempotency-Key: o\r\n", "{\"name\":\"laptop\",\"role\":\"member\",\"tenant\":\"acme/nlp\",\"ttl_s\":3600}", 201, "{'token':null}", "Idempotency-Replayed: true", "one=id"},
	{"it works", AS("laptop"), "GET", "/v1/whoami", BEARER("laptop"), NULL, 200, "{'subject':'user:bob','role':'member'}", NULL, NULL},
	{"less", BOB, "POST", OWN, NULL, "{\"name\":\"bill\",\"role\":\"billing_viewer\",\"tenant\":\"acme/nlp\"}", 201, NULL, NULL, "two=id"},
	{"no more", BOB, "POST", OWN, NULL, "{\"name\":\"x\",\"role\":\"tenant_owner\",\"tenant\":\"acme/nlp\"}", 403, "{'code':'escalation_denied','errors':[{'pointer':'#/role'}]}", NULL, NULL},
	{"not above", BOB, "POST", OWN, NULL, "{\"name\":\"x\",\"role\":\"member\",\"tenant\":\"acme\"}", 422, "{'code':'unknown_tenant'}", NULL, NULL},
	{"not for the fleet", BOB, "POST", OWN, NULL, "{\"name\":\"x\",\"role\":\"member\"}", 403, "{'code':'escalation_denied'}", NULL, NULL},
	{"not for another", BOB, "POST", OWN, NULL, "{\"name\":\"x\",\"role\":\"viewer\",\"tenant\":\"acme/nlp\",\"subject\":\"user:eve\"}", 403, "{'code':'escalation_denied','errors':[{'pointer':'#/subject'}]}", NULL, NULL},
	{"by name for oneself", BOB, "POST", OWN, NULL, "{\"name\":\"named\",\"role\":\"billing_viewer\",\"tenant\":\"acme/nlp\",\"subject\":\"user:bob\"}", 201, "{'subject':'user:bob'}", NULL, "three=id"},
	{"and with it", AS("laptop"), "POST", OWN, BEARER("laptop"), "{\"name\":\"next\",\"role\":\"member\",\"tenant\":\"acme/nlp\"}", 201, NULL, NULL, "next=token"},
};

static const scene ends[] = {
	{"listed", BOB, "GET", OWN "?limit=3", NULL, NULL, 200, "{'items':[{'subject':'user:bob'},{'name':'laptop'},{'name':'bill'}]}", "Link: <", NULL},
	{"not others'", EVE, "GET", OWN, NULL, NULL, 200, "{'items':[{'subject':'user:eve'}]}", NULL, NULL},
	{"read", BOB, "GET", OWN "/{two}", NULL, NULL, 200, "{'id':'{two}','name':'bill','token':null}", NULL, NULL},
	{"not by others", EVE, "GET", OWN "/{two}", NULL, NULL, 404, "{'code':'not_found'}", NULL, NULL},
	{"nor ended by them", EVE, "POST", OWN "/{two}:revoke", NULL, NULL, 404, "{'code':'not_found'}", NULL, NULL},
	{"ended", BOB, "POST", OWN "/{one}:revoke", NULL, "{\"reason\":\"lost\"}", 200, NULL, NULL, NULL},
	{"it is over", AS("laptop"), "GET", "/v1/whoami", BEARER("laptop"), NULL, 401, NULL, NULL, NULL},
	{"and what was made with it", AS("next"), "GET", "/v1/whoami", BEARER("next"), NULL, 401, NULL, NULL, NULL},
	{"the owner of the tenant reads who did it", OWNER, "GET", "/v1/audit?action=token.revoke", NULL, NULL, 200, "{'items':[{'tenant':'acme/nlp','object_id':'{one}'}]}", NULL, NULL},
	{"one that somebody made for oneself is one's own", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"gift\",\"role\":\"member\",\"tenant\":\"acme/nlp\",\"subject\":\"user:bob\"}", 201, NULL, NULL, "gift=id"},
	{"to end", BOB, "POST", OWN "/{gift}:revoke", NULL, NULL, 200, NULL, NULL, NULL},
	{"of nobody: those it made", NOBODY, "POST", OWN, NULL, "{\"name\":\"child\",\"role\":\"member\",\"tenant\":\"umbra\"}", 201, "{'subject':null}", NULL, "child=id"},
	{"and itself", NOBODY, "GET", OWN, NULL, NULL, 200, "{'items':[{'name':'test'},{'id':'{child}'}]}", NULL, NULL},
	{"to end too", NOBODY, "POST", OWN "/{child}:revoke", NULL, NULL, 200, NULL, NULL, NULL},
};
/* clang-format on */

static void begin(const char *name)
{
	served_start(name);
	scenes_play(setup, N(setup));
	served_person(BOB, "user:bob");
	served_person(EVE, "user:eve");
	served_token(NOBODY);
	scenes_play(makes, N(makes));
}

Test(api_own_token, whoever_holds_something_makes_tokens_for_no_more)
{
	begin("api_own_token");
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM token k JOIN token m ON m.id = k.maker_token WHERE k.expires_at > m.expires_at + interval '1 s'"),
		0, "none lasts longer than the one it was made with");
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM token WHERE maker_token IS NOT NULL"), 4);
}

Test(api_own_token, and_ends_those_that_stand_for_them)
{
	begin("api_own_token_end");
	scenes_play(ends, N(ends));
}
