/* Budgets through the door: made, read, changed, deleted, seen in scope; money is refused until there are prices. */
#include <criterion/criterion.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN "platform_admin", NULL
#define OWNER "tenant_owner", "acme"
#define MERGE "If-Match: *\r\nContent-Type: application/merge-patch+json\r\n"
#define N(v)  (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene rows[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
	{"below it", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL, NULL},
	{"made", OWNER, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme/nlp\",\"unit\":\"gpu_hours\",\"period\":\"month\",\"amount\":500,\"thresholds\":[80,50,80],\"action\":\"block_new\"}", 201, "{'tenant':'acme/nlp','unit':'gpu_hours','period':'month','amount':500,'thresholds':[50,80],'action':'block_new'}", "Location: /v1/budgets/bgt_", "b=id"},
	{"read, with what is spent", OWNER, "GET", "/v1/budgets/{b}", NULL, NULL, 200, "{'id':'{b}','spent_milli':3000,'committed_milli':0}", "ETag: "},
	{"listed", OWNER, "GET", "/v1/budgets?tenant=acme&subtree=true", NULL, NULL, 200, "{'items':[{'id':'{b}'}]}", NULL},
	{"not of the tenant itself", OWNER, "GET", "/v1/budgets?tenant=acme", NULL, NULL, 200, "{'items':[]}", NULL},
	{"not seen by others", "tenant_owner", "umbra", "GET", "/v1/budgets/{b}", NULL, NULL, 404, NULL, NULL},
	{"nor made by them", "tenant_owner", "umbra", "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"day\",\"amount\":1,\"action\":\"notify\"}", 422, "{'code':'unknown_tenant'}", NULL},
	{"money has no prices yet", OWNER, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"micros\",\"period\":\"day\",\"amount\":1,\"action\":\"notify\"}", 422, "{'code':'no_price_book','errors':[{'pointer':'#/unit'}]}", NULL},
	{"no such period", OWNER, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"year\",\"amount\":1,\"action\":\"notify\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/period'}]}", NULL},
	{"an amount is not negative", OWNER, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"day\",\"amount\":-1,\"action\":\"notify\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/amount'}]}", NULL},
	{"changed in part", OWNER, "PATCH", "/v1/budgets/{b}", MERGE, "{\"amount\":600,\"thresholds\":[90]}", 200, "{'amount':600,'thresholds':[90],'action':'block_new','period':'month'}", NULL},
	{"a change names what it changes", OWNER, "PATCH", "/v1/budgets/{b}", "Content-Type: application/merge-patch+json\r\n", "{\"amount\":1}", 428, NULL, NULL},
	{"not with an old revision", OWNER, "PATCH", "/v1/budgets/{b}", "If-Match: \"1\"\r\nContent-Type: application/merge-patch+json\r\n", "{\"amount\":1}", 412, NULL, NULL},
	{"a viewer changes nothing", "viewer", "acme", "PATCH", "/v1/budgets/{b}", MERGE, "{\"amount\":1}", 403, NULL, NULL},
	{"not on the topmost tenant one holds", OWNER, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"day\",\"amount\":1,\"action\":\"notify\"}", 403, "{'code':'permission_denied'}", NULL},
	{"from above it is", ADMIN, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"day\",\"amount\":1,\"action\":\"block_new\"}", 201, NULL, NULL, "c=id"},
	{"and stays as it was set", OWNER, "PATCH", "/v1/budgets/{c}", MERGE, "{\"amount\":100}", 403, "{'code':'permission_denied'}", NULL},
	{"nor is it theirs to delete", OWNER, "DELETE", "/v1/budgets/{c}", "If-Match: *\r\n", NULL, 403, NULL, NULL},
	{"deleted", OWNER, "DELETE", "/v1/budgets/{b}", "If-Match: *\r\n", NULL, 204, NULL, NULL},
	{"and gone", OWNER, "GET", "/v1/budgets/{b}", NULL, NULL, 404, NULL, NULL},
};
/* clang-format on */

Test(api_budget, made_read_changed_and_deleted)
{
	served_start("api_budget");
	scenes_play(rows, 4);
	pg_do(served_dsn(),
		"INSERT INTO segment (placement_id, fence_no, class, tenant_key, cluster_key, devices, device_milli, memory_mib, compute_milli, started_at, ended_at) "
		"SELECT 'plc_' || n, 1, 'l4', key, 1, 1, n * 1000, 1, 1, now() - interval '30 day', date_trunc('month', now(), 'UTC') + interval '1 s' * 3600 "
		"FROM tenant, (VALUES (1), (2)) AS x(n) WHERE path = 'acme/nlp'");
	pg_do(served_dsn(),
		"UPDATE segment SET ended_at = date_trunc('month', now(), 'UTC') + interval '1 hour', started_at = date_trunc('month', now(), 'UTC') - interval '5 hour'");
	scenes_play(rows + 4, N(rows) - 4);
	cr_expect_eq(
		pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE object_kind = 'budget' AND outcome = 'done'"),
		4);
}
