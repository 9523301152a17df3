/* Everything a client can get wrong has its own code, names its place and changes nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN "platform_admin", NULL
#define PATCH "Content-Type: application/merge-patch+json\r\n"
#define N(v)  (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene setup[] = {
	{"a tenant is made", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, "{'path':'acme','depth':1}", "ETag: \"", "acme=id"},
	{"a child is made", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"lab\",\"parent\":\"acme\"}", 201, "{'path':'acme/lab','parent':'acme'}", "Location: /v1/tenants/tnt_", NULL},
	{"a stranger is made", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"other\"}", 201, NULL, NULL, "other=id"},
};

static const scene bad[] = {
	{"unknown field", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"colour\":\"red\"}", 422, "{'code':'unknown_field','errors':[{'pointer':'#/colour'}]}"},
	{"a class with the name of nothing", ADMIN, "PUT", "/v1/device-classes/null", "If-None-Match: *\r\n", "{\"vendor\":\"nvidia\",\"memory_mib\":1024}", 422, "{'code':'bad_field','errors':[{'pointer':'class'}]}"},
	{"a class with the name of no class yet", ADMIN, "PUT", "/v1/device-classes/unclassified", "If-None-Match: *\r\n", "{\"vendor\":\"nvidia\",\"memory_mib\":1024}", 422, "{'code':'bad_field'}"},
	{"unknown nested field", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"devices\":[{\"cuont\":1}]}", 422, "{'code':'unknown_field','errors':[{'pointer':'#/devices/0/cuont'}]}"},
	{"unknown parameter", ADMIN, "GET", "/v1/tenants?limt=5", NULL, NULL, 400, "{'code':'unknown_parameter','errors':[{'pointer':'limt'}]}"},
	{"a parameter on a route without any", ADMIN, "GET", "/v1/whoami?x=1", NULL, NULL, 400, "{'code':'unknown_parameter'}"},
	{"the underscored twin of a dotted parameter", ADMIN, "GET", "/v1/devices?free_memory_mib_gte=1", NULL, NULL, 400, "{'code':'unknown_parameter'}"},
	{"the dotted parameter", ADMIN, "GET", "/v1/devices?free_memory_mib.gte=1", NULL, NULL, 200, "{'items':[]}"},
	{"the dotted parameter out of range", ADMIN, "GET", "/v1/devices?free_memory_mib.gte=-1", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'free_memory_mib.gte'}]}"},
	{"a parameter that is no number", ADMIN, "GET", "/v1/tenants?limit=many", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'limit'}]}"},
	{"a parameter with a fraction", ADMIN, "GET", "/v1/tenants?limit=1.5", NULL, NULL, 400, "{'code':'bad_parameter'}"},
	{"a parameter out of range", ADMIN, "GET", "/v1/tenants?limit=0", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'limit'}]}"},
	{"a parameter given twice", ADMIN, "GET", "/v1/tenants?limit=1&limit=2", NULL, NULL, 400, "{'code':'bad_parameter'}"},
	{"a bool that is none", ADMIN, "GET", "/v1/tenants?subtree=yes", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'subtree'}]}"},
	{"a broken escape", ADMIN, "GET", "/v1/tenants?under=%zz", NULL, NULL, 400, NULL},
	{"bad UTF-8 in the query", ADMIN, "GET", "/v1/nodes?health=%ff", NULL, NULL, 400, "{'code':'bad_utf8'}"},
	{"bad UTF-8 in the path", ADMIN, "GET", "/v1/tenants/%ff", NULL, NULL, 400, "{'code':'bad_utf8','errors':[{'pointer':'tenant'}]}"},
	{"a control byte in the path", ADMIN, "GET", "/v1/tenants/a%0ab", NULL, NULL, 400, "{'code':'bad_parameter'}"},
	{"duplicate key", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"name\":\"y\"}", 400, "{'code':'duplicate_key'}"},
	{"broken JSON", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":", 400, "{'code':'malformed_json'}"},
	{"bytes behind the document", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\"} x", 400, "{'code':'malformed_json'}"},
	{"bad UTF-8 in the body", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"description\":\"\xff\"}", 400, "{'code':'bad_utf8'}"},
	{"a lone surrogate", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"description\":\"\\ud800\"}", 400, "{'code':'bad_utf8'}"},
	{"U+0000 in a text", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"description\":\"\\u0000\"}", 422, "{'code':'bad_field'}"},
	{"too deep", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"labels\":{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}", 400, "{'code':'too_deep'}"},
	{"a float where an integer stands", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"t\",\"role\":\"viewer\",\"ttl_s\":60.5}", 422, "{'code':'not_an_integer','errors':[{'pointer':'#/ttl_s'}]}"},
	{"an exponent where an integer stands", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"t\",\"role\":\"viewer\",\"ttl_s\":1e3}", 422, "{'code':'not_an_integer'}"},
	{"a number out of range", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"t\",\"role\":\"viewer\",\"ttl_s\":1}", 422, "{'code':'bad_field','errors':[{'pointer':'#/ttl_s'}]}"},
	{"a number past 2^53", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"t\",\"role\":\"viewer\",\"ttl_s\":99999999999999999999}", 422, "{'code':'bad_field'}"},
	{"a text for a number", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"t\",\"role\":\"viewer\",\"ttl_s\":\"60\"}", 422, "{'code':'wrong_type'}"},
	{"a missing field", ADMIN, "POST", "/v1/tenants", NULL, "{}", 422, "{'code':'missing_field','errors':[{'pointer':'#/name'}]}"},
	{"a field of the server's", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"id\":\"tnt_1\"}", 422, "{'code':'read_only_field','errors':[{'pointer':'#/id'}]}"},
	{"a name that is none", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"Not A Name\"}", 422, "{'code':'bad_field'}"},
	{"an empty body", ADMIN, "POST", "/v1/tenants", "Content-Type: application/json\r\nContent-Length: 0\r\n", NULL, 400, "{'code':'malformed_json'}"},
	{"another content type", ADMIN, "POST", "/v1/tenants", "Content-Type: text/plain\r\n", "{\"name\":\"x\"}", 415, "{'code':'media_type'}"},
	{"a content type with a parameter", ADMIN, "POST", "/v1/tenants", "Content-Type: application/json; charset=utf-8\r\n", "{\"name\":\"x\",\"oops\":1}", 422, NULL},
	{"plain JSON for a patch", ADMIN, "PATCH", "/v1/tenants/acme", "If-Match: *\r\n", "{\"description\":\"x\"}", 415, "{'code':'media_type'}", "Accept-Patch: application/merge-patch+json"},
	{"no If-Match", ADMIN, "PATCH", "/v1/tenants/acme", PATCH, "{\"description\":\"x\"}", 428, "{'code':'if_match_required'}"},
	{"a stale If-Match", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: \"999\"\r\n", "{\"description\":\"x\"}", 412, "{'code':'etag_mismatch','current_etag':'\\\"1\\\"'}"},
	{"an If-Match that is no tag", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: 1\r\n", "{\"description\":\"x\"}", 412, "{'code':'etag_mismatch'}"},
	{"a stale delete", ADMIN, "DELETE", "/v1/tenants/acme", "If-Match: \"999\"\r\n", NULL, 412, "{'code':'etag_mismatch'}"},
	{"an unknown parent", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"parent\":\"nobody\"}", 422, "{'code':'unknown_tenant','errors':[{'pointer':'#/parent'}]}"},
	{"a twin", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 409, "{'code':'conflict','errors':[{'pointer':'#/name'}]}"},
	{"a tenant that does not exist", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"nobody\"}", 422, "{'code':'unknown_tenant','errors':[{'pointer':'#/tenant'}]}"},
	{"a rule across fields", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"devices\":[{\"memory_mib\":1,\"memory_percent\":1}]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/devices/0/memory_percent'}]}"},
	{"a profile beside amounts", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"devices\":[{\"mig_profile\":\"3g.40gb\",\"compute_milli\":300}]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/devices/0/mig_profile'}]}"},
	{"a label that is no text", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"node_selector\":{\"zone\":1}}", 422, "{'code':'wrong_type','errors':[{'pointer':'#/node_selector/zone'}]}"},
	{"an effect that no taint has", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"tolerations\":[{\"effect\":\"Never\"}]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/tolerations/0/effect'}]}"},
	{"the same inside a batch", ADMIN, "POST", "/v1/placements:batch", NULL, "{\"items\":[{\"tenant\":\"acme\"},{\"tenant\":\"acme\",\"devices\":[{\"memory_mib\":1,\"memory_percent\":1}]}]}", 422, "{'errors':[{'pointer':'#/items/1/devices/0/memory_percent'}]}"},
	{"an unknown tenant inside a batch", ADMIN, "POST", "/v1/placements:batch", NULL, "{\"items\":[{\"tenant\":\"acme\"},{\"tenant\":\"nobody\"}]}", 422, "{'code':'unknown_tenant','errors':[{'pointer':'#/items/1/tenant'}]}"},
	{"labels that are a list", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"labels\":[]}", 422, "{'code':'wrong_type','errors':[{'pointer':'#/labels'}]}"},
	{"a label that is a number", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"labels\":{\"a\":1}}", 422, "{'code':'wrong_type','errors':[{'pointer':'#/labels/a'}]}"},
	{"a label without a key", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"labels\":{\"\":\"1\"}}", 422, "{'code':'bad_field'}"},
	{"a label twice", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"x\",\"labels\":{\"a\":\"1\",\"a\":\"2\"}}", 400, "{'code':'duplicate_key'}"},
	{"labels of a patch", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: *\r\n", "{\"labels\":{\"a\":{}}}", 422, "{'code':'wrong_type','errors':[{'pointer':'#/labels/a'}]}"},
	{"labels of a cluster", ADMIN, "POST", "/v1/clusters", NULL, "{\"name\":\"c\",\"labels\":\"a\"}", 422, "{'code':'wrong_type','errors':[{'pointer':'#/labels'}]}"},
	{"labels of a placement", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"labels\":{\"a\":null}}", 422, "{'code':'wrong_type','errors':[{'pointer':'#/labels/a'}]}"},
	{"two groups of one name", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"groups\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/groups/1/name'}]}"},
	{"a device without a name", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"devices\":[{\"uuids\":[\"\"]}]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/devices/0/uuids/0'}]}"},
	{"the same, left out", ADMIN, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"devices\":[{\"uuids_excluded\":[\"a\",\"\"]}]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/devices/0/uuids_excluded/1'}]}"},
	{"a state that is none", ADMIN, "GET", "/v1/placements?state=nope", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'state'}]}"},
	{"one among others", ADMIN, "GET", "/v1/placements?state=running,nope", NULL, NULL, 400, "{'code':'bad_parameter'}"},
	{"placements of a tenant that does not exist", ADMIN, "GET", "/v1/placements?tenant=nobody", NULL, NULL, 404, "{'code':'not_found','errors':[{'pointer':'tenant'}]}"},
	{"of one out of sight", "member", "acme", "GET", "/v1/placements?tenant=other", NULL, NULL, 404, "{'code':'not_found'}"},
	{"of one that has none", "member", "acme", "GET", "/v1/placements?tenant=acme", NULL, NULL, 200, "{'items':[]}"},
	{"use of a tenant that does not exist", ADMIN, "GET", "/v1/usage?tenant=nobody", NULL, NULL, 404, "{'code':'not_found'}"},
	{"tenants under one that does not exist", ADMIN, "GET", "/v1/tenants?under=nobody", NULL, NULL, 404, "{'code':'not_found','errors':[{'pointer':'under'}]}"},
	{"a wait that is no duration", ADMIN, "POST", "/v1/placements?wait=soon", NULL, "{\"tenant\":\"acme\"}", 400, "{'code':'bad_parameter','errors':[{'pointer':'wait'}]}"},
	{"a cursor that is none", ADMIN, "GET", "/v1/tenants?cursor=abc", NULL, NULL, 400, "{'code':'cursor_mismatch'}"},
	{"a key that is too long", ADMIN, "POST", "/v1/tenants", "Idempotency-Key: " "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" "\r\n", "{\"name\":\"x\"}", 400, "{'code':'bad_parameter','errors':[{'pointer':'Idempotency-Key'}]}"},
	{"no token", NULL, NULL, "GET", "/v1/tenants", NULL, NULL, 401, "{'code':'token_missing'}", "WWW-Authenticate: Bearer"},
	{"a token of another form", NULL, NULL, "GET", "/v1/tenants", "Authorization: Bearer hello\r\n", NULL, 401, "{'code':'token_invalid'}", "WWW-Authenticate: Bearer error"},
	{"another scheme", NULL, NULL, "GET", "/v1/tenants", "Authorization: Basic aGVsbG8=\r\n", NULL, 401, "{'code':'token_invalid'}"},
	{"an agent's route without a certificate", NULL, NULL, "POST", "/agent/v1/sync", NULL, "{\"session\":\"s\",\"applied_rev\":0}", 401, "{'code':'certificate_required'}"},
	{"a join token that is none", NULL, NULL, "POST", "/agent/v1/join", NULL, "{\"token\":\"x\",\"csr\":\"y\",\"cluster_uid\":\"u\",\"agent_id\":\"a\"}", 403, "{'code':'join_refused'}"},
	{"no such route", NULL, NULL, "GET", "/v2/tenants", NULL, NULL, 404, "{'code':'route_not_found'}"},
	{"another method", NULL, NULL, "PUT", "/v1/tenants", NULL, NULL, 405, "{'code':'method_not_allowed'}", "Allow: GET, HEAD, POST"},
	{"no such object", ADMIN, "GET", "/v1/tenants/nobody", NULL, NULL, 404, "{'code':'not_found'}"},
	{"a form the route does not have", ADMIN, "GET", "/v1/tenants", "Accept: text/csv\r\n", NULL, 406, "{'code':'not_acceptable'}"},
	{"an unknown kind to watch", ADMIN, "GET", "/v1/watch?kinds=cat", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'kinds'}]}"},
	{"a watch cursor that is none", ADMIN, "GET", "/v1/watch?since=7", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'since'}]}"},
	{"a window that ends before it begins", ADMIN, "GET", "/v1/usage?from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'until'}]}"},
	{"an unknown role", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"t\",\"role\":\"king\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/role'}]}"},
	{"a platform role at a tenant", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"t\",\"role\":\"platform_admin\",\"tenant\":\"acme\"}", 422, "{'code':'bad_field'}"},
	{"rules that nobody knows", ADMIN, "PUT", "/v1/device-classes/h100-80g", "If-Match: *\r\n", "{\"vendor\":\"nvidia\",\"memory_mib\":1,\"share_modes\":{\"rules\":\"nvidia-x\"}}", 422, "{'code':'bad_field','errors':[{'pointer':'#/share_modes/rules'}]}"},
	{"share modes of another form", ADMIN, "PUT", "/v1/device-classes/h100-80g", "If-Match: *\r\n", "{\"vendor\":\"nvidia\",\"memory_mib\":1,\"share_modes\":{\"mig\":[]}}", 422, "{'code':'unknown_field','errors':[{'pointer':'#/share_modes/mig'}]}"},
	{"a class put without a condition", ADMIN, "PUT", "/v1/device-classes/h100-80g", NULL, "{\"vendor\":\"nvidia\",\"memory_mib\":1}", 428, "{'code':'if_match_required'}"},
	{"a class made twice", ADMIN, "PUT", "/v1/device-classes/h100-80g", "If-None-Match: *\r\n", "{\"vendor\":\"nvidia\",\"memory_mib\":1}", 412, "{'code':'etag_mismatch'}"},
	{"quota of an unknown class", ADMIN, "PUT", "/v1/tenants/acme/quota", "If-Match: *\r\n", "{\"models\":{\"nope\":{\"limit\":{\"device_milli\":1}}}}", 422, "{'code':'unknown_class','errors':[{'pointer':'#/models/nope'}]}"},
	{"a child promised more than its parent", ADMIN, "PUT", "/v1/tenants/acme~lab/quota", "If-Match: *\r\n", "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":1000}}}}", 422, "{'code':'quota_exceeds_parent','errors':[{'pointer':'#/models/h100-80g/guaranteed/device_milli'}]}"},
};
/* clang-format on */

Test(api_input, every_mistake_has_its_code_and_changes_nothing)
{
	served_start("api_input");
	scenes_play(setup, N(setup));
	int64_t tenants = pg_int(served_dsn(), "SELECT count(*) FROM tenant");
	scenes_play(bad, N(bad));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM tenant"), tenants);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM inbox"), 0);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM token WHERE name <> 'test'"), 0);
}

/* A body is refused by its stated length, before it comes. */
Test(api_input, a_body_past_the_routes_limit_is_refused)
{
	AUTO_ARENA a = arena_new(0);
	char *body;

	served_start("api_size");
	body = malloc(70000);
	memset(body, ' ', 69999);
	body[69999] = '\0';
	answer r = served_call(a, served_token("platform_admin", NULL), "POST", "/v1/tenants", NULL, body);
	free(body);
	cr_expect_eq(r.status, 413);
	cr_expect_str_eq(json_string_value(json_object_get(r.doc, "code")), "body_too_large");
	cr_expect(answer_header(&r, "X-Request-Id").n >= 8);
}

/* clang-format off */
static const struct {
	const char *rule, *bytes, *code;
	int status;
} framing[] = {
	{"two lengths", "POST /v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "bad_request", 400},
	{"a length and chunks", "POST /v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "bad_request", 400},
	{"no host", "GET /livez HTTP/1.1\r\n\r\n", "bad_request", 400},
	{"an unknown method", "BREW /livez HTTP/1.1\r\nHost: a\r\n\r\n", "not_implemented", 501},
};
/* clang-format on */

Test(api_input, framing_errors_are_problems_too)
{
	served_start("api_framing");
	for (size_t i = 0; i < N(framing); i++) {
		AUTO_ARENA a = arena_new(0);
		answer r = served_raw(a, framing[i].bytes, strlen(framing[i].bytes));
		const char *code = json_string_value(json_object_get(r.doc, "code"));
		cr_expect_eq(r.status, framing[i].status, "%s gave %d", framing[i].rule, r.status);
		cr_expect(code && strcmp(code, framing[i].code) == 0, "%s: %s", framing[i].rule, code ? code : "none");
		cr_expect(str_eq(answer_header(&r, "Connection"), S("close")), "%s", framing[i].rule);
	}
}
